"""One process's part of the service: what it serves with, made once from the settings, and never changed."""

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qianxun.errors import Unauthorized
from qianxun.service.access import Caller, caller_of_key, nobody
from qianxun.service.bases import Bases
from qianxun.service.facts import Ended
from qianxun.service.lanes import Lane, Places
from qianxun.service.limits import Limiter
from qianxun.service.readiness import Readiness
from qianxun.settings import Settings, home_directory
from qianxun.storage.database import Database
from qianxun.storage.jobs import Jobs
from qianxun.storage.keys import Key, Keys
from qianxun.storage.service import open_service
from qianxun.storage.sessions import Sessions, is_session

if TYPE_CHECKING:
    from qianxun.service.oidc import Oidc
    from qianxun.service.telemetry import Telemetry

logger = logging.getLogger(__name__)

# A key's last use is kept at most so often.
_USED_SECONDS: Final = 60.0
# Calls that only look at the stores: short, and never behind a search that waits for a model.
_LOOKING_THREADS: Final = 4
_LOOKING_QUEUE: Final = 256
_CHANGING_THREADS: Final = 2
# What takes seconds of a core for a page: one at a time, and few wait.
_LONG_QUEUE: Final = 8
_DRAWING_THREADS: Final = 2
_DRAWING_QUEUE: Final = 32
# What waits for the issuer that people sign in with.
_ISSUER_THREADS: Final = 8
_ISSUER_QUEUE: Final = 64


class Service:
    """What every request is served with. `loopback` says whether only this machine can reach it.

    `listeners` are told of every request that has ended, in order, and must be quick; `before_reply` of one that
    changes something, before its reply is sent. `admitting` may refuse a caller by an error, `before_tokens` one who
    is about to use tokens of a model; `closing` is called at the end.
    """

    def __init__(self, settings: Settings, *, loopback: bool = True) -> None:
        self.settings = settings
        self.loopback = loopback
        self.home: Path = home_directory(settings)
        self.database: Database = open_service(self.home)
        self.keys = Keys(self.database)
        self.sessions = Sessions(self.database)
        self.jobs = Jobs(self.database)
        self.bases = Bases(settings)
        section = settings.service
        self.lanes: dict[str, Lane] = {
            "search": Lane(
                "search",
                threads=section.search_threads or (os.cpu_count() or 1) + 1,
                queue=section.search_queue,
            ),
            "look": Lane("look", threads=_LOOKING_THREADS, queue=_LOOKING_QUEUE),
            # What writes may wait for who else writes: nobody who only looks waits with it.
            "change": Lane("change", threads=_CHANGING_THREADS, queue=_LOOKING_QUEUE),
            # Reads whole files or all texts, and changes nothing: no search and no writer waits behind it.
            "previews": Lane("previews", threads=1, queue=_LONG_QUEUE),
            # Pages of documents, drawn for viewers: each takes a core for a moment.
            "pictures": Lane("pictures", threads=_DRAWING_THREADS, queue=_DRAWING_QUEUE),
            # Apart: whoever begins to sign in, which anybody may, holds up nobody who has.
            "sign-in": Lane("sign-in", threads=_ISSUER_THREADS, queue=_ISSUER_QUEUE),
            "renewal": Lane("renewal", threads=_ISSUER_THREADS, queue=_ISSUER_QUEUE),
            "models": Lane("models", threads=section.model_calls, queue=section.model_calls * 4),
        }
        self.streams = Places("answers", section.streams)
        self.watchers = Places("watchers of jobs", section.streams * 4)
        self.limiter = Limiter(section)
        self.listeners: list[Callable[[Ended], None]] = []
        self.before_reply: list[Callable[[Ended], Awaitable[None]]] = []
        self.admitting: list[Callable[[Caller], None]] = []
        self.before_tokens: list[Callable[[Caller], None]] = []
        self.closing: list[Callable[[], None]] = []
        # How a bearer token that is no key is read; None where the settings name no issuer.
        self.caller_of_token: Callable[[str], Awaitable[Caller]] | None = None
        # Signing in with that issuer at the pages; None where the settings name no client.
        self.oidc: Oidc | None = None
        self.readiness = Readiness(self.bases)
        self.telemetry: Telemetry | None = None
        self.stopping = threading.Event()
        # Whether /chat is served by this process.
        self.has_chat = False
        # Whether this process stops because another one has taken its place: the service itself goes on.
        self.replaced: Callable[[], bool] = lambda: False
        # Answers that go on although who asked has gone; the loop itself would not hold them.
        self.going_on: set[asyncio.Task[None]] = set()
        self._used: dict[str, float] = {}
        self._writers: list[threading.Thread] = []

    @property
    def admits_nobody(self) -> bool:
        """Whether something must be shown by everybody."""
        anonymous = self.settings.service.anonymous
        return anonymous == "off" or (anonymous == "loopback" and not self.loopback)

    async def caller(self, shown: str | None) -> Caller:
        """Who shows this key or token. Raises Unauthorized for one that does not hold, and for none where one must."""
        if shown is None:
            if self.admits_nobody:
                raise Unauthorized("No key was shown.", remedy="Send it as `Authorization: Bearer KEY`.")
            return nobody(self.settings.service)
        if is_session(shown):
            shown = await self._shown_in(shown)
        key = self.keys.opened_by(shown)
        if key is not None:
            self._note_use(key)
            return caller_of_key(key, self.settings.service)
        if self.caller_of_token is not None and shown.count(".") == 2:
            return await self.caller_of_token(shown)
        raise Unauthorized("The key does not hold.", remedy="Ask for one: `qianxun keys create NAME` makes it.")

    async def admit(self, caller: Caller) -> None:
        """Counts a request of theirs. Raises LimitReached for one too many, and what `admitting` does."""
        await self.limiter.request(caller)
        for admit in self.admitting:
            admit(caller)

    async def _shown_in(self, secret: str) -> str:
        """The key or token that a session stands for now."""
        session = self.sessions.found(secret)
        if session is None:
            raise Unauthorized("The session has ended.", remedy="Sign in again.")
        if session.renewal and self.oidc is not None:
            return await self.oidc.shown_by(secret)
        return session.shown

    def _note_use(self, key: Key) -> None:
        now = time.monotonic()
        if now - self._used.get(key.id, float("-inf")) < _USED_SECONDS:
            return
        self._used[key.id] = now
        # Not here: a look must not wait for who writes to the file.
        writer = threading.Thread(target=self._keep_use, args=(key.id,), daemon=True)
        self._writers = [one for one in self._writers if one.is_alive()] + [writer]
        writer.start()

    def _keep_use(self, id: str) -> None:
        try:
            self.keys.note_use([id])
        except Exception as error:
            logger.warning("the last use of a key was not kept: %s", type(error).__name__)

    async def finished(self) -> None:
        """Waits for answers of conversations whose listeners have gone, as long as the settings say."""
        talking = [base.kb.conversations.finished() for base in self.bases.opened()]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*talking, *self.going_on), self.settings.service.stop_seconds)

    def close(self) -> None:
        """Lets go of threads and files."""
        self.readiness.stop()
        for close in self.closing:
            close()
        for lane in self.lanes.values():
            lane.close()
        if self.oidc is not None:
            self.oidc.close()
        self.bases.close()
        # The file must not be closed under who writes to it.
        for writer in self._writers:
            writer.join()
        self.keys.close()
