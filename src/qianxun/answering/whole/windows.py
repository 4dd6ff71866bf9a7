"""Documents cut into parts that a model can take at once, and which of them are read where not all can be. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qianxun.answering.pack import fitting
from qianxun.records import Passage

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Window:
    """Consecutive passages, in reading order: `passages[first : first + len(passages)]` of all that are to be read.

    `is_cut` says that a passage was too long for the model by itself, so that only its beginning is in it.
    """

    first: int
    passages: tuple[Passage, ...]
    is_cut: bool = False

    @property
    def score(self) -> float:
        """How likely its best passage is to hold the answer, as search found it; 0 where search found none of it."""
        return max(passage.score for passage in self.passages)


def windows(
    passages: Sequence[Passage], sizes: Sequence[int], room: int, tokens: Callable[[Passage], int]
) -> list[Window]:
    """All passages in parts of at most `room` tokens each; `sizes` are theirs, as `tokens` counts them."""
    found: list[Window] = []
    start, used = 0, 0
    for place, size in enumerate(sizes):
        if place > start and used + size > room:
            found.append(Window(start, tuple(passages[start:place])))
            start, used = place, 0
        if size > room:
            found.append(Window(place, fitting([passages[place]], room, tokens), is_cut=True))
            start = place + 1
            continue
        used += size
    if start < len(passages):
        found.append(Window(start, tuple(passages[start:])))
    return found


def to_read(found: Sequence[Window], most: int) -> list[Window]:
    """At most so many of the parts, in reading order: those in which search found something, best first, then others
    evenly from beginning to end."""
    if len(found) <= most:
        return list(found)
    likely = sorted((one for one in found if one.score > 0), key=lambda one: (-one.score, one.first))[:most]
    taken = {one.first for one in likely}
    others = [one for one in found if one.first not in taken]
    return sorted([*likely, *evenly(others, most - len(likely))], key=lambda one: one.first)


def evenly(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most so many of the items, evenly from the first to the last."""
    if len(items) <= most:
        return list(items)
    if most <= 1:
        return list(items[:most])
    return [items[place * (len(items) - 1) // (most - 1)] for place in range(most)]
