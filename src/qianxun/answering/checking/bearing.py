"""Whether a source bears a statement, judged clause by clause. Rules for Chinese and English; no model.

A statement is borne if enough of its words are in the source and nothing in it contradicts the source: another figure,
date, unit or limit, a negation more or fewer, another name, the same names in another order. Each clause is laid beside
the clauses of the source that share most words with it, and what differs there is looked at; so the figure of one
clause does not bear the words of another. A copy of a clause is always borne.

What it cannot do: tell a synonym from another thing, where
a paraphrase keeps fewer than half of the words; it says "words" then. Across languages only figures, codes and names
in Latin letters are compared.
"""

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.answering.checking.contrasts import NEARLY, Change, Compared, content_of, keys_of
from qianxun.answering.checking.figure import Figure
from qianxun.answering.checking.figure_contrasts import COUNTED, Known, Problem
from qianxun.answering.checking.names import new_words
from qianxun.answering.checking.numerals import numerals
from qianxun.answering.checking.readings import Reading, figures_of, read, reading_of, share_of, weight_of, without
from qianxun.answering.checking.statements import Clause, quoted_names, without_attribution

# The share of a statement's words and figures that must stand in the source or around it: paraphrase keeps about half;
# and in the source alone, unless it has a figure of the statement.
ENOUGH: Final = 0.5
OF_ITS_OWN: Final = 0.25
_MAX_WINDOW: Final = 3
_FOR_EACH_MORE: Final = 0.8
_ABOUT_AS_NEAR: Final = 0.7
_MAX_COMPARED: Final = 8
# A clause of so much (a word counts two, a character one) that shares less than this with the source is new.
_CLAUSE: Final = 4
_ALL_NEW: Final = 0.15
# The share of what a statement says beyond what stands around the source.
_OF_SUBJECT: Final = 0.3
# A clause that lacks a figure of the statement must be so much nearer to it than one that has them all.
_OTHER_FIGURES: Final = 0.85


@dataclass(frozen=True, slots=True)
class _Window:
    """Some of the source's clauses as one, and how often it has each word and character.

    They are `n` where that counts against it; a whole sentence counts as one.
    """

    n: int
    n_clauses: int
    clause: Clause
    counts: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`share` is the part of the statement's words that occur in the source or around it, in [0, 1].

    `problems` say why the statement is not borne, without repeats; empty if it is.
    """

    share: float
    problems: tuple[Problem, ...] = ()

    @property
    def bears(self) -> bool:
        """True if the source bears the statement."""
        return not self.problems

    @property
    def contradicts(self) -> bool:
        """True if the source says otherwise; False where it is only silent."""
        return any(problem != "words" for problem in self.problems)


def judge(statement: str, source: str, *, context: str = "") -> Judgement:
    """Whether the source bears the statement.

    `context` is what is known around the source (title, headings, header of a table): its words and figures count, but
    it is no clause to be compared with. Cost: the product of the numbers of clauses.
    """
    return compare(statement, read(source), read(context))


def compare(statement: str, source: Reading, context: Reading) -> Judgement:
    """What `judge` says, of texts that were read before."""
    claim = read(without_attribution(statement))
    if not any(token.says_something for clause in claim.clauses for token in clause) or not source.clauses:
        return Judgement(0.0, ("words",))
    if is_across(claim, source):
        return _across(claim, source, context)
    found: list[Problem] = []
    changes: list[Change] = []
    windows = windows_of(source)
    known = Known(claim.figures, source.figures, context.figures)
    for clause in claim.clauses:
        if not _has_words(clause) and _has_figures(clause, source):
            continue
        best = _best(clause, _nearest(clause, windows), known)
        if best.problems and any(_completes(clause, sentence, known) for sentence in source.sentences):
            continue
        found += best.problems
        changes += best.changes
    found += _mixed(claim, source, known)
    if any((new, old) in changes for old, new in changes if old != new):
        found.append("order")
    known_names = {text for of in (source, context) for kind, text in of.singles if kind == "word"}
    if any(new_words(claim.clauses, known_names)) or not _has_all(quoted_names(statement), source.bare + context.bare):
        found.append("name")
    share = share_of(claim, source, context)
    if share < ENOUGH or _says_something_else(claim, source, context):
        found.append("words")
    return Judgement(share, tuple(dict.fromkeys(found)))


def _says_something_else(claim: Reading, source: Reading, context: Reading) -> bool:
    """True if a part of the claim is not in the source, however many words are in the whole or stand around it."""
    for clause in claim.clauses:
        if weight_of(clause) >= _CLAUSE and share_of(reading_of([[clause]]), source, context) < _ALL_NEW:
            return True
    rest = without(claim, context)
    n_rest = weight_of(itertools.chain(*rest.clauses)) if context.singles else 0
    if n_rest >= _CLAUSE and share_of(rest, source) < _OF_SUBJECT:
        return True
    figure_there = any(mine.agrees(other) for mine in claim.figures for other in source.figures)
    return share_of(claim, source) < OF_ITS_OWN and not figure_there


def is_across(claim: Reading, source: Reading) -> bool:
    """True if the two are in different languages, as far as words can be compared."""
    mine, theirs = ({_is_chinese(clause) for clause in side.clauses if _has_words(clause)} for side in (claim, source))
    return bool(mine and theirs) and not mine & theirs


def _has_figures(clause: Clause, source: Reading) -> bool:
    """True if the figures of a clause that has nothing else are in the source, with their limits."""
    return all(
        any(figure.agrees(other) and not figure.differs_in_limit(other) for other in source.figures)
        for figure in figures_of([clause])
    )


def _mixed(statement: Reading, source: Reading, known: Known) -> Iterator[Problem]:
    """The problems of sentences that are nearly the source's: a clause of one does not go with that of another."""
    whole = tuple(_window(1, _joined(sentence), len(sentence)) for sentence in source.sentences)
    for sentence in statement.sentences:
        if len(sentence) > 1:
            near = _nearest(_joined(sentence), whole, least=NEARLY)
            if near:
                yield from _best(_joined(sentence), near, known).problems


def _completes(clause: Clause, sentence: Sequence[Clause], known: Known) -> bool:
    """True if the clause says one of the sentence's, with words from the others: 满十年的[员工]有十天[年假]."""
    mine = Counter(keys_of(content_of(clause)))
    if mine - Counter(keys_of(content_of(_joined(sentence)))):
        return False
    return any(
        len(figures_of([one])) == len(figures_of([clause])) > 0
        and not Counter(keys_of(content_of(one))) - mine
        and not Compared(clause, one, known).problems
        for one in sentence
    )


def _joined(sentence: Sequence[Clause]) -> Clause:
    return tuple(token for clause in sentence for token in clause)


def _best(clause: Clause, windows: Sequence[_Window], known: Known) -> Compared:
    """The clause beside that of the windows that says most of it in its order, and of equals with fewest problems."""
    compared = [(Compared(clause, window.clause, known, window.n_clauses), window.n) for window in windows]

    def order(one: tuple[Compared, int]) -> tuple[float, int]:
        n_other = one[0].n_other_figures
        return -one[0].nearness * _FOR_EACH_MORE ** (one[1] - 1) * (_OTHER_FIGURES if n_other else 1.0), n_other

    ranked = sorted(((order(one), one[0]) for one in compared), key=lambda ranked: ranked[0])
    equals = [one for rank, one in ranked if rank == ranked[0][0]]
    return equals[0] if len(equals) == 1 else min(equals, key=lambda one: len(one.problems))


def _has_all(names: Iterable[str], bare: str) -> bool:
    return all(name in bare for name in names)


def _has_words(clause: Clause) -> bool:
    return any(token.kind in ("word", "han") for token in clause)


def _is_chinese(clause: Clause) -> bool:
    """What a clause is written in, as far as its words can be compared."""
    n_han = sum(token.kind == "han" for token in clause)
    return n_han >= sum(token.kind == "word" for token in clause) and n_han > 0


def _across(claim: Reading, *sources: Reading) -> Judgement:
    """A statement in another language than its source: borne by what both languages write alike."""
    theirs = [figure for source in sources for figure in source.figures]
    said = {value for source in sources for value in numerals(source.bare)}
    found: list[Problem] = []
    for figure in claim.figures:
        if figure.kind in ("rate", "weekday"):
            continue
        same = [other for other in theirs if _alike_across(figure, other)]
        if same and all(figure.differs_in_limit(other) for other in same):
            found.append("limit")
        # Once, first and half are said in many ways.
        elif not same and figure.value not in said and figure.unit not in ("ordinal", "share") and figure.value != "1":
            found.append("date" if figure.kind == "date" else "figure")
    if found:
        return Judgement(0.0, tuple(dict.fromkeys(found)))
    words = {term for term in claim.singles if term[0] == "word"}
    shared = claim.figures or any(words & source.singles for source in sources)
    return Judgement(1.0) if shared else Judgement(0.0, ("words",))


def _alike_across(figure: Figure, other: Figure) -> bool:
    # Measure words have no counterpart: 三台 is three.
    counted = figure.kind == other.kind == "number" and figure.unit in _MEASURES and other.unit in _MEASURES
    return figure.agrees(other) or (
        figure.kind == other.kind == "number"
        and figure.value == other.value
        and (counted or "" in (figure.unit, other.unit))
    )


_MEASURES: Final = COUNTED | {"", "times", "floor"}


# -- windows ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def windows_of(source: Reading) -> tuple[_Window, ...]:
    """Every run of up to three clauses."""
    said = source.clauses
    return tuple(
        _window(n, tuple(token for clause in said[i : i + n] for token in clause), n)
        for n in range(1, _MAX_WINDOW + 1)
        for i in range(len(said) - n + 1)
    )


def _window(n: int, clause: Clause, n_clauses: int) -> _Window:
    return _Window(n, n_clauses, clause, _counts(clause))


def _counts(clause: Clause) -> Mapping[tuple[str, str], int]:
    return Counter(token.key for token in clause if token.kind in ("word", "han"))


def _nearest(clause: Clause, windows: Sequence[_Window], *, least: float = 0.0) -> list[_Window]:
    """The windows that share most words with the clause, in proportion to both; the first few, none below `least`.

    Several clauses must share clearly more than one of them: else the name in one would do for the words of the other.
    """
    mine = _counts(clause)
    n_mine = sum(mine.values())

    def nearness(window: _Window) -> float:
        theirs = window.counts
        total = n_mine + sum(theirs.values())
        same = sum(min(n, theirs.get(key, 0)) for key, n in mine.items())
        return (2 * same / total if total else 1.0) * _FOR_EACH_MORE ** (window.n - 1)

    scored = [(nearness(window), window) for window in windows]
    enough = max(least, _ABOUT_AS_NEAR * max(score for score, _ in scored))
    return [window for score, window in sorted(scored, key=lambda one: -one[0]) if score >= enough][:_MAX_COMPARED]
