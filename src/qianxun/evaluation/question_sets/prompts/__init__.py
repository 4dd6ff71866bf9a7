"""The prompt for proposing questions, in the language of the passage. Its texts are files beside this one."""

from typing import Any, Final

from qianxun.prompting import as_material, prompt_language, turns
from qianxun.protocols import Message

_NONE: Final = {"zh": "（无）", "en": "(none)"}


def messages(title: str, heading: str, text: str, *, questions: int) -> list[Message]:
    """The system and user turns about a passage of a document, for at most so many questions."""
    language = prompt_language(text)
    system, filled = turns(__package__, "make", language)
    # replace, not format: documents are full of braces. The text last, since it may hold what is replaced before.
    for name, value in (("{title}", title), ("{heading}", heading)):
        filled = filled.replace(name, as_material(value).replace("{", "{ ") or _NONE[language], 1)
    return [
        Message("system", system.replace("{n}", str(questions), 1)),
        Message("user", filled.replace("{text}", as_material(text), 1)),
    ]


def schema() -> dict[str, Any]:
    """The JSON Schema of the answer. Lengths are not in it: not every server takes them, and we check anyway."""
    return {
        "type": "object",
        "properties": {
            "questions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
                    "required": ["question", "answer"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["questions"],
        "additionalProperties": False,
    }
