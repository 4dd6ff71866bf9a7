"""Where the terms that a question matched stand in a text. Pure; for every door that shows passages."""

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

# What a sentence or a line ends with.
_BEGINNING: Final = re.compile(r"[。！？；\n]|[.!?;]\s+")
# Of words between spaces.
_LETTER: Final = re.compile(r"[A-Za-z0-9_]")
_LETTERS: Final = re.compile(r"[A-Za-z0-9_]{0,24}")
# One number in several runs of digits; dates and versions, with more points, are none.
_NUMBER: Final = re.compile(r"(?<![A-Za-z\d.,])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+[.,]\d+)(?![.,]?\d)")
# What may stand between two words that stand next to each other, also in two cells.
_BETWEEN: Final = re.compile(r"[^\w\n]{0,3}")
# Neighbours of the question that are neighbours in a text count like so many words more.
_NEIGHBOURS: Final = 2

_Mark: TypeAlias = tuple[int, int, str]


def highlights(text: str, matched: Collection[str]) -> list[tuple[int, int]]:
    """Where the matched terms (folded, stemmed, character pairs) stand in the text: sorted, apart, (start, end)."""
    return joined([(a, b) for a, b, _ in occurrences(text, matched)])


def occurrences(text: str, matched: Collection[str]) -> list[_Mark]:
    """Every matched term in the text, in its order: (start, end, term as it is compared).

    A part of a number is none: 17 does not stand in 17.50.
    """
    from qianxun import text as matching  # compiles large patterns, which help and lists do not need

    terms = frozenset(matched)
    longer = any(len(t) > 1 and matching.has_cjk(t) for t in terms)
    marks: list[_Mark] = []
    for run in _runs().finditer(text):
        if not matching.has_cjk(run.group()):
            folded = matching.fold(run.group())
            term = folded if folded in terms else next((w for w in matching.words(folded) if w in terms), None)
            if term is not None:
                marks.append((*run.span(), term))
            continue
        # Folded one by one, so that places stay places; a pair is then two neighbours.
        folded = "".join(map(_folded, run.group()))
        for i in range(len(folded)):
            if folded[i : i + 2] in terms and i + 1 < len(folded):
                marks.append((run.start() + i, run.start() + i + 2, folded[i : i + 2]))
            elif folded[i] in terms and (not longer or len(folded) == 1):
                marks.append((run.start() + i, run.start() + i + 1, folded[i]))
    return _whole_numbers(text, marks) if any(map(str.isdecimal, terms)) else marks


def _whole_numbers(text: str, marks: list[_Mark]) -> list[_Mark]:
    """The marks without those that are one part of a number only."""
    parts = Counter[int]()
    within: list[int | None] = []
    numbers = _NUMBER.finditer(text)
    number = next(numbers, None)
    for a, b, _ in marks:
        while number is not None and number.end() <= a:
            number = next(numbers, None)
        inside = number is not None and number.start() <= a and b <= number.end()
        within.append(number.start() if number is not None and inside else None)
        if number is not None and inside:
            parts[number.start()] += 1
    return [mark for mark, of in zip(marks, within, strict=True) if of is None or parts[of] > 1]


@functools.lru_cache(32_768)
def _folded(character: str) -> str:
    """A character as it is compared, one for one."""
    from qianxun import text as matching

    return (matching.fold(character) or character)[0]


@functools.cache
def _runs() -> re.Pattern[str]:
    from qianxun.text import CJK

    return re.compile(rf"[{CJK}]+|[^\W_{CJK}]+")


def joined(marks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges without what lies in another or touches it, in order."""
    found: list[tuple[int, int]] = []
    for a, b in sorted(marks):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((a, b))
    return found


def excerpt(text: str, matched: Sequence[str], most: int) -> tuple[int, int]:
    """The part of a text, of at most about `most` characters, that says most of what was asked: (start, end).

    That is most of the matched terms, which are in the question's order, and more so where two stand next to each other
    as they do there. It begins where a sentence or a line does, if one begins nearby, and cuts no word; rows of a table
    are whole, for which it may be longer by half. Where nothing matched it is the beginning.
    """
    if len(text) <= most:
        return 0, len(text)
    lead = most // 4
    start, needed = _best(text, occurrences(text, matched), matched, most - lead)
    line = text.rfind("\n", 0, start) + 1
    if start <= lead:
        start = 0
    elif start - line <= most // 2 and "|" in text[line : _end_of_line(text, start)]:
        start = line
    else:
        begun = [found.end() for found in _BEGINNING.finditer(text, start - lead, start)]
        start = begun[0] if begun else _whole_word(text, start - lead // 2)
    end = min(len(text), max(start + most, needed))
    return start, end if end == len(text) else _in_whole_rows(text, start, end, needed, most)


def _best(text: str, marks: Sequence[_Mark], matched: Sequence[str], room: int) -> tuple[int, int]:
    """Where the first stretch of `room` characters that holds most begins, and how far what counts in it reaches."""
    order = {term: at for at, term in enumerate(matched)}
    # What a mark adds: its term, and being the neighbour of the one before it.
    pairs = [False] + [
        order[two[2]] - order[one[2]] == 1 and one[1] <= two[0] and bool(_BETWEEN.fullmatch(text, one[1], two[0]))
        for one, two in pairwise(marks)
    ]

    def added(at: int, first: int) -> Iterator[tuple[str, bool]]:
        yield marks[at][2], False
        if pairs[at] and at > first:
            yield marks[at][2], True

    counts = Counter[tuple[str, bool]]()
    best = worth = begins = last = 0
    for first, (a, _, term) in enumerate(marks):
        last = max(last, first)
        while last < len(marks) and marks[last][1] <= a + room:
            for key in added(last, first):
                worth += _worth(key) * (not counts[key])
                counts[key] += 1
            last += 1
        if worth > best:
            best, begins = worth, first
        # It goes, and with it its neighbour is one no more.
        gone = [(term, False)] * (first < last)
        if first + 1 < last and pairs[first + 1]:
            gone.append((marks[first + 1][2], True))
        for key in gone:
            counts[key] -= 1
            worth -= _worth(key) * (not counts[key])
    found = set[tuple[str, bool]]()
    for at in range(begins, len(marks)):
        found.update(added(at, begins))
        if sum(map(_worth, found)) >= best:
            return marks[begins][0], marks[at][1]
    return 0, 0


def _worth(key: tuple[str, bool]) -> int:
    return _NEIGHBOURS if key[1] else 1


def _in_whole_rows(text: str, start: int, end: int, needed: int, most: int) -> int:
    """The end of a part of a text: that of a row near it, if it is in one; else of the word that it is in."""
    line, after = text.rfind("\n", 0, end) + 1, _end_of_line(text, end)
    if "|" in text[line:after] and line < end < after:
        shorter = line > start and line >= needed
        if shorter and line - start >= most // 2:
            return line
        if after - start <= most + most // 2:
            return after
        if shorter:
            return line
    return _whole_word(text, end)


def _end_of_line(text: str, at: int) -> int:
    found = text.find("\n", at)
    return found if found >= 0 else len(text)


def _whole_word(text: str, at: int) -> int:
    """This place, or the end of the word that it is in; words that are longer than most are cut."""
    if at == 0 or _LETTER.match(text, at - 1) is None:
        return at
    found = _LETTERS.match(text, at)
    return found.end() if found is not None else at


def known_by(words: str) -> str:
    """Eight digits by which cited words are known again; white space does not count."""
    return hashlib.sha256("".join(words.split()).encode("utf-8", "replace")).hexdigest()[:8]
