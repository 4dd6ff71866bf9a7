"""Where clients of the protocol come in: at `/mcp` of the service, and over standard input and output.

Over HTTP each request stands alone (no sessions), so that any worker can answer it; who asks was found out before, by
the doorway of the service. Over stdio there is one caller, for whom the command was started.
"""

import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TextIO

import anyio
from mcp import types
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http import StreamableHTTPServerTransport
from pydantic import ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from qianxun.service.access import Caller
from qianxun.service.mcp.server import server
from qianxun.service.service import Service
from qianxun.service.visit import Visit, visit_of

PATH: Final = "/mcp"
_EVENTS: Final = "text/event-stream"
_JSON: Final = "application/json"
_METHODS: Final = frozenset(("initialize", "ping", "tools/list", "tools/call"))


def route() -> Route:
    """The route of an application whose doorway makes a visit of every request."""
    return Route(PATH, _Door(), include_in_schema=False)


async def over_stdio(service: Service, caller: Caller) -> None:
    """Serves one client over standard input and output, until it closes them. Nothing else may write to either."""

    @asynccontextmanager
    async def visiting(request: Any) -> AsyncIterator[Visit]:
        yield Visit(secrets.token_hex(8), caller, service)

    speaking = server(visiting)
    with _alone_on_stdout() as stream:
        async with stdio_server(stdout=anyio.wrap_file(stream)) as (incoming, outgoing):
            await speaking.run(incoming, outgoing, speaking.create_initialization_options())


@contextmanager
def _alone_on_stdout() -> Iterator[TextIO]:
    """Standard output as nobody else can reach it: what any library prints there goes to standard error meanwhile."""
    sys.stdout.flush()
    own = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        with open(own, "w", encoding="utf-8", closefd=False) as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(own, sys.stdout.fileno())
        os.close(own)


@asynccontextmanager
async def _of_request(request: Request) -> AsyncIterator[Visit]:
    yield visit_of(request)


class _Door:
    """The endpoint: streamable HTTP without sessions. Events where a client takes them, else one JSON reply."""

    def __init__(self) -> None:
        self._server = server(_of_request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; ends with it, also when the client goes."""
        if scope["method"] != "POST":
            # There is nothing to listen to, and no session to end.
            refused = _refusal(405, types.INVALID_REQUEST, "Only POST is served here.", {"Allow": "POST"})
            await refused(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        problem = _problem(body)
        if problem is not None:
            await problem(scope, receive, send)
            return
        as_events = _EVENTS in Headers(scope=scope).get("accept", "")
        scope = {**scope, "headers": list(scope["headers"])}
        # The SDK wants both named; a client that takes anything, or no events, is given JSON.
        MutableHeaders(scope=scope)["accept"] = f"{_JSON}, {_EVENTS}"
        transport = StreamableHTTPServerTransport(mcp_session_id=None, is_json_response_enabled=not as_events)
        async with transport.connect() as (incoming, outgoing), anyio.create_task_group() as tasks:
            options = self._server.create_initialization_options()
            tasks.start_soon(lambda: self._server.run(incoming, outgoing, options, stateless=True))
            try:
                await transport.handle_request(scope, _Again(body, receive).receive, send)
            finally:
                with anyio.CancelScope(shield=True):
                    await transport.terminate()
            tasks.cancel_scope.cancel()


class _Again:
    """A body that was read, once more; then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def receive(self) -> Message:
        """The next message."""
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _problem(body: bytes) -> JSONResponse | None:
    """What to reply to what is no message of the protocol; None if it is one.

    The SDK finds that too, but logs what was sent.
    """
    try:
        told = json.loads(body)
        json.dumps(told, ensure_ascii=False).encode()  # half a character cannot be repeated in a reply
        root = types.JSONRPCMessage.model_validate(told).root
    except ValidationError:
        return _refusal(400, types.INVALID_REQUEST, "This is no message of the Model Context Protocol.")
    except (ValueError, RecursionError):
        return _refusal(400, types.PARSE_ERROR, "This is no JSON.")
    told = root.model_dump(by_alias=True, mode="json", exclude_none=True)
    try:
        if isinstance(root, types.JSONRPCRequest):
            types.ClientRequest.model_validate(told)
        elif isinstance(root, types.JSONRPCNotification):
            types.ClientNotification.model_validate(told)
    except ValidationError:
        if isinstance(root, types.JSONRPCNotification):
            return JSONResponse(None, status_code=202)  # one that is not known is left alone
        assert isinstance(root, types.JSONRPCRequest)
        if root.method in _METHODS:
            return _refusal(200, types.INVALID_PARAMS, "The parameters are not those of this method.", id=root.id)
        return _refusal(200, types.METHOD_NOT_FOUND, "There is no such method here.", id=root.id)
    return None


def _refusal(
    status: int, code: int, message: str, headers: dict[str, str] | None = None, *, id: str | int | None = None
) -> JSONResponse:
    body = {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}
    return JSONResponse(body, status_code=status, headers=headers)
