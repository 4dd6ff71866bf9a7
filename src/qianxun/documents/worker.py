"""What a parsing process does: takes jobs from its standard input, writes events to its standard output.

Runs only as a process started by `reading`. It may be killed at any moment, it dies with its parent,
and it never writes a file. Events travel as plain tuples: see `reading._event`.
"""

import contextlib
import marshal
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from qianxun.documents.clean import one_line
from qianxun.documents.dedupe import near_hash, text_hash
from qianxun.documents.reading import loader_for, printable
from qianxun.documents.split import indexed_text, split
from qianxun.errors import QianxunError, UnreadableDocument
from qianxun.records import MAX_CHUNKS_PER_DOCUMENT, Block, Chunk, Part, RawDocument, Span, Status
from qianxun.settings import SplittingSettings

_MESSAGE_CHARS: Final = 1 << 17
_MESSAGE_SECONDS: Final = 0.1

Plain = tuple[Any, ...]


def main() -> None:
    """Serves jobs until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Ours are copies; whatever a library prints or reads goes nowhere.
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    max_memory_mb, max_file_mb, max_tokens, overlap = _read(jobs)
    _limit_memory(max_memory_mb)
    _send(answers, "ready")
    os.dup2(nowhere, 2)
    splitting = SplittingSettings(max_tokens=max_tokens, overlap_sentences=overlap)
    reader = _FileReader(splitting, max_memory_mb, max_file_mb)
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_take_jobs, args=(jobs, waiting), daemon=True).start()
    outbox = _Outbox(answers)
    while True:
        alone, numbered = waiting.get()
        for number, path in numbered:
            outbox.begin(number)
            for event in reader.events(Path(os.fsdecode(path))):
                outbox.add(event, may_send=alone)
            outbox.end()
            if reader.exhausted:
                # What is left of a parse that ran out of memory is not worth trusting: a new process goes on.
                outbox.send()
                os._exit(0)
        outbox.send()


def _take_jobs(jobs: BinaryIO, waiting: "queue.SimpleQueue[Any]") -> None:
    while True:
        message = _read(jobs)
        if message is None:  # the parent closed the pipe or is gone; nobody wants what is being parsed
            os._exit(1)
        waiting.put(message)


class _Outbox:
    """Collects events and sends them when they are many or old, so small files share a message."""

    def __init__(self, answers: BinaryIO) -> None:
        self.answers = answers
        self.message: list[tuple[int, list[Plain]]] = []
        self.chars = 0
        self.number = 0
        self.sent_at = time.monotonic()

    def begin(self, number: int) -> None:
        self.number = number
        self.message.append((number, []))

    def add(self, event: Plain, *, may_send: bool) -> None:
        self.message[-1][1].append(event)
        if event[0] == "part":
            self.chars += len(event[2]) + 64 * len(event[3])
        if may_send and event[0] != "ended" and self._is_due():
            self.send()
            self.message.append((self.number, []))

    def end(self) -> None:
        if self._is_due():
            self.send()

    def _is_due(self) -> bool:
        return self.chars >= _MESSAGE_CHARS or time.monotonic() - self.sent_at >= _MESSAGE_SECONDS

    def send(self) -> None:
        message = [(number, events) for number, events in self.message if events]
        if message:
            _send(self.answers, message)
        self.message = []
        self.chars = 0
        self.sent_at = time.monotonic()


class _FileReader:
    """Files to plain events. `exhausted` after a file needed more memory than there may be."""

    def __init__(self, splitting: SplittingSettings, max_memory_mb: int, max_file_mb: int) -> None:
        self.splitting = splitting
        self.max_memory_mb = max_memory_mb
        self.max_file_mb = max_file_mb
        self.exhausted = False

    def events(self, path: Path) -> Iterator[Plain]:
        try:
            yield from self._read(path)
        except MemoryError:
            self.exhausted = True
            yield _failed(
                UnreadableDocument(
                    "{path} needs more than {mb} MB of memory to read.",
                    remedy="Raise reading.max_memory_mb, or split the file.",
                    path=path,
                    mb=self.max_memory_mb,
                )
            )
        except QianxunError as error:
            yield _failed(error)
        except FileNotFoundError:
            yield _failed(UnreadableDocument("{path} does not exist (any more).", remedy="Check the path.", path=path))
        except PermissionError:
            yield _failed(
                UnreadableDocument(
                    "{path} may not be read by this user.", remedy="Give read permission to it.", path=path
                )
            )
        except OSError as error:
            yield _failed(
                UnreadableDocument(
                    "{path} cannot be read from the disk: {error}.",
                    remedy="Check the disk or the network share.",
                    path=path,
                    error=error.strerror or str(error),
                )
            )
        except RecursionError:
            yield _failed(
                UnreadableDocument(
                    "{path} is nested too deeply to read.", remedy="Open it and save it again.", path=path
                )
            )
        except Exception as error:  # a parser's own bug on a strange file: the file is set aside, the run goes on
            yield _failed(
                UnreadableDocument(
                    "{path} cannot be read: {error}.",
                    remedy="The file is probably damaged: open it and save it again.",
                    path=path,
                    error=f"{type(error).__name__}: {str(error)[:200]}".rstrip(". "),
                )
            )

    def _read(self, path: Path) -> Iterator[Plain]:
        loader = loader_for(path)
        if path.is_dir():
            raise UnreadableDocument("{path} is a folder.", remedy="Name the files in it.", path=path)
        size = path.stat().st_size
        if not path.is_file():
            raise UnreadableDocument("{path} is not a regular file.", remedy="Copy its content to a file.", path=path)
        if size > self.max_file_mb * 1_000_000:
            raise UnreadableDocument(
                "{path} is {size:.0f} MB; files above {mb} MB are not read.",
                remedy="Raise reading.max_file_mb, or split the file.",
                path=path,
                size=size / 1e6,
                mb=self.max_file_mb,
            )
        if size == 0:
            yield _ended(Status.EMPTY, UnreadableDocument("{path} is an empty file.", path=path))
            return
        documents = iter(loader.load(path))
        raw = next(documents, None)
        if raw is None:
            yield _ended(Status.EMPTY, UnreadableDocument("{path} has no text in it.", path=path))
            return
        yield ("opened", one_line(raw.title) or printable(path.stem), raw.format, raw.pages)
        ended = yield from self._document(raw, path)
        if next(documents, None) is not None:
            raise UnreadableDocument(
                "{path} holds more than one document.", remedy="Unpack it and add the files.", path=path
            )
        yield ended

    def _document(self, raw: RawDocument, path: Path) -> Generator[Plain, None, Plain]:
        """Yields the parts, returns the end."""
        pages: set[int] = set()
        n_chunks = 0
        for part in split(_noting_pages(raw, pages), self.splitting):
            n_chunks += len(part.chunks)
            if n_chunks > MAX_CHUNKS_PER_DOCUMENT:
                raise UnreadableDocument(
                    "{path} has more than {n} chunks.", remedy="Split the file.", path=path, n=MAX_CHUNKS_PER_DOCUMENT
                )
            yield _part(part)
        if n_chunks == 0 and raw.pages:
            error = UnreadableDocument(
                "{path} has no text on its one page (a scanned page?)."
                if raw.pages == 1
                else "{path} has no text in its {pages} pages (scanned pages?).",
                remedy="Run text recognition (OCR) over it first.",
                path=path,
                pages=raw.pages,
            )
            return _ended(Status.ATTENTION, error)
        if n_chunks == 0:
            return _ended(Status.EMPTY, UnreadableDocument("{path} has no text in it.", path=path))
        n_empty = (raw.pages or 0) - len(pages)
        # A blank page or two is how books are printed; more are pictures of text, and their text is not here.
        if pages and n_empty > 2 and n_empty > 0.1 * (raw.pages or 0):
            error = UnreadableDocument(
                "{path}: {n} of {pages} pages have no text (scanned pages?).",
                remedy="Run text recognition (OCR) over it first.",
                path=path,
                n=n_empty,
                pages=raw.pages,
            )
            return _ended(Status.READY, error)
        return ("ended", Status.READY.value, "")


def _noting_pages(raw: RawDocument, pages: set[int]) -> Iterator[Block]:
    for block in raw.blocks:
        if block.page is not None:
            pages.add(block.page)
        yield block


def _failed(error: QianxunError) -> Plain:
    return _ended(Status.FAILED, error)


def _ended(status: Status, error: QianxunError) -> Plain:
    return ("ended", status.value, printable(str(error)))


def _part(part: Part) -> Plain:
    texts = [part.text_of(i) for i in range(len(part.chunks))]
    return (
        "part",
        part.start,
        part.text,
        tuple(map(_chunk, part.chunks)),
        part.contexts,
        tuple(text_hash(indexed_text(context, text)) for context, text in zip(part.contexts, texts, strict=True)),
        tuple(map(near_hash, texts)),
    )


def _chunk(chunk: Chunk) -> Plain:
    header = _pair(chunk.header) if chunk.header else None
    headings = tuple(map(_pair, chunk.headings))
    return (chunk.ordinal, chunk.span.start, chunk.span.end, headings, header, chunk.page, chunk.location)


def _pair(span: Span) -> tuple[int, int]:
    return span.start, span.end


def _limit_memory(max_memory_mb: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    limit = max_memory_mb * 1_000_000
    # RLIMIT_DATA counts what is written to, not what is merely mapped; Linux counts all private memory by it.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(stream: BinaryIO) -> Any:
    length = stream.read(8)
    if len(length) < 8:
        return None
    return marshal.loads(stream.read(int.from_bytes(length, "little")))


def _send(stream: BinaryIO, message: Any) -> None:
    data = marshal.dumps(message)
    try:
        stream.write(len(data).to_bytes(8, "little"))
        stream.write(data)
        stream.flush()
    except OSError:
        os._exit(1)  # the parent is gone
