"""An answer read while it is still being written: text to show, marks like `[1]`, and sentences once they are whole.

Fed with pieces that may be cut anywhere, it gives the same events in the same order as if it had been fed character by
character. Its sentences are those of `cite.parse` on the whole text; the texts and marks, one after the other, are the
text itself. It does not know which numbers exist: [99] is a mark like any other.

Code between fences is text, and neither sentence nor mark.

How late things are. Text is given at once, except what may yet become a mark (from its bracket on) or a fence, and half
a character. A sentence is given with the next one's first letter or digit, before that is shown: until then a mark may
follow that belongs to it. After an abbreviation ("Acme Inc. The end") it is given with the first letter or digit
behind the next word, if that word decides. Cost is linear in the text; besides the sentence under way and what is not
yet given, a few thousand characters are kept.
"""

import codecs
from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

from qianxun.answering.cite import FENCE, Cited, parse
from qianxun.documents.sentences import LOOK_BACK_CHARS, MARKS, end_at, next_mark
from qianxun.records import Span

_BRACKETS: Final = {"[": "]", "【": "】", "［": "］"}
_BETWEEN_NUMBERS: Final = frozenset(",，、;；-–~")
_MOST_DIGITS: Final = 3
_QUESTION: Final = "QＱ"  # what the question brings along
# What stands before a word may decide, too (an abbreviation, the number of a line).
_KEPT_CHARS: Final = LOOK_BACK_CHARS + 100


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer to be shown as it is; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation's mark as it was written, the numbers in it, and its place in the whole text, in characters."""

    text: str
    numbers: tuple[int, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Sentence:
    """A whole sentence: its text without marks, the numbers that it cites, and its place in the whole text.

    Marks within the sentence are within the span; those that follow it are not.
    """

    cited: Cited
    span: Span


Event: TypeAlias = Text | Mark | Sentence


class Reader:
    """Reads one answer: `feed` it every piece in turn, then `close` it. Both give the events that have become certain.

    A character that came in two halves (a surrogate pair, as some servers cut it) is one again.
    """

    def __init__(self) -> None:
        self._characters = codecs.getincrementaldecoder("utf-16-le")("surrogatepass")
        self._events: list[Event] = []
        self._shown: list[str] = []
        self._n_read = 0
        self._begun: _BegunMark | None = None
        self._held: list[str] = []  # what may become a mark
        self._spaces: list[tuple[str, int]] = []  # shown, with their places, but a mark would swallow them
        self._begins_line = True  # nothing but white space and backticks since the last line's end
        self._n_ticks = 0  # held back: they may become a fence
        self._code: str | None = None  # between fences: the line under way
        self._n_code_lines = 0
        self._sentences = _Sentences()

    def feed(self, piece: str) -> list[Event]:
        """What is certain now that this piece has come."""
        for character in self._characters.decode(piece.encode("utf-16-le", "surrogatepass")):
            self._take(character)
        return self._given()

    def drop(self) -> int:
        """Forgets a mark that was begun, where the text was cut; returns how many characters it had."""
        if self._begun is None or self._begun.is_whole:
            return 0
        n_dropped, self._held, self._begun = len("".join(self._held)), [], None
        return n_dropped

    def close(self) -> list[Event]:
        """What is left, now that nothing more comes."""
        for character in self._characters.decode(b"", True):
            self._take(character)
        if self._begun is not None:
            if self._begun.is_whole:
                self._give_mark()
            else:
                self._release()
        self._release_ticks()
        self._let_spaces_in()
        self._give_sentences(self._sentences.close())
        return self._given()

    def _take(self, character: str) -> None:
        if self._code is not None and not self._leaves_code(character):
            return
        may_be_fence = self._begins_line and character == FENCE[0]
        self._begins_line = character == "\n" or (
            self._begins_line and (may_be_fence or (character.isspace() and not self._n_ticks))
        )
        if self._begun is not None:
            if self._begun.takes(character):
                self._held.append(character)
                if self._begun.is_whole and not self._begun.may_be_a_link:
                    self._give_mark()
                return
            if self._begun.is_whole and character != "(":
                self._give_mark()
            else:
                self._release()
        if may_be_fence:
            self._n_ticks += 1
            if self._n_ticks == len(FENCE):
                self._n_ticks, self._code, self._n_code_lines = 0, "", 0
                self._show(FENCE)
            return
        self._release_ticks()
        if character in _BRACKETS:
            self._begun = _BegunMark(character)
            self._held.append(character)
        elif character.isspace():
            self._space(character)
        else:
            self._text(character)

    def _leaves_code(self, character: str) -> bool:
        """Whether the character is the line end behind a closing fence; if not it is shown, and that is all."""
        assert self._code is not None
        if character == "\n":
            closes = self._n_code_lines > 0 and self._code.strip(" \t\r") == FENCE
            self._code = None if closes else ""
            self._n_code_lines += 1
            if closes:
                return True
        else:
            self._code += character
        self._show(character)
        return False

    def _release_ticks(self) -> None:
        n_ticks, self._n_ticks = self._n_ticks, 0
        for _ in range(n_ticks):
            self._text(FENCE[0])

    def _release(self) -> None:
        """What might have become a mark is text after all; white space at its end may stand before the next one."""
        self._begun = None
        held, self._held = "".join(self._held), []
        text = held.rstrip()
        for character in text:
            self._text(character)
        for character in held[len(text) :]:
            self._space(character)

    def _space(self, character: str) -> None:
        self._spaces.append((character, self._n_read))
        self._show(character)

    def _text(self, character: str) -> None:
        self._let_spaces_in()
        self._give_sentences(self._sentences.take(character, self._n_read))
        self._show(character)

    def _let_spaces_in(self) -> None:
        """White space before what is no mark belongs to the sentences; no sentence ends by it alone."""
        for character, place in self._spaces:
            self._sentences.take(character, place)
        self._spaces.clear()

    def _show(self, text: str) -> None:
        self._shown.append(text)
        self._n_read += len(text)

    def _give_mark(self) -> None:
        self._begun = None
        self._spaces.clear()
        text, self._held = "".join(self._held), []
        (cited,) = parse(f"x{text}")  # what a mark says is for `cite` to know
        self._end_text()
        self._events.append(Mark(text, cited.numbers, Span(self._n_read, self._n_read + len(text))))
        self._n_read += len(text)
        self._sentences.mark(cited.numbers)

    def _give_sentences(self, found: "list[Sentence]") -> None:
        if found:
            self._end_text()
            self._events += found

    def _end_text(self) -> None:
        if self._shown:
            self._events.append(Text("".join(self._shown)))
            self._shown = []

    def _given(self) -> list[Event]:
        self._end_text()
        events, self._events = self._events, []
        return events


class _BegunMark:
    """What an opening bracket may become, character by character: numbers of up to three digits or Q, lists, ranges."""

    def __init__(self, opening: str) -> None:
        self.is_whole = False
        self.may_be_a_link = opening == "["  # [1](http://…) is one
        self._closing = _BRACKETS[opening]
        self._wants_number = True
        self._n_digits = 0  # of a number that is not over

    def takes(self, character: str) -> bool:
        """Whether it may still become a mark with this character."""
        if self.is_whole:
            return False
        if character.isdecimal():
            fits = self._wants_number or 0 < self._n_digits < _MOST_DIGITS
            self._wants_number = False
            self._n_digits += 1
            return fits
        if character.isspace():
            self._n_digits = 0
            return True
        if self._wants_number:
            self._wants_number = False
            return character in _QUESTION
        self._n_digits = 0
        self._wants_number = character in _BETWEEN_NUMBERS
        self.is_whole = character == self._closing
        return self._wants_number or self.is_whole


class _Sentences:
    """The sentences of a text without its marks, as the text comes.

    Places in that text count all its characters; `take` is told each one's place in the whole text as well. Sentences
    without a letter or digit are none, as in `cite.parse`, and their marks belong to the one before.
    """

    def __init__(self) -> None:
        self._start = 0  # of the sentence under way: of what follows the last end
        self._characters: list[str] = []  # from there on
        self._places: list[int] = []
        self._near = ""  # what ends are decided by: at least the last `_KEPT_CHARS` before `_looked_at`
        self._near_start = 0
        self._fresh: list[str] = []  # not yet joined to it
        self._looked_at = 0
        self._undecided = False  # whether a mark stands behind that
        self._marks: deque[tuple[int, tuple[int, ...]]] = deque()
        self._n_taken = 0
        self._last: tuple[int, Sentence] | None = None  # whole, with its start; marks may still follow

    def take(self, character: str, place: int) -> list[Sentence]:
        """The sentences that are over now that this character has come."""
        self._characters.append(character)
        self._places.append(place)
        self._fresh.append(character)
        self._n_taken += 1
        if character in MARKS:
            self._undecided = True
        elif self._undecided and character.isalnum():
            return self._decide(more=True)
        return []

    def mark(self, numbers: tuple[int, ...]) -> None:
        """A citation's mark stands here."""
        self._marks.append((self._n_taken, numbers))

    def close(self) -> list[Sentence]:
        """Those that are left."""
        found = self._decide(more=False)
        self._whole(self._start, self._n_taken, self._start, found)
        if self._last is not None:
            found.append(self._with_marks(until=None))
        return found

    def _decide(self, *, more: bool) -> list[Sentence]:
        """Looks at every mark that might end a sentence, up to the first that what is to come decides."""
        self._near += "".join(self._fresh)
        self._fresh.clear()
        found: list[Sentence] = []
        base, before, start = self._near_start, self._start, self._start
        self._undecided = False
        while (mark := next_mark(self._near, self._looked_at - base)) >= 0:
            decided = end_at(self._near, mark, start - base, more=more)
            if decided is None:
                self._undecided = True
                self._looked_at = base + mark
                break
            end, self._looked_at = base + decided[0], base + decided[1]
            if end > start:
                self._whole(start, end, before, found)
                start = end
        else:
            self._looked_at = self._n_taken
        del self._characters[: start - before], self._places[: start - before]
        self._start = start
        self._forget()
        if self._last is not None:
            # What lies before the undecided mark, and with none everything, is sure to be in the sentence under way.
            certain = "".join(self._characters[: self._looked_at - start])
            if any(map(str.isalnum, certain)):
                found.append(self._with_marks(until=start + len(certain) - len(certain.lstrip())))
        return found

    def _whole(self, start: int, end: int, before: int, found: list[Sentence]) -> None:
        """Notes a sentence (`before`: where the kept characters begin); the one before it has all its marks now."""
        piece = "".join(self._characters[start - before : end - before])
        text = piece.strip()
        if not any(map(str.isalnum, text)):
            return
        first = start + len(piece) - len(piece.lstrip())
        if self._last is not None:
            found.append(self._with_marks(until=first))
        places = self._places[first - before], self._places[first - before + len(text) - 1]
        self._last = first, Sentence(Cited(text, ()), Span(places[0], places[1] + 1))

    def _with_marks(self, *, until: int | None) -> Sentence:
        """The last whole sentence with the marks that stand behind its start, up to the next one's."""
        assert self._last is not None
        (start, sentence), self._last = self._last, None
        numbers: list[int] = []
        seen: set[int] = set()
        while self._marks and (until is None or self._marks[0][0] <= until):
            place, cited = self._marks.popleft()
            if place > start:
                numbers += [number for number in cited if number not in seen]
                seen.update(cited)
        return Sentence(Cited(sentence.cited.text, tuple(numbers)), sentence.span)

    def _forget(self) -> None:
        cut = self._looked_at - _KEPT_CHARS - self._near_start
        if cut > 2 * _KEPT_CHARS:
            self._near = self._near[cut:]
            self._near_start += cut
