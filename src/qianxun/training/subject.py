"""The model that is to be fine-tuned, as the knowledge base has it, and how a tuned one takes its place."""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from qianxun.errors import SettingsError
from qianxun.models.checkpoint import Checkpoint
from qianxun.models.formats import encoder_format
from qianxun.models.in_process.device import Place, choose_place
from qianxun.models.in_process.loading import checkpoint_of
from qianxun.settings import EncoderSettings, RerankerSettings, Settings, address_of, engine_of
from qianxun.training import checkpoints
from qianxun.training.proof import Role
from qianxun.training.reranker import refuse_untrainable

# What of the encoder's section decides vectors, apart from whose they are: a tuned one keeps to it.
_OF_VECTORS: Final = ("pooling", "dimension", "max_tokens", "overlong", "instruction")


@dataclass(frozen=True, slots=True)
class Subject:
    """The model that is tuned, as the knowledge base has it."""

    role: Role
    settings: Settings
    checkpoint: Checkpoint
    place: Place

    @property
    def section(self) -> EncoderSettings | RerankerSettings:
        """Its section of the settings."""
        return self.settings.encoder if self.role == "encoder" else self.settings.reranker

    @property
    def kept_settings(self) -> list[str]:
        """Settings that must stay as they are with the tuned model, those at their defaults too."""
        if self.role == "reranker":
            return []
        return [f"encoder.{key}={getattr(self.section, key)}" for key in _OF_VECTORS]

    def settings_with(self, folder: Path) -> list[str]:
        """Settings with which the model of a folder takes its place."""
        named = {"name": "", "model": folder, "revision": "", "url": ""}
        return [*self.kept_settings, *(f"{self.role}.{key}={value}" for key, value in named.items())]

    def fingerprint_with(self, folder: Path) -> str:
        """The fingerprint of the encoder in a folder."""
        section = replace(self.settings.encoder, name="", model=str(folder), revision="", url="")
        return encoder_format(replace(self.settings, encoder=section)).fingerprint

    def to_set(self, folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Lines of a settings file, and a command, that put the model in force."""
        if self.role == "reranker":
            revision = ['reranker.revision = ""'] if self.section.revision else []
            return (f"reranker.model = {json.dumps(str(folder), ensure_ascii=False)}", *revision), ()
        plain = {field.name: field.default for field in fields(EncoderSettings)}
        own = [
            f"encoder.{key}={getattr(self.section, key)}"
            for key in _OF_VECTORS
            if getattr(self.section, key) != plain[key]
        ]
        return (), ("qianxun", "reindex", "--encoder", str(folder), *(word for text in own for word in ("--set", text)))


def subject_of(role: Role, settings: Settings) -> Subject:
    """The model that the settings name for a role. Raises SettingsError where there is none that can be tuned here."""
    section = settings.encoder if role == "encoder" else settings.reranker
    engine = engine_of(section)
    if engine == "none":
        raise SettingsError(
            "No reranker is set, so there is none to fine-tune.",
            remedy="Set reranker.model, for example to Qwen/Qwen3-Reranker-0.6B.",
        )
    if engine == "http":
        raise SettingsError(
            "The {role} runs on a server ({address}), and its weights cannot be fine-tuned from here.",
            remedy="Set {role}.name to transformers and {role}.model to the same model on this machine; serve the "
            "tuned one afterwards.",
            role=role,
            address=address_of(section),
        )
    if engine != "transformers":
        raise SettingsError(
            "The {role} is {engine}, which cannot be fine-tuned; only models that run through transformers can.",
            remedy="Set {role}.model, or learn a query adapter with `qianxun adapt`.",
            role=role,
            engine=engine,
        )
    checkpoint = checkpoint_of(section, settings)
    if role == "reranker":
        refuse_untrainable(checkpoint)
    checkpoints.refuse_unmergeable(checkpoint)
    return Subject(role, settings, checkpoint, choose_place(section.device, section.precision))
