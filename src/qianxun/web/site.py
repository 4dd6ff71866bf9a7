"""What all pages have in common: templates, the reader's language and theme, headers, pages of errors."""

import functools
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import Scope

from qianxun.errors import Forbidden, QianxunError, Unauthorized
from qianxun.marking import known_by
from qianxun.messages import LANGUAGES, language, language_of_browser, say, speaking
from qianxun.reasons import is_for_programs
from qianxun.service import problems
from qianxun.service.pages import SESSION, SIGN_IN, STATIC
from qianxun.service.visit import Visit
from qianxun.web.asked import name_of_format
from qianxun.web.places import place_in_words

LANGUAGE: Final = "qianxun_language"
THEME: Final = "qianxun_theme"
THEMES: Final = ("light", "dark")
# A script asks for a part of a page with this header, and gets the block of that name.
PART: Final = "x-qianxun-part"
# The blocks that can stand alone; any other is no part.
PARTS: Final = frozenset(("answer", "asked", "documents", "inbox", "job", "results", "run"))
# Everything is from here, and nothing is written into the page itself: no script, no style.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    # Links to sources of other sites get no address of ours.
    "Referrer-Policy": "same-origin",
    # Who opens a page of ours in a window of theirs learns nothing of it by that.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Cookie, Accept-Language, " + PART,
}


@functools.cache
def templates() -> jinja2.Environment:
    """The templates. Everything put into them is escaped; a name that is not given is an error."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("qianxun.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "say": say,
        "static": static_address,
        "languages": LANGUAGES,
        "query": query_of,
        "view": view_address,
        "place": place_in_words,
        "name_of_format": name_of_format,
        "error_in_words": in_words_of_pages,
    }
    return found


def page(request: Request, visit: Visit | None, template: str, *, status: int = 200, **given: Any) -> HTMLResponse:
    """A page, or the part of it that a script asks for."""
    part = request.headers.get(PART, "")
    with speaking(language_of(request)):
        html = rendered(request, visit, template, part=part if part in PARTS else "", **given)
    # What was sent may hold half a character, which nothing can write.
    return HTMLResponse(html.encode("utf-8", "replace"), status, headers=dict(HEADERS))


def rendered(request: Request, visit: Visit | None, template: str, *, part: str = "", **given: Any) -> str:
    """The HTML of a page, or of a block of it. To be called while the reader's language is spoken."""
    found = templates().get_template(template)
    theme = request.cookies.get(THEME, "")
    values = {
        # Where one comes back to, from a page that answered a form, too.
        "address": came_from(request),
        "path": request.url.path,
        # What stands between two sentences.
        "sentences": "" if language() == "zh" else " ",
        "language": language(),
        "theme": theme if theme in THEMES else "",
        # Nobody is known where the door itself refused.
        "caller": visit.caller if visit is not None and visit.caller.id else None,
        "signed_in": visit is not None and visit.session is not None and bool(visit.caller.id),
        "has_chat": visit is not None and visit.service.has_chat,
        **given,
    }
    if part and part in found.blocks:
        return "".join(found.blocks[part](found.new_context(values)))
    return str(found.render(values))


def error_page(error: QianxunError, scope: Scope, request_id: str) -> tuple[bytes, Mapping[str, str]]:
    """An error as a page: one sentence, what to do, and where to sign in if that is what is missing."""
    request = Request(scope)
    visit: Visit | None = scope.get("state", {}).get("visit")
    part = bool(request.headers.get(PART))
    had_session = visit is not None and visit.session is not None
    is_unknown = isinstance(error, Unauthorized)
    may_sign_in = is_unknown or (isinstance(error, Forbidden) and not had_session)
    with speaking(language_of(request)):
        html = rendered(
            request,
            visit,
            "error.html",
            # Who asks for a part gets what can stand in its place.
            part="main" if part else "",
            status=problems.status_of(error),
            title=say("Sign in") if is_unknown else say(problems.TITLES.get(problems.status_of(error), "Error")),
            detail=_who_asks(error, had_session) if is_unknown else in_words_of_pages(error),
            request_id=request_id,
            back=page_before(request),
            sign_in=f"{SIGN_IN}?{query_of({'next': came_from(request)})}" if may_sign_in else "",
        )
    headers = {"content-type": "text/html; charset=utf-8", **HEADERS}
    # Not with a part: the page that it is of is loaded anew, and says it.
    if is_unknown and had_session and not part:
        # A session that has ended would be refused with every page, those too that are open to everybody.
        headers["set-cookie"] = f"{SESSION}=; Max-Age=0; Path=/; HttpOnly; SameSite=lax"
    return html.encode("utf-8", "replace"), headers


def in_words_of_pages(error: QianxunError) -> str:
    """The error for who reads a page: without a remedy that is a command, or a request of a program."""
    return say(error.template, **error.values) if is_for_programs(error.remedy) else error.in_words()


def _who_asks(error: QianxunError, had_session: bool) -> str:
    """What is said to who is not known: the error's own remedies are for programs and for who manages keys."""
    if not had_session:
        return say("Sign in to see this page.") if is_for_programs(error.remedy) else error.in_words()
    return "".join((say(error.template, **error.values), " " if language() == "en" else "", say("Sign in again.")))


def came_from(request: Request) -> str:
    """Where to go on from elsewhere: to the page that was asked for; where a form was sent, to the page with it."""
    return address_of(request) if request.method in ("GET", "HEAD") else page_before(request) or "/"


def page_before(request: Request) -> str:
    """The page of ours that led to this request; "" if none did, or this one itself."""
    before = urlsplit(request.headers.get("referer", ""))
    if not before.netloc or before.netloc != request.headers.get("host", ""):
        return ""
    # What begins with two strokes would be another host.
    found = "/" + before.path.lstrip("/\\") + (f"?{before.query}" if before.query else "")
    return "" if request.method in ("GET", "HEAD") and found == address_of(request) else found


def address_of(request: Request) -> str:
    """The address of a page without the host."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def language_of(request: Request) -> str:
    """The reader's language: as they chose it, else the first of their browser's that we speak."""
    chosen = request.cookies.get(LANGUAGE, "")
    if chosen in LANGUAGES:
        return chosen
    return language_of_browser(request.headers.get("accept-language", "")) or language()


def query_of(given: Mapping[str, Any], **changes: Any) -> str:
    """The query of an address: what is given, with changes; what is empty is left out."""
    values = {**given, **changes}
    return urlencode({name: value for name, value in values.items() if value not in (None, "", False, [])}, doseq=True)


def view_address(base: str, document: int, start: int = 0, end: int = 0, words: str = "") -> str:
    """Where a document is shown, with the stretch that was cited; valid as long as it is there.

    With the `words` of the stretch the viewer knows whether it still stands there.
    """
    known = known_by(words) if words else ""
    cited = query_of({"from": str(start), "to": str(end), "words": known}) if end > start else ""
    return f"/view/{quote(base, safe='')}/{document}" + (f"?{cited}" if cited else "")


@functools.cache
def static_address(name: str) -> str:
    """Where a file of `static/` is, with what changes when it does, so that browsers may keep it for good."""
    data = (resources.files("qianxun.web") / "static" / name).read_bytes()
    return f"{STATIC}{name}?v={hashlib.sha256(data).hexdigest()[:12]}"
