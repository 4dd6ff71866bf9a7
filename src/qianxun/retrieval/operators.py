"""What may be an operator in a question, by its form: quoted phrases, -words, field:values. Pure.

Where each stands and what it holds; what is made of it is for `question` to decide, which knows the whole.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from qianxun.filters import AnyLabel, Contains, Filter, Or, Prefix, Range
from qianxun.retrieval.dates import is_age, period
from qianxun.retrieval.filter_words import ANY_DATE, FORMATS, of_format
from qianxun.retrieval.phrases import fold_in_place

Operator: TypeAlias = Literal["quote", "word", "source", "title", "format", "label", "after", "before", "date"]
Sign: TypeAlias = Literal["", "-", "+"]


@dataclass(frozen=True, slots=True)
class Piece:
    """text[start:end] may be an operator. `value` is what it holds; `where` what a field asks for.

    `is_bare`: the value has no quotes.
    """

    operator: Operator
    start: int
    end: int
    sign: Sign
    value: str
    where: Filter | None = None
    is_bare: bool = True


# The names that fold to these: in traditional characters too.
_NAMES: Final[Mapping[str, Operator]] = {
    "source": "source", "来源": "source", "出处": "source",
    "title": "title", "标题": "title",
    "format": "format", "格式": "format", "type": "format", "类型": "format", "文件类型": "format",
    "label": "label", "标签": "label",
    "after": "after", "之后": "after",
    "before": "before", "之前": "before",
    "date": "date", "日期": "date", "修改日期": "date", "修改时间": "date",
}  # fmt: skip
# Words of many other meanings: only with a format that is known.
_UNSURE: Final = frozenset({"type", "类型"})
_KNOWN_FORMATS: Final = frozenset(
    {*FORMATS, *(name for names in FORMATS.values() for name in names)}
    | set("pdf csv tsv json jsonl xml feed epub rtf mbox".split())
)
_FIELD: Final = re.compile(f"(?P<name>{'|'.join(sorted(_NAMES, key=len, reverse=True))}):")
_SIGNS: Final[Mapping[str, Sign]] = {**dict.fromkeys("-－−", "-"), **dict.fromkeys("+＋", "+")}

# Any of these closes what any of them opens: who types “ often gets ” first, or ends with a straight one.
_DOUBLE: Final = '"＂“”„‟'
_STRAIGHT: Final = '"＂'
_PAIRS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_DOUBLE, _DOUBLE), **dict(zip("「『｢﹁﹃«", "」』｣﹂﹄»", strict=True)),
}  # fmt: skip
# After a colon, where they are no apostrophe.
_SINGLE: Final[Mapping[str, str]] = {**dict.fromkeys("'＇", "'＇"), **dict.fromkeys("‘’", "‘’")}

_BEFORE_SIGN: Final = " \t\u3000\u00a0"
_BEFORE_FIELD: Final = "，。；、！？,;(（【"
_BARE: Final = re.compile(r'[^\s，。；！？"＂“”„‟「」『』｢｣]+')
_TRAILING: Final = ".,;:!?)）】、'’"
_BETWEEN: Final = re.compile("[,，、]")
_MAX_QUOTED_CHARS: Final = 400
_FORMAT: Final = re.compile(r"\.?[a-z0-9+]{1,12}")


def pieces_of(text: str, now: datetime) -> list[Piece]:
    """What may be an operator, in order, none within another."""
    plain = fold_in_place(text)
    found: list[Piece] = []
    at = 0
    while at < len(text):
        piece = _piece_at(text, plain, at, now)
        if piece is None:
            at += 1
        else:
            found.append(piece)
            at = piece.end
    return found


def _piece_at(text: str, plain: str, at: int, now: datetime) -> Piece | None:
    before = text[at - 1] if at else " "
    sign = _SIGNS.get(text[at], "")
    if sign:
        if before not in _BEFORE_SIGN or at + 1 == len(text):
            return None
        return (
            _quote(text, at + 1, at, sign)
            or (_field(text, plain, at + 1, at, sign, now) if sign == "-" else None)
            or (_word(text, at + 1, at) if sign == "-" else None)
        )
    if text[at] in _PAIRS:
        if text[at] in _STRAIGHT and before.isascii() and before.isalnum():  # 5'10", and a mark that closes
            return None
        return _quote(text, at, at, "")
    if before.isspace() or before in _BEFORE_FIELD:
        return _field(text, plain, at, at, "", now)
    return None


def _quote(text: str, at: int, start: int, sign: Sign) -> Piece | None:
    quoted = _quoted(text, at, _PAIRS)
    return None if quoted is None else Piece("quote", start, quoted[1], sign, quoted[0], is_bare=False)


def _quoted(text: str, at: int, pairs: Mapping[str, str]) -> tuple[str, int] | None:
    """What stands between the quotation marks that begin here, and where they end; None if they do not on this line."""
    closing = pairs.get(text[at : at + 1])
    if not closing:
        return None
    for end in range(at + 1, min(len(text), at + _MAX_QUOTED_CHARS)):
        if text[end] == "\n":
            return None
        if text[end] in closing:
            after = text[end + 1 : end + 2]
            if text[end] in "\"＂'＇" and after.isascii() and after.isalnum():
                return None
            inside = text[at + 1 : end].strip()
            return (inside, end + 1) if any(c.isalnum() for c in inside) else None
    return None


def _word(text: str, at: int, start: int) -> Piece | None:
    """A bare word to exclude. Letters only begin one, more than one, and no sign of an option, an address or a path."""
    found = _BARE.match(text, at)
    word = found[0].rstrip(_TRAILING) if found is not None else ""
    if not word or not word[0].isalpha() or any(c in word for c in "=:/\\"):
        return None
    if len(word) == 1 and word.isascii():
        return None
    return Piece("word", start, at + len(word), "-", word)


def _field(text: str, plain: str, at: int, start: int, sign: Sign, now: datetime) -> Piece | None:
    name = _FIELD.match(plain, at)
    if name is None:
        return None
    quoted = _quoted(text, name.end(), {**_PAIRS, **_SINGLE})
    if quoted is not None:
        value, end = quoted
    else:
        found = _BARE.match(text, name.end())
        value = found[0].rstrip(_TRAILING) if found is not None else ""
        end = name.end() + len(value)
    operator = _NAMES[name["name"]]
    where = _where(operator, value, now, sure=name["name"] not in _UNSURE) if value else None
    return None if where is None else Piece(operator, start, end, sign, value, where, is_bare=quoted is None)


def _where(operator: Operator, value: str, now: datetime, *, sure: bool) -> Filter | None:
    """What a field asks for; None if the value is none of this field's."""
    match operator:
        case "source":
            return _source(value)
        case "title":
            return Contains("title", value)
        case "format":
            names = [name for name in _BETWEEN.split(fold_in_place(value)) if name]
            if not names or not all(_is_format(name, sure=sure) for name in names):
                return None
            return one_of([of_format(name) for name in names])
        case "label":
            labels = frozenset(label.strip() for label in _BETWEEN.split(value) if label.strip())
            return AnyLabel(labels) if labels else None
        case _:
            return _time(operator, value, now)


def _is_format(name: str, *, sure: bool) -> bool:
    return name.removeprefix(".") in _KNOWN_FORMATS or (sure and _FORMAT.fullmatch(name) is not None)


def _source(value: str) -> Filter:
    if value.startswith("/") or "://" in value:
        return Prefix("source", value)
    if value.endswith("/"):
        return Or((Prefix("source", value), Contains("source", f"/{value}")))
    return Contains("source", value)


def _time(operator: Operator, value: str, now: datetime) -> Filter | None:
    found = period(value, now)
    if found is None:
        return None
    if operator == "before":
        return Range("modified", ANY_DATE, found.low)
    if operator == "after" or is_age(value):
        return Range("modified", found.low)
    return Range("modified", found.low, found.high)


def one_of(filters: Sequence[Filter]) -> Filter:
    """Any of these, as simply as it can be said."""
    flat: list[Filter] = []
    for one in filters:
        flat += one.parts if isinstance(one, Or) else [one]
    return flat[0] if len(flat) == 1 else Or(tuple(dict.fromkeys(flat)))
