"""The tables of keys in the service's file, as numbered steps. A step, once released, never changes."""

import sqlite3
from typing import Final

from qianxun.storage.service import Step

ROOM: Final = "keys"


def m001_tables(db: sqlite3.Connection) -> None:
    """Keys, what each grants (JSON), and the hashes of the secrets that open it."""
    db.execute(
        """CREATE TABLE keys (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            granted TEXT NOT NULL,
            created TEXT NOT NULL,
            expires TEXT NOT NULL DEFAULT '',
            revoked TEXT NOT NULL DEFAULT '',
            used TEXT NOT NULL DEFAULT ''
        ) STRICT, WITHOUT ROWID"""
    )
    # More than one while a key is being rotated: the old secret holds until its own end.
    db.execute(
        """CREATE TABLE key_secrets (
            hash BLOB PRIMARY KEY,
            key TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
            expires TEXT NOT NULL DEFAULT ''
        ) STRICT, WITHOUT ROWID"""
    )


STEPS: Final[tuple[Step, ...]] = (m001_tables,)
