"""What a knowledge base does when it is asked: what is found, with which means, under which rules it is answered.

Every way of asking comes through here: the asker's rights go into each search, word lists are held over question,
passages and answer, a persona says how, and what was answered before is given again. The flows themselves are in
`answering` and know no settings.
"""

import asyncio
import dataclasses
import datetime
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from qianxun import assemble
from qianxun.errors import Forbidden, InputError
from qianxun.files import signature
from qianxun.filters import Equals, Filter, Or, matches
from qianxun.protocols import Generator, Message, Sampling
from qianxun.records import Answer, AnswerOptions, Asker, Document, Passage, SearchResult
from qianxun.retrieval.follow_up import Turn
from qianxun.settings import Settings
from qianxun.storage.adapter import AdapterFile
from qianxun.storage.store import Store

if TYPE_CHECKING:
    from qianxun.answering.events import AnswerEvent
    from qianxun.answering.guarded import WordGuard
    from qianxun.answering.remembered import Remembered

# The flows of answers are imported by the methods that need them: a search needs none.


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A question with all that comes with it. `persona` None is `answer.persona`; `documents` are to be read whole.

    `turns` are the questions asked before, for search; `history` is what was said, for a model. `deep` is how many
    sub-questions there may be, 0 for none. `sampling` is how a model chooses tokens where not as the settings say, and
    `instructions` go under those of the persona; neither holds where whole documents are read or there is a plan.
    `options` are what the asker says of this one answer.
    """

    text: str
    where: Filter | None = None
    turns: Sequence[Turn] = ()
    history: Sequence[Message] = ()
    persona: str | None = None
    attachments: Sequence[str] = ()
    documents: Sequence[Document] = ()
    deep: int = 0
    sampling: Sampling | None = None
    instructions: str = ""
    options: AnswerOptions = dataclasses.field(default_factory=AnswerOptions)


class Asking:
    """Searches and answers over one knowledge base, under settings that do not change.

    `searcher` and `generator` make their parts at first use.
    """

    def __init__(
        self,
        directory: Path,
        store: Store,
        settings: Settings,
        *,
        searcher: Callable[[], Any],
        generator: Callable[[], Generator | None],
    ) -> None:
        self._directory = directory
        self._store = store
        self._settings = settings
        self._searcher = searcher
        self._generator = generator
        # One assignment sets both: threads need no lock.
        self._lists: tuple[tuple[object, ...], WordGuard | None] = (), None

    # -- searching -----------------------------------------------------------------------------------

    def search(self, query: str, asker: Asker, *, turns: Sequence[Turn] = (), **how: Any) -> SearchResult:
        """What is found, as word lists let it be shown; `how` as in `Searcher.search`."""
        before = [turn for turn in turns if self._may_be_asked(turn.question)]
        found: SearchResult = self._searcher().search(self._asked(query), asker=asker, turns=before, **how)
        return dataclasses.replace(found, passages=tuple(self.shown(found.passages)))

    def shown(self, passages: Sequence[Passage]) -> list[Passage]:
        """Passages as word lists let them be shown."""
        return list(self._guard.passages(passages) if self._guard is not None else passages)

    def shown_text(self, text: str) -> str:
        """The text of a document as word lists let it be shown, up to the first blocked word."""
        return self._guard.document(text) if self._guard is not None else text

    def held(self, answer: Answer) -> Answer:
        """An answer as word lists let it be shown."""
        return self._guard.answer(answer) if self._guard is not None else answer

    # -- answering -----------------------------------------------------------------------------------

    def events(
        self, question: Question, asker: Asker, cancelled: asyncio.Event | None
    ) -> AsyncGenerator["AnswerEvent", None]:
        """The events of an answer, of which nothing is shown that may not be."""
        return self._guarded(self._answered(question, asker, cancelled))

    async def summary(
        self,
        documents: Sequence[Document],
        about: str,
        sentences: int,
        asker: Asker,
        cancelled: asyncio.Event | None,
    ) -> AsyncGenerator["AnswerEvent", None]:
        """The events of a summary of whole documents. Raises InputError for fewer sentences than one."""
        from qianxun.answering.whole import flow

        if sentences < 1:
            raise InputError("A summary of {n} sentences cannot be made.", remedy="Ask for 1 or more.", n=sentences)

        def given() -> dict[str, Any]:
            way = self._way(None)
            where = way.within(None)
            documents_of = [one for one in documents if where is None or matches(where, one)]
            return {
                **self._means(way),
                "question": self._asked(about.strip()),
                "material": self._material(documents_of, asker),
                "encoder": self._searcher().encoder,
                "sentences": sentences,
            }

        events = flow.stream(**await asyncio.to_thread(given), cancelled=cancelled)
        async with aclosing(self._guarded(events)) as told:
            async for event in told:
                yield event

    async def _answered(
        self, question: Question, asker: Asker, cancelled: asyncio.Event | None
    ) -> AsyncGenerator["AnswerEvent", None]:
        """The events as they come into being, or those of the answer that was given to the same question before."""
        from qianxun.answering.events import Done, Shown, Text

        # In a thread: what is made at first use may take its time.
        varies = question.sampling is not None and question.sampling.temperature > 0.0
        remembered, key = None if varies else await asyncio.to_thread(lambda: self._remembered), None
        if remembered is not None:
            key = await asyncio.to_thread(lambda: remembered.key(asker, *self._depends_on(question)))
            known = await asyncio.to_thread(remembered.recall, key, question.text, asker)
            if known is not None:
                for told in (Shown(known.passages), Text(known.text), Done(known)):
                    yield told
                return
        flow, given = await asyncio.to_thread(self._flow, question, asker)
        async with aclosing(flow(**given, cancelled=cancelled)) as events:
            async for event in events:
                if isinstance(event, Done) and remembered is not None and key is not None:
                    await asyncio.to_thread(remembered.keep, key, event.answer)
                yield event

    async def _guarded(self, events: Any) -> AsyncGenerator["AnswerEvent", None]:
        guard = await asyncio.to_thread(lambda: self._guard)
        guarded: Any = guard.events(events) if guard is not None else events
        async with aclosing(guarded) as told:
            async for event in told:
                yield event

    def _flow(self, question: Question, asker: Asker) -> tuple[Callable[..., Any], dict[str, Any]]:
        """The flow that answers, and what it is given."""
        from qianxun.answering.answer import stream
        from qianxun.answering.material import asked

        if question.deep:
            return self._divided(question, asker)
        if question.documents:
            return self._read_whole(question, asker)
        way, searcher = self._way_for(question), self._searcher()
        given = asked(self._asked(question.text), list(map(self._asked, question.attachments)))
        if way.manner.grounding == "off":
            found = SearchResult(given.question, (), {}, {}, searched=given.question)
        else:
            k = max(way.answer.passages, 1)
            found = self._found(given.question, asker, way.within(question.where), question.turns, k)
        return stream, {
            **self._means(way.with_instructions(self._asked(question.instructions))),
            **self._of_search(found, searcher),
            "found": dataclasses.replace(found, query=question.text),
            "brought": given.material,
            "whole_table": self._whole_table,
            "history": question.history,
            "sampling": question.sampling,
            "n_documents": self._count(found, asker),
        }

    def _divided(self, question: Question, asker: Asker) -> tuple[Callable[..., Any], dict[str, Any]]:
        from qianxun.answering.deep import flow
        from qianxun.answering.material import asked

        if not 0 < question.deep <= flow.MOST_QUESTIONS:
            raise InputError(
                "A question cannot be divided into {n} sub-questions.",
                remedy="Ask for 1 to {most}.",
                n=question.deep,
                most=flow.MOST_QUESTIONS,
            )
        way, searcher = self._way_for(question), self._searcher()
        given = asked(self._asked(question.text), list(map(self._asked, question.attachments)))
        where, k = _among(question, way.within(question.where)), max(way.answer.passages, 1)

        def search(one: str) -> SearchResult:
            return self._found(one, asker, where, question.turns if one == given.question else (), k)

        return flow.stream, {
            **self._means(way),
            "question": given.question,
            "brought": given.material,
            "whole_table": self._whole_table,
            "most": question.deep,
            "search": search,
            "term_weights": searcher.term_weights,
            "encoder": searcher.encoder,
            "n_documents": lambda found: self._count(found, asker),
        }

    def _read_whole(self, question: Question, asker: Asker) -> tuple[Callable[..., Any], dict[str, Any]]:
        from qianxun.answering.whole import flow

        if question.attachments:
            raise InputError(
                "Whole documents and attached texts cannot be read for one question.",
                remedy="Ask of the documents, or of the texts.",
            )
        way, searcher = self._way_for(question), self._searcher()
        where = way.within(question.where)
        documents = [one for one in question.documents if where is None or matches(where, one)]
        text = self._asked(question.text)
        found = self._found(text, asker, _among(question, where), question.turns, flow.MOST_FOUND)
        return flow.stream, {
            **self._means(way),
            **self._of_search(found, searcher),
            "found": found,
            "material": self._material(documents, asker, found.passages),
        }

    # -- parts ---------------------------------------------------------------------------------------

    @property
    def _guard(self) -> "WordGuard | None":
        """The word lists as their files are now."""
        now = tuple(signature(Path(path)) for path in self._settings.guard.words)
        seen, guard = self._lists
        if seen != now:
            guard = assemble.word_guard(self._settings)
            self._lists = now, guard
        return guard

    @cached_property
    def _remembered(self) -> "Remembered | None":
        """Answers given before; None where there is nothing to remember: no model, or one that varies."""
        answering = self._settings.answer
        if self._generator() is None or self._settings.generator.temperature > 0.0:
            return None
        caches = assemble.answer_caches(self._settings, self._store)
        if caches is None:
            return None
        from qianxun.answering.remembered import Remembered

        return Remembered(caches, self._store, answering.cache_seconds, self.shown)

    def _depends_on(self, question: Question) -> tuple[object, ...]:
        """What an answer depends on beside the documents and the asker: settings, files, the day (for "yesterday")."""
        folder = self._directory / assemble.PROMPTS_FOLDER
        files = [*map(Path, self._settings.guard.words), AdapterFile(self._directory).path]
        files += sorted(folder.iterdir()) if folder.is_dir() else []
        today = datetime.datetime.now().astimezone().date()
        return question, self._settings, [(str(path), signature(path)) for path in files], today

    def _asked(self, text: str) -> str:
        """A question as word lists let it be asked. Raises InputError if they do not."""
        return self._guard.question(text) if self._guard is not None else text

    def _may_be_asked(self, text: str) -> bool:
        """Whether word lists let a question stand as it is: what leans on it would have its words."""
        return self._guard is None or self._guard.leaves_alone(text)

    def _way(self, persona: str | None) -> assemble.WayOfAnswering:
        return assemble.way_of_answering(self._directory, self._settings, persona)

    def _way_for(self, question: Question) -> assemble.WayOfAnswering:
        """The way in which this question is to be answered. Raises Forbidden, InputError."""
        options = question.options
        own = dataclasses.replace(options, instructions=self._own_instructions(options.instructions.strip()))
        return self._way(question.persona).with_options(own)

    def _own_instructions(self, text: str) -> str:
        """An asker's instructions as the settings and word lists let them be given."""
        most = self._settings.answer.own_instructions
        if text and not most:
            raise Forbidden("Instructions of one's own may not be given here.", remedy="Ask without them.")
        if len(text) > most:
            raise InputError(
                "Instructions of {n} characters are too long; {most} are the most.",
                remedy="Say it in fewer words.",
                n=len(text),
                most=most,
            )
        return self._asked(text)

    def _means(self, way: assemble.WayOfAnswering) -> dict[str, Any]:
        """What every flow is given, whatever it answers from."""
        from qianxun.answering.judging import judge_by

        generator, reranker = self._generator(), self._searcher().reranker
        judging = way.answer.judge and reranker is not None and generator is not None
        return {
            "generator": generator,
            "settings": way.answer,
            "generation": way.generator,
            "manner": way.manner,
            "judge": judge_by(reranker) if judging else None,
        }

    def _of_search(self, found: SearchResult, searcher: Any) -> dict[str, Any]:
        """The question as it was searched for, its words, and the encoder, unless that failed just now."""
        searched = found.searched or found.query
        return {
            "question": searched,
            "term_weights": searcher.term_weights(searched),
            "encoder": None if any(part.startswith("dense:") for part in found.degraded) else searcher.encoder,
        }

    def _found(self, text: str, asker: Asker, where: Filter | None, turns: Sequence[Turn], k: int) -> SearchResult:
        before = [turn for turn in turns if self._may_be_asked(turn.question)]
        found: SearchResult = self._searcher().search(text, asker=asker, k=k, where=where, turns=before)
        return dataclasses.replace(found, passages=tuple(self.shown(found.passages)))

    def _count(self, found: SearchResult, asker: Asker) -> int:
        return self._store.count(asker, cast("Filter | None", found.where))

    def _whole_table(self, passage: Passage) -> Passage | None:
        from qianxun.retrieval.around import whole_table

        found = whole_table(self._store, passage)
        return None if found is None else next(iter(self.shown([found])), None)

    def _material(self, documents: Sequence[Document], asker: Asker, found: Sequence[Passage] = ()) -> Any:
        """All that these documents hold and the asker may read, as word lists let it be shown."""
        from qianxun.answering.whole.documents import read

        material = read(self._store, documents, asker, found=found)
        passages = tuple(self.shown(material.passages))
        titles = tuple(dict.fromkeys(passage.title or passage.source for passage in passages))
        return dataclasses.replace(material, passages=passages, titles=titles)


def _among(question: Question, where: Filter | None) -> Filter | None:
    """A filter held to the documents of the question, where it names any."""
    if not question.documents:
        return where
    chosen = (one for one in question.documents if where is None or matches(where, one))
    return Or(tuple(Equals("source", one.source) for one in chosen))
