"""Jobs as they are run: what they do, how they are stopped, what is left when their process is killed."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import qianxun
from qianxun.errors import InputError
from qianxun.knowledge_base import KnowledgeBase
from qianxun.service.jobs import kinds, results, runner, uploads
from qianxun.service.jobs.holding import Holder
from qianxun.service.jobs.runner import run_jobs
from qianxun.service.jobs.work import Stopped, Telling, Work
from qianxun.settings import Settings, load_settings
from qianxun.shapes import job_shape
from qianxun.storage.jobs import Job, Jobs, new_token
from qianxun.storage.reindex import Progress
from qianxun.storage.service import open_service

OVERRIDES = ("encoder.name=hash", "reading.workers=1")


class Place:
    """A home with a knowledge base and a queue."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.overrides = (f"home={home}", *OVERRIDES)
        self.settings: Settings = load_settings(overrides=self.overrides)
        self.jobs = Jobs(open_service(home))

    @contextlib.contextmanager
    def base(self, name: str = "人事") -> Iterator[KnowledgeBase]:
        with qianxun.open(self.home / "kb" / name, settings=self.settings) as opened:
            yield opened

    def upload(self, files: dict[str, bytes], *, base: str = "人事", **arguments: Any) -> Job:
        """A job that adds files, as a request leaves it."""
        token = new_token()
        folder = uploads.folder_of(self.home, token)
        folder.mkdir(parents=True)
        given = []
        for number, (source, data) in enumerate(files.items()):
            (folder / str(number)).write_bytes(data)
            given.append(uploads.Upload(str(number), source, len(data)).as_json())
        return self.jobs.submit("add", base, arguments={"files": given, **arguments}, token=token)

    def run(self, settings: Settings | None = None) -> int:
        return run_jobs(settings or self.settings, threading.Event(), nice=0, until_empty=True)

    def start(self) -> "subprocess.Popen[bytes]":
        """The process that runs jobs."""
        return subprocess.Popen(
            [sys.executable, "-m", "qianxun.service.jobs", *self.overrides],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit, "it took too long"
            time.sleep(0.01)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "家")
    with made.base():
        pass
    yield made
    made.jobs.close()


LEAVE = "年假：工作满一年的员工每年有五天带薪年假。".encode()
STIPEND = "值班補貼：On-call engineers receive 300 yuan a night.".encode()


def test_an_upload_is_added_and_kept(place: Place) -> None:
    job = place.upload({"制度/年假（２０２６）.txt": LEAVE, "on call.md": STIPEND}, labels=["hr", "公开"])
    assert place.run() == 1
    ended = place.jobs.get(job.token)
    assert ended.state == "done", ended.error
    assert ended.result is not None
    assert (ended.result["added"], ended.result["failed"]) == (2, [])
    with place.base() as kb:
        assert {d.source: d.labels for d in kb.documents()} == {
            "制度/年假（２０２６）.txt": ("hr", "公开"),
            "on call.md": ("hr", "公开"),
        }
        (document,) = [d for d in kb.documents() if d.source.startswith("制度")]
        original = kb.original(document.id)
        with original.stream as stream:
            assert (original.name, stream.read()) == ("年假（２０２６）.txt", LEAVE)
        assert kb.check().ok
    assert not uploads.folder_of(place.home, job.token).exists()


def test_a_file_that_cannot_be_read_is_named_and_stops_nothing(place: Place) -> None:
    job = place.upload({"坏.pdf": b"%PDF-1.7 broken", "好.txt": LEAVE})
    place.run()
    result = place.jobs.get(job.token).result
    assert result is not None
    assert result["added"] == 1
    assert [one["source"] for one in result["failed"]] == ["坏.pdf"]


def test_files_that_are_gone_are_said(place: Place) -> None:
    job = place.upload({"a.txt": LEAVE, "b.txt": STIPEND})
    (uploads.folder_of(place.home, job.token) / "0").unlink()
    place.run()
    ended = place.jobs.get(job.token)
    assert ended.state == "done", ended.error
    assert ended.result is not None
    assert (ended.result["added"], [one["source"] for one in ended.result["failed"]]) == (1, ["a.txt"])


def test_documents_are_removed_with_their_originals_and_only_those_that_are_seen(place: Place) -> None:
    place.upload({"a.txt": LEAVE}, labels=["hr"])
    place.upload({"b.txt": STIPEND}, labels=["it"])
    place.run()
    with place.base() as kb:
        ids = [d.id for d in kb.documents()]
    job = place.jobs.submit("remove", "人事", arguments={"ids": [*ids, 999], "asker": ["hr"]})
    place.run()
    result = place.jobs.get(job.token).result
    assert result is not None
    assert [one["source"] for one in result["removed"]] == ["a.txt"]
    again = place.jobs.submit("remove", "人事", arguments={"ids": ids, "asker": ["hr"]})
    place.run()
    assert place.jobs.get(again.token).state == "done"
    with place.base() as kb:
        assert [d.source for d in kb.documents()] == ["b.txt"]
        assert len([p for p in (kb.directory / "originals").rglob("*") if p.is_file()]) == 1
        assert kb.check().ok


@pytest.mark.parametrize("kind", ["check", "rebuild", "compact", "sync", "expire"])
def test_upkeep_runs_as_a_job(place: Place, kind: str) -> None:
    place.upload({"a.txt": LEAVE})
    job = place.jobs.submit(kind, "" if kind == "expire" else "人事")
    place.run()
    ended = place.jobs.get(job.token)
    assert ended.state == "done", ended.error
    assert job_shape(ended)["result"]["version"]


def test_the_encoder_is_changed_as_a_job(place: Place) -> None:
    place.upload({"a.txt": LEAVE})
    job = place.jobs.submit("reindex", "人事", arguments={"enrich": False})
    place.run()
    assert place.jobs.get(job.token).state == "done"


def test_an_answer_is_measured_without_its_text_in_the_job(place: Place) -> None:
    place.upload({"年假.txt": LEAVE}, labels=["hr"])
    place.run()
    folder = place.home / "questions"
    folder.mkdir()
    (folder / "人事.jsonl").write_text(
        '{"question": "年假有几天？", "source": "年假.txt", "answers": ["五天"]}\n', encoding="utf-8"
    )
    job = place.jobs.submit("evaluate", "人事", arguments={"what": "answers", "set": "人事", "asker": None})
    place.run()
    ended = place.jobs.get(job.token)
    assert ended.state == "done", ended.error
    assert ended.result is not None
    assert ended.result["n"] == 1
    assert "五天" not in str(ended.result)
    (row,) = results.read(place.home, job.token, {"年假.txt"})["results"]
    assert "五天" in row["answer"]
    assert results.read(place.home, job.token, set())["results"] == []
    with place.base() as kb:
        kb.remove(["年假.txt"])
    place.jobs.submit("compact", "人事")
    place.run()
    assert results.read(place.home, job.token, {"年假.txt"})["results"] == []


@pytest.mark.parametrize("name", ["../kb", "/etc/passwd", "没有", "a/b"])
def test_a_question_set_is_a_name_below_home(place: Place, name: str) -> None:
    job = place.jobs.submit("evaluate", "人事", arguments={"what": "answers", "set": name, "asker": None})
    place.run()
    error = place.jobs.get(job.token).error
    assert error is not None
    assert error.kind in ("InputError", "NotFound")


def test_a_knowledge_base_that_is_gone_is_said(place: Place) -> None:
    job = place.jobs.submit("check", "没有")
    place.run()
    error = place.jobs.get(job.token).error
    assert error is not None
    assert error.kind == "NotFound"


def test_what_nobody_foresaw_fails_one_job_only(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(work: Work) -> dict[str, Any]:
        raise RuntimeError("文档里的话")

    monkeypatch.setitem(kinds.KINDS, "check", broken)  # type: ignore[misc]
    job = place.jobs.submit("check", "人事")
    other = place.jobs.submit("sync", "人事")
    place.run()
    error = place.jobs.get(job.token).error
    assert error is not None
    assert "文档里的话" not in str(error.as_error())
    assert place.jobs.get(other.token).state == "done"


# -- being stopped ---------------------------------------------------------------------------------------


def slow(begun: threading.Event) -> Callable[[Work], dict[str, Any]]:
    """Work that tells how far it is a hundred times a second, for ever."""

    def run(work: Work) -> dict[str, Any]:
        for n in range(6000):
            begun.set()
            time.sleep(0.01)
            work.telling(Progress("reading", n, 6000))
        return {}

    return run


@contextlib.contextmanager
def running(place: Place, stop: threading.Event) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=run_jobs, args=(place.settings, stop), kwargs={"nice": 0})
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def test_a_running_job_is_cancelled_within_a_second(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stop = threading.Event(), threading.Event()
    monkeypatch.setitem(kinds.KINDS, "check", slow(begun))  # type: ignore[misc]
    job = place.jobs.submit("check", "人事")
    with running(place, stop):
        assert begun.wait(20)
        place.until(lambda: place.jobs.get(job.token).done > 0)
        place.jobs.cancel(job.token)
        asked = time.monotonic()
        place.until(lambda: place.jobs.get(job.token).state == "cancelled")
        assert time.monotonic() - asked < 1.0


def test_a_cancelled_upload_leaves_nothing_behind(place: Place) -> None:
    job = place.upload({"a.txt": LEAVE})
    place.jobs.cancel(job.token)
    assert place.run() == 0
    place.jobs.submit("expire")
    os.utime(uploads.folder_of(place.home, job.token), (1, 1))
    for path in uploads.folder_of(place.home, job.token).iterdir():
        os.utime(path, (1, 1))
    place.run()
    assert not uploads.folder_of(place.home, job.token).exists()


def test_a_process_that_is_told_to_end_puts_its_job_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stop = threading.Event(), threading.Event()
    monkeypatch.setitem(kinds.KINDS, "check", slow(begun))  # type: ignore[misc]
    job = place.jobs.submit("check", "人事")
    with running(place, stop):
        assert begun.wait(20)
    left = place.jobs.get(job.token)
    assert (left.state, left.lost, left.attempts) == ("queued", 0, 1)


def test_while_another_process_adds_a_job_waits_in_the_queue(place: Place) -> None:
    from qianxun.assemble import locks

    job = place.jobs.submit("check", "人事")
    stop = threading.Event()
    ingest, _ = locks(place.home / "kb" / "人事")
    with running(place, stop):
        with ingest.held():
            place.until(lambda: place.jobs.get(job.token).attempts == 1)
            place.until(lambda: place.jobs.get(job.token).state == "queued")
            assert place.jobs.get(job.token).stage == "waiting"
        place.until(lambda: place.jobs.get(job.token).state == "done")


# -- how far it is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [Progress("asking", 7, 7), Progress("asking", 0, 1), Progress("reading", 5, None)])
def test_what_a_job_tells_first_and_last_is_heard(
    place: Place, monkeypatch: pytest.MonkeyPatch, last: Progress
) -> None:
    told, go_on = threading.Event(), threading.Event()

    def quick(work: Work) -> dict[str, Any]:
        work.telling(Progress("beginning", 1, 9))
        told.set()
        assert go_on.wait(20)
        work.telling(last)
        return {}

    monkeypatch.setattr(runner, "_HEARD_SECONDS", 5.0)
    monkeypatch.setitem(kinds.KINDS, "check", quick)  # type: ignore[misc]
    job = place.jobs.submit("check", "人事")
    with running(place, threading.Event()):
        assert told.wait(20)
        place.until(lambda: place.jobs.get(job.token).stage == "beginning", 2.0)
        go_on.set()
        place.until(lambda: place.jobs.get(job.token).ended)
    ended = place.jobs.get(job.token)
    whole = last.done if last.total is None else last.total
    assert (ended.state, ended.stage, ended.done, ended.total) == ("done", last.stage, whole, last.total)


def test_a_job_that_fails_shows_how_far_it_came(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(work: Work) -> dict[str, Any]:
        work.telling(Progress("checking", 2, 5))
        raise InputError("那里有问题。")

    monkeypatch.setitem(kinds.KINDS, "check", broken)  # type: ignore[misc]
    job = place.jobs.submit("check", "人事")
    place.run()
    ended = place.jobs.get(job.token)
    assert (ended.state, ended.stage, ended.done, ended.total) == ("failed", "checking", 2, 5)


# -- being killed ----------------------------------------------------------------------------------------


def test_a_holder_lives_as_long_as_its_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from qianxun.service.jobs.holding import Holder\n"
        "with Holder(Path(sys.argv[1])) as h: print(h.name, flush=True); sys.stdin.readline()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    with Holder(tmp_path) as holder:
        assert holder.alive(holder.name) is True
        assert holder.alive(name) is True
        assert holder.alive("nobody") is None
        process.kill()
        process.communicate()
        assert holder.alive(name) is False
        holder.sweep({name})
        assert holder.alive(name) is False
        holder.sweep(set())
        assert holder.alive(name) is None


def test_a_lock_that_outlives_its_process_for_a_moment_loses_no_job(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = place.jobs.submit("check", "人事")
    dying = Holder(place.home)
    dying.__enter__()
    assert place.jobs.claim(dying.name) is not None
    letting_go = threading.Timer(1.0, dying._lock.release)
    letting_go.start()
    assert place.run() == 1
    letting_go.join()
    ended = place.jobs.get(job.token)
    assert (ended.state, ended.lost, ended.attempts) == ("done", 1, 2)


def test_a_job_that_another_process_works_on_is_not_waited_for(place: Place) -> None:
    job = place.jobs.submit("check", "人事")
    with Holder(place.home) as other:
        assert place.jobs.claim(other.name) is not None
        over = threading.Event()

        def go_on() -> None:
            while not over.wait(0.1):
                place.jobs.heard(job.token, other.name, "checking", 1, 9)

        working = threading.Thread(target=go_on)
        working.start()
        began = time.monotonic()
        assert place.run() == 0
        assert time.monotonic() - began < 10
        over.set()
        working.join()
        assert place.jobs.get(job.token).state == "running"


def files_of(n: int, edition: int = 1) -> dict[str, bytes]:
    """Deterministic files, Chinese and English, one of several parts."""
    rng = random.Random(5)
    made = {
        f"批次/文件{i:03}.md": (
            f"# 文件 {i} 第{edition}版\n\n第{i}条：加班費須經核准，退款期限为{i % 30}天。\n\n"
            f"Pump {i} is serviced every {rng.randrange(90)} days. "
            + " ".join(f"词{rng.randrange(99)}" for _ in range(40))
        ).encode()
        for i in range(n)
    }
    made["批次/长.txt"] = "\n\n".join(f"第{i}段。" + "长文档的内容。" * 30 for i in range(300)).encode()
    return made


def everything(place: Place) -> dict[str, Any]:
    with place.base() as kb:
        assert kb.check().ok, kb.check().problems
        found: dict[str, Any] = {d.source: (d.status.value, d.chunks, d.digest) for d in kb.documents()}
        for document in kb.documents():
            with kb.original(document.id).stream as stream:
                found[f"original {document.source}"] = stream.read()
        for question in ("退款 期限", "pump 7"):
            hits = kb.search(question, k=30).passages
            found[question] = sorted((p.source, p.span.start, round(p.score, 5)) for p in hits)
        return found


def killed(place: Place, seconds: float) -> bool:
    """Whether the process that runs jobs was killed while it had one."""
    process = place.start()
    with contextlib.suppress(AssertionError):
        place.until(lambda: place.jobs.counts()["running"] == 1, 20)
    time.sleep(seconds)
    busy = place.jobs.counts()["running"] == 1
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return busy


def test_killed_during_an_upload_it_is_resumed_once(place: Place, tmp_path: Path) -> None:
    calm = Place(tmp_path / "calm")
    with calm.base():
        pass
    for one in (place, calm):
        one.upload(files_of(30))
    assert killed(place, 0.3)
    place.run()
    calm.run()
    assert place.jobs.counts()["done"] == calm.jobs.counts()["done"] == 1
    killed_job, calm_job = place.jobs.all()[0], calm.jobs.all()[0]
    assert killed_job.lost == 1
    assert killed_job.result is not None
    assert calm_job.result is not None
    for name in ("added", "replaced", "unchanged", "chunks"):
        assert killed_job.result[name] == calm_job.result[name], name
    assert everything(place) == everything(calm)
    assert not list((place.home / "uploads").glob("*"))
    calm.jobs.close()


def test_the_result_of_a_resumed_job_counts_all_its_attempts(place: Place, tmp_path: Path) -> None:
    """Stopped when everything is written but not yet said, after some are there from before."""
    calm = Place(tmp_path / "calm")
    with calm.base():
        pass
    old = dict(list(files_of(8).items())[:3])
    for one in (place, calm):
        one.upload({**old, "批次/同.md": LEAVE})
        one.run()
        one.upload({**files_of(8, 2), "批次/同.md": LEAVE, "坏.pdf": b"%PDF-1.7 broken"})
    stop = threading.Event()

    def give_up(telling: Any, progress: Progress) -> None:
        if progress.stage == "keeping":
            raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Telling, "__call__", give_up)
        with running(place, stop):
            place.until(lambda: place.jobs.all()[0].attempts > 0 and place.jobs.all()[0].state == "queued")
            stop.set()
    assert place.jobs.all()[0].attempts >= 1
    place.run()
    calm.run()
    resumed, whole = place.jobs.all()[0], calm.jobs.all()[0]
    assert resumed.attempts >= 2
    assert resumed.result is not None
    assert whole.result is not None
    assert (whole.result["added"], whole.result["replaced"], whole.result["unchanged"]) == (6, 3, 1)
    for name in ("added", "replaced", "unchanged", "removed", "chunks"):
        assert resumed.result[name] == whole.result[name], name
    assert [one["source"] for one in resumed.result["failed"]] == ["坏.pdf"]
    calm.jobs.close()


@pytest.mark.kill
def test_killed_at_random_moments_nothing_is_lost_or_doubled(place: Place, tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_SEED", random.SystemRandom().randrange(1 << 30)))
    rng = random.Random(seed)
    calm = Place(tmp_path / "calm")
    with calm.base():
        pass
    for edition in (1, 2):
        for one in (place, calm):
            one.upload(files_of(150, edition))
        for _ in range(2):
            killed(place, rng.uniform(0.0, 2.5))
        place.run()
        calm.run()
        assert everything(place) == everything(calm), f"seed {seed}"
    for one in (place, calm):
        with one.base() as kb:
            ids = [d.id for d in kb.documents() if "文件0" in d.source or "长" in d.source]
        one.jobs.submit("remove", "人事", arguments={"ids": ids, "asker": None})
        one.jobs.submit("compact", "人事")
    for _ in range(2):
        killed(place, rng.uniform(0.0, 0.6))
    place.run()
    calm.run()
    assert place.jobs.counts() == calm.jobs.counts() | {"failed": 0}, f"seed {seed}"
    assert everything(place) == everything(calm), f"seed {seed}"
    calm.jobs.close()


# -- what is stored is found -----------------------------------------------------------------------------


OVERTIME = "加班費：Overtime is paid at 1.5 times.".encode()


def interrupted(monkeypatch: pytest.MonkeyPatch, then: Callable[[Telling], None]) -> None:
    """Something happens to a job when its files are read, and nothing of them is indexed."""

    class Interrupted(Telling):
        def __call__(self, progress: Progress) -> None:
            if progress.stage == "reading" and progress.done == progress.total:
                then(self)
            Telling.__call__(self, progress)

    monkeypatch.setattr(runner, "Telling", Interrupted)


def found(place: Place, question: str) -> tuple[list[str], Sequence[str]]:
    with place.base() as kb:
        result = kb.search(question, mode="lexical")
        return [passage.text for passage in result.passages], result.degraded


def test_what_a_cancelled_upload_stored_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.upload({"a.txt": LEAVE, "b.txt": STIPEND})
    place.run()
    job = place.upload({"a.txt": OVERTIME, "b.txt": STIPEND})

    def stop(telling: Telling) -> None:
        place.jobs.cancel(job.token)
        telling.told = "stop"

    interrupted(monkeypatch, stop)
    place.run()
    assert place.jobs.get(job.token).state == "cancelled"
    texts, degraded = found(place, "加班費 Overtime")
    assert "1.5 times" in texts[0]
    assert not degraded
    assert not any("带薪年假" in text for text in found(place, "带薪年假")[0])
    assert not uploads.folder_of(place.home, job.token).exists()


def test_what_a_failed_upload_stored_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    job = place.upload({"a.txt": OVERTIME})

    def fail(telling: Telling) -> None:
        raise InputError("No.")

    interrupted(monkeypatch, fail)
    place.run()
    assert place.jobs.get(job.token).state == "failed"
    assert len(found(place, "加班費 Overtime")[0]) == 1


def test_what_a_job_stored_whose_process_was_killed_is_found_though_it_was_cancelled(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = place.upload({"a.txt": OVERTIME})

    def die(telling: Telling) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        interrupted(dying, die)
        with pytest.raises(KeyboardInterrupt):
            place.run()
    assert found(place, "加班費 Overtime")[0] == []
    place.jobs.cancel(job.token)
    place.run()
    assert place.jobs.get(job.token).state == "cancelled"
    assert len(found(place, "加班費 Overtime")[0]) == 1
    assert not uploads.folder_of(place.home, job.token).exists()


def test_what_cannot_be_indexed_when_a_job_is_stopped_is_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    job = place.upload({"a.txt": OVERTIME})
    tried = []

    def stop(telling: Telling) -> None:
        place.jobs.cancel(job.token)
        telling.told = "stop"

    def refuse(kb: KnowledgeBase, *, progress: object = None) -> None:
        tried.append(kb)
        raise InputError("Not now.")

    with monkeypatch.context() as stopping:
        interrupted(stopping, stop)
        stopping.setattr(KnowledgeBase, "catch_up", refuse)
        place.run()
    assert (len(tried), place.jobs.get(job.token).state) == (1, "cancelled")
    place.run()
    assert len(found(place, "加班費 Overtime")[0]) == 1
    assert not uploads.folder_of(place.home, job.token).exists()


def test_a_check_says_what_it_has_brought_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.upload({"a.txt": LEAVE})

    def die(telling: Telling) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        interrupted(dying, die)
        with pytest.raises(KeyboardInterrupt):
            place.run()
    with place.base() as kb:
        assert kb.check().caught_up == 1
        assert kb.check().caught_up == 0
