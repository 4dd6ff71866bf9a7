"""The sample documents are what their README says, and hold the answers."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import ModuleType

import docx
import lxml.html
import pypdfium2
import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "src" / "qianxun" / "samples"
DOCUMENTS = SAMPLES / "documents"
BROKEN = "归档/损坏的扫描件.pdf"

# everything else is UTF-8 without a byte order mark
ENCODINGS = {
    "客服/常见问题.txt": "gb18030",
    "台北分公司/出勤與加班須知.txt": "utf-16",
    "security/password-and-access-policy.txt": "utf-8-sig",
    "客服/保修条款.html": "gbk",
}
# pairs that are meant to be alike
ALIKE = {
    frozenset({"行政/停电检修通知.txt", "行政/停电检修通知（更正）.txt"}),
    frozenset({"finance/费用报销制度-2025.md", "finance/费用报销制度-2023（已废止）.md"}),
}

FILES = sorted(str(path.relative_to(DOCUMENTS)) for path in DOCUMENTS.rglob("*") if path.is_file())
READABLE = [name for name in FILES if name != BROKEN]
QUESTIONS = [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def squeezed(text: str) -> str:
    """Drop all white space: line ends in a PDF or a table cell mean nothing here."""
    return re.sub(r"\s+", "", text)


def pdf_pages(name: str) -> list[str]:
    document = pypdfium2.PdfDocument(DOCUMENTS / name)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


@cache
def text_of(name: str) -> str:
    path = DOCUMENTS / name
    match path.suffix:
        case ".pdf":
            return "\n".join(pdf_pages(name))
        case ".docx":
            document = docx.Document(str(path))
            parts = [paragraph.text for paragraph in document.paragraphs]
            for table in document.tables:
                parts += [cell.text for row in table.rows for cell in row.cells]
            return "\n".join(parts)
        case ".html":
            text = path.read_bytes().decode(ENCODINGS.get(name, "utf-8"))
            tree = lxml.html.document_fromstring(text)
            for element in tree.xpath("//script | //style"):
                element.drop_tree()
            return str(tree.text_content())
        case _:
            return path.read_bytes().decode(ENCODINGS.get(name, "utf-8"))


def is_chinese(text: str) -> bool:
    return len(re.findall(r"[\u4e00-\u9fff]", text)) > 0.15 * len(squeezed(text))


def test_number_and_kinds_of_files() -> None:
    kinds = Counter(Path(name).suffix for name in FILES)
    assert kinds == {".md": 9, ".txt": 6, ".html": 5, ".pdf": 7, ".docx": 4}
    assert sum((DOCUMENTS / name).stat().st_size for name in FILES) <= 1_500_000


def test_every_file_is_in_the_readme() -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in FILES if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("name", READABLE)
def test_text_has_a_sensible_length(name: str) -> None:
    text = text_of(name)
    assert 300 <= len(text) <= 8000
    assert "\ufffd" not in text
    assert "\x00" not in text


def test_some_documents_are_long() -> None:
    sources = ROOT / "tools" / "sample_sources"
    for name in ("LF-200电磁流量计用户手册.md", "LU-35-ultrasonic-level-sensor-manual.md"):
        assert len((sources / name).read_text(encoding="utf-8")) > 6000


def test_mix_of_languages() -> None:
    chinese = [name for name in READABLE if is_chinese(text_of(name))]
    assert 0.6 <= len(chinese) / len(READABLE) <= 0.8  # mixed ones count as Chinese


def test_broken_pdf_does_not_open() -> None:
    data = (DOCUMENTS / BROKEN).read_bytes()
    assert data.startswith(b"%PDF-")
    assert b"%%EOF" not in data
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(DOCUMENTS / BROKEN)


def test_plain_files_are_utf8_without_mark() -> None:
    for name in READABLE:
        if Path(name).suffix in {".md", ".txt", ".html"} and name not in ENCODINGS:
            data = (DOCUMENTS / name).read_bytes()
            assert not data.startswith(b"\xef\xbb\xbf"), name
            data.decode("utf-8")


def test_odd_encodings() -> None:
    gb18030 = (DOCUMENTS / "客服/常见问题.txt").read_bytes()
    for codec in ("utf-8", "gbk"):  # one name needs four bytes
        with pytest.raises(UnicodeDecodeError):
            gb18030.decode(codec)
    assert "莫䶮" in gb18030.decode("gb18030")

    assert (DOCUMENTS / "台北分公司/出勤與加班須知.txt").read_bytes().startswith(b"\xff\xfe")
    assert (DOCUMENTS / "security/password-and-access-policy.txt").read_bytes().startswith(b"\xef\xbb\xbf")

    page = (DOCUMENTS / "客服/保修条款.html").read_bytes()
    assert b"<meta charset=gb2312>" in page
    with pytest.raises(UnicodeDecodeError):
        page.decode("gb2312")  # as on real pages, the declared name is too narrow
    assert "顾喆" in page.decode("gbk")


def test_full_width_and_traditional_text() -> None:
    assert "２０２５年６月１４日" in text_of("行政/停电检修通知.txt")
    assert "ＬＦ－２００" in text_of("生产/电磁流量计校准作业指导书.txt")
    for name in ("台北分公司/出勤與加班須知.txt", "香港辦事處/客戶服務承諾.html"):
        assert len(set("瀾硯儀器總務國為時應辦") & set(text_of(name))) >= 5


def test_pdfs_have_pages_and_embedded_fonts() -> None:
    for name in READABLE:
        if name.endswith(".pdf"):
            assert len(pdf_pages(name)) >= 2, name
            assert all(squeezed(page) for page in pdf_pages(name)), name
            data = (DOCUMENTS / name).read_bytes()
            assert b"/FontFile2" in data, name
            assert re.search(rb"/FontName /[A-Z]{6}\+", data), name


def test_two_columns_are_read_one_after_the_other() -> None:
    text = squeezed(text_of("内刊/澜砚通讯-2025春.pdf"))
    assert text.index("图书角上新") < text.index("食堂调整") < text.index("编读往来")


def test_word_files_have_headings_lists_and_tables() -> None:
    for name in READABLE:
        if name.endswith(".docx"):
            document = docx.Document(str(DOCUMENTS / name))
            styles = {str(p.style.name) for p in document.paragraphs if p.style is not None}
            assert "Heading 1" in styles, name
            assert styles & {"List Bullet", "List Number"}, name
            assert document.tables, name


def shingles(name: str) -> set[str]:
    text = squeezed(text_of(name))
    return {text[i : i + 8] for i in range(len(text) - 7)}


def test_no_copies_but_the_declared_ones() -> None:
    texts = [squeezed(text_of(name)) for name in READABLE]
    assert len(set(texts)) == len(texts)
    sets = {name: shingles(name) for name in READABLE}
    alike = set()
    for a, b in itertools.combinations(READABLE, 2):
        if len(sets[a] & sets[b]) / len(sets[a] | sets[b]) > 0.2:
            alike.add(frozenset({a, b}))
    assert alike == ALIKE


def test_no_reachable_address_or_phone() -> None:
    for name in READABLE:
        text = text_of(name)
        for domain in re.findall(r"[\w.-]+@([\w.-]+)|https?://([\w.-]+)", text):
            host = (domain[0] or domain[1]).rstrip(".")
            assert host.endswith(".example"), (name, host)
        assert not re.search(r"(?<![\d.])1[3-9]\d{9}(?!\d)|\b\d{3,4}-\d{7,8}\b", text), name


def test_questions_are_well_formed() -> None:
    assert all(set(q) == {"id", "question", "lang", "answer", "source", "answerable"} for q in QUESTIONS)
    kinds = Counter(q["id"].split("-")[0] for q in QUESTIONS)
    assert kinds == {"zh": 20, "en": 14, "x": 6, "na": 8}
    assert len({q["id"] for q in QUESTIONS}) == len({q["question"] for q in QUESTIONS}) == 48
    for q in QUESTIONS:
        assert q["lang"] == ("zh" if is_chinese(q["question"]) else "en"), q
        assert q["answerable"] == (not q["id"].startswith("na-"))
        if not q["answerable"]:
            assert q["answer"] is None
            assert q["source"] is None


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q["id"])
def test_answer_is_in_its_source(question: dict[str, str]) -> None:
    if question["answerable"]:
        assert question["source"] in READABLE
        assert squeezed(question["answer"]) in squeezed(text_of(question["source"]))


def test_cross_language_questions_need_the_other_language() -> None:
    for q in QUESTIONS:
        if q["id"].startswith("x-"):
            assert is_chinese(text_of(q["source"])) == (q["lang"] == "en"), q["id"]


def test_questions_touch_most_documents() -> None:
    assert len({q["source"] for q in QUESTIONS if q["answerable"]}) >= 22


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", ROOT / "tools" / "make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_samples"] = module
    spec.loader.exec_module(module)
    return module


def test_made_files_match_their_sources(maker: ModuleType) -> None:
    for source, target in {**maker.PDF, **maker.DOCX}.items():
        meta, blocks = maker.read_source(maker.SOURCES / source)
        if target.endswith(".pdf"):  # take away what stands on every page
            pages = [re.sub(r"^.*\r?\n.*\r?\n", "", page, count=1) for page in pdf_pages(target)]
            made = squeezed("".join(pages))
            assert squeezed(meta["header"]) not in made
        else:
            made = squeezed(text_of(target))
        for block in blocks:
            for piece in [block.text, *itertools.chain(*block.rows)]:
                assert squeezed(piece.replace("*", "")) in made, (target, piece)
    for source, (target, codec, ending) in maker.ENCODED.items():
        text = (maker.SOURCES / source).read_text(encoding="utf-8")
        made = (DOCUMENTS / target).read_bytes()
        assert made.decode(codec) == text.replace("\n", ending)
    whole, target, keep = maker.BROKEN
    assert (DOCUMENTS / target).read_bytes() == (DOCUMENTS / whole).read_bytes()[:keep]


def test_every_source_is_used(maker: ModuleType) -> None:
    used = {*maker.PDF, *maker.DOCX, *maker.ENCODED}
    assert {path.name for path in maker.SOURCES.iterdir()} == used
