"""POST /v1/embeddings: vectors of texts, as searches and documents have them."""

from fastapi.responses import JSONResponse
from starlette.responses import Response

from qianxun.errors import InputError
from qianxun.knowledge_base import KnowledgeBase
from qianxun.service.openai import replies
from qianxun.service.openai.catalogue import Model, chosen, opened
from qianxun.service.openai.counting import tokens_of
from qianxun.service.openai.described import EmbeddingsReply
from qianxun.service.openai.requests import EmbeddingRequest, refuse_too_long, texts_of, told_of
from qianxun.service.openai.routing import answers, client_router
from qianxun.service.routes.given import Visiting

router = client_router("openai")


@router.post("/v1/embeddings", responses=answers(EmbeddingsReply))
async def embed(request: EmbeddingRequest, visit: Visiting) -> Response:
    """A vector for each text, as a passage; with `input_type` query as a question, after the model's instruction."""
    visit.facts.action = "embeddings"
    told_of(visit, request.user)
    section = visit.service.settings.openai
    texts = texts_of(request.input, "input", section.max_texts)
    refuse_too_long("input", texts, section.max_chars)
    model = await visit.run("look", chosen, visit, request.model, ("embed",))
    kb = await visit.run("look", opened, visit, model)
    reply = await visit.run("models", _embedded, kb, model, request, texts)
    visit.facts.models = {"encoder": model.name}
    visit.facts.prompt_tokens = reply["usage"]["prompt_tokens"]
    return JSONResponse(reply)


def _embedded(kb: KnowledgeBase, model: Model, request: EmbeddingRequest, texts: list[str]) -> replies.Body:
    encoder = kb.encoder
    if request.dimensions not in (None, encoder.dim):
        raise InputError(
            "{model} gives vectors of {dim} numbers; seen: dimensions = {given}.",
            remedy="Leave out dimensions.",
            model=model.id,
            dim=encoder.dim,
            given=request.dimensions,
            param="dimensions",
        )
    rows = encoder.encode_queries(texts) if request.is_query else encoder.encode_passages(texts)
    tokens, counted = tokens_of(texts, kb.settings.encoder, kb.settings, encoder)
    more = {
        "input_type": "query" if request.is_query else "passage",
        "fingerprint": encoder.fingerprint,
        "dim": encoder.dim,
        "usage_by": counted,
    }
    as_base64 = request.encoding_format == "base64"
    return replies.embeddings_reply(model.id, rows, as_base64=as_base64, prompt=tokens, more=more)
