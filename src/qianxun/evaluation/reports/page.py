"""What a report shows, apart from how: sections of facts, tables and plots. All texts are in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Notes:
    """Sentences, each on its own."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headers. `right` are the columns of numbers, `wide` those of texts that may be long."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()
    wide: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Folded:
    """A table that is opened when wanted."""

    title: str
    table: Table


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its interval; `shown` says it in words."""

    label: str
    value: float
    low: float
    high: float
    shown: str = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Intervals:
    """A plot of figures on one scale. `zero`: 0 is on the scale and marked."""

    title: str
    rows: Sequence[Interval]
    zero: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A difference, above or below zero; `label` says what of."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A plot of differences, one beside the other, and what those that are 0 come to in words."""

    title: str
    bars: Sequence[Bar]
    rest: str = ""


Block: TypeAlias = Facts | Notes | Table | Folded | Intervals | Bars


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under a heading."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report. `lead` is its outcome in a sentence or two, "" if there is none."""

    title: str
    lead: str
    sections: Sequence[Section]
    version: str
