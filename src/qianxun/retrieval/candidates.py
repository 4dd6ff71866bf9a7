"""What is known of the chunks that either index found, for fusion: cosines with the question and with each other.

Arrays throughout: a hundred chunks for each question, and a loop over them costs more than finding them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from qianxun.protocols import Held
from qianxun.records import Hit, Query
from qianxun.text import SCRIPTS, script

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

# Of a chunk that the dense index does not hold.
_NO_SCRIPT = 255


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Chunks, n in any order, and arrays of n.

    `cosines` are those with the question, NaN where they are not known; `near` gives those with the chunk at a place,
    likewise. `other_language` says which chunks are in another language than the question, as far as can be told.
    """

    chunks: Sequence[int]
    cosines: "Numbers"
    other_language: "NDArray[np.bool_]"
    near: "Callable[[int], Numbers]"

    def known(self) -> dict[int, float]:
        """Chunk → its cosine with the question."""
        return {c: cosine for c, cosine in zip(self.chunks, self.cosines.tolist(), strict=True) if cosine == cosine}


def candidates_of(query: Query, legs: Mapping[str, Sequence[Hit]], held: Callable[[Sequence[int]], Held]) -> Candidates:
    """All that the legs found; `held` is a dense index's. The language of a text is told from its script."""
    import numpy as np

    wanted = list({hit.chunk: None for hits in legs.values() for hit in hits})
    found = held(wanted)
    if len(found.ids) < len(wanted):
        found = _with_rest(found, wanted)
    vectors = found.vectors.astype(np.float64)

    def cosines(vector: "Numbers") -> "Numbers":
        # Summed and rounded as the dense indexes do it: what says the same must not differ in the last digit.
        return cast("Numbers", (vectors @ vector).astype(np.float32).astype(np.float64))

    asked = script(query.text)
    other = SCRIPTS.index("alphabetic" if asked == "cjk" else "cjk") if asked else len(SCRIPTS)
    return Candidates(
        found.ids.tolist(),
        cosines(cast("Numbers", query.vector)),
        found.scripts == other,
        lambda place: cosines(vectors[place]),
    )


def candidates_with(
    legs: Mapping[str, Sequence[Hit]],
    *,
    cosines: Mapping[int, float] | None = None,
    other_language: Collection[int] = (),
    near: Callable[[int], Mapping[int, float]] | None = None,
) -> Candidates:
    """All that the legs found, with what is known chunk by chunk; `near` maps a chunk to its cosines with others.

    What the dense leg found has its score for a cosine.
    """
    import numpy as np

    own = {hit.chunk: hit.score for hit in legs.get("dense", ())}
    chunks = list({hit.chunk: None for hits in legs.values() for hit in hits})

    def aligned(told: Mapping[int, float]) -> "Numbers":
        return np.array([told.get(chunk, np.nan) for chunk in chunks], np.float64)

    return Candidates(
        chunks,
        aligned({**(cosines or {}), **own}),
        np.array([chunk in other_language for chunk in chunks], np.bool_),
        lambda place: aligned(near(chunks[place]) if near is not None else {}),
    )


def _with_rest(held: Held, wanted: Sequence[int]) -> Held:
    """Also the chunks that the index does not hold (it may be behind), with vectors of NaN."""
    import numpy as np

    there = set(held.ids.tolist())
    rest = np.array([chunk for chunk in wanted if chunk not in there], np.int64)
    nothing = np.full((len(rest), held.vectors.shape[1]), np.nan, np.float32)
    return Held(
        np.concatenate([held.ids, rest]),
        np.concatenate([held.vectors, nothing]),
        np.concatenate([held.scripts, np.full(len(rest), _NO_SCRIPT, np.uint8)]),
    )
