"""Bounds around a stream: each ends it where it says, closes it, and tells which it was. Time here is no real time."""

import asyncio
import gc
import random
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.answering.bounds import Bounds, Ending
from qianxun.errors import ModelTimeout
from qianxun.models.remote.counting import estimated_tokens
from qianxun.models.remote.generator import HttpGenerator
from qianxun.protocols import Delta, Message, Sampling
from qianxun.settings import GeneratorSettings, RemoteSettings, Settings
from qianxun.testing import Reply, ScriptedServer

Result = TypeVar("Result")
LAST = Delta(finish_reason="stop", usage=(5, 3))
CUT = Delta(finish_reason="length")


class Clock(selectors.BaseSelector):
    """A selector beside which nobody waits: when nothing is ready, the time that would pass has passed."""

    def __init__(self) -> None:
        self.now = 0.0
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if not ready:
            assert timeout is not None, "nothing will ever happen"
            self.now += timeout
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose seconds pass at once."""

    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(coroutine)


def now() -> float:
    return asyncio.get_running_loop().time()


class Stream:
    """A stream of what it is given: texts, deltas, seconds to wait (as floats), errors. Knows when it was closed."""

    def __init__(self, *steps: str | Delta | float | Exception, again: bool = False) -> None:
        self.steps = steps
        self.again = again
        self.n_given = 0
        self.closed_at: float | None = None

    async def deltas(self) -> AsyncIterator[Delta]:
        try:
            for step in self._steps():
                if isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, Exception):
                    raise step
                else:
                    self.n_given += 1
                    yield Delta(step) if isinstance(step, str) else step
        finally:
            self.closed_at = now()

    def _steps(self) -> Iterator[str | Delta | float | Exception]:
        yield from self.steps
        while self.again:
            yield from self.steps


def read(
    bounds: Bounds, stream: Stream, *, cancelled: asyncio.Event | None = None, count: Callable[[str], int] = len
) -> tuple[list[Delta], Ending | None, float]:
    """What came, what ended it, and when."""

    async def all_of_it() -> tuple[list[Delta], Ending | None, float]:
        within = bounds.around(stream.deltas(), count_tokens=count, cancelled=cancelled)
        found = [delta async for delta in within]
        assert stream.closed_at is not None or not stream.n_given
        return found, within.ended_by, now()

    return run(all_of_it())


# -- what is within its bounds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(),
        Bounds(max_tokens=10, max_characters=10, first_seconds=2.1, between_seconds=3.1, total_seconds=8.1),
    ],
)
def test_what_is_within_its_bounds_is_untouched(bounds: Bounds) -> None:
    stream = Stream(2.0, "年假", 3.0, "is 5 [1]", 3.0, LAST)
    assert read(bounds, stream) == ([Delta("年假"), Delta("is 5 [1]"), LAST], "itself", 8.0)


def test_a_stream_that_just_ends_is_not_given_a_reason() -> None:
    assert read(Bounds(), Stream("好")) == ([Delta("好")], "itself", 0.0)
    assert read(Bounds(), Stream()) == ([], "itself", 0.0)
    assert read(Bounds(), Stream("", LAST)) == ([LAST], "itself", 0.0)


def test_nothing_is_read_behind_the_last_delta() -> None:
    stream = Stream("好", LAST, 1000.0, "more")
    assert read(Bounds(), stream) == ([Delta("好"), LAST], "itself", 0.0)
    assert stream.n_given == 2


# -- how much ---------------------------------------------------------------------------------------------------


def test_characters_are_cut_where_the_bound_is() -> None:
    stream = Stream("年假", "is 5 days", "more", LAST)
    assert read(Bounds(max_characters=6), stream) == ([Delta("年假"), Delta("is 5"), CUT], "characters", 0.0)
    assert stream.n_given == 2
    assert read(Bounds(max_characters=2), Stream("年假", LAST)) == ([Delta("年假"), LAST], "itself", 0.0)
    assert read(Bounds(max_characters=2), Stream("年假", "x")) == ([Delta("年假"), CUT], "characters", 0.0)
    assert read(Bounds(max_characters=0), Stream("年假")) == ([CUT], "characters", 0.0)


def test_a_last_delta_with_too_much_text_is_cut_too() -> None:
    found = read(Bounds(max_characters=1), Stream(Delta("年假", finish_reason="stop")))
    assert found == ([Delta("年"), CUT], "characters", 0.0)


@settings(deadline=None)
@given(
    pieces=st.lists(st.text("年假 days5.", min_size=1, max_size=9) | st.text("中", min_size=200, max_size=700)),
    most=st.integers(0, 900),
)
def test_tokens_are_cut_where_the_bound_is(pieces: list[str], most: int) -> None:
    found, ended_by, _ = read(Bounds(max_tokens=most, stops_repetition=False), Stream(*pieces))
    text = "".join(delta.text for delta in found)
    assert text == "".join(pieces)[:most]  # a character is a token here
    assert ended_by == ("tokens" if len("".join(pieces)) > most else "itself")


def test_tokens_are_counted_on_text_and_not_on_its_pieces() -> None:
    text = "员工入职满一年后，每年享有十天带薪年休假。The warranty lasts 24 months. " * 40
    counted = estimated_tokens(text)
    # Of one character each, pieces would be estimated at three tokens.
    bounds = Bounds(max_tokens=int(counted * 1.1), stops_repetition=False)
    found, ended_by, _ = read(bounds, Stream(*text), count=estimated_tokens)
    assert ended_by == "itself"
    assert "".join(delta.text for delta in found) == text


def test_counting_tokens_is_linear_in_the_text() -> None:
    n_counted = 0

    def count(text: str) -> int:
        nonlocal n_counted
        n_counted += len(text)
        return len(text)

    read(Bounds(max_tokens=10**9, stops_repetition=False), Stream(*"中" * 4000), count=count)
    assert n_counted < 4000 * 65


# -- how long ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps, bounds, texts, ended_by, ended_at",
    [
        ((9.0, "好"), Bounds(first_seconds=5), [], "first", 5.0),
        (("好", 9.0, "x"), Bounds(first_seconds=5), ["好", "x"], "itself", 9.0),
        ((9.0, "好", 4.0, "的", 6.0, "x"), Bounds(between_seconds=5), ["好", "的"], "between", 18.0),
        ((2.0, "好", 2.0, "的", 2.0, "x"), Bounds(total_seconds=5), ["好", "的"], "total", 5.0),
        ((9.0, "好"), Bounds(total_seconds=5, first_seconds=6), [], "total", 5.0),
        ((9.0, "好"), Bounds(total_seconds=6, first_seconds=5), [], "first", 5.0),
        ((2.0, "好", 9.0), Bounds(5, 5, 3, 3, 4), ["好"], "total", 4.0),
        ((0.0, "好"), Bounds(first_seconds=0), [], "first", 0.0),
    ],
)
def test_time_is_bounded(
    steps: tuple[Any, ...], bounds: Bounds, texts: list[str], ended_by: Ending, ended_at: float
) -> None:
    stream = Stream(*steps)
    found, ending, at = read(bounds, stream)
    assert [delta.text for delta in found if delta.text] == texts
    assert (ending, at) == (ended_by, ended_at)
    assert found[-1:] == ([CUT] if ended_by != "itself" else [Delta(texts[-1])])
    assert stream.closed_at == (ended_at if bounds.first_seconds != 0 else None)  # it had not begun


def test_a_stream_that_never_waits_is_bounded_in_time() -> None:
    class Hurried(Stream):
        async def deltas(self) -> AsyncIterator[Delta]:
            while True:
                asyncio.get_running_loop().clock.now += 0.125  # type: ignore[attr-defined]
                self.closed_at = now()
                yield Delta(str(random.random()))

    found, ended_by, _ = read(Bounds(total_seconds=5), Hurried())
    assert (len(found), ended_by) == (41, "total")


def test_time_that_the_reader_takes_is_the_reader_s() -> None:
    async def slowly() -> tuple[int, Ending | None]:
        within = Bounds(between_seconds=1).around(Stream("一", "二", "三", LAST).deltas(), count_tokens=len)
        n = 0
        async for _ in within:
            n += 1
            await asyncio.sleep(10)
        return n, within.ended_by

    assert run(slowly()) == (4, "itself")


def test_a_stream_s_own_errors_are_passed_on() -> None:
    for error in (ModelTimeout("{address} was silent.", address="x"), TimeoutError("its own")):

        async def fail(error: Exception = error) -> None:
            stream = Stream("好", error)
            within = Bounds(total_seconds=5).around(stream.deltas(), count_tokens=len)
            with pytest.raises(type(error)) as caught:
                [delta async for delta in within]
            assert caught.value is error
            assert (within.ended_by, stream.closed_at) == (None, 0.0)

        run(fail())


# -- who ends it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("others", [Bounds(), Bounds(total_seconds=3)])
def test_an_event_ends_a_silent_stream(others: Bounds) -> None:
    async def cancel() -> None:
        cancelled = asyncio.Event()
        stream = Stream("好", 1000.0, "x")
        within = others.around(stream.deltas(), count_tokens=len, cancelled=cancelled)
        asyncio.get_running_loop().call_at(3.0, cancelled.set)  # with a limit at the same moment, too
        assert [delta async for delta in within] == [Delta("好"), CUT]
        assert within.ended_by in (("cancelled", "total") if others.total_seconds else ("cancelled",))
        assert stream.closed_at == 3.0

    run(cancel())


def test_an_event_ends_a_stream_that_talks() -> None:
    async def cancel() -> None:
        cancelled = asyncio.Event()
        stream = Stream("好", again=True)
        within = Bounds(stops_repetition=False).around(stream.deltas(), count_tokens=len, cancelled=cancelled)
        found = []
        async for delta in within:
            found.append(delta)
            if len(found) == 3:
                cancelled.set()
        assert found == [Delta("好")] * 3 + [CUT]
        assert (within.ended_by, stream.n_given) == ("cancelled", 3)

    run(cancel())


def test_an_event_that_was_set_before_lets_nothing_begin() -> None:
    async def cancel() -> None:
        cancelled = asyncio.Event()
        cancelled.set()
        stream = Stream("好")
        within = Bounds().around(stream.deltas(), count_tokens=len, cancelled=cancelled)
        assert [delta async for delta in within] == [CUT]
        assert (within.ended_by, stream.n_given) == ("cancelled", 0)

    run(cancel())


def test_no_task_is_left_behind() -> None:
    async def count_tasks() -> int:
        cancelled = asyncio.Event()
        async for _ in Bounds(total_seconds=50).around(
            Stream("一", 1.0, "二", LAST).deltas(), count_tokens=len, cancelled=cancelled
        ):
            """Reads on."""
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert run(count_tasks()) == 1


@pytest.mark.parametrize("n_read", [0, 1])
def test_closing_it_closes_the_stream(n_read: int) -> None:
    async def close() -> None:
        stream = Stream("一", "二")
        deltas = stream.deltas()
        within = Bounds(total_seconds=5).around(deltas, count_tokens=len)
        for _ in range(n_read):
            await anext(within)
        await within.aclose()
        assert (stream.closed_at, within.ended_by) == (0.0 if n_read else None, None)
        with pytest.raises(StopAsyncIteration):
            await anext(deltas)

    run(close())


def test_a_reader_that_just_stops_closes_the_stream() -> None:
    gc.disable()
    try:

        async def stop() -> float | None:
            stream = Stream("一", "二")
            async for _ in Bounds(total_seconds=5).around(stream.deltas(), count_tokens=len, cancelled=asyncio.Event()):
                break
            await asyncio.sleep(1)
            return stream.closed_at

        assert run(stop()) == 0.0
    finally:
        gc.enable()


def test_a_cancelled_task_closes_the_stream() -> None:
    async def cancel() -> None:
        stream = Stream("一", 1000.0)
        within = Bounds(total_seconds=500).around(stream.deltas(), count_tokens=len, cancelled=asyncio.Event())

        async def read_all() -> None:
            async for _ in within:
                """Reads on."""

        task = asyncio.create_task(read_all())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (stream.closed_at, within.ended_by) == (1.0, None)

    run(cancel())


# -- loops ------------------------------------------------------------------------------------------------------

ANSWER = "员工入职满一年后，每年享有 10 天带薪年休假[1]。The warranty lasts 24 months from delivery [2].\n" * 3


@pytest.mark.parametrize(
    "unit",
    [
        "好",
        " ",
        "\n",
        "年假为五天[1]。",
        "I do not know. ",
        "- 同上\n",
        "a-b",
        "中" * 399 + "。",
        "她说：“好。”\n",
        "臺北",
    ],
)
def test_a_loop_is_found_however_it_is_cut(unit: str) -> None:
    for seed in range(3):
        chance = random.Random(seed)
        text, sizes = ANSWER + unit * 6000, [chance.randint(1, 30) for _ in range(400)]
        pieces = [text[sum(sizes[:n]) : sum(sizes[: n + 1])] for n in range(len(sizes))]
        found, ended_by, _ = read(Bounds(), Stream(*pieces))
        said = "".join(delta.text for delta in found)
        assert ended_by == "repetition"
        assert text.startswith(said)
        # Not before it has been said five times and over a thousand characters, and soon after that.
        at_least = max(1000, 5 * len(unit))
        assert at_least <= len(said) - len(ANSWER) + len(unit) <= at_least + len(unit) + 200


@pytest.mark.parametrize(
    "text",
    [
        ANSWER * 2,
        "|---" * 60 + "|\n" + "".join(f"| {n} | 0 | 0 | 否 |\n" for n in range(400)),
        "".join(f"{n}. 年假为五天。\n" for n in range(300)),
        "0" * 900 + "1",
        "-" * 800 + "\n" + "第一节。\n",
        "[" + "0, " * 300 + "1]",
        "副歌：千寻千寻，寻你千回。\n第一段：山高水长。\n" * 20,
        "\n\n".join(f"段落 {n}：" + "同样的条款适用于本合同的各方。" * 20 for n in range(30)),
        "".join(random.Random(3).choices("的是在有年假天0123456789 abc。\n", k=20000)),
        "x" * 399 + "".join(map(str, range(2000))),
    ],
)
def test_what_is_no_loop_is_let_through(text: str) -> None:
    chance = random.Random(1)
    pieces = []
    while sum(map(len, pieces)) < len(text):
        start = sum(map(len, pieces))
        pieces.append(text[start : start + chance.randint(1, 300)])
    found, ended_by, _ = read(Bounds(), Stream(*pieces, LAST))
    assert "".join(delta.text for delta in found) == text
    assert ended_by == "itself"


def test_loops_are_let_through_where_they_are_wanted() -> None:
    assert read(Bounds(stops_repetition=False), Stream(*["好" * 50] * 100))[1] == "itself"


@settings(deadline=None)
@given(
    before=st.text("ab", max_size=50),
    unit=st.text("ab", min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 99), min_size=30, max_size=30),
)
def test_only_a_true_period_is_a_loop(before: str, unit: str, sizes: list[int]) -> None:
    text = before + unit * 4000
    pieces = [text[sum(sizes[:n]) : sum(sizes[: n + 1])] for n in range(len(sizes))]
    found, ended_by, _ = read(Bounds(), Stream(*pieces))
    said = "".join(delta.text for delta in found)
    if ended_by == "repetition":
        end = said[-1000:]
        assert any(end[period:] == end[:-period] for period in range(1, 201))
    else:
        assert len(said) - len(before) < 1200


# -- with a server ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply, bounds, ended_by",
    [
        (Reply("永远。", fault="endless"), Bounds(), "repetition"),
        (Reply("永远。", fault="endless"), Bounds(max_characters=99), "characters"),
        (Reply("永远。", fault="endless"), Bounds(max_tokens=99), "tokens"),
        (Reply("一二三", fault="silence", after=None), Bounds(first_seconds=0.2), "first"),
        # Comments keep the connection alive: to the generator the server is not silent.
        (Reply("一二三", fault="silence", comments=True), Bounds(first_seconds=0.2), "first"),
        (Reply("一二三", fault="silence", after=2, comments=True), Bounds(between_seconds=0.2), "between"),
        (Reply("一二三", fault="silence", after=2, comments=True), Bounds(total_seconds=0.3), "total"),
        (Reply("一二三"), Bounds(max_tokens=9, first_seconds=20, between_seconds=20, total_seconds=20), "itself"),
    ],
)
def test_a_server_is_left_at_the_bound(reply: Reply, bounds: Bounds, ended_by: Ending) -> None:
    with ScriptedServer([reply]) as server:
        generator = HttpGenerator(Settings(generator=GeneratorSettings(url=server.url), remote=RemoteSettings()))

        async def read_all() -> Ending | None:
            stream = generator.stream([Message("user", "几天？")], sampling=Sampling(max_tokens=4000))
            within = bounds.around(stream, count_tokens=generator.count_tokens, cancelled=asyncio.Event())
            async for _ in within:
                """Reads on."""
            # The server is left at once, not when the loop ends.
            assert await asyncio.to_thread(server.chat(1).wait)
            return within.ended_by

        assert asyncio.run(read_all()) == ended_by
        assert server.chat(1).went_away is (ended_by != "itself")
        generator.close()


def test_a_person_who_cancels_stops_the_server() -> None:
    with ScriptedServer([Reply("一二三", fault="silence", after=2)]) as server:
        generator = HttpGenerator(Settings(generator=GeneratorSettings(url=server.url)))

        async def read_two() -> Ending | None:
            cancelled = asyncio.Event()
            stream = generator.stream([Message("user", "几天？")], sampling=Sampling())
            within = Bounds().around(stream, count_tokens=generator.count_tokens, cancelled=cancelled)
            n = 0
            async for _ in within:
                n += 1
                if n == 2:
                    asyncio.get_running_loop().call_soon(cancelled.set)  # while it waits for the third
            assert await asyncio.to_thread(server.chat(1).wait)
            return within.ended_by

        assert asyncio.run(read_two()) == "cancelled"
        assert (server.chat(1).went_away, server.chat(1).n_deltas) == (True, 2)
        generator.close()
