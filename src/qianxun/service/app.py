"""The application that a server runs: routes, errors in the shape that each path's clients understand, the doorway.

`create_app(create_service(settings))` is all that a test or a server of one's own needs.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Scope

from qianxun import __version__, web
from qianxun.errors import NotFound, QianxunError
from qianxun.messages import language, language_of_browser, speaking
from qianxun.service import openai, pages, problems, reranking
from qianxun.service.doorway import Doorway
from qianxun.service.mcp.doors import route as mcp_route
from qianxun.service.oidc import oidc_of
from qianxun.service.openapi import described
from qianxun.service.refused import InvalidRequest, invalid
from qianxun.service.routes import routers
from qianxun.service.service import Service
from qianxun.service.telemetry import attach
from qianxun.service.tokens import reader_of_tokens, tokens_of
from qianxun.service.visit import visit_of
from qianxun.settings import Settings

__all__ = ["create_app", "create_service"]


def create_service(settings: Settings, *, loopback: bool = True) -> Service:
    """What requests are served with. `loopback` says whether only this machine can reach it."""
    service = Service(settings, loopback=loopback)
    service.telemetry = attach(service)
    tokens = tokens_of(settings)
    service.caller_of_token = reader_of_tokens(tokens)
    service.oidc = oidc_of(settings, tokens, service.database, service.sessions, service.lanes["renewal"])
    return service


def create_app(service: Service, chat: BaseRoute | None = None) -> FastAPI:
    """The application over a service, which is closed with it. `chat` is the route to its chat, if it has one."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.readiness.start()
        try:
            yield
        finally:
            await service.finished()
            await service.limiter.close()
            service.close()

    app = _Served(
        title="qianxun",
        version=__version__,
        # The pages of FastAPI load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        # They would repeat whatever name the request was made to.
        redirect_slashes=False,
        lifespan=life,
    )
    app.service = service
    for router in (*routers(), openai.router, reranking.router):
        app.include_router(router)
    if service.settings.web.pages:
        app.include_router(web.router())
    app.router.routes.append(mcp_route())
    if chat is not None:
        app.router.routes.append(chat)
        service.has_chat = True
    app.add_exception_handler(QianxunError, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _unforeseen)
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    return app


class _Served(FastAPI):
    """FastAPI behind the doorway: nothing is outside of it, not even what answers unforeseen errors."""

    service: Service

    def build_middleware_stack(self) -> ASGIApp:
        return Doorway(super().build_middleware_stack(), self.service, _in_its_shape)


def _in_its_shape(error: QianxunError, scope: Scope, request_id: str) -> tuple[bytes, Mapping[str, str]]:
    """An error's body and its headers, as the clients of a path understand them."""
    if pages.wants_page(scope["path"], Headers(scope=scope)):
        return web.error_page(error, scope, request_id)
    if openai.speaks(scope["path"]):
        return problems.as_json(openai.error_of(error)), {"content-type": "application/json"}
    accepted = Headers(scope=scope).get("accept-language", "")
    with speaking(language_of_browser(accepted) or language()):
        return problems.as_json(problems.problem_of(error, request_id)), {"content-type": problems.MEDIA_TYPE}


def _response(error: QianxunError, request: Request, *, headers: Mapping[str, str] | None = None) -> Response:
    visit = visit_of(request)
    content, how = _in_its_shape(problems.tellable(error, visit), request.scope, visit.id)
    return Response(
        content,
        status_code=problems.status_of(error),
        headers={**how, **problems.headers_of(error), **(headers or {})},
    )


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, QianxunError)
    return _response(error, request)


async def _invalid(request: Request, error: Exception) -> Response:
    """A request that is not as documented: the first thing that is wrong with it, and where."""
    assert isinstance(error, RequestValidationError)
    fault: Mapping[str, Any] = next(iter(error.errors()), {})
    if pages.is_page(request.url.path):
        return _response(web.refused(fault, request), request)
    return _response(invalid(fault, request.headers.get("content-type", "")), request)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """What nobody foresaw. The doorway gets the error, too, and says in the log where it was."""
    return _response(problems.unforeseen(), request)


async def _plain(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: a path that there is not, a method that a path has not."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _response(NotFound("There is no such path."), request)
    if error.status_code == 405 and pages.is_page(request.url.path):
        refused = InvalidRequest(
            "Nothing is to be seen at this address: it takes what a form sends.", remedy="Open the page with the form."
        )
    else:
        refused = InvalidRequest("{what}.", what=str(error.detail).rstrip("."))
    refused.status = error.status_code
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted({*_allowed(request), *headers.get("Allow", "").split(", ")} - {""}))
    return _response(refused, request, headers=headers)


def _allowed(request: Request) -> set[str]:
    """What may be done with a path: the framework names the first of its routes only."""
    paths: Mapping[str, Mapping[str, Any]] = request.app.openapi()["paths"]
    at = [known for template, known in paths.items() if compile_path(template)[0].match(request.scope["path"])]
    return {method.upper() for known in at for method in known if method != "parameters"}
