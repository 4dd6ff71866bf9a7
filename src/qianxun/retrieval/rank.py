"""What puts passages in their final order after fusion: a reranker's judgement, signals, diversity. Pure."""

import dataclasses
import math
from collections.abc import Callable, Sequence

from qianxun.protocols import Held
from qianxun.records import Passage, Stage
from qianxun.retrieval.diversify import at_most_per_document, mmr
from qianxun.retrieval.signals import Facts, SignalRules, signalled
from qianxun.settings import RerankerSettings, SearchSettings

# A model's probability is a float32 or less: nearer to 0 or 1 nothing is told.
_LEAST = 1e-7


def calibrated(probability: float, slope: float, offset: float) -> float:
    """P(relevant) in [0, 1] from what a reranker gives: its log odds times `slope` plus `offset` (Platt scaling).

    Platt, "Probabilistic outputs for support vector machines", 1999. With 1 and 0 it stays what it is.
    """
    if slope == 1.0 and offset == 0.0:
        return probability
    bounded = min(1.0 - _LEAST, max(_LEAST, probability))
    return 1.0 / (1.0 + math.exp(-(slope * math.log(bounded / (1.0 - bounded)) + offset)))


def reranked(passages: Sequence[Passage], scores: Sequence[float], settings: RerankerSettings) -> list[Passage]:
    """The first `len(scores)` passages by P(relevant), ties as they were, each labelled; the others as they were."""
    chances = [calibrated(score, settings.slope, settings.offset) for score in scores]
    order = sorted(range(len(chances)), key=lambda place: -scores[place])
    judged = [
        dataclasses.replace(
            passages[place],
            score=round(chances[place], 6),
            stages={**passages[place].stages, "reranker": Stage(rank, chances[place])},
            relevant=chances[place] >= settings.threshold,
        )
        for rank, place in enumerate(order, start=1)
    ]
    return numbered([*judged, *passages[len(scores) :]])


def by_signals(passages: Sequence[Passage], n_judged: int, rules: SignalRules, facts: Facts) -> list[Passage]:
    """The passages by what the signals make of their relevance.

    The first `n_judged` have scores on one scale, and the others on another: they keep to themselves.
    """
    found: list[Passage] = []
    for group in (passages[:n_judged], passages[n_judged:]):
        for rank, one in enumerate(signalled(group, rules, facts), start=len(found) + 1):
            passage = group[one.place]
            if len(one.contributions) > 1:
                passage = dataclasses.replace(
                    passage,
                    score=round(one.score, 6),
                    contributions=one.contributions,
                    stages={**passage.stages, "signals": Stage(rank, one.score)},
                )
            found.append(passage)
    return numbered(found)


def diversified(
    passages: Sequence[Passage],
    k: int,
    settings: SearchSettings,
    held: Callable[[Sequence[int]], Held],
) -> list[Passage]:
    """The k passages to show. `held` is a dense index's; it is asked only where vectors count."""
    places = at_most_per_document([passage.document for passage in passages], settings.max_per_document)
    kept = [passages[place] for place in places]
    if settings.mmr_lambda < 1.0 and len(kept) > 1:
        chunks = [passage.chunk for passage in kept]
        ids, rows, _ = held(chunks)
        relevance = [passage.score for passage in kept]
        kept = [kept[place] for place in mmr(chunks, relevance, ids, rows, lambda_=settings.mmr_lambda, k=k)]
    return numbered(kept[:k])


def numbered(passages: Sequence[Passage]) -> list[Passage]:
    """The passages with their ranks, from 1."""
    return [
        passage if passage.rank == rank else dataclasses.replace(passage, rank=rank)
        for rank, passage in enumerate(passages, start=1)
    ]
