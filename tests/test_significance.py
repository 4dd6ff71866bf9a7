"""The test of the difference, tested: by hand, against a slow reference and scipy, and in thousands of experiments."""

import itertools
import math
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.evaluation import significance
from qianxun.evaluation.measures import bootstrap_interval, pooled_interval
from qianxun.evaluation.significance import (
    ALPHA,
    EXACT_UP_TO,
    N_DRAWN,
    decided,
    holm,
    least_p,
    pooled,
    randomization_p,
    verdict,
)

# Eighths add up without rounding, so that the reference needs no tolerance.
eighths = st.integers(-8, 8).map(lambda n: n / 8)


def counted(differences: Sequence[float]) -> float:
    """p by looking at every choice of signs, zeros included."""
    seen = abs(sum(differences))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return sum(total >= seen for total in sums) / len(sums)


class TestP:
    def test_by_hand(self) -> None:
        # Of eight choices of signs, only +++ and --- come as far as three.
        assert randomization_p([1, 1, 1]) == 2 / 8
        # 2 - 1 = 1, and so come -2 + 1, 2 + 1, -2 - 1: all four.
        assert randomization_p([2, -1]) == 1.0
        assert randomization_p([0.3]) == 1.0

    def test_nothing_that_differs_is_no_difference(self) -> None:
        assert randomization_p([]) == randomization_p([0.0] * 50) == 1.0
        assert verdict([]) == verdict([0.0] * 50) == "no difference"

    @given(st.lists(eighths, max_size=9))
    def test_is_what_counting_gives(self, differences: list[float]) -> None:
        assert randomization_p(differences) == (counted(differences) if differences else 1.0)

    @given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
    def test_is_a_probability_and_the_same_from_both_sides(self, differences: list[float]) -> None:
        p = randomization_p(differences)
        assert 0 < p <= 1
        assert p == randomization_p([-value for value in differences]) == randomization_p(differences)

    @given(st.lists(eighths, min_size=1, max_size=8), st.integers(1, 200))
    def test_questions_without_a_difference_say_nothing(self, differences: list[float], n_zeros: int) -> None:
        assert randomization_p([*differences, *[0.0] * n_zeros]) == randomization_p(differences)

    def test_differences_that_are_equal_but_for_rounding_count_as_equal(self) -> None:
        # 0.1 + 0.2 is not 0.3: turned round it comes as far as seen, and must not be missed.
        assert randomization_p([0.1, 0.2, -0.3, 0.3]) == pytest.approx(counted([1, 2, -3, 3]))

    def test_drawn_agrees_with_exact(self, monkeypatch: pytest.MonkeyPatch) -> None:
        differences = [((7 * n) % 11 - 3) / 10 for n in range(EXACT_UP_TO - 1)]
        exact = randomization_p(differences)
        assert 0.01 < exact < 0.9
        monkeypatch.setattr(significance, "EXACT_UP_TO", 0)
        drawn = randomization_p(differences)
        assert drawn == randomization_p(differences)
        assert drawn != exact
        assert abs(drawn - exact) < 4 * math.sqrt(exact * (1 - exact) / N_DRAWN)

    def test_drawn_is_never_zero(self) -> None:
        assert randomization_p([1.0] * 500) == 1 / (N_DRAWN + 1)

    @pytest.mark.parametrize("n", [1, 2, 5, EXACT_UP_TO, EXACT_UP_TO + 1, 300])
    def test_the_least_there_can_be_is_reached_when_all_agree(self, n: int) -> None:
        assert randomization_p([0.5] * n) == pytest.approx(least_p(n), rel=0.5)
        assert least_p(n) <= randomization_p([0.5] * n)

    @pytest.mark.parametrize("n", [9, 200])
    def test_agrees_with_scipy(self, n: int) -> None:
        stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: the reference above stands alone")
        import numpy as np

        random = np.random.default_rng(6)
        differences = random.normal(0.0, 0.3, n) + (0.1 if n == 9 else 0.025)
        theirs = stats.permutation_test(
            (differences,),
            lambda values, axis: np.mean(values, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf if n == 9 else 9999,
            rng=np.random.default_rng(7),
        ).pvalue
        allowed = 1e-12 if n == 9 else 5 * math.sqrt(theirs * (1 - theirs) * 2 / 9999)
        assert 0.02 < theirs < 0.9
        assert abs(randomization_p(differences.tolist()) - theirs) <= allowed

    def test_memory_does_not_grow_with_what_is_drawn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        n, drawn = 20_000, 400
        monkeypatch.setattr(significance, "N_DRAWN", drawn)
        values = [(n % 7 - 3) / 10 for n in range(n)]
        randomization_p(values)  # what is imported at first use is no part of it
        tracemalloc.start()
        randomization_p(values)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20_000_000 < 8 * n * drawn


class TestVerdict:
    def test_says_which_way(self) -> None:
        assert verdict([0.1] * 30) == "better"
        assert verdict([-0.1] * 30) == "worse"
        assert verdict([0.1, -0.1] * 15) == "no difference"

    def test_five_questions_are_too_few_and_six_are_enough(self) -> None:
        assert least_p(5) == 0.0625
        assert verdict([1.0] * 5) == "no difference"
        assert verdict([1.0] * 6) == "better"

    def test_alpha_is_the_largest_p_that_counts(self) -> None:
        assert decided(1.0, 0.05) == "better"
        assert decided(1.0, 0.0501) == "no difference"
        assert decided(-1.0, 0.0501, alpha=0.1) == "worse"
        assert decided(0.0, 0.001) == "no difference"


class TestOfTheTest:
    """A thousand experiments without any difference: as many false alarms as alpha allows; with one, it is found."""

    N = 1000

    def alarms(self, n: int, values: Sequence[float] | None) -> int:
        """Of N experiments in which each question's two values change places by chance, those not "no difference"."""
        import numpy as np

        random = np.random.default_rng(20251122 + n)
        found = 0
        for _ in range(self.N):
            if values is None:
                a, b = random.beta(0.6, 0.4, n), random.beta(0.6, 0.4, n)
            else:
                a, b = random.choice(values, n), random.choice(values, n)
            swapped = np.where(random.integers(0, 2, n) == 1, a - b, b - a)
            found += verdict(swapped.tolist(), ALPHA) != "no difference"
        return found

    def spread(self) -> float:
        """Half of the 99.9 % interval of the number of alarms, if each comes with probability alpha."""
        return 3.29 * math.sqrt(self.N * ALPHA * (1 - ALPHA))

    @pytest.mark.parametrize("n", [15, 40], ids=["every choice of signs", "drawn"])
    def test_false_alarms_are_as_many_as_alpha_says(self, n: int) -> None:
        assert abs(self.alarms(n, None) - self.N * ALPHA) <= self.spread()

    def test_no_more_of_them_where_most_questions_are_the_same(self) -> None:
        # As nDCG@10 of one relevant document is: 0, 1, and little between.
        assert self.alarms(40, [0.0, 0.0, 0.63, 1.0, 1.0, 1.0]) <= self.N * ALPHA + self.spread()

    def test_a_planted_difference_is_found(self) -> None:
        import numpy as np

        random = np.random.default_rng(3)
        # 0.1 is five standard errors: hardly ever missed.
        experiments = [random.normal(0.1, 0.2, 100).tolist() for _ in range(100)]
        assert [verdict(differences) for differences in experiments].count("better") >= 98
        turned = [[-value for value in differences] for differences in experiments[:20]]
        assert [verdict(differences) for differences in turned].count("worse") >= 19


class TestSeveral:
    def test_holm_by_hand(self) -> None:
        assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
        assert holm([0.5, 0.9]) == [1.0, 1.0]
        assert holm([]) == []
        assert holm([0.2]) == [0.2]

    @given(st.lists(st.floats(0.0001, 1), min_size=1, max_size=8))
    def test_holm_never_makes_a_p_smaller_and_keeps_their_order(self, p_values: list[float]) -> None:
        corrected = holm(p_values)
        assert all(before <= after <= 1 for before, after in zip(p_values, corrected, strict=True))
        assert sorted(corrected) == [corrected[i] for i in sorted(range(len(p_values)), key=lambda i: p_values[i])]
        assert min(corrected) == pytest.approx(min(1.0, len(p_values) * min(p_values)))

    @given(st.lists(st.lists(eighths, min_size=1, max_size=5), min_size=1, max_size=4))
    def test_pooled_sums_to_the_mean_of_means(self, groups: list[list[float]]) -> None:
        mean = sum(sum(group) / len(group) for group in groups) / len(groups)
        assert sum(pooled(groups)) == pytest.approx(mean)
        assert pooled([*groups, []]) == pooled(groups)

    def test_a_small_data_set_counts_as_much_as_a_large_one(self) -> None:
        # 1,000 questions a little better, 20 much worse: by question a gain, by data set a loss.
        groups = [[0.01] * 1000, [-0.2] * 20]
        assert verdict([value for group in groups for value in group]) == "better"
        assert verdict(pooled(groups)) == "worse"

    def test_interval_of_one_group_is_that_of_its_mean(self) -> None:
        values = [0.0, 1.0, 0.5] * 20
        assert pooled_interval([values]) == bootstrap_interval(values)
        assert pooled_interval([values, []]) == bootstrap_interval(values)
        assert pooled_interval([]) == pooled_interval([[]]) == (0.0, 0.0)

    def test_interval_of_groups_is_of_the_mean_of_their_means(self) -> None:
        # Two coins of 100 tosses each: standard error 0.05 / √2, 1.96 of them on each side.
        tosses = [0.0, 1.0] * 50
        low, high = pooled_interval([tosses, tosses])
        assert low == pytest.approx(0.5 - 0.069, abs=0.02)
        assert high == pytest.approx(0.5 + 0.069, abs=0.02)
        # However many questions one has: its mean counts half.
        low, high = pooled_interval([[1.0] * 1000, [0.0] * 2])
        assert low == high == 0.5
