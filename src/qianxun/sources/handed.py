"""Files that were handed over under names of their own: an upload. The names say what kinds of files they are."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from qianxun.errors import SourceError
from qianxun.files import RawFile
from qianxun.protocols import Listed, Unlisted
from qianxun.sources.places import utc


class HandedFiles:
    """Files on the disk by the names that they have as documents."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.address = next(iter(files), "")
        self._files = dict(files)

    def list(self) -> Iterator[Listed | Unlisted]:
        """Each of them, in the order given. A document's date is its file's."""
        for name, path in self._files.items():
            modified = ""
            with suppress(OSError):  # `open` says that it is gone
                modified = utc(datetime.fromtimestamp(path.stat().st_mtime, UTC))
            yield Listed(name, suffix=_suffix(name), modified=modified)

    def open(self, uri: str, folder: Path) -> RawFile:
        """Its bytes in a new file. Raises SourceError where it is gone."""
        with tempfile.NamedTemporaryFile(dir=folder) as unused:
            path = Path(unused.name)
        try:
            try:
                os.link(self._files[uri], path)
            except FileNotFoundError:
                raise
            except OSError:  # another file system, or one without links
                shutil.copyfile(self._files[uri], path)
        except OSError as error:
            raise SourceError(
                "{url} cannot be fetched ({error}).",
                remedy="Hand it over again.",
                url=uri,
                error=error.strerror or error,
            ) from error
        return RawFile.on_disk(path, uri, _suffix(uri))

    def holds(self, uri: str) -> bool:
        """Only themselves."""
        return uri in self._files

    def close(self) -> None:
        """The files are their owner's to delete."""


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()
