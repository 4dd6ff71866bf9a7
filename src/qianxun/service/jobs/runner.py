"""Runs jobs, one at a time, until it is told to stop; asks for those that are due by the clock.

The process steps back for others, so that answers do not wait for it. It may be killed at any moment: its job goes
back into the queue as soon as another one looks, and goes on. Told to stop, it puts its job back itself.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from qianxun.errors import Busy, LimitReached, NotFound, QianxunError
from qianxun.service import problems
from qianxun.service.auditing import used_up
from qianxun.service.bases import Bases
from qianxun.service.jobs import kinds, receipts, results, rights, uploads
from qianxun.service.jobs.holding import Holder
from qianxun.service.jobs.kinds import KINDS
from qianxun.service.jobs.schedules import Schedules
from qianxun.service.jobs.spending import Spending, record_end
from qianxun.service.jobs.work import Stopped, Telling, Told, Work
from qianxun.settings import Settings, home_directory
from qianxun.storage.database import Database
from qianxun.storage.jobs import SILENT_SECONDS, Failure, Job, Jobs
from qianxun.storage.reindex import Progress
from qianxun.storage.service import open_service

if TYPE_CHECKING:
    from qianxun.knowledge_base import KnowledgeBase

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.3
_HEARD_SECONDS: Final = 0.4
_TAKE_BACK_SECONDS: Final = 5.0
# And so often it is seen to what jobs left that ended half-way and could not be indexed then.
_LEFT_SECONDS: Final = 60.0
# A knowledge base that no job is about is closed after so long: its models take memory.
_IDLE_SECONDS: Final = 60.0
_MOST_WAIT_SECONDS: Final = 60.0
_MOST_ATTEMPTS: Final = 30
# Each waits for as long as a database is waited for.
_WRITE_TRIES: Final = 10


def run_jobs(settings: Settings, stop: threading.Event, *, nice: int | None = None, until_empty: bool = False) -> int:
    """Runs jobs until `stop` is set, or with `until_empty` until none is left; returns how many were run.

    `nice` is how far the process steps back, `jobs.nice` of the settings by default. Raises SettingsError for schedules
    that cannot be.
    """
    step_back = settings.jobs.nice if nice is None else nice
    if step_back and hasattr(os, "nice"):
        os.nice(step_back)
    home = home_directory(settings)
    with contextlib.closing(open_service(home)) as database, Holder(home) as holder, _Bases(settings) as bases:
        runner = _Runner(settings, database, holder, bases, stop)
        return runner.run(until_empty)


class _Bases:
    """The knowledge base of the last job, kept open for the next."""

    def __init__(self, settings: Settings) -> None:
        self._bases = Bases(settings)
        self._used = time.monotonic()
        self._last = ""

    def __enter__(self) -> "_Bases":
        return self

    def __exit__(self, *_: object) -> None:
        self._bases.close()

    def names(self) -> list[str]:
        """What there is."""
        return self._bases.names()

    def open(self, name: str) -> "KnowledgeBase":
        """One of them, which does not wait for other writers. Raises NotFound."""
        if name != self._last:
            self._bases.close()
        kb = self._bases.get(name).kb
        kb.wait = False
        self._last, self._used = name, time.monotonic()
        return kb

    def close_if_idle(self) -> None:
        """Closes what was not used for a while."""
        if self._last and time.monotonic() - self._used > _IDLE_SECONDS:
            self._bases.close()
            self._last = ""


@dataclass(slots=True)
class _Runner:
    settings: Settings
    database: Database
    holder: Holder
    bases: _Bases
    stop: threading.Event
    looked_at_left: float = float("-inf")

    def run(self, until_empty: bool) -> int:
        """Claims and runs; returns how many."""
        jobs, schedules = Jobs(self.database), Schedules(self.settings)
        n_run, looked = 0, float("-inf")
        # Jobs of others, when they were last heard, and since when that is known.
        others: dict[str, tuple[str, float]] = {}
        while not self.stop.is_set():
            try:
                if time.monotonic() - looked > _TAKE_BACK_SECONDS:
                    looked = time.monotonic()
                    self._take_back(jobs)
                schedules.ask_for_due(jobs)
                job = jobs.claim(self.holder.name)
            except Busy as error:  # somebody rewrites the file
                logger.info("jobs are looked at later: %s", error)
                job = None
            if job is not None:
                n_run += 1
                self._run_one(jobs, job)
            elif until_empty and not jobs.all(states=("queued",), count=1) and not self._may_be_lost(jobs, others):
                break
            elif until_empty and others:
                looked = float("-inf")
                self.stop.wait(_LOOK_SECONDS)
            else:
                self.bases.close_if_idle()
                self.stop.wait(_LOOK_SECONDS)
        return n_run

    def _may_be_lost(self, jobs: Jobs, others: dict[str, tuple[str, float]]) -> bool:
        """Whether a job of another process may come back into the queue any moment: it was not heard since we look.

        The lock of a process that was killed may outlive it for a moment, in a child that it was just starting.
        """
        running = {job.token: job.heard for job in jobs.all(states=("running",), count=1000)}
        for token in others.keys() - running.keys():
            del others[token]
        now = time.monotonic()
        for token, heard in running.items():
            others.setdefault(token, (heard, now))
        return any(
            others[token][0] == heard and now - others[token][1] < SILENT_SECONDS for token, heard in running.items()
        )

    def _take_back(self, jobs: Jobs) -> None:
        for job in jobs.take_back(self.holder.alive):
            logger.warning("job %s (%s) lost its process and is %s", job.token, job.kind, job.state)
            self._tidy(job, is_indexed=False)
            if job.ended:
                self.looked_at_left = float("-inf")
        self._index_what_is_left(jobs)
        self.holder.sweep({job.holder for job in jobs.all(states=("running",), count=1000)})

    def _run_one(self, jobs: Jobs, job: Job) -> None:
        began = time.monotonic()
        logger.info("job %s (%s) begins, attempt %d", job.token, job.kind, job.attempts)
        spending = Spending(job, jobs, self.database, self.settings)
        with _heard(jobs, job, self.stop, spending) as telling:
            outcome = self._outcome(job, telling, spending)
            is_indexed = outcome.state not in ("stopped", "failed") or self._is_indexed(job, telling)
        ours = outcome.state != "lost" and _written(jobs, job, outcome)
        seconds = time.monotonic() - began
        logger.info("job %s (%s): %s after %.1f s", job.token, job.kind, outcome.state if ours else "lost", seconds)
        if ours:
            self._tidy(jobs.get(job.token), is_indexed=is_indexed)

    def _is_indexed(self, job: Job, telling: Telling) -> bool:
        """Brings the indexes up to what a job stored that ended half-way; False if that is to be tried again.

        It is not asked whether the job is to stop: nobody finds what is stored and not indexed, nor what it replaced.
        """
        if job.kind not in kinds.STORING:
            return True

        def tell(progress: Progress) -> None:
            telling.now = progress
            if self.stop.is_set() or telling.told == "lost":
                raise Stopped

        try:
            self.bases.open(job.base).catch_up(progress=tell)
        except NotFound:
            return True
        except Stopped:
            return False
        except QianxunError as error:
            logger.warning("what job %s (%s) stored is indexed later: %s", job.token, job.kind, error)
            return False
        except Exception:
            logger.exception("what job %s (%s) stored is indexed later", job.token, job.kind)
            return False
        return True

    def _index_what_is_left(self, jobs: Jobs) -> None:
        """Does that for jobs that ended without their process: killed, or stopped while they waited to go on."""
        if time.monotonic() - self.looked_at_left < _LEFT_SECONDS:
            return
        self.looked_at_left = time.monotonic()
        home = home_directory(self.settings)
        for token in receipts.left_behind(home):
            with contextlib.suppress(NotFound):
                job = jobs.get(token)
                if job.ended and (job.state == "done" or self._is_indexed(job, Telling())):
                    uploads.forget(home, token)

    def _outcome(self, job: Job, telling: Telling, spending: Spending) -> "_Outcome":
        home = home_directory(self.settings)
        work = Work(job, self.settings, home, self.database, telling, self.bases.open, self.bases.names)
        try:
            rights.must_hold(job, self.database, self.settings)
            spending.must_have_some()
            return _Outcome("done", result=KINDS[job.kind](work))
        except Stopped:
            if telling.told == "spent":
                kinds.keep_what_is_done(work)
                return _Outcome("failed", failure=Failure.of(used_up(spending.most)))
            return _Outcome(_STOPPED[telling.told or "leave"])
        except Busy as error:
            if job.attempts >= _MOST_ATTEMPTS:
                return _Outcome("failed", failure=Failure.of(error))
            return _Outcome("back", seconds=min(_MOST_WAIT_SECONDS, 2.0**job.attempts))
        except QianxunError as error:
            # In full: who asked for it may be told less.
            logger.warning("job %s (%s) failed: %s", job.token, job.kind, error)
            return _Outcome("failed", failure=Failure.of(error))
        except Exception:
            logger.exception("job %s (%s) failed", job.token, job.kind)
            return _Outcome("failed", failure=Failure.of(problems.unforeseen()))

    def _tidy(self, job: Job, *, is_indexed: bool) -> None:
        """Deletes what only a job that has not ended needs; what tells of one that is not indexed stays."""
        home = home_directory(self.settings)
        if not job.ended:
            return
        if is_indexed or not receipts.has_begun(home, job.token):
            uploads.forget(home, job.token)
        spent = job.error is not None and job.error.kind == LimitReached.__name__
        if job.kind not in kinds.STORING and (job.state == "cancelled" or (job.state == "failed" and not spent)):
            results.forget(home, job.token)
        try:
            record_end(job, self.database, self.settings)
        except QianxunError as error:
            logger.warning("the end of job %s was not recorded: %s", job.token, error)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a job. `back`: it is to be run again, after so many seconds."""

    state: Literal["done", "failed", "stopped", "back", "lost"]
    result: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    seconds: float = 0.0


_STOPPED: Final[Mapping[Told, Literal["stopped", "back", "lost"]]] = {  # "spent" is a failure
    "stop": "stopped",
    "leave": "back",
    "lost": "lost",
}


def _written(jobs: Jobs, job: Job, outcome: _Outcome) -> bool:
    """Writes down what came of a job; False if it is no longer ours. Tried again while somebody rewrites the file."""
    for _ in range(_WRITE_TRIES):
        with contextlib.suppress(Busy):
            match outcome.state:
                case "done":
                    return jobs.finish(job.token, job.holder, outcome.result)
                case "failed" if outcome.failure is not None:
                    return jobs.fail(job.token, job.holder, outcome.failure)
                case "stopped":
                    return jobs.stopped(job.token, job.holder)
                case _:
                    stage = "waiting" if outcome.seconds else ""
                    return jobs.give_back(job.token, job.holder, seconds=outcome.seconds, stage=stage)
    return False


@contextlib.contextmanager
def _heard(jobs: Jobs, job: Job, stop: threading.Event, spending: Spending) -> Iterator[Telling]:
    """Makes a job heard from a thread of its own, which also hears what it is to do.

    What it tells first is heard at once, what it tells last in any case, and what is between now and then.
    """
    telling = Telling(is_spent=spending.is_over)
    over = threading.Event()

    def hear() -> bool:
        now: Progress = telling.now
        try:
            spending.settle()
            answer = jobs.heard(job.token, job.holder, now.stage, now.done, now.total)
        except QianxunError as error:  # in use by who rewrites it: the next time
            logger.info("job %s was not heard: %s", job.token, type(error).__name__)
            return False
        if answer != "go on":
            telling.told = answer
        elif stop.is_set():
            telling.told = "leave"
        return True

    def run() -> None:
        telling.begun.wait(_HEARD_SECONDS)
        while not over.is_set():
            hear()
            over.wait(_HEARD_SECONDS)

    thread = threading.Thread(target=run, name="qianxun-heard", daemon=True)
    thread.start()
    try:
        yield telling
    finally:
        over.set()
        telling.begun.set()
        thread.join()
        any(hear() for _ in range(_WRITE_TRIES))
