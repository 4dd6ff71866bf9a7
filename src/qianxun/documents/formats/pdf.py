"""PDF: pages to lines, lines to paragraphs, without running headers and page numbers."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from qianxun.documents.clean import glue
from qianxun.documents.decoding import looks_like, mismatch
from qianxun.documents.formats.text import heading_level
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, BlockKind, RawDocument
from qianxun.settings import ReadingSettings

MIN_PAGES_FOR_RUNNING_LINES = 3
EDGE_LINES = 3  # running headers and footers are among so many first or last lines of a page
FULL_PAGE_LINES = 6
LARGER = 1.15  # a heading's font size over the body's

_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")
_ENDS = re.compile(r"[。！？；：.!?:;”」）)]$")
_ITEM = re.compile(
    r"(?:[-•·●○■□◆▪►※]\s|[(（\[]?\d{1,3}(?:[)）\]、．]|\.(?!\d))\s*\S|[①-⑳]|[（(][一二三四五六七八九十]{1,3}[）)]"
    r"|第[一二三四五六七八九十百零\d]{1,5}[章节条])"
)
_ERROR_PASSWORD = 4  # FPDF_ERR_PASSWORD, fpdfview.h


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: float
    left: float
    right: float
    top: float
    bottom: float


class PdfLoader:
    """Reads `.pdf`."""

    suffixes = (".pdf",)

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document."""
        head = file.head()
        if b"%PDF-" not in head[:1024]:
            what = looks_like(head)
            if what is not None:
                raise mismatch(file, what)
            raise _broken(file, "no PDF header")

        import pypdfium2

        try:
            pdf = pypdfium2.PdfDocument(file.path or file.read())
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _ERROR_PASSWORD or "assword" in str(error):
                raise UnreadableDocument(
                    "{path} is encrypted.", remedy="Save a copy without a password.", path=file.name
                ) from error
            raise _broken(file, str(error)) from error
        try:
            pages = [_lines_of_page(file, pdf, i) for i in range(len(pdf))]
            outline = _outline(pdf)
            title = _SPACE.sub(" ", (pdf.get_metadata_dict().get("Title") or "")).strip()
        finally:
            pdf.close()
        blocks = list(_blocks(_without_running_lines(pages), outline))
        heading = next((block.text for block in blocks if block.kind == "heading"), "")
        yield RawDocument(file.name, _usable(title) or heading or file.stem, "pdf", blocks, pages=len(pages))


def _broken(file: RawFile, error: str) -> UnreadableDocument:
    return UnreadableDocument(
        "{path} is not a readable PDF ({error}).",
        remedy="Open it in a PDF reader and save it again.",
        path=file.name,
        error=" ".join(error.split()).rstrip(". ")[:160],
    )


def _usable(title: str) -> str:
    """A title from the metadata, unless it is what a program wrote there."""
    if re.match(r"(?:untitled|microsoft word|document\d*$|无标题|未命名|幻灯片)", title, re.IGNORECASE):
        return ""
    return "" if re.search(r"\.(?:docx?|pdf|indd|pptx?|xlsx?|wps|tex|qxd)$", title, re.IGNORECASE) else title


def _lines_of_page(file: RawFile, pdf: Any, index: int) -> list[_Line]:
    import pypdfium2

    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return []  # one damaged page of an otherwise readable file
    try:
        text_page = page.get_textpage()
        try:
            return list(_lines(text_page))
        finally:
            text_page.close()
    except pypdfium2.PdfiumError:
        return []
    finally:
        page.close()


def _lines(text_page: Any) -> Iterator[_Line]:
    import pypdfium2.raw as pdfium

    n = text_page.count_chars()
    if n <= 0:
        return
    text = _characters(text_page, n)
    start = 0
    for match in re.finditer(r"[\r\n\x02\ufffe]+|$", text):
        line = text[start : match.start()]
        stripped = line.strip()
        if stripped:
            first = start + len(line) - len(line.lstrip())
            last = start + len(line.rstrip()) - 1
            left, _, bottom, top = text_page.get_charbox(first, loose=True)
            right = text_page.get_charbox(last, loose=True)[2]
            size = float(pdfium.FPDFText_GetFontSize(text_page, first))
            if size <= 1.5:  # the size is in the text matrix; the box shows it
                size = abs(top - bottom)
            # pdfium writes a hyphen at a line's end as a mark of its own
            hyphen = "-" if match.group()[:1] in ("\x02", "\ufffe") else ""
            yield _Line(_SPACE.sub(" ", stripped) + hyphen, round(size, 1), left, right, top, bottom)
        start = match.end()


def _characters(text_page: Any, n: int) -> str:
    """The page's characters, one per index of pdfium, so that boxes can be asked for by index."""
    import ctypes

    import pypdfium2.raw as pdfium

    buffer = (ctypes.c_ushort * (n * 2 + 1))()
    written = pdfium.FPDFText_GetText(text_page, 0, n, buffer)
    if written - 1 == n:
        text = bytes(buffer)[: n * 2].decode("utf-16-le", "replace")
        if len(text) == n:
            return text
    return "".join(_character(pdfium.FPDFText_GetUnicode(text_page, i)) for i in range(n))


def _character(point: int) -> str:
    return chr(point) if 0 < point < 0x110000 and not 0xD800 <= point < 0xE000 else " "


def _without_running_lines(pages: list[list[_Line]]) -> list[list[_Line]]:
    """The pages without the lines that stand at the edge of many; of two pages the first keeps its words."""
    if len(pages) < 2:
        return pages
    seen: Counter[tuple[str, int | None]] = Counter()
    for index, lines in enumerate(pages):
        seen.update({key for line in _edges(lines) for key in _running_keys(line, index)})
    least = max(min(MIN_PAGES_FOR_RUNNING_LINES, len(pages)), 0.3 * sum(bool(lines) for lines in pages))
    kept = []
    for index, lines in enumerate(pages):
        edges = {id(line) for line in _edges(lines)}
        own = len(pages) < MIN_PAGES_FOR_RUNNING_LINES and index == 0
        kept.append(
            [
                line
                for line in lines
                if id(line) not in edges
                or all(seen[key] < least or (own and key[1] is None) for key in _running_keys(line, index))
            ]
        )
    return kept


def _edges(lines: list[_Line]) -> list[_Line]:
    if len(lines) <= 2 * EDGE_LINES:
        by_height = sorted(lines, key=lambda line: -line.top)
        return by_height[:1] + by_height[-1:] if len(lines) > 2 else by_height
    by_height = sorted(lines, key=lambda line: -line.top)
    return by_height[:EDGE_LINES] + by_height[-EDGE_LINES:]


def _running_keys(line: _Line, page: int) -> set[tuple[str, int | None]]:
    """Shared by the same line on different pages: its words, or its shape if a number in it counts the pages."""
    text = _SPACE.sub("", line.text)
    shape = _DIGITS.sub("#", text)
    keys: set[tuple[str, int | None]] = set()
    if any(c.isalpha() for c in text):
        keys.add((text, None))
    keys.update((shape, int(number) - page) for number in _DIGITS.findall(text)[:6] if len(number) < 6)
    return keys


def _outline(pdf: Any) -> dict[int, list[tuple[str, int]]]:
    """Bookmarks by page index: comparable title and level from 1."""
    found: dict[int, list[tuple[str, int]]] = {}
    try:
        for bookmark in pdf.get_toc(max_depth=6):
            title, page = bookmark.get_title(), None
            destination = bookmark.get_dest()
            if destination is not None:
                page = destination.get_index()
            if title and page is not None:
                found.setdefault(page, []).append((_comparable(title), bookmark.level + 1))
    except Exception:  # a damaged outline costs headings, not the document
        return found
    return found


def _comparable(text: str) -> str:
    return _SPACE.sub("", text).lower()


def _blocks(pages: list[list[_Line]], outline: dict[int, list[tuple[str, int]]]) -> Iterator[Block]:
    body = _body_size(pages)
    every = [line for lines in pages for line in lines]
    larger = sorted({line.size for line in every if line.size >= body * LARGER}, reverse=True)
    paragraph = _Paragraph(1)
    for index, lines in enumerate(pages):
        # A page with a few short lines does not show how wide it is.
        column = lines if len(lines) >= FULL_PAGE_LINES else every
        # Most lines of a page begin where others do: asked for each once, long pages would take quadratic time.
        rights: dict[tuple[float, float], float] = {}
        bookmarks = outline.get(index, [])
        pitch = _pitch(lines)
        for i, line in enumerate(lines):
            level = _heading_level(line, body, larger, bookmarks, bool(outline))
            if level:
                yield from paragraph.blocks()
                paragraph = _Paragraph(index + 1)
                yield Block("heading", line.text, level=level, page=index + 1)
                continue
            # A sentence may go on over the page, nothing else.
            over_page = i == 0 and not paragraph.goes_on(line)
            if paragraph.lines and (over_page or (i > 0 and paragraph.is_left_by(line, pitch))):
                yield from paragraph.blocks()
                paragraph = _Paragraph(index + 1)
            if not paragraph.lines:
                paragraph = _Paragraph(index + 1)
            place = (line.left, line.size)
            if place not in rights:
                rights[place] = _column_right(column, line)
            paragraph.add(line, rights[place])
    yield from paragraph.blocks()


class _Paragraph:
    """Lines that stand together. A line that did not fill its column was meant to end there."""

    def __init__(self, page: int) -> None:
        self.page = page
        self.lines: list[_Line] = []
        self.texts: list[str] = []
        self.full = False  # the last line reached the end of its column

    def add(self, line: _Line, column_right: float) -> None:
        before = self.lines[-1] if self.lines else None
        em = max(line.size, 1.0)
        if before is None:
            self.texts.append(line.text)
        elif abs(before.top - line.top) < 0.3 * em and line.left > before.left:
            self.texts[-1] += f" {line.text}"
        elif self.was_wrapped_before(line):
            self.texts[-1] = _joined(self.texts[-1], line.text)
        else:
            self.texts.append(line.text)
        self.lines.append(line)
        self.column_right = column_right

    def was_wrapped_before(self, line: _Line) -> bool:
        """Whether the last line ended only because the first word of this one did not fit."""
        before = self.lines[-1]
        em = max(line.size, 1.0)
        word = re.match(r"[!-~]+|.", line.text)
        room = (len(word.group()) * 0.5 if word and word.group().isascii() else 1.0) * em + 1.5 * em
        return before.right + room >= self.column_right and not _ITEM.match(line.text)

    def goes_on(self, line: _Line) -> bool:
        return (
            bool(self.lines)
            and not _ENDS.search(self.lines[-1].text)
            and abs(self.lines[-1].size - line.size) < 0.15 * max(line.size, 1.0)
            and self.was_wrapped_before(line)
        )

    def is_left_by(self, line: _Line, pitch: float) -> bool:
        before = self.lines[-1]
        em = max(line.size, 1.0)
        gap = before.top - line.top
        if gap < -em or (pitch and gap > 1.45 * pitch):
            return True  # another column, or a blank line
        if abs(before.size - line.size) > 0.15 * em:
            return True
        # an indented first line
        return line.left > before.left + 0.9 * em and len(self.lines) > 1 and not _ITEM.match(before.text) and gap > 0

    def blocks(self) -> Iterator[Block]:
        if self.texts:
            kind: BlockKind = "paragraph" if len(self.texts) == 1 else "list"
            yield Block(kind, "\n".join(self.texts), page=self.page)


def _column_right(lines: list[_Line], line: _Line) -> float:
    """Where the column of this line ends: as far as any line goes that begins about where it does."""
    near = 5 * max(line.size, 1.0)
    return max(other.right for other in lines if abs(other.left - line.left) <= near)


def _body_size(pages: list[list[_Line]]) -> float:
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 1.0


def _pitch(lines: list[_Line]) -> float:
    steps = sorted(a.top - b.top for a, b in itertools.pairwise(lines) if a.top > b.top)
    return steps[len(steps) // 2] if steps else 0.0


def _heading_level(
    line: _Line, body: float, larger: list[float], bookmarks: list[tuple[str, int]], has_outline: bool
) -> int:
    own = _comparable(line.text)
    for title, level in bookmarks:
        if own == title or (len(title) >= 4 and own.endswith(title) and len(own) - len(title) <= 8):
            return level
    if len(line.text) > 80 or not any(c.isalpha() for c in line.text):
        return 0
    if line.text.endswith(("。", "，", "；", ",", ";")):
        return 0
    if not has_outline and line.size >= body * LARGER:
        return min(larger.index(line.size) + 1, 6)
    return heading_level(line.text) if line.size >= body * 0.98 else 0


def _joined(before: str, after: str) -> str:
    """Two lines of a paragraph as one; a word broken by a hyphen is mended."""
    if before.endswith("-") and after[:1].islower() and before[-2:-1].isalpha():
        word = before.rsplit(None, 1)[-1][:-1]
        return before + after if "-" in word else before[:-1] + after
    return before + glue(before, after) + after
