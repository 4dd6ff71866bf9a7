"""Names of folders in IMAP: modified UTF-7 (RFC 3501, section 5.1.3) to text and back, and quoting. Pure."""

import base64
import binascii
import re
from typing import Final

_ENCODED: Final = re.compile(r"&([^-]*)-")
_NOT_PLAIN: Final = re.compile(r"[^ -~]+|&")


def decoded(name: bytes) -> str:
    """The name in text: `&U,BTFw-` is `台北`. One that is not well formed stays as it is, as UTF-8 or Latin-1."""
    try:
        text = name.decode("ascii")
    except UnicodeDecodeError:  # against the standard, but it is seen
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            return name.decode("latin-1")
    try:
        return _ENCODED.sub(lambda found: _text_of(found[1]), text)
    except (binascii.Error, UnicodeDecodeError):
        return text


def encoded(text: str) -> bytes:
    """A name as the protocol has it, in printable ASCII. Raises UnicodeEncodeError for half a character."""
    return _NOT_PLAIN.sub(lambda found: _code_of(found[0]), text).encode("ascii")


def quoted_name(name: bytes) -> bytes:
    """A name as an argument of a command. Raises ValueError for one with a line break or a NUL."""
    if re.search(rb"[\r\n\0]", name):
        raise ValueError(name)
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _text_of(code: str) -> str:
    if not code:
        return "&"
    padded = code.replace(",", "/") + "=" * (-len(code) % 4)
    return base64.b64decode(padded, validate=True).decode("utf-16-be")


def _code_of(text: str) -> str:
    if text == "&":
        return "&-"
    code = base64.b64encode(text.encode("utf-16-be")).decode("ascii")
    return f"&{code.rstrip('=').replace('/', ',')}-"
