"""Log lines and traces of the service: one JSON object each, the request in each, and nobody's words in any."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_fixtures import Served

from qianxun.errors import InputError, MissingExtra, SettingsError
from qianxun.service.access import Caller, Limits
from qianxun.service.facts import Ended, Facts
from qianxun.service.logs import Lines, configure_logs, log_access, request_id
from qianxun.settings import load_settings

QUESTION = "工作满一年的员工有几天带薪年假？"
SECRETS = ("带薪年假", "病假须提交医院证明", "薪酬等级", "E-1042", "几天", "秘密路径")
NOBODY = Caller("key:3f9a1c2e", "人事部", frozenset(), None, frozenset(), Limits())


@pytest.fixture
def logged() -> Iterator[Any]:
    """Everything that is logged, in the form of the settings; the loggers are as before afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("qianxun")
    before = (list(root.handlers), root.level, list(ours.handlers), ours.level, ours.propagate)
    stream = io.StringIO()

    def begun(form: str = "json") -> io.StringIO:
        configure_logs(load_settings(overrides=[f"telemetry.logs={form}"]), stream)
        return stream

    yield begun
    root.handlers, root.level, ours.handlers, ours.level, ours.propagate = before


def test_no_words_of_anybody_are_logged(tmp_path: Path, documents: Path, logged: Any) -> None:
    """Searches, answers, refusals, errors nobody foresaw: their questions and documents are in no line."""
    stream = logged()
    served = Served(tmp_path / "home", ["reranker.url=http://127.0.0.1:9/v1", "remote.retries=0", "reranker.name=http"])
    with served.base() as kb:
        kb.add([documents])
    key = served.key(admin=True)
    client = served.client()
    client.headers["Authorization"] = f"Bearer {key}"
    base = "/api/v1/bases/default"
    for path, body in (
        (f"{base}/search", {"query": QUESTION}),
        (f"{base}/search", {"query": QUESTION, "filter": "((秘密路径"}),
        (f"{base}/search", {"question": QUESTION}),
        (f"{base}/ask", {"question": QUESTION}),
        (f"{base}/ask", {"question": QUESTION, "stream": True}),
    ):
        client.post(path, json=body)
    client.get(f"{base}/documents?filter=秘密路径")
    client.get("/秘密路径?q=秘密路径")

    def broken(*_: object, **__: object) -> None:
        raise ValueError(f"cannot: {QUESTION} {key}")

    served.service.lanes["search"].run = broken  # type: ignore[assignment]
    assert client.post(f"{base}/search", json={"query": QUESTION}).status_code == 500
    served.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [word for word in (*SECRETS, key, key[-20:]) if word in stream.getvalue()] == []
    accesses = [line for line in lines if line["logger"] == "qianxun.access"]
    assert [line["status"] for line in accesses] == [200, 400, 422, 200, 200, 400, 404, 500]
    assert {line["route"] for line in accesses if "route" in line} == {
        f"/api/v1/bases/{{base}}/{x}" for x in ("search", "ask", "documents")
    }
    (failed,) = [line for line in lines if line["level"] == "error"]
    assert failed["request"] == accesses[-1]["request"]
    assert " failed: ValueError in broken (" in failed["message"]
    assert "test_service_logs.py" in failed["message"]
    (late, *_) = [line for line in lines if "not reranked" in line["message"]]
    assert late["message"].startswith("not reranked: ModelUnavailable: {address}")
    assert late["request"] == accesses[0]["request"]


def test_a_line_of_the_access_log(logged: Any) -> None:
    stream = logged()
    facts = Facts("search", "制度", question=QUESTION)
    log_access(Ended("r-1", NOBODY, facts, "/api/v1/bases/{base}/search", "POST", 200, 0.01234))
    log_access(Ended("r-2", NOBODY, Facts(), "/healthz", "GET", 200, 0.0))
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info", "logger": "qianxun.access", "message": "POST /api/v1/bases/{base}/search 200 12.3 ms",
        "request": "r-1", "route": "/api/v1/bases/{base}/search", "method": "POST", "status": 200, "seconds": 0.0123,
        "caller": "key:3f9a1c2e", "action": "search", "base": "制度",
    }  # fmt: skip


def test_lines_for_people_are_one_line_each(logged: Any) -> None:
    stream = logged("text")
    token = request_id.set("r-9")
    try:
        logging.getLogger("qianxun.x").warning("one\r\nINFO forged: %s", InputError("{what!r} is bad.", what="秘密"))
    finally:
        request_id.reset(token)
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("warning qianxun.x: one INFO forged: InputError: {what!r} is bad. [r-9]")


def test_what_is_wrong_with_settings_is_said_whole(logged: Any) -> None:
    stream = logged()
    wrong = SettingsError("{origin}: unknown setting {key!r}.", remedy="Mend it.", origin="qianxun.toml", key="检索.k")
    logging.getLogger("qianxun.x").error("not reloaded: %s", wrong)
    assert "qianxun.toml: unknown setting '检索.k'. Mend it." in stream.getvalue()


def test_a_traceback_shows_places_and_causes_without_their_words(logged: Any) -> None:
    stream = logged()
    try:
        try:
            raise KeyError("秘密")
        except KeyError as error:
            raise InputError("{what} is bad.", what="秘密") from error
    except InputError:
        logging.getLogger("other").exception("failed with %(n)d", {"n": 3})
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line["message"] == "failed with 3"
    assert [part for part in line["error"].splitlines() if not part.startswith("  ")] == [
        "InputError: {what} is bad.",
        "KeyError",
    ]
    assert "秘密" not in stream.getvalue()


def test_a_formatter_alone_shows_a_plain_record() -> None:
    record = logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": "年假 %s", "args": ("x",), "created": 0.0})
    assert Lines().format(record) == "1970-01-01 00:00:00 info    n: 年假 x"


# -- traces ------------------------------------------------------------------------------------------


def ended(**given: Any) -> Ended:
    facts = Facts(
        "ask", "制度", question=QUESTION, passages=(1, 2), stages={"encode": 0.1, "lexical": 0.2, "total": 0.4}
    )
    facts.verdict, facts.prompt_tokens = "answered", 7
    values = {"id": "r-1", "status": 200, "seconds": 0.5} | given
    return Ended(values["id"], NOBODY, facts, "/api/v1/bases/{base}/ask", "POST", values["status"], values["seconds"])


def traced(share: float = 1.0) -> tuple[Any, Any]:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from qianxun.service.tracing import Tracing

    kept = InMemorySpanExporter()
    settings = load_settings(overrides=[f"telemetry.trace_share={share}"])
    return Tracing(settings.telemetry, exporter=kept), kept


def test_a_request_is_a_span_and_its_stages_are_below_it() -> None:
    tracing, kept = traced()
    tracing.ended(ended())
    tracing.ended(ended(id="r-2", status=503))
    tracing.close()
    first, second, whole, *rest = kept.get_finished_spans()
    assert [span.name for span in (first, second, whole)] == ["encode", "lexical", "POST /api/v1/bases/{base}/ask"]
    assert {first.parent.span_id, second.parent.span_id} == {whole.context.span_id}
    assert whole.end_time - whole.start_time == pytest.approx(0.5e9, rel=0.01)
    assert second.start_time == first.end_time
    assert first.end_time - whole.start_time == pytest.approx(0.1e9, rel=0.01)
    assert whole.attributes["qianxun.request_id"] == "r-1"
    assert whole.attributes["gen_ai.usage.input_tokens"] == 7
    assert not rest[-1].status.is_ok
    assert "年假" not in "".join(span.to_json() for span in kept.get_finished_spans())


def test_a_callers_trace_is_taken_up_and_its_choice_heeded() -> None:
    tracing, kept = traced(share=0.0)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    tracing.note("r-1", [(b"traceparent", f"00-{trace}-00f067aa0ba902b7-01".encode()), (b"host", b"x")])
    tracing.note("r-2", [(b"traceparent", f"00-{trace}-00f067aa0ba902b7-00".encode())])
    tracing.note("r-3", [(b"traceparent", b"nonsense")])
    for id in ("r-1", "r-2", "r-3", "r-4"):
        tracing.ended(ended(id=id))
    tracing.close()
    spans = kept.get_finished_spans()
    assert len(spans) == 3
    assert {f"{span.context.trace_id:032x}" for span in spans} == {trace}


def test_spans_are_sent_by_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qianxun.service import tracing

    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_exporter", lambda address: kept)
    served = Served(tmp_path / "home", ["telemetry.traces=http://127.0.0.1:9/v1/traces"])
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    reply = served.client().get("/api/v1/bases", headers={"traceparent": parent})
    served.close()
    (span,) = kept.get_finished_spans()
    assert span.attributes["qianxun.request_id"] == reply.headers["x-request-id"]
    assert f"{span.context.trace_id:032x}" == parent[3:35]


def test_spans_go_over_http_to_a_collector() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    from qianxun.service.tracing import Tracing

    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings = load_settings(overrides=[f"telemetry.traces=http://127.0.0.1:{server.server_port}/v1/traces"])
        tracing = Tracing(settings.telemetry)
        tracing.ended(ended())
        tracing.close()
        server.shutdown()
    assert b"/api/v1/bases/{base}/ask" in b"".join(bodies)


def test_without_an_address_nothing_of_it_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from qianxun.service.app import create_service; from qianxun.settings import load_settings\n"
        "create_service(load_settings(overrides=[f'home={sys.argv[1]}'])).close()\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"  # others import its interface, which does nothing by itself


def test_without_the_packages_the_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    from qianxun.service.tracing import Tracing

    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="otel"):
        Tracing(load_settings().telemetry)
