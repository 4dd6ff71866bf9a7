"""The Python door: a knowledge base as one object.

    import qianxun

    with qianxun.open("kb") as kb:
        kb.add(["documents/"])
        for passage in kb.search("报销标准").passages:
            print(passage.rank, passage.source, passage.text)
        print(kb.ask("How much is the on-call stipend?").text)

Python is the administrator unless an `asker` says otherwise. Parts are made at first use: listing
documents loads no encoder. One object may be used by several threads; many processes may read while
one writes.
"""

import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from qianxun import assemble, facts
from qianxun.errors import Busy, InputError, NotFound
from qianxun.files import signature
from qianxun.filters import Filter
from qianxun.opinions import Opinions
from qianxun.records import (
    MAX_CHUNKS_PER_DOCUMENT,
    AcceptedPair,
    Answer,
    AnswerOptions,
    Asker,
    Document,
    Passage,
    Receipt,
    SearchResult,
    Status,
    check_labels,
    document_of,
)
from qianxun.retrieval.follow_up import Turn
from qianxun.retrieval.gather import as_passage
from qianxun.settings import (
    KB_FILE_NAME,
    Settings,
    SplittingSettings,
    engine_of,
    enrichment_in_force,
    for_knowledge_base,
    generator_of,
    load_settings,
    own_text,
    same_encoder,
    with_encoder,
    with_enrichment,
    with_overrides,
)
from qianxun.settings.own import refuse_unwritable
from qianxun.storage.adapter import AdapterFile
from qianxun.storage.sources import FileNote, RootNote, SourceNotes
from qianxun.storage.store import Kinds, Store

if TYPE_CHECKING:
    from qianxun.answering.events import AnswerEvent
    from qianxun.asking import Asking
    from qianxun.conversations import Talks
    from qianxun.extraction import Extraction
    from qianxun.ingestion.originals import Original
    from qianxun.protocols import Encoder, Generator, Message, Reranker, Sampling, Source

# The writing flows, the search flow and their libraries are imported by the methods that need them:
# `import qianxun` and listing documents stay fast.

logger = logging.getLogger(__name__)


def open(
    path: str | Path,
    *,
    settings: Settings | None = None,
    overrides: Sequence[str] = (),
    create: bool = True,
    wait: bool = True,
) -> "KnowledgeBase":
    """The knowledge base in a folder, made if it is not there and `create` is True.

    `settings` are read as usual when not given; the knowledge base's own `kb.toml` goes over them, and
    the environment and `overrides` (`key=value` texts) over both. `wait` False makes writing raise Busy
    instead of waiting for another writer. Raises NotFound, NewerVersion, Damaged, SettingsError.
    """
    directory = Path(path).expanduser().absolute()
    given = settings if settings is not None else load_settings(overrides=overrides)
    kb_file = directory / KB_FILE_NAME
    if given.enrichment.enabled and not kb_file.exists():
        refuse_unwritable(given.enrichment, given.enrichment.model or generator_of(given.generator))
    store = Store(directory, create=create)
    if not kb_file.exists() and store.revision == 0:
        with contextlib.suppress(PermissionError):
            _write_whole(kb_file, own_text(given))
    return KnowledgeBase(directory, store, given, overrides=overrides, wait=wait)


class KnowledgeBase:
    """Documents, and everything that can be asked of them."""

    def __init__(
        self, directory: Path, store: Store, settings: Settings, *, overrides: Sequence[str] = (), wait: bool = True
    ) -> None:
        self.directory = directory
        self.settings = for_knowledge_base(settings, directory, overrides)
        self.wait = wait
        self._given = settings
        self._overrides = tuple(overrides)
        self._seen = signature(directory / KB_FILE_NAME)
        self._store = store
        self._made: dict[str, Any] = {}
        self._closed = False
        self._guard = threading.RLock()

    def __enter__(self) -> "KnowledgeBase":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of files and threads."""
        with self._guard:
            self._closed = True
            self._let_go()
            self._store.close()

    # -- writing -------------------------------------------------------------------------------------

    def add(
        self,
        paths: Sequence[str | Path] | str | Path,
        *,
        labels: Sequence[str] | None = None,
        sync: bool = False,
        retry: bool = False,
        progress: Any = None,
    ) -> Any:
        """Brings the knowledge base in step with files, folders and addresses; returns an AddReport.

        See `qianxun.ingestion.add_files` for what each argument does.
        """
        from qianxun import ingestion

        return ingestion.add_files(
            self._keeping,
            [paths] if isinstance(paths, str | Path) else list(paths),
            settings=self.settings,
            labels=labels,
            sync=sync,
            retry=retry,
            wait=self.wait,
            progress=progress or _silent,
        )

    def watch(
        self,
        paths: Sequence[str | Path] | str | Path,
        *,
        labels: Sequence[str] | None = None,
        poll: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[Any]:
        """Keeps files and folders in step (`add` with `sync`), now and after every change, until `stop` is set.

        Addresses are looked at every `sources.poll_seconds`. Yields an AddReport for each time, or the Busy, ModelError
        or SourceError that it failed with: it is tried again.
        """
        from qianxun import ingestion
        from qianxun.sources.addresses import is_address

        given = [paths] if isinstance(paths, str | Path) else list(paths)
        addresses = [place for place in given if is_address(place)]
        folders = [place for place in given if not is_address(place)]
        return ingestion.watch_files(
            lambda: self.add(folders, labels=labels, sync=True),
            folders,
            without=self.directory,
            stop=stop or threading.Event(),
            poll=poll,
            look=(lambda: self.add(addresses, labels=labels, sync=True)) if addresses else None,
            look_seconds=self.settings.sources.poll_seconds,
        )

    def add_stream(
        self, name: str, stream: BinaryIO, *, labels: Sequence[str] | None = None, progress: Any = None
    ) -> Any:
        """Adds a document whose bytes come from a stream, read as a file of this name is; returns an AddReport."""
        from qianxun import ingestion
        from qianxun.sources.given import GivenSource

        return ingestion.add_files(
            self._keeping,
            [GivenSource(name, stream, self.settings.reading)],
            settings=self.settings,
            labels=labels,
            wait=self.wait,
            progress=progress or _silent,
        )

    def add_handed(
        self,
        files: Mapping[str, str | Path],
        *,
        labels: Sequence[str] | None = None,
        retry: bool = False,
        progress: Any = None,
    ) -> Any:
        """Adds files by names of their own (`{"人事/年假.pdf": path}`) and keeps their bytes; returns an AddReport.

        `original` gives the bytes back for as long as the document is there; the files are not needed any more.
        """
        from qianxun import ingestion
        from qianxun.sources.handed import HandedFiles

        handed = {name: Path(path) for name, path in files.items()}
        report = self.add_sources([HandedFiles(handed)], labels=labels, retry=retry, progress=progress)
        ingestion.keep_originals(self._keeping, handed, progress or _silent)
        return report

    def add_sources(
        self,
        sources: "Sequence[Source]",
        *,
        labels: Sequence[str] | None = None,
        retry: bool = False,
        progress: Any = None,
    ) -> Any:
        """Adds what places of your own have (`qianxun.protocols.Source`), once; returns an AddReport."""
        from qianxun import ingestion

        return ingestion.add_files(
            self._keeping,
            list(sources),
            settings=self.settings,
            labels=labels,
            retry=retry,
            wait=self.wait,
            progress=progress or _silent,
        )

    def original(self, id: int, *, asker: Asker = Asker.admin()) -> "Original":  # noqa: B008 (frozen)
        """The file that a document was read from, byte for byte; its stream is the caller's to close.

        Raises NotFound where there is no such document that the asker may see, and where its file is not kept (an
        address), or is not what it was (a file on the disk).
        """
        from qianxun.ingestion.originals import open_original

        return open_original(self._store, self._store.document(id, asker))

    def sync(self, *, retry: bool = False, progress: Any = None) -> Any:
        """Brings the knowledge base in step with everything that was ever added; returns an AddReport.

        New documents get the labels that their place was last added with. A place that cannot be looked into is in
        the report, and what is kept of it stays.
        """
        from qianxun import ingestion

        return ingestion.sync_all(
            self._keeping, settings=self.settings, retry=retry, wait=self.wait, progress=progress or _silent
        )

    def sources(self) -> list[RootNote]:
        """Where documents were added from: folders and addresses, each with how its last run went."""
        return SourceNotes(self._store).roots()

    def source_files(self, root: str | Path) -> list[FileNote]:
        """What the last run did with each file of a folder or address. Raises NotFound if it was never added."""
        return SourceNotes(self._store).files(self._root(root))

    def forget_source(self, root: str | Path) -> None:
        """Forgets a folder or an address; its documents stay. Raises NotFound if it was never added."""
        address = self._root(root)
        _, write = assemble.locks(self.directory)
        with write.held(wait=self.wait):
            SourceNotes(self._store).forget_root(address)

    def _root(self, given: str | Path) -> str:
        from qianxun.sources.addresses import as_named, is_address
        from qianxun.sources.find import absolute, source_of

        text = str(given)
        named = as_named(text) if is_address(text) else source_of(absolute(text))
        for note in SourceNotes(self._store).roots():
            if note.address in (text, named) or (is_address(text) and as_named(note.address) == named):
                return note.address
        raise NotFound("{root} was never added.", remedy="`qianxun sources` lists what was.", root=text)

    def add_texts(self, items: Iterable[Any], *, labels: Sequence[str] | None = None, progress: Any = None) -> Any:
        """Adds `qianxun.TextItem(source, title, text)`s; returns an AddReport."""
        from qianxun import ingestion

        return ingestion.add_texts(
            self._keeping, items, settings=self.settings, labels=labels, wait=self.wait, progress=progress or _silent
        )

    def matching(
        self,
        what: Sequence[str | int | Path],
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    ) -> list[Document]:
        """The documents that ids, paths, folders or globs mean, of those that the asker may see. Raises NotFound."""
        from qianxun.ingestion.remove import select

        return select(self._store, what, asker)

    def remove(
        self,
        what: Sequence[str | int | Path],
        *,
        purge: bool = False,
        progress: Any = None,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    ) -> Receipt:
        """Removes documents by id, path, folder or glob, of those that the asker may see, and says what went; with
        `purge` also the answers in conversations for which they were read. Raises NotFound."""
        from qianxun import ingestion

        chosen = self.matching(what, asker=asker)
        return ingestion.remove_documents(self._keeping, chosen, purge=purge, progress=progress or _silent)

    def label(
        self,
        what: Sequence[str | int | Path],
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    ) -> list[Document]:
        """Adds and removes labels of those that the asker may see, in force from the next query on; returns the
        documents as they are now."""
        from qianxun import ingestion
        from qianxun.storage.reindex import settle

        check_labels(add, removed=remove)
        chosen = [document.id for document in self.matching(what, asker=asker)]
        keeping = self._keeping
        settle(keeping)
        with keeping.write.held(wait=self.wait):
            self._store.label(chosen, add=add, remove=remove)
        ingestion.bring_up_to_date(keeping, chosen)
        return list(self._store.live(chosen).values())

    # -- asking --------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        k: int | None = None,
        mode: str | None = None,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
        explain: bool = False,
        turns: Sequence[Turn | str] = (),
    ) -> SearchResult:
        """At most k passages, best first. `mode` is hybrid, lexical or dense; `explain` adds the terms that matched.

        `where` says which documents, as `qianxun.parse_filter` reads it from text; `turns` are the questions asked
        before in the same conversation, oldest first, which a question may lean on. Where the settings have a
        generator complete or reword questions, not to be called from within a running event loop.
        Raises InputError, StaleIndex.
        """
        return self._asking.search(query, asker, k=k, mode=mode, where=where, explain=explain, turns=_turns(turns))

    def ask(
        self,
        question: str,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
        turns: Sequence[Turn | str] = (),
        persona: str | None = None,
        attachments: Sequence[str] = (),
        documents: Sequence[str | int | Path] = (),
        deep: int = 0,
        options: AnswerOptions = AnswerOptions(),  # noqa: B008 (frozen)
    ) -> Answer:
        """An answer whose citations are checked. Not to be called from within a running event loop.

        `turns` are the questions asked before in the same conversation, oldest first. `persona` names a section
        [personas.NAME] of the settings, "" none; None is `answer.persona`. `attachments` are texts given with the
        question: evidence like a table in it, cited as [Q].

        With `documents` (ids, paths, folders or globs), all of these are read instead of what search finds;
        `Answer.coverage` says how much was. With `deep`, the question is divided into at most so many sub-questions,
        each searched by itself (in these documents, where there are any); `Answer.plan` says how. `options` say of this
        one answer what the settings say of all; with `documents`, not from how many passages it is made.

        Without a generator it is made of quotations; so it is when the generator fails, and `degraded` says so.
        Raises NotFound for documents that are not there, or that the asker may not see.
        """
        import asyncio

        from qianxun.answering.events import the_answer

        events: Any = self.stream(
            question,
            asker=asker,
            where=where,
            turns=turns,
            persona=persona,
            attachments=attachments,
            documents=documents,
            deep=deep,
            options=options,
        )
        return asyncio.run(the_answer(events))

    async def stream(
        self,
        question: str,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
        turns: Sequence[Turn | str] = (),
        history: "Sequence[Message]" = (),
        persona: str | None = None,
        attachments: Sequence[str] = (),
        documents: Sequence[str | int | Path] = (),
        deep: int = 0,
        sampling: "Sampling | None" = None,
        instructions: str = "",
        options: AnswerOptions = AnswerOptions(),  # noqa: B008 (frozen)
        cancelled: Any = None,
    ) -> AsyncIterator["AnswerEvent"]:
        """The answer as it comes into being: events of `qianxun.answering.events`, the last of them holds the answer.

        `history` is what a model is told that was said before, user and assistant in turn. `sampling` is how it chooses
        tokens where not as the settings say (never more tokens than those allow); `instructions` are what an operator
        adds to those of the persona (an asker's own are in `options`). Neither holds with `documents` or `deep`.

        Closing the iterator stops the model. So does setting `cancelled`, an `asyncio.Event`: the answer is then what
        was said. As `ask` otherwise.
        """

        import asyncio

        from qianxun.asking import Question

        chosen = await asyncio.to_thread(self._chosen, documents, asker)
        given = Question(
            question,
            where,
            _turns(turns),
            tuple(history),
            persona,
            tuple(attachments),
            chosen,
            deep,
            sampling,
            instructions,
            options,
        )
        asking = await asyncio.to_thread(lambda: self._asking)  # which may wait for parts that are being made
        async with contextlib.aclosing(asking.events(given, asker, cancelled)) as events:
            async for event in events:
                yield event

    def _chosen(self, what: Sequence[str | int | Path], asker: Asker) -> tuple[Document, ...]:
        """The documents that are named, of those that the asker may see; none where none is."""
        named = [what] if isinstance(what, str | int | Path) else list(what)
        return tuple(self.matching(named, asker=asker)) if named else ()

    def summarize(
        self,
        what: Sequence[str | int | Path] | str | int | Path,
        *,
        question: str | None = None,
        sentences: int = 8,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    ) -> Answer:
        """A summary of all of these documents (ids, paths, folders or globs), every sentence cited and checked.

        About `sentences` long; `question` says what is of interest. It is written in the language of the question,
        without one in that of the documents. Without a generator it is made of their sentences. `Answer.coverage`
        says how much was read. Raises NotFound, also for what the asker may not see; InputError. Not to be called from
        within a running event loop.
        """
        import asyncio

        from qianxun.answering.events import the_answer

        events: Any = self.stream_summary(what, question=question, sentences=sentences, asker=asker)
        return asyncio.run(the_answer(events))

    async def stream_summary(
        self,
        what: Sequence[str | int | Path] | str | int | Path,
        *,
        question: str | None = None,
        sentences: int = 8,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        cancelled: Any = None,
    ) -> AsyncIterator["AnswerEvent"]:
        """The summary as it comes into being; as `summarize` and `stream` otherwise."""
        import asyncio

        chosen = await asyncio.to_thread(self._chosen, what, asker)  # type: ignore[arg-type]
        asking = await asyncio.to_thread(lambda: self._asking)
        running = asking.summary(chosen, question or "", sentences, asker, cancelled)
        async with contextlib.aclosing(running) as events:
            async for event in events:
                yield event

    def extract(
        self,
        schema: Any,
        what: Sequence[str | int | Path],
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        out: str | Path | None = None,
        retry: bool = False,
        progress: Any = None,
    ) -> list["Extraction"]:
        """What a schema asks for, from each of these documents (ids, paths, folders, globs) that the asker may see.

        As `qianxun.extract` otherwise. Raises NotFound where there is none that the asker may see.
        """
        from qianxun.extracting import extract
        from qianxun.extraction import Material, Unread

        seen = {document.id for document in self._store.documents(asker)}
        chosen = [document for document in self.matching(what) if document.id in seen]
        for id in {one for one in what if isinstance(one, int)} - seen:
            self._store.document(id, asker)
        if not chosen:
            raise NotFound("There is no such document.", remedy="`qianxun list` shows ids and sources.")
        texts = ((one, self._store.text(one.id)) for one in chosen)
        given = [
            Material(one.source, text, one.digest, one.title)
            if text.strip()
            else Unread(one.source, one.reason or f"{one.source} has no text in it.", one.digest)
            for one, text in texts
        ]
        return extract(
            schema,
            materials=given,
            settings=self.settings,
            out=out,
            retry=retry,
            progress=progress or _silent,
        )

    @property
    def feedback(self) -> Opinions:
        """What people make known of passages: clicks, thumbs, accepted citations."""
        with self._guard:
            self._refuse_if_closed()
            if "feedback" not in self._made:
                file = assemble.FeedbackFile(self.directory, self.settings)
                self._made["feedback"] = Opinions(file, self._store, enabled=self.settings.feedback.enabled)
            found: Opinions = self._made["feedback"]
            return found

    @property
    def conversations(self) -> "Talks":
        """Questions that lean on those before, with their answers: kept, exported, deleted."""
        from qianxun.conversations import Talks

        with self._guard:
            self._refuse_if_closed()
            if "conversations" not in self._made:
                self._made["conversations"] = Talks(
                    assemble.ConversationsFile(self.directory, self.settings),
                    self._store,
                    self.settings.conversation,
                    stream=self.stream,
                    generator=lambda: self._generator,
                    shown=lambda passages: self._asking.shown(passages),
                    held=lambda answer: self._asking.held(answer),
                )
            found: Talks = self._made["conversations"]
            return found

    # -- adapting ------------------------------------------------------------------------------------

    def adapt(
        self,
        pairs: Iterable[AcceptedPair] | str | Path,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        keep: bool = True,
        progress: Any = None,
    ) -> Any:
        """Learns a query adapter from accepted pairs, or a file of them, and says how it did; returns an AdaptReport.

        It is kept, and in force from the next search on, if search is better with it on questions held back
        (`verdict` "better") and `keep` is True; else nothing changes. Only documents that the asker may read are
        learned from; what is learned is in force for everybody. Raises InputError for pairs that are too few or not
        in order, Busy if documents went meanwhile.
        """
        from qianxun.evaluation.adaptation import learn_adapter
        from qianxun.evaluation.pairs import read_pairs

        given = read_pairs(Path(pairs).expanduser()) if isinstance(pairs, str | Path) else pairs
        searcher = self._searcher
        with contextlib.closing(assemble.vectors(self.directory, searcher.encoder)) as vectors:
            adapter, report = learn_adapter(
                given, searcher=searcher, vectors=vectors, asker=asker, progress=progress or _silent
            )
        if keep and report.verdict == "better":
            _, write = assemble.locks(self.directory)
            with write.held(wait=self.wait):
                if facts.n_gone(adapter, self._store):
                    # Else `compact` might have come and gone, and something of them would stay.
                    raise Busy(
                        "Documents were removed or replaced while the query adapter was learned; it is not kept.",
                        remedy="Run the command again.",
                    )
                AdapterFile(self.directory).write(adapter)
            report.kept = True
        return report

    def remove_adapter(self) -> bool:
        """Takes the query adapter away, in force from the next search on; False if there was none."""
        _, write = assemble.locks(self.directory)
        with write.held(wait=self.wait):
            return AdapterFile(self.directory).remove()

    # -- looking -------------------------------------------------------------------------------------

    def documents(
        self,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
    ) -> list[Document]:
        """The documents that the asker may see, by source."""
        return self._store.documents(asker, where)

    def listed(
        self,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
        state: Status | None = None,
        first: int = 0,
        count: int = 100,
    ) -> tuple[list[Document], int]:
        """A page of `documents`, and how many there are in all; with `state` only those that a person should know as
        such (`Document.state`)."""
        return self._store.listed(asker, where, state=state, first=first, count=count)

    def has_below(self, prefix: str) -> bool:
        """Whether there is a document whose source begins so, whoever may see it. Quick, however many there are."""
        return self._store.has_below(prefix)

    def count(
        self,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
    ) -> int:
        """How many documents the asker may see."""
        return self._store.count(asker, where)

    def kinds(
        self,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
    ) -> Kinds:
        """The labels (of the asker's) and formats that the documents have which the asker may see."""
        return self._store.kinds(asker, where)

    def duplicates(
        self,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        where: Filter | None = None,
        least: float = 0.8,
    ) -> list[Any]:
        """Groups of `documents` that say the same, DuplicateGroups; which share `least` of their text."""
        from qianxun import ingestion

        return ingestion.find_duplicates(self._store, asker, least, where)

    def document(self, id: int, *, asker: Asker = Asker.admin()) -> Document:  # noqa: B008 (frozen)
        """One document. Raises NotFound."""
        return self._store.document(id, asker)

    def text(self, id: int, *, asker: Asker = Asker.admin()) -> str:  # noqa: B008 (frozen)
        """The cleaned text of a document. Raises NotFound."""
        return self._store.text(self._store.document(id, asker).id)

    def chunks(
        self,
        id: int,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        first: int = 0,
        count: int = MAX_CHUNKS_PER_DOCUMENT,
    ) -> list[Passage]:
        """What a document was cut into, in reading order, `count` of them from the one at `first` on; or the one chunk
        with this id. Raises NotFound."""
        if id >= MAX_CHUNKS_PER_DOCUMENT:
            document = self._store.document(document_of(id), asker)
            found = self._store.passages([id], None)
            if id not in found:
                raise NotFound("There is no chunk {id}.", remedy="`qianxun search --explain` shows the ids.", id=id)
            return [as_passage(document, found[id][1], rank=1)]
        document = self._store.document(id, asker)
        chunks = self._store.chunks(document.id, first, count)
        return [as_passage(document, one, rank=n) for n, one in enumerate(chunks, start=first + 1)]

    def preview(self, file: str | Path, *, name: str = "", splitting: SplittingSettings | None = None) -> Any:
        """How a file would be cut, as the settings say or as `splitting` does; returns a Preview. Nothing is kept.

        It is read as a file called `name` (its own name). What cannot be read is in `Preview.reason`.
        """
        from qianxun import ingestion

        path, settings = Path(file).expanduser(), self.settings
        return ingestion.preview(
            path,
            name or path.name,
            settings.reading,
            splitting or settings.splitting,
            assemble.tokenizer(settings),
        )

    def shown(self, passages: Sequence[Passage]) -> list[Passage]:
        """Passages as word lists let them be shown: masked, and without those that hold a blocked word."""
        return self._asking.shown(passages)

    def shown_text(self, text: str) -> str:
        """The text of a document as word lists let it be shown: masked, up to the first blocked word."""
        return self._asking.shown_text(text)

    def neighbours(
        self,
        id: int,
        *,
        before: int = 1,
        after: int = 1,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    ) -> list[Passage]:
        """The chunks next to a chunk in its document, in reading order, without itself: at most so many on each side.

        Raises NotFound, also where the asker may not see the document; InputError for a negative number.
        """
        from qianxun.retrieval.around import neighbours

        return self._asking.shown(neighbours(self._store, id, before, after, asker))

    def parent(self, id: int, *, asker: Asker = Asker.admin()) -> Passage:  # noqa: B008 (frozen)
        """The whole section that a chunk stands in, with the sections below it, as a passage: its text and its span.

        The section is that of the chunk's deepest heading and begins with it; for a chunk under no heading it is
        everything around it that is under none. Raises NotFound, also where the asker may not see the document.
        """
        from qianxun.retrieval.around import section

        found = self._asking.shown([section(self._store, id, asker)])
        if not found:
            raise NotFound("There is no chunk {id}.", remedy="`qianxun search --explain` shows the ids.", id=id)
        return found[0]

    def info(self) -> dict[str, Any]:
        """What is in the knowledge base and what serves it; opens indexes but no document."""
        self._refuse_if_closed()
        searcher = self._made.get("searcher")
        return facts.of(self.directory, self._store, self.settings, searcher and searcher.encoder)

    def not_yet_indexed(self, documents: Sequence[int]) -> set[int]:
        """Those of these documents that search does not find yet, because an index is behind. As far as this process
        has opened indexes: it opens none."""
        with self._guard:
            searcher = self._made.get("searcher")
        return facts.not_yet_indexed(self._store, searcher.indexes if searcher is not None else (), documents)

    # -- upkeep --------------------------------------------------------------------------------------

    def catch_up(self, *, progress: Any = None) -> None:
        """Brings the indexes up to what is stored, as every `add` does at its end: for one that was interrupted.

        Raises Busy while an `add` is running: that one will.
        """
        from qianxun import ingestion

        ingestion.finish(self._keeping, progress=progress or _silent)

    def check(self, *, progress: Any = None) -> Any:
        """Verifies every derived store against the truth, in both directions; returns a CheckReport.

        Interrupted work is finished first. Raises Busy while an `add` is running.
        """
        from qianxun import ingestion

        return ingestion.check(self._keeping, progress=progress or _silent)

    def rebuild(self, *, progress: Any = None) -> dict[str, Any]:
        """Mends everything derived: damaged, missing or stale files are made again from the truth."""
        from qianxun import ingestion

        with self._guard:
            ingest, write = assemble.locks(self.directory)
            with ingest.held(wait=self.wait):
                with write.held():  # nothing is deleted under somebody's hands
                    self._let_go()
                    reset = facts.reset_unusable(self.directory, self._store, self.settings)
                keeping = assemble.keeping(self.directory, self._store, self.settings, lambda: self._generator)
                keeping.ingest, keeping.write = ingest, write
                self._made["keeping"] = keeping
                done = ingestion.rebuild(keeping, progress=progress or _silent)
        return {**done, "reset": reset}

    def compact(self, *, progress: Any = None) -> dict[str, Any]:
        """Rewrites every file so that nothing removed is left in any byte, and frees the room."""
        from qianxun import ingestion

        before = facts.bytes_below(self.directory)
        keeping = self._keeping
        foreign = assemble.foreign_files(self.directory, keeping.encoder, self.settings)
        with assemble.change_lock(self.directory).held(wait=self.wait):
            ingestion.compact(keeping, foreign=foreign, progress=progress or _silent, wait=self.wait)
        with keeping.write.held():
            # A question that it learned from still leads it to about where the passage was: no byte, but a trace.
            forgotten = AdapterFile(self.directory).remove_unless(
                lambda a: a.fingerprint == keeping.encoder.fingerprint and facts.n_gone(a, self._store) == 0
            )
        return {
            "bytes_before": before,
            "bytes_after": facts.bytes_below(self.directory),
            "adapter_removed": forgotten,
        }

    def reindex(
        self,
        encoder: str | None = None,
        *,
        enrich: bool | None = None,
        pairs: Iterable[AcceptedPair] | str | Path | None = None,
        even_if_worse: bool = False,
        switch: bool = True,
        progress: Any = None,
    ) -> Any:
        """Changes the encoder or the enrichment of chunks while searches go on; returns a ChangeReport.

        `encoder` is `builtin`, a model's name or folder, a server's address, or an installed plugin; None takes what
        the settings say apart from the knowledge base's own, or with `enrich` the one there is. `enrich` True has the
        generator of the settings write about every chunk, False takes what was written out of the search; None keeps
        it, unless there is no `encoder` either and the settings ask for it. With `pairs` (accepted question–passage
        pairs, or a file of them) both are compared first, and a new one that is worse beyond chance is not taken,
        unless `even_if_worse`. `switch` False only builds and compares. Raises UnfitModel, ModelError, SettingsError,
        InputError, Busy.
        """
        from qianxun.ingestion.change import change_encoder
        from qianxun.storage.reindex import Progress

        report_to = progress or _silent
        with self._guard:
            self._notice_change()
            settings = enrichment_in_force(self.settings, self.directory)
            if settings != self.settings:  # this run asks for another one, which is what it is about
                self.settings = settings
                self._made.clear()
        if encoder is not None or enrich is None:
            settings = with_encoder(settings, self._given, self._overrides, encoder, engines=assemble.known("encoders"))
        if encoder is None or enrich is not None:
            settings = with_enrichment(settings, self._given, self._overrides, enrich)
        keeping = self._keeping
        new = assemble.keeping_beside(self.directory, keeping, settings, lambda: self._generator)
        comparison: list[Any] = []

        def accept() -> bool:
            if pairs is not None:
                counted = iter(range(1, 1 << 62))
                comparison.append(
                    self._compared(settings, pairs, lambda: report_to(Progress("measuring", next(counted), None)))
                )
            worse = bool(comparison) and comparison[0].verdict == "worse"
            return switch and (even_if_worse or not worse)

        def put_in_force() -> None:
            path = self.directory / KB_FILE_NAME
            before = path.read_text(encoding="utf-8") if path.is_file() else ""
            _write_whole(path, own_text(settings, before))
            # What was said of them when this object was made is no longer so.
            self._overrides = tuple(o for o in self._overrides if not o.startswith(("encoder.", "enrichment.")))

        try:
            report = change_encoder(
                new,
                before=assemble.fingerprint(keeping.encoder, self.settings),
                after=assemble.fingerprint(new.encoder, settings),
                change=assemble.change_lock(self.directory),
                accept=accept,
                switch=put_in_force,
                wait=self.wait,
                progress=report_to,
            )
        finally:
            for index in new.indexes:
                index.close()
            new.vectors.close()
        report.comparison = comparison[0] if comparison else None
        return report

    def _compared(
        self, settings: Settings, pairs: Iterable[AcceptedPair] | str | Path, done: Callable[[], None]
    ) -> Any:
        from qianxun.evaluation.comparison import compare
        from qianxun.evaluation.pairs import read_pairs

        given = read_pairs(Path(pairs).expanduser()) if isinstance(pairs, str | Path) else pairs
        after = assemble.searcher(self.directory, self._store, settings)
        try:
            return compare(self._searcher, after, given, Asker.admin(), done)
        finally:
            for index in after.indexes:
                index.close()

    @property
    def other_encoder(self) -> str | None:
        """The encoder that the settings name where the knowledge base keeps to its own; None where they agree.

        `reindex` goes over to it.
        """
        given = with_overrides(self._given, self._overrides).encoder
        if engine_of(given) == "builtin" or same_encoder(given, self.settings.encoder):
            return None
        return assemble.model_name(given)

    def check_model(self, role: str) -> Any:
        """Tests the encoder, reranker or generator anew; returns a ModelReport, None where there is nothing to test."""
        _, write = assemble.locks(self.directory)
        notebook = assemble.notebook(self._store, write, self.settings, wait=True)
        return assemble.check_model(role, self.settings, notebook)

    @property
    def encoder(self) -> "Encoder":
        """The encoder in force, as searches use it."""
        found: Encoder = self._searcher.encoder
        return found

    @property
    def reranker(self) -> "Reranker | None":
        """The reranker in force; None if there is none."""
        found: Reranker | None = self._searcher.reranker
        return found

    @property
    def generator(self) -> "Generator | None":
        """The generator in force; None if answers quote."""
        found: Generator | None = self._generator
        return found

    def prepare(self) -> list[str]:
        """Opens what the first question needs, and tests the models; returns the roles of those that are not ready.

        Raises StaleIndex, Damaged, SettingsError.
        """
        roles = ("encoder", "reranker", "generator")
        found = {role: self.check_model(role) for role in roles}
        self.search("ready", k=1)
        return [role for role, report in found.items() if report is not None and not report.ok]

    def figures(self) -> facts.Figures:
        """A few counts, and how far behind each index is that this process has opened. Opens no model and no index."""
        with self._guard:
            searcher = self._made.get("searcher")
        return facts.figures_of(self._store, searcher.indexes if searcher is not None else ())

    # -- parts ---------------------------------------------------------------------------------------

    def _notice_change(self) -> None:
        """Lets go of what was made with an encoder that is no longer in force, here or by another process."""
        seen = signature(self.directory / KB_FILE_NAME)
        if seen == self._seen:
            return
        self._seen = seen
        settings = for_knowledge_base(self._given, self.directory, self._overrides)
        if settings != self.settings:
            self.settings = settings
            # Not closed: another thread may be searching with them.
            self._made.clear()

    @property
    def _keeping(self) -> Any:
        with self._guard:
            self._refuse_if_closed()
            self._notice_change()
            if "keeping" not in self._made:
                self._made["keeping"] = assemble.keeping(
                    self.directory, self._store, self.settings, lambda: self._generator
                )
            return self._made["keeping"]

    @property
    def _searcher(self) -> Any:
        with self._guard:
            self._refuse_if_closed()
            self._notice_change()
            if "searcher" not in self._made:
                self._made["searcher"] = assemble.searcher(
                    self.directory, self._store, self.settings, lambda: self._generator
                )
            return self._made["searcher"]

    @property
    def _generator(self) -> Any:
        with self._guard:
            if "generator" not in self._made and engine_of(self.settings.generator) == assemble.NONE:
                self._made["generator"] = None
            if "generator" not in self._made:
                _, write = assemble.locks(self.directory)
                tests = assemble.notebook(self._store, write, self.settings, wait=False)
                self._made["generator"] = assemble.generator(self.settings, tests)
            return self._made["generator"]

    @property
    def _asking(self) -> "Asking":
        from qianxun.asking import Asking

        with self._guard:
            self._refuse_if_closed()
            self._notice_change()
            if "asking" not in self._made:
                self._made["asking"] = Asking(
                    self.directory,
                    self._store,
                    self.settings,
                    searcher=lambda: self._searcher,
                    generator=lambda: self._generator,
                )
            found: Asking = self._made["asking"]
            return found

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise InputError(
                "The knowledge base at {directory} is closed.",
                remedy="Open it again with qianxun.open.",
                directory=self.directory,
            )

    def _let_go(self) -> None:
        keeping, searcher = self._made.pop("keeping", None), self._made.pop("searcher", None)
        feedback, talks = self._made.pop("feedback", None), self._made.pop("conversations", None)
        for engine in (self._made.pop("generator", None), searcher and searcher.reranker):
            if engine is not None and hasattr(engine, "close"):
                engine.close()
        for engine in {id(e): e for e in (keeping and keeping.encoder, searcher and searcher.encoder) if e}.values():
            if hasattr(engine, "close"):
                engine.close()
        for index in [*(keeping.indexes if keeping else ()), *(searcher.indexes if searcher else ())]:
            index.close()
        if searcher is not None and searcher.threads is not None:
            searcher.threads.shutdown()
        if keeping is not None:
            keeping.vectors.close()
            keeping.feedback.close()
            keeping.conversations.close()
        if searcher is not None:
            searcher.feedback.close()
        for door in (feedback, talks):
            if door is not None:
                door.close()


def _turns(given: Sequence[Turn | str]) -> list[Turn]:
    return [Turn(one) if isinstance(one, str) else one for one in given]


def _write_whole(path: Path, text: str) -> None:
    """Beside it first: half a settings file would lock the knowledge base for good."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _silent(progress: object) -> None:
    """Reports to nobody."""
