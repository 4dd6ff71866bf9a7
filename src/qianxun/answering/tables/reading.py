"""Finds the tables in a text: pasted into a question, or in a passage. Knows no question and computes nothing.

Read are Markdown and box-drawn tables, tab-separated and delimited lines, columns set with spaces, and lists of names
and numbers, on lines of their own or in one. Bars and tabs make a table; commas and spaces do so only where the lines
agree in their columns and numbers stand in them, since sentences have commas, too. What stands around the tables is
what the person says about them.
"""

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from qianxun.answering.tables.lists import listed_in_line, listed_on_lines
from qianxun.answering.tables.periods import Period
from qianxun.answering.tables.table import Raw, Table, table_from
from qianxun.answering.tables.values import Quantity, read_value
from qianxun.records import Passage, Span

MAX_LEADS: Final = 4  # lines cut like a table that may stand over it
MAX_CELL_CHARS: Final = 60  # of delimited and aligned lines: longer ones are prose

_LINE: Final = re.compile(r"[^\n]+")
_BARS: Final = "|｜│┃"
_RULE: Final = re.compile(r"[\s|｜│┃:：+=\-─━┼╋├┤┌┐└┘┬┴╞╪╡═╬╠╣╔╗╚╝╦╩┏┓┗┛┣┫┳┻]+")
# Of a line without white space around it: with more at the end there would be many ways to read a line that is none.
_MARKDOWN_RULE: Final = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")
_GAP: Final = re.compile(r"[^\S\n]{2,}|\u3000+")
_TOKEN: Final = re.compile(r"\S+")
_FENCE: Final = re.compile(r"\s*(?:```|~~~)")
_DELIMITERS: Final = ("，", "；", ";", ", ", ",", "、")

Line = tuple[int, int]  # where it starts and ends in the text
Rows = list[list[Raw]]


def tables_in(text: str) -> tuple[Table, ...]:
    """The tables in the text, in order; `table.span` is the exact place of each, from its first to its last cell."""
    found: list[Table] = []
    rest: list[list[Line]] = []
    for block in _blocks(text):
        rest += _bars_and_tabs(text, block, found)
    for block in rest:
        _lines_that_agree(text, block, found)
    found.sort(key=lambda table: table.span)
    for start, end in _between(text, found):
        listed = listed_in_line(text[start:end])
        if listed is not None:
            rows, span = listed
            moved = [[Raw(c.text, _moved(c.span, start)) for c in row] for row in rows]
            _add(found, moved, Span(span.start + start, span.end + start), 1)
    return tuple(sorted(found, key=lambda table: table.span))


def is_rule(line: str) -> bool:
    """Whether a line is what stands below the head of a table in Markdown."""
    return "|" in line and _MARKDOWN_RULE.fullmatch(line.strip()) is not None


def table_of(passage: Passage) -> Table | None:
    """The table that a passage is cut from, with the header that its context repeats; None if it holds none.

    `span` and those of the cells are places in the passage's text; names of columns in the context have none.
    """
    header: Rows = []
    for line in reversed(passage.context.splitlines()):
        if not _is_barred(line):
            break
        if not _RULE.fullmatch(line):
            header.insert(0, [Raw(cell.text, None) for cell in _barred(line, (0, len(line)), outer=_outer([line]))])
    for block in _blocks(passage.text):
        for run in _runs(block, lambda line: _is_barred(passage.text[slice(*line)])):
            rows, n_header = _of_bars(passage.text, run)
            if header and n_header is None and rows and rows[0] and len(header[-1]) >= 2:
                rows, n_header = [*header, *rows], len(header)
            table = table_from(rows, _span(passage.text, run), n_header_rows=n_header)
            if table is not None:
                return table
    tables = tables_in(passage.text)
    return tables[0] if tables else None


def instruction(text: str, tables: Sequence[Table]) -> str:
    """What stands around the tables: the question itself. Fences that held a table are left out with it."""
    parts = [text[start:end] for start, end in _between(text, tables)]
    lines = [line.strip() for part in parts for line in part.splitlines() if not _FENCE.match(line)]
    return "\n".join(line for line in lines if line)


def _between(text: str, tables: Sequence[Table]) -> list[Line]:
    """The stretches of the text that are in no table."""
    edges = [0, *(edge for table in tables for edge in (table.span.start, table.span.end)), len(text)]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def _moved(span: Span | None, by: int) -> Span | None:
    return None if span is None else Span(span.start + by, span.end + by)


def _blocks(text: str) -> list[list[Line]]:
    """The lines of the text, in blocks that empty lines and fences part."""
    blocks: list[list[Line]] = []
    end = -1
    for match in _LINE.finditer(text):
        line = match[0].rstrip("\r")
        if not line.strip() or _FENCE.match(line):
            end = -1
            continue
        if end < 0 or match.start() > end + 1:
            blocks.append([])
        blocks[-1].append((match.start(), match.start() + len(line)))
        end = match.end()
    return blocks


def _runs(lines: Sequence[Line], fits: Callable[[Line], bool]) -> list[list[Line]]:
    runs: list[list[Line]] = [[]]
    for line in lines:
        if fits(line):
            runs[-1].append(line)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _span(text: str, lines: Sequence[Line]) -> Span:
    """From the first to the last character of these lines that is not white space."""
    start, end = lines[0][0], lines[-1][1]
    stretch = text[start:end]
    return Span(start + len(stretch) - len(stretch.lstrip()), end - len(stretch) + len(stretch.rstrip()))


def _bars_and_tabs(text: str, block: list[Line], found: list[Table]) -> list[list[Line]]:
    """Adds the tables that bars or tabs make; returns the runs of lines that are left."""
    left: list[list[Line]] = [[]]
    at = 0
    while at < len(block):
        taken = 0
        for is_row, read in ((_is_barred, _of_bars), (_is_tabbed, _of_tabs)):
            run = _first_run(text, block, at, is_row)
            if not run:
                continue
            rows, n_header = read(text, run)
            if len(rows) >= 2 and _add(found, rows, _span(text, run), n_header):
                taken = len(run)
                left.append([])
            else:
                left[-1] += run
                taken = len(run)
            break
        if not taken:
            left[-1].append(block[at])
        at += taken or 1
    return [run for run in left if run]


def _first_run(text: str, block: list[Line], at: int, is_row: Callable[[str], bool]) -> list[Line]:
    """The lines from this one on that are rows."""
    return list(itertools.takewhile(lambda line: is_row(text[slice(*line)]), itertools.islice(block, at, None)))


def _add(found: list[Table], rows: Rows, span: Span, n_header_rows: int | None) -> bool:
    table = table_from(rows, span, n_header_rows=n_header_rows)
    if table is None or len(table.header) < 2:
        return False
    found.append(table)
    return True


# --- bars and tabs


def _is_barred(line: str) -> bool:
    inner = line.strip().strip(_BARS)
    return (
        any(bar in line for bar in _BARS) and (any(bar in inner for bar in _BARS) or bool(_RULE.fullmatch(line)))
    ) or (bool(re.fullmatch(r"\s*[+┌├└╔╠╚┏┣┗][+\-=─━═┬┼┴┐┤┘╦╬╩╗╣╝┳╋┻┓┫┛╪╞╡]+\s*", line)))


def _is_tabbed(line: str) -> bool:
    return "\t" in line.strip(" ")


def _outer(lines: Sequence[str]) -> tuple[bool, bool]:
    """Whether bars stand at the left and at the right of all lines: then they are a frame and no empty cells."""
    stripped = [line.strip() for line in lines]
    return all(line[:1] in _BARS for line in stripped), all(line[-1:] in _BARS for line in stripped)


def _barred(text: str, line: Line, *, outer: tuple[bool, bool]) -> list[Raw]:
    """The cells of a line between bars; a bar behind a backslash belongs to its cell."""
    start, end = line
    stretch = text[start:end]
    cuts = [start - 1]
    at = 0
    while at < len(stretch):
        if stretch[at] == "\\":
            at += 2
            continue
        if stretch[at] in _BARS:
            cuts.append(start + at)
        at += 1
    cuts.append(end)
    cells = [_raw(text, first + 1, last) for first, last in itertools.pairwise(cuts)]
    if outer[0] and not cells[0].text:
        cells = cells[1:]
    if outer[1] and cells and not cells[-1].text:
        cells = cells[:-1]
    return [Raw(re.sub(r"\\([|｜\\])", r"\1", cell.text), cell.span) for cell in cells]


def _raw(text: str, start: int, end: int) -> Raw:
    stretch = text[start:end]
    start += len(stretch) - len(stretch.lstrip())
    stretch = stretch.strip()
    return Raw(stretch, Span(start, start + len(stretch)) if stretch else None)


def _of_bars(text: str, run: Sequence[Line]) -> tuple[Rows, int | None]:
    lines = [text[slice(*line)] for line in run]
    is_rule = [bool(_RULE.fullmatch(line)) for line in lines]
    outer = _outer([line for line, rule in zip(lines, is_rule, strict=True) if not rule])
    rows: Rows = []
    n_header: int | None = None
    for line, written, rule in zip(run, lines, is_rule, strict=True):
        if rule:
            if n_header is None and len(rows) >= 1 and ("-" in written or "─" in written or "═" in written):
                n_header = len(rows)
            continue
        rows.append(_barred(text, line, outer=outer))
    if n_header is not None and n_header > 1 and not any(map(_MARKDOWN_RULE.fullmatch, map(str.strip, lines))):
        n_header = None  # a box that is ruled between all rows, or only below
    if n_header is not None and n_header >= len(rows):
        n_header = None
    return rows, n_header


def _of_tabs(text: str, run: Sequence[Line]) -> tuple[Rows, int | None]:
    rows = []
    for start, end in run:
        cuts = [start - 1, *(start + m.start() for m in re.finditer("\t", text[start:end])), end]
        rows.append([_raw(text, first + 1, last) for first, last in itertools.pairwise(cuts)])
    while rows and len(rows[0]) > 1 and all(not row[-1].text for row in rows if len(row) == max(map(len, rows))):
        n = max(map(len, rows))
        rows = [row[:-1] if len(row) == n else row for row in rows]
    return rows, None


# --- commas, semicolons, spaces


def _lines_that_agree(text: str, block: list[Line], found: list[Table]) -> None:
    """Adds the tables that runs of lines make which are cut the same way."""
    readers: list[Callable[[str, Line], list[Raw] | None]] = [
        *(lambda t, line, d=d: _delimited(t, line, d) for d in _DELIMITERS),
        _aligned,
        _trailing_numbers,
    ]
    failed: dict[int, tuple[int, int]] = {}  # reader → where a run ended that was no table, how often it was tried
    at = 0
    while at < len(block):
        taken = 0
        for which, read in enumerate(readers):
            end, n_tried = failed.get(which, (0, 0))
            if at < end and n_tried >= MAX_LEADS:
                continue
            rows = _cut(text, itertools.islice(block, at, None), read)
            run_end = at + len(rows)
            while len(rows) > 2 and _is_prose(rows[-1]) and _is_prose(rows[0]):
                rows.pop()
            if (
                len(rows) >= 2
                and _is_numeric(rows)
                and _add(found, rows, _span(text, block[at : at + len(rows)]), None)
            ):
                taken = len(rows)
                break
            failed[which] = (run_end, n_tried + 1 if at < end else 1)
        if not taken:
            taken = _listed_lines(text, itertools.islice(block, at, None), found)
        at += taken or 1


def _cut(text: str, lines: Iterable[Line], read: Callable[[str, Line], list[Raw] | None]) -> Rows:
    """The first lines, as long as they are cut into equally many cells."""
    rows: Rows = []
    for line in lines:
        row = read(text, line)
        if row is None or (rows and len(row) != len(rows[0])):
            break
        if read is _trailing_numbers and rows and not isinstance(read_value(row[-1].text), Quantity):
            break
        rows.append(row)
    return rows


def _listed_lines(text: str, lines: Iterable[Line], found: list[Table]) -> int:
    """Adds the table that the first lines are as a list of pairs; how many lines that takes."""
    rows, span = listed_on_lines(text, lines)
    return len(rows) if span is not None and _add(found, rows, span, 0) else 0


def _is_prose(row: list[Raw]) -> bool:
    """True for cells without a digit or a gap: what follows a table, cut at its commas by chance."""
    return not any(any(c.isdigit() for c in cell.text) or read_value(cell.text) != "words" for cell in row)


def _is_numeric(rows: Rows) -> bool:
    """True if numbers stand below the first row, or in all rows, and no number may have been cut at its commas."""
    values = [[read_value(cell.text) for cell in row] for row in rows]
    n_numeric = sum(any(isinstance(v, Quantity) for v in row) for row in values[1:])
    is_headed = not any(isinstance(v, Quantity) for v in values[0])
    n_fitting = sum(any(isinstance(v, Quantity) or v == "empty" for v in row) for row in values[1:])
    if n_numeric == 0 or n_fitting * 2 < len(rows) - 1 or (not is_headed and n_fitting < len(rows) - 1):
        return False
    if not is_headed and len(rows) == 2 and not any(isinstance(row[0], Period) or row[0] == "words" for row in values):
        return False
    if is_headed:
        return True
    body = [[cell.text for cell in row] for row in rows]
    return not any(
        all(
            re.fullmatch(r"[¥$€£]?[1-9]\d{0,2}", row[j]) and re.fullmatch(r"\d{3}(?:\.\d+)?", row[j + 1])
            for row in body
        )
        for j in range(len(body[0]) - 1)
    )


def _delimited(text: str, line: Line, delimiter: str) -> list[Raw] | None:
    """The cells between delimiters, without the quotes around them; None if it is no such line."""
    start, end = line
    stretch = text[start:end]
    if delimiter not in stretch or stretch.rstrip().endswith(("。", "？", "！", "?", "!", ":", "：")):
        return None
    if '"' not in stretch:
        pieces = _split(stretch, delimiter)
        cells = [_raw(text, start + first, start + last) for first, last in pieces]
    else:
        cells = _quoted(text, line, delimiter)
    if len(cells) < 2 or any(len(cell.text) > MAX_CELL_CHARS for cell in cells):
        return None
    return cells


def _split(stretch: str, delimiter: str) -> list[tuple[int, int]]:
    cuts = [m.span() for m in re.finditer(re.escape(delimiter), stretch)]
    starts = [0, *(last for _, last in cuts)]
    ends = [*(first for first, _ in cuts), len(stretch)]
    return list(zip(starts, ends, strict=True))


def _quoted(text: str, line: Line, delimiter: str) -> list[Raw]:
    """As the csv module cuts it; the places of cells are those of their texts, in order."""
    start, end = line
    try:
        fields = next(
            csv.reader([text[start:end]], delimiter=delimiter.strip() or ",", skipinitialspace=True, strict=True), []
        )
    except csv.Error:
        return []
    cells, at = [], start
    for field in fields:
        written = field.strip().replace('"', '""') if field.strip() not in text[at:end] else field.strip()
        place = text.find(written, at, end) if written else -1
        cells.append(Raw(field.strip(), Span(place, place + len(written)) if place >= 0 else None))
        at = place + len(written) if place >= 0 else at
    return cells


def _aligned(text: str, line: Line) -> list[Raw] | None:
    """The cells between gaps of two spaces or more, or a full-width one."""
    start, end = line
    stretch = text[start:end]
    offset = len(stretch) - len(stretch.lstrip())
    gaps = [m.span() for m in _GAP.finditer(stretch, offset, len(stretch.rstrip()))]
    if not gaps:
        return None
    starts = [offset, *(last for _, last in gaps)]
    ends = [*(first for first, _ in gaps), len(stretch.rstrip())]
    cells = [_raw(text, start + first, start + last) for first, last in zip(starts, ends, strict=True)]
    return None if any(len(cell.text) > MAX_CELL_CHARS for cell in cells) else cells


def _trailing_numbers(text: str, line: Line) -> list[Raw] | None:
    """A name of one or more words and the numbers behind it, single spaces between; a line of words only: its words."""
    start, end = line
    tokens = [(start + m.start(), start + m.end()) for m in _TOKEN.finditer(text[start:end])]
    if not 2 <= len(tokens) <= 12:
        return None
    n = 0
    while n < len(tokens) and isinstance(read_value(text[slice(*tokens[-1 - n])]), Quantity):
        n += 1
    if n == 0:
        return [_raw(text, *token) for token in tokens] if len(tokens) <= 8 else None
    if n == len(tokens):
        n -= 1
    name = _raw(text, tokens[0][0], tokens[-1 - n][1])
    if len(name.text) > MAX_CELL_CHARS or name.text.endswith((":", "：", "，", ",", "=")):
        return None
    return [name, *(_raw(text, *token) for token in tokens[-n:])]
