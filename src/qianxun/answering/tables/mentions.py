"""What of a table a question names: columns, labels in its rows, periods, bounds on numbers. Asks for nothing itself.

Places are those in the folded question. Longer names are found first, and nothing is found within them: in 总额最高的
地区 a column 总额 is a name and no request for a sum.
"""

# ruff: noqa: E501 (a Chinese character counts as two)

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from qianxun.answering.tables.periods import Found, Period, cased, periods_in
from qianxun.answering.tables.table import Table
from qianxun.answering.tables.units import SCALE, UNIT, Unit
from qianxun.answering.tables.values import NUMBER, Quantity, quantity, spoken_number
from qianxun.answering.tables.words import (
    ALIKE,
    DIMENSIONS,
    EXCEPT,
    MEASURES,
    NOT_A_BOUND,
    NUMBERS,
    PERIOD_KINDS,
    concepts_in,
)
from qianxun.text import CJK, fold

Relation: TypeAlias = Literal["in", "not in", ">", ">=", "<", "<=", "=", "between", "last", "first"]

NAME: Final = "▢"
_CJK: Final = re.compile(rf"[{CJK}]")
_MORE: Final = r"超过|大于|高于|多于|高过|超出|突破|more than|over|above|greater than|higher than|larger than|exceed(?:s|ed|ing)?|>(?!=)"
_AT_LEAST: Final = r"不低于|不少于|不小于|大于等于|至少|达到|at least|no less than|not less than|>=|≥"
_LESS: Final = r"低于|小于|少于|不足|不到|under|below|less than|fewer than|lower than|smaller than|<(?!=)"
_AT_MOST: Final = r"不超过|不高于|不多于|不大于|小于等于|至多|最多|at most|no more than|not more than|up to|<=|≤"
_BEFORE: Final = ((">=", _AT_LEAST), ("<=", _AT_MOST), (">", _MORE), ("<", _LESS))
_BEHIND: Final = (
    (">=", r"以上|及以上|或以上|or more|or above|and above|or higher"),
    ("<=", r"以内|以下|及以下|或以下|or less|or fewer|or below|and below"),
)
_SPOKEN: Final = rf"(?P<spoken>[零一二三四五六七八九两十百千万亿]+)\s*(?P<spoken_unit>{UNIT})?"
_BOUND: Final = re.compile("|".join(rf"(?P<r{i}>{words})" for i, (_, words) in enumerate(_BEFORE)))
_NUMBER: Final = re.compile(rf"\s*(?:{NUMBER}(?![\d])|{_SPOKEN})")
_BETWEEN: Final = re.compile(
    rf"(?:between\s+|介于\s*|在\s*)?(?P<low>\d[\d,.]*)\s*(?P<low_scale>{SCALE})?\s*(?:{UNIT})?\s*(?:到|至|-|~|～|和|与|and|to)\s*(?P<high>\d[\d,.]*)\s*(?P<scale>{SCALE})?\s*(?P<unit>{UNIT})?\s*(?:之间)?"
)
_TO: Final = re.compile(r"\s*(?:份)?\s*(?:到|至|-|–|—|~|～|to|through|thru|until|till|up to)\s*(?:the\s+)?")
_AND: Final = re.compile(r"\s*(?:and|和|与|、|,|vs\.?|versus)\s*")
_AFTER: Final = re.compile(r"\b(?:after)\s*$")
_BEFORE_PERIOD: Final = re.compile(r"\b(?:before|prior to)\s*$")
_LAST: Final = re.compile(
    r"(?:最近|近|过去|最后)的?\s*(?P<n>\d{1,2}|[一二两三四五六七八九十])\s*个?(?:月|季度?|年|周|天|期)"
    r"|\b(?:last|past|latest|most recent)\s+(?P<m>\d{1,2}|two|three|four|five|six|seven|eight|nine|ten)\s+(?:months?|quarters?|years?|weeks?|days?|periods?)"
)
_FIRST: Final = re.compile(
    r"前\s*(?P<n>\d{1,2}|[一二两三四五六七八九十])\s*个?(?:月|季度|年|周|天|期)|\bfirst\s+(?P<m>\d{1,2}|two|three|four|five|six|seven|eight|nine|ten)\s+(?:months?|quarters?|years?|weeks?|days?|periods?)"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """What rows must be like. `values` are labels (folded), periods or quantities; with `between` two, both included.

    A label is compared as a whole; a row's period must lie in one of the periods; `last` and `first` have one quantity:
    how many of the column's periods.
    """

    column: int
    relation: Relation
    values: tuple[str | Period | Quantity, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in the question, from `start` to `end`: of a column, or, with `value`, of what stands in its rows."""

    start: int
    end: int
    column: int
    value: str | Period | None = None
    excluded: bool = False


@dataclass(slots=True)
class Mentions:
    """All that a question names. `masked` is the folded question with `NAME` in place of names, blanks of bounds.

    `foreign` are the measures that it names and that the table has not; `concepts` those that a column was found by.
    """

    folded: str
    masked: str
    columns: list[Mention] = field(default_factory=list)
    rows: list[Mention] = field(default_factory=list)
    conditions: list[tuple[int, Condition]] = field(default_factory=list)
    bounds: list[tuple[int, str, tuple[Quantity, ...]]] = field(default_factory=list)
    spans: list[tuple[Mention, Mention]] = field(default_factory=list)
    foreign: frozenset[str] = frozenset()


def mentions(question: str, table: Table) -> Mentions:
    """What the question names of the table (which is laid out, see `layout`)."""
    folded, written = cased(question)
    taken = bytearray(len(folded))
    found = Mentions(folded, folded)
    _names(found, table, written, taken)
    _periods(found, table, question, taken)
    _bounds(found, question, taken)
    _concepts(found, table, taken)
    names = bytearray(len(folded))
    for mention in (*found.columns, *found.rows):
        names[mention.start : mention.end] = b"\x01" * (mention.end - mention.start)
    found.masked = "".join(
        NAME if name else " " if hit else c for c, hit, name in zip(folded, taken, names, strict=True)
    )
    found.columns.sort(key=lambda m: m.start)
    found.rows.sort(key=lambda m: m.start)
    return found


def _names(found: Mentions, table: Table, written: str, taken: bytearray) -> None:
    """Names of columns and labels, the longest first."""
    names: list[tuple[str, int, str | None]] = []
    for index, column in enumerate(table.columns):
        if column.kind != "period":  # Sprint is in Sprint 3, which is a period
            names += [(name, index, None) for name in _writings(column.name)]
    for index in table.of_kind("label", "identifier"):
        for text in {table.rows[row][index].text for row in table.data_rows} - {""}:
            key = fold(text)
            names += [(name, index, key) for name in _aliases(key, fold(table.columns[index].name))]
    for name, index, label in sorted(names, key=lambda n: (-len(n[0]), n[2] is not None, n[1])):
        for start, end in _places(name, found.folded, written, is_label=label is not None):
            if not any(taken[start:end]):
                if label is None:
                    found.columns.append(Mention(start, end, index))
                else:
                    excluded = EXCEPT.search(found.folded[:start]) is not None
                    found.rows.append(Mention(start, end, index, label, excluded))
                taken[start:end] = b"\x01" * (end - start)


def _writings(name: str) -> set[str]:
    folded = fold(name).strip()
    spaceless = folded.replace(" ", "") if _CJK.search(folded) else folded
    return {n for n in (folded, spaceless, folded.replace("_", " ")) if len(n) > 1}


def _aliases(label: str, header: str) -> set[str]:
    """A label, and the same without the name of its column: north for North Region, 华东 for 华东地区."""
    short = label.replace(header, "").strip() if header and header in label else label
    return {label, short} - {""} if len(short) > 1 else {label}


def _places(name: str, folded: str, written: str, *, is_label: bool) -> Iterable[tuple[int, int]]:
    """Where a name stands: whole words, in singular or plural, for Latin letters; a single letter as a capital only."""
    left = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", name) else ""
    right = (
        r"(?:e?s)?(?![a-z0-9])"
        if re.search(r"[a-z]$", name)
        else r"(?![a-z0-9]|[.,]\d)"
        if re.search(r"\d$", name)
        else ""
    )
    for match in re.finditer(left + re.escape(name).replace(r"\ ", r"\s+") + right, folded):
        start, end = match.span()
        if len(name) == 1:
            if name.isascii() and name.isalpha():
                if not written[start].isupper() or (name in "ai" and re.match(r"\s+[a-z]", written[end:])):
                    continue
            elif not is_label or name.isdigit() or not _stands_alone(folded, start, end):
                continue
        yield start, end


def _stands_alone(folded: str, start: int, end: int) -> bool:
    """True for a single character that is no part of a word: 男的, 男性; not 北 in 北京."""
    behind = folded[end : end + 1]
    return not _CJK.match(behind) or behind in "的性生区部班组类级和与比有是"


def _periods(found: Mentions, table: Table, question: str, taken: bytearray) -> None:
    columns = table.of_kind("period")
    for pattern, relation in ((_LAST, "last"), (_FIRST, "first")):
        for match in pattern.finditer(found.folded):
            if columns and not any(taken[match.start() : match.end()]):
                n = match["n"] or match["m"]
                number = Quantity(Decimal(NUMBERS.get(n) or int(n)))
                found.conditions.append((match.start(), Condition(columns[0], relation, (number,))))  # type: ignore[arg-type]
                taken[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    named = [p for p in periods_in(question, bare_years=True) if not any(taken[p.start : p.end])]
    named = [p for p in named if not p.period.kind.startswith("step") or columns]
    for one in named:
        taken[one.start : one.end] = b"\x01" * (one.end - one.start)
    if not columns:
        return
    column = columns[0]
    years = {row[column].value.year for row in table.rows if isinstance(row[column].value, Period)}  # type: ignore[union-attr]
    if years == {None}:  # the table does not say its year: 2024 is what it is about
        named = [p for p in named if p.period.kind != "year"]
    named = _with_shared_years(named)
    used: set[int] = set()
    for i, one in enumerate(named):
        mention = Mention(one.start, one.end, column, one.period, EXCEPT.search(found.folded[: one.start]) is not None)
        found.rows.append(mention)
        if i in used or i + 1 >= len(named):
            continue
        after = named[i + 1]
        joint = found.folded[one.end : after.start]
        is_between = re.search(r"between\s+$|介于\s*$", found.folded[: one.start]) and _AND.fullmatch(joint)
        if after.period.kind == one.period.kind and (_TO.fullmatch(joint) or is_between):
            found.spans.append((mention, Mention(after.start, after.end, column, after.period)))
            used.add(i + 1)
    _open_ended(found, column)


def _open_ended(found: Mentions, column: int) -> None:
    """Since 2020, after March, 3月以来, 6月之前: replaced by conditions."""
    in_spans = {(m.start, m.end) for pair in found.spans for m in pair}
    kept = []
    for mention in found.rows:
        if (
            mention.column != column
            or not isinstance(mention.value, Period)
            or (mention.start, mention.end) in in_spans
        ):
            kept.append(mention)
            continue
        left, right = found.folded[: mention.start], found.folded[mention.end :]
        relation: Relation | None = None
        if re.match(r"\s*(?:以来|起|开始)", right) or re.search(r"(?:\bsince|自从?)\s*$", left):
            relation = ">="
        elif re.match(r"\s*(?:之后|以后|后(?!半))", right) or _AFTER.search(left):
            relation = ">"
        elif re.match(r"\s*(?:之前|以前|前(?![\d一二三四五六七八九十]))", right) or _BEFORE_PERIOD.search(left):
            relation = "<"
        elif re.search(r"(?:\buntil|\btill|截至|截止到?)\s*$", left):
            relation = "<="
        if relation is None:
            kept.append(mention)
        else:
            found.conditions.append((mention.start, Condition(column, relation, (mention.value,))))
    found.rows[:] = kept


def _with_shared_years(named: list[Found]) -> list[Found]:
    """2024年1月到6月 and from Jan to Jun 2024: who has no year takes that of the neighbour of the same kind."""
    shared = []
    for i, one in enumerate(named):
        period = one.period
        if period.year is None and period.kind in ("month", "quarter", "half", "day", "week"):
            near = [named[j].period for j in (i - 1, i + 1) if 0 <= j < len(named)]
            year = next((p.year for p in near if p.year is not None and p.kind == period.kind), None)
            period = Period(period.kind, year, period.number)
        shared.append(Found(one.start, one.end, period))
    return shared


def _bounds(found: Mentions, question: str, taken: bytearray) -> None:
    """Bounds on numbers: more than 100, 100 以上, between 100 and 200."""
    folded = found.folded
    for match in _BETWEEN.finditer(folded):
        said = match[0]
        if not (said.startswith(("between", "介于")) or said.endswith("之间")) or any(
            taken[match.start() : match.end()]
        ):
            continue
        scale = match["scale"] or ""
        unit = Unit(match["unit"] or "", scale)
        low = Unit(unit.name, match["low_scale"] or scale)
        values = tuple(
            Quantity(Decimal(text.replace(",", "").rstrip(".")), u)
            for text, u in ((match["low"], low), (match["high"], unit))
        )
        found.bounds.append((match.start(), "between", values))
        taken[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    for match in _BOUND.finditer(folded):
        number = _NUMBER.match(folded, match.end())
        if number is None or any(taken[match.start() : number.end()]):
            continue
        value = _number(number, question)
        if value is None:
            continue
        taken[match.start() : number.end()] = b"\x01" * (number.end() - match.start())
        if not NOT_A_BOUND.match(folded, number.end()):
            relation = next(r for i, (r, _) in enumerate(_BEFORE) if match[f"r{i}"])
            found.bounds.append((match.start(), relation, (value,)))
    for relation, words in _BEHIND:
        for match in re.finditer(rf"{NUMBER}\s*(?:{words})", folded):
            value = quantity(match, question)
            if value is not None and not any(taken[match.start() : match.end()]):
                found.bounds.append((match.start(), relation, (value,)))
                taken[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    found.bounds.sort(key=lambda bound: bound[0])


def _number(match: "re.Match[str]", question: str) -> Quantity | None:
    if match["spoken"] is None:
        return quantity(match, question)
    number = spoken_number(match["spoken"])
    return None if number is None else Quantity(number, Unit(match["spoken_unit"] or ""))


def _concepts(found: Mentions, table: Table, taken: bytearray) -> None:
    """Columns that the question calls by other words; measures that the table has not."""
    free = "".join(" " if hit else c for c, hit in zip(found.folded, taken, strict=True))
    numbers = list(table.of_kind("number", "identifier", "empty"))
    own = {i: set(concepts_in(fold(table.columns[i].name), MEASURES)) for i in numbers}
    named = {mention.column for mention in found.columns}
    foreign = set()
    for concept, (start, end) in concepts_in(free, MEASURES).items():
        fitting = [i for i in numbers if concept in own[i] or (concept in ALIKE and own[i] & ALIKE)]
        if any(concept in own[i] for i in fitting):
            fitting = [i for i in fitting if concept in own[i]]
        found.columns += [Mention(start, end, i) for i in fitting if i not in named]
        if not fitting and not any(concept in concepts_in(str(m.value), MEASURES) for m in found.rows):
            foreign.add(concept)
    found.foreign = frozenset(foreign)
    if not any(mention.column in numbers for mention in found.columns):
        _partial_names(found, table, free, numbers)


def _partial_names(found: Mentions, table: Table, free: str, numbers: list[int]) -> None:
    """Columns of numbers of which a word, or two characters, stand in the question, and in no other column's name."""
    for index in numbers:
        name = fold(table.columns[index].name)
        others = " ".join(fold(c.name) for i, c in enumerate(table.columns) if i != index)
        pieces = re.findall(r"[a-z]{3,}", name)
        for run in re.findall(rf"[{CJK}]+", name):
            pieces += [run[i : i + 2] for i in range(len(run) - 1)]
        for piece in pieces:
            stem = piece.rstrip("s") if piece.isascii() else piece
            match = re.search(rf"\b{stem}(?:s|es)?\b" if piece.isascii() else stem, free)
            if (
                match is not None
                and stem not in others
                and piece not in ("total", "average", "number", "平均", "合计", "总计")
            ):
                found.columns.append(Mention(match.start(), match.end(), index))
                break


def dimension(table: Table, text: str) -> int | None:
    """The column of labels or periods that the first words of a folded text name; None if none or several do."""
    ahead = re.match(
        rf"\s*(?:(?:个|家|种|款|位|名|项|条|的|of|the|different|distinct|不同)\s*)*(?P<rest>[{CJK}]{{1,6}}|[a-z]+(?:\s+[a-z]+)?)",
        text,
    )
    if ahead is None:
        return None
    rest = ahead["rest"]
    labels = table.of_kind("label", "period", "identifier")
    for index in labels:
        name = fold(table.columns[index].name)
        if len(name) > 0 and (rest.startswith(name) or re.match(rf"{re.escape(name)}(?:s|es)?\b", rest)):
            return index
    asked = [name for name, (start, _) in concepts_in(rest, DIMENSIONS).items() if start == 0]
    fitting = [i for i in labels if set(asked) & dimensions_of(table, i)]
    return fitting[0] if len(fitting) == 1 else None


def dimensions_of(table: Table, column: int) -> set[str]:
    """The dimensions that a column is: by its name, and for periods by their kind."""
    named = set(concepts_in(fold(table.columns[column].name), DIMENSIONS))
    if table.columns[column].kind != "period":
        return named
    kinds = {row[column].value.kind for row in table.rows if isinstance(row[column].value, Period)}  # type: ignore[union-attr]
    return {"day" if kind == "weekday" else kind for kind in kinds} & set(PERIOD_KINDS)
