"""Conversations: questions, and of their answers what is not the documents' own text.

A citation is kept as a place in a document, and a sentence that only quotes as that place too: whoever reads a
conversation later reads the quotes with the rights they have then, and of a document that was removed nothing is left
to read. What a model wrote is kept as it wrote it; `forget` takes out what was written from a document.

A conversation belongs to its owner, and nobody else sees that there is one. Knows no door and no document.
"""

import json
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from qianxun.errors import InputError, NotFound
from qianxun.records import Quoted, Span, Support, Verdict, document_of
from qianxun.storage.conversation_steps import ROOM, STEPS
from qianxun.storage.database import Database, batches, marks
from qianxun.storage.service import migrate

# `running` until it is done, `stopped` by who asked, `failed`; `removed`: what it was written from is gone.
State: TypeAlias = Literal["running", "done", "stopped", "failed", "removed"]
STATES: Final[tuple[State, ...]] = get_args(State)
MAX_TITLE_CHARS: Final = 200
_MAX_QUESTION_CHARS: Final = 100_000


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """A sentence of an answer (see `records.Statement`); its text is "" where it only quotes."""

    text: str
    span: Span
    numbers: tuple[int, ...]
    support: Support
    quoted: Quoted | None
    claim: bool = True


@dataclass(frozen=True, slots=True)
class KeptPassage:
    """A passage that an answer may cite: its chunk, and the span of its text in the document."""

    chunk: int
    span: Span


@dataclass(frozen=True, slots=True)
class KeptCitation:
    """Where a statement's support stands: `span` in the document of the passage `number`, by its cleaned text."""

    statement: int
    number: int
    span: Span
    support: Support


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer without the text of documents; its own is "" if it quotes. `passages[n - 1]` is what [n] points to."""

    text: str
    searched: str
    verdict: Verdict
    statements: tuple[KeptStatement, ...]
    citations: tuple[KeptCitation, ...]
    passages: tuple[KeptPassage, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A question and what came of it; `answer` is None unless it is `done` or `stopped`. `turn` counts from 1."""

    turn: int
    state: State
    asked: str
    question: str
    answer: KeptAnswer | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a list of conversations shows. Times are UTC, ISO 8601. `turns` counts them."""

    token: str
    title: str
    profile: str
    begun: str
    changed: str
    turns: int
    summary: str = ""
    summarised: int = 0


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

    def begin(self, owner: str, *, title: str = "", profile: str = "", now: datetime | None = None) -> str:
        """A new conversation; returns its token, which cannot be guessed. What is older than the retention goes."""
        moment = now or datetime.now(UTC)
        token, at = secrets.token_urlsafe(16), _moment(moment)
        with self._database.transaction() as db:
            self._expire(db, moment)
            db.execute(
                "INSERT INTO conversations (token, base, owner, title, profile, begun, changed) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (token, self._name, owner, _title(title), profile, at, at),
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

    def rename(self, token: str, owner: str, title: str) -> None:
        """Gives it another title."""
        with self._database.transaction() as db:
            db.execute("UPDATE conversations SET title = ? WHERE id = ?", (_title(title), self._id(token, owner)))

    def summarise(self, token: str, owner: str, summary: str, turns: int) -> None:
        """Keeps what the first `turns` turns came to, in short."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE conversations SET summary = ?, summarised = ? WHERE id = ?",
                (summary, turns, self._id(token, owner)),
            )

    def delete(self, token: str, owner: str) -> None:
        """Deletes it with all of its turns. What is deleted is overwritten; see also `compact`."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM conversations WHERE id = ?", (self._id(token, owner),))

    def erase(self, owner: str) -> int:
        """Deletes all of an owner's, of all knowledge bases; returns how many there were."""
        with self._database.transaction() as db:
            return db.execute("DELETE FROM conversations WHERE owner = ?", (owner,)).rowcount

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
                "INSERT INTO conversation_turns (conversation, turn, state, asked, question) "
                "VALUES (?, ?, 'running', ?, ?)",
                (id_, turn, at, question[:_MAX_QUESTION_CHARS]),
            )
            db.execute(
                "UPDATE conversations SET changed = ?, title = CASE WHEN title = '' THEN ? ELSE title END WHERE id = ?",
                (at, _title(question), id_),
            )
        return int(turn)

    def show(self, token: str, owner: str, turn: int, passages: Sequence[KeptPassage]) -> None:
        """Keeps which passages a running answer is written from, so that `forget` finds it before it is done."""
        with self._database.transaction() as db:
            _show(db, self._id(token, owner), turn, passages)

    def say(self, token: str, owner: str, turn: int, events: Sequence[Mapping[str, Any]]) -> None:
        """Keeps what a running answer said since the last time, for who lost the connection."""
        with self._database.transaction() as db:
            id_ = self._id(token, owner)
            ((place,),) = db.execute(
                "SELECT coalesce(max(place), 0) FROM conversation_events WHERE conversation = ? AND turn = ?",
                (id_, turn),
            )
            db.executemany(
                "INSERT INTO conversation_events VALUES (?, ?, ?, ?)",
                [(id_, turn, place + n, _json(event)) for n, event in enumerate(events, 1)],
            )

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

    def finish(self, token: str, owner: str, turn: int, state: State, answer: KeptAnswer | None = None) -> None:
        """Keeps what came of a running turn, in place of what it said so far.

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
                    _json(list(map(_row_of, given.statements))),
                    _json(given.facts),
                    id_,
                    turn,
                ),
            ).rowcount
            if not changed:
                raise InputError("Turn {turn} is not running any more.", turn=turn)
            db.execute("DELETE FROM conversation_events WHERE conversation = ? AND turn = ?", (id_, turn))
            _show(db, id_, turn, given.passages)
            db.executemany(
                "INSERT INTO conversation_citations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (id_, turn, place, one.statement, one.number, one.span.start, one.span.end, one.support)
                    for place, one in enumerate(given.citations)
                ],
            )

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
                answer = KeptAnswer(
                    text,
                    searched,
                    verdict,
                    tuple(map(_statement_of, json.loads(statements))),
                    tuple(citations.get(turn, ())),
                    tuple(passages.get(turn, ())),
                    json.loads(facts),
                )
            found.append(KeptTurn(turn, state, asked, question, answer))
        return found

    # -- documents that go ---------------------------------------------------------------------------

    def citing(self, documents: Collection[int]) -> int:
        """How many answers were written from any of these documents."""
        return len(self._turns_of(documents))

    def documents(self) -> set[int]:
        """The documents that any answer was written from."""
        rows = self._database.rows(
            "SELECT DISTINCT p.document FROM conversation_passages p JOIN conversations c ON c.id = p.conversation "
            "WHERE c.base = ?",
            (self._name,),
        )
        return {row[0] for row in rows}

    def forget(self, documents: Collection[int]) -> int:
        """Takes out the answers that were written from any of these documents; returns how many. Questions stay.

        So does what was summed up of a conversation up to then go, if one of its answers does.
        """
        touched = self._turns_of(documents)
        with self._database.transaction() as db:
            for id_, turn in touched:
                db.execute(
                    "UPDATE conversation_turns SET state = 'removed', text = '', searched = '', verdict = '', "
                    "statements = '[]', facts = '{}' WHERE conversation = ? AND turn = ?",
                    (id_, turn),
                )
                for table in ("conversation_passages", "conversation_citations", "conversation_events"):
                    db.execute(f"DELETE FROM {table} WHERE conversation = ? AND turn = ?", (id_, turn))
                db.execute(
                    "UPDATE conversations SET summary = '', summarised = 0 WHERE id = ? AND summarised >= ?",
                    (id_, turn),
                )
        return len(touched)

    def _turns_of(self, documents: Collection[int]) -> list[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        for batch in batches(sorted(set(documents))):
            found |= set(
                self._database.rows(
                    "SELECT p.conversation, p.turn FROM conversation_passages p "
                    "JOIN conversations c ON c.id = p.conversation "
                    f"WHERE c.base = ? AND p.document IN ({marks(len(batch))})",
                    (self._name, *batch),
                )
            )
        return sorted(found)

    # -- rows ----------------------------------------------------------------------------------------

    def _id(self, token: str, owner: str) -> int:
        rows = self._database.rows(
            "SELECT id FROM conversations WHERE token = ? AND base = ? AND owner = ?", (token, self._name, owner)
        )
        if not rows:
            raise _nowhere(token)
        return int(rows[0][0])

    def _found(self, condition: str, values: Sequence[object], first: int, count: int) -> list[Conversation]:
        rows = self._database.rows(
            "SELECT token, title, profile, begun, changed, "
            "(SELECT count(*) FROM conversation_turns t WHERE t.conversation = c.id), summary, summarised "
            f"FROM conversations c WHERE base = ? AND {condition} ORDER BY changed DESC, id DESC LIMIT ? OFFSET ?",
            (self._name, *values, count, first),
        )
        return [Conversation(*row) for row in rows]

    def _expire(self, db: sqlite3.Connection, now: datetime) -> int:
        if self._retention_days <= 0:
            return 0
        last = _moment(now - timedelta(days=self._retention_days))
        return db.execute("DELETE FROM conversations WHERE changed < ?", (last,)).rowcount


def _row_of(one: KeptStatement) -> list[object]:
    return [one.text, one.quoted, one.span.start, one.span.end, list(one.numbers), one.support, one.claim]


def _statement_of(row: Sequence[Any]) -> KeptStatement:
    text, quoted, start, end, numbers, support, claim = row
    return KeptStatement(text, Span(start, end), tuple(numbers), support, quoted, claim)


def _show(db: sqlite3.Connection, id_: int, turn: int, passages: Sequence[KeptPassage]) -> None:
    db.execute("DELETE FROM conversation_passages WHERE conversation = ? AND turn = ?", (id_, turn))
    db.executemany(
        "INSERT INTO conversation_passages VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (id_, turn, n, document_of(one.chunk), one.chunk, one.span.start, one.span.end)
            for n, one in enumerate(passages, 1)
        ],
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _title(text: str) -> str:
    return " ".join(text.split())[:MAX_TITLE_CHARS]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _nowhere(token: str) -> NotFound:
    return NotFound("There is no conversation {token}.", remedy="`qianxun conversations` lists them.", token=token)


def _no_turn(turn: int) -> NotFound:
    return NotFound("The conversation has no turn {turn}.", turn=turn)
