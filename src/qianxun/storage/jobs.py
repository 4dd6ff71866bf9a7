"""Jobs: work that outlives who asked for it, and the process that does it. In `<home>/service.db`.

    queued → running → done | failed | cancelled

A job is claimed in one short transaction. Whoever runs it makes itself heard; a job whose holder is gone goes back to
the queue, and after so many lost holders it fails: whatever ends them is in the job. A job that asks to be stopped
ends as `cancelled` when its holder notices, and at once where nobody holds it.

No text of a document is in a job: arguments and results are names, numbers, labels. Knows no kind of job, no process
and no knowledge base.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, get_args

from qianxun.errors import InputError, NotFound, QianxunError
from qianxun.storage.database import Database
from qianxun.storage.job_steps import ROOM, STEPS
from qianxun.storage.service import migrate

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: Final[tuple[State, ...]] = get_args(State)
ENDED: Final[tuple[State, ...]] = ("done", "failed", "cancelled")

# A holder makes itself heard every second or so; one that cannot be looked for and was silent for so long is gone.
SILENT_SECONDS: Final = 30.0
MOST_LOST: Final = 3
MAX_KEY_CHARS: Final = 200
_COLUMNS: Final = (
    "token, kind, base, owner, arguments, state, stage, done, total, result, error, created, started, finished, heard, "
    "attempts, lost, stopping, schedule, priority, holder, due, prompt_tokens, completion_tokens, quota, begun, "
    "fingerprint"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: an error as a door can say it in the reader's language."""

    kind: str
    template: str
    remedy: str = ""
    values: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, error: QianxunError) -> "Failure":
        """What an error says."""
        values = {
            name: value if isinstance(value, str | int | float | None) else str(value)
            for name, value in error.values.items()
        }
        return cls(type(error).__name__, error.template, error.remedy, values)

    def as_error(self) -> QianxunError:
        """An error that says the same."""
        return QianxunError(self.template, remedy=self.remedy, **dict(self.values or {}))


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. Times are UTC, ISO 8601, empty where that has not happened; `total` is None while unknown.

    `owner` is the caller that it belongs to, "" for the administrator of this machine; `base` the name of a knowledge
    base, "" where it is about none. `lost` counts holders that went away without a word; `due`: not before then.
    `started` is of the last attempt, `begun` of the first. Tokens are those of all attempts; `quota` is what its owner
    had a day when asking, 0: any. `fingerprint` says what was asked for under its key.
    """

    token: str
    kind: str
    base: str
    owner: str
    arguments: Mapping[str, Any]
    state: State
    stage: str
    done: int
    total: int | None
    result: Mapping[str, Any] | None
    error: Failure | None
    created: str
    started: str
    finished: str
    heard: str
    attempts: int
    lost: int
    stopping: bool
    schedule: str
    priority: int
    holder: str
    due: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    quota: int = 0
    begun: str = ""
    fingerprint: str = ""

    @property
    def ended(self) -> bool:
        """Whether it changes no more."""
        return self.state in ENDED


# Whether a holder lives: yes, no, or nobody can tell.
Alive: TypeAlias = Callable[[str], bool | None]
# What a holder is told when it makes itself heard; `lost`: the job is no longer its own.
Heard: TypeAlias = Literal["go on", "stop", "lost"]


class Jobs:
    """All jobs of a service. Several processes may write at a time."""

    def __init__(self, database: Database, *, retention_days: int = 30) -> None:
        self._database = database
        self._retention_days = retention_days
        migrate(database, ROOM, STEPS)

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    # -- asking for work -----------------------------------------------------------------------------

    def submit(
        self,
        kind: str,
        base: str = "",
        *,
        owner: str = "",
        arguments: Mapping[str, Any] | None = None,
        key: str = "",
        schedule: str = "",
        priority: int = 0,
        token: str = "",
        quota: int = 0,
        fingerprint: str = "",
        now: datetime | None = None,
    ) -> Job:
        """A new job in the queue. The higher its priority the sooner it is run; among equals the first that came.

        With a `key`, a second job of the same owner and key is the first one. `token` is what `new_token` gave, where
        something was kept under it before. `fingerprint` tells requests apart: raises KeyTaken for a key that came with
        another one, kind or knowledge base; InputError for one that is too long.
        """
        if len(key) > MAX_KEY_CHARS:
            raise InputError(
                "A key that tells a request again may have {limit} characters; this one has {n}.",
                remedy="Use a UUID.",
                limit=MAX_KEY_CHARS,
                n=len(key),
            )
        with self._database.transaction() as db:
            known = self.by_key(owner, key)
            if known is not None:
                return same_request(known, kind, base, fingerprint)
            values = (token or new_token(), kind, base, owner, _json(arguments or {}), _moment(now))
            (made,) = db.execute(
                "INSERT INTO jobs (token, kind, base, owner, arguments, created, schedule, priority, key, quota, "
                f"fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
                (*values, schedule, priority, key, quota, fingerprint),
            ).fetchall()
        return _job(made)

    def record(
        self, kind: str, base: str, result: Mapping[str, Any], *, owner: str = "", arguments: Mapping[str, Any]
    ) -> Job:
        """A job that is done already, and never was in the queue: kept as others are, for who wants to see it again."""
        with self._database.transaction() as db:
            job = self.submit(kind, base, owner=owner, arguments=arguments)
            self._end(db, job.token, "done", None, result=_json(result))
            return self.get(job.token)

    def by_key(self, owner: str, key: str) -> Job | None:
        """The job that an owner asked for under a key; None if there is none, or the key is empty."""
        found = self._found("WHERE owner = ? AND key = ?", (owner, key)) if key else []
        return found[0] if found else None

    def cancel(self, token: str, owner: str | None = None, *, now: datetime | None = None) -> Job:
        """Ends a queued job, asks a running one to stop, leaves one that has ended as it is; returns it.

        Raises NotFound.
        """
        with self._database.transaction() as db:
            job = self.get(token, owner)
            if job.state == "queued":
                self._end(db, token, "cancelled", now)
            elif job.state == "running":
                db.execute("UPDATE jobs SET stopping = 1 WHERE token = ?", (token,))
            return self.get(token, owner)

    # -- looking -------------------------------------------------------------------------------------

    def get(self, token: str, owner: str | None = None) -> Job:
        """One job; with an owner only one of theirs. Raises NotFound: what is somebody else's is not there."""
        found = self._found("WHERE token = ? AND (?2 IS NULL OR owner = ?2)", (token, owner))
        if not found:
            raise no_job(token)
        return found[0]

    def tokens(self, beginning: str) -> list[str]:
        """The tokens that begin so, the newest first."""
        rows = self._database.rows(
            "SELECT token FROM jobs WHERE substr(token, 1, ?) = ? ORDER BY id DESC", (len(beginning), beginning)
        )
        return [row[0] for row in rows]

    def all(
        self,
        owner: str | None = None,
        *,
        states: Sequence[State] = STATES,
        base: str | None = None,
        kind: str | None = None,
        first: int = 0,
        count: int = 100,
    ) -> list[Job]:
        """Jobs, the newest first: of everybody, or of one owner; of one kind, or any."""
        return self._found(
            "WHERE (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR base = ?2) AND state IN "
            "(SELECT value FROM json_each(?3)) AND (?6 IS NULL OR kind = ?6) ORDER BY id DESC LIMIT ?4 OFFSET ?5",
            (owner, base, json.dumps(list(states)), count, first, kind),
        )

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        counted: dict[str, int] = dict(self._database.rows("SELECT state, count(*) FROM jobs GROUP BY state"))
        return {state: counted.get(state, 0) for state in STATES}

    def waiting_seconds(self, now: datetime | None = None) -> float:
        """How long the oldest job that could be run waits already; 0 where none does."""
        moment = _moment(now)
        rows = self._database.rows(
            "SELECT min(max(created, due)) FROM jobs WHERE state = 'queued' AND due <= ?", (moment,)
        )
        since = rows[0][0]
        return 0.0 if since is None else max(0.0, (_time(moment) - _time(since)).total_seconds())

    # -- running -------------------------------------------------------------------------------------

    def claim(self, holder: str, *, now: datetime | None = None) -> Job | None:
        """The job that is next, now running in this holder's hands; None if there is none.

        Of one knowledge base one job is run at a time.
        """
        moment = _moment(now)
        with self._database.transaction() as db:
            rows = db.execute(
                "UPDATE jobs SET state = 'running', holder = ?1, started = ?2, heard = ?2, attempts = attempts + 1, "
                "begun = CASE WHEN begun = '' THEN ?2 ELSE begun END, "
                "stage = '', done = 0, total = NULL WHERE id = (SELECT id FROM jobs j WHERE j.state = 'queued' "
                "AND j.due <= ?2 AND NOT (j.base <> '' AND EXISTS "
                "(SELECT 1 FROM jobs r WHERE r.state = 'running' AND r.base = j.base)) "
                f"ORDER BY j.priority DESC, j.id LIMIT 1) RETURNING {_COLUMNS}",
                (holder, moment),
            ).fetchall()
        return _job(rows[0]) if rows else None

    def heard(
        self, token: str, holder: str, stage: str, done: int, total: int | None, *, now: datetime | None = None
    ) -> Heard:
        """The holder of a job says that it is there, and how far it has come; returns what it is to do."""
        with self._database.transaction() as db:
            rows = db.execute(
                "UPDATE jobs SET heard = ?, stage = ?, done = ?, total = ? "
                "WHERE token = ? AND holder = ? AND state = 'running' RETURNING stopping",
                (_moment(now), stage, done, total, token, holder),
            ).fetchall()
        if not rows:
            return "lost"
        return "stop" if rows[0][0] else "go on"

    def spent(self, token: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Adds to what a job used, in a transaction of the caller's if there is one."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE jobs SET prompt_tokens = prompt_tokens + ?, completion_tokens = completion_tokens + ? "
                "WHERE token = ?",
                (prompt_tokens, completion_tokens, token),
            )

    def finish(self, token: str, holder: str, result: Mapping[str, Any], *, now: datetime | None = None) -> bool:
        """The job is done, and so is its last stage. False, here and below, if it is no longer this holder's: then
        nothing changes."""
        with self._database.transaction() as db:
            db.execute(
                "UPDATE jobs SET done = coalesce(total, done) WHERE token = ? AND holder = ? AND state = 'running'",
                (token, holder),
            )
            return self._end(db, token, "done", now, holder=holder, result=_json(result))

    def fail(self, token: str, holder: str, failure: Failure, *, now: datetime | None = None) -> bool:
        """The job cannot be done."""
        with self._database.transaction() as db:
            return self._end(db, token, "failed", now, holder=holder, error=_error(failure))

    def stopped(self, token: str, holder: str, *, now: datetime | None = None) -> bool:
        """The job was stopped, as somebody asked."""
        with self._database.transaction() as db:
            return self._end(db, token, "cancelled", now, holder=holder)

    def give_back(
        self, token: str, holder: str, *, seconds: float = 0.0, stage: str = "", now: datetime | None = None
    ) -> bool:
        """Its holder puts a job back into the queue, to be run after so many seconds; one that was to stop ends."""
        moment = now or datetime.now(UTC)
        with self._database.transaction() as db:
            return (
                db.execute(
                    "UPDATE jobs SET state = CASE WHEN stopping THEN 'cancelled' ELSE 'queued' END, "
                    "finished = CASE WHEN stopping THEN ?1 ELSE '' END, holder = '', due = ?2, stage = ?3 "
                    "WHERE token = ?4 AND holder = ?5 AND state = 'running'",
                    (_moment(moment), _moment(moment + timedelta(seconds=seconds)), stage, token, holder),
                ).rowcount
                > 0
            )

    def take_back(self, alive: Alive, *, now: datetime | None = None) -> list[Job]:
        """Puts jobs whose holders are gone back into the queue, or ends them; returns them as they are then.

        `alive` says whether a holder lives; where nobody can tell, one that was silent for SILENT_SECONDS is gone.
        A job that lost MOST_LOST holders fails.
        """
        moment = now or datetime.now(UTC)
        silent = _moment(moment - timedelta(seconds=SILENT_SECONDS))
        running = [(job.token, job.holder, job.heard) for job in self._found("WHERE state = 'running'", ())]
        # Looked at outside of the transaction: it may take a moment.
        gone = [(t, h, heard) for t, h, heard in running if _is_gone(alive(h), heard, silent)]
        found: list[Job] = []
        for token, holder, heard in gone:
            with self._database.transaction() as db:
                rows = db.execute(
                    "UPDATE jobs SET state = 'queued', holder = '', lost = lost + 1, stage = '' "
                    f"WHERE token = ? AND holder = ? AND heard = ? AND state = 'running' RETURNING {_COLUMNS}",
                    (token, holder, heard),
                ).fetchall()
                if not rows:
                    continue  # it was heard meanwhile
                job = _job(rows[0])
                if job.stopping:
                    self._end(db, token, "cancelled", moment)
                elif job.lost >= MOST_LOST:
                    self._end(db, token, "failed", moment, error=_error(_lost(job.lost)))
                found.append(self.get(token))
        return found

    # -- schedules -----------------------------------------------------------------------------------

    def looked_at(self, schedule: str, rule: str) -> datetime | None:
        """Up to when a schedule with this rule was looked at; None if it never was."""
        rows = self._database.rows("SELECT looked FROM schedules WHERE name = ? AND rule = ?", (schedule, rule))
        return _time(rows[0][0]) if rows else None

    def look_at(self, schedule: str, rule: str, before: datetime | None, now: datetime) -> bool:
        """Notes that a schedule was looked at; False if another process did since it was `before`."""
        with self._database.transaction() as db:
            if self.looked_at(schedule, rule) != before:
                return False
            db.execute("INSERT OR REPLACE INTO schedules VALUES (?, ?, ?)", (schedule, rule, _moment(now)))
            return True

    def submit_due(
        self,
        schedule: str,
        rule: str,
        before: datetime,
        kind: str,
        base: str,
        arguments: Mapping[str, Any],
        *,
        priority: int,
        now: datetime,
    ) -> Job | None:
        """The job of a schedule that is due, in one transaction with noting that it was looked at.

        None if another process was quicker, or its last job has not ended: it stays due.
        """
        with self._database.transaction():
            if self.open_of(schedule) is not None or not self.look_at(schedule, rule, before, now):
                return None
            return self.submit(kind, base, arguments=arguments, schedule=schedule, priority=priority, now=now)

    def open_of(self, schedule: str) -> Job | None:
        """The job of a schedule that has not ended; there is one at most."""
        found = self._found("WHERE schedule = ? AND finished = ''", (schedule,))
        return found[0] if found else None

    def last_of(self, schedule: str) -> Job | None:
        """The job of a schedule that ended last."""
        found = self._found(
            "WHERE schedule = ? AND finished <> '' ORDER BY finished DESC, id DESC LIMIT 1", (schedule,)
        )
        return found[0] if found else None

    # -- upkeep --------------------------------------------------------------------------------------

    def open_tokens(self) -> set[str]:
        """The jobs that have not ended."""
        return {row[0] for row in self._database.rows("SELECT token FROM jobs WHERE finished = ''")}

    def kept_tokens(self) -> set[str]:
        """All jobs there are."""
        return {row[0] for row in self._database.rows("SELECT token FROM jobs")}

    def expire(self, now: datetime | None = None) -> int:
        """Takes out jobs that ended longer ago than the retention; returns how many. 0 days: they are kept."""
        if self._retention_days <= 0:
            return 0
        last = _moment((now or datetime.now(UTC)) - timedelta(days=self._retention_days))
        with self._database.transaction() as db:
            return db.execute("DELETE FROM jobs WHERE finished <> '' AND finished < ?", (last,)).rowcount

    def erase(self, token: str, owner: str | None = None) -> None:
        """Takes out a job that has ended. Raises NotFound; InputError if it has not."""
        with self._database.transaction() as db:
            if not self.get(token, owner).ended:
                raise InputError("Job {token} has not ended.", remedy="Cancel it first.", token=token)
            db.execute("DELETE FROM jobs WHERE token = ?", (token,))

    # -- parts ---------------------------------------------------------------------------------------

    def _end(
        self,
        db: sqlite3.Connection,
        token: str,
        state: State,
        now: datetime | None,
        *,
        holder: str = "",
        result: str | None = None,
        error: str | None = None,
    ) -> bool:
        """Ends a job: one that this holder has, or that nobody has."""
        return (
            db.execute(
                "UPDATE jobs SET state = ?, finished = ?, holder = '', result = ?, error = ? "
                "WHERE token = ? AND holder = ? AND state IN ('queued', 'running')",
                (state, _moment(now), result, error, token, holder),
            ).rowcount
            > 0
        )

    def _found(self, rest: str, values: Sequence[object]) -> list[Job]:
        return [_job(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM jobs {rest}", values)]


def new_token() -> str:
    """The name of a job, which cannot be guessed."""
    return secrets.token_hex(16)


def no_job(token: str) -> NotFound:
    """What is said of a job that there is not, or that the caller may not know of."""
    return NotFound("There is no job {token}.", remedy="`qianxun jobs` lists them.", token=token)


class KeyTaken(InputError):
    """A key that tells a request again came with another request. Answered with 422."""

    status: int = 422


def same_request(known: Job, kind: str, base: str, fingerprint: str) -> Job:
    """The job that was asked for under a key, if this is the same request. Raises KeyTaken."""
    if (known.kind, known.base) != (kind, base) or (known.fingerprint and known.fingerprint != fingerprint):
        error = InputError(
            "This key was given with another request before.", remedy="Give every request a key of its own."
        )
        raise KeyTaken(error.template, remedy=error.remedy)
    return known


def _is_gone(alive: bool | None, heard: str, silent: str) -> bool:
    return not alive if alive is not None else heard < silent


def _lost(n: int) -> Failure:
    error = QianxunError(
        "The process that ran this job was lost {n} times.",
        remedy="Look into the service's log; ask for the job again when the cause is mended.",
        n=n,
    )
    return replace(Failure.of(error), kind="ProcessLost")


def _job(row: Sequence[Any]) -> Job:
    token, kind, base, owner, arguments, state, stage, done, total, result, error, *rest = row
    created, started, finished, heard, attempts, lost, stopping, schedule, priority, holder, due, *more = rest
    prompt_tokens, completion_tokens, quota, begun, fingerprint = more
    return Job(
        token=token,
        kind=kind,
        base=base,
        owner=owner,
        arguments=json.loads(arguments),
        state=state,
        stage=stage,
        done=done,
        total=total,
        result=None if result is None else json.loads(result),
        error=None if error is None else Failure(**json.loads(error)),
        created=created,
        started=started,
        finished=finished,
        heard=heard,
        attempts=attempts,
        lost=lost,
        stopping=bool(stopping),
        schedule=schedule,
        priority=priority,
        holder=holder,
        due=due,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        quota=quota,
        begun=begun,
        fingerprint=fingerprint,
    )


def _error(failure: Failure) -> str:
    return _json(
        {
            "kind": failure.kind,
            "template": failure.template,
            "remedy": failure.remedy,
            "values": dict(failure.values or {}),
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _moment(now: datetime | None) -> str:
    """UTC to the millisecond, as wide as any other: as text they are in the order of time."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _time(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
