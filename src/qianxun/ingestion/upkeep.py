"""Upkeep: finish what was interrupted, verify every derived store against the truth, mend, compact."""

import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qianxun.documents.dedupe import text_hash
from qianxun.documents.split import indexed_text
from qianxun.errors import StaleIndex
from qianxun.ingestion.fetch import erase_fetched
from qianxun.ingestion.opinions import compact_feedback, orphans
from qianxun.ingestion.said import compact_conversations
from qianxun.protocols import Index
from qianxun.records import CHUNK_BITS, document_of
from qianxun.storage.enrich import enrich_missing
from qianxun.storage.enrichments import searched_text
from qianxun.storage.reindex import (
    Keeping,
    Progress,
    Report,
    catch_up,
    forget_unused,
    known_vectors,
    needed_vectors,
    rebuild_index,
    silent,
)
from qianxun.storage.sources import SourceNotes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that contradicts the truth. `kind` is `orphan`, `gap`, `behind`, `unfinished`, `damaged` or `text`."""

    kind: str
    where: str
    name: str
    detail: str


@dataclass(slots=True)
class CheckReport:
    """What was compared, and every contradiction by name. `caught_up`: so many changes the furthest index was behind,
    and has been brought up to before it was compared."""

    problems: list[Problem] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    caught_up: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems


def finish(keeping: Keeping, *, progress: Report = silent) -> None:
    """Finishes what an `add` left that was interrupted: what it stored is found from then on.

    Raises Busy while another one is running: that one does.
    """
    with keeping.ingest.held(wait=False):
        with keeping.write.held():
            keeping.store.abandon()
        catch_up(keeping, progress)


def check(keeping: Keeping, *, progress: Report = silent) -> CheckReport:
    """Compares truth, vectors and every index in both directions. Interrupted work is finished first.

    Raises Busy while an `add` is running: a comparison with moving things proves nothing.
    """
    started = time.monotonic()
    report = CheckReport()
    with keeping.ingest.held(wait=False):
        with keeping.write.held():
            keeping.store.abandon()
        report.caught_up = max((max(0, keeping.store.revision - one.revision) for one in keeping.indexes), default=0)
        catch_up(keeping, progress)
        with keeping.write.held():
            catch_up(keeping)  # what a removal or a label left since
            report.problems += _truth(keeping, report, progress)
            report.problems += _enrichments(keeping, report)
            report.problems += _vectors(keeping, report)
            for index in keeping.indexes:
                report.problems += _index(keeping, index, report)
            report.problems += _originals(keeping, report)
            report.problems += _feedback(keeping, report)
            report.problems += _conversations(keeping, report)
    report.seconds = time.monotonic() - started
    return report


def _truth(keeping: Keeping, report: CheckReport, progress: Report) -> Iterator[Problem]:
    store = keeping.store
    for kind, document, detail in store.inconsistencies():
        kind = kind if kind in ("damaged", "unfinished") else "orphan"
        yield Problem(kind, store.path.name, _name(keeping, document), detail)
    live = store.live_documents()
    started, chunks = time.monotonic(), 0
    for done, document in enumerate(live, start=1):
        text = store.text(document)
        found = list(store.chunks(document))
        kept = store.enrichments.of([c.hash for c in found], keeping.maker) if keeping.maker else {}
        for chunk in found:
            chunks += 1
            searched = indexed_text(chunk.context, chunk.text)
            own = kept.get(chunk.hash)
            if own is not None and text_hash(searched_text(searched, own.enrichment)) != own.key:
                detail = f"what was written about chunk {chunk.id} has changed"
                yield Problem("text", store.path.name, _name(keeping, document), detail)
            whole = text_hash(searched) == chunk.hash
            if not whole or text[chunk.span.start : chunk.span.end] != chunk.text:
                yield Problem("text", store.path.name, _name(keeping, document), f"chunk {chunk.id} is no slice of it")
        progress(Progress("checking", done, len(live), "", time.monotonic() - started))
    report.checked.update(documents=len(live), chunks=chunks)


def _enrichments(keeping: Keeping, report: CheckReport) -> Iterator[Problem]:
    if keeping.maker:
        report.checked["enrichments"] = len(keeping.store.enrichments.keys_by_hash(keeping.maker))
    for hash_ in sorted(keeping.store.enrichments.orphans()):
        yield Problem("orphan", keeping.store.path.name, hash_.hex(), "enrichment of no chunk")


def _vectors(keeping: Keeping, report: CheckReport) -> Iterator[Problem]:
    wanted, kept = needed_vectors(keeping), keeping.vectors.hashes()
    report.checked["vectors"] = len(kept)
    where = f"vectors/{keeping.vectors.path.name}"
    for hash_ in sorted(kept - known_vectors(keeping)):
        yield Problem("orphan", where, hash_.hex(), "vector of no chunk")
    for hash_ in sorted(wanted - kept):
        yield Problem("gap", where, hash_.hex(), "chunk without a vector")
    for hash_ in keeping.vectors.wrong_size():
        yield Problem("damaged", where, hash_.hex(), "vector of the wrong size")


def _originals(keeping: Keeping, report: CheckReport) -> Iterator[Problem]:
    kept = keeping.store.originals
    if kept.count() or kept.folder.exists():
        report.checked["originals"] = kept.count()
        for kind, name, detail in kept.contradictions():
            yield Problem(kind, kept.folder.name, name, detail)


def _feedback(keeping: Keeping, report: CheckReport) -> Iterator[Problem]:
    feedback = keeping.feedback()
    if feedback is not None:
        report.checked["judged documents"] = len(feedback.documents())
        for document in orphans(keeping, feedback):
            yield Problem("orphan", "service.db", f"document {document}", "feedback on a document that is gone")


def _conversations(keeping: Keeping, report: CheckReport) -> Iterator[Problem]:
    kept = keeping.conversations()
    if kept is not None:
        kept.settle()  # answers whose writers are gone
        counted, problems = kept.inconsistencies()
        report.checked["answers"] = counted
        for detail in problems:
            yield Problem("orphan", "service.db", "conversations", detail)


def _index(keeping: Keeping, index: Index, report: CheckReport) -> Iterator[Problem]:
    import numpy as np

    if index.revision != keeping.store.revision:
        detail = f"at revision {index.revision} of {keeping.store.revision}"
        yield Problem("behind", index.name, index.name, detail)
    try:
        index.verify()
    except StaleIndex as error:
        yield Problem("damaged", index.name, index.name, str(error))
    live = keeping.store.live_documents()
    ranges = [np.arange(n, dtype=np.int64) + (document << CHUNK_BITS) for document, n in live.items()]
    wanted = np.concatenate(ranges) if ranges else np.zeros(0, dtype=np.int64)
    kept = index.ids()
    report.checked[index.name] = len(kept)
    for chunk in np.setdiff1d(kept, wanted).tolist():
        yield Problem("orphan", index.name, _name(keeping, document_of(chunk)), f"chunk {chunk} is not in the truth")
    for chunk in np.setdiff1d(wanted, kept).tolist():
        yield Problem("gap", index.name, _name(keeping, document_of(chunk)), f"chunk {chunk} is not in the index")
    if len(kept) != len(np.unique(kept)):
        yield Problem("orphan", index.name, index.name, "some chunks are in it more than once")


def _name(keeping: Keeping, document: int) -> str:
    found = keeping.store.live([document])
    return found[document].source if document in found else f"document {document}"


def rebuild(keeping: Keeping, *, progress: Report = silent, wait: bool = True) -> dict[str, int]:
    """Makes every index anew from the truth, and every vector that is missing or damaged.

    Where chunks are enriched, those of which nothing of use was written are asked about again.
    """
    with keeping.ingest.held(wait=wait):
        with keeping.write.held():
            keeping.store.abandon()
            surplus = sorted(keeping.vectors.hashes() - known_vectors(keeping)) + keeping.vectors.wrong_size()
            orphans = keeping.vectors.remove(surplus)
            keeping.store.originals.mend()
            if keeping.maker:
                keeping.store.enrichments.forget_vain(keeping.maker)
        forget_unused(keeping)
        enrich_missing(keeping, progress)
        before = keeping.vectors_made
        for position in range(len(keeping.indexes)):
            rebuild_index(keeping, position, progress)
        _prune(keeping)
    counts = keeping.store.counts()
    return {"chunks": counts["chunks"], "vectors_made": keeping.vectors_made - before, "vectors_removed": orphans}


def compact(keeping: Keeping, *, foreign: Sequence[Path] = (), progress: Report = silent, wait: bool = True) -> None:
    """Rewrites every file so that nothing removed is left in any byte, and frees the room.

    `foreign` are files and folders of engines and encoders that are not in use: nobody keeps them in step
    with the truth, so they are deleted. Raises Busy if a reader keeps removed text from going.
    """
    started = time.monotonic()
    with keeping.ingest.held(wait=wait):
        with keeping.write.held():
            keeping.store.abandon()
            SourceNotes(keeping.store).forget_removed()
            keeping.store.originals.mend()
        erase_fetched(keeping.store.path.parent)
        catch_up(keeping, progress)
        steps = 2 + len(keeping.indexes)
        for position, index in enumerate(list(keeping.indexes)):
            progress(Progress("compacting", position, steps, index.name, time.monotonic() - started))
            rebuild_index(keeping, position)
        for path in foreign:
            logger.info("deleting %s: not in use", path)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        _prune(keeping)
        progress(Progress("compacting", steps - 2, steps, "vectors", time.monotonic() - started))
        with keeping.write.held():
            keeping.store.enrichments.keep_only(keeping.maker)
            keeping.vectors.remove(sorted(keeping.vectors.hashes() - needed_vectors(keeping)))
            keeping.vectors.compact()
        progress(Progress("compacting", steps - 1, steps, "text", time.monotonic() - started))
        with keeping.write.held():
            keeping.store.compact()
        compact_feedback(keeping)
        compact_conversations(keeping)
        progress(Progress("compacting", steps, steps, "", time.monotonic() - started))


def _prune(keeping: Keeping) -> None:
    with keeping.write.held():
        keeping.store.prune_changes(min(index.revision for index in keeping.indexes))
