"""What a passage is quoted by: its sentences, and the rows of its tables. Offsets count within the passage's text."""

import re
from dataclasses import dataclass

from qianxun.documents.sentences import sentences
from qianxun.records import Passage

_CELLS = re.compile(r"\s*\|\s*|\t")
# A list's mark says nothing; its number may ("step 3", "clause 3.3").
_BULLET = re.compile(r"(?:[-*•·▪◦]\s+)?")
_RULE = re.compile(r"[\s|:+=\-]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence, or a row of a table with the header of its columns (empty: not a row, or no header known)."""

    start: int
    end: int
    text: str
    header: str = ""
    row: bool = False

    @property
    def shown(self) -> str:
        """The text as an answer shows it: a row's values with the names of their columns."""
        names, values = cells(self.header), cells(self.text)
        if not self.row or not names or len(names) != len(values):
            return self.text
        wide = any(ord(c) > 0x2E7F for c in self.header)
        colon, comma = ("：", "；") if wide else (": ", "; ")
        return comma.join(
            f"{name}{colon}{value}" if name else value for name, value in zip(names, values, strict=True) if value
        )


def cells(line: str) -> list[str]:
    """The cells of a table's line; none if it is not one."""
    if "\t" not in line and "|" not in line:
        return []
    return [cell.strip() for cell in _CELLS.split(line.strip().strip("|").strip())]


def pieces(passage: Passage) -> list[Piece]:
    """The passage's sentences and rows, in order. A table's header line is not a piece: it says nothing by itself."""
    header = _header_above(passage.context)
    found: list[Piece] = []
    previous_was_row = bool(header)
    for start, end in _blocks(passage.text):
        block = passage.text[start:end]
        names = cells(block)
        if len(names) < 2:
            spans = [(s + _BULLET.match(block[s:e]).end(), e) for s, e in sentences(block)]  # type: ignore[union-attr]
            found += [Piece(start + s, start + e, block[s:e]) for s, e in spans if s < e]
            previous_was_row = False
            continue
        if _RULE.fullmatch(block):
            continue
        if not previous_was_row:
            header = block  # the first line of a table that begins in this passage
        elif block != header:
            found.append(Piece(start, end, block, header if len(cells(header)) == len(names) else "", True))
        previous_was_row = True
    return found


def _blocks(text: str) -> list[tuple[int, int]]:
    """Runs of lines: each table line alone, other lines together so that a sentence may run over a line's end."""
    blocks: list[tuple[int, int]] = []
    pending: tuple[int, int] | None = None
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        if len(cells(line)) >= 2:
            if pending:
                blocks.append(pending)
                pending = None
            left = start + len(line) - len(line.lstrip())
            blocks.append((left, left + len(line.strip())))
        else:
            pending = (pending[0], end) if pending else (start, end)
        start = end
    if pending:
        blocks.append(pending)
    return blocks


def _header_above(context: str) -> str:
    """The table header that ends the context, if one does."""
    lines = [line for line in context.splitlines() if line.strip() and not _RULE.fullmatch(line)]
    return lines[-1].strip() if lines and len(cells(lines[-1])) >= 2 else ""
