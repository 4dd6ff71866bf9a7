"""Whether rows of a table bear a statement: the figure of one row, or of one column, bears nothing said of another.

A row is known by its first cell. A statement that names rows speaks of these alone, one that names a column states the
value of that column. Knows no passage.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.answering.checking.bearing import ENOUGH, Judgement
from qianxun.answering.checking.figure_contrasts import Problem
from qianxun.answering.checking.readings import Reading, figures_of, read, reading_of, share_of
from qianxun.answering.checking.statements import LIGHT, Clause, Token

_UNIT_OF_COLUMN: Final = re.compile(r"[(（]\s*([^()（）]{1,12})\s*[)）]\s*$")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row and the names of their columns, as many of the one as of the other."""

    names: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Cell:
    """A name without its unit, and a value with it."""

    name: Clause
    value: Clause


def judge_row(statement: str, row: Row, others: Sequence[Row], context: Reading) -> Judgement:
    """Whether a row bears the statement; `others` are the other rows of its table."""
    claim = _tokens(statement)
    cells = _cells(row)
    said = [part for cell in cells for part in (cell.name, cell.value)]
    whole = reading_of([said])
    share = share_of(reading_of([[claim]]), whole, context)
    found: list[Problem] = []
    mine = cells[0].value
    if mine and not _says(claim, mine, with_limits=True) and any(_is_key(claim, one, mine) for one in others):
        found.append("altered")
    known = (*whole.figures, *context.figures)
    for figure in figures_of([claim]):
        same = [other for other in known if figure.agrees(other)]
        if any(figure.differs_in_unit(other) for other in known) and not same:
            found.append("unit")
        elif not same:
            found.append("date" if figure.kind in ("date", "time", "weekday") else "figure")
        elif all(figure.differs_in_limit(other) for other in same):
            found.append("limit")
    if _is_mixed(claim, cells, others):
        found.append("altered")
    n_denied = sum(token.kind == "not" for token in claim)
    if n_denied % 2 and not any(token.kind == "not" for part in said for token in part):
        found.append("negation")
    if share < ENOUGH:
        found.append("words")
    return Judgement(share, tuple(dict.fromkeys(found)))


def judge_rows(statement: str, rows: Sequence[Row], context: Reading) -> tuple[Judgement, tuple[int, ...]]:
    """The best of the judgements of single rows and of what the statement says of several, and the rows' places.

    Of several rows a statement is borne if each of its clauses that names rows names one alone, which bears it.
    """
    single = [judge_row(statement, row, [o for o in rows if o is not row], context) for row in rows]
    best = max(range(len(rows)), key=lambda i: (single[i].bears, -len(single[i].problems), single[i].share, -i))
    if single[best].bears:
        return single[best], (best,)
    places: list[int] = []
    for part in _PARTS.split(statement):
        claim = _tokens(part)
        named = [i for i, row in enumerate(rows) if _is_named(claim, row, rows)]
        if not named:
            continue
        others = [row for i, row in enumerate(rows) if i != named[0]]
        # What the other clauses say of the columns holds for this one.
        if len(named) > 1 or not judge_row(part, rows[named[0]], others, context).bears:
            return single[best], (best,)
        places.append(named[0])
    if len(set(places)) < 2:
        return single[best], (best,)
    return Judgement(1.0), tuple(sorted(set(places)))


_PARTS: Final = re.compile(r"[，,](?!\d)|[；;。\n]|\.\s")


def _is_named(claim: Clause, row: Row, rows: Sequence[Row]) -> bool:
    key = _tokens(row.values[0])
    longer = [_tokens(other.values[0]) for other in rows if other is not row]
    return _says(claim, key) and not any(
        len(other) > len(key) and _says(claim, other) and _says(other, key) for other in longer
    )


def _is_mixed(claim: Clause, cells: Sequence[_Cell], others: Sequence[Row]) -> bool:
    """True if a column is named and something else is said than its value: another row's, or another column's."""
    named = [i for i, cell in enumerate(cells) if i and cell.name and _has(claim, cell.name)]
    # Of 交货期 and 交货期限 only the longer one is named.
    names = {i: cells[i].name for i in named}
    named = [
        i for i in named if not any(len(names[j]) > len(names[i]) and _has(names[j], names[i]) for j in named if j != i)
    ]
    said = [i for i, cell in enumerate(cells) if cell.value and _says(claim, cell.value)]
    for i in named:
        theirs = [_cells(other)[i].value for other in others]
        if i in said:
            # 工单 is a part of 工单与在线客服, which another row has.
            if any(len(value) > len(cells[i].value) and _says(claim, value) for value in theirs):
                return True
        elif any(j and j not in named for j in said) or any(_says(claim, value) for value in theirs):
            return True
        elif cells[i].value and figures_of([cells[i].value]):
            of_others = figures_of(cells[j].value for j in range(len(cells)) if j != i and (j == 0 or j in named))
            if any(not any(figure.agrees(other) for other in of_others) for figure in figures_of([claim])):
                return True
    return False


@functools.lru_cache(maxsize=512)
def _cells(row: Row) -> tuple[_Cell, ...]:
    return tuple(_cells_of(row))


def _cells_of(row: Row) -> Iterator[_Cell]:
    for name, value in zip(row.names, row.values, strict=True):
        unit = _UNIT_OF_COLUMN.search(name)
        bare = name[: unit.start()] if unit else name
        with_unit = f"{value} {unit[1]}" if unit and value[-1:].isdigit() else value
        yield _Cell(_tokens(bare), _tokens(with_unit))


def _tokens(text: str) -> Clause:
    return tuple(token for clause in read(text).clauses for token in clause)


def _has(claim: Clause, name: Clause) -> bool:
    """True if the claim has every word of the name."""
    keys = {token.key for token in claim}
    wanted = [token.key for token in name if token.text not in LIGHT]
    return bool(wanted) and all(key in keys for key in wanted)


def _says(claim: Clause, value: Clause, *, with_limits: bool = False) -> bool:
    """True if the value stands in the claim, one token after the other; as a limit, if it is one, `with_limits`."""
    wanted = [token for token in value if token.text not in LIGHT]
    mine = [token for token in claim if token.text not in LIGHT]

    def same(token: Token, other: Token) -> bool:
        if token.figure is None or other.figure is None:
            return token.key == other.key
        return token.figure.agrees(other.figure) and not (with_limits and token.figure.limit != other.figure.limit)

    return bool(wanted) and any(
        all(map(same, mine[i : i + len(wanted)], wanted)) for i in range(len(mine) - len(wanted) + 1)
    )


def _is_key(claim: Clause, row: Row, mine: Clause) -> bool:
    """True if the claim names the row, by a key that is no part of one's own."""
    key = _tokens(row.values[0])
    return _says(claim, key, with_limits=True) and not _says(mine, key, with_limits=True)
