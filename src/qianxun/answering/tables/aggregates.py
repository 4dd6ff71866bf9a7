"""Sums, means, extremes, counts, differences and shares of a table's numbers. Knows no question.

Each takes a table, laid out, and an operation, and gives a result: its value, the entries that it is made from and a
sentence in each language.
"""

from decimal import Decimal

from qianxun.answering.tables.arithmetic import (
    DONE,
    Result,
    added,
    chosen_entries,
    decimals,
    grouped,
    left_out,
    listed,
    middle,
    n_values,
    noted,
    quotient,
    unit_of,
    value_column,
)
from qianxun.answering.tables.mentions import Condition
from qianxun.answering.tables.operation import NEVER_ADDED, Operation, adds_up
from qianxun.answering.tables.periods import Period
from qianxun.answering.tables.rows import CannotCompute, Entry, fitting, groups, naming_columns, numbers, row_name
from qianxun.answering.tables.saying import (
    MAX_LISTED,
    NOTHING,
    Both,
    chosen,
    column_name,
    joined,
    meant,
    number,
    points,
    said,
    step,
)
from qianxun.answering.tables.table import Table, amount
from qianxun.answering.tables.trends import ratio_in_percent
from qianxun.answering.tables.units import Unit
from qianxun.messages import Remark
from qianxun.text import fold


def total(table: Table, operation: Operation) -> Result:
    entries, n_empty = chosen_entries(table, operation)
    column = value_column(operation)
    total = added(table, column, entries)
    unit = unit_of(table, operation)
    statement = said(
        "{name}{where}合计 {total}", "The total of {name}{where} is {total}",
        name=column_name(table, column), where=chosen(table, operation.where), total=number(total, unit),
    )  # fmt: skip
    return Result(
        total,
        unit.text,
        entries,
        noted(statement, n_values(len(entries)), left_out(n_empty), _stated(table, operation, total)),
    )


def _stated(table: Table, operation: Operation, total: Decimal) -> Both:
    """What the table's own total says, if it has one of all rows."""
    column = value_column(operation)
    labels = ("合计", "总计", "总和", "共计", "总", "total", "totals", "grandtotal", "sum", "overall", "all")
    stated = [
        (row[column], value)
        for row in (table.rows[i] for i in sorted(table.summaries))
        if (value := amount(row[column], table.columns[column])) is not None
        and any("".join(fold(cell.text).split()).rstrip(":") in labels for cell in row if cell.value == "words")
    ]
    if operation.where or len(stated) != 1:
        return NOTHING
    shown = number(stated[0][1], table.columns[column].unit)
    if stated[0][1] == total:
        return said("与表中合计一致", "the table's own total says the same", shown=shown)
    return said("表中合计写的是 {shown}，与此不符", "the table's own total says {shown}, which differs", shown=shown)


def mean(table: Table, operation: Operation) -> Result:
    entries, n_empty, _ = grouped(table, operation, operation.of)
    column = value_column(operation)
    value, rounding = quotient(sum((e.value for e in entries), Decimal(0)), Decimal(len(entries)), decimals(entries))
    unit = unit_of(table, operation)
    plain = said("各项等权", "each value counts the same") if unit.is_share else NOTHING
    statement = said(
        "{name}{where}平均为 {value}", "The average of {name}{where} is {value}",
        name=column_name(table, column), where=chosen(table, operation.where), value=number(value, unit),
    )  # fmt: skip
    return Result(
        value, unit.text, entries, noted(statement, n_values(len(entries)), rounding, plain, left_out(n_empty))
    )


def median(table: Table, operation: Operation) -> Result:
    entries, n_empty = chosen_entries(table, operation)
    value, rounding = middle(sorted(e.value for e in entries), decimals(entries))
    unit = unit_of(table, operation)
    statement = said(
        "{name}{where}的中位数为 {value}", "The median of {name}{where} is {value}",
        name=column_name(table, value_column(operation)), where=chosen(table, operation.where),
        value=number(value, unit),
    )  # fmt: skip
    return Result(value, unit.text, entries, noted(statement, n_values(len(entries)), rounding, left_out(n_empty)))


def _named(table: Table, operation: Operation) -> tuple[list[Entry], int, Both, Both]:
    """What a superlative chooses among: groups, or rows by their names; empty cells, notes, what was done to groups."""
    if operation.by is not None and operation.of:
        entries, n_empty, note = grouped(table, operation, operation.of)
        n_cells = sum(len(entry.cells) for entry in entries)
        return entries, n_empty, note, DONE[operation.of] if n_cells > len(entries) else NOTHING
    found, n_empty = chosen_entries(table, operation)
    if operation.by is None:
        return found, n_empty, NOTHING, NOTHING
    texts = [row_name(table, row, (operation.by,)) for row in table.data_rows]
    if len(set(texts)) < len(texts):
        return found, n_empty, NOTHING, NOTHING  # several rows of one name: all that names them is needed
    place = {entry.cells[0]: entry for entry in found}
    named = [
        Entry(row_name(table, row, (operation.by,)), place[cell].value, (cell,), place[cell].period)
        for row in table.data_rows
        if (cell := table.rows[row][value_column(operation)]) in place
    ]
    return named, n_empty, NOTHING, NOTHING


def extreme(table: Table, operation: Operation) -> Result:
    entries, n_empty, note, of = _named(table, operation)
    best = (max if operation.name == "max" else min)(entry.value for entry in entries)
    winners = [entry for entry in entries if entry.value == best]
    unit = unit_of(table, operation)
    statement = said(
        "{name}{where}{of}{most}的是 {who}，为 {value}", "The {most_en}{of_en} of {name}{where} is {value} ({who})",
        name=column_name(table, value_column(operation)), where=chosen(table, operation.where), of=of,
        most="最高" if operation.name == "max" else "最低", most_en=DONE[operation.name].en,
        of_en=f" {of.en}" if of else "", who=joined([w.label for w in winners[:MAX_LISTED]], "、", ", "),
        value=number(best, unit),
    )  # fmt: skip
    return Result(best, unit.text, entries, noted(statement, note, left_out(n_empty)), winners)


def value_range(table: Table, operation: Operation) -> Result:
    entries, n_empty = chosen_entries(table, operation)
    high, low = max(entries, key=lambda e: e.value), min(entries, key=lambda e: e.value)
    unit = unit_of(table, operation)
    value = high.value - low.value
    statement = said(
        "{name}{where}最高 {high}（{high_of}），最低 {low}（{low_of}），相差 {value}",
        "{name}{where}: highest {high} ({high_of}), lowest {low} ({low_of}), a difference of {value}",
        name=column_name(table, value_column(operation)), where=chosen(table, operation.where),
        high=number(high.value, unit),
        high_of=high.label, low=number(low.value, unit), low_of=low.label,
        value=points(value) if unit.is_share else number(value, unit),
    )  # fmt: skip
    unit_text = "pp" if unit.is_share else unit.text
    return Result(value, unit_text, entries, noted(statement, left_out(n_empty)), [high, low])


def top(table: Table, operation: Operation) -> Result:
    entries, n_empty, note, of = _named(table, operation)
    ordered = sorted(entries, key=lambda e: e.value if operation.smallest else -e.value)
    n = operation.n or len(ordered)
    cut = ordered[:n]
    # Who has as much as the last one is as good.
    cut += [entry for entry in ordered[n:] if entry.value == cut[-1].value]
    tied = said("末位并列", "the last place is shared") if len(cut) > n else NOTHING
    few = said("共只有 {n} 项", "there are only {n}", n=str(len(ordered))) if len(ordered) < n else NOTHING
    order = Both("从低到高", "from the lowest") if operation.smallest else Both("从高到低", "from the highest")
    unit = unit_of(table, operation)
    statement = said(
        "{name}{where}{of}{order}：{listed}", "{name}{where}{of_en}, {order}: {listed}",
        name=column_name(table, value_column(operation)), where=chosen(table, operation.where), order=order,
        of=of, of_en=f", {of.en}" if of else "", listed=listed(cut, unit),
    )  # fmt: skip
    return Result(None, unit.text, entries, noted(statement, tied, few, note, left_out(n_empty)), cut)


def count(table: Table, operation: Operation) -> Result:
    rows = fitting(table, operation.where)
    bounded = [c.column for c in operation.where if c.relation not in ("in", "not in", "first", "last")]
    bounded = [c for c in bounded if table.columns[c].kind == "number"]
    for column in bounded:
        problem = table.columns[column].problem
        if problem is not None:
            raise CannotCompute(problem)
    shown = chosen(table, operation.where)
    if operation.by is None:
        names = naming_columns(table)
        entries = [Entry(row_name(table, row, names), Decimal(1), tuple(table.rows[row])) for row in rows]
        statement = said("共 {n} 行{where}", "There are {n} rows{where}", n=str(len(rows)), where=shown)
        return Result(Decimal(len(rows)), "", entries, statement)
    name = column_name(table, operation.by)
    found = groups(table, rows, operation.by, operation.by_kind)
    if bounded and any(len(members) > 1 for _, _, members in groups(table, table.data_rows, operation.by)):
        raise CannotCompute(Remark("{name} stands in several rows each", name=name.en))
    entries = [
        Entry(label, Decimal(1), tuple(table.rows[row][c] for row in members for c in (operation.by, *bounded)), period)
        for label, period, members in found
    ]
    listed = joined([entry.label for entry in entries[:MAX_LISTED]], "、", ", ")
    more = said("等", ", …") if len(entries) > MAX_LISTED else NOTHING
    statement = said("{name}{where}共 {n} 个", "{name}{where}: {n}", name=name, where=shown, n=str(len(entries)))
    if entries:
        statement = said("{it}：{listed}{more}", "{it} – {listed}{more}", it=statement, listed=listed, more=more)
    return Result(Decimal(len(entries)), "", entries, statement, entries)


def side(table: Table, operation: Operation, side: tuple[Condition, ...]) -> Entry:
    """One side of a difference or ratio: its rows added up, named by its cell or by its condition."""
    rows = fitting(table, (*operation.where, *side))
    entries, _ = numbers(table, rows, value_column(operation))
    value = added(table, value_column(operation), entries)
    label = row_name(table, rows[0], (side[0].column,)) if len(rows) == 1 else joined([meant(table, c) for c in side])
    return Entry(label, value, tuple(cell for entry in entries for cell in entry.cells))


def difference(table: Table, operation: Operation) -> Result:
    first, second = side(table, operation, operation.first), side(table, operation, operation.second)
    unit = unit_of(table, operation)
    value = first.value - second.value
    is_more = value >= 0
    size = points(abs(value)) if unit.is_share else number(abs(value), unit)
    relative, rounding = NOTHING, NOTHING
    if not unit.is_share and second.value > 0 and value:
        share, rounding = ratio_in_percent(value, second.value)
        relative = share
    statement = said(
        "{name}{where}：{a} {av}，{b} {bv}，" + ("前者比后者{more} {size}" if value else "两者相同"),
        "{name}{where}: {a} {av}, {b} {bv}; " + ("{a} is {size} {more_en}" if value else "no difference"),
        name=column_name(table, value_column(operation)), where=chosen(table, operation.where), a=first.label,
        av=number(first.value, unit), b=second.label, bv=number(second.value, unit), size=size,
        more="多" if is_more else "少", more_en="higher" if is_more else "lower",
    )  # fmt: skip
    if relative:
        statement = said("{it}（{relative}）", "{it} ({relative})", it=statement, relative=relative)
    return Result(
        value, "pp" if unit.is_share else unit.text, [first, second], noted(statement, rounding), [first, second]
    )


def ratio(table: Table, operation: Operation) -> Result:
    first, second = side(table, operation, operation.first), side(table, operation, operation.second)
    if second.value == 0:
        raise CannotCompute(Remark("nothing can be divided by 0"))
    unit = unit_of(table, operation)
    value, rounding = quotient(first.value, second.value, 2)
    statement = said(
        "{name}{where}：{a}（{av}）是 {b}（{bv}）的 {value} 倍",
        "{name}{where}: {a} ({av}) is {value} times {b} ({bv})",
        name=column_name(table, value_column(operation)), where=chosen(table, operation.where), a=first.label,
        av=number(first.value, unit), b=second.label, bv=number(second.value, unit), value=number(value),
    )  # fmt: skip
    return Result(value, "", [first, second], noted(statement, rounding), [first, second])


def share(table: Table, operation: Operation) -> Result:
    column = value_column(operation)
    entries, n_empty = chosen_entries(table, operation)
    if not adds_up(table, column) and (
        table.columns[column].unit.is_share or NEVER_ADDED.fullmatch(fold(table.columns[column].name))
    ):
        raise CannotCompute(Remark("percentages do not add up"))
    if any(entry.value < 0 for entry in entries):
        raise CannotCompute(Remark("numbers below 0 have no share"))
    total = added(table, column, entries)
    if total == 0:
        raise CannotCompute(Remark("nothing can be divided by 0"))
    unit = unit_of(table, operation)
    if operation.by is not None:
        groups_, _, _ = grouped(table, operation, "sum")
        shares = [(g, *quotient(100 * g.value, total, 1)) for g in groups_]
        parts = [Entry(g.label, share, g.cells, g.period) for g, share, _ in shares]
        rounding = next((note for _, _, note in shares if note), NOTHING)
        statement = said(
            "{name}{where}占比：{listed}（合计 {total}）", "Shares of {name}{where}: {listed} (of {total})",
            name=column_name(table, column), where=chosen(table, operation.where),
            listed=listed(parts, Unit("%")), total=number(total, unit),
        )  # fmt: skip
        return Result(None, "%", groups_, noted(statement, rounding, left_out(n_empty)), parts)
    part = side(table, operation, operation.first)
    value, rounding = quotient(100 * part.value, total, 1)
    statement = said(
        "{who}的{name}为 {part}，占{where}合计 {total} 的 {value}",
        "{name} of {who} is {part}, {value} of the total{where} of {total}",
        who=part.label, name=column_name(table, column), where=chosen(table, operation.where),
        part=number(part.value, unit), total=number(total, unit), value=number(value, Unit("%")),
    )  # fmt: skip
    return Result(value, "%", entries, noted(statement, rounding, left_out(n_empty)), [part])


def group(table: Table, operation: Operation) -> Result:
    if operation.column is None:
        return _counted(table, operation)
    entries, n_empty, note = grouped(table, operation, operation.of)
    unit = unit_of(table, operation)
    statement = said(
        "{name}{where}按{by}{of}：{listed}", "{name}{where}, {of} by {by}: {listed}",
        name=column_name(table, value_column(operation)), where=chosen(table, operation.where),
        by=_by_name(table, operation), of=DONE[operation.of], listed=listed(entries, unit),
    )  # fmt: skip
    return Result(None, unit.text, entries, noted(statement, note, left_out(n_empty)), entries)


def _counted(table: Table, operation: Operation) -> Result:
    """How many rows each group has."""
    if operation.by is None:
        raise CannotCompute(Remark("no number in the table fits"))
    entries = [
        Entry(label, Decimal(len(rows)), tuple(table.rows[row][operation.by] for row in rows), period)
        for label, period, rows in groups(table, fitting(table, operation.where), operation.by, operation.by_kind)
    ]
    statement = said(
        "按{by}计行数{where}：{listed}", "rows by {by}{where}: {listed}",
        by=_by_name(table, operation), where=chosen(table, operation.where), listed=listed(entries, Unit()),
    )  # fmt: skip
    return Result(None, "", entries, statement, entries)


def _by_name(table: Table, operation: Operation) -> Both:
    by = operation.by or 0
    if operation.by_kind:
        return step(operation.by_kind)
    if table.columns[by].name:
        return column_name(table, by)
    period = next((row[by].value for row in table.rows if isinstance(row[by].value, Period)), None)
    return step(period.kind) if isinstance(period, Period) else Both("项目", "item")
