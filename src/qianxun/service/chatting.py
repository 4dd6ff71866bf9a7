"""The chat at /chat of the service itself: imported when somebody first asks for it, which takes seconds once.

It is the application of `qianxun chat`, and asks this service over HTTP as that does, on this machine.
"""

import asyncio
from urllib.parse import urlsplit

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from qianxun.chat.api import Api
from qianxun.chat.folder import MOST_UPLOAD_MB, PREFIX
from qianxun.service.pages import SIGN_IN
from qianxun.settings import Settings, home_directory


def is_chat(path: str) -> bool:
    """Whether a path is the chat's."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


class Chat(BaseRoute):
    """A route to the chat of a service that answers at `address`."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings = settings
        self._address = address
        self._app: ASGIApp | None = None
        self._opening = asyncio.Lock()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Everything below /chat, pages and connections."""
        served = scope["type"] in ("http", "websocket") and is_chat(scope["path"])
        return (Match.FULL if served else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or one connection to its end."""
        async with self._opening:
            if self._app is None:
                self._app = await asyncio.to_thread(self._opened)
        await self._app(scope, receive, send)

    def _opened(self) -> ASGIApp:
        from qianxun.chat.app import create_chat

        section = self._settings.service
        return create_chat(
            # Where the service goes by names, it goes by no other.
            Api(self._address, name=next(iter(section.hosts), "")),
            home_directory(self._settings),
            # And what people call the pages by where a proxy calls them otherwise.
            names={*section.hosts, urlsplit(self._settings.web.address).netloc} - {""},
            max_upload_mb=min(section.max_upload_mb, MOST_UPLOAD_MB),
            sign_in=SIGN_IN,
        )
