"""Tokens used by each caller on each day (UTC), in the service's file; several processes add to them.

`note` counts at once in this process; `write` puts it into a transaction of somebody else's (see `group_commit`), so
that it is on disk with the audit of the same requests. `used` reads the file at most once a second for a caller and
adds what this process has not written yet: another process's use counts a moment later.
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from qianxun.storage.database import Database
from qianxun.storage.service import Step, migrate

ROOM: Final = "quotas"
KEPT_DAYS: Final = 62
_FRESH_SECONDS: Final = 1.0
_MOST_REMEMBERED: Final = 10_000


def m001_tables(db: sqlite3.Connection) -> None:
    """Requests and tokens by day and caller."""
    db.execute(
        """CREATE TABLE quotas (
            day TEXT NOT NULL,
            who TEXT NOT NULL,
            requests INTEGER NOT NULL,
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            PRIMARY KEY (day, who)
        ) STRICT, WITHOUT ROWID"""
    )


STEPS: Final[tuple[Step, ...]] = (m001_tables,)


@dataclass(frozen=True, slots=True)
class Use:
    """What one request used, or a part of a job (`requests` 0): `day` as 2026-03-18, UTC."""

    who: str
    day: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 1

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.prompt_tokens + self.completion_tokens


class Quotas:
    """What callers used. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        migrate(database, ROOM, STEPS)
        self._guard = threading.Lock()
        self._pending: Counter[tuple[str, str]] = Counter()
        self._read: dict[tuple[str, str], tuple[float, int]] = {}

    def note(self, use: Use) -> None:
        """Counts a use that is to be written; `used` knows of it from now on."""
        with self._guard:
            self._pending[use.who, use.day] += use.tokens

    def write(self, db: sqlite3.Connection, uses: Iterable[Use]) -> None:
        """Adds the uses to the file, in the caller's transaction; call `written` when it is committed."""
        rows = [(use.day, use.who, use.requests, use.prompt_tokens, use.completion_tokens) for use in uses]
        db.executemany(
            "INSERT INTO quotas VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "requests = requests + excluded.requests, "
            "prompt_tokens = prompt_tokens + excluded.prompt_tokens, "
            "completion_tokens = completion_tokens + excluded.completion_tokens",
            rows,
        )

    def written(self, uses: Iterable[Use]) -> None:
        """Says that these, noted before, are in the file."""
        with self._guard:
            for use in uses:
                key = (use.who, use.day)
                self._pending[key] -= use.tokens
                if not self._pending[key]:
                    del self._pending[key]
                # Read again: nobody knows whether the last reading saw it.
                self._read.pop(key, None)

    def used(self, who: str, day: str | None = None) -> int:
        """Tokens that a caller used on a day, today unless one is named; at most a second behind other processes."""
        key = (who, day or today())
        with self._guard:
            read, tokens = self._read.get(key, (-_FRESH_SECONDS, 0))
            if time.monotonic() - read >= _FRESH_SECONDS:
                rows = self._database.rows(
                    "SELECT prompt_tokens + completion_tokens FROM quotas WHERE who = ? AND day = ?", key
                )
                tokens = int(rows[0][0]) if rows else 0
                if len(self._read) >= _MOST_REMEMBERED:
                    self._read.clear()
                self._read[key] = time.monotonic(), tokens
            return tokens + self._pending[key] if key in self._pending else tokens

    def erase(self, who: str) -> int:
        """Takes out everything of one caller; returns of how many days there was something."""
        with self._database.transaction() as db:
            n = db.execute("DELETE FROM quotas WHERE who = ?", (who,)).rowcount
        with self._guard:
            self._read.clear()
        return n

    def expire(self, now: datetime | None = None) -> int:
        """Takes out days that are long over; returns how many rows that were."""
        last = ((now or datetime.now(UTC)).astimezone(UTC) - timedelta(days=KEPT_DAYS)).strftime("%Y-%m-%d")
        with self._database.transaction() as db:
            return db.execute("DELETE FROM quotas WHERE day < ?", (last,)).rowcount


def today() -> str:
    """The day (UTC) as it is kept."""
    return datetime.now(UTC).strftime("%Y-%m-%d")
