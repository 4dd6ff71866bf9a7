"""JSON: records of `field: value` lines, one after the other, so that a file of any size is read a piece at a time.

A list, and a list in the outermost object, is read element by element; any other value is held as a whole.
"""

import codecs
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from qianxun.documents.clean import one_line
from qianxun.documents.decoding import text_pieces
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

MAX_LINE_CHARS: Final = 200  # a longer text, or one of several lines, is a paragraph of its own
MAX_BLOCK_CHARS: Final = 8192
MAX_TITLE_CHARS: Final = 120

_LINES: Final = frozenset({".jsonl", ".ndjson"})
_TITLES: Final = (
    "title",
    "headline",
    "subject",
    "name",
    "question",
    "标题",
    "標題",
    "题目",
    "題目",
    "主题",
    "主題",
    "问题",
)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_DATA_URL: Final = re.compile(r"data:[\w/+.-]+[;,]")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=_\-\r\n]{200,}\Z")
_BASE64_LINE_CHARS: Final = 60  # at least: names, one a line, are shorter
_MAX_FIELDS: Final = 50  # of the outermost object in one block, so that its location says something
# A value that breaks off at the end of what was read so far may only want the rest.
_LOOKAHEAD_CHARS: Final = 32


class JsonLoader:
    """Reads `.json`, `.geojson`, and a value a line: `.jsonl`, `.ndjson`."""

    suffixes = (".json", ".geojson", ".jsonl", ".ndjson")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document: a block a record, located as `record 17` or `line 17`.

        Lists of values inside a record are `items[0].name`, counted from 0 as JSON does. Broken JSON raises
        UnreadableDocument with line and column, possibly only when the blocks before it were taken.
        """
        records = _Records(file, settings)
        blocks = records.blocks()
        beginning = list(itertools.islice(blocks, 2))  # most errors come up here, before anything is handed on
        kind = "jsonl" if file.suffix in _LINES else "json"
        yield RawDocument(file.name, records.title or file.stem, kind, itertools.chain(beginning, blocks))


class _Records:
    """The blocks of a file. `title` is the outermost object's own, known once its beginning was read."""

    def __init__(self, file: RawFile, settings: ReadingSettings) -> None:
        self.values = _Values(file, settings)
        self.fields = settings.json_text_fields
        self.title_field = settings.json_title_field
        self.by_line = file.suffix in _LINES
        self.title = ""

    def blocks(self) -> Iterator[Block]:
        try:
            yield from self._blocks()
        except RecursionError as error:
            raise UnreadableDocument(
                "{path} is nested too deeply to read.",
                remedy="Open it and save it again.",
                path=self.values.file.name,
            ) from error

    def _blocks(self) -> Iterator[Block]:
        values = self.values
        first = values.peek()
        if self.by_line or (first and self._has_a_value_a_line()):
            while values.peek():
                location = f"line {values.line()}"
                yield from self._record(values.value(), location)
                values.let_go()
            return
        if first == "[":
            for n, element in enumerate(values.elements(), 1):
                yield from self._record(element, f"record {n}")
        elif first == "{":
            yield from self._object()
        elif first:
            yield from self._record(values.value(), None)
        if values.peek():
            raise values.broken("something follows the end of the value")

    def _has_a_value_a_line(self) -> bool:
        """JSON lines are often named .json."""
        first, _, rest = self.values.ahead().partition("\n")
        if first[:1] not in "{[" or not rest.lstrip().startswith(first[:1]):
            return False
        try:
            json.loads(first)
        except (ValueError, RecursionError):
            return False
        return True

    def _object(self) -> Iterator[Block]:
        """The outermost object: what is plain in it together, what has parts of its own a block each."""
        values = self.values
        pending: list[tuple[str, str]] = []
        begins = values.line()
        for name in values.names():
            begins = begins if pending else values.line()
            if values.peek() == "[" and values.is_list_of_objects():
                yield from self._flushed(pending, begins)
                for n, element in enumerate(values.elements(), 1):
                    yield from self._record(element, f"{one_line(name)[:MAX_LINE_CHARS]} {n}", (name,))
                continue
            own = values.line()
            value = values.value()
            if (
                not self.title
                and isinstance(value, str)
                and name in ((self.title_field,) if self.title_field else _TITLES)
            ):
                self.title = one_line(value)[:MAX_TITLE_CHARS]
            if isinstance(value, dict):
                yield from self._flushed(pending, begins)
                pending, begins = [], own
            pending += self._chosen(_flattened(value, (name,), name))
            if isinstance(value, dict) or len(pending) >= _MAX_FIELDS:
                yield from self._flushed(pending, begins)
        yield from self._flushed(pending, begins)

    def _flushed(self, pending: list[tuple[str, str]], begins: int) -> Iterator[Block]:
        yield from _written(pending, f"line {begins}")
        pending.clear()

    def _record(self, value: Any, location: str | None, path: tuple[str, ...] = ()) -> Iterator[Block]:
        shown = ".".join(path)
        pairs = self._chosen(_flattened(value, path, shown))
        if isinstance(value, dict):
            title = self._title_of(value, pairs)
            if title:
                yield Block("heading", title, level=1, location=location)
                pairs = [(name, text) for name, text in pairs if one_line(text) != title]
        yield from _written(pairs, location)

    def _title_of(self, record: dict[str, Any], pairs: list[tuple[str, str]]) -> str:
        """The field that was asked for; else, of a record with a long text, what is called its title."""
        if self.title_field:
            found: Any = record
            for name in self.title_field.split("."):
                found = found.get(name) if isinstance(found, dict) else None
            return one_line(_plain(found))[:MAX_TITLE_CHARS] if found is not None else ""
        if not any(_is_long(text) for _, text in pairs):
            return ""
        titles = (record.get(name) for name in _TITLES)
        return next((one_line(t) for t in titles if isinstance(t, str) and 0 < len(t.strip()) <= MAX_TITLE_CHARS), "")

    def _chosen(self, found: Iterable[tuple[tuple[str, ...], str, str]]) -> list[tuple[str, str]]:
        return [(shown, text) for path, shown, text in found if self._is_wanted(path)]

    def _is_wanted(self, path: tuple[str, ...]) -> bool:
        if not self.fields:
            return True
        dotted = f".{'.'.join(path)}."
        return any(
            (dotted.startswith(f".{field}.") if "." in field else f".{field}." in dotted) for field in self.fields
        )


def _flattened(value: Any, path: tuple[str, ...], shown: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Every text or number in a value: the names above it, its name as it is shown, and itself."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flattened(inner, (*path, name), f"{shown}.{name}" if shown else name)
    elif isinstance(value, list):
        texts = [_plain(inner) for inner in value if not isinstance(inner, dict | list)]
        together = ", ".join(text for text in texts if text)
        if len(texts) == len(value) and len(together) <= MAX_LINE_CHARS:
            if together:
                yield path, shown, together
        else:
            for i, inner in enumerate(value):
                yield from _flattened(inner, path, f"{shown}[{i}]")
    else:
        text = _plain(value)
        if text:
            yield path, shown, text


def _plain(value: Any) -> str:
    """What stands in the file, without the quotes; nothing for null and for what are no words (base64, data URLs)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return ""  # null: numbers come as they are written
    text = value.strip()
    return "" if _is_encoded(text) else text


def _is_encoded(text: str) -> bool:
    if _DATA_URL.match(text):
        return True
    return bool(_BASE64.match(text)) and len(text.split("\n", 1)[0]) >= _BASE64_LINE_CHARS


def _is_long(text: str) -> bool:
    return len(text) > MAX_LINE_CHARS or "\n" in text


def _written(pairs: Iterable[tuple[str, str]], location: str | None) -> Iterator[Block]:
    """Short fields as lines of one block, long ones as paragraphs, in the file's order."""
    lines: list[str] = []
    chars = 0
    for name, text in pairs:
        line = f"{one_line(name)}: {text}" if name else text
        if _is_long(text) or chars + len(line) > MAX_BLOCK_CHARS:
            yield from _lines(lines, location)
            chars = 0
        if _is_long(text):
            for paragraph in _PARAGRAPHS.split(line):
                yield Block("paragraph", paragraph.strip(), location=location)
        else:
            lines.append(line)
            chars += len(line) + 1
    yield from _lines(lines, location)


def _lines(lines: list[str], location: str | None) -> Iterator[Block]:
    if lines:
        yield Block("list", "\n".join(lines), location=location)
        lines.clear()


class _Values:
    """The values of a JSON text in its order, with no more of it in memory than the one being read."""

    def __init__(self, file: RawFile, settings: ReadingSettings) -> None:
        self.file = file
        self.pieces = text_pieces(file, settings)
        self.decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
        self.text = ""
        self.at = 0
        self.lines_before = 0  # of the text that is no longer held
        self.chars_before = 0  # of its last line
        self.counted = (0, 0)  # up to here in the text held, there are so many lines
        self._more()
        self.text = self.text.removeprefix(codecs.BOM_UTF8.decode())

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def line(self) -> int:
        """The line of the next value, from 1."""
        self.peek()
        at, n_lines = self.counted
        self.counted = (self.at, n_lines + self.text.count("\n", at, self.at))
        return self.lines_before + self.counted[1] + 1

    def ahead(self) -> str:
        """What was read of the text and not yet taken."""
        self.peek()
        return self.text[self.at :]

    def value(self) -> Any:
        """The next value as a whole; numbers as they are written."""
        self.peek()
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                wants_more = error.msg.startswith("Unterminated") or error.pos >= len(self.text) - _LOOKAHEAD_CHARS
                if wants_more and self._more():
                    continue
                raise self.broken(error.msg, error.pos) from error
            if end == len(self.text) and self._more():  # a number may go on
                continue
            self.at = end
            return value

    def elements(self) -> Iterator[Any]:
        """The elements of the list that begins here."""
        self.at += 1
        if self.peek() == "]":
            self.at += 1
            return
        while True:
            yield self.value()
            if self._after_one("]"):
                return

    def names(self) -> Iterator[str]:
        """The names in the object that begins here; the value of each is to be taken before the next."""
        self.at += 1
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            if self.peek() != '"':
                raise self.broken("Expecting property name enclosed in double quotes")
            name = self.value()
            if self.peek() != ":":
                raise self.broken("Expecting ':' delimiter")
            self.at += 1
            yield name
            if self._after_one("}"):
                return

    def is_list_of_objects(self) -> bool:
        """Whether the list that begins here begins with an object."""
        begins = self.at
        self.at += 1
        is_object = self.peek() == "{"
        # What was read on is still held: nothing is let go between here and there.
        self.at = begins
        return is_object

    def broken(self, what: str, at: int | None = None) -> UnreadableDocument:
        """The error for what stands at this place of the text held (default: the next character)."""
        at = self.at if at is None else at
        n_lines = self.text.count("\n", 0, at)
        column = at - self.text.rfind("\n", 0, at) if n_lines else self.chars_before + at + 1
        return UnreadableDocument(
            "{path} is not valid JSON at line {line}, column {column} ({error}).",
            remedy="Mend it there, or write the file again.",
            path=self.file.name,
            line=self.lines_before + n_lines + 1,
            column=column,
            error=what.rstrip(" .").removesuffix(" at"),
        )

    def _after_one(self, closing: str) -> bool:
        """Goes behind the comma, or behind the end; True at the end."""
        found = self.peek()
        if found not in (",", closing) or not found:
            raise self.broken("Expecting ',' delimiter")
        self.at += 1
        self.let_go()
        return found == closing

    def let_go(self) -> None:
        """Forgets what was taken, once it is more than what is not."""
        if self.at <= len(self.text) // 2:
            return
        n_lines = self.text.count("\n", 0, self.at)
        if n_lines:
            self.lines_before += n_lines
            self.chars_before = self.at - self.text.rfind("\n", 0, self.at) - 1
        else:
            self.chars_before += self.at
        self.text = self.text[self.at :]
        self.at = 0
        self.counted = (0, 0)

    def _more(self) -> bool:
        """Reads as much again as is held, so that a long value is not begun anew too often; False at the end."""
        pieces = [self.text]
        wanted = len(self.text) - self.at
        n_read = 0
        for piece in self.pieces:
            pieces.append(piece)
            n_read += len(piece)
            if n_read and n_read >= wanted:
                break
        self.text = "".join(pieces)
        return n_read > 0
