"""Tokens of texts that no model has counted: by the engine's own tokenizer where it is here, else estimated."""

from collections.abc import Callable, Sequence
from typing import Any

from qianxun.models.formats import tokenizer_file
from qianxun.models.remote.counting import estimated_tokens, tokenizer_at
from qianxun.service.openai.replies import Counted
from qianxun.settings import EncoderSettings, GeneratorSettings, RerankerSettings, Settings, engine_of


def tokens_of(
    texts: Sequence[str],
    section: EncoderSettings | RerankerSettings | GeneratorSettings,
    settings: Settings,
    engine: Any = None,
) -> tuple[int, Counted]:
    """How many tokens these texts are together for a model, without what it is told around them; and who says so."""
    own: Callable[[Sequence[str]], int] | None = getattr(engine, "count_tokens", None)
    if isinstance(section, EncoderSettings) and own is not None:
        return own(texts), "tokenizer"
    file = tokenizer_file(section, settings) if engine_of(section) in ("http", "transformers") else None
    if file is not None:
        tokenize = tokenizer_at(file)
        return sum(len(tokenize(text, False)) for text in texts), "tokenizer"
    return sum(map(estimated_tokens, texts)), "estimate"
