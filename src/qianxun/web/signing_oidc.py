"""Signing in with the identity provider: to its page and back, and out of it again. By links: forms go nowhere else."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request

from qianxun.errors import NotFound, Overloaded, Unauthorized
from qianxun.service.oidc import Oidc
from qianxun.service.oidc.signing import LASTS
from qianxun.service.pages import SIGN_IN, SIGN_IN_BACK, SIGN_IN_THERE, SIGN_OUT_THERE
from qianxun.service.visit import visit_of
from qianxun.web.signing import LEFT, asked_to_sign_in, inside, keep, own_address, signed_in
from qianxun.web.site import language_of

router = APIRouter()

_TICKET: Final = "qianxun_signing_in"


@router.get(SIGN_IN_THERE)
async def there(request: Request, next: str = "/") -> Response:
    """Leads to the identity provider."""
    visit, oidc = visit_of(request), _oidc(request)
    visit.facts.action = "sign-in"
    goes_on = inside(next)
    try:
        address, ticket = await visit.run("sign-in", oidc.begin, _back(request), goes_on, language_of(request))
    except Overloaded as error:
        return asked_to_sign_in(request, goes_on, error)
    reply = RedirectResponse(address, 303)
    keep(request, reply, _name_of_ticket(request), ticket, LASTS)
    return reply


@router.get(SIGN_IN_BACK)
async def back(request: Request) -> Response:
    """Takes up what the identity provider answers, once: begins a session for who it says that it is."""
    visit, oidc = visit_of(request), _oidc(request)
    visit.facts.action = "sign-in"
    answer, next = request.query_params, "/"
    try:
        begun = oidc.begun(request.cookies.get(_name_of_ticket(request), ""), answer.get("state", ""))
        next = inside(begun.next)
        came = await visit.run("sign-in", oidc.finish, begun, _back(request), dict(answer))
        visit.caller = await visit.service.caller(came.shown)
        reply = await signed_in(request, came.shown, next, renewal=came.renewal)
    except (Unauthorized, Overloaded) as error:
        reply = asked_to_sign_in(request, next, error)
    reply.delete_cookie(_name_of_ticket(request), secure=_is_safe(request), httponly=True)
    return reply


@router.get(SIGN_OUT_THERE)
async def out(request: Request) -> Response:
    """Leads to where one signs out at the identity provider, once after signing out here."""
    visit, oidc = visit_of(request), _oidc(request)
    visit.facts.action = "sign-out"
    address = ""
    if LEFT in request.cookies:
        try:
            address = await visit.run(
                "sign-in", oidc.way_out, request.cookies[LEFT], f"{own_address(request)}{SIGN_IN}"
            )
        except Overloaded as error:
            return asked_to_sign_in(request, "/", error)
    reply = RedirectResponse(address or SIGN_IN, 303)
    reply.delete_cookie(LEFT)
    return reply


def _oidc(request: Request) -> Oidc:
    found = visit_of(request).service.oidc
    if found is None:
        raise NotFound("There is no such path.")
    return found


def _back(request: Request) -> str:
    return f"{own_address(request)}{SIGN_IN_BACK}"


def _is_safe(request: Request) -> bool:
    return own_address(request).startswith("https:")


def _name_of_ticket(request: Request) -> str:
    # With this prefix no neighbour, at another name of the same domain, can put one of theirs in its place.
    return f"__Host-{_TICKET}" if _is_safe(request) else _TICKET
