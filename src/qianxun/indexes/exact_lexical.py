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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qianxun import text as matching
from qianxun.filters import matches
from qianxun.indexes.state import IndexFolder, State, write_file
from qianxun.protocols import Ids, Vectors, Where
from qianxun.records import CHUNK_BITS, Hit, IndexRow, Query
from qianxun.settings import IndexSettings

NAME = "exact-lexical"
K1 = 1.2
B = 0.75
# Scores are sums of float32 in an order of the engine's choosing: beyond this many digits they are noise,
# which would decide ties.
SCORE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class _Row:
    """A chunk as it is kept: terms joined by spaces, and what filters look at."""

    words: str
    characters: str
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

    def add_scores(self, terms: Sequence[str], scores: Counter[int]) -> None:
        for term in terms:
            weight = self.idf(term) * (K1 + 1)
            for chunk, n in self.postings.get(term, {}).items():
                norm = K1 * (1 - B + B * self.lengths[chunk] / self.mean_length)
                scores[chunk] += weight * n / (n + norm)  # type: ignore[assignment]


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
                    chunk, words, characters, labels, *described = json.loads(line)
                    rows[chunk] = _Row(words, characters, tuple(labels), *described)
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
                folded = matching.fold(row.text)
                now[row.chunk] = _Row(
                    " ".join(matching.words(folded)),
                    " ".join(matching.characters(folded)),
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
        questions = dict.fromkeys(query.words), dict.fromkeys(query.characters)
        scores: Counter[int] = Counter()
        attainable = 0.0
        for field, terms in zip(self._committed.fields, questions, strict=True):
            field.add_scores(list(terms), scores)
            attainable += sum(field.idf(term) for term in terms) * (K1 + 1)
        found = [
            (-round(float(score), SCORE_DIGITS), chunk)
            for chunk, score in scores.items()
            if where is None or matches(where.filter, self._committed.rows[chunk])
        ]
        return [Hit(chunk, -score, attainable) for score, chunk in sorted(found)[:k]]

    def verify(self) -> None:
        """Reads every file to the last byte. Raises StaleIndex naming a damaged one."""
        self._folder.verify()

    def vectors(self, chunks: Sequence[int]) -> tuple[Ids, Vectors]:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)

    def idf(self, words: Sequence[str]) -> dict[str, float]:
        self._refresh()
        field, _ = self._committed.fields
        return {word: field.idf(word) for word in words}

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
    values = [chunk, row.words, row.characters, row.labels, row.source, row.title, row.format, row.modified]
    return (json.dumps(values, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
