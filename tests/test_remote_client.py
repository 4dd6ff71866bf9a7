"""JSON over HTTP to a model server: every fault is one typed error, one clear line, and nothing is tried in vain."""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate

import pytest
from model_server import Fault, ModelServer

from qianxun.errors import (
    BadModelReply,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    SettingsError,
)
from qianxun.messages import set_language
from qianxun.models.remote.address import place_of
from qianxun.models.remote.client import Client
from qianxun.models.remote.refusals import is_too_many, is_too_much
from qianxun.settings import EncoderSettings, RemoteSettings

KEY = "sk-secret-0123456789"
PAGE = b"<!DOCTYPE html><html><head><style>p {color: red}</style></head><body><p>Please log in</p></body></html>"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(server: ModelServer, waits: list[float]) -> Iterator[Client]:
    made = client_of(server.url, waits)
    yield made
    made.close()


def client_of(url: str, waits: list[float], *, remote: RemoteSettings | None = None, key_env: str = "") -> Client:
    async def pause(seconds: float) -> None:
        waits.append(seconds)

    section = EncoderSettings(model="Qwen/Qwen3-Embedding-0.6B", url=url, api_key_env=key_env)
    return Client("encoder", section, remote or RemoteSettings(retries=3), wait=waits.append, pause=pause)


def models(client: Client) -> object:
    return client.get(f"{client.place.address}/models")


def test_a_passing_refusal_is_tried_again_ever_longer_apart(
    server: ModelServer, client: Client, waits: list[float]
) -> None:
    server.fail(Fault(500), Fault(503), Fault(429))
    assert models(client)["data"][0]["id"] == "Qwen3-Embedding-0.6B"  # type: ignore[index]
    assert len(server.requests) == 4
    assert [0.25 <= waits[0] <= 0.5, 0.5 <= waits[1] <= 1.0, 1.0 <= waits[2] <= 2.0] == [True] * 3


@pytest.mark.parametrize(
    "status, kind, words",
    [
        (429, ModelBusy, "is overloaded or out of quota (HTTP 429: slow down); tried 4 times"),
        (503, ModelBusy, "is overloaded or out of quota (HTTP 503: slow down); tried 4 times"),
        (500, BadModelReply, "failed (HTTP 500: slow down); tried 4 times"),
        (502, ModelUnavailable, "stands before a model server that does not answer (HTTP 502: slow down)"),
        (504, ModelUnavailable, "stands before a model server that does not answer (HTTP 504: slow down)"),
    ],
)
def test_a_refusal_that_does_not_pass_says_how_often_it_was_tried(
    server: ModelServer, client: Client, status: int, kind: type[ModelError], words: str
) -> None:
    server.fail(*[Fault(status, b'{"error": {"message": "slow down"}}')] * 4)
    with pytest.raises(kind) as caught:
        models(client)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{server.url}/v1/models ")
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 501])
def test_other_refusals_are_final(server: ModelServer, client: Client, waits: list[float], status: int) -> None:
    server.fail(Fault(status, b'{"error": "no"}'))
    with pytest.raises(ModelRefused):
        models(client)
    assert (len(server.requests), waits) == (1, [])


def test_the_wait_that_the_server_asks_for_is_kept_up_to_the_limit(
    server: ModelServer, client: Client, waits: list[float]
) -> None:
    later = formatdate(time.time() + 3600, usegmt=True)
    before = formatdate(time.time() - 3600, usegmt=True)
    for value in ("7", "0.5", "3600", later, before, "soon"):
        server.fail(Fault(429, headers={"Retry-After": value}))
        models(client)
    assert waits[:5] == [7.0, 0.5, 60.0, 60.0, 0.0]
    assert 0.25 <= waits[5] <= 0.5  # not understood: our own wait


@pytest.mark.parametrize(
    "status, said, much, many",
    [
        (400, "This model's maximum context length is 8192 tokens.", True, False),  # vLLM, OpenAI
        (400, "max_tokens=100000 cannot be greater than max_model_len=4096", True, False),  # vLLM
        (413, "`inputs` must have less than 512 tokens. Given: 600", True, False),  # TEI
        (413, "batch size 33 > maximum allowed batch size 32", True, True),  # TEI
        (413, "Request Entity Too Large", True, False),  # a proxy
        (500, "input (992 tokens) is too large to process. increase the physical batch size", True, False),  # llama.cpp
        (400, "the input length exceeds the context length", True, False),  # Ollama
        (400, "The input (600 tokens) is longer than the model's context length (512 tokens).", True, False),  # SGLang
        (400, "Range of input length should be [1, 8192]", True, False),  # DashScope
        (400, "batch size is invalid, it should not be larger than 10.: input.contents", True, True),  # DashScope
        (400, "Arrearage: your account exceeded its limit", False, False),
        (400, "response_format: json_schema is not supported", False, False),
        (401, "input too long", False, False),
        (503, "waited too long in the queue", False, False),
    ],
)
def test_what_is_too_much_is_known_by_the_words_of_each_server(
    status: int, said: str, much: bool, many: bool, server: ModelServer, client: Client
) -> None:
    server.fail(*[Fault(status, json.dumps({"error": {"message": said}}).encode())] * 4)
    with pytest.raises(ModelError) as caught:
        models(client)
    assert (is_too_much(caught.value), is_too_many(caught.value)) == (much, many)
    assert len(server.requests) == (4 if status == 503 else 1)


def test_no_tries_are_made_where_none_are_wanted(server: ModelServer, waits: list[float]) -> None:
    server.fail(Fault(503))
    client = client_of(server.url, waits, remote=RemoteSettings(retries=0))
    with pytest.raises(ModelBusy, match="tried 1 times"):
        models(client)
    client.close()
    assert waits == []


def test_a_server_that_is_down_is_tried_again_and_then_named(waits: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: nothing else can take the port
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        client = client_of(url, waits)
        with pytest.raises(ModelUnavailable) as caught:
            models(client)
    client.close()
    assert str(caught.value).startswith(f"{url}/models cannot be reached: ")
    assert "Connection refused. Start the model server" in str(caught.value)
    assert len(waits) == 3


def test_a_server_that_hangs_up_without_a_word_is_tried_again(
    server: ModelServer, client: Client, waits: list[float]
) -> None:
    server.fail(Fault(how="hang up"), Fault(how="hang up"))
    models(client)
    assert len(waits) == 2
    server.fail(*[Fault(how="hang up")] * 4)
    with pytest.raises(ModelUnavailable, match="cannot be reached: Server disconnected without sending a response"):
        models(client)


def test_a_server_without_tls_is_not_tried_again_with_it(server: ModelServer, waits: list[float]) -> None:
    client = client_of(server.url.replace("http://", "https://"), waits)
    with pytest.raises(
        ModelUnavailable, match=r"cannot be reached securely: .*SSL.* Write http:// if the server has no"
    ):
        models(client)
    client.close()
    assert waits == []


def test_a_silent_server_is_not_waited_for_twice(server: ModelServer, waits: list[float]) -> None:
    server.fail(Fault(how="silence"))
    client = client_of(server.url, waits, remote=RemoteSettings(read_seconds=0.2))
    with pytest.raises(ModelTimeout) as caught:
        models(client)
    client.close()
    assert str(caught.value).startswith(f"{server.url}/v1/models was silent for 0.2 s. Set remote.read_seconds higher")
    assert (len(server.requests), waits) == (1, [])


def test_an_answer_that_breaks_off_is_not_tried_again(server: ModelServer, client: Client, waits: list[float]) -> None:
    server.fail(Fault(body=b'{"data": [', how="break off"))
    with pytest.raises(BadModelReply, match="closed the connection in the middle of its answer"):
        models(client)
    assert (len(server.requests), waits) == (1, [])


@pytest.mark.parametrize(
    "body, media, words",
    [
        (PAGE, "text/html; charset=utf-8", 'answered with a web page instead of JSON: "Please log in".'),
        (PAGE, "application/json", 'answered with a web page instead of JSON: "Please log in".'),
        (b"OK", "text/plain", 'answered something that is not JSON: "OK".'),
        (b"\xff\xfe", "application/json", "answered something that is not JSON"),
        (b"", "application/json", "answered something that is not JSON"),
    ],
)
def test_what_is_not_json_is_shown_on_one_line(
    server: ModelServer, client: Client, body: bytes, media: str, words: str
) -> None:
    server.fail(Fault(body=body, media=media))
    with pytest.raises(BadModelReply) as caught:
        models(client)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body, said",
    [
        (b'{"error": {"message": "no such thing", "code": 400}}', "no such thing"),
        (b'{"object": "error", "message": "no such thing"}', "no such thing"),
        (b'{"error": "no such thing"}', "no such thing"),
        (b'{"detail": [{"loc": ["body"], "msg": "field required", "input": "private"}]}', "field required"),
        (b'{"code": "InvalidParameter", "message": "\xe5\x8f\x82\xe6\x95\xb0\xe9\x94\x99\xe8\xaf\xaf"}', "参数错误"),
        (b"<html><h1>400</h1>\n<p>Bad\nRequest</p></html>", "400 Bad Request"),
        (b"x" * 1000, "x" * 199 + "…"),
        (b"", "–"),
    ],
)
def test_what_the_server_said_is_quoted_briefly(server: ModelServer, client: Client, body: bytes, said: str) -> None:
    server.fail(Fault(400, body))
    with pytest.raises(ModelRefused) as caught:
        models(client)
    assert f"refuses the request (HTTP 400: {said})." in str(caught.value)
    assert "private" not in str(caught.value)


def test_a_redirection_is_named_and_not_followed(server: ModelServer, client: Client) -> None:
    server.fail(Fault(307, headers={"Location": "https://elsewhere.example/v1/models?token=abc"}))
    with pytest.raises(ModelRefused) as caught:
        models(client)
    assert "it points to https://elsewhere.example/v1/models (HTTP 307" in str(caught.value)
    assert len(server.requests) == 1


def test_a_path_that_is_not_there_is_no_unknown_model(server: ModelServer, client: Client) -> None:
    with pytest.raises(ModelRefused) as caught:
        client.post(f"{server.url}/v3/embeddings", {})
    assert f"{server.url}/v3/embeddings does not exist on that server (HTTP 404: Not Found)" in str(caught.value)


def test_the_key_is_shown_to_the_server_alone(
    server: ModelServer, waits: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ENCODER_KEY", f" {KEY}\n")  # as `export KEY=$(cat file)` may leave it
    server.key = KEY
    client = client_of(server.url, waits, key_env="ENCODER_KEY")
    models(client)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    server.key = "sk-another"
    for status in (400, 401, 500):
        server.fail(*[Fault(status, f"Incorrect API key: {KEY}".encode())] * 4)
        with pytest.raises(ModelError) as caught:
            models(client)
        server.faults.clear()
        error = caught.value
        assert KEY not in str(error) + repr(error) + error.in_words() + repr(error.__cause__)
        assert "Incorrect API key: …" in str(error)
    server.fail(Fault(body=f"<html>{KEY}</html>".encode()))
    with pytest.raises(BadModelReply) as caught:
        models(client)
    assert KEY not in str(caught.value)
    assert KEY not in repr(client) + repr(client.place) + repr(vars(client)) + caplog.text
    client.close()


def test_a_wrong_key_names_the_variable(
    server: ModelServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCODER_KEY", KEY)
    server.key = "sk-another"
    client = client_of(server.url, waits, key_env="ENCODER_KEY")
    with pytest.raises(ModelRefused) as caught:
        models(client)
    client.close()
    assert "refuses the key from the environment variable ENCODER_KEY (HTTP 401: Incorrect API key provided" in str(
        caught.value
    )
    assert len(server.requests) == 1


def test_a_missing_key_says_where_to_put_it(server: ModelServer, client: Client) -> None:
    server.key = KEY
    with pytest.raises(ModelRefused) as caught:
        models(client)
    assert "wants a key (HTTP 401" in str(caught.value)
    assert "encoder.api_key_env" in str(caught.value)


def test_a_key_that_is_not_set_is_a_matter_of_settings(
    server: ModelServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(server.url, waits, key_env="ENCODER_KEY")
    monkeypatch.delenv("ENCODER_KEY", raising=False)
    with pytest.raises(SettingsError, match="ENCODER_KEY, which is not set"):
        models(client)
    monkeypatch.setenv("ENCODER_KEY", "sk 密钥")
    with pytest.raises(SettingsError, match="spaces, line breaks or characters beyond ASCII") as caught:
        models(client)
    assert "密钥" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    "url, address, root",
    [
        ("http://127.0.0.1:8101", "http://127.0.0.1:8101/v1", "http://127.0.0.1:8101"),
        ("http://127.0.0.1:8101/", "http://127.0.0.1:8101/v1", "http://127.0.0.1:8101"),
        ("http://127.0.0.1:8101/v1", "http://127.0.0.1:8101/v1", "http://127.0.0.1:8101"),
        ("http://127.0.0.1:8101/v1/embeddings", "http://127.0.0.1:8101/v1", "http://127.0.0.1:8101"),
        ("https://gate.example/emb/v1/", "https://gate.example/emb/v1", "https://gate.example/emb"),
        ("http://[::1]:8101/v2", "http://[::1]:8101/v2", "http://[::1]:8101"),
    ],
)
def test_an_address_may_be_written_in_the_ways_people_write_it(url: str, address: str, root: str) -> None:
    place = place_of("encoder", EncoderSettings(url=url))
    assert (place.address, place.root) == (address, root)


@pytest.mark.parametrize("url", ["http://", "ftp://host/v1", "http://host:port/v1", "127.0.0.1:8101", "http:///v1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"encoder\.url is not the address of a server"):
        place_of("encoder", EncoderSettings(url=url))


@pytest.mark.parametrize("url", ["http://me:sk-abc@host/v1", "http://host/v1?key=sk-abc", "http://host/v1#sk-abc"])
def test_an_address_holds_no_secret(url: str) -> None:
    with pytest.raises(SettingsError, match="addresses are shown in messages and logs") as caught:
        place_of("encoder", EncoderSettings(url=url))
    assert "sk-abc" not in str(caught.value)


def test_this_machine_is_never_reached_through_a_proxy(
    server: ModelServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    models(client)
    assert len(server.requests) == 1


def test_other_machines_are_reached_through_the_proxy_of_the_environment(
    server: ModelServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    client = client_of("http://models.example/v1", waits)
    assert models(client)["object"] == "list"  # type: ignore[index]
    client.close()
    assert server.requests[0].headers["host"] == "models.example"
    monkeypatch.setenv("no_proxy", "models.example")
    assert client.place.proxy() is None
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", "socks5://user:secret@127.0.0.1:1")
    with pytest.raises(SettingsError, match="through a socks5 proxy") as caught:
        models(client)
    assert "secret" not in str(caught.value)
    assert "models.example into NO_PROXY" in str(caught.value)


def test_requests_run_side_by_side_but_no_more_than_allowed(server: ModelServer, waits: list[float]) -> None:
    import threading

    remote = RemoteSettings(concurrency=3)
    client = client_of(server.url, waits, remote=remote)
    server.together = threading.Barrier(3)  # lets requests pass by threes: fewer at a time would wait in vain
    found = client.each(lambda _: models(client), range(9))
    client.close()
    assert len(found) == 9
    assert server.most_at_a_time == 3


def test_a_failure_among_many_is_raised(server: ModelServer, client: Client) -> None:
    def fail(number: int) -> int:
        if number == 2:
            raise ModelRefused("{n} fails.", n=number)
        return number

    assert client.each(lambda number: number * 2, [3, 1, 2]) == [6, 2, 4]
    with pytest.raises(ModelRefused, match="2 fails"):
        client.each(fail, range(5))


def test_half_a_character_does_not_stop_a_request(server: ModelServer, client: Client) -> None:
    client.post(f"{server.url}/tokenize", {"prompt": "坏\ud800", "add_special_tokens": False})
    assert server.asked("/tokenize")[0]["prompt"] == "坏?"


def test_errors_speak_chinese(server: ModelServer, client: Client) -> None:
    server.fail(Fault(400, b'{"error": "no"}'))
    with pytest.raises(ModelRefused) as caught:
        models(client)
    set_language("zh")
    assert caught.value.in_words() == (
        f"{server.url}/v1/models 拒绝了请求（HTTP 400: no）。请检查 [encoder] 的设置；服务器的日志里可能有更多信息。"
    )


def stream(client: Client, then: Callable[[list[bytes]], None] = lambda _: None) -> list[bytes]:
    async def read() -> list[bytes]:
        found = []
        body = {"model": "Qwen3-Embedding-0.6B", "messages": [{"content": "x"}], "max_tokens": 1}
        async with client.stream(f"{client.place.address}/chat/completions", body) as lines:
            async for line in lines:
                found.append(line)
                then(found)
        return found

    return asyncio.run(read())


def test_a_stream_is_tried_again_only_before_it_begins(server: ModelServer, client: Client, waits: list[float]) -> None:
    server.chat = [b"one\n", "二\u2028\u0085\n".encode(), b"thr", b"ee\r\n", b"four"]
    server.fail(Fault(503), Fault(how="hang up"), Fault(429, headers={"Retry-After": "3"}))
    assert stream(client) == [b"one", "二\u2028\u0085".encode(), b"three", b"four"]
    assert len(waits) == 3
    assert waits[2] == 3.0
    server.requests.clear()
    server.breaks_off = True
    with pytest.raises(BadModelReply, match="closed the connection in the middle of its answer"):
        stream(client)
    assert len(server.requests) == 1


def test_a_stream_that_does_not_begin_fails_like_any_request(
    server: ModelServer, client: Client, waits: list[float]
) -> None:
    server.fail(Fault(body=PAGE, media="text/html"))
    with pytest.raises(BadModelReply, match=r"web page instead of JSON: .Please log in"):
        stream(client)
    server.fail(Fault(401, b'{"error": "no"}'))
    with pytest.raises(ModelRefused, match="wants a key"):
        stream(client)
    server.fail(*[Fault(503)] * 4)
    with pytest.raises(ModelBusy, match="tried 4 times"):
        stream(client)
    slow = client_of(server.url, waits, remote=replace(RemoteSettings(), read_seconds=0.2))
    server.fail(Fault(how="silence"))
    with pytest.raises(ModelTimeout):
        stream(slow)
