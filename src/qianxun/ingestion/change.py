"""Another encoder: its vectors and its index are made beside the live ones, and one file decides which are in force.

While it is built, searches, `add` and `remove` go on with the old encoder; what they change is caught up with. What
was encoded stays encoded: stopped and begun again, the work goes on where it was, and going back to an encoder costs
nothing until `compact` erases what belongs to others.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qianxun.storage.enrich import EnrichReport, enrich_missing
from qianxun.storage.locks import Lock
from qianxun.storage.reindex import Keeping, Report, catch_up, needed_vectors, silent

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ChangeReport:
    """What a change of encoder or enrichment did: `vectors` were made, `reused` were there already.

    `before` and `after` are fingerprints. `comparison` with the old one, if questions were given; `switched` is True if
    the new one is in force.
    """

    before: str
    after: str
    chunks: int = 0
    vectors: int = 0
    reused: int = 0
    comparison: Any = None
    switched: bool = False
    seconds: float = 0.0
    enrichment: EnrichReport = field(default_factory=EnrichReport)


def change_encoder(
    new: Keeping,
    *,
    before: str,
    after: str,
    change: Lock,
    accept: Callable[[], bool],
    switch: Callable[[], None],
    wait: bool = True,
    progress: Report = silent,
) -> ChangeReport:
    """Builds what `new` needs, asks `accept` whether to go over to it, and calls `switch` with nobody writing.

    `new` has the same truth, the new vectors and indexes. `before` and `after` are fingerprints. Raises Busy if another
    change is under way and `wait` is False; a ModelError if a chunk cannot be enriched: what was written is kept for
    the next time.
    """
    started = time.monotonic()
    report = ChangeReport(before, after)

    def take_up() -> None:
        report.enrichment.add(enrich_missing(new, progress))
        if report.enrichment.problem is not None:
            raise report.enrichment.problem

    with change.held(wait=wait):
        take_up()
        report.reused = len(new.vectors.hashes() & needed_vectors(new))
        catch_up(new, progress)
        report.vectors = new.vectors_made
        report.chunks = new.store.counts()["chunks"]
        if accept():
            # Only what came meanwhile is still to be done, and nobody can write until the new index is in force.
            with new.ingest.held(wait=wait):
                take_up()
                catch_up(new, progress)
                with new.write.held():
                    catch_up(new)
                    switch()
            report.switched = True
    report.seconds = time.monotonic() - started
    return report
