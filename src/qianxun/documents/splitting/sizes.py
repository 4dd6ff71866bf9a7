"""How many tokens a text is: the measure of `splitting.max_tokens`. Estimated, or counted by an encoder's tokenizer."""

import bisect
import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from qianxun.errors import SettingsError
from qianxun.text import CJK

TOKENS_PER_WORD: Final = 1.3
LEAST_PER_CHAR: Final = 1 / 8  # rules of dashes are not free
_WORD_CHARS: Final = 12
_MOST_WORDS: Final = 1 << 16
_SLICE_CHARS: Final = 8192
_MOST_BREAKS: Final = 4  # longer gaps are rare, and nothing but longer
_SEAMS: Final = (("规定。", "员工"), ("so.", "The"), ("规定，", "| a"), ("leave", "3"))

# With the symbols and minority scripts of East Asia, whose bytes begin alike.
_EAST_ASIAN = re.compile(f"[{CJK}\u3100-\u33ff\u4dc0-\u4dff\ua000-\uabff\ud7b0-\ud7ff\ud800-\udfff]+")
_WORDS = re.compile(rf"[^\W_]{{1,{_WORD_CHARS}}}")

_UNITS = re.compile(rf"[{CJK}]|[^\W_{CJK}]{{1,{_WORD_CHARS}}}|\S")

# Beyond ASCII and East Asia: letters that only a pattern tells from signs, and the letters and numerals among
# signs: ², ①, 々, full-width and half-width forms, compatibility ideographs. And kana, which share a byte with signs.
_KANA = re.compile("[\u3040-\u30ff]+")
_NOT_PLAIN = re.compile(
    "[\x80-\u1fff\u2040-\u2fff\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3040-\u30ff\uf900-\ufeff"
    "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\U0010ffff]"
)
_TO_MARKS: Final = bytes(0x31 <= b <= 0xDF for b in range(256))  # the first byte of U+3100 to U+DFFF
_TO_LETTERS: Final = bytes(ord("a") if b < 128 and chr(b).isalnum() else ord(" ") for b in range(256))
_LONGER_WORD: Final = b"a" * (_WORD_CHARS + 1)


def tokens(text: str) -> float:
    """About how many tokens an encoder makes of a text.

    A CJK character is one, a word of another script 1.3 (a word longer than 12 characters counts as
    several), and never less than one per 8 characters. Never less for a longer text that begins the same.
    """
    plain, others = _plain(text)
    return tokens_by_patterns(text) if others else _counted(plain, [(0, len(text))])[0]


def tokens_of_spans(text: str, spans: Iterable[tuple[int, int]]) -> list[float]:
    """The tokens of parts of a text, each by itself."""
    spans = list(spans)
    plain, others = _plain(text)
    found = _counted(plain, spans)
    if others:
        for i, (start, end) in enumerate(spans):
            if bisect.bisect_left(others, start) < bisect.bisect_left(others, end):
                found[i] = tokens_by_patterns(text[start:end])
    return found


def _plain(text: str) -> tuple[str, list[int]]:
    """The text as bytes can say it: each kana another CJK character, a sign where only a pattern knows. And where."""
    if text.isascii():
        return text, []
    other = _NOT_PLAIN.search(text)
    if other is not None and _KANA.match(other[0]):
        text = _KANA.sub(lambda run: "\u4e00" * len(run[0]), text)
        other = _NOT_PLAIN.search(text)
    if other is None:
        return text, []
    return _NOT_PLAIN.sub("?", text), [match.start() for match in _NOT_PLAIN.finditer(text)]


def _counted(plain: str, spans: Iterable[tuple[int, int]]) -> list[float]:
    # A byte a character, so that spans are of these too: several times as fast as patterns, and this is asked of every
    # line and sentence.
    letters = plain.encode("ascii", "replace").translate(_TO_LETTERS)
    has_longer = _LONGER_WORD in letters
    marks = b""
    if not plain.isascii():
        marks = plain.encode("utf-16-le", "surrogatepass")[1::2].translate(_TO_MARKS)
    found = []
    for start, end in spans:
        if has_longer and letters.find(_LONGER_WORD, start, end) >= 0:
            n_words = sum(-(-len(word) // _WORD_CHARS) for word in letters[start:end].split())
        else:
            n_words = letters.count(b" a", start, end) + letters.startswith(b"a", start, end)
        n_east_asian = marks.count(1, start, end)
        found.append(max(n_east_asian + TOKENS_PER_WORD * n_words, (end - start) * LEAST_PER_CHAR))
    return found


def tokens_by_patterns(text: str) -> float:
    """The same for texts of every script: the definition, and slower."""
    rest, n_runs = _EAST_ASIAN.subn(" ", text)
    n_east_asian = len(text) - len(rest) + n_runs
    return max(n_east_asian + TOKENS_PER_WORD * len(_WORDS.findall(rest)), len(text) * LEAST_PER_CHAR)


class Measure:
    """Tokens as they are estimated, which needs no encoder."""

    def tokens(self, text: str) -> float:
        """Tokens of a text."""
        return tokens(text)

    def of_spans(self, text: str, spans: Iterable[tuple[int, int]]) -> list[float]:
        """Tokens of parts of a text, each by itself."""
        return tokens_of_spans(text, spans)

    def gap(self, n_chars: int) -> float:
        """Tokens of this many characters of white space between two pieces that were counted each by itself."""
        return n_chars * LEAST_PER_CHAR

    def units(self, text: str) -> list[tuple[int, int, float]]:
        """The words, CJK characters and signs of a text: where each begins and ends, and its tokens."""
        return [(*match.span(), tokens(match.group())) for match in _UNITS.finditer(text)]

    def unit_gap(self, n_chars: int) -> float:
        """Tokens of white space between two units."""
        return self.gap(n_chars)


class TokenizerMeasure(Measure):
    """Tokens as an encoder's own tokenizer cuts a text, without the special ones before and after it.

    As with the estimate, never less than one per 8 characters: some make one "unknown" of any long word.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._words: dict[str, float] = {}
        self._gaps: dict[int, float] = {0: 0.0}

    def tokens(self, text: str) -> float:
        """Tokens of a text; of a very long one, the sum over its slices."""
        if len(text) > _WORD_CHARS:
            counted = sum(len(self._encoded(piece)) for _, piece in _slices(text))
            return max(float(counted), len(text) * LEAST_PER_CHAR)
        known = self._words.get(text)
        if known is None:
            if len(self._words) >= _MOST_WORDS:
                self._words.clear()
            known = self._words[text] = max(float(len(self._encoded(text))), len(text) * LEAST_PER_CHAR)
        return known

    def of_spans(self, text: str, spans: Iterable[tuple[int, int]]) -> list[float]:
        """Tokens of parts of a text, each by itself."""
        return [self.tokens(text[start:end]) for start, end in spans]

    def gap(self, n_chars: int) -> float:
        """What line breaks come to between some pieces: byte-level tokenizers make tokens of them, others none."""
        known = self._gaps.get(n_chars)
        if known is None:
            count, breaks = self.tokens, "\n" * min(n_chars, _MOST_BREAKS)
            found = max(count(f"{a}{breaks}{b}") - count(a) - count(b) for a, b in _SEAMS)
            known = self._gaps[n_chars] = max(found, n_chars * LEAST_PER_CHAR)
        return known

    def units(self, text: str) -> list[tuple[int, int, float]]:
        """As the text around a unit has it cut, white space counted with the unit before."""
        spans = [match.span() for match in _UNITS.finditer(text)]
        if not spans:
            return []
        starts = [start for start, _ in spans]
        costs = [0.0] * len(spans)
        for at, piece in _slices(text):
            for start, _ in self._encoded(piece).offsets:
                costs[max(bisect.bisect_right(starts, at + start) - 1, 0)] += 1
        pairs = zip(spans, costs, strict=True)
        return [(start, end, max(cost, (end - start) * LEAST_PER_CHAR)) for (start, end), cost in pairs]

    def unit_gap(self, n_chars: int) -> float:
        """Spaces were counted with the units; line breaks between blocks were not."""
        return 0.0 if n_chars < 2 else self.gap(n_chars)

    def _encoded(self, text: str) -> Any:
        # Half a surrogate pair has no bytes that a tokenizer could read.
        return self._tokenizer.encode(text.encode("utf-8", "replace").decode(), add_special_tokens=False)


def _slices(text: str) -> Iterator[tuple[int, str]]:
    """A text in slices, each with where it begins: what a tokenizer makes of a text takes a hundred times its room."""
    start = 0
    while len(text) - start > _SLICE_CHARS:
        space = max(text.rfind(" ", start, start + _SLICE_CHARS), text.rfind("\n", start, start + _SLICE_CHARS))
        end = space if space > start + _SLICE_CHARS // 2 else start + _SLICE_CHARS
        yield start, text[start:end]
        start = end
    yield start, text[start:]


ESTIMATE: Final = Measure()


@functools.lru_cache(maxsize=2)
def measure_of(tokenizer: Path | None) -> Measure:
    """How texts are measured where the encoder's tokenizer is this file (a `tokenizer.json`), or none is known.

    Raises SettingsError if it cannot be read.
    """
    if tokenizer is None:
        return ESTIMATE
    from tokenizers import Tokenizer

    try:
        found = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # the tokenizers library raises bare Exception
        raise SettingsError(
            "{path}: this tokenizer cannot be read: {reason}.",
            remedy="Copy the model again, or set splitting.counted_by to estimate.",
            path=tokenizer,
            reason=" ".join(str(error).split()).rstrip("."),
        ) from error
    found.no_truncation()
    found.no_padding()
    return TokenizerMeasure(found)
