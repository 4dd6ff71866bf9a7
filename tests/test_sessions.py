"""Sessions of the pages: what they stand for, when they end, and that their file tells nothing."""

import hashlib
import hmac
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qianxun.storage.database import Database
from qianxun.storage.sealing import sealed
from qianxun.storage.service import migrate, open_service
from qianxun.storage.session_steps import ROOM, STEPS
from qianxun.storage.sessions import Session, Sessions, is_session

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = "qx-密钥-secret"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_service(tmp_path)
    yield opened
    opened.close()


def test_a_session_stands_for_what_was_shown_until_it_ends(database: Database) -> None:
    sessions = Sessions(database)
    secret = sessions.begin(KEY, DAY, now=NOW)
    assert is_session(secret)
    assert sessions.shown_by(secret, now=NOW) == KEY
    assert sessions.shown_by(secret, now=NOW + DAY - timedelta(seconds=1)) == KEY
    assert sessions.shown_by(secret, now=NOW + DAY) is None


def test_signing_out_ends_one_session_and_no_other(database: Database) -> None:
    sessions = Sessions(database)
    one, other = sessions.begin(KEY, DAY, now=NOW), sessions.begin(KEY, DAY, now=NOW)
    assert one != other
    sessions.end(one)
    assert sessions.shown_by(one, now=NOW) is None
    assert sessions.shown_by(other, now=NOW) == KEY


@pytest.mark.parametrize("shown", ["", "qs-", "qs-" + "a" * 43, "qx-" + "a" * 43, "qs-" + "密" * 43, KEY])
def test_what_is_no_session_stands_for_nothing(database: Database, shown: str) -> None:
    assert Sessions(database).shown_by(shown) is None


def test_sessions_that_have_ended_are_forgotten_when_another_begins(database: Database) -> None:
    sessions = Sessions(database)
    sessions.begin(KEY, DAY, now=NOW)
    sessions.begin(KEY, DAY, now=NOW + 2 * DAY)
    assert database.rows("SELECT count(*) FROM sessions")[0][0] == 1


def test_the_file_holds_neither_the_secret_nor_the_key(database: Database, tmp_path: Path) -> None:
    secret = Sessions(database).begin(KEY, DAY, now=NOW)
    database.close()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert KEY.encode() not in data
            assert secret.encode() not in data
            assert secret.removeprefix("qs-").encode() not in data


def test_a_session_stands_for_another_token_once_it_is_renewed(database: Database) -> None:
    sessions = Sessions(database)
    secret = sessions.begin("a.b.c", DAY, renewal="续期 1", now=NOW)
    assert sessions.found(secret, now=NOW) == Session("a.b.c", "续期 1", False)
    sessions.renew(secret, "d.e.f", "续期 2")
    assert sessions.found(secret, now=NOW) == Session("d.e.f", "续期 2", False)
    sessions.end(secret)
    sessions.renew(secret, "g.h.i", "续期 3")  # it was signed out of meanwhile
    assert sessions.found(secret, now=NOW) is None


def test_one_at_a_time_renews_a_session(database: Database) -> None:
    sessions, minute = Sessions(database), timedelta(minutes=1)
    one, other = (sessions.begin("a.b.c", DAY, renewal="r", now=NOW) for _ in range(2))
    assert sessions.take_renewal(one, minute, now=NOW)
    assert not Sessions(database).take_renewal(one, minute, now=NOW + minute / 2)
    assert sessions.found(one, now=NOW) == Session("a.b.c", "r", True)
    assert sessions.take_renewal(other, minute, now=NOW)
    assert sessions.take_renewal(one, minute, now=NOW + minute)
    sessions.leave_renewal(one)
    assert sessions.take_renewal(one, minute, now=NOW)
    sessions.end(one)
    assert not sessions.take_renewal(one, minute, now=NOW + DAY)


def test_what_renews_a_session_opens_as_nothing_else(database: Database, tmp_path: Path) -> None:
    sessions = Sessions(database)
    secret = sessions.begin("a.b.c", DAY, renewal="r", now=NOW)
    with database.transaction() as db:
        db.execute("UPDATE sessions SET sealed = renewal")
    assert sessions.found(secret, now=NOW) is None


def test_sessions_of_an_earlier_release_go_on(database: Database) -> None:
    migrate(database, ROOM, STEPS[:1])
    key = hmac.digest(b"qs-" + b"a" * 43, b"qianxun session", "sha256")
    with database.transaction() as db:
        row = (hashlib.sha256(b"qs-" + b"a" * 43).digest(), sealed(KEY, key), "", (NOW + DAY).isoformat())
        db.execute("INSERT INTO sessions (hash, sealed, created, expires) VALUES (?, ?, ?, ?)", row)
    assert Sessions(database).found("qs-" + "a" * 43, now=NOW) == Session(KEY, "", False)


def test_a_session_that_was_tampered_with_stands_for_nothing(database: Database, tmp_path: Path) -> None:
    sessions = Sessions(database)
    mine, theirs = sessions.begin(KEY, DAY, now=NOW), sessions.begin("qx-other", DAY, now=NOW)
    (file,) = tmp_path.rglob("*.db")
    with sqlite3.connect(file) as db:
        # Who can write the file puts another's key below their own session.
        (a, sealed), (b, other) = db.execute("SELECT hash, sealed FROM sessions").fetchall()
        db.execute("UPDATE sessions SET sealed = ? WHERE hash = ?", (other, a))
        db.execute("UPDATE sessions SET sealed = ? WHERE hash = ?", (sealed, b))
    db.close()
    assert sessions.shown_by(mine, now=NOW) is None
    assert sessions.shown_by(theirs, now=NOW) is None
