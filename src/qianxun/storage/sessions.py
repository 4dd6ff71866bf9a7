"""Who is signed in at the pages: a session stands for the key or token that was shown once.

A browser holds `qs-SECRET` in a cookie. Kept are a hash of it and the credential, sealed with a key derived from it
(AES-256-GCM): who reads the file can neither sign in nor learn a key. What was shown is looked at anew with every
request, so that a key that is revoked ends its sessions with it. A token that runs out is replaced by another in its
session, by whoever has taken the renewal: one at a time, among all processes.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from qianxun.storage.database import Database
from qianxun.storage.sealing import opened, sealed
from qianxun.storage.service import migrate
from qianxun.storage.session_steps import ROOM, STEPS

_FORM: Final = re.compile(r"qs-[A-Za-z0-9_-]{43}")
_RENEWAL: Final = b"renewal"


@dataclass(frozen=True, slots=True)
class Session:
    """What a session stands for: the key or token; "" or what renews it; whether somebody is renewing it."""

    shown: str
    renewal: str
    renewing: bool


class Sessions:
    """The sessions in a service's file. Several processes may read and write at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        migrate(database, ROOM, STEPS)

    def begin(self, shown: str, lasts: timedelta, *, renewal: str = "", now: datetime | None = None) -> str:
        """A session's secret for who has shown this key or token. Sessions that have ended are forgotten."""
        moment = now or datetime.now(UTC)
        secret = f"qs-{secrets.token_urlsafe(32)}"
        with self._database.transaction() as db:
            db.execute("DELETE FROM sessions WHERE expires <= ?", (_moment(moment),))
            db.execute(
                "INSERT INTO sessions (hash, sealed, renewal, created, expires) VALUES (?, ?, ?, ?, ?)",
                (_hash(secret), *_sealed(secret, shown, renewal), _moment(moment), _moment(moment + lasts)),
            )
        return secret

    def found(self, secret: str, *, now: datetime | None = None) -> Session | None:
        """A session; None if there is no such, or it has ended."""
        if not is_session(secret):
            return None
        moment = _moment(now or datetime.now(UTC))
        rows = self._database.rows(
            "SELECT sealed, renewal, renewing FROM sessions WHERE hash = ? AND expires > ?", (_hash(secret), moment)
        )
        if not rows:
            return None
        shown = opened(bytes(rows[0][0]), _sealing(secret))
        renewal = "" if rows[0][1] is None else opened(bytes(rows[0][1]), _sealing(secret), _RENEWAL)
        return None if shown is None or renewal is None else Session(shown, renewal, rows[0][2] > moment)

    def shown_by(self, secret: str, *, now: datetime | None = None) -> str | None:
        """The key or token that a session stands for; None if there is no such session, or it has ended."""
        session = self.found(secret, now=now)
        return None if session is None else session.shown

    def end(self, secret: str) -> None:
        """Ends a session, if there is one."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM sessions WHERE hash = ?", (_hash(secret),))

    # -- renewing ------------------------------------------------------------------------------------

    def take_renewal(self, secret: str, lasts: timedelta, *, now: datetime | None = None) -> bool:
        """Whether the renewal of a session is ours, for a while at most: nobody else had taken it."""
        moment = now or datetime.now(UTC)
        with self._database.transaction() as db:
            taken = db.execute(
                "UPDATE sessions SET renewing = ? WHERE hash = ? AND renewing <= ?",
                (_moment(moment + lasts), _hash(secret), _moment(moment)),
            )
            return taken.rowcount == 1

    def renew(self, secret: str, shown: str, renewal: str) -> None:
        """The session, if it has not been ended, stands for this from now on."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE sessions SET sealed = ?, renewal = ? WHERE hash = ?",
                (*_sealed(secret, shown, renewal), _hash(secret)),
            )

    def leave_renewal(self, secret: str) -> None:
        """Others may renew the session."""
        with self._database.transaction() as db:
            db.execute("UPDATE sessions SET renewing = '' WHERE hash = ?", (_hash(secret),))


def is_session(shown: str) -> bool:
    """Whether this has the form of a session's secret."""
    return _FORM.fullmatch(shown) is not None


def _sealed(secret: str, shown: str, renewal: str) -> tuple[bytes, bytes | None]:
    key = _sealing(secret)
    return sealed(shown, key), sealed(renewal, key, _RENEWAL) if renewal else None


def _hash(secret: str) -> bytes:
    # 256 random bits: there is nothing to guess, and so nothing to slow down.
    return hashlib.sha256(secret.encode()).digest()


def _sealing(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"qianxun session", "sha256")


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
