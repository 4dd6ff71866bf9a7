"""A generated answer, sentence by sentence: what each rests on, and what becomes of those that rest on nothing. Pure.

The check itself is `cite.verify`. Here it is asked of every passage that a sentence cites, and of the others where
those do not bear it: a model that forgot a mark, or set a wrong one, is helped out by a further mark. What was computed
from a passage's table bears a sentence as the passage does, and its table is what is quoted.
"""

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from qianxun.answering import cite, material
from qianxun.answering.checking.unknown import unknown_facts
from qianxun.answering.extract import Similarities
from qianxun.answering.facts import facts
from qianxun.answering.reading import Mark, Sentence
from qianxun.answering.tables.reading import is_rule
from qianxun.records import Citation, Passage, Policy, Span, Statement, Support
from qianxun.text import fold, has_cjk, words

_PARTS: Final = re.compile(r"[；;]")
_CLAUSES: Final = re.compile(r"[，；;]|,\s|\s(?=\()")
# What no single row of a table says.
_EXTREME: Final = re.compile(
    r"最[高低大小长短快慢好差]|\b(?:highest|lowest|largest|smallest|biggest|longest|shortest|best|worst|peak|maximum|minimum)\b",
    re.IGNORECASE,
)
_SUPPORTS: Final[tuple[Support, ...]] = ("absent", "weak", "supported")
# So many passages that a sentence does not cite are looked at, those that share most words: each costs milliseconds.
_MOST_OTHERS: Final = 40


@dataclass(frozen=True, slots=True)
class Checked:
    """A sentence with its citations. `added` are marks that it did not have: passages that bear it all the same.

    The statement's span is that of the text as the model wrote it. `unknown` are marks of passages that it was not
    shown.
    """

    statement: Statement
    citations: tuple[Citation, ...]
    added: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FromTable:
    """What was computed from the table of a passage: a sentence in each language, and the table's place there."""

    statements: tuple[str, ...]
    span: Span


class Checker:
    """Checks sentences against the passages that the model was shown: `passages[n - 1]` is what [n] points to.

    `brought` is what the question brings along, [Q]; `computed` maps numbers (0: that) to what was computed from the
    tables. `judge` compares by meaning (see `cite.verify`). With `own_words` a sentence that cites nothing may stand
    for itself. `known` are further texts whose figures and names nobody need wonder at: the question.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        similarities: Similarities | None = None,
        *,
        judge: cite.Judge | None = None,
        brought: Passage | None = None,
        computed: Mapping[int, FromTable] | None = None,
        own_words: bool = False,
        known: Sequence[str] = (),
    ) -> None:
        self._by_number = dict(enumerate(passages, 1))
        if brought is not None:
            self._by_number[material.NUMBER] = brought
        self._similarities = similarities
        self._judge = judge
        self._computed = computed or {}
        self._own_words = own_words
        texts = ("\n".join((p.title, *p.heading, p.context, p.text)) for p in self._by_number.values())
        said = (statement for table in self._computed.values() for statement in table.statements)
        self._known = tuple(dict.fromkeys((*texts, *said, *known)))
        self._words: dict[int, frozenset[str]] = {}  # of each passage, where there are many

    def check(self, place: int, sentence: Sentence, marks: Sequence[Mark], behind: str = "") -> Checked:
        """The sentence at a place among the answer's; `marks` are those behind it, `behind` is the text after them."""
        text, numbers = sentence.cited.text, sentence.cited.numbers
        end = max([sentence.span.end, *(mark.span.end for mark in marks)])
        shown = [number for number in numbers if number in self._by_number]
        citations = [self._cited(place, number, text) for number in shown]
        claim = not _leads_in(text) and not _heads_table(text, behind)
        added: tuple[int, ...] = ()
        if claim and not any(one.support == "supported" for one in citations):
            others = (n for n in self._likely(text) if n not in shown)
            found = next((one for n in others if (one := self._cited(place, n, text)).support == "supported"), None)
            if found is not None:
                citations.append(found)
                added = (found.number,)
        best: Support = max((one.support for one in citations), key=_SUPPORTS.index, default="absent")
        own = self._own_words and claim and not numbers and not added
        statement = Statement(
            text,
            Span(sentence.span.start, end),
            (*numbers, *added),
            best,
            claim=claim,
            own=own,
            unknown=() if own or best == "supported" else unknown_facts(text, self._known),
        )
        return Checked(statement, tuple(citations), added, tuple(n for n in numbers if n not in shown))

    def _likely(self, text: str) -> Sequence[int]:
        """The passages that may bear a sentence: of many those that share most of its words, in reading order."""
        if len(self._by_number) <= _MOST_OTHERS:
            return list(self._by_number)
        if not self._words:
            self._words = {
                number: frozenset(words(fold(f"{one.context}\n{one.text}"))) for number, one in self._by_number.items()
            }
        wanted = frozenset(words(fold(text)))
        return sorted(heapq.nlargest(_MOST_OTHERS, self._by_number, key=lambda n: len(wanted & self._words[n])))

    def _cited(self, place: int, number: int, text: str) -> Citation:
        passage = self._by_number[number]
        support, span, quote = cite.verify(text, passage, similarities=self._similarities, judge=self._judge)
        table = self._computed.get(number)
        if table is not None and (support != "supported" or _EXTREME.search(text)):
            if _follows_from(text, table.statements):
                start = passage.span.start
                quote = passage.text[table.span.start : table.span.end]
                support, span = "supported", Span(start + table.span.start, start + table.span.end)
            elif support == "supported":
                support = "weak"
        return citation_of(place, number, passage, text, support, span, quote)


def _follows_from(text: str, computed: Sequence[str]) -> bool:
    """Whether a sentence says what was computed, in its language: each of its clauses in one part of that.

    A computed sentence tells of many figures. Words from several of its parts together say what none of them says:
    from "30 a month on average; turning point: February (from falling)" no "fell by 30 in February" follows, and from
    "highest 180 in March, lowest 110 in February" no "highest 110".
    """
    told = computed[0 if has_cjk(text) else 1 :: 2]

    def borne(said: str) -> bool:
        between = _CLAUSES if _EXTREME.search(said) else _PARTS
        parts = (part for one in told for part in between.split(one) if part.strip())
        return any(cite.verify(said, material.as_material_passage(part))[0] == "supported" for part in parts)

    return borne(text) or all(map(borne, filter(str.strip, _CLAUSES.split(text))))


def citation_of(
    statement: int, number: int, passage: Passage, sentence: str, support: Support, span: Span, quote: str
) -> Citation:
    """What was found out about a sentence and a passage, as a citation."""
    return Citation(
        number=number,
        chunk=passage.chunk,
        document=passage.document,
        source=passage.source,
        title=passage.title,
        page=passage.page,
        location=passage.location,
        heading=passage.heading,
        span=span,
        quote=quote,
        support=support,
        sentence=sentence,
        statement=statement,
    )


def is_kept(checked: Checked, policy: Policy) -> bool:
    """Whether a sentence stays in the answer. Weakly borne ones do, marked as such."""
    said = checked.statement
    return policy == "mark" or not said.claim or said.own or said.support != "absent"


def assembled(text: str, checked: Sequence[Checked], policy: Policy) -> tuple[str, list[Checked]]:
    """The answer as it is shown, and its sentences with their places there: with added marks, without what goes.

    Of a sentence that goes, what stands between it and the one before goes with it.
    """
    shown, last = "", 0
    kept: list[Checked] = []
    for one in checked:
        span = one.statement.span
        between, last = text[last : span.start], span.end
        if not is_kept(one, policy):
            continue
        shown += between if shown else between.lstrip()
        start, place = len(shown), len(kept)
        line = text[text.rfind("\n", 0, span.start) + 1 : span.end]
        said, marks = text[span.start : span.end], "".join(map(cite.mark, one.added))
        shown += _in_last_cell(said, marks) if line.lstrip().startswith("|") else _beside_marks(said, marks)
        kept.append(
            replace(
                one,
                statement=replace(one.statement, span=Span(start, len(shown))),
                citations=tuple(replace(citation, statement=place) for citation in one.citations),
            )
        )
    return (shown + text[last:]).rstrip(), kept


def _in_last_cell(row: str, words: str) -> str:
    """A row of a table in Markdown with further words; those and marks behind its last bar are moved before it.

    Readers of Markdown drop what stands behind it, and of a table whose head has more than its rule they make none.
    """
    begins = len(row)
    for start, end in reversed(cite.mark_places(row)):
        begins = start if end == begins else begins
    said, marks = row[:begins].rstrip(), row[begins:].strip()
    if not said.endswith("|") or not (marks or words):
        return row + words
    return f"{said[:-1].rstrip()} {marks}{words} |"


def _beside_marks(said: str, marks: str) -> str:
    """A sentence with further marks: behind its own, if only signs follow those, so that none seems the next one's."""
    end = next((end for _, end in reversed(cite.mark_places(said))), len(said))
    end = len(said) if any(map(str.isalnum, said[end:])) else end
    return f"{said[:end]}{marks}{said[end:]}"


def _heads_table(text: str, behind: str) -> bool:
    """Whether a sentence is the head of a table: it says nothing, it names columns."""
    same_line, _, below = behind.partition("\n")
    return "|" in text and not same_line.strip() and is_rule(below.partition("\n")[0])


def _leads_in(text: str) -> bool:
    """Whether a sentence only leads in to what follows ("The steps are:"); one with figures says something."""
    return text.rstrip().endswith((":", "：")) and not facts(text)
