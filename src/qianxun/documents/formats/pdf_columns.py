"""Tables without lines between their columns: rows whose cells stand under each other, with figures among them.

Precision first: columns of prose, lists, contents and addresses are set in columns too, and are no tables. What is
drawn around rows (a line above and one below) counts as a sign of a table, else figures do.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from qianxun.documents.formats.pdf_lines import Line, TextPage
from qianxun.documents.formats.pdf_rules import Rule
from qianxun.documents.formats.pdf_tables import Piece, Row, Table, is_figure, table_of_rows, text_of

MIN_ROWS: Final = 3  # two where lines are drawn around them
_GAP: Final = 1.0  # em: cells of a row are farther apart than words
_GUTTER: Final = 0.5  # em that no cell of any row stands in
_STEP: Final = 3.5  # em from one row to the next
_LONG: Final = 14.0  # em: cells of this length in most of two columns are prose
_FIGURES: Final = 0.6  # of a column's cells
_FILLED: Final = 0.6  # of all cells
_SAME_EDGES: Final = 15.0  # points that columns of a table may differ by from page to page
_AROUND: Final = 2.0  # em between a line drawn around a table and its rows

_MARKER: Final = re.compile(
    r"(?:[-–—•·●○■□◆▪►※*]|[(（\[]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,4}|[一二三四五六七八九十]{1,3})[)）\].、．]|[①-⑳])$"
)
_PAGE_NUMBER: Final = re.compile(r"\d{1,4}$")


def may_have_cells(lines: Sequence[Line]) -> bool:
    """Whether any line has room for a gap in it, or does not stand below the one before.

    Cells beside each other are one line to pdfium, or several that do not go down the page. Asked of every page, so
    that those of prose are not searched for drawn lines.
    """
    level = 1e9  # anything that is not below it
    for text, size, left, right, top, _ in lines:
        if top > level:
            return True
        # Half an em a character is what Latin text takes; Chinese text is looked at again.
        width = right - left
        if width > (0.525 * len(text) + 0.8) * size and " " in text and width > (1.05 * _ems(text) + 0.8) * size:
            return True
        level = top - 0.3 * size
    return False


def looks_aligned(lines: Sequence[Line]) -> bool:
    """Whether two neighbouring lines have wide gaps in them."""
    n_since = 4
    before: Line | None = None
    for line in lines:
        is_beside = before is not None and abs(before.top - line.top) < 0.3 * line.size
        if is_gapped(line) or (is_beside and before is not None and line.left > before.right + line.size):
            if n_since <= 3:
                return True
            n_since = 0
        n_since += 1
        before = line
    return False


def _ems(text: str) -> float:
    """About how wide a text is: UTF-8 takes one byte for what is half an em wide, and three for what is one."""
    return (len(text.encode("utf-8", "replace")) + len(text)) / 4


def is_gapped(line: Line) -> bool:
    """Whether a line is much longer than its text is at the usual width of its characters."""
    text = line.text
    if " " not in text:
        return False
    return line.right - line.left > line.size * (1.3 * _ems(text) + 1)


@dataclass(slots=True)
class _Row:
    """Lines of one height."""

    numbers: list[int]
    lines: list[Line]
    is_gapped: bool
    cells: list[Piece] = field(default_factory=list)

    @property
    def top(self) -> float:
        """Of its first line, as far down as it begins."""
        return self.lines[0].top

    @property
    def size(self) -> float:
        """Of its first line's font."""
        return max(self.lines[0].size, 1.0)


def aligned_tables(page: TextPage, free: Sequence[bool], across: Sequence[Rule]) -> list[tuple[Table, list[int]]]:
    """Tables among the lines of a page that are free, and the numbers of their lines, in the order of the page."""
    found: list[tuple[Table, list[int]]] = []
    for rows in _candidates(_rows(page.lines, free)):
        for row in rows:
            row.cells = _cells(page, row)
        found += _tables(rows, across)
    return found


def _rows(lines: Sequence[Line], free: Sequence[bool]) -> list[_Row]:
    rows: list[_Row] = []
    last = -2
    for number, line in enumerate(lines):
        if not free[number]:
            continue
        before = rows[-1].lines[-1] if rows and last == number - 1 else None
        if before is not None and abs(before.top - line.top) < 0.3 * line.size and line.left > before.right - 1:
            rows[-1].numbers.append(number)
            rows[-1].lines.append(line)
            rows[-1].is_gapped |= line.left > before.right + line.size
        else:
            rows.append(_Row([number], [line], False))
        rows[-1].is_gapped |= is_gapped(line)
        last = number
    return rows


def _candidates(rows: list[_Row]) -> Iterator[list[_Row]]:
    """Rows with gaps that follow each other; one without between them may be a part of one, or a heading of some."""
    run: list[_Row] = []
    n_plain = 0
    for row in rows:
        if run and not _follows(run[-1], row):
            yield from _trimmed(run)
            run, n_plain = [], 0
        n_plain = 0 if row.is_gapped else n_plain + 1
        if n_plain > 1:
            yield from _trimmed(run)
            run = []
        elif row.is_gapped or run:
            run.append(row)
    yield from _trimmed(run)


def _follows(before: _Row, row: _Row) -> bool:
    step = before.top - row.top
    return 0 < step <= _STEP * max(before.size, row.size) and 0.75 < before.size / row.size < 1.34


def _trimmed(run: list[_Row]) -> Iterator[list[_Row]]:
    while run and not run[-1].is_gapped:
        run.pop()
    if sum(row.is_gapped for row in run) >= 2:
        yield run


def _cells(page: TextPage, row: _Row) -> list[Piece]:
    """The cells of a row: its words, parted where they are farther from each other than words are."""
    cells: list[Piece] = []
    gap = _GAP * row.size
    for number in row.numbers:
        first, _ = page.spans[number]
        is_space = True
        for i, (left, top, right, bottom) in enumerate(page.boxes_of_line(number)):
            character = page.characters[first + i]
            if character.isspace():
                is_space = True
                continue
            cell = cells[-1] if cells else None
            if cell is None or left - cell.right > gap:
                cells.append(Piece(character, left, right, top, bottom))
            else:
                has_space = is_space and (i > 0 or left - cell.right > 0.2 * row.size)
                cell.text += f" {character}" if has_space else character
                cell.right = max(cell.right, right)
                cell.top, cell.bottom = max(cell.top, top), min(cell.bottom, bottom)
            is_space = False
    return cells


def _tables(rows: list[_Row], across: Sequence[Rule]) -> Iterator[tuple[Table, list[int]]]:
    """The tables of rows that follow each other; a row that stands across their columns parts them."""
    while rows and len(rows[0].cells) < 2:
        rows = rows[1:]
    while rows and len(rows[-1].cells) < 2:
        rows = rows[:-1]
    if sum(len(row.cells) > 1 for row in rows) < 2:
        return
    n_over, columns = _columns(rows)
    crossing = [
        i for i, row in enumerate(rows) if i >= n_over and any(_spanned(cell, columns)[1] for cell in row.cells)
    ]
    if len(columns) < 2 or crossing:
        # Without the row that is in the way; if none is, there are no columns here.
        at = crossing[0] if crossing else next((i for i, row in enumerate(rows) if len(row.cells) < 2), None)
        if at is not None:
            yield from _tables(rows[:at], across)
            yield from _tables(rows[at + 1 :], across)
        return
    columns, markers = _without_markers(rows, columns)
    grid = _texts(rows, columns, n_over, markers)
    if len(columns) < 2 or not _is_table(grid, rows, columns, n_over, across):
        return
    edges = (columns[0][0], *((a[1] + b[0]) / 2 for a, b in itertools.pairwise(columns)), columns[-1][1])
    table = table_of_rows(_joined_rows(grid, columns, n_over), edges, _SAME_EDGES, rows[0].top)
    if table is not None:
        yield table, [number for row in rows for number in row.numbers]


Interval = tuple[float, float]


def _columns(rows: list[_Row]) -> tuple[int, list[Interval]]:
    """How many rows at the top have names over several columns, and from where to where the columns are."""
    best: tuple[int, list[Interval]] = (0, [])
    for n_over in range(min(2, len(rows) - 2) + 1):
        columns = _occupied([row for row in rows[n_over:] if len(row.cells) > 1])
        if len(columns) > len(best[1]):
            best = (n_over, columns)
    return best


def _occupied(rows: list[_Row]) -> list[Interval]:
    gutter = _GUTTER * max((row.size for row in rows), default=1.0)
    columns: list[Interval] = []
    for left, right in sorted((cell.left, cell.right) for row in rows for cell in row.cells):
        if columns and left < columns[-1][1] + gutter:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _spanned(cell: Piece, columns: Sequence[Interval]) -> tuple[int, int]:
    """The first column that a cell stands in, and how many more."""
    met = [i for i, (left, right) in enumerate(columns) if cell.left < right and cell.right > left]
    if met:
        return met[0], met[-1] - met[0]
    middle = (cell.left + cell.right) / 2
    return min(range(len(columns)), key=lambda i: abs((columns[i][0] + columns[i][1]) / 2 - middle)), 0


def _without_markers(rows: list[_Row], columns: list[Interval]) -> tuple[list[Interval], bool]:
    """The columns with that of bullets or numbers of a list taken to its text; whether there was one."""
    first = [cell.text for row in rows for cell in row.cells if _spanned(cell, columns)[0] == 0]
    if len(columns) < 2 or not all(map(_MARKER.match, first)):
        return columns, False
    return [(columns[0][0], columns[1][1]), *columns[2:]], True


@dataclass(slots=True)
class _Line:
    """A row by column; `over` are the columns that a name stands over, with the first."""

    cells: list[list[Piece]]
    over: dict[int, int]


def _texts(rows: list[_Row], columns: list[Interval], n_over: int, markers: bool) -> list[_Line]:
    grid = []
    for n, row in enumerate(rows):
        line = _Line([[] for _ in columns], {})
        for cell in row.cells:
            column, more = _spanned(cell, columns)
            line.cells[column].append(cell)
            if more and n < n_over and not markers:
                line.over[column] = more
        grid.append(line)
    return grid


def _is_table(
    grid: list[_Line], rows: list[_Row], columns: list[Interval], n_over: int, across: Sequence[Rule]
) -> bool:
    body = grid[max(n_over, 1) :]
    is_ruled = _is_ruled(rows, columns, across)
    if len(body) < (1 if is_ruled else MIN_ROWS - 1):
        return False
    counts = [sum(bool(line.cells[column]) for line in body) for column in range(len(columns))]
    if sum(counts) < _FILLED * len(columns) * len(body):
        return False
    if sum(_is_prose(body, column, rows[0].size) for column in range(len(columns))) > 1:
        return False
    if is_ruled:
        return True
    texts = [[" ".join(cell.text for cell in line.cells[column]) for line in grid] for column in range(len(columns))]
    figures = [
        column
        for column in range(1, len(columns))
        if counts[column] >= 2
        and sum(map(is_figure, texts[column][-len(body) :])) >= _FIGURES * counts[column]
        and any(c.isdigit() for text in texts[column][-len(body) :] for c in text)
    ]
    if not figures:
        return False
    if len(columns) > 2:
        return True
    # Of two columns: names of the columns above, else it may be contents and their pages, or a list of prices.
    named = bool(texts[0][0]) and bool(texts[1][0]) and not is_figure(texts[0][0]) and not is_figure(texts[1][0])
    pages = [int(text) for text in texts[1][-len(body) :] if _PAGE_NUMBER.match(text)]
    is_contents = len(pages) >= 0.8 * counts[1] and pages == sorted(pages) and not named
    return len(grid) > MIN_ROWS and named and not is_contents


def _is_ruled(rows: list[_Row], columns: list[Interval], across: Sequence[Rule]) -> bool:
    """Whether a line is drawn over the rows and one under them, about as wide as they are."""
    em = rows[0].size
    left, right = columns[0][0] + em, columns[-1][1] - em
    wide = [rule.at for rule in across if rule.begin <= left and rule.end >= right]
    top, bottom = rows[0].top, min(line.bottom for line in rows[-1].lines)
    over = any(top - 0.5 * em <= at <= top + _AROUND * em for at in wide)
    under = any(bottom - _AROUND * em <= at <= bottom + 0.5 * em for at in wide)
    return over and under


def _is_prose(body: list[_Line], column: int, em: float) -> bool:
    widths = sorted(sum(cell.right - cell.left for cell in line.cells[column]) for line in body if line.cells[column])
    return bool(widths) and widths[len(widths) // 2] > _LONG * em


def _joined_rows(grid: list[_Line], columns: list[Interval], n_over: int) -> list[Row]:
    """The rows, those that only go on with the one above joined to it."""
    joined: list[_Line] = []
    for n, line in enumerate(grid):
        filled = [cells for cells in line.cells if cells]
        goes_on = (
            bool(joined)
            and not line.cells[0]
            and n > n_over
            and not any(is_figure(" ".join(cell.text for cell in cells)) for cells in filled)
            and all(above for above, cells in zip(joined[-1].cells, line.cells, strict=True) if cells)
        )
        if goes_on:
            for above, cells in zip(joined[-1].cells, line.cells, strict=True):
                above.extend(cells)
        else:
            joined.append(line)
    rows = []
    for number, line in enumerate(joined, 1):
        texts = [text_of(cells, columns[column][1]) for column, cells in enumerate(line.cells)]
        for column, more in line.over.items():
            texts[column : column + more + 1] = [texts[column]] * (more + 1)
        rows.append(Row(tuple(texts), number + 1 if line.over else 0))
    return rows
