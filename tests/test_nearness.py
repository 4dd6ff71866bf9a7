"""Mistakes between words, against a slow obvious reference; and which known words are near another."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.text import beginnings, fold, mistakes, nearest, tolerated_mistakes

WORDS = st.text("ab1l0o年é", max_size=6)


def by_recursion(one: str, other: str) -> int:
    """Optimal string alignment as it is defined."""

    @functools.cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        least = min(
            distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (one[i - 1] != other[j - 1])
        )
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            least = min(least, distance(i - 2, j - 2) + 1)
        return least

    return distance(len(one), len(other))


@pytest.mark.parametrize(
    ("one", "other", "n"),
    [
        ("lf2310", "lf2301", 1),
        ("1o24", "1024", 1),
        ("postgersql", "postgresql", 1),
        ("kubernets", "kubernetes", 1),
        ("kuberntse", "kubernetes", 2),
        ("资讯部", "資訊部", 2),
        ("ca", "abc", 3),  # 2 where a letter may be moved and changed
        ("", "ab", 2),
        ("年假", "年假", 0),
    ],
)
def test_mistakes_are_counted(one: str, other: str, n: int) -> None:
    assert mistakes(one, other, 9) == mistakes(other, one, 9) == by_recursion(one, other) == n


def test_folded_words_of_both_scripts_and_widths_have_no_mistakes() -> None:
    assert mistakes(fold("ＬＦ２３０１資訊部"), fold("lf2301资讯部"), 1) == 0


@given(WORDS, WORDS, st.integers(0, 4))
def test_mistakes_are_those_of_the_definition(one: str, other: str, most: int) -> None:
    assert mistakes(one, other, most) == min(by_recursion(one, other), most + 1)


@pytest.mark.parametrize(
    ("word", "n"), [("vpn", 0), ("leav", 1), ("annual", 1), ("kubernet", 2), ("lf230112345", 1), ("", 0)]
)
def test_longer_words_may_have_more_mistakes_and_figures_only_one(word: str, n: int) -> None:
    assert tolerated_mistakes(word) == n


@pytest.mark.parametrize(("word", "begin"), [("1o24", "1ilo"), ("qx", "qx"), ("o", "0o"), ("年假", "假年"), ("", "")])
def test_words_near_another_begin_alike(word: str, begin: str) -> None:
    assert sorted(beginnings(word)) == sorted(begin)


@given(WORDS.filter(bool), st.dictionaries(WORDS.filter(bool), st.integers(1, 3), max_size=12), st.integers(1, 2))
def test_the_nearest_words_are_those_of_a_look_at_each(word: str, known: dict[str, int], most_mistakes: int) -> None:
    expected = {
        candidate
        for candidate in known
        if 0 < by_recursion(word, candidate) <= most_mistakes and candidate[0] in beginnings(word)
    }
    found = nearest(word, known.items(), most_mistakes=most_mistakes, most=99)
    assert set(found) == expected
    assert len(found) == len(expected)
    assert [by_recursion(word, c) for c in found] == sorted(by_recursion(word, c) for c in found)
    assert nearest(word, reversed(known.items()), most_mistakes=most_mistakes, most=2) == found[:2]


def test_among_equally_near_words_the_likeliest_comes_first() -> None:
    known = {"2311": 9, "2301": 1, "231o": 2, "3310": 99, "2210": 9}
    assert nearest("2310", known.items(), most_mistakes=1, most=9) == ("231o", "2301", "2210", "2311", "3310")
