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
from typing import Any, Final

from qianxun.messages import set_language
from qianxun.settings import Settings

logger = logging.getLogger(__name__)

# The sync stages of answers; searches and looks have threads of their own (`lanes`).
_ANSWER_THREADS: Final = 32
# Connections that wait until one is accepted.
BACKLOG: Final = 2048


def serve(settings: Settings, listening: socket.socket, loopback: bool, language: str, started: Any) -> None:
    """Serves until SIGTERM or SIGINT, or until the parent is gone. `started` is set once requests are answered."""
    from qianxun.service.logs import configure_logs

    set_language(language)
    configure_logs(settings)
    end_with_parent()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_served(settings, listening, loopback, started))


async def _served(settings: Settings, listening: socket.socket, loopback: bool, started: Any) -> None:
    import uvicorn

    from qianxun.service.app import create_app, create_service

    pool = concurrent.futures.ThreadPoolExecutor(_ANSWER_THREADS, thread_name_prefix="qianxun-answer")
    asyncio.get_running_loop().set_default_executor(pool)
    service = create_service(settings, loopback=loopback)
    config = uvicorn.Config(
        create_app(service),
        access_log=False,
        log_config=None,
        server_header=False,
        # Read by the doorway, which knows whom to believe.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(1, round(settings.service.stop_seconds)),
        http="httptools",
    )
    server = uvicorn.Server(config)

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
