"""Vectors of a knowledge base, kept by what they were made from: (text hash, encoder fingerprint).

Dear to make and always derivable: losing them costs compute, never data. Two chunks with the same
context and text share one vector; a vector goes when its last chunk goes. Kept as float16: encoders
give unit rows, whose rounding error is far below what ranks; every index gets the rounded values, so a
score does not depend on whether a vector was just made or read back.

One SQLite file for each fingerprint, so that a batch is durable or absent and deleting leaves no byte.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qianxun.errors import Damaged, DiskFull

if TYPE_CHECKING:
    from qianxun.protocols import Vectors

VARIABLES = 500


class VectorStore:
    """Vectors of one encoder, in `<directory>/<fingerprint>.db`."""

    def __init__(self, directory: Path, fingerprint: str, dim: int) -> None:
        self.dim = dim
        self.path = directory / f"{fingerprint}.db"
        self._guard = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._translated():
            self._db = sqlite3.connect(self.path, timeout=60.0, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA secure_delete = ON")
            # A rowid table with an index beside it: rows are appended, only the small index is random.
            self._db.execute("CREATE TABLE IF NOT EXISTS vectors (hash BLOB NOT NULL, vector BLOB NOT NULL) STRICT")
            self._db.execute("CREATE UNIQUE INDEX IF NOT EXISTS vectors_hash ON vectors (hash)")

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()

    def missing(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Those of the hashes that have no vector, each once, in the order given."""
        have: set[bytes] = set()
        with self._translated():
            for batch in _batches(hashes):
                marks = ",".join("?" * len(batch))
                have |= {r[0] for r in self._db.execute(f"SELECT hash FROM vectors WHERE hash IN ({marks})", batch)}
        return [h for h in dict.fromkeys(hashes) if h not in have]

    def put(self, hashes: Sequence[bytes], vectors: "Vectors") -> None:
        """Keeps vectors, (n, dim), durable as a whole when this returns."""
        import numpy as np

        rows = np.ascontiguousarray(vectors, dtype="<f2")
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?)",
                [(h, row.tobytes()) for h, row in zip(hashes, rows, strict=True)],
            )

    def get(self, hashes: Sequence[bytes]) -> "Vectors":
        """(n, dim) float32 in the order of the hashes. Raises Damaged if one is missing or of the wrong size."""
        import numpy as np

        found: dict[bytes, bytes] = {}
        with self._translated():
            for batch in _batches(list(dict.fromkeys(hashes))):
                marks = ",".join("?" * len(batch))
                found.update(self._db.execute(f"SELECT hash, vector FROM vectors WHERE hash IN ({marks})", batch))
        try:
            joined = b"".join(found[h] for h in hashes)
            return np.frombuffer(joined, dtype="<f2").reshape(len(hashes), self.dim).astype(np.float32)
        except (KeyError, ValueError) as error:
            raise self._damaged("a vector is missing or cut short") from error

    def remove(self, hashes: Sequence[bytes]) -> int:
        """Takes out vectors; returns how many there were."""
        with self._transaction():
            return sum(
                self._db.execute(f"DELETE FROM vectors WHERE hash IN ({','.join('?' * len(batch))})", batch).rowcount
                for batch in _batches(hashes)
            )

    def hashes(self) -> set[bytes]:
        """The hash of every vector kept."""
        with self._translated():
            return {row[0] for row in self._db.execute("SELECT hash FROM vectors")}

    def wrong_size(self) -> list[bytes]:
        """Hashes of vectors that are not `dim` half-precision numbers."""
        with self._translated():
            rows = self._db.execute("SELECT hash FROM vectors WHERE length(vector) <> ?", (2 * self.dim,))
            return [row[0] for row in rows]

    def verify(self) -> None:
        """Raises Damaged if the file cannot be read through."""
        with self._translated():
            for (line,) in self._db.execute("PRAGMA integrity_check(1)").fetchall():
                if line != "ok":
                    raise self._damaged(str(line))

    def compact(self) -> None:
        """Rewrites the file so that nothing removed is left in it."""
        with self._translated():
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guard, self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            words = str(error)
            if "disk is full" in words or "disk I/O error" in words:
                raise DiskFull(
                    "No room is left at {path} ({error}).",
                    remedy="Free some disk and run the same command again: it resumes.",
                    path=self.path,
                    error=words,
                ) from error
            raise self._damaged(words) from error

    def _damaged(self, words: str) -> Damaged:
        return Damaged(
            "The vectors in {path} are damaged ({error}).",
            remedy="Run `qianxun rebuild`: they are made again from the text.",
            path=self.path,
            error=words,
        )


def _batches(items: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for first in range(0, len(items), VARIABLES):
        yield items[first : first + VARIABLES]
