"""Units and scales of numbers: 万元, %, $, kg, 件. Knows no cell and no table.

A unit is kept as it is written; two are the same if their `key` is. A scale is a power of ten that is part of the
unit (万 in 万元, million in USD million). What is not in these lists is no unit: 7 up is no quantity.
"""

import re
from dataclasses import dataclass
from typing import Final

# Each line one unit; the first writing names it. Folded writings (see `qianxun.text.fold`).
_SAME: Final = (
    "元 ¥ rmb cny 人民币 块 块钱 圆 yuan", "美元 $ us$ usd 美金 dollars dollar", "欧元 € eur euros euro",
    "英镑 £ gbp pounds", "日元 jpy 円 yen", "港元 hk$ hkd 港币", "台币 nt$ twd 新台币", "韩元 ₩ krw", "卢比 ₹ inr",
    "% percent pct 百分比", "‰", "百分点 个百分点 pp",
    "吨 t tons ton tonnes tonne", "千克 kg 公斤", "克 g", "斤", "千米 km 公里", "米 m", "厘米 cm", "毫米 mm",
    "平方米 m2 sqm 平米", "立方米 m3", "升 l", "毫升 ml", "千瓦时 kwh 度电", "兆瓦 mw", "千瓦 kw", "瓦 w",
    "度 °c ℃", "°f",
    "gb", "mb", "kb", "tb", "hz", "ms 毫秒", "秒 s sec seconds secs", "分钟 min minutes mins",
    "小时 h hours hour hrs 个小时", "天 days day", "周 weeks week 个星期", "个月 months", "年 years yrs", "岁",
    "人 people persons 名 位",
    "件 pcs units unit items pieces", "台", "个", "家", "次 times", "条", "辆", "套", "箱",
    "本", "部", "张", "户", "亩", "公顷 ha", "分 points pts", "单", "笔", "票", "间", "栋", "只", "头", "瓶", "袋",
    "盒",     "包", "份", "项", "款", "场", "批", "倍 x", "人次", "架", "艘", "双", "杯", "枚", "支",
    "股", "桶", "课时",
)  # fmt: skip
_KEYS: Final = {writing: line.split()[0] for line in _SAME for writing in line.split()}
SCALES: Final = {
    "万亿": 12, "千亿": 11, "百亿": 10, "十亿": 9, "亿": 8, "千万": 7, "百万": 6, "十万": 5, "万": 4, "千": 3,
    "trillion": 12, "billion": 9, "bn": 9, "million": 6, "mn": 6, "thousand": 3, "thousands": 3, "millions": 6,
    "billions": 9, "k": 3, "m": 6, "b": 9, "w": 4,
}  # fmt: skip
_SYMBOLS: Final = ("us$", "hk$", "nt$", "$", "¥", "€", "£", "₩", "₹")
_CODES: Final = ("usd", "cny", "rmb", "eur", "gbp", "jpy", "hkd", "twd", "krw", "inr", "人民币")
_SHOWN: Final = {code: code.upper() for code in _CODES} | {
    "m": "M", "b": "B", "°c": "°C", "°f": "°F", "kwh": "kWh", "mw": "MW", "kw": "kW", "w": "W", "m2": "m²", "m3": "m³",
    "us$": "US$", "hk$": "HK$", "nt$": "NT$", "gb": "GB", "mb": "MB", "tb": "TB", "hz": "Hz",
}  # fmt: skip
_LATIN: Final = re.compile(r"[a-z]")


def _any(writings: "tuple[str, ...] | list[str]") -> str:
    longest_first = sorted(writings, key=len, reverse=True)
    return "|".join(re.escape(w) + (r"(?![a-z])" if _LATIN.match(w[-1]) else "") for w in longest_first)


# For patterns on folded text. m, b and w as scales, and m as metre, are told apart by who reads the number.
CURRENCY_BEFORE: Final = _any([*_SYMBOLS, *_CODES])
SCALE: Final = _any(list(SCALES))
UNIT: Final = rf"(?:{_any(list(_KEYS))})(?:\s*/\s*(?:{_any(list(_KEYS))}))?"

_IN_HEADER: Final = re.compile(
    rf"(?:in\s+)?(?:(?P<before>{CURRENCY_BEFORE})\s*)?(?P<scale>{SCALE})?\s*(?P<unit>{UNIT})?"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it is written: `name` (`元`, `$`, `%`, empty for none) and `scale` (`万`, `million`, empty for 1)."""

    name: str = ""
    scale: str = ""

    @property
    def exponent(self) -> int:
        """The power of ten of the scale."""
        return SCALES[self.scale] if self.scale else 0

    @property
    def key(self) -> str:
        """The same for units that are the same, whatever their scale: 元 for ¥, rmb and 元."""
        first, slash, second = self.name.partition("/")
        return _KEYS.get(first.strip(), first.strip()) + slash + _KEYS.get(second.strip(), second.strip())

    @property
    def is_symbol(self) -> bool:
        """True if it stands before the number."""
        return self.name in _SYMBOLS

    @property
    def is_share(self) -> bool:
        """True for percent and per mille: parts of something, which do not add up."""
        return self.key in ("%", "‰")

    @property
    def text(self) -> str:
        """As it stands in a header: 万元, million USD, $M."""
        name = self.name if self.name == "m" else _SHOWN.get(self.name, self.name)
        scale = _SHOWN.get(self.scale, self.scale)
        if self.is_symbol or not self.scale or not self.name:
            return name + scale
        return f"{scale} {name}" if self.scale.isascii() else scale + name


NO_UNIT: Final = Unit()


def unit_of_header(folded: str) -> Unit | None:
    """The unit that the folded words in a header's parentheses say; None if they say something else."""
    match = _IN_HEADER.fullmatch(folded.strip())
    if match is None or not match.group().strip():
        return None
    scale, unit = match["scale"] or "", match["unit"] or match["before"] or ""
    if match["before"] and match["unit"]:
        return None  # two units
    if scale in ("m", "w", "b") and not unit:
        return Unit("m") if scale == "m" else None
    return Unit(_spaceless(unit), scale)


def _spaceless(unit: str) -> str:
    return re.sub(r"\s*/\s*", "/", unit)
