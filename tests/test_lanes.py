"""Bounded queues and places: who is let in, who is told to come again, and what who goes leaves behind."""

import asyncio
import contextvars
import gc
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from service_fixtures import Served

from qianxun import TextItem, assemble
from qianxun.errors import InputError, Overloaded
from qianxun.models.wrappers import callers
from qianxun.protocols import Delta, Message, Sampling
from qianxun.service.lanes import Lane, Places, overloaded
from qianxun.settings import Settings

T = TypeVar("T")


def run(flow: Callable[[], Awaitable[T]]) -> T:
    """The flow in a loop of its own, 20 seconds at most."""

    async def timed() -> T:
        return await asyncio.wait_for(flow(), 20)

    return asyncio.run(timed())


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.001)


class Gate:
    """Calls that wait until they are let go."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.called: list[str] = []

    def call(self, name: str) -> str:
        self.called.append(name)
        assert self.open.wait(20)
        return name


def test_what_a_function_returns_and_raises_comes_back() -> None:
    def fails() -> None:
        raise InputError("年假 {n}", n=5)

    async def flow() -> None:
        lane = Lane("search", threads=1, queue=0)
        assert await lane.run(lambda a, b: a + b, "年", b="假") == "年假"
        for _ in range(3):  # an error gives its thread back
            with pytest.raises(InputError, match="年假 5"):
                await lane.run(fails)
        assert await lane.run(threading.current_thread) is not threading.current_thread()
        await until(lambda: lane.n_running == 0)
        lane.close()

    run(flow)


def test_context_goes_along() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")

    async def flow() -> str:
        lane = Lane("look", threads=1, queue=0)
        name.set("员工")
        try:
            return await lane.run(name.get)
        finally:
            lane.close()

    assert run(flow) == "员工"


def test_a_full_queue_refuses_at_once_and_says_when_to_come_again() -> None:
    async def flow() -> None:
        lane, gate = Lane("search", threads=2, queue=3), Gate()
        inside = [asyncio.create_task(lane.run(gate.call, str(n))) for n in range(5)]
        await until(lambda: (lane.n_running, lane.n_waiting) == (2, 3))
        for n in range(1, 4):
            with pytest.raises(Overloaded) as refused:
                await lane.run(gate.call, "late")
            assert refused.value.retry_after >= 1.0
            assert float(refused.value.retry_after).is_integer()
            assert lane.n_refused == n
        gate.open.set()
        assert await asyncio.gather(*inside) == ["0", "1", "2", "3", "4"]
        assert "late" not in gate.called
        await until(lambda: (lane.n_running, lane.n_waiting) == (0, 0))
        assert await lane.run(gate.call, "again") == "again"
        lane.close()

    run(flow)


def test_who_waits_comes_in_order() -> None:
    async def flow() -> list[str]:
        lane, gate = Lane("search", threads=1, queue=9), Gate()
        inside = [asyncio.create_task(lane.run(gate.call, str(n))) for n in range(6)]
        await until(lambda: lane.n_waiting == 5)
        gate.open.set()
        await asyncio.gather(*inside)
        lane.close()
        return gate.called

    assert run(flow) == ["0", "1", "2", "3", "4", "5"]


def test_who_goes_before_their_turn_costs_nothing_and_leaves_room() -> None:
    async def flow() -> None:
        lane, gate = Lane("search", threads=1, queue=2), Gate()
        first, second, third = (asyncio.create_task(lane.run(gate.call, name)) for name in ("1", "2", "3"))
        await until(lambda: lane.n_waiting == 2)
        second.cancel()
        await asyncio.wait((second,))
        assert lane.n_waiting == 1
        fourth = asyncio.create_task(lane.run(gate.call, "4"))
        await until(lambda: lane.n_waiting == 2)
        gate.open.set()
        assert await asyncio.gather(first, third, fourth) == ["1", "3", "4"]
        assert gate.called == ["1", "3", "4"]
        lane.close()

    run(flow)


def test_who_goes_in_their_turn_keeps_the_thread_until_it_is_done() -> None:
    """A thread cannot be stopped: that it is taken for free would let ever more of them run."""

    async def flow() -> None:
        lane, gate = Lane("search", threads=1, queue=1), Gate()
        gone = asyncio.create_task(lane.run(gate.call, "gone"))
        await until(lambda: gate.called == ["gone"])
        gone.cancel()
        await asyncio.wait((gone,))
        following = asyncio.create_task(lane.run(gate.call, "next"))
        await until(lambda: lane.n_waiting == 1)
        with pytest.raises(Overloaded):
            await lane.run(gate.call, "late")
        assert gate.called == ["gone"]
        gate.open.set()
        assert await following == "next"
        lane.close()

    run(flow)


def test_a_closed_lane_refuses_and_loses_no_place() -> None:
    async def flow() -> None:
        lane = Lane("search", threads=1, queue=1)
        lane.close()
        for _ in range(3):
            with pytest.raises(Overloaded):
                await lane.run(str, "年假")
        assert (lane.n_running, lane.n_waiting) == (0, 0)

    run(flow)


def test_who_goes_no_longer_waits_for_an_engine() -> None:
    """What runs in the thread hears of it: it leaves the queue of an engine of this process."""
    left = threading.Event()

    def waits_for_an_engine() -> None:
        with callers.current().waiting(left.set):
            assert left.wait(20)

    async def flow() -> None:
        lane = Lane("models", threads=1, queue=1)
        gone = asyncio.create_task(lane.run(waits_for_an_engine))
        await until(lambda: lane.n_running == 1)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await until(lambda: lane.n_running == 0)
        assert left.is_set()
        lane.close()

    run(flow)


def test_however_many_go_nothing_is_lost() -> None:
    async def flow() -> None:
        lane = Lane("search", threads=2, queue=100)
        for turn in range(20):
            tasks = [asyncio.create_task(lane.run(len, "年假")) for _ in range(20)]
            for place, task in enumerate(tasks):
                if (place * 7 + turn) % 3 == 0:
                    task.cancel()
                if place % 5 == turn % 5:
                    await asyncio.sleep(0)
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert {one for one in done if not isinstance(one, asyncio.CancelledError)} <= {2}
        await until(lambda: (lane.n_running, lane.n_waiting) == (0, 0))
        gate = Gate()
        both = [asyncio.create_task(lane.run(gate.call, name)) for name in "ab"]
        await until(lambda: sorted(gate.called) == ["a", "b"])  # both threads are free again
        gate.open.set()
        await asyncio.gather(*both)
        lane.close()

    run(flow)


@pytest.mark.parametrize("seconds, told", [(0.0, 1), (0.4, 1), (1.0, 1), (1.01, 2), (59.5, 60)])
def test_retry_after_is_whole_seconds_and_one_at_least(seconds: float, told: int) -> None:
    assert overloaded("answers", seconds).retry_after == told


def test_places_are_given_back_however_it_ends() -> None:
    async def flow() -> None:
        places = Places("answers", 2)
        async with places.place():

            async def fails() -> None:
                async with places.place():
                    assert places.n_taken == 2
                    with pytest.raises(Overloaded):
                        await fails()
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await fails()
            assert places.n_taken == 1

            async def stays() -> None:
                async with places.place():
                    await asyncio.sleep(100)

            task = asyncio.create_task(stays())
            await until(lambda: places.n_taken == 2)
            task.cancel()
            await asyncio.wait((task,))
            assert places.n_taken == 1
        assert (places.n_taken, places.n_refused) == (0, 1)

    run(flow)


# -- in the service ------------------------------------------------------------------------------------------


class Stuck:
    """A model that begins and does not end until it is let."""

    name, context_tokens = "stuck", 6000
    running = 0
    go_on = threading.Event()

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    async def stream(
        self, messages: Sequence[Message], *, schema: Any = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """Five days, in the end."""
        Stuck.running += 1
        try:
            while not Stuck.go_on.is_set():
                await asyncio.sleep(0.005)
            yield Delta("每年有五天年假[1]。", finish_reason="stop", usage=(10, 5))
        finally:
            Stuck.running -= 1

    def count_tokens(self, text: str) -> int:
        """As many as there are characters."""
        return len(text)


def test_a_slow_model_does_not_hold_up_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(assemble.BUILT_IN["generators"], "stuck", f"{__name__}:Stuck")  # type: ignore[arg-type]
    Stuck.go_on.clear()
    most = 24
    served = Served(tmp_path, ("generator.name=stuck", f"service.streams={most}", "service.search_threads=1"))
    with served.base() as kb:
        kb.add_texts([TextItem("年假.md", "年假", "工作满一年的员工每年有五天带薪年假。")], labels=["public"])
    ended: list[str] = []

    async def flow() -> None:
        transport = httpx.ASGITransport(served.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60) as client:

            async def post(path: str, body: dict[str, Any]) -> httpx.Response:
                reply = await client.post(f"/api/v1/bases/default/{path}", json=body)
                ended.append(f"{path} {reply.status_code}")
                return reply

            asks = [asyncio.create_task(post("ask", {"question": f"年假有几天？{n}"})) for n in range(most)]
            await until(lambda: Stuck.running == most)
            searches = await asyncio.gather(*(post("search", {"query": "年假"}) for _ in range(20)))
            assert all([hit["source"] for hit in reply.json()["hits"]] == ["年假.md"] for reply in searches)
            assert (await client.get("/api/v1/bases/default/documents")).status_code == 200
            one_more = await post("ask", {"question": "年假？"})
            assert one_more.json()["kind"] == "Overloaded"
            assert int(one_more.headers["retry-after"]) >= 1
            assert Stuck.running == most
            Stuck.go_on.set()
            for reply in await asyncio.gather(*asks):
                assert "五天" in reply.json()["answer"]

    run(flow)
    assert ended == ["search 200"] * 20 + ["ask 503"] + ["ask 200"] * most
    assert served.service.streams.n_taken == 0
    served.close()
    gc.collect()


def test_who_writes_does_not_hold_up_who_looks(tmp_path: Path) -> None:
    """Another process may be writing for long: those who wait for it must not take the places of those who read."""
    served = Served(tmp_path)
    with served.base() as kb:
        kb.add_texts([TextItem("年假.md", "年假", "工作满一年的员工每年有五天带薪年假。")], labels=["public"])
    headers = {"Authorization": f"Bearer {served.key(admin=True)}"}
    _, write = assemble.locks(tmp_path / "kb" / "default")

    async def flow() -> None:
        transport = httpx.ASGITransport(served.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:8000", timeout=60, headers=headers
        ) as client:
            path = "/api/v1/bases/default/documents"
            with write.held():
                waiting = [asyncio.create_task(client.patch(f"{path}/1", json={"add": [f"l{n}"]})) for n in range(8)]
                lane = served.service.lanes["change"]
                await until(lambda: lane.n_running + lane.n_waiting == 8)
                assert (await client.get(path)).json()["documents"][0]["labels"] == ["public"]
                assert (await client.get(f"{path}/1")).status_code == 200
                assert not any(one.done() for one in waiting)
            assert {reply.status_code for reply in await asyncio.gather(*waiting)} == {200}
            labels = (await client.get(f"{path}/1")).json()["document"]["labels"]
            assert labels == [*sorted(f"l{n}" for n in range(8)), "public"]

    run(flow)
    served.close()
