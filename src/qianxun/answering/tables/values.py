"""What a cell says: a number with its unit, a period, nothing, or words. Knows no table.

Numbers are decimals from the first character on: 0.1 is one tenth. A number that is not exact (约 120, >100) is words,
and so is one that can be read in two ways (1,5): what it is worth would be a guess.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from qianxun.answering.tables.periods import Period, read_period
from qianxun.answering.tables.units import CURRENCY_BEFORE, NO_UNIT, SCALE, UNIT, Unit
from qianxun.text import fold

MAX_NUMBER_CHARS: Final = 40  # a longer one is an identifier

_MISSING: Final = frozenset(
    {
        *("", "-", "--", "---", "—", "——", "–", "−", "/", "\\", "…", "...", "?", "*"),
        *("n/a", "na", "n.a.", "nan", "null", "none", "nil", "tbd", "missing"),
        *("无", "缺", "缺失", "暂无", "无数据", "未统计", "未填", "空", "不详", "未知", "待定"),
    }
)
_DIGITS: Final = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_FORMAL: Final = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千")
_SMALL: Final = {"十": 10, "百": 100, "千": 1000}
_LARGE: Final = {"万": 10**4, "亿": 10**8}
_SPOKEN: Final = "[零〇一二三四五六七八九两十百千万亿]+(?:点[零〇一二三四五六七八九]+)?"
_WRITTEN: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:[ '’]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d{1,2})?|\.\d+"
NUMBER: Final = (
    rf"(?P<sign>[+\-−–↑↓])?\s*(?:(?P<before>{CURRENCY_BEFORE})\s*)?(?P<inner>[+\-−–])?"
    rf"(?P<number>{_WRITTEN})\s*(?P<scale>{SCALE})?\s*(?P<unit>{UNIT})?"
)
_CELL: Final = re.compile(rf"(?P<open>\()?\s*{NUMBER}\s*(?P<close>\))?")
_SPOKEN_CELL: Final = re.compile(rf"(?P<percent>百分之)?(?P<sign>负)?(?P<number>{_SPOKEN})\s*(?P<unit>{UNIT})?")
_PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")  # most cells of most tables
_EMPHASIS: Final = re.compile(r"^(\*\*|__|[*_`~]{1,2})(.+)\1$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written, and its unit: 1.2万元 is 1.2 and 万元."""

    number: Decimal
    unit: Unit = NO_UNIT

    @property
    def exact(self) -> Decimal:
        """The number without a scale: 12000 for 1.2万."""
        return self.number.scaleb(self.unit.exponent) if self.unit.exponent else self.number


Value: TypeAlias = Quantity | Period | Literal["empty", "words"]


def read_value(text: str) -> Value:
    """What a cell with this text says. A bare 2024 is a number here; its column may know better."""
    if _PLAIN.fullmatch(text) and len(text) <= MAX_NUMBER_CHARS:
        return Quantity(Decimal(text))
    plain = without_emphasis(text)
    folded = fold(plain).strip()
    if folded in _MISSING:
        return "empty"
    return read_period(plain) or read_quantity(plain) or "words"


def read_quantity(text: str) -> Quantity | None:
    """The number that all of the text is, with its unit; None if it is anything else."""
    folded = fold(text).strip()
    if len(folded) > MAX_NUMBER_CHARS:
        return None
    match = _CELL.fullmatch(folded)
    if match is not None:
        if bool(match["open"]) != bool(match["close"]) or (match["open"] and (match["sign"] or match["inner"])):
            return None
        return quantity(match, text, negative=bool(match["open"]))
    spoken = _SPOKEN_CELL.fullmatch(folded.translate(_FORMAL))
    if spoken is None:
        return None
    number = spoken_number(spoken["number"])
    if number is None or (spoken["percent"] and spoken["unit"]):
        return None
    return Quantity(-number if spoken["sign"] else number, Unit("%" if spoken["percent"] else spoken["unit"] or ""))


def quantity(match: "re.Match[str]", text: str, *, negative: bool = False) -> Quantity | None:
    """The quantity of a match of NUMBER in folded text; `text` is as written, since 3M is millions and 3m metres."""
    before, scale, unit = match["before"] or "", match["scale"] or "", match["unit"] or ""
    digits = re.sub("[, '’]", "", match["number"])
    if len(digits) > 1 and digits.startswith("0") and not digits.startswith("0."):
        return None  # 00123 names something
    if before and unit:
        if Unit(before).key != Unit(unit).key:
            return None
        unit = ""
    if scale in ("m", "b", "w") and not unit:
        written = unicodedata.normalize("NFKC", text)
        is_capital = scale.upper() in written and scale not in written
        if scale == "m" and not before and not is_capital:
            scale, unit = "", "m"
        elif scale in ("b", "w") and not before and not is_capital:
            return None
        elif scale == "w" and is_capital:
            scale, unit = "", "w"
    signs = (match["sign"] or "") + (match["inner"] or "")
    if len(signs) > 1:
        return None
    number = Decimal(digits)
    if negative or (signs and signs in "-−–↓"):
        number = -number
    return Quantity(number, Unit(before or re.sub(r"\s*/\s*", "/", unit), scale))


def spoken_number(numeral: str) -> Decimal | None:
    """一千二百 → 1200, 三万五千 → 35000, 二〇二四 → 2024, 三点五 → 3.5; None if it is no number (千万 alone, 百)."""
    whole, _, fraction = numeral.partition("点")
    if not any(c in _DIGITS or c == "十" for c in whole):
        return None
    if not any(c in _SMALL or c in _LARGE for c in whole):
        value = int("".join(str(_DIGITS[c]) for c in whole))
    else:
        total, section, digit = 0, 0, 0
        for c in whole:
            if c in _DIGITS:
                digit = _DIGITS[c]
            elif c in _SMALL:
                section += (digit or 1) * _SMALL[c]
                digit = 0
            else:
                total = (total + section + digit) * _LARGE[c] if c == "亿" else total + (section + digit) * _LARGE[c]
                section = digit = 0
        value = total + section + digit
    return Decimal(f"{value}.{''.join(str(_DIGITS[c]) for c in fraction)}" if fraction else value)


def without_emphasis(text: str) -> str:
    """The text without the Markdown marks around all of it."""
    text = text.strip()
    while (match := _EMPHASIS.match(text)) is not None:
        text = match[2].strip()
    return text
