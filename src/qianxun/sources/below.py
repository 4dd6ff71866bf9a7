"""A source whose documents are named as if they lay in a folder of their own: `key-3f9a1c2e/https://example.com/年假`.

So what one caller adds from an address cannot take the place of what another, whom it must not know of, has added from
the same one.
"""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from qianxun.files import RawFile
from qianxun.protocols import AsksForChanges, Listed, Source, Unlisted


class Below:
    """Another source's documents below a folder. `folder` has no `/` at its end."""

    def __init__(self, folder: str, source: Source) -> None:
        self._before = f"{folder}/"
        self._source = source
        self.address = self._before + source.address

    def tell_kept(self, kept: Callable[[str], str | None]) -> None:
        """`kept(uri)` is the version of a document that is kept, named as here."""
        if isinstance(self._source, AsksForChanges):
            self._source.tell_kept(lambda uri: kept(self._before + uri))

    def list(self) -> Iterator[Listed | Unlisted]:
        """What the other lists. Raises SourceError."""
        for item in self._source.list():
            yield dataclasses.replace(item, uri=self._before + item.uri)

    def open(self, uri: str, folder: Path) -> RawFile:
        """The bytes of a document. Raises SourceError."""
        return self._source.open(uri.removeprefix(self._before), folder)

    def holds(self, uri: str) -> bool:
        """Whether the other holds what lies below the folder."""
        return uri.startswith(self._before) and self._source.holds(uri.removeprefix(self._before))

    def close(self) -> None:
        """Lets go of what the other holds."""
        self._source.close()
