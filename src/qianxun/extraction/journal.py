"""What is done, in a file of JSON lines: written so that a run that was killed goes on where it was.

A row is appended when its document is done, and is on the disk before the next one counts as done. Of a line that was
cut by a crash nothing is kept. A row counts for a document with the same bytes, schema and model; when a run is over,
rows that later ones replaced are taken out.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import filelock

from qianxun.errors import Busy, InputError, StorageError
from qianxun.extraction.records import Extraction, Field, Outcome
from qianxun.records import Span, Support

Row = dict[str, Any]

_FORM: Final = 1


def shape_of(one: Extraction) -> Row:
    """An extraction in plain JSON: `value` if it is valid, else what the model `said`."""
    return {
        "source": one.source,
        "outcome": one.outcome,
        "valid": one.valid,
        "value": one.data if one.valid else None,
        "said": None if one.valid else one.data,
        "problems": list(one.problems),
        "fields": [field_shape(field) for field in one.fields],
        "attempts": one.attempts,
        "usage": {"prompt_tokens": one.usage[0], "completion_tokens": one.usage[1]},
    }


def row_of(one: Extraction, schema: str, model: str) -> Row:
    """An extraction as a line of the journal, which is also what `--out x.jsonl` holds."""
    return shape_of(one) | {"digest": one.digest, "schema": schema, "model": model, "qianxun_extract": _FORM}


def field_shape(field: Field) -> Row:
    """A field in plain JSON; `start` and `end` are null where it stands nowhere."""
    return {
        "pointer": field.pointer,
        "value": field.value,
        "support": field.support,
        "quote": field.quote,
        "start": field.span.start if field.span is not None else None,
        "end": field.span.end if field.span is not None else None,
    }


def extraction_of(row: Row) -> Extraction:
    """A row as it was, but for `value`."""
    usage = row["usage"]
    return Extraction(
        source=row["source"],
        outcome=cast(Outcome, row["outcome"]),
        data=row["value"] if row["valid"] else row["said"],
        problems=tuple(row["problems"]),
        fields=tuple(
            Field(
                one["pointer"],
                one["value"],
                cast(Support, one["support"]),
                one["quote"],
                Span(one["start"], one["end"]) if one["start"] is not None else None,
            )
            for one in row["fields"]
        ),
        usage=(usage["prompt_tokens"], usage["completion_tokens"]),
        attempts=row["attempts"],
        digest=row["digest"],
        kept=True,
    )


class Journal:
    """The rows in one file, by source; for one schema and one model. To be used within `open_journal`."""

    def __init__(self, path: Path, file: BinaryIO, schema: str, model: str) -> None:
        self.path = path
        self._file = file
        self._schema = schema
        self._model = model
        self._alone = threading.Lock()
        self._rows: dict[str, Row] = {}
        self._n_lines = 0
        self._read()

    def known(self, source: str, digest: str) -> Extraction | None:
        """What was drawn out of this document before, if it is as it was."""
        row = self._rows.get(source)
        if (
            row is None
            or not digest
            or (row["digest"], row["schema"], row["model"])
            != (
                digest,
                self._schema,
                self._model,
            )
        ):
            return None
        return extraction_of(row)

    def add(self, one: Extraction) -> None:
        """Keeps what came of a document: when this returns it is on the disk."""
        row = row_of(one, self._schema, self._model)
        try:
            with self._alone:
                self._file.write(_line(row))
                self._file.flush()
                os.fsync(self._file.fileno())
                self._rows[one.source] = row
                self._n_lines += 1
        except OSError as error:
            raise StorageError(
                "{path} cannot be written: {reason}.",
                remedy="Make room, and run the same command again: it goes on from here.",
                path=self.path,
                reason=error.strerror or str(error),
            ) from error

    def rows(self) -> list[Row]:
        """The rows of this schema, the last of each source, in the order in which sources came first."""
        return [row for row in self._rows.values() if row["schema"] == self._schema]

    def tidy(self) -> None:
        """Takes out rows that later ones replaced. The file is whole at every moment."""
        if self._n_lines == len(self._rows):
            return
        write_whole(self.path, b"".join(map(_line, self._rows.values())))
        self._n_lines = len(self._rows)

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, 1):
            row = _row(line)
            if row is None:
                if not self._file.read(1):  # the last one, which a crash cut
                    break
                raise _not_ours(self.path, number)
            self._rows[row["source"]] = row
            self._n_lines += 1
            whole += len(line)
        if self._n_lines == 0 and whole == 0 and _holds_text(self._file):
            raise _not_ours(self.path, 1)
        self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)


def _line(row: Row) -> bytes:
    # Half characters, which a model may write, are no UTF-8.
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _holds_text(file: BinaryIO) -> bool:
    """Whether the one line of a file is no beginning of a row."""
    file.seek(0)
    beginning = file.read(64)
    ours = b'{"source": '
    return bool(beginning) and not ours.startswith(beginning[: len(ours)])


def _row(line: bytes) -> Row | None:
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and row.get("qianxun_extract") == _FORM else None


def _not_ours(path: Path, number: int) -> InputError:
    return InputError(
        "Line {number} of {path} was not written by `qianxun extract`: the file is left as it is.",
        remedy="Name a new file.",
        number=number,
        path=path,
    )


def rows_in(path: Path) -> list[Extraction]:
    """What a journal that nobody has open holds, the last of each source. A line that a crash cut is left out."""
    with path.open("rb") as file:
        rows = [row for line in file if (row := _row(line)) is not None]
    return [extraction_of(row) for row in {row["source"]: row for row in rows}.values()]


@contextmanager
def open_journal(path: Path, schema: str, model: str) -> Iterator[Journal]:
    """The journal in a file, made if it is not there, alone at it. Raises Busy, InputError, StorageError."""
    lock = filelock.FileLock(path.with_name(f".{path.name}.lock"), thread_local=False, is_singleton=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise Busy(
            "Another `qianxun extract` is writing {path}.", remedy="Wait for it, or name another file.", path=path
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with path.open("a+b") as file:
            yield Journal(path, file, schema, model)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise _unwritable(path, error) from error
    finally:
        lock.release()


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        "{path} cannot be written: {reason}.",
        remedy="Name a file in a folder that may be written to.",
        path=path,
        reason=error.strerror or str(error),
    )


def write_whole(path: Path, content: bytes) -> None:
    """The file with this content, or as it was: never a part. Raises StorageError."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
