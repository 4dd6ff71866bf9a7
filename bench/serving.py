"""Rows: searches through `qianxun serve` under load, beside the same service with nothing to search, and txtai's API.

64 clients over kept connections, each asking again as soon as it is answered, for two minutes; the builtin models;
questions of the training text. "Nothing" is the same process, doorway, rights, audit and JSON with a search that
returns a result that was found before: what is left is HTTP, and the limit of what serving can reach. txtai's index is
fed our vectors, and so are its questions, from a table: it encodes nothing, ours does.

    python -m bench.serving [--chunks 100000] [--clients 64] [--seconds 120] [--workers 1] [--soak 600] [--save]

`--soak` goes on for so many seconds and tells how memory went.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import corpus
from bench.rows import ENVIRONMENT, PEERS_ABSENT, ROOT, Figure, Row, Sizes, in_words, peers_python, save
from bench.searching import _peer_index

K = 10
_TICKS = os.sysconf("SC_CLK_TCK")
_PEER = Path(__file__).with_name("peer_txtai.py")


def processes_of(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split() if int(child) not in found]
    return found


def cpu_seconds(pid: int) -> float:
    """What a process and those below it have taken."""
    total = 0.0
    for one in processes_of(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def resident_mb(pid: int) -> float:
    """The memory of a process and those below it that is its own: anonymous pages, not files that are mapped."""
    total = 0
    for one in processes_of(pid):
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1])
    return total / 1024


@contextmanager
def started(command: Sequence[str | Path], environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server and the first line that it printed."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **ENVIRONMENT, **environment},
            cwd=ROOT,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                raise SystemExit(f"{command[0]} did not start: {log.read()[-2000:]}")
            yield process, line
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


@contextmanager
def qianxun_serving(base: Path, *, workers: int, nothing: bool) -> Iterator[tuple[int, int, str]]:
    """Our service over a knowledge base: process, port, the administrator's key."""
    with tempfile.TemporaryDirectory() as home:
        module = ["bench.nothing"] if nothing else ["qianxun"]
        arguments = ["serve", "--json", "--port", "0", "--workers", str(workers), "--kb", str(base)]
        arguments += ["--set", f"home={home}", "--set", "service.anonymous_requests_per_minute=0"]
        command = [sys.executable, "-m", *module, *arguments]
        # This checkout, wherever it is installed.
        sources = os.pathsep.join((str(ROOT), str(ROOT / "src")))
        with started(command, {"QIANXUN_HOME": home, "PYTHONPATH": sources}) as (process, line):
            told = json.loads(line)
            yield process.pid, int(told["url"].rpartition(":")[2]), told["key"]


@contextmanager
def txtai_serving(index: Path, vectors: Path, python: Path) -> Iterator[tuple[int, int]]:
    """txtai's own API over its index: process, port."""
    with started([python, _PEER, "serve", index, vectors], {}) as (process, line):
        yield process.pid, int(line)


def loaded(pid: int, port: int, requests: list[Any], *, clients: int, seconds: float) -> dict[str, Any]:
    """What came of it, with the server's processor seconds for each reply."""
    before = cpu_seconds(pid)
    command = [sys.executable, "-m", "bench.load", "127.0.0.1", str(port), str(clients), str(seconds)]
    done = subprocess.run(command, input=json.dumps(requests), capture_output=True, text=True, cwd=ROOT, check=True)
    came: dict[str, Any] = json.loads(done.stdout)
    answered = max(1, came["replies"].get("200", 0))
    return came | {"server_cpu_ms": 1000 * (cpu_seconds(pid) - before) / answered, "resident_mb": resident_mb(pid)}


def asked(base: str, questions: Sequence[str], key: str) -> list[Any]:
    """Our requests."""
    headers = {"Authorization": f"Bearer {key}"}
    return [["POST", f"/api/v1/bases/{base}/search", {"query": q, "k": K}, headers] for q in questions]


def asked_of_txtai(questions: Sequence[str]) -> list[Any]:
    """The same questions as txtai's API takes them."""
    from urllib.parse import quote

    return [["GET", f"/search?query={quote(q)}&limit={K}", None, {}] for q in questions]


def rows(sizes: Sizes, *, chunks: int, clients: int, seconds: float, workers: int) -> Iterator[Row]:
    """Searches a second, latency and processor time, ours, with nothing to search, and txtai's."""
    base = corpus.knowledge_base(chunks)
    questions = corpus.questions(sizes.questions, chunks)
    index, python = _peer_index(chunks, sizes), peers_python(sizes)
    measured: dict[str, list[dict[str, Any]]] = {"qianxun": [], "nothing": [], "txtai": []}
    for _ in range(sizes.runs):
        for name in ("qianxun", "nothing"):
            with qianxun_serving(base, workers=workers, nothing=name == "nothing") as (pid, port, key):
                requests = asked(base.name, questions, key)
                loaded(pid, port, requests, clients=clients, seconds=min(10.0, seconds))
                measured[name].append(loaded(pid, port, requests, clients=clients, seconds=seconds))
        if index is not None and python is not None:
            with txtai_serving(index, corpus.vectors(chunks, sizes.questions), python) as (pid, port):
                requests = asked_of_txtai(questions)
                loaded(pid, port, requests, clients=clients, seconds=min(10.0, seconds))
                measured["txtai"].append(loaded(pid, port, requests, clients=clients, seconds=seconds))
    for name, what, unit, more in (
        ("per_second", "searches a second", "1/s", True),
        ("p50_ms", "p50", "ms", False),
        ("p99_ms", "p99", "ms", False),
        ("server_cpu_ms", "server's processor time for a search", "ms", False),
    ):
        figures = {who: Figure.of([one[name] for one in found]) for who, found in measured.items() if found}
        yield Row(
            name=f"serving-{chunks}-{name}",
            what=f"{clients} clients, {chunks:,} chunks, {workers} worker{'s' if workers > 1 else ''}: {what}",
            unit=unit,
            ours=figures["qianxun"],
            more_is_better=more,
            peers={
                "nothing to search (the limit)": figures["nothing"],
                "txtai API": figures.get("txtai", PEERS_ABSENT),
            },
            command=f"python -m bench.serving --clients {clients} --seconds {seconds:g} --workers {workers}",
            data=f"{corpus.described(chunks)}, {len(questions)} questions, k={K}, hybrid",
            notes={
                who: [{key: one[key] for key in ("replies", "broken", "resident_mb", "cpu_seconds")} for one in found]
                for who, found in measured.items()
            },
        )


def soak(chunks: int, clients: int, seconds: float, workers: int) -> dict[str, Any]:
    """How the memory of the service goes under load: megabytes at ten moments, and the slope after the third."""
    base = corpus.knowledge_base(chunks)
    questions = corpus.questions(400, chunks)
    taken: list[float] = []
    with qianxun_serving(base, workers=workers, nothing=False) as (pid, port, key):
        requests = asked(base.name, questions, key)
        parts = [loaded(pid, port, requests, clients=clients, seconds=seconds / 10) for _ in range(10)]
        taken = [part["resident_mb"] for part in parts]
    replies: dict[str, int] = {}
    for part in parts:
        for status, n in part["replies"].items():
            replies[status] = replies.get(status, 0) + n
    later = taken[3:]
    slope = (later[-1] - later[0]) / (len(later) - 1) / (seconds / 10) * 3600
    return {
        "seconds": seconds,
        "replies": replies,
        "broken": sum(part["broken"] for part in parts),
        "resident_mb": [round(one, 1) for one in taken],
        "mb_per_hour": round(slope, 1),
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--soak", type=float, default=0.0, help="only go on for so long, and tell how memory went")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--save", action="store_true", help="append to bench/results, then `python -m bench.table`")
    given = parser.parse_args()
    if given.soak:
        begun = time.perf_counter()
        print(json.dumps(soak(given.chunks, given.clients, given.soak, given.workers), indent=2))
        print(f"{time.perf_counter() - begun:.0f} s")
        return 0
    sizes = Sizes(runs=given.runs, peers=not given.no_peers)
    found = []
    measure = {"chunks": given.chunks, "clients": given.clients, "seconds": given.seconds, "workers": given.workers}
    for row in rows(sizes, **measure):
        print(in_words(row.as_record()), flush=True)
        found.append(row)
    print(json.dumps(dict(found[0].notes), indent=2))
    if given.save:
        save(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
