"""What a vLLM server needs of a GPU's memory beside its weights. Estimates say that they are.

Exact: weights and the cache of keys and values, by the model's sizes. Estimated: what a pass over a batch needs while
it runs, and what CUDA itself takes. vLLM measures both when it starts and gives the rest to the cache, so a server
that starts is right even where an estimate was not.
"""

import subprocess
from dataclasses import dataclass
from typing import Final

from qianxun.errors import InputError
from qianxun.models.planning.shapes import Shape
from qianxun.models.planning.weights import INT4_GROUP, Form, weight_bytes

GIB: Final = 2**30
# Estimates: the CUDA context with its libraries, and the graphs that vLLM records for each size of batch.
CUDA_CONTEXT_BYTES: Final = 600 * 2**20
CUDA_GRAPHS_BYTES: Final = 900 * 2**20
# Links between GPUs keep buffers on each.
PARALLEL_BYTES: Final = 300 * 2**20
# vLLM keeps the cache in blocks of so many tokens.
BLOCK_TOKENS: Final = 16
_BIG_GPU: Final = 70 * GIB


@dataclass(frozen=True, slots=True)
class PerGpu:
    """Bytes on each of the GPUs that share a model."""

    weights: int
    kv_per_token: int
    activations: int
    overhead: int


def per_gpu(
    shape: Shape, form: Form, *, gpus: int, batched_tokens: int, sequences: int, kv_bytes: int = 2, head: bool = True
) -> PerGpu:
    """What each of `gpus` GPUs holds.

    A KV head cannot be cut: with more GPUs than heads each holds a whole one. llama.cpp gives each some layers instead.
    """
    kv_heads, layers = max(1, shape.kv_heads // gpus), shape.layers
    if form.startswith("gguf"):
        kv_heads, layers = shape.kv_heads, -(-shape.layers // gpus)
    return PerGpu(
        weights=-(-weight_bytes(shape, form, head=head) // gpus),
        kv_per_token=layers * kv_heads * shape.head_dim * 2 * kv_bytes,
        activations=activation_bytes(shape, batched_tokens=batched_tokens, sequences=sequences, gpus=gpus, head=head),
        overhead=CUDA_CONTEXT_BYTES + CUDA_GRAPHS_BYTES + (PARALLEL_BYTES if gpus > 1 else 0),
    )


def activation_bytes(shape: Shape, *, batched_tokens: int, sequences: int, gpus: int = 1, head: bool = True) -> int:
    """An estimate of what one pass needs: for each token four vectors of the hidden size and three of the MLP's in 16
    bits, and for each sequence its scores over the vocabulary twice in 32 bits."""
    tokens = batched_tokens * 2 * (4 * shape.hidden + 3 * shape.intermediate // gpus)
    return tokens + (sequences * shape.vocabulary * 4 * 2 if head else 0)


def batched_tokens_of(gpu_bytes: int) -> int:
    """Tokens that vLLM computes in one pass if it is not told: 8,192 on GPUs of 70 GiB and more, else 2,048."""
    return 8192 if gpu_bytes >= _BIG_GPU else 2048


def parallel_sizes(shape: Shape, form: Form, most: int) -> list[int]:
    """Numbers of GPUs that can share the model, ascending; 1 is always among them.

    In vLLM each gets whole heads: the number divides the heads, and the KV heads or a multiple of them (which are
    then held twice). Of int4 weights each gets whole groups of 128. llama.cpp divides by layers, so any number will do.
    """
    if form.startswith("gguf"):
        return list(range(1, min(most, shape.layers) + 1))
    sizes = []
    for gpus in range(1, most + 1):
        whole = shape.heads % gpus == 0 and shape.intermediate % gpus == 0
        keys = shape.kv_heads % gpus == 0 or gpus % shape.kv_heads == 0
        inputs = (shape.intermediate // gpus, shape.heads * shape.head_dim // gpus)
        groups = form not in ("awq-int4", "gptq-int4") or all(size % INT4_GROUP == 0 for size in inputs)
        if gpus == 1 or (whole and keys and groups):
            sizes.append(gpus)
    return sizes


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a plan. `kv_bytes` is 2, or 1 for a cache in fp8; `gpus` 0: as many as it takes, up to 8.

    Raises InputError for numbers that make no sense.
    """

    gpu_bytes: int
    context_tokens: int = 32_768
    concurrency: int = 16
    gpus: int = 0
    utilization: float = 0.9
    kv_bytes: int = 2

    def __post_init__(self) -> None:
        least = {"gpu_bytes": 1, "context_tokens": 1, "concurrency": 1, "gpus": 0, "kv_bytes": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise InputError(
                    "{name} is {value}.",
                    remedy="It must be {low} or more.",
                    name=name,
                    value=getattr(self, name),
                    low=low,
                )
        if not 0 < self.utilization <= 1:
            raise InputError(
                "{name} is {value}.",
                remedy="It must be above 0 and at most 1.",
                name="utilization",
                value=self.utilization,
            )


@dataclass(frozen=True, slots=True)
class Fit:
    """How much fits on so many GPUs: `fixed` bytes on each before the cache, then `tokens` in the cache.

    `full_sequences` of the wanted context fit at once; or as many as wanted, each of `longest_context` tokens.
    """

    gpus: int
    each: PerGpu
    usable: int
    fixed: int
    tokens: int
    full_sequences: int
    longest_context: int


def fit(shape: Shape, wanted: Wanted, form: Form, gpus: int, *, head: bool = True) -> Fit:
    """What fits on so many GPUs of the wanted size."""
    each = per_gpu(
        shape,
        form,
        gpus=gpus,
        batched_tokens=batched_tokens_of(wanted.gpu_bytes),
        sequences=wanted.concurrency,
        kv_bytes=wanted.kv_bytes,
        head=head,
    )
    usable = int(wanted.gpu_bytes * wanted.utilization)
    fixed = each.weights + each.activations + each.overhead
    blocks = max(0, usable - fixed) // each.kv_per_token // BLOCK_TOKENS
    return Fit(
        gpus=gpus,
        each=each,
        usable=usable,
        fixed=fixed,
        tokens=blocks * BLOCK_TOKENS,
        full_sequences=blocks // -(-wanted.context_tokens // BLOCK_TOKENS),
        longest_context=blocks // wanted.concurrency * BLOCK_TOKENS,
    )


def needed_bytes(
    shape: Shape, form: Form, *, cached_tokens: int, sequences: int, gpus: int = 1, head: bool = True
) -> int:
    """Bytes that a server takes on each of its GPUs, with a cache for so many tokens."""
    parts = per_gpu(shape, form, gpus=gpus, batched_tokens=2048, sequences=sequences, head=head)
    return parts.weights + parts.activations + parts.overhead + parts.kv_per_token * cached_tokens


def gpu_memory() -> tuple[int, ...]:
    """Bytes of each NVIDIA GPU of this machine, by `nvidia-smi`; empty where there is none or it cannot be asked."""
    words = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(int(line) * 2**20 for line in said.split() if line.isdigit())
