"""Paths to the files that `add` reads: walks folders, skips what the settings say, names what it cannot enter."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from qianxun.errors import InputError, NotFound
from qianxun.settings import ReadingSettings
from qianxun.sources.patterns import Rules, is_ignored, read_rules


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


def find_files(paths: Sequence[Path], *, reading: ReadingSettings, without: Path) -> Iterator[FoundFile | Unenterable]:
    """Every file at or below the paths that the settings do not leave out, sorted within a folder, each once.

    Skips names that match `reading.ignore`, what ignore files leave out, below folders what matches nothing of
    `reading.include`, and the folder `without` (the knowledge base itself). Raises NotFound for a path that is not
    there.
    """
    for path in paths:
        if not path.exists() and not path.is_symlink():
            raise NotFound("There is no file or folder at {path}.", remedy="Check the spelling of the path.", path=path)
    seen: set[Path] = set()
    for path in paths:
        for found in _below(path, reading, without) if path.is_dir() else [FoundFile(path, named=True)]:
            if found.path not in seen:
                seen.add(found.path)
                yield found


def _below(top: Path, reading: ReadingSettings, without: Path) -> Iterator[FoundFile | Unenterable]:
    unenterable: list[Unenterable] = []
    rules: dict[Path, tuple[Rules, ...]] = {}
    entered = {top.resolve()}  # by their true names: a link may lead back to where it lies

    def cannot_enter(error: OSError) -> None:
        unenterable.append(Unenterable(Path(error.filename), error.strerror or str(error)))

    def is_wanted(path: Path, known: tuple[Rules, ...], *, is_folder: bool) -> bool:
        if any(fnmatch(path.name, pattern) for pattern in reading.ignore) or path == without:
            return False
        if reading.follow_links == "none" and path.is_symlink():
            return False
        return not is_ignored(path, known, is_folder=is_folder)

    def is_new(folder: Path) -> bool:
        true_name = folder.resolve()
        new = true_name not in entered
        entered.add(true_name)
        return new

    for name, folders, names in os.walk(top, onerror=cannot_enter, followlinks=reading.follow_links == "all"):
        here = Path(name)
        yield from unenterable
        unenterable.clear()
        own = read_rules(here)
        known = (*rules.pop(here, ()), own) if own is not None else rules.pop(here, ())
        kept = [folder for folder in sorted(folders) if is_wanted(here / folder, known, is_folder=True)]
        folders[:] = [folder for folder in kept if reading.follow_links != "all" or is_new(here / folder)]
        rules.update((here / folder, known) for folder in folders)
        for file in sorted(names):
            path = here / file
            # Pipes, sockets and dangling links are no documents; reading a pipe would wait for ever.
            if is_wanted(path, known, is_folder=False) and _is_included(path, top, reading) and path.is_file():
                yield FoundFile(path, named=False)
    yield from unenterable


def _is_included(path: Path, top: Path, reading: ReadingSettings) -> bool:
    """Whether a file below a named folder matches a pattern of `include`, by its name or its path from there."""
    if not reading.include:
        return True
    below = path.relative_to(top).as_posix()
    return any(fnmatch(path.name, pattern) or fnmatch(below, pattern) for pattern in reading.include)
