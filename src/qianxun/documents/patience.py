"""How a parse that is at work, and not stuck, gets more time: page by page.

`reading.max_seconds` bounds what one file may take. A long scan is no stuck file: of what the recognition of a page
takes, up to `PAGE_SECONDS` are not counted.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

PAGE_SECONDS: Final = 30.0

_tell: Callable[[tuple[Any, ...]], None] | None = None


def listen(tell: Callable[[tuple[Any, ...]], None]) -> None:
    """Has `tell` called with `("page",)` and `("spared", seconds)`. Once in a process, which reads a file at a time."""
    global _tell
    _tell = tell


@contextmanager
def page() -> Iterator[None]:
    """Around the work on one page that may be long."""
    started = time.monotonic()
    if _tell is not None:
        _tell(("page",))
    yield
    if _tell is not None:
        _tell(("spared", min(time.monotonic() - started, PAGE_SECONDS)))
