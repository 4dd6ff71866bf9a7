"""What the audit is told, and what it tells. Knows no file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

Questions: TypeAlias = Literal["hash", "text", "none"]
People: TypeAlias = Literal["id", "hash"]

# What the audit itself records.
RETENTION: Final = "audit.retention"
ERASURE: Final = "audit.erase"

# Why a chain does not hold. missing: rows that are not there, and were not dropped by retention. inserted: a row from
# before what was dropped. changed: a row, or the hash before it, is not what was written. unsigned: signatures end.
# forged: a signature that no key made. expected: the row that was asked for is another. person, question: what lies
# beside the chain does not belong to it.
Fault: TypeAlias = Literal[
    "missing", "inserted", "changed", "unsigned", "forged", "expected", "dropped", "person", "question"
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was asked or changed. `at` in microseconds since 1970; `question` is kept as the settings say."""

    at: int
    action: str
    who: str = ""
    question: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is kept. `who` is the person's name where it is known, else what the chain calls them."""

    seq: int
    at: datetime
    who: str
    body: Mapping[str, Any]
    hash: bytes
    question: str = ""
    text: str = ""  # the body as it was hashed

    @property
    def action(self) -> str:
        """What was done."""
        return str(self.body.get("action", ""))


@dataclass(frozen=True, slots=True)
class Problem:
    """The first row of those concerned, and what is wrong there."""

    seq: int
    fault: Fault
    last: int = 0  # of several rows: the last one


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying found. `head` is `SEQ:HASH` of the last row; `signed` counts rows whose signature was checked."""

    rows: int
    first: int
    head: str
    dropped: int = 0
    dropped_until: datetime | None = None
    signed: int = 0
    unchecked: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def moment_of(at: int) -> datetime:
    """Microseconds since 1970 as a time, UTC."""
    seconds, micros = divmod(at, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


def micros_of(moment: datetime) -> int:
    """A time as microseconds since 1970."""
    utc = moment.astimezone(UTC)
    return int(utc.replace(microsecond=0).timestamp()) * 1_000_000 + utc.microsecond
