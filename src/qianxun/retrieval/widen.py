"""Passages with what stands around them: the chunks beside them, or the section that they are a part of.

A small chunk is found well and understood badly. What is found is ranked first and widened then, so that a passage is
still the slice of its document that its span says, and citations are made as ever. Who may read the chunk may read the
whole document; nothing else is looked at.
"""

import dataclasses
from collections.abc import Sequence

from qianxun.records import MAX_CHUNKS_PER_DOCUMENT, Passage, Span
from qianxun.retrieval.rank import numbered
from qianxun.settings import SearchSettings
from qianxun.storage.store import Store


def widened(store: Store, passages: Sequence[Passage], settings: SearchSettings) -> list[Passage]:
    """The passages with more around them, best first; one that lies within a better one is left out.

    A section that is too long, and neighbours that make a passage too long, are left away, farthest first.
    """
    if settings.widen == "none":
        return list(passages)
    texts: dict[int, str] = {}
    kept: list[Passage] = []
    for passage in passages:
        text = texts.setdefault(passage.document, "") or store.text(passage.document)
        texts[passage.document] = text
        if text[passage.span.start : passage.span.end] != passage.text:
            kept.append(passage)  # removed meanwhile, or replaced
            continue
        span = _around(store, passage, settings)
        if not any(_holds(other, passage) for other in kept):
            kept.append(dataclasses.replace(passage, span=span, text=text[span.start : span.end]))
    return numbered(kept)


def _around(store: Store, passage: Passage, settings: SearchSettings) -> Span:
    if settings.widen == "section":
        found = store.section(passage.chunk)
        if found is not None and found[0].end - found[0].start <= settings.max_widened_chars:
            return found[0]
    ordinal = passage.chunk % MAX_CHUNKS_PER_DOCUMENT
    first = max(0, ordinal - settings.neighbours)
    count = min(ordinal - first + 1 + settings.neighbours, MAX_CHUNKS_PER_DOCUMENT)
    beside = {chunk.id: chunk.span for chunk in store.chunks(passage.document, first, count)}
    span = passage.span
    for distance in range(1, settings.neighbours + 1):
        for near in (beside.get(passage.chunk - distance), beside.get(passage.chunk + distance)):
            if near is not None:
                wider = Span(min(span.start, near.start), max(span.end, near.end))
                if wider.end - wider.start > settings.max_widened_chars:
                    return span
                span = wider
    return span


def _holds(other: Passage, passage: Passage) -> bool:
    return (
        other.document == passage.document
        and other.span.start <= passage.span.start
        and passage.span.end <= other.span.end
    )
