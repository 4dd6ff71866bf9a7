"""Brings a model from ModelScope or Hugging Face: resumed where it stopped, verified, and never half there.

What is fetched goes into `.part` files that are renamed once they are right, and config.json, by which a folder is
known as a model, comes last. A pull that was interrupted is taken up by the next.
"""

import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final, Literal

from qianxun.errors import BadModelReply, Busy, DiskFull, InputError, ModelError, ModelUnavailable, NotFound
from qianxun.models.checkpoint import CONFIG
from qianxun.models.getting.hubs import (
    HUGGING_FACE,
    MODEL_SCOPE,
    Hub,
    HuggingFace,
    Listing,
    ModelScope,
    RemoteFile,
    refuse,
)
from qianxun.models.getting.manifest import FileRecord, Manifest, git_sha1_of, read_manifest, sha256_of, write_manifest
from qianxun.settings import Settings, models_directory

logger = logging.getLogger(__name__)

# Files at a time: a hub gives one connection less than a line can carry.
_CONNECTIONS: Final = 3
_SPARE_BYTES: Final = 64 * 2**20
_FIRST_WAIT_SECONDS: Final = 0.5
_BUSY: Final = (429, 500, 502, 503, 504)
# Other forms of the same weights, and what is no part of a model. Code from a hub is never run here.
_OTHER_FORMS: Final = ("*.gguf", "*.onnx", "*.onnx_data", "*.h5", "*.msgpack", "*.ot", "*.tflite", "*.pth", "*.pt")
_NO_PART: Final = (
    ".*",
    "*/.*",
    "*.py",
    "*.png",
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.svg",
    "*.pdf",
    "*.mp4",
    "*.zip",
    "*.tar*",
)
_TORCH: Final = ("pytorch_model*.bin",)
_OTHER_FOLDERS: Final = ("onnx/*", "openvino/*", "coreml/*", "original/*", "metal/*", "flax/*")


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is: over all files. `doing` is "checking" what is there, or "fetching" what is not."""

    doing: Literal["checking", "fetching"]
    file: str
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model that is on this machine, whole and verified. `fetched_bytes` came now; the rest was there."""

    model: str
    folder: Path
    source: str
    revision: str
    n_files: int
    bytes: int
    fetched_bytes: int


def pull(
    model: str,
    settings: Settings,
    *,
    revision: str = "",
    include: Sequence[str] = (),
    progress: Callable[[PullProgress], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Pulled:
    """Brings a model, as ORGANISATION/NAME, into the folder of models. `include`: only files by these patterns.

    ModelScope is asked first: it can be reached from everywhere. Keys come from HF_TOKEN and MODELSCOPE_API_TOKEN.
    Raises NotFound, ModelRefused, ModelUnavailable or BadModelReply as the hubs answer, DiskFull before anything is
    fetched that has no room, Busy if another process pulls the same model.
    """
    import httpx

    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", model):
        raise InputError(
            "{model!r} is no model's name on a hub.",
            remedy="Names are ORGANISATION/NAME, for example Qwen/Qwen3-Embedding-0.6B.",
            model=model,
        )
    timeout = httpx.Timeout(settings.remote.read_seconds, connect=settings.remote.connect_seconds)
    # Compressed answers would make sizes and ranges lie.
    headers = {"User-Agent": "qianxun", "Accept-Encoding": "identity"}
    with httpx.Client(timeout=timeout, headers=headers, follow_redirects=True) as client:
        hub, listing = _find(client, hubs_of(settings, os.environ if environ is None else environ), model, revision)
        folder = models_directory(settings) / model
        files = choose_files(listing, include)
        with _alone(folder, model):
            work = _Pull(client, hub, listing, folder, settings, progress)
            records = work.run(files)
            manifest = Manifest(model, listing.revision, revision, hub.name, records, _now())
            write_manifest(folder, manifest)
    total = sum(record.bytes for record in records.values())
    logger.info("pulled %s at %s from %s: %d bytes, %d now", model, listing.revision, hub.name, total, work.fetched)
    return Pulled(model, folder, hub.name, listing.revision, len(records), total, work.fetched)


def hubs_of(settings: Settings, environ: Mapping[str, str]) -> tuple[Hub, ...]:
    """The hubs to ask, in order. A mirror is asked as either hub, unless the settings say which it mirrors."""
    mirror = settings.models.endpoint.rstrip("/")
    scope = ModelScope(
        mirror or environ.get("MODELSCOPE_ENDPOINT", "").rstrip("/") or MODEL_SCOPE,
        environ.get("MODELSCOPE_API_TOKEN", ""),
    )
    face = HuggingFace(
        mirror or environ.get("HF_ENDPOINT", "").rstrip("/") or HUGGING_FACE, environ.get("HF_TOKEN", "")
    )
    return tuple(hub for hub in (scope, face) if settings.models.source in ("auto", hub.name))


def choose_files(listing: Listing, include: Sequence[str] = ()) -> tuple[RemoteFile, ...]:
    """The files that make up the model, config.json last: its weights in one form (safetensors, else PyTorch's own).

    Raises InputError if there are no weights in a form that is used here.
    """
    if include:
        chosen = [file for file in listing.files if _is_like(file.path, include)]
    else:
        chosen = [f for f in listing.files if not _is_like(f.path, (*_OTHER_FORMS, *_NO_PART, *_OTHER_FOLDERS))]
        safe = [file for file in chosen if file.path.endswith(".safetensors")]
        chosen = [
            file for file in chosen if not file.path.endswith(".bin") or (not safe and _is_like(file.path, _TORCH))
        ]
        if any(not file.path.startswith("consolidated") for file in safe):
            chosen = [file for file in chosen if not file.path.startswith("consolidated")]
    weights = (".safetensors", ".bin") if not include else ()
    if not chosen or (weights and not any(file.path.endswith(weights) for file in chosen)):
        others = sorted(file.path for file in listing.files if file.bytes > 10 * 2**20)
        raise InputError(
            "{model} has no weights as safetensors; its large files are: {files}.",
            remedy="Name the ones to bring by a pattern, for example --include '*q4_k_m*.gguf'.",
            model=listing.model,
            files=", ".join(others[:20]) or "-",
        )
    return tuple(sorted(chosen, key=lambda file: (file.path == CONFIG, file.path)))


def _find(client: Any, hubs: Sequence[Hub], model: str, revision: str) -> tuple[Hub, Listing]:
    """The first hub that has the model, and its files there. Raises what says most of why none has."""
    failures: list[ModelError | NotFound] = []
    for hub in hubs:
        try:
            return hub, hub.listing(client, model, revision)
        except (ModelError, NotFound) as error:
            logger.info("%s: %s", hub.name, error)
            failures.append(error)
    unreachable = [error for error in failures if isinstance(error, ModelUnavailable)]
    if len(unreachable) == len(failures) and len(failures) > 1:
        raise ModelUnavailable(
            "No hub can be reached: {endpoints}.",
            remedy="Set models.endpoint to a mirror; or copy the model's folder from a machine that can reach one into "
            "the folder that models.folder names, or name it as encoder.model and the like.",
            endpoints=", ".join(hub.endpoint for hub in hubs),
        ) from unreachable[-1]
    raise next((error for error in failures if not isinstance(error, ModelUnavailable)), failures[0])


@dataclass(slots=True)
class _Pull:
    """One pull under way: what all its threads share."""

    client: Any
    hub: Hub
    listing: Listing
    folder: Path
    settings: Settings
    progress: Callable[[PullProgress], None] | None
    fetched: int = 0
    _done: int = 0
    _total: int = 0
    _lock: Any = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, files: Sequence[RemoteFile]) -> dict[str, FileRecord]:
        """The files' records, once all are there and right."""
        self._total = sum(file.bytes for file in files)
        records = {file.path: record for file in files if (record := self._present(file)) is not None}
        missing = [file for file in files if file.path not in records]
        self._make_room(missing)
        if missing and self._has_another_revision():
            self._forget_old(files, config_is_right=records.pop(CONFIG, None) is not None)
            missing = [file for file in files if file.path not in records]
        self._done = sum(record.bytes for record in records.values())
        last = [file for file in missing if file.path == CONFIG]
        records.update(self._fetch_all([file for file in missing if file.path != CONFIG]))
        records.update(self._fetch_all(last))
        return {file.path: records[file.path] for file in files}

    def _present(self, file: RemoteFile) -> FileRecord | None:
        """The record of a file that is there and right, else None."""
        path = self.folder / file.path
        if not path.is_file() or path.stat().st_size != file.bytes:
            return None
        sha256 = sha256_of(path, lambda n_bytes: self._tick("checking", file.path, n_bytes))
        return FileRecord(file.bytes, sha256) if _is_right(path, sha256, file) else None

    def _make_room(self, missing: Sequence[RemoteFile]) -> None:
        parts = [self._part(file) for file in missing]
        there = sum(part.stat().st_size for part in parts if part.is_file())
        needed = sum(file.bytes for file in missing) - there
        free = shutil.disk_usage(self.folder).free
        if missing and needed + _SPARE_BYTES > free:
            raise DiskFull(
                "{model} needs {needed} GiB more, and there are {free} GiB at {path}.",
                remedy="Free some disk, or set models.folder to a larger one, and run the command again: it resumes.",
                model=self.listing.model,
                needed=f"{needed / 2**30:.2f}",
                free=f"{free / 2**30:.2f}",
                path=self.folder,
            )

    def _has_another_revision(self) -> bool:
        before = read_manifest(self.folder)
        return before is not None and before.revision != self.listing.revision

    def _forget_old(self, files: Sequence[RemoteFile], *, config_is_right: bool) -> None:
        """Takes config.json away, and files that the new revision has no more: until all is there, it is no model."""
        before = read_manifest(self.folder)
        gone = set(before.files if before else ()) - {file.path for file in files}
        for file in files:
            if file.path == CONFIG and config_is_right:
                os.replace(self.folder / CONFIG, self._part(file))  # noqa: PTH105 (atomic on every platform)
        for path in {*gone, CONFIG}:
            (self.folder / path).unlink(missing_ok=True)

    def _fetch_all(self, files: Sequence[RemoteFile]) -> dict[str, FileRecord]:
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix="pull") as threads:
            futures = {threads.submit(self._fetch, file): file.path for file in files}
            try:
                done = wait(futures, return_when=FIRST_EXCEPTION).done
                failures = [error for future in done if (error := future.exception()) is not None]
                if failures:
                    raise failures[0]
            except BaseException:
                # The others end at their next piece; their parts stay.
                self._stop.set()
                for future in futures:
                    future.cancel()
                raise
            return {path: future.result() for future, path in futures.items()}

    def _fetch(self, file: RemoteFile) -> FileRecord:
        """Fetches a file, resuming what is there; twice if it comes out wrong."""
        part = self._part(file)
        part.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            self._tick("fetching", file.path, part.stat().st_size if part.is_file() else 0)
            self._fetch_rest(file, part)
            sha256 = sha256_of(part)
            if part.stat().st_size == file.bytes and _is_right(part, sha256, file):
                os.replace(part, self.folder / file.path)  # noqa: PTH105 (atomic on every platform)
                return FileRecord(file.bytes, sha256)
            logger.warning("%s came out wrong", file.path)
            self._tick("fetching", file.path, -part.stat().st_size)
            part.unlink()
        raise BadModelReply(
            "{file} of {model} came twice from {hub} with other bytes than it should have.",
            remedy="Try again later, or another source: models.source, models.endpoint.",
            file=file.path,
            model=self.listing.model,
            hub=self.hub.name,
        )

    def _fetch_rest(self, file: RemoteFile, part: Path) -> None:
        """Adds to a part until it is whole, trying again as long as anything comes."""
        import httpx

        failures = 0
        part.touch()
        while (before := part.stat().st_size) < file.bytes:
            if self._stop.is_set():
                raise _Stopped
            try:
                asked, reason = self._fetch_once(file, part, before)
            except httpx.HTTPError as error:
                asked, reason = 0.0, str(error) or type(error).__name__
            failures = 0 if part.stat().st_size > before else failures + 1
            if failures > self.settings.remote.retries:
                raise ModelUnavailable(
                    "{hub} ({endpoint}) stops giving {file}: {reason}.",
                    remedy="Run the same command again: it resumes.",
                    hub=self.hub.name,
                    endpoint=self.hub.endpoint,
                    file=file.path,
                    reason=reason.rstrip(".") or "-",
                )
            if failures:
                pause = max(asked, _FIRST_WAIT_SECONDS * 2 ** (failures - 1))
                self._stop.wait(min(pause, self.settings.remote.max_wait_seconds))

    def _fetch_once(self, file: RemoteFile, part: Path, have: int) -> tuple[float, str]:
        """One request; if the hub is busy, how many seconds it asks to wait, and in which words."""
        headers = {**self.hub.headers(), **({"Range": f"bytes={have}-"} if have else {})}
        address = self.hub.address(self.listing, file.path)
        with self.client.stream("GET", address, headers=headers) as reply:
            if reply.status_code in _BUSY:
                return _asked_to_wait(reply), f"HTTP {reply.status_code}"
            if reply.status_code == 416:
                self._tick("fetching", file.path, -have)
                part.write_bytes(b"")
                return 0.0, "HTTP 416"
            refuse(self.hub, reply, self.listing.model)
            resumed = reply.status_code == 206
            if have and not resumed:
                self._tick("fetching", file.path, -have)
            length = have if resumed else 0
            with part.open("ab" if resumed else "wb") as out:
                for piece in reply.iter_bytes():  # as it comes: what is gathered first is lost with the connection
                    if self._stop.is_set():
                        raise _Stopped
                    out.write(piece)
                    length += len(piece)
                    self._tick("fetching", file.path, len(piece), fetched=True)
                    if length > file.bytes:  # no part of it: the check of its bytes will tell
                        break
        return 0.0, ""

    def _part(self, file: RemoteFile) -> Path:
        """Where a file grows. Its name holds what it shall come to: another revision's part is not taken up."""
        mark = (file.sha256 or file.git_sha1 or self.listing.revision)[:12]
        return self.folder / f"{file.path}.{re.sub(r'[^0-9A-Za-z]', '-', mark)}.part"

    def _tick(self, doing: Literal["checking", "fetching"], file: str, n_bytes: int, *, fetched: bool = False) -> None:
        with self._lock:
            self._done += n_bytes
            self.fetched += n_bytes if fetched else 0
            if self.progress is not None:
                self.progress(PullProgress(doing, file, self._done, self._total))


class _Stopped(Exception):
    """Another file has failed, or the person has: no use to go on."""


def _is_right(path: Path, sha256: str, file: RemoteFile) -> bool:
    if file.sha256:
        return sha256 == file.sha256.lower()
    return not file.git_sha1 or git_sha1_of(path) == file.git_sha1.lower()


def _asked_to_wait(reply: Any) -> float:
    asked = reply.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0


def _is_like(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path.lower(), pattern.lower()) for pattern in patterns)


@contextmanager
def _alone(folder: Path, model: str) -> Any:
    """Keeps other processes from pulling the same model meanwhile."""
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".pull.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise Busy("Another process is pulling {model}.", remedy="Wait for it, or end it.", model=model) from error
    try:
        yield
    finally:
        lock.release()


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
