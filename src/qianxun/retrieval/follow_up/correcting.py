"""Corrections of the question before: 不是年假，是病假; I meant sick leave, not annual leave. By rules; pure.

    年假有几天？ …  不是年假，是病假            病假有几天？            what was wrong is named
    北京的住宿标准？ …  我问的是上海            上海的住宿标准？        it is what is of the same kind
    Price of plan A? …  no, plan B             Price of plan B?

A message is a correction if it is nothing else: a question of its own that happens to hold 不是…是 or "not" is none.
What was wrong must stand in the question before, in whatever script and width; else what is right takes the place of
what is of the same kind there: a place, a year, a version, a code, a figure of the unit, a name.
"""

import re
from dataclasses import dataclass
from typing import Final

from qianxun.retrieval.follow_up import chinese, english
from qianxun.retrieval.follow_up.cues import aligned
from qianxun.text import CJK, fold, has_cjk

_LONGEST: Final = 40
_LONGEST_ADDED: Final = 24
_END: Final = " \t\n?!.,;:。？！，；：、~\"'“”‘’「」『』《》()"


@dataclass(frozen=True, slots=True)
class Correction:
    """What was meant, and what it was taken for: "" where that is not said.

    `adds` tells that it is so surely a correction that what is right is added where nothing can be replaced.
    """

    right: str
    wrong: str = ""
    adds: bool = False


# A part of it: no mark in it that divides, no question.
_A: Final = r"(?P<wrong>[^,，。;；?？!！]{1,40}?)"
_B: Final = r"(?P<right>[^,，。;；?？!！]{1,40}?)"
_GAP: Final = r"[\s,，。;；、!！]*"
_SAID_ZH: Final = "(?:我(?:刚才|刚刚)?(?:说|问|指|想问|要问|想说|要|想查|要查|查)的?(?:并|可)?)"
_NO_ZH: Final = (
    "(?:不对|不是的?|错了|说错了|写错了|打错了|搞错了|弄错了|问错了|你?理解错了|更正(?:一下)?|纠正(?:一下)?|抱歉"
    "|不好意思)"
)
_CHINESE: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:{_NO_ZH}{_GAP})*{_SAID_ZH}?(?:不是|并非|不要){_A}{_GAP}(?:而?是|{_SAID_ZH}是|要的?是|应该是|应为|要|换成){_B}",
        rf"(?:{_NO_ZH}{_GAP})*(?:{_SAID_ZH}是|应该是|应为|是){_B}{_GAP}而?(?:不是|并非){_A}",
        rf"(?:{_NO_ZH}{_GAP})*请?(?:把|将){_A}(?:改成|换成|改为|换为|替换成|替换为){_B}",
        rf"{_B}[\s,，、]+而?不是{_A}",
    )
)
_CHINESE_ALONE: Final = (
    re.compile(rf"(?:{_NO_ZH}{_GAP})*{_SAID_ZH}是{_B}"),
    re.compile(rf"(?:{_NO_ZH}{_GAP})+(?:应该是|应为|是|改成|换成){_B}"),
)
_CHINESE_PLAIN: Final = re.compile(rf"(?:{_NO_ZH}\s*[,，。!！、]\s*)+{_B}")
_NO_EN: Final = r"(?:no|nope|sorry|wrong|correction|oops|i\s+mean|actually|my\s+mistake)\b"
_SAID_EN: Final = (
    r"(?:i\s+(?:meant|mean|was\s+asking\s+about|asked\s+(?:about|for)|am\s+asking\s+about|want(?:ed)?|said)\b(?:\s+to\s+(?:ask\s+about|say))?"
    r"|i'm\s+asking\s+about|it's|it\s+is|that's|make\s+(?:it|that)|it\s+should\s+be)"
)
_ENGLISH: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:{_NO_EN}{_GAP})*(?:{_SAID_EN}\s+)?not\s+{_A}{_GAP}(?:\s*\bbut\s+(?:rather\s+)?|\s*\b{_SAID_EN}\s+|(?<=[,;]\s)|(?<=[,;])){_B}",
        rf"(?:{_NO_EN}{_GAP})*(?:{_SAID_EN}\s+)?{_B}{_GAP}(?:and\s+)?not\s+{_A}",
        rf"(?:{_NO_EN}{_GAP})*(?:{_SAID_EN}\s+)?{_B}\s+(?:instead\s+of|rather\s+than)\s+{_A}",
    )
)
_ENGLISH_ALONE: Final = (
    re.compile(
        rf"(?:{_NO_EN}{_GAP})*(?:i\s+meant|i\s+was\s+asking\s+about|i\s+asked\s+about|i'm\s+asking\s+about)\s+{_B}"
    ),
    re.compile(rf"(?:{_NO_EN}{_GAP})+{_SAID_EN}\s+{_B}"),
    re.compile(rf"make\s+(?:it|that)\s+{_B}"),
)
_ENGLISH_PLAIN: Final = re.compile(rf"(?:{_NO_EN}\s*[,.!:;-]\s*)+{_B}")
_IN_CHINESE: Final = _CHINESE, _CHINESE_ALONE, _CHINESE_PLAIN
_IN_ENGLISH: Final = _ENGLISH, _ENGLISH_ALONE, _ENGLISH_PLAIN
_ARTICLE: Final = re.compile(r"^(?:the|a|an|about|for|in)\s+")
# A part with one of these is a question or a sentence of its own.
_OWN_ZH: Final = re.compile(f"{chinese.ASKING}|[吗呢吧]$|不是|可以|能否|需要|应当|必须|请问")
_OWN_EN: Final = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|may|might|must|should|would|"
    r"will|has|have|had|sure|clear|working|possible|allowed|know|understand|find|help|you|this|that|they|me|yet|really|so)\b"
)


_DIVIDED: Final = re.compile(r"[,，;；、]|\bbut\b|\bmeant?\b")


def correction(message: str) -> Correction | None:
    """What a message corrects; None if it is no correction."""
    text = aligned(message).replace("’", "'")
    start = len(text) - len(text.lstrip(_END))
    body = text[start:].rstrip(_END)
    if not body or len(body) > 2 * _LONGEST:
        return None
    for both, alone, plain in (_IN_CHINESE, _IN_ENGLISH) if has_cjk(body) else (_IN_ENGLISH,):
        for pattern in (*both, *alone, plain):
            match = pattern.fullmatch(body)
            right = _part(message, start, match, "right") if match is not None else None
            if match is None or right is None:
                continue
            wrong = _part(message, start, match, "wrong") if "wrong" in match.groupdict() else ""
            if wrong is None or fold(right) == fold(wrong):
                continue
            adds = pattern in (*alone[:2], both[0]) and (not wrong or _DIVIDED.search(match[0]) is not None)
            return Correction(right, wrong, adds and len(right) <= _LONGEST_ADDED)
    return None


def corrected(before: str, found: Correction) -> str | None:
    """The question before, with what is right in the place of what was wrong; None if there is nothing to replace."""
    if found.wrong:
        replaced = _replaced(before, found.wrong, found.right)
        if replaced is not None:
            return replaced
    for language in (chinese, english) if has_cjk(found.right) else (english, chinese):
        asked: str | None = language.swapped(before, found.right)
        if asked is not None:
            return asked
    return _in_the_slot(before, found.right)


def _part(message: str, start: int, match: re.Match[str], group: str) -> str | None:
    """A part as it was written; None if it is a question of its own."""
    text: str = match[group]
    if _OWN_ZH.search(text) or _OWN_EN.search(text):
        return None
    a, b = match.span(group)
    written: str = message[start + a : start + b].strip(_END)
    article = _ARTICLE.match(aligned(written))
    bare: str = written[article.end() :] if article is not None else written
    return str(bare.removesuffix("的")) or None


def _replaced(before: str, wrong: str, right: str) -> str | None:
    """The text with one expression in the place of another, wherever that stands as a whole; None if nowhere."""
    plain = aligned(before)
    pieces = [re.escape(piece) for piece in aligned(wrong).split()]
    edge = r"(?<![a-z0-9])", r"(?![a-z0-9])"
    pattern = re.compile(edge[0] + r"\s*".join(pieces) + edge[1])
    if pattern.search(plain) is None:
        bare = r"\s*".join(re.escape(c) for c in "".join(aligned(wrong).split()))
        pattern = re.compile(edge[0] + bare + edge[1])
    places = [match.span() for match in pattern.finditer(plain)]
    if not places:
        return None
    text, last = "", 0
    for start, end in places:
        text += before[last:start] + right
        last = end
    return text + before[last:]


# Kinds of expressions that take each other's place, if the question before has just one of them.
_SLOTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<!\d)(?:19|20)\d\d年?(?!\d)",
        r"(?:(?:19|20)\d\d年)?(?:1[0-2]|0?[1-9]|[一二三四五六七八九十]{1,2})月(?:\d{1,2}[日号])?",
        r"第?[一二三四1-4]季度|q[1-4]\b|上半年|下半年|全年",
        r"(?:今|去|前|明|后|本)年|上年度|本年度",
        r"\bv(?:ersion)?\.?\s*\d+(?:\.\d+)*|(?<![\d.])\d+(?:\.\d+){1,3}(?![\d.])(?!\s*[%元])",
        r"(?<![a-z0-9])(?=[a-z0-9-]*[a-z])(?=[a-z0-9-]*\d)[a-z]+[a-z0-9]*(?:-[a-z0-9]+)*(?![a-z0-9])",
        r"第[一二三四五六七八九十\d]+[条章款项节步]",
        r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)\b",
        r"\b(?:first|second|third|fourth)\s+quarter\b",
        r"\b(?:this|last|next)\s+(?:year|month|quarter|week)\b",
        chinese.PLACES.pattern,
    )
)
_FIGURE: Final = re.compile(rf"(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>[a-z%]+|[{CJK}]{{1,2}})?")
_CAPITALS: Final = re.compile(r"(?:[A-Z][a-z'’]+|[A-Z]{2,})(?:\s+[A-Z][a-z'’]+)*")


def _in_the_slot(before: str, right: str) -> str | None:
    """The text with an expression in the place of the only one of its kind; None if there is none, or several."""
    old, new = aligned(before), aligned(right).strip()
    for slot in _SLOTS:
        if slot.fullmatch(new):
            return _in_place_of(before, [match.span() for match in slot.finditer(old)], right)
    figure = _FIGURE.fullmatch(new)
    if figure is not None and figure["unit"]:
        same = [m.span("n") for m in _FIGURE.finditer(old) if (m["unit"] or "").startswith(figure["unit"])]
        return _in_place_of(before, same, figure["n"])
    if _CAPITALS.fullmatch(right):
        names = [m.span() for m in _CAPITALS.finditer(before) if m.start() and not _opens_a_sentence(before, m.start())]
        return _in_place_of(before, names, right)
    return None


def _opens_a_sentence(text: str, start: int) -> bool:
    return text[:start].rstrip().endswith((".", "?", "!"))


def _in_place_of(before: str, places: list[tuple[int, int]], right: str) -> str | None:
    if len(places) != 1:
        return None
    start, end = places[0]
    return before[:start] + right + before[end:]
