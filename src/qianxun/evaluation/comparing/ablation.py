"""Which stage earns its cost, in quality and in milliseconds: the settings as they are beside variants of them.

A variant is some settings over those of this run. Quality is measured as `eval retrieval` measures it; times are a
user's: `search.k` passages, as many candidates as are set, no vector of a question kept from before. Variants that
differ only in how questions are asked share one temporary knowledge base. Knows no plot and no table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from qianxun.errors import InputError
from qianxun.evaluation.comparing.differences import rounded, shown_p
from qianxun.evaluation.comparing.sides import settings_in
from qianxun.evaluation.datasets import Dataset, read_dataset
from qianxun.evaluation.measures import measure, pooled_interval
from qianxun.evaluation.significance import ALPHA, Verdict, decided, holm, pooled, randomization_p
from qianxun.evaluation.trial import Asked, Opener, Progress, Times, asked_each, differ_in_candidates
from qianxun.messages import say
from qianxun.settings import Settings, engine_of, with_overrides

MEASURE: Final = "nDCG@10"
DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Variant:
    """Settings over those of this run, under a name. `words` say it in the reader's language."""

    name: str
    overrides: tuple[str, ...]
    words: str


def built_in() -> tuple[Variant, ...]:
    """What is measured where no variant is named: each stage alone, or the whole without it. A stage adds a line.

    A variant that changes nothing (the reranker left out where there is none) is not measured.
    """
    return (
        Variant("lexical only", ("search.mode=lexical",), say("lexical only")),
        Variant("dense only", ("search.mode=dense",), say("dense only")),
        Variant("hybrid", ("search.mode=hybrid",), say("hybrid")),
        Variant("reciprocal rank fusion", ("search.fusion=rrf",), say("reciprocal rank fusion")),
        Variant("weighted sum", ("search.fusion=weighted",), say("weighted sum")),
        Variant("without operators", ("search.operators=false",), say("without operators")),
        Variant("without other writings", ("search.alternatives=false",), say("without other writings")),
        Variant("without spelling", ("search.spelling=false",), say("without spelling")),
        Variant("with diversity", ("search.mmr_lambda=0.9",), say("with diversity")),
        Variant("with exact match", ("signals.exact=1",), say("with exact match")),
        Variant("without reranker", ("reranker.name=none",), say("without reranker")),
    )


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """Of one question: half take at most `median`, 95 % at most `p95`."""

    median: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Milliseconds":
        """Of measured seconds, at least one."""
        import numpy as np

        median, p95 = np.percentile(np.asarray(seconds) * 1000, (50, 95))
        return cls(float(median), float(p95))


@dataclass(frozen=True, slots=True)
class Row:
    """A variant over n questions: mean nDCG@10, and how it differs from the default.

    `interval` is the 95 % bootstrap interval of the mean difference; `verdict` is that of the randomization test, at
    ALPHA, with `p` corrected for the number of variants (Holm). All three are None for the default itself. `whole` is
    the time of a search, `stages` that of its stages (two of which may run at the same time).
    """

    variant: Variant
    n: int
    mean: float
    difference: float | None
    interval: tuple[float, float] | None
    p: float | None
    verdict: Verdict | None
    whole: Milliseconds
    stages: Mapping[str, Milliseconds]
    n_timed: int
    degraded: int = 0


@dataclass(frozen=True, slots=True)
class OnDataset:
    """The default's row and each variant's, on one data set, or over all ("", each counts alike)."""

    dataset: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class AblationReport:
    """Variants on each data set and over all. `as_set`: each was asked with its own `search.candidates`.

    `left_out` are variants that change nothing.
    """

    datasets: tuple[OnDataset, ...]
    pooled: OnDataset
    left_out: tuple[Variant, ...]
    as_set: bool

    def as_json(self) -> dict[str, Any]:
        """The report as `eval ablation --json` prints it."""
        return {
            "measure": MEASURE,
            "alpha": ALPHA,
            "pooled": [_row(row) for row in self.pooled.rows],
            "datasets": [{"dataset": on.dataset, "rows": [_row(row) for row in on.rows]} for on in self.datasets],
            "left_out": [variant.name for variant in self.left_out],
            "as_set": self.as_set,
        }


def variant_of(text: str) -> Variant:
    """`name=section.key=value,…` as a variant. Raises InputError."""
    name, equals, settings = text.partition("=")
    name, overrides = name.strip(), tuple(settings_in(settings))
    if not (name and equals) or any("=" not in override for override in overrides):
        raise InputError(
            "{text!r} is not NAME=KEY=VALUE.",
            remedy='Example: --variant "more words=search.dense_weight=0.1,search.candidates=100"',
            text=text,
        )
    return Variant(name, overrides, name)


def ablate(
    datasets: Sequence[Path],
    settings: Settings,
    variants: Sequence[Variant] = (),
    *,
    work: Path | None = None,
    progress: Progress | None = None,
    opener: Opener | None = None,
) -> AblationReport:
    """The settings and their variants (default: the built-in list) on data sets in BEIR layout.

    Every setting and every data set is checked before anything is measured. Raises InputError, SettingsError, and
    ModelError if a model fails that a search cannot do without.
    """
    chosen = tuple(variants) or built_in()
    _refuse_namesakes([DEFAULT, *(variant.name for variant in chosen)])
    changed = {variant: with_overrides(settings, variant.overrides) for variant in chosen}
    judged = [read_dataset(path) for path in datasets]
    left_out = tuple(variant for variant, with_it in changed.items() if not _changes(settings, with_it))
    measured = {Variant(DEFAULT, (), say("default")): settings}
    measured |= {variant: with_it for variant, with_it in changed.items() if variant not in left_out}
    by_name = {variant.name: with_it for variant, with_it in measured.items()}
    found: list[_Answers] = []
    for dataset in judged:
        asked = asked_each(dataset, by_name, timed=True, work=work, progress=progress, opener=opener)
        found.append(_Answers.of(dataset, asked))
    return AblationReport(
        datasets=tuple(OnDataset(answers.dataset, _rows(list(measured), [answers])) for answers in found),
        pooled=OnDataset("", _rows(list(measured), found)),
        left_out=left_out,
        as_set=differ_in_candidates(by_name.values()),
    )


@dataclass(frozen=True, slots=True)
class _Answers:
    """What came of one data set: by variant, nDCG@10 of each question, and times."""

    dataset: str
    values: Mapping[str, Sequence[float]]
    times: Mapping[str, Times]
    degraded: Mapping[str, int]

    @classmethod
    def of(cls, dataset: Dataset, asked: Mapping[str, tuple[Asked, Times | None]]) -> "_Answers":
        values = {
            name: measure(dataset.judgements, answers.rankings).by_question[MEASURE]
            for name, (answers, _) in asked.items()
        }
        times = {name: taken for name, (_, taken) in asked.items() if taken is not None}
        return cls(dataset.name, values, times, {name: sum(a.degraded.values()) for name, (a, _) in asked.items()})


def _rows(variants: Sequence[Variant], found: Sequence[_Answers]) -> tuple[Row, ...]:
    rows = [_row_of(variant, found) for variant in variants]
    corrected = holm([row.p for row in rows if row.p is not None])
    tested = [
        replace(row, p=p, verdict=decided(row.difference or 0.0, p, ALPHA))
        for row, p in zip(rows[1:], corrected, strict=True)
    ]
    return (rows[0], *tested)


def _row_of(variant: Variant, found: Sequence[_Answers]) -> Row:
    groups = [answers.values[variant.name] for answers in found]
    times = [answers.times[variant.name] for answers in found]
    whole = [seconds for taken in times for seconds in taken.whole]
    names = dict.fromkeys(name for taken in times for name in taken.stages)
    row = Row(
        variant=variant,
        n=sum(map(len, groups)),
        mean=sum(sum(group) / len(group) for group in groups) / len(groups),
        difference=None,
        interval=None,
        p=None,
        verdict=None,
        whole=Milliseconds.of(whole),
        stages={name: Milliseconds.of([s for taken in times for s in _of_stage(taken, name)]) for name in names},
        n_timed=len(whole),
        degraded=sum(answers.degraded[variant.name] for answers in found),
    )
    if variant.name == DEFAULT:
        return row
    differences = [
        [mine - default for mine, default in zip(group, answers.values[DEFAULT], strict=True)]
        for group, answers in zip(groups, found, strict=True)
    ]
    flat = pooled(differences)
    return replace(row, difference=sum(flat), interval=pooled_interval(differences), p=randomization_p(flat))


def _of_stage(taken: Times, name: str) -> Sequence[float]:
    return taken.stages.get(name) or (0.0,) * len(taken.whole)


def _changes(settings: Settings, with_it: Settings) -> bool:
    """Whether a variant is another way of searching: no reranker is none, however it is written."""
    if engine_of(with_it.reranker) == engine_of(settings.reranker) == "none":
        with_it = replace(with_it, reranker=settings.reranker)
    return with_it != settings


def _refuse_namesakes(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                "Two variants are named {name!r}.", remedy="`default` is the one without changes.", name=name
            )


def _row(row: Row) -> dict[str, Any]:
    return {
        "variant": row.variant.name,
        "settings": list(row.variant.overrides),
        "n": row.n,
        MEASURE: rounded(row.mean),
        "difference": None if row.difference is None else rounded(row.difference),
        "interval": None if row.interval is None else [rounded(bound) for bound in row.interval],
        "p": None if row.p is None else float(shown_p(row.p)),
        "verdict": row.verdict,
        "milliseconds": _milliseconds(row.whole),
        "stages": {name: _milliseconds(taken) for name, taken in row.stages.items()},
        "timed": row.n_timed,
        "degraded": row.degraded,
    }


def _milliseconds(taken: Milliseconds) -> dict[str, float]:
    return {"median": round(taken.median, 2), "p95": round(taken.p95, 2)}
