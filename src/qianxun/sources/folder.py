"""A folder or a file on the disk. Documents are named by their paths."""

import os
import stat
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from qianxun.errors import NotFound
from qianxun.files import RawFile
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import ReadingSettings
from qianxun.sources.find import FoundFile, absolute, find_files, source_of

PUBLIC: Final = "public"
# So long after its last change a file is taken to be done with: clocks of file systems step by up to two seconds.
_SETTLED_SECONDS = 2.5


class FolderSource:
    """What lies at or below a path. `without` is left out: the knowledge base itself. Raises NotFound, InputError."""

    def __init__(self, path: str | Path, reading: ReadingSettings, without: Path) -> None:
        self.path = absolute(path)
        if not self.path.exists() and not self.path.is_symlink():
            raise NotFound(
                "There is no file or folder at {path}.", remedy="Check the spelling of the path.", path=self.path
            )
        self.address = source_of(self.path)
        self._reading = reading
        self._without = without
        self._is_folder = self.path.is_dir()
        self._paths: dict[str, Path] = {}

    def list(self) -> Iterator[Listed | Unlisted]:
        """Every file that the settings do not leave out, sorted within a folder."""
        readers = _Readers(self.path) if self._reading.permission_labels and sys.platform != "win32" else None
        for found in find_files([self.path], reading=self._reading, without=self._without):
            uri = source_of(found.path)
            if isinstance(found, FoundFile):
                self._paths[uri] = found.path
                version, modified, labels = "", "", None
                try:
                    status = found.path.stat()
                    version, modified = _version(status), _time(status)
                    labels = readers.of(found.path, status) if readers is not None else None
                except OSError:
                    # Who reads it says why it cannot be read. Who may see it is not known: nobody else.
                    labels = () if readers is not None else None
                yield Listed(uri, version, labels, modified=modified)
            else:
                yield Unlisted(uri, found.reason)

    def open(self, uri: str, folder: Path) -> RawFile:
        """The file where it lies; nothing is copied. Raises OSError."""
        return RawFile.on_disk(self.path_of(uri), uri)

    def path_of(self, uri: str) -> Path:
        """Where a file that was listed lies: its name may not say it where it is no UTF-8."""
        return self._paths.get(uri) or Path(uri)

    def holds(self, uri: str) -> bool:
        """The path itself, and what is named as lying below it."""
        return uri == self.address or (self._is_folder and uri.startswith(f"{self.address.rstrip('/')}/"))

    def close(self) -> None:
        """Holds nothing."""


def _version(status: os.stat_result) -> str:
    """What the file system says of a file: the same again means the same bytes. "" where that is not sure yet."""
    # A file that is written to again within the clock's step would look the same.
    if time.time() - max(status.st_ctime, status.st_mtime) < _SETTLED_SECONDS:
        return ""
    # The time of the last change of anything about the file cannot be set back by anybody but the system's clock.
    return f"{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_size}-{status.st_ino}"


def _time(status: os.stat_result) -> str:
    return datetime.fromtimestamp(status.st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Readers:
    """Who may read files below a folder, as labels, by their POSIX permissions.

    A file that everybody may read lies open only if everybody may enter the folders from `top` on.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._of_folder: dict[Path, str] = {}

    def of(self, path: Path, status: os.stat_result) -> tuple[str, ...]:
        """One label: `public`, `group:NAME`, or `user:NAME` where only the owner may read it. Raises OSError.

        None where no label says who may, such as the members of two groups: then it is for administrators.
        """
        own = _label(status, stat.S_IROTH, stat.S_IRGRP)
        around = PUBLIC if path == self._top else self._around(path.parent)
        # Both would have to be satisfied, and labels say "any of".
        both = _both(own, around, status.st_uid)
        return (both,) if both else ()

    def _around(self, folder: Path) -> str:
        """The narrowest of the folders from `top` to this one."""
        found = self._of_folder.get(folder)
        if found is None:
            status = folder.stat()
            own = _label(status, stat.S_IXOTH, stat.S_IXGRP)
            inside = folder != self._top and self._top in folder.parents
            outer = self._around(folder.parent) if inside else PUBLIC
            found = self._of_folder[folder] = _both(own, outer, status.st_uid)
        return found


def _label(status: os.stat_result, everybody: int, group: int) -> str:
    if status.st_mode & everybody:
        return PUBLIC
    return f"group:{_group_name(status.st_gid)}" if status.st_mode & group else f"user:{_user_name(status.st_uid)}"


def _both(own: str, around: str, owner: int) -> str:
    """Who may read what has the label `own` and this owner, in a folder for `around`; "" if no one label says it."""
    if PUBLIC in (own, around) or own == around:
        return around if own == PUBLIC else own
    (kind, name), (other_kind, other) = (label.split(":", 1) if label else ("", "") for label in (own, around))
    if (kind, other_kind) == ("group", "user"):
        return around if other == _user_name(owner) or _is_member(other, name) else ""
    return own if (kind, other_kind) == ("user", "group") and _is_member(name, other) else ""


def _is_member(user: str, group: str) -> bool:
    import grp
    import pwd

    try:
        return grp.getgrnam(group).gr_gid in os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
    except KeyError:
        return False


def _group_name(number: int) -> str:
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _user_name(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
