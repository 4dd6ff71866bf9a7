"""The ingest flow's own steps."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qianxun.documents import reading
from qianxun.ingestion import add
from qianxun.records import Status
from qianxun.settings import Settings

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
