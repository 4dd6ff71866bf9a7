"""Text for matching: folding, terms, scripts and languages. Chinese and English first.

Everything here is for *matching*. Shown text stays as its author wrote it; offsets always count
Python characters of the text that was given in. This room knows nothing of documents, indexes or
models.

`fold` makes 繁體 and 简体, ＦＵＬＬ and half width, upper and lower case the same. `words` and `characters` cut folded
text into what the lexical index stores, `language_of` says in which language, `nearest` finds what was misspelt.
"""

from qianxun.text.nearness import beginnings, mistakes, nearest, tolerated_mistakes
from qianxun.text.scripts import CJK, SCRIPTS, Script, cjk_share, has_cjk, language_of, script
from qianxun.text.terms import ENGLISH, STEMMERS, STOP_WORDS, characters, fold, runs, stemming_language, words

__all__ = [
    "CJK",
    "ENGLISH",
    "SCRIPTS",
    "STEMMERS",
    "STOP_WORDS",
    "Script",
    "beginnings",
    "characters",
    "cjk_share",
    "fold",
    "has_cjk",
    "language_of",
    "mistakes",
    "nearest",
    "runs",
    "script",
    "stemming_language",
    "tolerated_mistakes",
    "words",
]
