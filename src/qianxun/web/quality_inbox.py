"""What is to be looked at: questions without an answer, answers that little bears, and what people made known."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.requests import Request

from qianxun.evaluation.answers.page import verdict_in_words
from qianxun.messages import say
from qianxun.service.visit import visit_of
from qianxun.storage.feedback import KINDS
from qianxun.web import quality_asked, quality_opinions
from qianxun.web.site import page

router = APIRouter()

_MOST_DAYS: Final = 3650
_COUNT: Final = 100
BaseName = Annotated[str, Query(max_length=64)]


@router.get("/unanswered")
async def unanswered(
    request: Request,
    base: BaseName = "",
    which: Literal["refused", "poor"] = "refused",
    days: Annotated[int, Query(ge=1, le=_MOST_DAYS)] = 30,
) -> Response:
    """Questions that were refused, or answered with little to bear the answer, as the audit keeps them."""
    visit = visit_of(request)
    visit.facts.action = "quality.unanswered"
    visit.must("evaluate")
    if base:
        visit.base(base, "evaluate")
    found = await visit.run(
        "look",
        lambda: quality_asked.asked_in_vain(
            visit,
            base=base,
            verdicts=quality_asked.REFUSED if which == "refused" else quality_asked.POOR,
            days=days,
            count=_COUNT,
        ),
    )
    return page(
        request,
        visit,
        "quality_unanswered.html",
        base=base,
        bases=visit.bases(),
        which=which,
        days=days,
        found=found,
        kept=visit.service.settings.audit,
        sees_all=visit.asker.labels is None,
        verdict_in_words=verdict_in_words,
    )


@router.get("/feedback")
async def feedback(
    request: Request,
    base: BaseName = "",
    kind: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, lt=1 << 62)] = None,
) -> Response:
    """What people made known of passages, the newest first."""
    visit = visit_of(request)
    visit.facts.action = "quality.feedback"
    visit.must("evaluate")
    names = visit.bases()
    usual = visit.service.settings.kb
    chosen = base or (usual if usual in names or not names else names[0])
    found: list[quality_opinions.Opinion] = []
    more: int | None = None
    if base or chosen in names:
        there = visit.base(chosen, "evaluate")
        found, more = await visit.run("look", quality_opinions.opinions, visit, there, kind, before)
    return page(
        request,
        visit,
        "quality_feedback.html",
        base=chosen,
        bases=names,
        kind=kind,
        kinds=KINDS,
        found=found,
        more=more,
        keeps_questions=visit.service.settings.feedback.keep_questions,
        sees_all=visit.asker.labels is None,
        kind_in_words=_kind_in_words,
    )


def _kind_in_words(kind: str) -> str:
    words = {
        "click": say("opened (told by programs)"),
        "up": say("thumb up"),
        "down": say("thumb down"),
        "accepted": say("citation accepted"),
    }
    return words[kind]
