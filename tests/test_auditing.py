"""The service's record: what of a request is kept, changes on disk before their reply, quotas, a failing disk."""

import asyncio
import json
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from service_fixtures import Served

from qianxun.answering.events import Done, Shown
from qianxun.answering.reading import Text
from qianxun.parts import parts_of
from qianxun.records import Answer, Passage, Span
from qianxun.service.access import nobody
from qianxun.service.auditing import Auditing
from qianxun.service.facts import Ended, Facts
from qianxun.service.heard import counted
from qianxun.service.jobs.runner import run_jobs
from qianxun.service.metrics import SEARCHING
from qianxun.service.visit import Visit
from qianxun.storage.audit import Audit
from qianxun.storage.audit_records import Row
from qianxun.storage.audit_report import report
from qianxun.storage.audit_verify import verify
from qianxun.storage.checks import Checks
from qianxun.storage.database import Database
from qianxun.storage.quotas import Quotas, Use, today
from qianxun.storage.service import open_service

QUESTION = "工作满一年的员工有几天年假？"


@pytest.fixture
def served(tmp_path: Path, documents: Path) -> Iterator[Served]:
    found = Served(tmp_path / "home", ["audit.questions=text"])
    with found.base() as kb:
        kb.add([documents])
    yield found
    found.close()


def auditing(served: Served) -> Auditing:
    assert served.service.telemetry is not None
    return served.service.telemetry.auditing


def recorded(served: Served) -> list[Row]:
    assert auditing(served).queue.flush()
    audit = auditing(served).audit
    assert audit is not None
    assert verify(audit).ok
    return list(audit.rows())


def test_a_search_is_recorded_with_its_passages_and_no_text(served: Served) -> None:
    client = served.client(admin=True)
    reply = client.post("/api/v1/bases/default/search", json={"query": QUESTION}, headers={"X-Request-ID": "check-1"})
    assert reply.status_code == 200, reply.text
    (row,) = recorded(served)
    assert row.action == "search"
    assert row.who.startswith("key:")
    assert row.body["request"] == reply.headers["x-request-id"]
    assert (row.body["route"], row.body["status"], row.body["kb"]) == ("/api/v1/bases/{base}/search", 200, "default")
    assert row.body["passages"] == [hit["chunk"] for hit in reply.json()["hits"]]
    assert row.body["models"]
    assert 0 < row.body["seconds"] < 60
    assert row.question == QUESTION
    assert "带薪年假" not in row.text
    assert not any(ord(letter) > 127 for letter in row.text)


def test_refusals_are_recorded_and_looks_at_health_are_not(served: Served) -> None:
    assert served.client().get("/healthz").status_code == 200
    assert served.client().get("/metrics").status_code in (200, 401)
    wrong = {"Authorization": "Bearer nothing"}
    assert served.client().post("/api/v1/bases/default/search", json={}, headers=wrong).status_code == 401
    (row,) = recorded(served)
    assert (row.body["status"], row.who) == (401, "")


def test_a_change_is_on_disk_before_its_reply(served: Served) -> None:
    """Seen by another process's eyes: the file itself, at the moment when the reply is there."""
    client = served.client(admin=True)
    found = client.get("/api/v1/bases/default/documents").json()["documents"]
    reply = client.patch(f"/api/v1/bases/default/documents/{found[0]['id']}", json={"add": ["人事"]})
    assert reply.status_code == 200, reply.text
    with sqlite3.connect(served.home / "service.db") as db:
        bodies = [json.loads(row[0]) for row in db.execute("SELECT body FROM audit")]
    changes = [body for body in bodies if body.get("changes")]
    assert [(body["action"], body["status"]) for body in changes] == [("label", 200)]
    assert [row.action for row in recorded(served)].count("label") == 1


def fail(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: Audit, db: sqlite3.Connection, entries: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Audit, "append", write)


def test_while_the_disk_fails_requests_are_served_and_recorded_later(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = served.client(admin=True)
    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        fail(served, broken)
        assert client.post("/api/v1/bases/default/search", json={"query": QUESTION}).status_code == 200
        until = time.monotonic() + 5
        while not auditing(served).is_failing and time.monotonic() < until:
            time.sleep(0.01)
        assert auditing(served).is_failing
        assert client.post("/api/v1/bases/default/search", json={"query": QUESTION}).status_code == 200
        assert "wait to be written" in caplog.text
        assert QUESTION not in caplog.text
    assert [row.action for row in recorded(served)] == ["search", "search"]


def test_a_record_that_is_required_refuses_requests_while_the_disk_fails(
    tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path / "home", ["audit.required=true"])
    with served.base() as kb:
        kb.add([documents])
    client = served.client(admin=True)
    (document, *_) = client.get("/api/v1/bases/default/documents").json()["documents"]
    with monkeypatch.context() as broken:
        fail(served, broken)
        path = f"/api/v1/bases/default/documents/{document['id']}"
        reply = client.delete(path)
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
        assert client.get("/api/v1/bases/default/documents").status_code == 503
        assert client.get("/healthz").status_code == 200
    actions = [row.action for row in recorded(served)]
    assert actions.count("documents.remove") == 1  # it was done, and it is recorded once
    assert client.get("/api/v1/bases/default/documents").status_code == 200
    served.close()


def test_tokens_of_the_day_are_shared_by_processes_and_run_out(tmp_path: Path) -> None:
    database, other = open_service(tmp_path), open_service(tmp_path)
    here, there = Quotas(database), Quotas(other)
    assert here.used("key:a") == 0
    use = Use("key:a", today(), 70, 30)
    here.note(use)
    assert (here.used("key:a"), there.used("key:a")) == (100, 0)
    with database.transaction() as db:
        here.write(db, [use])
    here.written([use])
    assert here.used("key:a") == 100
    assert Quotas(other).used("key:a") == 100
    assert here.used("key:a", "2020-01-01") == 0
    with database.transaction() as db:
        here.write(db, [Use("key:a", "2020-01-01", 5, 5)])
    assert here.expire() == 1
    assert here.erase("key:a") == 1
    assert here.used("key:a") == 0
    for one in (database, other):
        one.close()


def test_a_caller_without_tokens_left_is_told_when_to_come_again(served: Served) -> None:
    client = served.client(tokens_per_day=10)
    used = auditing(served)
    (key,) = served.service.keys.all()
    assert client.post("/api/v1/bases/default/ask", json={"question": QUESTION}).status_code == 200
    used.quotas.note(Use(f"key:{key.id}", today(), 6, 4))
    reply = client.post("/api/v1/bases/default/ask", json={"question": QUESTION})
    assert reply.status_code == 429
    assert 1 <= int(reply.headers["retry-after"]) <= 86400
    assert client.post("/api/v1/bases/default/search", json={"query": QUESTION}).status_code == 200


def test_the_head_is_a_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    served = Served(tmp_path / "home")
    with caplog.at_level(logging.INFO):
        served.client().get("/api/v1/bases")
        (row,) = recorded(served)
    assert f"audit head 1:{row.hash.hex()}" in caplog.text
    served.close()


def test_without_an_audit_nothing_is_recorded(tmp_path: Path) -> None:
    served = Served(tmp_path / "home", ["audit.enabled=false"])
    served.client().get("/api/v1/bases")
    assert auditing(served).audit is None
    database: Database = served.service.database
    assert database.rows("SELECT count(*) FROM sqlite_master WHERE name = 'audit'") == [(0,)]
    served.close()


def test_lines_of_what_was_done_without_become_words_of_a_closed_set() -> None:
    lines = (
        "reranker: http://10.0.0.1 said: 年假五天",
        "dense: x",
        "faiss: 3 changes behind",
        "query adapter: made for another encoder (x)",
        "something new",
        "dense: y",
    )
    assert parts_of(lines) == ("reranker", "dense", "index", "query adapter", "other")


def test_jobs_report_the_record_and_keep_what_a_check_found(served: Served) -> None:
    served.client(admin=True).post("/api/v1/bases/default/search", json={"query": QUESTION})
    recorded(served)
    jobs = served.service.jobs
    asked = {kind: jobs.submit(kind, base, arguments={}).token for kind, base in (("audit", ""), ("check", "default"))}
    asked["expire"] = jobs.submit("expire", "", arguments={}).token
    bad = jobs.submit("audit", "", arguments={"days": "seven"}).token
    run_jobs(served.settings, threading.Event(), nice=0, until_empty=True)
    shapes = {kind: jobs.get(token).result for kind, token in asked.items()}
    assert shapes["audit"] is not None
    assert shapes["audit"]["actions"] == {"search": 1}
    assert set(shapes["audit"]) - {"version"} == set(report(Audit(served.service.database)))
    assert [(one.base, one.problems) for one in Checks(served.service.database).all()] == [("default", 0)]
    assert shapes["expire"] is not None
    assert (shapes["expire"]["expired"]["audit"], shapes["expire"]["expired"]["quotas"]) == (0, 0)
    assert jobs.get(bad).state == "failed"


def test_refusals_cannot_fill_the_disk(served: Served) -> None:
    recorder, caller = auditing(served), nobody(served.settings.service)
    for n in range(200):
        recorder.ended(Ended(str(n), caller, Facts(), "", "GET", 401, 0.0))
    time.sleep(1.01)
    recorder.ended(Ended("last", caller, Facts(), "", "GET", 401, 0.0))
    rows = recorded(served)
    assert len(rows) <= 31  # ten for each second that the loop may have touched
    assert len(rows) + sum(row.body.get("detail", {}).get("refusals_left_out", 0) for row in rows) == 201


def test_a_remembered_answer_costs_nothing() -> None:
    answer = Answer("年假？", "五天", "answered", (), (), {}, {}, usage=(70, 30))
    for cached, tokens in ((False, (70, 30)), (True, (0, 0))):
        facts = Facts()
        facts.answered(replace(answer, cached=cached))
        assert (facts.prompt_tokens, facts.completion_tokens) == tokens
        assert facts.cached is cached


def test_whatever_searches_is_counted_as_a_search(served: Served) -> None:
    ended: list[Ended] = []
    served.service.listeners.append(ended.append)
    client = served.client(actions=("search", "ask"), labels=["public"])
    token = client.post("/api/v1/bases/default/conversations", json={}).json()["token"]
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
    chat = {"model": "default", "messages": [{"role": "user", "content": QUESTION}]}
    for path, body in (
        ("/api/v1/bases/default/search", {"query": QUESTION}),
        ("/api/v1/bases/default/ask", {"question": QUESTION}),
        (f"/api/v1/bases/default/conversations/{token}/ask", {"question": QUESTION}),
        ("/v1/chat/completions", chat),
        ("/mcp", call | {"params": {"name": "search", "arguments": {"question": QUESTION}}}),
        ("/mcp", call | {"params": {"name": "ask", "arguments": {"question": QUESTION}}}),
    ):
        ended.clear()
        assert client.post(path, json=body).status_code == 200
        (one,) = ended
        assert one.facts.action in SEARCHING, path
        assert one.facts.stages, path


def test_a_request_id_that_is_chosen_twice_hides_no_change(served: Served) -> None:
    """While the first has not ended, the second with its id is recorded all the same, and neither twice."""
    watching = auditing(served)

    async def both() -> None:
        requests = []
        for n in range(2):
            facts = Facts(action="documents.remove", changes=True, detail={"n": n})
            requests.append(Ended("chosen", nobody(served.settings.service), facts, "/x", "DELETE", 200, 0.1))
        for one in requests:
            await watching.before_reply(one)
        for one in reversed(requests):
            watching.ended(one)

    asyncio.run(both())
    rows = [row for row in recorded(served) if row.action == "documents.remove"]
    assert sorted(row.body["detail"]["n"] for row in rows) == [0, 1]


def test_a_change_that_cannot_wait_to_be_written_is_counted(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = auditing(served)
    client = served.client(admin=True)
    (first, *_) = client.get("/api/v1/bases/default/documents").json()["documents"]
    assert watching.queue.flush()
    monkeypatch.setattr(watching.queue, "_most", 0)
    assert client.delete(f"/api/v1/bases/default/documents/{first['id']}").status_code == 200
    assert watching.dropped == 1


def passage(text: str) -> Passage:
    return Passage(1, 0.0, 1, 1, "a.md", "年假", None, None, (), Span(0, len(text)), text, "", (), {})


QUOTED = Answer("年假？", "五天。", "answered", (), (), {}, {"answer": "extractive"})
WRITTEN = replace(QUOTED, models={"answer": "Qwen"})


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        ((Shown((passage("年假五天"),)), Text("五天")), True),  # and then the listener hung up
        ((Text("五天"),), True),  # from what the model knows itself
        ((Shown((passage("年假五天"),)), Text("五天"), Done(WRITTEN)), True),  # a server that does not count
        ((Shown((passage("年假五天"),)), Text("五天"), Done(QUOTED)), False),
        ((Shown((passage("年假五天"),)), Text("五天"), Done(replace(WRITTEN, cached=True, usage=(9, 9)))), False),
        ((Shown(()), Text("没有。"), Done(WRITTEN)), False),  # nothing was found, and nobody was asked
        ((), False),
    ],
)
def test_tokens_that_nobody_counted_are_estimated(tmp_path: Path, events: tuple[Any, ...], counts: bool) -> None:
    served = Served(tmp_path / "home", ["generator.url=http://127.0.0.1:9/v1", "generator.model=Qwen"])

    async def told() -> AsyncIterator[Any]:
        for event in events:
            yield event

    async def listen() -> Facts:
        visit = Visit("1", nobody(served.settings.service), served.service)
        with served.base() as kb:
            async with aclosing(counted(visit, kb, told())) as heard:
                async for _ in heard:
                    pass
        return visit.facts

    facts = asyncio.run(listen())
    assert (facts.prompt_tokens + facts.completion_tokens > 0) is counts
    assert facts.detail == ({"estimated": True} if counts else {})
    served.close()
