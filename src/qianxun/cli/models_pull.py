"""`qianxun models pull`: a model from its hub, resumed where it stopped, verified to the last byte."""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qianxun.cli.session import Session
from qianxun.cli.words import shown_bytes
from qianxun.errors import InputError, StorageError
from qianxun.messages import say
from qianxun.settings import engine_of, model_of, models_directory
from qianxun.shapes import pulled_shape, verified_shape

if TYPE_CHECKING:
    from qianxun.cli.progress import ProgressDisplay
    from qianxun.models.getting.pull import PullProgress

NOT_WHOLE = StorageError.exit_code


def description() -> str:
    """What help says at the top."""
    return say(
        "Downloads models from ModelScope or Hugging Face (models.source; a mirror: models.endpoint) into the folder "
        "of models. Stopped, the same command goes on; every file is compared with the hub's checksum. Without a name: "
        "the models that the settings run on this machine. Keys come from HF_TOKEN and MODELSCOPE_API_TOKEN."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `models pull`."""
    parser.add_argument(
        "models", metavar="MODEL", nargs="*", help=say("names on the hub, as Qwen/Qwen3-Embedding-0.6B")
    )
    parser.add_argument(
        "--revision", metavar="NAME", default="", help=say("branch, tag or commit (default: the newest)")
    )
    parser.add_argument(
        "--include", metavar="GLOB", action="append", default=[], help=say("only files like this; may be repeated")
    )
    parser.add_argument("--verify", action="store_true", help=say("only compare what is here with its checksums"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Pulls or verifies and prints where the models are. Exit code 74 if a file is missing or damaged."""
    names = args.models or _in_settings(session)
    if not names:
        raise InputError(
            "No model was named, and the settings run none on this machine.",
            remedy="Example: qianxun models pull Qwen/Qwen3-Embedding-0.6B",
        )
    return _verify(session, names) if args.verify else _pull(session, args, names)


def _in_settings(session: Session) -> list[str]:
    """The models that run in this process, or behind vLLM on this machine."""
    from qianxun.models.serving.vllm_command import ROLES, is_served_here, section_of

    return [
        model_of(section)
        for role in ROLES
        if engine_of(section := section_of(role, session.settings)) == "transformers"
        or is_served_here(role, session.settings)
    ]


def _pull(session: Session, args: argparse.Namespace, names: list[str]) -> int:
    from qianxun.models.getting.pull import pull

    done = []
    for name in names:
        with session.progress() as progress:
            done.append(
                pull(
                    name,
                    session.settings,
                    revision=args.revision,
                    include=args.include,
                    progress=_Shown(progress),
                )
            )
    if session.as_json:
        session.print_json(pulled_shape(done))
        return 0
    for pulled in done:
        session.out.line(
            say(
                "{model}: {size} in {files} files from {source}, revision {revision}, in {folder}",
                model=pulled.model,
                size=shown_bytes(pulled.bytes),
                files=pulled.n_files,
                source=pulled.source,
                revision=pulled.revision[:12],
                folder=pulled.folder,
            )
        )
    return 0


def _verify(session: Session, names: list[str]) -> int:
    from qianxun.models.getting.manifest import verify

    found = {}
    for name in names:
        path = Path(name).expanduser()
        found[name] = verify(path if path.is_dir() else models_directory(session.settings) / name)
    if session.as_json:
        session.print_json(verified_shape(found))
    else:
        words = {"missing": say("missing"), "size": say("of another length"), "content": say("of another content")}
        for name, one in found.items():
            for problem in one.problems:
                session.out.line(("✗ ", "red"), f"{name}/{problem.path}", say(": "), words[problem.what])
            if not one.problems:
                session.out.line(
                    ("✓ ", "green"), say("{model}: {files} files are right", model=name, files=one.n_files)
                )
    return NOT_WHOLE if any(one.problems for one in found.values()) else 0


@dataclass(frozen=True, slots=True)
class _Report:
    stage: str
    done: int
    total: int | None
    item: str
    seconds: float


class _Shown:
    """Makes a pull's progress into what the display takes: megabytes."""

    def __init__(self, display: "ProgressDisplay") -> None:
        self._display = display
        self._began: dict[str, float] = {}

    def __call__(self, at: "PullProgress") -> None:
        began = self._began.setdefault(at.doing, time.monotonic())
        million = 1_000_000
        seconds = time.monotonic() - began
        stage = "fetching" if at.doing == "fetching" else "comparing"
        self._display(_Report(stage, at.done_bytes // million, at.total_bytes // million, at.file, seconds))
