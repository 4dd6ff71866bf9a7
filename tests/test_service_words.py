"""Whatever characters a request holds: it is served or refused, and nothing fails."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from service_fixtures import Served
from starlette.testclient import TestClient

from qianxun import TextItem

BASE = "/api/v1/bases/default"
BAD = ("a\ud83d年", "\udc00", "年\x00a", "\ufffe\uffff", "差旅" * 15_000, "\u202e假年", "年\U0010ffff", "　 \u200b")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, int, int, str]]:
    served = Served(tmp_path_factory.mktemp("home"), ["feedback.keep_questions=true", "audit.questions=text"])
    with served.base() as kb:
        kb.add_texts([TextItem("差旅.md", "差旅", "差旅住宿限额是 650 元。")])
        (document,) = kb.documents()
        (chunk,) = kb.chunks(document.id)
    client = served.client(admin=True)
    token = client.post(f"{BASE}/conversations", json={}).json()["token"]
    yield client, document.id, chunk.chunk, token
    served.close()


def bodies(bad: str, document: int, chunk: int, token: str) -> Iterator[tuple[str, str, Any]]:
    """A request for every text that one may hold."""
    talk, ask = f"{BASE}/conversations/{token}", {"question": "差旅"}
    for more in ({"query": bad}, {"query": "差旅", "turns": [bad]}, {"query": "差旅", "filter": bad}):
        yield "POST", f"{BASE}/search", more
    for condition in (f'label = "{bad}"', f'source ~ "{bad}"', f'title ^= "{bad}"', f'modified < "{bad}"'):
        yield "POST", f"{BASE}/search", {"query": "差旅", "filter": condition}
    for path in (f"{BASE}/ask", f"{talk}/ask"):
        for stream in (False, True):
            yield "POST", path, {"question": bad, "stream": stream}
        yield "POST", path, ask | {"persona": bad}
        yield "POST", path, ask | {"attachments": [bad]}
        yield "POST", path, ask | {"options": {"instructions": bad}}
        yield "POST", path, ask | {"options": {"unsupported": bad}}
    yield "POST", f"{BASE}/conversations", {"title": bad}
    yield "POST", f"{BASE}/conversations", {"profile": bad}
    yield "PATCH", talk, {"title": bad}
    yield "PATCH", talk, {"settings": {bad: bad}}
    yield "POST", f"{BASE}/conversations", {"settings": {"filter": bad}}
    yield "POST", f"{BASE}/feedback", {"kind": "up", "question": bad, "chunks": [chunk]}
    yield "PATCH", f"{BASE}/documents/{document}", {"add": [bad]}
    yield "PATCH", f"{BASE}/documents/{document}", {"remove": [bad]}
    yield "POST", "/api/v1/bases", {"name": bad}
    yield "POST", f"{BASE}/documents", {"addresses": [f"https://e.example/{bad}"]}
    yield "POST", f"{BASE}/documents", {"addresses": ["https://e.example/"], "labels": [bad]}
    yield "POST", f"{BASE}/evaluations", {"questions": [{"question": bad, "answers": [bad]}]}
    yield "POST", f"{BASE}/evaluations", {"set": bad}
    yield "POST", f"{BASE}/extract", {"schema": {"type": "object", "properties": {bad: {"type": "string"}}}}
    yield "POST", f"{BASE}/maintenance", {"job": bad}
    yield "POST", "/v1/chat/completions", {"model": "default", "messages": [{"role": "user", "content": bad}]}
    yield "POST", "/v1/chat/completions", {"model": bad, "messages": [{"role": "user", "content": "差旅"}]}
    yield "POST", "/v1/responses", {"model": "default", "input": bad}
    yield "POST", "/v1/embeddings", {"model": "embed:hash", "input": bad}
    yield "POST", "/rerank", {"query": bad, "documents": [bad]}
    yield "POST", "/rerank", {"query": bad, "texts": [bad]}
    yield "POST", "/score", {"text_1": bad, "text_2": [bad]}
    call = {"jsonrpc": "2.0", "method": "tools/call"}
    yield "POST", "/mcp", call | {"id": 1, "params": {"name": "search", "arguments": {"question": bad}}}
    yield "POST", "/mcp", call | {"id": bad, "params": {"name": "list_documents", "arguments": {"filter": bad}}}
    yield "POST", "/mcp", call | {"id": 1, "params": {"name": bad, "arguments": {}}}


@pytest.mark.parametrize("bad", BAD, ids=ascii)
def test_no_text_of_a_request_is_too_much(world: tuple[TestClient, int, int, str], bad: str) -> None:
    client, *ids = world
    for method, path, body in bodies(bad, *ids):
        reply = client.request(method, path, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert reply.status_code < 500, (path, body)
        assert "nobody foresaw" not in reply.text, (path, body)


@pytest.mark.parametrize("bad", BAD, ids=ascii)
def test_no_name_of_an_upload_is_too_much(world: tuple[TestClient, int, int, str], bad: str) -> None:
    client, raw = world[0], bad.encode("utf-8", "surrogatepass")
    for field in (b"labels", b"folder", b"modified", b"retry", raw):
        body = b'--X\r\nContent-Disposition: form-data; name="' + field + b'"\r\n\r\n' + raw + b"\r\n"
        body += (
            b'--X\r\nContent-Disposition: form-data; name="files"; filename="' + raw + b'.txt"\r\n\r\nabc\r\n--X--\r\n'
        )
        reply = client.post(
            f"{BASE}/documents", content=body, headers={"Content-Type": "multipart/form-data; boundary=X"}
        )
        assert reply.status_code < 500, field


@pytest.mark.parametrize("bad", ["a%ED%A0%BD", "%00", "%F0%9F", "%FF", "%E5%B9"])
def test_no_part_of_an_address_is_too_much(world: tuple[TestClient, int, int, str], bad: str) -> None:
    for path in (
        f"{BASE}/documents?filter=source%20~%20%22{bad}%22",
        f"/api/v1/bases/{bad}",
        f"/api/v1/bases/{bad}/documents",
        f"/api/v1/jobs/{bad}",
        f"/v1/models/{bad}",
        f"{BASE}/conversations/{bad}",
    ):
        assert 400 <= world[0].get(path).status_code < 500 or "filter" in path, path


@pytest.mark.parametrize("depth", [50, 500, 5000, 100_000])
def test_a_schema_may_be_as_deep_as_it_likes(world: tuple[TestClient, int, int, str], depth: int) -> None:
    schema = '{"type":"object","properties":{"年":' * depth + '{"type":"string"}' + "}}" * depth
    reply = world[0].post(
        f"{BASE}/extract", content=f'{{"schema":{schema}}}'.encode(), headers={"Content-Type": "application/json"}
    )
    assert reply.status_code in ((202, 400, 422) if depth == 50 else (400, 422))
