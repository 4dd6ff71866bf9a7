"""The judged questions that settings are tuned by: question sets, accepted pairs, data sets in BEIR layout.

A question set or pairs are about the documents of a knowledge base; a folder with a corpus brings its own. What is
relevant to a question are the documents of its evidence, or the passages of them that hold the quote, as everywhere
in evaluation (`comparison.ranking`); a data set may grade them. Questions that the documents do not answer are kept
apart: they say nothing of an order, but of when there is no good result.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from qianxun.evaluation.comparison import ranking
from qianxun.evaluation.datasets import CORPUS, Dataset, lines_of
from qianxun.evaluation.pairs import JudgedQuestion, _key, judged_questions
from qianxun.evaluation.question_sets.file import FORMAT, read_questions
from qianxun.evaluation.question_sets.records import Question, record_on
from qianxun.records import AcceptedPair, Asker, Passage
from qianxun.storage.store import Store
from qianxun.text import fold

Kind: TypeAlias = Literal["question set", "pairs", "data set"]

# More questions choose no better, and each is searched for once for every setting that is tried.
MAX_QUESTIONS: Final = 500
K: Final = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what was accepted for it. `grades` are those of the accepted documents, by id as text.

    `rejected` are sources judged not relevant. `answers` are folded texts that are right answers.
    """

    judged: JudgedQuestion
    grades: Mapping[str, int]
    rejected: frozenset[str] = frozenset()
    answers: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The question."""
        return self.judged.text

    def value(self, passages: Sequence[Passage]) -> float:
        """nDCG@10 in [0, 1] of the documents that the passages are of."""
        return ndcg(ranking(self.judged, passages), self.grades)


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """A set as it is asked: answerable questions by key, unanswerable ones, and how many had to be left out.

    `n_left_out` counts questions none of whose evidence is there for this asker, `n_beyond` those beyond
    MAX_QUESTIONS. `complete`: what nobody judged counts as not relevant.
    """

    name: str
    kind: Kind
    questions: tuple[Asked, ...]
    unanswerable: tuple[str, ...]
    n_left_out: int
    n_beyond: int
    complete: bool
    frozen: int = 0
    digest: str = ""


def kind_of(path: Path) -> Kind:
    """What a set is, by its form; what is in it is checked when it is read."""
    if path.is_dir():
        has_corpus = any((path / name).is_file() for name in (CORPUS, f"{CORPUS}.gz"))
        return "data set" if has_corpus else "question set"
    if not path.is_file():
        return "question set"  # reading it says that it is not there
    for number, line in lines_of(path):
        return "question set" if record_on(path, number, line).get("format") == FORMAT else "pairs"
    return "question set"


def judged_set(path: Path, store: Store, asker: Asker, dataset: Dataset | None = None) -> JudgedSet:
    """The set at a path as far as it is about documents that the asker may read; `dataset` is the same one with its
    judgements, where it brought its own documents.

    Raises InputError, NotFound.
    """
    given = read_questions(path)
    kind = kind_of(path)
    answerable = [question for question in given.accepted if question.answerable]
    pairs = [AcceptedPair(q.question, one.source, quote=one.quote) for q in answerable for one in q.evidence]
    found = {judged.key: judged for judged in judged_questions(pairs, store, asker)[0]}
    by_key: dict[str, list[Question]] = {}
    for question in answerable:
        by_key.setdefault(_key(question.question), []).append(question)
    questions = [
        _asked(found[key], by_key[key], {} if dataset is None else dataset.judgements) for key in sorted(found)
    ]
    lacking = tuple(sorted({q.question for q in given.accepted if not q.answerable}, key=_key))
    graded = sum(len(one.rejected) for one in questions) >= sum(len(one.grades) for one in questions)
    return JudgedSet(
        name=given.name,
        kind=kind,
        questions=tuple(questions[:MAX_QUESTIONS]),
        unanswerable=lacking[:MAX_QUESTIONS],
        n_left_out=len(by_key) - len(found),
        n_beyond=max(0, len(questions) - MAX_QUESTIONS),
        complete=kind != "pairs" and not graded,
        frozen=given.frozen,
        digest=given.digest,
    )


def _asked(judged: JudgedQuestion, questions: Sequence[Question], judgements: Mapping[str, Mapping[str, int]]) -> Asked:
    graded: dict[str, int] = {}
    for question in questions:
        for source, grade in judgements.get(question.id, {}).items():
            graded[source] = max(grade, graded.get(source, grade))
    answers = {
        "".join(fold(answer).split())
        for question in questions
        for answer in question.answers
        if isinstance(answer, str)
    }
    return Asked(
        judged=judged,
        grades={str(id): max(1, graded.get(one.source, 1)) for id, one in judged.accepted.items()},
        rejected=frozenset(source for source, grade in graded.items() if grade <= 0),
        answers=tuple(sorted(answer for answer in answers if answer)),
    )


def ndcg(documents: Sequence[str], grades: Mapping[str, int], k: int = K) -> float:
    """nDCG@k of documents, best first and each once, with linear gains as ir-measures has it; in [0, 1]."""
    gained = math.fsum(grades.get(one, 0) / math.log2(rank + 1) for rank, one in enumerate(documents[:k], start=1))
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k]
    best = math.fsum(grade / math.log2(rank + 1) for rank, grade in enumerate(ideal, start=1))
    return gained / best if best else 0.0


def label_of(asked: Asked | None, passage: Passage, *, complete: bool) -> bool | None:
    """Whether a passage is relevant to a question (None: to one that the documents do not answer); None if nobody
    can tell.

    Relevant is what was accepted; not relevant what was rejected and, where the judgements are complete, what nobody
    judged, unless it holds a right answer or is of an accepted document.
    """
    if asked is None:
        return False
    accepted = asked.judged.accepted
    sources = {one.source for one in accepted.values()}
    if passage.document in accepted:
        one = accepted[passage.document]
        return True if one.whole or passage.chunk in one.chunks else None
    if sources.intersection(passage.duplicates):
        return True
    if passage.source in asked.rejected:
        return False
    if not complete or sources.intersection(passage.near_duplicates):
        return None
    text = "".join(fold(passage.text).split())
    return None if any(answer in text for answer in asked.answers) else False
