"""Whether a proposed question is fit to be shown to a person, whoever proposed it. Pure."""

import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from qianxun.answering.checking.statements import clauses
from qianxun.documents.sentences import sentences
from qianxun.text import characters, fold, has_cjk, words

Fault: TypeAlias = Literal[
    "not in the document", "answers itself", "points at a text", "not a question", "length", "repeated"
]
MAX_QUESTION_CHARS: Final = 200
MIN_QUESTION_CHARS: Final = 5
# Questions that share so much of their words ask the same.
NEAR: Final = 0.8

_ENDS: Final = ("?", "？")
# A question that is asked of all documents cannot point at one of them, nor begin with a word that stands for another.
_POINTING = re.compile(
    r"(?:本|这|該|该|此|上述|前|下)(?:文(?!件夹|化|明|字|教|艺|旅|科)|段|篇|节文|份?文[档件](?!夹)|材料|资料|表格?(?:中|里)|图中)|(?:上文|下文|原文|文中|文内|段落|给定的|提供的)"
    r"|\b(?:the|this|that|above|given|provided|following)\s+(?:text|passage|excerpt|document|paragraph|article\s+above|context|snippet)\b"
    r"|\b(?:mentioned|described|stated|listed)\s+(?:above|below|here)\b|\baccording\s+to\s+the\s+(?:text|passage|excerpt|document)\b"
)
_DANGLING = re.compile(
    r"^(?:[他她它]们?|其(?!中|他|它|余)|该|此(?!外)|这|那(?!么)|上述|前述)"
    r"|^(?:(?:what|who|when|where|how|why|which|whose)\b.{0,24}?\b)?(?:is|are|was|were|do|does|did|can|must|will|has|have)\s+"
    r"(?:it|this|that|these|those|they|he|she|them)\b"
)


def fault_of(question: str, answer: str, text: str) -> Fault | None:
    """What is wrong with a question, its answer and the text that it is from; None if nothing is.

    `answer` "" is of a question without answer.
    """
    folded = fold(question)
    if not question.strip().endswith(_ENDS) or not any(c.isalpha() for c in question):
        return "not a question"
    if not MIN_QUESTION_CHARS <= len(question) <= MAX_QUESTION_CHARS:
        return "length"
    if _POINTING.search(folded) or _DANGLING.search(folded):
        return "points at a text"
    if not answer:
        return None
    if _bare(answer) not in _bare(text) or not any(c.isalnum() for c in answer):
        return "not in the document"
    if _answers_itself(question, answer):
        return "answers itself"
    return None


def _answers_itself(question: str, answer: str) -> bool:
    """True if the question has the answer in it, or every word of the answer."""
    if _bare(answer) in _bare(question):
        return True
    mine, theirs = ({t.key for clause in clauses(one) for t in clause} for one in (answer, question))
    return bool(mine) and mine <= theirs


def _bare(text: str) -> str:
    return "".join(c for c in fold(text) if c.isalnum())


def quote_of(answer: str, text: str) -> str:
    """The sentence of a text that has an answer, exactly as it stands there; "" if none has."""
    wanted = _bare(answer)
    spans = sentences(text)
    # An answer may run over the end of a sentence.
    for n in (1, 2, 3):
        for first in range(len(spans) - n + 1):
            part = text[spans[first][0] : spans[first + n - 1][1]]
            if wanted in _bare(part):
                return part
    return ""


class Asked:
    """The questions that there are, so that none is proposed twice."""

    def __init__(self, questions: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._terms: list[frozenset[str]] = []
        self._figures: list[frozenset[str]] = []
        for question in questions:
            self.add(question)

    def __contains__(self, question: str) -> bool:
        """True if this is asked already, perhaps in a slightly other form. Another figure makes another question."""
        if _bare(question) in self._known:
            return True
        terms, figures = _terms(question), _figures(question)
        return any(
            figures == theirs and 2 * len(terms & other) >= NEAR * (len(terms) + len(other))
            for other, theirs in zip(self._terms, self._figures, strict=True)
        )

    def add(self, question: str) -> None:
        """Notes a question."""
        self._known.add(_bare(question))
        self._terms.append(_terms(question))
        self._figures.append(_figures(question))


def _terms(text: str) -> frozenset[str]:
    folded = fold(text)
    return frozenset(words(folded)).union(characters(folded) if has_cjk(folded) else ())


def _figures(text: str) -> frozenset[str]:
    return frozenset(token.text for clause in clauses(text) for token in clause if token.kind == "figure")
