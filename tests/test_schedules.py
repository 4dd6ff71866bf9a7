"""What runs by the clock, with a clock that stands where it is put."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qianxun.errors import SettingsError
from qianxun.service.jobs.schedules import HOUSEKEEPING, Schedules
from qianxun.settings import Settings, load_settings
from qianxun.shapes import schedules_shape
from qianxun.storage.jobs import Job, Jobs
from qianxun.storage.service import open_service

NIGHTLY = ["schedules.夜间.job=check", "schedules.夜间.knowledge_base=人事", "schedules.夜间.cron=30 2 * * *"]


class Clock:
    """Says the time that it was told."""

    def __init__(self, at: str) -> None:
        self.now = datetime.fromisoformat(at)

    def __call__(self) -> datetime:
        return self.now

    def on(self, **given: float) -> None:
        self.now += timedelta(**given)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with contextlib.closing(Jobs(open_service(tmp_path))) as opened:
        yield opened


def given(*overrides: str, zone: str = "Asia/Shanghai") -> Settings:
    return load_settings(overrides=[f"jobs.time_zone={zone}", *overrides])


def asked(schedules: Schedules, jobs: Jobs) -> list[Job]:
    return [job for job in schedules.ask_for_due(jobs) if job.schedule != HOUSEKEEPING]


def done(jobs: Jobs) -> None:
    """Everything in the queue is run."""
    while (job := jobs.claim("h")) is not None:
        jobs.finish(job.token, "h", {"ok": True})


def test_a_schedule_asks_once_each_time(jobs: Jobs) -> None:
    clock = Clock("2026-03-01T12:00:00+08:00")
    schedules = Schedules(given(*NIGHTLY, "schedules.夜间.arguments=retry=true,limit=5,set=人事"), clock)
    assert asked(schedules, jobs) == []
    clock.on(hours=14, minutes=29)
    assert asked(schedules, jobs) == []
    clock.on(minutes=1)
    (job,) = asked(schedules, jobs)
    assert (job.kind, job.base, job.schedule, job.owner) == ("check", "人事", "夜间", "")
    assert job.arguments == {"retry": True, "limit": 5, "set": "人事"}
    assert asked(schedules, jobs) == []
    done(jobs)
    clock.on(hours=1)
    assert asked(schedules, jobs) == []
    clock.on(hours=23)
    assert len(asked(schedules, jobs)) == 1


def test_what_was_missed_runs_once(jobs: Jobs) -> None:
    clock = Clock("2026-03-01T12:00:00+08:00")
    asked(Schedules(given(*NIGHTLY), clock), jobs)
    clock.on(days=20)
    again = Schedules(given(*NIGHTLY), clock)  # after a pause of the service
    assert len(asked(again, jobs)) == 1
    done(jobs)
    assert asked(again, jobs) == []
    clock.on(minutes=1)
    assert asked(again, jobs) == []
    clock.on(days=1)
    assert len(asked(again, jobs)) == 1


def test_two_of_one_schedule_never_run_at_a_time_and_the_second_follows(jobs: Jobs) -> None:
    clock = Clock("2026-03-01T12:00:00+08:00")
    schedules = Schedules(given(*NIGHTLY), clock)
    asked(schedules, jobs)
    clock.on(days=1)
    assert len(asked(schedules, jobs)) == 1
    for _ in range(3):
        clock.on(days=1)
        assert asked(schedules, jobs) == []
    done(jobs)
    assert len(asked(schedules, jobs)) == 1
    done(jobs)
    assert asked(schedules, jobs) == []


def test_two_processes_ask_once(jobs: Jobs) -> None:
    clock = Clock("2026-03-01T12:00:00+08:00")
    both = [Schedules(given(*NIGHTLY), clock) for _ in range(2)]
    for one in both:
        asked(one, jobs)
    clock.on(days=1)
    assert [len(asked(one, jobs)) for one in both] == [1, 0]
    done(jobs)
    assert [len(asked(one, jobs)) for one in both] == [0, 0]


def test_other_times_begin_anew(jobs: Jobs) -> None:
    clock = Clock("2026-03-01T12:00:00+08:00")
    asked(Schedules(given(*NIGHTLY), clock), jobs)
    clock.on(hours=2)
    other = Schedules(given(*NIGHTLY[:2], "schedules.夜间.cron=0 13 * * *"), clock)
    assert asked(other, jobs) == []
    clock.on(days=1)
    assert len(asked(other, jobs)) == 1


def test_a_clock_that_was_put_back_does_not_stop_a_schedule(jobs: Jobs) -> None:
    clock = Clock("2030-01-01T00:00:00+08:00")
    asked(Schedules(given(*NIGHTLY), clock), jobs)
    clock = Clock("2026-03-01T12:00:00+08:00")
    schedules = Schedules(given(*NIGHTLY), clock)
    assert asked(schedules, jobs) == []
    clock.on(days=1)
    assert len(asked(schedules, jobs)) == 1


@pytest.mark.parametrize(
    "day, expected",
    [
        ("2026-03-28T12:00:00+01:00", 1),  # the night in which 02:30 is left out
        ("2026-10-24T12:00:00+02:00", 1),  # the night in which 02:30 comes twice
    ],
)
def test_once_a_night_where_the_clock_is_changed(jobs: Jobs, day: str, expected: int) -> None:
    clock = Clock(day)
    schedules = Schedules(given(*NIGHTLY, zone="Europe/Berlin"), clock)
    n = 0
    for _ in range(24 * 12):
        n += len(asked(schedules, jobs))
        done(jobs)
        clock.on(minutes=5)
    assert n == expected


def test_a_schedule_that_begins_within_the_doubled_hour_waits_for_the_next_night(jobs: Jobs) -> None:
    clock = Clock("2026-10-25T01:40:00+00:00")  # 02:40 for the second time
    schedules = Schedules(given(*NIGHTLY, zone="Europe/Berlin"), clock)
    assert asked(schedules, jobs) == []
    clock.on(hours=1)
    assert asked(schedules, jobs) == []
    (state,) = [one for one in schedules.states(jobs) if one.schedule.name == "夜间"]
    assert state.due == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_the_state_shows_the_last_and_the_next(jobs: Jobs) -> None:
    clock = Clock("2026-03-01T12:00:00+08:00")
    schedules = Schedules(given(*NIGHTLY), clock)

    def shown() -> dict[str, object]:
        (found,) = [one for one in schedules_shape(schedules.states(jobs))["schedules"] if one["name"] == "夜间"]
        return dict(found)

    assert (shown()["next"], shown()["open"], shown()["last"]) == ("2026-03-01T18:30:00Z", None, None)
    asked(schedules, jobs)
    clock.on(days=1)
    (job,) = asked(schedules, jobs)
    assert shown()["open"]["job"] == job.token  # type: ignore[index]
    done(jobs)
    assert shown()["open"] is None
    assert shown()["last"]["result"] == {"ok": True}  # type: ignore[index]
    assert shown()["next"] == "2026-03-02T18:30:00Z"
    assert shown()["time_zone"] == "Asia/Shanghai"


def test_housekeeping_is_done_by_itself_or_as_the_settings_say(jobs: Jobs) -> None:
    clock = Clock("2026-03-01T12:00:00+08:00")
    schedules = Schedules(given(), clock)
    schedules.ask_for_due(jobs)
    clock.on(hours=1)
    assert [job.kind for job in schedules.ask_for_due(jobs)] == ["expire"]
    own = Schedules(given("schedules.housekeeping.job=expire", "schedules.housekeeping.cron=0 4 1 * *"), clock)
    assert [(one.name, one.cron) for one in own.all] == [("housekeeping", "0 4 1 * *")]


@pytest.mark.parametrize(
    "overrides, word",
    [
        (["schedules.a.job=add", "schedules.a.knowledge_base=hr", "schedules.a.cron=0 2 * * *"], "add"),
        (["schedules.a.job=", "schedules.a.cron=0 2 * * *"], "a"),
        (["schedules.a.job=check", "schedules.a.cron=0 2 * * *"], "knowledge base"),
        (["schedules.a.job=expire", "schedules.a.knowledge_base=hr", "schedules.a.cron=0 2 * * *"], "knowledge base"),
        (["schedules.a.job=expire", "schedules.a.cron=每天"], "每天"),
        (["schedules.a.job=expire", "schedules.a.cron=0 0 2 * * *"], "0 0 2"),
        (["schedules.a.job=expire", "schedules.a.cron=99 2 * * *"], "99"),
        (["schedules.a.job=expire", "schedules.a.cron=0 0 30 2 *"], "30 2"),
        (["schedules.a.job=expire", "schedules.a.cron=0 2 * * *", "schedules.a.arguments=retry"], "retry"),
        (["jobs.time_zone=Asia/Nowhere"], "Nowhere"),
        (["jobs.time_zone=../../etc/passwd"], "passwd"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(overrides: list[str], word: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Schedules(load_settings(overrides=overrides))
    assert word in str(refused.value)


def test_without_a_zone_it_is_that_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    (schedule,) = Schedules(load_settings(overrides=["jobs.time_zone="])).all
    assert str(schedule.zone) == "Asia/Tokyo"
