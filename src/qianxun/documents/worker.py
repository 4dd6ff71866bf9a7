"""What a parsing process does: takes jobs from its standard input, writes events to its standard output.

Runs only as a process started by `reading`. It may be killed at any moment, it dies with its parent,
and it never writes a file. Events travel as plain tuples: see `reading._event`.
"""

import dataclasses
import hashlib
import io
import marshal
import os
import queue
import signal
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from qianxun.documents import patience
from qianxun.documents.clean import one_line
from qianxun.documents.dedupe import near_hash, text_hash
from qianxun.documents.limits import limit_memory, used_bytes
from qianxun.documents.reading import printable
from qianxun.documents.registry import loader_for, supported_suffixes
from qianxun.documents.split import Measure, indexed_text, measure_of, split
from qianxun.errors import QianxunError, UncertainDocument, UnreadableDocument
from qianxun.files import MEMBER, RawFile
from qianxun.records import MAX_CHUNKS_PER_DOCUMENT, Block, Chunk, Part, RawDocument, Span, Status
from qianxun.settings import ReadingSettings, SplittingSettings

_MESSAGE_CHARS: Final = 1 << 17
_MESSAGE_SECONDS: Final = 0.1

MAX_MEMBERS: Final = 100_000  # of one file on the disk
MAX_DEPTH: Final = 4  # a letter in an archive of letters in an archive

Plain = tuple[Any, ...]


def main() -> None:
    """Serves jobs until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Ours are copies; whatever a library prints or reads goes nowhere.
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    given_reading, given_splitting, tokenizer = _read(jobs)
    reading, splitting = ReadingSettings(**given_reading), SplittingSettings(**given_splitting)
    before = used_bytes()
    measure = measure_of(Path(os.fsdecode(tokenizer)) if tokenizer else None)
    # What a large vocabulary takes is not the files' doing.
    limit_memory(reading.max_memory_mb * 1_000_000 + used_bytes() - before)
    _send(answers, "ready")
    os.dup2(nowhere, 2)
    reader = _FileReader(reading, splitting, measure)
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_take_jobs, args=(jobs, waiting), daemon=True).start()
    outbox = _Outbox(answers)
    patience.listen(outbox.tell)
    while True:
        alone, numbered = waiting.get()
        for number, path, source, suffix, charset, ended in numbered:
            outbox.begin(number)
            for event in reader.events(Path(os.fsdecode(path)), source, suffix, ended, charset):
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
        # That a file inside the file is begun or done with is told at once: if this process dies, they know of what.
        if event[0] in ("begun", "member") or (may_send and event[0] != "ended" and self._is_due()):
            self.send()
            self.message.append((self.number, []))

    def tell(self, event: Plain) -> None:
        """Something of the file being read that is to be known at once."""
        self.message[-1][1].append(event)
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

    def __init__(self, reading: ReadingSettings, splitting: SplittingSettings, measure: Measure) -> None:
        self.reading = reading
        self.measure = measure
        self.splitting = splitting
        self.exhausted = False

    def events(self, path: Path, source: str, suffix: str, ended: Iterable[str], charset: str = "") -> Iterator[Plain]:
        """The events of a file, without those of the files inside it that have `ended` before another worker did."""
        inside = _Inside(frozenset(ended))
        try:
            yield (yield from self._guarded(source, self._file(path, source, suffix, charset, inside)))
        except _Exhausted:
            return

    def _guarded(self, name: str, read: Generator[Plain, None, Plain]) -> Generator[Plain, None, Plain]:
        """The events of a file or of one inside it, and its end, whatever happens. `name` is for people."""
        try:
            return (yield from read)
        except MemoryError:
            self.exhausted = True
            return _failed(
                UnreadableDocument(
                    "{path} needs more than {mb} MB of memory to read.",
                    remedy="Raise reading.max_memory_mb, or split the file.",
                    path=name,
                    mb=self.reading.max_memory_mb,
                )
            )
        except UncertainDocument as error:
            return _ended(Status.ATTENTION, error)
        except QianxunError as error:
            return _ended(Status.FAILED, error)
        except FileNotFoundError:
            return _failed(UnreadableDocument("{path} does not exist (any more).", remedy="Check the path.", path=name))
        except PermissionError:
            return _failed(
                UnreadableDocument(
                    "{path} may not be read by this user.", remedy="Give read permission to it.", path=name
                )
            )
        except OSError as error:
            return _failed(
                UnreadableDocument(
                    "{path} cannot be read from the disk: {error}.",
                    remedy="Check the disk or the network share.",
                    path=name,
                    error=error.strerror or str(error),
                )
            )
        except RecursionError:
            return _failed(
                UnreadableDocument(
                    "{path} is nested too deeply to read.", remedy="Open it and save it again.", path=name
                )
            )
        except Exception as error:  # a parser's own bug on a strange file: the file is set aside, the run goes on
            return _failed(
                UnreadableDocument(
                    "{path} cannot be read: {error}.",
                    remedy="The file is probably damaged: open it and save it again.",
                    path=name,
                    error=f"{type(error).__name__}: {str(error)[:200]}".rstrip(". "),
                )
            )

    def _file(
        self, path: Path, source: str, suffix: str, charset: str, inside: "_Inside"
    ) -> Generator[Plain, None, Plain]:
        """A file on the disk. Yields events, returns the end."""
        if path.is_dir():
            raise UnreadableDocument("{path} is a folder.", remedy="Name the files in it.", path=source)
        size = path.stat().st_size
        if not path.is_file():
            raise UnreadableDocument("{path} is not a regular file.", remedy="Copy its content to a file.", path=source)
        if size > self.reading.max_file_mb * 1_000_000:
            raise UnreadableDocument(
                "{path} is {size:.0f} MB; files above {mb} MB are not read.",
                remedy="Raise reading.max_file_mb, or split the file.",
                path=source,
                size=size / 1e6,
                mb=self.reading.max_file_mb,
            )
        file = dataclasses.replace(RawFile.on_disk(path, source, suffix), charset=charset)
        return (yield from self._loaded(file, "", inside))

    def _loaded(self, file: RawFile, member: str, inside: "_Inside", depth: int = 0) -> Generator[Plain, None, Plain]:
        """What a loader finds in a file: its document, then what is inside it. Yields events, returns the end."""
        loader = loader_for(file)
        if file.size == 0:
            return _ended(Status.EMPTY, UnreadableDocument("{path} is an empty file.", path=file.name))
        ended: Plain | None = None
        n_before = inside.n
        for found in loader.load(file, self.reading):
            if isinstance(found, RawFile):
                yield from self._member(found, file, member, inside, depth)
            elif ended is not None:
                raise UnreadableDocument(
                    "{path} holds more than one document.", remedy="Unpack it and add the files.", path=file.name
                )
            else:
                ended = yield from self._document(found, file, member, inside.digests.get(member, ""))
        if ended is None and inside.n == n_before:
            return _ended(Status.EMPTY, UnreadableDocument("{path} has no text in it.", path=file.name))
        if ended is None:
            title, format_ = printable(file.stem), file.suffix.lstrip(".")
            yield ("opened", title, format_, None, member, inside.digests.get(member, ""))
            return _ended(Status.READY, None)
        return ended

    def _member(
        self, file: RawFile, outer: RawFile, member: str, inside: "_Inside", depth: int
    ) -> Generator[Plain, None, None]:
        """A file inside another, and what is inside that."""
        own = file.name.removeprefix(f"{outer.name}{MEMBER}")
        name = inside.name_for(printable(f"{member}{MEMBER}{own}" if member else own))
        if inside.n > MAX_MEMBERS:
            raise UnreadableDocument(
                "{path} holds more than {n} files.",
                remedy="Unpack it and add the files.",
                path=outer.name,
                n=MAX_MEMBERS,
            )
        if name in inside.ended:
            return
        if file.suffix not in supported_suffixes(pictures=self.reading.ocr != "off"):
            yield ("member", name, "", file.suffix, "")
            return
        yield ("begun", name)
        if depth >= MAX_DEPTH:
            ended = _failed(
                UnreadableDocument(
                    "{path} lies in archives within archives within archives.",
                    remedy="Unpack them and add the files.",
                    path=file.name,
                )
            )
        else:
            ended = yield from self._guarded(file.name, self._unpacked(file, name, inside, depth + 1))
        yield ("member", name, ended[1], ended[2], inside.digests.pop(name, ""))
        if self.exhausted:
            raise _Exhausted

    def _unpacked(self, file: RawFile, name: str, inside: "_Inside", depth: int) -> Generator[Plain, None, Plain]:
        """A file inside another, unpacked once into memory, and read."""
        data = file.read()
        inside.n_bytes += len(data)
        if inside.n_bytes > self.reading.max_unpacked_mb * 1_000_000:
            raise UnreadableDocument(
                "{path} and what came before it are more than {mb} MB unpacked.",
                remedy="Raise reading.max_unpacked_mb, or unpack the file and add what is in it.",
                path=file.name,
                mb=self.reading.max_unpacked_mb,
            )
        inside.digests[name] = hashlib.sha256(data).hexdigest()
        held = dataclasses.replace(file, size=len(data), opened=lambda: io.BytesIO(data))
        return (yield from self._loaded(held, name, inside, depth))

    def _document(self, raw: RawDocument, file: RawFile, member: str, digest: str) -> Generator[Plain, None, Plain]:
        """Yields the parts of a document, returns its end."""
        title = one_line(raw.title) or printable(file.stem)
        yield ("opened", title, raw.format, raw.pages, member, digest)
        pages: set[int] = set()
        n_chunks = 0
        for part in split(_noting_pages(raw, pages), self.splitting, measure=self.measure):
            n_chunks += len(part.chunks)
            if n_chunks > MAX_CHUNKS_PER_DOCUMENT:
                raise UnreadableDocument(
                    "{path} has more than {n} chunks.",
                    remedy="Split the file.",
                    path=file.name,
                    n=MAX_CHUNKS_PER_DOCUMENT,
                )
            yield _part(part, member)
        if n_chunks == 0 and raw.pages:
            error = UnreadableDocument(
                "{path} has no text on its one page (a scanned page?)."
                if raw.pages == 1
                else "{path} has no text in its {pages} pages (scanned pages?).",
                remedy="No text was recognised; reading.ocr_max_pages and reading.max_seconds bound what is looked at."
                if self._recognises()
                else "pip install 'qianxun[ocr]' and `add --retry`, or run text recognition over it first.",
                path=file.name,
                pages=raw.pages,
            )
            return _ended(Status.ATTENTION, error)
        if n_chunks == 0:
            return _ended(Status.EMPTY, UnreadableDocument("{path} has no text in it.", path=file.name))
        shortfall = raw.shortfall()
        if shortfall is not None:
            return _ended(Status.READY, shortfall)
        n_empty = (raw.pages or 0) - len(pages)
        # A blank page or two is how books are printed; more are pictures of text, and their text is not here.
        if pages and n_empty > 2 and n_empty > 0.1 * (raw.pages or 0):
            error = UnreadableDocument(
                "{path}: {n} of {pages} pages have no text (scanned pages?).",
                remedy="No text was recognised; reading.ocr_max_pages and reading.max_seconds bound what is looked at."
                if self._recognises()
                else "pip install 'qianxun[ocr]' and `add --retry`, or run text recognition over it first.",
                path=file.name,
                n=n_empty,
                pages=raw.pages,
            )
            return _ended(Status.READY, error)
        return _ended(Status.READY, None)

    def _recognises(self) -> bool:
        from qianxun.documents.formats.scanned import can_recognise

        return can_recognise(self.reading)


class _Exhausted(BaseException):
    """Memory ran out within a file inside a file: this process reads no more, the next one goes on behind it."""


@dataclass(slots=True)
class _Inside:
    """Files inside a file, theirs included: how many were met, how much they are, the digests of those being read.

    `ended` names those that need not be read.
    """

    ended: frozenset[str]
    n: int = 0
    n_bytes: int = 0
    digests: dict[str, str] = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)

    def name_for(self, name: str) -> str:
        """A name of its own for the next one: an archive may hold two of the same."""
        self.n += 1
        self.names[name] += 1
        same = self.names[name]
        if same == 1:
            return name
        stem, dot, suffix = name.rpartition(".")
        return f"{stem} ({same}){dot}{suffix}" if stem and "/" not in suffix else f"{name} ({same})"


def _noting_pages(raw: RawDocument, pages: set[int]) -> Iterator[Block]:
    for block in raw.blocks:
        if block.page is not None:
            pages.add(block.page)
        yield block


def _failed(error: UnreadableDocument) -> Plain:
    return _ended(Status.FAILED, error)


def _ended(status: Status, error: QianxunError | None) -> Plain:
    return ("ended", status.value, printable(str(error)) if error is not None else "")


def _part(part: Part, member: str) -> Plain:
    texts = [part.text_of(i) for i in range(len(part.chunks))]
    return (
        "part",
        part.start,
        part.text,
        tuple(map(_chunk, part.chunks)),
        part.contexts,
        tuple(text_hash(indexed_text(context, text)) for context, text in zip(part.contexts, texts, strict=True)),
        tuple(map(near_hash, texts)),
        member,
    )


def _chunk(chunk: Chunk) -> Plain:
    header = _pair(chunk.header) if chunk.header else None
    headings = tuple(map(_pair, chunk.headings))
    return (chunk.ordinal, chunk.span.start, chunk.span.end, headings, header, chunk.page, chunk.location)


def _pair(span: Span) -> tuple[int, int]:
    return span.start, span.end


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
