"""Two indexes' hits become one ranking. Pure; the same for every engine.

How is the setting `search.fusion`. Its methods `rrf` and `weighted…` are those of `qianxun.retrieval.fusion_methods`;
`adaptive`, the default, goes by how far each question's words can be believed.

With `c` the cosine of a chunk, `a` its lexical score over what the question could have attained there, `b` the
largest `a` that this question reached, and `w` the setting `search.dense_weight`:

    score   = w · max(0, c) + (1 − w) · trust · ((a / b)² + 0.6 · other · (c / best c)³) / 1.6
    trust   = √b · min(1, ahead / 0.45)
    ahead   = 1 − the mean of the nine lexical scores after the best one, over the best one

`trust` is how far words can be believed: a question in another language than the documents attains almost
nothing (√b), and where ten chunks match about equally well the words do not tell which is meant (`ahead`); then
meaning decides. The power lets the best lexical hits count and the mediocre ones (which share some common word)
not push others out. `other` is 1 for a chunk in another language than the question, else 0: words can hardly find it,
so that they do not says nothing against it, and where both languages are in one knowledge base it would lose to
anything that shares a word. It is given what its closeness in meaning lets one expect.

What both legs put first is then believed: of the chunk that leads, with vector `v`, the question's vector `q` takes on
as much as the legs agree on it,

    q'      = q + c · (a / b)² · v        (scaled to unit length)

and everything is scored once more with the cosines of `q'` (Rocchio 1971, from one passage). Where several passages
answer a question, they are near each other; where the words find nothing or something else, nothing changes.

Every chunk has its exact cosine, also one that only the lexical index found, if the dense index can tell
(`retrieval.candidates`); else the lowest of the dense list, the most it can have. Chosen among many variants by
`bench/fusion_study.py`; the figures and the losers are in `bench/LOG.md`; `bench/fusion_methods.py` compares the
methods through the product.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, get_args

from qianxun.errors import InputError
from qianxun.records import Hit, Stage
from qianxun.retrieval.candidates import Candidates, candidates_with
from qianxun.retrieval.fusion_methods import RRF_K, Normalisation, reciprocal_rank, weighted_sum

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

Method: TypeAlias = Literal["adaptive", "rrf", "weighted", "weighted-minmax", "weighted-zscore", "weighted-best"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
_NORMALISED: Final[Mapping[Method, Normalisation]] = {
    "weighted": "none",
    "weighted-minmax": "minmax",
    "weighted-zscore": "zscore",
    "weighted-best": "best",
}

SHARPNESS = 2.0
TRUST = 0.5
AHEAD, N_BEHIND = 0.45, 9
OTHER_LANGUAGE, CLOSENESS = 0.6, 3
FEEDBACK = 1.0


class Fused(NamedTuple):
    """A chunk with its fused score in [0, 1]. A tuple, since a hundred are made for each question."""

    chunk: int
    score: float


def fuse(
    legs: Mapping[str, Sequence[Hit]],
    *,
    dense_weight: float,
    method: Method = "adaptive",
    rrf_k: int = RRF_K,
    candidates: Candidates | None = None,
) -> list[Fused]:
    """The union of the legs' hits, best first, ties by chunk id.

    `legs` maps "dense" and "lexical" to hits in rank order. With one leg, its own order stays, whatever the method.
    `dense_weight` in [0, 1] is the weight of the dense leg, the rest that of the lexical one: 0.5 makes them equal.
    `candidates` are all chunks of both legs; without them, only the dense hits' cosines are known, and what leads has
    no say in what follows. Raises InputError for a method that there is not.
    """
    if method not in METHODS:
        raise InputError(
            "There is no fusion method {method!r}.",
            remedy="Choose one of {known}.",
            method=method,
            known=", ".join(METHODS),
        )
    weights = {"dense": dense_weight, "lexical": 1.0 - dense_weight}
    if len(legs) == 1:
        (hits,) = legs.values()
        scores = _attained(hits)
    elif method == "adaptive":
        return _adaptive(legs["dense"], _attained(legs["lexical"]), dense_weight, candidates or candidates_with(legs))
    elif method == "rrf":
        scores = reciprocal_rank(legs, weights, k=rrf_k)
    else:
        known = {} if candidates is None else candidates.known()
        scores = weighted_sum(legs, weights, normalisation=_NORMALISED[method], known={"dense": known})
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [Fused(chunk, score) for chunk, score in ranked]


def _adaptive(
    dense: Sequence[Hit], lexical: Mapping[int, float], dense_weight: float, candidates: Candidates
) -> list[Fused]:
    import numpy as np

    chunks = candidates.chunks
    if not chunks:
        return []
    meant = _filled(candidates.cosines, min((hit.score for hit in dense), default=0.0))
    best = max(lexical.values(), default=0.0) or 1.0
    words = np.array([lexical.get(chunk, 0.0) for chunk in chunks]) / best
    words **= SHARPNESS
    others = candidates.other_language
    any_other = bool(others.any())
    of_words = (1.0 - dense_weight) * _trust(list(lexical.values())) / (1.0 + OTHER_LANGUAGE)

    def scored(meant: "Numbers") -> "Numbers":
        within, nearest, said = np.minimum(np.maximum(meant, 0.0), 1.0), meant.max(), words
        if any_other and nearest > 0.0:
            said = words + others * OTHER_LANGUAGE * np.minimum(within / nearest, 1.0) ** CLOSENESS
        return dense_weight * within + of_words * said

    scores = scored(meant)
    first = min(np.flatnonzero(scores == scores.max()).tolist(), key=chunks.__getitem__)
    if meant[first] > 0.0 and words[first]:
        near = candidates.near(first)
        if not np.isnan(near).all():
            share = FEEDBACK * meant[first] * words[first]
            scores = scored(_drawn(meant, _filled(near, float(np.nanmin(near))), share, meant[first]))
    order = np.lexsort((np.array(chunks), -scores)).tolist()
    found = scores.tolist()
    return [Fused(chunks[place], found[place]) for place in order]


def _filled(cosines: "Numbers", unknown: float) -> "Numbers":
    import numpy as np

    return np.where(np.isnan(cosines), unknown, cosines)


def _drawn(meant: "Numbers", towards: "Numbers", share: float, cosine: float) -> "Numbers":
    """The cosines with `q + share · v`, from those with `q` (`meant`) and with `v`; `cosine` is of q and v."""
    return (meant + share * towards) / math.sqrt(1.0 + 2.0 * share * cosine + share * share)


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
