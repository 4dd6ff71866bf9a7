"""PDF files: opens them, page by page to lines and tables, without running headers and page numbers.

What stands on a page is `pdf_lines`, `pdf_rules`, `pdf_tables` and `pdf_columns`; what the pages say together is
`pdf_layout`.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qianxun.documents.decoding import looks_like, mismatch
from qianxun.documents.formats.pdf_calls import Handle, form_of, handle_of
from qianxun.documents.formats.pdf_columns import aligned_tables, looks_aligned, may_have_cells
from qianxun.documents.formats.pdf_layout import blocks_of, comparable
from qianxun.documents.formats.pdf_lines import FormLine, Line, TextPage, in_one_row, open_page, running
from qianxun.documents.formats.pdf_pictures import is_picture, stands_for_nothing
from qianxun.documents.formats.pdf_rules import Rules, rules_of
from qianxun.documents.formats.pdf_tables import Item, Table, grids, read_grid
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

if TYPE_CHECKING:
    from qianxun.documents.formats.scanned import RecognisedPages

MAX_GRIDS: Final = 30  # of a page
MAX_OUTLINE_DEPTH: Final = 6
_ERROR_PASSWORD: Final = 4  # FPDF_ERR_PASSWORD, fpdfview.h
_SPACE: Final = re.compile(r"\s+")
_LINE_ENDS: Final = re.compile(r"\r\n?|\n")
# Private and unassigned characters, and control characters that are no line ends: signs of a font without meaning.
_ODD: Final = re.compile("[\x00\x01\x03-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")


class PdfLoader:
    """Reads `.pdf`."""

    suffixes = (".pdf",)

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document, whose blocks can be read once. Encrypted ones open with the passwords set.

        Pages without text are recognised where that is wanted and can be.
        """
        head = file.head()
        if b"%PDF-" not in head[:1024]:
            what = looks_like(head)
            if what is not None:
                raise mismatch(file, what)
            raise _broken(file, "no PDF header")
        # Bytes in memory are read by pdfium where they are, so they are held here until it is closed.
        source: Path | bytes = file.path or file.read()
        pdf = opened(file, source, settings)
        try:
            reader = _Pages(file, pdf, settings)
            pages = list(reader.read())
            outline = _outline(pdf)
            title = _usable(_SPACE.sub(" ", pdf.get_metadata_value("Title")).strip())
        finally:
            pdf.close()
        n_pages = len(pages)
        blocks = blocks_of(_without_running(pages), outline)
        begun: list[Block] = []
        if not title:
            begun, title = _up_to_heading(blocks)
        yield RawDocument(
            file.name, title or file.stem, "pdf", itertools.chain(begun, blocks), n_pages, reader.shortfall
        )


def _broken(file: RawFile, error: str) -> UnreadableDocument:
    return UnreadableDocument(
        "{path} is not a readable PDF ({error}).",
        remedy="Open it in a PDF reader and save it again.",
        path=file.name,
        error=" ".join(error.split()).rstrip(". ")[:160],
    )


# Opening


def opened(file: RawFile, source: Path | bytes, settings: ReadingSettings) -> Any:
    """The file as a `pypdfium2.PdfDocument`. Raises UnreadableDocument."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) != _ERROR_PASSWORD and "assword" not in str(error):
            raise _broken(file, str(error)) from error
    if not settings.passwords_file:
        raise UnreadableDocument(
            "{path} is encrypted.",
            remedy="Save a copy without a password. Or write its password into a file, and name that file in "
            "reading.passwords_file.",
            path=file.name,
        )
    passwords = _passwords(file, settings.passwords_file)
    for password in passwords:
        for encoded in _encoded(password):
            pdf = _opened_with(source, encoded)
            if pdf is not None:
                return pdf
    raise UnreadableDocument(
        "{path} is encrypted, and none of the {n} passwords in reading.passwords_file opens it.",
        remedy="Add its password there as a line of its own, or save a copy without a password.",
        path=file.name,
        n=len(passwords),
    )


def _opened_with(source: Path | bytes, password: bytes) -> Any:
    """The document, or None if this is not its password, whose bytes are given as the file's writer had them."""
    import pypdfium2
    import pypdfium2.raw as pdfium

    if isinstance(source, bytes):
        handle = pdfium.FPDF_LoadMemDocument64(source, len(source), password + b"\0")
    else:
        path = str(source.expanduser().resolve()).encode("utf-8", "surrogateescape")
        handle = pdfium.FPDF_LoadDocument(path + b"\0", password + b"\0")
    return pypdfium2.PdfDocument(handle) if handle else None


def _passwords(file: RawFile, path: str) -> list[str]:
    """The lines of the file of passwords. What is in it goes nowhere else: into no message, no log."""
    try:
        data = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UnreadableDocument(
            "{path} is encrypted, and the file that reading.passwords_file names cannot be read ({error}).",
            remedy="Set it to a text file with a password on each line.",
            path=file.name,
            error=error.strerror or type(error).__name__,
        ) from None
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030", "replace")
    return list(dict.fromkeys(line for line in _LINE_ENDS.split(text) if line))


def _encoded(password: str) -> list[bytes]:
    """The bytes that programs make of a password. Newer files have UTF-8, older ones the code page of the writer."""
    if password.isascii():
        return [password.encode()]
    found = [password.encode("utf-8", "replace"), unicodedata.normalize("NFKC", password).encode("utf-8", "replace")]
    for encoding in ("gb18030", "big5"):
        try:
            found.append(password.encode(encoding))
        except UnicodeEncodeError:
            continue
    return list(dict.fromkeys(found))


def _usable(title: str) -> str:
    """A title from the metadata, unless it is what a program wrote there."""
    if re.match(r"(?:untitled|microsoft word|document\d*$|无标题|未命名|幻灯片)", title, re.IGNORECASE):
        return ""
    return "" if re.search(r"\.(?:docx?|pdf|indd|pptx?|xlsx?|wps|tex|qxd)$", title, re.IGNORECASE) else title


def _outline(pdf: Any) -> dict[int, list[tuple[str, int]]]:
    """Bookmarks by page index: comparable title and level from 1."""
    found: dict[int, list[tuple[str, int]]] = {}
    try:
        for bookmark in pdf.get_toc(max_depth=MAX_OUTLINE_DEPTH):
            title, page = bookmark.get_title(), None
            destination = bookmark.get_dest()
            if destination is not None:
                page = destination.get_index()
            if title and page is not None:
                found.setdefault(page, []).append((comparable(title), bookmark.level + 1))
    except Exception:  # a damaged outline costs headings, not the document
        return found
    return found


# Pages


class _Pages:
    """Reads the pages of an open file."""

    def __init__(self, file: RawFile, pdf: Any, settings: ReadingSettings) -> None:
        self.file = file
        self.pdf = pdf
        self.settings = settings
        self.can_recognise: bool | None = None  # not asked yet
        self.scans: RecognisedPages | None = None
        self.n_pages = len(pdf)
        self.n_pictures = 0  # pages that were not recognised, for want of the extra or by the settings

    def read(self) -> Iterator[Sequence[Item]]:
        """The items of each page. Raises UncertainDocument if too much of what was recognised is not sure."""
        document = handle_of(self.pdf)
        form = form_of(self.pdf)
        for index in range(len(self.pdf)):
            items, doubtful, pictured = _items_of_page(document, index, form)
            if not items or doubtful or pictured:
                no_text = not items or (bool(doubtful) and stands_for_nothing(doubtful))
                if (no_text or pictured) and self._can_recognise():
                    own = 0 if no_text else sum(len(item.text) for item in items)
                    items = self.recognised_blocks(index, own) or items
                else:
                    self.n_pictures += pictured
            yield items
        if self.scans is not None:
            self.scans.check()

    def _can_recognise(self) -> bool:
        if self.can_recognise is None:
            from qianxun.documents.formats.scanned import can_recognise

            self.can_recognise = can_recognise(self.settings)
        return self.can_recognise

    def shortfall(self) -> UnreadableDocument | None:
        """What of the pages was not read, for people; None if nothing, or too little to be a scan."""
        if self.scans is not None:
            return self.scans.shortfall(self.n_pages)
        # Of a book some pages are pictures; a fax is nothing else.
        few = self.n_pictures <= max(2, 0.1 * self.n_pages) and 2 * self.n_pictures < self.n_pages
        if few or not self.n_pictures:
            return None
        return UnreadableDocument(
            "{path}: {n} of {pages} pages are pictures with hardly any text.",
            remedy="pip install 'qianxun[ocr]' and `add --retry`, or run text recognition over it first.",
            path=self.file.name,
            n=self.n_pictures,
            pages=self.n_pages,
        )

    def recognised_blocks(self, index: int, n_chars: int) -> list[Block]:
        """What the page of this index, from 0, looks like it says; [] if nothing, or nothing that is sure.

        `n_chars` has its text without that, which stays unless much more is seen.
        """
        import pypdfium2

        from qianxun.documents.formats.scanned import RecognisedPages

        if self.scans is None:
            self.scans = RecognisedPages(self.file.name, self.settings)
        try:
            page = self.pdf[index]
        except pypdfium2.PdfiumError:
            return []  # one damaged page of an otherwise readable file
        try:
            return self.scans.of_pdf(page, index + 1, n_chars)
        finally:
            page.close()


def _items_of_page(document: Handle, index: int, form: Handle | None) -> tuple[Sequence[Item], str, bool]:
    """The lines and tables of a page, in reading order; its characters if some of them may stand for none; and whether
    it is a picture of a page.
    """
    with open_page(document, index, form) as page:
        if page is None:
            return (), "", False
        pictured = is_picture(page)
        if not page.lines:
            return (), "", pictured
        doubtful = page.characters if _ODD.search(page.characters) else ""
        if not may_have_cells(page.lines):
            return _items(page, page.lines), doubtful, pictured
        rules = rules_of(page.page, page.quarter_turns)
        if (rules.across and rules.down) or looks_aligned(page.lines):
            return _items(page, _with_tables(page, rules)), doubtful, pictured
        return _items(page, page.lines), doubtful, pictured


def _items(page: TextPage, items: Sequence[Item]) -> Sequence[Item]:
    """The items of a page, each field of a form in one line with its label, before or behind it."""
    if not page.fields:
        return items
    found: list[Item] = []
    for item in items:
        last = found[-1] if found else None
        if isinstance(item, Line) and isinstance(last, Line) and _is_labelled(page, last, item):
            top, bottom = max(last.top, item.top), min(last.bottom, item.bottom)
            found[-1] = FormLine(f"{last.text} {item.text}", last.size, last.left, item.right, top, bottom)
        else:
            found.append(item)
    return found


def _is_labelled(page: TextPage, one: Line, other: Line) -> bool:
    """Whether one of two lines is a field, and the other stands beside it."""
    is_field = not page.fields.isdisjoint((id(one), id(other)))
    return is_field and one.right <= other.left and in_one_row(one, other)


def _with_tables(page: TextPage, rules: Rules) -> list[Item]:
    """The lines of a page and the tables among them, each where the first of its lines was."""
    items: list[list[Item]] = [[line] for line in page.lines]
    free = [True] * len(items)
    for grid in grids(rules)[:MAX_GRIDS]:
        read = read_grid(page, grid, free)
        if read is None:
            continue
        table, outside = read
        _put(items, free, table, outside)
    for table, numbers in aligned_tables(page, free, rules.across):
        _put(items, free, table, {number: [] for number in numbers})
    return [item for group in items for item in group]


def _put(items: list[list[Item]], free: list[bool], table: Table, outside: dict[int, Any]) -> None:
    """The table in the place of its lines; what of them is outside it stays before it."""
    for number, lines in outside.items():
        items[number] = list(lines)
        free[number] = False
    items[min(outside)].append(table)


def _without_running(pages: list[Sequence[Item]]) -> list[Sequence[Item]]:
    """The pages without the lines and small tables that stand at the edge of many."""
    for index, left_out in enumerate(running(map(_placed, pages))):
        if left_out:
            pages[index] = [item for i, item in enumerate(pages[index]) if i not in left_out]
    return pages


def _placed(page: Sequence[Item]) -> list[Line | Table]:
    """What is on a page; nothing of a page that was recognised, whose blocks have no place."""
    placed = [item for item in page if not isinstance(item, Block)]
    return placed if len(placed) == len(page) else []


def _up_to_heading(blocks: Iterator[Block]) -> tuple[list[Block], str]:
    """The blocks until the first heading, taken, and that heading's text, empty if there is none."""
    begun: list[Block] = []
    for block in blocks:
        begun.append(block)
        if block.kind == "heading":
            return begun, block.text
    return begun, ""
