"""The prompt of an answer, in the language of the question. Its texts are files beside this one, to be edited."""

from collections.abc import Sequence
from importlib import resources

from qianxun.protocols import Message
from qianxun.records import Passage

_DIVIDER = "\n----\n"


def messages(question: str, passages: Sequence[Passage], language: str) -> list[Message]:
    """The system and user turns: the rules, then the passages numbered from 1 and the question."""
    text = (resources.files(__package__) / f"answer.{language}.txt").read_text(encoding="utf-8")
    system, _, user = text.partition(_DIVIDER)
    numbered = "\n\n".join(f"[{n}] {_shown(passage)}" for n, passage in enumerate(passages, 1))
    # replace, not format: documents are full of braces.
    return [
        Message("system", system.strip()),
        Message("user", user.strip().replace("{question}", question, 1).replace("{passages}", numbered, 1)),
    ]


def _shown(passage: Passage) -> str:
    page = f" p. {passage.page}" if passage.page else ""
    return "\n".join(
        part for part in (f"({passage.title}{page})", passage.context.strip(), passage.text.strip()) if part
    )
