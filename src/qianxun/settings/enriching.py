"""What the section `enrichment` means: who writes about chunks, and what names all that decides what is written."""

import hashlib
import json
from typing import Final

from qianxun.settings.engines import address_of, engine_of, model_of
from qianxun.settings.sections import GeneratorSettings, Settings

# Raised when the prompt changes: what the one before wrote stays in force until `reindex --enrich`.
NEWEST_PROMPT: Final = 1


def generator_of(section: GeneratorSettings) -> str:
    """The generator by the name of its model and revision, else its server or engine; "" if there is none."""
    model = model_of(section)
    if model:
        return f"{model}@{section.revision}" if section.revision else model
    engine = engine_of(section)
    return address_of(section) or ("" if engine == "none" else engine)


def maker_of(settings: Settings) -> str:
    """Names the prompt, its version, and the generator of what is in force; "" if nothing is written about chunks."""
    section = settings.enrichment
    model = section.model or generator_of(settings.generator)
    if not section.enabled or not model or not (section.context or section.questions):
        return ""
    prompt = section.prompt or NEWEST_PROMPT
    stated = json.dumps([prompt, model, section.context, section.questions], ensure_ascii=False)
    return f"enriched-{prompt}-{hashlib.sha256(stated.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
