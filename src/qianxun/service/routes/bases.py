"""Knowledge bases, and who the caller is."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import StringConstraints

from qianxun import assemble
from qianxun.service import replies
from qianxun.service.bases import Base
from qianxun.service.routes.given import BaseName, Request, Visiting
from qianxun.service.visit import Visit
from qianxun.shapes import version

router = APIRouter(tags=["knowledge bases"])


class NewBase(Request):
    """A new knowledge base."""

    name: Annotated[str, StringConstraints(max_length=63)]


@router.get("/me", responses={200: {"model": replies.Me}})
async def me(visit: Visiting) -> JSONResponse:
    """Who the caller is, and what they may do."""
    visit.facts.action = "me"
    caller = visit.caller
    return JSONResponse(
        {
            "id": caller.id,
            "name": caller.name,
            "labels": None if caller.labels is None else sorted(caller.labels),
            "bases": None if caller.bases is None else sorted(caller.bases),
            "actions": sorted(caller.actions),
            "requests_per_minute": caller.limits.requests_per_minute,
            "tokens_per_day": caller.limits.tokens_per_day,
            "streams": caller.limits.streams,
            "version": version(),
        }
    )


@router.get("/bases", responses={200: {"model": replies.BaseList}})
async def list_bases(visit: Visiting) -> JSONResponse:
    """The knowledge bases that the caller may use, with how many documents they may see in each."""
    visit.facts.action = "bases.list"

    def summed_up() -> list[dict[str, Any]]:
        return [_summary(visit, visit.service.bases.get(name)) for name in visit.bases()]

    return JSONResponse({"bases": await visit.run("look", summed_up), "version": version()})


@router.get("/bases/{base}", responses={200: {"model": replies.BaseSummary}})
async def show_base(base: BaseName, visit: Visiting) -> JSONResponse:
    """One knowledge base."""
    visit.facts.action = "bases.show"
    there = visit.base(base, "read")
    return JSONResponse(await visit.run("look", _summary, visit, there))


@router.post("/bases", status_code=201, responses={201: {"model": replies.BaseSummary}})
async def create_base(request: NewBase, visit: Visiting) -> JSONResponse:
    """A new, empty knowledge base."""
    visit.facts.action = "bases.create"
    visit.must("admin")
    visit.facts.base, visit.facts.changes = request.name, True
    there = await visit.run("change", visit.service.bases.create, request.name)
    return JSONResponse(await visit.run("look", _summary, visit, there), status_code=201)


@router.delete("/bases/{base}", responses={200: {"model": replies.Done}})
async def delete_base(base: BaseName, visit: Visiting) -> JSONResponse:
    """Deletes a knowledge base with all that is in it and all that was said about it."""
    visit.facts.action = "bases.delete"
    visit.base(base, "admin")
    visit.facts.changes = True
    await visit.run("change", visit.service.bases.delete, base)
    return JSONResponse({"version": version()})


def _summary(visit: Visit, base: Base) -> dict[str, Any]:
    return {
        "name": base.name,
        "documents": base.kb.count(asker=visit.asker, where=visit.where()),
        "personas": sorted(base.kb.settings.personas),
        "persona": base.kb.settings.answer.persona,
        "own_instructions": base.kb.settings.answer.own_instructions,
        "unsupported": assemble.policies_by_persona(base.kb.settings),
    }
