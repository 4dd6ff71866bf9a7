"""A generator asked about excerpts, several at a time; what it answers is checked, cut to size and handed on.

One bad answer costs one excerpt its enrichment. A generator that is away or refuses everything ends the run soon,
with its own words. Knows no store and no index.
"""

import asyncio
import itertools
import logging
import queue
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from qianxun.enrichment import prompts
from qianxun.errors import BadModelReply, InputError, ModelError, ModelRefused, QianxunError, UnfitModel
from qianxun.models.structured import parse_json
from qianxun.prompting import as_line
from qianxun.protocols import Generator, Sampling
from qianxun.records import Enrichment
from qianxun.storage.enrichments import Excerpt, Written
from qianxun.text import fold

logger = logging.getLogger(__name__)

MAX_CONTEXT_CHARS: Final = 300
MAX_QUESTION_CHARS: Final = 200
# So many failures one after the other, and it is not the excerpt that is at fault.
MAX_UNREACHED: Final = 3
MAX_REFUSED: Final = 8
# What chat templates put around messages, at most.
_TEMPLATE_TOKENS: Final = 32


class AbsentEnricher:
    """Stands where nobody can write: `write` raises the reason. What was written stays in force."""

    def __init__(self, reason: QianxunError) -> None:
        self._reason = reason

    def write(self, excerpts: Iterable[Excerpt]) -> Iterator[Written]:
        """Raises the reason."""
        raise self._reason


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one excerpt: `error` is None where the answer can be used."""

    excerpt: Excerpt
    enrichment: Enrichment
    error: QianxunError | None = None


class GeneratorEnricher:
    """Writes enrichments with a generator, which is made at the first excerpt. Satisfies `Enricher`."""

    def __init__(
        self, generator: Callable[[], Generator], *, context: bool, questions: int, max_tokens: int, concurrency: int
    ) -> None:
        self._generator = generator
        self._context = context
        self._questions = questions
        self._max_tokens = max_tokens
        self._concurrency = concurrency
        self._schema = prompts.schema(context=context, questions=questions)

    def write(self, excerpts: Iterable[Excerpt]) -> Iterator[Written]:
        """What the generator says of each excerpt, in the order of its answers, `concurrency` asked at a time.

        An answer of no use is empty. Raises the ModelError because of which the rest could not be asked about.
        """
        # Made in this thread: whoever made us may hold locks that are this thread's.
        generator = self._generator()
        # The loop has a thread of its own: whoever keeps what is written must not hold up the answers under way.
        with closing(cast("Any", _as_they_come(lambda tell: self._ask(generator, excerpts, tell)))) as coming:
            yield from coming

    async def _ask(self, generator: Generator, excerpts: Iterable[Excerpt], tell: Callable[[Written], None]) -> None:
        waiting, judged = iter(excerpts), _Judged()

        async def work(most: int | None = None) -> None:
            for excerpt in itertools.islice(waiting, most):
                # Judged here and not by whoever reads: a generator that is away is asked no further meanwhile.
                for written in judged.take(await self._outcome(generator, excerpt)):
                    tell(written)

        # One alone first: a generator that is not tested yet is tested once.
        await work(1)
        workers = [asyncio.ensure_future(work()) for _ in range(self._concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        for written in judged.end():
            tell(written)

    async def _outcome(self, generator: Generator, excerpt: Excerpt) -> _Outcome:
        try:
            return _Outcome(excerpt, await self._enrichment(generator, excerpt))
        except (ModelError, InputError) as error:
            return _Outcome(excerpt, Enrichment(), error)

    async def _enrichment(self, generator: Generator, excerpt: Excerpt) -> Enrichment:
        # A server may have to be asked for it.
        context_tokens: int = await asyncio.to_thread(getattr, generator, "context_tokens")
        max_tokens = min(self._max_tokens, context_tokens // 2)
        text, room = excerpt.text, context_tokens - max_tokens - _TEMPLATE_TOKENS
        while True:
            turns = prompts.messages(excerpt.context, text, context=self._context, questions=self._questions)
            if len(text) < 64 or sum(generator.count_tokens(turn.content) for turn in turns) <= room:
                break
            text = text[: len(text) * 3 // 4]
        answer = []
        sampling = Sampling(max_tokens=max_tokens, temperature=0.0)
        async for delta in generator.stream(turns, schema=self._schema, sampling=sampling):
            answer.append(delta.text)
        found: Any = parse_json("".join(answer), self._schema)
        context = as_line(found.get("context", ""))[:MAX_CONTEXT_CHARS].rstrip()
        questions: dict[str, str] = {}
        for question in found.get("questions", ()):
            line = as_line(question)[:MAX_QUESTION_CHARS].rstrip()
            if line and fold(line) != fold(context):
                questions.setdefault(fold(line), line)
        return Enrichment(context, tuple(questions.values())[: self._questions])


class _Judged:
    """Tells failures of single excerpts from those of the generator.

    An answer of no use and a refusal (a service's view of the content) are the excerpt's own if others are answered
    about. No connection and no answer in time never are: those excerpts wait for another run.
    """

    def __init__(self) -> None:
        self._answered = False
        self._doubtful: list[Excerpt] = []
        self._unreached = 0
        self._refused = 0
        self._error: QianxunError | None = None
        self._refusal: QianxunError | None = None

    def take(self, outcome: _Outcome) -> Iterator[Written]:
        """What can be kept now. Raises the error that ends the run."""
        error = outcome.error
        if error is None:
            self._answered, self._unreached, self._refused = True, 0, 0
            yield from self._in_vain()
            yield Written(outcome.excerpt, outcome.enrichment)
        elif isinstance(error, BadModelReply | ModelRefused | InputError):
            self._doubtful.append(outcome.excerpt)
            self._refused += 1
            self._refusal = error
            if self._refused >= MAX_REFUSED:
                raise _as_model_error(error)
        else:
            self._unreached += 1
            self._error = error
            if self._unreached >= MAX_UNREACHED or isinstance(error, UnfitModel):
                raise error

    def end(self) -> Iterator[Written]:
        """What can be kept when all were asked about. Raises the error for which some could not be."""
        if self._answered:
            yield from self._in_vain()
        if self._error is not None:
            raise self._error
        if self._doubtful and self._refusal is not None:
            raise _as_model_error(self._refusal)

    def _in_vain(self) -> Iterator[Written]:
        for excerpt in self._doubtful:
            logger.info("nothing of use was written about chunk text %s", excerpt.hash.hex())
            yield Written(excerpt, Enrichment())
        self._doubtful = []


def _as_they_come(work: Callable[[Callable[[Written], None]], Coroutine[Any, Any, None]]) -> Iterator[Written]:
    """What a coroutine tells, from an event loop in a thread of its own. Closing the iterator cancels it."""
    told: queue.SimpleQueue[Written | BaseException | None] = queue.SimpleQueue()
    begun = threading.Event()
    cancel: list[Callable[[], object]] = []

    async def whole() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        cancel.append(lambda: loop.call_soon_threadsafe(task.cancel))
        begun.set()
        await work(told.put)

    def run() -> None:
        try:
            asyncio.run(whole())
            told.put(None)
        except BaseException as error:
            told.put(error)
        finally:
            begun.set()

    thread = threading.Thread(target=run, name="qianxun-enrichment", daemon=True)
    thread.start()
    try:
        while (news := told.get()) is not None:
            if isinstance(news, BaseException):
                raise news
            yield news
    finally:
        begun.wait()
        with suppress(RuntimeError):  # the loop has ended
            for stop in cancel:
                stop()
        thread.join()


def _as_model_error(error: QianxunError) -> ModelError:
    if isinstance(error, ModelError):
        return error
    return ModelRefused(error.template, remedy=error.remedy, **error.values)
