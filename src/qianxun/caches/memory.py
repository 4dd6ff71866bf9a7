"""A cache in this process: the values used last, so many of them. Knows nothing of what they are."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from qianxun.settings import Settings

# A vector of 16,384 numbers is 64 KiB.
MAX_VALUE_BYTES: Final = 1 << 20


def open_cache(settings: Settings) -> "MemoryCache":
    """The cache of the vectors of questions (`models.query_cache`)."""
    return MemoryCache(settings.models.query_cache)


class MemoryCache:
    """At most `max_entries` values; the one not used for longest goes first. Satisfies `Cache`.

    A value of more than MAX_VALUE_BYTES is not kept. `now` gives seconds that never go back. Safe to share between
    threads.
    """

    name = "memory"

    def __init__(self, max_entries: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._now = now
        self._kept: OrderedDict[bytes, tuple[bytes, float | None]] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys; None for one that is not there, or no longer."""
        with self._guard:
            return [self._value(key) for key in keys]

    def set(self, items: Mapping[bytes, bytes], *, seconds: int | None = None) -> None:
        """Keeps values, for so many seconds (None: until there is no room)."""
        ends = None if seconds is None else self._now() + seconds
        with self._guard:
            for key, value in items.items():
                self._kept.pop(key, None)
                if len(value) <= MAX_VALUE_BYTES:
                    self._kept[key] = (value, ends)
            while len(self._kept) > self._max_entries:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forgets everything."""
        with self._guard:
            self._kept.clear()

    def close(self) -> None:
        """Forgets everything: there is nothing else to let go of."""
        self.clear()

    def _value(self, key: bytes) -> bytes | None:
        found = self._kept.get(key)
        if found is None:
            return None
        value, ends = found
        if ends is not None and ends <= self._now():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return value
