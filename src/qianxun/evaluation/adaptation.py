"""A query adapter learned from accepted pairs, and whether search is better with it on questions held back.

About a third of the questions, chosen by their text, is held back. On the others, ridge and target are chosen by
cross-validation and the map is learned; the held-back ones decide. Whatever is measured is measured as a user
would see it: the first ten passages of the whole search, as the settings have it, for this asker.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from qianxun.errors import InputError
from qianxun.evaluation.comparison import MEASURE, Comparison, compared, values_of
from qianxun.evaluation.pairs import JudgedQuestion, LeftOut, judged_questions
from qianxun.protocols import Encoder, Vectors
from qianxun.records import AcceptedPair, Asker
from qianxun.retrieval.adapt import Adapter, InForce, learn, target
from qianxun.retrieval.search import Searcher
from qianxun.retrieval.understand import cut_question
from qianxun.storage.reindex import Progress, Report, silent
from qianxun.storage.store import now
from qianxun.storage.vectors import VectorStore

MIN_QUESTIONS, MIN_HELD_BACK = 50, 10
# What cross-validation chooses from: with n questions in dim dimensions, dim / n of ridge 1 is an even half.
RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
NEAREST = (0.0, 1.0)
N_FOLDS = 5
# More questions than this choose no better, and each is searched for once for every candidate.
MAX_CHOOSING = 500
_QUESTIONS_PER_REPORT = 20

Verdict: TypeAlias = Literal["better", "not better", "worse than the one in force"]


@dataclass(slots=True)
class AdaptReport:
    """What came of learning an adapter. `before`, `after` and `in_force` are mean nDCG@10 over the held-back questions.

    `before` is without any adapter, `in_force` with the one that was there (None: there was none). `interval` is
    the 95 % bootstrap interval of the mean of after − before by question, `p` that of the randomization test.
    `ridge` and `nearest` are what cross-validation chose (see `retrieval.adapt`). `documents` counts those that it
    learned from. `kept` is True if searches apply it from now on.
    """

    verdict: Verdict
    learned_from: int
    held_back: int
    documents: int
    before: float
    after: float
    interval: tuple[float, float]
    p: float
    in_force: float | None
    ridge: float
    nearest: float
    left_out: list[LeftOut] = field(default_factory=list)
    seconds: float = 0.0
    kept: bool = False
    measure: str = MEASURE

    @property
    def gain(self) -> float:
        """The mean of after − before."""
        return self.after - self.before


def learn_adapter(
    pairs: Iterable[AcceptedPair],
    *,
    searcher: Searcher,
    vectors: VectorStore,
    asker: Asker,
    progress: Report = silent,
) -> tuple[Adapter, AdaptReport]:
    """The adapter learned from pairs that this asker may read, and how it did. Keeps nothing.

    The verdict is "better" if the randomization test says so of the gain and the adapter in force, if any, is not
    better still. The same pairs, documents and settings give the same adapter, whatever the order of the pairs. Raises
    InputError for pairs that are too few or not in order. Cost: at most 12 · 500 searches to choose, and 3 for each
    question held back.
    """
    started = time.monotonic()
    questions, left_out = judged_questions(pairs, searcher.store, asker)
    questions = _with_vectors(_as_searched(questions, searcher), vectors, left_out)
    held_back = [question for question in questions if question.held_back]
    learning = [question for question in questions if not question.held_back]
    if len(questions) < MIN_QUESTIONS or len(held_back) < MIN_HELD_BACK:
        raise InputError(
            "Too few questions to learn from: {n} with an accepted passage ({held} to be held back); "
            "pairs left out: {left}.",
            remedy="Collect at least {least}, so that {least_held} or more are held back.",
            n=len(questions),
            held=len(held_back),
            left=len(left_out),
            least=MIN_QUESTIONS,
            least_held=MIN_HELD_BACK,
        )
    trial = _Trial(searcher, asker)
    pool = _Pool(learning, trial, vectors)
    ridge, nearest = _chosen(learning, pool, trial, progress)
    adapter = Adapter(
        fingerprint=searcher.encoder.fingerprint,
        made=now(),
        change=pool.learned(range(len(learning)), ridge, nearest),
        documents=tuple(sorted({document for question in learning for document in question.accepted})),
    )
    there = searcher.adapter().adapter
    done = _Counted("measuring", len(held_back) * (2 + (there is not None)), progress)
    before = trial.values(held_back, None, done)
    after = trial.values(held_back, adapter, done)
    in_force = None if there is None else _mean(trial.values(held_back, there, done))
    gained = compared(before, after)
    report = AdaptReport(
        verdict=_verdict(gained, in_force),
        learned_from=len(learning),
        held_back=len(held_back),
        documents=len(adapter.documents),
        before=gained.before,
        after=gained.after,
        interval=gained.interval,
        p=gained.p,
        in_force=in_force,
        ridge=ridge,
        nearest=nearest,
        left_out=left_out,
    )
    report.seconds = time.monotonic() - started
    return dataclasses.replace(adapter, facts=_facts(report)), report


def _verdict(gained: Comparison, in_force: float | None) -> Verdict:
    if gained.verdict != "better":
        return "not better"
    return "better" if in_force is None or gained.after >= in_force else "worse than the one in force"


def _facts(report: AdaptReport) -> dict[str, Any]:
    """What an adapter says of itself."""
    return {
        "learned_from": report.learned_from,
        "held_back": report.held_back,
        "measure": report.measure,
        "before": round(report.before, 4),
        "after": round(report.after, 4),
        "interval": [round(bound, 4) for bound in report.interval],
        "p": round(report.p, 4),
        "ridge": report.ridge,
        "nearest": report.nearest,
    }


def _as_searched(questions: Sequence[JudgedQuestion], searcher: Searcher) -> list[JudgedQuestion]:
    """The questions, each accepted chunk under the key of the vector that it is searched by."""
    keys = searcher.store.enrichments.keys_by_hash(searcher.maker) if searcher.maker else {}
    return [
        dataclasses.replace(
            question,
            accepted={
                document: dataclasses.replace(accepted, hashes=tuple(keys.get(h, h) for h in accepted.hashes))
                for document, accepted in question.accepted.items()
            },
        )
        for question in questions
    ]


def _with_vectors(
    questions: Sequence[JudgedQuestion], vectors: VectorStore, left_out: list[LeftOut]
) -> list[JudgedQuestion]:
    """The questions, each with those accepted documents all of whose vectors are made."""
    hashes = dict.fromkeys(h for q in questions for accepted in q.accepted.values() for h in accepted.hashes)
    missing = set(vectors.missing(list(hashes)))
    kept = []
    for question in questions:
        accepted = {d: a for d, a in question.accepted.items() if not missing.intersection(a.hashes)}
        left_out += [
            LeftOut(AcceptedPair(question.text, a.source), "no vector")
            for d, a in question.accepted.items()
            if d not in accepted
        ]
        if accepted:
            kept.append(dataclasses.replace(question, accepted=accepted))
    return kept


def _chosen(
    learning: Sequence[JudgedQuestion], pool: "_Pool", trial: "_Trial", progress: Report
) -> tuple[float, float]:
    """The ridge and `nearest` with the best mean in cross-validation; ties go to the larger ridge."""
    candidates = [(ridge, nearest) for nearest in pool.distinct(NEAREST) for ridge in RIDGES]
    n = min(len(learning), MAX_CHOOSING)
    done = _Counted("learning", n * len(candidates), progress)
    # The questions are in the order of their keys, so neither a fold nor the first so many are alike in anything.
    means = []
    for ridge, nearest in candidates:
        values = [0.0] * n
        for fold in range(N_FOLDS):
            change = pool.learned([i for i in range(len(learning)) if i % N_FOLDS != fold], ridge, nearest)
            asked = range(fold, n, N_FOLDS)
            adapter = Adapter(pool.fingerprint, "", change)
            for i, value in zip(asked, trial.values([learning[i] for i in asked], adapter, done), strict=True):
                values[i] = value
        means.append((_mean(values), ridge, -nearest))
    _, ridge, negative = max(means)
    return ridge, -negative


class _Pool:
    """The learning questions as vectors: what was asked, and what was accepted."""

    def __init__(self, questions: Sequence[JudgedQuestion], trial: "_Trial", vectors: VectorStore) -> None:
        import numpy as np

        self.fingerprint = trial.encoder.fingerprint
        self.asked: Vectors = np.stack([trial.vector(question.text) for question in questions])
        self._accepted = [[vectors.get(a.hashes) for a in question.accepted.values()] for question in questions]
        self._targets: dict[float, Vectors] = {}

    def targets(self, nearest: float) -> Vectors:
        """(n, dim) float32, unit rows."""
        import numpy as np

        if nearest not in self._targets:
            pairs = zip(self.asked, self._accepted, strict=True)
            self._targets[nearest] = np.stack([target(asked, rows, nearest=nearest) for asked, rows in pairs])
        return self._targets[nearest]

    def distinct(self, nearest: Sequence[float]) -> list[float]:
        """Those of the values that give different targets: with one passage for each question, only the first."""
        import numpy as np

        found: list[float] = []
        for value in nearest:
            if not any(np.allclose(self.targets(value), self.targets(other)) for other in found):
                found.append(value)
        return found

    def learned(self, rows: Sequence[int], ridge: float, nearest: float) -> Vectors:
        """What these questions teach, (dim, dim) float32."""
        return learn(self.asked[list(rows)], self.targets(nearest)[list(rows)], ridge=ridge)


class _Trial:
    """Searches with one adapter or another; each question is encoded once."""

    def __init__(self, searcher: Searcher, asker: Asker) -> None:
        self.encoder = _Remembering(searcher.encoder)
        self._searcher = dataclasses.replace(searcher, encoder=self.encoder)
        self._asker = asker

    def vector(self, question: str) -> Vectors:
        """A question's vector as a search has it, before any adapter."""
        text, _ = cut_question(question, self._searcher.settings.max_question_chars)
        vector: Vectors = self.encoder.encode_queries([text])[0]
        return vector

    def values(
        self, questions: Sequence[JudgedQuestion], adapter: Adapter | None, done: Callable[[], None]
    ) -> Sequence[float]:
        """nDCG@10 of each question, in [0, 1]: the first ten passages that the asker gets."""
        in_force = InForce(adapter)
        searcher = dataclasses.replace(self._searcher, adapter=lambda: in_force)
        return values_of(searcher, questions, self._asker, done)


class _Remembering:
    """An encoder that encodes no question twice. Satisfies `Encoder`."""

    def __init__(self, encoder: Encoder) -> None:
        self.name = encoder.name
        self.fingerprint = encoder.fingerprint
        self.dim = encoder.dim
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows."""
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encoder.encode_queries(new), strict=True))
        return np.stack([self._known[text] for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows."""
        return self._encoder.encode_passages(texts)


class _Counted:
    """Reports how many searches are done."""

    def __init__(self, stage: str, total: int, report: Report) -> None:
        self.stage = stage
        self.total = total
        self._report = report
        self._done = 0
        self._started = time.monotonic()

    def __call__(self) -> None:
        self._done += 1
        if self._done % _QUESTIONS_PER_REPORT == 0 or self._done == self.total:
            seconds = time.monotonic() - self._started
            self._report(Progress(self.stage, self._done, self.total, "", seconds))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
