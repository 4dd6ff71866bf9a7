"""`qianxun audit …` and `qianxun monitoring`: what they print, in words and as JSON, and their exit codes."""

import getpass
import hashlib
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_docs_cli import EXAMPLES, keys_of

from qianxun.cli.audit_verify import in_words
from qianxun.cli.auditing import moment
from qianxun.cli.main import main
from qianxun.errors import InputError
from qianxun.storage.audit import Audit
from qianxun.storage.audit_records import Entry, Fault, Problem, micros_of
from qianxun.storage.quotas import Quotas, Use
from qianxun.storage.service import open_service

NOON = datetime(2026, 3, 18, 12, 0, 0, 123456, tzinfo=UTC)
Run = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    database = open_service(tmp_path)
    fields = {
        "status": 200,
        "kb": "制度",
        "passages": [5],
        "models": {"encoder": "x"},
        "tokens": [9, 1],
        "detail": {"n": 1},
    }
    Audit(database, questions="text").record(
        *(Entry(micros_of(NOON + timedelta(hours=n)), "search", "key:张伟", "年假？", fields) for n in range(3)),
        Entry(micros_of(NOON + timedelta(days=1)), "documents.remove", "key:b", "", {"changes": True, "status": 403}),
    )
    with database.transaction() as db:
        Quotas(database).write(db, [Use("key:张伟", "2026-03-18", 9, 1)])
    database.close()
    return tmp_path


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(home)

    def ran(*argv: str) -> tuple[int, str]:
        code = main(["--set", f"home={home}", "--language", "en", *argv])
        return code, capsys.readouterr().out

    return ran


def printed(run: Run, *argv: str) -> Any:
    code, out = run(*argv, "--json")
    assert code == 0, out
    return json.loads(out)


def agree(shape: Any, name: str, *named: str) -> None:
    """`named` are objects whose keys are names."""
    documented, found = keys_of(EXAMPLES[name]), keys_of(shape)
    assert {key for key in documented ^ found if not key.startswith(tuple(f"{one}." for one in named))} == set()


def test_rows_are_listed_newest_first_and_filtered(run: Run) -> None:
    shape = printed(run, "audit")
    agree(shape, "audit", "rows[].models", "rows[].detail")
    assert [row["seq"] for row in shape["rows"]] == [4, 3, 2, 1]
    first = shape["rows"][-1]
    assert (first["who"], first["kb"], first["question_text"]) == ("key:张伟", "制度", "年假？")
    assert (first["at"], first["tokens"]) == ("2026-03-18T12:00:00.123456+00:00", {"prompt": 9, "completion": 1})
    assert [row["seq"] for row in printed(run, "audit", "--who", "key:b")["rows"]] == [4]
    assert [row["seq"] for row in printed(run, "audit", "--action", "documents")["rows"]] == [4]
    assert [row["seq"] for row in printed(run, "audit", "--kb", "制度", "-n", "2")["rows"]] == [3, 2]
    assert [
        row["seq"] for row in printed(run, "audit", "--since", "2026-03-18T13:30", "--until", "2026-03-19")["rows"]
    ] == [3]
    code, out = run("audit")
    assert code == 0
    assert out.splitlines()[0].split("\t")[:4] == ["row", "when (UTC)", "who", "action"]
    assert out.splitlines()[1].split("\t")[:4] == ["4", "2026-03-19 12:00:00", "key:b", "documents.remove"]


def test_verifying_says_what_was_changed(run: Run, home: Path) -> None:
    code, out = run("audit", "verify")
    assert code == 0
    assert out.endswith("Nothing was changed, taken out or put in.\n")
    seq, hash = (printed(run, "audit", "head")[key] for key in ("seq", "hash"))
    agree(printed(run, "audit", "head"), "audit_head")
    assert run("audit", "head") == (0, f"{seq}:{hash}\n")
    assert run("audit", "verify", "--expect", f"{seq}:{hash[:20]}")[0] == 0
    assert run("audit", "verify", "--expect", f"9:{hash}")[0] == 5
    assert run("audit", "verify", "--expect", "nonsense")[0] == 2
    with sqlite3.connect(home / "service.db") as db:
        db.execute("UPDATE audit SET at = at + 1 WHERE seq = 3")
    code, out = run("audit", "verify", "--json")
    assert code == 5
    agree(json.loads(out), "audit_verify")
    assert json.loads(out)["problems"] == [{"seq": 3, "last": 3, "fault": "changed"}]
    assert "Row 3 is not what was written" in run("audit", "verify")[1]


def test_every_fault_has_words() -> None:
    from typing import get_args

    texts = {in_words(Problem(7, fault, last)) for fault in get_args(Fault) for last in (0, 9)}
    assert len(texts) == len(get_args(Fault)) + 1  # one row, or several, are missing
    assert all("7" in text for text in texts)


def test_an_export_can_be_verified_with_nothing_but_a_hash(run: Run, home: Path) -> None:
    agree(printed(run, "audit", "export", "audit.jsonl"), "audit_export")
    lines = (home / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    previous = bytes(32)
    for line in map(json.loads, lines):
        numbers = line["seq"].to_bytes(8, "big", signed=True) + line["micros"].to_bytes(8, "big", signed=True)
        previous = hashlib.sha256(previous + numbers + line["body"].encode()).digest()
        assert line["hash"] == previous.hex()
    assert len(lines) == 4
    assert run("audit", "export", "-", "--who", "key:b")[1].count("\n") == 1
    assert run("audit", "export", "/nowhere/at/all")[0] == 2


def test_a_report_is_the_shape_that_a_job_gets(run: Run) -> None:
    shape = printed(run, "audit", "report", "--since", "2026-03-18")
    agree(shape, "audit_report", "days", "actions", "people", "bases", "refused", "changes", "verdicts")
    assert (shape["requests"], shape["refused"], shape["changes"]) == (4, {"403": 1}, {"documents.remove": 1})
    code, out = run("audit", "report")
    assert code == 0
    assert "key:张伟\t3" in out


def test_erasing_a_person(run: Run, home: Path) -> None:
    assert run("audit", "erase", "key:张伟")[0] == 2  # nobody is there to ask
    shape = printed(run, "audit", "erase", "key:张伟", "--yes")
    agree(shape, "audit_erase")
    assert shape["rows"] == 3
    assert run("audit", "verify")[0] == 0
    assert "张伟" not in run("audit")[1]
    assert printed(run, "audit", "erase", "key:张伟", "--yes")["rows"] == 0
    with sqlite3.connect(home / "service.db") as db:
        assert db.execute("SELECT count(*) FROM quotas").fetchone() == (0,)


def test_where_nothing_was_recorded_nothing_is_made(run: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    for command in ("audit", "audit verify", "audit head", "audit report"):
        assert run(*command.split(), "--set", f"home={empty}")[0] == 4
    assert not empty.exists()


def test_a_missing_key_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("audit", "verify", "--set", "audit.key_env=QIANXUN_AUDIT_KEY")[0] == 2
    monkeypatch.setenv("QIANXUN_AUDIT_KEY", "secret")
    code, out = run("audit", "verify", "--set", "audit.key_env=QIANXUN_AUDIT_KEY", "--json")
    assert code == 5
    assert json.loads(out)["problems"] == [{"seq": 4, "last": 4, "fault": "unsigned"}]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2026-03-18", datetime(2026, 3, 18, tzinfo=UTC)),
        ("2026-03-18T09:30", datetime(2026, 3, 18, 9, 30, tzinfo=UTC)),
        ("2026-03-18T09:30+08:00", datetime(2026, 3, 18, 1, 30, tzinfo=UTC)),
        ("7d", NOON - timedelta(days=7)),
        ("12h", NOON - timedelta(hours=12)),
    ],
)
def test_times_as_people_write_them(text: str, expected: datetime) -> None:
    assert moment(text, NOON) == expected


@pytest.mark.parametrize("text", ["", "昨天", "2026-13-01", "7", "99999999d", "-1d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        moment(text, NOON)


def test_monitoring_files_are_written_once(run: Run, home: Path) -> None:
    shape = printed(run, "monitoring", "看板")
    agree(shape, "monitoring")
    assert sorted(Path(name).name for name in shape["files"]) == sorted(path.name for path in (home / "看板").iterdir())
    assert run("monitoring", "看板")[0] == 2
    assert run("monitoring", "看板", "--force")[0] == 0
    assert run("monitoring", "/proc/nowhere")[0] == 2


def test_what_is_done_with_keys_is_on_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ("--set", f"home={tmp_path}")
    assert main(["keys", "create", "张三", "--label", "hr", *home]) == 0
    secret = capsys.readouterr().out.strip()
    assert main(["keys", "rotate", "张三", *home]) == 0
    assert main(["keys", "revoke", "张三", *home]) == 0
    capsys.readouterr()
    assert main(["audit", "--json", *home]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["action"] for row in rows] == ["keys.revoke", "keys.rotate", "keys.create"]
    assert {row["who"] for row in rows} == {f"local:{getpass.getuser()}"}
    assert {row["detail"]["key"] for row in rows} == {secret.split("-")[1]}
    assert secret.split("-", 2)[2] not in json.dumps(rows)
    assert main(["audit", "verify", *home]) == 0
    assert main(["keys", "create", "李四", "--set", "audit.enabled=false", *home]) == 0
    assert main(["audit", "--json", *home]) == 0
