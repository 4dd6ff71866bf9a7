"""What the search page is asked: its address as a question and a filter, and back."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import Query

from qianxun.errors import InputError
from qianxun.filters import And, AnyLabel, Contains, Equals, Filter, Or, Range
from qianxun.retrieval.filter_words import ANY_DATE

MODES: Final = ("hybrid", "lexical", "dense")
# A file that could not be read has the ending of its name for a format; what was read, the name of its reader.
_ENDINGS: Final[Mapping[str, str]] = {"md": "markdown", "txt": "text", "htm": "html"}
# As a field for days takes it; ISO 8601 has other ways, which it would show as nothing.
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A field of an address that narrows a question down.
Field = Annotated[str, Query(max_length=1000)]


@dataclass(frozen=True, slots=True)
class Asked:
    """The fields of the page, as text. `after` and `before` are days, both included; "" is anything."""

    q: str = ""
    source: str = ""
    label: str = ""
    format: str = ""
    after: str = ""
    before: str = ""
    mode: str = ""

    @property
    def as_query(self) -> Mapping[str, str]:
        """The fields of an address that asks the same again."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name))}

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the question is set."""
        return any(getattr(self, one.name) for one in fields(self) if one.name != "q")

    def filter(self) -> Filter | None:
        """The filter that the fields mean. Raises InputError for what is no day, or no text."""
        if "\0" in self.q:
            raise InputError("A question cannot hold a null character.")
        if any("\0" in getattr(self, one.name) for one in fields(self)):
            raise InputError("A filter cannot hold a null character.")
        parts: list[Filter] = []
        if self.source:
            parts.append(Contains("source", self.source))
        if self.label:
            parts.append(AnyLabel(frozenset((self.label,))))
        if self.format:
            parts.append(of_format(self.format))
        if self.after or self.before:
            first = _day(self.after) if self.after else None
            last = _day(self.before) if self.before else None
            if first and last and first > last:
                raise InputError(
                    "Nothing changes from {first} until {last}: the first day is after the last one.",
                    remedy="Change one of them.",
                    first=first,
                    last=last,
                )
            # Else what has no date would be before any.
            low = first.isoformat() if first else ANY_DATE
            high = (last + timedelta(days=1)).isoformat() if last else None
            parts.append(Range("modified", low, high))
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else And(tuple(parts))


def name_of_format(format: str) -> str:
    """The one name that a format goes by on pages."""
    return _ENDINGS.get(format, format)


def names_of_formats(formats: Iterable[str]) -> list[str]:
    """The names of formats, each once, in order."""
    return sorted({name_of_format(one) for one in formats if one})


def of_format(name: str) -> Filter:
    """The filter for documents of the format that goes by a name, or by one of its endings."""
    name = name_of_format(name)
    names = (name, *(ending for ending, of in _ENDINGS.items() if of == name))
    return Equals("format", name) if len(names) == 1 else Or(tuple(Equals("format", one) for one in names))


def _day(text: str) -> date:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError(text)
        found = date.fromisoformat(text)
        return found if found.year < 9999 else found.replace(year=9998)
    except ValueError as error:
        raise InputError("{text!r} is no day.", remedy="Write it as 2026-01-31.", text=text) from error
