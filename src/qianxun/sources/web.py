"""One page of the web, or one file: `https://example.com/年假`."""

from collections.abc import Iterator

from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings
from qianxun.sources.addresses import page_address
from qianxun.sources.fetching import gone
from qianxun.sources.pages import PagesSource


class PageSource(PagesSource):
    """Lists one document. A page that is known and not there any more is listed no longer."""

    def __init__(self, address: str, settings: Settings) -> None:
        self.address = page_address(address)
        super().__init__(settings)

    def list(self) -> Iterator[Listed | Unlisted]:
        """The page. Raises SourceError where it cannot be fetched, and where there is none and never was."""
        looked = self._pages.look(self.address)
        if looked is not None:
            yield looked.listed
        elif self._pages.kept(self.address) is None:
            raise gone(self.address, 404)

    def holds(self, uri: str) -> bool:
        """Only the page itself."""
        return uri == self.address


def open_source(address: str, settings: Settings) -> PageSource:
    """The page at an address. Raises InputError, SettingsError."""
    return PageSource(address, settings)
