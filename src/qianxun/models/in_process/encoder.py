"""Encoders in this process: Qwen3-Embedding, and any decoder or encoder with a pooling.

How text becomes a vector is said by `models/formats.py`; here it is done. Knows no server.
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qianxun.errors import BadModelReply
from qianxun.models.formats import EncoderFormat, encoder_format
from qianxun.models.in_process import batches
from qianxun.models.in_process.body import Body, load_body
from qianxun.models.in_process.device import Place, choose_place
from qianxun.models.in_process.loading import checkpoint_of, load_tokenizer
from qianxun.models.in_process.memory import memory_of
from qianxun.models.in_process.sequences import Sequences
from qianxun.protocols import Vectors
from qianxun.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Model:
    """What is read when the first text comes."""

    sequences: Sequences
    body: Body


class InProcessEncoder:
    """Encodes with a checkpoint on this machine. Safe to share between threads; one computes at a time.

    Rows are in the order given: unit, or zeros for a text that is empty or only white space. A text longer than the
    format allows is cut, or split and its parts' vectors averaged by their lengths, as the format says. A row depends
    on its text alone, up to rounding.
    """

    name = "transformers"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.format: EncoderFormat = encoder_format(settings)
        self.fingerprint = self.format.fingerprint
        # Unknown only if the model is not here: then this raises, because nothing can be stored either.
        self.dim: int = self.format.dimension or checkpoint_of(settings.encoder, settings).hidden_size
        self._loading = threading.Lock()
        self._computing = threading.Lock()
        self._loaded: _Model | None = None

    @property
    def served_by(self) -> str:
        """Where and how it runs, with the reasons. Loads no weights, but torch."""
        return self._place().in_words

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, the instruction before each: `(n, dim) float32`, unit rows, zeros for an empty text.

        Raises MissingExtra, SettingsError (no such model, or files that cannot be used), BadModelReply,
        ModelUnavailable (memory does not suffice).
        """
        return self._encode(texts, self.format.query_prefix)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages: `(n, dim) float32`, unit rows, zeros for an empty text. Raises as `encode_queries`."""
        return self._encode(texts, self.format.passage_prefix)

    def token_counts(self, texts: Sequence[str]) -> tuple[list[int], list[int]]:
        """For each text as a passage: the tokens that the model reads, and those of the whole, end token included."""
        sequences, prefix = self._model().sequences, self.format.passage_prefix
        read = [sum(len(part.tokens) for part in parts) for parts in sequences.parts(texts, prefix)]
        return read, [sequences.n_whole(text, prefix) for text in texts]

    def close(self) -> None:
        """Frees the model's memory; the next call loads it again."""
        with self._computing, self._loading:
            self._loaded = None

    def _encode(self, texts: Sequence[str], prefix: str) -> Vectors:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        asked = [i for i, text in enumerate(texts) if text.strip()]
        if not asked:
            return rows
        model = self._model()
        parts, owners = [], []
        for owner, of_text in zip(asked, model.sequences.parts([texts[i] for i in asked], prefix), strict=True):
            if of_text[0].tokens:  # a tokenizer may leave nothing of a text
                parts += of_text
                owners += [owner] * len(of_text)
        if not parts:
            return rows
        vectors = self._unit(self._pooled(model, [part.tokens for part in parts])[:, : self.dim])
        encoded = sorted(set(owners))
        if len(parts) == len(encoded):
            rows[owners] = vectors
            return rows
        lengths = np.array([part.n_text_tokens for part in parts], dtype=np.float32)
        np.add.at(rows, owners, vectors * lengths[:, None])
        rows[encoded] = self._unit(rows[encoded])
        return rows

    def _pooled(self, model: _Model, sequences: Sequence[Sequence[int]]) -> Vectors:
        body = model.body
        states, order = [], []
        for batch in batches.by_length([len(s) for s in sequences], body.max_batch_tokens, padded=body.padded):
            with self._computing, self._memory():
                states.append(body.pooled([sequences[i] for i in batch], self.format.pooling).numpy())
            order += batch
        found = np.concatenate(states)
        found[order] = found.copy()
        return found

    def _unit(self, vectors: Vectors) -> Vectors:
        lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise BadModelReply(
                "{model} gave {n} vectors in process that are no numbers or have no length ({served_by}).",
                remedy="Set encoder.precision to bfloat16 or float32.",
                model=self.format.identity,
                n=int((~np.isfinite(lengths) | (lengths == 0)).sum()),
                served_by=self.served_by,
            )
        return vectors / lengths

    def _model(self) -> _Model:
        with self._loading:
            if self._loaded is None:
                with self._memory():
                    self._loaded = self._load()
            return self._loaded

    def _load(self) -> _Model:
        section = self._settings.encoder
        checkpoint = checkpoint_of(section, self._settings)
        tokenizer = load_tokenizer(checkpoint)
        place = self._place()
        logger.info("encoder %s: %s", self.format.identity, place.in_words)
        return _Model(
            sequences=Sequences(
                tokenizer,
                appended=self.format.appended,
                max_tokens=min(self.format.max_tokens, checkpoint.positions or self.format.max_tokens),
                overlong=self.format.overlong,
            ),
            body=load_body(checkpoint, place, self.format),
        )

    def _memory(self) -> AbstractContextManager[None]:
        return memory_of("encoder", self.format.identity, self._place().device)

    def _place(self) -> Place:
        return choose_place(self._settings.encoder.device, self._settings.encoder.precision)


def open_encoder(settings: Settings) -> InProcessEncoder:
    """The encoder that the settings name; its weights are read when the first text comes."""
    return InProcessEncoder(settings)
