"""Jobs as they are kept: a plain model beside the store, two processes at one queue, holders that are lost."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings, stateful
from hypothesis import strategies as st

from qianxun.errors import InputError, NotFound
from qianxun.storage.jobs import MOST_LOST, STATES, Failure, Job, Jobs
from qianxun.storage.service import open_service

START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
BASES = ("", "人事", "hr")
HOLDERS = ("一", "b", "c")
OWNERS = ("", "key:1", "token:https://例.example:王")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with contextlib.closing(Jobs(open_service(tmp_path))) as opened:
        yield opened


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


# -- against a plain model -------------------------------------------------------------------------------


@dataclass
class Model:
    """A job as a plain record, by which every step of the store is checked."""

    token: str
    base: str
    owner: str
    priority: int
    number: int
    state: str = "queued"
    holder: str = ""
    heard: datetime = START
    due: datetime = START
    attempts: int = 0
    lost: int = 0
    stopping: bool = False
    error: str = ""
    done: int = 0
    finished: datetime | None = field(default=None)


class JobMachine(stateful.RuleBasedStateMachine):
    """Whatever is done in whatever order, the store and the model agree."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.jobs = Jobs(open_service(Path(self.folder.name)), retention_days=1)
        self.models: dict[str, Model] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self.now = START
        self.dead: set[str] = set()

    def teardown(self) -> None:
        self.jobs.close()
        self.folder.cleanup()

    @stateful.rule(
        base=st.sampled_from(BASES),
        owner=st.sampled_from(OWNERS),
        priority=st.integers(-1, 1),
        key=st.sampled_from(("", "", "钥匙一", "k2")),
    )
    def submit(self, base: str, owner: str, priority: int, key: str) -> None:
        known = self.keys.get((owner, key)) if key else None
        if known in self.models and known is not None:
            if self.models[known].base == base:
                assert self.jobs.submit("add", base, owner=owner, key=key, now=self.now).token == known
            else:
                with pytest.raises(InputError):
                    self.jobs.submit("add", base, owner=owner, key=key, now=self.now)
            return
        job = self.jobs.submit("add", base, owner=owner, priority=priority, key=key, now=self.now)
        self.models[job.token] = Model(job.token, base, owner, priority, len(self.models), due=self.now)
        if key:
            self.keys[owner, key] = job.token

    @stateful.rule(seconds=st.sampled_from((0.5, 5.0, 31.0, 3600.0)))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @stateful.rule(holder=st.sampled_from(HOLDERS))
    def claim(self, holder: str) -> None:
        self.dead.discard(holder)
        busy = {one.base for one in self.models.values() if one.state == "running" and one.base}
        ready = [m for m in self.models.values() if m.state == "queued" and m.due <= self.now and m.base not in busy]
        expected = min(ready, key=lambda m: (-m.priority, m.number), default=None)
        job = self.jobs.claim(holder, now=self.now)
        assert (job and job.token) == (expected and expected.token)
        if expected is not None:
            expected.state, expected.holder, expected.heard, expected.done = "running", holder, self.now, 0
            expected.attempts += 1

    def _running(self, data: st.DataObject, holder: str) -> Model | None:
        mine = [m for m in self.models.values() if m.state == "running"]
        return data.draw(st.sampled_from(mine)) if mine else None

    @stateful.rule(data=st.data(), holder=st.sampled_from(HOLDERS), done=st.integers(0, 9))
    def heard(self, data: st.DataObject, holder: str, done: int) -> None:
        model = self._running(data, holder)
        if model is None:
            return
        answer = self.jobs.heard(model.token, holder, "reading", done, 9, now=self.now)
        if holder != model.holder:
            assert answer == "lost"
            return
        assert answer == ("stop" if model.stopping else "go on")
        model.heard, model.done = self.now, done

    @stateful.rule(
        data=st.data(), holder=st.sampled_from(HOLDERS), how=st.sampled_from(("done", "failed", "cancelled", "back"))
    )
    def end(self, data: st.DataObject, holder: str, how: str) -> None:
        model = self._running(data, holder)
        if model is None:
            return
        ours = holder == model.holder
        if how == "done":
            assert self.jobs.finish(model.token, holder, {"added": 1}, now=self.now) is ours
        elif how == "failed":
            failure = Failure("InputError", "{path} 不行", "", {"path": "年假.pdf"})
            assert self.jobs.fail(model.token, holder, failure, now=self.now) is ours
        elif how == "cancelled":
            assert self.jobs.stopped(model.token, holder, now=self.now) is ours
        else:
            assert self.jobs.give_back(model.token, holder, seconds=4, now=self.now) is ours
        if ours and how == "back":
            model.state, model.due = "queued", self.now + timedelta(seconds=4)
            how = "cancelled"
        elif ours:
            model.state = how
            model.error = "InputError" if how == "failed" else ""
        if ours:
            model.holder = ""
            if model.state == "queued" and model.stopping:
                model.state = "cancelled"
            if model.state != "queued":
                model.finished = self.now

    @stateful.rule(data=st.data(), owner=st.sampled_from((None, *OWNERS)))
    def cancel(self, data: st.DataObject, owner: str | None) -> None:
        if not self.models:
            return
        model = data.draw(st.sampled_from(list(self.models.values())))
        if owner is not None and owner != model.owner:
            with pytest.raises(NotFound):
                self.jobs.cancel(model.token, owner, now=self.now)
            return
        self.jobs.cancel(model.token, owner, now=self.now)
        if model.state == "queued":
            model.state, model.finished = "cancelled", self.now
        elif model.state == "running":
            model.stopping = True

    @stateful.rule(holder=st.sampled_from(HOLDERS))
    def die(self, holder: str) -> None:
        self.dead.add(holder)

    @stateful.rule(telling=st.booleans())
    def take_back(self, telling: bool) -> None:
        """With a way to look whether holders live, and without."""
        self.jobs.take_back(lambda h: h not in self.dead if telling else None, now=self.now)
        for model in self.models.values():
            if model.state != "running":
                continue
            silent = self.now - model.heard > timedelta(seconds=30)
            if (model.holder in self.dead) if telling else silent:
                model.lost += 1
                model.state, model.holder = "queued", ""
                if model.stopping:
                    model.state, model.finished = "cancelled", self.now
                elif model.lost >= MOST_LOST:
                    model.state, model.finished, model.error = "failed", self.now, "ProcessLost"

    @stateful.rule()
    def expire(self) -> None:
        old = [
            m.token
            for m in self.models.values()
            if m.finished is not None and self.now - m.finished > timedelta(days=1)
        ]
        assert self.jobs.expire(self.now) == len(old)
        for token in old:
            del self.models[token]

    @stateful.invariant()
    def the_store_agrees(self) -> None:
        found = {job.token: job for job in self.jobs.all(count=1000)}
        assert found.keys() == self.models.keys()
        for token, model in self.models.items():
            job = found[token]
            seen = (job.state, job.holder, job.attempts, job.lost, job.stopping, job.base, job.owner)
            assert seen == (
                model.state,
                model.holder,
                model.attempts,
                model.lost,
                model.stopping,
                model.base,
                model.owner,
            )
            assert (job.error.kind if job.error else "") == model.error
            assert job.ended == (model.finished is not None)
            if model.state == "running":
                assert job.done == model.done
        assert self.jobs.counts() == {s: sum(m.state == s for m in self.models.values()) for s in STATES}
        running = [m.base for m in self.models.values() if m.state == "running" and m.base]
        assert len(running) == len(set(running))


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


# -- what the machine does not see -----------------------------------------------------------------------


def test_a_job_keeps_what_was_asked_for(jobs: Jobs) -> None:
    arguments = {"files": [{"file": "0", "source": "人事/年假（２０２６）.pdf", "bytes": 5}], "labels": ["人事"]}
    job = jobs.submit("add", "人事", owner="key:1", arguments=arguments)
    assert jobs.get(job.token) == job
    assert job.arguments == arguments
    assert (job.state, job.total, job.result, job.error) == ("queued", None, None, None)
    assert jobs.get(job.token, "key:1") == job
    with pytest.raises(NotFound):
        jobs.get(job.token, "key:2")


def test_a_failure_is_said_in_the_readers_language(jobs: Jobs) -> None:
    from qianxun.messages import set_language

    error = NotFound("There is no document {id}.", remedy="`qianxun list` shows the ids.", id=7)
    job = jobs.submit("remove", "hr")
    assert jobs.claim("h") is not None
    jobs.fail(job.token, "h", Failure.of(error))
    kept = jobs.get(job.token).error
    assert kept is not None
    assert kept.kind == "NotFound"
    assert str(kept.as_error()) == str(error)
    set_language("zh")
    assert "7" in kept.as_error().in_words()
    assert kept.as_error().in_words() == error.in_words()


def test_a_key_of_another_request_is_refused(jobs: Jobs) -> None:
    jobs.submit("add", "hr", owner="key:1", key="一")
    with pytest.raises(InputError):
        jobs.submit("check", "hr", owner="key:1", key="一")
    assert jobs.submit("check", "hr", owner="key:2", key="一").kind == "check"
    with pytest.raises(InputError):
        jobs.submit("check", "hr", key="长" * 201)


def test_the_age_of_the_queue(jobs: Jobs) -> None:
    assert jobs.waiting_seconds(START) == 0
    jobs.submit("check", "a", now=START)
    jobs.submit("check", "b", now=later(3))
    assert jobs.waiting_seconds(later(10)) == 10
    first = jobs.claim("h", now=later(10))
    assert first is not None
    assert jobs.waiting_seconds(later(10)) == 7
    jobs.give_back(first.token, "h", seconds=60, now=later(11))
    assert jobs.waiting_seconds(later(12)) == 9
    assert jobs.waiting_seconds(later(75)) == 72


def test_a_job_that_has_not_ended_is_not_erased(jobs: Jobs) -> None:
    job = jobs.submit("check", "hr")
    with pytest.raises(InputError):
        jobs.erase(job.token)
    jobs.cancel(job.token)
    jobs.erase(job.token)
    with pytest.raises(NotFound):
        jobs.get(job.token)


CLAIMS = """
import sys
from pathlib import Path
from qianxun.storage.jobs import Jobs
from qianxun.storage.service import open_service
jobs = Jobs(open_service(Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
while (job := jobs.claim(sys.argv[2])) is not None:
    print(job.token, flush=True)
    assert jobs.finish(job.token, sys.argv[2], {})
"""


def test_two_processes_never_claim_the_same_job(tmp_path: Path, jobs: Jobs) -> None:
    tokens = {jobs.submit("check", f"库{n}").token for n in range(120)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMS, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    claimed = [process.communicate(timeout=60)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sorted(claimed[0] + claimed[1]) == sorted(tokens)
    assert jobs.counts()["done"] == 120


def test_a_job_lost_by_three_holders_says_so(jobs: Jobs) -> None:
    token = jobs.submit("add", "hr", now=START).token
    found: list[Job] = []
    for n in range(3):
        assert jobs.claim(f"h{n}", now=later(n)) is not None
        found = jobs.take_back(lambda _: False, now=later(n))
    assert [(job.token, job.state) for job in found] == [(token, "failed")]
    error = jobs.get(token).error
    assert error is not None
    assert "3 times" in str(error.as_error())
