"""Documents out of a knowledge base, and out of everything derived from it."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from qianxun.errors import InputError, NotFound
from qianxun.ingestion.find import absolute
from qianxun.records import Asker, Document, Receipt
from qianxun.storage.reindex import Keeping, Report, catch_up, forget_unused, silent
from qianxun.storage.store import Store


def select(store: Store, what: Sequence[str | int | Path], asker: Asker) -> list[Document]:
    """The documents meant by ids, paths, folders and globs, by source, each once.

    A path means its document and everything below it. A glob is matched against whole sources; one
    without a leading `/` also against their ends (`*.pdf`, `hr/*.md`). Raises NotFound naming the first
    that means nothing.
    """
    documents = store.documents(asker)
    chosen: dict[int, Document] = {}
    for item in what:
        if not str(item).strip():
            raise InputError(
                "An empty name was given where a document is meant.",
                remedy="Name an id, a path, a folder or a pattern; `*` means every document.",
            )
        found = _meant(documents, item)
        if not found:
            raise NotFound(
                "No document matches {item!r}.", remedy="`qianxun list` shows ids and sources.", item=str(item)
            )
        chosen.update((d.id, d) for d in found)
    return sorted(chosen.values(), key=lambda d: d.source)


def _meant(documents: Sequence[Document], item: str | int | Path) -> list[Document]:
    text = str(item)
    if text.isdecimal() and text.isascii():
        by_id = [d for d in documents if d.id == int(text)]
        if by_id or isinstance(item, int):
            return by_id
    exact = {text, str(absolute(text))}
    found = [
        d
        for d in documents
        if d.source in exact or any(d.source.startswith((f"{e.rstrip('/')}/", f"{e}!")) for e in exact)
    ]
    if found or not any(c in text for c in "*?["):
        return found
    patterns = {text, str(absolute(text))} | ({f"*/{text}"} if not text.startswith("/") else set())
    return [d for d in documents if any(fnmatchcase(d.source, p) for p in patterns)]


def remove_documents(keeping: Keeping, documents: Sequence[Document], *, progress: Report = silent) -> Receipt:
    """Removes documents; when this returns, no index finds them and no vector of theirs alone is left.

    Their bytes are gone from every file after `compact`.
    """
    with keeping.write.held():
        n_chunks = keeping.store.drop([d.id for d in documents])
        revision = keeping.store.revision
    n_vectors = forget_unused(keeping)
    catch_up(keeping, progress)
    return Receipt(tuple((d.id, d.source) for d in documents), n_chunks, n_vectors, revision)
