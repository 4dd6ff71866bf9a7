"""Counts of what happened in this process, by name and labels. Ground: for whoever shows them; knows no library.

    tally.count("cache", "answers", "hit")

What lies deep below the doors counts here: errors of engines, looks into caches, limits reached. Only words of closed
sets may be labels: no name of a person, no text.
"""

import threading
from collections import Counter
from typing import TypeAlias

Key: TypeAlias = tuple[str, ...]  # the name, then its labels

_guard = threading.Lock()
_counts: Counter[Key] = Counter()


def count(name: str, *labels: str, n: int = 1) -> None:
    """Counts n more."""
    with _guard:
        _counts[(name, *labels)] += n


def counts() -> dict[Key, int]:
    """Everything counted since the process began."""
    with _guard:
        return dict(_counts)
