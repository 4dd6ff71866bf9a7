"""Logs: which documents are one, how many lines of each level they have, and which lines tell what went wrong. Pure.

Levels are read by pattern from the beginning of each line; a line without a level belongs to the one before
(a stack trace) and is not counted.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.answering.pieces import Piece, pieces
from qianxun.records import Passage

# Worst first; what a line calls it → what it is counted as.
LEVELS: Final = ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
_ALIASES: Final = {
    **{level: level for level in LEVELS},
    **dict.fromkeys(("CRITICAL", "CRIT", "EMERG", "ALERT", "PANIC"), "FATAL"),
    **dict.fromkeys(("ERR", "SEVERE", "FAILURE"), "ERROR"),
    "WARNING": "WARN",
    "NOTICE": "INFO",
    "FINE": "DEBUG",
}
_TIME: Final = re.compile(
    r"^\W{0,3}(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|[A-Z][a-z]{2}\s+\d{1,2}\s+\d{2}:\d{2}:\d{2}|\d{1,2}:\d{2}:\d{2})"
)
# Levels are written in capitals, or in brackets, or as level=error, and stand near the beginning.
_LEVEL: Final = re.compile(
    rf"(?:(?<![A-Za-z0-9_])({'|'.join(_ALIASES)})(?![A-Za-z0-9_])"
    rf"|[\[<]\s*((?i:{'|'.join(_ALIASES)}))\s*[\]>]|\blevel[=:]\s*\"?((?i:{'|'.join(_ALIASES)}))\b)"
)
_BEGINNING: Final = 120
# A document is a log if it has so many lines, and such a share of them begins with a time or has a level.
_LEAST_LINES: Final = 8
_LEAST_SHARE: Final = 0.5
_LOOKED_AT: Final = 400
# What differs between two lines that say the same: numbers, addresses, ids.
_VARYING: Final = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line with a level: which passage it is in, what of it may be quoted, its level, its pattern."""

    passage: int
    piece: Piece
    level: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Log:
    """How many lines of each level, worst first, and the lines that are worth quoting."""

    counts: tuple[tuple[str, int], ...]
    telling: tuple[Line, ...]


def is_log(passages: Sequence[Passage]) -> bool:
    """Whether the passages of a document are those of a log; judged by its beginning."""
    n = n_marked = 0
    for passage in passages:
        for line in passage.text.splitlines():
            if line.strip():
                n += 1
                n_marked += bool(_TIME.match(line)) or level_of(line) is not None
        if n >= _LOOKED_AT:
            break
    return n >= _LEAST_LINES and n_marked >= _LEAST_SHARE * n


def level_of(line: str) -> str | None:
    """The level of a line, one of `LEVELS`; None if it names none near its beginning."""
    found = _LEVEL.search(line[:_BEGINNING])
    return _ALIASES[(found[1] or found[2] or found[3]).upper()] if found else None


def read_log(passages: Sequence[Passage], first: int, most: int) -> Log:
    """What the passages of a log tell; `first` is the place of the first of them among all that are read.

    Telling are at most `most` lines: of the worst level there is (from WARN up), the first and the last, then one of
    each pattern, the most frequent first.
    """
    counts: Counter[str] = Counter()
    bad: dict[str, list[Line]] = {}
    patterns: dict[str, Counter[str]] = {}
    for place, piece in _lines(passages, first):
        level = level_of(piece.text)
        if level is None:
            continue
        counts[level] += 1
        if LEVELS.index(level) <= LEVELS.index("WARN"):
            line = Line(place, piece, level, _VARYING.sub("0", piece.text))
            seen = patterns.setdefault(level, Counter())
            seen[line.pattern] += 1
            kept = bad.setdefault(level, [])
            if seen[line.pattern] == 1:
                kept.append(line)
            last = bad.setdefault(f"last {level}", [])
            last[:] = [line]
    telling: list[Line] = []
    for level in LEVELS:
        if level in bad:
            frequent = sorted(bad[level], key=lambda line: -patterns[level][line.pattern])
            for line in (bad[level][0], *bad[f"last {level}"], *frequent):
                if all((line.passage, line.piece) != (other.passage, other.piece) for other in telling):
                    telling.append(line)
    ordered = tuple((level, counts[level]) for level in LEVELS if counts[level])
    return Log(ordered, tuple(telling[:most]))


def _lines(passages: Sequence[Passage], first: int) -> Iterator[tuple[int, Piece]]:
    """The lines of a log, each once where chunks overlap."""
    document, end = -1, -1
    for place, passage in enumerate(passages, first):
        if passage.document != document:
            document, end = passage.document, -1
        for piece in pieces(passage):
            if passage.span.start + piece.start >= end:
                yield place, piece
        end = max(end, passage.span.end)
