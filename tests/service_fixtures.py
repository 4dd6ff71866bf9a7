"""A service for tests: over an empty home, in process for most, behind a real server where a client needs one."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

import qianxun
from qianxun.knowledge_base import KnowledgeBase
from qianxun.service.app import create_app, create_service
from qianxun.service.service import Service
from qianxun.settings import load_settings
from qianxun.storage.keys import USUAL, Grant

SETTINGS = ("encoder.name=hash", "reading.workers=1")
# A name that the keyless service goes by; the port is nobody's.
URL = "http://127.0.0.1:8000"


class Served:
    """A service, its application, and clients of it with keys of any grant."""

    def __init__(self, home: Path, overrides: Sequence[str] = (), *, loopback: bool = True) -> None:
        self.home = home
        self.settings = load_settings(overrides=[f"home={home}", *SETTINGS, *overrides])
        self.service: Service = create_service(self.settings, loopback=loopback)
        self.app = create_app(self.service)

    def base(self, name: str = "default") -> KnowledgeBase:
        """A knowledge base under home, made if it is not there; to be closed by the caller."""
        return qianxun.open(self.home / "kb" / name, settings=self.settings)

    def key(
        self,
        *,
        labels: Sequence[str] | None = ("public",),
        bases: Sequence[str] | None = None,
        actions: Sequence[Any] = tuple(USUAL),
        admin: bool = False,
        **limits: int,
    ) -> str:
        """A new key's secret."""
        grant = Grant(
            None if labels is None else frozenset(labels),
            None if bases is None else frozenset(bases),
            frozenset(actions),
            **limits,
        )
        return self.service.keys.create("test", Grant.everything() if admin else grant)[1]

    def client(self, **grant: Any) -> TestClient:
        """A client with a new key; without any grant, one that shows no key."""
        headers = {"Authorization": f"Bearer {self.key(**grant)}"} if grant else {}
        return TestClient(self.app, base_url=URL, headers=headers, raise_server_exceptions=False)

    def close(self) -> None:
        """Ends it."""
        self.service.close()


@contextlib.contextmanager
def running(app: Any) -> Iterator[str]:
    """A real server over an application, on a free port of this machine; gives its URL."""
    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until = time.monotonic() + 30
        while not server.started and thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        assert server.started, "the server did not start"
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)


def with_chat(served: Served) -> Any:
    """The application with the door of its chat, which asks the service itself; behind it is nothing."""
    import httpx

    from qianxun.chat.api import Api
    from qianxun.chat.door import Door
    from qianxun.service.chatting import Chat

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    api = Api(URL)
    api._http = httpx.AsyncClient(transport=httpx.ASGITransport(app=served.app), base_url=URL)
    route = Chat(served.settings, URL)
    route._app = Door(nothing, api, lambda id, name: id, sign_in="/sign-in")
    return create_app(served.service, route)
