"""Evaluation runs as pages show them: jobs of that kind, as their reader is told of them. Knows no HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePath
from typing import Any, Final

from qianxun.errors import InputError, NotFound
from qianxun.messages import say
from qianxun.service.jobs import results
from qianxun.service.jobs.told import failure_as_told, job_as_told, rows_of
from qianxun.service.problems import without_places
from qianxun.service.visit import Visit
from qianxun.storage.jobs import Failure, Job, no_job

KIND: Final = "evaluate"
# Measures of retrieval and of answers; the first of each is what a run is known by.
RETRIEVAL: Final = ("nDCG@10", "MRR@10", "Recall@10", "Recall@100")
ANSWERS: Final = (
    "correctness", "contained", "f1", "citation_precision", "citation_recall", "evidence_recall", "refusal",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over n questions, in [0, 1]; its 95 % interval where one was measured."""

    mean: float
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run. `what` is "answers" or "retrieval"; `name` the question set's, "" for questions that were sent.

    `version` says which questions it was measured on: runs of one compare. Times are ISO 8601, UTC. Of questions that
    were sent, `questions` says how many they were, `with_answers` of how many answers were given, and `first` how the
    first begins, "" if that was not kept; 0 and "" of a named set.
    """

    id: str
    what: str
    base: str
    name: str
    state: str
    moment: str
    done: int
    total: int | None
    result: Mapping[str, Any] | None
    failure: Failure | None
    version: str
    frozen: int
    questions: int
    with_answers: int
    first: str

    @property
    def measures(self) -> tuple[str, ...]:
        """What can be measured by."""
        return RETRIEVAL if self.what == "retrieval" else ANSWERS

    @property
    def title(self) -> str:
        """What it was measured on."""
        if self.name or not self.first:
            return self.name or say("questions that were sent")
        if self.questions == 1:
            return say("“{question}”", question=self.first)
        return say("“{question}”, first of {n}", question=self.first, n=f"{self.questions:,}")

    @property
    def ended(self) -> bool:
        """Whether it changes no more."""
        return self.state in ("done", "failed", "cancelled")

    def figure(self, measure: str = "") -> Figure | None:
        """The figure of a measure, or of the first; None where it applies to nothing, or the run is not done."""
        name = measure or self.measures[0]
        if self.result is None:
            return None
        if self.what == "answers":
            found = self.result["measures"].get(name)
            return found and Figure(found["mean"], tuple(found["interval"]), found["n"])
        row = main_result(self.result)
        if name not in RETRIEVAL:
            return None
        return Figure(row[name], tuple(row["interval"]) if name == RETRIEVAL[0] else None, row["n"])


def main_result(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the modes that retrieval was measured in, hybrid, else the last; with enrichment, if there is that."""
    rows: Sequence[Mapping[str, Any]] = report["results"]
    return next((row for row in reversed(rows) if row["mode"] == "hybrid"), rows[-1])


def run_of(job: Job, visit: Visit) -> Run:
    """A job as a run."""
    shape = job_as_told(job, visit)
    result = shape["result"]
    what = str(job.arguments.get("what") or "answers")
    name, version, frozen = str(job.arguments.get("set") or ""), "", 0
    if result is not None and what == "answers":
        asked = result["questions"]
        name = asked["name"] if job.arguments.get("set") else ""
        frozen = asked["frozen"]
        version = asked["digest"] or f"{name} {result['n']}"
    elif result is not None:
        name, version = result["dataset"], result["judgements"]
    return Run(
        id=job.token,
        what=what,
        base=job.base,
        name=name,
        state=job.state,
        moment=job.finished or job.created,
        done=job.done,
        total=job.total,
        result=result,
        failure=_without_places(failure_as_told(job, visit), visit),
        version=version,
        frozen=frozen,
        questions=int(job.arguments.get("questions", 0)),
        with_answers=int(job.arguments.get("with_answers", 0)),
        first=str(job.arguments.get("first", "")),
    )


def _without_places(failure: Failure | None, visit: Visit) -> Failure | None:
    """A failure that names no folder of the machine, to nobody: a page is looked at over shoulders."""
    if failure is None:
        return None
    values = {
        name: PurePath(value) if isinstance(value, str) and PurePath(value).is_absolute() else value
        for name, value in (failure.values or {}).items()
    }
    error = Failure(failure.kind, failure.template, failure.remedy, values).as_error()
    told = without_places(error, visit.service.home)
    return Failure(failure.kind, told.template, told.remedy, told.values)


def runs(visit: Visit, *, first: int, count: int) -> list[Run]:
    """The caller's runs, everybody's for an administrator; the newest first."""
    owner = None if visit.caller.is_admin else visit.caller.id
    return [run_of(job, visit) for job in visit.service.jobs.all(owner, kind=KIND, first=first, count=count)]


def base_at_hand(visit: Visit) -> str:
    """The knowledge base that is measured next unless another is chosen: that of the last run, else the usual one."""
    names, usual = visit.bases(), visit.service.settings.kb
    owner = None if visit.caller.is_admin else visit.caller.id
    last = [job.base for job in visit.service.jobs.all(owner, kind=KIND, count=1)]
    return next((name for name in (*last, usual, *names) if name in names), "")


def run(visit: Visit, id: str) -> tuple[Job, Run]:
    """One of them. Raises NotFound."""
    job = visit.service.jobs.get(id, None if visit.caller.is_admin else visit.caller.id)
    if job.kind != KIND:
        raise no_job(id)
    return job, run_of(job, visit)


def rows(visit: Visit, job: Job) -> list[dict[str, Any]]:
    """The answers of a run, of documents that the caller may see now; none where the knowledge base is gone."""
    try:
        there = visit.base(job.base, "evaluate")
    except NotFound:
        return []
    found: list[dict[str, Any]] = rows_of(job, there, visit)["results"]
    return found


def scores(visit: Visit, job: Job) -> list[dict[str, Any]]:
    """What each question of a run came to, also where its answer is not shown any more.

    The questions are their owner's own, or of a set by name: these are for who sees every document.
    """
    if job.arguments.get("set") and visit.asker.labels is not None:
        return rows(visit, job)
    return results.scores(visit.service.home, job.token)


def series(found: Sequence[Run]) -> list[list[Run]]:
    """Runs that are done, by what they measured, each the oldest first; of single ones nothing can be told."""

    def key(one: Run) -> tuple[str, str, str]:
        return one.what, one.name, one.base if one.what == "answers" else ""

    done = sorted((one for one in found if one.result is not None and one.name), key=lambda one: (key(one), one.moment))
    grouped = [list(group) for _, group in groupby(done, key)]
    return [group for group in grouped if len(group) > 1]


def compared(visit: Visit, a: str, b: str, measure: str) -> tuple[Run, Run, dict[str, Any]]:
    """Two runs, and what `eval compare` says of them. Raises NotFound; InputError if they do not compare."""
    from qianxun.evaluation.answers.comparing import compare_answers
    from qianxun.evaluation.comparing.compare import compared as compare_values
    from qianxun.evaluation.comparing.sides import Given, values_in_report
    from qianxun.shapes import eval_compare_shape

    (job_a, one), (job_b, other) = run(visit, a), run(visit, b)
    if job_a.token == job_b.token:
        raise InputError("A and B are the same run.", remedy="Choose two.")
    if one.result is None or other.result is None:
        raise InputError("Only runs that are done can be compared.", remedy="Choose two that have figures.")
    if one.what != other.what:
        raise InputError("One run measured answers, the other retrieval.", remedy="Choose two that measured the same.")
    given_a, given_b = (
        Given(f"{each.title} · {each.moment[:19].replace('T', ' ')}", "report") for each in (one, other)
    )
    if one.what == "answers":
        report = compare_answers(
            given_a,
            given_b,
            scores(visit, job_a),
            scores(visit, job_b),
            name=one.title,
            measure=measure or ANSWERS[0],
        )
    else:
        values_a, notes_a = values_in_report(one.result, Path(one.title), None, "A")
        values_b, notes_b = values_in_report(other.result, Path(other.title), None, "B")
        report = compare_values(
            given_a,
            given_b,
            values_a,
            values_b,
            [*notes_a, *notes_b],
            measure=measure if measure in RETRIEVAL else RETRIEVAL[0],
        )
    return one, other, eval_compare_shape(report)
