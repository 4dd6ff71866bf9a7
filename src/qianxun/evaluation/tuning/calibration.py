"""A reranker's probabilities made to mean what they say, from judged passages: Platt scaling, in folds.

    P(relevant) = 1 / (1 + exp(−(slope · log odds + offset)))

Platt, "Probabilistic outputs for support vector machines and comparisons to regularized likelihood methods", 1999: the
logistic regression of relevance on the log odds that the model gives, to targets a little inside 0 and 1 so that few
judgements do not make it sure. It is drawn to slope 1 and offset 0, which is no calibration, as by PRIOR judgements'
worth. Order stays, since the slope is above 0; the label and "no good result" go by one half of what comes out. Whether
it is better is told on questions that had no part in fitting: by the Brier score (the mean squared error, a proper
score), tested over groups of questions on the same documents. Knows numbers only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qianxun.evaluation.significance import ALPHA, Verdict, decided, randomization_p
from qianxun.evaluation.tuning.choosing import N_FOLDS, folds_of, refuse_few

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]
else:
    Numbers = Any

N_BINS: Final = 10
PRIOR: Final = 1.0
# As the settings allow.
SLOPES, OFFSETS = (0.01, 10.0), (-20.0, 20.0)
# A model's probability is a float32 or less: nearer to 0 or 1 nothing is told. As `retrieval.rank` has it.
_LEAST: Final = 1e-7
_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """The passages of one question that were judged by a reranker and by somebody else, best first.

    `probabilities` are the model's own, before any calibration; `relevant` is what the others say. `best_shown` is the
    highest probability of what an asker would see, and `any_good` says whether anything of that is relevant.
    """

    probabilities: tuple[float, ...]
    relevant: tuple[bool, ...]
    best_shown: float
    any_good: bool


@dataclass(frozen=True, slots=True)
class Labels:
    """How far a label can be relied on: of `said` the `right` ones, of `there` those that were said."""

    said: int
    right: int
    there: int

    @property
    def precision(self) -> float | None:
        """None where it was never said."""
        return self.right / self.said if self.said else None

    @property
    def recall(self) -> float | None:
        """None where there was none."""
        return self.right / self.there if self.there else None


@dataclass(frozen=True, slots=True)
class Quality:
    """What probabilities are worth: expected calibration error (ten bins) and Brier score, lower is better; the label
    "relevant" of passages, and "no good result" of questions."""

    error: float
    brier: float
    relevant: Labels
    no_good: Labels


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What came of it. `before` and `after` are of the same passages, `after` with slopes and offsets that were fitted
    to questions of other folds. `slope` and `offset` are fitted to all. `kept`: it is better beyond chance."""

    n_questions: int
    n_passages: int
    n_relevant: int
    before: Quality
    after: Quality
    p: float
    verdict: Verdict
    slope: float
    offset: float
    kept: bool


def calibrated(
    judged: Sequence[Judged],
    groups: Sequence[Sequence[int]],
    *,
    in_force: tuple[float, float] = (1.0, 0.0),
    threshold: float = 0.5,
    alpha: float = ALPHA,
    n_folds: int = N_FOLDS,
) -> Calibrated:
    """Slope and offset by cross-validation. `in_force` are those that there are; `groups` as for `tuned`.

    Raises InputError for too few questions.
    """
    import numpy as np

    refuse_few(len(judged), len(groups))
    fold_of = folds_of(groups, len(judged), n_folds)
    before = [_apply(one.probabilities, *in_force) for one in judged]
    best_before = [float(_apply((one.best_shown,), *in_force)[0]) for one in judged]
    after, best_after = list(before), list(best_before)
    for fold in range(n_folds):
        here = [place for place in range(len(judged)) if fold_of[place] == fold]
        slope, offset = fitted([one for place, one in enumerate(judged) if fold_of[place] != fold])
        for place in here:
            after[place] = _apply(judged[place].probabilities, slope, offset)
            best_after[place] = float(_apply((judged[place].best_shown,), slope, offset)[0])
    truth = [np.asarray(one.relevant, dtype=np.float64) for one in judged]
    gains = [float(np.sum((b - y) ** 2 - (a - y) ** 2)) for b, a, y in zip(before, after, truth, strict=True)]
    p = randomization_p([sum(gains[place] for place in group) for group in groups])
    verdict = decided(sum(gains), p, alpha)
    slope, offset = fitted(judged)
    return Calibrated(
        n_questions=len(judged),
        n_passages=sum(map(len, truth)),
        n_relevant=int(sum(float(y.sum()) for y in truth)),
        before=_quality(before, best_before, judged, threshold),
        after=_quality(after, best_after, judged, threshold),
        p=p,
        verdict=verdict,
        slope=slope,
        offset=offset,
        kept=verdict == "better" and (slope, offset) != in_force,
    )


def fitted(judged: Sequence[Judged]) -> tuple[float, float]:
    """Slope and offset, rounded to three digits, within what the settings allow."""
    import numpy as np

    x = _log_odds([value for one in judged for value in one.probabilities])
    y = np.asarray([value for one in judged for value in one.relevant], dtype=np.float64)
    if not len(x):
        return 1.0, 0.0
    n_good = float(y.sum())
    targets = np.where(y > 0.0, (n_good + 1.0) / (n_good + 2.0), 1.0 / (len(y) - n_good + 2.0))
    design = np.stack([x, np.ones_like(x)], axis=1)
    start = np.array([1.0, 0.0])
    at = start.copy()

    def loss(b: Numbers) -> float:
        z = design @ b
        return float(np.sum(np.logaddexp(0.0, z) - targets * z) + PRIOR * np.sum((b - start) ** 2) / 2.0)

    for _ in range(_STEPS):  # Newton's method; the loss is convex, a step that overshoots is halved
        p = _logistic(design @ at)
        slope = design.T @ (p - targets) + PRIOR * (at - start)
        curve = (design * (p * (1.0 - p))[:, None]).T @ design + PRIOR * np.eye(2)
        step = np.linalg.solve(curve, slope)
        now = loss(at)
        while loss(at - step) > now and float(np.abs(step).max()) > 1e-9:
            step /= 2.0
        at = at - step
        if float(np.abs(step).max()) < 1e-9:
            break
    return (
        round(min(SLOPES[1], max(SLOPES[0], float(at[0]))), 3),
        round(min(OFFSETS[1], max(OFFSETS[0], float(at[1]))), 3),
    )


def calibration_error(probabilities: Sequence[float], relevant: Sequence[bool]) -> float:
    """How far mean probability and share of what is relevant are apart in ten bins of equal width, by size.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    sums: dict[int, list[float]] = {}
    for chance, truth in zip(probabilities, relevant, strict=True):
        of_bin = sums.setdefault(min(N_BINS - 1, int(chance * N_BINS)), [0.0, 0.0])
        of_bin[0] += chance
        of_bin[1] += truth
    return math.fsum(abs(said - true) for said, true in sums.values()) / max(1, len(probabilities))


def _quality(chances: Sequence[Numbers], best: Sequence[float], judged: Sequence[Judged], threshold: float) -> Quality:
    import numpy as np

    flat = np.concatenate([np.asarray(one) for one in chances]) if chances else np.empty(0)
    truth = np.asarray([value for one in judged for value in one.relevant], dtype=bool)
    said = flat >= threshold
    none = np.asarray(best) < threshold
    good = np.asarray([one.any_good for one in judged], dtype=bool)
    return Quality(
        error=calibration_error(flat.tolist(), truth.tolist()),
        brier=float(np.mean((flat - truth) ** 2)) if len(flat) else 0.0,
        relevant=Labels(int(said.sum()), int((said & truth).sum()), int(truth.sum())),
        no_good=Labels(int(none.sum()), int((none & ~good).sum()), int((~good).sum())),
    )


def _apply(probabilities: Sequence[float], slope: float, offset: float) -> Numbers:
    import numpy as np

    if (slope, offset) == (1.0, 0.0):
        return np.asarray(probabilities, dtype=np.float64)
    return _logistic(slope * _log_odds(probabilities) + offset)


def _log_odds(probabilities: Sequence[float]) -> Numbers:
    import numpy as np

    bounded = np.clip(np.asarray(probabilities, dtype=np.float64), _LEAST, 1.0 - _LEAST)
    found: Numbers = np.log(bounded / (1.0 - bounded))
    return found


def _logistic(z: Numbers) -> Numbers:
    import numpy as np

    found: Numbers = np.exp(-np.logaddexp(0.0, -z))
    return found
