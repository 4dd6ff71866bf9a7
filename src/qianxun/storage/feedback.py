"""What people make known of passages: clicks, thumbs, accepted citations. Private by default.

Of a question only a keyed hash is kept, enough to tell the same one again; its text where the operator asks for that
(`keep_questions`). Of a person nothing, or a keyed hash. The key lies in the same file: it keeps hashes of two services
from being compared, and protects against nobody who has the whole file. Of the time only the day is kept. A comment
is kept as it was written, for whoever looks after answers. Documents are named by their chunks' ids; `forget` takes out
what names a removed one, together with the text of every question that it was found for and the comments on it, since
these may share words. After `compact` nothing of it is in any byte of the file.

What counts how much is `qianxun.retrieval.signals`; here it is kept so that it can be counted fairly:

* A click comes with what stood above it and was passed over. It counts 1, and against those −1 in all; on what stood
  first it counts nothing, and 1 where nobody says what stood above.
* A judgement of several passages together (an answer's) counts 1 in all.
* The same judgement of the same passage for the same question counts once for a person, and where persons are not
  kept once a day. A person's newer thumb takes the place of the older.

Knows no door: that the person may see the passages is checked before.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

from qianxun.errors import InputError, NotFound
from qianxun.records import document_of
from qianxun.retrieval.signals import Counts
from qianxun.storage.database import Database, batches, marks
from qianxun.storage.feedback_steps import ROOM, STEPS
from qianxun.storage.service import migrate
from qianxun.text import fold

Kind: TypeAlias = Literal["click", "up", "down", "accepted"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# What is said on purpose; clicks say less.
DELIBERATE: Final[tuple[Kind, ...]] = ("accepted", "up", "down")
MAX_PASSAGES: Final = 1000
MAX_COMMENT_CHARS: Final = 4096
_MAX_QUESTION_CHARS: Final = 4096
_NO_CHUNK: Final = 1 << 63
_NO_BASE: Final = -1


@dataclass(frozen=True, slots=True)
class Opinion:
    """What was made known, all in all, of a passage for a question whose text was kept: above 0 good, below 0 bad."""

    question: str
    chunk: int
    score: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What somebody made known at a time: of passages (`chunks`), above which others stood that were passed over.

    `day` is ISO 8601; `question` "" where its text was not kept, `comment` where none was written. The `id` names it
    among others, and does not take it back.
    """

    id: int
    kind: Kind
    day: str
    question: str
    chunks: tuple[int, ...]
    passed: tuple[int, ...] = ()
    comment: str = ""


class Feedback:
    """The feedback on one knowledge base, named by its folder. Several processes may write at a time."""

    def __init__(
        self,
        database: Database,
        base: str,
        *,
        keep_questions: bool = False,
        keep_people: bool = False,
        retention_days: int = 365,
    ) -> None:
        self._database = database
        self._keep_questions = keep_questions
        self._keep_people = keep_people
        self._retention_days = retention_days
        migrate(database, ROOM, STEPS)
        ((self._key,),) = database.rows("SELECT key FROM feedback_key")
        self._name = base
        self._known: int | None = None

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    # -- writing -------------------------------------------------------------------------------------

    def record(
        self,
        kind: Kind,
        question: str,
        chunks: Sequence[int],
        *,
        above: Sequence[int] | None = None,
        person: str | None = None,
        comment: str = "",
        now: datetime | None = None,
    ) -> str:
        """Keeps a judgement of passages; returns the token that undoes it. What is older than the retention goes.

        `above` are the passages that stood above one that was clicked, none if it stood first; None: not known. A
        `comment` was written to be read: it is kept as it is, and goes with the texts of questions.
        Raises InputError for an unknown kind, no passage or too many, or something that is no chunk.
        """
        _check(kind, question, chunks, above)
        day = (now or datetime.now(UTC)).astimezone(UTC)
        asked, who = self._hash("question", _same(question)), self._person(person)
        rows = _weighed(kind, dict.fromkeys(chunks), dict.fromkeys(above) if above is not None else None)
        # Hex digits: a token is typed at a command line, where a dash in front would make it an option.
        token, voice = secrets.token_hex(16), asked[:8] + (who or f"{day:%Y%m%d}".encode())
        with self._database.transaction() as db:
            self._enter(db)
            self._expire(db, day)
            if who is not None and kind in ("up", "down"):
                self._take_back(db, asked, who, list(rows))
            (judgement,) = db.execute(
                "INSERT INTO feedback (token, base, kind, day, question, text, person, comment) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (
                    token,
                    self._base,
                    kind,
                    day.strftime("%Y-%m-%d"),
                    asked,
                    question.strip()[:_MAX_QUESTION_CHARS] if self._keep_questions else None,
                    who,
                    comment.strip()[:MAX_COMMENT_CHARS] or None,
                ),
            ).fetchone()
            db.executemany(
                "INSERT INTO feedback_passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (judgement, chunk, self._base, document_of(chunk), kind, passed, voice, weight)
                    for chunk, (passed, weight) in rows.items()
                ],
            )
        return token

    def undo(self, token: str) -> None:
        """Takes a judgement back. Raises NotFound if it is not there (any more)."""
        with self._database.transaction() as db:
            if not db.execute("DELETE FROM feedback WHERE token = ? AND base = ?", (token, self._base)).rowcount:
                raise NotFound(
                    "There is no such feedback.", remedy="It may have been taken back before, or be too old."
                )

    def forget(self, documents: Collection[int]) -> int:
        """Takes out what was made known of these documents, and the text of each question that they were found for.

        Returns how many judgements have nothing left that they are of. Who removes documents calls it.
        """
        gone = 0
        with self._database.transaction() as db:
            for batch in batches(sorted(set(documents))):
                named = f"base = ? AND document IN ({marks(len(batch))})"
                touched = [
                    row[0]
                    for row in db.execute(
                        f"SELECT DISTINCT judgement FROM feedback_passages WHERE {named}", (self._base, *batch)
                    )
                ]
                db.execute(f"DELETE FROM feedback_passages WHERE {named}", (self._base, *batch))
                db.executemany(
                    "UPDATE feedback SET text = NULL, comment = NULL WHERE id = ?", [(id_,) for id_ in touched]
                )
                gone += _delete_empty(db, touched)
        return gone

    def replace(self, document: int, successors: Mapping[int, int]) -> int:
        """A document was replaced: what was made known of its chunks goes over to their successors, the rest goes.

        `successors` maps chunks to those of the new document that say the same. Returns how many judgements have
        nothing left. The texts of questions stay only where everything goes over.
        """
        with self._database.transaction() as db:
            db.executemany(
                "UPDATE OR IGNORE feedback_passages SET chunk = ?, document = ? WHERE base = ? AND document = ? "
                "AND chunk = ?",
                [(new, document_of(new), self._base, document, old) for old, new in successors.items()],
            )
            return self.forget([document])

    def forget_questions(self) -> int:
        """Forgets the texts of all questions and the comments on them, as if they had never been kept; returns how many
        judgements had one."""
        with self._database.transaction() as db:
            return db.execute(
                "UPDATE feedback SET text = NULL, comment = NULL "
                "WHERE base = ? AND (text IS NOT NULL OR comment IS NOT NULL)",
                (self._base,),
            ).rowcount

    def erase(self, person: str) -> int:
        """Takes out everything of one person, of all knowledge bases; returns how many judgements that were."""
        with self._database.transaction() as db:
            return db.execute("DELETE FROM feedback WHERE person = ?", (self._hash("person", person),)).rowcount

    def forget_all(self) -> int:
        """Takes out everything about this knowledge base; returns how many judgements that were."""
        with self._database.transaction() as db:
            return db.execute("DELETE FROM feedback WHERE base = ?", (self._base,)).rowcount

    def expire(self, now: datetime | None = None) -> int:
        """Takes out what is older than the retention, of all knowledge bases; returns how many judgements that were."""
        with self._database.transaction() as db:
            return self._expire(db, (now or datetime.now(UTC)).astimezone(UTC))

    def compact(self) -> None:
        """Rewrites the file so that nothing taken out is left in it. Raises Busy while another process reads it."""
        self._database.compact()

    # -- reading -------------------------------------------------------------------------------------

    def counts(self, documents: Collection[int]) -> tuple[dict[int, Counts], dict[int, Counts]]:
        """What was made known of these documents, by chunk and by document; what nothing is known of is not in it."""
        by_chunk: dict[int, dict[str, float]] = {}
        for document in sorted(set(documents)):
            # In the order of the index: a voice that was heard several times stands together, its most at the end.
            rows = self._database.rows(
                "SELECT chunk, kind, passed, voice, weight FROM feedback_passages WHERE base = ? AND document = ? "
                "ORDER BY chunk, kind, passed, voice, weight",
                (self._base, document),
            )
            for (chunk, kind, passed, _), weight in {row[:4]: row[4] for row in rows}.items():
                fields_of = by_chunk.setdefault(chunk, {})
                name = "skips" if passed else _FIELDS[kind]
                fields_of[name] = fields_of.get(name, 0.0) + weight
        chunks = {chunk: Counts(**found) for chunk, found in by_chunk.items()}
        whole: dict[int, Counts] = {}
        for chunk, counted in chunks.items():
            whole[document_of(chunk)] = _sum(whole.get(document_of(chunk), Counts()), counted)
        return chunks, whole

    def documents(self) -> set[int]:
        """The documents that anything was made known of: those that are not there any more are orphans."""
        rows = self._database.rows("SELECT DISTINCT document FROM feedback_passages WHERE base = ?", (self._base,))
        return {row[0] for row in rows}

    def totals(self) -> dict[Kind, int]:
        """How many judgements of each kind there are."""
        rows = self._database.rows("SELECT kind, count(*) FROM feedback WHERE base = ? GROUP BY kind", (self._base,))
        counted: dict[str, int] = dict(rows)
        return {kind: counted.get(kind, 0) for kind in KINDS}

    def opinions(self, kinds: Collection[Kind] = DELIBERATE) -> list[Opinion]:
        """Of every question whose text was kept, what was made known of its passages, by question and chunk.

        Clicks speak for what was clicked and against what was passed over, thumbs down against. One question in several
        writings is one, in the first of them by their characters.
        """
        rows = self._database.rows(
            "SELECT f.question, min(f.text), p.chunk, "
            "sum(CASE WHEN p.passed OR f.kind = 'down' THEN -p.weight ELSE p.weight END) "
            "FROM feedback_passages p JOIN feedback f ON f.id = p.judgement "
            f"WHERE p.base = ? AND f.text IS NOT NULL AND f.kind IN ({marks(len(kinds))}) "
            "GROUP BY f.question, p.chunk",
            (self._base, *sorted(kinds)),
        )
        texts: dict[bytes, str] = {}
        for key, text, _, _ in rows:
            texts[key] = min(texts.get(key, text), text)
        found = [Opinion(texts[key], chunk, score) for key, _, chunk, score in rows]
        return sorted(found, key=lambda opinion: (opinion.question, opinion.chunk))

    def judgements(
        self, kinds: Collection[Kind] = KINDS, *, before: int | None = None, count: int = 100
    ) -> list[Judgement]:
        """Single judgements, the newest first; with `before` those that were made before the one of this id."""
        rows = self._database.rows(
            "SELECT id, kind, day, coalesce(text, ''), coalesce(comment, '') FROM feedback "
            "WHERE base = ? AND (?2 IS NULL OR id < ?2) AND kind IN (SELECT value FROM json_each(?3)) "
            "ORDER BY id DESC LIMIT ?4",
            (self._base, before, json.dumps(sorted(kinds)), count),
        )
        found = []
        for id_, kind, day, text, comment in rows:
            named = self._database.rows(
                "SELECT chunk, passed FROM feedback_passages WHERE judgement = ? ORDER BY chunk", (id_,)
            )
            chunks, passed = (tuple(chunk for chunk, was in named if was == wanted) for wanted in (0, 1))
            found.append(Judgement(id_, kind, day, text, chunks, passed, comment))
        return found

    # -- what is kept of whom ------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever recorded of this knowledge base."""
        return self._base == _NO_BASE

    @property
    def _base(self) -> int:
        """The number of the knowledge base; one that no row has where nothing was recorded of it."""
        if self._known is None:
            rows = self._database.rows("SELECT id FROM feedback_bases WHERE name = ?", (self._name,))
            self._known = int(rows[0][0]) if rows else None
        return _NO_BASE if self._known is None else self._known

    def _enter(self, db: sqlite3.Connection) -> None:
        """Gives the knowledge base a number, at its first judgement: who only reads leaves nothing behind."""
        db.execute("INSERT OR IGNORE INTO feedback_bases (name) VALUES (?)", (self._name,))
        ((self._known,),) = db.execute("SELECT id FROM feedback_bases WHERE name = ?", (self._name,))

    def _person(self, person: str | None) -> bytes | None:
        return self._hash("person", person) if person is not None and self._keep_people else None

    def _hash(self, what: str, text: str) -> bytes:
        return hmac.new(self._key, f"{what}\0{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()[:16]

    def _take_back(self, db: sqlite3.Connection, question: bytes, person: bytes, chunks: Sequence[int]) -> None:
        """Takes out a person's thumbs on these chunks for a question."""
        earlier = [
            row[0]
            for row in db.execute(
                "SELECT id FROM feedback WHERE base = ? AND person = ? AND question = ? AND kind IN ('up', 'down')",
                (self._base, person, question),
            )
        ]
        db.executemany(
            "DELETE FROM feedback_passages WHERE judgement = ? AND chunk = ?",
            [(id_, chunk) for id_ in earlier for chunk in chunks],
        )
        _delete_empty(db, earlier)

    def _expire(self, db: sqlite3.Connection, now: datetime) -> int:
        if self._retention_days <= 0:
            return 0
        last = (now - timedelta(days=self._retention_days)).strftime("%Y-%m-%d")
        return db.execute("DELETE FROM feedback WHERE day < ?", (last,)).rowcount


_FIELDS: Final[Mapping[str, str]] = {"click": "clicks", "up": "up", "down": "down", "accepted": "accepted"}


def _weighed(kind: Kind, chunks: Collection[int], above: Collection[int] | None) -> dict[int, tuple[int, float]]:
    """Chunk → whether it was passed over, and what it counts."""
    if kind != "click":
        return {chunk: (0, 1.0 / len(chunks)) for chunk in chunks}
    passed = [chunk for chunk in above or () if chunk not in chunks]
    worth = 1.0 if above is None or passed else 0.0
    return {chunk: (1, 1.0 / len(passed)) for chunk in passed} | {chunk: (0, worth / len(chunks)) for chunk in chunks}


def _check(kind: str, question: str, chunks: Sequence[int], above: Sequence[int] | None) -> None:
    if kind not in KINDS:
        raise InputError(
            "There is no feedback of kind {kind!r}.", remedy="Known: {known}.", kind=kind, known=", ".join(KINDS)
        )
    if not question.strip():
        raise InputError("The question is empty.", remedy="Say what the passages were found for.")
    n = len(chunks) + len(above or ())
    if not chunks or n > MAX_PASSAGES:
        raise InputError("Feedback on {n} passages cannot be kept.", remedy="Name 1 to {most}.", n=n, most=MAX_PASSAGES)
    for chunk in (*chunks, *(above or ())):
        if not isinstance(chunk, int) or not 0 <= chunk < _NO_CHUNK:
            raise InputError("{id!r} is no chunk.", remedy="`qianxun search --explain` shows the ids.", id=chunk)


def _same(question: str) -> str:
    """The question as it is told from others: folded, without white space and punctuation around it."""
    return " ".join(fold(question).split()).strip(" ?!.。,;:")


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(*(getattr(one, item.name) + getattr(other, item.name) for item in fields(Counts)))


def _delete_empty(db: sqlite3.Connection, judgements: Sequence[int]) -> int:
    """Takes out those of the judgements that are of no passage any more: what was only passed over does not count."""
    n = 0
    for id_ in judgements:
        n += db.execute(
            "DELETE FROM feedback WHERE id = ?1 AND NOT EXISTS "
            "(SELECT 1 FROM feedback_passages WHERE judgement = ?1 AND passed = 0)",
            (id_,),
        ).rowcount
    return n
