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
_HALF: Final = re.compile("[\ud800-\udfff]")

_AS_SHOWN: Final = 0  # FLAT_NORMALDISPLAY: without what is hidden on the screen
_TEXT, _FORM = 1, 5  # FPDF_PAGEOBJ_*, fpdf_edit.h
_FIELD: Final = 20  # FPDF_ANNOT_WIDGET, fpdf_annot.h
_WRITTEN: Final = (3, 13, _FIELD)  # FPDF_ANNOT_FREETEXT, _STAMP
_MAX_ANNOTATIONS: Final = 10_000
_MAX_COMPARED: Final = 1_000_000

Box = tuple[float, float, float, float]  # left, top, right, bottom


class Line(NamedTuple):
    """A line of text. `size` is its font's, in points; the place is that of its first and last characters."""

    text: str
    size: float
    left: float
    right: float
    top: float
    bottom: float

    def is_within(self, box: Sequence[float]) -> bool:
        """Whether its beginning lies in this place: left, top, right, bottom."""
        middle = (self.top + self.bottom) / 2
        return box[0] - 1 <= self.left <= box[2] + 1 and box[3] - 1 <= middle <= box[1] + 1


class FormLine(Line):
    """A field of a form with its label: a line of its own, however full it is."""

    __slots__ = ()


@dataclass(slots=True)
class TextPage:
    """A page while it is open. `spans` are the first and the last character of each line, by pdfium's index.

    `fields` are the ids of the lines that were written into fields of a form.
    """

    page: Handle
    text: Handle
    quarter_turns: int
    characters: str
    spans: list[tuple[int, int]]
    lines: list[Line]
    known: dict[int, list[Box]] = field(default_factory=dict)
    fields: set[int] = field(default_factory=set)

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

    def is_level(self, index: int) -> bool:
        """Whether a character stands on a level line as the page is shown, not inclined."""
        angle = calls().angle(self.text, index)
        quarters = angle / (math.pi / 2) + self.quarter_turns if math.isfinite(angle) else 0.0
        return abs((quarters + 2) % 4 - 2) < 0.1

    def is_upright(self, index: int) -> bool:
        """Whether a character stands as the page is shown: not on its side."""
        angle = calls().angle(self.text, index)
        quarters = angle / (math.pi / 2) if math.isfinite(angle) else 0.0
        return round(quarters + self.quarter_turns) % 2 == 0


@contextlib.contextmanager
def open_page(document: Handle, index: int, form: Handle | None = None) -> Iterator[TextPage | None]:
    """A page by its index from 0, with its lines; None for a damaged page of an otherwise readable file.

    `form` draws those fields of a form whose values nobody has drawn.
    """
    pdfium = calls()
    page = pdfium.load_page(document, index)
    n_printed = 0
    fields = None if page is None else _written_on(pdfium, page)
    if page is not None and fields is not None:
        # What is written on the page is made part of it, in memory: else only what it was printed with is its text.
        n_printed = pdfium.count_objects(page)
        if form is not None:
            pdfium.draw_fields(page, form)
        pdfium.flatten(page, _AS_SHOWN)
        if form is not None:
            pdfium.leave_fields(page, form)
        pdfium.close_page(page)
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
            found = _read(pdfium, page, text)
            if fields is not None:
                _put_in_place(pdfium, found, _texts_behind(pdfium, page, n_printed), fields)
            yield found
        finally:
            pdfium.close_text(text)
    finally:
        pdfium.close_page(page)


def _written_on(pdfium: Calls, page: Handle) -> list[Box] | None:
    """The places of a form's fields on a page; None where there is none, nor a text box or a stamp."""
    found: list[Box] | None = None
    values, address = floats(4)
    for index in range(min(pdfium.count_annotations(page), _MAX_ANNOTATIONS)):
        annotation = pdfium.annotation_at(page, index)
        if annotation is None:
            continue
        kind = pdfium.annotation_type(annotation)
        if kind in _WRITTEN:
            found = found or []
            if kind == _FIELD and pdfium.annotation_place(annotation, address):
                found.append((values[0], values[1], values[2], values[3]))
        pdfium.close_annotation(annotation)
    return found


def _texts_behind(pdfium: Calls, page: Handle, first: int) -> set[Handle]:
    """The pieces of text that flattening has put behind a page's first objects."""
    found: set[Handle] = set()
    waiting = [pdfium.object_at(page, i) for i in range(first, pdfium.count_objects(page))]
    while waiting and len(found) < _MAX_COMPARED:
        item = waiting.pop()
        kind = 0 if item is None else pdfium.object_type(item)
        if item is not None and kind == _TEXT:
            found.add(item)
        elif item is not None and kind == _FORM:
            waiting += [pdfium.form_object_at(item, i) for i in range(pdfium.count_in_form(item))]
    return found


def _put_in_place(pdfium: Calls, page: TextPage, pieces: set[Handle], fields: list[Box]) -> None:
    """Puts what was written into fields where it stands: behind its label, else between the lines around it.

    `pieces` are those of the text that were written. What is in no field, text boxes and stamps, comes last.
    """
    spans: list[tuple[int, int]] = []
    kept: list[Line | None] = []
    written: list[tuple[int, int]] = []
    for span, line in zip(page.spans, page.lines, strict=True):
        runs = _runs(pdfium, page, span, pieces)
        printed = [run for run, is_written in runs if not is_written]
        written += [part for run, is_written in runs if is_written for part in _cut_where_it_jumps(page, run)]
        spans += printed
        kept += [line] * len(printed) if len(runs) == 1 else [None] * len(printed)
    n_printed = len(spans)
    if not written or len(written) * (n_printed + len(written)) > _MAX_COMPARED:
        return
    spans += written
    kept += [None] * len(written)
    made = [span for span, line in zip(spans, kept, strict=True) if line is None]
    texts = [
        " ".join(_whole(page.characters[first : last + 1]).split())
        + ("-" if page.characters[last + 1 : last + 2] in _HYPHENS else "")
        for first, last in made
    ]
    new = iter(_placed(pdfium, page.text, made, texts, page.quarter_turns))
    lines = [next(new) if line is None else line for line in kept]
    places = array("f", itertools.chain.from_iterable(fields))
    if page.quarter_turns:
        _turn(places, page.quarter_turns)
    boxes = [places[i : i + 4].tolist() for i in range(0, len(places), 4)]
    order = list(range(n_printed))
    aside: list[int] = []
    for number in range(n_printed, len(spans)):
        line = lines[number]
        if not any(map(line.is_within, boxes)) or not page.is_level(spans[number][0]):
            aside.append(number)
            continue
        page.fields.add(id(line))
        before = [at for at, i in enumerate(order) if lines[i].left < line.left and in_one_row(lines[i], line)]
        middle = (line.top + line.bottom) / 2
        after = [at for at, i in enumerate(order) if lines[i].top <= middle or in_one_row(lines[i], line)]
        if before:
            order.insert(max(before, key=lambda at: lines[order[at]].left) + 1, number)
        else:
            order.insert(after[0] if after else len(order), number)
    page.spans = [spans[i] for i in (*order, *aside)]
    page.lines = [lines[i] for i in (*order, *aside)]


def _runs(
    pdfium: Calls, page: TextPage, span: tuple[int, int], pieces: set[Handle]
) -> list[tuple[tuple[int, int], bool]]:
    """A line cut where what was printed and what was written meet, each part with whether it was written."""
    found: list[tuple[int, int, bool]] = []
    for i in range(span[0], span[1] + 1):
        if page.characters[i].isspace():
            continue
        is_written = pdfium.text_object(page.text, i) in pieces
        if found and found[-1][2] == is_written:
            found[-1] = (found[-1][0], i, is_written)
        else:
            found.append((i, i, is_written))
    return [((first, last), is_written) for first, last, is_written in found]


def _whole(text: str) -> str:
    """The text with halves of characters put together, if it has any."""
    return paired(text) if _HALF.search(text) else text


def _cut_where_it_jumps(page: TextPage, span: tuple[int, int]) -> list[tuple[int, int]]:
    """The spans of one line in one row each: pdfium takes fields that follow each other for one line now and then."""
    first, last = span
    if not page.is_level(first):
        return [span]
    spans: list[tuple[int, int]] = []
    begin, right, row = first, -math.inf, None
    for i, (left, top, end, bottom) in enumerate(page.boxes(first, last), first):
        if page.characters[i].isspace() or top <= bottom:
            continue
        here = Line("", 0.0, left, end, top, bottom)
        if row is not None and (not in_one_row(row, here) or left < right - (top - bottom)):
            spans.append((begin, i - 1))
            begin = i
        right, row = end, here
    return _stripped(page.characters, [*spans, (begin, last)])


def _stripped(characters: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans without white space at their ends; those of white space alone are left out."""
    found = []
    for first, last in spans:
        text = characters[first : last + 1]
        if text.strip():
            found.append((first + len(text) - len(text.lstrip()), last - len(text) + len(text.rstrip())))
    return found


def in_one_row(one: Line, other: Line) -> bool:
    """Whether two lines stand beside each other."""
    shared = min(one.top, other.top) - max(one.bottom, other.bottom)
    return shared > min(one.top - one.bottom, other.top - other.bottom) / 2


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
    last_size, rounded = 0.0, 0.0
    places = zip(every[::8], every[6::8], every[1::8], every[3::8], strict=True)
    for own, size, (left, right, top, bottom) in zip(texts, sizes, places, strict=True):
        if size <= _SMALLEST_SIZE:  # the size is in the text matrix; the box shows it
            size = abs(top - bottom)
        if size != last_size:
            last_size, rounded = size, round(size, 1)
        lines.append(made(Line, (own, rounded, left, right, top, bottom)))
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
    tops = [-item.top for item in placed]
    by_height = sorted(range(n), key=tops.__getitem__)
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
