"""What a job that adds did in all its attempts: one that was killed must not tell only what its last one did.

What was there before the first attempt lies beside the job's files until the job has ended. Documents written since,
under the names that the job may write, are its work, whichever attempt wrote them: ids only rise, and a document that
is unchanged keeps its own.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qianxun.files import with_outer
from qianxun.records import Document, Status
from qianxun.service.jobs import results, uploads
from qianxun.service.jobs.work import Work

if TYPE_CHECKING:
    from qianxun.ingestion.run import AddReport

_BEFORE: Final = "before.json"
# Kept for as long as the job, with what it found.
_KNOWN: Final = "known.json"


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before a job began: the last id, and the names of documents that it may write anew."""

    last: int
    known: frozenset[str]


def before(work: Work, files: Iterable[str]) -> Before:
    """As it was at the first attempt; noted if this is it."""
    path = uploads.folder_of(work.home, work.job.token) / _BEFORE
    if path.is_file():
        noted = json.loads(path.read_text(encoding="utf-8"))
        return Before(noted["last"], frozenset(noted["known"]))
    is_ours = _is_ours(files)
    documents = work.kb.documents()
    known = sorted(one.source for one in documents if one.status is Status.READY and is_ours(one))
    last = max((one.id for one in documents), default=0)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(path, {"last": last, "known": known})
    _write(results.make_folder(work.home, work.job.token) / _KNOWN, known)
    return Before(last, frozenset(known))


def known_before(home: Path, token: str) -> frozenset[str]:
    """The names that a job may have written anew: there were documents of these when it began."""
    path = results.folder_of(home, token) / _KNOWN
    return frozenset(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else frozenset()


def left_behind(home: Path) -> list[str]:
    """The tokens of jobs that have begun to add, and after which nobody has tidied yet."""
    return sorted(path.parent.name for path in (home / uploads.FOLDER_NAME).glob(f"*/{_BEFORE}"))


def has_begun(home: Path, token: str) -> bool:
    """Whether a job is among them."""
    return (uploads.folder_of(home, token) / _BEFORE).is_file()


def complete(report: "AddReport", work: Work, files: Iterable[str], there: Before) -> None:
    """Adds to the counts of the last attempt those of the earlier ones."""
    if work.job.attempts < 2:
        return
    is_ours = _is_ours(files)
    written = [
        one for one in work.kb.documents() if one.id > there.last and one.status is Status.READY and is_ours(one)
    ]
    earlier = len(written) - report.added - report.replaced
    if earlier <= 0:
        return
    report.replaced = sum(one.source in there.known for one in written)
    report.added = len(written) - report.replaced
    report.unchanged = max(0, report.unchanged - earlier)
    report.chunks = sum(one.chunks for one in written)


def _is_ours(files: Iterable[str]) -> Callable[[Document], bool]:
    """Whether a document is one of these files or inside one; without any, whether it is of the web."""
    names = frozenset(files)
    if not names:
        return lambda one: "://" in one.source
    return lambda one: any(name in names for name in with_outer(one.source))


def _write(path: Path, noted: object) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(noted, ensure_ascii=False), encoding="utf-8")
    beside.replace(path)
