"""Word lists held over a question, over what is found for it, and over the answer, whole or as it comes. Pure.

What is masked keeps its length, so that every offset stays true. Knows no list's file and no store.
"""

import dataclasses
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from qianxun.answering import cite
from qianxun.answering.events import AnswerEvent, Checked, Done, Shown, Text, Withdrawn
from qianxun.answering.wording import Language, language_of, sentence
from qianxun.errors import InputError
from qianxun.guarding import SIGN, Action, Guarding, Words, guard, strictest
from qianxun.records import Answer, Citation, Conflict, Option, Passage, Plan, Statement

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

    def document(self, text: str) -> str:
        """The text of a document as it may be shown: up to the first blocked word."""
        return guard(text, self.words).text if "passages" in self.places else text

    def _passage(self, passage: Passage) -> Passage | None:
        parts = (passage.text, passage.context, passage.title, *passage.heading)
        found = [guard(part, self.words) for part in parts]
        if any(one.action == "block" for one in found):
            return None
        if all(one.action in (None, "warn") for one in found):
            return passage
        text, context, title, *heading = (one.text for one in found)
        return dataclasses.replace(passage, text=text, context=context, title=title, heading=tuple(heading))

    def leaves_alone(self, text: str) -> bool:
        """Whether a question may be asked as it is."""
        return "questions" not in self.places or guard(text, self.words).action in (None, "warn")

    def answer(self, answer: Answer) -> Answer:
        """The answer as it may be shown: it ends before a blocked word, with the sentence before that."""
        if "answers" not in self.places:
            return answer
        text, action = self._as_read(answer.text)
        cut = len(text) < len(answer.text)
        kept = [one for one in answer.statements if one.span.end <= len(text)]
        if cut:
            text = text[: kept[-1].span.end if kept else 0]
        notes = list(map(self._said, answer.notes))
        language: Language = "zh" if (answer.language or language_of(answer.question)) == "zh" else "en"
        if cut:
            notes.append(sentence("blocked", language))
        elif action == "warn":
            notes.append(sentence("warned", language))
        return dataclasses.replace(
            answer,
            searched=self._said(answer.searched),
            text=text,
            verdict="no_evidence" if cut and not kept else answer.verdict,
            statements=tuple(self._statement(one) for one in kept),
            citations=tuple(self._citation(one) for one in answer.citations if one.statement < len(kept)),
            notes=tuple(notes),
            degraded=tuple(map(self._said, answer.degraded)),
            conflicts=() if cut else tuple(map(self._conflict, answer.conflicts)),
            options=() if cut else tuple(map(self._option, answer.options)),
            plan=answer.plan and self._plan(answer.plan),
        )

    def _said(self, text: str) -> str:
        return guard(text, self.words).text

    def _as_read(self, text: str) -> tuple[str, Action | None]:
        """The text as it may be shown, and the strictest action: a mark within a word does not hide the word."""
        in_marks = {place for start, end in cite.mark_places(text) for place in range(start, end)}
        places = [place for place in range(len(text)) if place not in in_marks]
        found = self.words.find("".join(text[place] for place in places))
        shown = list(text)
        for each in found:
            if each.action == "mask":
                for place in places[each.start : each.end]:
                    shown[place] = SIGN
        end = min((places[each.start] for each in found if each.action == "block"), default=len(text))
        return "".join(shown[:end]), strictest(found)

    def _conflict(self, one: Conflict) -> Conflict:
        values = (
            dataclasses.replace(
                stated, value=self._said(stated.value), citations=tuple(map(self._citation, stated.citations))
            )
            for stated in one.values
        )
        return dataclasses.replace(one, values=tuple(values))

    def _option(self, one: Option) -> Option:
        return Option(
            self._said(one.label),
            self._said(one.question),
            self._said(one.value),
            tuple(map(self._citation, one.citations)),
        )

    def _plan(self, plan: Plan) -> Plan:
        questions = (dataclasses.replace(one, question=self._said(one.question)) for one in plan.questions)
        return dataclasses.replace(plan, questions=tuple(questions))

    def _statement(self, one: Statement) -> Statement:
        return dataclasses.replace(
            one,
            text=self._said(one.text),
            unknown=tuple(map(self._said, one.unknown)),
        )

    def _citation(self, one: Citation) -> Citation:
        return dataclasses.replace(one, sentence=self._said(one.sentence))

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
                    yield self._ending(event)
                elif not guarding.stopped:
                    waiting.append((n_fed, event))
                    for out in given("", waiting):
                        yield out

    def _event(self, event: AnswerEvent) -> AnswerEvent:
        if not isinstance(event, Checked):
            return event
        citations = tuple(map(self._citation, event.citations))
        return dataclasses.replace(event, statement=self._statement(event.statement), citations=citations)

    def _ending(self, event: Withdrawn | Done | Shown) -> AnswerEvent:
        if isinstance(event, Done):
            return Done(self.answer(event.answer))
        return Withdrawn(self._said(event.reason)) if isinstance(event, Withdrawn) else event
