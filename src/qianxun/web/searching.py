"""The search page: a question, what narrows it, passages with what matched in them, and why each was found."""

import contextlib
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from markupsafe import Markup
from starlette.requests import Request

from qianxun.errors import InputError, NotFound
from qianxun.filters import Filter
from qianxun.knowledge_base import KnowledgeBase
from qianxun.marking import excerpt, highlights
from qianxun.parts import left_out_in_words, no_rank_in_words, stage_in_words
from qianxun.records import MAX_CHUNKS_PER_DOCUMENT, Asker, Passage, SearchResult
from qianxun.service import problems
from qianxun.service.visit import Visit, visit_of
from qianxun.settings import engine_of
from qianxun.shapes import total_seconds
from qianxun.storage.store import Kinds
from qianxun.text import language_of, script
from qianxun.web.asked import MODES, Asked, Field, name_of_format, names_of_formats
from qianxun.web.laid_out import heads_above, laid_out
from qianxun.web.site import page

router = APIRouter()

_K = 10
_MOST = 100
# Of a passage so much is shown that ten of them can be looked through.
_EXCERPT_CHARS = 360


@dataclass(frozen=True, slots=True)
class Room:
    """What is searched: the labels and formats that it has, whether it answers, and whether a model does."""

    known: Kinds
    answers: bool = False
    by_a_model: bool = False


@router.get("/")
async def search_page(
    request: Request,
    q: Annotated[str, Query(max_length=20_000)] = "",
    base: Annotated[str, Query(max_length=64)] = "",
    source: Field = "",
    label: Field = "",
    format: Field = "",
    after: Field = "",
    before: Field = "",
    mode: Field = "",
    k: Annotated[int, Query(ge=1)] = _K,
) -> Response:
    """The page, with what was found where something is asked. What is wrong with the question is said in it."""
    visit = visit_of(request)
    visit.facts.action = "search"
    k = min(k, _MOST)
    names = visit.bases()
    chosen = base or visit.service.settings.kb
    chosen = chosen if base or chosen in names or not names else names[0]
    kind = name_of_format(format.strip())
    asked = Asked(q.strip(), source.strip(), label.strip(), kind, after.strip(), before.strip(), mode)
    found: SearchResult | None = None
    room = Room(Kinds((), ()))
    wrong: InputError | None = None
    status, within = 200, frozenset[int]()
    try:
        if names or base:
            room = await _room(visit, chosen)
            where = asked.filter()
            if asked.q:
                found = await _found(visit, chosen, asked, where, k)
                kb = visit.base(chosen, "search").kb
                within = await visit.run("look", _within_tables, kb, found.passages, visit.asker)
    except InputError as error:
        status, wrong = problems.status_of(error), error
    return page(
        request,
        visit,
        "search.html",
        status=status,
        base=chosen,
        bases=names,
        asked=asked,
        k=k,
        found=found,
        wrong=wrong,
        seconds=total_seconds(found.seconds) if found is not None else 0.0,
        marked=partial(marked, within=within),
        foreign=foreign,
        stage_in_words=stage_in_words,
        no_rank_in_words=no_rank_in_words,
        left_out_in_words=left_out_in_words,
        labels_of=lambda passage: visit.as_told({"labels": list(passage.labels)})["labels"],
        more=min(_MOST, k * 2) if found is not None and len(found.passages) == k < _MOST else None,
        room=room,
        formats=names_of_formats(room.known.formats),
    )


async def _room(visit: Visit, name: str) -> Room:
    there = visit.base(name, "search")
    known = await visit.run("look", there.kb.kinds, asker=visit.asker, where=visit.where())
    return Room(known, visit.caller.may("ask"), engine_of(there.kb.settings.generator) != "none")


async def _found(visit: Visit, name: str, asked: Asked, where: Filter | None, k: int) -> SearchResult:
    there = visit.base(name, "search")
    found = await visit.run(
        "search",
        there.kb.search,
        asked.q,
        k=k,
        mode=asked.mode if asked.mode in MODES else None,
        asker=visit.asker,
        where=visit.where(where),
        explain=True,
    )
    visit.found(found)
    return visit.told(found)


def _within_tables(kb: KnowledgeBase, passages: Sequence[Passage], asker: Asker) -> frozenset[int]:
    """The chunks of those passages that begin in the midst of a table whose heads they are not kept with.

    The rows of a table are lines; an empty line, or a heading, is before its first.
    """
    found: set[int] = set()
    for passage in passages:
        first, above = passage.text.partition("\n")[0], passage.context.rpartition("\n")[2]
        if "|" not in first or "|" in above or not passage.chunk % MAX_CHUNKS_PER_DOCUMENT:
            continue
        with contextlib.suppress(NotFound):  # removed meanwhile
            before = kb.neighbours(passage.chunk, before=1 + kb.settings.search.neighbours, after=0, asker=asker)
            ends = [one.span.end for one in before if one.span.end <= passage.span.start]
            if ends and passage.span.start - max(ends) <= 1:
                found.add(passage.chunk)
    return frozenset(found)


def marked(passage: Passage, within: Container[int] = ()) -> Markup:
    """The part of a passage that says most of what was asked, with the terms that matched in `mark`.

    `within` are the chunks that begin in the midst of a table whose heads are not known.
    """
    begin, end = excerpt(passage.text, passage.matched, _EXCERPT_CHARS)
    # Of a table that began earlier the heads are shown, too: those of its text, or those that it is kept with.
    known = passage.context.partition("\n")[2] if passage.heading else passage.context
    heads = heads_above(passage.text, begin, known, within=passage.chunk in within)
    text = (heads or "") + passage.text[begin:end]
    before, after = "… " if begin else "", " …" if end < len(passage.text) else ""
    shown = laid_out(text, highlights(text, passage.matched), id="", within=heads is None)
    return Markup("{}{}{}").format(before, shown, after)


def foreign(question: str, text: str) -> str:
    """The language of a passage that is written in another script than the question: "zh", "en", "other"; else "".

    By what most of either is; a table of figures, a question of a part number are of no language.
    """
    asked, found = script(question), script(text)
    if not asked or not found or asked == found:
        return ""
    language = language_of(text)
    return language if language in ("zh", "en") else "other"
