"""Jobs as their owners are told of them: who is no administrator learns nothing of the machine that did the work.

The rule is that of errors of requests (`service.problems`), held over a job's error, its result and its rows. What is
left out here is in the log of who ran the job. Knows no HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from qianxun import errors
from qianxun.errors import QianxunError
from qianxun.service.jobs import results
from qianxun.service.problems import PLAIN, is_everybodys, without_places
from qianxun.service.visit import by_name
from qianxun.shapes import Shape, job_shape
from qianxun.storage.jobs import Failure, Job

if TYPE_CHECKING:
    from qianxun.service.bases import Base
    from qianxun.service.visit import Visit


def job_as_told(job: Job, visit: "Visit") -> Shape:
    """The shape of a job. A failure of the machine is there by its kind only."""
    shape = job_shape(replace(job, error=failure_as_told(job, visit)))
    if visit.caller.is_admin:
        return shape
    return {**shape, "result": _told(shape["result"], visit.service.home)}


def failure_as_told(job: Job, visit: "Visit") -> Failure | None:
    """Why a job failed, as its reader may know; None if it did not."""
    if job.error is None or visit.caller.is_admin:
        return job.error
    return _failure(job.error, visit.service.home)


def rows_of(job: Job, base: "Base", visit: "Visit") -> dict[str, Any]:
    """What a job found in a knowledge base, of documents that the caller may see now: `{"results": […]}`."""
    seen = results.still_there(base.kb.documents(asker=visit.asker, where=visit.where()), job)
    found = rows_as_told(results.read(visit.service.home, job.token, seen), visit)
    # A named set is made of any documents: what it accepts is for who sees them all.
    if job.arguments.get("set") and visit.asker.labels is not None:
        for row in found["results"]:
            row.pop("accepted", None)
            row.pop("evidence", None)
    return found


def rows_as_told(found: Mapping[str, Any], visit: "Visit") -> dict[str, Any]:
    """What a job found, row by row. Why a model did not answer is left out."""
    if visit.caller.is_admin:
        return dict(found)
    told: dict[str, Any] = _told(found, visit.service.home)
    for row in told["results"]:
        if row.get("outcome") == "unanswered":
            row["problems"] = [PLAIN.template]
    return told


def _failure(failure: Failure, home: Path) -> Failure:
    kind = getattr(errors, failure.kind, QianxunError)
    if not is_everybodys(kind):
        return Failure(failure.kind, PLAIN.template, PLAIN.remedy)
    # No name that a caller gave begins at the root of the disk: what does is the machine's.
    values = {
        name: PurePath(value) if isinstance(value, str) and PurePath(value).is_absolute() else value
        for name, value in (failure.values or {}).items()
    }
    plain = without_places(QianxunError(failure.template, remedy=failure.remedy, **values), home)
    return Failure(failure.kind, plain.template, plain.remedy, plain.values)


def _told(part: Any, home: Path) -> Any:
    match part:
        case str():
            return part.replace(f"{home}/", "")
        case Mapping():
            return {
                name: _parts(value)
                if name == "degraded"
                else PLAIN.template
                if name == "problem" and value
                else _told(value, home)
                for name, value in part.items()
            }
        case Sequence():
            return [_told(one, home) for one in part]
    return part


def _parts(degraded: Any) -> Any:
    """What was done without, by name: a list of lines, numbers by line, or lines with the number of searches."""
    if isinstance(degraded, Mapping):
        counts: dict[str, int] = {}
        for line, n in degraded.items():
            (name,) = by_name([line])
            counts[name] = counts.get(name, 0) + n
        return counts
    if all(isinstance(one, str) for one in degraded):
        return list(dict.fromkeys(by_name(degraded)))
    return [{**one, "what": by_name([one["what"]])[0]} for one in degraded]
