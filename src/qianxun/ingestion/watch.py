"""Folders and addresses kept in step with a knowledge base: what changes in a folder is there within seconds.

The file system says that something changed; what it was, `add` finds out by looking: so nothing that was lost in a
burst of events is missed, and files that were not touched cost one look each.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from qianxun.errors import Busy, ModelError, NotFound, SourceError
from qianxun.ingestion.run import AddReport
from qianxun.sources.find import absolute

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
    look: Callable[[], AddReport] | None = None,
    look_seconds: float = 900.0,
) -> Iterator[AddReport | Busy | ModelError | SourceError]:
    """Calls `add` now and after every change at or below the paths, and yields what it did, until `stop` is set.

    What changes below `without`, the knowledge base itself, is no change. `look` is for places that tell nobody of
    their changes, such as web sites: it is called now and every `look_seconds`. A call that finds another writer or
    fails at a model or at a source is yielded as the error, and made again some seconds later (`look`: at its next
    time, if it was the source). `poll` looks at the paths every second instead of being told: for network shares,
    which tell nobody. Raises NotFound for a path that is not there.
    """
    roots = [absolute(path) for path in paths]
    for root in roots:
        if not root.exists():
            raise NotFound("There is no file or folder at {path}.", remedy="Check the spelling of the path.", path=root)
    add_at = 0.0 if roots else math.inf
    look_at = 0.0 if look is not None else math.inf
    # The watch begins with its first wait: what changes before that is seen by the first `add`, which comes after it.
    for changed in _changes(roots, without, stop, poll):
        if stop.is_set():
            return
        if changed or time.monotonic() >= add_at:
            outcome = _tried(add)
            add_at = math.inf if isinstance(outcome, AddReport) else time.monotonic() + _AGAIN_SECONDS
            yield outcome
        if look is not None and time.monotonic() >= look_at:
            outcome = _tried(look)
            soon = isinstance(outcome, Busy | ModelError)
            look_at = time.monotonic() + (min(_AGAIN_SECONDS, look_seconds) if soon else look_seconds)
            yield outcome


def _changes(roots: Sequence[Path], without: Path, stop: threading.Event, poll: bool) -> Iterator[bool]:
    """Whether something changed, asked every so often; ends when `stop` is set."""
    if not roots:
        while not stop.wait(_WAKE_MS / 1000):
            yield False
        return
    from watchfiles import watch

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
    for batch in changes:
        yield bool(batch)


def _tried(act: Callable[[], AddReport]) -> AddReport | Busy | ModelError | SourceError:
    try:
        return act()
    except (Busy, ModelError, SourceError) as error:
        return error
