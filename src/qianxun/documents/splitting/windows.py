"""Packs text into chunks whatever its blocks are: by whole sentences, or by tokens alone. Knows no heading."""

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from qianxun.documents.splitting.pieces import Piece, pieces_of
from qianxun.documents.splitting.places import Place
from qianxun.documents.splitting.sizes import ESTIMATE, Measure
from qianxun.documents.splitting.structure import Marked
from qianxun.records import Block, Chunk, Span
from qianxun.settings import SplittingSettings

_ROUNDING = 1e-6


@dataclass(slots=True)
class WindowPacker:
    """Strategies `sentences` and `fixed`: as many pieces as fit, then the next chunk, some of them repeated in it.

    Pieces are sentences (of tables and code: lines), of which `overlap_sentences` are repeated; or single words and
    characters, of which `overlap_tokens` are.
    """

    settings: SplittingSettings
    by_sentence: bool
    measure: Measure = ESTIMATE
    ordinal: int = 0
    chunks: list[Chunk] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)
    # The pieces of the next chunk with their places; the first `n_repeated` are in the chunk before as well.
    window: deque[tuple[Piece, Place]] = field(default_factory=deque)
    n_repeated: int = 0
    tokens: float = 0.0

    def take(self, item: Marked, start: int) -> None:
        """Packs a block whose text begins at this offset of the document."""
        place = Place.of(item.block)
        most = self.settings.max_tokens - _ROUNDING
        for first, last, cost in self._pieces(item.block):
            if self.window:
                gap = self._gap(start + first - self.window[-1][0][1])
                if self.tokens + gap + cost > most:
                    self._close()
                    self._keep_overlap(start + first, cost, most)
                if self.window:
                    self.tokens += self._gap(start + first - self.window[-1][0][1])
            self.window.append(((start + first, start + last, cost), place))
            self.tokens += cost

    def finish(self) -> None:
        """Packs what is still open."""
        if len(self.window) > self.n_repeated:
            self._close()

    def settle(self, length: int) -> int:
        """Up to where the text of this length can be handed on: the next chunk repeats nothing of what is before it."""
        if self.n_repeated:
            for _ in range(self.n_repeated):
                self.window.popleft()
            self.n_repeated = 0
            spans = [piece for piece, _ in self.window]
            gaps = sum(self._gap(after[0] - before[1]) for before, after in itertools.pairwise(spans))
            self.tokens = sum(cost for _, _, cost in spans) + gaps
        return self.window[0][0][0] if self.window else length

    def _gap(self, n_chars: int) -> float:
        return self.measure.gap(n_chars) if self.by_sentence else self.measure.unit_gap(n_chars)

    def _pieces(self, block: Block) -> Iterator[Piece]:
        if self.by_sentence:
            yield from pieces_of(block.text, block.kind, self.settings.max_tokens - _ROUNDING, self.measure)
            return
        yield from self.measure.units(block.text)

    def _close(self) -> None:
        (first, _, _), place = self.window[0]
        end = self.window[-1][0][1]
        self.chunks.append(Chunk(self.ordinal, Span(first, end), (), None, place.page, place.location))
        self.contexts.append("")
        self.ordinal += 1

    def _keep_overlap(self, start: int, cost: float, most: float) -> None:
        """Leaves in the window what the next chunk repeats: never all of it, and at most half a chunk."""
        kept: deque[tuple[Piece, Place]] = deque()
        total, after = 0.0, start
        while len(self.window) > 1 and self._is_repeated(len(kept), total):
            piece, place = self.window.pop()
            more = piece[2] + self._gap(after - piece[1])
            if total + more > min(most - cost, most / 2):
                break
            kept.appendleft((piece, place))
            total, after = total + more, piece[0]
        self.window = kept
        self.n_repeated = len(kept)
        # The gap before the piece that comes next is counted when it comes.
        self.tokens = total - (self._gap(start - kept[-1][0][1]) if kept else 0.0)

    def _is_repeated(self, n: int, tokens: float) -> bool:
        if self.by_sentence:
            return n < self.settings.overlap_sentences
        return tokens + 1 <= self.settings.overlap_tokens
