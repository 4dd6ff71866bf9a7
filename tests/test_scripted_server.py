"""The scripted server that is shipped for tests: what goes over the wire is what the script says."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.errors import InputError
from qianxun.messages import set_language
from qianxun.testing import Reply, Request, ScriptedServer
from qianxun.testing.events import Chat
from qianxun.testing.reply import tokens_of

ANSWER = "年假为 5 天【1】。The limit is 3.5 days [2]. 😀"
ASKED: dict[str, Any] = {"model": "scripted", "messages": [{"role": "user", "content": "How many? 几天？"}]}
STREAMED = ASKED | {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer([]) as running:
        yield running


def connection(server: ScriptedServer) -> http.client.HTTPConnection:
    host, port = server.url.removeprefix("http://").removesuffix("/v1").split(":")
    return http.client.HTTPConnection(host, int(port), timeout=10)


def ask(server: ScriptedServer, body: Any, path: str = "/v1/chat/completions", **headers: str) -> tuple[int, bytes]:
    asking = connection(server)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    asking.request("POST", path, content, {"Content-Type": "application/json", **headers})
    answer = asking.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        asking.close()


def events(server: ScriptedServer, reply: Reply, **asked: Any) -> list[Any]:
    """What a whole stream says, event by event; comments as they are."""
    server.add(reply)
    status, content = ask(server, STREAMED | asked)
    assert status == 200
    found: list[Any] = []
    for block in content.decode().replace("\r\n", "\n").removesuffix("\n\n").split("\n\n"):
        said = block.removeprefix("data: ")
        found.append(said if said == "[DONE]" or block.startswith(":") else json.loads(said))
    return found


def deltas(found: list[Any]) -> list[str]:
    choices = [choice for event in found if isinstance(event, dict) for choice in event["choices"]]
    return [choice["delta"]["content"] for choice in choices if choice["delta"].get("content")]


# -- a chat as it should be -------------------------------------------------------------------------------------


def test_a_stream_has_what_a_client_expects(server: ScriptedServer) -> None:
    first, *texts, finish, usage, done = events(server, Reply(ANSWER))
    assert first["choices"] == [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
    assert first["object"] == "chat.completion.chunk"
    assert deltas(texts) == tokens_of(ANSWER)
    assert deltas(texts)[:6] == ["年", "假", "为", " 5", " 天", "【"]
    assert finish["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    # "How many? 几天？": How, many, ?, 几, 天, ？
    counted = {"prompt_tokens": 6, "completion_tokens": len(tokens_of(ANSWER))}
    assert usage["usage"] == counted | {"total_tokens": sum(counted.values())}
    assert (usage["choices"], done) == ([], "[DONE]")


def test_usage_comes_only_if_it_is_asked_for(server: ScriptedServer) -> None:
    assert "usage" not in json.dumps(events(server, Reply(ANSWER), stream_options=None))
    assert "usage" not in json.dumps(events(server, Reply(ANSWER, usage=False)))
    found = events(server, Reply(ANSWER, usage=(7, 8)), stream_options=None)
    assert found[-2]["usage"] == {"prompt_tokens": 7, "completion_tokens": 8, "total_tokens": 15}


def test_without_a_stream_the_answer_is_one_object(server: ScriptedServer) -> None:
    server.add(ANSWER)
    status, content = ask(server, ASKED)
    answer = json.loads(content)
    message = {"role": "assistant", "content": ANSWER}
    assert status == 200
    assert answer["choices"] == [{"index": 0, "message": message, "finish_reason": "stop"}]
    assert answer["usage"]["completion_tokens"] == len(tokens_of(ANSWER))


@pytest.mark.parametrize("stream", [True, False])
def test_limits_of_the_request_are_heeded(stream: bool, server: ScriptedServer) -> None:
    def said(reply: Reply, **asked: Any) -> tuple[str, str]:
        if stream:
            found = events(server, reply, **asked)
            [finish] = [c["finish_reason"] for e in found[:-1] for c in e["choices"] if c["finish_reason"]]
            return "".join(deltas(found)), finish
        server.add(reply)
        choice = json.loads(ask(server, ASKED | asked)[1])["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]

    assert said(Reply("一二 three。"), max_tokens=3) == ("一二 three", "length")
    assert said(Reply("一二 three。"), max_tokens=4) == ("一二 three。", "stop")
    assert said(Reply("一二 three。"), max_completion_tokens=1) == ("一", "length")
    assert said(Reply("一二 three。"), stop=["ee", "th"]) == ("一二 ", "stop")
    assert said(Reply("一二 three。"), stop="二", max_tokens=1) == ("一", "stop")
    assert said(Reply("一二 three。", heeds_limits=False), stop="二", max_tokens=1) == ("一二 three。", "stop")
    assert said(Reply(("一二", " three。")), max_tokens=1) == ("一", "length")
    assert said(Reply("一二", finish_reason="tool_calls")) == ("一二", "tool_calls")


def test_it_notes_when_it_wrote_the_first_delta(server: ScriptedServer) -> None:
    begun = time.time()
    events(server, Reply("好的", delta_chars=1, first_seconds=0.05, between_seconds=0.05))
    [request] = server.chats
    assert begun + 0.05 <= request.first_delta <= time.time() - 0.05
    ask(server, ASKED)  # refused: the script has nothing left
    assert server.chats[1].first_delta == 0.0


def test_models_are_listed(server: ScriptedServer) -> None:
    asking = connection(server)
    asking.request("GET", "/v1/models")
    assert [entry["id"] for entry in json.loads(asking.getresponse().read())["data"]] == ["scripted"]
    asking.close()
    with ScriptedServer(model="qwen", context_tokens=4096) as other:
        asking = connection(other)
        asking.request("GET", "/v1/models")
        [entry] = json.loads(asking.getresponse().read())["data"]
        assert (entry["id"], entry["max_model_len"]) == ("qwen", 4096)
        asking.close()


# -- pieces -----------------------------------------------------------------------------------------------------


def test_deltas_are_cut_by_size_by_chance_or_by_hand(server: ScriptedServer) -> None:
    assert deltas(events(server, Reply("年假为五天。", delta_chars=4))) == ["年假为五", "天。"]
    assert deltas(events(server, Reply("年假为五天。", delta_chars=(1, 2)))) == ["年", "假为", "五", "天。"]
    assert deltas(events(server, Reply(("年假", "", "为\ud83d", "\ude00")))) == ["年假", "为\ud83d", "\ude00"]
    by_chance = deltas(events(server, Reply(ANSWER, seed=1)))
    assert by_chance == deltas(events(server, Reply(ANSWER, seed=1)))
    assert by_chance != deltas(events(server, Reply(ANSWER, seed=2)))
    assert "".join(by_chance) == ANSWER


@settings(deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    delta_chars=st.none() | st.integers(1, 9) | st.lists(st.integers(1, 9), min_size=1).map(tuple),
    write_bytes=st.none() | st.integers(1, 50) | st.lists(st.integers(1, 50), min_size=1).map(tuple),
    seed=st.none() | st.integers(0, 99),
)
def test_however_it_is_cut_nothing_is_lost(text: str, delta_chars: Any, write_bytes: Any, seed: int | None) -> None:
    reply = Reply(text, delta_chars=delta_chars, write_bytes=write_bytes, seed=seed)
    assert "".join(reply.deltas(len(text))) == text
    assert "".join(tokens_of(text)) == text
    cut = reply.cutter()
    for step in Chat(reply, STREAMED, 1, "scripted").stream():
        assert not isinstance(step, str)
        assert b"".join(cut(step.data)) == step.data


def test_writes_cut_lines_and_characters(server: ScriptedServer) -> None:
    server.add(Reply("中文", write_bytes=2))
    asking = socket.create_connection(("127.0.0.1", int(server.url.split(":")[2].removesuffix("/v1"))), timeout=10)
    content = json.dumps(STREAMED).encode()
    asking.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))
    received = b""
    while not received.endswith(b"0\r\n\r\n"):
        received += asking.recv(65536)
    asking.close()
    left, pieces = received.partition(b"\r\n\r\n")[2], []
    while not left.startswith(b"0\r\n"):
        size, left = int(left.partition(b"\r\n")[0], 16), left.partition(b"\r\n")[2]
        pieces.append(left[:size])
        left = left[size + 2 :]
    assert [len(piece) for piece in pieces[:4]] == [2, 2, 2, 2]
    assert b"data: [DONE]" in b"".join(pieces)
    assert [piece for piece in pieces if b"\xe4" in piece and b"\xe4\xb8\xad" not in piece]  # 中 is E4 B8 AD


# -- oddities and faults ----------------------------------------------------------------------------------------


def test_what_is_odd_is_sent_as_scripted(server: ScriptedServer) -> None:
    found = events(server, Reply("好", role_deltas=3, comments=True, finish_reason=None, done=False))
    roles = [choice["delta"].get("role") for e in found if isinstance(e, dict) for choice in e["choices"]]
    assert roles == ["assistant", "assistant", "assistant", None]
    assert ": keep-alive" in found
    assert "[DONE]" not in found
    server.add(Reply("好", line_end="\r\n"))
    assert ask(server, STREAMED)[1].count(b"\r\n\r\n") == 5


def test_answers_of_http_are_what_the_script_says(server: ScriptedServer) -> None:
    server.add(
        Reply(status=503, headers={"Retry-After": "7"}),
        Reply(status=200, body="<html>请登录</html>", headers={"Content-Type": "text/html"}),
        Reply(status=418, body={"error": "茶壶"}),
    )
    asking = connection(server)
    asking.request("POST", "/v1/chat/completions", json.dumps(STREAMED))
    answer = asking.getresponse()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    assert json.loads(answer.read())["error"]["message"] == "scripted fault"
    asking.close()
    assert ask(server, STREAMED) == (200, "<html>请登录</html>".encode())
    assert ask(server, STREAMED) == (418, '{"error": "茶壶"}'.encode())


@pytest.mark.parametrize("after, n_deltas", [(0, 0), (2, 2), (99, 3), ("finish", 3)])
def test_it_hangs_up_where_the_script_says(after: Any, n_deltas: int, server: ScriptedServer) -> None:
    server.add(Reply("一二三", fault="hang up", after=after))
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(server, STREAMED)
    assert caught.value.partial.decode().count('"content": "') == n_deltas + 1
    assert (b'"stop"' in caught.value.partial) is (after == "finish")
    assert b"DONE" not in caught.value.partial
    [request] = server.chats
    assert request.wait()
    assert (request.n_deltas, request.went_away) == (n_deltas, False)  # it was not the client that went


@pytest.mark.parametrize("body", [STREAMED, ASKED])
def test_it_hangs_up_without_a_byte(body: Any, server: ScriptedServer) -> None:
    server.add(Reply("一二三", fault="hang up", after=None))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, body)


def test_without_a_stream_faults_are_in_the_body(server: ScriptedServer) -> None:
    for fault in ("hang up", "malformed", "error"):
        server.add(Reply("一二三", fault=fault))
        with pytest.raises(http.client.IncompleteRead):
            ask(server, ASKED)


def test_broken_events_stand_among_whole_ones(server: ScriptedServer) -> None:
    server.add(Reply("一二", fault="malformed", after=1))
    lines = [line for line in ask(server, STREAMED)[1].decode().split("\n") if line]
    assert [('"content": "一"' in line, '"content": "二"' in line) for line in lines[1:4]] == [
        (True, False),
        (False, False),
        (False, True),
    ]
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[2].removeprefix("data: "))
    server.add(Reply("一二", fault="error", after=1))
    with pytest.raises(http.client.IncompleteRead, match="bytes read") as caught:
        ask(server, STREAMED)
    assert b'data: {"error": {"message": "scripted fault"' in caught.value.partial


@pytest.mark.parametrize(
    "reply, body",
    [
        (Reply("永远。", fault="endless"), STREAMED),
        (Reply("", fault="endless"), STREAMED),
        (Reply("永远。", fault="endless"), ASKED),
        (Reply(status=500, body="x", fault="endless"), STREAMED),
        (Reply("一二三", fault="silence", after=2), STREAMED),
        (Reply("一二三", fault="silence", after=2, comments=True), STREAMED),
        (Reply("一二三", between_seconds=600), STREAMED),
        (Reply("一二三", first_seconds=600), ASKED),
        (Reply("一二三", fault="silence", after=None), STREAMED),
        (Reply("一二三", fault="silence"), ASKED),
    ],
)
def test_a_client_that_goes_is_noticed(reply: Reply, body: Any, server: ScriptedServer) -> None:
    server.add(reply)
    asking = connection(server)
    asking.request("POST", "/v1/chat/completions", json.dumps(body))
    if reply.after is not None and body is STREAMED:
        answer = asking.getresponse()
        while reply.after and "二".encode() not in answer.readline():
            """Reads on."""
    request = server.chat(1)
    assert not request.over.is_set()
    asking.close()
    assert request.wait()
    assert request.went_away
    if reply.after:
        assert request.n_deltas == 2


def test_it_stops_while_clients_still_wait() -> None:
    with ScriptedServer([Reply("一", fault="silence"), Reply("一", fault="endless")]) as server:
        waiting = [connection(server), connection(server)]
        for asking in waiting:
            asking.request("POST", "/v1/chat/completions", json.dumps(STREAMED))
            asking.getresponse().read(10)
    assert all(request.over.is_set() and not request.went_away for request in server.chats)
    for asking in waiting:
        asking.close()


# -- what was asked, and what is answered to whom ---------------------------------------------------------------


def test_requests_are_remembered(server: ScriptedServer) -> None:
    server.add("好")
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    ask(
        server,
        STREAMED | {"temperature": 0.5, "response_format": schema},
        Authorization="Bearer sk-测".encode().decode("latin-1"),
    )
    [request] = server.requests
    assert request.wait()
    assert (request.number, request.method, request.path) == (1, "POST", "/v1/chat/completions")
    assert request.body["response_format"] == schema
    assert request.body["messages"][0]["content"] == "How many? 几天？"
    assert request.headers["content-type"] == "application/json"
    assert (request.n_deltas, request.went_away) == (1, False)
    asking = connection(server)
    asking.request("GET", "/requests")  # for programs in other languages
    [told] = json.loads(asking.getresponse().read())
    asking.close()
    assert told == request.facts()
    assert (told["body"], told["over"]) == (request.body, True)


def test_a_script_may_be_a_function() -> None:
    def script(request: Request) -> Any:
        if request.number == 1:
            return Reply(status=400, body={"error": "no"})
        return {"text": request.body["messages"][-1]["content"], "delta_chars": 2}

    with ScriptedServer(script) as server:
        assert ask(server, STREAMED) == (400, b'{"error": "no"}')
        assert json.loads(ask(server, ASKED)[1])["choices"][0]["message"]["content"] == "How many? 几天？"


def test_without_a_script_it_says_back_what_it_hears() -> None:
    with ScriptedServer() as server:
        assert json.loads(ask(server, ASKED)[1])["choices"][0]["message"]["content"] == "How many? 几天？"


def test_an_error_in_the_script_fails_the_test_that_wrote_it() -> None:
    answers = []
    with pytest.raises(ZeroDivisionError), ScriptedServer(lambda request: str(1 // 0)) as server:
        answers.append(ask(server, ASKED))
    assert [(status, b"ZeroDivisionError" in content) for status, content in answers] == [(500, True)]
    with pytest.raises(InputError, match="no 'txt'"), ScriptedServer(lambda request: {"txt": "好"}) as server:
        ask(server, ASKED)


def test_replies_are_given_once_or_again_and_again(server: ScriptedServer) -> None:
    server.add("一", "二")
    assert server.n_left == 2
    ask(server, ASKED)
    assert server.n_left == 1
    ask(server, ASKED)
    status, content = ask(server, ASKED)
    assert (status, b"the script has no reply left" in content) == (400, True)
    with ScriptedServer(["一", "二"], repeats=True) as again:
        said = [json.loads(ask(again, ASKED)[1])["choices"][0]["message"]["content"] for _ in range(3)]
        assert said == ["一", "二", "一"]


@pytest.mark.parametrize(
    "body, words",
    [
        (b"{", "not a JSON object"),
        (b"[]", "not a JSON object"),
        ({"messages": []}, "messages must be"),
        ({"messages": ["hi"]}, "messages must be"),
        (ASKED | {"max_tokens": 0}, "max_tokens must be"),
        (ASKED | {"max_tokens": "9"}, "max_tokens must be"),
    ],
)
def test_what_is_no_request_is_refused(body: Any, words: str, server: ScriptedServer) -> None:
    server.add("好")
    status, content = ask(server, body)
    assert (status, words in content.decode()) == (400, True)
    assert server.n_left == 1


def test_other_paths_and_other_keys_are_refused(server: ScriptedServer) -> None:
    assert ask(server, ASKED, "/v1/embeddings")[0] == 404
    with ScriptedServer(["好"], key="sk-1") as locked:
        assert ask(locked, ASKED)[0] == 401
        assert ask(locked, ASKED, Authorization="Bearer sk-2")[0] == 401
        assert ask(locked, ASKED, Authorization="Bearer sk-1")[0] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": 3}, {"text": ["好", 1]}, {"delta_chars": 0}, {"delta_chars": []}, {"write_bytes": [1, 0]},
        {"fault": "fire"}, {"after": -1}, {"after": "end"}, {"status": 99}, {"between_seconds": -1}, {"seed": "x"},
        {"usage": [1]}, {"line_end": "\r"}, {"role_deltas": True}, {"headers": {"a": 1}}, {"finish_reason": 1},
        {"done": 1},
    ],
)  # fmt: skip
def test_what_is_no_reply_is_said_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"cannot have {next(iter(wrong))} = ") as caught:
        Reply.of(wrong)
    set_language("zh")
    assert caught.value.in_words().startswith("脚本中的回答不能有 ")
    with pytest.raises(InputError, match="is no scripted reply"):
        ScriptedServer([7])  # type: ignore[list-item]


# -- by hand ----------------------------------------------------------------------------------------------------


def test_it_runs_from_a_file_for_other_languages(tmp_path: Path) -> None:
    script = tmp_path / "脚本.json"
    script.write_text('["年假为五天[1]。", {"text": "一二三", "fault": "hang up", "after": 1}]', encoding="utf-8")
    command = [sys.executable, "-m", "qianxun.testing", "--script", str(script), "--key", "sk-1", "--model", "qwen"]
    # A coverage tool or a proxy of the person at the machine is none of its business.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            asking = http.client.HTTPConnection(url.removeprefix("http://").removesuffix("/v1"), timeout=10)
            asking.request("POST", "/v1/chat/completions", json.dumps(ASKED), {"Authorization": "Bearer sk-1"})
            answer = json.loads(asking.getresponse().read())
            asking.close()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert answer["choices"][0]["message"]["content"] == "年假为五天[1]。"
    assert answer["model"] == "qwen"


@pytest.mark.parametrize(
    "content, words",
    [
        ("{", "is not JSON"),
        ("[]", "holds no replies"),
        ('{"text": "好"}', "holds no replies"),
        ('[{"a": 1}]', "has no 'a'"),
    ],
)
def test_a_file_that_is_no_script_is_refused(
    content: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from qianxun.testing.__main__ import main

    script = tmp_path / "script.json"
    script.write_text(content, encoding="utf-8")
    assert main(["--script", str(script)]) == 2
    assert words in capsys.readouterr().err
    assert main(["--script", str(tmp_path / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1, port {port}"), ScriptedServer(port=port):
            pytest.fail("it listens")


def test_the_package_does_without_it() -> None:
    source = Path(__file__).parents[1] / "src" / "qianxun"
    users = [path for path in source.rglob("*.py") if "qianxun.testing" in path.read_text(encoding="utf-8")]
    assert {path.parent.name for path in users} == {"testing"}
