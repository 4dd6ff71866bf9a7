"""Sessions of who signed in with the issuer: their tokens are replaced before they run out, for as long as it agrees.

Issuers give a refresh token only once and may end everything where one comes twice. So one thread of one process
renews a session at a time: who has taken it in the service's file. Others go on with the token that still holds, or
wait for the next.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Final

from qianxun.errors import Overloaded, Unauthorized
from qianxun.service.lanes import Lane
from qianxun.service.oidc.provider import Granted, Provider
from qianxun.service.tokens import Tokens
from qianxun.storage.sessions import Sessions

logger = logging.getLogger(__name__)

# So long before it runs out a token is replaced, or in the last quarter of its time.
_EARLY_SECONDS: Final = 20.0
# Longer than the issuer may take for all that is asked of it; who was killed meanwhile is not waited for any longer.
_TAKEN: Final = timedelta(seconds=60)
_WAIT_SECONDS: Final = 15.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a session keeps beside its token: whose it is, by whom it is renewed, and when (seconds since 1970)."""

    who: str
    subject: str
    refresh: str
    id: str
    renew_at: float
    until: float

    @classmethod
    def of(cls, text: str) -> "Renewal":
        """As it was kept."""
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps(asdict(self))


class Renewing:
    """Tells what sessions stand for now. `lane` is where the issuer is asked; `now` is in seconds since 1970."""

    def __init__(
        self,
        tokens: Tokens,
        provider: Provider,
        sessions: Sessions,
        lane: Lane,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tokens = tokens
        self._provider = provider
        self._sessions = sessions
        self._lane = lane
        self._now = now

    async def shown_by(self, secret: str) -> str:
        """The token that a session stands for now. Raises Unauthorized if it has ended, Overloaded."""
        waits_until = time.monotonic() + _WAIT_SECONDS
        while True:
            found = self._sessions.found(secret)
            if found is None:
                raise has_ended()
            renewal, now = Renewal.of(found.renewal), self._now()
            holds = now < renewal.until
            if now < renewal.renew_at or (holds and not renewal.refresh):
                return found.shown
            if not found.renewing:
                try:
                    shown = await self._lane.run(self._renewed, secret)
                except Overloaded:
                    if holds:
                        return found.shown
                    raise
                if shown is not None:
                    return shown
            if holds:
                return found.shown
            if time.monotonic() > waits_until:
                raise _is_slow()
            await asyncio.sleep(_LOOK_SECONDS)

    def kept(self, granted: Granted, subject: str) -> tuple[str, Renewal]:
        """The token that opens this service, and what else is kept. Raises Unauthorized where none does, Overloaded.

        An access token for this service goes before the ID token, which says who somebody is to the client.
        """
        refused: Unauthorized | None = None
        for token in (granted.access, granted.id):
            if token.count(".") != 2:  # only the issuer can read it
                continue
            try:
                who, until = self._tokens.caller(token).id, float(self._tokens.claims(token)["exp"])
            except Unauthorized as error:
                refused = error
                continue
            now = self._now()
            early = min(_EARLY_SECONDS, max(0.0, until - now) / 4)
            return token, Renewal(who, subject, granted.refresh, granted.id, until - early, until)
        logger.warning("%s: none of its tokens opens this service: %s", self._provider.issuer, refused)
        raise Unauthorized(
            "{issuer} signed you in, but its tokens are not for this service.",
            remedy="Your administrator sets tokens.audience to what they are for.",
            issuer=self._provider.name,
        )

    # -- in a thread ---------------------------------------------------------------------------------

    def _renewed(self, secret: str) -> str | None:
        """A session's new token; None if another one is about to renew it."""
        if not self._sessions.take_renewal(secret, _TAKEN):
            return None
        try:
            found = self._sessions.found(secret)
            if found is None:
                raise has_ended()
            renewal = Renewal.of(found.renewal)
            if self._now() < renewal.renew_at:  # it was renewed between our look and our taking it
                return found.shown
            try:
                return self._asked(secret, found.shown, renewal)
            except Unauthorized as error:
                logger.info("a session ends: %s", error)
                self._sessions.end(secret)
                raise has_ended() from error
        finally:
            self._sessions.leave_renewal(secret)

    def _asked(self, secret: str, shown: str, renewal: Renewal) -> str:
        if not renewal.refresh:
            raise Unauthorized("The token is refused: it has expired.")
        granted = self._provider.refresh(renewal.refresh)
        if granted.refresh and granted.refresh != renewal.refresh:
            # At once: the one of before is used up, and reading the new tokens may fail for a while.
            renewal = replace(renewal, refresh=granted.refresh)
            self._sessions.renew(secret, shown, str(renewal))
        if granted.id and self._tokens.claims(granted.id, client=self._provider.client)["sub"] != renewal.subject:
            raise _somebody_else()
        new_shown, new = self.kept(granted, renewal.subject)
        if new.who != renewal.who:
            raise _somebody_else()
        new = replace(new, refresh=renewal.refresh, id=granted.id or renewal.id)
        self._sessions.renew(secret, new_shown, str(new))
        return new_shown


def has_ended() -> Unauthorized:
    """What is said of a session that is no more."""
    return Unauthorized("The session has ended.", remedy="Sign in again.")


def _somebody_else() -> Unauthorized:
    return Unauthorized("The token is refused: it is somebody else's.")


def _is_slow() -> Overloaded:
    return Overloaded("The session is being renewed.", remedy="Try again later.")
