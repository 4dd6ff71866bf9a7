"""What fits on a GPU: weights, cache and the rest of a model, from its config.json, each number with its reason.

The question is whether `concurrency` conversations of `context_tokens` each have room at the same time. Where they
have not, a server still answers: it lets the later ones wait. Starts nothing and measures nothing.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from qianxun.errors import InputError, SettingsError
from qianxun.messages import say
from qianxun.models.families import family_of, is_qwen3_reranker
from qianxun.models.formats import local_checkpoint
from qianxun.models.planning.known_shapes import known_names, known_shape
from qianxun.models.planning.memory import Fit, Wanted, batched_tokens_of, fit, parallel_sizes
from qianxun.models.planning.plan_lines import Line, lines_of
from qianxun.models.planning.shapes import Shape, shape_of
from qianxun.models.planning.weights import Form, form_of, parts_in_bytes
from qianxun.models.serving.vllm_command import (
    TEMPLATE,
    YARN_FACTOR,
    Role,
    context_overrides,
    reranker_overrides,
    yarn_note,
)
from qianxun.settings import Settings

MOST_GPUS: Final = 8
_UNITS: Final[Mapping[str, int]] = {
    **{"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4},
    **{"k": 2**10, "kib": 2**10, "m": 2**20, "mib": 2**20, "g": 2**30, "gib": 2**30, "t": 2**40, "tib": 2**40},
}
_DTYPES: Final[Mapping[Form, str]] = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
# What Qwen calls its own quantised copies.
_PUBLISHED: Final[Mapping[Form, str]] = {"awq-int4": "-AWQ", "gptq-int4": "-GPTQ-Int4"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a model needs and how it fits. Bytes are of one GPU where the name says so, else of the whole model.

    `gpus` is the smallest number of GPUs on which `concurrency` contexts fit at once; if `fits` is False it is the
    largest number that could share the model. `by_gpus` has every number that could, ascending.
    """

    model: str
    role: Role
    form: Form
    context_tokens: int
    concurrency: int
    n_parameters: int
    weight_bytes: int
    kv_bytes_per_token: int
    kv_bytes: int
    gpu_bytes: int
    gpus: int
    bytes_on_each_gpu: int
    fits: bool
    full_sequences: int
    longest_context: int
    by_gpus: tuple[Fit, ...]
    command: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def memory_bytes(text: str) -> int:
    """The bytes of `24GiB`, `24GB`, `24g`, `81559MiB`; a bare letter counts in powers of 1024. Raises InputError."""
    parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", unicodedata.normalize("NFKC", text).lower())
    found = int(float(parts[1]) * _UNITS[parts[2]]) if parts and parts[2] in _UNITS else 0
    if found <= 0:
        raise InputError("{text!r} is no amount of memory.", remedy="Example: 24GiB", text=text)
    return found


def find_shape(model: str, settings: Settings, *, revision: str = "", form: Form | None = None) -> Shape:
    """The shape of a model: from its folder, from what was pulled, or from the table of known Qwen models.

    Raises SettingsError for one that is none of these.
    """
    checkpoint = local_checkpoint(model, revision, settings)
    if checkpoint is not None:
        return shape_of(checkpoint.config, model)
    found = known_shape(model, int4=form in ("awq-int4", "gptq-int4"))
    if found is None:
        raise SettingsError(
            "{model} is neither on this machine nor a model whose sizes are known.",
            remedy="Name its folder, run `qianxun models pull {model}`, or name one of: {known}.",
            model=model,
            known=", ".join(known_names()),
        )
    return found


def plan(shape: Shape, wanted: Wanted, *, form: Form | None = None, role: Role | None = None) -> Plan:
    """What a model needs and the command that serves it. `form` and `role` None: what its files and its name say.

    Raises SettingsError for a context that the model cannot read.
    """
    chosen = form or form_of(shape.quantization)
    use = role or role_of(shape.name)
    head = use == "generator"
    overrides = context_overrides(shape, wanted.context_tokens, generates=head)
    sizes = parallel_sizes(shape, chosen, wanted.gpus or MOST_GPUS)
    fits = tuple(fit(shape, wanted, chosen, gpus, head=head) for gpus in sizes)
    best = next((found for found in fits if found.full_sequences >= wanted.concurrency), fits[-1])
    parts = parts_in_bytes(shape, chosen, head=head)
    tokens = wanted.context_tokens * wanted.concurrency
    return Plan(
        model=shape.name,
        role=use,
        form=chosen,
        context_tokens=wanted.context_tokens,
        concurrency=wanted.concurrency,
        n_parameters=sum(part.n_parameters for part in parts),
        weight_bytes=sum(part.bytes for part in parts),
        kv_bytes_per_token=shape.kv_bytes_per_token(wanted.kv_bytes),
        kv_bytes=shape.kv_bytes_per_token(wanted.kv_bytes) * tokens,
        gpu_bytes=wanted.gpu_bytes,
        gpus=best.gpus,
        bytes_on_each_gpu=best.fixed + best.each.kv_per_token * tokens,
        fits=best.full_sequences >= wanted.concurrency,
        full_sequences=best.full_sequences,
        longest_context=best.longest_context,
        by_gpus=fits,
        command=_command(shape, wanted, chosen, best.gpus, use, overrides),
        lines=lines_of(shape, wanted, parts, best, sizes),
        notes=_notes(shape, wanted, chosen, bool(overrides)),
    )


def role_of(model: str) -> Role:
    """What a model is for, by its name: the families of embedding models are known, so are Qwen3's rerankers."""
    if is_qwen3_reranker(model):
        return "reranker"
    return "encoder" if family_of(model) is not None else "generator"


def _command(
    shape: Shape, wanted: Wanted, form: Form, gpus: int, role: Role, overrides: Mapping[str, Any]
) -> tuple[str, ...]:
    if form.startswith("gguf"):
        return _llama_command(shape, wanted, form, bool(overrides))
    model = shape.name
    if form in _PUBLISHED and shape.source == "known" and not model.endswith(_PUBLISHED[form]):
        model += _PUBLISHED[form]
    words = ["vllm", "serve", model, "--max-model-len", str(wanted.context_tokens)]
    words += ["--max-num-seqs", str(wanted.concurrency)]
    words += ["--max-num-batched-tokens", str(batched_tokens_of(wanted.gpu_bytes))]
    words += ["--gpu-memory-utilization", f"{wanted.utilization:g}", "--tensor-parallel-size", str(gpus)]
    words += ["--dtype", _DTYPES.get(form, "auto")]
    if form == "fp8" and not shape.quantization:
        words += ["--quantization", "fp8"]
    if wanted.kv_bytes == 1:
        words += ["--kv-cache-dtype", "fp8"]
    if role != "generator":
        words += ["--runner", "pooling"]
    if role == "reranker":
        overrides = {**overrides, **reranker_overrides()}
        words += ["--chat-template", str(TEMPLATE)]
    return (*words, *(["--hf-overrides", json.dumps(overrides)] if overrides else []))


def _llama_command(shape: Shape, wanted: Wanted, form: Form, yarn: bool) -> tuple[str, ...]:
    """The command of llama.cpp's server, which divides its context among the sequences at once."""
    name = shape.name.rstrip("/").rpartition("/")[2].lower().removesuffix("-gguf")
    context = str(wanted.context_tokens * wanted.concurrency)
    words = ["llama-server", "--model", f"{name}-{form.removeprefix('gguf-')}.gguf", "--ctx-size", context]
    words += ["--parallel", str(wanted.concurrency), "--n-gpu-layers", "999"]
    if yarn:
        words += ["--rope-scaling", "yarn", "--rope-scale", f"{YARN_FACTOR:g}", "--yarn-orig-ctx", "32768"]
    return tuple(words)


def _notes(shape: Shape, wanted: Wanted, form: Form, yarn: bool) -> tuple[str, ...]:
    notes = [yarn_note(wanted.context_tokens)] if yarn else []
    if form in _PUBLISHED and not shape.quantization:
        notes.append(say("int4 needs a checkpoint that was quantised so; embeddings and head stay at 16 bits in it."))
    if form.startswith("gguf"):
        notes.append(say("GGUF files are served by llama.cpp's llama-server; vLLM 0.32 does not read them."))
    return tuple(notes)
