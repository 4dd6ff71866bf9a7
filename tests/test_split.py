"""Blocks to parts and chunks, and sentences."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.documents.sentences import sentences
from qianxun.documents.split import indexed_text, split, tokens
from qianxun.records import Block, Part, Rows, column_letters
from qianxun.settings import SplittingSettings

SMALL = SplittingSettings(max_tokens=40)
ZH = "公司规定每位员工每年享有五天带薪年假。"  # 18 characters and a full stop


def parts_of(*blocks: Block, settings: SplittingSettings = SMALL, part_chars: int = 32768) -> list[Part]:
    return list(split(blocks, settings, part_chars=part_chars))


def chunks_of(*blocks: Block, settings: SplittingSettings = SMALL) -> list[tuple[str, str]]:
    return [
        (part.contexts[i], part.text_of(i))
        for part in parts_of(*blocks, settings=settings)
        for i in range(len(part.chunks))
    ]


def paragraph(text: str, page: int | None = None) -> Block:
    return Block("paragraph", text, page=page)


def heading(text: str, level: int) -> Block:
    return Block("heading", text, level=level)


def test_tokens_count_chinese_characters_and_english_words() -> None:
    assert tokens("带薪年假") == 4
    assert tokens("annual leave") == pytest.approx(2.6)
    assert tokens("年假 leave") == pytest.approx(3.3)
    assert tokens("-" * 80) == 10
    assert tokens("x" * 36) == 4.5


def test_headings_are_context_and_not_repeated_in_the_chunk() -> None:
    found = chunks_of(heading("制度", 1), heading("年假", 2), paragraph(ZH), heading("病假", 2), paragraph("凭证明。"))
    assert found == [("制度 › 年假", ZH), ("制度 › 病假", "凭证明。")]


def test_spans_of_headings_point_at_their_text() -> None:
    (part,) = parts_of(heading("制度", 1), heading("年假", 2), paragraph(ZH))
    (chunk,) = part.chunks
    assert [part.text[s.start : s.end] for s in chunk.headings] == ["制度", "年假"]
    assert part.text == f"制度\n\n年假\n\n{ZH}"


def test_heading_with_nothing_below_is_a_chunk_of_its_own() -> None:
    assert chunks_of(heading("制度", 1), heading("年假", 2), heading("病假", 2), paragraph("凭证明。")) == [
        ("制度", "年假"),
        ("制度 › 病假", "凭证明。"),
    ]
    assert chunks_of(heading("只有标题", 1)) == [("", "只有标题")]


def test_paragraphs_under_one_heading_share_a_chunk_up_to_the_limit() -> None:
    found = chunks_of(paragraph(ZH), paragraph(ZH), paragraph(ZH))
    assert [text for _, text in found] == [f"{ZH}\n\n{ZH}", ZH]


def test_long_paragraph_is_cut_at_sentence_ends() -> None:
    found = [text for _, text in chunks_of(paragraph(ZH * 7))]
    assert len(found) >= 4
    assert all(text.endswith("。") and text.startswith("公司") for text in found)
    assert "".join(found) == ZH * 7


def test_short_lead_goes_with_the_long_paragraph_after_it() -> None:
    assert chunks_of(paragraph("如下："), paragraph(ZH * 4))[0][1].startswith("如下：\n\n公司")


def test_sentence_longer_than_a_chunk_is_cut_at_commas() -> None:
    found = [text for _, text in chunks_of(paragraph("一二三四五六七八九，" * 12))]
    assert all(text.endswith("，") for text in found)
    assert all(tokens(text) <= 40 for text in found)


def test_overlap_repeats_whole_sentences_of_the_same_paragraph() -> None:
    numbered = "".join(f"第{n}句话说的是这件事情本身。" for n in "甲乙丙丁戊己庚辛")
    found = [
        text
        for _, text in chunks_of(paragraph(numbered), settings=SplittingSettings(max_tokens=40, overlap_sentences=1))
    ]
    assert len(found) > 2
    for before, after in itertools.pairwise(found):
        last = before[before.rindex("第") :]
        assert after.startswith(last)
        assert after != last


def test_chunks_that_overlap_stay_within_one_part() -> None:
    chosen = SplittingSettings(max_tokens=40, overlap_sentences=2)
    numbered = "".join(f"第{n}句话。" for n in "甲乙丙丁戊己庚辛壬癸子丑寅卯")
    for part in parts_of(paragraph(numbered), paragraph(ZH), paragraph(ZH), settings=chosen, part_chars=20):
        assert all(part.start <= c.span.start < c.span.end <= part.start + len(part.text) for c in part.chunks)


def test_long_table_is_cut_at_rows_and_repeats_its_header_as_context() -> None:
    rows = [f"| 第{n}行 | 内容若干文字 | {n}00 |" for n in range(20)]
    table = "\n".join(["| 名称 | 说明 | 价 |", "| --- | --- | --- |", *rows])
    parts = parts_of(heading("价目", 1), Block("table", table, header_lines=2))
    (part,) = parts
    assert len(part.chunks) > 2
    assert part.chunks[0].header is None  # it begins with the header itself
    assert part.text_of(0).startswith("| 名称 | 说明 | 价 |")
    for i, chunk in list(enumerate(part.chunks))[1:]:
        assert chunk.header is not None
        assert part.text[chunk.header.start : chunk.header.end] == "| 名称 | 说明 | 价 |\n| --- | --- | --- |"
        assert part.contexts[i] == "价目\n| 名称 | 说明 | 价 |\n| --- | --- | --- |"
        assert all(line.startswith("| 第") and line.endswith("00 |") for line in part.text_of(i).split("\n"))
    assert "\n".join(part.text_of(i) for i in range(len(part.chunks))) == table


def test_code_is_cut_at_line_ends() -> None:
    code = "\n".join(f"    result_{n} = compute(value_{n}, option=True)" for n in range(30))
    found = [text for _, text in chunks_of(Block("code", code))]
    assert len(found) > 3
    assert "\n".join(found) == code


def test_page_of_a_chunk_is_that_of_its_first_block() -> None:
    (part,) = parts_of(paragraph(ZH, 3), paragraph(ZH, 4), paragraph(ZH, 5))
    assert [chunk.page for chunk in part.chunks] == [3, 5]


def test_parts_are_handed_on_before_all_blocks_are_read() -> None:
    taken = 0

    def blocks() -> "list[Block]":
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield paragraph(ZH)

    first = next(split(blocks(), SMALL, part_chars=500))
    assert taken < 60
    assert len(first.text) < 1000


def test_overlong_heading_is_text() -> None:
    assert "".join(text for _, text in chunks_of(heading("很长的标题。" * 40, 1))) == "很长的标题。" * 40


def test_indexed_text_puts_context_first() -> None:
    assert indexed_text("制度 › 年假", "五天。") == "制度 › 年假\n五天。"
    assert indexed_text("", "五天。") == "五天。"


words = st.sampled_from(
    [
        "年假",
        "五天。",
        "按照规定，",
        "Mr. Li said so. ",
        "leave ",
        "3.14 ",
        "\n",
        "“好。”",
        "- item\n",
        "x" * 30,
        "🙂",
        "\t",
        "| a | b |\n",
        "………",
        "e\u0301",
    ]
)
texts = st.lists(words, min_size=0, max_size=60).map("".join)
blocks_strategy = st.lists(
    st.one_of(
        st.builds(lambda t, level: Block("heading", t[:60], level=level), texts, st.integers(1, 4)),
        st.builds(
            lambda kind, t, n, rows, continues: Block(
                kind, t, header_lines=n if kind == "table" else 0, page=n + 1, rows=rows, continues=continues
            ),
            st.sampled_from(["paragraph", "list", "table", "code"]),
            texts,
            st.integers(0, 3),
            st.one_of(st.none(), st.builds(lambda n: Rows(tuple(range(1, n + 1)), "表", (0, 3)), st.integers(0, 9))),
            st.booleans(),
        ),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(blocks_strategy, st.integers(32, 120), st.integers(20, 400), st.integers(0, 2))
def test_parts_and_chunks_hold_together(blocks: list[Block], most: int, part_chars: int, overlap: int) -> None:
    chosen = SplittingSettings(max_tokens=most, overlap_sentences=overlap)
    parts = list(split(blocks, chosen, part_chars=part_chars))
    document = "".join(part.text for part in parts)
    assert document == "".join(part.text for part in split(blocks, chosen))  # the parts change nothing
    offset, ordinal, covered, last_start = 0, 0, set(), -1
    for part in parts:
        assert part.start == offset
        assert len(part.chunks) == len(part.contexts)
        for i, chunk in enumerate(part.chunks):
            assert chunk.ordinal == ordinal
            ordinal += 1
            assert part.start <= chunk.span.start < chunk.span.end <= part.start + len(part.text)
            assert chunk.span.start > last_start
            last_start = chunk.span.start
            text = part.text_of(i)
            assert text == document[chunk.span.start : chunk.span.end]
            assert text == text.strip() or text.lstrip(" \t") == text.strip()  # code keeps its indentation
            assert tokens(text) <= most
            headings = " › ".join(document[s.start : s.end] for s in chunk.headings)
            header = document[chunk.header.start : chunk.header.end] if chunk.header else ""
            assert part.contexts[i] == "\n".join(filter(None, (headings, header)))
            assert all(s.end <= chunk.span.start for s in chunk.context)
            covered.update(range(chunk.span.start, chunk.span.end))
            for span in chunk.headings:
                covered.update(range(span.start, span.end))
        offset += len(part.text)
    assert [document[i] for i in range(len(document)) if i not in covered and not document[i].isspace()] == []


# Sentences


@pytest.mark.parametrize(
    "text, expected",
    [
        ("年假五天。病假另算！可以吗？可以；行", ["年假五天。", "病假另算！", "可以吗？", "可以；", "行"]),
        ("他说：“可以。”然后走了。", ["他说：“可以。”", "然后走了。"]),
        ("「好！」她說。『是嗎？』", ["「好！」", "她說。", "『是嗎？』"]),
        ("等等……再说。", ["等等……", "再说。"]),
        ("It works. It is fast! Is it? Yes.", ["It works.", "It is fast!", "Is it?", "Yes."]),
        ("Mr. Smith met Dr. Li. They talked.", ["Mr. Smith met Dr. Li.", "They talked."]),
        (
            "The U.S. Government paid 3.14 dollars. See No. 5 and Fig. 2.",
            ["The U.S. Government paid 3.14 dollars.", "See No. 5 and Fig. 2."],
        ),
        ("He lives in the U.S. The rest do not.", ["He lives in the U.S.", "The rest do not."]),
        ("Use fruit, e.g. apples, etc. It helps.", ["Use fruit, e.g. apples, etc.", "It helps."]),
        (
            "Version v1.2 is out. Get it at example.com/a?b=c now.",
            ["Version v1.2 is out.", "Get it at example.com/a?b=c now."],
        ),
        ('He said "Stop!" Then he left.', ['He said "Stop!"', "Then he left."]),
        ("固件为 v5.3。See the manual. 然后重启。", ["固件为 v5.3。", "See the manual.", "然后重启。"]),
        ("1. First item\n2. Second item\n", ["1. First item", "2. Second item"]),
        ("误差为±0.3%（流速 0.5 m/s 以上）。", ["误差为±0.3%（流速 0.5 m/s 以上）。"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_says(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == expected


@settings(max_examples=150, deadline=None)
@given(texts)
def test_sentences_cover_everything_but_white_space(text: str) -> None:
    spans = sentences(text)
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(text)
        assert text[position:start].strip() == ""
        assert text[start:end] == text[start:end].strip()
        position = end
    assert text[position:].strip() == ""


def located(*blocks: Block, settings: SplittingSettings = SMALL) -> list[tuple[str, str, str | None]]:
    return [
        (part.contexts[i], part.text_of(i), chunk.location)
        for part in parts_of(*blocks, settings=settings)
        for i, chunk in enumerate(part.chunks)
    ]


def sheet_table(text: str, first: int, *, continues: bool = False, sheet: str = "表", header: int = 0) -> Block:
    rows = Rows(tuple(range(first, first + text.count("\n") + 1)), sheet, (0, text.split("\n")[0].count("|")))
    return Block("table", text, header_lines=header, rows=rows, continues=continues)


def test_places_of_rows() -> None:
    assert [column_letters(c) for c in (0, 25, 26, 701, 702, 16383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
    rows = Rows((2, 4, 9), "台账 Ledger", (0, 2))
    assert rows.location == "台账 Ledger!A2:C9"
    assert rows.part(1, 1).location == "台账 Ledger!A4:C4"
    assert rows.joined(Rows((12,), "台账 Ledger", (1, 4))).location == "台账 Ledger!A2:E12"
    assert Rows((7,), "S", (3, 3)).location == "S!D7"
    assert Rows((2, 41)).location == "rows 2–41"
    assert Rows((2,)).location == "row 2"


def test_a_cut_table_names_the_rows_of_each_chunk() -> None:
    lines = ["设备 | 周期", *(f"LF-{n} | 每季檢查一次 {n}" for n in range(2, 10))]
    found = located(sheet_table("\n".join(lines), 1, header=1))
    assert [location for _, _, location in found] == ["表!A1:B4", "表!A5:B7", "表!A8:B9"]
    assert [text.split("\n")[-1] for _, text, _ in found] == [lines[3], lines[6], lines[8]]
    assert [context for context, _, _ in found] == ["", "设备 | 周期", "设备 | 周期"]


def test_a_continued_table_shares_its_header_and_its_chunks() -> None:
    first = sheet_table("设备 | Interval\nLF-2 | 三十天", 1, header=1)
    more = [sheet_table(f"LF-{n} | 每季檢查 {n} days", n, continues=True) for n in range(3, 9)]
    found = located(first, *more)
    assert [location for _, _, location in found] == ["表!A1:B5", "表!A6:B8"]
    assert [context for context, _, _ in found] == ["", "设备 | Interval"]
    assert "".join(text for _, text, _ in found).count("Interval") == 1
    # A table of its own has no header from before.
    found = located(first, *more, sheet_table("其他 | 1", 20))
    assert found[-1] == ("", "其他 | 1", "表!A20:B20")


def test_small_tables_of_one_sheet_share_a_chunk_and_those_of_two_do_not() -> None:
    found = located(sheet_table("甲 | 1", 1), sheet_table("乙 | 2 | x", 5), sheet_table("丙 | 3", 1, sheet="Other"))
    assert found == [("", "甲 | 1\n\n乙 | 2 | x", "表!A1:C5"), ("", "丙 | 3", "Other!A1:B1")]
    # What is in no row is not said to be in one.
    assert located(paragraph("前言。"), sheet_table("甲 | 1", 1)) == [("", "前言。", None), ("", "甲 | 1", "表!A1:B1")]


def test_text_of_one_row_keeps_it_however_it_is_cut() -> None:
    text = Block("paragraph", ZH * 6, rows=Rows((7,), "备注", (1, 1)))
    found = located(text)
    assert len(found) > 2
    assert {location for _, _, location in found} == {"备注!B7"}


def test_lines_that_cleaning_changed_never_name_a_wrong_row() -> None:
    lines = "\n".join(["甲乙丙丁 | 戊己庚辛"] * 12)
    found = located(Block("table", f"\u200b\n{lines}", rows=Rows(tuple(range(1, 14)), "表", (0, 1))))
    assert len(found) > 1
    for _, _, location in found:
        assert location is not None
        assert location.endswith(":B13")


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(["甲 | 1", ZH, "word one two", "全形，：１２"]), min_size=1), st.booleans())
    ),
    st.integers(32, 80),
)
def test_every_row_is_in_a_chunk_that_names_it(tables: list[tuple[list[str], bool]], max_tokens: int) -> None:
    row = 1
    blocks = []
    for lines, continues in tables:
        text = "\n".join(f"{line} r{row + i}" for i, line in enumerate(lines))
        blocks.append(sheet_table(text, row, continues=continues and bool(blocks), header=1))
        row += len(lines)
    seen = set()
    for _, text, location in located(*blocks, settings=SplittingSettings(max_tokens=max_tokens)):
        assert location is not None
        ends = [int(end.lstrip("AB")) for end in location.removeprefix("表!").split(":")]
        first, last = ends[0], ends[-1]
        for word in text.split():
            if word.startswith("r") and word[1:].isdigit():
                assert first <= int(word[1:]) <= last
                seen.add(int(word[1:]))
    assert seen == set(range(1, row))
