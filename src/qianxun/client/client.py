"""The client: one object for a service, with what belongs together in rooms of its own (`documents`, `jobs`, …)."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any, Literal
from urllib.parse import quote

from qianxun.answering.events import AnswerEvent
from qianxun.client import reading
from qianxun.client.connection import Connection, Repeat
from qianxun.client.conversations import ConversationsRoom
from qianxun.client.documents import DocumentsRoom
from qianxun.client.jobs import JobsRoom
from qianxun.client.records import BaseSummary, Health, Job, Me
from qianxun.records import Answer, AnswerOptions, SearchResult

API = "/api/v1"
Judgement = Literal["click", "up", "down", "accepted"]


class Client:
    """A service at an address, asked with a key, or without one as `public`. Safe to share between threads.

    `base` is the knowledge base that is meant where a call names none. `timeout` is how long the service may be silent,
    in seconds. `retries` bounds how often a request is sent again that was refused for want of room, or broke off, and
    may safely be; in between it waits as long as the service asks. Every call raises what the service tells of, as the
    class of `qianxun.errors` of that name, and ServiceUnavailable where it cannot be reached.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        base: str = "default",
        timeout: float = 120.0,
        retries: int = 3,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.base = base
        self._connection = Connection(url, key, timeout=timeout, retries=retries, wait=wait)
        self.documents = DocumentsRoom(self._connection, self._path)
        self.conversations = ConversationsRoom(self._connection, self._path)
        self.jobs = JobsRoom(self._connection, API)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of connections."""
        self._connection.close()

    # -- asking --------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        k: int | None = None,
        mode: Literal["hybrid", "lexical", "dense"] | None = None,
        filter: str = "",
        explain: bool = False,
        turns: Sequence[str] = (),
        base: str | None = None,
    ) -> SearchResult:
        """At most k passages, best first. `filter` says which documents; `turns` are the questions asked before.

        As `KnowledgeBase.search` otherwise.
        """
        asked = {"query": query, "k": k, "mode": mode, "filter": filter, "explain": explain, "turns": list(turns)}
        path = self._path(base, "/search")
        return reading.read(
            reading.search_result, self._connection.json("POST", path, json=asked, repeat=Repeat.BROKEN)
        )

    def ask(
        self,
        question: str,
        *,
        filter: str = "",
        turns: Sequence[str] = (),
        persona: str | None = None,
        attachments: Sequence[str] = (),
        documents: Sequence[int] = (),
        deep: int = 0,
        options: AnswerOptions = AnswerOptions(),  # noqa: B008 (frozen)
        base: str | None = None,
    ) -> Answer:
        """An answer whose citations are checked. As `KnowledgeBase.ask` otherwise; `documents` are ids."""
        asked = _question(question, filter, persona, attachments, documents, deep, options, turns=list(turns))
        path = self._path(base, "/ask")
        return reading.read(reading.answer, self._connection.json("POST", path, json=asked, repeat=Repeat.REFUSED))

    def stream(
        self,
        question: str,
        *,
        filter: str = "",
        turns: Sequence[str] = (),
        persona: str | None = None,
        attachments: Sequence[str] = (),
        documents: Sequence[int] = (),
        deep: int = 0,
        options: AnswerOptions = AnswerOptions(),  # noqa: B008 (frozen)
        base: str | None = None,
    ) -> Iterator[AnswerEvent]:
        """The answer as it comes into being: events of `qianxun.answering.events`, the last of them holds the answer.

        Closing the iterator stops the model. What breaks off cannot be read on; that of a conversation can.
        """
        more = {"turns": list(turns), "stream": True}
        asked = _question(question, filter, persona, attachments, documents, deep, options, **more)
        path = self._path(base, "/ask")
        events = reading.Events()
        for event in self._connection.events("POST", path, json=asked, repeat=Repeat.REFUSED):
            yield reading.read(events.of_answer, event.data)

    # -- what people think of it ---------------------------------------------------------------------

    def feedback(
        self,
        kind: Judgement,
        question: str,
        chunks: Sequence[int],
        *,
        above: Sequence[int] | None = None,
        comment: str = "",
        base: str | None = None,
    ) -> str:
        """Keeps what somebody thinks of passages; returns the token that takes it back.

        `above` are the passages that stood above one that was clicked, `comment` is what they write beside it.
        """
        told = {
            "kind": kind,
            "question": question,
            "chunks": list(chunks),
            "above": None if above is None else list(above),
            "comment": comment,
        }
        reply = self._connection.json("POST", self._path(base, "/feedback"), json=told, repeat=Repeat.REFUSED)
        return reading.read(lambda given: str(given["token"]), reply)

    def take_back(self, token: str, *, base: str | None = None) -> None:
        """Takes a judgement back."""
        path = self._path(base, f"/feedback/{quote(token, safe='')}")
        self._connection.json("DELETE", path, repeat=Repeat.REFUSED)

    # -- work that takes long ------------------------------------------------------------------------

    def extract(
        self,
        schema: Mapping[str, Any],
        documents: Sequence[int] | None = None,
        *,
        retry: bool = False,
        base: str | None = None,
    ) -> Job:
        """Draws out of documents (ids; None: all that the key may see) what a JSON schema asks for, as a job.

        `jobs.result` of its token has what was found.
        """
        asked = {"schema": schema, "documents": None if documents is None else list(documents), "retry": retry}
        return self._job(self._path(base, "/extract"), asked)

    def evaluate(
        self,
        *,
        what: Literal["answers", "retrieval"] = "answers",
        set: str | None = None,
        questions: Sequence[Mapping[str, Any]] = (),
        limit: int | None = None,
        base: str | None = None,
    ) -> Job:
        """Measures answers or retrieval on a named set, or answers on the questions given, as a job.

        A question is `{"question", "answers": […], "evidence": [{"source", "quote"}], "answerable"}`.
        """
        asked = {"what": what, "set": set, "questions": list(questions), "limit": limit}
        return self._job(self._path(base, "/evaluations"), asked)

    def maintain(
        self,
        job: Literal["check", "compact", "rebuild", "sync", "reindex"],
        *,
        base: str | None = None,
        **how: Any,
    ) -> Job:
        """Looks after a knowledge base, as a job; needs an administrator's key."""
        return self._job(self._path(base, "/maintenance"), {"job": job, **how})

    # -- what there is -------------------------------------------------------------------------------

    def bases(self) -> list[BaseSummary]:
        """The knowledge bases that the key may use."""
        reply = self._connection.json("GET", f"{API}/bases", repeat=Repeat.BROKEN)
        return reading.read(lambda given: [reading.base(one) for one in given["bases"]], reply)

    def create_base(self, name: str) -> BaseSummary:
        """A new, empty knowledge base; needs an administrator's key."""
        reply = self._connection.json("POST", f"{API}/bases", json={"name": name}, repeat=Repeat.NEVER)
        return reading.read(reading.base, reply)

    def delete_base(self, name: str) -> None:
        """Deletes a knowledge base with all that is in it; needs an administrator's key."""
        self._connection.json("DELETE", self._path(name, ""), repeat=Repeat.REFUSED)

    def me(self) -> Me:
        """Who the key is of, and what it allows."""
        return reading.read(reading.me, self._connection.json("GET", f"{API}/me", repeat=Repeat.BROKEN))

    def health(self) -> Health:
        """Whether the service runs."""
        return reading.read(reading.health, self._connection.json("GET", "/healthz", repeat=Repeat.BROKEN))

    # -- parts ---------------------------------------------------------------------------------------

    def _path(self, base: str | None, rest: str) -> str:
        return f"{API}/bases/{quote(base or self.base, safe='')}{rest}"

    def _job(self, path: str, asked: Mapping[str, Any]) -> Job:
        return reading.read(reading.job, self._connection.json("POST", path, json=asked, repeat=Repeat.NEVER))


def _question(
    question: str,
    filter: str,
    persona: str | None,
    attachments: Sequence[str],
    documents: Sequence[int],
    deep: int,
    options: AnswerOptions,
    **more: Any,
) -> dict[str, Any]:
    return {
        "question": question,
        "filter": filter,
        "persona": persona,
        "attachments": list(attachments),
        "documents": list(documents),
        "deep": deep,
        "options": asdict(options),
        **more,
    }
