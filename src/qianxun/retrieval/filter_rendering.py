"""A filter written in the filter language, so that a person can read it and `parse_filter` can."""

import re
from datetime import UTC, datetime
from typing import Final

from qianxun.filters import And, AnyLabel, Contains, Equals, Field, Filter, Not, Or, Prefix, Range
from qianxun.retrieval.dates import is_bound, period
from qianxun.retrieval.filter_words import ANY_DATE, RESERVED, of_format
from qianxun.retrieval.phrases import fold_in_place

# What is written without quotes; other values could be, but not every one.
_BARE: Final = re.compile(r"[^\W_](?:[\w./:@-]*\w)?")

_OR_LEVEL, _AND_LEVEL, _ONE = 0, 1, 2
_EVERYTHING: Final = ("not label in ()", _ONE)
_SOME_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


def render_filter(where: Filter) -> str:
    """The filter in the language. `parse_filter` of it means the same, unless it is longer or deeper than is read."""
    return _rendered(where)[0]


def _rendered(where: Filter) -> tuple[str, int]:
    """The text, and how tightly it holds together."""
    match where:
        case AnyLabel(labels):
            return f"label in ({', '.join(_value(label) for label in sorted(labels))})", _ONE
        case Equals(name, value):
            # A date would be its period, and a format perhaps several.
            exactly = (name == "modified" and value != "") or (name == "format" and of_format(value) != where)
            return f"{name} = {_value(value, exactly=exactly)}", _ONE
        case Prefix(name, value):
            return f"{name} ^= {_value(value)}", _ONE
        case Contains(name, value):
            return f"{name} ~ {_value(value)}", _ONE
        case Range(name, low, high):
            return _range(name, low, high)
        case And(parts):
            return _joined(parts, " and ", _AND_LEVEL) if parts else _EVERYTHING
        case Or(parts):
            return _joined(parts, " or ", _OR_LEVEL) if parts else ("label in ()", _ONE)
        case Not(part):
            return f"not {_within(part, _ONE)}", _ONE


def _joined(parts: tuple[Filter, ...], joint: str, level: int) -> tuple[str, int]:
    if len(parts) == 1:
        return _rendered(parts[0])
    return joint.join(_within(part, level) for part in parts), level


def _within(part: Filter, level: int) -> str:
    text, own = _rendered(part)
    return text if own >= level else f"({text})"


def _range(name: Field, low: str | None, high: str | None) -> tuple[str, int]:
    dated = name == "modified"
    if dated and low is not None and high is not None and is_bound(high, _SOME_TIME):
        whole = period(low, _SOME_TIME)
        if whole is not None and (whole.low, whole.high) == (low, high):
            return f"modified = {low}", _ONE
        if low == ANY_DATE:
            return f"modified < {high}", _ONE
    found: list[str] = []
    if low is not None:
        found.append(f"{name} >= {_bound(low, as_date=dated)}")
    if high is not None:
        # As a date it asks for documents that have one, which is no more than what a low bound asks for already.
        found.append(f"{name} < {_bound(high, as_date=dated and low is not None and low >= ANY_DATE)}")
    return (" and ".join(found), _AND_LEVEL if len(found) == 2 else _ONE) if found else _EVERYTHING


def _bound(value: str, *, as_date: bool) -> str:
    return value if as_date and is_bound(value, _SOME_TIME) else _value(value, exactly=True)


def _value(text: str, *, exactly: bool = False) -> str:
    bare = _BARE.fullmatch(text) is not None and fold_in_place(text) not in RESERVED
    return f"{'exactly ' if exactly else ''}{text if bare else _in_quotes(text)}"


def _in_quotes(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
