"""What all routes for these clients share: how a malformed body is refused, and which errors are documented."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from qianxun.errors import InputError
from qianxun.service.openai.requests import validation_error

_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
# Every status that any of these routes may answer instead of a reply.
_STATUSES: Final = (400, 401, 403, 404, 413, 421, 429, 500, 501, 502, 503, 504)


class ErrorDetail(BaseModel):
    """What went wrong, and what to do. `code` is for programs, `param` names the field."""

    message: str
    type: str
    code: str | None
    param: str | None


class ErrorReply(BaseModel):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


class ClientRoute(APIRoute):
    """A route that refuses a body without the form of a request by an InputError naming the first fault (400)."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """The handler, around FastAPI's."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            _refuse_half_characters(await request.body())
            try:
                return await handler(request)
            except RequestValidationError as error:
                raise validation_error(error.errors()) from error

        return handle


def answers(model: Any, *, streams: bool = False) -> dict[int | str, dict[str, Any]]:
    """What a route answers, for the OpenAPI document."""
    found: dict[str, Any] = {"model": model}
    if streams:
        found["content"] = {"text/event-stream": {}}
        found["description"] = "The reply; with `stream` its chunks as they come."
    return {200: found}


def _refuse_half_characters(body: bytes) -> None:
    """Raises InputError for text that is none: JSON can write half of a surrogate pair, and nothing can encode it."""
    if not _HALF.search(body):
        return
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError("The body holds half a character (a lone surrogate).", remedy="Send whole ones.") from error
    except (ValueError, RecursionError):
        return  # no JSON: whoever reads the body says so


def client_router(tag: str) -> APIRouter:
    """A router of such routes, with the errors that they may answer."""
    errors: dict[int | str, dict[str, Any]] = {status: {"model": ErrorReply} for status in _STATUSES}
    return APIRouter(tags=[tag], route_class=ClientRoute, responses=errors)
