"""Where the entries of word lists stand in a text, however they are written. Knows no list's file and no answer.

Whatever is not a letter is taken out (`letters`), one automaton looks for all entries at once in what is left (Aho and
Corasick, "Efficient string matching: an aid to bibliographic search", 1975), and of each find the characters between
its letters and around it are looked at:

* What cannot be seen (zero-width characters, accents) may always stand between two letters.
* Up to three spaces and symbols may stand between two letters: 敏 感-词, sen*sitive. In words of scripts with spaces a
  space counts only if the entry has six letters or more, or is spelt out: "an us" is not "anus".
* What ends or encloses parts of sentences, and line ends, may only where the entry is spelt out, which takes three
  letters or more and something between all of them: 敏。感。词, s\\ne\\nn…; 过敏，感冒 does not hold 敏感.
* Between two digits of a shorter entry than six nothing may stand: 6.4 is not 64.
* Where an entry itself has a space or a hyphen, a space or line end may stand, or nothing.
* An entry that begins or ends with a letter of a script with spaces does not stand inside a longer word there: "ass" is
  not in "class". A digit at its end has neither digit nor letter beside it.

An entry with symbols of its own (C++, a$$) is looked for with these, and only spaces and what is not seen are skipped.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from qianxun.guarding.letters import Kind, Letters, continues, is_spaced, kind, letters, letters_of, one_form
from qianxun.guarding.word_list import ACTIONS, Action, Entry, read_word_list

# How many characters may stand between two letters of an entry, and how many of them that are seen. Also how far the
# next letter beside an entry is looked for: a stream must know when to wait no longer.
REACH: Final = 64
_MOST_SEEN: Final = 3
# An entry so long is hardly made of other words by chance; one so long can be seen to be spelt out.
_LONG: Final = 6
_SPELT: Final = 3
# Signs that people write in words or leave out.
_JOINERS: Final = frozenset("-‐‑–·•・'’_")


@dataclass(frozen=True, slots=True)
class Found:
    """An entry in a text: characters `start` to `end` (exclusive), the entry as its list has it, and its action."""

    start: int
    end: int
    entry: str
    action: Action


class _Pattern(NamedTuple):
    """What is looked for: letters, and the indexes of those before which the entry has a space or joiner."""

    entry: Entry
    letters: str
    joints: frozenset[int]


class Words:
    """Entries, ready to be looked for. Never changes, so threads may share it.

    Entries that are written alike once letters are in one form are one entry; it has the strictest of their actions.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        chosen: tuple[dict[str, _Pattern], dict[str, _Pattern]] = ({}, {})
        for entry in entries:
            exact = _has_symbols(entry.text)
            looked_for = "".join(letters_of(character, symbols=exact) for character in entry.text)
            pattern = _Pattern(entry, looked_for, _joints(entry.text, exact=exact))
            known = chosen[exact].get(pattern.letters)
            chosen[exact][pattern.letters] = pattern if known is None else _stricter(known, pattern)
        self._layers = tuple(
            _Layer(sorted(patterns.values(), key=lambda pattern: pattern.letters), symbols=bool(exact))
            for exact, patterns in enumerate(chosen)
            if patterns
        )

    def __len__(self) -> int:
        return sum(len(layer.patterns) for layer in self._layers)

    def find(self, text: str) -> tuple[Found, ...]:
        """Every place of every entry, also where they overlap, by start, end and entry."""
        found = {
            Found(places[0], places[-1] + 1, pattern.entry.text, pattern.entry.action)
            for layer in self._layers
            for pattern, places in layer.candidates(text)
            if _is_whole(text, places[0], places[-1], pattern.letters) and _holds_together(text, places, pattern)
        }
        return tuple(sorted(found, key=lambda each: (each.start, each.end, each.entry)))

    def unfinished(self, text: str) -> int:
        """From which character on a text may be part of an entry that more text would end; its length if nowhere.

        At most as many letters from the end as the longest entry has, with `REACH` characters after each.
        """
        return min((layer.unfinished(text) for layer in self._layers), default=len(text))


def read_words(paths: Iterable[Path]) -> Words:
    """The entries of all these files together. Raises SettingsError naming the file and the line that is wrong."""
    return Words(entry for path in paths for entry in read_word_list(path))


class _Layer:
    """Patterns that are looked for in the same form of a text, in the order of the alphabet: one automaton."""

    def __init__(self, patterns: Sequence[_Pattern], *, symbols: bool) -> None:
        from ahocorasick_rs import AhoCorasick, Implementation

        self.patterns = patterns
        self._symbols = symbols
        self._sorted = [pattern.letters for pattern in patterns]
        self._longest = max(map(len, self._sorted))
        # A third of the memory of the DFA, at five sixths of its speed.
        self._automaton = AhoCorasick(self._sorted, implementation=Implementation.ContiguousNFA)

    def candidates(self, text: str) -> Iterator[tuple[_Pattern, list[int]]]:
        """Patterns whose letters follow one another in the text, with the place of each letter.

        Never a part of what one character stands for: no g in ㎏.
        """
        whole: Letters = letters(text, symbols=self._symbols)
        places, n = whole.places, len(whole.text)
        for number, start, end in self._automaton.find_matches_as_indexes(whole.text, overlapping=True):
            here: list[int] = places[start:end].tolist()
            if (start == 0 or places[start - 1] != here[0]) and (end == n or places[end] != here[-1]):
                yield self.patterns[number], here

    def unfinished(self, text: str) -> int:
        """As `Words.unfinished`, of these patterns."""
        whole: Letters = letters(text, symbols=self._symbols)
        n = len(whole.text)
        places: list[int] = whole.places[max(0, n - self._longest) :].tolist()
        if not places or len(text) - places[-1] - 1 > REACH:
            return len(text)
        last = whole.text[n - len(places) :]
        first = max((i for i in range(1, len(places)) if places[i] - places[i - 1] - 1 > REACH), default=0)
        for i in range(first, len(places)):
            if self._begins(last[i:]):
                return places[i]
        return len(text)

    def _begins(self, beginning: str) -> bool:
        i = bisect_left(self._sorted, beginning)
        return i < len(self._sorted) and self._sorted[i].startswith(beginning)


def _stricter(one: _Pattern, other: _Pattern) -> _Pattern:
    strictest = max(one, other, key=lambda pattern: ACTIONS.index(pattern.entry.action))
    return strictest._replace(joints=one.joints | other.joints)


def _has_symbols(text: str) -> bool:
    """True for C++ and a$$; not for O'Brien and 马克·吐温."""
    for i, character in enumerate(text):
        if kind(character) not in (Kind.SYMBOL, Kind.STOP):
            continue
        beside = [text[i - 1 : i], text[i + 1 : i + 2]]
        if character not in _JOINERS or not all(side and kind(side) == Kind.LETTER for side in beside):
            return True
        if any(side.isdecimal() for side in beside):
            return True
    return False


def _joints(text: str, *, exact: bool) -> frozenset[int]:
    found, n = set(), 0
    for character in text:
        if kind(character) == Kind.SPACE or (character in _JOINERS and not exact):
            found.add(n)
        else:
            n += len(letters_of(character, symbols=exact))
    return frozenset(found)


def _is_whole(text: str, first: int, last: int, pattern: str) -> bool:
    """True unless the characters from `first` to `last` are part of a longer word or letter."""
    after = _seen_beside(text, last, 1)
    if after and (continues(after) or _goes_on(pattern[-1], one_form(after)[:1])):
        return False
    before = _seen_beside(text, first, -1)
    return not (before and _goes_on(pattern[0], one_form(before)[-1:]))


def _seen_beside(text: str, place: int, step: int) -> str:
    """The next character after a place (`step` 1) or before it (-1) that is seen; "" if none is within `REACH`."""
    end = max(-1, min(len(text), place + step * (REACH + 1)))
    for i in range(place + step, end, step):
        if kind(text[i]) != Kind.UNSEEN:
            return text[i]
    return ""


def _goes_on(edge: str, beside: str) -> bool:
    if is_spaced(edge):
        return is_spaced(beside)
    return edge.isdecimal() and (beside.isdecimal() or is_spaced(beside))


def _holds_together(text: str, places: Sequence[int], pattern: _Pattern) -> bool:
    """True if what stands between the letters may be skipped."""
    size = len(places)
    if places[-1] - places[0] == len(set(places)) - 1:
        return True
    gaps: dict[int, frozenset[Kind]] = {}
    for k, (before, after) in enumerate(pairwise(places), start=1):
        if after - before - 1 > REACH:
            return False
        seen = [kind(c) for c in text[before + 1 : after] if kind(c) != Kind.UNSEEN]
        if len(seen) > _MOST_SEEN:
            return False
        if seen:
            gaps[k] = frozenset(seen)
    spelt = size >= _SPELT and len(gaps) == size - 1
    return all(
        _may_be_skipped(
            seen, pattern.letters[k - 1 : k + 1], joint=k in pattern.joints, long=size >= _LONG, spelt=spelt
        )
        for k, seen in gaps.items()
    )


def _may_be_skipped(seen: frozenset[Kind], between: str, *, joint: bool, long: bool, spelt: bool) -> bool:
    """Whether characters of these kinds may stand between these two letters."""
    left, right = between[0], between[1]
    if left.isdecimal() and right.isdecimal() and not (long or joint):
        return False
    if spelt:
        return True
    blank = seen & {Kind.SPACE, Kind.LINE_END}
    if all(letter.isdecimal() or is_spaced(letter) for letter in between):
        return not blank or ((joint or long) and Kind.STOP not in seen)
    return Kind.STOP not in seen and (joint or Kind.LINE_END not in seen)
