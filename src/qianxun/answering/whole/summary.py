"""A summary made of quotations: the sentences of documents that say most of them, some of each large section. Pure.

How central a sentence is, is its mean cosine with all others by their weighted words: where similarities are taken as
they are, without a threshold, that is what LexRank converges to (Erkan and Radev 2004: a walk on a graph with
symmetric weights stays at each sentence in proportion to the sum of its weights), and it needs one pass. Those that
lead are compared by meaning too, where there is an encoder. What repeats what was chosen is passed over (MMR,
Carbonell and Goldstein 1998). Sections get sentences by their length (Sainte-Laguë), each large one at least one.
Cost: linear in the text.
"""

import itertools
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qianxun.answering.extract import heading_of, shown_under, wanted_of
from qianxun.answering.pieces import Piece, pieces
from qianxun.protocols import Encoder
from qianxun.records import Passage
from qianxun.text import fold, has_cjk, words

_Floats: TypeAlias = NDArray[np.float64]

# What speaks for a sentence: how central its words are, its meaning, and that it begins a section.
_WORDS, _MEANING, _POSITION = 0.5, 0.3, 0.2
# Where something is asked, what it says of that counts as much as all of these.
_ASKED: Final = 0.5
# What is like a sentence that was chosen is worth less, and from here on nothing.
_REDUNDANCY: Final = 0.3
_SAME_WORDS, _SAME_MEANING = 0.75, 0.93
# Sentences that are compared by meaning, about: 2 ms each on one core with the builtin encoder.
_COMPARED: Final = 240
# Shorter ones say too little, longer ones are no summary.
_LEAST_CJK, _LEAST_WORDS, _MOST_CHARS = 8, 5, 400
_OF_FIGURES: Final = 0.1
_MOST_DEPTH: Final = 6
# A line such as "Date: 5 May 2025" says little of a document that says more, and so does one row for its table.
_LABEL: Final = re.compile(r"[^。!！?？:：;；]{1,24}[:：][^。!！?？;；]*(?<!\.)", re.DOTALL)
_LITTLE_WORTH: Final = 0.5
_QUESTION_OR_LEAD: Final = re.compile(r"[?？:：][\s」』”’\"')）】]*$")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sentence, or a row that stands for its table, of `passages[passage]`; `lead` is a heading to show before it."""

    passage: int
    piece: Piece
    lead: str = ""

    @property
    def shown(self) -> str:
        """The text as an answer shows it."""
        return shown_under(self.lead, self.piece)


@dataclass(frozen=True, slots=True)
class _Units:
    """The sentences that may be chosen; of each its words (places in a vocabulary) and whether it begins a chunk."""

    chosen: list[Chosen]
    terms: list["array[int]"]
    begins: list[bool]
    vocabulary: dict[str, int]


def summarize(
    passages: Sequence[Passage], n: int, *, question: str = "", encoder: Encoder | None = None
) -> list[Chosen]:
    """At most n sentences, in reading order; `passages` are those of whole documents, in reading order.

    `question` says what is of interest, if anything is.
    """
    units = _units(passages)
    if not units.chosen:
        return []
    score = _WORDS * _scaled(_centrality(units)) + _POSITION * np.array(units.begins, dtype=np.float64)
    score *= [_LITTLE_WORTH if _says_little(one.piece) else 1.0 for one in units.chosen]
    if question:
        score = (1 - _ASKED) * score + _ASKED * _coverage(question, units)
    groups = _sections([passages[one.passage] for one in units.chosen], n)
    largest = sorted(groups, key=len, reverse=True)[: max(2 * n, 1)]
    each = max(2, _COMPARED // len(largest))
    leading = [sorted(group, key=lambda i: (-score[i], i))[:each] for group in largest]
    vectors: Any = None
    if encoder is not None:
        compared = [i for group in leading for i in group]
        vectors = dict(zip(compared, encoder.encode_passages([units.chosen[i].shown for i in compared]), strict=True))
        matrix = np.array([vectors[i] for i in compared], dtype=np.float64)
        meaning = _scaled(matrix @ matrix.mean(axis=0))
        if question:
            asked = np.asarray(encoder.encode_queries([question])[0], dtype=np.float64)
            meaning = (1 - _ASKED) * meaning + _ASKED * _scaled(matrix @ asked)
        score[compared] += _MEANING * meaning
    lengths = [sum(len(units.chosen[i].piece.text) for i in group) for group in largest]
    picked = _picked(units, score, leading, lengths, n, vectors)
    return [units.chosen[i] for i in sorted(picked)]


def _units(passages: Sequence[Passage]) -> _Units:
    """Every sentence that says something, each text once; of a table without sentences its first row."""
    units = _Units([], [], [], {})
    seen: set[str] = set()
    section: tuple[int, tuple[str, ...]] | None = None
    table: tuple[int, tuple[str, ...], str] | None = None
    for place, passage in enumerate(passages):
        names = {fold(name).strip() for name in (passage.title, *passage.heading)}
        begins = section != (passage.document, passage.heading)
        section = passage.document, passage.heading
        for piece in pieces(passage):
            lead = ""
            if piece.row:
                this = passage.document, passage.heading, piece.header
                if table == this:
                    continue
                table, lead = this, heading_of(passage)
            elif not _says_something(piece.text):
                continue
            folded = fold(piece.shown if piece.row else piece.text).strip()
            if folded in names or folded in seen:
                continue
            seen.add(folded)
            terms = sorted({units.vocabulary.setdefault(word, len(units.vocabulary)) for word in words(folded)})
            if terms:
                units.chosen.append(Chosen(place, piece, lead))
                units.terms.append(array("i", terms))
                units.begins.append(begins)
                begins = False
    return units


def _says_something(text: str) -> bool:
    if len(text) > _MOST_CHARS or _QUESTION_OR_LEAD.search(text):
        return False
    if has_cjk(text):
        return sum(c.isalnum() for c in text) >= _LEAST_CJK
    return len(text.split()) >= _LEAST_WORDS


def _says_little(piece: Piece) -> bool:
    return piece.row or _LABEL.fullmatch(piece.text) is not None


def _centrality(units: _Units) -> _Floats:
    """The mean cosine of each sentence with all of them, by words weighted with their rarity."""
    lengths = np.array([len(terms) for terms in units.terms])
    flat = np.concatenate([np.frombuffer(terms, dtype=np.int32) for terms in units.terms])
    counts = np.bincount(flat, minlength=len(units.vocabulary))
    rarity = np.log(1 + len(units.terms) / np.maximum(counts, 1))
    # Figures and single characters are what all dates have in common; a sentence of nothing else has some weight, too.
    rarity[[place for word, place in units.vocabulary.items() if word.isdecimal() or len(word) == 1]] *= _OF_FIGURES
    weights = rarity[flat]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    norms = np.sqrt(np.add.reduceat(weights**2, starts))
    unit = weights / np.repeat(norms, lengths)
    whole = np.bincount(flat, weights=unit, minlength=len(units.vocabulary))
    found: _Floats = np.add.reduceat(unit * whole[flat], starts) / len(units.terms)
    return found


def _coverage(question: str, units: _Units) -> _Floats:
    """How much of a question each sentence speaks of, in [0, 1]."""
    n_with = Counter(term for terms in units.terms for term in terms)
    weights = {
        word: float(np.log(1 + len(units.terms) / n_with[units.vocabulary[word]]))
        for word in words(fold(question))
        if word in units.vocabulary
    }
    wanted = [(part, part.weight) for part in wanted_of(question, weights) if part.weight]
    total = sum(weight for _, weight in wanted) or 1.0
    found = np.zeros(len(units.terms))
    for part, weight in wanted:
        places = {units.vocabulary[term] for term in part.terms if term in units.vocabulary}
        if places:
            found += [weight / total * (not places.isdisjoint(terms)) for terms in units.terms]
    return found


def _sections(owners: Sequence[Passage], n: int) -> list[list[int]]:
    """Sentences by the section that they stand in, as deep as there are at most n large ones; `owners` are their
    passages. Documents without sections are cut into stretches."""
    best = _grouped(owners, 0)
    for depth in range(1, _MOST_DEPTH):
        deeper = _grouped(owners, depth)
        if len(deeper) > len(best) and _n_large(deeper, len(owners), n) > n:
            break
        best = deeper if len(deeper) > len(best) else best
    if _n_large(best, len(owners), n) > 1:
        return best
    n_stretches = max(1, min((n + 1) // 2, len(owners)))
    bounds = [len(owners) * k // n_stretches for k in range(n_stretches + 1)]
    return [list(range(start, end)) for start, end in itertools.pairwise(bounds)]


def _grouped(owners: Sequence[Passage], depth: int) -> list[list[int]]:
    groups: list[list[int]] = []
    last: object = None
    for place, passage in enumerate(owners):
        key = passage.document, passage.heading[:depth]
        if key != last:
            groups.append([])
            last = key
        groups[-1].append(place)
    return groups


def _n_large(groups: Sequence[Sequence[int]], n_sentences: int, n: int) -> int:
    return sum(_is_large(len(group), n_sentences, n) for group in groups)


def _is_large(length: int, total: int, n: int) -> bool:
    """Whether a section is as long as half of what falls to one sentence of the summary."""
    return 2 * n * length >= total


def _picked(
    units: _Units, score: _Floats, leading: Sequence[list[int]], lengths: Sequence[int], n: int, vectors: Any
) -> list[int]:
    """The sentences chosen: section by section as they are due, the best that is left and says something new."""
    left = [list(group) for group in leading]
    seats = [0] * len(left)
    picked: list[int] = []
    total = sum(lengths)
    sets = {i: frozenset(units.terms[i]) for group in leading for i in group}
    while len(picked) < n:
        open_ = [k for k, group in enumerate(left) if group]
        if not open_:
            break
        due = max(
            open_,
            key=lambda k: (seats[k] == 0 and _is_large(lengths[k], total, n), lengths[k] / (2 * seats[k] + 1), -k),
        )
        alike = {i: _likeness(i, picked, sets, vectors) for i in left[due]}
        left[due] = [i for i in left[due] if alike[i] < 1.0]
        if left[due]:
            best = max(left[due], key=lambda i: (score[i] - _REDUNDANCY * alike[i], -i))
            left[due].remove(best)
            picked.append(best)
            seats[due] += 1
    return picked


def _likeness(i: int, picked: Sequence[int], sets: dict[int, frozenset[int]], vectors: Any) -> float:
    """How like the chosen one that is most like it a sentence is; 1: it says the same."""
    most = 0.0
    for other in picked:
        shared = len(sets[i] & sets[other]) / min(len(sets[i]), len(sets[other]))
        close = float(vectors[i] @ vectors[other]) if vectors is not None else 0.0
        if shared >= _SAME_WORDS or close >= _SAME_MEANING:
            return 1.0
        most = max(most, shared, close)
    return most


def _scaled(values: _Floats) -> _Floats:
    """Into [0, 1] by the greatest."""
    greatest = values.max(initial=0.0)
    return np.maximum(values, 0.0) / greatest if greatest > 0 else values * 0.0
