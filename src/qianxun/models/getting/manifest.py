"""`pulled.json`: what `models pull` brought into a folder, and whether it is still there and right."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from qianxun.errors import Damaged, NotFound

MANIFEST: Final = "pulled.json"
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was verified."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was pulled: `revision` is the hub's commit, `asked` the revision as it was asked for ("": the newest)."""

    model: str
    revision: str
    asked: str
    source: str
    files: Mapping[str, FileRecord]
    time: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that is not as it was pulled."""

    path: str
    what: Literal["missing", "size", "content"]


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of reading every byte of a pulled model. It is whole if there are no problems."""

    manifest: Manifest
    folder: Path
    n_files: int
    bytes: int
    problems: tuple[Problem, ...]


def read_manifest(folder: Path) -> Manifest | None:
    """What was pulled into a folder; None if nothing was. Raises Damaged if its record cannot be read."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        files = {str(name): FileRecord(int(v["bytes"]), str(v["sha256"])) for name, v in found.pop("files").items()}
        return Manifest(
            files=files, **{key: str(found[key]) for key in ("model", "revision", "asked", "source", "time")}
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(
            "{path} cannot be read: {reason}.",
            remedy="Delete it and run `qianxun models pull` again: files that are right are kept.",
            path=path,
            reason=str(error).rstrip("."),
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Records what was pulled, all at once."""
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=2) + "\n"
    part = folder / f"{MANIFEST}.part"
    part.write_text(text, encoding="utf-8")
    os.replace(part, folder / MANIFEST)  # noqa: PTH105 (atomic on every platform)


def verify(folder: Path, progress: Callable[[int], None] | None = None) -> Verified:
    """Reads every file of a pulled model again and compares. `progress` is told how many bytes have been read.

    Raises NotFound for a folder that nothing was pulled into.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise NotFound(
            "{folder} was not brought by `qianxun models pull`, so there is nothing to compare it with.",
            remedy="Pull the model, or name the folder of one that was pulled.",
            folder=folder,
        )
    problems = []
    for name, record in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            problems.append(Problem(name, "missing"))
        elif path.stat().st_size != record.bytes:
            problems.append(Problem(name, "size"))
        elif sha256_of(path, progress) != record.sha256:
            problems.append(Problem(name, "content"))
    total = sum(record.bytes for record in manifest.files.values())
    return Verified(manifest, folder, len(manifest.files), total, tuple(problems))


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            found.update(piece)
            if progress is not None:
                progress(len(piece))
    return found.hexdigest()


def git_sha1_of(path: Path) -> str:
    """The name that git gives a file's content: the SHA-1 of a header with its size, then the content."""
    found = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            found.update(piece)
    return found.hexdigest()
