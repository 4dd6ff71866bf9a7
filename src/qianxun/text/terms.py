"""Folding, and the terms that the lexical index stores.

`words` and `characters` cut folded text: Han, kana and Hangul runs become overlapping character pairs (and, separately,
single characters), which needs no dictionary, loads in no time and measured better than dictionary segmentation on the
Chinese development sets; Thai, Lao, Burmese and Khmer runs become pairs of letters with their marks in the same way;
other scripts become words, stemmed in their language.
"""

import functools
import itertools
import re
import unicodedata
from collections.abc import Callable
from typing import Final

from qianxun.text.scripts import CJK, UNSPACED, language_of

# Vowel signs and the like, which belong to the letter before: Indic scripts, Thai to Khmer, and combining accents.
_MARKS: Final = (
    "\u0300-\u036f\u0483-\u0487\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u09e2\u09e3"
    "\u0a01-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a75\u0a81-\u0a83\u0abc\u0abe-\u0acd\u0b01-\u0b03\u0b3c\u0b3e-\u0b57\u0b82"
    "\u0bbe-\u0bcd\u0bd7\u0c00-\u0c04\u0c3c\u0c3e-\u0c56\u0c81-\u0c83\u0cbc\u0cbe-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d57"
    "\u0d81-\u0d83\u0dca-\u0ddf"
)
# Vowel points, which are written or left out: Hebrew, Arabic; and the Arabic stretched stroke.
_POINTS: Final = re.compile(
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]+"
)
_HAS_POINTS: Final = re.compile("[\u0591-\u05c7\u0610-\u0670]")
_RUN = re.compile(rf"[{CJK}]+|[{UNSPACED}]+|[^\W_{CJK}{UNSPACED}](?:[^\W_{CJK}{UNSPACED}]|[{_MARKS}])*")
_CJK_CHARACTER = re.compile(rf"[{CJK}]")
_UNSPACED_CHARACTER = re.compile(rf"[{UNSPACED}]")

# English function words carry no meaning in a bag of words; the list is the one of the BM25 baselines
# that the project compares itself with.
STOP_WORDS = frozenset(
    "a an and are as at be by for from has have in is it its of on or that the this to was were what "
    "when where which who whom how why will with do does did".split()
)

# ISO 639-1 → the Snowball stemmer. Who is not here keeps the words as they are.
STEMMERS: Final = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish",
    "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
ENGLISH: Final = "en"


# OpenCC alone does not bring both scripts to one form: its s2t writes words that its t2s leaves alone (坐标, 座標,
# 座标), and t2s keeps some traditional characters in some phrases (於). Left alone on purpose: 乾, 覆 and 沈, which are
# simplified characters too (乾隆, 覆盖, 沈阳).
_LEFT_OVER = dict(zip("於馀钜暱揹甯锺徵昇濬甦迳筿澂𫫇", "于余巨昵背宁钟征升浚苏径筱澄恶", strict=True)) | {
    "座标": "坐标", "想像": "想象", "计画": "计划", "凭藉": "凭借", "薰陶": "熏陶", "蒜薹": "蒜苔",
}  # fmt: skip
_LEFT_OVERS = re.compile("|".join(_LEFT_OVER))


@functools.cache
def _to_simplified() -> Callable[[str], str]:
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC("t2s").convert
    return lambda text: _LEFT_OVERS.sub(lambda found: _LEFT_OVER[found[0]], convert(text))


@functools.cache
def _stemmer(language: str) -> Callable[[str], str]:
    """Folded word → its stem; with `language` "" and where there is no stemmer the word itself."""
    name = STEMMERS.get(language)
    if name is None:
        return str
    from Stemmer import Stemmer

    stem: Callable[[str], str] = Stemmer(name).stemWord
    return stem


def fold(text: str) -> str:
    """The text as it is compared: NFKC, lower case, simplified characters. Lengths may change."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return folded if folded.isascii() else _to_simplified()(folded)


def runs(folded: str) -> list[str]:
    """The unbroken runs of CJK characters, and the words of other scripts, in order."""
    return _RUN.findall(folded)


def stemming_language(text: str) -> str:
    """The language that a text's words are stemmed in: its own if there is a stemmer for that, else English.

    Latin words in Chinese text are mostly English, and so is what is too short to tell.
    """
    language = language_of(text)
    return language if language in STEMMERS else ENGLISH


def words(folded: str, language: str = ENGLISH) -> list[str]:
    """Lexical terms of folded text, in order: pairs of characters in scripts without spaces, stemmed words of others.

    A run of one character is that character. `language` is an ISO 639-1 code (see `language_of`), "" for no stemming.
    English function words are left out, unless nothing else is there ("to be or not to be" must still match itself).
    """
    stem = _stemmer(language)
    if not folded.isascii() and _HAS_POINTS.search(folded):
        folded = _POINTS.sub("", folded)
    found: list[str] = []
    skipped: list[str] = []
    for run in _RUN.findall(folded):
        if _CJK_CHARACTER.match(run):
            if len(run) == 1:
                found.append(run)
            else:
                found += [run[i : i + 2] for i in range(len(run) - 1)]
        elif _UNSPACED_CHARACTER.match(run):
            found += _pairs(run)
        elif run in STOP_WORDS:
            skipped.append(run)
        else:
            found.append(stem(run))
    return found or skipped


def _pairs(run: str) -> list[str]:
    """Neighbouring letters, each with its marks, in pairs: Thai vowel signs are no letters by themselves."""
    letters: list[str] = []
    for character in run:
        if letters and unicodedata.category(character).startswith("M"):
            letters[-1] += character
        else:
            letters.append(character)
    return ["".join(pair) for pair in itertools.pairwise(letters)] or letters


def characters(folded: str) -> list[str]:
    """The single CJK characters of folded text, in order."""
    return _CJK_CHARACTER.findall(folded)
