"""How many tokens a text is, about: the measure of `splitting.max_tokens`. Knows no encoder."""

import re
from typing import Final

from qianxun.text import CJK

TOKENS_PER_WORD: Final = 1.3
LEAST_PER_CHAR: Final = 1 / 8  # rules of dashes are not free
_WORD_CHARS: Final = 12

# With the symbols and minority scripts of East Asia, whose bytes begin alike.
_EAST_ASIAN = re.compile(f"[{CJK}\u3100-\u33ff\u4dc0-\u4dff\ua000-\uabff\ud7b0-\ud7ff\ud800-\udfff]+")
_WORDS = re.compile(rf"[^\W_]{{1,{_WORD_CHARS}}}")

# In UTF-8: first bytes of U+3000 to U+D7FF, those of letters that only a pattern tells from signs, and the letters and
# numerals among signs: ², ①, 々, full-width and half-width forms, compatibility ideographs.
_EAST_ASIAN_BYTES: Final = bytes(range(0xE3, 0xEE))
_OTHER_BYTES: Final = bytes((*range(0xC2, 0xE2), *range(0xF0, 0xF5)))
_NO_FIRST_BYTES: Final = bytes(b for b in range(256) if b not in _EAST_ASIAN_BYTES + _OTHER_BYTES)
_OTHER_AMONG_SIGNS = re.compile(
    rb"\xe2[\x81-\xbf]|\xe3\x80[\x85-\x87\xa1-\xa9\xb1-\xb5\xb8-\xbc]"
    rb"|\xef(?:[\xa4-\xbb\xbe\xbf]|\xbc[\x90-\x99\xa1-\xba]|\xbd[\x81-\x9a\xa6-\xbf])"
)
_TO_SPACES: Final = bytes(b if b < 128 and chr(b).isalnum() else 32 for b in range(256))


def tokens(text: str) -> float:
    """About how many tokens an encoder makes of a text.

    A CJK character is one, a word of another script 1.3 (a word longer than 12 characters counts as
    several), and never less than one per 8 characters. Never less for a longer text that begins the same.
    """
    # Bytes are counted where that says it all: three times as fast as patterns, and this is asked of every block.
    encoded = text.encode("utf-8", "surrogatepass")
    n_east_asian = 0
    if len(encoded) != len(text):
        first_bytes = encoded.translate(None, _NO_FIRST_BYTES)
        if first_bytes.translate(None, _EAST_ASIAN_BYTES) or _OTHER_AMONG_SIGNS.search(encoded):
            return tokens_by_patterns(text)
        n_east_asian = len(first_bytes) - encoded.count(b"\xe3\x80")  # U+3000 to U+303F: signs
    words = encoded.translate(_TO_SPACES).split()
    n_words = len(words)
    if words and len(max(words, key=len)) > _WORD_CHARS:
        n_words = sum(-(-len(word) // _WORD_CHARS) for word in words)
    return max(n_east_asian + TOKENS_PER_WORD * n_words, len(text) * LEAST_PER_CHAR)


def tokens_by_patterns(text: str) -> float:
    """The same for texts of every script: the definition, and slower."""
    rest, n_runs = _EAST_ASIAN.subn(" ", text)
    n_east_asian = len(text) - len(rest) + n_runs
    return max(n_east_asian + TOKENS_PER_WORD * len(_WORDS.findall(rest)), len(text) * LEAST_PER_CHAR)
