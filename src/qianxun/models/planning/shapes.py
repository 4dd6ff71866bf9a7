"""The weights of a language model, matrix by matrix, from its config.json alone.

What a plan of memory is made from. Knows the decoders of the Qwen2, Qwen3, Llama and Mistral kinds, whose layers are
built alike; knows no GPU, no server and no file of weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from qianxun.errors import SettingsError

Part = Literal["embedding", "head", "linear", "bias", "norm"]

# What a layer of each kind has beside its seven matrices: biases on query, key and value; a norm on query and key.
# None: its config.json says so, under `attention_bias`.
_QKV_BIAS: Final[Mapping[str, bool | None]] = {"qwen2": True, "qwen3": None, "llama": None, "mistral": False}
_QK_NORM: Final = {"qwen3"}


@dataclass(frozen=True, slots=True)
class Matrix:
    """`count` tensors of this size: one per layer, or one in all. A vector has one column.

    A matrix takes vectors of `columns` numbers to vectors of `rows` numbers.
    """

    name: str
    part: Part
    rows: int
    columns: int
    count: int = 1

    @property
    def n_parameters(self) -> int:
        """Numbers in all of them."""
        return self.rows * self.columns * self.count


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a decoder. `positions` is how many tokens it was made to read.

    `source` says where the sizes are from: its own config.json, the table of known models, or the table with a size in
    it that no source confirms. `quantization` is the method that its files are quantised with, "" if none.
    """

    name: str
    model_type: str
    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    positions: int
    rope_theta: float
    tied: bool
    qkv_bias: bool
    o_bias: bool
    mlp_bias: bool
    qk_norm: bool
    quantization: str = ""
    source: Literal["config.json", "known", "partly known"] = "config.json"

    def matrices(self, *, head: bool = True) -> tuple[Matrix, ...]:
        """All weights. `head=False` leaves out the output head, which models that embed or classify do not use."""
        found = [Matrix("embed_tokens", "embedding", self.vocabulary, self.hidden)]
        found += self._attention()
        found += self._mlp()
        norms = [Matrix(f"{name}_layernorm", "norm", self.hidden, 1, self.layers) for name in ("input", "post")]
        found += [*norms, Matrix("norm", "norm", self.hidden, 1)]
        if head and not self.tied:
            found.append(Matrix("lm_head", "head", self.vocabulary, self.hidden))
        return tuple(found)

    def n_parameters(self, *, head: bool = True) -> int:
        """Numbers in all weights; a head that is the embeddings over again counts once."""
        return sum(matrix.n_parameters for matrix in self.matrices(head=head))

    def kv_bytes_per_token(self, bytes_per_number: int = 2) -> int:
        """Bytes that a token leaves in the cache: a key and a value for each layer and KV head."""
        return self.layers * self.kv_heads * self.head_dim * 2 * bytes_per_number

    def _attention(self) -> list[Matrix]:
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        found = [Matrix(f"{name}_proj", "linear", keys, self.hidden, self.layers) for name in ("k", "v")]
        found.append(Matrix("q_proj", "linear", queries, self.hidden, self.layers))
        found.append(Matrix("o_proj", "linear", self.hidden, queries, self.layers))
        if self.qkv_bias:
            found += [Matrix(f"{name}_proj.bias", "bias", keys, 1, self.layers) for name in ("k", "v")]
            found.append(Matrix("q_proj.bias", "bias", queries, 1, self.layers))
        if self.o_bias:
            found.append(Matrix("o_proj.bias", "bias", self.hidden, 1, self.layers))
        if self.qk_norm:
            found += [Matrix(f"{name}_norm", "norm", self.head_dim, 1, self.layers) for name in ("q", "k")]
        return found

    def _mlp(self) -> list[Matrix]:
        found = [
            Matrix(f"{name}_proj", "linear", self.intermediate, self.hidden, self.layers) for name in ("gate", "up")
        ]
        found.append(Matrix("down_proj", "linear", self.hidden, self.intermediate, self.layers))
        if self.mlp_bias:
            sizes = {"gate": self.intermediate, "up": self.intermediate, "down": self.hidden}
            found += [Matrix(f"{name}_proj.bias", "bias", size, 1, self.layers) for name, size in sizes.items()]
        return found


def shape_of(config: Mapping[str, Any], name: str) -> Shape:
    """The shape that a config.json describes. Raises SettingsError for a kind of model that is not counted here."""
    inner = config.get("text_config")
    text: Mapping[str, Any] = inner if isinstance(inner, Mapping) else config
    kind = str(text.get("model_type", ""))
    if kind not in _QKV_BIAS:
        raise SettingsError(
            "{model} is of the kind {kind!r}, whose weights are not counted here.",
            remedy="Kinds that are: {known}.",
            model=name,
            kind=kind,
            known=", ".join(_QKV_BIAS),
        )
    try:
        return _decoder(text, config, name, kind)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise SettingsError(
            "The config.json of {model} lacks a size: {reason}.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            model=name,
            reason=str(error),
        ) from error


def _decoder(text: Mapping[str, Any], config: Mapping[str, Any], name: str, kind: str) -> Shape:
    heads = int(text["num_attention_heads"])
    bias = bool(text.get("attention_bias", False))
    fixed = _QKV_BIAS[kind]
    rope = text.get("rope_parameters") or {}
    return Shape(
        name=name,
        model_type=kind,
        vocabulary=int(text["vocab_size"]),
        hidden=int(text["hidden_size"]),
        intermediate=int(text["intermediate_size"]),
        layers=int(text["num_hidden_layers"]),
        heads=heads,
        kv_heads=int(text.get("num_key_value_heads") or heads),
        head_dim=int(text.get("head_dim") or int(text["hidden_size"]) // heads),
        positions=int(text["max_position_embeddings"]),
        # Older files have it beside the other sizes, newer ones inside `rope_parameters`.
        rope_theta=float(text.get("rope_theta") or rope.get("rope_theta") or 10_000.0),
        tied=bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", False))),
        qkv_bias=bias if fixed is None else fixed,
        o_bias=bias and kind != "qwen2",
        mlp_bias=bool(text.get("mlp_bias", False)),
        qk_norm=kind in _QK_NORM,
        quantization=_quantization(config.get("quantization_config") or {}),
    )


def _quantization(values: Mapping[str, Any]) -> str:
    """How files are quantised, by the size that it comes to: "awq", "gptq" (4 bits), "fp8" (8), another name, or ""."""
    method = str(values.get("quant_method", ""))
    groups = values.get("config_groups") or {}
    weights = next((group.get("weights") or {} for group in groups.values()), {})
    bits = values.get("bits") or weights.get("num_bits")
    if bits == 8 or "fp8" in method:
        return "fp8"
    # What compressed-tensors packs in four bits has groups with scales, as GPTQ's.
    return "gptq" if bits == 4 and method == "compressed-tensors" else method
