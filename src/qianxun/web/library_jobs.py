"""Jobs in the library: how far one is, what became of each file that it was given, stopping it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request

from qianxun.files import MEMBER
from qianxun.filters import Equals, Filter, Or
from qianxun.reasons import reason_of_the_file
from qianxun.records import Document, Status
from qianxun.service.jobs.receipts import known_before
from qianxun.service.jobs.told import job_as_told
from qianxun.service.routes.given import BaseName
from qianxun.service.routes.jobs import JobToken, cancelled, is_anothers, owner_of, their_job
from qianxun.service.routes.removing import OF_OTHERS
from qianxun.service.visit import Visit, visit_of
from qianxun.storage.jobs import ENDED, Job, no_job
from qianxun.web import library_words
from qianxun.web.library import address_of
from qianxun.web.site import page

router = APIRouter(prefix="/library")

# Of more files the first are shown one by one; what failed is shown in any case.
_MOST_FILES: Final = 500
_LISTED: Final = 50
_KEY: Final = "key:"
_SECOND: Final = len("2026-01-31T10:00:00")
_TOLD: Final[Mapping[str, "FileState"]] = {"failed": "failed", "attention": "attention", "empty": "empty"}
_OF_STATUS: Final[Mapping[Status, "FileState"]] = {
    Status.FAILED: "failed",
    Status.ATTENTION: "attention",
    Status.EMPTY: "empty",
}
FileState: TypeAlias = Literal[
    "waiting", "read", "added", "replaced", "unchanged", "attention", "empty", "failed", "left"
]
TONES: Final[Mapping[FileState, str]] = {
    "waiting": "going",
    "read": "going",
    "added": "good",
    "replaced": "good",
    "unchanged": "none",
    "attention": "warn",
    "empty": "warn",
    "failed": "wrong",
    "left": "none",
}


@dataclass(frozen=True, slots=True)
class FileLine:
    """What became of a file. `reason` is English, as in `Document`; `document` None where there is none of it."""

    source: str
    state: FileState
    reason: str = ""
    document: int | None = None


@router.get("/{base}/jobs")
async def jobs_page(request: Request, base: BaseName, after: Annotated[int, Query(ge=0, lt=1 << 31)] = 0) -> Response:
    """The jobs of a knowledge base that the caller asked for, the newest first."""
    visit = visit_of(request)
    visit.facts.action = "jobs.list"
    visit.base(base, "read")

    def found() -> tuple[list[Job], dict[str, str]]:
        jobs = visit.service.jobs.all(owner_of(visit), base=base, first=after, count=_LISTED)
        return jobs, _names(visit, jobs)

    jobs, names = await visit.run("look", found)
    return page(
        request,
        visit,
        "library_jobs.html",
        base=base,
        jobs=[job_as_told(one, visit) for one in jobs if not is_anothers(visit, one)],
        names=names,
        following=after + _LISTED if len(jobs) == _LISTED else None,
        words=library_words,
        may_admin=visit.caller.is_admin,
        may_evaluate=visit.caller.may("evaluate"),
    )


def _names(visit: Visit, jobs: Iterable[Job]) -> dict[str, str]:
    """By token who asked for each job, for administrators: others see their own only. What a schedule asked for, and
    who has no key, is left out."""
    if not visit.caller.is_admin:
        return {}
    owners = {one.owner for one in jobs if one.owner.startswith(_KEY)}
    keys = {owner: visit.service.keys.of_id(owner.removeprefix(_KEY)) for owner in owners}
    names = {owner: key.name for owner, key in keys.items() if key is not None}
    return {one.token: names[one.owner] for one in jobs if one.owner in names}


@router.get("/{base}/jobs/{job}")
async def job_page(request: Request, base: BaseName, job: JobToken) -> Response:
    """One job; while it goes on, a part of the page that asks again."""
    visit = visit_of(request)
    visit.facts.action = "jobs.show"
    found, files = await visit.run("look", _looked_up, visit, base, job)
    told = job_as_told(found, visit)
    if found.kind == "evaluate" and visit.caller.may("evaluate"):
        return RedirectResponse(f"/quality/runs/{job}", 303)
    if found.kind == "remove" and told["result"] and told["result"]["removed"]:
        receipt = told["result"] if visit.caller.is_admin else told["result"] | dict.fromkeys(OF_OTHERS)
        return page(request, visit, "library_receipt.html", base=base, receipt=receipt)
    return page(
        request,
        visit,
        "library_job.html",
        base=base,
        job=told,
        ended=found.ended,
        files=files,
        n_files=len(told["files"]),
        is_of_a_conversation="conversation" in found.arguments,
        tones=TONES,
        reason_of=lambda line: reason_of_the_file(line.source, line.reason),
        words=library_words,
    )


@router.post("/{base}/jobs/{job}/stop")
async def stop(request: Request, base: BaseName, job: JobToken) -> Response:
    """Stops a job. What it has done so far stays."""
    visit = visit_of(request)
    visit.facts.action = "jobs.cancel"
    await visit.run("look", _of_base, visit, base, job)
    await cancelled(visit, job)
    return RedirectResponse(address_of(base, f"/jobs/{job}"), 303)


def _of_base(visit: Visit, base: str, token: str) -> Job:
    visit.base(base, "read")
    found = their_job(visit, token)
    if found.base != base:
        raise no_job(token)
    return found


def _looked_up(visit: Visit, base: str, token: str) -> tuple[Job, list[FileLine]]:
    found = _of_base(visit, base, token)
    there = visit.base(base, "read")
    shape = job_as_told(found, visit)
    # Those of an evaluation are its questions.
    sources: list[str] = [] if found.kind == "evaluate" else shape["files"][:_MOST_FILES]
    # Names of files below a conversation are somebody's own, and nothing else is asked by name here.
    named: Filter = Or(tuple(Equals("source", source) for source in sources))
    talk = str(found.arguments.get("conversation") or "")
    asker = visit.in_conversation(talk) if talk else visit.asker
    seen = there.kb.documents(asker=asker, where=visit.where(named, conversation=talk)) if sources else []
    known = known_before(visit.service.home, token)
    return found, list(file_lines(shape, sources, seen, since=found.begun or found.created, known=known))


def file_lines(
    job: Mapping[str, Any],
    sources: Sequence[str],
    documents: Iterable[Document],
    *,
    since: str,
    known: Set[str] = frozenset(),
) -> Iterator[FileLine]:
    """What became of each of a job's files, and of files inside them that could not be read.

    `job` is its shape as it is told, `documents` are those of its files' names that are there now, `since` is when it
    first began, `known` are the names of which there were documents then.
    """
    there = {one.source: one for one in documents}
    result: Mapping[str, Any] = job["result"] or {}
    told = {
        one["source"]: FileLine(one["source"], state, one["reason"])
        for key, state in _TOLD.items()
        for one in result.get(key, ())
    }
    nothing_new = bool(result) and not result.get("added") and not result.get("replaced")
    for source in sources:
        document = there.get(source)
        id = None if document is None else document.id
        line = told.pop(source, None)
        if line is not None:
            yield FileLine(source, line.state, line.reason, id)
        elif document is not None and document.added[:_SECOND] >= since[:_SECOND] and not nothing_new:
            read: FileState = "read" if job["state"] not in ENDED else "replaced" if source in known else "added"
            yield FileLine(source, _OF_STATUS.get(document.state, read), document.reason, id)
        elif job["state"] == "done":
            yield FileLine(source, "unchanged", "" if document is None else document.reason, id)
        else:
            yield FileLine(source, "left" if job["state"] in ENDED else "waiting", document=id)
        inside = [name for name in told if name.startswith(f"{source}{MEMBER}")]
        yield from map(told.pop, inside)
    # Not of the files that are shown one by one, or found below an address.
    yield from told.values()
