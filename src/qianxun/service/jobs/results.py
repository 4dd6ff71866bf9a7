"""What jobs found that is made of documents' own text: beside the jobs, for as long as these are kept.

In `<home>/results/<job>/rows.jsonl`, one row for each document of an extraction or question of an evaluation. A job
itself has only figures. A row is shown for as long as its reader may see the documents that it was made from, and goes
with them.
"""

import json
import shutil
from collections.abc import Collection, Iterable, Mapping, Set
from pathlib import Path
from typing import Any, Final

from qianxun.records import Document
from qianxun.storage.jobs import Job

FOLDER_NAME: Final = "results"
_ROWS: Final = "rows.jsonl"
_ASKED: Final = ("id", "question", "accepted", "evidence")
_SECOND: Final = len("2026-01-31T10:00:00")


def folder_of(home: Path, token: str) -> Path:
    """Where the results of a job lie."""
    return home / FOLDER_NAME / token


def make_folder(home: Path, token: str) -> Path:
    """The same, made if it is not there."""
    folder = folder_of(home, token)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def forget(home: Path, token: str) -> None:
    """Deletes the results of a job."""
    shutil.rmtree(folder_of(home, token), ignore_errors=True)


def sweep(home: Path, kept: Collection[str]) -> int:
    """Deletes the results of jobs that are not kept; returns of how many."""
    gone = [folder.name for folder in (home / FOLDER_NAME).glob("*") if folder.name not in kept]
    for token in gone:
        forget(home, token)
    return len(gone)


def still_there(documents: Iterable[Document], job: Job) -> set[str]:
    """The sources of those of these documents that the job may have read.

    What came after it began under a name of before, with other words and for other people, is another document; it may
    have read the one of before.
    """
    until = job.begun[:_SECOND]
    return {one.source for one in documents if not until or one.added[:_SECOND] <= until}


def read(home: Path, token: str, seen: Set[str]) -> dict[str, Any]:
    """The results of a job, of documents with these sources: `{"results": […]}`; empty where there are none."""
    return {"results": [row for row in _rows(home, token) if _is_seen(row, seen)]}


def scores(home: Path, token: str) -> list[dict[str, Any]]:
    """What each question of an evaluation came to: its id and words, what was accepted, which evidence, and figures.

    Nothing of what was found in a document is in it; of evidence only a digest.
    """
    return [
        {name: value for name, value in row.items() if name in _ASKED or not isinstance(value, str | list | dict)}
        for row in _rows(home, token)
    ]


def forget_documents(home: Path, token: str, seen: Set[str]) -> int:
    """Takes out of a job's results what was made from documents that are not among these; returns how many rows."""
    rows = _rows(home, token)
    left = [row for row in rows if _is_seen(row, seen)]
    if len(left) < len(rows):
        write(home, token, left)
    return len(rows) - len(left)


def write(home: Path, token: str, rows: Collection[Mapping[str, Any]]) -> None:
    """Keeps rows as a job's results, in place of those that there are."""
    path = make_folder(home, token) / _ROWS
    beside = path.with_suffix(".new")
    beside.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    beside.replace(path)


def _rows(home: Path, token: str) -> list[dict[str, Any]]:
    path = folder_of(home, token) / _ROWS
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def _is_seen(row: Mapping[str, Any], seen: Set[str]) -> bool:
    # Files inside files are documents too, each with labels of its own: who sees a letter need not see what is in it.
    named = {row["source"]} if "source" in row else {one["source"] for one in row.get("citations", ())}
    return named <= seen
