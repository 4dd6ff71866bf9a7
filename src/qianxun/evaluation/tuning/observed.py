"""Searches asked again with other settings, from what indexes, store and models said the first time.

A `Searcher` whose parts remember: the same search as everybody's runs on them with whatever settings, so there is no
second way of ranking that could differ from the first, and what it asks of them again costs nothing. What no setting
asked for yet (more candidates, a passage that the reranker has not judged) is asked for once. Only what a part is asked
decides what it says: that holds as long as nobody writes meanwhile (`unchanged`).
"""

import dataclasses
import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from qianxun.errors import Busy, InputError
from qianxun.filters import Filter
from qianxun.protocols import Delta, Encoder, Generator, Held, Index, Message, Reranker, Sampling, Vectors, Where
from qianxun.records import Asker, Document, Hit, Passage, Query, SearchResult
from qianxun.retrieval.search import Searcher
from qianxun.retrieval.signals import Counts
from qianxun.storage.feedback import Feedback
from qianxun.storage.store import Store, StoredChunk

# Scores are shown with six digits; where a document's age counts, the last may differ from one second to the next.
_SAME: Final = 1.5e-6


@dataclass(frozen=True, slots=True)
class Observed:
    """A searcher that remembers what its parts said, for one asker. Settings are those in force unless others are
    given.
    """

    searcher: Searcher
    asker: Asker
    real: Searcher

    @classmethod
    def of(cls, searcher: Searcher, asker: Asker) -> "Observed":
        """What `searcher` finds for this asker. Nothing is asked yet."""
        in_force = searcher.adapter()
        feedback = searcher.feedback()
        kept = None if feedback is None else _Feedback(feedback)

        @functools.cache  # opened at first need: a model in process takes long to load, and most searches need none
        def writing() -> Generator | None:
            generator = searcher.generator()
            return None if generator is None else _Generator(generator)

        remembering = dataclasses.replace(
            searcher,
            store=_Store(searcher.store),  # type: ignore[arg-type]
            indexes=[_Index(index) for index in searcher.indexes],
            encoder=_Encoder(searcher.encoder),
            reranker=None if searcher.reranker is None else _Reranker(searcher.reranker),
            adapter=lambda: in_force,
            feedback=lambda: kept,  # type: ignore[arg-type,return-value]
            generator=writing,
            threads=None,  # what is remembered is never late
        )
        return cls(remembering, asker, searcher)

    def search(self, question: str, k: int, values: Mapping[str, Any] | None = None) -> SearchResult:
        """At most k passages with these settings (`section.key` → value) over those in force."""
        return with_values(self.searcher, values or {}).search(question, asker=self.asker, k=k)

    def check(self, question: str, k: int) -> SearchResult:
        """The search as it is, compared with the product's own: the same passages, order and scores.

        Raises InputError if they differ, or if the search had to do without something.
        """
        found, product = self.search(question, k), self.real.search(question, asker=self.asker, k=k)
        if not _same(found.passages, product.passages):
            raise InputError(
                "The question {question!r} does not find the same passages when it is searched again, so no settings "
                "can be compared.",
                remedy="Documents or models change meanwhile: wait until nothing is added, and run it again.",
                question=question,
            )
        missing = [text for text in product.degraded if not text.startswith(("question:", "phrase:"))]
        if missing:
            raise InputError(
                "A search did without something ({what}); settings tuned on that would suit no other.",
                remedy="Mend it, and run it again.",
                what=missing[0],
            )
        return product

    def unchanged(self, revision: int) -> None:
        """Raises Busy if documents changed since the store was at this revision."""
        if self.real.store.revision != revision:
            raise Busy("Documents were added or removed meanwhile; nothing is kept.", remedy="Run the command again.")


def with_values(searcher: Searcher, values: Mapping[str, Any]) -> Searcher:
    """The searcher with settings of [search], [signals] and [reranker] by their keys."""
    changes: dict[str, dict[str, Any]] = {"search": {}, "signals": {}, "reranker": {}}
    for key, value in values.items():
        section, _, name = key.partition(".")
        changes[section][name] = value
    return dataclasses.replace(
        searcher,
        settings=dataclasses.replace(searcher.settings, **changes["search"]),
        rules=dataclasses.replace(searcher.rules, **changes["signals"]),
        reranking=dataclasses.replace(searcher.reranking, **changes["reranker"]),
    )


def _same(one: Sequence[Passage], other: Sequence[Passage]) -> bool:
    return [p.chunk for p in one] == [p.chunk for p in other] and all(
        abs(a.score - b.score) <= _SAME and a.relevant == b.relevant for a, b in zip(one, other, strict=True)
    )


# -- parts that remember ---------------------------------------------------------------------------------------------


class _Index:
    """An index whose hits are remembered. Satisfies `Index` as far as a search asks it."""

    def __init__(self, index: Index) -> None:
        self.name, self.kind, self.revision = index.name, index.kind, index.revision
        self._index = index
        self._languages = index.languages()
        self._hits: dict[Any, list[Hit]] = {}
        self._rows: dict[int, tuple[Vectors, int]] = {}
        self._dim = 0
        self._held: dict[tuple[int, ...], list[int]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def languages(self) -> frozenset[str]:
        """As the index has them."""
        return self._languages

    def search(self, query: Query, k: int, where: Where | None = None) -> list[Hit]:
        """As the index finds them; each depth is asked for itself, since an approximate index may find others."""
        # A vector is no part of what makes two queries equal, and another one asks for something else.
        vector = None if query.vector is None or self.kind != "dense" else query.vector.tobytes()  # type: ignore[attr-defined]
        key = (query, vector, k, None if where is None else where.filter)
        if key not in self._hits:
            self._hits[key] = self._index.search(query, k, where)
        return self._hits[key]

    def held(self, chunks: Sequence[int]) -> Held:
        """In the order in which the index gives them, so that sums round alike. Each vector is kept once."""
        import numpy as np

        key = tuple(chunks)
        if key not in self._held:
            ids, rows, scripts = self._index.held(chunks)
            self._held[key], self._dim = ids.tolist(), rows.shape[1]
            for id, row, script in zip(self._held[key], rows, scripts.tolist(), strict=True):
                self._rows.setdefault(id, (row.copy(), script))
            return Held(ids, rows, scripts)
        held = self._held[key]
        rows = np.stack([self._rows[id][0] for id in held]) if held else np.empty((0, self._dim), np.float32)
        scripts = np.fromiter((self._rows[id][1] for id in held), np.uint8, len(held))
        return Held(np.asarray(held, dtype=np.int64), rows, scripts)


class _Store:
    """A store whose passages are remembered. Satisfies `Store` as far as a search asks it."""

    def __init__(self, store: Store) -> None:
        self.revision = store.revision
        self._store = store
        self._passages: dict[Filter | None, dict[int, tuple[Document, StoredChunk] | None]] = {}
        self._matching: dict[Filter, Any] = {}
        self._live: dict[int, Document | None] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def matching(self, where: Filter) -> Any:
        """As the store has it."""
        if where not in self._matching:
            self._matching[where] = self._store.matching(where)
        return self._matching[where]

    def passages(self, ids: Sequence[int], where: Filter | None) -> dict[int, tuple[Document, StoredChunk]]:
        """As the store has them: its gate was asked with this filter."""
        known = self._passages.setdefault(where, {})
        new = [id for id in ids if id not in known]
        if new:
            found = self._store.passages(new, where)
            known.update((id, found.get(id)) for id in new)
        return {id: one for id in ids if (one := known[id]) is not None}

    def live(self, documents: Sequence[int]) -> dict[int, Document]:
        """As the store has them."""
        new = [id for id in documents if id not in self._live]
        if new:
            found = self._store.live(new)
            self._live.update((id, found.get(id)) for id in new)
        return {id: one for id in documents if (one := self._live[id]) is not None}


class _Feedback:
    """Feedback whose counts are remembered."""

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback
        self._known: set[int] = set()
        self._counted: tuple[dict[int, Counts], dict[int, Counts]] = ({}, {})

    def counts(self, documents: Sequence[int]) -> tuple[Mapping[int, Counts], Mapping[int, Counts]]:
        """Of these documents, and of all that were asked for before."""
        new = [document for document in documents if document not in self._known]
        if new:
            for kept, found in zip(self._counted, self._feedback.counts(new), strict=True):
                kept.update(found)
            self._known.update(new)
        return self._counted


class _Encoder:
    """An encoder that encodes no question twice. Satisfies `Encoder`."""

    def __init__(self, encoder: Encoder) -> None:
        self.name = encoder.name
        self._encoder = encoder
        self._known: dict[tuple[str, str], Vectors] = {}

    @property
    def fingerprint(self) -> str:
        """As the encoder has it."""
        return self._encoder.fingerprint

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._encoder.dim

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows."""
        return self._encoded("query", texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows."""
        return self._encoded("passage", texts)

    def _encoded(self, kind: str, texts: Sequence[str]) -> Vectors:
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if (kind, text) not in self._known]
        if new:
            encode = self._encoder.encode_queries if kind == "query" else self._encoder.encode_passages
            self._known.update(((kind, text), row) for text, row in zip(new, encode(new), strict=True))
        if not texts:
            return np.empty((0, self.dim), np.float32)
        return np.stack([self._known[kind, text] for text in texts])


class _Reranker:
    """A reranker that judges no passage twice. Satisfies `Reranker`."""

    def __init__(self, reranker: Reranker) -> None:
        self.name = reranker.name
        self._reranker = reranker
        self._known: dict[tuple[str, str | None], dict[str, float]] = {}

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        """(n,) float32, P(relevant) in [0, 1], in the order given."""
        import numpy as np

        known = self._known.setdefault((question, instruction), {})
        new = [text for text in dict.fromkeys(passages) if text not in known]
        if new:
            given = {} if instruction is None else {"instruction": instruction}
            known.update(zip(new, self._reranker.score(question, new, **given).tolist(), strict=True))
        return np.asarray([known[text] for text in passages], dtype=np.float32)


class _Generator:
    """A generator that writes nothing twice. Satisfies `Generator` as far as a search asks it."""

    def __init__(self, generator: Generator) -> None:
        self.name = generator.name
        self._generator = generator
        self._known: dict[tuple[Any, ...], list[Delta]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """As it was written the first time."""
        key = (tuple(messages), repr(schema), sampling)
        if key not in self._known:
            self._known[key] = [
                delta async for delta in self._generator.stream(messages, schema=schema, sampling=sampling)
            ]
        for delta in self._known[key]:
            yield delta
