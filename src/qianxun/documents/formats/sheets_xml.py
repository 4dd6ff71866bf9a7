"""Sheets of workbooks in XML, `.xlsx`, `.xlsm` and `.ods`, a row at a time. No entities, nothing fetched.

Knows parts of packages and their elements, no blocks.
"""

import datetime
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import join, normpath
from typing import IO, Any, Final

from qianxun.documents.formats.number_formats import Shown, format_code, general, shown_by
from qianxun.documents.formats.tables import MAX_COLUMNS, Merge, MergedCells, SheetRow, column_of, filled
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile

MAX_REPEATED_ROWS: Final = 1000  # of one row, written once in the file

_REL_ID: Final = re.compile(r"\{[^}]*relationships\}id$")
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?\bref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})(\d{1,7})$")
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_READ_BYTES: Final = 1 << 18
_PARSING: Final = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}

# A sheet's name, whether it is hidden, and its rows, which are to be taken before the next sheet is.
Sheet = tuple[str, bool, Iterator[SheetRow]]


def encrypted(file: RawFile) -> UnreadableDocument:
    """The error for a workbook behind a password."""
    return UnreadableDocument("{path} is encrypted.", remedy="Save a copy without a password.", path=file.name)


# --- .xlsx, .xlsm: ECMA-376 part 1, 18.2 to 18.4, 18.8


@dataclass(frozen=True, slots=True)
class _Book:
    """What the cells of all sheets need."""

    uncalculated: "Uncalculated"
    strings: list[str] = field(default_factory=list)
    formats: list[Shown] = field(default_factory=list)


@dataclass(slots=True)
class Uncalculated:
    """How many formulas met so far have no value: no program has calculated them since they were written."""

    n: int = 0


def xlsx_sheets(file: RawFile, uncalculated: Uncalculated) -> Iterator[Sheet]:
    """The sheets of an Office Open XML workbook. Formulas without a value are counted as the rows are taken."""
    with file.open() as stream, zipfile.ZipFile(stream) as archive:
        main = _main_part(archive)
        root = _tree(archive, main)
        from_1904 = any(_is_true(e.get("date1904")) for e in root.iter("{*}workbookPr"))
        targets = targets_of(archive, main)
        styles = next((target for kind, target in targets.values() if kind == "styles"), "")
        strings = next((target for kind, target in targets.values() if kind == "sharedStrings"), "")
        names = frozenset(archive.namelist())
        book = _Book(
            uncalculated,
            list(_strings(archive, strings)) if strings in names else [],
            _formats(_tree(archive, styles), from_1904) if styles in names else [],
        )
        for sheet in root.iter("{*}sheet"):
            relation = next((value for key, value in sheet.attrib.items() if _REL_ID.match(key)), "")
            kind, target = targets.get(relation, ("", ""))
            state = sheet.get("state", "visible")
            if kind == "worksheet" and state != "veryHidden" and target in names:
                merges = MergedCells(_merges(archive, target))
                rows = _xlsx_rows(archive, target, book, merges)
                yield sheet.get("name", ""), state == "hidden", rows


def _main_part(archive: zipfile.ZipFile) -> str:
    targets = targets_of(archive, "") if "_rels/.rels" in archive.namelist() else {}
    return next((target for kind, target in targets.values() if kind == "officeDocument"), "xl/workbook.xml")


def targets_of(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """A part's relations: id → the last word of its kind, the part it names."""
    folder, _, name = part.rpartition("/")
    found: dict[str, tuple[str, str]] = {}
    for relation in _tree(archive, join(folder, "_rels", f"{name}.rels")):
        if isinstance(relation.tag, str) and relation.get("TargetMode") != "External":
            target = relation.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
            found[relation.get("Id", "")] = (relation.get("Type", "").rpartition("/")[2], path)
    return found


def _tree(archive: zipfile.ZipFile, part: str) -> Any:
    from lxml import etree

    with archive.open(part) as stream:
        return etree.parse(stream, etree.XMLParser(**_PARSING)).getroot()


def _elements(stream: IO[bytes], *tags: str, events: tuple[str, ...] = ("end",)) -> Iterator[tuple[str, Any]]:
    """Elements as they are read; what stands before each is let go of."""
    from lxml import etree

    for event, element in etree.iterparse(stream, events=events, tag=tags, **_PARSING):
        yield event, element
        if event == "end":
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _strings(archive: zipfile.ZipFile, part: str) -> Iterator[str]:
    with archive.open(part) as stream:
        for _, element in _elements(stream, "{*}si"):
            yield _rich_text(element)


def _rich_text(element: Any) -> str:
    """A text and its runs, without how its characters are read aloud."""
    parts: list[str] = []
    for child in element:
        tag = child.tag
        if not isinstance(tag, str):
            continue
        if tag.endswith("}t"):
            parts.append(child.text or "")
        elif tag.endswith("}r"):
            parts += [t.text or "" for t in child.iterfind("{*}t")]
    text = "".join(parts)
    return _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text) if "_x" in text else text


def _formats(root: Any, from_1904: bool) -> list[Shown]:
    codes = {int(e.get("numFmtId", "0")): e.get("formatCode", "") for e in root.iterfind("{*}numFmts/{*}numFmt")}
    found: list[Shown] = []
    for cell_format in root.iterfind("{*}cellXfs/{*}xf"):
        code = format_code(int(cell_format.get("numFmtId", "0")), codes)
        found.append(shown_by(code, from_1904) if code else general)
    return found


def _merges(archive: zipfile.ZipFile, part: str) -> Iterator[Merge]:
    """The merged cells of a sheet. They stand behind its rows, so it is searched once before it is read."""
    with archive.open(part) as stream:
        rest = b""
        while piece := stream.read(_READ_BYTES):
            text = rest + piece
            end = 0
            for match in _MERGED.finditer(text):
                first, top, last, bottom = match.groups()
                yield int(top), column_of(first.decode()), int(bottom), column_of(last.decode())
                end = match.end()
            rest = text[max(end, len(text) - 200) :]


def _xlsx_rows(archive: zipfile.ZipFile, part: str, book: _Book, merges: MergedCells) -> Iterator[SheetRow]:
    number = 0
    with archive.open(part) as stream:
        for _, row in _elements(stream, "{*}row"):
            number = int(row.get("r") or number + 1)
            cells: dict[int, str] = {}
            column = -1
            for cell in row:
                reference = _REFERENCE.match(cell.get("r") or "")
                column = column_of(reference.group(1)) if reference else column + 1
                text = _xlsx_text(cell, book)
                if text:
                    cells[column] = text
            yield merges.applied(number, cells)


def _xlsx_text(cell: Any, book: _Book) -> str:
    """What a cell shows."""
    kind = cell.get("t", "n")
    value = ""
    has_formula = False
    for child in cell:
        tag = child.tag
        if not isinstance(tag, str):
            continue
        if tag.endswith("}v"):
            value = child.text or ""
        elif tag.endswith("}f"):
            has_formula = True
        elif tag.endswith("}is") and kind == "inlineStr":
            return _rich_text(child)
    if has_formula and not value and kind != "str":  # a text may be empty
        book.uncalculated.n += 1
    if not value or kind in ("str", "e", "inlineStr"):
        return value
    if kind == "s":
        return book.strings[int(value)]
    if kind == "b":
        return "TRUE" if _is_true(value) else "FALSE"
    if kind == "d":
        return datetime.datetime.fromisoformat(value).isoformat(" ").removesuffix(":00").removesuffix(" 00:00")
    style = int(cell.get("s") or 0)
    return (book.formats[style] if style < len(book.formats) else general)(float(value))


def _is_true(value: str | None) -> bool:
    return value in ("1", "true")


# --- .ods: OpenDocument 1.3 part 3, chapter 9

_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"


def ods_sheets(file: RawFile) -> Iterator[Sheet]:
    """The sheets of an OpenDocument spreadsheet."""
    with file.open() as stream, zipfile.ZipFile(stream) as archive:
        manifest = "META-INF/manifest.xml"
        if manifest in archive.namelist() and b"encryption-data" in archive.read(manifest):
            raise encrypted(file)
        with archive.open("content.xml") as content:
            reader = _Ods(content)
            for name, hidden in reader.sheets():
                yield name, hidden, reader.rows()


class _Ods:
    """The sheets of an OpenDocument spreadsheet, in one pass over its content."""

    def __init__(self, content: IO[bytes]) -> None:
        tags = (f"{_TABLE}table", f"{_TABLE}table-row", f"{_STYLE}style")
        self.events = _elements(content, *tags, events=("start", "end"))
        self.hidden_styles: set[str] = set()

    def sheets(self) -> Iterator[tuple[str, bool]]:
        """Names of sheets, and whether they are hidden; the rows of each are to be taken before the next."""
        for event, element in self.events:
            if event == "end" and element.tag == f"{_STYLE}style":
                if any(e.get(f"{_TABLE}display") == "false" for e in element.iterfind(f"{_STYLE}table-properties")):
                    self.hidden_styles.add(element.get(f"{_STYLE}name", ""))
            elif event == "start" and element.tag == f"{_TABLE}table":
                style = element.get(f"{_TABLE}style-name", "")
                yield element.get(f"{_TABLE}name", ""), style in self.hidden_styles

    def rows(self) -> Iterator[SheetRow]:
        """The rows of the sheet that was named last."""
        number = 1
        depth = 1  # a table may stand in a cell
        merges: list[tuple[Merge, str]] = []
        for event, element in self.events:
            if element.tag == f"{_TABLE}table":
                depth += 1 if event == "start" else -1
                if depth == 0:
                    return
            elif event == "end" and element.tag == f"{_TABLE}table-row" and depth == 1:
                repeated = max(1, int(element.get(f"{_TABLE}number-rows-repeated", "1")))
                cells, begun = _ods_cells(element, number)
                merges = [*(m for m in merges if m[0][2] >= number), *begun]
                until = max([m[0][2] if m[0][3] == m[0][1] else max(m[0][2], number + 1) for m in begun], default=0)
                for i in range(min(repeated, MAX_REPEATED_ROWS) if cells else 0):
                    yield SheetRow(number + i, filled(cells, ((m[1], m[3], text) for m, text in merges)), until)
                number += repeated


def _ods_cells(row: Any, number: int) -> tuple[dict[int, str], list[tuple[Merge, str]]]:
    """The cells of a row with text, and the merged ones among them."""
    cells: dict[int, str] = {}
    merges: list[tuple[Merge, str]] = []
    column = 0
    for cell in row:
        if not isinstance(cell.tag, str) or not cell.tag.endswith(("}table-cell", "}covered-table-cell")):
            continue
        repeated = max(1, int(cell.get(f"{_TABLE}number-columns-repeated", "1")))
        text = _ods_text(cell)
        if text and cell.tag == f"{_TABLE}table-cell":
            for i in range(min(repeated, MAX_COLUMNS)):
                cells[column + i] = text
            right = column + int(cell.get(f"{_TABLE}number-columns-spanned", "1")) - 1
            bottom = number + int(cell.get(f"{_TABLE}number-rows-spanned", "1")) - 1
            if right > column or bottom > number:
                merges.append(((number, column, bottom, right), text))
        column += repeated
    return cells, merges


def _ods_text(cell: Any) -> str:
    """What a cell shows, which the file has beside its value; comments left out."""
    shown = "\n".join("".join(_inline(p)) for p in cell.iterfind(f"{_TEXT}p")).strip()
    if shown:
        return shown
    kind = cell.get(f"{_OFFICE}value-type", "")
    value = cell.get(f"{_OFFICE}value", "")
    if kind == "percentage" and value:
        return f"{general(float(value) * 100)}%"
    if kind in ("float", "currency") and value:
        return general(float(value))
    return str(cell.get(f"{_OFFICE}date-value") or cell.get(f"{_OFFICE}string-value") or "")


def _inline(element: Any) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if child.tag in (f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break"):
            yield " "
        elif isinstance(child.tag, str) and not child.tag.startswith(_OFFICE):
            yield from _inline(child)
        yield child.tail or ""
