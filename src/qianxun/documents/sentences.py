"""Where sentences begin and end, in Chinese, English and mixed text. Knows no document and no model.

Used for cutting chunks and for quoting, so both agree on what a sentence is.
"""

import re

from qianxun.text import CJK

CLOSERS = "」』”’）)]】》〉\"'›»］｝}"

# A candidate end: Chinese marks always end a sentence, Western ones only by what surrounds them, a line
# break always (paragraph lines were joined by `clean`; lines that are left are items, rows or code).
_CANDIDATE = re.compile(
    rf"(?P<sure>[。！？；…‼⁉]+[。！？；…!?]*|\n)|(?P<western>[.!?]+)(?P<close>[{re.escape(CLOSERS)}]*)"
)
# What a candidate begins with: one set of characters is searched for several times as fast as a choice of patterns.
_MARK = re.compile(r"[。！？；…‼⁉.!?\n]")
_CLOSE = re.compile(rf"[{re.escape(CLOSERS)}]*")
_SPACE = re.compile(r"[^\S\n]*")
_QUOTED_CHARS = 1000  # how far back an opening straight quote is looked for
_STRAIGHT = "\"'"
_CJK_NEXT = re.compile(rf"[{CJK}「『“‘（【《]")
_WORD_BEFORE = re.compile(r"[^\W_][\w.’']*$")
_INITIALS = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]?$|[A-Z]$")

# A full stop after these is part of the word when more follows. The second list only before a number.
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof sr jr st mt gen col capt lt sgt rev hon gov sen rep pres vs etc e.g i.e cf al viz ca approx "
    "dept univ assn bros inc ltd co corp plc gmbh llc jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu "
    "fri sat sun ave blvd rd ext tel est min max avg incl excl".split()
)
_BEFORE_NUMBER = frozenset("no nos fig figs eq eqs sec secs ch art arts p pp vol ed par para tab app ver v".split())
# These are followed by a name or a number far more often than by a new sentence; after the others (etc., Inc.) a
# capital letter of one of these words begins one.
_STARTERS = re.compile(
    r"(?:The|An?|In|It|Its|He|She|We|They|You|I|This|That|These|Those|However|But|And|If|When|While|For|As|At|On|"
    r"There|Our|Your|Their|His|Her|No|Yes|After|Before|Since|To|By|With|From|All|Each|Any|Please|See|Note)\b"
)
_TITLES = frozenset("mr mrs ms dr prof st mt gen col capt lt sgt rev hon gov sen rep pres vs cf e.g i.e".split())
_LINE_NUMBER = re.compile(r"(?:^|\n)[^\S\n]*[(\[]?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})$")


def sentences(text: str) -> list[tuple[int, int]]:
    """The spans of the sentences of a text, in order, trimmed of white space; every other character is in one."""
    found: list[tuple[int, int]] = []
    start = 0
    after = 0
    for mark in _MARK.finditer(text):
        if mark.start() < after:
            continue
        match = _CANDIDATE.match(text, mark.start())
        assert match is not None  # it begins with any of these marks
        end = after = match.end()
        if end <= start:
            continue
        if match.group("sure"):
            if text[match.start()] != "\n":
                end = _with_closers(text, end)
        elif not _ends_western(text, match, start):
            continue
        _append(found, text, start, end)
        start = end
    _append(found, text, start, len(text))
    return found


def _append(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    body = piece.strip()
    if len(body) == end - start:
        if body:
            found.append((start, end))
        return
    if body:
        first = start + len(piece) - len(piece.lstrip())
        found.append((first, first + len(body)))


def _with_closers(text: str, end: int) -> int:
    """The end with closing quotes and brackets; a straight quote that opens the next sentence is not one of them."""
    match = _CLOSE.match(text, end)
    stop = match.end() if match else end
    if stop > end and text[stop - 1] in _STRAIGHT and stop < len(text) and (text[stop].isalnum()):
        line = text.rfind("\n", max(0, end - _QUOTED_CHARS), end) + 1
        before = text.count(text[stop - 1], line or max(0, end - _QUOTED_CHARS), stop - 1)
        if before % 2 == 0:
            return stop - 1
    return stop


def _ends_western(text: str, match: re.Match[str], start: int) -> bool:
    end = match.end()
    if end >= len(text) or text[end] == "\n":
        return True
    following = text[end]
    if _CJK_NEXT.match(following):
        # "v1.2版", "U.S.公司": a letter or digit directly before and Chinese directly after is still a sentence end
        # only when what stands before is Chinese or a closed sentence.
        return match.group("western")[0] != "." or not _abbreviated(text, match, start, "")
    if not following.isspace():
        return False
    rest_at = _SPACE.match(text, end).end()  # type: ignore[union-attr]
    rest = text[rest_at : rest_at + 12]
    if not rest or rest[0] == "\n":
        return True
    mark = match.group("western")
    if mark[0] != ".":
        return not rest[0].islower()
    if rest[0].islower() or rest[0] in ",;:，；：、)":
        return False
    return len(mark) > 1 or not _abbreviated(text, match, start, rest)


def _abbreviated(text: str, match: re.Match[str], start: int, rest: str) -> bool:
    before = text[max(start, match.start() - 24) : match.start()]
    if _LINE_NUMBER.search(("\n" if match.start() - 24 <= start else "") + before):
        return True  # "1. First item"
    found = _WORD_BEFORE.search(before)
    if not found:
        return False
    word = found.group()
    lower = word.lower()
    if lower in _TITLES:
        return True
    if lower in _BEFORE_NUMBER:
        return bool(rest) and (rest[0].isdigit() or rest[:1] in "IVX#")
    if lower in _ABBREVIATIONS or _INITIALS.match(word):
        return not _STARTERS.match(rest) and not (rest and _CJK_NEXT.match(rest))
    return False
