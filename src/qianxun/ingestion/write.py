"""What was read of files into the truth: documents are begun, filled, published, or set aside with a reason."""

import os
from dataclasses import asdict
from pathlib import PurePath

from qianxun.documents import reading
from qianxun.documents.reading import ReadJob
from qianxun.files import MEMBER
from qianxun.ingestion.opinions import carry_over, forget_opinions, hashes_if_judged
from qianxun.ingestion.run import Facts, Root, Run, Writing, inside, keep, note_status, skip, write_notes
from qianxun.records import Document, Status
from qianxun.storage.sources import FileNote, SourceNotes

# Notes of files of folders that are written at a time.
NOTES_AT_ONCE = 64


def take(run: Run, message: reading.ReadEvents) -> None:
    """Writes what a worker read: all of a small document, or a piece of a large one, in one transaction."""
    with run.keeping.write.held(), run.keeping.store.transaction():
        for event in message.events:
            apply(run, message.job, event)
        # What an address has is known by its notes alone; of folders the disk tells.
        if any(len(root.notes) >= (NOTES_AT_ONCE if root.is_folder else 1) for root in run.all_roots):
            write_notes(run)


def apply(run: Run, job: ReadJob, event: reading.Event) -> None:
    """Writes one event. To be called within a transaction."""
    store = run.keeping.store
    match event:
        case reading.Opened(title, format, pages, member, digest):
            source = _source_within(job, member)
            if member and _is_spared(run, source, digest):
                return
            again = run.writing.pop(source, None)
            if again is not None:  # its process died of a file inside it, and the next one began anew
                store.abandon([again.id])
            facts = _facts_within(run, job, member, digest)
            store.note(source, "reading")
            id_ = store.begin(source, title=title, format=format, pages=pages, **asdict(facts))
            run.writing[source] = Writing(id_)
        case reading.PartRead(part, hashes, near, member):
            source = _source_within(job, member)
            if source in run.spared:
                return
            writing = run.writing[source]
            store.add_part(writing.id, part, hashes, near, writing.chunks)
            writing.chars += len(part.text)
            writing.chunks += len(part.chunks)
        case reading.MemberEnded(member, None, suffix):
            skip(run, suffix)
        case reading.MemberEnded(member, status, reason, digest):
            assert status is not None
            _end_member(run, job, member, status, reason, digest)
        case reading.Ended(status, reason):
            end(run, job.source, job.source, status, reason, run.facts.pop(job.source), None)
            _drop_vanished_inside(run, job.source, status)


def set_aside(run: Run, source: str, reason: str) -> None:
    """A document whose bytes could not be had: what is kept of it stays, and is asked for again the next time."""
    with run.keeping.write.held(), run.keeping.store.transaction():
        end(run, source, source, Status.FAILED, reason, Facts(), None)
        write_notes(run)


def end(run: Run, job: str, source: str, status: Status, reason: str, facts: Facts, outer: Document | None) -> None:
    """The end of a document, of the file `job` or inside it. `outer` is the document of the file around it, if any."""
    store = run.keeping.store
    known = run.known.pop(source, None)
    writing = run.writing.pop(source, None)
    note_status(run, job, source, status, reason)
    if status in (Status.FAILED, Status.ATTENTION):
        if writing is not None:
            store.abandon([writing.id])
            writing = None
        if known is not None and known.status is Status.READY:
            # What was readable before stays searchable; the journal says that it is not the file's present state.
            store.note(source, "failed", reason)
            return
    if writing is None:
        path = PurePath(source)
        title, format = path.stem or source, path.suffix.lstrip(".").lower()
        id_ = store.begin(source, title=title, format=format, pages=None, **asdict(facts))
        writing = Writing(id_)
    given = _labels_for(run, job, known, facts, outer)
    before = hashes_if_judged(run.keeping, known.id) if known is not None else {}
    store.publish(writing.id, status=status, reason=reason, labels=given, chars=writing.chars, chunks=writing.chunks)
    if known is not None:
        carry_over(run.keeping, known.id, before, writing.id)
    if job in run.exact and not given and known is not None:
        store.label([writing.id], remove=store.live([writing.id])[writing.id].labels)
    if status is Status.READY:
        if known is None or known.status is not Status.READY:
            run.report.added += 1
        else:
            run.report.replaced += 1
        run.report.chunks += writing.chunks
        run.waiting_chunks += writing.chunks


def _labels_for(run: Run, job: str, known: Document | None, facts: Facts, outer: Document | None) -> tuple[str, ...]:
    """The labels of a document that was read; () for one that is known: it keeps those that it has."""
    if job in run.exact:
        return run.exact[job]
    if run.labels or known is not None:
        return run.labels
    if outer is not None:
        return outer.labels  # what is new in a file is for those who may see the file
    root = run.roots.get(job)
    if root is None:
        return run.default_labels
    moved = run.keeping.store.labels_if_moved(facts.digest, lambda s: _is_left(run, root, s)) if facts.digest else None
    return root.default_labels if moved is None else moved


def _is_left(run: Run, root: Root, source: str) -> bool:
    """Whether a place that may have what `root` has now had something under this name, and nothing is there any more.

    Only what a place says of its own names counts: a file that somebody handed over has a name and no place, so it
    moves nowhere, and no labels come from it or go to it but those given.
    """
    if PurePath(source).is_absolute():
        return root.is_folder and not os.path.lexists(source)
    looked = [
        other
        for other in ([root] if root.passing else run.all_roots)
        if not other.problem and other.source.holds(source)
    ]
    return bool(looked) and not any(
        source in other.uris or any(lies_below(source, uri) for uri in other.unlisted) for other in looked
    )


def lies_below(source: str, uri: str) -> bool:
    """Whether a document is this part of a source, lies below it, or in it."""
    return source == uri or source.startswith((uri if uri.endswith("/") else f"{uri}/", f"{uri}{MEMBER}"))


def _source_within(job: ReadJob, member: str) -> str:
    return f"{job.source}{MEMBER}{member}" if member else job.source


def _facts_within(run: Run, job: ReadJob, member: str, digest: str) -> Facts:
    """What is known of a file, or of one inside it, which has the time of the file."""
    facts = run.facts[job.source]
    return Facts(digest, facts.modified) if member else facts


def _is_spared(run: Run, source: str, digest: str) -> bool:
    """Whether a file inside another is what it was: then what is kept of it stays."""
    known = run.keeping.store.by_source([source]).get(source)
    if known is None or known.digest != digest or known.state is not Status.READY:
        return False
    run.spared.add(source)
    return True


def _end_member(run: Run, job: ReadJob, member: str, status: Status, reason: str, digest: str) -> None:
    store, source = run.keeping.store, _source_within(job, member)
    run.inside.setdefault(job.source, set()).add(source)
    found = store.by_source([source, job.source])
    known, outer = found.get(source), found.get(job.source)
    if source in run.spared:
        run.spared.discard(source)
        assert known is not None
        keep(run, known, job.source, relabelled=job.source in run.exact)
        return
    if known is not None:
        run.known[source] = known
    end(run, job.source, source, status, reason, _facts_within(run, job, member, digest), outer)


def _drop_vanished_inside(run: Run, source: str, status: Status) -> None:
    """Removes what was inside a file that is read again, and is in it no more."""
    met = run.inside.pop(source, set())
    if status is Status.FAILED:
        return
    gone = [document for document in inside(run, source) if document.source not in met]
    if gone:
        drop(run, gone)


def drop(run: Run, gone: "list[Document]") -> None:
    """Removes documents that are no longer where they came from, and notes it. To be called with the lock held."""
    store, names = run.keeping.store, [document.source for document in gone]
    with store.transaction():
        store.drop([document.id for document in gone])
        write_notes(run)
        SourceNotes(store).removed(names)
    forget_opinions(run.keeping, [document.id for document in gone])
    for root in run.all_roots:
        root.noted.update({name: FileNote(name, "removed") for name in names if name in root.noted})
    run.report.removed += len(gone)
