"""How everything derived catches up with the truth: vectors, then each index, from the change log.

Writing the truth and catching up are two steps, so a crash between them costs a re-run, not a repair.
Every step here can be repeated: vectors are keyed by what they were made from, an index skips what it
has, and an index's revision moves only with its commit.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from qianxun.documents.split import indexed_text
from qianxun.protocols import Encoder, Index
from qianxun.records import Change, Document, IndexRow
from qianxun.storage.locks import Lock
from qianxun.storage.store import Store, StoredChunk
from qianxun.storage.vectors import VectorStore

logger = logging.getLogger(__name__)

# Chunks that an index takes up under one holding of the write lock.
BATCH_CHUNKS = 4096
CHANGES_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long piece of work has come. `total` is None while it is unknown; `seconds` since its start."""

    stage: str
    done: int
    total: int | None
    item: str = ""
    seconds: float = 0.0


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Reports to nobody."""


@dataclass(slots=True)
class Keeping:
    """What belongs together for one knowledge base: the truth, the vectors, the indexes, the locks."""

    store: Store
    vectors: VectorStore
    encoder: Encoder
    indexes: list[Index]
    ingest: Lock
    write: Lock
    encode_batch: int = 512
    vectors_made: int = field(default=0)


def catch_up(keeping: Keeping, report: Report = silent) -> None:
    """Brings vectors and every index up to the newest revision, and forgets vectors nobody uses.

    Encoding happens outside the write lock (it may take minutes; its result is keyed by content);
    only an index's batch is under it.
    """
    _require_log(keeping)
    _encode_missing(keeping, report)
    for index in keeping.indexes:
        _catch_up_index(keeping, index, report)
    forget_unused(keeping)


def behind(keeping: Keeping) -> int:
    """How many changes the index that is furthest behind has not taken up yet."""
    return keeping.store.revision - min(index.revision for index in keeping.indexes)


def _require_log(keeping: Keeping) -> None:
    """Rebuilds an index that is older than the change log reaches back."""
    start = keeping.store.log_start
    for position, index in enumerate(keeping.indexes):
        if index.revision < start:
            logger.info(
                "%s is at revision %d, the change log starts at %d: rebuilding", index.name, index.revision, start
            )
            rebuild_index(keeping, position)


def _encode_missing(keeping: Keeping, report: Report) -> None:
    dense = [index.revision for index in keeping.indexes if index.kind == "dense"]
    if not dense:
        return
    since, started = min(dense), time.monotonic()
    documents = [c.document for c in _changes(keeping.store, since) if c.action == "put"]
    sizes = keeping.store.live_documents() if documents else {}
    total = sum(sizes.get(d, 0) for d in documents)
    done = 0
    waiting: dict[bytes, str] = {}
    for document in documents:
        if not sizes.get(document):
            continue
        for chunks in _slices(keeping.store.chunks(document), BATCH_CHUNKS):
            missing = set(keeping.vectors.missing([c.hash for c in chunks]))
            waiting.update((c.hash, indexed_text(c.context, c.text)) for c in chunks if c.hash in missing)
            while len(waiting) >= keeping.encode_batch:
                _encode_some(keeping, waiting)
            done += len(chunks)
            report(Progress("encoding", done, total, "", time.monotonic() - started))
    while waiting:
        _encode_some(keeping, waiting)


def _encode_some(keeping: Keeping, waiting: dict[bytes, str]) -> None:
    batch = [h for h, _ in zip(waiting, range(keeping.encode_batch), strict=False)]
    keeping.vectors.put(batch, keeping.encoder.encode_passages([waiting.pop(h) for h in batch]))
    keeping.vectors_made += len(batch)


def _catch_up_index(keeping: Keeping, index: Index, report: Report) -> None:
    started, first = time.monotonic(), index.revision
    newest = keeping.store.revision
    while True:
        with keeping.write.held():
            since = index.revision
            changes = keeping.store.changes(since, CHANGES_AT_ONCE)
            if not changes:
                return
            taken = _apply(keeping, index, changes)
            index.commit(taken)
            keeping.store.note_indexed(index.name)
        report(Progress("indexing", taken - first, max(newest, taken) - first, index.name, time.monotonic() - started))


def _apply(keeping: Keeping, index: Index, changes: Sequence[Change]) -> int:
    """Applies changes until about a batch of chunks is taken up; returns the revision reached."""
    documents = keeping.store.labels_of(sorted({c.document for c in changes if c.action != "drop"}))
    dropped: list[int] = []
    taken_up: set[int] = set()
    rows: list[IndexRow] = []
    n_chunks = 0
    reached = changes[0].revision - 1
    for change in changes:
        if n_chunks >= BATCH_CHUNKS:
            break
        reached = change.revision
        document = documents.get(change.document)
        if change.action == "drop" or document is None:
            # Also a document that was put and is gone again: its own drop follows in the log.
            dropped.append(change.document)
            continue
        if change.document in taken_up:
            continue
        taken_up.add(change.document)
        for chunks in _slices(keeping.store.chunks(change.document), BATCH_CHUNKS):
            rows += _rows(keeping, index, document, chunks)
            n_chunks += len(chunks)
            if len(rows) >= BATCH_CHUNKS:
                index.upsert(rows)
                rows = []
    if dropped:
        index.remove(dropped)
    if rows:
        index.upsert(rows)
    return reached


def _rows(keeping: Keeping, index: Index, document: Document, chunks: Sequence[StoredChunk]) -> list[IndexRow]:
    vectors: Sequence[object | None]
    if index.kind == "dense":
        _encode_for(keeping, chunks)
        vectors = list(keeping.vectors.get([c.hash for c in chunks]))
    else:
        vectors = [None] * len(chunks)
    return [
        IndexRow(
            chunk=chunk.id,
            text=indexed_text(chunk.context, chunk.text),
            labels=document.labels,
            source=document.source,
            title=document.title,
            format=document.format,
            modified=document.modified,
            vector=vector,
        )
        for chunk, vector in zip(chunks, vectors, strict=True)
    ]


def _encode_for(keeping: Keeping, chunks: Sequence[StoredChunk]) -> None:
    """Makes what is still missing: another process may have written documents since we encoded."""
    missing = set(keeping.vectors.missing([c.hash for c in chunks]))
    waiting = {c.hash: indexed_text(c.context, c.text) for c in chunks if c.hash in missing}
    while waiting:
        _encode_some(keeping, waiting)


def forget_unused(keeping: Keeping) -> int:
    """Takes out the vectors whose last chunk went; returns how many."""
    removed = 0
    while True:
        hashes = keeping.store.forgotten(4096)
        if not hashes:
            return removed
        with keeping.write.held():
            removed += keeping.vectors.remove(keeping.store.unused(hashes))
            keeping.store.forget_done(hashes)


def rebuild_index(keeping: Keeping, position: int, report: Report = silent) -> None:
    """Builds an index anew beside the old one from the truth, then swaps it in."""
    started = time.monotonic()
    with keeping.write.held():
        old = keeping.indexes[position]
        index = old.fresh()
        revision = keeping.store.revision
        live = keeping.store.live_documents()
        total, done = sum(live.values()), 0
        owners = keeping.store.labels_of([d for d, n in live.items() if n])
        for number, document in owners.items():
            for chunks in _slices(keeping.store.chunks(number), BATCH_CHUNKS):
                index.upsert(_rows(keeping, index, document, chunks))
                done += len(chunks)
            report(Progress("indexing", done, total, index.name, time.monotonic() - started))
        index.commit(revision)
        keeping.store.note_indexed(index.name)
        old.close()
        keeping.indexes[position] = index


def _changes(store: Store, since: int) -> Iterator[Change]:
    while changes := store.changes(since, CHANGES_AT_ONCE):
        yield from changes
        since = changes[-1].revision


def _slices(chunks: Iterator[StoredChunk], size: int) -> Iterator[list[StoredChunk]]:
    batch: list[StoredChunk] = []
    for chunk in chunks:
        batch.append(chunk)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch
