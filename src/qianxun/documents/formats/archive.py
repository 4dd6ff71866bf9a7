"""Archives: the files inside them, one after the other, in memory and within bounds. Nothing is written to the disk."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, Final

from qianxun.documents.decoding import guessed_encoding, looks_like, mismatch
from qianxun.errors import UnreadableDocument
from qianxun.files import MEMBER, RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings

# By the first bytes: what an archive is named is not always what it is packed with.
_COMPRESSED: Final[tuple[tuple[bytes, Callable[[Any], Any]], ...]] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_TAR_ENDINGS: Final = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_UTF8_NAME: Final = 0x800  # general purpose bit 11, APPNOTE.TXT 4.4.4
_ENCRYPTED: Final = 0x1
_UNICODE_PATH: Final = 0x7075  # Info-ZIP's extra field, APPNOTE.TXT 4.6.9
_LEFT_OUT: Final = ("__MACOSX",)
_DRAINED_BYTES: Final = 1 << 20
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, tarfile.TarError, gzip.BadGzipFile)


class ZipLoader:
    """Reads `.zip`: no document of its own, but the files in it."""

    suffixes = (".zip",)
    holds_files = True

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The files in the archive, in its order. One that is encrypted or damaged says so when it is opened."""
        head = file.head()
        what = looks_like(head)
        if what is not None and not head.startswith(b"PK"):
            raise mismatch(file, what)
        with file.open() as stream:
            try:
                archive = zipfile.ZipFile(stream)
            except (*_DAMAGE, OSError, ValueError, NotImplementedError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise _broken(file, error) from error
            with archive:
                entries = archive.infolist()
                for entry, name in zip(entries, _names(entries), strict=True):
                    if entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16) or not _is_wanted(name, settings):
                        continue
                    yield _member(file, name, entry.file_size, _of_zip(file, archive, entry, name, settings))


class TarLoader:
    """Reads `.tar`, `.tgz`, `.tar.gz`, `.tar.bz2`, `.tar.xz`, and single files packed as `.gz`, `.bz2`, `.xz`."""

    suffixes = (".tar", ".tgz", ".gz", ".bz2", ".xz")
    holds_files = True

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The files in the archive, in its order."""
        if not file.name.lower().endswith(_TAR_ENDINGS):
            yield _unpacked(file, settings)
            return
        with file.open() as stream:
            try:
                # As a stream: nothing is sought, so a compressed archive is unpacked once.
                with _unpacking(file, stream) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
                    for entry in archive:
                        name = _decoded_name(entry.name.encode("utf-8", "surrogateescape"))
                        if entry.isreg() and _is_wanted(name, settings):
                            yield _member(file, name, entry.size, _of_tar(file, archive, entry, name, settings))
                    while unpacked.read(_DRAINED_BYTES):
                        pass  # the checksum is behind the end of the archive
            except (*_DAMAGE, ValueError) as error:
                raise _broken(file, error) from error
            except OSError as error:
                if error.errno is not None:
                    raise
                raise _broken(file, error) from error


def _member(file: RawFile, name: str, size: int, opened: Callable[[], BinaryIO]) -> RawFile:
    return RawFile(f"{file.name}{MEMBER}{name}", PurePosixPath(name).suffix.lower(), size, None, opened)


def _is_wanted(name: str, settings: ReadingSettings) -> bool:
    parts = PurePosixPath(name).parts
    ignored = (fnmatch(part, pattern) for part in parts for pattern in (*settings.ignore, *_LEFT_OUT))
    return bool(parts) and not any(ignored)


def _of_zip(
    file: RawFile, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, settings: ReadingSettings
) -> Callable[[], BinaryIO]:
    shown = f"{file.name}{MEMBER}{name}"

    def opened() -> BinaryIO:
        if entry.flag_bits & _ENCRYPTED:
            raise UnreadableDocument("{path} is encrypted.", remedy="Save a copy without a password.", path=shown)
        try:
            with archive.open(entry) as stream:
                return _bounded(stream, shown, settings)
        except NotImplementedError as error:
            raise UnreadableDocument(
                "{path} is packed in a way that cannot be read ({error}).",
                remedy="Unpack it and add the files.",
                path=shown,
                error=str(error).rstrip("."),
            ) from error
        except (*_DAMAGE, RuntimeError) as error:
            raise _damaged(shown, error) from error

    return opened


def _of_tar(
    file: RawFile, archive: tarfile.TarFile, entry: tarfile.TarInfo, name: str, settings: ReadingSettings
) -> Callable[[], BinaryIO]:
    shown = f"{file.name}{MEMBER}{name}"

    def opened() -> BinaryIO:
        try:
            stream = archive.extractfile(entry)
            assert stream is not None  # it is a regular file
            return _bounded(stream, shown, settings)
        except _DAMAGE as error:
            raise _damaged(shown, error) from error

    return opened


def _unpacked(file: RawFile, settings: ReadingSettings) -> RawFile:
    """The one file in a compressed one: `notes.txt.gz` holds `notes.txt`."""
    name = file.name.replace("\\", "/").rpartition("/")[2].rpartition(MEMBER)[2]
    inner = name[: -len(file.suffix)]
    shown = f"{file.name}{MEMBER}{inner}"

    def opened() -> BinaryIO:
        try:
            with file.open() as packed, _unpacking(file, packed) as stream:
                if stream is packed:
                    raise gzip.BadGzipFile("it is packed in no known way")
                return _bounded(stream, shown, settings)
        except _DAMAGE as error:
            raise _damaged(shown, error) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise _damaged(shown, error) from error

    return _member(file, inner, file.size, opened)


def _unpacking(file: RawFile, packed: BinaryIO) -> IO[bytes]:
    """The stream unpacked, or as it is where it is not packed."""
    head = file.head()
    for magic, opened in _COMPRESSED:
        if head.startswith(magic):
            found: IO[bytes] = opened(packed)
            return found
    return packed


def _bounded(stream: IO[bytes], shown: str, settings: ReadingSettings) -> BinaryIO:
    """The bytes of a member, whatever its archive says of their number."""
    # A parser needs several times a file's size; this process may use max_memory_mb altogether.
    mb = min(settings.max_file_mb, settings.max_memory_mb // 4)
    data = stream.read(mb * 1_000_000 + 1)
    if len(data) > mb * 1_000_000:
        raise UnreadableDocument(
            "{path} is more than {mb} MB unpacked.",
            remedy="Unpack it and add the files, or raise reading.max_memory_mb.",
            path=shown,
            mb=mb,
        )
    return io.BytesIO(data)


def _names(entries: list[zipfile.ZipInfo]) -> Iterator[str]:
    """The names in an archive. Those that do not say that they are UTF-8 are judged together: old ones are in GBK."""
    legacy = [entry.orig_filename.encode("cp437") for entry in entries if not entry.flag_bits & _UTF8_NAME]
    encoding = _encoding_of_names([name for name in legacy if not name.isascii()])
    for entry in entries:
        own = _unicode_path(entry)
        if own:
            yield own
        elif entry.flag_bits & _UTF8_NAME:
            yield entry.filename
        else:
            yield entry.orig_filename.encode("cp437").decode(encoding, "replace").replace("\\", "/")


def _unicode_path(entry: zipfile.ZipInfo) -> str:
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        body = extra[4 : 4 + length]
        if kind == _UNICODE_PATH and len(body) > 5 and not entry.flag_bits & _UTF8_NAME:
            (crc,) = struct.unpack("<L", body[1:5])
            if crc == zlib.crc32(entry.orig_filename.encode("cp437")):
                return body[5:].decode("utf-8", "replace")
        extra = extra[4 + length :]
    return ""


def _decoded_name(name: bytes) -> str:
    return name.decode(_encoding_of_names([name]), "replace")


def _encoding_of_names(names: list[bytes]) -> str:
    together = b"\n".join(names)
    try:
        together.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        return guessed_encoding(together) or _first_that_decodes(together)


def _first_that_decodes(names: bytes) -> str:
    """Names are short, and may have no frequent character: the encoding that makes letters of all bytes."""
    for encoding in ("gb18030", "big5hkscs", "cp932", "euc_kr"):
        try:
            if all(c.isalnum() or c.isascii() or c in "（）《》、—" for c in names.decode(encoding)):
                return encoding
        except UnicodeDecodeError:
            continue
    return "cp437"


def _broken(file: RawFile, error: Exception) -> UnreadableDocument:
    return UnreadableDocument(
        "{path} is not a readable archive ({error}).",
        remedy="Copy it again, or unpack it and add the files.",
        path=file.name,
        error=" ".join(str(error).split()).rstrip(". ")[:160] or type(error).__name__,
    )


def _damaged(shown: str, error: Exception) -> UnreadableDocument:
    return UnreadableDocument(
        "{path} is damaged in its archive ({error}).",
        remedy="Copy the archive again, or unpack it and add the files.",
        path=shown,
        error=" ".join(str(error).split()).rstrip(". ")[:160] or type(error).__name__,
    )
