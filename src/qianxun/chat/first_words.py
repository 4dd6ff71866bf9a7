"""The first words of an answer go before the list of conversations.

A page asks for that list anew as soon as a conversation begins, and showing it keeps a small machine busy for longer
than a few words take: so it waits for them, a moment.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from qianxun.chat import who

_MOST_SECONDS: Final = 1.0
# The words have to reach the page and to be painted there.
_BEHIND_SECONDS: Final = 0.2
_awaited: dict[str | None, asyncio.Event] = {}


@contextmanager
def awaited() -> Iterator[asyncio.Event]:
    """An answer to who is asking is being written; the event is to be set once its first words are sent."""
    secret, event = who.secret(), asyncio.Event()
    _awaited[secret] = event
    try:
        yield event
    finally:
        event.set()
        if _awaited.get(secret) is event:
            del _awaited[secret]


async def sent() -> None:
    """Waits for the first words to who is asking, if any are awaited, and no longer than a second."""
    event = _awaited.get(who.secret())
    if event is None or event.is_set():
        return
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            await event.wait()
            await asyncio.sleep(_BEHIND_SECONDS)
    except TimeoutError:
        return
