"""What cleaning changes, and what it leaves as its author wrote it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.documents.clean import clean_block, clean_text, one_line
from qianxun.records import Block


def cleaned(text: str, kind: str = "paragraph", **values: int) -> str | None:
    block = clean_block(Block(kind, text, **values))  # type: ignore[arg-type]
    return None if block is None else block.text


def test_full_width_characters_stay_as_written() -> None:
    assert cleaned("ＡＢＣ１２３，（甲）①㎡") == "ＡＢＣ１２３，（甲）①㎡"


def test_decomposed_letters_are_composed() -> None:
    assert cleaned("cafe\u0301") == "caf\u00e9"


def test_invisible_characters_are_removed() -> None:
    assert cleaned("年\u200b假\ufeff五\u00ad天\x00\x07。\u202e\ud800") == "年假五天。"


def test_joiners_stay_where_they_mean_something() -> None:
    assert cleaned("👩\u200d🔧 可以") == "👩\u200d🔧 可以"
    assert cleaned("年\u200d假") == "年假"


def test_odd_spaces_become_spaces() -> None:
    assert cleaned("25\u00a0N·m\u2009以上") == "25 N·m 以上"


@pytest.mark.parametrize(
    "wrapped, joined",
    [
        ("每位员工每年享有五天\n带薪年假", "每位员工每年享有五天带薪年假"),
        ("The leave is five\ndays a year", "The leave is five days a year"),
        ("本手册适用于 LF-200\r\n电磁流量计", "本手册适用于 LF-200 电磁流量计"),
        ("五天，\n可以分开", "五天，可以分开"),
        ("有給休暇は五日間\nです", "有給休暇は五日間です"),
        ("this is state-of-the-\nart equipment", "this is state-of-the-art equipment"),
        ("휴가는 오\n일이다", "휴가는 오 일이다"),
    ],
)
def test_wrapped_lines_are_joined_as_the_script_asks(wrapped: str, joined: str) -> None:
    assert cleaned(wrapped) == joined


@pytest.mark.parametrize(
    "text",
    [
        "姓名：张三\n电话：123",
        "如下：\n甲方负责运输",
        "通知\n各部门请于本周五之前提交年度总结报告和计划",
        "- 甲方\n- 乙方",
        "2025-01-02 开会讨论\n2025-01-03 继续开会",
    ],
)
def test_lines_that_were_meant_stay_lines(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize("kind", ["list", "table", "code"])
def test_lists_tables_and_code_keep_their_lines(kind: str) -> None:
    assert cleaned("甲的内容\n乙的内容\n  丙的内容", kind) == "甲的内容\n乙的内容\n  丙的内容"


def test_code_keeps_its_indentation_and_at_most_two_blank_lines() -> None:
    assert cleaned("\tif x:\n\n\n\n\n\t\treturn  \n", "code") == "\tif x:\n\n\n\t\treturn"


def test_heading_becomes_one_line() -> None:
    assert cleaned(" 第一章\n  总则 ", "heading") == "第一章 总则"


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\ufeff", "\x00"])
def test_block_without_text_is_dropped(text: str) -> None:
    assert cleaned(text) is None


def test_header_lines_never_exceed_the_table() -> None:
    block = clean_block(Block("table", "a | b", header_lines=3))
    assert block is not None
    assert block.header_lines == 1


def test_title_is_one_clean_line() -> None:
    assert one_line(" 员工\u200b手册\n2025 ") == "员工手册 2025"


@given(st.text())
def test_cleaned_text_is_stable_composed_and_storable(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert unicodedata.is_normalized("NFC", once)
    once.encode("utf-8")
    assert "\x00" not in once


@given(st.text(alphabet="年假ab ，。\n\t：-\u3000"), st.sampled_from(["paragraph", "list", "table", "code", "heading"]))
def test_cleaning_loses_no_visible_character(text: str, kind: str) -> None:
    assert "".join((cleaned(text, kind) or "").split()) == "".join(text.split())
