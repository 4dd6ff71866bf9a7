"""A question and what was found for it → an answer whose every sentence is checked against what it cites.

One flow, no loops: pack → is there anything → quote or (prompt → stream → check) → Answer. Without a generator the
answer is made of quotations. This module knows no search engine and no model by name.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace

from qianxun.answering import evidence, extract, prompts
from qianxun.answering.bounds import Bounds
from qianxun.answering.checked import Checker, FromTable
from qianxun.answering.cite import Judge
from qianxun.answering.disagreement import conflicts
from qianxun.answering.draft import Draft, instead_of_a_model, nothing_found
from qianxun.answering.events import AnswerEvent, Done, Shown, Text, Withdrawn
from qianxun.answering.figures_of_tables import WholeTable, computed_of, in_words
from qianxun.answering.generating import Generation, Run
from qianxun.answering.manner import Manner
from qianxun.answering.pack import fitting, in_reading_order, pack
from qianxun.answering.quoting import compared, quoted, similarities_by
from qianxun.answering.wording import Language, language_of, sentence
from qianxun.errors import InputError, ModelError
from qianxun.protocols import Encoder, Generator, Message, Sampling
from qianxun.records import Answer, Passage, SearchResult
from qianxun.settings import AnswerSettings, GeneratorSettings

logger = logging.getLogger(__name__)


async def answer(
    question: str,
    found: SearchResult,
    *,
    generator: Generator | None,
    encoder: Encoder | None,
    term_weights: Mapping[str, float],
    settings: AnswerSettings,
    n_documents: int,
    generation: GeneratorSettings = GeneratorSettings(),  # noqa: B008 (frozen)
    history: Sequence[Message] = (),
    manner: Manner = Manner(),  # noqa: B008 (frozen)
    judge: Judge | None = None,
    brought: Passage | None = None,
    whole_table: WholeTable | None = None,
    run: Run = asyncio.to_thread,
) -> Answer:
    """The answer to a question from the passages found for it; see `stream`."""
    events = stream(
        question,
        found,
        generator=generator,
        encoder=encoder,
        term_weights=term_weights,
        settings=settings,
        n_documents=n_documents,
        generation=generation,
        history=history,
        manner=manner,
        judge=judge,
        brought=brought,
        whole_table=whole_table,
        run=run,
    )
    async with aclosing(events) as told:  # type: ignore[type-var]
        async for event in told:
            if isinstance(event, Done):
                return event.answer
    raise AssertionError("an answer ends with Done")


async def stream(
    question: str,
    found: SearchResult,
    *,
    generator: Generator | None,
    encoder: Encoder | None,
    term_weights: Mapping[str, float],
    settings: AnswerSettings,
    n_documents: int,
    generation: GeneratorSettings = GeneratorSettings(),  # noqa: B008 (frozen)
    history: Sequence[Message] = (),
    manner: Manner = Manner(),  # noqa: B008 (frozen)
    judge: Judge | None = None,
    brought: Passage | None = None,
    whole_table: WholeTable | None = None,
    sampling: Sampling | None = None,
    run: Run = asyncio.to_thread,
    cancelled: asyncio.Event | None = None,
    quote: Callable[..., Draft] = quoted,
) -> AsyncIterator[AnswerEvent]:
    """The answer to a question from the passages found for it, as it comes into being; the last event holds it.

    `term_weights` maps the question's words to their idf. `n_documents` is how many documents the asker may search.
    `history` is what was said before, user and assistant in turn; `brought` is what the question brings along. `judge`
    says by meaning whether a quote supports a sentence, `whole_table` what the table of a passage is; `quote` makes the
    answer where no model does, as `quoting.quoted`. `sampling` goes over that of `generation`, but for longer answers.
    `run(function, *arguments)` runs a synchronous stage away from the event loop. `passages[n - 1]` of the result is
    what `[n]` in its text points to. A generator that fails is done without, and named in `degraded`. Closing the
    iterator stops the model; setting `cancelled` does, too, and what was said until then is the answer. Raises
    InputError if the question brings along more than the model can read.
    """
    seconds, degraded = dict(found.seconds), list(found.degraded)
    language = manner.language or language_of(question)
    with _timed(seconds, "pack"):
        packed = pack(found.passages, settings.passages)
    # Somebody's own words, or what the question brings along, may be enough.
    alone = brought is not None or (manner.may_add and generator is not None)
    draft = nothing_found(packed, n_documents, language) if not packed and not alone else None
    model = generator
    claimed: tuple[conflicts.Claimed, ...] = ()
    if draft is None and model is not None and brought is None and manner.grounding != "off":
        with _timed(seconds, "weigh"):
            hopeless = not alone and await run(_hopeless, question, found, packed, encoder, term_weights, settings)
            if not hopeless:
                draft, claimed = await run(compared, question, packed, term_weights, settings, language)
        if draft is not None:
            model = None
        elif hopeless:
            draft, model = nothing_found(packed, n_documents, language), None
            draft.notes.append(sentence("not asked", language))
    template = ""
    if draft is None and model is not None:
        try:
            with _timed(seconds, "generate"):
                work = await _generation(
                    question,
                    packed,
                    model,
                    encoder,
                    settings,
                    generation,
                    n_documents,
                    history,
                    manner,
                    judge,
                    brought,
                    whole_table,
                    claimed,
                    language,
                    sampling or Sampling(generation.max_tokens, generation.temperature, generation.top_p),
                    run,
                    cancelled,
                )
                template = manner.template(language).version
                yield Shown(work.passages)
                async with aclosing(work.events()) as events:  # type: ignore[type-var]
                    async for event in events:
                        yield event
            draft = work.draft
            claimed = conflicts.among(claimed, packed, work.passages)
            if draft is not None and claimed and draft.verdict != "no_evidence":
                await run(conflicts.add_to_written, draft, claimed, packed, language)
            if draft is not None and draft.verdict == "no_evidence":
                yield Withdrawn("")
                yield Text(draft.text)
        except ModelError as error:
            logger.info("answering by quoting: %s", error)
            degraded.append(f"generator: {error}")
            yield Withdrawn(str(error))
            model = None
    if draft is None or model is None:
        if draft is None:
            with _timed(seconds, "extract"):
                draft = await run(
                    quote,
                    question,
                    packed,
                    encoder,
                    term_weights,
                    settings,
                    n_documents,
                    language,
                    brought,
                    whole_table,
                )
            if generator is not None and model is None:
                instead_of_a_model(draft, language)
        yield Shown(draft.passages)
        yield Text(draft.text)
    models = {**found.models, "answer": (generation.model or model.name) if model else "extractive"}
    yield Done(
        Answer(
            question=found.query or question,
            text=draft.text,
            verdict=draft.verdict,
            citations=tuple(draft.citations),
            passages=draft.passages,
            seconds=seconds,
            models={**models, "prompt": template} if model else models,
            degraded=tuple(degraded),
            notes=(*(note.in_words() for note in found.notes), *draft.notes),
            searched=found.searched,
            statements=tuple(draft.statements),
            usage=draft.usage,
            material=brought.text if brought is not None else "",
            persona=manner.persona,
            language=language,
            finish_reason=draft.finish_reason,
            conflicts=tuple(draft.conflicts),
            options=tuple(draft.options),
        )
    )


def _hopeless(
    question: str,
    found: SearchResult,
    packed: Sequence[Passage],
    encoder: Encoder | None,
    term_weights: Mapping[str, float],
    settings: AnswerSettings,
) -> bool:
    """Whether ranking already knows that the passages do not hold the answer, so that no model need be asked.

    A reranker knows, or an encoder whose likenesses were calibrated; words alone do not tell what a model could make of
    them.
    """
    if settings.hopeless <= 0.0:
        return False
    if found.good is not None:
        return not found.good
    if encoder is None or not evidence.calibration(encoder.fingerprint).encoder:
        return False
    candidates = extract.candidates(question, packed, term_weights=term_weights, similarities=similarities_by(encoder))
    return evidence.evidence(candidates, encoder=encoder.fingerprint) < settings.hopeless


async def _generation(
    question: str,
    packed: tuple[Passage, ...],
    generator: Generator,
    encoder: Encoder | None,
    settings: AnswerSettings,
    generation: GeneratorSettings,
    n_documents: int,
    history: Sequence[Message],
    manner: Manner,
    judge: Judge | None,
    brought: Passage | None,
    whole_table: WholeTable | None,
    claimed: Sequence[conflicts.Claimed],
    language: Language,
    sampling: Sampling,
    run: Run,
    cancelled: asyncio.Event | None,
) -> Generation:
    """The passages that fit the model, in the order in which it reads them, and what it is asked."""
    # A server may have to be asked for it.
    context: int = await run(getattr, generator, "context_tokens")
    max_tokens = min(sampling.max_tokens, generation.max_tokens, context // 2)
    template = manner.template(language)
    disagreeing: Sequence[int] = range(1, 1 + sum(len(one.candidates) for one in claimed))

    def turns(passages: Sequence[Passage], figures: Mapping[int, FromTable]) -> list[Message]:
        return prompts.messages(
            question,
            passages,
            language,
            history,
            template=template,
            instructions=manner.instructions,
            wishes=manner.wishes,
            answer_in=manner.language,
            material=brought,
            computed=in_words(figures, language),
            disagreeing=disagreeing,
        )

    def tokens(passage: Passage) -> int:
        return generator.count_tokens(prompts.shown(99, passage, language))

    frame = sum(generator.count_tokens(turn.content) for turn in turns((), {}))
    if (brought is not None or manner.wishes) and frame > context - max_tokens:
        raise InputError(
            "What the question brings along is too long for the model: {tokens} tokens with the rules, of {most}.",
            remedy="Add it as a document, or give a part of it.",
            tokens=frame,
            most=context - max_tokens,
        )
    room = context - max_tokens - frame
    if settings.context_tokens:
        room = min(room, settings.context_tokens)
    passages = in_reading_order(await run(fitting, packed, room, tokens))
    number = conflicts.numbering(packed, passages)
    told = [c.passage for one in conflicts.among(claimed, packed, passages) for c in one.candidates]
    disagreeing = sorted({number(place) for place in told})
    figures = await run(computed_of, question, passages, brought, whole_table)
    return Generation(
        generator,
        turns(passages, figures),
        replace(sampling, max_tokens=max_tokens),
        passages,
        Checker(
            passages,
            similarities_by(encoder) if encoder is not None else None,
            judge=judge,
            brought=brought,
            computed=figures,
            own_words=manner.may_add,
            known=(question,),
        ),
        settings.unsupported,
        n_documents,
        language,
        run,
        Bounds(total_seconds=settings.max_seconds or None),
        cancelled,
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = time.perf_counter() - start
