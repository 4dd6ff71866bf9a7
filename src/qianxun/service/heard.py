"""An answer as its listeners are given it, so that it is counted also where nobody waits for its end.

A listener who goes stops an answer that is only theirs. What the model had read and written until then is estimated: or
whoever hangs up before the last word would never use up a quota. In a conversation the answer goes on, keeps its place
among the answers that are being made, and is counted when it has ended.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from qianxun.answering.events import AnswerEvent, Done, Shown
from qianxun.answering.reading import Text
from qianxun.answering.telling import Ended, Told
from qianxun.knowledge_base import KnowledgeBase
from qianxun.models.remote.counting import estimated_tokens
from qianxun.service.visit import Visit
from qianxun.settings import engine_of


async def heard(visit: Visit, kb: KnowledgeBase, events: Any) -> AsyncGenerator[AnswerEvent, None]:
    """The events of an answer, which ends with its listener. Raises Overloaded, LimitReached."""
    async with visit.stream_place(), aclosing(counted(visit, kb, events)) as told:
        async for one in told:
            yield one


async def counted(visit: Visit, kb: KnowledgeBase, events: Any) -> AsyncGenerator[AnswerEvent, None]:
    """The same, for who has a place already."""
    so_far = _SoFar(engine_of(kb.settings.generator) != "none")
    try:
        async with aclosing(events) as told:
            async for one in told:
                so_far.note(visit, one)
                yield one
    finally:
        so_far.left(visit)


@dataclass(slots=True)
class _SoFar:
    """What a model was given and wrote, for where nobody counted its tokens."""

    by_a_model: bool
    read: str = ""
    written: str = ""
    is_done: bool = False

    def note(self, visit: Visit, event: AnswerEvent) -> None:
        """Takes in an event; the end is told to the visit."""
        match event:
            case Shown(passages):
                self.read = "\n".join(passage.text for passage in passages)
            case Text(text):
                self.written += text
            case Done(answer):
                self.is_done = True
                visit.answered(answer)
                asked = self.read and not answer.cached and answer.models.get("answer") != "extractive"
                if asked and answer.usage is None:
                    self._estimate(visit)

    def left(self, visit: Visit) -> None:
        """Nobody listens any more."""
        if not self.is_done and (self.read or self.written):
            self._estimate(visit)

    def _estimate(self, visit: Visit) -> None:
        if self.by_a_model:
            visit.facts.prompt_tokens = estimated_tokens(self.read)
            visit.facts.completion_tokens = estimated_tokens(self.written)
            visit.facts.detail["estimated"] = True


async def overheard(visit: Visit, kb: KnowledgeBase, events: Any) -> AsyncGenerator[Told, None]:
    """The events of a turn of a conversation, which goes on without its listener. Raises Overloaded, LimitReached."""
    queue: asyncio.Queue[Told | Exception | None] = asyncio.Queue()
    so_far = _SoFar(engine_of(kb.settings.generator) != "none")

    async def to_the_end() -> None:
        try:
            async with visit.stream_place(), aclosing(events) as told:
                async for one in told:
                    if not isinstance(one.event, Ended):
                        so_far.note(visit, one.event)
                    queue.put_nowait(one)
        except Exception as error:
            queue.put_nowait(error)
        finally:
            so_far.left(visit)
            queue.put_nowait(None)

    visit.goes_on = asyncio.create_task(to_the_end())
    visit.service.going_on.add(visit.goes_on)
    visit.goes_on.add_done_callback(visit.service.going_on.discard)
    while (one := await queue.get()) is not None:
        if isinstance(one, Exception):
            raise one
        yield one
