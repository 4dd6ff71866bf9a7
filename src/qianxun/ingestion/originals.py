"""The files that documents were read from: those handed over are kept, those on the disk are where they are."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from qianxun.documents import reading
from qianxun.errors import NotFound
from qianxun.records import Document
from qianxun.sources.addresses import is_address
from qianxun.storage.reindex import Keeping, Progress, Report, silent
from qianxun.storage.store import Store

_PIECE_BYTES: Final = 1 << 20
# Opening a pipe would wait for who writes into it.
_READING: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes that a document was read from, from the beginning. `name` is the file's own, without folders."""

    name: str
    size: int
    digest: str
    stream: BinaryIO


def keep_originals(keeping: Keeping, files: Mapping[str, Path], progress: Report = silent) -> int:
    """Keeps the bytes of files that were added by these names, for as long as a document has them.

    Returns how many are kept; files that are gone are left out. May be repeated. Raises StorageError, DiskFull.
    """
    kept = 0
    for done, path in enumerate(files.values(), 1):
        if not path.is_file():
            continue
        digest = reading.file_digest(path)
        with keeping.write.held():
            kept += keeping.store.originals.keep(digest, path)
        progress(Progress("keeping", done, len(files)))
    with keeping.write.held():
        keeping.store.originals.work_off()
    return kept


def open_original(store: Store, document: Document) -> Original:
    """The file that a document was read from. Raises NotFound where it is not kept, or is not what it was."""
    name = PurePosixPath(document.source.replace("\\", "/")).name
    if document.digest and store.originals.has(document.digest):
        found = _opened(store.originals.path(document.digest), name, document.digest, check=False)
    elif document.digest and not is_address(document.source) and os.path.isabs(document.source):  # noqa: PTH117 (a name)
        found = _opened(Path(document.source), name, document.digest, check=True)
    else:
        found = None
    if found is None:
        raise NotFound(
            "The original file of document {id} is not kept.",
            remedy="Files that are uploaded are; of others the text is, as `qianxun show {id} --text` prints it.",
            id=document.id,
        )
    return found


def _opened(path: Path, name: str, digest: str, *, check: bool) -> Original | None:
    """A file with these bytes; None if there is none. What is looked at is what is handed out, whoever changes it."""
    try:
        descriptor = os.open(path, _READING)
    except OSError:
        return None
    stream = os.fdopen(descriptor, "rb")
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and (not check or _digest(stream) == digest):
        return Original(name, status.st_size, digest, stream)
    stream.close()
    return None


def _digest(stream: BinaryIO) -> str:
    found = hashlib.sha256()
    while piece := stream.read(_PIECE_BYTES):
        found.update(piece)
    stream.seek(0)
    return found.hexdigest()
