"""Fusion as the field knows it: by rank, and by normalised scores. Pure; `qianxun.retrieval.fuse` orders the scores.

Each function makes of the legs' hits a score in [0, 1] for every chunk that any leg found. With `w` the weight of a
leg, over the sum of the weights:

    reciprocal_rank   Σ w · (k + 1) / (k + rank)      Cormack, Clarke and Büttcher, SIGIR 2009 (k = 60)
    weighted_sum      Σ w · normalised(score)         Fox and Shaw, TREC-2 1993 (CombSUM), weighted

The normalised score of a hit, in [0, 1], by its leg's own hits (`best` and `least` of their scores, `mean`, and the
standard deviation `sd` over them):

    none     the cosine, or the share of what the question could have attained; below 0 is 0
    minmax   (score − least) / (best − least)
    zscore   (score − mean + 3 sd) / 6 sd, what is beyond three deviations cut off: "distribution-based score
             fusion" (Mazzeschi 2023), as Qdrant has it
    best     score / best: min-max from the least that there can be, 0, instead of the least found, which Bruch, Gai
             and Ingber (ACM TOIS 2023) found to be the steadier one

Where all of a leg's scores are equal nothing can be told from them: min-max gives 1 and z-score ½ to all. A chunk that
a leg did not find has 0 there; where its cosine is known all the same, it is normalised like those found.
There may be any number of legs, of any name.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from qianxun.records import Hit

RRF_K = 60
# Beyond so many standard deviations from the mean, z-scores are cut off.
DEVIATIONS = 3.0

Normalisation: TypeAlias = Literal["none", "minmax", "zscore", "best"]
Legs: TypeAlias = Mapping[str, Sequence[Hit]]


def reciprocal_rank(legs: Legs, weights: Mapping[str, float], *, k: int = RRF_K) -> dict[int, float]:
    """Chunk → its score in [0, 1], 1 for what every leg puts first.

    `legs` are in rank order. Hits of equal score share the rank of the first of them: which of two equal ones an index
    names first depends on the order in which documents were added, and says nothing.
    """
    shares = _shares(legs, weights)
    scores: dict[int, float] = {}
    for name in sorted(legs):
        for hit, rank in zip(legs[name], _ranks(legs[name]), strict=True):
            scores[hit.chunk] = scores.get(hit.chunk, 0.0) + shares[name] * (k + 1) / (k + rank)
    return {chunk: min(1.0, score) for chunk, score in scores.items()}


def weighted_sum(
    legs: Legs,
    weights: Mapping[str, float],
    *,
    normalisation: Normalisation = "none",
    known: Mapping[str, Mapping[int, float]] | None = None,
) -> dict[int, float]:
    """Chunk → its score in [0, 1].

    `known` maps a leg to scores, on the scale of its hits', of chunks that it did not find but another leg did (the
    exact cosines); they change no normalisation.
    """
    shares = _shares(legs, weights)
    found = {hit.chunk for hits in legs.values() for hit in hits}
    scores = dict.fromkeys(found, 0.0)
    for name in sorted(legs):
        attainable = legs[name][0].attainable if legs[name] else 0.0
        if attainable <= 0.0:
            continue
        own = {hit.chunk: hit.score / attainable for hit in legs[name]}
        normalised = _SCALES[normalisation](list(own.values()))
        others = (known or {}).get(name, {})
        for chunk in found:
            if chunk in own or chunk in others:
                score = own[chunk] if chunk in own else others[chunk] / attainable
                scores[chunk] += shares[name] * min(1.0, max(0.0, normalised(score)))
    return {chunk: min(1.0, score) for chunk, score in scores.items()}


def _shares(legs: Legs, weights: Mapping[str, float]) -> dict[str, float]:
    """The legs' weights, adding up to 1; equal ones where all are 0."""
    total = sum(weights[name] for name in sorted(legs))
    return {name: weights[name] / total if total > 0.0 else 1.0 / len(legs) for name in legs}


def _ranks(hits: Sequence[Hit]) -> list[int]:
    ranks: list[int] = []
    for place, hit in enumerate(hits):
        ranks.append(ranks[-1] if place and hit.score == hits[place - 1].score else place + 1)
    return ranks


# --- a leg's scores → what each of them is on the common scale ---

Scale: TypeAlias = Callable[[float], float]


def _as_they_are(scores: Sequence[float]) -> Scale:
    return lambda score: score


def _between_least_and_best(scores: Sequence[float]) -> Scale:
    least, best = min(scores), max(scores)
    if best == least:
        return lambda score: 1.0 if score >= best else 0.0
    return lambda score: (score - least) / (best - least)


def _by_distribution(scores: Sequence[float]) -> Scale:
    mean = math.fsum(scores) / len(scores)
    deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / len(scores))
    # Of equal scores, rounding may leave a deviation that means nothing.
    if deviation <= 1e-9 * abs(mean):
        return lambda score: 0.5 if score >= min(scores) else 0.0
    low, width = mean - DEVIATIONS * deviation, 2.0 * DEVIATIONS * deviation
    return lambda score: (score - low) / width


def _over_the_best(scores: Sequence[float]) -> Scale:
    best = max(scores)
    return lambda score: score / best if best > 0.0 else 0.0


_SCALES: Mapping[Normalisation, Callable[[Sequence[float]], Scale]] = {
    "none": _as_they_are,
    "minmax": _between_least_and_best,
    "zscore": _by_distribution,
    "best": _over_the_best,
}
