"""Rows: a cold `qianxun search` process, warm hybrid search, and the memory of both, beside txtai.

txtai's index is fed our vectors (encoding 100,000 passages with its model would take an hour); its cold
process loads its model and encodes the question, as a user's would. Warm, both are given the question's
vector: ours by taking the encoder's time off, txtai's by a table.
"""

import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import corpus
from bench.rows import PEERS_ABSENT, WORK, Figure, Row, Sizes, peers_python, qianxun_command, run_process

_WARM_TARGETS_MS = {10_000: (3.0, 6.0), 100_000: (6.0, 12.0)}
_PEER = Path(__file__).with_name("peer_txtai.py")
_K = 10


def rows(sizes: Sizes) -> Iterator[Row]:
    """Cold, memory and warm rows of each size, the largest first."""
    for n in sorted(sizes.chunks, reverse=True):
        base = corpus.knowledge_base(n)
        peer = _peer_index(n, sizes)
        if n == max(sizes.chunks):
            yield from _cold(n, base, peer, sizes)
        yield from _warm(n, base, peer, sizes)


def _cold(n: int, base: Path, peer: Path | None, sizes: Sizes) -> Iterator[Row]:
    asked = corpus.questions(sizes.runs + 1, n)
    ours, theirs = [], []
    for i, question in enumerate(asked):  # taken in turns, so that a busy moment hits both
        cost = run_process([qianxun_command(), "search", question, "--kb", base])
        peer_cost = None
        if peer is not None and i <= sizes.peer_runs:
            peer_cost = run_process([peers_python(sizes) or "", _PEER, "search", peer, question])
        if i:  # the first ones bring the files into the page cache
            ours.append(cost)
            theirs += [peer_cost] if peer_cost else []

    def row(name: str, what: str, unit: str, target: float, ratio: float | None, value: Callable) -> Row:
        return Row(
            name=name,
            what=what,
            unit=unit,
            ours=Figure.of([value(cost) for cost in ours]),
            target=target,
            ratio=ratio,
            peers={"txtai": Figure.of([value(cost) for cost in theirs]) if theirs else PEERS_ABSENT},
            command="python -m bench.run --only searching",
            data=f"{corpus.described(n)}, a question per process, files in the page cache",
        )

    yield row("cold-search", f"cold `qianxun search`, {n:,} chunks, wall", "s", 0.8, 8, lambda c: c.wall_seconds)
    yield row("cold-search-cpu", "cold `qianxun search`, processor time", "s", 0.8, 8, lambda c: c.cpu_seconds)
    yield row("cold-search-memory", "cold `qianxun search`, most memory", "MB", 400, None, lambda c: c.resident_mb)


def _warm(n: int, base: Path, peer: Path | None, sizes: Sizes) -> Iterator[Row]:
    # In a process of its own: the memory figure must not hold what built the knowledge base.
    command = [sys.executable, "-m", "bench.searching", str(base), str(n), str(sizes.questions), str(sizes.runs)]
    ours = json.loads(run_process(command).output)
    memory = [ours["resident_mb"]]
    for _ in range(sizes.runs - 1):
        once = [*command[:-1], "1"]
        memory.append(json.loads(run_process(once).output)["resident_mb"])
    theirs = None
    if peer is not None:
        vectors = corpus.vectors(n, sizes.questions)
        arguments = ["warm", peer, vectors, str(sizes.peer_runs), str(_K)]
        theirs = json.loads(run_process([peers_python(sizes) or "", _PEER, *arguments]).output)
    data = f"{corpus.described(n)}, {sizes.questions} questions, k={_K}, hybrid, query encoding apart"
    for part, target in zip(("p50", "p95"), _WARM_TARGETS_MS.get(n, (None, None)), strict=True):
        yield Row(
            name=f"warm-search-{n}-{part}",
            what=f"warm hybrid search, {n:,} chunks, {part}",
            unit="ms",
            ours=Figure.of(ours[part]),
            target=target,
            ratio=2,
            peers={"txtai": Figure.of(theirs[part]) if theirs else PEERS_ABSENT},
            command="python -m bench.run --only searching",
            data=data,
            notes={"with_encoding_ms": round(ours[f"{part}_whole"], 3), "stages_ms": ours["stages"]},
        )
    yield Row(
        name=f"memory-{n}",
        what=f"memory of a process after {sizes.questions} searches of {n:,} chunks",
        unit="MB",
        ours=Figure.of(memory),
        target=400,
        command="python -m bench.run --only searching",
        data=data,
        notes={"peak_mb": round(ours["peak_mb"], 1), "of_files_mb": round(ours["file_mb"], 1)},
    )


def _peer_index(n: int, sizes: Sizes) -> Path | None:
    python = peers_python(sizes)
    if python is None:
        return None
    vectors = corpus.vectors(n, sizes.questions)
    index = WORK / f"txtai-{vectors.name}"
    if not index.exists():
        building = index.with_suffix(".new")
        shutil.rmtree(building, ignore_errors=True)
        run_process([python, _PEER, "build", vectors, building])
        building.rename(index)
    return index


def measure_warm(base: Path, n: int, n_questions: int, runs: int) -> dict[str, object]:
    """p50 and p95 in ms of each run over all questions, with and without query encoding; memory afterwards."""
    import qianxun
    from qianxun.records import Asker
    from qianxun.settings import Settings

    asked = corpus.questions(n_questions, n)
    opened = qianxun.open(base, settings=Settings())
    for question in asked[:50]:
        opened.search(question, k=_K, mode="hybrid", asker=Asker.admin())
    figures: dict[str, list[float]] = {"p50": [], "p95": [], "p50_whole": [], "p95_whole": []}
    stages: dict[str, list[float]] = {}
    for _ in range(runs):
        apart, whole = [], []
        for question in asked:
            start = time.perf_counter()
            result = opened.search(question, k=_K, mode="hybrid", asker=Asker.admin())
            seconds = time.perf_counter() - start
            whole.append(seconds * 1000)
            apart.append((seconds - result.seconds.get("encode", 0.0)) * 1000)
            for stage, taken in result.seconds.items():
                stages.setdefault(stage, []).append(taken * 1000)
        for suffix, times in (("", sorted(apart)), ("_whole", sorted(whole))):
            figures[f"p50{suffix}"].append(times[len(times) // 2])
            figures[f"p95{suffix}"].append(times[int(len(times) * 0.95)])
    memory = resident()
    opened.close()
    return {
        "p50": figures["p50"],
        "p95": figures["p95"],
        "p50_whole": statistics.median(figures["p50_whole"]),
        "p95_whole": statistics.median(figures["p95_whole"]),
        "stages": {stage: round(statistics.median(times), 3) for stage, times in stages.items()},
        **memory,
    }


def resident() -> dict[str, float]:
    """What this process holds in memory: now, at most so far, and now of files, in MB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    kb = {key: int(status[key].split()[0]) for key in ("VmRSS", "VmHWM", "RssFile")}
    return {"resident_mb": kb["VmRSS"] / 1024, "peak_mb": kb["VmHWM"] / 1024, "file_mb": kb["RssFile"] / 1024}


if __name__ == "__main__":
    print(json.dumps(measure_warm(Path(sys.argv[1]), *map(int, sys.argv[2:5]))))
