"""What is particular to `faiss`: codes, segments, and that neither shows in scores."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qianxun.filters import And
from qianxun.indexes import exact, faiss
from qianxun.protocols import Where
from qianxun.records import Hit, IndexRow, Query, chunk_id, document_of
from qianxun.settings import IndexSettings

DIM = 64
N = 12_000
CODED = IndexSettings(exact_up_to=1000)


@pytest.fixture(scope="module")
def vectors() -> Any:
    """Topics within topics, as encoders give; float16-rounded."""
    rng = np.random.default_rng(2)
    scale = np.arange(1, DIM + 1) ** -0.35
    topic = rng.integers(0, 300, N)
    found = rng.normal(size=(300, DIM))[topic] + rng.normal(size=(20, DIM))[topic % 20] + rng.normal(size=(N, DIM))
    found *= scale
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


def rows_of(vectors: Any, start: int = 0) -> list[IndexRow]:
    return [
        IndexRow(chunk_id(1 + i // 10, i % 10), "", (), "", "", "", "", vector)
        for i, vector in enumerate(vectors, start)
    ]


def opened(module: Any, directory: Path, settings: IndexSettings = CODED, **more: Any) -> Any:
    return module.open_index(directory, fingerprint="f", settings=settings, dim=DIM, **more)


def built(module: Any, directory: Path, vectors: Any, batch: int = N, settings: IndexSettings = CODED) -> Any:
    index = opened(module, directory, settings)
    for start in range(0, len(vectors), batch):
        index.upsert(rows_of(vectors[start : start + batch], start))
        index.commit(start + batch)
    return index


def questions_of(vectors: Any) -> list[Query]:
    rng = np.random.default_rng(3)
    found = vectors[rng.integers(0, len(vectors), 50)] + 0.1 * rng.normal(size=(50, DIM))
    return [Query("", vector=(v / np.linalg.norm(v)).astype(np.float32)) for v in found]


def recall(found: list[list[Hit]], expected: list[list[Hit]]) -> float:
    shares = [len({h.chunk for h in f} & {h.chunk for h in e}) / len(e) for f, e in zip(found, expected, strict=True)]
    return float(np.mean(shares))


def test_codes_find_nearly_what_the_exact_index_finds_with_its_scores(tmp_path: Path, vectors: Any) -> None:
    reference = built(exact, tmp_path / "exact", vectors)
    index = built(faiss, tmp_path / "faiss", vectors, batch=1500)
    assert any(segment.codes for segment in index._segments)
    for k, least in ((10, 0.99), (100, 0.97)):
        found = [index.search(question, k) for question in questions_of(vectors)]
        expected = [reference.search(question, k) for question in questions_of(vectors)]
        assert recall(found, expected) >= least
        for some, every in zip(found, expected, strict=True):
            scores = {hit.chunk: hit.score for hit in every}
            assert all(abs(hit.score - scores.get(hit.chunk, hit.score)) <= 1e-6 for hit in some)


def test_up_to_the_limit_search_is_exact(tmp_path: Path, vectors: Any) -> None:
    settings = IndexSettings(exact_up_to=N)
    reference = built(exact, tmp_path / "exact", vectors)
    index = built(faiss, tmp_path / "faiss", vectors, batch=1500, settings=settings)
    assert index.reason == f"exact: {N} chunks, index.exact_up_to is {N}"
    for question in questions_of(vectors):
        assert index.search(question, 100) == reference.search(question, 100)


def test_a_raised_limit_makes_an_existing_index_exact(tmp_path: Path, vectors: Any) -> None:
    built(faiss, tmp_path / "faiss", vectors).close()
    reference = built(exact, tmp_path / "exact", vectors)
    index = opened(faiss, tmp_path / "faiss", IndexSettings(exact_up_to=N), read_only=True)
    for question in questions_of(vectors):
        assert index.search(question, 100) == reference.search(question, 100)


def test_the_choice_is_logged_with_its_reason(tmp_path: Path, vectors: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "qianxun.indexes.faiss"):
        index = built(faiss, tmp_path, vectors)
    assert index.reason.startswith(f"1-bit codes for {N} of {N} chunks")
    assert any(index.reason in record.getMessage() for record in caplog.records)


def test_removed_rows_are_found_neither_by_codes_nor_exactly(tmp_path: Path, vectors: Any) -> None:
    reference = built(exact, tmp_path / "exact", vectors)
    index = built(faiss, tmp_path / "faiss", vectors, batch=5000)
    gone = list(range(1, 1 + N // 10, 7))  # a seventh: fewer than make the segment be written again
    for each in (reference, index):
        each.remove(gone)
        each.commit(N + 1)
    assert any(segment.dead is not None and segment.codes for segment in index._segments)
    again = opened(faiss, tmp_path / "faiss", read_only=True)
    found = [again.search(question, 10) for question in questions_of(vectors)]
    assert not {document_of(hit.chunk) for hits in found for hit in hits} & set(gone)
    assert recall(found, [reference.search(question, 10) for question in questions_of(vectors)]) >= 0.99
    assert again.ids().tolist() == reference.ids().tolist()


def test_segments_with_many_removed_rows_are_written_again_without_them(tmp_path: Path, vectors: Any) -> None:
    index = built(faiss, tmp_path, vectors)
    before = sum(path.stat().st_size for path in tmp_path.rglob("*"))
    index.remove(range(1, N // 20))
    index.commit(N + 1)
    assert all(segment.dead is None for segment in index._segments)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 0.6 * before
    index.remove(range(1, N))
    index.commit(N + 2)
    assert index.search(questions_of(vectors)[0], 10) == []
    assert index.ids().tolist() == []


@pytest.mark.parametrize("left_out", [0, 10, 3], ids=["all", "most", "two thirds"])
def test_most_allowed_are_found_by_packed_codes(
    tmp_path: Path, vectors: Any, monkeypatch: pytest.MonkeyPatch, left_out: int
) -> None:
    reference = built(exact, tmp_path / "exact", vectors)
    index = built(faiss, tmp_path / "faiss", vectors)
    documents = np.arange(0, 1 + N // 10, dtype=np.int64)
    where = Where(And(()), documents[documents % left_out != 1] if left_out else documents)
    expected = [reference.search(question, 10, where) for question in questions_of(vectors)]
    found = [index.search(question, 10, where) for question in questions_of(vectors)]
    assert {document_of(hit.chunk) for hits in found for hit in hits} <= set(where.documents.tolist())
    assert recall(found, expected) >= 0.98
    # Without them the plain ones find nearly the same, with the same scores.
    for segment in index._segments:
        monkeypatch.setattr(type(segment), "packed", None)
    plain = [index.search(question, 10, where) for question in questions_of(vectors)]
    assert recall(plain, expected) >= 0.97


@pytest.mark.parametrize("share", [2, 3, 40], ids=["half", "third", "few"])
def test_where_is_obeyed_by_codes_and_costs_no_recall(tmp_path: Path, vectors: Any, share: int) -> None:
    reference = built(exact, tmp_path / "exact", vectors)
    index = built(faiss, tmp_path / "faiss", vectors)
    where = Where(And(()), np.arange(1, 1 + N // 10, share, dtype=np.int64))
    allowed = set(where.documents.tolist())
    found = [index.search(question, 10, where) for question in questions_of(vectors)]
    assert {document_of(hit.chunk) for hits in found for hit in hits} <= allowed
    expected = [reference.search(question, 10, where) for question in questions_of(vectors)]
    assert recall(found, expected) >= 0.99


def test_rows_written_before_the_commit_to_save_memory_are_seen_after_it(
    tmp_path: Path, vectors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss, "_MAX_PENDING", 1000)
    index = opened(faiss, tmp_path)
    for start in range(0, N, 700):
        index.upsert(rows_of(vectors[start : start + 700], start))
        index.upsert(rows_of(vectors[start : start + 300], start))
    index.remove([1, 2, N // 10])
    assert len(index.ids()) == 0
    index.commit(1)
    assert len(index.ids()) == N - 30
    assert len(index._segments) == 1


def test_a_segment_is_not_written_once_per_commit(tmp_path: Path, vectors: Any) -> None:
    index = opened(faiss, tmp_path)
    written = 0
    original = index._written

    def counted(ids: Any, *rest: Any, **more: Any) -> Any:
        nonlocal written
        written += len(ids)
        return original(ids, *rest, **more)

    index._written = counted
    for start in range(0, N, 100):
        index.upsert(rows_of(vectors[start : start + 100], start))
        index.commit(start)
    assert len(index._segments) <= 6
    assert written <= 12 * N  # 120 commits; writing everything each time would be 60 N
