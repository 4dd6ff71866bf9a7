"""How often and how much at a time: counted in memory, and in a real Redis that several share, goes, and comes back."""

import asyncio
import contextlib
import logging
import shutil
import socket
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from service_fixtures import Served

from qianxun import TextItem
from qianxun.errors import LimitReached
from qianxun.service import limits
from qianxun.service.access import Caller, Limits
from qianxun.service.limits import Limiter
from qianxun.settings import load_settings

T = TypeVar("T")
BASES = "/api/v1/bases"


def run(flow: Callable[[], Awaitable[T]]) -> T:
    async def timed() -> T:
        return await asyncio.wait_for(flow(), 30)

    return asyncio.run(timed())


def caller(name: str = "王", **most: int) -> Caller:
    return Caller(f"key:{name}", name, None, None, frozenset(), Limits(**most))


def limiter(*overrides: str) -> Limiter:
    return Limiter(load_settings(overrides=list(overrides)).service)


async def taken(limiter: Limiter, who: Caller, n: int) -> int:
    """How many of n requests were let through."""
    found = 0
    for _ in range(n):
        with contextlib.suppress(LimitReached):
            await limiter.request(who)
            found += 1
    return found


def client_of(served: Served, secret: str = "", **how: Any) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    transport = httpx.ASGITransport(served.app)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers, timeout=30, **how)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    services: list[Served] = []

    def make(*overrides: str, home: str = "home") -> Served:
        new = not (tmp_path / home).exists()
        services.append(Served(tmp_path / home, overrides))
        if new:
            with services[-1].base() as kb:
                kb.add_texts([TextItem("年假.md", "年假", "员工每年有五天带薪年假。")], labels=["public"])
        return services[-1]

    yield make
    for one in services:
        one.close()


# -- in memory -----------------------------------------------------------------------------------------------


def test_each_caller_has_their_own_minute() -> None:
    async def flow() -> None:
        counts = limiter()
        one, other = caller("王", requests_per_minute=3), caller("李", requests_per_minute=5)
        assert await taken(counts, one, 6) == 3
        assert await taken(counts, other, 6) == 5
        assert await taken(counts, caller("陳"), 50) == 50  # no limit
        with pytest.raises(LimitReached, match="More than 3 requests") as reached:
            await counts.request(one)
        assert 1.0 <= reached.value.retry_after <= 60.0

    run(flow)


def test_a_request_too_many_is_a_problem_that_says_when_to_come_again(made: Callable[..., Served]) -> None:
    served = made()
    secret, unlimited = served.key(labels=["public"], requests_per_minute=2), served.key(admin=True)

    async def flow() -> list[httpx.Response]:
        async with client_of(served, secret) as client, client_of(served, unlimited) as admin:
            replies = [await client.get(BASES) for _ in range(4)]
            assert [(await admin.get(BASES)).status_code for _ in range(10)] == [200] * 10
            assert (await client.get("/healthz")).status_code == 200  # who looks after it is not counted
            # The same key by another header, or a new secret of it, is the same caller.
            moved = {"X-API-Key": secret, "Authorization": ""}
            assert (await client.get(BASES, headers=moved)).status_code == 429
            rotated = served.service.keys.rotate(secret.split("-")[1])
            shown = {"Authorization": f"Bearer {rotated}"}
            assert (await client.get(BASES, headers=shown)).status_code == 429
            return replies

    replies = run(flow)
    assert [reply.status_code for reply in replies] == [200, 200, 429, 429]
    problem = replies[2].json()
    assert (problem["kind"], problem["status"]) == ("LimitReached", 429)
    assert 1 <= int(replies[2].headers["retry-after"]) <= 60


def test_settings_hold_where_a_key_says_nothing_and_not_for_administrators(made: Callable[..., Served]) -> None:
    served = made("service.requests_per_minute=2", "service.anonymous_requests_per_minute=1")

    async def flow() -> dict[str, list[int]]:
        found = {}
        secrets = {"key": served.key(), "own": served.key(requests_per_minute=3), "admin": served.key(admin=True)}
        for name, secret in {"nobody": "", **secrets}.items():
            async with client_of(served, secret) as client:
                found[name] = [(await client.get(BASES)).status_code for _ in range(4)]
        return found

    assert run(flow) == {
        "nobody": [200, 429, 429, 429],
        "key": [200, 200, 429, 429],
        "own": [200, 200, 200, 429],
        "admin": [200, 200, 200, 200],
    }


def test_answers_at_a_time_of_one_caller(made: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    served = made()
    secret, other = served.key(streams=1), served.key(streams=1)
    go_on = asyncio.Event()

    async def waits(*_: object, **__: object) -> Any:
        from qianxun.answering.events import Text

        await go_on.wait()
        yield Text("五天")
        raise LimitReached("年假")

    monkeypatch.setattr("qianxun.knowledge_base.KnowledgeBase.stream", waits)

    async def flow() -> None:
        async with client_of(served, secret) as client, client_of(served, other) as another:
            body = {"question": "年假有几天？", "stream": True}
            path = f"{BASES}/default/ask"
            first = asyncio.create_task(client.post(path, json=body))
            while not served.service.streams.n_taken:
                await asyncio.sleep(0.001)
            second = await client.post(path, json=body)
            assert (second.status_code, second.json()["kind"]) == (429, "LimitReached")
            assert int(second.headers["retry-after"]) >= 1
            third = asyncio.create_task(another.post(path, json=body))  # somebody else has places of their own
            while served.service.streams.n_taken < 2:
                await asyncio.sleep(0.001)
            go_on.set()
            assert [(await one).status_code for one in (first, third)] == [200, 200]
            assert (await client.post(path, json=body)).status_code == 200
        assert served.service.limiter._streams == {}
        assert served.service.streams.n_taken == 0

    run(flow)


# -- in Redis ------------------------------------------------------------------------------------------------


class Redis:
    """A Redis of our own on a port of its own, which can be ended and begun again."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        listening = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [self.program, *listening, "--dir", str(self.folder), "--loglevel", "warning"], stdout=subprocess.DEVNULL
        )
        pause = threading.Event()
        while not self.answers():  # it has no other way to say that it is ready
            assert self.process.poll() is None, "redis-server ended at once"
            pause.wait(0.01)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    server = Redis(program, tmp_path)
    server.begin()
    yield server
    server.end()


def test_processes_count_together_in_redis(redis: Redis, made: Callable[..., Served]) -> None:
    both = [made(f"service.limits_redis={redis.url}") for _ in range(2)]
    secret = both[0].key(labels=["public"], requests_per_minute=5)

    async def flow() -> list[int]:
        async with client_of(both[0], secret) as one, client_of(both[1], secret) as other:
            found = [(await client.get(BASES)).status_code for _ in range(4) for client in (one, other)]
        await asyncio.gather(*(one.service.limiter.close() for one in both))
        return found

    assert run(flow) == [200] * 5 + [429] * 3


def test_what_redis_holds_names_nobody_and_ends(redis: Redis) -> None:
    async def flow() -> None:
        import redis.asyncio as client

        counts = limiter(f"service.limits_redis={redis.url}")
        await taken(counts, caller("3f9a1c2e", requests_per_minute=3), 4)
        async with client.Redis(port=redis.port) as connection:
            names = [name.decode() async for name in connection.scan_iter()]
            assert names
            assert all(name.startswith("qianxun:limits") and "3f9a1c2e" in name for name in names)
            assert all([0 < await connection.ttl(name) <= 240 for name in names])
        await counts.close()

    run(flow)


def test_a_redis_that_is_away_is_done_without_and_taken_up_again(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(limits, "now", lambda: clock[0])

    async def flow() -> None:
        one, other = (limiter(f"service.limits_redis={redis.url}") for _ in range(2))
        who = caller(requests_per_minute=4)
        assert await taken(one, who, 2) + await taken(other, who, 4) == 4
        redis.end()
        with caplog.at_level(logging.WARNING):
            # Each counts for itself, and refuses all the same.
            assert await taken(one, who, 6) == 4
            assert await taken(other, who, 6) == 4
        assert len(caplog.records) == 2  # once each: not for every request
        redis.begin()
        newcomer = caller("新", requests_per_minute=4)
        assert await taken(one, newcomer, 2) == 2  # it is left alone for a while
        clock[0] += 10.0
        assert await taken(one, newcomer, 2) + await taken(other, newcomer, 6) == 4
        await asyncio.gather(one.close(), other.close())

    run(flow)


def test_a_redis_that_never_was_does_not_stop_anybody(made: Callable[..., Served]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        served = made(f"service.limits_redis=redis://127.0.0.1:{free.getsockname()[1]}/0")
        secret = served.key(labels=["public"], requests_per_minute=3)

        async def flow() -> list[int]:
            async with client_of(served, secret) as client:
                found = [(await client.get(BASES)).status_code for _ in range(5)]
            await served.service.limiter.close()
            return found

        assert run(flow) == [200, 200, 200, 429, 429]
