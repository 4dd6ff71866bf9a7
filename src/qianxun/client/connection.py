"""Requests to one service: its errors as ours, tries again where that is safe, events as they come. Knows no route.

Tried again, with the pauses that the service asks for: what it refused for want of room (429, 503) and connections that
were not made, if the same request twice is as good as once; connections that break, if it also changes nothing.
"""

import enum
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from qianxun import __version__, errors
from qianxun.errors import InputError, QianxunError, ServiceUnavailable
from qianxun.hosts import is_here

_FIRST_WAIT_SECONDS: Final = 0.5
_MAX_WAIT_SECONDS: Final = 60.0
_CONNECT_SECONDS: Final = 10.0
# An answer with all its passages is some hundred kilobytes.
_MAX_EVENT_BYTES: Final = 1 << 26
# What an error is whose kind is not known here, by its status.
_BY_STATUS: Final[Mapping[int, type[QianxunError]]] = {
    400: errors.InputError,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.InputError,
    413: errors.InputError,
    415: errors.InputError,
    422: errors.InputError,
    429: errors.LimitReached,
    503: errors.Overloaded,
}
_TRY_AGAIN: Final = (429, 503)


class Repeat(enum.Enum):
    """When a request may be sent a second time."""

    NEVER = "never"  # twice is not once: a new conversation, a question that costs
    REFUSED = "refused"  # only if it surely was not done
    BROKEN = "broken"  # whenever no reply came: it changes nothing, or the service knows it by its key


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event."""

    name: str
    data: Any


class Connection:
    """A service, its key, and how patiently it is asked. Safe to share between threads."""

    def __init__(
        self, url: str, key: str | None, *, timeout: float, retries: int, wait: Callable[[float], object] = time.sleep
    ) -> None:
        import httpx

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise InputError(
                "{url!r} is not the address of a service.",
                remedy="Example: http://127.0.0.1:8000",
                url=f"{parts.scheme}://{parts.hostname}" if parts.username else url,
            )
        self.url = url.rstrip("/")
        self.retries = retries
        self.wait = wait
        self.http = httpx.Client(
            base_url=self.url,
            headers={
                "User-Agent": f"qianxun/{__version__}",
                **({"Authorization": f"Bearer {key}"} if key else {}),
            },
            timeout=httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
            # A proxy cannot reach this machine's own service.
            trust_env=not is_here(parts.hostname),
        )

    def close(self) -> None:
        """Lets go of connections."""
        self.http.close()

    def json(self, method: str, path: str, *, repeat: Repeat, **request: Any) -> Any:
        """The reply to a request, from JSON. Raises the service's error, or ServiceUnavailable."""
        return decoded(self.reply(method, path, repeat=repeat, **request))

    def reply(self, method: str, path: str, *, repeat: Repeat, **request: Any) -> Any:
        """The reply to a request, read to its end."""
        with self.opened(method, path, repeat=repeat, **request) as response, _translated(self.url):
            response.read()
            return response

    @contextmanager
    def opened(self, method: str, path: str, *, repeat: Repeat, **request: Any) -> Iterator[Any]:
        """A reply that has begun, after as many tries as there may be."""
        response = self._begun(method, path, repeat, request)
        try:
            yield response
        finally:
            response.close()

    def _begun(self, method: str, path: str, repeat: Repeat, request: Mapping[str, Any]) -> Any:
        import httpx

        tries = 0
        while True:
            tries += 1
            try:
                sent = self.http.build_request(method, path, **_given(request))
                response = self.http.send(sent, stream=True)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                unmade = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
                may_repeat = repeat is Repeat.BROKEN or (unmade and repeat is Repeat.REFUSED)
                if not may_repeat or tries > self.retries:
                    raise unreachable(self.url, error) from error
                self.wait(_pause(tries))
                continue
            if response.status_code < 400:
                return response
            with _translated(self.url):
                response.read()
            response.close()
            if response.status_code in _TRY_AGAIN and repeat is not Repeat.NEVER and tries <= self.retries:
                seconds = _asked_to_wait(response)
                if seconds is None or seconds <= _MAX_WAIT_SECONDS:
                    self.wait(_pause(tries) if seconds is None else seconds)
                    continue
            raise error_of(response)

    def events(self, method: str, path: str, *, repeat: Repeat, **request: Any) -> Iterator[Event]:
        """The events of a reply as they come. One named `error` is raised. Closing the iterator hangs up."""
        headers = {"Accept": "text/event-stream", **request.pop("headers", {})}
        opened = self.opened(method, path, repeat=repeat, headers=headers, **request)
        with opened as response, _translated(self.url):
            reader = EventReader()
            for piece in response.iter_bytes():
                for event in reader.feed(piece):
                    if event.name == "error":
                        raise problem_of(event.data, 500)
                    yield event


def error_of(response: Any) -> QianxunError:
    """The error that a reply tells of, of its own class."""
    try:
        found = response.json()
    except ValueError:
        found = None
    error = problem_of(found if isinstance(found, dict) else {}, response.status_code)
    seconds = _asked_to_wait(response)
    if seconds is not None:
        error.retry_after = seconds
    return error


def problem_of(told: Mapping[str, Any], status: int) -> QianxunError:
    """The error that problem details tell of, of its own class."""
    kind = getattr(errors, str(told.get("kind", "")), None)
    if not (isinstance(kind, type) and issubclass(kind, QianxunError)):
        kind = _BY_STATUS.get(status, QianxunError)
    detail = str(told.get("detail") or f"The service answers with status {status}.")
    error: QianxunError = kind(_verbatim(detail), remedy=_verbatim(str(told.get("remedy", ""))))
    error.request_id = str(told.get("request_id", ""))
    return error


def _verbatim(text: str) -> str:
    """A template that says this."""
    return text.replace("{", "{{").replace("}", "}}")


class EventReader:
    """Events of a stream that is fed piece by piece. Lines end at LF or CRLF only: JSON may hold U+2028 as it is."""

    def __init__(self) -> None:
        self._name = ""
        self._data: list[bytes] = []
        self._n_bytes = 0
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that are whole with this piece. Raises ServiceUnavailable for what is no stream of events."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self._n_bytes += len(piece)
        if self._n_bytes > _MAX_EVENT_BYTES:
            raise ServiceUnavailable("An event of the service has no end.", remedy="Check the address.")
        for line in lines:
            field, _, value = line.rstrip(b"\r").partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                self._data.append(value)
            elif field == b"event":
                self._name = value.decode("utf-8", "replace")
            elif not line.strip():
                if self._data:
                    yield Event(self._name, _parsed(b"\n".join(self._data)))
                self._name, self._data, self._n_bytes = "", [], 0


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ServiceUnavailable("An event of the service is no JSON.", remedy="Check the address.") from error


def decoded(response: Any) -> Any:
    """The JSON of a reply. Raises ServiceUnavailable."""
    try:
        return response.json()
    except ValueError as error:
        raise ServiceUnavailable(
            "{url} does not answer as a qianxun service does.", remedy="Check the address.", url=str(response.url)
        ) from error


def _given(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request made anew for each try: files are read again from their beginning."""
    return {name: value() if name == "files" else value for name, value in request.items()}


@contextmanager
def _translated(url: str) -> Iterator[None]:
    import httpx

    try:
        yield
    except (httpx.TransportError, httpx.StreamError) as error:
        raise unreachable(url, error) from error


def unreachable(url: str, error: Exception) -> ServiceUnavailable:
    """What is raised where no reply comes."""
    return ServiceUnavailable(
        "The service at {url} cannot be reached ({error}).",
        remedy="Check that `qianxun serve` runs there, and the network.",
        url=url,
        error=str(error) or type(error).__name__,
    )


def _asked_to_wait(response: Any) -> float | None:
    asked = response.headers.get("retry-after", "").strip()
    return float(asked) if asked.isascii() and asked.isdecimal() else None


def _pause(tries: int) -> float:
    return min(_FIRST_WAIT_SECONDS * 2.0 ** (tries - 1), _MAX_WAIT_SECONDS)
