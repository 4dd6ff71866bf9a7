"""Question sets in a folder, one file each, as people work on them from outside a terminal: put in, changed, frozen.

    hr.jsonl        a draft: questions come and go
    hr.v1.jsonl     frozen from it; never changed. Who wants to go on begins a draft of it, and freezes that anew
    hr-beir/        a data set in BEIR layout: measured by, and not worked on here

Each change is made under a lock of the folder, so that two at a time lose nothing. Knows no right to do so.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from qianxun.errors import InputError, NotFound, QianxunError
from qianxun.evaluation.datasets import QUERIES
from qianxun.evaluation.question_sets.file import freeze, read_questions, write_questions
from qianxun.evaluation.question_sets.naming import refuse_long
from qianxun.evaluation.question_sets.records import Question, QuestionSet
from qianxun.storage.locks import Lock

_ENDING: Final = ".jsonl"
_FROZEN: Final = re.compile(r"\.v\d+$")
# Where the frozen set has the name that its draft would have.
_DRAFT: Final = "-draft"


@dataclass(frozen=True, slots=True)
class SetFacts:
    """A set in the folder. `frozen` 0: a draft; `accepted` are the questions that are measured by.

    `is_data_set`: a folder in BEIR layout. `fault`: why it cannot be read; None if it can.
    """

    name: str
    frozen: int = 0
    digest: str = ""
    accepted: int = 0
    questions: int = 0
    is_data_set: bool = False
    fault: QianxunError | None = None


class Drafts:
    """The question sets in a folder, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Where the set of a name lies, or would."""
        return self._folder / f"{name}{_ENDING}"

    def all(self) -> list[SetFacts]:
        """Every set, by name."""
        return sorted(self._all(), key=lambda one: one.name)

    def _all(self) -> Iterator[SetFacts]:
        for path in self._folder.glob(f"*{_ENDING}"):
            name = path.name.removesuffix(_ENDING)
            try:
                found = read_questions(path)
            except QianxunError as error:
                yield SetFacts(name, fault=error)
                continue
            yield SetFacts(name, found.frozen, found.digest, len(found.accepted), len(found.questions))
        for folder in {path.parent for path in self._folder.glob(f"*/{QUERIES}*")}:
            yield SetFacts(folder.name, is_data_set=True)

    def read(self, name: str) -> QuestionSet:
        """A set. Raises NotFound, InputError."""
        if not self.path(name).is_file():
            raise no_set(name)
        return read_questions(self.path(name))

    def question(self, name: str, id: str) -> Question:
        """A question of a set. Raises NotFound, InputError."""
        for one in self.read(name).questions:
            if one.id == id:
                return one
        raise no_question(name, id)

    def put(self, name: str, question: Question, *, made: str) -> str:
        """Puts a question into a draft, which is made if it is not there; returns its id. With an id it replaces one.

        `made` is the time, ISO 8601. Raises InputError for a set that is frozen, a name that only frozen ones have, and
        a new one that is too long; NotFound for an id that is not there.
        """
        if _FROZEN.search(name):
            raise InputError(
                "{name} is the name of a frozen set.",
                remedy="Give the draft a name without `.v1` at its end.",
                name=name,
            )
        if not self.path(name).exists():
            refuse_long(name)
        with self._held():
            known = self._draft(name) if self.path(name).exists() else QuestionSet(name, (), made)
            questions = {one.id: one for one in known.questions}
            if question.id and question.id not in questions:
                raise no_question(name, question.id)
            id = question.id or _next_id(questions)
            questions[id] = replace(question, id=id)
            write_questions(self.path(name), replace(known, questions=tuple(questions.values())))
        return id

    def remove(self, name: str, id: str) -> None:
        """Takes a question out of a draft. Raises NotFound; InputError for a set that is frozen."""
        with self._held():
            known = self._draft(name)
            left = tuple(one for one in known.questions if one.id != id)
            if len(left) == len(known.questions):
                raise no_question(name, id)
            write_questions(self.path(name), replace(known, questions=left))

    def begin(self, name: str, *, made: str) -> str:
        """Begins a draft with the questions of a frozen set; returns its name.

        Raises InputError where there is one, or its name would be too long.
        """
        with self._held():
            known = self.read(name)
            draft = _FROZEN.sub("", name)
            draft = f"{draft}{_DRAFT}" if draft == name else draft
            if self.path(draft).exists():
                raise InputError(
                    "There is a draft already: {name}.", remedy="Work on it, or freeze it first.", name=draft
                )
            refuse_long(draft)
            write_questions(self.path(draft), QuestionSet(draft, known.questions, made))
        return draft

    def freeze(self, name: str, *, made: str) -> str:
        """Freezes the accepted questions of a draft under the next number; returns the name of what was frozen.

        Where the last one has the same questions it is that. Raises InputError if none is accepted.
        """
        with self._held():
            self._draft(name)
            path, _ = freeze(self.path(name), made=made)
        return path.name.removesuffix(_ENDING)

    def _draft(self, name: str) -> QuestionSet:
        found = self.read(name)
        if found.frozen:
            raise InputError(
                "{name} is frozen: what is accepted in it stays.", remedy="Begin a new version of it.", name=name
            )
        return found

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with Lock(self._folder, ".sets").held():
            yield


def _next_id(known: Mapping[str, Question]) -> str:
    number = len(known) + 1
    while f"q{number}" in known:
        number += 1
    return f"q{number}"


def no_set(name: str) -> NotFound:
    """What is said of a set that there is not."""
    return NotFound("There is no question set {name}.", remedy="Put it into questions/ below home.", name=name)


def no_question(name: str, id: str) -> NotFound:
    """What is said of a question that a set has not."""
    return NotFound("{name} has no question {id}.", remedy="The page of the set shows its questions.", name=name, id=id)
