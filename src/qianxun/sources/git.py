"""Files of a git repository as they are in one of its commits: `git+https://host/repository.git@branch#folder`.

Only what is asked for is fetched: a listing takes the folders of one commit, a document its own bytes. Nothing is kept
between two runs, and nothing is ever checked out, so neither hooks nor filters of the repository can run.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qianxun.documents.registry import supported_suffixes
from qianxun.errors import InputError, SourceError
from qianxun.files import RawFile, with_outer
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings
from qianxun.sources import patterns
from qianxun.sources.credentials import credentials_for
from qianxun.sources.git_repository import Entry, Repository
from qianxun.sources.places import Place, as_name, is_below, is_wanted, place_of, quoted, readable, suffix_of
from qianxun.sources.receiving import received

_EXAMPLE: Final = "git+https://host/repository.git@branch#folder"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# git check-ref-format, and no name that looks like an option.
_NO_REF: Final = re.compile(r"^[-/.]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|[/.]$")
_LFS: Final = b"version https://git-lfs.github.com/spec/v1\n"
_MAX_AHEAD: Final = 512


def open_source(address: str, settings: Settings) -> "GitSource":
    """The repository at an address. Connects to nothing yet.

    Raises InputError for an address that is none, SourceError if git is not installed or too old.
    """
    return GitSource(address, settings)


@dataclass(frozen=True, slots=True)
class _Listing:
    commit: str
    entries: dict[str, Entry]
    order: Sequence[str]  # blobs that can be read, without repetition
    places: dict[str, int]  # in that order


class GitSource:
    """Satisfies `Source`. A version is the file's blob. Safe to share between threads.

    Symbolic links and submodules are no documents; a file kept in Git LFS fails when it is opened. `wait` is how time
    between two tries passes.
    """

    def __init__(self, address: str, settings: Settings, *, wait: Callable[[float], object] = time.sleep) -> None:
        place, self._ref, self._folder = _parsed(address)
        server = f"{place.scheme}://" if place.scheme == "git+file" else place.server
        self._root = server + place.path + (f"@{self._ref}" if self._ref else "")
        self.address = f"{self._root}#{self._folder}" if self._folder else self._root
        self._settings = settings
        scheme = place.scheme.removeprefix("git+")
        is_http = scheme in ("http", "https")
        # Who we are goes by a header there, never into git's own configuration.
        user = f"{as_name(place.user)}@" if place.user and not is_http else ""
        self._repository = Repository(
            url=f"{scheme}://{user}{place.host_and_port}{quoted(place.path)}",
            address=self._root,
            scheme=scheme,
            settings=settings,
            credentials=credentials_for(place, settings.sources) if is_http else None,
            wait=wait,
        )
        self._listing: _Listing | None = None
        self._rules: dict[str, patterns.Rules] = {}
        self._fetching = threading.Lock()
        self._ahead = 1
        self._next = 0

    def list(self) -> Iterable[Listed | Unlisted]:
        """Every file at or below the address that the settings let in, sorted by path.

        Raises SourceError if the repository cannot be read, or has no such branch, tag, commit or folder.
        """
        listing = self._looked(anew=True)
        for uri, entry in listing.entries.items():
            yield Listed(uri, entry.blob)

    def open(self, uri: str, folder: Path) -> RawFile:
        """The file of this uri, written into `folder`. Raises SourceError, also for a file kept in Git LFS."""
        listing = self._looked()
        entry = listing.entries.get(uri)
        if entry is None:
            raise SourceError("There is nothing at {uri} any more.", remedy="Run the same command again.", uri=uri)
        self._fetch(entry.blob, listing)
        file = received(uri, self._repository.pieces(entry.blob), folder, self._settings)
        if file.head().startswith(_LFS):
            assert file.path is not None
            file.path.unlink()
            raise SourceError(
                "{uri} is kept in Git LFS: the repository holds only a pointer to it.",
                remedy="Clone the repository with git-lfs, and add the folder.",
                uri=uri,
            )
        return file

    def holds(self, uri: str) -> bool:
        """Whether it is at or below the address, and the settings let it, or the file around it, in."""
        begin = f"{self._root}#"
        paths = [one.removeprefix(begin) for one in with_outer(uri) if one.startswith(begin)]
        return any(path and self._is_wanted(path) and not self._is_left_out(path) for path in paths)

    def close(self) -> None:
        """Removes what was fetched; the next use fetches anew."""
        with self._fetching:
            self._listing = None
            self._repository.close()

    def _is_below(self, path: str) -> bool:
        return not self._folder or is_below(path, self._folder)

    def _is_wanted(self, path: str) -> bool:
        if path == self._folder:
            return True
        within = path.removeprefix(self._folder).removeprefix("/")
        return self._is_below(path) and is_wanted(within, self._settings.reading)

    def _looked(self, *, anew: bool = False) -> _Listing:
        """The listing of the commit that the address means now; nothing is fetched if that is the one already known."""
        with self._fetching:
            if self._listing is not None and not anew:
                return self._listing
            commit = self._ref if _COMMIT.fullmatch(self._ref) else self._repository.commit_of(self._ref)
            if self._listing is None or self._listing.commit != (commit or ""):
                self._listing = None  # also if the next line fails
                self._listing = _Listing("", {}, (), {}) if commit is None else self._listed(commit)
            return self._listing

    def _listed(self, commit: str) -> _Listing:
        within = [one for one in self._repository.files_of(commit, self._folder) if self._is_below(one.path)]
        self._rules = self._rules_among(within)
        found = [one for one in within if self._is_wanted(one.path) and not self._is_left_out(one.path)]
        entries = {f"{self._root}#{one.path}": one for one in found}
        kinds = set(supported_suffixes())
        order = [*dict.fromkeys(one.blob for one in entries.values() if suffix_of(one.path) in kinds)]
        self._ahead, self._next = 1, 0
        return _Listing(commit, entries, order, {blob: place for place, blob in enumerate(order)})

    def _rules_among(self, entries: Iterable[Entry]) -> dict[str, patterns.Rules]:
        """The rules of the ignore files, by the folder that each is in."""
        files = [one for one in entries if one.path.rpartition("/")[2] == patterns.FILE_NAME]
        missing = [one.blob for one in files if not self._repository.has(one.blob)]
        if missing:
            self._repository.fetch(missing)
        found = {}
        for one in files:
            text = b"".join(self._repository.pieces(one.blob)).decode("utf-8-sig", "replace")
            folder = one.path.rpartition("/")[0]
            found[folder] = patterns.Rules(Path(folder), tuple(patterns.rules_of(text.splitlines())))
        return found

    def _is_left_out(self, path: str) -> bool:
        """Whether the ignore files leave out a file, or a folder around it."""
        names = path.split("/") if self._rules else []
        known: list[patterns.Rules] = []
        for n in range(len(names)):
            own = self._rules.get("/".join(names[:n]))
            known += [own] if own is not None else []
            if patterns.is_ignored(Path(*names[: n + 1]), known, is_folder=n + 1 < len(names)):
                return True
        return False

    def _fetch(self, blob: str, listing: _Listing) -> None:
        """Fetches a file's bytes if they are not here, and, as long as files are opened in order, ever more ahead."""
        with self._fetching:
            if self._repository.has(blob):
                return
            wanted: Sequence[str] = [blob]
            place = listing.places.get(blob)
            if place is not None:
                # Several threads open neighbours at once: a little out of order is in order.
                in_order = self._next <= place <= self._next + 8
                self._ahead = min(self._ahead * 4, _MAX_AHEAD) if in_order and self._next else 1
                following = listing.order[place : place + self._ahead]
                wanted = [other for other in following if not self._repository.has(other)]
                self._next = place + self._ahead
            self._repository.fetch(wanted)


def _parsed(address: str) -> tuple[Place, str, str]:
    """Where the repository is, the branch, tag or commit, and the folder in it. Raises InputError."""
    head, _, folder = address.partition("#")
    scheme, separator, rest = head.partition("://")
    netloc, slash, path = rest.partition("/")
    path, at, ref = path.rpartition("@") if "@" in path else (path, "", "")
    ref = readable(ref)
    if scheme == "git+file":
        is_good = not netloc and "?" not in head
        place = Place(scheme, "", "", None, readable(f"/{path}").rstrip("/"))
    else:
        place = place_of(f"{scheme}{separator}{netloc}{slash}{path}", _EXAMPLE)
        is_good = True
    names = folder.strip("/").split("/")
    if not is_good or not place.path or (at and (not ref or _NO_REF.search(ref))) or {".", ".."} & set(names):
        raise InputError(
            "{address} is not the address of a repository.",
            remedy="Write it like {example}.",
            address=address,
            example=_EXAMPLE,
        )
    return place, ref, folder.strip("/")
