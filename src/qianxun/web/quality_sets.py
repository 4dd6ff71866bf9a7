"""Question sets in the pages: drafts that questions are put into, changed, and frozen. Frozen ones are only shown.

They lie in `<home>/questions/`, made of any documents and without labels, so they are for who may `evaluate` and sees
every document, as in evaluations by name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Annotated, Final
from urllib.parse import quote as quoted

from fastapi import APIRouter, Form, Query
from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.question_sets.drafts import Drafts
from qianxun.evaluation.question_sets.records import Answer, Evidence, Question
from qianxun.evaluation.question_sets.review import PART
from qianxun.service.jobs.kinds import QUESTIONS_FOLDER, Everybodys, may_name_sets, set_name
from qianxun.service.problems import without_places
from qianxun.service.visit import Visit, visit_of
from qianxun.web import quality_asked, quality_opinions
from qianxun.web.forms import LargeFields
from qianxun.web.site import page

router = APIRouter(route_class=LargeFields)

_MAX_CHARS: Final = 20_000
_MAX_NAME_CHARS: Final = 1000  # of a longer one than may be is said how long it may be
_OF_AUDIT: Final = "audit"
# A quote is evidence, not the whole passage.
_MAX_QUOTES: Final = 20
_MOST_SEEN_CHARS: Final = 100
# Microseconds since 1970 at the end of the year 9998.
_LAST_MOMENT: Final = 253_370_764_799_000_000
Name = Annotated[str, Form(max_length=_MAX_NAME_CHARS)]
Id = Annotated[str, Form(max_length=100)]
Text = Annotated[str, Form(max_length=_MAX_CHARS)]


def _drafts(request: Request, action: str, *, changes: bool = False) -> tuple[Visit, Drafts]:
    """The sets. Raises Forbidden unless the caller may see and change them."""
    visit = visit_of(request)
    visit.facts.action = f"questions.{action}"
    visit.must("evaluate")
    may_name_sets(visit.asker)
    visit.facts.changes = changes
    return visit, Drafts(visit.service.home / QUESTIONS_FOLDER)


def _named(name: str) -> str:
    """A name of a set, which is the name of a file without its ending. Raises InputError."""
    return set_name(name.strip())


def _address(name: str, id: str = "") -> str:
    return f"/quality/sets/{quoted(name, safe='')}" + (f"#{quoted(id, safe='')}" if id else "")


@router.get("/sets")
async def sets(request: Request) -> Response:
    """All sets."""
    visit, drafts = _drafts(request, "list")
    home = visit.service.home
    found = [
        one if one.fault is None else replace(one, fault=without_places(one.fault, home))
        for one in await visit.run("look", drafts.all)
    ]
    return page(
        request,
        visit,
        "quality_sets.html",
        sets=found,
        bases=visit.bases(),
        sees_all=True,
    )


@router.get("/sets/{name}")
async def one_set(request: Request, name: str) -> Response:
    """One set with its questions."""
    visit, drafts = _drafts(request, "show")
    found = await visit.run("look", drafts.read, _named(name))
    unfound = await visit.run("look", _unfound, visit, found.questions)
    return page(request, visit, "quality_set.html", name=name, found=found, unfound=unfound, sees_all=True, plus=PART)


def _unfound(visit: Visit, questions: Sequence[Question]) -> Mapping[str, Sequence[Evidence]]:
    """The evidence of questions, by their ids, that stands in no knowledge base that the caller may use."""
    from qianxun.evaluation.answers.measuring import unfound

    def opened() -> Iterator[Everybodys]:
        for name in visit.bases():
            try:
                yield Everybodys(visit.base(name, "evaluate").kb)
            except NotFound:
                # Taken away meanwhile.
                continue

    return unfound(opened(), questions, asker=visit.asker)


@router.get("/question")
async def edit(
    request: Request,
    set: Annotated[str, Query(max_length=_MAX_NAME_CHARS)] = "",
    id: Annotated[str, Query(max_length=100)] = "",
    base: Annotated[str, Query(max_length=64)] = "",
    judgement: Annotated[int, Query(ge=0, lt=1 << 62)] = 0,
    asked: Annotated[int, Query(ge=0, le=_LAST_MOMENT)] = 0,
) -> Response:
    """The form of a question: of a set (`set`, `id`), or begun from feedback (`judgement`) or the audit (`asked`)."""
    visit, drafts = _drafts(request, "show")

    def given() -> Question:
        if set and id:
            return drafts.question(_named(set), id)
        if judgement:
            return _of_judgement(quality_opinions.opinion(visit, visit.base(base, "evaluate"), judgement))
        if asked:
            return Question("", quality_asked.question_at(visit, asked)[1], made_by=_OF_AUDIT)
        return Question("", "")

    question = await visit.run("look", given)
    known = await visit.run("look", drafts.all)
    return page(
        request,
        visit,
        "quality_question.html",
        question=question,
        set=set,
        drafts=[one.name for one in known if not one.frozen and not one.is_data_set and one.fault is None],
        answers="\n".join(_line(one) for one in question.answers),
        # Whether there is an answer is what is to be found out of a question that got none.
        is_undecided=question.made_by == _OF_AUDIT and not question.id,
        sees_all=True,
    )


def _line(answer: Answer) -> str:
    """An accepted answer on a line of the form."""
    return " ".join((answer if isinstance(answer, str) else PART.join(answer)).split("\n"))


def _answer(line: str) -> Answer:
    parts = tuple(part.strip() for part in line.split(PART) if part.strip())
    return parts[0] if len(parts) == 1 else parts


def _of_judgement(opinion: quality_opinions.Opinion) -> Question:
    """What was found good is where the answer stands; what was found bad says nothing of that."""
    evidence = tuple(
        Evidence(passage.source, passage.text)
        for _, passage in opinion.passages[:_MAX_QUOTES]
        if opinion.judgement.kind != "down"
    )
    return Question(
        "", opinion.judgement.question, evidence=evidence, made_by="feedback", note=opinion.judgement.comment
    )


@router.post("/question")
async def save(
    request: Request,
    set: Name,
    question: Text,
    id: Id = "",
    answers: Text = "",
    source: Annotated[list[str] | None, Form(max_length=100)] = None,
    quote: Annotated[list[str] | None, Form(max_length=100)] = None,
    answerable: Annotated[str, Form(max_length=10)] = "",
    made_by: Annotated[str, Form(max_length=200)] = "",
    note: Text = "",
    accept: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Puts a question into a draft, or changes one there, whose state stays unless it is accepted with that."""
    visit, drafts = _drafts(request, "put", changes=True)
    name = _named(set)
    known = await visit.run("look", drafts.question, name, id) if id else Question("", "")
    # A line that was not touched is the answer that it was, whatever is in it.
    before = {_line(one): one for one in known.answers}
    accepted = tuple(before.get(line) or _answer(line) for line in _clean(answers).split("\n") if line.strip(" +\t"))
    if answerable not in ("yes", "no"):
        raise InputError("Whether the documents have an answer is not said.", remedy="Choose one of the two.")
    if not question.strip():
        raise InputError("The question is empty.", remedy="Type it in.")
    is_answerable = answerable == "yes"
    if accepted and not is_answerable:
        raise InputError(
            "A question without answer has no accepted answers.", remedy="Take them out, or say that there is one."
        )
    pairs = [(_clean(one), _clean(words)) for one, words in zip_longest(source or (), quote or (), fillvalue="")]
    for one, words in pairs:
        if words and not one:
            raise InputError(
                "The words “{words}” have no source.",
                remedy="Write which document they stand in, or take them out.",
                words=words if len(words) <= _MOST_SEEN_CHARS else f"{words[:_MOST_SEEN_CHARS]}…",
            )
    evidence = tuple(Evidence(one, words) for one, words in pairs if one)
    if is_answerable and not accepted and not evidence:
        raise InputError(
            "Neither an answer nor where it stands is given.", remedy="Write one, or say that the documents have none."
        )
    made = Question(
        id=id,
        question=_clean(question),
        answers=accepted,
        evidence=evidence,
        answerable=is_answerable,
        status="accepted" if accept else known.status,
        made_by=_clean(made_by) or "pages",
        note=_clean(note),
    )
    saved = await visit.run("change", lambda: drafts.put(name, made, made=_now()))
    visit.facts.detail = {"set": name, "question": saved}
    return RedirectResponse(_address(name, saved), 303)


@router.post("/sets/{name}/remove")
async def remove(request: Request, name: str, id: Id) -> Response:
    """Takes a question out of a draft."""
    visit, drafts = _drafts(request, "remove", changes=True)
    visit.facts.detail = {"set": _named(name), "question": id}
    await visit.run("change", drafts.remove, _named(name), id)
    return RedirectResponse(_address(name), 303)


@router.post("/sets/{name}/freeze")
async def freeze(request: Request, name: str) -> Response:
    """Freezes a draft under the next number; not while it names evidence that is nowhere: it stays as it is then."""
    visit, drafts = _drafts(request, "freeze", changes=True)

    def frozen_now() -> str:
        unfound = _unfound(visit, drafts.read(_named(name)).accepted)
        if unfound:
            first = next(iter(unfound))
            if len(unfound) == 1:
                raise InputError(
                    "Evidence of {id} is in no knowledge base.",
                    remedy="Mend it or take it out; the draft says which it is.",
                    id=first,
                )
            raise InputError(
                "Evidence of {n} questions is in no knowledge base; the first is {id}.",
                remedy="Mend it or take it out; the draft says which it is.",
                n=len(unfound),
                id=first,
            )
        return drafts.freeze(_named(name), made=_now())

    frozen = await visit.run("change", frozen_now)
    visit.facts.detail = {"set": frozen}
    return RedirectResponse(_address(frozen), 303)


@router.post("/sets/{name}/begin")
async def begin(request: Request, name: str) -> Response:
    """Begins a draft with the questions of a frozen set."""
    visit, drafts = _drafts(request, "begin", changes=True)
    draft = await visit.run("change", lambda: drafts.begin(_named(name), made=_now()))
    visit.facts.detail = {"set": draft}
    return RedirectResponse(_address(draft), 303)


def _clean(text: str) -> str:
    """Text without halves of characters, which no file takes, and with one way to end a line: browsers send another."""
    return text.encode("utf-8", "replace").decode().replace("\r\n", "\n").strip()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
