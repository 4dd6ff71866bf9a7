"""Is search better with a tuned model, on questions that it was not made with? The test is that of `eval compare`.

Measured is what the asker would see: the first ten passages of the whole search, as the settings have it, by nDCG@10.
The paired randomization test over the held-back questions decides, and only "better" counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from qianxun.errors import ModelUnavailable
from qianxun.evaluation.comparison import MEASURE, K, ranking
from qianxun.evaluation.measures import bootstrap_interval, measure
from qianxun.evaluation.pairs import JudgedQuestion
from qianxun.evaluation.significance import decided, randomization_p
from qianxun.records import Asker, SearchResult

Role: TypeAlias = Literal["reranker", "encoder"]
Verdict: TypeAlias = Literal["better", "no difference", "worse", "unfit"]

# How a search says that it did without the model.
_DEGRADED: Final[Mapping[Role, str]] = {"reranker": "reranker:", "encoder": "dense:"}
# Values that differ by less were rounded differently.
_SAME: Final = 1e-9


class Searchable(Protocol):
    """What is asked of a knowledge base here."""

    def search(self, query: str, *, k: int, asker: Asker) -> SearchResult: ...


@dataclass(frozen=True, slots=True)
class Proof:
    """Mean nDCG@10 over n questions without and with the tuned model. `interval` is the 95 % bootstrap interval of the
    mean difference, `p` that of the randomization test, `n_changed` the questions whose value differs."""

    n: int
    n_changed: int
    before: float
    after: float
    interval: tuple[float, float]
    p: float
    verdict: Verdict
    measure: str = MEASURE

    def as_json(self) -> dict[str, Any]:
        """The proof as `qianxun tune … --json` prints it."""
        return {
            "measure": self.measure,
            "n": self.n,
            "changed": self.n_changed,
            "before": round(self.before, 4),
            "after": round(self.after, 4),
            "interval": [round(bound, 4) for bound in self.interval],
            "p": round(self.p, 4),
        }


def proven(before: Sequence[float], after: Sequence[float]) -> Proof:
    """What the values of the same questions tell, in the same order."""
    differences = [0.0 if abs(b - a) < _SAME else b - a for a, b in zip(before, after, strict=True)]
    p = randomization_p(differences)
    n = len(differences)
    return Proof(
        n=n,
        n_changed=sum(difference != 0.0 for difference in differences),
        before=sum(before) / n,
        after=sum(after) / n,
        interval=bootstrap_interval(differences),
        p=p,
        verdict=decided(sum(differences), p),
    )


def values_of(
    base: Searchable, questions: Sequence[JudgedQuestion], asker: Asker, role: Role, done: Callable[[], None]
) -> Sequence[float]:
    """nDCG@10 of each question, in [0, 1]. `done` is called after each search.

    Raises ModelUnavailable if a search did without the model that is measured: its value would say nothing of it.
    """
    rankings = {}
    for question in questions:
        found = base.search(question.text, k=K, asker=asker)
        without = next((part for part in found.degraded if part.startswith(_DEGRADED[role])), None)
        if without is not None:
            raise ModelUnavailable(
                "A search did without the {role}, so that nothing can be said of it ({reason}).",
                remedy="See `qianxun models check`.",
                role=role,
                reason=without.removeprefix(_DEGRADED[role]).strip().rstrip("."),
            )
        rankings[question.key] = ranking(question, found.passages)
        done()
    judgements = {q.key: {str(document): 1 for document in q.accepted} for q in questions}
    return measure(judgements, rankings).by_question[MEASURE]
