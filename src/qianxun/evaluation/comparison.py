"""Two ways of searching the same documents, on questions whose accepted passages are known: which is better?

Measured is what an asker would see: the first ten passages of the whole search, as the settings have it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from qianxun.errors import InputError
from qianxun.evaluation.measures import bootstrap_interval, measure
from qianxun.evaluation.pairs import JudgedQuestion, LeftOut, judged_questions
from qianxun.evaluation.significance import Verdict
from qianxun.records import AcceptedPair, Asker, Passage
from qianxun.retrieval.search import Searcher

MEASURE: Final = "nDCG@10"
K: Final = 10


@dataclass(slots=True)
class Comparison:
    """`before` and `after` are mean nDCG@10 over n questions; `interval` is the 95 % bootstrap interval of the mean of
    after − before by question, and decides the `verdict`."""

    n: int
    before: float
    after: float
    interval: tuple[float, float]
    verdict: Verdict
    left_out: list[LeftOut] = field(default_factory=list)
    measure: str = MEASURE


def compare(
    before: Searcher, after: Searcher, pairs: Iterable[AcceptedPair], asker: Asker, done: Callable[[], None]
) -> Comparison:
    """Both ways on the same questions; `done` is called after each search. Raises InputError if no pair can be used."""
    questions, left_out = judged_questions(pairs, before.store, asker)
    if not questions:
        raise InputError(
            "None of the {n} pairs names a document that is here.",
            remedy="Each needs the source of a document of this knowledge base.",
            n=len(left_out),
        )
    old, new = (values_of(searcher, questions, asker, done) for searcher in (before, after))
    low, high = bootstrap_interval([b - a for a, b in zip(old, new, strict=True)])
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "no difference"
    n = len(questions)
    return Comparison(n, sum(old) / n, sum(new) / n, (low, high), verdict, left_out)


def values_of(
    searcher: Searcher, questions: Sequence[JudgedQuestion], asker: Asker, done: Callable[[], None]
) -> Sequence[float]:
    """nDCG@10 of each question, in [0, 1]: the first ten passages that the asker gets."""
    rankings = {}
    for question in questions:
        found = searcher.search(question.text, asker=asker, k=K)
        rankings[question.key] = ranking(question, found.passages)
        done()
    judgements = {q.key: {str(document): 1 for document in q.accepted} for q in questions}
    return measure(judgements, rankings).by_question[MEASURE]


def ranking(question: JudgedQuestion, passages: Sequence[Passage]) -> list[str]:
    """What the passages are of, best first, each once: documents, by id.

    A document of which only some passages were accepted stands where the first of these does; its other passages
    stand for themselves. A passage that says the same as one of an accepted document counts as that.
    """
    by_source = {accepted.source: accepted for accepted in question.accepted.values()}
    found: list[str] = []
    for passage in passages:
        accepted = question.accepted.get(passage.document)
        twin = next((by_source[source] for source in passage.duplicates if source in by_source), None)
        if accepted is not None and (accepted.whole or passage.chunk in accepted.chunks):
            found.append(str(accepted.document))
        elif twin is not None:
            found.append(str(twin.document))
        else:
            found.append(str(passage.document) if accepted is None else f"{passage.document}/{passage.chunk}")
    return list(dict.fromkeys(found))
