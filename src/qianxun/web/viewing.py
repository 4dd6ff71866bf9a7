"""The viewer: a document with the stretch that was cited: its text, a window of it at a time, or the pages of a PDF.

A link to a citation names the document and its characters. Ids of documents are never used again and the text of one
never changes, so that such a link opens its own words, or says that they are gone, whatever was indexed anew. Where a
knowledge base was deleted and another made of its name, or an old copy put back, ids begin anew: so our own links also
know the words by eight digits, and where others stand none are marked.

Pages are shown as pictures where the file is kept and is what was read, and where no word list hides any of its words.
"""

from dataclasses import dataclass
from itertools import takewhile
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from starlette.requests import Request

from qianxun.documents.formats.pdf_pages import DrawnPage
from qianxun.documents.quotes import Quote
from qianxun.errors import NotFound
from qianxun.marking import known_by
from qianxun.reasons import reason_of_the_file
from qianxun.records import Document, Span
from qianxun.service.bases import Base
from qianxun.service.routes.files import file_response
from qianxun.service.routes.given import BaseName, DocumentId
from qianxun.service.visit import Visit, no_document, visit_of
from qianxun.text import has_cjk
from qianxun.web import library_words, pictures
from qianxun.web.laid_out import heads_above, in_one_line, laid_out
from qianxun.web.site import page

router = APIRouter(prefix="/view")

# So many characters are shown at a time, Chinese some 70 kB, and so many before what was cited.
WINDOW: Final = 24_000
_BEFORE: Final = 4_000
_MOST_PAGES: Final = 1_000_000
_QUOTED: Final = 200
# Changes when pages are drawn otherwise.
_DRAWN: Final = "2"


@dataclass(frozen=True, slots=True)
class Shown:
    """A document, its text as it may be shown, whether all of it may be, and whether its file can be had."""

    document: Document
    text: str
    is_whole: bool
    has_original: bool


@router.get("/{base}/{id}")
async def view(
    request: Request,
    base: BaseName,
    id: DocumentId,
    start: Annotated[int, Query(alias="from", ge=0, lt=1 << 40)] = 0,
    end: Annotated[int, Query(alias="to", ge=0, lt=1 << 40)] = 0,
    at: Annotated[int | None, Query(ge=0, lt=1 << 40)] = None,
    number: Annotated[int | None, Query(alias="page", ge=1, le=_MOST_PAGES)] = None,
    way: Annotated[Literal["", "text"], Query(alias="as")] = "",
    words: Annotated[str, Query(max_length=8)] = "",
) -> Response:
    """A document where it was cited; or from the character `at` on, or its page of this number.

    `words` is what the cited words are known by; without it any will do.
    """
    visit = visit_of(request)
    visit.facts.action = "documents.show"
    there = visit.base(base, "read")
    visit.facts.documents = (id,)
    try:
        found = await visit.run("look", _shown, visit, there, id)
    except NotFound:
        return page(request, visit, "gone.html", status=404, base=base)
    text = found.text
    is_cited, end = end > start, min(end, len(text))
    marks = [(start, end)] if end > start and words in ("", known_by(text[start:end])) else []
    is_pdf = found.document.format == "pdf" and found.is_whole and found.has_original
    drawn = None
    if is_pdf and not way and at is None:
        drawn = await visit.run("pictures", _drawn, visit, there, found, Span(start, end) if marks else None, number)
    return page(
        request,
        visit,
        "view.html",
        base=base,
        document=found.document,
        labels=visit.as_told({"labels": list(found.document.labels)})["labels"],
        cited={"from": str(start), "to": str(end), "words": words} if marks else {},
        is_lost=is_cited and not marks,
        n_chars=len(text),
        quote=_quoted(text[start:end]) if marks else "",
        is_empty=not text.strip(),
        reason_of=lambda: reason_of_the_file(found.document.source, found.document.reason),
        words=library_words,
        page=drawn,
        is_pdf=is_pdf and (drawn is not None or bool(way) or at is not None),
        has_original=found.has_original,
        **(await visit.run("look", _window, text, marks, start, at) if drawn is None else {}),
    )


@router.get("/{base}/{id}/page/{number}")
async def page_picture(
    request: Request, base: BaseName, id: DocumentId, number: Annotated[int, Path(ge=1, le=_MOST_PAGES)]
) -> Response:
    """A page as a picture. A browser keeps it, and asks each time whether it may still show it."""
    visit = visit_of(request)
    visit.facts.action = "documents.show"
    there = visit.base(base, "read")
    visit.facts.documents = (id,)
    found = await visit.run("look", _shown, visit, there, id)
    if not found.is_whole or not found.has_original:
        raise no_document(id)
    headers = {"ETag": f'"{_DRAWN}-{found.document.digest}-{number}"', "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    png = await visit.run("pictures", pictures.picture, there.kb, found.document, visit.asker, number)
    if png is None:
        raise no_document(id)
    return Response(png, media_type="image/png", headers=headers)


@router.get("/{base}/{id}/original")
async def original(request: Request, base: BaseName, id: DocumentId) -> Response:
    """The file itself, to be saved."""
    visit = visit_of(request)
    visit.facts.action = "documents.original"
    there = visit.base(base, "read")
    visit.facts.documents = (id,)

    def opened() -> Response:
        visit.may_see(there.kb.document(id, asker=visit.asker))
        return file_response(there.kb.original(id, asker=visit.asker))

    return await visit.run("look", opened)


def _shown(visit: Visit, there: Base, id: int) -> Shown:
    """Raises NotFound for what is not there, or not for who asks."""
    document = visit.may_see(there.kb.document(id, asker=visit.asker))
    whole = there.kb.text(id, asker=visit.asker)
    text = there.kb.shown_text(whole)
    return Shown(document, text, text == whole, has_original(visit, there, id))


def has_original(visit: Visit, there: Base, id: int) -> bool:
    """Whether a document's file can be had: it is kept, or still where it was and has not changed."""
    try:
        there.kb.original(id, asker=visit.asker).stream.close()
    except NotFound:
        return False
    return True


def _drawn(visit: Visit, there: Base, found: Shown, span: Span | None, number: int | None) -> DrawnPage | None:
    """The page that was asked for, else that on which the span is, else the first."""
    quote = Quote.of(found.text, span.start, span.end) if span is not None else None
    if number is not None:
        numbers = [number]
    elif span is not None:
        numbers = pictures.pages_of(there.kb.chunks(found.document.id, asker=visit.asker), span)
    else:
        numbers = [1]
    return pictures.drawn(there.kb, found.document, visit.asker, numbers, quote)


def _quoted(text: str) -> str:
    """What was cited, in running words; of much the beginning, up to the end of a line or a word."""
    if len(text) <= _QUOTED:
        return in_one_line(text)
    at = text.rfind("\n", _QUOTED // 2, _QUOTED + 1)
    if at < 0:
        letters = map(_is_letter, reversed(text[_QUOTED // 2 : _QUOTED + 1]))
        n_cut = sum(takewhile(bool, letters))
        at = _QUOTED + 1 - n_cut if 0 < n_cut <= _QUOTED // 2 else _QUOTED
    return f"{in_one_line(text[:at])} …"


def _is_letter(character: str) -> bool:
    """Of a word between spaces; Chinese may be cut anywhere."""
    return character.isalnum() and not has_cjk(character)


def _window(text: str, marks: list[tuple[int, int]], start: int, at: int | None) -> dict[str, Any]:
    """What is shown of a text, and where what is before and after it begins: in whole lines, if they are not too long.
    A table that began earlier has its heads above it.

    What is marked is there, as far as it is no longer than the window.
    """
    first = max(0, start - _BEFORE) if at is None else min(at, max(0, len(text) - 1))
    line = text.rfind("\n", 0, first) + 1
    first = line if first - line <= _BEFORE else first
    last = min(len(text), first + WINDOW)
    if last < len(text):
        shown = max([first + 1, *(min(b, last) for a, b in marks if a < last and b > first)])
        newline = text.rfind("\n", max(shown - 1, first + WINDOW // 2), last)
        last = newline + 1 if newline >= 0 else last
    heads = heads_above(text, first) if first else ""
    cited = [(max(a, first), b) for a, b in marks if b > first]
    lead = heads or ""
    return {
        "body": laid_out(lead + text[first:last], cited, offset=first - len(lead), within=heads is None),
        "before": max(0, first - WINDOW) if first else None,
        "after": last if last < len(text) else None,
    }
