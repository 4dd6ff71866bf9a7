"""Every request that has ended, into the audit and the quotas: one queue, one transaction for those of the same moment.

A change is on disk before its reply is sent; the rest within a tenth of a second. Knows no HTTP framework. What is
kept of a question or a person is the audit's to decide.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from qianxun import assemble, tally
from qianxun.errors import LimitReached, Overloaded, QianxunError
from qianxun.parts import parts_of
from qianxun.service.access import Caller
from qianxun.service.facts import Ended, Facts
from qianxun.settings import Settings
from qianxun.storage.audit_records import Entry, micros_of
from qianxun.storage.database import Database
from qianxun.storage.group_commit import GroupCommit
from qianxun.storage.quotas import Quotas, Use, today

logger = logging.getLogger(__name__)

# What is asked of the service itself, by machines and all the time.
UNRECORDED: Final = frozenset(("/healthz", "/readyz", "/metrics"))
_TEND_SECONDS: Final = 3600.0
# Refusals that cost whoever is refused nothing: so many rows a second are enough, or they would fill the disk.
_CHEAP: Final = frozenset((401, 421, 429))
_CHEAP_A_SECOND: Final = 10


@dataclass(frozen=True, slots=True)
class _Item:
    entry: Entry | None
    use: Use | None


class Auditing:
    """The recorder of one process. `admit`, `before_tokens`, `before_reply` and `ended` are for the service's lists."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._required = settings.audit.required and settings.audit.enabled
        self.audit = assemble.audit(settings, database) if settings.audit.enabled else None
        self.quotas = Quotas(database)
        self.dropped = 0
        self._tended = float("-inf")
        self._day = ""
        self._cheap = _Sparing(_CHEAP_A_SECOND)
        self.queue: GroupCommit[_Item] = GroupCommit(database, self._write, written=self._written)

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to write failed, or nothing more can wait."""
        return self.queue.failure is not None or self.queue.is_full

    def admit(self, caller: Caller) -> None:
        """Raises Overloaded while nothing can be recorded and the settings ask that everything is."""
        if self._required and self.is_failing:
            raise _unrecorded()

    def before_tokens(self, caller: Caller) -> None:
        """Raises LimitReached if the caller has used up the day's tokens."""
        most = caller.limits.tokens_per_day
        if not most or self.quotas.used(caller.id) < most:
            return
        tally.count("limited", "tokens")
        raise used_up(most)

    async def before_reply(self, ended: Ended) -> None:
        """A change, on disk. Raises Overloaded if that fails and the settings ask for it; it is done all the same."""
        # Not by the request's id, which clients may choose: two of the same would hide one of them.
        if self.audit is None or ended.facts.on_record:
            return
        if self.queue.is_full:  # it is tried again, or counted as left out, when the request has ended
            if self._required:
                raise _unrecorded()
            return
        ended.facts.on_record = True
        try:
            await asyncio.wrap_future(self.queue.put_now(self._item(ended)))
        except QianxunError as error:
            if self._required:
                raise _unrecorded() from error

    def ended(self, ended: Ended) -> None:
        """Any other request, soon."""
        if ended.facts.on_record:
            return
        if ended.route in UNRECORDED or (self.audit is None and not _tokens(ended.facts)):
            return
        if ended.status in _CHEAP:
            left_out = self._cheap.take(time.monotonic())
            if left_out is None:
                return
            if left_out:
                ended.facts.detail["refusals_left_out"] = left_out
        if not self.queue.put(self._item(ended)):
            self.dropped += 1
            if self.dropped & (self.dropped - 1) == 0:  # at powers of two: not a line for each
                logger.error("%d requests were not recorded: too many wait to be", self.dropped)

    def close(self) -> None:
        """Writes what waits."""
        self.queue.close()
        self._say_head()

    def _item(self, ended: Ended) -> _Item:
        now = datetime.now(UTC)
        entry = entry_of(ended, micros_of(now)) if self.audit is not None else None
        facts, use = ended.facts, None
        if _tokens(facts) and ended.caller.id:
            use = Use(ended.caller.id, today(), facts.prompt_tokens, facts.completion_tokens)
            self.quotas.note(use)
        return _Item(entry, use)

    def _write(self, db: sqlite3.Connection, items: Sequence[_Item]) -> None:
        if self.audit is not None:
            self.audit.append(db, [item.entry for item in items if item.entry is not None])
        self.quotas.write(db, [item.use for item in items if item.use is not None])

    def _written(self, items: Sequence[_Item]) -> None:
        self.quotas.written([item.use for item in items if item.use is not None])
        now = time.monotonic()
        if now - self._tended < _TEND_SECONDS:
            return
        self._tended = now
        try:
            self.quotas.expire()
            if self.audit is not None and (n := self.audit.expire()):
                logger.info("audit: %d rows were dropped by the retention", n)
        except QianxunError as error:
            logger.warning("what is too old was not taken out: %s", type(error).__name__)
        if self._day != today():
            self._say_head()

    def _say_head(self) -> None:
        """The head of the chain as a line of the log, where it is out of reach of who can write the file."""
        self._day = today()
        if self.audit is None:
            return
        try:
            seq, hash = self.audit.head()
        except QianxunError as error:
            logger.warning("the head of the audit cannot be read: %s", type(error).__name__)
        else:
            logger.info("audit head %d:%s", seq, hash.hex())


class _Sparing:
    """Lets so many through in a second, and counts the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._second = -1
        self._taken = 0
        self._left_out = 0

    def take(self, now: float) -> int | None:
        """How many were left out since the last that was let through; None if this one is left out, too."""
        if int(now) != self._second:
            self._second, self._taken = int(now), 0
        if self._taken >= self._most:
            self._left_out += 1
            return None
        self._taken += 1
        left_out, self._left_out = self._left_out, 0
        return left_out


def used_up(most: int) -> LimitReached:
    """The error that says when there are tokens again."""
    error = LimitReached(
        "The {n} tokens of the day are used up.", remedy="Ask again tomorrow (UTC), or for a larger quota.", n=most
    )
    error.retry_after = _seconds_left_of_the_day()
    return error


def entry_of(ended: Ended, at: int) -> Entry:
    """What the audit is told of a request."""
    facts = ended.facts
    fields: dict[str, Any] = {
        "request": ended.id,
        "route": ended.route,
        "method": ended.method,
        "status": ended.status,
        "kb": facts.base,
        "passages": list(facts.passages),
        "documents": list(facts.documents),
        "models": dict(facts.models),
        "tokens": [facts.prompt_tokens, facts.completion_tokens] if _tokens(facts) else [],
        "seconds": round(ended.seconds, 4),
        "verdict": facts.verdict,
        "degraded": list(parts_of(facts.degraded)),
        "cached": facts.cached,
        "changes": facts.changes,
        "detail": dict(facts.detail),
    }
    return Entry(at, facts.action or "request", ended.caller.id, facts.question, fields)


def _tokens(facts: Facts) -> int:
    return facts.prompt_tokens + facts.completion_tokens


def _unrecorded() -> Overloaded:
    error = Overloaded("The audit cannot be written.", remedy="The operator finds why in the service's log.")
    error.retry_after = 5.0
    return error


def _seconds_left_of_the_day() -> float:
    now = datetime.now(UTC)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
