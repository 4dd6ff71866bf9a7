"""Extractions as a table, one row a document: CSV and workbooks. Nested fields are columns with dots: party.name.

Documents are hostile: a cell that a spreadsheet program would take for a formula is told by an apostrophe to be text.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Sequence
from typing import Any, Final, TypeAlias
from xml.sax.saxutils import escape

from qianxun.extraction.journal import Row
from qianxun.extraction.schema import Key, Node, below, names_in_order, parts

Cell: TypeAlias = str | int | float | bool | None
Path: TypeAlias = tuple[Key, ...]

# What is known of each document goes first, under names that fields seldom have.
OWN_COLUMNS: Final = ("_source", "_valid", "_problems", "_absent", "_weak")
# Longer lists of objects are one cell of JSON.
_MOST_ITEMS: Final = 20
_MOST_COLUMNS: Final = 16_384
_MOST_CHARS: Final = 32_767
_FORMULA: Final = re.compile(r"^[\s\0]*[=+\-@＝＋－＠]|^[\t\r\n]")
# And what is no XML.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def table(rows: Sequence[Row], schema: Node) -> tuple[list[str], list[list[Cell]]]:
    """The columns, in the schema's order, and a line of cells for each row; what is not valid has no values."""
    flat = [_flat(row["value"], ()) for row in rows]
    columns = sorted({path for cells in flat for path in cells}, key=lambda path: _order(path, schema))
    lines: list[list[Cell]] = []
    for row, cells in zip(rows, flat, strict=True):
        of_support = {
            support: " ".join(one["pointer"] for one in row["fields"] if one["support"] == support and row["valid"])
            for support in ("absent", "weak")
        }
        own: list[Cell] = [row["source"], row["valid"], "; ".join(row["problems"]), *of_support.values()]
        lines.append([*own, *(cells.get(path) for path in columns)])
    return [*OWN_COLUMNS, *(".".join(map(str, path)) or "value" for path in columns)], lines


def _flat(data: Any, path: Path) -> dict[Path, Cell]:
    if isinstance(data, dict):
        return {inner: cell for name, value in data.items() for inner, cell in _flat(value, (*path, name)).items()}
    if isinstance(data, list):
        if not any(isinstance(item, dict | list) for item in data):
            return {path: "; ".join(_as_text(item) for item in data)} if data else {}
        if len(data) > _MOST_ITEMS:
            return {path: json.dumps(data, ensure_ascii=False)}
        return {inner: cell for at, value in enumerate(data) for inner, cell in _flat(value, (*path, at)).items()}
    return {} if data is None else {path: data}


def _as_text(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _order(path: Path, schema: Node) -> list[tuple[int, str]]:
    """Where a column stands: fields as the schema names them, items by number."""
    nodes = parts([schema], schema)
    order: list[tuple[int, str]] = []
    for key in path:
        if isinstance(key, int):
            order.append((key, ""))
        else:
            names = names_in_order(nodes)
            order.append((names.index(key) if key in names else len(names), key))
        nodes = below(nodes, key, schema)
    return order


def defused(cell: Cell) -> Cell:
    """The cell as no spreadsheet program computes it, without controls; numbers stay numbers."""
    if not isinstance(cell, str):
        return cell
    text = _CONTROLS.sub("", cell)
    return f"'{text}" if _FORMULA.search(text) else text


def as_csv(columns: Sequence[str], lines: Sequence[Sequence[Cell]]) -> bytes:
    """UTF-8 with the mark that spreadsheet programs tell Chinese by."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for line in (columns, *lines):
        writer.writerow(["" if cell is None else _csv(cell) for cell in map(defused, line)])
    return text.getvalue().encode("utf-8-sig", "backslashreplace")


def _csv(cell: Cell) -> Cell:
    return str(cell).lower() if isinstance(cell, bool) else cell


def as_workbook(columns: Sequence[str], lines: Sequence[Sequence[Cell]]) -> bytes:
    """A workbook with one sheet (ECMA-376, part 1): texts as they are, numbers as numbers, no formula."""
    sheet = ['<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>']
    for number, line in enumerate((columns, *lines), 1):
        cells = "".join(_xml(cell, at, number) for at, cell in enumerate(line[:_MOST_COLUMNS]))
        sheet.append(f'<row r="{number}">{cells}</row>')
    sheet.append("</sheetData></worksheet>")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (*_PARTS.items(), ("xl/worksheets/sheet1.xml", "".join(sheet))):
            # A fixed time: the same rows are the same bytes.
            archive.writestr(
                zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8"?>{text}', zipfile.ZIP_DEFLATED
            )
    return content.getvalue()


def _xml(cell: Cell, column: int, row: int) -> str:
    cell = defused(cell)
    at = f"{_letters(column)}{row}"
    if cell is None or cell == "":
        return ""
    if isinstance(cell, bool):
        return f'<c r="{at}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, int | float) and abs(cell) < 1e15:
        return f'<c r="{at}"><v>{cell}</v></c>'
    text = str(cell)[:_MOST_CHARS]
    return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, digit = divmod(column - 1, 26)
        letters = chr(ord("A") + digit) + letters
    return letters


_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    f'xmlns:r="{_OFFICE}"><sheets><sheet name="extract" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
