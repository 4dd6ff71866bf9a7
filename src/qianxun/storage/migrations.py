"""The schema of `knowledge.db`, as numbered steps applied on open. A step, once released, never changes."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from qianxun.errors import Damaged, NewerVersion
from qianxun.records import CHUNK_BITS
from qianxun.text import script

APPLICATION_ID = 0x7178  # "qx", so that `file` and we can tell our files from others'


def m001_tables(db: sqlite3.Connection) -> None:
    """Documents, their text in parts, chunks, labels, the change log, the journal."""
    for statement in (
        # AUTOINCREMENT: an id that was given once is never given again, so a stale index that still
        # names it can find nothing instead of something else.
        """CREATE TABLE documents (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            source TEXT NOT NULL,
            title TEXT NOT NULL,
            format TEXT NOT NULL,
            status TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            digest TEXT NOT NULL DEFAULT '',
            modified TEXT NOT NULL DEFAULT '',
            added TEXT NOT NULL,
            pages INTEGER,
            chars INTEGER NOT NULL DEFAULT 0,
            chunks INTEGER NOT NULL DEFAULT 0,
            live INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        # live = 0 while a document is being written; it becomes visible, and its predecessor goes, at once.
        "CREATE UNIQUE INDEX documents_live_source ON documents (source) WHERE live = 1",
        "CREATE INDEX documents_digest ON documents (digest) WHERE live = 1",
        """CREATE TABLE document_labels (
            document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            label TEXT NOT NULL,
            PRIMARY KEY (document, label)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX document_labels_label ON document_labels (label)",
        """CREATE TABLE texts (
            document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
            start INTEGER NOT NULL,
            text TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX texts_document ON texts (document, start)",
        # headings: JSON [[start, end, text], …]; header: JSON [start, end, text] or NULL. The texts are
        # slices of the document too, kept here because the part that holds them may be far away.
        """CREATE TABLE chunks (
            id INTEGER PRIMARY KEY,
            start INTEGER NOT NULL,
            "end" INTEGER NOT NULL,
            headings TEXT NOT NULL,
            header TEXT,
            page INTEGER,
            location TEXT,
            hash BLOB NOT NULL,
            near INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX chunks_hash ON chunks (hash)",
        """CREATE TABLE changes (
            revision INTEGER PRIMARY KEY AUTOINCREMENT,
            action TEXT NOT NULL,
            document INTEGER NOT NULL
        ) STRICT""",
        # Vectors whose last chunk went: written with the removal, worked off afterwards, so that a crash
        # in between leaves a note and not an orphan.
        "CREATE TABLE forgotten (hash BLOB PRIMARY KEY) STRICT, WITHOUT ROWID",
        """CREATE TABLE journal (
            source TEXT PRIMARY KEY,
            stage TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            since TEXT NOT NULL
        ) STRICT, WITHOUT ROWID""",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    ):
        db.execute(statement)


def m002_script(db: sqlite3.Connection) -> None:
    """What each chunk is written in (`qianxun.text.script`): fusion must know where words cannot match."""
    db.create_function("script", 1, script, deterministic=True)
    db.execute("ALTER TABLE chunks ADD COLUMN script TEXT NOT NULL DEFAULT ''")
    db.execute(
        "UPDATE chunks SET script = script((SELECT substr(t.text, chunks.start - t.start + 1, "
        f'chunks."end" - chunks.start) FROM texts t WHERE t.document = chunks.id >> {CHUNK_BITS} '
        "AND t.start <= chunks.start ORDER BY t.start DESC LIMIT 1))"
    )


def m003_stamp(db: sqlite3.Connection) -> None:
    """What the file system says of each file: one that was not touched need not be read to see that it is the same."""
    db.execute("ALTER TABLE documents ADD COLUMN stamp TEXT NOT NULL DEFAULT ''")


def m004_sources(db: sqlite3.Connection) -> None:
    """Where documents come from (folders and addresses), and what became of each file at the last look."""
    for statement in (
        # labels: JSON, what new documents of it are given; NULL: the default labels. finished < begun: it was stopped.
        """CREATE TABLE roots (
            address TEXT PRIMARY KEY,
            labels TEXT,
            begun TEXT NOT NULL,
            finished TEXT NOT NULL DEFAULT '',
            problem TEXT NOT NULL DEFAULT ''
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE root_files (
            root TEXT NOT NULL REFERENCES roots (address) ON DELETE CASCADE,
            source TEXT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (root, source)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX root_files_source ON root_files (source)",
    ):
        db.execute(statement)


def m005_enrichments(db: sqlite3.Connection) -> None:
    """What generators wrote about chunks (`storage.enrichments`). questions: JSON list of texts."""
    for statement in (
        """CREATE TABLE enrichments (
            hash BLOB NOT NULL,
            maker TEXT NOT NULL,
            key BLOB NOT NULL,
            context TEXT NOT NULL,
            questions TEXT NOT NULL,
            PRIMARY KEY (hash, maker)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX enrichments_key ON enrichments (key)",
    ):
        db.execute(statement)


def m006_originals(db: sqlite3.Connection) -> None:
    """Which documents' own bytes are kept, and which of them may have become needless (`storage.originals`)."""
    for statement in (
        "CREATE TABLE originals (digest TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
        "CREATE TABLE forgotten_originals (digest TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    ):
        db.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    m001_tables,
    m002_script,
    m003_stamp,
    m004_sources,
    m005_enrichments,
    m006_originals,
)
VERSION = len(MIGRATIONS)


def version_of(db: sqlite3.Connection) -> int:
    """The schema version of an open database; 0 when it is new."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def refuse_newer(db: sqlite3.Connection, path: Path) -> None:
    """Raises NewerVersion if a newer qianxun made this file, Damaged if it is not ours at all."""
    version = version_of(db)
    application = db.execute("PRAGMA application_id").fetchone()[0]
    if version and application != APPLICATION_ID:
        raise Damaged("{path} is not a qianxun knowledge base.", remedy="Choose another folder with --kb.", path=path)
    if version > VERSION:
        raise NewerVersion(
            "The knowledge base at {path} has format {seen}, made by a newer qianxun; this one knows format {known}.",
            remedy="Upgrade with `pip install --upgrade qianxun`.",
            path=path,
            seen=version,
            known=VERSION,
        )


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Brings an open database to the current schema, each step in a transaction of its own."""
    refuse_newer(db, path)
    for number, step in enumerate(MIGRATIONS, start=1):
        if version_of(db) < number:
            db.execute("BEGIN IMMEDIATE")
            try:
                # Another process may have done this step while we waited for the lock.
                if version_of(db) < number:
                    step(db)
                    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    db.execute(f"PRAGMA user_version = {number}")
                db.execute("COMMIT")
            except BaseException:
                db.execute("ROLLBACK")
                raise
