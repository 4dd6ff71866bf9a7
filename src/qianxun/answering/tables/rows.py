"""Which rows fit conditions, and what stands in them: numbers with their cells, by label and by period."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from qianxun.answering.tables.mentions import Condition
from qianxun.answering.tables.periods import WIDTHS, Period, in_order
from qianxun.answering.tables.saying import Both, period_name
from qianxun.answering.tables.table import Cell, Table, amount
from qianxun.answering.tables.values import Quantity
from qianxun.messages import Remark
from qianxun.text import fold


class CannotCompute(Exception):
    """Why an operation has no result, as a remark. Caught by `computing.compute`; it reaches nobody else."""

    def __init__(self, reason: Remark) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
    """A number, what it is of, and the cells that it is made from."""

    label: Both
    value: Decimal
    cells: tuple[Cell, ...]
    period: Period | None = None


def fitting(table: Table, where: Sequence[Condition]) -> list[int]:
    """The data rows that fit all conditions, in order."""
    rows = list(table.data_rows)
    for condition in where:
        if condition.relation in ("first", "last"):
            rows = _ends(table, rows, condition)
        else:
            rows = [row for row in rows if _fits(table, row, condition)]
    return rows


def _ends(table: Table, rows: list[int], condition: Condition) -> list[int]:
    (n,) = condition.values
    periods = {row: p for row in rows if isinstance(p := table.rows[row][condition.column].value, Period)}
    distinct = list(dict.fromkeys(periods.values()))
    ordered = [distinct[i] for i in in_order(distinct)]
    count = int(n.number) if isinstance(n, Quantity) else 0
    kept = ordered[:count] if condition.relation == "first" else ordered[-count:]
    return [row for row, period in periods.items() if period in kept]


def _fits(table: Table, row: int, condition: Condition) -> bool:
    cell = table.rows[row][condition.column]
    if condition.relation == "not in":
        return not any(_is(cell, value) for value in condition.values)
    if condition.relation == "in":
        return any(_is(cell, value) for value in condition.values)
    if isinstance(cell.value, Period):
        return _in_time(cell.value, condition)
    value = amount(cell, table.columns[condition.column])
    if value is None:
        return False
    bounds = [_bound(table, condition.column, bound) for bound in condition.values if isinstance(bound, Quantity)]
    if condition.relation == "between":
        return len(bounds) == 2 and bounds[0] <= value <= bounds[1]
    return len(bounds) == 1 and _compare(value, condition.relation, bounds[0])


def _is(cell: Cell, value: str | Period | Quantity) -> bool:
    if isinstance(value, Period):
        return isinstance(cell.value, Period) and cell.value.lies_in(value)
    return isinstance(value, str) and fold(cell.text) == value


def _in_time(own: Period, condition: Condition) -> bool:
    bounds = [value for value in condition.values if isinstance(value, Period)]
    if not bounds:
        return False
    widened = [_widened(own, bound.kind) for bound in bounds]
    if any(one is None for one in widened):
        return False
    places = [
        (one.ordinal, bound.ordinal) if one.year is not None and bound.year is not None else (one.number, bound.number)
        for one, bound in zip(widened, bounds, strict=True)
        if one is not None
    ]
    if condition.relation == "between" and len(places) == 2:
        (low, first), (high, last) = places
        over_new_year = first > last and bounds[0].year is None
        return low >= first or high <= last if over_new_year else low >= first and high <= last
    return _compare(Decimal(places[0][0]), condition.relation, Decimal(places[0][1]))


def _compare(value: Decimal, relation: str, bound: Decimal) -> bool:
    if relation == ">":
        return value > bound
    if relation == ">=":
        return value >= bound
    return value < bound if relation == "<" else value <= bound


def _bound(table: Table, column: int, bound: Quantity) -> Decimal:
    """The bound in the unit of the column. A bare 100 is 100 of what the column counts in."""
    unit = table.columns[column].unit
    if bound.unit.name and unit.name and bound.unit.key != unit.key:
        raise CannotCompute(Remark("{asked} and {own} are different units", asked=bound.unit.text, own=unit.text))
    if bound.unit.name or bound.unit.scale:
        return bound.exact.scaleb(-unit.exponent)
    return bound.number


def _widened(period: Period, kind: str) -> Period | None:
    """The period of this kind that a period lies in; None if it is none that is wider."""
    if period.kind == kind:
        return period
    if kind not in WIDTHS or WIDTHS.get(period.kind, 9) >= WIDTHS[kind] or period.kind == "week":
        return None
    if kind == "year":
        return Period("year", period.year) if period.year is not None else None
    month = period.number // 100 if period.kind == "day" else period.number
    if period.kind in ("day", "month"):
        parts = {"month": 1, "quarter": 3, "half": 6}[kind]
        return Period(kind, period.year, (month - 1) // parts + 1) if kind != "week" else None
    return Period(kind, period.year, (period.number - 1) // 2 + 1)


def numbers(table: Table, rows: Sequence[int], column: int) -> tuple[list[Entry], int]:
    """The numbers in these rows, and how many cells are empty. Raises CannotCompute for a doubtful column."""
    problem = table.columns[column].problem
    if problem is not None:
        raise CannotCompute(problem)
    found: list[Entry] = []
    names = naming_columns(table)
    for row in rows:
        cell = table.rows[row][column]
        value = amount(cell, table.columns[column])
        if value is not None:
            found.append(Entry(row_name(table, row, names), value, (cell,), _period_in(table, row)))
    if not found:
        raise CannotCompute(Remark("no number in the table fits"))
    return found, len(rows) - len(found)


def row_name(table: Table, row: int, columns: Sequence[int]) -> Both:
    """What a row is called: its cells in these columns, else its number."""
    text = " ".join(table.rows[row][c].text for c in columns if table.rows[row][c].text)
    return Both(text, text) if text else Both(f"第 {row + 1} 行", f"row {row + 1}")


def naming_columns(table: Table) -> tuple[int, ...]:
    """The columns that name rows: the first that tells them all apart, else all."""
    columns = table.of_kind("label", "period") or table.of_kind("identifier")
    for column in columns:
        if len({table.rows[row][column].text for row in table.data_rows} - {""}) == len(table.data_rows):
            return (column,)
    return columns


def _period_in(table: Table, row: int) -> Period | None:
    return next((c.value for c in table.rows[row] if isinstance(c.value, Period)), None)


def groups(
    table: Table, rows: Sequence[int], by: int, by_kind: str = ""
) -> list[tuple[Both, Period | None, list[int]]]:
    """The rows by what stands in a column, or by the wider period that it lies in, in order of appearance."""
    found: dict[object, tuple[Both, Period | None, list[int]]] = {}
    for row in rows:
        cell = table.rows[row][by]
        if isinstance(cell.value, Period):
            period = _widened(cell.value, by_kind) if by_kind else cell.value
            if period is None:
                raise CannotCompute(Remark("{text!r} lies in no such period", text=cell.text))
            label = period_name(period) if by_kind else Both(cell.text, cell.text)
            found.setdefault(period, (label, period, []))[2].append(row)
        elif cell.text:
            found.setdefault(fold(cell.text), (Both(cell.text, cell.text), None, []))[2].append(row)
    return list(found.values())
