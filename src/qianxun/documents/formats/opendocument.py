"""OpenDocument text and slides, as LibreOffice and WPS write them: headings, lists with their numbers, tables, notes.

What was deleted under change tracking is not in the text, nor is a table of contents. Knows no pictures.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from qianxun.documents.clean import one_line
from qianxun.documents.formats.numbering import written_number
from qianxun.documents.formats.packages import (
    Package,
    attribute,
    child,
    descendants,
    encrypted,
    local,
    opened_package,
    resolved,
    unreadable,
    whole,
)
from qianxun.documents.formats.slides import Place, in_reading_order, titled
from qianxun.documents.formats.tables import MAX_COLUMNS, Cell, table_block
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

_HEADING_STYLE: Final = re.compile(r"(?:Heading|标题|標題)(?:_20_|\s)*([1-9])$", re.IGNORECASE)
# Directories of what is in the document anyway, marks of changes and notes of editors, hidden words of pictures.
_LEFT_OUT: Final = frozenset(
    "tracked-changes table-of-content illustration-index table-index object-index user-index alphabetical-index "
    "sequence-decls variable-decls user-field-decls forms annotation annotation-end ruby-text desc number "
    "event-listeners hidden-text hidden-paragraph".split()
)
_AROUND: Final = frozenset({"page-number", "date-time", "footer", "header", "notes"})
_LENGTH: Final = re.compile(r"(-?\d+(?:\.\d+)?)\s*(mm|cm|in|pt|pc|px)?")
_IN_MM: Final = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72, "pc": 25.4 / 6, "px": 25.4 / 96}
_SHAPES: Final = {"i": "lowerRoman", "I": "upperRoman", "a": "lowerLetter", "A": "upperLetter", "1": "decimal"}
_MAX_SPACES: Final = 100
_MAX_REPEATS: Final = 10_000  # cells and rows of one document that stand in the file once, and are shown again
_MAX_NUMBER: Final = 99_999
_MAX_DEPTH: Final = 10  # levels of lists and outlines, OpenDocument 1.3 part 3, 19.880.35


class OpenTextLoader:
    """Reads `.odt`."""

    suffixes = (".odt",)

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The text as one document."""
        with opened_package(file, settings) as package:
            body = _body(package, "text")
            blocks = list(_Reader(package, body).blocks(body))
            first = next((block.text for block in blocks if block.kind == "heading"), "")
            title = one_line(first) or _title(package)
        yield RawDocument(file.name, title or file.stem, "odt", blocks)


class OpenSlidesLoader:
    """Reads `.odp`."""

    suffixes = (".odp",)

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The slides in their order, hidden ones too, as one document; a slide is a location, no page."""
        with opened_package(file, settings) as package:
            body = _body(package, "presentation")
            pages = [element for element in body if local(element) == "page"]
            blocks: list[Block] = []
            reader = _Reader(package, body)
            for number, page in enumerate(pages, start=1):
                blocks += reader.slide(page, f"slide {number}")
            first = next((block.text for block in blocks if block.kind == "heading"), "")
            title = first or _title(package)
        yield RawDocument(file.name, title or file.stem, "odp", blocks)


def _body(package: Package, kind: str) -> Any:
    manifest = package.xml("META-INF/manifest.xml")
    if manifest is not None and next(descendants(manifest, "encryption-data"), None) is not None:
        raise encrypted(package.file)
    body = child(package.required("content.xml"), "body")
    found = child(body, kind) if body is not None else None
    if found is None:
        raise unreadable(package.file, f"there is no {kind} in it")
    return found


def _title(package: Package) -> str:
    meta = package.xml("meta.xml")
    named = next(descendants(meta, "title"), None) if meta is not None else None
    return one_line(named.text or "") if named is not None else ""


class _Styles:
    """What paragraphs and lists of a document look like: only as far as it tells headings and numbers."""

    def __init__(self, package: Package, content: Any) -> None:
        self.paragraphs: dict[str, Any] = {}
        self.lists: dict[str, dict[int, Any]] = {}
        self.outline: dict[int, Any] = {}
        styles = package.xml("styles.xml")
        for root in (content, styles):
            if root is None:
                continue
            for style in descendants(root, "style"):
                if attribute(style, "family") == "paragraph":
                    self.paragraphs.setdefault(attribute(style, "name"), style)
            for style in descendants(root, "list-style"):
                self.lists.setdefault(attribute(style, "name"), _levels(style))
            for style in descendants(root, "outline-style"):
                self.outline = self.outline or _levels(style)

    def level(self, paragraph: Any) -> int:
        """1 to 9 for a heading, -1 for the title, 0 for text."""
        if local(paragraph) == "h":
            return max(1, min(whole(attribute(paragraph, "outline-level"), 1), 9))
        name = attribute(paragraph, "style-name")
        for _ in range(_MAX_DEPTH):
            numbered = _HEADING_STYLE.match(name)
            if numbered:
                return int(numbered.group(1))
            if name in ("Title", "标题"):
                return -1
            style = self.paragraphs.get(name)
            if style is None:
                return 0
            outline = whole(attribute(style, "default-outline-level"), 0)
            if outline > 0:
                return min(outline, 9)
            name = attribute(style, "parent-style-name")
        return 0


def _levels(style: Any) -> dict[int, Any]:
    return {whole(attribute(level, "level"), 1): level for level in style}


class _Counter:
    """Counts the items of one list, level by level."""

    def __init__(self, levels: dict[int, Any]) -> None:
        self.levels = levels
        self.counts: dict[int, int] = {}

    def next(self, level: int, start: int | None = None) -> str:
        """The number or bullet of the next item at this level (from 1); "" where the style gives none."""
        style = self.levels.get(level)
        if style is None or not local(style).endswith("-number"):
            if style is not None and local(style) == "outline-level-style":
                return self._counted(style, level, start)
            return "-"
        return self._counted(style, level, start)

    def _counted(self, style: Any, level: int, start: int | None) -> str:
        self.counts[level] = start if start is not None else self.counts.get(level, self._start(level) - 1) + 1
        for deeper in [other for other in self.counts if other > level]:
            del self.counts[deeper]
        if not attribute(style, "num-format"):
            return ""
        shown = max(1, min(whole(attribute(style, "display-levels"), 1), level))
        numbers = [self._number(other) for other in range(level - shown + 1, level + 1)]
        number = ".".join(number for number in numbers if number)
        return f"{attribute(style, 'num-prefix')}{number}{attribute(style, 'num-suffix')}"

    def _start(self, level: int) -> int:
        style = self.levels.get(level)
        value = whole(attribute(style, "start-value"), 1) if style is not None else 1
        return max(0, min(value, _MAX_NUMBER))

    def _number(self, level: int) -> str:
        style = self.levels.get(level)
        shape = attribute(style, "num-format") if style is not None else "1"
        if not shape:
            return ""
        n = self.counts.get(level, self._start(level))
        if shape[0] in "一壹甲":
            return written_number(n, "chineseCounting")
        return written_number(n, "decimalEnclosedCircle" if shape[0] == "①" else _SHAPES.get(shape, "decimal"))


class _Reader:
    """A document's blocks. `location` is the slide being read, None for a text."""

    def __init__(self, package: Package, body: Any) -> None:
        self.package = package
        self.location: str | None = None
        self.styles = _Styles(package, body.getroottree().getroot())
        self.outline = _Counter(self.styles.outline)
        self.counters: dict[str, _Counter] = {}
        self.items: list[str] = []
        self.aside: list[Block] = []  # notes and boxes of the paragraph being read
        self.shift = 0
        self.repeats_left = _MAX_REPEATS

    def slide(self, page: Any, location: str) -> list[Block]:
        """The title, then what stands on the slide in reading order, then the notes."""
        self.location = location
        title: list[str] = []
        shapes: list[tuple[Place | None, list[Block]]] = []
        for shape in _shapes(page):
            kind = attribute(shape, "class")
            if kind in _AROUND:
                continue
            blocks = list(self.blocks(_inside(shape)))
            if kind == "title":
                title += [block.text for block in blocks]
            elif blocks:
                shapes.append((_place(shape), blocks))
        found = [block for blocks in in_reading_order(shapes) for block in blocks]
        notes = child(page, "notes")
        noted: list[Block] = []
        for frame in notes if notes is not None else ():
            if attribute(frame, "class") == "notes":
                noted += self.blocks(_inside(frame))
        return [*titled(found, one_line(" ".join(title)), location), *noted]

    def blocks(self, parent: Iterable[Any]) -> Iterator[Block]:
        """What these elements hold, in order."""
        for element in parent:
            yield from self._element(element)
        yield from self._list()

    def _element(self, element: Any) -> Iterator[Block]:
        name = local(element)
        if name in ("p", "h"):
            yield from self._paragraph(element)
        elif name == "list":
            yield from self._items(element, 1, attribute(element, "style-name"))
        elif name == "table":
            yield from self._list()
            yield from self._table(element)
        elif name in ("frame", "custom-shape", "rect", "g", "text-box", "ellipse"):
            for inner in _inside(element) if name != "g" else element:
                yield from self._element(inner)
        elif name == "object":
            yield from self._list()
            yield from self._chart(element)
        elif name and name not in _LEFT_OUT:
            for inner in element:
                yield from self._element(inner)

    def _list(self) -> Iterator[Block]:
        if self.items:
            yield Block("list", "\n".join(self.items), location=self.location)
            self.items.clear()

    def _paragraph(self, element: Any) -> Iterator[Block]:
        text = self._text(element).strip()
        aside, self.aside = self.aside, []
        level = self.styles.level(element) if self.location is None else 0
        if text:
            yield from self._list()
        if text and level:
            number = ""
            if local(element) == "h" and attribute(element, "is-list-header") != "true" and self.styles.outline:
                number = self.outline.next(level) if level in self.styles.outline else ""
            if level == -1:
                self.shift, level = 1, 0
            yield self._heading(number or _given_number(element), text, level)
        elif text:
            yield Block("paragraph", text, location=self.location)
        if aside:
            yield from self._list()
            yield from aside

    def _heading(self, number: str, text: str, level: int) -> Block:
        shown = one_line(f"{number} {text}") if number else one_line(text)
        return Block("heading", shown, level=min(level + self.shift, 9), location=self.location)

    def _items(self, element: Any, level: int, style: str) -> Iterator[Block]:
        """The items of a list, their numbers written out. A heading in a list is a heading with the list's number."""
        counter = self._counter(element, level, style)
        for item in element:
            kind = local(item)
            if kind not in ("list-item", "list-header"):
                continue
            first = kind == "list-item"
            for inner in item:
                name = local(inner)
                if name == "list":
                    yield from self._items(inner, min(level + 1, _MAX_DEPTH), attribute(inner, "style-name") or style)
                elif name not in ("p", "h"):
                    yield from self._element(inner)
                else:
                    text = one_line(self._text(inner))
                    aside, self.aside = self.aside, []
                    if text:
                        start = attribute(item, "start-value")
                        mark = (
                            counter.next(level, min(whole(start, 1), _MAX_NUMBER) if start else None) if first else ""
                        )
                        heading = self.styles.level(inner) if self.location is None else 0
                        if heading > 0:
                            yield from self._list()
                            yield self._heading(mark.removeprefix("-"), text, heading)
                        elif mark or not self.items:
                            self.items.append("  " * (level - 1) + f"{mark or '-'} {text}")
                        else:  # a further paragraph of the same item
                            self.items[-1] += f" {text}"
                        first = False
                    if aside:
                        yield from self._list()
                        yield from aside
        if level == 1:
            yield from self._list()

    def _counter(self, element: Any, level: int, style: str) -> _Counter:
        goes_on = attribute(element, "continue-numbering") == "true" or attribute(element, "continue-list") != ""
        counter = self.counters.get(style)
        if counter is None or (level == 1 and not goes_on):
            counter = self.counters[style] = _Counter(self.styles.lists.get(style, {}))
        return counter

    def _text(self, element: Any) -> str:
        """A paragraph's text as it is shown. What is set beside it (notes, boxes, charts) is put aside."""
        parts: list[str] = []

        def collect(current: Any) -> None:
            parts.append(_spaced(current.text))
            for inner in current:
                name = local(inner)
                if name == "s":
                    parts.append(" " * max(1, min(whole(attribute(inner, "c"), 1), _MAX_SPACES)))
                elif name == "tab":
                    parts.append("\t")
                elif name == "line-break":
                    parts.append("\n")
                elif name == "note":
                    parts.append(self._note(inner))
                elif name in ("frame", "custom-shape", "rect", "g", "ellipse"):
                    self._put_aside(inner)
                elif name and name not in _LEFT_OUT:
                    collect(inner)
                parts.append(_spaced(inner.tail))

        collect(element)
        return "".join(parts)

    def _note(self, note: Any) -> str:
        mark = child(note, "note-citation")
        body = child(note, "note-body")
        shown = f"[{one_line(''.join(mark.itertext()))}]" if mark is not None else ""
        outer, self.aside = self.aside, []
        texts = [self._text(p).strip() for p in descendants(body, "p")] if body is not None else []
        text = " ".join(text for text in texts if text)
        self.aside = outer
        if text:
            self.aside.append(Block("paragraph", f"{shown} {text}".strip(), location=self.location))
        return shown

    def _put_aside(self, shape: Any) -> None:
        items, self.items = self.items, []
        outer, self.aside = self.aside, []
        found = list(self.blocks([shape]))
        self.items, self.aside = items, [*outer, *found]

    def _table(self, table: Any) -> Iterator[Block]:
        rows: list[list[Cell]] = []
        n_header_rows = 0
        beside: list[Block] = []
        for row, is_header in _rows(table):
            cells: list[Cell] = []
            for cell in row:
                if local(cell) != "table-cell":  # a covered one is where a merged cell hangs
                    continue
                texts = [one_line(self._text(p)) for p in _paragraphs_of(cell)]
                beside, self.aside = [*beside, *self.aside], []
                own = Cell(
                    " ".join(text for text in texts if text),
                    max(1, min(whole(attribute(cell, "number-columns-spanned"), 1), MAX_COLUMNS)),
                    max(1, min(whole(attribute(cell, "number-rows-spanned"), 1), 1_000_000)),
                )
                cells += [own] * self._times(attribute(cell, "number-columns-repeated"), MAX_COLUMNS - len(cells))
            while cells and not cells[-1].text and cells[-1].columns == cells[-1].rows == 1:
                cells.pop()
            has_text = any(cell.text for cell in cells)
            times = self._times(attribute(row, "number-rows-repeated"), _MAX_REPEATS) if has_text else 1
            rows += [cells] * times
            if is_header and n_header_rows == len(rows) - times:
                n_header_rows += times
        if all(len(row) <= 1 for row in rows) and not any(cell.columns > 1 for row in rows for cell in row):
            for row in rows:  # a frame around text, not a table
                for cell in row:
                    if cell.text:
                        yield Block("paragraph", cell.text, location=self.location)
        else:
            block = table_block(rows, n_header_rows if n_header_rows < len(rows) else 0, self.location)
            if block is not None:
                yield block
        yield from beside

    def _times(self, value: str, most: int) -> int:
        """How often something stands there, within bounds: a file may say a million times."""
        times = max(1, min(whole(value, 1), most, self.repeats_left + 1))
        self.repeats_left -= times - 1
        return times

    def _chart(self, element: Any) -> Iterator[Block]:
        """A chart's title and its numbers."""
        path = resolved("content.xml", f"{attribute(element, 'href')}/content.xml")
        root = self.package.xml(path) if path.lower() != "content.xml" else None
        chart = next(descendants(root, "chart"), None) if root is not None else None
        if chart is None:
            return
        title = next((inner for inner in descendants(chart, "title")), None)
        text = one_line(" ".join(self._text(p) for p in descendants(title, "p"))) if title is not None else ""
        if text:
            yield Block("paragraph", text, location=self.location)
        for table in descendants(chart, "table"):
            yield from self._table(table)


def _spaced(text: str | None) -> str:
    # A line feed in the file is a space (OpenDocument 1.3 part 3, 6.1.2).
    return re.sub(r"[ \t\r\n]+", " ", text) if text else ""


def _given_number(paragraph: Any) -> str:
    """The number that a program wrote before a heading, for those that do not count."""
    number = child(paragraph, "number")
    return one_line("".join(number.itertext())) if number is not None else ""


def _rows(table: Any, is_header: bool = False) -> Iterator[tuple[Any, bool]]:
    for element in table:
        name = local(element)
        if name == "table-row":
            yield element, is_header
        elif name in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(element, is_header or name == "table-header-rows")


def _paragraphs_of(parent: Any) -> Iterator[Any]:
    """Paragraphs in lists, sections and tables within a cell, but not those of boxes and notes within paragraphs."""
    for element in parent:
        name = local(element)
        if name in ("p", "h"):
            yield element
        elif name and name not in _LEFT_OUT:
            yield from _paragraphs_of(element)


def _shapes(parent: Any) -> Iterator[Any]:
    """The shapes of a slide, those in groups too: OpenDocument gives their places on the slide itself."""
    for element in parent:
        name = local(element)
        if name == "g":
            yield from _shapes(element)
        elif name and name not in ("notes", "forms", "animations", "annotation"):
            yield element


def _inside(shape: Any) -> list[Any]:
    """What a shape holds. A table or a chart has a picture of itself beside it, for old readers."""
    return [element for element in shape if local(element) not in ("image", "enhanced-geometry", "glue-point", "title")]


def _place(shape: Any) -> Place | None:
    x, y = _length(attribute(shape, "x")), _length(attribute(shape, "y"))
    if x is None or y is None:
        return None
    return Place(x, y, _length(attribute(shape, "height")) or 0.0)


def _length(text: str) -> float | None:
    """Millimetres."""
    found = _LENGTH.fullmatch(text.strip())
    return float(found.group(1)) * _IN_MM.get(found.group(2) or "mm", 1.0) if found else None
