"""What is wrong with the figures of a clause that says nearly what a clause of the source says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.readings import figures_of
from qianxun.answering.checking.statements import Clause

Problem: TypeAlias = Literal["figure", "date", "unit", "limit", "negation", "name", "order", "altered", "words"]

# The share of a clause that must stand in the same order in the source before the rest is called a change.
ALIKE: Final = 0.4
# So much the same that what differs is no other wording.
COPIED: Final = 0.6


@dataclass(frozen=True, slots=True)
class Known:
    """The figures of the whole statement, of the whole source, and around it."""

    claimed: tuple[Figure, ...]
    said: tuple[Figure, ...]
    around: tuple[Figure, ...]


def figure_problems(clause: Clause, window: Clause, known: Known, nearness: float) -> Iterator[Problem]:
    """What is wrong with the figures of a clause that is laid beside a window of the source, to which it is so near."""
    here = figures_of([window])
    for figure in figures_of([clause]):
        same = [other for other in here if figure.agrees(other)]
        if same:
            if all(figure.differs_in_limit(other) for other in same):
                yield "limit"
            continue
        elsewhere = any(figure.agrees(other) for other in known.said)
        if any(figure.agrees(other) for other in known.around) or _is_put_together(figure, known):
            continue
        # Once may be said in one word, and each month of what is said of months elsewhere.
        if figure.value == "1" and (figure.unit in COUNTED or (elsewhere and nearness < COPIED)):
            continue
        if any(figure.differs_in_unit(other) for other in (*here, *([] if elsewhere else known.said))):
            yield "unit"
        elif not elsewhere or (nearness >= ALIKE and any(_is_other(figure, other, known.claimed) for other in here)):
            yield "date" if figure.kind in ("date", "time", "weekday") else "figure"


# Of these one is as much as a: 一次.
COUNTED: Final = frozenset({"occasion", "person", "piece", "unit", "house"})


def _is_other(figure: Figure, other: Figure, claimed: Sequence[Figure]) -> bool:
    """True if the window has another figure of this kind, which the statement does not mention."""
    alike = figure.kind == other.kind and (not figure.unit or not other.unit or figure.unit == other.unit)
    return alike and not any(other.agrees(mine) or mine.agrees(other) for mine in claimed)


def _is_put_together(figure: Figure, known: Known) -> bool:
    """True for a date of which the source gives the year in one place and the day in another."""
    if figure.kind != "date" or "?" in figure.value.split("-")[0]:
        return False
    year, _, rest = figure.value.partition("-")
    dates = [other.value for other in (*known.said, *known.around) if other.kind == "date"]
    years = {date.partition("-")[0] for date in dates}
    return year in years and any(date.partition("-")[0] == "?" and date.partition("-")[2] == rest for date in dates)
