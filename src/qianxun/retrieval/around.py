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
# On either side: some four thousand rows.
_MOST_CHUNKS: Final = 200


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
    """A passage that a table stands in, with all chunks of the table; None if no table does, or it is too long.

    A chunk goes on with the table of the one before it if that ends with a line of cells and this one begins with one.
    What lies between chunks is white space.
    """
    if not any(mark in passage.text for mark in _CELLS_APART):
        return None
    own = passage.chunk % MAX_CHUNKS_PER_DOCUMENT
    begin = max(0, own - _MOST_CHUNKS)
    chunks = {c.id % MAX_CHUNKS_PER_DOCUMENT: c for c in store.chunks(passage.document, begin, 2 * _MOST_CHUNKS + 1)}
    if own not in chunks:
        return None
    first = last = own
    while first - 1 in chunks and _goes_on(chunks[first - 1], chunks[first]):
        first -= 1
    while last + 1 in chunks and _goes_on(chunks[last], chunks[last + 1]):
        last += 1
    if first == begin > 0 or last - own >= _MOST_CHUNKS:
        return None
    text, start = "", chunks[first].span.start
    for place in range(first, last + 1):
        text = f"{text:\n<{chunks[place].span.start - start}}{chunks[place].text}"
    return dataclasses.replace(passage, text=text, span=Span(start, start + len(text)))


def _goes_on(before: StoredChunk, chunk: StoredChunk) -> bool:
    lines = before.text.rstrip().rpartition("\n")[2], chunk.text.lstrip().partition("\n")[0]
    return all(any(mark in line for mark in _CELLS_APART) for line in lines)


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
