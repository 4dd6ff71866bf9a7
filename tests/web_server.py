"""A web server on this machine for tests: answers as it is told, remembers what it was asked."""

import gzip
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from qianxun.settings import Settings, SourcesSettings

LOCAL = ("127.0.0.0/8",)


@dataclass
class Reply:
    """What is answered at a path. `pieces` are sent one by one, with `pause` seconds between, without a length."""

    body: bytes = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Callable[[], Iterator[bytes]] | None = None
    pause: float = 0.0


class Web:
    """`replies` by decoded path with its query. What is not there is 404."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply | list[Reply]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.port = 0

    def address(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        """What was asked for, without robots.txt."""
        return [path for path, _ in self.asked if path != "/robots.txt"]

    def page(self, path: str, text: str = "", *, links: tuple[str, ...] = (), head: str = "", **more: Any) -> None:
        """A page of HTML with links."""
        anchors = "".join(f'<p><a href="{link}">weiter</a></p>' for link in links)
        html = f"<html><head><title>{path}</title>{head}</head><body><p>{text}</p>{anchors}</body></html>"
        self.replies[path] = Reply(html.encode(), **more)

    def reply_to(self, path: str, headers: dict[str, str]) -> Reply:
        found = self.replies.get(path, Reply(b"gone", status=404))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        etag, changed = found.headers.get("ETag"), found.headers.get("Last-Modified")
        if (etag and headers.get("if-none-match") == etag) or (changed and headers.get("if-modified-since") == changed):
            return Reply(status=304, headers=found.headers)
        return found


def settings(**sources: Any) -> Settings:
    """Settings with which this machine may be read, without waiting between requests."""
    given: dict[str, Any] = {"allow_networks": LOCAL, "delay_seconds": 0.0, "retries": 0, "connect_seconds": 5.0}
    return Settings(sources=SourcesSettings(**given | sources))


@contextmanager
def serving(protocol: str = "HTTP/1.1", tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A running server."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            path = unquote(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            web.asked.append((path, headers))
            reply = web.reply_to(path, headers)
            self.send_response(reply.status)
            if reply.status != 304:
                self.send_header("Content-Type", reply.kind)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.pieces is not None:
                self.close_connection = True
                self.send_header("Connection", "close")
            elif "Content-Length" not in reply.headers:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            try:
                if reply.pieces is None:
                    self.wfile.write(reply.body)
                    return
                for piece in reply.pieces():
                    self.wfile.write(piece)
                    time.sleep(reply.pause)
            except OSError:
                self.close_connection = True  # who asked has seen enough

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign,assignment]  # who asked has hung up
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    web.port = server.server_address[1]
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
