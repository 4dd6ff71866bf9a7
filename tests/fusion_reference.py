"""Adaptive fusion as its formula says it, a chunk at a time: the reference for the fast one. See `retrieval.fuse`."""

import math
from collections.abc import Collection, Mapping, Sequence

from qianxun.records import Hit
from qianxun.retrieval.fuse import AHEAD, CLOSENESS, FEEDBACK, N_BEHIND, OTHER_LANGUAGE, SHARPNESS, TRUST


def fused(
    dense: Sequence[Hit],
    lexical: Sequence[Hit],
    dense_weight: float,
    other_language: Collection[int] = (),
    cosines: Mapping[int, float] | None = None,
    near: Mapping[int, Mapping[int, float]] | None = None,
) -> dict[int, float]:
    """Chunk → score. `near` maps a chunk to its cosines with the others; None: what leads has no say."""
    of_dense = {hit.chunk: hit.score for hit in dense}
    attained = {hit.chunk: min(1.0, max(0.0, hit.score) / hit.attainable) for hit in lexical}
    best = max(attained.values(), default=0.0)
    lowest = min(of_dense.values(), default=0.0)
    q = {c: of_dense.get(c, (cosines or {}).get(c, lowest)) for c in {*of_dense, *attained}}
    trust = 0.0
    if best:
        behind = sorted(attained.values(), reverse=True)[1 : 1 + N_BEHIND]
        trust = best**TRUST * min(1.0, (1.0 - sum(behind) / N_BEHIND / best) / AHEAD)

    def said(chunk: int) -> float:
        return (attained.get(chunk, 0.0) / best) ** SHARPNESS if best else 0.0

    def score(chunk: int, q: Mapping[int, float]) -> float:
        cosine, nearest = min(1.0, max(0.0, q[chunk])), max(q.values())
        words = said(chunk)
        if chunk in other_language and nearest > 0.0:
            words += OTHER_LANGUAGE * min(1.0, cosine / nearest) ** CLOSENESS
        return dense_weight * cosine + (1.0 - dense_weight) * trust * words / (1.0 + OTHER_LANGUAGE)

    scores = {chunk: score(chunk, q) for chunk in q}
    first = min(scores, key=lambda chunk: (-scores[chunk], chunk), default=None)
    if first is None or q[first] <= 0.0 or not said(first):
        return scores
    v = {chunk: cosine for chunk, cosine in (near or {}).get(first, {}).items() if chunk in q}
    if not v:
        return scores
    share = FEEDBACK * q[first] * said(first)
    length = math.sqrt(1.0 + 2.0 * share * q[first] + share * share)
    drawn = {c: (cosine + share * v.get(c, min(v.values()))) / length for c, cosine in q.items()}
    return {chunk: score(chunk, drawn) for chunk in drawn}
