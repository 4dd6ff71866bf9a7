"""The prompt of an answer, in the language of the question. Its texts are files beside this one, to be edited."""

from collections.abc import Sequence

from qianxun.prompting import turns
from qianxun.protocols import Message
from qianxun.records import Passage


def messages(question: str, passages: Sequence[Passage], language: str) -> list[Message]:
    """The system and user turns: the rules, then the passages numbered from 1 and the question."""
    system, user = turns(__package__, "answer", language)
    numbered = "\n\n".join(f"[{n}] {_shown(passage)}" for n, passage in enumerate(passages, 1))
    # replace, not format: documents are full of braces.
    return [
        Message("system", system),
        Message("user", user.replace("{question}", question, 1).replace("{passages}", numbered, 1)),
    ]


def _shown(passage: Passage) -> str:
    page = f" p. {passage.page}" if passage.page else ""
    return "\n".join(
        part for part in (f"({passage.title}{page})", passage.context.strip(), passage.text.strip()) if part
    )
