"""How many mistakes lie between two words, and which known words are near one that nobody wrote.

A mistake is a letter too much, one too few, a wrong one, or two neighbours in the wrong order: the distance of Damerau
("A technique for computer detection and correction of spelling errors", 1964), in which no letter takes part in two
mistakes (optimal string alignment).
"""

from collections.abc import Iterable
from typing import Final

_LEAST_CHARS: Final = 4  # a shorter word is near too many others
_TWO_MISTAKES_CHARS: Final = 8

# Signs that look alike, which are read and typed for each other: LF-23O1.
_ALIKE: Final = ("0o", "1li", "5s", "8b", "2z")
_AS_SEEN: Final = str.maketrans({sign: alike[0] for alike in _ALIKE for sign in alike})


def tolerated_mistakes(word: str) -> int:
    """How many mistakes a word may have to be taken for another: 0 in fewer than four characters, 2 from eight on.

    At most one where there are digits: another figure often is another thing.
    """
    if len(word) < _LEAST_CHARS:
        return 0
    return 2 if len(word) >= _TWO_MISTAKES_CHARS and not any(map(str.isdigit, word)) else 1


def mistakes(one: str, other: str, most: int) -> int:
    """The mistakes between two words, `most` + 1 if there are more than `most`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    begin, end = 0, min(len(one), len(other))
    while begin < end and one[begin] == other[begin]:
        begin += 1
    behind = 0
    while behind < end - begin and one[-1 - behind] == other[-1 - behind]:
        behind += 1
    return min(_distance(one[begin : len(one) - behind], other[begin : len(other) - behind]), most + 1)


def _distance(one: str, other: str) -> int:
    if not one or not other:
        return max(len(one), len(other))
    before, row = [0] * (len(other) + 1), list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        next_row = [i]
        for j, with_letter in enumerate(other, start=1):
            least = min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + (letter != with_letter))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == with_letter:
                least = min(least, before[j - 2] + 1)
            next_row.append(least)
        before, row = row, next_row
    return row[-1]


def beginnings(word: str) -> tuple[str, ...]:
    """What words near this one begin with: its first character, one that looks like that, or its second character.

    Few people mistake the first letter, and what begins otherwise need not be looked through.
    """
    alike = "".join(signs for signs in _ALIKE if word[:1] and word[0] in signs)
    return tuple(sorted(set(word[:2] + alike)))


def nearest(word: str, known: Iterable[tuple[str, int]], *, most_mistakes: int, most: int) -> tuple[str, ...]:
    """At most `most` of the known words that are near a word, each given with its frequency; never the word itself.

    Those with the fewest mistakes come first; then those of the same characters in another order, or of such that look
    alike; then those that begin alike, the more frequent ones, and equal ones in the order of the alphabet.
    """
    begin, signs = beginnings(word), set(word)
    found = []
    for candidate, frequency in known:
        if abs(len(candidate) - len(word)) > most_mistakes or not candidate.startswith(begin):
            continue
        # A mistake loses no more than one character: most words are out here, at a hundredth of what a distance costs.
        if len(signs.difference(candidate)) > most_mistakes:
            continue
        n = mistakes(word, candidate, most_mistakes)
        if 0 < n <= most_mistakes:
            found.append((n, _as_seen(candidate) != _as_seen(word), candidate[0] != word[0], -frequency, candidate))
    return tuple(candidate for *_, candidate in sorted(found)[:most])


def _as_seen(word: str) -> list[str]:
    return sorted(word.translate(_AS_SEEN))
