"""Delimited text: delimiters, encodings, quotes, ragged rows, places, and what is no table at all."""

import contextlib
import random
from pathlib import Path

import pytest

import qianxun
from qianxun.documents.formats.delimited import DelimitedLoader
from qianxun.documents.formats.tables import GROUP_ROWS
from qianxun.documents.split import split
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings, SplittingSettings

ROWS = [
    ["设备编号", "Interval", "備註"],
    ["LF-1", "30 天", "全形：１２，每季檢查"],
    ["LF-2", "90 days", "繁體中文的說明，與簡體不同"],
    ["LF-3", "一年", "检查周期以合同为准，由设备部负责"],
]


def document(data: "bytes | str", name: str = "台账.csv") -> RawDocument:
    encoded = data.encode() if isinstance(data, str) else data
    (raw,) = DelimitedLoader().load(RawFile.of_bytes(name, encoded), ReadingSettings())
    assert not isinstance(raw, RawFile)
    return raw


def read(data: "bytes | str", name: str = "台账.csv") -> "list[Block]":
    return list(document(data, name).blocks)


def lines(data: "bytes | str", name: str = "台账.csv") -> "list[str]":
    return "\n".join(block.text for block in read(data, name)).split("\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiter_encoding_and_line_ends_are_found(delimiter: str, encoding: str, line_end: str) -> None:
    text = "".join(delimiter.join(row) + line_end for row in ROWS)
    (block,) = read(text.encode(encoding))
    assert block.kind == "table"
    assert block.text == "\n".join(" | ".join(row) for row in ROWS)
    assert block.header_lines == 1
    assert block.rows is not None
    assert block.rows.location == "rows 1–4"


def test_the_document_is_named_by_its_file_and_kind() -> None:
    raw = document("a\tb\n1\t2\n", "目录/数据.tsv")
    assert (raw.title, raw.format) == ("数据", "tsv")
    list(raw.blocks)


def test_quoted_fields_may_hold_delimiters_quotes_and_line_ends() -> None:
    text = '名称,说明\n"法兰, DN50","一行\n兩行 ""引号"""\nPump,"x;y"\n'
    (block,) = read(text)
    assert block.text.split("\n") == ["名称 | 说明", '法兰, DN50 | 一行 兩行 "引号"', "Pump | x;y"]
    assert block.rows is not None
    assert block.rows.numbers == (1, 2, 3)  # rows as a spreadsheet program counts them, not lines


def test_rows_of_many_lines_are_still_a_table() -> None:
    text = "编号,说明\n" + "".join(f'LF-{n},"第一行\n第二行\nthird\n第四行，全形"\n' for n in range(100))
    (block,) = read(text)
    assert block.text.split("\n")[100] == "LF-99 | 第一行 第二行 third 第四行，全形"


def test_a_quote_that_nothing_closes_is_a_character() -> None:
    rows = [f"LF-{n},{n} 天" for n in range(400)]
    rows[100] = '"LF-100,5" 管'
    rows[200] = 'LF-200,5" 管'
    rows[399] = '"LF-399,末'
    found = lines("编号,周期\n" + "\n".join(rows))
    assert len(found) == 401
    assert found[201] == 'LF-200 | 5" 管'
    assert found[202] == "LF-201 | 201 天"
    assert found[400] == '"LF-399 | 末'
    assert "LF-101 | 101 天" in found


def test_ragged_rows_and_empty_rows_are_tolerated() -> None:
    text = "编号,名称,備註\n1,泵\n\n,,\n2,valve,好,多余,more\n3,阀,ok\n4,阀,ok\n5,阀,ok\n"
    blocks = read(text)
    assert lines(text)[:3] == ["编号 | 名称 | 備註", "1 | 泵", "2 | valve | 好 | 多余 | more"]
    assert blocks[0].rows is not None
    assert blocks[0].rows.numbers == (1, 2, 5, 6, 7, 8)
    assert not any(block.continues for block in blocks)


def test_a_declared_delimiter_counts() -> None:
    assert lines("sep=;\na,1;b\n中,2;文\n") == ["a,1 | b", "中,2 | 文"]


def test_a_numeric_first_row_is_no_header() -> None:
    (block,) = read("1,2\n3,4\n")
    assert block.header_lines == 0


def test_text_without_columns_is_paragraphs() -> None:
    text = (
        "本公司實行年休假制度。\n\n工作满一年的员工，每年有五天年假。\n\n"
        "The rules, as of 2025, apply to all.\n\nOthers do not, unless agreed, in writing, by both.\n"
    )
    raw = document(text)
    assert raw.format == "text"
    assert [(b.kind, b.text) for b in raw.blocks][1] == ("paragraph", "工作满一年的员工，每年有五天年假。")


def test_an_open_table_never_is_in_memory_as_a_whole() -> None:
    n = GROUP_ROWS * 3
    blocks = read("编号,周期\n" + "".join(f"LF-{i},{i} 天\n" for i in range(n)))
    assert [block.continues for block in blocks] == [False, *[True] * (len(blocks) - 1)]
    assert all(block.text.count("\n") < GROUP_ROWS * 3 // 2 for block in blocks)
    assert sum(block.text.count("\n") + 1 for block in blocks) == n + 1
    assert [block.header_lines for block in blocks] == [1, *[0] * (len(blocks) - 1)]


def test_chunks_name_their_rows_and_repeat_the_header() -> None:
    raw = document("设备,周期\n" + "".join(f"LF-{i},每 {i} 天檢查 one\n" for i in range(2, 2001)))
    row = 1
    for part in split(raw.blocks, SplittingSettings(max_tokens=100)):
        for i, chunk in enumerate(part.chunks):
            n = len([line for line in part.text_of(i).split("\n") if line])
            assert chunk.location == f"rows {row}–{row + n - 1}"
            assert part.contexts[i] == ("设备 | 周期" if row > 1 else "")
            assert f"LF-{row + n - 1} " in part.text_of(i)
            row += n
    assert row == 2001


def test_damaged_files_are_refused_or_read_never_worse() -> None:
    rng = random.Random(3)
    data = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in ROWS * 20).encode("gb18030")
    for _ in range(200):
        damaged = bytearray(data[: rng.randrange(1, len(data))])
        for _ in range(rng.randint(0, 5)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        with contextlib.suppress(UnreadableDocument):
            read(bytes(damaged))


def test_a_huge_field_is_read() -> None:
    long = "很长的说明，long。" * 30_000
    assert lines(f'编号,说明\n1,"{long}"\n2,短\n')[1] == f"1 | {long}"


def test_a_question_of_one_row_finds_it(tmp_path: Path) -> None:
    text = "设备编号,名称,检查周期\n" + "".join(f"LF-{n:04d},离心泵{n % 37}号,{n % 90 + 1} 天\n" for n in range(10_000))
    (tmp_path / "台账.csv").write_bytes(text.encode("gb18030"))
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as kb:
        assert kb.add(tmp_path / "台账.csv").failed == []
        passage = kb.search("设备 LF-2043 的检查周期？").passages[0]
        assert "LF-2043 | 离心泵8号 | 64 天" in passage.text
        assert passage.location is not None
        first, last = map(int, passage.location.removeprefix("rows ").split("–"))
        assert first <= 2045 <= last < first + 100
