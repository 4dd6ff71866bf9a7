"""A server on loopback that answers OpenAI's chat endpoint by a script, and remembers what it was asked.

It has no model: what it says is what the script says. It answers POST /v1/chat/completions, streamed or not, and GET
/v1/models, and checks a key if it has one. GET /requests tells programs in other languages what was asked.
"""

import json
import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from qianxun.errors import InputError
from qianxun.testing.events import Chat, in_json
from qianxun.testing.reply import Reply

Scripted: TypeAlias = str | Reply | Mapping[str, Any]
Script: TypeAlias = Sequence[Scripted] | Callable[["Request"], Scripted]

_CHAT: Final = "/chat/completions"
_REQUESTS: Final = "/requests"


@dataclass(slots=True)
class Request:
    """A request as it came, and what became of its answer.

    `headers` have names in lower case; `body` is what its JSON says, None if it is none. `n_deltas` counts the deltas
    of text that were written: the client may have read fewer; `first_delta` is when the first of them was, in seconds
    since 1970, 0 before. `went_away`: the client closed the connection before the answer was over. All are final once
    `wait` is True.
    """

    number: int
    method: str
    path: str
    headers: dict[str, str]
    content: bytes
    body: Any
    n_deltas: int = 0
    first_delta: float = 0.0
    went_away: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float = 10.0) -> bool:
        """Whether the answer was over, or the client gone, within that time."""
        return self.over.wait(seconds)

    def facts(self) -> dict[str, Any]:
        """All of it in values of JSON."""
        names = ("number", "method", "path", "headers", "body", "n_deltas", "went_away")
        return {name: getattr(self, name) for name in names} | {"over": self.over.is_set()}


class ScriptedServer:
    """A server in threads, from `with` to its end. `url` is what clients take as their base address.

    `script` is a sequence of replies, each for one chat request (with `repeats`, from the beginning again), or a
    function of the request that gives the reply; without one, the server says back the last message. A request for
    which there is no reply is refused (HTTP 400). An error in the function is answered with HTTP 500 and raised at the
    end of `with`.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        model: str = "scripted",
        key: str = "",
        context_tokens: int | None = None,
        repeats: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.model = model
        self.key = key
        self.context_tokens = context_tokens
        self.requests: list[Request] = []
        self._function = _say_back if script is None else script if callable(script) else None
        self._replies = deque(() if script is None or callable(script) else map(Reply.of, script))
        self._repeats = repeats
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._error: Exception | None = None
        self._stopping = threading.Event()
        self._address = host, port

    def __enter__(self) -> "ScriptedServer":
        try:
            self._http = _Http(self._address, _handler(self))
        except OSError as error:
            raise InputError(
                "The scripted server cannot listen at {host}, port {port} ({reason}).",
                remedy="Choose another port; 0 takes any that is free.",
                host=self._address[0],
                port=self._address[1],
                reason=error.strerror or type(error).__name__,
            ) from error
        self._bell, self._rings = socket.socketpair()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._rings.close()
        self._http.shutdown()
        self._thread.join()
        self._http.hang_up()
        self._http.server_close()
        self._bell.close()
        if kind is None and self._error is not None:
            raise self._error

    @property
    def url(self) -> str:
        """Where OpenAI's endpoints are, with the version: http://127.0.0.1:PORT/v1."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}/v1"

    @property
    def chats(self) -> list[Request]:
        """The requests to the chat endpoint, in the order in which they came."""
        with self._lock:
            return self._chats()

    def chat(self, number: int, seconds: float = 10.0) -> Request:
        """The chat request of that number, from 1, as soon as it has come. Raises TimeoutError."""
        with self._came:
            if not self._came.wait_for(lambda: len(self._chats()) >= number, seconds):
                raise TimeoutError(f"{len(self._chats())} chat requests came within {seconds:g} s, not {number}")
            return self._chats()[number - 1]

    @property
    def n_left(self) -> int:
        """How many replies of the script have not been given."""
        with self._lock:
            return len(self._replies)

    def add(self, *replies: Scripted) -> None:
        """Puts replies at the end of the script."""
        with self._lock:
            self._replies.extend(map(Reply.of, replies))

    def _chats(self) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(_CHAT)]

    def _note(self, method: str, path: str, headers: dict[str, str], content: bytes) -> Request:
        try:
            body = json.loads(content) if content else None
        except ValueError:
            body = None
        with self._lock:
            request = Request(len(self.requests) + 1, method, path, headers, content, body)
            if path != _REQUESTS:
                self.requests.append(request)
                self._came.notify_all()
        return request

    def _reply(self, request: Request) -> Reply:
        if self._function is not None:
            try:
                return Reply.of(self._function(request))
            except Exception as error:
                self._error = error
                return _refusal(500, f"the script failed: {error!r}")
        with self._lock:
            if not self._replies:
                return _refusal(400, "the script has no reply left")
            reply = self._replies.popleft()
            if self._repeats:
                self._replies.append(reply)
            return reply

    def _models(self) -> Any:
        entry = {"id": self.model, "object": "model", "created": 0, "owned_by": "qianxun"}
        limit = {} if self.context_tokens is None else {"max_model_len": self.context_tokens}
        return {"object": "list", "data": [entry | limit]}

    def _answer(self, request: Request) -> Reply:
        """What is answered, whatever it was that was asked."""
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return _refusal(401, "Incorrect API key provided")
        if request.method == "GET" and request.path.endswith("/models"):
            return Reply(body=self._models())
        if request.path == _REQUESTS:
            return Reply(body=[noted.facts() for noted in self.requests])
        if request.method != "POST" or not request.path.endswith(_CHAT):
            return _refusal(404, "Not Found")
        wrong = _what_is_wrong(request.body)
        return _refusal(400, wrong) if wrong else self._reply(request)


def _say_back(request: Request) -> str:
    content = request.body["messages"][-1].get("content")
    return content if isinstance(content, str) else ""


def _refusal(status: int, message: str) -> Reply:
    return Reply(status=status, body={"error": {"message": message, "type": "invalid_request_error", "code": status}})


def _what_is_wrong(body: Any) -> str:
    """Why a body is no request to the chat endpoint; "" if it is one."""
    if not isinstance(body, dict):
        return "the body is not a JSON object"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        return "messages must be a list of objects, and not empty"
    for name in ("max_tokens", "max_completion_tokens"):
        most = body.get(name)
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
            return f"{name} must be a whole number from 1"
    return ""


class _Http(ThreadingHTTPServer):
    """Threads of its own for every connection, of which none outlives it."""

    daemon_threads = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that hangs up is no news
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Ends what still writes or waits."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it is gone already


class _Gone(Exception):
    """The client is, or the server is about to be."""


def _handler(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Each event is written as it is; else the second would wait for the client to confirm the first.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            length = self.headers.get("Content-Length", "0")
            content = self.rfile.read(int(length) if length.isdecimal() else 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = server._note(self.command, urlsplit(self.path).path, headers, content)
            self._asked = request
            try:
                self._give(server._answer(request))
            except (OSError, _Gone):
                self.close_connection = True
                request.went_away = not server._stopping.is_set()
            finally:
                request.over.set()

        def _give(self, reply: Reply) -> None:
            if reply.after is None and reply.fault:
                return self._break("silence" if reply.fault == "silence" else "hang up")
            if reply.is_chat and self._asked.body.get("stream"):
                return self._stream(reply)
            self._pass(reply.first_seconds)
            content = self._content(reply)
            if reply.fault == "endless":
                return self._repeat(reply, content)
            self._begin(reply, {"Content-Length": str(len(content))})
            whole = not reply.fault or (reply.fault == "malformed" and not reply.is_chat)
            self.wfile.write(content if whole else content[: len(content) // 2])
            if not whole:
                self._break("silence" if reply.fault == "silence" else "hang up")

        def _content(self, reply: Reply) -> bytes:
            if reply.is_chat:
                return in_json(Chat(reply, self._asked.body, self._asked.number, server.model).whole())
            body = {"error": {"message": "scripted fault", "code": reply.status}} if reply.body is None else reply.body
            return body.encode("utf-8", "replace") if isinstance(body, str) else in_json(body)

        def _stream(self, reply: Reply) -> None:
            self._begin(reply, {"Transfer-Encoding": "chunked"}, "text/event-stream; charset=utf-8")
            chat = Chat(reply, self._asked.body, self._asked.number, server.model)
            cut = reply.cutter()
            for step in chat.stream():
                if isinstance(step, str):
                    return self._break(step)
                self._pass(step.seconds)
                if step.is_delta and not self._asked.n_deltas:
                    self._asked.first_delta = time.time()
                for piece in cut(step.data):
                    self._write(piece)
                self._asked.n_deltas += step.is_delta
            try:
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True  # everything has been said: who goes now has heard it

        def _repeat(self, reply: Reply, content: bytes) -> None:
            self._begin(reply, {"Transfer-Encoding": "chunked"})
            while True:
                self._pass(reply.between_seconds)
                self._write(content or b" ")

        def _begin(self, reply: Reply, headers: dict[str, str], media: str = "application/json") -> None:
            self.send_response(reply.status)
            for name, value in ({"Content-Type": media} | headers | dict(reply.headers)).items():
                self.send_header(name, value)
            self.end_headers()

        def _write(self, piece: bytes) -> None:
            self._pass(0.0)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

        def _break(self, how: str) -> None:
            self.close_connection = True
            if how == "silence":
                self._pass(None)

        def _pass(self, seconds: float | None) -> None:
            """Lets time pass (None: all that there is). Raises _Gone when the client goes or the server stops."""
            with selectors.DefaultSelector() as selector:
                selector.register(self.connection, selectors.EVENT_READ)
                selector.register(server._bell, selectors.EVENT_READ)
                ready = selector.select(seconds)
            if any(key.fileobj is server._bell for key, _ in ready):
                raise _Gone
            if ready and not self.connection.recv(1, socket.MSG_PEEK):
                raise _Gone

    return Handler
