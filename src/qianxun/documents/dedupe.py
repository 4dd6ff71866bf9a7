"""Recognises texts that say the same: exactly (a hash) and nearly (a simhash and a careful comparison).

Knows no store: who compares what with what is decided elsewhere.
"""

import hashlib
import re
import unicodedata
from collections import Counter

MAX_DISTANCE = 8  # of 64 bits; measured on edits of 2 % of the characters, see tests/test_dedupe.py

_SHINGLE = 4
_IGNORED = re.compile(r"[\W_]+")
# A number with what is glued to it: LF-200A and LF-200B differ, as do 1,000 and 10,000.
_NUMBERS = re.compile(
    r"[a-z]*[-./]?\d[\d,.:/%\-]*[a-z%]*"
    r"|[〇零一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟萬億兩貳參陸]+"
)
_NEGATIONS = re.compile(
    r"[不无未非否没勿莫毋免禁除無沒]|\b(?:not?|never|none|nor|neither|without|except|unless|cannot|un[a-z]{4,})\b|n't\b"
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
    """True when the texts differ in form only, or in a few letters that carry no number and no negation.

    Two contracts that differ in an amount, a date, a model number or a "not" are never the same.
    """
    if ((a_hash ^ b_hash) & 0xFFFFFFFFFFFFFFFF).bit_count() > MAX_DISTANCE:
        return False
    a_folded, b_folded = _folded(a_text), _folded(b_text)
    if _NUMBERS.findall(a_folded) != _NUMBERS.findall(b_folded):
        return False
    a, b = _IGNORED.sub("", a_folded), _IGNORED.sub("", b_folded)
    if a == b:
        return True
    longest = max(len(a), len(b))
    if abs(len(a) - len(b)) > longest * 0.05 or _NEGATIONS.findall(a_folded) != _NEGATIONS.findall(b_folded):
        return False
    ours, theirs = Counter(a), Counter(b)
    return (ours - theirs).total() + (theirs - ours).total() <= longest * 0.05


def _folded(text: str) -> str:
    # Not `qianxun.text.fold`: the conversion to simplified characters would cost more than all the rest.
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


def _letters(text: str) -> str:
    return _IGNORED.sub("", _folded(text))
