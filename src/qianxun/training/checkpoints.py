"""A checkpoint folder with trained differences merged in: the same files as the original, and only those weights other.

Names, shards, number formats, tokenizer, config and pooling are the original's, so every engine that takes the one
takes the other. A difference is added in float32 and rounded to the number format of the file: what is measured
afterwards is what was written.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from qianxun.errors import DiskFull, SettingsError, StorageError
from qianxun.models.checkpoint import Checkpoint, read_json

FACTS: Final = "tuned.json"
_WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".gguf", ".h5", ".msgpack", ".ot")
# Of the original alone: what was downloaded, and what an earlier tuning said.
_LEFT_BEHIND: Final = ("pulled.json", FACTS)
_SINGLE: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
# What transformers may set before a weight's name, depending on which head was saved.
_HEADS: Final = ("model.", "bert.", "roberta.")


def name_of(model: str, digest: str) -> str:
    """The folder's name: the original's, whose family it tells, and a digest of what it was made from."""
    plain = re.sub(r"-tuned-[0-9a-f]{8}$", "", model.rstrip("/").rpartition("/")[2])
    return f"{plain}-tuned-{digest[:8]}"


def facts_of(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """What a tuned checkpoint says of how it was made; {} for one that was not made here. Raises SettingsError."""
    found = read_json(checkpoint.folder / FACTS)
    return found if isinstance(found, dict) else {}


def refuse_unmergeable(checkpoint: Checkpoint) -> None:
    """Raises SettingsError for a checkpoint whose weights lie in no safetensors file."""
    if not any((checkpoint.folder / name).is_file() for name in (_SINGLE, _INDEX)):
        raise SettingsError(
            "{folder} has no weights in safetensors files, and only these can be fine-tuned.",
            remedy="Bring a model that has them with `qianxun models pull`.",
            folder=checkpoint.folder,
        )


def write_merged(checkpoint: Checkpoint, differences: Mapping[str, Any], folder: Path) -> None:
    """Writes the checkpoint with the differences into a folder, which is made. Not whole until it returns.

    `differences` are by the weights' names in the model. Raises SettingsError if the files have no such weight,
    StorageError, DiskFull. Memory: one file of weights at a time.
    """
    try:
        folder.mkdir(parents=True)
        _copy_plain_files(checkpoint.folder, folder)
        left = {_bare(name): delta for name, delta in differences.items()}
        for name in _weight_files(checkpoint.folder):
            _write_weights(checkpoint.folder / name, folder / name, left)
    except OSError as error:
        raise unwritable(folder, error) from error
    if left:
        raise SettingsError(
            "{folder}: its files lack {n} weights that the model has, {name} among them.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            folder=checkpoint.folder,
            n=len(left),
            name=min(left),
        )


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Says in a tuned checkpoint how it was made. Raises StorageError."""
    text = json.dumps(facts, ensure_ascii=False, indent=2)
    try:
        (folder / FACTS).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(path: Path, error: OSError) -> StorageError:
    """An error of the disk in words."""
    import errno

    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else StorageError
    return kind(
        "{path} cannot be written ({error}).",
        remedy="Check that the folder is writable and has room.",
        path=path,
        error=error.strerror or error,
    )


def _copy_plain_files(source: Path, target: Path) -> None:
    """All that is no weights, with the folders that sentence-transformers names."""
    modules = read_json(source / "modules.json") or []
    folders = {str(module.get("path", "")) for module in modules if isinstance(module, dict)}
    for path in sorted(source.iterdir()):
        if path.is_file() and path.suffix not in _WEIGHTS and path.name not in _LEFT_BEHIND:
            shutil.copyfile(path, target / path.name)
        elif path.is_dir() and (path.name in folders or path.name == "1_Pooling"):
            shutil.copytree(path, target / path.name)


def _weight_files(folder: Path) -> Sequence[str]:
    if (folder / _SINGLE).is_file():
        return [_SINGLE]
    index = read_json(folder / _INDEX)
    try:
        return sorted(set(index["weight_map"].values()))
    except (KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            "{path} cannot be read: {reason}.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            path=folder / _INDEX,
            reason=f"{type(error).__name__}: {error}",
        ) from error


def _write_weights(source: Path, target: Path, left: dict[str, Any]) -> None:
    """One file of weights; takes from `left` what was added."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(source, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dictionary)
    for name, tensor in tensors.items():
        delta = left.pop(_bare(name), None)
        if delta is not None:
            tensors[name] = (tensor.float() + delta).to(tensor.dtype).contiguous()
    save_file(tensors, target, metadata=metadata)


def _bare(name: str) -> str:
    """A weight's name without the head's."""
    for head in _HEADS:
        name = name.removeprefix(head)
    return name
