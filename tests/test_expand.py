"""Other ways to write what a question asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.retrieval.expand import Synonyms, alternatives, in_chinese, value_of
from qianxun.text import fold, words

SYNONYMS = Synonyms({"年假": ("年休假", "annual leave"), "annual leave": ("年假",), "it": ("信息技术",)})


def written(question: str, synonyms: Synonyms | None = None) -> list[set[str]]:
    """The ways to write each piece, as texts of terms."""
    return [
        {" ".join(terms) for terms in (piece.asked, *piece.others)}
        for piece in alternatives(fold(question), synonyms=synonyms)
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LF-2301 的价格", "LF2301的价格"),
        ("DN50流量计", "DN 50 流量计"),
        ("预算１，２００元", "預算1200元"),
        ("5天年假", "五天年假"),
        ("２５天", "二十五天"),
        ("第12条", "第十二条"),
        ("2025年1月3日的会议", "2025-01-03 的会议"),
        ("2025/1/3", "3 January 2025"),
        ("2025年3月报告", "March 2025 报告"),
        ("二零二五年报告", "2025年报告"),
        ("二〇二五年", "2025年"),
    ],
)
def test_the_same_thing_written_otherwise_is_among_the_alternatives(one: str, other: str) -> None:
    for asked, text in ((one, other), (other, one)):
        there = set(words(fold(text)))
        ways = [set(way.split()) for piece in written(asked) for way in piece]
        assert any(way <= there for way in ways), (asked, ways)


@pytest.mark.parametrize(
    "question",
    [
        "年假有多少天？",
        "what is the annual leave policy",
        "版本 1.2.3 的变化",
        "10:30 的会议",
        "3.5 毫米",
        "一一对应",
        "千万不要",
    ],
)
def test_what_is_written_in_one_way_only_stays(question: str) -> None:
    assert written(question) == []


def test_synonyms_are_found_whole() -> None:
    assert written("员工年假", SYNONYMS) == [{"年假", "年休 休假", "annual leav"}]
    assert written("the Annual  Leave", SYNONYMS) == [{"annual leav", "年假"}]
    assert written("bit by bit", SYNONYMS) == []
    assert written("我们的IT部门", SYNONYMS) == [{"it", "信息 息技 技术"}]
    assert written("年休假", SYNONYMS) == []


def test_a_date_is_no_three_numbers() -> None:
    (piece,) = alternatives(fold("2025年1月3日"))
    assert piece.asked == ("2025", "年", "1", "月", "3")


@given(st.integers(0, 9999))
def test_chinese_numerals_there_and_back(number: int) -> None:
    assert value_of(in_chinese(number)) == number


@pytest.mark.parametrize("numeral", ["一一", "千万", "百千", "十百", "一零一"])
def test_what_is_no_number_has_no_value(numeral: str) -> None:
    assert value_of(numeral) is None


@given(st.text("年月日零一二十百0123456789-/., abLF假期", max_size=40))
def test_pieces_do_not_overlap_and_are_of_the_question(question: str) -> None:
    folded = fold(question)
    terms = set(words(folded)) | set("".join(words(folded)))
    for piece in alternatives(folded, synonyms=SYNONYMS):
        assert piece.asked not in piece.others
        assert len(set(piece.others)) == len(piece.others) > 0
        assert all("".join(piece.others[0]) for _ in piece.others)
        assert terms or not piece.asked
