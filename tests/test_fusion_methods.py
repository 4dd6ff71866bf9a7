"""Fusion methods against slow, obvious ones; and what must hold of every method."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.errors import InputError
from qianxun.records import Hit
from qianxun.retrieval.candidates import candidates_with
from qianxun.retrieval.fuse import METHODS, Method, fuse
from qianxun.retrieval.fusion_methods import Normalisation, reciprocal_rank, weighted_sum
from qianxun.settings import load_settings

EQUAL = {"dense": 0.5, "lexical": 0.5}


def leg(*scores: tuple[int, float], attainable: float = 1.0) -> list[Hit]:
    return [Hit(chunk, score, attainable) for chunk, score in sorted(scores, key=lambda one: (-one[1], one[0]))]


# --- by hand ---


def test_reciprocal_rank_by_hand() -> None:
    legs = {"dense": leg((1, 0.9), (2, 0.8)), "lexical": leg((2, 7.0), (3, 6.0))}
    scores = reciprocal_rank(legs, EQUAL, k=60)
    assert math.isclose(scores[1], 0.5)
    assert math.isclose(scores[2], 0.5 * 61 / 62 + 0.5)
    assert math.isclose(scores[3], 0.5 * 61 / 62)
    assert [f.chunk for f in fuse(legs, dense_weight=0.5, method="rrf")] == [2, 1, 3]
    weighted = reciprocal_rank(legs, {"dense": 3.0, "lexical": 1.0}, k=1)
    assert weighted == {1: 0.75, 2: 0.75 * 2 / 3 + 0.25, 3: 0.25 * 2 / 3}


def test_what_every_leg_puts_first_has_score_one() -> None:
    legs = {name: leg((5, 0.7), (6, 0.2)) for name in ("a", "b", "c", "d")}
    assert reciprocal_rank(legs, dict.fromkeys(legs, 0.1))[5] == 1.0


def test_equal_hits_share_a_rank_whichever_was_added_first() -> None:
    legs = {"dense": leg((1, 0.9), (2, 0.9), (3, 0.5)), "lexical": []}
    scores = reciprocal_rank(legs, EQUAL, k=60)
    assert scores[1] == scores[2] == 0.5
    assert math.isclose(scores[3], 0.5 * 61 / 63), "two are before it"


@pytest.mark.parametrize(
    ("normalisation", "expected"),
    [
        ("none", {1: 0.4, 2: 0.3 + 0.25, 3: 0.125}),
        ("minmax", {1: 0.5, 2: 0.0 + 0.5, 3: 0.0}),
        ("best", {1: 0.5, 2: 0.375 + 0.5, 3: 0.25}),
        # Of two scores, the deviation is half their distance: one stands at +1, the other at −1.
        ("zscore", {1: 0.5 * 4 / 6, 2: 0.5 * 2 / 6 + 0.5 * 4 / 6, 3: 0.5 * 2 / 6}),
    ],
)
def test_weighted_sums_by_hand(normalisation: Normalisation, expected: Mapping[int, float]) -> None:
    legs = {"dense": leg((1, 0.8), (2, 0.6)), "lexical": leg((2, 10.0), (3, 5.0), attainable=20.0)}
    scores = weighted_sum(legs, EQUAL, normalisation=normalisation)
    assert scores.keys() == expected.keys()
    assert all(math.isclose(scores[chunk], value, abs_tol=1e-12) for chunk, value in expected.items())


def test_a_known_cosine_counts_like_one_found_but_changes_no_scale() -> None:
    legs = {"dense": leg((1, 0.8), (2, 0.4)), "lexical": leg((3, 10.0), attainable=20.0)}
    scores = weighted_sum(legs, EQUAL, normalisation="minmax", known={"dense": {1: 0.1, 3: 0.6}})
    assert math.isclose(scores[1], 0.5), "what the leg itself says of it goes first"
    assert math.isclose(scores[3], 0.5 * 0.5 + 0.5)
    below = weighted_sum(legs, EQUAL, normalisation="minmax", known={"dense": {3: 0.1}})
    assert math.isclose(below[3], 0.5), "less than the least found is no less than not found"
    told = candidates_with(legs, cosines={3: 0.6})
    assert math.isclose(fuse(legs, dense_weight=0.5, method="weighted-minmax", candidates=told)[0].score, 0.75)


def test_a_negative_cosine_is_as_not_found() -> None:
    legs = {"dense": leg((1, 0.5), (2, -0.5)), "lexical": []}
    assert weighted_sum(legs, EQUAL, normalisation="none") == {1: 0.25, 2: 0.0}
    assert weighted_sum({"dense": leg((1, -0.5)), "lexical": []}, EQUAL, normalisation="best") == {1: 0.0}


def test_an_outlier_takes_less_of_the_scale_from_the_others_in_z_scores() -> None:
    many = [(chunk, 0.5 + chunk / 1000) for chunk in range(1, 40)]
    legs = {"dense": leg(*many, (99, 9.0)), "lexical": []}
    by_range = weighted_sum(legs, EQUAL, normalisation="minmax")
    by_spread = weighted_sum(legs, EQUAL, normalisation="zscore")
    assert by_spread[39] - by_spread[1] > by_range[39] - by_range[1]
    assert by_spread[99] == 0.5, "cut off at three deviations"


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'borda'.*adaptive, rrf, weighted, weighted-minmax"):
        fuse({"dense": [], "lexical": []}, dense_weight=0.5, method="borda")  # type: ignore[arg-type]


def test_weights_of_nothing_are_equal_weights() -> None:
    legs = {"dense": leg((1, 0.8)), "lexical": leg((2, 0.8))}
    nothing = {"dense": 0.0, "lexical": 0.0}
    assert reciprocal_rank(legs, nothing) == reciprocal_rank(legs, EQUAL)
    assert weighted_sum(legs, nothing) == weighted_sum(legs, EQUAL)


# --- slow references ---


def slow_reciprocal_rank(legs: Mapping[str, Sequence[Hit]], weights: Mapping[str, float], k: int) -> dict[int, float]:
    scores = {}
    for chunk in {hit.chunk for hits in legs.values() for hit in hits}:
        total = most = 0.0
        for name, hits in legs.items():
            most += weights[name] / (k + 1)
            for hit in hits:
                if hit.chunk == chunk:
                    better = sum(other.score > hit.score for other in hits)
                    total += weights[name] / (k + 1 + better)
        scores[chunk] = total / most
    return scores


def slow_weighted_sum(
    legs: Mapping[str, Sequence[Hit]], weights: Mapping[str, float], normalisation: str
) -> dict[int, float]:
    scores = dict.fromkeys({hit.chunk for hits in legs.values() for hit in hits}, 0.0)
    for name, hits in legs.items():
        values = [hit.score / hit.attainable for hit in hits]
        for hit, value in zip(hits, values, strict=True):
            if normalisation == "minmax":
                value = 1.0 if max(values) == min(values) else (value - min(values)) / (max(values) - min(values))
            elif normalisation == "best":
                value = value / max(values) if max(values) > 0 else 0.0
            elif normalisation == "zscore":
                spread = statistics.pstdev(values)
                z = (
                    (value - statistics.fmean(values)) / spread
                    if spread > 1e-9 * abs(statistics.fmean(values))
                    else 0.0
                )
                value = (min(3.0, max(-3.0, z)) + 3.0) / 6.0
            scores[hit.chunk] += weights[name] * min(1.0, max(0.0, value))
    return {chunk: score / sum(weights.values()) for chunk, score in scores.items()}


hits = st.lists(
    st.tuples(st.integers(0, 30), st.integers(-40, 100).map(lambda n: n / 100)), max_size=20, unique_by=lambda h: h[0]
).map(lambda pairs: leg(*pairs))
words = hits.map(lambda found: leg(*((h.chunk, abs(h.score) * 9) for h in found), attainable=10.0))
both = st.fixed_dictionaries({"dense": hits, "lexical": words})
weights = st.floats(0.01, 1)
methods = st.sampled_from(METHODS)


@given(both, hits, weights, weights, weights, st.integers(0, 100))
def test_reciprocal_rank_is_what_it_says(
    legs: dict[str, list[Hit]], third: list[Hit], a: float, b: float, c: float, k: int
) -> None:
    three, by_leg = {**legs, "third": third}, {"dense": a, "lexical": b, "third": c}
    found = reciprocal_rank(three, by_leg, k=k)
    expected = slow_reciprocal_rank(three, by_leg, k)
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[chunk], expected[chunk]) for chunk in expected)


@given(both, weights, weights, st.sampled_from(get_args(Normalisation)))
def test_a_weighted_sum_is_what_it_says(
    legs: dict[str, list[Hit]], a: float, b: float, normalisation: Normalisation
) -> None:
    by_leg = {"dense": a, "lexical": b}
    found = weighted_sum(legs, by_leg, normalisation=normalisation)
    expected = slow_weighted_sum(legs, by_leg, normalisation)
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[chunk], expected[chunk], abs_tol=1e-9) for chunk in expected)


# --- what holds of every method, the default one too ---


@given(both, st.floats(0, 1), methods)
def test_every_hit_appears_once_in_order_and_in_range(
    legs: dict[str, list[Hit]], weight: float, method: Method
) -> None:
    told = candidates_with(legs, cosines={n: n / 31 for n in range(31)})
    fused = fuse(legs, dense_weight=weight, method=method, candidates=told)
    assert sorted(f.chunk for f in fused) == sorted({h.chunk for found in legs.values() for h in found})
    assert fused == sorted(fused, key=lambda f: (-f.score, f.chunk))
    assert all(0.0 <= f.score <= 1.0 for f in fused)


@given(both, st.floats(0, 1), methods, st.randoms())
def test_the_order_of_dictionaries_changes_nothing(
    legs: dict[str, list[Hit]], weight: float, method: Method, random: Random
) -> None:
    cosines = {n: n / 31 for n in range(31)}
    shuffled = sorted(cosines, key=lambda _: random.random())
    turned = {"lexical": legs["lexical"], "dense": legs["dense"]}
    told = {n: cosines[n] for n in shuffled}
    first, second = candidates_with(turned, cosines=told), candidates_with(legs, cosines=cosines)
    assert fuse(turned, dense_weight=weight, method=method, candidates=first) == fuse(
        legs, dense_weight=weight, method=method, candidates=second
    )


@given(both, st.floats(0, 1), methods, st.sampled_from(["dense", "lexical"]), st.integers(0, 30))
def test_who_rises_in_a_leg_never_falls_in_the_whole(
    legs: dict[str, list[Hit]], weight: float, method: Method, name: str, place: int
) -> None:
    """Two neighbours of a leg change places: they swap their scores, nothing else changes."""
    found = legs[name]
    if len(found) < 2:
        return
    upper, riser = found[place % (len(found) - 1)], found[place % (len(found) - 1) + 1]
    swapped = {upper.chunk: riser.score, riser.chunk: upper.score}
    raised = {
        **legs,
        name: leg(*((h.chunk, swapped.get(h.chunk, h.score)) for h in found), attainable=found[0].attainable),
    }

    def place_of(legs: dict[str, list[Hit]]) -> int:
        return [f.chunk for f in fuse(legs, dense_weight=weight, method=method)].index(riser.chunk)

    assert place_of(raised) <= place_of(legs)


@given(hits, st.floats(0.01, 0.99), methods)
def test_where_words_find_nothing_the_order_is_that_of_meaning(dense: list[Hit], weight: float, method: Method) -> None:
    """Hits below 0, or as good as each other, may come out equal; none before a better one."""
    fused = fuse({"dense": dense, "lexical": []}, dense_weight=weight, method=method)
    score = {hit.chunk: hit.score for hit in dense}
    at = {f.chunk: f.score for f in fused}
    assert all(at[a] >= at[b] for a in at for b in at if score[a] > score[b])


@given(st.lists(st.integers(0, 30), min_size=1, unique=True), hits, methods)
def test_a_leg_whose_hits_are_all_equal_prefers_none_of_them(
    equal: list[int], dense: list[Hit], method: Method
) -> None:
    legs = {"dense": dense, "lexical": leg(*((chunk, 5.0) for chunk in equal), attainable=10.0)}
    fused = [f.chunk for f in fuse(legs, dense_weight=0.5, method=method) if f.chunk in equal]
    alone = {h.chunk: h.score for h in dense}
    found = [chunk for chunk in fused if alone.get(chunk, -1.0) > 0.0]
    assert [alone[chunk] for chunk in found] == sorted((alone[chunk] for chunk in found), reverse=True)


@pytest.mark.parametrize("method", METHODS)
def test_one_leg_keeps_its_order_and_its_scores_whatever_the_method(method: Method) -> None:
    lexical = leg((7, 8.0), (5, 4.0), attainable=20.0)
    assert [(f.chunk, f.score) for f in fuse({"lexical": lexical}, dense_weight=0.4, method=method)] == [
        (7, 0.4),
        (5, 0.2),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_nothing_found_is_nothing(method: Method) -> None:
    assert fuse({"dense": [], "lexical": []}, dense_weight=0.4, method=method) == []


# --- the study that compares them ---


def test_the_study_fuses_what_the_product_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1]))
    from bench.fusion_methods import Set, Variant, chosen, line, variants

    corpus = {
        "d1": "年假有五天。",
        "d2": "病假須提交醫院證明。",
        "d3": "The coil is open: Ｅ１０４２.",
        "d4": "加班费按月结算。",
    }
    questions = {"q1": "年假几天？", "q2": "病假證明", "q3": "E1042"}
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    records = [json.dumps({"_id": id, "title": "", "text": text}) for id, text in corpus.items()]
    (folder / "corpus.jsonl").write_text("\n".join(records), encoding="utf-8")
    records = [json.dumps({"_id": id, "text": text}) for id, text in questions.items()]
    (folder / "queries.jsonl").write_text("\n".join(records), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\nq2\td2\t1\nq3\td3\t1\n", encoding="utf-8")
    studied = Set(folder, load_settings(overrides=["encoder.name=hash", "reading.workers=1"]))
    as_set = studied.fused(Variant("as set", {}))
    assert as_set.by_question == studied.product.by_question
    assert as_set.mean["nDCG@10"] == 1.0
    found = variants()
    assert found.keys() == set(METHODS)
    lines = [line(one.name, [studied], [studied.fused(one)]) for several in found.values() for one in several]
    assert all(0.0 <= one.mean <= 1.0 for one in lines)
    assert chosen(lines, [0]).mean == max(one.mean for one in lines)
