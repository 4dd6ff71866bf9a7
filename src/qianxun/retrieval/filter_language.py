"""Filters as people and programs write them: `label in (hr, finance) and modified >= 2025-01-01`.

    filter     = all { "or" all }                              or, 或, 或者
    all        = condition { "and" condition }                 and, 且, 并且, 和, 与
    condition  = { "not" } ( "(" filter ")" | comparison )     not, 非, 不是
    comparison = field operator value | field [ "not" ] "in" "(" [ value { "," value } ] ")"
    value      = [ "exactly" ] ( word | quoted )               exactly, 原样

    source, title, format   = != ^= (begins with) ~ (contains) in, not in
    label                   = != in, not in
    modified                = != < <= > >= ^= ~ in, not in; its values are dates (see `dates`)

Chinese names (来源 标题 格式 标签 修改时间, 是 不是 包含 属于 早于 晚于) and full-width signs mean the same. Within
quotes the closing mark is written twice. A date stands for all of its time: `modified = 2025-03` is that month,
`<= 2025` the year included. A document without a date is neither before nor after one; `modified = ""` finds it. A
format is what people call it: word, md and 图片 are several formats. `exactly` takes a value as the text it is, and
with it every field but the label can be compared in the order of text: so that a program can write every filter.

`~` folds (年假 finds 年假 in traditional characters), everything else compares what is written. The language only
makes a `Filter`: it cannot widen what an asker may see.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from qianxun.errors import InputError
from qianxun.filters import And, AnyLabel, Contains, Equals, Field, Filter, Not, Or, Prefix, Range
from qianxun.retrieval.dates import period
from qianxun.retrieval.filter_rendering import render_filter
from qianxun.retrieval.filter_words import (
    AND,
    ANY_DATE,
    CLOSE,
    COMMA,
    EXACTLY,
    MARKS,
    NAMES,
    NOT,
    OPEN,
    OPERATORS,
    OPERATORS_OF,
    OR,
    QUOTES,
    RESERVED,
    SIGNS,
    Name,
    Operator,
    of_format,
)
from qianxun.retrieval.phrases import fold_in_place

__all__ = ["MAX_CHARS", "MAX_CONDITIONS", "MAX_DEPTH", "parse_filter", "render_filter"]

MAX_CHARS: Final = 10_000
MAX_DEPTH: Final = 32
MAX_CONDITIONS: Final = 200

T = TypeVar("T")

# Who writes && or || means and, or.
_WORD: Final = re.compile(rf"(?:(?!&&|\|\|)[^\s()（）,，、{MARKS}])+")
_PIECE: Final = re.compile(rf"[{SIGNS}]+|[^\s(),、{MARKS}{SIGNS}]+|\S")
_SHOWN_CHARS: Final = 24


def parse_filter(text: str, now: datetime | None = None) -> Filter:
    """The filter that a text means. `now` (default: this moment) is what today is and ages such as 7d count from.

    Raises InputError naming the column (from 1) and the piece there if the text is no filter, or if it has more than
    MAX_CHARS characters or MAX_CONDITIONS conditions or is nested deeper than MAX_DEPTH.
    """
    if not text.strip():
        raise InputError("The filter is empty.", remedy="Write a condition, such as format = pdf.")
    if len(text) > MAX_CHARS:
        raise InputError(
            "The filter has {n} characters, but no more than {most} are read.",
            remedy="Put the values of one field into a list: label in (hr, finance).",
            n=len(text),
            most=MAX_CHARS,
        )
    parser = _Parser(text, now or datetime.now(UTC))
    found = parser.any_of(0)
    if not parser.at_end():
        raise parser.no_joint()
    return found


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    exactly: bool
    column: int


class _Parser:
    """A place in a text. Each method reads one part of the grammar from there on."""

    def __init__(self, text: str, now: datetime) -> None:
        self._text = text
        self._plain = fold_in_place(text)
        self._now = now
        self._at = 0
        self._n_conditions = 0

    def any_of(self, depth: int) -> Filter:
        """`filter`."""
        parts = [self._all_of(depth)]
        while self._takes(OR):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all_of(self, depth: int) -> Filter:
        parts = [self._condition(depth)]
        while self._takes(AND):
            parts.append(self._condition(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _condition(self, depth: int) -> Filter:
        column = self._column()
        if depth > MAX_DEPTH:
            raise InputError(
                "Filter, column {column}: this is nested deeper than {most} levels.",
                remedy="Take out parentheses and nots that change nothing.",
                column=column,
                most=MAX_DEPTH,
            )
        if self._takes(NOT):
            return Not(self._condition(depth + 1))
        if not self._takes(OPEN):
            return self._comparison()
        found = self.any_of(depth + 1)
        if not self._takes(CLOSE):
            if not self.at_end():
                raise self.no_joint()
            raise InputError(
                "Filter, column {column}: this parenthesis is not closed.",
                remedy="Write ) where the group ends.",
                column=column,
            )
        return found

    def _comparison(self) -> Filter:
        self._n_conditions += 1
        if self._n_conditions > MAX_CONDITIONS:
            raise InputError(
                "Filter, column {column}: it has more than {most} conditions.",
                remedy="Put the values of one field into a list: label in (hr, finance).",
                column=self._column(),
                most=MAX_CONDITIONS,
            )
        name = self._takes(NAMES)
        if name is None:
            seen = self._seen()
            near = difflib.get_close_matches(seen.lower(), NAMES, n=1, cutoff=0.7)
            raise InputError(
                "Filter, column {column}: a field is expected, not {seen!r}."
                if seen
                else "The filter ends where a field is expected (column {column}).",
                remedy="Did you mean {near!r}?" if near else "Fields: {fields}.",
                near=next(iter(near), ""),
                fields=", ".join(NAMES),
                column=self._column(),
                seen=seen,
            )
        column = self._column()
        operator = self._operator()
        if operator is None:
            seen = self._seen()
            raise InputError(
                "Filter, column {column}: after {field} an operator is expected, not {seen!r}."
                if seen
                else "The filter ends where an operator is expected after {field} (column {column}).",
                remedy="Operators of {field}: {operators}.",
                operators=OPERATORS_OF[name],
                field=name,
                column=column,
                seen=seen,
            )
        if operator == "in":
            return self._any_equal(name, self._listed())
        if operator == "not in":
            return Not(self._any_equal(name, self._listed()))
        return self._compared(name, operator, self._value(), column)

    def _operator(self) -> Operator | None:
        at = self._at
        if self._takes({"not": "not"}):
            if self._takes({"in": "in"}):
                return "not in"
            self._at = at
            return None
        return self._takes(OPERATORS)

    def _listed(self) -> list[_Value]:
        opened = self._column()
        if not self._takes(OPEN):
            seen = self._seen()
            raise InputError(
                "Filter, column {column}: ( is expected, not {seen!r}."
                if seen
                else "The filter ends where ( is expected (column {column}).",
                remedy="Write the values in parentheses: label in (hr, finance).",
                column=opened,
                seen=seen,
            )
        found: list[_Value] = []
        while not self._takes(CLOSE):
            if found and not self._takes(COMMA):
                raise InputError(
                    "Filter, column {column}: this list is not closed."
                    if self.at_end()
                    else "Filter, column {column}: a comma or ) is expected, not {seen!r}.",
                    remedy="Put commas between values, ) after the last one and quotes around one with spaces.",
                    column=opened if self.at_end() else self._column(),
                    seen=self._seen(),
                )
            found.append(self._value())
        return found

    def _value(self) -> _Value:
        exactly = self._takes(EXACTLY) is not None
        column = self._column()
        if self._text[self._at : self._at + 1] in QUOTES:
            return _Value(self._quoted(), exactly, column)
        found = _WORD.match(self._text, self._at)
        if found is None or self._plain[self._at] in "=!<>^" or self._plain[self._at : found.end()] in RESERVED:
            seen = self._seen()
            raise InputError(
                "Filter, column {column}: a value is expected, not {seen!r}."
                if seen
                else "The filter ends where a value is expected (column {column}).",
                remedy="Write a value, in quotes if it has spaces or signs or is a word of this language.",
                column=column,
                seen=seen,
            )
        self._at = found.end()
        return _Value(found[0], exactly, column)

    def _quoted(self) -> str:
        opening = self._text[self._at]
        closing = QUOTES[opening]
        column, at = self._column(), self._at + 1
        pieces: list[str] = []
        while True:
            end = self._text.find(closing, at)
            if end < 0:
                raise InputError(
                    "Filter, column {column}: the quote {opening} is not closed.",
                    remedy="Write {closing} after the value.",
                    column=column,
                    opening=opening,
                    closing=closing,
                )
            pieces.append(self._text[at:end])
            at = end + 1
            if not self._text.startswith(closing, at):
                self._at = at
                return closing.join(pieces)
            at += 1

    # What comparisons mean.

    def _any_equal(self, name: Name, values: list[_Value]) -> Filter:
        if name == "label":
            return AnyLabel(frozenset(value.text for value in values))
        found = tuple(self._equal(name, value) for value in values)
        return found[0] if len(found) == 1 else Or(found)

    def _equal(self, name: Name, value: _Value) -> Filter:
        if name == "label":
            return AnyLabel(frozenset({value.text}))
        if name == "modified" and value.text and not value.exactly:
            low, high = self._period(value)
            return Range("modified", low, high)
        if name == "format" and not value.exactly:
            return of_format(value.text)
        return Equals(name, value.text)

    def _compared(self, name: Name, operator: Operator, value: _Value, column: int) -> Filter:
        if operator == "=":
            return self._equal(name, value)
        if operator == "!=":
            return Not(self._equal(name, value))
        is_order = operator in ("<", "<=", ">", ">=")
        if name == "label" or (is_order and name != "modified" and not value.exactly):
            raise InputError(
                "Filter, column {column}: {field} has no operator {operator}.",
                remedy="Operators of {field}: {operators}.",
                operators=OPERATORS_OF[name],
                field=name,
                operator=operator,
                column=column,
            )
        if operator == "^=":
            return Prefix(name, value.text)
        if operator == "~":
            return Contains(name, value.text)
        if operator == "!~":
            return Not(Contains(name, value.text))
        if value.exactly:
            return _in_order_of_text(name, operator, value.text)
        low, high = self._period(value)
        match operator:
            case "<":
                return Range("modified", ANY_DATE, low)
            case "<=":
                return Range("modified", ANY_DATE, high)
            case ">":
                return Range("modified", high)
            case _:
                return Range("modified", low)

    def _period(self, value: _Value) -> tuple[str, str]:
        found = period(value.text, self._now)
        if found is None:
            raise InputError(
                "Filter, column {column}: {seen!r} is no date.",
                remedy="Write 2025, 2025-03, 2025-03-01, today, or an age: 7d, 3w, 6m, 1y.",
                column=value.column,
                seen=value.text[:_SHOWN_CHARS],
            )
        return found.low, found.high

    # The place.

    def at_end(self) -> bool:
        """True if nothing follows but white space."""
        self._skip()
        return self._at == len(self._text)

    def no_joint(self) -> InputError:
        """The error that says that what follows does not."""
        return InputError(
            "Filter, column {column}: and, or or the end is expected, not {seen!r}.",
            remedy="Put and or or between conditions, and quotes around a value with spaces.",
            column=self._column(),
            seen=self._seen(),
        )

    def _takes(self, words: Mapping[str, T]) -> T | None:
        """What the longest of these words or signs stands for that follows, and goes on after it; else None."""
        self._skip()
        for word in sorted(words, key=len, reverse=True):
            end = self._at + len(word)
            if self._plain.startswith(word, self._at) and not _goes_on(word, self._plain[end : end + 1]):
                self._at = end
                return words[word]
        return None

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _column(self) -> int:
        self._skip()
        return self._at + 1

    def _seen(self) -> str:
        """The piece that follows, for an error; "" at the end."""
        self._skip()
        found = _PIECE.match(self._plain, self._at)
        return self._text[self._at : found.end()][:_SHOWN_CHARS] if found is not None else ""


def _goes_on(word: str, after: str) -> bool:
    """True if a word or sign does not end where it was found: `or` in `order`, `=` in `=~`."""
    if word in EXACTLY:  # so that values may begin with it
        return not (after.isspace() or after in QUOTES)
    if word[-1] in SIGNS:
        return after != "" and after in SIGNS
    return word.isascii() and word[-1].isalpha() and after.isascii() and (after.isalnum() or after == "_")


def _in_order_of_text(name: Field, operator: Operator, text: str) -> Filter:
    match operator:
        case "<":
            return Range(name, None, text)
        case "<=":
            return Or((Range(name, None, text), Equals(name, text)))
        case ">":
            return And((Range(name, text), Not(Equals(name, text))))
        case _:
            return Range(name, text)
