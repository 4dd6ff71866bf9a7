"""A reranker behind HTTP: vLLM, Jina's and Cohere's /rerank, TEI, DashScope.

The server has the prompt: question and passage are sent as they are. (A vLLM that was started without the reranker's
template joins the two and answers plausible nonsense with HTTP 200; `qianxun models check` finds that out by
`token_counts`.) The passage is what is cut when a pair is too long, never the prompt around it.

DashScope has two endpoints: gte-rerank and the models for pictures are served by its own, all others (qwen3-rerank)
by the compatible one, which takes an instruction.
"""

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from qianxun.errors import ModelRefused, SettingsError
from qianxun.models import qwen3_reranker
from qianxun.models.families import QWEN3_MAX_TOKENS, QWEN3_TASK, is_qwen3_reranker
from qianxun.models.remote import dialects, refusals
from qianxun.models.remote.address import Place
from qianxun.models.remote.client import Client
from qianxun.models.remote.counting import (
    Tokenize,
    cut_to_tokens,
    estimated_tokens,
    local_tokenizer,
    most_tokens,
)
from qianxun.models.remote.dialects import Served
from qianxun.models.remote.replies import prompt_tokens, scores_of
from qianxun.protocols import Vectors
from qianxun.settings import Settings
from qianxun.settings.engines import model_of

Dialect: TypeAlias = Literal["vllm", "jina", "tei", "dashscope", "dashscope-native"]

_DASHSCOPE: Final = "/api/v1/services/rerank/text-rerank/text-rerank"
_DASHSCOPE_COMPATIBLE: Final = "/compatible-api/v1/reranks"
# DashScope cuts a longer passage by itself, and refuses a request in which passages and the question, once for
# each passage, are more than this together. (Model Studio, text rerank, limits of gte-rerank-v2, the smallest.)
_DASHSCOPE_PASSAGE_TOKENS: Final = 4000
_DASHSCOPE_REQUEST_TOKENS: Final = 30_000
# What a tokenizer may add around a pair.
_SPECIAL_TOKENS: Final = 4
# So much of a passage tells how its beginning joins the prompt.
_SEAM_CHARS: Final = 20


@dataclass(frozen=True, slots=True)
class _Passage:
    """A passage, its number, and the tokens that are left for it, if it may have more."""

    number: int
    text: str
    room: int | None


@dataclass(frozen=True, slots=True)
class _Connection:
    served: Served
    dialect: Dialect
    max_tokens: int


def open_reranker(settings: Settings) -> "HttpReranker":
    """The reranker at the address in `reranker.url`. Nothing is asked of it before it is used."""
    return HttpReranker(settings)


class HttpReranker:
    """P(relevant) from a server, `(n,) float32` in [0, 1], in the order given. Safe to share between threads."""

    name = "http"

    def __init__(self, settings: Settings, *, client: Client | None = None) -> None:
        self._settings = settings
        self._client = client or Client("reranker", settings.reranker, settings.remote)
        self._asking = threading.Lock()
        self._connection: _Connection | None = None

    @property
    def served_by(self) -> str:
        """Where and how, on one line."""
        connection = self._connection
        return connection.served.in_a_line if connection else self._client.place.address

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        """P(relevant) of each passage; 0 for one without characters, which the server is not asked about.

        Raises ModelRefused for an instruction that the server has no place for.
        """
        scores = np.zeros(len(passages), dtype=np.float32)
        asked = [number for number, passage in enumerate(passages) if passage.strip()]
        if not asked:
            return scores
        connection = self._connected()
        task = self._task(connection, instruction)
        question = cut_to_tokens(question, connection.max_tokens // 2)
        texts = [self._passage(connection, question, number, passages[number], task) for number in asked]
        requests = self._requests(connection, question, texts)
        for pairs in self._client.each(lambda some: self._scores(connection, question, some, task), requests):
            for number, score in pairs:
                scores[number] = score
        return scores

    def token_counts(self, question: str, passage: str) -> tuple[int, int] | None:
        """Tokens that the server read for a pair, and tokens of the official prompt.

        None if the server does not tell, its tokenizer cannot be asked, or the model has no official prompt.
        """
        connection = self._connected()
        if not is_qwen3_reranker(self._model(connection)):
            return None
        task = self._task(connection, None)
        reply = self._reply(connection, question, [_Passage(0, passage, None)], task)
        read = prompt_tokens(reply)
        official = self._tokens(connection, qwen3_reranker.prompt(question, passage, task))
        return None if read is None or official is None else (read, official)

    def close(self) -> None:
        """Lets go of the connections."""
        self._client.close()

    def _connected(self) -> _Connection:
        with self._asking:
            if self._connection is None:
                section = self._settings.reranker
                # Jina's dialect has no name among servers; which of them speaks it does not matter.
                served = dialects.ask(self._client, section, "openai" if section.api == "jina" else section.api)
                limit = section.max_tokens or QWEN3_MAX_TOKENS
                dialect = _dialect(served)
                if dialect.startswith("dashscope"):
                    limit = min(limit, 2 * _DASHSCOPE_PASSAGE_TOKENS)
                self._connection = _Connection(served, dialect, min(limit, served.max_tokens or limit))
            return self._connection

    def _model(self, connection: _Connection) -> str:
        return model_of(self._settings.reranker) or connection.served.model

    def _task(self, connection: _Connection, instruction: str | None) -> str | None:
        """The instruction to send; None for the model's own."""
        task = instruction or self._settings.reranker.instruction
        if task in ("", "auto", QWEN3_TASK):
            return None
        if connection.dialect not in ("vllm", "dashscope"):
            raise ModelRefused(
                "{address} has no place for an instruction, but one is set: {instruction!r}.",
                remedy='Set reranker.instruction to "auto", or serve the model with vLLM.',
                address=connection.served.in_a_line,
                instruction=task,
            )
        return task

    def _passage(self, connection: _Connection, question: str, number: int, text: str, task: str | None) -> _Passage:
        """A passage as it is sent. vLLM cuts to the token by itself and is told where; others get it cut."""
        official = is_qwen3_reranker(self._model(connection))
        around = qwen3_reranker.prompt(question, "", task) if official else question
        hosted = connection.dialect.startswith("dashscope")
        most = _DASHSCOPE_PASSAGE_TOKENS if hosted else connection.max_tokens
        n_bytes = most_tokens(text)
        if most_tokens(around) + _SPECIAL_TOKENS + n_bytes <= connection.max_tokens and n_bytes <= most:
            return _Passage(number, text, None)
        overhead = None
        if official:
            # Counted with the passage's beginning, which may or may not be one token with the space before it.
            beginning = text[:_SEAM_CHARS]
            whole = self._tokens(connection, qwen3_reranker.prompt(question, beginning, task))
            alone = self._tokens(connection, beginning)
            overhead = None if whole is None or alone is None else whole - alone
        if overhead is None:
            overhead = estimated_tokens(around) + _SPECIAL_TOKENS
        room = min(connection.max_tokens - overhead, most)
        if room < 1:
            raise SettingsError(
                "reranker.max_tokens is {tokens}, which leaves no room for a passage.",
                remedy="Set it higher.",
                tokens=connection.max_tokens,
            )
        if connection.dialect == "vllm":
            return _Passage(number, text, room)
        return _Passage(number, cut_to_tokens(text, room), None)

    def _requests(self, connection: _Connection, question: str, passages: Sequence[_Passage]) -> list[list[_Passage]]:
        """Passages in requests: a request has one limit for all of its passages."""
        limits = (
            self._settings.reranker.batch,
            self._settings.remote.texts_per_request,
            connection.served.texts_per_request,
        )
        size = min(limit for limit in limits if limit)
        most = _DASHSCOPE_REQUEST_TOKENS if connection.dialect.startswith("dashscope") else None
        question_tokens = estimated_tokens(question) if most else 0
        requests: list[list[_Passage]] = []
        tokens = 0
        for passage in sorted(passages, key=lambda passage: passage.room or 0):
            cost = question_tokens + estimated_tokens(passage.text) if most else 0
            last = requests[-1] if requests else []
            full = len(last) in (0, size) or last[0].room != passage.room
            if full or (most and tokens + cost > most):
                requests.append([])
                tokens = 0
            requests[-1].append(passage)
            tokens += cost
        return requests

    def _scores(
        self, connection: _Connection, question: str, passages: Sequence[_Passage], task: str | None
    ) -> list[tuple[int, float]]:
        """Number and score of one request's passages; in smaller requests if the server finds it too much."""
        try:
            reply = self._reply(connection, question, passages, task)
        except ModelRefused as error:
            if not refusals.is_too_much(error):
                raise
            middle = len(passages) // 2
            smaller = [passages[:middle], passages[middle:]] if middle else _shorter(connection, passages[0])
            if not smaller:
                raise
            return [pair for some in smaller for pair in self._scores(connection, question, some, task)]
        scores = scores_of(reply, len(passages), self._client.place.address)
        return [(passage.number, float(score)) for passage, score in zip(passages, scores, strict=True)]

    def _reply(self, connection: _Connection, question: str, passages: Sequence[_Passage], task: str | None) -> Any:
        texts = [passage.text for passage in passages]
        url, body = _request(connection, self._client.place, question, texts, task)
        if passages[0].room is not None:
            # Cuts passages alone. (truncate_prompt_tokens would cut the prompt's end and change the score.)
            body["max_tokens_per_doc"] = passages[0].room
        try:
            return self._client.post(url, body)
        except ModelRefused as error:
            if dialects.is_about_the_model(error):
                raise dialects.not_served(self._client, connection.served, error) from error
            raise

    @functools.cached_property
    def _local_tokenizer(self) -> Tokenize | None:
        return local_tokenizer(self._settings.reranker, self._settings)

    def _tokens(self, connection: _Connection, text: str) -> int | None:
        tokenizer = self._local_tokenizer
        found = tokenizer(text, False) if tokenizer else dialects.tokens(self._client, connection.served, text, False)
        return None if found is None else len(found)


def _dialect(served: Served) -> Dialect:
    if served.kind == "vllm" or served.kind == "tei":
        return served.kind
    if served.kind == "dashscope":
        own = served.model.startswith("gte-rerank") or "-vl-" in served.model
        return "dashscope-native" if own else "dashscope"
    return "jina"


def _shorter(connection: _Connection, passage: _Passage) -> list[list[_Passage]]:
    """A passage that the server finds too long, shorter; nothing if that cannot be done."""
    if connection.dialect == "vllm":
        room = (passage.room or estimated_tokens(passage.text)) * 3 // 4
        return [[replace(passage, room=room)]] if room else []
    text = passage.text[: len(passage.text) * 3 // 4]
    return [[replace(passage, text=text)]] if text else []


def _request(
    connection: _Connection, place: Place, question: str, texts: Sequence[str], task: str | None
) -> tuple[str, dict[str, Any]]:
    """Where a request goes and what it says. All passages are asked for, in whatever order they come."""
    served, documents = connection.served, list(texts)
    if connection.dialect == "tei":
        return f"{place.root}/rerank", {"query": question, "texts": documents, "raw_scores": False}
    if connection.dialect == "dashscope-native":
        body: dict[str, Any] = {
            "model": served.model,
            "input": {"query": question, "documents": documents},
            "parameters": {"top_n": len(documents), "return_documents": False},
        }
        return f"{place.origin}{_DASHSCOPE}", body
    body = {"model": served.model, "query": question, "documents": documents, "top_n": len(documents)}
    if connection.dialect == "dashscope":
        return f"{place.origin}{_DASHSCOPE_COMPATIBLE}", body | ({"instruct": task} if task else {})
    return f"{served.address}/rerank", body | ({"instruction": task} if task else {})
