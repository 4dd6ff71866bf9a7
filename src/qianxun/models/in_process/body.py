"""Loads what turns token sequences into states: the packed decoder where it can be, else transformers' own forward."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, Protocol

from qianxun.errors import SettingsError
from qianxun.models.checkpoint import Checkpoint, read_json
from qianxun.models.families import Pooling
from qianxun.models.formats import EncoderFormat
from qianxun.models.in_process.decoder_weights import Shape, why_not_packed
from qianxun.models.in_process.device import Place
from qianxun.models.in_process.loading import Head, load_transformer
from qianxun.models.in_process.packed import PackedDecoder
from qianxun.models.in_process.padded import PaddedModel
from qianxun.models.in_process.weights import Weights

logger = logging.getLogger(__name__)

# What sentence-transformers files may list: the last is done for every model, dropout only while training.
_KNOWN_MODULES: Final = ("Transformer", "Pooling", "Normalize", "Dropout")


class Body(Protocol):
    """Token sequences in, states out. `padded`: a batch costs as many tokens as its longest times its sequences."""

    @property
    def max_batch_tokens(self) -> int: ...

    @property
    def padded(self) -> bool: ...

    def pooled(self, sequences: Sequence[Sequence[int]], pooling: Pooling) -> Any:
        """One vector for each sequence, `(n, hidden)` float32 tensor."""
        ...

    def last(self, sequences: Sequence[Sequence[int]]) -> Any:
        """The last state of each sequence, `(n, hidden)` float32 tensor."""
        ...


@dataclass(frozen=True, slots=True)
class Judge:
    """A decoder that judges: P = sigmoid(last state · `direction`), `(hidden,)` float32 tensor."""

    body: Body
    direction: Any


def load_body(checkpoint: Checkpoint, place: Place, form: EncoderFormat) -> Body:
    """The model of an encoder. Raises SettingsError for one that makes a vector in another way than `form` can say."""
    _refuse_other_ways(checkpoint, form)
    why_not = _why_not_packed(checkpoint, place)
    if why_not is None and form.pooling == "cls":
        why_not = "its pooling is cls"
    if why_not is None:
        with closing(Weights(checkpoint)) as weights:
            return PackedDecoder(Shape.of(checkpoint.config), weights, place.precision)
    _log(checkpoint, why_not)
    return PaddedModel(load_transformer(checkpoint, "AutoModel", place.device, place.precision), checkpoint.pad_token)


def load_judge(checkpoint: Checkpoint, place: Place, *, yes: int, no: int) -> Judge:
    """The model of a Qwen3-Reranker: a language model that says `yes` or `no`, or one converted to a single number."""
    why_not = _why_not_packed(checkpoint, place)
    if why_not is None:
        shape = Shape.of(checkpoint.config)
        with closing(Weights(checkpoint)) as weights:
            body = PackedDecoder(shape, weights, place.precision)
            if checkpoint.causal:
                name = "lm_head.weight" if weights.has("lm_head.weight") else "embed_tokens.weight"
                rows = weights.get(name, (shape.vocabulary, shape.hidden))[[yes, no]].float()
                return Judge(body, rows[0] - rows[1])
            return Judge(body, weights.get("score.weight", (1, shape.hidden))[0].float())
    _log(checkpoint, why_not)
    head: Head = "AutoModelForCausalLM" if checkpoint.causal else "AutoModelForSequenceClassification"
    model = load_transformer(checkpoint, head, place.device, place.precision)
    if checkpoint.causal:
        rows = model.get_output_embeddings().weight[[yes, no]].float().cpu()
        direction = rows[0] - rows[1]
    else:
        direction = model.score.weight[0].float().cpu()
    return Judge(PaddedModel(model.model, checkpoint.pad_token), direction.clone())


def _refuse_other_ways(checkpoint: Checkpoint, form: EncoderFormat) -> None:
    if form.pooling == "server":
        raise SettingsError(
            "How {model} makes a vector of a text is not known.",
            remedy="Set encoder.pooling to last, mean or cls.",
            model=checkpoint.folder.name,
        )
    modules = read_json(checkpoint.folder / "modules.json") or []
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    other = [kind for kind in kinds if kind not in _KNOWN_MODULES]
    if checkpoint.config.get("is_encoder_decoder"):
        other.append("a decoder beside its encoder")
    pooling = read_json(checkpoint.folder / "1_Pooling" / "config.json") or {}
    if pooling.get("include_prompt") is False and (form.query_prefix or form.passage_prefix):
        other.append("a pooling that leaves the prompt out")
    if other:
        raise SettingsError(
            "{model} has {parts}, which cannot be run here.",
            remedy="Serve it with a program that can, and set encoder.url; or name another model.",
            model=checkpoint.folder.name,
            parts=", ".join(other),
        )


def _why_not_packed(checkpoint: Checkpoint, place: Place) -> str | None:
    if not place.on_cpu:
        return "it runs on a GPU"
    if not Weights.are_in(checkpoint):
        return "its weights are in no safetensors file"
    return why_not_packed(checkpoint.config)


def _log(checkpoint: Checkpoint, why_not: str) -> None:
    logger.info("%s is run by transformers' own forward: %s", checkpoint.folder.name, why_not)
