"""Server-sent events: what is told, a JSON document each, and signs of life while nothing is."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from qianxun.errors import QianxunError
from qianxun.service.problems import problem_of, tellable
from qianxun.service.visit import Visit

# Proxies close what says nothing for a minute.
_SIGN_SECONDS: Final = 15.0
MEDIA_TYPE: Final = "text/event-stream"
HEADERS: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}


def event(document: Mapping[str, Any], *, name: str = "", id: str = "") -> bytes:
    """One event."""
    lines = [f"id: {id}"] if id else []
    lines += [f"event: {name}"] if name else []
    lines.append(f"data: {json.dumps(document, ensure_ascii=False)}")
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def problem_event(error: QianxunError, visit: Visit) -> bytes:
    """An error after the reply has begun."""
    return event(problem_of(tellable(error, visit), visit.id), name="error")


def streamed(events: AsyncGenerator[bytes, None]) -> StreamingResponse:
    """A response of events. Closing it closes them."""
    return Streamed(_alive(events), media_type=MEDIA_TYPE, headers=HEADERS)


class Streamed(StreamingResponse):
    """A reply that closes what it is made from, whatever it ends with: else that waits for the garbage collection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if isinstance(self.body_iterator, AsyncGenerator):
                await self.body_iterator.aclose()


async def _alive(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events) as told:
        while True:
            following = asyncio.ensure_future(anext(told, None))
            try:
                while not (await asyncio.wait((following,), timeout=_SIGN_SECONDS))[0]:
                    yield b": still here\n\n"
            finally:
                if not following.done():
                    following.cancel()
                    await asyncio.wait((following,))
            piece = following.result()
            if piece is None:
                return
            yield piece
