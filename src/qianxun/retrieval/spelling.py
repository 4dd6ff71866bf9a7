"""Misspelt words and identifiers of a question: what no document holds, and what in the documents is near it.

    LF-2310 → LF-2301        QX-1O24 → QX-1024        PostgerSQL → PostgreSQL

Only what the asker's documents do not hold at all is looked at: every chunk counts that `where` lets through, and no
other, so that a correction tells nothing of what somebody may not see. It is one only if it is written in a text that
the asker may read. Chinese, and whatever else is cut into pairs of characters, needs no correction: most pairs of a
misspelt word are right. Numbers are never corrected: another number is another thing. So may be another identifier;
what is found for it counts less (`Query.similar`), and is said.

Nothing here knows an engine or the store: texts come from a function.
"""

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from qianxun.messages import Remark
from qianxun.protocols import Index, Where
from qianxun.records import Query
from qianxun.retrieval.phrases import fold_in_place
from qianxun.text import CJK, ENGLISH, fold, mistakes, nearest, stemming_language, tolerated_mistakes, words
from qianxun.text.scripts import UNSPACED

Terms: TypeAlias = tuple[str, ...]
# The texts of those of these chunks that the asker may read.
ReadTexts: TypeAlias = Callable[[Sequence[int]], Iterable[str]]

_MAX_CORRECTIONS: Final = 3  # of a question
_MOST_UNKNOWN: Final = 2  # words, where they are most of its words
_MAX_TRIED: Final = 6
_MAX_NEAR: Final = 3  # for each of them
_CANDIDATES: Final = 6
_MAX_READ: Final = 8  # chunks for each candidate

# English words of questions that no document need have, by their letters: what is near them is something else. Those of
# `STOP_WORDS` are not looked for anyway, and of three letters none is corrected.
_USUAL: Final = frozenset(
    "about after again also another anyone anything because been before being between both could does during each "
    "else every everyone explain find from give have here into just know like list long make many more most much must "
    "need only other over please same several shall should show since some such tell than thank thanks their them "
    "then there these they thing things those through under until upon very want well were what whatever when whenever "
    "where wherever whether which while whom whose will with within without would your yours".split()
)

_SIGN: Final = rf"[^\W_{CJK}{UNSPACED}]"
_LETTER: Final = rf"[^\W\d_{CJK}{UNSPACED}]"
# A letter, then letters and digits, perhaps with one sign between: LF-2301, QX1024. At least one digit, see below.
_IDENTIFIER = re.compile(rf"(?<!{_SIGN})(?<!{_SIGN}[-._/])(?={_LETTER}){_SIGN}+(?:[-._/]{_SIGN}+)*")
_LEAST_SIGNS, _MOST_SIGNS = 5, 40
_WORD = re.compile(rf"(?<![^\W{CJK}{UNSPACED}]){_LETTER}{{4,{_MOST_SIGNS}}}(?![^\W{CJK}{UNSPACED}])")
_RUN = re.compile(rf"{_SIGN}+")
_GAPS: Final = tuple("-._/ ")


@dataclass(frozen=True, slots=True)
class Correction:
    """A piece of a question that no document holds, as it was written and as terms, and what is near it.

    `near` are the ways to write that as terms, the nearest first; `found` how documents write it.
    """

    written: str
    asked: Terms
    near: tuple[Terms, ...]
    found: tuple[str, ...]


def corrections(query: Query, index: Index, where: Where | None, read: ReadTexts) -> tuple[Correction, ...]:
    """The pieces of a question that are misspelt, at most three, identifiers before words.

    `read` gives the texts of those of some chunks that the asker may read. Costs next to nothing where everything in
    the question is known; else some milliseconds for each piece, of which at most six are tried.
    """
    found: list[Correction] = []
    for written, ways in _unknown(query, index, where)[:_MAX_TRIED]:
        near: dict[Terms, str] = {}
        for candidate in _candidates(ways, index, where):
            hits = index.search(Query("", words=candidate, must=candidate), _MAX_READ, where)
            forms = (form for text in read([hit.chunk for hit in hits]) for form in _forms(candidate, text))
            form = next((form for form in forms if _is_near(written, form)), None)
            if form is not None:
                near[candidate] = form
        if near:
            ways_near = tuple(near)[:_MAX_NEAR]
            found.append(Correction(written, ways[0], ways_near, tuple(dict.fromkeys(near[way] for way in ways_near))))
        if len(found) == _MAX_CORRECTIONS:
            break
    return tuple(found)


def corrected(query: Query, found: Sequence[Correction]) -> Query:
    """The question that also looks for what is near its misspelt pieces."""
    known = {ways[0] for ways in query.alternatives}
    return dataclasses.replace(
        query,
        alternatives=query.alternatives + tuple((c.asked,) for c in found if c.asked not in known),
        similar=query.similar + tuple((c.asked, *c.near) for c in found),
    )


def remarks(found: Sequence[Correction]) -> list[Remark]:
    """What the asker is told of it."""
    return [
        Remark('No document has "{asked}"; searched for "{found}" too.', asked=c.written, found=" / ".join(c.found))
        for c in found
    ]


# A piece of a question as written, and the ways to write it as terms.
_Piece: TypeAlias = tuple[str, tuple[Terms, ...]]


def _unknown(query: Query, index: Index, where: Where | None) -> list[_Piece]:
    """The pieces that no document holds. No words where most are unknown: the question is in another language."""

    def unknown(pieces: Sequence[_Piece]) -> list[_Piece]:
        return [(written, ways) for written, ways in pieces if not any(index.holds(way, where) for way in ways)]

    folded = fold_in_place(query.text)
    identifiers = [match for match in _IDENTIFIER.finditer(folded) if _identifies(match[0])]
    taken = {place for match in identifiers for place in range(*match.span())}
    plain = _pieces(query, (match for match in _WORD.finditer(folded) if match.start() not in taken))
    found = unknown([(written, ways) for written, ways in plain if fold(written) not in _USUAL])
    if len(found) > _MOST_UNKNOWN and 2 * len(found) > len(plain):
        found = []
    return unknown(_pieces(query, identifiers)) + found


def _pieces(query: Query, matches: Iterable[re.Match[str]]) -> list[_Piece]:
    pieces = {ways[0]: ways for ways in query.alternatives}
    within = {term for asked in pieces for term in asked}
    found: dict[Terms, _Piece] = {}
    for match in matches:
        written = query.text[match.start() : match.end()]
        asked = tuple(dict.fromkeys(words(fold(written))))
        # A date or a synonym that has these terms, too, is looked for as a whole.
        usual = asked in pieces or not within.intersection(asked)
        if usual and _has_letters(asked) and set(asked) <= set(query.words):
            found.setdefault(asked, (written, pieces.get(asked, (asked,))))
    return list(found.values())


def _identifies(written: str) -> bool:
    n_signs = sum(map(str.isalnum, written))
    return _LEAST_SIGNS <= n_signs <= _MOST_SIGNS and any(map(str.isdecimal, written))


def _has_letters(terms: Terms) -> bool:
    return any(character.isalpha() for term in terms for character in term)


def _candidates(ways: Sequence[Terms], index: Index, where: Where | None) -> tuple[Terms, ...]:
    """Ways with one term in the place of another that is near it, nearest first."""
    found: dict[str, list[Terms]] = {}
    for way in ways:
        for place, term in enumerate(way):
            beside = way[:place] + way[place + 1 :]
            # Of an identifier in parts the others say where to look: a short one may have a mistake, too.
            tolerated = min(1, len(term) - 1) if beside else tolerated_mistakes(term)
            if not tolerated or (beside and not index.holds(beside, where)):
                continue
            for other in index.similar(term, mistakes=tolerated, most=_CANDIDATES, where=where, beside=beside):
                changed = (*way[:place], other, *way[place + 1 :])
                found.setdefault("".join(changed), []).append(changed)
    order = nearest(
        "".join(ways[0]), ((joined, -at) for at, joined in enumerate(found)), most_mistakes=2, most=_CANDIDATES
    )
    return tuple(way for joined in order for way in found[joined])


def _forms(way: Terms, text: str) -> Iterator[str]:
    """The ways in which a text writes something: its terms in a row, with no more than a sign or space between."""
    folded = fold_in_place(text)
    for language in dict.fromkeys((ENGLISH, stemming_language(text))):
        if not set(way) <= set(words(folded, language)):
            continue
        runs = list(_RUN.finditer(folded))
        for place in range(len(runs) - len(way) + 1):
            row = runs[place : place + len(way)]
            start, end = row[0].start(), row[-1].end()
            gaps = (folded[one.end() : other.start()] for one, other in itertools.pairwise(row))
            if tuple(words(folded[start:end], language)) == way and all(gap in _GAPS for gap in gaps):
                yield text[start:end]


def _is_near(written: str, form: str) -> bool:
    """Whether somebody may have meant `form` who wrote the other: words of one stem can be far from each other."""
    one, other = ("".join(filter(str.isalnum, fold(text))) for text in (written, form))
    most = tolerated_mistakes(one)
    return mistakes(one, other, most) <= most
