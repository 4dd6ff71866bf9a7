"""Rich text: paragraphs, headings, lists with their numbers, tables, notes; Chinese in whatever way it was written.

Source: Rich Text Format Specification 1.9.1. Knows no pictures and no fonts but their character sets. Character sets
are the whole difficulty: bytes belong to the font that is in force, and a character of two bytes may have its second
one written as a letter.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from qianxun.documents.clean import one_line
from qianxun.documents.decoding import looks_like, mismatch
from qianxun.documents.formats.tables import MAX_COLUMNS, Cell, table_block
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

_TOKEN: Final = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|[\r\n\x00]+|([^\\{}\r\n\x00]+)|(\\)",
    re.DOTALL,
)
_HEXADECIMAL: Final = re.compile(rb"\\'[0-9a-fA-F]{2}")
_WESTERN: Final = "cp1252"
# \ansicpg → Python's name, the larger set that contains it.
_OF_CODE_PAGE: Final = {936: "gb18030", 950: "big5hkscs", 932: "cp932", 949: "cp949", 54936: "gb18030", 65001: "utf-8"}
_OF_CHARSET: Final = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "big5hkscs", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_DOUBLE_BYTE: Final = frozenset({"gb18030", "big5hkscs", "cp932", "cp949", "johab"})
_SYMBOLS: Final = "symbols"  # a font of pictures: its bytes are no letters
_HIGH_PAIRS: Final = re.compile(rb"(?:[\x00-\x7f]|[\x81-\xfe][\xa1-\xfe])*")
_SPECIAL: Final = {
    "line": "\n", "tab": "\t", "emdash": "—", "endash": "–", "emspace": " ", "enspace": " ", "qmspace": " ",
    "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "page": "\n", "softline": "\n",
    "column": "\n", "nestcell": " ", "nestrow": "\n",
}  # fmt: skip
_SYMBOL_OF: Final = {"~": "\u00a0", "-": "", "_": "-", "\n": "\n", "\r": "\n"}
# What a group that begins with one of these words holds is not the document's text.
_LEFT_OUT: Final = frozenset(
    "colortbl pict header headerl headerr headerf footer footerl footerr footerf annotation atnid atnauthor xe tc txe "
    "rxe bkmkstart bkmkend fldinst objdata objclass objname nonesttables shprslt sn sv listtable listoverridetable "
    "revtbl rsidtbl generator themedata colorschememapping latentstyles datastore xmlnstbl filetbl stylerestrict "
    "pntxta pntxtb ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn template fchars lchars leveltext levelnumbers "
    "background mmathPr passwordhash".split()
)
_MAX_DEPTH: Final = 2_000
_LOOKED_AT: Final = 2_048  # bytes
_SAME_EDGE: Final = 60  # twips (a millimetre): rows of one table are drawn by hand
_NOT_BULLET: Final = re.compile(r"\w")

# What is written goes to: the document, nowhere, nowhere but that of groups inside, or what the name says.
_Mode = Literal["text", "skip", "outer", "fonts", "styles", "information", "title", "list"]


@dataclass(frozen=True, slots=True)
class _State:
    """What a group inherits, and what its end takes back."""

    mode: _Mode = "text"
    encoding: str = _WESTERN
    skip: int = 1  # fallback characters after \\u
    hidden: bool = False
    deleted: bool = False


@dataclass(slots=True)
class _Paragraph:
    """A paragraph's properties; \\pard clears them."""

    style: int = 0
    outline: int = 0
    in_table: bool = False
    number: str = ""


@dataclass(slots=True)
class _CellShape:
    """A cell's right edge in twips and how it is merged: "", "left", "up"."""

    edge: int
    merged: str = ""


@dataclass(slots=True)
class _Flow:
    """A stretch of text with paragraphs of its own: the document, a note, a text box."""

    pieces: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    aside: list[Block] = field(default_factory=list)
    paragraph: _Paragraph = field(default_factory=_Paragraph)
    cells: list[str] = field(default_factory=list)
    rows: list[tuple[list[str], list[_CellShape], bool]] = field(default_factory=list)
    shapes: list[_CellShape] = field(default_factory=list)
    merged: str = ""
    is_header: bool = False


class RtfLoader:
    """Reads `.rtf`."""

    suffixes = (".rtf",)

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document."""
        data = file.read()
        if not data.lstrip()[:5] == b"{\\rtf":
            raise mismatch(file, looks_like(data[:4096]) or "something else than rich text")
        reader = _Reader(file, data)
        reader.read()
        blocks = reader.blocks()
        first = next((block.text for block in blocks if block.kind == "heading"), "")
        title = one_line(first) or one_line(reader.title)
        yield RawDocument(file.name, title or file.stem, "rtf", blocks)


class _Reader:
    """Reads one file, from its beginning to its end."""

    def __init__(self, file: RawFile, data: bytes) -> None:
        self.file = file
        self.data = data
        self.state = _State()
        self.stack: list[tuple[_State, _Flow | None]] = []
        self.flow = _Flow()
        self.default = _WESTERN
        self.default_font: int | None = None
        self.fonts: dict[int, str] = {}
        self.defined = 0  # the font or style that is being defined
        self.levels: dict[int, int] = {}  # style → outline level from 1
        self.bytes = bytearray()
        self.title = ""
        self.to_skip = 0
        self.group_begins = False
        self.starred = False

    def blocks(self) -> list[Block]:
        """What was read."""
        return self.flow.blocks

    def read(self) -> None:
        """Reads all. Raises UnreadableDocument when the file ends in the middle."""
        at = self.data.index(b"{")
        end = len(self.data)
        while at < end:
            found = _TOKEN.match(self.data, at)
            if found is None:  # every byte begins a token
                break
            at = found.end()
            word, argument, hexadecimal, symbol, brace, text, _ = found.groups()
            if word is not None:
                at = self._word(word.decode("ascii"), argument, at)
            elif hexadecimal is not None:
                self._byte(bytes.fromhex(hexadecimal.decode("ascii")))
            elif symbol is not None:
                self._symbol(symbol)
            elif brace == b"{":
                self._open()
            elif brace == b"}":
                self._close()
                if not self.stack:
                    break
            elif text is not None:
                at = self._plain(text, at)
        self._flush()
        # Some programs forget the last brace; a file that was cut ends anywhere.
        if len(self.stack) > 1 or (self.stack and "".join(self.flow.pieces).strip()):
            raise UnreadableDocument(
                "{path} ends in the middle: {n} groups are not closed.",
                remedy="Copy the file again, or open it and save it again.",
                path=self.file.name,
                n=len(self.stack),
            )
        self._end_flow(self.flow)

    def _open(self) -> None:
        self._leave_skipping()
        if len(self.stack) >= _MAX_DEPTH:
            raise UnreadableDocument(
                "{path} is nested too deeply to read.", remedy="Open it and save it again.", path=self.file.name
            )
        self.stack.append((self.state, None))
        self.group_begins = True
        self.starred = False

    def _close(self) -> None:
        self._leave_skipping()
        self.group_begins = False
        before, outer = self.stack.pop()
        # A character may have its halves in two groups of the same font.
        if before != replace(self.state, skip=before.skip) or outer is not None:
            self._flush()
        if outer is not None:
            self._end_flow(self.flow)
            outer.aside += self.flow.blocks
            self.flow = outer
        if self.state.mode == "list" and before.mode != "list":
            self._number_read(self.flow)
        if self.state.mode == "fonts" and before.mode != "fonts" and self.default_font in self.fonts:
            before = replace(before, encoding=self.fonts[self.default_font])
        self.state = before

    def _number_read(self, flow: _Flow) -> None:
        flow.paragraph.number = flow.paragraph.number.strip() or "-"
        if flow.paragraph.in_table:  # a cell is one text, whatever lists are in it
            flow.pieces.append(f"{flow.paragraph.number} ")
            flow.paragraph.number = ""

    def _word(self, word: str, argument: bytes | None, at: int) -> int:
        """A control word; returns where to read on."""
        number = int(argument) if argument is not None else None
        if word == "bin":
            self.to_skip = max(0, self.to_skip - 1)
            return at + max(0, number or 0)
        if self.to_skip and word != "u":
            self.to_skip -= 1
            return at
        begins, self.group_begins = self.group_begins, False
        if begins and self._destination(word):
            return at
        if word == "u":
            self._unicode(number)
        elif word == "uc":
            self.state = replace(self.state, skip=max(0, min(number or 0, 16)))
        elif word == "ansicpg":
            self._set_default(_python_name(number or 0))
        elif word in ("mac", "pc", "pca"):
            self._set_default({"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[word])
        elif word == "deff":
            self.default_font = number
        elif self.state.mode in ("fonts", "styles"):
            self._in_table_of(word, number)
        elif word == "f":
            self._flush()
            self.state = replace(self.state, encoding=self.fonts.get(number or 0, self.default))
        elif word == "plain":
            self._flush()
            encoding = self.fonts.get(self.default_font or 0, self.default)
            self.state = replace(self.state, encoding=encoding, hidden=False)
        elif word == "v":
            self._flush()
            self.state = replace(self.state, hidden=number != 0)
        elif word == "deleted":
            self._flush()
            self.state = replace(self.state, deleted=number != 0)
        elif word in _SPECIAL:
            self._write(_SPECIAL[word])
        elif self.state.mode == "text":
            self._layout(word, number)
        return at

    def _destination(self, word: str) -> bool:
        """What the group that just began is for. True if its word is used up."""
        starred, self.starred = self.starred, False
        mode = self.state.mode
        if (word in ("shptxt", "dptxbxtext") and mode in ("text", "outer")) or (word == "footnote" and mode == "text"):
            self._begin_flow()
        elif word == "ud" and mode == "outer":
            self._set_mode("text")
        elif mode in ("skip", "outer") or (mode == "title" and word != "title"):
            return mode == "skip"
        elif word in ("fonttbl", "stylesheet"):
            self._set_mode("fonts" if word == "fonttbl" else "styles")
        elif word in ("listtext", "pntext"):
            self._set_mode("list")
            self.flow.paragraph.number = ""
        elif word in ("shpinst", "do", "upr", "info"):
            self._set_mode("outer" if word != "info" else "information")
        elif word == "title" and mode == "information":
            self._set_mode("title")
        elif word in _LEFT_OUT or (mode == "information"):
            self._set_mode("skip")
        elif starred and mode not in ("fonts", "styles"):
            # An unknown one that may be left out, says its writer.
            self._set_mode("skip")
        else:
            return False
        return True

    def _set_mode(self, mode: _Mode) -> None:
        self._flush()
        self.state = replace(self.state, mode=mode)

    def _begin_flow(self) -> None:
        self._flush()
        before, _ = self.stack[-1]
        self.stack[-1] = (before, self.flow)
        self.flow = _Flow()
        self.state = replace(self.state, mode="text", hidden=False)

    def _in_table_of(self, word: str, number: int | None) -> None:
        """A word in the table of fonts or of styles."""
        if self.state.mode == "fonts":
            if word == "f":
                self.defined = number or 0
            elif word == "fcharset":
                self.fonts[self.defined] = self._of_charset(number or 0)
            elif word == "cpg":
                self.fonts[self.defined] = _python_name(number or 0)
        elif word == "s":
            self.defined = number or 0
        elif word == "outlinelevel" and number is not None and 0 <= number <= 8:
            self.levels[self.defined] = number + 1

    def _of_charset(self, charset: int) -> str:
        if charset == 2:
            return _SYMBOLS
        if charset == 0:
            return _WESTERN
        return _OF_CHARSET.get(charset, self.default)

    def _set_default(self, encoding: str) -> None:
        self._flush()
        self.default = encoding
        self.state = replace(self.state, encoding=encoding)

    def _layout(self, word: str, number: int | None) -> None:
        """Paragraphs and tables."""
        flow = self.flow
        on = number != 0
        if word in ("par", "sect"):
            self._flush()
            self._end_paragraph(flow)
        elif word == "pard":
            self._flush()
            flow.paragraph = _Paragraph(number=flow.paragraph.number if not flow.pieces else "")
        elif word == "s":
            flow.paragraph.style = number or 0
        elif word == "outlinelevel":
            flow.paragraph.outline = number + 1 if number is not None and 0 <= number <= 8 else -1
        elif word == "intbl":
            flow.paragraph.in_table = on
        elif word == "trowd":
            flow.shapes, flow.merged, flow.is_header = [], "", False
        elif word == "trhdr":
            flow.is_header = on
        elif word in ("clmrg", "clvmrg"):
            flow.merged = "left" if word == "clmrg" else "up"
        elif word == "cellx":
            if len(flow.shapes) < MAX_COLUMNS:
                flow.shapes.append(_CellShape(number or 0, flow.merged))
            flow.merged = ""
        elif word == "cell":
            self._flush()
            flow.cells.append(f"{flow.paragraph.number} {_taken(flow)}".strip())
            flow.paragraph.number = ""
        elif word == "row":
            self._flush()
            if flow.cells:
                flow.rows.append((flow.cells, list(flow.shapes), flow.is_header))
            flow.cells = []

    def _end_flow(self, flow: _Flow) -> None:
        flow.paragraph.in_table = False
        self._end_paragraph(flow)
        _end_table(flow)
        _end_list(flow)

    def _end_paragraph(self, flow: _Flow) -> None:
        properties = flow.paragraph
        if properties.in_table:
            flow.pieces.append("\n")  # a paragraph within a cell
            return
        text = _taken(flow)
        number, properties.number = properties.number, ""
        aside, flow.aside = flow.aside, []
        if text:
            _end_table(flow)
            level = properties.outline or self.levels.get(properties.style, 0)
            if level > 0:
                _end_list(flow)
                shown = f"{number} {text}" if _NOT_BULLET.search(number) else text
                flow.blocks.append(Block("heading", one_line(shown), level=level))
            elif number:
                flow.items.append(f"{number if _NOT_BULLET.search(number) else '-'} {one_line(text)}")
            else:
                _end_list(flow)
                flow.blocks.append(Block("paragraph", text))
        if aside:
            _end_table(flow)
            _end_list(flow)
            flow.blocks += aside

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self.starred = self.group_begins
            return
        self.group_begins = False
        if self.to_skip:
            self.to_skip -= 1
        elif symbol in (b"\\", b"{", b"}"):
            self._bytes(symbol)
        elif symbol in (b"\r", b"\n"):
            self._layout("par", None)
        elif symbol.decode("latin-1") in _SYMBOL_OF:
            self._write(_SYMBOL_OF[symbol.decode("latin-1")])

    def _byte(self, byte: bytes) -> None:
        self.group_begins = False
        if self.to_skip:
            self.to_skip -= 1
        else:
            self._bytes(byte)

    def _plain(self, text: bytes, at: int) -> int:
        """Text as it stands; returns where to read on."""
        self.group_begins = False
        if self.to_skip:
            skipped = min(self.to_skip, len(text))
            self.to_skip -= skipped
            text = text[skipped:]
        self._bytes(text)
        # The second byte of a character written bare may look like a backslash or a brace.
        if text and text[-1] >= 0x81 and at < len(self.data) and self.data[at] in b"\\{}" and self._is_half():
            if _HEXADECIMAL.match(self.data, at):
                return at
            self._bytes(self.data[at : at + 1])
            return at + 1
        return at

    def _is_half(self) -> bool:
        """Whether the bytes so far end with the first half of a character."""
        rest = b""
        if self.state.encoding in _DOUBLE_BYTE:
            decoder = codecs.getincrementaldecoder(self.state.encoding)("replace")
            decoder.decode(bytes(self.bytes))
            rest = decoder.getstate()[0]
        if len(self.bytes) > _LOOKED_AT:  # or a long text without a break would be looked at again and again
            del self.bytes[len(self.bytes) - len(rest) :]
            self._flush()
            self.bytes += rest
        return bool(rest)

    def _bytes(self, data: bytes) -> None:
        if self.state.mode in ("text", "title", "list"):
            self.bytes += data

    def _unicode(self, number: int | None) -> None:
        self._flush()
        if number is not None:
            unit = number % 0x10000 if -0x8000 <= number <= 0xFFFF else number
            if 0 <= unit <= 0x10FFFF:
                # Fonts of pictures lie here; what they show is a bullet.
                self._write("•" if 0xF000 <= unit <= 0xF0FF else chr(unit))
        self.to_skip = self.state.skip

    def _leave_skipping(self) -> None:
        self.to_skip = 0  # a brace ends the fallback characters

    def _flush(self) -> None:
        """Makes characters of the bytes that were collected."""
        if not self.bytes:
            return
        data = bytes(self.bytes)
        self.bytes.clear()
        encoding = self._encoding_of(data)
        if encoding == _SYMBOLS:
            self._write("".join(chr(byte) if byte in b"\t\n 0123456789." else "•" for byte in data))
        else:
            self._write(data.decode(encoding, "replace"))

    def _encoding_of(self, data: bytes) -> str:
        """The encoding in force; but some programs write Chinese in a font that they call Western."""
        encoding = self.state.encoding
        # No Western text has all its accents in pairs.
        if encoding == _WESTERN and self.default in _DOUBLE_BYTE and _HIGH_PAIRS.fullmatch(data):
            return self.default
        return encoding

    def _write(self, text: str) -> None:
        self._flush()
        state = self.state
        if state.hidden or state.deleted or not text:
            return
        if state.mode == "text":
            self.flow.pieces.append(text)
        elif state.mode == "title":
            self.title += text
        elif state.mode == "list":
            self.flow.paragraph.number += text


def _python_name(code_page: int) -> str:
    name = _OF_CODE_PAGE.get(code_page, f"cp{code_page}")
    try:
        return codecs.lookup(name).name if name not in _DOUBLE_BYTE else name
    except LookupError:
        return _WESTERN


def _taken(flow: _Flow) -> str:
    """The text collected so far; a character above U+FFFF comes in two halves."""
    text = "".join(flow.pieces)
    flow.pieces.clear()
    if any("\ud800" <= character <= "\udfff" for character in text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.strip()


def _end_list(flow: _Flow) -> None:
    if flow.items:
        flow.blocks.append(Block("list", "\n".join(flow.items)))
        flow.items = []


def _end_table(flow: _Flow) -> None:
    if flow.cells:  # a row that was not ended
        flow.rows.append((flow.cells, list(flow.shapes), False))
        flow.cells = []
    if not flow.rows:
        return
    rows, flow.rows = flow.rows, []
    _end_list(flow)
    edges = _edges(shape.edge for _, shapes, _ in rows for shape in shapes)
    above: dict[int, str] = {}
    grid: list[list[Cell]] = []
    n_header_rows = 0
    for texts, shapes, is_header in rows:
        grid.append(list(_cells(texts, shapes, edges, above)))
        if is_header and n_header_rows == len(grid) - 1:
            n_header_rows += 1
    if all(len(row) <= 1 for row in grid):  # a frame around text, not a table
        flow.blocks += [Block("paragraph", cell.text) for row in grid for cell in row if cell.text]
        return
    block = table_block(grid, n_header_rows if n_header_rows < len(grid) else 0)
    if block is not None:
        flow.blocks.append(block)


def _edges(values: Iterable[int]) -> dict[int, int]:
    """Right edges of cells → the number of the column that ends there, from 1; nearly the same are the same."""
    columns: dict[int, int] = {}
    first = None
    for edge in sorted(set(values)):
        if first is None or edge - first > _SAME_EDGE:
            first = edge
            columns[edge] = (max(columns.values()) if columns else 0) + 1
        else:
            columns[edge] = columns[first]
    return columns


def _cells(texts: list[str], shapes: list[_CellShape], edges: dict[int, int], above: dict[int, str]) -> Iterator[Cell]:
    """A row's cells, each as wide as the columns of the whole table that it covers."""
    if len(shapes) < len(texts):
        yield from map(Cell, texts)
        return
    column = 0
    waiting: Cell | None = None
    for text, shape in zip(texts, shapes, strict=False):
        wide = max(1, min(edges[shape.edge] - column, MAX_COLUMNS))
        if shape.merged == "left" and waiting is not None:
            waiting = Cell(waiting.text, waiting.columns + wide)
        else:
            if waiting is not None:
                yield waiting
            if shape.merged == "up":
                text = above.get(column, text)
            above[column] = text
            waiting = Cell(text, wide)
        column += wide
    if waiting is not None:
        yield waiting
