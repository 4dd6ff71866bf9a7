"""A folder on a WebDAV server, and everything below it: Nextcloud, Apache, a NAS.

`webdav+https://user@host/path/`. Folders are asked for one by one (Depth 1), since many servers refuse to list a tree.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from qianxun.errors import SourceError
from qianxun.files import RawFile, with_outer
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings
from qianxun.sources.places import is_below, is_ignored, is_wanted, place_of
from qianxun.sources.receiving import check_size, received
from qianxun.sources.webdav_replies import Resource, resources_of
from qianxun.sources.webdav_server import WebdavServer

# Deeper than folders of people are: a folder that contains itself.
MAX_DEPTH: Final = 100


def open_source(address: str, settings: Settings) -> "WebdavSource":
    """The folder or file at an address. Connects to nothing yet. Raises InputError for an address that is none."""
    return WebdavSource(address, settings)


class WebdavSource:
    """Satisfies `Source`. A version is the server's ETag, else time and size. Safe to share between threads.

    `wait` is how time between two tries passes.
    """

    def __init__(self, address: str, settings: Settings, *, wait: Callable[[float], object] = time.sleep) -> None:
        self._place = place_of(address, "webdav+https://user@host/folder/")
        self._is_named_as_folder = address.endswith("/") or not self._place.path
        self.address = self._place.address
        self._settings = settings
        self._server = WebdavServer(self._place, settings.sources, wait)

    def list(self) -> Iterable[Listed | Unlisted]:
        """Every file at or below the address that the settings let in, folder by folder, sorted within a folder.

        A folder that the server does not list is an Unlisted. Raises SourceError if the address itself cannot be
        listed, or the connection is lost.
        """
        top = self._place.path
        resources = self._resources(top, f"{top}/" if self._is_named_as_folder else top)
        if not next(one.is_folder for one in resources if one.path == top):
            yield from (self._listed(one) for one in resources if one.path == top)
            return
        waiting: deque[tuple[str, int]] = deque()
        yield from self._members(top, resources, 0, waiting)
        while waiting:
            folder, depth = waiting.popleft()
            if depth > MAX_DEPTH:
                yield Unlisted(self._uri(folder), f"more than {MAX_DEPTH} folders deep")
                continue
            try:
                resources = self._resources(folder, f"{folder}/")
            except SourceError as error:
                if "status" not in error.values:  # not this folder: the server is gone
                    raise
                yield Unlisted(self._uri(folder), str(error))
                continue
            yield from self._members(folder, resources, depth, waiting)

    def open(self, uri: str, folder: Path) -> RawFile:
        """The file of this uri, fetched into `folder`. Raises SourceError."""
        with self._server.reply("GET", uri.removeprefix(self._place.server)) as response:
            announced = response.headers.get("content-length", "")
            if announced.isdecimal():
                check_size(uri, int(announced), self._settings)
            return received(uri, self._server.pieces(response), folder, self._settings)

    def holds(self, uri: str) -> bool:
        """Whether it is at or below the address, and the settings let it, or the file around it, in."""
        return is_below(uri, self.address) and any(
            one == self.address or is_wanted(self._within(one), self._settings.reading) for one in with_outer(uri)
        )

    def close(self) -> None:
        """Lets go of connections."""
        self._server.close()

    def _resources(self, path: str, asked: str) -> Sequence[Resource]:
        """What is at a path and directly in it. Raises SourceError if the server speaks of another place instead."""
        found = resources_of(self._server.listing(asked), self._uri(path))
        if all(one.path != path for one in found):
            # To take that for an empty folder would be to take everything in it for deleted.
            raise SourceError(
                "{uri}: the server answers about {other} instead.",
                remedy="Use the address that the server itself gives for WebDAV.",
                uri=self._uri(path),
                other=found[0].path if found else "nothing",
                status=207,
            )
        return found

    def _members(
        self, folder: str, resources: Sequence[Resource], depth: int, waiting: deque[tuple[str, int]]
    ) -> Iterable[Listed | Unlisted]:
        met: set[str] = set()
        for one in sorted(resources, key=lambda resource: resource.path):
            above, _, name = one.path.rpartition("/")
            # Whatever else a server puts into its answer is not in this folder.
            if above != folder or name in ("", ".", "..") or one.path in met:
                continue
            met.add(one.path)
            within = self._within(self._uri(one.path))
            if is_ignored(within, self._settings.reading):
                continue
            if one.status >= 400:
                yield Unlisted(self._uri(one.path), f"HTTP {one.status}")
            elif one.is_folder:
                waiting.append((one.path, depth + 1))
            elif is_wanted(within, self._settings.reading):
                yield self._listed(one)

    def _listed(self, one: Resource) -> Listed:
        return Listed(self._uri(one.path), one.version, modified=one.modified)

    def _uri(self, path: str) -> str:
        return self._place.server + path

    def _within(self, uri: str) -> str:
        return uri.removeprefix(self.address).removeprefix("/")
