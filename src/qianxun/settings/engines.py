"""What a section about a model means: which engine runs it, and where."""

from typing import Final

from qianxun.settings.sections import EncoderSettings, GeneratorSettings, RerankerSettings

SECTIONS_OF_MODELS: Final = ("encoder", "reranker", "generator")


def is_address(text: str) -> bool:
    """Whether this is the address of a server, and no model name or folder."""
    return text.startswith(("http://", "https://"))


def address_of(section: EncoderSettings | RerankerSettings | GeneratorSettings) -> str:
    """The server's address without a slash at its end: `url`, or `model` if that is one; "" if there is none."""
    return (section.url or (section.model if is_address(section.model) else "")).rstrip("/")


def model_of(section: EncoderSettings | RerankerSettings | GeneratorSettings) -> str:
    """The model's name or folder; "" if only a server is known."""
    return "" if is_address(section.model) else section.model


def engine_of(section: EncoderSettings | RerankerSettings | GeneratorSettings) -> str:
    """The engine by name: as set, else by what is set."""
    if section.name:
        return section.name
    if address_of(section):
        return "http"
    if section.model:
        return "transformers"
    return "builtin" if isinstance(section, EncoderSettings) else "none"
