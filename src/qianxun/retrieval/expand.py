"""Other ways to write what a question asks for: synonyms, identifiers, numbers, dates. Pure; knows no index.

An `Alternatives` stands for a piece of the question: the terms as asked, and those of the same thing written otherwise.
A lexical index counts the best of them, not their sum, so a synonym makes no question longer.

    LF-2301 ↔ LF2301        1,200 ↔ 1200        5天 ↔ 五天        2025年1月3日 ↔ 2025-01-03 ↔ 3 January 2025
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from qianxun.text import CJK, has_cjk, words

# The terms of one way to write something.
Terms: TypeAlias = tuple[str, ...]

_MAX_ALTERNATIVES: Final = 12

# Latin words end where Chinese begins.
_NO_LETTER_BEFORE: Final = rf"(?<![^\W{CJK}])"
_NO_LETTER_AFTER: Final = rf"(?![^\W{CJK}])"
# Letters and digits together, perhaps with hyphens, dots and slashes between, or a few letters before a number:
# LF-2301, DN50, v1.2.3, DN 50.
_IDENTIFIER = re.compile(
    rf"{_NO_LETTER_BEFORE}(?=[a-z0-9._/-]*\d)(?=[0-9._/-]*[a-z])[a-z0-9]+(?:[-._/][a-z0-9]+)*{_NO_LETTER_AFTER}"
    rf"|{_NO_LETTER_BEFORE}[a-z]{{1,4}} \d+{_NO_LETTER_AFTER}"
)
_PART = re.compile(r"[a-z]+|\d+")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_PLAIN_NUMBER = re.compile(rf"{_NO_LETTER_BEFORE}(?<![.,-])\d{{4,12}}{_NO_LETTER_AFTER}(?![,-]|\.\d)")
# What is counted. A few of a thing is said in passing (一个, 两种), and its figure stands in every other text.
_MEASURE: Final = (
    "天|日|年|个?月|周|星期|个?小时|个?钟头|分钟|秒|岁|元|块钱|万|亿|倍|级|章|条|款|届|期|号|页|层|楼|度|折|成|公里|千米|米|厘米|毫米"
    "|公斤|千克|克|吨|升|平方|立方|摄氏|兆|瓦|伏|安培"
)
_THING: Final = "个|种|项|位|场|人|名|台|份|张|件|批|次|轮|家|辆|套|本|部|门|所|支|只"
_LEAST_OF_THINGS: Final = 10
_COUNTED: Final = rf"(?P<measure>{_MEASURE})|(?:{_THING})"
_MAY_BE_A_YEAR = re.compile("1[5-9][0-9]{2}|20[0-9]{2}")
_SMALL = re.compile(rf"{_NO_LETTER_BEFORE}(?<![.,/:-])(?P<n>\d{{1,4}})(?={_COUNTED})")
_YEAR = re.compile(
    rf"{_NO_LETTER_BEFORE}(?<![.,/:-])(?:1\d|20)\d\d(?=\s?年)|(?:一[一二三四五六七八九]|二[零〇])[零〇一二三四五六七八九]{{2}}(?=年)"
)
_CHINESE = re.compile(rf"(?<![万亿])(?P<n>[零一二两三四五六七八九十百千]+)(?={_COUNTED})(?![万亿])")
_DIGITS: Final = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2}
_TO_CHINESE: Final = str.maketrans("0123456789", "零一二三四五六七八九")
_TO_FIGURES: Final = str.maketrans("零〇一二三四五六七八九", "00123456789")
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_YEAR_FIRST: Final = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d\d)(?:\s*年\s*|[-/.])(?P<m>0?[1-9]|1[0-2])"
    r"(?:(?:\s*月\s*|[-/.])(?P<d>0?[1-9]|[12]\d|3[01]))?(?!\d)"
)
_MONTHS: Final = "january february march april may june july august september october november december".split()
_MONTH_NAME: Final = "|".join(f"{name}|{name[:3]}" for name in _MONTHS)
_DAY_FIRST: Final = re.compile(
    rf"(?<!\w)(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<n>{_MONTH_NAME})\.?,?\s+(?P<y>(?:19|20)\d\d)(?!\d)"
)
_MONTH_FIRST: Final = re.compile(
    rf"(?<!\w)(?P<n>{_MONTH_NAME})\.?\s+(?:(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+)?(?P<y>(?:19|20)\d\d)(?!\d)"
)


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Ways to write a piece of the question, as terms of the lexical index; the first is the one that was asked."""

    asked: Terms
    others: tuple[Terms, ...]


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Folded expressions → folded expressions that mean the same, longest first."""

    of: dict[str, tuple[str, ...]]

    def found(self, folded: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        """Where an expression stands in a folded text, without overlaps, and what means the same."""
        if not self.of:
            return
        pattern = re.compile("|".join(map(_bounded, sorted(self.of, key=lambda word: (-len(word), word)))))
        for match in pattern.finditer(folded):
            yield match.start(), match.end(), self.of[" ".join(match[0].split())]


def _bounded(expression: str) -> str:
    """A pattern of an expression: Latin ones at word boundaries, white space as it comes."""
    inner = r"\s+".join(map(re.escape, expression.split()))
    before, after = (has_cjk(end) or not end.isalnum() for end in (expression[0], expression[-1]))
    return f"{'' if before else _NO_LETTER_BEFORE}{inner}{'' if after else _NO_LETTER_AFTER}"


def alternatives(
    folded: str,
    *,
    synonyms: Synonyms | None = None,
    written: bool = True,
    cut: Callable[[str], Sequence[str]] = words,
) -> tuple[Alternatives, ...]:
    """What of a folded question can be written otherwise, in the order of the question, without overlaps.

    `written` False leaves synonyms alone. `cut` makes terms of a folded text (`qianxun.text.words`). Longer pieces go
    first: a date is no three numbers.
    """
    taken: list[tuple[int, int]] = []
    found: list[tuple[int, Alternatives]] = []
    for start, end, ways in _pieces(folded, synonyms, written):
        if any(start < last and first < end for first, last in taken):
            continue
        asked = tuple(dict.fromkeys(cut(folded[start:end])))
        others = dict.fromkeys(tuple(dict.fromkeys(cut(text))) for text in ways)
        others.pop(asked, None)
        others.pop((), None)
        if asked and others:
            taken.append((start, end))
            found.append((start, Alternatives(asked, tuple(others)[:_MAX_ALTERNATIVES])))
    return tuple(piece for _, piece in sorted(found, key=lambda item: item[0]))


def _pieces(folded: str, synonyms: Synonyms | None, written: bool) -> Iterator[tuple[int, int, Iterable[str]]]:
    if synonyms is not None:
        yield from synonyms.found(folded)
    if not written:
        return
    yield from _dates(folded)
    yield from _counted(folded)
    for match in _IDENTIFIER.finditer(folded):
        yield match.start(), match.end(), _identifiers(match[0])
    for match in _GROUPED.finditer(folded):
        yield match.start(), match.end(), (match[0].replace(",", ""),)
    for match in _PLAIN_NUMBER.finditer(folded):
        if not _MAY_BE_A_YEAR.fullmatch(match[0]):
            yield match.start(), match.end(), (f"{int(match[0]):,}",)


def _identifiers(written: str) -> Iterator[str]:
    """LF-2301 → lf2301, lf 2301; DN50 → dn 50, dn-50 (which is cut alike)."""
    yield re.sub(r"[-._/ ]", "", written)
    yield re.sub(r"[-._/]", " ", written)
    yield " ".join(_PART.findall(written))


def _dates(folded: str) -> Iterator[tuple[int, int, Iterable[str]]]:
    for pattern in (_YEAR_FIRST, _DAY_FIRST, _MONTH_FIRST):
        for match in pattern.finditer(folded):
            given = match.groupdict()
            month = given.get("m") or str(_month_of(given["n"]))
            yield match.start(), match.end(), list(_written(int(given["y"]), int(month), int(given["d"] or 0)))


def _month_of(name: str) -> int:
    return next(n for n, month in enumerate(_MONTHS, start=1) if month.startswith(name[:3]))


def _written(year: int, month: int, day: int) -> Iterator[str]:
    """Without 日 and the like behind: a lexical index keeps them together with what follows."""
    name = _MONTHS[month - 1]
    if not day:
        yield from (f"{year}年{month}", f"{year}年{month:02}", f"{year}-{month:02}", f"{year}/{month}")
        yield from (f"{name} {year}", f"{name[:3]} {year}")
        return
    yield from (f"{year}年{month}月{day}", f"{year}年{month:02}月{day:02}", f"{year}-{month:02}-{day:02}")
    yield from (f"{year}/{month}/{day}", f"{year}{month:02}{day:02}")
    yield from (f"{day} {name} {year}", f"{day} {name[:3]} {year}")


def _counted(folded: str) -> Iterator[tuple[int, int, Iterable[str]]]:
    """A small number before a Chinese counting word in figures and in Chinese numerals: 5天, 五天; years by digits.

    The counting word is a part of the terms in Chinese only: with figures it is kept together with what follows it.
    """
    for match in _YEAR.finditer(folded):
        if match[0].isdecimal() and match[0].isascii():
            written = f"{match[0].translate(_TO_CHINESE)}年"
            yield match.start(), match.end(), (written, written.replace("零", "〇"))
        else:
            yield match.start(), match.end() + 1, (match[0].translate(_TO_FIGURES),)
    for match in _SMALL.finditer(folded):
        number = int(match["n"])
        if match["measure"] or number >= _LEAST_OF_THINGS:
            yield match.start(), match.end(), (f"{in_chinese(number)}{folded[match.end()]}", f"{number:,}")
    for match in _CHINESE.finditer(folded):
        value = value_of(match["n"])
        if value is not None and (match["measure"] or value >= _LEAST_OF_THINGS):
            yield match.start(), match.end() + 1, (str(value),)


def value_of(numeral: str) -> int | None:
    """The number that Chinese numerals write, 0 to 9,999; None for what is none (一一, 千万)."""
    total, digit, unit = 0, None, 10_000
    for character in numeral:
        if character in _UNITS:
            if _UNITS[character] >= unit:
                return None
            unit = _UNITS[character]
            total += (1 if digit is None else digit) * unit
            digit = None
        elif character not in _DIGITS:
            return None
        elif character == "零":
            if digit is not None:
                return None
        elif digit is not None:
            return None
        else:
            digit = _DIGITS[character]
    return total + (digit or 0)


def in_chinese(number: int) -> str:
    """A number below 10,000 in Chinese numerals, as people write it: 12 → 十二, 105 → 一百零五."""
    if number == 0:
        return "零"
    written, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            written += ("零" if gap and written else "") + "零一二三四五六七八九"[digit] + name
        gap = not digit
    return written.removeprefix("一") if 10 <= number < 20 else written
