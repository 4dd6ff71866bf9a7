"""The map's arithmetic, against least squares on rows that anybody can write down."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.models.hashing import HashEncoder
from qianxun.protocols import Vectors
from qianxun.retrieval.adapt import Adapter, learn, target
from qianxun.retrieval.understand import encoded, understand


def rows(n: int, dim: int, seed: int) -> Vectors:
    random = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return random / np.linalg.norm(random, axis=1, keepdims=True)


def adapter(change: Vectors) -> Adapter:
    return Adapter("some-1", "2026-01-01T00:00:00Z", np.asarray(change, dtype=np.float32))


def slow(questions: Vectors, targets: Vectors, ridge: float) -> Vectors:
    """Least squares with dim further rows, √λ · I → 0: they are the penalty."""
    n, dim = questions.shape
    left = np.vstack([questions, np.sqrt(ridge * n) * np.eye(dim)])
    right = np.vstack([targets - questions, np.zeros((dim, dim))])
    return np.linalg.lstsq(left, right, rcond=None)[0]


@pytest.mark.parametrize("n, dim", [(1, 2), (5, 8), (8, 8), (200, 16)])
@pytest.mark.parametrize("ridge", [0.003, 0.1, 1.0, 30.0])
def test_map_is_that_of_least_squares_with_the_penalty_as_rows(n: int, dim: int, ridge: float) -> None:
    questions, targets = rows(n, dim, 1), rows(n, dim, 2)
    np.testing.assert_allclose(learn(questions, targets, ridge=ridge), slow(questions, targets, ridge), atol=1e-5)


def test_one_question_by_hand() -> None:
    # n = 1, λ = 1: (diag(1, 0) + I)⁻¹ · [[−1, 1], [0, 0]] = [[−½, ½], [0, 0]].
    change = learn(np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32), ridge=1.0)
    assert change.tolist() == [[-0.5, 0.5], [0.0, 0.0]]
    assert adapter(change).apply(np.array([1, 0], np.float32)) == pytest.approx([0.5**0.5, 0.5**0.5])
    # Of the other direction the question said nothing.
    assert adapter(change).apply(np.array([0, 1], np.float32)).tolist() == [0.0, 1.0]


def test_the_same_ridge_means_the_same_for_any_number_of_questions() -> None:
    questions, targets = rows(20, 6, 3), rows(20, 6, 4)
    once = learn(questions, targets, ridge=0.1)
    np.testing.assert_allclose(learn(np.tile(questions, (3, 1)), np.tile(targets, (3, 1)), ridge=0.1), once, atol=1e-6)


def test_a_large_ridge_changes_nothing() -> None:
    assert np.abs(learn(rows(20, 6, 3), rows(20, 6, 4), ridge=1e9)).max() < 1e-8


def test_a_rotation_is_undone_for_questions_never_seen() -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(5).standard_normal((12, 12)))
    passages = rows(220, 12, 6)
    questions = (passages @ turn).astype(np.float32)
    learned = adapter(learn(questions[:200], passages[:200], ridge=1e-4))
    for question, passage in zip(questions[200:], passages[200:], strict=True):
        assert question @ passage < 0.9
        assert learned.apply(question) @ passage > 0.999


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_an_adapted_query_has_unit_length(seed: int, size: float) -> None:
    moved = adapter(size * rows(8, 8, seed)).apply(rows(1, 8, seed + 1)[0])
    assert moved.dtype == np.float32
    assert moved.shape == (8,)
    assert np.linalg.norm(moved) == pytest.approx(1.0, abs=1e-5)


def test_a_zero_query_stays_zero_and_one_that_would_vanish_stays_itself() -> None:
    assert not adapter(rows(3, 3, 1)).apply(np.zeros(3, np.float32)).any()
    assert adapter(-np.eye(2)).apply(np.array([1, 0], np.float32)).tolist() == [1.0, 0.0]


def test_target_is_the_mean_direction_the_nearest_passage_or_between() -> None:
    question = np.array([1, 0], np.float32)
    document = np.array([[1, 0], [0, 1]], np.float32)
    assert target(question, [document], nearest=0.0) == pytest.approx([0.5**0.5, 0.5**0.5])
    assert target(question, [document], nearest=1.0).tolist() == [1.0, 0.0]
    between = target(question, [document], nearest=0.5)
    assert between[0] > between[1] > 0.0


def test_every_accepted_document_counts_alike_however_long() -> None:
    question = np.array([1, 0], np.float32)
    long, short = np.array([[1, 0]] * 9, np.float32), np.array([[0, 1]], np.float32)
    assert target(question, [long, short], nearest=0.0) == pytest.approx([0.5**0.5, 0.5**0.5])


def test_target_is_the_question_where_what_was_accepted_cancels_out() -> None:
    question = np.array([0.6, 0.8], np.float32)
    opposite = np.array([[1, 0], [-1, 0]], np.float32)
    assert target(question, [opposite], nearest=0.0).tolist() == question.tolist()


@pytest.mark.parametrize(
    "question", ["年假有几天？", "What is the hotel limit?", "timeout 怎么设置？", "加班須先申請嗎？", "！？"]
)
def test_understanding_applies_the_adapter_to_the_vector_and_to_nothing_else(question: str) -> None:
    encoder, moving = HashEncoder(), adapter(rows(64, 64, 7))
    query = understand(question)
    plain, adapted = encoded(query, encoder), encoded(query, encoder, moving)
    assert plain.vector is not None
    np.testing.assert_array_equal(adapted.vector, moving.apply(plain.vector))  # type: ignore[arg-type]
    assert adapted == plain  # words and characters; vectors are not compared
    assert query.vector is None
