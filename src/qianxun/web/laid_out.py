"""A document's text as HTML, with a stretch of it marked: lines as lines, tables as tables, headings as headings.

The text is as it was cleaned and is cited by the characters of it: whatever is made of it here, every character that is
shown has kept its place. Pure.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup, escape

from qianxun.answering.tables.reading import is_rule

Ranges = Sequence[tuple[int, int]]
# What is to stand at places of a text beside its own characters, in their order.
Put = Sequence[tuple[int, Markup]]

_LINE: Final = re.compile(r"[^\n]*\n?")
# So many rows are gone through to find the heads above them.
_MOST_ROWS: Final = 20_000
_MOST_HEAD_CHARS: Final = 2_000
# Around a row; none of a cell, before which there is a stroke.
_BARS: Final = re.compile(r"^\|\s*|\s*(?<!\\)\|$")
_CELL: Final = re.compile(r"(?:\\.|[^|\\])*")
_HEADING: Final = re.compile(r"(#{1,6})\s+\S")


def laid_out(
    text: str, marks: Ranges, *, offset: int = 0, id: str = "cited", within: bool = False, put: Put = ()
) -> Markup:
    """The HTML of a text that begins at `offset` of its document; `marks` are (start, end) in the document, apart and
    in order. The first of them has the `id`, if any.

    `within` says that it begins in the midst of a table whose heads are not known: its first row is none of them.
    `put` stands in the cells and lines of its places in the text, all of it.
    """
    found = [(max(a - offset, 0), min(b - offset, len(text))) for a, b in marks]
    writer = _Writer(text, [(a, b) for a, b in found if a < b], id, put)
    lines = [match.span() for match in _LINE.finditer(text) if match.group()]
    parts: list[Markup] = []
    at = 0
    while at < len(lines):
        after = _end_of_table(text, lines, at)
        if after:
            parts.append(writer.table(lines[at:after], goes_on=within))
            # Behind a row with fewer cells the same table goes on.
            at, within = after, True
            continue
        within = within and "|" in text[slice(*lines[at])]
        heading = _HEADING.match(text, *lines[at])
        if heading:
            # Two below the page's own headings.
            level = min(6, len(heading[1]) + 2)
            parts.append(Markup("<h{0}>{1}</h{0}>").format(level, writer.line(*lines[at])))
        else:
            parts.append(writer.line(*lines[at]))
        at += 1
    return Markup("").join([*parts, writer.rest()])


def begins_within(text: str, at: int) -> bool:
    """Whether a part of a text that begins there begins in the midst of a table, or of a row of one."""
    row = text[at : _line_end(text, at)]
    if not at or "|" not in row:
        return False
    return text[at - 1] != "\n" or _is_like(text[text.rfind("\n", 0, at - 1) + 1 : at - 1], row)


def heads_above(text: str, at: int, known: str = "", *, within: bool = False) -> str | None:
    """The heads of the table in the midst of which a part of a text begins, as lines to be put before it; "" if it
    begins in no table's midst, None if the heads are not known.

    `known` are those of a table whose rows the text begins with, if it does. `within` says that it does so in the midst
    of one, whatever is known.
    """
    row = text[at : _line_end(text, at)]
    if "|" not in row:
        return ""
    if at and text[at - 1] != "\n":
        return None
    begins = at
    for _ in range(_MOST_ROWS):
        before = text.rfind("\n", 0, begins - 1) + 1 if begins else 0
        if not begins or not _is_like(text[before : begins - 1], row):
            break
        begins = before
    else:
        return None
    if not begins and known and _is_like(known.partition("\n")[0], row):
        return known + "\n"
    if not begins and within:
        return None
    end = min(_line_end(text, begins) + 1, at)
    rule_end = _line_end(text, end)
    if _is_row(text, (begins, end)):
        if not is_rule(text[end:rule_end]):
            return ""
        end = min(rule_end + 1, at)
    # What is as long as a page is no head, whatever is below it.
    return text[begins:end] if end - begins <= _MOST_HEAD_CHARS else None


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return found if found >= 0 else len(text)


def _is_like(line: str, row: str) -> bool:
    """Whether a line may be a row of the same table as another."""
    if row.lstrip().startswith("|"):
        return _is_row(line, (0, len(line)))
    return _n_bars(line, (0, len(line))) == _n_bars(row, (0, len(row)))


def in_one_line(text: str) -> str:
    """A stretch of a text to be quoted in running words: rows of a table without the bars around them and its rule."""
    kept = []
    for line in map(str.strip, text.split("\n")):
        if "|" not in line:
            kept.append(line)
        elif not is_rule(line):
            kept.append(_BARS.sub("", line))
    return "\n".join(filter(None, kept))


def _end_of_table(text: str, lines: list[tuple[int, int]], at: int) -> int:
    """The line after a table that begins here; 0 if none does.

    As Markdown writes it, with a rule below its head, or without both where the text begins in its midst; or as other
    formats are read: lines of as many cells, two at least, with ` | ` between them.
    """
    if at + 1 >= len(lines):
        return 0
    after = at + 2
    if _is_row(text, lines[at]) and is_rule(text[slice(*lines[at + 1])]):
        while after < len(lines) and _is_row(text, lines[after]):
            after += 1
        return after
    head = text[slice(*lines[at])].strip()
    bars = _n_bars(text, lines[at])
    barred = head.startswith("|") and head.endswith("|") and bars > 2
    if not barred and (" | " not in head or head.startswith("|") or head.endswith("|")):
        return 0
    after = at + 1
    while after < len(lines) and _n_bars(text, lines[after]) == bars and (not barred or _is_row(text, lines[after])):
        after += 1
    return after if after > at + 1 else 0


def _is_row(text: str, line: tuple[int, int]) -> bool:
    row = text[slice(*line)].strip()
    return row.startswith("|") and len(row) > 1


def _n_bars(text: str, line: tuple[int, int]) -> int:
    """How many bars there are in a line that are no character of a cell."""
    row = text[slice(*line)]
    return row.count("|") - row.count("\\|")


def _cells(text: str, start: int, end: int, *, bar_first: bool) -> Iterator[tuple[int, int, int]]:
    """Where the cells of a row stand, without the white space around them; and where the bar behind each is."""
    row = text[start:end].rstrip()
    at = row.index("|") + 1 if bar_first else 0
    while at < len(row):
        cell = _CELL.match(row, at)
        assert cell is not None
        inner = cell.group()
        lead = len(inner) - len(inner.lstrip())
        yield start + at + lead, start + at + max(lead, len(inner.rstrip())), start + cell.end()
        at = cell.end() + 1


class _Writer:
    """Stretches of one text as HTML, those of the marks in `mark`. They are asked for in the order of the text: what
    is put in it is written with the first stretch that reaches its place."""

    def __init__(self, text: str, marks: Ranges, id: str, put: Put) -> None:
        self._text = text
        self._marks = marks
        self._id = id  # of the next mark
        self._put = deque(put)

    def line(self, start: int, end: int) -> Markup:
        """Text as it is, to the end of its line. What is put behind that is the next line's."""
        return self._stretch(start, end, end - self._text.endswith("\n", start, end))

    def rest(self) -> Markup:
        """What is put behind all that was asked for."""
        return self._stretch(len(self._text), len(self._text), len(self._text))

    def table(self, lines: list[tuple[int, int]], *, goes_on: bool = False) -> Markup:
        """A table: the first row is its head; the second the rule below it. Rows with bars and no rule have no head,
        others none where they go on with a table whose heads are not known."""
        with_bars = _is_row(self._text, lines[0])
        has_rule = with_bars and is_rule(self._text[slice(*lines[1])])
        has_head = has_rule or not (with_bars or goes_on)
        head = Markup("")
        if has_head:
            head = Markup("<thead>{}</thead>").format(self._row(lines[0], Markup("th"), with_bars))
        first = 2 if has_rule else 1 if has_head else 0
        body = Markup("").join(self._row(line, Markup("td"), with_bars) for line in lines[first:])
        return Markup('<div class="wide" tabindex="0"><table>{}<tbody>{}</tbody></table></div>').format(head, body)

    def _row(self, line: tuple[int, int], tag: Markup, bar_first: bool) -> Markup:
        found = list(_cells(self._text, *line, bar_first=bar_first))
        # What is put behind the last bar is in the last cell.
        reaches = [*(bar for _, _, bar in found[:-1]), line[1] - self._text.endswith("\n", *line)]
        cells = [
            Markup("<{0}>{1}</{0}>").format(tag, self._stretch(start, end, reach))
            for (start, end, _), reach in zip(found, reaches, strict=False)
        ]
        return Markup("<tr>{}</tr>").format(Markup("").join(cells))

    def _stretch(self, start: int, end: int, reach: int) -> Markup:
        """Text as it is, with what is put no farther than `reach`."""
        parts: list[Markup] = []
        at = start
        for a, b in self._marks:
            a, b = max(a, start), min(b, end)
            if a >= b:
                continue
            parts += [self._between(at, a, a), self._marked(a, b)]
            at = b
        return Markup("").join([*parts, self._between(at, end, reach)])

    def _between(self, start: int, end: int, reach: int) -> Markup:
        parts: list[Markup] = []
        while self._put and self._put[0][0] <= reach:
            place, what = self._put.popleft()
            place = min(max(place, start), end)
            parts += [escape(self._text[start:place]), what]
            start = place
        return Markup("").join([*parts, escape(self._text[start:end])])

    def _marked(self, start: int, end: int) -> Markup:
        id, self._id = self._id, ""
        return Markup("<mark{}>{}</mark>").format(Markup(' id="{}"').format(id) if id else "", self._text[start:end])
