"""Calibration finds what was planted, is told on questions apart, and leaves alone what means what it says."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qianxun.errors import InputError
from qianxun.evaluation.tuning.calibration import Judged, Labels, calibrated, calibration_error, fitted
from qianxun.evaluation.tuning.choosing import folds_of
from qianxun.retrieval.rank import calibrated as as_searched


def logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def judged(n: int, slope: float, offset: float, seed: int = 1, per_question: int = 20) -> list[Judged]:
    """Questions whose passages are relevant with P = logistic(slope · z + offset), where the model says logistic(z)."""
    chance = random.Random(seed)
    found = []
    for _ in range(n):
        logs = sorted((chance.gauss(0.0, 3.0) for _ in range(per_question)), reverse=True)
        relevant = tuple(chance.random() < logistic(slope * z + offset) for z in logs)
        found.append(Judged(tuple(logistic(z) for z in logs), relevant, logistic(logs[0]), any(relevant[:10])))
    return found


def alone(n: int) -> list[tuple[int, ...]]:
    return [(place,) for place in range(n)]


@pytest.mark.parametrize(("slope", "offset"), [(0.4, -1.5), (1.0, 2.0), (2.0, -3.0), (0.15, 0.0)])
def test_planted_slope_and_offset_are_found_and_kept(slope: float, offset: float) -> None:
    given = judged(200, slope, offset)
    found = calibrated(given, alone(200))
    assert found.slope == pytest.approx(slope, rel=0.12)
    assert found.offset == pytest.approx(offset, abs=0.2)
    assert found.kept
    assert found.after.brier < found.before.brier
    assert found.after.error < min(0.03, found.before.error)
    assert (found.n_questions, found.n_passages) == (200, 4000)
    assert found.n_relevant == sum(sum(one.relevant) for one in given)


def test_what_means_what_it_says_is_left_alone() -> None:
    kept = [calibrated(judged(40, 1.0, 0.0, seed), alone(40)).kept for seed in range(40)]
    assert sum(kept) <= 4  # one in twenty by chance


def test_calibration_in_force_is_what_is_compared_with() -> None:
    given = judged(200, 0.4, -1.5)
    found = calibrated(given, alone(200), in_force=(0.4, -1.5))
    assert not found.kept
    assert found.before.error < 0.03
    # The model's own probabilities are fitted to, whatever is in force.
    assert found.slope == calibrated(given, alone(200)).slope


def test_few_and_one_sided_judgements_make_nothing_sure() -> None:
    slope, offset = fitted([Judged((0.9, 0.8), (True, True), 0.9, True)])
    assert 0.5 < logistic(slope * math.log(9) + offset) < 0.99
    slope, offset = fitted([Judged((0.5,) * 50, (False,) * 50, 0.5, False)])
    assert 0.001 < logistic(offset) < 0.25
    assert fitted([]) == (1.0, 0.0)


def test_probabilities_of_0_and_1_are_no_infinities() -> None:
    given = [Judged((1.0, 0.0), (True, False), 1.0, True), Judged((1.0, 0.0), (False, False), 1.0, False)] * 20
    slope, offset = fitted(given)
    assert 0.01 <= slope < 1
    assert math.isfinite(offset)
    assert logistic(slope * math.log((1 - 1e-7) / 1e-7) + offset) == pytest.approx(0.5, abs=0.1)


def test_search_applies_what_was_fitted() -> None:
    given = judged(60, 0.4, -1.5)
    found = calibrated(given, alone(60))
    chances = [as_searched(p, found.slope, found.offset) for one in given for p in one.probabilities]
    relevant = [value for one in given for value in one.relevant]
    assert np.mean(chances) == pytest.approx(np.mean(relevant), abs=0.02)
    assert calibration_error(chances, relevant) < 0.05


def test_no_good_result_is_counted_by_question() -> None:
    # The model is sure of everything; every second question has nothing relevant.
    given = [
        Judged((0.9, 0.6), (place % 2 == 0, False), 0.9 if place % 2 == 0 else 0.6, place % 2 == 0)
        for place in range(100)
    ]
    found = calibrated(given, alone(100))
    assert found.before.no_good == Labels(said=0, right=0, there=50)
    assert found.before.no_good.precision is None
    assert found.before.no_good.recall == 0.0
    assert found.before.relevant == Labels(said=200, right=50, there=50)
    assert found.kept
    assert found.after.no_good.recall == 1.0
    assert found.after.relevant.said < 200


def test_every_question_is_measured_with_what_was_fitted_without_its_fold() -> None:
    given = judged(60, 0.4, -1.5)
    # Ten questions on one document that say the opposite: fitted to, they would look well calibrated.
    given += [Judged((0.95,) * 30, (False,) * 30, 0.95, False) for _ in range(10)]
    groups = [*alone(60), tuple(range(60, 70))]
    fold_of = folds_of(groups, 70)
    assert len(set(fold_of[60:])) == 1
    errors = []
    for place, one in enumerate(given):
        slope, offset = fitted([other for at, other in enumerate(given) if fold_of[at] != fold_of[place]])
        errors += [
            (as_searched(p, slope, offset) - y) ** 2 for p, y in zip(one.probabilities, one.relevant, strict=True)
        ]
    assert calibrated(given, groups).after.brier == pytest.approx(sum(errors) / len(errors), rel=1e-9)


def test_too_few_questions_are_refused() -> None:
    with pytest.raises(InputError, match="Too few questions to tune by: 10"):
        calibrated(judged(10, 0.5, 0.0), alone(10))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_is_that_of_a_slow_count(pairs: list[tuple[float, bool]]) -> None:
    total = 0.0
    for low in range(10):
        of_bin = [(p, y) for p, y in pairs if low <= min(9, int(p * 10)) < low + 1]
        if of_bin:
            mean = sum(p for p, _ in of_bin) / len(of_bin)
            share = sum(y for _, y in of_bin) / len(of_bin)
            total += len(of_bin) / len(pairs) * abs(mean - share)
    assert calibration_error([p for p, _ in pairs], [y for _, y in pairs]) == pytest.approx(total)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 3), st.floats(-2, 2))
def test_no_other_slope_and_offset_fit_better(seed: int, slope: float, offset: float) -> None:
    given = judged(10, slope, offset, seed)
    best = fitted(given)

    def loss(at: tuple[float, float]) -> float:
        x = np.log([p / (1 - p) for one in given for p in one.probabilities])
        y = np.array([value for one in given for value in one.relevant], dtype=float)
        n_good = y.sum()
        targets = np.where(y > 0, (n_good + 1) / (n_good + 2), 1 / (len(y) - n_good + 2))
        z = at[0] * x + at[1]
        return float(np.sum(np.logaddexp(0, z) - targets * z) + ((at[0] - 1) ** 2 + at[1] ** 2) / 2)

    for step in ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01), (0.01, 0.01), (-0.01, -0.01)):
        other = (best[0] + step[0], best[1] + step[1])
        if 0.01 <= other[0] <= 10:
            assert loss(best) <= loss(other)
