"""What is told of an answer while it comes into being, in this order:

    Shown · (Text | Mark | Checked)* · [Withdrawn · (Text | Mark | Checked)*] · Done

Texts and marks, one after the other, are what a reader sees. A `Checked` tells of the sentence before it; its place
counts among the sentences of what was shown since the last `Withdrawn`. What `Done` holds is the answer: it may have
marks that were added since, and is what should be shown in the end.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

from qianxun.answering.checked import Checked
from qianxun.answering.reading import Mark, Text
from qianxun.records import Answer, Passage

__all__ = ["AnswerEvent", "Checked", "Done", "Mark", "Shown", "Text", "Withdrawn", "the_answer"]


@dataclass(frozen=True, slots=True)
class Shown:
    """The passages that the answer is made from: `passages[n - 1]` is what [n] points to."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was shown so far is void: the model failed, or said that it found nothing. What follows takes its place."""

    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The answer."""

    answer: Answer


AnswerEvent: TypeAlias = Shown | Text | Mark | Checked | Withdrawn | Done


async def the_answer(events: AsyncGenerator[AnswerEvent, None]) -> Answer:
    """What the events end with; they are closed."""
    async with aclosing(events) as told:
        async for event in told:
            if isinstance(event, Done):
                return event.answer
    raise AssertionError("an answer ends with Done")
