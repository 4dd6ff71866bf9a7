"""Two indexes' hits become one ranking. Pure; the same for every engine.

With `c` the cosine of a chunk, `a` its lexical score over what the question could have attained there,
and `b` the largest `a` that this question reached:

    score = w · max(0, c) + (1 − w) · b^T · max((a / b)², other · (c / best c)²)          w = `search.dense_weight`

`b^T` is how far words can be trusted at all: a question in another language than the documents attains
almost nothing lexically, and then meaning decides alone, by itself. The square lets the best lexical hits
count and the mediocre ones (which share some common word) not push others out. `other` is 1 for a chunk in
another language than the question, else 0: words cannot find it, so that they do not says nothing against it,
and where both languages are in one knowledge base it would lose to anything that shares a word. It is given what
its closeness in meaning lets one expect. A chunk that the dense index did not find has a `c` of 0. Chosen
among many variants by `bench/fusion_study.py`; the figures and the losers are in `bench/LOG.md`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from qianxun.records import Hit, Stage

SHARPNESS = 2
TRUST = 0.75


@dataclass(frozen=True, slots=True)
class Fused:
    """A chunk with its fused score in [0, 1]."""

    chunk: int
    score: float


def fuse(
    legs: Mapping[str, Sequence[Hit]], *, dense_weight: float, other_language: Collection[int] = ()
) -> list[Fused]:
    """The union of the legs' hits, best first, ties by chunk id.

    `legs` maps "dense" and "lexical" to hits in rank order. With one leg, its own order stays. `other_language` are
    the chunks that are in another language than the question.
    """
    shares = {name: _attained(hits) for name, hits in legs.items()}
    if len(shares) == 1:
        (scores,) = shares.values()
    else:
        scores = _joined(shares["dense"], shares["lexical"], dense_weight, other_language)
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [Fused(chunk, score) for chunk, score in ranked]


def _joined(
    dense: Mapping[int, float], lexical: Mapping[int, float], dense_weight: float, other_language: Collection[int]
) -> dict[int, float]:
    nearest = max(dense.values(), default=0.0)
    best = max(lexical.values(), default=0.0)
    trusted = (1.0 - dense_weight) * best**TRUST
    scores: dict[int, float] = {}
    for chunk in dense.keys() | lexical.keys():
        cosine = dense.get(chunk, 0.0)
        by_words = (lexical.get(chunk, 0.0) / best) ** SHARPNESS if best else 0.0
        expected = (cosine / nearest) ** SHARPNESS if chunk in other_language and nearest else 0.0
        scores[chunk] = dense_weight * cosine + trusted * max(by_words, expected)
    return scores


def _attained(hits: Sequence[Hit]) -> dict[int, float]:
    """Chunk → its share of what could have been attained, in [0, 1]. One list has one attainable score."""
    attainable = hits[0].attainable if hits else 0.0
    if attainable <= 0.0:
        return {hit.chunk: 0.0 for hit in hits}
    return {hit.chunk: min(1.0, hit.score / attainable) if hit.score > 0.0 else 0.0 for hit in hits}


def stages_of(chunks: Sequence[int], legs: Mapping[str, Sequence[Hit]]) -> dict[int, dict[str, Stage]]:
    """What each leg said of these chunks: rank and the engine's score, or neither where it did not find it."""
    wanted = {chunk: dict.fromkeys(legs, Stage(None, None)) for chunk in chunks}
    for name, hits in legs.items():
        for rank, hit in enumerate(hits, start=1):
            if hit.chunk in wanted:
                wanted[hit.chunk][name] = Stage(rank, hit.score)
    return wanted
