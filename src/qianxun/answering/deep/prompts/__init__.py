"""The prompt that divides a question, in its language. Its texts are files beside this one."""

from collections.abc import Sequence
from typing import Any, Final

from qianxun.prompting import as_material, turns
from qianxun.protocols import Message

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"questions": {"type": "array", "items": {"type": "string"}}},
    "required": ["questions"],
    "additionalProperties": False,
}
_NOTHING_YET: Final = {"en": "(nothing yet)", "zh": "（还没有）"}
_NO_EVIDENCE: Final = {"en": "no evidence found", "zh": "没有找到依据"}


def plan(question: str, asked: Sequence[tuple[str, str]], most: int, language: str) -> list[Message]:
    """To name at most `most` questions to search next. `asked` are those searched before, each with the words that were
    found to answer it ("": none)."""
    system, user = turns(__package__, "plan", language)
    known = "\n".join(
        f"- {as_material(_line(one))} → {as_material(_line(found)) or _NO_EVIDENCE[language]}" for one, found in asked
    )
    # The question first: it stands last, so what it says in braces is never the place of something else.
    user = user.replace("{most}", str(most), 1).replace("{question}", as_material(question), 1)
    return [Message("system", system), Message("user", user.replace("{asked}", known or _NOTHING_YET[language], 1))]


def _line(text: str) -> str:
    return " ".join(text.split())
