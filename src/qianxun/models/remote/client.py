"""JSON over HTTP to one model server: addresses, keys, retries, and every failure as a typed error. Knows no dialect.

Tried again, ever longer apart: answers 429 and 5xx, and connections that fail before the first byte of an answer.
Never tried again: other answers, an answer that breaks off, a silent server, a stream that has begun. Proxies are
those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY); an address on this machine never goes through one.
Streams are not bounded by `remote.concurrency`: each is one person's answer, and who lets persons in bounds them.
"""

import asyncio
import json
import logging
import random
import ssl
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

from qianxun import tally
from qianxun.errors import BadModelReply, ModelRefused, ModelTimeout, ModelUnavailable, QianxunError
from qianxun.models.remote import refusals
from qianxun.models.remote.address import Place, place_of
from qianxun.models.remote.refusals import Answer, one_line
from qianxun.settings import EncoderSettings, GeneratorSettings, RemoteSettings, RerankerSettings

logger = logging.getLogger(__name__)

_FIRST_WAIT_SECONDS: Final = 0.5
# A refusal is shown in part, so it is read in part: it may have no end.
_REFUSAL_BYTES: Final = 1 << 16
_STREAM_BYTES: Final = 1 << 26

Item = TypeVar("Item")
Result = TypeVar("Result")


class Client:
    """A server that a section of the settings names. Connects at the first call; safe to share between threads.

    `wait` and `pause` are how time between two tries passes (`pause` is asynchronous, for streams).
    """

    def __init__(
        self,
        section_name: str,
        section: EncoderSettings | RerankerSettings | GeneratorSettings,
        remote: RemoteSettings,
        *,
        wait: Callable[[float], object] = time.sleep,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.place: Place = place_of(section_name, section)
        self.section = section_name
        self._remote = remote
        self._wait = wait
        self._pause = pause
        self._slots = threading.BoundedSemaphore(remote.concurrency)
        self._opening = threading.Lock()
        self._http: Any = None
        self._threads: ThreadPoolExecutor | None = None
        self._tls: Any = None

    def get(self, url: str, *, optional: bool = False) -> Any:
        """What is at an address, from JSON. Raises a ModelError.

        `optional`: many servers have no such address, and that is not counted as an error of theirs.
        """
        return self._json("GET", url, None, fine=(ModelRefused, BadModelReply) if optional else ())

    def post(self, url: str, body: dict[str, Any]) -> Any:
        """The answer to a request, from JSON. Raises a ModelError."""
        return self._json("POST", url, body)

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The function of every item in the order given, as many at a time as the settings allow.

        The first failure is raised, and what has not begun by then never does.
        """
        if len(items) < 2:
            return [function(item) for item in items]
        with self._opening:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._remote.concurrency, thread_name_prefix=f"{self.section}-http")
        return list(self._threads.map(function, items))

    @asynccontextmanager
    async def stream(
        self, url: str, body: dict[str, Any], *, max_bytes: int = _STREAM_BYTES
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of an answer as they come, without their ends. Leaving the context closes the connection.

        An answer of more than `max_bytes` is a BadModelReply: a server may never end it, or never end a line.
        """
        import httpx

        with _counted(self.section):
            async with (
                httpx.AsyncClient(**self._options()) as http,
                self._answering(http, url, body, max_bytes) as lines,
            ):
                yield lines

    @asynccontextmanager
    async def _answering(
        self, http: Any, url: str, body: dict[str, Any], max_bytes: int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        response = await self._begun(http, url, body)
        try:
            if "html" in response.headers.get("content-type", ""):
                raise refusals.web_page(self.place, url, await self._beginning(response, url))
            async with aclosing(self._lines(response, url, max_bytes)) as lines:
                yield lines
        finally:
            await response.aclose()

    def close(self) -> None:
        """Lets go of connections and threads."""
        with self._opening:
            http, threads = self._http, self._threads
            self._http = self._threads = None
        if threads is not None:
            threads.shutdown(cancel_futures=True)
        if http is not None:
            http.close()

    def _json(
        self, method: str, url: str, body: dict[str, Any] | None, *, fine: tuple[type[QianxunError], ...] = ()
    ) -> Any:
        content = None if body is None else _encoded(body)
        tries = 0
        # A request that waits for its next try keeps its slot: a server that is overloaded gets no more of them.
        with self._slots, _counted(self.section, fine):
            while True:
                tries += 1
                outcome = self._outcome(method, url, content)
                seconds = self._seconds_to_wait(outcome, tries)
                if seconds is None:
                    return _value(self.place, url, outcome, tries)
                self._wait(seconds)

    def _outcome(self, method: str, url: str, content: bytes | None) -> Answer | ModelUnavailable:
        http = self._connected()
        try:
            with self._translated(url, begun=False):
                response = http.send(http.build_request(method, url, content=content), stream=True)
        except ModelUnavailable as error:
            return error
        try:
            with self._translated(url, begun=True):
                if response.is_success:
                    return Answer.of(response, response.read())
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) >= _REFUSAL_BYTES:
                        break
                return Answer.of(response, body)
        finally:
            response.close()

    async def _begun(self, http: Any, url: str, body: dict[str, Any]) -> Any:
        """A response with status 200 whose body has not been read."""
        content = _encoded(body)
        tries = 0
        while True:
            tries += 1
            outcome: Answer | ModelUnavailable
            try:
                with self._translated(url, begun=False):
                    response = await http.send(http.build_request("POST", url, content=content), stream=True)
            except ModelUnavailable as error:
                outcome = error
            else:
                if response.status_code == 200:
                    return response
                try:
                    outcome = Answer.of(response, await self._beginning(response, url))
                finally:
                    await response.aclose()
            seconds = self._seconds_to_wait(outcome, tries)
            if seconds is None:
                raise _failure(self.place, url, outcome, tries)
            await self._pause(seconds)

    async def _beginning(self, response: Any, url: str) -> bytes:
        body = b""
        with self._translated(url, begun=True):
            async with aclosing(response.aiter_bytes()) as pieces:
                async for piece in pieces:
                    body += piece
                    if len(body) >= _REFUSAL_BYTES:
                        break
        return body

    async def _lines(self, response: Any, url: str, max_bytes: int) -> AsyncGenerator[bytes]:
        # Not httpx's own lines: those also end at U+2028 and U+0085, which JSON may hold as they are.
        begun: list[bytes] = []  # a line of which the end has not come
        n_bytes = 0
        with self._translated(url, begun=True):
            async for piece in response.aiter_bytes():
                n_bytes += len(piece)
                if n_bytes > max_bytes:
                    raise BadModelReply(
                        "{address} has sent more than {limit} bytes for one answer.",
                        remedy="It does not heed max_tokens: mend that server, or use another.",
                        address=url,
                        limit=max_bytes,
                    )
                first, *others = piece.split(b"\n")
                begun.append(first)
                for line in others:
                    yield b"".join(begun).rstrip(b"\r")
                    begun = [line]
        rest = b"".join(begun)
        if rest:
            yield rest.rstrip(b"\r")

    def _seconds_to_wait(self, outcome: Answer | ModelUnavailable, tries: int) -> float | None:
        """Time until the next try; None if there is none."""
        if tries > self._remote.retries or not refusals.is_worth_another_try(outcome):
            return None
        asked = outcome.retry_after_seconds(time.time()) if isinstance(outcome, Answer) else None
        if asked is None:
            asked = _FIRST_WAIT_SECONDS * 2 ** (tries - 1) * random.uniform(0.5, 1.0)
        seconds = min(asked, self._remote.max_wait_seconds)
        reason = f"HTTP {outcome.status}" if isinstance(outcome, Answer) else "no connection"
        logger.info("%s: %s, try %d; next in %.1f s", self.place.address, reason, tries, seconds)
        return seconds

    def _connected(self) -> Any:
        import httpx

        with self._opening:
            if self._http is None:
                self._http = httpx.Client(**self._options())
            return self._http

    def _options(self) -> dict[str, Any]:
        import httpx

        remote, proxy = self._remote, self.place.proxy()
        if self._tls is None:
            # Reading all certificates takes a while. Where none is needed, this one trusts nobody.
            plain = self.place.address.startswith("http://") and proxy is None
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context()
        return {
            "headers": {"User-Agent": "qianxun", "Content-Type": "application/json", **self.place.authorization()},
            "timeout": httpx.Timeout(remote.read_seconds, connect=remote.connect_seconds, pool=None),
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=remote.concurrency),
            "follow_redirects": False,
            "verify": self._tls,
            "proxy": proxy,
            "trust_env": False,  # what is read of the environment is read above
        }

    @contextmanager
    def _translated(self, url: str, *, begun: bool) -> Iterator[None]:
        """httpx's exceptions as ours; `begun`: the first byte of an answer has come."""
        import httpx

        try:
            yield
        except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
            raise ModelTimeout(
                "{address} was silent for {seconds:g} s.",
                remedy="Set remote.read_seconds higher, or remote.texts_per_request lower.",
                address=url,
                seconds=self._remote.read_seconds,
            ) from error
        except (httpx.StreamError, httpx.TransportError, httpx.DecodingError) as error:
            if begun:
                raise BadModelReply(
                    "{address} closed the connection in the middle of its answer.",
                    remedy="Its log should say why; try again.",
                    address=url,
                ) from error
            raise _unreachable(url, error, self._remote) from error


@contextmanager
def _counted(section: str, fine: tuple[type[QianxunError], ...] = ()) -> Iterator[None]:
    """Counts a call that fails after all its tries, by engine and kind; but not as what is `fine`."""
    try:
        yield
    except QianxunError as error:
        if not isinstance(error, fine):
            tally.count("engine_errors", section, type(error).__name__)
        raise


def _encoded(body: dict[str, Any]) -> bytes:
    # A lone surrogate (a damaged file name, half an emoji) has no UTF-8 form; it is sent as a question mark.
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _value(place: Place, url: str, outcome: Answer | ModelUnavailable, tries: int) -> Any:
    if isinstance(outcome, ModelUnavailable) or outcome.status // 100 != 2:
        raise _failure(place, url, outcome, tries)
    try:
        return json.loads(outcome.body)
    except ValueError as error:
        if outcome.is_web_page:
            raise refusals.web_page(place, url, outcome.body) from error
        raise BadModelReply(
            '{address} answered something that is not JSON: "{answer}".',
            remedy="Check the address: another kind of service may run there.",
            address=url,
            answer=one_line(outcome.body, place.key()),
        ) from error


def _failure(place: Place, url: str, outcome: Answer | ModelUnavailable, tries: int) -> QianxunError:
    return outcome if isinstance(outcome, ModelUnavailable) else refusals.refusal(place, url, outcome, tries)


def _unreachable(url: str, error: Exception, remote: RemoteSettings) -> ModelUnavailable:
    """No answer began: the server is down, or hangs up."""
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return ModelUnavailable(
            "{address} cannot be reached: no connection within {seconds:g} s.",
            remedy="Check that it runs and that no firewall is between, or set remote.connect_seconds higher.",
            address=url,
            seconds=remote.connect_seconds,
        )
    reason = one_line(str(error).encode(), "").rstrip(".") or type(error).__name__
    if "SSL" in reason or "CERTIFICATE" in reason:
        return ModelUnavailable(
            "{address} cannot be reached securely: {reason}.",
            remedy="Write http:// if the server has no TLS; name your own authority's certificate in SSL_CERT_FILE.",
            address=url,
            reason=reason,
            final=True,
        )
    return ModelUnavailable(
        "{address} cannot be reached: {reason}.",
        remedy="Start the model server (`qianxun models serve`), or correct the address.",
        address=url,
        reason=reason,
    )
