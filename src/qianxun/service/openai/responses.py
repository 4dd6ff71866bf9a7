"""POST /v1/responses: the same replies in OpenAI's newer form. Nothing is kept: none can be fetched or gone on from."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi.responses import JSONResponse
from starlette.responses import Response

from qianxun.service.openai import replies
from qianxun.service.openai.described import ResponseReply
from qianxun.service.openai.requests import ResponseRequest
from qianxun.service.openai.routing import answers, client_router
from qianxun.service.openai.runs import Outcome, Run, run_of
from qianxun.service.openai.sse import begun
from qianxun.service.routes.given import Visiting
from qianxun.service.visit import Visit

router = client_router("openai")


@router.post("/v1/responses", responses=answers(ResponseReply, streams=True))
async def respond(request: ResponseRequest, visit: Visiting) -> Response:
    """A reply to the input; with `stream` as it comes."""
    model, run = await run_of(request.as_chat(), visit)
    frame = _frame(request, model.id)
    if request.stream:
        return await begun(visit, _streamed(frame, run, visit), named=True)
    async with visit.stream_place(), aclosing(run.pieces()) as pieces:
        text = "".join([piece async for piece in pieces])
    return JSONResponse(_ended(frame, _message(replies.new_id("msg"), text), run.outcome()))


async def _streamed(frame: replies.Body, run: Run, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
    id, number, said = replies.new_id("msg"), 0, ""
    place = {"item_id": id, "output_index": 0, "content_index": 0}

    def event(type: str, **more: Any) -> dict[str, Any]:
        nonlocal number
        number += 1
        return {"type": f"response.{type}", "sequence_number": number - 1, **more}

    async with visit.stream_place(), aclosing(run.pieces()) as pieces:
        async for piece in pieces:
            if number == 0:
                yield event("created", response=frame)
                yield event("in_progress", response=frame)
                item = {**_message(id, ""), "status": "in_progress", "content": []}
                yield event("output_item.added", output_index=0, item=item)
                yield event("content_part.added", **place, part=_part(""))
            if piece:
                said += piece
                yield event("output_text.delta", **place, delta=piece, logprobs=[])
    ended = _ended(frame, _message(id, said), run.outcome())
    yield event("output_text.done", **place, text=said, logprobs=[])
    yield event("content_part.done", **place, part=_part(said))
    yield event("output_item.done", output_index=0, item=ended["output"][0])
    yield event(ended["status"], response=ended)


def _frame(request: ResponseRequest, model: str) -> replies.Body:
    """A response of which nothing was said yet."""
    return {
        "id": replies.new_id("resp"),
        "object": "response",
        "created_at": replies.now(),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": False,
        "previous_response_id": None,
        "store": False,
        "temperature": request.temperature,
        "text": {"format": {"type": "text"}},
        "tool_choice": "none",
        "tools": [],
        "top_p": request.top_p,
        "usage": None,
    }


def _ended(frame: replies.Body, message: replies.Body, ended: Outcome) -> replies.Body:
    """The response as it is in the end; what was cut off is incomplete."""
    is_whole = ended.reason == "stop"
    message = {**message, "status": "completed" if is_whole else "incomplete"}
    return {
        **frame,
        "status": message["status"],
        "incomplete_details": None if is_whole else {"reason": "max_output_tokens"},
        "output": [message],
        "usage": {
            "input_tokens": ended.prompt,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": ended.completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": ended.prompt + ended.completion,
        },
        "qianxun": ended.more,
    }


def _message(id: str, text: str) -> replies.Body:
    return {"id": id, "type": "message", "role": "assistant", "status": "completed", "content": [_part(text)]}


def _part(text: str) -> replies.Body:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
