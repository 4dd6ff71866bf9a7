"""What tuning needs to know of passages besides their order: judged probabilities, and whether the answer is there."""

from collections.abc import Mapping
from typing import Any

from qianxun.answering import evidence, extract
from qianxun.answering.pack import pack
from qianxun.answering.quoting import similarities_by
from qianxun.evaluation.tuning.calibration import Judged
from qianxun.evaluation.tuning.observed import Observed
from qianxun.evaluation.tuning.questions import Asked, K, label_of

# As the reranker gives them, all of those that it judged.
_AS_JUDGED: Mapping[str, Any] = {
    "reranker.slope": 1.0,
    "reranker.offset": 0.0,
    "search.mmr_lambda": 1.0,
    "search.max_per_document": 0,
    "search.widen": "none",
}


def judged_passages(
    observed: Observed, question: str, asked: Asked | None, values: Mapping[str, Any], *, complete: bool
) -> Judged:
    """The passages of a question (`asked` None: one without an answer) that the reranker judged and a label is known
    for, with these settings over those in force.

    Of a document accepted as a whole only the passage that the reranker puts first is relevant for certain; of its
    others nobody can tell.
    """
    settings = {**values, **_AS_JUDGED}
    most = settings.get("reranker.candidates", observed.searcher.reranking.candidates)
    every = [p for p in observed.search(question, max(K, most), settings).passages if "reranker" in p.stages]
    every.sort(key=lambda passage: passage.stages["reranker"].rank or 0)
    shown = {p.chunk for p in observed.search(question, K, {**values, **_AS_SHOWN}).passages}
    chances: list[float] = []
    labels: list[bool] = []
    seen: set[int] = set()
    best, any_good = 0.0, False
    for passage in every:
        chance = passage.stages["reranker"].score or 0.0
        label = label_of(asked, passage, complete=complete)
        if passage.chunk in shown:
            best, any_good = max(best, chance), any_good or bool(label)
        whole = asked is not None and label is True and passage.document in seen
        if label is None or whole:
            continue
        if label:
            seen.add(passage.document)
        chances.append(chance)
        labels.append(label)
    return Judged(tuple(chances), tuple(labels), best, any_good)


_AS_SHOWN: Mapping[str, Any] = {"search.widen": "none"}


def supports(
    observed: Observed, question: str, asked: Asked | None, values: Mapping[str, Any], n_passages: int
) -> tuple[float, bool]:
    """P(the passages hold the answer) in [0, 1], by which `answer.min_support` decides, and whether they do."""
    searcher = observed.searcher
    found = observed.search(
        question, max(1, n_passages), {k: v for k, v in values.items() if k != "answer.min_support"}
    )
    passages = pack(found.passages, n_passages)
    text = found.searched or found.query
    candidates = extract.candidates(
        text,
        passages,
        term_weights=searcher.term_weights(text),
        similarities=similarities_by(searcher.encoder),
    )
    chance = evidence.evidence(candidates, encoder=searcher.encoder.fingerprint)
    holds = asked is not None and any(label_of(asked, passage, complete=False) for passage in passages)
    return chance, holds
