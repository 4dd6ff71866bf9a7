"""The words that a figure is read with: units, currencies, scales, and the limits before and after it. Tables only."""

import re
from fractions import Fraction
from typing import Final, Literal, TypeAlias

Limit: TypeAlias = Literal["", "+", "-"]

# -- what stands after a number --------------------------------------------------------------------------------------

_UNIT_WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("%", r"%|percent\b|per\s+cent\b|pct\b"),
    ("point", r"个?百分点|percentage\s+points?\b"),
    ("‰", r"‰|per\s+mille\b"),
    ("workday", r"个?工作日|(?:working|business)\s*days?\b|workdays?\b|个?工作天"),
    ("day", r"个?自然日|天|日(?![期元常均程志光])|(?:calendar\s+)?days?\b"),
    ("hour", r"个?半?小时|个?钟头|hours?\b|hrs?\b|h\b"),
    ("minute", r"分钟|minutes?\b|mins?\b"),
    ("second", r"秒钟?|seconds?\b|secs?\b"),
    ("age", r"周?岁"),
    ("week", r"个?(?:星期|礼拜)|周(?!年)|weeks?\b"),
    ("month", r"个月|months?\b"),
    ("quarter", r"个?季度|quarters?\b"),
    ("year", r"周年|年(?!级)|years?\b|yrs?\b"),
    ("USD", r"美元|美金|usd\b|us\s*dollars?\b|dollars?\b"),
    ("EUR", r"欧元|eur\b|euros?\b"),
    ("HKD", r"港元|港币|hkd\b"),
    ("JPY", r"日元|日圆|jpy\b|yen\b"),
    ("GBP", r"英镑|gbp\b|pounds?\s+sterling\b"),
    ("TWD", r"新?台币|ntd\b|twd\b"),
    ("CNY", r"元|块钱?|人民币|cny\b|rmb\b|yuan\b"),
    ("ha", r"公顷|hectares?\b"),
    ("acre", r"英亩|acres?\b"),
    ("ft2", r"平方英尺|square\s+feet\b"),
    ("m2", r"平方米|平米|m2\b|square\s+met(?:er|re)s?\b"),
    ("m3", r"立方米|m3\b|cubic\s+met(?:er|re)s?\b"),
    ("km/h", r"公里/(?:小?时|h)|千米/(?:小?时|h)|km/h\b|kph\b"),
    ("km", r"公里|千米|km\b|kilomet(?:er|re)s?\b"),
    ("cm", r"厘米|cm\b|centimet(?:er|re)s?\b"),
    ("mm", r"毫米|mm\b|millimet(?:er|re)s?\b"),
    ("mu", r"亩"),
    ("m", r"米|met(?:er|re)s?\b|m\b"),
    ("inch", r"英寸|inch(?:es)?\b"),
    ("foot", r"英尺|f(?:oo|ee)t\b"),
    ("mile", r"英里|miles?\b"),
    ("mg", r"毫克|mg\b|milligrams?\b"),
    ("kg", r"千克|公斤|kg\b|kilograms?\b|kilos?\b"),
    ("jin", r"斤"),
    ("g", r"克|grams?\b|g\b"),
    ("t", r"吨|tons?\b|tonnes?\b|t\b"),
    ("lb", r"磅|lbs?\b|pounds?\b"),
    ("gallon", r"加仑|gallons?\b"),
    ("ounce", r"盎司|ounces?\b|oz\b"),
    ("ml", r"毫升|ml\b|millilit(?:er|re)s?\b"),
    ("l", r"升(?!级)|lit(?:er|re)s?\b|l\b"),
    ("°F", r"华氏度|°\s*f\b"),
    ("°C", r"摄氏度|°\s*c\b|度(?!假)"),
    ("kWh", r"千瓦时|kwh\b"),
    ("MW", r"兆瓦|mw\b"),
    ("kW", r"千瓦|kw\b"),
    ("W", r"瓦|watts?\b|w\b"),
    ("kV", r"千伏|kv\b"),
    ("V", r"伏|volts?\b|v\b"),
    ("mA", r"毫安|ma\b"),
    ("A", r"安培|amp(?:ere)?s?\b|a\b(?!\s+[a-z])"),
    ("MHz", r"兆赫|mhz\b"),
    ("GHz", r"ghz\b"),
    ("kHz", r"千赫|khz\b"),
    ("Hz", r"赫兹?|hz\b"),
    ("bar", r"bar\b"),
    ("psi", r"psi\b"),
    ("MPa", r"兆帕|mpa\b"),
    ("kPa", r"千帕|kpa\b"),
    ("Gbps", r"gbps\b|gbit/s\b"),
    ("Mbps", r"mbps\b|mbit/s\b"),
    ("kbps", r"kbps\b|kbit/s\b"),
    ("TB", r"tb\b"),
    ("GB", r"gb\b|g\b"),
    ("MB", r"mb\b"),
    ("KB", r"kb\b"),
    ("ms", r"毫秒|ms\b|milliseconds?\b"),
    ("s", r"s\b"),
    ("times", r"倍|times\b|-?fold\b|x\b"),
    ("occasion", r"次|回(?!复|答)"),
    ("person", r"个?人(?!民|工|员|力|事|均)|名(?!称|单|额)|位(?!于|置)|people\b|persons?\b"),
    ("discount", r"折"),
    ("floor", r"楼|层|floors?\b|stor(?:e?y|ies)\b"),
    ("piece", r"件(?!数)|pieces?\b|items?\b"),
    ("unit", r"台|套|units?\b"),
    ("house", r"家(?!庭)"),
)
UNIT_NAMES = [name for name, _ in _UNIT_WORDS]
# A Latin unit ends where its letters do: between 16GB and 内存 is no boundary of words.
_ENDED = [words.replace(r"\b", "(?![a-z])") for _, words in _UNIT_WORDS]
UNIT = re.compile(r"\s*-?\s*(?:" + "|".join(f"({words})" for words in _ENDED) + ")", re.IGNORECASE)
# Unit → the unit that it can be counted in, and how many of these it is.
IN_OTHER_UNITS: Final[dict[str, tuple[str, Fraction]]] = {
    unit: (base, many)
    for base, units in (
        ("month", {"month": Fraction(1), "quarter": Fraction(3), "year": Fraction(12)}),
        (
            "minute",
            {
                "minute": Fraction(1),
                "second": Fraction(1, 60),
                "hour": Fraction(60),
                "day": Fraction(1440),
                "week": Fraction(10080),
            },
        ),
        (
            "g",
            {
                "mg": Fraction(1, 1000),
                "g": Fraction(1),
                "kg": Fraction(1000),
                "t": Fraction(1_000_000),
                "jin": Fraction(500),
            },
        ),
        ("mm", {"mm": Fraction(1), "cm": Fraction(10), "m": Fraction(1000), "km": Fraction(1_000_000)}),
        ("ml", {"ml": Fraction(1), "l": Fraction(1000)}),
        ("W", {"W": Fraction(1), "kW": Fraction(1000), "MW": Fraction(1_000_000)}),
        ("V", {"V": Fraction(1), "kV": Fraction(1000)}),
        ("A", {"mA": Fraction(1, 1000), "A": Fraction(1)}),
        ("kPa", {"kPa": Fraction(1), "MPa": Fraction(1000)}),
        ("Hz", {"Hz": Fraction(1), "kHz": Fraction(1000), "MHz": Fraction(1_000_000), "GHz": Fraction(1_000_000_000)}),
        ("‰", {"‰": Fraction(1), "%": Fraction(10)}),
    )
    for unit, many in units.items()
}
CURRENCY: Final[tuple[tuple[str, str], ...]] = (
    ("HKD", r"hk\$|hkd|港币|港元"),
    ("TWD", r"nt\$|ntd|twd|新?台币"),
    ("USD", r"us\$|usd|\$|美元|美金"),
    ("CNY", r"cny|rmb|人民币|[¥￥]"),
    ("EUR", r"eur|€|欧元"),
    ("GBP", r"gbp|£|英镑"),
)
CURRENCY_BEFORE = re.compile("(?:" + "|".join(f"({words})" for _, words in CURRENCY) + r")\s*$", re.IGNORECASE)
SCALES: Final = {
    "万亿": 12, "亿": 8, "千万": 7, "百万": 6, "万": 4, "千": 3, "百": 2,
    "trillion": 12, "billion": 9, "million": 6, "thousand": 3, "bn": 9, "k": 3, "m": 6,
}  # fmt: skip
SCALE = re.compile(
    r"\s*(万亿|亿|千万|百万|万|千(?![克米瓦帕赫伏])|百(?!分)|(?:trillion|billion|million|thousand|bn)\b|k\b)", re.I
)

# -- limits ----------------------------------------------------------------------------------------------------------

_CANNOT = r"不(?:得|应|可以?|能|准|许|要|予|会)?"
_MORE_ZH, _LESS_ZH = r"(?:超过|超出|高于|多于|大于|长于|晚于|迟于)", r"(?:低于|少于|小于|短于|早于|不足|不到)"
_MORE_EN = r"(?:more|greater|higher|later|larger|longer|older|further)"
_LESS_EN = r"(?:less|fewer|lower|earlier|smaller|shorter|sooner|younger)"
_EXCEED = r"exceed(?:s|ed|ing)?"
# What is a limit wherever it stands; the longer first, since 不超过 holds 超过.
LIMITS: Final[tuple[tuple[Limit, str], ...]] = (
    ("-", rf"{_CANNOT}\s*{_MORE_ZH}|未{_MORE_ZH}"),
    ("+", rf"{_CANNOT}\s*(?:低于|少于|小于|短于|早于)"),
    ("-", rf"\b(?:no|not|never)\s+(?:be\s+|to\s+be\s+)?(?:any\s+)?{_MORE_EN}\s+than\b|\bnot\s+(?:to\s+)?{_EXCEED}\b"),
    ("-", r"\bnot\s+(?:be\s+)?(?:above|over)\b"),
    ("+", rf"\b(?:no|not)\s+(?:be\s+)?(?:any\s+)?{_LESS_EN}\s+than\b|\bnot\s+(?:be\s+)?(?:below|under)\b"),
    ("+", rf"{_MORE_ZH}|至少|起码|最[少低小早]|下限"),
    ("-", rf"{_LESS_ZH}|至多|封顶|最[多高大晚迟]|上限"),
    ("+", rf"\b{_MORE_EN}\s+than\b|\bat\s+least\b|\bminimum\b|\bmin\b\.?|\b{_EXCEED}\b|[≥>]=?"),
    ("-", rf"\b{_LESS_EN}\s+than\b|\bat\s+most\b|\bmaximum\b|\bmax\b\.?|\bup\s+to\b|[≤<]=?"),
)
LIMIT: Final = re.compile("|".join(f"({words})" for _, words in LIMITS), re.IGNORECASE)
_BETWEEN = (
    r"(?:\s|[:：±]|为|是|约|of\b|the\b|a\b|an\b|age\b|total\b"
    r"|(?:in\s+)?(?:usd|cny|rmb|eur|hkd)\b|人民币|hk\$|nt\$|us\$|[$¥￥€£])*$"
)
LIMIT_BEFORE = re.compile(rf"(?:{LIMIT.pattern}){_BETWEEN}", re.IGNORECASE)
# Of these only what stands beside a figure is a limit.
BESIDE: Final[tuple[tuple[Limit, str], ...]] = (
    ("-", r"未满|不满|未达"),
    ("+", r"(?<![未不])满|(?<!未)达到?|逾|\b(?:over|above|after|since)\s"),
    ("-", r"\b(?:under|below|within|before|until)\s"),
)
BESIDE_BEFORE = re.compile("(?:" + "|".join(f"({words})" for _, words in BESIDE) + f"){_BETWEEN}", re.IGNORECASE)
# 最高限额为500元: what it is a limit of stands between, and is no part of the figure.
OF_WHAT: Final[tuple[tuple[Limit, str], ...]] = (("+", r"最[少低小早]|下限"), ("-", r"最[多高大晚迟]|上限"))
OF_WHAT_BEFORE = re.compile(
    "(?:" + "|".join(f"({words})" for _, words in OF_WHAT) + rf")[\u4e00-\u9fff]{{1,4}}(?:为|是|[:：]){_BETWEEN}"
)
_BY_DATE = re.compile(r"\b(?:by|until|till|before)\s*(?:the\s+)?$", re.IGNORECASE)
_FROM_DATE = re.compile(r"(?:\b(?:from|since|after|starting|beginning)\s*(?:the\s+)?|自从?\s*)$", re.IGNORECASE)
DATE_LIMITS: Final[tuple[tuple["re.Pattern[str]", Limit], ...]] = ((_BY_DATE, "-"), (_FROM_DATE, "+"))
IN_ADVANCE = re.compile(r"\s*(?:before(?:hand)?|in\s+advance|ahead|prior)\b", re.IGNORECASE)
_INCLUSIVE = r"\s*(?:[(（](?:不?含|包括|inclusive)[^)）]{0,6}[)）])?\s*"
AFTER: Final[tuple[tuple[Limit, str], ...]] = (
    ("+", r"(?:[及或和]其?|含)?(?:以上|之上)|以后|之后|后(?![台勤续面])|开外|起(?![来草始诉])"),
    (
        "-",
        r"(?:[及或和]其?|含)?(?:以下|之下)|以内|之内|内(?![容部的存网外陆核置涵径])|以前|之前|前(?![台期述款往来]|提(?![交出供前醒]))|为限|封顶|为止|止(?![损])",
    ),
    ("+", r"(?:or|and)\s+(?:more|above|over|up|older|longer|later|higher|greater)\b|\+(?!\d)"),
    (
        "-",
        r"(?:or|and)\s+(?:less|fewer|below|under|younger|shorter|earlier|lower|smaller)\b|(?:at\s+most|max(?:imum)?)\b",
    ),
    ("+", r"(?:at\s+least|min(?:imum)?)\b"),
)
LIMIT_AFTER = re.compile(_INCLUSIVE + "(?:" + "|".join(f"({words})" for _, words in AFTER) + ")", re.IGNORECASE)
