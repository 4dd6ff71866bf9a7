"""The tables of the audit in the service's file, as numbered steps. A step, once released, never changes."""

import os
import sqlite3
from typing import Final

from qianxun.storage.service import Step

ROOM: Final = "audit"


def m001_tables(db: sqlite3.Connection) -> None:
    """The chain, and beside it what may be erased without breaking it: who is who, and what was asked."""
    for statement in (
        "CREATE TABLE audit_key (key BLOB NOT NULL) STRICT",
        # AUTOINCREMENT: SQLite remembers the highest number, so that a missing end shows. at: microseconds since 1970.
        """CREATE TABLE audit (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            body TEXT NOT NULL,
            hash BLOB NOT NULL,
            signature BLOB
        ) STRICT""",
        "CREATE INDEX audit_at ON audit (at)",
        "CREATE INDEX audit_who ON audit (json_extract(body, '$.who'))",
        "CREATE INDEX audit_action ON audit (json_extract(body, '$.action'))",
        # code: what a row of the chain calls the person. name: NULL where only hashes are kept.
        """CREATE TABLE audit_people (
            code TEXT PRIMARY KEY,
            lookup BLOB NOT NULL UNIQUE,
            salt BLOB NOT NULL,
            name TEXT
        ) STRICT, WITHOUT ROWID""",
        "CREATE TABLE audit_questions (seq INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",
    ):
        db.execute(statement)
    db.execute("INSERT INTO audit_key VALUES (?)", (os.urandom(32),))


STEPS: Final[tuple[Step, ...]] = (m001_tables,)
