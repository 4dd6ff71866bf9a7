"""The pages that a site lists itself: `sitemap+https://example.com/sitemap.xml` (sitemaps.org, also an index of them).

The time of a page's last change is its version, so pages that did not change are not asked for.
"""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit
from xml.parsers import expat

from qianxun.errors import InputError, SourceError
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings
from qianxun.sources.addresses import origin_of, page_address
from qianxun.sources.fetching import gone
from qianxun.sources.pages import PagesSource

MAX_SITEMAPS: Final = 500
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class SitemapSource(PagesSource):
    """Lists the pages of a sitemap that lie on its own host."""

    def __init__(self, address: str, settings: Settings) -> None:
        self._top = page_address(address.partition("+")[2])
        self.address = f"sitemap+{self._top}"
        self._origin = origin_of(self._top)
        self._max_pages = settings.sources.max_pages
        super().__init__(settings)

    def list(self) -> Iterator[Listed | Unlisted]:
        """Every page that is listed. Raises SourceError where the first sitemap cannot be read."""
        listed: set[str] = set()
        for url, changed in self._entries():
            if isinstance(changed, Unlisted):
                yield changed
                continue
            if url in listed or not self.holds(url):
                continue
            if len(listed) >= self._max_pages:
                reason = f"it has more than sources.max_pages = {self._max_pages} pages"
                yield Unlisted(self._origin, reason)
                return
            try:
                if not self._pages.fetcher.allows(url):
                    continue
                if changed:
                    found: Listed | None = Listed(url, f"lastmod {changed}", suffix=".html", modified=_utc(changed))
                else:
                    looked = self._pages.look(url)
                    found = None if looked is None else looked.listed
            except SourceError as error:
                yield Unlisted(url, str(error).rstrip("."))
                continue
            if found is not None:
                listed.add(url)
                yield found

    def holds(self, uri: str) -> bool:
        """Pages of the sitemap's own host: others may not be listed in it."""
        return uri.startswith(f"{self._origin}/") and uri != self._top

    def _entries(self) -> Iterator[tuple[str, "str | Unlisted"]]:
        """The pages of this sitemap and of those that it lists: address, time of the last change or ""."""
        waiting, met = [self._top], {self._top}
        while waiting:
            url = waiting.pop(0)
            try:
                pages, sitemaps = read_sitemap(url, self._fetched(url), self._pages.fetcher.max_mb * 1_000_000)
            except SourceError as error:
                if url == self._top:
                    raise
                yield "", Unlisted(self._origin, str(error).rstrip("."))
                continue
            for address, changed in pages:
                try:
                    yield page_address(address), changed
                except InputError:
                    continue
            for address, _ in sitemaps:
                try:
                    inner = page_address(address)
                except InputError:
                    continue
                if inner not in met and origin_of(inner) == self._origin:
                    met.add(inner)
                    waiting.append(inner)
            if len(met) > MAX_SITEMAPS:
                yield "", Unlisted(self._origin, f"it has more than {MAX_SITEMAPS} sitemaps")
                return

    def _fetched(self, url: str) -> bytes:
        with self._pages.fetcher.answered(url) as answer:
            if answer.is_gone:
                raise gone(url, answer.status)
            return answer.read()


Entries = list[tuple[str, str]]


def read_sitemap(url: str, data: bytes, max_bytes: int) -> tuple[Entries, Entries]:
    """The pages and the sitemaps that a sitemap lists, each with its time of change or "". Raises SourceError."""
    if data.startswith(b"\x1f\x8b"):
        try:
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(max_bytes + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise _no_sitemap(url, error) from error
        if len(data) > max_bytes:
            raise _no_sitemap(url, f"{max_bytes // 1_000_000} MB")
    if urlsplit(url).path.lower().removesuffix(".gz").endswith(".txt"):
        lines = data.decode("utf-8-sig", "replace").split()
        return [(line, "") for line in lines], []
    reader = _Reader()
    try:
        reader.read(data)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise _no_sitemap(url, error) from error
    if not reader.is_sitemap:
        raise _no_sitemap(url, "urlset, sitemapindex")
    return reader.pages, reader.sitemaps


class _Reader:
    """Reads sitemaps with Python's own parser, to which nothing is an entity."""

    def __init__(self) -> None:
        self.pages: Entries = []
        self.sitemaps: Entries = []
        self.is_sitemap = False
        self._path: list[str] = []
        self._values = {"loc": "", "lastmod": ""}

    def read(self, data: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = _refuse
        parser.Parse(data, True)

    def _begin(self, name: str, _: dict[str, str]) -> None:
        self._path.append(name.rpartition(" ")[2])
        if len(self._path) == 1:
            self.is_sitemap = self._path[0] in ("urlset", "sitemapindex")
        if len(self._path) == 2:
            self._values = {"loc": "", "lastmod": ""}

    def _end(self, _: str) -> None:
        kind = self._path.pop()
        if len(self._path) == 1 and self.is_sitemap:
            entry = self._values["loc"].strip(), self._values["lastmod"].strip()
            if kind == "url" and entry[0]:
                self.pages.append(entry)
            elif kind == "sitemap" and entry[0]:
                self.sitemaps.append(entry)

    def _text(self, text: str) -> None:
        # Of extensions (image:loc) only what stands in the entry itself counts.
        if len(self._path) == 3 and self._path[2] in self._values:
            self._values[self._path[2]] += text


def _refuse(*_: object) -> None:
    raise ValueError("entities are not read")


def _utc(changed: str) -> str:
    """A time that is written in UTC or without a zone, as documents have it; else ""."""
    found = _DATE.match(changed)
    return f"{found[0]}Z" if found and changed[found.end() :] in ("", "Z", "+00:00") else ""


def _no_sitemap(url: str, error: object) -> SourceError:
    return SourceError(
        "{url} is no sitemap that can be read ({error}).",
        remedy="Open it in a browser. `site+https://…` follows the links of a site instead.",
        url=url,
        error=error,
    )


def open_source(address: str, settings: Settings) -> SitemapSource:
    """The sitemap at an address. Raises InputError, SettingsError."""
    return SitemapSource(address, settings)
