"""The client against the running service, and against a server that fails as it is told."""

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import TEXTS
from service_fixtures import Served, running

import qianxun
from qianxun import Client, errors, shapes
from qianxun.answering.events import Done, Mark, Shown, Text
from qianxun.client import Job, Stopped, reading
from qianxun.errors import (
    Forbidden,
    InputError,
    LimitReached,
    NotFound,
    Overloaded,
    QianxunError,
    ServiceUnavailable,
    Unauthorized,
)
from qianxun.service.jobs.runner import run_jobs
from qianxun.storage.keys import USUAL

PAGE = Path(__file__).parents[1] / "docs" / "client.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one knowledge base."""
    folder = tmp_path_factory.mktemp("made")
    for name, text in TEXTS.items():
        path = folder / "文档" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = Served(folder / "home")
    with found.base("default") as kb:
        kb.add([folder / "文档"], labels=["public"])
        kb.add_texts([qianxun.TextItem("board/决议", "决议", "董事会决议：代号 Bluewhale。")], labels=["board"])
    found.close()
    return found.home


class Running:
    """A service that runs, with its jobs, and clients of it."""

    def __init__(self, served: Served, url: str) -> None:
        self.served = served
        self.url = url

    def client(self, key: str | None = None, **more: Any) -> Client:
        return Client(self.url, key, timeout=30, **more)


@pytest.fixture(scope="module")
def there(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("there") / "home"
    shutil.copytree(made, home)
    served = Served(home)
    stop = threading.Event()
    with running(served.app) as url:
        runner = threading.Thread(target=run_jobs, args=(served.settings, stop), kwargs={"nice": 0}, daemon=True)
        runner.start()
        try:
            yield Running(served, url)
        finally:
            stop.set()
            runner.join(30)


@pytest.fixture(scope="module")
def admin(there: Running) -> Iterator[Client]:
    with there.client(there.served.key(admin=True)) as client:
        yield client


# -- the same as the Python door -------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["年假有几天？", "加班费如何申請？", "Who answers a page within 15 minutes？"])
def test_replies_are_the_records_that_the_python_door_gives(there: Running, admin: Client, question: str) -> None:
    """There and back: a reply read and written again is what the service wrote."""
    with there.served.base() as kb:
        for found, again in (
            (
                shapes.search_shape(kb.search(question, explain=True)),
                shapes.search_shape(admin.search(question, explain=True)),
            ),
            (shapes.answer_shape(kb.ask(question)), shapes.answer_shape(admin.ask(question))),
        ):
            for shape in (found, again):
                for changing in ("seconds", "timings", "stages", "cached"):
                    shape.pop(changing, None)
            assert again == found
        assert [one.id for one in admin.documents.list()] == [one.id for one in kb.documents()]


def test_what_is_rare_in_an_answer_comes_back_too() -> None:
    citation = {
        "number": 0, "source": "", "title": "", "page": 3, "location": "page 3", "heading": "手册 › 年假",
        "start": 0, "end": 2, "quote": "五天", "support": "weak", "sentence": "五天。", "statement": 1,
        "chunk": 0, "document": 0,
    }  # fmt: skip
    given = {
        "question": "年假？", "searched": "年假", "answer": "五天 [Q]。", "verdict": "clarify",
        "statements": [{"text": "五天。", "start": 0, "end": 7, "numbers": [0], "support": "weak", "claim": True,
                        "quoted": True, "own": False, "unknown": ["７天"]}],
        "citations": [citation], "passages": [], "seconds": 1.5, "stages": {"encode": 0.5}, "models": {"answer": "x"},
        "persona": "hr", "material": "五天", "finish_reason": "length", "cached": True,
        "usage": {"prompt_tokens": 3, "completion_tokens": 4}, "degraded": ["reranker"], "notes": ["注意 {}"],
        "coverage": {"documents": 1, "chunks": 2, "read": 2, "parts": 1, "failed": 0, "left_out": 0, "calls": 3},
        "plan": {"most": 2, "questions": [{"question": "几天？", "passages": 1, "new": 1, "answered": True}],
                 "rounds": 1, "calls": 2, "ended": "answered"},
        "conflicts": [[{"value": "5", "dated": "2024", "citations": [citation]},
                       {"value": "7", "dated": "", "citations": []}]],
        "options": [{"label": "年假", "question": "年假几天？", "value": "5", "citations": [citation]}],
        "version": qianxun.__version__,
    }  # fmt: skip
    again = json.loads(json.dumps(shapes.answer_shape(reading.answer(given))))
    assert again == given


def test_answers_as_they_come(admin: Client) -> None:
    events = list(admin.stream("工程师三级的月薪是多少？"))
    assert isinstance(events[0], Shown)
    assert isinstance(events[-1], Done)
    text = ""
    for event in events:
        if isinstance(event, Text):
            text += event.text
        if isinstance(event, Mark):
            assert event.span.start == len(text)
            text += event.text
            assert event.span.end == len(text)
    assert "２８０００" in text
    assert text == events[-1].answer.text
    hung_up = admin.stream("年假有几天？")
    next(hung_up)
    hung_up.close()


def test_documents(admin: Client) -> None:
    (leave,) = admin.documents.list(filter="source ~ 年假")
    assert admin.documents.show(leave.id) == leave
    assert "五天带薪年假" in admin.documents.text(leave.id)
    chunks = admin.documents.chunks(leave.id)
    assert [one.chunk for one in chunks] == sorted(one.chunk for one in chunks)
    found = admin.documents.passage(chunks[0].chunk, around=2)
    assert (found.document, found.passage.text) == (leave, chunks[0].text)
    page = admin.documents.page(count=2)
    assert (len(page.documents), page.next) == (2, 2)
    assert admin.documents.label(leave.id, add=["hr"]).labels == ("hr", "public")
    assert admin.documents.label(leave.id, remove=["hr"]).labels == ("public",)


def test_files_are_sent_and_the_job_is_waited_for(admin: Client, tmp_path: Path) -> None:
    file = tmp_path / "值班（２０２６）.md"
    file.write_text("# 值班\n\n值班补贴为每晚 300 元。\n" * 4000, encoding="utf-8")
    os.utime(file, (1_740_816_000, 1_740_816_000))
    sent: list[tuple[int, int]] = []
    job = admin.documents.upload(
        [file, ("note.txt", b"On-call starts at 18:00 sharp.")],
        labels=["hr", "公开"],
        folder="制度",
        progress=lambda done, total: sent.append((done, total)),
    )
    assert (job.kind, job.files) == ("add", ("制度/值班（２０２６）.md", "制度/note.txt"))
    assert [done for done, _ in sent] == sorted(done for done, _ in sent)
    assert {total for _, total in sent} == {sent[-1][0]} == {file.stat().st_size + 30}
    told: list[Job] = []
    done = admin.jobs.wait(job.token, progress=told.append)
    assert done.state == "done", done.error
    assert done.ended
    assert done.result is not None
    assert done.result["added"] == 2
    assert told[-1] == done == admin.jobs.get(job.token)
    assert job.token in {one.token for one in admin.jobs.list(state="done")}
    (note,) = admin.documents.list(filter="source ~ note")
    assert note.labels == ("hr", "公开")
    dates = {one.source: one.modified for one in admin.documents.list(filter="source ^= 制度")}
    assert dates["制度/值班（２０２６）.md"] == "2025-03-01T08:00:00Z" < dates["制度/note.txt"]
    assert admin.documents.original(note.id) == b"On-call starts at 18:00 sharp."
    for one in list(admin.documents.list(filter="source ^= 制度")):
        assert admin.documents.remove(one.id).documents == ((one.id, one.source),)
    with pytest.raises(NotFound):
        admin.documents.show(note.id)
    with pytest.raises(InputError, match="is no file"):
        admin.documents.upload(tmp_path)


def test_extraction_and_evaluation(admin: Client) -> None:
    questions = [
        {"question": "年假有几天？", "answers": ["五天"]},
        {"question": "月球上有食堂吗？", "answerable": False},
    ]
    done = admin.jobs.wait(admin.evaluate(questions=questions).token)
    assert done.state == "done", done.error
    assert len(admin.jobs.result(done.token)) == 2
    schema = {"type": "object", "properties": {"days": {"type": "string"}}}
    (leave,) = admin.documents.list(filter="source ~ 年假")
    ended = admin.jobs.wait(admin.extract(schema, [leave.id]).token)  # without a generator it fails, and says so
    assert (ended.state, ended.kind) == ("failed", "extract")
    assert ended.error is not None
    assert ended.error.remedy
    assert admin.jobs.cancel(ended.token).state == "failed"
    checked = admin.jobs.wait(admin.maintain("check").token)
    assert checked.state == "done"


def test_conversations(there: Running) -> None:
    with there.client(there.served.key()) as client:
        token = client.conversations.begin(title="假期")
        answer = client.conversations.ask(token, "年假有几天？")
        assert answer.verdict == "answered"
        told = list(client.conversations.stream(token, "病假呢？"))
        assert [one.place for one in told] == list(range(1, len(told) + 1))
        assert isinstance(told[-1].event, Done)
        rest = list(client.conversations.events(token, told[0].turn, after=told[0].place))
        assert [type(one.event) for one in rest] == [Done]  # what documents say is told once, and not kept
        late = list(client.conversations.events(token, told[0].turn, after=told[-2].place))
        assert [one.event for one in late] == [rest[-1].event]
        shown = client.conversations.show(token)
        assert [one.question for one in shown.turns] == ["年假有几天？", "病假呢？"]
        assert shown.turns[0].answer is not None
        assert [one.title for one in client.conversations.list()] == ["假期"]
        assert "年假" in client.conversations.export(token)
        client.conversations.rename(token, "休假")
        assert client.conversations.show(token).conversation.title == "休假"
        assert client.conversations.show(token).settings == {}
        client.conversations.keep_settings(token, {"persona": "法务", "deep": 2})
        assert client.conversations.show(token).settings == {"persona": "法务", "deep": 2}
        with pytest.raises(InputError, match="a JSON object of at most 16,384 bytes"):
            client.conversations.keep_settings(token, {"instructions": "請簡短。" * 2000})
        assert client.conversations.show(token).settings == {"persona": "法务", "deep": 2}
        assert client.conversations.show(token).conversation.title == "休假"
        other = client.conversations.begin(settings={"filter": "label = hr"})
        assert client.conversations.show(other).settings == {"filter": "label = hr"}
        with there.client(there.served.key()) as stranger, pytest.raises(NotFound):
            stranger.conversations.keep_settings(other, {})
        client.conversations.delete(other)
        job = client.conversations.upload(token, ("自己的.txt", "我的工号是 4711。".encode()))
        assert client.jobs.wait(job.token).state == "done"
        assert [one.title for one in client.conversations.files(token)] == ["自己的"]
        with pytest.raises(InputError, match="not running any more"):
            client.conversations.stop(token, told[0].turn)
        client.conversations.delete(token)
        with pytest.raises(NotFound):
            client.conversations.show(token)


def test_bases_feedback_and_who_one_is(there: Running, admin: Client) -> None:
    assert admin.health().status in ("ok", "starting")
    assert admin.me().labels is None
    assert {one.name for one in admin.bases()} == {"default"}
    assert admin.create_base("新").documents == 0
    assert {one.name for one in admin.bases()} == {"default", "新"}
    admin.delete_base("新")
    with there.client(there.served.key(labels=["hr", "公开"])) as client:
        assert client.me().labels == {"hr", "公开"}
    with there.client(there.served.key()) as client:
        found = client.search("年假")
        token = client.feedback("up", "年假", [found.passages[0].chunk])
        client.take_back(token)
        assert client.bases()[0].documents == 5


def test_errors_are_of_the_class_that_the_service_raised(there: Running) -> None:
    with there.client(there.served.key(actions=["search"])) as client:
        with pytest.raises(Forbidden, match="allows 'ask'") as caught:
            client.ask("年假？")
        assert len(caught.value.request_id) >= 8  # type: ignore[attr-defined]
        with pytest.raises(NotFound, match="There is no knowledge base 没有"):
            client.search("年假", base="没有")
        with pytest.raises(InputError):
            client.search(" ")
        with pytest.raises(InputError, match="Filter, column"):
            client.search("年假", filter="nonsense =")
    with there.client("qx-00000000-" + "x" * 43) as client, pytest.raises(Unauthorized, match="does not hold"):
        client.search("年假")
    with there.client() as client:
        assert all(one.source != "board/决议" for one in client.documents.list())
        with pytest.raises(Forbidden):
            client.documents.remove(1)
        with pytest.raises(NotFound):
            next(client.stream("年假", base="没有"))


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://a", "http://", "http://user:secret@a"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(InputError) as caught:
        Client(url)
    assert "secret" not in str(caught.value)


# -- a server that fails -----------------------------------------------------------------------------------


class Failing:
    """Replies in the order given: (status, headers, body), or raw bytes after which it hangs up."""

    def __init__(self) -> None:
        self.replies: list[Any] = []
        self.asked: list[tuple[str, str, bytes]] = []
        self.url = ""
        self.waited: list[float] = []
        self.clients: list[Client] = []

    def client(self, **more: Any) -> Client:
        self.clients.append(Client(self.url, "qx-key", timeout=5, wait=self.waited.append, **more))
        return self.clients[-1]


@contextmanager
def failing() -> Iterator[Failing]:
    found = Failing()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.asked.append((self.command, self.path, body))
            reply = found.replies.pop(0)
            if isinstance(reply, bytes):
                self.wfile.write(reply)
                self.close_connection = True
                return
            status, headers, content = reply
            data = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 (names of the base class)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield found
    finally:
        for client in found.clients:
            client.close()
        server.shutdown()
        server.server_close()
        thread.join()


def problem(kind: str, detail: str = "满了", remedy: str = "稍后再试。") -> dict[str, Any]:
    return {"kind": kind, "detail": detail, "remedy": remedy, "request_id": "r1", "type": "about:blank", "status": 0}


HEALTHY = (200, {}, {"status": "ok", "waiting": []})
HUNG_UP = b""
FULL = (503, {"Retry-After": "7"}, problem("Overloaded"))


def test_it_waits_as_long_as_it_is_asked_to_and_not_for_ever() -> None:
    with failing() as server:
        server.replies = [FULL, (429, {"Retry-After": "2"}, problem("LimitReached")), (503, {}, b"?"), HEALTHY]
        assert server.client().health().status == "ok"
        assert server.waited == [7, 2, 2.0]
        server.replies = [FULL] * 9
        with pytest.raises(Overloaded, match="满了 稍后再试。") as caught:
            server.client(retries=2).health()
        assert (caught.value.retry_after, caught.value.remedy) == (7, "稍后再试。")
        assert len(server.asked) == 7
        server.replies = [(429, {"Retry-After": "86400"}, problem("LimitReached", "今天的已用完。"))]
        with pytest.raises(LimitReached) as limit:
            server.client().health()
        assert limit.value.retry_after == 86400
        assert len(server.waited) == 5


def test_only_what_is_safe_is_sent_again() -> None:
    with failing() as server:
        client = server.client()
        server.replies = [HUNG_UP, HUNG_UP, HEALTHY]
        assert client.health().status == "ok"
        for call in (lambda: client.conversations.begin(), lambda: client.ask("年假？")):
            server.asked.clear()
            server.replies = [HUNG_UP, HEALTHY]
            with pytest.raises(ServiceUnavailable):
                call()
            assert len(server.asked) == 1
        server.asked.clear()
        server.replies = [FULL, HEALTHY]
        with pytest.raises(Overloaded):
            client.conversations.begin()
        assert len(server.asked) == 1


def test_an_upload_that_breaks_off_is_sent_whole_and_known_by_its_key() -> None:
    keys = []
    with failing() as server:
        server.replies = [HUNG_UP, FULL, (202, {}, {"job": "1"})]
        client = server.client()
        client._connection.http.event_hooks["request"].append(lambda sent: keys.append(sent.headers["idempotency-key"]))
        with pytest.raises(ServiceUnavailable, match="not understood"):
            client.documents.upload(("年假.txt", b"x" * 100_000))
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert [body.count(b"x" * 100_000) for _, _, body in server.asked][1:] == [1, 1]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ((400, {}, problem("InputError")), InputError),
        ((422, {}, problem("InvalidRequest")), InputError),
        ((404, {}, problem("NotFound")), NotFound),
        ((502, {}, problem("ModelRefused")), errors.ModelRefused),
        ((500, {}, problem("print")), QianxunError),
        ((500, {}, problem("QianxunError")), QianxunError),
        ((500, {}, b"<html>"), QianxunError),
        ((401, {}, b"[]"), Unauthorized),
        ((200, {}, b"<html>"), ServiceUnavailable),
        ((200, {}, b"[]"), ServiceUnavailable),
        ((200, {}, {"status": "ok"}), ServiceUnavailable),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), ServiceUnavailable),
    ],
)
def test_every_reply_is_a_record_or_an_error_of_ours(reply: Any, kind: type[QianxunError]) -> None:
    with failing() as server:
        server.replies = [reply]
        with pytest.raises(QianxunError) as caught:
            server.client().health()
        assert type(caught.value) is kind


def test_words_of_the_service_are_no_templates() -> None:
    with failing() as server:
        server.replies = [(400, {}, problem("InputError", "{what} of {0!r} {", "{remedy}"))]
        with pytest.raises(InputError) as caught:
            server.client().health()
        assert str(caught.value) == "{what} of {0!r} { {remedy}"


def test_nobody_there() -> None:
    with failing() as server:
        pass
    waited: list[float] = []
    with Client(server.url, wait=waited.append) as client:
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            client.ask("年假？")
        with pytest.raises(ServiceUnavailable):
            next(client.jobs.progress("1"))
    assert waited[:3] == [0.5, 1.0, 2.0]


def events(*told: dict[str, Any], cut: bytes = b"") -> bytes:
    """A reply of events that is broken off: its length says that more should come."""
    body = b"".join(f"data: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in told) + cut
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100000\r\n\r\n"
    return head + body


def said(place: int, text: str) -> dict[str, Any]:
    return {"turn": 4, "place": place, "event": "text", "text": text}


def test_an_answer_of_a_conversation_is_read_on_where_it_broke_off() -> None:
    end = {"turn": 4, "place": 4, "event": "removed"}
    with failing() as server:
        server.replies = [
            events(said(1, "五\u2028天"), said(2, "\r\n年假"), cut=b'data: {"turn": 4, "pl'),
            HUNG_UP,
            events(said(3, "。")),
            (
                200,
                {"Content-Type": "text/event-stream"},
                b": still here\r\n\r\ndata: " + json.dumps(end).encode() + b"\r\n\r\n",
            ),
        ]
        told = list(server.client().conversations.stream("甲", "年假？"))
    assert [(one.turn, one.place) for one in told] == [(4, 1), (4, 2), (4, 3), (4, 4)]
    assert [one.event for one in told[:3]] == [Text("五\u2028天"), Text("\r\n年假"), Text("。")]
    assert told[3].event == Stopped("removed")
    assert [path.partition("?")[2] for _, path, _ in server.asked] == ["", "after=2", "after=2", "after=3"]
    assert [method for method, _, _ in server.asked] == ["POST", "GET", "GET", "GET"]


def test_an_error_in_the_middle_is_raised() -> None:
    told = f"event: error\ndata: {json.dumps(problem('ModelTimeout', '太慢'), ensure_ascii=False)}\n\n".encode()
    with failing() as server:
        server.replies = [(200, {}, b'data: {"event": "text", "text": "a"}\n\n' + told)]
        coming = server.client().stream("年假？")
        assert next(coming) == Text("a")
        with pytest.raises(errors.ModelTimeout, match="太慢"):
            next(coming)
        server.replies = [(200, {}, b"data: {nonsense\n\n")]
        with pytest.raises(ServiceUnavailable, match="no JSON"):
            next(server.client().stream("年假？"))
        server.replies = [(200, {}, b'data: {"event": "done"}\n\n')]
        with pytest.raises(ServiceUnavailable, match="not understood"):
            next(server.client().stream("年假？"))


def test_a_job_is_followed_through_breaks() -> None:
    def job(state: str, done: int) -> dict[str, Any]:
        return {
            "job": "1", "kind": "add", "base": "人事", "state": state, "stage": "reading", "done": done, "total": 3,
            "files": [], "addresses": [], "result": None, "error": None, "created": "", "started": None,
            "finished": None, "attempts": 1, "stopping": False, "schedule": None,
        }  # fmt: skip

    with failing() as server:
        server.replies = [events(job("running", 1)), (200, {}, b""), events(job("running", 2), job("done", 3))]
        told = list(server.client().jobs.progress("1"))
    assert [(one.state, one.done) for one in told] == [("running", 1), ("running", 2), ("done", 3)]


# -- the page ----------------------------------------------------------------------------------------------


def test_the_examples_of_the_page_run(
    there: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("年假.md").write_text("# 年假\n\n工作满一年的员工每年有五天带薪年假。\n", encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) >= 3
    names: dict[str, Any] = {}
    for example in examples:
        code = example.replace("http://127.0.0.1:8000", there.url).replace(
            "qx-3f9a1c2e-…", there.served.key(actions=[*USUAL, "write"])
        )
        exec(compile(code, str(PAGE), "exec"), names)
    names["client"].close()
    told = capsys.readouterr().out
    assert "done" in told
    assert "五天带薪年假" in told


def test_importing_it_is_cheap(there: Running) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from qianxun import Client; Client('http://127.0.0.1:1').close();"
        "print(sorted({'numpy', 'fastapi', 'onnxruntime', 'tantivy', 'mcp', 'sqlite3'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
