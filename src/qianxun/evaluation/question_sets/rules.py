"""Questions that a passage answers, made by rules: proposals for a person to accept, not more. Chinese and English.

Made of definitions, figures with their unit, dates, who does what, articles, headings, table rows, `name: value` lines,
and questions that the document answers itself. In Chinese the figure is replaced by the word that asks for it; in
English the sentence is turned around where its verb is known, else no question is made. A question is asked about what
stands in the passage, so the answer and its quote are slices of it. Pure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from qianxun.answering.checking.figures import figures, spelled
from qianxun.answering.pieces import Piece, cells, pieces
from qianxun.evaluation.question_sets.chinese import LEADING, asked_of
from qianxun.evaluation.question_sets.english import asked_for, by_whom
from qianxun.records import Passage
from qianxun.text import fold, script

Rule: TypeAlias = Literal["asked", "definition", "table", "figure", "date", "person", "article", "value", "heading"]
MAX_ANSWER_CHARS: Final = 160


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question with its answer; `quote` is the sentence or row of the passage that has the answer."""

    rule: Rule
    question: str
    answer: str
    quote: str


def proposals(passage: Passage) -> list[Proposal]:
    """The questions that rules make of a passage, in its order; the same passage gives the same ones."""
    units = pieces(passage)
    found: list[Proposal] = []
    for place, piece in enumerate(units):
        following = units[place + 1] if place + 1 < len(units) else None
        found += _of_piece(piece, following, passage)
    found += _of_heading(units, passage)
    # A heading, a title or a cell may run over lines; a question does not.
    fit = [one for one in found if 0 < len(one.answer) <= MAX_ANSWER_CHARS and "\n" not in one.question]
    return [_in_its_script(one, passage.text) for one in fit]


def topic_of(passage: Passage) -> str:
    """What a passage is about: its last heading without number, else its document's title."""
    return next((bare for heading in reversed(passage.heading) if (bare := _without_number(heading))), passage.title)


def _of_piece(piece: Piece, following: Piece | None, passage: Passage) -> Iterator[Proposal]:
    if piece.row:
        yield from _of_row(piece)
        return
    asked = _asked(piece, following)
    if asked is not None:
        yield asked
        return
    if _QUESTION_END.search(piece.text) or _ANSWER_MARK.match(piece.text):
        return  # an answer is understood with its question only
    chinese = script(piece.text) == "cjk"
    yield from _definition(piece, chinese)
    article = list(_article(piece, passage))
    yield from article
    value = None if article else _VALUE.match(piece.text)
    if value is not None:
        yield from _value(piece, value, passage, chinese)
        return
    if chinese:
        topic = topic_of(passage)
        for rule, question, answer in asked_of(piece.text, title=passage.title, topic=topic):
            yield Proposal(rule, question, answer, piece.text)
    else:
        yield from _english(piece, passage)


# -- questions that are there ----------------------------------------------------------------------------------------

_QUESTION_END = re.compile(r"[?？][\s」』”’\"')）】]*$")
_ASKING_MARK = re.compile(r"^\s*(?:(?:q|question)\s*\d*|[问問]题?\s*\d*|\d{1,3})\s*[:：.、)）]\s*", re.IGNORECASE)
_ANSWER_MARK = re.compile(r"^\s*(?:a|answer|答案?|回答)\s*\d*\s*[:：.、]\s*", re.IGNORECASE)


def _asked(piece: Piece, following: Piece | None) -> Proposal | None:
    """A question of the document, with the sentence that follows it."""
    if not _QUESTION_END.search(piece.text) or following is None or following.row:
        return None
    if _QUESTION_END.search(following.text):
        return None
    question, answer = _ASKING_MARK.sub("", piece.text).strip(), _ANSWER_MARK.sub("", following.text).strip()
    return Proposal("asked", question, answer, following.text)


# -- definitions -----------------------------------------------------------------------------------------------------

_DEFINED_ZH = re.compile(
    r"^(?:本(?:办法|辦法|制度|规定|規定|合同|条例|條例|手册|手冊|法|标准|標準|协议|協議)(?:中)?所[称稱](?:的)?|所[谓謂])?"
    r"[“「『\"]?(?P<term>[^，,。；;:：、“”「」『』\"\s][^，,。；;:：“”「」『』\"]{1,19}?)[”」』\"]?\s*[,，]?\s*"
    r"(?:(?:是|系|係)指|指的是|定[义義][为為]|是一[种種个個项項类類家套])(?P<said>[^。；;]{4,140})"
)
_DEFINED_EN = re.compile(
    r"^(?:the\s+term\s+)?[\"“‘]?(?P<term>[A-Za-z][\w\-]*(?:\s[\w\-]+){0,4}?)[\"”’]?\s+"
    r"(?P<verb>means|refers\s+to|is\s+defined\s+as|stands\s+for|denotes)\s+(?P<said>[^.;]{8,150})",
    re.IGNORECASE,
)
_IS_A = re.compile(
    r"^(?P<term>(?:The\s+)?[A-Z][\w\-]*(?:\s[A-Z][\w\-]*){0,3})\s+is\s+(?P<said>(?:an?|the)\s+[^.;]{12,150})"
)
_POINTING = re.compile(
    r"^(?:this|that|these|those|it|he|she|they|which|here|there)\b|^[这那此该其它他她本]", re.IGNORECASE
)


def _definition(piece: Piece, chinese: bool) -> Iterator[Proposal]:
    text = piece.text
    if chinese:
        found = _DEFINED_ZH.match(LEADING.sub("", text, count=1))
        if found is not None and not _POINTING.match(spelled(found["term"])):
            yield Proposal("definition", f"什么是{found['term']}？", _trimmed(found["said"]), text)
        return
    found = _DEFINED_EN.match(text)
    if found is not None and not _POINTING.match(found["term"]):
        yield Proposal("definition", f"What does “{found['term']}” mean?", _trimmed(found["said"]), text)
        return
    found = _IS_A.match(text)
    if found is not None and not _POINTING.match(found["term"]):
        term = re.sub(r"^The\s", "the ", found["term"])
        yield Proposal("definition", f"What is {term}?", _trimmed(found["said"]), text)


# -- name: value -----------------------------------------------------------------------------------------------------

_VALUE = re.compile(
    r"^(?P<name>[^:：,，。.;；!?？“”\"\s][^:：,，。;；!?？]{1,18})(?:(?<!\d)[:：]|[:：](?!\d))\s*(?P<value>[^:：\n]{1,60})$"
)
_PERSON_NAMES = re.compile(
    r"人$|作者|导演|編劇|编剧|教授|经理|主任|contact|author|owner|manager|director|approver", re.I
)


def _value(piece: Piece, found: "re.Match[str]", passage: Passage, chinese: bool) -> Iterator[Proposal]:
    name, value, topic = found["name"].strip(), _trimmed(found["value"]), topic_of(passage)
    if not topic or not value or fold(name) == fold(topic) or len(topic) > 40:
        return
    person = _PERSON_NAMES.search(name) is not None
    if chinese or script(name) == "cjk":
        question = f"{topic}的{name}是{'谁' if person else '什么'}？"
    else:
        question = f"{'Who' if person else 'What'} is the {_lowered(name)} of {topic}?"
    yield Proposal("value", question, value, piece.text)


# -- articles and headings -------------------------------------------------------------------------------------------

_ARTICLE_ZH = re.compile(
    r"^(?P<number>第[一二三四五六七八九十百零〇\d]+[条條])[ 　:：]*(?P<said>[^。；;\n]{6,150}[。；;]?)"
)
_ARTICLE_EN = re.compile(
    r"^(?P<number>(?:Article|Section|Clause)\s+\d+(?:\.\d+)*)[.:\s—–-]+(?P<said>[A-Z][^\n]{12,150}?[.;])", re.MULTILINE
)
_HEADING_NUMBER = re.compile(
    r"^\s*(?:第[一二三四五六七八九十百零〇\d]+[章节節条條部分编編]*|[一二三四五六七八九十]+、|[(（][一二三四五六七八九十\d]+[)）]"
    r"|\d{1,2}(?:\.\d{1,2}){0,3}[.、]?(?=\s|[^\d\s])|(?:chapter|section|article|part)\s+[\divx]+[.:]?)[\s　:：、.]*",
    re.IGNORECASE,
)
_WHAT_ZH = re.compile(
    r"(?:条件|條件|要求|范围|範圍|原则|原則|标准|標準|内容|內容|职责|職責|目的|期限|时间|時間|方式|依据|依據|对象|對象)$"
)
_HOW_ZH = re.compile(r"(?:流程|步骤|步驟|程序|办法|辦法|方法|过程|過程|操作)$")
_NORMATIVE = re.compile(r"[应應须須]|不得|可以|必[须須]|禁止")


def _article(piece: Piece, passage: Passage) -> Iterator[Proposal]:
    if not passage.title:
        return
    for pattern, asked in (
        (_ARTICLE_ZH, "《{title}》{number}规定了什么？"),
        (_ARTICLE_EN, "What does {number} of “{title}” say?"),
    ):
        found = pattern.match(piece.text)
        if found is not None:
            question = asked.replace("{title}", passage.title, 1).replace("{number}", found["number"], 1)
            yield Proposal("article", question, _trimmed(found["said"]), piece.text)


def _of_heading(units: Sequence[Piece], passage: Passage) -> Iterator[Proposal]:
    """A question about the section, answered by its first sentence, where the passage begins with it."""
    if not passage.heading or not units or units[0].row:
        return
    heading, first = passage.heading[-1].strip(), units[0]
    if _without_number(heading) in first.text and len(units) > 1 and len(first.text) <= len(heading) + 2:
        first = units[1]  # the heading is the passage's first line
    # An article is asked about by its number; it seldom says what its chapter does.
    told = any(pattern.search(first.text) for pattern in (_QUESTION_END, _VALUE, _ARTICLE_ZH, _ARTICLE_EN))
    if first.row or told or len(first.text) < 8:
        return
    bare = _without_number(heading)
    if _QUESTION_END.search(heading):
        yield Proposal("asked", bare, _trimmed(first.text), first.text)
        return
    if not bare or len(bare) > 30 or fold(bare) == fold(passage.title):
        return
    if script(bare) == "cjk":
        above = _without_number(passage.heading[-2]) if len(passage.heading) > 1 else passage.title
        of = f"{above}的" if above and above not in bare and len(above) <= 20 else ""
        if _HOW_ZH.search(bare):
            yield Proposal("heading", f"{of}{bare}是怎样的？", _trimmed(first.text), first.text)
        elif _WHAT_ZH.search(bare):
            yield Proposal("heading", f"{of}{bare}是什么？", _trimmed(first.text), first.text)
        elif _NORMATIVE.search(first.text):
            yield Proposal("heading", f"关于{bare}有什么规定？", _trimmed(first.text), first.text)
    elif passage.title and script(first.text) == "alphabetic":
        question = f"What does “{passage.title}” say about {_lowered(bare)}?"
        yield Proposal("heading", question, _trimmed(first.text), first.text)


def _without_number(heading: str) -> str:
    return _HEADING_NUMBER.sub("", heading.strip()).strip(" 　:：#*")


# -- tables ----------------------------------------------------------------------------------------------------------

_EMPTY = frozenset({"", "-", "–", "—", "/", "n/a", "无", "無", "暂无", "暫無", "none", "null"})


def _of_row(piece: Piece) -> Iterator[Proposal]:
    """What the columns say of what stands in the first one."""
    names, values = cells(piece.header), cells(piece.text)
    if len(names) != len(values) or len(names) < 2:
        return
    key = values[0]
    if not 1 < len(key) <= 30 or not any(c.isalpha() for c in key) or fold(key) in _EMPTY:
        return
    chinese = script(piece.header) == "cjk"
    for name, value in zip(names[1:], values[1:], strict=True):
        if fold(value) in _EMPTY or not name or not any(c.isalpha() for c in name) or len(name) > 30:
            continue
        if chinese:
            asked = "是谁" if _PERSON_NAMES.search(name) else "是多少" if any(c.isdigit() for c in value) else "是什么"
            yield Proposal("table", f"{key}的{name}{asked}？", value, piece.text)
        else:
            yield Proposal("table", f"What is the {_lowered(name)} of {key}?", value, piece.text)


# -- English sentences -----------------------------------------------------------------------------------------------


def _english(piece: Piece, passage: Passage) -> Iterator[Proposal]:
    text = " ".join(piece.text.split())
    written = spelled(text)
    if len(written) != len(text) or _POINTING.match(text):
        return
    for figure in figures(written):
        question = asked_for(text, figure, passage.text)
        if question:
            limited = text[figure.start : figure.end].strip() if figure.limit else text[slice(*figure.core)].strip()
            # As the document has it, which may break its lines elsewhere.
            answer = limited if limited in piece.text else text[slice(*figure.core)].strip()
            rule: Rule = "date" if figure.kind in ("date", "time") else "figure"
            yield Proposal(rule, question, answer, piece.text)
    who = by_whom(text, passage.text)
    if who is not None:
        yield Proposal("person", who[0], who[1], piece.text)


# -- words -----------------------------------------------------------------------------------------------------------


def _trimmed(text: str) -> str:
    return text.strip().rstrip("。.;；，,").strip()


def _lowered(text: str) -> str:
    """The text as it stands inside a sentence: "Unit price" is lowered, "HR contact" and "USB port" are not."""
    head = text.split()[0] if text.split() else ""
    return text[0].lower() + text[1:] if head[1:] == head[1:].lower() and head.isalpha() and len(head) > 1 else text


_TRADITIONAL: Final = (
    ("什么", "什麼"), ("谁", "誰"), ("几点", "幾點"), ("几日", "幾日"), ("规定", "規定"), ("关于", "關於"),
    ("怎样", "怎樣"), ("哪个月", "哪個月"),
)  # fmt: skip


def _in_its_script(proposal: Proposal, text: str) -> Proposal:
    """With the words of asking in traditional characters, if the passage is written in them."""
    # What stays as it is when folded is simplified; digits and Latin letters do not tell.
    letters = "".join(c for c in text if "\u4e00" <= c <= "\u9fff")
    if fold(letters) == letters:
        return proposal
    question = proposal.question
    for simplified, traditional in _TRADITIONAL:
        if simplified not in text:
            question = question.replace(simplified, traditional)
    return Proposal(proposal.rule, question, proposal.answer, proposal.quote)
