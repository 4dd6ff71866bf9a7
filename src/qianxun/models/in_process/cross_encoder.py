"""Cross-encoders: a model that reads question and passage together and gives one number, such as bge-reranker."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from qianxun.errors import SettingsError
from qianxun.models.checkpoint import Checkpoint
from qianxun.models.in_process import batches
from qianxun.models.in_process.device import Place
from qianxun.models.in_process.loading import import_torch, load_transformer
from qianxun.models.in_process.padded import PaddedModel
from qianxun.protocols import Vectors


class CrossEncoder:
    """Judges pairs: sigmoid of the one number that the model gives. It takes no instruction.

    An overlong pair loses the passage's end. Not safe between threads.
    """

    def __init__(self, checkpoint: Checkpoint, tokenizer: Any, place: Place, max_tokens: int, batch: int) -> None:
        self._torch = import_torch()
        self._model = load_transformer(checkpoint, "AutoModelForSequenceClassification", place.device, place.precision)
        if self._model.config.num_labels != 1:
            raise SettingsError(
                "{model} classifies into {n} classes; a reranker gives one number.",
                remedy="Name a reranker, for example BAAI/bge-reranker-v2-m3 or Qwen/Qwen3-Reranker-0.6B.",
                model=checkpoint.folder.name,
                n=self._model.config.num_labels,
            )
        self._padding = PaddedModel(self._model, checkpoint.pad_token)
        self._tokenizer = tokenizer
        self._max_tokens = min(max_tokens, checkpoint.positions or max_tokens)
        self._batch = batch
        self._has_types = (checkpoint.config.get("type_vocab_size") or 0) > 1

    def score(self, question: str, passages: Sequence[str], instruction: str | None) -> Vectors:
        """The probability of each passage, `(n,)` float32, in the order given."""
        encodings = self._pairs(question, passages)
        found = np.empty(len(encodings), dtype=np.float32)
        lengths = [len(encoding.ids) for encoding in encodings]
        max_tokens = self._padding.max_batch_tokens
        for batch in batches.by_length(lengths, max_tokens, padded=True, max_texts=self._batch):
            found[batch] = np.concatenate(self._padding.in_parts(self._of, [encodings[i] for i in batch]))
        return found

    def token_counts(self, question: str, passage: str) -> tuple[int, int]:
        """The tokens that the model reads for a pair, and those of the whole pair."""
        (cut,) = self._pairs(question, [passage])
        return len(cut.ids), len(cut.ids) + sum(len(rest.ids) for rest in cut.overflowing)

    def _of(self, encodings: Sequence[Any]) -> Vectors:
        with self._torch.inference_mode():
            numbers, mask = self._padding.batch([encoding.ids for encoding in encodings])
            inputs = {"input_ids": numbers, "attention_mask": mask}
            if self._has_types:
                inputs["token_type_ids"], _ = self._padding.batch([encoding.type_ids for encoding in encodings])
            logits = self._model(**inputs).logits[:, 0]
            scores: Vectors = logits.float().sigmoid().cpu().numpy()
            return scores

    def _pairs(self, question: str, passages: Sequence[str]) -> list[Any]:
        tokenizer = self._tokenizer
        tokenizer.no_truncation()
        offsets = tokenizer.encode(question, add_special_tokens=False).offsets
        if len(offsets) > self._max_tokens // 2:
            question = question[: offsets[self._max_tokens // 2 - 1][1]]
        tokenizer.enable_truncation(self._max_tokens, strategy="only_second")
        pairs: list[Any] = tokenizer.encode_batch([(question, passage) for passage in passages])
        return pairs
