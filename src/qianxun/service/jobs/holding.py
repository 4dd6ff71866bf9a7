"""Which processes that run jobs are alive: each holds an operating-system lock for as long as it lives.

The system lets go of the lock when the process ends, however it ends; process numbers are given again, locks are not.
"""

import secrets
from pathlib import Path
from types import TracebackType
from typing import Final

import filelock

from qianxun.errors import StorageError

FOLDER_NAME: Final = "runners"


class Holder:
    """This process, under a name of its own. A context manager: alive while it is entered."""

    def __init__(self, home: Path) -> None:
        self.name = secrets.token_hex(8)
        self._folder = home / FOLDER_NAME
        self._lock = _lock(self._folder / f"{self.name}.lock")

    def __enter__(self) -> "Holder":
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock.acquire(blocking=False)
        except OSError as error:
            raise StorageError(
                "{path} cannot be written ({error}).",
                remedy="Check that the folder is writable and has room.",
                path=self._folder,
                error=error.strerror or error,
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        Path(self._lock.lock_file).unlink(missing_ok=True)
        self._lock.release()

    def alive(self, name: str) -> bool | None:
        """Whether a holder of this home lives; None where nobody can tell: there is no lock of that name."""
        if name == self.name:
            return True
        path = self._folder / f"{name}.lock"
        if not path.is_file():
            return None
        lock = _lock(path)
        try:
            lock.acquire(blocking=False)
        except OSError:
            return True
        lock.release()
        return False

    def sweep(self, held: set[str]) -> None:
        """Deletes the locks of processes that are gone and hold no job, of those named."""
        for path in self._folder.glob("*.lock"):
            if path.stem not in held and self.alive(path.stem) is False:
                path.unlink(missing_ok=True)


def _lock(path: Path) -> filelock.FileLock:
    return filelock.FileLock(path, thread_local=False, is_singleton=False)
