"""Replies that are streamed as these clients read them: `data:` lines, and `[DONE]`.

The first event is waited for before the reply begins, so that what fails before it has a status of its own. What fails
later is an event with `error`, which clients raise.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final

from starlette.responses import Response

from qianxun.errors import QianxunError
from qianxun.service.openai.errors import error_of
from qianxun.service.problems import places, tellable, unforeseen
from qianxun.service.routes.events import event, streamed
from qianxun.service.visit import Visit

logger = logging.getLogger(__name__)

DONE: Final = b"data: [DONE]\n\n"


async def begun(visit: Visit, events: AsyncGenerator[dict[str, Any], None], *, named: bool = False) -> Response:
    """A response of these events. With `named`, each is sent under its `type`, and there is no [DONE] at the end."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(aclosing(events))
        first = await anext(events, None)
        stack.pop_all()

    async def all_of_them() -> AsyncGenerator[bytes, None]:
        async with aclosing(events):
            try:
                if first is not None:
                    yield event(first, name=first["type"] if named else "")
                    async for one in events:
                        yield event(one, name=one["type"] if named else "")
            except Exception as error:
                logger.info("request %s ended with an error: %s", visit.id, places(error))
                told = error_of(tellable(error if isinstance(error, QianxunError) else unforeseen(), visit))
                yield event({**told["error"], "type": "error"} if named else told, name="error" if named else "")
            if not named:
                yield DONE

    return streamed(all_of_them())
