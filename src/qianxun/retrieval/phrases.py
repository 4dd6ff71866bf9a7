"""Whether a phrase stands in a text, and what an index may demand of a text in which it does. Pure.

A phrase stands in a text if its letters do, in a row: both folded, white space beside a CJK character left out (text
from a PDF has line breaks within words, and some people write IT 部门 where others write IT部门), other white space as
one space. Words that are written with spaces between them count as whole words only: "art" does not stand in "party",
while 年假 stands in 带薪年假 and IT in IT部门.
"""

import functools
import re
import unicodedata

from qianxun.text import CJK, ENGLISH, characters, fold, words
from qianxun.text.scripts import UNSPACED

_SPACE = re.compile(r"\s+")
_BESIDE_CJK = re.compile(f"(?<=[{CJK}]) | (?=[{CJK}])")
_UNSPACED = re.compile(f"[{CJK}{UNSPACED}]")
# A term of its own, put after others.
_LAST = "0"


def fold_in_place(text: str) -> str:
    """The text folded character by character, so that every place stays what it is: for signs and names in it."""
    return text.lower() if text.isascii() else "".join(map(_folded_character, text))


def compared(folded: str) -> str:
    """Folded text as phrases are looked for in it: white space only where it separates words, and then one space."""
    return _BESIDE_CJK.sub("", _SPACE.sub(" ", folded))


@functools.lru_cache(maxsize=256)
def phrase_as_compared(phrase: str) -> str:
    """A phrase as it is looked for."""
    return compared(fold(phrase)).strip()


def stands_in(phrase: str, text: str) -> bool:
    """True if a phrase stands in a text that is given as `compared` makes it. No phrase stands in every text."""
    wanted = phrase_as_compared(phrase)
    if not wanted:
        return True
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if not (at and _glued(text[at - 1], wanted[0])) and not (end < len(text) and _glued(wanted[-1], text[end])):
            return True
        at = text.find(wanted, at + 1)
    return False


def certain_words(phrase: str, language: str = ENGLISH) -> tuple[str, ...]:
    """The terms that `qianxun.text.words` is sure to find in every text that the phrase stands in, each once.

    Function words are not among them, which `words` leaves out, nor anything of scripts without spaces: where the text
    has a line break within a word, it has other pairs of characters. `language` is the one that texts are stemmed in.
    """
    # With another word after them, function words are left out also where the phrase has nothing else.
    found = words(f"{phrase_as_compared(phrase)} {_LAST}", language)[:-1]
    return tuple(dict.fromkeys(term for term in found if not _UNSPACED.search(term)))


def certain_characters(phrase: str) -> tuple[str, ...]:
    """The terms that `qianxun.text.characters` is sure to find in every text that the phrase stands in, each once."""
    return tuple(dict.fromkeys(characters(phrase_as_compared(phrase))))


def _glued(left: str, right: str) -> bool:
    """True if two neighbours belong to one word of a script that has spaces between words."""
    return _of_word(left) and _of_word(right)


def _of_word(character: str) -> bool:
    if _UNSPACED.match(character):
        return False
    return character.isalnum() or unicodedata.category(character)[0] == "M"


@functools.lru_cache(maxsize=4096)
def _folded_character(character: str) -> str:
    if "\ud800" <= character <= "\udfff":  # half a character, from the name of a file that is no Unicode
        return character
    folded = fold(character)
    return folded if len(folded) == 1 else character
