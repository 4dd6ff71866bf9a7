"""Sources that give different values for the same thing, and what an answer says of them. Pure.

Which sentences disagree is found in `rivals`; here they are put together: one disagreement with its values, each with
the passages that state it and the date that their title or heading bears.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from qianxun.answering import cite
from qianxun.answering.checked import citation_of
from qianxun.answering.disagreement.differing import Change, mean_the_same, tokens_of
from qianxun.answering.disagreement.rivals import Rivals, is_edition
from qianxun.answering.draft import Draft
from qianxun.answering.extract import Candidate
from qianxun.answering.wording import Language, sentence
from qianxun.records import Citation, Conflict, Passage, Span, Stated
from qianxun.text import fold

# Passages named for each value, and values named.
_MOST_PASSAGES: Final = 3
_MOST_VALUES: Final = 4


@dataclass(frozen=True, slots=True)
class Claimed:
    """A value, and the sentences that give it, best first: one of each document."""

    value: str
    candidates: tuple[Candidate, ...]


def disagreement(found: Sequence[Rivals], passages: Sequence[Passage]) -> tuple[Claimed, ...]:
    """The values that the sources disagree on, that of the best sentence first; empty if they do not.

    Of the pairs about the same thing, or about two editions of it: the best one, and those that share a value with it.
    """
    same = [pair for pair in found if all(is_edition(subject) for subject in pair.subjects)]
    values: list[tuple[str, list[Candidate]]] = []
    left = list(same)
    while left:
        joining = next((p for p in left if not values or any(_known(v, values, p.polar) for v in p.values)), None)
        if joining is None:
            break
        left.remove(joining)
        for value, candidate in zip(joining.values, (joining.one, joining.other), strict=True):
            place = _known(value, values, joining.polar)
            if place is None:
                values.append((value, [candidate]))
            elif all(passages[candidate.passage].document != passages[c.passage].document for c in place):
                place.append(candidate)
    ranked = sorted(values, key=lambda one: -max(c.score for c in one[1]))[:_MOST_VALUES]
    return tuple(Claimed(value, tuple(candidates[:_MOST_PASSAGES])) for value, candidates in ranked)


def _known(value: str, values: Sequence[tuple[str, list[Candidate]]], polar: bool) -> list[Candidate] | None:
    """The candidates that give this value, in whatever spelling; of sentences only the same one will do."""
    if polar:
        return next((candidates for other, candidates in values if fold(value) == fold(other)), None)
    change = [(Change(tokens_of(value), tokens_of(other), value, other), candidates) for other, candidates in values]
    return next((candidates for one, candidates in change if mean_the_same(one)), None)


def among(claimed: Sequence[Claimed], packed: Sequence[Passage], passages: Sequence[Passage]) -> tuple[Claimed, ...]:
    """What is left of a disagreement where only some of the packed passages are shown; empty if no two values are."""
    chunks = {passage.chunk for passage in passages}
    left = []
    for one in claimed:
        candidates = tuple(c for c in one.candidates if packed[c.passage].chunk in chunks)
        left += [Claimed(one.value, candidates)] if candidates else []
    return tuple(left) if len(left) > 1 else ()


def numbering(packed: Sequence[Passage], passages: Sequence[Passage]) -> Callable[[int], int]:
    """Index of a packed passage → the [n] that points to it among those shown, of which it is one."""
    places = {passage.chunk: n for n, passage in enumerate(passages, 1)}
    return lambda index: places[packed[index].chunk]


def add_to_written(draft: Draft, claimed: Sequence[Claimed], packed: Sequence[Passage], language: Language) -> None:
    """Keeps the conflict with what a model wrote, and notes the values of which it cites no source."""
    conflict = conflict_of(claimed, packed, numbering(packed, draft.passages), -1)
    draft.conflicts.append(conflict)
    missing = not_cited(conflict, [number for one in draft.statements for number in one.numbers])
    if missing:
        # Notes are kept with a conversation: numbers alone, no words of documents.
        marks = "".join(f"[{one.citations[0].number}]" for one in missing)
        draft.notes.append(sentence("conflict not named", language, marks=marks))


def conflict_of(
    claimed: Sequence[Claimed],
    passages: Sequence[Passage],
    number: Callable[[int], int],
    statement: int,
) -> Conflict:
    """The disagreement as a record; `number` tells which [n] points to the passage at an index of `passages`."""
    values = []
    for one in claimed:
        cited = [cited_of(c, passages[c.passage], number(c.passage), statement) for c in one.candidates]
        values.append(Stated(one.value, tuple(cited), _dated(passages[one.candidates[0].passage])))
    return Conflict(tuple(values))


def cited_of(candidate: Candidate, passage: Passage, number: int, statement: int, said: str = "") -> Citation:
    """The sentence of a candidate as it is cited; what is checked is the sentence itself."""
    piece = candidate.piece
    place = Span(passage.span.start + piece.start, passage.span.start + piece.end)
    support, span, quote = cite.verify(candidate.shown, passage, place=place)
    return citation_of(statement, number, passage, said or candidate.shown, support, span, quote)


def in_words(conflict: Conflict, language: Language) -> str:
    """The sentence that names the conflict: each value with its title, date and numbers."""
    joint, end = ("；", "。") if language == "zh" else ("; ", ".")
    return sentence("conflict", language) + joint.join(_value_in_words(one, language) for one in conflict.values) + end


def _value_in_words(one: Stated, language: Language) -> str:
    marks = "".join(f"[{number}]" for number in dict.fromkeys(c.number for c in one.citations))
    name = name_of(one.citations[0])
    date = one.dated if one.dated not in name else ""
    if language == "zh":
        return f"“{one.value}”（《{name}》{'，' + date if date else ''}{marks}）"
    return f"“{one.value}” ({name}{', ' + date if date else ''} {marks})"


def name_of(of: Citation | Passage) -> str:
    """What a document is called: its title, or the last part of its source."""
    return of.title if of.title and of.title != of.source else PurePath(of.source).name


def not_cited(conflict: Conflict, numbers: Sequence[int]) -> list[Stated]:
    """The values of which an answer that cites these numbers names no source."""
    return [one for one in conflict.values if not any(c.number in numbers for c in one.citations)]


_DATE: Final = re.compile(
    r"(?:19|20)\d\d\s*年(?:\s*\d{1,2}\s*月(?:\s*\d{1,2}\s*日)?)?"
    r"|(?<!\d)(?:19|20)\d\d(?:[-./]\d{1,2}){0,2}(?!\d)|\bv(?:ersion)?\.?\s*\d+(?:\.\d+)*",
    re.IGNORECASE,
)


def _dated(passage: Passage) -> str:
    """The date or version that title, headings or file name bear; "" if none does."""
    for text in (passage.title, *reversed(passage.heading), PurePath(passage.source).name):
        found = _DATE.search(text)
        if found is not None:
            return found[0]
    return ""
