"""Word lists held over a question, over what is found for it, and over the answer, whole or as it comes. Pure.

What is masked keeps its length, so that every offset stays true. Knows no list's file and no store.
"""

import dataclasses
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from qianxun.answering.events import AnswerEvent, Checked, Done, Shown, Text, Withdrawn
from qianxun.answering.wording import language_of, sentence
from qianxun.errors import InputError
from qianxun.guarding import Guarding, Words, guard
from qianxun.records import Answer, Citation, Passage, Statement

Place: TypeAlias = Literal["questions", "passages", "answers"]
PLACES: Final[tuple[Place, ...]] = ("questions", "passages", "answers")


@dataclass(frozen=True, slots=True)
class WordGuard:
    """Word lists, and where they are held: over questions, passages, answers."""

    words: Words
    places: frozenset[Place] = frozenset(PLACES)

    def question(self, text: str) -> str:
        """The question as it may be asked. Raises InputError, without naming the word, if it may not."""
        if "questions" not in self.places:
            return text
        found = guard(text, self.words)
        if found.action == "block":
            raise InputError(
                "The question holds words that may not be used here.", remedy="Ask in other words, or an administrator."
            )
        return found.text

    def passages(self, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """The passages as they may be shown; those with a blocked word are left out, and the others keep their rank."""
        if "passages" not in self.places:
            return tuple(passages)
        return tuple(shown for passage in passages if (shown := self._passage(passage)) is not None)

    def _passage(self, passage: Passage) -> Passage | None:
        parts = (passage.text, passage.context, passage.title, *passage.heading)
        found = [guard(part, self.words) for part in parts]
        if any(one.action == "block" for one in found):
            return None
        if all(one.action in (None, "warn") for one in found):
            return passage
        text, context, title, *heading = (one.text for one in found)
        return dataclasses.replace(passage, text=text, context=context, title=title, heading=tuple(heading))

    def answer(self, answer: Answer) -> Answer:
        """The answer as it may be shown: it ends before a blocked word, with the sentence before that."""
        if "answers" not in self.places:
            return answer
        whole = guard(answer.text, self.words)
        if whole.action is None:
            return answer
        kept = [one for one in answer.statements if one.span.end <= len(whole.text)]
        cut = len(whole.text) < len(answer.text)
        text = whole.text[: kept[-1].span.end if kept else 0] if cut else whole.text
        notes = list(answer.notes)
        language = language_of(answer.question)
        if cut:
            notes.append(sentence("blocked", language))
        elif whole.action == "warn":
            notes.append(sentence("warned", language))
        return dataclasses.replace(
            answer,
            text=text,
            verdict="no_evidence" if cut and not kept else answer.verdict,
            statements=tuple(self._statement(one) for one in kept),
            citations=tuple(self._citation(one) for one in answer.citations if one.statement < len(kept)),
            notes=tuple(notes),
        )

    def _statement(self, one: Statement) -> Statement:
        return dataclasses.replace(
            one,
            text=guard(one.text, self.words).text,
            unknown=tuple(guard(fact, self.words).text for fact in one.unknown),
        )

    def _citation(self, one: Citation) -> Citation:
        return dataclasses.replace(one, sentence=guard(one.sentence, self.words).text)

    async def events(self, events: AsyncIterator[AnswerEvent]) -> AsyncIterator[AnswerEvent]:
        """The events of an answer, of which nothing is shown that may not be."""
        if "answers" not in self.places:
            async with aclosing(events) as told:  # type: ignore[type-var]
                async for event in told:
                    yield event
            return
        guarding = Guarding(self.words)
        waiting: list[tuple[int, AnswerEvent]] = []  # behind so many characters
        n_fed = n_given = 0

        def given(text: str, upto: Collection[tuple[int, AnswerEvent]]) -> list[AnswerEvent]:
            """What may be shown now: the text, and between its parts what was waiting for them."""
            nonlocal n_given
            out: list[AnswerEvent] = []
            for place, event in list(upto):
                if place > n_given + len(text):
                    break
                before, text = text[: place - n_given], text[place - n_given :]
                out += [Text(before)] if before else []
                n_given = place
                out.append(self._event(event))
                waiting.pop(0)
            if text:
                out.append(Text(text))
                n_given += len(text)
            return out

        async with aclosing(events) as told:  # type: ignore[type-var]
            async for event in told:
                if isinstance(event, Text):
                    n_fed += len(event.text)
                    for out in given(guarding.feed(event.text), waiting):
                        yield out
                elif isinstance(event, Withdrawn | Done | Shown):
                    for out in given("" if isinstance(event, Withdrawn) else guarding.close(), waiting):
                        yield out
                    guarding, n_fed, n_given = Guarding(self.words), 0, 0
                    waiting.clear()
                    yield Done(self.answer(event.answer)) if isinstance(event, Done) else event
                elif not guarding.stopped:
                    waiting.append((n_fed, event))
                    for out in given("", waiting):
                        yield out

    def _event(self, event: AnswerEvent) -> AnswerEvent:
        if not isinstance(event, Checked):
            return event
        citations = tuple(map(self._citation, event.citations))
        return dataclasses.replace(event, statement=self._statement(event.statement), citations=citations)
