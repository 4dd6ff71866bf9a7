"""Two runs of `eval answers` on the same questions, compared question by question as `eval compare` does.

Knows the rows of reports ("results" of `eval answers --json`), whoever kept them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from qianxun.errors import InputError
from qianxun.evaluation.answers.measuring import MEASURES
from qianxun.evaluation.comparing.differences import Changed, ComparisonReport, Difference, OnDataset
from qianxun.evaluation.comparing.sides import Given, Note
from qianxun.evaluation.measures import bootstrap_interval
from qianxun.evaluation.significance import ALPHA, decided, least_p, randomization_p

# Values that differ by less were rounded differently.
_SAME: Final = 1e-9

Rows = Sequence[Mapping[str, Any]]


def compare_answers(
    a: Given, b: Given, rows_a: Rows, rows_b: Rows, *, name: str, measure: str = MEASURES[0], alpha: float = ALPHA
) -> ComparisonReport:
    """B against A on the questions that both were asked: the same id and the same words.

    A measure is compared on the questions that it applies to on both sides. Raises InputError if they share no
    question, or none that `measure` applies to.
    """
    pairs, notes = _paired(rows_a, rows_b)
    if measure not in MEASURES:
        raise InputError(
            "There is no measure {measure!r}.", remedy="Known: {known}.", measure=measure, known=", ".join(MEASURES)
        )
    tested = {one: _tested(one, pairs, alpha) for one in MEASURES}
    differences = tuple(found for found in tested.values() if found is not None)
    if tested[measure] is None:
        raise InputError(
            "{measure} applies to no question of both runs.", remedy="Compare by another measure.", measure=measure
        )
    changed = _changed(measure, pairs)
    if changed and least_p(len(changed)) > alpha:
        notes.append(Note("few", "", len(changed)))
    on = OnDataset(name, len(pairs), differences, changed)
    return ComparisonReport(a, b, measure, alpha, (on,), differences, tuple(notes), None)


def _paired(rows_a: Rows, rows_b: Rows) -> tuple[list[tuple[Mapping[str, Any], Mapping[str, Any]]], list[Note]]:
    others = {(row["id"], row["question"]): row for row in rows_b}
    pairs = [(row, others[row["id"], row["question"]]) for row in rows_a if (row["id"], row["question"]) in others]
    if not pairs:
        raise InputError("A and B have no question in common.", remedy="Measure both on the same question set.")
    both = {(row["id"], row["question"]) for row, _ in pairs}
    notes = []
    for side, rows in (("A", rows_a), ("B", rows_b)):
        alone = [str(row["id"]) for row in rows if (row["id"], row["question"]) not in both]
        if alone:
            notes.append(Note("only one", side, len(alone), alone[0]))
    return pairs, notes


def _values(measure: str, pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[tuple[float, float]]:
    return [
        (float(one[measure]), float(other[measure]))
        for one, other in pairs
        if one[measure] is not None and other[measure] is not None
    ]


def _tested(
    measure: str, pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], alpha: float
) -> Difference | None:
    values = _values(measure, pairs)
    if not values:
        return None
    differences = [0.0 if abs(b - a) < _SAME else b - a for a, b in values]
    p, n = randomization_p(differences), len(values)
    return Difference(
        measure=measure,
        a=sum(a for a, _ in values) / n,
        b=sum(b for _, b in values) / n,
        difference=sum(differences) / n,
        interval=bootstrap_interval(differences),
        p=p,
        p_corrected=p,
        verdict=decided(sum(differences), p, alpha),
    )


def _changed(measure: str, pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple[Changed, ...]:
    found = [
        Changed(str(one["id"]), str(one["question"]), float(one[measure]), float(other[measure]))
        for one, other in pairs
        if one[measure] is not None and other[measure] is not None and abs(other[measure] - one[measure]) >= _SAME
    ]
    return tuple(sorted(found, key=lambda changed: -abs(changed.b - changed.a)))
