"""Delimited text: commas, semicolons, tabs or bars, in any encoding, a row at a time.

The kind of delimiter is found, not declared. Rows may be ragged, quotes may be left open; a file in which no delimiter
makes columns is text.
"""

import csv
import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from qianxun.documents.decoding import text_pieces
from qianxun.documents.formats.tables import SheetRow, sheet_blocks
from qianxun.documents.formats.text import TextLoader
from qianxun.files import RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings

SAMPLE_LINES: Final = 200
MAX_RECORD_LINES: Final = 100  # a quote open for longer was none
MAX_FIELDS: Final = 16384  # as many columns as a sheet has
MAX_LINE_CHARS: Final = 1 << 20
MAX_RECORD_CHARS: Final = MAX_LINE_CHARS * 4

_DELIMITERS: Final = (",", "\t", ";", "|")
_MIN_SHARE: Final = 0.6  # of the sample's rows that are equally wide
_DECLARED: Final = re.compile(r"sep=([^\w\s\"]|\t)\r?\n?$", re.IGNORECASE)
_LINE_ENDS: Final = re.compile(r"\r\n?|\n")


class DelimitedLoader:
    """Reads `.csv` and `.tsv`."""

    suffixes = (".csv", ".tsv")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The file as one document."""
        lines = _lines(text_pieces(file, settings))
        sample = list(itertools.islice(lines, SAMPLE_LINES))  # decoding errors come up here
        declared = _DECLARED.match(sample[0]) if sample else None
        if declared:
            sample = sample[1:]
        delimiter = declared.group(1) if declared else _delimiter(sample)
        if not delimiter:
            yield from TextLoader().load(dataclasses.replace(file, suffix=".txt"), settings)
            return
        # The module's own limit is for all of the process, and less than a sheet's cells may hold.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_CHARS))
        rows = _rows(itertools.chain(sample, lines), delimiter)
        blocks = sheet_blocks(rows, letters=False, gaps=False)
        yield RawDocument(file.name, file.stem, file.suffix.lstrip("."), blocks)


def _lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines, each with a line feed at its end; one longer than any row in pieces."""
    rest = ""
    for piece in pieces:
        text = rest + piece
        if text.endswith("\r"):  # perhaps half of a line end
            rest = text
            continue
        if "\r" in text:
            text = _LINE_ENDS.sub("\n", text)
        *whole, rest = text.split("\n")
        for line in whole:
            yield f"{line}\n"
        if len(rest) > MAX_LINE_CHARS:
            yield f"{rest}\n"
            rest = ""
    if rest:
        yield from (f"{line}\n" for line in _LINE_ENDS.sub("\n", rest).removesuffix("\n").split("\n"))


def _delimiter(sample: list[str]) -> str:
    """The delimiter that makes most rows equally wide, the widest of such; empty if none does."""
    best = ("", 0.0, 1)
    for delimiter in _DELIMITERS:
        if not any(delimiter in line for line in sample):
            continue
        widths = Counter(len(fields) for _, fields in _records(iter(sample), delimiter) if any(fields))
        n_all = sum(widths.values())
        del widths[1]  # titles and notes stand alone in their rows
        if not widths:
            continue
        n_rows = sum(widths.values())
        width, n = max(widths.items(), key=lambda item: (item[1], item[0]))
        # Sentences with a comma here and there are no table.
        is_table = n >= n_rows * _MIN_SHARE and n_rows * 2 >= n_all
        if is_table and (n / n_rows, width) > best[1:]:
            best = (delimiter, n / n_rows, width)
    return best[0]


def _rows(lines: Iterator[str], delimiter: str) -> Iterator[SheetRow]:
    for number, fields in _records(lines, delimiter):
        yield SheetRow(number, {column: text for column, text in enumerate(fields) if text})


def _records(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with their numbers, from 1, as a spreadsheet program counts them: a quoted field may hold line ends."""
    waiting: list[str] = []
    number = 0
    while True:
        line = waiting.pop() if waiting else next(lines, None)
        if line is None:
            return
        number += 1
        if '"' not in line:
            yield number, line.rstrip("\n").split(delimiter, MAX_FIELDS)
            continue
        record = [line]
        while True:
            fields = _fields(record, delimiter)
            if fields is not None:
                break
            more = waiting.pop() if waiting else next(lines, None)
            is_too_long = len(record) >= MAX_RECORD_LINES or sum(map(len, record)) > MAX_RECORD_CHARS
            if more is None or is_too_long:
                # Nothing closes it: the quote is a character like others, and what follows are rows.
                waiting += [*([more] if more is not None else []), *reversed(record[1:])]
                fields = line.rstrip("\n").split(delimiter, MAX_FIELDS)
                break
            record.append(more)
        yield number, fields


def _fields(record: list[str], delimiter: str) -> list[str] | None:
    """The fields of these lines; None if a quote is still open behind them."""
    if len(record) > 1 and '"' not in record[-1]:
        return None
    try:
        return next(csv.reader(record, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
    try:
        return next(csv.reader(record, delimiter=delimiter), [])
    except csv.Error:  # a field longer than the module takes, a null character
        return "".join(record).rstrip("\n").split(delimiter, MAX_FIELDS)
