"""A text held against word lists: masked, warned of, or stopped; whole or as it is written.

What is masked keeps its length: one sign for each character from the first letter of an entry to its last, also for
what was inserted between them, and for nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from qianxun.guarding.letters import Kind, kind
from qianxun.guarding.word_list import ACTIONS, Action
from qianxun.guarding.words import REACH, Found, Words

SIGN: Final = "■"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A text that may be shown, the strictest action found (None: nothing was), and all that was found.

    `text` ends before the first entry that is blocked. Offsets of `found` count characters of the text that was given.
    """

    text: str
    action: Action | None
    found: tuple[Found, ...]


def guard(text: str, words: Words, *, sign: str = SIGN) -> Guarded:
    """The text with every entry treated as its list says; `sign` is one character."""
    found = words.find(text)
    end = min((each.start for each in found if each.action == "block"), default=len(text))
    return Guarded(_masked(text[:end], 0, found, sign), strictest(found), found)


def strictest(found: Iterable[Found]) -> Action | None:
    """The strictest action of what was found; None if nothing was."""
    return max((each.action for each in found), key=ACTIONS.index, default=None)


class Guarding:
    """The same for text that comes in pieces: gives out what is safe as soon as it is.

    Whatever the pieces, what `feed` and `close` return, put together, is `guard(whole).text`. Text is held back only
    while it may be the beginning of an entry: mostly not at all, at most as many letters as the longest entry has, with
    64 characters after each. At an entry that is blocked nothing more is given out, and `stopped` is true.
    """

    def __init__(self, words: Words, *, sign: str = SIGN) -> None:
        self._words = words
        self._sign = sign
        # What was not given out yet, and before it what was, back to a character that is seen: a word may go on.
        self._text = ""
        self._start = 0  # of `_text`, in the whole text
        self._given = 0  # likewise: what comes before it was given out
        self._found: set[Found] = set()
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """True once an entry was met that is blocked."""
        return self._stopped

    @property
    def found(self) -> tuple[Found, ...]:
        """What was found up to now, as far as it is certain; nothing behind an entry that is blocked."""
        return tuple(sorted(self._found, key=lambda each: (each.start, each.end, each.entry)))

    @property
    def action(self) -> Action | None:
        """The strictest action up to now."""
        return strictest(self._found)

    def feed(self, piece: str) -> str:
        """What may be shown now."""
        self._text += piece
        return self._safe(self._start + self._words.unfinished(self._text))

    def close(self) -> str:
        """What is left, when the text is at its end."""
        return self._safe(self._start + len(self._text))

    def _safe(self, end: int) -> str:
        """What lies between what was given out and `end`, masked."""
        if self._stopped or end <= self._given:
            return ""
        for each in self._words.find(self._text):
            start, stop = self._start + each.start, self._start + each.end
            if self._given <= start < end:
                self._found.add(Found(start, stop, each.entry, each.action))
        blocked = min((each.start for each in self._found if each.action == "block"), default=None)
        if blocked is not None:
            self._stopped = True
            self._found = {each for each in self._found if each.start <= blocked}
            end = blocked
        new = self._text[self._given - self._start : end - self._start]
        shown = _masked(new, self._given, self._found, self._sign)
        self._given = end
        before = self._text[: end - self._start]
        n_kept = next((n for n, c in enumerate(reversed(before[-REACH:]), 1) if kind(c) != Kind.UNSEEN), REACH)
        self._text = self._text[max(0, len(before) - n_kept) :]
        self._start = max(self._start, end - n_kept)
        return shown


def _masked(text: str, start: int, found: Iterable[Found], sign: str) -> str:
    """A part of a text, which begins at `start` of it, with the sign for every character that is masked."""
    spans = [
        (max(0, each.start - start), min(len(text), each.end - start))
        for each in found
        if each.action == "mask" and each.end > start and each.start < start + len(text)
    ]
    if not spans:
        return text
    shown = list(text)
    for first, end in spans:
        shown[first:end] = sign * (end - first)
    return "".join(shown)
