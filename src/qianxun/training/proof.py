"""Is search better with a tuned model, on questions that it was not made with? The test is that of `eval compare`.

Measured is what the asker would see, and decided as everywhere (`evaluation.comparison`); only "better" counts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from qianxun.errors import ModelUnavailable
from qianxun.evaluation.comparison import MEASURE, K, ranking
from qianxun.evaluation.measures import measure
from qianxun.evaluation.pairs import JudgedQuestion
from qianxun.records import Asker, SearchResult

Role: TypeAlias = Literal["reranker", "encoder"]
Verdict: TypeAlias = Literal["better", "no difference", "worse", "unfit"]

# How a search says that it did without the model.
_DEGRADED: Final[Mapping[Role, str]] = {"reranker": "reranker:", "encoder": "dense:"}


class Searchable(Protocol):
    """What is asked of a knowledge base here."""

    def search(self, query: str, *, k: int, asker: Asker) -> SearchResult: ...


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
