"""Reads files in worker processes: jobs in, events out, a broken file sets only itself aside.

Knows how to run workers, not how to parse: that is `worker`, and the formats. Knows no store. Nothing
is parsed in the calling process, whose memory and life a hostile file must not reach.
"""

import contextlib
import dataclasses
import hashlib
import logging
import marshal
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from qianxun.documents.decoding import encodings_by_pattern
from qianxun.documents.patience import PAGE_SECONDS
from qianxun.documents.registry import SOURCE_CODE
from qianxun.documents.split import measure_of
from qianxun.errors import QianxunError, UnreadableDocument
from qianxun.files import MEMBER
from qianxun.records import Chunk, Part, Span, Status
from qianxun.settings import ReadingSettings, SplittingSettings

logger = logging.getLogger(__name__)

# Small files of cheap formats travel together; a batch that kills its worker is tried again one by one.
_BATCHED: Final = frozenset(
    (*".txt .text .log .md .markdown .html .htm .xhtml .csv .tsv .json .jsonl .ndjson .xml".split(), *SOURCE_CODE)
)
_BATCH_JOBS: Final = 48
_BATCH_BYTES: Final = 1 << 19
_SMALL_FILE_BYTES: Final = 1 << 17
_BATCHES_PER_WORKER: Final = 2
_UNREAD_MESSAGES: Final = 2  # a worker that is further ahead of the reader waits
_SECOND_WORKER_BYTES: Final = 1 << 18
_START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class ReadJob:
    """A file to read. `source` is the name it will have in the knowledge base; `suffix` says what kind it is, if the
    path's own does not. `charset` is the encoding that who delivered it names.
    """

    source: str
    path: Path
    suffix: str = ""
    charset: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A document was recognised; its text follows. `member` is its name within the file, "" for the file's own.

    `digest` is the SHA-256 of a member's bytes; that of the file itself is known to who asked for it.
    """

    title: str
    format: str
    pages: int | None
    member: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PartRead:
    """A part of a document; by chunk, `hashes` of what is indexed (context and text) and `near` of the text alone."""

    part: Part
    hashes: tuple[bytes, ...]
    near: tuple[int, ...]
    member: str = ""


@dataclass(frozen=True, slots=True)
class MemberEnded:
    """The last event of a file inside the file. `status` None: its kind is not read, and it is passed over."""

    member: str
    status: Status | None
    reason: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of a job. A job may end FAILED after parts of it were read: then these are void, but not the
    members that ended before. `reason` is English, empty for a plain READY.
    """

    status: Status
    reason: str = ""


Event: TypeAlias = Opened | PartRead | MemberEnded | Ended


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Some events of one job, in order. Messages of different jobs may interleave."""

    job: ReadJob
    events: tuple[Event, ...]


def read_all(
    jobs: Iterable[ReadJob | None],
    reading: ReadingSettings,
    splitting: SplittingSettings,
    tokenizer: Path | None = None,
) -> Iterator[ReadEvents]:
    """The events of all jobs, each job's in order and ended by exactly one `Ended`.

    `tokenizer` is the file of the encoder's, whose tokens are counted; None: they are estimated.
    Jobs are taken a bounded number ahead; None stands for one that is not there yet, after some waiting for it.
    Workers wait when the events are not taken. Closing the generator ends the workers at once. Raises only what
    iterating `jobs` raises, or QianxunError when no worker can be started at all: a bad file is an `Ended` with its
    reason.
    """
    encodings_by_pattern(reading.encodings)  # a setting that is wrong is so for all files, not for each
    pool = _Pool(reading, splitting, tokenizer)
    try:
        yield from pool.run(iter(jobs))
    finally:
        pool.close()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal; read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(slots=True)
class _Task:
    """A job on its way. `number` is its name in messages.

    `ended` names the files inside it that are done with: after a worker's death the next one leaves them out. `begun`
    names those that are not, the outermost first: the last is what a worker died of.
    """

    number: int
    job: ReadJob
    size: int
    ended: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Batch:
    tasks: deque[_Task]
    n_bytes: int
    single: bool  # its worker's death is its own fault


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits meanwhile, and stays blocked in a process begun here, which could not ignore it from the start."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(eq=False)
class _Worker:
    """A worker process, the thread that listens to it, and the clock of the file it is at.

    The clock runs only while the thread waits for the worker: not while the worker waits for us. What it says it spent
    on recognising pages is not counted, up to `most_spared` for a file; `at_page` while it is at one.
    """

    process: subprocess.Popen[bytes]
    listener: threading.Thread | None = None
    batches: deque[_Batch] = field(default_factory=deque)
    slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_UNREAD_MESSAGES))
    ready: bool = False
    used_seconds: float = 0.0
    spared_seconds: float = 0.0
    most_spared: float = 0.0
    at_page: bool = False
    waiting_since: float | None = None
    sent_at: float = 0.0
    overdue: bool = False

    def take_up_pages(self, events: Iterable[Any], *, finished: bool) -> None:
        """What these events say of pages being recognised. A worker that a hostile file took over may lie."""
        for event in events:
            if event[0] == "page":
                self.at_page = True
            elif event[0] == "spared" and isinstance(event[1], float):
                spared = min(max(0.0, event[1]), self.most_spared - self.spared_seconds)
                self.at_page = False
                self.spared_seconds += spared
                self.used_seconds = max(0.0, self.used_seconds - spared)
        if finished:
            self.spared_seconds, self.at_page = 0.0, False

    def n_jobs(self) -> int:
        return sum(len(batch.tasks) for batch in self.batches)

    def n_bytes(self) -> int:
        return sum(batch.n_bytes for batch in self.batches)

    def seconds(self, now: float) -> float:
        """How long it has been at the present file."""
        since = self.waiting_since
        return self.used_seconds + (max(0.0, now - max(since, self.sent_at)) if since is not None else 0.0)


class _Pool:
    def __init__(self, reading: ReadingSettings, splitting: SplittingSettings, tokenizer: Path | None) -> None:
        self.reading = reading
        self.splitting = splitting
        self.tokenizer = tokenizer
        self.max_workers = reading.workers or os.cpu_count() or 1
        self.workers: list[_Worker] = []
        self.messages: queue.SimpleQueue[tuple[_Worker, Any]] = queue.SimpleQueue()
        self.again: deque[_Batch] = deque()
        self.waiting: _Batch | None = None
        self.peeked: _Task | None = None
        self.n_tasks = 0
        self.failed_starts = 0

    def run(self, jobs: Iterator[ReadJob | None]) -> Iterator[ReadEvents]:
        more = True
        while True:
            more = self._hand_out(jobs, more)
            if not any(worker.batches for worker in self.workers):
                if not more and not self.again and self.waiting is None:
                    return
                continue
            try:
                worker, message = self.messages.get(timeout=self._next_deadline())
            except queue.Empty:
                self._end_overdue()
                continue
            if message is None:
                yield from self._died(worker)
                continue
            yield from self._heard(worker, message)
            worker.slots.release()

    def close(self) -> None:
        for worker in self.workers:
            _end(worker)
        self.workers.clear()

    # Handing out

    def _hand_out(self, jobs: Iterator[ReadJob | None], more: bool) -> bool:
        while True:
            batch = self.waiting
            self.waiting = None
            if batch is None and self.again:
                batch = self.again.popleft()
            if batch is None and more:
                if self.workers and not self._worker_with_room():
                    return more
                batch, more = self._next_batch(jobs)
            if batch is None:
                return more
            worker = self._worker_for(batch)
            if worker is None:
                self.waiting = batch
                return more
            self._send(worker, batch)

    def _next_batch(self, jobs: Iterator[ReadJob | None]) -> tuple[_Batch | None, bool]:
        tasks: deque[_Task] = deque()
        n_bytes = 0
        more = True
        while len(tasks) < _BATCH_JOBS and n_bytes < _BATCH_BYTES:
            task, self.peeked = self.peeked, None
            if task is None:
                try:
                    job = next(jobs)
                except StopIteration:
                    more = False
                    break
                if job is None:
                    break
                self.n_tasks += 1
                task = _Task(self.n_tasks, job, _size(job.path))
            small = task.size <= _SMALL_FILE_BYTES and job_suffix(task.job) in _BATCHED
            if not small and tasks:
                self.peeked = task
                break
            tasks.append(task)
            n_bytes += task.size
            if not small:
                break
        return (_Batch(tasks, n_bytes, len(tasks) == 1) if tasks else None), more

    def _worker_with_room(self) -> bool:
        return len(self.workers) < self.max_workers or any(
            len(worker.batches) < _BATCHES_PER_WORKER for worker in self.workers
        )

    def _worker_for(self, batch: _Batch) -> _Worker | None:
        """An idle worker, a new one when there is work enough, or the least laden one with room."""
        if self.workers:
            least = min(self.workers, key=lambda worker: (len(worker.batches), worker.n_bytes()))
            if not least.batches:
                return least
            pressing = (
                sum(worker.n_bytes() for worker in self.workers) >= _SECOND_WORKER_BYTES
                or sum(worker.n_jobs() for worker in self.workers) >= _BATCH_JOBS // 2
            )
            # Single files wait for a free worker, so that a long one does not keep a short one waiting behind it.
            if len(self.workers) >= self.max_workers or not (pressing or batch.single):
                return least if len(least.batches) < _BATCHES_PER_WORKER else None
        worker = self._start()
        self.workers.append(worker)
        return worker

    def _send(self, worker: _Worker, batch: _Batch) -> None:
        if not worker.batches:
            worker.sent_at = time.monotonic()
            worker.used_seconds = 0.0
        worker.batches.append(batch)
        numbered = [
            (task.number, os.fsencode(task.job.path), task.job.source, task.job.suffix, task.job.charset, task.ended)
            for task in batch.tasks
        ]
        # A worker that died meanwhile is found by its listening thread.
        with contextlib.suppress(OSError, ValueError):
            _write(worker.process.stdin, (len(batch.tasks) == 1, numbered))

    def _start(self) -> _Worker:
        tokenizer = os.fsencode(self.tokenizer) if self.tokenizer else b""
        measure_of(self.tokenizer)  # an error is one line here; in a worker it is one that does not start
        settings = (dataclasses.asdict(self.reading), dataclasses.asdict(self.splitting), tokenizer)
        # The worker finds what this process finds; -P keeps a file of the working directory from being imported.
        path = "import sys; sys.path[:] = sys.argv.pop().split(chr(0x1f))"
        code = f"{path}; from qianxun.documents.worker import main; main()"
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
        with _interrupts_held():
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", code, "\x1f".join(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                # Not in the terminal's foreground group: Ctrl-C is for the parent, which ends its workers itself.
                start_new_session=True,
            )
        worker = _Worker(process, sent_at=time.monotonic(), most_spared=self.reading.ocr_max_pages * PAGE_SECONDS)
        with contextlib.suppress(OSError):
            _write(process.stdin, settings)
        worker.listener = threading.Thread(
            target=_listen, args=(worker, self.messages), name="qianxun-reading", daemon=True
        )
        worker.listener.start()
        return worker

    # Hearing back

    def _heard(self, worker: _Worker, message: list[tuple[int, list[Any]]]) -> Iterator[ReadEvents]:
        for number, plain_events in message:
            batch = worker.batches[0]
            task = batch.tasks[0]
            if task.number != number:  # cannot happen while both ends are ours
                raise QianxunError("A parsing process answered out of order.", remedy="Please report this.")
            events = tuple(_event(plain) for plain in plain_events if plain[0] not in ("begun", "page", "spared"))
            for plain in plain_events:
                if plain[0] == "begun":
                    task.begun.append(plain[1])
                elif plain[0] == "member":
                    task.ended.append(plain[1])
                    if task.begun and task.begun[-1] == plain[1]:
                        task.begun.pop()
            if not events:
                continue
            if isinstance(events[-1], Ended):
                batch.tasks.popleft()
                batch.n_bytes -= task.size
                if not batch.tasks:
                    worker.batches.popleft()
            yield ReadEvents(task.job, events)

    def _died(self, worker: _Worker) -> Iterator[ReadEvents]:
        """Sets the file aside that a worker died of, and gives the worker's other files to the next one."""
        self.workers.remove(worker)
        _end(worker)
        code = worker.process.returncode
        if not worker.ready:
            self.failed_starts += 1
            if self.failed_starts >= 3:
                raise QianxunError(
                    "The parsing processes do not start (exit code {code}).",
                    remedy="`{python} -c 'import qianxun.documents.worker'` shows why; or raise reading.max_memory_mb.",
                    code=code,
                    python=sys.executable,
                )
            self.again.extendleft(reversed(worker.batches))
            return
        self.failed_starts = 0
        batches = list(worker.batches)
        retired = code == 0 and not worker.overdue  # it asked to be replaced, between two files
        if batches and retired:
            batches[0].tasks[0].begun.clear()  # the next worker begins them anew
        if batches and not retired:
            first = batches.pop(0)
            task = first.tasks[0]
            if task.begun:
                yield ReadEvents(task.job, (self._fate_of_member(worker, task),))
                batches.insert(0, first)
            elif len(first.tasks) == 1 and (first.single or worker.overdue):
                yield ReadEvents(task.job, (self._fate(worker, task.job.source),))
            else:
                batches[:0] = [_Batch(deque([task]), task.size, True) for task in first.tasks]
        self.again.extendleft(reversed(batches))

    def _fate_of_member(self, worker: _Worker, task: _Task) -> MemberEnded:
        """What became of the file inside the task's that a worker died of; the next worker goes on behind it."""
        member = task.begun[-1]
        task.begun.clear()
        task.ended.append(member)
        fate = self._fate(worker, f"{task.job.source}{MEMBER}{member}")
        return MemberEnded(member, fate.status, fate.reason)

    def _fate(self, worker: _Worker, name: str) -> Ended:
        if worker.overdue:
            error = UnreadableDocument(
                "{path} took longer than {seconds:g} seconds to read.",
                remedy="Raise reading.max_seconds, or split the file.",
                path=name,
                seconds=self.reading.max_seconds,
            )
        else:
            error = UnreadableDocument(
                "{path}: the parser crashed ({signal}).",
                remedy="The file is probably damaged: open it and save it again.",
                path=name,
                signal=_cause(worker.process.returncode),
            )
        return Ended(Status.FAILED, printable(str(error)))

    # The clock

    def _next_deadline(self) -> float:
        now = time.monotonic()
        left = [self._limit(worker) - worker.seconds(now) for worker in self.workers if worker.batches]
        return min(max(min(left, default=1.0), 0.005), 1.0)

    def _limit(self, worker: _Worker) -> float:
        if not worker.ready:
            return _START_SECONDS
        more = min(PAGE_SECONDS, worker.most_spared - worker.spared_seconds) if worker.at_page else 0.0
        return self.reading.max_seconds + more

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for worker in self.workers:
            if worker.batches and not worker.overdue and worker.seconds(now) >= self._limit(worker):
                worker.overdue = worker.ready
                worker.process.kill()  # its listening thread reports the end


def job_suffix(job: ReadJob) -> str:
    """The suffix by which a job's loader is chosen."""
    return job.suffix or job.path.suffix.lower()


def printable(text: str) -> str:
    """Text that a database takes: file names may hold bytes that are no text."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # the worker says what is wrong with it


def _listen(worker: _Worker, messages: "queue.SimpleQueue[tuple[_Worker, Any]]") -> None:
    stream = worker.process.stdout
    assert stream is not None
    with stream:
        try:
            _listen_to(stream, worker, messages)
        except (TypeError, ValueError, LookupError):  # no message of ours: a hostile file took the worker over
            messages.put((worker, None))


def _listen_to(stream: IO[bytes], worker: _Worker, messages: "queue.SimpleQueue[tuple[_Worker, Any]]") -> None:
    while True:
        worker.slots.acquire()
        worker.waiting_since = time.monotonic()
        message = _read(stream)
        now = time.monotonic()
        if message is None:
            messages.put((worker, None))
            return
        if message == "ready":
            worker.ready = True
            worker.used_seconds, worker.sent_at = 0.0, now
            worker.waiting_since = None
            worker.slots.release()
            continue
        finished = any(event[0] in ("ended", "member") for _, events in message for event in events)
        worker.used_seconds = 0.0 if finished else worker.seconds(now)
        worker.take_up_pages([event for _, events in message for event in events], finished=finished)
        worker.waiting_since = None
        messages.put((worker, message))


def _read(stream: IO[bytes]) -> Any:
    try:
        length = stream.read(8)
        if len(length) < 8:
            return None
        data = stream.read(int.from_bytes(length, "little"))
        # marshal, not pickle: a worker that a hostile file took over cannot make this process run anything.
        return marshal.loads(data)
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _write(stream: IO[bytes] | None, message: Any) -> None:
    assert stream is not None
    data = marshal.dumps(message)
    stream.write(len(data).to_bytes(8, "little") + data)
    stream.flush()


def _end(worker: _Worker) -> None:
    process = worker.process
    process.kill()  # it holds nothing that would be lost
    for _ in range(_UNREAD_MESSAGES + 1):
        worker.slots.release()  # a listening thread that waits for us goes on, to the end of the stream
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    # A process that the kernel does not let die (a hung network share) must not keep the others waiting.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    if worker.listener is not None:
        worker.listener.join(timeout=10)


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _event(plain: Any) -> Event:
    kind = plain[0]
    if kind == "part":
        _, start, text, chunks, contexts, hashes, near, member = plain
        return PartRead(Part(start, text, tuple(map(_chunk, chunks)), contexts), hashes, near, member)
    if kind == "opened":
        return Opened(*plain[1:])
    if kind == "member":
        _, member, status, reason, digest = plain
        return MemberEnded(member, Status(status) if status else None, reason, digest)
    return Ended(Status(plain[1]), plain[2])


def _chunk(plain: Any) -> Chunk:
    ordinal, start, end, headings, header, page, location = plain
    return Chunk(
        ordinal,
        Span(start, end),
        tuple(Span(*span) for span in headings),
        Span(*header) if header else None,
        page,
        location,
    )
