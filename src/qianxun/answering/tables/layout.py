"""Brings a table into one form: a row for each period, whether the periods were written down or across.

| 地区 | 1月 | 2月 | becomes 地区, period, value; with one row, or with a measure on each row (销售额, 利润), every row
becomes a column. Cells keep the places that they have in the table as written.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from qianxun.answering.tables.periods import Period, periods_in, read_period
from qianxun.answering.tables.table import Cell, Table, is_summary_label, name_and_unit, typed
from qianxun.answering.tables.values import Quantity
from qianxun.answering.tables.words import MEASURES, concepts_in
from qianxun.text import fold

_PERIOD_AXIS: Final = re.compile(
    r"月份?|年份?|年度|季度|时间|日期|期间|周次?|months?|years?|quarters?|periods?|dates?|time|weeks?|days?"
)
_MEASURE_AXIS: Final = re.compile(r"指标|项目|科目|类目|metrics?|measures?|indicators?|items?|line items?")


def across(table: Table) -> dict[int, tuple[Period, str, str]]:
    """The columns that stand for periods: the period, its text, and the rest of the name. None if they are no line."""
    found: dict[int, tuple[Period, str, str]] = {}
    for index in table.of_kind("number", "empty"):
        name = table.header[index]
        named = periods_in(name, bare_years=True)
        whole = read_period(name)
        if whole is not None:
            found[index] = (whole, name, "")
        elif len(named) == 1 and len(fold(name)) == len(name):
            written = name[named[0].start : named[0].end]
            found[index] = (named[0].period, written, name.replace(written, " ", 1).strip(" -_/的"))
    kinds = {period.kind for period, _, _ in found.values()}
    places = [(period, rest) for period, _, rest in found.values()]
    n_periods = len({period for period, _ in places})
    if len(kinds) != 1 or n_periods < 2 or len(set(places)) < len(places):
        return {}
    measures = {rest for _, rest in places}
    return found if len(places) == n_periods * len(measures) else {}


def is_across(table: Table) -> bool:
    """True if the table has its periods in its header and none below."""
    return not table.of_kind("period") and bool(across(table))


def laid_out(table: Table) -> Table:
    """The table with a row for each period; itself if it has none in its header."""
    if not is_across(table):
        return table
    columns = across(table)
    measures = list(dict.fromkeys(rest for _, _, rest in columns.values()))
    labels = table.of_kind("label", "identifier")
    if measures == [""] and _rows_are_measures(table, labels):
        return _turned(table, columns, labels)
    at = {(period, rest): index for index, (period, _, rest) in columns.items()}
    periods = list(dict.fromkeys((period, text) for period, text, _ in columns.values()))
    rows: list[tuple[Cell, ...]] = []
    for row in table.rows:
        for period, text in dict(periods).items():
            first = at[period, measures[0]]
            rows.append(
                (
                    *(row[label] for label in labels),
                    Cell(text, period, row[0].row, first, None),
                    *(row[at[period, measure]] for measure in measures),
                )
            )
    header = (*(table.header[label] for label in labels), "", *measures)
    return typed(header, tuple(rows), table.span)


def _rows_are_measures(table: Table, labels: Sequence[int]) -> bool:
    """True if each row counts something of its own, so that rows are not added up."""
    if len(labels) > 1:
        return False
    if len(table.rows) == 1 or not labels:
        return True
    name = fold(table.header[labels[0]]).strip()
    if _PERIOD_AXIS.fullmatch(name) or _MEASURE_AXIS.fullmatch(name):
        return True
    texts = [row[labels[0]].text for row in table.rows]
    units = {cell.value.unit.key for row in table.rows for cell in row if isinstance(cell.value, Quantity)}
    stated = any(name_and_unit(text)[1].text for text in texts)
    n_measures = sum(bool(concepts_in(fold(text), MEASURES)) for text in texts)
    return stated or len(units) > 1 or n_measures * 2 > len(texts)


def _turned(table: Table, columns: dict[int, tuple[Period, str, str]], labels: Sequence[int]) -> Table:
    """Rows become columns. Rows and columns that sum up others are left out."""
    kept = [
        row for row in table.rows if not labels or not is_summary_label(row[labels[0]].text) or len(table.rows) == 1
    ]
    header = ("", *(row[labels[0]].text if labels else "" for row in kept))
    rows = tuple(
        (Cell(text, period, 0, index, None), *(replace(row[index]) for row in kept))
        for index, (period, text, _) in columns.items()
    )
    return typed(header, rows, table.span)
