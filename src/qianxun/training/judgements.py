"""What people judged, from wherever it is: passages that answer a question, and passages that do not.

    a question set       that `qianxun eval make` wrote: its accepted questions, by their evidence
    accepted pairs       JSON lines, as `qianxun adapt` reads them
    a folder             queries and judgements in BEIR layout; documents by their sources
    qrels and queries    judgements in TREC's format; a grade of 0 or less speaks against a document
    feedback             what was recorded of questions whose texts were kept; thumbs down speak against a passage

Whatever names a document that the asker may not read is left out and counted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.datasets import lines_of
from qianxun.evaluation.pairs import JudgedQuestion, LeftOut, judged_questions, read_pairs
from qianxun.evaluation.question_sets.file import FORMAT, read_questions
from qianxun.evaluation.trec import read_qrels
from qianxun.filters import visible_to
from qianxun.records import AcceptedPair, Asker
from qianxun.storage.database import batches
from qianxun.storage.feedback import Feedback
from qianxun.storage.feedback_pairs import accepted_pairs
from qianxun.storage.store import Store

_QUERIES_LAYOUT = 'Each line is a JSON object with "_id" and "text", or an id and a question separated by a tab.'
# Of a document that was judged as a whole not to answer, so many chunks at most; those that were found come first.
_MAX_REJECTED: Final = 4


@dataclass(frozen=True, slots=True)
class Named:
    """Judgements before anybody looked whether the documents are there: what answers, and what does not."""

    accepted: tuple[AcceptedPair, ...] = ()
    rejected: tuple[AcceptedPair, ...] = ()

    def __add__(self, other: "Named") -> "Named":
        return Named(self.accepted + other.accepted, self.rejected + other.rejected)


@dataclass(frozen=True, slots=True)
class Judgements:
    """Questions with what answers them, by key. `rejected` maps a question's key to chunks that do not answer it."""

    questions: tuple[JudgedQuestion, ...]
    rejected: Mapping[str, tuple[int, ...]]
    left_out: tuple[LeftOut, ...]


def named_in(path: Path) -> Named:
    """The judgements in a question set, a file of accepted pairs or a folder in BEIR layout.

    Of a question set only questions that were accepted and have an answer. Raises InputError with file and line,
    NotFound.
    """
    if path.is_file() and not _is_question_set(path):
        return Named(accepted=tuple(read_pairs(path)))
    questions = [question for question in read_questions(path).accepted if question.answerable]
    pairs = [AcceptedPair(q.question, source=e.source, quote=e.quote) for q in questions for e in q.evidence]
    if not pairs:
        raise InputError(
            "{path} has no accepted question with evidence.",
            remedy="Accept some with `qianxun eval make --review {path}`.",
            path=path,
        )
    return Named(accepted=tuple(pairs))


def named_in_qrels(qrels: Path, queries: Path) -> Named:
    """The judgements of a file in TREC's format, whose questions are in another; documents are named by their sources.

    A judgement of a question that `queries` does not have is an error: the files do not belong together. Raises
    InputError with file and line, NotFound.
    """
    texts = _queries(queries)
    accepted, rejected = list[AcceptedPair](), list[AcceptedPair]()
    for question, grades in read_qrels(qrels).items():
        if question not in texts:
            raise InputError(
                "{path} judges the question {id!r}, which is not in {queries}.",
                remedy="Name the queries that these judgements are of.",
                path=qrels,
                id=question,
                queries=queries,
            )
        for source, grade in grades.items():
            (accepted if grade > 0 else rejected).append(AcceptedPair(texts[question], source=source))
    return Named(tuple(accepted), tuple(rejected))


def named_in_feedback(feedback: Feedback, store: Store, asker: Asker) -> Named:
    """What was recorded on purpose of passages that the asker may read: thumbs and accepted citations, no clicks."""
    bad = [opinion for opinion in feedback.opinions() if opinion.score < 0.0]
    rejected: list[AcceptedPair] = []
    for batch in batches(bad):
        found = store.passages([opinion.chunk for opinion in batch], visible_to(asker))
        for opinion in batch:
            if opinion.chunk in found:
                document, chunk = found[opinion.chunk]
                rejected.append(AcceptedPair(opinion.question, source=document.source, quote=chunk.text))
    return Named(tuple(accepted_pairs(feedback, store, asker)), tuple(rejected))


def judgements(named: Named, store: Store, asker: Asker) -> Judgements:
    """The judgements on documents that are there and that the asker may read. What answers does not also fail to.

    Questions that are folded alike are one. Raises InputError as `judged_questions`.
    """
    questions, left_out = judged_questions(named.accepted, store, asker)
    against, also_left_out = judged_questions(named.rejected, store, asker)
    accepted = {q.key: {chunk for one in q.accepted.values() for chunk in one.chunks} for q in questions}
    rejected = {
        question.key: tuple(
            chunk
            for one in question.accepted.values()
            for chunk in [chunk for chunk in one.chunks if chunk not in accepted[question.key]][:_MAX_REJECTED]
        )
        for question in against
        if question.key in accepted
    }
    return Judgements(tuple(questions), rejected, (*left_out, *also_left_out))


def _is_question_set(path: Path) -> bool:
    """Whether a file begins as `qianxun eval make` begins one; what is no JSON its reader will say."""
    for _, line in lines_of(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return False
        return isinstance(record, dict) and record.get("format") == FORMAT
    return False


def _queries(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise NotFound("There is no file at {path}.", remedy=_QUERIES_LAYOUT, path=path)
    found: dict[str, str] = {}
    for number, line in lines_of(path):
        id, text = _query(line)
        if not id or not text or id in found:
            raise InputError(
                "{path}, line {line}: not a question with an id of its own.",
                remedy=_QUERIES_LAYOUT,
                path=path,
                line=number,
            )
        found[id] = text
    if not found:
        raise InputError("{path} is empty.", remedy=_QUERIES_LAYOUT, path=path)
    return found


def _query(line: str) -> tuple[str, str]:
    """The id and the text of a question; ("", "") for a line that has none."""
    if not line.lstrip().startswith("{"):
        id, _, text = line.partition("\t")
        return id.strip(), text.strip()
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return "", ""
    text = record.get("text")
    # JSON can hold half a character (a lone surrogate), which no encoder and no index takes.
    return str(record.get("_id", "")), text.encode("utf-8", "replace").decode().strip() if isinstance(text, str) else ""
