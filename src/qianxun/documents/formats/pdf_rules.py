"""The straight lines drawn on a PDF page: strokes, thin rectangles, the edges of boxes. Knows no text.

Most pages have none, and cost a look at the types of their objects.
"""

import itertools
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from qianxun.documents.formats.pdf_calls import Calls, Handle, calls, floats

# A page with more is a drawing.
MAX_OBJECTS: Final = 100_000
MAX_PATHS: Final = 12_000
MAX_SEGMENTS: Final = 40_000
MAX_FORM_DEPTH: Final = 4

THIN: Final = 3.0  # points: a rectangle no higher is a line, and lines no farther apart are one
SHORTEST: Final = 5.0  # points
_SLANT: Final = 0.5  # points that a straight line may be off by

_TEXT, _PATH, _FORM = 1, 2, 5  # FPDF_PAGEOBJ_*, fpdf_edit.h
_LINE_TO, _MOVE_TO = 0, 2  # FPDF_SEGMENT_*
_SIMPLE_SEGMENTS: Final = 5  # of one rectangle or line

Matrix: TypeAlias = tuple[float, float, float, float, float, float]  # a b c d e f of the PDF specification, 8.3.3
_TURNS: Final[tuple[Matrix, ...]] = ((1, 0, 0, 1, 0, 0), (0, -1, 1, 0, 0, 0), (-1, 0, 0, -1, 0, 0), (0, 1, -1, 0, 0, 0))


class Rule(NamedTuple):
    """A horizontal line at a height, from left to right; or a vertical one at a place, from bottom to top."""

    at: float
    begin: float
    end: float


@dataclass(slots=True)
class Rules:
    """The lines of a page, in points as it is shown: horizontal ones from the top, vertical ones from the left."""

    across: list[Rule] = field(default_factory=list)
    down: list[Rule] = field(default_factory=list)


def rules_of(page: Handle, quarter_turns: int = 0) -> Rules:
    """The lines of a page that is shown turned clockwise so often; none where it is a drawing."""
    pdfium = calls()
    paths = list(itertools.islice(_paths(pdfium, page, _TURNS[quarter_turns % 4]), MAX_PATHS + 1))
    if not paths or len(paths) > MAX_PATHS:
        return Rules()
    found = _Found(pdfium)
    for path, matrix in paths:
        found.add(path, matrix)
        if found.n_segments > MAX_SEGMENTS:
            return Rules()
    return Rules(joined(found.across)[::-1], joined(found.down))


def _paths(pdfium: Calls, page: Handle, matrix: Matrix) -> Iterator[tuple[Handle, Matrix]]:
    """The paths of a page, and what brings their points to where they are shown."""
    n = pdfium.count_objects(page)
    if n > MAX_OBJECTS:
        return
    object_at, object_type = pdfium.object_at, pdfium.object_type
    for i in range(n):
        item = object_at(page, i)
        if item is None:
            continue
        kind = object_type(item)
        if kind == _TEXT:
            continue
        if kind == _PATH:
            yield item, matrix
        elif kind == _FORM:
            yield from _paths_in_form(pdfium, item, matrix, 1)


def _paths_in_form(pdfium: Calls, form: Handle, matrix: Matrix, depth: int) -> Iterator[tuple[Handle, Matrix]]:
    n = pdfium.count_in_form(form)
    own = _matrix_of(pdfium, form)
    if own is None or n > MAX_OBJECTS:
        return
    matrix = _product(own, matrix)
    for i in range(n):
        item = pdfium.form_object_at(form, i)
        if item is None:
            continue
        kind = pdfium.object_type(item)
        if kind == _PATH:
            yield item, matrix
        elif kind == _FORM and depth < MAX_FORM_DEPTH:
            yield from _paths_in_form(pdfium, item, matrix, depth + 1)


def _matrix_of(pdfium: Calls, item: Handle) -> Matrix | None:
    values, address = floats(6)
    if not pdfium.matrix(item, address):
        return None
    a, b, c, d, e, f = values
    return a, b, c, d, e, f


def _product(first: Matrix, after: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    k, m, n, o, p, q = after
    return a * k + b * n, a * m + b * o, c * k + d * n, c * m + d * o, e * k + f * n + p, e * m + f * o + q


def _at(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


class _Found:
    """Collects the lines of paths."""

    def __init__(self, pdfium: Calls) -> None:
        self.pdfium = pdfium
        self.across: list[Rule] = []
        self.down: list[Rule] = []
        self.n_segments = 0
        self.box, self.address = floats(4)
        self.mode = array("i", [0, 0])
        self.mode_address = self.mode.buffer_info()[0]

    def add(self, path: Handle, matrix: Matrix) -> None:
        pdfium, address = self.pdfium, self.address
        if not pdfium.bounds(path, address, address + 4, address + 8, address + 12):
            return
        left, bottom, right, top = self.box
        x, y = _at(matrix, left, bottom)
        across, up = _at(matrix, right, top)
        left, right, bottom, top = min(x, across), max(x, across), min(y, up), max(y, up)
        wide, high = right - left > THIN, top - bottom > THIN
        if not wide and not high:
            return
        if not pdfium.draw_mode(path, self.mode_address, self.mode_address + 4) or not any(self.mode):
            return  # it only cuts what others draw
        n = pdfium.count_segments(path)
        if n < 2:
            return
        if wide != high and n <= _SIMPLE_SEGMENTS:
            self._line(left, bottom, right, top)
        else:
            self.n_segments += n
            if self.n_segments <= MAX_SEGMENTS:
                self._edges(path, n, matrix)

    def _line(self, left: float, bottom: float, right: float, top: float) -> None:
        if right - left > top - bottom:
            self._across((bottom + top) / 2, left, right)
        else:
            self._down((left + right) / 2, bottom, top)

    def _across(self, y: float, left: float, right: float) -> None:
        if right - left >= SHORTEST:
            self.across.append(Rule(y, left, right))

    def _down(self, x: float, bottom: float, top: float) -> None:
        if top - bottom >= SHORTEST:
            self.down.append(Rule(x, bottom, top))

    def _edges(self, path: Handle, n: int, matrix: Matrix) -> None:
        """The straight edges of a path; a thin rectangle among its pieces has two, which later become one."""
        pdfium, point, address = self.pdfium, self.box, self.address
        own = _matrix_of(pdfium, path)
        if own is None:
            return
        matrix = _product(own, matrix)
        start = before = (0.0, 0.0)
        for i in range(n):
            segment = pdfium.segment_at(path, i)
            if segment is None or not pdfium.segment_point(segment, address, address + 4):
                return
            here = _at(matrix, point[0], point[1])
            kind = pdfium.segment_type(segment)
            if kind == _MOVE_TO:
                start = here
            elif kind == _LINE_TO:
                self._edge(before, here)
            before = here
            if pdfium.segment_closes(segment):
                self._edge(here, start)
                before = start

    def _edge(self, one: tuple[float, float], other: tuple[float, float]) -> None:
        (x, y), (to_x, to_y) = one, other
        if abs(y - to_y) <= _SLANT:
            self._across((y + to_y) / 2, min(x, to_x), max(x, to_x))
        elif abs(x - to_x) <= _SLANT:
            self._down((x + to_x) / 2, min(y, to_y), max(y, to_y))


def joined(rules: list[Rule]) -> list[Rule]:
    """The rules by place, those that touch or cover each other as one."""
    found: list[Rule] = []
    for group in _by_place(sorted(rules)):
        at = sum(rule.at for rule in group) / len(group)
        group.sort(key=lambda rule: rule.begin)
        begin, end = group[0].begin, group[0].end
        for rule in group[1:]:
            if rule.begin > end + THIN:
                found.append(Rule(at, begin, end))
                begin = rule.begin
            end = max(end, rule.end)
        found.append(Rule(at, begin, end))
    return found


def _by_place(rules: list[Rule]) -> Iterator[list[Rule]]:
    group: list[Rule] = []
    for rule in rules:
        if group and rule.at - group[0].at > THIN:
            yield group
            group = []
        group.append(rule)
    if group:
        yield group
