"""A web site, followed link by link: `site+https://example.com/docs/` lists what lies below that path."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from qianxun.documents.registry import supported_suffixes
from qianxun.errors import SourceError
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings
from qianxun.sources.addresses import page_address
from qianxun.sources.fetching import gone
from qianxun.sources.links import links_of
from qianxun.sources.pages import Looked, PagesSource

# Never text, so not worth a request; what else cannot be read shows by its kind.
_PICTURES: Final = tuple(
    ".png .jpg .jpeg .gif .svg .webp .ico .bmp .mp3 .mp4 .webm .avi .mov .wav .ogg .woff .woff2 .ttf .exe .dmg .iso "
    ".apk .deb .rpm .whl .jar".split()
)


class SiteSource(PagesSource):
    """Lists what links lead to from one page on, breadth first, below its path."""

    def __init__(self, address: str, settings: Settings) -> None:
        self._top = page_address(address.partition("+")[2])
        self.address = f"site+{self._top}"
        self._below = _folder_of(self._top)
        self._max_pages = settings.sources.max_pages
        super().__init__(settings)

    def list(self) -> Iterator[Listed | Unlisted]:
        """Every page that is reached. Raises SourceError where the first one is not.

        After a page that cannot be read it is not known what is there: then nothing of the site is taken as gone.
        """
        waiting, met, listed = deque([self._top]), {self._top}, set[str]()
        while waiting:
            url = waiting.popleft()
            if len(listed) >= self._max_pages:
                yield Unlisted(self._below, f"it has more than sources.max_pages = {self._max_pages} pages")
                return
            try:
                looked = self._look(url)
            except SourceError as error:
                if url == self._top:
                    raise
                yield Unlisted(self._below, str(error).rstrip("."))
                continue
            if looked is None:
                continue
            uri, links, is_wanted = self._read(url, looked)
            if is_wanted and uri not in listed:
                listed.add(uri)
                met.add(uri)
                if uri != url:
                    self._pages.rename(url, uri)
                found = looked.listed
                yield replace(found, uri=uri)
            for link in links:
                if link not in met and self.holds(link) and not link.lower().endswith(_PICTURES):
                    met.add(link)
                    waiting.append(link)

    def holds(self, uri: str) -> bool:
        """What lies below the path of the first page."""
        return uri == self._top or uri.startswith(self._below)

    def _look(self, url: str) -> Looked | None:
        """The page, None where there is none, or none that programs may read."""
        if url != self._top and not self._pages.fetcher.allows(url):
            return None
        looked = self._pages.look(url, whole=True)
        if looked is None and url == self._top:
            raise gone(url, 404)
        return looked

    def _read(self, url: str, looked: Looked) -> tuple[str, Sequence[str], bool]:
        """The page's own address, the links to follow, and whether it is to be a document."""
        uri = page_address(looked.url)
        if not self.holds(uri) and url != self._top:
            return uri, [], False  # it leads elsewhere
        uri = uri if self.holds(uri) else url
        if looked.data is None:
            return uri, [], looked.listed.suffix in supported_suffixes()
        found = links_of(looked.url, looked.data, looked.charset, looked.directives)
        if found.canonical and self.holds(found.canonical):
            uri = found.canonical
        return uri, [] if found.nofollow else found.links, not found.noindex


def _folder_of(page: str) -> str:
    """What addresses of pages below a page begin with: its folder if it has a suffix, else itself."""
    path = urlsplit(page).path
    plain = page.partition("?")[0]
    if path.endswith("/"):
        return plain
    return plain.rpartition("/")[0] + "/" if "." in path.rpartition("/")[2] else plain + "/"


def open_source(address: str, settings: Settings) -> SiteSource:
    """The site at an address. Raises InputError, SettingsError."""
    return SiteSource(address, settings)
