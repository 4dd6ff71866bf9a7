"""What a knowledge base remembers of the settings that made it, because its data depend on them: its `kb.toml`."""

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from qianxun.errors import SettingsError
from qianxun.settings.engines import address_of, engine_of, model_of
from qianxun.settings.enriching import NEWEST_PROMPT, generator_of, maker_of
from qianxun.settings.reading import to_toml, with_overrides
from qianxun.settings.sections import EncoderSettings, EnrichmentSettings, Settings

# What decides a passage's vector. Who serves the model, and how a question is asked, may differ each time.
_OF_MODEL: Final = ("model", "revision", "pooling", "dimension", "max_tokens", "overlong")
_OF_ENCODER: Final = ("name", *_OF_MODEL, "url", "served_as")
_SPLITTING: Final = ("max_tokens", "counted_by", "overlap_sentences", "strategy", "overlap_tokens")
_HEAD: Final = "# Settings that belong to this knowledge base's data. They go over qianxun.toml.\n"


def own_settings(settings: Settings) -> dict[str, dict[str, Any]]:
    """Section → key → value of what belongs to the data."""
    found = {
        "encoder": _of_encoder(settings.encoder),
        "splitting": {key: getattr(settings.splitting, key) for key in _SPLITTING},
    }
    section = settings.enrichment
    if maker_of(settings):
        found["enrichment"] = {
            "enabled": True,
            "context": section.context,
            "questions": section.questions,
            "model": section.model or generator_of(settings.generator),
            "prompt": section.prompt or NEWEST_PROMPT,
        }
    return found


def _of_encoder(section: EncoderSettings) -> dict[str, Any]:
    engine = engine_of(section)
    if engine not in ("http", "transformers"):
        return {"name": engine, "model": "" if engine == "builtin" else section.model}
    # No name: whether the model runs in process or behind a server is not the data's business.
    found = {"name": "", **{key: getattr(section, key) for key in _OF_MODEL}}
    found["model"] = model_of(section)
    if (Path(found["model"]).expanduser() / "config.json").is_file():
        found["model"] = str(Path(found["model"]).expanduser().absolute())
    if not found["model"]:
        found |= {"url": address_of(section), "served_as": section.served_as}
    return found


def same_encoder(one: EncoderSettings, other: EncoderSettings) -> bool:
    """Whether both give the same vectors, whoever serves the model."""
    return _of_encoder(one) == _of_encoder(other)


def own_text(settings: Settings, before: str = "") -> str:
    """`kb.toml` with these settings; what else stood in `before`, its comments too, stays."""
    text = before or _HEAD
    found = own_settings(settings)
    if "enrichment" not in found and re.search(r"^\[enrichment\]", text, re.MULTILINE):
        found["enrichment"] = {"enabled": False}
    for section, values in found.items():
        text = _with_section(text, section, values)
    return text


def with_encoder(
    settings: Settings, given: Settings, overrides: Sequence[str], encoder: str | None, *, engines: Collection[str]
) -> Settings:
    """The settings with another encoder, everything else as it is.

    `given` are those apart from the knowledge base's own, `overrides` of this run. `encoder` is one of `engines`, a
    model's name or folder, or a server's address; None takes the encoder of `given`.
    """
    now = settings.encoder
    if encoder is None:
        chosen = with_overrides(given, overrides).encoder
    elif encoder in (model_of(given.encoder), given.encoder.name):
        chosen = given.encoder
    else:
        # How a model is run stays as it is; what belongs to the old model goes.
        chosen = EncoderSettings(
            name=encoder if encoder in engines else "",
            model="" if encoder in engines else encoder,
            precision=now.precision,
            device=now.device,
            batch=now.batch,
        )
    named = () if encoder is None else ("encoder.name=", "encoder.model=", "encoder.url=")
    further = [text for text in overrides if text.startswith("encoder.") and not text.startswith(named)]
    return with_overrides(dataclasses.replace(settings, encoder=chosen), further)


def with_enrichment(settings: Settings, given: Settings, overrides: Sequence[str], wanted: bool | None) -> Settings:
    """The settings with what the generator in force now is to write about chunks, or with nothing written about them.

    `given` are those apart from the knowledge base's own, `overrides` of this run. `wanted` None keeps what is in
    force, unless `given` ask for enrichment. Raises SettingsError if there is no generator, or nothing for it to write.
    """
    asked = with_overrides(given, overrides).enrichment
    if wanted is False:
        return dataclasses.replace(settings, enrichment=EnrichmentSettings(max_tokens=asked.max_tokens))
    generator = generator_of(settings.generator)
    if wanted is None and not (asked.enabled and generator):
        return settings
    refuse_unwritable(asked, generator)
    made = dataclasses.replace(asked, enabled=True, model=generator, prompt=NEWEST_PROMPT)
    return dataclasses.replace(settings, enrichment=made)


def refuse_unwritable(section: EnrichmentSettings, generator: str) -> None:
    """Raises SettingsError if nobody can write about chunks, or nothing is to be written."""
    if not generator:
        raise SettingsError(
            "Chunks are to be enriched, but no generator is set.",
            remedy="Set generator.url or generator.model, or leave enrichment.enabled at false.",
        )
    if not section.context and not section.questions:
        raise SettingsError(
            "Chunks are to be enriched, but with neither a context nor questions.",
            remedy="Set enrichment.context or enrichment.questions, or leave enrichment.enabled at false.",
        )


def _with_section(text: str, section: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {to_toml(value)}" for key, value in values.items()]
    match = re.search(rf"^\[{section}\][^\n]*\n", text, re.MULTILINE)
    if match is None:
        return "\n".join([text.rstrip("\n"), "", f"[{section}]", *lines, ""])
    following = re.search(r"^\[", text[match.end() :], re.MULTILINE)
    end = match.end() + following.start() if following else len(text)
    gone = {*values, *(_OF_ENCODER if section == "encoder" else ())}
    kept = [
        line
        for line in text[match.end() : end].splitlines()
        if not (found := re.match(r"\s*([\w-]+)\s*=", line)) or found[1] not in gone
    ]
    body = [*lines, *(line for line in kept if line.strip())]
    return "\n".join([text[: match.end()].rstrip("\n"), *body, "", text[end:]]).rstrip("\n") + "\n"
