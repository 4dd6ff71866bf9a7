"""A table as it was found in a text: names of columns, cells with their places, and what each column holds.

Which rows are data is decided here, once: rows that sum up others (合计, Total, a quarter among months) are never added
to what they sum up. A column of numbers has one unit, or a `problem` that says why nothing can be computed from it.
Knows no text around the table and no question.
"""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

from qianxun.answering.tables.periods import WIDTHS, Period
from qianxun.answering.tables.units import NO_UNIT, Unit, unit_of_header
from qianxun.answering.tables.values import Quantity, Value, read_value, without_emphasis
from qianxun.messages import Remark
from qianxun.records import Span
from qianxun.text import fold

Kind: TypeAlias = Literal["number", "period", "label", "identifier", "empty"]
MAX_HEADER_ROWS: Final = 4

_SUMMARY: Final = re.compile(
    r"(?:.{0,12}?)(?:合计|总计|小计|共计|累计|总和|总额|汇总|平均值?|均值|中位数|最[大小高低]值)(?:\(.*\))?"
    r"|总数|总|全部|全年|全国合计|合 计|总 计|小 计|全公司"
    r"|(?:grand |sub[\s-]?|overall )?totals?(?:\s+.{0,20})?|.{0,20}\s(?:sub)?-?totals?"
    r"|sum|average|avg\.?|mean|median|overall|all"
    r"|min(?:imum)?|max(?:imum)?"
)
_IDENTIFIER: Final = re.compile(
    r"(?:.{0,6}(?:编号|序号|编码|代码|工号|学号|单号|账号|卡号|电话|手机|邮编|排名|名次|位次|流水号|身份证号?)|名次|no\.?|#|id"
    r"|.{0,20}[ _-](?:id|no\.?|code|number|#)|code|sku|rank|ranking|phone|zip|postcode|index|row)"
)
_YEARLY: Final = re.compile(r".*(?:年|时间|日期|期间).*|.*\b(?:year|fy|period|date|time|season)s?\b.*")
_YEAR_AND_MONTH: Final = re.compile(r"(?:19|20|21)\d\d\.(?:0[1-9]|1[0-2])")  # 2024.03, where a number is none
_MONTHLY: Final = re.compile(r"月份?|months?")
_QUARTERLY: Final = re.compile(r"季度?|quarters?|qtr")
_WEEKLY: Final = re.compile(r"周次?|第?几?周|weeks?|wk")
_UNIT_IN_NAME: Final = re.compile(
    r"^(?P<name>.*?)\s*(?:[(\[【（［](?P<within>[^()\[\]【】（）［］]*)[)\]】）］]|/(?P<after>[^/]+)|,\s*(?P<comma>[^,]+)"
    r"|\s(?P<words>in\s.+))\s*$"
)
_UNIT_SAID: Final = re.compile(r"^(?:单位|unit)\s*[::]?\s*", re.IGNORECASE)


class Raw(NamedTuple):
    """A cell's text and its place in the text that was read, None if it does not stand there."""

    text: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: its text, what that says, and where it stands. `row` and `column` count from 0, below the header.

    `span` is its place in the text in which the table was found; None for a cell that was left out there.
    """

    text: str
    value: Value
    row: int
    column: int
    span: Span | None


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds. `name` is without the unit, which is in `unit`; numbers are in that unit and scale.

    `problem` says why its numbers must not be put together; None if they may.
    """

    name: str
    kind: Kind
    unit: Unit = NO_UNIT
    problem: Remark | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table found in a text. `header` has a name for each column, empty where there is none; `rows` are as wide.

    `span` is the table's exact place in the text. `columns` say what the columns hold; `summaries` are the rows, from
    0, that sum up others.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    span: Span
    columns: tuple[Column, ...]
    summaries: frozenset[int] = frozenset()

    @property
    def data_rows(self) -> tuple[int, ...]:
        """The rows, from 0, that sum up no others."""
        return tuple(row for row in range(len(self.rows)) if row not in self.summaries)

    def of_kind(self, *kinds: Kind) -> tuple[int, ...]:
        """The columns of these kinds, from 0."""
        return tuple(index for index, column in enumerate(self.columns) if column.kind in kinds)


def table_from(rows: Sequence[Sequence[Raw]], span: Span, *, n_header_rows: int | None = None) -> Table | None:
    """The table of these rows of cells, the first of which may be its header; None if no row is left below that.

    `n_header_rows` None: found out. Rows may be ragged; rows without text are left out.
    """
    n_declared = n_header_rows
    kept = [
        (list(row), n_declared is not None and i < n_declared)
        for i, row in enumerate(rows)
        if any(cell.text.strip() for cell in row)
    ]
    width = max((len(row) for row, _ in kept), default=0)
    grid = [[*row, *[Raw("", None)] * (width - len(row))] for row, _ in kept]
    values = [[read_value(cell.text) for cell in row] for row in grid]
    n_captions = _n_captions(grid)
    n = sum(1 for _, declared in kept if declared) or None
    n_header = _n_header_rows(grid[n_captions:], values[n_captions:], max(0, n - n_captions) if n else None)
    n_header += n_captions
    body, values = grid[n_header:], values[n_header:]
    if not body or width == 0:
        return None
    cells = tuple(
        tuple(
            Cell(without_emphasis(raw.text), value, i, j, raw.span)
            for j, (raw, value) in enumerate(zip(row, found, strict=True))
        )
        for i, (row, found) in enumerate(zip(body, values, strict=True))
    )
    return typed(_names(grid[n_captions:n_header], width), cells, span)


def typed(header: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...], span: Span) -> Table:
    """The table with its columns looked through: periods written as numbers, units, rows that sum up others."""
    width = len(header)
    shown = [_with_periods(header[j], [row[j] for row in rows], is_first=j == 0) for j in range(width)]
    rows = tuple(tuple(shown[j][i] for j in range(width)) for i in range(len(rows)))
    summaries = _summaries(header, rows)
    columns = tuple(
        _column(header[j], [row[j] for i, row in enumerate(rows) if i not in summaries]) for j in range(width)
    )
    return Table(header, rows, span, columns, summaries)


def _n_captions(grid: list[list[Raw]]) -> int:
    """How many first rows are lines over the width of the table: one text, alone or in all places."""
    n = 0
    while n < len(grid) - 2 and len(grid[n]) > 1:
        texts = [cell.text.strip() for cell in grid[n]]
        if len({text for text in texts if text}) > 1 or (texts[0] == "" and any(texts)):
            break
        below = sum(1 for cell in grid[n + 1] if cell.text.strip())
        if below < 2:
            break
        n += 1
    return n


def _n_header_rows(grid: list[list[Raw]], values: list[list[Value]], declared: int | None) -> int:
    """How many rows name the columns. Names over names are followed by those that they stand over."""
    if not grid:
        return 0
    n = declared if declared is not None else int(_is_header(values[0], values[1:], grid[0]))
    while 0 < n < min(len(grid) - 1, MAX_HEADER_ROWS) and declared in (None, 1):
        texts = [cell.text.strip() for cell in grid[n - 1]]
        has_merged = "" in texts[1:] or len(set(filter(None, texts))) < len(list(filter(None, texts)))
        names = [v for v in values[n] if v != "empty"]
        below = any(isinstance(v, Quantity) for row in values[n + 1 :] for v in row)
        if not (has_merged and below and names and all(v == "words" or isinstance(v, Period) for v in names)):
            break
        n += 1
    return n


def _is_header(first: list[Value], below: list[list[Value]], raw: list[Raw]) -> bool:
    """True if the first row names what numbers or periods stand below."""
    named = [v for v in first if v != "empty"]
    if not below or not named:
        return False
    years = [j for j, v in enumerate(first) if _is_bare_year(v, raw[j].text)]
    if any(isinstance(v, Quantity) and j not in years for j, v in enumerate(first)):
        return False
    if years and (first[0] not in ("words", "empty") or not _are_consecutive([first[j] for j in years])):
        return False
    has_numbers = any(isinstance(row[j], Quantity) for row in below for j in range(len(first)))
    if not has_numbers and all(v == "words" for v in first):
        names = {fold(cell.text) for cell in raw}
        return len(names) == len(first) > 1
    return has_numbers and any(
        first[j] == "words"
        or j in years
        or (isinstance(first[j], Period) and any(isinstance(row[j], Quantity) for row in below))
        for j in range(len(first))
        if any(isinstance(row[j], Quantity | Period) for row in below)
    )


def _is_bare_year(value: Value, text: str) -> bool:
    return (
        isinstance(value, Quantity)
        and value.unit == Unit()
        and re.fullmatch(r"(?:19|20|21)\d\d", fold(text).strip(" *_`")) is not None
    )


def _are_consecutive(values: Sequence[Value]) -> bool:
    numbers = list(dict.fromkeys(int(v.number) for v in values if isinstance(v, Quantity)))
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    return len(numbers) == 1 or (len(steps) == 1 and abs(steps.pop()) in (1, 2, 5, 10))


def _names(header: list[list[Raw]], width: int) -> tuple[str, ...]:
    """A name for each column: those that stand over each other, once each; a merged cell goes on to the right."""
    lines = [[without_emphasis(cell.text) for cell in row] for row in header]
    for depth, line in enumerate(lines[:-1]):
        below = ["".join(lower[j] for lower in lines[depth + 1 :]) for j in range(width)]
        for j in range(1, width):
            # What names rows stands over nothing else, and goes on nowhere.
            covers = bool(line[j - 1]) and below[j - 1] not in ("", line[j - 1])
            if not line[j] and below[j] and covers:
                line[j] = line[j - 1]
    return tuple(" ".join(dict.fromkeys(line[j] for line in lines if line[j])) for j in range(width))


def _with_periods(name: str, cells: list[Cell], *, is_first: bool) -> list[Cell]:
    """The cells, with numbers read as the years, months, quarters or weeks that their column's name says they are."""
    numbers = [c.value for c in cells if isinstance(c.value, Quantity)]
    if not numbers:
        return cells
    folded = fold(name).strip()
    kind, most = next(
        (
            (kind, most)
            for pattern, kind, most in ((_MONTHLY, "month", 12), (_QUARTERLY, "quarter", 4), (_WEEKLY, "week", 53))
            if pattern.fullmatch(folded)
        ),
        ("", 0),
    )
    plain = [v for v in numbers if v.unit == Unit() and v.number == int(v.number)]
    if kind and len(plain) == len(numbers) and all(1 <= v.number <= most for v in plain):
        return [replace(c, value=_as_period(c.value, kind)) for c in cells]
    data = [c for c in cells if isinstance(c.value, Quantity)]
    is_timely = bool(_YEARLY.fullmatch(folded) or _MONTHLY.fullmatch(folded))
    if (is_timely or is_first) and all(_YEAR_AND_MONTH.fullmatch(fold(c.text)) for c in data):
        return [replace(c, value=_dotted(c.text)) if c in data else c for c in cells]
    if not all(_is_bare_year(c.value, c.text) for c in data):
        return cells
    is_yearly = bool(_YEARLY.fullmatch(folded)) or any(isinstance(c.value, Period) for c in cells)
    in_line = len({v.number for v in numbers}) > 1 and _are_consecutive(numbers)
    if is_yearly or (is_first and in_line):
        return [replace(c, value=_as_period(c.value, "year")) for c in cells]
    return cells


def _dotted(text: str) -> Period:
    year, _, month = fold(text).partition(".")
    return Period("month", int(year), int(month))


def _as_period(value: Value, kind: str) -> Value:
    if not isinstance(value, Quantity):
        return value
    number = int(value.number)
    return Period("year", number) if kind == "year" else Period(kind, None, number)


def is_summary_label(text: str) -> bool:
    """True for 合计, 小计, Total, Average and the like: the label of a row or column that sums up others."""
    folded = fold(text).strip(" *:：_-")
    return bool(folded) and _SUMMARY.fullmatch(folded) is not None


def _summaries(header: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...]) -> frozenset[int]:
    """Rows that a label says sum up others, and periods that others in their column are parts of."""
    found: set[int] = set()
    for i, row in enumerate(rows):
        texts = [cell for cell in row if cell.value == "words"]
        # A single row is no sum of others, and a column of such words names measures.
        if texts and is_summary_label(texts[0].text) and len(rows) > 1:
            found.add(i)
    if len(found) == len(rows):
        found = set()
    for j in range(len(header)):
        periods = {i: row[j].value for i, row in enumerate(rows) if isinstance(row[j].value, Period)}
        kinds = Counter(p.kind for p in periods.values() if isinstance(p, Period))
        if len(kinds) < 2 or not kinds.keys() <= WIDTHS.keys():
            continue
        narrow = min(kinds, key=lambda kind: WIDTHS[kind])
        if kinds[narrow] * 2 > kinds.total():
            found |= {i for i, p in periods.items() if isinstance(p, Period) and p.kind != narrow}
    return frozenset(found)


@functools.lru_cache(maxsize=1024)
def name_and_unit(header: str) -> tuple[str, Unit]:
    """A column's name without the unit that it says in parentheses, behind a stroke or with "in"."""
    match = _UNIT_IN_NAME.match(header.strip())
    if match is None:
        return header.strip(), Unit()
    written = next(part for part in match.group("within", "after", "comma", "words") if part is not None)
    unit = unit_of_header(_UNIT_SAID.sub("", fold(written)).strip())
    return (match["name"].strip(), unit) if unit is not None else (header.strip(), Unit())


def _column(header: str, cells: list[Cell]) -> Column:
    name, stated = name_and_unit(header)
    said = [cell for cell in cells if cell.value != "empty"]
    periods = [cell for cell in said if isinstance(cell.value, Period)]
    numbers = [cell for cell in said if isinstance(cell.value, Quantity)]
    if not said:
        return Column(name, "empty", stated)
    if periods and len(periods) == len(said):
        kinds = {cell.value.kind for cell in periods if isinstance(cell.value, Period)}
        return Column(name, "period" if len(kinds) == 1 else "label")
    if len(numbers) * 2 <= len(said):
        return Column(name, "label")
    if _IDENTIFIER.fullmatch(fold(name).strip()):
        return Column(name, "identifier")
    if len(numbers) < len(said):
        other = next(cell for cell in said if not isinstance(cell.value, Quantity))
        problem = Remark("{text!r} in row {row} is not an exact number", text=other.text, row=other.row + 1)
        return Column(name, "number", stated, problem)
    unit, mixed = _unit_of(stated, [cell.value for cell in numbers if isinstance(cell.value, Quantity)])
    return Column(name, "number", unit, mixed)


def _unit_of(stated: Unit, numbers: list[Quantity]) -> tuple[Unit, Remark | None]:
    """The unit that all numbers are in; what is wrong if they are in several. A bare 0 is one of every unit."""
    written = [n.unit for n in numbers if n.unit != Unit() or n.number]
    own = {unit.key: unit for unit in reversed(written)}
    if not written or (own.keys() == {""} and not any(unit.scale for unit in written)):
        return stated, None
    if stated != Unit():
        # Under 元 a 1.2万 is plain; under 万元 it is not known whether it means what it says.
        fits = all(u.key in ("", stated.key) and u.exponent in (0, stated.exponent) for u in written)
        converts = not stated.scale and all(u.key in ("", stated.key) for u in written)
        return stated, None if fits or converts else _mixed([stated, *written])
    if len(own) > 1:
        return Unit(), _mixed(written)
    scales = {unit.exponent for unit in written}
    unit = written[0]
    return (unit if len(scales) == 1 else Unit(unit.name)), None


def _mixed(units: list[Unit]) -> Remark:
    texts = list(dict.fromkeys(unit.text or "–" for unit in units))
    return Remark("the numbers are in different units ({units})", units=", ".join(texts[:4]))


def amount(cell: Cell, column: Column) -> Decimal | None:
    """The cell's number in the unit of its column; None where it has none."""
    if not isinstance(cell.value, Quantity):
        return None
    own = cell.value.unit
    if own.exponent == column.unit.exponent or not own.scale:
        return cell.value.number
    return cell.value.exact.scaleb(-column.unit.exponent)
