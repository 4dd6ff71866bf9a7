"""The prompt for proposing questions, in the language of the passage. Its texts are files beside this one."""

from importlib import resources
from typing import Any, Final

from qianxun.enrichment.prompts import as_data, language_of
from qianxun.protocols import Message

_DIVIDER: Final = "\n----\n"
_NONE: Final = {"zh": "（无）", "en": "(none)"}


def messages(title: str, heading: str, text: str, *, questions: int) -> list[Message]:
    """The system and user turns about a passage of a document, for at most so many questions."""
    language = language_of(text)
    template = (resources.files(__package__) / f"make.{language}.txt").read_text(encoding="utf-8")
    system, _, user = template.partition(_DIVIDER)
    filled = user.strip()
    # replace, not format: documents are full of braces. The text last, since it may hold what is replaced before.
    for name, value in (("{title}", title), ("{heading}", heading)):
        filled = filled.replace(name, as_data(value).replace("{", "{ ") or _NONE[language], 1)
    return [
        Message("system", system.strip().replace("{n}", str(questions), 1)),
        Message("user", filled.replace("{text}", as_data(text), 1)),
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
