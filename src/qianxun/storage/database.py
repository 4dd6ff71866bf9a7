"""A SQLite file as both the truth and the vectors use it: connections, transactions, our errors.

Readers never wait for the writer (write-ahead log). What is deleted is overwritten. Statements may use one
function of ours: `folded(text)`, as text is compared. Knows no table.
"""

import functools
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from qianxun.errors import Busy, Damaged, DiskFull, QianxunError, StorageError
from qianxun.text import fold

# SQLite's default allows 32,766 variables; a modest batch keeps statements cacheable.
VARIABLES = 500
BUSY_SECONDS = 60.0

T = TypeVar("T")


class Database:
    """One file, one connection for each thread. `damaged(path, words)` is the error when the file is."""

    def __init__(self, path: Path, damaged: Callable[[Path, str], Damaged]) -> None:
        self.path = path
        self._damaged = damaged
        self._local = threading.local()
        self._connections: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._guard = threading.Lock()

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            with self._guard:
                self._close_those_of_ended_threads()
                self._connections.append((threading.current_thread(), db))
            db.execute("PRAGMA journal_mode = WAL")
            # A power cut may take back the last commits; see Store.make_durable for where that must not be.
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            # What is deleted is overwritten with zeros, not left in free pages.
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA cache_size = -16384")
            db.create_function("folded", 1, _folded, deterministic=True)
            self._local.db = db
        return db

    def close(self) -> None:
        """Lets go of every thread's connection."""
        with self._guard:
            for _, db in self._connections:
                db.close()
            self._connections.clear()
        self._local = threading.local()

    def _close_those_of_ended_threads(self) -> None:
        for thread, db in self._connections:
            if not thread.is_alive():
                db.close()
        self._connections = [(thread, db) for thread, db in self._connections if thread.is_alive()]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or after an error or a crash nothing. Nests into the outer one."""
        with self.translated():
            db = self.connection
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def translated(self) -> Iterator[sqlite3.Connection]:
        """The connection, for reading; SQLite's errors come out as ours."""
        try:
            yield self.connection
        except sqlite3.Error as error:
            raise self._error(error) from error

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Every row of a query."""
        with self.translated() as db:
            return db.execute(statement, values).fetchall()

    def verify(self) -> Iterator[str]:
        """What SQLite finds wrong with the file, a line each."""
        with self.translated() as db:
            for (line,) in db.execute("PRAGMA integrity_check(10)").fetchall():
                if line != "ok":
                    yield str(line)

    def compact(self) -> None:
        """Rewrites the file so that nothing deleted is left in it, and empties the write-ahead log."""
        with self.translated() as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("VACUUM")
            (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise Busy(
                "A process that reads {path} keeps removed text in its log.",
                remedy="Run `qianxun compact` again when it has ended.",
                path=self.path,
            )

    def damaged(self, words: str) -> Damaged:
        """The error that says the file is damaged."""
        return self._damaged(self.path, words)

    def _error(self, error: sqlite3.Error) -> QianxunError:
        words = str(error)
        if "locked" in words:
            return Busy(
                "{path} is in use by another process ({error}).",
                remedy="Run the command again.",
                path=self.path,
                error=words,
            )
        if "disk is full" in words or "disk I/O error" in words:
            return DiskFull(
                "No room is left at {path} ({error}).",
                remedy="Free some disk and run the same command again: it resumes.",
                path=self.path,
                error=words,
            )
        if "malformed" in words or "not a database" in words:
            return self.damaged(words)
        return StorageError(
            "The knowledge base file {path} cannot be used ({error}).",
            remedy="Check that the folder is writable and on a local disk.",
            path=self.path,
            error=words,
        )


@functools.lru_cache(maxsize=1024)
def _folded(text: str) -> str:
    # A filter may look at the same field many times, once for each of its parts.
    return fold(text)


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in runs that fit into one statement."""
    for first in range(0, len(items), VARIABLES):
        yield items[first : first + VARIABLES]


def marks(n: int) -> str:
    """n placeholders."""
    return ",".join("?" * n)
