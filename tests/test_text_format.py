"""Plain text: encodings, paragraphs, headings, sizes."""

import tracemalloc
from pathlib import Path

import pytest

from qianxun.documents.decoding import encoding_of, guessed_encoding
from qianxun.documents.formats.text import MAX_PARAGRAPH_CHARS, TextLoader, heading_level
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

SIMPLIFIED = "公司规定每位员工每年享有五天带薪年假。"
TRADITIONAL = "公司規定每位員工每年享有五天帶薪年假。"
JAPANESE = "従業員は毎年五日の有給休暇を取得できます。"


def written(folder: Path, data: "bytes | str", name: str = "笔记.txt") -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def loaded(path: Path) -> RawDocument:
    (document,) = TextLoader().load(RawFile.on_disk(path), ReadingSettings())
    return document


def blocks_of(path: Path) -> list[Block]:
    return list(loaded(path).blocks)


@pytest.mark.parametrize(
    "text, encoding",
    [
        (SIMPLIFIED, "utf-8"),
        (SIMPLIFIED, "utf-8-sig"),
        (SIMPLIFIED, "gb18030"),
        ("合同编号：2025-01\n甲方：张三", "gb18030"),
        ("你好", "gb18030"),
        ("苹果 香蕉 橘子", "gb18030"),
        (TRADITIONAL, "big5"),
        ("合約編號：2025-01\n甲方：張三", "big5"),
        ("你好", "big5"),
        ("蘋果 香蕉 橘子", "big5"),
        (JAPANESE, "shift_jis"),
        (SIMPLIFIED, "utf-16"),
        (SIMPLIFIED, "utf-16-le"),
        (SIMPLIFIED, "utf-16-be"),
        (SIMPLIFIED, "utf-32"),
        ("Hello world, plainly.\nSecond line", "utf-16-le"),
        ("Hello world, plainly.\nSecond line", "utf-16-be"),
        ("The café’s résumé – “quoted” text.", "cp1252"),
    ],
)
def test_small_files_are_read_in_their_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    assert "\n".join(block.text for block in blocks_of(written(tmp_path, text.encode(encoding)))) == text


@pytest.mark.parametrize("encoding, text", [("gb18030", SIMPLIFIED), ("big5", TRADITIONAL), ("shift_jis", JAPANESE)])
def test_large_files_whose_first_foreign_byte_is_far_in(tmp_path: Path, encoding: str, text: str) -> None:
    data = b"plain line of a log\n" * 40_000 + f"{text}\n".encode(encoding) * 30_000
    path = written(tmp_path, data)
    assert (
        encoding_of(RawFile.on_disk(path), ReadingSettings())
        == {"gb18030": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932"}[encoding]
    )
    assert "".join(b.text for b in loaded(path).blocks).count(text) == 30_000


def test_character_cut_in_two_by_reading_in_pieces(tmp_path: Path) -> None:
    path = written(tmp_path, "x" + "年假" * 200_000)
    assert "".join(block.text for block in blocks_of(path)) == "x" + "年假" * 200_000


def test_one_broken_byte_does_not_lose_the_file(tmp_path: Path) -> None:
    data = (SIMPLIFIED * 100).encode()
    text = "".join(block.text for block in blocks_of(written(tmp_path, data[:-1])))
    assert text.startswith(SIMPLIFIED * 99)


@pytest.mark.parametrize(
    "data, what",
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG image"),
        (b"PK\x03\x04" + bytes(50), "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "an old or encrypted Office file"),
        (b"text\x00\x01\x02\x03text" * 40, "binary data"),
        (bytes(range(1, 32)) * 30 + b"text" * 10, "binary data"),
        (b"{\\rtf1\\ansi hello}", "an RTF document"),
    ],
)
def test_what_is_no_text_is_refused_by_name(tmp_path: Path, data: bytes, what: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(UnreadableDocument) as caught:
        blocks_of(path)
    assert what in str(caught.value)
    assert "笔记.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_in_no_known_encoding_are_refused(tmp_path: Path) -> None:
    noise = bytes((i * 89 + i * i * 7) % 223 + 33 for i in range(4000))
    with pytest.raises(UnreadableDocument, match="no encoding"):
        blocks_of(written(tmp_path, noise))
    assert guessed_encoding(noise) is None


def test_paragraphs_are_separated_by_blank_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "员工手册\n\n第一段第一行，\n第一段第二行。\n \t\n第二段。\n")
    assert [block.text for block in blocks_of(path)] == ["员工手册", "第一段第一行，\n第一段第二行。", "第二段。"]
    assert loaded(path).title == "员工手册"
    assert loaded(path).source == str(path)
    assert loaded(path).format == "text"


def test_title_is_the_file_name_when_the_first_line_is_a_sentence(tmp_path: Path) -> None:
    assert loaded(written(tmp_path, "这是一句话。\n第二行")).title == "笔记"


@pytest.mark.parametrize(
    "line, level",
    [
        ("第一章 总则", 2),
        ("第一章总则", 2),
        ("第3节 运输", 3),
        ("第二条", 4),
        ("第二条 保密", 4),
        ("第二条【保密】", 4),
        ("一、适用范围", 2),
        ("（二）交货", 3),
        ("1.2 Scope of delivery", 3),
        ("2.3.1 安装", 4),
        ("Chapter 3 Delivery", 1),
        ("附件一 价格表", 1),
        ("第二条 甲方应当在收到货物之后七日内验收，逾期视为合格。", 0),
        ("一、甲方应当付款，乙方应当交货。", 0),
        ("1. 确认管道已充满液体", 0),
        ("3.14 is pi, roughly.", 0),
        ("100.5 元", 0),
        ("今天天气很好", 0),
        ("第一次会议", 0),
        ("2025.03.01", 0),
    ],
)
def test_plain_headings_are_recognised_cautiously(line: str, level: int) -> None:
    assert heading_level(line) == level


def test_headings_stand_between_paragraphs(tmp_path: Path) -> None:
    path = written(tmp_path, "制度\n\n第一章 总则\n本制度适用于全体员工。\n第二章 附则\n由人事部解释。\n")
    assert [(b.kind, b.level, b.text) for b in blocks_of(path)][1:] == [
        ("heading", 2, "第一章 总则"),
        ("paragraph", 0, "本制度适用于全体员工。"),
        ("heading", 2, "第二章 附则"),
        ("paragraph", 0, "由人事部解释。"),
    ]


def test_lists_and_logs_keep_their_lines(tmp_path: Path) -> None:
    items = written(tmp_path, "如下\n\n1. 甲\n2. 乙\n3. 丙\n")
    assert [block.kind for block in blocks_of(items)] == ["paragraph", "list"]
    log = written(tmp_path, "2025-01-02 10:00:00 INFO start\n2025-01-02 10:00:01 INFO stop\n", "服务.log")
    assert [block.kind for block in blocks_of(log)] == ["code"]
    assert loaded(log).title == "服务"


@pytest.mark.parametrize("line", ["年" * 300_000, SIMPLIFIED * 20_000, "word " * 60_000, "x" * 300_000])
def test_one_huge_line_comes_in_pieces(tmp_path: Path, line: str) -> None:
    blocks = blocks_of(written(tmp_path, line))
    assert max(len(block.text) for block in blocks) <= MAX_PARAGRAPH_CHARS
    assert "".join(block.text for block in blocks) == line
    if "。" in line:
        assert all(block.text.endswith("。") for block in blocks)


def test_many_lines_without_a_blank_one_come_in_pieces(tmp_path: Path) -> None:
    blocks = blocks_of(written(tmp_path, f"{SIMPLIFIED}\n" * 5000))
    assert max(len(block.text) for block in blocks) <= MAX_PARAGRAPH_CHARS
    assert "\n".join(block.text for block in blocks) == "\n".join([SIMPLIFIED] * 5000)


def test_old_line_ends_and_their_halves(tmp_path: Path) -> None:
    path = written(tmp_path, ("甲" * 87_380 + "\r\n\r\n") * 4 + "乙\r\r丙")
    assert "".join(block.text for block in blocks_of(path)) == "甲" * 87_380 * 4 + "乙丙"
    assert [block.text for block in blocks_of(path)][-2:] == ["乙", "丙"]


@pytest.mark.parametrize("end", ["\n\n", ""])  # "": one line of 8 MB
def test_memory_does_not_grow_with_the_file(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, (f"{SIMPLIFIED}{end}" * 200_000).encode("gb18030"))
    tracemalloc.start()
    chars = sum(len(block.text) for block in loaded(path).blocks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert chars == 200_000 * len(SIMPLIFIED)
    assert peak < 7_000_000
