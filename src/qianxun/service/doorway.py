"""What every request passes before any handler, and every reply on its way out. Plain ASGI: streams pass as they come.

In this order: a request id; the pages of other origins that are named (CORS); the names that the service goes by
(against DNS rebinding); who asks; how often; how much they send. A reply gets security headers; when it has ended, or
the client has gone, listeners are told.
"""

import asyncio
import ipaddress
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Self

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qianxun.errors import InputError, Overloaded, QianxunError, SettingsError
from qianxun.hosts import LOOPBACK_NAMES, is_address, without_port
from qianxun.service import pages, problems
from qianxun.service.access import Caller, Limits
from qianxun.service.facts import Ended
from qianxun.service.logs import request_id
from qianxun.service.service import Service
from qianxun.service.visit import Visit

logger = logging.getLogger(__name__)

REQUEST_ID: Final = "x-request-id"
# Told to anybody, without a key: whether it runs. /metrics has a rule of its own.
OPEN_PATHS: Final = frozenset(("/healthz", "/readyz", "/metrics"))
# The requests that may be as large as `service.max_upload_mb` says, if they are forms: what else is read is read whole.
_UPLOADS: Final = re.compile(
    r"/api/v1/bases/[^/]+/(documents|conversations/[^/]+/files)|/library/[^/]+/documents|/chat/project/file"
)
# Who sends no more of a request, or takes no more of a reply, for so long has gone.
SILENT_SECONDS: Final = 60.0
_FORM_OF_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_CORS_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Of these the body was not read to its end.
_UNREAD: Final = frozenset((408, 413))
_MAX_DIGITS: Final = 18
# Until it is known who asks.
_UNKNOWN: Final = Caller("", "", frozenset(), frozenset(), frozenset(), Limits())
Refusal = Callable[[QianxunError, Scope, str], tuple[bytes, Mapping[str, str]]]


class Refused(InputError):
    """A request that is turned away at the door, with the status that says so."""

    status: int = 400

    def answered(self, status: int) -> Self:
        """The same, answered with this status."""
        self.status = status
        return self


class Doorway:
    """Wraps an application. `said` turns an error into a body and headers that the path's clients understand.

    Raises SettingsError for proxies that are no addresses.
    """

    def __init__(self, app: ASGIApp, service: Service, said: Refusal) -> None:
        section = service.settings.service
        self._app = app
        self._service = service
        self._said = said
        self._names = frozenset(name.lower() for name in section.hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in section.cors_origins)
        self._proxies = list(map(_network, section.trusted_proxies))
        # What people call our pages by, where they do not ask us themselves.
        self._called = frozenset(filter(None, [service.settings.web.address.lower().rstrip("/")]))
        self._inside: ASGIApp = self._served
        if self._origins:
            self._inside = CORSMiddleware(
                self._served,
                allow_origins=sorted(self._origins),
                allow_methods=_CORS_METHODS,
                # Clients of others' making send headers of their own. It is the origin that is trusted.
                allow_headers=["*"],
                expose_headers=[REQUEST_ID, "retry-after"],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket" and pages.is_connection(scope["path"]):
            # The chat's, which looks by itself where it comes from and who it is (`qianxun.chat.door`).
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # Nothing else here speaks WebSocket; nobody who could not be asked for a key is let in.
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = time.perf_counter()
        given = Headers(scope=scope).get(REQUEST_ID, "")
        visit = Visit(given if _FORM_OF_ID.fullmatch(given) else secrets.token_hex(8), _UNKNOWN, self._service)
        scope.setdefault("state", {})["visit"] = visit
        request_id.set(visit.id)
        if self._service.telemetry is not None and self._service.telemetry.tracing is not None:
            self._service.telemetry.tracing.note(visit.id, scope["headers"])
        out = _Outgoing(
            send,
            visit,
            lambda status: self._before_reply(visit, scope, status, begun),
            lambda error: self._refuse(error, scope, visit, out, out),
        )
        scope["state"]["outgoing"] = out
        try:
            await self._inside(scope, receive, out)
        except asyncio.CancelledError:
            out.status = out.status or problems.CLIENT_GONE
            raise
        finally:
            self._tell_in_time(visit, lambda: self._ended(visit, scope, out.status or 500, begun))

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, for who is let in. `send` may add what pages of other origins need."""
        visit: Visit = scope["state"]["visit"]
        out: _Outgoing = scope["state"].pop("outgoing")
        try:
            await self._admit(scope, Headers(scope=scope), visit)
            await _EndWithClient(self._app, self._body_limit(scope), out).run(scope, receive, send)
        except QianxunError as error:
            await self._refuse(error, scope, visit, out, send)
        except _ClientGone:
            out.status = out.status or problems.CLIENT_GONE
        except Exception as error:
            # Neither the request nor a document is in its lines; both may be in an exception's words.
            logger.error("request %s failed: %s", visit.id, problems.places(error))
            await self._refuse(problems.unforeseen(), scope, visit, out, send)

    async def _admit(self, scope: Scope, headers: Headers, visit: Visit) -> None:
        if scope["path"] in OPEN_PATHS:
            return
        is_page = pages.wants_page(scope["path"], headers)
        if is_page and pages.is_from_elsewhere(headers):
            raise _foreign(headers.get("origin", headers["sec-fetch-site"]))
        if pages.is_open(scope["path"]):
            # No page of another site signs its reader in as somebody else.
            if "origin" in headers and scope["method"] not in ("GET", "HEAD"):
                self._check_origin(scope, headers)
            elif self._is_proxy((scope.get("client") or ("",))[0]):
                self._believe(scope, headers)
            return
        shown = shown_by(headers)
        if shown is None and is_page:
            shown = visit.session = pages.session_of(headers)
            if shown is not None:
                self._check_origin(scope, headers)
        self._check_names(scope, headers, keyless=shown is None)
        if scope["method"] == "OPTIONS":
            return
        try:
            visit.caller = await self._service.caller(shown)
        except Overloaded:
            # One signs out also while nobody can say who it is that does.
            if visit.session is None or scope["path"] != pages.SIGN_OUT:
                raise
        await self._service.admit(visit.caller)

    def _check_names(self, scope: Scope, headers: Headers, *, keyless: bool) -> None:
        """Without a key, a page of another site could make its reader's browser ask: names are all that tells."""
        believed = self._is_proxy((scope.get("client") or ("",))[0])
        forwarded = [name for name in FORWARDED if name in headers]
        named = headers.get("host", "").lower()
        if believed and forwarded:
            self._believe(scope, headers)
            named = headers.get("x-forwarded-host", named).lower()
        host = without_port(named)
        if self._names and host not in self._names:
            raise _unknown_name(host)
        if not keyless:
            return
        if forwarded and not believed:
            raise Refused(
                "Forwarded requests need a key; seen: {header}.",
                remedy="Send `Authorization: Bearer KEY`, or name the proxy in service.trusted_proxies.",
                header=forwarded[0],
            )
        everywhere = self._service.settings.service.anonymous == "everywhere"
        # A name can be made to lead anywhere by who owns it, an address cannot.
        if not self._names and host not in LOOPBACK_NAMES and not (everywhere and is_address(host)):
            raise _unknown_name(host)
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (own_origin(scope, named), *self._origins):
            raise _foreign(origin)

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """A browser sends its cookie whoever's page asks: what changes anything must come from a page of ours."""
        if scope["method"] in ("GET", "HEAD"):
            return
        named = headers.get("host", "").lower()
        if self._is_proxy((scope.get("client") or ("",))[0]):
            self._believe(scope, headers)
            named = headers.get("x-forwarded-host", named).lower()
        origin = headers.get("origin", "null").lower()
        if origin != own_origin(scope, named) and origin not in self._called:
            raise _foreign(origin)

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._proxies)

    def _believe(self, scope: Scope, headers: Headers) -> None:
        """Takes over what a proxy says: how the client reached it, and from where (the last that is no proxy)."""
        scheme = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        if scheme in ("http", "https"):
            scope["scheme"] = scheme
        came_by = [one.strip() for one in headers.get("x-forwarded-for", "").split(",")]
        client = next((one for one in reversed(came_by) if not self._is_proxy(one)), "")
        if client:
            scope["client"] = (client, 0)

    def _body_limit(self, scope: Scope) -> int:
        section = self._service.settings.service
        content = Headers(scope=scope).get("content-type", "").lower()
        is_upload = content.startswith("multipart/form-data") and _UPLOADS.fullmatch(scope["path"])
        return int((section.max_upload_mb if is_upload else section.max_body_mb) * 1_000_000)

    async def _before_reply(self, visit: Visit, scope: Scope, status: int, begun: float) -> None:
        if visit.facts.changes:
            ended = self._ended(visit, scope, status, begun)
            for listener in self._service.before_reply:
                await listener(ended)

    async def _refuse(self, error: QianxunError, scope: Scope, visit: Visit, out: "_Outgoing", send: Send) -> None:
        if out.status:  # a reply has begun: that it does not end says that something is wrong
            logger.warning("request %s was cut short: %s", visit.id, type(error).__name__)
            return
        content, how = self._said(problems.tellable(error, visit), scope, visit.id)
        headers = {**how, "content-length": str(len(content)), **problems.headers_of(error)}
        if problems.status_of(error) in _UNREAD:
            headers["connection"] = "close"
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": problems.status_of(error), "headers": raw})
        await send({"type": "http.response.body", "body": content})

    def _ended(self, visit: Visit, scope: Scope, status: int, begun: float) -> Ended:
        route = _template_of(scope) or ("/mcp" if scope["path"] == "/mcp" else "")
        seconds = time.perf_counter() - begun
        return Ended(visit.id, visit.caller, visit.facts, route, scope["method"], status, seconds)

    def _tell_in_time(self, visit: Visit, ended: Callable[[], Ended]) -> None:
        """Tells listeners once all that the request began has ended: an answer may go on without who asked for it."""
        if visit.goes_on is None or visit.goes_on.done():
            self._tell(ended())
        else:
            visit.goes_on.add_done_callback(lambda _: self._tell(ended()))

    def _tell(self, ended: Ended) -> None:
        for listener in self._service.listeners:
            try:
                listener(ended)
            except Exception as error:
                logger.error("a listener failed at request %s: %s", ended.id, problems.places(error))


class _ClientGone(Exception):
    """Nobody waits for the reply any more."""


class _Outgoing:
    """Passes a reply on with our headers; what changed something is told before its first byte.

    Where that fails, the error is the reply, and what the handler says is dropped: it cannot be told, since for it the
    reply has begun.
    """

    def __init__(
        self,
        send: Send,
        visit: Visit,
        before: Callable[[int], Awaitable[None]],
        refuse: Callable[[QianxunError], Awaitable[None]],
    ) -> None:
        self._send = send
        self._visit = visit
        self._before = before
        self._refuse = refuse
        self._told = self._refused = False
        self.status = 0
        self.is_whole = False

    async def __call__(self, message: Message) -> None:
        """One message of the reply. Raises _ClientGone if nobody takes it."""
        if self._refused:
            return
        if message["type"] == "http.response.start":
            if not self._told:
                self._told = True
                try:
                    await self._before(message["status"])
                except QianxunError as error:
                    await self._refuse(error)
                    self._refused = True
                    return
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self._visit.id
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                await self._send(message)
        except TimeoutError:
            raise _ClientGone from None
        self.is_whole = message["type"] == "http.response.body" and not message.get("more_body", False)


class _EndWithClient:
    """Runs a handler that is cancelled when its client goes, and that is given no more than so many bytes."""

    def __init__(self, app: ASGIApp, max_bytes: int, out: _Outgoing) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._out = out

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises _ClientGone if the client went first, Refused for a body that is too large or does not come."""
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and (len(length) > _MAX_DIGITS or int(length) > self._max_bytes):
            raise _too_large(self._max_bytes)
        body = _Body(receive, self._max_bytes, there_is_one=_has_body(scope))
        handler = asyncio.ensure_future(self._app(scope, body.receive, send))
        watcher = asyncio.ensure_future(body.ended())
        try:
            await asyncio.wait((handler, watcher), return_when=asyncio.FIRST_COMPLETED)
            if not handler.done() and not self._out.is_whole:
                handler.cancel()
                await asyncio.wait((handler,))
                raise body.failure or _ClientGone
            await asyncio.wait((handler,))
        finally:
            watcher.cancel()
            if not handler.done():
                handler.cancel()
                await asyncio.wait((handler,))
        if not handler.cancelled():
            await handler


class _Body:
    """The messages of a request's body, counted; once it is through, `ended` looks whether the client is still there.

    `failure` says what is wrong with the body. A handler waits for the rest of such a body until it is cancelled: what
    is raised where it reads would be taken for an error of its own.
    """

    def __init__(self, receive: Receive, max_bytes: int, *, there_is_one: bool) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._left = max_bytes
        self._through = asyncio.Event()
        self._gone = asyncio.Event()
        self._empty = not there_is_one
        self.failure: QianxunError | None = None
        if self._empty:
            self._through.set()

    async def receive(self) -> Message:
        """The next message: as the server sends it, until the body is through; then that the client has gone."""
        if self._empty:
            self._empty = False
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._through.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                message = await self._receive()
        except TimeoutError:
            unfinished = Refused("The request did not come to its end.", remedy="Send it again.")
            return await self._failed(unfinished.answered(408))
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            return await self._failed(_too_large(self._max_bytes))
        if message["type"] == "http.disconnect":
            self._gone.set()
            self._through.set()
        elif not message.get("more_body", False):
            self._through.set()
        return message

    async def _failed(self, failure: QianxunError) -> Message:
        self.failure = failure
        self._gone.set()
        self._through.set()
        await asyncio.get_running_loop().create_future()  # for ever
        raise AssertionError

    async def ended(self) -> None:
        """Returns when the client has gone, or the body failed. What no handler reads is not read here either."""
        await self._through.wait()
        while not self._gone.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone.set()


def _template_of(scope: Scope) -> str:
    """The path of the route that was found, as it was written down; "" if none was."""
    # FastAPI's newer releases keep a router's prefix apart from its routes.
    whole = scope.get("fastapi", {}).get("effective_route_context")
    return str(getattr(whole, "path_format", "") or getattr(scope.get("route"), "path_format", ""))


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _too_large(max_bytes: int) -> QianxunError:
    return Refused(
        "Too much was sent: {mb} MB at most.",
        remedy="Send less at a time, or raise `service.max_body_mb` (files to be added: `service.max_upload_mb`).",
        mb=f"{max_bytes / 1_000_000:g}",
    ).answered(413)


def shown_by(headers: Headers) -> str | None:
    """The key or token that a request shows; None if it shows none. What cannot be read is shown, and does not hold."""
    authorization = headers.get("authorization", "").strip()
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return headers.get("x-api-key", "").strip() or headers.get("api-key", "").strip() or authorization or None


def own_origin(scope: Scope, named: str) -> str:
    """The origin of our own pages, as this client calls us."""
    return f"{scope.get('scheme', 'http')}://{named}"


def _network(text: str) -> "ipaddress.IPv4Network | ipaddress.IPv6Network":
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise SettingsError(
            "service.trusted_proxies: {text!r} is no address.", remedy="Example: 10.0.0.5 or 10.0.0.0/24", text=text
        ) from error


def _foreign(origin: str) -> Refused:
    return Refused(
        "Pages of {origin!r} may not call this service.", remedy="Name it in service.cors_origins.", origin=origin
    ).answered(403)


def _unknown_name(host: str) -> Refused:
    return Refused(
        "This service does not go by the name {host!r}.", remedy="Name it in service.hosts.", host=host
    ).answered(421)
