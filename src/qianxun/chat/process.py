"""The chat as a process of its own."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from qianxun.chat.api import Api
from qianxun.chat.app import create_chat
from qianxun.chat.folder import MOST_UPLOAD_MB, PREFIX
from qianxun.errors import InputError
from qianxun.hosts import is_here
from qianxun.settings import Settings, home_directory, issuer_name

_BACKLOG: Final = 512
_STOP_SECONDS: Final = 5


def listen(host: str, port: int) -> tuple[socket.socket, str]:
    """A socket, and the address of the chat there. Raises InputError if it is taken."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        raise InputError(
            "{host}:{port} cannot be listened on ({error}).",
            remedy="Choose another port.",
            host=host,
            port=port,
            error=error.strerror or error,
        ) from error
    shown = f"[{host}]" if ":" in host else host
    return listening, f"http://{shown}:{listening.getsockname()[1]}{PREFIX}/"


def serve(
    settings: Settings,
    service: str,
    listening: socket.socket,
    *,
    host: str,
    names: Collection[str] = (),
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Serves until SIGTERM or SIGINT. Raises MissingExtra, InputError.

    Whoever reaches the chat from elsewhere must sign in: the service would take them for this machine.
    """
    import uvicorn

    # Chainlit and what it brings along look for settings where a process is.
    folder = Path(home_directory(settings))
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    logging.getLogger("chainlit").setLevel(logging.ERROR)
    app = create_chat(
        Api(service),
        folder,
        names=names,
        anonymous=is_here(host),
        max_upload_mb=min(settings.service.max_upload_mb, MOST_UPLOAD_MB),
        shown_at=(settings.web.address or service).rstrip("/"),
        issuer=issuer_name(settings),
    )
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = uvicorn.Server(config)

    async def tell() -> None:
        while not server.started:
            await asyncio.sleep(0.01)
        on_start()

    async def run() -> None:
        telling = asyncio.create_task(tell())
        try:
            await server.serve(sockets=[listening])
        finally:
            telling.cancel()

    asyncio.run(run())
