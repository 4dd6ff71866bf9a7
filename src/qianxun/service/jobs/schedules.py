"""Jobs that run by the clock: `[schedules.NAME]` in the settings, five fields as cron has them, in a time zone.

A schedule whose time has come asks for its job once, however many times were missed while nobody looked; never while
its last job has not ended: then it stays due, and follows. One that is new, or whose times were changed, begins now.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from qianxun.errors import SettingsError
from qianxun.service.jobs.kinds import BY_THE_CLOCK, WITHOUT_BASE
from qianxun.settings import ScheduleSettings, Settings
from qianxun.storage.jobs import Job, Jobs

# Housekeeping is done by itself, unless the settings have a schedule of this name.
HOUSEKEEPING: Final = "housekeeping"
_HOUSEKEEPING: Final = ScheduleSettings(job="expire", cron="23 * * * *")
# Whoever waits goes first.
PRIORITY: Final = -10
_LOCAL_ZONE: Final = "/etc/localtime"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule. `rule` says when; another one begins anew."""

    name: str
    kind: str
    base: str
    cron: str
    zone: tzinfo
    arguments: Mapping[str, Any]

    @property
    def rule(self) -> str:
        """When it runs, as text."""
        return f"{self.cron} {self.zone}"

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after a moment, UTC; None if it never comes."""
        times = (found.astimezone(UTC) for found in CronSim(self.cron, moment.astimezone(self.zone)))
        # In the hour that a clock shows twice, times before the moment may come again.
        return next((found for found in times if found > moment), None)


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule as it stands: when it is due next (UTC; None: never), the job that runs or waits, the last one."""

    schedule: Schedule
    due: datetime | None
    open: Job | None
    last: Job | None


class Schedules:
    """The schedules of the settings. Raises SettingsError for one that cannot be."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] | None = None) -> None:
        zone = zone_of(settings.jobs.time_zone)
        given = {HOUSEKEEPING: _HOUSEKEEPING, **settings.schedules}
        self._clock = clock or _now
        self.all = [_schedule(name, section, zone) for name, section in sorted(given.items())]
        # When each must be looked at again; so long nobody asks the file.
        self._wait_until: dict[str, datetime] = {}

    def ask_for_due(self, jobs: Jobs) -> list[Job]:
        """Asks for the jobs of the schedules that are due; returns them."""
        now = self._clock()
        asked = (self._look(one, jobs, now) for one in self.all if self._wait_until.get(one.name, now) <= now)
        return [job for job in asked if job is not None]

    def _look(self, schedule: Schedule, jobs: Jobs, now: datetime) -> Job | None:
        looked = jobs.looked_at(schedule.name, schedule.rule)
        if looked is None or looked > now:  # new, or the clock was put back
            jobs.look_at(schedule.name, schedule.rule, looked, now)
            looked = now
        due = schedule.next_after(looked)
        if due is None or due > now:
            self._wait_until[schedule.name] = due or datetime.max.replace(tzinfo=UTC)
            return None
        return jobs.submit_due(
            schedule.name,
            schedule.rule,
            looked,
            schedule.kind,
            schedule.base,
            schedule.arguments,
            priority=PRIORITY,
            now=now,
        )

    def states(self, jobs: Jobs) -> list[ScheduleState]:
        """Every schedule as it stands, by name."""
        now = self._clock()
        return [
            ScheduleState(
                one,
                one.next_after(min(now, jobs.looked_at(one.name, one.rule) or now)),
                jobs.open_of(one.name),
                jobs.last_of(one.name),
            )
            for one in self.all
        ]


def zone_of(name: str) -> tzinfo:
    """A time zone by its name; without one this machine's. Raises SettingsError."""
    if name:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise SettingsError(
                "jobs.time_zone: {name!r} is no time zone.", remedy="Example: Asia/Shanghai", name=name
            ) from error
    try:
        own = os.environ.get("TZ", "").lstrip(":")
        if own:
            return ZoneInfo(own)
        with open(_LOCAL_ZONE, "rb") as file:  # noqa: PTH123 (a stream is asked for)
            return ZoneInfo.from_file(file, "localtime")
    except (KeyError, ValueError, OSError):
        return UTC


def _schedule(name: str, section: ScheduleSettings, zone: tzinfo) -> Schedule:
    where = f"schedules.{name}"
    if section.job not in BY_THE_CLOCK:
        raise SettingsError(
            "{where}: {job!r} is no job that can run by the clock.",
            remedy="Choose one of: {possible}.",
            where=where,
            job=section.job,
            possible=", ".join(sorted(BY_THE_CLOCK)),
        )
    without = section.job in WITHOUT_BASE
    if without and section.knowledge_base:
        raise SettingsError(
            "{where}: {job} is about no knowledge base.",
            remedy="Leave out knowledge_base.",
            where=where,
            job=section.job,
        )
    if not without and not section.knowledge_base:
        raise SettingsError(
            "{where}: {job} needs a knowledge base.", remedy="Set knowledge_base.", where=where, job=section.job
        )
    try:
        if len(section.cron.split()) != 5:
            raise CronSimError
        CronSim(section.cron, datetime.now(zone))
    except CronSimError as error:
        raise SettingsError(
            "{where}: {cron!r} does not say when.",
            remedy='Five fields: minute, hour, day, month, weekday; "30 2 * * *" is every night at half past two.',
            where=where,
            cron=section.cron,
        ) from error
    return Schedule(name, section.job, section.knowledge_base, section.cron, zone, _arguments(where, section.arguments))


def _arguments(where: str, given: tuple[str, ...]) -> dict[str, Any]:
    """`retry=true` as {"retry": True}: values are JSON, or text where they are none."""
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise SettingsError(
                "{where}: the argument {text!r} is not KEY=VALUE.",
                remedy="Example: retry=true",
                where=where,
                text=text,
            )
        try:
            found[key.strip()] = json.loads(value)
        except ValueError:
            found[key.strip()] = value.strip()
    return found


def _now() -> datetime:
    return datetime.now(UTC)
