"""The numbers of a plan in words, each with how it comes about. Computes nothing that `memory.py` does not."""

from collections.abc import Sequence
from dataclasses import dataclass

from qianxun.messages import say
from qianxun.models.planning.memory import (
    CUDA_CONTEXT_BYTES,
    CUDA_GRAPHS_BYTES,
    GIB,
    PARALLEL_BYTES,
    Fit,
    Wanted,
    batched_tokens_of,
)
from qianxun.models.planning.shapes import Shape
from qianxun.models.planning.weights import PartBytes


@dataclass(frozen=True, slots=True)
class Line:
    """One number of a plan: what it is, its value in words, how it comes about, and whether it is an estimate."""

    what: str
    value: str
    because: str
    estimated: bool = False


def lines_of(
    shape: Shape, wanted: Wanted, parts: Sequence[PartBytes], best: Fit, sizes: Sequence[int]
) -> tuple[Line, ...]:
    """The lines of a plan, from the parameters to what fits. `best` is on one of the `sizes`."""
    return (
        Line(say("parameters"), f"{sum(part.n_parameters for part in parts):,}", _parameters(shape, parts)),
        Line(say("weights"), gib(sum(part.bytes for part in parts)), _weights(parts)),
        *_cache(shape, wanted),
        *_estimates(shape, wanted, best),
        Line(
            say("usable of a GPU"),
            gib(best.usable),
            say("{gpu} × {share}", gpu=gib(wanted.gpu_bytes), share=f"{wanted.utilization:g}"),
        ),
        Line(say("GPUs"), str(best.gpus), _gpus(shape, wanted, best, sizes)),
        *_sums(wanted, best),
    )


def gib(n_bytes: float) -> str:
    """Bytes as gibibytes with two decimals."""
    return f"{n_bytes / GIB:,.2f} GiB"


def _cache(shape: Shape, wanted: Wanted) -> tuple[Line, Line]:
    per_token = shape.kv_bytes_per_token(wanted.kv_bytes)
    context, together = wanted.context_tokens, wanted.concurrency
    each = say(
        "{layers} layers × {heads} KV heads × {dim} × 2 (key and value) × {bytes} bytes",
        layers=shape.layers,
        heads=shape.kv_heads,
        dim=shape.head_dim,
        bytes=wanted.kv_bytes,
    )
    every = say(
        "{bytes} bytes × {context} tokens × {n} at once", bytes=f"{per_token:,}", context=f"{context:,}", n=together
    )
    return (
        Line(say("cache per token"), say("{n} bytes", n=f"{per_token:,}"), each),
        Line(say("cache for all"), gib(per_token * context * together), every),
    )


def _estimates(shape: Shape, wanted: Wanted, best: Fit) -> tuple[Line, Line]:
    batch = say(
        "{tokens} tokens × (4 × {hidden} + 3 × {inner}) × 2 bytes, and the scores of {n} sequences",
        tokens=f"{batched_tokens_of(wanted.gpu_bytes):,}",
        hidden=shape.hidden,
        inner=shape.intermediate // best.gpus,
        n=wanted.concurrency,
    )
    context, graphs, links = gib(CUDA_CONTEXT_BYTES), gib(CUDA_GRAPHS_BYTES), gib(PARALLEL_BYTES)
    cuda = say("context {context} + recorded graphs {graphs}", context=context, graphs=graphs)
    if best.gpus > 1:
        cuda = say("{parts} + links between GPUs {links}", parts=cuda, links=links)
    return (
        Line(say("a pass over a batch"), gib(best.each.activations), batch, estimated=True),
        Line(say("CUDA itself"), gib(best.each.overhead), cuda, estimated=True),
    )


def _sums(wanted: Wanted, best: Fit) -> tuple[Line, Line]:
    each = best.each
    held = each.kv_per_token * wanted.context_tokens * wanted.concurrency
    together = say(
        "weights {weights} + cache {cache} + pass {batch} + CUDA {cuda}",
        weights=gib(each.weights),
        cache=gib(held),
        batch=gib(each.activations),
        cuda=gib(each.overhead),
    )
    room = say(
        "({usable} − {fixed}) ÷ {bytes} bytes = {tokens} tokens in the cache, ÷ {context}",
        usable=gib(best.usable),
        fixed=gib(best.fixed),
        bytes=f"{each.kv_per_token:,}",
        tokens=f"{best.tokens:,}",
        context=f"{wanted.context_tokens:,}",
    )
    return (
        Line(say("on each GPU"), gib(best.fixed + held), together),
        Line(say("at full length at once"), str(best.full_sequences), room),
    )


def _parameters(shape: Shape, parts: Sequence[PartBytes]) -> str:
    sources = {
        "config.json": say("sizes from its config.json"),
        "known": say("sizes from the table of known models"),
        "partly known": say("sizes from the table of known models, that of its vocabulary not confirmed"),
    }
    return " + ".join(f"{_part(part)} {part.n_parameters:,}" for part in parts) + f" ({sources[shape.source]})"


def _weights(parts: Sequence[PartBytes]) -> str:
    return " + ".join(
        say("{part} {gib} at {bits} bits", part=_part(part), gib=gib(part.bytes), bits=f"{part.bits:.4g}")
        for part in parts
        if part.bytes >= GIB / 200
    )


def _gpus(shape: Shape, wanted: Wanted, best: Fit, sizes: Sequence[int]) -> str:
    values = {"sizes": ", ".join(map(str, sizes)), "heads": shape.heads, "kv_heads": shape.kv_heads}
    if best.full_sequences >= wanted.concurrency:
        return say("fewest of {sizes} that have room; {heads} heads and {kv_heads} KV heads divide by these", **values)
    return say("of {sizes} none has room; {heads} heads and {kv_heads} KV heads divide by these", **values)


def _part(part: PartBytes) -> str:
    return {
        "embedding": say("embeddings"),
        "linear": say("layers' matrices"),
        "head": say("head"),
        "bias": say("biases"),
        "norm": say("norms"),
    }[part.part]
