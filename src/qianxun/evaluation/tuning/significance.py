"""Whether choosing a setting by cross-validation gains anything: the randomization test of the whole procedure.

The values of a fold are measured with what was chosen on the others, and those are measured in turn with what was
chosen on it. So the differences out of fold are not independent, and their mean varies more than a test that takes
them one by one allows for (Bengio and Grandvalet, "No unbiased estimator of the variance of k-fold cross-validation",
JMLR 2004): with some hundred settings that differ by chance alone, such a test is passed two or three times as often as
it should be. Here choosing is a part of what is tested. Were nothing better than what is in force, the differences of a
question, of all settings at once, might as well have had the other sign; for each choice of signs everything is chosen
anew, and p is the share that looks at least as good as what was seen. How good is told by the mean out of fold over its
standard error, the differences of a group of questions being one: else settings far off, which are never chosen but by
luck under other signs and whose means then vary widely, would hide a small gain that is sure. Knows numbers only.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]
else:
    Numbers = Any

N_DRAWN: Final = 1999
_SEED: Final = 20251122
_ROUNDING: Final = 1e-12
_DRAWN_AT_A_TIME: Final = 250


def procedure_p(
    differences: Numbers,
    groups: Sequence[Sequence[int]],
    fold_of: "NDArray[np.int64]",
    training: Numbers,
    weights: Numbers,
    *,
    n_drawn: int = N_DRAWN,
) -> float:
    """The one-sided p of the mean out of fold over its standard error, in (0, 1].

    `differences` (m, n) are those of m settings to what is in force on n questions, the settings that would rather be
    taken first; a row of zeros is what is in force. `groups` of questions change signs together. `training` (folds, n)
    are the weights that each fold's setting is chosen with, adding up to 1 and 0 on the fold itself; `weights` (n,)
    those of the mean. Of the settings within one standard error of the best, the first is chosen. Cost: 4 · m · n for
    each fold and choice of signs.
    """
    import numpy as np

    random = np.random.default_rng(_SEED)
    group_of = np.zeros(len(weights), dtype=np.int64)
    for number, group in enumerate(groups):
        group_of[list(group)] = number
    spread = _spread(differences, group_of, fold_of, len(training), weights)
    seen = float(_scores(differences, np.ones((len(weights), 1)), fold_of, training, weights, spread)[0])
    if seen <= 0.0:
        return 1.0
    as_high = 0
    for start in range(0, n_drawn, _DRAWN_AT_A_TIME):
        n = min(_DRAWN_AT_A_TIME, n_drawn - start)
        signs = np.where(random.integers(0, 2, (len(groups), n)) > 0, 1.0, -1.0).astype(np.float64)
        scores = _scores(differences, signs[group_of], fold_of, training, weights, spread)
        as_high += int(np.count_nonzero(scores >= seen - _ROUNDING * (1.0 + abs(seen))))
    return (as_high + 1) / (n_drawn + 1)


def _spread(
    differences: Numbers,
    group_of: "NDArray[np.int64]",
    fold_of: "NDArray[np.int64]",
    n_folds: int,
    weights: Numbers,
) -> Numbers:
    """The sum of squares over the groups of a fold, for each setting, (folds, m); whatever their signs."""
    import numpy as np

    found = np.zeros((n_folds, len(differences)))
    for fold in range(n_folds):
        here = fold_of == fold
        members = group_of[here]
        of_group = np.zeros((int(group_of.max()) + 1, int(here.sum())))
        of_group[members, np.arange(len(members))] = 1.0
        found[fold] = (((differences[:, here] * weights[here]) @ of_group.T) ** 2).sum(axis=1)
    return found


def _scores(
    differences: Numbers,
    signs: Numbers,
    fold_of: "NDArray[np.int64]",
    training: Numbers,
    weights: Numbers,
    spread: Numbers,
) -> Numbers:
    """The means out of fold over their standard errors (b,) under b choices of signs (n, b); 0 where all is 0."""
    import numpy as np

    squares = np.zeros(signs.shape[1])
    total = np.zeros(signs.shape[1])
    columns = np.arange(signs.shape[1])
    for fold, of in enumerate(training):
        means = differences @ (of[:, None] * signs)
        best = means.argmax(axis=0)
        # The standard error of the mean of x = best − other, with weights w: √ Σ w² (x − mean)²
        #   = √ (Σ w² x² − 2 mean Σ w² x + mean² Σ w²), and signs leave the first sum as it is.
        squared = of**2
        products = (differences * squared) @ differences.T
        own = np.diag(products)
        first = own[best] - 2.0 * products[:, best] + own[:, None]
        leaned = differences @ (squared[:, None] * signs)
        behind = means[best, columns] - means
        second = leaned[best, columns] - leaned
        variance = first - 2.0 * behind * second + behind**2 * squared.sum()
        good = behind <= np.sqrt(np.maximum(variance, 0.0)) + _ROUNDING
        chosen = good.argmax(axis=0)
        here = fold_of == fold
        apart = differences[:, here] @ (weights[here, None] * signs[here])
        total += apart[chosen, columns]
        squares += spread[fold][chosen]
    found: Numbers = np.divide(total, np.sqrt(squares), out=np.zeros_like(total), where=squares > 0.0)
    return found
