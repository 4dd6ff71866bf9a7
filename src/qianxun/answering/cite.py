"""Citations: reading `[1]` marks out of an answer, and checking each sentence against what it cites.

The check is by rules (`qianxun.answering.checking`), the same for quoted and for generated sentences, so it costs
milliseconds and can be explained; it does not understand. What differs from the passage in a figure, date, unit, limit,
negation or name is never supported. A sentence that says the same in quite other words is "weak", and so is one in
another language than its passage, unless the caller can compare meaning (`judge`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from qianxun.answering.checking.spans import Best, best_span
from qianxun.answering.extract import Similarities
from qianxun.answering.pieces import pieces
from qianxun.documents.sentences import sentences
from qianxun.records import Passage, Span, Support

# (statement, quotes) → how probable it is, in [0, 1], that each of the quotes supports the statement.
Judge: TypeAlias = Callable[[str, Sequence[str]], Sequence[float]]

# Unrelated sentences of one document share up to a quarter of their words.
WEAK = 0.25
# The least cosine of a claim and a quote in another language.
_SIMILAR = 0.5
# From this probability on a judge of meaning is sure that a quote supports a statement, from 1 - SURE down that not.
SURE = 0.8

# Q is what the question brings along (`answering.material`).
_NUMBER = r"(?:\d{1,3}|[QＱ])"
_NUMBERS = rf"{_NUMBER}(?:\s*[,，、;；\-–~]\s*{_NUMBER})*"
# Code between fences: neither sentences nor marks. Without an end it goes to the end.
FENCE = "```"
_FENCED = re.compile(r"^([^\S\n]*)```[^\n]*(?:\n(?![ \t]*```[ \t\r]*$)[^\n]*)*(?:\n[ \t]*```[ \t\r]*$)?", re.MULTILINE)
_MARK = re.compile(rf"\s*(?:\[\s*({_NUMBERS})\s*\](?!\()|【\s*({_NUMBERS})\s*】|［\s*({_NUMBERS})\s*］)")


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence of an answer without its marks, and the numbers it cites in the order given.

    `span` is its place in the answer, with the marks in it and those that follow it.
    """

    text: str
    numbers: tuple[int, ...]
    span: Span = field(default=Span(0, 0), compare=False)


def parse(text: str) -> list[Cited]:
    """The sentences of an answer with the numbers they cite.

    Marks are `[1]`, `[1][3]`, `[1, 2]`, `[1-3]` and their full-width forms 【1】 and ［1］ (digits too).
    `[Q]` is number 0.
    A mark belongs to the sentence that it stands in or follows, whether before or after the full stop. What stands
    between fences is left out.
    """
    text = without_code(text)
    clean, last = "", 0
    marks: list[tuple[int, list[int], int]] = []  # where it stood in the clean text, its numbers, its end in the answer
    for match in _MARK.finditer(text):
        clean += text[last : match.start()]
        marks.append((len(clean), _numbers(match[1] or match[2] or match[3]), match.end()))
        last = match.end()
    clean += text[last:]
    spans = [(s, e) for s, e in sentences(clean) if any(c.isalnum() for c in clean[s:e])]
    cited: list[list[int]] = [[] for _ in spans]
    ends = [_in_answer(end, marks, until=True) for _, end in spans]
    for position, numbers, end in marks:
        before = [i for i, (start, _) in enumerate(spans) if start < position]
        if before:
            cited[before[-1]] += [n for n in numbers if n not in cited[before[-1]]]
            ends[before[-1]] = max(ends[before[-1]], end)
    places = [Span(_in_answer(start, marks), end) for (start, _), end in zip(spans, ends, strict=True)]
    return [Cited(clean[s:e], tuple(n), at) for (s, e), n, at in zip(spans, cited, places, strict=True)]


def _in_answer(place: int, marks: Sequence[tuple[int, list[int], int]], *, until: bool = False) -> int:
    """A place of the clean text in the answer; `until` it, the marks that stand just there are not passed."""
    passed = [(at, end) for at, _, end in marks if at < place or (at == place and not until)]
    return passed[-1][1] + place - passed[-1][0] if passed else place


def without_code(text: str) -> str:
    """The text without what stands between fences, and without them."""
    return _FENCED.sub(r"\1", text)


def mark_places(text: str) -> list[tuple[int, int]]:
    """Where marks stand in a text, with the white space before them: from, to."""
    return [found.span() for found in _MARK.finditer(text)]


def mark(number: int) -> str:
    """The mark of a number."""
    return f"[{number}]" if number else "[Q]"


def verify(
    sentence: str,
    passage: Passage,
    *,
    place: Span | None = None,
    similarities: Similarities | None = None,
    judge: Judge | None = None,
) -> tuple[Support, Span, str]:
    """Whether the passage bears the sentence, and the span that does best: (support, span, quote).

    The span lies in the document's cleaned text and `quote` is exactly that slice. Of several spans
    the best supported, then the one sharing most words, then the shortest, then the first is taken.
    `place` holds the check to the pieces within it.

    `similarities` compares by meaning; it can lift a sentence of another language from absent to weak, never to
    supported. `judge` says how surely each quote supports the sentence. It is asked of the span, or of each piece where
    the languages differ, and not at all of a copy or where the rules see a contradiction: that stands. Sure of a quote
    (`SURE`), it lifts weak to supported, across languages absent too; sure that there is none, it lowers supported to
    weak.
    """
    units = pieces(passage)
    if place is not None:
        start, end = place.start - passage.span.start, place.end - passage.span.start
        units = [unit for unit in units if start <= unit.start and unit.end <= end]
    if not units or not any(c.isalnum() for c in sentence):
        return "absent", passage.span, passage.text
    best = best_span(sentence, units, "\n".join([passage.title, *passage.heading, passage.context]))
    support = _support(best)
    first, last = best.first, best.last
    if not best.copied and not best.judgement.contradicts:
        if best.across and support == "absent" and similarities is not None:
            alike = similarities(sentence, [unit.shown for unit in units])
            support = "weak" if max(alike) >= _SIMILAR else support
        if judge is not None and best.across:
            sure = list(judge(sentence, [_in_context(unit.shown, passage) for unit in units]))
            if max(sure) >= SURE:
                support, first = "supported", sure.index(max(sure))
                last = first
        elif judge is not None:
            quote = passage.text[units[first].start : units[last].end]
            support = _with_judge(support, judge(sentence, [_in_context(quote, passage)])[0])
    start, end = units[first].start, units[last].end
    return support, Span(passage.span.start + start, passage.span.start + end), passage.text[start:end]


def _support(best: Best) -> Support:
    """What the rules alone say."""
    if best.across:
        return "weak" if best.judgement.bears else "absent"
    if best.judgement.bears:
        return "supported"
    # Other figures than the source's are a false statement, however many words agree.
    return "absent" if best.unknown_figure or best.judgement.share < WEAK else "weak"


def _with_judge(support: Support, sure: float) -> Support:
    """What the rules say and what a judge of meaning says, in one language."""
    if support == "weak" and sure >= SURE:
        return "supported"
    return "weak" if support == "supported" and sure <= 1 - SURE else support


def _in_context(quote: str, passage: Passage) -> str:
    """A quote with what stands around it, as a judge reads it."""
    return "\n".join(part for part in (*passage.heading, passage.context, quote) if part)


def _numbers(text: str) -> list[int]:
    found: list[int] = []
    for part in re.split(r"\s*[,，、;；]\s*", text):
        first, *rest = (int(n) if n.isdecimal() else 0 for n in re.split(r"\s*[\-–~]\s*", part))
        last = rest[-1] if rest else first
        # A range that is no sensible range ([1-300]) is its two ends.
        found += range(first, last + 1) if first <= last <= first + 20 else [first, last]
    return found
