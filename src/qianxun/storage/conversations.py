"""Conversations: questions, and of their answers what is not the documents' own text.

A citation is kept as a place in a document, and a sentence that only quotes as that place too: whoever reads a
conversation later reads the quotes with the rights they have then, and of a document that was removed nothing is left
to read. What a model wrote is kept as it wrote it; `forget` takes out what was written from a document, also by way of
an earlier answer that the model was told of (`recalled`).

What a client has set for a conversation is kept as it was given: what it means only the client knows.

Whoever writes an answer makes itself heard; a turn from which nothing was heard for a while has lost its writer.

A conversation belongs to its owner, and nobody else sees that there is one. Knows no door and no document.
"""

import json
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from qianxun.errors import InputError, NotFound
from qianxun.records import Span, document_of
from qianxun.storage.conversation_records import (
    STATES,
    Conversation,
    KeptAnswer,
    KeptCitation,
    KeptPassage,
    KeptStatement,
    KeptTurn,
    State,
    row_of,
    statement_of,
)
from qianxun.storage.conversation_steps import ROOM, STEPS
from qianxun.storage.database import Database, batches, marks
from qianxun.storage.service import migrate

__all__ = [
    "MAX_SETTINGS_BYTES",
    "MAX_TITLE_CHARS",
    "SILENT_SECONDS",
    "STATES",
    "Conversation",
    "Conversations",
    "KeptAnswer",
    "KeptCitation",
    "KeptPassage",
    "KeptStatement",
    "KeptTurn",
    "State",
]

MAX_TITLE_CHARS: Final = 200
MAX_SETTINGS_BYTES: Final = 16_384
# What is nested deeper can be read by some readers of JSON and not by others.
_MAX_SETTINGS_DEPTH: Final = 16
# A writer makes itself heard every second; after so long it is gone (a process that ended, a machine that stood still).
SILENT_SECONDS: Final = 30.0
_MAX_QUESTION_CHARS: Final = 100_000
# Among the facts of a turn: how many events it had.
_PLACES: Final = "places"
# What says which documents a turn was written from.
_SOURCES: Final = ("conversation_passages", "conversation_recalled")
_ANSWERED: Final = "SELECT turn FROM conversation_turns WHERE conversation = ? AND verdict <> ''"


class Conversations:
    """The conversations about one knowledge base, named by its folder. Several processes may write at a time.

    `owner` is who they belong to, "" for the administrator's own. Every method raises NotFound for a conversation that
    is not there or somebody else's.
    """

    def __init__(self, database: Database, base: str, *, retention_days: int = 0) -> None:
        self._database = database
        self._name = base
        self._retention_days = retention_days
        migrate(database, ROOM, STEPS)

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    # -- conversations -------------------------------------------------------------------------------

    def begin(
        self,
        owner: str,
        *,
        title: str = "",
        profile: str = "",
        settings: Mapping[str, Any] | None = None,
        now: datetime | None = None,
    ) -> str:
        """A new conversation; returns its token, which cannot be guessed. What is older than the retention goes.

        Raises InputError as `keep_settings` does.
        """
        moment = now or datetime.now(UTC)
        token, at, kept = secrets.token_hex(16), _moment(moment), _settings({} if settings is None else settings)
        with self._database.transaction() as db:
            self._expire(db, moment)
            db.execute(
                "INSERT INTO conversations (token, base, owner, title, profile, begun, changed, settings) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (token, self._name, owner, _title(title), profile, at, at, kept),
            )
        return token

    def of(self, owner: str, *, first: int = 0, count: int = 100) -> list[Conversation]:
        """An owner's conversations, newest change first."""
        return self._found("owner = ?", (owner,), first, count)

    def get(self, token: str, owner: str) -> Conversation:
        """One of them."""
        found = self._found("owner = ? AND token = ?", (owner, token), 0, 1)
        if not found:
            raise _nowhere(token)
        return found[0]

    def tokens(self, beginning: str, owner: str) -> list[str]:
        """The tokens of an owner's conversations that begin so, newest change first."""
        rows = self._database.rows(
            "SELECT token FROM conversations WHERE base = ? AND owner = ? AND substr(token, 1, ?) = ? "
            "ORDER BY changed DESC",
            (self._name, owner, len(beginning), beginning),
        )
        return [row[0] for row in rows]

    def rename(self, token: str, owner: str, title: str) -> None:
        """Gives it another title."""
        with self._database.transaction() as db:
            db.execute("UPDATE conversations SET title = ? WHERE id = ?", (_title(title), self._id(token, owner)))

    def keep_settings(self, token: str, owner: str, settings: Mapping[str, Any]) -> None:
        """Keeps what a client has set for it, in place of what was set before.

        Raises InputError for what is no JSON object, or more than `MAX_SETTINGS_BYTES`.
        """
        kept = _settings(settings)
        with self._database.transaction() as db:
            db.execute("UPDATE conversations SET settings = ? WHERE id = ?", (kept, self._id(token, owner)))

    def settings(self, token: str, owner: str) -> dict[str, Any]:
        """What was set for it; nothing where nothing was."""
        kept = self._database.rows(
            "SELECT settings FROM conversations WHERE token = ? AND base = ? AND owner = ?", (token, self._name, owner)
        )
        if not kept:
            raise _nowhere(token)
        return cast("dict[str, Any]", json.loads(kept[0][0]))

    def summarise(self, token: str, owner: str, summary: str, turns: int, *, answers: Collection[int] = ()) -> None:
        """Keeps what the first `turns` turns came to, in short; `answers` are those that it was written from.

        Raises InputError if one of these is not there any more: what was removed does not come back.
        """
        with self._database.transaction() as db:
            id_ = self._id(token, owner)
            there = {row[0] for row in db.execute(_ANSWERED, (id_,))}
            gone = sorted(set(answers) - there)
            if gone:
                raise InputError("The answer of turn {turn} is not there any more.", turn=gone[0])
            db.execute("UPDATE conversations SET summary = ?, summarised = ? WHERE id = ?", (summary, turns, id_))

    def summary(self, token: str, owner: str) -> tuple[str, int]:
        """What its first turns came to, and how many these are; "" and 0 where nothing was summed up."""
        ((summary, turns),) = self._database.rows(
            "SELECT summary, summarised FROM conversations WHERE id = ?", (self._id(token, owner),)
        )
        return str(summary), int(turns)

    def delete(self, token: str, owner: str) -> None:
        """Deletes it with all of its turns. What is deleted is overwritten; see also `compact`."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM conversations WHERE id = ?", (self._id(token, owner),))

    def erase(self, owner: str) -> int:
        """Deletes all of an owner's, of all knowledge bases; returns how many there were."""
        with self._database.transaction() as db:
            return db.execute("DELETE FROM conversations WHERE owner = ?", (owner,)).rowcount

    def forget_all(self) -> int:
        """Deletes all about this knowledge base; returns how many there were."""
        with self._database.transaction() as db:
            return db.execute("DELETE FROM conversations WHERE base = ?", (self._name,)).rowcount

    def exists(self, token: str) -> bool:
        """Whether there is such a conversation about this knowledge base, whosever it is."""
        return bool(
            self._database.rows("SELECT 1 FROM conversations WHERE base = ? AND token = ?", (self._name, token))
        )

    def expire(self, now: datetime | None = None) -> int:
        """Deletes those not changed for longer than the retention, of all knowledge bases; returns how many."""
        with self._database.transaction() as db:
            return self._expire(db, now or datetime.now(UTC))

    def compact(self) -> None:
        """Rewrites the file so that nothing deleted is left in it. Raises Busy while another process reads it."""
        self._database.compact()

    # -- turns ---------------------------------------------------------------------------------------

    def ask(self, token: str, owner: str, question: str, *, now: datetime | None = None) -> int:
        """Keeps a question, whose answer is now `running`; returns its number. The first one gives the title."""
        at = _moment(now or datetime.now(UTC))
        with self._database.transaction() as db:
            id_ = self._id(token, owner)
            ((turn,),) = db.execute(
                "SELECT coalesce(max(turn), 0) + 1 FROM conversation_turns WHERE conversation = ?", (id_,)
            )
            db.execute(
                "INSERT INTO conversation_turns (conversation, turn, state, asked, heard, question) "
                "VALUES (?, ?, 'running', ?, ?, ?)",
                (id_, turn, at, at, question[:_MAX_QUESTION_CHARS]),
            )
            db.execute(
                "UPDATE conversations SET changed = ?, title = CASE WHEN title = '' THEN ? ELSE title END WHERE id = ?",
                (at, _title(question), id_),
            )
        return int(turn)

    def show(
        self, token: str, owner: str, turn: int, passages: Sequence[KeptPassage], recalled: Collection[int] = ()
    ) -> None:
        """Keeps what a running answer is written from, so that `forget` finds it before it is done.

        Raises InputError if it is not running any more.
        """
        with self._database.transaction() as db:
            id_ = self._running(token, owner, turn)
            _show(db, id_, turn, passages, recalled)

    def say(
        self, token: str, owner: str, turn: int, events: Sequence[Mapping[str, Any]], *, now: datetime | None = None
    ) -> bool:
        """Keeps what a running answer said since the last time, for who lost the connection; perhaps nothing, but then
        its writer was heard. Returns whether somebody asked it to stop.

        Raises InputError if it is not running any more.
        """
        with self._database.transaction() as db:
            id_ = self._running(token, owner, turn)
            ((place,),) = db.execute(
                "SELECT coalesce(max(place), 0) FROM conversation_events WHERE conversation = ? AND turn = ?",
                (id_, turn),
            )
            db.executemany(
                "INSERT INTO conversation_events VALUES (?, ?, ?, ?)",
                [(id_, turn, place + n, _json(event)) for n, event in enumerate(events, 1)],
            )
            ((stopping,),) = db.execute(
                "UPDATE conversation_turns SET heard = ? WHERE conversation = ? AND turn = ? RETURNING stopping",
                (_moment(now or datetime.now(UTC)), id_, turn),
            ).fetchall()
        return bool(stopping)

    def stop(self, token: str, owner: str, turn: int) -> None:
        """Asks the writer of a running answer to stop, in whichever process it is.

        Raises InputError if it is not running any more.
        """
        with self._database.transaction() as db:
            db.execute(
                "UPDATE conversation_turns SET stopping = 1 WHERE conversation = ? AND turn = ?",
                (self._running(token, owner, turn), turn),
            )

    def settle(self, now: datetime | None = None) -> int:
        """Ends the running turns that have lost their writers, as `failed`; returns how many. All knowledge bases."""
        last = _moment((now or datetime.now(UTC)) - timedelta(seconds=SILENT_SECONDS))
        silent = "SELECT conversation, turn FROM conversation_turns WHERE state = 'running' AND heard < ?"
        if not self._database.rows(silent, (last,)):
            return 0
        with self._database.transaction() as db:
            found = db.execute(silent, (last,)).fetchall()
            for id_, turn in found:
                _clear(db, id_, turn, "failed")
        return len(found)

    def said(self, token: str, owner: str, turn: int, after: int = 0) -> tuple[State, list[tuple[int, Any]]]:
        """How a turn stands, and what it said after the event of that place, (place, event) each, places from 1.

        Of a turn that is done nothing is kept but the answer itself.
        """
        id_ = self._id(token, owner)
        states = self._database.rows(
            "SELECT state FROM conversation_turns WHERE conversation = ? AND turn = ?", (id_, turn)
        )
        if not states:
            raise _no_turn(turn)
        rows = self._database.rows(
            "SELECT place, event FROM conversation_events WHERE conversation = ? AND turn = ? AND place > ? "
            "ORDER BY place",
            (id_, turn, after),
        )
        return cast("State", states[0][0]), [(place, json.loads(event)) for place, event in rows]

    def finish(
        self, token: str, owner: str, turn: int, state: State, answer: KeptAnswer | None = None, *, places: int = 0
    ) -> None:
        """Keeps what came of a running turn, in place of what it said so far; `places` is how many events there were.

        Raises InputError if it is not running any more: what was removed meanwhile does not come back.
        """
        with self._database.transaction() as db:
            id_ = self._id(token, owner)
            given = answer or KeptAnswer("", "", "no_evidence", (), (), ())
            changed = db.execute(
                "UPDATE conversation_turns SET state = ?, text = ?, searched = ?, verdict = ?, statements = ?, "
                "facts = ? WHERE conversation = ? AND turn = ? AND state = 'running'",
                (
                    state,
                    given.text,
                    given.searched,
                    given.verdict if answer is not None else "",
                    _json(list(map(row_of, given.statements))),
                    _json({**given.facts, _PLACES: places}),
                    id_,
                    turn,
                ),
            ).rowcount
            if not changed:
                raise _not_running(turn)
            db.execute("DELETE FROM conversation_events WHERE conversation = ? AND turn = ?", (id_, turn))
            _show(db, id_, turn, given.passages, given.recalled)
            db.executemany(
                "INSERT INTO conversation_citations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (id_, turn, place, one.statement, one.number, one.span.start, one.span.end, one.support)
                    for place, one in enumerate(given.citations)
                ],
            )

    def places(self, token: str, owner: str, turn: int) -> int:
        """How many events a turn had that is over, its end included; 0 where nobody knows."""
        rows = self._database.rows(
            "SELECT facts FROM conversation_turns WHERE conversation = ? AND turn = ?", (self._id(token, owner), turn)
        )
        return int(json.loads(rows[0][0] or "{}").get(_PLACES, 0)) if rows else 0

    def turns(self, token: str, owner: str, *, last: int = 0) -> list[KeptTurn]:
        """Its turns in order; only the `last` ones, 0 for all."""
        id_ = self._id(token, owner)
        rows = self._database.rows(
            "SELECT turn, state, asked, question, text, searched, verdict, statements, facts FROM conversation_turns "
            "WHERE conversation = ? ORDER BY turn DESC LIMIT ?",
            (id_, last or -1),
        )
        low = min((row[0] for row in rows), default=0)
        passages: dict[int, list[KeptPassage]] = {}
        for turn, chunk, start, end in self._database.rows(
            'SELECT turn, chunk, start, "end" FROM conversation_passages '
            "WHERE conversation = ? AND turn >= ? ORDER BY turn, number",
            (id_, low),
        ):
            passages.setdefault(turn, []).append(KeptPassage(chunk, Span(start, end)))
        recalled: dict[int, list[int]] = {}
        for turn, document in self._database.rows(
            "SELECT turn, document FROM conversation_recalled WHERE conversation = ? AND turn >= ? ORDER BY document",
            (id_, low),
        ):
            recalled.setdefault(turn, []).append(document)
        citations: dict[int, list[KeptCitation]] = {}
        for turn, statement, number, start, end, support in self._database.rows(
            'SELECT turn, statement, number, start, "end", support FROM conversation_citations '
            "WHERE conversation = ? AND turn >= ? ORDER BY turn, place",
            (id_, low),
        ):
            citations.setdefault(turn, []).append(KeptCitation(statement, number, Span(start, end), support))
        found = []
        for turn, state, asked, question, text, searched, verdict, statements, facts in reversed(rows):
            answer = None
            if verdict:
                known = json.loads(facts)
                known.pop(_PLACES, None)
                answer = KeptAnswer(
                    text,
                    searched,
                    verdict,
                    tuple(map(statement_of, json.loads(statements))),
                    tuple(citations.get(turn, ())),
                    tuple(passages.get(turn, ())),
                    known,
                    tuple(recalled.get(turn, ())),
                )
            found.append(KeptTurn(turn, state, asked, question, answer))
        return found

    # -- documents that go ---------------------------------------------------------------------------

    def citing(self, documents: Collection[int]) -> int:
        """How many answers were written from any of these documents."""
        return len(self._turns_of(documents))

    def documents(self) -> set[int]:
        """The documents that any answer was written from."""
        return {
            row[0]
            for table in _SOURCES
            for row in self._database.rows(
                f"SELECT DISTINCT p.document FROM {table} p JOIN conversations c ON c.id = p.conversation "
                "WHERE c.base = ?",
                (self._name,),
            )
        }

    def forget(self, documents: Collection[int]) -> int:
        """Takes out the answers that were written from any of these documents; returns how many. Questions stay.

        So does what was summed up of a conversation up to then go, if one of its answers does.
        """
        with self._database.transaction() as db:
            touched = self._turns_of(documents)
            for id_, turn in touched:
                _clear(db, id_, turn, "removed")
            _forget_summaries(db, touched)
        return len(touched)

    def forget_summaries(self, documents: Collection[int]) -> None:
        """Takes out what was summed up of answers that were written from any of these documents; they stay."""
        with self._database.transaction() as db:
            _forget_summaries(db, self._turns_of(documents))

    def _turns_of(self, documents: Collection[int]) -> list[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        for batch in batches(sorted(set(documents))):
            for table in _SOURCES:
                found |= set(
                    self._database.rows(
                        f"SELECT p.conversation, p.turn FROM {table} p "
                        "JOIN conversations c ON c.id = p.conversation "
                        f"WHERE c.base = ? AND p.document IN ({marks(len(batch))})",
                        (self._name, *batch),
                    )
                )
        return sorted(found)

    def inconsistencies(self) -> tuple[int, list[str]]:
        """How many answers are kept, of all knowledge bases, and what there is that belongs to none, a line each."""
        ((answers,),) = self._database.rows("SELECT count(*) FROM conversation_turns WHERE verdict <> ''")
        found = []
        for what, table, belongs in (
            ("passages", "conversation_passages", "t.verdict <> '' OR t.state = 'running'"),
            ("recalled documents", "conversation_recalled", "t.verdict <> '' OR t.state = 'running'"),
            ("citations", "conversation_citations", "t.verdict <> ''"),
            ("events", "conversation_events", "t.state = 'running'"),
        ):
            ((n,),) = self._database.rows(
                f"SELECT count(*) FROM {table} p WHERE NOT EXISTS (SELECT 1 FROM conversation_turns t "
                f"WHERE t.conversation = p.conversation AND t.turn = p.turn AND ({belongs}))"
            )
            if n:
                found.append(f"{what} of no answer: {n}")
        return int(answers), found

    # -- rows ----------------------------------------------------------------------------------------

    def _id(self, token: str, owner: str) -> int:
        rows = self._database.rows(
            "SELECT id FROM conversations WHERE token = ? AND base = ? AND owner = ?", (token, self._name, owner)
        )
        if not rows:
            raise _nowhere(token)
        return int(rows[0][0])

    def _running(self, token: str, owner: str, turn: int) -> int:
        """The id of the conversation, if this turn of it is running."""
        id_ = self._id(token, owner)
        states = self._database.rows(
            "SELECT state FROM conversation_turns WHERE conversation = ? AND turn = ?", (id_, turn)
        )
        if not states:
            raise _no_turn(turn)
        if states[0][0] != "running":
            raise _not_running(turn)
        return id_

    def _found(self, condition: str, values: Sequence[object], first: int, count: int) -> list[Conversation]:
        rows = self._database.rows(
            "SELECT token, title, profile, begun, changed, "
            "(SELECT count(*) FROM conversation_turns t WHERE t.conversation = c.id) "
            f"FROM conversations c WHERE base = ? AND {condition} ORDER BY changed DESC, id DESC LIMIT ? OFFSET ?",
            (self._name, *values, count, first),
        )
        return [Conversation(*row) for row in rows]

    def _expire(self, db: sqlite3.Connection, now: datetime) -> int:
        if self._retention_days <= 0:
            return 0
        last = _moment(now - timedelta(days=self._retention_days))
        return db.execute("DELETE FROM conversations WHERE changed < ?", (last,)).rowcount


def _show(
    db: sqlite3.Connection, id_: int, turn: int, passages: Sequence[KeptPassage], recalled: Collection[int]
) -> None:
    for table in _SOURCES:
        db.execute(f"DELETE FROM {table} WHERE conversation = ? AND turn = ?", (id_, turn))
    db.executemany(
        "INSERT INTO conversation_passages VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (id_, turn, n, document_of(one.chunk), one.chunk, one.span.start, one.span.end)
            for n, one in enumerate(passages, 1)
        ],
    )
    db.executemany("INSERT INTO conversation_recalled VALUES (?, ?, ?)", [(id_, turn, one) for one in set(recalled)])


def _clear(db: sqlite3.Connection, id_: int, turn: int, state: State) -> None:
    """Takes out all that is kept of a turn but its question."""
    db.execute(
        "UPDATE conversation_turns SET state = ?, text = '', searched = '', verdict = '', statements = '[]', "
        "facts = '{}' WHERE conversation = ? AND turn = ?",
        (state, id_, turn),
    )
    for table in (*_SOURCES, "conversation_citations", "conversation_events"):
        db.execute(f"DELETE FROM {table} WHERE conversation = ? AND turn = ?", (id_, turn))


def _forget_summaries(db: sqlite3.Connection, touched: Sequence[tuple[int, int]]) -> None:
    db.executemany("UPDATE conversations SET summary = '', summarised = 0 WHERE id = ? AND summarised >= ?", touched)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _title(text: str) -> str:
    return " ".join(text.split())[:MAX_TITLE_CHARS]


def _settings(given: Mapping[str, Any]) -> str:
    """Settings as they are kept. Raises InputError for what is no object, too large, or no JSON."""
    try:
        text = json.dumps(dict(given), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        if len(text.encode()) <= MAX_SETTINGS_BYTES and _depth(given) <= _MAX_SETTINGS_DEPTH:
            return text
    except (TypeError, ValueError, RecursionError):
        pass
    raise InputError(
        "What is set for a conversation is a JSON object of at most {bytes} bytes, nested at most {levels} deep.",
        bytes=f"{MAX_SETTINGS_BYTES:,}",
        levels=_MAX_SETTINGS_DEPTH,
    )


def _depth(value: object) -> int:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return 1 + max(map(_depth, inner), default=0)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _nowhere(token: str) -> NotFound:
    return NotFound("There is no conversation {token}.", remedy="`qianxun conversations` lists them.", token=token)


def _not_running(turn: int) -> InputError:
    return InputError("Turn {turn} is not running any more.", turn=turn)


def _no_turn(turn: int) -> NotFound:
    return NotFound("The conversation has no turn {turn}.", turn=turn)
