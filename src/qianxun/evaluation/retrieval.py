"""Retrieval quality on a judged data set, through the same ingestion and search as everybody's documents.

The corpus goes into a temporary knowledge base, every question through `search` in each mode. A
document's place is that of its best passage. Nothing is scored in a way that a user would not get,
with two exceptions that judgements need: enough passages are asked for that 100 distinct documents
come out, and documents that say the same are not grouped (each is judged for itself).
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from qianxun.evaluation.datasets import Dataset, read_dataset
from qianxun.evaluation.measures import MEASURES, Measured, measure
from qianxun.records import Asker, Document, SearchResult
from qianxun.settings import Settings, generator_of
from qianxun.settings.own import refuse_unwritable

Mode: TypeAlias = Literal["lexical", "dense", "hybrid"]
MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")

# Called with the stage ("adding", or a mode), how much of it is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]

_MAX_CANDIDATES = 5000
_QUESTIONS_PER_REPORT = 50


class Searchable(Protocol):
    """What is asked of a knowledge base here."""

    def add_texts(self, items: Iterable[Any]) -> object: ...
    def documents(self) -> Sequence[Document]: ...
    def search(self, query: str, *, k: int, mode: Mode, asker: Asker) -> SearchResult: ...
    def reindex(self, *, enrich: bool, progress: Any) -> object: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ModeResult:
    """What one mode is worth. `interval` is the 95 % bootstrap interval of nDCG@10 over the n questions.

    `seconds` is the time of all searches, query encoding included; `found` the mean number of distinct documents.
    `enriched` tells whether chunks were searched with what a generator wrote about them.
    """

    mode: Mode
    measured: Measured
    seconds: float
    found: float
    enriched: bool = False

    @property
    def name(self) -> str:
        """The mode, and that it is with enrichment."""
        return f"{self.mode}-enriched" if self.enriched else self.mode

    def as_json(self) -> dict[str, object]:
        """The result as `eval retrieval --json` prints it."""
        figures: dict[str, object] = {name: round(self.measured.mean[name], 4) for name in MEASURES}
        return {
            "mode": self.mode,
            "enriched": self.enriched,
            **figures,
            "interval": [round(bound, 4) for bound in self.measured.interval],
            "n": len(self.measured.questions),
            "seconds": round(self.seconds, 3),
            "found": round(self.found, 1),
        }


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """The figures of one data set, and what made them. `empty` counts documents in which nothing can be found."""

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
    opener: Callable[[Path, Settings], Searchable] | None = None,
) -> RetrievalReport:
    """The measures of each mode on a data set in BEIR layout.

    `k` is the number of distinct documents ranked for each question. `work` is the folder for the
    temporary knowledge base (default: the system's). `runs` is a folder that gets each mode's ranking
    as `<dataset>-<mode>.trec`. `opener` makes a knowledge base in an empty folder (default:
    `qianxun.open`). Where the settings have chunks enriched, each mode is measured without and with it. Raises
    InputError if the data set is not in order, a ModelError if chunks cannot be enriched.
    """
    if settings.enrichment.enabled:
        refuse_unwritable(settings.enrichment, generator_of(settings.generator))
    enriching, settings = settings.enrichment.enabled, _without_enrichment(settings)
    judged = read_dataset(dataset)
    tell = progress or _silent
    make = opener or _open
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="qianxun-eval-", dir=work) as folder:
        place = Path(folder) / "kb"
        start = time.perf_counter()
        base = make(place, settings)
        try:
            n_added = _Counted()
            base.add_texts(n_added.items(judged, tell))
            chunks_of = [document.chunks for document in base.documents()]
        finally:
            base.close()
        seconds_adding = time.perf_counter() - start
        candidates = _candidates(chunks_of, k, settings.search.candidates)
        base = make(place, _for_evaluation(settings, candidates))
        models: dict[str, str] = {}
        seconds_enriching = 0.0
        try:
            results = [_asked(base, judged, mode, k, candidates, runs, tell, models) for mode in modes]
            start = time.perf_counter()
            if enriching:
                base.reindex(enrich=True, progress=lambda done: tell(done.stage, done.done, done.total or done.done))
                seconds_enriching = time.perf_counter() - start
                results += [
                    _asked(base, judged, mode, k, candidates, runs, tell, models, enriched=True) for mode in modes
                ]
        finally:
            base.close()
    return RetrievalReport(
        dataset=judged.name,
        documents=judged.n_documents,
        empty=n_added.empty,
        chunks=sum(chunks_of),
        queries=len(judged.questions),
        results=tuple(results),
        models=models,
        seconds_adding=seconds_adding,
        version=_version(),
        seconds_enriching=seconds_enriching,
    )


def ranking(result: SearchResult, k: int) -> list[str]:
    """The distinct sources of a result's passages, in the order of their best passage, at most k."""
    return list(dict.fromkeys(passage.source for passage in result.passages))[:k]


def write_run(path: Path, rankings: Mapping[str, Sequence[str]], tag: str) -> None:
    """Rankings in TREC's run format. The score column counts down with the rank, so every reader sees our order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for question, documents in rankings.items():
            for rank, document in enumerate(documents, 1):
                file.write(f"{question} Q0 {document} {rank} {len(documents) - rank + 1} {tag}\n")


def _asked(
    base: Searchable,
    judged: Dataset,
    mode: Mode,
    k: int,
    candidates: int,
    runs: Path | None,
    tell: Progress,
    models: dict[str, str],
    *,
    enriched: bool = False,
) -> ModeResult:
    rankings: dict[str, list[str]] = {}
    name = f"{mode}-enriched" if enriched else mode
    start = time.perf_counter()
    for done, (id, question) in enumerate(judged.questions.items()):
        if done % _QUESTIONS_PER_REPORT == 0:
            tell(name, done, len(judged.questions))
        result = base.search(question, k=candidates, mode=mode, asker=Asker.admin())
        rankings[id] = ranking(result, k)
        models.update(result.models)
    seconds = time.perf_counter() - start
    tell(name, len(judged.questions), len(judged.questions))
    if runs is not None:
        write_run(runs / f"{judged.name}-{name}.trec", rankings, f"qianxun-{name}")
    found = sum(map(len, rankings.values())) / len(rankings)
    return ModeResult(mode, measure(judged.judgements, rankings), seconds, found, enriched)


class _Counted:
    """The corpus as items for a knowledge base, counting what has no text."""

    def __init__(self) -> None:
        self.empty = 0

    def items(self, judged: Dataset, tell: Progress) -> Iterator[Any]:
        from qianxun.ingestion import TextItem

        for done, document in enumerate(judged.documents()):
            if done % _QUESTIONS_PER_REPORT == 0:
                tell("adding", done, judged.n_documents)
            if document.text.strip() or document.title.strip():
                yield TextItem(source=document.id, title=document.title, text=document.text)
            else:
                self.empty += 1
        tell("adding", judged.n_documents, judged.n_documents)


def _candidates(chunks_of: Sequence[int], k: int, at_least: int) -> int:
    """As many chunks as always hold k distinct documents, were the k - 1 longest found whole; at most 5,000."""
    longest = sorted(chunks_of, reverse=True)[: k - 1]
    return max(at_least, min(_MAX_CANDIDATES, max(k, sum(longest) + 1)))


def _for_evaluation(settings: Settings, candidates: int) -> Settings:
    search = dataclasses.replace(
        settings.search, candidates=candidates, group_duplicates=False, group_near_duplicates=False
    )
    return dataclasses.replace(settings, search=search)


def _without_enrichment(settings: Settings) -> Settings:
    return dataclasses.replace(settings, enrichment=dataclasses.replace(settings.enrichment, enabled=False))


def _open(path: Path, settings: Settings) -> Searchable:
    import qianxun

    base: Searchable = qianxun.open(path, settings=settings)
    return base


def _version() -> str:
    import qianxun

    return qianxun.__version__


def _silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
