"""A data set in a temporary knowledge base, asked with one set of search settings after another.

The corpus goes in as everybody's documents do, every question goes through the same search, as administrator. A
document's place is that of its best passage. Nothing is ranked in a way that a user would not get, with two exceptions
that judgements need: enough passages are asked for that 100 distinct documents come out, and documents that say the
same are not grouped (each is judged for itself). Times, where they are wanted, are taken in searches of their own that
are a user's in every respect. Knows no measure.
"""

import dataclasses
import functools
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

from qianxun.evaluation.datasets import Dataset
from qianxun.records import Asker, Document, SearchResult
from qianxun.settings import ENVIRONMENT_PREFIX, Settings, every_setting, generator_of
from qianxun.settings.own import refuse_unwritable

Mode: TypeAlias = Literal["lexical", "dense", "hybrid"]
MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")

# Called with the stage ("adding", or what is asked), how much of it is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]

# Sections of the settings that no vector and no index depends on: where only these differ, the same knowledge base is
# asked again. A section that is not named here makes a knowledge base of its own, which is slower and never wrong.
OF_SEARCHING: Final = ("search", "budget", "signals", "reranker", "generator", "remote")
# Sections, and single settings, that neither a knowledge base of texts nor a search depends on.
OF_NEITHER: Final = ("answer", "feedback", "serve", "sources", "access", "kb", "profile", "documents", "language")
# What is timed is asked for once more; these many questions tell the median and where the slowest twentieth begins.
N_TIMED: Final = 200

_N_WARMING: Final = 5
_MAX_CANDIDATES = 5000
_QUESTIONS_PER_REPORT = 50


class Searchable(Protocol):
    """What is asked of a knowledge base here."""

    def add_texts(self, items: Iterable[Any]) -> object: ...
    def documents(self) -> Sequence[Document]: ...
    def search(self, query: str, *, k: int, mode: Mode, asker: Asker) -> SearchResult: ...
    def reindex(self, *, enrich: bool, progress: Any) -> object: ...
    def close(self) -> None: ...


Opener: TypeAlias = Callable[[Path, Settings], Searchable]


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking every question: question → distinct documents, best first.

    `seconds` is the time of all searches, query encoding included. `degraded` counts the searches that did without
    something, by what they said of it.
    """

    rankings: Mapping[str, Sequence[str]]
    seconds: float
    models: Mapping[str, str]
    degraded: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each of n searches: of the whole, and of each stage that took part in any (0 where it did not)."""

    whole: tuple[float, ...]
    stages: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A data set in its knowledge base at `place`. `n_empty` counts documents in which nothing can be found."""

    judged: Dataset
    place: Path
    chunks_of: Sequence[int]
    n_empty: int
    seconds: float
    tell: Progress
    opener: Opener

    @contextmanager
    def opened(self, settings: Settings) -> Iterator[Searchable]:
        """The knowledge base with these settings in force."""
        base = self.opener(self.place, settings)
        try:
            yield base
        finally:
            base.close()

    def depth(self, k: int, at_least: int) -> int:
        """As many chunks as always hold k distinct documents, were the k - 1 longest found whole; at most 5,000."""
        longest = sorted(self.chunks_of, reverse=True)[: k - 1]
        return max(at_least, min(_MAX_CANDIDATES, max(k, sum(longest) + 1)))

    def enrich(self, base: Searchable) -> None:
        """Has the generator write about every chunk, and searches with it from now on. Raises ModelError."""
        base.reindex(enrich=True, progress=lambda done: self.tell(done.stage, done.done, done.total or done.done))

    def asked(self, base: Searchable, mode: Mode, *, k: int, candidates: int, name: str) -> Asked:
        """At most k documents for every question, from as many passages as there are candidates."""
        rankings: dict[str, list[str]] = {}
        models: dict[str, str] = {}
        degraded: Counter[str] = Counter()
        start = time.perf_counter()
        for done, (id, question) in enumerate(self.judged.questions.items()):
            if done % _QUESTIONS_PER_REPORT == 0:
                self.tell(name, done, len(self.judged.questions))
            result = base.search(question, k=candidates, mode=mode, asker=Asker.admin())
            rankings[id] = ranking(result, k)
            models.update(result.models)
            degraded.update(result.degraded)
        seconds = time.perf_counter() - start
        self.tell(name, len(self.judged.questions), len(self.judged.questions))
        return Asked(rankings, seconds, models, degraded)

    def timed(self, base: Searchable, mode: Mode, k: int) -> Times:
        """What searches for k passages take, over at most N_TIMED questions, evenly spread; after a few to warm up."""
        questions = list(self.judged.questions.values())
        for question in questions[:_N_WARMING]:
            base.search(question, k=k, mode=mode, asker=Asker.admin())
        whole: list[float] = []
        stages: list[Mapping[str, float]] = []
        for question in questions[:: -(-len(questions) // N_TIMED)]:
            start = time.perf_counter()
            result = base.search(question, k=k, mode=mode, asker=Asker.admin())
            whole.append(time.perf_counter() - start)
            stages.append(result.seconds)
        names = dict.fromkeys(name for taken in stages for name in taken)
        return Times(tuple(whole), {name: tuple(taken.get(name, 0.0) for taken in stages) for name in names})


@contextmanager
def on_trial(
    judged: Dataset,
    settings: Settings,
    *,
    work: Path | None = None,
    progress: Progress | None = None,
    opener: Opener | None = None,
) -> Iterator[Trial]:
    """The data set in a temporary knowledge base, not enriched yet, which is gone afterwards.

    `work` is the folder that it is made in (default: the system's); `opener` makes a knowledge base in an empty folder
    and opens it again (default: `qianxun.open`).
    """
    tell, opener = progress or _silent, opener or _open
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="qianxun-eval-", dir=work) as folder:
        place = Path(folder) / "kb"
        start = time.perf_counter()
        base = opener(place, without_enrichment(settings))
        try:
            items = _Counted()
            base.add_texts(items.of(judged, tell))
            chunks_of = [document.chunks for document in base.documents()]
        finally:
            base.close()
        yield Trial(judged, place, chunks_of, items.n_empty, time.perf_counter() - start, tell, opener)


def asked_each(
    judged: Dataset,
    variants: Mapping[str, Settings],
    *,
    k: int = 100,
    timed: bool = False,
    work: Path | None = None,
    progress: Progress | None = None,
    opener: Opener | None = None,
) -> dict[str, tuple[Asked, Times | None]]:
    """Every question with each of the settings, in the mode that they name; by the name of the variant.

    Variants that differ only in how questions are asked share one knowledge base, and those that evaluation cannot
    tell apart are asked once. `timed` also takes times. Where the variants differ in `search.candidates`, each is asked
    with its own number of them instead of enough for k documents. Raises SettingsError, ModelError.
    """
    for settings in variants.values():
        if settings.enrichment.enabled:
            refuse_unwritable(settings.enrichment, generator_of(settings.generator))
    as_set = differ_in_candidates(variants.values())
    found: dict[str, tuple[Asked, Times | None]] = {}
    for group in _sharing_a_base(variants):
        first = next(iter(group.values()))
        with on_trial(judged, first, work=work, progress=progress, opener=opener) as trial:
            if first.enrichment.enabled:
                with trial.opened(without_enrichment(first)) as base:
                    trial.enrich(base)
            for name, settings in group.items():
                same = settings.__eq__ if timed else functools.partial(alike, settings)
                twin = next((other for other in group if other in found and same(group[other])), None)
                found[name] = found[twin] if twin is not None else _asked_once(trial, name, settings, k, as_set, timed)
    return {name: found[name] for name in variants}


def _asked_once(
    trial: Trial, name: str, settings: Settings, k: int, as_set: bool, timed: bool
) -> tuple[Asked, Times | None]:
    mode = settings.search.mode
    candidates = settings.search.candidates if as_set else trial.depth(k, settings.search.candidates)
    with trial.opened(for_evaluation(settings, candidates)) as base:
        asked = trial.asked(base, mode, k=k, candidates=candidates, name=name)
    if not timed:
        return asked, None
    # Without the vectors of questions that were kept: encoding them is part of what a search takes.
    uncached = dataclasses.replace(settings.models, query_cache=0, query_cache_redis="")
    with trial.opened(dataclasses.replace(settings, models=uncached)) as base:
        return asked, trial.timed(base, mode, settings.search.k)


def ranking(result: SearchResult, k: int) -> list[str]:
    """The distinct sources of a result's passages, in the order of their best passage, at most k."""
    return list(dict.fromkeys(passage.source for passage in result.passages))[:k]


def for_evaluation(settings: Settings, candidates: int) -> Settings:
    """The settings with so many candidates, and without grouping."""
    search = dataclasses.replace(
        settings.search, candidates=candidates, group_duplicates=False, group_near_duplicates=False
    )
    return dataclasses.replace(settings, search=search)


def without_enrichment(settings: Settings) -> Settings:
    """The settings with nothing to be written about chunks."""
    return dataclasses.replace(settings, enrichment=dataclasses.replace(settings.enrichment, enabled=False))


def differ_in_candidates(variants: Iterable[Settings]) -> bool:
    """Whether there is more than one `search.candidates` among the settings."""
    return len({settings.search.candidates for settings in variants}) > 1


def alike(one: Settings, other: Settings) -> bool:
    """Whether evaluation cannot tell the settings apart: no ranking can depend on what they differ in."""
    return _as_evaluated(one) == _as_evaluated(other)


def _as_evaluated(settings: Settings) -> Settings:
    ungrouped = for_evaluation(settings, settings.search.candidates)
    search = dataclasses.replace(ungrouped.search, k=Settings().search.k)
    return _reset(dataclasses.replace(ungrouped, search=search), OF_NEITHER)


def _sharing_a_base(variants: Mapping[str, Settings]) -> list[dict[str, Settings]]:
    """The variants in groups of the same documents, vectors and indexes, in the order of their first ones."""
    groups: list[tuple[Settings, dict[str, Settings]]] = []
    for name, settings in variants.items():
        # How a question is asked of the encoder changes no passage's vector.
        encoder = dataclasses.replace(settings.encoder, instruction="auto")
        # What is written about chunks is the generator's.
        kept = {"generator"} if settings.enrichment.enabled else set()
        reset = {*OF_SEARCHING, *OF_NEITHER} - kept
        of_base = _reset(dataclasses.replace(settings, encoder=encoder), reset)
        group = next((members for key, members in groups if key == of_base), None)
        if group is None:
            group = {}
            groups.append((of_base, group))
        group[name] = settings
    return [members for _, members in groups]


def _reset(settings: Settings, names: Iterable[str]) -> Settings:
    """The settings with these sections, and single settings, at their defaults."""
    plain = Settings()
    changes: dict[str, Any] = {name: getattr(plain, name) for name in names}
    return dataclasses.replace(settings, **changes)


class _Counted:
    """The corpus as items for a knowledge base, counting what has no text."""

    def __init__(self) -> None:
        self.n_empty = 0

    def of(self, judged: Dataset, tell: Progress) -> Iterator[Any]:
        from qianxun.ingestion import TextItem

        for done, document in enumerate(judged.documents()):
            if done % _QUESTIONS_PER_REPORT == 0:
                tell("adding", done, judged.n_documents)
            if document.text.strip() or document.title.strip():
                yield TextItem(source=document.id, title=document.title, text=document.text)
            else:
                self.n_empty += 1
        tell("adding", judged.n_documents, judged.n_documents)


def _open(path: Path, settings: Settings) -> Searchable:
    """A knowledge base with exactly these settings in force."""
    import qianxun

    # Variables of the environment go over settings that are handed in. Here they are in them already, and what the
    # command line or a variant says goes over them.
    variables = {name.lower() for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)}
    overrides = [
        f"{setting.key}={_as_text(_value(settings, setting.key))}"
        for setting in every_setting()
        if (ENVIRONMENT_PREFIX + setting.key.replace(".", "__")).lower() in variables
    ]
    base: Searchable = qianxun.open(path, settings=settings, overrides=overrides)
    return base


def _value(settings: Settings, key: str) -> Any:
    found: Any = settings
    for part in key.split("."):
        found = getattr(found, part)
    return found


def _as_text(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple | list) else str(value)


def _silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
