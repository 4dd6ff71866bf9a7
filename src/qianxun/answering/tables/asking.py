"""Which operations on a table a question asks for, by rules for Chinese and English. Computes nothing.

What a question names (see `mentions`) is taken out first; cues are looked for in what is left. Clauses are read one by
one: each has its own columns and rows, or those of the clauses that it is strung together with. A clause that asks for
a reason, a formula, a chart or a forecast asks for no operation, whatever cues are in it. In doubt there is none.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from qianxun.answering.tables.clauses import clauses_of
from qianxun.answering.tables.layout import across, is_across
from qianxun.answering.tables.mentions import NAME, Condition, Mention, dimension, dimensions_of, mentions
from qianxun.answering.tables.operation import Against, Name, Of, Operation, adds_up, view
from qianxun.answering.tables.periods import Period
from qianxun.answering.tables.scope import Scope, number_columns
from qianxun.answering.tables.table import Table, is_summary_label
from qianxun.answering.tables.words import (
    ALIKE,
    ASKED,
    DIMENSIONS,
    GENERIC,
    MEASURES,
    NUMBERS,
    OF_CHANGE,
    PER_PERIOD,
    SUPERLATIVES,
    N,
    concepts_in,
)
from qianxun.text import CJK, fold

MAX_SERIES: Final = 6

# Cue → those that only say more of it where both are in a clause.
_QUALIFIED: Final = {
    "cagr": ("growth", "growth each", "trend", "sum", "mean"),
    "range": ("max", "min", "difference"),
    "rank": ("max", "min", "top", "bottom"),
    "share": ("sum", "difference"),
    "trend": ("difference", "growth"),
    "top": ("max",),
    "bottom": ("min",),
    "growth each": ("growth", "same period", "previous period", "difference"),
    "ratio": ("difference", "count"),
}

# Behind "which": a thing, and no word that goes on with the sentence.
_UNKNOWN: Final = re.compile(
    r"(?!(?:is|was|are|were|has|had|have|did|do|does|one|ones|of|in|on|row|entry|the|value|number|figure|period|time)\b)[a-z]"
    rf"|(?![最的是在有时期次一]|{NAME})[{CJK}]"
)


def operations(question: str, table: Table) -> tuple[Operation, ...]:
    """The operations that a question asks for of this table, in the question's order, each once; none in doubt.

    `question` is what stands around the table (see `reading.instruction`).
    """
    seen = view(table)
    found = mentions(question, seen)
    if seen is not table:
        written = mentions(question, table)
        periods = set(across(table))
        numbers = [c for c in table.of_kind("number") if not is_summary_label(table.header[c])]
        if any(m.column in numbers and m.column not in periods for m in written.columns):
            seen, found = table, written
    if (
        found.foreign
        and not number_columns(seen, found.columns)
        and any(seen.columns[i].name and not _is_general(seen.columns[i].name) for i in seen.of_kind("number"))
    ):
        return ()
    clauses = clauses_of(found.masked)
    if not any(clause.cues for clause in clauses):
        # A column may be called what is asked for: 合计 of a column 合计.
        bare = list(found.masked)
        for mention in found.columns:
            bare[mention.start : mention.end] = found.folded[mention.start : mention.end]
        clauses = clauses_of("".join(bare))
    asked: list[Operation] = []
    for clause in clauses:
        if clause.cues and not clause.is_blocked:
            asked += _of_clause(Scope(seen, found, clauses, clause, seen is table and is_across(table)))
    return tuple(_once(asked))


def _once(asked: list[Operation]) -> Iterator[Operation]:
    """Each operation once; one that only says less than one before it (by sales, highest first) not again."""
    seen: list[Operation] = []
    for operation in asked:
        if operation not in seen and not any(replace(other, by=None) == operation for other in seen):
            yield operation
        seen.append(operation)


def _is_general(name: str) -> bool:
    return (
        re.fullmatch(r"数值|数据|值|数量|金额|总额|合计|values?|amounts?|totals?|numbers?|figures?", fold(name).strip())
        is not None
    )


def _of_clause(scope: Scope) -> list[Operation]:
    """The operations of the clause's cues; cues that only qualify others make none."""
    cues = dict(scope.cues)
    for strong, weaker in _QUALIFIED.items():
        if strong in cues:
            for name in weaker:
                cues.pop(name, None)
    if "same period" in cues or "previous period" in cues:
        cues.pop("difference", None)
        cues["growth"] = cues["same period"] if "same period" in cues else cues["previous period"]
        cues.pop("same period", None)
        cues.pop("previous period", None)
    if "growth" in cues and "difference" in cues:
        del cues["difference"]
    if SUPERLATIVES & cues.keys() and OF_CHANGE.search(scope.text):
        for name in ("growth", "growth each", "difference"):
            cues.pop(name, None)
    of = _of(scope, cues)
    if "count" in cues and _is_no_count(scope, cues):
        del cues["count"]
    if "count" in cues and "sum" in cues and _count(scope, cues["count"][1], dict(cues)):
        del cues["sum"]  # 总共有多少个月
    made: list[Operation] = []
    for name, (start, end) in sorted(cues.items(), key=lambda cue: cue[1]):
        made += _made(scope, name, start, end, of, cues)
    return made


def _is_no_count(scope: Scope, cues: dict[str, tuple[int, int]]) -> bool:
    """The average number of orders, how many in stock in total: what is counted is in a column already."""
    start, end = cues["count"]
    cue = scope.found.folded[start:end]
    if re.search(r"(?:number|count) of", cue):
        return bool(cues.keys() & {"mean", "median", "max", "min", "sum", "trend", "growth"})
    bounded = {scope.bound_column(bound) for bound in scope.bounds}
    named = [c for c in number_columns(scope.table, scope.columns) if c not in bounded]
    return "sum" in cues and bool(named) and not scope.bounds


def _of(scope: Scope, cues: dict[str, tuple[int, int]]) -> Of:
    """哪个地区的平均销售额最高 asks for the highest of means: a mean beside a superlative is of groups."""
    if not cues.keys() & SUPERLATIVES:
        return ""
    for name in ("mean", "sum"):
        if name in cues:
            del cues[name]
            return name
    return ""


def _made(scope: Scope, name: str, start: int, end: int, of: Of, cues: dict[str, tuple[int, int]]) -> list[Operation]:
    if name == "count":
        return _count(scope, end, cues)
    if name in ("sum", "mean", "median"):
        return _aggregates(scope, name)  # type: ignore[arg-type]
    if name in ("max", "min", "top", "bottom", "rank"):
        return _superlatives(scope, name, start, end, of)
    if name in ("trend", "cagr", "growth each"):
        return _series(scope, "changes" if name == "growth each" else name)  # type: ignore[arg-type]
    if name == "growth":
        return _growth(scope)
    if name == "share":
        return _shares(scope)
    if name == "range":
        return [scope.new("range", column) for column in scope.values(adding=False)]
    return _two_sides(scope, name)  # type: ignore[arg-type]


def _aggregates(scope: Scope, name: Literal["sum", "mean", "median"]) -> list[Operation]:
    columns = scope.values(adding=name == "sum")
    by, wider = scope.each()
    periods = scope.table.of_kind("period")
    if name == "mean" and periods and PER_PERIOD.search(scope.text):
        # Of what each period comes to, where it has several rows.
        return [scope.new("mean", c, by=periods[0], by_kind=wider, of="sum") for c in columns]
    if by is not None and (wider or name == "sum" or not scope.is_unique(by)):
        return [scope.new("group", c, by=by, by_kind=wider, of=name) for c in columns]
    return [scope.new(name, c) for c in columns]


def _superlatives(scope: Scope, name: str, start: int, end: int, of: Of) -> list[Operation]:
    columns = scope.values(adding=False)
    if re.search(r"便宜|贵|cheap|expensive", scope.found.folded[start : end + 10]):
        priced = [c for c in columns if ALIKE & set(concepts_in(fold(scope.table.columns[c].name), MEASURES))]
        columns = priced or columns
    by, wider, is_foreign = _asked_for(scope, start, end)
    if is_foreign:
        return []
    if OF_CHANGE.search(scope.text):  # what grew most is not what is most
        return _growth(scope) if by in scope.table.of_kind("label") else _series(scope, "changes")
    n, smallest = 0, name in ("bottom", "min")
    if name in ("top", "bottom"):
        n = _n_in(scope.found.folded[start:end])
        if not n:
            return []
        if name == "top" and re.search(r"最[低小少差短便]|lowest|smallest|least|fewest|worst", scope.text):
            smallest = True
    if name == "rank":
        smallest = bool(
            re.search(r"从[低小少]到|升序|ascending|lowest (?:to|first)|smallest (?:to|first)|worst first", scope.text)
        )
    made = []
    for column in columns:
        each, kind = scope.each()
        if name in ("max", "min") and each is not None and each != by and not scope.is_unique(each):
            made.append(scope.new("group", column, by=each, by_kind=kind, of=name))
            continue
        label = by if by is not None else each
        grouped: Of = of if label is not None else ""
        if wider or (label is not None and not of and not scope.is_unique(label) and adds_up(scope.table, column)):
            grouped = of or "sum"
        if name in ("max", "min"):
            made.append(scope.new(name, column, by=label, by_kind=wider or kind, of=grouped))  # type: ignore[arg-type]
        else:
            made.append(scope.new("top", column, by=label, by_kind=wider or kind, of=grouped, n=n, smallest=smallest))
    return made


def _asked_for(scope: Scope, start: int, end: int) -> tuple[int | None, str, bool]:
    """What a superlative is asked of: a column, a wider period; True if it is nothing that the table has."""
    folded = scope.free
    asked = list(ASKED.finditer(folded, scope.clause.start, scope.clause.end))
    places = [m.start() for m in asked if m[0] in ("谁", "who", "whose")] + [m.end() for m in asked]
    behind = re.match(r"\s*(?:的|是|在)*(?:哪一?个)?", folded[end:])
    places.append(end + (behind.end() if behind else 0))
    for place in places:
        wider = scope.wider(folded[place:].lstrip())
        if wider:
            return scope.table.of_kind("period")[0], wider, False
        by = dimension(scope.table, folded[place:])
        if by is not None:
            return by, "", False
    labels = scope.table.of_kind("label", "period")
    known = all(dimensions_of(scope.table, label) for label in labels) and bool(labels)
    for place in places[:-1]:
        noun = folded[place:].lstrip()
        if not scope.table.of_kind("label") and known and _UNKNOWN.match(noun):
            return None, "", True  # which browser, of a table of days
        named = [name for name, (at, _) in concepts_in(noun[:16], DIMENSIONS).items() if at == 0]
        if named and known and not set(named) & {d for label in labels for d in dimensions_of(scope.table, label)}:
            return None, "", True
    return None, "", False


def _count(scope: Scope, end: int, cues: dict[str, tuple[int, int]]) -> list[Operation]:
    """Rows or labels; a sum where what is counted is what a column of numbers counts."""
    folded = scope.found.folded
    begin = next(start for name, start, last in scope.clause.cues if name == "count")
    cue = folded[begin:end]
    counter = re.search(r"[^\s多少几]$", cue)
    noun = folded[end:].lstrip()
    places = [noun] if not counter else [counter[0] + noun, noun]
    by = next((by for by in (dimension(scope.table, text) for text in places) if by is not None), None)
    each, kind = scope.each()
    if each is not None and each != by:
        return [Operation("group", None, scope.where(), each, kind, "count", as_written=scope.as_written)]
    measured = _measured(scope, counter[0] if counter else "", noun)
    if measured is not None and by is None:
        cues.pop("sum", None)
        return [scope.new("sum", measured)]
    if "sum" in cues and by is None:
        return []  # 总共卖了多少: the sum says it
    conditions = scope.where()
    is_generic = GENERIC.match(noun) is not None or (counter is not None and counter[0] in "行条")
    if by is None and not is_generic:
        stated = [n for n, (at, _) in concepts_in(noun[:16], DIMENSIONS).items() if at == 0]
        labels = scope.table.of_kind("label", "period")
        if not conditions or len(labels) != 1 or (stated and dimensions_of(scope.table, labels[0])):
            return []
        by = labels[0]
    return [Operation("count", None, conditions, by=None if is_generic else by, as_written=scope.as_written)]


def _measured(scope: Scope, counter: str, noun: str) -> int | None:
    """The column of numbers that counts what is asked for: 件 of 销量（件）, units of Units Sold."""
    numbers = scope.table.of_kind("number")
    by_unit = [c for c in numbers if counter and scope.table.columns[c].unit.key == counter]
    if len(by_unit) == 1:
        return by_unit[0]
    ahead = re.match(r"\s*(?:more |total |of |the )*([a-z]+)", noun)
    if ahead is not None:
        stem = ahead[1].rstrip("s")
        fitting = [
            c for c in numbers if re.search(rf"\b{re.escape(stem)}(?:s|es)?\b", fold(scope.table.columns[c].name))
        ]
        asked = set(concepts_in(ahead[1], MEASURES))
        fitting = fitting or [
            c for c in numbers if asked & set(concepts_in(fold(scope.table.columns[c].name), MEASURES))
        ]
        return fitting[0] if len(fitting) == 1 and len(stem) > 2 else None
    return None


def _series(scope: Scope, name: Literal["trend", "cagr", "changes"]) -> list[Operation]:
    """One for each column and, where a period has several rows, for each label."""
    periods = scope.table.of_kind("period")
    if not periods:
        return [scope.new(name, c) for c in scope.values(adding=False)]
    return [
        scope.new(name, column, by=periods[0], where=where)
        for column in scope.values(adding=False)
        for where in _by_label(scope, column, scope.where())
    ]


def _by_label(scope: Scope, column: int, where: tuple[Condition, ...]) -> list[tuple[Condition, ...]]:
    """The rows of one series each, where several labels share a period and none or more than one is chosen."""
    periods = scope.table.of_kind("period")
    if not periods or scope.is_unique(periods[0]) or re.search(r"总体|整体|合计|总|\b(?:overall|total)\b", scope.text):
        return [where]
    labels = [
        index
        for index in scope.table.of_kind("label")
        if len({scope.table.rows[r][index].text for r in scope.table.data_rows}) > 1
    ]
    chosen = {c.column: c for c in where if c.relation == "in" and c.column in labels}
    rest = [index for index in labels if index not in chosen or len(chosen[index].values) > 1]
    if not rest:
        return [where]
    by = next((c for c in chosen if len(chosen[c].values) > 1), None)
    each, _ = scope.each()
    by = by if by is not None else each if each in labels else rest[0] if len(rest) == 1 else None
    if by is None:
        return [where]
    values = chosen[by].values if by in chosen else tuple(
        dict.fromkeys(fold(scope.table.rows[r][by].text) for r in scope.table.data_rows)
    )  # fmt: skip
    if len(values) > MAX_SERIES:
        return [where] if adds_up(scope.table, column) else []
    others = tuple(c for c in where if c.column != by)
    return [(*others, Condition(by, "in", (value,))) for value in values]


def _growth(scope: Scope) -> list[Operation]:
    periods = scope.table.of_kind("period")
    sides = _sides(scope, periods[0] if periods else None)
    columns = scope.values(adding=False)
    if not periods:
        return [] if sides is None else _with_sides(scope, "growth", columns, sides)
    shift = "year" if "same period" in scope.cues else "one" if "previous period" in scope.cues else ""
    singles = [m for m in scope.rows if m.column == periods[0] and isinstance(m.value, Period)]
    if sides is not None and not shift:
        first, second = sides
        if _is_before(first.value, second.value):
            first, second = second, first
        made = []
        for column in columns:
            for where in _by_label(scope, column, scope.where([first, second])):
                made.append(
                    scope.new("growth", column, where=where, by=periods[0], first=_only(first), second=_only(second))
                )
        return made
    if scope.spans or (not singles and not shift):
        return [
            scope.new("growth", column, by=periods[0], where=where)
            for column in columns
            for where in _by_label(scope, column, scope.where())
        ]
    used = singles[:1]
    first_side = _only(used[0]) if used else ()
    against: Against = "year before" if shift == "year" else "period before"
    return [
        scope.new("growth", column, by=periods[0], where=where, first=first_side, against=against)
        for column in columns
        for where in _by_label(scope, column, scope.where(used))
    ]


def _sides(scope: Scope, column: int | None) -> tuple[Mention, Mention] | None:
    """Two different things that are named in one column; in the given one, if it is given."""
    spanned = [pair for pair in scope.spans if column is None or pair[0].column == column]
    if spanned:
        return spanned[0]
    for wanted in dict.fromkeys(m.column for m in scope.rows):
        if column is not None and wanted != column:
            continue
        named = [m for m in scope.rows if m.column == wanted and not m.excluded]
        if len({m.value for m in named}) == 2:
            return named[0], next(m for m in named if m.value != named[0].value)
    return None


def _two_sides(scope: Scope, name: Literal["difference", "ratio"]) -> list[Operation]:
    labels = [c for c in dict.fromkeys(m.column for m in scope.rows) if c in scope.table.of_kind("label")]
    sides = next((s for s in (_sides(scope, c) for c in labels) if s is not None), None) or _sides(scope, None)
    if sides is None:
        return []
    first, second = sides
    between = scope.found.folded[first.end : second.start]
    is_from_to = re.search(r"(?:从|\bfrom)\s*$", scope.found.folded[: first.start]) and re.search(
        r"到|至|\bto\b", between
    )
    is_period = isinstance(first.value, Period)
    is_compared = re.search(r"比|than|times|是|as", between)
    is_base_first = re.search(
        r"(?:和|与|跟|同|较|compared (?:to|with))\s*$", scope.found.folded[: first.start]
    ) and re.match(r"\s*(?:相比|比起来|比较|,)", between)
    if (
        is_from_to
        or is_base_first
        or (is_period and not is_compared and name == "difference" and _is_before(first.value, second.value))
    ):
        first, second = second, first
    return _with_sides(scope, name, scope.values(adding=False), (first, second))


def _with_sides(scope: Scope, name: Name, columns: list[int], sides: tuple[Mention, Mention]) -> list[Operation]:
    first, second = sides
    where = scope.where([first, second])
    return [scope.new(name, c, where=where, first=_only(first), second=_only(second)) for c in columns]


def _shares(scope: Scope) -> list[Operation]:
    columns = scope.values(adding=True)
    if scope.bounds:
        return []  # the share of rows that fit, not of what is in them
    each, wider = scope.each()
    parts = [m for m in scope.rows if not m.excluded and m.column in scope.table.of_kind("label", "period")]
    labels = [m for m in parts if m.column in scope.table.of_kind("label")]
    chosen = labels or parts
    if each is not None and not any(m.column == each for m in chosen):
        return [scope.new("share", c, by=each, by_kind=wider) for c in columns]
    if chosen:
        part = [m for m in chosen if m.column == chosen[-1].column]
        condition = Condition(part[0].column, "in", tuple(dict.fromkeys(m.value for m in part if m.value)))
        used = [*part, *(m for pair in scope.spans for m in pair if pair[0] in part)]
        return [scope.new("share", c, where=scope.where(used), first=(condition,)) for c in columns]
    labelled = scope.table.of_kind("label") or scope.table.of_kind("period")
    return [scope.new("share", c, by=labelled[0]) for c in columns if len(labelled) == 1]


def _only(mention: Mention) -> tuple[Condition, ...]:
    return (Condition(mention.column, "in", (mention.value,)),) if mention.value is not None else ()


def _is_before(one: object, other: object) -> bool:
    return (
        isinstance(one, Period) and isinstance(other, Period) and one.kind == other.kind and one.ordinal < other.ordinal
    )


def _n_in(text: str) -> int:
    """How many a superlative asks for."""
    match = re.search(rf"(?<![\w.]){N}(?![\w.])|{N}", text)
    return NUMBERS.get(match[0]) or int(match[0]) if match else 0
