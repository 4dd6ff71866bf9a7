"""Workbooks: what their cells show, sheet by sheet, a row at a time.

Formulas are their last value; that some have none is said. Charts, pictures, comments and macros are not read. A hidden
sheet is read and its heading says so; one that only a macro can show is left out: nobody could look up a citation in
it. How sheets stand in files is for `sheets_xml` and `sheets_binary`.
"""

import contextlib
import dataclasses
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from qianxun.documents.clean import one_line
from qianxun.documents.decoding import looks_like, mismatch
from qianxun.documents.formats.sheets_binary import xls_sheets, xlsb_sheets
from qianxun.documents.formats.sheets_xml import Sheet, Uncalculated, encrypted, ods_sheets, xlsx_sheets
from qianxun.documents.formats.tables import sheet_blocks
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

HIDDEN: Final = "(hidden)"

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class SpreadsheetLoader:
    """Reads `.xlsx`, `.xlsm`, `.xls`, `.xlsb` and `.ods`, whichever of them the bytes say it is."""

    suffixes = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The workbook as one document: a heading for each sheet, and its tables."""
        head = file.head()
        if not head.startswith((b"PK", _OLE)):
            yield from _by_another_loader(file, head, settings)
            return
        uncalculated = Uncalculated()
        if head.startswith(_OLE):
            sheets = xls_sheets(file)
        else:
            names = _parts_of(file, settings)
            if "xl/workbook.bin" in names:
                sheets = xlsb_sheets(file)
            elif "content.xml" in names:
                sheets = ods_sheets(file)
            elif "xl/workbook.xml" in names or "[Content_Types].xml" in names:
                sheets = xlsx_sheets(file, uncalculated)
            else:
                raise mismatch(file, "a ZIP archive")
        yield RawDocument(
            file.name,
            file.stem,
            file.suffix.lstrip("."),
            _blocks(file, sheets),
            shortfall=lambda: _shortfall(file, uncalculated.n),
        )


def _shortfall(file: RawFile, n_uncalculated: int) -> UnreadableDocument | None:
    if not n_uncalculated:
        return None
    return UnreadableDocument(
        "{path}: formulas without a value, since no program has calculated them: {n}; their cells are empty.",
        remedy="Open it in a spreadsheet program, save it, and add it again.",
        path=file.name,
        n=n_uncalculated,
    )


def _by_another_loader(file: RawFile, head: bytes, settings: ReadingSettings) -> Iterator[RawDocument | RawFile]:
    """Web pages and delimited text named `.xls`, as many programs export them."""
    what = looks_like(head)
    if what is not None or file.suffix != ".xls":
        raise mismatch(file, what or "text")
    start = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:200].lower()
    if start.startswith(b"<"):
        from qianxun.documents.formats.html import HtmlLoader

        yield from HtmlLoader().load(dataclasses.replace(file, suffix=".html"), settings)
        return
    from qianxun.documents.formats.delimited import DelimitedLoader

    yield from DelimitedLoader().load(file, settings)


def _parts_of(file: RawFile, settings: ReadingSettings) -> frozenset[str]:
    with _readable(file), file.open() as stream, zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > settings.max_unpacked_mb * 1_000_000:
            raise UnreadableDocument(
                "{path} is more than {mb} MB unpacked.",
                remedy="Raise reading.max_unpacked_mb, or split the file.",
                path=file.name,
                mb=settings.max_unpacked_mb,
            )
        if any(entry.flag_bits & 1 for entry in entries):
            raise encrypted(file)
        return frozenset(entry.filename for entry in entries)


def _blocks(file: RawFile, sheets: Iterator[Sheet]) -> Iterator[Block]:
    """A sheet's heading and tables; nothing where it is empty."""
    with _readable(file):
        for given, hidden, rows in sheets:
            name = one_line(given)
            is_begun = False
            for block in sheet_blocks(rows, sheet=name):
                if not is_begun:
                    yield Block("heading", f"{name} {HIDDEN}" if hidden else name, level=1, location=name)
                    is_begun = True
                yield block


@contextlib.contextmanager
def _readable(file: RawFile) -> Iterator[None]:
    """Damage of any kind, as one error."""
    from lxml.etree import XMLSyntaxError

    try:
        yield
    except (
        *(XMLSyntaxError, zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, ArithmeticError),
        *(TypeError, AttributeError, NotImplementedError, OSError, struct.error),
    ) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = " ".join(str(error).replace(file.name, "it").split())[:160].rstrip(".")
        raise UnreadableDocument(
            "{path} is not a readable workbook ({error}).",
            remedy="Open it in a spreadsheet program and save it again.",
            path=file.name,
            error=reason or type(error).__name__,
        ) from error
