"""What every request to the chat passes before Chainlit sees it, and every reply on its way out. Plain ASGI.

Who asks is whom the session of the browser's cookie is of, by the word of the service. Chainlit is told so by a token
that is made here for each request, and whatever tokens of its own come or go are dropped: a session that has ended ends
the chat with it. What changes anything must come from a page of ours, by its Origin; so must the connection that
messages go over. Paths that the page does not need do not exist.
"""

import contextlib
import html
import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from itertools import zip_longest
from string import Template
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qianxun.chat import who
from qianxun.chat.api import SESSION, Api
from qianxun.chat.folder import PREFIX
from qianxun.chat.ids import place_of
from qianxun.chat.shown import MOST_CITED, passage_text, view_address
from qianxun.chat.words import error_in_words
from qianxun.client.records import Me, PassageInPlace
from qianxun.errors import NotFound, QianxunError, Unauthorized
from qianxun.hosts import LOOPBACK_NAMES, is_address, without_port
from qianxun.marking import known_by
from qianxun.messages import LANGUAGES, language, language_of_browser, say, speaking
from qianxun.records import Passage, Span

logger = logging.getLogger(__name__)

# Chainlit's components write styles into the page; its pictures of files are blobs.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
ANONYMOUS: Final = "public"
_TOKEN: Final = "access_token"
_OPEN: Final = re.compile(r"(assets|public)/[^?]+|favicon|logo|health")
_NEEDED: Final = re.compile(
    r"auth/config|user|set-session-cookie|feedback"
    r"|project/(settings|translations|threads|thread|action|file)|project/thread/(?!share$)[^/]+|project/file/[^/]+"
)
_PAGES: Final = re.compile(r"(thread|element)/[^/]+|thread/?|login|")
_SOURCE: Final = re.compile(r"source/([^/]+)/([1-9][0-9]{0,18})")
_SOCKET: Final = "ws/socket.io"
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_SMALL_BYTES: Final = 1_000_000
_SIGN_IN_BYTES: Final = 20_000
# A sentence, or a row of a table; no more of a document is fetched for it than must be.
_MOST_CITED_CHARS: Final = 20_000
# A page that finds no service is loaded again after so long.
_AWAY_SECONDS: Final = 5
# (who it is, how they are called) → a token that Chainlit believes.
TokenOf = Callable[[str, str], str]


class Door:
    """Wraps Chainlit's application, mounted at /chat.

    `token_of` makes the token that Chainlit knows somebody by. `names` are hosts that the chat goes by beside this
    machine's own. `anonymous` says whether somebody may come in without a key, if the service lets them. `sign_in` is
    where one signs in, if not here; `shown_at` is what the address of the service's pages begins with. `issuer` is whom
    one can sign in with there.
    """

    def __init__(
        self,
        app: ASGIApp,
        api: Api,
        token_of: TokenOf,
        *,
        names: Collection[str] = (),
        anonymous: bool = True,
        max_upload_mb: int = 100,
        sign_in: str = "",
        shown_at: str = "",
        issuer: str = "",
    ) -> None:
        self._app = app
        self._api = api
        self._token_of = token_of
        self._names = frozenset(name.lower() for name in names)
        self._anonymous = anonymous
        self._max_upload_bytes = max_upload_mb * 1_000_000
        self._sign_in = sign_in
        self._shown_at = shown_at
        self._issuer = issuer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or one connection to its end."""
        headers = Headers(scope=scope)
        cookies = cookie_parser(headers.get("cookie", ""))
        chosen = cookies.get("qianxun_language", "")
        spoken = chosen if chosen in LANGUAGES else language_of_browser(headers.get("accept-language", ""))
        with speaking(spoken or language()), who.asking_as(cookies.get(SESSION) or None):
            if scope["type"] == "websocket":
                await self._connection(scope, receive, send)
            else:
                await self._request(scope, receive, send)

    async def _connection(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        me = None
        if self._rest(scope).rstrip("/") == _SOCKET and self._is_ours(headers):
            with contextlib.suppress(QianxunError):
                me = await self._somebody(scope, headers, anew=True)
        if me is None:
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(self._introduced(scope, me), receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        rest, method = self._rest(scope), scope["method"]
        headers = Headers(scope=scope)
        if scope["path"] in ("", "/", PREFIX):
            await _replied(send, 303, location=f"{PREFIX}/")
        elif _OPEN.fullmatch(rest) and method in ("GET", "HEAD"):
            await self._app(_without_cookies(scope), receive, _Outgoing(send, cached=rest.startswith("assets/")))
        elif method not in ("GET", "HEAD") and not self._is_ours(headers):
            await _replied(send, 403, say("Only pages of this chat may ask this."))
        elif _too_long(headers, self._max_upload_bytes if rest == "project/file" else _SMALL_BYTES):
            await _replied(send, 413, say("Too much was sent."))
        elif rest == "sign-in" and not self._sign_in:
            await self._signing_in(scope, receive, send)
        elif rest == "sign-in" and method == "GET":
            await _replied(send, 303, location=self._where_to_sign_in())
        elif rest == "logout" and method == "POST":
            await self._signing_out(send)
        else:
            await self._for_somebody(scope, receive, send, rest, headers)

    async def _for_somebody(self, scope: Scope, receive: Receive, send: Send, rest: str, headers: Headers) -> None:
        is_page = scope["method"] == "GET" and _PAGES.fullmatch(rest) is not None
        source = _SOURCE.fullmatch(rest) if scope["method"] == "GET" else None
        if not (is_page or source or _NEEDED.fullmatch(rest)):
            await _replied(send, 404, say("There is no such path."))
            return
        try:
            me = await self._somebody(scope, headers)
        except QianxunError as error:
            await self._away(scope, send, error, is_page=is_page)
            return
        if me is None and is_page:
            await _replied(send, 303, location=self._where_to_sign_in())
        elif me is None:
            await _replied(send, 401, say("Sign in again."))
        elif is_page and rest == "login":
            await _replied(send, 303, location=self._where_to_sign_in() if me.id == ANONYMOUS else f"{PREFIX}/")
        elif source is not None:
            await self._passage(scope, send, source[1], int(source[2]))
        else:
            await self._app(self._introduced(scope, me), receive, _Outgoing(send))

    # -- who -----------------------------------------------------------------------------------------

    async def _somebody(self, scope: Scope, headers: Headers, *, anew: bool = False) -> Me | None:
        """Who asks, by the word of the service; None for nobody who may. Raises QianxunError if it does not say."""
        if who.secret() is None and not (self._anonymous and self._may_be_nobody(headers)):
            return None
        try:
            me = await self._api.me(anew=anew)
        except Unauthorized:
            return None
        except QianxunError as error:
            logger.warning("the service does not say who somebody is: %s", error)
            raise
        return me if "ask" in me.actions else None

    async def _away(self, scope: Scope, send: Send, error: QianxunError, *, is_page: bool) -> None:
        """Says that the service does not answer; a page comes again by itself."""
        words = error_in_words(error)
        if is_page:
            again = say("This page is loaded again by itself in a few seconds.")
            page = _page("away.html", scope, title=say("Chat"), words=words, again=again, seconds=str(_AWAY_SECONDS))
            await _replied(send, 503, page, kind="text/html", retry_after=_AWAY_SECONDS)
        else:
            await _replied(send, 503, words, retry_after=_AWAY_SECONDS)

    def _may_be_nobody(self, headers: Headers) -> bool:
        """A page of another site could make its reader's browser ask, by a name that leads here; an address cannot."""
        if any(name in headers for name in _FORWARDED):
            return False
        host = without_port(headers.get("host", "").lower())
        return host in LOOPBACK_NAMES or host in self._names or is_address(host)

    def _is_ours(self, headers: Headers) -> bool:
        origin = headers.get("origin", "").lower()
        found = urlsplit(origin).netloc if "://" in origin else ""
        # Another port of a name is another program, and gets the cookie as well.
        return bool(found) and (found == headers.get("host", "").lower() or found in self._names)

    def _introduced(self, scope: Scope, me: Me) -> Scope:
        """The request as of somebody: Chainlit gets a token of theirs, and no cookie of the browser's."""
        named = _without_cookies(scope)
        token = f"{_TOKEN}={self._token_of(me.id, say('not signed in') if me.id == ANONYMOUS else me.name)}"
        named["headers"] = [*named["headers"], (b"cookie", token.encode())]
        return named

    @staticmethod
    def _rest(scope: Scope) -> str:
        path: str = scope["path"]
        return path[len(PREFIX) + 1 :] if path.startswith(f"{PREFIX}/") else "/"

    # -- signing in ----------------------------------------------------------------------------------

    def _where_to_sign_in(self) -> str:
        return f"{self._sign_in}?{urlencode({'next': f'{PREFIX}/'})}" if self._sign_in else f"{PREFIX}/sign-in"

    async def _signing_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        wrong = ""
        if scope["method"] == "POST":
            form = parse_qs((await _body(receive, _SIGN_IN_BYTES)).decode("utf-8", "replace"))
            try:
                secret, seconds = await self._api.sign_in(form.get("key", [""])[0].strip())
            except QianxunError as error:
                wrong = say("The key does not hold.") if isinstance(error, Unauthorized) else error_in_words(error)
            else:
                # The page says how it was reached, also where a proxy ends TLS: without an origin nobody comes here.
                secure = "; Secure" if Headers(scope=scope)["origin"].lower().startswith("https:") else ""
                cookie = f"{SESSION}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
                await _replied(send, 303, location=f"{PREFIX}/", cookie=cookie)
                return
        words = {
            "title": say("Sign in"),
            "hint": say("Your administrator gives you a key."),
            "key": say("Key"),
            "wrong": wrong,
        }
        page = _page("sign_in.html", scope, self._elsewhere(), **words)
        await _replied(send, 401 if wrong else 200, page, kind="text/html")

    def _elsewhere(self) -> str:
        """Where one signs in with the identity provider, which leads back to there and nowhere else."""
        if not self._issuer:
            return ""
        words = say("With {issuer} one signs in at the pages of the service.", issuer=self._issuer)
        more = say("On the same host that counts here too.")
        link = f'<a href="{html.escape(self._shown_at)}/sign-in">{html.escape(words)}</a>'
        return f"<p>{link} {html.escape(more)}</p>"

    async def _signing_out(self, send: Send) -> None:
        if who.secret() is not None:
            try:
                await self._api.sign_out()
            except QianxunError as error:
                logger.warning("a session was not ended: %s", error)
        cookie = f"{SESSION}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        await _replied(send, 200, '{"success": true}', kind="application/json", cookie=cookie)

    # -- passages ------------------------------------------------------------------------------------

    async def _passage(self, scope: Scope, send: Send, base: str, chunk: int) -> None:
        """A passage as it may be read now, with what is cited of it marked; removed, if other words stand there."""
        asked = parse_qs(scope["query_string"].decode("ascii", "replace"))
        cited = _cited_of(asked)
        try:
            try:
                found = await self._api.passage(base, chunk)
                passage = await self._widened(base, found, [(start, end) for start, end, known in cited if known])
                stands = [one for one in cited if _stands(passage, *one)]
                if not stands:
                    raise NotFound("This passage was removed, or is not for you.")
                address = view_address(self._shown_at, base, found.document.id, *stands[0])
                gone = "" if len(stands) == len(cited) else say("Some of what is cited does not stand here any more.")
                words = passage_text(passage, [(start, end) for start, end, _ in stands], address, gone)
            except NotFound:
                passage = await self._cited(asked.get("of", [""])[0], chunk)
                words = passage_text(passage, [(start, end) for start, end, _ in cited])
        except NotFound:
            words = say("This passage was removed, or is not for you.")
        except QianxunError as error:
            words = error_in_words(error)
        await _replied(send, 200, words)

    async def _widened(self, base: str, found: PassageInPlace, cited: Sequence[tuple[int, int]]) -> Passage:
        """The passage, with what was cited of its document beside it: where passages are widened, that may be cited."""
        own = found.passage.span
        spans = [(start, end) for start, end in cited if start < end <= start + _MOST_CITED_CHARS]
        span = Span(min([own.start, *(start for start, _ in spans)]), max([own.end, *(end for _, end in spans)]))
        if span == own:
            return found.passage
        text = await self._api.text(base, found.document.id)
        return replace(found.passage, span=span, text=text[span.start : span.end])

    async def _cited(self, answer: str, chunk: int) -> Passage:
        """A passage of a conversation's own file, as an answer of the conversation has it. Raises NotFound."""
        place = place_of(answer)
        for turn in (await self._api.conversation(place.base, place.token)).turns:
            if turn.turn == place.turn and turn.answer is not None:
                for passage in turn.answer.passages:
                    if passage.chunk == chunk:
                        return passage
        raise NotFound("This passage was removed, or is not for you.")


class _Outgoing:
    """A reply of Chainlit's with our headers; no cookie of its own goes out."""

    def __init__(self, send: Send, *, cached: bool = False) -> None:
        self._send = send
        self._cached = cached

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            dropped = {b"set-cookie", *(name.encode() for name in HEADERS)}
            headers = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in dropped]
            headers += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            is_there = message["status"] < 400
            cache = b"public, max-age=31536000, immutable" if self._cached and is_there else b"no-store"
            headers = [(name, value) for name, value in headers if name.lower() != b"cache-control"]
            message = {**message, "headers": [*headers, (b"cache-control", cache)]}
        await self._send(message)


def _page(name: str, scope: Scope, elsewhere: str = "", **words: str) -> str:
    """A page of the door's own with its words, in the look that was chosen; `elsewhere` is HTML."""
    chosen = cookie_parser(Headers(scope=scope).get("cookie", "")).get("qianxun_theme", "")
    page = Template((resources.files("qianxun.chat") / "static" / name).read_text(encoding="utf-8"))
    theme = chosen if chosen in ("light", "dark") else ""
    shown = {"language": language(), "theme": theme, "prefix": PREFIX, **words}
    return page.substitute({key: html.escape(word) for key, word in shown.items()}, elsewhere=elsewhere)


async def _replied(
    send: Send,
    status: int,
    text: str = "",
    *,
    kind: str = "text/plain",
    location: str = "",
    cookie: str = "",
    retry_after: int = 0,
) -> None:
    body = text.encode("utf-8", "replace")
    headers = {**HEADERS, "cache-control": "no-store", "content-length": str(len(body))}
    headers["content-type"] = f"{kind}; charset=utf-8"
    if location:
        headers["location"] = location
    if cookie:
        headers["set-cookie"] = cookie
    if retry_after:
        headers["retry-after"] = str(retry_after)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive, max_bytes: int) -> bytes:
    body = b""
    while len(body) <= max_bytes:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body[:max_bytes]


def _without_cookies(scope: Scope) -> Scope:
    left = [(name, value) for name, value in scope["headers"] if name not in (b"cookie", b"authorization")]
    return {**scope, "headers": left}


def _too_long(headers: Headers, max_bytes: int) -> bool:
    """Whether more is sent than may be; browsers say how much it is."""
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdecimal() or len(length) > 15 or int(length) > max_bytes


def _cited_of(asked: Mapping[str, list[str]]) -> list[tuple[int, int, str]]:
    """What an address says is cited: from, to, and what the words are known by, "" where it does not say."""
    given = (asked.get(name, [""])[:MOST_CITED] for name in ("from", "to", "words"))
    return [(_number(start), _number(end), known) for start, end, known in zip_longest(*given, fillvalue="")]


def _stands(passage: Passage, start: int, end: int, known: str) -> bool:
    """Whether the words that were cited stand where they stood."""
    first = passage.span.start
    return known in ("", known_by(passage.text[max(0, start - first) : max(0, end - first)]))


def _number(text: str) -> int:
    """A number of an address; 0 for what is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text) else 0
