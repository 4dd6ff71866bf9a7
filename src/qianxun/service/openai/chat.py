"""POST /v1/chat/completions: a knowledge base answers with checked citations, or a bare generator as it likes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi.responses import JSONResponse
from starlette.responses import Response

from qianxun.service.openai import replies
from qianxun.service.openai.described import ChatReply
from qianxun.service.openai.requests import ChatRequest
from qianxun.service.openai.routing import answers, client_router
from qianxun.service.openai.runs import Run, run_of
from qianxun.service.openai.sse import begun
from qianxun.service.routes.given import Visiting
from qianxun.service.visit import Visit

router = client_router("openai")


@router.post("/v1/chat/completions", responses=answers(ChatReply, streams=True))
async def chat(request: ChatRequest, visit: Visiting) -> Response:
    """A reply to the last message; with `stream` as it comes. What `qianxun` says beside it: docs/openai.md."""
    model, run = await run_of(request, visit)
    id = replies.new_id("chatcmpl")
    if request.stream:
        chunks = replies.Chunks(id, model.id, usage=request.wants_usage)
        return await begun(visit, _streamed(chunks, run, visit, usage=request.wants_usage))
    async with visit.stream_place(), aclosing(run.pieces()) as pieces:
        text = "".join([piece async for piece in pieces])
    ended = run.outcome()
    used = replies.usage(ended.prompt, ended.completion)
    return JSONResponse(replies.chat_reply(id, model.id, text, ended.reason, used, ended.more))


async def _streamed(
    chunks: replies.Chunks, run: Run, visit: Visit, *, usage: bool
) -> AsyncGenerator[dict[str, Any], None]:
    async with visit.stream_place(), aclosing(run.pieces()) as pieces:
        begins = True
        async for piece in pieces:
            if begins:
                yield chunks.begin()
                begins = False
            if piece:
                yield chunks.text(piece)
    ended = run.outcome()
    yield chunks.end(ended.reason, ended.more)
    if usage:
        yield chunks.used(replies.usage(ended.prompt, ended.completion))
