"""Recognises texts that are the same, say the same, or are near each other.

Knows no store: who compares what with what is decided elsewhere.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a parsing process imports numpy with its first text
    import numpy as np
    from numpy.typing import NDArray

_SHINGLE = 4
_LONG_SHINGLE = 8
_SAMPLED = 8
# Texts of a few hundred characters with a tenth of them changed differ in fewer bits than so many of 64.
_NEAR_BITS = 16
NEAR = 0.9
_IGNORED = re.compile(r"[\W_]+")
# A number with what is glued to it: LF-200A and LF-200B differ, as do 1,000 and 10,000.
_NUMBERS = re.compile(r"[a-z]*[-./]?\d[\d,.:/%\-]*[a-z%]*")

_NEGATIONS = re.compile(
    r"[不没沒未非无無勿莫别別]|\b(?:not|no|never|neither|nor|none|without|cannot|except)\b|n['’]t\b"
)


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
    hashes = _spread(_rolled(letters, _SHINGLE))
    n = len(hashes)
    counts = np.unpackbits(hashes.view(np.uint8).reshape(n, 8), axis=1).sum(axis=0, dtype=np.int64)
    return int.from_bytes(np.packbits(counts * 2 > n).tobytes(), "big", signed=True)


def likeness(text: str, other: str) -> float:
    """The share of the first text's shingles that are in the other too, in [0, 1]: how much of it the other says.

    Shingles are of eight letters, counted as often as they occur; case, width, punctuation and white space do not
    count.
    """
    own, others = _shingles(text), _shingles(other)
    total = sum(own.values())
    return sum((own & others).values()) / total if total else 0.0


def sampled_shingles(text: str) -> "NDArray[np.uint64]":
    """Hashes of about one in eight of the text's different shingles of eight letters, the same ones in every text.

    A modulo sketch: two texts share about as large a part of their samples as of their shingles. Broder, "On the
    resemblance and containment of documents" (1997). Sorted; empty for a text of fewer letters.
    """
    import numpy as np

    letters = _letters(text)
    if len(letters) < _LONG_SHINGLE:
        return np.empty(0, dtype=np.uint64)
    hashes = np.unique(_spread(_rolled(letters, _LONG_SHINGLE)))
    sample: NDArray[np.uint64] = hashes[hashes % np.uint64(_SAMPLED) == 0]
    return sample


def _shingles(text: str) -> Counter[str]:
    letters = _letters(text)
    if not letters:
        return Counter()
    return Counter(letters[i : i + _LONG_SHINGLE] for i in range(max(len(letters) - _LONG_SHINGLE + 1, 1)))


def _rolled(letters: str, length: int) -> "NDArray[np.uint64]":
    """A number for every run of so many letters, or for all of a shorter text."""
    import numpy as np

    points = np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    n = max(len(points) - length + 1, 1)
    hashes = np.zeros(n, dtype=np.uint64)
    for i in range(min(length, len(points))):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + points[i : i + n]
    return hashes


def _spread(hashes: "NDArray[np.uint64]") -> "NDArray[np.uint64]":
    """Each number spread over all 64 bits, in place: splitmix64's finisher (Steele, Lea, Flood 2014)."""
    import numpy as np

    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes


def say_the_same(a_hash: int, a_text: str, b_hash: int, b_text: str) -> bool:
    """True when the texts differ in form only: case, width, punctuation, white space.

    What is grouped under this is shown once, so it must never hide a difference: two contracts that
    differ in an amount, a decimal point, a name or a "not" do not say the same.
    """
    if a_hash != b_hash:  # the same letters have the same hash
        return False
    a, b = _folded(a_text), _folded(b_text)
    return _IGNORED.sub("", a) == _IGNORED.sub("", b) and _NUMBERS.findall(a) == _NUMBERS.findall(b)


def say_nearly_the_same(a_hash: int, a_text: str, b_hash: int, b_text: str) -> bool:
    """True when nine tenths of each text are in the other, with the same numbers and as many negations.

    For showing one of them and naming the other: a version with another amount, or a "not" more, is not near.
    """
    if not a_hash or not b_hash or ((a_hash ^ b_hash) & (2**64 - 1)).bit_count() > _NEAR_BITS:
        return False
    a, b = _folded(a_text), _folded(b_text)
    if Counter(_NUMBERS.findall(a)) != Counter(_NUMBERS.findall(b)):
        return False
    if len(_NEGATIONS.findall(a)) != len(_NEGATIONS.findall(b)):
        return False
    return likeness(a_text, b_text) >= NEAR and likeness(b_text, a_text) >= NEAR


def _folded(text: str) -> str:
    # Not `qianxun.text.fold`: the conversion to simplified characters would cost more than all the rest.
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def _letters(text: str) -> str:
    return _IGNORED.sub("", _folded(text))
