"""One process that answers: the application behind a server, on a socket that its parent listens on.

It ends by SIGTERM after what it is answering, and as soon as its parent is gone.
"""

import asyncio
import concurrent.futures
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from qianxun.messages import set_language
from qianxun.settings import Settings

if TYPE_CHECKING:
    import uvicorn

    from qianxun.service.chatting import Chat
    from qianxun.service.readiness import Readiness

logger = logging.getLogger(__name__)

# The sync stages of answers; searches and looks have threads of their own (`lanes`).
_ANSWER_THREADS: Final = 32
# Connections that wait until one is accepted.
BACKLOG: Final = 2048
# What takes no longer to be ready is no news.
_QUIET_SECONDS: Final = 2.0
# So long after it has connected a client may take to ask, when the process is told to end.
_ABOUT_TO_ASK_SECONDS: Final = 0.25


def serve(
    settings: Settings,
    listening: socket.socket,
    loopback: bool,
    language: str,
    started: Any,
    replaced: Any,
    when_ready: bool = False,
) -> None:
    """Serves until SIGTERM or SIGINT, or until the parent is gone. `started` is set once requests are answered.

    With `when_ready` none is before everything that answers is there: whoever answers now goes on meanwhile. `replaced`
    is set when another process has taken over, before this one is told to end.
    """
    from qianxun.service.logs import configure_logs

    set_language(language)
    configure_logs(settings)
    end_with_parent()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_served(settings, listening, loopback, started, replaced, when_ready))


async def _served(
    settings: Settings, listening: socket.socket, loopback: bool, started: Any, replaced: Any, when_ready: bool
) -> None:
    import uvicorn

    from qianxun.service.app import create_app, create_service

    pool = concurrent.futures.ThreadPoolExecutor(_ANSWER_THREADS, thread_name_prefix="qianxun-answer")
    asyncio.get_running_loop().set_default_executor(pool)
    service = create_service(settings, loopback=loopback)
    service.replaced = replaced.is_set
    if when_ready:
        await _ready(service.readiness)
    config = uvicorn.Config(
        create_app(service, _chat(settings, listening)),
        access_log=False,
        log_config=None,
        server_header=False,
        # Read by the doorway, which knows whom to believe.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(1, round(settings.service.stop_seconds)),
        http="httptools",
    )
    server = gentle(config)

    async def tell() -> None:
        while not server.started:
            await asyncio.sleep(0.01)
        started.set()
        while not server.should_exit:
            await asyncio.sleep(0.05)
        service.stopping.set()

    telling = asyncio.create_task(tell())
    try:
        await server.serve(sockets=[listening])
    finally:
        telling.cancel()


def gentle(config: "uvicorn.Config") -> "uvicorn.Server":
    """A server that also answers who had connected when it was told to end, and was about to ask.

    uvicorn closes such connections unanswered.
    """
    import uvicorn

    class Gentle(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for server in self.servers:
                server.close()
            for one in sockets or ():
                one.close()
            await asyncio.sleep(_ABOUT_TO_ASK_SECONDS)
            await super().shutdown(sockets)

    return Gentle(config)


def _chat(settings: Settings, listening: socket.socket) -> "Chat | None":
    """The chat, where it is wanted, installed, and this the only process that answers: it keeps its pages in memory."""
    from qianxun.chat import is_installed

    if not settings.web.chat or settings.service.workers > 1 or not is_installed():
        return None
    from qianxun.service.chatting import Chat
    from qianxun.service.processes import address_of

    return Chat(settings, address_of(listening))


async def _ready(readiness: "Readiness") -> None:
    """Waits until nothing is waited for any more. Whoever has no patience ends the process."""
    readiness.start()
    said: list[str] = []
    since = time.monotonic()
    while waiting := readiness.waiting():
        if waiting != said and time.monotonic() - since > _QUIET_SECONDS:
            logger.warning("before it answers, this process waits for: %s", ", ".join(waiting))
            said = waiting
        await asyncio.sleep(0.05)


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def end_with_parent() -> None:
    """A parent that was killed takes its children along: nobody else would, and the port would stay taken."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="qianxun-parent", daemon=True).start()
