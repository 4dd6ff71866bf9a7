"""Question sets as data sets in BEIR layout, so that `eval retrieval` and `eval compare` can measure search on them.

    corpus.jsonl      {"_id": source, "title", "text"}    the documents that the asker may see
    queries.jsonl     {"_id", "text", "metadata": {"answers", "evidence", "answerable"}}
    qrels/test.tsv    query-id, corpus-id, 1              the documents of a question's evidence

Documents are named by their sources. Text is the cleaned text of the knowledge base: what a format knows of headings
and pages is not in it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from qianxun.errors import InputError, NotFound
from qianxun.evaluation.datasets import CORPUS, JUDGEMENTS, QUERIES, lines_of
from qianxun.evaluation.pairs import _Named
from qianxun.evaluation.question_sets.naming import refuse_long
from qianxun.evaluation.question_sets.records import Question, QuestionSet, question_of, record_of, record_on
from qianxun.evaluation.writing import written_whole
from qianxun.records import AcceptedPair, Asker, Document

LAYOUT = (
    "A question set is a file that `qianxun eval make` wrote, a file of accepted pairs, or a folder with queries.jsonl "
    "and qrels/test.tsv."
)


class Readable(Protocol):
    """What is asked of a knowledge base here."""

    def documents(self, *, asker: Asker) -> Sequence[Document]: ...
    def text(self, id: int, *, asker: Asker) -> str: ...


def write_data_set(
    folder: Path,
    questions: QuestionSet,
    base: Readable,
    *,
    asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
) -> list[Question]:
    """Writes the accepted questions, with the documents that the asker may see; returns those that are left out.

    An answerable question is left out if none of its documents is there. Raises InputError if none is left, for a
    source with a tab or a line break in it, which the layout cannot hold, and for a folder with too long a name.
    """
    refuse_long(folder.name)
    documents = [document for document in base.documents(asker=asker) if document.chunks]
    named = _Named(documents)
    queries: list[dict[str, Any]] = []
    judgements: list[str] = []
    left_out: list[Question] = []
    for question in questions.accepted:
        meant = [named.meant(AcceptedPair("", one.source)) for one in question.evidence]
        sources = dict.fromkeys(document.source for document in meant if document is not None)
        if question.answerable and not sources:
            left_out.append(question)
            continue
        facts = {
            key: value for key, value in record_of(question).items() if key in ("answers", "evidence", "answerable")
        }
        queries.append({"_id": question.id, "text": question.question, "metadata": facts})
        judgements += [_judgement(question.id, source) for source in sources]
    if not judgements:
        raise InputError(
            "None of the {n} accepted questions of {name} is about a document that is here.",
            remedy="Accept some with `qianxun eval make --review`, or add the documents that they are about.",
            n=len(questions.accepted),
            name=questions.name,
        )
    corpus = ({"_id": d.source, "title": d.title, "text": base.text(d.id, asker=asker)} for d in documents)
    _write(folder / CORPUS, map(_as_line, corpus))
    _write(folder / QUERIES, map(_as_line, queries))
    _write(folder / JUDGEMENTS, ["query-id\tcorpus-id\tscore", *judgements])
    return left_out


def _judgement(id: str, source: str) -> str:
    if any(mark in id + source for mark in "\t\r\n"):
        raise InputError(
            "The source {source!r} of question {id!r} cannot be written: it holds a tab or a line break.",
            remedy="Rename the document, and add it again.",
            source=source,
            id=id,
        )
    return f"{id}\t{source}\t1"


def _as_line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)


def _write(path: Path, lines: Iterable[str]) -> None:
    with written_whole(path) as file:
        file.writelines(f"{line}\n" for line in lines)


def read_data_set(folder: Path) -> QuestionSet:
    """The questions and judgements of a data set; answers and quotes from the queries' `metadata`. No corpus is needed.

    A query without judgement and not called unanswerable by its metadata is left out, as `eval retrieval` does. Raises
    InputError, NotFound.
    """
    judged: dict[str, list[str]] = {}
    for id, document in _relevant(_existing(folder, JUDGEMENTS)):
        judged.setdefault(id, []).append(document)
    file = _existing(folder, QUERIES)
    found = []
    for number, line in lines_of(file):
        record = record_on(file, number, line)
        facts = record.get("metadata")
        facts = facts if isinstance(facts, dict) else {}
        sources = judged.get(str(record.get("_id")), [])
        if not sources and facts.get("answerable") is not False:
            continue
        question = {
            "id": str(record.get("_id", "")),
            "question": record.get("text"),
            "answers": facts.get("answers"),
            "evidence": facts.get("evidence") or [{"source": source} for source in sources],
            "answerable": facts.get("answerable", True),
        }
        found.append(question_of(file, number, question))
    if not found:
        raise InputError("{path} is empty.", remedy=LAYOUT, path=file)
    return QuestionSet(folder.resolve().name, tuple(found))


def _relevant(file: Path) -> Iterator[tuple[str, str]]:
    """Query and document of each judgement above 0."""
    for position, (number, line) in enumerate(lines_of(file)):
        fields = [part.strip() for part in line.rstrip("\r\n").split("\t")]
        try:
            grade = float(fields[2]) if len(fields) == 3 else None
        except ValueError:
            grade = 0.0 if position == 0 else None  # the header line
        if grade is None:
            raise InputError(
                "{path}, line {line}: not a judgement.",
                remedy="Each line is query-id, corpus-id and a whole number, separated by tabs.",
                path=file,
                line=number,
            )
        if grade > 0:
            yield fields[0], fields[1]


def _existing(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise NotFound("{path} is missing (nor is there a .gz of it).", remedy=LAYOUT, path=folder / name)
