"""Logs: where a record begins, when it was written, and how bad it is.

A record is a line with a time or a level at its beginning, and the lines after it that have none: a stack trace
belongs to the message before it. Times are shown as they stand in the log, in one form; zones are left out.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# How many lines must begin a record, and among how many, before a text is called a log.
_TIMED_LINES: Final = 3
_LEVELLED_LINES: Final = 5
_LINES_LOOKED_AT: Final = 100
_LEVEL_WITHIN_CHARS: Final = 160
_NAMED: Final = ("FATAL", "ERROR", "WARN", "5xx", "4xx")  # in this order; others are not worth naming

_CLOCK = r"(?P<{0}h>\d\d?)[:：时時点點](?P<{0}i>\d\d?)(?:[:：分](?P<{0}s>\d\d?))?"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(_MONTHS)
_LEVEL_WORDS = r"TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|CRIT(?:ICAL)?|FATAL|PANIC|EMERG|ALERT"
_ZH_LEVELS = "调试|調試|信息|訊息|警告|错误|錯誤|严重|嚴重|致命"
# 2025-03-01 10:00:03, 2025/3/1 …, 2025年3月1日 10时00分03秒, 20250301 10:00:03; perhaps in brackets.
_DATED = re.compile(
    r"\s{0,4}[\[(【]?(?P<y>\d{4})(?:[-/.年](?P<m>\d\d?)[-/.月](?P<d>\d\d?)日?|(?P<mm>\d\d)(?P<dd>\d\d)(?=[ T]\d\d:))"
    r"[T ,]{0,2}" + _CLOCK.format("")
)
# Mar  1 10:00:03 host …; [Sat Mar 01 10:00:03.123456 2025]; Mar 01, 2025 10:00:03 AM
_NAMED_MONTH = re.compile(
    rf"(?:<\d{{1,3}}>)?\[?(?:[A-Z][a-z]{{2}} +)?(?P<b>{_MONTH}) +(?P<d>\d\d?),? +(?:(?P<y>\d{{4}}),? +)?"
    + _CLOCK.format("")
    + r"(?:[.,]\d+)?(?: (?P<after>\d{4})\b)?(?P<pm> [AP]M\b)?"
)
# 10.0.0.7 - - [01/Mar/2025:10:00:03 +0800] "GET / HTTP/1.1" 502 157
_ACCESS = re.compile(
    rf"\S{{1,80}} \S{{1,80}} .{{1,80}}?\[(?P<d>\d\d)/(?P<b>{_MONTH})/(?P<y>\d{{4}}):" + _CLOCK.format("") + r"[^\]]*\]"
    r'(?: "[^"\n]*" (?P<status>[1-5]\d\d)\b)?'
)
# 10:00:03.123 [main] INFO …
_CLOCKED = re.compile(r"\s{0,4}[\[(]?(?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d)(?:[.,]\d{1,9})?[\])]?(?=\s)")
# E0301 10:00:03.123456   1234 file.cc:10]
_GLOG = re.compile(r"(?P<glog>[IWEF])(?P<m>[01]\d)(?P<d>\d\d) (?P<h>\d\d):(?P<i>\d\d):(?P<s>\d\d)")
# {"time":"2025-03-01T10:00:03Z","level":"error",…}
_JSON = re.compile(
    r'\{[^\n]{0,300}?"@?(?:time(?:stamp)?|ts|date|datetime)"\s*:\s*"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)[T ]'
    + _CLOCK.format("")
)
_LEVEL_FIRST = re.compile(rf"\s{{0,4}}(?:[\[<(]?(?:{_LEVEL_WORDS})[\]>)]?(?=[:：\s])|[\[【](?:{_ZH_LEVELS})[\]】])")
_LEVEL = re.compile(
    rf"\b(?P<word>{_LEVEL_WORDS})\b|[\[【](?P<zh>{_ZH_LEVELS})[\]】]|"
    r'(?:[\[:<]|level=|level"\s*:\s*)"?(?P<small>emerg|alert|crit(?:ical)?|fatal|panic|error|err|warn(?:ing)?|notice|info|debug)\b'
)
_GRAVE = {
    **dict.fromkeys("FATAL CRIT CRITICAL PANIC EMERG ALERT 严重 嚴重 致命 F".split(), "FATAL"),
    **dict.fromkeys("ERROR SEVERE ERR 错误 錯誤 E".split(), "ERROR"),
    **dict.fromkeys("WARN WARNING 警告 W".split(), "WARN"),
}


@dataclass(frozen=True, slots=True)
class LogLines:
    """What is known of each line of a log: whether a record begins there, its time, and how bad it is.

    A time is `2025-03-01 10:00:03`, or less where the log says less; "" where there is none. A level is one of
    FATAL, ERROR, WARN, 5xx, 4xx, or "".
    """

    begins: tuple[bool, ...]
    times: tuple[str, ...]
    levels: tuple[str, ...]

    def part(self, first: int, last: int) -> "LogLines":
        """Those of the lines from `first` to `last`, counted from 0, both included."""
        stop = last + 1
        return LogLines(self.begins[first:stop], self.times[first:stop], self.levels[first:stop])

    def joined(self, after: "LogLines") -> "LogLines":
        """These and those that follow."""
        return LogLines((*self.begins, *after.begins), (*self.times, *after.times), (*self.levels, *after.levels))

    @property
    def location(self) -> str:
        """`2025-03-01 10:00:03–10:07:41, ERROR 2, WARN 5`; "" where there is nothing to say."""
        times = [time for time in self.times if time]
        counts = Counter(self.levels)
        graves = [f"{level} {counts[level]}" for level in _NAMED if counts[level]]
        return ", ".join(([_between(times[0], times[-1])] if times else []) + graves)


def begins_record(line: str) -> bool:
    """Whether a line is the first of a record."""
    return _time(line) is not None or _LEVEL_FIRST.match(line) is not None


def log_lines(text: str, *, known: bool, least_share: float) -> LogLines | None:
    """The lines of a text that is a log, else None. `known`: it goes on with one; `least_share`: see `is_log`."""
    lines = text.split("\n")
    if not (known or is_log(lines, least_share=least_share)):
        return None
    found = [_time(line) for line in lines]
    timed = any(time is not None for time in found)
    begins: list[bool] = []
    times: list[str] = []
    levels: list[str] = []
    record = -1
    for line, time in zip(lines, found, strict=True):
        levelled = _LEVEL_FIRST.match(line) is not None
        # Where records have times, a level at the beginning of a line is within one: `SEVERE: …` after its time.
        begin = time is not None if timed else levelled
        level = _level(line, time) if begin or levelled else ""
        if begin:
            record = len(begins)
        elif level and record >= 0:
            levels[record] = levels[record] or level
            level = ""
        begins.append(begin)
        times.append(_shown(time) if time is not None else "")
        levels.append(level)
    return LogLines(tuple(begins), tuple(times), tuple(levels))


def record_spans(text: str, lines: LogLines) -> list[tuple[int, int]]:
    """The spans of the records of a log, in order; lines before the first record are one too."""
    spans: list[tuple[int, int]] = []
    first = at = end = 0
    for line, begins in zip(text.split("\n"), lines.begins, strict=True):
        if begins and end > first:
            spans.append((first, end))
        if begins or end <= first:
            first = at
        if line.strip():
            end = at + len(line.rstrip())
        at += len(line) + 1
    if end > first:
        spans.append((first, end))
    return spans


def is_log(lines: Sequence[str], *, least_share: float = 0.5) -> bool:
    """Whether lines are a log: at least three begin with a time, one of the first five among them, and this share."""
    looked_at = [line for line in lines[: 2 * _LINES_LOOKED_AT] if line.strip()][:_LINES_LOOKED_AT]
    if not any(map(begins_record, looked_at[:5])):
        return False
    n_timed = sum(_time(line) is not None for line in looked_at)
    if n_timed >= _TIMED_LINES and n_timed >= least_share * len(looked_at):
        return True
    n_levelled = sum(_LEVEL_FIRST.match(line) is not None for line in looked_at)
    return n_levelled >= _LEVELLED_LINES and 2 * n_levelled > len(looked_at)


def _time(line: str) -> re.Match[str] | None:
    """The time that a line begins with."""
    first = line[:1]
    if first.isdigit() or first in "[(【 \t":
        found = _DATED.match(line) or _CLOCKED.match(line)
        if found or first == " ":
            return found
    if first == "{":
        return _JSON.match(line)
    if not first or first.isspace():
        return None
    found = _NAMED_MONTH.match(line) if first.isalpha() or first in "[<" else None
    if found is None and first in "IWEF":
        found = _GLOG.match(line)
    return found or (_ACCESS.match(line) if "/20" in line[:200] or "/19" in line[:200] else None)


def _shown(found: re.Match[str]) -> str:
    if found.re is _DATED:
        year, month, day, compact_month, compact_day, hour, minute, second = found.groups()
        date = f"{year}-{month or compact_month:0>2}-{day or compact_day:0>2}"
        return f"{date} {hour:0>2}:{minute:0>2}:{second:0>2}" if second else f"{date} {hour:0>2}:{minute:0>2}"
    parts = found.groupdict()
    year = parts.get("y") or parts.get("after")
    month = parts.get("m") or parts.get("mm")
    day = parts.get("d") or parts.get("dd")
    if parts.get("b"):
        month = str(_MONTHS.index(parts["b"]) + 1)
    hour = int(parts["h"])
    if parts.get("pm"):
        hour = hour % 12 + (12 if parts["pm"] == " PM" else 0)
    clock = f"{hour:02}:{int(parts['i']):02}" + (f":{int(parts['s']):02}" if parts.get("s") else "")
    if not month or not day:
        return clock
    date = f"{int(month):02}-{int(day):02}"
    return f"{year}-{date} {clock}" if year else f"{date} {clock}"


def _level(line: str, found: re.Match[str] | None) -> str:
    kind = found.re if found is not None else None
    if found is not None and kind is _ACCESS and found["status"]:
        return {"5": "5xx", "4": "4xx"}.get(found["status"][0], "")
    if found is not None and kind is _GLOG:
        return _GRAVE.get(found["glog"], "")
    start = found.end() if found is not None and kind is _DATED else 0
    level = _LEVEL.search(line, start, start + _LEVEL_WITHIN_CHARS)
    if level is None:
        return ""
    return _GRAVE.get((level["word"] or level["zh"] or level["small"]).upper(), "")


def _between(first: str, last: str) -> str:
    if first == last:
        return first
    date, _, _ = first.rpartition(" ")
    after, _, clock = last.rpartition(" ")
    return f"{first}–{clock}" if date == after else f"{first}–{last}"
