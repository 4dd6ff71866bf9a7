"""The bytes of documents that were handed over, in `<kb>/originals/`, so that they can be fetched again.

A file is named by the SHA-256 of its bytes, and there is one however many documents have them. That it is kept is
written in the truth (`originals`). Where it may have become needless, its digest is noted (`forgotten_originals`): by
whoever takes out a document, in the same transaction, and by whoever puts a file there, before. Notes are worked off
later, so that a crash leaves a note and never a file of no document. Writing methods expect that the caller holds the
`write` lock.
"""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from qianxun.errors import DiskFull, StorageError
from qianxun.storage.database import Database, batches, marks

FOLDER_NAME: Final = "originals"
# On its way to its name: of a copy that was cut short nothing is taken for the file.
_UNFINISHED: Final = ".new"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Originals:
    """The originals of one knowledge base."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self.folder = directory / FOLDER_NAME

    def path(self, digest: str) -> Path:
        """Where the bytes with this digest lie, if they are kept."""
        return self.folder / digest[:2] / digest

    def has(self, digest: str) -> bool:
        """Whether the bytes with this digest are kept."""
        return bool(self._database.rows("SELECT 1 FROM originals WHERE digest = ?", (digest,)))

    def keep(self, digest: str, file: Path) -> bool:
        """Keeps a file's bytes for as long as a document has them; False if none has. `digest` is that of the file.

        Raises StorageError, DiskFull.
        """
        with self._database.transaction() as db:
            if self.has(digest) and self.path(digest).is_file() and _has_document(db, digest):
                return True
            _note(db, [digest])
        self._put(digest, file)
        with self._database.transaction() as db:
            kept = _has_document(db, digest)
            if kept:
                db.execute("INSERT OR IGNORE INTO originals VALUES (?)", (digest,))
                db.execute("DELETE FROM forgotten_originals WHERE digest = ?", (digest,))
        return kept

    def work_off(self) -> int:
        """Deletes the files that were noted and no document has; returns how many."""
        deleted = 0
        for (digest,) in self._database.rows("SELECT digest FROM forgotten_originals"):
            with self._database.transaction() as db:
                # A file that is not written down was put there by who did not get further.
                if not (_has_document(db, digest) and self.has(digest)):
                    db.execute("DELETE FROM originals WHERE digest = ?", (digest,))
                    deleted += self._delete(digest)
                db.execute("DELETE FROM forgotten_originals WHERE digest = ?", (digest,))
        return deleted

    def count(self) -> int:
        """How many are kept."""
        return int(self._database.rows("SELECT count(*) FROM originals")[0][0])

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """What of the files and the truth does not go together, as (`orphan` or `gap`, name, detail)."""
        kept = {row[0] for row in self._database.rows("SELECT digest FROM originals")}
        rows = self._database.rows(
            "SELECT digest FROM originals o WHERE NOT EXISTS "
            "(SELECT 1 FROM documents d WHERE d.digest = o.digest AND d.live = 1)"
        )
        for (digest,) in rows:
            yield "orphan", digest, "original of no document"
        files = {path.name: path for path in self._files()}
        for name in sorted(files.keys() - kept):
            yield "orphan", name, "file of no original"
        for digest in sorted(kept - files.keys()):
            yield "gap", digest, "original whose file is gone"

    def mend(self) -> int:
        """Deletes what belongs to no document, and forgets originals whose files are gone; returns how many."""
        self.work_off()
        found = [name for _, name, _ in self.contradictions()]
        with self._database.transaction() as db:
            for batch in batches(found):
                db.execute(f"DELETE FROM originals WHERE digest IN ({marks(len(batch))})", batch)
        named = set(found)
        for path in self._files():
            if path.name in named:
                path.unlink(missing_ok=True)
        return len(found)

    def _files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()] if self.folder.is_dir() else []

    def _put(self, digest: str, file: Path) -> None:
        path = self.path(digest)
        beside = path.with_name(path.name + _UNFINISHED)
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            beside.unlink(missing_ok=True)
            try:
                os.link(file, beside)
            except OSError:  # another file system, or one without links
                shutil.copyfile(file, beside)
            beside.replace(path)
        except OSError as error:
            kind = DiskFull if error.errno in _FULL else StorageError
            raise kind(
                "{path} cannot be written ({error}).",
                remedy="Check that the folder is writable and has room.",
                path=self.folder,
                error=error.strerror or error,
            ) from error

    def _delete(self, digest: str) -> int:
        path = self.path(digest)
        there = path.is_file()
        for name in (path, path.with_name(path.name + _UNFINISHED)):
            name.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others have the same beginning
            path.parent.rmdir()
        return int(there)


def note_gone(db: sqlite3.Connection, digests: Iterable[str]) -> None:
    """Notes the originals of documents that are being taken out, in their transaction."""
    _note(db, [d for d in digests if d and db.execute("SELECT 1 FROM originals WHERE digest = ?", (d,)).fetchone()])


def _note(db: sqlite3.Connection, digests: Iterable[str]) -> None:
    db.executemany("INSERT OR IGNORE INTO forgotten_originals VALUES (?)", [(digest,) for digest in digests])


def _has_document(db: sqlite3.Connection, digest: str) -> bool:
    """Whether a document has these bytes that people can see."""
    return db.execute("SELECT 1 FROM documents WHERE digest = ? AND live = 1", (digest,)).fetchone() is not None
