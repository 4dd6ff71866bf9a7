"""Periods of time, as tables and questions name them: days to years, weekdays, numbered weeks and rounds.

Periods of one kind have an order and a distance; a month lies in its quarter, half and year. A period without its year
lies in one of any year. Days are read by `answering.facts`; 3/4/2024 is not read: it is a day in March or in April.
"""

import datetime
import itertools
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from qianxun.answering.facts import facts
from qianxun.text import fold

_NUMERALS: Final = {
    numeral: n for n, numeral in enumerate("一 二 三 四 五 六 七 八 九 十 十一 十二".split(), 1)
} | {"日": 7, "天": 7, "末": 6}  # fmt: skip
_MONTHS: Final = (
    "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
    "september sept sep", "october oct", "november nov", "december dec",
)  # fmt: skip
_WEEKDAYS: Final = (
    "monday mon", "tuesday tues tue", "wednesday wed", "thursday thurs thur thu", "friday fri", "saturday sat",
    "sunday sun",
)  # fmt: skip
_ORDINALS: Final = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4}
_NUMBER_OF: Final = {
    name: n for names in (_MONTHS, _WEEKDAYS) for n, line in enumerate(names, 1) for name in line.split()
} | _ORDINALS  # fmt: skip
# Words that are not only names of periods: read as one with a capital letter or after a preposition.
_DOUBTFUL: Final = frozenset("may march mar sat sun mon sep dec wed jan fri oct tue".split())

_Y = r"(?P<y>(?:19|20|21)\d\d)"
_AFTER = r"(?P<after>(?:19|20|21)\d\d)"
_CN = "[一二三四五六七八九十]{1,2}"
_MONTH = "(?P<name>" + "|".join(sorted(" ".join(_MONTHS).split(), key=len, reverse=True)) + r")\b\.?"
_WEEKDAY = "(?P<name>" + "|".join(sorted(" ".join(_WEEKDAYS).split(), key=len, reverse=True)) + r")\b\.?"
_EDGE, _END = r"(?<![\w.])", r"(?![\w]|\.\d)"
_FREE = r"(?<![\d.])"
_STEPS = "day|week|round|sprint|phase|step|batch|lot|iteration|epoch|period|stage|session|run"
# The first that fits, from left to right; narrower ones before wider ones. Named groups: y, after and yy are years,
# n, cn and name numbers.
_PATTERNS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("day", rf"{_FREE}{_Y}\s*(?:年\s*\d{{1,2}}\s*月\s*\d{{1,2}}\s*[日号]?|([-/.])\d{{1,2}}\2\d{{1,2}}(?!\d))"),
        ("day", rf"{_FREE}\d{{1,2}}\s*月\s*\d{{1,2}}\s*[日号]"),
        ("day", rf"{_EDGE}{_MONTH}\s*(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?\b(?!\d)(?:,?\s*{_Y}\b)?"),
        ("day", rf"{_EDGE}(?:3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?[\s-]*{_MONTH}(?:[\s,-]*{_Y}\b)?"),
        ("quarter", rf"{_FREE}(?:{_Y}\s*年?\s*)?第?\s*(?:(?P<n>[1-4])|(?P<cn>[一二三四]))\s*季度?"),
        ("quarter", rf"{_EDGE}{_Y}\s*年?\s*[-/]?\s*q(?P<n>[1-4]){_END}"),
        ("quarter", rf"{_EDGE}q(?P<n>[1-4])(?:[\s,/-]*(?:{_AFTER}|['’]?(?P<yy>\d\d))\b)?(?!\w)"),
        ("quarter", rf"{_EDGE}(?P<n>[1-4])q(?:[\s/-]*(?:{_Y}|['’]?(?P<yy>\d\d)))?{_END}"),
        ("quarter", rf"{_EDGE}(?P<name>first|second|third|fourth|1st|2nd|3rd|4th)\s+quarter\b(?:\s+(?:of\s+)?{_Y})?"),
        ("half", rf"{_FREE}(?:{_Y}\s*年?\s*)?(?P<up>[上下])半年"),
        ("half", rf"{_EDGE}(?:{_Y}\s*[-/]?\s*)?h(?P<n>[12])(?:[\s,/-]*{_AFTER})?{_END}"),
        ("half", rf"{_EDGE}(?P<name>first|second)\s+half\b(?:\s+(?:of\s+)?{_Y})?"),
        ("month", rf"{_FREE}{_Y}\s*年\s*(?:(?P<n>1[0-2]|0?[1-9])|(?P<cn>{_CN}))\s*月份?"),
        ("month", rf"{_FREE}{_Y}[-/](?P<n>1[0-2]|0[1-9]){_END}(?![-/.]\d)"),
        ("month", rf"{_FREE}{_Y}/(?P<n>[1-9]){_END}(?!/)"),
        ("month", rf"{_FREE}(?:{_Y}\s*年\s*)?(?P<n>1[0-2]|0?[1-9])(?=\s*[-–~～到至]\s*(?:1[0-2]|0?[1-9])\s*月)"),
        ("month", rf"{_FREE}(?:(?P<n>1[0-2]|0?[1-9])|(?<!第)(?P<cn>{_CN}))\s*月份?(?!\d)"),
        ("month", rf"{_EDGE}{_MONTH}(?:(?:,?\s*|-)(?:{_Y}|['’](?P<yy>\d\d))\b)?(?!\w)"),
        ("month", rf"{_EDGE}{_Y}\s+{_MONTH}"),
        ("weekday", r"(?:周|星期|礼拜)(?P<cn>[一二三四五六日天])(?!季)"),
        ("weekday", rf"{_EDGE}{_WEEKDAY}(?!\w)"),
        ("week", rf"{_FREE}(?:{_Y}\s*年\s*)?第\s*(?:(?P<n>\d{{1,2}})|(?P<cn>{_CN}))\s*周"),
        ("week", rf"{_EDGE}{_Y}-?w(?P<n>\d{{1,2}}){_END}"),
        ("week", rf"{_EDGE}(?:w|wk|week)\s*#?(?P<n>\d{{1,2}}){_END}"),
        ("step", rf"第\s*(?:(?P<n>\d{{1,3}})|(?P<cn>{_CN}))\s*(?P<word>[期批轮次天届回])"),
        ("step", rf"{_EDGE}(?P<word>{_STEPS})\s*#?(?P<n>\d{{1,3}}){_END}"),
        ("year", rf"{_FREE}{_Y}\s*(?:财年|年度?)"),
        ("year", rf"{_EDGE}fy\s*(?:{_Y}|['’]?(?P<yy>\d\d)){_END}"),
    )
)
_SPOKEN_YEAR: Final = re.compile(r"[一二][一二三四五六七八九零〇]{3}(?=\s*年)")
_SPOKEN_DIGITS: Final = str.maketrans("零〇一二三四五六七八九", "00123456789")
_SEASON: Final = re.compile(
    rf"{_Y}\s*[-–/]\s*(?:(?P<other>(?:19|20|21)\d\d)|(?P<two>\d\d))\s*(?:学年|赛季|财年|年度?)?"
)
_BARE_YEAR: Final = re.compile(rf"(?<![\d.,$¥€£-]){_Y}(?![\d%,.]*\d|[%万亿元件台个])")
_CUE: Final = re.compile(r"\d|[一二三四五六日天上下][月季周半]|周|星期|礼拜|[a-z]{3}|月|第|半年")
_PREPOSITION: Final = re.compile(
    r"(?:\b(?:in|of|from|to|since|between|and|until|till|through|for|vs|versus|than|on|after|before|by|with|during)|[-–,、/])\s*$"
)
# How many of the wider kind's parts: (narrow, wide) → parts of the narrow kind in one of the wide.
_PARTS: Final = {("month", "quarter"): 3, ("month", "half"): 6, ("quarter", "half"): 2}
WIDTHS: Final = {"day": 0, "week": 1, "month": 2, "quarter": 3, "half": 4, "year": 5}


@dataclass(frozen=True, slots=True)
class Period:
    """A period. `kind` is day, weekday, week, month, quarter, half, year or `step:WORD`; `year` None where not given.

    `number` counts within the year from 1 (a day: month · 100 + day; a weekday from Monday; a step by itself); 0 for
    a year.
    """

    kind: str
    year: int | None = None
    number: int = 0

    @property
    def ordinal(self) -> int:
        """Its place among those of its kind: neighbours differ by 1. Without a year, within some leap year."""
        year = self.year or 0
        if self.kind == "day":
            return datetime.date(self.year or 2000, *divmod(self.number, 100)).toordinal()
        if self.kind == "week" and self.year:
            return datetime.date.fromisocalendar(self.year, self.number, 1).toordinal() // 7
        per_year = {"month": 12, "quarter": 4, "half": 2, "year": 1}.get(self.kind, 0)
        return year * per_year + self.number

    def lies_in(self, other: "Period") -> bool:
        """True if it is the other period or a part of it. Where one of them has no year, years are not compared."""
        if self.year is not None and other.year is not None and self.year != other.year:
            return False
        if self.kind == other.kind:
            return self.number == other.number and (self.kind != "year" or self.year == other.year)
        if other.kind == "year":
            return self.year == other.year and self.kind in WIDTHS
        if self.kind == "day" and other.kind in ("month", "quarter", "half"):
            return Period("month", self.year, self.number // 100).lies_in(other)
        parts = _PARTS.get((self.kind, other.kind))
        return parts is not None and (self.number - 1) // parts + 1 == other.number


@dataclass(frozen=True, slots=True)
class Found:
    """A period in a text: characters `start` to `end` of the text as `cased` gives it."""

    start: int
    end: int
    period: Period


def read_period(text: str) -> Period | None:
    """The period that all of the text names. A bare 2024 is none: it may be a number."""
    folded = _with_written_years(fold(text)).strip().strip("()")
    if not _CUE.search(folded) or len(folded) > 40:
        return None
    season = _SEASON.fullmatch(folded)
    if season is not None and not re.fullmatch(r"\d{4}[-–/](?:0\d|1[0-2])", folded):
        first, last = int(season["y"]), int(season["other"] or season["y"][:2] + season["two"])
        if last == first + 1:
            return Period("year", first)
    for kind, pattern in _PATTERNS:
        match = pattern.fullmatch(folded)
        if match is not None:
            return _period(kind, match)
    return None


def cased(text: str) -> tuple[str, str]:
    """The text folded, and the same with its capital letters; both of one length."""
    folded = fold(text)
    written = unicodedata.normalize("NFKC", text)
    return folded, written if len(written) == len(folded) else folded


def periods_in(text: str, *, bare_years: bool = False) -> list[Found]:
    """The periods named in a text, in order. `bare_years`: four digits alone are a year."""
    folded, written = cased(text)
    folded = _with_written_years(folded)
    taken = [False] * len(folded)
    found: list[Found] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(folded):
            if any(taken[match.start() : match.end()]) or not _is_meant(match, folded, written):
                continue
            period = _period(kind, match)
            if period is not None:
                found.append(Found(match.start(), match.end(), period))
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
    if bare_years:
        for match in _BARE_YEAR.finditer(folded):
            if not any(taken[match.start() : match.end()]):
                found.append(Found(match.start(), match.end(), Period("year", int(match["y"]))))
    return sorted(found, key=lambda one: one.start)


def _with_written_years(folded: str) -> str:
    """二〇二四年 as 2024年; of the same length."""
    return _SPOKEN_YEAR.sub(lambda match: match[0].translate(_SPOKEN_DIGITS), folded)


def _is_meant(match: "re.Match[str]", folded: str, written: str) -> bool:
    """False for "may" and "march" as verbs: without a number, a capital letter within a sentence or a preposition."""
    name = match.groupdict().get("name")
    if name not in _DOUBTFUL or re.search(r"\d", match[0]) or _PREPOSITION.search(folded[: match.start()]):
        return True
    starts_sentence = not folded[: match.start()].rstrip() or folded[: match.start()].rstrip()[-1] in ".!?。！？\n"
    return written[match.start()].isupper() and not starts_sentence


def _period(kind: str, match: "re.Match[str]") -> Period | None:
    if kind == "day":
        return _day(match[0])
    named = match.groupdict()
    written = named.get("y") or named.get("after")
    year = int(written) if written else 2000 + int(named["yy"]) if named.get("yy") else None
    if named.get("up"):
        number = 1 if named["up"] == "上" else 2
    elif named.get("n"):
        number = int(named["n"])
    elif named.get("cn"):
        number = _numeral(named["cn"])
    else:
        number = _NUMBER_OF.get(named.get("name") or "", 0)
    if kind == "step":
        return Period(f"step:{named['word']}", None, number)
    if (kind == "week" and not 1 <= number <= 53) or (kind == "month" and not 1 <= number <= 12):
        return None
    if kind == "week" and year is not None and number > datetime.date(year, 12, 28).isocalendar().week:
        return None
    return Period(kind, year, number)


def _numeral(numeral: str) -> int:
    if numeral in _NUMERALS:
        return _NUMERALS[numeral]
    tens, ten, ones = numeral.partition("十")
    return (_NUMERALS.get(tens, 1) * 10 if ten else 0) + _NUMERALS.get(ones, 0)


def _day(text: str) -> Period | None:
    dates = facts(text.replace("-", " ") if re.search("[a-z]", text) else text).dates
    if len(dates) != 1:
        return None
    (date,) = dates
    if date.month is None or date.day is None:
        return None
    try:
        datetime.date(date.year or 2000, date.month, date.day)
    except ValueError:
        return None
    return Period("day", date.year, date.month * 100 + date.day)


def in_order(periods: list[Period]) -> list[int]:
    """The indexes of periods of one kind, earliest first; those without years that run over New Year stay in line.

    十一月, 十二月, 一月 is three months in a row, not January and then November.
    """
    ordinals = [period.ordinal for period in periods]
    cycle = {"month": 12, "quarter": 4, "weekday": 7}.get(periods[0].kind, 0) if periods else 0
    if cycle and all(period.year is None for period in periods) and len(set(ordinals)) == len(ordinals) <= cycle:
        steps = {(after - before) % cycle for before, after in itertools.pairwise(ordinals)}
        if steps == {1}:
            return list(range(len(periods)))
    return sorted(range(len(periods)), key=lambda i: (ordinals[i], i))
