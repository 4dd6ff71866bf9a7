"""Retrieval quality on a judged data set, through the same ingestion and search as everybody's documents.

The corpus goes into a temporary knowledge base, every question through `search` in each mode (`trial` tells how). The
report holds the values of every question, so that `compare` can take a report that was saved.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qianxun.evaluation.datasets import Dataset, digest, read_dataset
from qianxun.evaluation.measures import MEASURES, Measured, measure
from qianxun.evaluation.trec import refuse_unwritable, write_qrels, write_run
from qianxun.evaluation.trial import (
    MODES,
    Mode,
    Opener,
    Progress,
    Searchable,
    Trial,
    for_evaluation,
    on_trial,
    without_enrichment,
)
from qianxun.settings import Settings, generator_of
from qianxun.settings.own import refuse_unwritable as refuse_unenriched


@dataclass(frozen=True, slots=True)
class ModeResult:
    """What one mode is worth. `interval` is the 95 % bootstrap interval of nDCG@10 over the n questions.

    `seconds` is the time of all searches, query encoding included; `found` the mean number of distinct documents.
    `enriched` tells whether chunks were searched with what a generator wrote about them. `degraded` counts the searches
    that did without something, by what they said of it.
    """

    mode: Mode
    measured: Measured
    seconds: float
    found: float
    enriched: bool = False
    degraded: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The mode, and that it is with enrichment."""
        return f"{self.mode}-enriched" if self.enriched else self.mode

    def as_json(self) -> dict[str, object]:
        """The result as `eval retrieval --json` prints it. `values` are in the order of the report's questions."""
        figures: dict[str, object] = {name: round(self.measured.mean[name], 4) for name in MEASURES}
        return {
            "mode": self.mode,
            "enriched": self.enriched,
            **figures,
            "interval": [round(bound, 4) for bound in self.measured.interval],
            "n": len(self.measured.questions),
            "seconds": round(self.seconds, 3),
            "found": round(self.found, 1),
            "degraded": [{"what": what, "searches": n} for what, n in self.degraded.items()],
            # Not rounded: what is compared must differ by nothing but the search.
            "values": {name: list(self.measured.by_question[name]) for name in MEASURES},
        }


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """The figures of one data set, and what made them. `empty` counts documents in which nothing can be found.

    `questions` are id → text, in the order of the results' values; `judgements` is the digest of what they were judged
    by.
    """

    dataset: str
    documents: int
    empty: int
    chunks: int
    queries: int
    results: tuple[ModeResult, ...]
    models: Mapping[str, str]
    seconds_adding: float
    version: str
    seconds_enriching: float = 0.0
    questions: Mapping[str, str] = field(default_factory=dict)
    judgements: str = ""

    def as_json(self) -> dict[str, object]:
        """The report as `eval retrieval --json` prints it."""
        seconds = {"adding": round(self.seconds_adding, 3)}
        if self.seconds_enriching:
            seconds["enriching"] = round(self.seconds_enriching, 3)
        seconds |= {result.name: round(result.seconds, 3) for result in self.results}
        return {
            "dataset": self.dataset,
            "documents": self.documents,
            "queries": self.queries,
            "results": [result.as_json() for result in self.results],
            "empty": self.empty,
            "chunks": self.chunks,
            "models": dict(self.models),
            "seconds": seconds,
            "judgements": self.judgements,
            "questions": [{"id": id, "text": text} for id, text in self.questions.items()],
            "version": self.version,
        }


def evaluate_retrieval(
    dataset: Path,
    *,
    settings: Settings,
    modes: Sequence[Mode] = MODES,
    k: int = 100,
    work: Path | None = None,
    runs: Path | None = None,
    progress: Progress | None = None,
    opener: Opener | None = None,
) -> RetrievalReport:
    """The measures of each mode on a data set in BEIR layout.

    `k` is the number of distinct documents ranked for each question. `work` is the folder for the
    temporary knowledge base (default: the system's). `runs` is a folder that gets each mode's ranking
    as `<dataset>-<mode>.trec`, and the judgements as `<dataset>.qrels`. `opener` makes a knowledge base in an empty
    folder (default: `qianxun.open`). Where the settings have chunks enriched, each mode is measured without and with
    it. Raises InputError if the data set is not in order, or its ids cannot stand in a run that is wanted; a ModelError
    if chunks cannot be enriched.
    """
    if settings.enrichment.enabled:
        refuse_unenriched(settings.enrichment, generator_of(settings.generator))
    judged = read_dataset(dataset)
    if runs is not None:
        _write_judgements(judged, runs)
    with on_trial(judged, settings, work=work, progress=progress, opener=opener) as trial:
        candidates = trial.depth(k, settings.search.candidates)
        models: dict[str, str] = {}
        seconds_enriching = 0.0
        with trial.opened(without_enrichment(for_evaluation(settings, candidates))) as base:
            results = [_result(trial, base, mode, k, candidates, runs, models) for mode in modes]
            if settings.enrichment.enabled:
                start = time.perf_counter()
                trial.enrich(base)
                seconds_enriching = time.perf_counter() - start
                results += [_result(trial, base, mode, k, candidates, runs, models, enriched=True) for mode in modes]
    return RetrievalReport(
        dataset=judged.name,
        documents=judged.n_documents,
        empty=trial.n_empty,
        chunks=sum(trial.chunks_of),
        queries=len(judged.questions),
        results=tuple(results),
        models=models,
        seconds_adding=trial.seconds,
        version=_version(),
        seconds_enriching=seconds_enriching,
        questions=judged.questions,
        judgements=digest(judged.judgements),
    )


def _result(
    trial: Trial,
    base: Searchable,
    mode: Mode,
    k: int,
    candidates: int,
    runs: Path | None,
    models: dict[str, str],
    *,
    enriched: bool = False,
) -> ModeResult:
    name = f"{mode}-enriched" if enriched else mode
    asked = trial.asked(base, mode, k=k, candidates=candidates, name=name)
    models.update(asked.models)
    if runs is not None:
        write_run(runs / f"{trial.judged.name}-{name}.trec", asked.rankings, f"qianxun-{name}")
    found = sum(map(len, asked.rankings.values())) / len(asked.rankings)
    measured = measure(trial.judged.judgements, asked.rankings)
    return ModeResult(mode, measured, asked.seconds, found, enriched, asked.degraded)


def _write_judgements(judged: Dataset, runs: Path) -> None:
    """The judgements beside the runs; before anything is measured, since ids that cannot be written end it."""
    for document in judged.documents():
        refuse_unwritable(document.id)
    write_qrels(runs / f"{judged.name}.qrels", judged.judgements)


def _version() -> str:
    import qianxun

    return qianxun.__version__
