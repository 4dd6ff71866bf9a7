"""Text for matching: folding, terms, sentences, numbers. Chinese and English first.

Everything here is for *matching*. Shown text stays as its author wrote it; offsets always count
Python characters of the text that was given in. This module knows nothing of documents, indexes or
models.

`fold` makes 繁體 and 简体, ＦＵＬＬ and half width, upper and lower case the same. `words` and
`characters` cut folded text into what the lexical index stores: Han, kana and Hangul runs become
overlapping character pairs (and, separately, single characters), which needs no dictionary, loads in
no time and measured better than dictionary segmentation on the Chinese development sets; other
scripts become stemmed words.
"""

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Literal, TypeAlias

# Han with extension A and compatibility forms, kana, Hangul syllables: scripts written without spaces
# (or, for Korean, with particles glued on), where character pairs match better than words.
CJK = "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af"
_RUN = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+")
_CJK_CHARACTER = re.compile(rf"[{CJK}]")

# English function words carry no meaning in a bag of words; the list is the one of the BM25 baselines
# that the project compares itself with.
STOP_WORDS = frozenset(
    "a an and are as at be by for from has have in is it its of on or that the this to was were what "
    "when where which who whom how why will with do does did".split()
)


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
def _stem() -> Callable[[str], str]:
    from Stemmer import Stemmer

    stem: Callable[[str], str] = Stemmer("english").stemWord
    return stem


def has_cjk(text: str) -> bool:
    """True if any character belongs to a script that is matched by character pairs."""
    return _CJK_CHARACTER.search(text) is not None


def cjk_share(text: str) -> float:
    """The share of CJK characters among the characters that are not white space, in [0, 1]."""
    n = sum(1 for c in text if not c.isspace())
    return len(_CJK_CHARACTER.findall(text)) / n if n else 0.0


Script: TypeAlias = Literal["cjk", "alphabetic", ""]
_CJK_SCRIPT, _ALPHABETIC = 0.2, 0.5


def script(text: str) -> Script:
    """What a text is mostly written in, as far as words can be compared: "" if it has few letters (a table of figures).

    Chinese text is full of Latin names and English text has few Han characters, so a fifth of the characters is
    enough for "cjk".
    """
    if cjk_share(text) > _CJK_SCRIPT:
        return "cjk"
    n, n_letters = 0, 0
    for character in text:
        n += not character.isspace()
        n_letters += character.isalpha()
    return "alphabetic" if n_letters > _ALPHABETIC * n else ""


def fold(text: str) -> str:
    """The text as it is compared: NFKC, lower case, simplified characters. Lengths may change."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return folded if folded.isascii() else _to_simplified()(folded)


def runs(folded: str) -> list[str]:
    """The unbroken runs of CJK characters, and the words of other scripts, in order."""
    return _RUN.findall(folded)


def words(folded: str) -> list[str]:
    """Lexical terms of folded text, in order: CJK character pairs, stemmed words of other scripts.

    A CJK run of one character is that character. English function words are left out, unless nothing
    else is there ("to be or not to be" must still match itself).
    """
    stem = _stem()
    found: list[str] = []
    skipped: list[str] = []
    for run in _RUN.findall(folded):
        if _CJK_CHARACTER.match(run):
            if len(run) == 1:
                found.append(run)
            else:
                found += [run[i : i + 2] for i in range(len(run) - 1)]
        elif run in STOP_WORDS:
            skipped.append(run)
        else:
            found.append(stem(run))
    return found or skipped


def characters(folded: str) -> list[str]:
    """The single CJK characters of folded text, in order."""
    return _CJK_CHARACTER.findall(folded)
