"""Vectors of a knowledge base, kept by what they were made from: (text hash, encoder fingerprint).

Dear to make and always derivable: losing them costs compute, never data. Two chunks that are searched by
the same text (context, text, enrichment) share one vector; a vector goes when its last chunk goes. Kept
as float16: encoders give unit rows, whose rounding error is far below what ranks; every index gets the
rounded values, so a score does not depend on whether a vector was just made or read back.

One SQLite file for each fingerprint, so that a batch is durable or absent and deleting leaves no byte.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qianxun.errors import Damaged
from qianxun.storage.database import Database, batches, marks

if TYPE_CHECKING:
    from qianxun.protocols import Vectors


class VectorStore:
    """Vectors of one encoder, in `<directory>/<fingerprint>.db`."""

    def __init__(self, directory: Path, fingerprint: str, dim: int) -> None:
        self.dim = dim
        self.path = directory / f"{fingerprint}.db"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = Database(self.path, _damaged)
        with self._database.transaction() as db:
            # A rowid table with an index beside it: rows are appended, only the small index is random.
            db.execute("CREATE TABLE IF NOT EXISTS vectors (hash BLOB NOT NULL, vector BLOB NOT NULL) STRICT")
            db.execute("CREATE UNIQUE INDEX IF NOT EXISTS vectors_hash ON vectors (hash)")

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def missing(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Those of the hashes that have no vector, each once, in the order given."""
        have: set[object] = set()
        for batch in batches(hashes):
            statement = f"SELECT hash FROM vectors WHERE hash IN ({marks(len(batch))})"
            have |= {row[0] for row in self._database.rows(statement, batch)}
        return [h for h in dict.fromkeys(hashes) if h not in have]

    def put(self, hashes: Sequence[bytes], vectors: "Vectors") -> None:
        """Keeps vectors, (n, dim), durable as a whole when this returns."""
        import numpy as np

        rows = np.ascontiguousarray(vectors, dtype="<f2")
        with self._database.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO vectors VALUES (?, ?)",
                [(h, row.tobytes()) for h, row in zip(hashes, rows, strict=True)],
            )

    def get(self, hashes: Sequence[bytes]) -> "Vectors":
        """(n, dim) float32 in the order of the hashes. Raises Damaged if one is missing or of the wrong size."""
        import numpy as np

        found: dict[bytes, bytes] = {}
        with self._database.translated() as db:
            for batch in batches(list(dict.fromkeys(hashes))):
                statement = f"SELECT hash, vector FROM vectors WHERE hash IN ({marks(len(batch))})"
                found.update(db.execute(statement, batch))
        try:
            joined = b"".join(found[h] for h in hashes)
            return np.frombuffer(joined, dtype="<f2").reshape(len(hashes), self.dim).astype(np.float32)
        except (KeyError, ValueError) as error:
            raise self._database.damaged("a vector is missing or cut short") from error

    def remove(self, hashes: Sequence[bytes]) -> int:
        """Takes out vectors, also those that other encoders made; returns how many there were of this one.

        A change of encoder keeps two files for a while, and what is removed meanwhile must go from both.
        """
        if not hashes:
            return 0
        for path in self.path.parent.glob("*.db"):
            if path != self.path:
                other = Database(path, _damaged)
                try:
                    # Another process may be making the file at this moment.
                    if other.rows("SELECT 1 FROM sqlite_master WHERE name = 'vectors'"):
                        _delete(other, hashes)
                finally:
                    other.close()
        return _delete(self._database, hashes)

    def hashes(self) -> set[bytes]:
        """The hash of every vector kept."""
        with self._database.translated() as db:
            return {row[0] for row in db.execute("SELECT hash FROM vectors")}

    def wrong_size(self) -> list[bytes]:
        """Hashes of vectors that are not `dim` half-precision numbers."""
        with self._database.translated() as db:
            rows = db.execute("SELECT hash FROM vectors WHERE length(vector) <> ?", (2 * self.dim,))
            return [row[0] for row in rows]

    def verify(self) -> None:
        """Raises Damaged if the file cannot be read through."""
        for line in self._database.verify():
            raise self._database.damaged(line)

    def compact(self) -> None:
        """Rewrites the file so that nothing removed is left in it."""
        self._database.compact()


def _delete(database: Database, hashes: Sequence[bytes]) -> int:
    with database.transaction() as db:
        return sum(
            db.execute(f"DELETE FROM vectors WHERE hash IN ({marks(len(batch))})", batch).rowcount
            for batch in batches(hashes)
        )


def _damaged(path: Path, words: str) -> Damaged:
    return Damaged(
        "The vectors in {path} are damaged ({error}).",
        remedy="Run `qianxun rebuild`: they are made again from the text.",
        path=path,
        error=words,
    )
