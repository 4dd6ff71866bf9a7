"""How everything derived catches up with the truth: vectors, then each index, from the change log.

Writing the truth and catching up are two steps, so a crash between them costs a re-run, not a repair.
Every step here can be repeated: vectors are keyed by what they were made from, an index skips what it
has, and an index's revision moves only with its commit. The `write` lock is held for a batch of chunks,
never for a whole document or a whole index, and never while a model works.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qianxun.documents.split import indexed_text
from qianxun.protocols import Encoder, Index
from qianxun.records import Change, Document, IndexRow
from qianxun.storage.conversations import Conversations
from qianxun.storage.enrichments import Enricher, searched_text
from qianxun.storage.feedback import Feedback
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
    """What belongs together for one knowledge base: the truth, the vectors, the indexes, the locks.

    `maker` names the enrichment that the indexes are made with, "" if they are made without; `enricher` writes it.
    `beside`: another enrichment is in force, and nobody searches these indexes yet. `tokenizer` is the file of the
    encoder's, by which new chunks are measured; None: they are estimated. `feedback` gives what people made known of
    passages, None where nobody did.
    """

    store: Store
    vectors: VectorStore
    encoder: Encoder
    indexes: list[Index]
    ingest: Lock
    write: Lock
    encode_batch: int = 512
    vectors_made: int = field(default=0)
    maker: str = ""
    enricher: Enricher | None = None
    beside: bool = False
    tokenizer: Path | None = None
    feedback: Callable[[], Feedback | None] = field(default=lambda: None)
    conversations: Callable[[], Conversations | None] = field(default=lambda: None)


def catch_up(keeping: Keeping, report: Report = silent) -> None:
    """Brings vectors and every index up to the newest revision, and forgets vectors nobody uses."""
    settle(keeping)
    _encode_missing(keeping, report)
    for index in keeping.indexes:
        _catch_up_index(keeping, index, report)
    forget_unused(keeping)


def settle(keeping: Keeping) -> None:
    """Rebuilds an index that the change log cannot bring up to date. To be called before anything is written.

    It may be older than the log reaches back, or newer than the truth: then the truth was restored from a
    backup, and its next revisions and ids would be taken for those that the index has already.
    """
    for position, index in enumerate(keeping.indexes):
        at, start, newest = index.revision, keeping.store.log_start, keeping.store.revision
        if not start <= at <= newest:
            logger.info("%s is at revision %d, the change log holds %d to %d", index.name, at, start, newest)
            if at > newest:
                _forget_surplus(keeping)
            rebuild_index(keeping, position)


def needed_vectors(keeping: Keeping) -> set[bytes]:
    """The keys of the vectors that the indexes are made of."""
    keys = keeping.store.enrichments.keys_by_hash(keeping.maker) if keeping.maker else {}
    return {keys.get(hash_, hash_) for hash_ in keeping.store.hashes()}


def known_vectors(keeping: Keeping) -> set[bytes]:
    """The keys of the vectors that chunks may have: with any enrichment that is kept, and without."""
    return keeping.store.hashes() | keeping.store.enrichments.keys()


def _forget_surplus(keeping: Keeping) -> None:
    with keeping.write.held():
        keeping.vectors.remove(sorted(keeping.vectors.hashes() - known_vectors(keeping)))


def take_up(keeping: Keeping, documents: Sequence[int]) -> None:
    """Brings only these documents up to date in every index, and leaves the rest to the `add` that is running.

    Indexes keep their revision: what the log says of these documents is done again later, to no effect.
    """
    for index in keeping.indexes:
        with keeping.write.held(), _undone_on_failure(index):
            live = keeping.store.live(documents)
            index.remove([document for document in documents if document not in live])
            if index.kind == "lexical":  # a dense index knows no labels
                for document in live.values():
                    for chunks in _slices(keeping.store.chunks(document.id), BATCH_CHUNKS):
                        index.upsert(_rows(keeping, index, document, chunks))
            keeping.store.make_durable()
            index.commit(index.revision)
    forget_unused(keeping)


def _encode_missing(keeping: Keeping, report: Report) -> None:
    dense = [index.revision for index in keeping.indexes if index.kind == "dense"]
    if not dense:
        return
    started = time.monotonic()
    # Where nothing is searched but the documents' own words, these do not change.
    actions = ("put", "enrich") if keeping.maker else ("put",)
    put = {c.document: None for c in _changes(keeping.store, min(dense)) if c.action in actions}
    live = keeping.store.live(list(put))
    total, done = sum(document.chunks for document in live.values()), 0
    waiting: dict[bytes, str] = {}

    def encode_down_to(least: int) -> None:
        while len(waiting) > least:
            _encode_some(keeping, waiting)
            report(Progress("encoding", done - len(waiting), total, "", time.monotonic() - started))

    for document in live:
        for chunks in _slices(keeping.store.chunks(document), BATCH_CHUNKS):
            waiting.update(_not_encoded(keeping, _searched(keeping, chunks)))
            done += len(chunks)
            encode_down_to(keeping.encode_batch - 1)
    encode_down_to(0)
    if done:
        report(Progress("encoding", done, total, "", time.monotonic() - started))


def _encode_some(keeping: Keeping, waiting: dict[bytes, str]) -> None:
    batch = [h for h, _ in zip(waiting, range(keeping.encode_batch), strict=False)]
    made = keeping.encoder.encode_passages([waiting.pop(h) for h in batch])
    # Under the lock, and only what some chunk still has: a removal meanwhile has worked off its notes already,
    # and a vector kept after that would be an orphan for ever.
    with keeping.write.held():
        gone = set(keeping.store.unused(batch))
        kept = [i for i, h in enumerate(batch) if h not in gone]
        keeping.vectors.put([batch[i] for i in kept], made[kept])
    keeping.vectors_made += len(batch)


def _catch_up_index(keeping: Keeping, index: Index, report: Report) -> None:
    started, first = time.monotonic(), index.revision
    newest = keeping.store.revision
    taken_up: set[tuple[int, bool]] = set()
    while True:
        with keeping.write.held(), _undone_on_failure(index):
            changes = keeping.store.changes(index.revision, CHANGES_AT_ONCE)
            if not changes:
                return
            reached, large = _apply(keeping, index, changes, taken_up)
            if reached is not None:
                keeping.store.make_durable()
                index.commit(reached)
                keeping.store.note_indexed(index.name)
        if large is not None:
            _take_up_in_slices(keeping, index, *large)
            taken_up |= {large, (large[0], False)}
        at = reached or first
        report(Progress("indexing", at - first, max(newest, at) - first, index.name, time.monotonic() - started))


def _apply(
    keeping: Keeping, index: Index, changes: Sequence[Change], taken_up: set[tuple[int, bool]]
) -> tuple[int | None, tuple[int, bool] | None]:
    """Applies changes until about a batch of chunks is taken up.

    Returns the revision reached (None: none), and a document that is too large for one batch and must be
    taken up in slices before it can go on; True with it if what the index has of it must go first, because it is
    searched by other words now. Documents in `taken_up` have been, in this way.
    """
    live = keeping.store.live(sorted({c.document for c in changes if c.action != "drop"}))
    enriched = {change.document for change in changes if change.action == "enrich" and keeping.maker}
    gone: set[int] = set()
    here: set[int] = set()
    rows: list[IndexRow] = []
    reached: int | None = None
    large: tuple[int, bool] | None = None
    for change in changes:
        if change.action == "enrich" and not keeping.maker:
            reached = change.revision
            continue  # here the documents' own words are searched, and these do not change
        document = live.get(change.document)
        way = (change.document, change.action == "enrich")
        if document is not None and document.chunks > BATCH_CHUNKS and way not in taken_up:
            large = (document.id, document.id in enriched)
            break
        if len(rows) >= BATCH_CHUNKS:
            break
        reached = change.revision
        if document is None:
            # Dropped, or put and gone again: then its own drop follows in the log.
            gone.add(change.document)
        elif way not in taken_up or change.action == "label":
            if change.action == "enrich":
                gone.add(document.id)
            if document.id not in here:
                here.add(document.id)
                rows += _rows(keeping, index, document, list(keeping.store.chunks(document.id)))
    if gone:
        index.remove(sorted(gone))
    if rows:
        index.upsert(rows)
    return reached, large


def _take_up_in_slices(keeping: Keeping, index: Index, document: int, anew: bool) -> None:
    """Takes up a large document a batch at a time, so that other writers get in between.

    `anew`: what the index has of it goes first; until the last slice is in, less of the document is found.
    """
    first = 0
    while True:
        with keeping.write.held(), _undone_on_failure(index):
            found = keeping.store.live([document]).get(document)
            chunks = list(keeping.store.chunks(document, first, BATCH_CHUNKS)) if found is not None else []
            if found is None or not chunks:
                return
            if anew and first == 0:
                index.remove([document])
            index.upsert(_rows(keeping, index, found, chunks))
            keeping.store.make_durable()
            index.commit(index.revision)
        first += len(chunks)


class _undone_on_failure:  # noqa: N801 (reads as a clause of a `with`)
    """Nothing uncommitted, and no engine's lock, outlives a failure of the block."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._index.close()


def _rows(keeping: Keeping, index: Index, document: Document, chunks: Sequence[StoredChunk]) -> list[IndexRow]:
    vectors: Sequence[object | None]
    searched = _searched(keeping, chunks)
    if index.kind == "dense":
        # Another process may have written documents since we encoded.
        waiting = _not_encoded(keeping, searched)
        while waiting:
            _encode_some(keeping, waiting)
        vectors = list(keeping.vectors.get([key for key, _ in searched]))
    else:
        vectors = [None] * len(chunks)
    return [
        IndexRow(
            chunk=chunk.id,
            text=text,
            labels=document.labels,
            source=document.source,
            title=document.title,
            format=document.format,
            modified=document.modified,
            vector=vector,
            script=chunk.script,
        )
        for chunk, (_, text), vector in zip(chunks, searched, vectors, strict=True)
    ]


def _searched(keeping: Keeping, chunks: Sequence[StoredChunk]) -> list[tuple[bytes, str]]:
    """What each chunk is searched by: the key of its vector, and the text that encoders and lexical indexes see."""
    texts = [indexed_text(chunk.context, chunk.text) for chunk in chunks]
    kept = keeping.store.enrichments.of([c.hash for c in chunks], keeping.maker) if keeping.maker else {}
    return [
        (kept[c.hash].key, searched_text(text, kept[c.hash].enrichment)) if c.hash in kept else (c.hash, text)
        for c, text in zip(chunks, texts, strict=True)
    ]


def _not_encoded(keeping: Keeping, searched: Sequence[tuple[bytes, str]]) -> dict[bytes, str]:
    """Key → text of what has no vector yet."""
    missing = set(keeping.vectors.missing([key for key, _ in searched]))
    return {key: text for key, text in searched if key in missing}


def forget_unused(keeping: Keeping) -> int:
    """Takes out the vectors whose last chunk went, and originals whose last document did; returns how many vectors."""
    removed = 0
    with keeping.write.held():
        keeping.store.originals.work_off()
    while True:
        with keeping.write.held():
            hashes = keeping.store.forgotten(4096)
            if not hashes:
                return removed
            removed += keeping.vectors.remove(keeping.store.unused(hashes))
            keeping.store.forget_done(hashes)


def rebuild_index(keeping: Keeping, position: int, report: Report = silent) -> None:
    """Builds an index anew beside the old one from the truth, then swaps it in.

    The caller holds `ingest`, or accepts that two rebuilds may race for the swap. Only the swap, with the
    changes made meanwhile, is under `write`.
    """
    started = time.monotonic()
    old = keeping.indexes[position]
    index = old.fresh()
    with _undone_on_failure(index):
        revision = keeping.store.revision
        sizes = keeping.store.live_documents()
        total, done = sum(sizes.values()), 0
        for number in sizes:
            document = keeping.store.live([number]).get(number)
            if document is None:
                continue
            for chunks in _slices(keeping.store.chunks(number), BATCH_CHUNKS):
                index.upsert(_rows(keeping, index, document, chunks))
                done += len(chunks)
                report(Progress("indexing", done, total, index.name, time.monotonic() - started))
        with keeping.write.held():
            while changes := keeping.store.changes(revision, CHANGES_AT_ONCE):
                everything = {(change.document, anew) for change in changes for anew in (False, True)}
                reached, _ = _apply(keeping, index, changes, everything)
                _add_new(keeping, index, changes)
                revision = reached or changes[-1].revision
            keeping.store.make_durable()
            index.commit(revision)
            keeping.store.note_indexed(index.name)
            old.close()
            keeping.indexes[position] = index


def _add_new(keeping: Keeping, index: Index, changes: Sequence[Change]) -> None:
    """Takes up what was put, or is searched by other words, since the index was begun."""
    put = {change.document: None for change in changes if change.action in ("put", "enrich")}
    enriched = {change.document for change in changes if change.action == "enrich" and keeping.maker}
    for number, document in keeping.store.live(list(put)).items():
        if number in enriched:
            index.remove([number])
        for chunks in _slices(keeping.store.chunks(number), BATCH_CHUNKS):
            index.upsert(_rows(keeping, index, document, chunks))


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
