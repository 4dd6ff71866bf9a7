"""Which models there are for a caller: knowledge bases with their personas, and the engines behind these.

`<kb>`, `<kb>:<persona>` answer from documents; `embed:<encoder>`, `rerank:<reranker>`, `generate:<generator>` are the
engines of the knowledge bases that the caller may use, alone. Where there is no reranker, `rerank:<encoder>` compares
meanings; its name says so. What a caller may not use is not in the list, and what is not in the list does not exist.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from qianxun.errors import NotFound, SettingsError, StorageError
from qianxun.knowledge_base import KnowledgeBase
from qianxun.service.openai.errors import no_model
from qianxun.service.visit import Visit
from qianxun.settings import EncoderSettings, GeneratorSettings, RerankerSettings, engine_of
from qianxun.settings.engines import is_address

Kind: TypeAlias = Literal["answers", "embed", "rerank", "generate"]

logger = logging.getLogger(__name__)

NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Model:
    """A model by the name that clients know it by. `name` is what an engine is called, `by_encoder` what reranks."""

    id: str
    kind: Kind
    base: str
    name: str = ""
    persona: str = ""
    by_encoder: bool = False


def models_of(visit: Visit) -> list[Model]:
    """All that the caller may use, each once. Opens knowledge bases: not to be called on an event loop."""
    found: dict[str, Model] = {}
    for name in visit.bases():
        try:
            models = list(_models_of_base(visit, name))
        except (NotFound, StorageError, SettingsError) as error:  # the others are there all the same
            logger.warning("knowledge base %s cannot be listed: %s", name, type(error).__name__)
            continue
        for model in models:
            found.setdefault(model.id, model)
    return list(found.values())


def chosen(visit: Visit, id: str, kinds: Sequence[Kind]) -> Model:
    """A model of one of these kinds by its id; an engine also by its bare name. Raises NotFound."""
    base = id.partition(":")[0]
    # Where the knowledge base is named, no other need be opened.
    named = "answers" in kinds and base in visit.bases()
    models = list(_models_of_base(visit, base)) if named else models_of(visit)
    for names in ((model.id for model in models), (model.name for model in models)):
        for name, model in zip(names, models, strict=True):
            if name == id and model.kind in kinds:
                return model
    raise no_model(id)


def first(visit: Visit, kind: Kind) -> Model:
    """The model of a kind for clients that name none. Raises NotFound."""
    found = next((model for model in models_of(visit) if model.kind == kind), None)
    if found is None:
        raise no_model(kind)
    return found


def opened(visit: Visit, model: Model) -> KnowledgeBase:
    """The knowledge base that a model is of."""
    visit.facts.base = model.base
    return visit.service.bases.get(model.base).kb


def _models_of_base(visit: Visit, name: str) -> Iterator[Model]:
    settings = visit.service.bases.get(name).kb.settings
    if visit.caller.may("ask"):
        yield Model(name, "answers", name)
        for persona, how in sorted(settings.personas.items()):
            if how.grounding != "off" or engine_of(settings.generator) != NONE:
                yield Model(f"{name}:{persona}", "answers", name, persona=persona)
    if not visit.caller.may("models"):
        return
    encoder = _public_name(settings.encoder)
    yield Model(f"embed:{encoder}", "embed", name, encoder)
    if engine_of(settings.reranker) != NONE:
        reranker = _public_name(settings.reranker)
        yield Model(f"rerank:{reranker}", "rerank", name, reranker)
    else:
        yield Model(f"rerank:{encoder}", "rerank", name, encoder, by_encoder=True)
    if engine_of(settings.generator) != NONE:
        generator = _public_name(settings.generator)
        yield Model(f"generate:{generator}", "generate", name, generator)


def _public_name(section: EncoderSettings | RerankerSettings | GeneratorSettings) -> str:
    """What an engine is called here: never an address or a path, which are the operator's own."""
    for given in (section.model, section.served_as):
        if given and not is_address(given):
            path = given.replace("\\", "/").rstrip("/")
            is_hub_name = path.count("/") == 1 and not path.startswith(("/", ".", "~"))
            return path if is_hub_name else path.rpartition("/")[2]
    return engine_of(section)
