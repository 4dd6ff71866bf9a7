"""Keys of the service: what each of them grants, until when. Of its secret only a hash is kept.

A key is `qx-ID-SECRET`. The id names it for good, in lists, in the audit and as the owner of conversations; secrets
change by rotation. They have 256 random bits, so that a plain SHA-256 is as good as a slow one: there is nothing to
guess. Every look is at the file itself: what was revoked does not hold for the next request, in any process.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, get_args

from qianxun.errors import InputError, NotFound
from qianxun.records import check_labels
from qianxun.storage.database import Database
from qianxun.storage.key_steps import ROOM, STEPS
from qianxun.storage.service import migrate

Action: TypeAlias = Literal["search", "ask", "read", "write", "feedback", "evaluate", "models", "admin"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
# What a key may do where nobody says: what colleagues do who ask questions.
USUAL: Final[frozenset[Action]] = frozenset(("search", "ask", "read", "feedback"))

_FORM: Final = re.compile(r"qx-([0-9a-f]{8})-[A-Za-z0-9_-]{43}")
_MAX_NAME_CHARS: Final = 100


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key allows. `labels` None: every document; `bases` None: every knowledge base; limits 0: the service's."""

    labels: frozenset[str] | None
    bases: frozenset[str] | None
    actions: frozenset[Action]
    requests_per_minute: int = 0
    tokens_per_day: int = 0
    streams: int = 0

    @classmethod
    def everything(cls) -> "Grant":
        """An administrator's."""
        return cls(None, None, frozenset(ACTIONS))


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret. Moments are UTC in ISO 8601, "" for never."""

    id: str
    name: str
    grant: Grant
    created: str
    expires: str
    revoked: str
    used: str

    def holds(self, now: datetime) -> bool:
        """Whether it opens anything at this moment."""
        return not self.revoked and (not self.expires or self.expires > _moment(now))


class Keys:
    """The keys in a service's file. Several processes may read and write at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        migrate(database, ROOM, STEPS)

    @property
    def database(self) -> Database:
        """The file that they lie in."""
        return self._database

    def close(self) -> None:
        """Lets go of the file."""
        self._database.close()

    def create(
        self, name: str, grant: Grant, *, expires: datetime | None = None, now: datetime | None = None
    ) -> tuple[Key, str]:
        """A new key and its secret, which nobody can read again. Raises InputError for what can be no key."""
        _check(name, grant)
        moment = now or datetime.now(UTC)
        id_, at, until = secrets.token_hex(4), _moment(moment), _moment(expires) if expires else ""
        if until and until <= at:
            raise InputError("The key would end at {moment}, before it begins.", moment=until)
        secret = _new_secret(id_)
        with self._database.transaction() as db:
            db.execute(
                "INSERT INTO keys (id, name, granted, created, expires) VALUES (?, ?, ?, ?, ?)",
                (id_, name.strip(), _as_json(grant), at, until),
            )
            db.execute("INSERT INTO key_secrets (hash, key) VALUES (?, ?)", (_hash(secret), id_))
        return Key(id_, name.strip(), grant, at, until, "", ""), secret

    def opened_by(self, secret: str, *, now: datetime | None = None) -> Key | None:
        """The key that a secret opens now; None if there is none, or it was revoked or has ended."""
        form = _FORM.fullmatch(secret)
        if form is None:
            return None
        moment = now or datetime.now(UTC)
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM keys JOIN key_secrets AS s ON s.key = keys.id "
            "WHERE s.hash = ? AND keys.id = ? AND (s.expires = '' OR s.expires > ?)",
            (_hash(secret), form[1], _moment(moment)),
        )
        key = _key(rows[0]) if rows else None
        return key if key is not None and key.holds(moment) else None

    def note_use(self, ids: Iterable[str], *, now: datetime | None = None) -> None:
        """Keeps that these were used now."""
        at = _moment(now or datetime.now(UTC))
        with self._database.transaction() as db:
            db.executemany("UPDATE keys SET used = ? WHERE id = ?", [(at, id_) for id_ in ids])

    def all(self) -> list[Key]:
        """Every key, also those that hold no more, oldest first."""
        return [_key(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM keys ORDER BY created, id")]

    def any_holds(self, now: datetime | None = None) -> bool:
        """Whether anybody could show a key."""
        return any(key.holds(now or datetime.now(UTC)) for key in self.all())

    def of_id(self, id: str) -> Key | None:
        """A key by its id alone, also one that holds no more; None if there is none."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM keys WHERE id = ?", (id,))
        return _key(rows[0]) if rows else None

    def get(self, id_or_name: str) -> Key:
        """A key by its id or its name: of several of a name the one that holds. Raises NotFound, InputError for a name
        of several all the same."""
        found = [key for key in self.all() if id_or_name in (key.id, key.name)]
        holding = [key for key in found if key.holds(datetime.now(UTC))]
        found = holding if len(holding) == 1 and all(key.id != id_or_name for key in found) else found
        if not found:
            raise NotFound("There is no key {name!r}.", remedy="`qianxun keys` lists them.", name=id_or_name)
        if len(found) > 1 and all(key.id != id_or_name for key in found):
            raise InputError("{n} keys are named {name!r}.", remedy="Say the id.", n=len(found), name=id_or_name)
        return next((key for key in found if key.id == id_or_name), found[0])

    def revoke(self, id_or_name: str, *, now: datetime | None = None) -> Key:
        """Ends a key for good, from the next request on. Raises NotFound, InputError for a name of several."""
        id_ = self.get(id_or_name).id
        with self._database.transaction() as db:
            db.execute(
                "UPDATE keys SET revoked = ? WHERE id = ? AND revoked = ''", (_moment(now or datetime.now(UTC)), id_)
            )
            db.execute("DELETE FROM key_secrets WHERE key = ?", (id_,))
        return self.get(id_)

    def rotate(self, id_or_name: str, *, keep: timedelta = timedelta(), now: datetime | None = None) -> str:
        """A new secret for a key; those before it hold for so long still. Raises NotFound, InputError for a name of
        several, and for a key that has ended."""
        moment = now or datetime.now(UTC)
        key = self.get(id_or_name)
        secret, until = _new_secret(key.id), _moment(moment + keep)
        with self._database.transaction() as db:
            if not self.get(key.id).holds(moment):  # it may have been revoked while we waited for the file
                raise InputError("The key {name!r} holds no more.", remedy="Create another one.", name=key.name)
            db.execute(
                "UPDATE key_secrets SET expires = ? WHERE key = ? AND (expires = '' OR expires > ?)",
                (until, key.id, until),
            )
            db.execute("DELETE FROM key_secrets WHERE expires <> '' AND expires <= ?", (_moment(moment),))
            db.execute("INSERT INTO key_secrets (hash, key) VALUES (?, ?)", (_hash(secret), key.id))
        return secret

    def delete(self, id_or_name: str) -> None:
        """Takes a key out of the list; the audit goes on naming its id. Raises NotFound, InputError for a name of
        several."""
        id_ = self.get(id_or_name).id
        with self._database.transaction() as db:
            db.execute("DELETE FROM keys WHERE id = ?", (id_,))


_COLUMNS: Final = "keys.id, keys.name, keys.granted, keys.created, keys.expires, keys.revoked, keys.used"


def _new_secret(id: str) -> str:
    return f"qx-{id}-{secrets.token_urlsafe(32)}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _check(name: str, grant: Grant) -> None:
    if not name.strip() or len(name) > _MAX_NAME_CHARS or not name.replace("\u3000", " ").isprintable():
        raise InputError("{name!r} is no name for a key.", remedy="Say whose it is, on one line.", name=name)
    unknown = sorted({*grant.actions} - {*ACTIONS})
    if unknown or not grant.actions:
        raise InputError(
            "{action!r} is nothing that a key can allow.",
            remedy="Known: {known}.",
            action=", ".join(unknown),
            known=", ".join(ACTIONS),
        )
    if "admin" in grant.actions and (grant.labels is not None or grant.bases is not None):
        raise InputError(
            "An administrator's key is for every document.", remedy="Leave labels and knowledge bases out."
        )
    if min(grant.requests_per_minute, grant.tokens_per_day, grant.streams) < 0:
        raise InputError("A limit cannot be below 0.", remedy="0 takes that of the settings.")
    check_labels(grant.labels or ())


def _as_json(grant: Grant) -> str:
    return json.dumps(asdict(grant), default=sorted, ensure_ascii=False, sort_keys=True)


def _set_of(values: Iterable[Any] | None) -> frozenset[Any] | None:
    return None if values is None else frozenset(values)


def _key(row: tuple[str, ...]) -> Key:
    id_, name, granted, created, expires, revoked, used = row
    fields = json.loads(granted)
    grant = Grant(
        _set_of(fields["labels"]),
        _set_of(fields["bases"]),
        frozenset(fields["actions"]),
        fields["requests_per_minute"],
        fields["tokens_per_day"],
        fields["streams"],
    )
    return Key(id_, name, grant, created, expires, revoked, used)
