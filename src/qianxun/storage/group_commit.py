"""Many small writes as few transactions: a queue, and a thread that empties it. Knows nothing of what is written.

What is put waits at most `seconds` for company and is then committed with it, on disk (`synchronous = FULL`). What
must be on disk before somebody goes on is put with `put_now`, which commits at once and tells when it is done. The
queue is bounded. When the disk fails, what waits is kept and tried again; `failure` says why. An item that can never be
written, by a mistake of who made it, is dropped with a line in the log: it must not keep the others.
"""

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

from qianxun.errors import QianxunError
from qianxun.storage.database import Database

logger = logging.getLogger(__name__)

T = TypeVar("T")

SECONDS: Final = 0.1
MOST_WAITING: Final = 10_000
AT_ONCE: Final = 1000
_AGAIN_SECONDS: Final = 1.0


class GroupCommit(Generic[T]):
    """A queue in front of one database. `write(db, items)` is called in a transaction, in a thread of its own."""

    def __init__(
        self,
        database: Database,
        write: Callable[[sqlite3.Connection, Sequence[T]], None],
        *,
        written: Callable[[Sequence[T]], None] | None = None,
        seconds: float = SECONDS,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._database = database
        self._write = write
        self._written = written
        self._seconds = seconds
        self._most = most_waiting
        self._items: deque[tuple[T, Future[None] | None]] = deque()
        self._changed = threading.Condition()
        self._urgent = 0
        self._since = 0.0  # when what waits longest was put
        self._closed = False
        self._busy = False
        self.failure: QianxunError | None = None
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many items are not on disk yet."""
        return len(self._items)

    @property
    def is_full(self) -> bool:
        """Whether nothing more can wait."""
        return len(self._items) >= self._most

    def put(self, item: T) -> bool:
        """Has the item written soon; False where the queue is full or closed, and it will not be."""
        return self._put(item, None)

    def put_now(self, item: T) -> "Future[None]":
        """Has the item written at once. Done when it is on disk; fails with the database's error if it cannot be.

        An item that could not be written stays in the queue, and is when the disk can be used again.
        """
        future: Future[None] = Future()
        # Whoever waits may go away; the item is written all the same, and the future can always be done.
        future.set_running_or_notify_cancel()
        if not self._put(item, future):
            future.set_exception(self.failure or RuntimeError("the queue is full"))
        return future

    def flush(self, seconds: float = 10.0) -> bool:
        """Waits until everything put so far is on disk; False where that takes longer."""
        with self._changed:
            self._urgent += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._items and not self._busy, timeout=seconds)
            finally:
                self._urgent -= 1

    def close(self, seconds: float = 10.0) -> None:
        """Writes what waits, and ends the thread."""
        self.flush(seconds)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(seconds)

    def _put(self, item: T, future: "Future[None] | None") -> bool:
        with self._changed:
            if self._closed or len(self._items) >= self._most:
                return False
            if not self._items:
                self._since = time.monotonic()
            self._items.append((item, future))
            self._urgent += future is not None
            if future is not None or len(self._items) == 1 or len(self._items) >= AT_ONCE:
                self._changed.notify_all()
        return True

    def _run(self) -> None:
        while True:
            batch = self._next()
            if batch is None:
                return
            try:
                self._commit([item for item, _ in batch])
            except QianxunError as error:
                self._keep(batch, error)
            except Exception as error:
                if len(batch) == 1:
                    self._drop(batch, error)
                else:
                    self._again(batch)
            else:
                self._done(batch)

    def _next(self) -> list[tuple[T, "Future[None] | None"]] | None:
        """What is to be written together, when it is time; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            if self._closed:
                return None
            rest = self._since + self._seconds - time.monotonic()
            if rest > 0:
                self._changed.wait_for(lambda: self._urgent or self._closed or len(self._items) >= AT_ONCE, rest)
            batch = [self._items.popleft() for _ in range(min(AT_ONCE, len(self._items)))]
            self._urgent -= sum(future is not None for _, future in batch)
            self._since = time.monotonic()
            self._busy = True
            return batch

    def _commit(self, items: Sequence[T]) -> None:
        # Of this thread's connection only: what others commit need not wait for the disk.
        with self._database.translated() as db:
            db.execute("PRAGMA synchronous = FULL")
        with self._database.transaction() as db:
            self._write(db, items)

    def _done(self, batch: Sequence[tuple[T, "Future[None] | None"]]) -> None:
        if self.failure is not None:
            logger.info("what waited can be written again")
        self.failure = None
        for _, future in batch:
            if future is not None:
                future.set_result(None)
        if self._written is not None:
            self._written([item for item, _ in batch])
        self._rest()

    def _again(self, batch: Sequence[tuple[T, "Future[None] | None"]]) -> None:
        """One of them cannot be written: each is tried by itself."""
        for one in batch:
            try:
                self._commit([one[0]])
            except QianxunError as error:
                self._keep([one], error)
            except Exception as error:
                self._drop([one], error)
            else:
                self._done([one])

    def _drop(self, batch: Sequence[tuple[T, "Future[None] | None"]], error: Exception) -> None:
        logger.error("an item cannot be written and is lost: %s", type(error).__name__, exc_info=error)
        for _, future in batch:
            if future is not None:
                future.set_exception(error)
        self._rest()

    def _rest(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def _keep(self, batch: Sequence[tuple[T, "Future[None] | None"]], error: QianxunError) -> None:
        if self.failure is None:
            logger.error("%d items wait to be written: %s", len(batch), error)
        self.failure = error
        for _, future in batch:
            if future is not None:
                future.set_exception(error)
        with self._changed:
            self._items.extendleft((item, None) for item, _ in reversed(batch))
            self._busy = False
            self._changed.wait_for(lambda: self._closed, timeout=_AGAIN_SECONDS)
