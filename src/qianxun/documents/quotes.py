"""Where a quote of a document's cleaned text stands among the characters of a page, as the page has them.

Cleaning joins lines, takes hyphens out and makes tables; none of it changes letters and digits or, within a column,
their order. So only these are compared, folded. Pure: knows no format.
"""

import difflib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# Fewer letters and digits in a row than this are found anywhere.
_LEAST: Final = 8
_MOST: Final = 4_000
_CONTEXT: Final = 80


@dataclass(frozen=True, slots=True)
class Quote:
    """What was cited, and what stands before and after it: of two places that say the same, it is in one."""

    text: str
    before: str = ""
    after: str = ""

    @classmethod
    def of(cls, text: str, start: int, end: int) -> "Quote":
        """The characters from `start` to `end` of a text."""
        return cls(text[start:end][:_MOST], text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT])


def places_of(quote: Quote, characters: Sequence[str] | str) -> list[tuple[int, int]]:
    """The characters of the page that are the quote's: (from, to), ascending and apart; [] if it is not there.

    Where it is not there in one piece (two columns, two pages), the longer pieces of it are.
    """
    page, places = _folded(characters)
    sought, before, after = (_folded(part)[0] for part in (quote.text, quote.before, quote.after))
    if not sought or not page:
        return []
    for lead, tail in ((before, after), (before, ""), ("", after), ("", "")):
        found = page.find(lead + sought + tail)
        if found >= 0:
            first = found + len(lead)
            return [(places[first], places[first + len(sought) - 1] + 1)]
    # The longest piece first, then left and right of it: the pieces keep their order.
    blocks = difflib.SequenceMatcher(None, page, sought, autojunk=False).get_matching_blocks()
    return [(places[a], places[a + n - 1] + 1) for a, _, n in blocks if n >= _LEAST]


def _folded(characters: Sequence[str] | str) -> tuple[str, list[int]]:
    """The letters and digits, without accents and case, in half width; and the place of each."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(characters):
        for one in unicodedata.normalize("NFKD", character).casefold():
            if one.isalnum():
                letters.append(one)
                places.append(place)
    return "".join(letters), places
