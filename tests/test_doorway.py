"""What every request passes: names, keys, limits of size, headers; and what is left of a request whose client goes."""

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_fixtures import Served, running

from qianxun import TextItem, assemble
from qianxun.errors import DiskFull, SettingsError
from qianxun.protocols import Delta, Message, Sampling
from qianxun.service import doorway
from qianxun.service.facts import Ended
from qianxun.settings import Settings

BASES = "/api/v1/bases"
SEARCH = "/api/v1/bases/default/search"
ASK = "/api/v1/bases/default/ask"
SECURE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Any]:
    """Makes services over homes of their own, and closes them."""
    services: list[Served] = []

    def make(*overrides: str, **how: Any) -> Served:
        services.append(Served(tmp_path / f"home{len(services)}", overrides, **how))
        with services[-1].base() as kb:
            kb.add_texts([TextItem("年假.md", "年假", "工作满一年的员工每年有五天带薪年假。")], labels=["public"])
        return services[-1]

    yield make
    for one in services:
        one.close()


def problem(reply: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    """The problem details of a reply, which is nothing else."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = reply.json()
    assert set(found) == {"type", "title", "status", "detail", "remedy", "kind", "request_id"}
    assert (found["status"], found["kind"]) == (status, kind)
    assert found["request_id"] == reply.headers["x-request-id"]
    return found


# -- names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "[::1]"])
def test_this_machines_names_need_no_key(made: Any, host: str) -> None:
    assert made().client().get(BASES, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.5", ""]
)
def test_another_name_is_refused_without_a_key(made: Any, host: str) -> None:
    """DNS rebinding: a page of evil.example whose name now leads to this machine."""
    served = made()
    problem(served.client().get(BASES, headers={"Host": host}), 421, "Refused")
    assert served.client(labels=["hr"]).get(BASES, headers={"Host": host}).status_code == 200


def test_named_hosts_are_all_there_are_also_with_a_key(made: Any) -> None:
    served = made('service.hosts=["Wiki.example","知识.example"]')
    assert served.client().get(BASES, headers={"Host": "wiki.EXAMPLE:443"}).status_code == 200
    for client in (served.client(), served.client(admin=True)):
        problem(client.get(BASES, headers={"Host": "127.0.0.1:8000"}), 421, "Refused")


def test_where_everybody_may_read_an_address_will_do_but_no_name(made: Any) -> None:
    """Whoever owns a name can make it lead here; nobody owns what an address leads to."""
    client = made("service.anonymous=everywhere", loopback=False).client()
    for host in ("192.168.1.20:8000", "[fd00::1]:8000"):
        assert client.get(BASES, headers={"Host": host}).status_code == 200
    for host in ("evil.example", "192.168.1.20.evil.example", "1e3.4"):
        problem(client.get(BASES, headers={"Host": host}), 421, "Refused")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8000"])
def test_a_page_of_another_origin_is_refused_without_a_key(made: Any, origin: str) -> None:
    served = made()
    problem(served.client().post(SEARCH, json={"query": "年假"}, headers={"Origin": origin}), 403, "Refused")
    keyed = served.client(labels=["public"]).post(SEARCH, json={"query": "年假"}, headers={"Origin": origin})
    assert keyed.status_code == 200
    assert "access-control-allow-origin" not in keyed.headers  # the page cannot read it all the same


def test_its_own_pages_may_call_it(made: Any) -> None:
    client = made().client()
    reply = client.post(SEARCH, json={"query": "年假"}, headers={"Origin": "http://127.0.0.1:8000"})
    assert [hit["source"] for hit in reply.json()["hits"]] == ["年假.md"]


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"]
)
def test_what_came_by_a_proxy_needs_a_key(made: Any, header: str) -> None:
    served = made('service.trusted_proxies=["10.0.0.0/8"]')
    found = problem(served.client().get(BASES, headers={header: "10.0.0.1"}), 400, "Refused")
    assert header.lower() in found["detail"]
    assert served.client(labels=["hr"]).get(BASES, headers={header: "10.0.0.1"}).status_code == 200


def test_a_trusted_proxy_is_believed(made: Any) -> None:
    served = made('service.trusted_proxies=["127.0.0.0/8"]', 'service.hosts=["wiki.example"]')
    heard: list[Any] = []
    inner = served.app.middleware_stack = served.app.build_middleware_stack()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = ("127.0.0.1", 40000)
        await inner(scope, receive, send)
        heard.append((scope["scheme"], scope["client"][0]))

    async def ask(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
            return (await client.get(BASES, headers=named)).status_code

    by = {"x_forwarded_proto": "https", "x_forwarded_host": "wiki.example", "x_forwarded_for": "6.6.6.6, 203.0.113.9"}
    assert asyncio.run(ask(**by, origin="https://wiki.example")) == 200
    assert heard == [("https", "203.0.113.9")]  # what the client itself claims stands before
    assert asyncio.run(ask(**by, origin="http://wiki.example")) == 403
    assert asyncio.run(ask(**by | {"x_forwarded_host": "evil.example"})) == 421


def test_a_proxy_that_is_no_address_is_an_error_of_the_settings(made: Any) -> None:
    served = made('service.trusted_proxies=["nginx"]')
    with pytest.raises(SettingsError, match="'nginx' is no address"):
        served.app.build_middleware_stack()


# -- pages of other origins ----------------------------------------------------------------------------------


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }


def test_other_origins_are_closed_out_unless_they_are_named(made: Any) -> None:
    reply = made().client().options(SEARCH, headers=preflight("https://wiki.example"))
    problem(reply, 403, "Refused")
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_named_origin_may_call_and_read_also_errors(made: Any) -> None:
    served = made('service.cors_origins=["https://Wiki.example/"]')
    asked = served.client().options(SEARCH, headers=preflight("https://wiki.example"))
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == "https://wiki.example"
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in asked.headers
    for client, status in ((served.client(), 200), (served.client(labels=["hr"], actions=["read"]), 403)):
        reply = client.post(SEARCH, json={"query": "年假"}, headers={"Origin": "https://wiki.example"})
        assert reply.status_code == status
        assert reply.headers["access-control-allow-origin"] == "https://wiki.example"
        assert "x-request-id" in reply.headers["access-control-expose-headers"].lower()
    wrong = served.client().get(BASES, headers={"Origin": "https://wiki.example", "Authorization": "Bearer nonsense"})
    problem(wrong, 401, "Unauthorized")
    assert wrong.headers["access-control-allow-origin"] == "https://wiki.example"


def test_an_origin_that_is_not_named_gets_nothing_although_others_are(made: Any) -> None:
    served = made('service.cors_origins=["https://wiki.example"]')
    for origin in ("https://evil.example", "https://wiki.example.evil.example", "http://wiki.example", "null"):
        asked = served.client().options(SEARCH, headers=preflight(origin))
        assert asked.status_code == 400
        assert "access-control-allow-origin" not in asked.headers
        reply = served.client(labels=["public"]).post(SEARCH, json={"query": "年假"}, headers={"Origin": origin})
        assert "access-control-allow-origin" not in reply.headers


# -- keys ----------------------------------------------------------------------------------------------------


def test_a_key_may_be_shown_in_three_ways(made: Any) -> None:
    served = made("service.anonymous=off")
    secret = served.key(labels=["public"])
    for headers in (
        {"Authorization": f"Bearer {secret}"},
        {"authorization": f"bearer   {secret} "},
        {"X-API-Key": secret},
        {"api-key": secret},
        {"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": secret},  # a proxy before us has its own
    ):
        assert served.client().get(BASES, headers=headers).status_code == 200, headers


def test_what_does_not_hold_is_the_same_whatever_it_is(made: Any) -> None:
    served = made("service.anonymous=off")
    secret, ended, other = (served.key(labels=["public"]) for _ in range(3))
    ids = [one.split("-")[1] for one in (secret, ended, other)]
    served.service.keys.revoke(ids[1])
    served.service.keys.rotate(ids[2])
    shown = (ended, other, secret[:-1] + ("A" if secret[-1] != "A" else "B"), secret.replace(ids[0], "00000000"), "x")
    bodies = set()
    for one in (*shown, secret.upper(), f"{secret} ", "密钥".encode().decode("latin-1")):
        reply = served.client().get(BASES, headers=[(b"authorization", f"Bearer {one}".encode("latin-1"))])
        if one == f"{secret} ":
            assert reply.status_code == 200  # white space around it is not a part of it
            continue
        found = problem(reply, 401, "Unauthorized")
        assert reply.headers["www-authenticate"] == 'Bearer realm="qianxun"'
        bodies.add(json.dumps({**found, "request_id": ""}))
    assert len(bodies) == 1


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "qx-00000000-abc", "Token x"])
def test_who_shows_what_cannot_be_read_is_not_taken_for_nobody(made: Any, value: str) -> None:
    found = problem(made().client().get(BASES, headers={"Authorization": value}), 401, "Unauthorized")
    assert value not in json.dumps(found)


def test_without_a_key_only_health_answers_where_keys_are_needed(made: Any) -> None:
    for served in (made("service.anonymous=off"), made(loopback=False)):
        client = served.client()
        for path in (BASES, SEARCH, "/openapi.json", "/api/v1/me", "/nowhere", "/healthz/", "/x//healthz", "/Healthz"):
            problem(client.get(path), 401, "Unauthorized")
        assert client.get("/healthz").json() == {"status": "ok", "waiting": []}
        assert client.get("/readyz").status_code in (200, 503)


def test_nobody_only_reads_what_is_public(made: Any) -> None:
    served = made()
    with served.base() as kb:
        kb.add_texts([TextItem("薪酬.md", "薪酬", "年假期间照发薪酬。")], labels=["hr"])
    client = served.client()
    assert [one["source"] for one in client.get(f"{BASES}/default/documents").json()["documents"]] == ["年假.md"]
    assert client.get("/api/v1/me").json()["actions"] == ["ask", "read", "search"]
    for method, path, body in (
        ("POST", BASES, {"name": "mine"}),
        ("DELETE", f"{BASES}/default", None),
        ("PATCH", f"{BASES}/default/documents/1", {"add": ["x"]}),
        ("DELETE", f"{BASES}/default/documents/1", None),
        ("POST", f"{BASES}/default/feedback", {"kind": "up", "question": "年假", "chunks": [1 << 24]}),
        ("POST", f"{BASES}/default/conversations", {}),
        ("GET", f"{BASES}/default/conversations", None),
    ):
        problem(client.request(method, path, json=body), 403, "Forbidden")


# -- headers, ids, methods -----------------------------------------------------------------------------------


def test_every_reply_has_the_security_headers(made: Any) -> None:
    served = made()
    client = served.client()
    replies = [
        client.get(BASES),
        client.get("/nowhere"),
        client.put(BASES),
        client.get(BASES, headers={"Host": "evil.example"}),
        client.get(BASES, headers={"Authorization": "Bearer x"}),
        client.post(SEARCH, json={}),
        client.post(SEARCH, content=b"x" * 4_000_001),
        client.post(ASK, json={"question": "年假有几天？", "stream": True}),
        client.get("/healthz"),
        client.options(SEARCH),
    ]
    assert [reply.status_code for reply in replies] == [200, 404, 405, 421, 401, 422, 413, 200, 200, 405]
    for reply in replies:
        assert {name: reply.headers.get(name) for name in SECURE} == SECURE, reply.status_code
        assert reply.headers["x-request-id"]


@pytest.mark.parametrize(
    "given, kept", [("abc-1.2_3", True), ("x" * 64, True), ("x" * 65, False), ("", False), ("a b", False), ("é", False)]
)
def test_a_request_id_of_the_clients_is_kept_if_it_is_well_formed(made: Any, given: str, kept: bool) -> None:
    reply = made().client().get("/nowhere", headers=[(b"x-request-id", given.encode("latin-1"))])
    assert (reply.headers["x-request-id"] == given) is kept
    problem(reply, 404, "NotFound")


def test_ids_differ(made: Any) -> None:
    client = made().client()
    assert len({client.get("/healthz").headers["x-request-id"] for _ in range(20)}) == 20


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "BREW", "PROPFIND"])
def test_methods_that_a_path_has_not_are_refused(made: Any, method: str) -> None:
    reply = made().client().request(method, BASES)
    assert reply.status_code == 405
    assert set(reply.headers["allow"].split(", ")) <= {"GET", "POST"}
    if method != "HEAD":
        problem(reply, 405, "InvalidRequest")


def test_no_path_is_guessed(made: Any) -> None:
    """A slash more is another path, and nobody is sent to a name that the request brought along."""
    client = made().client(admin=True)
    problem(client.get(f"{BASES}/", headers={"Host": "evil.example"}), 404, "NotFound")


def test_websockets_are_not_let_in(made: Any) -> None:
    served = made()
    said: list[Any] = []

    async def connect() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            said.append(message)

        await served.app({"type": "websocket", "path": "/api/v1/bases", "headers": []}, receive, send)

    asyncio.run(connect())
    assert said == [{"type": "websocket.close", "code": 1008}]


# -- bodies --------------------------------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large_is_not_read(made: Any) -> None:
    client = made("service.max_body_mb=0.01").client()
    for length in ("10001", "1" + "0" * 17, "1" + "0" * 5000):
        reply = client.post(
            SEARCH, content=b"{}", headers={"Content-Length": length, "Content-Type": "application/json"}
        )
        problem(reply, 413, "Refused")
        assert reply.headers["connection"] == "close"


def test_a_body_that_does_not_say_its_length_is_counted(made: Any) -> None:
    client = made("service.max_body_mb=0.01").client()

    def pieces(n: int) -> Iterator[bytes]:
        yield b'{"query": "'
        for _ in range(n):
            yield b"x" * 1000
        yield b'"}'

    fits = client.post(SEARCH, content=pieces(9), headers={"Content-Type": "application/json"})
    assert fits.status_code == 200
    problem(client.post(SEARCH, content=pieces(10), headers={"Content-Type": "application/json"}), 413, "Refused")


def test_only_uploads_may_be_as_large_as_uploads(made: Any) -> None:
    """What is no form is read as a whole: to call it one must not make room for it."""
    client = made("service.max_body_mb=0.01", "service.max_upload_mb=1", "service.anonymous=loopback").client()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in (SEARCH, ASK, f"{BASES}/default/documents/1", f"{BASES}/default/feedback"):
        problem(client.post(path, content=b"x" * 10_001, headers=headers), 413, "Refused")
    upload = f"{BASES}/default/documents"
    assert client.post(upload, content=b"x" * 10_001, headers=headers).status_code != 413
    problem(client.post(upload, content=b"x" * 1_000_001, headers=headers), 413, "Refused")
    problem(client.post(upload, content=b"x" * 10_001, headers={"Content-Type": "application/json"}), 413, "Refused")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"query": "\\ud800"}',
        b'{"query": "x", "\\ud800": 1}',
        b'{"query": "x", "k": 1e400}',
        b'{"query": "x", "k": NaN}',
        b'{"query": "x", "k": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"query": ' * 50_000,
        '{"query": "年假", "没有": 1}'.encode(),
        '{"query": "年假", "k": "三"}'.encode("gb18030"),
    ],
    ids=range(14),
)
def test_a_body_of_any_kind_is_refused_as_a_problem(made: Any, content: bytes) -> None:
    reply = made().client().post(SEARCH, content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 422), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["kind"] == "InvalidRequest"


@pytest.mark.parametrize(
    ("content", "content_type", "detail", "remedy"),
    [
        ('{"query": "  "}', "application/json", "body.query is empty", "OpenAPI"),
        ('{"query": "年假", }', "application/json", "not valid JSON at character", "JSON object in UTF-8"),
        ('{"query": "年假"}', "text/plain; charset=utf-8", "sent as JSON but as 'text/plain", "Content-Type"),
        ('["年假"]', "application/json; charset=utf-8", "no JSON object", "OpenAPI"),
        ('{"k": 3}', "application/json", "body.query is missing", "OpenAPI"),
        ('{"query": "年假", "问": 1}', "application/json", "body.问 is not known here", "OpenAPI"),
    ],
)
def test_what_is_wrong_with_a_body_is_said_to_who_wrote_it(
    made: Any, content: str, content_type: str, detail: str, remedy: str
) -> None:
    reply = made().client().post(SEARCH, content=content.encode(), headers={"Content-Type": content_type})
    assert reply.status_code == 422
    assert detail in reply.json()["detail"]
    assert remedy in reply.json()["remedy"]


# -- errors --------------------------------------------------------------------------------------------------


def test_an_unforeseen_error_says_nothing_of_the_request(
    made: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = made()
    words = "機密：薪酬 secret-words"

    def fails(*_: object, **__: object) -> None:
        raise ValueError(f"cannot use {words}") from KeyError(words)

    monkeypatch.setattr("qianxun.knowledge_base.KnowledgeBase.search", fails)
    with caplog.at_level(logging.DEBUG):
        reply = served.client().post(SEARCH, json={"query": words})
    found = problem(reply, 500, "QianxunError")
    assert words not in reply.text
    assert "ValueError" not in reply.text
    assert words not in caplog.text
    assert f"request {found['request_id']} failed: ValueError in fails" in caplog.text


def test_an_unforeseen_error_after_the_first_words_is_the_last_event(
    made: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = made()

    async def fails(*_: object, **__: object) -> AsyncIterator[Any]:
        from qianxun.answering.events import Text

        yield Text("年假")
        raise ValueError("機密")

    monkeypatch.setattr("qianxun.knowledge_base.KnowledgeBase.stream", fails)
    reply = served.client().post(ASK, json={"question": "年假？", "stream": True})
    first, last = reply.text.strip().split("\n\n")
    assert json.loads(first.removeprefix("data: ")) == {"event": "text", "text": "年假"}
    name, data = last.split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["status"] == 500
    assert "機密" not in reply.text + caplog.text


def test_what_fails_on_the_machine_is_told_to_administrators_only(
    made: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = made()

    def full(*_: object, **__: object) -> None:
        raise DiskFull("No room is left at {path} ({error}).", path="/srv/secret/knowledge.db", error="x")

    monkeypatch.setattr("qianxun.knowledge_base.KnowledgeBase.search", full)
    for client in (served.client(), served.client(labels=["hr"])):
        reply = client.post(SEARCH, json={"query": "年假"})
        problem(reply, 500, "DiskFull")
        assert "secret" not in reply.text
    assert "/srv/secret/knowledge.db" in caplog.text
    told = problem(served.client(admin=True).post(SEARCH, json={"query": "年假"}), 500, "DiskFull")
    assert "/srv/secret/knowledge.db" in told["detail"]


def test_what_a_model_failed_with_is_told_to_administrators_only(made: Any) -> None:
    served = made("reranker.url=http://127.0.0.1:1/inner", "reranker.model=r", "remote.retries=0")
    limited = served.client(labels=["public"]).post(SEARCH, json={"query": "年假"}).json()
    assert limited["degraded"] == ["reranker"]
    (told,) = served.client(admin=True).post(SEARCH, json={"query": "年假"}).json()["degraded"]
    assert told.startswith("reranker: ")


def test_a_change_that_cannot_be_told_is_no_success(made: Any) -> None:
    served = made()
    asked: list[int] = []

    async def cannot(ended: Ended) -> None:
        asked.append(ended.status)
        raise DiskFull("No room is left at {path} ({error}).", path="audit", error="x")

    served.service.before_reply.append(cannot)
    admin = served.client(admin=True)
    problem(admin.patch(f"{BASES}/default/documents/1", json={"add": ["hr"]}), 500, "DiskFull")
    assert asked == [200]
    assert admin.get(BASES).status_code == 200  # what changes nothing need not be told first


def test_a_listener_that_fails_is_nobodys_business(made: Any, caplog: pytest.LogCaptureFixture) -> None:
    served = made()
    heard: list[Ended] = []

    def fails(ended: Ended) -> None:
        raise RuntimeError(ended.facts.question)

    served.service.listeners += [fails, heard.append]
    assert served.client().post(SEARCH, json={"query": "機密年假"}).status_code == 200
    (ended,) = heard
    assert (ended.route, ended.method, ended.status, ended.caller.id) == (
        "/api/v1/bases/{base}/search",
        "POST",
        200,
        "public",
    )
    assert ended.facts.question == "機密年假"
    assert "機密" not in caplog.text


# -- over a socket -------------------------------------------------------------------------------------------


def connected(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def reply_to(url: str, request: bytes) -> bytes:
    """All that a server says to these bytes until it closes."""
    with connected(url) as connection:
        connection.sendall(request)
        found = b""
        while piece := connection.recv(65536):
            found += piece
        return found


class Slow:
    """A model that says a word, then nothing until it is let."""

    name, context_tokens = "slow", 6000
    began = threading.Event()
    go_on = threading.Event()
    stopped = threading.Event()
    running = 0

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    async def stream(
        self, messages: Sequence[Message], *, schema: Any = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """Five days, in the end."""
        Slow.running += 1
        try:
            yield Delta("工作满一年的员工每年有五天带薪年假[1]。年假是带薪的[1]。员工")
            Slow.began.set()
            while not Slow.go_on.is_set():
                await asyncio.sleep(0.005)
            yield Delta("每年有五天年假[1]。")
            yield Delta(finish_reason="stop", usage=(100, 10))
        finally:
            Slow.running -= 1
            Slow.stopped.set()

    def count_tokens(self, text: str) -> int:
        """As many as there are characters."""
        return len(text)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> type[Slow]:
    monkeypatch.setitem(assemble.BUILT_IN["generators"], "slow", f"{__name__}:Slow")  # type: ignore[arg-type]
    for event in (Slow.began, Slow.go_on, Slow.stopped):
        event.clear()
    return Slow


def until(true: Any) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


@pytest.mark.parametrize("stream", [True, False])
def test_who_goes_stops_the_model_and_leaves_the_place(made: Any, slow: type[Slow], stream: bool) -> None:
    served = made("generator.name=slow", "service.streams=1")
    heard: list[Ended] = []
    served.service.listeners.append(heard.append)
    with running(served.app) as url:
        body = json.dumps({"question": "年假有几天？", "stream": stream}).encode()
        head = f"POST {ASK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with connected(url) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert slow.began.wait(20)
            full = httpx.post(f"{url}{ASK}", json={"question": "年假有几天？", "stream": stream})
            problem(full, 503, "Overloaded")
            assert int(full.headers["retry-after"]) >= 1
        assert slow.stopped.wait(20)
        until(lambda: served.service.streams.n_taken == 0 and len(heard) == 2)
        assert slow.running == 0
        slow.go_on.set()
        reply = httpx.post(f"{url}{ASK}", json={"question": "年假有几天？", "stream": stream}, timeout=20)
        assert "五天带薪年假" in reply.text
    gone = heard[1]
    assert gone.status == (200 if stream else 499)
    # Who hangs up before the end has used the model all the same.
    assert gone.facts.prompt_tokens > 0
    assert gone.facts.completion_tokens > 0
    assert gone.facts.detail == {"estimated": True}
    assert heard[-1].facts.detail == {}
    assert (heard[-1].facts.prompt_tokens, heard[-1].facts.completion_tokens) == (100, 10)


def test_an_answer_in_a_conversation_goes_on_keeps_its_place_and_is_counted(made: Any, slow: type[Slow]) -> None:
    served = made("generator.name=slow", "service.streams=1", "conversation.history_tokens=0")
    heard: list[Ended] = []
    key = {"Authorization": f"Bearer {served.key(labels=['public'])}"}
    with running(served.app) as url:
        talks = f"{url}{BASES}/default/conversations"
        token = httpx.post(talks, json={}, headers=key).json()["token"]
        served.service.listeners.append(heard.append)
        asking = f"{talks}/{token}/ask"
        with httpx.stream("POST", asking, json={"question": "年假有几天？", "stream": True}, headers=key) as reply:
            next(reply.iter_lines())
            assert slow.began.wait(20)
        for _ in range(3):  # going and coming again does not make room for more
            problem(httpx.post(asking, json={"question": "年假有几天？"}, headers=key), 503, "Overloaded")
        assert slow.running == 1
        slow.go_on.set()
        until(lambda: served.service.streams.n_taken == 0 and sum(one.route.endswith("/ask") for one in heard) == 4)
        talk = httpx.get(f"{talks}/{token}", headers=key).json()
    assert "五天带薪年假" in talk["turns"][0]["answer"]["answer"]
    answered = [one for one in heard if one.facts.completion_tokens]
    assert [(one.route, one.facts.prompt_tokens, one.facts.completion_tokens) for one in answered] == [
        ("/api/v1/bases/{base}/conversations/{token}/ask", 100, 10)
    ]


def test_who_goes_while_waiting_for_a_turn_leaves_the_queue(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served = made("service.search_threads=1")
    begun, go_on = threading.Event(), threading.Event()
    asked: list[str] = []
    from qianxun.knowledge_base import KnowledgeBase

    search = KnowledgeBase.search

    def slowly(self: KnowledgeBase, query: str, **how: Any) -> Any:
        asked.append(query)
        begun.set()
        assert go_on.wait(20)
        return search(self, query, **how)

    with running(served.app) as url:
        until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        monkeypatch.setattr(KnowledgeBase, "search", slowly)
        lane = served.service.lanes["search"]
        first = threading.Thread(target=lambda: httpx.post(f"{url}{SEARCH}", json={"query": "一"}, timeout=20))
        first.start()
        assert begun.wait(20)
        body = json.dumps({"query": "二"}).encode()
        with connected(url) as connection:
            head = f"POST {SEARCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            until(lambda: lane.n_waiting == 1)
        until(lambda: lane.n_waiting == 0)
        go_on.set()
        first.join(20)
        assert httpx.post(f"{url}{SEARCH}", json={"query": "三"}, timeout=20).status_code == 200
    assert asked == ["一", "三"]


def test_a_body_that_never_ends_is_cut_off(made: Any) -> None:
    served = made("service.max_body_mb=0.01")
    head = f"POST {SEARCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
    with running(served.app) as url:
        found = reply_to(url, f"{head}\r\n\r\n".encode() + b"3e8\r\n" + b"x" * 1000 + b"\r\n" + b"3e8\r\n" + b"x" * 1000
                         + b"\r\n" + b"ffff\r\n" + b"x" * 10_000)  # fmt: skip
    assert found.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in found.lower()


def test_a_body_that_does_not_come_is_not_waited_for(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "SILENT_SECONDS", 0.2)
    served = made()
    head = f"POST {SEARCH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    with running(served.app) as url:
        found = reply_to(url, head.encode() + b'{"query": ')
    assert found.startswith(b"HTTP/1.1 408 ")


def test_who_takes_no_more_of_an_answer_has_gone(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "SILENT_SECONDS", 0.2)
    served = made()
    gone = threading.Event()

    async def endless(*_: object, **__: object) -> AsyncIterator[Any]:
        from qianxun.answering.events import Text

        try:
            while True:
                yield Text("年假" * 10_000)
        finally:
            gone.set()

    monkeypatch.setattr("qianxun.knowledge_base.KnowledgeBase.stream", endless)
    body = json.dumps({"question": "年假？", "stream": True}).encode()
    head = f"POST {ASK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with running(served.app) as url, connected(url) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert gone.wait(20)
        until(lambda: served.service.streams.n_taken == 0)


def test_many_and_large_headers_do_no_harm(made: Any) -> None:
    served = made()
    lines = "".join(f"X-Filler-{n}: {'x' * 1000}\r\n" for n in range(200))
    with running(served.app) as url:
        request = f"GET {BASES} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n"
        assert reply_to(url, request.encode())[:9] == b"HTTP/1.1 "
        for broken in (
            b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        ):
            assert reply_to(url, broken).startswith(b"HTTP/1.1 400 ")
        assert httpx.get(f"{url}{BASES}").status_code == 200
