"""Blocks to cleaned text and chunks, as a stream: a part of the text at a time, with the chunks cut from it.

Knows no file, store or model. What is packed together is a strategy's business, see `qianxun.documents.splitting`;
that the parts and chunks hold together is this module's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from qianxun.documents.clean import clean_block
from qianxun.documents.splitting.blocks import BETWEEN_BLOCKS, BlockPacker
from qianxun.documents.splitting.sizes import ESTIMATE, Measure, measure_of, tokens
from qianxun.documents.splitting.structure import Marked, marked
from qianxun.documents.splitting.windows import WindowPacker
from qianxun.records import Block, Chunk, Part
from qianxun.settings import SplittingSettings

__all__ = ["PART_CHARS", "STRATEGIES", "Measure", "indexed_text", "measure_of", "split", "tokens"]

PART_CHARS: Final = 32768


class Packer(Protocol):
    """What a strategy is: blocks in, chunks out. `split` takes the chunks away as it hands on the text."""

    chunks: list[Chunk]
    contexts: list[str]

    def take(self, item: Marked, start: int) -> None: ...
    def finish(self) -> None: ...
    def settle(self, length: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way of cutting: whether the document's structure is looked for, and what packs the blocks."""

    structured: bool
    packer: Callable[[SplittingSettings, Measure], Packer]


STRATEGIES: Final[Mapping[str, Strategy]] = {
    "structure": Strategy(True, lambda settings, measure: BlockPacker(settings, measure=measure)),
    "paragraphs": Strategy(False, lambda settings, measure: BlockPacker(settings, False, measure)),
    "sentences": Strategy(False, lambda settings, measure: WindowPacker(settings, True, measure)),
    "fixed": Strategy(False, lambda settings, measure: WindowPacker(settings, False, measure)),
}


def indexed_text(context: str, text: str) -> str:
    """What encoders and lexical indexes see of a chunk: its context, then its text."""
    return f"{context}\n{text}" if context else text


def split(
    blocks: Iterable[Block],
    settings: SplittingSettings,
    *,
    measure: Measure = ESTIMATE,
    part_chars: int = PART_CHARS,
) -> Iterator[Part]:
    """Parts of the document's cleaned text, in order and without a gap, each with the chunks cut from it.

    `blocks` are read as the parts are taken, a bounded number of them ahead. Chunks are in the order of the text
    and cover every character of it that is neither white space nor a heading. No chunk's text is longer than
    `max_tokens` as `measure` counts (a tokenizer's count of the whole is below the sum over its pieces, but for a
    token or two); context is taken from that budget as long as half of it is left.
    """
    strategy = STRATEGIES[settings.strategy]
    cleaned = (block for raw in blocks if (block := clean_block(raw)) is not None)
    packer = strategy.packer(settings, measure)
    text = _Text()
    for item in marked(cleaned) if strategy.structured else map(Marked, cleaned):
        packer.take(item, text.append(item.block.text))
        if text.length - text.part_start >= part_chars:
            yield from text.part(packer, packer.settle(text.length))
    packer.finish()
    yield from text.part(packer, text.length)


@dataclass(slots=True)
class _Text:
    """The text of the next part, in pieces, and where it starts in the document."""

    pieces: list[str] = field(default_factory=list)
    part_start: int = 0
    length: int = 0  # of the document so far

    def append(self, text: str) -> int:
        """Adds a block's text; returns where it begins."""
        if self.length:
            self.pieces.append(BETWEEN_BLOCKS)
            self.length += len(BETWEEN_BLOCKS)
        start = self.length
        self.pieces.append(text)
        self.length += len(text)
        return start

    def part(self, packer: Packer, end: int) -> Iterator[Part]:
        """The part up to this offset, with the chunks that are done; nothing where there is no text."""
        if end <= self.part_start:
            return
        text = "".join(self.pieces)
        cut = end - self.part_start
        yield Part(self.part_start, text[:cut], tuple(packer.chunks), tuple(packer.contexts))
        self.pieces = [text[cut:]] if cut < len(text) else []
        self.part_start = end
        packer.chunks = []
        packer.contexts = []
