"""Lines and tables of pages to blocks: paragraphs, headings, tables that go on over the page. Knows no PDF library."""

import itertools
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from qianxun.documents.clean import glue
from qianxun.documents.formats.pdf_lines import FormLine, Line
from qianxun.documents.formats.pdf_tables import Item, Table
from qianxun.documents.formats.text import HEADING_STARTS, heading_level
from qianxun.records import Block, BlockKind

FULL_PAGE_LINES: Final = 6
LARGER: Final = 1.15  # a heading's font size over the body's
MAX_HEADING_CHARS: Final = 80

_ENDS = ("。", "！", "？", "；", "：", ".", "!", "?", ":", ";", "”", "」", "）", ")")
_NO_HEADING_ENDS = ("。", "，", "；", ",", ";")
_ITEM = re.compile(
    r"(?:[-•·●○■□◆▪►※]\s|[(（\[]?\d{1,3}(?:[)）\]、．]|\.(?!\d))\s*\S|[①-⑳]|[（(][一二三四五六七八九十]{1,3}[）)]"
    r"|第[一二三四五六七八九十百零\d]{1,5}[章节条])"
)
_WORD = re.compile(r"[!-~]+")
_GOES_ON = re.compile(
    r"[（(\[【]?(?:(?:表|table)?[\s\dA-Za-z.\-–—]{0,8}[（(]?[续續]|接?[续續][上前]?[表页頁]|(?:table\s*[\d.\-]{0,6}\s*)?[(]?cont(?:inued|'d|\.))",
    re.IGNORECASE,
)
_MAX_GOES_ON_CHARS: Final = 40


def blocks_of(pages: list[Sequence[Item]], outline: Mapping[int, list[tuple[str, int]]]) -> Iterator[Block]:
    """The blocks of all pages, in order. `outline` holds bookmarks by page from 0: comparable title, level from 1.

    Pages are taken out of the list as they are done with.
    """
    sizes: Counter[float] = Counter()
    for page in pages:
        for item in page:
            if isinstance(item, Line):
                sizes[item.size] += len(item.text)
    body = sizes.most_common(1)[0][0] if sizes else 1.0
    least = body * LARGER
    larger = sorted((size for size in sizes if size >= least), reverse=True)
    every = _Rights(item for page in pages for item in page if isinstance(item, Line))
    paragraph = _Paragraph(1)
    tables = _Tables()
    for index in range(len(pages)):
        page, pages[index] = pages[index], ()
        page = tables.without_mark(page)
        lines = [item for item in page if isinstance(item, Line)]
        # A page with a few short lines does not show how wide it is.
        rights = _Rights(lines) if len(lines) >= FULL_PAGE_LINES else every
        bookmarks = outline.get(index, [])
        pitch = _pitch(lines)
        is_first = True
        for item in page:
            if not isinstance(item, Line):
                yield from paragraph.blocks()
                paragraph = _Paragraph(index + 1)
                yield item if isinstance(item, Block) else tables.block(item, index + 1, is_first)
                is_first = False
                continue
            first = item.text[0]
            if not bookmarks and item.size < least and first not in HEADING_STARTS and not first.isdigit():
                level = 0  # as nearly every line
            else:
                level = _heading_level(item, body, larger, bookmarks, bool(outline))
            if level:
                yield from paragraph.blocks()
                paragraph = _Paragraph(index + 1)
                yield Block("heading", item.text, level=level, page=index + 1)
            else:
                # A sentence may go on over the page, nothing else.
                if paragraph.texts and (not paragraph.goes_on(item) if is_first else paragraph.is_left_by(item, pitch)):
                    yield from paragraph.blocks()
                    paragraph = _Paragraph(index + 1)
                if not paragraph.texts:
                    paragraph = _Paragraph(index + 1)
                paragraph.add(item, rights.of(item.left, item.size))
            is_first = False
        tables.page_ends(page)
    yield from paragraph.blocks()


class _Tables:
    """Tables as blocks: one that ends a page and goes on at the top of the next has its header once."""

    def __init__(self) -> None:
        self.open: Table | None = None  # the last thing on the page before
        self.header: list[str] = []  # of the table that it belongs to

    def without_mark(self, page: Sequence[Item]) -> Sequence[Item]:
        """The page without a first line that only says that the table goes on, where it does."""
        if len(page) > 1 and isinstance(page[0], Line) and isinstance(page[1], Table) and self._goes_on(page[1]):
            text = page[0].text
            if len(text) <= _MAX_GOES_ON_CHARS and _GOES_ON.match(text):
                return page[1:]
        return page

    def block(self, table: Table, page: int, is_first: bool) -> Block:
        """The table, or what this page has of the one begun before."""
        lines = table.text.split("\n")
        if is_first and self._goes_on(table):
            n = len(self.header)
            if n and lines[:n] == self.header and len(lines) > n:
                lines = lines[n:]
            return Block("table", "\n".join(lines), page=page, continues=True)
        self.header = lines[: table.header_lines]
        return Block("table", table.text, page=page, header_lines=table.header_lines)

    def page_ends(self, page: Sequence[Item]) -> None:
        """Tells what stood last on a page."""
        last = page[-1] if page else None
        self.open = last if isinstance(last, Table) else None

    def _goes_on(self, table: Table) -> bool:
        before = self.open
        if before is None or len(before.edges) != len(table.edges):
            return False
        near = min(before.tolerance, table.tolerance)
        return all(abs(a - b) <= near for a, b in zip(before.edges, table.edges, strict=True))


class _Paragraph:
    """Lines that stand together. A line that did not fill its column was meant to end there."""

    __slots__ = ("before", "column_right", "n_lines", "page", "texts")

    def __init__(self, page: int) -> None:
        self.page = page
        self.before: Line | None = None  # the last line
        self.n_lines = 0
        self.texts: list[str] = []
        self.column_right = 0.0

    def add(self, line: Line, column_right: float) -> None:
        before = self.before
        if before is None:
            self.texts.append(line.text)
        elif line.left > before.left and abs(before.top - line.top) < 0.3 * max(line.size, 1.0):
            self.texts[-1] += f" {line.text}"
        elif not isinstance(before, FormLine) and not isinstance(line, FormLine) and self._was_wrapped(before, line):
            self.texts[-1] = _joined(self.texts[-1], line.text)
        else:
            self.texts.append(line.text)
        self.before = line
        self.n_lines += 1
        self.column_right = column_right

    def _was_wrapped(self, before: Line, line: Line) -> bool:
        """Whether the last line ended only because the first word of this one did not fit."""
        text, em = line.text, max(line.size, 1.0)
        first = text[0]
        if first.isascii():
            word = _WORD.match(text)
            ems = len(word[0]) * 0.5 if word is not None else 0.5
        else:
            ems = 1.0
        if before.right + (ems + 1.5) * em < self.column_right:
            return False
        # No item begins with a letter, but for articles.
        return (first.isalpha() and first != "第") or not _ITEM.match(text)

    def goes_on(self, line: Line) -> bool:
        """Whether the first line of the next page is more of it."""
        before = self.before
        return (
            before is not None
            and not isinstance(before, FormLine)
            and not before.text.endswith(_ENDS)
            and abs(before.size - line.size) < 0.15 * max(line.size, 1.0)
            and self._was_wrapped(before, line)
        )

    def is_left_by(self, line: Line, pitch: float) -> bool:
        """Whether a line on the same page is no part of it."""
        before = self.before
        if before is None:
            return False
        em = max(line.size, 1.0)
        gap = before.top - line.top
        if gap < -em or (pitch and gap > 1.45 * pitch):
            return True  # another column, or a blank line
        if abs(before.size - line.size) > 0.15 * em:
            return True
        # an indented first line
        return line.left > before.left + 0.9 * em and gap > 0 and self.n_lines > 1 and not _ITEM.match(before.text)

    def blocks(self) -> Iterator[Block]:
        if self.texts:
            kind: BlockKind = "paragraph" if len(self.texts) == 1 else "list"
            yield Block(kind, "\n".join(self.texts), page=self.page)


class _Rights:
    """Where columns end: as far as any line goes that begins about where one does."""

    def __init__(self, lines: Iterable[Line]) -> None:
        furthest: dict[float, float] = {}
        for line in lines:
            if line.right > furthest.get(line.left, -1e9):
                furthest[line.left] = line.right
        self.lefts = sorted(furthest)
        # The furthest of 1, 2, 4, … neighbours from each on: any stretch is two of these.
        self.levels = [[furthest[left] for left in self.lefts]]
        while 2 * (n := 1 << (len(self.levels) - 1)) <= len(self.lefts):
            last = self.levels[-1]
            self.levels.append(list(map(max, last, itertools.islice(last, n, None))))
        self.known: dict[tuple[float, float], float] = {}

    def of(self, left: float, size: float) -> float:
        """Where the column ends that a line of this size begins in; lines that begin so are among those given."""
        place = (left, size)
        right = self.known.get(place)
        if right is None:
            near = 5 * max(size, 1.0)
            first, end = bisect_left(self.lefts, left - near), bisect_right(self.lefts, left + near)
            if end <= first:  # numbers of a damaged page, which are none
                return left
            level = (end - first).bit_length() - 1
            right = max(self.levels[level][first], self.levels[level][end - (1 << level)])
            self.known[place] = right
        return right


def _pitch(lines: list[Line]) -> float:
    steps = sorted([a.top - b.top for a, b in itertools.pairwise(lines) if a.top > b.top])
    return steps[len(steps) // 2] if steps else 0.0


def _heading_level(
    line: Line, body: float, larger: list[float], bookmarks: list[tuple[str, int]], has_outline: bool
) -> int:
    text, size = line.text, line.size
    if bookmarks:
        own = comparable(text)
        for title, level in bookmarks:
            if own == title or (len(title) >= 4 and own.endswith(title) and len(own) - len(title) <= 8):
                return level
    if len(text) > MAX_HEADING_CHARS or text.endswith(_NO_HEADING_ENDS):
        return 0
    if not has_outline and size >= body * LARGER:
        return min(larger.index(size) + 1, 6) if any(map(str.isalpha, text)) else 0
    if size < body * 0.98:
        return 0
    level = heading_level(text)
    return level if level and any(map(str.isalpha, text)) else 0


def comparable(text: str) -> str:
    """The text as headings and bookmarks are compared."""
    return "".join(text.split()).lower()


def _joined(before: str, after: str) -> str:
    """Two lines of a paragraph as one; a word broken by a hyphen is mended."""
    if before.endswith("-") and after[:1].islower() and before[-2:-1].isalpha():
        word = before.rsplit(None, 1)[-1][:-1]
        return before + after if "-" in word else before[:-1] + after
    if "一" <= after[0] <= "鿿" and "一" <= before[-1] <= "鿿":
        return before + after  # as `glue` would say, which has more to look at
    return before + glue(before, after) + after
