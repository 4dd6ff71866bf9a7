"""The Qwen2 and Qwen3 decoders for texts of any lengths at once on a processor, without a padding token.

The tokens of all texts stand in one long row list for everything that treats tokens alike; only attention goes text by
text. The weights are laid out as oneDNN multiplies with them. Of the last layer only what the caller reads is computed.
A prefix that many texts share is computed once (`remember`).

It is the same function as transformers' forward of these architectures, up to rounding; tests hold one against the
other. Whatever a config asks for that is not known here goes to transformers instead (`why_not`). It knows neither
tokenizer nor pooling files. Sources: modeling_qwen2.py and modeling_qwen3.py of transformers; RMSNorm: Zhang and
Sennrich 2019; rotary positions: Su et al. 2021.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from qianxun.models.families import Pooling
from qianxun.models.in_process.loading import import_torch
from qianxun.models.in_process.weights import Weights

# So many rows pass through a layer's matrices at a time: enough to multiply at full speed, few enough that what comes
# out of one step is still in the second-level cache for the next (bench/LOG.md).
_ROWS: Final = 256
_FAMILIES: Final = {"qwen2": False, "qwen3": True}  # whether queries and keys are normalised
# What may stand in a config without changing what is computed here.
_HARMLESS: Final = frozenset(
    "_attn_implementation _name_or_path architectures attention_dropout bos_token_id chunk_size_feed_forward "
    "classifier_dropout dtype eos_token_id id2label initializer_range is_decoder label2id layer_types "
    "max_position_embeddings max_window_layers model_type name_or_path num_labels output_attentions "
    "output_hidden_states pad_token_id problem_type return_dict sliding_window sep_token_id tie_word_embeddings "
    "torch_dtype transformers_version use_cache use_sliding_window vocab_size".split()
)
_READ: Final = frozenset(
    "attention_bias head_dim hidden_act hidden_size intermediate_size num_attention_heads num_hidden_layers "
    "num_key_value_heads rms_norm_eps rope_parameters rope_scaling rope_theta".split()
)


def why_not(config: Mapping[str, Any]) -> str | None:
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
class Prefix:
    """What later tokens need of tokens that went before: keys and values, `(tokens, heads, size)`, of each layer."""

    n_tokens: int
    layers: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True, slots=True)
class _Layer:
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


@dataclass(frozen=True, slots=True)
class _Group:
    """Texts of equal length that lie side by side: where their rows begin, how many there are, how long each is."""

    start: int
    n_texts: int
    length: int

    @property
    def rows(self) -> slice:
        return slice(self.start, self.start + self.n_texts * self.length)

    def of(self, x: Any) -> Any:
        """The group's part of `(rows, heads, size)` as `(texts, length, heads, size)`."""
        return x[self.rows].view(self.n_texts, self.length, *x.shape[1:])

    def following(self, torch: Any, before: tuple[Any, Any] | None, keys: Any, values: Any) -> tuple[Any, Any]:
        """The group's keys and values, those of the prefix before each text's."""
        own = self.of(keys), self.of(values)
        if before is None:
            return own
        shared = (x.expand(self.n_texts, *x.shape) for x in before)
        return torch.cat((next(shared), own[0]), dim=1), torch.cat((next(shared), own[1]), dim=1)


@dataclass(slots=True)
class _Chunk:
    """Texts that pass a layer together: their rows in float32, how far each row is turned, and each text's last row."""

    groups: tuple[_Group, ...]
    hidden: Any
    turns: Any
    ends: Any


class PackedDecoder:
    """A decoder whose weights are read from `weights` and kept in `precision`. Not safe between threads."""

    max_batch_tokens: Final = 2048
    padded: Final = False

    def __init__(self, shape: Shape, weights: Weights, precision: str) -> None:
        self._torch = import_torch()
        self._shape = shape
        self._dtype = getattr(self._torch, precision)
        self._words = weights.get("embed_tokens.weight", (shape.vocabulary, shape.hidden))
        self._last_norm = self._vector(weights, "norm.weight", shape.hidden)
        self._layers = [self._layer(weights, f"layers.{i}") for i in range(shape.n_layers)]

    def pooled(self, sequences: Sequence[Sequence[int]], pooling: Pooling) -> Any:
        """The last layer's state at each text's last token ("last"), or its mean ("mean"): `(n, hidden)` float32."""
        if pooling == "last":
            return self.last(sequences)
        with self._torch.inference_mode():
            chunks, order = self._chunks(sequences, 0)
            self._run(chunks, None, every=True)
            means = [
                chunk.hidden[group.rows].view(group.n_texts, group.length, -1).mean(dim=1)
                for chunk in chunks
                for group in chunk.groups
            ]
            return _in_order(self._torch.cat(means), order)

    def last(self, sequences: Sequence[Sequence[int]], prefix: Prefix | None = None) -> Any:
        """The last layer's state at each sequence's last token, `(n, hidden)` float32; all go on from `prefix`."""
        with self._torch.inference_mode():
            chunks, order = self._chunks(sequences, prefix.n_tokens if prefix else 0)
            self._run(chunks, prefix, every=False)
            return _in_order(self._torch.cat([chunk.hidden for chunk in chunks]), order)

    def remember(self, tokens: Sequence[int]) -> Prefix:
        """What sequences need that begin with these tokens."""
        kept: list[tuple[Any, Any]] = []
        with self._torch.inference_mode():
            self._run(self._chunks([tokens], 0)[0], None, every=False, kept=kept)
        return Prefix(len(tokens), tuple(kept))

    def _chunks(self, sequences: Sequence[Sequence[int]], first: int) -> tuple[list[_Chunk], list[int]]:
        """The sequences, shortest first, some hundred rows at a time, and whose they are; positions from `first` on."""
        torch = self._torch
        order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
        chunks = []
        for members in _within([len(sequences[i]) for i in order], _ROWS):
            numbers = torch.tensor([token for m in members for token in sequences[order[m]]])
            groups = _grouped([len(sequences[order[m]]) for m in members])
            positions = torch.cat([torch.arange(first, first + g.length).repeat(g.n_texts) for g in groups])
            ends = torch.cat([g.start - 1 + g.length * torch.arange(1, g.n_texts + 1) for g in groups])
            hidden = self._words[numbers].to(self._dtype).float()
            chunks.append(_Chunk(groups, hidden, self._turns(positions), ends))
        return chunks, order

    def _run(
        self,
        chunks: Sequence[_Chunk],
        prefix: Prefix | None,
        *,
        every: bool,
        kept: list[tuple[Any, Any]] | None = None,
    ) -> None:
        """Takes the chunks through all layers and the last norm: every row, or each text's last one.

        `kept` gets the keys and values of each layer, and then nothing of the last layer is computed but these.
        """
        for i, layer in enumerate(self._layers):
            is_last = i + 1 == self._shape.n_layers
            before = prefix.layers[i] if prefix else None
            for chunk in chunks:
                normed = self._normed(chunk.hidden, layer.before_attention)
                heads = self._turned(layer.queries_and_keys(normed), layer.heads_norm, chunk.turns)
                queries, keys = heads[:, : self._shape.n_heads], heads[:, self._shape.n_heads :]
                values = layer.values(normed).view(keys.shape)
                if kept is not None:
                    kept.append((keys, values))
                    if is_last:
                        continue
                if is_last and not every:
                    attended = self._attention_of_last(chunk, queries[chunk.ends], keys, values, before)
                    chunk.hidden = chunk.hidden[chunk.ends]
                else:
                    attended = self._attention(chunk, queries, keys, values, before)
                self._after_attention(layer, chunk.hidden, attended)
        for chunk in chunks:
            chunk.hidden = self._normed(chunk.hidden, self._last_norm).float()

    def _after_attention(self, layer: _Layer, hidden: Any, attended: Any) -> None:
        """The rest of a layer, into `hidden`. A long text's rows go some hundred at a time."""
        for rows in _slices(len(hidden), 2 * _ROWS):
            part = hidden[rows].add_(layer.outputs(attended[rows]))
            normed = self._normed(part, layer.before_inner)
            inner = self._torch.nn.functional.silu(layer.gate(normed), inplace=True).mul_(layer.up(normed))
            part.add_(layer.down(inner))

    def _normed(self, x: Any, weight: Any) -> Any:
        """RMSNorm of rows in float32, in the model's precision."""
        return (x * self._scale(x)).mul_(weight).to(self._dtype)

    def _scale(self, x: Any) -> Any:
        """One over the root mean square along the last axis."""
        length = self._torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return length.square_().div_(x.shape[-1]).add_(self._shape.epsilon).rsqrt_()

    def _turned(self, x: Any, norm: Any, turns: Any) -> Any:
        """Rows as heads, `(rows, heads, size)`: normalised where the family does so, and turned by their positions."""
        torch = self._torch
        x = x.view(len(x), -1, self._shape.head)
        found = torch.empty_like(x)
        for rows in _slices(len(x), _ROWS // 2):
            heads = x[rows].float()
            if norm is not None:
                heads.mul_(self._scale(heads)).mul_(norm)
            torch.view_as_complex(heads.view(*heads.shape[:2], -1, 2)).mul_(turns[rows])
            found[rows] = heads
        return found

    def _turns(self, positions: Any) -> Any:
        """How far the pairs of a head turn at each position: `(rows, 1, head / 2)` complex numbers of length 1."""
        torch, head = self._torch, self._shape.head
        frequencies = self._shape.theta ** -(torch.arange(0, head, 2, dtype=torch.float32) / head)
        angles = positions[:, None, None].float() * frequencies
        return torch.polar(torch.ones_like(angles), angles)

    def _attention(self, chunk: _Chunk, queries: Any, keys: Any, values: Any, before: tuple[Any, Any] | None) -> Any:
        """What each row attends to among the rows of its text before it, `(rows, heads * size)`."""
        torch = self._torch
        found = []
        for group in chunk.groups:
            q, k, v = group.of(queries), *group.following(torch, before, keys, values)
            mask, n_before = None, k.shape[1] - group.length
            if n_before > group.length:
                mask = torch.ones(group.length, k.shape[1], dtype=torch.bool).tril(n_before)
                n_before = 0
            elif n_before:
                # Rows that nobody reads make it square: the fused kernel then leaves out what the future holds.
                q = torch.cat((q.new_zeros(1).expand(group.n_texts, n_before, *q.shape[2:]), q), dim=1)
            seen = torch.nn.functional.scaled_dot_product_attention(
                *(x.transpose(1, 2) for x in (q, k, v)), attn_mask=mask, is_causal=mask is None, enable_gqa=True
            )
            found.append(seen.transpose(1, 2)[:, n_before:].reshape(group.n_texts * group.length, -1))
        return found[0] if len(found) == 1 else torch.cat(found)

    def _attention_of_last(
        self, chunk: _Chunk, queries: Any, keys: Any, values: Any, before: tuple[Any, Any] | None
    ) -> Any:
        """What each text's last token attends to, `(texts, heads * size)`."""
        torch = self._torch
        found, done = [], 0
        for group in chunk.groups:
            k, v = group.following(torch, before, keys, values)
            q = queries[done : done + group.n_texts, None]
            done += group.n_texts
            seen = torch.nn.functional.scaled_dot_product_attention(
                *(x.transpose(1, 2) for x in (q, k, v)), enable_gqa=True
            )
            found.append(seen.reshape(group.n_texts, -1))
        return torch.cat(found)

    def _layer(self, weights: Weights, name: str) -> _Layer:
        shape = self._shape
        asked, given = shape.n_heads * shape.head, shape.n_key_heads * shape.head
        attention, inner = f"{name}.self_attn", f"{name}.mlp"
        biased = not shape.normalizes_heads
        return _Layer(
            before_attention=self._vector(weights, f"{name}.input_layernorm.weight", shape.hidden),
            queries_and_keys=self._matrix(
                weights,
                {f"{attention}.q_proj": asked, f"{attention}.k_proj": given},
                shape.hidden,
                biased=biased,
                in_pairs=True,
            ),
            heads_norm=None if biased else self._heads_norm(weights, attention),
            values=self._matrix(weights, {f"{attention}.v_proj": given}, shape.hidden, biased=biased),
            outputs=self._matrix(weights, {f"{attention}.o_proj": shape.hidden}, asked),
            before_inner=self._vector(weights, f"{name}.post_attention_layernorm.weight", shape.hidden),
            gate=self._matrix(weights, {f"{inner}.gate_proj": shape.inner}, shape.hidden),
            up=self._matrix(weights, {f"{inner}.up_proj": shape.inner}, shape.hidden),
            down=self._matrix(weights, {f"{inner}.down_proj": shape.hidden}, shape.inner),
        )

    def _heads_norm(self, weights: Weights, attention: str) -> Any:
        shape = self._shape
        queries = self._vector(weights, f"{attention}.q_norm.weight", shape.head)
        keys = self._vector(weights, f"{attention}.k_norm.weight", shape.head)
        return self._in_pairs(self._torch.cat((queries.repeat(shape.n_heads), keys.repeat(shape.n_key_heads)))).view(
            -1, shape.head
        )

    def _vector(self, weights: Weights, name: str, n: int) -> Any:
        """A vector in float32, rounded as the model's precision rounds it."""
        return weights.get(name, (n,)).to(self._dtype).to(self._torch.float32, copy=True)

    def _matrix(
        self, weights: Weights, parts: Mapping[str, int], n_in: int, *, biased: bool = False, in_pairs: bool = False
    ) -> Any:
        """Matrices one above the other as one function of rows."""
        torch = self._torch
        matrix = torch.cat([weights.get(f"{name}.weight", (n, n_in)).to(self._dtype) for name, n in parts.items()])
        bias = None
        if biased:
            bias = torch.cat([weights.get(f"{name}.bias", (n,)).to(self._dtype) for name, n in parts.items()])
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


def _within(lengths: Sequence[int], max_rows: int) -> Iterator[range]:
    """Positions of ascending lengths in runs of at most so many rows, or of one text that is longer."""
    start = n_rows = 0
    for i, length in enumerate(lengths):
        if i > start and n_rows + length > max_rows:
            yield range(start, i)
            start, n_rows = i, 0
        n_rows += length
    yield range(start, len(lengths))


def _grouped(lengths: Sequence[int]) -> tuple[_Group, ...]:
    """Texts of equal length among neighbours."""
    groups, start = [], 0
    for length, members in groupby(lengths):
        groups.append(_Group(start, len(list(members)), length))
        start = groups[-1].rows.stop
    return tuple(groups)


def _slices(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(n, start + size))


def _in_order(rows: Any, order: Sequence[int]) -> Any:
    """Rows that stand in this order, back in the order that was given."""
    found = rows.new_empty(rows.shape)
    found[list(order)] = rows
    return found
