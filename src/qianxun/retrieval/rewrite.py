"""The question as it is searched: completed from the conversation, in other words, with an answer imagined.

By rules where there is no generator, or where it fails or takes longer than its budget, and the search says so. Not to
be called from a running event loop.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qianxun.errors import InputError, ModelError, OutOfTime
from qianxun.messages import Remark
from qianxun.protocols import Generator, Message, Sampling
from qianxun.retrieval import wordings
from qianxun.retrieval.follow_up import FollowUp, Turn, follow_up, prompt
from qianxun.retrieval.trace import Trace
from qianxun.settings import SearchSettings

logger = logging.getLogger(__name__)

_FOLLOW_UP_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Rewriter:
    """What is made of questions. `generator` gives None where there is none; `budget` is in seconds, 0 any."""

    settings: SearchSettings
    generator: Callable[[], Generator | None]
    budget: float

    def completed(self, question: str, turns: Sequence[Turn], trace: Trace) -> str:
        """The question as it can be searched without the turns before it, oldest first."""
        if not turns or self.settings.follow_up == "off":
            return question
        generator = self.generator() if self.settings.follow_up == "auto" else None
        found: FollowUp | None = None
        if generator is not None:
            reply = self._written(generator, prompt.messages(question, turns), _FOLLOW_UP_TOKENS, trace)
            found = prompt.accepted(reply, question, turns) if reply else None
        if found is None:
            with trace.stage("follow-up"):
                found = follow_up(question, turns)
        if found.carried:
            trace.notes.append(Remark("Searched for: {question}", question=found.text))
        return found.text

    def other_wordings(self, question: str, trace: Trace) -> tuple[str, ...]:
        """As many other wordings as are set; none without a generator."""
        n = self.settings.wordings
        generator = self.generator() if n else None
        if generator is None:
            return ()
        turns = wordings.wordings_messages(question, n)
        found = wordings.wordings_of(self._written(generator, turns, n * wordings.WORDING_TOKENS, trace), question, n)
        if found:
            trace.notes.append(Remark("Also searched for: {questions}", questions=" / ".join(found)))
        return found

    def hypothetical_answer(self, question: str, trace: Trace) -> str:
        """What an answer might look like, if that is set; "" without a generator."""
        generator = self.generator() if self.settings.hypothetical_answer else None
        if generator is None:
            return ""
        turns = wordings.answer_messages(question)
        return wordings.answer_of(self._written(generator, turns, wordings.ANSWER_TOKENS, trace))

    def _written(self, generator: Generator, turns: Sequence[Message], max_tokens: int, trace: Trace) -> str:
        """What the generator writes; "" if it fails or takes too long."""

        async def whole() -> str:
            sampling = Sampling(max_tokens=max_tokens)
            return "".join([delta.text async for delta in generator.stream(turns, sampling=sampling)])

        if any(line.startswith("expand: ") for line in trace.degraded):
            return ""  # it would fail again, and take as long
        try:
            return trace.within("expand", self.budget, lambda: asyncio.run(whole()))
        except (ModelError, OutOfTime, InputError) as error:
            logger.warning("nothing was written about the question: %s", error)
            trace.degraded.append(f"expand: {error}")
            return ""
