"""The query adapter of a knowledge base: one file, written whole or not at all, noticed by every process.

`<kb>/adapter.npz` holds the map, the ids of the documents that it learned from, and what was measured: no text,
no question, no vector of a single passage. It cannot be derived from the truth (the questions are not kept), and
nothing but quality is lost with it. Whoever writes or removes it holds the `write` lock; readers need none.
"""

import contextlib
import io
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from qianxun.errors import Damaged, StorageError
from qianxun.retrieval.adapt import Adapter, InForce

logger = logging.getLogger(__name__)

FILE_NAME = "adapter.npz"
FORMAT = 1


class AdapterFile:
    """The adapter in a knowledge base's folder."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        # One assignment sets both, so that threads need no lock: at worst two of them read the file.
        self._seen: tuple[object, InForce] = (None, InForce())

    def in_force(self, fingerprint: str, dim: int) -> InForce:
        """What a search with this encoder applies now. Raises nothing.

        Costs one look at the file's status while it does not change.
        """
        try:
            status = self.path.stat()
        except OSError:  # no adapter, or no longer
            return InForce()
        signature = status.st_mtime_ns, status.st_size, status.st_ino, fingerprint, dim
        seen, found = self._seen
        if seen != signature:
            found = self._judged(fingerprint, dim)
            self._seen = signature, found
        return found

    def _judged(self, fingerprint: str, dim: int) -> InForce:
        try:
            adapter = self.read()
        except Damaged as error:
            logger.warning("%s", error)
            return InForce(None, f"query adapter: {FILE_NAME} is damaged")
        if adapter is None:
            return InForce()
        if adapter.fingerprint != fingerprint or adapter.change.shape != (dim, dim):
            return InForce(None, f"query adapter: made for another encoder ({adapter.fingerprint})")
        return InForce(adapter)

    def read(self) -> Adapter | None:
        """The adapter, whichever encoder it is for; None if there is none. Raises Damaged."""
        import zipfile

        import numpy as np

        try:
            # Whole into memory first: Windows cannot replace a file that somebody has open.
            packed = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._damaged(error.strerror or str(error)) from error
        try:
            with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
                about = json.loads(bytes(arrays["about"]))
                change, documents = arrays["change"], arrays["documents"]
            if about["format"] != FORMAT:
                raise ValueError(f"format {about['format']}, this version reads {FORMAT}")
            if change.ndim != 2 or change.dtype != np.float32 or not np.isfinite(change).all():
                raise ValueError("its map is no matrix of numbers")
            return Adapter(
                fingerprint=str(about["fingerprint"]),
                made=str(about["made"]),
                change=change,
                documents=tuple(documents.tolist()),
                facts=dict(about["facts"]),
            )
        except (KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise self._damaged(" ".join(str(error).split()).rstrip(".") or type(error).__name__) from error

    def write(self, adapter: Adapter) -> None:
        """Keeps an adapter instead of the one there. A crash leaves the one or the other, whole."""
        import numpy as np

        about = {
            "format": FORMAT,
            "fingerprint": adapter.fingerprint,
            "made": adapter.made,
            "facts": dict(adapter.facts),
        }
        packed = io.BytesIO()
        np.savez(
            packed,
            about=np.frombuffer(json.dumps(about, ensure_ascii=False).encode(), dtype=np.uint8),
            change=np.ascontiguousarray(adapter.change, dtype=np.float32),
            documents=np.asarray(adapter.documents, dtype=np.int64),
        )
        try:
            with self._beside.open("wb") as file:
                file.write(packed.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            self._beside.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._beside.unlink(missing_ok=True)
            raise StorageError(
                "{path} cannot be written ({error}).",
                remedy="Check that the folder is writable and has room.",
                path=self.path,
                error=error.strerror or error,
            ) from error

    def remove(self) -> bool:
        """Takes the adapter away; False if there was none."""
        self._beside.unlink(missing_ok=True)
        there = self.path.exists()
        self.path.unlink(missing_ok=True)
        return there

    def remove_unless(self, good: Callable[[Adapter], bool]) -> bool:
        """Takes away what a crash left, and an adapter that is damaged or not `good`; True if there was one."""
        self._beside.unlink(missing_ok=True)
        try:
            adapter = self.read()
        except Damaged:
            return self.remove()
        return adapter is not None and not good(adapter) and self.remove()

    @property
    def _beside(self) -> Path:
        return self.path.with_suffix(".new")

    def _damaged(self, words: str) -> Damaged:
        return Damaged(
            "The query adapter {path} is damaged ({error}).",
            remedy="Remove it with `qianxun adapt --remove`, or learn it again.",
            path=self.path,
            error=words,
        )
