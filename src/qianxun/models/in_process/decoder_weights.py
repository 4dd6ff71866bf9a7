"""The Qwen2 and Qwen3 decoders' sizes and weights, in the form in which `packed` computes with them.

Says also for which checkpoints that is: whatever a config asks for that is not known here is left to transformers.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from qianxun.models.in_process.loading import import_torch
from qianxun.models.in_process.weights import Weights

_FAMILIES: Final = {"qwen2": False, "qwen3": True}  # whether queries and keys are normalised
# What may stand in a config without changing what is computed here.
_HARMLESS: Final = frozenset(
    "_attn_implementation _name_or_path architectures attention_dropout bos_token_id chunk_size_feed_forward "
    "classifier_dropout dtype eos_token_id id2label initializer_range is_decoder label2id layer_types "
    "max_position_embeddings max_window_layers model_type name_or_path num_labels output_attentions "
    "output_hidden_states pad_token_id problem_type return_dict sliding_window sentence_transformers sep_token_id "
    "tie_word_embeddings torch_dtype transformers_version use_cache use_sliding_window vocab_size".split()
)
_READ: Final = frozenset(
    "attention_bias head_dim hidden_act hidden_size intermediate_size num_attention_heads num_hidden_layers "
    "num_key_value_heads rms_norm_eps rope_parameters rope_scaling rope_theta".split()
)


def why_not_packed(config: Mapping[str, Any]) -> str | None:
    """Why a model with this config.json cannot be run here; None if it can."""
    if config.get("model_type") not in _FAMILIES:
        return f"its model_type is {config.get('model_type')}"
    unknown = {name for name, value in config.items() if value not in (None, False)} - _HARMLESS - _READ
    if unknown:
        return f"its config has {', '.join(sorted(unknown))}"
    if config.get("use_sliding_window") or set(config.get("layer_types") or ()) - {"full_attention"}:
        return "its attention has a sliding window"
    rope = config.get("rope_parameters") or {}
    scaling = {**(config.get("rope_scaling") or {}), **rope}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind != "default" or set(scaling) - {"rope_type", "type", "rope_theta"}:
        return f"its positions are scaled ({kind})"
    if config.get("hidden_act", "silu") != "silu" or (config["model_type"] == "qwen3" and config.get("attention_bias")):
        return "its activation or biases are not those of the family"
    return None


@dataclass(frozen=True, slots=True)
class Shape:
    """What a config says about a decoder's sizes."""

    n_layers: int
    hidden: int
    inner: int
    n_heads: int
    n_key_heads: int
    head: int
    vocabulary: int
    epsilon: float
    theta: float
    normalizes_heads: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Shape":
        """The shape in a config.json of today's form or an earlier one."""
        n_heads = config["num_attention_heads"]
        rope = config.get("rope_parameters") or {}
        return cls(
            n_layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            inner=config["intermediate_size"],
            n_heads=n_heads,
            n_key_heads=config.get("num_key_value_heads") or n_heads,
            head=config.get("head_dim") or config["hidden_size"] // n_heads,
            vocabulary=config["vocab_size"],
            epsilon=config["rms_norm_eps"],
            theta=float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0),
            normalizes_heads=_FAMILIES[config["model_type"]],
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of a layer. Matrices are functions: rows in, rows out. The heads' norm is that of queries, then keys.

    Numbers of a query's and a key's head that turn together stand side by side, not half a head apart as in the files:
    a product of two heads is the same in any order, and turning them is one complex multiplication.
    """

    before_attention: Any
    queries_and_keys: Any
    heads_norm: Any
    values: Any
    outputs: Any
    before_inner: Any
    gate: Any
    up: Any
    down: Any


class LayerReader:
    """Reads layers and norms of a decoder from `weights`, to be computed with in `precision`."""

    def __init__(self, shape: Shape, weights: Weights, precision: str) -> None:
        self._torch = import_torch()
        self._shape = shape
        self._weights = weights
        self._dtype = getattr(self._torch, precision)

    def layer(self, name: str) -> Layer:
        """The layer of this name, which is `layers.` and its number."""
        shape = self._shape
        asked, given = shape.n_heads * shape.head, shape.n_key_heads * shape.head
        attention, inner = f"{name}.self_attn", f"{name}.mlp"
        biased = not shape.normalizes_heads
        return Layer(
            before_attention=self.norm(f"{name}.input_layernorm.weight", shape.hidden),
            queries_and_keys=self._matrix(
                {f"{attention}.q_proj": asked, f"{attention}.k_proj": given},
                shape.hidden,
                biased=biased,
                in_pairs=True,
            ),
            heads_norm=None if biased else self._heads_norm(attention),
            values=self._matrix({f"{attention}.v_proj": given}, shape.hidden, biased=biased),
            outputs=self._matrix({f"{attention}.o_proj": shape.hidden}, asked),
            before_inner=self.norm(f"{name}.post_attention_layernorm.weight", shape.hidden),
            gate=self._matrix({f"{inner}.gate_proj": shape.inner}, shape.hidden),
            up=self._matrix({f"{inner}.up_proj": shape.inner}, shape.hidden),
            down=self._matrix({f"{inner}.down_proj": shape.hidden}, shape.inner),
        )

    def norm(self, name: str, n: int) -> Any:
        """The weights of an RMSNorm of n numbers in float32, times the root of n, which need not be found for each row.

        They are rounded as the model's precision rounds them.
        """
        return self._weights.get(name, (n,)).to(self._dtype).float() * n**0.5

    def _heads_norm(self, attention: str) -> Any:
        shape = self._shape
        queries = self.norm(f"{attention}.q_norm.weight", shape.head)
        keys = self.norm(f"{attention}.k_norm.weight", shape.head)
        return self._in_pairs(self._torch.cat((queries.repeat(shape.n_heads), keys.repeat(shape.n_key_heads)))).view(
            -1, shape.head
        )

    def _matrix(self, parts: Mapping[str, int], n_in: int, *, biased: bool = False, in_pairs: bool = False) -> Any:
        """Matrices one above the other as one function of rows."""
        torch = self._torch
        get = self._weights.get
        matrix = torch.cat([get(f"{name}.weight", (n, n_in)).to(self._dtype) for name, n in parts.items()])
        bias = None
        if biased:
            bias = torch.cat([get(f"{name}.bias", (n,)).to(self._dtype) for name, n in parts.items()])
        if in_pairs:
            matrix = self._in_pairs(matrix)
            bias = self._in_pairs(bias) if bias is not None else None
        with torch.inference_mode():
            return reordered(torch, matrix, bias) or _plain(torch, matrix, bias)

    def _in_pairs(self, x: Any) -> Any:
        """Rows of heads so ordered that those which turn together are neighbours."""
        by_head = x.view(-1, 2, self._shape.head // 2, *x.shape[1:])
        return by_head.transpose(1, 2).reshape(x.shape)


def reordered(torch: Any, matrix: Any, bias: Any) -> Any:
    """The product by oneDNN with the matrix laid out as its kernels read it; None where torch does not offer that.

    torch.compile uses the same two operators for weights that do not change. At a few hundred rows it saves a fifth of
    the time, as much as laying out the matrix anew for each product takes.
    """
    offered = (
        matrix.dtype == torch.bfloat16
        and platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
    if not offered:
        return None
    try:
        laid_out = torch.ops.mkldnn._reorder_linear_weight(matrix)
    except RuntimeError:  # a processor that oneDNN has no such layout for
        return None
    product = torch.ops.mkldnn._linear_pointwise
    return lambda rows: product(rows, laid_out, bias, "none", [], "")


def _plain(torch: Any, matrix: Any, bias: Any) -> Any:
    return lambda rows: torch.nn.functional.linear(rows, matrix, bias)
