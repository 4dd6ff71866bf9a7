"""Which of the listed documents must be read, and their bytes: fetched some ahead, in order, and deleted afterwards.

What is kept with the version that is listed now is not fetched. Bytes that come over a network lie in a folder of
the knowledge base that only its owner may enter, for as long as a worker reads them.
"""

import logging
import shutil
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from qianxun.documents import reading
from qianxun.documents.reading import ReadJob
from qianxun.documents.registry import supported_suffixes
from qianxun.errors import QianxunError, SourceError
from qianxun.files import RawFile
from qianxun.ingestion.run import Facts, Root, Run, inside, keep, relabel, skip
from qianxun.ingestion.write import set_aside
from qianxun.protocols import Listed, Source
from qianxun.records import Document, Status
from qianxun.settings import Settings
from qianxun.sources.folder import FolderSource

logger = logging.getLogger(__name__)

# Documents that are looked up in the truth at a time.
FILES_AT_ONCE = 512
FOLDER_NAME: Final = "fetched"
_WAIT_SECONDS: Final = 0.05
_COPY_BYTES: Final = 1 << 20


def erase_fetched(directory: Path) -> None:
    """Deletes what a run that was killed has fetched into this knowledge base. To be called with `ingest` held."""
    shutil.rmtree(directory / FOLDER_NAME, ignore_errors=True)


@contextmanager
def fetching_folder(directory: Path) -> Iterator[Path]:
    """The name of the folder for bytes on their way; it is made when it is needed, and gone afterwards."""
    erase_fetched(directory)
    try:
        yield directory / FOLDER_NAME
    finally:
        erase_fetched(directory)


def wanted(run: Run, roots: list[Root], settings: Settings) -> int:
    """Leaves out files of kinds that are not read, counting them by kind; returns how many documents are left.

    What was named itself is read whatever its name says.
    """
    readable = supported_suffixes(pictures=settings.reading.ocr != "off")
    for root in roots:
        kept = []
        for item in root.listed:
            suffix = item.suffix or PurePosixPath(item.uri).suffix.lower()
            if item.uri != root.address and not root.passing and suffix not in readable:
                skip(run, suffix)
            else:
                kept.append(item)
        root.listed = kept
    return sum(len(root.listed) for root in roots)


@dataclass(frozen=True, slots=True)
class _Fetched:
    file: RawFile
    digest: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A document that must be fetched, or looked at on the disk, before it is known whether it must be read."""

    root: Root
    item: Listed
    known: Document | None
    fetched: "Future[_Fetched] | None"


def jobs(run: Run, roots: list[Root], settings: Settings, folder: Path, retry: bool) -> Iterator[ReadJob | None]:
    """The documents that must be read, in order; None while the next one is still on its way. The rest is counted."""
    concurrency = settings.sources.concurrency
    threads: ThreadPoolExecutor | None = None
    waiting: deque[_Waiting] = deque()
    try:
        for item, root, known in _in_blocks(run, roots):
            if _is_kept(run, root, item, known, retry):
                continue
            future = None
            if not root.is_folder:
                if threads is None:
                    folder.mkdir(mode=0o700, exist_ok=True)
                    threads = ThreadPoolExecutor(concurrency, thread_name_prefix="qianxun-fetch")
                future = threads.submit(_fetched, root.source, item.uri, folder)
            waiting.append(_Waiting(root, item, known, future))
            while len(waiting) >= (1 if root.is_folder else 2 * concurrency):
                yield from _next(run, waiting, settings, retry)
        while waiting:
            yield from _next(run, waiting, settings, retry)
    finally:
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


def _in_blocks(run: Run, roots: list[Root]) -> Iterator[tuple[Listed, Root, Document | None]]:
    """Every listed document, with what is kept of it; labels that its source gives are put in force at once."""
    for root in roots:
        for first in range(0, len(root.listed), FILES_AT_ONCE):
            block = root.listed[first : first + FILES_AT_ONCE]
            known = run.keeping.store.by_source([item.uri for item in block])
            for item in block:
                run.roots[item.uri] = root
                if item.labels is not None:
                    run.exact[item.uri] = item.labels
                    if item.uri in known:
                        relabel(run, [known[item.uri], *inside(run, item.uri)], item.labels)
                yield item, root, known.get(item.uri)


def _is_kept(run: Run, root: Root, item: Listed, known: Document | None, retry: bool) -> bool:
    """Whether what is kept is what is listed, without looking at the bytes."""
    if root.is_folder or known is None or not item.version or known.stamp != item.version:
        return False
    return _keep_all(run, known, retry)


def _keep_all(run: Run, known: Document, retry: bool) -> bool:
    """Keeps a document and those inside its file, unless one is to be tried again; returns whether it does."""
    members = inside(run, known.source)
    if retry and any(document.state is not Status.READY for document in (known, *members)):
        return False
    for document in (known, *members):
        keep(run, document, known.source, relabelled=known.source in run.exact)
    run.kept += 1
    _done_with(run, known.source)
    return True


def _next(run: Run, waiting: "deque[_Waiting]", settings: Settings, retry: bool) -> Iterator[ReadJob | None]:
    """The job of the first that waits, if it must be read."""
    first = waiting[0]
    while first.fetched is not None and not first.fetched.done():
        wait([first.fetched], timeout=_WAIT_SECONDS)
        if not first.fetched.done():
            yield None
    waiting.popleft()
    root, item, known = first.root, first.item, first.known
    if first.fetched is None:
        assert isinstance(root.source, FolderSource)
        path = root.source.path_of(item.uri)
        facts = Facts()
        with suppress(OSError):  # the worker says why it cannot be read, in the same words as for any other file
            facts = _facts_on_disk(path, item, known, settings.reading.max_file_mb)
        job = ReadJob(item.uri, path)
    else:
        try:
            found = first.fetched.result()
        except Exception as error:  # a source's own bug costs one document, as a parser's does
            run.known.update({item.uri: known} if known is not None else {})
            set_aside(run, item.uri, reading.printable(str(_as_source_error(error, item.uri))))
            run.kept += 1
            _done_with(run, item.uri)
            return
        file = found.file
        assert file.path is not None
        run.fetched[item.uri] = file.path
        facts = Facts(found.digest, item.modified, item.version)
        if (
            item.uri != root.address
            and not root.passing
            and file.suffix not in supported_suffixes(pictures=settings.reading.ocr != "off")
        ):
            skip(run, file.suffix)
            run.kept += 1
            _delete(run, item.uri)
            _done_with(run, item.uri)
            return
        job = ReadJob(item.uri, file.path, file.suffix, file.charset)
    if facts.digest and known is not None and known.digest == facts.digest:
        if facts.stamp != known.stamp:
            run.stamps[known.id] = facts.stamp
        if _keep_all(run, known, retry):
            _delete(run, item.uri)
            return
    run.facts[item.uri] = facts
    if known is not None:
        run.known[item.uri] = known
    yield job


def ended(run: Run, source: str) -> None:
    """A document was read: its bytes are not needed any more."""
    _delete(run, source)
    _done_with(run, source)


def _delete(run: Run, source: str) -> None:
    path = run.fetched.pop(source, None)
    if path is not None:
        path.unlink(missing_ok=True)


def _done_with(run: Run, source: str) -> None:
    run.roots.pop(source, None)
    run.exact.pop(source, None)


def _facts_on_disk(path: Path, item: Listed, known: Document | None, max_mb: int) -> Facts:
    """Digest, time and stamp of a file; its bytes are read only if the file system does not say that they are the same.

    What is no file or too large is left to the worker, who says so: reading a pipe would wait for ever.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > max_mb << 20:
        return Facts()
    if known is not None and known.digest and item.version and known.stamp == item.version:
        return Facts(known.digest, item.modified, item.version)
    return Facts(reading.file_digest(path), item.modified, item.version)


def _fetched(source: Source, uri: str, folder: Path) -> _Fetched:
    """The bytes of a document in a file of its own. Runs in a thread."""
    file = source.open(uri, folder)
    if file.path is None or file.path.parent != folder:
        file = _copied(file, folder)
    assert file.path is not None
    return _Fetched(file, reading.file_digest(file.path))


def _copied(file: RawFile, folder: Path) -> RawFile:
    import tempfile

    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy, file.open() as stream:
        shutil.copyfileobj(stream, copy, _COPY_BYTES)
    path = Path(copy.name)
    return RawFile(file.name, file.suffix, path.stat().st_size, path, lambda: path.open("rb"), file.charset)


def _as_source_error(error: Exception, uri: str) -> QianxunError:
    if isinstance(error, QianxunError):
        return error
    logger.debug("%s cannot be fetched", uri, exc_info=error)
    return SourceError(
        "{url} cannot be fetched ({error}).",
        remedy="Run the same command again.",
        url=uri,
        error=f"{type(error).__name__}: {str(error)[:200]}".rstrip(". "),
    )
