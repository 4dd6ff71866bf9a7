"""What one clause of a question is about: the columns and rows that it names or takes over from its neighbours.

A clause has its own names and those of clauses that ask for nothing; where it has none, those of the clauses that it is
strung together with (华东的合计和平均).
"""

from collections.abc import Sequence
from typing import Final

from qianxun.answering.tables.clauses import Clause
from qianxun.answering.tables.mentions import NAME, Condition, Mention, Mentions, dimension, dimensions_of
from qianxun.answering.tables.operation import Name, Operation, adds_up
from qianxun.answering.tables.periods import WIDTHS
from qianxun.answering.tables.table import Table
from qianxun.answering.tables.values import Quantity
from qianxun.answering.tables.words import (
    ADJECTIVES,
    DIMENSIONS,
    EACH,
    PERIOD_KINDS,
    concepts_in,
)

MAX_COLUMNS: Final = 4  # computed where the question names none


def number_columns(table: Table, named: Sequence[Mention]) -> list[int]:
    numbers = table.of_kind("number")
    return list(dict.fromkeys(m.column for m in named if m.column in numbers))


class Scope:
    """What one clause of a question is about: its columns, its rows, and by what they are grouped."""

    def __init__(self, table: Table, found: Mentions, clauses: list[Clause], clause: Clause, as_written: bool) -> None:
        self.table = table
        self.found = found
        self.clauses = clauses
        self.clause = clause
        self.as_written = as_written
        numbers = table.of_kind("number")
        free = list(found.folded)
        for mention in found.columns:
            if mention.column in numbers:  # 年资 is no 年
                free[mention.start : mention.end] = NAME * (mention.end - mention.start)
        self.free = "".join(free)
        self.text = found.folded[clause.start : clause.end]
        self.cues = {name: (start, end) for name, start, end in clause.cues}
        self.columns = self._columns()
        self.rows, self.conditions, self.bounds, self.spans = self._chosen()

    def _near(self, mention_start: int) -> bool:
        """True for what is named in this clause or in one without cues."""
        home = next((c for c in self.clauses if c.start <= mention_start < c.end), None)
        return home is self.clause or (home is not None and not home.cues)

    def _chain(self) -> list[Clause]:
        """The clauses that are strung together with this one, nearest first."""
        at = self.clauses.index(self.clause)
        first = at
        while first > 0 and self.clauses[first].is_weak:
            first -= 1
        last = at
        while last + 1 < len(self.clauses) and self.clauses[last + 1].is_weak:
            last += 1
        return sorted(self.clauses[first : last + 1], key=lambda c: abs(self.clauses.index(c) - at))

    def _columns(self) -> list[Mention]:
        within = [m for m in self.found.columns if self.clause.start <= m.start < self.clause.end]
        if number_columns(self.table, within):
            return within
        joined = [m for m in self.found.columns if self._near(m.start)]
        return joined if number_columns(self.table, joined) else list(self.found.columns)

    def _chosen(
        self,
    ) -> tuple[
        list[Mention],
        list[Condition],
        list[tuple[int, str, tuple[Quantity, ...]]],
        list[tuple[Mention, Mention]],
    ]:
        for clauses in ([], *([c] for c in self._chain())):
            homes = [(c.start, c.end) for c in clauses]

            def is_here(start: int, homes: list[tuple[int, int]] = homes) -> bool:
                return self._near(start) or any(first <= start < last for first, last in homes)

            rows = [m for m in self.found.rows if is_here(m.start)]
            conditions = [c for start, c in self.found.conditions if is_here(start)]
            bounds = [b for b in self.found.bounds if is_here(b[0])]
            spans = [s for s in self.found.spans if is_here(s[0].start)]
            if rows or conditions or bounds:
                return rows, conditions, bounds, spans
        return [], [], [], []

    def values(self, *, adding: bool) -> list[int]:
        """The columns of numbers to compute with: those named, else all that may be meant."""
        named = number_columns(self.table, self.columns)
        if named:
            # A column that is only bounded is no value, if another one is named: orders with sales above 100.
            bounded = {self.bound_column(b) for b in self.bounds}
            return [c for c in named if c not in bounded] or named
        numbers = list(self.table.of_kind("number"))
        fitting = [c for c in numbers if adds_up(self.table, c)] if adding else numbers
        fitting = fitting or numbers
        return fitting if len(fitting) <= MAX_COLUMNS else []

    def bound_column(self, bound: tuple[int, str, tuple[Quantity, ...]]) -> int | None:
        """The column that a bound is on: of its unit, or named nearest to it."""
        numbers = self.table.of_kind("number")
        near = [(abs(m.start - bound[0]), m.column) for m in self.columns if m.column in numbers]
        keys = {q.unit.key for q in bound[2] if q.unit.name}
        if keys:
            fitting = [c for c in numbers if self.table.columns[c].unit.key in keys]
            if len(fitting) == 1:
                return fitting[0]
        if near:
            return min(near)[1]
        adding = [c for c in numbers if adds_up(self.table, c)]
        return numbers[0] if len(numbers) == 1 else adding[0] if len(adding) == 1 else None

    def where(self, used: Sequence[Mention] = ()) -> tuple[Condition, ...]:
        """The conditions of the clause, but for mentions that are used otherwise."""
        conditions = list(self.conditions)
        spanned = {m for pair in self.spans for m in pair}
        for first, last in self.spans:
            if first not in used:
                conditions.append(Condition(first.column, "between", (first.value, last.value)))  # type: ignore[arg-type]
        single = [m for m in self.rows if m not in used and m not in spanned]
        for column in dict.fromkeys(m.column for m in single):
            for excluded in (False, True):
                values = tuple(
                    dict.fromkeys(m.value for m in single if m.column == column and m.excluded == excluded and m.value)
                )
                if values:
                    conditions.append(Condition(column, "not in" if excluded else "in", values))
        for bound in self.bounds:
            target = self.bound_column(bound)
            if target is not None:
                conditions.append(Condition(target, bound[1], bound[2]))  # type: ignore[arg-type]
        return tuple(conditions)

    def new(self, name: Name, column: int | None, **more: object) -> Operation:
        more.setdefault("where", self.where())
        return Operation(name, column, as_written=self.as_written, **more)  # type: ignore[arg-type]

    def wider(self, text: str) -> str:
        """The kind of period that the text begins with, if the table's periods are parts of such; else empty."""
        periods = self.table.of_kind("period")
        asked = [
            name for name, (at, _) in concepts_in(text[:12], DIMENSIONS).items() if at <= 1 and name in PERIOD_KINDS
        ]
        if len(periods) != 1 or not asked:
            return ""
        own = min((WIDTHS.get(kind, 9) for kind in dimensions_of(self.table, periods[0])), default=9)
        return asked[0] if 0 <= own < WIDTHS[asked[0]] and asked[0] in ("month", "quarter", "half", "year") else ""

    def each(self) -> tuple[int | None, str]:
        """The column by whose values the clause asks (各地区, for each region, 按季度), and the wider period."""
        for match in EACH.finditer(self.free, self.clause.start, self.clause.end):
            ahead = self.free[match.end() :].lstrip()
            wider = self.wider(ahead)
            if wider:
                return self.table.of_kind("period")[0], wider
            by = dimension(self.table, ahead)
            if by is not None:
                return by, ""
        adjective = ADJECTIVES.search(self.text)
        if adjective is not None:
            wider = self.wider(adjective[0])
            if wider:
                return self.table.of_kind("period")[0], wider
        return None, ""

    def is_unique(self, column: int) -> bool:
        texts = [self.table.rows[row][column].text for row in self.table.data_rows]
        return len(set(texts)) == len(texts)
