"""Files to texts, read as `add` reads them: in worker processes, archives with what is in them. Stores nothing.

What was done before and is unchanged is not read again: who calls says so of a file's digest. A file that holds others
is always read: what is in it is not known before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from qianxun.documents import reading
from qianxun.documents.reading import MemberEnded, Opened, PartRead, ReadJob
from qianxun.documents.registry import may_hold_files, supported_suffixes
from qianxun.errors import InputError
from qianxun.extraction.records import Material, Unread
from qianxun.files import MEMBER
from qianxun.records import Status
from qianxun.settings import Settings
from qianxun.sources.addresses import is_address
from qianxun.sources.find import FoundFile, absolute, find_files, source_of

_NOWHERE: Final = Path("\0")


@dataclass(frozen=True, slots=True)
class Listing:
    """Files to read, and folders that could not be looked into, with the reason."""

    files: tuple[Path, ...]
    unread: tuple[Unread, ...] = ()
    skipped: int = 0


def list_files(paths: Sequence[str | Path], settings: Settings) -> Listing:
    """The files at and below the paths, as `add` finds them. Raises NotFound, InputError for an address."""
    for path in paths:
        if is_address(path):
            raise InputError(
                "{address} is no file: values are drawn out of files.",
                remedy="Add it to a knowledge base, and name the document's id with --kb-documents.",
                address=path,
            )
    readable = supported_suffixes(pictures=settings.reading.ocr != "off")
    files: list[Path] = []
    unread: list[Unread] = []
    n_skipped = 0
    for found in find_files([absolute(path) for path in paths], reading=settings.reading, without=_NOWHERE):
        if not isinstance(found, FoundFile):
            unread.append(Unread(source_of(found.path), found.reason))
        elif found.named or found.path.suffix.lower() in readable:
            files.append(found.path)
        else:
            n_skipped += 1
    return Listing(tuple(files), tuple(unread), n_skipped)


@dataclass(frozen=True, slots=True)
class FileDone:
    """Nothing more comes of this file. `digest` where it was not read, since it is known."""

    source: str
    digest: str = ""


@dataclass(slots=True)
class _Text:
    opened: Opened
    pieces: list[str] = field(default_factory=list)


def read_files(
    jobs: Sequence[ReadJob], settings: Settings, is_known: Callable[[str, str], bool] = lambda source, digest: False
) -> Iterator[Material | Unread | FileDone]:
    """The documents in these files as they are read, each file ended by a `FileDone`.

    `is_known(source, digest)` says that a document need not be read. Closing the generator ends the workers.
    """
    digests: dict[str, str] = {}
    known: list[FileDone] = []

    def wanted() -> Iterator[ReadJob]:
        for job in jobs:
            digests[job.source] = _digest(job.path, settings.reading.max_file_mb)
            if not may_hold_files(job.source) and is_known(job.source, digests[job.source]):
                known.append(FileDone(job.source, digests[job.source]))
            else:
                yield job

    texts: dict[tuple[str, str], _Text] = {}
    for message in reading.read_all(wanted(), settings.reading, settings.splitting):
        while known:
            yield known.pop(0)
        source = message.job.source
        for event in message.events:
            if isinstance(event, Opened):
                texts[source, event.member] = _Text(event)
            elif isinstance(event, PartRead):
                texts[source, event.member].pieces.append(event.part.text)
            elif isinstance(event, MemberEnded):
                if event.status is not None:
                    read = texts.pop((source, event.member), None)
                    name = f"{source}{MEMBER}{event.member}"
                    yield from _outcome(name, read, event.status, event.reason, event.digest)
            else:
                yield from _outcome(
                    source, texts.pop((source, ""), None), event.status, event.reason, digests.pop(source)
                )
                yield FileDone(source)
    yield from known


def _outcome(source: str, read: _Text | None, status: Status, reason: str, digest: str) -> Iterator[Material | Unread]:
    text = "".join(read.pieces) if read is not None else ""
    if status is Status.READY and read is not None and text.strip():
        yield Material(source, text, digest, read.opened.title, reason)
    elif status is not Status.READY:
        yield Unread(source, reason, digest)


def _digest(path: Path, max_mb: int) -> str:
    """ "" where the bytes cannot be read, or are too many: the worker says so."""
    try:
        if not path.is_file() or path.stat().st_size > max_mb << 20:
            return ""
        return reading.file_digest(path)
    except OSError:
        return ""


def texts_of_files(paths: Sequence[str | Path], settings: Settings) -> tuple[list[str], list[Unread]]:
    """The texts of these files, and what holds none or could not be read. Raises NotFound, InputError."""
    listing = list_files(paths, settings)
    texts: list[str] = []
    unread = list(listing.unread)
    for path in listing.files:
        read = [one for one in read_files(jobs_of([path]), settings) if not isinstance(one, FileDone)]
        texts += [one.text for one in read if isinstance(one, Material)]
        unread += [one for one in read if isinstance(one, Unread)] or ([] if read else [Unread(source_of(path), "")])
    return texts, unread


def jobs_of(files: Sequence[Path]) -> list[ReadJob]:
    """The files as they are read, named as sources are."""
    return [ReadJob(source_of(path), path) for path in files]
