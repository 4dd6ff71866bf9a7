"""An encoder behind HTTP: OpenAI's /v1/embeddings, as vLLM, TEI, Ollama, llama.cpp, Infinity and DashScope speak it.

What makes a vector right is done here, not asked of the server: prefixes, the cut to fewer dimensions, unit length,
and what happens to a text that is too long. `EncoderFormat` says how; `dialects` who is at the other end.

Overlong texts. vLLM tells a text's tokens and takes tokens as input, so there a text is cut or split at the places
that the tokenizer gives. Other servers get text cut by an estimate that is on the safe side; if such a server still
finds it too long, it is cut by a quarter or split in halves until it fits, in the same way each time.
"""

import functools
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qianxun.errors import BadModelReply, ModelRefused, SettingsError
from qianxun.models.formats import EncoderFormat, encoder_format
from qianxun.models.remote import dialects, refusals
from qianxun.models.remote.client import Client
from qianxun.models.remote.counting import (
    Tokenize,
    cut_to_tokens,
    estimated_tokens,
    local_tokenizer,
    most_tokens,
    split_to_tokens,
)
from qianxun.models.remote.dialects import Served
from qianxun.models.remote.replies import prompt_tokens, vectors_of
from qianxun.models.tokens import windows
from qianxun.protocols import Vectors
from qianxun.settings import Settings
from qianxun.settings.engines import model_of

logger = logging.getLogger(__name__)

# Tokens that a tokenizer may add around a text.
_SPECIAL_TOKENS: Final = 4
# A text that every tokenizer knows, to learn something of a server.
_PROBE: Final = "a"
# Servers whose files are conversions, in which the end token is sometimes forgotten; their token counts are true.
_MAY_FORGET_THE_END: Final = ("llamacpp", "ollama")


@dataclass(frozen=True, slots=True)
class _Part:
    """A sequence to encode for a row: text after its prefix, or tokens; `weight` is its share of the row."""

    row: int
    weight: float
    prefix: str = ""
    text: str = ""
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Connection:
    """What is known once the server has been asked. `ending` is what must be sent after every text."""

    served: Served
    format: EncoderFormat
    max_tokens: int
    ending: str


def open_encoder(settings: Settings) -> "HttpEncoder":
    """The encoder at the address in `encoder.url`. Nothing is asked of it before it is used."""
    return HttpEncoder(settings)


class HttpEncoder:
    """Vectors from a server: `(n, dim) float32`, unit rows, in the order given; zeros for a text without characters.

    Safe to share between threads. Raises a ModelError when the server fails; nothing is returned then.
    """

    name = "http"

    def __init__(self, settings: Settings, *, client: Client | None = None) -> None:
        self._settings = settings
        self._client = client or Client("encoder", settings.encoder, settings.remote)
        self._asking = threading.Lock()
        self._connection: _Connection | None = None
        self._seen_dimension = 0
        self._texts_per_request = settings.remote.texts_per_request

    @functools.cached_property
    def format(self) -> EncoderFormat:
        """How text becomes a vector. The server is asked only if the settings name no model."""
        if model_of(self._settings.encoder):
            return encoder_format(self._settings)
        return self._connected().format

    @property
    def fingerprint(self) -> str:
        """That of the format: it does not change with the server."""
        return self.format.fingerprint

    @property
    def dim(self) -> int:
        """Numbers in a vector. The server is asked for one if neither the settings nor the model's name tell."""
        if not (self.format.dimension or self._seen_dimension):
            self._request([_Part(0, 1.0, text=_PROBE)])
        return self.format.dimension or self._seen_dimension

    @property
    def served_by(self) -> str:
        """Where and how, on one line."""
        connection = self._connection
        return connection.served.in_a_line if connection else self._client.place.address

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, each after the model's instruction."""
        return self._encode(texts, self.format.query_prefix)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages. A row depends on its text alone."""
        return self._encode(texts, self.format.passage_prefix)

    def token_counts(self, texts: Sequence[str]) -> tuple[list[int], list[int]] | None:
        """For each text as a passage: tokens that the server read, and tokens by the tokenizer, end token included.

        None if the server does not tell and the tokenizer's files are not on this machine.
        """
        connection = self._connected()
        read, official = [], []
        for text in texts:
            there = prompt_tokens(self._reply([self.format.passage_prefix + text + connection.ending]))
            here = self._official_tokens(self.format.passage_prefix + text)
            if there is None or here is None:
                return None
            read.append(there)
            official.append(here)
        return read, official

    def close(self) -> None:
        """Lets go of the connections."""
        self._client.close()

    def _connected(self) -> _Connection:
        with self._asking:
            if self._connection is None:
                section = self._settings.encoder
                served = dialects.ask(self._client, section, section.api)
                format_ = encoder_format(self._settings, served=served.model)
                if served.max_tokens and served.max_tokens < format_.max_tokens:
                    logger.warning(
                        "%s takes %d tokens at most, the settings say %d: longer texts are overlong there",
                        served.in_a_line,
                        served.max_tokens,
                        format_.max_tokens,
                    )
                limit = min(format_.max_tokens, served.max_tokens or format_.max_tokens)
                connection = _Connection(served, format_, limit, ending="")
                self._texts_per_request = min(
                    n for n in (self._texts_per_request, format_.texts_per_request, served.texts_per_request) if n
                )
                self._connection = replace(connection, ending=self._ending(connection))
            return self._connection

    def _ending(self, connection: _Connection) -> str:
        """The end token, if the server's tokenizer forgets it: without it a text has another vector."""
        end = connection.format.appended
        if connection.served.kind not in _MAY_FORGET_THE_END or end in ("", "tokenizer"):
            return ""
        if prompt_tokens(self._post(connection, [_PROBE])) != 1:
            return ""
        if prompt_tokens(self._post(connection, [_PROBE + end])) != 2:
            return ""
        logger.info("%s does not append %s; it is sent with every text", connection.served.in_a_line, end)
        return end

    def _encode(self, texts: Sequence[str], prefix: str) -> Vectors:
        parts = [part for row, text in enumerate(texts) if text.strip() for part in self._parts(row, prefix, text)]
        found = [pair for pairs in self._client.each(self._vectors, self._requests(parts)) for pair in pairs]
        if not found:
            known = self.format.dimension or self._seen_dimension
            return np.zeros((len(texts), self.dim if texts else known), dtype=np.float32)
        size = self.format.dimension or len(found[0][1])
        rows = np.zeros((len(texts), size), dtype=np.float32)
        for part, vector in found:
            kept = vector[:size]
            rows[part.row] += np.float32(part.weight) * (kept / np.linalg.norm(kept))
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        np.divide(rows, lengths, out=rows, where=lengths > 0)
        return rows

    def _parts(self, row: int, prefix: str, text: str) -> list[_Part]:
        """What is sent for a text: itself, or what is left of it, or it in pieces, if it is too long."""
        whole = [_Part(row, 1.0, prefix=prefix, text=text)]
        connection = self._connected()
        limit = connection.max_tokens
        around = prefix + connection.ending
        if most_tokens(around) + most_tokens(text) + _SPECIAL_TOKENS <= limit:
            return whole
        room = limit - estimated_tokens(around) - _SPECIAL_TOKENS
        if estimated_tokens(text) <= room:
            return whole
        counted = self._tokens(prefix + text + connection.ending, special=True)
        if counted is not None and len(counted) <= limit:
            return whole
        if counted is not None and connection.served.kind == "vllm":
            return self._token_parts(connection, row, prefix, text, counted)
        if room < 1:
            raise _no_room(limit)
        if connection.format.overlong == "cut":
            return [_Part(row, 1.0, prefix=prefix, text=cut_to_tokens(text, room))]
        pieces = split_to_tokens(text, room)
        return [_Part(row, float(estimated_tokens(piece)), prefix=prefix, text=piece) for piece in pieces]

    def _token_parts(
        self, connection: _Connection, row: int, prefix: str, text: str, counted: Sequence[int]
    ) -> list[_Part]:
        """An overlong text as tokens, with what the tokenizer puts around it and the prefix before it."""
        before, after = _around(counted, self._tokens(prefix + text, special=False) or [])
        lead = (self._tokens(prefix, special=False) or []) if prefix else []
        body = self._tokens(text, special=False) or []
        room = connection.max_tokens - len(before) - len(lead) - len(after)
        if room < 1:
            raise _no_room(connection.max_tokens)
        pieces = [body[:room]] if connection.format.overlong == "cut" else windows(body, room)
        return [_Part(row, float(len(piece)), tokens=(*before, *lead, *piece, *after)) for piece in pieces]

    def _requests(self, parts: Sequence[_Part]) -> list[list[_Part]]:
        """Parts in requests: text and tokens do not go together."""
        size = self._texts_per_request
        alike = ([part for part in parts if not part.tokens], [part for part in parts if part.tokens])
        return [some[start : start + size] for some in alike for start in range(0, len(some), size)]

    def _vectors(self, parts: Sequence[_Part]) -> list[tuple[_Part, NDArray[np.float32]]]:
        """The parts with their vectors; in smaller pieces if the server finds them too much."""
        try:
            return list(zip(parts, self._request(parts), strict=True))
        except ModelRefused as error:
            if not refusals.is_too_much(error):
                raise
            middle = len(parts) // 2
            if middle and refusals.is_too_many(error):
                self._texts_per_request = max(1, min(self._texts_per_request, middle))
            smaller = [parts[:middle], parts[middle:]] if middle else [[part] for part in self._shorter(parts[0])]
            if not smaller:
                raise
        return [pair for some in smaller for pair in self._vectors(some)]

    def _shorter(self, part: _Part) -> list[_Part]:
        """A text that the server finds too long, cut or halved; nothing if that cannot be done."""
        if part.tokens or len(part.text) < 2:
            return []
        if self.format.overlong == "cut":
            return [replace(part, text=part.text[: len(part.text) * 3 // 4])]
        middle = len(part.text) // 2
        halves = [half for half in (part.text[:middle], part.text[middle:]) if half.strip()]
        return [replace(part, weight=float(estimated_tokens(half)), text=half) for half in halves]

    def _request(self, parts: Sequence[_Part]) -> list[NDArray[np.float32]]:
        """The vectors that the server answers, each of its full dimension, in the order given."""
        connection = self._connected()
        reply = self._reply([list(part.tokens) or part.prefix + part.text + connection.ending for part in parts])
        vectors = vectors_of(reply, len(parts), self._client.place.address)
        format_ = self.format
        full = format_.dimension if format_.asks_dimension else format_.full_dimension
        if not format_.dimension:
            full = full or self._seen_dimension or len(vectors[0])
        for vector in vectors:
            if len(vector) < format_.dimension or (full and len(vector) != full):
                raise BadModelReply(
                    "{address} answered a vector of {found} numbers where {model} has {wanted}.",
                    remedy="Another model is served there, or encoder.dimension is wrong.",
                    address=self._client.place.address,
                    found=len(vector),
                    model=connection.served.model,
                    wanted=full or format_.dimension,
                )
        self._seen_dimension = format_.dimension or full
        return vectors

    def _reply(self, inputs: Sequence[str | list[int]]) -> Any:
        connection = self._connected()
        try:
            return self._post(connection, inputs)
        except ModelRefused as error:
            if dialects.is_about_the_model(error):
                raise dialects.not_served(self._client, connection.served, error) from error
            raise

    def _post(self, connection: _Connection, inputs: Sequence[str | list[int]]) -> Any:
        body: dict[str, Any] = {
            "model": connection.served.model,
            "input": inputs,
            # Less than half the size, and no number is rounded on the way. Others answer floats or refuse the word.
            "encoding_format": "base64" if connection.served.kind == "vllm" else "float",
        }
        if connection.format.asks_dimension:
            body["dimensions"] = connection.format.dimension
        return self._client.post(f"{connection.served.address}/embeddings", body)

    @functools.cached_property
    def _local_tokenizer(self) -> Tokenize | None:
        return local_tokenizer(self._settings.encoder, self._settings)

    def _tokens(self, text: str, *, special: bool) -> list[int] | None:
        """A text's tokens, as the server's own tokenizer cuts them; None if it does not tell."""
        return dialects.tokens(self._client, self._connected().served, text, special)

    def _official_tokens(self, text: str) -> int | None:
        """Tokens of a text with the end token, by the model's tokenizer here or at the server."""
        end = self.format.appended
        # Where the end token is known, it is counted here: a tokenizer that forgets it must be found out.
        special = end in ("", "tokenizer")
        tokenizer = self._local_tokenizer
        found = tokenizer(text, special) if tokenizer else self._tokens(text, special=special)
        return None if found is None else len(found) + (0 if special else 1)


def _around(tokens: Sequence[int], bare: Sequence[int]) -> tuple[list[int], list[int]]:
    """The special tokens before and after a text: `tokens` are before + `bare` + after."""
    for start in range(len(tokens) - len(bare) + 1):
        if list(tokens[start : start + len(bare)]) == list(bare):
            return list(tokens[:start]), list(tokens[start + len(bare) :])
    return [], []


def _no_room(max_tokens: int) -> SettingsError:
    return SettingsError(
        "encoder.max_tokens is {tokens}, which leaves no room for text after the instruction.",
        remedy="Set it higher, or encoder.instruction shorter.",
        tokens=max_tokens,
    )
