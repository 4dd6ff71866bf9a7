"""A filter as an SQL condition on `documents d`, held against `filters.matches` by a test."""

from qianxun.errors import InputError
from qianxun.filters import FIELDS, And, AnyLabel, Contains, Equals, Filter, Not, Or, Prefix, Range
from qianxun.storage.database import marks
from qianxun.text import fold


def condition_of(where: Filter) -> tuple[str, list[object]]:
    """The condition and the values of its placeholders."""
    if isinstance(where, Equals | Prefix | Contains | Range) and where.field not in FIELDS:
        raise InputError(
            "There is no field {field!r} to filter by.",
            remedy="Fields: {fields}.",
            field=where.field,
            fields=", ".join(FIELDS),
        )
    match where:
        case AnyLabel(labels):
            wanted = sorted(labels)
            one = f"SELECT 1 FROM document_labels l WHERE l.document = d.id AND l.label IN ({marks(len(wanted))})"
            return f"EXISTS ({one})", [*wanted]
        case Equals(name, value):
            return f"d.{name} = ?", [value]
        case Prefix(name, value):
            # Not LIKE: it folds ASCII case and gives % and _ a meaning.
            return f"substr(d.{name}, 1, ?) = ?", [len(value), value]
        case Contains(name, value):
            # `folded` is ours: every connection of `database` has it.
            return f"instr(folded(d.{name}), ?) > 0", [fold(value)]
        case Range(name, low, high):
            bounds = [(">=", low), ("<", high)]
            given = [(sign, bound) for sign, bound in bounds if bound is not None]
            return _joined([(f"d.{name} {sign} ?", [bound]) for sign, bound in given], " AND ", "1")
        case And(parts):
            return _joined([condition_of(part) for part in parts], " AND ", "1")
        case Or(parts):
            return _joined([condition_of(part) for part in parts], " OR ", "0")
        case Not(part):
            condition, values = condition_of(part)
            return f"NOT ({condition})", values


def _joined(parts: list[tuple[str, list[object]]], joint: str, empty: str) -> tuple[str, list[object]]:
    return _in_halves([c for c, _ in parts] or [empty], joint), [value for _, values in parts for value in values]


def _in_halves(conditions: list[str], joint: str) -> str:
    # SQLite reads `a OR b OR c …` as a tree as deep as it is long, and takes no more than 1,000 levels.
    if len(conditions) <= 2:
        return f"({joint.join(conditions)})"
    middle = len(conditions) // 2
    return f"({_in_halves(conditions[:middle], joint)}{joint}{_in_halves(conditions[middle:], joint)})"
