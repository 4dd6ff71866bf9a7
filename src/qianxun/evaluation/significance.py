"""Whether two ways of searching differ, told from the differences of their values question by question.

The test is the paired two-sided randomization test: were there no difference, each question's difference might as well
have had the other sign; p is the share of all choices of signs whose mean is at least as far from 0 as the one seen.
It assumes nothing about how values are distributed, which for nDCG and its like is far from normal. Source: Fisher, The
Design of Experiments (1935), section 21; recommended for retrieval by Smucker, Allan and Carterette, A Comparison of
Statistical Significance Tests for Information Retrieval Evaluation (CIKM 2007). Intervals are in `measures`. Knows
numbers only.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Verdict: TypeAlias = Literal["better", "no difference", "worse"]

ALPHA: Final = 0.05
# Up to so many differences other than 0, every choice of signs is looked at: half a million sums, 4 MB.
EXACT_UP_TO: Final = 20
# Beyond it, as many choices are drawn: with p = 0.05 the standard error of p is 0.002.
N_DRAWN: Final = 10_000

_SEED: Final = 20251121
_VALUES_AT_A_TIME: Final = 1 << 20
# Sums of the same numbers in another order differ in their last digits; equal ones must count as equal.
_ROUNDING: Final = 1e-10


def randomization_p(differences: Sequence[float]) -> float:
    """The two-sided p of the mean difference, in (0, 1]; 1 if there are no differences or all are 0.

    Exact where at most EXACT_UP_TO differences are not 0 (a 0 is the same with either sign). Otherwise N_DRAWN choices
    of signs are drawn, with a fixed seed, and p is (b + 1) / (N_DRAWN + 1), where b of them were as far from 0: what
    was seen is one of the choices, so p is never 0 (Phipson and Smyth, Permutation P-values Should Never Be Zero,
    2010).
    Cost: N_DRAWN times the number of differences; memory a few MB beyond the differences.
    """
    import numpy as np

    given = np.asarray(differences, dtype=np.float64)
    given = given[given != 0.0]
    if not given.size:
        return 1.0
    far = abs(float(given.sum())) - _ROUNDING * float(np.abs(given).sum())
    if given.size <= EXACT_UP_TO:
        sums = _every_sum(given)
        return float(np.count_nonzero(np.abs(sums) >= far) / sums.size)
    as_far = sum(int(np.count_nonzero(np.abs(sums) >= far)) for sums in _drawn_sums(given))
    return (as_far + 1) / (N_DRAWN + 1)


def least_p(n_differing: int) -> float:
    """The smallest p that so many differences other than 0 can have: with few questions nothing is significant."""
    if n_differing > EXACT_UP_TO:
        return 1 / (N_DRAWN + 1)
    return min(1.0, 2.0 ** (1 - n_differing))


def verdict(differences: Sequence[float], alpha: float = ALPHA) -> Verdict:
    """Whether the second way is better, if `differences` are the second's values less the first's.

    "no difference" means that none can be told from chance: p is above `alpha`. Were there none, this says anything
    else in at most `alpha` of all cases.
    """
    return decided(sum(differences), randomization_p(differences), alpha)


def decided(difference: float, p: float, alpha: float = ALPHA) -> Verdict:
    """The verdict for a difference (of means, or their sum: only the sign counts) and its p."""
    if p > alpha or difference == 0.0:
        return "no difference"
    return "better" if difference > 0 else "worse"


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p made larger for being one of several, in the order given: Holm's step-down correction.

    Calling those up to alpha significant says so of any that is not in at most alpha of all cases. Source: Holm, A
    Simple Sequentially Rejective Multiple Test Procedure (1979).
    """
    corrected = [0.0] * len(p_values)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = least
    return corrected


def pooled(groups: Sequence[Sequence[float]]) -> list[float]:
    """The groups' differences, each scaled so that their sum is the mean of the groups' means.

    So each group counts alike in `randomization_p` and `verdict`, however many questions it has.
    """
    filled = [group for group in groups if group]
    return [value / (len(group) * len(filled)) for group in filled for value in group]


def _every_sum(given: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The sums under every choice of signs but the first one's: turning all signs round leaves |sum| as it is."""
    import numpy as np

    sums = given[:1]
    for value in given[1:]:
        sums = np.concatenate((sums + value, sums - value))
    return sums


def _drawn_sums(given: "NDArray[np.float64]") -> "list[NDArray[np.float64]]":
    """The sums under N_DRAWN choices of signs, a part at a time in memory."""
    import numpy as np

    random = np.random.default_rng(_SEED)
    n_bytes = -(-given.size // 8)
    at_a_time = max(1, _VALUES_AT_A_TIME // given.size)
    found = []
    for start in range(0, N_DRAWN, at_a_time):
        n = min(at_a_time, N_DRAWN - start)
        bits = np.unpackbits(random.integers(0, 256, (n, n_bytes), dtype=np.uint8), axis=1, count=given.size)
        found.append(2.0 * (bits.astype(np.float64) @ given) - given.sum())
    return found
