"""Another encoder: its vectors and its index are made beside the live ones, and one file decides which are in force.

While it is built, searches, `add` and `remove` go on with the old encoder; what they change is caught up with. What
was encoded stays encoded: stopped and begun again, the work goes on where it was, and going back to an encoder costs
nothing until `compact` erases what belongs to others.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qianxun.storage.locks import Lock
from qianxun.storage.reindex import Keeping, Report, catch_up, silent

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ChangeReport:
    """What a change of encoder did: `vectors` were made, `reused` were there already.

    `comparison` with the old encoder, if questions were given; `switched` is True if the new one is in force.
    """

    before: str
    after: str
    chunks: int = 0
    vectors: int = 0
    reused: int = 0
    comparison: Any = None
    switched: bool = False
    seconds: float = 0.0


def change_encoder(
    new: Keeping,
    *,
    before: str,
    change: Lock,
    accept: Callable[[], bool],
    switch: Callable[[], None],
    wait: bool = True,
    progress: Report = silent,
) -> ChangeReport:
    """Builds what `new` needs, asks `accept` whether to go over to it, and calls `switch` with nobody writing.

    `new` has the same truth, the new encoder's vectors and its dense index. `before` is the old fingerprint. Raises
    Busy if another change is under way and `wait` is False.
    """
    started = time.monotonic()
    with change.held(wait=wait):
        there = len(new.vectors.hashes() & new.store.hashes())
        catch_up(new, progress)
        report = ChangeReport(before, new.encoder.fingerprint, vectors=new.vectors_made, reused=there)
        report.chunks = new.store.counts()["chunks"]
        if accept():
            # Only what came meanwhile is still to be done, and nobody can write until the new index is in force.
            with new.ingest.held(wait=wait):
                catch_up(new, progress)
                with new.write.held():
                    catch_up(new)
                    switch()
            report.switched = True
    report.seconds = time.monotonic() - started
    return report
