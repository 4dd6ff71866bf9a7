"""Pages and files of the web as documents: what kind they are, whether they changed, their bytes.

What single pages, sites and sitemaps have in common. A page that was looked at for the listing is kept, in a file
without a name that vanishes with the process, until it is opened: nothing is fetched twice.
"""

import re
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.message import Message
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

from qianxun.documents.registry import supported_suffixes
from qianxun.files import RawFile
from qianxun.protocols import Listed
from qianxun.settings import Settings
from qianxun.sources.fetching import Answer, Fetcher, gone, version_in

MAX_KEPT_BYTES: Final = 512_000_000

_HTML: Final = (".html", ".xhtml")
# What a server says of a file → the suffix of files of that kind.
_SUFFIX_OF: Final = {
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "application/pdf": ".pdf",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/ld+json": ".json",
    "application/geo+json": ".geojson",
    "application/x-ndjson": ".ndjson",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/rss+xml": ".rss",
    "application/atom+xml": ".atom",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/epub+zip": ".epub",
    "message/rfc822": ".eml",
    "application/mbox": ".mbox",
    "application/vnd.ms-outlook": ".msg",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/x-tar": ".tar",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/tiff": ".tiff",
    "image/webp": ".webp",
}
# These say nothing but "bytes" or "text": then the name decides.
_VAGUE: Final = ("", "text/plain", "application/octet-stream", "binary/octet-stream", "application/download")
# Files whose names end otherwise than their kind says: a document of Word is a zip archive to some servers.
_CONTAINERS: Final = (".zip", ".xml", ".json")
_SAFE_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Looked:
    """A page that was looked at. `url` is where it was in the end; `data` its bytes if it is HTML that was fetched."""

    listed: Listed
    url: str
    charset: str = ""
    directives: str = ""
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    start: int
    size: int
    suffix: str
    charset: str


class Pages:
    """Looks at pages and hands them out. `kept(uri)` is the version of a document that there is, None without one."""

    def __init__(self, settings: Settings) -> None:
        self.fetcher = Fetcher(settings)
        self.kept: Callable[[str], str | None] = _nothing_kept
        self._guard = threading.Lock()
        self._file: BinaryIO | None = None
        self._end = 0
        self._at: dict[str, _Kept] = {}

    def look(self, url: str, *, whole: bool = False) -> Looked | None:
        """What is at an address now; None if nothing is there. `whole`: its bytes are wanted even if it is unchanged.

        Raises SourceError.
        """
        kept = self.kept(url) or ""
        with self.fetcher.answered(url, version="" if whole else kept) as answer:
            if answer.is_gone:
                return None
            if answer.status == 304:
                return Looked(Listed(url, kept, suffix=_suffix_in(urlsplit(url).path) or ".html"), answer.url)
            suffix, charset = kind_of(answer)
            version = version_in(answer.headers)
            is_page = suffix in _HTML
            data = answer.read() if (is_page and whole) or not version or version != kept else None
        if data is not None:
            suffix = _as_its_bytes_say(data, suffix)
            self._keep(url, data, suffix, charset)
        version = version or f"sha256 {sha256(data or b'').hexdigest()}"
        listed = Listed(url, version, suffix=suffix, modified=_changed(answer.headers))
        directives = answer.headers.get("x-robots-tag", "")
        return Looked(listed, answer.url, charset, directives, data if suffix in _HTML else None)

    def rename(self, url: str, uri: str) -> None:
        """What was looked at under one address is to be opened under another."""
        with self._guard:
            found = self._at.pop(url, None)
            if found is not None:
                self._at[uri] = found

    def open(self, uri: str, folder: Path) -> RawFile:
        """The bytes of a page in a new file. Raises SourceError."""
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            path = Path(file.name)
            with self._guard:
                known = self._at.pop(uri, None)
                data = self._taken(known) if known is not None else b""
            if known is not None:
                file.write(data)
                suffix, charset = known.suffix, known.charset
            else:
                with self.fetcher.answered(uri) as answer:
                    if answer.is_gone:
                        raise gone(uri, answer.status)
                    suffix, charset = kind_of(answer)
                    head = b""
                    for piece in answer.body():
                        head = head or piece[:1024]
                        file.write(piece)
                suffix = _as_its_bytes_say(head, suffix)
        return RawFile(uri, suffix, path.stat().st_size, path, lambda: path.open("rb"), charset)

    def close(self) -> None:
        """Lets go of connections and of what was kept."""
        self.fetcher.close()
        with self._guard:
            self._at.clear()
            if self._file is not None:
                self._file.close()
                self._file = None

    def _keep(self, url: str, data: bytes, suffix: str, charset: str) -> None:
        with self._guard:
            if self._end + len(data) > MAX_KEPT_BYTES:
                return  # it is fetched again when it is opened
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
            self._file.seek(self._end)
            self._file.write(data)
            self._at[url] = _Kept(self._end, len(data), suffix, charset)
            self._end += len(data)

    def _taken(self, known: _Kept) -> bytes:
        assert self._file is not None
        self._file.seek(known.start)
        return self._file.read(known.size)


def kind_of(answer: Answer) -> tuple[str, str]:
    """The suffix that files of this kind have ("" if nothing says it), and the charset that the server names."""
    message = Message()
    message["content-type"] = answer.headers.get("content-type", "")
    said = message.get_content_type() if answer.headers.get("content-type") else ""
    charset = message.get_content_charset() or ""
    named = _suffix_in(_file_name(answer.headers)) or _suffix_in(urlsplit(answer.url).path)
    if said in _VAGUE:
        return named or (".txt" if said == "text/plain" else ".html" if not said else ""), charset
    by_type = _SUFFIX_OF.get(said, "")
    if not by_type:
        return (
            named if not said.startswith(("text/", "image/", "audio/", "video/")) else named or _plain(said)
        ), charset
    if by_type in _CONTAINERS and named:
        return named, charset
    return by_type, charset


def _plain(said: str) -> str:
    return ".txt" if said.startswith("text/") else f".{said.partition('/')[2][:8]}"


def _as_its_bytes_say(data: bytes, suffix: str) -> str:
    """PDFs are served as anything."""
    return ".pdf" if data.startswith(b"%PDF-") else suffix


def _suffix_in(path: str) -> str:
    """The suffix of a name that says what kind of file it is, "" if none that can be read."""
    suffix = PurePosixPath(unquote(path)).suffix.lower()
    return suffix if _SAFE_SUFFIX.fullmatch(suffix) and suffix in supported_suffixes() else ""


def _file_name(headers: Mapping[str, str]) -> str:
    message = Message()
    message["content-disposition"] = headers.get("content-disposition", "")
    return str(message.get_filename() or "")


def _changed(headers: Mapping[str, str]) -> str:
    """When a page was last changed, as documents have it; "" if the server does not say."""
    try:
        changed = parsedate_to_datetime(headers.get("last-modified", ""))
        return changed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if changed.tzinfo else ""
    except (ValueError, TypeError, OverflowError):
        return ""


class PagesSource:
    """What sources of pages have in common: all but which pages they list."""

    def __init__(self, settings: Settings) -> None:
        self._pages = Pages(settings)

    def tell_kept(self, kept: Callable[[str], str | None]) -> None:
        """The version of a document that there is already: so that only a change is asked for."""
        self._pages.kept = kept

    def open(self, uri: str, folder: Path) -> RawFile:
        """The page in a new file."""
        return self._pages.open(uri, folder)

    def close(self) -> None:
        """Lets go of connections and of what was kept."""
        self._pages.close()


def _nothing_kept(uri: str) -> str | None:
    return None
