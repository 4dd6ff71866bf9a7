"""Quotes of a cleaned text are found among the characters of a page, however the page breaks and spaces them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.documents.quotes import Quote, places_of

TEXT = "差旅住宿标准：一线城市每晚 650 元。The limit for Shanghai is 650 yuan per night. 台北每晚新臺幣 3,500 元。"


def found(quote: Quote, page: str) -> list[str]:
    return [page[start:end] for start, end in places_of(quote, page)]


@given(st.data())
def test_a_quote_is_found_whole_wherever_lines_break(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT) - 1))
    end = data.draw(st.integers(start + 1, len(TEXT)))
    breaks = data.draw(st.sets(st.integers(0, len(TEXT)), max_size=20))
    page = "".join(("\r\n " if at in breaks else "") + c for at, c in enumerate(TEXT))
    sought = "".join(c for c in TEXT[start:end] if c.isalnum())
    places = places_of(Quote.of(TEXT, start, end), page)
    if not sought:
        assert places == []
        return
    ((a, b),) = places
    assert "".join(c for c in page[a:b] if c.isalnum()) == sought
    # Just there, not where the same is said before.
    assert sum(c.isalnum() for c in page[:a]) == sum(c.isalnum() for c in TEXT[:start])


def test_of_two_places_that_say_the_same_it_is_the_one_cited() -> None:
    page = "Deposit: 650 yuan. Hotel: 650 yuan."
    at = page.rindex("650 yuan")
    assert places_of(Quote.of(page, at, at + 8), page) == [(at, at + 8)]


@pytest.mark.parametrize(
    "quote, page, expected",
    [
        ("| 城市 | 限额 |\n| --- | --- |\n| 上海 | 650 |", "城市 限额\r\n上海 650\r\n", ["城市 限额\r\n上海 650"]),
        ("reimbursement of travel", "reimburse\x02\r\nment of travel", ["reimburse\x02\r\nment of travel"]),
        ("ﬁle № ５", "file No 5", ["file No 5"]),
        ("café", "cafe\u0301", ["cafe"]),
        ("沒有在這頁上的話", "這頁說的是別的", []),
        ("。，", "第一句。第二句，", []),
        ("", "text", []),
    ],
)
def test_tables_hyphens_widths_and_accents(quote: str, page: str, expected: list[str]) -> None:
    assert found(Quote(quote), page) == expected


def test_what_stands_in_two_columns_is_found_in_pieces() -> None:
    page = "工作满一年的员工每年有五天\r\n一线城市每晚六百五十元\r\n带薪年假，满十年的员工有十天"
    quote = Quote("工作满一年的员工每年有五天带薪年假，满十年的员工有十天。")
    assert found(quote, page) == ["工作满一年的员工每年有五天", "带薪年假，满十年的员工有十天"]


def test_a_few_letters_that_happen_to_be_there_are_no_quote() -> None:
    assert found(Quote("annual leave is granted"), "The annuals of the granary") == []
