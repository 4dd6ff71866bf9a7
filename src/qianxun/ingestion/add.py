"""Documents into a knowledge base: only what is new or changed, resumable at any moment.

Sources list what they have, files on the disk and addresses alike (`listing`); what must be read is fetched (`fetch`),
read and cut in worker processes, written to the truth in transactions (`write`), and becomes visible when it is
complete; then the derived stores catch up. Whatever is interrupted is either not begun, invisible, or done: the same
command goes on from there.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qianxun.documents import reading
from qianxun.documents.dedupe import near_hash, text_hash
from qianxun.documents.reading import ReadJob
from qianxun.documents.split import Measure, indexed_text, measure_of, split
from qianxun.errors import InputError, SettingsError
from qianxun.ingestion.fetch import ended, fetching_folder, jobs, wanted
from qianxun.ingestion.listing import Place, end_all, list_all, opened
from qianxun.ingestion.run import AddReport, Facts, Run, keep, write_notes
from qianxun.ingestion.write import apply, take
from qianxun.records import Block, Status, check_labels, narrow
from qianxun.settings import Settings
from qianxun.storage.enrich import enrich_missing
from qianxun.storage.reindex import Keeping, Progress, Report, catch_up, settle, silent
from qianxun.storage.sources import SourceNotes

logger = logging.getLogger(__name__)

# The derived stores catch up when this many chunks wait, or this much time has passed: a long run is
# searchable as it goes, and a short one commits once.
CATCH_UP_CHUNKS = 16_384
CATCH_UP_SECONDS = 10.0
# Messages of later files that wait for a slow earlier one before they go first.
MAX_WAITING_MESSAGES = 512


@dataclass(frozen=True, slots=True)
class TextItem:
    """A document given as text instead of a file."""

    source: str
    title: str
    text: str


def add_files(
    keeping: Keeping,
    places: Sequence[Place],
    *,
    settings: Settings,
    labels: Sequence[str] | None = None,
    sync: bool = False,
    retry: bool = False,
    wait: bool = True,
    progress: Report = silent,
) -> AddReport:
    """Brings the knowledge base in step with files, folders and addresses (`https://…`, `git+ssh://…`), or a Source.

    `labels` are given to every document added and replace those of unchanged ones, but for documents whose source
    says who may see them; None keeps what is there and gives new documents the default labels. `sync` also removes
    documents that are gone from the given places. `retry` reads again what failed before. Raises NotFound before
    anything is done if a path is not there, SourceError if the only place cannot be listed; a document that cannot be
    fetched or read is in the report and stops nothing.
    """
    home = keeping.store.path.parent
    with opened(places, settings, home) as roots, _begun(keeping, settings, labels, wait, progress) as run:
        with fetching_folder(home) as folder:
            list_all(run, roots, labels)
            _read(run, folder, settings, retry)
        end_all(run, roots, sync=sync)
        _catch_up(run)
    return _finished(run)


def sync_all(
    keeping: Keeping,
    *,
    settings: Settings,
    retry: bool = False,
    wait: bool = True,
    progress: Report = silent,
) -> AddReport:
    """Brings the knowledge base in step with everything that was added, as `add_files` with `sync` does.

    New documents get the labels that their place was last added with. A place that is gone or cannot be reached is in
    the report, and what is kept of it stays.
    """
    home = keeping.store.path.parent
    notes = {root.address: root for root in SourceNotes(keeping.store).roots()}
    with (
        opened(list(notes), settings, home, even_if_gone=True) as roots,
        _begun(keeping, settings, None, wait, progress) as run,
    ):
        for root in roots:
            given = notes[root.address].labels if root.address in notes else None
            root.default_labels = settings.access.default_labels if given is None else given
        with fetching_folder(home) as folder:
            list_all(run, roots, None, go_on=True)
            _read(run, folder, settings, retry)
        end_all(run, roots, sync=True)
        _catch_up(run)
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
    measure = measure_of(keeping.tokenizer)
    with _begun(keeping, settings, labels, wait, progress) as run:
        for number, batch in enumerate(_batches(items, 256)):
            with keeping.write.held():
                run.known = keeping.store.by_source([item.source for item in batch])
                with keeping.store.transaction():
                    for item in batch:
                        _add_text(run, item, settings, measure)
            elapsed = time.monotonic() - run.started
            progress(Progress("reading", number * 256 + len(batch), None, batch[-1].source, elapsed))
            _catch_up_if_due(run)
        _catch_up(run)
    return _finished(run)


@contextmanager
def _begun(
    keeping: Keeping, settings: Settings, labels: Sequence[str] | None, wait: bool, progress: Report
) -> Iterator[Run]:
    """One run, alone at it, after what an earlier one left half-done is cleared away. Raises InputError for labels
    that are none."""
    check_labels(labels or ())
    _check_usual(settings)
    with keeping.ingest.held(wait=wait) as waited_for:
        with keeping.write.held():
            keeping.store.abandon()
        settle(keeping)
        yield Run(
            keeping,
            labels=tuple(labels or ()),
            default_labels=settings.access.default_labels,
            report=AddReport(waited_for=waited_for),
            progress=progress,
            vectors_before=keeping.vectors_made,
        )


def _check_usual(settings: Settings) -> None:
    """Raises SettingsError for a label of the settings that is none: it is not who adds that wrote it."""
    for label in settings.access.default_labels:
        try:
            check_labels((label,))
        except InputError as error:
            raise SettingsError(
                "access.default_labels: {label!r} is no label.",
                remedy="Write {narrow!r}: a word without commas, in half width.",
                label=label,
                narrow=narrow(label).replace(",", "").strip() or "hr",
            ) from error


def _read(run: Run, folder: Path, settings: Settings, retry: bool) -> None:
    """Reads what must be read of what the run's roots have listed."""
    keeping = run.keeping
    total = wanted(run, run.all_roots, settings)
    run.failed_before = {entry.source for entry in keeping.store.journal()}
    done = 0
    for message in _in_order(jobs(run, run.all_roots, settings, folder, retry), settings, keeping.tokenizer):
        take(run, message)
        if isinstance(message.events[-1], reading.Ended):
            ended(run, message.job.source)
            done += 1
        elapsed = time.monotonic() - run.started
        run.progress(Progress("reading", done + run.kept, total, message.job.source, elapsed))
        _catch_up_if_due(run)
    with keeping.write.held():
        if run.stamps:
            keeping.store.set_stamps(run.stamps)
        write_notes(run)


def _add_text(run: Run, item: TextItem, settings: Settings, measure: Measure) -> None:
    if not item.source.strip():
        raise InputError("A text needs a source name.", remedy="Give each item a source.")
    digest = text_hash(f"{item.title}\n{item.text}").hex()
    known = run.known.get(item.source)
    if known is not None and known.digest == digest:
        keep(run, known, item.source)
        return
    job = ReadJob(item.source, Path(item.source))
    run.facts[item.source] = Facts(digest)
    heading = [Block("heading", item.title, level=1)] if item.title.strip() else []
    paragraphs = [Block("paragraph", text) for text in item.text.split("\n\n")]
    apply(run, job, reading.Opened(item.title or item.source, "text", None))
    for part in split([*heading, *paragraphs], settings.splitting, measure=measure):
        texts = [indexed_text(part.contexts[i], part.text_of(i)) for i in range(len(part.chunks))]
        hashes = tuple(map(text_hash, texts))
        near = tuple(near_hash(part.text_of(i)) for i in range(len(part.chunks)))
        apply(run, job, reading.PartRead(part, hashes, near))
    n_chunks = run.writing[item.source].chunks
    apply(run, job, reading.Ended(Status.READY if n_chunks else Status.EMPTY, ""))


def _in_order(
    jobs: Iterable[ReadJob | None], settings: Settings, tokenizer: Path | None = None
) -> Iterator[reading.ReadEvents]:
    """What the workers read, in the order of the jobs, unless one of them takes very much longer than the rest.

    Documents then get their ids in the same order in every run, interrupted or not, and equal scores are
    cut in the same place.
    """
    place: dict[str, int] = {}

    def numbered() -> Iterator[ReadJob | None]:
        for job in jobs:
            if job is not None:
                place[job.source] = len(place)
            yield job

    waiting: dict[int, list[reading.ReadEvents]] = {}
    ended: set[int] = set()
    first, n_waiting = 0, 0
    for message in reading.read_all(numbered(), settings.reading, settings.splitting, tokenizer):
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


def _catch_up(run: Run) -> None:
    """Enriches new chunks where that is in force, then makes vectors and brings the indexes up to date.

    A generator that failed in this run is not waited for again.
    """
    if run.report.enrichment.problem is None:
        run.report.enrichment.add(enrich_missing(run.keeping, run.progress))
    catch_up(run.keeping, run.progress)


def _catch_up_if_due(run: Run) -> None:
    waited = time.monotonic() - run.caught_up
    if run.waiting_chunks >= CATCH_UP_CHUNKS or (run.waiting_chunks and waited >= CATCH_UP_SECONDS):
        _catch_up(run)
        run.waiting_chunks = 0
        run.caught_up = time.monotonic()


def _finished(run: Run) -> AddReport:
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
