"""Bytes to text when nobody says which encoding: UTF-8 if it is, else what reads most like text.

Knows files and the setting that names encodings; `encodings` knows how to tell them. A whole file is looked at with
bounded memory before any of its text is handed on. What could be something else too is refused, never guessed at.
"""

import codecs
import functools
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from qianxun.documents.encodings.judging import (
    CANDIDATES,
    CONTROL_BYTES,
    MAX_CONTROL_SHARE,
    Survey,
    Verdict,
    foreign_part,
    judged,
)
from qianxun.errors import SettingsError, UncertainDocument, UnreadableDocument
from qianxun.files import MEMBER, RawFile
from qianxun.settings import ReadingSettings

READ_BYTES: Final = 1 << 18
_MAX_DAMAGE: Final = 0.005  # share of characters that may be lost where a setting names the encoding

# Longest first: UTF-32-LE begins with the mark of UTF-16-LE.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)

_SIGNATURES: Final = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or encrypted Office file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"OggS", "a sound file"),
    (b"ID3", "a sound file"),
    (b"RIFF", "a sound, video or image file"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"wOF2", "a font"),
)
_ZIP: Final = b"PK\x03\x04"


def looks_like(head: bytes) -> str | None:
    """What the first bytes of a file say it is, when that is not text."""
    if head.startswith(_ZIP):
        if b"word/" in head or b"[Content_Types].xml" in head[:100]:
            return "an Office document"
        return "a ZIP archive"
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return what
    if head[4:8] == b"ftyp":
        return "a video"
    return None


def read_text(file: RawFile, settings: ReadingSettings) -> str:
    """The whole text of a file. Raises UncertainDocument or UnreadableDocument, as `text_pieces` does."""
    return "".join(text_pieces(file, settings))


def text_pieces(file: RawFile, settings: ReadingSettings) -> Iterator[str]:
    """The text of a file in pieces of at most READ_BYTES characters, line ends as they are.

    Raises UncertainDocument when it may be in another encoding or is damaged, UnreadableDocument when its bytes are
    no text, SettingsError when `reading.encodings` cannot be used: all before the first piece.
    """
    with file.open() as stream:
        head = stream.read(READ_BYTES)
        if len(head) < READ_BYTES:  # nearly every file: read once
            yield decoded(file, head, settings)
            return
        encoding, skipped = _encoding_of_file(file, head, stream, settings)
        stream.seek(skipped)
        yield from _decoded_stream(stream, encoding, "replace" if named_encoding(file, settings) else "strict")


def decoded(file: RawFile, data: bytes, settings: ReadingSettings) -> str:
    """The text of a file whose bytes were read. Raises as `text_pieces` does."""
    encoding, skipped, is_named = _begun(file, data, settings)
    if not encoding:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = ""
        if text and _is_plainly_utf8(data, text):
            return text
        survey = Survey()
        survey.look(data)
        encoding = _believed(file, survey.verdict())
    return "".join(_checked(file, [data[skipped:]], encoding, is_named))


def encoding_of(file: RawFile, settings: ReadingSettings) -> str:
    """The Python name of the encoding in which this file would be read. Raises as `text_pieces` does."""
    with file.open() as stream:
        return _encoding_of_file(file, stream.read(READ_BYTES), stream, settings)[0]


def guessed_encoding(data: bytes) -> str | None:
    """The encoding in which a few bytes, such as a name, read most like text, or None if none does.

    Less sure than what text of a document needs: for what is worth showing even if it is wrong.
    """
    return judged([data[:READ_BYTES]], CANDIDATES).encoding or None


def named_encoding(file: RawFile, settings: ReadingSettings) -> str:
    """The encoding that `reading.encodings` names for a file, "" if none. Raises SettingsError."""
    name = file.name.replace("\\", "/")
    last = PurePosixPath(name.rpartition(MEMBER)[2]).name
    for pattern, encoding in encodings_by_pattern(settings.encodings):
        # A pattern may begin anywhere in a path: whoever writes it knows the folder, not where it lies.
        if fnmatch(name, pattern) or fnmatch(last, pattern) or fnmatch(name, f"*/{pattern}"):
            return encoding
    return ""


@functools.lru_cache(maxsize=8)
def encodings_by_pattern(lines: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The pairs (pattern, Python's name of the encoding) of `reading.encodings`. Raises SettingsError."""
    found = []
    for line in lines:
        pattern, equals, encoding = (piece.strip() for piece in line.rpartition("="))
        name = _READ_AS.get(encoding.lower(), encoding)
        if not pattern or not equals or not _is_encoding(name):
            raise SettingsError(
                "reading.encodings: {line!r} is not PATTERN=ENCODING.",
                remedy="Example: *.log=gb18030. Encodings: utf-8, gb18030, big5, shift_jis, euc-kr, cp1252, …",
                line=line,
            )
        found.append((pattern, name))
    return tuple(found)


def _said_encoding(file: RawFile) -> str:
    """The Python name of the encoding that who delivered the file names, "" if it is none."""
    said = file.charset.lower()
    name = _READ_AS.get(said, said)
    return codecs.lookup(name).name if name and _is_encoding(name) else ""


def _is_telling(said: str, verdict: Verdict) -> bool:
    """Whether an encoding that bytes seldom fit by chance is named where they alone say nothing."""
    return not verdict.encoding and said in ("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949")


# The larger set that contains it: files that are said to be in the smaller one have characters of the larger.
_READ_AS: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "cp936": "gb18030", "euc-cn": "gb18030", "big5": "big5hkscs",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "euc-kr": "cp949", "euc_kr": "cp949",
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "ansi": "cp1252", "ascii": "cp1252",
}  # fmt: skip


# Codecs of Python that decode to text, but to none that files are written in.
_NO_ENCODINGS: Final = frozenset(
    ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem")
)


def _is_encoding(name: str) -> bool:
    try:
        b"a".decode(name, "ignore")  # codecs that are no encodings of text, such as base64, are refused here
        return codecs.lookup(name).name.replace("-", "_") not in _NO_ENCODINGS
    except (LookupError, ValueError):
        return False


def _is_plainly_utf8(data: bytes, text: str) -> bool:
    """True if nothing about valid UTF-8 asks for a closer look; that is nearly always, and fast."""
    if len(data) <= 2048 or "\ufffd" in text or b"\x1b$" in data or b"~{" in data or b"\x00" in data:
        return False
    return len(data) - len(data.translate(None, CONTROL_BYTES)) <= len(data) * MAX_CONTROL_SHARE


def _begun(file: RawFile, head: bytes, settings: ReadingSettings) -> tuple[str, int, bool]:
    """What is known from a file's beginning: encoding or "", bytes of mark to skip, whether a setting names it."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding, len(mark), False
    named = named_encoding(file, settings)
    if named:
        return named, 0, True
    what = looks_like(head[:4096])
    if what is not None:
        raise mismatch(file, what)
    return "", 0, False


def _encoding_of_file(file: RawFile, head: bytes, stream: BinaryIO, settings: ReadingSettings) -> tuple[str, int]:
    """The encoding and how many bytes of mark to skip. Reads on from where `head` ended, and all of it once more."""
    encoding, skipped, is_named = _begun(file, head, settings)
    if not encoding:
        survey = Survey()
        block = head
        while block:
            survey.look(block)
            block = stream.read(READ_BYTES)
        encoding = _believed(file, survey.verdict())
        if encoding == "utf-8":
            return encoding, skipped  # the survey has decoded all of it
    stream.seek(skipped)
    for _ in _checked(file, iter(functools.partial(stream.read, READ_BYTES), b""), encoding, is_named):
        pass
    return encoding, skipped


def _believed(file: RawFile, verdict: Verdict) -> str:
    """The encoding, if it may be believed."""
    if verdict.binary:
        raise mismatch(file, "binary data")
    said = _said_encoding(file)
    # What a server names is often its own default, so it only decides between what the bytes allow.
    if said and not verdict.mixed and (said in (verdict.encoding, *verdict.rivals) or _is_telling(said, verdict)):
        return said
    if not verdict.encoding:
        raise _no_encoding(file)
    if verdict.mixed:
        raise _of_two(file, verdict.encoding, verdict.mixed)
    if verdict.damaged:
        raise _damaged(file, verdict.encoding)
    if verdict.rivals:
        raise UncertainDocument(
            "{path} may be in one of these encodings, each with another text: {candidates}.",
            remedy='Save it as UTF-8, or name the one it is in: reading.encodings = ["{name}={encoding}"].',
            path=file.name,
            name=_last(file),
            encoding=verdict.encoding,
            candidates=", ".join((verdict.encoding, *verdict.rivals)),
        )
    return verdict.encoding


def _checked(file: RawFile, blocks: "Iterator[bytes] | list[bytes]", encoding: str, is_named: bool) -> Iterator[str]:
    """The text of the blocks. Raises UncertainDocument where more is lost than a last character that was cut."""
    decoder = codecs.getincrementaldecoder(encoding)("replace" if is_named else "strict")
    chars = damaged = 0
    for block in blocks:
        try:
            piece = decoder.decode(block)
        except UnicodeError as error:
            raise _damaged(file, encoding) from error
        if is_named:
            chars += len(piece)
            damaged += piece.count("\ufffd")
        elif other := foreign_part(piece, encoding):
            raise _of_two(file, encoding, other)
        yield piece
    if is_named and damaged > max(1, chars * _MAX_DAMAGE):
        raise UncertainDocument(
            "{path} is not in {encoding}, which reading.encodings names for it: {n} places do not decode.",
            remedy="Correct reading.encodings, or save it as UTF-8.",
            path=file.name,
            encoding=encoding,
            n=damaged,
        )


def _decoded_stream(stream: BinaryIO, encoding: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    while data := stream.read(READ_BYTES):
        yield decoder.decode(data)


def _of_two(file: RawFile, encoding: str, other: str) -> UncertainDocument:
    return UncertainDocument(
        "{path} is mostly in {encoding}, but a part of it seems to be in {other}.",
        remedy='Save it in one encoding, or name the one it is in: reading.encodings = ["{name}={encoding}"].',
        path=file.name,
        name=_last(file),
        encoding=encoding,
        other=other,
    )


def _damaged(file: RawFile, encoding: str) -> UncertainDocument:
    return UncertainDocument(
        "{path} seems to be in {encoding}, but some of its bytes are not: it is damaged, or in another encoding.",
        remedy='Save it as UTF-8, or name its encoding: reading.encodings = ["{name}={encoding}"].',
        path=file.name,
        name=_last(file),
        encoding=encoding,
    )


def _last(file: RawFile) -> str:
    return PurePosixPath(file.name.rpartition(MEMBER)[2].replace("\\", "/")).name


def mismatch(file: RawFile, what: str) -> UnreadableDocument:
    """The error for a file whose bytes are not what its suffix says."""
    return UnreadableDocument(
        "{path} looks like {what}, but is named {suffix}.",
        remedy="Rename it to what it is, or convert it.",
        path=file.name,
        what=what,
        suffix=file.suffix or file.name,
    )


def _no_encoding(file: RawFile) -> UnreadableDocument:
    return UnreadableDocument(
        "{path} is text in no encoding that can be recognised.",
        remedy='Save it as UTF-8, or name its encoding: reading.encodings = ["{name}=gb18030"].',
        path=file.name,
        name=_last(file),
    )
