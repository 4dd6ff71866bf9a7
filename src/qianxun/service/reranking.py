"""How well documents answer a question, asked as clients of Cohere, Jina, vLLM and TEI ask.

`/v1/rerank`, `/v2/rerank` and `/rerank` take `documents` and put the best first; `/rerank` with `texts` is TEI's and
answers with a list. `/score` and `/v1/score` are vLLM's: a score for each pair, in the order given.

A score is the reranker's probability of relevance, in [0, 1]. Where there is none, `rerank:<encoder>` stands in: its
score is the cosine of meanings, in [-1, 1], and the reply names it so.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field, StrictBool
from starlette.responses import Response

from qianxun.errors import InputError
from qianxun.knowledge_base import KnowledgeBase
from qianxun.service.openai import replies
from qianxun.service.openai.catalogue import Model, chosen, first, opened
from qianxun.service.openai.counting import tokens_of
from qianxun.service.openai.described import JudgedAlone, RerankReply, ScoreReply
from qianxun.service.openai.errors import no_model
from qianxun.service.openai.requests import Tolerant, refuse_too_long, texts_of
from qianxun.service.openai.routing import answers, client_router
from qianxun.service.routes.given import Visiting
from qianxun.service.visit import Visit

# What would change scores, and what no engine here takes of a request.
_UNABLE: Final = ("max_chunks_per_doc", "relevant_spans", "truncate_prompt_tokens", "raw_scores")

Pair: TypeAlias = tuple[str, str]


class RerankRequest(Tolerant):
    """What Cohere, Jina and vLLM ask; with `texts` instead of `documents`, TEI."""

    query: str
    documents: list[str | dict[str, Any]] | None = None
    texts: list[str] | None = None
    model: str | None = None
    top_n: Annotated[int, Field(ge=0, strict=True)] | None = None
    return_documents: StrictBool | None = None
    return_text: StrictBool | None = None
    instruction: str | None = None
    rank_fields: list[str] | None = None


class ScoreRequest(Tolerant):
    """What vLLM asks: one text against one or many, or pair by pair."""

    model: str | None = None
    text_1: str | list[str] | None = None
    text_2: str | list[str] | None = None
    queries: str | list[str] | None = None
    documents: str | list[str] | None = None
    instruction: str | None = None


_room = client_router("rerank")


@_room.post("/v1/rerank", responses=answers(RerankReply | list[JudgedAlone]))
@_room.post("/rerank", responses=answers(RerankReply | list[JudgedAlone]))
async def rerank(request: RerankRequest, visit: Visiting) -> Response:
    """The documents, best first, each with its text unless `return_documents` is false. With `texts`: TEI's list."""
    if request.documents is None and request.texts is not None:
        return await _as_tei(request, visit)
    return JSONResponse(await _reranked(request, visit, shows_documents=request.return_documents is not False))


@_room.post("/v2/rerank", responses=answers(RerankReply))
async def rerank_without_texts(request: RerankRequest, visit: Visiting) -> Response:
    """The documents' places, best first, without their texts unless `return_documents` is true."""
    return JSONResponse(await _reranked(request, visit, shows_documents=request.return_documents is True))


@_room.post("/v1/score", responses=answers(ScoreReply))
@_room.post("/score", responses=answers(ScoreReply))
async def score(request: ScoreRequest, visit: Visiting) -> Response:
    """A score for each pair, in the order given."""
    _refuse_unable(request)
    firsts = request.text_1 if request.text_1 is not None else request.queries
    seconds = request.text_2 if request.text_2 is not None else request.documents
    if firsts is None or seconds is None:
        raise InputError(
            "text_1 and text_2 are needed.", remedy="Send a text or a list of texts for each.", param="text_1"
        )
    most = visit.service.settings.openai.max_texts
    left, right = texts_of(firsts, "text_1", most), texts_of(seconds, "text_2", most)
    if len(left) == 1:
        left *= len(right)
    if len(left) != len(right):
        raise InputError(
            "text_1 has {n} texts and text_2 has {m}: there must be one, or as many.",
            n=len(left),
            m=len(right),
            param="text_1",
        )
    model, scores, tokens = await _judged(
        visit, request.model, list(zip(left, right, strict=True)), request.instruction
    )
    data = [{"index": index, "object": "score", "score": value} for index, value in enumerate(scores)]
    return JSONResponse(
        {
            "id": replies.new_id("score"),
            "object": "list",
            "created": replies.now(),
            "model": model.id,
            "data": data,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0},
        }
    )


router = APIRouter()
router.include_router(_room)


async def _reranked(request: RerankRequest, visit: Visit, *, shows_documents: bool) -> dict[str, Any]:
    _refuse_unable(request)
    if request.rank_fields not in (None, ["text"]):
        raise InputError(
            "Documents are judged by their text alone.", remedy="Leave out rank_fields.", param="rank_fields"
        )
    documents = [_text(document, place) for place, document in enumerate(request.documents or ())]
    documents = texts_of(documents, "documents", visit.service.settings.openai.max_texts)
    model, scores, tokens = await _judged(
        visit, request.model, [(request.query, document) for document in documents], request.instruction
    )
    results = [
        {
            "index": index,
            "relevance_score": scores[index],
            **({"document": {"text": documents[index]}} if shows_documents else {}),
        }
        for index in _best(scores, request.top_n)
    ]
    return {
        "id": replies.new_id("rerank"),
        "model": model.id,
        "results": results,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    }


async def _as_tei(request: RerankRequest, visit: Visit) -> Response:
    _refuse_unable(request)
    texts = texts_of(request.texts or (), "texts", visit.service.settings.openai.max_texts)
    pairs = [(request.query, text) for text in texts]
    _, scores, _ = await _judged(visit, request.model, pairs, request.instruction)
    found = [
        {"index": index, "score": scores[index], **({"text": texts[index]} if request.return_text else {})}
        for index in _best(scores, request.top_n)
    ]
    return JSONResponse(found)


async def _judged(
    visit: Visit, wanted: str | None, pairs: Sequence[Pair], instruction: str | None
) -> tuple[Model, list[float], int]:
    """The model, a score for each pair, and the tokens that were read."""
    visit.facts.action = "rerank"
    texts = [text for pair in pairs for text in pair]
    if not all(question.strip() for question, _ in pairs):
        raise InputError("{name} must hold text, and no empty one.", name="query", param="query")
    refuse_too_long("documents", texts, visit.service.settings.openai.max_chars)
    if wanted is None:
        model = await visit.run("look", first, visit, "rerank")
    else:
        model = await visit.run("look", chosen, visit, wanted, ("rerank",))
    kb = await visit.run("look", opened, visit, model)
    scores = await visit.run("models", _scores, kb, model, pairs, instruction)
    section = kb.settings.encoder if model.by_encoder else kb.settings.reranker
    tokens, _ = await visit.run("models", tokens_of, texts, section, kb.settings)
    visit.facts.models = {"encoder" if model.by_encoder else "reranker": model.name}
    visit.facts.prompt_tokens = tokens
    return model, scores, tokens


def _scores(kb: KnowledgeBase, model: Model, pairs: Sequence[Pair], instruction: str | None) -> list[float]:
    if model.by_encoder:
        return _cosines(kb, pairs, instruction)
    reranker = kb.reranker
    if reranker is None:
        raise no_model(model.id)
    scores = [0.0] * len(pairs)
    for question in dict.fromkeys(question for question, _ in pairs):
        places = [place for place, pair in enumerate(pairs) if pair[0] == question]
        found = reranker.score(question, [pairs[place][1] for place in places], instruction=instruction)
        for place, value in zip(places, found.tolist(), strict=True):
            scores[place] = value
    return scores


def _cosines(kb: KnowledgeBase, pairs: Sequence[Pair], instruction: str | None) -> list[float]:
    if instruction:
        raise InputError(
            "An encoder compares meanings and takes no instruction.", remedy="Leave it out.", param="instruction"
        )
    places: dict[str, int] = {}
    for question, _ in pairs:
        places.setdefault(question, len(places))
    asked = kb.encoder.encode_queries(list(places))[[places[question] for question, _ in pairs]]
    found = kb.encoder.encode_passages([document for _, document in pairs])
    return [float(value) for value in (asked * found).sum(axis=1)]


def _best(scores: Sequence[float], top_n: int | None) -> list[int]:
    """The places of the best scores, best first, the first of equals first; 0 and none are all."""
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    return order[:top_n] if top_n else order


def _text(document: str | dict[str, Any], place: int) -> str:
    text = document if isinstance(document, str) else document.get("text")
    if not isinstance(text, str):
        raise InputError(
            "Document {place} has no text.",
            remedy='Send texts, or objects as {{"text": "…"}}.',
            place=place,
            param=f"documents.{place}",
        )
    return text


def _refuse_unable(request: Tolerant) -> None:
    given = request.model_extra or {}
    unable = next((name for name in _UNABLE if given.get(name)), None)
    if unable is not None:
        raise InputError("{name} cannot be honoured here.", remedy="Leave it out.", name=unable, param=unable)
