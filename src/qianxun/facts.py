"""What a knowledge base's folder holds: facts for people, and derived files that can no longer be opened."""

import contextlib
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qianxun import assemble
from qianxun.errors import Damaged, StaleIndex
from qianxun.protocols import Encoder, Index
from qianxun.retrieval.adapt import Adapter
from qianxun.settings import Settings, generator_of, maker_of
from qianxun.storage.adapter import AdapterFile
from qianxun.storage.store import Store

logger = logging.getLogger(__name__)


def of(directory: Path, store: Store, settings: Settings, searching: Encoder | None = None) -> dict[str, Any]:
    """What is in a knowledge base and what serves it; opens indexes but no document.

    `searching` is the encoder that searches of this process go through, if there were any.
    """
    counts = store.counts()
    chunks = counts.pop("chunks")
    model = assemble.encoder(settings)
    return {
        "directory": str(directory),
        "documents": counts,
        "chunks": chunks,
        "revision": store.revision,
        "encoder": {"name": model.name, "fingerprint": model.fingerprint, "dim": model.dim},
        "query_cache": {
            name: {"hits": hits, "misses": misses}
            for name, (hits, misses) in assemble.cache_counts(searching or model, settings).items()
        },
        "adapter": _of_adapter(directory, store, model),
        "reranker": assemble.name_of(settings.reranker),
        "generator": assemble.name_of(settings.generator),
        "enrichment": _of_enrichment(store, settings),
        "indexes": _of_indexes(directory, model, settings),
        "unfinished": [entry.source for entry in store.journal()],
        "bytes": bytes_below(directory),
        "free_bytes": shutil.disk_usage(directory).free,
    }


def _of_indexes(directory: Path, model: Encoder, settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in (settings.index.dense, settings.index.lexical):
        try:
            index = assemble.index(directory, name, model, settings, read_only=True)
        except StaleIndex as error:
            found[name] = {"problem": str(error)}
            continue
        with contextlib.closing(index):
            found[name] = {
                "revision": index.revision,
                "chunks": len(index.ids()),
                "reason": getattr(index, "reason", ""),
                "bytes": bytes_below(assemble.index_directory(directory, name, model, settings)),
            }
    return found


def _of_enrichment(store: Store, settings: Settings) -> dict[str, Any] | None:
    """What is written about chunks, and about how many of them; None if nothing is."""
    maker = maker_of(settings)
    if not maker:
        return None
    enriched, vain, waiting = store.enrichments.counts(maker)
    model = settings.enrichment.model or generator_of(settings.generator)
    return {"model": model, "maker": maker, "enriched": enriched, "vain": vain, "waiting": waiting}


def _of_adapter(directory: Path, store: Store, model: Encoder) -> dict[str, Any] | None:
    file = AdapterFile(directory)
    try:
        adapter = file.read()
    except Damaged as error:
        return {"in_force": False, "problem": str(error)}
    if adapter is None:
        return None
    found = file.in_force(model.fingerprint, model.dim)
    return {
        "in_force": found.adapter is not None,
        **({"problem": found.note} if found.note else {}),
        "made": adapter.made,
        "fingerprint": adapter.fingerprint,
        **adapter.facts,
        "documents": len(adapter.documents),
        "gone": n_gone(adapter, store),
    }


def n_gone(adapter: Adapter, store: Store) -> int:
    """How many of the documents that a query adapter learned from were removed or replaced since."""
    return len(adapter.documents) - len(store.live(adapter.documents))


def reset_unusable(directory: Path, store: Store, settings: Settings) -> list[str]:
    """Puts aside derived files that cannot even be opened, and names them; `rebuild` makes them again."""
    reset: list[str] = []
    model = assemble.encoder(settings)
    for name in (settings.index.dense, settings.index.lexical):
        try:
            with contextlib.closing(assemble.index(directory, name, model, settings)) as index:
                index.verify()
                if index.revision == 0:
                    store.forget_indexed(index.name)
        except StaleIndex as error:
            logger.warning("%s", error)
            shutil.rmtree(assemble.index_directory(directory, name, model, settings), ignore_errors=True)
            store.forget_indexed(name)
            reset.append(name)
    try:
        with contextlib.closing(assemble.vectors(directory, model)) as vectors:
            vectors.verify()
    except Damaged as error:
        logger.warning("%s", error)
        for path in assemble.vectors_directory(directory).glob(f"{model.fingerprint}.db*"):
            path.unlink()
        reset.append("vectors")
    return reset


def bytes_below(directory: Path) -> int:
    """The size of all files in a folder."""
    return sum(_sizes(directory))


def _sizes(directory: Path) -> Iterator[int]:
    for path in directory.rglob("*"):
        # A file may go while we look.
        with contextlib.suppress(OSError):
            if path.is_file():
                yield path.stat().st_size


@dataclass(frozen=True, slots=True)
class Figures:
    """A few counts of a knowledge base. `behind`: index → changes of the documents that it does not know yet."""

    documents: int
    failed: int
    chunks: int
    revision: int
    behind: Mapping[str, int]


def not_yet_indexed(store: Store, indexes: Sequence[Index], documents: Sequence[int]) -> set[int]:
    """Those of these documents that were put since one of the indexes was brought up to date."""
    reached = [store.revision]
    for index in indexes:
        with contextlib.suppress(StaleIndex):
            reached.append(index.revision)
    return store.put_since(min(reached), documents) if min(reached) < store.revision else set()


def figures_of(store: Store, indexes: Sequence[Index]) -> Figures:
    """The counts now. An index that cannot be read is left out: searching says what is wrong with it."""
    counts, behind, revision = store.counts(), dict[str, int](), store.revision
    for index in indexes:
        with contextlib.suppress(StaleIndex):
            behind[index.name] = max(0, revision - index.revision)
    return Figures(counts["ready"], counts["failed"], counts["chunks"], revision, behind)
