"""Goes through the whole chain of the audit and names what is wrong, the first row first. Changes nothing.

Every row is held against the hash before it. Where the chain begins later than with row 1, a row of the retention must
say that it may, and with which hash; that row is in the chain itself. SQLite's own note of the highest number shows
that the end is missing; who can write the file can change that, too, so that only a head noted elsewhere (`expect`), or
a signature, proves that an end was not cut off or the whole not made anew.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from qianxun.errors import InputError
from qianxun.storage.audit import Audit, code_of
from qianxun.storage.audit_chain import GENESIS, hash_of, is_signed
from qianxun.storage.audit_records import RETENTION, Fault, Problem, Verified, moment_of

# More problems than this are not named.
MOST_PROBLEMS: Final = 20
_AT_ONCE: Final = 2_000


def verify(audit: Audit, *, expect: tuple[int, str] | None = None) -> Verified:
    """What the chain is like now; `expect` is number and hash (hexadecimal, or its beginning) of a row noted before."""
    with audit.database.translated() as db:
        db.execute("BEGIN")  # one state, however much is added meanwhile
        try:
            walk = _Walk(audit, expect)
            for row in _rows(db):
                walk.row(*row)
            walk.end(_highest(db))
            walk.beside(db)
        finally:
            db.execute("ROLLBACK")
    return walk.found()


def head_of(text: str) -> tuple[int, str]:
    """`SEQ:HASH` as it is printed. Raises InputError."""
    seq, _, hash = text.strip().partition(":")
    if not (seq.isascii() and seq.isdecimal() and len(hash) >= 16 and set(hash.lower()) <= set("0123456789abcdef")):
        raise InputError(
            "{text!r} is no head of an audit.",
            remedy="Give it as `qianxun audit head` prints it: SEQ:HASH.",
            text=text[:100],
        )
    return int(seq), hash.lower()


@dataclass(slots=True)
class _Walk:
    """What is known after each row."""

    audit: Audit
    expect: tuple[int, str] | None
    problems: list[Problem] = field(default_factory=list)
    rows: int = 0
    first: int = 0
    first_row: tuple[int, int, bytes, bytes] | None = None
    last: int = 0
    hash: bytes = GENESIS
    signed: int = 0
    unchecked: int = 0
    signing: bool = False
    through: int = 0
    through_hash: bytes = GENESIS
    until: int = 0

    def row(self, seq: int, at: int, body: bytes, hash: bytes, signature: bytes | None) -> None:
        """The next row."""
        self.rows += 1
        if self.rows == 1:
            # What stood before the first row is known only when the whole chain has been read.
            self.first, self.first_row = seq, (seq, at, body, hash)
            holds = True
        else:
            if seq != self.last + 1:
                self._wrong(self.last + 1, "missing", seq - 1)
            holds = hash == hash_of(self.hash, seq, at, body) or seq != self.last + 1
            if not holds:
                self._wrong(seq, "changed")
        self.last, self.hash = seq, hash
        self._look_at(signature)
        if holds:
            self._take(body)
        if self.expect is not None and self.expect[0] == seq and not hash.hex().startswith(self.expect[1]):
            self._wrong(seq, "expected")

    def end(self, highest: int) -> None:
        """The whole chain was read; SQLite says that its highest number was `highest`."""
        if self.first_row is not None:
            seq, at, body, hash = self.first_row
            if seq > self.through + 1:
                self._wrong(self.through + 1, "missing", seq - 1)
            elif seq <= self.through:
                self._wrong(seq, "inserted")
            elif hash != hash_of(self.through_hash, seq, at, body):
                self._wrong(seq, "changed")
        if highest > self.last:
            self._wrong(self.last + 1, "missing", highest)
        if self.audit.keys and self.rows and not self.signing:
            self._wrong(self.last, "unsigned")
        if self.expect is not None:
            seq, expected = self.expect
            if seq > self.last or (seq == self.through and not self.through_hash.hex().startswith(expected)):
                self._wrong(seq, "expected")
            elif seq < self.first and seq != self.through:
                self._wrong(seq, "dropped")

    def beside(self, db: sqlite3.Connection) -> None:
        """Persons and questions against what the chain has of them."""
        for code, lookup, salt, name in db.execute("SELECT code, lookup, salt, name FROM audit_people").fetchall():
            if code != code_of(lookup, salt) or (name is not None and lookup != self.audit.lookup_of(name)):
                # By its letters: a body that was changed may be no JSON.
                (seq,) = db.execute("SELECT min(seq) FROM audit WHERE instr(body, ?)", (f'"who":"{code}"',)).fetchone()
                self._wrong(seq or 0, "person")
        for seq, text, body in db.execute(
            "SELECT q.seq, CAST(q.text AS BLOB), CAST(a.body AS BLOB) FROM audit_questions q "
            "LEFT JOIN audit a ON a.seq = q.seq ORDER BY q.seq"
        ):
            hash = self.audit.hash_of_question(text.decode("utf-8", "replace"))
            if body is None or _fields(body).get("question") != hash:
                self._wrong(seq, "question")

    def found(self) -> Verified:
        """All in all."""
        return Verified(
            rows=self.rows,
            first=self.first,
            head=f"{self.last}:{self.hash.hex()}",
            dropped=self.through,
            dropped_until=moment_of(self.until) if self.through else None,
            signed=self.signed,
            unchecked=self.unchecked,
            problems=tuple(self.problems),
        )

    def _look_at(self, signature: bytes | None) -> None:
        if signature is None:
            if self.signing:
                self._wrong(self.last, "unsigned")
        elif not self.audit.keys:
            self.unchecked += 1
        elif is_signed(self.audit.keys, self.hash, signature):
            self.signed += 1
        else:
            self._wrong(self.last, "forged")
        self.signing = self.signing or signature is not None

    def _take(self, body: bytes) -> None:
        """What a row of the retention says."""
        if RETENTION.encode() not in body:
            return
        fields = _fields(body)
        if fields.get("action") == RETENTION:
            self.through, self.until = int(fields["through"]), int(fields["until"])
            self.through_hash = bytes.fromhex(fields["hash"])

    def _wrong(self, seq: int, fault: Fault, last: int = 0) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(seq, fault, last if last > seq else 0))


def _rows(db: sqlite3.Connection) -> Iterator[tuple[int, int, bytes, bytes, bytes | None]]:
    # As bytes: what somebody wrote there need not be text.
    found = db.execute("SELECT seq, at, CAST(body AS BLOB), hash, signature FROM audit ORDER BY seq")
    while batch := found.fetchmany(_AT_ONCE):
        yield from batch


def _highest(db: sqlite3.Connection) -> int:
    found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    return int(found[0]) if found else 0


def _fields(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
