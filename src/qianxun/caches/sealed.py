"""A cache whose values nobody can read without a secret that lies elsewhere: for a model's words in a shared one.

Values are sealed with AES-256-GCM (NIST SP 800-38D), names are keyed hashes, both by keys derived from the secret
(HMAC-SHA-256). When the secret is destroyed, everything that was sealed with it is noise, wherever copies of it lie.
Knows nothing of what it keeps.
"""

import hmac
import os
from collections.abc import Mapping, Sequence
from typing import Final

from qianxun.protocols import Cache

_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
OVERHEAD_BYTES: Final = _NONCE_BYTES + _TAG_BYTES


class SealedCache:
    """A cache around another one. Satisfies `Cache`."""

    def __init__(self, cache: Cache, secret: bytes) -> None:
        self._cache = cache
        self._names = _derived(secret, b"names")
        self._values = _derived(secret, b"values")
        self.name = cache.name

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys; None for one that is not there, or was sealed with another secret."""
        names = [self._name(key) for key in keys]
        return [
            None if found is None else _opened(self._values, name, found)
            for name, found in zip(names, self._cache.get(names), strict=True)
        ]

    def set(self, items: Mapping[bytes, bytes], *, seconds: int | None = None) -> None:
        """Keeps values, for so many seconds (None: until there is no room)."""
        names = {self._name(key): value for key, value in items.items()}
        self._cache.set({name: _sealed(self._values, name, value) for name, value in names.items()}, seconds=seconds)

    def clear(self) -> None:
        """Forgets everything."""
        self._cache.clear()

    def close(self) -> None:
        """Lets go of connections."""
        self._cache.close()

    def _name(self, key: bytes) -> bytes:
        return hmac.digest(self._names, key, "sha256")


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, purpose, "sha256")


def _sealed(key: bytes, name: bytes, value: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE_BYTES)
    # The name is sealed along: a value cannot be put under another one.
    return nonce + AESGCM(key).encrypt(nonce, value, name)


def _opened(key: bytes, name: bytes, sealed: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(sealed) < OVERHEAD_BYTES:
        return None
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name)
    except InvalidTag:
        return None
