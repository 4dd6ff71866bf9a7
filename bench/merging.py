"""Rows: what sharing batches gains when 1, 8 and 64 callers ask at a time, each one question after the other.

With the builtin encoder, which runs every text alone on its own core (nothing to gain: it is not merged in the
product), and with Qwen3-Embedding-0.6B's shape in process (random weights: the speed is real, the vectors are not).
Beside each figure the same callers without merging. A question that is asked while passages are being added has rows
of its own: there a large call is cut in pieces, so that the question gets its turn.

Needs the extra `qwen` for the rows of Qwen's shape; they are left out where it is not installed.
"""

import importlib.util
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import corpus, qwen
from bench.rows import WORK, Figure, Row, Sizes, run_process

CALLERS = (1, 8, 64)
WINDOW_SECONDS = 0.003
WITHOUT = "the same without merging"
# Each caller asks so often at least; 64 slow ones are enough for a median at that.
_ROUNDS = 3
_PASSAGES_A_CALL = 32
_COMMAND = "python -m bench.run --only merging"
_CALLED = {"builtin": "builtin encoder", "qwen": "Qwen3-0.6B shape in process"}


def rows(sizes: Sizes) -> Iterator[Row]:
    """For each encoder: the rate and the wait by the number of callers; then of a question while passages are added."""
    engines = ["builtin"]
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        engines.append("qwen")
    is_tiny = sizes.questions < max(CALLERS)
    for engine in engines:
        model = _checkpoint(is_tiny) if engine == "qwen" else ""
        # In turns, so that a busy moment hits both; apart, because OpenMP spins less once two threads have used it.
        runs = [
            {way: _run(engine, model, sizes.questions, way) for way in ("merged", "alone")}
            for _ in range(min(3, sizes.runs))
        ]
        yield from _rows_of(engine, runs)


def _run(engine: str, model: Path | str, n_questions: int, way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.merging", engine, str(model), str(n_questions), way]
    found: dict[str, Any] = json.loads(run_process(command).output)
    return found


def _rows_of(engine: str, runs: Sequence[dict[str, Any]]) -> Iterator[Row]:
    def figure(way: str, key: str, value: str) -> Figure:
        return Figure.of([run[way][key][value] for run in runs])

    def row(key: str, value: str, name: str, what: str, unit: str, data: str, *, more_is_better: bool = False) -> Row:
        return Row(
            name=f"merging-{engine}-{name}",
            what=f"{what}, {_CALLED[engine]}",
            unit=unit,
            ours=figure("merged", key, value),
            more_is_better=more_is_better,
            peers={WITHOUT: figure("alone", key, value)},
            command=_COMMAND,
            data=data,
            notes={"texts_in_a_batch": statistics.median(run["merged"][key]["texts_in_a_batch"] for run in runs)},
        )

    for n in CALLERS:
        n_asked = runs[0]["merged"][str(n)]["n"]
        data = f"{n_asked} different Chinese questions, {n} callers in a closed loop, nothing cached"
        callers = f"{n} callers at a time" if n > 1 else "one caller"
        yield row(str(n), "per_second", f"{n}-rate", f"questions, {callers}", "/s", data, more_is_better=True)
        yield row(str(n), "p50", f"{n}-p50", f"a question, {callers}, p50", "ms", data)
        yield row(str(n), "p95", f"{n}-p95", f"a question, {callers}, p95", "ms", data)
    data = f"one caller asks while another encodes passages, {_PASSAGES_A_CALL} a call, without a pause"
    yield row("adding", "p50", "adding-p50", "a question while passages are added, p50", "ms", data)
    yield row("adding", "p95", "adding-p95", "a question while passages are added, p95", "ms", data)
    yield row(
        "adding", "passages_per_second", "adding-rate", "passages while questions are asked", "/s", data,
        more_is_better=True,
    )  # fmt: skip


def _checkpoint(is_tiny: bool) -> Path:
    shape = qwen.TINY_SHAPE if is_tiny else qwen.TRUE_SHAPE
    return qwen.checkpoint(WORK / f"qwen3-{shape['hidden_size']}" / "Qwen3-Embedding-random", shape)


# -- in a process of its own ----------------------------------------------------------------------------------


class _Counting:
    """The encoder, and how many texts it was given at a time."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self.name, self.fingerprint, self.dim = encoder.name, encoder.fingerprint, encoder.dim
        self.n_texts: list[int] = []

    def encode_queries(self, texts: Sequence[str]) -> Any:
        self.n_texts.append(len(texts))
        return self._encoder.encode_queries(texts)

    def encode_passages(self, texts: Sequence[str]) -> Any:
        return self._encoder.encode_passages(texts)


def measured(engine: str, model: str, n_questions: int, way: str) -> dict[str, Any]:
    """The figures of one way, "merged" or "alone", by number of callers."""
    from qianxun.models.wrappers.merged import MergedEncoder

    encoder = _Counting(_opened(engine, model))
    merged = MergedEncoder(encoder, WINDOW_SECONDS)
    asked_one: Any = merged if way == "merged" else encoder
    n_most = len(CALLERS) * max(n_questions, _ROUNDS * max(CALLERS)) + n_questions
    asked = iter(corpus.questions(n_most, 4 * n_most))
    _closed_loop(asked_one, [[next(asked) for _ in range(_ROUNDS)]])  # loads, and is not counted
    found: dict[str, Any] = {}
    for n in CALLERS:
        n_each = max(_ROUNDS, n_questions // (4 * n) if engine == "qwen" else n_questions // n)
        questions = [[next(asked) for _ in range(n_each)] for _ in range(n)]
        encoder.n_texts.clear()
        found[str(n)] = _closed_loop(asked_one, questions)
        found[str(n)]["texts_in_a_batch"] = statistics.mean(encoder.n_texts)
    questions = [[next(asked) for _ in range(max(_ROUNDS, n_questions // 20))]]
    encoder.n_texts.clear()
    found["adding"] = _while_adding(asked_one, questions, corpus.passages(20 * _PASSAGES_A_CALL))
    found["adding"]["texts_in_a_batch"] = statistics.mean(encoder.n_texts)
    merged.close()
    return found


def _closed_loop(encoder: Any, questions: Sequence[Sequence[str]]) -> dict[str, float]:
    """As many callers as lists; each asks its questions one after the other."""
    start = threading.Barrier(len(questions) + 1)

    def ask(own: Sequence[str]) -> list[float]:
        seconds = []
        start.wait()
        for question in own:
            before = time.perf_counter()
            encoder.encode_queries([question])
            seconds.append(time.perf_counter() - before)
        return seconds

    with ThreadPoolExecutor(len(questions)) as pool:
        calls = [pool.submit(ask, own) for own in questions]
        start.wait()
        before = time.perf_counter()
        seconds = sorted(one for call in calls for one in call.result())
        whole = time.perf_counter() - before
    return {
        "n": len(seconds),
        "per_second": len(seconds) / whole,
        "p50": statistics.median(seconds) * 1000,
        "p95": seconds[min(len(seconds) - 1, round(0.95 * len(seconds)))] * 1000,
    }


def _while_adding(encoder: Any, questions: Sequence[Sequence[str]], passages: Sequence[str]) -> dict[str, float]:
    """One caller asks while another thread adds passages without a pause."""
    over = threading.Event()
    encoded: list[int] = []

    def add() -> None:
        calls = range(0, len(passages), _PASSAGES_A_CALL)
        while not over.is_set():
            for at in calls:
                if over.is_set():
                    return
                encoder.encode_passages(passages[at : at + _PASSAGES_A_CALL])
                encoded.append(_PASSAGES_A_CALL)

    adding = threading.Thread(target=add)
    before = time.perf_counter()
    adding.start()
    found = _closed_loop(encoder, questions)
    over.set()
    adding.join()
    return {**found, "passages_per_second": sum(encoded) / (time.perf_counter() - before)}


def _opened(engine: str, model: str) -> Any:
    if engine == "builtin":
        from qianxun.models.builtin import BuiltinEncoder

        return BuiltinEncoder()
    from qianxun.models.in_process.encoder import open_encoder
    from qianxun.settings import Settings, with_overrides

    return open_encoder(with_overrides(Settings(), [f"encoder.model={model}"]))


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])))
