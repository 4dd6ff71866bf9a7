"""The Qwen2 and Qwen3 decoders for texts of any lengths at once on a processor, without a padding token.

The tokens of all texts stand in one long row list for everything that treats tokens alike; only attention goes text by
text. The weights are laid out as oneDNN multiplies with them. Of the last layer only what the caller reads is computed.
A prefix that many texts share is computed once (`remember`).

It is the same function as transformers' forward of these architectures, up to rounding; tests hold one against the
other. It knows neither files, tokenizer nor config (`decoder_weights`, `encoder`). Sources: modeling_qwen2.py and
modeling_qwen3.py of transformers; RMSNorm: Zhang and Sennrich 2019; rotary positions: Su et al. 2021.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from qianxun.models.families import Pooling
from qianxun.models.in_process.decoder_weights import Layer, LayerReader, Shape
from qianxun.models.in_process.loading import import_torch
from qianxun.models.in_process.weights import Weights

# So many rows pass a layer's matrices at a time, for each thread: enough to multiply at full speed, few enough that
# what comes out of one step is still in the second-level caches for the next (bench/LOG.md).
_ROWS_OF_THREAD: Final = 128
_MIN_ROWS: Final = 256
_ROWS_ROUNDED: Final = 16
_MIN_BATCH_TOKENS: Final = 4096


@dataclass(frozen=True, slots=True)
class Prefix:
    """What later tokens need of tokens that went before: keys and values, `(tokens, heads, size)`, of each layer."""

    n_tokens: int
    layers: tuple[tuple[Any, Any], ...]


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

    def following(self, torch: Any, before: tuple[Any, Any] | None, heads: "_Heads") -> tuple[Any, Any]:
        """The group's keys and values, those of the prefix before each text's."""
        own = self.of(heads.keys), self.of(heads.values)
        if before is None:
            return own
        shared = (x.expand(self.n_texts, *x.shape) for x in before)
        return torch.cat((next(shared), own[0]), dim=1), torch.cat((next(shared), own[1]), dim=1)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Texts that go through the layers together, shortest first.

    `hidden` has a row in float32 for each of their tokens, and a few at its end that belong to nobody: products with
    few different numbers of rows need few kernels, and making one takes milliseconds. `turns`: how far each row's
    heads are turned. `ends`: each text's last row, again with a few that nobody reads.
    """

    groups: tuple[_Group, ...]
    hidden: Any
    turns: Any
    ends: Any
    n_texts: int


@dataclass(frozen=True, slots=True)
class _Heads:
    """What a layer computes for attention, for all rows of a batch; the next layer writes over it."""

    queries_and_keys: Any  # (rows, query heads then key heads, size)
    values: Any  # (rows, key heads, size)
    attended: Any  # (rows, query heads * size)
    n_query_heads: int

    @property
    def queries(self) -> Any:
        return self.queries_and_keys[:, : self.n_query_heads]

    @property
    def keys(self) -> Any:
        return self.queries_and_keys[:, self.n_query_heads :]


class PackedDecoder:
    """A decoder whose weights are read from `weights` and kept in `precision`. Not safe between threads."""

    padded: Final = False

    def __init__(self, shape: Shape, weights: Weights, precision: str) -> None:
        self._torch = import_torch()
        self._shape = shape
        self._dtype = getattr(self._torch, precision)
        self._words = weights.get("embed_tokens.weight", (shape.vocabulary, shape.hidden))
        n_threads = self._torch.get_num_threads()
        self._n_rows = max(_MIN_ROWS, _ROWS_OF_THREAD * n_threads)
        self._n_rows_turned = _ROWS_OF_THREAD * n_threads
        self.max_batch_tokens = max(_MIN_BATCH_TOKENS, 4 * self._n_rows)
        self._kept_heads: _Heads | None = None
        self._epsilons = {n: self._torch.tensor([n * shape.epsilon]) for n in (shape.hidden, shape.head)}
        reader = LayerReader(shape, weights, precision)
        self._last_norm = reader.norm("norm.weight", shape.hidden)
        self._layers = [reader.layer(f"layers.{i}") for i in range(shape.n_layers)]

    def pooled(self, sequences: Sequence[Sequence[int]], pooling: Pooling) -> Any:
        """The last layer's state at each text's last token ("last"), or its mean ("mean"): `(n, hidden)` float32."""
        if pooling == "last":
            return self.last(sequences)
        with self._torch.inference_mode():
            batch, order = self._batch(sequences, 0)
            states = self._run(batch, None, every=True)
            means = [states[g.rows].view(g.n_texts, g.length, -1).mean(dim=1) for g in batch.groups]
            return _in_order(self._torch.cat(means), order)

    def last(self, sequences: Sequence[Sequence[int]], prefix: Prefix | None = None) -> Any:
        """The last layer's state at each sequence's last token, `(n, hidden)` float32; all go on from `prefix`."""
        with self._torch.inference_mode():
            batch, order = self._batch(sequences, prefix.n_tokens if prefix else 0)
            return _in_order(self._run(batch, prefix, every=False)[: batch.n_texts], order)

    def remember(self, tokens: Sequence[int]) -> Prefix:
        """What sequences need that begin with these tokens."""
        kept: list[tuple[Any, Any]] = []
        with self._torch.inference_mode():
            self._run(self._batch([tokens], 0)[0], None, every=False, kept=kept)
        n = len(tokens)
        return Prefix(n, tuple((keys[:n], values[:n]) for keys, values in kept))

    def _batch(self, sequences: Sequence[Sequence[int]], first: int) -> tuple[_Batch, list[int]]:
        """The sequences, shortest first, and whose they are; their positions are from `first` on."""
        torch = self._torch
        order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
        groups = _grouped([len(sequences[i]) for i in order], self._n_rows)
        numbers = torch.tensor([token for i in order for token in sequences[i]])
        hidden = torch.zeros(_rounded(len(numbers)), self._shape.hidden)
        hidden[: len(numbers)] = self._words[numbers].to(self._dtype)
        positions = torch.zeros(len(hidden))
        ends = torch.zeros(_rounded(len(order)), dtype=torch.long)
        done = 0
        for group in groups:
            positions[group.rows] = torch.arange(first, first + group.length).repeat(group.n_texts).float()
            ends[done : done + group.n_texts] = torch.arange(group.start, group.rows.stop, group.length)
            ends[done : done + group.n_texts] += group.length - 1
            done += group.n_texts
        return _Batch(groups, hidden, self._turns(positions), ends, len(order)), order

    def _run(
        self, batch: _Batch, prefix: Prefix | None, *, every: bool, kept: list[tuple[Any, Any]] | None = None
    ) -> Any:
        """States after all layers and the last norm, in float32: of every row, or of each text's last one.

        `kept` gets the keys and values of each layer, and then nothing of the last layer is computed but these.
        """
        hidden = batch.hidden
        heads = self._heads(len(hidden))
        for i, layer in enumerate(self._layers):
            before = prefix.layers[i] if prefix else None
            if i + 1 < self._shape.n_layers or every:
                self._pass(layer, batch, heads, before)
            else:
                for rows in _slices(len(hidden), self._n_rows):
                    self._before_attention(layer, batch, heads, rows)
                attended = self._attention_of_last(batch, heads, before)
                hidden = hidden[batch.ends]
                self._after_attention(layer, hidden, attended)
            if kept is not None:
                kept.append((heads.keys.clone(), heads.values.clone()))
        return self._normed(hidden, self._last_norm).float()

    def _pass(self, layer: Layer, batch: _Batch, heads: _Heads, before: tuple[Any, Any] | None) -> None:
        """Takes all rows through a layer.

        Rows go some hundred at a time, each step as soon as what it needs is there: attention when the rows of its
        texts are, the rest when attention has come so far. So they are met in the cache.
        """
        groups, later = deque(batch.groups), deque[slice]()
        n_attended = 0
        for rows in _slices(len(batch.hidden), self._n_rows):
            self._before_attention(layer, batch, heads, rows)
            later.append(rows)
            while groups and groups[0].rows.stop <= rows.stop:
                group = groups.popleft()
                heads.attended[group.rows] = self._attention(group, heads, before)
                n_attended = group.rows.stop if groups else len(batch.hidden)
            while later and later[0].stop <= n_attended:
                ready = later.popleft()
                self._after_attention(layer, batch.hidden[ready], heads.attended[ready])

    def _before_attention(self, layer: Layer, batch: _Batch, heads: _Heads, rows: slice) -> None:
        normed = self._normed(batch.hidden[rows], layer.before_attention)
        self._turn(layer.queries_and_keys(normed), layer.heads_norm, batch.turns[rows], heads.queries_and_keys[rows])
        heads.values[rows] = layer.values(normed).view(-1, self._shape.n_key_heads, self._shape.head)

    def _after_attention(self, layer: Layer, hidden: Any, attended: Any) -> None:
        """The rest of a layer, into `hidden`."""
        hidden.add_(layer.outputs(attended))
        normed = self._normed(hidden, layer.before_inner)
        inner = self._torch.nn.functional.silu(layer.gate(normed), inplace=True).mul_(layer.up(normed))
        hidden.add_(layer.down(inner))

    def _heads(self, n_rows: int) -> _Heads:
        """Room for the heads of so many rows. It is kept for the next batch: fresh memory costs a page fault a page."""
        torch, shape = self._torch, self._shape
        kept = self._kept_heads
        if kept is None or len(kept.values) < n_rows:
            n_kept = max(n_rows, self.max_batch_tokens) if kept is not None else n_rows
            kept = _Heads(
                torch.empty(n_kept, shape.n_heads + shape.n_key_heads, shape.head, dtype=self._dtype),
                torch.empty(n_kept, shape.n_key_heads, shape.head, dtype=self._dtype),
                # Some rows are nobody's, and what stands in them must be numbers at least.
                torch.zeros(n_kept, shape.n_heads * shape.head, dtype=self._dtype),
                shape.n_heads,
            )
            self._kept_heads = kept if n_kept <= 2 * self.max_batch_tokens else None
        return _Heads(kept.queries_and_keys[:n_rows], kept.values[:n_rows], kept.attended[:n_rows], shape.n_heads)

    def _normed(self, x: Any, weight: Any) -> Any:
        """RMSNorm of rows in float32, in the model's precision. The factor that `_scale` leaves out is in `weight`."""
        return (x * self._scale(x)).mul_(weight).to(self._dtype)

    def _scale(self, x: Any) -> Any:
        """One over the length along the last axis; times the root of how many numbers stand there, RMSNorm's scale."""
        torch = self._torch
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return torch.addcmul(self._epsilons[x.shape[-1]], length, length).rsqrt_()

    def _turn(self, x: Any, norm: Any, turns: Any, into: Any) -> None:
        """Writes rows as heads, `(rows, heads, size)`: normalised if the family does so, turned by their positions."""
        torch = self._torch
        x = x.view(into.shape)
        for rows in _slices(len(x), self._n_rows_turned):
            heads = x[rows].float()
            if norm is not None:
                heads.mul_(self._scale(heads)).mul_(norm)
            torch.view_as_complex(heads.view(*heads.shape[:2], -1, 2)).mul_(turns[rows])
            into[rows] = heads

    def _turns(self, positions: Any) -> Any:
        """How far the pairs of a head turn at positions `(n,)`: `(n, 1, head / 2)` complex numbers of length 1."""
        torch, head = self._torch, self._shape.head
        frequencies = self._shape.theta ** -(torch.arange(0, head, 2, dtype=torch.float32) / head)
        angles = positions[:, None, None] * frequencies
        return torch.polar(torch.ones_like(angles), angles)

    def _attention(self, group: _Group, heads: _Heads, before: tuple[Any, Any] | None) -> Any:
        """What each row attends to among the rows of its text before it, `(rows, heads * size)`."""
        torch = self._torch
        q, k, v = group.of(heads.queries), *group.following(torch, before, heads)
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
        return seen.transpose(1, 2)[:, n_before:].reshape(group.n_texts * group.length, -1)

    def _attention_of_last(self, batch: _Batch, heads: _Heads, before: tuple[Any, Any] | None) -> Any:
        """What each text's last token attends to, `(texts, heads * size)`, and zeros for those that nobody reads."""
        torch = self._torch
        queries = heads.queries[batch.ends]
        found = torch.zeros(len(queries), queries.shape[1] * queries.shape[2], dtype=self._dtype)
        done = 0
        for group in batch.groups:
            k, v = group.following(torch, before, heads)
            texts = slice(done, done + group.n_texts)
            seen = torch.nn.functional.scaled_dot_product_attention(
                *(x.transpose(1, 2) for x in (queries[texts, None], k, v)), enable_gqa=True
            )
            found[texts] = seen.reshape(group.n_texts, -1)
            done += group.n_texts
        return found


def _grouped(lengths: Sequence[int], max_rows: int) -> tuple[_Group, ...]:
    """Texts of equal length among neighbours, at most so many rows in a group, or one text."""
    groups, start = [], 0
    for length, members in groupby(lengths):
        n_left = len(list(members))
        while n_left:
            n_texts = min(n_left, max(1, max_rows // length))
            groups.append(_Group(start, n_texts, length))
            start = groups[-1].rows.stop
            n_left -= n_texts
    return tuple(groups)


def _rounded(n: int) -> int:
    """A number of rows that kernels are made for: n, or a few more."""
    return -(-n // _ROWS_ROUNDED) * _ROWS_ROUNDED


def _slices(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(n, start + size))


def _in_order(rows: Any, order: Sequence[int]) -> Any:
    """Rows that stand in this order, back in the order that was given."""
    found = rows.new_empty(rows.shape)
    found[list(order)] = rows
    return found
