"""What structure a document has beyond its headings: articles of law, questions with answers, records of a log.

A pass over cleaned blocks, so that every format profits. One label is no structure: an article is one among at least
three in ascending order, a question one of two that are answered. To see that, a bounded number of blocks is
read ahead.
"""

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from qianxun.documents.splitting.labels import ARTICLES, Family, Label, labels_of
from qianxun.documents.splitting.logs import LogLines, log_lines
from qianxun.records import Block

LEAST_ARTICLES: Final = 3
LEAST_QUESTIONS: Final = 2
LEAST_NUMBERED: Final = 3
MAX_BLOCKS_AHEAD: Final = 100
MAX_CHARS_AHEAD: Final = 40_000
_LEAST_ANSWER_CHARS: Final = 2
_GREATEST_STEP: Final = 20  # an extract may leave articles out
_CHAPTER_LEVEL: Final = 10  # below every heading of the document's own


@dataclass(frozen=True, slots=True)
class Marked:
    """A cleaned block, and what is known of it.

    `begins`: a section begins with it, which shares no chunk with what was before. `lead`: so many of its first
    characters are repeated before the section's later chunks. `whole_lead`: they never stand without what follows.
    """

    block: Block
    begins: bool = False
    lead: int = 0
    whole_lead: bool = False
    records: LogLines | None = None


def marked(blocks: Iterable[Block]) -> Iterator[Marked]:
    """The blocks in order, cut where sections begin within them, each with what is known of it.

    No character but white space is lost or added. At most `MAX_BLOCKS_AHEAD` blocks are read before they are needed.
    """
    ahead = _Ahead(iter(blocks))
    known = _Known(ahead)
    in_log = False
    while (seen := ahead.take()) is not None:
        block, labels = seen
        if block.kind in ("code", "list"):
            share = 0.0 if block.kind == "code" else 0.5
            records = (
                log_lines(block.text, known=in_log and block.kind == "code", least_share=share)
                if block.rows is None
                else None
            )
            in_log = records is not None
            if records is not None:
                yield Marked(block, records=records)
                continue
        else:
            in_log = False
        if not labels:
            yield Marked(block)
            continue
        length = len(block.text)
        accepted = [label for i, label in enumerate(labels) if known.accepts(label, labels[i + 1 :], length)]
        yield from _parted(block, accepted)


def _parted(block: Block, labels: list[Label]) -> Iterator[Marked]:
    if block.kind == "heading":
        yield Marked(block, begins=any(label.start == 0 and label.family != "chapter" for label in labels))
        return
    text = block.text
    stops = [*(label.start for label in labels), len(text)]
    before = text[: stops[0]].rstrip()
    if before or not labels:
        yield Marked(dataclasses.replace(block, text=before) if labels else block)
    for label, stop in zip(labels, stops[1:], strict=True):
        piece = dataclasses.replace(block, text=text[label.start : stop].rstrip())
        if label.family == "chapter":
            yield Marked(dataclasses.replace(piece, kind="heading", level=_CHAPTER_LEVEL + label.level))
        else:
            question = label.family not in ARTICLES
            yield Marked(piece, True, min(label.end - label.start, len(piece.text)), question)


# A block and what could be labels in it.
_Seen: TypeAlias = tuple[Block, tuple[Label, ...]]


class _Ahead:
    """Blocks with their labels; some are looked at before their turn."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self.blocks = blocks
        self.waiting: deque[_Seen] = deque()

    def take(self) -> _Seen | None:
        if self.waiting:
            return self.waiting.popleft()
        block = next(self.blocks, None)
        return None if block is None else _seen(block)

    def peek(self) -> Iterator[_Seen]:
        """Those that come next, up to a limit."""
        chars = 0
        for n in range(MAX_BLOCKS_AHEAD):
            if n == len(self.waiting):
                block = next(self.blocks, None)
                if block is None:
                    return
                self.waiting.append(_seen(block))
            seen = self.waiting[n]
            yield seen
            chars += len(seen[0].text)
            if chars >= MAX_CHARS_AHEAD:
                return


def _seen(block: Block) -> _Seen:
    if block.kind in ("table", "code") or block.rows is not None:
        return block, ()
    return block, labels_of(block.text)


@dataclass(slots=True)
class _Known:
    """Which families of labels this document has, and their last numbers."""

    ahead: _Ahead
    families: set[Family] = field(default_factory=set)
    last: dict[Family, tuple[int, ...]] = field(default_factory=dict)

    def accepts(self, label: Label, rest: tuple[Label, ...], length: int) -> bool:
        """Whether a section begins at this label; `rest` are those behind it in its block of this length."""
        family = label.family
        if family == "answer":
            return False
        if family == "chapter":
            return bool(self.families & ARTICLES) or self._articles_follow(rest)
        if family not in self.families:
            if not self._confirmed(label, rest, length):
                return False
            self.families.add(family)
        elif family == "question":
            return True
        elif not _follows(self.last[family], label):
            return False
        self.last[family] = label.number
        return True

    def _labels(self, rest: tuple[Label, ...]) -> Iterator[Label]:
        yield from rest
        for seen in self.ahead.peek():
            yield from seen[1]

    def _confirmed(self, label: Label, rest: tuple[Label, ...], length: int) -> bool:
        if label.family == "question":
            return self._are_answered(rest)
        least = LEAST_ARTICLES if label.family in ARTICLES else LEAST_NUMBERED
        if label.family == "numbered" and not self._has_answer(label, rest, length):
            return False
        last, n = label.number, 1
        for after in self._labels(rest):
            if after.family == label.family and _follows(last, after, strictly=True):
                last, n = after.number, n + 1
                if n >= least:
                    return True
        return False

    def _are_answered(self, rest: tuple[Label, ...]) -> bool:
        n, asked = 0, True
        for label in self._labels(rest):
            if label.family == "answer" and asked:
                n, asked = n + 1, False
                if n >= LEAST_QUESTIONS:
                    return True
            elif label.family == "question":
                if asked:  # two questions on end: a list of questions
                    return False
                asked = True
        return False

    def _has_answer(self, label: Label, rest: tuple[Label, ...], length: int) -> bool:
        """Whether something stands between a numbered question and the next."""
        if (rest[0].start if rest else length) - label.end >= _LEAST_ANSWER_CHARS:
            return True
        following = next(self.ahead.peek(), None) if not rest else None
        return following is not None and not any(after.start == 0 for after in following[1])

    def _articles_follow(self, rest: tuple[Label, ...]) -> bool:
        counts: dict[Family, tuple[int, tuple[int, ...]]] = {}
        for label in self._labels(rest):
            if label.family not in ARTICLES:
                continue
            n, last = counts.get(label.family, (0, ()))
            if n == 0 or _follows(last, label, strictly=True):
                n += 1
                counts[label.family] = (n, label.number)
                if n >= LEAST_ARTICLES:
                    return True
        return False


def _follows(last: tuple[int, ...], label: Label, *, strictly: bool = False) -> bool:
    """Whether a label can be the next of its family: its number is a little greater, or counting begins anew."""
    number = label.number
    if number > last:
        step = number[0] - last[0]
        return step <= (_GREATEST_STEP if label.sure else 1)
    return not strictly and label.sure and number[0] == 1 and last[0] > 1
