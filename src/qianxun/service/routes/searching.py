"""Passages by meaning and by words."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from qianxun.service import replies
from qianxun.service.routes.given import Asked, BaseName, Narrowed, Visiting
from qianxun.service.visit import readable_filter
from qianxun.shapes import search_shape

router = APIRouter(tags=["search"])


class Search(Narrowed):
    """What is looked for. `turns` are questions asked before, oldest first, which this one may lean on."""

    query: Asked
    k: int | None = Field(None, ge=1, le=1000, description="passages at most; null: search.k of the settings")
    mode: Literal["hybrid", "lexical", "dense"] | None = None
    explain: bool = Field(False, description="say which words matched and what each signal did")
    turns: list[Asked] = Field(default_factory=list, max_length=20)


@router.post("/bases/{base}/search", responses={200: {"model": replies.Found}})
async def search(base: BaseName, request: Search, visit: Visiting) -> JSONResponse:
    """Passages, best first."""
    visit.facts.action = "search"
    there = visit.base(base, "search")
    found = await visit.run(
        "search",
        there.kb.search,
        request.query,
        k=request.k,
        mode=request.mode,
        asker=visit.asker,
        where=visit.where(readable_filter(request.filter)),
        explain=request.explain,
        turns=request.turns,
    )
    visit.found(found)
    return JSONResponse(visit.as_told(search_shape(found)))
