"""An answer's text, what it cites, and what is to be said about it, while it is being made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from qianxun.answering.wording import Language, sentence
from qianxun.records import Citation, Conflict, FinishReason, Option, Passage, Statement, Verdict

_N_NEAREST: Final = 3


@dataclass(slots=True)
class Draft:
    """`passages[n - 1]` is what [n] points to."""

    text: str
    verdict: Verdict
    passages: tuple[Passage, ...]
    citations: list[Citation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    usage: tuple[int, int] | None = None
    finish_reason: FinishReason = "stop"
    conflicts: list[Conflict] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)


def nothing_found(packed: Sequence[Passage], n_documents: int, language: Language) -> Draft:
    """Says that there is no evidence, what was searched, and which documents come nearest."""
    text = sentence("nothing", language, n=n_documents) + _nearest(packed, language)
    return Draft(text, "no_evidence", tuple(packed))


def refused(packed: Sequence[Passage], n_void: int, language: Language) -> Draft:
    """Says that there was an answer, of which so many sentences had no support, and which documents come nearest."""
    text = sentence("voided", language, n=n_void) + _nearest(packed, language)
    return Draft(text, "no_evidence", tuple(packed))


def instead_of_a_model(draft: Draft, language: Language) -> None:
    """Says of what was made without a model that there is one, which failed."""
    for key in ("quoting", "computing"):
        told = sentence(key, language)
        if told in draft.notes:
            draft.notes[draft.notes.index(told)] = sentence(f"{key} instead", language)
            return
    draft.notes.insert(0, sentence("no model", language))


def _nearest(packed: Sequence[Passage], language: Language) -> str:
    titles = list(dict.fromkeys(p.title or p.source for p in packed))[:_N_NEAREST]
    if not titles:
        return ""
    listed = "".join(f"《{title}》" for title in titles) if language == "zh" else "; ".join(titles)
    return sentence("nearest", language, titles=listed)
