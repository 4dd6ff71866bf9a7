"""Vectors by what they were made from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qianxun.errors import Damaged
from qianxun.storage.vectors import VectorStore


@pytest.fixture
def vectors(tmp_path: Path) -> Iterator[VectorStore]:
    opened = VectorStore(tmp_path, "test-1", 4)
    yield opened
    opened.close()


def test_vectors_come_back_in_the_order_asked_and_rounded_to_half(vectors: VectorStore) -> None:
    rows = np.array([[1, 0, 0, 0], [0, 0.6, 0.8, 0]], dtype=np.float32)
    vectors.put([b"a", b"b"], rows)
    assert np.array_equal(vectors.get([b"b", b"a", b"b"]), rows.astype(np.float16).astype(np.float32)[[1, 0, 1]])
    assert vectors.missing([b"c", b"a", b"c", b"d"]) == [b"c", b"d"]
    assert vectors.get([]).shape == (0, 4)


def test_putting_again_changes_nothing(vectors: VectorStore) -> None:
    vectors.put([b"a"], np.ones((1, 4), dtype=np.float32))
    vectors.put([b"a"], np.zeros((1, 4), dtype=np.float32))
    assert vectors.get([b"a"]).tolist() == [[1, 1, 1, 1]]


def test_removed_vectors_are_gone(vectors: VectorStore) -> None:
    vectors.put([b"a", b"b"], np.ones((2, 4), dtype=np.float32))
    assert vectors.remove([b"a", b"x"]) == 1
    assert vectors.hashes() == {b"b"}
    with pytest.raises(Damaged, match="qianxun rebuild"):
        vectors.get([b"a"])


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "test-1.db").write_bytes(b"not a database at all" * 50)
    with pytest.raises(Damaged, match=r"test-1\.db"):
        VectorStore(tmp_path, "test-1", 4)
