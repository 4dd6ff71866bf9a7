"""The models on this machine and those that the settings name: what each is, how big, and what it is used for.

Looks at folders and reads small files; asks no server and no hub.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from qianxun.errors import QianxunError
from qianxun.models.checkpoint import CONFIG, Checkpoint, find_checkpoint, read_checkpoint
from qianxun.models.families import family_of, is_qwen3_reranker
from qianxun.models.getting.manifest import read_manifest
from qianxun.models.serving.vllm_command import ROLES, Role, section_of
from qianxun.settings import Settings, address_of, engine_of, models_directory
from qianxun.settings.engines import model_of

Where = Literal["pulled", "huggingface cache", "modelscope cache", "folder", "server", "package", "missing"]
_WEIGHTS = (".safetensors", ".bin", ".gguf", ".onnx")


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model: `folder` None if it is not on this machine. `used_for` names the settings' sections that use it.

    `where` is how it came here, or "server" with its `url`, or "missing": named by the settings, found nowhere.
    """

    name: str
    where: Where
    kind: Role | None
    used_for: tuple[Role, ...] = ()
    folder: Path | None = None
    bytes: int = 0
    revision: str = ""
    source: str = ""
    url: str = ""


def list_models(settings: Settings) -> tuple[ListedModel, ...]:
    """Every model of this machine and every one that the settings name, those in use first, then by name."""
    found: dict[str, ListedModel] = {}
    for model in (*_pulled(settings), *_in_caches()):
        found.setdefault(str(model.folder), model)
    for role in ROLES:
        used = _used(role, settings)
        if used is not None:
            key = str(used.folder) if used.folder else f"{used.where} {used.url} {used.name}"
            before = found.get(key, used)
            found[key] = replace(before, used_for=(*before.used_for, role), kind=before.kind or role, url=used.url)
    return tuple(sorted(found.values(), key=lambda model: (not model.used_for, model.name.lower(), str(model.folder))))


def kind_of(checkpoint: Checkpoint, name: str) -> Role:
    """What a checkpoint is for, from its own files and its name."""
    if is_qwen3_reranker(name) or checkpoint.architecture.endswith("ForSequenceClassification"):
        return "reranker"
    if checkpoint.pooling is not None or family_of(name) is not None or not checkpoint.causal:
        return "encoder"
    return "generator"


def _pulled(settings: Settings) -> Iterator[ListedModel]:
    root = models_directory(settings)
    for path in sorted(root.glob(f"*/*/{CONFIG}")) if root.is_dir() else []:
        folder = path.parent
        try:
            manifest = read_manifest(folder)
        except QianxunError:  # what is wrong with it `models check` says; here it is a folder
            manifest = None
        name = f"{folder.parent.name}/{folder.name}"
        if manifest is None:
            yield _on_disk(name, folder, "folder")
        else:
            yield replace(_on_disk(name, folder, "pulled"), revision=manifest.revision, source=manifest.source)


def _in_caches() -> Iterator[ListedModel]:
    """Models that the hubs' own clients have fetched."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    for path in sorted(cache.glob(f"models--*/snapshots/*/{CONFIG}")):
        organisation, _, name = path.parents[2].name.removeprefix("models--").partition("--")
        found = _on_disk(f"{organisation}/{name}", path.parent, "huggingface cache")
        yield replace(found, revision=path.parent.name, source="huggingface")
    root = Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope" / "hub")
    for path in sorted([*root.glob(f"*/*/{CONFIG}"), *root.glob(f"models/*/*/{CONFIG}")]):
        folder = path.parent
        if folder.parent.name not in ("models", "_temp", "temp"):
            name = f"{folder.parent.name}/{folder.name.replace('___', '.')}"
            yield replace(_on_disk(name, folder, "modelscope cache"), source="modelscope")


def _on_disk(name: str, folder: Path, where: Where) -> ListedModel:
    try:
        kind: Role | None = kind_of(read_checkpoint(folder), name)
    except QianxunError:
        kind = None
    weights = (path for path in folder.rglob("*") if path.suffix in _WEIGHTS and path.is_file())
    return ListedModel(name, where, kind, folder=folder, bytes=sum(path.stat().st_size for path in weights))


def _used(role: Role, settings: Settings) -> ListedModel | None:
    """The model that a section of the settings uses; None if it uses none."""
    section = section_of(role, settings)
    engine = engine_of(section)
    if engine == "none":
        return None
    name, url = model_of(section), address_of(section) if engine == "http" else ""
    if not name and engine != "http":
        return ListedModel(engine, "package", role)
    try:
        folder = find_checkpoint(name, section.revision, models_directory(settings)) if name else None
    except QianxunError:
        folder = None
    if folder is not None:
        return replace(_on_disk(name, folder, "folder"), url=url)
    return ListedModel(name or url, "server" if url else "missing", role, revision=section.revision, url=url)
