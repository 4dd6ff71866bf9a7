"""A folder that does not outlive the process that made it, not even one that is killed."""

import os
import secrets
import shutil
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from qianxun.settings import Settings, home_directory

_LOCK: Final = ".lock"


class PrivateFolder:
    """A new, empty folder below `<home>/sources` that only this user may look into. `close` removes it.

    What processes that were killed left there is removed on the way: their locks went with them.
    """

    def __init__(self, settings: Settings, kind: str) -> None:
        parent = home_directory(settings) / "sources"
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(settings)
        self.path: Path = parent / f"{kind}-{secrets.token_hex(8)}"
        self._lock = FileLock(_lock_of(self.path), is_singleton=False)
        self._lock.acquire(timeout=0)
        self.path.mkdir(mode=0o700)

    def close(self) -> None:
        """Removes the folder and everything in it; a second time does nothing."""
        if self._lock.is_locked:
            _remove(self.path, self._lock)


def sweep(settings: Settings) -> None:
    """Removes what processes that were killed left below `<home>/sources`."""
    parent = home_directory(settings) / "sources"
    for path in parent.iterdir() if parent.is_dir() else ():
        if path.suffix == _LOCK and path.with_suffix("").exists():
            continue  # with its folder
        left = path.with_suffix("") if path.suffix == _LOCK else path
        lock = FileLock(_lock_of(left), is_singleton=False)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        _remove(left, lock)


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + _LOCK)


def _remove(path: Path, lock: FileLock) -> None:
    shutil.rmtree(path, ignore_errors=True)
    # While it is still held, so that nobody takes a lock on a file that is then gone.
    if os.name == "posix":
        _lock_of(path).unlink(missing_ok=True)
    lock.release()
