"""A question to passages: understand → encode → each index → fuse → the store's gate → rerank → passages.

Every flow that shows text goes through here, with an asker. Indexes give ids; text comes only from
the store, which applies the asker's filter again, so a stale index can lose recall for a moment but
never show what is deleted or forbidden.
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from qianxun.documents.dedupe import say_nearly_the_same, say_the_same
from qianxun.documents.split import indexed_text
from qianxun.errors import InputError, ModelError, StaleIndex
from qianxun.filters import Filter, visible_to
from qianxun.protocols import Encoder, Index, Reranker, Vectors, Where
from qianxun.records import Asker, Document, Hit, Passage, Query, SearchResult, Stage
from qianxun.retrieval.adapt import InForce
from qianxun.retrieval.fuse import Fused, fuse, stages_of
from qianxun.retrieval.understand import cut_question, matched_terms, understand
from qianxun.settings import RerankerSettings, SearchSettings
from qianxun.storage.store import Store, StoredChunk
from qianxun.text import script

logger = logging.getLogger(__name__)

# Terms are marked in what a person looks at; folding hundreds of passages would cost more than finding them.
MARKED = 20
MAX_K = 10_000
LEGS: Mapping[str, tuple[str, ...]] = {"hybrid": ("dense", "lexical"), "dense": ("dense",), "lexical": ("lexical",)}


@dataclass(slots=True)
class Clock:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Searcher:
    """Everything a search needs. `encoder` and `adapter` are only asked when a dense index is.

    `adapter` tells at each search which query adapter is in force: another process may have learned one meanwhile.
    `maker` names the enrichment that the indexes are made with, "" if none. A model that fails is done without, and
    named in the result's `degraded`: words alone find passages when the encoder is away, their order stays the fused
    one when the reranker is.
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

    def search(
        self,
        question: str,
        *,
        asker: Asker,
        k: int | None = None,
        mode: str | None = None,
        where: Filter | None = None,
        explain: bool = False,
    ) -> SearchResult:
        """At most k passages that the asker may read, best first; with `explain` also the terms that matched.

        Raises InputError for an empty question, a k below 1 or an unknown mode.
        """
        k = self.settings.k if k is None else k
        if not 1 <= k <= MAX_K:
            raise InputError("k is {k}, but it must be 1 to {most}.", remedy="Ask for fewer passages.", k=k, most=MAX_K)
        legs = _legs(mode or self.settings.mode)
        clock, degraded = Clock(), list[str]()
        text, cut = cut_question(question, self.settings.max_question_chars)
        if cut:
            degraded.append(f"question: cut to its first {self.settings.max_question_chars} characters")
        degraded += self._behind(legs)
        allowed = visible_to(asker, where)
        in_force = self.adapter() if "dense" in legs else InForce()
        if in_force.note:
            degraded.append(in_force.note)
        models = self.models if in_force.adapter is None else {**self.models, "adapter": in_force.adapter.made}
        with clock.stage("encode"):
            query, legs = self._understood(text, legs, in_force, degraded)
        with clock.stage("filter"):
            pushed = Where(allowed, self.store.matching(allowed)) if allowed is not None else None
        if not query.words:  # punctuation, emoji: nothing that an index knows
            return SearchResult(text, (), clock.seconds, models, tuple(degraded))
        wanted = max(k, self.reranking.candidates) if self.reranker is not None else k
        hits = self._ask_indexes(query, legs, max(self.settings.candidates, wanted), pushed, clock)
        with clock.stage("fuse"):
            fused = self._fused(text, query, hits)
        with clock.stage("read"):
            passages = self._passages(query, hits, fused, wanted, allowed)
        if self.reranker is not None and passages:
            with clock.stage("rerank"):
                passages = self._reranked(self.reranker, text, passages, degraded)[:k]
        with clock.stage("read"):
            if explain:
                passages = [_marked(query, passage) for passage in passages]
        logger.info("search: %d passages, %s", len(passages), _in_milliseconds(clock.seconds))
        return SearchResult(text, tuple(passages), clock.seconds, models, tuple(degraded))

    def _understood(
        self, text: str, legs: tuple[str, ...], in_force: InForce, degraded: list[str]
    ) -> tuple[Query, tuple[str, ...]]:
        """The question made ready, and the legs that can be asked: words alone if the encoder fails."""
        if "dense" not in legs:
            return understand(text, None), legs
        try:
            return understand(text, self.encoder, in_force.adapter), legs
        except ModelError as error:
            if "lexical" not in legs:
                raise
            logger.warning("searching by words only: %s", error)
            degraded.append(f"dense: {error}")
            return understand(text, None), ("lexical",)

    def _reranked(
        self, reranker: Reranker, question: str, passages: list[Passage], degraded: list[str]
    ) -> list[Passage]:
        """The passages by P(relevant), ties as they were; those beyond the candidates follow as they were."""
        judged, rest = passages[: self.reranking.candidates], passages[self.reranking.candidates :]
        try:
            scores = reranker.score(question, [indexed_text(p.context, p.text) for p in judged]).tolist()
        except ModelError as error:
            logger.warning("not reranked: %s", error)
            degraded.append(f"reranker: {error}")
            return passages
        order = sorted(range(len(judged)), key=lambda place: -scores[place])
        found = [
            dataclasses.replace(
                judged[place],
                score=round(scores[place], 6),
                stages={**judged[place].stages, "reranker": Stage(rank, scores[place])},
            )
            for rank, place in enumerate(order, start=1)
        ]
        return [dataclasses.replace(p, rank=rank) for rank, p in enumerate([*found, *rest], start=1)]

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
        query = understand(question, None)
        weights: dict[str, float] = {}
        for index in self.indexes:
            weights.update(index.idf(query.words))
        return weights

    def _ask_indexes(
        self, query: Query, legs: Sequence[str], k: int, where: Where | None, clock: Clock
    ) -> dict[str, list[Hit]]:
        def ask(index: Index) -> list[Hit]:
            with clock.stage(index.kind):
                return index.search(query, k, where)

        asked = [index for index in self.indexes if index.kind in legs]
        # The engines let go of the interpreter while they search, so two legs take as long as the slower one.
        later = [self.threads.submit(ask, index) for index in asked[:-1]] if self.threads is not None else []
        found = {index.kind: ask(index) for index in asked[len(later) :]}
        return {**{index.kind: f.result() for index, f in zip(asked, later, strict=False)}, **found}

    def _fused(self, question: str, query: Query, hits: Mapping[str, Sequence[Hit]]) -> list[Fused]:
        """The legs' hits as one ranking, with what the vectors of all of them tell."""
        weight = self.settings.dense_weight
        if len(hits) < 2:
            return fuse(hits, dense_weight=weight)
        chunks, vectors = self._vectors(hits)
        row_of = {chunk: row for row, chunk in enumerate(chunks)}

        def cosines(vector: Vectors) -> dict[int, float]:
            # Summed and rounded as the dense indexes do it: what says the same must not differ in the last digit.
            return dict(zip(chunks, (vectors @ vector).astype("float32").tolist(), strict=True)) if chunks else {}

        return fuse(
            hits,
            dense_weight=weight,
            other_language=self._other_language(question, hits),
            cosines=cosines(cast("Vectors", query.vector)),
            near=lambda chunk: cosines(vectors[row_of[chunk]]) if chunk in row_of else {},
        )

    def _vectors(self, hits: Mapping[str, Sequence[Hit]]) -> tuple[list[int], Vectors]:
        """The vectors, in double precision, of what either index found, as far as the dense index has them."""
        dense = next(index for index in self.indexes if index.kind == "dense")
        chunks, vectors = dense.vectors(list({hit.chunk for leg in hits.values() for hit in leg}))
        return chunks.tolist(), vectors.astype("float64")

    def _other_language(self, question: str, hits: Mapping[str, Sequence[Hit]]) -> set[int]:
        """The chunks found that are in another language than the question, as far as their script tells."""
        asked = script(question)
        if not asked:
            return set()
        found = list({hit.chunk for leg in hits.values() for hit in leg})
        return self.store.written_in(found, "alphabetic" if asked == "cjk" else "cjk")

    def _passages(
        self,
        query: Query,
        hits: Mapping[str, Sequence[Hit]],
        fused: Sequence[Fused],
        k: int,
        allowed: Filter | None,
    ) -> list[Passage]:
        """The best k that exist and are allowed; passages that say the same count once."""
        group, group_near = self.settings.group_duplicates, self.settings.group_near_duplicates
        kept: list[tuple[Fused, Document, StoredChunk]] = []
        sources: list[list[str]] = []
        near: list[list[str]] = []
        at = 0
        while at < len(fused) and (len(kept) < k or at == 0):
            batch = fused[at : at + k + 2]
            at += len(batch)
            found = self.store.passages([f.chunk for f in batch], allowed)
            for item in batch:
                if item.chunk not in found:
                    continue
                document, chunk = found[item.chunk]
                twin = _twin(chunk, kept) if group else None
                if twin is not None:
                    if document.source not in (kept[twin][1].source, *sources[twin]):
                        sources[twin].append(document.source)
                    continue
                like = _near_twin(document, chunk, kept) if group_near else None
                if like is not None:
                    if document.source not in (kept[like][1].source, *sources[like], *near[like]):
                        near[like].append(document.source)
                elif len(kept) < k:
                    kept.append((item, document, chunk))
                    sources.append([])
                    near.append([])
        # Equal scores are ordered by what does not depend on the order of ingestion.
        order = sorted(range(len(kept)), key=lambda i: (-kept[i][0].score, kept[i][1].source, kept[i][2].span))
        stages = stages_of([item.chunk for item, _, _ in kept], hits)
        return [
            as_passage(
                document,
                chunk,
                rank=rank,
                score=item.score,
                stages=stages[item.chunk],
                duplicates=sources[place],
                near_duplicates=near[place],
            )
            for rank, place in enumerate(order, start=1)
            for item, document, chunk in [kept[place]]
        ]


def _legs(mode: str) -> tuple[str, ...]:
    if mode not in LEGS:
        raise InputError("There is no search mode {mode!r}.", remedy="Choose hybrid, lexical or dense.", mode=mode)
    return LEGS[mode]


def _marked(query: Query, passage: Passage) -> Passage:
    if passage.rank > MARKED:
        return passage
    return dataclasses.replace(passage, matched=matched_terms(query, f"{passage.context}\n{passage.text}"))


def _twin(chunk: StoredChunk, kept: Sequence[tuple[Fused, Document, StoredChunk]]) -> int | None:
    """The place of a kept passage that says the same, or None."""
    for place, (_, _, other) in enumerate(kept):
        if say_the_same(chunk.near, chunk.text, other.near, other.text):
            return place
    return None


def _near_twin(
    document: Document, chunk: StoredChunk, kept: Sequence[tuple[Fused, Document, StoredChunk]]
) -> int | None:
    """The place of a kept passage of another document that says nearly the same, or None."""
    for place, (_, owner, other) in enumerate(kept):
        if owner.id != document.id and say_nearly_the_same(chunk.near, chunk.text, other.near, other.text):
            return place
    return None


def as_passage(
    document: Document,
    chunk: StoredChunk,
    *,
    rank: int,
    score: float = 0.0,
    stages: Mapping[str, Stage] | None = None,
    duplicates: Sequence[str] = (),
    near_duplicates: Sequence[str] = (),
) -> Passage:
    """A stored chunk as what an asker reads. Whether they may is decided before."""
    return Passage(
        rank=rank,
        score=round(score, 6),
        chunk=chunk.id,
        document=document.id,
        source=document.source,
        title=document.title,
        page=chunk.page,
        location=chunk.location,
        heading=chunk.heading,
        span=chunk.span,
        text=chunk.text,
        context=chunk.context,
        labels=document.labels,
        stages=stages or {},
        duplicates=tuple(duplicates),
        near_duplicates=tuple(near_duplicates),
    )


def _in_milliseconds(seconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in seconds.items())
