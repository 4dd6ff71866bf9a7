"""The prompt for an enrichment, in the language of the chunk. Its texts are files beside this one.

Who changes what the generator sees raises `settings.enriching.NEWEST_PROMPT`: else chunks that were written about in
different ways would be searched together.
"""

from collections.abc import Mapping
from typing import Any, Final

from qianxun.prompting import as_material, prompt_language, turns
from qianxun.protocols import Message

_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "context": {
        "zh": '- "context"：一句话，不超过 60 个字，说明原文讲什么、适用于什么对象和场合。',
        "en": '- "context": one sentence of at most 40 words that says what the excerpt is about, for whom and when.',
    },
    "questions": {
        "zh": '- "questions"：至多 {n} 个原文能直接回答的问题，互不重复。',
        "en": '- "questions": at most {n} different questions that the excerpt answers directly.',
    },
}
_NO_HEADING: Final = {"zh": "（无）", "en": "(none)"}


def messages(heading: str, text: str, *, context: bool, questions: int) -> list[Message]:
    """The system and user turns about a text that stands under a heading (its path, and its table's header)."""
    language = prompt_language(text)
    system, user = turns(__package__, "enrich", language)
    asked = [_FIELDS["context"][language]] if context else []
    asked += [_FIELDS["questions"][language].format(n=questions)] if questions else []
    # replace, not format: documents are full of braces. The text last, since it may hold what is replaced before.
    above = as_material(heading).replace("{text}", "{ text}") or _NO_HEADING[language]
    filled = user.replace("{heading}", above, 1)
    return [
        Message("system", system.replace("{fields}", "\n".join(asked), 1)),
        Message("user", filled.replace("{text}", as_material(text), 1)),
    ]


def schema(*, context: bool, questions: int) -> dict[str, Any]:
    """The JSON Schema of the answer. Lengths are not in it: not every server takes them, and we cut anyway."""
    properties: dict[str, Any] = {}
    if context:
        properties["context"] = {"type": "string"}
    if questions:
        properties["questions"] = {"type": "array", "items": {"type": "string"}}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
