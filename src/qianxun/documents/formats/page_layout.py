"""Recognised lines to blocks: columns in reading order, lines to paragraphs, headings by their height, tables.

Pure: knows lines and boxes, no picture and no model. Where it is not sure that there are columns, there are none.
"""

import dataclasses
import itertools
import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.documents.clean import glue
from qianxun.documents.formats.recognition import RecognisedLine
from qianxun.documents.formats.tables import Cell, table_block
from qianxun.documents.formats.text import heading_level
from qianxun.records import Block

# All in heights of a line, which is about an em and a third.
_CELL_GAP: Final = 1.0  # between the cells of a row; words of a sentence are closer
_GUTTER: Final = 0.7  # between columns
_PROSE_WIDTH: Final = 5.0  # of the lines of a column; cells of tables are narrower
_INDENT: Final = 0.8
_SHORT: Final = 1.5  # a line that ends so far before its column was meant to end there

_COLUMN_LINES: Final = 3
_MAX_LINES: Final = 1000  # of a page that is looked at for columns
_FILLED: Final = 0.3  # share of what is on its side of a gutter that a line of prose takes: of three columns one
_TIGHT: Final = 1.9  # most that lines of prose step down, in heights of a line; rows of tables have room
_MAX_COLUMN_DEPTH: Final = 4
_LARGER: Final = 1.35
_PITCH: Final = 1.5  # steps of more than so many usual ones part paragraphs
_HEADING_CHARS: Final = 60
_HEADING_LEVELS: Final = 3

_SENTENCE_END: Final = ("。", "！", "？", "；", "：", ".", "!", "?", ":", ";", "」", "”", "）", ")")
_NO_HEADING_END: Final = ("。", "，", "；", "、", ",", ";", ".")
_ITEM: Final = re.compile(
    r"[-•·●○■□◆▪►※*]\s*\S|[(（\[]?\d{1,3}(?:[)）\]、．]|\.(?!\d))\s*\S|[①-⑳]|[（(][一二三四五六七八九十]{1,3}[）)]"
    r"|[一二三四五六七八九十]{1,3}、|第[一二三四五六七八九十百零\d]{1,5}[章节節条條]|[^\s：:，。,.]{1,8}[：:]"
)
_PAGE_NUMBER: Final = re.compile(
    r"[-–—·.\s]*(?:第|page|p\.)?\s*\d{1,4}\s*(?:[页頁])?(?:\s*(?:[/／]|of|共)\s*\d{1,4}\s*[页頁]?)?[-–—·.\s]*",
    re.IGNORECASE,
)
_FIRST_WORD: Final = re.compile(r"[!-~]+|.")


@dataclass(frozen=True, slots=True)
class _Row:
    """Lines side by side, from left to right."""

    cells: tuple[RecognisedLine, ...]

    @property
    def left(self) -> float:
        return self.cells[0].left

    @property
    def right(self) -> float:
        return max(cell.right for cell in self.cells)

    @property
    def top(self) -> float:
        return min(cell.top for cell in self.cells)

    @property
    def bottom(self) -> float:
        return max(cell.bottom for cell in self.cells)

    @property
    def height(self) -> float:
        return statistics.median(cell.bottom - cell.top for cell in self.cells)

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def text(self) -> str:
        """The cells joined as words of one line are."""
        text = self.cells[0].text
        for before, cell in itertools.pairwise(self.cells):
            apart = cell.left - before.right > _CELL_GAP * self.height
            text += (" " if apart else glue(text, cell.text)) + cell.text
        return text

    @property
    def columns(self) -> list[str]:
        """The texts of cells that stand clearly apart."""
        texts = [self.cells[0].text]
        for before, cell in itertools.pairwise(self.cells):
            if cell.left - before.right > _CELL_GAP * self.height:
                texts.append(cell.text)
            else:
                texts[-1] += glue(texts[-1], cell.text) + cell.text
        return texts


def blocks_of_lines(lines: Sequence[RecognisedLine], page: int | None = None) -> list[Block]:
    """The blocks of one page, in reading order: left columns before right ones, a heading over columns before both.

    The box of each line must have an extent. A page number alone at the top or the bottom is left out.
    """
    if not lines:
        return []
    columns = [_rows(column) for column in _without_page_numbers(in_reading_order(lines))]
    body = _body_height(lines)
    larger = sorted({round(row.height / body, 1) for rows in columns for row in rows if row.height >= _LARGER * body})
    builder = _Builder(page, body, larger[::-1])
    for rows in columns:
        builder.add_column(rows)
    return builder.finished()


def in_reading_order(lines: Sequence[RecognisedLine]) -> list[list[RecognisedLine]]:
    """The lines by column, the columns in the order in which they are read."""
    return list(_columns(list(lines), 0))


def _columns(lines: list[RecognisedLine], depth: int) -> Iterator[list[RecognisedLine]]:
    gutter = _gutter(lines) if depth < _MAX_COLUMN_DEPTH else None
    if gutter is None:
        if lines:
            yield lines
        return
    # What reaches over the gutter parts what is above it from what is below.
    across = sorted((line for line in lines if line.left < gutter < line.right), key=_middle)
    rest = sorted((line for line in lines if not line.left < gutter < line.right), key=_middle)
    begun = 0
    for line in [*across, None]:
        end = begun
        while end < len(rest) and (line is None or _middle(rest[end]) < _middle(line)):
            end += 1
        between, begun = rest[begun:end], end
        left = [other for other in between if other.right <= gutter]
        right = [other for other in between if other.left >= gutter]
        yield from _columns(left, depth + 1)
        yield from _columns(right, depth + 1)
        if line is not None:
            yield [line]


def _middle(line: RecognisedLine) -> float:
    return (line.top + line.bottom) / 2


def _gutter(lines: Sequence[RecognisedLine]) -> float | None:
    """Where a gutter between two columns of prose runs, None if there is none. Time quadratic in the lines."""
    if not 2 * _COLUMN_LINES <= len(lines) <= _MAX_LINES:
        return None
    height = statistics.median(line.bottom - line.top for line in lines)
    steps = {id(line): _step_down(line, lines) for line in lines}
    best, best_gain = None, 0
    for edge in sorted({line.right for line in lines}):
        left = [line for line in lines if line.right <= edge]
        right = [line for line in lines if line.left >= edge]
        n_across = len(lines) - len(left) - len(right)
        gain = min(len(left), len(right)) - 2 * n_across
        if gain <= best_gain or min(len(left), len(right)) < _COLUMN_LINES:
            continue
        begins = min(line.left for line in right)
        wide = begins - edge >= _GUTTER * height
        if wide and _overlap(left, right) >= 0.5 and all(_is_prose(side, height, steps) for side in (left, right)):
            best, best_gain = (edge + begins) / 2, gain
    return best


def _step_down(line: RecognisedLine, lines: Sequence[RecognisedLine]) -> float:
    """How far below the next line stands; infinity if there is none."""
    below = (
        other.top - line.top
        for other in lines
        if other.top > (line.top + line.bottom) / 2 and other.left < line.right and other.right > line.left
    )
    return min(below, default=math.inf)


def _is_prose(lines: Sequence[RecognisedLine], height: float, steps: Mapping[int, float]) -> bool:
    """Whether these lines fill columns and follow close upon each other, as sentences do and cells do not."""
    whole = max(line.right for line in lines) - min(line.left for line in lines)
    width = statistics.median(line.right - line.left for line in lines)
    is_tight = statistics.median(steps[id(line)] for line in lines) <= _TIGHT * height
    return width >= _PROSE_WIDTH * height and width >= _FILLED * whole and is_tight


def _overlap(left: Sequence[RecognisedLine], right: Sequence[RecognisedLine]) -> float:
    """The share of the lower one's height that two columns stand beside each other."""
    tops = [min(line.top for line in side) for side in (left, right)]
    bottoms = [max(line.bottom for line in side) for side in (left, right)]
    lower = min(bottom - top for top, bottom in zip(tops, bottoms, strict=True))
    return (min(bottoms) - max(tops)) / lower if lower > 0 else 0.0


def _without_page_numbers(columns: list[list[RecognisedLine]]) -> list[list[RecognisedLine]]:
    every = [line for column in columns for line in column]
    if len(every) < 4:
        return columns
    for edge in (min(every, key=_middle), max(every, key=_middle)):
        beside = [line for line in every if line is not edge and line.top < _middle(edge) < line.bottom]
        if not beside and _PAGE_NUMBER.fullmatch(edge.text):
            columns = [[line for line in column if line is not edge] for column in columns]
    return [column for column in columns if column]


def _rows(lines: Sequence[RecognisedLine]) -> list[_Row]:
    """Lines at one height are a row, unless one stands over the other."""
    rows: list[list[RecognisedLine]] = []
    for line in sorted(lines, key=_middle):
        row = rows[-1] if rows else []
        height = min([line.bottom - line.top, *(other.bottom - other.top for other in row)])
        beside = bool(row) and abs(_middle(line) - statistics.fmean(map(_middle, row))) < 0.5 * height
        if beside and all(min(line.right, o.right) - max(line.left, o.left) < 0.5 * height for o in row):
            row.append(line)
        else:
            rows.append([line])
    return [_Row(tuple(sorted(row, key=lambda line: line.left))) for row in rows]


def _body_height(lines: Sequence[RecognisedLine]) -> float:
    """The height of the line in which the middle character stands, all characters sorted by height."""
    heights = sorted((line.bottom - line.top, len(line.text)) for line in lines)
    half = sum(n for _, n in heights) / 2
    seen = 0
    for height, n in heights:
        seen += n
        if seen >= half:
            return height
    return heights[-1][0]


class _Builder:
    """Rows to blocks. A sentence may go on in the next column, nothing else does."""

    def __init__(self, page: int | None, body: float, larger: list[float]) -> None:
        self.page = page
        self.body = body
        self.larger = larger
        self.blocks: list[Block] = []
        self.text = ""
        self.last: _Row | None = None
        self.heading: tuple[_Row, int] | None = None  # the last row, if it was a heading
        self.was_full = False

    def add_column(self, rows: list[_Row]) -> None:
        """The rows of a column, in order."""
        left = min(row.left for row in rows)
        right = max(row.right for row in rows)
        steps = sorted(below.top - above.top for above, below in itertools.pairwise(rows))
        pitch = steps[len(steps) // 2] if len(steps) > 1 else 0.0
        is_first = True
        for is_table, group in itertools.groupby(rows, key=lambda row: len(row.columns) > 1):
            members = list(group)
            if is_table and len(members) > 1:
                self._flush()
                self._add_table(members)
                is_first = True
                continue
            for row in members:
                self._add_row(row, left, right, pitch, is_first)
                is_first = False

    def finished(self) -> list[Block]:
        """All blocks."""
        self._flush()
        return self.blocks

    def _add_row(self, row: _Row, left: float, right: float, pitch: float, is_first: bool) -> None:
        level = self._level(row)
        if level:
            self._flush()
            self._add_heading(row, level)
            return
        self.heading = None
        goes_on = self.last is not None and (
            self._goes_on_in_next_column(row) if is_first else not self._parted(self.last, row, left, pitch)
        )
        if goes_on and self.was_full and not _ITEM.match(row.text):
            self.text = _joined(self.text, row.text)
        else:
            self._flush()
            self.text = row.text
        self.last = row
        word = _FIRST_WORD.match(row.text)
        self.was_full = right - row.right <= _SHORT * row.height or (
            word is not None and row.text.isascii() and right - row.right <= 4 * row.height
        )

    def _goes_on_in_next_column(self, row: _Row) -> bool:
        return (
            self.last is not None
            and not self.text.endswith(_SENTENCE_END)
            and abs(self.last.height - row.height) < 0.25 * self.body
        )

    def _parted(self, before: _Row, row: _Row, left: float, pitch: float) -> bool:
        """Whether the space between two rows, their heights or an indent say that a paragraph ends."""
        usual = pitch or 2 * row.height
        if row.top - before.top > _PITCH * usual or max(before.height, row.height) > _LARGER * min(
            before.height, row.height
        ):
            return True
        indented = row.left - left > _INDENT * row.height
        return indented and before.left - left <= _INDENT * row.height

    def _level(self, row: _Row) -> int:
        """The depth of a heading from 1, 0 if the row is none."""
        text = row.text
        if len(text) > _HEADING_CHARS or text.endswith(_NO_HEADING_END) or not any(c.isalpha() for c in text):
            return 0
        if row.height >= _LARGER * self.body:
            return min(self.larger.index(round(row.height / self.body, 1)) + 1, _HEADING_LEVELS)
        return heading_level(text)

    def _add_heading(self, row: _Row, level: int) -> None:
        before = self.heading
        self.heading = (row, level)
        is_larger = row.height >= _LARGER * self.body
        if before is not None and is_larger and before[0].bottom <= row.middle:
            above, above_level = before
            close = row.top - above.bottom < 0.5 * row.height and abs(above.height - row.height) < 0.15 * row.height
            if close and self.blocks and self.blocks[-1].kind == "heading":
                text = _joined(self.blocks[-1].text, row.text)
                self.blocks[-1] = Block("heading", text, level=above_level, page=self.page)
                self.heading = (row, above_level)
                return
        self.blocks.append(Block("heading", row.text, level=level, page=self.page))

    def _add_table(self, rows: list[_Row]) -> None:
        self.heading = None
        cells = [row.columns for row in rows]
        block = None
        if len({len(row) for row in cells}) == 1:
            block = table_block([[Cell(text) for text in row] for row in cells])
        if block is None:
            block = Block("list", "\n".join(" | ".join(row) for row in cells))
        self.blocks.append(dataclasses.replace(block, page=self.page))

    def _flush(self) -> None:
        if self.text:
            self.blocks.append(Block("paragraph", self.text, page=self.page))
        self.text = ""
        self.last = None


def _joined(before: str, after: str) -> str:
    """Two lines of a paragraph as one; a word broken by a hyphen is mended."""
    if before.endswith("-") and after[:1].islower() and before[-2:-1].isalpha():
        word = before.rsplit(None, 1)[-1][:-1]
        return before + after if "-" in word else before[:-1] + after
    return before + glue(before, after) + after
