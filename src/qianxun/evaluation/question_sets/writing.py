"""A generator asked for questions about passages, several at a time; what it answers is JSON by a schema.

An answer of no use costs one passage its questions. Whether a question is any good is looked at elsewhere
(`evaluation.question_sets.checks`). Knows no store.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from qianxun.errors import BadModelReply, InputError, ModelError, ModelRefused
from qianxun.evaluation.question_sets import prompts
from qianxun.models.structured import parse_json
from qianxun.prompting import as_line
from qianxun.protocols import Generator, Sampling
from qianxun.records import Passage

QUESTIONS_PER_PASSAGE: Final = 2
MAX_TOKENS: Final = 512
AT_A_TIME: Final = 4
# What chat templates put around messages, at most.
_TEMPLATE_TOKENS: Final = 32
_MAX_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Written:
    """What a generator wrote about a passage: (question, answer); or the error because of which it wrote nothing."""

    passage: Passage
    pairs: tuple[tuple[str, str], ...]
    error: ModelError | InputError | None = None

    @property
    def in_vain(self) -> bool:
        """True if the answer, or its refusal, was about this passage alone: others may still be answered about."""
        return isinstance(self.error, BadModelReply | ModelRefused | InputError)


def write(generator: Generator, passages: Sequence[Passage]) -> list[Written]:
    """What the generator asks about each passage, in their order. Not to be called from a running event loop."""
    return asyncio.run(_write(generator, passages))


async def _write(generator: Generator, passages: Sequence[Passage]) -> list[Written]:
    free = asyncio.Semaphore(AT_A_TIME)

    async def one(passage: Passage) -> Written:
        async with free:
            try:
                return Written(passage, await _pairs(generator, passage))
            except (ModelError, InputError) as error:
                return Written(passage, (), error)

    # One alone first: a generator that is not tested yet is tested once.
    first = [await one(passage) for passage in passages[:1]]
    return [*first, *await asyncio.gather(*map(one, passages[1:]))]


async def _pairs(generator: Generator, passage: Passage) -> tuple[tuple[str, str], ...]:
    # A server may have to be asked for it.
    context_tokens: int = await asyncio.to_thread(getattr, generator, "context_tokens")
    max_tokens = min(MAX_TOKENS, context_tokens // 2)
    text, room = passage.text, context_tokens - max_tokens - _TEMPLATE_TOKENS
    heading = passage.context or "\n".join(passage.heading)
    while True:
        turns = prompts.messages(passage.title, heading, text, questions=QUESTIONS_PER_PASSAGE)
        if len(text) < 64 or sum(generator.count_tokens(turn.content) for turn in turns) <= room:
            break
        text = text[: len(text) * 3 // 4]
    answer = []
    schema = prompts.schema()
    async for delta in generator.stream(turns, schema=schema, sampling=Sampling(max_tokens=max_tokens)):
        answer.append(delta.text)
    found: Any = parse_json("".join(answer), schema)
    pairs = ((_line(one["question"]), _line(one["answer"])) for one in found["questions"])
    return tuple(pairs)[:QUESTIONS_PER_PASSAGE]


def _line(text: str) -> str:
    return as_line(text)[:_MAX_CHARS].rstrip()
