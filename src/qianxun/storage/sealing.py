"""Short texts sealed with a key (AES-256-GCM): nobody without it can read or change them. Knows no table."""

import os
from typing import Final

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


def sealed(text: str, key: bytes, of: bytes | None = None) -> bytes:
    """The text, sealed. `of` says what it is: it opens as nothing else. `key` has 32 bytes."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text.encode(), of)


def opened(data: bytes, key: bytes, of: bytes | None = None) -> str | None:
    """The text that was sealed; None for what was not, with this key and as this."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], of).decode()
    except (InvalidTag, ValueError):
        return None
