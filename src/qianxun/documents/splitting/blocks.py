"""Packs consecutive blocks under one heading into chunks.

A chunk is cut inside a block only when that block alone is too long, and then at sentence, row, record or line ends.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from qianxun.documents.splitting.logs import record_spans
from qianxun.documents.splitting.pieces import Piece, fitting, packed, pieces_of
from qianxun.documents.splitting.places import Place
from qianxun.documents.splitting.sizes import ESTIMATE, LEAST_PER_CHAR, Measure
from qianxun.documents.splitting.structure import Marked
from qianxun.records import Block, Chunk, Span
from qianxun.settings import SplittingSettings

MAX_HEADING_CHARS: Final = 200  # longer "headings" are paragraphs in a heading's style
BETWEEN_BLOCKS: Final = "\n\n"
BETWEEN_HEADINGS: Final = " › "

_ANNOUNCING: Final = (":", "：")


@dataclass(slots=True, eq=False)
class _Heading:
    level: int
    span: Span
    text: str
    place: Place
    begins: bool = False  # a section by its label: the next labelled one is not below it
    bare: bool = True  # nothing below it yet


@dataclass(frozen=True, slots=True, eq=False)
class _Repeated:
    """Text that is repeated before chunks that do not hold it: a table's header, an article's label, a question."""

    span: Span
    text: str
    tokens: float


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last block of an open chunk where it announces what follows ("as follows:"); the rest ends at `before`."""

    before: int
    start: int
    tokens: float
    place: Place


@dataclass(slots=True)
class _Open:
    """The chunk being packed. `header` is the one repeated before it, None where its text begins with it."""

    start: int
    end: int
    tokens: float
    headings: tuple[_Heading, ...]
    section: int
    place: Place
    lead: _Repeated | None
    header: _Repeated | None = None
    tail: _Tail | None = None
    only_lead: bool = False  # a question whose answer has not come yet


@dataclass(slots=True)
class BlockPacker:
    """Strategies `structure` and `paragraphs`: whole blocks while they fit.

    Chunks are taken from `chunks` and their contexts from `contexts`; `settle` says how far they are certain.
    """

    settings: SplittingSettings
    headings_are_context: bool = True
    measure: Measure = ESTIMATE
    ordinal: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)
    headings: tuple[_Heading, ...] = ()
    section: int = 0  # begun by a label; 0 outside of one
    n_sections: int = 0
    lead: _Repeated | None = None  # of the section
    header: _Repeated | None = None  # of the table that the last block belonged to
    budget: float = 0.0  # tokens of a chunk's own text under these headings
    open: _Open | None = None
    between: float = field(init=False)  # tokens of what stands between two blocks

    def __post_init__(self) -> None:
        self.between = self.measure.gap(len(BETWEEN_BLOCKS))
        self._under(())

    def take(self, item: Marked, start: int) -> None:
        """Packs a block whose text begins at this offset of the document."""
        block = item.block
        if block.kind == "heading" and self.headings_are_context and self._can_be_context(block.text):
            self._heading(item, start)
            return
        if item.begins:
            self._begin(item, start)
        for heading in self.headings:
            heading.bare = False
        self._body(item, start)

    def finish(self) -> None:
        """Packs what is still open."""
        self._leave_headings(0)
        self._close()

    def settle(self, length: int) -> int:
        """Up to where the text of this length can be handed on: nothing later begins before it."""
        ends = [length]
        if self.open is not None:
            ends.append(self.open.start)
        if self.headings and self.headings[-1].bare:
            ends.append(self.headings[-1].span.start)
        return min(ends)

    # Headings and sections

    def _can_be_context(self, text: str) -> bool:
        return len(text) <= MAX_HEADING_CHARS and self.measure.tokens(text) <= self.settings.max_tokens / 2

    def _heading(self, item: Marked, start: int) -> None:
        block = item.block
        level = max(block.level, 1)
        self.header = None
        self._leave_headings(level)
        for heading in self.headings:
            heading.bare = False
        span = Span(start, start + len(block.text))
        self._under((*self.headings, _Heading(level, span, block.text, Place(block.page, block.location), item.begins)))
        self.lead, self.section = None, 0

    def _leave_headings(self, level: int) -> None:
        """Ends what is of this level and deeper. A heading with nothing below it is text of its parent's."""
        while self.headings and self.headings[-1].level >= level:
            heading = self.headings[-1]
            self._under(self.headings[:-1])
            self.lead, self.section = None, 0
            if heading.bare:
                self._add(heading.span.start, heading.span.end, self.measure.tokens(heading.text), heading.place)

    def _under(self, headings: tuple[_Heading, ...]) -> None:
        self.headings = headings
        most = self.settings.max_tokens
        self.budget = max(most - self.measure.tokens(_path(headings)), most / 2)

    def _begin(self, item: Marked, start: int) -> None:
        """A section by its label, not by its level: it ends the one before, and is below the same headings."""
        labelled = next((heading for heading in self.headings if heading.begins), None)
        if labelled is not None:
            self._leave_headings(labelled.level)
        self.header = None
        self.n_sections += 1
        self.section = self.n_sections
        text = item.block.text[: item.lead]
        cost = self.measure.tokens(text)
        short = cost <= self.settings.max_tokens / 3 and len(text) <= MAX_HEADING_CHARS
        self.lead = _Repeated(Span(start, start + item.lead), text, cost) if item.lead and short else None

    # Bodies

    def _body(self, item: Marked, start: int) -> None:
        block = item.block
        end = start + len(block.text)
        cost = len(block.text) * LEAST_PER_CHAR
        if cost <= self.settings.max_tokens:  # else there are more than that whatever they are
            cost = self.measure.tokens(block.text)
        place = Place.of(block, item.records)
        if not block.continues:
            self.header = self._header(block, start)
        header = self.header if block.continues else None
        if cost <= self._room(None if item.begins else self.lead, header):
            self._add(start, end, cost, place, header, item)
        else:
            self._too_long(item, start, place)

    def _header(self, block: Block, start: int) -> _Repeated | None:
        if block.kind != "table" or not block.header_lines:
            return None
        text = "\n".join(block.text.split("\n", block.header_lines)[: block.header_lines])
        cost = self.measure.tokens(text)
        return _Repeated(Span(start, start + len(text)), text, cost) if cost <= self.settings.max_tokens / 2 else None

    def _room(self, lead: _Repeated | None, header: _Repeated | None) -> float:
        """Tokens that a chunk's own text may have where these are repeated before it."""
        if lead is None and header is None:
            return self.budget
        repeated = sum(part.tokens for part in (lead, header) if part is not None)
        return max(self.budget - repeated, self.settings.max_tokens / 2)

    def _add(
        self,
        start: int,
        end: int,
        cost: float,
        place: Place,
        header: _Repeated | None = None,
        item: Marked | None = None,
    ) -> None:
        """Packs a stretch of text into the open chunk, or begins the next one, with this header before it."""
        current = self.open
        tail = None
        if current is not None and self._continues(current) and self._same_place(current, place, header):
            together = current.tokens + self.between + cost
            if together <= self._room(current.lead, current.header):
                current.tail = self._tail(current.end, start, cost, place, item)
                current.end = end
                current.tokens = together
                current.place = current.place.joined(place)
                current.only_lead = False
                return
            if current.only_lead and item is not None:
                self._too_long(item, start, place)
                return
            tail = self._taken_tail(current, cost, place, header)
        self._close()
        begins = item is not None and item.begins
        lead = None if begins else self.lead
        if tail is None:
            self.open = _Open(start, end, cost, self.headings, self.section, place, lead, header)
            self.open.tail = self._tail(start, start, cost, place, item)
        else:
            cost += tail.tokens + self.between
            self.open = _Open(
                tail.start, end, cost, self.headings, self.section, tail.place.joined(place), lead, header
            )
        alone = item is not None and item.whole_lead and item.lead == len(item.block.text)
        self.open.only_lead = alone and cost <= self.settings.max_tokens / 3

    def _tail(self, before: int, start: int, cost: float, place: Place, item: Marked | None) -> _Tail | None:
        """This block as the tail of the open chunk, if it announces what follows."""
        if item is None or item.begins or item.block.kind != "paragraph" or cost > self.settings.max_tokens / 8:
            return None
        return _Tail(before, start, cost, place) if item.block.text.endswith(_ANNOUNCING) else None

    def _taken_tail(self, current: _Open, cost: float, place: Place, header: _Repeated | None) -> _Tail | None:
        """The end of the open chunk that belongs to what follows, taken from it; None if there is none, or no room."""
        tail = current.tail
        if tail is None or tail.start <= current.start or header is not None or not tail.place.fits(place):
            return None
        if tail.tokens + self.between + cost > self._room(self.lead, None):
            return None
        current.end = tail.before
        current.tokens -= tail.tokens + self.between
        return tail

    def _continues(self, current: _Open) -> bool:
        # The same objects: headings compare by identity.
        return current.section == self.section and (
            current.headings is self.headings or current.headings == self.headings
        )

    def _same_place(self, current: _Open, place: Place, header: _Repeated | None) -> bool:
        if not current.place.fits(place):
            return False
        return current.place.lines is None or current.header is None or current.header is header

    def _too_long(self, item: Marked, start: int, place: Place) -> None:
        """Cuts a block too long for one chunk. What little stands open before it goes with its beginning."""
        before = self.open if self.open is not None and self._continues(self.open) else None
        if before is not None and not before.only_lead:
            tail = before.tail
            if item.block.continues:
                before = None
            elif before.tokens > self.settings.max_tokens / 8:
                if tail is not None and tail.start > before.start:
                    before.end = tail.before
                    self._close()
                    before = _Open(tail.start, start, tail.tokens, self.headings, self.section, tail.place, self.lead)
                else:
                    before = None
        if before is None:
            self._close()
        self.open = None
        self._cut(item, start, place, before)

    def _cut(self, item: Marked, start: int, place: Place, before: _Open | None) -> None:
        block, text = item.block, item.block.text
        header = self.header
        budget = self._room(self.lead, header)
        overlap = self.settings.overlap_sentences if block.kind == "paragraph" else 0
        already = before.tokens + self.between if before is not None else 0.0
        records = record_spans(text, item.records) if item.records is not None else []
        first_budget = max(budget - already, 1.0)
        if records:
            pieces = fitting(text, records, "code", first_budget, self.measure)
        else:
            pieces = pieces_of(text, block.kind, first_budget, self.measure)
        if item.whole_lead:
            pieces = _with_whole_lead(pieces, text, item.lead, first_budget, self.measure)
        groups = packed(pieces, budget, self.measure, overlap, already)
        starts = [first for first, _ in records]
        lines = _Lines(text)
        for i, (first, last, cost) in enumerate(groups):
            begins = start + first
            here = place
            if place.lines is not None:
                here = place.part(lines.line_at(first), lines.line_at(last - 1))
            if i == 0 and before is not None:
                begins = before.start
                here = before.place.joined(here)
                cost += already
            lead = self.lead if not records else self._record_head(text, starts, first, start)
            if i == 0 and (item.begins or before is not None):
                lead = before.lead if before is not None else None
            within = header is not None and begins < header.span.end
            self.open = _Open(
                begins, start + last, cost, self.headings, self.section, here, lead, None if within else header
            )
            # What follows may join the last piece; not a table's, nor one that begins inside the piece before it.
            keeps_open = i == len(groups) - 1 and block.kind != "table" and not overlap
            if not keeps_open:
                self._close()

    def _record_head(self, text: str, starts: Sequence[int], first: int, start: int) -> _Repeated | None:
        """The first line of the record that a chunk begins within; None where it begins with it."""
        begins = starts[max(bisect.bisect_right(starts, first) - 1, 0)]
        if begins == first:
            return self.lead
        line = text[begins : text.find("\n", begins)] if "\n" in text[begins:first] else ""
        cost = self.measure.tokens(line)
        if not line or len(line) > MAX_HEADING_CHARS or cost > self.settings.max_tokens / 4:
            return self.lead
        return _Repeated(Span(start + begins, start + begins + len(line)), line, cost)

    # Chunks

    def _close(self) -> None:
        current = self.open
        if current is None:
            return
        self.open = None
        headings = tuple(heading.span for heading in current.headings)
        context = _path(current.headings)
        lead = current.lead
        if lead is not None and lead.span.end <= current.start:
            headings = (*headings, lead.span)
            context = f"{context}{BETWEEN_HEADINGS}{lead.text}" if context else lead.text
        if current.header is not None:
            context = f"{context}\n{current.header.text}" if context else current.header.text
        self.chunks.append(
            Chunk(
                self.ordinal,
                Span(current.start, current.end),
                headings,
                current.header.span if current.header is not None else None,
                current.place.page,
                current.place.location,
            )
        )
        self.contexts.append(context)
        self.ordinal += 1


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


def _path(headings: tuple[_Heading, ...]) -> str:
    return BETWEEN_HEADINGS.join(heading.text for heading in headings)


def _with_whole_lead(pieces: list[Piece], text: str, lead: int, budget: float, measure: Measure) -> list[Piece]:
    """The pieces with those of a question joined to the first of its answer, where there is room for that."""
    n = next((i for i, piece in enumerate(pieces) if piece[0] >= lead), len(pieces) - 1)
    while n > 0:
        start, end = pieces[0][0], pieces[n][1]
        cost = measure.tokens(text[start:end])
        if cost <= budget:
            return [(start, end, cost), *pieces[n + 1 :]]
        n -= 1
    return pieces
