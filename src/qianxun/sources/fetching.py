"""Pages of the web over HTTP: only from where they may be read, never too large, never for too long.

Every request goes to an address that was judged (`networks`), with the host's own name in the request and in its
certificate; redirects are followed by hand, each judged again. What is packed is unpacked piece by piece and counted
as it comes out. Proxies of the environment are not used: what is behind one could not be judged.
"""

import email.utils
import itertools
import logging
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from qianxun import __version__
from qianxun.errors import SourceError
from qianxun.settings import Settings
from qianxun.sources.addresses import linked_address, origin_of
from qianxun.sources.networks import Opened, addresses_of
from qianxun.sources.robots import PRODUCT, Robots

logger = logging.getLogger(__name__)

USER_AGENT: Final = f"{PRODUCT}/{__version__}"
MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_TRY_AGAIN: Final = (429, 500, 502, 503, 504)
_GONE: Final = (404, 410)
_MAX_WAIT_SECONDS: Final = 60.0
_PIECE_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers: 200 with a body, 304 (unchanged), 404 or 410 (gone). `url` is where it was in the end."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: Callable[[], Iterator[bytes]]

    @property
    def is_gone(self) -> bool:
        """Whether there is no such page."""
        return self.status in _GONE

    def read(self) -> bytes:
        """The whole body. Raises SourceError as `body` does: too large, too slow, broken off."""
        return b"".join(self.body())


class Fetcher:
    """Fetches pages. Connects at the first; safe to share between threads. `wait` is how time passes between tries."""

    def __init__(self, settings: Settings, *, wait: Callable[[float], object] = time.sleep) -> None:
        self._settings = settings.sources
        self.max_mb = min(settings.sources.max_page_mb, settings.reading.max_file_mb)
        self._opened = Opened.of(settings.sources.allow_networks)
        self._wait = wait
        self._guard = threading.Lock()
        self._http: Any = None
        self._robots: dict[str, Robots] = {}
        self._turns: dict[str, float] = {}

    @contextmanager
    def answered(self, url: str, *, version: str = "", obey: bool = True) -> Iterator[Answer]:
        """The answer for a page; with the `version` that is kept, 304 if it is still that one.

        Raises SourceError for every other answer, and where the page may not be read from here.
        """
        deadline = time.monotonic() + self._settings.fetch_seconds
        headers = condition(version)
        first = url
        for n in itertools.count():
            if obey:
                self._refuse_forbidden(url)
            response = self._sent(url, headers, deadline)
            target = response.headers.get("location") if response.status_code in _REDIRECTS else None
            if target is None:
                break
            response.close()
            if n >= MAX_REDIRECTS:
                raise SourceError(
                    "{url} leads on more than {n} times.", remedy="Name the page itself.", url=first, n=MAX_REDIRECTS
                )
            url = self._redirected(url, target)
        try:
            if response.status_code not in (200, 203, 304, *_GONE):
                raise _status(url, response.status_code)
            yield Answer(url, response.status_code, response.headers, lambda: self._body(response, url, deadline))
        finally:
            response.close()

    @contextmanager
    def posted(self, url: str, data: bytes, headers: Mapping[str, str]) -> Iterator[Answer]:
        """What is answered to these bytes, whatever its status. Redirects are not followed.

        Raises SourceError where nothing is answered, or may not be asked from here.
        """
        deadline = time.monotonic() + self._settings.fetch_seconds
        response = self._sent(url, dict(headers), deadline, data=data)
        try:
            yield Answer(url, response.status_code, response.headers, lambda: self._body(response, url, deadline))
        finally:
            response.close()

    def allows(self, url: str) -> bool:
        """Whether the robots.txt of its host lets a page be read. Raises SourceError where that cannot be known."""
        return not self._settings.obey_robots or self._robots_of(url).allows(url)

    def close(self) -> None:
        """Lets go of connections."""
        with self._guard:
            http, self._http = self._http, None
        if http is not None:
            http.close()

    # -- one request ---------------------------------------------------------------------------------

    def _sent(self, url: str, headers: dict[str, str], deadline: float, *, data: bytes | None = None) -> Any:
        """The response, its body not read yet; after some tries where the server is busy or not there."""
        import httpx

        from qianxun.sources.deadlines import until

        http = self._connected()
        method = "GET" if data is None else "POST"
        for tries in itertools.count(1):
            self._await_turn(url)
            response, problem = None, None
            try:
                with until(deadline):
                    response = http.send(http.build_request(method, url, headers=headers, content=data), stream=True)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                problem = error
            if response is not None and response.status_code not in _TRY_AGAIN:
                return response
            seconds = _asked_to_wait(response, tries)
            if tries > self._settings.retries or time.monotonic() + seconds > deadline:
                if response is not None:
                    return response
                if time.monotonic() >= deadline:
                    raise self._too_slow(url) from problem
                raise SourceError(
                    "{url} cannot be reached ({error}).",
                    remedy="Check the address and the network, and run the same command again.",
                    url=url,
                    error=str(problem) or type(problem).__name__,
                ) from problem
            if response is not None:
                response.close()
            logger.info("%s: try %d failed; next in %.1f s", origin_of(url), tries, seconds)
            self._wait(seconds)

    def _redirected(self, url: str, target: str) -> str:
        found = linked_address(url, target)
        if found is None:
            raise SourceError(
                "{url} leads to {target}, which is no page.", remedy="Name the page itself.", url=url, target=target
            )
        return found

    def _body(self, response: Any, url: str, deadline: float) -> Iterator[bytes]:
        """The body unpacked, in pieces."""
        import httpx

        from qianxun.sources.deadlines import until

        limit = self.max_mb * 1_000_000
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if packing not in ("", "identity", "gzip", "x-gzip"):
            raise SourceError(
                "{url} is packed in a way that was not asked for ({packing}).",
                remedy="Save the page to a file, and add that.",
                url=url,
                packing=packing,
            )
        unpack = _Unpacking() if packing.endswith("gzip") else None
        n_bytes = 0
        pieces = response.iter_raw()
        try:
            while True:
                with until(deadline):
                    raw = next(pieces, None)
                if raw is None:
                    break
                for piece in [raw] if unpack is None else unpack.pieces(raw):
                    n_bytes += len(piece)
                    if n_bytes > limit:
                        raise SourceError(
                            "{url} is larger than {mb} MB.",
                            remedy="Raise sources.max_page_mb and reading.max_file_mb.",
                            url=url,
                            mb=self.max_mb,
                        )
                    yield piece
                if time.monotonic() > deadline:
                    raise self._too_slow(url)
        except (httpx.TransportError, zlib.error) as error:
            if time.monotonic() >= deadline:
                raise self._too_slow(url) from error
            raise _broken_off(url, error) from error
        if unpack is not None and not unpack.is_whole:
            raise _broken_off(url, "gzip")

    def _too_slow(self, url: str) -> SourceError:
        return SourceError(
            "{url} took longer than {seconds:g} seconds to fetch.",
            remedy="Raise sources.fetch_seconds.",
            url=url,
            seconds=self._settings.fetch_seconds,
        )

    def _connected(self) -> Any:
        import httpx

        with self._guard:
            if self._http is None:
                limits = self._settings
                read = min(limits.read_seconds, limits.fetch_seconds)
                self._http = httpx.Client(
                    transport=_CheckedTransport(self._opened),  # type: ignore[arg-type]
                    trust_env=False,
                    timeout=httpx.Timeout(read, connect=limits.connect_seconds, pool=None),
                    headers={
                        "User-Agent": USER_AGENT,
                        "Accept": "text/html, application/xhtml+xml, */*;q=0.8",
                        # Not what httpx would offer: what it unpacks, it unpacks without a limit.
                        "Accept-Encoding": "gzip",
                    },
                )
            return self._http

    # -- manners -------------------------------------------------------------------------------------

    def _await_turn(self, url: str) -> None:
        host = urlsplit(url).netloc
        known = self._robots.get(origin_of(url))
        delay = max(self._settings.delay_seconds, known.delay_seconds if known else 0.0)
        with self._guard:
            now = time.monotonic()
            at = max(now, self._turns.get(host, 0.0))
            self._turns[host] = at + delay
        if at > now:
            self._wait(at - now)

    def _refuse_forbidden(self, url: str) -> None:
        if not self.allows(url):
            raise SourceError(
                "{url} may not be read by programs, says the robots.txt of its host.",
                remedy="Ask its owner. For a site of your own: sources.obey_robots = false.",
                url=url,
            )

    def _robots_of(self, url: str) -> Robots:
        origin = origin_of(url)
        found = self._robots.get(origin)
        if found is None:
            found = self._robots[origin] = self._read_robots(f"{origin}/robots.txt")
        return found

    def _read_robots(self, url: str) -> Robots:
        """Without such a file everything may be read; where the server fails, nothing may (RFC 9309, 2.3.1)."""
        deadline = time.monotonic() + self._settings.fetch_seconds
        for _ in range(MAX_REDIRECTS + 1):
            response = self._sent(url, {}, deadline)
            try:
                status, target = response.status_code, response.headers.get("location")
                if status in _REDIRECTS and target is not None:
                    url = self._redirected(url, target)
                    continue
                if status == 200:
                    data = bytearray()
                    for piece in self._body(response, url, deadline):
                        data += piece
                        if len(data) > 500 * 1024:
                            break
                    return Robots.of(bytes(data))
                if status >= 500 or status == 429:
                    raise SourceError(
                        "{url} cannot be read (HTTP {status}), so nothing of this host is.",
                        remedy="Try again later. For a site of your own: sources.obey_robots = false.",
                        url=url,
                        status=status,
                    )
                return Robots()
            finally:
                response.close()
        return Robots()


class _CheckedTransport:
    """What httpx sends requests through: looks up the host, judges its addresses, connects to one of those."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._inner: dict[tuple[str, str, str], Any] = {}
        self._guard = threading.Lock()

    def handle_request(self, request: Any) -> Any:
        """A response. Raises SourceError for a host that pages may not be read from, else what httpx raises."""
        import httpx

        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        error: Exception | None = None
        for ip in addresses_of(host, port, self._opened):
            extensions = dict(request.extensions)
            if host != ip:
                extensions["sni_hostname"] = host  # the certificate is that of the host, not of the address
            sent = httpx.Request(
                request.method,
                request.url.copy_with(host=ip),
                headers=request.headers,  # with the host's own name
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return self._through(request.url.scheme, host, ip).handle_request(sent)
            except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
                error = problem
        raise error or httpx.ConnectError(f"{host} has no address")

    def close(self) -> None:
        """Closes every connection."""
        with self._guard:
            inner, self._inner = list(self._inner.values()), {}
        for transport in inner:
            transport.close()

    def _through(self, scheme: str, host: str, ip: str) -> Any:
        """Connections of one host to one address: another host at the same address has a certificate of its own."""
        import httpx

        from qianxun.sources.deadlines import timed

        with self._guard:
            found = self._inner.get((scheme, host, ip))
            if found is None:
                # Reading all certificates takes a while. Where none is needed, this one trusts nobody.
                tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if scheme == "http" else httpx.create_ssl_context()
                found = self._inner[scheme, host, ip] = timed(httpx.HTTPTransport(verify=tls))
            return found


class _Unpacking:
    """Unpacks gzip piece by piece, however much comes out of one."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=31)

    @property
    def is_whole(self) -> bool:
        return self._unpacker.eof

    def pieces(self, raw: bytes) -> Iterator[bytes]:
        rest, piece = raw, b""
        # A full piece may have left more inside, with nothing more to put in.
        while rest or len(piece) == _PIECE_BYTES:
            if self._unpacker.eof and rest:  # another one follows
                self._unpacker = zlib.decompressobj(wbits=31)
            piece = self._unpacker.decompress(rest, _PIECE_BYTES)
            if piece:
                yield piece
            rest = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
            if self._unpacker.eof and not rest:
                return


def version_in(headers: Mapping[str, str]) -> str:
    """What tells one state of a page from another, as its server says; "" if it does not."""
    for name in ("etag", "last-modified"):
        value = headers.get(name, "").strip()
        if value:
            return f"{name} {value}"
    return ""


def condition(version: str) -> dict[str, str]:
    """The headers that ask for a page only if it is no longer in this state."""
    name, _, value = version.partition(" ")
    header = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}.get(name)
    return {header: value} if header and value else {}


def _asked_to_wait(response: Any, tries: int) -> float:
    """How long to wait before the next try: what the server asks for, else ever longer."""
    asked = "" if response is None else response.headers.get("retry-after", "").strip()
    if asked.isdecimal() and asked.isascii():
        return min(float(asked), _MAX_WAIT_SECONDS)
    if asked:
        try:
            seconds = email.utils.parsedate_to_datetime(asked).timestamp() - time.time()
            return min(max(seconds, 0.0), _MAX_WAIT_SECONDS)
        except (ValueError, TypeError, OverflowError):
            pass
    return min(0.5 * 2.0 ** (tries - 1), _MAX_WAIT_SECONDS)


def _status(url: str, status: int) -> SourceError:
    return SourceError(
        "{url}: the server answers HTTP {status}.",
        remedy="Open it in a browser without signing in: only what is seen there can be fetched.",
        url=url,
        status=status,
    )


def gone(url: str, status: int) -> SourceError:
    """The error for a page that was named and is not there."""
    return _status(url, status)


def _broken_off(url: str, error: object) -> SourceError:
    return SourceError("{url} was broken off ({error}).", remedy="Run the same command again.", url=url, error=error)
