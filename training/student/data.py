"""Training text: reading, the split that is held out, the vocabulary, tokens, and batches."""

import gzip
import hashlib
import json
import multiprocessing
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from qianxun import text as matching
from qianxun.models.tokens import END, PAD, START, UNKNOWN, Tokenizer

Record = dict[str, str]
SPECIAL = (PAD, UNKNOWN, START, END)
HAN = ("CJK UNIFIED", "CJK COMPATIBILITY")
# Scripts of the teacher's vocabulary that the student keeps: Latin and what stands beside it in Latin text.
_DROPPED_SCRIPTS = frozenset(
    "CJK HIRAGANA KATAKANA KATAKANA-HIRAGANA HANGUL ARABIC BENGALI DEVANAGARI HEBREW ARMENIAN TAMIL GEORGIAN THAI "
    "TIBETAN SINHALA KANNADA MALAYALAM TELUGU GUJARATI GURMUKHI MYANMAR KHMER LAO ETHIOPIC CHEROKEE FULLWIDTH "
    "HALFWIDTH IDEOGRAPHIC".split()
)


def read(paths: Sequence[Path]) -> list[Record]:
    """The JSON lines of plain or gzipped files."""
    found: list[Record] = []
    for path in paths:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        found += [json.loads(line) for line in text.decode().split("\n") if line]
    return found


def part_of(text: str) -> float:
    """Where a text falls in [0, 1), by its folded letters alone: equal sentences always fall together."""
    key = "".join(matching.runs(matching.fold(text)))
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=6).digest()) / 2**48


def split(records: Sequence[Record], share: float) -> tuple[list[Record], list[Record]]:
    """(to train on, held out): `share` of the pairs by the English side; no held-out sentence is also trained on."""
    held = [r for r in records if part_of(r["en"]) < share]
    zh = {part_of(r["zh"]) for r in held}
    return [r for r in records if part_of(r["en"]) >= share and part_of(r["zh"]) not in zh], held


def kept_pieces(vocabulary: Sequence[str]) -> list[int]:
    """The teacher's tokens that the student keeps: the special ones first, then those of Latin, Greek and Cyrillic."""
    places = {token: number for number, token in enumerate(vocabulary)}
    kept = [places[token] for token in SPECIAL]
    for number, token in enumerate(vocabulary):
        if token in SPECIAL or token.startswith("[unused"):
            continue
        scripts = {unicodedata.name(c, "?").split()[0] for c in token}
        if not scripts & _DROPPED_SCRIPTS:
            kept.append(number)
    return kept


def _cut(texts: Sequence[str]) -> Counter[str]:
    import rjieba

    found: Counter[str] = Counter()
    for text in texts:
        for run in matching.runs(matching.fold(text)):
            if matching.has_cjk(run):
                found.update(rjieba.cut(run))
    return found


def han_vocabulary(groups: dict[str, tuple[float, list[str]]], n: int) -> tuple[list[str], list[float]]:
    """The n most useful Han words and characters of sources of text, and their log probabilities.

    `groups`: source -> (weight, texts). A dictionary segmenter proposes words; a word's worth is the sum over the
    sources of weight times the square root of its count there, so that no single source decides.
    """
    with multiprocessing.Pool(2) as pool:
        counted = dict(zip(groups, pool.map(_cut, [texts for _, texts in groups.values()], chunksize=1), strict=True))
    worth: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for name, counts in counted.items():
        for word, times in counts.items():
            if not all(unicodedata.name(c, "?").startswith(HAN) for c in word) or len(word) > 8:
                continue
            count[word] += times
            worth[word] += groups[name][0] * times**0.5
            for character in word if len(word) > 1 else ():
                count[character] += 0
                # A character stands in for every rarer word that holds it.
                worth[character] += groups[name][0] * times**0.5
    chosen = [word for word, _ in worth.most_common(n)]
    total = sum(count.values())
    return chosen, [float(np.log((count[word] + 0.1) / total)) for word in chosen]


@dataclass(frozen=True, slots=True)
class Texts:
    """Token numbers of many texts: text i is `numbers[starts[i]:starts[i + 1]]`, start and end tokens not counted."""

    numbers: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, i: int) -> np.ndarray:
        return self.numbers[self.starts[i] : self.starts[i + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens in each text."""
        return np.diff(self.starts)


def _texts(found: Sequence[np.ndarray]) -> Texts:
    starts = np.cumsum([0, *(len(part) for part in found)])
    return Texts(np.concatenate([np.zeros(0, dtype=np.int32), *found]), starts)


def _numbers(tokenizer: Tokenizer, text: str) -> np.ndarray:
    return np.array(tokenizer.numbers(text), dtype=np.int32)


def tokenised(tokenizer: Tokenizer, texts: Sequence[str]) -> Texts:
    """All texts as token numbers, made in two processes."""
    with multiprocessing.Pool(2) as pool:
        found = pool.map(partial(_numbers, tokenizer), texts, chunksize=2000)
    return _texts(found)


def joined(texts: Texts, groups: Sequence[Sequence[int]]) -> Texts:
    """New texts, each the texts of one group behind each other."""
    found = [np.concatenate([texts[i] for i in group]) for group in groups]
    return _texts(found)


def padded(texts: Sequence[np.ndarray], tokenizer: Tokenizer, longest: int) -> tuple[Tensor, Tensor]:
    """(numbers, lengths) for the model: start and end tokens added, cut to `longest` tokens with them."""
    lengths = [min(len(text), longest - 2) + 2 for text in texts]
    numbers = np.zeros((len(texts), max(lengths)), dtype=np.int64)
    for row, text, length in zip(numbers, texts, lengths, strict=True):
        row[0] = tokenizer.start
        row[1 : length - 1] = text[: length - 2]
        row[length - 1] = tokenizer.end
    return torch.from_numpy(numbers), torch.tensor(lengths)


def source_weights(sources: Sequence[str], power: float, worth: dict[str, float]) -> np.ndarray:
    """Probability of each record: its source is drawn in proportion to (size ** power) * worth, then the record."""
    sizes = Counter(sources)
    mass = {name: size**power * worth.get(name, 1.0) for name, size in sizes.items()}
    total = sum(mass.values())
    return np.array([mass[name] / total / sizes[name] for name in sources])


class Sampler:
    """Endless batches of record numbers whose texts have nearly equal length, in about `n_tokens` tokens each."""

    def __init__(
        self, lengths: np.ndarray, weights: np.ndarray, n_tokens: int, most: int, rng: np.random.Generator
    ) -> None:
        self._lengths = lengths
        self._cumulative = np.cumsum(weights)
        self._n_tokens = n_tokens
        self._most = most
        self._rng = rng
        self._ready: list[np.ndarray] = []

    def __next__(self) -> np.ndarray:
        if not self._ready:
            drawn = np.searchsorted(self._cumulative, self._rng.random(16 * self._most) * self._cumulative[-1])
            drawn = np.unique(np.minimum(drawn, len(self._lengths) - 1))
            drawn = drawn[np.argsort(self._lengths[drawn] + self._rng.random(len(drawn)), kind="stable")]
            start = 0
            while start < len(drawn):
                size = self._most
                # The last of the batch is the longest: it decides what padding costs.
                while size > 16 and self._lengths[drawn[min(start + size, len(drawn)) - 1]] * size > self._n_tokens:
                    size = size * 7 // 8
                batch = drawn[start : start + size]
                if len(batch) >= 16:
                    self._ready.append(batch)
                start += size
            self._rng.shuffle(self._ready)
        return self._ready.pop()

    def __iter__(self) -> Iterator[np.ndarray]:
        return self


def first_embedding(zh: Texts, en: Texts, english: np.ndarray, n_fixed: int, n_learned: int) -> np.ndarray:
    """Where learning starts: each Chinese token as the English that stands across from it, `(n_learned, dim)`.

    Ridge regression: the vectors of a Chinese sentence's tokens shall sum to the sum of its English side's input
    vectors. Solved for all tokens together, so a token gets what the others of its sentences do not explain; a
    rare one stays near the mean of the English vectors.
    """
    middle = english[len(SPECIAL) :].mean(axis=0)
    x = _counts(zh, n_fixed + n_learned)
    y = _counts(en, n_fixed + n_learned)[:, :n_fixed] @ (english - middle).astype(np.float32)
    # English words inside the Chinese side explain themselves.
    y -= x[:, :n_fixed] @ (english - middle).astype(np.float32)
    x = x[:, n_fixed:]
    scale = scipy.sparse.diags(1 / np.sqrt(np.maximum(1, zh.lengths)).astype(np.float32))
    x, y = (scale @ x).tocsr(), scale @ y
    normal = (x.T @ x + 0.3 * scipy.sparse.identity(n_learned, dtype=np.float32)).tocsr()
    right = x.T @ y
    # Conjugate gradients, one for each of the dimensions side by side, scaled by the diagonal.
    diagonal = normal.diagonal()[:, None]
    found = np.zeros_like(right)
    rest = right.copy()
    step = rest / diagonal
    direction = step.copy()
    size = (rest * step).sum(axis=0)
    for _ in range(30):
        product = normal @ direction
        length = size / np.maximum((direction * product).sum(axis=0), 1e-12)
        found += length * direction
        rest -= length * product
        step = rest / diagonal
        new = (rest * step).sum(axis=0)
        direction = step + new / np.maximum(size, 1e-12) * direction
        size = new
    return (found + middle).astype(np.float32)


def _counts(texts: Texts, n: int) -> scipy.sparse.csr_matrix:
    ones = np.ones(len(texts.numbers), dtype=np.float32)
    return scipy.sparse.csr_matrix((ones, texts.numbers, texts.starts), shape=(len(texts), n))


def hard_negatives(queries: Texts, passages: Texts, same: np.ndarray, n: int, n_tokens: int) -> np.ndarray:
    """For each query the numbers of n passages that share its words but belong to another query, `(queries, n)`.

    BM25 over the tokens; the nearest two are left out, because they are often right. `same`: equal numbers for
    equal queries. -1 where there are not enough.
    """
    counts = _counts(passages, n_tokens)
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    df = np.bincount(counts.indices, minlength=n_tokens)
    idf = np.log(1 + (len(passages) - df + 0.5) / (df + 0.5)).astype(np.float32)
    k = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    weights = counts.copy()
    weights.data = idf[counts.indices] * counts.data * 2.2 / (counts.data + np.repeat(k, np.diff(counts.indptr)))
    # Tokens of every second passage say nothing and cost most of the time.
    weights = weights.multiply((df < len(passages) / 50)[None, :]).tocsr().T.tocsr()
    asked = _counts(queries, n_tokens)
    found = np.full((len(queries), n), -1, dtype=np.int32)
    for i in range(len(queries)):
        scores = asked[i] @ weights
        order = np.argsort(-scores.data)[: n * 2 + 12]
        near = scores.indices[order]
        near = near[same[near] != same[i]][2 : 2 + n]
        found[i, : len(near)] = near
    return found


def by_source(records: Sequence[Record], field: str) -> dict[str, list[str]]:
    """The texts of one field, by source."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in records:
        found[record["src"]].append(record[field])
    return dict(found)
