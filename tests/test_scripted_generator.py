"""The HTTP generator beside the scripted server: every way in which an answer may come, and may fail to come."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from qianxun.errors import BadModelReply, ModelBusy, ModelError, ModelRefused, ModelTimeout, ModelUnavailable
from qianxun.models.remote.client import Client
from qianxun.models.remote.generator import HttpGenerator
from qianxun.protocols import Delta, Message, Sampling
from qianxun.settings import GeneratorSettings, RemoteSettings, Settings
from qianxun.testing import Reply, ScriptedServer

ANSWER = "年假为 5 天【1】。The limit is 3.5 days [2]. 臺北分公司另有規定😀。"
MESSAGES = [Message("user", "年假有几天？ How many days?")]
SSE = {"Content-Type": "text/event-stream"}
Open = Callable[..., HttpGenerator]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer([]) as running:
        yield running


@pytest.fixture
def opened(server: ScriptedServer) -> Iterator[Open]:
    """Opens a generator on the server, with settings of [remote]; between two tries it waits for nothing."""
    with ExitStack() as stack:

        async def pause(_: float) -> None:
            """Waits for nothing."""

        def open_(**remote: Any) -> HttpGenerator:
            section = GeneratorSettings(model="scripted", url=server.url)
            settings = Settings(generator=section, remote=RemoteSettings(**{"retries": 2} | remote))
            made = HttpGenerator(settings, client=Client("generator", section, settings.remote, pause=pause))
            stack.callback(made.close)
            return made

        yield open_


def streamed(generator: HttpGenerator, max_tokens: int = 1024, **more: Any) -> AsyncIterator[Delta]:
    return generator.stream(MESSAGES, sampling=Sampling(max_tokens=max_tokens), **more)


def read(generator: HttpGenerator, max_tokens: int = 1024, **more: Any) -> list[Delta]:
    async def all_of_it() -> list[Delta]:
        return [delta async for delta in streamed(generator, max_tokens, **more)]

    return asyncio.run(all_of_it())


def read_until_it_fails(generator: HttpGenerator, max_tokens: int = 1024) -> tuple[str, ModelError]:
    """What had come before the error, and the error."""
    got: list[str] = []

    async def all_of_it() -> None:
        async for delta in streamed(generator, max_tokens):
            got.append(delta.text)

    with pytest.raises(ModelError) as caught:
        asyncio.run(all_of_it())
    return "".join(got), caught.value


# -- order, and every cut ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(ANSWER),
        Reply(ANSWER, delta_chars=1, write_bytes=1),
        Reply(ANSWER, delta_chars=(1, 5), write_bytes=(7, 1, 40)),
        *(Reply(ANSWER, seed=seed) for seed in range(4)),
        Reply(ANSWER, seed=5, line_end="\r\n", write_bytes=(3, 1)),
        Reply(ANSWER, comments=True, role_deltas=3),
        Reply(ANSWER, role_deltas=0, usage=False, done=False),
        Reply(ANSWER, finish_reason=None),
        Reply(ANSWER, delta_chars=1000),
        Reply((*ANSWER.partition("😀")[0], "\ud83d", "\ude00", "。")),
        Reply(("", ANSWER, "")),
    ],
)
def test_the_text_is_whole_and_in_order_however_it_is_cut(reply: Reply, server: ScriptedServer, opened: Open) -> None:
    server.add(reply)
    deltas = read(opened())
    assert "".join(delta.text for delta in deltas) == ANSWER
    assert all(delta.text for delta in deltas[:-1])
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage is not None
    assert server.chat(1).wait()
    assert not server.chat(1).went_away


def test_deltas_come_one_by_one(server: ScriptedServer, opened: Open) -> None:
    server.add(Reply("一二三", fault="silence", after=2))

    async def first_two() -> list[Delta]:
        stream = streamed(opened())
        found = [await anext(stream), await anext(stream)]  # the third never comes: these are not held back
        await stream.aclose()  # type: ignore[attr-defined]
        return found

    assert asyncio.run(first_two()) == [Delta("一"), Delta("二")]


def test_half_a_character_is_shown_as_none(server: ScriptedServer, opened: Open) -> None:
    server.add(Reply(("好\ud83d", "坏", "\ude00", "\ud83d")))
    text = "".join(delta.text for delta in read(opened()))
    assert text == "好\ufffd坏\ufffd\ufffd"
    assert text.encode()


# -- ends -------------------------------------------------------------------------------------------------------


def test_an_empty_answer_is_an_answer(server: ScriptedServer, opened: Open) -> None:
    server.add(Reply("", usage=(3, 0)), Reply("", usage=False, finish_reason=None))
    generator = opened()
    assert read(generator) == [Delta(finish_reason="stop", usage=(3, 0))]
    assert read(generator)[-1].finish_reason == "stop"


def test_an_answer_that_was_cut_off_says_so(server: ScriptedServer, opened: Open) -> None:
    server.add(ANSWER)
    deltas = read(opened(), 3)
    assert [delta.text for delta in deltas[:-1]] == ["年", "假", "为"]
    assert deltas[-1] == Delta(finish_reason="length", usage=(10, 3))


def test_usage_that_is_not_told_is_estimated(server: ScriptedServer, opened: Open) -> None:
    server.add(Reply(ANSWER, usage=False))
    usage = read(opened())[-1].usage
    assert usage is not None
    assert usage[1] >= len(ANSWER) // 4


@pytest.mark.parametrize("fault", ["hang up", "silence", "error"])
def test_what_fails_after_the_end_of_the_text_is_none(fault: Any, server: ScriptedServer, opened: Open) -> None:
    server.add(Reply(ANSWER, fault=fault, after="finish"))
    deltas = read(opened(read_seconds=0.5))
    assert "".join(delta.text for delta in deltas) == ANSWER
    assert deltas[-1].finish_reason == "stop"


# -- the reader goes --------------------------------------------------------------------------------------------


def paused(server: ScriptedServer) -> None:
    """An answer of which three deltas come, and then nothing."""
    server.add(Reply("一二三四", fault="silence", after=3), ANSWER)


def goes_after_three(server: ScriptedServer) -> None:
    request = server.chat(1)
    assert request.wait()
    assert (request.went_away, request.n_deltas) == (True, 3)


def test_closing_the_stream_is_noticed_by_the_server(server: ScriptedServer, opened: Open) -> None:
    paused(server)

    async def close_after_three() -> None:
        stream = streamed(opened())
        for _ in range(3):
            await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        await asyncio.to_thread(goes_after_three, server)  # at once, not when the loop ends

    asyncio.run(close_after_three())


def test_a_reader_that_just_stops_is_noticed_by_the_server(server: ScriptedServer, opened: Open) -> None:
    paused(server)

    async def stop_after_three() -> None:
        n = 0
        async for _ in streamed(opened()):
            n += 1
            if n == 3:
                break
        await asyncio.to_thread(goes_after_three, server)

    asyncio.run(stop_after_three())


@pytest.mark.parametrize(
    "reply", [Reply("一二三四", fault="silence", after=3), Reply("一", fault="silence", after=None)]
)
def test_a_cancelled_task_is_noticed_by_the_server(reply: Reply, server: ScriptedServer, opened: Open) -> None:
    server.add(reply)

    async def cancel() -> None:
        async def read_all() -> None:
            async for _ in streamed(opened()):
                """Reads on."""

        task = asyncio.create_task(read_all())
        request = await asyncio.to_thread(server.chat, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(request.wait)
        assert request.went_away

    asyncio.run(cancel())


def test_the_next_answer_is_whole_after_a_cancelled_one(server: ScriptedServer, opened: Open) -> None:
    paused(server)
    generator = opened()

    async def both() -> str:
        stream = streamed(generator)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return "".join([delta.text async for delta in streamed(generator)])

    assert asyncio.run(both()) == ANSWER


# -- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply, kind, words, n_asked",
    [
        (Reply(ANSWER, fault="hang up", after=4), BadModelReply, "closed the connection in the middle", 1),
        (Reply(ANSWER, fault="hang up", after=0), BadModelReply, "closed the connection in the middle", 1),
        (Reply(ANSWER, fault="hang up", after=None), ModelUnavailable, "cannot be reached", 3),
        (Reply(ANSWER, fault="silence", after=4), ModelTimeout, "was silent for 0.5 s", 1),
        (Reply(ANSWER, fault="silence", after=0), ModelTimeout, "was silent for 0.5 s", 1),
        (Reply(ANSWER, fault="silence", after=None), ModelTimeout, "was silent for 0.5 s", 1),
        (Reply(ANSWER, first_seconds=60), ModelTimeout, "was silent for 0.5 s", 1),
        (Reply(ANSWER, fault="malformed", after=4), BadModelReply, "sent an event that is not JSON", 1),
        (Reply(ANSWER, fault="error", after=4), BadModelReply, 'broke off its answer: "scripted fault"', 1),
        (Reply(ANSWER, finish_reason=None, done=False), BadModelReply, "ended its answer in the middle", 1),
        (Reply(ANSWER, finish_reason="content_filter"), ModelRefused, "withheld the answer", 1),
        (Reply(status=400, body={"error": "坏了"}), ModelRefused, "HTTP 400: 坏了", 1),
        (Reply(status=401), ModelRefused, "wants a key", 1),
        (Reply(status=404, body={"error": {"message": "no such model"}}), ModelRefused, "does not serve", 1),
        (Reply(status=429, headers={"Retry-After": "0"}), ModelBusy, "tried 3 times", 3),
        (Reply(status=500), BadModelReply, "HTTP 500: scripted fault", 3),
        (Reply(status=502), ModelUnavailable, "does not answer", 3),
        (Reply(body="<html>请登录</html>", headers={"Content-Type": "text/html"}), BadModelReply, "a web page", 1),
        (Reply(body="", headers=SSE), BadModelReply, "ended its answer in the middle", 1),
        (Reply(body="OK"), BadModelReply, "ended its answer in the middle", 1),
        (Reply(body=[]), BadModelReply, "ended its answer in the middle", 1),
    ],
)
def test_each_fault_is_one_typed_error(
    reply: Reply, kind: type[ModelError], words: str, n_asked: int, server: ScriptedServer, opened: Open
) -> None:
    server.add(*[reply] * n_asked, "not asked for")
    text, error = read_until_it_fails(opened(read_seconds=0.5))
    assert type(error) is kind
    assert words in str(error)
    assert len(server.chats) == n_asked
    if isinstance(reply.after, int) and reply.fault:
        assert text == "".join(list(reply.deltas(99))[: reply.after])  # what came before it is not lost


@pytest.mark.parametrize(
    "event",
    [
        '{"choices": [1]}',
        '{"choices": 1}',
        '{"choices": ["好"]}',
        '{"choices": [{"delta": "好"}]}',
        '{"choices": [{"delta": {"content": 7}}]}',
        '{"choices": [{"delta": {"content": ["好"]}}]}',
    ],
)
def test_an_event_of_another_shape_is_a_typed_error(event: str, server: ScriptedServer, opened: Open) -> None:
    server.add(Reply(body=f"data: {event}\n\ndata: [DONE]\n\n", headers=SSE))
    _, error = read_until_it_fails(opened())
    assert isinstance(error, BadModelReply)
    assert "sent an event that is no piece of an answer" in str(error)


def test_faults_that_pass_are_waited_out(server: ScriptedServer, opened: Open) -> None:
    server.add(Reply(status=503), Reply(fault="hang up", after=None), ANSWER)
    assert "".join(delta.text for delta in read(opened())) == ANSWER


def test_a_prompt_that_is_too_long_is_told_apart(server: ScriptedServer, opened: Open) -> None:
    server.add(Reply(status=400, body={"error": {"message": "This model's maximum context length is 8 tokens."}}))
    _, error = read_until_it_fails(opened())
    assert "are more than scripted takes" in str(error)


# -- no end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply, words",
    [
        (Reply("永远永远永远永远", delta_chars=200, fault="endless"), "more than 4112 characters for an answer of"),
        (Reply("a", fault="endless"), "more than 4112 characters for an answer of 1 tokens"),
        (Reply("", fault="endless"), "more than 1052672 bytes"),
        (Reply(body="x" * 9999, fault="endless", headers=SSE), "more than 1052672 bytes"),  # a line without an end
        (Reply(body=": keep-alive\n\n" * 999, fault="endless", headers=SSE), "more than 1052672 bytes"),
        (Reply(status=400, body="x" * 9999, fault="endless"), "HTTP 400: xxx"),
        (Reply(body="<html>" * 999, fault="endless", headers={"Content-Type": "text/html"}), "a web page"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_stop_is_left(reply: Reply, words: str, server: ScriptedServer, opened: Open) -> None:
    server.add(reply)
    _, error = read_until_it_fails(opened(), 1)
    assert words in str(error)
    assert server.chat(1).wait()
    assert server.chat(1).went_away


def test_what_never_ends_after_the_end_of_the_text_is_none(server: ScriptedServer, opened: Open) -> None:
    done = 'data: {"choices": [{"delta": {"content": "好"}, "finish_reason": "stop"}]}\n\n'
    server.add(Reply(body=done + ": keep-alive\n\n" * 999, fault="endless", headers=SSE))
    deltas = read(opened(), 1)
    assert (deltas[0], deltas[-1].finish_reason) == (Delta("好"), "stop")
    assert server.chat(1).wait()
    assert server.chat(1).went_away


def test_refusals_without_end_are_read_in_part_by_other_requests_too(server: ScriptedServer) -> None:
    section = GeneratorSettings(model="scripted", url=server.url)
    client = Client("generator", section, RemoteSettings(retries=0))
    server.add(Reply(status=400, body="坏" * 9999, fault="endless"))
    with pytest.raises(ModelRefused, match="HTTP 400: 坏坏坏"):
        client.post(f"{server.url}/chat/completions", {"messages": [{"role": "user", "content": "?"}]})
    client.close()


# -- structured answers -----------------------------------------------------------------------------------------


def test_a_schema_is_sent_and_heeded(server: ScriptedServer, opened: Open) -> None:
    schema = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}
    server.add(Reply('{"days": 5}', seed=1), "五天", Reply('{"days": 5}', finish_reason="length"))
    generator = opened()
    assert read(generator, schema=schema)[0] == Delta('{"days": 5}')
    assert server.chat(1).body["response_format"]["json_schema"]["schema"] == schema
    with pytest.raises(BadModelReply, match="not JSON"):
        read(generator, schema=schema)
    with pytest.raises(BadModelReply, match="was cut off"):
        read(generator, schema=schema)
