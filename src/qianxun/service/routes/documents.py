"""Documents: which there are, what stands in them, who may see them, and taking them out."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from qianxun.service import replies
from qianxun.service.passages import passage_of
from qianxun.service.routes.given import BaseName, ChunkId, DocumentId, Label, Request, Visiting, Words
from qianxun.service.routes.labelling import labelled
from qianxun.service.routes.removing import removed
from qianxun.service.visit import readable_filter
from qianxun.shapes import document_shape, shown_shape, version

router = APIRouter(tags=["documents"])

Part = Literal["", "text", "chunks"]


class Labels(Request):
    """Labels to give and to take."""

    add: list[Label] = Field(default_factory=list, max_length=100)
    remove: list[Label] = Field(default_factory=list, max_length=100)


@router.get("/bases/{base}/documents", responses={200: {"model": replies.Documents}})
async def list_documents(
    base: BaseName,
    visit: Visiting,
    filter: Annotated[Words | None, Query(description="which documents, as in docs/searching.md: label = hr")] = None,
    after: Annotated[int, Query(ge=0, lt=1 << 40, description="how many to leave out: `next` of the page before")] = 0,
    count: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JSONResponse:
    """The documents that the caller may see, by source, a page at a time."""
    visit.facts.action = "documents.list"
    there = visit.base(base, "read")
    where = visit.where(readable_filter(filter))
    page, n = await visit.run("look", there.kb.listed, asker=visit.asker, where=where, first=after, count=count)
    shape = {
        "documents": [document_shape(one) for one in page],
        "next": after + count if after + count < n else None,
        "version": version(),
    }
    return JSONResponse(visit.as_told(shape))


@router.get(
    "/bases/{base}/documents/{id}",
    responses={200: {"model": replies.Shown | replies.ShownText | replies.ShownChunks}},
)
async def show_document(
    base: BaseName,
    id: DocumentId,
    visit: Visiting,
    part: Annotated[Part, Query(description="also its cleaned `text`, or the `chunks` that it was cut into")] = "",
) -> JSONResponse:
    """One document."""
    visit.facts.action = "documents.show"
    there = visit.base(base, "read")
    visit.facts.documents = (id,)

    def shown() -> dict[str, Any]:
        document = visit.may_see(there.kb.document(id, asker=visit.asker))
        if part == "text":
            return shown_shape(document, text=there.kb.shown_text(there.kb.text(id, asker=visit.asker)))
        if part == "chunks":
            return shown_shape(document, chunks=there.kb.shown(there.kb.chunks(id, asker=visit.asker)))
        return shown_shape(document)

    return JSONResponse(visit.as_told(await visit.run("look", shown)))


@router.get("/bases/{base}/passages/{chunk}", responses={200: {"model": replies.ShownPassage}})
async def show_passage(
    base: BaseName,
    chunk: ChunkId,
    visit: Visiting,
    around: Annotated[int, Query(ge=0, le=20, description="passages before and after it")] = 0,
) -> JSONResponse:
    """One passage, and what stands before and after it."""
    visit.facts.action = "passages.show"
    there = visit.base(base, "read")
    visit.facts.passages = (chunk,)

    document, found, beside = await visit.run("look", passage_of, visit, there.kb, chunk, around)
    return JSONResponse(visit.as_told(shown_shape(document, chunk=found, around=beside)))


@router.patch("/bases/{base}/documents/{id}", responses={200: {"model": replies.Shown}})
async def label_document(base: BaseName, id: DocumentId, request: Labels, visit: Visiting) -> JSONResponse:
    """Gives and takes labels, in force from the next request on."""
    document = await labelled(visit, base, id, add=request.add, remove=request.remove)
    return JSONResponse(visit.as_told(shown_shape(document)))


@router.delete("/bases/{base}/documents/{id}", responses={200: {"model": replies.Removed}})
async def remove_document(
    base: BaseName,
    id: DocumentId,
    visit: Visiting,
    purge: Annotated[bool, Query(description="also answers in conversations for which it was read")] = False,
) -> JSONResponse:
    """Takes a document out, with everything made from it; the reply is the receipt.

    Of what is inside its file, only what the caller may see goes with it. How many answers and judgements of others
    were about it only administrators are told.
    """
    return JSONResponse(await removed(visit, base, [id], purge=purge))
