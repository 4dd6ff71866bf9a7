"""Dates as people write them, each as the period it stands for. Pure; knows no filter.

    2025, 2025年                        that year
    2025-03, 2025/3, 2025年3月          that month
    2025-03-01, 2025.3.1, 2025年3月1日  that day
    2025-03-01T12:30, …T12:30:05Z       that minute, that second
    today, yesterday, 今天, 昨天        a day
    7d, 3w, 6m, 1y, 7天, 3周前, 6个月   the day so long ago

Periods are those of UTC, as the times of documents are.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from qianxun.text import fold


@dataclass(frozen=True, slots=True)
class Period:
    """low <= time < high, compared as text with ISO 8601 times: "2025-03" and "2025-04" are the bounds of a March.

    Bounds are as short as the period is exact, so that a time that is known to the month only lies in its month.
    """

    low: str
    high: str


# Later years have no year after them in four digits; earlier ones are numbers, not dates of files.
_FIRST_YEAR, _LAST_YEAR = 1000, 9998

_DAY = re.compile(
    r"(?P<year>\d{4})(?:年(?:(?P<m1>\d{1,2})月(?:(?P<d1>\d{1,2})[日号]?)?)?|(?P<sep>[-/.])(?P<m2>\d{1,2})(?:(?P=sep)(?P<d2>\d{1,2}))?)?"
)
_COMPACT = re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[t ](\d\d):(\d\d)(?::(\d\d))?z?")
_AGO = re.compile(r"(\d{1,4})(?:([dwmy])|(天|周|个月)前?)|(\d{1,3})年前?")
_DAYS_BACK: Final = {"today": 0, "今天": 0, "今日": 0, "yesterday": 1, "昨天": 1, "昨日": 1}
_UNITS: Final = {"天": "d", "周": "w", "个月": "m"}


def period(written: str, now: datetime) -> Period | None:
    """The period that a date stands for; None if it is none. `now` without a zone is taken for UTC."""
    written = written.strip()
    if not written.isprintable():  # half characters too, which cannot be folded
        return None
    text = fold(written)
    found = _DAY.fullmatch(text)
    if found is not None:
        return _of_parts(int(found["year"]), _number(found["m1"] or found["m2"]), _number(found["d1"] or found["d2"]))
    found = _COMPACT.fullmatch(text)
    if found is not None:
        return _of_parts(int(found["year"]), int(found["month"]), int(found["day"]))
    found = _TIME.fullmatch(text)
    if found is not None:
        return _of_time(found)
    back = _day_back(text, now if now.tzinfo is not None else now.replace(tzinfo=UTC))
    return None if back is None else _of_parts(back.year, back.month, back.day)


def is_age(written: str) -> bool:
    """True for a day that is told by how long ago it is: 7d, today."""
    text = fold(written).strip()
    return text in _DAYS_BACK or _AGO.fullmatch(text) is not None


def is_bound(text: str, now: datetime) -> bool:
    """True if this is how `period` writes the beginning of what this text stands for."""
    found = period(text, now)
    return found is not None and found.low == text


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _of_parts(year: int, month: int | None, day: int | None) -> Period | None:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    if month is None:
        return Period(f"{year}", f"{year + 1}")
    if not 1 <= month <= 12:
        return None
    if day is None:
        after = (year + 1, 1) if month == 12 else (year, month + 1)
        return Period(f"{year}-{month:02}", f"{after[0]}-{after[1]:02}")
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    first = date(year, month, day)
    return Period(first.isoformat(), (first + timedelta(1)).isoformat())


def _of_time(found: "re.Match[str]") -> Period | None:
    try:
        first = datetime.fromisoformat(f"{found[1]}T{found[2]}:{found[3]}:{found[4] or '00'}")
    except ValueError:
        return None
    if not _FIRST_YEAR <= first.year <= _LAST_YEAR:
        return None
    exactness, step = ("seconds", timedelta(seconds=1)) if found[4] else ("minutes", timedelta(minutes=1))
    return Period(first.isoformat(timespec=exactness), (first + step).isoformat(timespec=exactness))


def _day_back(text: str, now: datetime) -> date | None:
    today = now.astimezone(UTC).date()
    if text in _DAYS_BACK:
        return today - timedelta(_DAYS_BACK[text])
    found = _AGO.fullmatch(text)
    if found is None:
        return None
    n = int(found[1] or found[4])
    unit = found[2] or _UNITS.get(found[3] or "", "y")
    if unit in "dw":
        return today - timedelta(n if unit == "d" else 7 * n)
    months = 12 * today.year + today.month - 1 - (n if unit == "m" else 12 * n)
    year, month = months // 12, months % 12 + 1
    if year < _FIRST_YEAR:
        return None
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))
