"""The tools: what each gives, and how it is done with the caller's rights. Knows no protocol.

Each does what the route of the same name does, through the same `Visit`.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from qianxun.answering.events import Checked, Done, Shown
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.service import replies
from qianxun.service.access import Action
from qianxun.service.bases import Base
from qianxun.service.heard import heard
from qianxun.service.mcp import given, words
from qianxun.service.passages import passage_of
from qianxun.service.visit import Visit, readable_filter
from qianxun.shapes import answer_shape, document_shape, search_shape, shown_shape, version

# How far it is and, in words, what has just been done.
Progress = Callable[[int, str], Awaitable[None]]


class KnowledgeBases(BaseModel):
    """The knowledge bases that the caller may use."""

    knowledge_bases: list[str]
    version: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gives: for programs, in the shape that `docs/json.md` describes, and as text for a model."""

    shape: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its name, what it gives, what it takes, the form of what it gives, and what does it."""

    name: str
    title: str
    about: str
    takes: type[given.Given]
    gives: type[BaseModel]
    does: Callable[[Visit, Any, Progress], Awaitable[Result]]


async def search(visit: Visit, asked: given.Search, progress: Progress) -> Result:
    """Passages, best first."""
    there = _base(visit, asked, "search")
    found = await visit.run(
        "search",
        there.kb.search,
        asked.question,
        k=asked.k,
        asker=visit.asker,
        where=visit.where(readable_filter(asked.filter)),
    )
    visit.found(found)
    found = visit.told(found)
    return Result(search_shape(found), words.of_search(found))


async def ask(visit: Visit, asked: given.Ask, progress: Progress) -> Result:
    """An answer, of which it is told as it grows."""
    there = _base(visit, asked, "ask")
    events = there.kb.stream(asked.question, asker=visit.asker, where=visit.where(), persona=asked.persona or None)
    done, answer = 0, None
    async with aclosing(heard(visit, there.kb, events)) as told:
        async for one in told:
            if isinstance(one, Shown | Checked):
                done += 1
                n = len(one.passages) if isinstance(one, Shown) else 0
                await progress(done, say("{n} passages are read", n=n) if n else say("a sentence was checked"))
            elif isinstance(one, Done):
                answer = one.answer
    if answer is None:
        raise AssertionError("an answer ends with Done")
    answer = visit.told(answer)
    return Result(answer_shape(answer), words.of_answer(answer))


async def read_passage(visit: Visit, asked: given.ReadPassage, progress: Progress) -> Result:
    """A passage and what stands around it."""
    there = _base(visit, asked, "read")
    visit.facts.passages = (asked.chunk,)

    document, found, beside = await visit.run("look", passage_of, visit, there.kb, asked.chunk, asked.neighbours)
    in_order = sorted([found, *beside], key=lambda one: one.chunk)
    shape = shown_shape(document, chunk=found, around=beside)
    return Result(shape, words.of_passage(document, in_order, found.chunk))


async def list_documents(visit: Visit, asked: given.ListDocuments, progress: Progress) -> Result:
    """The documents, a page at a time."""
    there = _base(visit, asked, "read")
    where = visit.where(readable_filter(asked.filter))
    found = await visit.run("look", there.kb.documents, asker=visit.asker, where=where)
    page = found[asked.after : asked.after + asked.count]
    following = asked.after + asked.count if asked.after + asked.count < len(found) else None
    shape = {"documents": [document_shape(one) for one in page], "next": following, "version": version()}
    return Result(shape, words.of_documents(page, following))


async def list_knowledge_bases(visit: Visit, asked: given.ListKnowledgeBases, progress: Progress) -> Result:
    """Their names."""
    names = await visit.run("look", visit.bases)
    return Result({"knowledge_bases": names, "version": version()}, words.of_bases(names))


def tools() -> list[Tool]:
    """Every tool, in the reader's language."""
    return [
        Tool(
            "search",
            say("Search documents"),
            say(
                "Finds passages in the organisation's own documents by meaning and by words. Gives at most k passages, "
                "best first, each numbered, with its text, document, page and chunk id. Use it for facts to work with; "
                "cite a passage by its number."
            ),
            given.Search,
            replies.Found,
            search,
        ),
        Tool(
            "ask",
            say("Ask documents"),
            say(
                "Answers a question from the organisation's own documents. Gives a short answer with numbered "
                "citations, each checked against the words it quotes, and says when the documents do not answer. Takes "
                "longer than a search."
            ),
            given.Ask,
            replies.Answered,
            ask,
        ),
        Tool(
            "read_passage",
            say("Read on around a passage"),
            say(
                "Gives one passage by its chunk id, with the passages before and after it in the document. Use it when "
                "a search or a citation shows too little."
            ),
            given.ReadPassage,
            replies.ShownPassage,
            read_passage,
        ),
        Tool(
            "list_documents",
            say("List documents"),
            say(
                "Lists the documents that there are, with id, title, source, format, date and labels, a page at a "
                "time. Gives no text of theirs."
            ),
            given.ListDocuments,
            replies.Documents,
            list_documents,
        ),
        Tool(
            "list_knowledge_bases",
            say("List knowledge bases"),
            say("Lists the names of the knowledge bases that may be used. The other tools take one of them."),
            given.ListKnowledgeBases,
            KnowledgeBases,
            list_knowledge_bases,
        ),
    ]


def _base(visit: Visit, asked: given.InBase, action: Action) -> Base:
    """The knowledge base that is named; the only one where none is. Raises NotFound, InputError, Forbidden."""
    if asked.knowledge_base:
        return visit.base(asked.knowledge_base, action)
    names = visit.bases()
    if len(names) != 1:
        raise InputError(
            "Which knowledge base?", remedy="Name one of: {names}.", names=say(", ").join(names) or say("(none)")
        )
    return visit.base(names[0], action)
