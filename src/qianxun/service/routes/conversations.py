"""Conversations: questions that lean on those before. Each is its owner's, and nobody else sees that there is one."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints
from starlette.responses import Response

from qianxun.answering.events import Done
from qianxun.answering.telling import Told
from qianxun.conversations import removed_meanwhile
from qianxun.errors import Forbidden
from qianxun.service import replies
from qianxun.service.bases import Base
from qianxun.service.heard import overheard
from qianxun.service.routes.asking import STREAMED, begun
from qianxun.service.routes.events import MEDIA_TYPE, event
from qianxun.service.routes.given import (
    Asked,
    BaseName,
    Document,
    JsonObject,
    Narrowed,
    Options,
    Request,
    Visiting,
    Words,
)
from qianxun.service.visit import Visit, readable_filter
from qianxun.shapes import answer_shape, conversation_shape, conversations_shape, told_shape, version
from qianxun.storage.conversations import MAX_SETTINGS_BYTES

router = APIRouter(tags=["conversations"])

Token = Annotated[str, Path(description="token of a conversation", pattern=r"^[0-9a-f]{32}$")]
TurnNumber = Annotated[int, Path(ge=1, lt=1 << 31)]
Title = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=200)]
Settings = Annotated[
    JsonObject,
    Field(
        description="what the client has set for the conversation, which means nothing to the service: "
        f"at most {MAX_SETTINGS_BYTES} bytes of JSON"
    ),
]


class Begin(Request):
    """A new conversation; without a title, its first question becomes it."""

    title: Title = ""
    profile: Title = ""
    settings: Settings = Field(default_factory=dict)


class Change(Request):
    """Another title, other settings, or both; what is left out stays."""

    title: Title | None = None
    settings: Settings | None = None


class AskOn(Narrowed):
    """The next question of a conversation."""

    question: Asked
    persona: Words | None = None
    attachments: list[Words] = Field(default_factory=list, max_length=20)
    documents: list[Document] = Field(default_factory=list, max_length=1000)
    deep: int = Field(0, ge=0, le=20)
    options: Options = Options()
    stream: bool = False


def _theirs(visit: Visit, base: str, action: str) -> Base:
    """The knowledge base; who shows no key has no conversations, or they would be everybody's."""
    visit.facts.action = f"conversations.{action}"
    there = visit.base(base, "ask")
    if visit.caller.is_anonymous:
        raise Forbidden("Conversations are kept for who shows a key.", remedy="Send it as `Authorization: Bearer KEY`.")
    return there


def _as_told(visit: Visit, shape: dict[str, Any]) -> dict[str, Any]:
    """A conversation as its owner may see it; what their client has set is theirs, whatever its names are."""
    return {**visit.as_told(shape), "settings": shape["settings"]}


@router.get("/bases/{base}/conversations", responses={200: {"model": replies.Talks}})
async def list_conversations(
    base: BaseName,
    visit: Visiting,
    after: Annotated[int, Query(ge=0, lt=1 << 31)] = 0,
    count: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JSONResponse:
    """The caller's conversations, newest change first."""
    there = _theirs(visit, base, "list")
    found = await visit.run("look", there.kb.conversations.list, owner=visit.caller.id, first=after, count=count)
    return JSONResponse(conversations_shape(found))


@router.post("/bases/{base}/conversations", status_code=201, responses={201: {"model": replies.WholeTalk}})
async def begin(base: BaseName, request: Begin, visit: Visiting) -> JSONResponse:
    """A new conversation."""
    there = _theirs(visit, base, "begin")
    visit.facts.changes = True

    def begun_one() -> dict[str, Any]:
        talks = there.kb.conversations
        token = talks.begin(
            owner=visit.caller.id, title=request.title, profile=request.profile, settings=request.settings
        )
        return conversation_shape(talks.get(token, owner=visit.caller.id, asker=visit.asker))

    return JSONResponse(_as_told(visit, await visit.run("change", begun_one)), status_code=201)


@router.get("/bases/{base}/conversations/{token}", responses={200: {"model": replies.WholeTalk}})
async def show(base: BaseName, token: Token, visit: Visiting) -> JSONResponse:
    """A conversation with its turns, as the caller may read them now."""
    there = _theirs(visit, base, "show")
    talk = await visit.run(
        "look",
        there.kb.conversations.get,
        token,
        owner=visit.caller.id,
        asker=visit.in_conversation(token),
    )
    return JSONResponse(_as_told(visit, conversation_shape(talk)))


@router.get(
    "/bases/{base}/conversations/{token}/export",
    responses={
        200: {
            "content": {"text/markdown": {"schema": {"type": "string"}}, "application/json": {}},
            "description": "The text.",
        }
    },
    response_class=Response,
)
async def export(
    base: BaseName, token: Token, visit: Visiting, format: Annotated[Literal["markdown", "json"], Query()] = "markdown"
) -> Response:
    """A conversation as Markdown, or as JSON, with what its answers cite."""
    there = _theirs(visit, base, "export")
    talks, asker = there.kb.conversations, visit.in_conversation(token)
    if format == "json":
        talk = await visit.run("look", talks.get, token, owner=visit.caller.id, asker=asker)
        return JSONResponse(_as_told(visit, conversation_shape(talk)))
    text = await visit.run("look", talks.export, token, owner=visit.caller.id, asker=asker)
    return Response(text, media_type="text/markdown")


@router.patch("/bases/{base}/conversations/{token}", responses={200: {"model": replies.WholeTalk}})
async def change(base: BaseName, token: Token, request: Change, visit: Visiting) -> JSONResponse:
    """Gives it another title, or keeps what its client has set for it, in place of what was set before."""
    there = _theirs(visit, base, "settings" if request.title is None else "rename")
    visit.facts.changes = True

    def changed() -> dict[str, Any]:
        talks = there.kb.conversations
        if request.settings is not None:
            talks.keep_settings(token, request.settings, owner=visit.caller.id)
        if request.title is not None:
            talks.rename(token, request.title, owner=visit.caller.id)
        return conversation_shape(talks.get(token, owner=visit.caller.id, asker=visit.in_conversation(token)))

    return JSONResponse(_as_told(visit, await visit.run("change", changed)))


@router.delete("/bases/{base}/conversations/{token}", responses={200: {"model": replies.Done}})
async def delete(base: BaseName, token: Token, visit: Visiting) -> JSONResponse:
    """Deletes it with all that was said and with its own files."""
    there = _theirs(visit, base, "delete")
    visit.facts.changes = True
    await visit.run("change", _deleted, there, token, visit.caller.id)
    return JSONResponse({"version": version()})


def _deleted(there: Base, token: str, owner: str) -> None:
    from qianxun.service.own_files import remove_all

    talks = there.kb.conversations
    talks.get(token, owner=owner)
    # The files first: a crash between must not leave them without their owner.
    remove_all(there.kb, token)
    talks.delete(token, owner=owner)


@router.post("/bases/{base}/conversations/{token}/ask", responses=STREAMED)
async def ask_on(base: BaseName, token: Token, request: AskOn, visit: Visiting) -> Response:
    """The answer to the next question. Who stops listening does not stop it: `events` of its turn goes on listening."""
    there = _theirs(visit, base, "ask")
    talks = there.kb.conversations
    await visit.run("look", _readable, visit, there, token, request.documents)
    events = talks.stream(
        token,
        request.question,
        asker=visit.in_conversation(token),
        where=visit.where(readable_filter(request.filter), conversation=token),
        owner=visit.caller.id,
        persona=request.persona,
        attachments=request.attachments,
        documents=request.documents,
        deep=request.deep,
        options=request.options.noted(visit),
    )
    following = overheard(visit, there.kb, events)
    if request.stream:
        return await begun(visit, _told(visit, following))
    answer = None
    async with aclosing(following) as told:
        async for one in told:
            answer = one.event.answer if isinstance(one.event, Done) else None
    if answer is None:
        raise removed_meanwhile()
    return JSONResponse(visit.as_told(answer_shape(answer)))


def _readable(visit: Visit, there: Base, token: str, documents: Sequence[int]) -> None:
    """Raises NotFound unless the conversation is the caller's, and the documents are there for them in it."""
    there.kb.conversations.get(token, owner=visit.caller.id, asker=visit.in_conversation(token))
    visit.must_see(there, documents, conversation=token)


@router.get(
    "/bases/{base}/conversations/{token}/turns/{turn}/events",
    responses={200: {"content": {MEDIA_TYPE: {}}, "description": "The events."}},
)
async def events_of_turn(
    base: BaseName, token: Token, turn: TurnNumber, visit: Visiting, after: Annotated[int, Query(ge=0, lt=1 << 31)] = 0
) -> Response:
    """What a turn said after a place, then what comes until it ends. `place` of the last event seen is `after`."""
    there = _theirs(visit, base, "events")
    told = there.kb.conversations.resume(
        token, turn, after=after, asker=visit.in_conversation(token), owner=visit.caller.id
    )
    return await begun(visit, _told(visit, _listened(visit, told)))


@router.post("/bases/{base}/conversations/{token}/turns/{turn}/stop", responses={200: {"model": replies.Done}})
async def stop(base: BaseName, token: Token, turn: TurnNumber, visit: Visiting) -> JSONResponse:
    """Stops a running answer: what was said until then is the answer."""
    there = _theirs(visit, base, "stop")
    await visit.run("look", there.kb.conversations.cancel, token, turn, owner=visit.caller.id)
    return JSONResponse({"version": version()})


async def _listened(visit: Visit, events: Any) -> AsyncGenerator[Told, None]:
    """Events of an answer that is another request's, which counts it."""
    async with visit.stream_place(), aclosing(events) as told:
        async for one in told:
            if isinstance(one.event, Done):
                visit.facts.passages = tuple(passage.chunk for passage in one.event.answer.passages)
            yield one


async def _told(visit: Visit, events: AsyncGenerator[Told, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events) as told:
        async for one in told:
            yield event(visit.as_told(told_shape(one)), id=str(one.place))
