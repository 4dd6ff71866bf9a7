"""A scripted reply as OpenAI's chat endpoint sends it: the events of a stream, or one object. Knows no network."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count, repeat
from typing import Any, Final, Literal, TypeAlias

from qianxun.testing.reply import BY_ITSELF, Reply, tokens_of

# What is to be done instead of writing: to close the connection, or to be silent until the client goes.
Break: TypeAlias = Literal["hang up", "silence"]

_NOT_JSON: Final = '{"choices": [{"index": 0, "delta": {"content": "'
_ERROR: Final = {"message": "scripted fault", "type": "server_error", "code": 500}


@dataclass(frozen=True, slots=True)
class Say:
    """Bytes to write, after so many seconds; whether they are a delta of text."""

    data: bytes
    seconds: float = 0.0
    is_delta: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    """One answer to one request of the chat endpoint. `number` is the request's, from 1."""

    reply: Reply
    request: Mapping[str, Any]
    number: int
    model: str

    def stream(self) -> Iterator[Say | Break]:
        """What is written, step by step."""
        reply, (n_chars, reason) = self.reply, self.reply.limited(self.request)
        for _ in range(reply.role_deltas):
            yield self._chunk({"role": "assistant", "content": ""})
        deltas = reply.deltas(n_chars)
        if reply.fault == "endless":
            n_chars = len(reply.whole_text)
            deltas = chain.from_iterable(reply.deltas(n_chars) if n_chars else [""] for _ in repeat(None))
        n_deltas = 0
        for n_deltas, delta in enumerate(deltas, 1):
            if self._fails_at(n_deltas - 1):
                yield from self._fault()
            if reply.comments:
                yield self._comment()
            seconds = reply.first_seconds if n_deltas == 1 else reply.between_seconds
            yield self._chunk({"content": delta}, seconds=seconds, is_delta=True)
        if isinstance(reply.after, int) and reply.after >= n_deltas:
            yield from self._fault()
        finish = reason if reply.finish_reason == BY_ITSELF else reply.finish_reason
        if finish is not None:
            yield self._chunk({}, finish)
        if reply.after == "finish":
            yield from self._fault()
        usage = self._usage(n_chars)
        if usage and (reply.usage is not True or (self.request.get("stream_options") or {}).get("include_usage")):
            yield self._event({**self._head("chat.completion.chunk"), "choices": [], "usage": usage})
        if reply.done:
            yield self._event("[DONE]")

    def whole(self) -> dict[str, Any]:
        """The answer as one object."""
        n_chars, reason = self.reply.limited(self.request)
        finish = reason if self.reply.finish_reason == BY_ITSELF else self.reply.finish_reason
        message = {"role": "assistant", "content": self.reply.whole_text[:n_chars]}
        answer = {
            **self._head("chat.completion"),
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        }
        usage = self._usage(n_chars)
        return answer | ({"usage": usage} if usage else {})

    def _fails_at(self, n_deltas: int) -> bool:
        return self.reply.after == n_deltas

    def _fault(self) -> Iterator[Say | Break]:
        if self.reply.fault == "malformed":
            yield self._event(_NOT_JSON)
        elif self.reply.fault == "error":
            yield self._event({"error": _ERROR})
            yield "hang up"
        elif self.reply.fault == "silence" and self.reply.comments:
            for _ in count():
                yield self._comment(self.reply.between_seconds or 0.01)
        elif self.reply.fault == "hang up" or self.reply.fault == "silence":
            yield self.reply.fault

    def _usage(self, n_chars: int) -> dict[str, int] | None:
        """What is said of tokens; the scripted model's own, unless the reply says others."""
        said = self.reply.usage
        if said is False:
            return None
        counted = (prompt_tokens(self.request), len(tokens_of(self.reply.whole_text[:n_chars])))
        prompt, completion = counted if said is True else said
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{self.number}", "object": kind, "created": 0, "model": self.model}

    def _chunk(
        self, delta: dict[str, Any], finish: str | None = None, *, seconds: float = 0.0, is_delta: bool = False
    ) -> Say:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        said = self._event({**self._head("chat.completion.chunk"), "choices": [choice]})
        return Say(said.data, seconds, is_delta)

    def _event(self, value: Any) -> Say:
        text = value if isinstance(value, str) else in_json(value).decode()
        return Say(f"data: {text}{self.reply.line_end * 2}".encode())

    def _comment(self, seconds: float = 0.0) -> Say:
        return Say(f": keep-alive{self.reply.line_end * 2}".encode(), seconds)


def prompt_tokens(request: Mapping[str, Any]) -> int:
    """Tokens of a request's messages, by the scripted model's counting."""
    texts: list[str] = []
    for message in request["messages"]:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts += [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return sum(len(tokens_of(text)) for text in texts)


def in_json(value: Any) -> bytes:
    """A value as it is sent: UTF-8, and half characters escaped."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()
