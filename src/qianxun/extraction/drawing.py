"""One document to a value: a generator is asked, what it says is checked, and what does not fit is told back to it.

A document that does not fit the model's context is gone through window by window. Raises what the generator fails
with; an answer of no use is no failure of it. Knows no file.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from qianxun.answering.bounds import Bounds
from qianxun.errors import BadModelReply, InputError
from qianxun.extraction import prompts
from qianxun.extraction.citing import Citer
from qianxun.extraction.mending import fitted, value_in
from qianxun.extraction.records import Extraction, Material
from qianxun.extraction.schema import Node, Wanted, loosened
from qianxun.extraction.windows import merged, whole, windows
from qianxun.models.structured import misfit_in_words, misfits_of
from qianxun.prompting import as_material
from qianxun.protocols import Generator, Message, Sampling
from qianxun.settings import ExtractionSettings

# What chat templates put around messages, and room for what is said of an earlier answer.
_TEMPLATE_TOKENS: Final = 64
_CORRECTION_TOKENS: Final = 320
_LEAST_WINDOW_TOKENS: Final = 128
_MAX_PROBLEMS: Final = 6
_MAX_PROBLEM_CHARS: Final = 160
# An answer of so many characters for each of its tokens heeds no limit.
_CHARS_PER_TOKEN: Final = 16


async def draw(material: Material, wanted: Wanted, generator: Generator, settings: ExtractionSettings) -> Extraction:
    """What the schema wants of a document, and where the document says so.

    Raises ModelError where the generator cannot be asked, InputError where the schema leaves no room for a text.
    """
    asking = _Asking(generator, settings, await asyncio.to_thread(getattr, generator, "context_tokens"))
    texts = await asyncio.to_thread(_texts, material, wanted, asking)
    remarks = (material.remark,) if material.remark else ()
    citer = Citer(material.text, wanted.schema)
    if len(texts) == 1:
        answer = await asking.ask(wanted.schema, texts[0], material.title, (1, 1), wanted.problems)
        data, problems = answer.data, answer.problems
    else:
        data, problems = await _of_windows(texts, material, wanted, asking, citer)
    fields = await asyncio.to_thread(citer.fields, data) if data is not None else ()
    return Extraction(
        source=material.source,
        outcome="valid" if not problems else "unanswered" if asking.out_of_time else "invalid",
        value=None if problems else wanted.made(data),
        data=data,
        problems=(*problems, *remarks),
        fields=fields,
        usage=asking.usage,
        attempts=asking.attempts,
        digest=material.digest,
    )


def _texts(material: Material, wanted: Wanted, asking: "_Asking") -> list[str]:
    """The document as it fits the model: whole, or in windows."""
    if asking.tokens_of(material.text) <= asking.room(wanted.schema, material.title):
        return [material.text]
    return windows(material.text, asking.room(loosened(wanted.schema), material.title), asking.tokens_of)


async def _of_windows(
    texts: list[str], material: Material, wanted: Wanted, asking: "_Asking", citer: Citer
) -> tuple[Any, tuple[str, ...]]:
    """What the windows of a document say together, and why that does not fit."""
    schema: Node = loosened(wanted.schema)

    def misfits(data: Any) -> tuple[str, ...]:
        return tuple(map(misfit_in_words, misfits_of(data, schema)))

    found: list[Any] = []
    failed: list[str] = []
    for n, text in enumerate(texts, 1):
        answer = await asking.ask(schema, text, material.title, (n, len(texts)), misfits)
        if answer.problems:
            failed.append(f"part {n} of {len(texts)}: {answer.problems[0]}")
        else:
            found.append(answer.data)
    together = await asyncio.to_thread(merged, found, citer.bears) if found else None
    data = whole(together, wanted.schema) if together is not None else None
    # What is in a part that gave no answer is missing, although the rest may fit.
    return data, (*failed, *(wanted.problems(data) if data is not None else ()))[:_MAX_PROBLEMS]


@dataclass(frozen=True, slots=True)
class _Answer:
    data: Any
    problems: tuple[str, ...]


class _Asking:
    """A generator asked about one document, and what that took."""

    def __init__(self, generator: Generator, settings: ExtractionSettings, context_tokens: int) -> None:
        self._generator = generator
        self._settings = settings
        self._context_tokens = context_tokens
        self._max_tokens = min(settings.max_tokens, context_tokens // 2)
        self.out_of_time = False
        self.usage = (0, 0)
        self.attempts = 0

    def tokens_of(self, text: str) -> int:
        """Tokens of a text as the prompt shows it."""
        return self._generator.count_tokens(as_material(text))

    def room(self, schema: Node, title: str) -> int:
        """Tokens that a text may have. Raises InputError if the schema leaves too few."""
        turns = prompts.messages(schema, "", title=title, part=(99, 99))
        taken = sum(self._generator.count_tokens(turn.content) for turn in turns) + _TEMPLATE_TOKENS
        room = self._context_tokens - self._max_tokens - taken - _CORRECTION_TOKENS
        if room < _LEAST_WINDOW_TOKENS:
            raise InputError(
                "The schema takes {taken} tokens, and the model has {context} for everything: no room for a document.",
                remedy="Ask for fewer fields at a time, set extraction.max_tokens lower, or take another model.",
                taken=taken,
                context=self._context_tokens,
            )
        return room

    async def ask(
        self, schema: Node, text: str, title: str, part: tuple[int, int], misfits: Callable[[Any], tuple[str, ...]]
    ) -> _Answer:
        """What the generator says of a text, asked again while that does not fit and attempts are left."""
        said: Any = None
        problems: tuple[str, ...] = ()
        max_tokens = self._max_tokens
        for _ in range(self._settings.attempts):
            turns = prompts.messages(schema, text, title=title, part=part, problems=problems)
            self.attempts += 1
            try:
                reply = await self._reply(turns, schema, max_tokens)
                said = fitted(value_in(reply), schema)
                problems = misfits(said)
            except BadModelReply as error:
                problems = (str(error),)
                if not error.reply:  # cut off: the next may be longer, as far as the context goes
                    taken = sum(self._generator.count_tokens(turn.content) for turn in turns) + _TEMPLATE_TOKENS
                    max_tokens = max(max_tokens, min(2 * max_tokens, self._context_tokens - taken - _CORRECTION_TOKENS))
            if not problems:
                return _Answer(said, ())
            problems = tuple(_cut(problem) for problem in problems[:_MAX_PROBLEMS])
            if self.out_of_time:
                break
        return _Answer(said, problems)

    async def _reply(self, turns: list[Message], schema: Node, max_tokens: int) -> str:
        """The whole answer. Raises BadModelReply without a reply in it for one that did not end by itself."""
        bounds = Bounds(max_characters=_CHARS_PER_TOKEN * max_tokens, total_seconds=self._settings.max_seconds or None)
        pieces: list[str] = []
        usage: tuple[int, int] | None = None
        finish = None
        asked = self._generator.stream(turns, schema=schema, sampling=Sampling(max_tokens=max_tokens))
        try:
            async with aclosing(bounds.around(asked, count_tokens=self._generator.count_tokens)) as deltas:
                async for delta in deltas:
                    pieces.append(delta.text)
                    finish, usage = delta.finish_reason or finish, delta.usage or usage
                ended_by = deltas.ended_by
        except BadModelReply as error:
            if not error.reply:
                if "tokens" in error.values:
                    raise _cut_off(error.values["tokens"]) from error
                raise
            # It does not fit as it is; it may when what stands around it is gone.
            pieces, ended_by = [error.reply], "itself"
        reply = "".join(pieces)
        prompt, answer = usage or (
            sum(self._generator.count_tokens(turn.content) for turn in turns),
            self._generator.count_tokens(reply),
        )
        self.usage = self.usage[0] + prompt, self.usage[1] + answer
        if ended_by == "total":
            self.out_of_time = True
            raise BadModelReply(
                "The model's answer took longer than {seconds:g} seconds.",
                remedy="Raise extraction.max_seconds.",
                seconds=self._settings.max_seconds,
            )
        if ended_by != "itself" or finish == "length":
            raise _cut_off(answer)
        if not reply.strip():
            empty = BadModelReply("The model's answer is empty.", remedy="Ask again.")
            empty.reply = " "
            raise empty
        return reply


def _cut_off(tokens: object) -> BadModelReply:
    return BadModelReply(
        "The model's answer was cut off after {tokens} tokens, before its JSON ended.",
        remedy="Set extraction.max_tokens higher.",
        tokens=tokens,
    )


def _cut(problem: str) -> str:
    return problem if len(problem) <= _MAX_PROBLEM_CHARS else f"{problem[:_MAX_PROBLEM_CHARS]}…"
