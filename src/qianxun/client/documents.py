"""The documents of a knowledge base: which there are, what stands in them, sending some, taking some out."""

import contextlib
import io
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from qianxun.client import reading
from qianxun.client.connection import Connection, Repeat
from qianxun.client.records import DocumentPage, Job, PassageInPlace
from qianxun.errors import InputError
from qianxun.records import Document, Passage, Receipt

# A file, or a name with its bytes.
Sendable: TypeAlias = str | Path | tuple[str, bytes]
# Bytes sent so far, bytes in all.
Sent: TypeAlias = Callable[[int, int], object]
# As many as a field of an upload may hold.
_DATES: Final = 1000


class DocumentsRoom:
    """`Client.documents`. `base` of every call is the knowledge base; None is the client's."""

    def __init__(self, connection: Connection, path: Callable[[str | None, str], str]) -> None:
        self._connection = connection
        self._path = path

    def page(self, *, filter: str = "", after: int = 0, count: int = 100, base: str | None = None) -> DocumentPage:
        """At most `count` documents by source, without the first `after`."""
        asked = {"filter": filter, "after": after, "count": count}
        reply = self._connection.json("GET", self._path(base, "/documents"), params=asked, repeat=Repeat.BROKEN)
        return reading.read(reading.documents, reply)

    def list(self, *, filter: str = "", base: str | None = None) -> Iterator[Document]:
        """Every document that the key may see, by source; asked for a page at a time."""
        after: int | None = 0
        while after is not None:
            page = self.page(filter=filter, after=after, count=1000, base=base)
            yield from page.documents
            after = page.next

    def show(self, id: int, *, base: str | None = None) -> Document:
        """One document. Raises NotFound."""
        return reading.read(lambda given: reading.document(given["document"]), self._shown(id, "", base))

    def text(self, id: int, *, base: str | None = None) -> str:
        """The cleaned text of a document. Raises NotFound."""
        return reading.read(lambda given: str(given["text"]), self._shown(id, "text", base))

    def chunks(self, id: int, *, base: str | None = None) -> tuple[Passage, ...]:
        """What a document was cut into, in reading order. Raises NotFound."""
        return reading.read(lambda given: tuple(map(reading.passage, given["chunks"])), self._shown(id, "chunks", base))

    def passage(self, chunk: int, *, around: int = 0, base: str | None = None) -> PassageInPlace:
        """A passage by its chunk id, with as many on each side as `around` says. Raises NotFound."""
        path = self._path(base, f"/passages/{int(chunk)}")
        return reading.read(
            reading.in_place, self._connection.json("GET", path, params={"around": around}, repeat=Repeat.BROKEN)
        )

    def original(self, id: int, *, base: str | None = None) -> bytes:
        """The file that a document was read from, if it is kept. Raises NotFound."""
        path = self._path(base, f"/documents/{int(id)}/original")
        content: bytes = self._connection.reply("GET", path, repeat=Repeat.BROKEN).content
        return content

    def upload(
        self,
        files: Sendable | Sequence[Sendable],
        *,
        labels: Sequence[str] = (),
        folder: str = "",
        retry: bool = False,
        progress: Sent | None = None,
        base: str | None = None,
    ) -> Job:
        """Sends files to be added; the job that adds them can be waited for (`jobs.wait`).

        `folder` is what their names begin with. `labels` say who may see them; without any, those of the key.
        `progress` is called as bytes are sent. What breaks off is sent again, and added once. Files of the disk keep
        their dates; what is given as bytes has that of the upload. Raises InputError for what is no file.
        """
        files = _as_list(files)
        asked: dict[str, Any] = {"labels": list(labels), "folder": folder, "modified": _dates(files)}
        asked["retry"] = "true" if retry else "false"
        return self._sent(self._path(base, "/documents"), files, progress, asked)

    def add_addresses(
        self, addresses: Sequence[str], *, labels: Sequence[str] = (), retry: bool = False, base: str | None = None
    ) -> Job:
        """Has the service add pages of the web, as a job."""
        asked = {"addresses": list(addresses), "labels": list(labels), "retry": retry}
        reply = self._connection.json(
            "POST", self._path(base, "/documents"), json=asked, headers=_key(), repeat=Repeat.BROKEN
        )
        return reading.read(reading.job, reply)

    def label(
        self, id: int, *, add: Sequence[str] = (), remove: Sequence[str] = (), base: str | None = None
    ) -> Document:
        """Gives and takes labels, in force from the next request on. Raises NotFound, Forbidden."""
        asked = {"add": list(add), "remove": list(remove)}
        path = self._path(base, f"/documents/{int(id)}")
        reply = self._connection.json("PATCH", path, json=asked, repeat=Repeat.REFUSED)
        return reading.read(lambda given: reading.document(given["document"]), reply)

    def remove(self, id: int, *, purge: bool = False, base: str | None = None) -> Receipt:
        """Takes a document out with everything made from it; with `purge` also answers written from it."""
        path = self._path(base, f"/documents/{int(id)}")
        asked = {"purge": "true" if purge else "false"}
        return reading.read(reading.receipt, self._connection.json("DELETE", path, params=asked, repeat=Repeat.REFUSED))

    def _shown(self, id: int, part: str, base: str | None) -> Any:
        path = self._path(base, f"/documents/{int(id)}")
        return self._connection.json("GET", path, params={"part": part}, repeat=Repeat.BROKEN)

    def _sent(
        self, path: str, files: Sendable | Sequence[Sendable], progress: Sent | None, fields: dict[str, Any]
    ) -> Job:
        return sent(self._connection, path, files, progress, fields, headers=_key(), repeat=Repeat.BROKEN)


def sent(
    connection: Connection,
    path: str,
    files: Sendable | Sequence[Sendable],
    progress: Sent | None,
    fields: dict[str, Any],
    *,
    headers: dict[str, str],
    repeat: Repeat,
) -> Job:
    """The job that files are given to, sent as `multipart/form-data`. Raises InputError for what is no file."""
    given = _as_list(files)
    with contextlib.ExitStack() as stack:
        opened = [(name, stack.enter_context(stream)) for name, stream in map(_opened, given)]
        total = sum(_size(stream) for _, stream in opened)

        def parts() -> list[tuple[str, tuple[str, Any]]]:
            counter = _Counter(total, progress)
            return [("files", (name, _Counted(stream, counter))) for name, stream in opened]

        reply = connection.json("POST", path, files=parts, data=fields, headers=headers, repeat=repeat)
    return reading.read(reading.job, reply)


def _as_list(files: Sendable | Sequence[Sendable]) -> Sequence[Sendable]:
    return [files] if isinstance(files, str | Path | tuple) else list(files)


def _dates(files: Sequence[Sendable]) -> list[str]:
    """When files of the disk were last changed, as fields of an upload: `-` for bytes."""
    dates = ["-" if isinstance(one, tuple) else _date(Path(one).expanduser()) for one in files]
    return [",".join(dates[n : n + _DATES]) for n in range(0, len(dates), _DATES)]


def _date(path: Path) -> str:
    """That it is no file is said by who opens it."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat() if path.is_file() else "-"


class _Counter:
    """How much of an upload has gone out."""

    def __init__(self, total: int, progress: Sent | None) -> None:
        self._sent = 0
        self._total = total
        self._progress = progress

    def add(self, n_bytes: int) -> None:
        self._sent += n_bytes
        if self._progress is not None:
            self._progress(self._sent, self._total)


class _Counted:
    """A file that tells what is read of it."""

    def __init__(self, stream: BinaryIO, counter: _Counter) -> None:
        self._stream = stream
        self._counter = counter

    def read(self, size: int = -1) -> bytes:
        piece = self._stream.read(size)
        if piece:
            self._counter.add(len(piece))
        return piece

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(place, whence)

    def tell(self) -> int:
        return self._stream.tell()


def _opened(given: Sendable) -> tuple[str, BinaryIO]:
    if isinstance(given, tuple):
        name, content = given
        return name, io.BytesIO(content)
    path = Path(given).expanduser()
    if not path.is_file():
        raise InputError("{path} is no file.", remedy="Name files; a folder is sent file by file.", path=path)
    return path.name, path.open("rb")


def _size(stream: BinaryIO) -> int:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return size


def _key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(16)}
