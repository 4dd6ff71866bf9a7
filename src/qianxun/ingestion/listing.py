"""What there is to read: sources are opened, and each says what it has; afterwards what vanished is removed."""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from qianxun.errors import InputError, QianxunError, SourceError
from qianxun.files import RawFile, with_outer
from qianxun.filters import Prefix
from qianxun.ingestion.run import Root, Run, inside, note, write_notes
from qianxun.ingestion.write import drop, lies_below
from qianxun.protocols import AsksForChanges, Listed, Source, Unlisted
from qianxun.records import Asker, Document
from qianxun.settings import Settings
from qianxun.sources.addresses import is_address
from qianxun.sources.folder import FolderSource
from qianxun.sources.registry import open_source
from qianxun.storage.reindex import Progress
from qianxun.storage.sources import FileNote, SourceNotes

# How often a listing says how far it is.
_REPORT_SECONDS = 0.5

Place: TypeAlias = "str | Path | Source"


@contextmanager
def opened(
    places: Sequence[Place], settings: Settings, home: Path, *, even_if_gone: bool = False
) -> Iterator[list[Root]]:
    """The sources of paths and addresses, closed in the end; one that is a source already is not noted as a root.

    Raises NotFound, InputError, MissingExtra, … for what cannot be one; with `even_if_gone` that is the root's problem.
    """
    roots: list[Root] = []
    try:
        for place in places:
            try:
                source = _source(place, settings, home)
            except QianxunError as error:
                if not even_if_gone:
                    raise
                roots.append(Root(_Nowhere(str(place)), str(place), (), problem=str(error)))
                continue
            is_source = not isinstance(place, str | Path)
            roots.append(Root(source, source.address, settings.access.default_labels, passing=is_source))
        yield roots
    finally:
        for root in roots:
            root.source.close()


def _source(place: Place, settings: Settings, home: Path) -> Source:
    if isinstance(place, str) and is_address(place):
        return open_source(place, settings)
    if isinstance(place, str | Path):
        return FolderSource(place, settings.reading, home)
    return place


class _Nowhere:
    """A root that cannot be opened: it lists nothing, and nothing is its business."""

    def __init__(self, address: str) -> None:
        self.address = address

    def list(self) -> Iterator[Listed | Unlisted]:
        """Nothing."""
        return iter(())

    def open(self, uri: str, folder: Path) -> RawFile:
        """Raises SourceError: nothing was listed."""
        raise SourceError("{url} cannot be reached ({error}).", url=uri, error=self.address)

    def holds(self, uri: str) -> bool:
        """Nothing."""
        return False

    def close(self) -> None:
        """Holds nothing."""


def list_all(run: Run, roots: list[Root], labels: Sequence[str] | None, *, go_on: bool = False) -> None:
    """Lists every root. What one has already listed is left to it.

    A root that cannot be listed is in the report, and raises SourceError if it is the only one, but with `go_on`.
    """
    notes = SourceNotes(run.keeping.store)
    run.all_roots = roots
    seen: set[str] = set()
    reported = time.monotonic()
    for root in roots:
        if not root.passing:
            with run.keeping.write.held():
                notes.begin(root.address, labels)
                root.noted = {one.source: one for one in notes.files(root.address)}
        _tell_versions(run, root)
        if root.problem:
            _note_problem(run, root)
            continue
        try:
            for item in root.source.list():
                if isinstance(item, Unlisted):
                    root.unlisted.append(item.uri)
                    reason = str(_unlisted(item))
                    run.report.failed.append((item.uri, reason))
                    note(root, FileNote(item.uri, "failed", reason))
                    continue
                root.uris.add(item.uri)
                if item.uri not in seen:
                    seen.add(item.uri)
                    root.listed.append(item)
                if time.monotonic() - reported > _REPORT_SECONDS:
                    reported = time.monotonic()
                    run.progress(Progress("listing", len(seen), None, item.uri, reported - run.started))
        except SourceError as error:
            root.problem = str(error)
            _note_problem(run, root)
            if len(roots) == 1 and not go_on:
                raise


def _note_problem(run: Run, root: Root) -> None:
    """A root that cannot be looked into: nothing of it is taken as gone, and the others go on."""
    run.report.failed.append((root.address, root.problem))
    if not root.passing:
        with run.keeping.write.held():
            SourceNotes(run.keeping.store).end(root.address, problem=root.problem)


def _tell_versions(run: Run, root: Root) -> None:
    """A source that can ask for changes only is told what is kept."""
    if isinstance(root.source, AsksForChanges):
        store = run.keeping.store

        def kept(uri: str) -> str | None:
            known = store.by_source([uri]).get(uri)
            return None if known is None else known.stamp

        root.source.tell_kept(kept)


def end_all(run: Run, roots: list[Root], *, sync: bool) -> None:
    """Removes what is gone, if that is wanted, and notes that the run came to its end."""
    if sync:
        for root in roots:
            if not root.problem:
                _remove_vanished(run, root, roots)
    store = run.keeping.store
    with run.keeping.write.held(), store.transaction():
        write_notes(run)
        for root in roots:
            if root.passing or root.problem:
                continue
            old = [source for source, one in root.noted.items() if source not in root.met and one.state != "removed"]
            live = store.by_source(old)
            gone = [source for source in old if source not in live or (sync and _is_given_up(root, source))]
            SourceNotes(store).end(root.address, gone=gone)


def _is_given_up(root: Root, source: str) -> bool:
    """Whether an address has a document no longer, which is there because another has it."""
    seen = root.uris.isdisjoint(with_outer(source)) and not any(lies_below(source, uri) for uri in root.unlisted)
    return seen and not root.is_folder


def _remove_vanished(run: Run, root: Root, roots: list[Root]) -> None:
    """Removes the documents of a root that it has no longer. What could not be looked into is not gone."""
    present = set().union(*(other.uris for other in roots))
    candidates = _of_folder(run, root) if root.is_folder else _of_address(run, root, roots)
    gone = [
        document
        for document in candidates
        if present.isdisjoint(with_outer(document.source))
        and not any(lies_below(document.source, uri) for other in roots for uri in other.unlisted)
        and (not root.is_folder or all(map(_is_gone, with_outer(document.source))))
    ]
    if gone:
        more = {one.id: one for document in gone for one in (document, *inside(run, document.source))}
        with run.keeping.write.held():
            drop(run, list(more.values()))


def _of_folder(run: Run, root: Root) -> list[Document]:
    """The documents below a folder. That it is a folder was seen; one that is itself gone raised before."""
    assert isinstance(root.source, FolderSource)
    if not root.source.path.is_dir():
        return []
    return run.keeping.store.documents(Asker.admin(), Prefix("source", f"{root.address.rstrip('/')}/"))


def _of_address(run: Run, root: Root, roots: list[Root]) -> list[Document]:
    """The documents that this address listed and no other root has: two sites may lead to the same page.

    Of a source that is not noted, all that it holds, but for what was given as text.
    """
    store = run.keeping.store
    names = list(root.noted)
    if root.passing:
        names = [
            one.source for one in store.documents(Asker.admin()) if one.format != "text" or one.stamp or one.modified
        ]
    held = [name for name in names if any(map(root.source.holds, with_outer(name)))]
    elsewhere = SourceNotes(run.keeping.store).elsewhere(held, [other.address for other in roots if not other.problem])
    wanted = [name for name in held if elsewhere.isdisjoint(with_outer(name))]
    return list(run.keeping.store.by_source(wanted).values())


def _is_gone(source: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(source).st_mode)  # a folder now: the file is gone
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _unlisted(item: Unlisted) -> InputError:
    if is_address(item.uri):
        return InputError(
            "{path} could not be looked into completely: {reason}.",
            remedy="Nothing there is taken as gone.",
            path=item.uri,
            reason=item.reason,
        )
    return InputError(
        "{path} cannot be looked into: {reason}.",
        remedy="Give the right to read it, and run the same command again.",
        path=item.uri,
        reason=item.reason,
    )
