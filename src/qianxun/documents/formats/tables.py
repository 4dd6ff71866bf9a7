"""Rows of cells to the text of a table block, the same for every format."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from qianxun.documents.clean import clean_text
from qianxun.records import Block, Rows

MAX_COLUMNS = 1000
GROUP_ROWS = 400  # of a sheet's table come as one block, so that a large one is never in memory as a whole
GROUP_CHARS = 32768
MAX_HEADER_ROWS = 5
MAX_HEADER_CHARS = 40  # of a cell
MAX_CAPTION_CHARS = 60
MAX_CELL_CHARS = 200  # where a column of longer cells is alone, they are paragraphs

_SPACE = re.compile(r"\s+")
_YEAR = re.compile(r"(?:19|20)\d\d\s*(?:年度?)?$")
_NOTE = re.compile(r"(?:[注备備]|说明|說明|note\b|remark|source\b|\*)", re.IGNORECASE)
_CAPTION_END = ("。", "．", ".", "：", ":", "；", ";", "，", ",", "！", "!", "？", "?")
_NUMERIC = re.compile(r"[\s\d.,%:/+\-−—–()（）￥¥$€元]*$")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it stands in the source; it may cover several columns and rows."""

    text: str
    columns: int = 1
    rows: int = 1
    is_header: bool = False


def expanded(rows: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """The rows with every merged cell repeated in each place that it covers."""
    grid: list[list[Cell]] = []
    hanging: dict[int, tuple[int, Cell]] = {}  # column → rows still to cover, cell
    for row in rows:
        line: list[Cell] = []
        waiting = iter(row)
        cell = next(waiting, None)
        while len(line) < MAX_COLUMNS:
            left, above = hanging.get(len(line), (0, None))
            if left > 0 and above is not None:
                hanging[len(line)] = (left - 1, above)
                line.append(above)
                continue
            if cell is None:
                if not any(column >= len(line) and left > 0 for column, (left, _) in hanging.items()):
                    break
                line.append(Cell(""))
                continue
            for _ in range(max(1, min(cell.columns, MAX_COLUMNS - len(line)))):
                hanging[len(line)] = (cell.rows - 1, cell)
                line.append(cell)
            cell = next(waiting, None)
        grid.append(line)
    return grid


def table_block(rows: Sequence[Sequence[Cell]], n_header_rows: int = 0, location: str | None = None) -> Block | None:
    """A table block: one row a line, cells between bars; None for a table without text.

    Without a declared header the rows of header cells are it, else the first row if it reads like one.
    """
    grid = expanded(rows)
    lines = [" | ".join(_SPACE.sub(" ", cell.text).strip() for cell in row).strip() for row in grid]
    if not n_header_rows:
        while n_header_rows < len(grid) - 1 and grid[n_header_rows] and all(c.is_header for c in grid[n_header_rows]):
            n_header_rows += 1
    if not n_header_rows and _reads_like_header(grid):
        n_header_rows = 1
    header = [line for line in lines[:n_header_rows] if line.strip(" |")]
    body = [line for line in lines[n_header_rows:] if line.strip(" |")]
    if not header and not body:
        return None
    return Block("table", "\n".join([*header, *body]), header_lines=len(header) if body else 0, location=location)


def _reads_like_header(grid: list[list[Cell]]) -> bool:
    if len(grid) < 2 or len(grid[0]) < 2:
        return False
    texts = [cell.text.strip() for cell in grid[0]]
    return all(texts) and len(set(texts)) > 1 and not any(_NUMERIC.match(t) or len(t) > 40 for t in texts)


@dataclass(slots=True)
class SheetRow:
    """A row of a sheet or of a delimited file, of any width.

    `number` counts from 1. `cells` are those with text by column from 0, merged cells in each place that they cover.
    `header_until` is the last row that a merged cell of this row says belongs to the same header; 0 if none.
    """

    number: int
    cells: dict[int, str]
    header_until: int = 0


def column_of(letters: str) -> int:
    """The column of these letters, from 0: the way back from `records.column_letters`."""
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def filled(cells: dict[int, str], covers: Iterable[tuple[int, int, str]]) -> dict[int, str]:
    """The cells, and texts of merged ones in each place from a first to a last column; at most MAX_COLUMNS places."""
    n_left = MAX_COLUMNS
    for first, last, text in covers:
        for column in range(first, min(last + 1, first + n_left)):
            cells[column] = text
        n_left -= last - first + 1
        if n_left <= 0:
            break
    return cells


# First row, first column, last row, last column; rows from 1, columns from 0.
Merge = tuple[int, int, int, int]


class MergedCells:
    """Merged cells by row. A row that has nothing of its own stays empty, however high the cell above it is."""

    def __init__(self, merges: Iterable[Merge]) -> None:
        self.waiting = sorted(
            {merge for merge in merges if merge[0] <= merge[2] and merge[1] <= merge[3]}, reverse=True
        )
        self.covering: list[tuple[Merge, str]] = []

    def applied(self, number: int, cells: dict[int, str]) -> SheetRow:
        """The row with merged cells' texts in each place that they cover. Rows come in ascending order."""
        self.covering = [(merge, text) for merge, text in self.covering if merge[2] >= number]
        is_own = bool(cells)
        header_until = 0
        while self.waiting and self.waiting[-1][0] <= number:
            merge = self.waiting.pop()
            top, left, bottom, right = merge
            text = cells.get(left, "") if top == number else ""
            if not text:
                continue
            # Names over names: a cell over several columns says that names of the columns follow.
            header_until = max(header_until, bottom, number + 1 if right > left else 0)
            self.covering.append((merge, text))
        if not is_own:
            return SheetRow(number, cells)
        covers = ((left, right, text) for (_, left, _, right), text in self.covering)
        return SheetRow(number, filled(cells, covers), header_until)


def sheet_blocks(
    rows: Iterable[SheetRow], *, sheet: str = "", letters: bool = True, gaps: bool = True
) -> Iterator[Block]:
    """The tables of a sheet as blocks with rows, a group of rows at a time; rows without text may be left out.

    `letters`: columns have letters. `gaps`: rows left out part one table from the next. A table's first block has its
    header, the others `continues`. A short line alone above a table is a heading of level 2.
    """
    table: _Table | None = None
    for group, is_fresh, is_followed in _groups(rows, gaps):
        if is_fresh and (table is None or not table.goes_on(group)):
            caption = _caption(group)
            if caption and is_followed:
                row = group[0]
                (column,) = row.cells
                place = Rows((row.number,), sheet, (column, column) if letters else None)
                yield Block("heading", caption, level=2, location=place.location)
                continue
            table = _Table(sheet, letters)
        if table is not None:
            yield from table.blocks(group)


def _groups(rows: Iterable[SheetRow], gaps: bool) -> Iterator[tuple[list[SheetRow], bool, bool]]:
    """Groups of rows; whether a row without text stands before the first, and whether one behind the last, and more.

    Half as many again are held as make a group, so that the last of a table is no scrap.
    """
    group: list[SheetRow] = []
    chars = 0
    is_fresh = True
    before = 0
    for row in rows:
        row.cells = {column: text for column, cell in row.cells.items() if (text := _cell_text(cell))}
        if not row.cells:
            continue
        if group and gaps and row.number > before + 1:
            yield group, is_fresh, True
            group, chars, is_fresh = [], 0, True
        elif len(group) >= GROUP_ROWS * 3 // 2 or chars >= GROUP_CHARS * 3 // 2:
            n = max(1, len(group) * 2 // 3)
            yield group[:n], is_fresh, False
            group, is_fresh = group[n:], False
            chars = sum(len(text) for held in group for text in held.cells.values())
        group.append(row)
        chars += sum(map(len, row.cells.values()))
        before = row.number
    if group:
        yield group, is_fresh, False


def _cell_text(cell: str) -> str:
    text = clean_text(cell)
    return text if text.isascii() and text.isalnum() else _SPACE.sub(" ", text).strip()


class _Table:
    """A table that comes in groups of rows."""

    def __init__(self, sheet: str, letters: bool) -> None:
        self.sheet = sheet
        self.letters = letters
        self.columns: list[int] = []
        self.last: SheetRow | None = None

    def goes_on(self, group: list[SheetRow]) -> bool:
        """Whether a group behind an empty row is more of this table: as wide, and with no header of its own."""
        if self.last is None or not set(group[0].cells) <= set(self.columns) or len(self.columns) < 2:
            return False
        if len(group[0].cells) < 2:
            return False
        # Where all cells are words, rows look like headers; then only the width tells.
        return not _is_header(group[0]) or _is_header(self.last)

    def blocks(self, group: list[SheetRow]) -> Iterator[Block]:
        """One block; paragraphs where it is one column of prose."""
        is_first = self.last is None
        self.last = group[-1]
        if not self.columns or any(not row.cells.keys() <= set(self.columns) for row in group):
            self.columns = sorted(set(self.columns).union(*(row.cells for row in group)))
        columns = (self.columns[0], self.columns[-1]) if self.letters else None
        if len(self.columns) == 1 and any(len(text) > MAX_CELL_CHARS for row in group for text in row.cells.values()):
            for row in group:
                (text,) = row.cells.values()
                yield Block("paragraph", text, rows=Rows((row.number,), self.sheet, columns))
            return
        yield Block(
            "table",
            "\n".join([_line(row, self.columns) for row in group]),
            header_lines=n_header_rows(group) if is_first else 0,
            rows=Rows(tuple(row.number for row in group), self.sheet, columns),
            continues=not is_first,
        )


def _line(row: SheetRow, columns: list[int]) -> str:
    cells = row.cells
    if row.header_until and _is_caption_row(row):
        return next(iter(cells.values()))
    if len(cells) == len(columns):
        return " | ".join([cells[column] for column in columns])
    last = max(cells)
    return " | ".join([cells.get(column, "") for column in columns if column <= last])


def n_header_rows(rows: Sequence[SheetRow]) -> int:
    """How many of a table's first rows are its header: lines over the table, names of columns, names below names."""
    n = 0
    while n < min(len(rows) - 1, 3) and _is_caption_row(rows[n]):
        n += 1
    if n >= len(rows) - 1 or not _is_header(rows[n]):
        return 0
    until = rows[n].header_until
    n += 1
    while n < min(len(rows) - 1, MAX_HEADER_ROWS) and rows[n].number <= until and _is_header(rows[n]):
        until = max(until, rows[n].header_until)
        n += 1
    return n


def _is_caption_row(row: SheetRow) -> bool:
    """One text in all places: a line over the width of the table, which is written once."""
    texts = set(row.cells.values())
    return len(texts) == 1 and (row.header_until > 0 or len(row.cells) == 1)


def _is_header(row: SheetRow) -> bool:
    texts = list(row.cells.values())
    if len(set(texts)) < 2:
        return False
    names = [text for text in texts if not _NUMERIC.match(text)]
    return bool(names) and all(
        len(text) <= MAX_HEADER_CHARS and (not _NUMERIC.match(text) or _YEAR.match(text)) for text in texts
    )


def _caption(group: list[SheetRow]) -> str:
    """The text of a group that is one short line, not a number, not a sentence, not a note; else empty."""
    if len(group) != 1 or len(group[0].cells) != 1:
        return ""
    (text,) = group[0].cells.values()
    is_name = len(text) <= MAX_CAPTION_CHARS and not _NUMERIC.match(text) and not _NOTE.match(text)
    return text if is_name and not text.endswith(_CAPTION_END) else ""
