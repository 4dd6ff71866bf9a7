"""What Prometheus reads. By a rule of its own: whoever is on this machine, or shows an administrator's key."""

import ipaddress
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from qianxun.errors import Forbidden, NotFound, Unauthorized
from qianxun.hosts import LOOPBACK_NAMES, without_port
from qianxun.service.doorway import FORWARDED, shown_by
from qianxun.service.metrics import CONTENT_TYPE
from qianxun.service.routes.given import Visiting
from qianxun.service.visit import Visit

router = APIRouter(tags=["health"])
_REPLIES: Final = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "metrics"}}


@router.get("/metrics", responses=_REPLIES, response_class=Response)  # type: ignore[arg-type]
async def metrics(request: Request, visit: Visiting) -> Response:
    """Metrics in Prometheus' text format; docs/metrics.md says what they are."""
    await _must_be_let_in(request, visit)
    telemetry = visit.service.telemetry
    assert telemetry is not None
    return Response(await visit.run("look", telemetry.metrics.text), media_type=CONTENT_TYPE)


async def _must_be_let_in(request: Request, visit: Visit) -> None:
    """Raises NotFound, Unauthorized, Forbidden."""
    rule = visit.service.settings.telemetry.metrics
    if rule == "off":
        raise NotFound("There is no such path.")
    shown = shown_by(request.headers)
    if shown is not None:
        visit.caller = await visit.service.caller(shown)
        if not visit.caller.is_admin:
            raise Forbidden("Metrics are for administrators.", remedy="Show an administrator's key.")
    elif rule == "key" or not _is_on_this_machine(request):
        raise Unauthorized("Metrics need an administrator's key.", remedy="Send it as `Authorization: Bearer KEY`.")


def _is_on_this_machine(request: Request) -> bool:
    """Not through a proxy, and not a page of another site that made its reader's browser ask."""
    if any(name in request.headers for name in (*FORWARDED, "origin")):
        return False
    if without_port(request.headers.get("host", "")).lower() not in LOOPBACK_NAMES:
        return False
    try:
        return ipaddress.ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False
