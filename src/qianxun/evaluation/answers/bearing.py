"""Whether a source bears a statement, judged clause by clause. Rules for Chinese and English; no model.

A statement is borne if enough of its words are in the source and nothing in it contradicts the source: another figure,
date, unit or limit, a negation more or fewer, another name, the same names in another order. Each clause is laid beside
the clauses of the source that share most words with it, and what differs there is looked at; so the figure of one
clause does not bear the words of another. A copy of a clause is always borne.

Stricter than `qianxun.answering.cite`, and apart from it. What it cannot do: tell a synonym from another thing, where
a paraphrase keeps fewer than half of the words; it says "words" then. Across languages only figures, codes and names
in Latin letters are compared.
"""

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from qianxun.evaluation.answers.contrasts import NEARLY, Compared, Known, Problem, content_of, figures_of, keys_of
from qianxun.evaluation.answers.figures import Figure
from qianxun.evaluation.answers.statements import LIGHT, Clause, by_sentence, clauses, quoted_names
from qianxun.text import fold

# The shares of a statement's words that the source and what stands around it must have, and the source alone, unless
# it has a figure of the statement.
# Paraphrase keeps about half of the words (see `qianxun.answering.cite`).
ENOUGH: Final = 0.5
OF_ITS_OWN: Final = 0.25
_MAX_WINDOW: Final = 3
_FOR_EACH_MORE: Final = 0.8
_ABOUT_AS_NEAR: Final = 0.7
_MAX_COMPARED: Final = 8

# So many clauses of the source, as one.
_Window: TypeAlias = tuple[int, Clause]


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
    claim, said, around = clauses(statement), clauses(source), clauses(context)
    if not any(token.says_something for clause in claim for token in clause) or not said:
        return Judgement(0.0, ("words",))
    if not {_is_chinese(clause) for clause in claim} & {_is_chinese(clause) for clause in said}:
        return _across(claim, (*said, *around))
    share, own = _share(claim, (*said, *around)), _share(claim, said)
    found: list[Problem] = []
    changes: list[tuple[Clause, Clause]] = []
    windows = _windows(said)
    known = Known(figures_of(claim), figures_of(said), figures_of(around))
    for clause in claim:
        best = _best(clause, _nearest(clause, windows), known)
        if best.problems and any(_completes(clause, sentence, known) for sentence in by_sentence(source)):
            continue
        found += best.problems
        changes += best.changes
    found += _mixed(statement, source, known)
    if any((new, old) in changes for old, new in changes if old != new):
        found.append("order")
    if _new_names(claim, (*said, *around)) or not _has_all(quoted_names(statement), f"{source}\n{context}"):
        found.append("name")
    figure_there = any(mine.agrees(theirs) for mine in known.claimed for theirs in known.said)
    if share < ENOUGH or (own < OF_ITS_OWN and not figure_there):
        found.append("words")
    return Judgement(share, tuple(dict.fromkeys(found)))


def _mixed(statement: str, source: str, known: Known) -> Iterator[Problem]:
    """The problems of sentences that are nearly the source's: a clause of one does not go with that of another."""
    whole = tuple((1, _joined(sentence)) for sentence in by_sentence(source))
    for sentence in by_sentence(statement):
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
    compared = [(Compared(clause, window, known), n) for n, window in windows]
    return min(compared, key=lambda one: (-one[0].nearness * _FOR_EACH_MORE ** (one[1] - 1), *one[0].difference))[0]


def _new_names(claim: Sequence[Clause], source: Sequence[Clause]) -> bool:
    """True if a name in Latin letters is nowhere in the source."""
    known = {token.text for clause in source for token in clause if token.kind == "word"}
    for clause in claim:
        chinese = any(token.kind == "han" for token in clause)
        n_capital = sum(token.capital for token in clause)
        titled = n_capital > 3 and n_capital > 0.7 * sum(token.kind == "word" for token in clause)
        for place, token in enumerate(clause):
            if token.kind != "word" or token.text in known or token.text in LIGHT:
                continue
            followed = token.initial and place + 1 < len(clause) and clause[place + 1].capital
            if (chinese and len(token.text) > 1) or (token.capital and (not token.initial or followed) and not titled):
                return True
    return False


def _has_all(names: Iterable[str], source: str) -> bool:
    bare = "".join(fold(source).split())
    return all(name in bare for name in names)


def _is_chinese(clause: Clause) -> bool:
    """What a clause is written in, as far as its words can be compared."""
    n_han = sum(token.kind == "han" for token in clause)
    return n_han >= sum(token.kind == "word" for token in clause) and n_han > 0


def _across(claim: Sequence[Clause], source: Sequence[Clause]) -> Judgement:
    """A statement in another language than its source: borne by what both languages write alike."""
    mine, theirs = figures_of(claim), figures_of(source)
    lost = [figure for figure in mine if not any(_alike_across(figure, other) for other in theirs)]
    words = {t.text for clause in claim for t in clause if t.kind == "word"}
    shared = words & {t.text for clause in source for t in clause if t.kind == "word"}
    if lost:
        return Judgement(0.0, tuple(dict.fromkeys("date" if f.kind == "date" else "figure" for f in lost)))
    return Judgement(1.0) if mine or shared else Judgement(0.0, ("words",))


def _alike_across(figure: Figure, other: Figure) -> bool:
    # Measure words have no counterpart: 三台 is three.
    return figure.agrees(other) or (
        figure.kind == other.kind == "number" and figure.value == other.value and "" in (figure.unit, other.unit)
    )


# -- windows ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _windows(said: tuple[Clause, ...]) -> tuple[_Window, ...]:
    """Every run of up to three clauses, as one, with how many they are."""
    return tuple(
        (n, tuple(token for clause in said[i : i + n] for token in clause))
        for n in range(1, _MAX_WINDOW + 1)
        for i in range(len(said) - n + 1)
    )


def _nearest(clause: Clause, windows: Sequence[_Window], *, least: float = 0.0) -> list[_Window]:
    """The windows that share most words with the clause, in proportion to both; the first few, none below `least`.

    Several clauses must share clearly more than one of them: else the name in one would do for the words of the other.
    """

    def nearness(one: _Window) -> float:
        mine, theirs = (Counter(t.key for t in side if t.kind in ("word", "han")) for side in (clause, one[1]))
        total = mine.total() + theirs.total()
        return (2 * (mine & theirs).total() / total if total else 1.0) * _FOR_EACH_MORE ** (one[0] - 1)

    scored = [(nearness(window), window) for window in windows]
    enough = max(least, _ABOUT_AS_NEAR * max(score for score, _ in scored))
    return [window for score, window in sorted(scored, key=lambda one: -one[0]) if score >= enough][:_MAX_COMPARED]


# -- words -----------------------------------------------------------------------------------------------------------


def _share(claim: Sequence[Clause], source: Sequence[Clause]) -> float:
    """The share of the claim's words in the source; Chinese by characters and by pairs, the mean of both."""
    singles, known = _terms(claim), _terms(source)
    if not singles:
        return 1.0
    by_single = len(singles & known) / len(singles)
    pairs = _pairs(claim)
    return (by_single + len(pairs & _pairs(source)) / len(pairs)) / 2 if pairs else by_single


def _terms(of: Sequence[Clause]) -> set[tuple[str, str]]:
    return {t.key for clause in of for t in clause if t.kind in ("word", "han") and t.text not in LIGHT}


def _pairs(of: Sequence[Clause]) -> set[tuple[str, str]]:
    return {(a.text, b.text) for clause in of for a, b in itertools.pairwise(clause) if a.kind == b.kind == "han"}
