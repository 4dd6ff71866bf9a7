"""Bounds around a generator's stream: so much text, so much time, until somebody cancels, and no endless repetition.

A server is told how many tokens an answer may have; this holds where it does not heed that, hangs, or keeps the line
open without a word. It does not know what an answer should say. Whatever ends the stream closes it, at which the model
stops.
"""

import asyncio
import bisect
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from qianxun.protocols import Delta

Ending: TypeAlias = Literal["itself", "tokens", "characters", "first", "between", "total", "cancelled", "repetition"]

# Text is counted in blocks: what a tokenizer joins across their borders is counted apart, and no more.
_BLOCK_CHARS: Final = 64
# An answer is in a loop if its last characters are one text repeated, so many times and over so many characters. Rules
# of a table, rows of zeros and refrains stay below that; what counts up as it repeats ("1. …", "2. …") is not found.
_LOOP_CHARS: Final = 1000
_LOOP_TIMES: Final = 5
_LONGEST_PERIOD: Final = 400
_LOOP_WINDOW: Final = max(_LOOP_CHARS, _LOOP_TIMES * _LONGEST_PERIOD)
# How often that is looked for.
_LOOKED_EVERY_CHARS: Final = 100


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a stream may take; None: as much as it likes.

    `first_seconds` is the time until the first delta, `between_seconds` that until each further one (time that the
    reader spends between two is not counted), `total_seconds` that of everything. Tokens are those that
    `count_tokens` finds in what has come: leave room if it over-estimates.
    """

    max_tokens: int | None = None
    max_characters: int | None = None
    first_seconds: float | None = None
    between_seconds: float | None = None
    total_seconds: float | None = None
    stops_repetition: bool = True

    def around(
        self,
        deltas: AsyncIterator[Delta],
        *,
        count_tokens: Callable[[str], int],
        cancelled: asyncio.Event | None = None,
    ) -> "Bounded":
        """The same deltas within these bounds. `cancelled` ends the stream when it is set, also while it is silent."""
        return Bounded(self, deltas, count_tokens, cancelled)


class Bounded:
    """A stream within bounds: an asynchronous iterator, to be closed if it is not read to its end.

    A bound closes the stream first; then comes a last Delta, whose `finish_reason` is "length". Text beyond a bound is
    cut off, so that what is given never exceeds it. Errors of the stream are passed on; empty deltas are passed over.
    """

    def __init__(
        self,
        bounds: Bounds,
        deltas: AsyncIterator[Delta],
        count_tokens: Callable[[str], int],
        cancelled: asyncio.Event | None,
    ) -> None:
        # Nothing below refers to this object: who drops it drops the stream, which then is closed at once.
        self._stream = _Stream(deltas, cancelled)
        self._within = _within(bounds, self._stream, _Room(bounds, count_tokens))

    @property
    def ended_by(self) -> Ending | None:
        """What ended it; None before, and if it was closed or raised an error."""
        return self._stream.ended_by

    def __aiter__(self) -> "Bounded":
        return self

    async def __anext__(self) -> Delta:
        return await anext(self._within)

    async def aclose(self) -> None:
        """Closes the stream."""
        await self._within.aclose()
        await self._stream.close()  # it may not have begun


class _Stream:
    """What is bounded, one delta at a time."""

    def __init__(self, deltas: AsyncIterator[Delta], cancelled: asyncio.Event | None) -> None:
        self.ended_by: Ending | None = None
        self._deltas = deltas
        self._cancelled = cancelled

    async def next(self, deadline: float, bound: Ending) -> Delta | Ending:
        """The next delta, or what ended the stream instead: `bound`, if there is none by the deadline."""
        if self._is_cancelled:
            return "cancelled"
        if _now() >= deadline:  # a stream that never waits would never be interrupted
            return bound
        limit = asyncio.timeout_at(None if math.isinf(deadline) else deadline)
        try:
            async with limit:
                with _hastened(limit, self._cancelled):
                    return await anext(self._deltas)
        except StopAsyncIteration:
            return "itself"
        except TimeoutError:
            if not limit.expired():
                raise
            return "cancelled" if self._is_cancelled else bound

    async def close(self) -> None:
        """At this the model stops."""
        close = getattr(self._deltas, "aclose", None)
        if close is not None:
            await close()

    @property
    def _is_cancelled(self) -> bool:
        return self._cancelled is not None and self._cancelled.is_set()


async def _within(bounds: Bounds, stream: _Stream, room: "_Room") -> AsyncGenerator[Delta]:
    loop = _Loop()
    end = _after(bounds.total_seconds)
    patience: float | None = bounds.first_seconds
    waits_for: Ending = "first"
    try:
        while True:
            until = _after(patience)
            found = await (stream.next(until, waits_for) if until <= end else stream.next(end, "total"))
            if not isinstance(found, Delta):
                break
            patience, waits_for = bounds.between_seconds, "between"
            text, ending = room.within(found.text)
            if ending is None and bounds.stops_repetition and loop.holds(text):
                ending = "repetition"
            if ending is None and found.finish_reason is not None:
                stream.ended_by = "itself"
                yield found
                return
            if text:
                yield found if ending is None else Delta(text)
            if ending is not None:
                found = ending
                break
        await stream.close()
        stream.ended_by = found
        if found != "itself":
            yield Delta(finish_reason="length")
    finally:
        await stream.close()


@contextmanager
def _hastened(limit: asyncio.Timeout, event: asyncio.Event | None) -> Iterator[None]:
    """Within it, the limit is over as soon as the event is set."""
    if event is None:
        yield
        return
    waiting = asyncio.ensure_future(event.wait())

    def hasten(_: object) -> None:
        if not limit.expired():
            limit.reschedule(_now())

    waiting.add_done_callback(hasten)
    try:
        yield
    finally:
        waiting.remove_done_callback(hasten)
        waiting.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _after(seconds: float | None) -> float:
    return math.inf if seconds is None else _now() + seconds


class _Room:
    """How much text may still come."""

    def __init__(self, bounds: Bounds, count_tokens: Callable[[str], int]) -> None:
        self._count_tokens = count_tokens
        self._characters = math.inf if bounds.max_characters is None else bounds.max_characters
        self._tokens = bounds.max_tokens  # for the block under way and all that follow
        self._block = ""

    def within(self, text: str) -> tuple[str, Ending | None]:
        """What of a text may come, and the bound that cuts it, if one does."""
        ending: Ending | None = None
        if len(text) > self._characters:
            text, ending = text[: int(self._characters)], "characters"
        if self._tokens is not None:
            fits = self._fitting(text, self._tokens)
            if fits < len(text):
                text, ending = text[:fits], "tokens"
            self._block += text
            if len(self._block) >= _BLOCK_CHARS:
                self._tokens -= self._count_tokens(self._block)
                self._block = ""
        self._characters -= len(text)
        return text, ending

    def _fitting(self, text: str, tokens: int) -> int:
        """How many characters of it fit."""

        def count(n: int) -> int:
            return self._count_tokens(self._block + text[:n])

        return len(text) if count(len(text)) <= tokens else bisect.bisect_right(range(1, len(text)), tokens, key=count)


class _Loop:
    """Whether an answer has begun to say the same again and again. Looks at a window of its end, of bounded length."""

    def __init__(self) -> None:
        self._end = ""
        self._unseen = 0

    def holds(self, text: str) -> bool:
        """Whether the answer, with this text, ends in a loop."""
        self._end = (self._end + text)[-_LOOP_WINDOW:]
        self._unseen += len(text)
        if self._unseen < _LOOKED_EVERY_CHARS or len(self._end) < _LOOP_CHARS:
            return False
        self._unseen = 0
        # If the end repeats with some period, its last characters were last seen that many characters ago.
        key = self._end[-_LONGEST_PERIOD:]
        period = len(self._end) - len(key) - self._end.rfind(key, 0, -1)
        n_repeated = max(_LOOP_CHARS, _LOOP_TIMES * period)
        return period <= _LONGEST_PERIOD and self._end[-n_repeated:-period] == self._end[-n_repeated + period :]
