"""What a text is written in: scripts, and the language as far as script and function words tell."""

import functools
import re
from collections import Counter
from importlib import resources
from typing import Final, Literal, TypeAlias, get_args

# Han with extension A and compatibility forms, kana, Hangul syllables: scripts written without spaces
# (or, for Korean, with particles glued on), where character pairs match better than words.
CJK = "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U000323af"
_CJK_CHARACTER = re.compile(rf"[{CJK}]")

# Thai, Lao, Burmese, Khmer, with their marks: written without spaces, too.
UNSPACED: Final = (
    "\u0e00-\u0e3a\u0e40-\u0e4e\u0e80-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17dc\u17dd\ua9e0-\ua9fe"
    "\uaa60-\uaa7f"
)

_LOOKED_AT: Final = 2000  # characters
# Weight of the function words that must be found, where one that n languages share weighs 1 / n, and each counts once;
# how many times as much as of the next language: Danish and Norwegian share most of theirs; how many there must be, and
# their share of all words: "Los Angeles" and "Ludwig van" stand in English.
_LEAST_WEIGHT: Final = 1.0
_MARGIN: Final = 1.1
_LEAST_WORDS: Final = 2
_LEAST_SHARE: Final = 0.12

_SCRIPTS: Final = {
    "th": re.compile("[\u0e00-\u0e7f]"),
    "lo": re.compile("[\u0e80-\u0eff]"),
    "my": re.compile("[\u1000-\u109f]"),
    "km": re.compile("[\u1780-\u17ff]"),
    "ar": re.compile("[\u0600-\u06ff\u0750-\u077f]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "ta": re.compile("[\u0b80-\u0bff]"),
    "el": re.compile("[\u0370-\u03ff\u1f00-\u1fff]"),
    "hy": re.compile("[\u0530-\u058f]"),
    "ka": re.compile("[\u10a0-\u10ff]"),
    "cyrillic": re.compile("[\u0400-\u052f]"),
}
_KANA = re.compile("[\u3041-\u30fa\u31f0-\u31ff]")
_HIRAGANA = re.compile("[\u3041-\u3096]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")
# Of CJK characters: Chinese quotes a の, or the name of a film, now and then; Japanese is seldom without particles.
_HIRAGANA_SHARE: Final = 0.1
_KANA_SHARE: Final = 0.4
_CJK_WEIGHT: Final = 3  # a Han character says as much as three letters


def has_cjk(text: str) -> bool:
    """True if any character belongs to a script that is matched by character pairs."""
    return _CJK_CHARACTER.search(text) is not None


def cjk_share(text: str) -> float:
    """The share of CJK characters among the characters that are not white space, in [0, 1]."""
    n = sum(1 for c in text if not c.isspace())
    return len(_CJK_CHARACTER.findall(text)) / n if n else 0.0


Script: TypeAlias = Literal["cjk", "alphabetic", ""]
SCRIPTS: Final[tuple[Script, ...]] = get_args(Script)
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


def language_of(text: str) -> str:
    """The language a text is mostly in, as an ISO 639-1 code; "" where nothing tells (a few names, figures, code).

    By script, then by the function words of its first 2,000 characters. A question of four words may tell nothing.
    """
    text = text[:_LOOKED_AT]
    if text.isascii():
        return _of_latin(text)
    n_cjk = len(_CJK_CHARACTER.findall(text))
    counts = {code: len(pattern.findall(text)) for code, pattern in _SCRIPTS.items()}
    counts["cjk"], counts["latin"] = _CJK_WEIGHT * n_cjk, len(_LATIN.findall(text))
    found = max(counts, key=lambda code: counts[code])
    if not counts[found]:
        return ""
    if found == "cjk":
        return _of_cjk(text, n_cjk)
    if found == "cyrillic":
        return _of_cyrillic(text.lower())
    if found == "ar":
        return "fa" if re.search("[پچژگی]", text) else "ar"
    return _of_latin(text) if found == "latin" else found


def _of_cjk(text: str, n: int) -> str:
    n_hangul = len(_HANGUL.findall(text))
    if 2 * n_hangul > n:
        return "ko"
    is_japanese = len(_HIRAGANA.findall(text)) > _HIRAGANA_SHARE * n or len(_KANA.findall(text)) > _KANA_SHARE * n
    return "ja" if is_japanese else "zh"


def _of_cyrillic(folded: str) -> str:
    if re.search("[іїєґ]", folded):
        return "uk"
    if re.search("[јљњћђџ]", folded):
        return "sr"
    return "bg" if "ъ" in folded and not re.search("[ыэё]", folded) else "ru"


def _of_latin(text: str) -> str:
    """The language by function words; English, of which the least is asked, where no other is sure."""
    weights = _weights()
    written = Counter(_LATIN_WORD.findall(text.lower()))
    found: dict[str, float] = {}
    n_different: Counter[str] = Counter()
    n_all: Counter[str] = Counter()
    for word, n in written.items():
        for code, weight in weights.get(word, ()):
            found[code] = found.get(code, 0.0) + weight
            n_different[code] += 1
            n_all[code] += n
    if not found:
        return ""
    best, *others = sorted(found, key=lambda code: (-found[code], code))
    sure = (
        found[best] >= _LEAST_WEIGHT
        and n_different[best] >= _LEAST_WORDS
        and n_all[best] >= _LEAST_SHARE * written.total()
        and all(found[best] >= _MARGIN * found[other] for other in others[:1])
    )
    if sure:
        return best
    return "en" if "en" in found else ""


@functools.cache
def _weights() -> dict[str, list[tuple[str, float]]]:
    """Function word → the languages that have it, each with what it weighs for them."""
    lines = resources.files("qianxun.text").joinpath("function_words.txt").read_text(encoding="utf-8").splitlines()
    languages: dict[str, list[str]] = {}
    for code, *known in (line.split() for line in lines if not line.startswith("#")):
        for word in known:
            languages.setdefault(word, []).append(code)
    return {word: [(code, 1 / len(codes)) for code in codes] for word, codes in languages.items()}
