"""The clauses of a question, and what each asks for. Knows no table: names are taken out of the question before."""

import re
from dataclasses import dataclass

from qianxun.answering.tables.words import ANEW, CLAUSE, CUES, ELSEWHERE


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of the question, the cues in it, and whether it is only strung together with the one before."""

    start: int
    end: int
    cues: tuple[tuple[str, int, int], ...]
    is_weak: bool
    is_blocked: bool


def clauses_of(masked: str) -> list[Clause]:
    """The clauses of the question with the cues in them."""
    cues = _cues(masked)
    inside = [(start, end) for _, start, end in cues]
    cuts = [m for m in CLAUSE.finditer(masked) if not any(start < m.end() and m.start() < end for start, end in inside)]
    clauses: list[Clause] = []
    start, weak, blocked = 0, False, False
    for cut in [*cuts, None]:
        end = cut.start() if cut else len(masked)
        text = masked[start:end]
        own = tuple(cue for cue in cues if start <= cue[1] < end)
        is_asking = ANEW.search(text) is not None
        elsewhere = ELSEWHERE.search(text)
        # "why" holds on through "and": the clause behind it asks for no figure either, unless it asks anew.
        blocked = elsewhere is not None or (blocked and not (is_asking and not weak))
        clauses.append(Clause(start, end, own, weak, blocked))
        if cut is not None:
            if cut["weak"] is None and re.search(r"[。？！?!；;\n.]", cut[0]):
                blocked = False
            start, weak = cut.end(), cut["weak"] is not None
    return clauses


def _cues(masked: str) -> list[tuple[str, int, int]]:
    """The cues in order. What one has taken is no other's."""
    rest = masked
    found: list[tuple[str, int, int]] = []
    for name, pattern in CUES.items():
        for match in list(pattern.finditer(rest)):
            start, end = match.span()
            if "\n" in match[0] or "\x00" in match[0]:
                continue
            found.append((name, start, end))
            if name not in ("count", "max", "min"):  # which reach back to the word that asks
                rest = rest[:start] + "\x00" * (end - start) + rest[end:]
    return sorted(found, key=lambda cue: (cue[1], cue[2]))
