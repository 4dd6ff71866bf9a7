"""Callers that may go away while they wait for an engine, and how a door says so.

Threads cannot be cancelled; a wait can. Whoever starts a call in somebody's name (`in_the_name_of`, `in_thread`) may
end its waits, however deep below the engines are: the name goes along as a context variable.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Caller:
    """Somebody who waits for engines and may go away. Safe to use from any thread."""

    def __init__(self) -> None:
        self._gone = False
        self._waits: set[Callable[[], None]] = set()
        self._guard = threading.Lock()

    def leave(self) -> None:
        """Whatever is waited for in this caller's name, now or later, ends with CancelledError."""
        with self._guard:
            self._gone = True
            waits = tuple(self._waits)
        for give_up in waits:
            give_up()

    @contextmanager
    def waiting(self, give_up: Callable[[], None]) -> Iterator[None]:
        """For the time of a wait: `give_up` is called when the caller leaves, at once if it has left already."""
        with self._guard:
            gone = self._gone
            self._waits.add(give_up)
        try:
            if gone:
                give_up()
            yield
        finally:
            with self._guard:
                self._waits.discard(give_up)


_current: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("qianxun_caller", default=None)


@contextmanager
def in_the_name_of(caller: Caller) -> Iterator[None]:
    """Calls to engines within are this caller's."""
    token = _current.set(caller)
    try:
        yield
    finally:
        _current.reset(token)


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """`asyncio.to_thread`, except that a cancelled task takes its calls out of the engines' queues."""
    caller = Caller()
    with in_the_name_of(caller):
        try:
            return await asyncio.to_thread(function, *args, **kwargs)  # copies the context, and the caller with it
        except asyncio.CancelledError:
            caller.leave()
            raise


def current() -> Caller:
    """Whoever this call is in the name of; somebody who stays, if it is in nobody's."""
    return _current.get() or Caller()
