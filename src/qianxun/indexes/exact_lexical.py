"""`exact-lexical`: BM25 over words and single characters in plain Python. The reference for other lexical indexes.

A score is the sum of two BM25 scores, one of the field of words and one of the field of characters
(`qianxun.text`), each with its own lengths and frequencies. A commit writes all rows again.

BM25 as Lucene and Tantivy compute it (k1 = 1.2, b = 0.75): Robertson and Zaragoza, "The Probabilistic
Relevance Framework: BM25 and Beyond", 2009, with idf = ln(1 + (N - n + 0.5) / (n + 0.5)) and field
lengths rounded down to what one byte can hold (Lucene's `SmallFloat.intToByte4`).
"""

import bisect
import functools
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from qianxun import text as matching
from qianxun.filters import matches
from qianxun.indexes.state import IndexFolder, State, write_file
from qianxun.protocols import Held, Ids, Where
from qianxun.records import CHUNK_BITS, Hit, IndexRow, Query
from qianxun.settings import IndexSettings

NAME = "exact-lexical"
K1 = 1.2
B = 0.75
# Scores are sums of float32 in an order of the engine's choosing: beyond this many digits they are noise,
# which would decide ties.
SCORE_DIGITS = 4
# What a chunk scores for a word that is only near what was asked, as a part of what the word itself scores.
NEAR = 0.6


@dataclass(frozen=True, slots=True)
class _Row:
    """A chunk as it is kept: terms joined by spaces, and what filters look at."""

    words: str
    characters: str
    language: str
    labels: tuple[str, ...]
    source: str
    title: str
    format: str
    modified: str


class _Field:
    """The postings of one field: term → {chunk: occurrences}, and the rounded lengths."""

    def __init__(self, texts: Mapping[int, str]) -> None:
        self.n_chunks = len(texts)
        self.postings: dict[str, dict[int, int]] = {}
        self.lengths: dict[int, int] = {}
        n_terms = 0
        for chunk, text in texts.items():
            counts = Counter(text.split())
            n_terms += counts.total()
            self.lengths[chunk] = rounded_length(counts.total())
            for term, n in counts.items():
                self.postings.setdefault(term, {})[chunk] = n
        self.mean_length = n_terms / len(texts) if texts else 0.0

    def idf(self, term: str) -> float:
        return idf(self.n_chunks, len(self.postings.get(term, ())))

    def scores_whole(self, terms: Sequence[str], part: float = 1.0) -> Counter[int]:
        """Chunk with all of these terms → the sum of what they score in it, or a part of that."""
        whole = set.intersection(*(set(self.postings.get(term, ())) for term in terms))
        return Counter({chunk: score * part for chunk, score in self.scores(terms).items() if chunk in whole})

    def scores(self, terms: Sequence[str]) -> Counter[int]:
        """Chunk → the sum of what these terms score in it."""
        scores: Counter[int] = Counter()
        for term in terms:
            weight = self.idf(term) * (K1 + 1)
            for chunk, n in self.postings.get(term, {}).items():
                norm = K1 * (1 - B + B * self.lengths[chunk] / self.mean_length)
                scores[chunk] += weight * n / (n + norm)  # type: ignore[assignment]
        return scores


class _Snapshot:
    """What is committed. Postings are made at the first search."""

    def __init__(self, rows: dict[int, _Row]) -> None:
        self.rows = rows
        self._fields: tuple[_Field, _Field] | None = None

    @property
    def fields(self) -> tuple[_Field, _Field]:
        if self._fields is None:
            self._fields = (
                _Field({chunk: row.words for chunk, row in self.rows.items()}),
                _Field({chunk: row.characters for chunk, row in self.rows.items()}),
            )
        return self._fields


class ExactLexicalIndex:
    """Brute force BM25. Made by `open_index`."""

    name = NAME
    kind = "lexical"

    def __init__(self, folder: IndexFolder, settings: IndexSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._committed = folder.load(self._opened)
        self._changed: dict[int, _Row] | None = None

    def _opened(self, state: State) -> _Snapshot:
        rows: dict[int, _Row] = {}
        for name in state.files:
            with self._folder.check(name).open(encoding="utf-8", errors="surrogatepass") as lines:
                for line in lines:
                    chunk, words, characters, language, labels, *described = json.loads(line)
                    rows[chunk] = _Row(words, characters, language, tuple(labels), *described)
        return _Snapshot(rows)

    def _refresh(self) -> None:
        with self._folder.guard:
            if self._folder.refresh():
                self._committed = self._folder.load(self._opened)

    @property
    def revision(self) -> int:
        self._refresh()
        return self._folder.state.revision

    def ids(self) -> Ids:
        self._refresh()
        return np.array(sorted(self._committed.rows), np.int64)

    def _working(self) -> dict[int, _Row]:
        if self._changed is None:
            self._refresh()
            self._folder.begin()
            self._changed = dict(self._committed.rows)
        return self._changed

    def upsert(self, rows: Sequence[IndexRow]) -> None:
        now = self._working()
        for row in rows:
            if row.chunk not in now or set(now[row.chunk].labels) != set(row.labels):
                folded, language = matching.fold(row.text), matching.stemming_language(row.text)
                now[row.chunk] = _Row(
                    " ".join(matching.words(folded, language)),
                    " ".join(matching.characters(folded)),
                    language,
                    tuple(row.labels),
                    row.source,
                    row.title,
                    row.format,
                    row.modified,
                )

    def remove(self, documents: Sequence[int]) -> None:
        now = self._working()
        gone = set(documents)
        for chunk in [chunk for chunk in now if chunk >> CHUNK_BITS in gone]:
            del now[chunk]

    def commit(self, revision: int) -> None:
        now = self._working()
        generation = self._folder.begin()
        name = f"{self._folder.state.serial + 1:06d}.rows.jsonl"
        lines = (_line(chunk, now[chunk]) for chunk in sorted(now))
        with self._folder.writing():
            files = {name: write_file(generation / name, lines)}
        self._folder.commit(revision, files, {})
        self._folder.tidy()
        self._committed, self._changed = _Snapshot(now), None

    def fresh(self) -> "ExactLexicalIndex":
        folder = self._folder
        return open_index(
            folder.directory, fingerprint=folder.fingerprint, settings=self._settings, dim=None, fresh=True
        )

    def search(self, query: Query, k: int, where: Where | None = None) -> list[Hit]:
        self._refresh()
        if k <= 0 or not (query.words or query.characters):
            return []
        words, characters = self._committed.fields
        single, pieces = parts_of(query)
        scores = words.scores(single)
        for ways, near in pieces:
            best = words.scores(ways[0])
            for way in ways[1:]:
                best |= words.scores_whole(way, worth(way, ways[0], words.idf))
            for way in near:
                best |= words.scores_whole(way, NEAR * worth(way, ways[0], words.idf))
            scores += best
        scores += characters.scores(list(dict.fromkeys(query.characters)))
        attainable = attainable_score(query, words.idf, characters.idf, lambda term: term in words.postings)
        needed = [words.postings.get(term, {}) for term in query.must]
        needed += [characters.postings.get(term, {}) for term in query.must_characters]
        found = [
            (-round(float(score), SCORE_DIGITS), chunk)
            for chunk, score in scores.items()
            if (where is None or matches(where.filter, self._committed.rows[chunk]))
            and all(chunk in postings for postings in needed)
        ]
        return [Hit(chunk, -score, attainable) for score, chunk in sorted(found)[:k]]

    def verify(self) -> None:
        """Reads every file to the last byte. Raises StaleIndex naming a damaged one."""
        self._folder.verify()

    def held(self, chunks: Sequence[int]) -> Held:
        return Held(np.empty(0, np.int64), np.empty((0, 0), np.float32), np.empty(0, np.uint8))

    def idf(self, words: Sequence[str]) -> dict[str, float]:
        self._refresh()
        field, _ = self._committed.fields
        return {word: field.idf(word) for word in words}

    def languages(self) -> frozenset[str]:
        self._refresh()
        return frozenset(row.language for row in self._committed.rows.values())

    def holds(self, words: Sequence[str], where: Where | None = None) -> bool:
        return bool(self._chunks_with(words, where))

    def similar(
        self, term: str, *, mistakes: int, most: int, where: Where | None = None, beside: Sequence[str] = ()
    ) -> tuple[str, ...]:
        looked_at = self._chunks_with(beside, where)
        field, _ = self._committed.fields
        counts = ((word, len(looked_at & chunks.keys())) for word, chunks in field.postings.items())
        return matching.nearest(term, [c for c in counts if c[1]], most_mistakes=mistakes, most=most)

    def _chunks_with(self, words: Sequence[str], where: Where | None) -> set[int]:
        self._refresh()
        field, _ = self._committed.fields
        allowed = {c for c, row in self._committed.rows.items() if where is None or matches(where.filter, row)}
        return allowed.intersection(*(field.postings.get(word, ()) for word in words))

    def close(self) -> None:
        self._folder.abandon()
        self._changed = None


def open_index(
    directory: Path,
    *,
    fingerprint: str,
    settings: IndexSettings,
    dim: int | None = None,
    read_only: bool = False,
    fresh: bool = False,
) -> ExactLexicalIndex:
    """The index in this folder; empty if there is none. `fresh`: an empty one that replaces it when committed.

    `dim` means nothing here. Raises StaleIndex if it is damaged or of another fingerprint.
    """
    folder = IndexFolder(directory, name=NAME, fingerprint=fingerprint, read_only=read_only, fresh=fresh)
    return ExactLexicalIndex(folder, settings)


Ways: TypeAlias = tuple[tuple[str, ...], ...]


def parts_of(query: Query) -> tuple[list[str], list[tuple[Ways, Ways]]]:
    """The words that count for themselves, and of each piece that can be written otherwise its ways and what is near.

    A piece scores what the best of them does: as asked the sum of its words that a chunk has; otherwise written the
    sum of all, in chunks that have them all, times what it is `worth`; what is near it NEAR of that.
    """
    near = {asked: others for asked, *others in query.similar}
    in_pieces = {term for ways in query.alternatives for term in ways[0]}
    single = [term for term in dict.fromkeys(query.words) if term not in in_pieces]
    return single, [(ways, tuple(near.get(ways[0], ()))) for ways in query.alternatives]


def worth(way: Sequence[str], asked: Sequence[str], idf_of_word: Callable[[str], float]) -> float:
    """The part at which another way to write a piece counts, in (0, 1]: it is worth no more than what was asked.

    2023 is one word, 二零二三年 are four pairs of characters, each rarer than it.
    """
    mass = sum(map(idf_of_word, way))
    return min(1.0, sum(map(idf_of_word, asked)) / mass) if mass > 0.0 else 1.0


def attainable_score(
    query: Query,
    idf_of_word: Callable[[str], float],
    idf_of_character: Callable[[str], float],
    is_known: Callable[[str], bool],
) -> float:
    """The most that this question could score: of a piece the way of most weight among those that occur whole.

    Where none does, the way that was asked: what nobody writes cannot have been attained. What is near it is not it.
    """
    single, pieces = parts_of(query)
    total = sum(map(idf_of_word, single)) + sum(map(idf_of_character, dict.fromkeys(query.characters)))
    for ways, _ in pieces:
        written = [way for way in ways if all(map(is_known, way))] or ways[:1]
        total += max(worth(way, ways[0], idf_of_word) * sum(map(idf_of_word, way)) for way in written)
    return total * (K1 + 1)


def idf(n_chunks: int, n_with_term: int) -> float:
    """How much a term tells: ln(1 + (N - n + 0.5) / (n + 0.5)), never negative."""
    return math.log(1 + (n_chunks - n_with_term + 0.5) / (n_with_term + 0.5))


def rounded_length(n_terms: int) -> int:
    """A field's length as its one byte holds it: rounded down to four significant bits above 40."""
    lengths = _lengths()
    return lengths[bisect.bisect_right(lengths, n_terms) - 1]


@functools.cache
def _lengths() -> list[int]:
    # Lucene's SmallFloat: 0 … 39 as they are, then 40 + the 4-bit floats (3 bits of mantissa, one implied).
    return [b if b < 24 else 24 + _float4(b - 24) for b in range(256)]


def _float4(byte: int) -> int:
    mantissa, exponent = byte & 0x07, (byte >> 3) - 1
    return mantissa if exponent < 0 else (mantissa | 0x08) << exponent


def _line(chunk: int, row: _Row) -> bytes:
    values = [chunk, *astuple(row)]
    return (json.dumps(values, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
