"""A PDF page's characters, as pdfium orders them, as lines with their places. Knows no paragraph and no table.

Places are points from the left and upwards, as the page is shown: pages that are shown turned are turned here.
"""

import contextlib
import itertools
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from qianxun.documents.formats.pdf_calls import Calls, Handle, calls, floats

# pdfium's line ends; the last two are hyphens at the end of a line.
_LINE: Final = re.compile(r"[^\r\n\x02\ufffe]+")
_HYPHENS: Final = ("\x02", "\ufffe")
_SMALLEST_SIZE: Final = 1.5

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Line(NamedTuple):
    """A line of text. `size` is its font's, in points; the place is that of its first and last characters."""

    text: str
    size: float
    left: float
    right: float
    top: float
    bottom: float


@dataclass(slots=True)
class TextPage:
    """A page while it is open. `spans` are the first and the last character of each line, by pdfium's index."""

    page: Handle
    text: Handle
    quarter_turns: int
    characters: str
    spans: list[tuple[int, int]]
    lines: list[Line]
    known: dict[int, list[Box]] = field(default_factory=dict)

    def boxes(self, first: int, last: int) -> list[Box]:
        """The boxes of these characters, `last` included."""
        values, address = floats(4 * (last - first + 1))
        box, text = calls().loose_box, self.text
        for i in range(first, last + 1):
            box(text, i, address)
            address += 16
        if self.quarter_turns:
            _turn(values, self.quarter_turns)
        every = values.tolist()
        return list(zip(every[::4], every[1::4], every[2::4], every[3::4], strict=True))

    def boxes_of_line(self, number: int) -> list[Box]:
        """The boxes of a line's characters; asked for once, however many tables are looked for."""
        if number not in self.known:
            self.known[number] = self.boxes(*self.spans[number])
        return self.known[number]

    def is_upright(self, index: int) -> bool:
        """Whether a character stands as the page is shown: not on its side."""
        angle = calls().angle(self.text, index)
        quarters = angle / (math.pi / 2) if math.isfinite(angle) else 0.0
        return round(quarters + self.quarter_turns) % 2 == 0


@contextlib.contextmanager
def open_page(document: Handle, index: int) -> Iterator[TextPage | None]:
    """A page by its index from 0, with its lines; None for a damaged page of an otherwise readable file."""
    pdfium = calls()
    page = pdfium.load_page(document, index)
    if page is None:
        yield None
        return
    try:
        text = pdfium.load_text(page)
        if text is None:
            yield None
            return
        try:
            yield _read(pdfium, page, text)
        finally:
            pdfium.close_text(text)
    finally:
        pdfium.close_page(page)


def _read(pdfium: Calls, page: Handle, text: Handle) -> TextPage:
    quarter_turns = pdfium.rotation(page)
    n = pdfium.count_chars(text)
    if n <= 0:
        return TextPage(page, text, quarter_turns, "", [], [])
    characters, has_pairs = _characters(pdfium, text, n)
    spans: list[tuple[int, int]] = []
    texts: list[str] = []
    for first, line, after in _cut(characters):
        words = line.split()
        if not words:
            continue
        own = " ".join(words)
        if len(own) == len(line):
            spans.append((first, first + len(line) - 1))
        else:
            first += len(line) - len(line.lstrip())
            spans.append((first, first + len(line.strip()) - 1))
        if has_pairs:
            own = paired(own)
        texts.append(f"{own}-" if after in _HYPHENS else own)
    if not spans:
        return TextPage(page, text, quarter_turns, characters, [], [])
    return TextPage(page, text, quarter_turns, characters, spans, _placed(pdfium, text, spans, texts, quarter_turns))


def _cut(characters: str) -> Iterator[tuple[int, str, str]]:
    """The lines of a page: where each begins, and the character behind it."""
    if "\x02" in characters or "\ufffe" in characters:
        for match in _LINE.finditer(characters):
            yield match.start(), match[0], characters[match.end() : match.end() + 1]
        return
    # As nearly all pages are: only ends of lines, which splits faster than a pattern finds.
    end = "\r\n" if characters.count("\r") == characters.count("\r\n") == characters.count("\n") else "\n"
    begin = 0
    for line in (characters if end == "\r\n" else characters.replace("\r", "\n")).split(end):
        yield begin, line, ""
        begin += len(line) + len(end)


def _placed(
    pdfium: Calls, text: Handle, spans: list[tuple[int, int]], texts: list[str], quarter_turns: int
) -> list[Line]:
    box, font_size = pdfium.loose_box, pdfium.font_size
    values, address = floats(8 * len(spans))
    sizes = []
    for first, last in spans:
        box(text, first, address)
        box(text, last, address + 16)
        sizes.append(font_size(text, first))
        address += 32
    if quarter_turns:
        _turn(values, quarter_turns)
    every = values.tolist()
    lines = []
    made = tuple.__new__  # what a named tuple's own constructor calls, at half its cost
    at = 0
    for own, size in zip(texts, sizes, strict=True):
        top, bottom = every[at + 1], every[at + 3]
        if size <= _SMALLEST_SIZE:  # the size is in the text matrix; the box shows it
            size = abs(top - bottom)
        lines.append(made(Line, (own, round(size, 1), every[at], every[at + 6], top, bottom)))
        at += 8
    return lines


def _characters(pdfium: Calls, text: Handle, n: int) -> tuple[str, bool]:
    """The page's characters, one per index of pdfium, so that boxes can be asked for by index.

    And whether there may be some beyond the first plane, which are two halves here: `paired` makes them one.
    """
    buffer = array("H", bytes(4 * n + 4))
    written = pdfium.text(text, 0, n, buffer.buffer_info()[0])
    if written - 1 == n:
        found = buffer[:n].tobytes().decode("utf-16-le", "replace")
        if len(found) == n:
            return found, False
        return "".join(map(chr, buffer[:n])), True
    one = pdfium.unicode
    return "".join(_character(one(text, i)) for i in range(n)), True


def _character(point: int) -> str:
    return chr(point) if 0 < point < 0x110000 else " "


def paired(text: str) -> str:
    """The text with halves of characters put together; a half that is alone becomes a space."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\ufffd", " ").strip()


def _turn(values: "array[float]", quarter_turns: int) -> None:
    """Turns boxes (left, top, right, bottom) about the origin, clockwise, in place."""
    for at in range(0, len(values), 4):
        left, top, right, bottom = values[at : at + 4]
        if quarter_turns == 1:
            box = (bottom, -left, top, -right)
        elif quarter_turns == 2:
            box = (-right, -bottom, -left, -top)
        else:
            box = (-top, right, -bottom, left)
        values[at], values[at + 1], values[at + 2], values[at + 3] = box


# Running headers and footers: lines that stand at the edges of many pages.

MIN_PAGES_FOR_RUNNING_LINES: Final = 3
EDGE_LINES: Final = 3  # running headers and footers are among so many first or last lines of a page
MAX_RUNNING_CHARS: Final = 400

_DIGITS: Final = re.compile(r"\d+")
Key = tuple[str, int | None]


class Placed(Protocol):
    """Something with text that stands on a page."""

    @property
    def text(self) -> str: ...

    @property
    def top(self) -> float: ...


def running(pages: Iterable[Sequence[Placed]]) -> list[set[int]]:
    """By page, the indexes of what repeats at the edges of many; of two pages the first keeps its words."""
    seen: dict[Key, int] = {}
    edges: list[list[tuple[int, set[Key]]]] = []
    n_filled = 0
    for index, placed in enumerate(pages):
        own = [(i, _running_keys(placed[i].text, index)) for i in _edges(placed)]
        for key in set(itertools.chain.from_iterable(keys for _, keys in own)):
            seen[key] = seen.get(key, 0) + 1
        edges.append(own)
        n_filled += bool(placed)
    if len(edges) < 2:
        return [set() for _ in edges]
    least = max(min(MIN_PAGES_FOR_RUNNING_LINES, len(edges)), 0.3 * n_filled)
    found = []
    for index, own in enumerate(edges):
        keeps_words = len(edges) < MIN_PAGES_FOR_RUNNING_LINES and index == 0
        found.append(
            {i for i, keys in own if any(seen[key] >= least and not (keeps_words and key[1] is None) for key in keys)}
        )
    return found


def _edges(placed: Sequence[Placed]) -> list[int]:
    n = len(placed)
    by_height = [i for _, i in sorted([(-item.top, i) for i, item in enumerate(placed)])]
    if n > 2 * EDGE_LINES:
        return by_height[:EDGE_LINES] + by_height[-EDGE_LINES:]
    return by_height[:1] + by_height[-1:] if n > 2 else by_height


def _running_keys(text: str, page: int) -> set[Key]:
    """Shared by the same line on different pages: its words, or its shape if a number in it counts the pages."""
    if len(text) > MAX_RUNNING_CHARS:
        return set()
    text = "".join(text.split())
    numbers = _DIGITS.findall(text)
    keys: set[Key] = set()
    if any(map(str.isalpha, text)):
        keys.add((text, None))
    if numbers:
        shape = _DIGITS.sub("#", text)
        keys.update((shape, int(number) - page) for number in numbers[:6] if len(number) < 6)
    return keys
