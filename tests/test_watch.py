"""Folders kept in step: real files, real events of the file system."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import qianxun
from qianxun.errors import Busy, NotFound
from qianxun.ingestion import AddReport
from qianxun.ingestion.watch import watch_files

OVERRIDES = ["encoder.name=hash"]
SECONDS = 20.0


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(params=[False, True], ids=["events", "polling"])
def watched(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, Path, list[object]]]:
    """A folder that is being watched, its knowledge base, and what was reported."""
    folder, directory = tmp_path / "文件", tmp_path / "文件" / "kb"  # the base lies in what is watched
    folder.mkdir()
    (folder / "年假.txt").write_text("年假共有五天。", encoding="utf-8")
    reports: list[object] = []
    stop = threading.Event()

    def watch() -> None:
        with qianxun.open(directory, overrides=OVERRIDES) as kb:
            reports.extend(iter_into(kb.watch(folder, stop=stop, poll=request.param), reports))

    thread = threading.Thread(target=watch)
    thread.start()
    assert eventually(lambda: len(reports) >= 1)
    yield folder, directory, reports
    stop.set()
    thread.join(SECONDS)
    assert not thread.is_alive()


def iter_into(found: Iterator[object], reports: list[object]) -> list[object]:
    for report in found:
        reports.append(report)
    return []


def names(directory: Path) -> set[str]:
    with qianxun.open(directory, overrides=OVERRIDES) as kb:
        return {Path(d.source).name for d in kb.documents()}


def test_what_changes_is_found_and_what_vanishes_is_gone(watched: tuple[Path, Path, list[object]]) -> None:
    folder, directory, reports = watched
    assert names(directory) == {"年假.txt"}
    (folder / "報銷.md").write_text("發票須於三十日內提交。", encoding="utf-8")
    assert eventually(lambda: "報銷.md" in names(directory))
    (folder / "年假.txt").unlink()
    assert eventually(lambda: "年假.txt" not in names(directory))
    (folder / "新" / "深").mkdir(parents=True)
    (folder / "新" / "深" / "a.txt").write_text("a new folder")
    assert eventually(lambda: "a.txt" in names(directory))
    shutil.rmtree(folder / "新")
    assert eventually(lambda: "a.txt" not in names(directory))
    # Its own writing is no change: it comes to rest.
    assert eventually(lambda: _rests(reports))


def _rests(reports: list[object]) -> bool:
    before = len(reports)
    time.sleep(2.5)
    return len(reports) == before


def test_a_burst_is_taken_together(watched: tuple[Path, Path, list[object]]) -> None:
    folder, directory, reports = watched
    for n in range(300):
        (folder / f"{n}.txt").write_text(f"第{n}条。")
    assert eventually(lambda: len(names(directory)) == 301)
    assert len(reports) < 30


def test_another_writer_is_waited_out(tmp_path: Path) -> None:
    tries: list[int] = []
    stop = threading.Event()

    def add() -> AddReport:
        tries.append(1)
        if len(tries) == 1:
            raise Busy("Another process is writing.")
        stop.set()
        return AddReport(added=1)

    found = list(watch_files(add, [tmp_path], without=tmp_path / "kb", stop=stop))
    assert [type(one) for one in found] == [Busy, AddReport]


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        next(watch_files(AddReport, [tmp_path / "nowhere"], without=tmp_path, stop=threading.Event()))


def test_the_command_prints_a_line_for_each_change_until_ctrl_c(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("年假共有五天。", encoding="utf-8")
    line = [sys.executable, "-m", "qianxun", "watch", str(folder), "--kb", str(tmp_path / "kb"), "--json"]
    # Whoever runs this in the background ignores Ctrl-C, and so would the command.
    with subprocess.Popen(
        [*line, "--set", "encoder.name=hash"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline())["added"] == 1
            (folder / "b.txt").write_text("食堂十一點半開放。", encoding="utf-8")
            assert json.loads(process.stdout.readline())["added"] == 1
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in errors
