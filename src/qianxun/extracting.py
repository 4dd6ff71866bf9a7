"""The Python door to extraction: files in, values by a schema out, with or without a knowledge base.

    import qianxun

    for one in qianxun.extract("resume.schema.json", ["resumes/"], out="resumes.xlsx"):
        print(one.source, one.valid, one.value, [field.pointer for field in one.absent])

`KnowledgeBase.extract` does the same for documents that are in a knowledge base, with the rights of who asks.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from qianxun import assemble, extraction
from qianxun.documents.reading import ReadJob
from qianxun.errors import InputError, SettingsError
from qianxun.extraction import Extraction, Journal, Material, Unread, Wanted
from qianxun.extraction.journal import write_whole
from qianxun.extraction.material import FileDone
from qianxun.extraction.tables import as_csv, as_workbook, table
from qianxun.files import with_outer
from qianxun.protocols import Generator
from qianxun.settings import Settings, engine_of, generator_of, load_settings
from qianxun.sources.given import GivenSource
from qianxun.storage.reindex import Report, silent

FORMS: Final = (".jsonl", ".csv", ".xlsx")


def extract(
    schema: Any,
    files: Sequence[str | Path] | str | Path = (),
    *,
    materials: Sequence[Material | Unread] = (),
    stream: tuple[str, BinaryIO] | None = None,
    settings: Settings | None = None,
    generator: Generator | None = None,
    out: str | Path | None = None,
    retry: bool = False,
    progress: Report | None = None,
) -> list[Extraction]:
    """What a schema asks for, from each document in files and folders, in their order.

    `schema` is a mapping, the path of a JSON Schema, or a pydantic model class: then each valid `value` is an instance
    of it. `materials` are documents that are read already, or could not be; `stream` is a name and the bytes of one.
    The generator is that of the settings, which are read as usual, unless it is given.

    `out` names a file of JSON lines, a CSV file or a workbook by its ending (`.jsonl`, `.csv`, `.xlsx`; beside a table
    a `….jsonl` is kept). With it a run that was killed goes on where it was, and what is unchanged is not asked about
    again; `retry` asks again about what was not valid. A document that cannot be read, or of which nothing valid is
    said, is in the result and stops nothing. Raises InputError, NotFound, SettingsError, Busy, StorageError, and the
    ModelError of a generator that cannot be asked.
    """
    wanted = extraction.wanted(schema)
    chosen = settings if settings is not None else load_settings()
    path = _writable(out)
    made = generator if generator is not None else assemble.generator(chosen)
    if made is None:
        raise SettingsError(
            "No generator is set, and values are drawn out of documents by one.",
            remedy="Set generator.url or generator.model, as in --set generator.url=http://127.0.0.1:8000/v1.",
        )
    model = made.name if generator is not None else generator_of(chosen.generator)
    if generator is None and engine_of(chosen.generator) == "transformers":
        # One thread computes: the others' time would pass while they wait.
        chosen = replace(chosen, extraction=replace(chosen.extraction, concurrency=1))
    try:
        with _journal(path, wanted, model) as journal:
            found = _extracted(wanted, files, materials, stream, chosen, made, journal, retry, progress or silent)
            if journal is not None and path is not None:
                journal.tidy()
                _write_table(path, journal, wanted, [one.source for one in found])
            return found
    finally:
        if generator is None:
            assemble.close(made)


def _extracted(
    wanted: Wanted,
    files: Sequence[str | Path] | str | Path,
    materials: Sequence[Material | Unread],
    stream: tuple[str, BinaryIO] | None,
    settings: Settings,
    generator: Generator,
    journal: Journal | None,
    retry: bool,
    progress: Report,
) -> list[Extraction]:
    listing = extraction.list_files([files] if isinstance(files, str | Path) else files, settings)
    known = extraction.known_in(journal, wanted, retry=retry)
    with ExitStack() as stack:
        jobs = extraction.jobs_of(listing.files)
        if stream is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qianxun-")))
            source = GivenSource(*stream, settings.reading)
            file = source.open(source.address, folder)
            assert file.path is not None
            jobs.append(ReadJob(source.address, file.path, file.suffix))
        given = [*(one.source for one in materials), *(one.source for one in listing.unread), *(j.source for j in jobs)]
        if not given:
            raise InputError("There is no document to draw values from.", remedy="Name files or folders.")

        def documents() -> Iterable[Material | Unread | FileDone]:
            yield from materials
            yield from listing.unread
            yield from extraction.read_files(jobs, settings, lambda *names: known(*names) is not None)

        found = list(
            extraction.extract_all(
                documents(),
                wanted,
                generator,
                settings.extraction,
                given=frozenset(given),
                journal=journal,
                known=known,
                progress=progress,
            )
        )
    place = {source: number for number, source in enumerate(given)}
    return sorted(found, key=lambda one: (min(place[s] for s in with_outer(one.source) if s in place), one.source))


def _writable(out: str | Path | None) -> Path | None:
    """The path of the result. Raises InputError for an unknown ending, or a table that is not ours to write over."""
    if out is None:
        return None
    path = Path(out).expanduser().absolute()
    if path.suffix.lower() not in FORMS:
        raise InputError(
            "{path}: results are not written in this form.", remedy="Name a file that ends in {forms}.",
            path=path, forms=", ".join(FORMS),
        )  # fmt: skip
    if path.exists() and not _journal_of(path).exists():
        raise InputError(
            "{path} was not written by `qianxun extract`: it is not written over.", remedy="Name a new file.", path=path
        )
    return path


def _journal_of(path: Path) -> Path:
    return path if path.suffix.lower() == ".jsonl" else path.with_name(f"{path.name}.jsonl")


@contextmanager
def _journal(path: Path | None, wanted: Wanted, model: str) -> Iterator[Journal | None]:
    if path is None:
        yield None
        return
    with extraction.open_journal(_journal_of(path), wanted.fingerprint, model) as journal:
        yield journal


def _write_table(path: Path, journal: Journal, wanted: Wanted, sources: Sequence[str]) -> None:
    """The table of all rows of this schema: those of this run in its order, then what earlier runs left."""
    if path.suffix.lower() == ".jsonl":
        return
    place = {source: number for number, source in enumerate(sources)}
    rows = sorted(journal.rows(), key=lambda row: place.get(row["source"], len(place)))
    columns, lines = table(rows, wanted.schema)
    write_whole(path, as_csv(columns, lines) if path.suffix.lower() == ".csv" else as_workbook(columns, lines))
