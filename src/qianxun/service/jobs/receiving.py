"""The body of an upload, `multipart/form-data`, straight onto the disk: no file is in memory as a whole.

Files get numbers for names; what people called them is given back. Knows no rights and no job.
"""

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from qianxun.documents.registry import must_be_readable
from qianxun.errors import DiskFull, InputError, StorageError, UnreadableDocument
from qianxun.service.jobs.uploads import safe_name

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FILES: Final = 10_000
_MAX_FIELD_BYTES: Final = 100_000
_MAX_FIELDS: Final = 1000
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_WHAT_IS_READ: Final = (
    "Leave it out, or convert it: text, PDF, Office, web pages, e-mail, pictures, archives and source code are read."
)
# Written to the disk when so much has come together.
_PIECE_BYTES: Final = 1 << 20


class UploadRefused(InputError):
    """An upload that is too large, or is none. `status` says which."""

    status: int = 400


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that was taken in: its name on the disk, what it was called, its size, the SHA-256 of its bytes."""

    file: str
    name: str
    bytes: int
    digest: str


@dataclass(slots=True)
class Received:
    """The files and fields of an upload, in their order."""

    files: list[ReceivedFile] = field(default_factory=list)
    fields: list[tuple[str, str]] = field(default_factory=list)


async def receive(body: AsyncIterator[bytes], content_type: str, folder: Path, *, max_file_mb: int) -> Received:
    """What a body holds; its files go into a folder that is there. Parts are files where they have a file name.

    Raises UploadRefused with status 413 for a file of more than `max_file_mb`, 415 for another kind of body and for a
    file of a kind that is not read, before its bytes are taken in, 400 for a body that is cut short or malformed;
    StorageError, DiskFull.
    """
    parts = _Parts(folder, max_file_mb)
    parser = MultipartParser(_boundary(content_type), callbacks=parts.callbacks())
    try:
        async for piece in body:
            parser.write(piece)
            if parts.waiting >= _PIECE_BYTES:
                # Not on the event loop: a slow disk must not keep others waiting.
                await asyncio.to_thread(parts.write)
        parser.finalize()
        if not parts.is_whole:
            raise refused(400, InputError("The upload was cut short.", remedy="Send it again."))
        await asyncio.to_thread(parts.write)
    except FormParserError as error:
        raise refused(
            400, InputError("The body is no multipart/form-data.", remedy="Send it as `curl -F` does.")
        ) from error
    except OSError as error:
        kind = DiskFull if error.errno in _FULL else StorageError
        raise kind(
            "{path} cannot be written ({error}).",
            remedy="Check that the folder is writable and has room.",
            path=folder,
            error=error.strerror or error,
        ) from error
    finally:
        parts.close()
    return parts.received


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise refused(415, InputError("The body is no multipart/form-data.", remedy="Send it as `curl -F` does."))
    return boundary


def _as_text(name: bytes) -> str:
    """A name as it was sent: UTF-8, or what Chinese systems wrote before."""
    for encoding in ("utf-8", "gb18030"):
        try:
            return name.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name.decode("utf-8", "replace")


def refused(status: int, error: InputError) -> UploadRefused:
    """An error as what it is answered with."""
    found = UploadRefused(error.template, remedy=error.remedy, **error.values)
    found.status = status
    return found


def _must_be_readable(called: str) -> None:
    """Raises UploadRefused for a name that says that its file cannot be read."""
    name = safe_name(called)
    try:
        must_be_readable(name, PurePosixPath(name).suffix.lower())
    except UnreadableDocument as error:
        # Of the many kinds that are read a person needs no list.
        wrong = InputError(error.template, remedy=_WHAT_IS_READ, **error.values)
        raise refused(415, wrong) from error


@dataclass(slots=True)
class _Parts:
    """What the parser calls back. Bytes of files wait in memory until `write`."""

    folder: Path
    max_file_mb: int
    received: Received = field(default_factory=Received)
    waiting: int = 0
    is_whole: bool = False
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _field: str | None = None
    _text: bytearray = field(default_factory=bytearray)
    _called: str = ""
    _size: int = 0
    _digest: Any = field(default_factory=hashlib.sha256)
    _pieces: list[tuple[int, bytes]] = field(default_factory=list)
    _open: tuple[int, BinaryIO] | None = None

    def callbacks(self) -> "MultipartCallbacks":
        """By the parser's names."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _begin(self) -> None:
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"filename" in options:
            self._field, self._called, self._size = None, _as_text(options[b"filename"]), 0
            if len(self.received.files) >= MAX_FILES:
                raise refused(
                    413,
                    InputError("More than {n} files were sent at a time.", remedy="Send less at a time.", n=MAX_FILES),
                )
            _must_be_readable(self._called)
            self._digest = hashlib.sha256()
            self._pieces.append((len(self.received.files), b""))
        else:
            self._field = _as_text(options.get(b"name", b""))
            self._text.clear()

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is not None:
            self._text += data[start:end]
            if len(self._text) > _MAX_FIELD_BYTES:
                raise refused(413, InputError("A field of the upload is too long.", remedy="Send less at a time."))
            return
        self._size += end - start
        if self._size > self.max_file_mb * 1_000_000:
            raise refused(
                413,
                InputError(
                    "{path} is more than {mb} MB; files above that are not read.",
                    remedy="Raise reading.max_file_mb, or split the file.",
                    path=self._called[:80],
                    mb=self.max_file_mb,
                ),
            )
        self._digest.update(data[start:end])
        self._pieces.append((len(self.received.files), data[start:end]))
        self.waiting += end - start

    def _on_part_end(self) -> None:
        if self._field is None:
            number = len(self.received.files)
            self.received.files.append(ReceivedFile(str(number), self._called, self._size, self._digest.hexdigest()))
        else:
            if len(self.received.fields) >= _MAX_FIELDS:
                raise refused(413, InputError("The upload has too many fields.", remedy="Send less at a time."))
            self.received.fields.append((self._field, self._text.decode("utf-8", "replace")))

    def _on_end(self) -> None:
        self.is_whole = True

    def write(self) -> None:
        """Writes what waits to the disk."""
        for number, piece in self._pieces:
            if self._open is None or self._open[0] != number:
                self.close()
                descriptor = os.open(self.folder / str(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                self._open = number, os.fdopen(descriptor, "wb")
            self._open[1].write(piece)
        self._pieces.clear()
        self.waiting = 0

    def close(self) -> None:
        """Closes the file that is being written."""
        if self._open is not None:
            self._open[1].close()
            self._open = None
