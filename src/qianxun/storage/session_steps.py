"""The table of sessions in the service's file, as numbered steps. A step, once released, never changes."""

import sqlite3
from typing import Final

from qianxun.storage.service import Step

ROOM: Final = "sessions"


def m001_table(db: sqlite3.Connection) -> None:
    """Sessions by the hash of their secret, each with what was shown, sealed."""
    db.execute(
        "CREATE TABLE sessions (hash BLOB PRIMARY KEY, sealed BLOB NOT NULL, created TEXT NOT NULL, "
        "expires TEXT NOT NULL) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX sessions_by_end ON sessions (expires)")


def m002_renewal(db: sqlite3.Connection) -> None:
    """What renews a token that was shown, sealed; until when somebody is at it, so that nobody else is."""
    db.execute("ALTER TABLE sessions ADD COLUMN renewal BLOB")
    db.execute("ALTER TABLE sessions ADD COLUMN renewing TEXT NOT NULL DEFAULT ''")


STEPS: Final[tuple[Step, ...]] = (m001_table, m002_renewal)
