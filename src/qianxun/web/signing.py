"""Signing in with a key, signing out, and what a reader prefers: language and theme."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.requests import Request

from qianxun.errors import QianxunError, Unauthorized
from qianxun.messages import LANGUAGES, say, speaking
from qianxun.service import problems
from qianxun.service.oidc.signing import LASTS
from qianxun.service.pages import SESSION, SIGN_IN, SIGN_IN_THERE, SIGN_OUT, SIGN_OUT_THERE, session_of
from qianxun.service.visit import Visit, visit_of
from qianxun.web.site import LANGUAGE, THEME, THEMES, in_words_of_pages, language_of, page, query_of

router = APIRouter()

_KEPT_SECONDS: Final = 365 * 24 * 3600
_MAX_KEY_CHARS: Final = 16_000
# Who has signed out here and may sign out at the identity provider too.
LEFT: Final = "qianxun_left"


@router.get(SIGN_IN)
async def form(request: Request, next: str = "/") -> Response:
    """Where a key is asked for, and where one goes to sign in with the identity provider."""
    return asked_to_sign_in(request, inside(next))


@router.post(SIGN_IN)
async def sign_in(
    request: Request, key: Annotated[str, Form(max_length=_MAX_KEY_CHARS)] = "", next: Annotated[str, Form()] = "/"
) -> Response:
    """Begins a session for who shows a key that holds."""
    visit = visit_of(request)
    visit.facts.action = "sign-in"
    shown = key.strip()
    try:
        if not shown or shown.startswith("qs-"):
            raise Unauthorized("No key was shown.")
        visit.caller = await visit.service.caller(shown)
    except Unauthorized as error:
        return asked_to_sign_in(request, inside(next), error, of_key=True)
    return await signed_in(request, shown, inside(next))


@router.post(SIGN_OUT)
async def sign_out(request: Request) -> Response:
    """Ends the session here, whatever the identity provider says."""
    visit: Visit = visit_of(request)
    visit.facts.action = "sign-out"
    reply = RedirectResponse(SIGN_IN, 303)
    reply.delete_cookie(SESSION)
    if visit.session is not None:
        visit.facts.changes = True
        ticket = await _leaving(visit, visit.session)
        await visit.run("change", visit.service.sessions.end, visit.session)
        if ticket:
            keep(request, reply, LEFT, ticket, LASTS)
    return reply


async def _leaving(visit: Visit, session: str) -> str:
    """A ticket to sign out there too; "" where that cannot be."""
    if visit.service.oidc is None:
        return ""
    try:
        return await visit.run("sign-in", visit.service.oidc.leave, session)
    except QianxunError:
        return ""


@router.post("/preferences")
async def prefer(
    request: Request,
    language: Annotated[str, Form()] = "",
    theme: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Keeps the language and the theme that a reader chose, in their browser."""
    reply = RedirectResponse(inside(next), 303)
    for name, value, known in ((LANGUAGE, language, LANGUAGES), (THEME, theme, (*THEMES, "auto"))):
        if value in known:
            reply.set_cookie(name, value, max_age=_KEPT_SECONDS, samesite="lax", secure=request.url.scheme == "https")
    return reply


async def signed_in(request: Request, shown: str, next: str, *, renewal: str = "") -> Response:
    """Begins a session for who has shown this, and leads on; one that the browser had before ends."""
    visit = visit_of(request)
    await visit.service.admit(visit.caller)
    visit.facts.changes = True
    before = session_of(request.headers)
    if before is not None:
        await visit.run("change", visit.service.sessions.end, before)
    lasts = timedelta(hours=visit.service.settings.web.session_hours)
    secret = await visit.run("change", partial(visit.service.sessions.begin, renewal=renewal), shown, lasts)
    reply = RedirectResponse(next, 303)
    keep(request, reply, SESSION, secret, lasts)
    if LEFT in request.cookies:
        reply.delete_cookie(LEFT)
    return reply


def asked_to_sign_in(
    request: Request, next: str, wrong: QianxunError | None = None, *, of_key: bool = False
) -> HTMLResponse:
    """The page to sign in at, with what was wrong before, if anything: with the key, or with the identity provider."""
    oidc = visit_of(request).service.oidc
    with speaking(language_of(request)):
        # Of a key only what is wrong: what else is said there is for programs, and the page says who gives one.
        words = "" if wrong is None else say(wrong.template, **wrong.values) if of_key else in_words_of_pages(wrong)
    return page(
        request,
        None,
        "sign_in.html",
        status=200 if wrong is None else problems.status_of(wrong),
        next=next,
        wrong=words,
        of_key=of_key,
        issuer=oidc.name if oidc is not None else "",
        left=oidc is not None and LEFT in request.cookies,
        there=SIGN_IN_THERE,
        out_there=SIGN_OUT_THERE,
        # Not the address that the browser was sent back to: a code is in it.
        address=f"{SIGN_IN}?{query_of({'next': next})}",
    )


def keep(request: Request, reply: Response, name: str, value: str, lasts: timedelta) -> None:
    """Gives the browser something that it shows us and nobody else, no script either."""
    reply.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=own_address(request).startswith("https:"),
    )


def own_address(request: Request) -> str:
    """What the addresses of our pages begin with, as people reach them."""
    named = visit_of(request).service.settings.web.address.rstrip("/")
    return named or f"{request.url.scheme}://{request.headers.get('host', '')}"


def inside(address: str) -> str:
    """An address of ours to go on to: a form must not lead elsewhere."""
    is_ours = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_ours else "/"
