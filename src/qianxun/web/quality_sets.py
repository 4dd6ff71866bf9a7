"""Question sets in the pages: drafts that questions are put into, changed, and frozen. Frozen ones are only shown.

They lie in `<home>/questions/`, made of any documents and without labels, so they are for who may `evaluate` and sees
every document, as in evaluations by name.
"""

from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import quote as quoted

from fastapi import APIRouter, Form, Query
from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request

from qianxun.errors import InputError
from qianxun.evaluation.question_sets.drafts import Drafts
from qianxun.evaluation.question_sets.records import Evidence, Question
from qianxun.evaluation.question_sets.review import PART, answers_of
from qianxun.service.jobs.kinds import QUESTIONS_FOLDER, may_name_sets
from qianxun.service.jobs.uploads import safe_name
from qianxun.service.visit import Visit, visit_of
from qianxun.web import quality_asked, quality_opinions
from qianxun.web.forms import LargeFields
from qianxun.web.site import page

router = APIRouter(route_class=LargeFields)

_MAX_CHARS: Final = 20_000
# A quote is evidence, not the whole passage.
_MAX_QUOTES: Final = 20
# Microseconds since 1970 at the end of the year 9998.
_LAST_MOMENT: Final = 253_370_764_799_000_000
Name = Annotated[str, Form(max_length=100)]
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
    wanted = name.strip()
    if not wanted or wanted.startswith(".") or wanted != safe_name(wanted):
        raise InputError("{name!r} is no name of a question set.", remedy="Name one without folders.", name=name[:80])
    return wanted


def _address(name: str, id: str = "") -> str:
    return f"/quality/sets/{quoted(name, safe='')}" + (f"#{quoted(id, safe='')}" if id else "")


@router.get("/sets")
async def sets(request: Request) -> Response:
    """All sets."""
    visit, drafts = _drafts(request, "list")
    return page(
        request,
        visit,
        "quality_sets.html",
        sets=await visit.run("look", drafts.all),
        bases=visit.bases(),
        sees_all=True,
    )


@router.get("/sets/{name}")
async def one_set(request: Request, name: str) -> Response:
    """One set with its questions."""
    visit, drafts = _drafts(request, "show")
    found = await visit.run("look", drafts.read, _named(name))
    return page(request, visit, "quality_set.html", name=name, found=found, sees_all=True, plus=PART)


@router.get("/question")
async def edit(
    request: Request,
    set: Annotated[str, Query(max_length=100)] = "",
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
            return Question("", quality_asked.question_at(visit, asked)[1], made_by="audit")
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
        answers="\n".join(one if isinstance(one, str) else PART.join(one) for one in question.answers),
        sees_all=True,
    )


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
) -> Response:
    """Puts a question into a draft, or changes one there."""
    visit, drafts = _drafts(request, "put", changes=True)
    accepted = tuple(answer for line in answers.splitlines() for answer in answers_of(line))
    if not question.strip():
        raise InputError("The question is empty.", remedy="Type it in.")
    if accepted and not answerable:
        raise InputError(
            "A question without answer has no accepted answers.", remedy="Take them out, or say that there is one."
        )
    if answerable and not accepted and not any(source or ()):
        raise InputError(
            "Neither an answer nor where it stands is given.", remedy="Write one, or say that the documents have none."
        )
    pairs = zip(source or (), quote or (), strict=False)
    made = Question(
        id=id,
        question=_clean(question),
        answers=accepted,
        evidence=tuple(Evidence(_clean(one), _clean(words)) for one, words in pairs if one.strip()),
        answerable=bool(answerable),
        made_by=_clean(made_by) or "pages",
        note=_clean(note),
    )
    name = _named(set)
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
    """Freezes a draft under the next number."""
    visit, drafts = _drafts(request, "freeze", changes=True)
    frozen = await visit.run("change", lambda: drafts.freeze(_named(name), made=_now()))
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
