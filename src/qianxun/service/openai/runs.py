"""What stands behind a chat: a knowledge base that is asked, or a generator alone. Both give text, then what it took.

Knows no reply's shape: chat and responses make theirs from the same runs.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from qianxun.answering.wording import language_of
from qianxun.errors import InputError, QianxunError
from qianxun.knowledge_base import KnowledgeBase
from qianxun.models.remote.counting import estimated_tokens
from qianxun.protocols import Generator, Message, Sampling
from qianxun.records import Answer
from qianxun.service.heard import counted
from qianxun.service.openai import replies
from qianxun.service.openai.catalogue import NONE, Model, chosen, opened
from qianxun.service.openai.counting import tokens_of
from qianxun.service.openai.errors import no_model
from qianxun.service.openai.prompted import Prompted, history_of, instructions_of, prompted
from qianxun.service.openai.replies import Counted
from qianxun.service.openai.requests import ChatRequest, Citing, Waits, told_of
from qianxun.service.openai.telling import Teller
from qianxun.service.visit import Visit, readable_filter
from qianxun.settings import engine_of

# Of what a model can read, what was said before may take one part in so many.
_PARTS_FOR_HISTORY: Final = 4
# The settings say how long an answer may be at most.
_ANY_LENGTH: Final = 1 << 30
_OF_A_GENERATOR: Final = ("temperature", "top_p", "seed", "stop", "max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run: why it ended ("stop", "length"), its tokens, and our own part of the reply."""

    reason: str
    prompt: int
    completion: int
    more: replies.Body


class Run(Protocol):
    """One reply in the making."""

    def pieces(self) -> AsyncGenerator[str, None]:
        """Its text as it comes; some pieces are empty. Closing it stops the model. Raises QianxunError."""
        ...

    def outcome(self) -> Outcome:
        """What became of it, once all pieces were given; also told to the visit."""
        ...


async def run_of(request: ChatRequest, visit: Visit) -> tuple[Model, Run]:
    """The model that a chat asks, and its run, which does nothing before its first piece is asked for.

    Raises NotFound for a model that there is not, InputError for what it cannot do.
    """
    request.refuse_unsupported()
    told_of(visit, request.user)
    model = await visit.run("look", chosen, visit, request.model, ("answers", "generate"))
    kb = await visit.run("look", opened, visit, model)
    if model.kind == "generate":
        return model, await _generated(request, visit, model, kb)
    return model, Asking(request, visit, model, kb)


class Asking:
    """A chat as a question to a knowledge base."""

    def __init__(self, request: ChatRequest, visit: Visit, model: Model, kb: KnowledgeBase) -> None:
        visit.facts.action = "ask"
        if request.schema_asked() is not None:
            raise InputError(
                "Answers from documents are text: response_format cannot be honoured.",
                remedy="Ask a generate: model, or draw values out of documents with `qianxun extract`.",
                param="response_format",
            )
        section, wishes = visit.service.settings.openai, request.qianxun
        self._request = request
        self._visit = visit
        self._model = model
        self._kb = kb
        self._given: Prompted = prompted(request.turns())
        self._where = visit.where(readable_filter(wishes.where if wishes else None))
        follows = section.system_messages == "follow" and self._has_generator
        self._instructions = instructions_of(self._given) if follows else ""
        self._sampling = self._sampled() if self._has_generator else None
        waits: Waits = (wishes and wishes.stream) or section.stream
        citing: Citing = (wishes and wishes.citations) or section.citations
        persona = kb.settings.personas.get(model.persona or kb.settings.answer.persona)
        language = (persona and persona.language) or language_of(self._given.question)
        self._teller = Teller(waits, citing, language)

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The client's text; the first piece, perhaps empty, comes as soon as there is anything to answer from."""
        history = await self._visit.run("models", self._history) if self._given.said else []
        events: Any = self._kb.stream(
            self._given.question,
            asker=self._visit.asker,
            where=self._where,
            turns=self._given.before,
            history=history,
            persona=self._model.persona or None,
            sampling=self._sampling,
            instructions=self._instructions,
        )
        async with aclosing(counted(self._visit, self._kb, events)) as told:
            async for event in told:
                yield self._teller.tell(event)

    def outcome(self) -> Outcome:
        """The answer's; who counted its tokens is in our own part."""
        answer = self._teller.answer
        assert answer is not None, "an answer ends with Done"
        answer = self._visit.told(answer)
        prompt, completion, counted = self._counted(answer)
        more = replies.extension(answer, ignored=self._ignored(), counted=counted)
        return Outcome(replies.finished(answer.finish_reason), prompt, completion, more)

    @property
    def _has_generator(self) -> bool:
        return engine_of(self._kb.settings.generator) != NONE

    def _sampled(self) -> Sampling | None:
        """How the client wants tokens chosen; None where it leaves that to the settings and the persona."""
        section = self._kb.settings.generator
        usual = Sampling(_ANY_LENGTH, section.temperature, section.top_p)
        wished = self._request.sampling(section)
        wished = replace(wished, max_tokens=self._request.most_tokens or _ANY_LENGTH)
        return None if wished == usual else wished

    def _history(self) -> list[Message]:
        """What a model is told that was said before."""
        generator, most = self._kb.generator, self._kb.settings.conversation.history_tokens
        if generator is None or not most:
            return []
        most = min(most, generator.context_tokens // _PARTS_FOR_HISTORY)
        return history_of(self._given, max_tokens=most, count_tokens=generator.count_tokens)

    def _counted(self, answer: Answer) -> tuple[int, int, Counted]:
        if answer.usage is not None:
            return *answer.usage, "model"
        section, settings = self._kb.settings.generator, self._kb.settings
        prompt, counted = tokens_of([answer.question], section, settings)
        completion, _ = tokens_of([answer.text], section, settings)
        return prompt, completion, counted

    def _ignored(self) -> list[str]:
        """What the client asked for and this had no use for."""
        ignored = self._request.ignored()
        if not self._has_generator:
            ignored += [name for name in _OF_A_GENERATOR if getattr(self._request, name) is not None]
        if self._given.instructions and not self._instructions:
            ignored.append("messages: system")
        return ignored


class Generated:
    """What a generator alone writes for messages."""

    def __init__(
        self,
        generator: Generator,
        turns: Sequence[Message],
        sampling: Sampling,
        visit: Visit,
        model: Model,
        *,
        schema: dict[str, Any] | None = None,
        ignored: Sequence[str] = (),
    ) -> None:
        visit.facts.action = "completions"
        self._generator = generator
        self._turns = turns
        self._sampling = sampling
        self._visit = visit
        self._model = model
        self._schema = schema
        self._ignored = list(ignored)
        self._reason: str | None = None
        self._usage: tuple[int, int] | None = None

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The text as it comes. Closing it stops the model. Raises ModelError, InputError."""
        stream: Any = self._generator.stream(self._turns, schema=self._schema, sampling=self._sampling)
        refused, written = False, ""
        try:
            async with aclosing(stream) as deltas:
                async for delta in deltas:
                    written += delta.text
                    self._reason = delta.finish_reason or self._reason
                    self._usage = delta.usage or self._usage
                    yield delta.text
        except QianxunError:
            refused = not written
            raise
        finally:
            # Also of what nobody waited for: or whoever hangs up in time would never use up a quota.
            if self._usage is None and not refused:
                read = sum(estimated_tokens(turn.content) for turn in self._turns)
                self._usage = read, estimated_tokens(written)
                self._visit.facts.detail["estimated"] = True
            self._count()

    def outcome(self) -> Outcome:
        """As the generator tells it, or estimated where it does not."""
        return Outcome(replies.finished(self._reason), *(self._usage or (0, 0)), {"ignored": self._ignored})

    def _count(self) -> None:
        prompt, completion = self._usage or (0, 0)
        facts = self._visit.facts
        facts.models = {"generator": self._model.name}
        facts.prompt_tokens += prompt
        facts.completion_tokens += completion


def generator_of(kb: KnowledgeBase) -> Generator:
    """The generator of a knowledge base. Raises NotFound if there is none (any more)."""
    if kb.generator is None:
        raise no_model("generate")
    return kb.generator


async def _generated(request: ChatRequest, visit: Visit, model: Model, kb: KnowledgeBase) -> Generated:
    turns = request.turns()
    if not turns:
        raise InputError("The messages hold no text.", param="messages")
    return Generated(
        await visit.run("models", generator_of, kb),
        turns,
        request.sampling(kb.settings.generator),
        visit,
        model,
        schema=request.schema_asked(),
        ignored=request.ignored(),
    )
