"""An answer that a model writes, checked while it comes.

Text is shown as it comes, but for a beginning that may turn out to say that there is no answer; where sentences that
nothing bears are taken out, each is shown once it is checked, and where they void the answer, all at the end.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from qianxun.answering.bounds import Bounds, Ending
from qianxun.answering.checked import Checked, Checker, assembled, is_kept
from qianxun.answering.draft import Draft, nothing_found, refused
from qianxun.answering.reading import Mark, Reader, Sentence, Text
from qianxun.answering.wording import Language, sentence
from qianxun.protocols import Generator, Message, Sampling
from qianxun.records import FinishReason, Passage, Policy
from qianxun.text import fold, language_of

# Runs a synchronous function with its arguments away from the event loop.
Run: TypeAlias = Callable[..., Awaitable[Any]]
Event: TypeAlias = Text | Mark | Checked

# How a sentence begins that says that there is no answer, folded.
_OPENINGS: Final = (
    "the documents",
    "the passages",
    *(f"{which}{noun}" for which in ("", "提供的", "这些") for noun in ("文档", "段落", "资料")),
)
_REFUSAL: Final = re.compile(
    rf"^\W*(?:{'|'.join(_OPENINGS)})(?:中|里)?[^.。]{{0,40}}"
    r"(?:do not|don't|does not|没有|未|不包含|不含)[^.。]{0,40}[.。]?\W*$"
)
_BEFORE: Final = re.compile(r"^\W*")
# What a terminal would obey.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# What ended the model → what is said of it, and what programs are told.
_ENDINGS: Final[Mapping[Ending, tuple[str, FinishReason]]] = {
    "tokens": ("cut off", "length"),
    "characters": ("cut off", "length"),
    "first": ("out of time", "time"),
    "between": ("out of time", "time"),
    "total": ("out of time", "time"),
    "cancelled": ("stopped", "cancelled"),
    "repetition": ("repeating", "repetition"),
}
# A beginning longer than this is no refusal.
_LONGEST_REFUSAL: Final = 120


@dataclass(slots=True)
class Generation:
    """One run of a model. `events` gives what is to be shown; then `draft` holds what came of it."""

    generator: Generator
    turns: Sequence[Message]
    sampling: Sampling
    passages: tuple[Passage, ...]
    checker: Checker
    policy: Policy
    n_documents: int
    language: Language
    run: Run
    bounds: Bounds = field(default_factory=Bounds)
    cancelled: asyncio.Event | None = None
    draft: Draft | None = None

    async def events(self) -> AsyncIterator[Event]:
        """What is to be shown, as it becomes sure. Raises ModelError. Closing it stops the model."""
        reader, showing, text = Reader(), Showing(self.policy), ""
        marks: list[Mark] = []
        checked: list[Checked] = []
        finish, usage = None, None

        async def read(found: Sequence[Text | Mark | Sentence]) -> list[Event]:
            out: list[Event] = []
            for event in found:
                if isinstance(event, Sentence):
                    end = max([event.span.end, *(mark.span.end for mark in marks)])
                    checked.append(await self.run(self.checker.check, len(checked), event, tuple(marks), text[end:]))
                    marks.clear()
                    out += showing.sentence(checked[-1], text)
                else:
                    if isinstance(event, Mark):
                        marks.append(event)
                    out += showing.piece(event, text)
            return out

        bounded = self.bounds.around(
            self.generator.stream(self.turns, sampling=self.sampling),
            count_tokens=self.generator.count_tokens,
            cancelled=self.cancelled,
        )
        async with aclosing(bounded) as deltas:
            async for delta in deltas:
                finish, usage = delta.finish_reason or finish, delta.usage or usage
                said = _CONTROLS.sub("", delta.text)
                piece = said if text else said.lstrip()
                text += piece
                for out in await read(reader.feed(piece)):
                    yield out
        ended = _ENDINGS.get(bounded.ended_by or "itself") or (_ENDINGS["tokens"] if finish == "length" else None)
        if ended is not None:
            text = text[: len(text) - reader.drop()]
        for out in await read(reader.close()):
            yield out
        if ended is not None and not text.strip():
            self.draft = Draft(sentence("said nothing", self.language), "no_evidence", self.passages)
        else:
            self.draft = self._drafted(text, checked)
        self.draft.usage = usage
        if ended is not None:
            self.draft.notes.append(sentence(ended[0], self.language))
            self.draft.finish_reason = ended[1]
        for out in showing.close(checked, whole=self.draft.verdict != "no_evidence"):
            yield out

    def _drafted(self, text: str, checked: Sequence[Checked]) -> Draft:
        if not text.strip() or _REFUSAL.match(fold(text)):
            return nothing_found(self.passages, self.n_documents, self.language)
        void = [one for one in checked if not is_kept(one, self.policy)]
        if void and (self.policy == "refuse" or len(void) == len(checked)):
            if self.policy == "refuse":
                draft = refused(self.passages, len(void), self.language)
            else:
                draft = nothing_found(self.passages, self.n_documents, self.language)
            draft.notes.append(sentence("refused", self.language, n=len(void)))
            return draft
        shown, kept = assembled(text, checked, self.policy)
        draft = Draft(shown, "answered", self.passages, statements=[one.statement for one in kept])
        draft.citations = [citation for one in kept for citation in one.citations]
        claims = [one.statement for one in kept if one.statement.claim]
        if not claims:  # code alone, a lead-in to nothing: nobody checked it
            if self.policy != "mark":
                return nothing_found(self.passages, self.n_documents, self.language)
            draft.verdict = "ungrounded"
        own = sum(one.own for one in claims)
        unborne = sum(one.support != "supported" for one in claims) - own
        if unborne + own:
            draft.verdict = "partial" if unborne + own < len(claims) else "ungrounded"
        if own:
            draft.notes.append(sentence("own", self.language, n=own))
        if unborne:
            draft.notes.append(sentence("unsupported", self.language, n=unborne))
        strange = list(dict.fromkeys(fact for one in kept for fact in one.statement.unknown))
        if strange:
            draft.notes.append(sentence("unknown", self.language, facts="; ".join(strange)))
        if void:
            draft.notes.append(sentence("removed", self.language, n=len(void)))
        unknown = sorted({number for one in kept for number in one.unknown})
        if unknown:
            numbers = ", ".join(str(number) if number else "Q" for number in unknown)
            draft.notes.append(sentence("out of range", self.language, numbers=numbers))
        if _is_in_another_language(shown, self.language):
            draft.notes.append(sentence("other language", self.language))
        return draft


def may_be_refusal(text: str) -> bool:
    """Whether what has come of an answer may yet turn out to say only that there is none.

    What begins otherwise may be shown with its first characters.
    """
    if len(text) > _LONGEST_REFUSAL:
        return False
    begun = _BEFORE.sub("", fold(text))
    return any(begun.startswith(opening) or opening.startswith(begun) for opening in _OPENINGS)


def _is_in_another_language(text: str, language: Language) -> bool:
    """Whether an answer is in another language, as far as its words tell: names and code are in none."""
    return language_of(text) not in ("", language)


class Showing:
    """Which of what was read may be shown already."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._held: list[Text | Mark] = []
        self._n_shown = 0  # characters of the answer, shown or left out
        self._is_answer = False  # and not one sentence that says that there is none
        self._begun = False
        self._late: list[Checked] = []

    def piece(self, event: Text | Mark, text: str) -> list[Event]:
        """A piece of the answer came; `text` is all of it so far."""
        self._held.append(event)
        self._is_answer = self._is_answer or not may_be_refusal(text)
        return self._let_go() if self._policy == "mark" and self._is_answer else []

    def sentence(self, checked: Checked, text: str) -> list[Event]:
        """A sentence is over and was checked."""
        self._late.append(checked)
        self._is_answer = self._is_answer or not _REFUSAL.match(fold(text))
        return self._let_go() if self._is_answer else []

    def close(self, checked: Sequence[Checked], *, whole: bool) -> list[Event]:
        """Nothing more comes; `whole` says that there is an answer."""
        if not whole:
            return []
        self._is_answer = True
        if self._policy == "refuse":  # and none was refused
            self._policy = "mark"
        return [*self._let_go(), *self._rest()]

    def _let_go(self) -> list[Event]:
        if self._policy == "refuse":
            return []
        if self._policy == "mark":
            out: list[Event] = [*self._held, *self._late]
            self._held, self._late = [], []
            return out
        out = []
        for one in self._late:
            before = self._until(one.statement.span.end)
            if is_kept(one, self._policy):
                out += [*self._shown(before), one]
        self._late = []
        return out

    def _rest(self) -> list[Event]:
        """What stands behind the last sentence."""
        rest, self._held = self._held, []
        return list(self._shown(rest))

    def _shown(self, pieces: Sequence[Text | Mark]) -> list[Text | Mark]:
        found = list(pieces)
        if not self._begun and found and isinstance(found[0], Text):
            found[0] = Text(found[0].text.lstrip())
        self._begun = self._begun or bool(found)
        return [piece for piece in found if piece.text]

    def _until(self, end: int) -> list[Text | Mark]:
        """Takes out what is held up to a place in the answer."""
        taken: list[Text | Mark] = []
        while self._held and self._n_shown < end:
            piece = self._held.pop(0)
            room = end - self._n_shown
            if len(piece.text) > room and isinstance(piece, Text):
                self._held.insert(0, Text(piece.text[room:]))
                piece = Text(piece.text[:room])
            taken.append(piece)
            self._n_shown += len(piece.text)
        return taken
