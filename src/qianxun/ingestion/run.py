"""The state of one `add`, and what its steps share: counting, keeping what is unchanged, noting the fate of files."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qianxun.documents.registry import may_hold_files
from qianxun.protocols import Listed, Source
from qianxun.records import Document, Status
from qianxun.sources.addresses import is_address
from qianxun.sources.folder import FolderSource
from qianxun.storage.enrich import EnrichReport
from qianxun.storage.reindex import Keeping, Report
from qianxun.storage.sources import FileNote, SourceNotes, State


@dataclass(slots=True)
class AddReport:
    """What an `add` did. Sources with reasons for what was not indexed; counts for the rest."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: int = 0
    skipped_suffixes: dict[str, int] = field(default_factory=dict)
    chunks: int = 0
    vectors: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    attention: list[tuple[str, str]] = field(default_factory=list)
    empty: list[tuple[str, str]] = field(default_factory=list)
    enrichment: EnrichReport = field(default_factory=EnrichReport)
    seconds: float = 0.0
    waited_for: str = ""


@dataclass(slots=True)
class Root:
    """A source of this run, and what it listed.

    `default_labels` are for new documents where neither the source nor the caller says otherwise. `unlisted` are where
    parts begin that could not be looked into. `noted` are the notes of earlier runs, `notes` those of this one that are
    not written yet. A `passing` one is not noted at all.
    """

    source: Source
    address: str
    default_labels: tuple[str, ...]
    passing: bool = False
    listed: list[Listed] = field(default_factory=list)
    uris: set[str] = field(default_factory=set)
    unlisted: list[str] = field(default_factory=list)
    problem: str = ""
    noted: dict[str, FileNote] = field(default_factory=dict)
    notes: dict[str, FileNote] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)

    @property
    def is_folder(self) -> bool:
        """Whether its documents are files that lie on this machine's disk, where they are."""
        return isinstance(self.source, FolderSource)


@dataclass(slots=True)
class Writing:
    """A document on its way into the truth."""

    id: int
    chars: int = 0
    chunks: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file before it is read: as in `Document`."""

    digest: str = ""
    modified: str = ""
    stamp: str = ""


@dataclass(slots=True)
class Run:
    """The state of one `add`.

    `inside` has, for each file being read, the sources of the files met in it; `spared` are those of them that are
    as they were, whose text is not wanted. `roots` says where each file being read comes from, `exact` which labels its
    source gives it, if it gives any; `fetched` where its bytes lie that are to be deleted afterwards.
    """

    keeping: Keeping
    labels: tuple[str, ...]
    default_labels: tuple[str, ...]
    report: AddReport
    progress: Report
    started: float = field(default_factory=time.monotonic)
    known: dict[str, Document] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    stamps: dict[int, str] = field(default_factory=dict)
    writing: dict[str, Writing] = field(default_factory=dict)
    failed_before: set[str] = field(default_factory=set)
    inside: dict[str, set[str]] = field(default_factory=dict)
    spared: set[str] = field(default_factory=set)
    roots: dict[str, Root] = field(default_factory=dict)
    exact: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fetched: dict[str, Path] = field(default_factory=dict)
    all_roots: list[Root] = field(default_factory=list)
    kept: int = 0
    waiting_chunks: int = 0
    vectors_before: int = 0
    caught_up: float = field(default_factory=time.monotonic)


def keep(run: Run, known: Document, job: str, *, relabelled: bool = False) -> None:
    """Counts an unchanged document, and labels it anew if other labels were asked for.

    `job` is the source of the file that it is, or is inside. `relabelled`: its source has had its say.
    """
    if run.labels and not relabelled and set(run.labels) != set(known.labels):
        with run.keeping.write.held():
            run.keeping.store.label([known.id], add=run.labels, remove=set(known.labels) - set(run.labels))
    if known.source in run.failed_before:
        with run.keeping.write.held():
            run.keeping.store.unnote(known.source)
    note_status(run, job, known.source, known.status, known.reason, unchanged=True)
    run.report.unchanged += known.status is Status.READY


def relabel(run: Run, documents: Sequence[Document], labels: Sequence[str]) -> None:
    """Gives documents exactly these labels."""
    others = [document for document in documents if set(document.labels) != set(labels)]
    if others:
        with run.keeping.write.held(), run.keeping.store.transaction():
            for document in others:
                run.keeping.store.label([document.id], add=labels, remove=set(document.labels) - set(labels))


def inside(run: Run, source: str) -> list[Document]:
    """The documents of files inside this one. An address does not say what kind of file it is."""
    return run.keeping.store.inside(source) if is_address(source) or may_hold_files(source) else []


def skip(run: Run, suffix: str) -> None:
    """Counts a file of a kind that is not read."""
    run.report.skipped += 1
    run.report.skipped_suffixes[suffix] = run.report.skipped_suffixes.get(suffix, 0) + 1


def note_status(run: Run, job: str, source: str, status: Status, reason: str, *, unchanged: bool = False) -> None:
    """Reports what is not well, and notes for its root what became of a file."""
    report = run.report
    match status:
        case Status.FAILED:
            state: State = "failed"
            report.failed.append((source, reason))
        case Status.ATTENTION:
            state = "needs attention"
            report.attention.append((source, reason))
        case Status.EMPTY:
            state = "empty"
            report.empty.append((source, reason))
        case _ if reason:  # read in part
            state = "needs attention"
            report.attention.append((source, reason))
        case _:
            state = "unchanged" if unchanged else "indexed"
    root = run.roots.get(job)
    if root is not None:
        note(root, FileNote(source, state, reason))


def note(root: Root, what: FileNote) -> None:
    """To be written with the next batch, if it says anything new."""
    if root.passing:
        return
    root.met.add(what.source)
    if root.noted.get(what.source) != what:
        root.noted[what.source] = root.notes[what.source] = what


def write_notes(run: Run) -> None:
    """Writes the notes that wait. To be called with the `write` lock held."""
    for root in run.all_roots:
        if root.notes:
            SourceNotes(run.keeping.store).write(root.address, root.notes.values(), root.unlisted)
            root.notes.clear()
