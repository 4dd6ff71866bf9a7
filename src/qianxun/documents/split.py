"""Blocks to cleaned text and chunks, as a stream: a part of the text at a time, with the chunks cut from it.

Knows no file, store or model. A chunk packs consecutive blocks under one heading; it is cut inside a
block only when that block alone is too long, and then at sentence, row or line ends.
"""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qianxun.documents.clean import clean_block
from qianxun.documents.sentences import sentences
from qianxun.records import Block, BlockKind, Chunk, Part, Rows, Span
from qianxun.settings import SplittingSettings
from qianxun.text import CJK

PART_CHARS = 32768
TOKENS_PER_WORD = 1.3
MAX_HEADING_CHARS = 200  # longer "headings" are paragraphs in a heading's style
BETWEEN_BLOCKS = "\n\n"
BETWEEN_HEADINGS = " › "

_CJK_RUNS = re.compile(f"[{CJK}]+")
_WORDS = re.compile(rf"[^\W_{CJK}]{{1,12}}")
_UNITS = re.compile(rf"(?P<cjk>[{CJK}])|(?P<word>[^\W_{CJK}]{{1,12}})|(?s:.)")
_WEAK_ENDS = re.compile(r"[，、,：:）)】|]|\s")


def tokens(text: str) -> float:
    """About how many tokens an encoder makes of a text; the measure of `splitting.max_tokens`.

    A CJK character is one, a word of another script 1.3 (a word longer than 12 characters counts as
    several), and never less than one per 8 characters, so that rules of dashes are not free.
    """
    estimate = TOKENS_PER_WORD * len(_WORDS.findall(text))
    if not text.isascii():
        estimate += sum(map(len, _CJK_RUNS.findall(text)))
    return max(estimate, len(text) / 8)


def indexed_text(context: str, text: str) -> str:
    """What encoders and lexical indexes see of a chunk: its context, then its text."""
    return f"{context}\n{text}" if context else text


def split(blocks: Iterable[Block], settings: SplittingSettings, *, part_chars: int = PART_CHARS) -> Iterator[Part]:
    """Parts of the document's cleaned text, in order and without a gap, each with the chunks cut from it.

    `blocks` are read as the parts are taken. Chunks are in the order of the text and cover every
    character of it that is neither white space nor a heading. No chunk's text is longer than
    `max_tokens` as `tokens` counts; context is taken from that budget as long as half of it is left.
    """
    splitter = _Splitter(settings, part_chars)
    for block in blocks:
        cleaned = clean_block(block)
        if cleaned is not None:
            yield from splitter.take(cleaned)
    yield from splitter.finish()


@dataclass(slots=True, eq=False)
class _Heading:
    level: int
    span: Span
    text: str
    page: int | None
    location: str | None
    bare: bool = True  # nothing below it yet


@dataclass(frozen=True, slots=True, eq=False)
class _Header:
    """The header of the table that is being cut, where it is short enough to be repeated."""

    span: Span
    text: str
    tokens: float


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a stretch of text is in its source."""

    page: int | None
    location: str | None
    rows: Rows | None = None


@dataclass(slots=True)
class _Open:
    """The chunk being packed. `header` is the one repeated before it, None where its text begins with it."""

    start: int
    end: int
    tokens: float
    headings: tuple[_Heading, ...]
    place: _Place
    header: _Header | None = None


@dataclass(slots=True)
class _Splitter:
    settings: SplittingSettings
    part_chars: int
    # The text of the next part, in pieces, and where it starts in the document.
    pieces: list[str] = field(default_factory=list)
    part_start: int = 0
    length: int = 0  # of the document so far
    ordinal: int = 0
    headings: tuple[_Heading, ...] = ()
    budget: float = 0.0  # tokens of a chunk's own text under these headings
    header: _Header | None = None  # of the table that the last block belonged to
    open: _Open | None = None
    chunks: list[Chunk] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._under(())

    def take(self, block: Block) -> Iterator[Part]:
        start = self._append(block.text)
        if block.kind == "heading" and self._can_be_context(block.text):
            self._heading(block, start)
        else:
            for heading in self.headings:
                heading.bare = False
            self._body(block, start)
        if self.length - self.part_start >= self.part_chars:
            yield from self._part(self._settled())

    def finish(self) -> Iterator[Part]:
        self._leave_headings(0)
        self._close()
        if self.length > self.part_start:
            yield from self._part(self.length)

    def _append(self, text: str) -> int:
        if self.length:
            self.pieces.append(BETWEEN_BLOCKS)
            self.length += len(BETWEEN_BLOCKS)
        start = self.length
        self.pieces.append(text)
        self.length += len(text)
        return start

    def _can_be_context(self, text: str) -> bool:
        return len(text) <= MAX_HEADING_CHARS and tokens(text) <= self.settings.max_tokens / 2

    def _heading(self, block: Block, start: int) -> None:
        level = max(block.level, 1)
        self.header = None
        self._leave_headings(level)
        for heading in self.headings:
            heading.bare = False
        span = Span(start, start + len(block.text))
        self._under((*self.headings, _Heading(level, span, block.text, block.page, block.location)))

    def _leave_headings(self, level: int) -> None:
        """Ends the sections of this level and deeper. A heading with nothing below it is text of its parent's."""
        while self.headings and self.headings[-1].level >= level:
            heading = self.headings[-1]
            self._under(self.headings[:-1])
            if heading.bare:
                place = _Place(heading.page, heading.location)
                self._add(heading.span.start, heading.span.end, tokens(heading.text), place)

    def _under(self, headings: tuple[_Heading, ...]) -> None:
        self.headings = headings
        most = self.settings.max_tokens
        self.budget = max(most - tokens(_context_of(headings)), most / 2)

    def _body(self, block: Block, start: int) -> None:
        end = start + len(block.text)
        cost = tokens(block.text)
        rows = _rows_of(block)
        place = _Place(block.page, rows.location if rows is not None else block.location, rows)
        if not block.continues:
            self.header = self._header(block, start)
        header = self.header if block.continues else None
        if cost <= self._budget_with(header):
            self._add(start, end, cost, place, header)
            return
        # Too long for one chunk. What little stands open before it ("as follows:") goes with its beginning.
        lead = self.open if self.open is not None and self._same_headings(self.open) else None
        if lead is not None and (lead.tokens > self.settings.max_tokens / 8 or block.continues):
            lead = None
        if lead is None:
            self._close()
        self.open = None
        self._cut(block, start, place, lead)

    def _header(self, block: Block, start: int) -> _Header | None:
        if block.kind != "table" or not block.header_lines:
            return None
        text = "\n".join(block.text.split("\n", block.header_lines)[: block.header_lines])
        cost = tokens(text)
        return _Header(Span(start, start + len(text)), text, cost) if cost <= self.settings.max_tokens / 2 else None

    def _budget_with(self, header: _Header | None) -> float:
        if header is None:
            return self.budget
        return max(self.budget - header.tokens, self.settings.max_tokens / 2)

    def _cut(self, block: Block, start: int, place: _Place, lead: _Open | None) -> None:
        header = self.header
        budget = self._budget_with(header)
        overlap = self.settings.overlap_sentences if block.kind == "paragraph" else 0
        already = lead.tokens + len(BETWEEN_BLOCKS) / 8 if lead is not None else 0.0
        pieces = pieces_of(block.text, block.kind, budget - already)
        groups = packed(block.text, pieces, budget, overlap, already)
        lines = _Lines(block.text)
        for i, (first, last, cost) in enumerate(groups):
            begins = start + first
            here = place
            if place.rows is not None and len(place.rows.numbers) > 1:
                rows = place.rows.part(lines.line_at(first), lines.line_at(last - 1))
                here = _Place(block.page, rows.location, rows)
            if i == 0 and lead is not None:
                begins = lead.start
                here = _together(lead.place, here)
                cost += already
            in_header = header is not None and begins < header.span.end
            self.open = _Open(begins, start + last, cost, self.headings, here, None if in_header else header)
            # What follows may join the last piece; not a table's, nor one that begins inside the piece before it.
            keeps_open = i == len(groups) - 1 and block.kind != "table" and not overlap
            if not keeps_open:
                self._close()

    def _add(self, start: int, end: int, cost: float, place: _Place, header: _Header | None = None) -> None:
        """Packs a stretch of text into the open chunk, or begins the next one, with this header before it."""
        current = self.open
        if current is not None and self._same_headings(current) and self._fits(current, place, header):
            together = current.tokens + len(BETWEEN_BLOCKS) / 8 + cost
            if together <= self._budget_with(current.header):
                current.end = end
                current.tokens = together
                current.place = _together(current.place, place)
                return
        self._close()
        self.open = _Open(start, end, cost, self.headings, place, header)

    def _fits(self, current: _Open, place: _Place, header: _Header | None) -> bool:
        """Whether one place and one header hold for both, where places are rows."""
        if current.place.rows is None and place.rows is None:
            return True
        if current.place.rows is None or place.rows is None or current.place.rows.sheet != place.rows.sheet:
            return False
        return current.header is None or current.header is header

    def _same_headings(self, current: _Open) -> bool:
        return current.headings == self.headings  # the same objects: headings compare by identity

    def _close(self) -> None:
        current = self.open
        if current is None:
            return
        self.open = None
        context = _context_of(current.headings)
        if current.header is not None:
            context = indexed_text(context, current.header.text)
        self.chunks.append(
            Chunk(
                self.ordinal,
                Span(current.start, current.end),
                tuple(heading.span for heading in current.headings),
                current.header.span if current.header is not None else None,
                current.place.page,
                current.place.location,
            )
        )
        self.contexts.append(context)
        self.ordinal += 1

    def _settled(self) -> int:
        """Up to where the text can be handed on: nothing later begins before it."""
        ends = [self.length]
        if self.open is not None:
            ends.append(self.open.start)
        if self.headings and self.headings[-1].bare:
            ends.append(self.headings[-1].span.start)
        return min(ends)

    def _part(self, end: int) -> Iterator[Part]:
        if end <= self.part_start:
            return
        text = "".join(self.pieces)
        cut = end - self.part_start
        yield Part(self.part_start, text[:cut], tuple(self.chunks), tuple(self.contexts))
        self.pieces = [text[cut:]] if cut < len(text) else []
        self.part_start = end
        self.chunks = []
        self.contexts = []


class _Lines:
    """Finds the lines of characters; cheap where each question is behind the one before."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.line = 0
        self.at = 0

    def line_at(self, offset: int) -> int:
        """The line of the character at this offset, from 0."""
        if offset < self.at:
            self.line = self.at = 0
        self.line += self.text.count("\n", self.at, offset)
        self.at = offset
        return self.line


def _rows_of(block: Block) -> Rows | None:
    """The rows of the block's lines. Where these are not as many, all of the lines stand for the first and the last."""
    rows = block.rows
    if rows is None or not rows.numbers:
        return None
    n_lines = block.text.count("\n") + 1
    if n_lines == len(rows.numbers) or len(rows.numbers) == 1:
        return rows
    return dataclasses.replace(rows, numbers=(rows.numbers[0],) + (rows.numbers[-1],) * (n_lines - 1))


def _together(first: _Place, after: _Place) -> _Place:
    """The place of two stretches of one chunk: where the first is, and all the rows of both."""
    if first.rows is None or after.rows is None:
        return first if first.location is not None or after.rows is None else after
    rows = first.rows.joined(after.rows)
    return _Place(first.page, rows.location, rows)


def _context_of(headings: tuple[_Heading, ...]) -> str:
    return BETWEEN_HEADINGS.join(heading.text for heading in headings)


def pieces_of(text: str, kind: BlockKind, budget: float) -> list[tuple[int, int]]:
    """Spans of a block that may not be cut: rows, lines or sentences, cut further only if too long themselves."""
    spans = sentences(text) if kind in ("paragraph", "heading") else _lines(text)
    found: list[tuple[int, int]] = []
    for start, end in spans:
        if tokens(text[start:end]) <= budget:
            found.append((start, end))
        elif kind == "list":
            for first, last in sentences(text[start:end]):
                found += _cut_long(text, start + first, start + last, budget)
        else:
            found += _cut_long(text, start, end, budget)
    return found


def packed(
    text: str, pieces: list[tuple[int, int]], budget: float, overlap: int = 0, already: float = 0.0
) -> list[tuple[int, int, float]]:
    """Consecutive pieces as (start, end, tokens) of about even size, none above the budget.

    `already` are tokens that stand before the first. `overlap` pieces are repeated from the group before.
    """
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(pieces)] + [0]
    costs = [tokens(text[start:end]) + gap / 8 for (start, end), gap in zip(pieces, gaps, strict=True)]
    total = sum(costs) + already
    n_groups = max(1, -(-int(total) // max(int(budget), 1)))
    target = min(budget, total / n_groups + budget / 16)
    groups: list[tuple[int, int, float]] = []
    first, cost = 0, already
    for i, piece_cost in enumerate(costs):
        if i > first and (cost + piece_cost > budget or cost >= target or cost + piece_cost / 2 > target):
            groups.append((pieces[first][0], pieces[i - 1][1], cost - (already if first == 0 else 0)))
            first, cost = i, 0.0
            for back in range(i - 1, max(i - 1 - overlap, -1), -1):
                if pieces[back][0] <= groups[-1][0] or cost + costs[back] + piece_cost > budget:
                    break
                first, cost = back, cost + costs[back]
        cost += piece_cost
    if pieces:
        groups.append((pieces[first][0], pieces[-1][1], cost - (already if first == 0 else 0)))
    return groups


def _lines(text: str) -> list[tuple[int, int]]:
    spans = []
    start = 0
    for line in text.split("\n"):
        if line.strip():
            spans.append((start, start + len(line.rstrip())))
        start += len(line) + 1
    return spans


def _cut_long(text: str, start: int, end: int, budget: float) -> list[tuple[int, int]]:
    """A piece without an end that fits, cut at a comma or space in its second half, else anywhere."""
    limit = max(budget - 1, 1)
    found: list[tuple[int, int]] = []
    cost, weak, first = 0.0, -1, start
    weak_cost = 0.0
    for match in _UNITS.finditer(text, start, end):
        unit = 1.0 if match.group("cjk") else TOKENS_PER_WORD if match.group("word") else 0.0
        unit = max(unit, (match.end() - match.start()) / 8)
        if cost + unit > limit:
            stop = weak if weak > first and weak_cost >= limit / 2 else match.start()
            found.append((first, stop))
            cost = cost - weak_cost if stop == weak else 0.0
            first, weak, weak_cost = stop, -1, 0.0
        cost += unit
        if _WEAK_ENDS.match(match.group()):
            weak, weak_cost = match.end(), cost
    found.append((first, end))
    return [span for span in (_trimmed(text, *piece) for piece in found) if span[0] < span[1]]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
