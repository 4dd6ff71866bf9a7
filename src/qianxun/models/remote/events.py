"""A streamed answer, as OpenAI's chat endpoint sends it: server-sent events with a piece of text in each.

Servers differ in the last one. Usage comes in an event of its own without a choice, in the last piece, in every
piece, or not at all; some leave out [DONE]. Events that hold reasoning, comments that keep the line open and fields
that nobody asked for are passed over.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from qianxun.errors import BadModelReply, ModelRefused
from qianxun.models.remote.refusals import one_line

_DONE: Final = "[DONE]"
_LENGTH: Final = ("length", "max_tokens")
_CUT_OFF: Final = ("abort", "error")
_WITHHELD: Final = "content_filter"


class Events:
    """The text of a streamed answer in pieces. At the end `finish_reason` is "stop" or "length".

    `usage` is what the server counted, (prompt, completion) tokens; None if it did not. Raises BadModelReply for a
    stream that ends before the answer does, or that says what cannot be understood.
    """

    def __init__(self, url: str, lines: AsyncIterator[bytes], key: str) -> None:
        self.finish_reason: str | None = None
        self.usage: tuple[int, int] | None = None
        self._url = url
        self._lines = lines
        self._key = key

    async def pieces(self) -> AsyncGenerator[str]:
        """The answer's text as it comes; no empty piece."""
        try:
            async with aclosing(_events(self._lines)) as events:
                async for event in events:
                    if event == _DONE:
                        self.finish_reason = self.finish_reason or "stop"
                        return
                    text = self._read(event)
                    if text:
                        yield text
        except BadModelReply:
            # Whoever hangs up after the last piece has said everything.
            if self.finish_reason is None:
                raise
        if self.finish_reason is None:
            raise BadModelReply(
                "{address} ended its answer in the middle.",
                remedy="Its log should say why; try again.",
                address=self._url,
            )

    def _read(self, event: str) -> str:
        try:
            chunk: Any = json.loads(event)
        except ValueError as error:
            raise BadModelReply(
                '{address} sent an event that is not JSON: "{answer}".',
                remedy="Check that it is an OpenAI-compatible server.",
                address=self._url,
                answer=one_line(event.encode("utf-8", "replace"), self._key),
            ) from error
        if not isinstance(chunk, dict):
            chunk = {}
        if chunk.get("error") or chunk.get("object") == "error":
            raise BadModelReply(
                '{address} broke off its answer: "{answer}".',
                remedy="Its log should say more; try again.",
                address=self._url,
                answer=one_line(event.encode("utf-8", "replace"), self._key),
            )
        self._count(chunk.get("usage"))
        text = ""
        for choice in chunk.get("choices") or []:
            # A server that does not stream sends everything at once, as a message.
            delta = choice.get("delta") or choice.get("message") or {}
            text += delta.get("content") or ""
            self._finish(choice.get("finish_reason"))
        return text

    def _count(self, usage: Any) -> None:
        if isinstance(usage, dict):
            counted = usage.get("prompt_tokens"), usage.get("completion_tokens")
            if isinstance(counted[0], int) and isinstance(counted[1], int):
                self.usage = counted[0], counted[1]

    def _finish(self, reason: str | None) -> None:
        if not reason:
            return
        if reason == _WITHHELD:
            raise ModelRefused(
                "{address} withheld the answer: its content filter stopped it.",
                remedy="Ask otherwise, or use a model without such a filter.",
                address=self._url,
            )
        if reason in _CUT_OFF:
            raise BadModelReply(
                "{address} ended its answer in the middle.",
                remedy="Its log should say why; try again.",
                address=self._url,
            )
        self.finish_reason = "length" if reason in _LENGTH else "stop"


async def _events(lines: AsyncIterator[bytes]) -> AsyncGenerator[str]:
    """What stands in `data:`, one text for each event; an answer that is no stream is one event."""
    data: list[str] = []
    plain: list[str] = []
    async for line in lines:
        text = line.decode("utf-8", "replace")
        if not text:
            if data:
                yield "\n".join(data)
            data = []
        elif text.startswith("data:"):
            data.append(text.removeprefix("data:").removeprefix(" "))
        elif text.startswith(("{", "[")) or plain:
            plain.append(text)
    if data or plain:
        yield "\n".join(data or plain)
