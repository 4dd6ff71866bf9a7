"""An answer that goes on whoever listens: what it says is kept as it goes, and can be read on from another process.

The writer keeps what was said in small batches, and by each is heard of; the last event is held back, so that what a
document says is never kept: what is no model's own comes in one piece, right before the end. The reader looks every
moment at what was kept. Knows no search and no model: it is given events.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from qianxun.answering.events import AnswerEvent, Done, Shown
from qianxun.answering.keeping import KeptEvents, Show, answer_of, kept_event
from qianxun.errors import InputError, NotFound, QianxunError
from qianxun.records import Answer, Asker
from qianxun.storage.conversations import Conversations, KeptAnswer, KeptPassage, State
from qianxun.storage.store import Store

logger = logging.getLogger(__name__)

# What was said is kept this often at most; while nothing is, the writer is heard this often.
_KEEP_SECONDS: Final = 0.25
_HEARD_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.1
# Of a turn that says nothing, how often to look whether its writer is gone.
_SETTLE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Ended:
    """There is no answer: it `failed` (or its writer is gone), or what it was written from was `removed` meanwhile."""

    state: State


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a turn. `place` counts from 1; who has seen it can read on after it."""

    turn: int
    place: int
    event: "AnswerEvent | Ended"


Tell: TypeAlias = Callable[[Told], None]


class _Lost(Exception):
    """The turn is not running any more: it was taken out, or given up."""


class Telling:
    """One running answer and its place in a conversation. Setting `cancelled` ends it with what was said."""

    def __init__(
        self,
        kept: Conversations,
        store: Store,
        token: str,
        owner: str,
        turn: int,
        *,
        recalled: Sequence[int],
        tell: Tell,
    ) -> None:
        self.cancelled = asyncio.Event()
        self._kept = kept
        self._store = store
        self._whose = token, owner, turn
        self._recalled = tuple(recalled)
        self._tell = tell
        self._place = 0
        self._pending: list[dict[str, Any]] = []
        self._over = asyncio.Event()
        self._lost = False

    async def run(self, events: AsyncIterator[AnswerEvent], kept_of: Callable[[Answer], KeptAnswer]) -> None:
        """Tells and keeps the events to their end. Raises what they fail with; the turn is then `failed`."""
        answer: Answer | None = None
        keeping = asyncio.create_task(self._keep())
        try:
            async with aclosing(events) as coming:  # type: ignore[type-var]
                async for event in coming:
                    if isinstance(event, Done):
                        answer = event.answer
                        break
                    if isinstance(event, Shown):
                        await asyncio.to_thread(self._show, event)
                    self._say(event)
        except _Lost:
            self._lost = True
        except Exception:
            await asyncio.to_thread(self._finish, "failed", None)
            raise
        except BaseException:  # the event loop ends, and with it every thread that could be waited for
            self._finish("failed", None)
            raise
        finally:
            self._over.set()
            await asyncio.wait([keeping])
        if answer is None or self._lost:
            state: State = await asyncio.to_thread(self._finish, "removed", None)
        else:
            asked_to: State = "stopped" if self.cancelled.is_set() else "done"
            state = await asyncio.to_thread(self._finish, asked_to, kept_of(answer))
        self._end(Done(answer) if answer is not None and state in ("done", "stopped") else Ended(state))

    def _say(self, event: AnswerEvent) -> None:
        self._place += 1
        self._pending.append(kept_event(event, self._recalled))
        self._tell(Told(self._whose[2], self._place, event))

    def _end(self, event: "Done | Ended") -> None:
        self._tell(Told(self._whose[2], self._place + 1, event))

    async def _keep(self) -> None:
        """Keeps what was said since the last time, and hears whether to stop, until all is over."""
        heard = time.monotonic()
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _KEEP_SECONDS)
            said = self._pending[:-1]
            if self._over.is_set() or not (said or time.monotonic() - heard >= _HEARD_SECONDS):
                continue
            try:
                if await asyncio.to_thread(self._kept.say, *self._whose, said):
                    self.cancelled.set()
            except InputError:
                self._lost = True
                self.cancelled.set()
                return
            except QianxunError as error:  # the disk is full, the file in use: the answer goes on
                logger.warning("what an answer says is not kept for now: %s", error)
                continue
            heard = time.monotonic()
            del self._pending[: len(said)]

    def _show(self, event: Shown) -> None:
        passages = [KeptPassage(one.chunk, one.span) for one in event.passages]
        try:
            self._kept.show(*self._whose, passages, self._recalled)
        except InputError as error:
            raise _Lost from error
        # A removal looks for answers to take out after its documents are gone: either it finds this one, or we see it.
        documents = {one.document for one in event.passages}.union(self._recalled)
        if len(self._store.live(sorted(documents))) < len(documents):
            raise _Lost

    def _finish(self, state: State, answer: KeptAnswer | None) -> State:
        """Keeps what came of it; returns how the turn stands then: it may have been taken out, or given up."""
        try:
            self._kept.finish(*self._whose, state, answer, places=self._place + 1)
        except NotFound:
            return "removed"
        except InputError:
            return self._kept.said(*self._whose)[0]
        except QianxunError as error:
            logger.warning("an answer is not kept: %s", error)
        return state


async def told_since(
    kept: Conversations,
    store: Store,
    token: str,
    owner: str,
    turn: int,
    *,
    after: int,
    asker: Asker,
    shown: Show = list,
) -> AsyncIterator[Told]:
    """What a turn said after a place, and what it says until it ends; the last event holds the answer, or is `Ended`.

    Of a turn that is over only its end is told, with the place that it had for who listened: what it said in between is
    not kept. After that place there is nothing. Where the writer was lost, nobody knows the place, and the end is told
    after whichever is given. Raises NotFound.
    """
    reading, place = KeptEvents(store, asker, shown), 0
    settled = time.monotonic()
    while True:
        state, rows = await asyncio.to_thread(kept.said, token, owner, turn, place)
        for at, event in await asyncio.to_thread(reading.read, rows):
            if at > after:
                yield Told(turn, at, event)
        place = rows[-1][0] if rows else place
        if state != "running":
            break
        if time.monotonic() - settled >= _SETTLE_SECONDS:
            await asyncio.to_thread(kept.settle)
            settled = time.monotonic()
        await asyncio.sleep(_LOOK_SECONDS)
    end = await asyncio.to_thread(_end_of, kept, store, token, owner, turn, asker, shown)
    ended_at = await asyncio.to_thread(kept.places, token, owner, turn) or max(after, place) + 1
    if ended_at > after:
        yield Told(turn, ended_at, end)


def _end_of(
    kept: Conversations, store: Store, token: str, owner: str, turn: int, asker: Asker, shown: Show
) -> "Done | Ended":
    (found,) = (one for one in kept.turns(token, owner) if one.turn == turn)
    if found.answer is None:
        return Ended(found.state)
    return Done(answer_of(found.answer, found.question, store, asker, shown)[0])
