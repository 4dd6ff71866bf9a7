"""Sheets of workbooks in binary records: `.xls` by xlrd, `.xlsb` record by record ([MS-XLSB]), a row at a time.

Both are Python alone, so that a damaged file is an error and not the end of the process. Knows no blocks.
"""

import io
import struct
import zipfile
from collections.abc import Iterator
from typing import IO, Any, Final

from qianxun.documents.formats.number_formats import Shown, format_code, general, shown_by
from qianxun.documents.formats.sheets_xml import Sheet, encrypted, targets_of
from qianxun.documents.formats.tables import Merge, MergedCells, SheetRow
from qianxun.files import RawFile

_READ_BYTES: Final = 1 << 18
_XLS_TEXT, _XLS_NUMBERS, _XLS_BOOLEAN, _XLS_ERROR = 1, (2, 3), 4, 5  # xlrd's kinds of cells; dates are numbers
_ERRORS: Final = {
    **{0x00: "#NULL!", 0x07: "#DIV/0!", 0x0F: "#VALUE!", 0x17: "#REF!"},
    **{0x1D: "#NAME?", 0x24: "#NUM!", 0x2A: "#N/A", 0x2B: "#GETTING_DATA"},
}


def xls_sheets(file: RawFile) -> Iterator[Sheet]:
    """The sheets of a workbook of Excel 97 to 2003, or older."""
    import xlrd  # type: ignore[import-untyped]
    from xlrd.compdoc import CompDocError  # type: ignore[import-untyped]

    if _holds(file, "EncryptedPackage".encode("utf-16-le")):  # the stream in which [MS-OFFCRYPTO] puts other files
        raise encrypted(file)
    try:
        book = xlrd.open_workbook(
            file_contents=file.read(),
            logfile=io.StringIO(),
            formatting_info=True,
            on_demand=True,
            ragged_rows=True,
        )
        with book:
            for at, name in enumerate(book.sheet_names()):
                sheet = book.sheet_by_index(at)
                if sheet.visibility != 2:
                    yield name, sheet.visibility == 1, _xls_rows(book, sheet)
                book.unload_sheet(at)
    except (xlrd.XLRDError, CompDocError, AssertionError, struct.error) as error:
        if "encrypted" in str(error):
            raise encrypted(file) from error
        raise ValueError(str(error) or "its records make no sense") from error


def _xls_rows(book: Any, sheet: Any) -> Iterator[SheetRow]:
    merges = MergedCells((top + 1, left, bottom, right - 1) for top, bottom, left, right in sheet.merged_cells)
    formats: dict[int, Shown] = {}
    for at in range(sheet.nrows):
        cells = {}
        for column, cell in enumerate(sheet.row(at)):
            text = _xls_text(book, cell, formats)
            if text:
                cells[column] = text
        yield merges.applied(at + 1, cells)


def _xls_text(book: Any, cell: Any, formats: dict[int, Shown]) -> str:
    if cell.ctype == _XLS_TEXT:
        return str(cell.value)
    if cell.ctype in _XLS_NUMBERS:
        if cell.xf_index not in formats:
            number = book.xf_list[cell.xf_index].format_key
            own = book.format_map.get(number)
            code = format_code(number, {}) or (own.format_str if own is not None and number else "")
            formats[cell.xf_index] = shown_by(code, bool(book.datemode)) if code else general
        return formats[cell.xf_index](cell.value)
    if cell.ctype == _XLS_BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    if cell.ctype == _XLS_ERROR:
        return _ERRORS.get(cell.value, "")
    return ""


def _holds(file: RawFile, words: bytes) -> bool:
    with file.open() as stream:
        before = b""
        while piece := stream.read(_READ_BYTES):
            if words in before + piece:
                return True
            before = piece[-len(words) :]
    return False


# --- .xlsb: the numbers are those of the records in [MS-XLSB] 2.3

_ROW: Final = 0
_RK, _ERROR, _BOOLEAN, _REAL, _STRING, _SHARED = 2, 3, 4, 5, 6, 7
_FORMULA_STRING, _FORMULA_REAL, _FORMULA_BOOLEAN, _FORMULA_ERROR = 8, 9, 10, 11
_SHARED_ITEM: Final = 19
_FORMAT: Final = 44
_CELL_FORMAT: Final = 47
_SHEET_DATA_ENDS: Final = 146
_WORKBOOK: Final = 153
_SHEET: Final = 156
_MERGED: Final = 176
_CELL_FORMATS_BEGIN, _CELL_FORMATS_END = 617, 618


def xlsb_sheets(file: RawFile) -> Iterator[Sheet]:
    """The sheets of a binary Office workbook."""
    with file.open() as stream, zipfile.ZipFile(stream) as archive:
        main = "xl/workbook.bin"
        names = frozenset(archive.namelist())
        targets = targets_of(archive, main)
        parts = {kind: target for kind, target in targets.values() if target in names}
        from_1904 = False
        sheets: list[tuple[int, str, str]] = []
        for number, data in _records(archive, main):
            if number == _WORKBOOK:
                from_1904 = bool(data[0] & 1)
            elif number == _SHEET:
                relation, end = _wide(data, 8)
                sheets.append((_uint32(data, 0), relation, _wide(data, end)[0]))
        strings = list(_strings(archive, parts["sharedStrings"])) if "sharedStrings" in parts else []
        formats = list(_formats(archive, parts["styles"], from_1904)) if "styles" in parts else []
        for state, relation, name in sheets:
            kind, target = targets.get(relation, ("", ""))
            if kind == "worksheet" and state != 2 and target in names:
                merges = MergedCells(_merges(archive, target))
                yield name, state == 1, _xlsb_rows(archive, target, strings, formats, merges)


def _records(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[int, bytes]]:
    """Records: number and data. Both the number and the length come in sevens of bits, [MS-XLSB] 2.1.4."""
    opened: Any = archive.open(part)
    with io.BufferedReader(opened) as stream:
        while (number := _sevens(stream, 2)) is not None:
            length = _sevens(stream, 4) or 0
            data = stream.read(length)
            if len(data) < length:
                raise ValueError("a record is cut off")
            yield number, data


def _sevens(stream: IO[bytes], most: int) -> int | None:
    value = 0
    for i in range(most):
        byte = stream.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << 7 * i
        if byte[0] < 0x80:
            break
    return value


def _uint32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _wide(data: bytes, at: int) -> tuple[str, int]:
    """A string with its length before it, and where it ends; an absent one is empty."""
    n = _uint32(data, at)
    if n == 0xFFFFFFFF:
        return "", at + 4
    end = at + 4 + 2 * n
    if end > len(data):
        raise ValueError("a string is cut off")
    return data[at + 4 : end].decode("utf-16-le", "replace"), end


def _strings(archive: zipfile.ZipFile, part: str) -> Iterator[str]:
    for number, data in _records(archive, part):
        if number == _SHARED_ITEM:
            yield _wide(data, 1)[0]


def _formats(archive: zipfile.ZipFile, part: str, from_1904: bool) -> Iterator[Shown]:
    codes: dict[int, str] = {}
    is_of_cells = False
    for number, data in _records(archive, part):
        if number == _FORMAT:
            codes[int.from_bytes(data[:2], "little")] = _wide(data, 2)[0]
        elif number in (_CELL_FORMATS_BEGIN, _CELL_FORMATS_END):
            is_of_cells = number == _CELL_FORMATS_BEGIN
        elif number == _CELL_FORMAT and is_of_cells:
            code = format_code(int.from_bytes(data[2:4], "little"), codes)
            yield shown_by(code, from_1904) if code else general


def _merges(archive: zipfile.ZipFile, part: str) -> Iterator[Merge]:
    for number, data in _records(archive, part):
        if number == _MERGED:
            top, bottom, left, right = struct.unpack_from("<4I", data)
            yield top + 1, left, bottom + 1, right


def _xlsb_rows(
    archive: zipfile.ZipFile, part: str, strings: list[str], formats: list[Shown], merges: MergedCells
) -> Iterator[SheetRow]:
    at = -1
    cells: dict[int, str] = {}
    for number, data in _records(archive, part):
        if number == _SHEET_DATA_ENDS:
            break
        if number == _ROW:
            if at >= 0:
                yield merges.applied(at + 1, cells)
            at, cells = _uint32(data, 0), {}
        elif _RK <= number <= _FORMULA_ERROR and at >= 0:
            text = _xlsb_text(number, data, strings, formats)
            if text:
                cells[_uint32(data, 0)] = text
    if at >= 0:
        yield merges.applied(at + 1, cells)


def _xlsb_text(number: int, data: bytes, strings: list[str], formats: list[Shown]) -> str:
    """What a cell shows: its column and its format stand before its value."""
    if number in (_STRING, _FORMULA_STRING):
        return _wide(data, 8)[0]
    if number == _SHARED:
        return strings[_uint32(data, 8)]
    if number in (_BOOLEAN, _FORMULA_BOOLEAN):
        return "TRUE" if data[8] else "FALSE"
    if number in (_ERROR, _FORMULA_ERROR):
        return _ERRORS.get(data[8], "")
    style = _uint32(data, 4) & 0xFFFFFF
    value = _packed(_uint32(data, 8)) if number == _RK else float(struct.unpack_from("<d", data, 8)[0])
    return (formats[style] if style < len(formats) else general)(value)


def _packed(rk: int) -> float:
    """A number in 30 bits, [MS-XLSB] 2.5.122: whole, or the upper part of a float; perhaps in hundredths."""
    if rk & 2:
        value = float((rk >> 2) - (1 << 30 if rk & 0x80000000 else 0))
    else:
        value = float(struct.unpack("<d", struct.pack("<Q", (rk & ~3) << 32))[0])
    return value / 100 if rk & 1 else value
