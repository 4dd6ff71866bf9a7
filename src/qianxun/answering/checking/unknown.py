"""What a sentence names and no source has: figures, dates, units and names, as the sentence writes them.

For marking in an answer, whatever the sentence cites. Knows no citation.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

from qianxun.answering.checking.figure_contrasts import COUNTED
from qianxun.answering.checking.figures import spelled
from qianxun.answering.checking.names import chinese_names, new_words
from qianxun.answering.checking.readings import read, read_together
from qianxun.answering.checking.statements import quoted_places
from qianxun.text import fold


def unknown_facts(sentence: str, texts: Sequence[str]) -> tuple[str, ...]:
    """The figures (with their units), dates, codes and names of a sentence that occur in none of the texts, in order.

    Each is a slice of the sentence, without repeats. Spelling does not matter: 三天, 3 天 and ３天 are one, and so are
    24 months and two years; another unit does. Rates (每年, per hour) are not looked at, nor is one of a thing (一次).
    Chinese names are found only where rules tell them. Give everything that may be known: headings, titles, rows of
    tables with the names of their columns.
    """
    source = read_together(tuple(texts))
    claim = read(sentence)
    places: list[tuple[int, int]] = []
    for token in (token for clause in claim.clauses for token in clause):
        figure = token.figure
        if figure is None or figure.kind == "rate" or (figure.value == "1" and figure.unit in COUNTED):
            continue
        if not any(figure.agrees(other) for other in source.figures):
            places.append((token.start, token.end))
    known = {text for kind, text in source.singles if kind == "word"}
    words = [(token.start, token.end) for token in new_words(claim.clauses, known)]
    written = spelled(sentence)
    named = [*chinese_names(written), *quoted_places(written)]
    names = [(a, b) for a, b in named if "".join(fold(written[a:b]).split()) not in source.bare]
    found = _apart(sorted([*places, *_joined(words, written), *names]))
    return tuple(dict.fromkeys(_as_written(sentence, written, found)))


def _joined(words: Sequence[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Words with nothing but white space between them as one name."""
    found: list[tuple[int, int]] = []
    for start, end in words:
        if found and not text[found[-1][1] : start].strip():
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _apart(places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places without those that lie in an earlier one."""
    found: list[tuple[int, int]] = []
    for start, end in places:
        if not found or start >= found[-1][1]:
            found.append((start, end))
    return found


def _as_written(text: str, written: str, places: Sequence[tuple[int, int]]) -> list[str]:
    """The slices of the text that stand at these places of its spelling."""
    if text == written:
        return [text[a:b].strip() for a, b in places]
    # For each character of the spelling the piece of the text that it comes from.
    origins: list[tuple[int, int]] = []
    for tag, a, b, c, d in SequenceMatcher(None, text, written, autojunk=False).get_opcodes():
        same_length = tag == "equal" or b - a == d - c
        origins += [(a + i, a + i + 1) if same_length else (a, b) for i in range(d - c)]
    return [text[origins[a][0] : origins[b - 1][1]].strip() for a, b in places]
