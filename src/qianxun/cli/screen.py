"""Where words for people go: a styled terminal, or plain lines when piped. JSON goes past this.

On a terminal rich does colours and tables; it is imported there only. Piped output has no colour, no
wrapping and no truncation, and tables are tab-separated lines.
"""

import os
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO, TypeAlias

from qianxun.cli.words import wrapped_ranges

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Piece: TypeAlias = str | tuple[str, str]  # a text, or a text and its style
MAX_COLUMNS = 100


class Screen:
    """Lines and tables on one stream."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.styled = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.columns = min(shutil.get_terminal_size().columns, MAX_COLUMNS) if self.styled else 0
        self._console: Console | None = None

    @property
    def console(self) -> "Console":
        """The rich console of this stream. Only on a terminal."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self.stream, highlight=False, emoji=False, markup=False)
        return self._console

    def line(self, *pieces: Piece) -> None:
        """One line, as long as it is."""
        if self.styled:
            self.console.print(_text(pieces), soft_wrap=True)
        else:
            self.stream.write("".join(_plain(p) for p in pieces) + "\n")

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

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[Piece]], *, right: Sequence[int] = ()) -> None:
        """Rows under headers; `right` are the columns of numbers. Tab-separated when piped."""
        if not self.styled:
            for row in ([*headers], *rows):
                self.stream.write("\t".join(" ".join(_plain(cell).split()) for cell in row) + "\n")
            return
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for i, header in enumerate(headers):
            table.add_column(header, justify="right" if i in right else "left", overflow="fold", no_wrap=i in right)
        for row in rows:
            table.add_row(*(_text((cell,)) for cell in row))
        self.console.print(table)

    def pairs(self, rows: Sequence[tuple[str, Piece]]) -> None:
        """Names and values, aligned on a terminal, tab-separated when piped."""
        if not self.styled:
            for name, value in rows:
                self.stream.write(f"{name}\t{_plain(value)}\n")
            return
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(name, _text((value,)))
        self.console.print(table)

    def blank(self) -> None:
        """An empty line."""
        self.stream.write("\n")


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
