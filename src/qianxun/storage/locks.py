"""Who may write now: operating-system locks that die with their process, and the name of the holder.

A knowledge base has three. `ingest` is held for one run of `add`, so that two runs over the same files
do not do the same work twice. `write` is held for one batch (a transaction of the truth, or one
commit of an index), never for a process's life: removing and labelling wait for a batch at most.
`change` is held while the index of another encoder is built beside the live one.
Readers take none. A lock file is never deleted: the lock is on the open file, and a file that
another process deletes and makes anew would be two locks.
"""

import errno
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import filelock

from qianxun.errors import Busy, DiskFull, StorageError
from qianxun.messages import say

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
# A batch ends within moments; only a longer wait is worth telling a person about.
QUIET_SECONDS = 1.0
SIGNATURE_BYTES = 256
WRITING_COMMANDS = frozenset(
    {"add", "adapt", "remove", "label", "check", "rebuild", "reindex", "compact", "demo", "eval", "serve", "tune"}
)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock, as it named itself."""

    process: int
    command: str
    since: str

    def in_words(self) -> str:
        return say(
            "`{command}` (process {process}, since {since})",
            command=self.command,
            process=self.process,
            since=self.since,
        )


class Lock:
    """A named lock of a knowledge base, shared by processes. Entered again by its own thread of work, it nests."""

    def __init__(self, directory: Path, name: str, *, quiet_seconds: float = 0.0) -> None:
        self.name = name
        self.quiet_seconds = quiet_seconds
        self._holder_path = directory / f"{name}.holder"
        # is_singleton is off: two objects of one process are two writers and must exclude each other.
        self._lock = filelock.FileLock(directory / f"{name}.lock", thread_local=False, is_singleton=False)
        # Whoever wants the lock holds this one until it has it: a holder that lets go and wants it back at once
        # queues behind the one that waits.
        self._turn = filelock.FileLock(directory / f"{name}.next.lock", thread_local=False, is_singleton=False)
        # The operating system's lock excludes other objects; this one excludes our own threads.
        self._threads = threading.RLock()

    def holder(self) -> Holder | None:
        """Who holds the lock, as far as can be read; None when it does not say."""
        try:
            return Holder(**json.loads(self._holder_path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @contextmanager
    def held(self, *, wait: bool = True) -> Iterator[str]:
        """Holds the lock for the block; yields who had to be waited for ("" when nobody).

        Raises Busy, naming the holder, when `wait` is False and another process holds it.
        """
        with self._threads:
            waited_for = self._acquire(wait)
            try:
                yield waited_for
            finally:
                self._lock.release()

    def _acquire(self, wait: bool) -> str:
        if self._lock.is_locked:
            self._lock.acquire()
            return ""
        started = time.monotonic()
        named = self._acquire_one(self._turn, wait, started, "")
        try:
            named = self._acquire_one(self._lock, wait, started, named)
        finally:
            self._turn.release()
        self._sign()
        return named

    def _acquire_one(self, lock: filelock.BaseFileLock, wait: bool, started: float, named: str) -> str:
        while True:
            try:
                lock.acquire(blocking=False)
                return named
            except OSError as error:
                if not isinstance(error, filelock.Timeout):
                    raise _unwritable(Path(lock.lock_file), error) from error
                seconds = time.monotonic() - started
                if not wait and seconds >= self.quiet_seconds:
                    raise Busy(
                        "The knowledge base is being written by {holder}.",
                        remedy="Try again later, or leave out --no-wait.",
                        holder=self._holder_in_words(),
                    ) from None
                if not named and seconds >= self.quiet_seconds:
                    named = self._holder_in_words()
                    logger.warning(say("Waiting for {holder} …", holder=named))
                time.sleep(POLL_SECONDS)

    def _holder_in_words(self) -> str:
        holder = self.holder()
        return holder.in_words() if holder else say("another process")

    def _sign(self) -> None:
        since = datetime.now().astimezone().strftime("%H:%M:%S")
        mine = {"process": os.getpid(), "command": _own_command(), "since": since}
        line = json.dumps(mine).ljust(SIGNATURE_BYTES).encode()
        # A name is a courtesy: a disk without room must not keep `remove` from freeing some. Written over in
        # place: truncating a file makes some file systems flush it, milliseconds for every batch.
        with suppress(OSError):
            descriptor = os.open(self._holder_path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)


def _own_command() -> str:
    """The command's first two words: never its paths or questions, which are nobody else's business."""
    program = Path(sys.argv[0])
    name = (program.parent.name if program.name == "__main__.py" else program.name) or "python"
    words = [word for word in sys.argv[1:] if word in WRITING_COMMANDS] if name.startswith("qianxun") else []
    return " ".join([name, *words[:1]])


def _unwritable(path: Path, error: OSError) -> StorageError:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else StorageError
    return kind(
        "{path} cannot be written ({error}).",
        remedy="Check that the folder is writable and has room.",
        path=path,
        error=error.strerror or error,
    )
