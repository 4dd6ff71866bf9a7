"""What `check` found last in each knowledge base, in the service's file, so that metrics can show it.

Whoever runs a check through the service notes it here. Counts only.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from qianxun.storage.database import Database
from qianxun.storage.service import Step, migrate

ROOM: Final = "checks"


def m001_tables(db: sqlite3.Connection) -> None:
    """The last check of each knowledge base."""
    db.execute(
        "CREATE TABLE checks (base TEXT PRIMARY KEY, at TEXT NOT NULL, problems INTEGER NOT NULL) STRICT, WITHOUT ROWID"
    )


STEPS: Final[tuple[Step, ...]] = (m001_tables,)


@dataclass(frozen=True, slots=True)
class Checked:
    """When a knowledge base was compared with its indexes, and how many orphans and gaps there were."""

    base: str
    at: datetime
    problems: int


class Checks:
    """The last checks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        migrate(database, ROOM, STEPS)

    def note(self, base: str, problems: int, *, now: datetime | None = None) -> None:
        """Keeps what a check found."""
        at = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO checks VALUES (?, ?, ?)", (base, at, problems))

    def forget(self, base: str) -> None:
        """The knowledge base is gone."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM checks WHERE base = ?", (base,))

    def all(self) -> list[Checked]:
        """By base."""
        rows = self._database.rows("SELECT base, at, problems FROM checks ORDER BY base")
        return [Checked(base, datetime.fromisoformat(at), problems) for base, at, problems in rows]
