"""Ranked chunks to passages: through the store's gate, and what says the same once."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from qianxun.documents.dedupe import say_nearly_the_same, say_the_same
from qianxun.filters import Filter
from qianxun.records import Document, Hit, Passage, Stage
from qianxun.retrieval.fuse import Fused, stages_of
from qianxun.storage.store import Store, StoredChunk


def gather(
    store: Store,
    fused: Sequence[Fused],
    hits: Mapping[str, Sequence[Hit]],
    k: int,
    allowed: Filter | None,
    *,
    keep: Callable[[StoredChunk], bool] | None = None,
    group: bool = True,
    group_near: bool = True,
    most_per_document: int = 0,
) -> list[Passage]:
    """The best k chunks that exist, are allowed, and that `keep` lets through; those that say the same count once.

    `most_per_document` are taken of one document, all for 0.

    Equal scores are ordered by what does not depend on the order of ingestion.
    """
    kept: list[tuple[Fused, Document, StoredChunk]] = []
    sources: list[list[str]] = []
    near: list[list[str]] = []
    of_document: Counter[int] = Counter()
    at = 0
    while at < len(fused) and (len(kept) < k or at == 0):
        batch = fused[at : at + k + 2]
        at += len(batch)
        found = store.passages([f.chunk for f in batch], allowed)
        for item in batch:
            if item.chunk not in found:
                continue
            document, chunk = found[item.chunk]
            if keep is not None and not keep(chunk):
                continue
            twin = _twin(chunk, kept) if group else None
            if twin is not None:
                if document.source not in (kept[twin][1].source, *sources[twin]):
                    sources[twin].append(document.source)
                continue
            like = _near_twin(document, chunk, kept) if group_near else None
            if like is not None:
                if document.source not in (kept[like][1].source, *sources[like], *near[like]):
                    near[like].append(document.source)
            elif len(kept) < k and not (most_per_document and of_document[document.id] >= most_per_document):
                of_document[document.id] += 1
                kept.append((item, document, chunk))
                sources.append([])
                near.append([])
    order = sorted(range(len(kept)), key=lambda i: (-kept[i][0].score, kept[i][1].source, kept[i][2].span))
    stages = stages_of([item.chunk for item, _, _ in kept], hits)
    return [
        as_passage(
            document,
            chunk,
            rank=rank,
            score=item.score,
            stages=stages[item.chunk],
            duplicates=sources[place],
            near_duplicates=near[place],
        )
        for rank, place in enumerate(order, start=1)
        for item, document, chunk in [kept[place]]
    ]


def as_passage(
    document: Document,
    chunk: StoredChunk,
    *,
    rank: int,
    score: float = 0.0,
    stages: Mapping[str, Stage] | None = None,
    duplicates: Sequence[str] = (),
    near_duplicates: Sequence[str] = (),
) -> Passage:
    """A stored chunk as what an asker reads. Whether they may is decided before."""
    return Passage(
        rank=rank,
        score=round(score, 6),
        chunk=chunk.id,
        document=document.id,
        source=document.source,
        title=document.title,
        page=chunk.page,
        location=chunk.location,
        heading=chunk.heading,
        span=chunk.span,
        text=chunk.text,
        context=chunk.context,
        labels=document.labels,
        stages=stages or {},
        duplicates=tuple(duplicates),
        near_duplicates=tuple(near_duplicates),
    )


def _twin(chunk: StoredChunk, kept: Sequence[tuple[Fused, Document, StoredChunk]]) -> int | None:
    """The place of a kept passage that says the same, or None."""
    for place, (_, _, other) in enumerate(kept):
        if say_the_same(chunk.near, chunk.text, other.near, other.text):
            return place
    return None


def _near_twin(
    document: Document, chunk: StoredChunk, kept: Sequence[tuple[Fused, Document, StoredChunk]]
) -> int | None:
    """The place of a kept passage of another document that says nearly the same, or None."""
    for place, (_, owner, other) in enumerate(kept):
        if owner.id != document.id and say_nearly_the_same(chunk.near, chunk.text, other.near, other.text):
            return place
    return None
