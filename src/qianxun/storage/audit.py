"""Who asked or changed what, when: a record in the service's file to which rows can be added, and nothing else.

The rows are a chain (`audit_chain`): each hash is made from the one before, so that a row that was changed, taken out
or put in shows (`audit_verify`). Several processes add to the one chain; each addition reads the last row in the
transaction that adds. Bodies hold ids, counts and hashes, and no text of documents.

What may have to be erased lies beside the chain, and the chain holds only a hash of it:

* Persons. A row calls a person by a code: a hash of a keyed hash of the id and of a random salt. `audit_people` has the
  salt, and the id itself unless `people` is "hash". Without its row there a code leads to nobody, not even for one who
  guesses the id; with it, nobody can make the code another person's. A person who comes back has a new code.
* Questions. A row has a keyed hash of the question, its spelling folded, so that equal questions can be told; the key
  lies in the same file. Where `questions` is "text", the text is in `audit_questions`.

Retention takes out the oldest rows and adds one that says so, with the hash of the last row taken out; that the chain
begins there is then known to be right.
"""

import hashlib
import hmac
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from qianxun.errors import SettingsError
from qianxun.storage.audit_chain import GENESIS, body_of, hash_of, sign
from qianxun.storage.audit_records import (
    ERASURE,
    RETENTION,
    Entry,
    People,
    Questions,
    Row,
    micros_of,
    moment_of,
)
from qianxun.storage.audit_steps import ROOM, STEPS
from qianxun.storage.database import Database
from qianxun.storage.service import migrate
from qianxun.text import fold

# Rows that retention takes out in one transaction: nobody waits long for the file.
_DROPPED_AT_ONCE: Final = 5_000
_CODE_CHARS: Final = 32
_AT_ONCE: Final = 500


class Audit:
    """The record of one service. `keys`: the first signs what is added; without one nothing is signed."""

    def __init__(
        self,
        database: Database,
        *,
        questions: Questions = "hash",
        people: People = "id",
        retention_days: int = 0,
        keys: Sequence[bytes] = (),
    ) -> None:
        self.database = database
        self.keys = tuple(keys)
        self._questions = questions
        self._people = people
        self._retention_days = retention_days
        migrate(database, ROOM, STEPS)
        ((self._key,),) = database.rows("SELECT key FROM audit_key")

    # -- writing -------------------------------------------------------------------------------------

    def record(self, *entries: Entry) -> None:
        """Adds entries in a transaction of their own. Raises SettingsError if the chain is signed and we cannot."""
        with self.database.transaction() as db:
            self.append(db, entries)

    def append(self, db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
        """Adds entries to the chain, in the caller's transaction (which must have begun to write)."""
        seq, hash, signed = _end_of(db)
        if signed and not self.keys:
            raise SettingsError(
                "The audit is signed, and this process has no key.",
                remedy="Set audit.key_env and the environment variable that it names.",
            )
        codes: dict[str, str] = {}
        for entry in entries:
            seq += 1
            if entry.who and entry.who not in codes:
                codes[entry.who] = self._code(db, entry.who)
            asked = entry.question if self._questions != "none" else ""
            body = body_of(
                {
                    **entry.fields,
                    "action": entry.action,
                    "who": codes.get(entry.who, ""),
                    "question": self.hash_of_question(asked) if asked else "",
                }
            )
            hash = hash_of(hash, seq, entry.at, body.encode())
            signature = sign(self.keys[0], hash) if self.keys else None
            db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?)", (seq, entry.at, body, hash, signature))
            if asked and self._questions == "text":
                db.execute("INSERT INTO audit_questions VALUES (?, ?)", (seq, _storable(asked)))

    def expire(self, now: datetime | None = None) -> int:
        """Takes out what is older than the retention; returns how many rows that were."""
        if self._retention_days <= 0:
            return 0
        moment = now or datetime.now(UTC)
        before = micros_of(moment - timedelta(days=self._retention_days))
        dropped = 0
        while n := self._drop(before, micros_of(moment)):
            dropped += n
        return dropped

    def erase(self, person: str, *, now: datetime | None = None) -> int:
        """Makes one person unknown: their codes lead to nobody, the texts of their questions are gone.

        The rows stay, and with them the chain. Returns how many rows that were. A name that is unknown erases nothing.
        """
        with self.database.transaction() as db:
            lookup = self.lookup_of(person)
            codes = [row[0] for row in db.execute("SELECT code FROM audit_people WHERE lookup = ?", (lookup,))]
            if not codes:
                return 0
            (code,) = codes
            rows = [
                row[0] for row in db.execute("SELECT seq FROM audit WHERE json_extract(body, '$.who') = ?", (code,))
            ]
            db.executemany("DELETE FROM audit_questions WHERE seq = ?", [(seq,) for seq in rows])
            db.execute("DELETE FROM audit_people WHERE code = ?", (code,))
            at = micros_of(now or datetime.now(UTC))
            self.append(db, [Entry(at, ERASURE, fields={"person": code, "rows": len(rows)})])
            return len(rows)

    # -- reading -------------------------------------------------------------------------------------

    def head(self) -> tuple[int, bytes]:
        """Number and hash of the last row; 0 and zeros where there is none."""
        with self.database.translated() as db:
            return _end_of(db)[:2]

    def count(self) -> int:
        """How many rows there are."""
        return int(self.database.rows("SELECT count(*) FROM audit")[0][0])

    def rows(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        who: str = "",
        action: str = "",
        kb: str = "",
        verdicts: Sequence[str] = (),
        newest_first: bool = False,
        limit: int = 0,
    ) -> Iterator[Row]:
        """Rows by number; those of a time (`until` not included), a person (id or code), an action or its room, a base.

        `action` "documents" also finds "documents.add"; with `verdicts` only answers of these. `limit` 0: all.
        """
        conditions, values = ["1"], list[Any]()
        if since is not None:
            conditions.append("a.at >= ?")
            values.append(micros_of(since))
        if until is not None:
            conditions.append("a.at < ?")
            values.append(micros_of(until))
        if who:
            conditions.append("json_extract(a.body, '$.who') IN (?, (SELECT code FROM audit_people WHERE lookup = ?))")
            values += [who, self.lookup_of(who)]
        if action:
            named = "json_extract(a.body, '$.action')"
            conditions.append(f"({named} = ? OR substr({named}, 1, ?) = ?)")
            values += [action, len(action) + 1, f"{action}."]
        if kb:
            conditions.append("json_extract(a.body, '$.kb') = ?")
            values.append(kb)
        if verdicts:
            conditions.append("json_extract(a.body, '$.verdict') IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(verdicts)))
        order = "DESC" if newest_first else "ASC"
        statement = (
            "SELECT a.seq, a.at, a.body, a.hash, p.name, q.text FROM audit a "
            "LEFT JOIN audit_people p ON p.code = json_extract(a.body, '$.who') "
            "LEFT JOIN audit_questions q ON q.seq = a.seq "
            f"WHERE {' AND '.join(conditions)} ORDER BY a.seq {order} LIMIT ?"
        )
        with self.database.translated() as db:
            found = db.execute(statement, (*values, limit or -1))
            while batch := found.fetchmany(_AT_ONCE):
                yield from (_row(*one) for one in batch)

    def hash_of_question(self, question: str) -> str:
        """What the chain has of a question: the same for the same one, also in other widths, scripts or spacing."""
        return self._keyed("question", " ".join(fold(_storable(question)).split()))[:16].hex()

    # -- what is kept of whom ------------------------------------------------------------------------

    def _code(self, db: sqlite3.Connection, person: str) -> str:
        lookup = self.lookup_of(person)
        found = db.execute("SELECT code FROM audit_people WHERE lookup = ?", (lookup,)).fetchone()
        if found is not None:
            return str(found[0])
        salt = os.urandom(32)
        code = code_of(lookup, salt)
        name = _storable(person) if self._people == "id" else None
        db.execute("INSERT INTO audit_people VALUES (?, ?, ?, ?)", (code, lookup, salt, name))
        return code

    def lookup_of(self, person: str) -> bytes:
        """The keyed hash of a person's id."""
        return self._keyed("person", person)

    def _keyed(self, what: str, text: str) -> bytes:
        return hmac.new(self._key, f"{what}\0{_storable(text)}".encode(), hashlib.sha256).digest()

    def _drop(self, before: int, now: int) -> int:
        with self.database.transaction() as db:
            # In the order of the chain: what a clock that was wrong made look old stays behind what is young.
            young = db.execute("SELECT seq FROM audit WHERE +at >= ? ORDER BY seq LIMIT 1", (before,)).fetchone()
            first, newest = db.execute("SELECT min(seq), max(seq) FROM audit").fetchone()
            if first is None or young == (first,):
                return 0
            through = min((young[0] if young else newest + 1) - 1, first + _DROPPED_AT_ONCE - 1)
            hash, at = db.execute("SELECT hash, at FROM audit WHERE seq = ?", (through,)).fetchone()
            n = through - first + 1
            # First the new row: it follows on the last one, which may be among those that go.
            self.append(
                db, [Entry(now, RETENTION, fields={"through": through, "hash": hash.hex(), "until": at, "rows": n})]
            )
            db.execute("DELETE FROM audit WHERE seq <= ?", (through,))
            db.execute("DELETE FROM audit_questions WHERE seq <= ?", (through,))
            # Who is named by no row any more.
            db.execute(
                "DELETE FROM audit_people WHERE NOT EXISTS "
                "(SELECT 1 FROM audit WHERE json_extract(body, '$.who') = audit_people.code)"
            )
            return int(n)


def code_of(lookup: bytes, salt: bytes) -> str:
    """What the chain calls a person, from the keyed hash of their id and a salt of their own."""
    return hashlib.sha256(salt + lookup).hexdigest()[:_CODE_CHARS]


def _end_of(db: sqlite3.Connection) -> tuple[int, bytes, bool]:
    """Number and hash of the last row, and whether it is signed."""
    found = db.execute("SELECT seq, hash, signature IS NOT NULL FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return (int(found[0]), bytes(found[1]), bool(found[2])) if found else (0, GENESIS, False)


def _row(seq: int, at: int, body: str, hash: bytes, name: str | None, question: str | None) -> Row:
    fields: dict[str, Any] = json.loads(body)
    return Row(seq, moment_of(at), name or str(fields.get("who", "")), fields, hash, question or "", body)


def _storable(text: str) -> str:
    """The text without halves of surrogate pairs, which no file takes."""
    return text.encode("utf-8", "replace").decode()
