"""The figures of a text, each with its place, its unit and its limit: dates, times, numbers and codes.

Units and limits are part of a figure: 80元 is not 80 美元, and 80元以上 is not 80元以下; `qianxun.answering.facts`, by
which sentences are chosen, reads less. Texts are as `spelled` gives them. Rules, not a parser; knows no citation.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from qianxun.answering.checking import figure_words as words
from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.figure_words import Limit
from qianxun.answering.checking.numerals import (
    DECIMAL,
    ENGLISH_WORD,
    HAN_NUMERAL,
    from_english,
    from_han,
    moved,
    value_of,
)
from qianxun.answering.checking.spoken import SPOKEN, SPOKEN_READERS
from qianxun.text import CJK, fold


def spelled(text: str) -> str:
    """The text in one spelling: NFKC, simplified characters, no contractions, 三月 as 3月.

    Upper case stays, since names are told by it. Offsets are not those of the text.
    """
    normal = unicodedata.normalize("NFKC", text).replace("’", "'")
    normal = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), normal)
    normal = _HAN_RUN.sub(lambda run: fold(run[0]), normal)
    normal = _HAN_DATE.sub(lambda numeral: from_han(numeral[0]), normal)
    return _CONTRACTION.sub(lambda found: f"{_FULL.get(found[1].lower(), found[1])} not", normal)


# Arabic, Devanagari, Thai, …: digits of other scripts that NFKC leaves alone.
_OTHER_DIGIT = re.compile(r"[^\D0-9]")
_HAN_RUN = re.compile(rf"[{CJK}]+")
_HAN_DATE = re.compile(
    r"[〇零一二三四五六七八九]{4}(?=\s*年)|[一二三四五六七八九十]{1,3}(?=\s*月(?:份|[一二三四五六七八九十\d]|$|\W))"
    r"|(?<=月)[一二三四五六七八九十]{1,3}(?=\s*[日号])|(?<=[上中下]午|[早晚]上|凌晨|傍晚|晚间|夜里)[一二三四五六七八九十]{1,3}(?=\s*[点时])"
)
_CONTRACTION = re.compile(r"\b(\w+?)n't\b", re.IGNORECASE)
_FULL = {"ca": "can", "wo": "will", "sha": "shall"}

# -- figures ---------------------------------------------------------------------------------------------------------

_MONTHS = {
    name: str(i)
    for i, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
            "september sept sep", "october oct", "november nov", "december dec",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
# In lower case these are other words.
_CAPITAL = {"may": "(?-i:May|MAY)", "march": "(?-i:March|MARCH)", "mar": "(?-i:Mar|MAR)"}
_MONTH = "(?:" + "|".join(_CAPITAL.get(m, m) for m in sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_Y, _M, _D = r"(?:1[5-9]|20|21)\d\d", r"(?:1[0-2]|0?[1-9])", r"(?:3[01]|[12]\d|0?[1-9])"
# A Chinese numeral is a number only before what is counted; 一 alone and one only before a measure: 一个 is an article.
_COUNTED = (
    r"(?=\s?(?:个|[天日年月周夜晚元块名位次人台家项条倍折楼层岁届级款章号股票度期批类种件份本册辆架艘枚亩斤吨米克升万亿]|"
    r"小时|分钟|秒|公里|公斤|千克|工作日|季度|美元|欧元|港元|日元))"
)
_ONE_MEASURE = r"(?=个(?:月|工作日|工作天|小时|季度|星期)|[天日年周倍秒]|小时|分钟|季度|星期)"
_ONE_UNIT = (
    r"(?=[\s-]+(?:(?:working|business|calendar)\s+)?"
    r"(?:day|hour|minute|second|week|month|quarter|year|percent|per\s+cent)s?\b)"
)
_HAN_NUMBER = rf"{HAN_NUMERAL}+(?:[万亿]{HAN_NUMERAL}*)*(?:点{HAN_NUMERAL}+)?"
_NO_ARTICLE_ZH = rf"(?!一(?!{HAN_NUMERAL}|[万亿]))|(?=一{_ONE_MEASURE})"
_NO_ARTICLE_EN = r"(?!one\b(?!\s+(?:hundred|thousand|million)))(?!zero\b)"

_PATTERNS: Final[tuple[tuple[str, "re.Pattern[str]"], ...]] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("code", r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+|https?://[^\s，。；）)]+"),
        ("date", rf"(?<![\d.])(?P<y>{_Y})\s*年度?\s*(?P<m>{_M})\s*月份?(?:\s*(?P<d>{_D})\s*[日号])?"),
        ("date", rf"(?<![\d.\-])(?P<y>{_Y})\s*([-/.])\s*(?P<m>{_M})\s*\2\s*(?P<d>{_D})(?![\d\-]|\.\d)"),
        ("date", rf"\b(?P<n>{_MONTH})\s*(?P<d>{_D})(?:st|nd|rd|th)?\b(?:\s*,?\s*(?P<y>{_Y})\b)?"),
        ("date", rf"(?<![\d.,])(?P<d>{_D})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<n>{_MONTH})(?:,?\s*(?P<y>{_Y})\b)?"),
        ("date", rf"\b(?P<n>{_MONTH}),?\s*(?P<y>{_Y})\b"),
        ("date", rf"(?<![\d.])(?P<m>{_M})\s*月份?\s*(?P<d>{_D})\s*[日号]"),
        ("date", rf"(?<![\d.])(?P<m>{_M})\s*月份?"),
        ("date", rf"(?<![\d.])(?P<y>{_Y})\s*年度?"),
        (
            "time",
            r"(?:(?P<half>上午|早上|凌晨|中午|下午|晚上|傍晚|晚间|夜里)\s*)?(?<![\d:])(?P<h>[01]?\d|2[0-4])\s*"
            r"(?::\s*(?P<mi>[0-5]\d)(?::[0-5]\d)?\s*(?P<ap>[ap]m\b|[ap]\.m\.)?|(?P<ap2>[ap]m\b|[ap]\.m\.)"
            r"|[点时](?![间段])(?:\s*(?P<mi2>[0-5]?\d)\s*分?|(?P<semi>半))?)",
        ),
        ("code", r"(?<![\w.])v?\d+(?:\.\d+){2,}(?![\w]|\.\d)"),
        ("code", rf"(?<![\d\-])(?!{_Y}-{_Y}\b)\+?\d{{3,4}}(?:-\d{{3,8}})+(?![\d\-])"),
        (
            "code",
            r"(?<![a-z0-9])(?=[a-z0-9\-_./]*[a-z])(?=[a-z0-9\-_./]*\d)[a-z0-9]+(?:[\-_./][a-z0-9]+)*(?![a-z0-9])",
        ),
        # A numeral that is all there is: the answer to "how many".
        ("number", rf"^\s*(?!一\s*$)(?P<han>{HAN_NUMERAL}+)\s*$"),
        ("number", rf"百分之\s*(?P<percent>{DECIMAL}|{_HAN_NUMBER})"),
        ("number", rf"千分之\s*(?P<permille>{DECIMAL}|{_HAN_NUMBER})"),
        ("number", rf"第\s*(?P<ordinal>\d+|{HAN_NUMERAL}+)"),
        ("number", rf"(?P<sign>(?<![A-Za-z\d)\]%.])[-−]|负|minus\s+)?(?<![\d.])(?P<plain>{DECIMAL})"),
        ("number", rf"(?<!{HAN_NUMERAL})(?P<han>(?:{_NO_ARTICLE_ZH}){_HAN_NUMBER}){_COUNTED}"),
        (
            "number",
            rf"\b(?P<english>{_NO_ARTICLE_EN}{ENGLISH_WORD}(?:(?:\s+and)?[\s-]+{ENGLISH_WORD})*|one{_ONE_UNIT})\b",
        ),
    )
)
# Most sentences have no digit: of them only these can say anything.
_DIGIT = re.compile(r"\d")
_IN_WORDS: Final = ("?P<percent>", "?P<permille>", "?P<ordinal>", "?P<han>", "?P<english>", "@")
_WITHOUT_DIGITS: Final = tuple(
    (name, pattern) for name, pattern in _PATTERNS if any(group in pattern.pattern for group in _IN_WORDS)
)
# Numbers with a unit glued to them, and ordinals: read as numbers.
_NO_CODE = re.compile(
    r"^(?:\d+(?:st|nd|rd|th|s)|\d[\d,.]*(?:[a-z]|km|cm|mm|kg|ml|mg|gb|mb|kb|tb|hz|khz|mhz|ghz|kw|kwh|mw|kv|mpa|kpa|ms"
    r"|hours?|days?|mins?|hrs?|bn|m2|m3|km/h|pm|am|bar|psi|[gmk]bps|min|ml|cm))$"
)


def figures(text: str, *, spoken: bool = False) -> list[Figure]:
    """The figures of a spelled text, in its order; with `spoken` also rates, days of the week and fractions."""
    masked = text
    found: list[Figure] = []
    patterns = _PATTERNS if _DIGIT.search(text) else _WITHOUT_DIGITS
    for name, pattern in (*(SPOKEN if spoken else ()), *patterns):
        read = _READERS[name]
        for match in list(pattern.finditer(masked)):
            figure = read(match, masked)
            if figure is not None:
                found.append(figure)
                # What is read once is no other figure as well; offsets stay.
                end = max(figure.end, match.end())
                masked = masked[: match.start()] + "\0" * (end - match.start()) + masked[end:]
    found.sort(key=lambda figure: figure.start)
    return list(_with_limits(found, text))


def _with_limits(found: list[Figure], text: str) -> Iterator[Figure]:
    """The figures with the limits that stand before or after them."""
    before_end = 0
    for place, figure in enumerate(found):
        after_start = found[place + 1].start if place + 1 < len(found) else len(text)
        start, end, limit = figure.start, figure.end, figure.limit
        before, after = text[before_end:start], text[end:after_start]
        behind = words.LIMIT_AFTER.match(after)
        ahead = words.LIMIT_BEFORE.search(before) or words.BESIDE_BEFORE.search(before)
        if ahead is not None:
            table = words.LIMITS if ahead.re is words.LIMIT_BEFORE else words.BESIDE
            limit, start = _limit_of(ahead, table), before_end + ahead.start()
        elif (worded := words.OF_WHAT_BEFORE.search(before)) is not None:
            limit = _limit_of(worded, words.OF_WHAT)
        elif figure.kind in ("date", "time"):
            for pattern, sign in words.DATE_LIMITS:
                beside = pattern.search(before)
                if beside is not None:
                    limit, start = sign, before_end + beside.start()
        if behind is not None:
            # The nearer word decides: 满一年以下 is odd, but a limit from above.
            limit, end = _limit_of(behind, words.AFTER), end + behind.end()
        if ahead is not None and "later" in ahead[0] and words.IN_ADVANCE.match(text, end):
            limit = "+"  # no later than five days before: at least five days
        before_end = end
        yield Figure(figure.kind, figure.value, figure.unit, limit, start, end, (figure.start, figure.end))


def limit_of(match: "re.Match[str]") -> Limit:
    """What a match of `LIMIT` says."""
    return _limit_of(match, words.LIMITS)


def _limit_of(match: "re.Match[str]", table: tuple[tuple[Limit, str], ...]) -> Limit:
    return next(limit for place, (limit, _) in enumerate(table, 1) if match[place] is not None)


def _date(match: "re.Match[str]", text: str) -> Figure | None:
    named = match.groupdict()
    month = named.get("m") or (_MONTHS[named["n"].lower().rstrip(".")] if named.get("n") else None)
    if month is None and named.get("d") is None and text[match.end() : match.end() + 1] in ("限", "龄"):
        return None
    parts = (named.get("y"), month, named.get("d"))
    value = "-".join(str(int(part)) if part else "?" for part in parts)
    return Figure("date", value, start=match.start(), end=match.end())


def _time(match: "re.Match[str]", text: str) -> Figure | None:
    if text.startswith("小时", match.end() - 1):
        return None
    hour, minute = int(match["h"]), int(match["mi"] or match["mi2"] or (30 if match["semi"] else 0))
    half = (match["ap"] or match["ap2"] or "")[:1].lower()
    if (half == "p" or match["half"] in ("下午", "晚上", "傍晚", "晚间", "夜里")) and hour < 12:
        hour += 12
    if half == "a" and hour == 12:
        hour = 0
    return Figure("time", f"{hour}:{minute:02d}", start=match.start(), end=match.end())


def _code(match: "re.Match[str]", text: str) -> Figure | None:
    code = match[0].lower().rstrip(".")
    if _NO_CODE.match(code):
        return None
    value = code[1:] if re.fullmatch(r"v[\d.]+", code) else code
    return Figure("code", value, start=match.start(), end=match.end())


def _number(match: "re.Match[str]", text: str) -> Figure | None:
    named = {key: value for key, value in match.groupdict().items() if value}
    start, end = match.start(), match.end()
    if "percent" in named:
        return Figure("number", value_of(named["percent"]), "%", start=start, end=end)
    if "permille" in named:
        return Figure("number", value_of(named["permille"]), "‰", start=start, end=end)
    if "ordinal" in named:
        return Figure("number", value_of(named["ordinal"]), "ordinal", start=start, end=end)
    if "english" in named:
        value = from_english(named["english"])
    else:
        value = value_of(named.get("plain") or named["han"])
        scale = words.SCALE.match(text, end)
        if scale is not None:
            value, end = moved(value, words.SCALES[scale[1].lower()]), scale.end()
    if "sign" in named:
        value = f"-{value}"
    currency = words.CURRENCY_BEFORE.search(text, max(0, start - 6), start)
    if currency is not None and re.match(r"m\b", text[end:], re.IGNORECASE):
        value, end = moved(value, 6), end + 1
    unit, name = words.UNIT.match(text, end), ""
    if unit is not None and unit.lastindex:
        name, end = words.UNIT_NAMES[unit.lastindex - 1], unit.end()
    if currency is not None and currency.lastindex:
        name, start = words.CURRENCY[currency.lastindex - 1][0], currency.start()
    return Figure("number", value, name, start=start, end=end)


_READERS: Final[dict[str, Callable[["re.Match[str]", str], Figure | None]]] = {
    "date": _date,
    "time": _time,
    "code": _code,
    "number": _number,
} | SPOKEN_READERS
