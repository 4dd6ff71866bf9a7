"""What a question asks to be computed of the tables in what was found, and in what it brings along. Pure.

A chunk may hold a part of a table only, and a sum of a part is a wrong sum: the whole table is asked for, and nothing
is computed where that is not to be had.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from qianxun.answering import material
from qianxun.answering.checked import FromTable
from qianxun.answering.wording import Language
from qianxun.records import Passage, Span
from qianxun.text import fold

if TYPE_CHECKING:
    from qianxun.answering.tables import Computed, Operation, Refused, Table

# The room of tables takes a tenth of a second to load: only where there is a table.
# A passage → the text of its document with all of the table that it is a part of, as a passage; None if there is none.
WholeTable: TypeAlias = Callable[[Passage], Passage | None]


def computed_of(
    question: str,
    passages: Sequence[Passage],
    brought: Passage | None,
    whole_table: WholeTable | None = None,
) -> dict[int, FromTable]:
    """Passage's number (0: what the question brings along) → what the question asks for of its table, computed.

    `passages[n - 1]` has the number n. Passages of one table give the same; the first of them has it.
    """
    found: dict[int, FromTable] = {}
    if brought is not None:
        from qianxun.answering.tables import results, tables_in

        for table in tables_in(brought.text):
            _note(found, material.NUMBER, results(question, table), table.span)
    seen: set[tuple[int, Span]] = set()
    for number, passage in enumerate(passages, 1):
        whole = whole_table(passage) if whole_table is not None else None
        if whole is None:
            continue
        from qianxun.answering.tables import tables_in

        inside = Span(passage.span.start - whole.span.start, passage.span.end - whole.span.start)
        for table in tables_in(whole.text):
            shared = Span(max(table.span.start, inside.start), min(table.span.end, inside.end))
            place = (passage.document, Span(table.span.start + whole.span.start, table.span.end + whole.span.start))
            if shared.start < shared.end and place not in seen:
                seen.add(place)
                here = Span(shared.start - inside.start, shared.end - inside.start)
                _note(found, number, _named(question, table), here)
    return found


def in_words(figures: Mapping[int, FromTable], language: Language) -> dict[int, tuple[str, ...]]:
    """The sentences of the language."""
    return {number: table.statements[language == "en" :: 2] for number, table in figures.items()}


def _named(question: str, table: "Table") -> list["Computed | Refused"]:
    """What the question asks for of a table that it does not bring along: only what it names a column of.

    A pasted table is what its question is about; of one that was found nobody says so.
    """
    from qianxun.answering.tables import results

    return [one for one in results(question, table) if _names_its_column(question, one.operation, table)]


def _names_its_column(question: str, operation: "Operation", table: "Table") -> bool:
    from qianxun.answering.tables.operation import view

    if operation.column is None:
        return False
    name = fold(view(table, operation).columns[operation.column].name)
    return bool(name) and name in fold(question)


def _note(found: dict[int, FromTable], number: int, computed: Sequence["Computed | Refused"], span: Span) -> None:
    from qianxun.answering.tables import Computed

    if not any(isinstance(one, Computed) for one in computed):
        return
    said = [sentence for one in computed for sentence in (one.statement_zh, one.statement_en)]
    before = found.get(number)
    if before is not None:
        said = [*before.statements, *said]
        span = Span(min(before.span.start, span.start), max(before.span.end, span.end))
    found[number] = FromTable(tuple(said), span)
