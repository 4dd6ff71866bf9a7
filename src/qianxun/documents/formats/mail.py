"""Letters: who wrote to whom when, the text once, and the attachments as files of their own."""

import email
import email.message
import email.policy
import re
from collections.abc import Iterable, Iterator
from datetime import UTC
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any, BinaryIO, Final

from qianxun.documents.clean import one_line
from qianxun.documents.decoding import decoded, guessed_encoding, looks_like, mismatch
from qianxun.documents.formats.html import blocks_of_html
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

_SHOWN: Final = ("From", "To", "Cc", "Date")
# What browsers and mail programs read for a declared name.
_READ_AS: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "big5": "big5hkscs", "iso-8859-1": "cp1252",
    "us-ascii": "utf-8", "ascii": "utf-8", "shift_jis": "cp932", "ks_c_5601-1987": "cp949", "euc-kr": "cp949",
    "unicode-1-1-utf-7": "utf-7", "default": "utf-8", "unknown-8bit": "utf-8",
}  # fmt: skip
_COMPOUND_FILE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML: Final = 0x1013  # PidTagHtml, [MS-OXPROPS]
_SENDER_NAME: Final = 0x0C1A  # PidTagSenderName
_MAX_DAMAGE: Final = 0.005
_MIN_HTML_TEXT: Final = 40  # a plain part shorter than this beside HTML says "your program cannot show this"
_BODY_START: Final = re.compile(r"\n\s*\n")
_QUOTE: Final = re.compile(r"^(?:>\s?)+")
_NAME: Final = re.compile(r"[\s/\\:*?\"<>|!]+")
_BODY: Final = re.compile(rb"\r?\n\r?\n")
_FROM_LINE: Final = re.compile(rb"From \S+.*\d{4}\s*$")
_MAX_NAME: Final = 60
_ORNAMENT_BYTES: Final = 24_000  # a picture of a page of text is larger
_SUFFIX_OF: Final = {
    "text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "application/pdf": ".pdf",
    "application/msword": ".doc", "application/zip": ".zip", "message/rfc822": ".eml", "application/json": ".json",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
}  # fmt: skip


class MailLoader:
    """Reads `.eml`."""

    suffixes = (".eml",)
    holds_files = True

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The letter as one document, then its attachments."""
        message = email.message_from_bytes(file.read(), policy=email.policy.compat32)
        if not message.keys() or not any(name in message for name in ("From", "To", "Subject", "Date", "Received")):
            raise UnreadableDocument(
                "{path} is no mail: it has no sender, subject or date.",
                remedy="Save the letter again as .eml.",
                path=file.name,
            )
        subject = _header(message, "Subject")
        text, attached = _parts(message, file, settings)
        yield RawDocument(file.name, subject or file.stem, "eml", _blocks(message, subject, text))
        yield from attached


class MailboxLoader:
    """Reads `.mbox`: every letter in it is a file of its own."""

    suffixes = (".mbox",)
    holds_files = True

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The letters, in the order of the mailbox, named by date and subject."""
        with file.open() as stream:
            for data in _letters(stream):
                header = email.message_from_bytes(_BODY.split(data, 1)[0], policy=email.policy.compat32)
                when = _date(header)
                subject = _header(header, "Subject") or "letter"
                name = _NAME.sub(" ", f"{when[:10]} {subject}").strip()[:_MAX_NAME].strip()
                yield file.member(f"{name}.eml", data)


class OutlookLoader:
    """Reads `.msg`, as Outlook saves a letter."""

    suffixes = (".msg",)
    holds_files = True

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The letter as one document, then its attachments; a letter attached to it is left out."""
        from oxmsg import Message

        if not file.head().startswith(_COMPOUND_FILE):
            raise mismatch(file, looks_like(file.head()) or "something else than a letter of Outlook")
        try:
            with file.open() as stream:
                message = Message.load(stream)
            subject = one_line(message.subject or "")
            text = _outlook_text(message)
            lines = list(_outlook_lines(message))
            attached = [(one_line(a.file_name or ""), a.file_bytes) for a in message.attachments if a.attached_by_value]
        except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError, AssertionError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise UnreadableDocument(
                "{path} is not a readable letter of Outlook ({error}).",
                remedy="Save the letter again, or as .eml.",
                path=file.name,
                error=" ".join(str(error).split()).rstrip(". ")[:160] or type(error).__name__,
            ) from error
        yield RawDocument(file.name, subject or file.stem, "msg", _letter(subject, lines, text))
        for name, data in attached:
            if data:
                yield file.member(_NAME.sub(" ", name).strip() or "attachment", data)


def _outlook_lines(message: Any) -> Iterator[str]:
    sender = message.sender or message.properties.str_prop_value(_SENDER_NAME)
    if sender:
        yield f"From: {one_line(sender)}"
    people = [f"{r.name} <{r.email_address}>" if r.name != r.email_address else r.name for r in message.recipients]
    if people:
        yield f"To: {one_line(', '.join(people))}"
    if message.sent_date is not None:
        yield f"Date: {message.sent_date:%Y-%m-%d %H:%M}"


def _outlook_text(message: Any) -> list[Block]:
    plain = _paragraphs(message.body or "")
    if sum(len(block.text) for block in plain) >= _MIN_HTML_TEXT:
        return plain
    data = message.properties.binary_prop_value(_HTML)
    if not data:
        return plain
    try:
        source = data.decode("utf-8")
    except UnicodeDecodeError:
        source = _of_charset(data, message.properties.body_encoding)
    return list(blocks_of_html(source)) or plain


def _letters(stream: BinaryIO) -> Iterator[bytes]:
    """The letters of a mailbox (mboxrd): each begins with a line `From …` after a blank one."""
    lines: list[bytes] = []
    blank = True
    for line in stream:
        if blank and line.startswith(b"From ") and _FROM_LINE.match(line):
            if lines:
                yield b"".join(lines)
            lines = []
        else:
            lines.append(line[1:] if line.startswith(b">") and line.lstrip(b">").startswith(b"From ") else line)
        blank = not line.strip()
    if any(line.strip() for line in lines):
        yield b"".join(lines)


def _blocks(message: "email.message.Message", subject: str, text: list[Block]) -> Iterator[Block]:
    return _letter(subject, [f"{name}: {value}" for name in _SHOWN if (value := _shown(message, name))], text)


def _letter(subject: str, lines: list[str], text: list[Block]) -> Iterator[Block]:
    if subject:
        yield Block("heading", subject, level=1)
    if lines:
        yield Block("list", "\n".join(lines))
    yield from text


def _shown(message: "email.message.Message", name: str) -> str:
    if name == "Date":
        return _date(message) or _header(message, name)
    if name in ("From", "To", "Cc"):
        people = getaddresses([_header(message, name)])
        return ", ".join(f"{who} <{address}>" if who and address else who or address for who, address in people)
    return _header(message, name)


def _date(message: "email.message.Message") -> str:
    try:
        when = parsedate_to_datetime(_header(message, "Date"))
    except (TypeError, ValueError, IndexError, OverflowError):
        return ""
    # As the sender's clock showed it; without a zone it is what was written.
    return when.strftime("%Y-%m-%d %H:%M") + ("" if when.tzinfo is None or when.tzinfo is UTC else when.strftime(" %z"))


def _header(message: "email.message.Message", name: str) -> str:
    """A header in words: encoded words decoded, and bare bytes judged like any text."""
    value = message.get(name)
    if value is None:
        return ""
    pieces = []
    for piece, charset in _decoded_words(value):
        if isinstance(piece, str):
            pieces.append(_of_raw(piece))
        elif charset in (None, "unknown-8bit"):
            pieces.append(_guessed(piece))
        else:
            pieces.append(_of_charset(piece, str(charset)))
    return one_line("".join(pieces))


def _decoded_words(value: Any) -> list[tuple[Any, Any]]:
    try:
        return decode_header(value)
    except HeaderParseError:  # an encoded word that is cut: better as it stands than not at all
        return [(str(value), None)]


def _of_raw(text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    return text if data.isascii() else _guessed(data)


def _guessed(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(guessed_encoding(data) or "gb18030", "replace")


def _of_charset(data: bytes, charset: str) -> str:
    """A few bytes in the encoding that is declared, unless they are none of it."""
    text = _declared(data, charset)
    return text if text is not None else _guessed(data)


def _declared(data: bytes, charset: str) -> str | None:
    """Bytes in the encoding that is declared; None if they are none of it."""
    name = charset.lower()
    try:
        text = data.decode(_READ_AS.get(name, name), "replace")
    except LookupError:
        return None
    return text if text.count("\ufffd") <= len(text) * _MAX_DAMAGE else None


def _parts(
    message: "email.message.Message", file: RawFile, settings: ReadingSettings
) -> tuple[list[Block], list[RawFile]]:
    """The blocks of the letter's text, and the files attached to it."""
    plain: list[str] = []
    html: list[str] = []
    attached: list[RawFile] = []

    def collect(part: "email.message.Message") -> None:
        kind = part.get_content_type()
        name = _file_name(part)
        if kind == "message/rfc822" or (kind == "application/octet-stream" and name.lower().endswith(".eml")):
            inner: Any = part.get_payload()
            whole = inner[0] if isinstance(inner, list) and inner else None
            data = whole.as_bytes() if whole is not None else part.get_payload(decode=True)
            subject = _header(whole, "Subject") if whole is not None else ""
            label = _NAME.sub(" ", name or f"{subject or 'letter'}.eml").strip()
            if isinstance(data, bytes):
                attached.append(file.member(label, data))
            return
        if part.is_multipart():
            children: Any = part.get_payload()
            for child in children if isinstance(children, list) else []:
                collect(child)
            return
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes):
            return
        if kind in ("text/plain", "text/html") and not name and part.get_content_disposition() != "attachment":
            text = _text_of(part, data, file, settings)
            (plain if kind == "text/plain" else html).append(text)
        elif data and not _is_ornament(part, kind, data):
            label = name or f"attachment{_SUFFIX_OF.get(kind, '')}"
            attached.append(file.member(_NAME.sub(" ", label).strip(), data))

    collect(message)
    text = "\n\n".join(plain)
    if html and len("".join(text.split())) < _MIN_HTML_TEXT:
        from_html = [block for source in html for block in blocks_of_html(source)]
        if sum(len(block.text) for block in from_html) > len(text):
            return from_html, attached
    return _paragraphs(text), attached


def _is_ornament(part: "email.message.Message", kind: str, data: bytes) -> bool:
    """Whether a part is a small picture shown within the text: a logo, a signature's icon."""
    is_shown = part.get("Content-ID") is not None and part.get_content_disposition() != "attachment"
    return kind.startswith("image/") and is_shown and len(data) <= _ORNAMENT_BYTES


def _text_of(part: "email.message.Message", data: bytes, file: RawFile, settings: ReadingSettings) -> str:
    """The text of a part. Raises UncertainDocument where it is not what it is declared, nor surely anything else."""
    if not data.strip():
        return ""
    charset = part.get_content_charset()
    text = _declared(data, charset) if charset else None
    return text if text is not None else decoded(RawFile(file.name, ".txt", len(data)), data, settings)


def _file_name(part: "email.message.Message") -> str:
    """The name of an attachment, also where programs write it against the standard."""
    name = part.get_filename()
    if not name:
        return ""
    if "=?" in name:
        name = "".join(
            piece if isinstance(piece, str) else _of_charset(piece, charset) if charset else _guessed(piece)
            for piece, charset in _decoded_words(name)
        )
    return one_line(_of_raw(name))


def _paragraphs(text: str) -> list[Block]:
    """A letter's paragraphs; what it quotes of another stays, without the marks at the lines' beginnings."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    unquoted = "\n".join(_QUOTE.sub("", line) for line in text.split("\n"))
    return [Block("paragraph", piece) for piece in _BODY_START.split(unquoted) if piece.strip()]
