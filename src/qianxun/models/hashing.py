"""`hash`: an encoder without meaning, for tests and for trying out plugins: no weights, deterministic.

Each folded word adds one signed unit to one of 64 dimensions (feature hashing, Weinberger et al. 2009).
Texts that share words are near each other; nothing else is.
"""

import zlib
from collections.abc import Sequence

import numpy as np

from qianxun.protocols import Vectors
from qianxun.settings import Settings
from qianxun.text import fold, words

DIM = 64


class HashEncoder:
    """Satisfies `Encoder`; questions and passages are encoded alike."""

    name = "hash"
    fingerprint = "hash-1"
    dim = DIM

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32, unit rows; a text without words is a zero row."""
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, 64) float32, unit rows; a text without words is a zero row."""
        rows = np.zeros((len(texts), DIM), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(fold(text)):
                code = zlib.crc32(word.encode())
                row[code % DIM] += 1.0 if code & 0x8000_0000 else -1.0
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        np.divide(rows, norms, out=rows, where=norms > 0)
        return rows


def open_encoder(settings: Settings) -> HashEncoder:
    """The encoder; no setting changes it."""
    return HashEncoder()
