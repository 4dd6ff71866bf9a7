"""Every chunk gets its enrichment, once: what was asked about is kept at once, and the next run goes on from there.

Who writes may be slow or away: that is told and stops nothing, since a chunk is found by its text without. Knows no
model and no prompt.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

from qianxun.documents.split import indexed_text
from qianxun.errors import ModelError, QianxunError, SettingsError
from qianxun.records import Enrichment
from qianxun.storage.enrichments import Enricher, Excerpt
from qianxun.storage.reindex import CHANGES_AT_ONCE, Keeping, Progress, Report, silent
from qianxun.storage.store import Store

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class EnrichReport:
    """What came of enriching. All count texts: chunks with the same context and text are one.

    `enriched` got something, of `vain` nothing of use came back, `waiting` could not be asked about, for `problem`.
    """

    enriched: int = 0
    vain: int = 0
    waiting: int = 0
    problem: QianxunError | None = None

    def add(self, other: "EnrichReport") -> None:
        """Takes up what a later run did."""
        self.enriched += other.enriched
        self.vain += other.vain
        self.waiting, self.problem = other.waiting, other.problem


def enrich_missing(keeping: Keeping, report: Report = silent) -> EnrichReport:
    """Asks about every chunk that was not asked about; nothing where no enrichment is in force.

    The caller holds `ingest`, or is alone at this maker. The indexes learn of it when they catch up.
    """
    done = EnrichReport()
    if keeping.enricher is None:
        return done
    store, newest = keeping.store, keeping.store.revision
    missing = _missing(store, keeping.maker)
    if missing:
        try:
            _write(keeping, keeping.enricher, missing, done, report)
        except (ModelError, SettingsError) as error:
            logger.info("not all chunks could be enriched: %s", error)
            done.problem = error
        # A document that went meanwhile has none any more.
        left = [store.enrichments.missing(document, keeping.maker) for document in missing]
        done.waiting = len(set().union(*left))
        logger.info("enriched %d, in vain %d, waiting %d", done.enriched, done.vain, done.waiting)
    if not done.waiting and store.enrichments.reached(keeping.maker) != newest:
        with keeping.write.held():
            store.enrichments.set_reached(keeping.maker, newest)
    return done


def _missing(store: Store, maker: str) -> dict[int, set[bytes]]:
    """Documents with chunks that were not asked about → the hashes of these."""
    reached = store.enrichments.reached(maker)
    documents = list(store.live_documents())
    if reached >= store.log_start:
        put = set[int]()
        while changes := store.changes(reached, CHANGES_AT_ONCE):
            put.update(change.document for change in changes if change.action == "put")
            reached = changes[-1].revision
        documents = [document for document in documents if document in put]
    found = ((document, store.enrichments.missing(document, maker)) for document in documents)
    return {document: hashes for document, hashes in found if hashes}


def _write(
    keeping: Keeping, enricher: Enricher, missing: Mapping[int, set[bytes]], done: EnrichReport, report: Report
) -> None:
    """Has everything that is missing written, and keeps each as it comes."""
    store, started = keeping.store, time.monotonic()
    holders: dict[bytes, list[int]] = {}
    for document, hashes in missing.items():
        for hash_ in hashes:
            holders.setdefault(hash_, []).append(document)
    notes: dict[int, int] = {}
    report(Progress("enriching", 0, len(holders)))
    with closing(cast("Any", enricher.write(_excerpts(store, missing)))) as coming:
        for written in coming:
            _keep(keeping, written.excerpt, written.enrichment, holders[written.excerpt.hash], notes)
            done.enriched += bool(written.enrichment.lines)
            done.vain += not written.enrichment.lines
            seconds = time.monotonic() - started
            report(Progress("enriching", done.enriched + done.vain, len(holders), "", seconds))


def _keep(
    keeping: Keeping, excerpt: Excerpt, enrichment: Enrichment, holders: list[int], notes: dict[int, int]
) -> None:
    """Keeps what was written, and has the indexes take up anew who holds it, at once or not at all.

    `notes` has, for each document, the revision at which that was noted last.
    """
    store = keeping.store
    with keeping.write.held(), store.transaction():
        if store.unused([excerpt.hash]):
            return  # its last chunk went meanwhile
        store.enrichments.put(excerpt.hash, keeping.maker, indexed_text(excerpt.context, excerpt.text), enrichment)
        # Indexes that were never caught up hold nothing to be replaced; a note would only make the live ones, which
        # search other words, look behind.
        if enrichment.lines and not (keeping.beside and all(index.revision == 0 for index in keeping.indexes)):
            for document in store.live(holders):
                notes[document] = store.note_enriched(document, notes.get(document))


def _excerpts(store: Store, missing: Mapping[int, set[bytes]]) -> Iterator[Excerpt]:
    """An excerpt for each hash, once, in the order of the documents."""
    seen: set[bytes] = set()
    for document, hashes in missing.items():
        wanted = hashes - seen
        chunks = store.chunks(document) if wanted else iter(())
        for chunk in chunks:
            if chunk.hash in wanted:
                wanted.discard(chunk.hash)
                seen.add(chunk.hash)
                yield Excerpt(chunk.hash, chunk.context, chunk.text)
            if not wanted:
                break
