"""What a page says of other pages, and of itself: links, its own address, what programs should leave alone.

Runs in the calling process, so nothing but Python's own reader is let near a page, and only near its beginning.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

from qianxun.sources.addresses import linked_address

MAX_BYTES: Final = 4 << 20
MAX_LINKS: Final = 10_000
_CHARSET: Final = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_ROBOTS: Final = ("robots", "qianxun")


@dataclass(slots=True)
class PageLinks:
    """`links` in the order of the page, each once; `canonical` is the page's address as it says itself, or ""."""

    links: list[str] = field(default_factory=list)
    canonical: str = ""
    noindex: bool = False
    nofollow: bool = False

    def obey(self, directives: str) -> None:
        """Takes up what a meta element or a header says to programs."""
        for directive in re.split(r"[\s,]+", directives.lower()):
            self.noindex |= directive in ("noindex", "none")
            self.nofollow |= directive in ("nofollow", "none")


def links_of(page: str, data: bytes, charset: str = "", directives: str = "") -> PageLinks:
    """The links of a page, given its address, its bytes, and what its answer says: charset, X-Robots-Tag."""
    reader = _Reader(page)
    reader.found.obey(directives)
    reader.feed(_text(data[:MAX_BYTES], charset))
    reader.found.links = list(dict.fromkeys(reader.found.links))
    return reader.found


def _text(data: bytes, charset: str) -> str:
    declared = _CHARSET.search(data[:4096])
    for name in ("utf-8", charset, declared[1].decode("ascii", "replace") if declared else ""):
        try:
            if name:
                return data.decode(name)
        except (LookupError, UnicodeError):
            continue
    return data.decode("utf-8", "replace")


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found = PageLinks()
        self._page = page
        self._base = page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        match tag:
            case "a" | "area":
                rel = values.get("rel", "").lower().split()
                if values.get("href") and "nofollow" not in rel and len(self.found.links) < MAX_LINKS:
                    link = linked_address(self._base, values["href"])
                    if link is not None:
                        self.found.links.append(link)
            case "base" if values.get("href"):
                self._base = linked_address(self._page, values["href"]) or self._base
            case "link" if "canonical" in values.get("rel", "").lower().split():
                self.found.canonical = linked_address(self._base, values.get("href", "")) or ""
            case "meta" if values.get("name", "").lower() in _ROBOTS:
                self.found.obey(values.get("content", ""))
