"""Citations: reading `[1]` marks out of an answer, and checking each sentence against what it cites.

The check is by words and figures, the same for quoted and for generated sentences, so it costs
microseconds and can be explained; it does not understand. It cannot see that two differently worded
sentences mean the same ("weak"), nor that the same words in another order mean something else. A
sentence in another language than its passage shares only figures and names with it, and is at most
weak unless the caller can compare meaning (`similarities`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from qianxun.answering.extract import Similarities
from qianxun.answering.facts import facts, missing, negated, without_facts
from qianxun.answering.pieces import Piece, pieces
from qianxun.documents.sentences import sentences
from qianxun.records import Passage, Span, Support
from qianxun.text import characters, script, words

# Shares of a sentence's words that must occur in the cited span. Paraphrase keeps about half of the
# words and of the Chinese character pairs; unrelated sentences of one document share up to a quarter.
SUPPORTED = 0.5
WEAK = 0.25
# Sentences that a claim may be drawn from together.
_WINDOW = 3
# The least cosine of a claim and a quote in another language.
_SIMILAR = 0.5
# Two pieces are about as near to a claim if the one shares this part of what the other shares.
_ALONE = 0.85

_NUMBERS = r"\d{1,3}(?:\s*[,，、;；\-–~]\s*\d{1,3})*"
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
    A mark belongs to the sentence that it stands in or follows, whether before or after the full stop.
    """
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


def verify(
    sentence: str, passage: Passage, *, place: Span | None = None, similarities: Similarities | None = None
) -> tuple[Support, Span, str]:
    """Whether the passage bears the sentence, and the span that does best: (support, span, quote).

    The span lies in the document's cleaned text and `quote` is exactly that slice. Of several spans
    the best supported, then the one sharing most words, then the shortest, then the first is taken.
    `place` holds the check to the pieces within it. `similarities` compares by meaning; it can lift a
    sentence of another language from absent to weak, never to supported.
    """
    units = pieces(passage)
    if place is not None:
        start, end = place.start - passage.span.start, place.end - passage.span.start
        units = [unit for unit in units if start <= unit.start and unit.end <= end]
    windows = [units[i : i + n] for n in range(1, _WINDOW + 1) for i in range(len(units) - n + 1)]
    if not windows or not any(c.isalnum() for c in sentence):
        return "absent", passage.span, passage.text
    claim = _Claim(sentence, units, passage)
    judged = [(claim.judge(window, similarities), window) for window in windows]
    (rank, _, _), best = max(judged, key=lambda j: (j[0], -(j[1][-1].end - j[1][0].start), -j[1][0].start))
    start, end = best[0].start, best[-1].end
    span = Span(passage.span.start + start, passage.span.start + end)
    supports: tuple[Support, ...] = ("absent", "weak", "supported")
    return supports[rank], span, passage.text[start:end]


class _Claim:
    """A sentence made ready for comparison with the spans of one passage, whose pieces are `units`."""

    def __init__(self, sentence: str, units: Sequence[Piece], passage: Passage) -> None:
        self.text = sentence
        self.words = without_facts(sentence)
        self.facts = facts(sentence)
        self.negated = negated(sentence)
        self.is_cjk = script(sentence) == "cjk"
        self.shares = {unit: self._share([unit]) for unit in units}
        self.closest = max(units, key=self.shares.__getitem__)
        self.around = "\n".join([*passage.heading, passage.context])
        self.closest_lacks = bool(missing(self.facts, facts(f"{_with_header(self.closest)}\n{self.around}"))[0])

    def judge(self, window: Sequence[Piece], similarities: Similarities | None) -> tuple[int, float, float]:
        """(0 absent, 1 weak, 2 supported; share of words; share of the words without the context)."""
        quote = "\n".join(map(_with_header, window))
        lost, other_unit = missing(self.facts, facts(f"{quote}\n{self.around}"))
        own = self._share(window)
        shared = max(own, overlap(self.words, without_facts(f"{quote}\n{self.around}")))
        if (script(quote) == "cjk") != self.is_cjk:
            alike = bool(self.facts) or (similarities is not None and similarities(self.text, [quote])[0] >= _SIMILAR)
            return int(alike and not lost), shared, own
        # Other figures than the source's are a false statement, however many words agree.
        if shared < WEAK or lost:
            return 0, shared, own
        nearest = max(window, key=self.shares.__getitem__)
        unlike = other_unit or shared < SUPPORTED or own < WEAK or negated(nearest.text) != self.negated
        return (1 if unlike or self._mixes(window, own) else 2), shared, own

    def _mixes(self, window: Sequence[Piece], own: float) -> bool:
        """True if the claim says one piece's words with another piece's figures.

        Rows are statements of their own, so two of them never bear one claim. If the piece nearest in
        words lacks the claim's figures, the pieces that have them must be about as near, or bring words
        to the claim that the nearest one lacks.
        """
        if len(window) > 1 and any(piece.row for piece in window):
            return True
        if not self.closest_lacks:
            return False
        nearest = self.shares[self.closest]
        others = self._share([piece for piece in window if piece != self.closest])
        brings_words = self.closest in window and _ALONE * own > nearest
        return others < _ALONE * nearest and not brings_words

    def _share(self, window: Sequence[Piece]) -> float:
        return overlap(self.words, without_facts("\n".join(map(_with_header, window))))


def _with_header(piece: Piece) -> str:
    return f"{piece.header}\n{piece.text}" if piece.header else piece.text


def overlap(claim: str, source: str) -> float:
    """The share of a folded claim's words that occur in the folded source, in [0, 1]; 1 if it has none.

    Chinese is compared by pairs and by single characters, and the mean taken: pairs alone punish
    every inserted character twice.
    """
    pairs, singles = set(words(claim)), set(characters(claim))
    if not pairs:
        return 1.0
    share = len(pairs & set(words(source))) / len(pairs)
    if not singles:
        return share
    by_character = len(singles & set(characters(source))) / len(singles)
    return (share + by_character) / 2


def _numbers(text: str) -> list[int]:
    found: list[int] = []
    for part in re.split(r"\s*[,，、;；]\s*", text):
        first, *rest = (int(n) for n in re.split(r"\s*[\-–~]\s*", part))
        last = rest[-1] if rest else first
        # A range that is no sensible range ([1-300]) is its two ends.
        found += range(first, last + 1) if first <= last <= first + 20 else [first, last]
    return found
