"""What the dense indexes share: arrays as files, chunk ids as ranges of documents, one way to score and order.

Knows numpy and no engine.
"""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qianxun.errors import InputError
from qianxun.indexes.state import FileRecord, write_file
from qianxun.protocols import Codes, Held, Ids, Vectors
from qianxun.records import CHUNK_BITS, Hit, IndexRow, Query
from qianxun.text import SCRIPTS

# float32 sums of products differ by about this much with the order of summation.
SLACK = 1e-5
# The sign, and where a float16's exponent and fraction come to lie in a float32's.
_SIGN_AND_HALF = np.int32(-0x80000000 | 0x0FFFFFFF)
_HALF_SCALE = np.float32(2.0**112)


def save_array(path: Path, array: NDArray[Any]) -> FileRecord:
    """Writes an array as `.npy`, without pickle."""
    contiguous = np.ascontiguousarray(array)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(contiguous))
    body = [memoryview(contiguous).cast("B")] if contiguous.size else []  # type: ignore[arg-type]
    return write_file(path, [header.getvalue(), *body])


def load_array(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    """Reads an array that `save_array` wrote; memory-mapped if asked (an empty file cannot be)."""
    if mapped and path.stat().st_size > 128:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]


def positions(sorted_ids: Ids, wanted: Ids) -> NDArray[np.int64]:
    """For each wanted id its place in the sorted ids, -1 where it is not among them."""
    if not len(sorted_ids):
        return np.full(len(wanted), -1, np.int64)
    places = np.searchsorted(sorted_ids, wanted)
    places[places == len(sorted_ids)] = 0
    return np.where(sorted_ids[places] == wanted, places, -1)


def rows_of_documents(sorted_ids: Ids, documents: Iterable[int]) -> NDArray[np.bool_]:
    """True for each row whose chunk belongs to one of these documents; (n,) bool."""
    mask = np.zeros(len(sorted_ids), np.bool_)
    wanted = np.fromiter(documents, np.int64)
    starts = np.searchsorted(sorted_ids, wanted << CHUNK_BITS)
    ends = np.searchsorted(sorted_ids, (wanted + 1) << CHUNK_BITS)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        mask[start:end] = True
    return mask


def needed_dim(dim: int | None, name: str) -> int:
    """The dimension of the vectors. Raises InputError if it was not given."""
    if dim is None:
        raise InputError("Index {name} needs the number of dimensions of its vectors.", name=name)
    return dim


def vectors_of(rows: Sequence[IndexRow], dim: int, name: str) -> Vectors:
    """The rows' vectors, (n, dim) float32. Raises InputError for a missing one or another dimension."""
    found = np.empty((len(rows), dim), np.float32)
    for i, row in enumerate(rows):
        found[i] = _vector(row.vector, dim, name)
    return found


def vector_of(query: Query, dim: int, name: str) -> Vectors | None:
    """The question's vector, (dim,) float32, or None if it has none. Raises InputError for another dimension."""
    return None if query.vector is None else _vector(query.vector, dim, name)


def _vector(value: object, dim: int, name: str) -> Vectors:
    vector = np.asarray(value, np.float32)
    if vector.shape != (dim,):
        raise InputError(
            "Index {name} holds vectors of shape ({dim},), not {seen}.",
            remedy="Encode with the encoder that the index was made with.",
            name=name,
            dim=dim,
            seen=vector.shape,
        )
    return vector


def best(ids: Ids, vectors: NDArray[Any], query: Vectors, k: int) -> list[Hit]:
    """The k best of these candidates, by descending cosine, ties by ascending chunk id.

    Every index's final scores come from here: sums in float64, rounded to float32, do not depend on which
    rows are beside them, so equal vectors get equal scores whichever index found them.
    """
    scores = (vectors.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    order = np.lexsort((ids, -scores))[:k]
    return [Hit(chunk, score) for chunk, score in zip(ids[order].tolist(), scores[order].tolist(), strict=True)]


def script_codes(rows: Sequence[IndexRow]) -> Codes:
    """What the rows' chunks are written in, (n,) places in SCRIPTS."""
    return np.fromiter((SCRIPTS.index(row.script) for row in rows), np.uint8, len(rows))


def held_rows(
    sorted_ids: Ids,
    vectors: NDArray[Any],
    scripts: Codes,
    chunks: Sequence[int],
    dead: NDArray[np.bool_] | None = None,
) -> Held:
    """Those of the chunks that are among the rows and not dead."""
    wanted = np.fromiter(chunks, np.int64, len(chunks))
    places = positions(sorted_ids, wanted)
    present = places >= 0
    if dead is not None:
        present[present] = ~dead[places[present]]
    kept = places[present]
    return Held(sorted_ids[kept], as_float32(vectors[kept]), scripts[kept])


def as_float32(vectors: NDArray[Any]) -> Vectors:
    """The same numbers as float32; of float16, finite ones, three times as fast as numpy does it.

    The bits of a float16 in the places of a float32's are the number times 2^-112, also below the normal ones.
    """
    if vectors.dtype != np.float16:
        return vectors.astype(np.float32)
    bits = vectors.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_HALF
    found = bits.view(np.float32)
    found *= _HALF_SCALE
    return found


def promising(scores: Vectors, k: int) -> NDArray[np.int64]:
    """The places of all scores that may be among the k best once they are summed exactly, ties included."""
    if len(scores) <= k:
        return np.arange(len(scores))
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= threshold - SLACK)
