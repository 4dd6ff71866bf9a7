"""Locks: one holder at a time, named; gone with its process."""

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from qianxun.errors import Busy
from qianxun.storage.locks import Lock

HOLD = """
import sys
from pathlib import Path
from qianxun.storage.locks import Lock
sys.argv = ["qianxun", "add", "/secret/path"]
with Lock(Path(sys.stdin.readline().strip()), "ingest").held():
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(directory: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{directory}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "held\n"
    return process


def let_go(process: "subprocess.Popen[str]") -> None:
    process.communicate("\n")


def test_a_second_writer_that_will_not_wait_is_told_who_holds_it(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(Busy) as caught, Lock(tmp_path, "ingest").held(wait=False):
            pass
        assert f"`qianxun add` (process {process.pid}" in str(caught.value)
        assert "secret" not in str(caught.value)
        assert caught.value.exit_code == 75
    finally:
        let_go(process)


def test_a_second_writer_waits_and_names_the_holder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    process = holder(tmp_path)
    with caplog.at_level(logging.WARNING):
        timer = threading.Timer(0.3, let_go, [process])
        timer.start()
        with Lock(tmp_path, "ingest").held() as waited_for:
            assert str(process.pid) in waited_for
        timer.join()
    assert f"process {process.pid}" in caplog.text


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    process = holder(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with Lock(tmp_path, "ingest").held(wait=False) as waited_for:
        assert waited_for == ""


def test_holding_nests_within_a_thread_and_excludes_other_objects(tmp_path: Path) -> None:
    lock = Lock(tmp_path, "write")
    with lock.held(), lock.held(wait=False), pytest.raises(Busy), Lock(tmp_path, "write").held(wait=False):
        pass
    with Lock(tmp_path, "write").held(wait=False):
        pass


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    lock, inside, most = Lock(tmp_path, "write"), [0], [0]

    def work() -> None:
        for _ in range(20):
            with lock.held():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
