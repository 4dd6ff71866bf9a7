"""Recognises texts that are the same, say the same, or are near each other.

Knows no store: who compares what with what is decided elsewhere.
"""

import hashlib
import re
import unicodedata

_SHINGLE = 4
_IGNORED = re.compile(r"[\W_]+")
# A number with what is glued to it: LF-200A and LF-200B differ, as do 1,000 and 10,000.
_NUMBERS = re.compile(r"[a-z]*[-./]?\d[\d,.:/%\-]*[a-z%]*")


def text_hash(text: str) -> bytes:
    """16 bytes that name this text: the key of its vector."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def near_hash(text: str) -> int:
    """The 64-bit simhash of the text's letters in shingles of four, as a signed integer; 0 for no letters.

    Texts that differ in little have hashes that differ in few bits. Charikar, "Similarity estimation
    techniques from rounding algorithms" (2002). Case, width, punctuation and white space do not count.
    """
    import numpy as np

    letters = _letters(text)
    if not letters:
        return 0
    points = np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    n = max(len(points) - _SHINGLE + 1, 1)
    hashes = np.zeros(n, dtype=np.uint64)
    for i in range(min(_SHINGLE, len(points))):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + points[i : i + n]
    # splitmix64's finisher (Steele, Lea, Flood 2014): spreads each shingle over all 64 bits
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    counts = np.unpackbits(hashes.view(np.uint8).reshape(n, 8), axis=1).sum(axis=0, dtype=np.int64)
    return int.from_bytes(np.packbits(counts * 2 > n).tobytes(), "big", signed=True)


def say_the_same(a_hash: int, a_text: str, b_hash: int, b_text: str) -> bool:
    """True when the texts differ in form only: case, width, punctuation, white space.

    What is grouped under this is shown once, so it must never hide a difference: two contracts that
    differ in an amount, a decimal point, a name or a "not" do not say the same.
    """
    if a_hash != b_hash:  # the same letters have the same hash
        return False
    a, b = _folded(a_text), _folded(b_text)
    return _IGNORED.sub("", a) == _IGNORED.sub("", b) and _NUMBERS.findall(a) == _NUMBERS.findall(b)


def _folded(text: str) -> str:
    # Not `qianxun.text.fold`: the conversion to simplified characters would cost more than all the rest.
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def _letters(text: str) -> str:
    return _IGNORED.sub("", _folded(text))
