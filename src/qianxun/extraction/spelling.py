"""A text as values are looked for in it: folded, without what spelling adds, and its figures, each with its place.

Finds 2025-03-01 in ２０２５年３月１日 and 民國114年3月1日, 1200 in 1,200.00 and 一千二百元, 张伟 in 張 偉. Offsets
count characters of the text as it was given. Knows no schema.
"""

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.figures import figures, spelled
from qianxun.answering.checking.numerals import value_of
from qianxun.documents.sentences import sentences
from qianxun.text import fold

# What spelling adds: white space, punctuation, the commas of thousands. Signs within figures stay, and a minus.
_NO_PART: Final = re.compile(r"(?<=\d),(?=\d{3})|(?!(?<=\d)[.,:/](?=\d))(?!(?<![^\s:(=])-(?=\d))[^\w%‰°]|_")
_LONGEST_LINE: Final = 400
_MAX_PLACES: Final = 64
_MOST_SCANNED: Final = 5_000_000
# Dates that `figures` takes for numbers: 2019.03, 2019/3; 民国114年3月1日; 15/03/2025, either way round.
_YEAR_MONTH: Final = re.compile(
    r"(?<![\d./])(?<!\D-)((?:19|20)\d\d)\s?[./-]\s?(0?[1-9]|1[0-2])(?!\d|[./-]\d{1,2}(?!\d))"
)
_REPUBLIC: Final = re.compile(
    r"民国\s*(\d{1,3}|[〇零一二三四五六七八九十百]{1,5})\s*年(?:\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*[日号])?)?"
)
_DAY_LAST_YEAR: Final = re.compile(r"(?<![\d/.])(\d{1,2})([/.-])(\d{1,2})\2((?:19|20)\d\d)(?![\d/])")
_TIME_OF_ISO: Final = re.compile(r"(?<=\d)T(\d\d:\d\d)(:00)?(?:\.0+)?(?:Z|[+-]\d\d:?\d\d)?$")
_MIDNIGHT: Final = re.compile(r" 00:00$")


@dataclass(frozen=True, slots=True)
class Place:
    """A range of characters of the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FoundFigure:
    """A figure and where it stands."""

    figure: Figure
    place: Place


class Spelling:
    """A text in which values are looked for. What is needed of it is made at its first use."""

    def __init__(self, text: str) -> None:
        self.text = text

    @functools.cached_property
    def lines(self) -> list[Place]:
        """Its lines; long ones by sentence. None is empty."""
        found: list[Place] = []
        start = 0
        for line in self.text.split("\n"):
            inside = sentences(line) if len(line) > _LONGEST_LINE else [(0, len(line))]
            found += [Place(start + a, start + b) for a, b in inside if line[a:b].strip()]
            start += len(line) + 1
        return found

    @functools.cached_property
    def figures(self) -> list[FoundFigure]:
        """Every figure, in order."""
        return [
            FoundFigure(one.figure, Place(line.start + one.place.start, line.start + one.place.end))
            for line in self.lines
            for one in figures_in(self.text[line.start : line.end])
        ]

    @functools.cached_property
    def _bare(self) -> tuple[str, list[int]]:
        return _bare_with_places(self.text)

    def line_at(self, place: int) -> int:
        """The number of the line at a place, from 0; -1 before the first."""
        return bisect_right(self._starts, place) - 1

    @functools.cached_property
    def _starts(self) -> list[int]:
        return [line.start for line in self.lines]

    def occurrences(self, value: str) -> list[Place]:
        """Where the value stands, whatever its width, script, case and spacing; never as a part of a word or number."""
        needle = bare(value)
        text, places = self._bare
        found: list[Place] = []
        at = text.find(needle) if needle else -1
        while at >= 0 and len(found) < _MAX_PLACES:
            end = at + len(needle)
            place = Place(places[at], places[end - 1] + 1)
            if not self._is_part(place) and not (needle[-1].isdigit() and text[end : end + 1] == "."):
                found.append(place)
            at = text.find(needle, at + 1)
        return found

    def numbers(self, digits: str) -> list[Place]:
        """Where these digits stand as one number, whatever divides them: 138 1234-5678."""
        found = []
        for match in re.finditer(r"[\s\-()（）. ]{0,2}".join(digits), self.text[:_MOST_SCANNED]):
            place = Place(match.start(), match.end())
            if not self._is_part(place):
                found.append(place)
        return found

    def _is_part(self, place: Place) -> bool:
        """Whether the place begins or ends within a word of letters, or within a number."""
        return _joined(self.text[place.start - 1 : place.start + 1]) or _joined(
            self.text[place.end - 1 : place.end + 1]
        )


def bare(text: str) -> str:
    """What of a value must be found again: letters, digits, and the signs within figures, folded."""
    return _bare_with_places(text)[0]


@functools.lru_cache(maxsize=1 << 16)
def _folded(character: str) -> str:
    return fold(character)


def _bare_with_places(text: str) -> tuple[str, list[int]]:
    # Character by character, on both sides: what a phrase would fold to does not hang on what stands beside it.
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for one in _folded(character):
            folded.append(one)
            places.append(place)
    whole = "".join(folded)
    dropped = {i for match in _NO_PART.finditer(whole) for i in range(match.start(), match.end())}
    kept = [i for i in range(len(whole)) if i not in dropped]
    return "".join(whole[i] for i in kept), [places[i] for i in kept]


def _joined(two: str) -> bool:
    """Whether two neighbours belong to one word of letters with cases, or to one number."""
    if len(two) < 2:
        return False
    return two.isdigit() or (_has_case(two[0]) and _has_case(two[1]))


def _has_case(character: str) -> bool:
    return character.lower() != character.upper()


@functools.lru_cache(maxsize=4096)
def figures_in(line: str) -> tuple[FoundFigure, ...]:
    """The figures of one line, with dates in forms that sentences do not have."""
    text = spelled(line)
    found = [
        (figure, *(figure.core if figure.core != (0, 0) else (figure.start, figure.end))) for figure in figures(text)
    ]
    dates = list(_more_dates(text))
    # The pieces of such a date say nothing by themselves; 2019.03 may be an amount all the same.
    found = [*dates, *(one for one in found if not any(_is_piece(one, date) for date in dates))]
    if not found:
        return ()
    origin = _origin(line, text)
    placed = [FoundFigure(figure, Place(*origin(start, end))) for figure, start, end in found]
    return tuple(sorted(placed, key=lambda one: one.place.start))


def _is_piece(one: tuple[Figure, int, int], date: tuple[Figure, int, int]) -> bool:
    return date[1] <= one[1] and one[2] <= date[2] and one[2] - one[1] < date[2] - date[1]


def _more_dates(text: str) -> Iterator[tuple[Figure, int, int]]:
    def date(match: "re.Match[str]", year: int, month: object, day: object) -> tuple[Figure, int, int]:
        value = f"{year}-{int(str(month)) if month else '?'}-{int(str(day)) if day else '?'}"
        return Figure("date", value, start=match.start(), end=match.end()), match.start(), match.end()

    for match in _YEAR_MONTH.finditer(text):
        yield date(match, int(match[1]), match[2], None)
    for match in _REPUBLIC.finditer(text):
        yield date(match, 1911 + int(value_of(match[1])), match[2], match[3])
    for match in _DAY_LAST_YEAR.finditer(text):
        for day, month in ((match[1], match[3]), (match[3], match[1])):
            if 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
                yield date(match, int(match[4]), month, day)


def figures_of_value(value: str) -> tuple[tuple[Figure, ...], bool]:
    """The figures of a value, and whether it is nothing but figures."""
    value = _MIDNIGHT.sub("", _TIME_OF_ISO.sub(r" \1", value.strip()))
    found = figures_in(value)
    # Of two readings of one place the first counts: 2019.03 is a date.
    mine: list[FoundFigure] = []
    for one in sorted(found, key=lambda one: (one.place.start, one.figure.kind != "date", -one.place.end)):
        if not mine or one.place.start >= mine[-1].place.end:
            mine.append(one)
    rest = "".join(
        value[a.place.end if a else 0 : b.place.start if b else len(value)] for a, b in pairwise([None, *mine, None])
    )
    return tuple(one.figure for one in mine), bool(mine) and not any(c.isalnum() for c in rest)


def _origin(line: str, text: str) -> Callable[[int, int], tuple[int, int]]:
    """From a range of the spelling to that of the line."""
    if len(line) == len(text):
        return lambda start, end: (start, end)
    origins: list[tuple[int, int]] = []
    for tag, a, b, c, d in SequenceMatcher(None, line, text, autojunk=False).get_opcodes():
        same = tag == "equal" or b - a == d - c
        origins += [(a + i, a + i + 1) if same else (a, b) for i in range(d - c)]
    return lambda start, end: (origins[start][0], origins[end - 1][1])
