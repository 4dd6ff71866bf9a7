"""POST /v1/completions: the bare generator goes on with prompts.

The generators here take messages: a prompt is one message of a user, put into the model's own chat template.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

from fastapi.responses import JSONResponse
from starlette.responses import Response

from qianxun.protocols import Message
from qianxun.service.openai import replies
from qianxun.service.openai.catalogue import chosen, opened
from qianxun.service.openai.described import TextReply
from qianxun.service.openai.requests import CompletionRequest, told_of
from qianxun.service.openai.routing import answers, client_router
from qianxun.service.openai.runs import Generated, generator_of
from qianxun.service.openai.sse import begun
from qianxun.service.routes.given import Visiting
from qianxun.service.visit import Visit

router = client_router("openai")

# One after the other: who waits for more waits long.
_MOST_PROMPTS: Final = 16


@router.post("/v1/completions", responses=answers(TextReply, streams=True))
async def complete(request: CompletionRequest, visit: Visiting) -> Response:
    """What the generator writes for each prompt, one after the other; with `stream` as it comes."""
    prompts = request.prompts(_MOST_PROMPTS)
    told_of(visit, request.user)
    model = await visit.run("look", chosen, visit, request.model, ("generate",))
    kb = await visit.run("look", opened, visit, model)
    sampling = request.sampling(kb.settings.generator)
    generator = await visit.run("models", generator_of, kb)
    runs = [Generated(generator, [Message("user", prompt)], sampling, visit, model) for prompt in prompts]
    frame = replies.completion_frame(replies.new_id("cmpl"), model.id)
    if request.stream:
        return await begun(visit, _streamed(frame, runs, visit, usage=request.wants_usage))
    choices, tokens = [], (0, 0)
    async with visit.stream_place():
        for index, run in enumerate(runs):
            async with aclosing(run.pieces()) as pieces:
                text = "".join([piece async for piece in pieces])
            ended = run.outcome()
            tokens = tokens[0] + ended.prompt, tokens[1] + ended.completion
            choices.append(replies.completion_choice(index, text, ended.reason))
    return JSONResponse({**frame, "choices": choices, "usage": replies.usage(*tokens)})


async def _streamed(
    frame: replies.Body, runs: Sequence[Generated], visit: Visit, *, usage: bool
) -> AsyncGenerator[dict[str, Any], None]:
    tokens = (0, 0)
    async with visit.stream_place():
        for index, run in enumerate(runs):
            async with aclosing(run.pieces()) as pieces:
                async for piece in pieces:
                    if piece:
                        yield {**frame, "choices": [replies.completion_choice(index, piece, None)]}
            ended = run.outcome()
            tokens = tokens[0] + ended.prompt, tokens[1] + ended.completion
            yield {**frame, "choices": [replies.completion_choice(index, "", ended.reason)]}
    if usage:
        yield {**frame, "choices": [], "usage": replies.usage(*tokens)}
