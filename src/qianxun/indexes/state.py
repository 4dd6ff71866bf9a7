"""The folder of an index: which files are the committed ones, and how another process learns of new ones.

    <directory>/state.json            what is committed; replaced atomically, so it is the commit
    <directory>/<generation>/…        the files it names, never changed once named

A file is written, synced, and only then named by a new `state.json`; what no longer is named is deleted
after that. So a crash at any moment leaves the last commit, and a reader sees one commit or the next.
`state.json` keeps each file's length, CRC-32 and time, by which damage is found when the file is
opened. This module knows no engine and not what the files mean.
"""

import contextlib
import errno
import json
import os
import shutil
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import filelock

from qianxun.errors import DiskFull, InputError, StaleIndex, StorageError

# 2: `qianxun.text.fold` brings more words of both scripts to one form, so terms of format 1 would not match.
# 3: words are stemmed in the language of their text, which lexical indexes keep.
# 4: dense indexes keep what each chunk is written in.
FORMAT = 4
STATE_FILE = "state.json"
REMEDY = "Run `qianxun rebuild`."
# Files up to this length are read and checked at every open (2 GB/s: 8 ms); larger ones only when their time
# is not the recorded one, as after any rewriting or a restored backup.
_ALWAYS_READ_BYTES = 16 << 20
_BLOCK_BYTES = 1 << 20
_LOCK_FILE = "building.lock"
_ATTEMPTS = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What a committed file looked like: its length, CRC-32 and modification time."""

    n_bytes: int
    crc32: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class State:
    """A commit. `serial` counts commits of a generation; `detail` is the index's own."""

    generation: str = ""
    revision: int = 0
    serial: int = 0
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)


class IndexFolder:
    """Reads and replaces the state of one index.

    `fresh` begins a new generation: until its first commit, `state` is empty and what is committed on
    disk is neither read nor touched. Raises StaleIndex if `state.json` is unreadable, of an unknown
    format, or of another fingerprint.
    """

    def __init__(self, directory: Path, *, name: str, fingerprint: str, read_only: bool, fresh: bool) -> None:
        self.directory = directory
        self.name = name
        self.fingerprint = fingerprint
        self.read_only = read_only
        self.detached = fresh
        # Held while refreshing and loading: threads share an index, and the second must not use half of the first's.
        self.guard = threading.RLock()
        self.state = State()
        self._seen: tuple[int, int, int] | None = None
        self._lock: filelock.BaseFileLock | None = None
        if not fresh:
            self.refresh()

    @property
    def generation(self) -> Path:
        """The folder of the files of `state`."""
        return self.directory / self.state.generation

    def refresh(self) -> bool:
        """Reads `state.json` if it was replaced since; True if so. About 2 µs when it was not."""
        if self.detached:
            return False
        path = self.directory / STATE_FILE
        try:
            if _signature(os.stat(path)) == self._seen:  # noqa: PTH116 (Path.stat costs three times as much)
                return False
            with path.open("rb") as file:
                seen = _signature(os.fstat(file.fileno()))
                data = file.read()
        except FileNotFoundError:
            if self._seen is None:
                return False
            self._seen, self.state = None, State()
            return True
        self.state, self._seen = self._parsed(data, path), seen
        return True

    def _parsed(self, data: bytes, path: Path) -> State:
        try:
            values = json.loads(data)
            if values["format"] != FORMAT:
                raise StaleIndex(
                    "Index {name}: {path} has format {seen}; this version reads {known}.",
                    remedy=REMEDY,
                    name=self.name,
                    path=path,
                    seen=values["format"],
                    known=FORMAT,
                )
            if values["fingerprint"] != self.fingerprint:
                raise StaleIndex(
                    "Index {name}: {path} was made with another encoder ({seen}, now {fingerprint}).",
                    remedy=REMEDY,
                    name=self.name,
                    path=path,
                    seen=values["fingerprint"],
                    fingerprint=self.fingerprint,
                )
            if zlib.crc32(_canonical({k: v for k, v in values.items() if k != "crc32"})) != values["crc32"]:
                raise ValueError("its checksum does not match")
            return State(
                generation=values["generation"],
                revision=values["revision"],
                serial=values["serial"],
                files={name: FileRecord(*record) for name, record in values["files"].items()},
                detail=values["detail"],
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self.stale(path, repr(error)) from error

    def stale(self, path: Path | str, problem: object) -> StaleIndex:
        """The error for a file that is missing or damaged."""
        return StaleIndex(
            "Index {name}: {path} is missing or damaged ({problem}).",
            remedy=REMEDY,
            name=self.name,
            path=path,
            problem=problem,
        )

    def load(self, opened: Callable[[State], T]) -> T:
        """What `opened` makes of the committed files; again with the new state if they were replaced meanwhile.

        Whatever else goes wrong while opening is damage: raises StaleIndex.
        """
        for _ in range(_ATTEMPTS):
            try:
                return opened(self.state)
            except (DiskFull, MemoryError):
                raise
            except Exception as error:
                # A writer may have deleted the files between our reading the state and opening them.
                if not self.refresh():
                    self._seen = (0, 0, 0)  # so that the next search tries again instead of using what it had
                    if isinstance(error, StaleIndex):
                        raise
                    path = getattr(error, "filename", None) or self.generation
                    raise self.stale(path, str(error) or type(error).__name__) from error
        raise self.stale(self.generation, "replaced again and again")

    def check(self, name: str) -> Path:
        """The path of a committed file after a look at its length and, if that is quick or needed, its CRC-32."""
        path, record = self.generation / name, self.state.files[name]
        status = path.stat()
        if status.st_size != record.n_bytes:
            raise self.stale(path, f"{status.st_size} bytes, expected {record.n_bytes}")
        quick = record.n_bytes <= _ALWAYS_READ_BYTES
        if (quick or status.st_mtime_ns != record.mtime_ns) and crc32_of(path) != record.crc32:
            raise self.stale(path, "its checksum does not match")
        return path

    def verify(self) -> None:
        """Reads every committed file to the last byte. Raises StaleIndex for the first damaged one."""
        for name, record in self.state.files.items():
            path = self.check(name)
            if crc32_of(path) != record.crc32:
                raise self.stale(path, "its checksum does not match")

    def begin(self) -> Path:
        """The folder to write new files to, made if need be. Raises InputError when opened read only."""
        if self.read_only:
            raise InputError("Index {name} at {path} was opened read only.", name=self.name, path=self.directory)
        if self.state.generation:
            return self.generation
        with self.writing():
            self.directory.mkdir(parents=True, exist_ok=True)
            # Two generations may be written at once (a rebuild beside an add): mkdir decides who has which number.
            number = 1 + max((int(p.name) for p in self.directory.iterdir() if p.name.isdigit()), default=0)
            while True:
                generation = self.directory / f"{number:06d}"
                try:
                    generation.mkdir()
                    break
                except FileExistsError:
                    number += 1
            # Held as long as this generation is not committed, so that another writer does not take it for a leftover.
            self._lock = filelock.FileLock(generation / _LOCK_FILE)
            self._lock.acquire(blocking=False)
        self.state = State(generation=generation.name)
        return generation

    def commit(self, revision: int, files: Mapping[str, FileRecord], detail: Mapping[str, Any]) -> None:
        """Makes these files of the generation the committed ones, then deletes what no commit names."""
        generation = self.begin()
        state = State(self.state.generation, revision, self.state.serial + 1, dict(files), dict(detail))
        values = {
            "generation": state.generation,
            "revision": revision,
            "fingerprint": self.fingerprint,
            "format": FORMAT,
            "serial": state.serial,
            "files": {name: [r.n_bytes, r.crc32, r.mtime_ns] for name, r in files.items()},
            "detail": state.detail,
        }
        values["crc32"] = zlib.crc32(_canonical(values))
        path = self.directory / STATE_FILE
        temporary = path.with_suffix(".json.new")
        with self.writing():
            sync_folder(generation)
            write_file(temporary, [_canonical(values)])
            seen = _signature(temporary.stat())
            with self.guard:  # a thread that searches meanwhile must not take this for another process's commit
                temporary.replace(path)
                self.state, self._seen, self.detached = state, seen, False
            sync_folder(self.directory)
        if self._lock is not None:
            self._lock.release()
            self._lock = None
            (generation / _LOCK_FILE).unlink(missing_ok=True)
        self._sweep()

    def tidy(self) -> None:
        """Deletes what is in the generation and not committed. Readers that have such a file open keep it."""
        for path in self.generation.iterdir():
            if path.name not in self.state.files:
                with contextlib.suppress(OSError):  # Windows: still open in a reader; the next commit tries again
                    path.unlink()

    def _sweep(self) -> None:
        for leftover in self.directory.iterdir():
            if leftover.is_dir() and leftover.name.isdigit() and leftover.name != self.state.generation:
                lock = filelock.FileLock(leftover / _LOCK_FILE)
                try:
                    lock.acquire(blocking=False)
                except (filelock.Timeout, OSError):
                    continue  # being built now; or, on Windows, still open in a reader: the next commit tries again
                # Deleting the lock file first would let a third process think it holds the folder.
                shutil.rmtree(leftover, ignore_errors=True)
                lock.release()

    def forget(self) -> None:
        """The next refresh reads the state anew."""
        if not self.detached:
            self._seen, self.state = (0, 0, 0), State()

    def abandon(self) -> None:
        """Deletes a generation that was begun and never committed."""
        if self._lock is not None:
            shutil.rmtree(self.generation, ignore_errors=True)
            self._lock.release()
            self._lock = None
            self.state = State()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turns the system's refusals to write into ours."""
        try:
            yield
        except OSError as error:
            kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
            raise kind(
                "Index {name}: cannot write {path}: {error}.",
                remedy="Make room or mend the rights, and run the command again.",
                name=self.name,
                path=error.filename or self.directory,
                error=error.strerror or error,
            ) from error


def write_file(path: Path, pieces: Iterable[bytes | memoryview]) -> FileRecord:
    """Writes the pieces one after the other and syncs; the record for the state."""
    crc = 0
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            crc = zlib.crc32(piece, crc)
        file.flush()
        os.fsync(file.fileno())
        status = os.fstat(file.fileno())
    return FileRecord(status.st_size, crc, status.st_mtime_ns)


def record_of(path: Path, *, sync: bool = False) -> FileRecord:
    """The record of a file that an engine wrote."""
    if sync:
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    status = path.stat()
    return FileRecord(status.st_size, crc32_of(path), status.st_mtime_ns)


def crc32_of(path: Path) -> int:
    """The CRC-32 of a file's bytes, read in blocks so that memory stays small."""
    crc = 0
    block = bytearray(_BLOCK_BYTES)
    view = memoryview(block)
    with path.open("rb", buffering=0) as file:
        while n := file.readinto(block):
            crc = zlib.crc32(view[:n], crc)
    return crc


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable. Windows cannot, and need not: NTFS logs them."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _signature(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _canonical(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
