"""The tables of feedback in the service's file, as numbered steps. A step, once released, never changes."""

import os
import sqlite3
from typing import Final

from qianxun.storage.service import Step

ROOM: Final = "feedback"


def m001_tables(db: sqlite3.Connection) -> None:
    """Judgements and the passages that they are of."""
    for statement in (
        "CREATE TABLE feedback_key (key BLOB NOT NULL) STRICT",
        "CREATE TABLE feedback_bases (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
        # AUTOINCREMENT: what was undone or forgotten never comes back as another's.
        """CREATE TABLE feedback (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            token TEXT NOT NULL UNIQUE,
            base INTEGER NOT NULL REFERENCES feedback_bases (id) ON DELETE CASCADE,
            kind TEXT NOT NULL,
            day TEXT NOT NULL,
            question BLOB NOT NULL,
            text TEXT,
            person BLOB
        ) STRICT""",
        "CREATE INDEX feedback_day ON feedback (day)",
        "CREATE INDEX feedback_person ON feedback (person) WHERE person IS NOT NULL",
        # passed: 1 for what stood above a click. voice: of whom (or of which day) for which question, so that it counts
        # once. The index holds all that is counted, in the order in which it is.
        """CREATE TABLE feedback_passages (
            judgement INTEGER NOT NULL REFERENCES feedback (id) ON DELETE CASCADE,
            chunk INTEGER NOT NULL,
            base INTEGER NOT NULL,
            document INTEGER NOT NULL,
            kind TEXT NOT NULL,
            passed INTEGER NOT NULL,
            voice BLOB NOT NULL,
            weight REAL NOT NULL,
            PRIMARY KEY (judgement, chunk)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX feedback_passages_counted ON feedback_passages "
        "(base, document, chunk, kind, passed, voice, weight)",
    ):
        db.execute(statement)
    db.execute("INSERT INTO feedback_key VALUES (?)", (os.urandom(32),))


def m002_comments(db: sqlite3.Connection) -> None:
    """What somebody wrote beside a judgement."""
    db.execute("ALTER TABLE feedback ADD COLUMN comment TEXT")


STEPS: Final[tuple[Step, ...]] = (m001_tables, m002_comments)
