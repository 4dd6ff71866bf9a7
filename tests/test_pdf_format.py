"""PDF files, written here by hand: the smallest that show each case."""

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from qianxun.documents.clean import clean_block
from qianxun.documents.formats.pdf import PdfLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

Line = tuple[float, float, float, str]  # left, baseline, size, text


def pdf(
    pages: list[list[Line]],
    *,
    outline: Sequence[tuple[str, int]] = (),
    title: str = "",
    encrypted: bool = False,
    drawn: Sequence[str] = (),
    turned: int = 0,
    fields: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A PDF with these lines of text; Latin and Chinese through Adobe's predefined character maps.

    `drawn` are operators by page that come before its text. `turned`: degrees that pages are shown turned by. `fields`:
    annotations of the first page, each the entries of its dictionary and the operators that draw it ("" none).
    """
    n = len(pages)
    first_page, first_item = 6, 6 + 2 * n
    kids = " ".join(f"{first_page + 2 * i} 0 R" for i in range(n))
    last_item = first_item + len(outline) - 1
    objects: dict[int, bytes] = {
        1: b"<</Type/Catalog/Pages 2 0 R" + (b"/Outlines 5 0 R" if outline else b""),
        2: f"<</Type/Pages/Count {n}/Kids[{kids}]>>".encode(),
        3: b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[4 0 R]>>",
        4: b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/DW 1000/W[1 95 500]"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>"
        b"/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light/Flags 4/FontBBox[0 -200 1000 900]"
        b"/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80>>>>",
        5: f"<</Type/Outlines/Count {len(outline)}/First {first_item} 0 R/Last {last_item} 0 R>>".encode(),
    }
    for i, lines in enumerate(pages):
        text_of_page = "".join(
            f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm <{text.encode('utf-16-be').hex()}> Tj ET\n"
            for x, y, size, text in lines
        )
        content = "\n".join([*drawn[i : i + 1], text_of_page]).encode()
        objects[first_page + 2 * i] = (
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Rotate {turned}/Resources<</Font<</F1 3 0 R>>>>"
            f"/Contents {first_page + 2 * i + 1} 0 R>>"
        ).encode()
        objects[first_page + 2 * i + 1] = f"<</Length {len(content)}>>stream\n".encode() + content + b"\nendstream"
    for i, (text, page) in enumerate(outline):
        after = f"/Next {first_item + i + 1} 0 R" if i + 1 < len(outline) else ""
        objects[first_item + i] = (
            f"<</Title<{marked(text)}>/Parent 5 0 R{after}/Dest[{first_page + 2 * page} 0 R/XYZ 0 842 0]>>".encode()
        )
    info = first_item + len(outline)
    objects[info] = f"<</Title<{marked(title)}>>>".encode() if title else b"<<>>"
    extra = b""
    if encrypted:
        objects[info + 1] = b"<</Filter/Standard/V 1/R 2/P -4/O<" + b"11" * 32 + b">/U<" + b"22" * 32 + b">>>"
        extra = f"/Encrypt {info + 1} 0 R/ID[<{'33' * 16}><{'33' * 16}>]".encode()
    if fields:
        fonts = b"<</Font<</F1 3 0 R/Helv %d 0 R>>>>" % (len(objects) + 1)
        objects[len(objects) + 1] = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
        first_field = len(objects) + 1
        for i, (entries, look) in enumerate(fields):
            drawn_by = f"/AP<</N {first_field + len(fields) + i} 0 R>>" if look else ""
            shown = "" if "/F " in entries else "/F 4"
            objects[first_field + i] = f"<</Type/Annot{shown}{entries}{drawn_by}>>".encode()
        references = b" ".join(b"%d 0 R" % (first_field + i) for i in range(len(fields)))
        for _, look in fields:
            head = b"<</Type/XObject/Subtype/Form/BBox[0 0 400 20]/Resources" + fonts
            objects[len(objects) + 1] = b"%s/Length %d>>stream\n%s\nendstream" % (head, len(look), look.encode())
        objects[first_page] = objects[first_page][:-2] + b"/Annots[" + references + b"]>>"
        objects[1] += b"/AcroForm<</Fields[" + references + b"]/DA(/Helv 10 Tf 0 g)/DR" + fonts + b">>"
    objects[1] += b">>"
    data = b"%PDF-1.7\n"
    offsets = []
    for number in sorted(objects):
        offsets.append(len(data))
        data += f"{number} 0 obj\n".encode() + objects[number] + b"\nendobj\n"
    table = b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    size = len(objects) + 1
    return (
        data
        + f"xref\n0 {size}\n0000000000 65535 f \n".encode()
        + table
        + f"trailer<</Size {size}/Root 1 0 R/Info {info} 0 R".encode()
        + extra
        + f">>\nstartxref\n{len(data)}\n%%EOF".encode()
    )


def marked(text: str) -> str:
    return ("\ufeff" + text).encode("utf-16-be").hex()


def loaded(folder: Path, data: bytes) -> RawDocument:
    path = folder / "手册.pdf"
    path.write_bytes(data)
    (document,) = PdfLoader().load(RawFile.on_disk(path), ReadingSettings())
    return document


def cleaned(document: RawDocument) -> list[Block]:
    return [block for block in map(clean_block, document.blocks) if block is not None]


def body(*texts: str, top: float = 760, size: float = 10, step: float = 14) -> list[Line]:
    return [(60, top - step * i, size, text) for i, text in enumerate(texts)]


FULL = (
    "本手册适用于固件版本五点三及以上的一体式和分体式电磁流量计安装接线和维护前请通读全"  # 40 characters, a full line
)


def test_chinese_lines_join_without_a_space_and_pages_are_kept(tmp_path: Path) -> None:
    document = loaded(tmp_path, pdf([body(FULL, "文，并保存在仪表附近。"), body("第二页的内容。")]))
    assert [(block.text, block.page) for block in cleaned(document)] == [
        (FULL + "文，并保存在仪表附近。", 1),
        ("第二页的内容。", 2),
    ]
    assert document.pages == 2
    assert document.format == "pdf"
    assert document.title == "手册"


def test_english_lines_join_with_a_space_and_hyphens_are_mended(tmp_path: Path) -> None:
    lines = body(
        "The flow meter measures the volume of conductive liquids and its meas-",
        "uring tube must always be filled; it is a state-of-the-art and well-be-",
        "haved instrument that needs no other maintenance than cleaning it now",
        "and then.",
    )
    (block,) = cleaned(loaded(tmp_path, pdf([lines])))
    assert block.text == (
        "The flow meter measures the volume of conductive liquids and its measuring tube must always be filled; "
        "it is a state-of-the-art and well-be-haved instrument that needs no other maintenance than "
        "cleaning it now and then."
    )


def test_blank_lines_and_short_lines_end_a_paragraph(tmp_path: Path) -> None:
    lines = [*body(FULL, "第一段完。"), *body(FULL, "第二段完。", top=700)]
    assert [block.text for block in cleaned(loaded(tmp_path, pdf([lines])))] == [
        FULL + "第一段完。",
        FULL + "第二段完。",
    ]


def test_rows_of_a_table_stay_lines(tmp_path: Path) -> None:
    lines = [*body(FULL, "见下表。"), *body("口径 力矩", "DN25 12", "DN50 25", top=700)]
    assert [block.text for block in cleaned(loaded(tmp_path, pdf([lines])))] == [
        FULL + "见下表。",
        "口径 力矩\nDN25 12\nDN50 25",
    ]


def test_sentence_that_goes_on_over_the_page_is_one_paragraph(tmp_path: Path) -> None:
    # Two different lines: where the system has no Chinese font, pdfium takes the same long line twice for overprint.
    first = FULL[20:] + FULL[:20]
    document = loaded(tmp_path, pdf([body(first, FULL), body("文，并保存好。", "另起。")]))
    assert cleaned(document)[0] == Block("list", f"{first}{FULL}文，并保存好。\n另起。", page=1)


def page_with_furniture(number: int, text: str) -> list[Line]:
    return [
        (60, 810, 8, "LF-200 用户手册 第 5 版"),
        *body(FULL, text),
        (280, 30, 8, f"第 {number} 页 共 4 页"),
        (60, 30, 8, "内部资料"),
    ]


def test_running_headers_footers_and_page_numbers_are_removed(tmp_path: Path) -> None:
    pages = [page_with_furniture(n, f"这是第 {n} 段。") for n in range(1, 5)]
    texts = [block.text for block in cleaned(loaded(tmp_path, pdf(pages)))]
    assert texts == [f"{FULL}这是第 {n} 段。" for n in range(1, 5)]


def test_figures_at_the_edges_of_pages_are_no_page_numbers(tmp_path: Path) -> None:
    figures = ["12.5 30", "7.25 18", "99.0 41", "3.75 66"]
    pages = [body(figure, FULL, FULL, "完。") for figure in figures]
    text = "\n".join(block.text for block in cleaned(loaded(tmp_path, pdf(pages))))
    assert all(figure in text for figure in figures)


def test_two_pages_keep_their_first_title(tmp_path: Path) -> None:
    pages = [[(60, 810, 8, "请假单"), *body(FULL, "完。"), (280, 30, 8, f"第 {n} 页")] for n in (1, 2)]
    text = "\n".join(block.text for block in cleaned(loaded(tmp_path, pdf(pages))))
    assert text.count("请假单") == 1
    assert "页" not in text


def test_larger_lines_are_headings_by_size(tmp_path: Path) -> None:
    lines: list[Line] = [
        (60, 780, 20, "用户手册"),
        (60, 750, 14, "安全须知"),
        *body(FULL, "完。", top=720),
        (60, 660, 14, "安装"),
        *body(FULL, "完。", top=640),
    ]
    document = loaded(tmp_path, pdf([lines]))
    headings = [(b.level, b.text) for b in document.blocks if b.kind == "heading"]
    assert headings == [
        (1, "用户手册"),
        (2, "安全须知"),
        (2, "安装"),
    ]
    assert document.title == "用户手册"


def test_bookmarks_are_headings_where_they_are(tmp_path: Path) -> None:
    pages = [body("安全须知", FULL, "完。"), body("安装", FULL, "安装", "完。")]
    document = loaded(tmp_path, pdf(pages, outline=[("安全须知", 0), ("安装", 1)], title="LF-200 手册"))
    headings = [(b.level, b.text, b.page) for b in document.blocks if b.kind == "heading"]
    assert headings[:2] == [(1, "安全须知", 1), (1, "安装", 2)]
    assert document.title == "LF-200 手册"


@pytest.mark.parametrize("title", ["Microsoft Word - 手册.doc", "untitled", "final2.docx"])
def test_title_that_a_program_wrote_is_not_used(tmp_path: Path, title: str) -> None:
    assert loaded(tmp_path, pdf([body("内容。")], title=title)).title == "手册"


def test_encrypted_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match=r"手册\.pdf is encrypted\. Save a copy without a password\."):
        loaded(tmp_path, pdf([body("内容。")], encrypted=True))


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.7\n" + bytes(2000), b"hello", pdf([body("内容。")])[:400]])
def test_broken_file_says_so(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnreadableDocument, match=r"手册\.pdf is not a readable PDF \("):
        loaded(tmp_path, data)


def test_image_named_pdf_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match=r"looks like a PNG image, but is named \.pdf"):
        loaded(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(100))


def test_pages_without_text_have_no_blocks(tmp_path: Path) -> None:
    document = loaded(tmp_path, pdf([[], []]))
    assert list(document.blocks) == []
    assert document.pages == 2


def test_scanned_file_needs_attention_and_a_partly_scanned_one_says_so(tmp_path: Path) -> None:
    from qianxun.documents.reading import Ended, ReadJob, read_all
    from qianxun.records import Status
    from qianxun.settings import ReadingSettings, SplittingSettings

    (tmp_path / "扫描.pdf").write_bytes(pdf([[], []]))
    (tmp_path / "一半.pdf").write_bytes(pdf([body("内容。"), [], [], []]))
    jobs = [ReadJob(name, tmp_path / name) for name in ("扫描.pdf", "一半.pdf")]
    ended = {
        message.job.source: event
        for message in read_all(jobs, ReadingSettings(workers=1), SplittingSettings())
        for event in message.events
        if isinstance(event, Ended)
    }
    assert ended["扫描.pdf"].status is Status.ATTENTION
    assert "扫描.pdf has no text in its 2 pages (scanned pages?)" in ended["扫描.pdf"].reason
    assert ended["一半.pdf"].status is Status.READY
    assert "3 of 4 pages have no text" in ended["一半.pdf"].reason


# Encrypted files


def encrypted(algorithm: str, user: str, owner: str = "Ⅷ-owner") -> bytes:
    import pypdf

    writer = pypdf.PdfWriter(
        clone_from=io.BytesIO(pdf([body("合同金额为三万元。", "The rest is due in June.", "繁體條款")]))
    )
    writer.encrypt(user, owner, algorithm=algorithm)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def opened_with(folder: Path, data: bytes, passwords: bytes | None, in_memory: bool = False) -> str:
    path = folder / "合同.pdf"
    path.write_bytes(data)
    settings = ReadingSettings(ocr="off")
    if passwords is not None:
        (folder / "密码.txt").write_bytes(passwords)
        settings = ReadingSettings(ocr="off", passwords_file=str(folder / "密码.txt"))
    file = RawFile.of_bytes("合同.pdf", data) if in_memory else RawFile.on_disk(path)
    (document,) = PdfLoader().load(file, settings)
    assert isinstance(document, RawDocument)
    return "\n".join(block.text for block in document.blocks)


ALGORITHMS = ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"]
CONTRACT = "合同金额为三万元。The rest is due in June. 繁體條款"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("in_memory", [False, True])
def test_encrypted_file_opens_with_a_password_of_the_file(tmp_path: Path, algorithm: str, in_memory: bool) -> None:
    passwords = "wrong\r\n\r\ns3cret word \n另一个\n".encode("utf-8-sig")
    data = encrypted(algorithm, "s3cret word ")
    assert opened_with(tmp_path, data, passwords, in_memory) == CONTRACT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_password(tmp_path: Path, encoding: str) -> None:
    data = encrypted("AES-256", "千寻密码１２３")
    assert opened_with(tmp_path, data, "錯的\n千寻密码１２３".encode(encoding)) == CONTRACT


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_file_with_an_owner_password_only_opens_without_any(tmp_path: Path, algorithm: str) -> None:
    assert opened_with(tmp_path, encrypted(algorithm, ""), None) == CONTRACT


def test_owner_password_opens_too(tmp_path: Path) -> None:
    assert opened_with(tmp_path, encrypted("AES-128", "user", "owner"), b"owner\n") == CONTRACT


def test_no_password_fits(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        opened_with(tmp_path, encrypted("AES-128", "right"), "hunter2\n密码乙\n".encode())
    assert str(caught.value).endswith(
        "合同.pdf is encrypted, and none of the 2 passwords in reading.passwords_file opens it. "
        "Add its password there as a line of its own, or save a copy without a password."
    )
    assert "hunter2" not in repr(caught.value)


def test_file_of_passwords_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "合同.pdf"
    path.write_bytes(encrypted("RC4-128", "x"))
    settings = ReadingSettings(passwords_file=str(tmp_path / "nowhere"))
    with pytest.raises(UnreadableDocument, match=r"names cannot be read \(No such file or directory\)\. Set it to"):
        list(PdfLoader().load(RawFile.on_disk(path), settings))
    path.write_bytes(pdf([body("内容。")]))
    assert list(PdfLoader().load(RawFile.on_disk(path), settings))  # nobody asks for it


def test_passwords_reach_the_parsing_process_and_no_knowledge_base(tmp_path: Path) -> None:
    import qianxun

    (tmp_path / "pw").write_text("Kanarienvogel-密码-7\n", encoding="utf-8")
    (tmp_path / "合同.pdf").write_bytes(encrypted("AES-256", "Kanarienvogel-密码-7"))
    (tmp_path / "fremd.pdf").write_bytes(encrypted("AES-256", "unknown"))
    overrides = ["encoder.name=hash", "reading.workers=1", f"reading.passwords_file={tmp_path / 'pw'}"]
    with qianxun.open(tmp_path / "kb", overrides=overrides) as kb:
        report = kb.add([tmp_path / "合同.pdf", tmp_path / "fremd.pdf"])
        assert [source for source, _ in report.failed] == [str(tmp_path / "fremd.pdf")]
        assert "合同金额" in kb.search("合同金额", mode="lexical").passages[0].text
    for file in (tmp_path / "kb").rglob("*"):
        assert file.is_dir() or b"Kanarienvogel" not in file.read_bytes()


# Scanned pages


def test_pages_without_text_are_recognised_and_stay_in_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qianxun.documents.formats import scanned

    seen = []

    def looks_like(page: Any, number: int) -> scanned.PageText:
        seen.append((number, page.get_size()))
        if number == 4:
            return scanned.PageText()
        return scanned.PageText(
            (Block("heading", "扫描页", level=1, page=number), Block("paragraph", "掃描 text", page=number)), 10, 0.99
        )

    monkeypatch.setattr(scanned, "can_recognise", lambda settings: settings.ocr != "off")
    monkeypatch.setattr(scanned, "scanned_page", looks_like)
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf([body("第一页。"), [], body("第三页。"), [], []]))
    (document,) = PdfLoader().load(RawFile.on_disk(path), ReadingSettings())
    assert isinstance(document, RawDocument)
    assert [(block.text, block.page) for block in document.blocks] == [
        ("第一页。", 1), ("扫描页", 2), ("掃描 text", 2), ("第三页。", 3), ("扫描页", 5), ("掃描 text", 5),
    ]  # fmt: skip
    assert seen == [(2, (595.0, 842.0)), (4, (595.0, 842.0)), (5, (595.0, 842.0))]
    assert document.title == "扫描页"
    (document,) = PdfLoader().load(RawFile.on_disk(path), ReadingSettings(ocr="off"))
    assert isinstance(document, RawDocument)
    assert {block.page for block in document.blocks} == {1, 3}


# Many pages


@pytest.mark.load
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the most memory used is asked of Linux")
def test_five_thousand_short_pages_are_read_in_bounded_time_and_memory(tmp_path: Path) -> None:
    path = tmp_path / "长.pdf"
    pages: list[list[Line]] = [
        [(40 + i * 0.037, 700, 10, f"幻灯片 {i * i}"), (60, 600, 10, "内容 content"), (60, 30, 8, f"第 {i + 1} 页")]
        for i in range(5000)
    ]
    path.write_bytes(pdf(pages))
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from qianxun.documents.formats.pdf import PdfLoader\n"
        "from qianxun.files import RawFile\n"
        "from qianxun.settings import ReadingSettings\n"
        "(document,) = PdfLoader().load(RawFile.on_disk(Path(sys.argv[1])), ReadingSettings(ocr='off'))\n"
        "n = sum(1 for block in document.blocks)\n"
        "status = dict(line.split(':') for line in Path('/proc/self/status').read_text().splitlines())\n"
        "print(n, time.process_time(), int(status['VmHWM'].split()[0]) / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True, timeout=300
    )
    n, seconds, resident_mb = done.stdout.split()
    assert int(n) >= 5000
    assert float(seconds) < 60
    assert float(resident_mb) < 200


PICTURE = "q 595 0 0 842 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID 0 EI Q"  # over the whole page


def test_a_picture_of_a_page_with_a_stamp_on_it_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qianxun.documents.formats import scanned

    read: list[int] = []

    def looks_like(page: Any, number: int) -> scanned.PageText:
        read.append(number)
        text = f"掃描 {number} 第一條，本合同自簽訂之日起生效，一式兩份，雙方各執一份。"
        return scanned.PageText((Block("paragraph", text, page=number),), len(text), 0.99)

    stamp = [(400.0, 800.0, 8.0, "收文第7号 RECEIVED")]
    pages = [stamp, body(*(f"{FULL}{n}" for n in range(6))), stamp, stamp, [], stamp]
    # A background behind a full page of text is none, nor is a small picture beside a short one.
    drawn = [PICTURE, PICTURE, PICTURE, PICTURE, PICTURE, PICTURE.replace("595 0 0 842", "100 0 0 100")]
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(pages, drawn=drawn))
    monkeypatch.setattr(scanned, "can_recognise", lambda settings: settings.ocr != "off")
    monkeypatch.setattr(scanned, "scanned_page", looks_like)
    document = loaded(tmp_path, path.read_bytes())
    assert [block.page for block in document.blocks if block.text.startswith("掃描")] == [1, 3, 4, 5]
    assert read == [1, 3, 4, 5]
    assert document.shortfall() is None
    (document,) = PdfLoader().load(RawFile.on_disk(path), ReadingSettings(ocr_max_pages=3))
    assert isinstance(document, RawDocument)
    # The one without a stamp; of the others something is read at least.
    assert "1 of 6 pages are pictures that were not looked at" in str(document.shortfall())
    # Without the extra, what is missing is said.
    (document,) = PdfLoader().load(RawFile.on_disk(path), ReadingSettings(ocr="off"))
    assert isinstance(document, RawDocument)
    assert "4 of 6 pages are pictures with hardly any text" in str(document.shortfall())


def test_a_title_on_a_picture_stays_as_it_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qianxun.documents.formats import scanned

    def looks_like(page: Any, number: int) -> scanned.PageText:
        # A little more than the title, misread; then much, but not sure.
        text, score = ("年度報吿 2O25 ~", 0.97) if number == 1 else ("樹葉" * 40, 0.5)
        return scanned.PageText((Block("paragraph", text, page=number),), len(text), score)

    monkeypatch.setattr(scanned, "can_recognise", lambda settings: True)
    monkeypatch.setattr(scanned, "scanned_page", looks_like)
    title = [(60.0, 600.0, 24.0, "年度報告 2025")]
    pages = [title, [(60.0, 600.0, 24.0, "Annual report")], body(*(f"{FULL}{n}" for n in range(6)))]
    document = loaded(tmp_path, pdf(pages, drawn=[PICTURE] * 3))
    texts = [block.text for block in document.blocks]
    assert texts[:2] == ["年度報告 2025", "Annual report"]
    assert document.shortfall() is None


def test_a_fax_without_recognition_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fax.pdf"
    path.write_bytes(pdf([[(60.0, 800.0, 8.0, "FAX 2025-03-01 P.1")]], drawn=[PICTURE]))
    (document,) = PdfLoader().load(RawFile.on_disk(path), ReadingSettings(ocr="off"))
    assert isinstance(document, RawDocument)
    assert "1 of 1 pages are pictures with hardly any text" in str(document.shortfall())


# What is written on a page: forms, remarks


def field(place: tuple[int, int], name: str, value: str, *, drawn: bool = True) -> tuple[str, str]:
    """A text field that was filled in. Not `drawn`: whoever shows it is to draw its value."""
    left, bottom = place
    look = f"/Tx BMC BT /F1 10 Tf 2 5 Td <{value.encode('utf-16-be').hex()}> Tj ET EMC" if drawn and value else ""
    entries = (
        f"/Subtype/Widget/FT/Tx/T({name})/V<{marked(value)}>/DA(/Helv 10 Tf 0 g)"
        f"/Rect[{left} {bottom} {left + 400} {bottom + 20}]"
    )
    return entries, look


@pytest.mark.parametrize("drawn", [True, False])
def test_a_form_that_was_filled_in_is_read_where_it_stands(tmp_path: Path, drawn: bool) -> None:
    filled = [
        field((120, 741), "a", "Li Wei 4711", drawn=drawn),
        field((120, 721), "b", "" if not drawn else "臺北分公司", drawn=drawn),
        field((120, 701), "c", "", drawn=drawn),
    ]
    lines = [(60, 745, 10, "姓名："), (60, 725, 10, "部门："), (60, 705, 10, "备注："), *body("请如实填写。", top=680)]
    document = loaded(tmp_path, pdf([lines, body("第二页的内容。")], fields=filled))
    text = "\n".join(block.text for block in cleaned(document))
    assert text.startswith("姓名： Li Wei 4711\n部门："), text
    assert ("\n部门： 臺北分公司\n备注：" in text) is drawn
    assert text.index("备注：") < text.index("请如实填写。") < text.index("第二页的内容。")


def test_remarks_and_stamps_on_a_page_are_read_and_links_change_nothing(tmp_path: Path) -> None:
    def drawn(kind: str, bottom: int, text: str) -> tuple[str, str]:
        look = f"BT /F1 10 Tf 2 5 Td <{text.encode('utf-16-be').hex()}> Tj ET"
        return f"/Subtype/{kind}/Rect[60 {bottom} 460 {bottom + 20}]", look

    lines = body("合同正文。", "The contract.")
    remarks = [drawn("FreeText", 500, "批注：金额待定"), drawn("Stamp", 400, "已作廢 VOID")]
    texts = [block.text for block in cleaned(loaded(tmp_path, pdf([lines], fields=remarks)))]
    assert "".join(texts) == "合同正文。The contract.批注：金额待定已作廢 VOID"
    hidden = [(f"{entries}/F 2", look) for entries, look in remarks]
    plain = [block.text for block in cleaned(loaded(tmp_path, pdf([lines])))]
    for without in ([drawn("Link", 500, "链接")], hidden):
        assert [block.text for block in cleaned(loaded(tmp_path, pdf([lines], fields=without)))] == plain


def test_what_is_written_leaves_the_printed_text_as_it_is(tmp_path: Path) -> None:
    lines = body(FULL, "第二行 is broken at a hy-", "phen，如此。", "\ufffd\ufffd")
    plain = [block.text for block in cleaned(loaded(tmp_path, pdf([lines, lines])))]
    look = "BT /F1 10 Tf 2 5 Td <8D2D> Tj ET"
    remark = [(f"/Subtype/FreeText/Rect[520 {bottom} 590 {bottom + 20}]", look) for bottom in (746, 730)]
    written = [block.text for block in cleaned(loaded(tmp_path, pdf([lines, lines], fields=remark)))]
    # Beside the text, and yet behind it.
    assert "".join(written).replace("购", "") == "".join(plain)
    assert "购" not in "".join(written)[: len(FULL) + 20]


def test_writing_on_its_side_stays_together(tmp_path: Path) -> None:
    look = "BT /F1 10 Tf 0 1 -1 0 12 2 Tm <" + "作废VOID".encode("utf-16-be").hex() + "> Tj ET"
    stamp = [("/Subtype/Stamp/Rect[300 500 320 600]/Matrix[1 0 0 1 0 0]", look)]
    data = pdf([body(*(f"{FULL}{n}" for n in range(20)))], fields=stamp).replace(
        b"/BBox[0 0 400 20]", b"/BBox[0 0 20 100]"
    )
    texts = [block.text for block in cleaned(loaded(tmp_path, data))]
    assert "作废VOID" in texts[-1]


def test_a_value_that_is_drawn_stays_though_it_is_to_be_drawn_anew(tmp_path: Path) -> None:
    data = pdf([[(60, 745, 10, "姓名：")]], fields=[field((120, 741), "a", "臺北分公司 王小明")])
    data = data.replace(b"/AcroForm<<", b"/AcroForm<</NeedAppearances true")
    assert "臺北分公司 王小明" in "".join(block.text for block in cleaned(loaded(tmp_path, data)))


def test_a_box_that_was_ticked_shows_no_letter(tmp_path: Path) -> None:
    entries = "/Subtype/Widget/FT/Btn/T(agree)/V/Yes/AS/Yes/Rect[60 700 72 712]"
    data = pdf([[(80, 703, 10, "同意 I agree")]], fields=[(entries, "q BT /ZaDb 10 Tf 2 2 Td (4) Tj ET Q")])
    data = data.replace(b"/BaseFont/Helvetica/Encoding/WinAnsiEncoding", b"/BaseFont/ZapfDingbats").replace(
        b"/Helv ", b"/ZaDb "
    )
    text = "".join(block.text for block in cleaned(loaded(tmp_path, data)))
    assert "4" not in text
    assert "同意 I agree" in text
