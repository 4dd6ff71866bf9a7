"""Folders kept in step with a knowledge base: what changes in them is there within seconds.

The file system says that something changed; what it was, `add` finds out by looking: so nothing that was lost in a
burst of events is missed, and files that were not touched cost one look each.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from qianxun.errors import Busy, ModelError, NotFound
from qianxun.ingestion.add import AddReport
from qianxun.ingestion.find import absolute

# Changes that come closer together than the step are one; a burst is waited for no longer than the debounce.
_STEP_MS: Final = 200
_DEBOUNCE_MS: Final = 2_000
# How often a stop is noticed.
_WAKE_MS: Final = 500
_AGAIN_SECONDS: Final = 5.0


def watch_files(
    add: Callable[[], AddReport],
    paths: Sequence[str | Path],
    *,
    without: Path,
    stop: threading.Event,
    poll: bool = False,
) -> Iterator[AddReport | Busy | ModelError]:
    """Calls `add` now and after every change at or below the paths, and yields what it did, until `stop` is set.

    What changes below `without`, the knowledge base itself, is no change. An `add` that finds another writer or
    fails at a model is yielded as the error, and tried again some seconds later. `poll` looks every second instead of
    being told: for network shares, which tell nobody. Raises NotFound for a path that is not there.
    """
    from watchfiles import watch

    roots = [absolute(path) for path in paths]
    for root in roots:
        if not root.exists():
            raise NotFound("There is no file or folder at {path}.", remedy="Check the spelling of the path.", path=root)
    changes = watch(
        *roots,
        watch_filter=lambda _, path: not Path(path).is_relative_to(without),
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        stop_event=stop,
        rust_timeout=_WAKE_MS,
        yield_on_timeout=True,
        raise_interrupt=True,
        force_polling=poll or None,
        poll_delay_ms=1_000,
    )
    due_at = 0.0
    # The watch begins with its first wait: what changes before that is seen by the first `add`, which comes after it.
    for batch in changes:
        if stop.is_set():
            return
        if not batch and time.monotonic() < due_at:
            continue
        due_at = math.inf
        try:
            yield add()
        except (Busy, ModelError) as error:
            due_at = time.monotonic() + _AGAIN_SECONDS
            yield error
