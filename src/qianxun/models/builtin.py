"""The encoder that comes with the package: Chinese and English in one space, no download, no GPU.

It is a *bag of features*: every character, character pair and frequent triple of a Chinese run, every
other word and its pieces of four characters has a trained vector; a text is the weighted sum of them,
scaled to unit length. It knows neither word order nor negation, and a feature that was rare in training
is unknown to it. How it was trained and how well it does: `builtin_data/MODEL_CARD.md`; by what:
`training/static` in the repository.

Vectors do not depend on the batch, the machine or the BLAS: every sum is one of whole numbers small
enough to be exact in float32, so an ingestion that was interrupted ends with the same bits as one
that was not.
"""

import functools
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qianxun import text as matching
from qianxun.protocols import Vectors

DATA = Path(__file__).parent / "builtin_data"

# Keys of features: one Chinese character is its code point, pairs and triples put 21 bits per character
# side by side (so keys of runs are exact), and what other scripts give sets the top bit over a CRC-32.
_CHARACTER_BITS = np.uint64(21)
_WORD = 1 << 63
_PIECE = 1 << 63 | 1 << 32
_PIECE_CHARS = 4
# A longer "word" is a hash or an encoded file: its tail carries no meaning.
_MAX_WORD_CHARS = 40
_N_CACHED_WORDS = 1 << 16

# The weight of a feature that occurs n times, in sixteenths: 1 + ln n. It must stay below 128, see _EXACT_TERMS.
_UNIT = 16
_MAX_WEIGHT = 127
_WEIGHTS = np.rint(_UNIT * (1 + np.log(np.maximum(np.arange(2048), 1))))
_COUNT_WEIGHTS = np.minimum(_WEIGHTS, _MAX_WEIGHT).astype(np.float32)
# 1024 products of at most 127 * 127 stay below 2**24, up to which float32 holds whole numbers exactly.
_EXACT_TERMS = 1024


class BuiltinEncoder:
    """The builtin static encoder; `folder` holds another training's files (default: the package's).

    `encode_queries` and `encode_passages` are the same function here. Both return `(n, dim) float32`
    in the order given: unit rows, except that a text without any known feature (empty, only
    punctuation) is a row of zeros, which has similarity 0 to everything and so matches nothing.

    Safe to share between threads. The weights are memory-mapped: processes share them, and a page is
    read when its first feature is seen.
    """

    name = "builtin"

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or DATA
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.fingerprint: str = about["fingerprint"]
        self.dim: int = about["dim"]
        self._keys: NDArray[np.uint64] = np.load(folder / "features.npy")
        self._weights: NDArray[np.int8] = np.load(folder / "weights.npy", mmap_mode="r")

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions: `(n, dim) float32`, unit rows (zeros for a text without features)."""
        return self._encode(texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages: `(n, dim) float32`, unit rows (zeros for a text without features)."""
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        sums = np.zeros((len(texts), self.dim))
        # Reused for every text: to get fresh memory from the system costs more than the arithmetic.
        rows = np.empty((_EXACT_TERMS, self.dim), dtype=np.int8)
        floats = np.empty((_EXACT_TERMS, self.dim), dtype=np.float32)
        for total, text in zip(sums, texts, strict=True):
            found, counts = np.unique(rows_of(features(text), self._keys), return_counts=True)
            weights = count_weights(counts)
            for start in range(0, found.size, _EXACT_TERMS):
                part = found[start : start + _EXACT_TERMS]
                n = part.size
                np.take(self._weights, part, axis=0, out=rows[:n], mode="clip")
                floats[:n] = rows[:n]
                total += weights[start : start + n] @ floats[:n]
        lengths = np.sqrt(np.square(sums).sum(axis=1, keepdims=True))
        np.divide(sums, lengths, out=sums, where=lengths > 0)
        return sums.astype(np.float32)


def features(text: str) -> NDArray[np.uint64]:
    """The keys of all features of a text, `(n,) uint64`: repeated as they repeat, in no useful order."""
    cjk: list[str] = []
    keys: list[int] = []
    for run in matching.runs(matching.fold(text)):
        if matching.has_cjk(run):
            cjk.append(run)
        else:
            keys += _word_keys(run)
    found = np.array(keys, dtype=np.uint64)
    return np.concatenate([found, *_cjk_keys(cjk)]) if cjk else found


def rows_of(keys: NDArray[np.uint64], vocabulary: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Where `keys` stand in the sorted `vocabulary`; unknown ones are left out."""
    places = np.searchsorted(vocabulary, keys)
    # A key behind the last one is compared with the last one, which it does not equal.
    known = vocabulary[np.minimum(places, len(vocabulary) - 1)] == keys
    rows: NDArray[np.intp] = places[known]
    return rows


def count_weights(counts: NDArray[np.intp]) -> NDArray[np.float32]:
    """Weights of features that occur `counts` times (1 or more): whole numbers from 16 to 127."""
    weights: NDArray[np.float32] = _COUNT_WEIGHTS[np.minimum(counts, len(_COUNT_WEIGHTS) - 1)]
    return weights


def _cjk_keys(cjk: Sequence[str]) -> list[NDArray[np.uint64]]:
    # The line break between runs becomes 0, so that no pair or triple reaches across it.
    points = np.frombuffer("\n".join(cjk).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    points[points == ord("\n")] = 0
    first, second, third = points, points[1:], points[2:]
    pairs = first[:-1] << _CHARACTER_BITS | second
    triples = pairs[:-1] << _CHARACTER_BITS | third
    inner = (first[:-1] > 0) & (second > 0)
    return [first[first > 0], pairs[inner], triples[inner[:-1] & inner[1:]]]


@functools.lru_cache(maxsize=_N_CACHED_WORDS)
def _word_keys(word: str) -> list[int]:
    word = word[:_MAX_WORD_CHARS]
    keys = [_WORD | zlib.crc32(word.encode())]
    if len(word) > _PIECE_CHARS:
        framed = f"<{word}>"
        keys += [
            _PIECE | zlib.crc32(framed[start : start + _PIECE_CHARS].encode())
            for start in range(len(framed) - _PIECE_CHARS + 1)
        ]
    return keys
