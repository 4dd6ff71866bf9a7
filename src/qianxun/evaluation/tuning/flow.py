"""Settings tuned by judged questions, and kept only where search is better with them beyond chance.

Three things are tuned, one after the other, each measured by cross-validation and tested for itself:

    the order           settings of [search] and [signals], and reranker.candidates, by nDCG@10
    probabilities       reranker.slope and reranker.offset, by the Brier score
    when to refuse      answer.min_support, by how often answering or refusing is right (balanced accuracy)

Measured is what an asker would see: the first ten passages of the whole search. Every question is asked of the product
once, which tells whether what is remembered of it gives the same (`tuning_observed`); every other search is made of
what is remembered. Writes nothing.
"""

import dataclasses
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from qianxun.evaluation.significance import ALPHA
from qianxun.evaluation.tuning.calibration import Calibrated, Judged, calibrated
from qianxun.evaluation.tuning.choosing import Choice, Parameter, Space, Tuned, groups_of, refuse_few, tuned
from qianxun.evaluation.tuning.labels import judged_passages, supports
from qianxun.evaluation.tuning.observed import Observed
from qianxun.evaluation.tuning.questions import Asked, JudgedSet, K
from qianxun.evaluation.tuning.report import Change, TuneReport
from qianxun.evaluation.tuning.space import PARTS, LeftOutSetting, Part, space_of
from qianxun.records import Asker
from qianxun.retrieval.search import Searcher
from qianxun.settings import AnswerSettings

# Of either kind, so that it can be told how often refusing and answering are right.
MIN_OF_KIND: Final = 10
# Passages that a reranker judged, at least.
MIN_JUDGED: Final = 100
MIN_SUPPORTS: Final = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8)
_QUESTIONS_PER_REPORT: Final = 20

# Called with the stage, how much of it is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Base:
    """A knowledge base as it is searched, for one asker, and the questions about it.

    `answering` is None where a generator answers, which refuses in its own way.
    """

    searcher: Searcher
    asker: Asker
    judged: JudgedSet
    answering: AnswerSettings | None = None


def tune(
    bases: Sequence[Base],
    *,
    parts: Collection[Part] = PARTS,
    fixed: Collection[str] = (),
    alpha: float = ALPHA,
    progress: Progress | None = None,
) -> TuneReport:
    """The settings tuned by these questions, all of the bases having the same ones. Writes nothing.

    `fixed` are keys that stay. The same documents, questions and settings give the same report. Raises InputError for
    too few questions, or a search that is not the same twice; Busy if documents change meanwhile. Cost: hundreds of
    searches of each question, of which only the first asks indexes and models.
    """
    started = time.monotonic()
    tell = progress or _silent
    questions = [one for base in bases for one in base.judged.questions]
    groups, apart = groups_of(
        [
            [(number, document) for document in sorted(one.judged.accepted)]
            for number, base in enumerate(bases)
            for one in base.judged.questions
        ]
    )
    refuse_few(len(questions), len(groups))
    revisions = [base.searcher.store.revision for base in bases]
    observed = [Observed.of(base.searcher, base.asker) for base in bases]
    _check(bases, observed, tell)
    space, left_out = space_of(
        [(one, [q.text for q in base.judged.questions]) for base, one in zip(bases, observed, strict=True)],
        parts,
        fixed=fixed,
        from_feedback=any(base.judged.kind == "pairs" for base in bases),
    )
    sets = [number for number, base in enumerate(bases) for _ in base.judged.questions]
    order = _order(space, bases, observed, groups, sets, alpha, tell) if space.parameters else None
    report = TuneReport(
        sets=tuple(base.judged for base in bases),
        order=order,
        changes=() if order is None else changes_of(space, order),
        calibration=None,
        calibration_before=(bases[0].searcher.reranking.slope, bases[0].searcher.reranking.offset),
        refusing=None,
        refusing_change=None,
        left_out=(),
        apart=apart,
        alpha=alpha,
    )
    if order is not None and order.kept:
        report.values |= {change.key: change.after for change in report.changes if change.after != change.before}
    if "reranker" in parts:
        report.calibration = _calibration(bases, observed, groups, report, left_out, fixed, alpha, tell)
    if "answer" in parts:
        _refusing(bases, observed, report, left_out, fixed, alpha, tell)
    for one, revision in zip(observed, revisions, strict=True):
        one.unchanged(revision)
    report.left_out = tuple(left_out)
    report.seconds = time.monotonic() - started
    return report


def changes_of(space: Space, found: Tuned) -> tuple[Change, ...]:
    """What became of each parameter."""
    return tuple(
        Change(one.key, one.current, found.choice[place], tuple(choice[place] for choice in found.in_folds))
        for place, one in enumerate(space.parameters)
    )


def _check(bases: Sequence[Base], observed: Sequence[Observed], tell: Progress) -> None:
    total = sum(len(base.judged.questions) for base in bases)
    done = 0
    for base, one in zip(bases, observed, strict=True):
        for question in base.judged.questions:
            if done % _QUESTIONS_PER_REPORT == 0:
                tell("searching", done, total)
            one.check(question.text, K)
            done += 1
    tell("searching", total, total)


def _order(
    space: Space,
    bases: Sequence[Base],
    observed: Sequence[Observed],
    groups: Sequence[Sequence[int]],
    sets: Sequence[int],
    alpha: float,
    tell: Progress,
) -> Tuned:
    # What one sweep tries; how many there are is known when nothing improves any more.
    expected = len({choice for block in space.blocks for choice in space.neighbours(space.current, block)})
    tried = 0

    def values(choice: Choice) -> Any:
        nonlocal tried
        tell("measuring", tried, max(expected, tried + 1))
        tried += 1
        found = values_of(bases, observed, space.settings(choice))
        return found

    found = tuned(space, values, groups, sets, alpha=alpha)
    tell("measuring", tried, tried)
    return found


def values_of(bases: Sequence[Base], observed: Sequence[Observed], settings: dict[str, Any]) -> Any:
    """nDCG@10 of every question with these settings, (n,)."""
    import numpy as np

    return np.asarray(
        [
            question.value(one.search(question.text, K, settings).passages)
            for base, one in zip(bases, observed, strict=True)
            for question in base.judged.questions
        ]
    )


# -- probabilities and refusing --------------------------------------------------------------------------------------


def _everything(base: Base) -> list[tuple[str, Asked | None]]:
    """The questions of a base, those without an answer last."""
    return [*((one.text, one) for one in base.judged.questions), *((text, None) for text in base.judged.unanswerable)]


def _with_unanswerable(bases: Sequence[Base], groups: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The groups with every question that has no answer as one of its own, by place in `_everything`."""
    moved: dict[int, int] = {}
    alone: list[tuple[int, ...]] = []
    before = at = 0
    for base in bases:
        for _ in base.judged.questions:
            moved[before] = at
            before, at = before + 1, at + 1
        alone += [(at + i,) for i in range(len(base.judged.unanswerable))]
        at += len(base.judged.unanswerable)
    return [*(tuple(moved[place] for place in group) for group in groups), *alone]


def _calibration(
    bases: Sequence[Base],
    observed: Sequence[Observed],
    groups: Sequence[Sequence[int]],
    report: TuneReport,
    left_out: list[LeftOutSetting],
    fixed: Collection[str],
    alpha: float,
    tell: Progress,
) -> Calibrated | None:
    keys = ("reranker.slope", "reranker.offset")
    if bases[0].searcher.reranker is None:
        left_out += [LeftOutSetting(key, "no reranker") for key in keys]
        return None
    if any(key in fixed for key in keys):
        left_out += [LeftOutSetting(key, "fixed") for key in keys]
        return None
    if any(not base.judged.complete and not any(q.rejected for q in base.judged.questions) for base in bases):
        left_out += [LeftOutSetting(key, "no negatives") for key in keys]
        return None
    judged: list[Judged] = []
    total = sum(len(_everything(base)) for base in bases)
    for base, one in zip(bases, observed, strict=True):
        for text, asked in _everything(base):
            tell("learning", len(judged), total)
            judged.append(judged_passages(one, text, asked, report.values, complete=base.judged.complete))
    tell("learning", total, total)
    if sum(len(one.relevant) for one in judged) < MIN_JUDGED or not any(any(one.relevant) for one in judged):
        left_out += [LeftOutSetting(key, "few judged") for key in keys]
        return None
    reranking = bases[0].searcher.reranking
    found = calibrated(
        judged,
        _with_unanswerable(bases, groups),
        in_force=report.calibration_before,
        threshold=reranking.threshold,
        alpha=alpha,
    )
    if found.kept:
        chosen = {"reranker.slope": found.slope, "reranker.offset": found.offset}
        if _worse(bases, observed, report.values, chosen):
            # Where signals move passages, probabilities take part in the order.
            return dataclasses.replace(found, kept=False, verdict="no difference")
        report.values |= {key: value for key, value in chosen.items() if value != getattr(reranking, key[9:])}
    return found


def _worse(bases: Sequence[Base], observed: Sequence[Observed], values: dict[str, Any], more: dict[str, Any]) -> bool:
    """Whether the order is worse with more settings."""
    before = values_of(bases, observed, values)
    return bool(values_of(bases, observed, values | more).mean() < before.mean() - 1e-9)


def _refusing(
    bases: Sequence[Base],
    observed: Sequence[Observed],
    report: TuneReport,
    left_out: list[LeftOutSetting],
    fixed: Collection[str],
    alpha: float,
    tell: Progress,
) -> None:
    key = "answer.min_support"
    answering = bases[0].answering
    if answering is None or key in fixed:
        left_out.append(LeftOutSetting(key, "generator" if answering is None else "fixed"))
        return
    if sum(len(base.judged.unanswerable) for base in bases) < MIN_OF_KIND:
        left_out.append(LeftOutSetting(key, "few unanswerable"))
        return
    found: list[tuple[float, bool]] = []
    documents: list[list[Any]] = []
    total = sum(len(_everything(base)) for base in bases)
    for number, (base, one) in enumerate(zip(bases, observed, strict=True)):
        for text, asked in _everything(base):
            tell("learning", len(found), total)
            found.append(supports(one, text, asked, report.values, answering.passages))
            documents.append([] if asked is None else [(number, id) for id in sorted(asked.judged.accepted)])
    tell("learning", total, total)
    holds = [there for _, there in found]
    if min(sum(holds), len(holds) - sum(holds)) < MIN_OF_KIND:
        left_out.append(LeftOutSetting(key, "few unanswerable"))
        return
    space = Space((Parameter(key, MIN_SUPPORTS, answering.min_support),), ((0,),))

    def values(choice: Choice) -> Any:
        return [float((chance >= choice[0]) == there) for chance, there in found]

    groups, _ = groups_of(documents)
    # Questions of either kind count alike, however many of them somebody thought of.
    report.refusing = tuned(space, values, groups, [int(there) for there in holds], alpha=alpha)
    report.refusing_change = changes_of(space, report.refusing)[0]
    if report.refusing.kept:
        report.values[key] = report.refusing.choice[0]


def _silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
