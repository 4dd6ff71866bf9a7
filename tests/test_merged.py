"""Concurrent calls share batches, and nobody sees it: the same rows, each caller's error its own, nobody starves."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.errors import BadModelReply, ModelUnavailable
from qianxun.models.hashing import HashEncoder
from qianxun.models.wrappers import callers
from qianxun.models.wrappers.cached import CachedEncoder
from qianxun.models.wrappers.merged import MergedEncoder, MergedReranker
from qianxun.protocols import Vectors

TEXTS = (
    "年假有几天？",
    "台北分公司：加班須事先申請，經主管核准後方可報支加班費。",
    "How many days of annual leave?",
    "ＶＰＮ　账号怎么开通？",
    "",
    "timeout 429",
)
# Longer than any test may take: whoever waits for it to pass hangs.
FOR_EVER = 3600.0


class Engine:
    """An encoder and a reranker that tell what they were given, by whom; a text with "bad" in it is an error."""

    name = "engine"
    fingerprint = "engine-1"
    served_by = "in process"
    dim = HashEncoder.dim

    def __init__(self) -> None:
        self.format = SimpleNamespace(query_prefix="问：")
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.n_closed = 0
        self.before: Callable[[], object] = lambda: None
        self._busy = threading.Lock()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encoded([self.format.query_prefix + text for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encoded(texts)

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        self._enter(texts)
        return HashEncoder().encode_passages(texts)

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        self._enter([f"{question}|{instruction}", *passages])
        return np.array([p_of(question, passage, instruction) for passage in passages], dtype=np.float32)

    def _enter(self, texts: Sequence[str]) -> None:
        assert self._busy.acquire(blocking=False), "called by two threads at a time"
        try:
            self.batches.append(list(texts))
            self.threads.add(threading.current_thread().name)
            self.before()
            if any("bad" in text for text in texts):
                raise BadModelReply("no")
        finally:
            self._busy.release()

    def token_counts(self, *texts: Any) -> Any:
        return ([1], [1]) if len(texts) == 1 else (1, 1)

    def close(self) -> None:
        self.n_closed += 1


def p_of(question: str, passage: str, instruction: str | None) -> float:
    rows = HashEncoder().encode_passages([f"{instruction} {question}", passage])
    return float(1 / (1 + np.exp(-rows[0] @ rows[1])))


class Gate:
    """Holds the engine in its first batch until it is opened."""

    def __init__(self, engine: Engine) -> None:
        self.reached, self._open = threading.Event(), threading.Event()
        engine.before = self._wait

    def _wait(self) -> None:
        self.reached.set()
        self._open.wait()

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def merged(engine: Engine) -> Iterator[MergedEncoder]:
    """Takes what waits and waits for nobody."""
    wrapper = MergedEncoder(engine, 0.0, max_texts=8)
    yield wrapper
    wrapper.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as executor:
        yield executor


def until(condition: Callable[[], bool]) -> None:
    """Returns when it is so: the test's own clock."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.001)


def queued(pool: ThreadPoolExecutor, merged: Any, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Futures of calls that wait in this order, behind a batch that a gate holds."""
    futures = []
    for function, *arguments in calls:
        before = merged.n_waiting
        futures.append(pool.submit(function, *arguments))
        until(lambda before=before: merged.n_waiting > before)
    return futures


def assert_rows(rows: Vectors, texts: Sequence[str], prefix: str = "问：") -> None:
    expected = HashEncoder().encode_passages([prefix + text for text in texts])
    assert rows.dtype == np.float32
    assert rows.flags.c_contiguous
    assert np.array_equal(rows, expected)


# -- the same rows --------------------------------------------------------------------------------------------


def test_a_caller_alone_never_waits_for_others(engine: Engine) -> None:
    merged = MergedEncoder(engine, FOR_EVER)
    for _ in range(5):  # else would wait for an hour
        assert_rows(merged.encode_queries(TEXTS), TEXTS)
        assert_rows(merged.encode_passages(TEXTS[:2]), TEXTS[:2], "")
    assert [len(batch) for batch in engine.batches] == [6, 2] * 5
    merged.close()


def test_calls_that_wait_become_one_batch(merged: MergedEncoder, engine: Engine, pool: ThreadPoolExecutor) -> None:
    gate = Gate(engine)
    first = pool.submit(merged.encode_queries, TEXTS[:1])
    gate.reached.wait()
    others = queued(pool, merged, [(merged.encode_queries, [text]) for text in TEXTS[1:]])
    gate.open()
    assert_rows(first.result(), TEXTS[:1])
    for other, text in zip(others, TEXTS[1:], strict=True):
        assert_rows(other.result(), [text])
    assert len(engine.batches) == 2
    assert sorted(engine.batches[1]) == sorted("问：" + text for text in TEXTS[1:])
    assert [len(text) for text in engine.batches[1]] == sorted(map(len, engine.batches[1]), reverse=True)
    assert len(engine.threads) == 1


def test_callers_that_came_together_are_waited_for(engine: Engine, pool: ThreadPoolExecutor) -> None:
    merged = MergedEncoder(engine, FOR_EVER)
    gate = Gate(engine)

    def ask(texts: Sequence[str]) -> None:
        for text in texts:
            assert_rows(merged.encode_queries([text]), [text])

    first = pool.submit(ask, ["a", "b", "c"])
    gate.reached.wait()
    others = queued(pool, merged, [(ask, [text, text]) for text in TEXTS[:3]])
    gate.open()
    for call in (first, *others):
        call.result()
    # Three waited behind the first, which comes back at once; then all four have company.
    assert [len(batch) for batch in engine.batches] == [1, 4, 4]
    merged.close()


def test_callers_that_do_not_come_back_are_not_waited_for_long(engine: Engine, pool: ThreadPoolExecutor) -> None:
    merged = MergedEncoder(engine, 0.05)
    gate = Gate(engine)
    calls = [pool.submit(merged.encode_queries, TEXTS[:1])]
    gate.reached.wait()
    calls += queued(pool, merged, [(merged.encode_queries, [text]) for text in TEXTS[1:4]])
    gate.open()
    for call in calls:
        call.result()
    for _ in range(3):
        assert_rows(merged.encode_queries(TEXTS), TEXTS)
    assert [len(batch) for batch in engine.batches] == [1, 3, 6, 6, 6]
    merged.close()


def test_questions_and_passages_are_never_mixed(
    merged: MergedEncoder, engine: Engine, pool: ThreadPoolExecutor
) -> None:
    gate = Gate(engine)
    first = pool.submit(merged.encode_queries, ["x"])
    gate.reached.wait()
    calls = [(merged.encode_queries, ["a"]), (merged.encode_passages, ["b"]), (merged.encode_queries, ["c"])]
    others = queued(pool, merged, calls)
    gate.open()
    assert_rows(first.result(), ["x"])
    assert_rows(others[0].result(), ["a"])
    assert_rows(others[1].result(), ["b"], "")
    assert_rows(others[2].result(), ["c"])
    assert [sorted(batch) for batch in engine.batches] == [["问：x"], ["问：a", "问：c"], ["b"]]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from(TEXTS), max_size=7)), max_size=5),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([0.0, 0.001]),
    st.integers(1, 9),
    st.sampled_from([1, 60, 10_000]),
)
def test_any_interleaving_gives_the_rows_of_calling_alone(
    plans: list[list[tuple[bool, list[str]]]], window: float, max_texts: int, max_chars: int
) -> None:
    engine = Engine()
    merged = MergedEncoder(engine, window, max_texts=max_texts, max_chars=max_chars)
    start = threading.Barrier(len(plans))

    def work(plan: list[tuple[bool, list[str]]]) -> None:
        start.wait()
        for is_query, texts in plan:
            if is_query:
                assert_rows(merged.encode_queries(texts), texts)
            else:
                assert_rows(merged.encode_passages(texts), texts, "")

    with ThreadPoolExecutor(len(plans)) as executor:
        list(executor.map(work, plans))
    merged.close()
    n_texts = sum(len(texts) for plan in plans for _, texts in plan)
    assert sum(map(len, engine.batches)) == n_texts
    assert all(len(batch) <= max_texts for batch in engine.batches)
    assert merged.n_waiting == 0


def test_no_texts_give_no_rows_without_the_engine(merged: MergedEncoder, engine: Engine) -> None:
    assert merged.encode_queries([]).shape == (0, engine.dim)
    assert engine.batches == []


# -- bounded and fair -----------------------------------------------------------------------------------------


def test_a_large_call_is_done_in_pieces_and_questions_come_in_between(
    merged: MergedEncoder, engine: Engine, pool: ThreadPoolExecutor
) -> None:
    gate = Gate(engine)
    passages = [f"第 {number} 段" for number in range(30)]
    large = pool.submit(merged.encode_passages, passages)
    gate.reached.wait()
    question = queued(pool, merged, [(merged.encode_queries, ["年假"])])[0]
    gate.open()
    assert_rows(question.result(), ["年假"])
    assert_rows(large.result(), passages, "")
    assert [len(batch) for batch in engine.batches] == [8, 8, 1, 8, 6]
    assert engine.batches[2] == ["问：年假"]


def test_a_piece_has_texts_of_like_length(engine: Engine) -> None:
    merged = MergedEncoder(engine, 0.0, max_texts=2)
    texts = ["一", "一二三四", "一二", "一二三"]
    assert_rows(merged.encode_passages(texts), texts, "")
    assert engine.batches == [["一二三四", "一二三"], ["一二", "一"]]
    merged.close()


def test_a_batch_has_so_many_characters_at_most_but_one_text_always(engine: Engine, pool: ThreadPoolExecutor) -> None:
    merged = MergedEncoder(engine, 0.0, max_chars=100, batch_seconds=None)
    texts = ["长" * 500, "中" * 40, "短" * 10, "短" * 8, "x"]  # a text counts 32 more than it has
    assert_rows(merged.encode_passages(texts), texts, "")
    assert [[len(text) for text in batch] for batch in engine.batches] == [[500], [40], [10, 8], [1]]
    merged.close()


def test_a_slow_engine_is_given_less_at_a_time(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from qianxun.models.wrappers import batches

    now = [0.0]
    monkeypatch.setattr(batches.time, "perf_counter", lambda: now[0])

    def compute() -> None:  # 1,000 characters a second, of which a text of 68 costs 100
        now[0] += len(engine.batches[-1]) * 0.1

    engine.before = compute
    merged = MergedEncoder(engine, 0.0, max_texts=1000, batch_seconds=2.0)
    texts = ["字" * 68] * 50
    assert_rows(merged.encode_passages(texts), texts, "")
    # Nothing is known of the first; then two seconds are 2,000.
    assert [len(batch) for batch in engine.batches] == [5, 20, 20, 5]
    merged.close()


def test_nobody_starves_behind_callers_that_come_again_and_again(
    merged: MergedEncoder, engine: Engine, pool: ThreadPoolExecutor
) -> None:
    gate = Gate(engine)
    first = pool.submit(merged.encode_queries, ["0"])
    gate.reached.wait()
    waiting = queued(pool, merged, [(merged.encode_passages, ["p"])])[0]
    more = queued(pool, merged, [(merged.encode_queries, [str(n)] * 3) for n in range(1, 7)])
    gate.open()
    for future in [first, waiting, *more]:
        future.result()
    assert engine.batches[1] == ["p"]
    assert [len(batch) for batch in engine.batches[2:]] == [8, 8, 2]


# -- errors ---------------------------------------------------------------------------------------------------


def test_only_the_caller_of_a_bad_text_fails(merged: MergedEncoder, engine: Engine, pool: ThreadPoolExecutor) -> None:
    gate = Gate(engine)
    first = pool.submit(merged.encode_queries, ["x"])
    gate.reached.wait()
    others = queued(pool, merged, [(merged.encode_queries, [text]) for text in ("年假", "bad", "leave")])
    gate.open()
    first.result()
    assert_rows(others[0].result(), ["年假"])
    assert_rows(others[2].result(), ["leave"])
    with pytest.raises(BadModelReply):
        others[1].result()
    assert [len(batch) for batch in engine.batches] == [1, 3, 1, 1, 1]
    assert_rows(merged.encode_queries(TEXTS), TEXTS)


def test_a_bad_text_ends_its_call_and_the_rest_of_it_is_not_computed(merged: MergedEncoder, engine: Engine) -> None:
    with pytest.raises(BadModelReply):
        merged.encode_passages(["bad" * 10, *(["x"] * 30)])
    assert [len(batch) for batch in engine.batches] == [8]
    assert merged.n_waiting == 0
    assert_rows(merged.encode_passages(["x"]), ["x"], "")


def test_an_engine_that_gives_too_few_rows_is_an_error_for_all(
    merged: MergedEncoder, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "_encoded", lambda self, texts: np.ones((len(texts) - 1, self.dim), np.float32))
    with pytest.raises(ValueError, match="shorter"):
        merged.encode_queries(["a", "b"])


# -- callers that leave ---------------------------------------------------------------------------------------


def test_a_cancelled_task_s_texts_are_never_encoded(merged: MergedEncoder, engine: Engine) -> None:
    gate = Gate(engine)

    async def door() -> None:
        first = asyncio.create_task(callers.in_thread(merged.encode_queries, ["first"]))
        await asyncio.to_thread(gate.reached.wait)
        leaving = asyncio.create_task(callers.in_thread(merged.encode_queries, ["leaving"]))
        staying = asyncio.create_task(callers.in_thread(merged.encode_queries, ["staying"]))
        await asyncio.to_thread(until, lambda: merged.n_waiting == 2)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert merged.n_waiting == 1
        gate.open()
        assert_rows(await first, ["first"])
        assert_rows(await staying, ["staying"])

    asyncio.run(door())
    assert engine.batches == [["问：first"], ["问：staying"]]


def test_a_caller_that_left_during_its_batch_goes_on_and_the_others_get_theirs(
    merged: MergedEncoder, engine: Engine, pool: ThreadPoolExecutor
) -> None:
    gate = Gate(engine)
    caller = callers.Caller()

    def ask() -> Vectors:
        with callers.in_the_name_of(caller):
            return merged.encode_passages(["x"] * 20)

    leaving = pool.submit(ask)
    gate.reached.wait()
    caller.leave()
    with pytest.raises(CancelledError):
        leaving.result()
    gate.open()
    assert_rows(merged.encode_queries(["年假"]), ["年假"])
    assert [len(batch) for batch in engine.batches] == [8, 1]


def test_a_caller_that_left_before_asking_gets_nothing(merged: MergedEncoder, engine: Engine) -> None:
    caller = callers.Caller()
    caller.leave()
    with callers.in_the_name_of(caller), pytest.raises(CancelledError):
        merged.encode_queries(["年假"])
    assert engine.batches == []
    assert_rows(merged.encode_queries(["年假"]), ["年假"])


def test_the_name_goes_through_a_cache(merged: MergedEncoder, engine: Engine) -> None:
    cached = CachedEncoder(merged, [])
    caller = callers.Caller()
    caller.leave()
    with callers.in_the_name_of(caller), pytest.raises(CancelledError):
        cached.encode_queries(["年假"])
    assert_rows(cached.encode_queries(["年假"]), ["年假"])


def test_in_thread_gives_what_the_function_gives() -> None:
    def divided(a: int, *, by: int) -> float:
        return a / by

    assert asyncio.run(callers.in_thread(divided, 6, by=4)) == 1.5
    with pytest.raises(ZeroDivisionError):
        asyncio.run(callers.in_thread(divided, 6, by=0))


# -- closing --------------------------------------------------------------------------------------------------


def test_closing_refuses_who_waits_and_leaves_no_thread(engine: Engine, pool: ThreadPoolExecutor) -> None:
    merged = MergedEncoder(engine, FOR_EVER)
    gate = Gate(engine)
    running = pool.submit(merged.encode_queries, ["running"])
    gate.reached.wait()
    waiting = queued(pool, merged, [(merged.encode_queries, ["waiting"])])[0]
    closing = pool.submit(merged.close)
    until(lambda: merged._queue._closed)
    gate.open()
    closing.result()
    assert_rows(running.result(), ["running"])
    with pytest.raises(ModelUnavailable, match="The encoder engine was closed"):
        waiting.result()
    with pytest.raises(ModelUnavailable):
        merged.encode_queries(["later"])
    assert engine.n_closed == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("qianxun encoder")]
    merged.close()


def test_closing_what_was_never_used_is_no_error(engine: Engine) -> None:
    MergedEncoder(engine, FOR_EVER).close()
    MergedEncoder(HashEncoder(), FOR_EVER).close()
    assert engine.batches == []


def test_the_engine_shines_through(merged: MergedEncoder, engine: Engine) -> None:
    assert (merged.name, merged.fingerprint, merged.dim) == ("engine", "engine-1", HashEncoder.dim)
    assert merged.format is engine.format
    assert merged.served_by == "in process"
    assert merged.token_counts(["x"]) == ([1], [1])
    plain = MergedEncoder(HashEncoder(), 0.0)
    assert (plain.format, plain.served_by, plain.token_counts(["x"])) == (None, "hash", None)


# -- rerankers ------------------------------------------------------------------------------------------------


@pytest.fixture
def reranker(engine: Engine) -> Iterator[MergedReranker]:
    wrapper = MergedReranker(engine, 0.0, max_passages=8)
    yield wrapper
    wrapper.close()


def test_questions_are_judged_one_after_the_other_and_equal_ones_together(
    reranker: MergedReranker, engine: Engine, pool: ThreadPoolExecutor
) -> None:
    gate = Gate(engine)
    first = pool.submit(reranker.score, "年假", ["x"])
    gate.reached.wait()
    asked = [("报销", ["a", "bb"]), ("VPN", ["c"]), ("报销", ["ccc"])]
    others = queued(pool, reranker, [(reranker.score, *call) for call in asked])
    gate.open()
    first.result()
    for other, (question, passages) in zip(others, asked, strict=True):
        expected = np.array([p_of(question, passage, None) for passage in passages], dtype=np.float32)
        assert np.array_equal(other.result(), expected)
    assert engine.batches[1:] == [["报销|None", "ccc", "bb", "a"], ["VPN|None", "c"]]


def test_another_instruction_is_another_question(reranker: MergedReranker) -> None:
    plain = reranker.score("年假", TEXTS)
    assert plain.dtype == np.float32
    instructed = reranker.score("年假", TEXTS, instruction="find leave")
    assert not np.array_equal(plain, instructed)
    assert np.allclose(instructed, [p_of("年假", text, "find leave") for text in TEXTS])


def test_no_passages_give_no_scores(reranker: MergedReranker, engine: Engine) -> None:
    scores = reranker.score("年假", [])
    assert (scores.shape, scores.dtype) == ((0,), np.float32)
    assert engine.batches == []


def test_many_passages_do_not_hold_up_another_question(
    reranker: MergedReranker, engine: Engine, pool: ThreadPoolExecutor
) -> None:
    gate = Gate(engine)
    passages = [str(number) for number in range(20)]
    large = pool.submit(reranker.score, "年假", passages)
    gate.reached.wait()
    small = queued(pool, reranker, [(reranker.score, "报销", ["a"])])[0]
    gate.open()
    assert np.allclose(large.result(), [p_of("年假", passage, None) for passage in passages])
    small.result()
    assert [batch[0] for batch in engine.batches] == ["年假|None", "年假|None", "报销|None", "年假|None"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["年假", "leave"]), st.sampled_from([None, "find"]), st.lists(st.sampled_from(TEXTS))
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_interleaving_gives_the_scores_of_calling_alone(calls: list[tuple[str, str | None, list[str]]]) -> None:
    merged = MergedReranker(Engine(), 0.001, max_passages=5)
    start = threading.Barrier(len(calls))

    def work(call: tuple[str, str | None, list[str]]) -> None:
        question, instruction, passages = call
        start.wait()
        scores = merged.score(question, passages, instruction=instruction)
        assert np.allclose(scores, [p_of(question, passage, instruction) for passage in passages])

    with ThreadPoolExecutor(len(calls)) as executor:
        list(executor.map(work, calls))
    merged.close()


def test_the_reranker_shines_through(reranker: MergedReranker, engine: Engine) -> None:
    assert (reranker.name, reranker.served_by) == ("engine", "in process")
    assert reranker.token_counts("年假", "x") == (1, 1)
    reranker.close()
    assert engine.n_closed == 1
