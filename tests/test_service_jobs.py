"""Uploads and jobs over HTTP: who may, whose they are, what is said of what one may not see."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from service_fixtures import Served, running
from starlette.testclient import TestClient
from web_server import serving

from qianxun import assemble, tally
from qianxun.errors import DiskFull, Forbidden
from qianxun.service import own_files
from qianxun.service.jobs.rights import must_hold
from qianxun.service.jobs.runner import run_jobs
from qianxun.storage.keys import USUAL, Grant
from qianxun.storage.quotas import Quotas
from qianxun.testing import Reply, ScriptedServer

LEAVE = "年假：工作满一年的员工每年有五天带薪年假。".encode()
STIPEND = "值班補貼：On-call engineers receive 300 yuan a night.".encode()
DOCUMENTS = "/api/v1/bases/人事/documents"


class WithJobs(Served):
    """A service whose jobs are run when the test says so."""

    def writer(self, **grant: Any) -> TestClient:
        """A client that may also add."""
        return self.client(actions=[*USUAL, "write"], **grant)

    def run(self) -> int:
        return run_jobs(self.settings, threading.Event(), nice=0, until_empty=True)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[WithJobs]:
    made = WithJobs(tmp_path / "家")
    made.base("人事").close()
    yield made
    made.close()


def sent(client: TestClient, *files: tuple[str, bytes], headers: Any = None, **fields: Any) -> Any:
    parts = [("files", (name, data, "application/octet-stream")) for name, data in files]
    return client.post(DOCUMENTS, files=parts, data=fields, headers=headers)


def test_files_are_sent_added_and_given_back(served: WithJobs) -> None:
    client = served.client(admin=True)
    reply = sent(client, ("年假（２０２６）.txt", LEAVE), ("on call.md", STIPEND), folder="制度", labels=["hr", "公开"])
    assert reply.status_code == 202, reply.text
    job = reply.json()
    assert (job["kind"], job["base"], job["state"]) == ("add", "人事", "queued")
    assert job["files"] == ["制度/年假（２０２６）.txt", "制度/on call.md"]
    assert reply.headers["location"] == f"/api/v1/jobs/{job['job']}"
    assert served.run() == 1
    done = client.get(f"/api/v1/jobs/{job['job']}").json()
    assert (done["state"], done["result"]["added"]) == ("done", 2)
    documents = client.get(DOCUMENTS).json()["documents"]
    assert {(d["source"], tuple(d["labels"])) for d in documents} == {
        ("制度/年假（２０２６）.txt", ("hr", "公开")),
        ("制度/on call.md", ("hr", "公开")),
    }
    (leave,) = [d for d in documents if "年假" in d["source"]]
    original = client.get(f"{DOCUMENTS}/{leave['id']}/original")
    assert original.content == LEAVE
    disposition = original.headers["content-disposition"]
    assert disposition.startswith("attachment;")
    assert "filename*=UTF-8''%E5%B9%B4%E5%81%87" in disposition
    assert original.headers["content-type"] == "application/octet-stream"


def test_files_keep_the_dates_that_are_sent_with_them(served: WithJobs) -> None:
    client = served.client(admin=True)
    files = [(f"{name}.txt", LEAVE + name.encode()) for name in ("年假", "特休", "note", "now")]
    assert sent(client, *files, modified="2025-03-01").status_code == 400
    assert sent(client, *files, modified=["2025-03-01,2024-02-29T12:00:00+08:00", "-，昨天"]).status_code == 400
    assert not list((served.home / "uploads").glob("*"))
    begin = datetime.now(UTC).isoformat()[:19]
    sent(client, *files, modified=["2025-03-01,2024-02-29T12:00:00+08:00", "1999-12-31T23:59:59Z，-"])
    served.run()
    dates = {d["source"]: d["modified"] for d in client.get(DOCUMENTS).json()["documents"]}
    assert dates.pop("now.txt") >= begin
    assert dates == {
        "年假.txt": "2025-03-01T00:00:00Z",
        "特休.txt": "2024-02-29T04:00:00Z",
        "note.txt": "1999-12-31T23:59:59Z",
    }
    found = client.post("/api/v1/bases/人事/search", json={"query": "年假", "filter": "modified < 2024-03-01"}).json()
    assert {one["source"] for one in found["hits"]} == {"特休.txt", "note.txt"}


def test_a_document_takes_its_original_along(served: WithJobs) -> None:
    client = served.client(admin=True)
    for name in ("a.txt", "b.txt"):
        sent(client, (name, LEAVE))
    served.run()
    first, second = (d["id"] for d in client.get(DOCUMENTS).json()["documents"])
    files = served.home / "kb" / "人事" / "originals"
    assert len([p for p in files.rglob("*") if p.is_file()]) == 1
    client.delete(f"{DOCUMENTS}/{first}")
    assert client.get(f"{DOCUMENTS}/{second}/original").content == LEAVE
    client.delete(f"{DOCUMENTS}/{second}")
    assert [p for p in files.rglob("*") if p.is_file()] == []
    assert client.get(f"{DOCUMENTS}/{second}/original").status_code == 404


def test_the_original_of_what_may_not_be_seen_is_not_there(served: WithJobs) -> None:
    admin, other = served.client(admin=True), served.client(labels=["it"])
    sent(admin, ("机密.txt", LEAVE), labels=["hr"])
    served.run()
    (document,) = admin.get(DOCUMENTS).json()["documents"]
    hidden, absent = (other.get(f"{DOCUMENTS}/{id}/original") for id in (document["id"], document["id"] + 7))
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["detail"].replace(str(document["id"]), "N") == absent.json()["detail"].replace(
        str(document["id"] + 7), "N"
    )


def test_the_file_of_a_path_is_given_only_as_it_was(served: WithJobs, tmp_path: Path) -> None:
    file = tmp_path / "年假.txt"
    file.write_bytes(LEAVE)
    with served.base("人事") as kb:
        kb.add([file])
    client = served.client(admin=True)
    (document,) = client.get(DOCUMENTS).json()["documents"]
    address = f"{DOCUMENTS}/{document['id']}/original"
    assert client.get(address).content == LEAVE
    file.write_bytes(STIPEND)
    assert client.get(address).status_code == 404
    file.unlink()
    file.symlink_to("/dev/zero")
    assert client.get(address).status_code == 404


# -- labels and names ------------------------------------------------------------------------------------


def test_labels_are_at_most_the_callers_own(served: WithJobs) -> None:
    client = served.writer(labels=["a", "乙"])
    assert sent(client, ("x.txt", LEAVE), labels="b").status_code == 403
    assert sent(client, ("x.txt", LEAVE), labels="conversation:00").status_code == 403
    assert not list((served.home / "uploads").glob("*"))
    sent(client, ("all.txt", LEAVE))
    sent(client, ("one.txt", STIPEND), labels=["乙"])
    served.run()
    found = {d["source"].rpartition("/")[2]: d["labels"] for d in client.get(DOCUMENTS).json()["documents"]}
    assert found == {"all.txt": ["a", "乙"], "one.txt": ["乙"]}


def test_without_labels_they_are_those_of_the_settings(served: WithJobs) -> None:
    sent(served.client(admin=True), ("a.txt", LEAVE))
    sent(served.writer(labels=[]), ("b.txt", STIPEND))
    served.run()
    documents = served.client(admin=True).get(DOCUMENTS).json()["documents"]
    assert {d["source"].rpartition("/")[2]: d["labels"] for d in documents} == {
        "a.txt": ["public"],
        "b.txt": ["public"],
    }


@pytest.mark.parametrize("default", [["public"], []])
def test_a_copy_of_what_was_sent_has_no_labels_of_it(tmp_path: Path, default: list[str]) -> None:
    """What was sent has no place that it could have moved from, and its bytes may be anybody's."""
    served = WithJobs(tmp_path / "家", [f"access.default_labels={json.dumps(default)}"])
    served.base("人事").close()
    admin = served.client(admin=True)
    sent(admin, ("薪酬.txt", LEAVE), labels="董事")
    served.run()
    sent(admin, ("薪酬（副本）.txt", LEAVE))
    served.run()
    on_disk = tmp_path / "salary.txt"
    on_disk.write_bytes(LEAVE)
    with served.base("人事") as kb:
        kb.add([on_disk])
        found = {Path(d.source).name: list(d.labels) for d in kb.documents()}
    assert found == {"薪酬.txt": ["董事"], "薪酬（副本）.txt": default, "salary.txt": default}
    on_disk.unlink()
    sent(admin, ("salary-again.txt", LEAVE))  # what is gone from the disk was not sent from there
    with served.base("人事") as kb:
        kb.label([str(on_disk)], add=["hr"])
    served.run()
    with served.base("人事") as kb:
        assert next(list(d.labels) for d in kb.documents() if d.source == "salary-again.txt") == default
    served.close()


def test_nobody_replaces_or_learns_of_anothers_document(served: WithJobs) -> None:
    """One name, two callers who must not know of each other: the same reply, and two documents."""
    first, second = served.writer(labels=["a"]), served.writer(labels=["b"])
    sent(served.client(admin=True), ("薪酬.txt", b"admin"), labels=["boss"])
    names = [sent(client, ("薪酬.txt", data)).json()["files"] for client, data in ((first, LEAVE), (second, STIPEND))]
    served.run()
    assert [name[0].partition("/")[2] for name in names] == ["薪酬.txt", "薪酬.txt"]
    for client, data in ((first, LEAVE), (second, STIPEND)):
        (document,) = client.get(DOCUMENTS).json()["documents"]
        assert client.get(f"{DOCUMENTS}/{document['id']}/original").content == data
    assert len(served.client(admin=True).get(DOCUMENTS).json()["documents"]) == 3
    sent(first, ("薪酬.txt", STIPEND))
    served.run()
    (document,) = first.get(DOCUMENTS).json()["documents"]
    assert first.get(f"{DOCUMENTS}/{document['id']}/original").content == STIPEND


@pytest.mark.parametrize(
    "name, expected",
    [
        ("../../../etc/passwd.txt", "passwd.txt"),
        ("C:\\人事\\年假.txt", "年假.txt"),
        ("报告．ＴＸＴ", "报告.TXT"),
        ('a"b;c=d.txt', "a%22b;c=d.txt"),  # as httpx writes it, and browsers do
    ],
)
def test_names_are_safe(served: WithJobs, name: str, expected: str) -> None:
    assert sent(served.client(admin=True), (name, LEAVE)).json()["files"] == [expected]


def test_a_name_in_the_encoding_of_old_systems_is_read(served: WithJobs) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="' + "年假.txt".encode("gb18030")
    body += b'"\r\n\r\nabc\r\n--x--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=x"}
    reply = served.client(admin=True).post(DOCUMENTS, content=body, headers=headers)
    assert reply.json()["files"] == ["年假.txt"]


# -- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type, body, status",
    [
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nb',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="folder"\r\n\r\nb\r\n--x--',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\nb\r\n--x--',
            400,
        ),
        ("multipart/form-data", b"--x--", 415),
        ("text/plain", b"hello", 415),
        ("application/json", b"{", 422),
        ("application/json", b'{"addresses": []}', 422),
        ("application/json", b'{"addresses": ["https://example.com"], "labels": "hr"}', 422),
        ("application/json", b'{"addresses": ["https://example.com"], "labels": [1]}', 422),
        ("application/json", b'{"addresses": ["https://example.com"], "paths": ["/etc"]}', 422),
        ("application/json", b'{"addresses": ["file:///etc/passwd"]}', 400),
        ("application/json", b'{"addresses": ["git+file:///srv/a"]}', 400),
        ("application/json", b'{"addresses": ["/etc/passwd"]}', 400),
        ("application/json", b'{"addresses": ["https://user:pw@example.com"]}', 400),
        ("application/json", b'{"addresses": ["https://"]}', 400),
    ],
)
def test_what_is_no_upload_is_refused_and_leaves_nothing(
    served: WithJobs, content_type: str, body: bytes, status: int
) -> None:
    reply = served.client(admin=True).post(DOCUMENTS, content=body, headers={"content-type": content_type})
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert not list((served.home / "uploads").glob("*"))
    assert served.service.jobs.all() == []


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    served = WithJobs(tmp_path, ["reading.max_file_mb=1", "service.max_upload_mb=3"])
    served.base("人事").close()
    client = served.client(admin=True)
    large = sent(client, ("大.txt", b"x" * 1_000_001))
    assert (large.status_code, "大.txt" in large.json()["detail"]) == (413, True)
    many = sent(client, *((f"{n}.txt", b"x" * 900_000) for n in range(4)))
    assert many.status_code == 413
    assert not list((served.home / "uploads").glob("*"))
    assert sent(client, *((f"{n}.txt", b"x" * 900_000) for n in range(3))).status_code == 202
    served.close()


def test_who_may_not_write_may_not_send(served: WithJobs) -> None:
    assert sent(served.client(actions=["search", "read"]), ("a.txt", LEAVE)).status_code == 403
    assert sent(served.writer(bases=["other"]), ("a.txt", LEAVE)).status_code == 404
    assert sent(served.client(), ("a.txt", LEAVE)).status_code == 403


@pytest.mark.parametrize("allowed", [False, True])
def test_pages_are_added_below_the_callers_folder(tmp_path: Path, allowed: bool) -> None:
    """And from networks of one's own only where the settings allow it, as everywhere."""
    more = ["sources.allow_networks=127.0.0.0/8", "sources.delay_seconds=0"] if allowed else []
    served = WithJobs(tmp_path, more)
    served.base("人事").close()
    admin, limited = served.client(admin=True), served.writer(labels=["a"])
    with serving() as web:
        web.page("/年假", LEAVE.decode())
        address = web.address("/年假")
        tokens = [c.post(DOCUMENTS, json={"addresses": [address]}).json()["job"] for c in (admin, limited)]
        served.run()
    states = [admin.get(f"/api/v1/jobs/{token}").json() for token in tokens]
    if not allowed:
        assert [(one["state"], one["error"]["kind"]) for one in states] == [("failed", "SourceError")] * 2
        assert web.asked == []
    else:
        (document,) = limited.get(DOCUMENTS).json()["documents"]
        assert document["source"].startswith("key-")
        assert document["source"].endswith(f"/{address}")
        found = {d["source"]: d["labels"] for d in admin.get(DOCUMENTS).json()["documents"]}
        assert found == {address: ["public"], document["source"]: ["a"]}
        assert limited.get(f"{DOCUMENTS}/{document['id']}/original").status_code == 404
    served.close()


# -- jobs ------------------------------------------------------------------------------------------------


def test_a_job_is_its_owners_and_administrators(served: WithJobs) -> None:
    owner, other, admin = served.writer(labels=["a"]), served.writer(labels=["a"]), served.client(admin=True)
    token = sent(owner, ("a.txt", LEAVE)).json()["job"]
    for client, status in ((owner, 200), (other, 404), (admin, 200), (served.client(), 404)):
        assert client.get(f"/api/v1/jobs/{token}").status_code == status
        assert client.get(f"/api/v1/jobs/{token}/events" if status == 404 else "/api/v1/jobs").status_code in (200, 404)
    there, nowhere = other.get(f"/api/v1/jobs/{token}").json(), other.get(f"/api/v1/jobs/{'0' * 32}").json()
    assert there["detail"].replace(token, "") == nowhere["detail"].replace("0" * 32, "")
    assert [j["job"] for j in owner.get("/api/v1/jobs").json()["jobs"]] == [token]
    assert other.get("/api/v1/jobs").json()["jobs"] == []
    assert [j["job"] for j in admin.get("/api/v1/jobs", params={"state": "queued"}).json()["jobs"]] == [token]
    assert other.delete(f"/api/v1/jobs/{token}").status_code == 404
    assert owner.delete(f"/api/v1/jobs/{token}").json()["state"] == "cancelled"
    assert not (served.home / "uploads" / token).exists()
    assert served.run() == 0


def test_the_same_key_is_the_same_job(served: WithJobs) -> None:
    client, other = served.writer(labels=["a"]), served.writer(labels=["a"])
    key = {"Idempotency-Key": "7f2c-1"}
    first = sent(client, ("a.txt", LEAVE), headers=key).json()
    again = sent(client, ("a.txt", LEAVE), headers=key)
    assert (again.status_code, again.json()["job"], again.json()["files"]) == (202, first["job"], first["files"])
    for another in (
        sent(client, ("a.txt", STIPEND), headers=key),
        sent(client, ("b.txt", LEAVE), headers=key),
        sent(client, ("a.txt", LEAVE), headers=key, folder="别处"),
        client.post(DOCUMENTS, json={"addresses": ["https://example.com/年假"]}, headers=key),
    ):
        assert another.status_code == 422, another.text
        assert "another request" in another.json()["detail"]
    assert sent(other, ("a.txt", LEAVE), headers=key).json()["job"] != first["job"]
    assert len(list((served.home / "uploads").iterdir())) == 2
    served.run()
    assert sent(client, ("a.txt", LEAVE), headers=key).json()["state"] == "done"


def test_what_cannot_be_read_by_its_name_is_not_taken_in(served: WithJobs) -> None:
    client = served.client(admin=True)
    for name in ("big.bin", "没有后缀", "片子．ＭＰ４"):
        reply = sent(client, ("a.txt", LEAVE), (name, b"\x00" * 1000))
        assert reply.status_code == 415, reply.text
        assert "Office" in reply.json()["remedy"]
    assert client.get("/api/v1/jobs").json()["jobs"] == []
    assert not list((served.home / "uploads").iterdir())


def test_the_events_of_a_job_end_with_it(served: WithJobs) -> None:
    client = served.client(admin=True)
    token = sent(client, ("a.txt", LEAVE)).json()["job"]
    served.run()
    reply = client.get(f"/api/v1/jobs/{token}/events")
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert [one["state"] for one in events] == ["done"]


def test_events_follow_a_job_over_a_real_server(served: WithJobs) -> None:
    import httpx

    token = sent(served.client(admin=True), ("a.txt", LEAVE)).json()["job"]
    headers = {"Authorization": f"Bearer {served.key(admin=True)}"}
    states = []
    with (
        running(served.app) as url,
        httpx.Client(timeout=60) as client,
        client.stream("GET", f"{url}/api/v1/jobs/{token}/events", headers=headers) as reply,
    ):
        for line in reply.iter_lines():
            if line.startswith("data: "):
                states.append(json.loads(line.removeprefix("data: "))["state"])
                if len(states) == 1:
                    threading.Thread(target=served.run).start()
    assert (states[0], states[-1]) == ("queued", "done")


def test_upkeep_is_for_administrators(served: WithJobs) -> None:
    address = "/api/v1/bases/人事/maintenance"
    assert served.writer(labels=["a"]).post(address, json={"job": "check"}).status_code == 403
    admin = served.client(admin=True)
    tokens = [admin.post(address, json={"job": job}).json()["job"] for job in ("check", "compact", "rebuild", "sync")]
    assert admin.post(address, json={"job": "remove"}).status_code == 422
    served.run()
    states = [admin.get(f"/api/v1/jobs/{token}").json() for token in tokens]
    assert [one["state"] for one in states] == ["done"] * 4
    assert states[0]["result"]["ok"] is True


def test_schedules_are_shown_to_administrators(tmp_path: Path) -> None:
    night = ["schedules.夜间.job=check", "schedules.夜间.knowledge_base=人事", "schedules.夜间.cron=30 2 * * *"]
    served = WithJobs(tmp_path, night)
    assert served.writer(labels=["a"]).get("/api/v1/schedules").status_code == 403
    found = served.client(admin=True).get("/api/v1/schedules").json()["schedules"]
    assert [(one["name"], one["job"], one["base"]) for one in found] == [
        ("housekeeping", "expire", None),
        ("夜间", "check", "人事"),
    ]
    assert all(one["next"] for one in found)
    served.close()


def test_what_a_job_failed_of_on_the_machine_is_told_to_administrators_only(
    served: WithJobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = "/api/v1/bases/人事/evaluations"
    kept, admin = served.client(labels=None, actions=[*USUAL, "evaluate"]), served.client(admin=True)
    (served.home / "questions" / "bad").mkdir(parents=True)
    (served.home / "questions" / "bad.jsonl").write_text("no record", encoding="utf-8")
    tokens = [kept.post(address, json=asked).json()["job"] for asked in ({"set": "bad", "what": "retrieval"},)]

    def full(*_: object, **__: object) -> None:
        raise DiskFull("No room is left at {path} ({error}).", path="/srv/secret/knowledge.db", error="x")

    served.run()
    monkeypatch.setattr("qianxun.knowledge_base.KnowledgeBase.add_handed", full)
    writer = served.writer(labels=["hr"])
    second = sent(writer, ("年假.txt", LEAVE)).json()["job"]
    served.run()
    for client, token, name in ((kept, tokens[0], "corpus.jsonl"), (writer, second, "at the moment")):
        told = client.get(f"/api/v1/jobs/{token}")
        assert told.json()["state"] == "failed"
        assert name in told.json()["error"]["message"]
        seen = told.text + client.get("/api/v1/jobs").text + client.get(f"/api/v1/jobs/{token}/events").text
        assert "/srv/" not in seen
        assert str(served.home) not in seen
        assert admin.get(f"/api/v1/jobs/{token}").json()["error"]["message"].count("/") > 1
    assert "/srv/secret/knowledge.db" in caplog.text


def test_what_a_job_was_done_without_is_told_by_name(served: WithJobs) -> None:
    limited, admin = served.client(labels=["hr"]), served.client(admin=True)
    (key,) = (one for one in served.service.keys.all() if "admin" not in one.grant.actions)
    jobs = served.service.jobs
    given = {"files": [], "asker": ["hr"]}
    token = jobs.submit("evaluate", "人事", owner=f"key:{key.id}", arguments=given).token
    assert jobs.claim("me") is not None
    why = "reranker: http://10.0.0.3/inner refused"
    result = {
        "degraded": {why: 2, "reranker: too late": 1},
        "results": [{"degraded": [{"what": why, "searches": 3}]}],
        "enrichment": {"problem": why, "enriched": 0},
        "failed": [{"source": "甲.txt", "reason": f"{served.home}/fetched/甲 is empty."}],
    }
    jobs.finish(token, "me", result)
    told = limited.get(f"/api/v1/jobs/{token}").json()["result"]
    assert told["degraded"] == {"reranker": 3}
    assert told["results"] == [{"degraded": [{"what": "reranker", "searches": 3}]}]
    assert told["failed"] == [{"source": "甲.txt", "reason": "fetched/甲 is empty."}]
    assert told["enrichment"]["problem"]
    assert "10.0.0.3" not in str(told)
    assert admin.get(f"/api/v1/jobs/{token}").json()["result"] == result


# -- evaluations and extraction --------------------------------------------------------------------------


def test_answers_are_measured_with_the_callers_rights(served: WithJobs) -> None:
    sent(served.client(admin=True), ("年假.txt", LEAVE), labels=["hr"])
    served.run()
    questions = [
        {"question": "年假有几天？", "answers": ["五天"], "evidence": [{"source": "年假.txt", "quote": "五天"}]}
    ]
    may = [*USUAL, "evaluate"]
    hr, it = served.client(labels=["hr"], actions=may), served.client(labels=["it"], actions=may)
    address = "/api/v1/bases/人事/evaluations"
    assert served.client(labels=["hr"], actions=["search"]).post(address, json={"set": "x"}).status_code == 403
    tokens = [client.post(address, json={"questions": questions}).json()["job"] for client in (hr, it)]
    served.run()
    seen, unseen = (c.get(f"/api/v1/jobs/{t}").json() for c, t in zip((hr, it), tokens, strict=True))
    assert (seen["state"], seen["result"]["n"]) == ("done", 1), seen
    assert unseen["state"] == "failed"
    (row,) = hr.get(f"/api/v1/jobs/{tokens[0]}/result").json()["results"]
    assert "五天" in row["answer"]
    assert it.get(f"/api/v1/jobs/{tokens[0]}/result").status_code == 404
    assert served.client(labels=None, actions=may).post(address, json={"set": "没有"}).status_code == 404
    assert hr.post(address, json={}).status_code == 400
    assert hr.post(address, json={"what": "retrieval", "questions": questions}).status_code == 400


def test_named_sets_are_for_who_sees_every_document(served: WithJobs) -> None:
    folder = served.home / "questions" / "人事"
    (folder / "qrels").mkdir(parents=True)
    texts = {
        "corpus.jsonl": {"_id": "d1", "text": LEAVE.decode()},
        "queries.jsonl": {"_id": "q1", "text": "年假几天？"},
    }
    for name, record in texts.items():
        (folder / name).write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n", encoding="utf-8")
    may = [*USUAL, "evaluate"]
    hr, everybody = served.client(labels=["hr"], actions=may), served.client(labels=None, actions=may)
    address = "/api/v1/bases/人事/evaluations"
    for asked in ({"set": "人事"}, {"set": "人事", "what": "retrieval"}, {"set": "没有"}):
        assert hr.post(address, json=asked).status_code == 403
    (key,) = (one for one in served.service.keys.all() if one.grant.labels)
    arguments = {"set": "人事", "what": "retrieval", "asker": ["hr"]}  # asked for before there was this rule
    old = served.service.jobs.submit("evaluate", "人事", owner=f"key:{key.id}", arguments=arguments).token
    new = everybody.post(address, json={"set": "人事", "what": "retrieval"}).json()["job"]
    served.run()
    refused = hr.get(f"/api/v1/jobs/{old}")
    assert refused.json()["error"]["kind"] == "Forbidden"
    assert "年假" not in refused.text
    done = everybody.get(f"/api/v1/jobs/{new}").json()
    assert (done["state"], done["result"]["questions"]) == ("done", [{"id": "q1", "text": "年假几天？"}])


def test_extraction_asks_for_what_may_be_seen(served: WithJobs) -> None:
    sent(served.client(admin=True), ("年假.txt", LEAVE), labels=["hr"])
    served.run()
    (document,) = served.client(admin=True).get(DOCUMENTS).json()["documents"]
    schema = {"type": "object", "properties": {"天数": {"type": "integer"}}}
    may = [*USUAL, "evaluate"]
    hr, it = served.client(labels=["hr"], actions=may), served.client(labels=["it"], actions=may)
    address = "/api/v1/bases/人事/extract"
    assert it.post(address, json={"schema": schema, "documents": [document["id"]]}).status_code == 404
    assert hr.post(address, json={"schema": {"type": "nothing"}}).status_code == 400
    job = hr.post(address, json={"schema": schema, "documents": [document["id"]]}).json()
    served.run()
    ended = hr.get(f"/api/v1/jobs/{job['job']}").json()
    # No generator is set: that is said.
    assert (ended["state"], ended["error"]["kind"]) == ("failed", "SettingsError")


DAYS_SCHEMA = {"type": "object", "properties": {"天数": {"type": "integer"}}}
# Fifty tokens for each document.
COUNTED = Reply('{"天数": 5}', usage=(40, 10))


@contextlib.contextmanager
def asking_a_model(tmp_path: Path, *overrides: str) -> Iterator[WithJobs]:
    """A service with a generator and six documents."""
    with ScriptedServer(lambda request: COUNTED) as server:
        waived = ["models.waive_meaning_checks=true", "extraction.concurrency=1", "remote.retries=0"]
        made = WithJobs(tmp_path / "家", [f"generator.url={server.url}", *waived, *overrides])
        made.base("人事").close()
        sent(made.client(admin=True), *((f"年假{n}.txt", LEAVE + str(n).encode()) for n in range(6)), labels=["hr"])
        made.run()
        yield made
        made.close()


def rows_of_audit(served: WithJobs) -> list[dict[str, Any]]:
    audit = assemble.audit(served.settings, served.service.database)
    return [dict(row.body) for row in audit.rows() if row.body["action"] == "jobs.ended"]


def test_tokens_of_a_job_are_those_of_its_key(tmp_path: Path) -> None:
    with asking_a_model(tmp_path) as served:
        may = [*USUAL, "evaluate"]
        client = served.client(labels=["hr"], actions=may, tokens_per_day=10_000)
        me = client.get("/api/v1/me").json()["id"]
        token = client.post("/api/v1/bases/人事/extract", json={"schema": DAYS_SCHEMA}).json()["job"]
        before = tally.counts()
        served.run()
        assert client.get(f"/api/v1/jobs/{token}").json()["state"] == "done"
        assert Quotas(served.service.database).used(me) == 300
        metric = {
            way: tally.counts()["tokens", way] - before.get(("tokens", way), 0) for way in ("prompt", "completion")
        }
        assert metric == {"prompt": 240, "completion": 60}
        (row,) = [one for one in rows_of_audit(served) if one["detail"]["kind"] == "extract"]
        assert row["tokens"] == [240, 60]
        assert row["detail"] == {"job": token, "kind": "extract", "state": "done"}


def test_a_job_ends_when_the_tokens_of_the_day_are_used_up_and_keeps_what_is_done(tmp_path: Path) -> None:
    with asking_a_model(tmp_path) as served:
        may = [*USUAL, "evaluate"]
        client = served.client(labels=["hr"], actions=may, tokens_per_day=100)
        address = "/api/v1/bases/人事/extract"
        first, second = (client.post(address, json={"schema": DAYS_SCHEMA}).json()["job"] for _ in range(2))
        served.run()
        ended = client.get(f"/api/v1/jobs/{first}").json()
        assert ended["state"] == "failed"
        assert ended["error"]["kind"] == "LimitReached"
        assert "100" in str(ended["error"])
        rows = client.get(f"/api/v1/jobs/{first}/result").json()["results"]
        # The second answer used the last of them; the third may have been on its way.
        assert 2 <= len(rows) <= 3
        assert {row["value"]["天数"] for row in rows} == {5}
        late = client.get(f"/api/v1/jobs/{second}").json()
        assert (late["state"], late["error"]["kind"], late["done"]) == ("failed", "LimitReached", 0)
        time.sleep(1.1)  # what another process counted is seen within a second
        for asked in (
            client.post(address, json={"schema": DAYS_SCHEMA}),
            client.post("/api/v1/bases/人事/evaluations", json={"questions": [{"question": "年假有几天？"}]}),
        ):
            assert asked.status_code == 429, asked.text
            assert int(asked.headers["retry-after"]) >= 1
        other = served.client(labels=["hr"], actions=may)
        assert other.post(address, json={"schema": DAYS_SCHEMA}).status_code == 202


# -- files of conversations ------------------------------------------------------------------------------


def test_files_of_a_conversation_are_its_owners(served: WithJobs) -> None:
    owner, admin = served.writer(labels=["a"]), served.client(admin=True)
    token = owner.post("/api/v1/bases/人事/conversations", json={}).json()["token"]
    address = f"/api/v1/bases/人事/conversations/{token}/files"
    parts = {"files": ("合同.txt", LEAVE)}
    assert admin.post(address, files=parts).status_code == 404
    assert served.client().post(address, files=parts).status_code == 403
    job = owner.post(address, files=parts).json()
    served.run()
    assert owner.get(f"/api/v1/jobs/{job['job']}").json()["state"] == "done"
    assert [d["source"] for d in owner.get(address).json()["documents"]] == [f"{own_files.folder_of(token)}合同.txt"]
    assert owner.get(DOCUMENTS).json()["documents"] == admin.get(DOCUMENTS).json()["documents"] == []
    later = owner.post(address, files={"files": ("晚.txt", STIPEND)}).json()
    owner.delete(f"/api/v1/bases/人事/conversations/{token}")
    served.run()
    assert owner.get(f"/api/v1/jobs/{later['job']}").json()["state"] == "failed"
    with served.base("人事") as kb:
        assert kb.documents() == []
        assert [p for p in (kb.directory / "originals").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("own_first", [True, False])
def test_a_file_of_a_conversation_and_the_same_one_shared_do_not_touch_each_other(
    served: WithJobs, tmp_path: Path, own_first: bool
) -> None:
    owner, admin, anybody = (
        served.client(labels=["public"]),
        served.client(admin=True),
        served.client(labels=["public"]),
    )
    token = owner.post("/api/v1/bases/人事/conversations", json={}).json()["token"]
    own = f"/api/v1/bases/人事/conversations/{token}/files"
    own_job: list[str] = []

    def add_own() -> None:
        reply = owner.post(own, files={"files": ("手册.txt", LEAVE)})
        own_job.append(reply.json()["job"])

    def add_shared() -> None:
        sent(admin, ("手册.txt", LEAVE))

    for step in (add_own, add_shared) if own_first else (add_shared, add_own):
        step()
        served.run()
    if own_first:
        on_disk = tmp_path / "手册二.txt"
        on_disk.write_bytes(LEAVE)
        with served.base("人事") as kb:
            kb.add([on_disk])
    n = 1 + own_first

    def seen(client: TestClient) -> list[Any]:
        return [(d["labels"], d["status"]) for d in client.get(DOCUMENTS).json()["documents"]]

    assert seen(anybody) == seen(admin) == [(["public"], "ready")] * n
    assert owner.get(f"/api/v1/jobs/{own_job[0]}").json()["result"]["added"] == 1
    search = "/api/v1/bases/人事/search"

    def found(client: TestClient) -> set[str]:
        passages = client.post(search, json={"query": "年假有几天？"}).json()["hits"]
        return {name for p in passages for name in (p["source"], *p["duplicates"], *p["near_duplicates"])}

    shared = found(anybody)
    assert len(shared) == n
    assert not any(token in name for name in shared | found(admin))
    assert owner.delete(f"/api/v1/bases/人事/conversations/{token}").status_code == 200
    assert found(anybody) == shared
    document = anybody.get(DOCUMENTS).json()["documents"][0]
    if not own_first:
        assert anybody.get(f"{DOCUMENTS}/{document['id']}/original").content == LEAVE
    with served.base("人事") as kb:
        assert kb.check().ok
        assert {label for d in kb.documents() for label in d.labels} == {"public"}


def test_a_shared_document_that_goes_leaves_the_same_file_of_a_conversation(served: WithJobs) -> None:
    owner, admin = served.client(labels=["public"]), served.client(admin=True)
    token = owner.post("/api/v1/bases/人事/conversations", json={}).json()["token"]
    own = f"/api/v1/bases/人事/conversations/{token}/files"
    owner.post(own, files={"files": ("手册.txt", LEAVE)})
    sent(admin, ("手册.txt", LEAVE))
    served.run()
    (shared,) = admin.get(DOCUMENTS).json()["documents"]
    assert admin.delete(f"{DOCUMENTS}/{shared['id']}").status_code in (200, 202)
    served.run()
    assert admin.get(DOCUMENTS).json()["documents"] == []
    (left,) = owner.get(own).json()["documents"]
    assert left["status"] == "ready"
    with served.base("人事") as kb:
        assert kb.check().ok


# -- rights that ended meanwhile -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["revoked", "deleted", "ended"])
def test_a_key_that_holds_no_more_has_no_job_done(served: WithJobs, how: str) -> None:
    keys, admin = served.service.keys, served.client(admin=True)
    client = served.writer(labels=["hr"])
    (key,) = (one for one in keys.all() if "admin" not in one.grant.actions)
    job = sent(client, ("年假.txt", LEAVE)).json()["job"]
    if how == "revoked":
        keys.revoke(key.id)
    elif how == "deleted":
        keys.delete(key.id)
        served.service.keys.create(key.id, Grant.everything())  # a name is no id
    else:
        with served.service.database.transaction() as db:
            db.execute("UPDATE keys SET expires = '2020-01-01T00:00:00.000000+00:00' WHERE id = ?", (key.id,))
    served.run()
    failed = admin.get(f"/api/v1/jobs/{job}").json()
    assert failed["state"] == "failed"
    assert failed["error"]["message"] == "The key that asked for this job holds no more."
    assert admin.get(DOCUMENTS).json()["documents"] == []
    assert not list((served.home / "uploads").glob("*")), "what was sent goes with it"


def grant_of(*actions: Any, labels: Any = ("hr",), bases: Any = None) -> Grant:
    return Grant(labels and frozenset(labels), bases and frozenset(bases), frozenset(actions))


@pytest.mark.parametrize(
    ("grant", "kind", "base", "arguments", "may"),
    [
        (grant_of("write"), "add", "人事", {"labels": ["hr"]}, True),
        (grant_of("read"), "add", "人事", {"labels": ["hr"]}, False),
        (grant_of("write"), "add", "人事", {"labels": ["hr", "制度"]}, False),
        (grant_of("write", bases=["wiki"]), "add", "人事", {"labels": ["hr"]}, False),
        (grant_of("ask"), "add", "人事", {"labels": ["conversation:1"], "conversation": "1"}, True),
        (grant_of("write"), "add", "人事", {"labels": ["conversation:1"], "conversation": "1"}, False),
        (grant_of("evaluate"), "extract", "人事", {"asker": ["hr"]}, True),
        (grant_of("evaluate"), "extract", "人事", {"asker": ["hr", "制度"]}, False),
        (grant_of("evaluate"), "evaluate", "人事", {"asker": None}, False),
        (grant_of("evaluate", labels=None), "evaluate", "人事", {"asker": None}, True),
        (grant_of("write", "evaluate"), "rebuild", "人事", {}, False),
        (Grant.everything(), "rebuild", "人事", {}, True),
    ],
)
def test_a_job_needs_the_rights_of_now(
    served: WithJobs, grant: Grant, kind: str, base: str, arguments: dict[str, Any], may: bool
) -> None:
    key, _ = served.service.keys.create("test", grant)
    job = served.service.jobs.submit(kind, base, owner=f"key:{key.id}", arguments=arguments)
    if may:
        must_hold(job, served.service.database, served.settings)
        return
    with pytest.raises(Forbidden, match="does not allow it any more"):
        must_hold(job, served.service.database, served.settings)


def test_a_job_of_the_clock_and_of_a_token_needs_no_key(served: WithJobs) -> None:
    for owner in ("", "token:https://id.example:员工"):
        must_hold(served.service.jobs.submit("check", "人事", owner=owner), served.service.database, served.settings)
