"""Answers without the text of documents, to be kept, and what of them a reader may see later.

A quote is kept as its place, and read again from the store with the rights that the reader has then. Of an answer that
somebody wrote from passages (a model), a reader sees only the sentences whose sources they may all read; what cites
nothing may come from any of the passages, so for that they must be able to read them all.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

from qianxun.answering.extract import heading_of, shown_under
from qianxun.answering.pieces import pieces
from qianxun.answering.quoting import with_mark
from qianxun.filters import visible_to
from qianxun.records import Answer, Asker, Citation, Passage, Span, Statement
from qianxun.retrieval.gather import as_passage
from qianxun.storage.conversations import KeptAnswer, KeptCitation, KeptPassage, KeptStatement
from qianxun.storage.store import Store
from qianxun.text import has_cjk

# What stands for what cannot be shown any more.
GONE: Final = {"zh": "［出处已删除］", "en": "[source removed]"}


def kept_of(answer: Answer) -> KeptAnswer:
    """The answer as it is kept."""
    return KeptAnswer(
        text="" if any(one.quoted for one in answer.statements) else answer.text,
        searched=answer.searched,
        verdict=answer.verdict,
        statements=tuple(
            KeptStatement("" if one.quoted else one.text, one.span, one.numbers, one.support, one.quoted, one.claim)
            for one in answer.statements
        ),
        citations=tuple(KeptCitation(one.statement, one.number, one.span, one.support) for one in answer.citations),
        passages=tuple(KeptPassage(one.chunk, one.span) for one in answer.passages),
        facts={
            "seconds": dict(answer.seconds),
            "models": dict(answer.models),
            "degraded": list(answer.degraded),
            "notes": list(answer.notes),
            "usage": answer.usage,
        },
    )


def answer_of(kept: KeptAnswer, question: str, store: Store, asker: Asker) -> tuple[Answer, bool]:
    """The answer as this asker may read it now, and whether all of it is there.

    A sentence that they may not read, or whose source is gone, is `GONE`, and its citations are left out; of such a
    passage only its number is left. The two cases read the same.
    """
    passages = _passages(kept.passages, store, asker)
    all_there = all(passage is not None for passage in passages)
    citations = tuple(
        _citation(one, passages[one.number - 1])  # type: ignore[arg-type]
        for one in kept.citations
        if passages[one.number - 1] is not None
    )
    borne = {one.statement for one in citations if one.support == "supported"}
    gone = GONE["zh" if has_cjk(question) else "en"]
    text, last, statements = "", 0, []
    for place, one in enumerate(kept.statements):
        # Of quotes nothing is kept, and there is nothing but spaces between them.
        text += kept.text[last : one.span.start] or " " * (one.span.start - last)
        of_it = [citation for citation in citations if citation.statement == place]
        said, segment = gone, gone
        if one.quoted and of_it:
            said = _quoted(one, of_it[0], passages)
            segment = with_mark(said, one.numbers[0])
        elif not one.quoted and (all_there or place in borne):
            said, segment = one.text, kept.text[one.span.start : one.span.end]
        span = Span(len(text), len(text) + len(segment))
        text, last = text + segment, one.span.end
        statements.append(Statement(said, span, one.numbers, one.support, one.quoted, one.claim))
    if kept.statements or all_there:
        text += kept.text[last:]
    else:
        text = gone
    said_of = {place: one.text for place, one in enumerate(statements)}
    answer = Answer(
        question=question,
        text=text,
        verdict=kept.verdict,
        citations=tuple(dataclasses.replace(one, sentence=said_of[one.statement]) for one in citations),
        passages=tuple(passage or _NO_PASSAGE for passage in passages),
        seconds=kept.facts.get("seconds", {}),
        models=kept.facts.get("models", {}),
        degraded=tuple(kept.facts.get("degraded", ())),
        notes=tuple(kept.facts.get("notes", ())),
        searched=kept.searched,
        usage=tuple(usage) if (usage := kept.facts.get("usage")) else None,
        statements=tuple(statements),
    )
    return answer, all_there


_NO_PASSAGE: Final = Passage(0, 0.0, 0, 0, "", "", None, None, (), Span(0, 0), "", "", (), {})


def _passages(kept: Sequence[KeptPassage], store: Store, asker: Asker) -> list[Passage | None]:
    """Each passage as it was shown; None where it is not there for this asker."""
    found = store.passages([one.chunk for one in kept], visible_to(asker))
    passages: list[Passage | None] = []
    for number, one in enumerate(kept, 1):
        passage = as_passage(*found[one.chunk], rank=number) if one.chunk in found else None
        if passage is not None and passage.span != one.span:
            text = store.text(passage.document)[one.span.start : one.span.end]
            passage = dataclasses.replace(passage, span=one.span, text=text)
        passages.append(passage)
    return passages


def _citation(kept: KeptCitation, passage: Passage) -> Citation:
    within = Span(kept.span.start - passage.span.start, kept.span.end - passage.span.start)
    return Citation(
        number=kept.number,
        chunk=passage.chunk,
        document=passage.document,
        source=passage.source,
        title=passage.title,
        page=passage.page,
        location=passage.location,
        heading=passage.heading,
        span=kept.span,
        quote=passage.text[within.start : within.end],
        support=kept.support,
        statement=kept.statement,
    )


def _quoted(kept: KeptStatement, citation: Citation, passages: Sequence[Passage | None]) -> str:
    """The words of a statement that only quotes, from what it cites."""
    passage = passages[citation.number - 1]
    assert passage is not None
    at = citation.span.start - passage.span.start
    piece = next((one for one in pieces(passage) if one.start == at and one.text == citation.quote), None)
    if piece is None:
        return citation.quote
    return shown_under(heading_of(passage) if kept.quoted == "under its heading" else "", piece)
