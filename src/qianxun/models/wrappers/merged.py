"""Engines in process whose concurrent calls share batches (`batches.Queue`). A caller that goes away
(`callers.in_thread`) is not computed for.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from qianxun.models import check
from qianxun.models.wrappers.batches import Queue
from qianxun.models.wrappers.wrapped import WrappedEncoder, close_engine
from qianxun.protocols import Encoder, Reranker, Vectors

_MAX_TEXTS: Final = 64
_MAX_CHARS: Final = 65_536
# What a text costs beside its characters: prompt and end tokens.
_CHARS_PER_TEXT: Final = 32
# A batch of an encoder is made to take about so long: the longest that a question waits for passages being added.
_BATCH_SECONDS: Final = 0.5


class MergedEncoder(WrappedEncoder):
    """An encoder whose concurrent calls share batches. Satisfies `Encoder`; owns what it wraps.

    `window_seconds` is the longest that a free engine waits for further callers. A batch has at most `max_texts`
    texts and `max_chars` characters (one text at least), and so few that it takes about `batch_seconds`, by the speed
    seen so far: a call of many passages is done in pieces, and questions come in between.
    """

    def __init__(
        self,
        encoder: Encoder,
        window_seconds: float,
        *,
        max_texts: int = _MAX_TEXTS,
        max_chars: int = _MAX_CHARS,
        batch_seconds: float | None = _BATCH_SECONDS,
    ) -> None:
        super().__init__(encoder)
        self._queue = Queue(
            self._rows,
            cost=lambda text: len(text) + _CHARS_PER_TEXT,
            window_seconds=window_seconds,
            max_items=max_texts,
            max_cost=max_chars,
            batch_seconds=batch_seconds,
            name=f"encoder {self.name}",
        )

    @property
    def n_waiting(self) -> int:
        """Calls whose texts the engine has not taken all yet."""
        return self._queue.n_waiting

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows, in the order given. Raises CancelledError if the caller has left."""
        return self._encoded(self._encoder.encode_queries, texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows, in the order given. Raises CancelledError if the caller has left."""
        return self._encoded(self._encoder.encode_passages, texts)

    def close(self) -> None:
        """Ends the thread, refuses those who wait, and closes the wrapped encoder."""
        self._queue.close()
        super().close()

    def _encoded(self, encode: Callable[[Sequence[str]], Vectors], texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        return np.stack(self._queue.results(encode, texts))

    @staticmethod
    def _rows(encode: Any, texts: Sequence[str]) -> Sequence[Any]:
        return list(encode(texts))


class MergedReranker:
    """A reranker whose concurrent calls take turns, and share batches if they ask the same. Satisfies `Reranker`.

    A reranker gains from passages of one question together (their prompts begin alike), so calls with different
    questions go one after the other; a call of more than `max_passages` is done in pieces, and others come in between.
    """

    def __init__(
        self,
        reranker: Reranker,
        window_seconds: float,
        *,
        max_passages: int = _MAX_TEXTS,
        max_chars: int = _MAX_CHARS,
    ) -> None:
        self.name: str = reranker.name
        self._reranker: Any = reranker
        self._queue = Queue(
            self._scores,
            cost=lambda passage: len(passage) + _CHARS_PER_TEXT,
            window_seconds=window_seconds,
            max_items=max_passages,
            max_cost=max_chars,
            name=f"reranker {self.name}",
        )

    @property
    def served_by(self) -> str:
        """Where and how the wrapped reranker runs; its name if it does not say."""
        return check.served_by(self._reranker)

    @property
    def n_waiting(self) -> int:
        """Calls whose passages the engine has not taken all yet."""
        return self._queue.n_waiting

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        """(n,) float32, P(relevant) in [0, 1], in the order given. Raises CancelledError if the caller has left."""
        if not passages:
            return np.empty(0, dtype=np.float32)
        return np.array(self._queue.results((question, instruction), passages), dtype=np.float32)

    def token_counts(self, question: str, passage: str) -> tuple[int, int] | None:
        """The wrapped reranker's: tokens read for the pair, and of the official prompt; None if it cannot tell."""
        counts = getattr(self._reranker, "token_counts", None)
        found: tuple[int, int] | None = counts(question, passage) if counts is not None else None
        return found

    def close(self) -> None:
        """Ends the thread, refuses those who wait, and closes the wrapped reranker."""
        self._queue.close()
        close_engine(self._reranker)

    def _scores(self, asked: Any, passages: Sequence[str]) -> Sequence[Any]:
        question, instruction = asked
        return list(self._reranker.score(question, passages, instruction=instruction))
