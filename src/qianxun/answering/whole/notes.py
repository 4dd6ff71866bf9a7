"""Notes that a model takes of documents part by part, checked against the passages that they cite, and made fewer.

What no passage bears is dropped at once: later nobody could tell it from what stands in the document. Knows no store.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from qianxun.answering.calling import Calls
from qianxun.answering.checked import Checker
from qianxun.answering.cite import parse
from qianxun.answering.extract import Similarities
from qianxun.answering.generating import Run
from qianxun.answering.reading import Sentence
from qianxun.answering.whole import prompts
from qianxun.answering.whole.windows import Window, evenly
from qianxun.answering.wording import Language
from qianxun.errors import ModelError
from qianxun.records import Passage
from qianxun.text import fold

logger = logging.getLogger(__name__)

# Parts that a model reads at a time.
_AT_A_TIME: Final = 4
# So many failures, and no part that was read: it is not the part that is at fault.
_MOST_FAILURES: Final = 3
# Of the time that an answer may take, this share is for reading, the rest for what is made of it.
READING_SHARE: Final = 0.7
# Times that notes are condensed: each at least halves them, or nothing comes of it.
_MOST_ROUNDS: Final = 4
# Passages that a note names at most: what is borne by these is borne.
_MOST_MARKS: Final = 3
_NOTHING: Final = re.compile(r"\W*(?:nothing|无|無|none|没有|沒有)\W*")


@dataclass(frozen=True, slots=True)
class Note:
    """What a model noted, and the places of the passages that bear it among all that are read."""

    text: str
    places: tuple[int, ...]


@dataclass(slots=True)
class Taken:
    """The notes of all parts, in reading order, and what became of the parts: places in the list of windows."""

    notes: list[Note] = field(default_factory=list)
    read: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    left_out: set[int] = field(default_factory=set)
    n_dropped: int = 0


@dataclass(frozen=True, slots=True)
class NoteTaker:
    """Takes notes for a task (a question, or what kind of summary is wanted), and makes them fewer."""

    task: str
    language: Language
    calls: Calls
    max_tokens: int
    similarities: Similarities | None
    run: Run

    async def take(self, windows: Sequence[Window]) -> Taken:
        """The notes of these parts. Raises ModelError where the model fails in the first of them, or in all."""
        taken, waiting = Taken(), iter(range(len(windows)))
        found: dict[int, list[Note]] = {}
        errors: list[ModelError] = []

        async def work(most: int) -> None:
            for _ in range(most):
                place = next(waiting, None)
                if place is None:
                    return
                if not self.calls.may_go_on(READING_SHARE):
                    taken.left_out.add(place)
                    continue
                try:
                    notes, dropped, whole = await self._of(windows[place])
                except ModelError as error:
                    logger.warning("part %d of %d was not read: %s", place + 1, len(windows), error)
                    errors.append(error)
                    taken.failed.add(place)
                    if not found and len(errors) >= min(_MOST_FAILURES, len(windows)):
                        raise
                    continue
                found[place] = notes
                taken.n_dropped += dropped
                (taken.read if whole else taken.left_out).add(place)

        # One alone first: a generator that is not tested yet is tested once.
        await work(1)
        workers = [asyncio.ensure_future(work(len(windows))) for _ in range(_AT_A_TIME)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        if errors and not found:
            raise errors[-1]
        taken.notes = [note for place in sorted(found) for note in found[place]]
        return taken

    async def fewer(self, notes: list[Note], passages: Sequence[Passage], room: int) -> tuple[list[Note], int]:
        """Notes of at most `room` tokens, and how many were dropped because nothing bears them; one call is left.

        A batch that comes to nothing stays as it was, and so do notes that there are no calls left to condense.
        """
        n_dropped = 0
        for _ in range(_MOST_ROUNDS):
            sizes = [self.tokens(note) for note in notes]
            if sum(sizes) <= room:
                break
            before, kept = sum(sizes), list[Note]()
            for batch in _batches(notes, sizes, max(room, 1)):
                if self.calls.left > 1 and self.calls.may_go_on(READING_SHARE):
                    shorter, dropped = await self._condensed(batch, passages)
                    n_dropped += dropped
                    kept += shorter
                else:
                    kept += batch
            notes = kept
            if sum(map(self.tokens, notes)) > 0.9 * before:
                break
        return notes, n_dropped

    def fitting(self, notes: list[Note], room: int, most_passages: int) -> list[Note]:
        """Those of the notes that fit, evenly from the first to the last."""
        n = len(notes)
        while notes and (
            sum(map(self.tokens, notes)) > room or len({p for note in notes for p in note.places}) > most_passages
        ):
            n = n * 9 // 10
            notes = evenly(notes, n)
        return notes

    def tokens(self, note: Note) -> int:
        """How long a note is in a prompt."""
        return self.calls.generator.count_tokens(prompts.line(note.text, [999] * len(note.places)) + "\n")

    async def _of(self, window: Window) -> tuple[list[Note], int, bool]:
        turns = prompts.notes(self.task, window.passages, self.language)
        said = await self.calls.text(turns, self.max_tokens, share=READING_SHARE)
        places = range(window.first, window.first + len(window.passages))
        notes, dropped = await self.run(self._checked, said.text, window.passages, places)
        return notes, dropped, said.in_time

    async def _condensed(self, batch: list[Note], passages: Sequence[Passage]) -> tuple[list[Note], int]:
        places = sorted({place for note in batch for place in note.places})
        numbers = {place: number for number, place in enumerate(places, 1)}
        lines = [prompts.line(note.text, [numbers[place] for place in note.places]) for note in batch]
        try:
            said = await self.calls.text(
                prompts.condense(self.task, lines, self.language), self.max_tokens, share=READING_SHARE
            )
        except ModelError as error:
            logger.warning("notes stay as long as they are: %s", error)
            return batch, 0
        cited = [passages[place] for place in places]
        notes, dropped = await self.run(self._checked, said.text, cited, places)
        shorter = sum(map(self.tokens, notes)) < sum(map(self.tokens, batch))
        return (notes, dropped) if notes and shorter and said.in_time else (batch, 0)

    def _checked(self, text: str, passages: Sequence[Passage], places: Sequence[int]) -> tuple[list[Note], int]:
        """The sentences of a reply that passages bear, and how many there are that none does."""
        checker = Checker(passages, self.similarities)
        notes: list[Note] = []
        n_dropped = 0
        for number, cited in enumerate(parse(text)):
            if _NOTHING.fullmatch(fold(cited.text)):
                continue
            checked = checker.check(number, Sentence(cited, cited.span), ())
            if not checked.statement.claim:
                continue
            best = checked.statement.support
            bearing = [one.number for one in checked.citations if one.support == best]
            if best == "absent":
                n_dropped += 1
            else:
                notes.append(Note(_plain(cited.text), tuple(places[n - 1] for n in bearing[:_MOST_MARKS])))
        return notes, n_dropped


def _plain(text: str) -> str:
    """A note on one line, without the mark of a list before it."""
    return re.sub(r"^[-*•·]\s+", "", " ".join(text.split()))


def _batches(notes: Sequence[Note], sizes: Sequence[int], room: int) -> list[list[Note]]:
    """The notes in batches of at most `room` tokens."""
    batches: list[list[Note]] = [[]]
    used = 0
    for note, size in zip(notes, sizes, strict=True):
        if batches[-1] and used + size > room:
            batches.append([])
            used = 0
        batches[-1].append(note)
        used += size
    return batches
