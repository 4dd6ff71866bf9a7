"""Is B better than A? Values of the same questions, compared question by question, on one data set or several.

Over several data sets each counts alike, however many questions it has. Knows values by question; where they come from
is in `sides`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from qianxun.errors import InputError
from qianxun.evaluation.comparing.differences import (
    Changed,
    ComparisonReport,
    Difference,
    Gate,
    OnDataset,
    Reason,
    of_measure,
)
from qianxun.evaluation.comparing.sides import Given, Note, Values, values_of_report, values_of_run, values_of_settings
from qianxun.evaluation.datasets import read_dataset
from qianxun.evaluation.measures import MEASURES, pooled_interval
from qianxun.evaluation.significance import ALPHA, decided, holm, least_p, pooled, randomization_p
from qianxun.evaluation.trial import Mode, Opener, Progress
from qianxun.settings import Settings

# Values that differ by less were rounded differently on their way through a file or another program.
_SAME: Final = 1e-9


def compare(
    a: Given,
    b: Given,
    *,
    datasets: Sequence[Path] = (),
    qrels: Path | None = None,
    measure: str = MEASURES[0],
    alpha: float = ALPHA,
    margin: float | None = None,
    mode: Mode | None = None,
    work: Path | None = None,
    progress: Progress | None = None,
    opener: Opener | None = None,
) -> ComparisonReport:
    """B against A, question by question. `margin` (a drop of the mean that is allowed) asks for a gate as well.

    Settings are measured on `datasets` (folders in BEIR layout); a run is judged by `qrels` or the one data set; of a
    report, `mode` is taken. Raises InputError if something for this is missing, or the sides are not of the same
    questions and judgements.
    """
    _refuse_unjudged((a, b), datasets, qrels)
    found: dict[str, list[Values]] = {}
    notes: list[Note] = []
    sides = {"A": a, "B": b}
    judged = (qrels or read_dataset(datasets[0])) if "run" in (a.kind, b.kind) else None
    for side, given in sides.items():
        told: list[Note] = []
        if given.path is not None and judged is not None and given.kind == "run":
            values, told = values_of_run(given.path, judged, side)
            found[side] = [values]
        elif given.path is not None:
            found[side], told = values_of_report(given.path, mode, side)
        notes += [note for note in told if note not in notes]
    asked: dict[str, Settings] = {side: given.settings for side, given in sides.items() if given.settings is not None}
    if asked:
        measured, told = values_of_settings(datasets, asked, work=work, progress=progress, opener=opener)
        found |= measured
        notes += told
    return compared(a, b, found["A"], found["B"], notes, measure=measure, alpha=alpha, margin=margin)


def compared(
    a: Given,
    b: Given,
    values_a: Sequence[Values],
    values_b: Sequence[Values],
    notes: Sequence[Note] = (),
    *,
    measure: str = MEASURES[0],
    alpha: float = ALPHA,
    margin: float | None = None,
) -> ComparisonReport:
    """The comparison of values that are there. Data sets belong together by name; single ones whatever their names.

    Raises InputError if the sides have no data set in common, or one of other questions or judgements.
    """
    pairs, left_out = _paired(values_a, values_b)
    by_measure = {name: [_differences(one, other, name) for one, other in pairs] for name in MEASURES}
    rows: list[list[Difference]] = [[] for _ in pairs]
    together: list[Difference] = []
    for name, groups in by_measure.items():
        tested = [
            _tested(name, [one.measured.mean[name]], [other.measured.mean[name]], [group], alpha)
            for (one, other), group in zip(pairs, groups, strict=True)
        ]
        corrected = holm([found.p for found in tested])
        for row, found, p in zip(rows, tested, corrected, strict=True):
            row.append(replace(found, p_corrected=p, verdict=decided(found.difference, p, alpha)))
        means_a, means_b = ([side.measured.mean[name] for side in sides] for sides in zip(*pairs, strict=True))
        together.append(_tested(name, means_a, means_b, groups, alpha))
    on = [
        OnDataset(one.dataset, len(one.measured.questions), tuple(row), _changed(one, other, measure))
        for (one, other), row in zip(pairs, rows, strict=True)
    ]
    n_differing = sum(value != 0.0 for group in by_measure[measure] for value in group)
    if n_differing > 0 and least_p(n_differing) > alpha:
        left_out.append(Note("few", "", n_differing))
    gate = None if margin is None else _gate(on, of_measure(together, measure), measure, margin, alpha)
    return ComparisonReport(a, b, measure, alpha, tuple(on), tuple(together), (*notes, *left_out), gate)


def _refuse_unjudged(sides: Sequence[Given], datasets: Sequence[Path], qrels: Path | None) -> None:
    kinds = {side.kind: side for side in sides}
    if "settings" in kinds and not datasets:
        raise InputError(
            "{given} are settings, and no data set is named to measure them on.",
            remedy="Add --dataset FOLDER.",
            given=kinds["settings"].text,
        )
    if "run" in kinds and (len(datasets) != 1 if qrels is None else bool(datasets)):
        raise InputError(
            "{given} is a run, which is judged by one file of qrels or one data set.",
            remedy="Add --qrels FILE, or --dataset FOLDER once.",
            given=kinds["run"].text,
        )
    if "run" not in kinds and qrels is not None:
        raise InputError("No run is compared that --qrels could judge.", remedy="Leave out --qrels.")
    if set(kinds) == {"report"} and datasets:
        raise InputError(
            "Reports hold their values; there is nothing to measure on a data set.", remedy="Leave out --dataset."
        )


def _paired(values_a: Sequence[Values], values_b: Sequence[Values]) -> tuple[list[tuple[Values, Values]], list[Note]]:
    """The data sets of both sides, B's questions in the order of A's, and notes of those that only one has."""
    if len(values_a) == len(values_b) == 1:
        return [_aligned(values_a[0], values_b[0])], []
    named = {values.dataset: values for values in values_b}
    pairs = [_aligned(values, named[values.dataset]) for values in values_a if values.dataset in named]
    if not pairs:
        raise InputError(
            "A and B have no data set in common: {a}; {b}.",
            remedy="Measure both on the same data sets.",
            a=", ".join(values.dataset for values in values_a),
            b=", ".join(values.dataset for values in values_b),
        )
    both = {one.dataset for one, _ in pairs}
    notes = []
    for side, values in (("A", values_a), ("B", values_b)):
        alone = [one.dataset for one in values if one.dataset not in both]
        if alone:
            notes.append(Note("not compared", side, len(alone), alone[0]))
    return pairs, notes


def _aligned(one: Values, other: Values) -> tuple[Values, Values]:
    here, there = one.measured.questions, other.measured.questions
    if set(here) != set(there):
        only_a, only_b = sorted(set(here) - set(there)), sorted(set(there) - set(here))
        raise InputError(
            "A and B are of different questions of {dataset}: {n_a} only in A, {n_b} only in B, for one {first!r}.",
            remedy="Measure both on the same data set.",
            dataset=one.dataset,
            n_a=len(only_a),
            n_b=len(only_b),
            first=(only_a + only_b)[0],
        )
    if one.judgements and other.judgements and one.judgements != other.judgements:
        raise InputError(
            "A and B were judged differently on {dataset}: their values do not compare.",
            remedy="Measure both on the same data set.",
            dataset=one.dataset,
        )
    place = {question: row for row, question in enumerate(there)}
    order = [place[question] for question in here]
    by_question = {name: tuple(values[row] for row in order) for name, values in other.measured.by_question.items()}
    aligned = replace(other.measured, questions=here, by_question=by_question)
    return one, replace(other, measured=aligned)


def _differences(one: Values, other: Values, measure: str) -> list[float]:
    pairs = zip(one.measured.by_question[measure], other.measured.by_question[measure], strict=True)
    return [0.0 if abs(b - a) < _SAME else b - a for a, b in pairs]


def _tested(
    measure: str, means_a: Sequence[float], means_b: Sequence[float], groups: Sequence[Sequence[float]], alpha: float
) -> Difference:
    """One measure over groups of differences that count alike."""
    flat = pooled(groups)
    difference = sum(flat)
    p = randomization_p(flat)
    return Difference(
        measure=measure,
        a=sum(means_a) / len(means_a),
        b=sum(means_b) / len(means_b),
        difference=difference,
        interval=pooled_interval(groups),
        p=p,
        p_corrected=p,
        verdict=decided(difference, p, alpha),
    )


def _changed(one: Values, other: Values, measure: str) -> tuple[Changed, ...]:
    texts = {**other.texts, **one.texts}
    found = [
        Changed(id, texts.get(id, ""), a, b)
        for id, a, b, difference in zip(
            one.measured.questions,
            one.measured.by_question[measure],
            other.measured.by_question[measure],
            _differences(one, other, measure),
            strict=True,
        )
        if difference
    ]
    return tuple(sorted(found, key=lambda changed: -abs(changed.b - changed.a)))


def _gate(on: Sequence[OnDataset], together: Difference, measure: str, margin: float, alpha: float) -> Gate:
    """Closed where B is significantly worse, or its mean lower by more than the margin: over all, or on a data set."""
    looked_at = [("", together)]
    if len(on) > 1:
        looked_at += [(found.dataset, of_measure(found.differences, measure)) for found in on]
    reasons: list[Reason] = []
    for dataset, found in looked_at:
        drop = -found.difference
        if found.verdict == "worse":
            reasons.append(Reason("worse", dataset, drop, found.p_corrected))
        if drop > margin + _SAME:
            reasons.append(Reason("drop", dataset, drop, found.p_corrected))
    return Gate(margin, tuple(reasons))
