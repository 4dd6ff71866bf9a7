"""Requests to one WebDAV server: who we are, retries, redirects, limits, and every refusal as one line.

Tried again, ever longer apart: no connection, 429 and 5xx. A redirect is followed on the same host only, so that
no password goes elsewhere. Proxies are those of the environment; an address on this machine never goes through one.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from qianxun.errors import SourceError
from qianxun.settings import SourcesSettings
from qianxun.sources.credentials import Credentials, credentials_for
from qianxun.sources.places import Place, one_line, quoted
from qianxun.sources.receiving import PIECE_BYTES
from qianxun.sources.webdav_replies import ASKED

logger = logging.getLogger(__name__)

MAX_LIST_BYTES: Final = 256 << 20  # of one folder; an entry is some 500
MAX_REDIRECTS: Final = 5
_FIRST_WAIT_SECONDS: Final = 0.5
_MAX_WAIT_SECONDS: Final = 60.0
_NOT_IMPLEMENTED: Final = 501


class WebdavServer:
    """The server of a place. Connects at the first request; safe to share between threads."""

    def __init__(self, place: Place, settings: SourcesSettings, wait: Callable[[float], object]) -> None:
        self._place = place
        self._settings = settings
        self._wait = wait
        self._opening = threading.Lock()
        self._http: Any = None
        self._credentials: Credentials | None = None
        self._auth: Any = None

    def listing(self, path: str) -> bytes:
        """The server's answer to what is at a path and directly in it. Raises SourceError, as `reply` does."""
        headers = {"Depth": "1", "Content-Type": "application/xml; charset=utf-8"}
        ends = time.monotonic() + self._settings.fetch_seconds
        with self.reply("PROPFIND", path, headers, ASKED) as response:
            if response.status_code != 207:
                raise _no_webdav(self._uri(path), response.status_code)
            answer = bytearray()
            for piece in self.pieces(response):
                answer += piece
                if len(answer) > MAX_LIST_BYTES or time.monotonic() > ends:
                    raise SourceError(
                        "{uri}: the server's list of it does not end.",
                        remedy="Name a folder with less in it.",
                        uri=self._uri(path),
                        status=207,
                    )
        return bytes(answer)

    @contextmanager
    def reply(
        self, method: str, path: str, headers: dict[str, str] | None = None, content: bytes = b""
    ) -> Iterator[Any]:
        """A response of success whose body has not been read.

        Raises SourceError; one that is about this path only has its HTTP status in `values["status"]`.
        """
        url = self._url(path)
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        tries = 0
        while True:
            tries += 1
            outcome = self._outcome(method, url, sent, content)
            if tries > self._settings.retries or not _is_worth_another_try(outcome):
                break
            self._pause(outcome, tries)
        if isinstance(outcome, SourceError):
            raise outcome
        try:
            if not 200 <= outcome.status_code < 300:
                raise self._refusal(path, outcome, tries)
            yield outcome
        finally:
            outcome.close()

    def pieces(self, response: Any) -> Iterator[bytes]:
        """The body as it comes. Raises SourceError if it breaks off."""
        import httpx

        try:
            yield from response.iter_bytes(PIECE_BYTES)
        except (httpx.TransportError, httpx.DecodingError, httpx.StreamError) as error:
            raise SourceError(
                "{address} broke off in the middle of its answer: {reason}.",
                remedy="Try again.",
                address=self._place.server,
                reason=one_line(str(error)) or type(error).__name__,
            ) from error

    def close(self) -> None:
        """Lets go of connections; the next request makes new ones."""
        with self._opening:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    def _outcome(self, method: str, url: str, headers: dict[str, str], content: bytes) -> Any:
        """A response that is no redirect, or the SourceError of no connection."""
        import httpx

        http, auth = self._connected()
        for _ in range(MAX_REDIRECTS + 1):
            try:
                request = http.build_request(method, url, headers=headers, content=content or None)
                response = http.send(request, stream=True, auth=auth)
            except httpx.TransportError as error:
                return self._unreachable(error)
            if not response.has_redirect_location:
                return response
            response.close()
            url = self._onward(url, response.headers["location"])
        raise SourceError(
            "{address} sends from one address to the next without end.",
            remedy="Look with a browser where it leads, and name that address.",
            address=self._place.address,
        )

    def _onward(self, url: str, location: str) -> str:
        import httpx

        try:
            here = httpx.URL(url)
            there = here.join(location)
        except (httpx.InvalidURL, ValueError):
            there = None
        if (
            there is None
            or there.host != here.host
            or (there.scheme, there.port)
            not in (
                (here.scheme, here.port),
                ("https", None),
            )
        ):
            raise SourceError(
                "{address} sends on to {location}, and passwords go nowhere else.",
                remedy="If that is where it is now, name that address.",
                address=self._place.address,
                location=one_line(location),
                status=301,
            )
        return str(there)

    def _connected(self) -> tuple[Any, Any]:
        import httpx

        with self._opening:
            if self._http is None:
                self._credentials = credentials_for(self._place, self._settings)
                self._auth = _answers_to_challenges(self._credentials) if self._credentials else None
                read, connect = self._settings.read_seconds, self._settings.connect_seconds
                try:
                    self._http = httpx.Client(
                        timeout=httpx.Timeout(read, connect=connect, pool=None),
                        follow_redirects=False,
                        trust_env=not self._place.is_on_this_machine,
                        verify=httpx.create_ssl_context(),
                        headers={"User-Agent": "qianxun"},
                    )
                except (ImportError, ValueError) as error:
                    raise SourceError(
                        "The environment's proxy for {address} cannot be used: {reason}.",
                        remedy="Put its host into NO_PROXY, or set an http:// proxy.",
                        address=self._place.server,
                        reason=one_line(str(error)),
                    ) from error
            return self._http, self._auth

    def _url(self, path: str) -> str:
        return f"{self._place.scheme.removeprefix('webdav+')}://{self._place.host_and_port}{quoted(path) or '/'}"

    def _uri(self, path: str) -> str:
        return (self._place.server + path).rstrip("/")

    def _pause(self, outcome: Any, tries: int) -> None:
        seconds = _FIRST_WAIT_SECONDS * 2 ** (tries - 1) * random.uniform(0.5, 1.0)
        if not isinstance(outcome, SourceError):
            asked = outcome.headers.get("retry-after", "").strip()
            seconds = float(asked) if asked.isdecimal() else seconds
            outcome.close()
        logger.info("%s: try %d; next in %.1f s", self._place.host, tries, min(seconds, _MAX_WAIT_SECONDS))
        self._wait(min(seconds, _MAX_WAIT_SECONDS))

    def _refusal(self, path: str, response: Any, tries: int) -> SourceError:
        status, uri = response.status_code, self._uri(path)
        if status == 401 and self._credentials is None:
            return SourceError(
                "{address} asks for a user and a password.",
                remedy="Name the user as in https://user@host, and put the password into ~/.netrc or {variable}.",
                address=self._place.server,
                variable=self._settings.password_env or "sources.password_env",
                status=status,
            )
        if status == 401:
            return SourceError(
                "{address} refuses the user {user} or the password.",
                remedy="Check both; some servers want a password made for applications.",
                address=self._place.server,
                user=self._credentials.user if self._credentials else "",
                status=status,
            )
        if status == 403:
            return SourceError(
                "{uri} may not be read by this user.", remedy="Ask its owner for the right to.", uri=uri, status=status
            )
        if status in (404, 410):
            return SourceError(
                "There is nothing at {uri}.", remedy="Check the spelling of the address.", uri=uri, status=status
            )
        if status in (405, _NOT_IMPLEMENTED):
            return _no_webdav(uri, status)
        return SourceError(
            "{uri}: the server answers HTTP {status} (tries: {tries}).",
            remedy="Its log should say why; try again later.",
            uri=uri,
            status=status,
            tries=tries,
        )

    def _unreachable(self, error: Exception) -> SourceError:
        import httpx

        if isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout):
            return SourceError(
                "{address} was silent for {seconds:g} s.",
                remedy="Set sources.read_seconds higher, or try later.",
                address=self._place.server,
                seconds=self._settings.read_seconds,
            )
        reason = one_line(str(error)) or type(error).__name__
        return SourceError(
            "{address} cannot be reached: {reason}.",
            remedy="Check the address and the network; name your own authority's certificate in SSL_CERT_FILE.",
            address=self._place.server,
            reason=reason,
            final=bool(re.search("certificate|SSL", reason, re.IGNORECASE)),
        )


def _is_worth_another_try(outcome: Any) -> bool:
    if isinstance(outcome, SourceError):
        return not outcome.values.get("final")
    status: int = outcome.status_code
    return status == 429 or (status >= 500 and status not in (_NOT_IMPLEMENTED, 507))


def _no_webdav(uri: str, status: int) -> SourceError:
    return SourceError(
        "{uri} does not speak WebDAV (HTTP {status}).",
        remedy="Use the address that the server gives for WebDAV; it often ends in /dav/ or /webdav/.",
        uri=uri,
        status=status,
    )


def _answers_to_challenges(credentials: Credentials) -> Any:
    """Digest where the server offers it, else Basic; nothing is shown before the server asks."""
    import httpx

    class Challenged(httpx.Auth):
        chosen: httpx.Auth | None = None

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            if self.chosen is None:
                response = yield request
                if response.status_code != 401:
                    return
                self.chosen = _chosen(response.headers.get_list("www-authenticate"), credentials)
            if self.chosen is not None:
                request.headers.encoding = "utf-8"  # the name of a user may have any characters
                yield from self.chosen.auth_flow(request)

    return Challenged()


def _chosen(challenges: list[str], credentials: Credentials) -> Any:
    import httpx

    offered = [challenge.lower() for challenge in challenges]
    if any(challenge.startswith("digest") for challenge in offered):
        return httpx.DigestAuth(credentials.user, credentials.password)
    if any("basic" in challenge for challenge in offered):
        return httpx.BasicAuth(credentials.user, credentials.password)
    return None
