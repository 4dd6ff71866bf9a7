"""Questions as records: what a question set holds, its digest, and the JSON object that a question is in a file."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from qianxun.errors import InputError

# Of SHA-256; as many hexadecimal digits tell any two sets apart.
_DIGEST_CHARS: Final = 32

Answer: TypeAlias = str | tuple[str, ...]
QuestionStatus: TypeAlias = Literal["proposed", "accepted", "rejected"]
STATUSES: Final[tuple[QuestionStatus, ...]] = ("proposed", "accepted", "rejected")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where an answer stands: a document by its source or the end of it, and the words there; no words: all of it."""

    source: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question with the answers accepted for it. `answerable` False: the documents have no answer."""

    id: str
    question: str
    answers: tuple[Answer, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    answerable: bool = True
    status: QuestionStatus = "accepted"
    made_by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """A question set. `frozen` is 0, and `digest` empty, for one that is not frozen."""

    name: str
    questions: tuple[Question, ...]
    made: str = ""
    frozen: int = 0
    digest: str = ""

    @property
    def accepted(self) -> tuple[Question, ...]:
        """The questions that are measured by."""
        return tuple(question for question in self.questions if question.status == "accepted")

    @property
    def edited(self) -> bool:
        """True if a frozen set is no longer what was frozen."""
        return self.frozen > 0 and self.digest != digest_of(self.questions)


def digest_of(questions: Iterable[Question]) -> str:
    """32 hexadecimal digits over all that is measured by: accepted questions, answers, evidence; in any order."""
    lines = sorted(
        json.dumps(
            [q.id, q.question, q.answers, [[e.source, e.quote] for e in q.evidence], q.answerable], ensure_ascii=False
        )
        for q in questions
        if q.status == "accepted"
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_DIGEST_CHARS]


def record_of(question: Question) -> dict[str, Any]:
    """A question as it stands in a file."""
    return {
        "id": question.id,
        "question": question.question,
        "answers": [answer if isinstance(answer, str) else list(answer) for answer in question.answers],
        "evidence": [
            {"source": one.source, **({"quote": one.quote} if one.quote else {})} for one in question.evidence
        ],
        "answerable": question.answerable,
        "status": question.status,
        "made_by": question.made_by,
        "note": question.note,
    }


def record_on(path: Path, number: int, line: str) -> dict[str, Any]:
    """The JSON object on a line. Raises InputError."""
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise broken(path, number, str(error)) from error
    if not isinstance(record, dict):
        raise broken(path, number, "no JSON object")
    return record


def question_of(path: Path, number: int, record: dict[str, Any]) -> Question:
    """A question from its record, checked. Raises InputError naming file and line."""
    answerable, status = record.get("answerable", True), record.get("status", "accepted")
    if not isinstance(answerable, bool):
        raise broken(path, number, f'"answerable" is {answerable!r}, not true or false')
    if status not in STATUSES:
        raise broken(path, number, f'"status" is {status!r}, not one of {", ".join(STATUSES)}')
    question = Question(
        id=text_of(record, "id", path, number),
        question=text_of(record, "question", path, number),
        answers=tuple(answer_of(one, path, number) for one in list_of(record, "answers", path, number)),
        evidence=tuple(_evidence(one, path, number) for one in list_of(record, "evidence", path, number)),
        answerable=answerable,
        status=status,
        made_by=text_of(record, "made_by", path, number),
        note=text_of(record, "note", path, number),
    )
    for key, given in (("id", question.id), ("question", question.question)):
        if not given:
            raise broken(path, number, f'no "{key}"')
    if not answerable and question.answers:
        raise broken(path, number, '"answers" of a question that is not answerable')
    return question


def answer_of(value: object, path: Path, number: int) -> Answer:
    """An accepted answer: a text, or a list of parts that must all be there. Raises InputError."""
    if isinstance(value, str) and value.strip():
        return _clean(value)
    if isinstance(value, list) and value and all(isinstance(part, str) and part.strip() for part in value):
        return tuple(_clean(part) for part in value)
    raise broken(path, number, f'"answers" holds {value!r}, neither text nor a list of texts')


def _evidence(value: object, path: Path, number: int) -> Evidence:
    if not isinstance(value, dict) or not text_of(value, "source", path, number):
        raise broken(path, number, f'"evidence" holds {value!r}, not an object with "source"')
    return Evidence(text_of(value, "source", path, number), text_of(value, "quote", path, number))


def list_of(record: dict[str, Any], key: str, path: Path, number: int) -> list[object]:
    """The list under a key; empty for none. Raises InputError."""
    value = record.get(key) or []
    if not isinstance(value, list):
        raise broken(path, number, f'"{key}" is {value!r}, not a list')
    return value


def text_of(record: dict[str, Any], key: str, path: Path, number: int) -> str:
    """The text under a key, without white space around it; "" for none. Raises InputError."""
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise broken(path, number, f'"{key}" is {value!r}, not text')
    return _clean(value or "")


def _clean(text: str) -> str:
    # JSON can hold half a character (a lone surrogate), which no encoder and no index takes.
    return text.encode("utf-8", "replace").decode().strip()


def broken(path: Path, line: int, error: str) -> InputError:
    """The error for a line that is no question."""
    return InputError(
        "{path}, line {line}: not a question of a question set ({error}).",
        remedy='Each line is a JSON object with "id", "question", "answers", "evidence", "answerable", "status".',
        path=path,
        line=line,
        error=error,
    )
