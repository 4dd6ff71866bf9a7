"""A generator behind HTTP: any OpenAI-compatible chat endpoint, streamed.

A server that does not heed `max_tokens` is not listened to without end: an answer is a BadModelReply when it has more
than 16 characters for each token and 4,096 beside, or 4 KiB and 1 MiB beside.

Everything that decides an answer is sent, temperature 0 too: a checkpoint's own defaults are others (0.7 for
Qwen2.5-Instruct). With a schema the text comes in one piece, after it has been checked.

How long a prompt may be: `generator.context_tokens`, else what the server tells (vLLM, llama.cpp) or is known to do
(Ollama: 4,096 tokens), else 8,192 tokens.
"""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from qianxun.errors import BadModelReply, ModelRefused
from qianxun.models.remote import dialects, refusals
from qianxun.models.remote.client import Client
from qianxun.models.remote.counting import Tokenize, estimated_tokens, local_tokenizer
from qianxun.models.remote.dialects import Served
from qianxun.models.remote.events import Events
from qianxun.models.structured import json_in, parse_json, schema_in_words
from qianxun.protocols import Delta, Message, Sampling
from qianxun.settings import Settings

Form: TypeAlias = Literal["json_schema", "json_object", "prompt"]

_CONTEXT_TOKENS: Final = 8192
# What a chat template puts around a message, at most.
_TEMPLATE_TOKENS: Final = 8
# Each token may come in an event of its own, with much beside it; reasoning is sent, too, and counts as tokens.
_BYTES_PER_TOKEN: Final = 4096
_BYTES_BESIDE: Final = 1 << 20
_FORMS: Final[tuple[Form, ...]] = ("json_schema", "json_object", "prompt")


def open_generator(settings: Settings) -> "HttpGenerator":
    """The generator at the address in `generator.url`. Nothing is asked of it before it is used."""
    return HttpGenerator(settings)


class HttpGenerator:
    """Answers from a server as they come. Safe to share between threads and event loops."""

    name = "http"

    def __init__(self, settings: Settings, *, client: Client | None = None) -> None:
        self._settings = settings
        self._client = client or Client("generator", settings.generator, settings.remote)
        self._asking = threading.Lock()
        self._served: Served | None = None
        # What the server was found to take: asked wrongly once, it is not asked so again.
        self._takes_usage = True
        structured = settings.generator.structured
        self._forms: tuple[Form, ...] = _FORMS if structured == "auto" else (structured,)

    @property
    def served_by(self) -> str:
        """Where and how, on one line."""
        return self._served.in_a_line if self._served else self._client.place.address

    @functools.cached_property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together. Asks the server at first use, unless it is set."""
        if self._settings.generator.context_tokens:
            return self._settings.generator.context_tokens
        return self._connected().max_tokens or _CONTEXT_TOKENS

    def count_tokens(self, text: str) -> int:
        """Tokens of a text: exact if the model's tokenizer is on this machine, else a safe over-estimate."""
        tokenizer = self._local_tokenizer
        return len(tokenizer(text, False)) if tokenizer else estimated_tokens(text)

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The answer as it comes; the last Delta says why it ended and what was counted.

        Closing the iterator closes the connection, at which the server stops. Raises a ModelError; with a schema also
        for an answer that does not follow it.
        """
        if self._served is None:
            await asyncio.to_thread(self._connected)
        served = self._connected()
        pieces = []
        async with AsyncExitStack() as stack:
            events = await self._opened(stack, served, messages, schema, sampling)
            async for piece in await stack.enter_async_context(aclosing(events.pieces())):
                pieces.append(piece)
                if schema is None:
                    yield Delta(piece)
        text = "".join(pieces)
        prompt = sum(self.count_tokens(message.content) + _TEMPLATE_TOKENS for message in messages)
        usage = events.usage or (prompt, self.count_tokens(text))
        if schema is not None:
            if events.finish_reason == "length":
                raise BadModelReply(
                    "The model's answer was cut off after {tokens} tokens, before its JSON ended.",
                    remedy="Set generator.max_tokens higher.",
                    tokens=usage[1],
                )
            parse_json(text, schema)
            yield Delta(json_in(text))
        yield Delta(finish_reason=events.finish_reason, usage=usage)

    def close(self) -> None:
        """Lets go of the connections."""
        self._client.close()

    def _connected(self) -> Served:
        with self._asking:
            if self._served is None:
                served = dialects.ask(self._client, self._settings.generator)
                if served.kind == "llamacpp":
                    served = replace(served, max_tokens=dialects.llamacpp_context(self._client))
                self._served = served
            return self._served

    async def _opened(
        self,
        stack: AsyncExitStack,
        served: Served,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
    ) -> Events:
        """The stream, asked for in the richest way that the server takes."""
        url = f"{served.address}/chat/completions"
        while True:
            form, takes_usage = self._forms[0], self._takes_usage
            body = self._body(served, messages, schema, sampling, form)
            if takes_usage:
                body["stream_options"] = {"include_usage": True}
            try:
                max_bytes = _BYTES_PER_TOKEN * sampling.max_tokens + _BYTES_BESIDE
                lines = await stack.enter_async_context(self._client.stream(url, body, max_bytes=max_bytes))
                return Events(url, lines, self._client.place.key(), sampling.max_tokens)
            except ModelRefused as error:
                if dialects.is_about_the_model(error):
                    raise dialects.not_served(self._client, served, error) from error
                if refusals.is_too_much(error):
                    raise _too_long(served, sampling, error) from error
                if not refusals.is_refused(error, 400, 422):
                    raise
                if takes_usage and refusals.is_unknown_field(error, "stream_options"):
                    self._takes_usage = False
                elif schema is not None and len(self._forms) > 1:
                    self._forms = tuple(other for other in self._forms if other != form)
                else:
                    raise

    def _body(
        self,
        served: Served,
        messages: Sequence[Message],
        schema: dict[str, Any] | None,
        sampling: Sampling,
        form: Form,
    ) -> dict[str, Any]:
        if schema is not None and form != "json_schema":
            *before, last = messages
            asked = f"{last.content}\n\n{schema_in_words(schema)}"  # at the end, where models heed it most
            messages = [*before, replace(last, content=asked)]
        body: dict[str, Any] = {
            "model": served.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }
        if sampling.seed is not None:
            body["seed"] = sampling.seed
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if schema is not None and form == "json_schema":
            answer = {"name": "answer", "schema": schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": answer}
        elif schema is not None and form == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    @functools.cached_property
    def _local_tokenizer(self) -> Tokenize | None:
        return local_tokenizer(self._settings.generator, self._settings)


def _too_long(served: Served, sampling: Sampling, error: ModelRefused) -> ModelRefused:
    return ModelRefused(
        "The prompt and an answer of {tokens} tokens are more than {model} takes ({answer}).",
        remedy="Ask with fewer or shorter passages, or set generator.max_tokens lower.",
        tokens=sampling.max_tokens,
        model=served.model,
        answer=error.values.get("answer", ""),
        status=error.values.get("status"),
    )
