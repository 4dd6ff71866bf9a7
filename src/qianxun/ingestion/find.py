"""Paths to the files that `add` reads: walks folders, skips what the settings say, names what it cannot enter."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from qianxun.errors import InputError, NotFound


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to read. `named` is True when the caller named the file itself, not a folder around it."""

    path: Path
    named: bool


@dataclass(frozen=True, slots=True)
class Unenterable:
    """A folder that could not be listed, and why."""

    path: Path
    reason: str


def absolute(path: str | Path) -> Path:
    """The path as sources are named: absolute, `~` and `..` resolved, symbolic links kept."""
    if not str(path).strip():
        raise InputError("An empty path was given.", remedy="Name a file or a folder; `.` is the one you are in.")
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 (resolve() follows links)


def source_of(path: Path) -> str:
    """The path as the name of a source. Bytes that are no UTF-8 (old file names) are written as `\\xNN`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def find_files(paths: Sequence[Path], *, ignore: Sequence[str], without: Path) -> Iterator[FoundFile | Unenterable]:
    """Every file at or below the paths, sorted within a folder, each once.

    Skips names that match `ignore` and the folder `without` (the knowledge base itself). Raises
    NotFound for a path that is not there.
    """
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise NotFound("There is no file or folder at {path}.", remedy="Check the spelling of the path.", path=path)
    seen: set[Path] = set()
    for path in paths:
        for found in _below(path, ignore, without) if path.is_dir() else [FoundFile(path, named=True)]:
            if found.path not in seen:
                seen.add(found.path)
                yield found


def _below(folder: Path, ignore: Sequence[str], without: Path) -> Iterator[FoundFile | Unenterable]:
    unenterable: list[Unenterable] = []

    def cannot_enter(error: OSError) -> None:
        unenterable.append(Unenterable(Path(error.filename), error.strerror or str(error)))

    for here, folders, names in os.walk(folder, onerror=cannot_enter):
        yield from unenterable
        unenterable.clear()
        folders[:] = sorted(name for name in folders if not _ignored(name, ignore) and Path(here, name) != without)
        for name in sorted(names):
            path = Path(here, name)
            # Pipes, sockets and dangling links are no documents; reading a pipe would wait for ever.
            if not _ignored(name, ignore) and path.is_file():
                yield FoundFile(path, named=False)
    yield from unenterable


def _ignored(name: str, ignore: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in ignore)
