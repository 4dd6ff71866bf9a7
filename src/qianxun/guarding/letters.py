"""What is compared when words are looked for: letters in one form, each with its place in the text. Knows no word.

A character is a letter (or digit), a symbol, a space, or nothing that can be seen. Letters come in one form: full and
half width, upper and lower case, with and without accents, 繁體 and 简体 are the same. That is done character by
character, not phrase by phrase as `qianxun.text.fold` does it: so every letter knows where it stands, and the
characters that somebody put between two others cannot change what these are.
"""

import functools
import re
import unicodedata
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from qianxun.text import CJK, fold
from qianxun.text.scripts import UNSPACED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places: TypeAlias = NDArray[np.int64]


class Kind(IntEnum):
    """What a character is to somebody who reads."""

    LETTER = 0
    SYMBOL = 1  # a sign that may stand inside a word: - * _ · / and pictures
    STOP = 2  # a sign that ends a sentence or a part of one, quotes or encloses
    SPACE = 3
    LINE_END = 4
    UNSEEN = 5


# One character of each pair is written for the other; `fold` knows them only within phrases, or not at all.
_VARIANTS: Final = dict(zip("衞著瞭敍藉颚簷痺枱睪覆", "卫着了叙借腭檐痹台睾复", strict=True))
# With Bopomofo.
_WITHOUT_SPACES: Final = re.compile(f"[{CJK}{UNSPACED}\u3105-\u312f\u31a0-\u31bf]")
_LINE_ENDS: Final = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_STOPS: Final = frozenset(".,;:!?…‥—―、。，；：！？．｡､")
_STOP_CATEGORIES: Final = frozenset({"Ps", "Pe", "Pi", "Pf"})
_QUOTES: Final = frozenset("\"'＂＇")
# Besides controls and format characters: fillers, selectors of variants, the empty Braille cell.
_UNSEEN: Final = frozenset(
    [*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)), *map(chr, range(0x180B, 0x1810))]
) | frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Accents, and what is drawn around a letter. Marks of other scripts are letters: without them words are others.
_ACCENTS: Final = frozenset(
    map(chr, [*range(0x300, 0x370), *range(0x1AB0, 0x1B00), *range(0x1DC0, 0x1E00), *range(0x20D0, 0x2100)])
)


@functools.lru_cache(maxsize=65_536)
def kind(character: str) -> Kind:
    """What this character is."""
    category = unicodedata.category(character)
    if character in _LINE_ENDS:
        return Kind.LINE_END
    if character.isspace():
        return Kind.SPACE
    if category in ("Cc", "Cf", "Cs") or character in _UNSEEN or character in _ACCENTS:
        return Kind.UNSEEN
    if category[0] in "LNM":
        return Kind.LETTER
    if character in _STOPS or category in _STOP_CATEGORIES or character in _QUOTES:
        return Kind.STOP
    return Kind.SYMBOL


@functools.lru_cache(maxsize=65_536)
def one_form(character: str) -> str:
    """The letters and symbols that a character stands for in the form that is compared: ＡＢ → ab, é → e, ㎏ → kg.

    Mostly one; none for spaces and for what is not seen.
    """
    if kind(character) in (Kind.SPACE, Kind.LINE_END, Kind.UNSEEN):
        return ""
    apart = unicodedata.normalize("NFKD", fold(character).casefold())
    seen = unicodedata.normalize("NFC", "".join(c for c in apart if c not in _ACCENTS and not c.isspace()))
    return "".join(_VARIANTS.get(c, c) for c in seen)


def letters_of(character: str, *, symbols: bool = False) -> str:
    """The letters that a character stands for, with `symbols` its symbols and stops too."""
    return "".join(c for c in one_form(character) if symbols or kind(c) == Kind.LETTER)


@functools.lru_cache(maxsize=65_536)
def is_spaced(letter: str) -> bool:
    """True for a letter of a script that puts spaces between words: there a word has two ends."""
    return letter.isalpha() and _WITHOUT_SPACES.match(letter) is None


def continues(character: str) -> bool:
    """True for a sign that belongs to the letter before it: a mark, or a later part of a Hangul syllable."""
    return unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff"


class Letters(NamedTuple):
    """The letters of a text, (n,) characters, and for each the index of the character that it came from, (n,) int64."""

    text: str
    places: "Places"


def letters(text: str, *, symbols: bool = False) -> Letters:
    """The letters of a text, with `symbols` its symbols and stops too. Linear in the length, some 10 ns a character."""
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    table = _table()
    known = table[codes]
    if not known.all():
        for code in np.unique(codes[known == 0]).tolist():
            table[code] = _entry(chr(code))
        known = table[codes]
    kept = (known < _SEVERAL) if symbols else (known < _SYMBOL)
    several = np.flatnonzero((known & _SEVERAL) != 0)
    if not len(several):
        places = np.flatnonzero(kept)
        return Letters(_decoded(known[places] & _CODE), places)
    counts = kept.astype(np.int64)
    written = [letters_of(text[place], symbols=symbols) for place in several.tolist()]
    counts[several] = [len(each) for each in written]
    places = np.repeat(np.arange(len(codes)), counts)
    found = known[places] & _CODE
    is_several = np.zeros(len(codes), dtype=bool)
    is_several[several] = True
    found[is_several[places]] = [ord(letter) for each in written for letter in each]
    return Letters(_decoded(found), places)


def _decoded(codes: "NDArray[np.uint32]") -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")


# An entry of the table: 0 not looked at yet; else the code of the one letter that a character stands for, or of the
# one symbol with a flag; or a flag alone for characters that stand for several, or for none.
_CODE: Final = (1 << 21) - 1
_SYMBOL: Final = 1 << 24
_SEVERAL: Final = 1 << 25
_NOTHING: Final = 1 << 26


@functools.cache
def _table() -> "NDArray[np.uint32]":
    """4 MB, of which only the pages of scripts in use are ever touched."""
    import numpy as np

    return np.zeros(0x110000, dtype=np.uint32)


def _entry(character: str) -> int:
    form = one_form(character)
    if len(form) > 1:
        return _SEVERAL
    if not form:
        return _NOTHING
    return ord(form) | (0 if kind(form) == Kind.LETTER else _SYMBOL)
