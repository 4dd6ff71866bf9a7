"""A text made ready for comparison: read once, compared often. What two texts have in common, as a share.

Chinese is compared by characters and by pairs of them, other scripts by stems; a synonym is as good as the word. Knows
no passage and no answer.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.statements import LIGHT, Clause, Token, by_sentence
from qianxun.answering.checking.synonyms import meanings
from qianxun.text import fold


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A text as it is compared. Two readings are the same only if they are one object, which makes them cheap keys.

    `sentences` are its clauses by sentence, `bare` its characters, folded and without white space. `singles` are the
    words and characters that say something, `pairs` the neighbouring characters, `meanings` the groups of synonyms.
    """

    sentences: tuple[tuple[Clause, ...], ...]
    bare: str
    clauses: tuple[Clause, ...]
    figures: tuple[Figure, ...]
    singles: frozenset[tuple[str, str]]
    pairs: frozenset[tuple[str, str]]
    meanings: frozenset[int]


def reading_of(sentences: Sequence[Sequence[Clause]], bare: str = "") -> Reading:
    """What is made of clauses that were read before."""
    clauses = tuple(clause for sentence in sentences for clause in sentence)
    singles = frozenset(
        t.key for clause in clauses for t in clause if t.kind in ("word", "han") and t.text not in LIGHT
    )
    return Reading(
        sentences=tuple(map(tuple, sentences)),
        bare=bare,
        clauses=clauses,
        figures=figures_of(clauses),
        singles=singles,
        pairs=frozenset(
            (a.text, b.text) for clause in clauses for a, b in itertools.pairwise(clause) if a.kind == b.kind == "han"
        ),
        meanings=meanings(text for kind, text in singles if kind == "word"),
    )


@functools.lru_cache(maxsize=1024)
def read(text: str) -> Reading:
    """A text, ready for comparison."""
    return reading_of(by_sentence(text), "".join(fold(text).split()))


@functools.lru_cache(maxsize=1024)
def read_together(texts: tuple[str, ...]) -> Reading:
    """Several texts as one."""
    if len(texts) == 1:
        return read(texts[0])
    parts = [read(text) for text in texts]
    return Reading(
        sentences=tuple(itertools.chain.from_iterable(part.sentences for part in parts)),
        bare="".join(part.bare for part in parts),
        clauses=tuple(itertools.chain.from_iterable(part.clauses for part in parts)),
        figures=tuple(itertools.chain.from_iterable(part.figures for part in parts)),
        singles=frozenset().union(*(part.singles for part in parts)),
        pairs=frozenset().union(*(part.pairs for part in parts)),
        meanings=frozenset().union(*(part.meanings for part in parts)),
    )


def share_of(claim: Reading, *sources: Reading) -> float:
    """The share of the claim's words and figures in the sources, in [0, 1]; Chinese the mean of characters and pairs.

    A figure counts as a word, or as two characters. A claim without either is wholly there.
    """
    n_figures = sum(any(mine.agrees(other) for source in sources for other in source.figures) for mine in claim.figures)
    if not claim.singles:
        return n_figures / len(claim.figures) if claim.figures else 1.0
    weight = 2 if claim.pairs else 1
    n_known = 0
    for term in claim.singles:
        if any(term in source.singles for source in sources):
            n_known += 1
        elif term[0] == "word":
            groups = meanings([term[1]])
            n_known += any(not groups.isdisjoint(source.meanings) for source in sources)
    by_single = (n_known + weight * n_figures) / (len(claim.singles) + weight * len(claim.figures))
    if not claim.pairs:
        return by_single
    n_pairs = sum(any(pair in source.pairs for source in sources) for pair in claim.pairs)
    by_pair = (n_pairs + weight * n_figures) / (len(claim.pairs) + weight * len(claim.figures))
    return (by_single + by_pair) / 2


def without(claim: Reading, around: Reading) -> Reading:
    """What the claim says beyond what stands around its source; Chinese by pairs of characters."""
    found: list[Clause] = []
    for clause in claim.clauses:
        in_pair = {
            place
            for at, (a, b) in enumerate(itertools.pairwise(clause))
            if a.kind == b.kind == "han" and (a.text, b.text) in around.pairs
            for place in (at, at + 1)
        }
        found.append(
            tuple(
                token
                for place, token in enumerate(clause)
                if place not in in_pair and (token.kind == "han" or token.key not in around.singles)
            )
        )
    return reading_of([found])


def weight_of(tokens: Iterable[Token]) -> int:
    """How much words and characters say: a word two, a character one; figures are looked at by themselves."""
    return sum(2 if t.kind == "word" else 1 for t in tokens if t.kind in ("word", "han") and t.text not in LIGHT)


def figures_of(of: Iterable[Clause]) -> tuple[Figure, ...]:
    """The figures of clauses."""
    return tuple(token.figure for clause in of for token in clause if token.figure is not None)
