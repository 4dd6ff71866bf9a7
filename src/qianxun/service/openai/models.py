"""GET /v1/models: what there is for this caller."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from qianxun.service.openai.catalogue import Kind, Model, chosen, models_of
from qianxun.service.openai.routing import client_router
from qianxun.service.routes.given import Visiting

router = client_router("openai")

_KINDS: tuple[Kind, ...] = ("answers", "embed", "rerank", "generate")


class ModelPart(BaseModel):
    """Our own part: what kind of model it is, and of which knowledge base and persona."""

    kind: Kind
    knowledge_base: str
    persona: str


class ListedModel(BaseModel):
    """A model as clients list it. `created` is not known: 0."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    qianxun: ModelPart


class ModelList(BaseModel):
    """All that the caller may use."""

    object: Literal["list"]
    data: list[ListedModel] = Field(default_factory=list)


@router.get("/v1/models", response_model=ModelList)
async def list_models(visit: Visiting) -> dict[str, Any]:
    """The models that the caller may use: knowledge bases, their personas, their engines."""
    visit.facts.action = "models"
    found = await visit.run("look", models_of, visit)
    return {"object": "list", "data": [_listed(model) for model in found]}


@router.get("/v1/models/{model:path}", response_model=ListedModel)
async def show_model(model: str, visit: Visiting) -> dict[str, Any]:
    """One of them."""
    visit.facts.action = "models"
    return _listed(await visit.run("look", chosen, visit, model, _KINDS))


def _listed(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": 0,
        "owned_by": "qianxun",
        "qianxun": {"kind": model.kind, "knowledge_base": model.base, "persona": model.persona},
    }
