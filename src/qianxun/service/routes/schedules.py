"""What runs by the clock."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from qianxun.service import replies
from qianxun.service.routes.given import Visiting
from qianxun.shapes import schedules_shape

router = APIRouter(tags=["jobs"])


@router.get("/schedules", responses={200: {"model": replies.Schedules}})
async def list_schedules(visit: Visiting) -> JSONResponse:
    """The schedules of the settings: when each is due next, and what came of its last job. For administrators."""
    visit.facts.action = "schedules.list"
    visit.must("admin")

    def states() -> dict[str, Any]:
        from qianxun.service.jobs.schedules import Schedules

        return schedules_shape(Schedules(visit.service.settings).states(visit.service.jobs))

    return JSONResponse(await visit.run("look", states))
