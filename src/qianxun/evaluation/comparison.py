"""Two ways of searching the same documents, on questions whose accepted passages are known: which is better?

Measured is what an asker would see: the first ten passages of the whole search, as the settings have it. Whoever takes
something new only if search is better with it (`reindex --eval`, `adapt`, `tune reranker|encoder`) decides here, as
`eval compare` does.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from qianxun.errors import InputError
from qianxun.evaluation.measures import bootstrap_interval, measure
from qianxun.evaluation.pairs import JudgedQuestion, LeftOut, judged_questions
from qianxun.evaluation.significance import ALPHA, Verdict, decided, least_p, randomization_p
from qianxun.records import AcceptedPair, Asker, Passage
from qianxun.retrieval.search import Searcher

MEASURE: Final = "nDCG@10"
K: Final = 10

# Values that differ by less were rounded differently.
_SAME: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    """`before` and `after` are mean nDCG@10 over n questions, of which `n_changed` have another value.

    `interval` is the 95 % bootstrap interval of the mean of after − before by question, `p` that of the paired
    randomization test, which decides the `verdict`.
    """

    n: int
    n_changed: int
    before: float
    after: float
    interval: tuple[float, float]
    p: float
    verdict: Verdict
    left_out: Sequence[LeftOut] = ()
    measure: str = MEASURE

    @property
    def too_few(self) -> bool:
        """Whether so few questions changed that no difference of theirs could be told from chance."""
        return self.n_changed > 0 and least_p(self.n_changed) > ALPHA

    def as_json(self) -> dict[str, Any]:
        """The figures as `--json` prints them, without the verdict."""
        return {
            "measure": self.measure,
            "n": self.n,
            "changed": self.n_changed,
            "before": round(self.before, 4),
            "after": round(self.after, 4),
            "interval": [round(bound, 4) for bound in self.interval],
            "p": round(self.p, 4),
        }


def compared(before: Sequence[float], after: Sequence[float], left_out: Sequence[LeftOut] = ()) -> Comparison:
    """What the values of the same questions tell, in the same order; at least one."""
    differences = [0.0 if abs(b - a) < _SAME else b - a for a, b in zip(before, after, strict=True)]
    p = randomization_p(differences)
    n = len(differences)
    return Comparison(
        n=n,
        n_changed=sum(difference != 0.0 for difference in differences),
        before=sum(before) / n,
        after=sum(after) / n,
        interval=bootstrap_interval(differences),
        p=p,
        verdict=decided(sum(differences), p),
        left_out=left_out,
    )


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
    return compared(old, new, left_out)


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
