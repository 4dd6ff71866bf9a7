"""Several indexes' hits become one ranking. Pure; the same for every engine.

Each leg's score is taken against what the question could have attained in it, never against the best
hit: a question in another language than the documents attains almost nothing lexically, and then the
dense leg decides alone, by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qianxun.records import Hit, Stage


@dataclass(frozen=True, slots=True)
class Fused:
    """A chunk with its fused score in [0, 1] and what each leg said."""

    chunk: int
    score: float
    stages: Mapping[str, Stage]


def fuse(legs: Mapping[str, Sequence[Hit]], *, dense_weight: float) -> list[Fused]:
    """The union of the legs' hits, best first, ties by chunk id.

    `legs` maps "dense" and "lexical" to hits in rank order. With one leg its order is kept.
    """
    weights = {"dense": dense_weight, "lexical": 1.0 - dense_weight}
    total = sum(weights[name] for name in legs) or 1.0
    stages: dict[int, dict[str, Stage]] = {}
    scores: dict[int, float] = {}
    for name, hits in legs.items():
        share = weights[name] / total if len(legs) > 1 else 1.0
        for rank, hit in enumerate(hits, start=1):
            attained = hit.score / hit.attainable if hit.attainable > 0 else 0.0
            scores[hit.chunk] = scores.get(hit.chunk, 0.0) + share * max(0.0, min(1.0, attained))
            stages.setdefault(hit.chunk, {})[name] = Stage(rank, hit.score)
    absent = Stage(None, None)
    return [
        Fused(chunk, score, {name: stages[chunk].get(name, absent) for name in legs})
        for chunk, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    ]
