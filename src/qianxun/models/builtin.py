"""The encoder that comes with the package: Chinese and English in one space, no download, no GPU, no torch.

A small transformer (6 layers, 384 dimensions) that ONNX Runtime runs with eight-bit arithmetic. How it was
trained and how well it does: `builtin_data/MODEL_CARD.md`; by what: `training/student` in the repository.

Each text is run alone, several at a time on the processor's cores. That wastes nothing on padding, costs
little (beyond a few dozen tokens the cores are busy with one text), and a vector cannot depend on
what happened to be encoded beside it: an ingestion that was interrupted ends with the same bits as one
that was not.
"""

import functools
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qianxun.models.tokens import Tokenizer, windows
from qianxun.protocols import Vectors
from qianxun.settings import Settings

DATA = Path(__file__).parent / "builtin_data"
# More threads than this wait for each other while texts are cut into tokens.
_MAX_THREADS = 16


@dataclass(frozen=True, slots=True)
class _Model:
    """What is read when the first text comes: a command that encodes nothing need not wait for it."""

    tokenizer: Tokenizer
    words: NDArray[np.int8]  # (tokens, dim), memory-mapped: a question touches a few rows
    scales: NDArray[np.float32]  # (tokens,)
    positions: NDArray[np.float32]  # (longest, dim)
    session: Any


class BuiltinEncoder:
    """The builtin encoder; `folder` holds another training's files (default: the package's).

    `encode_queries` and `encode_passages` are the same function here. Both return `(n, dim) float32`
    in the order given: unit rows, except that a text of which nothing is known (empty, only
    punctuation, a script that the encoder cannot read) is a row of zeros, which has similarity 0 to
    everything and so matches nothing. A text longer than `longest` tokens is encoded in equal parts, whose
    vectors are averaged.

    Safe to share between threads.
    """

    name = "builtin"

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or DATA
        about = json.loads((self._folder / "model.json").read_text(encoding="utf-8"))
        self.fingerprint: str = about["fingerprint"]
        self.dim: int = about["dim"]
        self.longest: int = about["longest"]
        self._loading = threading.Lock()
        self._loaded: _Model | None = None

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions: `(n, dim) float32`, unit rows (zeros for a text of which nothing is known)."""
        return self._encode(texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages: `(n, dim) float32`, unit rows (zeros for a text of which nothing is known)."""
        return self._encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Tokens of these texts together, without those that mark where one begins and ends."""
        tokenizer = self._model().tokenizer
        return sum(len(tokenizer.numbers(text)) for text in texts)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        if not texts:
            return rows
        self._model()
        found = map(self._vector, texts) if len(texts) == 1 else _threads().map(self._vector, texts)
        for row, vector in zip(rows, found, strict=True):
            row[:] = vector
        return rows

    def _vector(self, text: str) -> NDArray[np.float64]:
        model = self._model()
        numbers = model.tokenizer.numbers(text)
        total = np.zeros(self.dim)
        if not model.tokenizer.says_something(numbers):
            return total
        for part in windows(numbers, self.longest - 2):
            total += len(part) * _unit(self._pooled(model, part))
        return _unit(total)

    def _pooled(self, model: _Model, numbers: Sequence[int]) -> NDArray[np.float64]:
        tokens = np.array([model.tokenizer.start, *numbers, model.tokenizer.end])
        vectors = model.words[tokens] * model.scales[tokens, None]
        vectors += model.positions[: len(tokens)]
        pooled: NDArray[np.float64] = model.session.run(None, {"tokens": vectors[None]})[0][0].astype(np.float64)
        return pooled

    def _model(self) -> _Model:
        with self._loading:
            if self._loaded is None:
                self._loaded = _Model(
                    tokenizer=Tokenizer.read(self._folder / "tokens.txt", self._folder / "token_scores.npy"),
                    words=np.load(self._folder / "words.npy", mmap_mode="r"),
                    scales=np.load(self._folder / "word_scales.npy"),
                    positions=np.load(self._folder / "positions.npy").astype(np.float32),
                    session=_session(self._folder / "layers.onnx"),
                )
            return self._loaded


def open_encoder(settings: Settings) -> BuiltinEncoder:
    """The builtin encoder; no setting changes it."""
    return BuiltinEncoder()


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Texts run side by side, each on one core.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(_n_cores(), _MAX_THREADS), thread_name_prefix="builtin-encoder")


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.sqrt(np.square(vector).sum())
    return vector / length if length > 0 else vector
