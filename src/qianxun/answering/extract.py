"""The sentences of the passages that carry the answer to a question. Pure; knows no engine and no model by name.

A sentence is scored by how much of the question it covers (words weighted by their rarity, its
heading and neighbours counted less), by how near its vector is to the question's (the only thing
that works across languages), by whether it holds the kind of answer asked for, and by its passage's
score. Sentences are quoted as they stand, so a quote is a slice of the document.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from qianxun.answering.facts import Facts, facts
from qianxun.answering.kinds import expected_kind, holds
from qianxun.answering.pieces import Piece, pieces
from qianxun.records import Passage
from qianxun.text import STOP_WORDS, characters, fold, has_cjk, runs, script, words

# The cosine of each text with the question.
Similarities: TypeAlias = Callable[[str, Sequence[str]], Sequence[float]]

# What a term found outside the sentence is worth: in the heading, title or table header; in the
# sentence before; elsewhere in the passage.
_IN_CONTEXT, _IN_PREVIOUS, _IN_PASSAGE = 0.9, 0.6, 0.4


@dataclass(frozen=True, slots=True)
class Weights:
    """What each figure of a candidate counts for in its score. Chosen by `bench/extraction_study.py`."""

    coverage: float = 0.45
    similarity: float = 0.15
    kind: float = 0.1
    passage: float = 0.8
    conflict: float = 0.15


WEIGHTS = Weights()
# Sentences encoded for a question: 2 ms each on one core with the builtin encoder, which is most of the time of `ask`.
MOST_COMPARED = 64
# A further sentence is quoted if it scores at least this share of the best one.
_NEARLY = 0.85

# Words of asking, which carry none of what is asked about. Chinese has no word boundaries, so they are
# cut out of the question before it becomes character pairs.
ASKING = re.compile(
    r"什么时[候间]|什么地方|什么样|是什么|为什么|什么|何时|何地|何处|几时|多长时间|多久|多少个?|哪一?[年天日月个位些种家里儿]|在哪|哪里|哪儿|哪"
    r"|怎么样|怎么办|怎么|怎样|如何|为何|是否|有没有|能不能|可不可以|可以吗|是不是|谁|几[个名次位人天年月号点岁届]|多[大高长重远]"
    r"|请问|告诉我|我想知道|想问|一下|分别|具体|包括|是|的|了|吗|呢|吧|啊|被|有|和|与|及|或|在|由|为"
    r"|\b(?:can|could|would|should|may|might|must|shall|you|your|i|my|me|we|our|us|they|their|them|he|his|she|her|please|tell|many|much|long|there"
    r"|been|being|be|has|had|not|into|about|than|then|if|any|some|so|no|get|got|whose|between|during|date|name|list|give)\b"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence or row of `passages[passage]` and what speaks for it. Figures are in [0, 1], similarity is a cosine.

    `lead` is its heading where that holds the kind of answer asked for and the sentence does not
    ("4.1.0 (2025-02-18)" over a list of changes). `covers` are the parts of the question in it; `coverage`
    the share of the question's idf mass found in it, with what its context adds; `known` the share found
    anywhere in the passage. `kind` is 1 if it holds the kind of answer asked for, 0 if not, 0.5 if none is
    known to be asked for. `conflict` is 1 if it speaks of another year than the question; `strange` if its
    passage lacks an identifier that the question names. `asks` marks a sentence that only repeats the
    question, `across` one in another language than the question.
    """

    passage: int
    place: int
    piece: Piece
    lead: str
    terms: frozenset[str]
    covers: frozenset[int]
    coverage: float
    known: float
    similarity: float
    kind: float
    conflict: float
    strange: bool
    asks: bool
    across: bool
    score: float = 0.0

    @property
    def shown(self) -> str:
        """The text as an answer shows it: what must be known to understand it goes before the quote."""
        return shown_under(self.lead, self.piece)


def heading_of(passage: Passage) -> str:
    """The heading that a passage stands under, without its number; "" if there is none."""
    return _SECTION_NUMBER.sub("", passage.heading[-1]) if passage.heading else ""


def shown_under(heading: str, piece: Piece) -> str:
    """A sentence or row as an answer shows it, after its heading where there is one."""
    return f"{heading}{'：' if has_cjk(heading + piece.text) else ': '}{piece.shown}" if heading else piece.shown


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part of the question: found where any of `terms` is. `weight` is an idf."""

    terms: frozenset[str]
    weight: float


def wanted_of(question: str, term_weights: Mapping[str, float]) -> list[Wanted]:
    """The parts of a question that an answer should speak of: its words, and the characters of its Chinese.

    A Chinese character is found where a pair that it belongs to is found, and weighs as much as the more
    common of its two pairs: pairs that straddle two words ("区寺" of 地区寺庙) are rare for no good
    reason and occur nowhere else. Words of asking are left out, unless there are no others.
    """
    folded = fold(question)
    rarest = max(term_weights.values(), default=1.0)
    parts: list[Wanted] = []
    for run in runs(ASKING.sub(" ", folded)) or runs(folded):
        if not has_cjk(run):
            parts += [
                Wanted(frozenset({w}), 2 * term_weights.get(w, rarest)) for w in words(run) if w not in STOP_WORDS
            ]
        elif len(run) == 1:
            parts.append(Wanted(frozenset({run}), term_weights.get(run, rarest / 2)))
        else:
            pairs = words(run)
            for place in range(len(run)):
                terms = pairs[max(0, place - 1) : place + 1]
                parts.append(Wanted(frozenset(terms), min(term_weights.get(t, rarest) for t in terms)))
    return parts


def candidates(
    question: str,
    passages: Sequence[Passage],
    *,
    term_weights: Mapping[str, float],
    similarities: Similarities | None = None,
) -> list[Candidate]:
    """Every sentence and row of the passages with its scores, in reading order.

    `term_weights` maps the question's words to their idf; a word that is not in it counts as the
    rarest one that is. Without `similarities` every similarity is 0, and so it is beyond the `MOST_COMPARED`
    that words, kind of answer and passage speak for. Cost is linear in the passages' text.
    """
    units = [pieces(passage) for passage in passages]
    wanted = wanted_of(question, term_weights)
    asked, kind = facts(question), expected_kind(question)
    asked_in = script(question)
    found: list[Candidate] = []
    for i, (passage, of_passage) in enumerate(zip(passages, units, strict=True)):
        around = _terms(" \n ".join([passage.title, *passage.heading, passage.context]))
        of_all = [_terms(f"{piece.text} \n {piece.header}") for piece in of_passage]
        whole = around.union(*of_all)
        of_document = _about(passage)
        everything = f"{of_document}\n{passage.text}"
        strange = not all(_plain(name) in _plain(everything) for name in asked.identifiers)
        doubt = 0.0 if _is_superseded(of_document) == _is_superseded(question) else _SUPERSEDED_DOUBT
        of_whole = facts(everything) if asked.years else Facts()
        heading = heading_of(passage)
        heading_has_kind = kind is not None and holds(kind, heading, asked)
        known = _mass(wanted, (whole, 1.0))
        for place, piece in enumerate(of_passage):
            own = of_all[place]
            before = _asked_just_before(of_passage, of_all, place)
            coverage = _mass(
                wanted,
                (own | before, 1.0),
                (around, _IN_CONTEXT),
                (of_all[place - 1] if place else frozenset(), _IN_PREVIOUS),
                (whole, _IN_PASSAGE),
            )
            holds_kind = 0.5 if kind is None else float(holds(kind, piece.shown, asked))
            lead = heading if heading_has_kind and not holds_kind else ""
            conflict = max(doubt, float(strange), _other_year(asked, piece, of_whole))
            candidate = Candidate(
                passage=i,
                place=place,
                piece=piece,
                lead=lead,
                terms=own,
                covers=frozenset(n for n, part in enumerate(wanted) if part.terms & own),
                coverage=coverage,
                known=known,
                similarity=0.0,
                kind=1.0 if lead else holds_kind,
                conflict=conflict,
                strange=strange,
                asks=_asks(piece, own, wanted),
                across=(script(piece.shown) == "cjk") != (asked_in == "cjk"),
            )
            found.append(dataclasses.replace(candidate, score=score(candidate, passage)))
    return _compared(question, found, passages, similarities) if similarities and found else found


def score(candidate: Candidate, passage: Passage, weights: Weights = WEIGHTS) -> float:
    """What speaks for a candidate. Words say nothing across languages: there its vector stands in for them."""
    similarity = max(0.0, candidate.similarity)
    covered = max(candidate.coverage, similarity) if candidate.across else candidate.coverage
    kind = 0.0 if candidate.lead else candidate.kind
    return (
        weights.coverage * covered
        + weights.similarity * similarity
        + weights.kind * kind
        + weights.passage * passage.score
        - weights.conflict * candidate.conflict
    )


def _compared(
    question: str, found: Sequence[Candidate], passages: Sequence[Passage], similarities: Similarities
) -> list[Candidate]:
    """The candidates with their vectors counted in: of those that lead without, the others stay as they are."""
    leading = sorted(range(len(found)), key=lambda i: -found[i].score)[:MOST_COMPARED]
    cosines = dict(zip(leading, similarities(question, [found[i].piece.shown for i in leading]), strict=True))
    compared: list[Candidate] = []
    for i, candidate in enumerate(found):
        near = dataclasses.replace(candidate, similarity=cosines.get(i, 0.0))
        compared.append(dataclasses.replace(near, score=score(near, passages[near.passage])))
    return compared


def choose(found: Sequence[Candidate], max_sentences: int) -> list[Candidate]:
    """The candidates to quote, at most `max_sentences`, by passage and then position.

    The best one, and those that are nearly as good and say something new. A sentence that only
    repeats the question is passed over: the sentence after it inherits what it covers.
    """
    ranked = sorted((c for c in found if not c.asks), key=lambda c: (-c.score, c.passage, c.place))
    chosen: list[Candidate] = []
    for candidate in ranked:
        if len(chosen) == max_sentences or (chosen and candidate.score < _NEARLY * chosen[0].score):
            break
        if all(_is_new(candidate, other) for other in chosen):
            chosen.append(candidate)
    return sorted(chosen, key=lambda c: (c.passage, c.place))


def _terms(text: str) -> frozenset[str]:
    folded = fold(text)
    return frozenset(words(folded)).union(characters(folded))


def _mass(wanted: Sequence[Wanted], *places: tuple[frozenset[str], float]) -> float:
    """The share of the question's weight that is found, each part of it in the place where it is worth most."""
    total = sum(part.weight for part in wanted)
    if not total:
        return 0.0
    found = (
        part.weight * max((worth for terms, worth in places if part.terms & terms), default=0.0) for part in wanted
    )
    return sum(found) / total


def _other_year(asked: Facts, piece: Piece, passage: Facts) -> float:
    """How surely a sentence speaks of another year than the question: in [0, 1]."""
    if not asked.years:
        return 0.0
    for years, doubt in ((facts(f"{piece.header}\n{piece.text}").years, 1.0), (passage.years, 0.7)):
        if years:
            return 0.0 if asked.years & years else doubt
    return 0.3


def _plain(text: str) -> str:
    """Folded text without spaces and hyphens: E-1042, E 1042 and Ｅ１０４２ are one name."""
    return "".join(c for c in fold(text) if not c.isspace() and c not in "-_")


# "4 Fees", "1.2 一般要求": no answer to "how many". Of "4.1.0 (2025-02-18)" nothing is taken.
_SECTION_NUMBER = re.compile(r"^\s*(?:第?\d{1,2}(?:\.\d{1,2})?[.、章节条]?|[一二三四五六七八九十]+、)(?![\d.])\s*")
# Half of a conflict: an abolished rule is a poor answer to a question about the rule, but better than none.
_SUPERSEDED_DOUBT = 0.5
_SUPERSEDED = re.compile(r"废止|作废|失效|已过期|\b(?:superseded|obsolete|withdrawn|repealed|archived)\b")


def is_superseded(passage: Passage) -> bool:
    """Whether its title, source or headings say that a passage is no longer in force."""
    return _is_superseded(_about(passage))


def _about(passage: Passage) -> str:
    return "\n".join([passage.title, passage.source, *passage.heading, passage.context])


def _is_superseded(text: str) -> bool:
    return _SUPERSEDED.search(fold(text)) is not None


_QUESTION_END = re.compile(r"[?？][\s」』”’\"')）】]*$")
_QUESTION_START = re.compile(r"^\s*(?:q|question|问|問)\s*\d*\s*[::：.、]", re.IGNORECASE)


def _is_question(piece: Piece) -> bool:
    return bool(_QUESTION_END.search(piece.text) or _QUESTION_START.match(piece.text))


def _asks(piece: Piece, own: frozenset[str], wanted: Sequence[Wanted]) -> bool:
    """True for a question, and for a line that has no words but the question's (a heading)."""
    if _is_question(piece):
        return True
    of_question = set().union(*(part.terms for part in wanted))
    return not piece.row and not own - of_question.union(*map(characters, of_question))


def _asked_just_before(of_passage: Sequence[Piece], terms: Sequence[frozenset[str]], place: int) -> frozenset[str]:
    return terms[place - 1] if place and _is_question(of_passage[place - 1]) else frozenset()


def _is_new(candidate: Candidate, other: Candidate) -> bool:
    """True unless most of the shorter one's terms are in the other, its heading was the answer and is already shown,
    or it is a row that speaks of less than another."""
    if candidate.lead and (candidate.passage, candidate.lead) == (other.passage, other.lead):
        return False
    if candidate.piece.row and candidate.passage == other.passage and candidate.covers < other.covers:
        return False
    fewer = min(len(candidate.terms), len(other.terms))
    return fewer == 0 or len(candidate.terms & other.terms) / fewer < 0.8
