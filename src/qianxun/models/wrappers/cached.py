"""An encoder that remembers the vectors of questions: first in this process, then in Redis. Passages are not its
business: their vectors lie with the knowledge base (`storage/vectors.py`).

A key is a hash, keyed with the encoder's fingerprint, of the prefix that a question gets and of its text: another
model, dimension or instruction is another key, and no cache holds a question's words. A vector is kept as
float32 bytes; one of another length, or of no unit length, counts as not found.
"""

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Final

import numpy as np

from qianxun import tally
from qianxun.models.wrappers.wrapped import WrappedEncoder
from qianxun.protocols import Cache, Encoder, Vectors

_KEY_BYTES: Final = 32
# How far from 1 the length of a kept row may be: rows are unit in float32.
_UNIT_TOLERANCE: Final = 1e-3


class CachedEncoder(WrappedEncoder):
    """`encoder` behind `caches`, the nearest first. Satisfies `Encoder`; owns what it wraps.

    `seconds` is how long a vector is kept (None: until a cache has no room). Safe to share between threads: a question
    that another thread is encoding at the moment is waited for, not encoded twice.
    """

    def __init__(self, encoder: Encoder, caches: Sequence[Cache], *, seconds: int | None = None) -> None:
        super().__init__(encoder)
        self._caches = tuple(caches)
        self._seconds = seconds
        self._counts = {cache.name: (0, 0) for cache in caches}
        self._under_way: dict[bytes, Future[Vectors]] = {}
        self._guard = threading.Lock()

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Hits and misses of each cache by name, of this object. A question is a miss in each cache it is not in."""
        with self._guard:
            return dict(self._counts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows, in the order given."""
        if not texts:
            return np.empty((0, self.dim), dtype=np.float32)
        keys = self._keys(texts)
        wanted = dict(zip(keys, texts, strict=True))  # a question asked twice is one
        known = self._kept(list(wanted))
        missing = {key: text for key, text in wanted.items() if key not in known}
        if missing:
            known |= self._encoded(missing)
        return np.stack([known[key] for key in keys])

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows, in the order given; never cached."""
        rows: Vectors = self._encoder.encode_passages(texts)
        return rows

    def close(self) -> None:
        """Closes the wrapped encoder and the caches."""
        super().close()
        for cache in self._caches:
            cache.close()

    def _keys(self, texts: Sequence[str]) -> list[bytes]:
        prefix = getattr(self.format, "query_prefix", "")
        fingerprint = hashlib.blake2b(self.fingerprint.encode(), digest_size=_KEY_BYTES).digest()
        start = hashlib.blake2b(f"{len(prefix)}:{prefix}".encode(), digest_size=_KEY_BYTES, key=fingerprint)
        keys = []
        for text in texts:
            hashed = start.copy()
            # A lone surrogate is no text, but must not be an error here either.
            hashed.update(text.encode("utf-8", "surrogatepass"))
            keys.append(hashed.digest())
        return keys

    def _kept(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """What the caches know, each asked for what those before it do not; they are told what later ones knew."""
        found: dict[bytes, Vectors] = {}
        for level, cache in enumerate(self._caches):
            asked = [key for key in keys if key not in found]
            if not asked:
                break
            values = dict(zip(asked, cache.get(asked), strict=True))
            usable = {key: row for key, value in values.items() if (row := self._row(value)) is not None}
            found |= usable
            for nearer in self._caches[:level]:
                self._keep(nearer, usable)
            self._count(cache, len(usable), len(asked) - len(usable))
        return found

    def _row(self, value: bytes | None) -> Vectors | None:
        if value is None or len(value) != 4 * self.dim:
            return None
        row: Vectors = np.frombuffer(value, dtype="<f4").astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # any bytes may lie there
            length = float(np.linalg.norm(row))
        # A text without content is a row of zeros.
        return row if length == 0.0 or abs(length - 1.0) < _UNIT_TOLERANCE else None

    def _encoded(self, missing: Mapping[bytes, str]) -> dict[bytes, Vectors]:
        """Rows of questions that no cache knows: encoded here, or by the thread that is at it already."""
        mine: dict[bytes, Future[Vectors]] = {}
        others: dict[bytes, Future[Vectors]] = {}
        with self._guard:
            for key in missing:
                if key in self._under_way:
                    others[key] = self._under_way[key]
                else:
                    mine[key] = self._under_way[key] = Future()
        found = self._encoded_here(mine, missing) if mine else {}
        # What another thread failed at is tried here: it may have failed for a reason of its own.
        failed = [key for key, future in others.items() if future.exception() is not None]
        found |= {key: future.result() for key, future in others.items() if key not in failed}
        if failed:
            found |= dict(zip(failed, self._rows([missing[key] for key in failed]), strict=True))
        return found

    def _encoded_here(
        self, mine: Mapping[bytes, "Future[Vectors]"], texts: Mapping[bytes, str]
    ) -> dict[bytes, Vectors]:
        try:
            found = dict(zip(mine, self._rows([texts[key] for key in mine]), strict=True))
            for cache in self._caches:
                self._keep(cache, found)
        except BaseException as error:
            with self._guard:
                for key in mine:
                    del self._under_way[key]
            for future in mine.values():
                future.set_exception(error)
            raise
        with self._guard:
            for key in mine:
                del self._under_way[key]
        for key, future in mine.items():
            future.set_result(found[key])
        return found

    def _rows(self, texts: Sequence[str]) -> Iterator[Vectors]:
        rows: Vectors = self._encoder.encode_queries(texts)
        return iter(np.asarray(rows, dtype=np.float32))

    def _keep(self, cache: Cache, found: Mapping[bytes, Vectors]) -> None:
        if found:
            cache.set({key: row.astype("<f4").tobytes() for key, row in found.items()}, seconds=self._seconds)

    def _count(self, cache: Cache, hits: int, misses: int) -> None:
        with self._guard:
            before = self._counts[cache.name]
            self._counts[cache.name] = (before[0] + hits, before[1] + misses)
        tally.count("cache", f"vectors_{cache.name}", "hit", n=hits)
        tally.count("cache", f"vectors_{cache.name}", "miss", n=misses)
        share = getattr(cache, "count", None)
        if share is not None:
            share(hits, misses)
