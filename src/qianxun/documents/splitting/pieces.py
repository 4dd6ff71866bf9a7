"""What may not be cut of a block, and how that is packed: sentences, rows, lines, and only then parts of these."""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from qianxun.documents.sentences import sentences
from qianxun.documents.splitting.sizes import LEAST_PER_CHAR, Measure
from qianxun.records import BlockKind
from qianxun.text import CJK

# Where a piece begins and ends in its block, and its tokens.
Piece: TypeAlias = tuple[int, int, float]

_WEAK_ENDS = re.compile(r"[，、,：:）)】|]|\s")
_WORD_AT_END = re.compile(rf"[^\W_{CJK}]+\Z")
_WORD_CHARACTER = re.compile(rf"[^\W_{CJK}]")


def pieces_of(text: str, kind: BlockKind, budget: float, measure: Measure) -> list[Piece]:
    """The pieces of a block: rows, lines or sentences, none above the budget: those too long themselves are cut."""
    spans = sentences(text) if kind in ("paragraph", "heading") else lines_of(text)
    return fitting(text, spans, kind, budget, measure)


def fitting(
    text: str, spans: Iterable[tuple[int, int]], kind: BlockKind, budget: float, measure: Measure
) -> list[Piece]:
    """These spans as pieces; those above the budget are cut: lists at sentence ends, the rest at commas or spaces."""
    found: list[Piece] = []
    spans = list(spans)
    for (start, end), cost in zip(spans, measure.of_spans(text, spans), strict=True):
        if cost <= budget:
            found.append((start, end, cost))
        elif kind == "list":
            item = text[start:end]
            parts = fitting(item, sentences(item), "paragraph", budget, measure)
            found += [(start + first, start + last, part_cost) for first, last, part_cost in parts]
        else:
            found += _cut_long(text, start, end, budget, measure)
    return found


def packed(
    pieces: Sequence[Piece], budget: float, measure: Measure, overlap: int = 0, already: float = 0.0
) -> list[Piece]:
    """Consecutive pieces together, in groups of about even size, none above the budget.

    `already` are tokens that stand before the first. `overlap` pieces are repeated from the group before.
    """
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(pieces)] + [0]
    costs = [cost + measure.gap(gap) for (_, _, cost), gap in zip(pieces, gaps, strict=True)]
    total = sum(costs) + already
    n_groups = max(1, -(-int(total) // max(int(budget), 1)))
    target = min(budget, total / n_groups + budget / 16)
    groups = _grouped(pieces, costs, budget, lambda left, n: target, overlap, already)
    if len(groups) > 1 and groups[-1][2] < 0.6 * target:
        # Pieces that do not quite fill their groups leave a rest: a few rows, found for their header alone.
        n_groups = len(groups)
        groups = _grouped(pieces, costs, budget, lambda left, n: left / max(n_groups - n, 1), overlap, already)
    return groups


def _grouped(
    pieces: Sequence[Piece],
    costs: Sequence[float],
    budget: float,
    target: Callable[[float, int], float],
    overlap: int,
    already: float,
) -> list[Piece]:
    """Groups that end where they come nearest to the target, given the tokens that are left and the groups so far."""
    groups: list[Piece] = []
    left = sum(costs) + already
    first, cost = 0, already
    aim = target(left, 0)
    for i, piece_cost in enumerate(costs):
        if i > first and (cost + piece_cost > budget or cost >= aim or cost + piece_cost / 2 > aim):
            groups.append((pieces[first][0], pieces[i - 1][1], cost - (already if first == 0 else 0)))
            left -= cost
            first, cost = i, 0.0
            for back in range(i - 1, max(i - 1 - overlap, -1), -1):
                if pieces[back][0] <= groups[-1][0] or cost + costs[back] + piece_cost > budget:
                    break
                first, cost = back, cost + costs[back]
            left += cost
            aim = target(left, len(groups))
        cost += piece_cost
    if pieces:
        groups.append((pieces[first][0], pieces[-1][1], cost - (already if first == 0 else 0)))
    return groups


def lines_of(text: str) -> list[tuple[int, int]]:
    """The spans of the lines that are not blank, without the white space at their ends."""
    spans = []
    start = 0
    for line in text.split("\n"):
        body = line.rstrip()
        if body:
            spans.append((start, start + len(body)))
        start += len(line) + 1
    return spans


def _cut_long(text: str, start: int, end: int, budget: float, measure: Measure) -> list[Piece]:
    """A piece without an end that fits, cut at a comma or space in its second half, else between words."""
    found: list[Piece] = []
    first = start
    while first < end:
        stop = _fitting_end(text, first, end, budget, measure)
        if stop < end:
            stop = _better_end(text, first, stop, budget, measure)
        piece = text[first:stop]
        body = piece.strip()
        if body:
            begins = first + len(piece) - len(piece.lstrip())
            found.append((begins, begins + len(body), measure.tokens(body)))
        first = stop
    return found


def _fitting_end(text: str, first: int, end: int, budget: float, measure: Measure) -> int:
    """The furthest end that fits; at least one character on."""
    high = min(end, first + int(budget / LEAST_PER_CHAR) + 1)  # nothing longer can fit
    if measure.tokens(text[first:high]) <= budget:
        return high
    low = first + 1
    while high - low > 1:
        middle = (low + high) // 2
        if measure.tokens(text[first:middle]) <= budget:
            low = middle
        else:
            high = middle
    return low


def _better_end(text: str, first: int, stop: int, budget: float, measure: Measure) -> int:
    """An end before this one that a reader would rather have, if it is not too far back."""
    weak = max((match.end() for match in _WEAK_ENDS.finditer(text, first, stop)), default=first)
    if weak > first and measure.tokens(text[first:weak]) >= budget / 2:
        return weak
    word = _WORD_AT_END.search(text, max(first, stop - 40), stop)
    if word and word.start() > first + (stop - first) // 2 and _WORD_CHARACTER.match(text, stop):
        return word.start()
    return stop
