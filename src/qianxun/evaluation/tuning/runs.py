"""Tuning a knowledge base, or on data sets that bring their own documents; and writing what is kept.

What is kept is written into the knowledge base's `kb.toml`, and in force from the next search on, in every process. A
data set's documents are in a temporary knowledge base, so what is found there is only told.
"""

import os
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Protocol

from qianxun.errors import InputError
from qianxun.evaluation.datasets import read_dataset
from qianxun.evaluation.trial import OF_SEARCHING, Opener, on_trial, without_enrichment
from qianxun.evaluation.tuning.flow import Base, Progress, tune
from qianxun.evaluation.tuning.kept import tuned_text, untuned_text
from qianxun.evaluation.tuning.questions import judged_set, kind_of
from qianxun.evaluation.tuning.report import TuneReport
from qianxun.evaluation.tuning.space import PARTS, Part
from qianxun.evaluation.writing import written_whole
from qianxun.records import Asker
from qianxun.retrieval.search import Searcher
from qianxun.settings import (
    ENVIRONMENT_PREFIX,
    KB_FILE_NAME,
    AnswerSettings,
    Settings,
    engine_of,
    every_setting,
)
from qianxun.storage.locks import QUIET_SECONDS, Lock

_SECTIONS: Final = (*OF_SEARCHING, "answer")


class Tunable(Protocol):
    """What is asked of a knowledge base here."""

    directory: Path
    settings: Settings
    wait: bool

    @property
    def _searcher(self) -> Searcher: ...


def tune_base(
    base: Tunable,
    paths: Sequence[Path],
    *,
    asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    parts: Collection[Part] = PARTS,
    keep: bool = True,
    progress: Progress | None = None,
) -> TuneReport:
    """Tunes a knowledge base by question sets or accepted pairs about it, and writes what is better if `keep`.

    Only documents that the asker may read count; what is kept is in force for everybody. Raises what `tune` raises,
    NotFound, Busy if another process writes.
    """
    searcher = base._searcher
    sets = [judged_set(path, searcher.store, asker) for path in paths]
    bases = [Base(searcher, asker, one, _answering(base.settings)) for one in sets]
    report = tune(bases, parts=parts, fixed=set_in_environment(), progress=progress)
    report.dry_run = not keep
    if keep and report.values:
        path = base.directory / KB_FILE_NAME
        with _write_lock(base.directory).held(wait=base.wait):
            _write(path, tuned_text(_text(path), report.values, str(path)))
        report.written = str(path)
    return report


def tune_data_sets(
    paths: Sequence[Path],
    settings: Settings,
    *,
    parts: Collection[Part] = PARTS,
    work: Path | None = None,
    progress: Progress | None = None,
    opener: Opener | None = None,
) -> TuneReport:
    """Tunes settings by data sets in BEIR layout, each counting alike, in temporary knowledge bases. Writes nothing.

    Chunks are not enriched. `work` and `opener` are those of `on_trial`. Raises what `tune` raises.
    """
    judged = [read_dataset(path) for path in paths]
    plain = without_enrichment(settings)
    with ExitStack() as open_ones:
        bases: list[Base] = []
        for path, dataset in zip(paths, judged, strict=True):
            trial = open_ones.enter_context(on_trial(dataset, plain, work=work, progress=progress, opener=opener))
            base: Any = open_ones.enter_context(trial.opened(plain))
            admin = Asker.admin()
            found = judged_set(path, base._searcher.store, admin, dataset)
            bases.append(Base(base._searcher, admin, found, _answering(settings)))
        report = tune(bases, parts=parts, progress=progress)
        report.dry_run = True
        return report


def untune(base: Tunable) -> list[str]:
    """Takes out of `kb.toml` what tuning wrote, and puts back what stood there; the keys, none if there was nothing."""
    path = base.directory / KB_FILE_NAME
    with _write_lock(base.directory).held(wait=base.wait):
        text, keys = untuned_text(_text(path))
        if keys:
            _write(path, text)
    return keys


def are_data_sets(paths: Sequence[Path]) -> bool:
    """Whether these bring their own documents. Raises InputError if some do and others do not, or there are none."""
    if not paths:
        raise InputError(
            "No question set was named.",
            remedy="Type `qianxun tune SET`, or --reset. `qianxun eval make` makes a set.",
        )
    brought = [path for path in paths if kind_of(path) == "data set"]
    if brought and len(brought) < len(paths):
        raise InputError(
            "{path} brings its own documents, other sets are about the knowledge base; one run is for either.",
            remedy="Run the command once for each.",
            path=brought[0],
        )
    return bool(brought)


def refuse_overrides(overrides: Sequence[str]) -> None:
    """Raises InputError if what is tuned would rest on settings of this run only."""
    for text in overrides:
        if text.partition(".")[0].strip() in _SECTIONS:
            raise InputError(
                "--set {text} holds for this run only, and what is tuned with it would not suit the next search.",
                remedy="Put it into qianxun.toml or {file} first, or add --dry-run.",
                text=text,
                file=KB_FILE_NAME,
            )


def set_in_environment() -> set[str]:
    """Keys that tuning may write and variables of the environment set: those would go over whatever is written."""
    variables = {name.lower() for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)}
    return {
        setting.key
        for setting in every_setting()
        if setting.key.partition(".")[0] in _SECTIONS
        and (ENVIRONMENT_PREFIX + setting.key.replace(".", "__")).lower() in variables
    }


def _answering(settings: Settings) -> AnswerSettings | None:
    return settings.answer if engine_of(settings.generator) == "none" else None


def _write_lock(directory: Path) -> Lock:
    return Lock(directory, "write", quiet_seconds=QUIET_SECONDS)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig") if path.is_file() else ""


def _write(path: Path, text: str) -> None:
    with written_whole(path) as file:
        file.write(text)
