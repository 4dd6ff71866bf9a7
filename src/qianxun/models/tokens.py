"""Text into the builtin encoder's tokens: WordPiece for what is written with spaces, a unigram model for Chinese.

Latin, Cyrillic and other words are cut as BERT's uncased tokeniser cuts them (greedy longest match, Devlin
et al. 2019), so that the English side of the vocabulary means what it meant to the teacher. A Han run is cut
into the likeliest sequence of words and characters (Viterbi over unigram probabilities, Kudo 2018), which
needs no dictionary but the vocabulary itself.

Everything is folded first (`qianxun.text.fold`): 繁體 and 简体, ＦＵＬＬ and half width, upper and lower case
give the same tokens.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from qianxun import text as matching

PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
# Chinese punctuation that NFKC leaves alone means to the model what its Latin counterpart means.
_PUNCTUATION = str.maketrans(
    {
        "。": ".", "、": ",", "·": ".", "—": "-", "–": "-", "‐": "-", "−": "-",
        "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "「": '"', "」": '"', "『": '"', "』": '"',
        "《": '"', "》": '"', "〈": '"', "〉": '"', "‘": "'", "’": "'", "【": "[", "】": "]", "〔": "[", "〕": "]",
    }
)  # fmt: skip
_PARTS = re.compile(rf"([{matching.CJK}]+)|([^\W_{matching.CJK}]+)|(\S)")
# A longer "word" is a hash or an encoded file; BERT gives it up as well.
_MAX_WORD_CHARS = 100
_N_CACHED = 1 << 16
# What an unknown character costs beside the rarest known one, in nats.
_UNKNOWN_COST = 10.0


class Tokenizer:
    """Cuts text by a vocabulary: `tokens` in the order of their numbers, `scores` in log probability (Han tokens).

    `scores[i]` belongs to `tokens[i]`; it is read for tokens that start with a Han character only.
    """

    def __init__(self, tokens: Sequence[str], scores: Sequence[float]) -> None:
        self.tokens = list(tokens)
        self._numbers = {token: number for number, token in enumerate(self.tokens)}
        self.unknown = self._numbers[UNKNOWN]
        self.start = self._numbers[START]
        self.end = self._numbers[END]
        self._han = {
            token: (float(score), number)
            for number, (token, score) in enumerate(zip(self.tokens, scores, strict=True))
            if matching.has_cjk(token[:1])
        }
        self._longest = max((len(token) for token in self._han), default=1)
        self._unknown_score = min((score for score, _ in self._han.values()), default=0.0) - _UNKNOWN_COST
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def read(cls, vocabulary: Path, scores: Path) -> "Tokenizer":
        """The tokeniser of a file with one token a line, and the scores beside it."""
        tokens = vocabulary.read_text(encoding="utf-8").split("\n")[:-1]
        return cls(tokens, np.load(scores).tolist())

    def numbers(self, text: str) -> list[int]:
        """The tokens of a text as numbers, without the start and end tokens; empty for a text without characters."""
        found: list[int] = []
        cache = self._cache
        for han, word, mark in _PARTS.findall(matching.fold(text.translate(_PUNCTUATION))):
            part = han or word or mark
            known = cache.get(part)
            if known is None:
                known = self._cut_han(han) if han else self._cut_word(part)
                if len(cache) >= _N_CACHED:
                    cache.clear()
                if len(part) <= _MAX_WORD_CHARS:
                    cache[part] = known
            found += known
        return found

    def says_something(self, numbers: Sequence[int]) -> bool:
        """True if any of the tokens is a known word or character, not a mark."""
        return any(number != self.unknown and self.tokens[number][-1].isalnum() for number in numbers)

    def _cut_word(self, word: str) -> list[int]:
        if not word.isascii():
            word = "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")
        if len(word) > _MAX_WORD_CHARS:
            return [self.unknown]
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(prefix + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return [self.unknown]
        return found

    def _cut_han(self, run: str) -> list[int]:
        # best[i]: the score of the likeliest cut of run[:i]; from_[i]: where its last token begins.
        n = len(run)
        best = [0.0] + [-1e30] * n
        begins = [0] * (n + 1)
        numbers = [self.unknown] * (n + 1)
        han = self._han
        for start in range(n):
            base = best[start]
            score = base + self._unknown_score
            if score > best[start + 1]:
                best[start + 1], begins[start + 1], numbers[start + 1] = score, start, self.unknown
            for end in range(start + 1, min(n, start + self._longest) + 1):
                entry = han.get(run[start:end])
                if entry is not None and base + entry[0] > best[end]:
                    best[end], begins[end], numbers[end] = base + entry[0], start, entry[1]
        found: list[int] = []
        end = n
        while end:
            found.append(numbers[end])
            end = begins[end]
        return found[::-1]


def windows(numbers: Sequence[int], size: int) -> list[Sequence[int]]:
    """`numbers` in consecutive parts of nearly equal length, at most `size` each; one empty part for none."""
    n_parts = max(1, -(-len(numbers) // size))
    edges = [round(part * len(numbers) / n_parts) for part in range(n_parts + 1)]
    return [numbers[start:end] for start, end in pairwise(edges)]
