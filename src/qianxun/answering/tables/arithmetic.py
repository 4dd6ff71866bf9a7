"""What sums, means and shares have in common: the numbers they take, how they round, what they note.

Nothing is rounded without a note. Percentages and rates are never added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from qianxun.answering.tables.operation import NEVER_ADDED, Of, Operation
from qianxun.answering.tables.rows import CannotCompute, Entry, fitting, groups, numbers
from qianxun.answering.tables.saying import (
    MAX_LISTED,
    NOTHING,
    Both,
    joined,
    number,
    rounded,
    said,
)
from qianxun.answering.tables.table import Table, amount
from qianxun.answering.tables.units import Unit
from qianxun.messages import Remark
from qianxun.text import fold


@dataclass(frozen=True, slots=True)
class Result:
    """A value and its sentence before they are bound to their operation."""

    value: Decimal | None
    unit: str
    entries: Sequence[Entry]
    statement: Both
    parts: Sequence[Entry] = ()


def value_column(operation: Operation) -> int:
    if operation.column is None:
        raise CannotCompute(Remark("no number in the table fits"))
    return operation.column


def chosen_entries(table: Table, operation: Operation) -> tuple[list[Entry], int]:
    return numbers(table, fitting(table, operation.where), value_column(operation))


def unit_of(table: Table, operation: Operation) -> Unit:
    return table.columns[value_column(operation)].unit


def added(table: Table, column: int, entries: Sequence[Entry]) -> Decimal:
    """The sum; refused for what does not add up."""
    if len(entries) > 1:
        if table.columns[column].unit.is_share:
            raise CannotCompute(Remark("percentages do not add up"))
        name = table.columns[column].name
        if NEVER_ADDED.fullmatch(fold(name)):
            raise CannotCompute(Remark("rates and averages such as {name!r} do not add up", name=name))
    return sum((entry.value for entry in entries), Decimal(0))


def decimals(entries: Sequence[Entry]) -> int:
    """Decimals of a mean: two more than the numbers have."""
    return 2 + max(max(0, -int(entry.value.normalize().as_tuple().exponent)) for entry in entries)


def quotient(numerator: Decimal, denominator: Decimal, places: int) -> tuple[Decimal, Both]:
    """The quotient to so many decimals, and a note if digits were lost."""
    exact = numerator / denominator
    value = rounded(exact, places)
    if value * denominator == numerator:
        return plain(exact), NOTHING
    return value, said(
        "四舍五入到 {n} 位小数", "rounded to {n} decimal{s}", n=str(places), s="" if places == 1 else "s"
    )


def plain(value: Decimal) -> Decimal:
    """Without zeros behind the point, and not as a power of ten."""
    short = value.normalize()
    return short.quantize(Decimal(1)) if int(short.as_tuple().exponent) > 0 else short


def n_values(n: int) -> Both:
    return said("{n} 项", "{n} value{s}", n=str(n), s="" if n == 1 else "s")


def noted(statement: Both, *notes: Both) -> Both:
    """The sentence with its notes behind it in parentheses."""
    kept = joined(dict.fromkeys(note for note in notes if note), "；", "; ")
    return (
        said("{statement}（{notes}）", "{statement} ({notes})", statement=statement, notes=kept) if kept else statement
    )


def left_out(n: int) -> Both:
    if not n:
        return NOTHING
    return said("{n} 个空缺未计入", "{n} empty cell{s} left out", n=str(n), s="" if n == 1 else "s")


def combined(table: Table, column: int, of: Of, entries: Sequence[Entry]) -> tuple[Decimal, Both]:
    """One number of a group's numbers."""
    values = sorted(entry.value for entry in entries)
    if of == "mean":
        return quotient(sum(values, Decimal(0)), Decimal(len(values)), decimals(entries))
    if of == "median":
        return middle(values, decimals(entries))
    if of in ("max", "min"):
        return (values[-1] if of == "max" else values[0]), NOTHING
    if of == "count":
        return Decimal(len(values)), NOTHING
    return added(table, column, entries), NOTHING


def middle(values: Sequence[Decimal], places: int) -> tuple[Decimal, Both]:
    half = len(values) // 2
    if len(values) % 2:
        return values[half], NOTHING
    return quotient(values[half - 1] + values[half], Decimal(2), places)


def grouped(table: Table, operation: Operation, of: Of) -> tuple[list[Entry], int, Both]:
    """The groups' numbers, each with all its cells; empty cells; a note on rounding."""
    column = value_column(operation)
    if operation.by is None:
        entries, n_empty = chosen_entries(table, operation)
        return entries, n_empty, NOTHING
    found: list[Entry] = []
    n_missing, note = 0, NOTHING
    for label, period, rows in groups(table, fitting(table, operation.where), operation.by, operation.by_kind):
        if not any(amount(table.rows[row][column], table.columns[column]) is not None for row in rows):
            n_missing += len(rows)
            continue
        entries, n_empty = numbers(table, rows, column)
        value, rounding = combined(table, column, of, entries)
        found.append(Entry(label, value, tuple(cell for entry in entries for cell in entry.cells), period))
        n_missing, note = n_missing + n_empty, rounding or note
    if not found:
        numbers(table, [], column)
    return found, n_missing, note


def listed(entries: Sequence[Entry], unit: Unit) -> Both:
    parts = [said("{label} {value}", "{label} {value}", label=e.label, value=number(e.value, unit)) for e in entries]
    rest = len(parts) - MAX_LISTED
    if rest > 0:
        parts = [*parts[:MAX_LISTED], said("其余 {n} 项略", "{n} more", n=str(rest))]
    return joined(parts, "，", ", ")


DONE: Final = {
    "sum": Both("合计", "total"), "mean": Both("平均", "average"), "median": Both("中位数", "median"),
    "max": Both("最高", "highest"), "min": Both("最低", "lowest"), "count": Both("个数", "count"),
}  # fmt: skip
