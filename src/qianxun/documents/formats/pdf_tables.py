"""Tables of a PDF page: what is drawn with lines is a grid, and the characters in it are its cells'.

What is set in columns without lines is `pdf_columns`. Knows no page but the one given: whether a table goes on over
the next page is `pdf_layout`'s to say.
"""

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from qianxun.documents.clean import glue
from qianxun.documents.formats.pdf_lines import Box, Line, TextPage, paired
from qianxun.documents.formats.pdf_rules import THIN, Rule, Rules
from qianxun.documents.formats.tables import Cell, SheetRow, n_header_rows, table_block
from qianxun.records import Block

MAX_CROSSINGS: Final = 1_000_000
MAX_CELLS: Final = 20_000
_TOUCHES: Final = 3.0  # points that lines which meet may miss each other by
_OPEN_SIDE: Final = 8.0  # points that horizontal lines stand out where a table has no line at its side
_SAME_EDGES: Final = 4.0  # points that columns of a table may differ by from page to page
_PROSE_CHARS: Final = 200  # of half of the cells: columns of a page, not of a table

_ITEM: Final = re.compile(r"[-•·●○■□◆▪►※]\s|[(（\[]?\d{1,3}[)）\]、．]|[①-⑳]|[（(][一二三四五六七八九十]{1,3}[）)]")
_HALF: Final = re.compile("[\ud800-\udfff]")
_FIGURE: Final = re.compile(
    r"[-—–/]{1,2}$|[<>≤≥≈~±+\-−–￥¥$€£]{0,2}\s*\d(?:[\d,.:/\s±~～×\-−–]*\d)?\s?(?:%|‰|℃|[a-zA-Z°µμΩ/²³]{1,6}|[个個天年月日元万萬亿億台件套只隻人次米吨噸]{1,2})?$"
    r"|[(（]\d[\d,]*[.,]\d+[)）]$"
)


def is_figure(text: str) -> bool:
    """Whether a cell is a number with or without its unit, or stands for one that is missing."""
    return len(text) <= 24 and _FIGURE.match(text) is not None


class Table(NamedTuple):
    """A table of a page. `text` is its lines, the first `header_lines` of them its header.

    `edges` are where its columns begin and end; a table on the next page with the same ones, give or take
    `tolerance` points, may be more of it.
    """

    text: str
    header_lines: int
    edges: tuple[float, ...]
    tolerance: float
    top: float


Item: TypeAlias = Line | Table | Block


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is written: a text for every column, or one for the whole width.

    `header_until` is the last row of the header that a merged cell of this row says there is, from 1; 0 if none.
    """

    texts: tuple[str, ...]
    header_until: int = 0


def table_of_rows(rows: Sequence[Row], edges: tuple[float, ...], tolerance: float, top: float) -> Table | None:
    """The table that these rows are; None without text."""
    sheet = [
        SheetRow(n, {column: text for column, text in enumerate(row.texts) if text}, row.header_until)
        for n, row in enumerate(rows, 1)
    ]
    block = table_block([[Cell(text) for text in row.texts] for row in rows], n_header_rows(sheet))
    return Table(block.text, block.header_lines, edges, tolerance, top) if block is not None else None


# Grids


@dataclass(frozen=True, slots=True)
class Grid:
    """Lines that make cells. `xs` ascend; `ys` ascend too, so that the first row is the last between two of them.

    `regions` name the merged cell of each place, by row from the top and column: the place of its upper left corner.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    regions: tuple[tuple[tuple[int, int], ...], ...]

    def place_of(self, x: float, y: float) -> tuple[int, int] | None:
        """The region of a point; None outside."""
        column, row = bisect_right(self.xs, x) - 1, len(self.ys) - 1 - bisect_right(self.ys, y)
        if not 0 <= column < len(self.xs) - 1 or not 0 <= row < len(self.ys) - 1:
            return None
        return self.regions[row][column]


def grids(rules: Rules) -> list[Grid]:
    """The grids of two rows and two columns or more, from the top; one inside another's cell is not told apart."""
    if len(rules.across) < 2 or not rules.down or len(rules.across) * len(rules.down) > MAX_CROSSINGS:
        return []
    found = [grid for across, down in _connected(rules) if (grid := _grid(across, down)) is not None]
    found.sort(key=lambda grid: -(grid.xs[-1] - grid.xs[0]) * (grid.ys[-1] - grid.ys[0]))
    kept: list[Grid] = []
    for grid in found:
        x, y = (grid.xs[0] + grid.xs[-1]) / 2, (grid.ys[0] + grid.ys[-1]) / 2
        if all(larger.place_of(x, y) is None for larger in kept):
            kept.append(grid)
    return sorted(kept, key=lambda grid: -grid.ys[-1])


def _connected(rules: Rules) -> Iterator[tuple[list[Rule], list[Rule]]]:
    """Lines that hang together because they cross or meet."""
    n_across = len(rules.across)
    parents = list(range(n_across + len(rules.down)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for i, rule in enumerate(rules.across):
        low, high = rule.begin - _TOUCHES, rule.end + _TOUCHES
        for j, other in enumerate(rules.down, n_across):
            if low <= other.at <= high and other.begin - _TOUCHES <= rule.at <= other.end + _TOUCHES:
                parents[root(i)] = root(j)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for i in range(len(parents)):
        across, down = groups.setdefault(root(i), ([], []))
        if i < n_across:
            across.append(rules.across[i])
        else:
            down.append(rules.down[i - n_across])
    yield from groups.values()


def _grid(across: list[Rule], down: list[Rule]) -> Grid | None:
    if not across or not down:
        return None
    across, down = sorted(across), sorted(down)
    xs, ys = _places(down), _places(across)
    left, right = min(rule.begin for rule in across), max(rule.end for rule in across)
    bottom, top = min(rule.begin for rule in down), max(rule.end for rule in down)
    xs = [*([left] if left < xs[0] - _OPEN_SIDE else []), *xs, *([right] if right > xs[-1] + _OPEN_SIDE else [])]
    ys = [*([bottom] if bottom < ys[0] - _OPEN_SIDE else []), *ys, *([top] if top > ys[-1] + _OPEN_SIDE else [])]
    n_columns, n_rows = len(xs) - 1, len(ys) - 1
    if n_columns < 2 or n_rows < 2 or n_columns * n_rows > MAX_CELLS:
        return None
    # Borders by row from the top: whether a line stands at the right of a place, and below it.
    beside = [[_is_covered(down, xs[c + 1], ys[r], ys[r + 1]) for c in range(n_columns - 1)] for r in range(n_rows)]
    below = [[_is_covered(across, ys[r], xs[c], xs[c + 1]) for c in range(n_columns)] for r in range(n_rows)]
    beside.reverse()
    below.reverse()
    return Grid(tuple(xs), tuple(ys), _regions(beside, below))


def _places(rules: list[Rule]) -> list[float]:
    found: list[float] = []
    for at in sorted(rule.at for rule in rules):
        if not found or at - found[-1] > THIN:
            found.append(at)
    return found


def _is_covered(rules: list[Rule], at: float, begin: float, end: float) -> bool:
    """Whether a line of these, sorted, is at this place along the middle of what is between begin and end."""
    middle = (begin + end) / 2
    for rule in rules[bisect_left(rules, at - THIN, key=_place) :]:
        if rule.at > at + THIN:
            return False
        if rule.begin <= middle <= rule.end:
            return True
    return False


def _place(rule: Rule) -> float:
    return rule.at


def _regions(beside: list[list[bool]], below: list[list[bool]]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """The region of each place. Where missing borders leave no rectangle, places are merged along rows only."""
    n_rows, n_columns = len(below), len(below[0])
    region: list[list[tuple[int, int]]] = [[(-1, -1)] * n_columns for _ in range(n_rows)]
    for row in range(n_rows):
        for column in range(n_columns):
            if region[row][column] != (-1, -1):
                continue
            right = column
            while right + 1 < n_columns and not beside[row][right] and region[row][right + 1] == (-1, -1):
                right += 1
            bottom = row
            while bottom + 1 < n_rows and _goes_down(beside, below, bottom, column, right):
                bottom += 1
            for r in range(row, bottom + 1):
                region[r][column : right + 1] = [(row, column)] * (right - column + 1)
    return tuple(map(tuple, region))


def _goes_down(beside: list[list[bool]], below: list[list[bool]], row: int, left: int, right: int) -> bool:
    """Whether a cell that is so wide goes on in the next row: nothing between them, and the same sides there."""
    if any(below[row][left : right + 1]) or any(beside[row + 1][left:right]):
        return False
    n_columns = len(below[0])
    return (left == 0 or beside[row + 1][left - 1]) and (right == n_columns - 1 or beside[row + 1][right])


# The text of cells


@dataclass(slots=True)
class Piece:
    """A line of text within a cell."""

    text: str
    left: float
    right: float
    top: float
    bottom: float
    is_upright: bool = True

    @property
    def middle(self) -> float:
        """Its height on the page."""
        return (self.top + self.bottom) / 2


@dataclass(slots=True)
class _Reader:
    """Gives the characters of a page to the cells of a grid; what is outside stays lines."""

    page: TextPage
    grid: Grid
    cells: dict[tuple[int, int], list[Piece]] = field(default_factory=dict)
    outside: dict[int, list[Line]] = field(default_factory=dict)  # of the lines that are not wholly outside

    def read(self, number: int) -> None:
        """Reads the line of this number."""
        page, place_of = self.page, self.grid.place_of
        first, _ = page.spans[number]
        boxes = page.boxes_of_line(number)
        runs: list[tuple[tuple[int, int] | None, int, int]] = []  # place, first and last character from 0
        is_inside = False
        for i, (left, top, right, bottom) in enumerate(boxes):
            if page.characters[first + i].isspace():
                continue
            place = place_of((left + right) / 2, (top + bottom) / 2)
            is_inside = is_inside or place is not None
            if runs and runs[-1][0] == place:
                runs[-1] = (place, runs[-1][1], i)
            else:
                runs.append((place, i, i))
        if not is_inside:
            return
        is_upright = page.is_upright(first)
        line = page.lines[number]
        kept = self.outside.setdefault(number, [])
        for place, begin, end in runs:
            text = " ".join(page.characters[first + begin : first + end + 1].split())
            if end == len(boxes) - 1 and line.text.endswith("-") and not text.endswith("-"):
                text += "-"  # pdfium's mark, which is none of the characters
            left, top, right, bottom = _around(boxes[begin : end + 1])
            if place is None:
                kept.append(Line(text, line.size, left, right, top, bottom))
            else:
                self.cells.setdefault(place, []).append(Piece(text, left, right, top, bottom, is_upright))


def _around(boxes: Sequence[Box]) -> Box:
    return (
        min(box[0] for box in boxes),
        max(box[1] for box in boxes),
        max(box[2] for box in boxes),
        min(box[3] for box in boxes),
    )


def text_of(pieces: Sequence[Piece], right: float) -> str:
    """The text of a cell that ends at `right`: lines that were only wrapped are joined."""
    lines = in_lines(pieces)
    if not lines:
        return ""
    if not all(line.is_upright for line in lines):
        return _whole(_glued([line.text for line in lines]))
    text = lines[0].text
    for before, line in itertools.pairwise(lines):
        em = max(line.top - line.bottom, 1.0)
        if before.text.endswith("-") and line.text[:1].islower() and before.text[-2:-1].isalpha():
            text = text[:-1] + line.text
        elif before.right + 2.5 * em < right or _ITEM.match(line.text):
            text += f" {line.text}"  # there was room for more: the line was meant to end
        else:
            text += glue(before.text, line.text) + line.text
    return _whole(text)


def _whole(text: str) -> str:
    return paired(text) if _HALF.search(text) else text


def _glued(texts: Sequence[str]) -> str:
    text = texts[0]
    for before, after in itertools.pairwise(texts):
        text += glue(before, after) + after
    return text


def in_lines(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces from the top, those of one line as one. What stands on its side stays in the order it is written."""
    if not all(piece.is_upright for piece in pieces):
        return list(pieces)
    lines: list[Piece] = []
    for piece in sorted(pieces, key=lambda piece: -piece.middle):
        before = lines[-1] if lines else None
        if before is None or before.middle - piece.middle > 0.4 * max(piece.top - piece.bottom, 1.0):
            lines.append(Piece(piece.text, piece.left, piece.right, piece.top, piece.bottom))
        elif piece.left >= before.left:
            before.text += _between(before, piece) + piece.text
            before.right = max(before.right, piece.right)
        else:
            before.text = piece.text + _between(piece, before) + before.text
            before.left = piece.left
    return lines


def _between(left: Piece, right: Piece) -> str:
    return " " if right.left - left.right > 0.3 * (left.top - left.bottom) else ""


# From grid to table


def read_grid(page: TextPage, grid: Grid, free: Sequence[bool]) -> tuple[Table, dict[int, list[Line]]] | None:
    """The table of a grid and, by number of its lines, what of them is outside it; None if it is no table.

    Only lines that are free are looked at.
    """
    reader = _Reader(page, grid)
    for number in range(len(page.lines)):
        if free[number]:
            reader.read(number)
    lengths = sorted(sum(len(piece.text) for piece in pieces) for pieces in reader.cells.values())
    n_places = len({place for row in grid.regions for place in row})
    if len(lengths) < max(3, 0.15 * n_places) or lengths[len(lengths) // 2] > _PROSE_CHARS:
        return None  # a chart, a form to be filled in, the columns of a page
    if len({row for row, _ in reader.cells}) < 2 or len({column for _, column in reader.cells}) < 2:
        return None
    rows = list(_Rows(grid, reader.cells).read())
    table = table_of_rows(rows, grid.xs, _SAME_EDGES, grid.ys[-1])
    return (table, reader.outside) if table is not None else None


class _Rows:
    """The rows of a table: those of the grid in which any text begins, in the columns in which any does."""

    def __init__(self, grid: Grid, cells: dict[tuple[int, int], list[Piece]]) -> None:
        self.grid = grid
        self.cells = cells
        self.columns = sorted({column for _, column in cells})
        self.numbers = {row: n for n, row in enumerate(sorted({row for row, _ in cells}), 1)}
        # A cell's last column is the last in which its place is met.
        self.right_of = {place: grid.xs[c + 1] for row in grid.regions for c, place in enumerate(row)}
        self.texts = {place: text_of(pieces, self.right_of[place]) for place, pieces in cells.items()}

    def read(self) -> Iterator[Row]:
        """The rows, a merged cell's text in each place that it covers; one over the whole width once."""
        for r in self.numbers:
            places = self.grid.regions[r]
            heights = self._heights(r) if all(place[0] == r for place in places) else []
            if heights:
                yield from self._split(places, heights)
            elif len(set(places)) == 1:
                yield Row((self.texts.get(places[0], ""),), self.numbers[r] + 1)
            else:
                yield Row(tuple(self.texts.get(places[c], "") for c in self.columns), self._header_until(r))

    def _header_until(self, row: int) -> int:
        """The last row that belongs to the header if this one does: names beside names, names over names."""
        until = 0
        regions = self.grid.regions
        for column, place in enumerate(regions[row]):
            if place != (row, column) or place not in self.cells:
                continue
            bottom = row
            while bottom + 1 < len(regions) and regions[bottom + 1][column] == place:
                bottom += 1
            if bottom > row:
                until = max(until, self.numbers[max(r for r in self.numbers if r <= bottom)])
            if column + 1 < len(regions[row]) and regions[row][column + 1] == place:
                until = max(until, self.numbers[row] + 1)
        return until

    def _heights(self, row: int) -> list[float]:
        """The heights of rows that no lines part: where a column is figures, and all else stands beside them."""
        regions = self.grid.regions
        if row + 1 < len(regions) and any(place[0] <= row for place in regions[row + 1]):
            return []
        lined = [in_lines(self.cells.get(place, [])) for place in dict.fromkeys(regions[row])]
        heights: list[float] = []
        for lines in lined:
            if len(lines) > max(1, len(heights)) and all(is_figure(line.text) for line in lines):
                heights = [line.middle for line in lines]
        for lines in lined:
            for line in lines:
                if all(abs(line.middle - height) > _near(line) for height in heights):
                    return []
        return heights

    def _split(self, places: Sequence[tuple[int, int]], heights: list[float]) -> Iterator[Row]:
        for height in heights:
            texts = []
            for column in self.columns:
                place = places[column]
                beside = [piece for piece in self.cells.get(place, []) if abs(piece.middle - height) <= _near(piece)]
                texts.append(text_of(beside, self.right_of[place]))
            if any(texts):
                yield Row(tuple(texts))


def _near(piece: Piece) -> float:
    return 0.6 * max(piece.top - piece.bottom, 1.0)
