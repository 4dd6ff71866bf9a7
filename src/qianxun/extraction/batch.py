"""Many documents, several at a time: each to what the schema wants of it. One bad document never stops the others.

What is done is in the journal at once. A generator that is away or refuses everything ends the run soon, with its own
words; the same run then goes on where it was. Knows no file.
"""

import asyncio
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from typing import Final, TypeAlias

from qianxun.errors import ModelError, ModelRefused, QianxunError, UnfitModel
from qianxun.extraction.drawing import draw
from qianxun.extraction.journal import Journal
from qianxun.extraction.material import FileDone
from qianxun.extraction.records import Extraction, Material, Unread
from qianxun.extraction.schema import Wanted
from qianxun.protocols import Generator
from qianxun.settings import ExtractionSettings
from qianxun.storage.reindex import Progress, Report, silent

logger = logging.getLogger(__name__)

# (source, digest) → what was drawn out of this document before, None if that is not to be used.
Known: TypeAlias = Callable[[str, str], Extraction | None]

# So many failures one after the other, and it is not the document that is at fault.
_MAX_UNREACHED: Final = 3
_MAX_REFUSED: Final = 8


def known_in(journal: Journal | None, wanted: Wanted, *, retry: bool = False) -> Known:
    """What a journal knows and still holds; with `retry` what is not valid is done again, unanswered always is."""

    def known(source: str, digest: str) -> Extraction | None:
        found = journal.known(source, digest) if journal is not None else None
        if found is None or found.outcome == "unanswered" or (retry and not found.valid):
            return None
        if not found.valid:
            return found
        return _with_value(found, wanted) if not wanted.problems(found.data) else None

    return known


def extract_all(
    documents: Iterable[Material | Unread | FileDone],
    wanted: Wanted,
    generator: Generator,
    settings: ExtractionSettings,
    *,
    given: Set[str] = frozenset(),
    journal: Journal | None = None,
    known: Known = lambda source, digest: None,
    progress: Report = silent,
) -> Iterator[Extraction]:
    """What came of each document, as it is done; those known first, `settings.concurrency` asked about at a time.

    `given` are the sources asked for, by which progress counts; what is found inside of them is counted when it is
    met. Raises the ModelError for which the rest could not be asked about, InputError where the schema leaves no room
    for any text, StorageError. Closing the iterator stops the model.
    """
    judged = _Judged()
    counted = _Counted(given, progress)
    with _loop() as loop:
        under_way: dict[Future[Extraction], str] = {}

        def done(least: int) -> Iterator[Extraction]:
            """What is done, until no more than `least` are under way."""
            while under_way:
                finished = wait(under_way, None if len(under_way) > least else 0, FIRST_COMPLETED).done
                for future in finished:
                    del under_way[future]
                    one = future.result()
                    counted.one(one.source)
                    judged.take(one.outcome, errors.pop(one.source, None))
                    yield one
                if len(under_way) <= least:
                    return

        errors: dict[str, QianxunError] = {}
        try:
            for document in documents:
                if isinstance(document, FileDone):
                    kept = known(document.source, document.digest) if document.digest else None
                    if kept is None:
                        counted.whole(document.source)
                    else:
                        judged.some_kept = True
                        counted.one(document.source)
                        yield kept
                    continue
                counted.met(document.source)
                if isinstance(document, Unread):
                    one = Extraction(document.source, "unreadable", problems=(document.reason,), digest=document.digest)
                    _keep(journal, one)
                    counted.one(one.source)
                    yield one
                    continue
                kept = known(document.source, document.digest)
                if kept is not None:
                    judged.some_kept = True
                    counted.one(kept.source)
                    yield kept
                    continue
                asked = _one(document, wanted, generator, settings, journal, errors)
                under_way[asyncio.run_coroutine_threadsafe(asked, loop)] = document.source
                yield from done(settings.concurrency - 1)
            yield from done(0)
        finally:
            for future in under_way:
                future.cancel()
    judged.end()


async def _one(
    material: Material,
    wanted: Wanted,
    generator: Generator,
    settings: ExtractionSettings,
    journal: Journal | None,
    errors: dict[str, QianxunError],
) -> Extraction:
    """What came of one document, kept. A failure of the model is a result, and told in `errors`."""
    try:
        one = await draw(material, wanted, generator, settings)
    except ModelError as error:
        errors[material.source] = error
        one = Extraction(material.source, "unanswered", problems=(str(error),), digest=material.digest)
    except QianxunError:
        raise
    except Exception as error:  # a bug of ours on a strange document costs that document
        logger.warning("%s: %s", material.source, type(error).__name__, exc_info=logger.isEnabledFor(logging.DEBUG))
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        one = Extraction(material.source, "invalid", problems=(reason,), digest=material.digest)
    await asyncio.to_thread(_keep, journal, one)
    return one


def _keep(journal: Journal | None, one: Extraction) -> None:
    if journal is not None:
        journal.add(one)


def _with_value(one: Extraction, wanted: Wanted) -> Extraction:
    return dataclasses.replace(one, value=wanted.made(one.data))


class _Judged:
    """Tells failures about single documents from those of the generator."""

    def __init__(self) -> None:
        self.some_kept = False  # by an earlier run, whose answers show that the model takes documents
        self._answered = False
        self._unreached = 0
        self._refused = 0
        self._error: QianxunError | None = None

    def take(self, outcome: str, error: QianxunError | None) -> None:
        """Raises the error that ends the run."""
        if outcome != "unanswered":
            self._answered, self._unreached, self._refused = True, 0, 0
            return
        if error is None:
            return
        self._error = error
        if isinstance(error, ModelRefused):
            self._refused += 1
        else:
            self._unreached += 1
        if self._unreached >= _MAX_UNREACHED or self._refused >= _MAX_REFUSED or isinstance(error, UnfitModel):
            raise error

    def end(self) -> None:
        """Raises the error for which nothing was answered at all."""
        of_one = isinstance(self._error, ModelRefused) and self.some_kept
        if self._error is not None and not self._answered and not of_one:
            raise self._error


class _Counted:
    """Progress that is true: documents that are done, of those known so far."""

    def __init__(self, given: Set[str], progress: Report) -> None:
        self._given = given
        self._progress = progress
        self._total = len(given)
        self._seen: set[str] = set()
        self._done = 0
        self._started = time.monotonic()
        if given:
            self._progress(Progress("extracting", 0, self._total))

    def met(self, source: str) -> None:
        """A document came. One inside a file is one more than were given."""
        self._seen.add(source)
        if source not in self._given:
            self._total += 1

    def one(self, source: str) -> None:
        """A document is done."""
        self._seen.add(source)
        self._done += 1
        self._tell(source)

    def whole(self, source: str) -> None:
        """A file is read; one that is no document itself is done."""
        if source not in self._seen:
            self.one(source)

    def _tell(self, source: str) -> None:
        seconds = time.monotonic() - self._started
        self._progress(Progress("extracting", self._done, self._total or None, source, seconds))


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own: callers may have one themselves, and Ctrl-C must not wait for a model."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="qianxun-extraction", daemon=True)
    thread.start()

    async def end() -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()

    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
