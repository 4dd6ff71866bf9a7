"""What the service gives to a browser to bring back soon: sealed with a key of the service's own. Nothing is kept.

Every process of the service opens what another one gave, since the key lies in the service's file. Who has the file
could make tickets, which say nothing of who somebody is.
"""

import base64
import binascii
import secrets
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from qianxun.storage.database import Database
from qianxun.storage.sealing import KEY_BYTES, opened, sealed
from qianxun.storage.service import Step, migrate

ROOM: Final = "tickets"
_WHAT: Final = b"qianxun ticket"


def m001_key(db: sqlite3.Connection) -> None:
    """The key, made once."""
    db.execute("CREATE TABLE ticket_key (key BLOB NOT NULL) STRICT")
    db.execute("INSERT INTO ticket_key VALUES (?)", (secrets.token_bytes(KEY_BYTES),))


STEPS: Final[tuple[Step, ...]] = (m001_key,)


class Tickets:
    """Gives tickets and opens them. `now` says what time it is."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        migrate(database, ROOM, STEPS)
        self._key = bytes(database.rows("SELECT key FROM ticket_key")[0][0])
        self._now = now

    def give(self, text: str, lasts: timedelta) -> str:
        """A ticket for a text, in characters that a cookie may have."""
        until = (self._now() + lasts).timestamp()
        return base64.urlsafe_b64encode(sealed(f"{until} {text}", self._key, _WHAT)).decode().rstrip("=")

    def opened(self, ticket: str) -> str | None:
        """The text of a ticket; None for one that was not given here, or is too old."""
        try:
            data = base64.urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
        except (binascii.Error, ValueError):
            return None
        found = opened(data, self._key, _WHAT)
        if found is None:
            return None
        until, _, text = found.partition(" ")
        return text if self._now().timestamp() < float(until) else None
