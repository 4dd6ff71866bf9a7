"""The figures of a text, each with its place, its unit and its limit: dates, times, numbers and codes.

Read for judging answers, and apart from what the answering code reads (`qianxun.answering.facts`): the judge must not
share the blind spots of what it judges. Units and limits are part of a figure here: 80元 is not 80 美元, and 80元以上
is not 80元以下. Texts are as `spelled` gives them. Rules, not a parser; knows no citation and no answer.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from qianxun.evaluation.answers import figure_words as words
from qianxun.evaluation.answers.figure_words import Limit
from qianxun.text import CJK, fold

Kind: TypeAlias = Literal["date", "time", "number", "code"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure at `start` to `end` of the spelled text, `core` without the words of its limit.

    `value` is canonical: `2025-3-1` with `?` for a part that is not given, `18:30`, decimal text without separators, a
    code in lower case. `unit` is "" where none is known. `limit` is "+" for at least or more or later, "-" for at most
    or less or earlier; the words that say so lie in `start` to `end`.
    """

    kind: Kind
    value: str
    unit: str = ""
    limit: Limit = ""
    start: int = 0
    end: int = 0
    core: tuple[int, int] = (0, 0)

    def agrees(self, other: "Figure") -> bool:
        """True if a text that has the other figure bears this one; limits are compared apart (`limits_differ`)."""
        if self.kind == other.kind == "date":
            parts = zip(self.value.split("-"), other.value.split("-"), strict=True)
            return all(mine in ("?", theirs) for mine, theirs in parts)
        if self.kind == other.kind:
            same = self.value == other.value
            return same and (not self.unit or not other.unit or self.unit == other.unit)
        # 2025 of 2025年3月 and 1042 of E-1042, but not the other way round.
        return self.kind == "number" and not self.unit and self.value in re.findall(r"\d+", other.value)

    def differs_in_unit(self, other: "Figure") -> bool:
        """True for the same number of something else."""
        return self.kind == other.kind == "number" and self.value == other.value and not self.agrees(other)

    def differs_in_limit(self, other: "Figure") -> bool:
        """True for the same figure as a lower limit in one place and an upper limit in the other."""
        return bool(self.limit and other.limit and self.limit != other.limit)


def spelled(text: str) -> str:
    """The text in one spelling: NFKC, simplified characters, no contractions, 三月 as 3月.

    Upper case stays, since names are told by it. Offsets are not those of the text.
    """
    normal = unicodedata.normalize("NFKC", text).replace("’", "'")
    normal = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), normal)
    normal = _HAN_RUN.sub(lambda run: fold(run[0]), normal)
    normal = _HAN_DATE.sub(lambda numeral: _spoken(numeral[0]), normal)
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
_MONTH = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_Y, _M, _D = r"(?:1[5-9]|20|21)\d\d", r"(?:1[0-2]|0?[1-9])", r"(?:3[01]|[12]\d|0?[1-9])"
_HAN_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000}
_HAN_NUMERAL = "[零〇一二三四五六七八九十百千两]"
_DECIMAL = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_ENGLISH_ONES = {
    word: i
    for i, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_ENGLISH_TENS = {w: i * 10 for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_ENGLISH_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_ENGLISH_WORD = "(?:" + "|".join([*_ENGLISH_TENS, *reversed(_ENGLISH_ONES), *_ENGLISH_SCALES]) + ")"
# A Chinese numeral is a number only before what is counted; 一 alone and one only before a measure: 一个 is an article.
_COUNTED = (
    r"(?=个|[天日年月周夜晚元块名位次人台家项条倍折楼层岁届级款章号股票度期批类种件份本册辆架艘枚亩斤吨米克升万亿]|"
    r"小时|分钟|秒|公里|公斤|千克|工作日|季度|美元|欧元|港元|日元)"
)
_ONE_MEASURE = r"(?=个(?:月|工作日|小时|季度|星期)|[天年周倍]|小时|分钟|季度|星期)"
_ONE_UNIT = (
    r"(?=[\s-]+(?:(?:working|business|calendar)\s+)?"
    r"(?:day|hour|minute|second|week|month|quarter|year|percent|per\s+cent)s?\b)"
)
_HAN_NUMBER = rf"{_HAN_NUMERAL}+(?:点{_HAN_NUMERAL}+)?"
_NO_ARTICLE_ZH = rf"(?!一(?!{_HAN_NUMERAL}))|(?=一{_ONE_MEASURE})"
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
        ("number", rf"^\s*(?!一\s*$)(?P<han>{_HAN_NUMERAL}+)\s*$"),
        ("number", rf"百分之\s*(?P<percent>{_DECIMAL}|{_HAN_NUMBER})"),
        ("number", rf"第\s*(?P<ordinal>\d+|{_HAN_NUMERAL}+)"),
        ("number", rf"(?P<sign>(?<![A-Za-z\d)\]%.])[-−]|负|minus\s+)?(?<![\d.])(?P<plain>{_DECIMAL})"),
        ("number", rf"(?<!{_HAN_NUMERAL})(?P<han>(?:{_NO_ARTICLE_ZH}){_HAN_NUMBER}){_COUNTED}"),
        (
            "number",
            rf"\b(?P<english>{_NO_ARTICLE_EN}{_ENGLISH_WORD}(?:(?:\s+and)?[\s-]+{_ENGLISH_WORD})*|one{_ONE_UNIT})\b",
        ),
    )
)
# Numbers with a unit glued to them, and ordinals: read as numbers.
_NO_CODE = re.compile(
    r"^(?:\d+(?:st|nd|rd|th|s)|\d[\d,.]*(?:[a-z]|km|cm|mm|kg|ml|mg|gb|mb|kb|tb|hz|khz|mhz|ghz|kw|kwh|mw|kv|mpa|kpa|ms"
    r"|hours?|days?|mins?|hrs?|bn|m2|m3|km/h|pm|am))$"
)


def figures(text: str) -> list[Figure]:
    """The figures of a spelled text, in its order."""
    masked = text
    found: list[Figure] = []
    for name, pattern in _PATTERNS:
        read = _READERS[name]
        for match in list(pattern.finditer(masked)):
            figure = read(match, masked)
            if figure is not None:
                found.append(figure)
                # What is read once is no other figure as well; offsets stay.
                masked = masked[: match.start()] + "\0" * (match.end() - match.start()) + masked[match.end() :]
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
        return Figure("number", _value(named["percent"]), "%", start=start, end=end)
    if "ordinal" in named:
        return Figure("number", _value(named["ordinal"]), "ordinal", start=start, end=end)
    if "english" in named:
        value = _english(named["english"])
    else:
        value = _value(named.get("plain") or named["han"])
        scale = words.SCALE.match(text, end)
        if scale is not None:
            value, end = _moved(value, words.SCALES[scale[1].lower()]), scale.end()
    if "sign" in named:
        value = f"-{value}"
    currency = words.CURRENCY_BEFORE.search(text, max(0, start - 6), start)
    if currency is not None and re.match(r"m\b", text[end:], re.IGNORECASE):
        value, end = _moved(value, 6), end + 1
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
}


def _value(text: str) -> str:
    return _moved(text if text[0].isdigit() and text.isascii() else _spoken(text), 0)


def _moved(number: str, exponent: int) -> str:
    """Decimal text without separators, leading and trailing zeros, with the point moved to the right."""
    whole, _, fraction = number.replace(",", "").partition(".")
    fraction = fraction.ljust(exponent, "0")
    whole, fraction = whole + fraction[:exponent], fraction[exponent:].rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def _spoken(numeral: str) -> str:
    """三百二十 → 320; 二〇二五 → 2025; 三点五 → 3.5."""
    whole, _, fraction = numeral.partition("点")
    if any(c in _HAN_SCALES for c in whole):
        total, digit = 0, 0
        for c in whole:
            if c in _HAN_SCALES:
                total, digit = total + (digit or 1) * _HAN_SCALES[c], 0
            else:
                digit = _HAN_DIGITS[c]
        text = str(total + digit)
    else:
        text = "".join(str(_HAN_DIGITS[c]) for c in whole)
    return text + ("." + "".join(str(_HAN_DIGITS[c]) for c in fraction) if fraction else "")


def _english(numeral: str) -> str:
    """Two hundred and five → 205."""
    total, part = 0, 0
    for word in re.split(r"[\s-]+", numeral.lower()):
        if word in _ENGLISH_SCALES:
            scale = _ENGLISH_SCALES[word]
            part = (part or 1) * scale
            if scale > 100:
                total, part = total + part, 0
        elif word != "and":
            part += _ENGLISH_ONES.get(word) or _ENGLISH_TENS.get(word) or 0
    return str(total + part)
