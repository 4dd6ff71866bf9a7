"""The legs of a search: asked at the same time, words while the question is still being encoded, each once."""

import dataclasses
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qianxun
from qianxun.protocols import Vectors, Where
from qianxun.records import Asker, Hit, Query
from qianxun.retrieval.legs import Legs
from qianxun.retrieval.trace import Trace
from qianxun.settings import BudgetSettings

QUERY = Query("年假有几天", words=("年假",))
SECONDS = 10.0  # how long a test waits for what never comes


class Listening:
    """An index that finds its kind's one chunk, and tells who asked it for what."""

    def __init__(self, kind: str, meeting: threading.Barrier | None = None) -> None:
        self.name = self.kind = kind
        self.asked: list[tuple[Query, int, str]] = []
        self._meeting = meeting

    def search(self, query: Query, k: int, where: Where | None = None) -> list[Hit]:
        self.asked.append((query, k, threading.current_thread().name))
        if self._meeting is not None:
            self._meeting.wait(SECONDS)
        return [Hit({"dense": 1, "lexical": 2}[self.kind], 0.5)]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4, thread_name_prefix="leg") as pool:
        yield pool


def both(meeting: threading.Barrier | None = None) -> tuple[Listening, Listening]:
    return Listening("dense", meeting), Listening("lexical", meeting)


def found(legs: Legs, k: int = 10, kinds: Sequence[str] = ("dense", "lexical")) -> dict[str, list[int]]:
    return {kind: [hit.chunk for hit in hits] for kind, hits in legs.ask(QUERY, kinds, k).items()}


def test_a_question_that_means_nothing_to_the_encoder_finds_nothing_by_meaning(threads: ThreadPoolExecutor) -> None:
    for vector, expected in ((np.zeros(4, np.float32), []), (np.array([0, 0, -1, 0], np.float32), [1])):
        query = dataclasses.replace(QUERY, vector=vector)
        for of_trace in (threads, None):
            legs = Legs(both(), None, BudgetSettings(), Trace(of_trace))
            answers = legs.ask(query, ("dense", "lexical"), 10)
            assert [hit.chunk for hit in answers["dense"]] == expected
            assert [hit.chunk for hit in answers["lexical"]] == [2]


@pytest.mark.parametrize("budget", [BudgetSettings(), BudgetSettings(dense=SECONDS, lexical=SECONDS)])
def test_both_are_asked_at_the_same_time(threads: ThreadPoolExecutor, budget: BudgetSettings) -> None:
    indexes = both(threading.Barrier(2))  # neither answers before the other is asked
    assert found(Legs(indexes, None, budget, Trace(threads))) == {"dense": [1], "lexical": [2]}


def test_what_was_begun_is_taken_and_not_asked_again(threads: ThreadPoolExecutor) -> None:
    dense, lexical = both()
    trace = Trace(threads)
    legs = Legs((dense, lexical), None, BudgetSettings(), trace)
    legs.begin("lexical", QUERY, 10)
    assert found(legs) == {"dense": [1], "lexical": [2]}
    assert [k for _, k, _ in lexical.asked] == [10]
    assert lexical.asked[0][2].startswith("leg")
    assert dense.asked[0][2] == threading.current_thread().name, "nothing else is left to wait for"
    assert set(trace.seconds) == {"dense", "lexical"}
    found(legs)
    assert len(lexical.asked) == 2, "it is taken once"


@pytest.mark.parametrize(("other", "k"), [(QUERY, 80), (dataclasses.replace(QUERY, words=("病假",)), 10)])
def test_what_was_begun_for_something_else_is_not_taken(threads: ThreadPoolExecutor, other: Query, k: int) -> None:
    dense, lexical = both()
    legs = Legs((dense, lexical), None, BudgetSettings(), Trace(threads))
    legs.begin("lexical", other, k)
    found(legs)
    threads.shutdown()
    assert {(query.words, k) for query, k, _ in lexical.asked} == {(other.words, k), (QUERY.words, 10)}


def test_the_vector_that_comes_later_is_no_other_question(threads: ThreadPoolExecutor) -> None:
    dense, lexical = both()
    legs = Legs((dense, lexical), None, BudgetSettings(), Trace(threads))
    legs.begin("lexical", QUERY, 10)
    legs.ask(dataclasses.replace(QUERY, vector=np.ones(4, np.float32)), ("dense", "lexical"), 10)
    assert len(lexical.asked) == 1


def test_without_threads_one_is_asked_after_the_other() -> None:
    dense, lexical = both()
    legs = Legs((dense, lexical), None, BudgetSettings(), Trace())
    legs.begin("lexical", QUERY, 10)
    assert not lexical.asked
    assert found(legs) == {"dense": [1], "lexical": [2]}
    assert found(legs, kinds=("lexical",)) == {"lexical": [2]}


def test_words_are_looked_up_while_the_question_is_encoded(tmp_path: Path) -> None:
    (tmp_path / "leave.md").write_text("# 年假\n\n每年有五天年假。Annual leave: five days.\n", encoding="utf-8")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash", "reading.workers=1"]) as kb:
        kb.add([tmp_path / "leave.md"])
        asked = threading.Event()
        plain = kb._searcher

        class Waiting(type(plain.encoder)):  # type: ignore[misc]
            def encode_queries(self, texts: Sequence[str]) -> Vectors:
                assert asked.wait(SECONDS)
                return super().encode_queries(texts)  # type: ignore[no-any-return]

        class Telling:
            def __init__(self, index: Any) -> None:
                self._index = index

            def __getattr__(self, name: str) -> Any:
                return getattr(self._index, name)

            def search(self, *given: Any) -> Any:
                asked.set()
                return self._index.search(*given)

        indexes = [Telling(index) if index.kind == "lexical" else index for index in plain.indexes]
        overlapping = dataclasses.replace(plain, indexes=indexes, encoder=Waiting())
        for question in ("年假有几天", "how many days of leave"):
            asked.clear()
            result = overlapping.search(question, asker=Asker.admin())
            assert result.passages == plain.search(question, asker=Asker.admin()).passages
            assert not result.degraded
