"""One document in the library: what is known of it, its chunks over its text, its labels; taking documents out."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query
from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request

from qianxun.errors import InputError, NotFound, QianxunError
from qianxun.reasons import reason_of_the_file
from qianxun.records import Document, Passage, parted
from qianxun.service.routes.given import BaseName, DocumentId
from qianxun.service.routes.given import Document as Id
from qianxun.service.routes.labelling import labelled
from qianxun.service.routes.removing import removed
from qianxun.service.visit import Visit, visit_of
from qianxun.storage.jobs import Job
from qianxun.web import library_words
from qianxun.web.chunked import laid_chunks
from qianxun.web.library import address_of, labels_of
from qianxun.web.site import page
from qianxun.web.viewing import has_original

router = APIRouter(prefix="/library")

CHUNKS: Final = 40
_MOST_REMOVED: Final = 1000
_MAX_LABEL_CHARS: Final = 200
_MOST_LABELS: Final = 100
Ids = Annotated[list[Id], Query(alias="id", max_length=_MOST_REMOVED)]


# -- taking out (before a single one: the paths are alike) -------------------------------------------------


@router.get("/{base}/remove")
async def confirm_page(request: Request, base: BaseName, ids: Ids = []) -> Response:  # noqa: B006 (never changed)
    """Asks whether these documents are to be removed."""
    visit = visit_of(request)
    visit.facts.action = "documents.remove.ask"
    visit.base(base, "write")
    visit.facts.documents = tuple(ids)
    documents = await visit.run("look", _still_there, visit, base, ids)
    if not documents and ids:
        return _gone(request, visit, base)
    if not documents:
        raise InputError("No document was chosen.", remedy="Tick some in the list.")
    return page(request, visit, "library_remove.html", base=base, documents=documents)


@router.post("/{base}/remove")
async def remove(
    request: Request,
    base: BaseName,
    id: Annotated[list[Id], Form(max_length=_MOST_REMOVED)] = [],  # noqa: B006 (never changed)
    purge: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Removes documents and leads to the receipt. What has gone meanwhile is not in it."""
    visit = visit_of(request)
    visit.base(base, "write")
    documents = await visit.run("look", _still_there, visit, base, id)
    if not documents:
        return _gone(request, visit, base)
    receipt = await removed(visit, base, [one.id for one in documents], purge=purge == "true")
    try:
        job = await visit.run("change", partial(_kept, visit, base, receipt))
    except QianxunError:  # they are removed, whether it can be kept or not
        return page(request, visit, "library_receipt.html", base=base, receipt=receipt)
    return RedirectResponse(address_of(base, f"/jobs/{job.token}"), 303)


def _gone(request: Request, visit: Visit, base: str) -> Response:
    return page(request, visit, "gone.html", status=404, base=base, several=True)


def _kept(visit: Visit, base: str, receipt: dict[str, Any]) -> Job:
    """The receipt as what a job came to: whose it is, who sees it and how long it is kept is known of jobs."""
    ids = {"ids": [one["id"] for one in receipt["removed"]]}
    return visit.service.jobs.record("remove", base, receipt, owner=visit.caller.id, arguments=ids)


def _still_there(visit: Visit, base: str, ids: list[int]) -> list[Document]:
    """Those of these documents that are there for the caller."""
    there = visit.base(base, "write")
    found = []
    for id in dict.fromkeys(ids):
        try:
            found.append(visit.may_see(there.kb.document(id, asker=visit.asker)))
        except NotFound:
            continue
    return found


# -- one document ----------------------------------------------------------------------------------------


@router.get("/{base}/{id}")
async def document_page(
    request: Request, base: BaseName, id: DocumentId, first: Annotated[int, Query(ge=0, lt=1 << 24)] = 0
) -> Response:
    """A document with its chunks, from the one at `first` on."""
    visit = visit_of(request)
    visit.facts.action = "documents.show"
    there = visit.base(base, "read")
    visit.facts.documents = (id,)

    def shown() -> tuple[Document, str, list[Passage], int, bool, bool] | None:
        try:
            document = visit.may_see(there.kb.document(id, asker=visit.asker))
            text = there.kb.shown_text(there.kb.text(id, asker=visit.asker))
            # And the one before, which says where the text in front of the first begins.
            before = min(first, 1)
            found = there.kb.chunks(id, asker=visit.asker, first=first - before, count=CHUNKS + before)
        except NotFound:
            return None
        at = found[0].span.end if before and found else 0
        is_indexed = not there.kb.not_yet_indexed([id])
        return document, text, there.kb.shown(found[before:]), at, has_original(visit, there, id), is_indexed

    found = await visit.run("look", shown)
    if found is None:
        return page(request, visit, "gone.html", status=404, base=base)
    document, text, passages, at, is_kept, is_indexed = found
    own = visit.caller.labels
    labels = labels_of(visit, document)
    return page(
        request,
        visit,
        "library_document.html",
        base=base,
        document=document,
        labels=labels,
        is_indexed=is_indexed,
        has_original=is_kept,
        reason_of=lambda: reason_of_the_file(document.source, document.reason),
        own_labels=None if own is None else sorted(own - set(labels)),
        chunks=list(laid_chunks(passages, text, at=at)),
        first=first,
        previous=max(0, first - CHUNKS) if first else None,
        following=first + CHUNKS if first + CHUNKS < document.chunks else None,
        words=library_words,
        may_write=visit.caller.may("write"),
    )


@router.post("/{base}/{id}/labels")
async def change_labels(
    request: Request,
    base: BaseName,
    id: DocumentId,
    add: Annotated[str, Form(max_length=10_000)] = "",
    remove: Annotated[list[str], Form(max_length=100)] = [],  # noqa: B006 (never changed)
) -> Response:
    """Gives and takes labels."""
    visit = visit_of(request)
    given = parted(add)
    if len(given) > _MOST_LABELS:
        raise InputError("More than {n} labels at a time.", remedy="Give some of them now.", n=_MOST_LABELS)
    wrong = next((one for one in (*given, *remove) if "\0" in one or len(one) > _MAX_LABEL_CHARS), None)
    if wrong is not None:
        raise InputError(
            "{label!r} is no label.", remedy="A label is a word or two of 200 characters at most.", label=wrong[:80]
        )
    if given or remove:
        await labelled(visit, base, id, add=given, remove=remove)
    else:
        visit.base(base, "write")
    return RedirectResponse(address_of(base, f"/{id}"), 303)
