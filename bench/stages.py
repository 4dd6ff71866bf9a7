"""Rows: what each stage of a warm search takes, and how long searches take that come at ten a second.

The stages are those that the searcher tells of itself; words are looked up while the question is encoded, so that
those two overlap. Under load, searches come at random moments (Poisson, fixed seed) whether or not those before them
are done, as people ask: a search's time counts from the moment that it should have begun.
"""

import json
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import corpus
from bench.rows import Figure, Row, Sizes, run_process

# Milliseconds at 100,000 chunks; the encoder's own time is apart.
_TARGETS = {"understand": 0.3, "dense": 2.0, "lexical": 1.0, "fuse and store": 1.0}
_OF = {"understand": ("understand", "spelling", "filter"), "fuse and store": ("fuse", "read", "signals", "diversify")}
_PER_SECOND = 10.0
_SECONDS = 30.0
_K = 10


def rows(sizes: Sizes) -> Iterator[Row]:
    """The stages and the load, on the largest knowledge base."""
    n = max(sizes.chunks)
    base = corpus.knowledge_base(n)
    command = [sys.executable, "-m", "bench.stages", str(base), str(n), str(sizes.questions), str(sizes.runs)]
    found = json.loads(run_process(command).output)
    data = f"{corpus.described(n)}, {sizes.questions} questions, k={_K}, hybrid"
    for stage in ("understand", "encode", "dense", "lexical", "fuse and store"):
        yield Row(
            name=f"stage-{stage.replace(' ', '-')}",
            what=f"{stage}, median of a warm search of {n:,} chunks",
            unit="ms",
            ours=Figure.of(found["stages"][stage]),
            target=_TARGETS.get(stage),
            command="python -m bench.run --only stages",
            data=data,
            notes={"alone_ms": found["alone"].get(stage)} if found["alone"].get(stage) else {},
        )
    for part in ("p50", "p95"):
        yield Row(
            name=f"search-under-load-{part}",
            what=f"search of {n:,} chunks at {_PER_SECOND:g} a second, {part}, query encoding included",
            unit="ms",
            ours=Figure.of(found["load"][part]),
            command="python -m bench.run --only stages",
            data=f"{data}, {_SECONDS:g} s a run, arrivals at random",
        )


def measure(base: Path, n: int, n_questions: int, runs: int) -> dict[str, object]:
    """Milliseconds: medians of stages by run, of each index alone, and p50 and p95 under load by run."""
    import qianxun
    from qianxun.records import Asker
    from qianxun.settings import Settings

    asked = corpus.questions(n_questions, n)
    with qianxun.open(base, settings=Settings()) as kb:

        def ask(question: str, mode: str = "hybrid") -> dict[str, float]:
            seconds = dict(kb.search(question, k=_K, mode=mode, asker=Asker.admin()).seconds)
            for name, parts in _OF.items():
                seconds[name] = sum(seconds.get(part, 0.0) for part in parts)
            return seconds

        for question in asked[:50]:
            ask(question)
        stages: dict[str, list[float]] = {}
        load: dict[str, list[float]] = {"p50": [], "p95": []}
        for run in range(runs):
            told = [ask(question) for question in asked]
            for name in ("understand", "encode", "dense", "lexical", "fuse and store"):
                stages.setdefault(name, []).append(1000 * statistics.median(one.get(name, 0.0) for one in told))
            times = sorted(_under_load(asked, ask, random.Random(run)))
            load["p50"].append(1000 * times[len(times) // 2])
            load["p95"].append(1000 * times[int(len(times) * 0.95)])
        alone = {
            mode: round(1000 * statistics.median(ask(question, mode)[mode] for question in asked), 3)
            for mode in ("dense", "lexical")
        }
    return {"stages": stages, "alone": alone, "load": load}


def _under_load(asked: list[str], ask: Callable[[str], object], rng: random.Random) -> list[float]:
    """Seconds of searches that begin at random moments, ten a second on average."""
    taken: list[float] = []
    guard = threading.Lock()

    def one(question: str, due: float) -> None:
        ask(question)
        with guard:
            taken.append(time.perf_counter() - due)

    with ThreadPoolExecutor(max_workers=32) as threads:
        begun = due = time.perf_counter()
        while True:
            due += rng.expovariate(_PER_SECOND)
            if due - begun > _SECONDS:
                break
            time.sleep(max(0.0, due - time.perf_counter()))
            threads.submit(one, rng.choice(asked), due)
    return taken


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), *map(int, sys.argv[2:5]))))
