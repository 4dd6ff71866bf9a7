"""How good answers are, measured on questions with known answers. It is done by a job."""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from qianxun.errors import InputError
from qianxun.service import replies
from qianxun.service.jobs import kinds, uploads
from qianxun.service.jobs.uploads import Upload
from qianxun.service.routes.given import Asked, BaseName, Request, Visiting, Words
from qianxun.service.routes.uploads import accepted
from qianxun.service.visit import Visit
from qianxun.storage.jobs import Job, new_token

router = APIRouter(tags=["evaluation"])

_FILE: Final = "questions.jsonl"
# Of the first question, which a run of questions that were sent is known by.
_NAME_CHARS: Final = 40
SetName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00/\\]*$")]


class Evidence(Request):
    """Where an answer stands: a document by its source or the end of it, and the words there; none: all of it."""

    source: Asked
    quote: Words = ""


class Question(Request):
    """A question with the answers accepted for it; one that is a list is made of parts that must all be there."""

    question: Asked
    answers: list[Asked | list[Asked]] = Field(default_factory=list, max_length=100)
    evidence: list[Evidence] = Field(default_factory=list, max_length=100)
    answerable: bool = True


class Evaluation(Request):
    """What is measured: `answers` on questions that are sent or a named set, `retrieval` on a named data set.

    Named sets lie in the folder `questions` of the service's home, for who sees every document. `retrieval` searches
    the data set's own corpus, in a knowledge base made for it, not the one that is named in the path.
    """

    what: Literal["answers", "retrieval"] = "answers"
    set: SetName | None = None
    questions: list[Question] = Field(default_factory=list, max_length=10_000)
    limit: int | None = Field(None, ge=1, le=100_000)


@router.post("/bases/{base}/evaluations", status_code=202, responses={202: {"model": replies.Job}})
async def evaluate(base: BaseName, request: Evaluation, visit: Visiting) -> JSONResponse:
    """Measures; the figures are in the job when it is done, each answer in its result."""
    return accepted(visit, await asked_for(visit, base, request))


async def asked_for(visit: Visit, base: str, request: Evaluation) -> Job:
    """The job that measures. Raises Forbidden, NotFound, InputError, LimitReached."""
    visit.facts.action = "evaluations.run"
    visit.base(base, "evaluate")
    if (request.set is None) == (not request.questions) or (request.what == "retrieval" and request.set is None):
        raise InputError(
            "An evaluation needs a named set, or questions to measure answers on.",
            remedy="Send one of `set` and `questions`.",
        )
    await visit.run("look", visit.may_use_tokens)
    return await visit.run("change", _submitted, visit, base, request)


def _submitted(visit: Visit, base: str, request: Evaluation) -> Job:
    labels = visit.caller.labels
    arguments: dict[str, Any] = {
        "what": request.what,
        "limit": request.limit,
        "asker": None if labels is None else sorted(labels),
    }
    token = new_token()
    if request.set is not None:
        kinds.may_name_sets(visit.asker)  # before it is said which there are
        path = kinds.questions_path(visit.service.home, request.set)
        if request.what == "retrieval" and not path.is_dir():
            raise InputError(
                "Retrieval is measured on a data set (BEIR), and {name} is a question set.",
                remedy="Measure answers on it, or choose a data set.",
                name=request.set,
            )
        arguments["set"] = request.set
    else:
        size = _written(uploads.folder_of(visit.service.home, token), request.questions)
        arguments["files"] = [Upload(_FILE, _FILE, size).as_json()]
        arguments["questions"] = len(request.questions)
        first = " ".join(request.questions[0].question.encode("utf-8", "replace").decode().split())
        arguments["first"] = first if len(first) <= _NAME_CHARS else f"{first[:_NAME_CHARS]}…"
        arguments["with_answers"] = sum(bool(one.answers) for one in request.questions)
    caller = visit.caller
    return visit.service.jobs.submit(
        "evaluate", base, owner=caller.id, arguments=arguments, token=token, quota=caller.limits.tokens_per_day
    )


def _written(folder: Path, questions: list[Question]) -> int:
    from qianxun.evaluation.question_sets.file import FORMAT, VERSION

    folder.mkdir(parents=True, mode=0o700)
    records: list[dict[str, Any]] = [{"format": FORMAT, "version": VERSION, "name": "questions"}]
    records += [{"id": f"q{number}", **one.model_dump()} for number, one in enumerate(questions, 1)]
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    data = text.encode("utf-8", "replace")
    (folder / _FILE).write_bytes(data)
    return len(data)
