"""Answers over HTTP as they come: whole or one typed error, and over at once when nobody listens."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from model_server import Fault, ModelServer, event, said

from qianxun.errors import BadModelReply, ModelBusy, ModelError, ModelRefused, ModelTimeout, ModelUnavailable
from qianxun.models.remote.client import Client
from qianxun.models.remote.generator import HttpGenerator, open_generator
from qianxun.protocols import Delta, Message, Sampling
from qianxun.settings import GeneratorSettings, RemoteSettings, Settings

MODEL = "qwen2.5-7b-instruct"
MESSAGES = [
    Message("system", "只根据资料回答，并标出处。"),
    Message("user", "资料[1]：北京是首都。Question: which city? 臺北？"),
]
SCHEMA = {
    "type": "object",
    "properties": {"answerable": {"type": "boolean"}, "citations": {"type": "array", "items": {"type": "integer"}}},
    "required": ["answerable"],
    "additionalProperties": False,
}
Open = Callable[..., HttpGenerator]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(model=MODEL, max_tokens=4096) as running:
        running.chat = said("北京", "是首都 [1]。", " It is\u2028Beijing.\n\n")
        yield running


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens a generator on a server, with settings of [generator]; `remote` are those of [remote]."""
    with ExitStack() as stack:

        async def pause(_: float) -> None:
            """Waits for nothing."""

        def open_(server: ModelServer, *, remote: RemoteSettings | None = None, **generator: Any) -> HttpGenerator:
            section = GeneratorSettings(**{"model": "Qwen/Qwen2.5-7B-Instruct", "url": server.url} | generator)
            settings = Settings(generator=section, remote=remote or RemoteSettings(retries=2))
            client = Client("generator", section, settings.remote, wait=lambda _: None, pause=pause)
            made = HttpGenerator(settings, client=client)
            stack.callback(made.close)
            return made

        yield open_


def answer(
    generator: HttpGenerator, *, schema: dict[str, Any] | None = None, sampling: Sampling | None = None
) -> list[Delta]:
    async def read() -> list[Delta]:
        return [d async for d in generator.stream(MESSAGES, schema=schema, sampling=sampling or Sampling())]

    return asyncio.run(read())


def asked(server: ModelServer) -> list[Any]:
    return server.asked("/v1/chat/completions")


def test_the_answer_comes_in_pieces_and_the_last_says_how_it_ended(server: ModelServer, opened: Open) -> None:
    deltas = answer(opened(server))
    assert deltas == [
        Delta("北京"),
        Delta("是首都 [1]。"),
        Delta(" It is\u2028Beijing.\n\n"),
        Delta(finish_reason="stop", usage=(11, 3)),
    ]


def test_everything_that_decides_an_answer_is_sent(server: ModelServer, opened: Open) -> None:
    answer(opened(server))
    answer(opened(server), sampling=Sampling(max_tokens=9, temperature=0.5, top_p=0.9, seed=3, stop=("\n\n", "问：")))
    plain, other = asked(server)
    assert plain == {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": MESSAGES[0].content},
            {"role": "user", "content": MESSAGES[1].content},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 1024,
        "temperature": 0.0,  # not left to the checkpoint's generation_config, which says 0.7
        "top_p": 1.0,
    }
    assert {name: other[name] for name in ("max_tokens", "temperature", "top_p", "seed", "stop")} == {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["\n\n", "问："],
    }


@pytest.mark.parametrize(
    "reason, mapped",
    [("stop", "stop"), ("eos_token", "stop"), ("stop_sequence", "stop"), ("tool_calls", "stop"), ("length", "length")],
)
def test_reasons_to_end_are_two(reason: str, mapped: str, server: ModelServer, opened: Open) -> None:
    server.chat = said("好", finish=reason)
    assert answer(opened(server))[-1].finish_reason == mapped


def test_what_servers_send_beside_the_text_is_passed_over(server: ModelServer, opened: Open) -> None:
    def chunk(**delta: Any) -> bytes:
        return event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None})

    server.chat = [
        b": keep-alive\n\n",
        b"event: message\nid: 1\nretry: 100\n",
        chunk(role="assistant", content=None, reasoning_content="hm, 让我想想"),
        chunk(reasoning="hm"),
        chunk(content=""),
        b"\r\n",
        b"data:" + chunk(content="北").removeprefix(b"data: ").replace(b"\n\n", b"\r\n\r\n"),
        b'data: {"choices": [{"index": 0,\ndata:  "delta": {"content": "\xe4\xba',
        b'\xac"}}]}\n\n',  # an event on two lines, a character in two pieces
        event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
        event("[DONE]"),
        b"data: nothing is read after the end\n\n",
    ]
    assert answer(opened(server)) == [Delta("北"), Delta("京"), Delta(finish_reason="stop", usage=(5, 2))]


def test_usage_in_every_piece_is_that_of_the_last(server: ModelServer, opened: Open) -> None:
    server.chat = [
        event({"choices": [{"delta": {"content": "好"}}], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}),
        event(
            {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
        ),
    ]  # and no [DONE]
    assert answer(opened(server))[-1] == Delta(finish_reason="stop", usage=(5, 2))


def test_usage_is_estimated_if_the_server_does_not_count(server: ModelServer, opened: Open) -> None:
    server.chat = said("北京是首都。", usage=None)
    generator = opened(server)
    prompt = sum(generator.count_tokens(message.content) for message in MESSAGES)
    usage = answer(generator)[-1].usage
    assert usage is not None
    assert usage[1] == generator.count_tokens("北京是首都。")
    assert prompt <= usage[0] <= prompt + 20


def test_a_server_that_does_not_know_usage_is_asked_without_it_once(server: ModelServer, opened: Open) -> None:
    server.refuse = lambda body: (
        Fault(422, b'{"detail": [{"loc": ["body", "stream_options"], "msg": "extra fields not permitted"}]}')
        if "stream_options" in body
        else None
    )
    generator = opened(server)
    assert answer(generator)[0] == Delta("北京")
    answer(generator)
    assert ["stream_options" in body for body in asked(server)] == [True, False, False]


def test_a_server_that_does_not_stream_is_understood(server: ModelServer, opened: Open) -> None:
    whole = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "北京"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1},
    }
    server.chat = [json.dumps(whole, indent=1).encode()]
    assert answer(opened(server)) == [Delta("北京"), Delta(finish_reason="stop", usage=(5, 1))]


# -- stopping --------------------------------------------------------------------------------------------------


def test_closing_the_answer_closes_the_connection(server: ModelServer, opened: Open) -> None:
    server.endless = True
    server.chat = said("永远", finish=None, usage=None)[:-1]
    generator = opened(server)

    async def read_one() -> Delta:
        stream = generator.stream(MESSAGES, sampling=Sampling())
        first = await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return first

    assert asyncio.run(read_one()) == Delta("永远")
    assert server.hung_up.wait(timeout=20)


def test_a_cancelled_answer_closes_the_connection(server: ModelServer, opened: Open) -> None:
    server.endless = True
    server.chat = said("永远", finish=None, usage=None)[:-1]
    generator = opened(server)

    async def cancel_in_the_middle() -> None:
        begun = asyncio.Event()

        async def read() -> None:
            async for _ in generator.stream(MESSAGES, sampling=Sampling()):
                begun.set()

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_in_the_middle())
    assert server.hung_up.wait(timeout=20)


def test_a_generator_serves_any_event_loop_and_many_answers_at_a_time(server: ModelServer, opened: Open) -> None:
    generator = opened(server)

    async def many() -> list[list[Delta]]:
        async def one() -> list[Delta]:
            return [delta async for delta in generator.stream(MESSAGES, sampling=Sampling())]

        return await asyncio.gather(*(one() for _ in range(6)))

    assert {len(deltas) for deltas in asyncio.run(many()) + asyncio.run(many())} == {4}
    assert len(server.asked("/v1/models")) == 1


# -- structured answers ----------------------------------------------------------------------------------------


def test_a_schema_is_passed_as_the_server_wants_it_and_checked(server: ModelServer, opened: Open) -> None:
    server.chat = said('{"answerable":', " true, ", '"citations": [1]}')
    deltas = answer(opened(server), schema=SCHEMA)
    assert deltas == [
        Delta('{"answerable": true, "citations": [1]}'),
        Delta(finish_reason="stop", usage=(11, 3)),
    ]
    [body] = asked(server)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    }
    assert body["messages"][-1]["content"] == MESSAGES[1].content


def test_a_server_without_schemas_gets_it_in_the_prompt(server: ModelServer, opened: Open) -> None:
    refusal = Fault(400, b'{"error": {"message": "response_format: json_schema is not supported"}}')
    server.refuse = lambda body: refusal if body.get("response_format", {}).get("type") == "json_schema" else None
    server.chat = said('```json\n{"answerable": true}\n```')
    generator = opened(server)
    assert answer(generator, schema=SCHEMA)[0] == Delta('{"answerable": true}')
    answer(generator, schema=SCHEMA)
    formats = [body.get("response_format", {}).get("type") for body in asked(server)]
    assert formats == ["json_schema", "json_object", "json_object"]  # asked wrongly once only
    assert json.dumps(SCHEMA) in asked(server)[1]["messages"][-1]["content"]


def test_a_server_without_any_form_is_only_told(server: ModelServer, opened: Open) -> None:
    server.refuse = lambda body: Fault(422, b'{"error": "unsupported"}') if "response_format" in body else None
    server.chat = said('{"answerable": true}')
    assert answer(opened(server), schema=SCHEMA)[0] == Delta('{"answerable": true}')
    formats = [body.get("response_format", {}).get("type") for body in asked(server)]
    assert formats == ["json_schema", "json_object", None]


@pytest.mark.parametrize(
    "structured, form", [("json_schema", "json_schema"), ("json_object", "json_object"), ("prompt", None)]
)
def test_the_form_may_be_set(structured: str, form: str | None, server: ModelServer, opened: Open) -> None:
    server.chat = said('{"answerable": true}')
    answer(opened(server, structured=structured), schema=SCHEMA)
    [body] = asked(server)
    assert body.get("response_format", {}).get("type") == form
    server.refuse = lambda body: Fault(400, b'{"error": "no"}')
    with pytest.raises(ModelRefused):
        answer(opened(server, structured=structured), schema=SCHEMA)
    assert len(asked(server)) == 2


@pytest.mark.parametrize(
    "text, words",
    [
        ("北京是首都。", "answer is not JSON"),
        ('{"answerable": "yes"}', "does not fit the JSON schema"),
        ('{"citations": [1]}', "does not fit the JSON schema"),
        ('{"answerable": NaN}', "answer is not JSON"),
    ],
)
def test_an_answer_that_ignores_the_schema_is_unusable(
    text: str, words: str, server: ModelServer, opened: Open
) -> None:
    server.chat = said(text)
    with pytest.raises(BadModelReply, match=words):
        answer(opened(server), schema=SCHEMA)


def test_json_that_ran_into_its_limit_says_so(server: ModelServer, opened: Open) -> None:
    server.chat = said('{"answerable": ', finish="length", usage=(11, 60))
    with pytest.raises(BadModelReply, match="cut off after 60 tokens, before its JSON ended") as caught:
        answer(opened(server), schema=SCHEMA)
    assert "generator.max_tokens" in str(caught.value)


# -- limits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, tokens", [("vllm", 4096), ("llamacpp", 2048), ("ollama", 4096), ("sglang", 8192), ("plain", 8192)]
)
def test_the_longest_prompt_is_what_the_server_tells(kind: str, tokens: int, opened: Open) -> None:
    with ModelServer(kind, model=MODEL, max_tokens=4096) as server:
        assert opened(server).context_tokens == tokens
        assert opened(server, context_tokens=1000).context_tokens == 1000


def test_a_prompt_that_is_too_long_says_what_to_do(server: ModelServer, opened: Open) -> None:
    with pytest.raises(ModelRefused) as caught:
        answer(opened(server), sampling=Sampling(max_tokens=8192))
    assert str(caught.value).startswith(
        f"The prompt and an answer of 8192 tokens are more than {MODEL} takes (HTTP 400: This model's maximum context "
    )
    assert len(asked(server)) == 1


# -- faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chat, words",
    [
        (said("北", finish=None, usage=None)[:-1], "ended its answer in the middle"),
        ([], "ended its answer in the middle"),
        ([*said("北", finish=None)[:2], b"data: {]\n\n"], 'sent an event that is not JSON: "{\\]"'),
        ([*said("北")[:2], event({"error": {"message": "out of memory"}})], 'broke off its answer: "out of memory"'),
        ([event({"object": "error", "message": "坏了", "code": 400})], 'broke off its answer: "坏了"'),
        (said("北", finish="abort"), "ended its answer in the middle"),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(
    chat: list[bytes], words: str, server: ModelServer, opened: Open
) -> None:
    server.chat = chat
    with pytest.raises(BadModelReply, match=words):
        answer(opened(server))
    assert len(asked(server)) == 1  # never asked again once it has begun


def test_a_connection_that_breaks_in_the_middle_is_an_error(server: ModelServer, opened: Open) -> None:
    server.chat = said("北", finish=None, usage=None)[:-1]
    server.breaks_off = True
    got: list[Delta] = []

    async def read(generator: HttpGenerator) -> None:
        async for delta in generator.stream(MESSAGES, sampling=Sampling()):
            got.append(delta)

    with pytest.raises(BadModelReply, match="closed the connection in the middle of its answer"):
        asyncio.run(read(opened(server)))
    assert got == [Delta("北")]
    assert len(asked(server)) == 1


def test_a_connection_that_breaks_after_the_end_is_none(server: ModelServer, opened: Open) -> None:
    server.chat = said("北", usage=None)[:-1]
    server.breaks_off = True
    assert answer(opened(server))[-1].finish_reason == "stop"


def test_a_withheld_answer_is_a_refusal(server: ModelServer, opened: Open) -> None:
    server.chat = said("北", finish="content_filter")
    with pytest.raises(ModelRefused, match="withheld the answer: its content filter"):
        answer(opened(server))


@pytest.mark.parametrize(
    "faults, kind, words",
    [
        ([Fault(429)] * 3, ModelBusy, "tried 3 times"),
        ([Fault(500, b"oops")] * 3, BadModelReply, "HTTP 500: oops"),
        ([Fault(how="hang up")] * 3, ModelUnavailable, "cannot be reached"),
        ([Fault(how="silence")], ModelTimeout, "was silent for 0.5 s"),
        ([Fault(body=b"<html>log in</html>", media="text/html")], BadModelReply, "a web page"),
        ([Fault(401)], ModelRefused, "wants a key"),
        ([Fault(404, b'{"error": "model not found"}')], ModelRefused, f"does not serve '{MODEL}'"),
    ],
)
def test_faults_of_the_way_reach_the_caller_as_they_are(
    faults: list[Fault], kind: type[ModelError], words: str, server: ModelServer, opened: Open
) -> None:
    generator = opened(server, remote=RemoteSettings(retries=2, read_seconds=0.5))
    answer(generator)
    server.requests.clear()
    server.fail(*faults, at="/chat/completions")
    with pytest.raises(kind, match=words) as caught:
        answer(generator)
    assert type(caught.value) is kind
    assert len(asked(server)) == len(faults)


def test_passing_refusals_before_the_answer_begins_are_waited_out(server: ModelServer, opened: Open) -> None:
    generator = opened(server)
    server.fail(Fault(429), Fault(503), at="/chat/completions")
    assert answer(generator)[-1].finish_reason == "stop"
    assert len(asked(server)) == 3


def test_opening_asks_nothing_of_the_server() -> None:
    section = GeneratorSettings(model=MODEL, url="http://127.0.0.1:1")
    generator = open_generator(Settings(generator=section))
    assert (generator.name, generator.served_by) == ("http", "http://127.0.0.1:1/v1")
    generator.close()
