"""What stands around a chunk in its document: its neighbours, its section, the table that it is a part of.

The access rule is the document's: who may read the chunk may read what is around it.
"""

import dataclasses
from typing import Final

from qianxun.errors import InputError, NotFound
from qianxun.records import MAX_CHUNKS_PER_DOCUMENT, Asker, Document, Passage, Span, document_of
from qianxun.retrieval.gather import as_passage
from qianxun.storage.store import Store, StoredChunk

_CELLS_APART: Final = "|\t"
# Some ten thousand rows.
_MOST_CHARS: Final = 1_000_000


def neighbours(store: Store, chunk: int, before: int, after: int, asker: Asker) -> list[Passage]:
    """At most so many chunks before and after a chunk, in reading order, without it. Raises NotFound, InputError."""
    if before < 0 or after < 0:
        raise InputError(
            "{n} neighbours cannot be shown.", remedy="Ask for 0 or more on each side.", n=min(before, after)
        )
    document, own = _found(store, chunk, asker)
    ordinal = own.id % MAX_CHUNKS_PER_DOCUMENT
    first = max(0, ordinal - before)
    count = min(ordinal - first + 1 + after, MAX_CHUNKS_PER_DOCUMENT)
    others = [other for other in store.chunks(document.id, first, count) if other.id != chunk]
    return [as_passage(document, other, rank=rank) for rank, other in enumerate(others, start=1)]


def section(store: Store, chunk: int, asker: Asker) -> Passage:
    """The section that a chunk stands in, from its heading to its end. Raises NotFound.

    `chunk` is the id asked for; page and location are those of the section's first chunk.
    """
    document, own = _found(store, chunk, asker)
    found = store.section(chunk)
    if found is None:  # removed meanwhile
        raise _not_there(chunk)
    span, first = found
    begins = store.passages([first], None).get(first, (document, own))[1]
    whole = dataclasses.replace(
        own,
        span=span,
        text=store.text(document.id)[span.start : span.end],
        header="",
        page=begins.page,
        location=begins.location,
    )
    return as_passage(document, whole, rank=1)


def whole_table(store: Store, passage: Passage) -> Passage | None:
    """The lines around a passage that a table stands in, from one empty line to the next: no table has any.

    None if it has no cells, or its document is too long to be read for that.
    """
    if not any(mark in passage.text for mark in _CELLS_APART):
        return None
    document = store.live([passage.document]).get(passage.document)
    if document is None or document.chars > _MOST_CHARS:
        return None
    text = store.text(passage.document)
    before, after = text.rfind("\n\n", 0, passage.span.start + 1), text.find("\n\n", passage.span.end)
    start, end = before + 2 if before >= 0 else 0, after if after >= 0 else len(text)
    return dataclasses.replace(passage, text=text[start:end], span=Span(start, end))


def _found(store: Store, chunk: int, asker: Asker) -> tuple[Document, StoredChunk]:
    """The chunk with its document. What the asker may not see is not there: the two read the same."""
    try:
        document = store.document(document_of(chunk), asker)
    except NotFound as error:
        raise _not_there(chunk) from error
    found = store.passages([chunk], None).get(chunk)
    if found is None:
        raise _not_there(chunk)
    return document, found[1]


def _not_there(chunk: int) -> NotFound:
    return NotFound("There is no chunk {id}.", remedy="`qianxun search --explain` shows the ids.", id=chunk)
