"""Word documents: the body in its order, headings by style, automatic numbers written out."""

import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from qianxun.documents.decoding import looks_like, mismatch
from qianxun.documents.formats.numbering import Numbering
from qianxun.documents.formats.tables import Cell, table_block
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_HEADING_STYLE = re.compile(r"(?:heading|标题|標題|titre|überschrift)\s*([1-9])", re.IGNORECASE)
_TITLE_STYLE = re.compile(r"(?:title|标题|標題)$", re.IGNORECASE)
_CONTENTS_STYLE = re.compile(r"(?:toc|目录|目錄)\s*\d$", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list|列表|项目符号|編號|编号", re.IGNORECASE)
# What refers to a note → the kind of part that it stands in.
_REFERENCES = {
    f"{_W}footnoteReference": "footnotes",
    f"{_W}endnoteReference": "endnotes",
    f"{_W}commentReference": "comments",
}
_BOXES = frozenset({f"{_W}txbxContent"})
_LEFT_OUT = _BOXES | frozenset({f"{_W}del", f"{_W}moveFrom", f"{_W}pPr", f"{_W}rPr", _FALLBACK})


class DocxLoader:
    """Reads `.docx`."""

    suffixes = (".docx",)

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document."""
        document = _opened(file)
        blocks = list(_Body(document).blocks())
        titled = next((block for block in blocks if block.kind == "heading"), None)
        title = titled.text if titled is not None else (document.core_properties.title or "").strip()
        yield RawDocument(file.name, title or file.stem, "docx", blocks)


def _opened(file: RawFile) -> Any:
    head = file.head()
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableDocument(
            "{path} is encrypted, or an old .doc file named .docx.",
            remedy="Open it in Word and save it as .docx without a password.",
            path=file.name,
        )
    what = looks_like(head)
    if what is not None and not head.startswith(b"PK"):
        raise mismatch(file, what)

    from docx import Document
    from docx.opc.exceptions import OpcError
    from lxml.etree import XMLSyntaxError

    try:
        with file.open() as stream:
            document = Document(stream)
        if document.element.body is None:
            raise ValueError("it has no body")
        return document
    except (OpcError, zipfile.BadZipFile, XMLSyntaxError, LookupError, ValueError, AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableDocument(
            "{path} is not a readable Word document ({error}).",
            remedy="Open it in Word and save it again.",
            path=file.name,
            error=" ".join(str(error).replace(file.name, "it").split())[:160].rstrip(".") or type(error).__name__,
        ) from error


class _Body:
    """The paragraphs and tables of a document's body, as blocks."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.styles = {style.style_id: style for style in document.styles}
        self.levels: dict[str, int] = {}
        self.numbering = Numbering(document)
        self.shift = 0
        self.notes = _notes(document)

    def blocks(self) -> Iterator[Block]:
        items: list[str] = []
        for element in _in_order(self.document.element.body):
            if element.tag == f"{_W}tbl":
                yield from _list(items)
                yield from self._table(element)
                yield from self._notes_of(element)
                continue
            style = _style_id(element)
            if _CONTENTS_STYLE.match(self._name(style)):
                continue
            text = _text(element).strip()
            boxes = [_text(p).strip() for box in element.iter(f"{_W}txbxContent") for p in box.iter(f"{_W}p")]
            number = self.numbering.next_for(element, style) if text else ""
            level = self._level(element, style)
            if text and level:
                yield from _list(items)
                if level == -1:
                    self.shift, level = 1, 0
                yield Block("heading", f"{number}{text}", level=min(level + self.shift, 9))
            elif text and (number or _LIST_STYLE.search(self._name(style))):
                items.append(f"{number or '- '}{text}".replace("\n", " "))
            elif text:
                yield from _list(items)
                yield Block("paragraph", text)
            # A drawing may hold the same box twice (once for old readers): the fallback is left out by its parent.
            for box in dict.fromkeys(boxes):
                if box:
                    yield Block("paragraph", box)
            notes = list(self._notes_of(element))
            if notes:
                yield from _list(items)
                yield from notes
        yield from _list(items)

    def _notes_of(self, element: Any) -> Iterator[Block]:
        """The footnotes, endnotes and comments that something refers to, each where that stands."""
        for reference in element.iter(*_REFERENCES) if self.notes else ():
            text = self.notes.get((_REFERENCES[reference.tag], reference.get(f"{_W}id") or ""))
            if text and not any(outer.tag in _LEFT_OUT - _BOXES for outer in reference.iterancestors()):
                yield Block("paragraph", text)

    def _name(self, style: str) -> str:
        found = self.styles.get(style)
        return (found.name or "") if found is not None else ""

    def _level(self, element: Any, style: str) -> int:
        """1 to 9 for a heading, -1 for the title, 0 for text."""
        own = element.find(f"{_W}pPr/{_W}outlineLvl")
        if own is not None:
            value = int(own.get(f"{_W}val") or 9)
            return value + 1 if value < 9 else 0
        if style not in self.levels:
            self.levels[style] = self._level_of_style(style)
        return self.levels[style]

    def _level_of_style(self, style: str) -> int:
        current = self.styles.get(style)
        for _ in range(10):
            if current is None:
                return 0
            name = current.name or ""
            numbered = _HEADING_STYLE.match(name)
            if numbered:
                return int(numbered.group(1))
            if _TITLE_STYLE.match(name):
                return -1
            outline = current.element.find(f"{_W}pPr/{_W}outlineLvl")
            if outline is not None:
                value = int(outline.get(f"{_W}val") or 9)
                return value + 1 if value < 9 else 0
            current = getattr(current, "base_style", None)
        return 0

    def _table(self, element: Any) -> Iterator[Block]:
        rows = element.findall(f"{_W}tr")
        n_header_rows = 0
        grid: list[list[Cell]] = []
        above: dict[int, str] = {}
        for row in rows:
            cells: list[Cell] = []
            column = 0
            for tc in _cells(row):
                columns = _number(tc.find(f"{_W}tcPr/{_W}gridSpan"), 1)
                merge = tc.find(f"{_W}tcPr/{_W}vMerge")
                text = "\n".join(t for t in (_text(p).strip() for p in tc.iter(f"{_W}p")) if t)
                if merge is not None and merge.get(f"{_W}val") != "restart":
                    text = above.get(column, text)
                above[column] = text
                cells.append(Cell(text, max(1, columns)))
                column += max(1, columns)
            grid.append(cells)
            if n_header_rows == len(grid) - 1 and row.find(f"{_W}trPr/{_W}tblHeader") is not None:
                n_header_rows += 1
        if all(len(row) <= 1 for row in grid):  # a frame around text, not a table
            for row in grid:
                for cell in row:
                    if cell.text:
                        yield Block("paragraph", cell.text)
            return
        block = table_block(grid, n_header_rows if n_header_rows < len(grid) else 0)
        if block is not None:
            yield block


def _notes(document: Any) -> dict[tuple[str, str], str]:
    """The texts of footnotes, endnotes and comments, by their kind and number."""
    from lxml import etree

    found: dict[tuple[str, str], str] = {}
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    for relation in document.part.rels.values():
        kind = relation.reltype.rpartition("/")[2]
        if kind not in _REFERENCES.values() or relation.is_external:
            continue
        try:
            root = etree.fromstring(relation.target_part.blob, parser)
        except etree.XMLSyntaxError:
            continue  # damaged notes cost the notes
        for note in root:
            if isinstance(note.tag, str) and note.get(f"{_W}type", "normal") == "normal":
                text = "\n".join(filter(None, (_text(p).strip() for p in note.iter(f"{_W}p"))))
                found[kind, note.get(f"{_W}id") or ""] = text
    return found


def _list(items: list[str]) -> Iterator[Block]:
    if items:
        yield Block("list", "\n".join(items))
        items.clear()


def _in_order(parent: Any) -> Iterator[Any]:
    """Paragraphs and tables, also inside content controls and tracked insertions."""
    for child in parent:
        if child.tag in (f"{_W}p", f"{_W}tbl"):
            yield child
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml", f"{_W}moveTo"):
            yield from _in_order(child)


def _cells(row: Any) -> Iterator[Any]:
    for child in row:
        if child.tag == f"{_W}tc":
            yield child
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent"):
            yield from _cells(child)


def _text(paragraph: Any) -> str:
    """The text as it is shown: insertions accepted, deletions gone, field codes left out."""
    parts: list[str] = []

    def collect(element: Any) -> None:
        for child in element:
            tag = child.tag
            if tag == f"{_W}t":
                parts.append(child.text or "")
            elif tag == f"{_W}tab":
                parts.append("\t")
            elif tag in (f"{_W}br", f"{_W}cr"):
                parts.append("\n")
            elif tag == f"{_W}noBreakHyphen":
                parts.append("-")
            elif tag not in _LEFT_OUT and isinstance(tag, str):
                collect(child)

    collect(paragraph)
    return "".join(parts)


def _style_id(paragraph: Any) -> str:
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    return (style.get(f"{_W}val") or "") if style is not None else ""


def _number(element: Any, default: int) -> int:
    try:
        return int(element.get(f"{_W}val")) if element is not None else default
    except (TypeError, ValueError):
        return default
