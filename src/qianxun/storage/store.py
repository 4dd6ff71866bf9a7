"""The truth of a knowledge base: documents, their cleaned text, chunks, labels, the change log.

Everything else can be rebuilt from here. All text that anybody is shown comes from here, after the
asker's filter was applied here. Knows no index and no model; vectors are in `vectors.py`.

Reading needs no lock (SQLite in WAL mode: readers never wait for the writer). Writing methods expect
that the caller holds the knowledge base's `write` lock; each is one transaction.
"""

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qianxun.errors import Damaged, InputError, NotFound, StorageError
from qianxun.files import MEMBER, with_outer
from qianxun.filters import And, Equals, Filter, Or, Prefix, matches, visible_to
from qianxun.records import (
    CHUNK_BITS,
    MAX_CHUNKS_PER_DOCUMENT,
    Asker,
    Change,
    Chunk,
    Document,
    Part,
    Span,
    Status,
    chunk_id,
    document_of,
)
from qianxun.storage.conditions import condition_of
from qianxun.storage.database import Database, batches, marks
from qianxun.storage.enrichments import Enrichments, erase
from qianxun.storage.migrations import migrate, refuse_newer, version_of
from qianxun.storage.originals import Originals, note_gone
from qianxun.text import Script, script

FILE_NAME = "knowledge.db"
DERIVED = ("indexes", "vectors")
HEADING_JOINT = " › "
CHUNKS_AT_ONCE = 1024
# SQLite's integers have 63 bits; a chunk's id is its document's with CHUNK_BITS more.
MAX_DOCUMENT_ID = 1 << (63 - CHUNK_BITS)

# `Document.state` as a condition.
_PART_READ = f"(d.status = '{Status.READY}' AND d.reason <> '')"
_IN_STATE = {
    None: "",
    Status.READY: f" AND d.status = '{Status.READY}' AND d.reason = ''",
    Status.ATTENTION: f" AND (d.status = '{Status.ATTENTION}' OR {_PART_READ})",
    Status.EMPTY: f" AND d.status = '{Status.EMPTY}'",
    Status.FAILED: f" AND d.status = '{Status.FAILED}'",
}
# Under which the secret of caches elsewhere is kept.
_SECRET = "secret"


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk with its texts. `heading` is outermost first; `header` is a table's repeated first rows."""

    id: int
    span: Span
    text: str
    heading: tuple[str, ...]
    header: str
    page: int | None
    location: str | None
    hash: bytes
    near: int
    script: Script

    @property
    def context(self) -> str:
        """What is repeated before the text for meaning, as encoders and indexes see it."""
        path = HEADING_JOINT.join(self.heading)
        return f"{path}\n{self.header}" if path and self.header else path or self.header


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A source that was begun and not finished, or that failed."""

    source: str
    stage: str
    attempt: int
    reason: str
    since: str


@dataclass(frozen=True, slots=True)
class Kinds:
    """Labels and formats of documents, each once, in order."""

    labels: tuple[str, ...]
    formats: tuple[str, ...]


class Store:
    """The documents of one knowledge base, in `<directory>/knowledge.db`."""

    def __init__(self, directory: Path, *, create: bool = True) -> None:
        self.path = directory / FILE_NAME
        self._database = Database(self.path, _damaged)
        self.enrichments = Enrichments(self._database)
        self.originals = Originals(self._database, directory)
        self._matching: dict[tuple[int, Filter], Any] = {}
        self._kinds: dict[tuple[int, Filter], Kinds] = {}
        self._guard = threading.Lock()
        with _reachable(directory):
            new = not self.path.exists()
        if new:
            _refuse_what_is_no_folder(directory)
            if not create:
                raise NotFound(
                    "There is no knowledge base at {directory}.",
                    remedy="Make one with `qianxun add PATH`, or name another with --kb.",
                    directory=directory,
                )
            _make_folder(directory)
        with self._database.translated() as db:
            refuse_newer(db, self.path)
            if version_of(db) == 0 and any((directory / derived).is_dir() for derived in DERIVED):
                raise _damaged(self.path, "it is empty, but there are indexes made from it")
            if version_of(db) == 0 or os.access(self.path, os.W_OK):
                migrate(db, self.path)

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        return self._database.rows(statement, values)

    @property
    def database(self) -> Database:
        """The file itself, for what keeps tables of its own in it."""
        return self._database

    def close(self) -> None:
        """Lets go of every thread's connection."""
        self._database.close()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """One transaction: all of it, or after an error or a crash nothing. Nests into the outer one."""
        return self._database.transaction()

    # -- writing a document --------------------------------------------------------------------------

    def begin(
        self, source: str, *, title: str, format: str, pages: int | None, digest: str, modified: str, stamp: str = ""
    ) -> int:
        """A new document that nobody sees yet; returns its id."""
        with self.transaction() as db:
            cursor = db.execute(
                "INSERT INTO documents (source, title, format, status, pages, digest, modified, added, stamp) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (source, title, format, Status.READY, pages, digest, modified, now(), stamp),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def add_part(self, document: int, part: Part, hashes: Sequence[bytes], near: Sequence[int], first: int) -> None:
        """Adds a stretch of text and its chunks to a document that was begun; `first` chunks came before.

        `hashes` are of context and text, `near` are signed 64-bit near-duplicate codes, one a chunk.
        """
        if first + len(part.chunks) > MAX_CHUNKS_PER_DOCUMENT:
            raise StorageError(
                "A document may have {limit} chunks at most.",
                remedy="Split the file.",
                limit=MAX_CHUNKS_PER_DOCUMENT,
            )
        with self.transaction() as db:
            db.execute("INSERT INTO texts VALUES (?, ?, ?)", (document, part.start, part.text))
            db.executemany(
                "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        chunk_id(document, first + i),
                        chunk.span.start,
                        chunk.span.end,
                        *_context_as_json(chunk, part.contexts[i]),
                        chunk.page,
                        chunk.location,
                        hashes[i],
                        near[i],
                        script(part.text[chunk.span.start - part.start : chunk.span.end - part.start]),
                    )
                    for i, chunk in enumerate(part.chunks)
                ],
            )

    def publish(
        self, document: int, *, status: Status, reason: str, labels: Iterable[str], chars: int, chunks: int
    ) -> int | None:
        """Makes a document visible and its predecessor of the same source gone, at once.

        The predecessor's labels are kept when `labels` is empty. Returns the predecessor's id.
        """
        with self.transaction() as db:
            (source,) = db.execute("SELECT source FROM documents WHERE id = ?", (document,)).fetchone()
            before = db.execute("SELECT id FROM documents WHERE source = ? AND live = 1", (source,)).fetchone()
            given = sorted(set(labels))
            if before is not None:
                if not given:
                    given = [
                        label for (label,) in db.execute("SELECT label FROM document_labels WHERE document = ?", before)
                    ]
                self._drop(db, [before[0]])
            db.executemany("INSERT INTO document_labels VALUES (?, ?)", [(document, label) for label in given])
            db.execute(
                "UPDATE documents SET live = 1, status = ?, reason = ?, chars = ?, chunks = ? WHERE id = ?",
                (status, reason, chars, chunks, document),
            )
            db.execute("DELETE FROM journal WHERE source = ?", (source,))
            # A document without chunks is in no index, but readers learn of it by the revision too.
            db.execute("INSERT INTO changes (action, document) VALUES ('put', ?)", (document,))
            return before and int(before[0])

    def set_stamps(self, stamps: Mapping[int, str]) -> None:
        """Notes what the file system says now of the files of these documents, whose bytes were seen to be the same."""
        with self.transaction() as db:
            db.executemany("UPDATE documents SET stamp = ? WHERE id = ?", [(s, id_) for id_, s in stamps.items()])

    def abandon(self, documents: Sequence[int] | None = None) -> int:
        """Takes out documents that were begun and never published (all of them by default); returns how many."""
        with self.transaction() as db:
            if documents is None:
                documents = [row[0] for row in db.execute("SELECT id FROM documents WHERE live = 0")]
            self._erase(db, documents)
            return len(documents)

    # -- removing and labelling ----------------------------------------------------------------------

    def drop(self, documents: Sequence[int]) -> int:
        """Takes out documents with all their text; returns the number of chunks that went."""
        with self.transaction() as db:
            return self._drop(db, documents)

    def _drop(self, db: sqlite3.Connection, documents: Sequence[int]) -> int:
        n_chunks = self._erase(db, documents)
        db.executemany("INSERT INTO changes (action, document) VALUES ('drop', ?)", [(d,) for d in documents])
        return n_chunks

    def _erase(self, db: sqlite3.Connection, documents: Sequence[int]) -> int:
        n_chunks = 0
        # What was sealed with it in caches elsewhere may say what stood in these documents.
        db.execute("DELETE FROM meta WHERE key = ?", (_SECRET,))
        for document in documents:
            limits = (document << CHUNK_BITS, (document + 1) << CHUNK_BITS)
            hashes = [h for (h,) in db.execute("SELECT hash FROM chunks WHERE id >= ? AND id < ?", limits)]
            n_chunks += db.execute("DELETE FROM chunks WHERE id >= ? AND id < ?", limits).rowcount
            db.executemany(
                "INSERT OR IGNORE INTO forgotten SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE hash = ?1)",
                [(h,) for h in set(hashes)],
            )
            erase(db, set(hashes))
            db.execute("DELETE FROM texts WHERE document = ?", (document,))
            facts = db.execute("SELECT source, digest FROM documents WHERE id = ?", (document,)).fetchone()
            if facts is not None:
                db.execute("DELETE FROM journal WHERE source = ?", facts[:1])
                note_gone(db, facts[1:])
            db.execute("DELETE FROM documents WHERE id = ?", (document,))
        return n_chunks

    def label(self, documents: Sequence[int], *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Adds and removes labels; the next query sees it."""
        with self.transaction() as db:
            for document in documents:
                if db.execute("SELECT 1 FROM documents WHERE id = ?", (document,)).fetchone() is None:
                    continue  # removed while we waited for the lock
                db.executemany("INSERT OR IGNORE INTO document_labels VALUES (?, ?)", [(document, x) for x in add])
                db.executemany(
                    "DELETE FROM document_labels WHERE document = ? AND label = ?", [(document, x) for x in remove]
                )
                db.execute("INSERT INTO changes (action, document) VALUES ('label', ?)", (document,))

    # -- documents -----------------------------------------------------------------------------------

    def documents(self, asker: Asker, where: Filter | None = None) -> list[Document]:
        """Documents that the asker may see, by source."""
        condition, values = condition_of(_visible(asker, where))
        return self._documents(f"WHERE d.live = 1 AND {condition} ORDER BY d.source", values)

    def listed(
        self, asker: Asker, where: Filter | None = None, *, state: Status | None = None, first: int, count: int
    ) -> tuple[list[Document], int]:
        """At most `count` of these documents by source, from the one at `first` on, and how many there are in all."""
        condition, values = condition_of(_visible(asker, where))
        rest = f"FROM documents d WHERE d.live = 1 AND {condition}{_IN_STATE[state]}"
        # Counted on the way: a filter that looks into titles is not asked twice.
        page = f"SELECT d.id, count(*) OVER () {rest} ORDER BY d.source LIMIT ? OFFSET ?"
        rows = self._rows(page, [*values, count, first])
        if not rows:
            return [], int(self._rows(f"SELECT count(*) {rest}", values)[0][0])
        ids = [row[0] for row in rows]
        return self._documents(f"WHERE d.live = 1 AND d.id IN ({marks(len(ids))}) ORDER BY d.source", ids), rows[0][1]

    def document(self, document: int, asker: Asker) -> Document:
        """One document. Raises NotFound if there is none, or the asker may not see it: the two read the same."""
        condition, values = condition_of(_visible(asker, None))
        found = (
            []
            if not 0 <= document < MAX_DOCUMENT_ID
            else self._documents(f"WHERE d.live = 1 AND d.id = ? AND {condition}", [document, *values])
        )
        if not found:
            raise NotFound("There is no document {id}.", remedy="The list of documents shows the ids.", id=document)
        return found[0]

    def has_below(self, prefix: str) -> bool:
        """Whether there is a document whose source begins so. Costs no look at the others."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        found = "SELECT EXISTS (SELECT 1 FROM documents WHERE live = 1 AND source >= ? AND source < ?)"
        return bool(self._rows(found, (prefix, end))[0][0])

    def count(self, asker: Asker, where: Filter | None = None) -> int:
        """How many searchable documents the asker may see."""
        condition, values = condition_of(_visible(asker, where))
        row = self._rows(f"SELECT count(*) FROM documents d WHERE d.live = 1 AND d.chunks > 0 AND {condition}", values)
        return int(row[0][0])

    def kinds(self, asker: Asker, where: Filter | None = None) -> Kinds:
        """What the documents that the asker may see can be told apart by. Remembered by revision.

        Labels are those of the asker only.
        """
        visible = _visible(asker, where)
        key = (self.revision, visible)
        with self._guard:
            found = self._kinds.get(key)
        if found is None:
            condition, values = condition_of(visible)
            labels = self._rows(
                "SELECT DISTINCT l.label FROM document_labels l JOIN documents d ON d.id = l.document "
                f"WHERE d.live = 1 AND {condition} ORDER BY l.label",
                values,
            )
            formats = self._rows(
                f"SELECT DISTINCT d.format FROM documents d WHERE d.live = 1 AND {condition} ORDER BY d.format", values
            )
            found = Kinds(
                tuple(label for (label,) in labels if asker.labels is None or label in asker.labels),
                tuple(name for (name,) in formats),
            )
            with self._guard:
                if len(self._kinds) > 64 or any(revision != key[0] for revision, _ in self._kinds):
                    self._kinds.clear()
                self._kinds[key] = found
        return found

    def by_source(self, sources: Sequence[str]) -> dict[str, Document]:
        """The documents of these sources, for the ingest flow."""
        found: dict[str, Document] = {}
        for batch in batches(sources):
            for document in self._documents(f"WHERE d.live = 1 AND d.source IN ({marks(len(batch))})", batch):
                found[document.source] = document
        return found

    def below(self, source: str) -> list[Document]:
        """The documents whose source is this, lies below it as a folder, or in it as an archive."""
        folder = source.rstrip("/")
        anywhere = (
            And(()) if not folder else Or((Prefix("source", f"{folder}/"), Prefix("source", f"{folder}{MEMBER}")))
        )
        return self.documents(Asker.admin(), Or((Equals("source", source), anywhere)))

    def inside(self, source: str) -> list[Document]:
        """The documents of files inside this source's file: members of an archive, attachments of a letter."""
        return self.documents(Asker.admin(), Prefix("source", f"{source}{MEMBER}"))

    def labels_if_moved(self, digest: str, is_gone: Callable[[str], bool]) -> tuple[str, ...] | None:
        """The labels of a document with these bytes whose file is no longer there, so that it may have been moved.

        A moved file keeps its labels; else renaming would lift a restriction. None if there is none. `is_gone(source)`
        says of each name under which the file may be whether it was there and is no longer.
        """
        for document in self._documents("WHERE d.live = 1 AND d.digest = ? ORDER BY d.id", (digest,)):
            if all(map(is_gone, with_outer(document.source))):
                return document.labels
        return None

    def _documents(self, rest: str, values: Sequence[object]) -> list[Document]:
        rows = self._rows(
            "SELECT d.id, d.source, d.title, d.format, d.status, d.reason, "
            "(SELECT json_group_array(label) FROM "
            "(SELECT label FROM document_labels WHERE document = d.id ORDER BY label)), "
            "d.chunks, d.pages, d.chars, d.digest, d.modified, d.added, d.stamp FROM documents d " + rest,
            values,
        )
        return [_document(row) for row in rows]

    def matching(self, where: Filter) -> Any:
        """The sorted ids of the documents that a filter lets through, (n,) int64. Remembered by revision."""
        import numpy as np

        key = (self.revision, where)
        with self._guard:
            found = self._matching.get(key)
        if found is None:
            condition, values = condition_of(where)
            rows = self._rows(f"SELECT d.id FROM documents d WHERE d.live = 1 AND {condition} ORDER BY d.id", values)
            found = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
            with self._guard:
                if len(self._matching) > 64 or any(revision != key[0] for revision, _ in self._matching):
                    self._matching.clear()
                self._matching[key] = found
        return found

    # -- text ----------------------------------------------------------------------------------------

    def text(self, document: int) -> str:
        """The whole cleaned text of a document."""
        rows = self._rows("SELECT text FROM texts WHERE document = ? ORDER BY start", (document,))
        return "".join(row[0] for row in rows)

    def chunks(self, document: int, first: int = 0, count: int = MAX_CHUNKS_PER_DOCUMENT) -> Iterator[StoredChunk]:
        """A document's chunks in reading order, a few at a time; ends early if the document is removed meanwhile."""
        low = chunk_id(document, first)
        high = min(low + count, chunk_id(document + 1, 0))
        part_start, part_text = -1, ""
        while low < high:
            rows = self._rows(
                'SELECT id, start, "end", headings, header, page, location, hash, near, script, '
                "(SELECT max(t.start) FROM texts t WHERE t.document = ? AND t.start <= c.start) "
                "FROM chunks c WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (document, low, high, CHUNKS_AT_ONCE),
            )
            if not rows:
                return
            for *row, start in rows:
                if start != part_start:
                    found = self._rows("SELECT text FROM texts WHERE document = ? AND start = ?", (document, start))
                    if not found:
                        return
                    part_start, part_text = start, found[0][0]
                yield _stored_chunk(row, part_text[row[1] - part_start : row[2] - part_start])
            low = rows[-1][0] + 1

    def section(self, chunk: int) -> tuple[Span, int] | None:
        """The section that a chunk stands in, and the id of its first chunk; None if there is no such chunk.

        It is that of the chunk's deepest heading, with what is below it. Cost: linear in the document's chunks.
        """
        document = document_of(chunk)
        rows = self._rows(
            'SELECT id, start, "end", headings FROM chunks WHERE id >= ? AND id < ? ORDER BY id',
            (chunk_id(document, 0), chunk_id(document + 1, 0)),
        )
        at = next((place for place, row in enumerate(rows) if row[0] == chunk), None)
        if at is None:
            return None
        path = json.loads(rows[at][3])

        def belongs(place: int) -> bool:
            if not 0 <= place < len(rows):
                return False
            own = json.loads(rows[place][3])
            return bool(own[: len(path)] == path and (path or not own))

        first = last = at
        while belongs(first - 1):
            first -= 1
        while belongs(last + 1):
            last += 1
        start = path[-1][0] if path else rows[first][1]
        end = max(row[2] for row in rows[first : last + 1])
        return Span(start, end), int(rows[first][0])

    def passages(self, ids: Sequence[int], where: Filter | None) -> dict[int, tuple[Document, StoredChunk]]:
        """The chunks with these ids that still exist and that the filter lets through, with their documents.

        This is the last gate: whatever an index believes, nothing deleted or forbidden passes here.
        """
        found: dict[int, tuple[Document, StoredChunk]] = {}
        for batch in batches(ids):
            owners = list({document_of(c) for c in batch})
            visible = {
                d.id: d
                for d in self._documents(f"WHERE d.live = 1 AND d.id IN ({marks(len(owners))})", owners)
                if where is None or matches(where, d)
            }
            with self._database.translated():
                rows = self._rows(
                    'SELECT c.id, c.start, c."end", c.headings, c.header, c.page, c.location, c.hash, c.near, '
                    "c.script, "
                    '(SELECT substr(t.text, c.start - t.start + 1, c."end" - c.start) FROM texts t '
                    f"WHERE t.document = c.id >> {CHUNK_BITS} AND t.start <= c.start ORDER BY t.start DESC LIMIT 1) "
                    f"FROM chunks c WHERE c.id IN ({marks(len(batch))})",
                    batch,
                )
            for *row, text in rows:
                document = visible.get(document_of(row[0]))
                if document is not None:
                    found[row[0]] = (document, _stored_chunk(row, text))
        return found

    def make_durable(self) -> None:
        """Returns when everything committed so far would survive a power cut.

        Commits are not synced one by one (thousands of small files would wait for the disk each). Before an
        index commits, the truth must be safe: a commit taken back would leave the index ahead of the truth,
        which would then give the same ids to other documents.
        """
        with self._database.translated() as db:
            db.execute("PRAGMA synchronous = FULL")
            try:
                self.set_meta("durable", str(self.revision))
            finally:
                db.execute("PRAGMA synchronous = NORMAL")

    def note_enriched(self, document: int, before: int | None = None) -> int:
        """Writes down that a document's chunks are searched by other words; returns the revision.

        `before` is the revision of an earlier such note of the same document, which this one makes needless.
        """
        with self.transaction() as db:
            if before is not None:
                db.execute("DELETE FROM changes WHERE revision = ? AND action = 'enrich'", (before,))
            cursor = db.execute("INSERT INTO changes (action, document) VALUES ('enrich', ?)", (document,))
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    # -- the change log ------------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """The number of the newest change; 0 when nothing ever happened."""
        newest = self._rows("SELECT max(revision) FROM changes")[0][0]
        if newest is None:  # the log was pruned
            newest = self._rows("SELECT max(seq) FROM sqlite_sequence WHERE name = 'changes'")[0][0]
        return newest or 0

    def changes(self, since: int, limit: int) -> list[Change]:
        """At most `limit` changes after a revision, oldest first."""
        rows = self._rows(
            "SELECT revision, action, document FROM changes WHERE revision > ? ORDER BY revision LIMIT ?",
            (since, limit),
        )
        return [Change(*row) for row in rows]

    def put_since(self, revision: int, documents: Sequence[int]) -> set[int]:
        """Those of these documents that became visible after a revision."""
        found: set[int] = set()
        for batch in batches(documents):
            rows = self._rows(
                "SELECT DISTINCT document FROM changes WHERE revision > ? AND action = 'put' "
                f"AND document IN ({marks(len(batch))})",
                (revision, *batch),
            )
            found.update(row[0] for row in rows)
        return found

    @property
    def log_start(self) -> int:
        """Changes up to this revision were pruned: an index older than this must be built anew."""
        return int(self.meta("log_start") or 0)

    def prune_changes(self, upto: int) -> None:
        """Forgets changes up to a revision that every index has reached."""
        with self.transaction() as db:
            db.execute("DELETE FROM changes WHERE revision <= ?", (upto,))
            self.set_meta("log_start", str(max(upto, self.log_start)))

    def live_documents(self) -> dict[int, int]:
        """Every visible document's id → its number of chunks as recorded."""
        return dict(self._rows("SELECT id, chunks FROM documents WHERE live = 1 ORDER BY id"))

    def live(self, documents: Sequence[int]) -> dict[int, Document]:
        """Those of these documents that exist, by id, in the order given."""
        found: dict[int, Document] = {}
        for batch in batches(documents):
            for document in self._documents(f"WHERE d.live = 1 AND d.id IN ({marks(len(batch))})", batch):
                found[document.id] = document
        return {document: found[document] for document in documents if document in found}

    # -- vectors to make and to forget ---------------------------------------------------------------

    def hashes(self) -> set[bytes]:
        """The hash of every chunk's context and text."""
        return {row[0] for row in self._rows("SELECT DISTINCT hash FROM chunks")}

    def forgotten(self, limit: int) -> list[bytes]:
        """Hashes whose last chunk went and whose vector may still be there."""
        rows = self._rows("SELECT hash FROM forgotten LIMIT ?", (limit,))
        return [row[0] for row in rows]

    def unused(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Those of the hashes that no chunk has (again), and no chunk is searched by."""
        used: set[bytes] = set()
        for batch in batches(hashes):
            used |= {
                row[0] for row in self._rows(f"SELECT hash FROM chunks WHERE hash IN ({marks(len(batch))})", batch)
            }
            used |= self.enrichments.used(batch)
        return [h for h in hashes if h not in used]

    def forget_done(self, hashes: Sequence[bytes]) -> None:
        """Notes that these vectors are gone."""
        with self.transaction() as db:
            db.executemany("DELETE FROM forgotten WHERE hash = ?", [(h,) for h in hashes])

    # -- journal and meta ----------------------------------------------------------------------------

    def note(self, source: str, stage: str, reason: str = "") -> int:
        """Writes down what is being done with a source; returns which attempt this is."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO journal VALUES (?, ?, 1, ?, ?) ON CONFLICT (source) DO UPDATE SET "
                "stage = excluded.stage, attempt = attempt + 1, reason = excluded.reason, since = excluded.since",
                (source, stage, reason, now()),
            )
            (attempt,) = db.execute("SELECT attempt FROM journal WHERE source = ?", (source,)).fetchone()
            return int(attempt)

    def unnote(self, source: str) -> None:
        """Nothing is the matter with a source any more."""
        with self.transaction() as db:
            db.execute("DELETE FROM journal WHERE source = ?", (source,))

    def journal(self) -> list[JournalEntry]:
        """What was begun and not finished."""
        rows = self._rows("SELECT source, stage, attempt, reason, since FROM journal ORDER BY source")
        return [JournalEntry(*row) for row in rows]

    def meta(self, key: str) -> str | None:
        """A fact about the knowledge base."""
        row = next(iter(self._rows("SELECT value FROM meta WHERE key = ?", (key,))), None)
        return row and str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Remembers a fact about the knowledge base."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
            )

    def secret(self) -> bytes:
        """32 random bytes that caches elsewhere seal with: other ones after every removal and replacement."""
        found = self.meta(_SECRET)
        if found is None:
            with self.transaction() as db:
                db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (_SECRET, secrets.token_hex(32)))
                ((found,),) = db.execute("SELECT value FROM meta WHERE key = ?", (_SECRET,)).fetchall()
        return bytes.fromhex(str(found))

    def note_indexed(self, index: str) -> None:
        """Remembers that an index has files, so that their loss is noticed."""
        if self.meta(f"indexed:{index}") is None:
            self.set_meta(f"indexed:{index}", now())

    def was_indexed(self, index: str) -> bool:
        """True if an index of this name ever committed."""
        return self.meta(f"indexed:{index}") is not None

    def forget_indexed(self, index: str) -> None:
        """Forgets that an index has files; it will be made anew."""
        with self.transaction() as db:
            db.execute("DELETE FROM meta WHERE key = ?", (f"indexed:{index}",))

    def counts(self) -> dict[str, int]:
        """Documents by status, and chunks."""
        counts = {status.value: 0 for status in Status}
        counts.update(self._rows("SELECT status, count(*) FROM documents WHERE live = 1 GROUP BY status"))
        counts["chunks"] = self._rows("SELECT count(*) FROM chunks")[0][0]
        return counts

    # -- upkeep --------------------------------------------------------------------------------------

    def inconsistencies(self) -> Iterator[tuple[str, int, str]]:
        """Contradictions within the truth itself, as (kind, document, detail)."""
        for line in self._database.verify():
            yield "damaged", 0, line
        loading = {row[0] for row in self._rows("SELECT id FROM documents WHERE live = 0")}
        for document in sorted(loading):
            yield "unfinished", document, "begun and never finished"
        counted: dict[int, int] = dict(self._rows(f"SELECT id >> {CHUNK_BITS}, count(*) FROM chunks GROUP BY 1"))
        recorded = self.live_documents()
        for document, n in recorded.items():
            if counted.get(document, 0) != n:
                yield "chunks", document, f"{counted.get(document, 0)} chunks stored, {n} recorded"
        for document in counted.keys() - recorded.keys() - loading:
            yield "chunks", document, "chunks of no document"
        for table in ("texts", "document_labels"):
            rows = self._rows(f"SELECT DISTINCT document FROM {table} WHERE document NOT IN (SELECT id FROM documents)")
            for (document,) in rows:
                yield table, document, "belongs to no document"

    def compact(self) -> None:
        """Rewrites the file so that nothing deleted is left in it, and empties the write-ahead log."""
        self._database.compact()


def now() -> str:
    """The time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(row: Sequence[Any]) -> Document:
    id_, source, title, format_, status, reason, labels, *rest = row
    chunks, pages, chars, digest, modified, added, stamp = rest
    return Document(
        id=id_,
        source=source,
        title=title,
        format=format_,
        status=Status(status),
        reason=reason,
        labels=tuple(json.loads(labels)),
        chunks=chunks,
        pages=pages,
        chars=chars,
        digest=digest,
        modified=modified,
        added=added,
        stamp=stamp,
    )


def _stored_chunk(row: Sequence[Any], text: str) -> StoredChunk:
    id_, start, end, headings, header, page, location, hash_, near, script = row
    return StoredChunk(
        id=id_,
        span=Span(start, end),
        text=text or "",
        heading=tuple(item[2] for item in json.loads(headings)) if headings != "[]" else (),
        header=json.loads(header)[2] if header else "",
        page=page,
        location=location,
        hash=hash_,
        near=near,
        script=script,
    )


def _refuse_what_is_no_folder(directory: Path) -> None:
    """Refuses a path where no knowledge base can be made: under a file, or among other things."""
    try:
        found = next((entry.name for entry in os.scandir(directory)), None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(directory, error) from error
    if found is not None:
        raise InputError(
            "{directory} holds other things ({found}) and no knowledge base.",
            remedy="Name another folder with --kb; it is made if it is not there.",
            directory=directory,
            found=found,
        )


@contextmanager
def _reachable(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(directory, error) from error


def _make_folder(directory: Path) -> None:
    with _reachable(directory):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)


def _unusable(directory: Path, error: OSError) -> InputError:
    return InputError(
        "{directory} cannot be the folder of a knowledge base ({error}).",
        remedy="Name another folder with --kb.",
        directory=directory,
        error=error.strerror or error,
    )


def _damaged(path: Path, words: str) -> Damaged:
    return Damaged(
        "The knowledge base file {path} is damaged ({error}).",
        remedy="Restore it from a backup, or add the documents to a new one with --kb.",
        path=path,
        error=words,
    )


def _context_as_json(chunk: Chunk, context: str) -> tuple[str, str | None]:
    """The context's spans with their texts, cut from the joined context by the spans' lengths."""
    headings, at = [], 0
    for span in chunk.headings:
        headings.append([span.start, span.end, context[at : at + span.end - span.start]])
        at += span.end - span.start + len(HEADING_JOINT)
    header = None
    if chunk.header is not None:
        length = chunk.header.end - chunk.header.start
        header = json.dumps([chunk.header.start, chunk.header.end, context[len(context) - length :]])
    return json.dumps(headings), header


def _visible(asker: Asker, where: Filter | None) -> Filter:
    return visible_to(asker, where) or And(())
