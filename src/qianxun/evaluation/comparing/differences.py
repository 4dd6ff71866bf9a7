"""What a comparison of A and B came to: differences, questions that changed, a gate. No more than results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qianxun.evaluation.comparing.sides import Given, Note
from qianxun.evaluation.significance import Verdict


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure on a data set, or over all of them: both means, B less A, and whether chance explains it.

    `interval` is the 95 % bootstrap interval of the mean difference, `p` that of the two-sided randomization test.
    `p_corrected` is p for being one of several data sets (Holm); it decides the `verdict`, which is about B.
    """

    measure: str
    a: float
    b: float
    difference: float
    interval: tuple[float, float]
    p: float
    p_corrected: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Changed:
    """A question with different values on the two sides. `text` is "" where it is not known."""

    id: str
    text: str
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class OnDataset:
    """A comparison on one data set of n questions: each measure, and the questions that changed, most first."""

    dataset: str
    n: int
    differences: tuple[Difference, ...]
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the gate is closed: `dataset` ("" for all together) is significantly worse, or lower by more than allowed."""

    kind: Literal["worse", "drop"]
    dataset: str
    drop: float
    p: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether B may take A's place: not if there are `reasons`. `margin` is the drop that is allowed."""

    margin: float
    reasons: tuple[Reason, ...]

    @property
    def failed(self) -> bool:
        """True if there is a reason."""
        return bool(self.reasons)


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """A and B compared. The verdict is about `measure`, over all data sets: `pooled`, in the order of MEASURES."""

    a: Given
    b: Given
    measure: str
    alpha: float
    datasets: tuple[OnDataset, ...]
    pooled: tuple[Difference, ...]
    notes: tuple[Note, ...]
    gate: Gate | None

    @property
    def of_measure(self) -> Difference:
        """The difference that the verdict is about."""
        return of_measure(self.pooled, self.measure)

    def as_json(self) -> dict[str, Any]:
        """The report as `eval compare --json` prints it."""
        return {
            "a": {"given": self.a.text, "kind": self.a.kind},
            "b": {"given": self.b.text, "kind": self.b.kind},
            "measure": self.measure,
            "alpha": self.alpha,
            "verdict": self.of_measure.verdict,
            "n": sum(found.n for found in self.datasets),
            "pooled": [_difference(found) for found in self.pooled],
            "datasets": [
                {
                    "dataset": found.dataset,
                    "n": found.n,
                    "results": [_difference(one) for one in found.differences],
                    "changed": [
                        {"id": one.id, "text": one.text, "a": rounded(one.a), "b": rounded(one.b)}
                        for one in found.changed
                    ],
                }
                for found in self.datasets
            ],
            "gate": self.gate
            and {
                "margin": self.gate.margin,
                "failed": self.gate.failed,
                "reasons": [
                    {
                        "kind": reason.kind,
                        "dataset": reason.dataset,
                        "drop": rounded(reason.drop),
                        "p": float(shown_p(reason.p)),
                    }
                    for reason in self.gate.reasons
                ],
            },
            "notes": [{"kind": note.kind, "side": note.side, "n": note.n, "first": note.first} for note in self.notes],
        }


def of_measure(differences: Sequence[Difference], measure: str) -> Difference:
    """The one of this measure."""
    return next(found for found in differences if found.measure == measure)


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "measure": found.measure,
        "a": rounded(found.a),
        "b": rounded(found.b),
        "difference": rounded(found.difference),
        "interval": [rounded(bound) for bound in found.interval],
        "p": float(shown_p(found.p)),
        "p_corrected": float(shown_p(found.p_corrected)),
        "verdict": found.verdict,
    }


def rounded(value: float) -> float:
    """To four places, as figures are shown; never -0.0."""
    return round(value, 4) + 0.0


def shown_p(p: float) -> str:
    """A p as people read it: four places, and one digit of smaller ones; never 0."""
    return f"{p:.4f}" if p >= 0.0001 else f"{p:.0e}"
