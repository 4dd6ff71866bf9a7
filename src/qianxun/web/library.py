"""The library: knowledge bases, their documents as a table, adding to them, their sources, upkeep.

Single documents are in `library_documents`, jobs in `library_jobs`, previews of splitting in `library_splitting`. What
changes something is done by the same functions as behind the API.
"""

import json
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Query
from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request

from qianxun.documents.registry import known_suffixes
from qianxun.errors import InputError, NotFound
from qianxun.filters import And, AnyLabel, Contains, Filter, Or
from qianxun.ingestion import DuplicateGroup
from qianxun.reasons import reason_of_the_file
from qianxun.records import Document, Status, parted
from qianxun.service.routes.given import BaseName
from qianxun.service.routes.jobs import Maintenance, is_anothers, maintained, owner_of
from qianxun.service.routes.uploads import addresses_added, files_added, note_job
from qianxun.service.visit import Visit, visit_of
from qianxun.storage.jobs import Job
from qianxun.storage.sources import FileNote, RootNote
from qianxun.storage.store import Kinds
from qianxun.web import library_words
from qianxun.web.asked import name_of_format, names_of_formats, of_format
from qianxun.web.forms import LargeFields
from qianxun.web.site import page

router = APIRouter(prefix="/library", route_class=LargeFields)

PAGE: Final = 50
# All texts are read to find duplicates: of more documents than these that is nothing to wait for in a browser.
MOST_COMPARED: Final = 5_000
STATES: Final = {status.name.lower(): status for status in Status}
_OPEN_JOBS: Final = ("queued", "running")
_MOST_FILES: Final = 500
Field = Annotated[str, Query(max_length=1000)]
First = Annotated[int, Query(ge=0, lt=1 << 40)]


def address_of(base: str, rest: str = "") -> str:
    """The path of a page about a knowledge base."""
    return f"/library/{quote(base, safe='')}{rest}"


# -- knowledge bases -------------------------------------------------------------------------------------


@router.get("")
async def bases_page(request: Request) -> Response:
    """The knowledge bases that the caller may use."""
    visit = visit_of(request)
    visit.facts.action = "bases.list"
    visit.must("read")

    def counted() -> list[tuple[str, int]]:
        return [(name, _count(visit, name)) for name in visit.bases()]

    bases = await visit.run("look", counted)
    visit.facts.base = ""  # about none of them more than the others
    return page(request, visit, "library.html", bases=bases, may_make=visit.caller.is_admin)


def _count(visit: Visit, name: str) -> int:
    there = visit.base(name, "read")
    return there.kb.listed(asker=visit.asker, where=visit.where(), count=0)[1]


@router.post("")
async def make_base(request: Request, name: Annotated[str, Form(max_length=63)] = "") -> Response:
    """Makes a knowledge base."""
    visit = visit_of(request)
    visit.facts.action = "bases.create"
    visit.must("admin")
    visit.facts.base, visit.facts.changes = name.strip(), True
    there = await visit.run("change", visit.service.bases.create, name.strip())
    return RedirectResponse(address_of(there.name), 303)


# -- documents -------------------------------------------------------------------------------------------


@router.get("/{base}")
async def base_page(
    request: Request,
    base: BaseName,
    q: Field = "",
    label: Field = "",
    format: Field = "",
    state: Field = "",
    after: First = 0,
) -> Response:
    """The documents of a knowledge base, a page at a time."""
    visit = visit_of(request)
    visit.facts.action = "documents.list"
    there = visit.base(base, "read")
    asked = {"q": q.strip(), "label": label.strip(), "format": name_of_format(format.strip()), "state": state}
    where = visit.where(_filter(asked["q"], asked["label"], asked["format"]))

    def found() -> tuple[list[Document], int, Kinds, list[Job], set[int]]:
        documents, n = there.kb.listed(asker=visit.asker, where=where, state=STATES.get(state), first=after, count=PAGE)
        kinds = there.kb.kinds(asker=visit.asker, where=visit.where())
        jobs = visit.service.jobs.all(owner_of(visit), states=_OPEN_JOBS, base=base)
        unindexed = there.kb.not_yet_indexed([one.id for one in documents])
        return documents, n, kinds, [one for one in jobs if not is_anothers(visit, one)], unindexed

    documents, n, kinds, jobs, unindexed = await visit.run("look", found)
    return page(
        request,
        visit,
        "library_base.html",
        base=base,
        asked=asked,
        documents=documents,
        labels_of=lambda document: labels_of(visit, document),
        reason_of=lambda document: reason_of_the_file(document.source, document.reason),
        unindexed=unindexed,
        n=n,
        first=after,
        previous=max(0, after - PAGE) if after else None,
        following=after + PAGE if after + PAGE < n else None,
        known=kinds,
        formats=names_of_formats(kinds.formats),
        states=STATES,
        jobs=jobs,
        words=library_words,
        may_write=visit.caller.may("write"),
        may_admin=visit.caller.is_admin,
    )


def _filter(text: str, label: str, format: str) -> Filter | None:
    """The filter that the fields of the page mean; `text` is in the title or the source."""
    parts: list[Filter] = []
    if text:
        parts.append(Or((Contains("title", text), Contains("source", text))))
    if label:
        parts.append(AnyLabel(frozenset((label,))))
    if format:
        parts.append(of_format(format))
    return And(tuple(parts)) if parts else None


def labels_of(visit: Visit, document: Document) -> list[str]:
    """The labels of a document as the caller may know them."""
    told: list[str] = visit.as_told({"labels": list(document.labels)})["labels"]
    return told


# -- adding ----------------------------------------------------------------------------------------------


@router.get("/{base}/add")
async def add_page(request: Request, base: BaseName) -> Response:
    """The form to add files."""
    visit = visit_of(request)
    visit.facts.action = "documents.add"
    there = visit.base(base, "write")
    own = visit.caller.labels
    return page(
        request,
        visit,
        "library_add.html",
        base=base,
        own_labels=None if own is None else sorted(own),
        usual_labels=there.kb.settings.access.default_labels,
        max_file_mb=there.kb.settings.reading.max_file_mb,
        kinds=known_suffixes(),
    )


@router.post("/{base}/documents")
async def add_files(request: Request, base: BaseName) -> Response:
    """Takes files in and leads to the page of the job that adds them."""
    visit = visit_of(request)
    visit.facts.action = "documents.add"
    there = visit.base(base, "write")
    job = await files_added(visit, there, request)
    note_job(visit, job)
    return RedirectResponse(address_of(base, f"/jobs/{job.token}"), 303)


@router.post("/{base}/addresses")
async def add_addresses(
    request: Request,
    base: BaseName,
    addresses: Annotated[str, Form(max_length=1_000_000)] = "",
    labels: Annotated[str, Form(max_length=10_000)] = "",
) -> Response:
    """Adds pages of the web, one address a line, and leads to the page of the job."""
    visit = visit_of(request)
    visit.facts.action = "documents.add"
    there = visit.base(base, "write")
    asked = {
        "addresses": [line.strip() for line in addresses.splitlines() if line.strip()],
        "labels": parted(labels),
    }
    if not asked["addresses"]:
        raise InputError("No address was given.", remedy="Write one a line, such as https://intranet/handbook.")
    job = await addresses_added(visit, there, json.dumps(asked).encode())
    note_job(visit, job)
    return RedirectResponse(address_of(base, f"/jobs/{job.token}"), 303)


# -- for administrators ----------------------------------------------------------------------------------


@router.get("/{base}/sources")
async def sources_page(request: Request, base: BaseName, of: Annotated[str, Query(max_length=4096)] = "") -> Response:
    """The folders and addresses that documents were added from, and what became of the files of one."""
    visit = visit_of(request)
    visit.facts.action = "sources.list"
    there = visit.base(base, "admin")

    def found() -> tuple[list[RootNote], list[FileNote]]:
        roots = there.kb.sources()
        return roots, there.kb.source_files(of) if any(one.address == of for one in roots) else []

    roots, files = await visit.run("look", found)
    if of and not any(one.address == of for one in roots):
        raise NotFound("{root} was never added.", remedy="`qianxun sources` lists what was.", root=of)
    # What went well is no news.
    files.sort(key=lambda one: (one.state not in ("failed", "needs attention", "empty"), one.source))
    return page(
        request,
        visit,
        "library_sources.html",
        base=base,
        roots=roots,
        of=of,
        files=files[:_MOST_FILES],
        n_files=len(files),
        reason_of=lambda note: reason_of_the_file(note.source, note.reason),
        words=library_words,
    )


@router.post("/{base}/sources/forget")
async def forget_source(request: Request, base: BaseName, of: Annotated[str, Form(max_length=4096)] = "") -> Response:
    """Takes a folder or an address off the list: it is looked at no more. Its documents stay."""
    visit = visit_of(request)
    visit.facts.action = "sources.forget"
    there = visit.base(base, "admin")
    visit.facts.changes = True
    await visit.run("change", there.kb.forget_source, of)
    return RedirectResponse(address_of(base, "/sources"), 303)


@router.post("/{base}/upkeep")
async def upkeep(
    request: Request,
    base: BaseName,
    job: Annotated[str, Form(max_length=20)] = "",
    enrich: Annotated[str, Form(max_length=10)] = "",
    retry: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Begins a job that looks after a knowledge base, and leads to its page."""
    visit = visit_of(request)
    visit.base(base, "admin")
    if job not in ("check", "compact", "rebuild", "sync", "reindex"):
        raise InputError("There is no such job.", remedy="Choose one of those on the page.")
    wanted = Maintenance(job=job, retry=retry == "true", enrich={"true": True, "false": False}.get(enrich))  # type: ignore[arg-type]
    found = await maintained(visit, base, wanted)
    note_job(visit, found)
    return RedirectResponse(address_of(base, f"/jobs/{found.token}"), 303)


# -- duplicates ------------------------------------------------------------------------------------------


@router.get("/{base}/duplicates")
async def duplicates_page(
    request: Request, base: BaseName, least: Annotated[int, Query(ge=10, le=100)] = 80
) -> Response:
    """Documents that share most of their text; `least` is how much of it, in hundredths."""
    visit = visit_of(request)
    visit.facts.action = "duplicates"
    there = visit.base(base, "read")
    where = visit.where()
    n = await visit.run("look", there.kb.count, asker=visit.asker, where=where)
    groups: list[DuplicateGroup] = []
    if n <= MOST_COMPARED:
        groups = await visit.run("previews", there.kb.duplicates, asker=visit.asker, where=where, least=least / 100)
    return page(
        request,
        visit,
        "library_duplicates.html",
        base=base,
        least=least,
        groups=sorted(groups, key=lambda one: -one.likeness),
        n=n,
        most=MOST_COMPARED,
        labels_of=lambda document: labels_of(visit, document),
        may_write=visit.caller.may("write"),
        words=library_words,
    )
