"""Rankings and judgements in the formats of TREC, which every evaluation tool reads.

    run     question Q0 document rank score tag      one line for each document ranked
    qrels   question 0 document grade                one line for each judgement

Columns are separated by spaces or tabs; files are UTF-8, plain or .gz. A run is read as trec_eval reads it: what counts
is the score, held in 32 bits, higher first; equal scores are ordered by the document's id, the last one first; the
rank column is not used. Source: trec_eval (NIST), `form_res_rels.c`. Knows no texts and no measures.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.datasets import lines_of, note_judgement
from qianxun.evaluation.writing import written_whole

_RUN_LAYOUT = "A line of a run is: question Q0 document rank score tag."
_QRELS_LAYOUT = "A line of qrels is: question 0 document grade. A folder in BEIR layout is named by --dataset."
_EMPTY = "Name a file that holds something."
# What C calls white space. Others (U+3000, no-break spaces) are part of an id for trec_eval.
_GAP: Final = re.compile(r"[ \t\v\f\r\n]+")


@dataclass(frozen=True, slots=True)
class Run:
    """What a system ranked: question → document ids, best first. `tag` is the system's own name, of the first line."""

    path: Path
    tag: str
    rankings: Mapping[str, tuple[str, ...]]


def read_run(path: Path) -> Run:
    """The run in a file, questions in the order of their first lines.

    Raises NotFound, and InputError with file and line for a line without six columns, a rank or score that is no
    number, and a document that a question has twice. Cost: the whole file in memory.
    """
    scores: dict[str, dict[str, float]] = {}
    ids: dict[str, str] = {}  # one object for each id, however often it occurs
    tag = ""
    for number, (question, _, document, rank, score, tag_here) in _columns(path, 6, _RUN_LAYOUT):
        tag = tag or tag_here
        if _whole_number(rank) is None:
            raise InputError(
                "{path}, line {line}: the rank {value!r} is not a whole number.",
                remedy=_RUN_LAYOUT,
                path=path,
                line=number,
                value=rank,
            )
        value = _number(score)
        if value is None:
            raise InputError(
                "{path}, line {line}: the score {value!r} is not a number.",
                remedy=_RUN_LAYOUT,
                path=path,
                line=number,
                value=score,
            )
        found = scores.setdefault(question, {})
        if document in found:
            raise InputError(
                "{path}, line {line}: {document!r} was ranked for {question!r} before.",
                remedy="A document may occur once for each question.",
                path=path,
                line=number,
                document=document,
                question=question,
            )
        found[ids.setdefault(document, document)] = value
    if not scores:
        raise InputError("{path} is empty.", remedy=_EMPTY, path=path)
    return Run(path, tag, {question: _ordered(found) for question, found in scores.items()})


def write_run(path: Path, rankings: Mapping[str, Sequence[str]], tag: str) -> None:
    """Writes rankings (question → document ids, best first) as a run, whole or not at all.

    The score column counts down with the rank, so every reader sees our order. Raises InputError for an id that is
    empty or holds white space, which no reader would find again.
    """
    tag = "-".join(tag.split()) or "qianxun"
    with written_whole(path) as file:
        for question, documents in rankings.items():
            refuse_unwritable(question)
            for rank, document in enumerate(documents, 1):
                refuse_unwritable(document)
                file.write(f"{question} Q0 {document} {rank} {len(documents) - rank + 1} {tag}\n")


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """The judgements in a file: question → document id → grade; relevant from 1 on, others are 0 or below.

    Raises NotFound, and InputError with file and line for a line without four columns, a grade that is no whole
    number, and a document that was judged twice for a question.
    """
    judgements: dict[str, dict[str, int]] = {}
    for number, (question, _, document, grade) in _columns(path, 4, _QRELS_LAYOUT):
        value = _whole_number(grade)
        if value is None:
            raise InputError(
                "{path}, line {line}: the grade {value!r} is not a whole number.",
                remedy=_QRELS_LAYOUT,
                path=path,
                line=number,
                value=grade,
            )
        note_judgement(judgements, question, document, value, path, number)
    if not judgements:
        raise InputError("{path} is empty.", remedy=_EMPTY, path=path)
    return judgements


def write_qrels(path: Path, judgements: Mapping[str, Mapping[str, int]]) -> None:
    """Writes judgements (question → document id → grade), whole or not at all. Raises InputError as `write_run`."""
    with written_whole(path) as file:
        for question, grades in judgements.items():
            refuse_unwritable(question)
            for document, grade in grades.items():
                refuse_unwritable(document)
                file.write(f"{question} 0 {document} {grade}\n")


def refuse_unwritable(id: str) -> None:
    """Raises InputError for an id that TREC's formats cannot hold: empty, with white space in it, or no text."""
    # Also white space that trec_eval takes as part of an id: other tools split there. A byte order mark at the
    # beginning of a file is lost, half a character (JSON can hold one) is no UTF-8.
    if id.split() != [id] or "\ufeff" in id or id.encode(errors="replace").decode() != id:
        raise InputError(
            "The id {id!r} cannot be written in TREC's format: it is empty, holds white space or is no text.",
            remedy="Give it another id in the data set.",
            id=id,
        )


def _columns(path: Path, n: int, layout: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in _lines(path):
        fields = [field for field in _GAP.split(line) if field]
        if len(fields) != n:
            raise InputError(
                "{path}, line {line}: {seen} columns instead of {n}.",
                remedy=layout,
                path=path,
                line=number,
                seen=len(fields),
                n=n,
            )
        yield number, fields


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        raise NotFound("There is no file at {path}.", remedy="Name a file, plain or .gz.", path=path)
    try:
        yield from lines_of(path)
    except OSError as error:
        raise InputError(
            "{path} cannot be read: {error}.",
            remedy="Make the file readable.",
            path=path,
            error=error.strerror or str(error).rstrip("."),
        ) from error


def _whole_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]+", text) else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    # float() also reads 1_000 and full-width digits, which no other tool does.
    return value if value == value and text.isascii() and "_" not in text else None


def _ordered(scores: Mapping[str, float]) -> tuple[str, ...]:
    """The documents as trec_eval orders them."""
    import numpy as np

    with np.errstate(over="ignore"):  # beyond 32 bits: infinite
        single = np.array(list(scores.values()), dtype=np.float64).astype(np.float32).tolist()
    ranked = sorted(zip(single, scores, strict=True), reverse=True)
    return tuple(document for _, document in ranked)
