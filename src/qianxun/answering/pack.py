"""The passages an answer may cite: each text once, as many as fit the model, in an order that reads. Pure.

Knows no engine and no model; how long a text is tells a function that is given.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from qianxun.answering.pieces import pieces
from qianxun.records import Passage, Span
from qianxun.text import fold

# What is left of a passage that is cut, at least: less than this says too little to be worth its heading.
_LEAST_CHARS: Final = 80


def pack(passages: Sequence[Passage], n: int) -> tuple[Passage, ...]:
    """At most n passages, best first, each text once: script, width, case and spacing do not tell texts apart.

    Order is by rank; of equal texts the best is kept. The same text under another context (heading, table
    header) is another passage: "上限 80 元" says something else under 市内交通 than under 餐补.
    """
    seen: set[tuple[str, str]] = set()
    packed: list[Passage] = []
    for passage in sorted(passages, key=lambda p: p.rank):
        key = ("".join(fold(passage.context).split()), "".join(fold(passage.text).split()))
        if key not in seen:
            seen.add(key)
            packed.append(passage)
    return tuple(packed[:n])


def fitting(
    passages: Sequence[Passage], room: int, tokens: Callable[[Passage], int], *, at_least: int = 1
) -> tuple[Passage, ...]:
    """The passages that fit into `room` tokens together, best first; the last of them may be cut, at a sentence or row.

    One that does not fit, not even cut, is left out, and those after it are tried. The first `at_least` are cut to
    whatever is left rather than left out. `tokens` says how long a passage is in the prompt. Cost: a call for each
    passage, and log₂ of its sentences for one that is cut.
    """
    kept: list[Passage] = []
    for passage in passages:
        needed = tokens(passage)
        if needed > room:
            cut = _cut(passage, room, tokens)
            if cut is None and len(kept) < at_least:
                cut = _first_piece(passage)
            if cut is None:
                continue
            passage, needed = cut, tokens(cut)
        kept.append(passage)
        room -= needed
    return tuple(kept)


def in_reading_order(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Documents by their best passage, and the passages of each as they stand in it.

    What belongs together stands together, so that a model need not put together what was torn apart.
    """
    first = {passage.document: place for place, passage in reversed(list(enumerate(passages)))}
    return tuple(sorted(passages, key=lambda passage: (first[passage.document], passage.span.start)))


def _cut(passage: Passage, room: int, tokens: Callable[[Passage], int]) -> Passage | None:
    """The longest beginning that fits and ends with a sentence or a row; None if that is too little to say anything."""
    ends = [piece.end for piece in pieces(passage)]
    low, high = 0, len(ends)  # the first `low` pieces fit, the first `high` + 1 do not
    while low < high:
        middle = (low + high + 1) // 2
        if tokens(_until(passage, ends[middle - 1])) <= room:
            low = middle
        else:
            high = middle - 1
    if not low or ends[low - 1] < _LEAST_CHARS:
        return None
    return _until(passage, ends[low - 1])


def _first_piece(passage: Passage) -> Passage:
    found = pieces(passage)
    return _until(passage, found[0].end) if found else passage


def _until(passage: Passage, end: int) -> Passage:
    return dataclasses.replace(
        passage, text=passage.text[:end], span=Span(passage.span.start, passage.span.start + end)
    )
