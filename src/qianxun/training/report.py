"""What fine-tuning did, for people and machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qianxun.evaluation.comparison import Comparison
from qianxun.evaluation.pairs import LeftOut
from qianxun.training.proof import Role, Verdict
from qianxun.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be trained with what. `folder` is where the tuned model goes if it is kept.

    `n_shared` counts documents that were accepted for questions of both parts; `n_judged` the negatives that a person
    judged; `n_unpaired` the questions with nothing to learn from.
    """

    role: Role
    model: str
    place: str
    folder: Path
    recipe: Recipe
    n_learned_from: int
    n_held_back: int
    n_documents: int
    n_shared: int
    n_positives: int
    n_negatives: int
    n_judged: int
    n_unpaired: int
    n_steps: int
    left_out: Sequence[LeftOut]

    def as_json(self) -> dict[str, Any]:
        """The plan as `qianxun tune … --json` prints it."""
        return {
            "role": self.role,
            "model": self.model,
            "place": self.place,
            "folder": str(self.folder),
            "recipe": self.recipe.as_json(),
            "learned_from": self.n_learned_from,
            "held_back": self.n_held_back,
            "documents": self.n_documents,
            "shared_documents": self.n_shared,
            "positives": self.n_positives,
            "negatives": self.n_negatives,
            "judged_negatives": self.n_judged,
            "unpaired": self.n_unpaired,
            "steps": self.n_steps,
            "left_out": [
                {"question": left.pair.question, "source": left.pair.source, "reason": left.reason}
                for left in self.left_out
            ],
        }


@dataclass(frozen=True, slots=True)
class TuneReport:
    """What came of it. `verdict` None: only planned. `proof` None: the model failed its self-test (`unfit` says how).

    `losses` are the mean loss of the first and of the last tenth of the steps. `settings` are lines of a settings file
    that put a kept reranker in force, `command` what puts a kept encoder in force.
    """

    plan: Plan
    verdict: Verdict | None = None
    losses: tuple[float, float] | None = None
    proof: Comparison | None = None
    unfit: str = ""
    kept: bool = False
    settings: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The report as `qianxun tune … --json` prints it."""
        return {
            **self.plan.as_json(),
            "verdict": self.verdict,
            "losses": None if self.losses is None else [round(loss, 4) for loss in self.losses],
            "comparison": None if self.proof is None else self.proof.as_json(),
            "unfit": self.unfit,
            "kept": self.kept,
            "settings": list(self.settings),
            "command": list(self.command),
            "seconds": round(self.seconds, 3),
        }
