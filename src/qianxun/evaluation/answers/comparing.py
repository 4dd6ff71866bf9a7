"""Two runs of `eval answers` on the same questions, compared question by question as `eval compare` does.

Knows the rows of reports ("results" of `eval answers --json`), whoever kept them.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from qianxun.errors import InputError
from qianxun.evaluation.answers.measuring import MEASURES, mean_of
from qianxun.evaluation.comparing.differences import Changed, ComparisonReport, Difference, OnDataset
from qianxun.evaluation.comparing.sides import Given, Note
from qianxun.evaluation.measures import bootstrap_interval
from qianxun.evaluation.significance import ALPHA, decided, least_p, randomization_p
from qianxun.text import fold

# Values that differ by less were rounded differently.
_SAME: Final = 1e-9
# What is worth something else where other evidence is looked for.
_OF_EVIDENCE: Final = ("evidence_recall",)
# Of values in rows that earlier versions kept.
_PLACES: Final = 4

# What says that two rows are of one question, the surest first.
_ALIKE: Final = (
    ("id", "question", "accepted", "evidence"), ("question", "accepted", "evidence"),
    ("id", "question", "accepted"), ("question", "accepted"), ("id", "question"), ("question",),
)  # fmt: skip

Rows: TypeAlias = Sequence[Mapping[str, Any]]
Pair: TypeAlias = tuple[Mapping[str, Any], Mapping[str, Any]]


def compare_answers(
    a: Given, b: Given, rows_a: Rows, rows_b: Rows, *, name: str, measure: str = MEASURES[0], alpha: float = ALPHA
) -> ComparisonReport:
    """B against A on the questions that both were asked in the same words, with the same accepted answers.

    A measure is compared on the questions that it applies to on both sides, evidence recall on those with the same
    evidence. Raises InputError if they share no question, or none that `measure` applies to.
    """
    pairs, notes = _paired(rows_a, rows_b)
    other = [str(a["id"]) for a, b in pairs if _seek_other(a, b)]
    if other:
        notes.append(Note("other evidence", "", len(other), other[0]))
    if measure not in MEASURES:
        raise InputError(
            "There is no measure {measure!r}.", remedy="Known: {known}.", measure=measure, known=", ".join(MEASURES)
        )
    tested = {one: _tested(one, pairs, alpha) for one in MEASURES}
    differences = tuple(found for found in tested.values() if found is not None)
    if tested[measure] is None and measure in _OF_EVIDENCE and other:
        raise InputError(
            "A and B look for other evidence, so evidence recall does not compare.",
            remedy="Compare by another measure.",
        )
    if tested[measure] is None:
        raise InputError(
            "{measure} applies to no question of both runs.", remedy="Compare by another measure.", measure=measure
        )
    changed = _changed(measure, pairs)
    if changed and least_p(len(changed)) > alpha:
        notes.append(Note("few", "", len(changed)))
    on = OnDataset(name, len(pairs), differences, changed)
    return ComparisonReport(a, b, measure, alpha, (on,), differences, tuple(notes), None)


def _paired(rows_a: Rows, rows_b: Rows) -> tuple[list[Pair], list[Note]]:
    """The questions of both with the same accepted answers, in the order of A, and notes of what is left out.

    Ids go first: a set may have the same words twice. Those of questions that were typed are numbers of lines, so what
    is left is paired by its words, as often as both have them.
    """
    found: dict[int, int] = {}
    for names in _ALIKE:
        taken = set(found.values())
        free: dict[Hashable, list[int]] = {}
        for place, row in enumerate(rows_b):
            if place not in taken:
                free.setdefault(_key(row, names), []).append(place)
        for place, row in enumerate(rows_a):
            if place not in found and (same := free.get(_key(row, names))):
                found[place] = same.pop(0)
    if not found:
        raise InputError("A and B have no question in common.", remedy="Measure both on the same question set.")
    notes = []
    for side, rows, paired in (("A", rows_a, set(found)), ("B", rows_b, set(found.values()))):
        alone = [str(row["id"]) for place, row in enumerate(rows) if place not in paired]
        if alone:
            notes.append(Note("only one", side, len(alone), alone[0]))
    pairs = [(rows_a[place], rows_b[found[place]]) for place in sorted(found)]
    other = [str(a["id"]) for a, b in pairs if _accept_other(a, b)]
    if len(other) == len(pairs):
        raise InputError(
            "A and B ask the same questions, but accept other answers.",
            remedy="Measure both with the same accepted answers.",
        )
    if other:
        notes.append(Note("other answers", "", len(other), other[0]))
    return [(a, b) for a, b in pairs if not _accept_other(a, b)], notes


def _key(row: Mapping[str, Any], names: Sequence[str]) -> Hashable:
    return tuple((row.get("answerable"), _accepted(row)) if name == "accepted" else row.get(name) for name in names)


def _accepted(row: Mapping[str, Any]) -> frozenset[tuple[str, ...]] | None:
    """The answers that were accepted, in any order and script; None of runs that did not keep them."""
    if "accepted" not in row:
        return None
    return frozenset((fold(one),) if isinstance(one, str) else tuple(sorted(map(fold, one))) for one in row["accepted"])


def _accept_other(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether an answer is worth something else on the other side, as far as both are known."""
    known = (
        (_accepted(a), _accepted(b)),
        (a.get("answerable"), b.get("answerable")),
    )
    return any(one is not None and other is not None and one != other for one, other in known)


def _seek_other(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether other evidence is looked for on the other side, as far as both are known."""
    one, other = a.get("evidence"), b.get("evidence")
    return one is not None and other is not None and one != other


def _applying(measure: str, pairs: Sequence[Pair]) -> list[Pair]:
    """The questions that a measure compares on."""
    return [
        (one, other)
        for one, other in pairs
        if one[measure] is not None
        and other[measure] is not None
        and not (measure in _OF_EVIDENCE and _seek_other(one, other))
    ]


def _difference(a: float, b: float) -> float:
    """B less A; 0 where one is the other, rounded."""
    return 0.0 if abs(b - a) < _SAME or b == round(a, _PLACES) or a == round(b, _PLACES) else b - a


def _tested(measure: str, pairs: Sequence[Pair], alpha: float) -> Difference | None:
    values = [(float(one[measure]), float(other[measure])) for one, other in _applying(measure, pairs)]
    if not values:
        return None
    differences = [_difference(a, b) for a, b in values]
    p, n = randomization_p(differences), len(values)
    return Difference(
        measure=measure,
        a=mean_of([a for a, _ in values]),
        b=mean_of([b for _, b in values]),
        difference=sum(differences) / n,
        interval=bootstrap_interval(differences),
        p=p,
        p_corrected=p,
        verdict=decided(sum(differences), p, alpha),
    )


def _changed(measure: str, pairs: Sequence[Pair]) -> tuple[Changed, ...]:
    found = [
        Changed(str(one["id"]), str(one["question"]), float(one[measure]), float(other[measure]))
        for one, other in _applying(measure, pairs)
        if _difference(one[measure], other[measure])
    ]
    return tuple(sorted(found, key=lambda changed: -abs(changed.b - changed.a)))
