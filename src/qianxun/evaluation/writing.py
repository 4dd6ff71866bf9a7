"""Files that are written whole or not at all: a reader, or the next run, never finds half of one."""

import contextlib
import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from qianxun.errors import InputError

# Half a character (JSON can hold one) is no UTF-8; written like this it is what it was, in JSON.
_HALVES: Final = "backslashreplace"


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """A UTF-8 text file that appears, or takes the place of the old one, when the block ends; gzip if it ends in .gz.

    If the block fails, nothing is left and an old file stays as it is. Folders are made. Raises InputError where the
    disk refuses.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _opened(beside, packed=path.suffix == ".gz") as file:
                yield file
            beside.replace(path)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            "{path} cannot be written: {error}.",
            remedy="Name a file in a folder that you may write in.",
            path=path,
            error=error.strerror or str(error).rstrip("."),
        ) from error


@contextlib.contextmanager
def _opened(path: Path, *, packed: bool) -> Iterator[TextIO]:
    with path.open("wb") as raw:
        if not packed:
            with io.TextIOWrapper(raw, encoding="utf-8", errors=_HALVES, newline="\n") as file:
                yield file
            return
        # No name and no time in it: the same content is the same file.
        with (
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as inner,
            io.TextIOWrapper(inner, encoding="utf-8", errors=_HALVES, newline="\n") as file,
        ):
            yield file
