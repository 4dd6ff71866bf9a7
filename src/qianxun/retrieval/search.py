"""A question to passages: understand → encode → each index → fuse → the store's gate → rerank → signals → passages.

Every flow that shows text goes through here, with an asker. Indexes give ids; text comes only from
the store, which applies the asker's filter again, so a stale index can lose recall for a moment but
never show what is deleted or forbidden.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from qianxun.documents.split import indexed_text
from qianxun.errors import Busy, InputError, ModelError, OutOfTime, QianxunError, StaleIndex, StorageError
from qianxun.filters import And, Filter, visible_to
from qianxun.messages import Remark
from qianxun.protocols import Encoder, Generator, Held, Index, Reranker, Vectors, Where
from qianxun.records import Asker, Hit, Passage, Query, SearchResult
from qianxun.retrieval import wordings
from qianxun.retrieval.adapt import InForce
from qianxun.retrieval.candidates import candidates_of
from qianxun.retrieval.diversify import at_most_per_document
from qianxun.retrieval.expand import Synonyms
from qianxun.retrieval.follow_up import Turn
from qianxun.retrieval.fuse import Fused, fuse
from qianxun.retrieval.gather import gather
from qianxun.retrieval.legs import Legs
from qianxun.retrieval.question import (
    AskedQuestion,
    necessary_characters,
    necessary_terms,
    parse_question,
    satisfies,
)
from qianxun.retrieval.rank import by_signals, diversified, reranked
from qianxun.retrieval.rewrite import Rewriter
from qianxun.retrieval.signals import Counts, Facts, SignalRules, Wanted, wanted_of
from qianxun.retrieval.spelling import corrected, corrections, remarks
from qianxun.retrieval.trace import Trace
from qianxun.retrieval.understand import cut_question, encoded, matched_terms, understand
from qianxun.retrieval.widen import widened
from qianxun.settings import BudgetSettings, RerankerSettings, SearchSettings
from qianxun.storage.feedback import Feedback
from qianxun.storage.store import Store, StoredChunk
from qianxun.text import ENGLISH, fold

logger = logging.getLogger(__name__)

# Terms are marked in what a person looks at; folding hundreds of passages would cost more than finding them.
MARKED = 20
MAX_K = 10_000
LEGS: Mapping[str, tuple[str, ...]] = {"hybrid": ("dense", "lexical"), "dense": ("dense",), "lexical": ("lexical",)}
# How far down the indexes are asked for passages that hold a phrase.
_DEEPEST, _DEEPER = 10_000, 8
# So many times k passages are looked at where signals or diversity may bring one up.
_LOOKED_AT = 3


def _no_feedback() -> Feedback | None:
    return None


@dataclass(frozen=True, slots=True)
class Searcher:
    """Everything a search needs. `encoder` and `adapter` are only asked when a dense index is.

    `adapter` tells at each search which query adapter is in force: another process may have learned one meanwhile.
    `feedback` and `generator` give None where there is none. `maker` names the enrichment that the indexes are made
    with, "" if none. A model that fails, or takes longer than its budget, is done without, and named in the result's
    `degraded`: words alone find passages when the encoder is away, their order stays the fused one when the reranker
    is.
    """

    store: Store
    indexes: Sequence[Index]
    encoder: Encoder
    settings: SearchSettings
    models: Mapping[str, str]
    threads: Executor | None = None
    adapter: Callable[[], InForce] = InForce
    reranker: Reranker | None = None
    reranking: RerankerSettings = field(default_factory=RerankerSettings)
    maker: str = ""
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    rules: SignalRules = field(default_factory=SignalRules)
    feedback: Callable[[], Feedback | None] = _no_feedback
    generator: Callable[[], Generator | None] = lambda: None
    synonyms: Synonyms | None = None

    def search(
        self,
        question: str,
        *,
        asker: Asker,
        k: int | None = None,
        mode: str | None = None,
        where: Filter | None = None,
        explain: bool = False,
        turns: Sequence[Turn] = (),
    ) -> SearchResult:
        """At most k passages that the asker may read, best first; with `explain` also the terms that matched.

        `turns` are those of the conversation before, oldest first. Raises InputError for an empty question, a k below
        1 or an unknown mode.
        """
        k = self.settings.k if k is None else k
        if not 1 <= k <= MAX_K:
            raise InputError("k is {k}, but it must be 1 to {most}.", remedy="Ask for fewer passages.", k=k, most=MAX_K)
        legs = _legs(mode or self.settings.mode)
        trace = Trace(self.threads)
        text, cut = cut_question(question, self.settings.max_question_chars)
        if cut:
            trace.degraded.append(f"question: cut to its first {self.settings.max_question_chars} characters")
        trace.degraded += self._behind(legs)
        whole = self._rewriter.completed(text, turns, trace)
        with trace.stage("understand"):
            asked = parse_question(whole, datetime.now(UTC)) if self.settings.operators else AskedQuestion(whole)
            trace.notes += [Remark("{written} holds no date; taken for text.", written=one) for one in asked.no_dates]
            query = self._understood(asked)
            trace.notes += [_as_understood(note.written) for note in asked.notes if note.kind != "emphasis"]
        allowed = visible_to(asker, _both(where, asked.where))
        with trace.stage("filter"):
            pushed = Where(allowed, self.store.matching(allowed)) if allowed is not None else None
        models = self.models
        if query.words:
            query = self._spelt(query, legs, pushed, trace)
            feedback = self._in_force(trace)
            wanted = self._wanted(k, feedback)
            indexes = Legs(self.indexes, pushed, self.budget, trace)
            if len(legs) > 1:  # words need not wait for the encoder
                indexes.begin("lexical", query, self._depth(wanted))
            query, legs, models = self._encoded(query, legs, trace)
            passages = self._passages(query, legs, asked, k, wanted, pushed, indexes, trace)
            passages, n_judged = self._reranked(asked.text, passages, trace)
            passages = self._by_signals(asked, passages, n_judged, feedback, trace)
            with trace.stage("diversify"):
                passages = diversified(passages, k, self.settings, self._held)
        else:  # punctuation, emoji: nothing that an index knows
            passages = []
            if asked.where is not None:
                trace.notes.append(Remark("A filter alone finds no passages; add what to look for."))
        with trace.stage("read"):
            passages = widened(self.store, passages, self.settings)
            if explain:
                passages = [_marked(query, passage) for passage in passages]
        logger.info("search: %d passages, %s", len(passages), _in_milliseconds(trace.seconds))
        labels = [passage.relevant for passage in passages if passage.relevant is not None]
        return SearchResult(
            query=text,
            passages=tuple(passages),
            seconds=trace.seconds,
            models=models,
            degraded=tuple(trace.degraded),
            searched=asked.text,
            notes=tuple(trace.notes),
            good=any(labels) if labels else None,
            where=_both(where, asked.where),
        )

    # -- the question ----------------------------------------------------------------------------------

    def _understood(self, asked: AskedQuestion) -> Query:
        languages = frozenset[str]().union(*(index.languages() for index in self.indexes))
        return understand(
            asked.text,
            languages=languages,
            synonyms=self.synonyms,
            other_writings=self.settings.alternatives,
            must=necessary_terms(asked, languages or {ENGLISH}),
            must_characters=necessary_characters(asked),
        )

    def _spelt(self, query: Query, legs: Sequence[str], where: Where | None, trace: Trace) -> Query:
        """The question that also looks for what is near the words that no document of the asker holds."""
        index = next((index for index in self.indexes if index.kind == "lexical"), None)
        if not self.settings.spelling or index is None or "lexical" not in legs:
            return query

        def read(chunks: Sequence[int]) -> list[str]:
            found = self.store.passages(chunks, where.filter if where is not None else None)
            return [indexed_text(found[c][1].context, found[c][1].text) for c in chunks if c in found]

        with trace.stage("spelling"):
            found = corrections(query, index, where, read)
        trace.notes += remarks(found)
        return corrected(query, found) if found else query

    def _encoded(
        self, query: Query, legs: tuple[str, ...], trace: Trace
    ) -> tuple[Query, tuple[str, ...], Mapping[str, str]]:
        """The query with its vector, the legs that can be asked (words alone if the encoder fails), and the models."""
        if "dense" not in legs:
            return query, legs, self.models
        in_force = self.adapter()
        if in_force.note:
            trace.degraded.append(in_force.note)
        models = self.models if in_force.adapter is None else {**self.models, "adapter": in_force.adapter.made}
        try:
            made = trace.within("encode", self.budget.encode, lambda: encoded(query, self.encoder, in_force.adapter))
            return self._with_hypothetical_answer(made, trace), legs, models
        except (ModelError, OutOfTime) as error:
            if "lexical" not in legs:
                raise
            logger.warning("searching by words only: %s", error)
            trace.degraded.append(f"dense: {error}")
            return query, ("lexical",), models

    def _with_hypothetical_answer(self, query: Query, trace: Trace) -> Query:
        answer = self._rewriter.hypothetical_answer(query.text, trace)
        if not answer:
            return query
        try:
            vectors = trace.within("encode", self.budget.encode, lambda: self.encoder.encode_passages([answer]))
        except (ModelError, OutOfTime) as error:
            trace.degraded.append(f"hypothetical answer: {error}")
            return query
        return dataclasses.replace(query, vector=wordings.joined_vector(cast("Vectors", query.vector), vectors))

    def _other_wordings(self, query: Query, legs: Sequence[str], trace: Trace) -> list[Query]:
        found = [
            dataclasses.replace(
                self._understood(AskedQuestion(text)), must=query.must, must_characters=query.must_characters
            )
            for text in self._rewriter.other_wordings(query.text, trace)
        ]
        if "dense" not in legs or not found:
            return found
        adapter = self.adapter().adapter
        try:
            return trace.within(
                "encode", self.budget.encode, lambda: [encoded(other, self.encoder, adapter) for other in found]
            )
        except (ModelError, OutOfTime) as error:
            trace.degraded.append(f"wordings: {error}")
            return []

    @property
    def _rewriter(self) -> Rewriter:
        return Rewriter(self.settings, self.generator, self.budget.expand)

    # -- the indexes -----------------------------------------------------------------------------------

    def _passages(
        self,
        query: Query,
        legs: tuple[str, ...],
        asked: AskedQuestion,
        k: int,
        wanted: int,
        pushed: Where | None,
        indexes: Legs,
        trace: Trace,
    ) -> list[Passage]:
        """The best candidates that are there, allowed, and satisfy the question."""
        queries = [query, *self._other_wordings(query, legs, trace)]
        found = self._candidates(queries, legs, asked, k, wanted, pushed, indexes, trace)
        if found or not asked.phrases:
            return found

        def without(phrases: Sequence[str]) -> list[Passage]:
            loose = dataclasses.replace(asked, phrases=tuple(p for p in asked.phrases if p not in phrases))
            fewer = self._understood(loose)
            loosened = [dataclasses.replace(q, must=fewer.must, must_characters=fewer.must_characters) for q in queries]
            return self._candidates(loosened, legs, loose, k, wanted, pushed, indexes, trace)

        # Only what nothing holds is given up, if that is it; else they are all nowhere together.
        nowhere = [one for one in asked.phrases if not without([other for other in asked.phrases if other != one])]
        found = without(nowhere) if nowhere else []
        given_up = nowhere if found else asked.phrases
        trace.notes.append(
            Remark("No passage holds {phrases} as asked; searched for the words instead.", phrases=_quoted(given_up))
        )
        return found or without(asked.phrases)

    def _wanted(self, k: int, feedback: Feedback | None) -> int:
        """How many candidates are read: those that may come up to the first k."""
        may_rise = self.settings.mmr_lambda < 1.0 or self.settings.max_per_document > 0 or self._reorders(feedback)
        wanted = min(MAX_K, _LOOKED_AT * k) if may_rise else k
        return max(wanted, self.reranking.candidates) if self.reranker is not None else wanted

    def _depth(self, wanted: int) -> int:
        """How far down each index is asked."""
        return max(self.settings.candidates, wanted)

    def _candidates(
        self,
        queries: Sequence[Query],
        legs: tuple[str, ...],
        asked: AskedQuestion,
        k: int,
        wanted: int,
        pushed: Where | None,
        indexes: Legs,
        trace: Trace,
    ) -> list[Passage]:
        def keep(chunk: StoredChunk) -> bool:
            return satisfies(asked, fold(indexed_text(chunk.context, chunk.text)))

        demanding = bool(asked.phrases or asked.excluded)
        # What satisfies the question is then among what the words find.
        by_words = bool(queries[0].must or queries[0].must_characters) and "lexical" in legs
        most = self.settings.max_per_document
        depth = self._depth(wanted)
        while True:
            every: list[list[Fused]] = []
            hits: list[Mapping[str, Sequence[Hit]]] = []
            for query in queries:
                hits.append(indexes.ask(query, legs, depth))
                with trace.stage("fuse"):
                    every.append(self._fused(query, hits[-1]))
            with trace.stage("fuse"):
                fused = wordings.combined(every[0], every[1:])
                by_words = by_words and all("lexical" in found for found in hits)
                if by_words:
                    holding = {hit.chunk for found in hits for hit in found["lexical"]}
                    fused = [one for one in fused if one.chunk in holding]
            with trace.stage("read"):
                passages = gather(
                    self.store,
                    fused,
                    hits[0],
                    wanted,
                    pushed.filter if pushed is not None else None,
                    keep=keep if demanding else None,
                    # Which of a document's are the best is decided later.
                    most_per_document=most * _LOOKED_AT,
                    group=self.settings.group_duplicates,
                    group_near=self.settings.group_near_duplicates,
                )
            ends = ("lexical",) if by_words else legs
            whole = all(len(of_query.get(leg, ())) < depth for of_query in hits for leg in ends)
            lacking = demanding and len(passages) < wanted
            if most:
                lacking = lacking or len(at_most_per_document([p.document for p in passages], most)) < k
            if not lacking or whole or depth >= _DEEPEST:
                return passages
            depth = min(_DEEPEST, depth * _DEEPER)

    def _behind(self, legs: Sequence[str]) -> list[str]:
        """What the indexes do not know yet. Raises StaleIndex if one knows what the truth does not."""
        found: list[str] = []
        for index in self.indexes:
            if index.kind in legs:
                at, newest = index.revision, self.store.revision
                if at > newest:
                    raise StaleIndex(
                        "Index {name} is ahead of the documents ({at} > {newest}): they were restored from a backup.",
                        remedy="Run `qianxun rebuild`.",
                        name=index.name,
                        at=at,
                        newest=newest,
                    )
                if at < newest:
                    found.append(f"{index.name}: {newest - at} changes behind")
        return found

    def term_weights(self, question: str) -> dict[str, float]:
        """The question's words → their inverse document frequency in the lexical index."""
        query = understand(question)
        weights: dict[str, float] = {}
        for index in self.indexes:
            weights.update(index.idf(query.words))
        return weights

    def _fused(self, query: Query, hits: Mapping[str, Sequence[Hit]]) -> list[Fused]:
        """The legs' hits as one ranking, with what the vectors of all of them tell."""
        settings = self.settings
        if len(hits) < 2:
            return fuse(hits, dense_weight=settings.dense_weight)
        return fuse(
            hits,
            dense_weight=settings.dense_weight,
            method=settings.fusion,
            rrf_k=settings.rrf_k,
            candidates=candidates_of(query, hits, self._held),
        )

    def _held(self, chunks: Sequence[int]) -> Held:
        return next(index for index in self.indexes if index.kind == "dense").held(chunks)

    # -- the order -------------------------------------------------------------------------------------

    def _reranked(self, question: str, passages: list[Passage], trace: Trace) -> tuple[list[Passage], int]:
        """The passages as the reranker has them, and how many of them, from the first on, have scores on one scale."""
        reranker = self.reranker
        if reranker is None or not passages:
            return passages, len(passages)
        judged = [indexed_text(p.context, p.text) for p in passages[: self.reranking.candidates]]
        try:
            scores = trace.within("rerank", self.budget.rerank, lambda: reranker.score(question, judged).tolist())
        except (ModelError, OutOfTime) as error:
            logger.warning("not reranked: %s", error)
            trace.degraded.append(f"reranker: {error}")
            return passages, len(passages)
        return reranked(passages, scores, self.reranking), len(scores)

    def _in_force(self, trace: Trace) -> Feedback | None:
        """What people made known of passages, if that counts; None also where its file cannot be read."""
        if not (self.rules.clicks or self.rules.feedback):
            return None
        try:
            return self.feedback()
        except (QianxunError, OSError) as error:
            trace.degraded.append(f"feedback: {error}")
            return None

    def _reorders(self, feedback: Feedback | None) -> bool:
        """Whether any signal may say something."""
        rules = self.rules
        factors = rules.authority and (rules.sources or rules.labels)
        return bool(rules.freshness or rules.exact or factors or feedback is not None)

    def _by_signals(
        self, asked: AskedQuestion, passages: list[Passage], n_judged: int, feedback: Feedback | None, trace: Trace
    ) -> list[Passage]:
        if not self._reorders(feedback):
            return passages
        with trace.stage("signals"):
            documents = list({passage.document for passage in passages})
            by_chunk, by_document = _counts(feedback, documents, trace)
            dated = self.store.live(documents) if self.rules.freshness else {}
            wanted = wanted_of(asked.text, (*asked.phrases, *asked.emphasised)) if self.rules.exact else Wanted()
            facts = Facts(
                now=datetime.now(UTC),
                modified={id: document.modified for id, document in dated.items()},
                passages=by_chunk,
                documents=by_document,
                wanted=wanted,
            )
            return by_signals(passages, n_judged, self.rules, facts)


def _counts(
    feedback: Feedback | None, documents: Sequence[int], trace: Trace
) -> tuple[Mapping[int, Counts], Mapping[int, Counts]]:
    try:
        return feedback.counts(documents) if feedback is not None else ({}, {})
    except (StorageError, Busy) as error:
        trace.degraded.append(f"feedback: {error}")
        return {}, {}


def _legs(mode: str) -> tuple[str, ...]:
    if mode not in LEGS:
        raise InputError("There is no search mode {mode!r}.", remedy="Choose hybrid, lexical or dense.", mode=mode)
    return LEGS[mode]


def _both(one: Filter | None, other: Filter | None) -> Filter | None:
    parts = tuple(part for part in (one, other) if part is not None)
    return And(parts) if len(parts) > 1 else next(iter(parts), None)


def _quoted(phrases: Sequence[str]) -> str:
    return " / ".join(f"“{phrase}”" for phrase in phrases)


def _as_understood(written: str) -> Remark:
    return Remark("Understood as an operator: {written}", written=written)


def _marked(query: Query, passage: Passage) -> Passage:
    if passage.rank > MARKED:
        return passage
    return dataclasses.replace(passage, matched=matched_terms(query, f"{passage.context}\n{passage.text}"))


def _in_milliseconds(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in seconds.items())
