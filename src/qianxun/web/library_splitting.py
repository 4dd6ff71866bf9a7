"""How a text or file would be cut into chunks, as the settings say and in another way beside it. Nothing is kept."""

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response
from starlette.datastructures import UploadFile
from starlette.requests import Request

from qianxun.errors import InputError, NotFound
from qianxun.ingestion import Preview
from qianxun.reasons import reason_of_the_file
from qianxun.records import Document
from qianxun.service.bases import Base
from qianxun.service.jobs.uploads import safe_name
from qianxun.service.routes.given import BaseName
from qianxun.service.visit import Visit, visit_of
from qianxun.settings import SplittingSettings
from qianxun.web import library_words
from qianxun.web.chunked import LaidChunk, laid_chunks
from qianxun.web.forms import LargeFields
from qianxun.web.site import page, query_of

router = APIRouter(prefix="/library", route_class=LargeFields)

STRATEGIES: Final = ("structure", "paragraphs", "sentences", "fixed")
# Each way shows so many of its chunks; the figures are of all.
_SHOWN: Final = 60
_MAX_TEXT_CHARS: Final = 400_000
# What of the form is in the address of what it shows.
_CHOICES: Final = ("beside", "max_tokens", "overlap_sentences", "overlap_tokens")
_ENDINGS: Final = {"text": ".txt", "markdown": ".md"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One way of cutting, as it is shown."""

    splitting: SplittingSettings
    chunks: list[LaidChunk]
    n: int
    mean: int
    least: int
    most: int


@router.get("/{base}/split")
async def split_page(
    request: Request,
    base: BaseName,
    document: Annotated[int, Query(ge=0, lt=1 << 38)] = 0,
    beside: Annotated[str, Query(max_length=20)] = "",
    max_tokens: Annotated[int, Query(ge=0, le=8192)] = 0,
    overlap_sentences: Annotated[int, Query(ge=0, le=5)] = 0,
    overlap_tokens: Annotated[int, Query(ge=0, le=1024)] = 0,
) -> Response:
    """The form; with `document` about one that is there, with a way of cutting beside it as the form would show it."""
    visit = visit_of(request)
    visit.facts.action = "splitting.ask"
    there = visit.base(base, "write")
    if document:
        visit.facts.documents = (document,)
    chosen = await visit.run("look", _seen, visit, there, document) if document else None
    in_force = there.kb.settings.splitting
    asked = {
        "beside": beside if beside in STRATEGIES else _other(in_force),
        "max_tokens": max(32, max_tokens or in_force.max_tokens),
        "overlap_sentences": overlap_sentences,
        "overlap_tokens": overlap_tokens,
    }
    if chosen is not None and beside:
        return await _cut(request, visit, there, chosen, None, asked)
    return _page(request, visit, there, chosen, asked)


@router.post("/{base}/split")
async def split(
    request: Request,
    base: BaseName,
    text: Annotated[str, Form()] = "",
    kind: Annotated[str, Form(max_length=20)] = "text",
    document: Annotated[int, Form(ge=0, lt=1 << 38)] = 0,
    beside: Annotated[str, Form(max_length=20)] = "paragraphs",
    max_tokens: Annotated[int, Form(ge=32, le=8192)] = 300,
    overlap_sentences: Annotated[int, Form(ge=0, le=5)] = 0,
    overlap_tokens: Annotated[int, Form(ge=0, le=1024)] = 0,
) -> Response:
    """Cuts a text, a file or a document in two ways."""
    visit = visit_of(request)
    visit.facts.action = "splitting.preview"
    there = visit.base(base, "write")
    if document:
        visit.facts.documents = (document,)
    if beside not in STRATEGIES or kind not in _ENDINGS:
        raise InputError("There is no way of cutting called {name!r}.", remedy="Choose one on the page.", name=beside)
    file = (await request.form()).get("file")
    chosen = await visit.run("look", _seen, visit, there, document) if document else None
    sent = file if isinstance(file, UploadFile) and file.filename else None
    if sent is None and chosen is None and not text.strip():
        raise InputError("There is nothing to cut.", remedy="Paste a text, or choose a file.")
    asked = {
        "text": text,
        "kind": kind,
        "beside": beside,
        "max_tokens": max_tokens,
        "overlap_sentences": overlap_sentences,
        "overlap_tokens": overlap_tokens,
    }
    # A browser sends each end of a line as two characters, which it counts as one.
    n_chars = len(text.replace("\r\n", "\n"))
    if sent is None and chosen is None and n_chars > _MAX_TEXT_CHARS:
        return _page(request, visit, there, chosen, asked, n_chars=n_chars, status=413)
    return await _cut(request, visit, there, chosen, sent, asked)


async def _cut(
    request: Request, visit: Visit, there: Base, chosen: Document | None, sent: UploadFile | None, asked: dict[str, Any]
) -> Response:
    """The page with a file that was sent, a document or a text, cut in two ways."""
    in_force = there.kb.settings.splitting
    chosen_way = {"strategy" if name == "beside" else name: asked[name] for name in _CHOICES}
    other = dataclasses.replace(in_force, **chosen_way)
    text, kind = asked.get("text", ""), asked.get("kind", "text")

    def cut() -> tuple[str, list[Preview], list[Shown]]:
        with tempfile.TemporaryDirectory(prefix="qianxun-") as folder:
            path, name = Path(folder) / "file", f"text{_ENDINGS[kind]}"
            if sent is not None:
                name = safe_name(str(sent.filename))
                with path.open("wb") as target:
                    shutil.copyfileobj(sent.file, target)
            elif chosen is not None:
                name = _fetched(visit, there, chosen, path)
            else:
                path.write_text(text, encoding="utf-8", errors="replace")
            found = [there.kb.preview(path, name=name, splitting=one) for one in (in_force, other)]
            return name, found, [_shown(there, one) for one in found]

    name, previews, shown = await visit.run("previews", cut)
    return _page(
        request,
        visit,
        there,
        chosen,
        asked,
        shown=shown,
        name="" if sent is None and chosen is None else name,
        is_whole=all(one.is_whole for one in previews),
        reason_of=lambda: next((reason_of_the_file(name, one.reason) for one in previews if one.reason), ""),
    )


def _page(
    request: Request, visit: Visit, there: Base, chosen: Document | None, asked: dict[str, Any], **more: Any
) -> Response:
    choices = {"document": chosen.id if chosen is not None else 0, **{name: asked.get(name) for name in _CHOICES}}
    given = {"shown": [], "name": "", "is_whole": True, "reason_of": str, "most": _SHOWN, "n_chars": 0, **more}
    return page(
        request,
        visit,
        "library_split.html",
        # A text is in no address, but what was chosen for it is.
        address=f"{request.url.path}?{query_of({name: value or None for name, value in choices.items()})}",
        base=there.name,
        document=chosen,
        asked={"text": "", "kind": "text", "overlap_sentences": 0, "overlap_tokens": 0, **asked},
        in_force=there.kb.settings.splitting,
        strategies=STRATEGIES,
        words=library_words,
        most_chars=_MAX_TEXT_CHARS,
        most_mb=visit.service.settings.service.max_body_mb,
        **given,
    )


def _seen(visit: Visit, there: Base, id: int) -> Document:
    return visit.may_see(there.kb.document(id, asker=visit.asker))


def _fetched(visit: Visit, there: Base, document: Document, path: Path) -> str:
    """Puts a document's file at `path`, or its text where the file is not kept; returns the name to read it by."""
    try:
        original = there.kb.original(document.id, asker=visit.asker)
    except NotFound:
        path.write_text(there.kb.text(document.id, asker=visit.asker), encoding="utf-8", errors="replace")
        return f"{PurePosixPath(document.source).stem or 'text'}.txt"
    with original.stream, path.open("wb") as target:
        shutil.copyfileobj(original.stream, target)
    return original.name


def _shown(there: Base, preview: Preview) -> Shown:
    passages = there.kb.shown(preview.passages[:_SHOWN])
    sizes = [round(one) for one in preview.tokens]
    # Of passages that word lists leave out the tokens go with them.
    of_rank = {passage.rank: size for passage, size in zip(preview.passages, preview.tokens, strict=True)}
    return Shown(
        preview.splitting,
        list(laid_chunks(passages, there.kb.shown_text(preview.text), tokens_of=[of_rank[p.rank] for p in passages])),
        len(sizes),
        round(sum(sizes) / len(sizes)) if sizes else 0,
        min(sizes, default=0),
        max(sizes, default=0),
    )


def _other(splitting: SplittingSettings) -> str:
    """What is worth seeing beside the strategy in force."""
    return "paragraphs" if splitting.strategy == "structure" else "structure"
