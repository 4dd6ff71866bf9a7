"""Values drawn out of documents by a schema. It is done by a job."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from qianxun.service import replies
from qianxun.service.routes.given import BaseName, JsonObject, Request, Visiting
from qianxun.service.routes.uploads import accepted
from qianxun.storage.jobs import Job

router = APIRouter(tags=["extraction"])


class Extract(Request):
    """What to draw out of which documents: a JSON Schema, and ids; null: all that the caller may see."""

    json_schema: JsonObject = Field(alias="schema")
    documents: list[Annotated[int, Field(ge=1, lt=1 << 38)]] | None = Field(None, min_length=1, max_length=100_000)
    retry: bool = Field(False, description="ask again about what was not valid")


@router.post("/bases/{base}/extract", status_code=202, responses={202: {"model": replies.Job}})
async def extract(base: BaseName, request: Extract, visit: Visiting) -> JSONResponse:
    """Draws values out of documents, each with its place; they are in the job's result when it is done."""
    visit.facts.action = "extractions.run"
    there = visit.base(base, "evaluate")
    await visit.run("look", visit.may_use_tokens)

    def asked_for() -> Job:
        from qianxun.extraction import wanted

        wanted(request.json_schema)
        for id in request.documents or ():
            visit.may_see(there.kb.document(id, asker=visit.asker))
        labels = visit.caller.labels
        arguments = {
            "schema": request.json_schema,
            "ids": request.documents,
            "asker": None if labels is None else sorted(labels),
            "retry": request.retry,
        }
        quota = visit.caller.limits.tokens_per_day
        return visit.service.jobs.submit("extract", base, owner=visit.caller.id, arguments=arguments, quota=quota)

    return accepted(visit, await visit.run("change", asked_for))
