"""Any model of the transformers library by its own forward: texts of like length together, padded behind.

The plain way, and the reference for `packed`. Used for architectures that are not known there, and on GPUs.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from qianxun.models.families import Pooling
from qianxun.models.in_process.loading import import_torch
from qianxun.models.in_process.memory import in_halves

Item = TypeVar("Item")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

# On a GPU the whole batch is one step, on a processor long rows only fall out of its caches.
_CPU_TOKENS: Final = 4096
_GPU_TOKENS: Final = 32768


class PaddedModel:
    """A model whose forward gives `last_hidden_state`. Not safe between threads."""

    padded: Final = True

    def __init__(self, model: Any, pad: int) -> None:
        self._torch = import_torch()
        self._model = model
        self._pad = pad
        self.max_batch_tokens = _CPU_TOKENS if model.device.type == "cpu" else _GPU_TOKENS

    def pooled(self, sequences: Sequence[Sequence[int]], pooling: Pooling) -> Any:
        """One vector for each sequence from the last layer's states: `(n, hidden)` float32 tensor on the processor."""
        return self._torch.cat(self.in_parts(lambda part: self._pooled(part, pooling), sequences))

    def in_parts(self, compute: Callable[[Sequence[Item]], Result], batch: Sequence[Item]) -> list[Result]:
        """What `compute` gives for a batch, in parts if memory is short; further batches are then made smaller."""

        def smaller() -> None:
            self.max_batch_tokens = max(1, self.max_batch_tokens // 2)
            logger.warning("memory of %s is short: batches of %d tokens", self._model.device, self.max_batch_tokens)

        return in_halves(compute, batch, smaller)

    def _pooled(self, sequences: Sequence[Sequence[int]], pooling: Pooling) -> Any:
        with self._torch.inference_mode():
            numbers, mask = self.batch(sequences)
            states = self._model(input_ids=numbers, attention_mask=mask).last_hidden_state
            if pooling == "mean":
                weights = mask[:, :, None].float()
                found = (states.float() * weights).sum(dim=1) / weights.sum(dim=1)
            elif pooling == "last":
                found = states[self._torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]
            else:
                found = states[:, 0]
            return found.float().cpu()

    def last(self, sequences: Sequence[Sequence[int]]) -> Any:
        """The last layer's state at each sequence's last token: `(n, hidden)` float32 tensor on the processor."""
        return self.pooled(sequences, "last")

    def batch(self, sequences: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Token numbers and mask, `(n, longest)` on the model's device, padding behind."""
        torch = self._torch
        longest = max(map(len, sequences))
        numbers = torch.full((len(sequences), longest), self._pad)
        mask = torch.zeros((len(sequences), longest), dtype=torch.long)
        for i, tokens in enumerate(sequences):
            numbers[i, : len(tokens)] = torch.tensor(tokens)
            mask[i, : len(tokens)] = 1
        return numbers.to(self._model.device), mask.to(self._model.device)
