"""Documents from outside: files that are sent, pages of the web. What is taken in is added by a job."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field, ValidationError

from qianxun.errors import Forbidden, InputError, QianxunError
from qianxun.records import check_labels, parted
from qianxun.service import own_files, problems, replies
from qianxun.service.bases import Base
from qianxun.service.jobs import uploads
from qianxun.service.jobs.receiving import Received, receive, refused
from qianxun.service.jobs.told import job_as_told
from qianxun.service.jobs.uploads import Upload
from qianxun.service.routes.conversations import Token
from qianxun.service.routes.files import file_response
from qianxun.service.routes.given import BaseName, DocumentId, Label, Request, Visiting
from qianxun.service.routes.labelling import may_label
from qianxun.service.visit import Visit
from qianxun.shapes import documents_shape
from qianxun.storage.jobs import MAX_KEY_CHARS, Job, new_token

router = APIRouter(tags=["documents"])

KEY: Final = Header(
    alias="Idempotency-Key",
    description="The same key again is the same job: what was sent twice is added once. With another request: 422.",
    pattern=r"^[\x21-\x7e]*$",
    max_length=MAX_KEY_CHARS,
)
Key = Annotated[str, KEY]
_YES_AND_NO: Final = {"false": False, "true": True}
MULTIPART: Final = "multipart/form-data"
UNSUPPORTED: Final[dict[str, Any]] = {
    "description": problems.TITLES[415],
    "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class Addresses(Request):
    """Pages of the web to add. `labels`: who may see them; without any, those of the key."""

    addresses: list[Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*\S[^\x00]*$")]] = Field(
        min_length=1, max_length=1000, description="https://…, http://…; site+https://… and sitemap+https://… for more"
    )
    labels: list[Label] = Field(default_factory=list, max_length=100)
    retry: bool = Field(False, description="read again what failed before")


class Files(Request):
    """Files to add, as `multipart/form-data`."""

    files: list[bytes] = Field(min_length=1, json_schema_extra={"items": {"type": "string", "format": "binary"}})
    folder: str = Field("", description="what their names begin with: 人事/制度")
    labels: list[str] = Field(default_factory=list, description="who may see them; may be sent several times")
    modified: list[str] = Field(
        default_factory=list,
        description="when each file was last changed, in their order (2025-03-01T08:00:00Z, `-`: not known), separated "
        "by commas; may be sent several times; without: now",
    )
    retry: bool = Field(False, description="read again what failed before")


class OwnFiles(Request):
    """Files of a conversation, as `multipart/form-data`."""

    files: list[bytes] = Field(min_length=1, json_schema_extra={"items": {"type": "string", "format": "binary"}})


def _bodies(**kinds: type[Request]) -> dict[str, Any]:
    media = {"files": MULTIPART, "addresses": "application/json"}
    content = {media[kind]: {"schema": model.model_json_schema()} for kind, model in kinds.items()}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/bases/{base}/documents",
    status_code=202,
    responses={202: {"model": replies.Job}, 415: UNSUPPORTED},
    openapi_extra=_bodies(files=Files, addresses=Addresses),
)
async def add_documents(base: BaseName, request: HttpRequest, visit: Visiting, key: Key = "") -> JSONResponse:
    """Adds files that are sent, or pages of the web; the reply is the job that does it.

    What a caller adds whose labels are limited lies in a folder of its own, named after the key.
    """
    visit.facts.action = "documents.add"
    there = visit.base(base, "write")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        job = await addresses_added(visit, there, await request.body(), key=key)
    else:
        job = await files_added(visit, there, request, key=key)
    return accepted(visit, job)


async def addresses_added(visit: Visit, there: Base, body: bytes, *, key: str = "") -> Job:
    """The job that adds pages of the web: the `Addresses` of a JSON document. Raises InputError, Forbidden."""
    given = _parsed(body)
    arguments = _addresses(visit, given)
    return await _submitted(visit, there.name, arguments, key=key, fingerprint=_fingerprint(given.model_dump()))


async def files_added(visit: Visit, there: Base, request: HttpRequest, *, key: str = "") -> Job:
    """The job that adds the files of a form. Raises UploadRefused, InputError, Forbidden."""
    token = new_token()
    with _forgotten_on_failure(visit, token):
        received = await _received(visit, there, request, token)
        arguments = _files(visit, received)
        folder = uploads.folder_of(visit.service.home, token)
        dates = [date for name, value in received.fields if name == "modified" for date in parted(value)]
        await asyncio.to_thread(uploads.date_files, [folder / one.file for one in received.files], dates)
    sent = {"files": [(one.name, one.digest) for one in received.files], "fields": sorted(received.fields)}
    return await _submitted(visit, there.name, arguments, key=key, token=token, fingerprint=_fingerprint(sent))


@router.post(
    "/bases/{base}/conversations/{token}/files",
    status_code=202,
    responses={202: {"model": replies.Job}, 415: UNSUPPORTED},
    openapi_extra=_bodies(files=OwnFiles),
    tags=["conversations"],
)
async def add_own_files(base: BaseName, token: Token, request: HttpRequest, visit: Visiting) -> JSONResponse:
    """Files for one conversation: only its owner sees them, only in it; they go with it, or some days later."""
    there = await _conversation(visit, base, token, "conversations.files.add")
    job = new_token()
    with _forgotten_on_failure(visit, job):
        sent = await _received(visit, there, request, job)
        if sent.fields:
            raise _unknown_field(sent.fields[0][0])
        names = uploads.sources_of(map(uploads.safe_name, (one.name for one in sent.files)), folder="", caller=None)
        arguments = {
            "files": [
                Upload(one.file, own_files.folder_of(token) + name, one.bytes).as_json()
                for one, name in zip(sent.files, names, strict=True)
            ],
            "labels": [own_files.label_of(token)],
            "conversation": token,
        }
    return accepted(visit, await _submitted(visit, base, arguments, token=job))


@router.get(
    "/bases/{base}/conversations/{token}/files",
    responses={200: {"model": replies.OwnFiles}},
    tags=["conversations"],
)
async def list_own_files(base: BaseName, token: Token, visit: Visiting) -> JSONResponse:
    """The files of a conversation."""
    there = await _conversation(visit, base, token, "conversations.files.list")
    return JSONResponse(visit.as_told(documents_shape(await visit.run("look", own_files.files_of, there.kb, token))))


@router.get(
    "/bases/{base}/documents/{id}/original",
    responses={
        200: {
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            "description": "The file, byte for byte.",
        }
    },
    response_class=StreamingResponse,
)
async def original(base: BaseName, id: DocumentId, visit: Visiting) -> StreamingResponse:
    """The file that a document was read from, if it is kept."""
    visit.facts.action = "documents.original"
    there = visit.base(base, "read")
    visit.facts.documents = (id,)

    def opened() -> Any:
        visit.may_see(there.kb.document(id, asker=visit.asker))
        return there.kb.original(id, asker=visit.asker)

    return file_response(await visit.run("look", opened))


async def _conversation(visit: Visit, base: str, token: str, action: str) -> Base:
    """The knowledge base of a conversation of the caller's. Raises NotFound, Forbidden."""
    visit.facts.action = action
    there = visit.base(base, "ask")
    if visit.caller.is_anonymous:
        raise Forbidden("Conversations are kept for who shows a key.", remedy="Send it as `Authorization: Bearer KEY`.")
    await visit.run("look", there.kb.conversations.get, token, owner=visit.caller.id)
    return there


@contextlib.contextmanager
def _forgotten_on_failure(visit: Visit, token: str) -> Iterator[None]:
    """The client went, or what it sent cannot be: nothing is kept of it."""
    try:
        yield
    except BaseException:
        uploads.forget(visit.service.home, token)
        raise


async def _received(visit: Visit, there: Base, request: HttpRequest, token: str) -> Received:
    folder = uploads.folder_of(visit.service.home, token)
    folder.mkdir(parents=True, mode=0o700)
    content_type = request.headers.get("content-type", "")
    most = there.kb.settings.reading.max_file_mb
    sent = await receive(request.stream(), content_type, folder, max_file_mb=most)
    if not sent.files:
        raise InputError("There is no file in the upload.", remedy="Send some as `curl -F files=@年假.pdf` does.")
    return sent


def _files(visit: Visit, sent: Received) -> dict[str, Any]:
    """What a job is asked for that adds files. Raises InputError, Forbidden."""
    given: dict[str, list[str]] = {"folder": [], "labels": [], "modified": [], "retry": []}
    for name, value in sent.fields:
        if name not in given:
            raise _unknown_field(name)
        given[name].append(value)
    labels = [label for text in given["labels"] for label in parted(text)]
    sources = uploads.sources_of(
        map(uploads.safe_name, (one.name for one in sent.files)),
        folder=uploads.safe_folder("".join(given["folder"][-1:])),
        caller=None if visit.caller.labels is None else visit.caller.id,
    )
    files = [Upload(one.file, source, one.bytes).as_json() for one, source in zip(sent.files, sources, strict=True)]
    retry = "".join(given["retry"][-1:]) if given["retry"] else "false"
    if retry not in _YES_AND_NO:
        raise InputError("{value!r} is neither true nor false.", remedy="Say retry=true.", value=retry[:80])
    return {"files": files, "labels": labels_for(visit, labels), "retry": _YES_AND_NO[retry]}


def _unknown_field(name: str) -> InputError:
    return InputError(
        "The upload has a field {name!r} that nothing is done with.",
        remedy="Fields are files, folder, labels, modified and retry.",
        name=name[:80],
    )


def _parsed(body: bytes) -> Addresses:
    try:
        return Addresses.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        wrong = InputError("{where}: {what}.", where=where, what=first["msg"].rstrip("."))
        raise refused(422, wrong) from error


def _addresses(visit: Visit, given: Addresses) -> dict[str, Any]:
    from qianxun.sources.registry import open_source

    addresses = [uploads.checked_address(one) for one in dict.fromkeys(given.addresses)]
    for one in addresses:
        open_source(one, visit.service.settings).close()  # raises InputError for what is no address
    below = "" if visit.caller.labels is None else uploads.caller_folder(visit.caller.id)
    labels = labels_for(visit, given.labels)
    return {"addresses": addresses, "labels": labels, "retry": given.retry, "below": below}


def labels_for(visit: Visit, given: list[str]) -> list[str] | None:
    """The labels of what a caller adds: those given, else all of its own; None: what the settings say.

    Raises Forbidden for labels that are not the caller's to give, InputError for what is none.
    """
    asked = sorted({label.strip() for label in given})
    check_labels(asked)
    if asked:
        may_label(visit.caller, (), add=asked, remove=())
        return asked
    return sorted(visit.caller.labels or ()) or None


def _fingerprint(sent: Any) -> str:
    """What a request says and holds, by which one that is sent again is told from another with the same key."""
    return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()


async def _submitted(
    visit: Visit, base: str, arguments: Any, *, key: str = "", token: str = "", fingerprint: str = ""
) -> Job:
    """The job. One that was asked for before is that one, and what was sent now is deleted."""
    try:
        job = await visit.run(
            "change",
            visit.service.jobs.submit,
            "add",
            base,
            owner=visit.caller.id,
            arguments=arguments,
            key=key,
            token=token,
            quota=visit.caller.limits.tokens_per_day,
            fingerprint=fingerprint,
        )
    except QianxunError:  # no less: of a client that went meanwhile, the job may be in the queue already
        if token:
            uploads.forget(visit.service.home, token)
        raise
    if token and job.token != token:
        uploads.forget(visit.service.home, token)
    return job


def note_job(visit: Visit, job: Job) -> None:
    """Notes what a job was made of, for the audit."""
    visit.facts.changes = True
    visit.facts.detail = {"job": job.token, "files": len(job.arguments.get("files", ()))}


def accepted(visit: Visit, job: Job) -> JSONResponse:
    """The reply to what a job was made of."""
    note_job(visit, job)
    return JSONResponse(job_as_told(job, visit), status_code=202, headers={"Location": f"/api/v1/jobs/{job.token}"})
