"""All chunks of whole documents that an asker may read, in reading order, with what search found of them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.errors import NotFound
from qianxun.records import Asker, Document, Passage
from qianxun.retrieval.gather import as_passage
from qianxun.storage.store import Store

# Chunks that are read at most: about ten million characters, and some tens of megabytes of memory.
MOST_CHUNKS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Material:
    """What is to be read: `passages` in reading order, document after document. Of `chunks` there may be more."""

    passages: tuple[Passage, ...]
    documents: int
    chunks: int
    titles: tuple[str, ...]


def read(
    store: Store,
    documents: Sequence[Document],
    asker: Asker,
    *,
    found: Sequence[Passage] = (),
    most: int = MOST_CHUNKS,
) -> Material:
    """The chunks of these documents, of which the first `most` are read; `found` lends them its scores.

    Whether the asker may read a document is asked again for each: what was removed or forbidden meanwhile is left out.
    """
    scores = {passage.chunk: passage for passage in found}
    passages: list[Passage] = []
    titles: list[str] = []
    n_chunks = 0
    for one in documents:
        try:
            document = store.document(one.id, asker)
        except NotFound:
            continue
        n_chunks += document.chunks
        titles.append(document.title or document.source)
        room = most - len(passages)
        for chunk in store.chunks(document.id, 0, room) if room else ():
            passage = as_passage(document, chunk, rank=len(passages) + 1)
            ranked = scores.get(chunk.id)
            if ranked is not None:
                passage = dataclasses.replace(
                    passage, score=ranked.score, stages=ranked.stages, relevant=ranked.relevant
                )
            passages.append(passage)
    return Material(tuple(passages), len(titles), n_chunks, tuple(titles))
