"""Numbers of a workbook as its cells show them. ECMA-376 part 1, 18.8.30 and 18.8.31.

Percentages, decimals, thousands, currencies, leading zeros, words around the number, dates and times. Not fractions,
colours, conditions or alignment. A date that its format shows without its whole year is written in full (ISO 8601):
in a citation it must say which day it was.
"""

import datetime
import functools
import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

_BUILT_IN: Final = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    37: "#,##0;-#,##0",
    38: "#,##0;-#,##0",
    39: "#,##0.00;-#,##0.00",
    40: "#,##0.00;-#,##0.00",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}
# 14 to 17 and the East Asian 27 to 36 and 50 to 58 look different in every country: dates in full.
_LOCAL_DATES: Final = frozenset({14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58})
_LOCAL_TIMES: Final = {
    22: "yyyy-mm-dd h:mm",
    32: "h:mm",
    33: "h:mm:ss",
    34: "h:mm",
    35: "h:mm:ss",
    55: "h:mm",
    56: "h:mm:ss",
}
_ISO_DATE: Final = "yyyy-mm-dd"

# A quoted text, an escaped character, a place left free, a fill, what is in brackets, or one character.
_TOKENS: Final = re.compile(
    r'"([^"]*)"?|\\(.)|_(.)|\*(.)|\[([^\]]*)\]|(AM/PM|am/pm|A/P|上午/下午|General|G/通用格式)|(.)', re.DOTALL
)
_ELAPSED: Final = re.compile(r"(?:h+|m+|s+)$", re.IGNORECASE)
_CURRENCY: Final = re.compile(r"\$([^\-\]]*)(?:-[^\]]*)?$")
_DATE_LETTERS: Final = frozenset("yYmMdDhHsSaA")
_MAX_SERIAL: Final = 2958466.0  # 9999-12-31, the last day a sheet can show
_MAX_DECIMALS: Final = 30

Shown = Callable[[float], str]


def format_code(number: int, codes: dict[int, str]) -> str:
    """The format of a number of a format, built in or one of the workbook's own; empty for the general one."""
    if number in codes:
        return codes[number]
    if number in _LOCAL_DATES:
        return _ISO_DATE
    return _LOCAL_TIMES.get(number) or _BUILT_IN.get(number, "")


def general(value: float) -> str:
    """A number without a format: up to 15 digits, as many as a sheet keeps."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15g}"


@functools.lru_cache(maxsize=4096)
def shown_by(code: str, from_1904: bool = False) -> Shown:
    """What a cell of this format shows of a number."""
    sections = [_Section(tokens) for tokens in _sections(code)]
    if not sections or any(section.is_general for section in sections[:1]):
        return general

    def shown(value: float) -> str:
        if not math.isfinite(value):
            return str(value)
        section, magnitude = sections[0], value
        if value < 0 and len(sections) > 1:
            section, magnitude = sections[1], -value
        elif value == 0 and len(sections) > 2:
            section = sections[2]
        return section.shown(magnitude, value, from_1904)

    return shown


def _sections(code: str) -> list[list[tuple[str, str]]]:
    """Tokens of each section but that for text: ("text" or "code" or "elapsed", what)."""
    sections: list[list[tuple[str, str]]] = [[]]
    for quoted, escaped, blank, fill, bracket, word, character in _TOKENS.findall(code[:1000]):
        here = sections[-1]
        if quoted or escaped:
            here.append(("text", quoted or escaped))
        elif blank or fill:
            here.append(("text", " " if blank and here and here[-1] != ("text", " ") else ""))
        elif bracket:
            currency = _CURRENCY.match(bracket)
            if currency:
                here.append(("text", currency.group(1)))
            elif _ELAPSED.match(bracket):
                here.append(("elapsed", bracket.lower()))
        elif word:
            here.append(("code", word))
        elif character == ";":
            sections.append([])
        elif character:
            here.append(("code", character))
    return sections[:3]


class _Section:
    """One section of a format."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        codes = "".join(what for kind, what in tokens if kind == "code")
        self.is_text = "@" in codes
        self.is_general = not tokens or self.is_text or "General" in codes or "G/通用格式" in codes or "?/" in codes
        has_places = re.search("[0#?]", re.sub(r"\.0+", "", codes)) is not None
        has_letters = not _DATE_LETTERS.isdisjoint(codes)
        self.is_date = any(kind == "elapsed" for kind, _ in tokens) or (has_letters and not has_places)

    def shown(self, magnitude: float, value: float, from_1904: bool) -> str:
        if self.is_general:
            return general(value)
        if self.is_date:
            return _date(self.tokens, value, from_1904)
        return _number(self.tokens, magnitude) or general(value)


def _number(tokens: list[tuple[str, str]], value: float) -> str:
    """A number in the places that the format has for it, between the words around it; empty if it has none."""
    before: list[str] = []
    after: list[str] = []
    pattern = ""
    for kind, what in tokens:
        is_place = kind == "code" and (
            what in "0#?.," or (what in "Ee+-" and pattern and set("Ee") & {pattern[-1], what})
        )
        if is_place and after and not "".join(after).strip():
            after.clear()
        if is_place and after:
            return ""  # words between the places
        if is_place:
            pattern += what
        else:
            (after if pattern else before).append(what)
    percents = sum(kind == "code" and what == "%" for kind, what in tokens)
    sign = "-" if value < 0 else ""
    scaled = abs(value) * 100.0**percents
    whole, _, exponent = pattern.upper().partition("E")
    if not pattern:
        text = ""
    elif exponent:
        decimals = min(len(re.sub("[^0#?]", "", whole.partition(".")[2])), _MAX_DECIMALS)
        text = f"{scaled:.{decimals}E}"
    else:
        text = _decimal(whole, scaled)
    if not text.strip("0.,"):
        sign = ""
    return " ".join(f"{sign}{''.join(before).strip()}{text}{''.join(after)}".split())


def _decimal(pattern: str, value: float) -> str:
    stripped = pattern.rstrip(",")
    value /= 1000.0 ** (len(pattern) - len(stripped))
    integer, _, fraction = stripped.partition(".")
    most = min(sum(c in "0#?" for c in fraction), _MAX_DECIMALS)
    least = min(fraction.count("0"), most)
    whole, _, decimals = _rounded(value, most).partition(".")
    while len(decimals) > least and decimals.endswith("0"):
        decimals = decimals[:-1]
    width = integer.count("0")
    whole = whole.zfill(width) if width else whole.lstrip("0")
    if "," in integer.strip(","):
        whole = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", whole)
    return f"{whole}.{decimals}" if decimals else whole


def _rounded(value: float, decimals: int) -> str:
    # Halves away from zero, as sheets round; the 15 digits that a sheet keeps decide what is a half.
    if value >= 1e15:
        return f"{value:.{decimals}f}"
    return str(Decimal(f"{value:.15g}").quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))


def _date(tokens: list[tuple[str, str]], value: float, from_1904: bool) -> str:
    """A day and a time of day counted in days."""
    codes = _runs(tokens)
    if not 0 <= value < _MAX_SERIAL:
        return general(value)
    letters = {what[0] for kind, what in codes if kind == "code"}
    moment = moment_of(value, from_1904)
    shows_year = any(kind == "code" and what.startswith("yyy") for kind, what in codes)
    if letters & {"y", "m", "d"} and not shows_year:
        has_time = "h" in letters or moment.time() != datetime.time()
        return moment.isoformat(" ", "minutes") if has_time else moment.date().isoformat()
    return "".join(_pieces(codes, moment, value)).strip()


def moment_of(value: float, from_1904: bool = False) -> datetime.datetime:
    """The moment of a number of days, to the second."""
    # Sheets count a 29 February 1900 that never was.
    start = datetime.datetime(1904, 1, 1) if from_1904 else datetime.datetime(1899, 12, 30 if value >= 60 else 31)
    return start + datetime.timedelta(seconds=round(value * 86400))


def _runs(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Equal letters in a row as one code, in lower case; `m` beside hours or seconds as `n`, for minutes."""
    found: list[tuple[str, str]] = []
    for kind, what in tokens:
        if kind == "code":
            what = what if len(what) > 1 else what.lower()
            if found and found[-1][0] == "code" and found[-1][1][0] == what and what in "ymdhsae0":
                found[-1] = ("code", found[-1][1] + what)
                continue
        found.append((kind, what))
    places = [i for i, (kind, what) in enumerate(found) if kind == "elapsed" or what[:1] in tuple("ymdhs")]
    for at, i in enumerate(places):
        kind, what = found[i]
        after_hours = at > 0 and found[places[at - 1]][1][0] == "h"
        before_seconds = at + 1 < len(places) and found[places[at + 1]][1][0] == "s"
        if kind == "code" and what in ("m", "mm") and (after_hours or before_seconds):
            found[i] = ("code", "n" * len(what))
    return found


_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _pieces(codes: list[tuple[str, str]], moment: datetime.datetime, elapsed_days: float) -> list[str]:
    of_twelve = any(kind == "code" and what.upper() in ("AM/PM", "A/P", "上午/下午") for kind, what in codes)
    hour = (moment.hour % 12 or 12) if of_twelve else moment.hour
    seconds = round(elapsed_days * 86400)
    shown: list[str] = []
    for kind, what in codes:
        n = len(what)
        if kind == "text":
            shown.append(what)
        elif kind == "elapsed":
            shown.append(str(seconds // {"h": 3600, "m": 60, "s": 1}[what[0]]).zfill(n))
        elif what.startswith("y"):
            shown.append(f"{moment.year:04d}" if n > 2 else f"{moment.year % 100:02d}")
        elif what.startswith("m"):
            name = _MONTHS[moment.month - 1]
            shown.append(str(moment.month).zfill(n) if n < 3 else name[:3] if n == 3 else name)
        elif what.startswith("d"):
            name = _WEEKDAYS[moment.weekday()]
            shown.append(str(moment.day).zfill(n) if n < 3 else name[:3] if n == 3 else name)
        elif what.startswith("a") and n >= 3 and "/" not in what:
            shown.append(("星期" if n > 3 else "") + "一二三四五六日"[moment.weekday()])
        elif what.startswith("h"):
            shown.append(str(hour).zfill(n))
        elif what.startswith("n"):
            shown.append(str(moment.minute).zfill(n))
        elif what.startswith("s"):
            shown.append(str(moment.second).zfill(n))
        elif what.upper() in ("AM/PM", "A/P"):
            shown.append("AM" if moment.hour < 12 else "PM")
        elif what == "上午/下午":
            shown.append("上午" if moment.hour < 12 else "下午")
        elif what.startswith(("0", ".")):
            continue  # parts of seconds
        else:
            shown.append(what)
    return shown
