"""The chain of the audit: what a row's hash is made of, and how it is signed. Pure; knows no file.

A row's hash is SHA-256 of the hash before it, its number, its time and its body. Number and time are eight bytes each,
so that no byte can move from one part to another. A signature is the key's own mark (four bytes of a hash of it, to
tell which of several keys made it) and HMAC-SHA256 of the row's hash: who can write the file, but has not the key, can
make another chain, but not one that is signed.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

GENESIS: Final = bytes(32)  # stands before the first row
_MARK_BYTES: Final = 4


def body_of(fields: Mapping[str, Any]) -> str:
    """The fields as canonical JSON: keys sorted, no white space, ASCII only; what is empty is left out."""
    full = {key: value for key, value in fields.items() if value not in ("", None, 0, False, (), [], {})}
    return json.dumps(full, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def hash_of(previous: bytes, seq: int, at: int, body: bytes) -> bytes:
    """The hash (32 bytes) of a row after one whose hash is `previous`; `at` in microseconds since 1970."""
    numbers = seq.to_bytes(8, "big", signed=True) + at.to_bytes(8, "big", signed=True)
    return hashlib.sha256(previous + numbers + body).digest()


def sign(key: bytes, hash: bytes) -> bytes:
    """The signature of a row's hash."""
    return _mark(key) + hmac.new(key, hash, hashlib.sha256).digest()


def is_signed(keys: Sequence[bytes], hash: bytes, signature: bytes) -> bool:
    """Whether one of the keys made this signature of the hash."""
    return any(hmac.compare_digest(sign(key, hash), signature) for key in keys if signature.startswith(_mark(key)))


def _mark(key: bytes) -> bytes:
    return hashlib.sha256(b"qianxun audit key\0" + key).digest()[:_MARK_BYTES]
