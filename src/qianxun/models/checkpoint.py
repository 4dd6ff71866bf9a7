"""A checkpoint folder's own files: its architecture, how it wants text pooled and prompted, what its weights are.

Reads JSON and a few bytes of the weights; needs neither torch nor transformers. Layouts: Hugging Face, with the files
of sentence-transformers where there are any (modules.json, 1_Pooling/config.json, config_sentence_transformers.json).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qianxun.errors import SettingsError
from qianxun.models.families import Pooling

CONFIG: Final = "config.json"
# So much of each file is read to tell its weights from others: a training step changes nearly every number.
_SAMPLES: Final = 256
_SAMPLE_BYTES: Final = 4096
_POOLINGS: Final[Mapping[str, Pooling]] = {"lasttoken": "last", "mean": "mean", "cls": "cls"}
_POOLING_FLAGS: Final[Mapping[str, Pooling]] = {
    "pooling_mode_lasttoken": "last",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the files of a checkpoint say. `pooling` is None and `prompts` empty if they say nothing of it.

    `max_tokens` is what sentence-transformers would cut at, else None. `positions` is how many tokens the model
    has positions for.
    """

    folder: Path
    config: Mapping[str, Any]
    architecture: str
    hidden_size: int
    positions: int | None
    pooling: Pooling | None
    normalizes: bool
    prompts: Mapping[str, str]
    max_tokens: int | None

    @property
    def causal(self) -> bool:
        """Whether it is a decoder, whose tokens see only what is before them."""
        return self.architecture.endswith("ForCausalLM")

    @property
    def pad_token(self) -> int:
        """The token to pad with: any will do where a mask hides it, but RoBERTa's positions count from it."""
        return _pad_token(self.config)

    def weights_print(self) -> str:
        """16 hexadecimal digits that tell its weights and tokenizer from others, by their sizes and samples of them."""
        found = hashlib.sha256()
        files = sorted([*self.folder.glob("*.safetensors"), *self.folder.glob("pytorch_model*.bin")])
        for path in [*files, *(self.folder / name for name in ("tokenizer.json", CONFIG))]:
            if path.is_file():
                size = path.stat().st_size
                found.update(f"{path.name}:{size}:".encode())
                with path.open("rb") as file:
                    for start in sorted({size * i // _SAMPLES for i in range(_SAMPLES)}):
                        file.seek(start)
                        found.update(file.read(_SAMPLE_BYTES))
        return found.hexdigest()[:16]


def read_checkpoint(folder: Path) -> Checkpoint:
    """What is in a checkpoint folder. Raises SettingsError if it is none."""
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or "model_type" not in config:
        raise SettingsError(
            "{folder} is not a model: it has no readable {file}.",
            remedy="Name a folder with config.json, tokenizer.json and *.safetensors, or `qianxun models pull` one.",
            folder=folder,
            file=CONFIG,
        )
    text = config.get("text_config") or config
    modules = read_json(folder / "modules.json") or []
    pooling_files = [m["path"] for m in modules if m.get("type", "").endswith("Pooling")]
    pooling = read_json(folder / (pooling_files[0] if pooling_files else "1_Pooling") / CONFIG) or {}
    sentences = read_json(folder / "config_sentence_transformers.json") or {}
    limits = read_json(folder / "sentence_bert_config.json") or {}
    architectures = config.get("architectures") or [config["model_type"]]
    return Checkpoint(
        folder=folder,
        config=config,
        architecture=str(architectures[0]),
        hidden_size=int(text.get("hidden_size") or text.get("d_model") or 0),
        positions=_positions(text),
        pooling=_pooling(pooling, folder),
        normalizes=any(m.get("type", "").endswith("Normalize") for m in modules),
        prompts={k: v for k, v in (sentences.get("prompts") or {}).items() if isinstance(v, str)},
        max_tokens=limits.get("max_seq_length"),
    )


def _pad_token(config: Mapping[str, Any]) -> int:
    pad = config.get("pad_token_id")
    return pad if isinstance(pad, int) else 0


def _positions(config: Mapping[str, Any]) -> int | None:
    positions = config.get("max_position_embeddings")
    if not positions:
        return None
    kind = str(config.get("model_type"))
    # RoBERTa's positions begin after the padding token's number.
    return int(positions) - (_pad_token(config) + 1 if "roberta" in kind or kind == "camembert" else 0)


def find_checkpoint(model: str, revision: str, models: Path) -> Path | None:
    """The folder of a model: itself if it is one, else where `models pull` or a hub's client put it; None if nowhere.

    Raises SettingsError for a path that does not exist.
    """
    path = Path(model).expanduser()
    if (path / CONFIG).is_file():
        return path.absolute()
    if path.is_absolute() or model.startswith((".", "~")):
        raise SettingsError(
            "There is no model at {path}.", remedy="Name the folder that holds its config.json.", path=path
        )
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", model):
        return None
    pulled = models / model
    if (pulled / CONFIG).is_file() and (not revision or revision in _pulled_revisions(pulled)):
        return pulled
    return _in_hub_cache(model, revision)


def _in_hub_cache(model: str, revision: str) -> Path | None:
    """The snapshot in the cache of the Hugging Face client or ModelScope's, without importing either."""
    import os

    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub") / f"models--{model.replace('/', '--')}"
    names = [revision] if revision else []
    reference = cache / "refs" / (revision or "main")
    if reference.is_file():
        names.append(reference.read_text(encoding="utf-8").strip())
    for name in names:
        if (cache / "snapshots" / name / CONFIG).is_file():
            return cache / "snapshots" / name
    root = Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope" / "hub")
    for place in (root / model, root / "models" / model, root / "models" / model.replace(".", "___")):
        if not revision and (place / CONFIG).is_file():
            return place
    return None


def _pulled_revisions(folder: Path) -> tuple[str, str]:
    """The commit that was pulled, and the name that was asked for."""
    found = read_json(folder / "pulled.json") or {}
    return str(found.get("revision", "")), str(found.get("asked", ""))


def _pooling(values: Mapping[str, Any], folder: Path) -> Pooling | None:
    if not values:
        return None
    modes = [m for m in [values.get("pooling_mode")] if isinstance(m, str)]
    found = [_POOLINGS[m] for m in modes if m in _POOLINGS]
    found += [name for flag, name in _POOLING_FLAGS.items() if values.get(flag)]
    other = [k for k, v in values.items() if k.startswith("pooling_mode_") and v is True and k not in _POOLING_FLAGS]
    if len(found) != 1 or other:
        raise SettingsError(
            "{folder}: its pooling ({modes}) is not one that is known here.",
            remedy="Set encoder.pooling to last, mean or cls.",
            folder=folder,
            modes=", ".join([*modes, *(k for k, v in values.items() if v is True)]),
        )
    return found[0]


def read_json(path: Path) -> Any:
    """What is in a JSON file of a checkpoint; None if there is no such file. Raises SettingsError."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SettingsError(
            "{path} cannot be read: {reason}.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            path=path,
            reason=str(error).rstrip("."),
        ) from error
