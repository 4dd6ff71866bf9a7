"""One document whose bytes are handed over: standard input, an upload. Its name says what kind of file it is."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from qianxun.errors import InputError, SourceError
from qianxun.files import RawFile
from qianxun.protocols import Listed, Unlisted
from qianxun.settings import ReadingSettings
from qianxun.sources.addresses import is_address

_PIECE_BYTES: Final = 1 << 20


class GivenSource:
    """A stream, read once, under a name of its own. Raises InputError for a name that means something else."""

    def __init__(self, name: str, stream: BinaryIO, reading: ReadingSettings) -> None:
        self.address = os.fsencode(name).decode("utf-8", "backslashreplace")
        if not name.strip() or is_address(name) or os.path.isabs(name) or "\0" in name:  # noqa: PTH117 (a name)
            raise InputError(
                "{name!r} is no name for a document that is handed over.",
                remedy="Give a name that ends as files of its kind do, such as notes/meeting.txt: no path, no address.",
                name=self.address,
            )
        self._stream = stream
        self._max_mb = reading.max_file_mb

    def list(self) -> Iterator[Listed | Unlisted]:
        """The one document."""
        yield Listed(self.address, suffix=PurePosixPath(self.address).suffix.lower())

    def open(self, uri: str, folder: Path) -> RawFile:
        """Its bytes in a new file. Raises SourceError if there are too many."""
        n_bytes = 0
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            while piece := self._stream.read(_PIECE_BYTES):
                n_bytes += len(piece)
                if n_bytes > self._max_mb * 1_000_000:
                    raise SourceError(
                        "{path} is more than {mb} MB; files above that are not read.",
                        remedy="Raise reading.max_file_mb, or split the file.",
                        path=uri,
                        mb=self._max_mb,
                    )
                file.write(piece)
        return RawFile.on_disk(Path(file.name), uri, PurePosixPath(uri).suffix.lower())

    def holds(self, uri: str) -> bool:
        """Only itself."""
        return uri == self.address

    def close(self) -> None:
        """The stream is its owner's to close."""
