"""Qwen3-Reranker: the prompt into tokens as its authors cut them, what all passages share computed once.

The prompt's text is in `models/qwen3_reranker.py`. Prefix, body and suffix are cut into tokens each by itself, and an
overlong body loses its end, which is the passage's: so does the official code. What is shared is found on tokens, not
on text, because the space after `<Document>:` may merge with a passage's first word.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from qianxun.errors import SettingsError
from qianxun.models import qwen3_reranker as prompt
from qianxun.models.in_process import batches
from qianxun.models.in_process.body import Judge
from qianxun.models.in_process.packed import PackedDecoder
from qianxun.protocols import Vectors

# Fewer shared tokens than this cost less when computed with each passage.
_MIN_SHARED: Final = 16


class Qwen3Reranker:
    """Judges pairs. `batch` 0: as many passages at a time as suits the model. Not safe between threads."""

    def __init__(self, tokenizer: Any, judge: Judge, max_tokens: int, batch: int) -> None:
        self._tokenizer = tokenizer
        self._judge = judge
        self._max_tokens = max_tokens
        self._batch = batch
        self._prefix = self._numbers(prompt.PREFIX)
        self._suffix = self._numbers(prompt.SUFFIX)

    @staticmethod
    def answers(tokenizer: Any) -> tuple[int, int]:
        """The tokens `yes` and `no`. Raises SettingsError for a tokenizer that has them not."""
        found = [tokenizer.token_to_id(word) for word in (prompt.YES, prompt.NO)]
        if None in found:
            raise SettingsError(
                "The model's tokenizer has no tokens yes and no, so it is no Qwen3-Reranker.",
                remedy="Name a Qwen3-Reranker, or a model that classifies pairs.",
            )
        return found[0], found[1]

    def score(self, question: str, passages: Sequence[str], instruction: str | None) -> Vectors:
        """P(yes) of each passage, `(n,)` float32, in the order given."""
        sequences = self.sequences(question, passages, instruction)
        body = self._judge.body
        n_shared = common_length(sequences)
        prefix = None
        if isinstance(body, PackedDecoder) and len(sequences) > 1 and n_shared >= _MIN_SHARED:
            prefix = body.remember(sequences[0][:n_shared])
            sequences = [sequence[n_shared:] for sequence in sequences]
        found = np.empty(len(sequences), dtype=np.float32)
        lengths = [len(sequence) for sequence in sequences]
        for batch in batches.by_length(lengths, body.max_batch_tokens, padded=body.padded, max_texts=self._batch):
            chosen = [sequences[i] for i in batch]
            states = body.last(chosen, prefix) if isinstance(body, PackedDecoder) else body.last(chosen)
            found[batch] = (states @ self._judge.direction).sigmoid().numpy()
        return found

    def sequences(self, question: str, passages: Sequence[str], instruction: str | None) -> list[list[int]]:
        """The whole prompt of each pair in tokens."""
        room = self._max_tokens - len(self._prefix) - len(self._suffix)
        question = self._cut(question, self._max_tokens // 2)
        head = prompt.head(question, instruction)
        needed = len(self._numbers(head))
        if needed >= room:
            raise SettingsError(
                "reranker.max_tokens is {tokens}, but instruction, question and prompt alone have {needed}.",
                remedy="Set it higher, or to 0, or give a shorter instruction.",
                tokens=self._max_tokens,
                needed=self._max_tokens - room + needed,
            )
        bodies = self._tokenizer.encode_batch([head + passage for passage in passages], add_special_tokens=False)
        return [[*self._prefix, *body.ids[:room], *self._suffix] for body in bodies]

    def token_counts(self, question: str, passage: str) -> tuple[int, int]:
        """The tokens that the model reads for a pair, and those of the official prompt, uncut."""
        (sequence,) = self.sequences(question, [passage], None)
        body = self._numbers(prompt.head(question) + passage)
        return len(sequence), len(self._prefix) + len(body) + len(self._suffix)

    def _numbers(self, text: str) -> list[int]:
        numbers: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return numbers

    def _cut(self, text: str, max_tokens: int) -> str:
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return text if len(offsets) <= max_tokens else text[: offsets[max_tokens - 1][1]]


def common_length(sequences: Sequence[list[int]]) -> int:
    """How many tokens all begin with; each keeps one of its own at least."""
    first, last = min(sequences), max(sequences)  # what the extremes share in this order, all share
    n = min(map(len, sequences)) - 1
    return next((i for i in range(n) if first[i] != last[i]), n)
