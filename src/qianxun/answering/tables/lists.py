"""Lists of names and numbers as tables of two columns: "一月 120，二月 135", "Jan: 120, Feb: 135", a pair on a line.

Two pairs are a list where their names are periods, else three; a sentence that counts things is none: its numbers are
followed by what they count.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from qianxun.answering.tables.periods import Period
from qianxun.answering.tables.table import Raw
from qianxun.answering.tables.units import CURRENCY_BEFORE, SCALE, UNIT
from qianxun.answering.tables.values import Quantity, read_value
from qianxun.records import Span
from qianxun.text import CJK

_MAX_NAME_CHARS: Final = 24
_DIGITS: Final = r"\(?[+\-−–]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?\)?"
_AMOUNT: Final = rf"(?:(?:{CURRENCY_BEFORE})\s*)?{_DIGITS}\s*(?:{SCALE})?\s*(?:{UNIT})?"
_PERIOD: Final = (
    r"(?:(?:19|20|21)\d\d\s*年?\s*)?(?:\d{1,2}|[一二三四五六七八九十]{1,2})月份?(?:\d{1,2}[日号])?"
    r"|(?:(?:19|20|21)\d\d\s*年?\s*)?(?:第[一二三四1-4]季度?|[一二三四]季度|[上下]半年|q[1-4](?:\s+(?:19|20|21)\d\d)?)"
    r"|(?:19|20|21)\d\d年?(?:[-/]\d{1,2}){0,2}|(?:周|星期|礼拜)[一二三四五六日天]|第[一二三四五六七八九十\d]{1,3}[周期批轮次天]"
    r"|(?:week|day|sprint|round)\s*\d{1,3}"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?(?:\s+(?:19|20|21)\d\d)?"
)
_NAME: Final = rf"[{CJK}a-z][{CJK}a-z0-9&()_.\-]{{0,{_MAX_NAME_CHARS - 1}}}(?: [a-z0-9&()_.\-]{{1,15}}){{0,3}}"
_JOIN: Final = r"\s*(?:[:=]|是|为|was\s|is\s|→|->)?\s*"
_PAIR: Final = re.compile(
    rf"(?:(?<![\d.,])(?P<period>{_PERIOD})(?:{_JOIN})(?P<first>{_AMOUNT})"
    rf"|(?<![{CJK}a-z0-9])(?!and\b|or\b|the\b|第)(?P<name>{_NAME}?)(?:\s*[:=]\s*|\s+)(?P<second>{_AMOUNT})"
    rf"|(?P<joined>(?!第)[{CJK}]{{1,8}})(?P<third>{_AMOUNT}))(?![\d]|\.\d|,\d{{3}}(?!\d)|\s*[月季号])"
)
_BETWEEN: Final = re.compile(
    r"\s*[,;、/|]\s*(?:and\s+|和|以及)?\s*|\s+(?:and|&)\s+|\s*[和与]\s*|[^\S\n]+", re.IGNORECASE
)
_ON_A_LINE: Final = re.compile(
    rf"\s*(?:[-*•·]\s+|\d{{1,2}}[.)、]\s*)?(?P<name>[^:=：\n|]{{1,{2 * _MAX_NAME_CHARS}}}?)\s*[:=：]\s*"
    r"(?P<amount>\S[^:：\n]*?)\s*[,;，；。]?\s*"
)
_CAPTION: Final = re.compile(r"([^\s,;:，；：。！？!?]{2,24})\s*(?:[:：]|分别[为是]\s*[:：]?|如下\s*[:：]?)\s*$")
_OPENING: Final = re.compile(
    r"^(?:请看|请根据|根据|这是|以下是?|下面是?|我们的?|本?公司的?|各[月年季天](?:份|度)?的?|每[月年天]的?)"
)
_NOT_A_CAPTION: Final = re.compile(
    r"趋势|走势|总结|分析|数据|如下|合计|平均|计算|多少|问题|请|表|list|data|trend|following", re.IGNORECASE
)


def listed_on_lines(text: str, lines: Iterable[tuple[int, int]]) -> tuple[list[list[Raw]], Span | None]:
    """The pairs that the first lines are, each a name, a colon and a number, and their place; none if they are few."""
    rows: list[list[Raw]] = []
    place: Span | None = None
    for start, end in lines:
        match = _ON_A_LINE.fullmatch(text[start:end])
        if match is None or not isinstance(read_value(match["amount"]), Quantity):
            break
        places = [(start + match.start(group), start + match.end(group)) for group in ("name", "amount")]
        rows.append([Raw(text[first:last].strip(), Span(first, last)) for first, last in places])
        indent = len(text[start:end]) - len(text[start:end].lstrip())
        place = Span(start + indent if place is None else place.start, start + len(text[start:end].rstrip()))
    return (rows, place) if _is_enough(rows) else ([], None)


def listed_in_line(text: str) -> tuple[list[list[Raw]], Span] | None:
    """The longest list in running text, below a header of two names (the first empty), and its place; None if none."""
    plain = _plain(text)
    best: list[list[Raw]] = []
    run: list[list[Raw]] = []
    at = end = 0
    while (match := _PAIR.search(plain, at)) is not None:
        row = _row(text, match)
        at = match.end() if row is not None else match.start() + 1
        if row is None:
            continue
        if run and not _BETWEEN.fullmatch(plain, end, match.start()):
            run = []
        run.append(row)
        end = row[1].span.end if row[1].span is not None else match.end()
        if len(run) > len(best):
            best = list(run)
    if not _is_enough(best) or _counts_things(plain, best):
        return None
    first, last = best[0][0].span, best[-1][1].span
    if first is None or last is None:
        return None
    caption = _CAPTION.search(text[: first.start])
    name = _OPENING.sub("", caption[1]) if caption else ""
    name = "" if _NOT_A_CAPTION.search(name) else name
    return [[Raw("", None), Raw(name, None)], *best], Span(first.start, last.end)


def _plain(text: str) -> str:
    """Lower case and half width, character by character, so that places stay."""
    plain = []
    for c in text:
        narrow = unicodedata.normalize("NFKC", c).lower()
        plain.append(narrow if len(narrow) == 1 else c)
    return "".join(plain)


def _row(text: str, match: "re.Match[str]") -> list[Raw] | None:
    for name, amount in (("period", "first"), ("name", "second"), ("joined", "third")):
        if match[name] is None:
            continue
        row = []
        for group in (name, amount):
            start, end = match.span(group)
            written = text[start:end].rstrip()
            row.append(Raw(written, Span(start, start + len(written))))
        fits = isinstance(read_value(row[1].text), Quantity) and (
            name == "period" or read_value(row[0].text) == "words" or isinstance(read_value(row[0].text), Period)
        )
        return row if fits else None
    return None


def _is_enough(rows: Sequence[Sequence[Raw]]) -> bool:
    n_periods = sum(
        isinstance(read_value(row[0].text), Period) or re.fullmatch(r"(?:19|20|21)\d\d", row[0].text) is not None
        for row in rows
    )
    return len(rows) >= 3 or (len(rows) == 2 and n_periods == 2)


def _counts_things(plain: str, rows: Sequence[Sequence[Raw]]) -> bool:
    """True if a word that is no unit follows a number within the list: 3 apples, 4 pears."""
    ends = [row[1].span.end for row in rows[:-1] if row[1].span is not None]
    return any(re.match(r"\s*(?:[a-z]{2,})", plain[end:]) and not re.match(r"\s*and\b", plain[end:]) for end in ends)
