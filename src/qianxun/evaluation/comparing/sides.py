"""What is compared: a run, a saved report, or settings. Each becomes values by question.

What a word of the command line means:

    a file *.json        a report that `eval retrieval` saved: it holds the values
    a file *.toml        settings, as `--config` would read them
    another file         a run in TREC's format, judged by qrels or a data set
    key=value[,…]        settings: those of this run with these over them
    current              settings: those of this run
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.datasets import Dataset, digest, read_dataset
from qianxun.evaluation.measures import MEASURES, Measured, bootstrap_interval, measure
from qianxun.evaluation.trec import read_qrels, read_run
from qianxun.evaluation.trial import Mode, Opener, Progress, alike, asked_each, differ_in_candidates
from qianxun.settings import Settings, load_settings, with_overrides

Kind: TypeAlias = Literal["run", "report", "settings"]
NoteKind: TypeAlias = Literal[
    "unanswered", "unknown", "no relevant", "not compared", "only one", "degraded", "same settings", "same search",
    "as set", "few", "other answers", "other evidence",
]  # fmt: skip

CURRENT: Final = "current"
# Between two settings; a comma inside a value is followed by no key.
_NEXT_SETTING: Final = re.compile(r",(?=\s*[a-z_]+(?:\.[a-z_]+)*\s*=)")
_SETTING: Final = re.compile(r"\s*[a-z_]+(?:\.[a-z_]+)*\s*=")
_SAVED = "Save one with `qianxun eval retrieval DATASET --report FILE.json`."


@dataclass(frozen=True, slots=True)
class Given:
    """A side as it was given on the command line. A file has a `path`, settings are in `settings`."""

    text: str
    kind: Kind
    path: Path | None = None
    settings: Settings | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """What a side is worth on one data set. `texts` are question id → text, as far as they are known.

    `judgements` is the digest of what the values were judged by, "" if it is not known.
    """

    dataset: str
    measured: Measured
    texts: Mapping[str, str]
    judgements: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader of the figures should know. `side` is "A", "B", or "" for both.

    `n` counts questions, data sets or searches; `first` names the first of them.
    """

    kind: NoteKind
    side: str = ""
    n: int = 0
    first: str = ""


def given_side(text: str, settings: Settings, overrides: Sequence[str] = ()) -> Given:
    """What a word of the command line means; see the module. `settings` and `overrides` are this run's.

    Raises NotFound for what is neither a file nor a setting, InputError, SettingsError.
    """
    if text == CURRENT:
        return Given(text, "settings", settings=settings)
    path = Path(text).expanduser()
    if path.is_file():
        suffix = path.suffix.lower()
        if suffix == ".toml":
            return Given(text, "settings", settings=load_settings(config=path, overrides=overrides))
        return Given(text, "report" if suffix == ".json" else "run", path=path)
    if _SETTING.match(text):
        return Given(text, "settings", settings=with_overrides(settings, settings_in(text)))
    raise NotFound(
        "{given} is neither a file nor a setting.",
        remedy="Name a run, a report (.json), a settings file (.toml), settings (section.key=value,…), or `current`.",
        given=text,
    )


def settings_in(text: str) -> list[str]:
    """`a.b=1,c.d=x,y` as ["a.b=1", "c.d=x,y"]."""
    return [part.strip() for part in _NEXT_SETTING.split(text)]


def values_of_run(path: Path, judged: Dataset | Path, side: str = "") -> tuple[Values, list[Note]]:
    """A run judged by a data set, or by a file of qrels.

    A question of which the run says nothing counts 0; one that was not judged is left out. Raises InputError, NotFound;
    also if no question of the run was judged.
    """
    run = read_run(path)
    notes: list[Note] = []
    if isinstance(judged, Path):
        graded: Mapping[str, Mapping[str, int]] = read_qrels(judged)
        judgements: Mapping[str, Mapping[str, int]] = {
            question: grades for question, grades in graded.items() if any(grade > 0 for grade in grades.values())
        }
        name, texts = _stem(judged), dict[str, str]()
        if not judgements:
            raise InputError(
                "{path} calls no document relevant.", remedy="At least one score must be above 0.", path=judged
            )
        notes += _noted("no relevant", "", [question for question in graded if question not in judgements])
    else:
        graded = judgements = judged.judgements
        name, texts = judged.name, dict(judged.questions)
    unknown = [question for question in run.rankings if question not in graded]
    if len(unknown) == len(run.rankings):
        raise InputError(
            "None of the {n} questions of {path} was judged; the first is {question!r}.",
            remedy="The run and the judgements do not belong together.",
            n=len(unknown),
            path=path,
            question=unknown[0],
        )
    notes += _noted("unanswered", side, [question for question in judgements if question not in run.rankings])
    notes += _noted("unknown", side, unknown)
    return Values(name, measure(judgements, run.rankings), texts, digest(judgements)), notes


def values_of_report(path: Path, mode: Mode | None = None, side: str = "") -> tuple[list[Values], list[Note]]:
    """The values in a report that `eval retrieval` saved, by data set, of one mode: `mode`, hybrid, or the only one.

    Of a mode that was measured without and with enrichment, those with it. Raises InputError if it is no such report.
    """
    return values_in_report(_read_json(path), path, mode, side)


def values_in_report(
    found: Any, path: Path, mode: Mode | None = None, side: str = ""
) -> tuple[list[Values], list[Note]]:
    """The same of what is in such a report; `path` is what errors call it."""
    reports = found.get("reports", [found]) if isinstance(found, dict) else None
    if not isinstance(reports, list) or not reports:
        raise _no_report(path, "no data set in it")
    values: list[Values] = []
    notes: list[Note] = []
    for report in reports:
        try:
            result = _result(report, mode, path)
            ids = [str(question["id"]) for question in report["questions"]]
            texts = {str(question["id"]): str(question["text"]) for question in report["questions"]}
            by_question = {name: tuple(map(_value, result["values"][name])) for name in MEASURES}
            name, judgements = str(report["dataset"]), str(report["judgements"])
            degraded = {str(row["what"]): int(row["searches"]) for row in result["degraded"]}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _no_report(path, str(error) or type(error).__name__) from error
        if len(texts) != len(ids) or not ids or any(len(row) != len(ids) for row in by_question.values()):
            raise _no_report(path, "questions and values do not agree")
        mean = {name: sum(row) / len(row) for name, row in by_question.items()}
        interval = bootstrap_interval(by_question[MEASURES[0]])
        values.append(Values(name, Measured(tuple(ids), by_question, mean, interval), texts, judgements))
        notes += _degraded(side, degraded)
    _refuse_namesakes([one.dataset for one in values])
    return values, notes


def values_of_settings(
    datasets: Sequence[Path],
    sides: Mapping[str, Settings],
    *,
    work: Path | None = None,
    progress: Progress | None = None,
    opener: Opener | None = None,
) -> tuple[dict[str, list[Values]], list[Note]]:
    """What settings are worth on data sets in BEIR layout, by side ("A", "B"), in the mode that each names.

    Settings that differ only in how questions are asked share a temporary knowledge base. Raises what
    `evaluate_retrieval` raises.
    """
    judged = [read_dataset(path) for path in datasets]  # all are checked before anything is measured
    _refuse_namesakes([dataset.name for dataset in judged])
    found: dict[str, list[Values]] = {side: [] for side in sides}
    notes: list[Note] = []
    for dataset in judged:
        asked = asked_each(dataset, sides, work=work, progress=progress, opener=opener)
        for side, (answers, _) in asked.items():
            measured = measure(dataset.judgements, answers.rankings)
            found[side].append(Values(dataset.name, measured, dataset.questions, digest(dataset.judgements)))
            notes += _degraded(side, answers.degraded)
    if len(sides) == 2:
        one, other = sides.values()
        if one == other:
            notes.append(Note("same settings"))
        elif alike(one, other):
            notes.append(Note("same search"))
        elif differ_in_candidates(sides.values()):
            notes.append(Note("as set"))
    return found, notes


def _result(report: Any, mode: Mode | None, path: Path) -> Any:
    """The last of the report's results in this mode: the one with enrichment, if there is one."""
    modes = [str(result["mode"]) for result in report["results"]]
    wanted = mode or ("hybrid" if "hybrid" in modes or len(set(modes)) != 1 else modes[0])
    if wanted not in modes:
        raise InputError(
            "{path} has no results of the mode {mode}, but of {known}.",
            remedy="Choose one with --mode.",
            path=path,
            mode=wanted,
            known=", ".join(dict.fromkeys(modes)) or "none",
        )
    return report["results"][len(modes) - 1 - modes[::-1].index(wanted)]


def _value(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise ValueError(f"{given!r} is no value in [0, 1]")
    return float(given)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = error.strerror or str(error).rstrip(".")
        raise InputError(
            "{path} cannot be read: {error}.", remedy="Make the file readable.", path=path, error=reason
        ) from error
    except (ValueError, RecursionError) as error:
        raise _no_report(path, str(error).rstrip(".")) from error


def _no_report(path: Path, problem: str) -> InputError:
    return InputError(
        "{path} is no report of `eval retrieval` with values by question ({problem}).",
        remedy=_SAVED,
        path=path,
        problem=problem,
    )


def _refuse_namesakes(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                "Two data sets are named {name!r}.", remedy="Give their folders different names.", name=name
            )


def _stem(path: Path) -> str:
    return path.with_suffix("").stem if path.suffix == ".gz" else path.stem


def _noted(kind: NoteKind, side: str, questions: Sequence[str]) -> list[Note]:
    return [Note(kind, side, len(questions), questions[0])] if questions else []


def _degraded(side: str, degraded: Mapping[str, int]) -> list[Note]:
    return [Note("degraded", side, n, what) for what, n in degraded.items()]
