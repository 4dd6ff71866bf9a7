"""A streamed answer, as OpenAI's chat endpoint sends it: server-sent events with a piece of text in each.

Servers differ in the last one. Usage comes in an event of its own without a choice, in the last piece, in every
piece, or not at all; some leave out [DONE]. Events that hold reasoning, comments that keep the line open and fields
that nobody asked for are passed over.
"""

import codecs
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from qianxun.errors import BadModelReply, ModelRefused, ModelTimeout
from qianxun.models.remote.refusals import one_line

_DONE: Final = "[DONE]"
_LENGTH: Final = ("length", "max_tokens")
_CUT_OFF: Final = ("abort", "error")
_WITHHELD: Final = "content_filter"
# No text has so many characters a token, also not rules of a table and white space; and what is short may be odd.
_CHARS_PER_TOKEN: Final = 16
_CHARS_BESIDE: Final = 4096


class Events:
    """The text of a streamed answer in pieces. At the end `finish_reason` is "stop" or "length".

    `usage` is what the server counted, (prompt, completion) tokens; None if it did not. Raises BadModelReply for a
    stream that ends before the answer does, that says what cannot be understood, or that is much longer than an
    answer of `max_tokens` can be.
    """

    def __init__(self, url: str, lines: AsyncIterator[bytes], key: str, max_tokens: int) -> None:
        self.finish_reason: str | None = None
        self.usage: tuple[int, int] | None = None
        self._url = url
        self._lines = lines
        self._key = key
        self._max_tokens = max_tokens
        # Servers cut a character in two where their tokens do. Half of one alone has no form in UTF-8.
        self._characters = codecs.getincrementaldecoder("utf-16-le")("replace")

    async def pieces(self) -> AsyncGenerator[str]:
        """The answer's text as it comes; no empty piece, and every character in one."""
        n_chars = 0
        try:
            async with aclosing(_events(self._lines)) as events:
                async for event in events:
                    if event == _DONE:
                        self.finish_reason = self.finish_reason or "stop"
                        break
                    text = self._characters.decode(self._read(event).encode("utf-16-le", "surrogatepass"))
                    n_chars += len(text)
                    self._hold(n_chars)
                    if text:
                        yield text
        except (BadModelReply, ModelTimeout):
            # Whoever hangs up or falls silent after the last piece has said everything.
            if self.finish_reason is None:
                raise
        half = self._characters.decode(b"", True)
        if half:
            yield half
        if self.finish_reason is None:
            raise BadModelReply(
                "{address} ended its answer in the middle.",
                remedy="Its log should say why; try again.",
                address=self._url,
            )

    def _hold(self, n_chars: int) -> None:
        limit = _CHARS_PER_TOKEN * self._max_tokens + _CHARS_BESIDE
        if n_chars > limit:
            raise BadModelReply(
                "{address} has sent more than {limit} characters for an answer of {tokens} tokens.",
                remedy="It does not heed max_tokens: mend that server, or use another.",
                address=self._url,
                limit=limit,
                tokens=self._max_tokens,
            )

    def _read(self, event: str) -> str:
        try:
            chunk: Any = json.loads(event)
        except ValueError as error:
            raise BadModelReply(
                '{address} sent an event that is not JSON: "{answer}".',
                remedy="Check that it is an OpenAI-compatible server.",
                address=self._url,
                answer=self._shown(event),
            ) from error
        if not isinstance(chunk, dict):
            chunk = {}
        if chunk.get("error") or chunk.get("object") == "error":
            raise BadModelReply(
                '{address} broke off its answer: "{answer}".',
                remedy="Its log should say more; try again.",
                address=self._url,
                answer=self._shown(event),
            )
        self._count(chunk.get("usage"))
        text = ""
        try:
            for choice in chunk.get("choices") or []:
                # A server that does not stream sends everything at once, as a message.
                delta = choice.get("delta") or choice.get("message") or {}
                text += delta.get("content") or ""
                self._finish(choice.get("finish_reason"))
        except (AttributeError, TypeError) as error:
            raise BadModelReply(
                '{address} sent an event that is no piece of an answer: "{answer}".',
                remedy="Check that it is an OpenAI-compatible server.",
                address=self._url,
                answer=self._shown(event),
            ) from error
        return text

    def _shown(self, event: str) -> str:
        return one_line(event.encode("utf-8", "replace"), self._key)

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
