"""What a series of numbers in time does: its trend, the growth between two periods, growth per year.

A series has one number for each period, earliest first. Knows no question.
"""

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from qianxun.answering.tables.operation import Operation
from qianxun.answering.tables.periods import Period
from qianxun.answering.tables.rows import CannotCompute, Entry
from qianxun.answering.tables.saying import NOTHING, Both, joined, number, percent, points, rounded, said, step
from qianxun.answering.tables.table import Table
from qianxun.answering.tables.units import Unit
from qianxun.messages import Remark

MAX_TURNS: Final = 5  # named one by one
Told: TypeAlias = tuple[Decimal | None, str, Both, Sequence[Entry]]

_PER_YEAR: Final = {"year": 1, "half": 2, "quarter": 4, "month": 12}


def ratio_in_percent(part: Decimal, whole: Decimal) -> tuple[Both, Both]:
    """part / whole in percent with its sign, to one decimal; a note if digits were lost."""
    exact = 100 * part / whole
    value = rounded(exact, 1)
    note = NOTHING if value == exact else said("百分比四舍五入到 1 位小数", "percentages rounded to 1 decimal")
    return percent(value), note


def trend(table: Table, operation: Operation, series: Sequence[Entry], name: Both, unit: Unit) -> Told:
    """From the first to the last period: change, mean change, highest and lowest, where it turns."""
    if len(series) < 2:
        raise CannotCompute(Remark("a trend needs two periods or more"))
    first, last = series[0], series[-1]
    change = last.value - first.value
    n_steps = _elapsed(series)
    mean, mean_note = _mean_change(change, n_steps, series)
    relative, rounding = _relative(change, first.value, unit)
    verb = (
        Both("升到", "rose to") if change > 0 else Both("降到", "fell to") if change < 0 else Both("回到", "ended at")
    )
    moved = said(
        "{name}从 {first} 的 {a} {verb} {last} 的 {b}", "{name} {verb} {b} in {last}, from {a} in {first}",
        name=name, first=first.label, last=last.label, a=number(first.value, unit), b=number(last.value, unit),
        verb=verb,
    )  # fmt: skip
    size = _sized(abs(change), unit)
    by = said(
        "{more} {size}{relative}，平均每{step}{more} {mean}",
        "{more} of {size}{relative}, {mean} per {step} on average",
        more=Both("增加", "an increase") if change > 0 else Both("减少", "a decrease"), size=size, relative=relative,
        mean=_sized(abs(mean), unit), step=step(first.period.kind if first.period else ""),
    )  # fmt: skip
    if change == 0:
        by = Both("首尾持平", "no change overall")
    high, low = max(series, key=lambda e: e.value), min(series, key=lambda e: e.value)
    extremes = said(
        "最高为 {high} {a}，最低为 {low} {b}", "highest in {high} ({a}), lowest in {low} ({b})",
        high=high.label, low=low.label, a=number(high.value, unit), b=number(low.value, unit),
    )  # fmt: skip
    if high.value == low.value:
        extremes = NOTHING
    statement = joined([joined([moved, by]), extremes, _shape(series)], "；", "; ")
    n_gaps = n_steps - (len(series) - 1)
    gaps = said("其间 {n} 期没有数据", "{n} periods in between have no data", n=str(n_gaps)) if n_gaps > 0 else NOTHING
    notes = joined([rounding, mean_note, gaps], "；", "; ")
    if notes:
        statement = said("{it}（{notes}）", "{it} ({notes})", it=statement, notes=notes)
    return change, _unit_of_change(unit), statement, series


def growth(table: Table, operation: Operation, series: Sequence[Entry], name: Both, unit: Unit) -> Told:
    """The change between two periods, in percent of the earlier one; percentages change by points.

    The two are the first and the last of the series, or, with `operation.against`, the one that `operation.first`
    names (else the last) and the one before it, or the same of the year before.
    """
    before, after = _compared(operation, series) if operation.against else (series[0], series[-1])
    if before is after:
        raise CannotCompute(Remark("growth needs two periods"))
    change = after.value - before.value
    relative, rounding = _relative(change, before.value, unit)
    statement = said(
        "{name}从 {a_of} 的 {a} 到 {b_of} 的 {b}，{more} {size}{relative}",
        "{name} went from {a} in {a_of} to {b} in {b_of}, {more} of {size}{relative}",
        name=name, a_of=before.label, b_of=after.label, a=number(before.value, unit), b=number(after.value, unit),
        more=Both("增加", "an increase") if change >= 0 else Both("减少", "a decrease"), size=_sized(abs(change), unit),
        relative=relative,
    )  # fmt: skip
    value: Decimal | None = change
    if not unit.is_share:
        value = rounded(100 * change / before.value, 1) if before.value > 0 else None
        if value is None:
            rounding = said("基数不为正，不计百分比", "no percentage: it would start from zero or less")
    if rounding:
        statement = said("{it}（{note}）", "{it} ({note})", it=statement, note=rounding)
    return value, "pp" if unit.is_share else "%", statement, [before, after]


def changes(table: Table, operation: Operation, series: Sequence[Entry], name: Both, unit: Unit) -> Told:
    """The growth of each period over the one before it."""
    if len(series) < 2:
        raise CannotCompute(Remark("growth needs two periods"))
    parts: list[Entry] = []
    listed: list[Both] = []
    note = NOTHING
    for before, after in itertools.pairwise(series):
        if before.period is None or after.period is None or _distance(before.period, after.period) != 1:
            continue
        change = after.value - before.value
        if unit.is_share:
            shown, value = points(change), change
        elif before.value > 0:
            shown, rounding = ratio_in_percent(change, before.value)
            value, note = rounded(100 * change / before.value, 1), rounding or note
        else:
            continue
        parts.append(Entry(after.label, value, (*before.cells, *after.cells), after.period))
        listed.append(said("{label} {shown}", "{label} {shown}", label=after.label, shown=shown))
    if not parts:
        raise CannotCompute(Remark("growth needs two periods"))
    statement = said(
        "{name}逐{step}变化：{listed}", "{name}, change on the {step} before: {listed}",
        name=name, step=step(parts[0].period.kind if parts[0].period else ""), listed=joined(listed),
    )  # fmt: skip
    if note:
        statement = said("{it}（{note}）", "{it} ({note})", it=statement, note=note)
    return None, "pp" if unit.is_share else "%", statement, parts


def annual_growth(table: Table, operation: Operation, series: Sequence[Entry], name: Both, unit: Unit) -> Told:
    """Compound annual growth rate, in percent to one decimal: (last / first) ** (1 / years) − 1."""
    first, last = series[0], series[-1]
    kind = first.period.kind if first.period else ""
    if kind not in _PER_YEAR or len(series) < 2:
        raise CannotCompute(Remark("annual growth needs periods of a year or parts of it"))
    if unit.is_share or first.value <= 0 or last.value <= 0:
        raise CannotCompute(Remark("annual growth needs amounts above 0"))
    years = Decimal(_elapsed(series)) / _PER_YEAR[kind]
    value = rounded(100 * ((last.value / first.value) ** (1 / years) - 1), 1)
    statement = said(
        "{name}从 {a_of} 的 {a} 到 {b_of} 的 {b}，{years} 年的年均复合增长率为 {rate}（百分比四舍五入到 1 位小数）",
        "{name} went from {a} in {a_of} to {b} in {b_of}: a compound annual growth rate of {rate} over {years} years "
        "(percentages rounded to 1 decimal)",
        name=name, a_of=first.label, b_of=last.label, a=number(first.value, unit), b=number(last.value, unit),
        years=number(rounded(years, 2)), rate=percent(value),
    )  # fmt: skip
    return value, "%", statement, [first, last]


def _unit_of_change(unit: Unit) -> str:
    return "pp" if unit.is_share else unit.text


def _sized(size: Decimal, unit: Unit) -> Both:
    return points(size) if unit.is_share else number(size, unit)


def _relative(change: Decimal, base: Decimal, unit: Unit) -> tuple[Both, Both]:
    """The change in percent, in parentheses; nothing for percentages and where there is nothing to grow from."""
    if unit.is_share or base <= 0 or change == 0:
        return NOTHING, NOTHING
    shown, note = ratio_in_percent(change, base)
    return said("（{shown}）", " ({shown})", shown=shown), note


def _distance(before: Period, after: Period) -> int:
    distance = after.ordinal - before.ordinal
    cycle = {"month": 12, "quarter": 4, "weekday": 7}.get(before.kind, 0)
    return distance % cycle if cycle and before.year is None and distance < 0 else distance


def _elapsed(series: Sequence[Entry]) -> int:
    """How many periods lie between the first and the last."""
    periods = [entry.period for entry in series if entry.period is not None]
    return sum(_distance(a, b) for a, b in itertools.pairwise(periods))


def _mean_change(change: Decimal, n_steps: int, series: Sequence[Entry]) -> tuple[Decimal, Both]:
    places = 2 + max(max(0, -int(entry.value.normalize().as_tuple().exponent)) for entry in series)
    mean = rounded(change / n_steps, places)
    if mean * n_steps == change:
        return mean, NOTHING
    return mean, said("平均变化四舍五入到 {n} 位小数", "the average change rounded to {n} decimals", n=str(places))


def _shape(series: Sequence[Entry]) -> Both:
    """Rising or falling all the way, or where it turns."""
    unit = step(series[0].period.kind if series[0].period else "")
    moves = [
        (i, series[i].value - series[i - 1].value)
        for i in range(1, len(series))
        if series[i].value != series[i - 1].value
    ]
    if not moves or len(series) < 3:
        return NOTHING
    is_even = len(moves) < len(series) - 1
    if all(move > 0 for _, move in moves) or all(move < 0 for _, move in moves):
        rises = moves[0][1] > 0
        if is_even:
            return Both("期间未曾下降", "it never fell") if rises else Both("期间未曾上升", "it never rose")
        return said(
            "逐{unit}{way}",
            "{way} every {unit}",
            unit=unit,
            way=Both("上升", "rising") if rises else Both("下降", "falling"),
        )
    turns = [
        (series[before[0]], before[1] > 0)
        for before, after in itertools.pairwise(moves)
        if (before[1] > 0) != (after[1] > 0)
    ]
    if len(turns) > MAX_TURNS:
        return said("有起伏，转折 {n} 次", "up and down, with {n} turning points", n=str(len(turns)))
    listed = [
        said(
            "{label}（{way}）",
            "{label} ({way})",
            label=e.label,
            way=Both("由升转降", "peak") if up else Both("由降转升", "trough"),
        )
        for e, up in turns
    ]
    return said("转折点：{turns}", "turning points: {turns}", turns=joined(listed, "、", ", "))


def _compared(operation: Operation, series: Sequence[Entry]) -> tuple[Entry, Entry]:
    """The period asked for and the one that it is compared with."""
    after = series[-1]
    if operation.first:
        wanted = operation.first[0].values[0]
        named = [e for e in series if e.period is not None and isinstance(wanted, Period) and e.period.lies_in(wanted)]
        if len(named) != 1:
            raise CannotCompute(Remark("the table has {n} rows of the period asked for", n=len(named)))
        after = named[0]
    period = after.period
    if period is None or (operation.against == "year before" and period.year is None):
        raise CannotCompute(Remark("the table has no period to compare {period} with", period=after.label.en))
    for entry in series:
        if entry.period is None:
            continue
        if operation.against == "year before":
            is_it = entry.period == Period(period.kind, (period.year or 0) - 1, period.number)
        else:
            is_it = _distance(entry.period, period) == 1
        if is_it:
            return entry, after
    raise CannotCompute(Remark("the table has no period to compare {period} with", period=after.label.en))
