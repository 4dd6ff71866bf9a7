"""One request: who asks, what they may use, and what is told of it when it has ended.

Every handler is given a `Visit`. What the caller may not use is answered exactly as what does not exist.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from starlette.requests import Request

from qianxun.errors import Forbidden, InputError, NotFound
from qianxun.files import OWN_FILES
from qianxun.filters import And, Filter, Not, Or, Prefix
from qianxun.records import Answer, Asker, Document, SearchResult
from qianxun.service.access import Action, Caller
from qianxun.service.bases import Base, no_base
from qianxun.service.facts import Facts
from qianxun.service.service import Service

Given = ParamSpec("Given")
T = TypeVar("T")
Found = TypeVar("Found", Answer, SearchResult)

__all__ = ["OWN_FILES", "Visit", "by_name", "readable_filter", "visit_of"]


class Visit:
    """A request on its way. `route` is filled in when it is known which handler serves it."""

    def __init__(self, id: str, caller: Caller, service: Service) -> None:
        self.id = id
        self.caller = caller
        self.service = service
        self.facts = Facts()
        # The secret of the session whose cookie a browser sent; None for who shows a key, or nothing.
        self.session: str | None = None
        self._used: Base | None = None
        # What was begun and goes on although the client may have gone: the request ends when it does.
        self.goes_on: asyncio.Task[None] | None = None

    # -- rights --------------------------------------------------------------------------------------

    @property
    def asker(self) -> Asker:
        """The caller's rights to documents; `where` goes with it into every search."""
        return self.caller.asker

    def where(self, given: Filter | None = None, *, conversation: str = "") -> Filter | None:
        """A filter, narrowed for administrators to what is nobody's own: files of conversations are their owners'.

        With the token of a conversation of the caller's, also its files. A filter costs a search some milliseconds, and
        a look at all documents after each change: where there are no such files, there is none.
        """
        if self.caller.labels is not None:
            return given
        if self._used is not None and not self._used.kb.has_below(OWN_FILES):
            return given
        ours: Filter = Not(Prefix("source", OWN_FILES))
        if conversation:
            ours = Or((ours, Prefix("source", f"{OWN_FILES}{conversation}/")))
        return ours if given is None else And((given, ours))

    def may_see(self, document: Document) -> Document:
        """A document that the asker may see, unless it is somebody's own. Raises NotFound."""
        if self.is_anothers(document):
            raise no_document(document.id)
        return document

    def is_anothers(self, document: Document) -> bool:
        """Whether a document that the asker may see is the file of somebody's conversation."""
        return self.caller.labels is None and document.source.startswith(OWN_FILES)

    def must_see(self, base: Base, documents: Sequence[int], *, conversation: str = "") -> None:
        """Raises NotFound unless all of these documents are there for the caller, in a conversation of theirs if it is
        named."""
        own = f"{OWN_FILES}{conversation}/"
        for id in documents:
            found = base.kb.document(id, asker=self.in_conversation(conversation) if conversation else self.asker)
            if self.is_anothers(found) and not (conversation and found.source.startswith(own)):
                raise no_document(id)

    def in_conversation(self, token: str) -> Asker:
        """The caller's rights within a conversation of theirs: its own files too."""
        labels = self.caller.labels
        return Asker(None if labels is None else labels | {f"{OWN_FILES}{token}"})

    def must(self, action: Action) -> None:
        """Raises Forbidden if the caller may not do this."""
        if not self.caller.may(action):
            raise Forbidden(
                "This needs a key that allows {action!r}.", remedy="An administrator makes one.", action=action
            )

    def base(self, name: str, action: Action) -> Base:
        """A knowledge base to do this in. Raises NotFound, Forbidden."""
        # First: what is forbidden everywhere must not tell what there is.
        self.must(action)
        if not self.caller.may_use(name):
            raise no_base(name)
        base = self.service.bases.get(name)
        self.facts.base, self._used = name, base
        return base

    def bases(self) -> list[str]:
        """The names of those that the caller may use."""
        return [name for name in self.service.bases.names() if self.caller.may_use(name)]

    # -- doing ---------------------------------------------------------------------------------------

    async def run(self, lane: str, function: Callable[Given, T], /, *args: Given.args, **kwargs: Given.kwargs) -> T:
        """What the function returns, called in a thread of a lane. Raises Overloaded, LimitReached."""
        if lane == "models":
            self.may_use_tokens()
        return await self.service.lanes[lane].run(function, *args, **kwargs)

    @asynccontextmanager
    async def stream_place(self) -> AsyncIterator[None]:
        """A place among the answers that are being made. Raises Overloaded, LimitReached."""
        self.may_use_tokens()
        async with self.service.limiter.stream(self.caller), self.service.streams.place():
            yield

    def may_use_tokens(self) -> None:
        """Raises LimitReached if the caller's tokens of the day are used up."""
        for check in self.service.before_tokens:
            check(self.caller)

    def as_told(self, shape: dict[str, Any]) -> dict[str, Any]:
        """A shape as its reader may see it: whatever holds documents or passages goes through here.

        Of labels only their own are shown: others' are names of departments and projects. What failed is there by name
        only: why it failed tells of models' addresses and of documents that the caller may not see, so that is for
        administrators and the log.
        """
        if self.caller.is_admin:
            return shape
        told = dict(shape)
        if self.caller.labels is not None:
            told = _with_labels(told, self.caller.labels)
        if "degraded" in told:
            told["degraded"] = by_name(told["degraded"])
        if isinstance(told.get("answer"), dict):
            told["answer"] = self.as_told(told["answer"])
        return told

    def told(self, found: Found) -> Found:
        """The same of a search or an answer itself."""
        return found if self.caller.is_admin else replace(found, degraded=tuple(by_name(found.degraded)))

    # -- telling -------------------------------------------------------------------------------------

    def found(self, result: SearchResult) -> None:
        """Notes what a search showed."""
        self.facts.found(result)

    def answered(self, answer: Answer) -> None:
        """Notes what an answer showed."""
        self.facts.answered(answer)


def _with_labels(part: Any, own: frozenset[str]) -> Any:
    """A shape with these labels of documents only, and those of conversations, which only their owners see at all."""
    if isinstance(part, list):
        return [_with_labels(one, own) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        name: [label for label in value if label in own or label.startswith(OWN_FILES)]
        if name == "labels" and isinstance(value, list)
        else _with_labels(value, own)
        for name, value in part.items()
    }


def by_name(degraded: Sequence[str]) -> list[str]:
    """What failed without why; what was done to the question itself is the caller's business."""
    return [one if one.startswith("question") else one.partition(":")[0] for one in degraded]


def no_document(id: int) -> NotFound:
    """What is said of a document that there is not: the very words of the store."""
    return NotFound("There is no document {id}.", remedy="The list of documents shows the ids.", id=id)


def no_chunk(id: int) -> NotFound:
    """What is said of a passage that there is not: the very words of who keeps passages."""
    return NotFound("There is no chunk {id}.", remedy="`qianxun search --explain` shows the ids.", id=id)


def visit_of(request: Request) -> Visit:
    """The visit of a request, made before any handler was called."""
    visit: Any = request.scope["state"]["visit"]
    assert isinstance(visit, Visit)
    return visit


def readable_filter(text: str | None) -> Filter | None:
    """A filter as people write it. Raises InputError."""
    from qianxun.retrieval.filter_language import parse_filter

    if text is None or not text.strip():
        return None
    if "\0" in text:
        raise InputError("A filter cannot hold a null character.")
    return parse_filter(text)
