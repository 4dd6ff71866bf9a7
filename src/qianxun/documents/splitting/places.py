"""Where a stretch of text is in its source, and how two such places are one."""

import dataclasses
from dataclasses import dataclass
from typing import TypeAlias

from qianxun.documents.splitting.logs import LogLines
from qianxun.records import Block, Rows

# What is known of each line of a block, and gives a chunk its location by the lines that it holds.
LineFacts: TypeAlias = Rows | LogLines


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stretch of text is in its source."""

    page: int | None
    location: str | None
    lines: LineFacts | None = None

    @classmethod
    def of(cls, block: Block, records: LogLines | None = None) -> "Place":
        """The place of a block; `records` are those of a log."""
        if records is None and block.rows is None:
            return cls(block.page, block.location)
        lines = records if records is not None else _rows_of(block)
        return cls(block.page, (lines.location if lines is not None else None) or block.location, lines)

    def part(self, first: int, last: int) -> "Place":
        """That of the lines from `first` to `last`, counted from 0, both included."""
        if self.lines is None or (isinstance(self.lines, Rows) and len(self.lines.numbers) == 1):
            return self
        lines = self.lines.part(first, last)
        return Place(self.page, lines.location or None, lines)

    def joined(self, after: "Place") -> "Place":
        """The place of two stretches of one chunk: where the first is, and all the lines of both."""
        if after.lines is None:
            return self
        if isinstance(self.lines, Rows) and isinstance(after.lines, Rows):
            rows = self.lines.joined(after.lines)
            return Place(self.page, rows.location, rows)
        if isinstance(self.lines, LogLines) and isinstance(after.lines, LogLines):
            records = self.lines.joined(after.lines)
            return Place(self.page, records.location or None, records)
        return self if self.location is not None else after

    def fits(self, after: "Place") -> bool:
        """Whether one chunk may hold both: rows of one sheet, records of a log, or neither."""
        mine, theirs = self.lines, after.lines
        if isinstance(mine, Rows) and isinstance(theirs, Rows):
            return mine.sheet == theirs.sheet
        return type(mine) is type(theirs)


def _rows_of(block: Block) -> Rows | None:
    """The rows of the block's lines. Where these are not as many, all of the lines stand for the first and the last."""
    rows = block.rows
    if rows is None or not rows.numbers:
        return None
    n_lines = block.text.count("\n") + 1
    if n_lines == len(rows.numbers) or len(rows.numbers) == 1:
        return rows
    return dataclasses.replace(rows, numbers=(rows.numbers[0],) + (rows.numbers[-1],) * (n_lines - 1))
