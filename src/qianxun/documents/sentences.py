"""Where sentences begin and end, in Chinese, English and mixed text. Knows no document and no model.

Used for cutting chunks and for quoting, so both agree on what a sentence is; mark by mark (`next_mark`, `end_at`) for
text that is still coming.
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
MARKS = "。！？；…‼⁉.!?\n"
_MARK = re.compile(f"[{re.escape(MARKS)}]")
_CLOSE = re.compile(rf"[{re.escape(CLOSERS)}]*")
_SPACE = re.compile(r"[^\S\n]*")
# How far before a mark anything is looked at: there an opening straight quote is looked for.
LOOK_BACK_CHARS = 1000
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
_STARTER_WORDS = (
    "The A An In It Its He She We They You I This That These Those However But And If When While For As At On "
    "There Our Your Their His Her No Yes After Before Since To By With From All Each Any Please See Note".split()
)
_STARTERS = re.compile(rf"(?:{'|'.join(_STARTER_WORDS)})\b")
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
        settled = end_at(text, mark.start(), start)
        assert settled is not None  # nothing is to come
        end, after = settled
        if end > start:
            _append(found, text, start, end)
            start = end
    _append(found, text, start, len(text))
    return found


def next_mark(text: str, after: int) -> int:
    """Where the next mark stands that may end a sentence, at `after` or behind it; -1 if there is none."""
    mark = _MARK.search(text, after)
    return mark.start() if mark else -1


def end_at(text: str, mark: int, start: int, *, more: bool = False) -> tuple[int, int] | None:
    """The end of the sentence that began at `start`, by the mark at `mark`, and where to look for the next mark.

    The end is `start` where the mark ends nothing. With `more`, text is still coming: None while that decides. A
    letter or digit behind the mark decides, but after an abbreviation the word that it begins does, of which never
    more than eight characters are needed.
    """
    match = _CANDIDATE.match(text, mark)
    assert match is not None  # it begins with any of these marks
    end = after = match.end()
    if end <= start:
        return start, after
    if match.group("sure"):
        if text[mark] != "\n":
            if more and _CLOSE.match(text, end).end() == len(text):  # type: ignore[union-attr]
                return None
            end = _with_closers(text, end)
        return end, after
    ends = _ends_western(text, match, start, more)
    return None if ends is None else (end if ends else start, after)


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
        line = text.rfind("\n", max(0, end - LOOK_BACK_CHARS), end) + 1
        before = text.count(text[stop - 1], line or max(0, end - LOOK_BACK_CHARS), stop - 1)
        if before % 2 == 0:
            return stop - 1
    return stop


def _ends_western(text: str, match: re.Match[str], start: int, more: bool) -> bool | None:
    """Whether Western marks end the sentence; None where that hangs on what is still to come."""
    end = match.end()
    if end >= len(text):
        return None if more else True
    if text[end] == "\n":
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
    if not rest:
        return None if more else True
    if rest[0] == "\n":
        return True
    mark = match.group("western")
    if mark[0] != ".":
        return not rest[0].islower()
    if rest[0].islower() or rest[0] in ",;:，；：、)":
        return False
    if len(mark) > 1:
        return True
    abbreviated = _abbreviated(text, match, start, rest, more)
    return None if abbreviated is None else not abbreviated


def _abbreviated(text: str, match: re.Match[str], start: int, rest: str, more: bool = False) -> bool | None:
    """Whether a full stop belongs to the word before it; None where the word behind it is not yet over and decides."""
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
        if more and any(starter.startswith(rest) for starter in _STARTER_WORDS):
            return None
        return not _STARTERS.match(rest) and not (rest and _CJK_NEXT.match(rest))
    return False
