"""Which documents are the same, or nearly: found by samples of their shingles, proved by their whole text."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from qianxun.documents.dedupe import likeness, sampled_shingles
from qianxun.filters import Filter
from qianxun.records import Asker, Document
from qianxun.storage.store import Store

# From what so many documents share (a letterhead, a licence) nothing follows for the rest of them.
MAX_SHARING: Final = 64
# How far below the least likeness a sample may lie, by chance, of a pair that is alike enough.
_MARGIN: Final = 0.7


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Documents that say the same, the longest first. `likeness` is the least of its pairs; 1.0: the same text."""

    documents: tuple[Document, ...]
    likeness: float


def find_duplicates(store: Store, asker: Asker, least: float, where: Filter | None = None) -> list[DuplicateGroup]:
    """Groups of documents that the asker may see and that the filter lets through, of which each shares `least` of its
    text with another of the group.

    The share is of the longer text of a pair, so an extract is not its whole; the order of parts does not count. Files
    inside files are documents too.
    """
    visible = {document.id: document for document in store.documents(asker, where) if document.chunks}
    alike: dict[tuple[int, int], float] = {}
    for first, second in _candidates(store, visible, least):
        share = _share(store, visible[first], visible[second])
        if share >= least:
            alike[first, second] = share
    return sorted(_groups(visible, alike), key=lambda group: (-len(group.documents), group.documents[0].source))


def _candidates(store: Store, visible: Mapping[int, Document], least: float) -> list[tuple[int, int]]:
    """Pairs of documents whose samples share so much that they are worth a look."""
    import numpy as np

    if len(visible) < 2:
        return []
    samples = {id_: sampled_shingles(store.text(id_)) for id_ in visible}
    hashes = np.concatenate(list(samples.values()))
    owners = np.repeat(list(samples), [len(sample) for sample in samples.values()])
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    bounds = [0, *(np.flatnonzero(hashes[1:] != hashes[:-1]) + 1).tolist(), len(hashes)]
    shared: Counter[tuple[int, int]] = Counter()
    for start, end in itertools.pairwise(bounds):
        if 2 <= end - start <= MAX_SHARING:
            shared.update(itertools.combinations(sorted(owners[start:end].tolist()), 2))
    return [(a, b) for (a, b), n in shared.items() if n >= _MARGIN * least * max(len(samples[a]), len(samples[b]))]


def _share(store: Store, first: Document, second: Document) -> float:
    """How much of the longer document's text the other one says."""
    if first.digest and first.digest == second.digest:
        return 1.0
    shorter, longer = sorted((store.text(first.id), store.text(second.id)), key=len)
    return likeness(longer, shorter)


def _groups(visible: Mapping[int, Document], alike: Mapping[tuple[int, int], float]) -> Iterator[DuplicateGroup]:
    """Documents that hang together through pairs."""
    lead = {document: document for pair in alike for document in pair}

    def found(document: int) -> int:
        while lead[document] != document:
            lead[document] = lead[lead[document]]
            document = lead[document]
        return document

    for a, b in alike:
        lead[found(a)] = found(b)
    members: defaultdict[int, list[int]] = defaultdict(list)
    shares: defaultdict[int, list[float]] = defaultdict(list)
    for document in lead:
        members[found(document)].append(document)
    for (a, _), share in alike.items():
        shares[found(a)].append(share)
    for first, ids in members.items():
        documents = sorted((visible[id_] for id_ in ids), key=lambda d: (-d.chars, d.source))
        yield DuplicateGroup(tuple(documents), min(shares[first]))
