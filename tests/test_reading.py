"""The pool of parsing processes, with loaders that misbehave on purpose.

The workers import a plugin from a folder on the path, as an installed one would be.
"""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from qianxun.documents import reading, registry
from qianxun.documents.dedupe import near_hash, text_hash
from qianxun.documents.reading import (
    Ended,
    Opened,
    PartRead,
    ReadEvents,
    ReadJob,
    file_digest,
    read_all,
)
from qianxun.documents.registry import loader_for, supported_suffixes
from qianxun.documents.split import indexed_text
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Status
from qianxun.settings import ReadingSettings, SplittingSettings

SPLITTING = SplittingSettings()
TEXT = "公司规定每位员工每年享有五天带薪年假。"

PLUGIN = """
import ctypes, io, os, signal, sys, time, zipfile
from qianxun.documents import patience
from qianxun.records import Block, RawDocument

class Loader:
    suffixes = (".odd",)

    def load(self, file, settings):
        path = file.name
        what = file.read().decode().strip()
        if what == "hang":
            while True:
                time.sleep(3600)
        if what == "spin":
            while True:
                pass
        if what == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "exit":
            os._exit(3)
        if what == "memory":
            kept = [bytearray(10_000_000) for _ in range(100)]
            for block in kept:
                block[::4096] = b"x" * len(block[::4096])
        if what == "bug":
            raise LookupError("no such thing")
        if what == "print":
            print("noise" * 100_000, flush=True)
            os.write(1, b"noise")
            os.write(2, b"noise")
        if what == "holder":
            inside = io.BytesIO()
            with zipfile.ZipFile(inside, "w") as archive:
                archive.writestr("m.odd", "memory")
            yield file.member("in.zip", inside.getvalue())
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "two":
            yield RawDocument(str(path), "一", "odd", [Block("paragraph", "一。")])
        def blocks():
            if what == "slow":
                for n in range(6):
                    time.sleep(0.3)
                    yield Block("paragraph", f"{n}" + "年假" * 20_000)
            if what in ("pages", "greedy"):
                for n in range(6):
                    with patience.page():
                        time.sleep(0.3)
                    if what == "greedy":
                        patience._tell(("spared", 1e9))
                    yield Block("paragraph", f"第{n}页。")
            if what == "liar":
                patience._tell(("spared",))
                time.sleep(60)
            if what == "long page":
                with patience.page():
                    time.sleep(1.5)
            if what == "endless":
                while True:
                    yield Block("paragraph", "年假。" * 3000)
            yield Block("paragraph", f"pid {os.getpid()} said {what}.")
        yield RawDocument(str(path), "奇", "odd", blocks())
"""


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for files, and a plugin installed beside it that reads `.odd`."""
    plugins = tmp_path / "plugins"
    (plugins / "odd_loader-1.0.dist-info").mkdir(parents=True)
    (plugins / "odd_loader.py").write_text(PLUGIN)
    (plugins / "odd_loader-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: odd-loader\nVersion: 1.0\n"
    )
    (plugins / "odd_loader-1.0.dist-info" / "entry_points.txt").write_text(
        "[qianxun.loaders]\nodd = odd_loader:Loader\n"
    )
    monkeypatch.syspath_prepend(str(plugins))
    registry._plugins.cache_clear()
    folder = tmp_path / "files"
    folder.mkdir()
    yield folder
    registry._plugins.cache_clear()


def job(folder: Path, name: str, content: "str | bytes") -> ReadJob:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return ReadJob(name, path)


def outcomes(jobs: Iterable[ReadJob], **settings: object) -> dict[str, Ended]:
    """How each job ended; each must end exactly once, and last."""
    found: dict[str, Ended] = {}
    for message in read_all(jobs, ReadingSettings(**{"workers": 2, **settings}), SPLITTING):  # type: ignore[arg-type]
        assert message.job.source not in found
        for event in message.events[:-1]:
            assert not isinstance(event, Ended)
        if isinstance(message.events[-1], Ended):
            found[message.job.source] = message.events[-1]
    return found


def read_one(given: ReadJob, **settings: object) -> list[object]:
    events: list[object] = []
    for message in read_all([given], ReadingSettings(**settings), SPLITTING):  # type: ignore[arg-type]
        assert message.job is given
        events += message.events
    return events


def test_a_file_becomes_title_parts_and_end(tmp_path: Path) -> None:
    opened, part, ended = read_one(job(tmp_path, "a.md", f"# 制度\n\n## 年假\n\n{TEXT}\n"))
    assert opened == Opened("制度", "markdown", None)
    assert ended == Ended(Status.READY, "")
    assert isinstance(part, PartRead)
    assert part.part.text == f"制度\n\n年假\n\n{TEXT}"
    assert part.part.contexts == ("制度 › 年假",)
    assert part.part.text_of(0) == TEXT
    assert part.hashes == (text_hash(indexed_text("制度 › 年假", TEXT)),)
    assert part.near == (near_hash(TEXT),)


def test_parsing_never_happens_in_this_process(odd: Path) -> None:
    _, part, _ = read_one(job(odd, "a.odd", "hello"))
    assert isinstance(part, PartRead)
    assert f"pid {os.getpid()} " not in part.part.text


def test_many_small_files_arrive_once_each_and_share_messages(tmp_path: Path) -> None:
    jobs = [job(tmp_path, f"{n}.txt", f"{n}号。{TEXT}") for n in range(300)]
    texts: dict[str, str] = {}
    for message in read_all(iter(jobs), ReadingSettings(workers=2), SPLITTING):
        _, part, ended = message.events
        assert isinstance(part, PartRead)
        assert isinstance(ended, Ended)
        texts[message.job.source] = part.part.text
    assert texts == {f"{n}.txt": f"{n}号。{TEXT}" for n in range(300)}


def test_one_small_file_starts_one_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = reading._Pool._start

    def counted(pool: reading._Pool) -> reading._Worker:
        started.append(pool)
        return start(pool)

    monkeypatch.setattr(reading._Pool, "_start", counted)
    assert len(outcomes([job(tmp_path, "a.txt", TEXT), job(tmp_path, "b.txt", TEXT)])) == 2
    assert len(started) == 1
    outcomes([job(tmp_path, f"{n}.txt", TEXT) for n in range(200)])
    assert len(started) == 3


def test_nothing_to_read_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading._Pool, "_start", lambda pool: pytest.fail("started"))
    assert list(read_all([], ReadingSettings(), SPLITTING)) == []


@pytest.mark.parametrize(
    "what, says",
    [
        ("crash", "the parser crashed (SIGSEGV)"),
        ("exit", "the parser crashed (exit code 3)"),
        ("bug", "cannot be read: LookupError"),
        ("two", "more than one document"),
    ],
)
def test_a_file_that_breaks_its_worker_sets_only_itself_aside(odd: Path, what: str, says: str) -> None:
    jobs = [job(odd, "1.txt", TEXT), job(odd, "2.odd", "fine"), job(odd, "bad.odd", what)]
    jobs += [job(odd, f"{n}.odd", "fine") for n in range(3, 7)] + [job(odd, "7.txt", TEXT)]
    found = outcomes(jobs)
    assert set(found) == {given.source for given in jobs}
    bad = found.pop("bad.odd")
    assert bad.status is Status.FAILED
    assert says in bad.reason
    assert "bad.odd" in bad.reason
    assert {ended.status for ended in found.values()} == {Status.READY}


@pytest.mark.parametrize("what", ["hang", "spin"])
def test_a_file_that_takes_too_long_is_set_aside(odd: Path, what: str) -> None:
    found = outcomes([job(odd, "bad.odd", what), job(odd, "a.odd", "fine"), job(odd, "b.odd", "fine")], max_seconds=1.5)
    assert "bad.odd took longer than 1.5 seconds" in found["bad.odd"].reason
    assert found["a.odd"].status is found["b.odd"].status is Status.READY


def test_time_is_that_of_the_file_and_not_of_its_reader(odd: Path) -> None:
    jobs = [job(odd, f"{n}.odd", "fine") for n in range(4)]
    statuses = []
    for message in read_all(jobs, ReadingSettings(workers=1, max_seconds=1.5), SPLITTING):
        threading.Event().wait(0.6)  # a slow store: four files, 2.4 s in all, each far below the limit
        statuses.append(message.events[-1])
    assert [event.status for event in statuses if isinstance(event, Ended)] == [Status.READY] * 4


def test_time_counts_over_all_parts_of_a_large_file(odd: Path) -> None:
    found = outcomes([job(odd, "slow.odd", "slow")], max_seconds=0.9)  # 6 × 0.3 s, a message after each
    assert "took longer" in found["slow.odd"].reason


def test_pages_that_are_hard_work_are_not_counted(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcomes([job(odd, "scan.odd", "pages")], max_seconds=0.9)
    assert found["scan.odd"].status is Status.READY
    found = outcomes([job(odd, "one.odd", "long page")], max_seconds=0.9)
    assert found["one.odd"].status is Status.READY
    # But no more of that than the pages that may be read can take.
    monkeypatch.setattr("qianxun.documents.reading.PAGE_SECONDS", 0.3)
    found = outcomes([job(odd, "scan.odd", "greedy")], max_seconds=0.9, ocr_max_pages=1)
    assert "took longer than 0.9 seconds" in found["scan.odd"].reason


def test_a_worker_that_says_nonsense_costs_its_file(odd: Path) -> None:
    found = outcomes([job(odd, "bad.odd", "liar"), job(odd, "a.odd", "fine")])
    assert "the parser crashed" in found["bad.odd"].reason
    assert found["a.odd"].status is Status.READY


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory limits are Linux's")
def test_a_file_that_needs_too_much_memory_is_set_aside(odd: Path) -> None:
    jobs = [job(odd, "bad.odd", "memory"), job(odd, "a.odd", "fine"), job(odd, "b.txt", TEXT)]
    found = outcomes(jobs, max_memory_mb=300)
    assert "bad.odd needs more than 300 MB" in found["bad.odd"].reason
    assert found["a.odd"].status is found["b.txt"].status is Status.READY


def test_a_batch_whose_worker_dies_is_read_again_one_by_one(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_BATCHED", reading._BATCHED | {".odd"})
    jobs = [job(odd, f"{n}.odd", "crash" if n == 5 else "fine") for n in range(12)]
    found = outcomes(jobs)
    assert [source for source, ended in found.items() if ended.status is Status.FAILED] == ["5.odd"]
    assert len(found) == 12


def test_what_a_library_prints_harms_nothing(odd: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert outcomes([job(odd, "a.odd", "print")])["a.odd"].status is Status.READY
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "name, content, status, says",
    [
        ("empty.txt", "", Status.EMPTY, "empty file"),
        ("blank.txt", " \n\n\u3000\n", Status.EMPTY, "no text"),
        ("image.txt", b"\x89PNG\r\n\x1a\n" + bytes(40), Status.FAILED, "a PNG image"),
        ("report.txt", b"%PDF-1.4\n", Status.FAILED, "looks like a PDF, but is named .txt"),
        ("table.xyz", "x", Status.FAILED, "files named .xyz cannot be read"),
        ("README", "x", Status.FAILED, "no suffix"),
        ("broken.pdf", b"%PDF-1.4 nothing more", Status.FAILED, "not a readable PDF"),
        ("notes.pdf", "just text", Status.FAILED, "not a readable PDF"),
        ("broken.docx", b"PK\x03\x04 nothing more", Status.FAILED, "not a readable Word document"),
    ],
)
def test_every_bad_file_has_its_reason(
    tmp_path: Path, name: str, content: "str | bytes", status: Status, says: str
) -> None:
    ended = outcomes([job(tmp_path, name, content)])[name]
    assert ended.status is status
    assert says in ended.reason
    assert name in ended.reason
    assert "\n" not in ended.reason


def test_missing_folders_and_forbidden_files_have_reasons(tmp_path: Path) -> None:
    (tmp_path / "folder.txt").mkdir()
    missing, folder = ReadJob("m", tmp_path / "missing.txt"), ReadJob("f", tmp_path / "folder.txt")
    found = outcomes([missing, folder])
    assert "m does not exist" in found["m"].reason
    assert "f is a folder" in found["f"].reason
    if os.geteuid() != 0:
        secret = job(tmp_path, "secret.txt", TEXT)
        secret.path.chmod(0)
        assert "may not be read" in outcomes([secret])["secret.txt"].reason


def test_too_large_a_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(3_000_000)
    assert "l is 3 MB; files above 2 MB" in outcomes([ReadJob("l", path)], max_file_mb=2)["l"].reason


def test_file_names_that_are_no_text_are_reported(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.txt"))
    try:
        path.write_text(TEXT)
    except OSError:
        pytest.skip("this file system takes text names only")
    events = read_one(ReadJob("odd name", path))
    assert isinstance(events[0], Opened)
    events[0].title.encode("utf-8")
    path.write_bytes(b"\x00" * 100)
    failed = read_one(ReadJob("odd name", path))[-1]
    assert isinstance(failed, Ended)
    failed.reason.encode("utf-8")


def test_a_large_file_comes_in_parts_while_it_is_read(
    odd: Path, opened_reading: Callable[..., Iterator[ReadEvents]]
) -> None:
    events = opened_reading([job(odd, "a.odd", "endless")], ReadingSettings(workers=1), SPLITTING)
    end = 0
    for _, message in zip(range(20), events, strict=False):
        for event in message.events:
            if isinstance(event, PartRead):
                assert event.part.start == end
                end += len(event.part.text)
    assert end > 200_000


def children() -> set[int]:
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "documents.worker"], capture_output=True, text=True)
    return set(map(int, found.stdout.split()))


def rss_mb(pid: int) -> int:
    (line,) = [row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_worker_waits_when_its_events_are_not_taken(
    odd: Path, opened_reading: Callable[..., Iterator[ReadEvents]]
) -> None:
    events = opened_reading([job(odd, "a.odd", "endless")], ReadingSettings(workers=1), SPLITTING)
    next(events)
    (pid,) = children()

    def is_blocked() -> bool:
        return Path(f"/proc/{pid}/wchan").read_text() != "" and cpu(pid) == (threading.Event().wait(0.2), cpu(pid))[1]

    def cpu(pid: int) -> int:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11])

    assert eventually(lambda: is_blocked())
    assert rss_mb(pid) < 150


@pytest.fixture
def opened_reading() -> Iterator[Callable[..., Iterator[ReadEvents]]]:
    """`read_all` whose generators are closed at the end, also of a test that fails."""
    opened: list[Generator[ReadEvents, None, None]] = []

    def read(*args: Any) -> Iterator[ReadEvents]:
        opened.append(cast("Generator[ReadEvents, None, None]", read_all(*args)))
        return opened[-1]

    yield read
    for events in opened:
        events.close()


def eventually(condition: "object", seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        threading.Event().wait(0.02)
    return False


def test_jobs_are_taken_only_a_little_ahead(
    tmp_path: Path, opened_reading: Callable[..., Iterator[ReadEvents]]
) -> None:
    taken = 0

    def jobs() -> Iterator[ReadJob]:
        nonlocal taken
        for n in range(5000):
            taken += 1
            yield job(tmp_path, f"{n % 10}.txt", TEXT)

    events = opened_reading(jobs(), ReadingSettings(workers=2), SPLITTING)
    next(events)
    assert taken <= 2 * 2 * reading._BATCH_JOBS + 1


def test_closing_ends_the_workers(odd: Path, opened_reading: Callable[..., Iterator[ReadEvents]]) -> None:
    before = children()
    events = opened_reading(
        [job(odd, "a.odd", "endless"), job(odd, "b.odd", "hang")], ReadingSettings(workers=2), SPLITTING
    )
    next(events)
    assert children() - before
    started = time.monotonic()
    events.close()  # type: ignore[attr-defined]
    assert children() == before
    assert time.monotonic() - started < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "qianxun-reading"]


def test_an_error_in_the_jobs_ends_the_workers_and_is_raised(odd: Path) -> None:
    def jobs() -> Iterator[ReadJob]:
        yield job(odd, "a.odd", "hang")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(read_all(jobs(), ReadingSettings(workers=2), SPLITTING))
    assert children() == set()


DRIVER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us deaf
import sys
from pathlib import Path
from qianxun.documents.reading import *
from qianxun.settings import *
jobs = [ReadJob(name, Path(name)) for name in sys.argv[1:]]
for message in read_all(jobs, ReadingSettings(workers=2), SplittingSettings()):
    print(message.job.source, flush=True)
"""


def driver(odd: Path, *names: str) -> "subprocess.Popen[str]":
    paths = [str(odd.parent / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(paths))
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def workers_of(pid: int) -> set[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return set(map(int, found.stdout.split()))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("what", ["hang", "endless"])
def test_workers_die_with_their_parent(odd: Path, what: str) -> None:
    bad = job(odd, "bad.odd", what)
    process = driver(odd, str(job(odd, "a.odd", "fine").path), str(bad.path))
    assert process.stdout is not None
    process.stdout.readline()
    workers = workers_of(process.pid)
    assert workers
    process.kill()
    process.communicate()
    assert eventually(lambda: all(map(gone, workers)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_ctrl_c_shows_no_traceback_of_a_worker(odd: Path) -> None:
    process = driver(odd, str(job(odd, "a.odd", "fine").path), str(job(odd, "bad.odd", "hang").path))
    assert process.stdout is not None
    process.stdout.readline()
    workers = workers_of(process.pid)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    for worker in workers:
        if not gone(worker):
            os.kill(worker, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors.count("Traceback") == 1  # the parent's own
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert eventually(lambda: all(map(gone, workers)))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs pgrep")
def test_a_worker_that_hears_ctrl_c_goes_on(odd: Path, opened_reading: Callable[..., Iterator[ReadEvents]]) -> None:
    events = opened_reading([job(odd, "slow.odd", "slow")], ReadingSettings(workers=1), SPLITTING)
    last = next(events).events[-1]
    for worker in children():
        os.kill(worker, signal.SIGINT)
    for message in events:
        last = message.events[-1]
    assert last == Ended(Status.READY)


def test_any_thread_may_read(tmp_path: Path) -> None:
    given = [job(tmp_path, f"{n}.txt", TEXT) for n in range(20)]
    found: list[dict[str, Ended]] = []
    threads = [threading.Thread(target=lambda: found.append(outcomes(given))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(ended) for ended in found] == [20, 20]


def test_a_worker_imports_nothing_heavy_before_a_file_needs_it() -> None:
    code = "import sys, qianxun.documents.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "lxml", "docx", "pypdfium2", "markdown_it", "opencc", "multiprocessing"} & set(loaded)


def test_workers_that_cannot_start_are_an_error_and_not_a_verdict_on_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(reading.QianxunError, match="do not start"):
        outcomes([job(tmp_path, "a.txt", TEXT)])


def test_loaders_are_found_by_suffix(odd: Path) -> None:
    assert type(loader_for(RawFile.of_bytes("A.TXT", b""))).__name__ == "TextLoader"
    assert type(loader_for(RawFile.of_bytes("a.htm", b""))).__name__ == "HtmlLoader"
    assert type(loader_for(RawFile.of_bytes("a.odd", b""))).__name__ == "Loader"
    assert {".txt", ".md", ".html", ".pdf", ".docx", ".odd"} <= set(supported_suffixes())
    with pytest.raises(UnreadableDocument, match=r"\.doc cannot be read.*\.docx.*\.txt"):
        loader_for(RawFile.of_bytes("a.doc", b""))


@pytest.mark.parametrize("suffix", sorted(registry.BUILT_IN))
def test_the_table_of_suffixes_says_what_the_loaders_say(suffix: str) -> None:
    loader = loader_for(RawFile.of_bytes(f"a{suffix}", b""))
    assert suffix in loader.suffixes
    assert registry.may_hold_files(f"a{suffix}") == getattr(loader, "holds_files", False)


def test_digest_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    assert file_digest(job(tmp_path, "a.bin", data).path) == hashlib.sha256(data).hexdigest()


def test_messages_of_different_files_interleave(odd: Path, opened_reading: Callable[..., Iterator[ReadEvents]]) -> None:
    sources = []
    events = opened_reading(
        [job(odd, "a.odd", "endless"), job(odd, "b.odd", "endless")], ReadingSettings(workers=2), SPLITTING
    )
    message: ReadEvents
    for _, message in zip(range(60), events, strict=False):
        sources.append(message.job.source)
        if len(set(sources)) == 2:
            break
    assert set(sources) == {"a.odd", "b.odd"}
