"""PDF files, written here by hand: the smallest that show each case."""

from collections.abc import Sequence
from pathlib import Path

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
) -> bytes:
    """A PDF with these lines of text; Latin and Chinese through Adobe's predefined character maps."""
    n = len(pages)
    first_page, first_item = 6, 6 + 2 * n
    kids = " ".join(f"{first_page + 2 * i} 0 R" for i in range(n))
    last_item = first_item + len(outline) - 1
    objects: dict[int, bytes] = {
        1: b"<</Type/Catalog/Pages 2 0 R" + (b"/Outlines 5 0 R>>" if outline else b">>"),
        2: f"<</Type/Pages/Count {n}/Kids[{kids}]>>".encode(),
        3: b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H/DescendantFonts[4 0 R]>>",
        4: b"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/DW 1000/W[1 95 500]"
        b"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 2>>"
        b"/FontDescriptor<</Type/FontDescriptor/FontName/STSong-Light/Flags 4/FontBBox[0 -200 1000 900]"
        b"/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80>>>>",
        5: f"<</Type/Outlines/Count {len(outline)}/First {first_item} 0 R/Last {last_item} 0 R>>".encode(),
    }
    for i, lines in enumerate(pages):
        content = "".join(
            f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm <{text.encode('utf-16-be').hex()}> Tj ET\n"
            for x, y, size, text in lines
        ).encode()
        objects[first_page + 2 * i] = (
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>"
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
