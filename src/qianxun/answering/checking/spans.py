"""What of a passage bears a sentence: the run of its pieces that does best, and what speaks against it.

A sentence is borne by up to three pieces that follow each other, and only if nothing in the whole passage speaks
against it: what is nearest to each of its clauses decides, not what happens to have its figure. Rows of a table are
statements of their own. Knows no citation.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.answering.checking.bearing import Judgement, compare, is_across
from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.readings import Reading, read, read_together, share_of
from qianxun.answering.checking.statements import without_attribution
from qianxun.answering.checking.tables import Row, judge_rows
from qianxun.answering.pieces import Piece, cells
from qianxun.text import fold

# Pieces that a sentence may be drawn from together.
_MAX_PIECES: Final = 3
# Windows that are compared clause by clause, of those that share most words.
_MAX_COMPARED: Final = 6
_MAX_NEAREST: Final = 3


@dataclass(frozen=True, slots=True)
class Best:
    """The pieces from `first` to `last` bear the sentence best; `judgement` is of them and of the whole passage.

    `across` tells that they are in another language than the sentence, `copied` that the sentence stands there.
    `unknown_figure` tells that a figure of the sentence is nowhere in the passage.
    """

    first: int
    last: int
    judgement: Judgement
    across: bool = False
    copied: bool = False
    unknown_figure: bool = False


def best_span(statement: str, units: Sequence[Piece], around: str) -> Best:
    """The best run of the passage's pieces, of which there must be some. `around` is its title, headings and header.

    Of runs that bear the statement alike the one sharing most words is taken, then the shortest, then the first.
    """
    context = read(around)
    # The header of a table is around its rows alone.
    headings = read("\n".join(_NUMBERED.sub("", line) for line in around.splitlines() if len(cells(line)) < 2))
    bare = _bare(statement)
    for place, unit in enumerate(units):
        if bare and bare in (_bare(unit.text), _bare(unit.shown)):
            return Best(place, place, Judgement(1.0), copied=True)
    found = [
        one
        for one in (_of_sentences(statement, units, headings), _of_rows(statement, units, context))
        if one is not None
    ]
    return max(found, key=lambda one: (one.judgement.bears, one.judgement.share, not one.judgement.contradicts))


def _of_sentences(statement: str, units: Sequence[Piece], context: Reading) -> Best | None:
    places = [i for i, unit in enumerate(units) if not unit.row]
    if not places:
        return None
    claim = read(without_attribution(statement))
    whole = read_together(tuple(units[i].text for i in places))
    overall = compare(statement, whole, context)
    unknown = _unknown(claim.figures, (*whole.figures, *context.figures))
    nearest: Best | None = None
    for first, last in _ranked(claim, units, places)[:_MAX_COMPARED]:
        source = _run(units, first, last)
        across = is_across(claim, source)
        # What the whole passage does not bear no part of it does, but one that is in the other language may.
        silent = across and not overall.contradicts
        alone = compare(statement, source, context) if overall.bears or silent else overall
        one = Best(first, last, alone, across, unknown_figure=unknown)
        if alone.bears or not overall.bears:
            return one
        nearest = nearest or one
    return nearest


def _ranked(claim: Reading, units: Sequence[Piece], places: Sequence[int]) -> list[tuple[int, int]]:
    """The runs of pieces (first and last), first those that share most with the claim, then the shortest, the first.

    Only runs that hold one of the pieces that share most are looked at.
    """

    def shared(first: int, last: int) -> float:
        source = _run(units, first, last)
        there = sum(any(mine.agrees(other) for other in source.figures) for mine in claim.figures)
        return share_of(claim, source) + (there / len(claim.figures) if claim.figures else 0.0)

    alone = sorted(places, key=lambda place: (-shared(place, place), place))[:_MAX_NEAREST]
    known = set(places)
    runs = {
        (first, first + n - 1)
        for n in range(1, _MAX_PIECES + 1)
        for place in alone
        for first in range(place - n + 1, place + 1)
        if known >= set(range(first, first + n))
    }
    return sorted(runs, key=lambda run: (-shared(*run), run[1] - run[0], run[0]))


def _run(units: Sequence[Piece], first: int, last: int) -> Reading:
    return read_together(tuple(unit.text for unit in units[first : last + 1]))


def _unknown(figures: Sequence[Figure], known: Sequence[Figure]) -> bool:
    return any(not any(mine.agrees(other) or mine.differs_in_unit(other) for other in known) for mine in figures)


def _of_rows(statement: str, units: Sequence[Piece], context: Reading) -> Best | None:
    places = [i for i, unit in enumerate(units) if unit.row]
    rows = {i: _row(units[i]) for i in places}
    best: Best | None = None
    for names in dict.fromkeys(row.names for row in rows.values()):
        of_table = [i for i in places if rows[i].names == names]
        judgement, chosen = judge_rows(statement, [rows[i] for i in of_table], context)
        first, last = of_table[chosen[0]], of_table[chosen[-1]]
        said = read_together(tuple(units[of_table[i]].text for i in chosen))
        everything = read_together(tuple(units[i].shown for i in of_table))
        claim = read(statement)
        unknown = _unknown(claim.figures, (*everything.figures, *context.figures))
        one = Best(first, last, judgement, is_across(claim, said), unknown_figure=unknown)
        if best is None or (judgement.bears, judgement.share) > (best.judgement.bears, best.judgement.share):
            best = one
    return best


@functools.lru_cache(maxsize=512)
def _row(unit: Piece) -> Row:
    values = tuple(cells(unit.text))
    names = tuple(cells(unit.header))
    return Row(names if len(names) == len(values) else ("",) * len(values), values)


def _bare(text: str) -> str:
    """What of a text must be the same in a copy: letters, digits, what stands within numbers, signs that count."""
    return _NO_PART.sub("", fold(text))


# The number of a section is no figure of what it says; that of a release is.
_NUMBERED: Final = re.compile(r"(?:^|(?<=› ))\d{1,2}(?:\.\d{1,2})?[.、]?(?![\d.])\s+(?=\w)")
_NO_PART: Final = re.compile(r"(?<=\d),(?=\d{3})|(?!(?<=\d)[.,:/](?=\d))[^\w%‰°$€£¥+\-−<>≤≥]|_")
