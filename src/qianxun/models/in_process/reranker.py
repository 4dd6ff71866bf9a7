"""Rerankers in this process. Which recipe a checkpoint follows, its architecture says. Knows no server."""

import logging
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

import numpy as np

from qianxun.errors import BadModelReply, SettingsError
from qianxun.models.families import QWEN3_MAX_TOKENS
from qianxun.models.in_process.body import load_judge
from qianxun.models.in_process.cross_encoder import CrossEncoder
from qianxun.models.in_process.device import Place, choose_place
from qianxun.models.in_process.loading import checkpoint_of, load_tokenizer
from qianxun.models.in_process.memory import memory_of
from qianxun.models.in_process.qwen3 import Qwen3Reranker
from qianxun.protocols import Vectors
from qianxun.settings import Settings
from qianxun.settings.engines import model_of

logger = logging.getLogger(__name__)

_QWEN3: Final = ("Qwen3ForCausalLM", "Qwen3ForSequenceClassification")
_CLASSIFIER: Final = "ForSequenceClassification"


class InProcessReranker:
    """Judges with a checkpoint on this machine. Safe to share between threads; one computes at a time.

    An empty passage answers nothing: 0, and the model is not asked. Of an overlong pair the passage loses its end, and
    a question that takes more than half the limit as well.
    """

    name = "transformers"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        section = settings.reranker
        self._instruction = None if section.instruction == "auto" else section.instruction
        self._loading = threading.Lock()
        self._computing = threading.Lock()
        self._loaded: Qwen3Reranker | CrossEncoder | None = None

    @property
    def served_by(self) -> str:
        """Where and how it runs, with the reasons. Loads no weights, but torch."""
        return self._place().in_words

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        """P(relevant) of each passage, `(n,) float32`, in the order given.

        Raises MissingExtra, SettingsError (no such model, or files that cannot be used), BadModelReply,
        ModelUnavailable (memory does not suffice).
        """
        scores = np.zeros(len(passages), dtype=np.float32)
        asked = [i for i, passage in enumerate(passages) if passage.strip()]
        if not asked:
            return scores
        model = self._model()
        with self._computing, self._memory():
            found = model.score(question, [passages[i] for i in asked], instruction or self._instruction)
        if not np.isfinite(found).all():
            raise BadModelReply(
                "{model} gave {n} scores in process that are no numbers ({served_by}).",
                remedy="Set reranker.precision to bfloat16 or float32.",
                model=model_of(self._settings.reranker),
                n=int((~np.isfinite(found)).sum()),
                served_by=self.served_by,
            )
        scores[asked] = found
        return scores

    def token_counts(self, question: str, passage: str) -> tuple[int, int]:
        """The tokens that the model reads for a pair, with its own instruction, and those of the whole prompt."""
        model = self._model()
        with self._computing:
            return model.token_counts(question, passage)

    def close(self) -> None:
        """Frees the model's memory; the next call loads it again."""
        with self._computing, self._loading:
            self._loaded = None

    def _model(self) -> Qwen3Reranker | CrossEncoder:
        with self._loading:
            if self._loaded is None:
                with self._memory():
                    self._loaded = self._load()
            return self._loaded

    def _load(self) -> Qwen3Reranker | CrossEncoder:
        section = self._settings.reranker
        checkpoint = checkpoint_of(section, self._settings)
        max_tokens = section.max_tokens or QWEN3_MAX_TOKENS
        if checkpoint.positions:
            max_tokens = min(max_tokens, checkpoint.positions)
        place = self._place()
        logger.info("reranker %s: %s", model_of(section), place.in_words)
        if checkpoint.architecture in _QWEN3:
            tokenizer = load_tokenizer(checkpoint)
            yes, no = Qwen3Reranker.answers(tokenizer)
            judge = load_judge(checkpoint, place, yes=yes, no=no)
            return Qwen3Reranker(tokenizer, judge, max_tokens, section.batch)
        if checkpoint.architecture.endswith(_CLASSIFIER):
            return CrossEncoder(checkpoint, load_tokenizer(checkpoint), place, max_tokens, section.batch)
        raise SettingsError(
            "{model} is a {architecture}, which is no reranker that is known here.",
            remedy="Name a Qwen3-Reranker, or a model that classifies pairs, such as BAAI/bge-reranker-v2-m3.",
            model=model_of(section),
            architecture=checkpoint.architecture,
        )

    def _memory(self) -> AbstractContextManager[None]:
        return memory_of("reranker", model_of(self._settings.reranker), self._place().device)

    def _place(self) -> Place:
        return choose_place(self._settings.reranker.device, self._settings.reranker.precision)


def open_reranker(settings: Settings) -> InProcessReranker:
    """The reranker that the settings name; its weights are read at the first call."""
    return InProcessReranker(settings)
