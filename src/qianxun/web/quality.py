"""The quality room: evaluation runs and their figures over time, one run with its answers, two of them compared.

For whoever may `evaluate`. A run is a job: its owner sees it, and administrators; its answers are shown as far as their
reader may see the documents that they cite. Beside it: `quality_inbox` (what was asked in vain, what people made known)
and `quality_sets` (question sets).
"""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Path, Query
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from pydantic import ValidationError
from starlette.requests import Request

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.answers.page import blocks_of_measures, measure_in_words, problem_in_words, verdict_in_words
from qianxun.evaluation.question_sets.drafts import Drafts
from qianxun.evaluation.question_sets.review import OTHER, PART, answers_of
from qianxun.evaluation.reports import page_of_comparison, page_of_retrieval, words
from qianxun.evaluation.reports.html import block_as_html
from qianxun.messages import say, speaking
from qianxun.service.jobs import uploads
from qianxun.service.jobs.kinds import QUESTIONS_FOLDER
from qianxun.service.problems import status_of
from qianxun.service.routes.evaluations import Evaluation, Question, asked_for
from qianxun.service.visit import visit_of
from qianxun.web import quality_inbox, quality_runs, quality_sets
from qianxun.web.forms import LargeFields
from qianxun.web.library_words import job_state
from qianxun.web.quality_plots import Point, trend
from qianxun.web.quality_runs import Run
from qianxun.web.site import language_of, page

router = APIRouter(prefix="/quality", route_class=LargeFields)
router.include_router(quality_inbox.router)
router.include_router(quality_sets.router)

_COUNT: Final = 50
_ANSWERS: Final = 100
_MOST_QUESTIONS_CHARS: Final = 1_000_000
_MOST_SEEN_CHARS: Final = 100
# No name of a set has a stroke in it.
RETRIEVAL_OF: Final = "retrieval/"
Token = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Measure = Annotated[str, Query(max_length=40)]
Compared = Annotated[str, Query(pattern=r"^([0-9a-f]{32})?$")]


@router.get("")
async def all_runs(
    request: Request, measure: Measure = "", after: Annotated[int, Query(ge=0, lt=1 << 31)] = 0
) -> Response:
    """The runs, and their figures over time."""
    visit = visit_of(request)
    visit.facts.action = "evaluations.list"
    visit.must("evaluate")
    found = await visit.run("look", quality_runs.runs, visit, first=after, count=_COUNT)
    sees_all = visit.asker.labels is None
    drafts = Drafts(visit.service.home / QUESTIONS_FOLDER)
    with speaking(language_of(request)):
        trends = [_trend(group, measure) for group in quality_runs.series(found)]
    return page(
        request,
        visit,
        "quality.html",
        runs=found,
        trends=[one for one in trends if one is not None],
        measure=measure,
        measures=list(dict.fromkeys(name for one in found if one.result is not None for name in one.measures)),
        bases=visit.bases(),
        base=await visit.run("look", quality_runs.base_at_hand, visit),
        sees_all=sees_all,
        sets=await visit.run("look", drafts.all) if sees_all else [],
        retrieval_of=RETRIEVAL_OF,
        after=after,
        more=after + _COUNT if len(found) == _COUNT else None,
        **_in_words(),
    )


@router.post("/runs")
async def start(
    request: Request,
    base: Annotated[str, Form(max_length=64)],
    what: Annotated[str, Form(max_length=20)] = "answers",
    set: Annotated[str, Form(max_length=220)] = "",
    questions: Annotated[str, Form(max_length=_MOST_QUESTIONS_CHARS)] = "",
) -> Response:
    """Asks for a run, of a named set or of questions written into the page.

    `set` with `RETRIEVAL_OF` before it is a data set that retrieval is measured on: one choice says both.
    """
    visit = visit_of(request)
    if set.startswith(RETRIEVAL_OF):
        what, set = "retrieval", set.removeprefix(RETRIEVAL_OF)
    if set and questions.strip():
        raise InputError(
            "Questions are written and a question set is chosen, too.",
            remedy="Choose “questions below”, or empty the field.",
        )
    if what == "retrieval" and not set:
        raise InputError("Retrieval is measured on a data set (BEIR).", remedy="Choose one.")
    if not set and not questions.strip():
        raise InputError("Nothing is given to measure.", remedy="Write questions, or choose a question set.")
    try:
        asked = Evaluation.model_validate({"what": what, "set": set or None, "questions": _questions(questions)})
    except ValidationError as error:
        raise InputError(
            "What is to be measured cannot be read.", remedy="Write one question a line, and choose a set by its name."
        ) from error
    job = await asked_for(visit, base, asked)
    visit.facts.changes = True
    visit.facts.detail = {"job": job.token}
    return RedirectResponse(f"/quality/runs/{job.token}", 303)


def _questions(text: str) -> list[Question]:
    """One question a line, its accepted answers after `|`, also a full-width one; without any, refusing is right.

    Raises InputError for answers without a question.
    """
    found = []
    for number, line in enumerate(text.replace("｜", "|").splitlines(), 1):
        question, _, rest = line.partition(OTHER.strip())
        if line.strip() and not question.strip():
            raise InputError(
                "Line {number} has no question before the stroke: {line}",
                remedy="Write the question before it, or take the line out.",
                number=number,
                line=line.strip()[:_MOST_SEEN_CHARS],
            )
        if question.strip():
            answers = [one if isinstance(one, str) else list(one) for one in answers_of(rest)]
            found.append(Question(question=question.strip(), answers=answers, answerable=bool(answers)))
    return found


@router.get("/runs/{id}")
async def one_run(request: Request, id: Token, after: Annotated[int, Query(ge=0, lt=1 << 31)] = 0) -> Response:
    """One run: its figures, and the answers with what is wrong with each, the poorest first, `_ANSWERS` a page."""
    visit = visit_of(request)
    visit.facts.action = "evaluations.show"
    visit.must("evaluate")

    def looked_up() -> tuple[Run, list[dict[str, Any]]]:
        job, run = quality_runs.run(visit, id)
        rows = quality_runs.rows(visit, job) if run.what == "answers" and run.result is not None else []
        return run, sorted(rows, key=_worth)

    run, rows = await visit.run("look", looked_up)
    with speaking(language_of(request)):
        body = _figures(run)
    return page(
        request,
        visit,
        "quality_run.html",
        run=run,
        body=body,
        rows=rows[after : after + _ANSWERS],
        after=after,
        answers=len(rows),
        at_a_time=_ANSWERS,
        hidden=run.result["n"] - len(rows) if run.result is not None and run.what == "answers" else 0,
        sees_all=visit.asker.labels is None,
        problem_in_words=problem_in_words,
        verdict_in_words=verdict_in_words,
        plus=PART,
        shown_answer=("correctness", "citation_precision", "citation_recall", "evidence_recall", "refusal"),
        **_in_words(),
    )


@router.post("/runs/{id}/cancel")
async def cancel(request: Request, id: Token) -> Response:
    """Stops a run."""
    visit = visit_of(request)
    visit.facts.action = "jobs.cancel"
    visit.must("evaluate")
    visit.facts.changes = True
    visit.facts.detail = {"job": id}

    def cancelled() -> None:
        job, _ = quality_runs.run(visit, id)
        if visit.service.jobs.cancel(id, job.owner).state == "cancelled":
            uploads.forget(visit.service.home, id)

    await visit.run("change", cancelled)
    return RedirectResponse(f"/quality/runs/{id}", 303)


@router.get("/compare")
async def compare(request: Request, a: Compared = "", b: Compared = "", measure: Measure = "") -> Response:
    """B against A, question by question, as `eval compare` says it; why not, with a way back to the runs."""
    visit = visit_of(request)
    visit.facts.action = "evaluations.compare"
    visit.must("evaluate")
    sees_all = visit.asker.labels is None
    with speaking(language_of(request)):
        try:
            if not (a and b):
                raise InputError("Two runs are needed.", remedy="Choose one as A and another one as B.")
            one, other, shape = await visit.run("look", quality_runs.compared, visit, a, b, measure)
        except (InputError, NotFound) as error:
            return page(
                request, visit, "quality_compare.html", status=status_of(error), problem=error, sees_all=sees_all
            )
        report = page_of_comparison(_named(shape))
        sections = [(section.title, _html(section.blocks)) for section in report.sections]
        lead = report.lead
    return page(
        request,
        visit,
        "quality_compare.html",
        problem=None,
        a=one,
        b=other,
        lead=lead,
        verdict=shape["verdict"],
        sections=sections,
        measure=shape["measure"],
        sees_all=sees_all,
        **_in_words(),
    )


def _named(shape: dict[str, Any]) -> dict[str, Any]:
    """A comparison with its measures called as the reader calls them."""

    def named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**row, "measure": measure_in_words(row["measure"])} for row in rows]

    return {
        **shape,
        "measure": measure_in_words(shape["measure"]),
        "pooled": named(shape["pooled"]),
        "datasets": [{**one, "results": named(one["results"])} for one in shape["datasets"]],
    }


def _figures(run: Run) -> Markup:
    """The figures of a run, as its report shows them."""
    if run.result is None:
        return Markup()
    if run.what == "answers":
        return _html(blocks_of_measures({**run.result, "questions": {**run.result["questions"], "name": run.title}}))
    return _html([block for section in page_of_retrieval(run.result).sections for block in section.blocks])


def _html(blocks: Any) -> Markup:
    # Escaped where it is made.
    return Markup("".join(block_as_html(block) for block in blocks))


def _worth(row: dict[str, Any]) -> float:
    """What an answer is worth at worst: for the order only."""
    names = ("correctness", "citation_precision", "citation_recall", "refusal")
    return min(float(row[name]) for name in names if row[name] is not None)


def _trend(group: list[Run], measure: str) -> dict[str, Any] | None:
    """The figures of runs on the same set by time, as a plot and as rows; None where fewer than two have one."""
    chosen = measure if measure in group[-1].measures else group[-1].measures[0]
    found = [(run, figure) for run in group if (figure := run.figure(chosen)) is not None]
    if len(found) < 2:
        return None
    last = found[-1][0]
    title = say("{measure} of {name}", measure=measure_in_words(chosen), name=last.title)
    if last.what == "answers":
        title = say("{title} in {base}", title=title, base=last.base)
    points = [
        Point(
            datetime.fromisoformat(run.moment),
            figure.mean,
            figure.interval,
            f"{run.moment[:19].replace('T', ' ')}  {words.figure(figure.mean)}",
            run.version == last.version,
        )
        for run, figure in found
    ]
    return {
        "title": title,
        "plot": trend(points, title),
        "rows": list(reversed(found)),
        "is_mixed": any(not point.alike for point in points),
        "version": last.version,
    }


def _in_words() -> dict[str, Any]:
    return {"measure_in_words": measure_in_words, "state_in_words": job_state, "figure": words.figure}
