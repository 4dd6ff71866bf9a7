"""Bytes that come from elsewhere, to a file: bounded in size and time, and nothing left of what breaks off."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from qianxun.errors import SourceError
from qianxun.files import RawFile
from qianxun.settings import Settings
from qianxun.sources.places import suffix_of

PIECE_BYTES: Final = 1 << 20


def received(
    uri: str,
    pieces: Iterable[bytes],
    folder: Path,
    settings: Settings,
    *,
    suffix: str = "",
    now: Callable[[], float] = time.monotonic,
) -> RawFile:
    """The pieces in a new file in `folder`. Raises SourceError past `reading.max_file_mb` and `sources.fetch_seconds`.

    `suffix` where the uri does not end with it.
    """
    kind = suffix or suffix_of(uri)
    handle, name = tempfile.mkstemp(
        dir=folder, prefix="received-", suffix=kind if kind[1:].isalnum() and len(kind) < 16 else ""
    )
    path = Path(name)
    ends, n_bytes = now() + settings.sources.fetch_seconds, 0
    try:
        with os.fdopen(handle, "wb") as stream:
            for piece in pieces:
                n_bytes += len(piece)
                check_size(uri, n_bytes, settings)
                if now() > ends:
                    raise too_slow(uri, settings)
                stream.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return RawFile.on_disk(path, uri, kind)


def check_size(uri: str, n_bytes: int, settings: Settings) -> None:
    """Raises SourceError for more bytes than one file may have."""
    if n_bytes > settings.reading.max_file_mb * 1_000_000:
        raise SourceError(
            "{path} is more than {mb} MB; files above that are not read.",
            remedy="Raise reading.max_file_mb, or split the file.",
            path=uri,
            mb=settings.reading.max_file_mb,
        )


def too_slow(uri: str, settings: Settings) -> SourceError:
    """For what does not come to an end."""
    return SourceError(
        "{uri} was not there after {seconds:g} s.",
        remedy="Set sources.fetch_seconds higher, or try when the connection is faster.",
        uri=uri,
        seconds=settings.sources.fetch_seconds,
    )
