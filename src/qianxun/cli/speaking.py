"""An answer on a terminal while a model writes it: its text as it comes, in place of which the checked answer stands.

The first Ctrl-C stops the model: what it said until then is the answer. The second ends the command.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from qianxun.answering.events import AnswerEvent, Done, Mark, Text, Withdrawn
from qianxun.cli.screen import Screen
from qianxun.cli.words import cells
from qianxun.conversations import Ended, removed_meanwhile
from qianxun.records import Answer

if TYPE_CHECKING:
    from qianxun.knowledge_base import KnowledgeBase


class Speech:
    """Text that is written as it comes, and can be taken back as far as the terminal reaches."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._column = self._n_lines = 0

    def say(self, text: str) -> None:
        """Writes a piece, cut at the terminal's width."""
        shown = ""
        for character in text:
            width = cells(character)
            if character == "\n" or self._column + width > self._screen.width:
                shown += "\n"
                self._column, self._n_lines = 0, self._n_lines + 1
            if character != "\n":
                shown += character
                self._column += width
        self._screen.stream.write(shown)
        self._screen.stream.flush()

    def take_back(self) -> None:
        """Clears what was written; what has left the top of the terminal stays above."""
        up = min(self._n_lines, max(0, self._screen.height - 1))
        self._screen.stream.write(f"\r\x1b[{up}A\x1b[J" if up else "\r\x1b[J")
        self._screen.stream.flush()
        self._column = self._n_lines = 0


def spoken(screen: Screen, base: "KnowledgeBase", question: str, token: str | None, **how: Any) -> Answer:
    """The answer, shown while it comes and taken back in the end; `token` is the conversation that it belongs to."""
    speech = Speech(screen)

    async def listen() -> Answer:
        answer: Answer | None = None
        cancelled = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.remove_signal_handler(signal.SIGINT)
            cancelled.set()

        # Where there are no such signals (Windows), Ctrl-C ends the command at once.
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(signal.SIGINT, stop)
        events = _heard(base, question, token, cancelled, how)
        async with aclosing(events) as told:
            async for event in told:
                if isinstance(event, Text | Mark):
                    speech.say(event.text)
                elif isinstance(event, Withdrawn | Done):
                    speech.take_back()
                if isinstance(event, Done):
                    answer = event.answer
        if token is not None:
            await base.conversations.finished()  # a summary may be due
        if answer is None:
            raise removed_meanwhile()
        return answer

    return asyncio.run(listen())


async def _heard(
    base: "KnowledgeBase", question: str, token: str | None, cancelled: asyncio.Event, how: dict[str, Any]
) -> AsyncGenerator[AnswerEvent, None]:
    """The events of an answer, of a conversation or none."""
    if token is None:
        running: Any = base.stream(question, cancelled=cancelled, **how)
        async with aclosing(running) as events:
            async for event in events:
                yield event
        return
    stopping: asyncio.Task[None] | None = None

    async def stop(turn: int) -> None:
        await cancelled.wait()
        await asyncio.to_thread(base.conversations.cancel, token, turn)

    telling: Any = base.conversations.stream(token, question, **how)
    async with aclosing(telling) as heard:
        async for told in heard:
            stopping = stopping or asyncio.create_task(stop(told.turn))
            if isinstance(told.event, Done | Ended):
                stopping.cancel()
            if not isinstance(told.event, Ended):
                yield told.event
