"""Settings chosen by cross-validation: what to try, which to take, and whether that is better than what there is.

On the questions of all folds but one a setting is chosen, and its values on the questions of that fold count; so every
question is measured with a setting that was chosen without it, or anything else on its documents (nested
cross-validation: Stone, "Cross-validatory choice and assessment of statistical predictions", 1974). The differences to
the settings in force go to the randomization test, and so does the whole of choosing. What would be kept is chosen on
all questions.

Choosing is a coordinate search over grids, from the settings in force: block by block, every combination of a block's
values, until nothing improves. Of all that was tried, that is taken which changes fewest settings, and of those the one
nearest to what is in force, among those whose mean is within one standard error of the difference from the best
(Breiman et al., Classification and Regression Trees, 1984, section 3.4.3): the best of many is partly so by luck, and
a setting that does as well as another is no reason to change. The same questions give the same result, whatever their
order. Knows numbers only.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qianxun.errors import InputError
from qianxun.evaluation.measures import pooled_interval
from qianxun.evaluation.significance import ALPHA, Verdict, decided, randomization_p
from qianxun.evaluation.tuning.significance import procedure_p

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64]
else:
    Values = Any

# A value for each parameter, in their order.
Choice: TypeAlias = tuple[Any, ...]

N_FOLDS: Final = 5
MIN_QUESTIONS: Final = 20
# Below so many documents the test could not be significant (2 of 2⁶ signs: p = 0.03), and folds would be of one.
MIN_GROUPS: Final = 6
_SWEEPS: Final = 4
_SEED: Final = "qianxun tune"
# Means of the same numbers in another order may differ in their last digits.
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Parameter:
    """A setting that may vary: its key, the values to try in order, and the one in force (added where it lacks).

    `scale` says how far two numbers are apart: by their places on the line, or by the ratio. Texts are all alike far.
    `counts` tells by the values of all parameters, by key, whether this one has any say.
    """

    key: str
    values: tuple[Any, ...]
    current: Any
    logarithmic: bool = False
    counts: Callable[[Mapping[str, Any]], bool] = lambda values: True

    @property
    def grid(self) -> tuple[Any, ...]:
        """The values to try, with the one in force."""
        if self.current in self.values:
            return self.values
        found = (*self.values, self.current)
        return found if isinstance(self.current, str) else tuple(sorted(found))

    def distance(self, one: Any, other: Any) -> float:
        """How far apart two values are, in [0, 1]: 1 from one end of the grid to the other."""
        import math

        if one == other:
            return 0.0
        if isinstance(one, str):
            return 1.0
        ends = (self.grid[0], self.grid[-1], one, other)
        low, high, a, b = (math.log(max(v, 1e-9)) if self.logarithmic else float(v) for v in ends)
        return abs(a - b) / (high - low)


@dataclass(frozen=True, slots=True)
class Space:
    """What may vary. `blocks` are places of parameters that are tried together; each parameter is in one or more."""

    parameters: tuple[Parameter, ...]
    blocks: tuple[tuple[int, ...], ...]

    @property
    def current(self) -> Choice:
        """What is in force."""
        return tuple(parameter.current for parameter in self.parameters)

    def settings(self, choice: Choice) -> dict[str, Any]:
        """Key → value."""
        return {parameter.key: value for parameter, value in zip(self.parameters, choice, strict=True)}

    def plain(self, choice: Choice) -> Choice:
        """The choice with what has no say as it is in force: two that are the same search are one."""
        values = self.settings(choice)
        return tuple(
            value if parameter.counts(values) else parameter.current
            for parameter, value in zip(self.parameters, choice, strict=True)
        )

    def change(self, choice: Choice) -> tuple[int, float]:
        """How many settings are changed, and by how much in all."""
        far = [p.distance(value, p.current) for p, value in zip(self.parameters, choice, strict=True)]
        return sum(one > 0.0 for one in far), sum(far)

    def neighbours(self, choice: Choice, block: Sequence[int]) -> list[Choice]:
        """The choices that differ at the places of a block only, without repeats."""
        found: dict[Choice, None] = {}
        for values in itertools.product(*(self.parameters[place].grid for place in block)):
            changed = list(choice)
            for place, value in zip(block, values, strict=True):
                changed[place] = value
            found[self.plain(tuple(changed))] = None
        return list(found)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of it. `before` and `after` are means by question, each data set counting alike; `after` is of
    questions that had no part in choosing what they are measured with.

    `interval` is the 95 % bootstrap interval of the mean difference. `p` is that of the randomization test over the
    groups of questions on the same documents and, where it would be better by that, the larger one of this and of the
    test of the whole procedure (`tuning_significance`). `choice` was made on all questions, `in_folds` on those of each
    fold. `kept`: it is better beyond chance, and another one than that in force.
    """

    n: int
    n_groups: int
    before: float
    after: float
    interval: tuple[float, float]
    p: float
    verdict: Verdict
    choice: Choice
    in_folds: tuple[Choice, ...]
    n_tried: int
    kept: bool

    @property
    def difference(self) -> float:
        """The mean of after − before."""
        return self.after - self.before


def tuned(
    space: Space,
    values: Callable[[Choice], Values],
    groups: Sequence[Sequence[int]],
    sets: Sequence[int],
    *,
    alpha: float = ALPHA,
    n_folds: int = N_FOLDS,
) -> Tuned:
    """The choice by cross-validation. `values` gives those of all questions with a choice, (n,) higher is better.

    `groups` are the questions, by place, that must stay together, in an order that does not depend on how the set was
    written; `sets` is the data set of each question, by number. Raises InputError for too few. Cost: `values` once for
    each choice that any fold tries.
    """
    import numpy as np

    n = len(sets)
    refuse_few(n, len(groups))
    known: dict[Choice, Values] = {}

    def measured(choice: Choice) -> Values:
        if choice not in known:
            known[choice] = np.asarray(values(choice), dtype=np.float64)
        return known[choice]

    fold_of = folds_of(groups, n, n_folds)
    before = measured(space.current)
    after = before.copy()
    in_folds: list[Choice] = []
    for fold in range(n_folds):
        here = fold_of == fold
        choice = chosen(space, measured, weights_of(sets, ~here))
        in_folds.append(choice)
        after[here] = measured(choice)[here]
    weights = weights_of(sets, np.ones(n, dtype=bool))
    final = chosen(space, measured, weights)
    differences = after - before
    p = randomization_p([float((weights * differences)[list(group)].sum()) for group in groups])
    difference = float(weights @ differences)
    if decided(difference, p, alpha) == "better":  # costs more, and can only say no
        order = sorted(known, key=lambda choice: (space.change(choice), choice_key(choice)))
        training = np.stack([weights_of(sets, fold_of != fold) for fold in range(n_folds)])
        rows = np.stack([known[choice] - before for choice in order])
        p = max(p, procedure_p(rows, groups, fold_of, training, weights))
    verdict = decided(difference, p, alpha)
    return Tuned(
        n=n,
        n_groups=len(groups),
        before=float(weights @ before),
        after=float(weights @ after),
        interval=pooled_interval(
            [[float(d) for d in differences[np.asarray(sets) == one]] for one in sorted(set(sets))]
        ),
        p=p,
        verdict=verdict,
        choice=final,
        in_folds=tuple(in_folds),
        n_tried=len(known),
        kept=verdict == "better" and final != space.current,
    )


def refuse_few(n: int, n_groups: int) -> None:
    """Raises InputError where nothing could be told from so few questions, or documents."""
    if n < MIN_QUESTIONS or n_groups < MIN_GROUPS:
        raise InputError(
            "Too few questions to tune by: {n}, on {groups} separate documents.",
            remedy="Collect at least {least} on {least_groups} documents; a hundred or more tell much more.",
            n=n,
            groups=n_groups,
            least=MIN_QUESTIONS,
            least_groups=MIN_GROUPS,
        )


def chosen(space: Space, measured: Callable[[Choice], Values], weights: Values) -> Choice:
    """The choice for questions with these weights, which add up to 1; those of weight 0 have no say.

    Of equals, the one nearest to what is in force.
    """

    def mean(choice: Choice) -> float:
        return float(weights @ measured(choice))

    tried: dict[Choice, float] = {space.current: mean(space.current)}
    at = space.current
    for _ in range(_SWEEPS):
        begun = at
        for block in space.blocks:
            for choice in space.neighbours(at, block):
                if choice not in tried:
                    tried[choice] = mean(choice)
            at = _best(space, tried)
        if at == begun:
            break
    best = measured(at)
    good = [
        choice
        for choice in tried
        if tried[at] - tried[choice] <= _standard_error(best - measured(choice), weights) + _ROUNDING
    ]
    return min(good, key=lambda choice: (space.change(choice), -tried[choice], choice_key(choice)))


def _best(space: Space, tried: Mapping[Choice, float]) -> Choice:
    highest = max(tried.values())
    equal = [choice for choice, mean in tried.items() if mean >= highest - _ROUNDING]
    return min(equal, key=lambda choice: (space.change(choice), choice_key(choice)))


def choice_key(choice: Choice) -> tuple[str, ...]:
    """An order of choices that are otherwise equal."""
    return tuple(map(repr, choice))


def _standard_error(differences: Values, weights: Values) -> float:
    """Of the weighted mean of differences."""
    import numpy as np

    mean = float(weights @ differences)
    return float(np.sqrt(np.sum((weights * (differences - mean)) ** 2)))


def weights_of(sets: Sequence[int], taken: "NDArray[np.bool_]") -> Values:
    """The weight of each question, (n,), adding up to 1: each data set counts alike, and 0 where it is not taken."""
    import numpy as np

    of = np.asarray(sets)
    weights = np.zeros(len(of))
    numbers = np.unique(of[taken])
    for number in numbers:
        here = (of == number) & taken
        weights[here] = 1.0 / (here.sum() * len(numbers))
    return weights


def folds_of(groups: Sequence[Sequence[int]], n: int, n_folds: int = N_FOLDS) -> "NDArray[np.int64]":
    """The fold of each question, (n,): groups stay whole, and folds become about as large.

    The largest groups go first, each into the smallest fold; which of equal ones goes where is drawn, with a fixed
    seed, by its place among the groups.
    """
    import numpy as np

    def drawn(place: int) -> bytes:
        return hashlib.sha256(f"{_SEED} {place}".encode()).digest()

    fold_of = np.zeros(n, dtype=np.int64)
    sizes = [0] * n_folds
    for place in sorted(range(len(groups)), key=lambda place: (-len(groups[place]), drawn(place))):
        fold = min(range(n_folds), key=lambda one: (sizes[one], one))
        fold_of[list(groups[place])] = fold
        sizes[fold] += len(groups[place])
    return fold_of


def groups_of(documents: Sequence[Sequence[Any]], most: float = 0.2) -> tuple[tuple[tuple[int, ...], ...], bool]:
    """The questions, by place, that share documents, directly or by way of others; and whether that was possible.

    `documents` are those of each question, the first being the one that it is mainly about. Where so many questions
    hang together that one group would hold more than the share `most` of all, only those with the same first document
    are together, and the second value is False. A question without documents is alone.
    """
    whole = _joined([list(dict.fromkeys(of)) for of in documents])
    if max(map(len, whole), default=0) <= max(1.0, most * len(documents)):
        return whole, True
    return _joined([list(of[:1]) for of in documents]), False


def _joined(documents: Sequence[Sequence[Any]]) -> tuple[tuple[int, ...], ...]:
    root = list(range(len(documents)))

    def top(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    first: dict[Any, int] = {}
    for place, of in enumerate(documents):
        for document in of:
            one, other = top(first.setdefault(document, place)), top(place)
            root[max(one, other)] = min(one, other)
    found: dict[int, list[int]] = {}
    for place in range(len(documents)):
        found.setdefault(top(place), []).append(place)
    return tuple(tuple(group) for group in found.values())
