"""`tantivy`: BM25 over words and single characters, on disk, with filters inside the engine.

Terms come from `qianxun.text`, so the engine only splits at spaces. What a filter looks at is indexed as
bytes, exactly as given: bytes hold any text, even an empty one or a file name that is no valid Unicode.

Tantivy commits in its own `meta.json`, which must not be ahead of `state.json` without a word to readers:
a commit first writes a state that says `committing`, in which files are not compared with the state,
then commits the engine, then writes the state with the new files. A crash in between leaves rows of a
later revision under an earlier one; doing the work again finds them there and changes nothing.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qianxun import text as matching
from qianxun.filters import FIELDS
from qianxun.indexes.exact_lexical import idf
from qianxun.indexes.state import FileRecord, IndexFolder, State, record_of
from qianxun.indexes.tantivy_view import MAX_VALUE_BYTES, View, bytes_of, open_view, panics
from qianxun.protocols import Held, Ids, Where
from qianxun.records import Hit, IndexRow, Query, document_of
from qianxun.settings import IndexSettings

NAME = "tantivy"
_HEAP_BYTES = 64 << 20
# Rows of an uncommitted generation kept only in the writer; more are committed inside it, where nobody looks yet.
_MAX_PENDING = 65_536


class TantivyIndex:
    """BM25 in Tantivy. Made by `open_index`."""

    name = NAME
    kind = "lexical"

    def __init__(self, folder: IndexFolder, settings: IndexSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._checked: dict[str, FileRecord] = {}
        self._view: View | None = None
        self._view = folder.load(self._opened)
        self._writer: Any = None
        self._pending: dict[int, int] = {}  # chunk → digest of its labels, not yet in the view
        self._removed: set[int] = set()  # documents

    # Reading.

    def _opened(self, state: State) -> View | None:
        if not state.generation or self._folder.detached:
            return None
        committing = state.detail.get("committing", False)
        if not committing:
            checked = self._checked if self._view and self._view.generation == state.generation else {}
            for name, record in state.files.items():
                if checked.get(name) != record:
                    self._folder.check(name)
            self._checked = dict(state.files)
        view = open_view(self._folder.generation, self._view)
        if not committing and view.searcher.num_docs != state.detail["n_chunks"]:
            raise self._folder.stale(
                self._folder.generation, f"{view.searcher.num_docs} chunks, expected {state.detail['n_chunks']}"
            )
        return view

    def _refresh(self) -> View | None:
        with self._folder.guard:
            if self._folder.refresh():
                self._view = self._folder.load(self._opened)
            # What a fresh index has committed inside its generation is nobody's business before the swap.
            return None if self._folder.detached else self._view

    @property
    def revision(self) -> int:
        self._refresh()
        return self._folder.state.revision

    def ids(self) -> Ids:
        view = self._refresh()
        if view is None or not view.searcher.num_docs:
            return np.empty(0, np.int64)
        import tantivy

        with self._engine():
            hits = view.searcher.search(tantivy.Query.all_query(), view.searcher.num_docs, count=False).hits
            found = view.searcher.fast_field_values("chunk", [address for _, address in hits])
        return np.sort(np.array(found, np.int64))

    def search(self, query: Query, k: int, where: Where | None = None) -> list[Hit]:
        view = self._refresh()
        if view is None or k <= 0 or not (query.words or query.characters) or not view.searcher.num_docs:
            return []
        if where is not None and not len(where.documents):
            return []
        with self._engine():
            return view.search(query, k, where)

    def held(self, chunks: Sequence[int]) -> Held:
        return Held(np.empty(0, np.int64), np.empty((0, 0), np.float32), np.empty(0, np.uint8))

    def idf(self, words: Sequence[str]) -> dict[str, float]:
        view = self._refresh()
        if view is None:
            return {word: idf(0, 0) for word in words}
        with self._engine():
            return {word: view.idf("words", word) for word in words}

    def languages(self) -> frozenset[str]:
        view = self._refresh()
        if view is None:
            return frozenset()
        with self._engine():
            return frozenset(code for code in matching.STEMMERS if view.holds("language", (bytes_of(code),)))

    def holds(self, words: Sequence[str], where: Where | None = None) -> bool:
        view = self._refresh()
        if view is None or not view.searcher.num_docs or (where is not None and not len(where.documents)):
            return False
        with self._engine():
            return view.holds("words", words, where)

    def similar(
        self, term: str, *, mistakes: int, most: int, where: Where | None = None, beside: Sequence[str] = ()
    ) -> tuple[str, ...]:
        view = self._refresh()
        if view is None or most <= 0 or (where is not None and not len(where.documents)):
            return ()
        with self._engine():
            return view.similar(term, mistakes, most, where, beside)

    @contextlib.contextmanager
    def _engine(self) -> Iterator[None]:
        """Turns what the engine raises into StaleIndex: its files were checked, so they changed since."""
        try:
            with panics():
                yield
        except (ValueError, OSError, RuntimeError) as error:
            raise self._folder.stale(self._folder.generation, error) from error

    # Writing.

    def _begin(self) -> None:
        import tantivy

        if self._writer is not None:
            return
        self._refresh()
        generation = self._folder.begin()
        with self._folder.writing(), self._engine():
            # Anew each time: another process may have committed since.
            index = tantivy.Index(_schema(), path=str(generation), reuse=True)
            index.config_reader("manual")  # else a thread watches the folder
            self._writer = index.writer(_HEAP_BYTES, 1)

    def upsert(self, rows: Sequence[IndexRow]) -> None:
        self._begin()
        import tantivy

        digests = {row.chunk: _digest(row.labels) for row in rows}
        present = {**self._labels_of(list(digests)), **self._pending}
        with self._engine():
            for row in rows:
                digest = digests[row.chunk]
                if present.get(row.chunk) == digest:
                    continue
                if row.chunk in present:
                    self._writer.delete_documents_by_term("chunk", row.chunk)
                self._writer.add_document(_document(tantivy, row, digest))
                present[row.chunk] = self._pending[row.chunk] = digest
        if self._folder.detached and len(self._pending) >= _MAX_PENDING:
            self._commit_engine()
            self._begin()

    def _labels_of(self, chunks: list[int]) -> dict[int, int]:
        """The digests of labels of those chunks that are in the view and were not removed since."""
        import tantivy

        if self._view is None or not chunks or not self._view.searcher.num_docs:
            return {}
        with self._engine():
            searcher = self._view.searcher
            query = tantivy.Query.term_set_query(self._view.index.schema, "chunk", chunks)
            addresses = [address for _, address in searcher.search(query, len(chunks), count=False).hits]
            found = searcher.fast_field_values("chunk", addresses)
            digests = searcher.fast_field_values("labels", addresses)
        return {
            chunk: digest
            for chunk, digest in zip(found, digests, strict=True)
            if document_of(chunk) not in self._removed
        }

    def remove(self, documents: Sequence[int]) -> None:
        self._begin()
        gone = set(documents)
        with self._engine():
            for document in sorted(gone):
                self._writer.delete_documents_by_term("document", document)
        self._removed |= gone
        self._pending = {c: digest for c, digest in self._pending.items() if document_of(c) not in gone}

    def commit(self, revision: int) -> None:
        self._begin()
        folder = self._folder
        if not folder.detached and folder.state.serial:
            folder.commit(folder.state.revision, folder.state.files, {**folder.state.detail, "committing": True})
        self._commit_engine()
        assert self._view is not None
        with folder.writing():
            files = {
                path.name: folder.state.files.get(path.name) or record_of(path)
                for path in _committed_files(folder.generation)
            }
        # The only file that is replaced under its name.
        files["meta.json"] = record_of(folder.generation / "meta.json")
        folder.commit(revision, files, {"n_chunks": self._view.searcher.num_docs})
        self._checked = files

    def _commit_engine(self) -> None:
        """Commits the engine, waits for its merges, and lets go of its lock."""
        with self._folder.writing(), self._engine():
            self._writer.commit()
            self._writer.wait_merging_threads()
            self._writer = None
            self._pending, self._removed = {}, set()
            self._view = open_view(self._folder.generation, self._view)

    def fresh(self) -> "TantivyIndex":
        folder = self._folder
        return open_index(
            folder.directory, fingerprint=folder.fingerprint, settings=self._settings, dim=None, fresh=True
        )

    def verify(self) -> None:
        """Reads every file to the last byte. Raises StaleIndex naming a damaged one."""
        self._refresh()
        if not self._folder.state.detail.get("committing", False):
            self._folder.verify()

    def close(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(Exception):
                self._writer.rollback()
        self._writer = self._view = None
        self._folder.forget()
        self._pending, self._removed = {}, set()
        self._folder.abandon()


def open_index(
    directory: Path,
    *,
    fingerprint: str,
    settings: IndexSettings,
    dim: int | None = None,
    read_only: bool = False,
    fresh: bool = False,
) -> TantivyIndex:
    """The index in this folder; empty if there is none. `fresh`: an empty one that replaces it when committed.

    `dim` means nothing here. Raises StaleIndex if it is damaged or of another fingerprint.
    """
    folder = IndexFolder(directory, name=NAME, fingerprint=fingerprint, read_only=read_only, fresh=fresh)
    return TantivyIndex(folder, settings)


def _schema() -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    for terms in ("words", "characters"):
        builder.add_text_field(terms, tokenizer_name="whitespace", index_option="freq")
    builder.add_integer_field("chunk", indexed=True, fast=True)
    builder.add_integer_field("document", indexed=True)
    builder.add_integer_field("labels", fast=True)  # a digest, to see whether they changed
    for value in ("language", "label", *FIELDS):
        builder.add_bytes_field(value, indexed=True)
    return builder.build()


def _document(tantivy: Any, row: IndexRow, digest: int) -> Any:
    folded, language = matching.fold(row.text), matching.stemming_language(row.text)
    document = tantivy.Document()
    document.add_text("words", " ".join(matching.words(folded, language)))
    document.add_text("characters", " ".join(matching.characters(folded)))
    document.add_integer("chunk", row.chunk)
    document.add_integer("document", document_of(row.chunk))
    document.add_integer("labels", digest)
    _add_bytes(document, "language", language)
    for label in row.labels:
        _add_bytes(document, "label", label)
    for name in FIELDS:
        _add_bytes(document, name, getattr(row, name))
    return document


def _add_bytes(document: Any, name: str, value: str) -> None:
    data = bytes_of(value)
    if len(data) <= MAX_VALUE_BYTES:  # a filter for a longer one goes by the store's documents
        document.add_bytes(name, data)


def _digest(labels: Sequence[str]) -> int:
    data = b"\xff".join(map(bytes_of, sorted(set(labels))))
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def _committed_files(generation: Path) -> list[Path]:
    """The files of the engine's last commit: what lies there beside them it will delete some day."""
    segments = json.loads((generation / "meta.json").read_bytes())["segments"]
    deletions = {
        segment["segment_id"].replace("-", ""): segment["deletes"] and segment["deletes"]["opstamp"]
        for segment in segments
    }
    found = []
    for path in sorted(generation.iterdir()):
        segment, _, kind = path.name.partition(".")
        if segment in deletions and (not kind.endswith("del") or kind == f"{deletions[segment]}.del"):
            found.append(path)
    return found
