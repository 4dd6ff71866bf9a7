"""`exact`: every vector compared with the question, in numpy. The reference for other dense indexes.

A commit writes all rows again, so adding n chunks in batches costs n²: fine up to some ten thousand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qianxun.indexes.rows import (
    best,
    held_rows,
    load_array,
    needed_dim,
    positions,
    promising,
    rows_of_documents,
    save_array,
    script_codes,
    vector_of,
    vectors_of,
)
from qianxun.indexes.state import IndexFolder, State
from qianxun.protocols import Codes, Held, Ids, Vectors, Where
from qianxun.records import CHUNK_BITS, Hit, IndexRow, Query
from qianxun.settings import IndexSettings

NAME = "exact"


@dataclass(frozen=True, slots=True)
class _Rows:
    ids: Ids  # sorted
    vectors: Vectors
    scripts: Codes


class ExactIndex:
    """Brute force over float32 rows. Made by `open_index`."""

    name = NAME
    kind = "dense"

    def __init__(self, folder: IndexFolder, settings: IndexSettings, dim: int) -> None:
        self._folder = folder
        self._settings = settings
        self._dim = dim
        self._committed = folder.load(self._opened)
        self._changed: _Rows | None = None

    def _opened(self, state: State) -> _Rows:
        if not state.files:
            return _Rows(np.empty(0, np.int64), np.empty((0, self._dim), np.float32), np.empty(0, np.uint8))
        ids = load_array(self._folder.check(state.detail["ids"]))
        vectors = load_array(self._folder.check(state.detail["vectors"]), mapped=True)
        scripts = load_array(self._folder.check(state.detail["scripts"]))
        if (
            len(scripts) != len(ids)
            or ids.dtype != np.int64
            or vectors.dtype != np.float32
            or vectors.shape != (len(ids), self._dim)
        ):
            raise self._folder.stale(self._folder.generation, f"arrays of shape {ids.shape} and {vectors.shape}")
        return _Rows(ids, vectors, scripts)

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
        return self._committed.ids.copy()

    def _working(self) -> _Rows:
        if self._changed is None:
            self._refresh()
            self._folder.begin()
            return self._committed
        return self._changed

    def upsert(self, rows: Sequence[IndexRow]) -> None:
        now = self._working()
        by_chunk = {row.chunk: row for row in rows}  # labels are no concern of a dense index: present is done
        wanted = np.fromiter(by_chunk, np.int64)
        new = [by_chunk[chunk] for chunk in wanted[positions(now.ids, wanted) < 0].tolist()]
        ids = np.concatenate([now.ids, np.fromiter((row.chunk for row in new), np.int64)])
        vectors = np.concatenate([now.vectors, vectors_of(new, self._dim, self.name)])
        scripts = np.concatenate([now.scripts, script_codes(new)])
        order = np.argsort(ids, kind="stable")
        self._changed = _Rows(ids[order], vectors[order], scripts[order])

    def remove(self, documents: Sequence[int]) -> None:
        now = self._working()
        kept = ~rows_of_documents(now.ids, documents)
        self._changed = _Rows(now.ids[kept], now.vectors[kept], now.scripts[kept])

    def commit(self, revision: int) -> None:
        now = self._working()
        generation = self._folder.begin()
        serial = self._folder.state.serial + 1
        ids, vectors, scripts = (f"{serial:06d}.{kind}.npy" for kind in ("ids", "vectors", "scripts"))
        with self._folder.writing():
            files = {
                ids: save_array(generation / ids, now.ids),
                vectors: save_array(generation / vectors, now.vectors),
                scripts: save_array(generation / scripts, now.scripts),
            }
        self._folder.commit(revision, files, {"ids": ids, "vectors": vectors, "scripts": scripts})
        self._folder.tidy()
        self._committed, self._changed = self._folder.load(self._opened), None

    def fresh(self) -> "ExactIndex":
        folder = self._folder
        return open_index(
            folder.directory, fingerprint=folder.fingerprint, settings=self._settings, dim=self._dim, fresh=True
        )

    def search(self, query: Query, k: int, where: Where | None = None) -> list[Hit]:
        self._refresh()
        vector = vector_of(query, self._dim, self.name)
        if vector is None or k <= 0:
            return []
        ids, vectors = self._committed.ids, self._committed.vectors
        if where is not None:
            allowed = np.isin(ids >> CHUNK_BITS, where.documents)
            ids, vectors = ids[allowed], vectors[allowed]
        places = promising(vectors @ vector, k)
        return best(ids[places], vectors[places], vector, k)

    def verify(self) -> None:
        """Reads every file to the last byte. Raises StaleIndex naming a damaged one."""
        self._folder.verify()

    def held(self, chunks: Sequence[int]) -> Held:
        self._refresh()
        return held_rows(self._committed.ids, self._committed.vectors, self._committed.scripts, chunks)

    def idf(self, words: Sequence[str]) -> dict[str, float]:
        """Nothing: a dense index knows no words."""
        return {}

    def languages(self) -> frozenset[str]:
        """None: a dense index knows no words."""
        return frozenset()

    def holds(self, words: Sequence[str], where: Where | None = None) -> bool:
        return False

    def similar(
        self, term: str, *, mistakes: int, most: int, where: Where | None = None, beside: Sequence[str] = ()
    ) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        self._folder.abandon()
        self._changed = None


def open_index(
    directory: Path,
    *,
    fingerprint: str,
    settings: IndexSettings,
    dim: int | None,
    read_only: bool = False,
    fresh: bool = False,
) -> ExactIndex:
    """The index in this folder; empty if there is none. `fresh`: an empty one that replaces it when committed.

    Raises StaleIndex if it is damaged or of another fingerprint, InputError without `dim`.
    """
    folder = IndexFolder(directory, name=NAME, fingerprint=fingerprint, read_only=read_only, fresh=fresh)
    return ExactIndex(folder, settings, needed_dim(dim, NAME))
