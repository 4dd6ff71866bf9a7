"""`faiss`: dense search that is exact while the index is small and nearly so when it is large.

The rows lie in *segments* that never change once written: chunk ids (sorted), vectors as float16, and,
in large indexes, 1-bit RaBitQ codes: plain, which a filter can skip, and packed for SIMD, which are compared all at
once. A commit adds a segment; small ones are merged into larger ones,
so adding n chunks in batches writes each about log n times. Removed rows are bits in a file beside
their segment until they are a fifth of it.

Up to `index.exact_up_to` chunks every vector is compared with the question. Above, the codes choose
candidates, and only those vectors are read. In both cases the final score is the float16 row's, so
it depends neither on the path nor on the history. Source: Gao and Long, "RaBitQ", SIGMOD 2024; the
random rotation before the codes is part of it, and FAISS leaves it to the caller.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qianxun.indexes.faiss_codes import MOST_ALLOWED, QUERY_BITS, codes_of, kth_best, n_candidates, packed_candidates
from qianxun.indexes.rows import (
    SLACK,
    best,
    held_rows,
    load_array,
    needed_dim,
    positions,
    rows_of_documents,
    save_array,
    script_codes,
    vector_of,
    vectors_of,
)
from qianxun.indexes.state import FileRecord, IndexFolder, State, record_of
from qianxun.protocols import Codes, Held, Ids, Vectors, Where
from qianxun.records import CHUNK_BITS, Hit, IndexRow, Query
from qianxun.settings import IndexSettings

logger = logging.getLogger(__name__)

NAME = "faiss"
# Segments shorter than this are compared whole: 2 MB at 256 dimensions, 0.1 ms.
_MIN_CODED = 4096
# A segment is merged into the one before it once that is less than this many times as long.
_MERGE_RATIO = 3
_MAX_DEAD_SHARE = 0.2
# Rows kept in memory before a commit; more are written out as a segment that no commit names yet.
_MAX_PENDING = 65_536
# With a filter that lets this few rows of a segment through, their vectors are compared directly.
_FEW_ALLOWED = 4096


@dataclass(frozen=True, slots=True)
class _Segment:
    """Committed rows. `names` are its files by kind: ids, rows, scripts, and perhaps codes, packed and dead."""

    names: dict[str, str]
    ids: Ids  # sorted
    rows: Any  # faiss.IndexScalarQuantizer over the mapped file
    vectors: NDArray[np.float16]  # the same bytes
    scripts: Codes
    codes: Any  # faiss.IndexPreTransform or None
    packed: Any  # the same, or None
    dead: NDArray[np.bool_] | None
    documents: Ids = field(repr=False)  # distinct, sorted
    n_by_document: Ids = field(repr=False)

    @property
    def n_alive(self) -> int:
        return len(self.ids) - (0 if self.dead is None else int(self.dead.sum()))


class FaissIndex:
    """Dense vectors in FAISS. Made by `open_index`. `reason` says which way of searching is in force, and why."""

    name = NAME
    kind = "dense"

    def __init__(self, folder: IndexFolder, settings: IndexSettings, dim: int) -> None:
        self._folder = folder
        self._settings = settings
        self._dim = dim
        self._pending: dict[int, tuple[NDArray[np.float16], int]] = {}  # chunk → vector, script
        self._spilled: list[_Segment] = []
        self._files: dict[str, FileRecord] = {}  # written and not committed
        self._deaths: dict[str, NDArray[np.bool_]] = {}  # by the segment's file of ids
        self._n_written = 0
        self.reason = ""
        self._segments: list[_Segment] = []
        self._segments = folder.load(self._opened)
        self._explain()

    # Reading.

    def _opened(self, state: State) -> list[_Segment]:
        if state.files and state.detail["dim"] != self._dim:
            raise self._folder.stale(self._folder.generation, f"{state.detail['dim']} dimensions, not {self._dim}")
        known = {segment.names["rows"]: segment for segment in self._segments}
        opened = []
        for names in state.detail.get("segments", []):
            same = known.get(names["rows"])
            if same is not None and same.names == names and self._opened_generation == state.generation:
                opened.append(same)
            else:
                opened.append(self._opened_segment(names))
        self._opened_generation = state.generation
        return opened

    _opened_generation = ""

    def _opened_segment(self, names: dict[str, str]) -> _Segment:
        paths = {kind: self._folder.check(name) for kind, name in names.items()}
        return _open_segment(names, paths, self._dim)

    def _refresh(self) -> None:
        with self._folder.guard:
            if self._folder.refresh():
                self._segments = self._folder.load(self._opened)
                self._explain()

    def _explain(self) -> None:
        n, limit = sum(segment.n_alive for segment in self._segments), self._settings.exact_up_to
        coded = sum(len(segment.ids) for segment in self._segments if segment.codes is not None)
        if n <= limit:
            reason = f"exact: {n} chunks, index.exact_up_to is {limit}"
        else:
            reason = f"1-bit codes for {coded} of {n} chunks, more than index.exact_up_to {limit}; float16 scores"
        if reason.partition(":")[0] != self.reason.partition(":")[0]:
            logger.info("dense search: %s", reason)
        self.reason = reason

    @property
    def revision(self) -> int:
        self._refresh()
        return self._folder.state.revision

    def ids(self) -> Ids:
        self._refresh()
        alive = [s.ids if s.dead is None else s.ids[~s.dead] for s in self._segments]
        return np.sort(np.concatenate(alive)) if alive else np.empty(0, np.int64)

    def search(self, query: Query, k: int, where: Where | None = None) -> list[Hit]:
        faiss = _engine()
        self._refresh()
        vector = vector_of(query, self._dim, self.name)
        if vector is None or k <= 0:
            return []
        # One question is too little work to wake a second thread for; the setting is this thread's own.
        faiss.omp_set_num_threads(1)
        segments = self._segments
        exact = sum(len(segment.ids) for segment in segments) <= self._settings.exact_up_to
        found = [_candidates(segment, vector, k, where, exact) for segment in segments]
        # Estimates of different segments are of the same thing: the best of all are enough.
        threshold = kth_best([estimates for _, estimates in found if estimates is not None], n_candidates(k))
        ids, vectors = [], []
        for segment, (places, estimates) in zip(segments, found, strict=True):
            kept = places if estimates is None else places[estimates >= threshold]
            ids.append(segment.ids[kept])
            vectors.append(segment.vectors[kept])
        return best(np.concatenate(ids), np.concatenate(vectors), vector, k) if ids else []

    # Writing.

    def _begin(self) -> None:
        if not (self._pending or self._spilled or self._deaths):
            self._refresh()
        self._folder.begin()

    def _dead(self, segment: _Segment) -> NDArray[np.bool_] | None:
        return self._deaths.get(segment.names["ids"], segment.dead)

    def upsert(self, rows: Sequence[IndexRow]) -> None:
        self._begin()
        by_chunk = {row.chunk: row for row in rows if row.chunk not in self._pending}
        wanted = np.fromiter(by_chunk, np.int64)
        for segment in (*self._segments, *self._spilled):
            places = positions(segment.ids, wanted)
            present = places >= 0
            dead = self._dead(segment)
            if dead is not None:
                present[present] = ~dead[places[present]]
            wanted = wanted[~present]
        new = [by_chunk[chunk] for chunk in wanted.tolist()]
        vectors = vectors_of(new, self._dim, self.name).astype(np.float16)
        written = zip(vectors, script_codes(new).tolist(), strict=True)
        self._pending.update(zip(wanted.tolist(), written, strict=True))
        if len(self._pending) >= _MAX_PENDING:
            self._spill()

    def remove(self, documents: Sequence[int]) -> None:
        self._begin()
        gone = set(documents)
        self._pending = {c: row for c, row in self._pending.items() if c >> CHUNK_BITS not in gone}
        for segment in (*self._segments, *self._spilled):
            mask = rows_of_documents(segment.ids, sorted(gone))
            if mask.any():
                dead = self._dead(segment)
                self._deaths[segment.names["ids"]] = mask if dead is None else mask | dead

    def _in_memory(self) -> list[_Segment]:
        """What is pending, as a segment without files."""
        if not self._pending:
            return []
        ids = np.fromiter(self._pending, np.int64)
        vectors = np.stack([vector for vector, _ in self._pending.values()])
        scripts = np.fromiter((script for _, script in self._pending.values()), np.uint8)
        return [_segment({}, ids, None, vectors, scripts, None, None, None)]

    def _spill(self) -> None:
        for segment in self._in_memory():
            self._spilled.append(self._written(segment.ids, segment.vectors, segment.scripts, coded=False))
        self._pending = {}

    def commit(self, revision: int) -> None:
        self._begin()
        segments = [self._with_deaths(segment) for segment in (*self._segments, *self._spilled)]
        segments = self._merged([segment for segment in (*segments, *self._in_memory()) if segment.n_alive])
        detail = {"dim": self._dim, "segments": [segment.names for segment in segments]}
        committed = {**self._folder.state.files, **self._files}
        files = {name: committed[name] for segment in segments for name in segment.names.values()}
        self._folder.commit(revision, files, detail)
        self._folder.tidy()
        self._opened_generation = self._folder.state.generation
        self._segments = segments
        self._pending, self._spilled, self._deaths, self._files, self._n_written = {}, [], {}, {}, 0
        self._explain()

    def _with_deaths(self, segment: _Segment) -> _Segment:
        dead = self._deaths.get(segment.names["ids"])
        if dead is None:
            return segment
        name = self._new_name("dead.npy")
        with self._folder.writing():
            self._files[name] = save_array(self._folder.begin() / name, np.packbits(dead, bitorder="little"))
        return replace(segment, names={**segment.names, "dead": name}, dead=dead)

    def _merged(self, segments: list[_Segment]) -> list[_Segment]:
        """The segments after merging those that are small beside the next, or hold too many dead rows."""
        n = sum(segment.n_alive for segment in segments)
        large = n > self._settings.exact_up_to
        groups = [[segment] for segment in segments]
        if large and not any(segment.codes for segment in segments):
            groups = [segments]  # the index has just outgrown exact search
        while len(groups) > 1 and _n(groups[-2]) < _MERGE_RATIO * _n(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
        merged = []
        for group in groups:
            coded = large and _n(group) >= _MIN_CODED
            one = group[0]
            worn = one.n_alive < (1 - _MAX_DEAD_SHARE) * len(one.ids)
            if len(group) == 1 and one.names and not worn and bool(one.codes) >= coded:
                merged.append(one)
            else:
                keep = [slice(None) if s.dead is None else ~s.dead for s in group]
                ids = np.concatenate([s.ids[k] for s, k in zip(group, keep, strict=True)])
                vectors = np.concatenate([s.vectors[k] for s, k in zip(group, keep, strict=True)])
                scripts = np.concatenate([s.scripts[k] for s, k in zip(group, keep, strict=True)])
                merged.append(self._written(ids, vectors, scripts, coded=coded))
        return merged

    def _written(self, ids: Ids, vectors: NDArray[np.float16], scripts: Codes, *, coded: bool) -> _Segment:
        faiss = _engine()
        if (np.diff(ids) < 0).any():
            order = np.argsort(ids, kind="stable")
            ids, vectors, scripts = ids[order], vectors[order], scripts[order]
        folder = self._folder.begin()
        kinds = {"ids": "ids.npy", "rows": "rows.faiss", "scripts": "scripts.npy"}
        names = {kind: self._new_name(name) for kind, name in kinds.items()}
        rows = faiss.IndexScalarQuantizer(self._dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        rows.add_sa_codes(np.ascontiguousarray(vectors).view(np.uint8))
        with self._folder.writing():
            self._files[names["ids"]] = save_array(folder / names["ids"], ids)
            self._files[names["scripts"]] = save_array(folder / names["scripts"], scripts)
            self._save(rows, names["rows"])
            if coded:
                for kind, codes in codes_of(vectors).items():
                    names[kind] = self._new_name(f"{kind}.faiss")
                    self._save(codes, names[kind])
        return _open_segment(names, {kind: folder / name for kind, name in names.items()}, self._dim)

    def _save(self, index: Any, name: str) -> None:
        faiss = _engine()
        path = self._folder.begin() / name
        try:
            faiss.write_index(index, str(path))
        except RuntimeError as error:
            raise OSError(0, str(error), str(path)) from error
        self._files[name] = record_of(path, sync=True)

    def _new_name(self, kind: str) -> str:
        self._n_written += 1
        return f"{self._folder.state.serial + 1:06d}-{self._n_written:03d}.{kind}"

    def fresh(self) -> "FaissIndex":
        folder = self._folder
        return open_index(
            folder.directory, fingerprint=folder.fingerprint, settings=self._settings, dim=self._dim, fresh=True
        )

    def verify(self) -> None:
        """Reads every file to the last byte. Raises StaleIndex naming a damaged one."""
        self._folder.verify()

    def held(self, chunks: Sequence[int]) -> Held:
        self._refresh()
        if not self._segments:
            return Held(np.empty(0, np.int64), np.empty((0, self._dim), np.float32), np.empty(0, np.uint8))
        found = [held_rows(one.ids, one.vectors, one.scripts, chunks, one.dead) for one in self._segments]
        return found[0] if len(found) == 1 else Held(*map(np.concatenate, zip(*found, strict=True)))

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
        self._folder.forget()
        self._segments = []
        self._pending, self._spilled, self._deaths, self._files = {}, [], {}, {}


def open_index(
    directory: Path,
    *,
    fingerprint: str,
    settings: IndexSettings,
    dim: int | None,
    read_only: bool = False,
    fresh: bool = False,
) -> FaissIndex:
    """The index in this folder; empty if there is none. `fresh`: an empty one that replaces it when committed.

    Raises StaleIndex if it is damaged or of another fingerprint, InputError without `dim`.
    """
    folder = IndexFolder(directory, name=NAME, fingerprint=fingerprint, read_only=read_only, fresh=fresh)
    return FaissIndex(folder, settings, needed_dim(dim, NAME))


def _engine() -> Any:
    # Its type stubs describe the C++ constructors, not the keyword ones that its Python layer puts over them.
    import faiss

    return faiss


def _n(group: Sequence[_Segment]) -> int:
    return sum(segment.n_alive for segment in group)


def _open_segment(names: dict[str, str], paths: dict[str, Path], dim: int) -> _Segment:
    faiss = _engine()
    ids: Ids = load_array(paths["ids"])
    rows = faiss.read_index(str(paths["rows"]), faiss.IO_FLAG_MMAP_IFC)
    n = len(ids)
    if (rows.ntotal, rows.d, rows.code_size) != (n, dim, 2 * dim) or ids.dtype != np.int64:
        raise ValueError(f"{rows.ntotal} rows of {rows.d} dimensions for {n} chunks")
    # A view of the mapped file: a vector is read when it is a candidate, and only then takes memory.
    vectors = faiss.rev_swig_ptr(rows.codes.data(), n * 2 * dim).view(np.float16).reshape(n, dim)
    scripts: Codes = load_array(paths["scripts"])
    if len(scripts) != n:
        raise ValueError(f"{len(scripts)} scripts for {n} chunks")
    codes = {kind: faiss.read_index(str(paths[kind])) for kind in ("codes", "packed") if kind in paths}
    for found in codes.values():
        if (found.ntotal, found.d) != (n, dim):
            raise ValueError(f"{found.ntotal} codes for {n} chunks")
    dead = None
    if "dead" in paths:
        dead = np.unpackbits(load_array(paths["dead"]), count=n, bitorder="little").astype(np.bool_)
    return _segment(names, ids, rows, vectors, scripts, codes.get("codes"), codes.get("packed"), dead)


def _segment(
    names: dict[str, str],
    ids: Ids,
    rows: Any,
    vectors: NDArray[np.float16],
    scripts: Codes,
    codes: Any,
    packed: Any,
    dead: NDArray[np.bool_] | None,
) -> _Segment:
    documents, n_by_document = np.unique(ids >> CHUNK_BITS, return_counts=True)
    return _Segment(names, ids, rows, vectors, scripts, codes, packed, dead, documents, n_by_document)


def _candidates(
    segment: _Segment, query: Vectors, k: int, where: Where | None, exact: bool
) -> tuple[NDArray[np.int64], Vectors | None]:
    """Rows among which the segment's k best are, and None: certainly, ties included.

    From codes: very likely, and their estimated scores.
    """
    faiss = _engine()
    allowed = None if segment.dead is None else ~segment.dead
    if where is not None:
        chosen = positions(where.documents, segment.documents) >= 0
        mask = np.repeat(chosen, segment.n_by_document)
        allowed = mask if allowed is None else mask & allowed
    n = len(segment.ids) if allowed is None else int(np.count_nonzero(allowed))
    if n == len(segment.ids):
        allowed = None
    if allowed is not None and n <= max(k, 64):
        return np.flatnonzero(allowed), None
    coded = segment.codes is not None and not exact and n > max(_FEW_ALLOWED, n_candidates(k))
    if coded and segment.packed is not None and n >= MOST_ALLOWED * len(segment.ids):
        found = packed_candidates(segment.packed, query, n_candidates(k), n, allowed)
        if found is not None:
            return found
    selector = None
    if allowed is not None:
        selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    if coded:
        inner = faiss.RaBitQSearchParameters(sel=selector, qb=QUERY_BITS)
        parameters = faiss.SearchParametersPreTransform(index_params=inner)
        estimates, places = segment.codes.search(query[None], n_candidates(k), params=parameters)
        kept = places[0] >= 0
        return places[0][kept], estimates[0][kept]
    parameters = faiss.SearchParameters(sel=selector) if selector else None
    wanted = min(n, k + 32)
    while True:
        scores, places = segment.rows.search(query[None], wanted, params=parameters)
        # Equal vectors are common (boilerplate): go on until the last one found is worse than the k-th.
        if wanted == n or scores[0][-1] < scores[0][min(k, n) - 1] - SLACK:
            return places[0][places[0] >= 0], None
        wanted = min(n, wanted * 4)
