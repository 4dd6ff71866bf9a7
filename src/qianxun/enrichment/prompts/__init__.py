"""The prompt for an enrichment, in the language of the chunk. Its texts are files beside this one.

Who changes what the generator sees raises `settings.enriching.NEWEST_PROMPT`: else chunks that were written about in
different ways would be searched together.
"""

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from qianxun.protocols import Message
from qianxun.text import has_cjk, script

_DIVIDER: Final = "\n----\n"
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
# What chat templates of the common model families are written with.
_CONTROL_TOKENS: Final = re.compile(r"\[(/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS))\]")


def messages(heading: str, text: str, *, context: bool, questions: int) -> list[Message]:
    """The system and user turns about a text that stands under a heading (its path, and its table's header)."""
    language = language_of(text)
    template = (resources.files(__package__) / f"enrich.{language}.txt").read_text(encoding="utf-8")
    system, _, user = template.partition(_DIVIDER)
    asked = [_FIELDS["context"][language]] if context else []
    asked += [_FIELDS["questions"][language].format(n=questions)] if questions else []
    # replace, not format: documents are full of braces. The text last, since it may hold what is replaced before.
    above = as_data(heading).replace("{text}", "{ text}") or _NO_HEADING[language]
    filled = user.strip().replace("{heading}", above, 1)
    return [
        Message("system", system.strip().replace("{fields}", "\n".join(asked), 1)),
        Message("user", filled.replace("{text}", as_data(text), 1)),
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


def language_of(text: str) -> str:
    """ "zh" or "en": what the prompt for a text is written in."""
    written_in = script(text)
    return "zh" if written_in == "cjk" or (not written_in and has_cjk(text)) else "en"


def as_data(text: str) -> str:
    """The text as material between tags: it can neither close them nor open a turn of the conversation.

    Many servers read `<|im_start|>` in a message as the token itself. Nothing of this is kept or shown.
    """
    return _CONTROL_TOKENS.sub(r"[ \1 ]", text.replace("<", "＜").replace(">", "＞"))
