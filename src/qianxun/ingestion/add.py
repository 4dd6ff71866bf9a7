"""Files into a knowledge base: only what is new or changed, resumable at any moment.

A file is read and cut in worker processes, written to the truth in transactions, and becomes visible
when it is complete; then the derived stores catch up. Whatever is interrupted is either not begun,
invisible, or done: the same command goes on from there.
"""

import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePath

from qianxun.documents import reading
from qianxun.documents.dedupe import near_hash, text_hash
from qianxun.documents.reading import ReadJob
from qianxun.documents.registry import may_hold_files, supported_suffixes
from qianxun.documents.split import indexed_text, split
from qianxun.errors import InputError
from qianxun.files import MEMBER, with_outer
from qianxun.filters import Or, Prefix
from qianxun.ingestion.find import FoundFile, Unenterable, absolute, find_files, source_of
from qianxun.records import Asker, Block, Document, Status
from qianxun.settings import Settings
from qianxun.storage.reindex import Keeping, Progress, Report, catch_up, settle, silent

logger = logging.getLogger(__name__)

# The derived stores catch up when this many chunks wait, or this much time has passed: a long run is
# searchable as it goes, and a short one commits once.
CATCH_UP_CHUNKS = 16_384
CATCH_UP_SECONDS = 10.0
# Files that are looked up in the truth at a time.
FILES_AT_ONCE = 512
# So long after its last change a file is taken to be done with: clocks of file systems step by up to two seconds.
_SETTLED_SECONDS = 2.5
# Messages of later files that wait for a slow earlier one before they go first.
MAX_WAITING_MESSAGES = 512


@dataclass(slots=True)
class AddReport:
    """What an `add` did. Sources with reasons for what was not indexed; counts for the rest."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: int = 0
    skipped_suffixes: dict[str, int] = field(default_factory=dict)
    chunks: int = 0
    vectors: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    attention: list[tuple[str, str]] = field(default_factory=list)
    empty: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    waited_for: str = ""


@dataclass(frozen=True, slots=True)
class TextItem:
    """A document given as text instead of a file."""

    source: str
    title: str
    text: str


@dataclass(slots=True)
class _Writing:
    """A document on its way into the truth."""

    id: int
    chars: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a file before it is read: as in `Document`."""

    digest: str = ""
    modified: str = ""
    stamp: str = ""


@dataclass(slots=True)
class _Run:
    """The state of one `add`.

    `inside` has, for each file being read, the sources of the files met in it; `spared` are those of them that are
    as they were, whose text is not wanted.
    """

    keeping: Keeping
    labels: tuple[str, ...]
    default_labels: tuple[str, ...]
    report: AddReport
    progress: Report
    started: float = field(default_factory=time.monotonic)
    known: dict[str, Document] = field(default_factory=dict)
    facts: dict[str, "_Facts"] = field(default_factory=dict)
    stamps: dict[int, str] = field(default_factory=dict)
    writing: dict[str, _Writing] = field(default_factory=dict)
    failed_before: set[str] = field(default_factory=set)
    inside: dict[str, set[str]] = field(default_factory=dict)
    spared: set[str] = field(default_factory=set)
    kept: int = 0
    waiting_chunks: int = 0
    vectors_before: int = 0
    caught_up: float = field(default_factory=time.monotonic)


def add_files(
    keeping: Keeping,
    paths: Sequence[str | Path],
    *,
    settings: Settings,
    labels: Sequence[str] | None = None,
    sync: bool = False,
    retry: bool = False,
    wait: bool = True,
    progress: Report = silent,
) -> AddReport:
    """Brings the knowledge base in step with these files and folders.

    `labels` are given to every document added and replace those of unchanged ones; None keeps what is
    there and gives new documents the default labels. `sync` also removes documents whose files are gone
    from the given folders. `retry` reads again what failed before. Raises NotFound before anything is
    done if a path is not there; a file that cannot be read is in the report and stops nothing.
    """
    roots = [absolute(path) for path in paths]
    home = keeping.store.path.parent
    with _begun(keeping, settings, labels, wait, progress) as run:
        found = list(find_files(roots, reading=settings.reading, without=home))
        run.failed_before = {entry.source for entry in keeping.store.journal()}
        jobs = _jobs(run, found, settings, retry)
        done = 0
        for message in _in_order(jobs, settings):
            _take(run, message)
            done += isinstance(message.events[-1], reading.Ended)
            elapsed = time.monotonic() - run.started
            progress(Progress("reading", done + run.kept, len(found), message.job.source, elapsed))
            _catch_up_if_due(run)
        if run.stamps:
            with keeping.write.held():
                keeping.store.set_stamps(run.stamps)
        if sync:
            _remove_vanished(run, roots, found)
        catch_up(keeping, progress)
    return _finished(run)


def add_texts(
    keeping: Keeping,
    items: Iterable[TextItem],
    *,
    settings: Settings,
    labels: Sequence[str] | None = None,
    wait: bool = True,
    progress: Report = silent,
) -> AddReport:
    """Adds documents given as text, through the same cutting, store and indexes as files.

    The title, if any, becomes the document's heading.
    """
    with _begun(keeping, settings, labels, wait, progress) as run:
        for number, batch in enumerate(_batches(items, 256)):
            with keeping.write.held():
                run.known = keeping.store.by_source([item.source for item in batch])
                with keeping.store.transaction():
                    for item in batch:
                        _add_text(run, item, settings)
            elapsed = time.monotonic() - run.started
            progress(Progress("reading", number * 256 + len(batch), None, batch[-1].source, elapsed))
            _catch_up_if_due(run)
        catch_up(keeping, progress)
    return _finished(run)


@contextmanager
def _begun(
    keeping: Keeping, settings: Settings, labels: Sequence[str] | None, wait: bool, progress: Report
) -> Iterator[_Run]:
    """One run, alone at it, after what an earlier one left half-done is cleared away."""
    with keeping.ingest.held(wait=wait) as waited_for:
        with keeping.write.held():
            keeping.store.abandon()
        settle(keeping)
        yield _Run(
            keeping,
            labels=tuple(labels or ()),
            default_labels=settings.access.default_labels,
            report=AddReport(waited_for=waited_for),
            progress=progress,
            vectors_before=keeping.vectors_made,
        )


def _add_text(run: _Run, item: TextItem, settings: Settings) -> None:
    if not item.source.strip():
        raise InputError("A text needs a source name.", remedy="Give each item a source.")
    digest = text_hash(f"{item.title}\n{item.text}").hex()
    known = run.known.get(item.source)
    if known is not None and known.digest == digest:
        _keep(run, known)
        return
    job = ReadJob(item.source, Path(item.source))
    run.facts[item.source] = _Facts(digest)
    heading = [Block("heading", item.title, level=1)] if item.title.strip() else []
    paragraphs = [Block("paragraph", text) for text in item.text.split("\n\n")]
    _apply(run, job, reading.Opened(item.title or item.source, "text", None))
    for part in split([*heading, *paragraphs], settings.splitting):
        texts = [indexed_text(part.contexts[i], part.text_of(i)) for i in range(len(part.chunks))]
        hashes = tuple(map(text_hash, texts))
        near = tuple(near_hash(part.text_of(i)) for i in range(len(part.chunks)))
        _apply(run, job, reading.PartRead(part, hashes, near))
    n_chunks = run.writing[item.source].chunks
    _apply(run, job, reading.Ended(Status.READY if n_chunks else Status.EMPTY, ""))


def _jobs(run: _Run, found: Sequence[FoundFile | Unenterable], settings: Settings, retry: bool) -> Iterator[ReadJob]:
    """The files that must be read, in order; everything else is counted."""
    readable = supported_suffixes()
    for first in range(0, len(found), FILES_AT_ONCE):
        block = found[first : first + FILES_AT_ONCE]
        known = run.keeping.store.by_source([source_of(file.path) for file in block])
        for file in block:
            source = source_of(file.path)
            if isinstance(file, Unenterable):
                run.report.failed.append((source, str(_unenterable(source, file.reason))))
            elif not file.named and file.path.suffix.lower() not in readable:
                _skip(run, file.path.suffix.lower())
            elif _must_be_read(run, file.path, source, known.get(source), settings, retry):
                yield ReadJob(source, file.path)


def _skip(run: _Run, suffix: str) -> None:
    run.report.skipped += 1
    run.report.skipped_suffixes[suffix] = run.report.skipped_suffixes.get(suffix, 0) + 1


def _must_be_read(run: _Run, path: Path, source: str, known: Document | None, settings: Settings, retry: bool) -> bool:
    facts = _Facts()
    with suppress(OSError):  # the worker says why it cannot be read, in the same words as for any other file
        facts = _facts(path, known, settings.reading.max_file_mb)
    if facts.digest and known is not None and known.digest == facts.digest:
        if facts.stamp != known.stamp:
            run.stamps[known.id] = facts.stamp
        members = run.keeping.store.inside(source) if may_hold_files(source) else []
        if not (retry and any(document.status is not Status.READY for document in (known, *members))):
            for document in (known, *members):
                _keep(run, document)
            run.kept += 1
            return False
    run.facts[source] = facts
    if known is not None:
        run.known[source] = known
    return True


def _facts(path: Path, known: Document | None, max_mb: int) -> _Facts:
    """Digest, time and stamp of a file; its bytes are read only if the file system does not say that they are the same.

    What is no file or too large is left to the worker, who says so: reading a pipe would wait for ever.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > max_mb << 20:
        return _Facts()
    modified = datetime.fromtimestamp(status.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # The time of the last change of anything about the file cannot be set back by anybody but the system's clock.
    stamp = f"{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_size}-{status.st_ino}"
    if known is not None and known.digest and known.stamp == stamp:
        return _Facts(known.digest, modified, stamp)
    # A file that is written to again within the clock's step would look the same.
    settled = time.time() - max(status.st_ctime, status.st_mtime) >= _SETTLED_SECONDS
    return _Facts(reading.file_digest(path), modified, stamp if settled else "")


def _in_order(jobs: Iterable[ReadJob], settings: Settings) -> Iterator[reading.ReadEvents]:
    """What the workers read, in the order of the jobs, unless one of them takes very much longer than the rest.

    Documents then get their ids in the same order in every run, interrupted or not, and equal scores are
    cut in the same place.
    """
    place: dict[str, int] = {}

    def numbered() -> Iterator[ReadJob]:
        for job in jobs:
            place[job.source] = len(place)
            yield job

    waiting: dict[int, list[reading.ReadEvents]] = {}
    ended: set[int] = set()
    first, n_waiting = 0, 0
    for message in reading.read_all(numbered(), settings.reading, settings.splitting):
        waiting.setdefault(place[message.job.source], []).append(message)
        n_waiting += 1
        while first in waiting or first in ended or n_waiting > MAX_WAITING_MESSAGES:
            turn = first if first in waiting or first in ended else min(waiting)
            for ready in waiting.pop(turn, ()):
                n_waiting -= 1
                if isinstance(ready.events[-1], reading.Ended):
                    ended.add(turn)
                yield ready
            if turn == first and first in ended:
                ended.discard(first)
                first += 1
            elif turn == first:
                break


def _keep(run: _Run, known: Document) -> None:
    """Counts an unchanged document, and labels it anew if other labels were asked for."""
    if run.labels and set(run.labels) != set(known.labels):
        with run.keeping.write.held():
            run.keeping.store.label([known.id], add=run.labels, remove=set(known.labels) - set(run.labels))
    if known.source in run.failed_before:
        with run.keeping.write.held():
            run.keeping.store.unnote(known.source)
    _note_status(run, known.source, known.status, known.reason)
    run.report.unchanged += known.status is Status.READY


def _take(run: _Run, message: reading.ReadEvents) -> None:
    """Writes what a worker read: all of a small document, or a piece of a large one, in one transaction."""
    with run.keeping.write.held(), run.keeping.store.transaction():
        for event in message.events:
            _apply(run, message.job, event)


def _apply(run: _Run, job: ReadJob, event: reading.Event) -> None:
    store = run.keeping.store
    match event:
        case reading.Opened(title, format, pages, member, digest):
            source = _source_within(job, member)
            if member and _is_spared(run, source, digest):
                return
            again = run.writing.pop(source, None)
            if again is not None:  # its process died of a file inside it, and the next one began anew
                store.abandon([again.id])
            facts = _facts_within(run, job, member, digest)
            store.note(source, "reading")
            id_ = store.begin(source, title=title, format=format, pages=pages, **asdict(facts))
            run.writing[source] = _Writing(id_)
        case reading.PartRead(part, hashes, near, member):
            source = _source_within(job, member)
            if source in run.spared:
                return
            writing = run.writing[source]
            store.add_part(writing.id, part, hashes, near, writing.chunks)
            writing.chars += len(part.text)
            writing.chunks += len(part.chunks)
        case reading.MemberEnded(member, None, suffix):
            _skip(run, suffix)
        case reading.MemberEnded(member, status, reason, digest):
            assert status is not None
            _end_member(run, job, member, status, reason, digest)
        case reading.Ended(status, reason):
            _end(run, job.source, status, reason, run.facts.pop(job.source), None)
            _drop_vanished_inside(run, job.source, status)


def _source_within(job: ReadJob, member: str) -> str:
    return f"{job.source}{MEMBER}{member}" if member else job.source


def _facts_within(run: _Run, job: ReadJob, member: str, digest: str) -> _Facts:
    """What is known of a file, or of one inside it, which has the time of the file."""
    facts = run.facts[job.source]
    return _Facts(digest, facts.modified) if member else facts


def _is_spared(run: _Run, source: str, digest: str) -> bool:
    """Whether a file inside another is what it was: then what is kept of it stays."""
    known = run.keeping.store.by_source([source]).get(source)
    if known is None or known.digest != digest or known.status is not Status.READY:
        return False
    run.spared.add(source)
    return True


def _end_member(run: _Run, job: ReadJob, member: str, status: Status, reason: str, digest: str) -> None:
    store, source = run.keeping.store, _source_within(job, member)
    run.inside.setdefault(job.source, set()).add(source)
    found = store.by_source([source, job.source])
    known, outer = found.get(source), found.get(job.source)
    if source in run.spared:
        run.spared.discard(source)
        assert known is not None
        _keep(run, known)
        return
    if known is not None:
        run.known[source] = known
    _end(run, source, status, reason, _facts_within(run, job, member, digest), outer)


def _drop_vanished_inside(run: _Run, source: str, status: Status) -> None:
    """Removes what was inside a file that is read again, and is in it no more."""
    met = run.inside.pop(source, set())
    if status is Status.FAILED or not may_hold_files(source):
        return
    store = run.keeping.store
    gone = [document.id for document in store.inside(source) if document.source not in met]
    if gone:
        store.drop(gone)
        run.report.removed += len(gone)


def _end(run: _Run, source: str, status: Status, reason: str, facts: _Facts, outer: Document | None) -> None:
    """The end of a document. `outer` is the document of the file that it is inside, if it is."""
    store = run.keeping.store
    known = run.known.pop(source, None)
    writing = run.writing.pop(source, None)
    _note_status(run, source, status, reason)
    if status in (Status.FAILED, Status.ATTENTION):
        if writing is not None:
            store.abandon([writing.id])
            writing = None
        if known is not None and known.status is Status.READY:
            # What was readable before stays searchable; the journal says that it is not the file's present state.
            store.note(source, "failed", reason)
            return
    if writing is None:
        path = PurePath(source)
        title, format = path.stem, path.suffix.lstrip(".").lower()
        id_ = store.begin(source, title=title, format=format, pages=None, **asdict(facts))
        writing = _Writing(id_)
    given = run.labels
    if not given and known is None and outer is not None:
        given = outer.labels  # what is new in a file is for those who may see the file
    elif not given and known is None:
        moved = store.labels_if_moved(facts.digest) if facts.digest else None
        given = run.default_labels if moved is None else moved
    store.publish(writing.id, status=status, reason=reason, labels=given, chars=writing.chars, chunks=writing.chunks)
    if status is Status.READY:
        if known is None or known.status is not Status.READY:
            run.report.added += 1
        else:
            run.report.replaced += 1
        run.report.chunks += writing.chunks
        run.waiting_chunks += writing.chunks


def _note_status(run: _Run, source: str, status: Status, reason: str) -> None:
    lists = {
        Status.FAILED: run.report.failed,
        Status.ATTENTION: run.report.attention,
        Status.EMPTY: run.report.empty,
    }
    if status in lists:
        lists[status].append((source, reason))


def _catch_up_if_due(run: _Run) -> None:
    waited = time.monotonic() - run.caught_up
    if run.waiting_chunks >= CATCH_UP_CHUNKS or (run.waiting_chunks and waited >= CATCH_UP_SECONDS):
        catch_up(run.keeping, run.progress)
        run.waiting_chunks = 0
        run.caught_up = time.monotonic()


def _remove_vanished(run: _Run, roots: Sequence[Path], found: Sequence[FoundFile | Unenterable]) -> None:
    """Removes documents below the given folders whose files are gone. A folder that is itself gone raised before.

    What could not be looked into is not gone.
    """
    present = {source_of(f.path) for f in found if isinstance(f, FoundFile)}
    closed = tuple(f"{source_of(f.path)}/" for f in found if isinstance(f, Unenterable))
    below = Or(tuple(Prefix("source", f"{source_of(root).rstrip('/')}/") for root in roots if root.is_dir()))
    gone = [
        document.id
        for document in run.keeping.store.documents(Asker.admin(), below)
        if present.isdisjoint(with_outer(document.source))
        and not document.source.startswith(closed)
        and all(map(_is_gone, with_outer(document.source)))
    ]
    if gone:
        with run.keeping.write.held():
            run.keeping.store.drop(gone)
    run.report.removed = len(gone)


def _is_gone(source: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(source).st_mode)  # a folder now: the file is gone
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _unenterable(source: str, reason: str) -> InputError:
    return InputError(
        "{path} cannot be looked into: {reason}.",
        remedy="Give the right to read it, and run the same command again.",
        path=source,
        reason=reason,
    )


def _finished(run: _Run) -> AddReport:
    run.report.vectors = run.keeping.vectors_made - run.vectors_before
    run.report.seconds = time.monotonic() - run.started
    logger.info(
        "added %d, replaced %d, unchanged %d, removed %d, failed %d in %.1f s",
        run.report.added,
        run.report.replaced,
        run.report.unchanged,
        run.report.removed,
        len(run.report.failed),
        run.report.seconds,
    )
    return run.report


def _batches(items: Iterable[TextItem], size: int) -> Iterator[list[TextItem]]:
    batch: list[TextItem] = []
    for item in items:
        batch.append(TextItem(*(reading.printable(text) for text in (item.source, item.title, item.text))))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
