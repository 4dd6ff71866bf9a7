"""What the chat's process remembers for pages that are loaded anew, until it ends: the service tells none of it.

Thumbs could be kept with the conversation; but who gave one is what the store of feedback must not say.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

MOST: Final = 10_000
Kept = TypeVar("Kept")


class Remembered(Generic[Kept]):
    """Values by name. Of more than `MOST` the oldest go."""

    def __init__(self) -> None:
        self._values: dict[str, Kept] = {}

    def keep(self, name: str, value: Kept) -> None:
        """Keeps a value, in the place of another of this name."""
        self._values.pop(name, None)
        while len(self._values) >= MOST:
            del self._values[next(iter(self._values))]
        self._values[name] = value

    def get(self, name: str) -> Kept | None:
        """The value; None if there is none."""
        return self._values.get(name)

    def forget(self, is_meant: Callable[[Kept], bool]) -> None:
        """Forgets the values that are meant."""
        self._values = {name: value for name, value in self._values.items() if not is_meant(value)}


# Answers by the runs of pages that were not loaded anew since.
RUNS: Final = Remembered[str]()
# When conversations were deleted, by who did it and their names.
DELETED: Final = Remembered[float]()
# Thumbs on answers.
THUMBS: Final = Remembered[Mapping[str, Any]]()
