"""A generated answer, sentence by sentence: what each rests on, and what becomes of those that rest on nothing. Pure.

The check itself is `cite.verify`. Here it is asked of every passage that a sentence cites, and of the others where
those do not bear it: a model that forgot a mark, or set a wrong one, is helped out by a further mark.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from qianxun.answering import cite
from qianxun.answering.extract import Similarities
from qianxun.answering.facts import facts
from qianxun.answering.reading import Mark, Sentence
from qianxun.records import Citation, Passage, Span, Statement, Support

Policy: TypeAlias = Literal["mark", "remove", "refuse"]

_SUPPORTS: Final[tuple[Support, ...]] = ("absent", "weak", "supported")


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


class Checker:
    """Checks sentences against the passages that the model was shown: `passages[n - 1]` is what [n] points to."""

    def __init__(self, passages: Sequence[Passage], similarities: Similarities | None = None) -> None:
        self._passages = passages
        self._similarities = similarities

    def check(self, place: int, sentence: Sentence, marks: Sequence[Mark]) -> Checked:
        """The sentence at a place among the answer's; `marks` are those that follow it."""
        text, numbers = sentence.cited.text, sentence.cited.numbers
        end = max([sentence.span.end, *(mark.span.end for mark in marks)])
        shown = [number for number in numbers if 1 <= number <= len(self._passages)]
        citations = [self._cited(place, number, text) for number in shown]
        claim = not _leads_in(text)
        added: tuple[int, ...] = ()
        if claim and not any(one.support == "supported" for one in citations):
            others = (n for n in range(1, len(self._passages) + 1) if n not in shown)
            found = next((one for n in others if (one := self._cited(place, n, text)).support == "supported"), None)
            if found is not None:
                citations.append(found)
                added = (found.number,)
        best: Support = max((one.support for one in citations), key=_SUPPORTS.index, default="absent")
        statement = Statement(text, Span(sentence.span.start, end), (*numbers, *added), best, claim=claim)
        return Checked(statement, tuple(citations), added, tuple(n for n in numbers if n not in shown))

    def _cited(self, place: int, number: int, text: str) -> Citation:
        passage = self._passages[number - 1]
        support, span, quote = cite.verify(text, passage, similarities=self._similarities)
        return citation_of(place, number, passage, text, support, span, quote)


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
    return policy == "mark" or not checked.statement.claim or checked.statement.support != "absent"


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
        shown += text[span.start : span.end] + "".join(f"[{number}]" for number in one.added)
        kept.append(
            replace(
                one,
                statement=replace(one.statement, span=Span(start, len(shown))),
                citations=tuple(replace(citation, statement=place) for citation in one.citations),
            )
        )
    return (shown + text[last:]).rstrip(), kept


def _leads_in(text: str) -> bool:
    """Whether a sentence only leads in to what follows ("The steps are:"); one with figures says something."""
    return text.rstrip().endswith((":", "：")) and not facts(text)
