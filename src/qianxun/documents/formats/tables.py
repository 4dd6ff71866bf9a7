"""Rows of cells to the text of a table block, the same for every format."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qianxun.records import Block

MAX_COLUMNS = 1000
_SPACE = re.compile(r"\s+")
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
