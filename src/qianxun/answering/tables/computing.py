"""Computes operations on a table, with decimals: what is stated is exact, or says that it is rounded.

Every result has the cells it was made from and one sentence in each language. What cannot be computed without guessing
is refused with its reason: mixed units, percentages that would be summed, a growth from nothing. Rows that sum up
others take no part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

from qianxun.answering.tables.aggregates import (
    count,
    difference,
    extreme,
    group,
    mean,
    median,
    ratio,
    share,
    side,
    top,
    total,
    value_range,
)
from qianxun.answering.tables.arithmetic import (
    Result,
    grouped,
    left_out,
    noted,
    unit_of,
    value_column,
)
from qianxun.answering.tables.asking import operations
from qianxun.answering.tables.operation import Operation, view
from qianxun.answering.tables.periods import in_order
from qianxun.answering.tables.rows import CannotCompute, Entry
from qianxun.answering.tables.saying import (
    NOTHING,
    PRECISION,
    Both,
    chosen,
    column_name,
    said,
)
from qianxun.answering.tables.table import Cell, Table
from qianxun.answering.tables.trends import annual_growth, changes, growth, trend
from qianxun.messages import Remark


@dataclass(frozen=True, slots=True)
class Computed:
    """A result. `value` is in `unit` (`pp`: percentage points; empty: none), rounded only if the sentence says so.

    `value` is None where the result is not one number; `parts` are then its numbers by name (Chinese, English), and
    with a superlative the names that have it. `cells` are those it was computed from, as they stand in the table.
    """

    operation: Operation
    value: Decimal | None
    unit: str
    cells: tuple[Cell, ...]
    statement_zh: str
    statement_en: str
    parts: tuple[tuple[str, str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """What was asked for and is not computed, and why, in a sentence of each language."""

    operation: Operation
    reason: Remark
    statement_zh: str
    statement_en: str


def results(question: str, table: Table) -> tuple[Computed | Refused, ...]:
    """What the question asks for of this table, computed, in its order; empty if it asks for nothing of the kind."""
    return tuple(compute(table, operation) for operation in operations(question, table))


def compute(table: Table, operation: Operation) -> Computed | Refused:
    """The operation's result, or why there is none. The same for the same input, always."""
    seen = view(table, operation)
    with localcontext() as context:
        context.prec = PRECISION
        try:
            result = _COMPUTED_BY[operation.name](seen, operation)
        except CannotCompute as error:
            return _refused(seen, operation, error.reason)
    cells = tuple(dict.fromkeys(cell for entry in result.entries for cell in entry.cells))
    parts = tuple((part.label.zh, part.label.en, part.value) for part in result.parts)
    statement = result.statement
    return Computed(
        operation, result.value, result.unit, cells, f"{statement.zh}。", f"{_capital(statement.en)}.", parts
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text


def _refused(table: Table, operation: Operation, reason: Remark) -> Refused:
    from qianxun.languages.zh.tables import MESSAGES

    name = column_name(table, operation.column) if operation.column is not None else Both("结果", "the result")
    why = Both(MESSAGES[reason.template].format(**reason.values), str(reason))
    statement = said("{name}未计算：{why}", "{name} was not computed: {why}", name=name, why=why)
    return Refused(operation, reason, f"{statement.zh}。", f"{_capital(statement.en)}.")


def _series(table: Table, operation: Operation) -> tuple[list[Entry], int, bool]:
    """The numbers by period, earliest first; empty cells; whether rows of one period were added up."""
    if operation.by is None or table.columns[operation.by].kind != "period":
        raise CannotCompute(Remark("no column of the table says in which order its rows follow in time"))
    entries, n_empty, _ = grouped(table, operation, "sum")
    periods = [entry.period for entry in entries if entry.period is not None]
    order = in_order(periods)
    return [entries[i] for i in order], n_empty, any(len(entry.cells) > 1 for entry in entries)


def _of(table: Table, operation: Operation) -> Both:
    """What a series is of: the column and the rows that were chosen."""
    name, where = column_name(table, value_column(operation)), chosen(table, operation.where)
    return Both(name.zh.strip() + where.zh if where else name.zh, name.en + where.en)


def _over_time(
    tell: Callable[..., tuple[Decimal | None, str, Both, Sequence[Entry]]],
) -> Callable[[Table, Operation], Result]:
    """What is computed from a series: the series is found the same way for all."""

    def computed(table: Table, operation: Operation) -> Result:
        series, n_empty, was_added = _series(table, operation)
        value, unit, statement, parts = tell(table, operation, series, _of(table, operation), unit_of(table, operation))
        added = said("同期各行相加", "rows of one period added up") if was_added else NOTHING
        return Result(value, unit, series, noted(statement, added, left_out(n_empty)), parts)

    return computed


def _growth(table: Table, operation: Operation) -> Result:
    """Between the two sides that the operation names, else along the series."""
    if not operation.second:
        return _over_time(growth)(table, operation)
    sides = [side(table, operation, operation.second), side(table, operation, operation.first)]
    value, unit, statement, parts = growth(table, operation, sides, _of(table, operation), unit_of(table, operation))
    return Result(value, unit, sides, statement, parts)


_COMPUTED_BY: Final[dict[str, Callable[[Table, Operation], Result]]] = {
    "sum": total,
    "mean": mean,
    "median": median,
    "max": extreme,
    "min": extreme,
    "range": value_range,
    "top": top,
    "count": count,
    "difference": difference,
    "ratio": ratio,
    "share": share,
    "group": group,
    "growth": _growth,
    "trend": _over_time(trend),
    "changes": _over_time(changes),
    "cagr": _over_time(annual_growth),
}
