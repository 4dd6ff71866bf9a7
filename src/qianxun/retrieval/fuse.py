"""Two indexes' hits become one ranking. Pure; the same for every engine.

With `c` the cosine of a chunk, `a` its lexical score over what the question could have attained there, `b` the
largest `a` that this question reached, and `w` the setting `search.dense_weight`:

    score   = w · max(0, c) + (1 − w) · trust · ((a / b)^1.5 + 0.6 · other · (c / best c)³) / 1.6
    trust   = √b · min(1, ahead / 0.45)
    ahead   = 1 − the mean of the nine lexical scores after the best one, over the best one

`trust` is how far words can be believed: a question in another language than the documents attains almost
nothing (√b), and where ten chunks match about equally well the words do not tell which is meant (`ahead`); then
meaning decides. The power lets the best lexical hits count and the mediocre ones (which share some common word)
not push others out. `other` is 1 for a chunk in another language than the question, else 0: words can hardly find it,
so that they do not says nothing against it, and where both languages are in one knowledge base it would lose to
anything that shares a word. It is given what its closeness in meaning lets one expect.

Every chunk has its exact cosine, also one that only the lexical index found, if the dense index can tell; else the
lowest of the dense list, the most it can have. Chosen among many variants by `bench/fusion_study.py`; the
figures and the losers are in `bench/LOG.md`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from qianxun.records import Hit, Stage

SHARPNESS = 1.5
TRUST = 0.5
AHEAD, N_BEHIND = 0.45, 9
OTHER_LANGUAGE, CLOSENESS = 0.6, 3


@dataclass(frozen=True, slots=True)
class Fused:
    """A chunk with its fused score in [0, 1]."""

    chunk: int
    score: float


def fuse(
    legs: Mapping[str, Sequence[Hit]],
    *,
    dense_weight: float,
    other_language: Collection[int] = (),
    cosines: Mapping[int, float] | None = None,
) -> list[Fused]:
    """The union of the legs' hits, best first, ties by chunk id.

    `legs` maps "dense" and "lexical" to hits in rank order. With one leg, its own order stays. `other_language` are
    the chunks that are in another language than the question; `cosines` those of chunks that only the lexical
    index found.
    """
    shares = {name: _attained(hits) for name, hits in legs.items()}
    if len(shares) == 1:
        (scores,) = shares.values()
    else:
        scores = _joined(shares["dense"], shares["lexical"], dense_weight, other_language, cosines or {})
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [Fused(chunk, score) for chunk, score in ranked]


def _joined(
    dense: Mapping[int, float],
    lexical: Mapping[int, float],
    dense_weight: float,
    other_language: Collection[int],
    cosines: Mapping[int, float],
) -> dict[int, float]:
    lowest = min(dense.values(), default=0.0)
    nearest = max(dense.values(), default=0.0)
    best = max(lexical.values(), default=0.0)
    trust = _trust(list(lexical.values()))
    scores: dict[int, float] = {}
    for chunk in dense.keys() | lexical.keys():
        cosine = max(0.0, dense[chunk] if chunk in dense else cosines.get(chunk, lowest))
        words = (lexical.get(chunk, 0.0) / best) ** SHARPNESS if best else 0.0
        if chunk in other_language and nearest:
            words += OTHER_LANGUAGE * min(1.0, cosine / nearest) ** CLOSENESS
        scores[chunk] = dense_weight * cosine + (1.0 - dense_weight) * trust * words / (1.0 + OTHER_LANGUAGE)
    return scores


def _trust(attained: Sequence[float]) -> float:
    """How far words can be believed, in [0, 1]."""
    ranked = sorted(attained, reverse=True)
    if not ranked or not ranked[0]:
        return 0.0
    ahead = 1.0 - sum(ranked[1 : 1 + N_BEHIND]) / N_BEHIND / ranked[0]
    return float(ranked[0] ** TRUST * min(1.0, ahead / AHEAD))


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
