"""Formats that are XML in a zip file: their parts, read within bounds, and parsed without following anything.

Knows zip files and XML, no format.
"""

import contextlib
import lzma
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, Final

from qianxun.documents.decoding import looks_like, mismatch
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.settings import ReadingSettings

_OLD_OFFICE: Final = b"\xd0\xcf\x11\xe0"
_DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError, NotImplementedError,
    struct.error, IndexError,
)  # fmt: skip
_ENCRYPTED: Final = 0x1
_TREE_SHARE: Final = 8  # a tree of XML needs about this many times the room of its text


class Package:
    """The parts of one file, by their names within it; letters may be large or small, as in OPC and on Windows."""

    def __init__(self, file: RawFile, archive: zipfile.ZipFile, settings: ReadingSettings) -> None:
        self.file = file
        self.archive = archive
        self.settings = settings
        self.max_part_mb = min(settings.max_file_mb, max(1, settings.max_memory_mb // _TREE_SHARE))
        self.max_bytes = settings.max_unpacked_mb * 1_000_000
        self.n_bytes = 0
        self.entries: dict[str, zipfile.ZipInfo] = {}
        for entry in archive.infolist():
            self.entries.setdefault(_key(entry.filename), entry)

    def __contains__(self, name: str) -> bool:
        return _key(name) in self.entries

    def read(self, name: str) -> bytes | None:
        """The bytes of a part, None if there is none. Raises UnreadableDocument (damaged, encrypted, too large)."""
        entry = self.entries.get(_key(name))
        if entry is None:
            return None
        if entry.flag_bits & _ENCRYPTED:
            raise encrypted(self.file)
        try:
            with self.archive.open(entry) as stream:
                data = stream.read(self.max_part_mb * 1_000_000 + 1)
        except (*_DAMAGE, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise unreadable(self.file, error) from error
        self.n_bytes += len(data)
        if len(data) > self.max_part_mb * 1_000_000 or self.n_bytes > self.max_bytes:
            raise UnreadableDocument(
                "{path} is too large unpacked: {part} goes beyond {mb} MB.",
                remedy="Split the file, or raise reading.max_memory_mb and reading.max_unpacked_mb.",
                path=self.file.name,
                part=name,
                mb=self.max_part_mb if len(data) > self.max_part_mb * 1_000_000 else self.max_bytes // 1_000_000,
            )
        return data

    def xml(self, name: str) -> Any | None:
        """The root of a part's tree, None if there is no such part. Raises UnreadableDocument if it is no sound XML."""
        data = self.read(name)
        return None if data is None else parsed(self.file, data)

    def required(self, name: str) -> Any:
        """The root of a part's tree. Raises UnreadableDocument if there is no such part."""
        root = self.xml(name)
        if root is None:
            raise unreadable(self.file, f"there is no {name} in it")
        return root


@contextlib.contextmanager
def opened_package(file: RawFile, settings: ReadingSettings) -> Iterator[Package]:
    """The parts of a file. Raises UnreadableDocument if it is no zip file; says so for old and encrypted ones."""
    head = file.head()
    if head.startswith(_OLD_OFFICE):
        raise UnreadableDocument(
            "{path} is encrypted, or an old Office file named {suffix}.",
            remedy="Open it in its program and save it as {suffix} without a password.",
            path=file.name,
            suffix=file.suffix,
        )
    what = looks_like(head)
    if what is not None and not head.startswith(b"PK"):
        raise mismatch(file, what)
    with file.open() as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except (*_DAMAGE, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise unreadable(file, error) from error
        try:
            with archive:
                yield Package(file, archive, settings)
        except RecursionError as error:
            raise UnreadableDocument(
                "{path} is nested too deeply to read.", remedy="Open it and save it again.", path=file.name
            ) from error


def parsed(file: RawFile, data: bytes) -> Any:
    """The root of a tree: nothing expanded, nothing fetched. Raises UnreadableDocument if it is no sound XML."""
    from lxml import etree

    # None of these formats needs an entity, and what expands is hostile.
    if b"<!ENTITY" in data:
        raise unreadable(file, "it declares entities")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise unreadable(file, error) from error
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and next(declared.iterentities(), None) is not None:  # in UTF-16, for example
        raise unreadable(file, "it declares entities")
    return root


def unreadable(file: RawFile, error: Exception | str) -> UnreadableDocument:
    """The error for a file that is not what its format asks for."""
    words = " ".join(str(error).split()).rstrip(". ")[:160]
    return UnreadableDocument(
        "{path} is not a readable {suffix} file ({error}).",
        remedy="Open it in its program and save it again.",
        path=file.name,
        suffix=file.suffix,
        error=words or type(error).__name__,
    )


def encrypted(file: RawFile) -> UnreadableDocument:
    """The error for a file with a password."""
    return UnreadableDocument("{path} is encrypted.", remedy="Save a copy without a password.", path=file.name)


def local(element: Any) -> str:
    """An element's name without its namespace; "" for what is no element."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str:
    """The value of an attribute by its name without namespace; the bare one first; "" if there is none."""
    own = element.get(name)
    if own is not None:
        return str(own)
    ending = f"}}{name}"
    return next((str(value) for key, value in element.attrib.items() if key.endswith(ending)), "")


def child(element: Any, *path: str) -> Any | None:
    """The first element down a path of names without namespaces."""
    found = element
    for name in path:
        found = next((inner for inner in found if local(inner) == name), None)
        if found is None:
            return None
    return found


def descendants(element: Any, *names: str) -> Iterator[Any]:
    """Elements with one of these names, whatever their namespace, in document order."""
    return iter(element.iter(*(f"{{*}}{name}" for name in names)))


def whole(text: str | None, default: int) -> int:
    """A whole number as files write it, else the default."""
    try:
        return int(text) if text else default
    except ValueError:
        return default


def resolved(base: str, target: str) -> str:
    """The name of a part that the part `base` points to; a target that begins with "/" starts at the top."""
    joined = target if target.startswith("/") else posixpath.join(posixpath.dirname(base), target)
    return posixpath.normpath(joined).lstrip("/")


def _key(name: str) -> str:
    return name.replace("\\", "/").removeprefix("/").lower()
