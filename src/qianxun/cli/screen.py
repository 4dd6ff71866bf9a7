"""Where words for people go: a styled terminal, or plain lines when piped. JSON goes past this.

On a terminal rich does colours and tables; it is imported there only. Piped output has no colour, no
wrapping and no truncation, and tables are tab-separated lines.
"""

import os
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO, TypeAlias

from qianxun.cli.words import cells, cut_in_middle, padded, wrapped, wrapped_ranges

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Piece: TypeAlias = str | tuple[str, str]  # a text, or a text and its style
MAX_COLUMNS = 100
GAP = 2  # cells between two columns
NAME, WORD = 12, 9  # what a column of names, or of words, is not made narrower than


class Screen:
    """Lines and tables on one stream."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.styled = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.width = shutil.get_terminal_size().columns if self.styled else 0
        self.height = shutil.get_terminal_size().lines if self.styled else 0
        self.columns = min(self.width, MAX_COLUMNS)
        self._console: Console | None = None

    @property
    def console(self) -> "Console":
        """The rich console of this stream. Only on a terminal."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self.stream, highlight=False, emoji=False, markup=False)
        return self._console

    def line(self, *pieces: Piece, whole: bool = False) -> None:
        """One line; on a terminal wrapped at spaces under its own indentation, unless it is to stay `whole`.

        A word that is longer than the terminal, such as a path, is never cut.
        """
        plain = "".join(_plain(p) for p in pieces)
        if not self.styled:
            self.stream.write(plain + "\n")
            return
        margin = plain[: len(plain) - len(plain.lstrip())]
        if whole or cells(plain) <= self.width:
            lines = [(0, len(plain))]
        else:
            room = max(20, self.width - len(margin))
            lines = [
                (a + len(margin), b + len(margin))
                for a, b in wrapped_ranges(plain[len(margin) :], room, break_words=False)
            ]
            lines[0] = (0, lines[0][1])
        if all(isinstance(piece, str) for piece in pieces):
            for i, (a, b) in enumerate(lines):
                self.stream.write(f"{margin if i else ''}{plain[a:b]}\n")
            return
        shown = _text(pieces)
        for i, (a, b) in enumerate(lines):
            self.console.print(margin if i else "", shown[a:b], sep="", soft_wrap=True)

    def paragraph(self, text: str, *, indent: int = 0, marks: Sequence[tuple[int, int]] = (), style: str = "") -> None:
        """A text wrapped to the terminal, `marks` highlighted; one line when piped."""
        margin = " " * indent
        if not self.styled:
            for part in text.splitlines() or [""]:
                self.stream.write(f"{margin}{part}\n")
            return
        from rich.text import Text

        for start, end in wrapped_ranges(text, max(20, self.columns - indent)):
            shown = Text(text[start:end], style=style)
            for a, b in marks:
                if a < end and b > start:
                    shown.stylize("bold yellow", max(a, start) - start, min(b, end) - start)
            self.console.print(Text(margin) + shown, soft_wrap=True)

    def table(
        self,
        headers: Sequence[str],
        rows: Sequence[Sequence[Piece]],
        *,
        right: Sequence[int] = (),
        elided: Sequence[int] = (),
        spare: Sequence[int] = (),
        below: int | None = None,
    ) -> None:
        """Rows under headers. Tab-separated when piped.

        `right` are the columns of numbers. Where the terminal is too narrow, first the column `below` goes under
        its row; then the columns in `spare` are left out, in this order; then cells of the columns in `elided`
        lose their middle, and others wrap.
        """
        if not self.styled:
            for row in ([*headers], *rows):
                self.stream.write("\t".join(map(_flat, row)) + "\n")
            return
        shown = list(range(len(headers)))
        natural = [max(cells(_flat(row[i])) for row in (headers, *rows)) for i in shown]
        least = [n if i in right else min(n, NAME if i in elided else WORD) for i, n in enumerate(natural)]
        if below is not None and sum(natural) + GAP * (len(shown) - 1) > self.width:
            shown.remove(below)
        for column in spare:
            if sum(least[i] for i in shown) + GAP * (len(shown) - 1) <= self.width:
                break
            shown.remove(column)
        room = self.width - GAP * (len(shown) - 1)
        widths = dict(zip(shown, _fitted([natural[i] for i in shown], [least[i] for i in shown], room), strict=True))
        self._row([headers[i] for i in shown], [(widths[i], i in right, True) for i in shown], style="bold")
        self.line(("─" * min(self.width, sum(widths.values()) + GAP * (len(shown) - 1)), "dim"), whole=True)
        for row in rows:
            self._row([row[i] for i in shown], [(widths[i], i in right, i in elided) for i in shown])
            if below is not None and below not in shown and _flat(row[below]):
                self.line("    ", (_flat(row[below]), "dim"))
        self.blank()

    def _row(self, row: Sequence[Piece], columns: Sequence[tuple[int, bool, bool]], style: str = "") -> None:
        """A row of cells, each (width, to the right, elided), on as many lines as the tallest needs."""
        lines: list[list[str]] = []
        for cell, (width, _, elide) in zip(row, columns, strict=True):
            text = _flat(cell)
            lines.append([cut_in_middle(text, width)] if elide else wrapped(text, width) or [""])
        for n in range(max(map(len, lines))):
            pieces: list[Piece] = []
            for i, (cell, (width, to_right, _)) in enumerate(zip(row, columns, strict=True)):
                text = lines[i][n] if n < len(lines[i]) else ""
                blank = " " * (width - cells(text))
                before, after = (blank, "") if to_right else ("", blank if i + 1 < len(row) else "")
                pieces += [before, (text, style or ("" if isinstance(cell, str) else cell[1])), after]
                pieces.append(" " * GAP if i + 1 < len(row) else "")
            self.line(*pieces, whole=True)

    def pairs(self, rows: Sequence[tuple[str, Piece]]) -> None:
        """Names and values, aligned on a terminal, tab-separated when piped."""
        if not self.styled:
            for name, value in rows:
                self.stream.write(f"{name}\t{_plain(value)}\n")
            return
        column = min(max((cells(name) for name, _ in rows), default=0), self.width // 2)
        room = max(20, self.width - column - GAP)
        for name, value in rows:
            text = _plain(value)
            style = "" if isinstance(value, str) else value[1]
            for i, line in enumerate(wrapped(text, room, break_words=False) or [""]):
                self.line((padded(name if i == 0 else "", column), "dim"), " " * GAP, (line, style), whole=True)

    def blank(self) -> None:
        """An empty line."""
        self.stream.write("\n")


def _fitted(widths: list[int], least: list[int], room: int) -> list[int]:
    """The widths made to fit: the widest columns give way first, none below its least."""
    while sum(widths) > room:
        widest = max((w for w, low in zip(widths, least, strict=True) if w > low), default=0)
        if not widest:
            break
        widths[next(i for i, w in enumerate(widths) if w == widest > least[i])] -= 1
    return widths


def _flat(piece: Piece) -> str:
    return " ".join(_plain(piece).split())


def _plain(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece[0]


def _text(pieces: Sequence[Piece]) -> "Text":
    from rich.text import Text

    shown = Text()
    for piece in pieces:
        if isinstance(piece, str):
            shown.append(piece)
        else:
            shown.append(piece[0], style=piece[1])
    return shown
