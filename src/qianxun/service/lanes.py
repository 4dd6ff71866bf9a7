"""Bounded queues in front of threads, and bounded places for what takes long. Knows nothing of what is done there.

Whoever finds a queue full is told at once when to come again, and who goes before their turn costs nothing: a full
house answers those inside instead of everybody late.
"""

import asyncio
import contextvars
import math
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, ParamSpec, TypeVar

from qianxun.errors import Overloaded
from qianxun.models.wrappers.callers import Caller, in_the_name_of

Given = ParamSpec("Given")
T = TypeVar("T")

# How much of the mean duration is made of the latest.
_NEW_SHARE: Final = 0.05


def overloaded(what: str, seconds: float) -> Overloaded:
    """The error that says when to come again, whole seconds and one at least."""
    error = Overloaded("All places for {what} are taken.", remedy="Try again later.", what=what)
    error.retry_after = max(1.0, math.ceil(seconds))
    return error


class Lane:
    """`threads` threads and room for `queue` calls that wait for one. To be used from one event loop."""

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self.name = name
        self.n_threads = threads
        self.n_waiting = 0
        self.n_running = 0
        self.n_refused = 0
        self._queue = queue
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"qianxun-{name}")
        self._free = asyncio.Semaphore(threads)
        self._mean_seconds = 0.05
        self._since: dict[object, float] = {}  # in the order in which they came

    @property
    def waiting_seconds(self) -> float:
        """How long the call that waits longest has waited; 0 where none does."""
        since = next(iter(self._since.values()), None)
        return 0.0 if since is None else time.monotonic() - since

    async def run(self, function: Callable[Given, T], /, *args: Given.args, **kwargs: Given.kwargs) -> T:
        """What the function returns, called in a thread. Raises Overloaded, and what the function does.

        Who is cancelled while waiting leaves the queue; a call that has begun keeps its thread until it ends, but no
        longer waits for an engine of this process.
        """
        if self._free.locked() and self.n_waiting >= self._queue:
            self.n_refused += 1
            raise overloaded(self.name, (self.n_waiting + 1) * self._mean_seconds / self.n_threads)
        self.n_waiting += 1
        ticket = object()
        self._since[ticket] = time.monotonic()
        try:
            await self._free.acquire()
        finally:
            self.n_waiting -= 1
            del self._since[ticket]
        loop = asyncio.get_running_loop()
        begun = time.perf_counter()
        self.n_running += 1

        def ended(_: "Future[T]") -> None:
            loop.call_soon_threadsafe(self._leave, time.perf_counter() - begun)

        caller = Caller()
        with in_the_name_of(caller):
            here = contextvars.copy_context()
        try:
            running: Future[T] = self._threads.submit(lambda: here.run(function, *args, **kwargs))
        except RuntimeError as error:  # closed meanwhile
            self._leave(0.0)
            raise overloaded(self.name, 1.0) from error
        running.add_done_callback(ended)
        try:
            result: T = await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            caller.leave()
            raise
        return result

    def _leave(self, seconds: float) -> None:
        self.n_running -= 1
        self._mean_seconds += _NEW_SHARE * (seconds - self._mean_seconds)
        self._free.release()

    def close(self) -> None:
        """Lets go of the threads, when what runs has ended: files are not closed under its hands."""
        self._threads.shutdown(cancel_futures=True)


class Places:
    """So many at a time, and nobody waits."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self.n_taken = 0
        self.n_refused = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place as long as the context lasts. Raises Overloaded."""
        if self.n_taken >= self.most:
            self.n_refused += 1
            raise overloaded(self.name, 1.0)
        self.n_taken += 1
        try:
            yield
        finally:
            self.n_taken -= 1
