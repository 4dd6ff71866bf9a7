"""What a person typed into the search box: the question itself, and the operators in it. Pure.

    "annual leave"  “年假”  「年假」                  the phrase must occur (within a sentence: see below); +"…" always
    -draft  -"first draft"  －草稿                    must not occur
    source:hr/  title:年假  format:pdf  label:hr,it   来源： 标题： 格式： 标签：
    type:word  类型：表格                             a format, where it is one
    after:2025-01-01  before:2025  date:2025-03       之后： 之前： 日期：
    -source:drafts/  -format:pdf                      documents of which it is not true

Several operators of one field are alternatives, different fields must all hold, and of negated ones each. A value
follows its colon at once and ends at white space or a Chinese comma, unless it is in quotes. `source:` is what the
source begins with if it begins with / or is an address, a folder anywhere in it if it ends in /, else any part of it;
`title:` is a part, `format:` and `label:` are equal. `after:X` begins with X and `before:X` ends where X begins, so
that the two divide all time; `date:` is that day, month or year, and with an age (7d) all the time since.

An operator is only taken for one where it hardly can be anything else; in doubt it is text, and a question without
operators comes out as it went in, character by character:

*   Quotation marks are punctuation, too: 什么是“社保”？ asks about a word, and what explains it may be in another
    language. In a sentence (it asks, or letters touch the marks from outside), and if it is longer than
    MAX_PHRASE_CHARS, a phrase is `emphasised`: better with it, not required. Among search terms it is required. Of the
    phrases that real questions quote nearly all stand in the passage that answers them, but none where that is in
    another language.
*   -5 °C, --force, gcc -Wall, tar -x, and lines that begin with - exclude nothing. In a sentence a bare -word does only
    at the end, and never where nothing else is looked for. -"…" always does.
*   A colon after any other word, a field followed by a space, a date that is none, a quote that does not close: text.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from qianxun.filters import And, Filter, Not
from qianxun.retrieval.operators import Piece, one_of, pieces_of
from qianxun.retrieval.phrases import certain_characters, certain_words, compared, stands_in
from qianxun.text import ENGLISH, STOP_WORDS, fold

MAX_PHRASE_CHARS: Final = 100

Kind: TypeAlias = Literal[
    "phrase", "emphasis", "excluded", "source", "title", "format", "label", "after", "before", "date"
]


@dataclass(frozen=True, slots=True)
class Note:
    """An operator: what it is, the value it has, how it was written; `negated` for -source: and the like."""

    kind: Kind
    value: str
    written: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question taken apart.

    `text` is what is left for meaning and words, the words of phrases included; "" if there is nothing but operators.
    Each of `phrases` must occur in a passage and none of `excluded`; `emphasised` ones make it better. `where` says
    which documents, None all. `notes` are in the order of the question; `no_dates` look like after:DATE and were taken
    for text, since theirs is none.
    """

    text: str
    phrases: tuple[str, ...] = ()
    emphasised: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    where: Filter | None = None
    notes: tuple[Note, ...] = ()
    no_dates: tuple[str, ...] = field(default=(), compare=False)


def parse_question(text: str, now: datetime) -> AskedQuestion:
    """The question taken apart. `now` is what today is and ages such as 7d count from. Nothing is an error."""
    pieces = [piece for piece in pieces_of(text, now) if not _is_title_of_a_question(piece)]
    if not pieces:
        return AskedQuestion(text, no_dates=_no_dates(text))
    rest = _without(text, pieces)
    asks = reads_as_sentence(rest)
    notes: list[Note] = []
    taken: list[tuple[Piece, str]] = []  # with what is left in its place
    for piece in pieces:
        value = _without_last_sign(piece.value) if piece.operator in ("quote", "word") else piece.value
        if piece.operator == "word":
            kind: Kind | None = "excluded" if _excludes(text, rest, piece, pieces, asks=asks) else None
        elif piece.operator == "quote":
            kind = _kind_of_quote(text, piece, value, asks=asks)
        else:
            kind = piece.operator
        if kind is None:
            continue
        negated = piece.sign == "-" and kind != "excluded"
        notes.append(Note(kind, value, text[piece.start : piece.end], negated))
        if kind != "emphasis":
            taken.append((piece, piece.value if kind == "phrase" else ""))
    return AskedQuestion(
        text=_left(text, taken),
        phrases=_values(notes, "phrase"),
        emphasised=_values(notes, "emphasis"),
        excluded=_values(notes, "excluded"),
        where=_where([piece for piece, _ in taken]),
        notes=tuple(notes),
        no_dates=_no_dates(_left(text, taken)),
    )


def satisfies(asked: AskedQuestion, folded_text: str) -> bool:
    """True if every phrase stands in the text and nothing that is excluded does. The reference for every index.

    What it means to stand in a text: see `phrases`. `folded_text` is what `qianxun.text.fold` makes of a chunk's text.
    """
    text = compared(folded_text)
    return all(stands_in(phrase, text) for phrase in asked.phrases) and not any(
        stands_in(phrase, text) for phrase in asked.excluded
    )


def emphasised_in(asked: AskedQuestion, folded_text: str) -> tuple[str, ...]:
    """The emphasised phrases that stand in the text, which make it better."""
    text = compared(folded_text)
    return tuple(phrase for phrase in asked.emphasised if stands_in(phrase, text))


def necessary_terms(asked: AskedQuestion, languages: Collection[str] = (ENGLISH,)) -> tuple[str, ...]:
    """The words that every text has which satisfies the question, so that an index may demand them.

    As `qianxun.text.words` finds them in texts stemmed in any of these languages: what each stems in its own way is
    left out. So are Chinese, Japanese and Thai, whose pairs differ where a text has white space within a word: for
    these see `necessary_characters`.
    """
    found: dict[str, None] = {}
    for phrase in asked.phrases:
        first, *others = (certain_words(phrase, language) for language in languages or (ENGLISH,))
        found |= dict.fromkeys(term for term in first if all(term in other for other in others))
    return tuple(found)


def necessary_characters(asked: AskedQuestion) -> tuple[str, ...]:
    """The single CJK characters (`qianxun.text.characters`) that every text has which satisfies the question."""
    return tuple(dict.fromkeys(term for phrase in asked.phrases for term in certain_characters(phrase)))


# A field of time with a figure behind it.
_TIME: Final = re.compile(
    r"(?<![\w:：])(?:after|before|date|之后|之後|之前|日期)[:：](?:19|20)\d\d[\d/.年月日-]*", re.IGNORECASE
)


def _no_dates(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found[0] for found in _TIME.finditer(text)))


# Asked in Chinese (folded), Japanese and Korean; the end of a sentence in Chinese.
_ASKS_IN_CJK: Final = re.compile(
    "什么|甚么|谁|哪|怎|如何|为何|为啥|何[时地人年月日处种事故]|几[个天年月日次时小点岁种位号条项级层倍周]"
    "|多[少久大长高远快重]|吗|是否|能否|可否|是不是|有没有|能不能|可不可以|要不要|请问|告诉我|解释一下|介绍一下|说明一下|^\\s*请(?![假求示辞愿客款柬帖])"
    "|。\\s*$|呢\\s*$|か[。.]?\\s*$|(?:까|나요|가요)[.]?\\s*$"
)
_ASKS_IN_ENGLISH: Final = re.compile(
    r"(?<![\w'-])(?:what|which|who|whom|whose|when|where|why|how)(?![\w-])"
    r"|^\W*(?:is|are|was|were|do|does|did|can|could|should|would|will|may|must|has|have|had|am"
    r"|tell|explain|describe|define|give|compare|summari[sz]e|please)(?!\w)"
)
_WORDS_OF_A_SENTENCE: Final = 5  # with a full stop


def reads_as_sentence(text: str) -> bool:
    """True if somebody asks in a sentence, as far as form tells; False for search terms."""
    folded = fold(text)
    if folded.rstrip().endswith(".") and len(folded.split()) >= _WORDS_OF_A_SENTENCE:
        return True
    return "?" in folded or bool(_ASKS_IN_CJK.search(folded) or _ASKS_IN_ENGLISH.search(folded))


# Signs of a command line, and programs whose names nobody looks for without some of what they write about.
_COMMAND_LINE: Final = re.compile(
    r"(?<!\S)(?:--[a-z]|-[a-z](?!\S)|-[a-z][\w-]*="
    r"|(?:gcc|g\+\+|c\+\+|clang|clang\+\+|ld|javac|tar|ls|rm|cp|mv|ps|grep|sed|awk|chmod|chown|scp|rsync|curl|wget)\s+-[a-z])",
    re.IGNORECASE,
)
# A sentence is not over after these.
_UNFINISHED: Final = tuple("是的用和与或叫")
_LAST_SIGNS: Final = "。，、！？；：,.!?;:"


def _excludes(text: str, rest: str, piece: Piece, pieces: Sequence[Piece], *, asks: bool) -> bool:
    """Whether a bare -word excludes; `rest` is the text with every piece blanked."""
    line = text[: piece.start].rpartition("\n")[2]
    if _COMMAND_LINE.search(text) or ("\n" in text and not line.strip()):
        return False
    if asks:
        before = text[: piece.start].split()[-1:]
        if any(fold(word) in STOP_WORDS or word.endswith(_UNFINISHED) for word in before):
            return False
        if any(character.isalnum() or character in "?？" for character in rest[piece.end :]):
            return False
    return _has_letters(rest) or any(other.sign != "-" for other in pieces)


def _kind_of_quote(text: str, piece: Piece, phrase: str, *, asks: bool) -> Kind | None:
    if not _has_letters(phrase):
        return None
    if piece.sign == "-":
        return "excluded"
    if piece.sign == "+":
        return "phrase"
    neighbours = text[: piece.start][-1:] + text[piece.end : piece.end + 1]
    return "emphasis" if asks or _has_letters(neighbours) or len(phrase) > MAX_PHRASE_CHARS else "phrase"


def _is_title_of_a_question(piece: Piece) -> bool:
    """标题：如何写好论文 is a question with a heading."""
    return piece.is_bare and piece.operator in ("source", "title", "label") and reads_as_sentence(piece.value)


def _where(pieces: Sequence[Piece]) -> Filter | None:
    wanted: dict[str, list[Filter]] = {}
    parts: list[Filter] = []
    for piece in pieces:
        if piece.where is not None and piece.sign != "-":
            wanted.setdefault(piece.operator, []).append(piece.where)
    for alternatives in wanted.values():
        parts.append(one_of(alternatives))
    parts += [Not(piece.where) for piece in pieces if piece.where is not None and piece.sign == "-"]
    return (parts[0] if len(parts) == 1 else And(tuple(parts))) if parts else None


_NO_SPACE_AFTER, _NO_SPACE_BEFORE = tuple("，。；、！？"), tuple("?？!！")
_BESIDE: Final = re.compile(r"[,，;；、。]?\s*")


def _left(text: str, taken: Sequence[tuple[Piece, str]]) -> str:
    """The text with other words, or none, where the pieces were."""
    if not taken:
        return text
    left, at = "", 0
    for piece, instead in taken:
        left += text[at : piece.start] + instead
        at = piece.end
        if not instead:
            found = _BESIDE.match(text, at)
            at = found.end() if found is not None else at
            left = left.rstrip()
            left += "" if left.endswith(_NO_SPACE_AFTER) or text.startswith(_NO_SPACE_BEFORE, at) else " "
    left = (left + text[at:]).strip()
    return left if _has_letters(left) else ""


def _without(text: str, pieces: Sequence[Piece]) -> str:
    """The text with blanks where the pieces are, of the same length."""
    for piece in pieces:
        text = text[: piece.start] + " " * (piece.end - piece.start) + text[piece.end :]
    return text


def _without_last_sign(phrase: str) -> str:
    # 「寧做不滿的人類。」 and "the Methodists?" have the sign of the sentence that they stand in.
    return phrase.rstrip(_LAST_SIGNS).rstrip()


def _has_letters(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _values(notes: Sequence[Note], kind: Kind) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note.value for note in notes if note.kind == kind))
