"""Vectors of questions are remembered: the same rows, fewer texts for the model, and no words in any cache."""

import shutil
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.caches import MemoryCache
from qianxun.errors import BadModelReply
from qianxun.models.hashing import HashEncoder
from qianxun.models.wrappers.cached import CachedEncoder
from qianxun.protocols import Vectors

QUESTIONS = (
    "年假有几天？",
    "年假有幾天？",  # another text, although search folds it
    "Ｗｉｎｄｏｗｓ　１１　怎么装？",
    "How many days of annual leave?",
    "VPN 账号怎么开通？",
)


@dataclass
class Listening:
    """The hash encoder, which also tells what it was asked; with what an engine for Qwen models has."""

    query_prefix: str = "Instruct: find\nQuery:"
    fingerprint: str = "hash-1"
    asked: list[str] = field(default_factory=list)
    closed: int = 0
    name: str = "hash"
    served_by: str = "in process on cpu"

    def __post_init__(self) -> None:
        self._encoder = HashEncoder()
        self.dim = self._encoder.dim
        self.format = SimpleNamespace(query_prefix=self.query_prefix)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return self._encoder.encode_queries([self.query_prefix + text for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return self._encoder.encode_passages(texts)

    def token_counts(self, texts: Sequence[str]) -> tuple[list[int], list[int]]:
        return [len(text) for text in texts], [len(text) for text in texts]

    def close(self) -> None:
        self.closed += 1


@dataclass
class Dictionary:
    """A cache as plain as can be, to look into and to spoil; shared, as Redis is, if given the same counts."""

    name: str = "redis"
    kept: dict[bytes, bytes] = field(default_factory=dict)
    seconds: list[int | None] = field(default_factory=list)
    shared: list[int] = field(default_factory=lambda: [0, 0])
    reachable: bool = True

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.kept.get(key) for key in keys]

    def set(self, items: Any, *, seconds: int | None = None) -> None:
        self.kept.update(items)
        self.seconds.append(seconds)

    def count(self, hits: int, misses: int) -> None:
        self.shared[0] += hits
        self.shared[1] += misses

    def counts(self) -> tuple[int, int] | None:
        return (self.shared[0], self.shared[1]) if self.reachable else None

    def clear(self) -> None:
        self.kept.clear()

    def close(self) -> None:
        self.seconds.append(-1)


def test_the_rows_are_those_of_the_encoder() -> None:
    encoder = Listening()
    cached = CachedEncoder(encoder, [MemoryCache(10)])
    plain = Listening().encode_queries(QUESTIONS)
    for _ in range(2):
        rows = cached.encode_queries(QUESTIONS)
        assert rows.dtype == np.float32
        assert rows.flags.c_contiguous
        assert np.array_equal(rows, plain)
    assert encoder.asked == list(QUESTIONS)


@given(st.lists(st.lists(st.sampled_from([*QUESTIONS, "", " "]), max_size=6), max_size=6), st.integers(0, 4))
def test_any_calls_give_the_rows_of_the_encoder(calls: list[list[str]], n_kept: int) -> None:
    cached = CachedEncoder(HashEncoder(), [MemoryCache(n_kept), Dictionary()])
    for texts in calls:
        assert np.array_equal(cached.encode_queries(texts), HashEncoder().encode_queries(texts))


def test_only_what_is_not_known_is_encoded_and_each_text_once() -> None:
    encoder = Listening()
    cached = CachedEncoder(encoder, [MemoryCache(10)])
    cached.encode_queries([QUESTIONS[0]])
    rows = cached.encode_queries([QUESTIONS[3], QUESTIONS[0], QUESTIONS[3]])
    assert encoder.asked == [QUESTIONS[0], QUESTIONS[3]]
    assert np.array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], rows[1])


def test_passages_are_never_cached() -> None:
    encoder, memory = Listening(), Dictionary("memory")
    cached = CachedEncoder(encoder, [memory])
    for _ in range(2):
        assert np.array_equal(cached.encode_passages(QUESTIONS), HashEncoder().encode_passages(QUESTIONS))
    assert encoder.asked == [*QUESTIONS, *QUESTIONS]
    assert memory.kept == {}


def test_a_question_is_not_its_passage() -> None:
    cached = CachedEncoder(Listening(), [MemoryCache(10)])
    cached.encode_queries(QUESTIONS)
    assert not np.array_equal(cached.encode_passages(QUESTIONS), cached.encode_queries(QUESTIONS))


@pytest.mark.parametrize("changed", [{"query_prefix": "Instruct: classify\nQuery:"}, {"fingerprint": "hash-2"}])
def test_another_instruction_or_model_is_another_key(changed: dict[str, str]) -> None:
    shared = Dictionary()
    CachedEncoder(Listening(), [shared]).encode_queries(QUESTIONS)
    other = Listening(**changed)
    CachedEncoder(other, [shared]).encode_queries(QUESTIONS)
    assert other.asked == list(QUESTIONS)
    assert len(shared.kept) == 2 * len(QUESTIONS)


def test_where_the_prefix_ends_matters() -> None:
    shared = Dictionary()
    CachedEncoder(Listening(query_prefix="问："), [shared]).encode_queries(["年假"])
    other = Listening(query_prefix="问：年")
    CachedEncoder(other, [shared]).encode_queries(["假"])
    assert other.asked == ["假"]


def test_no_cache_holds_the_words_of_a_question() -> None:
    shared = Dictionary()
    CachedEncoder(Listening(), [shared]).encode_queries(QUESTIONS)
    everything = b"".join(key + value for key, value in shared.kept.items())
    assert {len(key) for key in shared.kept} == {32}
    assert all(text.encode() not in everything for text in ("年假", "annual", "VPN", "hash-1", "Instruct"))


def test_redis_is_asked_for_what_memory_does_not_know_and_memory_learns_it() -> None:
    shared = Dictionary()
    CachedEncoder(Listening(), [MemoryCache(10), shared]).encode_queries(QUESTIONS[:2])
    encoder, memory = Listening(), Dictionary("memory")
    cached = CachedEncoder(encoder, [memory, shared], seconds=60)
    cached.encode_queries(QUESTIONS[:3])
    assert encoder.asked == [QUESTIONS[2]]
    assert set(memory.kept) == set(shared.kept)
    assert memory.seconds == [60, 60]
    assert shared.seconds == [None, 60]
    shared.clear()
    cached.encode_queries(QUESTIONS[:3])
    assert encoder.asked == [QUESTIONS[2]]


def test_hits_and_misses_are_counted_for_each_cache() -> None:
    shared = Dictionary()
    first = CachedEncoder(Listening(), [MemoryCache(10), shared])
    assert first.counts == {"memory": (0, 0), "redis": (0, 0)}
    first.encode_queries(QUESTIONS[:2])
    first.encode_queries(QUESTIONS[:3])
    assert first.counts == {"memory": (2, 3), "redis": (0, 3)}
    second = CachedEncoder(Listening(), [MemoryCache(10), shared])
    second.encode_queries(QUESTIONS[:4])
    assert second.counts == {"memory": (0, 4), "redis": (3, 1)}
    assert shared.counts() == (3, 4)


@pytest.mark.parametrize(
    "spoilt",
    [b"", b"x", b"\x00" * 255, b"\xff" * 256, b"\x7f" * 256, b"\x00\x00\x00\x40" * 64],
    ids=["empty", "short", "odd", "NaN", "huge", "not unit"],
)
def test_what_is_no_vector_of_this_encoder_is_a_miss(spoilt: bytes) -> None:
    shared = Dictionary()
    encoder = Listening()
    cached = CachedEncoder(encoder, [shared])
    assert encoder.dim == 64
    plain = cached.encode_queries(QUESTIONS)
    shared.kept = dict.fromkeys(shared.kept, spoilt)
    assert np.array_equal(cached.encode_queries(QUESTIONS), plain)
    assert cached.counts == {"redis": (0, 10)}
    assert np.array_equal(cached.encode_queries(QUESTIONS), plain)
    assert encoder.asked == [*QUESTIONS, *QUESTIONS]


def test_a_text_without_content_is_remembered_as_zeros() -> None:
    encoder = Listening(query_prefix="")
    cached = CachedEncoder(encoder, [MemoryCache(10)])
    for _ in range(2):
        assert not cached.encode_queries([""]).any()
    assert encoder.asked == [""]


def test_a_caller_may_change_its_rows() -> None:
    cached = CachedEncoder(Listening(), [MemoryCache(10)])
    plain = Listening().encode_queries(QUESTIONS)
    for _ in range(3):
        rows = cached.encode_queries([*QUESTIONS, QUESTIONS[0]])
        assert np.array_equal(rows[:-1], plain)
        rows[:] = 7


def test_no_texts_give_no_rows() -> None:
    cached = CachedEncoder(Listening(), [MemoryCache(10)])
    assert cached.encode_queries([]).shape == (0, 64)
    assert cached.counts == {"memory": (0, 0)}


def test_what_fails_is_not_remembered() -> None:
    class Failing(Listening):
        def encode_queries(self, texts: Sequence[str]) -> Vectors:
            if not self.asked:
                self.asked += texts
                raise BadModelReply("no")
            return super().encode_queries(texts)

    cached = CachedEncoder(Failing(), [MemoryCache(10)])
    with pytest.raises(BadModelReply):
        cached.encode_queries(QUESTIONS)
    assert np.array_equal(cached.encode_queries(QUESTIONS), Listening().encode_queries(QUESTIONS))


class Gate(Listening):
    """Encodes its first call when it is let; the first call fails if so told."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__()
        self.reached, self.open, self.fails = threading.Event(), threading.Event(), fails

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        first = not self.asked
        rows = super().encode_queries(texts)
        if first:
            self.reached.set()
            self.open.wait()
            if self.fails:
                raise BadModelReply("no")
        return rows


@pytest.mark.parametrize("fails", [False, True])
def test_a_question_under_way_is_waited_for_and_another_s_failure_is_its_own(fails: bool) -> None:
    encoder = Gate(fails=fails)
    memory = Dictionary("memory")
    cached = CachedEncoder(encoder, [memory])
    results: dict[str, Any] = {}

    def ask(who: str, texts: Sequence[str]) -> None:
        try:
            results[who] = cached.encode_queries(texts)
        except BadModelReply:
            results[who] = "failed"

    first = threading.Thread(target=ask, args=("first", QUESTIONS[:2]))
    first.start()
    encoder.reached.wait()
    second = threading.Thread(target=ask, args=("second", QUESTIONS[1:3]))
    second.start()
    # The second has encoded what only it asks for, and waits for the rest.
    while len(encoder.asked) < 3:
        pass
    encoder.open.set()
    first.join()
    second.join()
    plain = Listening().encode_queries(QUESTIONS[:3])
    assert np.array_equal(results["second"], plain[1:])
    if fails:
        assert results["first"] == "failed"
        assert encoder.asked == [QUESTIONS[0], QUESTIONS[1], QUESTIONS[2], QUESTIONS[1]]
    else:
        assert np.array_equal(results["first"], plain[:2])
        assert encoder.asked == [QUESTIONS[0], QUESTIONS[1], QUESTIONS[2]]


def test_the_encoder_shines_through() -> None:
    encoder, memory = Listening(), Dictionary()
    cached = CachedEncoder(encoder, [memory])
    assert (cached.name, cached.fingerprint, cached.dim) == ("hash", "hash-1", 64)
    assert cached.format is encoder.format
    assert cached.served_by == "in process on cpu"
    assert cached.token_counts(["年假"]) == ([2], [2])
    cached.close()
    assert encoder.closed == 1
    assert memory.seconds == [-1]


def test_an_encoder_may_have_no_more_than_the_protocol_asks() -> None:
    cached = CachedEncoder(HashEncoder(), [MemoryCache(10)])
    assert cached.format is None
    assert cached.served_by == "hash"
    assert cached.token_counts(["年假"]) is None
    assert np.array_equal(cached.encode_queries(QUESTIONS), HashEncoder().encode_queries(QUESTIONS))
    cached.close()


def test_redis_is_shared_by_encoders_of_one_fingerprint() -> None:
    pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    import tempfile
    from pathlib import Path

    from test_caches import running

    from qianxun.caches import RedisCache

    with tempfile.TemporaryDirectory(prefix="qx") as place, running(program, Path(place)) as path:
        first = CachedEncoder(Listening(), [MemoryCache(10), RedisCache(f"unix://{path}")], seconds=60)
        plain = first.encode_queries(QUESTIONS)
        encoder = Listening()
        second = CachedEncoder(encoder, [MemoryCache(10), RedisCache(f"unix://{path}")], seconds=60)
        assert np.array_equal(second.encode_queries(QUESTIONS), plain)
        assert encoder.asked == []
        assert second.counts == {"memory": (0, 5), "redis": (5, 0)}
        with closing(RedisCache(f"unix://{path}")) as shared:
            assert shared.counts() == (5, 5)
        first.close()
        second.close()
