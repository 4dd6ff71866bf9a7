"""What a statement also counts by, beside its figures: rates, days of the week, halves and thirds, once and twice.

每年 and "each year" are a rate, 半年 is a number of years. Patterns and what they read; texts are as
`figures.spelled` gives them.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Final

from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.figure_words import UNIT, UNIT_NAMES
from qianxun.answering.checking.numerals import HAN_NUMERAL, from_english, from_han, value_of

_WEEKDAYS: Final = dict(
    zip("一二三四五六日", "monday tuesday wednesday thursday friday saturday sunday".split(), strict=True)
) | {"天": "sunday"}
_HAN_PERIODS: Final = {
    "年": "year", "月": "month", "季度": "quarter", "周": "week", "星期": "week", "礼拜": "week", "天": "day",
    "日": "day", "工作日": "workday", "小时": "hour", "分钟": "minute", "秒": "second",
}  # fmt: skip
_HAN_PERIOD: Final = "|".join(sorted(_HAN_PERIODS, key=len, reverse=True))
_PERIOD: Final = "year|quarter|month|week|day|hour|minute|second"
_PARTS: Final = {"half": 2, "third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
# To be read before figures, which hold words of it.
SPOKEN: Final[tuple[tuple[str, "re.Pattern[str]"], ...]] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("share", r"(?P<half>一半|半数)"),
        ("share", rf"(?P<d>\d+|(?!百|千){HAN_NUMERAL}+)分之(?P<n>\d+|{HAN_NUMERAL}+)"),
        (
            "share",
            r"\b(?P<n>one|an?|two|three|four)[\s-](?P<d>third|quarter|fifth|tenth)s?\b(?=\s+of\b)"
            r"(?!\s+of\s+an\s+hour)",
        ),
        ("share", r"\b(?P<d>half)\b(?!\s+an?\s)(?!-)"),
        ("half", rf"(?<![个點点])半\s*个?(?P<han>{_HAN_PERIOD})|\bhalf\s+an?\s+(?P<period>{_PERIOD})\b"),
        ("half of a unit", r"\bhalf\s+an?\b(?=\s+[a-z])|(?<![一个点])半(?=(?:公里|公斤|千米|米|斤|吨|升|克))"),
        ("quarter of a year", r"第?(?P<han>[一二三四1-4])季度|\b(?P<nth>first|second|third|fourth)[\s-]quarter\b"),
        ("first", r"首(?=[次个位届批期年月周日])"),
        ("quarter", r"一刻钟|\ba\s+quarter\s+of\s+an\s+hour\b"),
        ("times", r"\b(?P<times>once|twice)\b(?=\s+(?:a|an|per|each|every|in)\b)"),
        ("weekday", r"(?:周|星期|礼拜)(?P<han>[一二三四五六日天])(?![年岁次个天周遍回封名位期])"),
        ("weekday", r"\b(?P<day>(?:mon|tues|wednes|thurs|fri|satur|sun)day)s?\b"),
        ("rate", rf"(?:每|按|逐)\s*[一1]?\s*个?(?P<han>{_HAN_PERIOD})(?![报志历程期])"),
        ("rate", rf"\b(?:per|each|every)\s+(?:calendar\s+)?(?P<period>{_PERIOD})\b"),
        ("rate", rf"\ban?\s+(?P<period>{_PERIOD})\b(?!\s+(?:later|ago|after|before|earlier|of))"),
        ("rate", r"\b(?P<adverb>annually|yearly|quarterly|monthly|weekly|daily|hourly)\b"),
    )
)
_ADVERBS: Final = {"annually": "year", "yearly": "year", "daily": "day"}


def _share(match: "re.Match[str]", text: str) -> Figure | None:
    named = {key: value.lower() for key, value in match.groupdict().items() if value}
    if "half" in named:
        return Figure("number", "1/2", "share", start=match.start(), end=match.end())
    below, above = named["d"], named.get("n", "1")
    n_parts = _PARTS.get(below) or _whole(below)
    n = (
        1
        if above in ("a", "an")
        else int(from_english(above))
        if above.isascii() and above.isalpha()
        else _whole(above)
    )
    if n_parts in (0, 100, 1000):
        return None
    return Figure("number", str(Fraction(n, n_parts)), "share", start=match.start(), end=match.end())


def _whole(numeral: str) -> int:
    return int(numeral) if numeral.isdigit() else int(from_han(numeral))


def _half(match: "re.Match[str]", text: str) -> Figure | None:
    return Figure("number", "0.5", _period(match), start=match.start(), end=match.end())


def _half_of_a_unit(match: "re.Match[str]", text: str) -> Figure | None:
    unit = UNIT.match(text, match.end())
    if unit is None or not unit.lastindex:
        return None
    return Figure("number", "0.5", UNIT_NAMES[unit.lastindex - 1], start=match.start(), end=unit.end())


def _quarter(match: "re.Match[str]", text: str) -> Figure | None:
    return Figure("number", "15", "minute", start=match.start(), end=match.end())


def _times(match: "re.Match[str]", text: str) -> Figure | None:
    value = "1" if match["times"].lower() == "once" else "2"
    return Figure("number", value, "occasion", start=match.start(), end=match.end())


def _quarter_of_a_year(match: "re.Match[str]", text: str) -> Figure | None:
    named = match["han"]
    number = value_of(named) if named else str(1 + ("first", "second", "third", "fourth").index(match["nth"].lower()))
    return Figure("code", f"q{number}", start=match.start(), end=match.end())


def _first(match: "re.Match[str]", text: str) -> Figure | None:
    return Figure("number", "1", "ordinal", start=match.start(), end=match.end())


def _rate(match: "re.Match[str]", text: str) -> Figure | None:
    return Figure("rate", "1", _period(match), start=match.start(), end=match.end())


def _period(match: "re.Match[str]") -> str:
    named = {key: value.lower() for key, value in match.groupdict().items() if value}
    if "han" in named:
        return _HAN_PERIODS[named["han"]]
    adverb = named.get("adverb", "")
    return named.get("period") or _ADVERBS.get(adverb, adverb.removesuffix("ly"))


def _weekday(match: "re.Match[str]", text: str) -> Figure | None:
    named = match.groupdict()
    value = _WEEKDAYS[named["han"]] if named.get("han") else named["day"].lower()
    return Figure("weekday", value, start=match.start(), end=match.end())


SPOKEN_READERS: Final[dict[str, Callable[["re.Match[str]", str], Figure | None]]] = {
    "share": _share,
    "half": _half,
    "half of a unit": _half_of_a_unit,
    "quarter": _quarter,
    "quarter of a year": _quarter_of_a_year,
    "first": _first,
    "times": _times,
    "rate": _rate,
    "weekday": _weekday,
}
