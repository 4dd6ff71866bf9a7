"""JSON of the service as records: the way back from `qianxun.shapes`. What is not in a reply is empty in the record."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from qianxun.answering.events import AnswerEvent, Checked, Done, Mark, Shown, Text, Withdrawn
from qianxun.client.records import (
    BaseSummary,
    Conversation,
    DocumentPage,
    Health,
    Job,
    JobError,
    Me,
    PassageInPlace,
    Stopped,
    Told,
    Turn,
    WholeConversation,
)
from qianxun.errors import ServiceUnavailable
from qianxun.messages import Remark
from qianxun.records import (
    Answer,
    Citation,
    Conflict,
    Contribution,
    Coverage,
    Document,
    Option,
    Passage,
    Plan,
    Receipt,
    SearchResult,
    Span,
    Stage,
    Stated,
    Statement,
    Status,
    SubQuestion,
)
from qianxun.shapes import HEADING_SEPARATOR

Json: TypeAlias = Mapping[str, Any]
T = TypeVar("T")


def read(record: Callable[[Any], T], reply: Any) -> T:
    """A reply as a record. Raises ServiceUnavailable for what is no such reply: another version, another server."""
    try:
        return record(reply)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ServiceUnavailable(
            "The reply of the service is not understood ({error}).",
            remedy="Check that the address is that of a qianxun service, and its version.",
            error=f"{type(error).__name__}: {error}",
        ) from error


def search_result(given: Json) -> SearchResult:
    """What a search found."""
    return SearchResult(
        query=given["query"],
        passages=_each(passage, given["hits"]),
        seconds={**given["timings"], "total": given["seconds"]},
        models=given["models"],
        degraded=tuple(given["degraded"]),
        searched=given["searched"],
        notes=tuple(Remark("{text}", text=note) for note in given["notes"]),
        good=given["good"],
    )


def answer(given: Json) -> Answer:
    """An answer."""
    used = given["usage"]
    return Answer(
        question=given["question"],
        text=given["answer"],
        verdict=given["verdict"],
        citations=_each(_citation, given["citations"]),
        passages=_each(passage, given["passages"]),
        seconds={**given["stages"], "total": given["seconds"]},
        models=given["models"],
        degraded=tuple(given["degraded"]),
        notes=tuple(given["notes"]),
        searched=given["searched"],
        statements=_each(_statement, given["statements"]),
        usage=None if used is None else (used["prompt_tokens"], used["completion_tokens"]),
        material=given["material"],
        persona=given["persona"],
        finish_reason=given["finish_reason"],
        cached=given["cached"],
        coverage=None if given["coverage"] is None else Coverage(**given["coverage"]),
        plan=None if given["plan"] is None else _plan(given["plan"]),
        conflicts=tuple(Conflict(_each(_stated, values)) for values in given["conflicts"]),
        options=_each(_option, given["options"]),
    )


def passage(given: Json) -> Passage:
    """A passage."""
    return Passage(
        rank=given["rank"],
        score=given["score"],
        chunk=given["chunk"],
        document=given["document"],
        source=given["source"],
        title=given["title"],
        page=given["page"],
        location=_location(given),
        heading=_heading(given),
        span=Span(given["start"], given["end"]),
        text=given["text"],
        context="",
        labels=tuple(given["labels"]),
        stages={name: Stage(**stage) for name, stage in given["stages"].items()},
        matched=tuple(given["matched"]),
        duplicates=tuple(given["duplicates"]),
        near_duplicates=tuple(given["near_duplicates"]),
        contributions=tuple(Contribution(**one) for one in given["contributions"]),
        relevant=given["relevant"],
    )


def document(given: Json) -> Document:
    """A document."""
    return Document(
        id=given["id"],
        source=given["source"],
        title=given["title"],
        format=given["format"],
        status=Status(given["status"]),
        reason=given["reason"],
        labels=tuple(given["labels"]),
        chunks=given["chunks"],
        pages=given["pages"],
        chars=given["chars"],
        digest="",
        modified=given["modified"],
        added=given["added"],
    )


def documents(given: Json) -> DocumentPage:
    """A page of documents."""
    return DocumentPage(_each(document, given["documents"]), given.get("next"))


def in_place(given: Json) -> PassageInPlace:
    """A passage with what is around it."""
    return PassageInPlace(document(given["document"]), passage(given["chunk"]), _each(passage, given["around"]))


def receipt(given: Json) -> Receipt:
    """What a removal took away."""
    return Receipt(
        documents=tuple((one["id"], one["source"]) for one in given["removed"]),
        chunks=given["chunks"],
        vectors=given["vectors"],
        revision=given["revision"],
        answers=given["answers"],
        questions=given["questions"],
        judgements=given["judgements"],
        purge=given["purge"],
    )


def base(given: Json) -> BaseSummary:
    """A knowledge base."""
    return BaseSummary(
        name=given["name"],
        documents=given["documents"],
        personas=tuple(given["personas"]),
        persona=given["persona"],
        own_instructions=given["own_instructions"],
        unsupported={persona: tuple(allowed) for persona, allowed in given["unsupported"].items()},
    )


def me(given: Json) -> Me:
    """Who the caller is."""
    return Me(
        id=given["id"],
        name=given["name"],
        labels=None if given["labels"] is None else frozenset(given["labels"]),
        bases=None if given["bases"] is None else frozenset(given["bases"]),
        actions=frozenset(given["actions"]),
        requests_per_minute=given["requests_per_minute"],
        tokens_per_day=given["tokens_per_day"],
        streams=given["streams"],
    )


def health(given: Json) -> Health:
    """Whether the service runs."""
    return Health(given["status"], tuple(given["waiting"]))


def job(given: Json) -> Job:
    """A job."""
    error = given["error"]
    return Job(
        token=given["job"],
        kind=given["kind"],
        base=given["base"],
        state=given["state"],
        stage=given["stage"],
        done=given["done"],
        total=given["total"],
        files=tuple(given["files"]),
        addresses=tuple(given["addresses"]),
        result=given["result"],
        error=None if error is None else JobError(error["kind"], error["message"], error["remedy"]),
        created=given["created"],
        started=given["started"],
        finished=given["finished"],
        attempts=given["attempts"],
        stopping=given["stopping"],
        schedule=given["schedule"],
    )


def conversation(given: Json) -> Conversation:
    """A conversation without what was said."""
    turns = given["turns"]
    return Conversation(
        token=given["token"],
        title=given["title"],
        profile=given["profile"],
        begun=given["begun"],
        changed=given["changed"],
        turns=turns if isinstance(turns, int) else len(turns),
    )


def whole_conversation(given: Json) -> WholeConversation:
    """A conversation with what was said."""
    return WholeConversation(conversation(given), _each(_turn, given["turns"]), dict(given.get("settings", {})))


class Events:
    """The events of one answer, in order; it counts along where in the text a mark stands."""

    def __init__(self) -> None:
        self._chars = 0

    def told(self, given: Json) -> Told:
        """An event of a turn of a conversation."""
        return Told(given["turn"], given["place"], self._event(given))

    def of_answer(self, given: Json) -> AnswerEvent:
        """An event of an answer that belongs to no conversation."""
        found = self._event(given)
        if isinstance(found, Stopped):
            raise ValueError(f"an event {found.state!r}")
        return found

    def _event(self, given: Json) -> AnswerEvent | Stopped:
        match given["event"]:
            case "shown":
                return Shown(_each(passage, given["passages"]))
            case "text":
                return Text(self._counted(given["text"]))
            case "mark":
                begins = self._chars
                text = self._counted(given["text"])
                return Mark(text, tuple(given["numbers"]), Span(begins, self._chars))
            case "checked":
                return Checked(
                    _statement(given["statement"]),
                    _each(_citation, given["citations"]),
                    tuple(given["added"]),
                    tuple(given["unknown"]),
                )
            case "withdrawn":
                self._chars = 0
                return Withdrawn(given["reason"])
            case "done":
                return Done(answer(given["answer"]))
            case state:
                return Stopped(state)

    def _counted(self, text: str) -> str:
        self._chars += len(text)
        return text


def _turn(given: Json) -> Turn:
    found = given["answer"]
    return Turn(
        turn=given["turn"],
        state=given["state"],
        asked=given["asked"],
        question=given["question"],
        answer=None if found is None else answer(found),
        whole=given["whole"],
    )


def _citation(given: Json) -> Citation:
    return Citation(
        number=given["number"],
        chunk=given["chunk"],
        document=given["document"],
        source=given["source"],
        title=given["title"],
        page=given["page"],
        location=_location(given),
        heading=_heading(given),
        span=Span(given["start"], given["end"]),
        quote=given["quote"],
        support=given["support"],
        sentence=given["sentence"],
        statement=given["statement"],
    )


def _statement(given: Json) -> Statement:
    return Statement(
        text=given["text"],
        span=Span(given["start"], given["end"]),
        numbers=tuple(given["numbers"]),
        support=given["support"],
        quoted="words" if given["quoted"] else None,
        claim=given["claim"],
        own=given["own"],
        unknown=tuple(given["unknown"]),
    )


def _stated(given: Json) -> Stated:
    return Stated(given["value"], _each(_citation, given["citations"]), given["dated"])


def _option(given: Json) -> Option:
    return Option(given["label"], given["question"], given["value"], _each(_citation, given["citations"]))


def _plan(given: Json) -> Plan:
    questions = tuple(SubQuestion(**one) for one in given["questions"])
    return Plan(**{**given, "questions": questions})


def _each(record: Callable[[Json], T], given: Sequence[Json]) -> tuple[T, ...]:
    return tuple(record(one) for one in given)


def _location(given: Json) -> str | None:
    found: str | None = given["location"]
    return None if found == f"page {given['page']}" else found


def _heading(given: Json) -> tuple[str, ...]:
    return tuple(given["heading"].split(HEADING_SEPARATOR)) if given["heading"] else ()
