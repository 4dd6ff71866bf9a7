"""How well a text reads: the log-probability of its characters in a writing, and of how they stand side by side.

Each writing gives each character a probability by its rank; what has none is rare by its kind. Natural logarithms
("nats") throughout. Characters are taken as independent, so differences are evidence, no true probabilities.
"""

import functools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from qianxun.documents.encodings import letters

REPLACED: Final = "\ufffd"
# A byte that decodes to nothing costs this much: real text has none.
REPLACED_COST: Final = -16.0
_CUT_COST: Final = -6.0  # the last character is cut: a piece or a file may end so, most do not

_OWN: Final = math.log(0.5)  # half of the mass is for ASCII, half for the writing's own characters
_ASCII: Final = (
    ("abcdefghijklmnopqrstuvwxyz", -3.6),
    (" \n", -2.0),
    ("0123456789", -4.0),
    ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", -5.0),
    (".,:-/()'\"_=\t\r", -4.5),
    ("<>&;#*+!?%$@", -5.5),
    ("[]{}|\\^`~", -6.5),
    ("\x0c\x1b", -10.0),
)
_CONTROL: Final = -15.0
# By kind of character, for those that the writing does not list: (first, last, nats).
_RARE: Final = (
    (0x80, 0x9F, _CONTROL),
    (0xA0, 0x24F, -12.0),
    (0x250, 0x2FF, -13.5),
    (0x300, 0x36F, -13.5),
    (0x370, 0x52F, -12.5),
    (0x530, 0x1DFF, -14.0),
    (0x1E00, 0x1EFF, -12.5),
    (0x1F00, 0x1FFF, -14.0),
    (0x2000, 0x22FF, -11.5),
    (0x2300, 0x24FF, -12.5),
    (0x2500, 0x25FF, -12.0),
    (0x2600, 0x27BF, -13.0),
    (0x2E80, 0x2FFF, -14.5),
    (0x3000, 0x303F, -11.5),
    (0x3040, 0x30FF, -12.5),
    (0x3100, 0x33FF, -13.0),
    (0x3400, 0x4DBF, -15.0),
    (0x4E00, 0x9FFF, -14.0),
    (0xAC00, 0xD7A3, -13.5),
    (0xE000, 0xF8FF, -16.0),
    (0xF900, 0xFAFF, -15.0),
    (0xFF00, 0xFF5E, -11.5),
    (0xFF5F, 0xFFEF, -13.0),
    (0x1F000, 0x1FAFF, -13.0),
    (0x20000, 0x323AF, -15.5),
)


@dataclass(frozen=True, slots=True)
class Writing:
    """Characters of one writing with their log-probabilities. `own` are its letters; `floor` is usual for its texts.

    `floor` is what a character beyond ASCII costs on average in a text that is barely of this writing.
    """

    name: str
    own: str
    floor: float
    likelihoods: Mapping[str, float] = field(repr=False)


@dataclass(slots=True)
class Evidence:
    """What a piece of text says for each of some writings, in nats, and its number of characters beyond ASCII."""

    by_writing: dict[str, float]
    beyond_by_writing: dict[str, float]
    n_beyond: int
    n_replaced: int


def evidence(text: str, writings: tuple[Writing, ...]) -> Evidence:
    """How likely this text is in each of these writings. Its last character may be `REPLACED`: cut, not damaged."""
    is_cut = text.endswith(REPLACED)
    text = text[:-1] if is_cut else text
    counts = Counter(text)
    ascii_cost = sum(n * _ascii_cost(c) for c, n in counts.items() if c < "\x80")
    beyond = [(c, n) for c, n in counts.items() if c >= "\x80" and c != REPLACED]
    n_replaced = counts.get(REPLACED, 0)
    by_writing, beyond_by = {}, {}
    beside_latin = beside_cjk = None
    for writing in writings:
        known = writing.likelihoods
        of_beyond = sum(n * (known.get(c) or rare_cost(c)) for c, n in beyond)
        if writing.own:
            beside_latin = _beside_letters(text) if beside_latin is None else beside_latin
            beside = beside_latin + _density_cost(counts, writing)
        else:
            beside_cjk = _beside_han(text) if beside_cjk is None else beside_cjk
            beside = beside_cjk
        beyond_by[writing.name] = of_beyond + beside
        by_writing[writing.name] = ascii_cost + of_beyond + beside + n_replaced * REPLACED_COST + is_cut * _CUT_COST
    return Evidence(by_writing, beyond_by, sum(n for _, n in beyond) + n_replaced, n_replaced)


@functools.cache
def _ascii_cost(char: str) -> float:
    for characters, cost in _ASCII:
        if char in characters:
            return cost + _OWN
    return _CONTROL


@functools.cache
def rare_cost(char: str) -> float:
    """The log-probability of a character that a writing does not list."""
    code = ord(char)
    if unicodedata.category(char) in ("Cn", "Cs"):
        return _CONTROL - 2
    for first, last, cost in _RARE:
        if first <= code <= last:
            return cost
    return _CONTROL


_LETTER: Final = r"[^\W\d_]"
# A capital within a word, a sign within a word, two alphabets in a word, accents side by side.
_CAPITAL_INSIDE: Final = re.compile(
    "(?<=[a-zß-öø-ÿа-џґα-ώāăąćčďđēėęěğīıķļľłńņňőœŕřśşšťūůűųźżžșț])"
    "(?:[À-ÖØ-ÞŸĀĂĄĆČĎĐĒĖĘĚĞĪĶĻĽŁŃŅŇŐŒŔŘŚŞŠŤŪŮŰŲŹŻŽȘȚЀ-ЯҐΑ-ΫΆ-Ώ]|(?<=[^\x00-\x7f])[A-Z])"
)
_SIGN_INSIDE: Final = re.compile(
    rf"(?<={_LETTER})[^\w\s\x00-\x7f’‘·´\u00ad\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0e31-\u0e4e\u200b-\u200f–—…]"
    rf"(?={_LETTER})"
)
_OPENS_INSIDE: Final = re.compile(
    rf"(?<={_LETTER})[„“«¿¡‹](?={_LETTER})|(?<=[a-z])[²³¹¼½¾](?=[a-z])|(?<=[a-zA-Z])[ªº](?=[a-z])"
)
_MIXED: Final = re.compile("[A-Za-zÀ-ɏ](?=[Ͱ-ӿא-ۿ฀-๿])|[Ͱ-ӿא-ۿ฀-๿](?=[A-Za-zÀ-ɏ])|[Ͱ-Ͽ](?=[Ѐ-ӿ])|[Ѐ-ӿ](?=[Ͱ-Ͽ])")
_ACCENTS: Final = re.compile("[À-ÖØ-öø-ɏ](?=[À-ÖØ-öø-ɏ])")
# Quotes that close where a word begins, a paragraph sign within a line.
_CLOSES_FIRST: Final = re.compile(rf"(?:(?<=\s)|^)[’¶](?={_LETTER})")
_FINAL_FORMS: Final = re.compile("[םןץףךςىة](?=[א-תα-ωا-ي])")
_LONE_MARK: Final = re.compile("(?<![A-Za-zÀ-ɏ])[\u0300-\u036f]|(?<![\u0e00-\u0e7f])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]")
_HAN_IN_WORD: Final = re.compile("[a-z](?=[\u3041-\u30ff\u3400-\ud7a3])|[\u3041-\u30ff\u3400-\ud7a3](?=[a-z])")
_SIGN_IN_WORD: Final = re.compile("(?<=[a-zA-Z])[^\\w\\s\x00-\x7f’‘·…—–-](?=[a-z])")
_TWO_WIDTHS: Final = re.compile("[Ａ-Ｚａ-ｚ](?=[A-Za-z])|[A-Za-z](?=[Ａ-Ｚａ-ｚ])")


def _beside_letters(text: str) -> float:
    return (
        -3.0 * len(_CAPITAL_INSIDE.findall(text))
        - 3.5 * len(_SIGN_INSIDE.findall(text))
        - 3.0 * len(_OPENS_INSIDE.findall(text))
        - 3.0 * len(_MIXED.findall(text))
        - 1.2 * len(_ACCENTS.findall(text))
        - 6.0 * len(_CLOSES_FIRST.findall(text))
        - 2.5 * len(_FINAL_FORMS.findall(text))
        - 3.0 * len(_LONE_MARK.findall(text))
    )


def _beside_han(text: str) -> float:
    return (
        -0.8 * len(_HAN_IN_WORD.findall(text))
        - 3.0 * len(_SIGN_IN_WORD.findall(text))
        - 4.0 * len(_TWO_WIDTHS.findall(text))
    )


def _density_cost(counts: "Counter[str]", writing: Writing) -> float:
    """Where an alphabet is ASCII with accents, words of accents alone are none."""
    if not writing.own[0] < "\u0250":
        return 0.0
    plain = sum(n for c, n in counts.items() if c < "\x80" and c.isalpha())
    accented = sum(n for c, n in counts.items() if "\xc0" <= c < "\u0250")
    most = 0.6 if writing.name == "Vietnamese" else 0.3
    return -3.0 * max(accented - 1 - most * (plain + accented), 0.0)


def _ranked(share: float, characters: str, *, flat: float = 3.0, power: float = 1.0) -> dict[str, float]:
    """A share of the mass over characters: like 1 / (rank + flat) ** power."""
    weights = [1.0 / (i + flat) ** power for i in range(len(characters))]
    total = sum(weights)
    return {c: math.log(share * w / total) + _OWN for c, w in zip(characters, weights, strict=True)}


def _even(share: float, characters: str) -> dict[str, float]:
    return _ranked(share, characters, power=0.0)


def _level(codec: str, first: int, last: int) -> str:
    """The Han characters of rows `first` to `last` (first bytes) of a national set."""
    found = []
    for lead in range(first, last + 1):
        for trail in range(0x40, 0xFF):
            try:
                char = bytes((lead, trail)).decode(codec)
            except UnicodeDecodeError:
                continue
            if len(char) == 1 and char >= "\u3400":
                found.append(char)
    return "".join(found)


def _joined(*parts: dict[str, float]) -> dict[str, float]:
    """All of them; a character in several has the sum."""
    total: dict[str, float] = {}
    for part in parts:
        for char, cost in part.items():
            total[char] = math.log(math.exp(total[char]) + math.exp(cost)) if char in total else cost
    return total


def _cjk(marks: float) -> dict[str, float]:
    return _joined(
        _ranked(marks, letters.CJK_MARKS, flat=1.0),
        _even(0.008, letters.FULL_WIDTH),
        _ranked(0.008, letters.CJK_SIGNS),
    )


@functools.cache
def writing(name: str) -> Writing:
    """The writing of this name: `Simplified`, `Traditional`, `Japanese`, `Korean` or one of `letters.ALPHABETS`."""
    if name == "Simplified":
        known = _joined(
            _ranked(0.78, letters.SIMPLIFIED, flat=20.0, power=1.25),
            _even(0.02, letters.NAMES),
            _even(0.05, _level("gb2312", 0xB0, 0xD7)),
            _even(0.008, _level("gb2312", 0xD8, 0xF7)),
            _cjk(0.12),
        )
        return Writing(name, "", -10.2, known)
    if name == "Traditional":
        known = _joined(
            _ranked(0.78, letters.TRADITIONAL, flat=20.0, power=1.25),
            _even(0.02, letters.TRADITIONAL_NAMES),
            _even(0.05, _level("big5", 0xA4, 0xC6)),
            _even(0.006, _level("big5", 0xC9, 0xF9)),
            _even(0.003, "嘅咗唔係喺哋嚟啲冇乜嘢睇嗰咁佢噉嗌攞瞓搵"),
            _cjk(0.12),
        )
        return Writing(name, "", -10.2, known)
    if name == "Japanese":
        known = _joined(
            _ranked(0.44, letters.HIRAGANA, flat=8.0),
            _ranked(0.11, letters.KATAKANA, flat=10.0),
            _ranked(0.27, letters.KANJI, flat=60.0),
            _even(0.05, _level("euc_jp", 0xB0, 0xCF)),
            _even(0.003, _level("euc_jp", 0xD0, 0xF4)),
            _even(0.006, "".join(map(chr, range(0xFF61, 0xFFA0)))),
            _cjk(0.10),
        )
        return Writing(name, "", -9.8, known)
    if name == "Korean":
        known = _joined(
            _ranked(0.90, letters.HANGUL, flat=20.0, power=1.0),
            _even(0.06, _level("euc_kr", 0xB0, 0xC8)),
            _even(0.004, _level("euc_kr", 0xCA, 0xFD)),
            _cjk(0.02),
        )
        return Writing(name, "", -9.6, known)
    own = letters.ALPHABETS[name]
    capitals = "".join(c.upper() for c in own if len(c.upper()) == 1 and c.upper() != c)
    is_latin = own[0] < "\u0250"
    known = _joined(
        _ranked(0.80 if is_latin else 0.90, own, flat=3.0 if is_latin else 8.0),
        _ranked(0.06, capitals or own, flat=6.0),
        _ranked(0.12 if is_latin else 0.03, letters.SIGNS),
    )
    return Writing(name, own, -8.0 if is_latin else -6.6, known)
