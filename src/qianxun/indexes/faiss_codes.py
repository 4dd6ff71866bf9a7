"""1-bit RaBitQ codes of vectors in FAISS, and the candidates that they give. See `faiss`.

Packed for SIMD they are compared all at once, faster than one by one and with a finer question; but the engine takes no
filter then. So plain ones are kept beside them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qianxun.protocols import Vectors

_BLOCK = 16_384
_TRAINING_ROWS = 65_536
_ROTATION_SEED = 20_240_611
# Bits a component of the question is rounded to before it meets the plain codes; 8 find 0.3 % more and cost 15 %. With
# the packed ones they cost nothing.
QUERY_BITS = 4
QUERY_BITS_PACKED = 8
# Where a filter lets at least this share through, packed codes of all rows are faster than plain ones of some.
MOST_ALLOWED = 0.5
# Measured on 100,000 vectors of 256 dimensions (bench/indexes.py): recall@10 0.999 of 200 candidates, recall@100
# 0.98 of 800; a candidate costs 0.4 µs.
_MIN_CANDIDATES = 200
_CANDIDATES_PER_HIT = 8


def codes_of(vectors: NDArray[np.float16]) -> dict[str, Any]:
    """1-bit codes of the rows, plain and packed, in their order, behind a random rotation."""
    import faiss

    n, dim = vectors.shape
    rotation = faiss.RandomRotationMatrix(dim, dim)
    rotation.init(_ROTATION_SEED)
    plain = faiss.IndexRaBitQ(dim, faiss.METRIC_INNER_PRODUCT)
    packed = faiss.IndexRaBitQFastScan(dim, faiss.METRIC_INNER_PRODUCT)
    plain.qb, packed.qb = QUERY_BITS, QUERY_BITS_PACKED
    step = max(1, n // _TRAINING_ROWS)
    sample = rotation.apply(vectors[::step][:_TRAINING_ROWS].astype(np.float32))
    found = {}
    for kind, inner in (("codes", plain), ("packed", packed)):
        inner.train(sample)
        codes = faiss.IndexPreTransform(rotation, inner)
        codes.is_trained = True
        for start in range(0, n, _BLOCK):
            codes.add(vectors[start : start + _BLOCK].astype(np.float32))
        found[kind] = codes
    return found


def n_candidates(k: int) -> int:
    """Rows that are to be compared by their vectors so that the k best are among them."""
    return max(_MIN_CANDIDATES, _CANDIDATES_PER_HIT * k)


def kth_best(estimates: list[Vectors], k: int) -> float:
    """The k-th best of all estimates; no bound where there are no more."""
    together = np.concatenate(estimates) if estimates else np.empty(0, np.float32)
    return -np.inf if len(together) <= k else float(np.partition(together, len(together) - k)[len(together) - k])


def packed_candidates(
    packed: Any, query: Vectors, wanted: int, n_allowed: int, allowed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], Vectors] | None:
    """The best rows by packed codes, and their estimated scores; None if a filter leaves too few of what was found.

    The engine takes no filter here: as many more are asked for as it should take away, and some.
    """
    n = packed.ntotal
    asked = wanted if allowed is None else min(n, int(1.25 * wanted * n / n_allowed) + 32)
    estimates, places = packed.search(query[None], asked)
    kept = places[0] >= 0
    if allowed is not None:
        kept[kept] = allowed[places[0][kept]]
        if np.count_nonzero(kept) < wanted:
            return None
    return places[0][kept][:wanted], estimates[0][kept][:wanted]
