"""Judged data sets in BEIR layout: a corpus, questions, and which documents answer which question.

    corpus.jsonl[.gz]     {"_id", "title", "text"}    one document a line
    queries.jsonl[.gz]    {"_id", "text"}
    qrels/test.tsv[.gz]   query-id, corpus-id, score  separated by tabs, with or without a header line

Everything is checked before anything is measured: a judgement that points nowhere would make every
figure wrong without a sign. The corpus is read as a stream, so it may be larger than memory; only
its ids are kept. Knows no index and no measure.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from qianxun.errors import InputError, NotFound

CORPUS, QUERIES, JUDGEMENTS = "corpus.jsonl", "queries.jsonl", "qrels/test.tsv"
_LAYOUT = "A data set is a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv, each plain or .gz."


@dataclass(frozen=True, slots=True)
class JudgedDocument:
    """A document of the corpus. `title` may be empty; so may `text`, and then it cannot be found."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A checked data set. `documents()` reads the corpus file again each time.

    `questions` are those with at least one relevant document, in the order of the file.
    `judgements[question][document]` is the grade; 0 means judged and not relevant.
    """

    name: str
    path: Path
    n_documents: int
    questions: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]

    def documents(self) -> Iterator[JudgedDocument]:
        """The corpus in the order of its file."""
        for _, document in _documents(_existing(self.path / CORPUS)):
            yield document


def read_dataset(path: Path) -> Dataset:
    """The data set in a folder, checked.

    Raises InputError naming file and line for a line that cannot be read, an id given twice, a
    question without text, a judgement that points nowhere, or an empty file. Cost: one pass over
    the corpus.
    """
    if not path.is_dir():
        raise NotFound("No data set at {path}.", remedy=_LAYOUT, path=path)
    corpus, queries = _existing(path / CORPUS), _existing(path / QUERIES)
    judged = _existing(path / JUDGEMENTS)
    documents = {document.id for document in _unique(_documents(corpus), corpus)}
    questions = {question.id: question.text for question in _unique(_questions(queries), queries)}
    for file, found in ((corpus, documents), (queries, questions)):
        if not found:
            raise InputError("{path} is empty.", remedy=_LAYOUT, path=file)
    judgements = _judgements(judged, documents, questions)
    asked = {id: text for id, text in questions.items() if any(grade > 0 for grade in judgements.get(id, {}).values())}
    if not asked:
        raise InputError(
            "{path} calls no document relevant.", remedy="At least one score must be above 0.", path=judged
        )
    return Dataset(
        # `eval retrieval .` is still named by its folder.
        name=path.resolve().name,
        path=path,
        n_documents=len(documents),
        questions=asked,
        judgements={id: judgements[id] for id in asked},
    )


def digest(judgements: Mapping[str, Mapping[str, int]]) -> str:
    """16 hexadecimal digits of what is relevant to which question: figures compare only where these agree."""
    lines = sorted(
        f"{question}\0{document}\0{grade}\n"
        for question, grades in judgements.items()
        for document, grade in grades.items()
        if grade > 0
    )
    return hashlib.sha256("".join(lines).encode(errors="surrogatepass")).hexdigest()[:16]


def _existing(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    for candidate in (path, packed):
        if candidate.is_file():
            return candidate
    raise NotFound("{path} is missing (nor is there a .gz of it).", remedy=_LAYOUT, path=path)


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a text file, plain or .gz, that are not blank, with their number from 1. Raises InputError."""
    number = 0
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            "{path}, after line {line}: {error}.",
            remedy="The file must be UTF-8 text, or gzip of it; copy it again.",
            path=path,
            line=number,
            error=str(error).rstrip("."),
        ) from error


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in lines_of(path):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise _broken(path, number, str(error)) from error
        if not isinstance(record, dict) or "_id" not in record:
            raise _broken(path, number, 'no "_id"')
        yield number, record


def _broken(path: Path, line: int, error: str) -> InputError:
    return InputError(
        "{path}, line {line}: not a record ({error}).",
        remedy='Each line is a JSON object with "_id" and "text".',
        path=path,
        line=line,
        error=error,
    )


def _text(record: dict[str, Any], key: str, path: Path, line: int) -> str:
    value = record.get(key) or ""
    if not isinstance(value, str):
        raise _broken(path, line, f'"{key}" is not text')
    return value


def _documents(path: Path) -> Iterator[tuple[int, JudgedDocument]]:
    for number, record in _records(path):
        yield (
            number,
            JudgedDocument(
                str(record["_id"]), _text(record, "title", path, number), _text(record, "text", path, number)
            ),
        )


def _questions(path: Path) -> Iterator[tuple[int, JudgedDocument]]:
    for number, record in _records(path):
        text = _text(record, "text", path, number)
        if not text.strip():
            raise InputError(
                "{path}, line {line}: question {id!r} has no text.",
                remedy="Give it one or leave it out.",
                path=path,
                line=number,
                id=str(record["_id"]),
            )
        yield number, JudgedDocument(str(record["_id"]), "", text)


def _unique(records: Iterator[tuple[int, JudgedDocument]], path: Path) -> Iterator[JudgedDocument]:
    seen: set[str] = set()
    for number, record in records:
        if record.id in seen:
            raise InputError(
                "{path}, line {line}: the id {id!r} was given before.",
                remedy="Every id may occur once.",
                path=path,
                line=number,
                id=record.id,
            )
        seen.add(record.id)
        yield record


def _judgements(path: Path, documents: set[str], questions: Mapping[str, str]) -> dict[str, dict[str, int]]:
    judgements: dict[str, dict[str, int]] = {}
    for position, (number, line) in enumerate(lines_of(path)):
        fields = [field.strip() for field in line.rstrip("\r\n").split("\t")]
        grade = _grade(fields[-1]) if len(fields) == 3 else None
        if grade is None:
            if position == 0 and len(fields) == 3:
                continue  # the header line
            raise InputError(
                "{path}, line {line}: not a judgement.",
                remedy="Each line is query-id, corpus-id and a whole number, separated by tabs.",
                path=path,
                line=number,
            )
        question, document, _ = fields
        for id, known, file in ((question, questions, QUERIES), (document, documents, CORPUS)):
            if id not in known:
                raise InputError(
                    "{path}, line {line}: {id!r} is not in {file}.",
                    remedy="Judgements and data set do not belong together, or a file is incomplete.",
                    path=path,
                    line=number,
                    id=id,
                    file=file,
                )
        note_judgement(judgements, question, document, grade, path, number)
    if not judgements:
        raise InputError("{path} is empty.", remedy=_LAYOUT, path=path)
    return judgements


def note_judgement(
    judgements: dict[str, dict[str, int]], question: str, document: str, grade: int, path: Path, line: int
) -> None:
    """Takes up the judgement of a line. Raises InputError if the pair was judged before."""
    if document in judgements.setdefault(question, {}):
        raise InputError(
            "{path}, line {line}: {document!r} was judged for {question!r} before.",
            remedy="Every pair may occur once.",
            path=path,
            line=line,
            document=document,
            question=question,
        )
    judgements[question][document] = grade


def _grade(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None
