"""The caches: the same suite over all of them, then what is particular to each. Redis is a real server."""

import logging
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cache_conformance import KEYS, CacheConformance

from qianxun.caches import MemoryCache, RedisCache, SealedCache, memory
from qianxun.caches import redis as redis_cache
from qianxun.caches.sealed import OVERHEAD_BYTES
from qianxun.errors import MissingExtra, SettingsError
from qianxun.settings import Settings, with_overrides


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class TestMemory(CacheConformance):
    clock: Clock

    @pytest.fixture
    def cache(self) -> MemoryCache:
        self.clock = Clock()
        return MemoryCache(64, now=self.clock)

    def let_pass(self, cache: MemoryCache, seconds: float) -> None:
        self.clock.seconds += seconds


class TestSealed(CacheConformance):
    clock: Clock
    max_value_bytes = memory.MAX_VALUE_BYTES - OVERHEAD_BYTES

    @pytest.fixture
    def cache(self) -> SealedCache:
        self.clock = Clock()
        return SealedCache(MemoryCache(64, now=self.clock), bytes(range(32)))

    def let_pass(self, cache: SealedCache, seconds: float) -> None:
        self.clock.seconds += seconds


def test_what_is_sealed_can_be_read_with_its_secret_only() -> None:
    inner = MemoryCache(64)
    SealedCache(inner, b"a" * 32).set({KEYS[0]: "年假有五天".encode()})
    assert SealedCache(inner, b"a" * 32).get([KEYS[0]]) == ["年假有五天".encode()]
    assert SealedCache(inner, b"b" * 32).get([KEYS[0]]) == [None]
    assert inner.get([KEYS[0]]) == [None], "names are hashes too"
    (value,) = (value for value, _ in inner._kept.values())
    assert "年假".encode() not in value


def test_what_was_sealed_and_then_changed_or_moved_is_not_there() -> None:
    inner = MemoryCache(64)
    sealed = SealedCache(inner, b"a" * 32)
    sealed.set({KEYS[0]: b"zero", KEYS[1]: b"one"})
    (first, second) = inner._kept
    values = [inner._kept[first][0], inner._kept[second][0]]
    inner.set({first: values[1], second: values[0][:-1] + bytes([values[0][-1] ^ 1])})
    assert sealed.get([KEYS[0], KEYS[1]]) == [None, None]
    inner.set({first: b"short"})
    assert sealed.get([KEYS[0]]) == [None]


@pytest.fixture(scope="module")
def server() -> Iterator[Path]:
    """A Redis of our own, listening on a socket file; it keeps nothing on disk."""
    pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    # A socket's path has 100 characters at most; pytest's folders have more.
    with tempfile.TemporaryDirectory(prefix="qx") as place, running(program, Path(place)) as path:
        yield path


@contextmanager
def running(program: str, place: Path, port: int = 0) -> Iterator[Path]:
    """A Redis listening on a socket file in a folder, from when it answers until it has ended."""
    path = place / "redis.sock"
    listening = ["--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(path)]
    keeping = ["--save", "", "--appendonly", "no", "--dir", str(place), "--loglevel", "warning"]
    process = subprocess.Popen([program, *listening, *keeping], stdout=subprocess.DEVNULL)
    try:
        pause = threading.Event()
        while not answers(path):  # it has no other way to say that it is ready
            assert process.poll() is None, "redis-server ended at once"
            pause.wait(0.01)
        yield path
    finally:
        process.terminate()
        process.wait()


def answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def client_of(path: Path) -> Any:
    import redis

    return redis.Redis(unix_socket_path=str(path))


@pytest.fixture
def redis_at(server: Path) -> Iterator[Any]:
    """A plain client of the server, which is empty."""
    with client_of(server) as client:
        client.flushall()
        yield client


@pytest.fixture(autouse=True)
def patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy test machine may be slower than a search may wait; tests of slowness use what is in force."""
    if "slow" not in request.node.name:
        monkeypatch.setattr(redis_cache, "_CONNECT_SECONDS", 30.0)
        monkeypatch.setattr(redis_cache, "_ANSWER_SECONDS", 30.0)


class TestRedis(CacheConformance):
    @pytest.fixture
    def cache(self, server: Path, redis_at: Any) -> Iterator[RedisCache]:
        self.client = redis_at
        opened = RedisCache(f"unix://{server}")
        yield opened
        opened.close()

    def let_pass(self, cache: RedisCache, seconds: float) -> None:
        """Brings the end of every key nearer, as the server's clock would."""
        for key in self.client.scan_iter():
            left = self.client.pttl(key)
            if left >= 0:
                self.client.pexpire(key, int(left - seconds * 1000))


# -- memory ---------------------------------------------------------------------------------------------------


def test_memory_forgets_what_was_not_used_for_longest() -> None:
    cache = MemoryCache(2)
    cache.set({KEYS[0]: b"0", KEYS[1]: b"1"})
    cache.get([KEYS[0]])
    cache.set({KEYS[2]: b"2"})
    assert cache.get(KEYS[:3]) == [b"0", None, b"2"]


def test_memory_for_no_entries_keeps_none() -> None:
    cache = MemoryCache(0)
    cache.set({KEYS[0]: b"0"})
    assert cache.get([KEYS[0]]) == [None]


def test_the_settings_say_how_much_memory_keeps() -> None:
    cache = memory.open_cache(with_overrides(Settings(), ["models.query_cache=1"]))
    cache.set({KEYS[0]: b"0", KEYS[1]: b"1"})
    assert cache.get(KEYS[:2]) == [None, b"1"]


@pytest.fixture
def opened() -> Iterator[Callable[..., RedisCache]]:
    """Opens caches that are closed after the test."""
    caches: list[RedisCache] = []

    def open_one(url: str, **more: Any) -> RedisCache:
        caches.append(RedisCache(url, **more))
        return caches[-1]

    yield open_one
    for cache in caches:
        cache.close()


# -- Redis ----------------------------------------------------------------------------------------------------


def test_another_process_sees_what_is_kept_and_both_are_counted(opened: Any, server: Path, redis_at: Any) -> None:
    one, other = opened(f"unix://{server}"), opened(f"unix://{server}")
    one.set({KEYS[0]: b"x"})
    assert other.get([KEYS[0]]) == [b"x"]
    assert one.counts() == (0, 0)
    one.count(2, 3)
    other.count(10, 0)
    assert one.counts() == other.counts() == (12, 3)
    one.clear()
    assert other.counts() == (0, 0)


def test_clearing_redis_removes_our_keys_only(opened: Any, server: Path, redis_at: Any) -> None:
    theirs = {b"session:1": b"a", b"qianxun": b"b", b"qianxun-other:1:x": b"c", b"xqianxun:1:": b"d"}
    redis_at.mset(theirs)
    cache = opened(f"unix://{server}")
    cache.set({number.to_bytes(4, "big"): b"x" for number in range(1500)})
    assert redis_at.dbsize() == 1500 + len(theirs)
    cache.clear()
    assert {key: redis_at.get(key) for key in redis_at.scan_iter()} == theirs


def test_a_key_in_redis_names_us_and_the_form_of_the_values(opened: Any, server: Path, redis_at: Any) -> None:
    opened(f"unix://{server}").set({b"\x01\xff": b"x"}, seconds=50)
    assert redis_at.keys() == [b"qianxun:1:01ff"]
    assert 0 < redis_at.ttl("qianxun:1:01ff") <= 50


def test_a_value_of_another_type_in_redis_is_no_error(opened: Any, server: Path, redis_at: Any) -> None:
    redis_at.rpush("qianxun:1:01ff", "a list")
    assert opened(f"unix://{server}").get([b"\x01\xff"]) == [None]


def test_redis_is_found_through_tcp_with_a_database_number(server: Path, tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    program = shutil.which("redis-server") or ""
    with tempfile.TemporaryDirectory(prefix="qx") as place, running(program, Path(place), port):
        url = f"redis://127.0.0.1:{port}/3"
        cache = redis_cache.open_cache(with_overrides(Settings(), [f"models.query_cache_redis={url}"]))
        cache.set({KEYS[0]: b"x"})
        assert cache.get([KEYS[0]]) == [b"x"]
        cache.close()
        assert cache.get([KEYS[0]]) == [b"x"]  # a closed one connects again
        cache.close()


def test_redis_that_is_down_is_left_alone_told_once_and_used_again(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    caplog.set_level(logging.INFO, logger="qianxun.caches.redis")
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="qx") as place:
        cache = opened(f"unix://{place}/redis.sock", now=clock)
        cache.set({KEYS[0]: b"lost"})
        assert cache.get([KEYS[0], KEYS[1]]) == [None, None]
        cache.count(1, 1)
        assert cache.counts() is None
        assert len(caplog.records) == 1
        with running(program, Path(place)):
            assert cache.get([KEYS[0]]) == [None]  # not asked: a moment ago it was down
            clock.seconds += 4
            cache.set({KEYS[0]: b"lost too"})
            clock.seconds += 2
            cache.set({KEYS[0]: b"kept"})
            assert cache.get([KEYS[0]]) == [b"kept"]
            assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
        assert cache.get([KEYS[0]]) == [None]
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
        clock.seconds += 60
        assert cache.get([KEYS[0]]) == [None]
        assert len(caplog.records) == 3


def test_clear_does_not_wait_until_redis_is_no_longer_left_alone(opened: Any, server: Path, redis_at: Any) -> None:
    clock = Clock()
    cache = opened(f"unix://{server}", now=clock)
    cache.set({KEYS[0]: b"x"})
    redis_at.config_set("maxmemory", 1)  # every write is refused
    try:
        cache.set({KEYS[1]: b"x"})
    finally:
        redis_at.config_set("maxmemory", 0)
    assert cache.get([KEYS[0]]) == [None]  # left alone
    cache.clear()
    assert redis_at.dbsize() == 0


def test_a_slow_redis_is_given_up_on(opened: Any) -> None:
    """A server that takes connections and never answers."""
    pytest.importorskip("redis")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        cache = opened(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        assert cache.get([KEYS[0]]) == [None]
        silent.settimeout(10)
        silent.accept()[0].close()
        silent.settimeout(0)
        assert cache.get([KEYS[0]]) == [None]
        with pytest.raises(BlockingIOError):  # the second time nobody came
            silent.accept()


def test_what_answers_otherwise_than_redis_is_no_error(opened: Any) -> None:
    pytest.importorskip("redis")
    with socket.socket() as web:
        web.bind(("127.0.0.1", 0))
        web.listen()

        def answer() -> None:
            connection, _ = web.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>")

        thread = threading.Thread(target=answer)
        thread.start()
        cache = opened(f"redis://127.0.0.1:{web.getsockname()[1]}/0")
        assert cache.get([KEYS[0]]) == [None]
        thread.join()


def test_the_log_never_holds_a_password(opened: Any, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("redis")
    cache = opened("unix://:geheim@/nowhere/redis.sock")
    assert cache.get([KEYS[0]]) == [None]
    assert len(caplog.records) == 1
    assert "geheim" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost:6379",
        "redis://",
        "redis://localhost:port",
        "redis://localhost:99999",
        "redis://localhost/queue",
        "redis://localhost/0?socket_timeout=60",
        "redis://localhost/0?decode_responses=True",
        "unix://",
    ],
)
def test_what_is_no_address_of_a_redis_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"models\.query_cache_redis is not the address of a Redis"):
        RedisCache(url)


def test_a_wrong_address_is_not_repeated_because_it_may_hold_a_password() -> None:
    with pytest.raises(SettingsError) as caught:
        RedisCache("redi://:geheim@localhost")
    assert "geheim" not in str(caught.value)


def test_without_the_package_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_cache.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'qianxun\[redis\]'"):
        RedisCache("redis://localhost:6379/0")
