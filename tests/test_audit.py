"""The audit: a chain that shows every change, what may be erased from beside it, retention, signatures, kills."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qianxun.errors import InputError, SettingsError
from qianxun.storage.audit import Audit
from qianxun.storage.audit_chain import body_of
from qianxun.storage.audit_records import RETENTION, Entry, Verified, micros_of, moment_of
from qianxun.storage.audit_report import report
from qianxun.storage.audit_verify import head_of, verify
from qianxun.storage.group_commit import GroupCommit
from qianxun.storage.service import open_service

NOON = datetime(2026, 3, 18, 12, 0, 0, 123456, tzinfo=UTC)
QUESTIONS = ("住宿限额是多少？", "住宿限額是多少?", "What is the limit？", "加班費 overtime rate", "x\ud800y")


def entry(n: int, *, who: str = "key:3f9a", question: str = "", days: float = 0, **fields: Any) -> Entry:
    at = micros_of(NOON + timedelta(days=days, seconds=n))
    return Entry(at, "search", who, question, {"request": f"r{n}", "status": 200, "kb": "制度", **fields})


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Audit]:
    database = open_service(tmp_path)
    yield Audit(database)
    database.close()


def raw(home: Path) -> sqlite3.Connection:
    """The file as somebody with a tool of their own sees it: the indexes would refuse what is no JSON."""
    db = sqlite3.connect(home / "service.db", isolation_level=None)
    for (name,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%json_extract%'"
    ).fetchall():
        db.execute(f"DROP INDEX {name}")
    return db


def named(found: Verified) -> list[tuple[int, str]]:
    return [(problem.seq, problem.fault) for problem in found.problems]


def test_rows_are_a_chain_that_anybody_can_compute(audit: Audit) -> None:
    audit.record(*(entry(n, question=QUESTIONS[n % 5]) for n in range(7)))
    previous = bytes(32)
    for seq, at, body, hash in audit.database.rows("SELECT seq, at, body, hash FROM audit ORDER BY seq"):
        text = previous + seq.to_bytes(8, "big") + at.to_bytes(8, "big") + body.encode()
        previous = hashlib.sha256(text).digest()
        assert hash == previous
    found = verify(audit)
    assert (found.ok, found.rows, found.first, found.head) == (True, 7, 1, f"7:{previous.hex()}")
    assert verify(audit, expect=head_of(found.head)).ok
    assert audit.head() == (7, previous)


def test_nothing_recorded_is_in_order(audit: Audit) -> None:
    assert verify(audit) == Verified(rows=0, first=0, head=f"0:{'00' * 32}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_change_of_a_byte_shows_at_its_row(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("audit")
    database = open_service(home)
    audit = Audit(database, questions="text", keys=[b"secret"])
    audit.record(*(entry(n, question=QUESTIONS[n % 4], who=f"key:{n % 3}") for n in range(6)))
    assert verify(audit).ok
    seq = data.draw(st.integers(1, 6))
    column = data.draw(st.sampled_from(["at", "body", "hash", "signature"]))
    db = raw(home)
    (value,) = db.execute(f"SELECT {column} FROM audit WHERE seq = ?", (seq,)).fetchone()
    if column == "at":
        changed: Any = value ^ (1 << data.draw(st.integers(0, 62)))
    else:
        content = bytearray(value.encode() if column == "body" else value)
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << data.draw(st.integers(0, 6))
        changed = bytes(content).decode() if column == "body" else bytes(content)
    db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (changed, seq))
    found = verify(audit)
    assert found.problems[0].seq == seq
    allowed = {"signature": {"forged"}, "hash": {"changed", "forged"}}.get(column, {"changed"})
    assert found.problems[0].fault in allowed
    db.close()
    database.close()


@pytest.mark.parametrize("seq", range(1, 6))
def test_a_removed_row_shows(audit: Audit, tmp_path: Path, seq: int) -> None:
    audit.record(*(entry(n) for n in range(5)))
    raw(tmp_path).execute("DELETE FROM audit WHERE seq = ?", (seq,))
    assert named(verify(audit)) == [(seq, "missing")]


@pytest.mark.parametrize("one, other", [(1, 2), (2, 4), (4, 5)])
def test_swapped_rows_show(audit: Audit, tmp_path: Path, one: int, other: int) -> None:
    audit.record(*(entry(n) for n in range(5)))
    db = raw(tmp_path)
    for step in ((-1, one), (one, other), (other, -1)):
        db.execute("UPDATE audit SET seq = ? WHERE seq = ?", step)
    found = verify(audit)
    assert min(named(found)) == (one, "changed")
    assert (other, "changed") in named(found)


def test_rows_moved_up_behind_a_removed_one_show(audit: Audit, tmp_path: Path) -> None:
    audit.record(*(entry(n) for n in range(5)))
    db = raw(tmp_path)
    db.execute("DELETE FROM audit WHERE seq = 3")
    db.execute("UPDATE audit SET seq = 3 WHERE seq = 4")
    db.execute("UPDATE audit SET seq = 4 WHERE seq = 5")
    assert verify(audit).problems[0].seq == 3


@pytest.mark.parametrize("place", [0, -3, 2, 6])
def test_an_inserted_row_shows(audit: Audit, tmp_path: Path, place: int) -> None:
    audit.record(*(entry(n) for n in range(5)))
    db = raw(tmp_path)
    for seq in range(5, place - 1, -1) if place > 0 else ():
        db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (seq + 1, seq))
    db.execute("INSERT INTO audit VALUES (?, 1, '{}', ?, NULL)", (place, bytes(32)))
    found = verify(audit)
    assert found.problems
    assert place in [problem.seq for problem in found.problems]


def test_a_missing_end_shows_by_a_head_noted_elsewhere(audit: Audit, tmp_path: Path) -> None:
    audit.record(*(entry(n) for n in range(5)))
    head = verify(audit).head
    db = raw(tmp_path)
    db.execute("DELETE FROM audit WHERE seq > 3")
    db.execute("UPDATE sqlite_sequence SET seq = 3 WHERE name = 'audit'")
    assert verify(audit).ok
    assert named(verify(audit, expect=head_of(head))) == [(5, "expected")]
    audit.record(entry(8), entry(9), entry(10))  # what came instead is not what was noted
    assert named(verify(audit, expect=head_of(head))) == [(5, "expected")]


@pytest.mark.parametrize(
    "text", ["", "5", "5:", "x:00112233445566778899", "5:zz112233445566778899", "-1:00112233445566778899"]
)
def test_a_head_must_be_readable(text: str) -> None:
    with pytest.raises(InputError):
        head_of(text)


# -- persons and questions ---------------------------------------------------------------------------


def test_equal_questions_are_told_and_no_text_is_kept(audit: Audit, tmp_path: Path) -> None:
    audit.record(*(entry(n, question=text) for n, text in enumerate(QUESTIONS)))
    hashes = [row.body["question"] for row in audit.rows()]
    assert hashes[0] == hashes[1]  # traditional script and width are no difference
    assert len(set(hashes)) == 4
    content = b"".join(path.read_bytes() for path in tmp_path.glob("service.db*"))
    assert "住宿".encode() not in content
    assert b"overtime" not in content


def test_texts_of_questions_are_kept_only_where_asked_for(tmp_path: Path) -> None:
    database = open_service(tmp_path)
    Audit(database, questions="none").record(entry(0, question="住宿"))
    Audit(database, questions="text").record(entry(1, question="住宿限额"))
    rows = list(Audit(database).rows())
    assert [("question" in row.body, row.question) for row in rows] == [(False, ""), (True, "住宿限额")]
    raw(tmp_path).execute("UPDATE audit_questions SET text = '年假'")
    assert named(verify(Audit(database))) == [(2, "question")]
    database.close()


@pytest.mark.parametrize("people", ["id", "hash"])
def test_erasing_a_person_leaves_the_chain_whole(tmp_path: Path, people: Any) -> None:
    database = open_service(tmp_path)
    audit = Audit(database, questions="text", people=people)
    audit.record(*(entry(n, who=("key:张伟", "key:b")[n % 2], question="年假") for n in range(6)))
    assert [row.who for row in audit.rows(who="key:张伟")] == (
        ["key:张伟"] * 3 if people == "id" else [next(audit.rows()).body["who"]] * 3
    )
    assert audit.erase("key:张伟") == 3
    assert audit.erase("key:张伟") == 0
    found = verify(audit)
    assert (found.ok, found.rows) == (True, 7)
    assert list(audit.rows(who="key:张伟")) == []
    assert [bool(row.question) for row in audit.rows()] == [False, True] * 3 + [False]
    database.compact()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("service.db*"))
    assert "张伟".encode() not in content
    audit.record(entry(9, who="key:张伟"))
    codes = [row.body.get("who") for row in audit.rows()]
    assert codes[7] not in codes[:7]
    database.close()


def test_a_row_cannot_be_made_another_persons(audit: Audit, tmp_path: Path) -> None:
    audit.record(entry(0, who="key:a"), entry(1, who="key:b"))
    db = raw(tmp_path)
    db.execute("UPDATE audit_people SET name = 'key:c' WHERE name = 'key:b'")
    assert named(verify(audit)) == [(2, "person")]
    db.execute("UPDATE audit_people SET lookup = ? WHERE name = 'key:c'", (audit.lookup_of("key:c"),))
    assert named(verify(audit)) == [(2, "person")]


# -- signatures --------------------------------------------------------------------------------------


def test_a_chain_made_anew_without_the_key_shows(tmp_path: Path) -> None:
    database = open_service(tmp_path)
    Audit(database).record(entry(0), entry(1))  # before there was a key
    signed = Audit(database, keys=[b"one"])
    signed.record(entry(2), entry(3))
    found = verify(signed)
    assert (found.ok, found.signed) == (True, 2)
    assert verify(Audit(database)).unchecked == 2
    with pytest.raises(SettingsError):
        Audit(database).record(entry(4))
    assert verify(Audit(database, keys=[b"two", b"one"])).ok  # a new key beside the old one
    Audit(database, keys=[b"two", b"one"]).record(entry(4))
    assert verify(Audit(database, keys=[b"two", b"one"])).signed == 3
    assert named(verify(Audit(database, keys=[b"two"]))) == [(3, "forged"), (4, "forged")]
    raw(tmp_path).execute("DELETE FROM audit")
    Audit(database).record(entry(0), entry(1), entry(2), entry(3), entry(4))
    assert verify(Audit(database)).ok
    assert named(verify(signed)) == [(5, "unsigned")]
    database.close()


# -- retention ---------------------------------------------------------------------------------------


def test_retention_says_what_it_dropped_and_another_deletion_shows(tmp_path: Path) -> None:
    database = open_service(tmp_path)
    audit = Audit(database, questions="text", retention_days=30)
    audit.record(*(entry(n, days=-40 + 10 * n, question="年假") for n in range(6)))
    assert audit.expire(NOON) == 1
    found = verify(audit)
    assert (found.ok, found.dropped, found.first, found.rows) == (True, 1, 2, 6)
    assert found.dropped_until == NOON + timedelta(days=-40)
    assert audit.expire(NOON + timedelta(days=15)) == 2
    assert audit.expire(NOON + timedelta(days=15)) == 0
    found = verify(audit)
    assert (found.ok, found.dropped, found.first) == (True, 3, 4)
    assert [row.action for row in audit.rows()] == ["search"] * 3 + [RETENTION] * 2
    assert database.rows("SELECT min(seq) FROM audit_questions") == [(4,)]
    db = raw(tmp_path)
    db.execute("DELETE FROM audit WHERE seq < 6")
    found = verify(audit)
    assert (found.problems[0].seq, found.problems[0].last, found.problems[0].fault) == (4, 5, "missing")
    assert {problem.fault for problem in found.problems[1:]} == {"question"}  # their texts are left over
    db.execute("INSERT INTO audit VALUES (2, 1, '{}', ?, NULL)", (bytes(32),))
    assert (2, "inserted") in named(verify(audit))
    database.close()


def test_a_changed_row_of_the_retention_shows(tmp_path: Path) -> None:
    database = open_service(tmp_path)
    audit = Audit(database, retention_days=30)
    audit.record(*(entry(n, days=-40 + 10 * n) for n in range(6)))
    audit.expire(NOON)
    raw(tmp_path).execute("UPDATE audit SET body = replace(body, '\"through\":1', '\"through\":0') WHERE seq = 7")
    assert verify(audit).problems[0].seq == 7
    database.close()


def test_retention_of_everything_leaves_its_own_row(tmp_path: Path) -> None:
    database = open_service(tmp_path)
    audit = Audit(database, retention_days=1)
    audit.record(*(entry(n) for n in range(3)))
    assert audit.expire(NOON + timedelta(days=9)) == 3
    assert [row.seq for row in audit.rows()] == [4]
    assert verify(audit).dropped == 3
    assert database.rows("SELECT count(*) FROM audit_people") == [(0,)]
    database.close()


# -- several writers ---------------------------------------------------------------------------------


def test_threads_and_processes_add_to_one_chain(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from qianxun.storage.audit import Audit; "
        "from qianxun.storage.audit_records import Entry; from qianxun.storage.service import open_service\n"
        "audit = Audit(open_service(Path(sys.argv[1])))\n"
        "for n in range(40): audit.record(Entry(n, 'search', sys.argv[2]))\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), f"key:{n}"]) for n in range(2)]
    database = open_service(tmp_path)
    audit = Audit(database)
    writer = GroupCommit(database, audit.append, seconds=0.01)
    for n in range(100):
        writer.put(entry(n, who="key:0"))
    assert all(worker.wait() == 0 for worker in workers)
    writer.close()
    found = verify(audit)
    assert (found.ok, found.rows) == (True, 180)
    assert len(list(audit.rows(who="key:0"))) == 140
    database.close()


def test_killed_while_appending_the_chain_is_whole(tmp_path: Path) -> None:
    code = (
        "import sys, itertools; from pathlib import Path; from qianxun.storage.audit import Audit\n"
        "from qianxun.storage.audit_records import Entry; from qianxun.storage.service import open_service\n"
        "from qianxun.storage.group_commit import GroupCommit\n"
        "database = open_service(Path(sys.argv[1])); audit = Audit(database)\n"
        "writer = GroupCommit(database, audit.append, seconds=0.001)\n"
        "for n in itertools.count():\n"
        "    writer.put_now(Entry(n, 'label', 'key:a')).result(); print(n, flush=True)\n"
    )
    acknowledged = 0
    database = open_service(tmp_path)
    for moment in (0.02, 0.05, 0.11):
        worker = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        acknowledged += bool(worker.stdout.readline())
        time.sleep(moment)
        os.kill(worker.pid, signal.SIGKILL)
        acknowledged += len(worker.stdout.read().split())
        worker.wait()
        worker.stdout.close()
        found = verify(Audit(database))
        assert found.ok
        assert found.rows >= acknowledged  # what was told to be on disk is
    database.close()


# -- reading -----------------------------------------------------------------------------------------


def test_rows_are_found_by_time_person_action_and_base(audit: Audit) -> None:
    audit.record(
        entry(0),
        Entry(micros_of(NOON + timedelta(days=1)), "documents.add", "key:b", fields={"kb": "人事", "changes": True}),
        Entry(micros_of(NOON + timedelta(days=2)), "documents.remove", "key:b", fields={"kb": "制度", "changes": True}),
    )
    assert [row.seq for row in audit.rows(since=NOON + timedelta(hours=1))] == [2, 3]
    assert [row.seq for row in audit.rows(until=NOON + timedelta(hours=1))] == [1]
    assert [row.seq for row in audit.rows(who="key:b")] == [2, 3]
    assert [row.seq for row in audit.rows(action="documents")] == [2, 3]
    assert [row.seq for row in audit.rows(action="documents.add")] == [2]
    assert [row.seq for row in audit.rows(action="documen")] == []
    assert [row.seq for row in audit.rows(kb="制度")] == [1, 3]
    assert [row.seq for row in audit.rows(newest_first=True, limit=2)] == [3, 2]
    assert next(audit.rows()).at == NOON


def test_a_report_counts_what_was_asked_changed_and_refused(audit: Audit) -> None:
    audit.record(
        entry(0, tokens=[10, 5], verdict="answered"),
        entry(1, who="key:b", status=429),
        entry(2, days=1, verdict="no_evidence"),
        entry(3, days=1, status=500),
        Entry(micros_of(NOON), "documents.add", "key:b", fields={"status": 200, "changes": True}),
    )
    shape = report(audit, since=NOON - timedelta(days=1))
    assert shape["requests"] == 5
    assert shape["days"] == {"2026-03-18": 3, "2026-03-19": 2}
    assert shape["actions"] == {"search": 4, "documents.add": 1}
    assert shape["people"] == {"key:3f9a": 3, "key:b": 2}
    assert shape["refused"] == {"429": 1}
    assert shape["failed"] == 1
    assert shape["changes"] == {"documents.add": 1}
    assert shape["verdicts"] == {"answered": 1, "no_evidence": 1}
    assert shape["tokens"] == {"prompt": 10, "completion": 5}
    assert shape["head"] == verify(audit).head


def test_bodies_are_canonical() -> None:
    assert body_of({"b": 1, "a": "住宿\ud800", "none": "", "zero": 0}) == '{"a":"\\u4f4f\\u5bbf\\ud800","b":1}'


@given(st.integers(0, 4_000_000_000_000_000))
def test_moments_keep_microseconds(at: int) -> None:
    assert micros_of(moment_of(at)) == at


# -- group commit ------------------------------------------------------------------------------------


def test_a_queue_is_bounded_and_what_failed_is_written_later(tmp_path: Path) -> None:
    database = open_service(tmp_path)
    fails, written, gate = threading.Event(), [], threading.Event()
    fails.set()

    def write(db: sqlite3.Connection, items: Any) -> None:
        gate.wait(10)
        if fails.is_set():
            db.execute("SELECT * FROM nothing")
        written.extend(items)

    writer: GroupCommit[int] = GroupCommit(database, write, seconds=0.0, most_waiting=3)
    future = writer.put_now(0)
    while writer.waiting != 0:
        time.sleep(0.001)
    assert [writer.put(n) for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert writer.is_full
    gate.set()
    with pytest.raises(Exception, match="nothing"):
        future.result(10)
    fails.clear()
    assert writer.flush()
    assert written == [0, 1, 2, 3]
    assert writer.failure is None
    writer.close()
    assert writer.put(9) is False
    database.close()


def test_who_goes_away_and_what_can_never_be_written_keep_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_service(tmp_path)
    written: list[int] = []

    def write(db: sqlite3.Connection, items: Any) -> None:
        if -1 in items:
            raise TypeError("a mistake")
        written.extend(items)

    writer: GroupCommit[int] = GroupCommit(database, write, seconds=0.05)
    left = writer.put_now(0)
    assert not left.cancel()
    for n in (1, -1, 2):
        writer.put(n)
    assert writer.flush()
    assert writer.put_now(3).result(10) is None
    with pytest.raises(TypeError):
        writer.put_now(-1).result(10)
    assert writer.put_now(4).result(10) is None
    assert written == [0, 1, 2, 3, 4]
    assert "lost: TypeError" in caplog.text
    writer.close()
    database.close()
