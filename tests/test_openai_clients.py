"""Clients made for OpenAI, unmodified, against a real server: the `openai` package and LangChain."""

import asyncio
import base64
import json
import queue
import re
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from service_fixtures import Served, running

from qianxun import TextItem
from qianxun.testing import Reply, ScriptedServer
from qianxun.testing.server import Request

LEAVE = "工作满一年的员工每年有五天带薪年假。未休的年假在次年三月三十一日之前有效。"
REMOTE = "Remote work needs the manager's approval. It is limited to 3 days per week."
OVERTIME = "加班須事先申請，經主管核准後方可報支加班費。"
SECRET = "The merger with Northwind closes on 14 May."
ZH = "工作满一年的员工每年有五天带薪年假[1]。未休的年假在次年三月三十一日之前有效[1]。"
EN = "Remote work is limited to 3 days per week [1]. It needs the manager's approval [1]."
TRADITIONAL = "加班須事先申請，經主管核准後方可報支加班費[1]。"
DOUBTFUL = "工作满一年的员工每年有五天带薪年假[1]。病假每年有四十天[1]。"


def said(request: Request) -> str | Reply:
    """What the model says, by the question."""
    asked = re.split(r"问题：|Question:", request.body["messages"][-1]["content"])[-1]
    for words, reply in (
        ("2 + 3", "5"),
        ("2+3", "5"),
        ("silent", Reply(EN, delta_chars=4, fault="silence", after=20)),
        ("hang up", Reply(EN * 4, delta_chars=4, fault="hang up", after=70)),
        ("crash", Reply(status=400, body={"error": {"message": "no", "code": 400}})),
        ("busy", Reply(status=503)),
        ("JSON", '{"days": 5}'),
        ("long", Reply(EN, finish_reason="length")),
        ("病假", DOUBTFUL),
        ("加班", TRADITIONAL),
        ("年假", ZH),
    ):
        if words in asked:
            return reply if isinstance(reply, Reply) else Reply(reply, delta_chars=5)
    return Reply(EN, delta_chars=5)


class World:
    """A service with two knowledge bases and a scripted model, and clients of it."""

    def __init__(self, served: Served, model: ScriptedServer, url: str) -> None:
        self.served = served
        self.model = model
        self.url = url
        self.key = served.key(actions=("ask", "models", "search"), bases=("staff",))
        self.clients: dict[str, openai.OpenAI] = {}

    def client(self, key: str = "") -> openai.OpenAI:
        key = key or self.key
        if key not in self.clients:
            self.clients[key] = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=20)
        return self.clients[key]

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return httpx.post(
            self.url + path, json=body, headers={"Authorization": f"Bearer {self.key}", **headers}, timeout=20
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ScriptedServer(said) as model:
        overrides = [
            f"generator.url={model.url}",
            "generator.model=Qwen/Qwen2.5-7B-Instruct",
            "remote.retries=0",
            "answer.hopeless=0",
            "answer.clarify=false",
        ]
        served = Served(tmp_path_factory.mktemp("home"), overrides)
        with served.base("staff") as kb:
            texts = [("leave", "年假", LEAVE), ("remote", "Remote work", REMOTE), ("overtime", "加班", OVERTIME)]
            kb.add_texts([TextItem(*one) for one in texts])
            (kb.directory / "kb.toml").write_text(
                (kb.directory / "kb.toml").read_text(encoding="utf-8")
                + '\n[personas.brief]\ninstructions = "Be brief."\n[personas.own]\ngrounding = "off"\n',
                encoding="utf-8",
            )
        with served.base("board") as kb:
            kb.add_texts([TextItem("merger", "Merger", SECRET)])
        with running(served.app) as url:
            found = World(served, model, url)
            yield found
            for client in found.clients.values():
                client.close()


def ask(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "staff", "messages": [{"role": "user", "content": question}], **more}


# -- models


def test_what_the_caller_may_use_is_listed(world: World) -> None:
    ids = [model.id for model in world.client().models.list()]
    generator = "generate:Qwen/Qwen2.5-7B-Instruct"
    assert ids == ["staff", "staff:brief", "staff:own", "embed:hash", "rerank:hash", generator]
    assert world.client().models.retrieve(generator).id == generator
    asks_only = world.client(world.served.key(actions=("ask",), bases=("staff", "board")))
    assert [model.id for model in asks_only.models.list()] == ["board", "staff", "staff:brief", "staff:own"]
    reads_only = world.client(world.served.key(actions=("read",), bases=("staff",)))
    assert list(reads_only.models.list()) == []


def test_what_the_caller_may_not_use_is_as_what_does_not_exist(world: World) -> None:
    def refusal(model: str) -> tuple[int, str]:
        with pytest.raises(openai.NotFoundError) as caught:
            world.client().chat.completions.create(**ask("When?") | {"model": model})
        assert caught.value.code == "model_not_found"
        assert caught.value.param == "model"
        return caught.value.status_code, str(caught.value.message).replace(model, "MODEL")

    assert refusal("board") == refusal("no such") == refusal("staff:nobody") == refusal("board:brief")
    with pytest.raises(openai.NotFoundError):
        world.client().models.retrieve("board")
    with pytest.raises(openai.NotFoundError):  # no action `models`
        world.client(world.served.key(actions=("ask",))).embeddings.create(model="embed:hash", input="a")
    with pytest.raises(openai.NotFoundError):  # it lists documents, and asks nothing
        world.client(world.served.key(actions=("read",))).chat.completions.create(**ask("年假有几天？"))


# -- chat with documents


@pytest.mark.parametrize(
    "question, text, heading",
    [
        ("年假有几天？", ZH, "**来源**"),
        ("How many days of remote work?", EN, "**Sources**"),
        ("加班要先申請嗎？", TRADITIONAL, "**来源**"),
    ],
)
def test_an_answer_has_its_sources_below_and_its_parts_beside(
    world: World, question: str, text: str, heading: str
) -> None:
    reply = world.client().chat.completions.create(**ask(question))
    message = reply.choices[0].message
    told = message.model_extra["qianxun"]
    above, _, below = message.content.partition("\n\n---\n\n")
    # The model always says [1]; where another passage bears a sentence, its mark is added.
    assert above.replace("[2]", "").replace("[3]", "").replace(" ⚠", "") == text
    assert heading in below
    assert told["verdict"] in ("answered", "partial")
    assert told["answer"].startswith(text[:10])
    assert {one["number"] for one in told["citations"]} <= {one["number"] for one in told["passages"]}
    assert "text" not in told["passages"][0]
    assert told["usage_by"] == "model"
    assert reply.usage.prompt_tokens > 100
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.choices[0].finish_reason == "stop"


def test_a_stream_says_the_same_as_a_whole_reply(world: World) -> None:
    for question in ("年假怎么休？", "remote work, please?", "病假和年假？"):
        chunks = list(
            world.client().chat.completions.create(**ask(question), stream=True, stream_options={"include_usage": True})
        )
        assert chunks[0].choices[0].delta.role == "assistant"
        *told, last = chunks
        assert last.choices == []
        assert last.usage.total_tokens > 100
        assert all(chunk.usage is None for chunk in told)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in told)
        ended = told[-1].choices[0]
        assert ended.finish_reason == "stop"
        whole = world.client().chat.completions.create(**ask(question)).choices[0].message
        assert text == whole.content
        assert ended.delta.model_extra["qianxun"]["citations"] == whole.model_extra["qianxun"]["citations"]
        assert len({chunk.id for chunk in chunks}) == 1


def test_sentences_are_sent_as_soon_as_they_are_checked(world: World) -> None:
    stream = world.client().chat.completions.create(**ask("病假有几天？年假呢？"), stream=True)
    pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices[0].delta.content]
    assert len(pieces) == 3
    assert pieces[0].startswith("工作满一年的员工每年有五天带薪年假[1]")
    assert pieces[1] == "病假每年有四十天[1]。 ⚠"
    assert "⚠ 这句话没有得到所引原文的支持。" in pieces[2]


def test_other_ways_to_be_told(world: World) -> None:
    client = world.client()
    in_pieces = {"stream": "pieces", "citations": "field"}
    stream = client.chat.completions.create(**ask("年假，零碎？"), stream=True, extra_body={"qianxun": in_pieces})
    pieces = [chunk.choices[0].delta.content for chunk in stream if chunk.choices[0].delta.content]
    assert len(pieces) > 5
    assert "".join(pieces).startswith(ZH[:30])
    assert "---" not in "".join(pieces)
    at_the_end = {"stream": "answer", "citations": "field"}
    stream = client.chat.completions.create(**ask("年假，一次？"), stream=True, extra_body={"qianxun": at_the_end})
    assert len([chunk for chunk in stream if chunk.choices[0].delta.content]) == 1


def test_a_filter_narrows_the_documents(world: World) -> None:
    wishes = {"where": "source = remote", "citations": "field"}
    reply = world.client().chat.completions.create(**ask("What of remote work?"), extra_body={"qianxun": wishes})
    told = reply.choices[0].message.model_extra["qianxun"]
    assert {one["source"] for one in told["passages"]} == {"remote"}


def test_the_packages_own_accumulation_of_streams(world: World) -> None:
    body = ask("年假怎么休？")
    with world.client().chat.completions.stream(**body) as stream:
        message = stream.get_final_completion().choices[0].message
    assert message.content.startswith(ZH)
    assert message.model_extra["qianxun"]["verdict"] == "answered"


def test_asynchronous_streams(world: World) -> None:
    async def text() -> str:
        async with openai.AsyncOpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0) as client:
            stream = await client.chat.completions.create(**ask("How much remote work?"), stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert "3 days per week" in asyncio.run(text())


def test_the_model_is_told_what_was_said_before_and_not_what_stood_below_it(world: World) -> None:
    first = world.client().chat.completions.create(**ask("病假有多少？年假？")).choices[0].message.content
    assert "⚠" in first
    messages = [
        {"role": "user", "content": "病假有多少？年假？"},
        {"role": "assistant", "content": first},
        {"role": "user", "content": [{"type": "text", "text": "未休的年假呢？"}]},
    ]
    world.client().chat.completions.create(model="staff", messages=messages)
    told = world.model.chats[-1].body["messages"]
    assert [one["role"] for one in told] == ["system", "user", "assistant", "user"]
    assert told[2]["content"] == "工作满一年的员工每年有五天带薪年假。病假每年有四十天。"
    assert "未休的年假" in told[3]["content"]


def test_system_messages_are_not_heeded_and_that_is_said(world: World) -> None:
    messages = [
        {"role": "system", "content": "Answer as a pirate."},
        {"role": "user", "content": "Remote work, matey?"},
    ]
    reply = world.client().chat.completions.create(model="staff:brief", messages=messages)
    assert reply.choices[0].message.model_extra["qianxun"]["ignored"] == ["messages: system"]
    assert reply.choices[0].message.model_extra["qianxun"]["persona"] == "brief"
    system = world.model.chats[-1].body["messages"][0]["content"]
    assert "Be brief." in system
    assert "pirate" not in system


def test_how_tokens_are_chosen_reaches_the_model(world: World) -> None:
    wishes: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["END"], "max_completion_tokens": 99}
    world.client().chat.completions.create(**ask("Remote work, warmer?"), **wishes)
    told = world.model.chats[-1].body
    assert (told["temperature"], told["top_p"], told["seed"], told["stop"]) == (0.5, 0.9, 7, ["END"])
    assert told["max_tokens"] == 99
    world.client().chat.completions.create(**ask("Remote work, at length?"), max_tokens=1_000_000)
    assert world.model.chats[-1].body["max_tokens"] == 1024, "never more than the settings allow"


def test_an_answer_that_was_cut_says_so(world: World) -> None:
    reply = world.client().chat.completions.create(**ask("A long one on remote work?"))
    assert reply.choices[0].finish_reason == "length"


def test_what_is_withdrawn_is_said_to_be(world: World) -> None:
    stream = world.client().chat.completions.create(**ask("Does remote work hang up?"), stream=True)
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    before, notice, after = text.partition("> What stands above is withdrawn; the answer is this:")
    assert before.startswith("Remote work is limited to 3 days per week [1].")
    assert notice
    told = chunks[-1].choices[0].delta.model_extra["qianxun"]
    assert after.strip().startswith(told["answer"][:20])
    assert told["models"]["answer"] == "extractive"
    assert any("generator" in one for one in told["degraded"])


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("model", ["staff", "generate:Qwen/Qwen2.5-7B-Instruct"])
def test_the_model_stops_when_the_client_goes(world: World, model: str, streams: bool) -> None:
    number = len(world.model.chats) + 1
    body = ask(f"silent on remote work, {streams}", stream=streams) | {"model": model}
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    world.served.service.listeners.append(ended.put)

    def leave() -> None:
        with pytest.raises(httpx.TimeoutException):
            httpx.post(
                f"{world.url}/v1/chat/completions",
                json=body,
                headers={"Authorization": f"Bearer {world.key}"},
                timeout=httpx.Timeout(5, read=0.5),
            )

    thread = threading.Thread(target=leave)
    thread.start()
    asked = world.model.chat(number)
    thread.join()
    assert asked.wait(10)
    assert asked.went_away
    facts = ended.get(timeout=10).facts
    world.served.service.listeners.remove(ended.put)
    # Or whoever hangs up in time would never use up a quota.
    assert facts.prompt_tokens > 0
    assert facts.completion_tokens > 0
    assert facts.detail["estimated"]


def test_nobody_is_told_of_documents_that_are_not_theirs(world: World) -> None:
    with world.served.base("staff") as kb:
        kb.add_texts([TextItem("salary", "Remote work bonus", "The remote work bonus is 900 euros.")], labels=["hr"])
    question = "How high is the remote work bonus?"
    reply = world.client().chat.completions.create(**ask(question))
    assert "900" not in json.dumps(world.model.chats[-1].body, ensure_ascii=False)
    assert "salary" not in reply.model_dump_json()
    told = world.client(world.served.key(actions=("ask",), labels=("hr", "public"))).chat.completions.create(
        **ask(question)
    )
    assert "900" in json.dumps(world.model.chats[-1].body, ensure_ascii=False)
    assert "salary" in told.model_dump_json()


def test_what_is_told_of_a_request_holds_no_name(world: World) -> None:
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    world.served.service.listeners.append(ended.put)
    try:
        world.client().chat.completions.create(**ask("年假有几天？"), user="wang@example.com")
        told = ended.get(timeout=10)
        while not told.facts.detail:  # an earlier request that ends now
            told = ended.get(timeout=10)
    finally:
        world.served.service.listeners.remove(ended.put)
    assert (told.facts.action, told.facts.base, told.route) == ("ask", "staff", "/v1/chat/completions")
    assert told.facts.completion_tokens > 0
    assert set(told.facts.detail) == {"user"}
    assert "wang" not in str(told.facts)


def test_who_shows_no_key_asks_of_what_is_public(world: World) -> None:
    no_key: Any = {"api_key": "none", "default_headers": {"Authorization": ""}}
    with openai.OpenAI(base_url=f"{world.url}/v1", max_retries=0, **no_key) as client:
        assert next(model.id for model in client.models.list()) == "board"
        assert "3 days" in str(client.chat.completions.create(**ask("Remote work?")).choices[0].message.content)


# -- what cannot be honoured


@pytest.mark.parametrize(
    "more, param",
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "tool", "content": "5"}]}, "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "年假"}]}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"messages": "年假有几天？"}, "messages"),
        ({"temperature": 9}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"qianxun": {"cite": "text"}}, "qianxun.cite"),
        ({"model": None}, "model"),
    ],
)
def test_what_would_be_wrong_to_ignore_is_refused_by_name(world: World, more: dict[str, Any], param: str) -> None:
    reply = world.post("/v1/chat/completions", {**ask("年假有几天？"), **more})
    error = reply.json()["error"]
    assert reply.status_code == 400
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert error["message"]


def test_unknown_fields_and_empty_wishes_are_let_be(world: World) -> None:
    more = {"tools": [], "n": 1, "store": True, "reasoning_effort": "low", "presence_penalty": 0.3, "user": "王五"}
    reply = world.post("/v1/chat/completions", {**ask("年假有几天？"), **more})
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["qianxun"]["ignored"] == ["presence_penalty"]


def test_bodies_that_are_no_json(world: World) -> None:
    for content, kind in ((b"{", "application/json"), (b"{}", "text/plain"), (b"[]", "application/json")):
        headers = {"Authorization": f"Bearer {world.key}", "Content-Type": kind}
        reply = httpx.post(f"{world.url}/v1/chat/completions", content=content, headers=headers)
        assert reply.status_code == 400
        assert reply.json()["error"]["message"].startswith("The body is no JSON object.")


def test_half_characters_are_refused_and_whole_ones_read(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.key}", "Content-Type": "application/json"}
    for written, status in ((r"\ud800", 400), (r"\ude00\ud83d", 400), (r"\ud83d\ude00 年假", 200)):
        for path, body in (
            ("/v1/chat/completions", '{"model": "staff", "messages": [{"role": "user", "content": "TEXT"}]}'),
            ("/v1/embeddings", '{"model": "hash", "input": "TEXT"}'),
            ("/rerank", '{"query": "TEXT", "texts": ["a"]}'),
        ):
            content = body.replace("TEXT", written).encode()
            assert httpx.post(world.url + path, content=content, headers=headers).status_code == status


def test_errors_have_the_codes_that_clients_know(world: World) -> None:
    with pytest.raises(openai.AuthenticationError) as unknown:
        world.client("qx-not-a-key").models.list()
    assert unknown.value.code == "invalid_api_key"
    limited = world.client(world.served.key(actions=("ask",), requests_per_minute=1))
    limited.models.list()
    with pytest.raises(openai.RateLimitError) as limit:
        limited.models.list()
    assert limit.value.code == "rate_limit_exceeded"
    assert int(limit.value.response.headers["retry-after"]) >= 1
    with pytest.raises(openai.BadRequestError) as bad:
        world.client().chat.completions.create(**ask("年假") | {"messages": []})
    assert bad.value.param == "messages"
    reply = httpx.get(f"{world.url}/v1/nothing", headers={"Authorization": f"Bearer {world.key}"})
    assert (reply.status_code, reply.json()["error"]["type"]) == (404, "invalid_request_error")


def test_a_full_house_says_when_to_come_again(world: World) -> None:
    places = world.served.service.streams
    places.n_taken += places.most
    try:
        with pytest.raises(openai.InternalServerError) as full:
            world.client().chat.completions.create(**ask("年假有几天？"), stream=True)
    finally:
        places.n_taken -= places.most
    assert full.value.status_code == 503
    assert full.value.code == "overloaded"
    assert int(full.value.response.headers["retry-after"]) >= 1


# -- a generator alone

GENERATOR = "generate:Qwen/Qwen2.5-7B-Instruct"


def test_a_bare_generator_chats(world: World) -> None:
    client = world.client()
    messages: Any = [{"role": "system", "content": "Say it in Chinese."}, {"role": "user", "content": "年假？"}]
    reply = client.chat.completions.create(model=GENERATOR, messages=messages, temperature=0.7, seed=3, stop="。。")
    assert reply.choices[0].message.content == ZH
    assert reply.usage.completion_tokens > 0
    asked = world.model.chats[-1].body
    assert asked["messages"] == messages
    assert (asked["temperature"], asked["seed"], asked["stop"]) == (0.7, 3, ["。。"])
    stream = client.chat.completions.create(model=GENERATOR, messages=messages, stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ZH
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_bare_generator_answers_in_json(world: World) -> None:
    schema = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}
    form: Any = {"type": "json_schema", "json_schema": {"name": "days", "schema": schema}}
    messages: Any = [{"role": "user", "content": "JSON: how many days?"}]
    reply = world.client().chat.completions.create(model=GENERATOR, messages=messages, response_format=form)
    assert json.loads(reply.choices[0].message.content) == {"days": 5}
    assert world.model.chats[-1].body["response_format"]["json_schema"]["schema"] == schema


def test_completions(world: World) -> None:
    client = world.client()
    reply = client.completions.create(model=GENERATOR, prompt="年假？", max_tokens=50)
    assert reply.choices[0].text == ZH
    assert reply.usage.prompt_tokens > 0
    two = client.completions.create(model=GENERATOR, prompt=["年假？", "remote work?"])
    assert [choice.text for choice in two.choices] == [ZH, EN]
    stream = client.completions.create(
        model=GENERATOR, prompt="年假？", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == ZH
    assert chunks[-1].usage.total_tokens > 0
    for wrong in ({"prompt": [1, 2]}, {"prompt": "a", "suffix": "b"}, {"prompt": "a", "echo": True}, {"prompt": ""}):
        with pytest.raises(openai.BadRequestError):
            client.completions.create(model=GENERATOR, **wrong)
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="staff", prompt="年假？")


def test_a_model_that_fails_is_an_error(world: World) -> None:
    with pytest.raises(openai.InternalServerError) as busy:
        world.client().completions.create(model=GENERATOR, prompt="busy")
    assert busy.value.status_code == 503
    assert "retry-after" in busy.value.response.headers
    with pytest.raises(openai.InternalServerError) as refused:
        world.client().completions.create(model=GENERATOR, prompt="crash")
    assert (refused.value.status_code, refused.value.code) == (502, "model_error")
    with pytest.raises(openai.APIError):  # in the middle of a stream
        list(world.client().completions.create(model=GENERATOR, prompt="hang up", stream=True))


# -- embeddings


def test_embeddings_are_the_same_in_both_encodings(world: World) -> None:
    texts = ["带薪年假", "remote work", "須事先申請"]
    client = world.client()
    plain = client.embeddings.create(model="embed:hash", input=texts, encoding_format="float")
    # What the package asks for by itself is base64, and it decodes it.
    packed = client.embeddings.create(model="hash", input=texts)
    assert [one.embedding for one in plain.data] == [one.embedding for one in packed.data]
    raw = world.post("/v1/embeddings", {"model": "hash", "input": "年假", "encoding_format": "base64"}).json()
    numbers = struct.unpack("<64f", base64.b64decode(raw["data"][0]["embedding"]))
    with world.served.base("staff") as kb:
        assert list(numbers) == kb.encoder.encode_passages(["年假"])[0].tolist()
    assert raw["usage"]["prompt_tokens"] > 0
    assert raw["qianxun"]["usage_by"] == "estimate"
    assert raw["qianxun"]["input_type"] == "passage"


def test_embeddings_that_cannot_be_made(world: World) -> None:
    client = world.client()
    for wrong, param in (
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2, 3]]}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", " "]}, "input"),
        ({"input": ["a"] * 3000}, "input"),
        ({"input": "年" * 2_000_001}, "input"),
        ({"input": "a", "dimensions": 32}, "dimensions"),
    ):
        reply = world.post("/v1/embeddings", {"model": "embed:hash", **wrong})
        if reply.status_code == 413:  # too long for the door already
            continue
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert len(client.embeddings.create(model="embed:hash", input="a", dimensions=64).data) == 1


# -- LangChain


def test_langchain_chats(world: World) -> None:
    from langchain_openai import ChatOpenAI

    with httpx.Client() as http:
        chat = ChatOpenAI(model="staff", base_url=f"{world.url}/v1", api_key=world.key, http_client=http)
        reply = chat.invoke([("system", "Be kind."), ("human", "年假有几天？")])
        assert "五天带薪年假" in str(reply.content)
        assert reply.usage_metadata["total_tokens"] > 0
        streamed = "".join(str(piece.content) for piece in chat.stream("年假有几天？"))
        assert streamed == reply.content


def test_langchain_embeds(world: World) -> None:
    from langchain_openai import OpenAIEmbeddings

    with httpx.Client() as http:
        settings: Any = {"base_url": f"{world.url}/v1", "api_key": world.key, "http_client": http}
        texts = OpenAIEmbeddings(model="embed:hash", **settings, check_embedding_ctx_length=False)
        assert len(texts.embed_documents(["年假", "remote work"])) == 2
        assert len(texts.embed_query("年假有几天？")) == 64


def test_langchain_that_sends_token_ids_is_told_what_to_set(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import tiktoken
    from langchain_openai import OpenAIEmbeddings

    # Its own tokenizers are fetched from the network; bytes will do.
    ranks = {bytes([n]): n for n in range(256)}
    bytes_only = tiktoken.Encoding("bytes", pat_str=r"[\s\S]", mergeable_ranks=ranks, special_tokens={})
    monkeypatch.setattr(tiktoken, "encoding_for_model", lambda _: bytes_only)
    with httpx.Client() as http:
        settings: Any = {"base_url": f"{world.url}/v1", "api_key": world.key, "http_client": http}
        with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
            OpenAIEmbeddings(model="embed:hash", **settings).embed_documents(["年假"])


# -- responses


def test_responses_whole_and_streamed(world: World) -> None:
    client = world.client()
    reply = client.responses.create(model="staff", input="年假有几天？", instructions="Be kind.")
    assert reply.output_text.startswith(ZH)
    assert reply.status == "completed"
    assert reply.usage.total_tokens > 100
    assert reply.model_extra["qianxun"]["ignored"] == ["messages: system"]
    events = list(client.responses.create(model="staff", input="年假有几天？", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == reply.output_text == events[-1].response.output_text
    with client.responses.stream(model=GENERATOR, input=[{"role": "user", "content": "年假？"}]) as stream:
        assert stream.get_final_response().output_text == ZH
    cut = client.responses.create(model="staff", input="A long one on remote work?")
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_responses_with_a_conversation_and_a_schema(world: World) -> None:
    client = world.client()
    talk: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": "年假？"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "五天[1]。"}]},
        {"role": "user", "content": "Remote work, then?"},
    ]
    client.responses.create(model="staff", input=talk)
    assert [one["content"] for one in world.model.chats[-1].body["messages"][1:3]] == ["年假？", "五天。"]
    schema: Any = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}
    form: Any = {"format": {"type": "json_schema", "name": "days", "schema": schema}}
    assert client.responses.create(model=GENERATOR, input="JSON?", text=form).output_text == '{"days": 5}'


@pytest.mark.parametrize(
    "more, param",
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"input": [{"type": "function_call_output", "output": "5"}]}, "input.0"),
        ({"input": []}, "input"),
        ({"text": {"format": {"type": "json_object"}}}, "response_format"),
    ],
)
def test_responses_that_cannot_be_given(world: World, more: dict[str, Any], param: str) -> None:
    reply = world.post("/v1/responses", {"model": "staff", "input": "年假有几天？", **more})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_a_streamed_response_that_fails_says_so(world: World) -> None:
    events = list(world.client().responses.create(model=GENERATOR, input="hang up", stream=True))
    assert (events[-1].type, events[-1].code) == ("error", "model_error")


def test_system_messages_are_followed_where_the_operator_lets_them(tmp_path: Path) -> None:
    with ScriptedServer(said) as model:
        served = Served(tmp_path, [f"generator.url={model.url}", "openai.system_messages=follow", "answer.hopeless=0"])
        with served.base("staff") as kb:
            kb.add_texts([TextItem("leave", "年假", LEAVE)])
        with served.client(actions=("ask",)) as client:
            system = "Answer in one line. <|im_end|>"
            body = ask("年假有几天？")
            body["messages"].insert(0, {"role": "developer", "content": system})
            reply = client.post("/v1/chat/completions", json=body).json()
            told = model.chats[-1].body["messages"][0]["content"]
    assert reply["choices"][0]["message"]["qianxun"]["ignored"] == []
    assert told.endswith("Answer in one line. ‹|im_end|›")


def test_without_a_model_it_quotes_and_says_what_that_leaves_out(tmp_path: Path) -> None:
    served = Served(tmp_path)
    with served.base("staff") as kb:
        kb.add_texts([TextItem("leave", "年假", LEAVE)])
    with served.client(actions=("ask", "models")) as client:
        body = ask("年假有几天？", temperature=0.3, max_tokens=5)
        reply = client.post("/v1/chat/completions", json=body).json()
        assert client.post("/v1/completions", json={"model": "generate:http", "prompt": "a"}).status_code == 404
    told = reply["choices"][0]["message"]["qianxun"]
    assert told["ignored"] == ["temperature", "max_tokens"]
    assert told["usage_by"] == "estimate"
    assert reply["usage"]["completion_tokens"] > 5
    assert reply["choices"][0]["message"]["content"].startswith("工作满一年的员工每年有五天带薪年假。")


def test_a_damaged_knowledge_base_hides_no_other(tmp_path: Path) -> None:
    served = Served(tmp_path)
    for name in ("good", "ill"):
        served.base(name).close()
    (tmp_path / "kb" / "ill" / "knowledge.db").write_bytes(b"no database" * 1000)
    with served.client(actions=("ask", "models")) as client:
        ids = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert ids == ["good", "embed:hash", "rerank:hash"]
