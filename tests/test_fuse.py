"""Fusion: checkable by hand; never an engine's normalised score."""

import math
from random import Random

import fusion_reference
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.records import Hit, Stage
from qianxun.retrieval.candidates import candidates_with
from qianxun.retrieval.fuse import CLOSENESS, FEEDBACK, OTHER_LANGUAGE, SHARPNESS, fuse, stages_of


def test_one_leg_keeps_its_order() -> None:
    hits = [Hit(3, 0.9), Hit(1, 0.5), Hit(2, -0.1)]
    assert [f.chunk for f in fuse({"dense": hits}, dense_weight=0.4)] == [3, 1, 2]
    lexical = [Hit(7, 8.0, 20.0), Hit(5, 4.0, 20.0)]
    assert [(f.chunk, f.score) for f in fuse({"lexical": lexical}, dense_weight=0.4)] == [(7, 0.4), (5, 0.2)]


def words(share: float) -> float:
    """What the lexical part of the formula gives to a share of the best, without trust."""
    return share**SHARPNESS / (1 + OTHER_LANGUAGE)


def test_both_legs_by_hand() -> None:
    dense = [Hit(1, 0.8), Hit(2, 0.5)]
    lexical = [Hit(2, 5.0, 20.0), Hit(3, 2.5, 20.0), Hit(4, 0.5, 20.0)]  # a = 1/4, 1/8, 1/40; far ahead
    legs = {"dense": dense, "lexical": lexical}
    scores = {
        f.chunk: f.score for f in fuse(legs, dense_weight=0.4, candidates=candidates_with(legs, cosines={3: 0.3}))
    }
    trust = math.sqrt(0.25)
    assert math.isclose(scores[1], 0.4 * 0.8)
    assert math.isclose(scores[2], 0.4 * 0.5 + 0.6 * trust * words(1))
    assert math.isclose(scores[3], 0.4 * 0.3 + 0.6 * trust * words(0.5))
    assert math.isclose(scores[4], 0.4 * 0.5 + 0.6 * trust * words(0.1)), "the lowest of the dense list"


def test_words_that_match_ten_chunks_alike_do_not_decide() -> None:
    dense = [Hit(n, 0.9 - n / 100) for n in range(1, 12)]
    alike = [Hit(n, 5.0 + n / 100, 20.0) for n in range(11, 0, -1)]
    ranked = fuse({"dense": dense, "lexical": alike}, dense_weight=0.4)
    assert [f.chunk for f in ranked] == list(range(1, 12))
    assert ranked[0].score < 0.4 * 0.89 + 0.6 * 0.5 * words(1) / 10


def test_when_words_cannot_match_meaning_decides() -> None:
    """A Chinese question over English documents shares one number with the wrong one."""
    dense = [Hit(1, 0.7), Hit(2, 0.3)]
    lexical = [Hit(2, 0.3, 30.0)]  # attained: 1 %
    assert [f.chunk for f in fuse({"dense": dense, "lexical": lexical}, dense_weight=0.4)] == [1, 2]


def test_a_passage_in_another_language_does_not_lose_to_one_that_shares_a_word() -> None:
    dense = [Hit(1, 0.8), Hit(2, 0.75), Hit(3, 0.4)]
    lexical = [Hit(1, 12.0, 20.0), Hit(3, 9.0, 20.0)]  # a = .6 and .45; b = .6
    legs = {"dense": dense, "lexical": lexical}
    plain = [f.chunk for f in fuse(legs, dense_weight=0.3)]
    bridged = fuse(legs, dense_weight=0.3, candidates=candidates_with(legs, other_language={2}))
    assert plain == [1, 3, 2]
    assert [f.chunk for f in bridged] == [1, 2, 3]
    expected = OTHER_LANGUAGE * (0.75 / 0.8) ** CLOSENESS / (1 + OTHER_LANGUAGE)
    assert math.isclose(bridged[1].score, 0.3 * 0.75 + 0.7 * math.sqrt(0.6) * expected)


def test_in_another_language_names_that_match_still_count() -> None:
    dense = [Hit(1, 0.7), Hit(2, 0.7)]
    legs = {"dense": dense, "lexical": [Hit(2, 3.0, 20.0)]}
    assert [f.chunk for f in fuse(legs, dense_weight=0.3, candidates=candidates_with(legs, other_language={1, 2}))] == [
        2,
        1,
    ]


def test_the_language_changes_nothing_where_no_words_match() -> None:
    legs = {"dense": [Hit(1, 0.8), Hit(2, 0.75)], "lexical": list[Hit]()}
    assert fuse(legs, dense_weight=0.5) == fuse(
        legs, dense_weight=0.5, candidates=candidates_with(legs, other_language={1, 2})
    )


def test_what_both_legs_agree_on_draws_what_is_near_it() -> None:
    dense = [Hit(1, 0.6), Hit(2, 0.5), Hit(3, 0.45)]
    legs = {"dense": dense, "lexical": [Hit(1, 5.0, 20.0)]}
    told = {1: 1.0, 2: 0.1, 3: 0.9}
    plain = fuse(legs, dense_weight=0.4)
    drawn = fuse(
        legs, dense_weight=0.4, candidates=candidates_with(legs, near=lambda chunk: told if chunk == 1 else {})
    )
    assert [f.chunk for f in plain] == [1, 2, 3]
    assert [f.chunk for f in drawn] == [1, 3, 2]
    share = FEEDBACK * 0.6  # its cosine, and all that the best hit has of the words
    length = math.sqrt(1 + 2 * share * 0.6 + share**2)
    scores = {f.chunk: f.score for f in drawn}
    assert math.isclose(scores[3], 0.4 * (0.45 + share * 0.9) / length)
    assert math.isclose(scores[1], 0.4 * (0.6 + share) / length + 0.6 * math.sqrt(0.25) * words(1))


def test_the_drawn_cosine_is_that_of_the_sum_of_the_vectors() -> None:
    question, first, other = (np.array(v) / np.linalg.norm(v) for v in ([3.0, 1, 0], [2.0, 2, 1], [0.0, 1, 2]))
    legs = {"dense": [Hit(1, float(question @ first)), Hit(2, float(question @ other))], "lexical": [Hit(1, 9.0, 9.0)]}
    drawn = fuse(
        legs, dense_weight=1.0, candidates=candidates_with(legs, near=lambda _: {1: 1.0, 2: float(first @ other)})
    )
    meant = question + FEEDBACK * float(question @ first) * first
    assert math.isclose(drawn[1].score, float(meant @ other) / np.linalg.norm(meant))


def test_what_the_words_do_not_know_draws_nothing() -> None:
    dense = [Hit(1, 0.9), Hit(2, 0.3)]
    for lexical in ([], [Hit(2, 0.1, 40.0)]):
        legs = {"dense": dense, "lexical": lexical}
        near = candidates_with(legs, near=lambda _: {1: 1.0, 2: 1.0})
        assert fuse(legs, dense_weight=0.3, candidates=near) == fuse(legs, dense_weight=0.3)


def test_nothing_found_is_nothing() -> None:
    assert fuse({"dense": [], "lexical": []}, dense_weight=0.4) == []
    assert [f.score for f in fuse({"dense": [Hit(1, 0.5)], "lexical": []}, dense_weight=0.4)] == [0.2]


hits = st.lists(st.tuples(st.integers(0, 30), st.floats(-1, 1)), max_size=20, unique_by=lambda h: h[0]).map(
    lambda pairs: sorted((Hit(c, s) for c, s in pairs), key=lambda h: (-h.score, h.chunk))
)


@given(hits, hits, st.floats(0, 1))
def test_every_hit_appears_once_in_order_and_in_range(dense: list[Hit], lexical: list[Hit], weight: float) -> None:
    lexical = [Hit(h.chunk, abs(h.score) * 9, 10.0) for h in lexical]
    near = {h.chunk: h.score for h in dense}
    legs = {"dense": dense, "lexical": lexical}
    fused = fuse(legs, dense_weight=weight, candidates=candidates_with(legs, near=lambda _: near))
    assert sorted(f.chunk for f in fused) == sorted({h.chunk for h in dense} | {h.chunk for h in lexical})
    assert fused == sorted(fused, key=lambda f: (-f.score, f.chunk))
    assert all(0 <= f.score <= 1 for f in fused)


shares = st.integers(0, 12).map(lambda n: n / 12)
sides = st.dictionaries(st.integers(0, 14), shares, max_size=12)


@given(sides, sides, shares, st.sets(st.integers(0, 14)), sides, st.booleans(), st.randoms(use_true_random=False))
def test_it_is_what_the_formula_says(
    meaning: dict[int, float],
    words: dict[int, float],
    weight: float,
    others: set[int],
    told: dict[int, float],
    draws: bool,
    random: Random,
) -> None:
    dense = [Hit(c, 2 * s - 1 if random.random() < 0.2 else s) for c, s in meaning.items()]
    lexical = [Hit(c, 9 * s, 10.0) for c, s in words.items()]
    dense, lexical = (sorted(leg, key=lambda h: (-h.score, h.chunk)) for leg in (dense, lexical))
    near = {c: {o: random.randint(-4, 12) / 12 for o in range(15) if random.random() < 0.8} for c in range(15)}
    legs = {"dense": dense, "lexical": lexical}
    known = candidates_with(legs, other_language=others, cosines=told, near=near.__getitem__ if draws else None)
    found = fuse(legs, dense_weight=weight, candidates=known)
    expected = fusion_reference.fused(dense, lexical, weight, others, told, near if draws else None)
    assert {f.chunk: f.score for f in found} == pytest.approx(expected, abs=1e-12)


def test_stages_tell_rank_and_score_of_each_leg() -> None:
    legs = {"dense": [Hit(1, 0.8), Hit(2, 0.5)], "lexical": [Hit(2, 5.0, 20.0)]}
    assert stages_of([2, 1], legs) == {
        2: {"dense": Stage(2, 0.5), "lexical": Stage(1, 5.0)},
        1: {"dense": Stage(1, 0.8), "lexical": Stage(None, None)},
    }
