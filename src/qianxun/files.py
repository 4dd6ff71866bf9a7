"""A file as loaders see it: its bytes, wherever they are. On the disk, or inside another file."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

# Between a file and what is in it, in the name of a source: `mails/2025.zip!letter.docx`.
MEMBER: Final = "!"
HEAD_BYTES: Final = 4096
# What the sources and labels of a conversation's own files begin with, before its token.
OWN_FILES: Final = "conversation:"
_OWN_FILE: Final = re.compile(rf"{OWN_FILES}[0-9a-f]{{32}}/")


def own_name(words: str) -> str:
    """A source, or words with sources in them: files of a conversation by the names that they were sent with."""
    return _OWN_FILE.sub("", words)


def is_own_file(source: str) -> bool:
    """Whether a source is a file of a conversation."""
    return _OWN_FILE.match(source) is not None


@dataclass(frozen=True, slots=True)
class RawFile:
    """What a loader reads. `name` is for people: a path, or `path!member` for a file inside another.

    `suffix` (lower case, with the dot) says what kind of file it is. `path` is where libraries may read it
    themselves, None if it is on no disk. `size` counts bytes.
    `charset` is the encoding named by who delivered the file, a web server for one: believed where the bytes allow it.
    """

    name: str
    suffix: str
    size: int
    path: Path | None = None
    opened: Callable[[], BinaryIO] = field(default=io.BytesIO, repr=False, compare=False)
    charset: str = ""

    @classmethod
    def on_disk(cls, path: Path, name: str = "", suffix: str = "") -> "RawFile":
        """A file on the disk; `name` and `suffix` where they are not the path's own. Raises OSError."""
        return cls(name or str(path), suffix or path.suffix.lower(), path.stat().st_size, path, lambda: path.open("rb"))

    @classmethod
    def of_bytes(cls, name: str, data: bytes) -> "RawFile":
        """A file in memory, named by `name`."""
        return cls(name, PurePosixPath(name).suffix.lower(), len(data), None, lambda: io.BytesIO(data))

    @property
    def stem(self) -> str:
        """Its own name without the suffix, for want of a title."""
        own = self.name.rpartition(MEMBER)[2]
        if own.startswith("git+"):  # `git+https://host/repository.git#path`
            own = own.rpartition("#")[2]
        return PurePosixPath(own.replace("\\", "/")).stem

    def open(self) -> BinaryIO:
        """A new stream of its bytes, which can seek."""
        return self.opened()

    def head(self) -> bytes:
        """Its first bytes: enough to see what it is."""
        with self.open() as stream:
            return stream.read(HEAD_BYTES)

    def read(self) -> bytes:
        """All its bytes."""
        with self.open() as stream:
            return stream.read()

    def member(self, name: str, data: bytes) -> "RawFile":
        """A file found inside this one."""
        return RawFile.of_bytes(f"{self.name}{MEMBER}{name}", data)


def with_outer(source: str) -> list[str]:
    """A source, and every name that would be the file around it: `a!b.zip!c.txt`, `a!b.zip`, `a`.

    More than there are, since names of files may have that sign themselves.
    """
    parts = source.split(MEMBER)
    return [MEMBER.join(parts[:n]) for n in range(len(parts), 0, -1)]


def signature(path: Path) -> tuple[int, int, int] | None:
    """Changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
