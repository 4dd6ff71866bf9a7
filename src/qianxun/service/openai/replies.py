"""Replies in the shapes that these clients read, as JSON; docs/openai.md documents our own part of them, `qianxun`."""

import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from qianxun.protocols import Vectors
from qianxun.records import Answer, Passage
from qianxun.shapes import answer_shape, location_of

Body: TypeAlias = dict[str, Any]
# Who counted the tokens of a reply: the model that read them, its tokenizer, or an estimate.
Counted: TypeAlias = Literal["model", "tokenizer", "estimate"]

# Why a reply ended → the word that clients know for it; all else is "stop".
_FINISHED: Final[Mapping[str, str]] = {"length": "length", "time": "length", "repetition": "length"}
# Of an answer's shape, what goes into `qianxun` as it is.
_TOLD: Final = (
    "answer",
    "verdict",
    "citations",
    "statements",
    "searched",
    "degraded",
    "notes",
    "coverage",
    "conflicts",
    "options",
    "models",
    "persona",
    "finish_reason",
    "cached",
    "stages",
)


def new_id(kind: str) -> str:
    """An id as these clients expect it: `chatcmpl-…`."""
    return f"{kind}-{secrets.token_hex(12)}"


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


def finished(reason: str | None) -> str:
    """Why a reply ended, in a word that clients know: stop or length."""
    return _FINISHED.get(reason or "", "stop")


def usage(prompt: int, completion: int) -> Body:
    """Tokens read and written."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def extension(answer: Answer, *, ignored: Sequence[str], counted: Counted) -> Body:
    """`qianxun`: what is known of an answer beside its text. Passages are named, not quoted: citations have quotes."""
    shape = answer_shape(answer)
    return {
        **{name: shape[name] for name in _TOLD},
        "passages": [_named(number, passage) for number, passage in enumerate(answer.passages, 1)],
        "language": answer.language,
        "ignored": list(ignored),
        "usage_by": counted,
    }


def _named(number: int, passage: Passage) -> Body:
    return {
        "number": number,
        "chunk": passage.chunk,
        "document": passage.document,
        "source": passage.source,
        "title": passage.title,
        "page": passage.page,
        "location": location_of(passage.page, passage.location),
        "start": passage.span.start,
        "end": passage.span.end,
    }


def chat_reply(id: str, model: str, text: str, reason: str, used: Body, more: Body) -> Body:
    """A chat completion that is whole."""
    message = {"role": "assistant", "content": text, "refusal": None, "qianxun": more}
    return {
        "id": id,
        "object": "chat.completion",
        "created": now(),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
        "usage": used,
    }


class Chunks:
    """The chunks of one streamed chat completion. With `usage` each has the field, null but in the last."""

    def __init__(self, id: str, model: str, *, usage: bool) -> None:
        self._frame: Body = {"id": id, "object": "chat.completion.chunk", "created": now(), "model": model}
        self._usage = {"usage": None} if usage else {}

    def begin(self) -> Body:
        """Who speaks."""
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, text: str) -> Body:
        """What the text goes on with."""
        return self._chunk({"content": text})

    def end(self, reason: str, more: Body) -> Body:
        """Why it ended, and our own part."""
        return self._chunk({"qianxun": more}, reason)

    def used(self, used: Body) -> Body:
        """What it took: no choice, only the usage."""
        return {**self._frame, "choices": [], "usage": used}

    def _chunk(self, delta: Body, reason: str | None = None) -> Body:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return {**self._frame, "choices": [choice], **self._usage}


def completion_frame(id: str, model: str) -> Body:
    """What a text completion and each of its chunks have in common."""
    return {"id": id, "object": "text_completion", "created": now(), "model": model}


def completion_choice(index: int, text: str, reason: str | None) -> Body:
    """One of the texts of a completion."""
    return {"index": index, "text": text, "finish_reason": reason, "logprobs": None}


def embeddings_reply(model: str, rows: Vectors, *, as_base64: bool, prompt: int, more: Body) -> Body:
    """Vectors in the order of their texts; base64 is that of little-endian float32."""
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(row) if as_base64 else row.tolist()}
        for index, row in enumerate(rows)
    ]
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": prompt, "total_tokens": prompt},
        "qianxun": more,
    }


def _base64(row: Vectors) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")
