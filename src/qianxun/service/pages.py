"""Which paths are pages for people, and who a browser's cookie says that it is. Knows no handler."""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

SESSION: Final = "qianxun_session"
SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"
# With the identity provider: there, back, and out again.
SIGN_IN_THERE: Final = "/sign-in/oidc"
SIGN_IN_BACK: Final = "/sign-in/oidc/back"
SIGN_OUT_THERE: Final = "/sign-out/oidc"
STATIC: Final = "/static/"
_CHAT_STATIC: Final = ("/chat/assets/", "/chat/public/")
_OPEN: Final = frozenset((SIGN_IN, SIGN_IN_THERE, SIGN_IN_BACK, SIGN_OUT_THERE, "/preferences"))
_ROOMS: Final = ("answer", "library", "view", "quality", "preferences", "sign-in", "sign-out", "chat")
# What programs ask: whatever is wrong there is said in their words, to a browser too.
_OF_PROGRAMS: Final = frozenset(
    ("api", "v1", "v2", "mcp", "metrics", "healthz", "readyz", "openapi.json", "rerank", "score", "static")
)


def is_page(path: str) -> bool:
    """Whether a path is a page for people: errors there are pages, and the cookie of a session counts."""
    return path == "/" or _first(path) in _ROOMS


def wants_page(path: str, headers: Headers) -> bool:
    """Whether a page is asked for: at the path of one, and by who reads pages wherever there is nothing."""
    return is_page(path) or (_first(path) not in _OF_PROGRAMS and "text/html" in headers.get("accept", "").lower())


def _first(path: str) -> str:
    return path.partition("/")[2].partition("/")[0]


def is_open(path: str) -> bool:
    """Whether a path is for everybody: what pages look like, and where one signs in."""
    return path.startswith((STATIC, *_CHAT_STATIC)) or path in _OPEN


def is_connection(path: str) -> bool:
    """Whether a path is where the chat's page connects to."""
    return path == "/chat/ws/socket.io/"


def session_of(headers: Headers) -> str | None:
    """The secret of the session that a browser sends; None without one.

    As browsers write cookies: other programs of this machine set theirs for the same name, some against the rules.
    """
    return cookie_parser(headers.get("cookie", "")).get(SESSION) or None


def is_from_elsewhere(headers: Headers) -> bool:
    """Whether a page of another site, or of another port of this host, asks for this without going to it.

    Browsers send cookies along to every port of a host, and pictures, scripts and windows of other sites ask without an
    Origin: what they would learn, and set going, is none of theirs. Going to a page, by a link, is everybody's.
    """
    site = headers.get("sec-fetch-site", "same-origin")
    return site not in ("same-origin", "none") and (
        headers.get("sec-fetch-mode") != "navigate" or headers.get("sec-fetch-dest", "document") != "document"
    )
