"""Text on a terminal: cell widths, wrapping and snippets, Chinese and English alike.

A Chinese character takes two cells and a line may break after any of them; `textwrap` and `str.ljust`
know neither. Knows nothing of commands or of how anything is printed.
"""

import bisect
import itertools
import os
import re
import unicodedata
from collections.abc import Collection, Iterator

from qianxun.marking import joined, occurrences

# Not at the beginning of a line, not at the end of one (the usual rules of Chinese typesetting).
_CLOSING = frozenset("，。！？；：、）」』】》〉”’…—～％,.!?;:)]}%")
_OPENING = frozenset("（「『【《〈“‘([{")
# In a snippet a table's rows run together: neither its rule nor the double bars between rows say anything.
_TABLE_RULE = re.compile(r"\|(?: (?::?-{3,}:? )?\|)+")
_SENTENCE_END = re.compile(r"[。！？；.!?;]\s*")


def cells(text: str) -> int:
    """How many terminal cells a text takes: wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(c) for c in text)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """The text filled with spaces to this many cells; longer texts stay whole."""
    return text + " " * max(0, width - cells(text))


def cut(text: str, width: int) -> str:
    """The text in at most this many cells, ending in … when something was left out."""
    if cells(text) <= width:
        return text
    kept, room = 0, width - 1
    for character in text:
        room -= _cells_of(character)
        if room < 0:
            break
        kept += 1
    return text[:kept] + "…"


def cut_in_middle(text: str, width: int) -> str:
    """The text in at most this many cells; of a longer one the beginning, … and the end, which names differ in."""
    if cells(text) <= width:
        return text
    tail, room = len(text), (width - 1) * 3 // 5
    while tail > 0 and _cells_of(text[tail - 1]) <= room:
        tail -= 1
        room -= _cells_of(text[tail])
    return cut(text[:tail] + "……", width - cells(text[tail:])) + text[tail:]


def wrapped_ranges(text: str, width: int, *, break_words: bool = True) -> list[tuple[int, int]]:
    """The lines of a text as (start, end), each at most `width` cells, white space at the breaks dropped.

    `break_words` False leaves a word that is longer than a line whole: a path that is to be copied.
    """
    lines: list[tuple[int, int]] = []
    start: int | None = None
    end = used = 0
    for a, b in _atoms(text):
        if text[a:b].isspace():
            if text[a] == "\n":
                blank = b - a
                if start is not None:
                    lines.append((start, end))
                    blank -= 1
                lines += [(a, a)] * blank
                start = None
            continue
        gap = cells(text[end:a]) if start is not None else 0
        size = cells(text[a:b])
        if start is not None and used + gap + size > width:
            lines.append((start, end))
            start = None
        if start is None:
            start, used, gap = a, 0, 0
        while break_words and size > width:  # longer than a line: a web address, a row of dashes
            fits = len(cut(text[a:b], width + 1)) - 1
            lines.append((a, a + max(1, fits)))
            a += max(1, fits)
            start, size = a, cells(text[a:b])
        used += gap + size
        end = b
    if start is not None:
        lines.append((start, end))
    return lines


def wrapped(text: str, width: int, *, break_words: bool = True) -> list[str]:
    """The lines of a text, each at most `width` cells."""
    return [text[a:b] for a, b in wrapped_ranges(text, width, break_words=break_words)]


def _atoms(text: str) -> Iterator[tuple[int, int]]:
    """What must stay on one line: a run of spaces, a word, a wide character with its punctuation."""
    i = 0
    while i < len(text):
        a = i
        if text[i].isspace():
            while i < len(text) and text[i].isspace() and (text[i] == "\n") == (text[a] == "\n"):
                i += 1
            yield a, i
            continue
        while i < len(text) and text[i] in _OPENING:
            i += 1
        if i < len(text) and _cells_of(text[i]) == 2:
            i += 1
        else:
            while i < len(text) and not text[i].isspace() and _cells_of(text[i]) != 2:
                i += 1
        while i < len(text) and text[i] in _CLOSING:
            i += 1
        yield a, max(i, a + 1)
        i = max(i, a + 1)


def snippet(text: str, matched: Collection[str], width: int) -> tuple[str, list[tuple[int, int]]]:
    """The stretch of at most `width` cells that says most of what was asked, on one line, and its highlights."""
    flat = _TABLE_RULE.sub("|", " ".join(text.split()))
    found = occurrences(flat, matched)
    marks = joined([(a, b) for a, b, _ in found])
    if cells(flat) <= width:
        return flat, marks
    start = _best_start(flat, found, width - 2)  # room for … at both ends
    lead = "…" if start else ""
    shown = lead + cut(flat[start:], width - len(lead))
    shift = len(lead) - start
    body_end = len(shown) - (1 if shown.endswith("…") else 0)
    moved = [(max(a + shift, len(lead)), min(b + shift, body_end)) for a, b in marks if b > start]
    return shown, [(a, b) for a, b in moved if a < b]


def _best_start(flat: str, found: list[tuple[int, int, str]], room: int) -> int:
    """Where the stretch begins that has the most different terms, long ones first, closest together.

    Where there is room, the last term's sentence is whole, and then the first term's.
    """
    at = [0, *itertools.accumulate(map(_cells_of, flat))]  # cells before each character
    best, first, last = (0, 0), 0, 0
    for i, (a, _, _) in enumerate(found):
        terms: set[str] = set()
        end = a
        for _, d, term in itertools.takewhile(lambda mark, a=a: at[mark[1]] - at[a] <= room, found[i:]):  # type: ignore[misc]
            if term not in terms:
                terms.add(term)
                end = d
        value = sum(map(cells, terms)), at[a] - at[end]
        if terms and value > best:
            best, first, last = value, a, end
    ending = _SENTENCE_END.search(flat, max(0, last - 1))
    whole = len(flat) if ending is None else ending.end()
    if at[whole] - at[first] <= room:
        last = whole
    earliest = bisect.bisect_left(at, at[last] - room)
    sentences = [m.end() for m in _SENTENCE_END.finditer(flat, 0, first) if m.end() >= earliest]
    if earliest == 0 and first <= 20:
        return 0
    if sentences:
        return sentences[-1]
    # In the middle of a sentence: a little of what comes before, and a full line at the end of the text.
    start = min(bisect.bisect_left(at, at[first] - room // 8), bisect.bisect_left(at, at[-1] - room))
    return max(start, earliest, 0)


def shown_source(source: str, cwd: str | None = None) -> str:
    """A source as people read it: relative when it lies inside the working directory."""
    base = (cwd or os.getcwd()).rstrip(os.sep) + os.sep  # noqa: PTH109 (no pathlib on the way to a search)
    return source[len(base) :] if source.startswith(base) and len(source) > len(base) else source


def shown_bytes(n: float) -> str:
    """A size in the unit people expect."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(n) < 1024:
            return f"{n:.0f} {unit}" if unit == "B" or n >= 100 else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TB"


def shown_seconds(seconds: float) -> str:
    """A duration: 12 ms, 3.4 s, 2:05, 1:02:05."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
