"""Decisions on proposed questions, each written to the file at once, so that a review goes on where it stopped."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from qianxun.errors import InputError
from qianxun.evaluation.question_sets.file import read_questions, write_questions
from qianxun.evaluation.question_sets.records import Answer, Question, QuestionSet

Decision: TypeAlias = Literal["accepted", "rejected"]
PART: Final = " + "
OTHER: Final = " | "


class Review:
    """A question set under review."""

    def __init__(self, path: Path) -> None:
        """Raises what `read_questions` raises, and InputError for a set that is frozen: it stays as it is."""
        self.path = path
        self._set = read_questions(path, edited=True)
        if self._set.frozen:
            raise InputError(
                "{path} is frozen: what is accepted in it stays.",
                remedy="Review the file that it was frozen from.",
                path=path,
            )

    @property
    def questions(self) -> tuple[Question, ...]:
        """All of them, as they are decided now."""
        return self._set.questions

    @property
    def counts(self) -> dict[str, int]:
        """How many have which status."""
        return dict(Counter(question.status for question in self.questions))

    def pending(self) -> Iterator[Question]:
        """The questions that nobody decided on, in the order of the file; each once."""
        for id in [question.id for question in self.questions if question.status == "proposed"]:
            yield next(question for question in self.questions if question.id == id)

    def decide(
        self, id: str, decision: Decision, *, question: str = "", answers: Sequence[Answer] | None = None
    ) -> None:
        """Accepts or rejects a question, reworded or with other answers if they are given, and writes the file."""
        decided = []
        for one in self.questions:
            if one.id == id:
                worded = question.strip() or one.question
                given = one.answers if answers is None else tuple(answers)
                edited = (worded, given) != (one.question, one.answers)
                note = f"{one.note} edited".strip() if edited and "edited" not in one.note else one.note
                one = dataclasses.replace(one, question=worded, answers=given, status=decision, note=note)
            decided.append(one)
        self._set = dataclasses.replace(self._set, questions=tuple(decided))
        write_questions(self.path, self._set)


def answers_in_words(answers: Sequence[Answer]) -> str:
    """Answers on one line: ` | ` between those that are accepted each, ` + ` between parts that must all be there."""
    return OTHER.join(answer if isinstance(answer, str) else PART.join(answer) for answer in answers)


def answers_of(line: str) -> tuple[Answer, ...]:
    """The answers of a line that a person typed, as `answers_in_words` writes them."""
    found: list[Answer] = []
    for one in line.split(OTHER.strip()):
        parts = tuple(part.strip() for part in one.split(PART) if part.strip())
        if parts:
            found.append(parts[0] if len(parts) == 1 else parts)
    return tuple(found)


def with_proposals(known: QuestionSet | None, proposed: Sequence[Question], *, name: str, made: str) -> QuestionSet:
    """A set with more proposals in it: after what is there, whose decisions stay."""
    if known is None:
        return QuestionSet(name, tuple(proposed), made)
    return dataclasses.replace(known, questions=(*known.questions, *proposed))
