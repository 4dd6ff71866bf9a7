"""Letters in an IMAP mailbox: each is a document `…/FOLDER/VALIDITY.NUMBER.eml`, which never changes.

`imaps://user@host` is every folder but those of deleted and unwanted letters and of copies; `imaps://user@host/收件箱`
is one folder, `imaps://user@host/项目/` one with those below it. Nothing is ever marked as seen or changed.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from qianxun.errors import SourceError
from qianxun.files import RawFile, with_outer
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import Settings
from qianxun.sources.imap_connection import Connection, Connections, Folder, Letter
from qianxun.sources.places import as_name, is_below, place_of
from qianxun.sources.receiving import check_size, received

# What RFC 6154 calls such folders; read only where one is named.
LEFT_OUT: Final = frozenset({"all", "flagged", "important", "trash", "junk", "drafts"})
_CANNOT_BE_OPENED: Final = frozenset({"noselect", "nonexistent"})
_LETTER: Final = re.compile(r"(\d+)\.(\d+)\.eml")
_MAX_SHOWN: Final = 20

Result = TypeVar("Result")


def open_source(address: str, settings: Settings) -> "ImapSource":
    """The mailbox at an address. Connects to nothing yet. Raises InputError for an address that is none."""
    return ImapSource(address, settings)


class ImapSource:
    """Satisfies `Source`. A version is the folder's validity and the letter's number. Safe to share between threads.

    `wait` is how time between two tries passes.
    """

    def __init__(self, address: str, settings: Settings, *, wait: Callable[[float], object] = time.sleep) -> None:
        self._place = place_of(address, "imaps://user@host/INBOX")
        self._is_tree = address.endswith("/") or not self._place.path
        self._top = _with_inbox(self._place.path)
        self.address = self._place.server + self._top + ("/" if self._top and self._is_tree else "")
        self._settings = settings
        self._connections = Connections(self._place, settings.sources, wait)
        self._folders: dict[str, Folder] = {}
        self._looking = threading.Lock()

    def list(self) -> Iterable[Listed | Unlisted]:
        """Every letter that is not marked as deleted, folder by folder, oldest first.

        A folder that may not be opened is an Unlisted. Raises SourceError where there is no such folder, or the
        connection is lost.
        """
        folders = self._all_folders(anew=True)
        chosen = sorted(path for path, folder in folders.items() if self._is_chosen(path, folder))
        if not chosen and not (self._is_tree and not self._top):
            shown = sorted(path.removeprefix("/") for path in folders)[:_MAX_SHOWN]
            raise SourceError(
                "{address}: there is no such folder.",
                remedy="It has: {folders}.",
                address=self.address,
                folders=", ".join(shown) or "none",
            )
        for path in chosen:
            begins = self._place.server + path
            try:
                validity, letters = self._talk(partial(_letters, folder=folders[path]))
            except SourceError as error:
                if "status" not in error.values:  # not this folder: the server is gone
                    raise
                yield Unlisted(begins, str(error))
                continue
            for letter in letters:
                version = f"{validity}.{letter.uid}"
                yield Listed(f"{begins}/{version}.eml", version, modified=letter.modified)

    def open(self, uri: str, folder: Path) -> RawFile:
        """The letter of this uri, fetched into `folder`. Raises SourceError."""
        path, _, name = uri.removeprefix(self._place.server).rpartition("/")
        numbers = _LETTER.fullmatch(name)
        where = self._all_folders().get(path)
        if where is None or numbers is None:
            raise _gone(uri)
        validity, uid = int(numbers[1]), int(numbers[2])

        def fetched(connection: Connection) -> RawFile:
            n_bytes = connection.n_bytes(uid) if connection.examine(where)[0] == validity else None
            if n_bytes is None:
                raise _gone(uri)
            check_size(uri, n_bytes, self._settings)
            file = received(uri, connection.pieces(uid), folder, self._settings)
            if n_bytes and not file.size:  # it went between the two questions
                assert file.path is not None
                file.path.unlink()
                raise _gone(uri)
            return file

        return self._talk(fetched)

    def holds(self, uri: str) -> bool:
        """Whether it is a letter, or in a letter, of a folder that is read here, or would be."""
        return is_below(uri, self._place.server) and any(map(self._holds_letter, with_outer(uri)))

    def close(self) -> None:
        """Ends all conversations with the server."""
        self._connections.close()

    def _holds_letter(self, uri: str) -> bool:
        path, _, name = uri.removeprefix(self._place.server).rpartition("/")
        return bool(path) and _LETTER.fullmatch(name) is not None and self._is_chosen(path, self._folders.get(path))

    def _is_chosen(self, path: str, folder: Folder | None) -> bool:
        """Whether the letters of a folder are read; None is one that is not there now."""
        if folder is not None and folder.flags & _CANNOT_BE_OPENED:
            return False
        if path == self._top:
            return True
        below = self._is_tree and is_below(path, self._top)
        return below and (folder is None or not folder.flags & LEFT_OUT)

    def _all_folders(self, *, anew: bool = False) -> dict[str, Folder]:
        with self._looking:
            if anew or not self._folders:
                found = self._talk(lambda connection: connection.folders())
                self._folders = {_path(folder): folder for folder in found}
            return self._folders

    def _talk(self, use: Callable[[Connection], Result]) -> Result:
        """What a function of a conversation returns; anew if one that was kept turns out to have ended meanwhile."""
        try:
            with self._connections.one() as connection:
                return use(connection)
        except SourceError as error:
            if not error.values.get("was_idle"):
                raise
        with self._connections.one(fresh=True) as connection:
            return use(connection)


def _letters(connection: Connection, folder: Folder) -> tuple[int, Sequence[Letter]]:
    validity, n_letters = connection.examine(folder, anew=True)
    return validity, [*{letter.uid: letter for letter in connection.letters(n_letters)}.values()]


def _path(folder: Folder) -> str:
    return _with_inbox("".join(f"/{as_name(name)}" for name in folder.names))


def _with_inbox(path: str) -> str:
    """A path with the one folder name that has no case written in capitals."""
    _, first, *rest = path.split("/") if path else ("", "")
    return "/".join(("", "INBOX", *rest)) if first.upper() == "INBOX" else path


def _gone(uri: str) -> SourceError:
    return SourceError(
        "{uri} is not in the mailbox any more.", remedy="Run the same command again.", uri=uri, status="gone"
    )
