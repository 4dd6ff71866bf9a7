"""Diversity: against a slow, obvious reference, and exactly the given order where it is off."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qianxun.retrieval.diversify import at_most_per_document, mmr

Vector = tuple[float, ...]


def unit(*numbers: float) -> Vector:
    return tuple(np.array(numbers) / np.linalg.norm(numbers))


def diversified(relevance: list[float], vectors: dict[int, Vector], *, lambda_: float, k: int) -> list[int]:
    """`mmr` of chunks 100, 101, … whose vectors are told by place, in another order than the passages'."""
    places = sorted(vectors, reverse=True)
    rows = np.array([vectors[place] for place in places] or np.zeros((0, 3)), dtype=np.float32)
    ids = np.array([100 + place for place in places], dtype=np.int64)
    return mmr([100 + n for n in range(len(relevance))], relevance, ids, rows, lambda_=lambda_, k=k)


def gains(relevance: list[float], vectors: dict[int, Vector], chosen: list[int], *, lambda_: float) -> dict[int, float]:
    """What each passage that is left would gain: the definition, one cosine at a time."""

    def likeness(a: int, b: int) -> float:
        return min(1.0, max(0.0, sum(x * y for x, y in zip(vectors[a], vectors[b], strict=True))))

    pairs = [likeness(a, b) for a in vectors for b in vectors if a != b]
    average = sum(pairs) / len(pairs) if pairs else 0.0
    found = {}
    for place in range(len(relevance)):
        if place not in chosen:
            near = [likeness(place, c) if place in vectors and c in vectors else average for c in chosen]
            found[place] = lambda_ * min(relevance[: place + 1]) - (1 - lambda_) * max(near, default=0.0)
    return found


def test_a_repetition_waits_for_what_is_new() -> None:
    vectors = {0: unit(1, 0), 1: unit(1, 0.05), 2: unit(0, 1)}
    assert diversified([0.9, 0.85, 0.6], vectors, lambda_=0.5, k=3) == [0, 2, 1]
    assert diversified([0.9, 0.85, 0.6], vectors, lambda_=0.9, k=3) == [0, 1, 2]
    assert diversified([0.9, 0.85, 0.6], vectors, lambda_=0.5, k=2) == [0, 2]


def test_the_best_stays_first() -> None:
    vectors = {0: unit(1, 0), 1: unit(0, 1)}
    assert diversified([0.9, 0.2], vectors, lambda_=0.01, k=2)[0] == 0


def test_with_likeness_alone_the_first_leads_and_the_farthest_follows() -> None:
    vectors = {0: unit(1, 0), 1: unit(1, 1), 2: unit(0, 1)}
    assert diversified([0.9, 0.8, 0.1], vectors, lambda_=0.0, k=3) == [0, 2, 1]


def test_the_opposite_is_no_newer_than_something_else() -> None:
    vectors = {0: unit(1, 0), 1: unit(0, 1), 2: unit(-1, 0)}
    assert diversified([0.9, 0.5, 0.5], vectors, lambda_=0.5, k=3) == [0, 1, 2]


def test_who_has_no_vector_is_neither_preferred_nor_held_back() -> None:
    """The others are alike by .5 on average, so that is what the third is to each of them."""
    vectors = {0: unit(1, 0), 1: unit(0.5, 3**0.5 / 2)}
    assert diversified([0.8, 0.71, 0.7], vectors, lambda_=0.5, k=3) == [0, 1, 2]
    nearer = {0: unit(1, 0), 1: unit(1, 0.01), 3: unit(0, 1)}
    assert diversified([0.8, 0.7, 0.7, 0.7], nearer, lambda_=0.5, k=4) == [0, 3, 2, 1]


def test_without_any_vector_the_order_stays() -> None:
    assert diversified([0.8, 0.7, 0.1], {}, lambda_=0.3, k=3) == [0, 1, 2]
    none = np.zeros((0, 4), dtype=np.float32)
    assert mmr([5, 6], [0.2, 0.1], np.zeros(0, dtype=np.int64), none, lambda_=0.3, k=2) == [0, 1]


def test_scores_of_another_making_do_not_overtake() -> None:
    """The last two were not judged by the reranker: their fused scores are higher than its last ones."""
    apart = {n: tuple(np.eye(5)[n]) for n in range(5)}
    assert diversified([0.9, 0.05, 0.01, 0.6, 0.5], apart, lambda_=0.8, k=5) == [0, 1, 2, 3, 4]


def test_nothing_is_nothing() -> None:
    assert diversified([], {}, lambda_=0.5, k=3) == []
    assert diversified([0.5], {0: unit(1, 0)}, lambda_=0.5, k=0) == []


near_and_far = st.tuples(*[st.integers(-3, 3)] * 3).filter(any).map(lambda v: unit(*v))
given_passages = st.lists(st.tuples(st.integers(0, 20), st.one_of(st.none(), near_and_far)), max_size=12).map(
    lambda found: (
        [score / 20 for score, _ in found],
        {place: vector for place, (_, vector) in enumerate(found) if vector is not None},
    )
)


@given(given_passages, st.integers(0, 9), st.integers(0, 15))
def test_every_choice_is_the_one_that_gains_most(
    passages: tuple[list[float], dict[int, Vector]], tenths: int, k: int
) -> None:
    relevance, vectors = passages
    found = diversified(relevance, vectors, lambda_=tenths / 10, k=k)
    assert len(found) == len(set(found)) == min(k, len(relevance))
    for n, place in enumerate(found):
        left = gains(relevance, vectors, found[:n], lambda_=tenths / 10)
        # Vectors are float32: what gains as much but for rounding may come in either order.
        assert left[place] >= max(left.values()) - 1e-6
        assert all(left[place] > left[other] - 1e-6 for other in range(place) if other in left)


@given(given_passages, st.integers(0, 15))
def test_with_a_lambda_of_one_the_order_is_exactly_the_given_one(
    passages: tuple[list[float], dict[int, Vector]], k: int
) -> None:
    relevance, vectors = passages
    assert diversified(relevance, vectors, lambda_=1.0, k=k) == list(range(min(k, len(relevance))))


@given(given_passages, st.integers(0, 10), st.integers(1, 15))
def test_fewer_are_the_first_of_more(passages: tuple[list[float], dict[int, Vector]], tenths: int, k: int) -> None:
    relevance, vectors = passages
    whole = diversified(relevance, vectors, lambda_=tenths / 10, k=len(relevance))
    assert diversified(relevance, vectors, lambda_=tenths / 10, k=k) == whole[:k]


def test_at_most_so_many_of_one_document() -> None:
    assert at_most_per_document([7, 7, 8, 7, 9, 8], 1) == [0, 2, 4]
    assert at_most_per_document([7, 7, 8, 7, 9, 8], 2) == [0, 1, 2, 4, 5]
    assert at_most_per_document([7, 7, 8], 0) == [0, 1, 2]
    assert at_most_per_document(["年假.md", "年假.md", "年假"], 1) == [0, 2]
    assert at_most_per_document([], 3) == []


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(0, 5))
def test_the_cap_keeps_order_and_the_best_of_each(documents: list[int], most: int) -> None:
    kept = at_most_per_document(documents, most)
    assert kept == sorted(kept)
    for document in set(documents):
        places = [place for place, one in enumerate(documents) if one == document]
        assert [place for place in kept if documents[place] == document] == (places[:most] if most else places)
