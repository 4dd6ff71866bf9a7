"""Whether the service runs, and whether it can serve. Told to anybody: it names nothing of anybody's."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from qianxun.service import replies
from qianxun.service.routes.given import Visiting

router = APIRouter(tags=["health"])
_OPEN = {"x-open": True}


@router.get("/healthz", responses={200: {"model": replies.Health}}, openapi_extra=_OPEN)
async def healthy(visit: Visiting) -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "ok", "waiting": []})


@router.get("/readyz", responses={200: {"model": replies.Health}, 503: {"model": replies.Health}}, openapi_extra=_OPEN)
async def ready(visit: Visiting) -> JSONResponse:
    """Every model has passed its self-test, and nobody is stopping the service."""
    waiting = visit.service.readiness.waiting()
    if visit.service.stopping.is_set() and not visit.service.replaced():
        return JSONResponse({"status": "stopping", "waiting": []}, status_code=503)
    status = "starting" if waiting else "ok"
    return JSONResponse({"status": status, "waiting": waiting}, status_code=503 if waiting else 200)
