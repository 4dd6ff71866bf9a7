"""How good rankings are: nDCG@10, MRR@10, Recall@10, Recall@100, by question and on average.

The measures are those of ir-measures (trec_eval underneath): nDCG with linear gains, a document
counts as relevant from grade 1 on. A question without any result counts 0 in each of them. Knows
rankings and judgements only, neither texts nor indexes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MEASURES = ("nDCG@10", "MRR@10", "Recall@10", "Recall@100")
_IR_NAMES = {"nDCG@10": "nDCG@10", "MRR@10": "RR@10", "Recall@10": "R@10", "Recall@100": "R@100"}

N_RESAMPLES = 2000
_SEED = 20251120
_RESAMPLES_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """What a set of rankings is worth, each measure in [0, 1].

    `by_question[measure]` are the values in the order of `questions`; `mean[measure]` their average;
    `interval` is the 95 % bootstrap interval of the mean nDCG@10 over questions.
    """

    questions: tuple[str, ...]
    by_question: Mapping[str, tuple[float, ...]]
    mean: Mapping[str, float]
    interval: tuple[float, float]


def measure(judgements: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]) -> Measured:
    """The measures of rankings (document ids, best first) against judgements.

    Every question that was judged counts; one that is missing in `rankings`, or has an empty one,
    counts 0. Rankings of questions that were not judged are ignored.
    """
    import ir_measures

    measures = {name: ir_measures.parse_measure(ir) for name, ir in _IR_NAMES.items()}
    names = {ir: name for name, ir in measures.items()}
    questions = tuple(judgements)
    # Scores are made from ranks: trec_eval keeps scores in 32 bits and breaks ties by id, not by our order.
    run = {
        question: {document: float(-rank) for rank, document in enumerate(rankings.get(question) or ("\0nothing",))}
        for question in questions
    }
    found: dict[str, dict[str, float]] = {name: {} for name in MEASURES}
    judged = {question: dict(grades) for question, grades in judgements.items()}
    for metric in ir_measures.iter_calc(list(measures.values()), judged, run):
        found[names[metric.measure]][metric.query_id] = metric.value
    by_question = {name: tuple(found[name].get(question, 0.0) for question in questions) for name in MEASURES}
    return Measured(
        questions=questions,
        by_question=by_question,
        mean={name: sum(values) / len(values) if values else 0.0 for name, values in by_question.items()},
        interval=bootstrap_interval(by_question["nDCG@10"]),
    )


def bootstrap_interval(values: Sequence[float], *, n_resamples: int = N_RESAMPLES) -> tuple[float, float]:
    """The 95 % percentile interval of the mean, by drawing the questions anew with replacement.

    The same values give the same interval (fixed seed). Source: Efron and Tibshirani, An Introduction
    to the Bootstrap (1993), section 13.3. Cost: n_resamples times the number of values.
    """
    return pooled_interval([values], n_resamples=n_resamples)


def pooled_interval(groups: Sequence[Sequence[float]], *, n_resamples: int = N_RESAMPLES) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of the groups' means: each counts alike, however many values it has.

    The questions of each group are drawn anew for themselves; groups without values are left out. One group: the
    interval of its mean. Seed, source and cost as for `bootstrap_interval`.
    """
    import numpy as np

    filled = [np.asarray(values, dtype=np.float64) for values in groups if values]
    if not filled:
        return 0.0, 0.0
    random = np.random.default_rng(_SEED)
    means = np.zeros(n_resamples)
    for given in filled:
        for start in range(0, n_resamples, _RESAMPLES_AT_A_TIME):
            n = min(_RESAMPLES_AT_A_TIME, n_resamples - start)
            means[start : start + n] += given[random.integers(0, given.size, (n, given.size))].mean(axis=1)
    low, high = np.percentile(means / len(filled), (2.5, 97.5))
    return float(low), float(high)
