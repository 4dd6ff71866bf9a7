"""The labels that sections of a text begin with: 第三条, Article 5, § 12, 问：, Q2:, 3. …？ and chapters above them.

Says where a label could be and what it says; whether it is one, the document as a whole decides: see `structure`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Family: TypeAlias = Literal[
    "条", "article", "section", "clause", "rule", "§", "chapter", "question", "answer", "numbered"
]

ARTICLES: Final[frozenset[Family]] = frozenset({"条", "article", "section", "clause", "rule", "§"})

_N = "一二三四五六七八九十百千零〇两兩0-9０-９"
_DIGITS = "0-9０-９"
_GAP = "[ \t\u3000]"
_ZH_ARTICLE = re.compile(
    rf"(?P<label>第(?P<n>[{_N}]{{1,7}})[条條](?:之(?P<sub>[一二三四五六七八九十]{{1,3}}))?)"
    rf"(?P<title>{_GAP}*[（(【〔\[][^（()）【】〔〕\[\]\n]{{1,30}}[）)】〕\]])?(?P<gap>{_GAP}|(?=\n|$))?"
)
# Behind the number something must begin: a title, a sentence, a bracket. "Section 3 of the Act" is spoken of.
_EN_ARTICLE = re.compile(
    rf"(?P<label>(?P<word>Article|ARTICLE|Section|SECTION|Sec\.|SEC\.|Clause|CLAUSE|Rule|RULE|§§?){_GAP}?"
    rf"(?P<n>\d{{1,4}}(?:\.\d{{1,3}}){{0,3}}[A-Za-z]?|[IVXLC]{{1,7}})(?!\w))"
    rf"(?:[.:：)]?{_GAP}*(?:[—–-]{{1,2}}{_GAP}*)?)(?=\n|$|[A-Z(（\[“\"‘'《\u4e00-\u9fff])"
)
_ZH_CHAPTER = re.compile(
    rf"第[{_N}]{{1,6}}(?P<what>[编編篇卷部章节節])(?:{_GAP}+[^。；！？\n]{{0,40}}|[^，。；！？,;\n]{{0,30}})(?=\n|$)"
)
_EN_CHAPTER = re.compile(
    r"(?P<what>Part|PART|Title|TITLE|Chapter|CHAPTER)[ \t]+(?:\d{1,3}|[IVXLC]{1,7}|[A-Z])\b[^.;\n]{0,60}(?=\n|$)"
)
_ORDER = rf"{_GAP}?[{_DIGITS}一二三四五六七八九十]{{0,3}}{_GAP}?[：:]"
_QUESTION = re.compile(
    rf"(?:(?:问题?|問題?|提问|提問|Q|Question|QUESTION){_ORDER}|Q{_GAP}?[{_DIGITS}]{{1,3}}{_GAP}?[.．、)）]"
    rf"|【[问問]】|\[Q\])(?={_GAP}*\S)"
)
_ANSWER = re.compile(
    rf"(?:(?:答案?|回答|解答|答复|答覆|回复|回覆|A|Answer|ANSWER){_ORDER}|A{_GAP}?[{_DIGITS}]{{1,3}}{_GAP}?[.．、)）]"
    r"|【答】|\[A\])"
)
_NUMBERED = re.compile(rf"[(（]?(?P<n>[{_DIGITS}]{{1,3}})[.．、)）]{_GAP}*[^\s。！？!?\n][^。！？!?\n]{{1,100}}[？?]")
# Behind a sentence within a line only these labels are looked for.
_WITHIN = re.compile(rf"[。；！？.;!?”’」』）)]{_GAP}*(?=[第问問答AQ])")
# What stands directly behind 第五条 where it is spoken of, not begun.
_SPOKEN_OF: Final = frozenset("规規定所的第和、至，,中款项項或及与與以之前後后内內外）)》”」』\"'。；;：起")
_LEVELS: Final = {
    **dict.fromkeys("编 編 篇 卷 部 Part PART Title TITLE".split(), 1),
    **dict.fromkeys("章 Chapter CHAPTER".split(), 2),
    **dict.fromkeys("节 節".split(), 3),
}
_FAMILIES: Final[dict[str, Family]] = {
    "article": "article",
    "section": "section",
    "sec.": "section",
    "clause": "clause",
    "rule": "rule",
    "§": "§",
    "§§": "§",
}
_ONES: Final = {character: n for n, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_TENS: Final = {"十": 10, "百": 100, "千": 1000}
_ROMAN: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_FIRST_CHARACTERS: Final = frozenset("第问問提答回解【[ASCRQPT§（( \t\u3000\n0123456789０１２３４５６７８９")
_TITLE_CHARS: Final = 40
_NO_TITLE_END: Final = frozenset("。；！？：.;!?:，,、")


@dataclass(frozen=True, slots=True)
class Label:
    """A label at `start`. `end` is behind what is worth repeating of it: the label and its title, or a question.

    `number` orders labels of a family; () where they have none. `sure` is False for what could as well be spoken of
    (第五条规定…). `level` is a chapter's depth from 1.
    """

    family: Family
    start: int
    end: int
    number: tuple[int, ...] = ()
    sure: bool = True
    level: int = 0


def labels_of(text: str) -> tuple[Label, ...]:
    """What could be labels in a block's text, in order; at most one at each place. Cheap where there is none."""
    many_lines = "\n" in text
    within = _may_begin_within(text)
    if not (many_lines or within):
        if text[:1] not in _FIRST_CHARACTERS:
            return ()
        label = _label_at(text, len(text) - len(text.lstrip()), within=False)
        return () if label is None else (_up_to_answer(label, text, ()),)
    places = dict.fromkeys(_line_starts(text), False)
    if within:
        for match in _WITHIN.finditer(text):
            places.setdefault(match.end(), True)
        places = dict(sorted(places.items()))
    found = [label for at in places if (label := _label_at(text, at, within=places[at])) is not None]
    return tuple(_up_to_answer(label, text, found[i + 1 :]) for i, label in enumerate(found))


def _may_begin_within(text: str) -> bool:
    """Whether a label may stand behind a sentence: asked of every block, so without a pattern."""
    if "第" in text and ("。第" in text or "。 第" in text):
        return True
    if "：" in text and ("问：" in text or "問：" in text or "答：" in text or "A：" in text):
        return True
    return ":" in text and ("A:" in text or "Q:" in text or "Answer:" in text)


def number_of(text: str) -> int:
    """The number that numerals write: 一百二十三, 一二三, １２, 12, XIV. 0 where they write none."""
    if text.isdecimal():
        return int(text)
    if all(character in _ROMAN for character in text):
        values = [_ROMAN[character] for character in text]
        return sum(-v if i + 1 < len(values) and values[i + 1] > v else v for i, v in enumerate(values))
    if not any(character in _TENS for character in text):
        return int("".join(str(_digit(character)) for character in text) or "0")
    total, digit = 0, 0
    for character in text:
        if character in _TENS:
            total += (digit or 1) * _TENS[character]
            digit = 0
        else:
            digit = _digit(character)
    return total + digit


def _digit(character: str) -> int:
    return int(character) if character.isdecimal() else _ONES.get(character, 0)


def _line_starts(text: str) -> Iterator[int]:
    """Where the lines begin that may be labelled."""
    at = 0
    for line in text.split("\n"):
        first = line[:1]
        if first in _FIRST_CHARACTERS or first.isspace() or first.isdecimal():
            body = line.lstrip()
            if body:
                yield at + len(line) - len(body)
        at += len(line) + 1


def _label_at(text: str, at: int, *, within: bool) -> Label | None:
    """The label that begins here; `within` a line only some kinds do."""
    first = text[at : at + 1]
    if first == "第":
        article = _ZH_ARTICLE.match(text, at)
        if article:
            return _zh_article(text, article, within)
        return None if within else _chapter(_ZH_CHAPTER.match(text, at))
    if first in "问問提Q【[":
        question = _QUESTION.match(text, at)
        if question:
            return Label("question", at, len(text))
    if first in "答回解A【[":
        answer = _ANSWER.match(text, at)
        if answer:
            return Label("answer", at, answer.end())
    if within:
        return None
    if first in "ASCR§":
        article = _EN_ARTICLE.match(text, at)
        if article:
            return _en_article(text, article)
    if first in "CPT":
        return _chapter(_EN_CHAPTER.match(text, at))
    if first in "(（" or first.isdecimal():
        numbered = _NUMBERED.match(text, at)
        if numbered:
            return Label("numbered", at, numbered.end(), (int(numbered["n"]),))
    return None


def _up_to_answer(label: Label, text: str, after: "tuple[Label, ...] | list[Label]") -> Label:
    """A question ends where its answer, or whatever comes next, begins."""
    if label.family != "question":
        return label
    stop = after[0].start if after else len(text)
    return Label("question", label.start, label.start + len(text[label.start : stop].rstrip()))


def _zh_article(text: str, match: re.Match[str], within: bool) -> Label | None:
    end = match.end("title") if match["title"] else match.end("label")
    sure = match["gap"] is not None or match["title"] is not None
    if not sure and (within or text[end : end + 1] in _SPOKEN_OF):
        return None
    number = (number_of(match["n"]), number_of(match["sub"]) if match["sub"] else 0)
    return Label("条", match.start(), _with_title(text, end), number, sure)


def _en_article(text: str, match: re.Match[str]) -> Label:
    given = match["n"]
    suffix = given[-1] if given[0].isdigit() and given[-1].isalpha() else ""
    numerals = given.removesuffix(suffix).split(".")
    number = tuple(map(number_of, numerals)) + ((ord(suffix.lower()) - ord("a") + 1,) if suffix else ())
    return Label(_FAMILIES[match["word"].lower()], match.start(), _with_title(text, match.end("label")), number)


def _with_title(text: str, end: int) -> int:
    """The end of a label with the title behind it: the rest of its line where that is short and no sentence."""
    stop = text.find("\n", end)
    line = text[end : stop if stop >= 0 else len(text)]
    title = line.strip()
    if 0 < len(title) <= _TITLE_CHARS and title[-1] not in _NO_TITLE_END:
        return end + len(line.rstrip())
    return end


def _chapter(match: re.Match[str] | None) -> Label | None:
    return Label("chapter", match.start(), match.end(), level=_LEVELS[match["what"]]) if match else None
