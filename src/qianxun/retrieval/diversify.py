"""Passages that tell something new: maximal marginal relevance, and at most so many of one document. Pure.

    next = argmax over what is left of  λ · relevance − (1 − λ) · likeness to the nearest that was chosen

(Carbonell and Goldstein, "The use of MMR", SIGIR 1998). Likeness is the cosine of two passages' vectors, 0 where it is
negative: to say the opposite is no newer than to say something else. A passage without a vector (one that the dense
index does not have yet) is to every other one as like as those with vectors are to each other on average: it is
neither preferred nor held back for that.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

from qianxun.protocols import Ids, Vectors


def mmr(
    chunks: Sequence[int], relevance: Sequence[float], ids: Ids, vectors: Vectors, *, lambda_: float, k: int
) -> list[int]:
    """The places, from 0, of the k passages to show, in that order; all where there are no more.

    `chunks` with their `relevance` in [0, 1] are in order of relevance. Where that is of several makings, as of
    passages that a reranker judged and others, none counts for more than the one before it. `ids`, `(n,)`, and
    `vectors`, `(n, dim)` unit rows, are of those chunks that have a vector, in any order, as `Index.vectors` gives
    them. With a `lambda_` of 1 the order stays exactly as it is, with 0 likeness alone decides. Ties go to who was
    before. Cost: k · n · dim; n² · dim where a vector is missing.
    """
    n = len(chunks)
    k = min(k, n)
    if lambda_ >= 1.0 or k <= 1:
        return list(range(k))
    import numpy as np

    row_of = {chunk: row for row, chunk in enumerate(ids.tolist())}
    known = np.array([chunk in row_of for chunk in chunks])
    rows = np.zeros((n, vectors.shape[1] if vectors.ndim == 2 else 0))
    if known.any():
        rows[known] = vectors[[row_of[chunk] for chunk in chunks if chunk in row_of]]
    average = _average_likeness(rows[known]) if not known.all() else 0.0
    worth = lambda_ * np.minimum.accumulate(np.asarray(relevance, dtype=np.float64))
    nearest = np.zeros(n)
    chosen: list[int] = []
    for _ in range(k):
        gain = worth - (1.0 - lambda_) * nearest
        gain[chosen] = -np.inf
        place = int(np.argmax(gain))  # the first of equals
        chosen.append(place)
        if known[place]:
            likeness = np.where(known, np.clip(rows @ rows[place], 0.0, 1.0), average)
        else:
            likeness = np.full(n, average)
        nearest = np.maximum(nearest, likeness)
    return chosen


def _average_likeness(rows: Vectors) -> float:
    """The mean likeness of two different rows; 0 for fewer than two. Cost: n² · dim."""
    import numpy as np

    n = len(rows)
    if n < 2:
        return 0.0
    likeness = np.clip(rows @ rows.T, 0.0, 1.0)
    return float((likeness.sum() - np.trace(likeness)) / (n * (n - 1)))


def at_most_per_document(documents: Sequence[Hashable], most: int) -> list[int]:
    """The places, from 0, of the passages to keep, in order: the first `most` of each document, all for 0.

    `documents` names the document of each passage.
    """
    if most < 1:
        return list(range(len(documents)))
    seen: Counter[Hashable] = Counter()
    kept: list[int] = []
    for place, document in enumerate(documents):
        seen[document] += 1
        if seen[document] <= most:
            kept.append(place)
    return kept
