"""`Filter`: which documents may be found. A small closed tree with one reference evaluator.

`matches` is what a filter means; the store (SQL) and the indexes translate the same tree, and a test
holds every translation against `matches`. A filter never widens what an asker may see: access is a
filter too (`visible_to`), joined with `And`.
"""

import re
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from qianxun.records import Asker
from qianxun.text import fold

Field: TypeAlias = Literal["source", "title", "format", "modified"]
FIELDS: tuple[Field, ...] = ("source", "title", "format", "modified")

_HALVES = re.compile("([\ud800-\udfff]+)")


class Described(Protocol):
    """What a filter can look at: a document, or an index's row."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def source(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def modified(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AnyLabel:
    """The document carries at least one of these labels. No labels: nothing matches."""

    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Equals:
    """The field is exactly this."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """The field begins with this."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The field has this in it, both folded: upper and lower case, full and half width, 繁體 and 简体 are the same."""

    field: Field
    value: str


@dataclass(frozen=True, slots=True)
class Range:
    """low <= field < high, compared as text (ISO dates sort as time). None leaves a side open."""

    field: Field
    low: str | None = None
    high: str | None = None


@dataclass(frozen=True, slots=True)
class And:
    """All of them. Of nothing: everything matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them. Of nothing: nothing matches."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The others."""

    part: "Filter"


Filter: TypeAlias = AnyLabel | Equals | Prefix | Contains | Range | And | Or | Not


def matches(where: Filter, document: Described) -> bool:
    """True if the filter lets the document through. The reference for every translation."""
    match where:
        case AnyLabel(labels):
            return not labels.isdisjoint(document.labels)
        case Equals(name, value):
            return _value(document, name) == value
        case Prefix(name, value):
            return _value(document, name).startswith(value)
        case Contains(name, value):
            return _folded(value) in _folded(_value(document, name))
        case Range(name, low, high):
            value = _value(document, name)
            return (low is None or value >= low) and (high is None or value < high)
        case And(parts):
            return all(matches(part, document) for part in parts)
        case Or(parts):
            return any(matches(part, document) for part in parts)
        case Not(part):
            return not matches(part, document)


def _value(document: Described, name: Field) -> str:
    value: str = getattr(document, name)
    return value


def _folded(text: str) -> str:
    try:
        return fold(text)
    except UnicodeEncodeError:  # half a character, from the name of a file that is no Unicode: it stands for itself
        return "".join(piece if _HALVES.match(piece) else fold(piece) for piece in _HALVES.split(text))


def visible_to(asker: Asker, where: Filter | None = None) -> Filter | None:
    """The filter narrowed to what the asker may see; None when everything may be found."""
    if asker.labels is None:
        return where
    access = AnyLabel(asker.labels)
    return access if where is None else And((access, where))
