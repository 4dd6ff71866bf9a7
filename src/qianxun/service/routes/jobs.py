"""Jobs: how far they are, what came of them, stopping them. Each is its owner's; administrators see all."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.responses import Response

from qianxun.service import replies
from qianxun.service.jobs import uploads
from qianxun.service.jobs.told import job_as_told, rows_of
from qianxun.service.routes.asking import begun
from qianxun.service.routes.events import MEDIA_TYPE, event
from qianxun.service.routes.given import BaseName, Request, Visiting
from qianxun.service.routes.uploads import accepted
from qianxun.service.visit import Visit
from qianxun.shapes import version
from qianxun.storage.jobs import STATES, Job, State, no_job

router = APIRouter(tags=["jobs"])

_LOOK_SECONDS: Final = 0.4

JobToken = Annotated[str, Path(description="token of a job", pattern=r"^[0-9a-f]{32}$")]


class Maintenance(Request):
    """Upkeep of a knowledge base. `retry`: for sync, read again what failed before; `enrich`: for reindex."""

    job: Literal["check", "compact", "rebuild", "sync", "reindex"]
    retry: bool = False
    enrich: bool | None = Field(None, description="have chunks written about, or not any more; null: as it is")


def owner_of(visit: Visit) -> str | None:
    """Whose jobs the caller may know of: their own; None, everybody's."""
    return None if visit.caller.is_admin else visit.caller.id


def is_anothers(visit: Visit, job: Job) -> bool:
    """Whether a job is about the files of a conversation of somebody else's, whose names are nobody's business."""
    return "conversation" in job.arguments and job.owner != visit.caller.id


def their_job(visit: Visit, token: str) -> Job:
    """A job that the caller may know of. Raises NotFound."""
    found = visit.service.jobs.get(token, owner_of(visit))
    if is_anothers(visit, found):
        raise no_job(token)
    return found


@router.get("/jobs", responses={200: {"model": replies.Jobs}})
async def list_jobs(
    visit: Visiting,
    state: Annotated[State | None, Query()] = None,
    after: Annotated[int, Query(ge=0, lt=1 << 31)] = 0,
    count: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JSONResponse:
    """The caller's jobs, the newest first."""
    visit.facts.action = "jobs.list"
    states = STATES if state is None else (state,)
    found = await visit.run("look", visit.service.jobs.all, owner_of(visit), states=states, first=after, count=count)
    return JSONResponse(
        {"jobs": [job_as_told(one, visit) for one in found if not is_anothers(visit, one)], "version": version()}
    )


@router.get("/jobs/{job}", responses={200: {"model": replies.Job}})
async def show_job(job: JobToken, visit: Visiting) -> JSONResponse:
    """One job."""
    visit.facts.action = "jobs.show"
    return JSONResponse(job_as_told(await visit.run("look", their_job, visit, job), visit))


@router.delete("/jobs/{job}", responses={200: {"model": replies.Job}})
async def cancel_job(job: JobToken, visit: Visiting) -> JSONResponse:
    """Stops a job: one that waits at once, one that runs within a second or so. What it has done so far stays."""
    visit.facts.action = "jobs.cancel"
    return JSONResponse(job_as_told(await cancelled(visit, job), visit))


async def cancelled(visit: Visit, token: str) -> Job:
    """A job of the caller's that is being stopped. Raises NotFound."""
    visit.facts.changes = True
    visit.facts.detail = {"job": token}

    def stopped() -> Job:
        their_job(visit, token)
        found = visit.service.jobs.cancel(token, owner_of(visit))
        if found.state == "cancelled":
            uploads.forget(visit.service.home, token)
        return found

    return await visit.run("change", stopped)


@router.get("/jobs/{job}/result", responses={200: {"model": replies.JobResult}})
async def job_result(job: JobToken, visit: Visiting) -> JSONResponse:
    """What an extraction or evaluation found, of documents that the caller may see now."""
    visit.facts.action = "jobs.result"
    found = await visit.run("look", their_job, visit, job)
    there = visit.base(found.base, "evaluate") if found.base else None

    rows = await visit.run("look", rows_of, found, there, visit) if there is not None else {"results": []}
    return JSONResponse({**rows, "version": version()})


@router.get(
    "/jobs/{job}/events",
    responses={200: {"content": {MEDIA_TYPE: {}}, "description": "The job, as it goes on."}},
)
async def job_events(job: JobToken, visit: Visiting) -> Response:
    """The job, whenever something of it changes, until it has ended."""
    visit.facts.action = "jobs.events"
    return await begun(visit, _events(visit, job))


async def _events(visit: Visit, token: str) -> AsyncGenerator[bytes, None]:
    async with visit.service.watchers.place():
        told: dict[str, Any] | None = None
        while True:
            job = await visit.run("look", their_job, visit, token)
            shape = job_as_told(job, visit)
            if shape != told:
                told = shape
                yield event(shape)
            if job.ended or visit.service.stopping.is_set():
                return
            await asyncio.sleep(_LOOK_SECONDS)


@router.post("/bases/{base}/maintenance", status_code=202, responses={202: {"model": replies.Job}})
async def maintain(base: BaseName, request: Maintenance, visit: Visiting) -> JSONResponse:
    """Looks after a knowledge base."""
    return accepted(visit, await maintained(visit, base, request))


async def maintained(visit: Visit, base: str, request: Maintenance) -> Job:
    """The job that looks after a knowledge base. Raises Forbidden, NotFound."""
    visit.facts.action = f"maintenance.{request.job}"
    visit.base(base, "admin")
    told: dict[str, dict[str, Any]] = {"sync": {"retry": request.retry}, "reindex": {"enrich": request.enrich}}
    given = told.get(request.job, {})
    submit = visit.service.jobs.submit
    return await visit.run("change", submit, request.job, base, owner=visit.caller.id, arguments=given)
