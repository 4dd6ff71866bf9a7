"""The facts that a text states in figures: dates, times, numbers with units, identifiers. Read to choose sentences.

Facts are compared in one form, whatever the script: 2025-03-01, 2025年3月1日, March 1, 2025 and 1 Mar
2025 are one date; 1,200, １２００ and 一千二百 one number; 三天, 3 天 and three days one duration.
Rules, not a parser: what they do not recognise is not compared. This module knows no passage and no
citation; what citations are checked with (`checking/figures.py`) also tells currencies, limits and rates apart.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from qianxun.text import fold


@dataclass(frozen=True, slots=True)
class Date:
    """A date, as far as it is given: 3月1日 has no year, 2025年3月 no day."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number as canonical decimal text, and its unit if that is one that we tell apart (`%`, `day`, `hour`, …)."""

    value: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text states in figures."""

    dates: frozenset[Date] = frozenset()
    times: frozenset[str] = frozenset()
    numbers: frozenset[Number] = frozenset()
    identifiers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.dates or self.times or self.numbers or self.identifiers)

    @property
    def years(self) -> frozenset[int]:
        """The years of its dates, and the bare numbers that look like one."""
        bare = (int(n.value) for n in self.numbers if not n.unit and _YEAR.fullmatch(n.value))
        return frozenset(bare).union(d.year for d in self.dates if d.year)


_YEAR = re.compile(r"(?:19|20|21)\d\d")
_MONTHS = {
    name: i
    for i, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
_MONTH = "(" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_ENGLISH_SMALL = {
    word: i
    for i, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen".split(),
        2,
    )
}
_ENGLISH_TENS = {w: i * 10 for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_CHINESE_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1000}
_CHINESE_NUMERAL = "[零〇一二三四五六七八九十百千两]"
# A Chinese numeral is a number only before what is counted: 一般, 万一, 三明治 are words. 一 alone is
# left out: 一个 is an article more often than a count.
_COUNTED = (
    r"(?=[天日年月周夜晚]|个|小时|分钟|秒|元|块|名|位|次|人|台|家|项|条|倍|折|楼|层|岁|届|级|款|章|号|股|票|"
    r"万|亿|吨|米|公里|公斤|千克|克|度|期|批|类|种|件|份|本|册|辆|架|艘|枚|金|银|铜|成)"
)
_UNITS = (
    (r"个?工作日|个?(?:working|business)\s*days?", "workday"),
    (r"个?自然日|天|days?\b", "day"),
    (r"个?小时|个?钟头|hours?\b|hrs?\b", "hour"),
    (r"分钟|minutes?\b|mins?\b", "minute"),
    (r"秒钟?|seconds?\b|secs?\b", "second"),
    (r"个?(?:星期|礼拜)|周(?!年)|weeks?\b", "week"),
    (r"个月|months?\b", "month"),
    (r"周年|年|years?\b|yrs?\b", "year"),
)
_UNIT = re.compile("|".join(f"(?P<{name}>{pattern})" for pattern, name in _UNITS))
_SCALES = {
    "万亿": 12,
    "亿": 8,
    "千万": 7,
    "百万": 6,
    "万": 4,
    "trillion": 12,
    "billion": 9,
    "million": 6,
    "thousand": 3,
}
_SCALES |= {"bn": 9, "m": 6, "k": 3}
_DECIMAL = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"

_PLAIN_DATES = (
    re.compile(
        r"(?<![\d.])(?P<y>(?:19|20|21)\d\d)\s*年度?\s*(?P<m>1[0-2]|0?[1-9])\s*月(?:份)?(?:\s*(?P<d>3[01]|[12]\d|0?[1-9])\s*[日号])?"
    ),
    re.compile(
        r"(?<![\d.\-])(?P<y>(?:19|20|21)\d\d)\s*([-/.])\s*(?P<m>1[0-2]|0?[1-9])\s*\2\s*(?P<d>3[01]|[12]\d|0?[1-9])(?![\d\-]|\.\d)"
    ),
    re.compile(rf"{_MONTH}\s*(?P<d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?\b(?:\s*,?\s*(?P<y>(?:19|20|21)\d\d)\b)?"),
    re.compile(
        rf"\b(?P<d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?\s*(?:of\s+)?{_MONTH},?(?:\s*(?P<y>(?:19|20|21)\d\d)\b)?"
    ),
    re.compile(rf"{_MONTH},?\s*(?P<y>(?:19|20|21)\d\d)\b"),
    re.compile(r"(?<![\d.])(?P<m>1[0-2]|0?[1-9])\s*月(?:份)?(?:\s*(?P<d>3[01]|[12]\d|0?[1-9])\s*[日号])"),
    re.compile(r"(?<![\d.])(?P<m>1[0-2]|0?[1-9])\s*月(?:份)?"),
    re.compile(r"(?<![\d.])(?P<y>(?:19|20|21)\d\d)\s*年"),
)
_TIME = re.compile(
    r"(?<![\d:])(?P<h>[01]?\d|2[0-4])\s*(?::\s*(?P<m>[0-5]\d)(?::[0-5]\d)?\s*(?P<ap>[ap]\.?m\b\.?)?|\s*(?P<ap2>[ap]\.?m\b\.?)"
    r"|\s*[点时](?!间)(?:\s*(?P<m2>[0-5]?\d)\s*分|(?P<half>半))?)"
)
_AFTERNOON = re.compile(r"(?:下午|晚上|傍晚|晚间|夜里)\s*$")
# Letters and digits joined: E-1042, LF-200-50, INC-2025-0318, dn50; and versions: 4.1.0.
_IDENTIFIER = re.compile(
    r"(?<![a-z0-9.])v?\d+(?:\.\d+){2,}(?![a-z0-9]|\.\d)|"
    r"(?<![a-z0-9])(?=[a-z0-9\-_./]*[a-z])(?=[a-z0-9\-_./]*\d)[a-z0-9]+(?:[\-_./][a-z0-9]+)*(?![a-z0-9])"
)
_NUMBER = re.compile(
    rf"(?P<percent>百分之\s*(?P<of>{_DECIMAL}|{_CHINESE_NUMERAL}+(?:点{_CHINESE_NUMERAL}+)?))"
    rf"|(?P<n>{_DECIMAL})\s*(?P<scale>万亿|亿|千万|百万|万|(?:trillion|billion|million|thousand|bn)\b|[mk]\b)?"
    r"\s*(?P<mark>%|percent\b|per\s+cent\b|pct\b|‰|个百分点)?"
)
_CHINESE_NUMBER = re.compile(rf"第?({_CHINESE_NUMERAL}+)([万亿])?{_COUNTED}")
_ENGLISH_NUMBER = re.compile(
    rf"\b(?:({'|'.join(_ENGLISH_TENS)})(?:[\s-]({'|'.join(['one', *_ENGLISH_SMALL])}))?|({'|'.join(_ENGLISH_SMALL)}))\b"
)
_ORDINARY_ALPHANUMERIC = re.compile(
    r"^(?:\d+(?:st|nd|rd|th|s)|\d+(?:\.\d+)?(?:[a-z]|km|cm|mm|kg|ml|mg|gb|mb|kb|tb|hz|hours?|days?|bn))$"
)


def facts(text: str) -> Facts:
    """The facts of a text, in comparable form."""
    rest = fold(text)
    if not _ANY_FIGURE.search(rest):
        return Facts()
    if not rest.isascii():
        rest = _with_arabic_dates(rest)
    dates: set[Date] = set()
    times: set[str] = set()
    identifiers: set[str] = set()
    for pattern in _PLAIN_DATES:
        rest = _take(pattern, rest, lambda m: dates.add(_date(m)))
    rest = _take(
        _IDENTIFIER,
        rest,
        lambda m: identifiers.add(m[0].lstrip("v") if m[0][1:2].isdigit() and "." in m[0] else m[0]),
        lambda m: _is_identifier(m[0]),
    )
    rest = _take(_TIME, rest, lambda m: times.add(_time(m, rest)))
    return Facts(frozenset(dates), frozenset(times), frozenset(_numbers(rest)), frozenset(identifiers))


_ANY_FIGURE = re.compile(rf"\d|{_CHINESE_NUMERAL}|{_ENGLISH_NUMBER.pattern}")


def _is_identifier(token: str) -> bool:
    return not _ORDINARY_ALPHANUMERIC.match(token) and not token.startswith(("http", "www."))


def _take(pattern: "re.Pattern[str]", text: str, found: object, accepts: object = None) -> str:
    """The text without the matches, each of which was handed to `found`."""
    out, last = [], 0
    for match in pattern.finditer(text):
        if accepts is not None and not accepts(match):  # type: ignore[operator]
            continue
        found(match)  # type: ignore[operator]
        out += [text[last : match.start()], " ; "]
        last = match.end()
    return "".join([*out, text[last:]]) if out else text


def _date(match: "re.Match[str]") -> Date:
    named = match.groupdict()
    month = named.get("m")
    if month is None:
        month = next((str(_MONTHS[g]) for g in match.groups() if g in _MONTHS), None)
    return Date(*(int(v) if v else None for v in (named.get("y"), month, named.get("d"))))


def _time(match: "re.Match[str]", text: str) -> str:
    hour, minute = int(match["h"]), int(match["m"] or match["m2"] or (30 if match["half"] else 0))
    half_day = (match["ap"] or match["ap2"] or "")[:1]
    if (half_day == "p" or _AFTERNOON.search(text[: match.start()])) and hour < 12:
        hour += 12
    return f"{hour}:{minute:02d}"


def _numbers(text: str) -> Iterable[Number]:
    for match in _NUMBER.finditer(text):
        if match["percent"]:
            of = match["of"]
            value = of if of[0].isdigit() else _spoken(of)
            yield Number(_canonical(value), "%")
            continue
        value = _canonical(match["n"], _SCALES.get(match["scale"] or "", 0))
        yield Number(value, _unit_of(match["mark"], text, match.end()))
    for match in _CHINESE_NUMBER.finditer(text):
        if match[1] in "一千百" and not match[2]:
            continue
        value = _canonical(_spoken(match[1]), {"万": 4, "亿": 8}.get(match[2] or "", 0))
        yield Number(value, _unit_of(None, text, match.end()))
    for match in _ENGLISH_NUMBER.finditer(text):
        tens, ones, small = match.groups()
        number = _ENGLISH_TENS.get(tens or "", 0) + {"one": 1, **_ENGLISH_SMALL}.get(ones or small or "", 0)
        yield Number(str(number), _unit_of(None, text, match.end()))


def _unit_of(mark: str | None, text: str, end: int) -> str:
    if mark:
        return "‰" if mark == "‰" else "%"
    unit = _UNIT.match(text, end + (len(text[end:]) - len(text[end:].lstrip(" -"))))
    return (unit.lastgroup or "") if unit else ""


def _canonical(number: str, exponent: int = 0) -> str:
    """Decimal text without separators, leading and trailing zeros, with the point moved."""
    whole, _, fraction = number.replace(",", "").partition(".")
    fraction = fraction.ljust(exponent, "0")
    whole, fraction = whole + fraction[:exponent], fraction[exponent:].rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def _spoken(numeral: str) -> str:
    """三百二十 → 320; 二〇二五 → 2025; 三点五 → 3.5."""
    whole, _, fraction = numeral.partition("点")
    if not any(c in _CHINESE_SCALES for c in whole):
        text = "".join(str(_CHINESE_DIGITS[c]) for c in whole)
    else:
        total, digit = 0, 0
        for c in whole:
            if c in _CHINESE_SCALES:
                total += (digit or 1) * _CHINESE_SCALES[c]
                digit = 0
            else:
                digit = _CHINESE_DIGITS[c]
        text = str(total + digit)
    return text + ("." + "".join(str(_CHINESE_DIGITS[c]) for c in fraction) if fraction else "")


_CHINESE_DATE = re.compile(
    r"([〇零一二三四五六七八九]{4})(?=\s*年)|([一二三四五六七八九十]{1,3})(?=\s*月(?:份|[一二三四五六七八九十\d]|$|\W))|(?<=月)([一二三四五六七八九十]{1,3})(?=\s*[日号])"
)


def _with_arabic_dates(folded: str) -> str:
    return _CHINESE_DATE.sub(lambda m: _spoken(m[0]), folded)
