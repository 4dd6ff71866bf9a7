"""One page of the web, or one file: `https://example.com/年假`."""

from collections.abc import Callable, Iterator
from pathlib import Path

from qianxun.files import RawFile
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings
from qianxun.sources.addresses import page_address
from qianxun.sources.fetching import gone
from qianxun.sources.pages import Pages


class PageSource:
    """Lists one document. A page that is known and not there any more is listed no longer."""

    def __init__(self, address: str, settings: Settings) -> None:
        self.address = page_address(address)
        self._pages = Pages(settings)

    @property
    def kept(self) -> Callable[[str], str | None]:
        """The version of a document that there is already: so that only a change is asked for."""
        return self._pages.kept

    @kept.setter
    def kept(self, kept: Callable[[str], str | None]) -> None:
        self._pages.kept = kept

    def list(self) -> Iterator[Listed | Unlisted]:
        """The page. Raises SourceError where it cannot be fetched, and where there is none and never was."""
        looked = self._pages.look(self.address)
        if looked is not None:
            yield looked.listed
        elif self._pages.kept(self.address) is None:
            raise gone(self.address, 404)

    def open(self, uri: str, folder: Path) -> RawFile:
        """The page in a new file."""
        return self._pages.open(uri, folder)

    def holds(self, uri: str) -> bool:
        """Only the page itself."""
        return uri == self.address

    def close(self) -> None:
        """Lets go of connections."""
        self._pages.close()


def open_source(address: str, settings: Settings) -> PageSource:
    """The page at an address. Raises InputError, SettingsError."""
    return PageSource(address, settings)
