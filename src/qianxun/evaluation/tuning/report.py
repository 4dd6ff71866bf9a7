"""What came of tuning, as a record and as JSON."""

from dataclasses import dataclass, field
from typing import Any, Final

from qianxun.evaluation.comparing.differences import rounded, shown_p
from qianxun.evaluation.significance import ALPHA
from qianxun.evaluation.tuning.calibration import Calibrated, Labels, Quality
from qianxun.evaluation.tuning.choosing import Tuned
from qianxun.evaluation.tuning.questions import JudgedSet
from qianxun.evaluation.tuning.space import LeftOutSetting

MEASURE: Final = "nDCG@10"


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that was tuned: its value before, that chosen on all questions, and those chosen in each fold."""

    key: str
    before: Any
    after: Any
    in_folds: tuple[Any, ...]

    @property
    def n_agreeing(self) -> int:
        """In how many folds the same value was chosen."""
        return sum(value == self.after for value in self.in_folds)


@dataclass(slots=True)
class TuneReport:
    """What came of tuning. A part is None where it was not asked for, or left out: `left_out` says why.

    `values` are the settings that are better (`section.key` → value), empty if none. `apart` is False where questions
    hang together by their documents so widely that only those with the same first document share a fold. `written` is
    where they were written, None if nowhere.
    """

    sets: tuple[JudgedSet, ...]
    order: Tuned | None
    changes: tuple[Change, ...]
    calibration: Calibrated | None
    calibration_before: tuple[float, float]
    refusing: Tuned | None
    refusing_change: Change | None
    left_out: tuple[LeftOutSetting, ...]
    apart: bool
    alpha: float = ALPHA
    values: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    dry_run: bool = False
    written: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The report as `tune --json` prints it."""
        return {
            "sets": [_set(one) for one in self.sets],
            "alpha": self.alpha,
            "order": self.order
            and {"measure": MEASURE, **_tuned(self.order), "settings": list(map(_change, self.changes))},
            "calibration": self.calibration and _calibrated(self.calibration, self.calibration_before),
            "refusing": self.refusing
            and self.refusing_change
            and {
                "measure": "balanced accuracy",
                **_tuned(self.refusing),
                "settings": [_change(self.refusing_change)],
            },
            "left_out": [{"key": one.key, "reason": one.reason} for one in self.left_out],
            "documents_in_one_fold": self.apart,
            "values": dict(self.values),
            "dry_run": self.dry_run,
            "written": self.written,
            "seconds": round(self.seconds, 1),
        }


def _set(one: JudgedSet) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "frozen": one.frozen,
        "digest": one.digest,
        "questions": len(one.questions),
        "unanswerable": len(one.unanswerable),
        "left_out": one.n_left_out,
        "beyond": one.n_beyond,
    }


def _tuned(found: Tuned) -> dict[str, Any]:
    return {
        "n": found.n,
        "groups": found.n_groups,
        "before": rounded(found.before),
        "after": rounded(found.after),
        "difference": rounded(found.difference),
        "interval": [rounded(bound) for bound in found.interval],
        "p": float(shown_p(found.p)),
        "verdict": found.verdict,
        "tried": found.n_tried,
        "kept": found.kept,
    }


def _change(one: Change) -> dict[str, Any]:
    return {"key": one.key, "before": one.before, "after": one.after, "in_folds": list(one.in_folds)}


def _calibrated(found: Calibrated, before: tuple[float, float]) -> dict[str, Any]:
    return {
        "questions": found.n_questions,
        "passages": found.n_passages,
        "relevant": found.n_relevant,
        "before": {"slope": before[0], "offset": before[1], **_quality(found.before)},
        "after": {"slope": found.slope, "offset": found.offset, **_quality(found.after)},
        "p": float(shown_p(found.p)),
        "verdict": found.verdict,
        "kept": found.kept,
    }


def _quality(of: Quality) -> dict[str, Any]:
    return {
        "calibration_error": rounded(of.error),
        "brier": rounded(of.brier),
        "relevant": _labels(of.relevant),
        "no_good_result": _labels(of.no_good),
    }


def _labels(of: Labels) -> dict[str, Any]:
    return {
        "said": of.said,
        "right": of.right,
        "there": of.there,
        "precision": None if of.precision is None else rounded(of.precision),
        "recall": None if of.recall is None else rounded(of.recall),
    }
