"""Question sets: questions with the answers and the evidence that people accepted, read, checked, frozen and written.

    {"format": "qianxun-questions", "version": 1, "name": "hr", "made": "2026-01-31T…", "frozen": 2, "digest": "…"}
    {"id": "q1", "question": "…", "answers": ["…"], "evidence": [{"source": "…", "quote": "…"}], "answerable": true,
     "status": "accepted", "made_by": "…", "note": "…"}

One JSON object a line, plain or .gz; `version` is the format's. Each of `answers` is accepted for itself; one that is a
list is made of parts that must all be there. A frozen set has only accepted questions, the number under which it was
frozen (from 1; 0 is not frozen), and a digest over them: figures measured on it can be compared as long as the digest
is the same. Files of accepted pairs (`evaluation.pairs`) and data sets (`data_sets`) are read too.
"""

import dataclasses
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.datasets import lines_of
from qianxun.evaluation.question_sets.data_sets import LAYOUT, read_data_set
from qianxun.evaluation.question_sets.naming import refuse_long
from qianxun.evaluation.question_sets.records import (
    Evidence,
    Question,
    QuestionSet,
    answer_of,
    broken,
    digest_of,
    list_of,
    question_of,
    record_of,
    record_on,
    text_of,
)
from qianxun.evaluation.writing import written_whole
from qianxun.text import fold

FORMAT: Final = "qianxun-questions"
VERSION: Final = 1


def read_questions(path: Path, *, edited: bool = False) -> QuestionSet:
    """The question set at a path, in any of its forms.

    Raises InputError naming file and line; also for a frozen set that was edited, unless `edited` allows it. NotFound.
    """
    # A path's own methods raise where these say no: of a name that is too long for the disk.
    if os.path.isdir(path):  # noqa: PTH112
        return read_data_set(path)
    if not os.path.isfile(path):  # noqa: PTH113
        raise NotFound("There is no question set at {path}.", remedy=LAYOUT, path=path)
    records = [(number, record_on(path, number, line)) for number, line in lines_of(path)]
    if not records:
        raise InputError("{path} is empty.", remedy=LAYOUT, path=path)
    if records[0][1].get("format") != FORMAT:
        return _of_pairs(path, records)
    found = _of_records(path, records)
    if found.edited and not edited:
        raise InputError(
            "{path} was edited since it was frozen: its digest is {seen}, not {digest}.",
            remedy="Take the frozen file from where you keep it, or freeze it anew: qianxun eval make --freeze {path}",
            path=path,
            seen=digest_of(found.questions),
            digest=found.digest,
        )
    return found


def _of_records(path: Path, records: Sequence[tuple[int, dict[str, Any]]]) -> QuestionSet:
    number, facts = records[0]
    version, frozen = facts.get("version"), facts.get("frozen", 0)
    if version != VERSION:
        raise InputError(
            "{path} is a question set of version {seen!r}; this qianxun reads version {version}.",
            remedy="Read it with the qianxun that wrote it, or a newer one.",
            path=path,
            seen=version,
            version=VERSION,
        )
    if not isinstance(frozen, int) or isinstance(frozen, bool) or frozen < 0:
        raise broken(path, number, f'"frozen" is {frozen!r}, not a number from 0')
    questions = tuple(question_of(path, line, record) for line, record in records[1:])
    seen: dict[str, int] = {}
    for (line, _), question in zip(records[1:], questions, strict=True):
        if question.id in seen:
            raise InputError(
                "{path}, line {line}: the id {id!r} was given before.",
                remedy="Every id may occur once.",
                path=path,
                line=line,
                id=question.id,
            )
        seen[question.id] = line
    name = text_of(facts, "name", path, number) or _name_of(path)
    made, digest = text_of(facts, "made", path, number), text_of(facts, "digest", path, number)
    return QuestionSet(name, questions, made, frozen, digest)


def _name_of(path: Path) -> str:
    return path.resolve().name.removesuffix(".gz").removesuffix(".jsonl")


def _of_pairs(path: Path, records: Sequence[tuple[int, dict[str, Any]]]) -> QuestionSet:
    """Accepted pairs as a set: what was accepted is the evidence, and answers are not known unless they are there."""
    found: dict[str, Question] = {}
    for number, record in records:
        question, source = text_of(record, "question", path, number), text_of(record, "source", path, number)
        if not question or not source:
            raise InputError(
                "{path}, line {line}: neither a question set nor accepted pairs (no {key!r}).",
                remedy=LAYOUT,
                path=path,
                line=number,
                key="source" if question else "question",
            )
        key = _folded(question)
        known = found.get(key) or Question(f"{len(found) + 1}", question)
        evidence = Evidence(source, text_of(record, "quote", path, number))
        answers = tuple(answer_of(one, path, number) for one in list_of(record, "answers", path, number))
        found[key] = dataclasses.replace(
            known,
            evidence=tuple(dict.fromkeys((*known.evidence, evidence))),
            answers=tuple(dict.fromkeys((*known.answers, *answers))),
        )
    return QuestionSet(_name_of(path), tuple(found.values()))


def _folded(question: str) -> str:
    return " ".join(fold(question).split())


# -- writing ---------------------------------------------------------------------------------------------------------


def write_questions(path: Path, questions: QuestionSet) -> None:
    """Writes a set in its own format. The file is replaced as a whole: a crash leaves the old one."""
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "name": questions.name,
        "made": questions.made,
        "frozen": questions.frozen,
        "digest": questions.digest,
    }
    with written_whole(path) as file:
        for record in (facts, *map(record_of, questions.questions)):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def frozen_path(path: Path, number: int) -> Path:
    """Where the set of `questions.jsonl` lies that was frozen under a number: `questions.v2.jsonl`, beside it."""
    return path.with_name(f"{_stem(path)}.v{number}.jsonl")


def _stem(path: Path) -> str:
    return re.sub(r"\.v\d+$", "", path.name.removesuffix(".gz").removesuffix(".jsonl"))


def freeze(path: Path, *, made: str, name: str = "") -> tuple[Path, QuestionSet]:
    """Writes the accepted questions of a set beside it under the next number; returns where, and what.

    `made` is the time, ISO 8601. What was frozen before is never written over; where the last one has the same
    questions, it is returned and nothing is written. Raises InputError if no question is accepted, or the name is too
    long for one more.
    """
    refuse_long(_stem(path))
    given = read_questions(path, edited=True)
    if not given.accepted:
        raise InputError(
            "{path} has no accepted question; {n} are proposed.",
            remedy="Accept some with `qianxun eval make --review {path}`.",
            path=path,
            n=sum(question.status == "proposed" for question in given.questions),
        )
    digest = digest_of(given.questions)
    number = given.frozen + 1
    while frozen_path(path, number).exists():
        last = read_questions(frozen_path(path, number), edited=True)
        if last.digest == digest and not last.edited:
            return frozen_path(path, number), last
        number += 1
    result = QuestionSet(name or given.name, given.accepted, made, number, digest)
    write_questions(frozen_path(path, number), result)
    return frozen_path(path, number), result
