"""What people make known of passages: clicks, thumbs, accepted citations."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from qianxun.errors import NotFound
from qianxun.records import document_of
from qianxun.service import replies
from qianxun.service.routes.given import Asked, BaseName, Chunk, Request, Visiting
from qianxun.service.visit import no_chunk
from qianxun.shapes import version
from qianxun.storage.feedback import MAX_COMMENT_CHARS

router = APIRouter(tags=["feedback"])


Comment = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=MAX_COMMENT_CHARS)]


class Judgement(Request):
    """A judgement of passages for a question. `above`: those that stood above one that was clicked; null: not known."""

    kind: Literal["click", "up", "down", "accepted"]
    question: Asked
    chunks: list[Chunk] = Field(min_length=1, max_length=1000)
    above: list[Chunk] | None = Field(None, max_length=1000)
    comment: Comment = ""


@router.post("/bases/{base}/feedback", status_code=201, responses={201: {"model": replies.Kept}})
async def record(base: BaseName, request: Judgement, visit: Visiting) -> JSONResponse:
    """Keeps it; the token of the reply takes it back."""
    visit.facts.action = "feedback"
    there = visit.base(base, "feedback")
    visit.facts.passages, visit.facts.changes = tuple(request.chunks), True

    def recorded() -> str:
        for chunk in dict.fromkeys([*request.chunks, *(request.above or ())]):
            try:
                visit.must_see(there, [document_of(chunk)])
            except NotFound:
                raise no_chunk(chunk) from None
        return there.kb.feedback.record(
            request.kind,
            request.question,
            request.chunks,
            above=request.above,
            person=visit.caller.id,
            comment=request.comment,
            asker=visit.asker,
        )

    token = await visit.run("change", recorded)
    return JSONResponse({"token": token, "version": version()}, status_code=201)


@router.delete("/bases/{base}/feedback/{token}", responses={200: {"model": replies.Done}})
async def undo(
    base: BaseName, token: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")], visit: Visiting
) -> JSONResponse:
    """Takes a judgement back."""
    visit.facts.action = "feedback.undo"
    there = visit.base(base, "feedback")
    visit.facts.changes = True
    await visit.run("change", there.kb.feedback.undo, token)
    return JSONResponse({"version": version()})
