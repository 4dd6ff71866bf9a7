"""Training examples: a question, passages that answer it, and hard negatives, which search finds and which do not.

Negatives that a person judged come first. The others are drawn from the best passages that a search finds without a
reranker, as the model that is trained will meet them; from all of them and not from the very best alone, since among
those may be an answer that nobody judged (false negatives: Qu et al., RocketQA, NAACL 2021). What answers a question
that is held back is a negative of none. Every text comes from the store, through the asker's filter.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.documents.split import indexed_text
from qianxun.evaluation.pairs import Accepted, JudgedQuestion
from qianxun.filters import visible_to
from qianxun.records import Asker, Passage
from qianxun.storage.enrichments import searched_text
from qianxun.storage.store import Store
from qianxun.training.division import Division

# Passages that negatives are drawn from.
DEPTH: Final = 30
# Of one document, and of all documents accepted for a question, so many chunks at most teach what an answer is.
_MAX_OF_DOCUMENT: Final = 2
_MAX_POSITIVES: Final = 4


@dataclass(frozen=True, slots=True)
class Example:
    """A question with chunks that answer it, best found first, and chunks that do not. Neither is empty.

    `accepted` are all chunks that answer, also those that are not among `positives`.
    """

    key: str
    question: str
    positives: tuple[int, ...]
    negatives: tuple[int, ...]
    accepted: frozenset[int]


@dataclass(frozen=True, slots=True)
class Examples:
    """`texts` are the chunks' as the model will see them; `documents` those that they are of.

    `n_judged` counts the negatives that a person judged; `n_unpaired` the questions for which nothing is left that does
    not answer, or that does.
    """

    examples: tuple[Example, ...]
    texts: Mapping[int, str]
    documents: tuple[int, ...]
    n_judged: int
    n_unpaired: int

    @property
    def n_positives(self) -> int:
        """How many pairs answer."""
        return sum(len(example.positives) for example in self.examples)

    @property
    def n_negatives(self) -> int:
        """How many pairs do not."""
        return sum(len(example.negatives) for example in self.examples)


def mined(
    division: Division,
    rejected: Mapping[str, Sequence[int]],
    *,
    search: Callable[[str], Sequence[Passage]],
    store: Store,
    asker: Asker,
    n_negatives: int,
    seed: int,
    maker: str = "",
    done: Callable[[], None] = lambda: None,
) -> Examples:
    """The examples of the questions to learn from, each with at most `n_negatives` that do not answer.

    `search` gives the best passages for a question that the asker may read. `maker` names the enrichment that the
    model sees with a chunk, "" if it sees none. `done` is called after each question. The same judgements, passages
    and seed give the same examples. Cost: a search for each question.
    """
    held_back = {chunk for q in division.held_back for one in q.accepted.values() for chunk in one.chunks}
    drawn = []
    for question in division.learning:
        found = search(question.text)
        drawn.append(_drawn(question, rejected.get(question.key, ()), found, held_back, n_negatives, seed))
        done()
    chunks = sorted({chunk for example in drawn for chunk in (*example.positives, *example.negatives)})
    texts, documents = _texts(store, chunks, asker, maker)
    kept = [whole for example in drawn if (whole := _with_texts(example, texts)).positives and whole.negatives]
    used = {chunk for example in kept for chunk in (*example.positives, *example.negatives)}
    judged = {example.key: set(rejected.get(example.key, ())) for example in kept}
    return Examples(
        tuple(kept),
        {chunk: texts[chunk] for chunk in sorted(used)},
        tuple(sorted({documents[chunk] for chunk in used})),
        n_judged=sum(chunk in judged[example.key] for example in kept for chunk in example.negatives),
        n_unpaired=len(drawn) - len(kept),
    )


def _drawn(
    question: JudgedQuestion,
    rejected: Sequence[int],
    found: Sequence[Passage],
    held_back: set[int],
    n_negatives: int,
    seed: int,
) -> Example:
    accepted = frozenset(chunk for one in question.accepted.values() for chunk in one.chunks)
    sources = {one.source for one in question.accepted.values()}
    negatives = [chunk for chunk in rejected if chunk not in accepted and chunk not in held_back][:n_negatives]
    # Other chunks of an accepted document may answer as well, and so does what says the same elsewhere.
    unjudged = [
        passage.chunk
        for passage in found
        if passage.document not in question.accepted
        and sources.isdisjoint((*passage.duplicates, *passage.near_duplicates))
        and passage.chunk not in held_back
        and passage.chunk not in negatives
    ]
    n_wanted = min(n_negatives - len(negatives), len(unjudged))
    places = random.Random(f"{seed}:{question.key}").sample(range(len(unjudged)), n_wanted)
    ranks = {passage.chunk: passage.rank for passage in found}
    return Example(
        question.key,
        question.text,
        _positives(question.accepted.values(), ranks),
        (*negatives, *(unjudged[place] for place in sorted(places))),
        accepted,
    )


def _positives(accepted: Collection[Accepted], ranks: Mapping[int, int]) -> tuple[int, ...]:
    """The chunks of accepted documents that are found first. Of a document accepted as a whole it is one."""
    chosen: list[int] = []
    for one in accepted:
        best_first = sorted(one.chunks, key=lambda chunk: (ranks.get(chunk, len(ranks) + 1), chunk))
        chosen += best_first[: 1 if one.whole else _MAX_OF_DOCUMENT]
    return tuple(sorted(chosen, key=lambda chunk: (ranks.get(chunk, len(ranks) + 1), chunk))[:_MAX_POSITIVES])


def _texts(store: Store, chunks: Sequence[int], asker: Asker, maker: str) -> tuple[dict[int, str], dict[int, int]]:
    """Chunk → text as the model sees it, and chunk → document, of what the asker may read."""
    found = store.passages(chunks, visible_to(asker))
    written = store.enrichments.of([chunk.hash for _, chunk in found.values()], maker) if maker else {}
    texts, documents = dict[int, str](), dict[int, int]()
    for id, (document, chunk) in found.items():
        kept = written.get(chunk.hash)
        text = searched_text(indexed_text(chunk.context, chunk.text), kept.enrichment if kept else None)
        if text.strip():
            texts[id], documents[id] = text, document.id
    return texts, documents


def _with_texts(example: Example, texts: Mapping[int, str]) -> Example:
    """The example without what has no text, and without negatives whose text is that of an answer."""
    positives = tuple(chunk for chunk in example.positives if chunk in texts)
    answers = {texts[chunk] for chunk in positives}
    negatives = tuple(chunk for chunk in example.negatives if chunk in texts and texts[chunk] not in answers)
    return Example(example.key, example.question, positives, negatives, example.accepted)
