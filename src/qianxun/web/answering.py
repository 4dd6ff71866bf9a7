"""The answer box: what the search page shows above its passages, once it is there, where an answer is supported.

It is a part of its own, asked for after the passages: they never wait for it. What a model wrote is shown as text with
numbered links to what it cites, and nothing else of it can be followed; a table that it wrote is one.

A page that asks while its reader types says so. What comes of half a question is in the audit like all that is asked,
under a name of its own and without a verdict: or each letter of a question would be one without an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response
from markupsafe import Markup
from starlette.requests import Request

from qianxun.answering.events import the_answer
from qianxun.answering.reading import Mark, Reader, Text
from qianxun.errors import InputError
from qianxun.guarding import addresses, safe_links
from qianxun.messages import say
from qianxun.records import Answer, Citation
from qianxun.service.heard import heard
from qianxun.service.visit import visit_of
from qianxun.settings import engine_of
from qianxun.web.asked import Asked, Field
from qianxun.web.laid_out import laid_out
from qianxun.web.site import page, view_address

router = APIRouter()

# The header with which a page says that its reader still types, and what the audit calls what is asked so.
TYPING: Final = "x-qianxun-typing"
ASK_TYPING: Final = "ask.typing"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer to be shown: text, or the number of a citation."""

    text: str
    citation: Citation | None = None


@router.get("/answer")
async def answer_page(
    request: Request,
    base: Annotated[str, Query(max_length=64)],
    q: Annotated[str, Query(max_length=20_000)] = "",
    source: Field = "",
    label: Field = "",
    format: Field = "",
    after: Field = "",
    before: Field = "",
) -> Response:
    """The answer to a question of the search page, narrowed as there; a page of its own for who has no scripts."""
    visit = visit_of(request)
    typing = bool(request.headers.get(TYPING))
    visit.facts.action = ASK_TYPING if typing else "ask"
    there = visit.base(base, "ask")
    by_a_model = engine_of(there.kb.settings.generator) != "none"
    if by_a_model and typing:  # what a model was asked is a question, whoever says otherwise
        typing, visit.facts.action = False, "ask"
    asked = Asked(q.strip(), source.strip(), label.strip(), format.strip(), after.strip(), before.strip())
    if not asked.q:
        raise InputError("The question is empty.", remedy="Type what you are looking for.")
    where = visit.where(asked.filter())
    events = there.kb.stream(asked.q, asker=visit.asker, where=where)
    try:
        answer = visit.told(await the_answer(heard(visit, there.kb, events)))
    finally:
        if typing:
            visit.facts.verdict = ""
    return page(
        request,
        visit,
        "answer.html",
        base=base,
        asked=asked,
        answer=answer,
        is_shown=is_supported(answer),
        body=lambda: shown_text(base, pieces_of(answer)),
        sources=sources_of(answer),
        by_a_model=_by_a_model(answer),
        # Also where it wrote nothing: who waited for it is told what came of that.
        asked_a_model=by_a_model,
        why_not=lambda: _why_not(answer),
    )


def is_supported(answer: Answer) -> bool:
    """Whether an answer may stand above the passages: it answers, and what it cites bears all that it says."""
    claims = [one for one in answer.statements if one.claim]
    return answer.verdict == "answered" and bool(claims) and all(one.support == "supported" for one in claims)


def _by_a_model(answer: Answer) -> bool:
    return answer.models.get("answer") != "extractive"


def _why_not(answer: Answer) -> str:
    """Why no answer is shown. To be called while the reader's language is spoken."""
    if answer.verdict in ("no_evidence", "clarify") or not _by_a_model(answer):
        return say("The documents give no answer that is supported. What they say is among the passages.")
    return say(
        "A model wrote an answer, but its sources do not bear all of it; it is not shown. "
        "What they say is among the passages."
    )


def pieces_of(answer: Answer) -> list[Piece]:
    """The answer's text, with the citation of each mark in its place. Marks of nothing are left out."""
    # What the documents say is shown to the letter: the page makes nothing but text of it.
    text = (
        answer.text
        if not _by_a_model(answer)
        else safe_links(answer.text, addresses(one.text for one in answer.passages))
    )
    reader = Reader()
    left: dict[int, list[Citation]] = {}
    for citation in answer.citations:
        if citation.number:
            left.setdefault(citation.number, []).append(citation)
    found: list[Piece] = []
    for event in (*reader.feed(text), *reader.close()):
        if isinstance(event, Text):
            found.append(Piece(event.text))
        elif isinstance(event, Mark):
            for number in event.numbers:
                known = left.get(number)
                if known:
                    # Each sentence has a quote of its own; the last one stands for what is said again.
                    found.append(Piece(str(number), known.pop(0) if len(known) > 1 else known[0]))
    return found


def shown_text(base: str, pieces: Iterable[Piece]) -> Markup:
    """The text of an answer, its tables as tables, with its citations as links. To be called while the reader's
    language is spoken."""
    text, chips = "", list[tuple[int, Markup]]()
    for piece in pieces:
        if piece.citation is None:
            text += piece.text
            continue
        one = piece.citation
        address = view_address(base, one.document, one.span.start, one.span.end, one.quote)
        label = say("Source {number}", number=piece.text)
        chip = Markup('<a class="chip" href="{}" aria-label="{}">{}</a>').format(address, label, piece.text)
        chips.append((len(text), chip))
    return laid_out(text, (), put=chips)


def sources_of(answer: Answer) -> list[Citation]:
    """The first citation of each number, in their order."""
    first: dict[int, Citation] = {}
    for citation in answer.citations:
        if citation.number:
            first.setdefault(citation.number, citation)
    return [first[number] for number in sorted(first)]
