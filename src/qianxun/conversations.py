"""Conversations through the Python door: questions that lean on those before, kept, exported, and really deleted.

with qianxun.open("kb") as kb:
    token = kb.conversations.begin()
    print(kb.conversations.ask(token, "上海的住宿限额是多少？").text)
    print(kb.conversations.ask(token, "那广州呢？").text)

An answer is written by a task of its own: who stops listening does not stop it, and reads on with `resume`, also from
another process.
"""

import asyncio
import builtins
import dataclasses
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qianxun.answering.events import AnswerEvent, Done
from qianxun.answering.history import SUMMARY_SHARE, History, Past, history, summed_up, to_sum_up
from qianxun.answering.keeping import PastTurn, Show, Talk, answer_of, kept_of
from qianxun.answering.telling import Ended, Telling, Told, told_since
from qianxun.assemble import ConversationsFile
from qianxun.errors import InputError, NotFound, QianxunError
from qianxun.filters import Filter, matches, visible_to
from qianxun.protocols import Generator
from qianxun.records import Answer, Asker, document_of
from qianxun.retrieval.follow_up import MAX_TURNS, Turn, follow_up
from qianxun.settings import ConversationSettings
from qianxun.storage.conversations import Conversation, Conversations, KeptTurn
from qianxun.storage.store import Store

__all__ = ["Ended", "PastTurn", "Talk", "Talks", "Told"]

logger = logging.getLogger(__name__)

Format = Literal["markdown", "json"]


@dataclass(frozen=True, slots=True)
class _Before:
    """What was said before a question: for search, for the model, and the documents that this rests on."""

    turns: tuple[Turn, ...]
    history: History
    documents: tuple[int, ...]


class Talks:
    """The conversations about one knowledge base.

    `owner` is whose they are, "" for the administrator's own; nobody else sees that there is one. What an `asker` may
    not read (any more), and what was removed, is in nothing that these methods give. Raises NotFound for a conversation
    that is not there, or not the owner's; Busy while the file is in use.
    """

    def __init__(
        self,
        file: ConversationsFile,
        store: Store,
        settings: ConversationSettings,
        *,
        stream: Callable[..., AsyncIterator[AnswerEvent]],
        generator: Callable[[], Generator | None],
        shown: Show = list,
        held: Callable[[Answer], Answer] = lambda answer: answer,
    ) -> None:
        self._file = file
        self._store = store
        self._settings = settings
        self._stream = stream
        self._generator = generator
        # What word lists let be shown of passages, and of answers that were given before the lists.
        self._shown = shown
        self._held = held
        self._running: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    # -- conversations -------------------------------------------------------------------------------

    def begin(
        self, *, owner: str = "", title: str = "", profile: str = "", settings: Mapping[str, Any] | None = None
    ) -> str:
        """A new conversation; returns its token. Raises InputError where conversations are not kept, and as
        `keep_settings` does."""
        return self._writable().begin(owner, title=title, profile=profile, settings=settings)

    def list(self, *, owner: str = "", first: int = 0, count: int = 100) -> "builtins.list[Conversation]":
        """An owner's conversations, newest change first."""
        kept = self._file()
        return kept.of(owner, first=first, count=count) if kept is not None else []

    def find(self, beginning: str, *, owner: str = "") -> str:
        """The token that begins so. Raises NotFound, and InputError if several do."""
        kept = self._file()
        found = kept.tokens(beginning, owner) if kept is not None and beginning else []
        if not found:
            raise _nowhere(beginning)
        if len(found) > 1 and beginning not in found:
            raise InputError(
                "{n} conversations begin with {beginning}.",
                remedy="Type more of the token.",
                n=len(found),
                beginning=beginning,
            )
        return beginning if beginning in found else found[0]

    def get(
        self,
        token: str,
        *,
        owner: str = "",
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    ) -> Talk:
        """A conversation with its turns, as this asker may read them now."""
        kept = self._there(token)
        kept.settle()
        conversation, settings = kept.get(token, owner), kept.settings(token, owner)
        return Talk(conversation, tuple(self._read(one, asker) for one in kept.turns(token, owner)), settings)

    def rename(self, token: str, title: str, *, owner: str = "") -> None:
        """Gives it another title."""
        self._there(token).rename(token, owner, title)

    def keep_settings(self, token: str, settings: Mapping[str, Any], *, owner: str = "") -> None:
        """Keeps what a client has set for it, in place of what was set before: a small JSON object of the client's own,
        which means nothing here. Raises InputError for what is none, or too large.
        """
        self._there(token).keep_settings(token, owner, settings)

    def delete(self, token: str, *, owner: str = "") -> None:
        """Deletes it with all that was said; `KnowledgeBase.compact` takes the last trace out of the file."""
        kept = self._there(token)
        kept.get(token, owner)
        kept.delete(token, owner)

    def erase(self, owner: str) -> int:
        """Deletes all of an owner's, of all knowledge bases; returns how many there were."""
        kept = self._file()
        return kept.erase(owner) if kept is not None else 0

    def forget_all(self) -> int:
        """Deletes everybody's about this knowledge base; returns how many there were."""
        kept = self._file()
        return kept.forget_all() if kept is not None else 0

    def exists(self, token: str) -> bool:
        """Whether there is such a conversation, whosever it is."""
        kept = self._file()
        return kept is not None and kept.exists(token)

    def export(
        self,
        token: str,
        format: Format = "markdown",
        *,
        owner: str = "",
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    ) -> str:
        """All of it as text, with what its answers cite, as this asker may read it now."""
        from qianxun.shapes import conversation_shape
        from qianxun.transcripts import markdown_of

        talk = self.get(token, owner=owner, asker=asker)
        if format == "json":
            return json.dumps(conversation_shape(talk), ensure_ascii=False, indent=2) + "\n"
        return markdown_of(talk)

    # -- asking --------------------------------------------------------------------------------------

    def ask(
        self,
        token: str,
        question: str,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
        owner: str = "",
        **how: Any,
    ) -> Answer:
        """The answer to the next question of a conversation. Not to be called from within a running event loop.

        `how` is what else `KnowledgeBase.ask` takes: a persona, attachments, documents.

        Raises what `KnowledgeBase.ask` does; NotFound if what the answer was being written from was removed meanwhile.
        """

        async def whole() -> Answer | None:
            answer = None
            async for told in self.stream(token, question, asker=asker, where=where, owner=owner, **how):
                answer = told.event.answer if isinstance(told.event, Done) else None
            return answer

        answer = asyncio.run(whole())
        if answer is None:
            raise removed_meanwhile()
        return answer

    async def stream(
        self,
        token: str,
        question: str,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
        owner: str = "",
        **how: Any,
    ) -> AsyncIterator[Told]:
        """The answer to the next question as it comes into being; the last event is `Done`, or `Ended` without one.

        Who stops listening does not stop it: `resume` goes on listening, `cancel` stops. After the last event a
        summary may be written before the iterator ends. Raises what `KnowledgeBase.stream` does.
        """
        kept = await asyncio.to_thread(self._writable)
        turn, before = await asyncio.to_thread(self._begun, kept, token, owner, question, asker)
        heard: asyncio.Queue[Told | BaseException | None] = asyncio.Queue()
        telling = Telling(kept, self._store, token, owner, turn, recalled=before.documents, tell=heard.put_nowait)

        def as_kept(answer: Answer) -> Any:
            return kept_of(answer, searched=_own_words(answer, question, before.turns), recalled=before.documents)

        async def to_the_end() -> None:
            try:
                events = self._stream(
                    question,
                    asker=asker,
                    where=where,
                    turns=before.turns,
                    history=before.history.messages,
                    cancelled=telling.cancelled,
                    **how,
                )
                await telling.run(events, as_kept)
                await self._sum_up(kept, token, owner, asker)
            except Exception as error:
                logger.info("turn %d of a conversation failed: %s", turn, type(error).__name__)
                heard.put_nowait(error)
            finally:
                heard.put_nowait(None)

        task = asyncio.create_task(to_the_end())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        while (told := await heard.get()) is not None:
            if isinstance(told, BaseException):
                raise told
            yield told

    async def resume(
        self,
        token: str,
        turn: int,
        *,
        after: int = 0,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        owner: str = "",
    ) -> AsyncIterator[Told]:
        """What a turn said after a place, then what comes until it ends; in any process. It ends as `stream` does.

        Of a turn that is over, only that last event. One whose writer is gone ends as `failed` after half a minute.
        """
        kept = await asyncio.to_thread(self._there, token)
        async for told in told_since(
            kept, self._store, token, owner, turn, after=after, asker=asker, shown=self._shown
        ):
            if isinstance(told.event, Done):
                told = dataclasses.replace(told, event=Done(self._held(told.event.answer)))
            yield told

    def cancel(self, token: str, turn: int, *, owner: str = "") -> None:
        """Stops a running answer, in whichever process it is: what was said until then is the answer.

        Raises InputError if it is not running any more.
        """
        self._there(token).stop(token, owner, turn)

    async def finished(self) -> None:
        """Waits until every answer that was begun in this event loop has ended: before the loop itself does."""
        loop = asyncio.get_running_loop()
        while running := [task for task in self._running if task.get_loop() is loop]:
            await asyncio.wait(running)

    # -- parts ---------------------------------------------------------------------------------------

    def _writable(self) -> Conversations:
        if not self._settings.keep:
            raise InputError("Conversations are not kept.", remedy="Set conversation.keep to true.")
        return self._file.opened()

    def _there(self, token: str) -> Conversations:
        kept = self._file()
        if kept is None:
            raise _nowhere(token)
        return kept

    def _read(self, one: KeptTurn, asker: Asker) -> PastTurn:
        if one.answer is None:
            return PastTurn(one.turn, one.state, one.asked, one.question, None, whole=one.state != "removed")
        answer, whole = answer_of(one.answer, one.question, self._store, asker, self._shown)
        answer = self._held(answer)
        return PastTurn(one.turn, one.state, one.asked, one.question, answer, whole)

    def _past(self, turns: Sequence[KeptTurn], asker: Asker) -> "builtins.list[Past]":
        read = [self._read(one, asker) for one in turns if one.state != "running"]
        return [Past(one.turn, one.question, one.answer, one.whole or one.answer is None) for one in read]

    def _begun(self, kept: Conversations, token: str, owner: str, question: str, asker: Asker) -> tuple[int, _Before]:
        turns = kept.turns(token, owner)
        past = self._past(turns, asker)
        told = self._told(kept, token, owner, past)
        asked = tuple(
            Turn(one.question, _cited(one.answer), options=tuple(of.label for of in one.answer.options))
            if one.answer is not None
            else Turn(one.question)
            for one in past[-MAX_TURNS:]
        )
        # Headings of what was cited may be searched for, and thereby asked.
        rests_on = {*told.turns, *(one.turn for one, of in zip(past[-MAX_TURNS:], asked, strict=True) if of.cited)}
        documents = {
            document
            for one in turns
            if one.turn in rests_on and one.answer is not None
            for document in (*(document_of(each.chunk) for each in one.answer.passages), *one.answer.recalled)
        }
        where = visible_to(asker)
        live = self._store.live(sorted(documents)).values()
        readable = tuple(one.id for one in live if where is None or matches(where, one))
        return kept.ask(token, owner, question), _Before(asked, told, readable)

    def _told(self, kept: Conversations, token: str, owner: str, past: Sequence[Past]) -> History:
        """What the model is told of the turns before; a summary only if the asker may read all that it was made of."""
        generator = self._generator()
        if generator is None or not past or not self._settings.history_tokens:
            return History()
        summary, summarised = kept.summary(token, owner)
        if any(one.turn <= summarised and not one.whole for one in past):
            summary, summarised = "", 0
        return history(
            past,
            summary=summary,
            summarised=summarised,
            max_tokens=self._budget(generator),
            count_tokens=generator.count_tokens,
        )

    def _budget(self, generator: Generator) -> int:
        return min(self._settings.history_tokens, generator.context_tokens // 4)

    async def _sum_up(self, kept: Conversations, token: str, owner: str, asker: Asker) -> None:
        """Has the turns that no longer fit summed up, if that is due. No answer depends on it."""
        if not self._settings.summary or not self._settings.history_tokens or self._generator() is None:
            return
        try:
            await self._summed_up(kept, token, owner, asker)
        except QianxunError as error:
            logger.warning("a conversation is not summed up: %s", error)

    async def _summed_up(self, kept: Conversations, token: str, owner: str, asker: Asker) -> None:
        generator = self._generator()
        assert generator is not None
        past = await asyncio.to_thread(lambda: self._past(kept.turns(token, owner), asker))
        before, summarised = await asyncio.to_thread(kept.summary, token, owner)
        budget = await asyncio.to_thread(self._budget, generator)
        told = await asyncio.to_thread(
            lambda: history(
                past, summary=before, summarised=summarised, max_tokens=budget, count_tokens=generator.count_tokens
            )
        )
        upto = to_sum_up(past, told.turns, summarised)
        if not upto:
            return
        new = [one for one in past if summarised < one.turn <= upto]
        summary = await summed_up(new, before, generator, max_tokens=int(budget * SUMMARY_SHARE))
        if not summary:
            return
        answers = [one.turn for one in past if one.turn <= upto and one.answer is not None]
        await asyncio.to_thread(kept.summarise, token, owner, summary, upto, answers=answers)
        # A removal forgets summaries after its documents are gone: either it finds this one, or we see it.
        still = await asyncio.to_thread(lambda: self._past(kept.turns(token, owner), asker))
        if any(one.turn <= upto and not one.whole for one in still):
            await asyncio.to_thread(kept.summarise, token, owner, "", 0)


def _cited(answer: Answer | None) -> tuple[str, ...]:
    """What an answer cites, a heading or a title each, in order."""
    citations = answer.citations if answer is not None else ()
    return tuple(dict.fromkeys(" › ".join(one.heading) or one.title for one in citations))


def _own_words(answer: Answer, question: str, turns: Sequence[Turn]) -> str:
    """What was searched for, if people's questions alone account for it; else the question as it was asked."""
    from_questions = follow_up(question, [dataclasses.replace(one, cited=()) for one in turns]).text
    return answer.searched if answer.searched in (question, from_questions) else question


def removed_meanwhile() -> NotFound:
    """What is raised where an answer ends without one."""
    return NotFound(
        "A document that was being read for the answer was removed meanwhile.", remedy="Ask the question again."
    )


def _nowhere(token: str) -> NotFound:
    return NotFound("There is no conversation {token}.", remedy="`qianxun conversations` lists them.", token=token)
