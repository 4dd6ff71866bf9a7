"""A question that asks for several things → one answer from what was found for each of them.

Rounds: plan → search each sub-question → does what was found hold the answer → plan what is missing, until all is
answered, nothing new is found, or the budget is spent; then one answer over all passages, in `answering.answer`.
"""

import asyncio
import dataclasses
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from qianxun.answering import answer, evidence, extract
from qianxun.answering.calling import Calls
from qianxun.answering.cite import Judge
from qianxun.answering.deep.planning import PLANNING_SHARE, planned
from qianxun.answering.draft import Draft, nothing_found
from qianxun.answering.events import AnswerEvent, Done, Text
from qianxun.answering.figures_of_tables import WholeTable, computed_of
from qianxun.answering.generating import Run
from qianxun.answering.manner import Manner
from qianxun.answering.quoting import quotations, quoted, similarities_by
from qianxun.answering.wording import Language, language_of, sentence
from qianxun.errors import InputError
from qianxun.protocols import Encoder, Generator
from qianxun.records import Answer, Passage, Plan, PlanEnd, SearchResult, Span, Statement, SubQuestion
from qianxun.settings import AnswerSettings, GeneratorSettings
from qianxun.text import fold

logger = logging.getLogger(__name__)

DEFAULT_QUESTIONS: Final = 4
MOST_QUESTIONS: Final = 20
_MOST_PASSAGES: Final = 100
# Of what was found, a planner is told so much.
_TOLD_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class _Found:
    """A sub-question, what was found for it, and the sentences that would answer it."""

    question: str
    result: SearchResult
    n_new: int
    chosen: tuple[extract.Candidate, ...]

    @property
    def told(self) -> str:
        """What a planner is told was found."""
        return " ".join(one.shown for one in self.chosen)[:_TOLD_CHARS]


@dataclass(slots=True)
class _Gathering:
    """What was found until now."""

    found: list[_Found] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    n_rounds: int = 0
    ended: PlanEnd = "questions"

    @property
    def missing(self) -> list[_Found]:
        """The sub-questions that nothing found answers."""
        return [one for one in self.found if not one.chosen]


async def stream(
    question: str,
    *,
    most: int,
    search: Callable[[str], SearchResult],
    term_weights: Callable[[str], Mapping[str, float]],
    generator: Generator | None,
    encoder: Encoder | None,
    settings: AnswerSettings,
    n_documents: Callable[[SearchResult], int],
    generation: GeneratorSettings = GeneratorSettings(),  # noqa: B008 (frozen)
    manner: Manner = Manner(),  # noqa: B008 (frozen)
    judge: Judge | None = None,
    brought: Passage | None = None,
    whole_table: WholeTable | None = None,
    run: Run = asyncio.to_thread,
    cancelled: asyncio.Event | None = None,
) -> AsyncGenerator[AnswerEvent, None]:
    """The answer to a question, divided into at most `most` sub-questions; the last event holds it.

    `search(question)` finds passages with the asker's rights, `term_weights(question)` are its words and their idf,
    `n_documents(found)` how many documents were searched. The rest is as in `answer.stream`.
    """
    started = time.monotonic()
    deadline = started + settings.max_seconds if settings.max_seconds else float("inf")
    calls = None
    if generator is not None:
        calls = Calls(generator, generation, settings.max_calls, deadline, cancelled)
    look = _Look(search, term_weights, encoder, settings)
    first: SearchResult = await run(search, question)
    asked = first.searched or first.query or question
    degraded: list[str] = []
    gathering = await _gathered(asked, first, most, look, calls, cancelled, deadline, degraded, run)
    language = language_of(asked)
    passages = _interleaved([first, *(one.result for one in gathering.found)], settings.passages)
    result = dataclasses.replace(
        first,
        passages=passages,
        seconds={**first.seconds, "plan": time.monotonic() - started - sum(first.seconds.values())},
        degraded=tuple(
            dict.fromkeys((*first.degraded, *(d for f in gathering.found for d in f.result.degraded), *degraded))
        ),
        good=None,
    )
    answered = [one for one in gathering.found if one.chosen]
    telling: Any = answer.stream(
        asked,
        result,
        generator=generator,
        encoder=look.encoder_for(result),
        term_weights=await run(term_weights, asked),
        settings=dataclasses.replace(
            settings,
            passages=max(len(passages), 1),
            hopeless=0.0 if answered else settings.hopeless,
            clarify=False,
            max_seconds=max(deadline - time.monotonic(), 0.001) if settings.max_seconds else 0.0,
        ),
        n_documents=await run(n_documents, first),
        generation=generation,
        manner=manner,
        judge=judge,
        brought=brought,
        whole_table=whole_table,
        run=run,
        cancelled=cancelled,
        quote=_Quoting(answered),
    )
    async with aclosing(telling) as events:
        async for event in events:
            if not isinstance(event, Done):
                yield event
                continue
            made = _with_plan(event.answer, gathering, most, calls, language)
            if len(made.text) > len(event.answer.text):
                yield Text(made.text[len(event.answer.text) :])
            yield Done(made)


async def _gathered(
    question: str,
    first: SearchResult,
    most: int,
    look: "_Look",
    calls: Calls | None,
    cancelled: asyncio.Event | None,
    deadline: float,
    degraded: list[str],
    run: Run,
) -> _Gathering:
    gathering = _Gathering()
    until = time.monotonic() + (deadline - time.monotonic()) * PLANNING_SHARE
    while True:
        known = [(one.question, one.told) for one in gathering.found]
        questions = await planned(question, known, most - len(known), calls, degraded)
        if not questions:
            if known and not gathering.missing:
                gathering.ended = "answered"
            elif calls is not None and calls.left <= 1 and len(known) < most:
                gathering.ended = "calls"
            return gathering
        gathering.n_rounds += 1
        grew = False
        for one in questions:
            if cancelled is not None and cancelled.is_set():
                gathering.ended = "stopped"
                return gathering
            if gathering.found and time.monotonic() > until:
                gathering.ended = "time"
                return gathering
            found: _Found = await run(
                look, one, first if fold(one) == fold(question) else None, frozenset(gathering.seen)
            )
            gathering.seen |= {passage.chunk for passage in found.result.passages}
            gathering.found.append(found)
            grew = grew or found.n_new > 0 or bool(found.chosen)
        if not grew:
            gathering.ended = "coverage"
            return gathering


@dataclass(frozen=True, slots=True)
class _Look:
    """Searches a sub-question and says whether what was found holds its answer."""

    search: Callable[[str], SearchResult]
    term_weights: Callable[[str], Mapping[str, float]]
    encoder: Encoder | None
    settings: AnswerSettings

    def __call__(self, question: str, known: SearchResult | None, seen: frozenset[int]) -> _Found:
        if known is None:
            try:
                known = self.search(question)
            except InputError as error:  # what a planner writes may be no question ("-")
                logger.warning("not searched: %s", error)
                known = SearchResult(question, (), {}, {})
        n_new = sum(passage.chunk not in seen for passage in known.passages)
        return _Found(question, known, n_new, tuple(self._chosen(question, known)))

    def encoder_for(self, found: SearchResult) -> Encoder | None:
        """The encoder, unless it failed in this search."""
        return None if any(part.startswith("dense:") for part in found.degraded) else self.encoder

    def _chosen(self, question: str, found: SearchResult) -> list[extract.Candidate]:
        """The sentences that answer it; none where they do not."""
        if not found.passages or found.good is False:
            return []
        encoder = self.encoder_for(found)
        candidates = extract.candidates(
            question,
            found.passages,
            term_weights=self.term_weights(question),
            similarities=similarities_by(encoder) if encoder is not None else None,
        )
        fingerprint = encoder.fingerprint if encoder is not None else ""
        if evidence.verdict(candidates, self.settings.min_support, encoder=fingerprint) == "no_evidence":
            return []
        return extract.choose(candidates, self.settings.max_sentences)


@dataclass(frozen=True, slots=True)
class _Quoting:
    """Quotations for each sub-question that is answered, one after the other: stands in for `quoting.quoted`."""

    answered: Sequence[_Found]

    def __call__(
        self,
        question: str,
        packed: tuple[Passage, ...],
        encoder: Encoder | None,
        term_weights: Mapping[str, float],
        settings: AnswerSettings,
        n_documents: int,
        language: Language,
        brought: Passage | None = None,
        whole_table: WholeTable | None = None,
    ) -> Draft:
        places = {passage.chunk: place for place, passage in enumerate(packed)}
        chosen: dict[tuple[int, int], extract.Candidate] = {}
        for one in self.answered:
            for candidate in one.chosen:
                place = places.get(one.result.passages[candidate.passage].chunk)
                if place is not None:
                    chosen.setdefault((place, candidate.piece.start), dataclasses.replace(candidate, passage=place))
        tables = computed_of(question, packed, brought, whole_table)
        if not chosen and not tables:
            if brought is None:
                return nothing_found(packed, n_documents, language)
            return quoted(
                question, packed, encoder, term_weights, settings, n_documents, language, brought, whole_table
            )
        return quotations(list(chosen.values()), packed, "answered", language, brought, tables)


def _interleaved(results: Sequence[SearchResult], each: int) -> tuple[Passage, ...]:
    """The best passage of every search, then the second of each, …: every passage once, ranked in this order."""
    rows = zip_longest(*(result.passages[:each] for result in results))
    unique = {passage.chunk: passage for row in rows for passage in row if passage is not None}
    ordered = list(unique.values())[:_MOST_PASSAGES]
    return tuple(dataclasses.replace(passage, rank=rank) for rank, passage in enumerate(ordered, 1))


def _with_plan(made: Answer, gathering: _Gathering, most: int, calls: Calls | None, language: Language) -> Answer:
    """The answer with how its question was divided; what nothing was found for is named at its end."""
    questions = tuple(
        SubQuestion(one.question, len(one.result.passages), one.n_new, bool(one.chosen)) for one in gathering.found
    )
    n_calls = calls.made if calls is not None else 0
    if made.models.get("answer") != "extractive":
        n_calls += 1
    usage = made.usage
    if calls is not None and calls.usage is not None:
        calls.add(made.usage)
        usage = calls.usage
    note = sentence("plan", language, n=len(questions), most=most, answered=sum(one.answered for one in questions))
    made = dataclasses.replace(
        made,
        notes=(*made.notes, note) if questions else made.notes,
        plan=Plan(most, questions, gathering.n_rounds, n_calls, gathering.ended),
        usage=usage,
    )
    missing = [one.question for one in questions if not one.answered]
    if not missing or len(missing) == len(questions) or made.verdict == "no_evidence":
        return made
    named = "".join(f"“{one}”" for one in missing) if language == "zh" else "; ".join(missing)
    said = sentence("no evidence for", language, questions=named)
    start = len(made.text) + 2
    return dataclasses.replace(
        made,
        text=f"{made.text}\n\n{said}",
        verdict="partial" if made.verdict == "answered" else made.verdict,
        statements=(
            *made.statements,
            Statement(said, Span(start, start + len(said)), (), "absent", claim=False),
        ),
    )
