"""Cell widths, wrapping, snippets and highlights, in Chinese, English and both."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.cli.progress import in_words
from qianxun.cli.reasons import named_reason
from qianxun.cli.words import (
    cells,
    cut,
    cut_in_middle,
    padded,
    shown_bytes,
    shown_seconds,
    shown_source,
    snippet,
    wrapped,
    wrapped_ranges,
)
from qianxun.marking import highlights
from qianxun.messages import set_language
from qianxun.reasons import reason_in_words, reason_of_the_file
from qianxun.storage.reindex import Progress

MIXED = st.text(alphabet="ab 中文，。（）「」,.é\u0301\n\t", max_size=60)


@pytest.mark.parametrize("text, width", [("abc", 3), ("中文", 4), ("a中，", 5), ("e\u0301", 1), ("", 0), ("ｆｕ", 4)])
def test_cells(text: str, width: int) -> None:
    assert cells(text) == width


def test_padded_and_cut_count_cells() -> None:
    assert padded("中文", 6) == "中文  "
    assert cut("中文文档", 5) == "中文…"
    assert cut("中文", 4) == "中文"


@pytest.mark.parametrize(
    "text, width, lines",
    [
        ("中文没有空格也能换行。", 10, ["中文没有空", "格也能换", "行。"]),
        ("plain English wraps at spaces", 12, ["plain", "English", "wraps at", "spaces"]),
        ("用 qianxun add 添加", 9, ["用", "qianxun", "add 添加"]),
        ("（注）见「附录」", 6, ["（注）", "见「附", "录」"]),
        ("https://example.org/long", 10, ["https://ex", "ample.org/", "long"]),
        ("one\n\ntwo", 10, ["one", "", "two"]),
    ],
)
def test_wrapped(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width) == lines


@given(MIXED, st.integers(8, 30))
def test_wrapping_keeps_every_character_that_is_not_white_space_and_every_line_fits(text: str, width: int) -> None:
    ranges = wrapped_ranges(text, width)
    kept = "".join(text[a:b] for a, b in ranges)
    assert "".join(kept.split()) == "".join(text.split())
    for a, b in ranges:
        assert cells(text[a:b]) <= width


@pytest.mark.parametrize(
    "text, matched, marked",
    [
        ("每年有十天年休假。", ["年休", "休假"], ["年休假"]),
        ("The limits were Raised.", ["limit", "rais"], ["limits", "Raised"]),
        ("繁體的報銷標準", ["报销"], ["報銷"]),
        ("ＬＦ－２００ 流量计", ["lf", "200", "流量"], ["ＬＦ", "２００", "流量"]),
        ("E-3507 表示故障", ["3507", "故障"], ["3507", "故障"]),
        ("nothing here", ["absent"], []),
        ("的的的", ["的"], ["的的的"]),
    ],
)
def test_highlights_are_the_matched_terms_as_written(text: str, matched: list[str], marked: list[str]) -> None:
    assert [text[a:b] for a, b in highlights(text, matched)] == marked


def test_snippet_shows_the_stretch_with_the_matches() -> None:
    text = "无关的开头。" * 40 + "住宿限额为每晚六百五十元。" + "无关的结尾。" * 40
    shown, marks = snippet(text, ["住宿", "限额"], 60)
    assert cells(shown) <= 60
    assert [shown[a:b] for a, b in marks] == ["住宿限额"]


def test_snippet_prefers_different_and_long_terms_to_many_of_a_short_one() -> None:
    pumps = "The pump room is next to the pump store, and the pump list of the pump team is there. " * 4
    said = "The Heron is heavy: its weight is 41 kg."
    text = f"{pumps}{said} " + "Nothing else is said here of anything that matters. " * 6
    shown, _ = snippet(text, ["weight", "of", "the", "heron", "pump"], 120)
    assert said in shown
    assert cells(shown) <= 120
    chinese = "水泵的用途见后。" * 30 + "苍鹭水泵的重量为四十一公斤。" + "其他水泵另行说明。" * 30
    assert "苍鹭水泵的重量为四十一公斤" in snippet(chinese, ["苍鹭", "鹭水", "水泵", "重量"], 80)[0]


@given(MIXED, st.integers(10, 40))
def test_name_cut_in_the_middle_fits_and_keeps_both_ends(text: str, width: int) -> None:
    shown = cut_in_middle(text, width)
    assert cells(shown) <= width
    if shown != text:
        before, after = shown.split("…")
        assert text.startswith(before)
        assert text.endswith(after)
        assert cells(shown) >= width - 3


@given(MIXED, st.integers(10, 40))
def test_snippet_fits_and_its_marks_are_inside(text: str, width: int) -> None:
    shown, marks = snippet(text, ["ab", "中文", "a"], width)
    assert cells(shown) <= width
    assert all(0 <= a < b <= len(shown) for a, b in marks)


def test_sizes_and_times() -> None:
    assert [shown_bytes(n) for n in (0, 1023, 2048, 5 * 1024**2, 3 * 1024**4)] == [
        "0 B",
        "1023 B",
        "2.0 KB",
        "5.0 MB",
        "3.0 TB",
    ]
    assert [shown_seconds(s) for s in (0.012, 3.42, 125, 3725)] == ["12 ms", "3.4 s", "2:05", "1:02:05"]


def test_source_is_relative_inside_the_working_directory_only() -> None:
    assert shown_source(f"/w{os.sep}a.md", "/w") == "a.md"
    assert shown_source("/w2/a.md", "/w") == "/w2/a.md"
    assert shown_source("/w/a.zip!b.md", "/w") == "a.zip!b.md"


def test_progress_in_words_has_stage_count_rate_and_time_left() -> None:
    assert (
        in_words(Progress("reading", 50, 200, "/x/甲.md", 10.0)) == "Reading 50/200 (25%), 5.0/s, 30.0 s left: /x/甲.md"
    )
    assert in_words(Progress("encoding", 7, None, "", 0.0)) == "Encoding 7"
    set_language("zh")
    assert in_words(Progress("indexing", 50, 100, "", 1.0)) == "索引 50/100 (50%), 50/秒, 剩余 1.0 s"


def test_stored_reason_is_said_in_chinese_with_its_values() -> None:
    reason = "/a/b. c.txt is 300 MB; files above 200 MB are not read. Raise reading.max_file_mb, or split the file."
    assert reason_in_words(reason) == reason
    set_language("zh")
    assert reason_in_words(reason) == (
        "/a/b. c.txt 有 300 MB；超过 200 MB 的文件不读取。请调高 reading.max_file_mb，或拆分该文件。"
    )
    assert reason_in_words("Something that no template says.") == "Something that no template says."
    assert named_reason("/a", "odd") == "/a：odd"


@pytest.mark.parametrize(
    "reason, said",
    [
        (
            "/a/b.txt looks like binary data, but is named .txt. Rename it to what it is, or convert it.",
            "/a/b.txt 的内容像是“二进制数据”，扩展名却是 .txt。请改成相符的扩展名，或转换格式。",
        ),
        (
            "/a/b.pdf is not a readable PDF (no PDF header). Open it in a PDF reader and save it again.",
            "/a/b.pdf 不是可读取的 PDF（没有 PDF 文件头）。请在 PDF 阅读器中打开后重新保存。",
        ),
        ("/a is not a readable PDF (something new).", "/a 不是可读取的 PDF（something new）。"),
    ],
)
def test_values_that_are_words_are_translated_and_the_remedy_stays_one(reason: str, said: str) -> None:
    set_language("zh")
    assert reason_in_words(reason) == said


def test_reason_where_the_file_is_named_already() -> None:
    reasons = [
        "/a/b.txt looks like a PDF, but is named .txt. Rename it to what it is, or convert it.",
        "/a/b.txt: 3 of 5 pages have no text (scanned pages?).",
        "/a/b.txt took longer than 60 seconds to read.",
        "odd",
    ]
    assert [reason_of_the_file("/a/b.txt", reason) for reason in reasons] == [
        "The file looks like a PDF, but is named .txt. Rename it to what it is, or convert it.",
        "3 of 5 pages have no text (scanned pages?).",
        "The file took longer than 60 seconds to read.",
        "odd",
    ]
    set_language("zh")
    assert [reason_of_the_file("/a/b.txt", reason) for reason in reasons] == [
        "该文件的内容像是“PDF 文件”，扩展名却是 .txt。请改成相符的扩展名，或转换格式。",
        "5 页中有 3 页没有文字（可能是扫描页）。",
        "读取该文件超过了 60 秒。",
        "odd",
    ]


def test_snippet_of_a_table_has_its_cells_only() -> None:
    table = "| 城市 | 限额 |\n| --- | :---: |\n| 上海 | 650 |\n| 成都 | 480 |"
    assert snippet(table, ["限额"], 100) == ("| 城市 | 限额 | 上海 | 650 | 成都 | 480 |", [(7, 9)])
