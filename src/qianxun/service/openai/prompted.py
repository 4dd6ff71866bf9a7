"""A chat's messages as what a knowledge base is asked: the question, what was said before, what the caller adds.

The client sends back what it was sent: what stands below an answer (`trailer`) and marks, whose numbers mean other
passages now, are taken out before a model is told of it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.answering import cite
from qianxun.answering.history import beginning
from qianxun.errors import InputError
from qianxun.prompting import as_material
from qianxun.protocols import Message
from qianxun.service.openai.trailer import without_trailer
from qianxun.service.routes.given import MAX_QUESTION_CHARS

# What was said before is looked at so far back; a client may send all of a long talk each time.
_MOST_MESSAGES: Final = 40
_MOST_ANSWER_CHARS: Final = 20_000
_LONG_SPACES: Final = re.compile(r"\s{9,}")
_MOST_INSTRUCTION_CHARS: Final = 8000


@dataclass(frozen=True, slots=True)
class Prompted:
    """A question, those before it (oldest first), what was said, and what system messages ask for."""

    question: str
    before: tuple[str, ...] = ()
    said: tuple[Message, ...] = ()
    instructions: str = ""


def prompted(messages: Sequence[Message]) -> Prompted:
    """What a chat asks. Raises InputError unless it ends with a user's question."""
    talk = [one for one in messages if one.role != "system"]
    if not talk or talk[-1].role != "user" or not talk[-1].content.strip():
        raise InputError(
            "The last message must be the user's question.",
            remedy="Send it last, with the role user, and not empty.",
            param="messages",
        )
    last, earlier = talk[-1], talk[-1 - _MOST_MESSAGES : -1]
    if len(last.content) > MAX_QUESTION_CHARS:
        raise InputError(
            "A question of {n} characters is too long; {most} are the most.",
            remedy="Add what is long as a document.",
            n=len(last.content),
            most=MAX_QUESTION_CHARS,
            param="messages",
        )
    asked = [
        one.content for one in earlier if one.role == "user" and 0 < len(one.content.strip()) <= MAX_QUESTION_CHARS
    ]
    system = "\n\n".join(one.content.strip() for one in messages if one.role == "system" and one.content.strip())
    return Prompted(last.content.strip(), tuple(asked), tuple(_in_turn(earlier)), system)


def instructions_of(given: Prompted) -> str:
    """System messages as instructions below those of the persona: words that can neither open a turn nor end one."""
    if len(given.instructions) > _MOST_INSTRUCTION_CHARS:
        raise InputError(
            "System messages of {n} characters are too long; {most} are the most.",
            n=len(given.instructions),
            most=_MOST_INSTRUCTION_CHARS,
            param="messages",
        )
    return as_material(given.instructions)


def history_of(given: Prompted, *, max_tokens: int, count_tokens: Callable[[str], int]) -> list[Message]:
    """The newest turns that fit into `max_tokens`, oldest first; the newest keeps the beginning of its answer."""
    pairs = list(zip(given.said[::2], given.said[1::2], strict=True))
    taken: list[Message] = []
    for question, answer in reversed(pairs):
        max_tokens -= count_tokens(question.content)
        text = answer.content if taken else beginning(answer.content, max_tokens, count_tokens)
        max_tokens -= count_tokens(text)
        if max_tokens < 0 or not text:
            break
        taken = [question, Message("assistant", text), *taken]
    return taken


def _in_turn(messages: Sequence[Message]) -> list[Message]:
    """User and assistant in turn: a question that got no answer is left out, further answers to one count as one."""
    told: list[Message] = []
    asked: Message | None = None
    for one in messages:
        if one.role == "user":
            asked = one
        elif text := _plain(one.content):
            if asked is not None:
                told += [Message("user", asked.content.strip()), Message("assistant", text)]
                asked = None
            elif told:
                told[-1] = Message("assistant", f"{told[-1].content}\n{text}")
    return told


def _plain(text: str) -> str:
    """An answer without marks and without what stands below it."""
    text = without_trailer(_LONG_SPACES.sub("\n\n", text[:_MOST_ANSWER_CHARS]))
    parts, last = [], 0
    for start, end in cite.mark_places(text):
        parts.append(text[last:start])
        last = end
    return "".join((*parts, text[last:])).strip()
