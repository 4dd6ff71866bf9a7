"""The prompt of an answer, in the language of the question. Its texts are files beside this one, to be edited."""

from collections.abc import Mapping, Sequence
from typing import Final

from qianxun.prompting import as_material, as_numbered, turns
from qianxun.protocols import Message
from qianxun.records import Passage

# What a passage is called in the tags around it; the texts say so too.
_NAMES: Final[Mapping[str, str]] = {"en": "passage", "zh": "段落"}


def messages(
    question: str, passages: Sequence[Passage], language: str, history: Sequence[Message] = ()
) -> list[Message]:
    """The rules, what was said before, and last the passages, numbered from 1 and between tags, and the question."""
    system, user = turns(__package__, "answer", language)
    numbered = "\n\n".join(shown(n, passage, language) for n, passage in enumerate(passages, 1))
    # replace, not format: documents are full of braces.
    return [
        Message("system", system),
        *(Message(turn.role, as_material(turn.content)) for turn in history),
        Message("user", user.replace("{question}", as_material(question), 1).replace("{passages}", numbered, 1)),
    ]


def shown(number: int, passage: Passage, language: str) -> str:
    """A passage as the model reads it: material between tags that its text cannot close."""
    page = f" p. {passage.page}" if passage.page else ""
    text = "\n".join(
        part for part in (f"({passage.title}{page})", passage.context.strip(), passage.text.strip()) if part
    )
    return as_numbered(_NAMES[language], number, text)
