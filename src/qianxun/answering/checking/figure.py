"""A figure as it is compared: what agrees with what, in whatever unit. Knows no text."""

import functools
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from qianxun.answering.checking.figure_words import IN_OTHER_UNITS, Limit

Kind: TypeAlias = Literal["date", "time", "number", "code", "rate", "weekday"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure at `start` to `end` of the spelled text, `core` without the words of its limit.

    `value` is canonical: `2025-3-1` with `?` for a part that is not given, `18:30`, decimal text without separators
    (or `1/3`), a code in lower case, the English day of the week, "1" of a rate (每年, per hour). `unit` is "" where
    none is known. `limit` is "+" for at least or more or later, "-" for at most or less or earlier; the words that say
    so lie in `start` to `end`.
    """

    kind: Kind
    value: str
    unit: str = ""
    limit: Limit = ""
    start: int = 0
    end: int = 0
    core: tuple[int, int] = (0, 0)

    def agrees(self, other: "Figure") -> bool:
        """True if a text that has the other figure bears this one; limits are compared apart."""
        if self.kind == other.kind == "date":
            parts = zip(self.value.split("-"), other.value.split("-"), strict=True)
            return all(mine in ("?", theirs) for mine, theirs in parts)
        if self.kind in _QUANTITIES and other.kind in _QUANTITIES:
            same = self.value == other.value
            return (same and (not self.unit or not other.unit or self.unit == other.unit)) or self._amounts_to(other)
        if self.kind == other.kind:
            return self.value == other.value
        # 2025 of 2025年3月 and 1042 of E-1042, but not the other way round.
        return self.kind == "number" and not self.unit and self.value in re.findall(r"\d+", other.value)

    def _amounts_to(self, other: "Figure") -> bool:
        """True for as much in another unit: 24 months, two years."""
        mine = _in_base(self.value, self.unit)
        return mine is not None and mine == _in_base(other.value, other.unit)

    def differs_in_unit(self, other: "Figure") -> bool:
        """True for the same number of something else."""
        quantities = self.kind in _QUANTITIES and other.kind in _QUANTITIES
        return quantities and self.value == other.value and not self.agrees(other)

    def differs_in_limit(self, other: "Figure") -> bool:
        """True for the same figure as a lower limit in one place and an upper limit in the other."""
        return bool(self.limit and other.limit and self.limit != other.limit)


@functools.lru_cache(maxsize=1024)
def _in_base(value: str, unit: str) -> tuple[str, Fraction] | None:
    """The amount in the unit that others of its kind are counted in; None where there is none."""
    base = IN_OTHER_UNITS.get(unit)
    return (base[0], Fraction(value) * base[1]) if base is not None else None


# Amounts of something: 每年 says as much as 一年.
_QUANTITIES: Final = frozenset({"number", "rate"})
