"""Measures against values computed by hand."""

import math

import pytest

from qianxun.evaluation.measures import MEASURES, bootstrap_interval, measure


def discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def test_measures_equal_those_computed_by_hand() -> None:
    judgements = {"q1": {"a": 1, "b": 1, "c": 0}, "q2": {"x": 1}}
    rankings = {"q1": ["c", "a", "z", "b"], "q2": ["x"]}
    found = measure(judgements, rankings)
    assert found.questions == ("q1", "q2")
    # q1: relevant at ranks 2 and 4 of an ideal 1 and 2.
    first = (discount(2) + discount(4)) / (discount(1) + discount(2))
    assert found.by_question["nDCG@10"] == pytest.approx((first, 1.0))
    assert found.by_question["MRR@10"] == pytest.approx((0.5, 1.0))
    assert found.by_question["Recall@10"] == pytest.approx((1.0, 1.0))
    assert found.mean["nDCG@10"] == pytest.approx((first + 1) / 2)


def test_grades_are_linear_gains() -> None:
    found = measure({"q": {"a": 1, "b": 3}}, {"q": ["a", "b"]})
    assert found.mean["nDCG@10"] == pytest.approx((1 + 3 * discount(2)) / (3 + discount(2)))


def test_eleventh_place_counts_for_recall_at_100_only() -> None:
    ranking = [f"n{i}" for i in range(10)] + ["a"]
    found = measure({"q": {"a": 1}}, {"q": ranking})
    assert found.mean == {"nDCG@10": 0.0, "MRR@10": 0.0, "Recall@10": 0.0, "Recall@100": 1.0}


def test_question_without_results_counts_nothing_instead_of_being_left_out() -> None:
    found = measure({"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 1}}, {"q1": ["a"], "q2": []})
    for name in MEASURES:
        assert found.by_question[name] == (1.0, 0.0, 0.0)
        assert found.mean[name] == pytest.approx(1 / 3)


def test_order_is_the_rankings_own_also_where_ids_sort_otherwise() -> None:
    # trec_eval breaks ties of its 32-bit scores by id: the place in the ranking must decide.
    ranking = [f"{i:03d}" for i in range(100)]
    assert measure({"q": {"009": 1}}, {"q": ranking}).mean["MRR@10"] == pytest.approx(0.1)
    assert measure({"q": {"009": 1}}, {"q": ranking[::-1]}).mean["MRR@10"] == 0.0


def test_questions_nobody_judged_are_ignored() -> None:
    assert measure({"q": {"a": 1}}, {"q": ["a"], "other": ["b"]}).questions == ("q",)


def test_interval_holds_the_mean_and_repeats() -> None:
    values = [0.0, 1.0] * 50
    low, high = bootstrap_interval(values)
    assert (low, high) == bootstrap_interval(values)
    # The standard error of 100 coin tosses is 0.05; 1.96 of them on each side.
    assert low == pytest.approx(0.5 - 0.098, abs=0.02)
    assert high == pytest.approx(0.5 + 0.098, abs=0.02)


def test_interval_of_equal_values_is_a_point_and_of_none_is_zero() -> None:
    assert bootstrap_interval([0.25, 0.25]) == (0.25, 0.25)
    assert bootstrap_interval([]) == (0.0, 0.0)
