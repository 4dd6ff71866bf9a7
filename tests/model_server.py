"""A model server on loopback that speaks as vLLM, TEI, llama.cpp, Ollama and DashScope do, and fails as it is told to.

Its model is a toy with one token for each character, so every vector, score and count can be worked out by hand:
`tokens_of`, `vector_of` and `score_of` are what it computes. It answers vectors in reverse order, as a server may.
"""

import base64
import json
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from qianxun.models import qwen3_reranker

END = 151643
END_TEXT = "<|endoftext|>"
DIMENSION = 8
# What a chat template puts around the messages of the toy.
TEMPLATE_TOKENS = 7


def tokens_of(text: str, *, special: bool = True) -> list[int]:
    """One token a character, and the end token where it is written or wanted."""
    found: list[int] = []
    for number, part in enumerate(text.split(END_TEXT)):
        found += ([END] if number else []) + [ord(character) for character in part]
    return found + ([END] if special else [])


def vector_of(tokens: Sequence[int], dimension: int = DIMENSION) -> NDArray[np.float32]:
    """A unit vector that no other tokens have."""
    seed = zlib.crc32(np.asarray(tokens, dtype="<i8").tobytes())
    vector = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def score_of(question: str, passage: str) -> float:
    """The share of the question's characters that the passage has."""
    return len(set(question) & set(passage)) / len(set(question))


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Fault:
    """What is answered instead. `how`: "answer", "hang up" (not a byte), "break off" (in the body), "silence"."""

    status: int = 200
    body: bytes = b"{}"
    media: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    how: str = "answer"


class ModelServer:
    """A server in a thread, from `with`. `kind` is how it speaks; `faults` are answered first, in their order."""

    def __init__(self, kind: str = "vllm", *, model: str = "Qwen3-Embedding-0.6B", max_tokens: int = 8192) -> None:
        self.kind = kind
        self.models = [model]
        self.max_tokens = max_tokens
        self.key = ""
        self.appends_end = True
        self.matryoshka = False
        self.max_texts = 1000
        self.dimension = DIMENSION
        self.has_template = True
        self.spoil: Callable[[Any], Any] = lambda reply: reply
        self.refuse: Callable[[dict[str, Any]], Fault | None] = lambda body: None
        self.chat: list[bytes] = []
        self.endless = False
        self.breaks_off = False
        self.requests: list[Request] = []
        self.faults: deque[Fault] = deque()
        self.faulty_path = ""
        self.together: threading.Barrier | None = None
        self.most_at_a_time = 0
        self.hung_up = threading.Event()
        self.stopping = threading.Event()
        self._at_a_time = 0
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> "ModelServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def fail(self, *faults: Fault, at: str = "") -> None:
        """Answers the next requests (to paths that end so) with these."""
        self.faults.extend(faults)
        self.faulty_path = at

    def asked(self, path: str) -> list[Any]:
        """The bodies of the requests to a path."""
        with self._lock:
            return [request.body for request in self.requests if request.path == path]

    def note(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            if self.faults and request.path.endswith(self.faulty_path):
                return self.faults.popleft()
        return None

    def enter(self) -> None:
        with self._lock:
            self._at_a_time += 1
            self.most_at_a_time = max(self.most_at_a_time, self._at_a_time)
        if self.together is not None:
            self.together.wait(timeout=20)

    def leave(self) -> None:
        with self._lock:
            self._at_a_time -= 1

    def answer(self, method: str, path: str, body: Any) -> Fault:
        """What a sound server answers."""
        routes: dict[str, Callable[[Any], Any]] = {
            "/v1/embeddings": self._embeddings,
            "/v1/rerank": self._rerank,
            "/tokenize": self._tokenize,
        }
        if self.kind == "tei":
            routes |= {"/info": self._info, "/rerank": self._rerank}
            routes.pop("/v1/rerank")
        else:
            routes["/v1/models"] = self._listing
        if self.kind == "vllm":
            routes["/version"] = lambda _: {"version": "0.32.0"}
        if self.kind == "llamacpp":
            routes["/props"] = lambda _: {"default_generation_settings": {"n_ctx": 2048}}
        if self.kind == "infinity":
            routes = {path.removeprefix("/v1"): route for path, route in routes.items()}
        if self.kind == "dashscope":
            routes = {
                "/compatible-mode/v1/embeddings": self._embeddings,
                "/compatible-api/v1/reranks": self._rerank,
                "/api/v1/services/rerank/text-rerank/text-rerank": self._native_rerank,
            }
        if path not in routes:
            return _error(404, "Not Found", name="detail")
        try:
            reply = routes[path](body)
        except _Refused as refused:
            return refused.fault
        return Fault(body=json.dumps(self.spoil(reply)).encode())

    def _listing(self, _: Any) -> Any:
        owner = {"ollama": "library", "plain": "somebody"}.get(self.kind, self.kind)
        entries = [{"id": name, "object": "model", "owned_by": owner} for name in self.models]
        if self.kind == "vllm":
            entries = [
                entry | {"max_model_len": self.max_tokens, "root": f"/models/{entry['id']}"} for entry in entries
            ]
        return {"object": "list", "data": entries}

    def _info(self, _: Any) -> Any:
        return {
            "model_id": self.models[0],
            "max_input_length": self.max_tokens,
            "max_client_batch_size": self.max_texts,
            "version": "1.9.0",
        }

    def _tokenize(self, body: Any) -> Any:
        text = body.get("prompt", body.get("inputs", body.get("content")))
        special = body.get("add_special_tokens", body.get("add_special"))
        tokens = tokens_of(text, special=special and self.appends_end)
        if self.kind == "tei":
            return [[{"id": token, "text": "", "special": token == END} for token in tokens]]
        if self.kind == "llamacpp":
            return {"tokens": tokens}
        if self.kind != "vllm":
            raise _Refused(_error(404, "Not Found", name="detail"))
        return {"count": len(tokens), "max_model_len": self.max_tokens, "tokens": tokens}

    def _embeddings(self, body: Any) -> Any:
        self._check_model(body)
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        if not inputs:
            raise _Refused(_error(400, "input cannot be empty"))
        if len(inputs) > self.max_texts:
            raise _Refused(self._too_many(len(inputs)))
        dimension = body.get("dimensions", self.dimension)
        if dimension != self.dimension and not self.matryoshka:
            raise _Refused(_error(400, "Model does not support Matryoshka embeddings"))
        all_tokens = [self._read(text) for text in inputs]
        base64_wanted = body.get("encoding_format") == "base64"
        data = []
        for index, tokens in enumerate(all_tokens):
            vector = vector_of(tokens, self.dimension)[:dimension]
            vector /= np.float32(np.linalg.norm(vector))
            value = base64.b64encode(vector.astype("<f4").tobytes()).decode() if base64_wanted else vector.tolist()
            data.append({"object": "embedding", "index": index, "embedding": value})
        total = sum(map(len, all_tokens))
        return {"object": "list", "data": data[::-1], "usage": {"prompt_tokens": total, "total_tokens": total}}

    def _read(self, text: str | list[int]) -> list[int]:
        tokens = tokens_of(text, special=self.appends_end) if isinstance(text, str) else text
        if len(tokens) > self.max_tokens:
            raise _Refused(self._too_long(len(tokens)))
        return tokens

    def _rerank(self, body: Any) -> Any:
        if self.kind != "tei":
            self._check_model(body)
        documents = body["texts"] if self.kind == "tei" else body["documents"]
        if len(documents) > self.max_texts:
            raise _Refused(self._too_many(len(documents)))
        read = 0
        results = []
        for index, document in enumerate(documents):
            document = document[: body.get("max_tokens_per_doc") or None]
            pair = body["query"] + document
            if self.has_template:
                pair = qwen3_reranker.prompt(body["query"], document, body.get("instruction"))
            if len(pair) > self.max_tokens:
                raise _Refused(self._too_long(len(pair)))
            read += len(pair)
            results.append({"index": index, "score": score_of(body["query"], document)})
        results.sort(key=lambda result: -result["score"])
        if self.kind == "tei":
            return results
        renamed = [{"index": result["index"], "relevance_score": result["score"]} for result in results]
        return {"results": renamed[: body["top_n"]], "usage": {"prompt_tokens": read, "total_tokens": read}}

    def _native_rerank(self, body: Any) -> Any:
        reply = self._rerank({"model": body["model"], **body["input"], **body["parameters"]})
        return {"output": {"results": reply["results"]}, "usage": {"total_tokens": reply["usage"]["total_tokens"]}}

    def _check_model(self, body: Any) -> None:
        if self.kind != "llamacpp" and body["model"] not in self.models:
            raise _Refused(_error(404, f"The model `{body['model']}` does not exist."))

    def _too_long(self, n: int) -> Fault:
        if self.kind == "tei":
            return Fault(
                413,
                json.dumps({"error": f"`inputs` must have less than {self.max_tokens} tokens. Given: {n}"}).encode(),
            )
        if self.kind == "llamacpp":
            return _error(500, f"input ({n} tokens) is too large to process. increase the physical batch size")
        if self.kind == "dashscope":
            return _error(400, f"Range of input length should be [1, {self.max_tokens}]")
        limit = f"This model's maximum context length is {self.max_tokens} tokens."
        return _error(400, f"{limit} However, your prompt contains {n} input tokens.")

    def _too_many(self, n: int) -> Fault:
        if self.kind == "tei":
            return Fault(
                413, json.dumps({"error": f"batch size {n} > maximum allowed batch size {self.max_texts}"}).encode()
            )
        return _error(400, f"batch size is invalid, it should not be larger than {self.max_texts}.: input.contents")


class _Refused(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.body)
        self.fault = fault


def _error(status: int, said: str, *, name: str = "error") -> Fault:
    return Fault(status, json.dumps({name: {"message": said} if name == "error" else said}).encode())


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are written apart; else the second would wait for the client to confirm the first.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(content) if content else None
            path = urlsplit(self.path).path
            headers = {name.lower(): value for name, value in self.headers.items()}
            fault = server.note(Request(self.command, path, headers, body))
            server.enter()
            try:
                if fault is not None:
                    self._give(fault)
                elif server.key and headers.get("authorization") != f"Bearer {server.key}":
                    self._give(_error(401, f"Incorrect API key provided: {headers.get('authorization')}"))
                elif path.endswith("/chat/completions"):
                    self._chat(body)
                else:
                    self._give(server.answer(self.command, path, body))
            finally:
                server.leave()

        def _give(self, fault: Fault) -> None:
            if fault.how == "silence":
                server.stopping.wait()
                self.close_connection = True
                return
            if fault.how == "hang up":
                self.close_connection = True
                return
            self.send_response(fault.status)
            self.send_header("Content-Type", fault.media)
            self.send_header("Content-Length", str(len(fault.body) * (2 if fault.how == "break off" else 1)))
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(fault.body)
            self.close_connection = fault.how == "break off"

        def _chat(self, body: dict[str, Any]) -> None:
            refused = server.refuse(body)
            if refused is not None:
                return self._give(refused)
            if body["model"] not in server.models:
                return self._give(_error(404, f"The model `{body['model']}` does not exist."))
            n = sum(len(message["content"]) for message in body["messages"]) + TEMPLATE_TOKENS
            if n + body["max_tokens"] > server.max_tokens:
                return self._give(server._too_long(n))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                while True:
                    for piece in server.chat:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    if not server.endless:
                        break
            except OSError:
                server.hung_up.set()
                self.close_connection = True
                return
            if server.breaks_off:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

    return Handler


def event(value: Any) -> bytes:
    """A server-sent event."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def said(*pieces: str, finish: str | None = "stop", usage: tuple[int, int] | None = (11, 3)) -> list[bytes]:
    """A chat answer as vLLM streams it."""

    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        return event(
            {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        )

    events = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in pieces)]
    if finish:
        events.append(chunk({}, finish))
    if usage:
        counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
        events.append(event({"choices": [], "usage": counted}))
    return [*events, event("[DONE]")]
