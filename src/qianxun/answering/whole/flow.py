"""Whole documents → an answer or a summary whose every sentence is checked against what it cites.

One way: all chunks in reading order → what a model can take at once is asked at once; more, part by part, for notes
that are checked, made fewer and answered from → Answer, with how much of the documents was read. Without a model, and
where it fails, the answer is made of quotations. Knows no store, no engine and no door.
"""

import asyncio
import dataclasses
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from qianxun.answering import prompts as answer_prompts
from qianxun.answering.bounds import Bounds
from qianxun.answering.calling import Calls
from qianxun.answering.checked import Checker
from qianxun.answering.cite import Judge
from qianxun.answering.draft import Draft, instead_of_a_model, nothing_found
from qianxun.answering.events import AnswerEvent, Done, Shown, Text, Withdrawn
from qianxun.answering.generating import Generation, Run
from qianxun.answering.manner import Manner
from qianxun.answering.pack import pack
from qianxun.answering.quoting import quotations, quoted, similarities_by
from qianxun.answering.whole import prompts
from qianxun.answering.whole.documents import Material
from qianxun.answering.whole.logs import is_log, read_log
from qianxun.answering.whole.notes import NoteTaker
from qianxun.answering.whole.summary import Chosen, summarize
from qianxun.answering.whole.windows import Window, to_read, windows
from qianxun.answering.wording import Language, language_of, sentence
from qianxun.errors import ModelError
from qianxun.protocols import Encoder, Generator, Message
from qianxun.records import Answer, Coverage, Passage, SearchResult
from qianxun.settings import AnswerSettings, GeneratorSettings
from qianxun.text import script

logger = logging.getLogger(__name__)

# Parts are no larger than this where the model could take more: of a long part it forgets the middle.
_PART_TOKENS: Final = 8000
# What chat templates put around messages, at most.
_TEMPLATE_TOKENS: Final = 32
# Passages that quotations are looked for in, and that an answer can number (a mark has three digits).
MOST_FOUND: Final = 200
_MOST_NUMBERED: Final = 900
_TITLES_NAMED: Final = 5


@dataclass(slots=True)
class _Read:
    """What is known of the reading so far, for `Answer.coverage` and its notes."""

    read: int = 0
    parts: int = 1
    failed: int = 0
    left_out: int = 0
    notes: list[str] = field(default_factory=list)


async def stream(
    question: str,
    material: Material,
    *,
    generator: Generator | None,
    encoder: Encoder | None,
    settings: AnswerSettings,
    generation: GeneratorSettings = GeneratorSettings(),  # noqa: B008 (frozen)
    found: SearchResult | None = None,
    term_weights: Mapping[str, float] | None = None,
    sentences: int | None = None,
    manner: Manner = Manner(),  # noqa: B008 (frozen)
    judge: Judge | None = None,
    run: Run = asyncio.to_thread,
    cancelled: asyncio.Event | None = None,
) -> AsyncGenerator[AnswerEvent, None]:
    """The answer to a question from all of some documents, as it comes into being; the last event holds it.

    With `sentences`, a summary of about so many instead; the question, which may then be empty, says what is of
    interest. `found` is what search made of the question in these documents, `term_weights` its words and their idf.
    The rest is as in `answer.stream`.
    """
    found = found or SearchResult(question, (), {}, {})
    work = _Work(
        question=question,
        material=material,
        language=manner.language or (language_of(question) if question else _language_of(material.passages)),
        encoder=encoder,
        settings=settings,
        term_weights=term_weights or {},
        sentences=sentences,
        manner=manner,
        judge=judge,
        run=run,
    )
    started, degraded, state = time.perf_counter(), list(found.degraded), _Read()
    draft: Draft | None = None
    calls: Calls | None = None
    model = generator if material.passages else None
    if model is not None:
        deadline = time.monotonic() + settings.max_seconds if settings.max_seconds else float("inf")
        calls = Calls(model, generation, settings.max_calls, deadline, cancelled)
        try:
            async with aclosing(work.generated(calls, state)) as events:
                async for event in events:
                    if isinstance(event, Draft):
                        draft = event
                    else:
                        yield event
        except ModelError as error:
            logger.info("answering by quoting: %s", error)
            degraded.append(f"generator: {error}")
            yield Withdrawn(str(error))
            state, draft, model = _Read(), None, None
    if draft is None:
        try:
            draft = await run(work.quoted, encoder)
        except ModelError as error:
            logger.warning("answering without an encoder: %s", error)
            degraded.append(f"encoder: {error}")
            draft = await run(work.quoted, None)
        if calls is not None:
            instead_of_a_model(draft, work.language)
        state.read = len(material.passages)
        yield Shown(draft.passages)
        yield Text(draft.text)
    coverage = Coverage(
        material.documents,
        material.chunks,
        state.read,
        state.parts,
        state.failed,
        state.left_out,
        calls.made if calls else 0,
    )
    engine = (generation.model or model.name) if model else "extractive"
    yield Done(
        Answer(
            question=found.query or work.task,
            text=draft.text,
            verdict=draft.verdict,
            citations=tuple(draft.citations),
            passages=draft.passages,
            seconds={**found.seconds, "read": time.perf_counter() - started},
            models={**found.models, "answer": engine},
            degraded=tuple(degraded),
            notes=(
                *(note.in_words() for note in found.notes),
                *draft.notes,
                *_notes_of(coverage, work.language),
                *state.notes,
            ),
            searched=found.searched,
            statements=tuple(draft.statements),
            usage=calls.usage if calls else None,
            coverage=coverage,
            persona=manner.persona,
            language=work.language,
            conflicts=tuple(draft.conflicts),
            options=tuple(draft.options),
            finish_reason=draft.finish_reason,
        )
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """One question to whole documents."""

    question: str
    material: Material
    language: Language
    encoder: Encoder | None
    settings: AnswerSettings
    term_weights: Mapping[str, float]
    sentences: int | None
    manner: Manner
    judge: Judge | None
    run: Run

    @property
    def task(self) -> str:
        """What the model is told to do; where nobody asked anything, also what the answer is called."""
        if self.sentences is None:
            return self.question
        named = "；" if self.language == "zh" else "; "
        titles = named.join(self.material.titles[:_TITLES_NAMED])
        if len(self.material.titles) > _TITLES_NAMED:
            titles += "…"
        return sentence("summary of", self.language, titles=titles) if not self.question else self.question

    @property
    def instruction(self) -> str:
        """The task as the prompts put it."""
        if self.sentences is None:
            return self.question
        return sentence(
            "summarize about" if self.question else "summarize",
            self.language,
            n=self.sentences,
            question=self.question,
        )

    async def generated(self, calls: Calls, state: _Read) -> AsyncGenerator[AnswerEvent | Draft, None]:
        """What a model makes of the documents; a Draft comes last. Raises ModelError."""
        passages = self.material.passages
        # A server may have to be asked for it.
        context: int = await self.run(getattr, calls.generator, "context_tokens")
        max_tokens = min(calls.generation.max_tokens, context // 4)
        count = calls.generator.count_tokens

        def tokens(passage: Passage) -> int:
            return count(answer_prompts.shown(999, passage, self.language)) + 2

        def room(turns: Sequence[Message]) -> int:
            left = context - max_tokens - _TEMPLATE_TOKENS - sum(count(turn.content) for turn in turns)
            return min(left, self.settings.context_tokens or left)

        sizes: list[int] = await self.run(lambda: [tokens(passage) for passage in passages])
        if sum(sizes) <= room(self._at_once(())):
            state.read = len(passages)
            turns = self._at_once(passages)
            calls.made += 1
            async with aclosing(self._written(calls, turns, passages, max_tokens)) as written:
                async for event in written:
                    yield event
            return
        taker = NoteTaker(self.instruction, self.language, calls, max_tokens, self._similarities(), self.run)
        n_parts = max(1, calls.most - 1 - calls.most // 5)
        most = room(prompts.notes(self.instruction, (), self.language))
        size = min(most, max(_PART_TOKENS, -(-sum(sizes) * 11 // (10 * n_parts))))
        parts: list[Window] = await self.run(windows, passages, sizes, max(size, 1), tokens)
        chosen = to_read(parts, n_parts)
        taken = await taker.take(chosen)
        state.parts = len(parts)
        state.failed, state.left_out = len(taken.failed), len(parts) - len(taken.read) - len(taken.failed)
        state.read = sum(len(chosen[place].passages) - chosen[place].is_cut for place in taken.read)
        room_for_notes = room(prompts.reduce(self.instruction, (), self.language))
        fewer, n_dropped = await taker.fewer(taken.notes, passages, room_for_notes)
        notes = taker.fitting(fewer, room_for_notes, _MOST_NUMBERED)
        for key, n in (("notes dropped", taken.n_dropped + n_dropped), ("notes left out", len(fewer) - len(notes))):
            if n:
                state.notes.append(sentence(key, self.language, n=n))
        if not notes:
            draft = nothing_found(self._nearest(), self.material.documents, self.language)
            if calls.is_cancelled:
                draft.notes.append(sentence("stopped", self.language))
            yield Shown(draft.passages)
            yield Text(draft.text)
            yield draft
            return
        places = sorted({place for note in notes for place in note.places})
        numbers = {place: number for number, place in enumerate(places, 1)}
        lines = [prompts.line(note.text, [numbers[place] for place in note.places]) for note in notes]
        turns = prompts.reduce(self.instruction, lines, self.language)
        calls.made += 1
        cited = tuple(passages[place] for place in places)
        async with aclosing(self._written(calls, turns, cited, max_tokens)) as written:
            async for event in written:
                yield event

    def quoted(self, encoder: Encoder | None) -> Draft:
        """What can be quoted of the documents."""
        passages = self.material.passages
        if not passages:
            return Draft(sentence("no text", self.language), "no_evidence", ())
        if self.sentences is None:
            draft = quoted(
                self.question,
                self._likely(MOST_FOUND),
                encoder,
                self.term_weights,
                self.settings,
                self.material.documents,
                self.language,
            )
            n_cited = max((one.number for one in draft.citations), default=0)
            draft.passages = draft.passages[: max(n_cited, self.settings.passages)]
            return draft
        chosen, notes = self._summary(self.sentences, encoder)
        if not chosen:
            return Draft(sentence("no text", self.language), "no_evidence", ())
        cited = sorted({one.passage for one in chosen})
        own = [dataclasses.replace(one, passage=cited.index(one.passage)) for one in chosen]
        draft = quotations(own, tuple(passages[place] for place in cited), "answered", self.language, as_lines=True)
        draft.notes += notes
        return draft

    def _summary(self, n: int, encoder: Encoder | None) -> tuple[list[Chosen], list[str]]:
        """Sentences of what is written, telling lines of what is a log; what is computed of logs."""
        prose: list[int] = []
        logs: list[tuple[int, int]] = []
        for start, end in self._documents():
            if is_log(self.material.passages[start:end]):
                logs.append((start, end))
            else:
                prose += range(start, end)
        chosen: list[Chosen] = []
        notes: list[str] = []
        share = n if not prose else max(1, n // 2)
        for start, end in logs:
            log = read_log(self.material.passages[start:end], start, max(1, share // len(logs)))
            chosen += [Chosen(line.passage, line.piece) for line in log.telling]
            comma, colon = ("，", " ") if self.language == "zh" else (", ", " ")
            levels = comma.join(f"{level}{colon}{count}" for level, count in log.counts)
            if levels:
                notes.append(sentence("levels", self.language, levels=levels))
        if not chosen:  # a log in which nothing went wrong is read like a text
            prose = list(range(len(self.material.passages)))
        texts = [self.material.passages[place] for place in prose]
        picked = summarize(texts, max(0, n - len(chosen)), question=self.question, encoder=encoder) if texts else []
        chosen = chosen[:n] + [dataclasses.replace(one, passage=prose[one.passage]) for one in picked]
        return sorted(chosen, key=lambda one: (one.passage, one.piece.start)), notes

    def _documents(self) -> list[tuple[int, int]]:
        """Where the passages of each document begin and end."""
        passages = self.material.passages
        starts = [k for k, one in enumerate(passages) if k == 0 or one.document != passages[k - 1].document]
        return list(zip(starts, [*starts[1:], len(passages)], strict=True))

    def _likely(self, most: int) -> tuple[Passage, ...]:
        """The passages that search found best, each text once; all, in reading order, where there are few."""
        passages = self.material.passages
        ranked = sorted(passages, key=lambda one: -one.score)[:most] if len(passages) > most else passages
        return pack([dataclasses.replace(one, rank=rank) for rank, one in enumerate(ranked, 1)], most)

    def _nearest(self) -> tuple[Passage, ...]:
        return self._likely(MOST_FOUND)[: self.settings.passages]

    def _at_once(self, passages: Sequence[Passage]) -> list[Message]:
        if self.sentences is None:
            return answer_prompts.messages(
                self.question,
                passages,
                self.language,
                template=self.manner.template(self.language),
                instructions=self.manner.instructions,
                wishes=self.manner.wishes,
                answer_in=self.manner.language,
            )
        return prompts.summary(self.instruction, passages, self.language)

    def _similarities(self) -> Callable[[str, Sequence[str]], Sequence[float]] | None:
        return similarities_by(self.encoder) if self.encoder is not None else None

    async def _written(
        self, calls: Calls, turns: Sequence[Message], passages: tuple[Passage, ...], max_tokens: int
    ) -> AsyncGenerator[AnswerEvent | Draft, None]:
        """The answer as the model writes it; its Draft comes last."""
        bounds: Bounds = calls.bounds(max_tokens)
        work = Generation(
            calls.generator,
            turns,
            calls.sampling(max_tokens),
            passages,
            Checker(
                passages, self._similarities(), judge=self.judge, own_words=self.manner.may_add, known=(self.question,)
            ),
            self.settings.unsupported,
            self.material.documents,
            self.language,
            self.run,
            bounds,
            calls.cancelled,
        )
        yield Shown(passages)
        async with aclosing(work.events()) as events:  # type: ignore[type-var]
            async for event in events:
                yield event
        draft = work.draft
        assert draft is not None
        calls.add(draft.usage)
        if draft.verdict == "no_evidence":
            yield Withdrawn("")
            yield Text(draft.text)
        yield draft


def _language_of(passages: Sequence[Passage]) -> Language:
    """The language that most of the documents' beginnings are written in."""
    scripts = [script(passage.text) for passage in passages[:200]]
    return "zh" if scripts.count("cjk") * 2 > len([one for one in scripts if one]) else "en"


def _notes_of(coverage: Coverage, language: Language) -> list[str]:
    """What is to be said of how much was read."""
    facts = dataclasses.asdict(coverage)
    notes = [sentence("read in parts" if coverage.parts > 1 else "read", language, **facts)]
    if coverage.failed:
        notes.append(sentence("parts failed", language, n=coverage.failed))
    if coverage.left_out:
        notes.append(sentence("parts left out", language, n=coverage.left_out))
    return notes
