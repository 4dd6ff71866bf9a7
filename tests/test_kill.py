"""kill -9 at random moments during add, remove and compact; then the same commands again.

The result must equal that of a run that nobody disturbed: by source, span, text and score. The seed is
in the output of a failure; `KILL_SEED` repeats it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import qianxun

pytestmark = pytest.mark.kill

SEED = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(1 << 30)))
KILLS = 20
QUESTIONS = (
    "第七条 退款 期限",
    "pump 17 maintenance interval",
    "部门 3 的 联系人",
    "calibration of sensor 42",
    "加班費",
)


def write_documents(folder: Path, n: int, edition: int) -> None:
    """Deterministic files: Chinese, English, mixed, and one long enough to come in several parts."""
    rng = random.Random(7)
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        parts = [
            f"# 文件 {i} 第{edition if i % 5 == 0 else 1}版",
            f"部门 {i % 9} 的联系人是员工{rng.randrange(1000)}，退款期限为{i % 30}天。第{i % 12}条：加班費須經核准。",
            f"Pump {i} has a maintenance interval of {rng.randrange(90)} days; calibration of sensor {i} is yearly.",
            " ".join(f"词{rng.randrange(500)} word{rng.randrange(500)}" for _ in range(60)),
        ]
        (folder / f"{i:04}.md").write_text("\n\n".join(parts), encoding="utf-8")
    long = "\n\n".join(f"第{i}段。" + "长文档的内容，需要分成许多块。" * 20 + f" Paragraph {i}." for i in range(800))
    (folder / "long.txt").write_text(long + f"\n\n第{edition}版", encoding="utf-8")


def command(kb: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "qianxun", *words, "--kb", str(kb), "--set", "encoder.name=hash", "--json"]


def run(kb: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(kb, *words), capture_output=True, text=True, timeout=300)


def kill_during(kb: Path, words: Sequence[str], usual: float, rng: random.Random) -> None:
    """Kills the command at a random moment; sooner and sooner if it has ended by then."""
    for attempt in range(20):
        process = subprocess.Popen(
            command(kb, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(rng.uniform(0.05, max(0.1, usual / (1 + attempt))))
        alive = process.poll() is None
        if alive:
            os.kill(process.pid, signal.SIGKILL)  # only the parent: its workers must notice by themselves
        process.wait()
        if alive:
            return
    raise AssertionError(f"{words} could not be caught running; seed {SEED}")


def everything(kb: Path) -> dict[str, object]:
    """What can be found, without ids."""
    found: dict[str, object] = {}
    with qianxun.open(kb) as opened:
        found["documents"] = sorted((d.source, d.status.value, d.chunks, d.labels) for d in opened.documents())
        found["texts"] = {d.source: opened.text(d.id) for d in opened.documents()}
        for mode in ("hybrid", "dense", "lexical"):
            for question in QUESTIONS:
                result = opened.search(question, k=50, mode=mode)
                found[f"{mode} {question}"] = sorted(
                    (round(p.score, 5), p.source, p.span.start, p.span.end, p.text) for p in result.passages
                )
    return found


def test_killed_at_random_moments_the_result_is_the_same(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    folder, disturbed, calm = tmp_path / "docs", tmp_path / "disturbed", tmp_path / "calm"
    n_killed = 0
    for edition, kills in ((1, 8), (2, 4)):
        write_documents(folder, 400, edition)
        started = time.monotonic()
        assert run(calm, "add", str(folder)).returncode == 0
        usual = time.monotonic() - started
        for _ in range(kills):
            kill_during(disturbed, ["add", str(folder)], usual, rng)
            n_killed += 1
            if rng.random() < 0.3:
                assert run(disturbed, "check").returncode == 0, f"seed {SEED}"
        assert run(disturbed, "add", str(folder)).returncode == 0, f"seed {SEED}"
        if edition == 1:
            assert everything(disturbed) == everything(calm), f"seed {SEED}"
    for words, kills in ((["remove", "00*.md", "*long.txt", "--yes"], 4), (["compact"], 4)):
        started = time.monotonic()
        assert run(calm, *words).returncode == 0
        usual = time.monotonic() - started
        for _ in range(kills):
            kill_during(disturbed, words, usual, rng)
            n_killed += 1
            assert run(disturbed, "check").returncode == 0, f"seed {SEED}"
        # A removal that was already complete finds nothing more to remove.
        assert run(disturbed, *words).returncode in ((0, 4) if words[0] == "remove" else (0,)), f"seed {SEED}"
    report = json.loads(run(disturbed, "check").stdout)
    assert report["ok"], (SEED, report)
    assert everything(disturbed) == everything(calm), f"seed {SEED}"
    assert n_killed == KILLS
