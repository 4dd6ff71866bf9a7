"""The query adapter: a linear map on query vectors, learned in closed form. Pure; nothing but arrays.

With the unit rows Q (n, dim) of questions and T (n, dim) of what their accepted passages say, the change D
minimises

    Σ ||q + qD − t||² + λ ||D||²        D = (QᵀQ + λI)⁻¹ Qᵀ(T − Q),  λ = ridge · n

which is ridge regression (Hoerl and Kennedy 1970) of what the questions lack towards their passages: in
directions of which the questions say nothing, a query stays as it is. A query q becomes (q + qD) / ||q + qD||;
passages stay as they are, so no index changes. Knows no text, no file, no search.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qianxun.protocols import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """A map on the query vectors of one encoder.

    `change` is D, (dim, dim) float32. `fingerprint` names the encoder, `made` is the time in UTC, ISO 8601;
    `documents` are the ids of those that it learned from, ascending. `facts` say what was measured, as JSON values.
    """

    fingerprint: str
    made: str
    change: Vectors
    documents: tuple[int, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, query: Vectors) -> Vectors:
        """The adapted query, (dim,) float32 of unit length. A zero query stays zero."""
        import numpy as np

        moved: Vectors = query + query @ self.change
        length = np.linalg.norm(moved)
        return moved / length if length > 0.0 else query


@dataclass(frozen=True, slots=True)
class InForce:
    """The adapter that a search applies, if any; `note` says why one that is there is not applied."""

    adapter: Adapter | None = None
    note: str = ""


def learn(questions: Vectors, targets: Vectors, *, ridge: float) -> Vectors:
    """The change D, (dim, dim) float32, from unit rows (n, dim) of questions and of their targets.

    `ridge` > 0 is λ divided by n: the larger, the nearer D is to zero, for any number of questions alike.
    Cost: n · dim² + dim³.
    """
    import numpy as np

    asked = questions.astype(np.float64)
    missing = targets.astype(np.float64) - asked
    penalised = asked.T @ asked + ridge * len(asked) * np.eye(asked.shape[1])
    return np.linalg.solve(penalised, asked.T @ missing).astype(np.float32)


def target(question: Vectors, accepted: Sequence[Vectors], *, nearest: float) -> Vectors:
    """Where a question should lie, (dim,) float32 of unit length: the mean direction of what was accepted.

    `accepted` are the unit rows of the accepted passages, (m, dim) with m ≥ 1 for each document. A document's part
    is (1 − nearest) · its mean direction + nearest · its passage nearest to the question, `nearest` in [0, 1]: of
    a long document, most passages are about something else. Where everything cancels out, the question stays.
    """
    import numpy as np

    parts = [
        (1.0 - nearest) * _unit(rows.mean(axis=0)) + nearest * rows[int(np.argmax(rows @ question))]
        for rows in accepted
    ]
    whole = _unit(np.sum(parts, axis=0))
    return (whole if whole.any() else question).astype(np.float32)


def _unit(vector: Any) -> Any:
    import numpy as np

    length = float(np.linalg.norm(vector))
    return vector / length if length > 0.0 else vector
