"""Documents out of a knowledge base, and out of everything derived from it."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from qianxun.documents.registry import may_hold_files
from qianxun.errors import Busy, InputError, NotFound
from qianxun.filters import matches, visible_to
from qianxun.ingestion.opinions import forget_opinions
from qianxun.ingestion.said import answers_written_from, forget_answers, forget_summaries
from qianxun.records import Asker, Document, Receipt
from qianxun.sources.addresses import as_named, is_address
from qianxun.sources.find import absolute, source_of
from qianxun.storage.reindex import Keeping, Report, catch_up, forget_unused, settle, silent, take_up
from qianxun.storage.sources import SourceNotes
from qianxun.storage.store import MAX_DOCUMENT_ID, Store


def select(
    store: Store,
    what: Sequence[str | int | Path],
    asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
) -> list[Document]:
    """The documents meant by ids, paths, folders, addresses and globs, by source, each once; that the asker may see.

    A path means its document and everything below it, a document also what is inside its file; an address means that
    too, and everything that it listed when it was last added. A glob is matched against whole sources; one without a
    leading `/` also against their ends (`*.pdf`, `hr/*.md`).
    Raises NotFound naming the first that means nothing. Only globs look at every document.
    """
    chosen: dict[int, Document] = {}
    for item in what:
        if not str(item).strip():
            raise InputError(
                "An empty name was given where a document is meant.",
                remedy="Name an id, a path, a folder or a pattern; `*` means every document.",
            )
        found = _meant(store, item, asker)
        if not found:
            raise NotFound(
                "No document matches {item!r}.", remedy="`qianxun list` shows ids and sources.", item=str(item)
            )
        chosen.update((d.id, d) for d in found)
        for document in found:
            if is_address(document.source) or may_hold_files(document.source):
                chosen.update((d.id, d) for d in _seen(store.inside(document.source), asker))
    return sorted(chosen.values(), key=lambda d: d.source)


def _seen(documents: Iterable[Document], asker: Asker) -> list[Document]:
    """Those of the documents that the asker may see."""
    access = visible_to(asker)
    return [document for document in documents if access is None or matches(access, document)]


def _meant(store: Store, item: str | int | Path, asker: Asker) -> list[Document]:
    text = str(item)
    if text.isdecimal() and text.isascii():
        by_id = _seen(store.live([int(text)] if int(text) < MAX_DOCUMENT_ID else []).values(), asker)
        if by_id or isinstance(item, int):
            return by_id
    here = as_named(text) if is_address(text) else source_of(absolute(text))
    found = {d.id: d for name in {text, here} for d in _seen(store.below(name), asker)}
    if is_address(text):
        found.update((d.id, d) for d in _seen(_listed_by(store, {text, here}), asker))
    if found or not any(c in text for c in "*?["):
        return list(found.values())
    patterns = {text, here} | ({f"*/{text}"} if not text.startswith("/") else set())
    everything = store.documents(asker)
    return [d for d in everything if any(fnmatchcase(d.source, p) for p in patterns)]


def _listed_by(store: Store, addresses: set[str]) -> list[Document]:
    """The documents that an address listed, whatever their names: pages of a sitemap have addresses of their own."""
    notes = SourceNotes(store)
    roots = [root.address for root in notes.roots()]
    meant = [root for root in roots if root in addresses or as_named(root) in addresses]
    names = [note.source for root in meant for note in notes.files(root)]
    return list(store.by_source(names).values())


def remove_documents(
    keeping: Keeping, documents: Sequence[Document], *, purge: bool = False, progress: Report = silent
) -> Receipt:
    """Removes documents; when this returns, no index finds them and no vector of theirs alone is left.

    With `purge` the answers that were written from them go, too. Beside a running `add` it does only that, and leaves
    the files read meanwhile to it. Their bytes are gone from every file after `compact`.
    """
    settle(keeping)
    with keeping.write.held():
        # By source: an `add` may have replaced one while we waited for the lock.
        documents = list(keeping.store.by_source([d.source for d in documents]).values())
        ids = [d.id for d in documents]
        # Answers first: if that fails, the documents are still there to be removed by the same command.
        n_answers = forget_answers(keeping, ids) if purge else answers_written_from(keeping, ids)
        with keeping.store.transaction():
            n_chunks = keeping.store.drop(ids)
            # What a person removes leaves no name behind.
            SourceNotes(keeping.store).forget([d.source for d in documents])
        revision = keeping.store.revision
    # And again: one may have been begun meanwhile. From now on none can.
    n_answers += forget_answers(keeping, ids) if purge else 0
    forget_summaries(keeping, ids)
    n_judgements = forget_opinions(keeping, ids)
    n_vectors = forget_unused(keeping)
    bring_up_to_date(keeping, ids, progress)
    return Receipt(
        tuple((d.id, d.source) for d in documents),
        n_chunks,
        n_vectors,
        revision,
        answers=n_answers,
        judgements=n_judgements,
        purge=purge,
    )


def bring_up_to_date(keeping: Keeping, documents: Sequence[int], progress: Report = silent) -> None:
    """Catches up, or, while another process does that for an `add`, takes up these documents alone."""
    try:
        with keeping.ingest.held(wait=False):
            catch_up(keeping, progress)
    except Busy:
        take_up(keeping, documents)
