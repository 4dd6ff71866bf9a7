"""A table as Markdown for a prompt: its structure is kept whatever stands in its cells. Knows no model."""

import re
from typing import Final, Literal

from qianxun.answering.tables.table import Table

MAX_ROWS: Final = 40
_BREAKS: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def as_prompt(table: Table, *, max_rows: int = MAX_ROWS, language: Literal["zh", "en"] = "en") -> str:
    """The table with at most `max_rows` rows: the first, the last, and between them how many are left out.

    Two thirds of them are from the head. Rows that sum up others at the end stay, being last. `max_rows` below 1 counts
    as 1. Names of columns and cells are as written, but for bars and line ends.
    """
    max_rows = max(1, max_rows)
    lines = [_line(table.header), _line(["---"] * len(table.header), raw=True)]
    rows = [_line([cell.text for cell in row]) for row in table.rows]
    n_left_out = len(rows) - max_rows
    if n_left_out > 0:
        n_tail = max_rows // 3
        head, tail = rows[: max_rows - n_tail], rows[len(rows) - n_tail :]
        note = f"……略去 {n_left_out} 行……" if language == "zh" else f"… {n_left_out} rows left out …"
        rows = [*head, _line([note, *[""] * (len(table.header) - 1)]), *tail]
    return "\n".join([*lines, *rows])


def _line(cells: "tuple[str, ...] | list[str]", *, raw: bool = False) -> str:
    return "| " + " | ".join(cell if raw else _escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    """One line, with bars and backslashes that cannot end a cell."""
    return _BREAKS.sub(" ", text).strip().replace("\\", "\\\\").replace("|", "\\|").replace("｜", "\\｜")
