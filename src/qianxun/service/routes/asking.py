"""Answers whose citations are checked, whole or as they come into being."""

import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.responses import Response

from qianxun.answering.events import AnswerEvent, the_answer
from qianxun.errors import QianxunError
from qianxun.service import problems, replies
from qianxun.service.heard import heard
from qianxun.service.routes.events import MEDIA_TYPE, event, problem_event, streamed
from qianxun.service.routes.given import Asked, BaseName, Document, Narrowed, Options, Visiting, Words
from qianxun.service.visit import Visit, readable_filter
from qianxun.shapes import answer_shape, event_shape

logger = logging.getLogger(__name__)

router = APIRouter(tags=["ask"])

STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": replies.Answered,
        "content": {MEDIA_TYPE: {}},
        "description": "The answer; with `stream` the events of docs/json.md as they come.",
    }
}


class Ask(Narrowed):
    """A question. With `documents` all of these are read whole; with `deep` it is divided into so many at most."""

    question: Asked
    persona: Words | None = Field(None, description="a section [personas.NAME] of the settings; empty: none")
    turns: list[Asked] = Field(default_factory=list, max_length=20, description="questions asked before, oldest first")
    attachments: list[Words] = Field(default_factory=list, max_length=20, description="texts given with the question")
    documents: list[Document] = Field(default_factory=list, max_length=1000)
    deep: int = Field(0, ge=0, le=20)
    options: Options = Options()
    stream: bool = False


@router.post("/bases/{base}/ask", responses=STREAMED)
async def ask(base: BaseName, request: Ask, visit: Visiting) -> Response:
    """An answer made from what the caller may read, with citations that were checked."""
    visit.facts.action = "ask"
    there = visit.base(base, "ask")
    if request.documents:
        await visit.run("look", visit.must_see, there, request.documents)
    events = there.kb.stream(
        request.question,
        asker=visit.asker,
        where=visit.where(readable_filter(request.filter)),
        turns=request.turns,
        persona=request.persona,
        attachments=request.attachments,
        documents=request.documents,
        deep=request.deep,
        options=request.options.noted(visit),
    )
    told = heard(visit, there.kb, events)
    if request.stream:
        return await begun(visit, _events(visit, told))
    return JSONResponse(visit.as_told(answer_shape(await the_answer(told))))


async def _events(visit: Visit, events: AsyncGenerator[AnswerEvent, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events) as told:
        async for one in told:
            yield event(visit.as_told(event_shape(one)))


async def begun(visit: Visit, events: AsyncGenerator[bytes, None]) -> Response:
    """A response of events that waits for the first of them: what fails before it is an error with its own status.

    What fails later is the last event, named `error`.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(aclosing(events))
        first = await anext(events, None)
        stack.pop_all()

    async def all_of_them() -> AsyncGenerator[bytes, None]:
        async with aclosing(events):
            if first is not None:
                yield first
            try:
                async for one in events:
                    yield one
            except QianxunError as error:
                yield problem_event(error, visit)
            except Exception as error:
                logger.error("request %s failed: %s", visit.id, problems.places(error))
                yield problem_event(problems.unforeseen(), visit)

    return streamed(all_of_them())
