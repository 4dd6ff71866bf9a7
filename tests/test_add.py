"""The ingest flow's own steps."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import qianxun
from qianxun.documents import reading
from qianxun.ingestion import add
from qianxun.records import Status
from qianxun.settings import Settings
from qianxun.sources import folder as folders

JOBS = [reading.ReadJob(str(n), Path(str(n))) for n in range(6)]
OPENED = reading.Opened("", "", None)
ENDED = reading.Ended(Status.READY, "")


def in_order(monkeypatch: pytest.MonkeyPatch, arrivals: list[tuple[int, bool]]) -> list[tuple[int, bool]]:
    """What comes out when messages (job, whether its last) arrive in this order."""

    def read_all(jobs: Iterator[reading.ReadJob], *_: object) -> Iterator[reading.ReadEvents]:
        known = list(jobs)
        for number, last in arrivals:
            yield reading.ReadEvents(known[number], (ENDED,) if last else (OPENED,))

    monkeypatch.setattr(reading, "read_all", read_all)
    found = add._in_order(JOBS, Settings())
    return [(int(message.job.source), isinstance(message.events[-1], reading.Ended)) for message in found]


def test_messages_come_in_the_order_of_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    arrivals = [(2, True), (1, False), (0, False), (3, True), (1, True), (0, True), (4, True)]
    assert in_order(monkeypatch, arrivals) == [
        (0, False),
        (0, True),
        (1, False),
        (1, True),
        (2, True),
        (3, True),
        (4, True),
    ]


def test_nothing_is_lost_whatever_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    import itertools

    for order in itertools.permutations([(0, True), (1, True), (2, True), (3, True)]):
        assert in_order(monkeypatch, list(order)) == [(0, True), (1, True), (2, True), (3, True)]


def test_a_very_slow_file_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add, "MAX_WAITING_MESSAGES", 2)
    arrivals = [(1, False), (2, True), (3, True), (1, True), (4, True), (0, True), (5, True)]
    found = in_order(monkeypatch, arrivals)
    assert sorted(found) == sorted(arrivals)
    assert found.index((2, True)) < found.index((0, True))
    assert found.index((1, False)) < found.index((1, True))


@pytest.fixture
def digested(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose bytes are read to see whether they changed."""
    names: list[str] = []

    def file_digest(path: Path) -> str:
        names.append(path.name)
        return plain(path)

    plain = reading.file_digest
    monkeypatch.setattr(reading, "file_digest", file_digest)
    return names


def test_files_that_were_not_touched_are_not_read(
    tmp_path: Path, digested: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_SETTLED_SECONDS", -1.0)
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("年假.txt", "b.txt"):
        (folder / name).write_text("年假共有五天。", encoding="utf-8")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        kb.add(folder)
        assert sorted(digested) == ["b.txt", "年假.txt"]
        digested.clear()
        assert kb.add(folder).unchanged == 2
        assert digested == []
        # Touched, but the same: read once more, then known again.
        (folder / "b.txt").touch()
        assert kb.add(folder).unchanged == 2
        assert kb.add(folder).unchanged == 2
        assert digested == ["b.txt"]


def test_a_change_that_hides_its_time_and_size_is_seen(
    tmp_path: Path, digested: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_SETTLED_SECONDS", -1.0)
    path = tmp_path / "a.txt"
    path.write_text("年假共有五天。", encoding="utf-8")
    before = path.stat()
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        kb.add(path)
        time.sleep(0.02)  # more than a step of the clock
        path.write_text("年假共有六天。", encoding="utf-8")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert kb.add(path).replaced == 1
        assert "六天" in kb.text(kb.documents()[0].id)


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path, digested: list[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("年假共有五天。", encoding="utf-8")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        kb.add(path)
        kb.add(path)
    assert digested == ["a.txt", "a.txt"]
