"""Figures, names and conditions in words, in Chinese and English at once. Computes nothing.

Decimals are shown digit by digit as they were computed; what was rounded is said by who rounded it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from qianxun.answering.tables.mentions import Condition
from qianxun.answering.tables.periods import Period
from qianxun.answering.tables.table import Table
from qianxun.answering.tables.units import NO_UNIT, Unit
from qianxun.answering.tables.values import Quantity

PRECISION: Final = 80  # digits of intermediate results: more than any cell may have, twice
MAX_LISTED: Final = 12

_STEPS: Final = {
    "day": ("天", "day"), "weekday": ("天", "day"), "week": ("周", "week"), "month": ("月", "month"),
    "quarter": ("季度", "quarter"), "half": ("半年", "half-year"), "year": ("年", "year"),
}  # fmt: skip
_RELATIONS: Final = {
    ">": ("大于 ", "above "), ">=": ("不低于 ", "at least "), "<": ("小于 ", "below "), "<=": ("不超过 ", "at most "),
}  # fmt: skip
_RELATIONS_OF_PERIODS: Final = {
    ">": ("晚于 ", "after "), ">=": ("自 ", "since "), "<": ("早于 ", "before "), "<=": ("截至 ", "until "),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Both:
    """A text in Chinese and in English."""

    zh: str
    en: str

    def __bool__(self) -> bool:
        return bool(self.zh)


NOTHING: Final = Both("", "")


def said(zh: str, en: str, /, **values: "Both | str") -> Both:
    """Two templates filled in, each with the values in its language."""
    return Both(
        zh.format(**{k: v.zh if isinstance(v, Both) else v for k, v in values.items()}),
        en.format(**{k: v.en if isinstance(v, Both) else v for k, v in values.items()}),
    )


def joined(parts: Iterable[Both], zh: str = "，", en: str = ", ") -> Both:
    """The texts one after the other; empty ones are left out."""
    kept = [part for part in parts if part]
    return Both(zh.join(part.zh for part in kept), en.join(part.en for part in kept))


def number(value: Decimal, unit: Unit = NO_UNIT) -> Both:
    """A number with its unit as people write it: 1,200.5 万元, ¥1,200, −3%; thousands parted, no digit lost."""
    digits = f"{abs(value):,f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    sign = "−" if value < 0 else ""
    if unit.is_symbol:
        before = Unit(unit.name).text
        text = f"{sign}{before}{digits}{Unit('', unit.scale).text if unit.scale else ''}"
        return Both(text, text)
    if not unit.text:
        return Both(sign + digits, sign + digits)
    is_tight = unit.text in ("%", "‰", "°C", "°F", "k", "M", "B")
    return Both(*(f"{sign}{digits}{'' if is_tight else ' '}{unit.text}",) * 2)


def points(value: Decimal) -> Both:
    """A difference between percentages."""
    shown = number(value).zh
    return Both(f"{shown} 个百分点", f"{shown} percentage point{'' if abs(value) == 1 else 's'}")


def percent(value: Decimal) -> Both:
    """A change in percent with its sign; one decimal at least."""
    shown = f"{abs(value):,.1f}" if value == rounded(value, 1) else f"{abs(value):,f}"
    sign = "−" if value < 0 else "+" if value > 0 else ""
    return Both(*(f"{sign}{shown}%",) * 2)


def rounded(value: Decimal, places: int) -> Decimal:
    """Half up, as taught in school: 0.125 to 0.13, −0.125 to −0.13."""
    with localcontext() as context:
        context.prec = PRECISION
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def column_name(table: Table, column: int) -> Both:
    """The column's name without its unit."""
    name = table.columns[column].name
    apart = " " if name[-1:].isascii() else ""
    return Both(name + apart, name) if name else Both("数值", "the value")


def step(kind: str) -> Both:
    """What one period of this kind is called."""
    return Both(*_STEPS.get(kind, ("期", "period")))


def period_name(period: Period) -> Both:
    """A period that no cell names: the quarter or year that some months make up."""
    year = period.year
    if period.kind == "year":
        return Both(f"{year}年", str(year))
    before, behind = (f"{year}年", f" {year}") if year is not None else ("", "")
    if period.kind == "quarter":
        return Both(f"{before}第{'一二三四'[period.number - 1]}季度", f"Q{period.number}{behind}")
    if period.kind == "half":
        return Both(f"{before}{'上下'[period.number - 1]}半年", f"H{period.number}{behind}")
    months = "January February March April May June July August September October November December".split()
    if period.kind == "month":
        return Both(f"{before}{period.number}月", f"{months[period.number - 1]}{behind}")
    if period.kind == "day":
        month, day = divmod(period.number, 100)
        return Both(f"{before}{month}月{day}日", f"{months[month - 1]} {day}{',' if behind else ''}{behind}")
    if period.kind == "weekday":
        names = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
        return Both(f"周{'一二三四五六日'[period.number - 1]}", names[period.number - 1])
    if period.kind == "week":
        return Both(f"{before}第{period.number}周", f"week {period.number}{behind}")
    word = period.kind.partition(":")[2]
    return Both(f"第{period.number}{word}", f"{word} {period.number}")


def chosen(table: Table, where: Sequence[Condition]) -> Both:
    """The conditions in parentheses, empty if there are none: （地区：华东；销售额大于 100）."""
    parts = [_condition(table, condition) for condition in where]
    return said("（{parts}）", " ({parts})", parts=joined(parts, "；", "; ")) if parts else NOTHING


def _condition(table: Table, condition: Condition) -> Both:
    name = column_name(table, condition.column) if table.columns[condition.column].name else NOTHING
    values = [_value(table, condition.column, value) for value in condition.values]
    if condition.relation in ("in", "not in"):
        listed = joined(values, "、", ", ")
        if condition.relation == "not in":
            return said("不含 {listed}", "without {listed}", listed=listed)
        return (
            said("{name}：{listed}", "{name}: {listed}", name=Both(name.zh.strip(), name.en), listed=listed)
            if name
            else listed
        )
    if condition.relation == "between":
        name = NOTHING if isinstance(condition.values[0], Period) else name
        return said("{name}{low} 至 {high}", "{name}{low} to {high}", name=_spaced(name), low=values[0], high=values[1])
    if condition.relation in ("first", "last"):
        kind = next(
            (row[condition.column].value for row in table.rows if isinstance(row[condition.column].value, Period)), None
        )
        unit = step(kind.kind if isinstance(kind, Period) else "")
        zh, en = (
            ("前 {n} 个{unit}", "first {n} {unit}s")
            if condition.relation == "first"
            else ("最近 {n} 个{unit}", "last {n} {unit}s")
        )
        return said(zh, en, n=values[0], unit=unit)
    if isinstance(condition.values[0], Period):
        zh, en = _RELATIONS_OF_PERIODS[condition.relation]
        return said("{zh}{value}", "{en}{value}", zh=zh, en=en, value=values[0])
    zh, en = _RELATIONS[condition.relation]
    return said("{name}{zh}{value}", "{name}{en}{value}", name=_spaced(name), zh=zh, en=en, value=values[0])


def meant(table: Table, condition: Condition) -> Both:
    """What a condition names, without the column: 华东, Q1."""
    return joined([_value(table, condition.column, value) for value in condition.values], "、", ", ")


def _spaced(name: Both) -> Both:
    return Both(name.zh, f"{name.en} ") if name else name


def _value(table: Table, column: int, value: "str | Period | Quantity") -> Both:
    if isinstance(value, Period):
        return period_name(value)
    if isinstance(value, Quantity):
        return number(value.number, value.unit if value.unit != Unit() else table.columns[column].unit)
    written = next((row[column].text for row in table.rows if row[column].text.casefold() == value.casefold()), value)
    return Both(written, written)
