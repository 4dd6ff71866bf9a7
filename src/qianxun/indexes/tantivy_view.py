"""What Tantivy finds in one of its commits: questions and filters as the engine's queries.

Filters of labels and equal fields are the engine's; ranges, prefixes and parts of texts it cannot do, and for those the
store's list of documents is used instead.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qianxun import text as matching
from qianxun.filters import And, AnyLabel, Contains, Equals, Filter, Not, Or, Prefix, Range
from qianxun.indexes.exact_lexical import NEAR, SCORE_DIGITS, attainable_score, idf, parts_of, worth
from qianxun.protocols import Ids, Where
from qianxun.records import CHUNK_BITS, Hit, Query

# Tantivy drops longer terms without a word.
MAX_VALUE_BYTES = 65_000
_MAX_KEPT = 50_000
# Asked for beyond k, so that equal scores at the end can be put in the order of their ids.
_SPARE = 16
# A filter that the engine cannot express is a list of documents to it. From so many on, hits are first looked for
# without it and dropped afterwards, among so many at most.
_MANY_DOCUMENTS = 5_000
_MOST_SEEN = 1_000


@dataclass(frozen=True, slots=True)
class View:
    """The engine as of one commit. `n_chunks` counts removed ones that the engine still counts in BM25."""

    generation: str
    index: Any
    searcher: Any
    n_chunks: int
    # (field, term) → chunks with it. Questions share their common terms, and asking the engine costs 9 µs each.
    frequencies: dict[tuple[str, str | bytes], int] = field(default_factory=dict)
    # (field, terms, filter) → whether a chunk that the filter lets through has all of them: 300 µs each.
    presences: dict[tuple[str, tuple[str | bytes, ...], Filter | None], bool] = field(default_factory=dict)

    def frequency(self, name: str, term: str | bytes) -> int:
        """In how many chunks a term is, removed ones that the engine still counts included."""
        found = self.frequencies.get((name, term))
        if found is None:
            if len(self.frequencies) >= _MAX_KEPT:
                self.frequencies.clear()
            found = self.frequencies[name, term] = int(self.searcher.doc_freq(name, term))
        return found

    def idf(self, name: str, term: str) -> float:
        """How much a term tells."""
        return idf(self.n_chunks, self.frequency(name, term))

    def search(self, query: Query, k: int, where: Where | None) -> list[Hit]:
        """At most k hits, k > 0, best first, ties by ascending chunk id."""
        import tantivy

        schema = self.index.schema

        def any_of(name: str, terms: Iterable[str]) -> list[Any]:
            return [
                (tantivy.Occur.Should, tantivy.Query.term_query(schema, name, term, index_option="freq"))
                for term in terms
                if self.frequency(name, term)
            ]

        def all_of(way: Sequence[str]) -> Any:
            """Chunks with every word of a way, by the sum of their scores; None if there is none."""
            if not all(self.frequency("words", term) for term in way):
                return None
            return tantivy.Query.boolean_query([(tantivy.Occur.Must, term) for _, term in any_of("words", way)])

        single, pieces = parts_of(query)
        should = any_of("words", single) + any_of("characters", dict.fromkeys(query.characters))
        for ways, near in pieces:
            asked = any_of("words", ways[0])
            others = [(way, 1.0) for way in ways[1:]] + [(way, NEAR) for way in near]
            queries = [
                tantivy.Query.boost_query(whole, part * worth(way, ways[0], lambda term: self.idf("words", term)))
                for way, part in others
                if (whole := all_of(way)) is not None
            ]
            if not queries:
                should += asked  # plain words: what cannot score enough is skipped
            else:
                queries += [tantivy.Query.boolean_query(asked)] if asked else []
                should.append((tantivy.Occur.Should, tantivy.Query.disjunction_max_query(queries)))
        if not should:
            return []
        attainable = attainable_score(
            query,
            lambda term: self.idf("words", term),
            lambda term: self.idf("characters", term),
            lambda term: self.frequency("words", term) > 0,
        )
        question = tantivy.Query.boolean_query(should)
        conditions = self._each("words", query.must) + self._each("characters", query.must_characters)
        if where is not None and self._is_seen_later(where):
            found = self._best(_with(tantivy, question, conditions), k, where.documents)
            if found is not None:
                return [Hit(chunk, -score, attainable) for score, chunk in found]
        if where is not None:
            conditions.append(_condition(tantivy, schema, where))
        found = self._best(_with(tantivy, question, conditions), k)
        return [Hit(chunk, -score, attainable) for score, chunk in found or []]

    def _is_seen_later(self, where: Where) -> bool:
        """Whether hits are better looked at afterwards: a long list of documents costs the engine 1 ms per thousand."""
        if len(where.documents) <= _MANY_DOCUMENTS:
            return False
        import tantivy

        return _native(tantivy, self.index.schema, where.filter) is None

    def _best(self, question: Any, k: int, documents: Ids | None = None) -> list[tuple[float, int]] | None:
        """(-score, chunk) of at most k hits, best first, ties by ascending id.

        With `documents`, sorted ids, only of these; None if too few of them are among the first.
        """
        n = self.searcher.num_docs
        limit = min(n, k + _SPARE)
        while True:
            hits = self.searcher.search(question, limit, count=False).hits
            chunks = self.searcher.fast_field_values("chunk", [address for _, address in hits])
            found = [(-round(score, SCORE_DIGITS), chunk) for (score, _), chunk in zip(hits, chunks, strict=True)]
            last = found[-1][0] if found else 0.0
            if documents is not None:
                found = _of_documents(found, documents)
            # Go on until the last one is worse than the k-th, so that ties are cut by id and not by the engine.
            if len(hits) < limit or limit == n or (len(found) >= k and last > found[k - 1][0]):
                return sorted(found)[:k]
            if documents is not None and limit >= _MOST_SEEN:
                return None
            limit = min(n, limit * 4)

    def holds(self, name: str, terms: Sequence[str | bytes], where: Where | None = None) -> bool:
        """Whether a chunk that `where` lets through has all of these terms in a field."""
        if not all(self.frequency(name, term) for term in terms):
            return False
        if where is None and len(terms) == 1 and self.searcher.num_docs == self.n_chunks:
            return True
        key = name, tuple(terms), where.filter if where is not None else None
        found = self.presences.get(key)
        if found is None:
            if len(self.presences) >= _MAX_KEPT:
                self.presences.clear()
            found = self.presences[key] = self._holds(name, terms, where)
        return found

    def _holds(self, name: str, terms: Sequence[str | bytes], where: Where | None) -> bool:
        if where is not None and self._is_seen_later(where):
            found = self._best(self._conditions(name, terms, None), 1, where.documents)
            if found is not None:
                return bool(found)
        return bool(self.searcher.search(self._conditions(name, terms, where), 1, count=False).hits)

    def similar(
        self, term: str, mistakes: int, most: int, where: Where | None, beside: Sequence[str]
    ) -> tuple[str, ...]:
        """See `Index.similar`. The dictionary is read where words near the term can begin: 1 ms for 3,000 words."""
        looked_at = self._conditions("words", beside, where)
        known = [
            found
            for beginning in matching.beginnings(term)
            for found in self.searcher.terms_with_prefix("words", beginning, looked_at)
        ]
        return matching.nearest(term, known, most_mistakes=mistakes, most=most)

    def _conditions(self, name: str, terms: Sequence[str | bytes], where: Where | None) -> Any:
        """A query for the chunks that hold all of the terms and that `where` lets through."""
        import tantivy

        conditions = self._each(name, terms)
        if where is not None:
            conditions.append(_condition(tantivy, self.index.schema, where))
        # Without any condition the engine counts removed chunks, too.
        return tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, condition) for condition in conditions or [tantivy.Query.all_query()]]
        )

    def _each(self, name: str, terms: Iterable[str | bytes]) -> list[Any]:
        import tantivy

        schema = self.index.schema
        return [tantivy.Query.term_query(schema, name, term, index_option="basic") for term in terms]


def open_view(generation: Path, before: View | None) -> View:
    """What is committed in this folder; the engine of the view before is used again if it is the same folder."""
    import tantivy

    with panics():
        if before is not None and before.generation == generation.name:
            index = before.index
        else:
            index = tantivy.Index.open(str(generation))
            index.config_reader("manual")
        index.reload()
        segments = json.loads((generation / "meta.json").read_bytes())["segments"]
        return View(generation.name, index, index.searcher(), sum(segment["max_doc"] for segment in segments))


@contextlib.contextmanager
def panics() -> Iterator[None]:
    """A panic of the engine as RuntimeError: PyO3 raises it as a BaseException, which nobody catches."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(str(error)) from error


def bytes_of(value: str) -> bytes:
    """A value as the engine keeps it: bytes hold any text, even a file name that is no valid Unicode."""
    return value.encode("utf-8", "surrogatepass")


class _NotNative(Exception):
    """A part of a filter that the engine cannot express."""


def _of_documents(found: list[tuple[float, int]], documents: Ids) -> list[tuple[float, int]]:
    """Those (score, chunk) whose document is among the sorted ids."""
    import numpy as np

    theirs = np.array([chunk for _, chunk in found], np.int64) >> CHUNK_BITS
    places = np.minimum(np.searchsorted(documents, theirs), len(documents) - 1)
    return [one for one, among in zip(found, documents[places] == theirs, strict=True) if among]


def _with(tantivy: Any, question: Any, conditions: Sequence[Any]) -> Any:
    """A question that only finds what meets all conditions, which score nothing."""
    if not conditions:
        return question
    must = tantivy.Occur.Must
    unscored = [(must, tantivy.Query.const_score_query(condition, 0.0)) for condition in conditions]
    return tantivy.Query.boolean_query([(must, question), *unscored])


def _condition(tantivy: Any, schema: Any, where: Where) -> Any:
    native = _native(tantivy, schema, where.filter)
    if native is None:
        return tantivy.Query.term_set_query(schema, "document", where.documents.tolist())
    return native


def _native(tantivy: Any, schema: Any, where: Filter) -> Any | None:
    """The filter as the engine's query, None if it cannot express it."""
    try:
        return _translated(tantivy.Query, tantivy.Occur, schema, where)
    except _NotNative:
        return None


def _translated(query: Any, occur: Any, schema: Any, where: Filter) -> Any:
    """The filter as the engine's query. Raises _NotNative for ranges, prefixes, parts and values too long."""
    match where:
        case AnyLabel(labels):
            return query.term_set_query(schema, "label", [_indexed(label) for label in sorted(labels)])
        case Equals(name, value):
            return query.term_query(schema, name, _indexed(value), index_option="basic")
        case And(parts):
            must = [(occur.Must, _translated(query, occur, schema, part)) for part in parts]
            return query.boolean_query(must) if must else query.all_query()
        case Or(parts):
            should = [(occur.Should, _translated(query, occur, schema, part)) for part in parts]
            return query.boolean_query(should) if should else query.empty_query()
        case Not(part):
            # A boolean query of nothing but must-not matches nothing.
            return query.boolean_query(
                [(occur.Must, query.all_query()), (occur.MustNot, _translated(query, occur, schema, part))]
            )
        case Prefix() | Contains() | Range():
            raise _NotNative


def _indexed(value: str) -> bytes:
    data = bytes_of(value)
    if len(data) > MAX_VALUE_BYTES:
        raise _NotNative
    return data
