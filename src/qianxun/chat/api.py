"""The service, as the chat asks it: over HTTP, with the rights of the session of who is asking. Asynchronous.

Errors are those of `qianxun.errors`, of the classes that they have in the service. An answer whose connection breaks is
read on from where it was.
"""

import asyncio
import http.cookies
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from qianxun import __version__
from qianxun.answering.events import AnswerEvent, Done
from qianxun.chat import who
from qianxun.client import reading
from qianxun.client.connection import Event, EventReader, decoded, error_of, problem_of, unreachable
from qianxun.client.records import (
    BaseSummary,
    Conversation,
    Job,
    Me,
    PassageInPlace,
    Stopped,
    Told,
    WholeConversation,
)
from qianxun.errors import InputError, ServiceUnavailable, Unauthorized
from qianxun.files import own_name
from qianxun.hosts import is_here
from qianxun.messages import language

logger = logging.getLogger(__name__)

SESSION: Final = "qianxun_session"
_API: Final = "/api/v1"
_CONNECT_SECONDS: Final = 10.0
_SILENT_SECONDS: Final = 120.0
_MOST_BREAKS: Final = 5
# Who a session is of is asked again after so long: a key that was revoked is noticed by then.
_KNOWN_SECONDS: Final = 10.0
_MOST_KNOWN: Final = 1000


class Api:
    """A service at an address. `name` is the host that it is called by, where that is another one than the address's.

    Raises InputError for what is no address.
    """

    def __init__(self, url: str, *, name: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                "{url!r} is not the address of a service.", remedy="Example: http://127.0.0.1:8000", url=url
            )
        self.url = url.rstrip("/")
        self._origin = f"{parts.scheme}://{name or parts.netloc}"
        self._headers = {"User-Agent": f"qianxun-chat/{__version__}", **({"Host": name} if name else {})}
        self._trusts_environment = not is_here(parts.hostname)
        self._http: Any = None
        self._known: dict[str | None, tuple[float, Me]] = {}

    # -- who -----------------------------------------------------------------------------------------

    async def me(self, *, anew: bool = False) -> Me:
        """Who is asking; what was said a moment ago holds, unless asked `anew`. Raises Unauthorized, LimitReached."""
        secret = who.secret()
        now = time.monotonic()
        found = self._known.get(secret)
        if found is not None and not anew and now - found[0] < _KNOWN_SECONDS:
            return found[1]
        self._known.pop(secret, None)
        me = reading.read(reading.me, await self._json("GET", f"{_API}/me"))
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[secret] = (now, me)
        return me

    async def sign_in(self, key: str) -> tuple[str, int]:
        """A session for a key: its secret, and how many seconds it lasts. Raises Unauthorized."""
        async with self._opened("POST", "/sign-in", data={"key": key}) as reply:
            cookies: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
            for line in reply.headers.get_list("set-cookie"):
                cookies.load(line)
        found = cookies.get(SESSION)
        if found is None:
            raise Unauthorized("The key does not hold.", remedy="Ask your administrator for one.")
        return found.value, int(found["max-age"] or 0)

    async def sign_out(self) -> None:
        """Ends the session."""
        self._known.pop(who.secret(), None)
        headers = {"Origin": self._origin, "Cookie": f"{SESSION}={who.secret()}"}
        async with self._opened("POST", "/sign-out", headers=headers):
            pass

    # -- knowledge bases, passages, feedback ---------------------------------------------------------

    async def bases(self) -> list[BaseSummary]:
        """The knowledge bases that may be used."""
        reply = await self._json("GET", f"{_API}/bases")
        return reading.read(lambda given: [reading.base(one) for one in given["bases"]], reply)

    async def passage(self, base: str, chunk: int) -> PassageInPlace:
        """A passage, as it may be read now. Raises NotFound."""
        return reading.read(reading.in_place, await self._json("GET", _of(base, f"/passages/{chunk}")))

    async def text(self, base: str, document: int) -> str:
        """The cleaned text of a document, as it may be read now. Raises NotFound."""
        reply = await self._json("GET", _of(base, f"/documents/{document}"), params={"part": "text"})
        return reading.read(lambda given: str(given["text"]), reply)

    async def judge(self, base: str, kind: str, question: str, chunks: Sequence[int], comment: str = "") -> str:
        """Keeps what somebody thinks of passages; returns the token that takes it back."""
        told = {"kind": kind, "question": question, "chunks": list(chunks)}
        if comment:
            told["comment"] = comment
        reply = await self._json("POST", _of(base, "/feedback"), json=told)
        return reading.read(lambda given: str(given["token"]), reply)

    async def take_back(self, base: str, token: str) -> None:
        """Takes a judgement back."""
        await self._json("DELETE", _of(base, f"/feedback/{quote(token, safe='')}"))

    # -- conversations -------------------------------------------------------------------------------

    async def conversations(self, base: str, count: int) -> list[Conversation]:
        """At most so many, newest change first."""
        reply = await self._json("GET", _of(base, "/conversations"), params={"count": count})
        return reading.read(lambda given: [reading.conversation(one) for one in given["conversations"]], reply)

    async def begin(self, base: str, title: str, settings: Mapping[str, Any]) -> str:
        """A new conversation, for which so much is set; returns its token."""
        asked = {"title": title, "settings": dict(settings)}
        reply = await self._json("POST", _of(base, "/conversations"), json=asked)
        return reading.read(lambda given: str(given["token"]), reply)

    async def conversation(self, base: str, token: str) -> WholeConversation:
        """A conversation with what was said. Raises NotFound."""
        return reading.read(reading.whole_conversation, await self._json("GET", _talk(base, token)))

    async def rename(self, base: str, token: str, title: str) -> None:
        """Gives it another title."""
        await self._json("PATCH", _talk(base, token), json={"title": title})

    async def keep_settings(self, base: str, token: str, settings: Mapping[str, Any]) -> None:
        """Keeps what is set for it, in place of what was set before."""
        await self._json("PATCH", _talk(base, token), json={"settings": dict(settings)})

    async def delete(self, base: str, token: str) -> None:
        """Deletes it with all that was said."""
        await self._json("DELETE", _talk(base, token))

    async def stop(self, base: str, token: str, turn: int) -> None:
        """Ends a running answer with what was said."""
        await self._json("POST", _talk(base, token, f"/turns/{turn}/stop"))

    async def ask_once(self, base: str, asked: Mapping[str, Any]) -> AsyncIterator[AnswerEvent]:
        """The events of an answer that belongs to no conversation. Closing the iterator stops it."""
        events = reading.Events()
        async for event in self._events("POST", _of(base, "/ask"), json={**asked, "stream": True}):
            yield reading.read(events.of_answer, event.data)

    async def ask(self, base: str, token: str, asked: Mapping[str, Any]) -> AsyncIterator[Told]:
        """The events of the next answer of a conversation. Closing the iterator does not stop it."""
        events = reading.Events()
        last: Told | None = None
        try:
            async for event in self._events("POST", _talk(base, token, "/ask"), json={**asked, "stream": True}):
                last = reading.read(events.told, event.data)
                yield last
        except ServiceUnavailable:
            if last is None:
                raise
        if last is not None and not is_end(last):
            async for told in self.read_on(base, token, last.turn, last.place, events):
                yield told

    async def read_on(
        self, base: str, token: str, turn: int, after: int, events: reading.Events | None = None
    ) -> AsyncIterator[Told]:
        """What a turn said after a place, then what comes until it ends."""
        events = events or reading.Events()
        path = _talk(base, token, f"/turns/{turn}/events")
        last: Told | None = None
        breaks = 0
        while last is None or not is_end(last):
            try:
                async for event in self._events("GET", path, params={"after": after}):
                    last = reading.read(events.told, event.data)
                    after, breaks = last.place, 0
                    yield last
                if last is None or not is_end(last):
                    last = await self._end(base, token, turn, after + 1)
                    yield last
            except ServiceUnavailable:
                breaks += 1
                if breaks > _MOST_BREAKS:
                    raise
                await asyncio.sleep(0.2 * 2.0**breaks)

    async def _end(self, base: str, token: str, turn: int, place: int) -> Told:
        """What a turn ended with. Raises ServiceUnavailable while it is running."""
        for one in (await self.conversation(base, token)).turns:
            if one.turn == turn and one.state != "running":
                return Told(turn, place, Stopped(one.state) if one.answer is None else Done(one.answer))
        raise ServiceUnavailable("The answer was broken off.", remedy="Ask for the rest again.")

    # -- files ---------------------------------------------------------------------------------------

    async def upload(self, base: str, token: str, files: Sequence[tuple[str, Path]]) -> Job:
        """Sends files that only this conversation sees; returns the job that reads them."""
        opened = [(name, await asyncio.to_thread(path.open, "rb")) for name, path in files]
        try:
            parts = [("files", (name, stream)) for name, stream in opened]
            return reading.read(reading.job, await self._json("POST", _talk(base, token, "/files"), files=parts))
        finally:
            for _, stream in opened:
                stream.close()

    async def files(self, base: str, token: str) -> list[str]:
        """The names of a conversation's files, as they were sent."""
        found = reading.read(reading.documents, await self._json("GET", _talk(base, token, "/files")))
        return [own_name(one.source) for one in found.documents]

    async def job(self, token: str) -> AsyncIterator[Job]:
        """A job, whenever something of it changes, until it has ended."""
        path = _job(token)
        job: Job | None = None
        async for event in self._events("GET", f"{path}/events"):
            job = reading.read(reading.job, event.data)
            yield job
        while job is None or not job.ended:
            await asyncio.sleep(1.0)
            job = reading.read(reading.job, await self._json("GET", path))
            yield job

    async def cancel(self, token: str) -> None:
        """Stops a job; what it has done so far stays."""
        await self._json("DELETE", _job(token))

    # -- parts ---------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Lets go of connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _json(self, method: str, path: str, **request: Any) -> Any:
        async with self._opened(method, path, **request) as response:
            await response.aread()
            return decoded(response)

    async def _events(self, method: str, path: str, **request: Any) -> AsyncIterator[Event]:
        reader = EventReader()
        headers = {"Accept": "text/event-stream"}
        async with self._opened(method, path, headers=headers, **request) as response:
            async for piece in response.aiter_bytes():
                for event in reader.feed(piece):
                    if event.name == "error":
                        raise problem_of(event.data, 500)
                    yield event

    @asynccontextmanager
    async def _opened(self, method: str, path: str, **request: Any) -> AsyncIterator[Any]:
        """A reply that has begun. Raises the service's error, or ServiceUnavailable."""
        import httpx

        if self._http is None:
            self._http = httpx.AsyncClient(
                base_url=self.url,
                headers=self._headers,
                timeout=httpx.Timeout(_SILENT_SECONDS, connect=_CONNECT_SECONDS),
                trust_env=self._trusts_environment,
                limits=httpx.Limits(max_connections=None),
            )
        secret = who.secret()
        shown = {"Authorization": f"Bearer {secret}"} if secret and path.startswith(_API) else {}
        headers = {"Accept-Language": language(), **shown, **request.pop("headers", {})}
        try:
            async with self._http.stream(method, path, headers=headers, **request) as response:
                if response.status_code >= 400:
                    await response.aread()
                    raise error_of(response)
                yield response
        except (httpx.TransportError, httpx.StreamError) as error:
            lost = unreachable(self.url, error)
            logger.warning("%s", lost)  # who reads the chat is told neither the address nor why
            raise lost from error


def is_end(told: Told) -> bool:
    """Whether nothing comes after it."""
    return isinstance(told.event, Done | Stopped)


def _of(base: str, rest: str) -> str:
    return f"{_API}/bases/{quote(base, safe='')}{rest}"


def _talk(base: str, token: str, rest: str = "") -> str:
    return _of(base, f"/conversations/{quote(token, safe='')}{rest}")


def _job(token: str) -> str:
    return f"{_API}/jobs/{quote(token, safe='')}"
