"""Settings to objects: the one place that knows which name is which implementation.

Built-ins and plugins have the same form, `name → "module:factory"`, in the entry-point groups
`qianxun.<kind>`. The built-in table is here so that starting needs no scan of every installed package;
a test holds it against `pyproject.toml`. Plugins are looked up by name only when no built-in has it.
"""

import contextlib
import dataclasses
import importlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qianxun.errors import Busy, Forbidden, InputError, ModelError, NotFound, SettingsError, StaleIndex, StorageError
from qianxun.filters import And, Filter
from qianxun.models.formats import tokenizer_file
from qianxun.protocols import Cache, Encoder, Generator, Index, Reranker
from qianxun.records import AnswerOptions, Policy, as_strict_as
from qianxun.retrieval.search import Searcher
from qianxun.retrieval.signals import SignalRules, factors
from qianxun.retrieval.synonyms import read_synonyms
from qianxun.settings import (
    NEWEST_PROMPT,
    AnswerSettings,
    GeneratorSettings,
    Settings,
    SignalsSettings,
    address_of,
    engine_of,
    generator_of,
    home_directory,
    maker_of,
)
from qianxun.settings.own import refuse_unwritable
from qianxun.sources.registry import BUILT_IN as SOURCES
from qianxun.storage.adapter import AdapterFile
from qianxun.storage.audit import Audit
from qianxun.storage.audit_records import Entry
from qianxun.storage.conversations import Conversations
from qianxun.storage.database import Database
from qianxun.storage.enrichments import Enricher
from qianxun.storage.feedback import Feedback
from qianxun.storage.locks import QUIET_SECONDS, Lock
from qianxun.storage.reindex import Keeping
from qianxun.storage.service import has_service, open_service
from qianxun.storage.store import Store, now
from qianxun.storage.vectors import VectorStore

if TYPE_CHECKING:
    from qianxun.answering.guarded import WordGuard
    from qianxun.answering.manner import Manner
    from qianxun.models.check import ModelReport
    from qianxun.models.wrappers.checked import Notebook

logger = logging.getLogger(__name__)

NONE = "none"
# Of a knowledge base: its own texts of prompts.
PROMPTS_FOLDER = "prompts"
# What a lexical index is made with in place of an encoder: changing the encoder leaves it as it is.
WORDS = "words"
# Engines whose weights somebody else brings: tested before their first use. Plugins answer for themselves.
TESTED = frozenset({"http", "transformers"})
# Two legs at a time, and stages with a budget, some of which may be late and finishing.
_SEARCH_THREADS = 8
# Texts handed over at a time while adding: what is lost when a run is killed, so less where encoding is dear.
_TEXTS_AT_ONCE = {"builtin": 512, "hash": 512}
_DEAR_TEXTS_AT_ONCE = 64

BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "encoders": {
        "builtin": "qianxun.models.builtin:open_encoder",
        "hash": "qianxun.models.hashing:open_encoder",
        "http": "qianxun.models.remote.encoder:open_encoder",
        "transformers": "qianxun.models.in_process.encoder:open_encoder",
    },
    "rerankers": {
        "http": "qianxun.models.remote.reranker:open_reranker",
        "transformers": "qianxun.models.in_process.reranker:open_reranker",
    },
    "generators": {
        "http": "qianxun.models.remote.generator:open_generator",
        "transformers": "qianxun.models.in_process.generator:open_generator",
    },
    "caches": {
        "memory": "qianxun.caches.memory:open_cache",
        "redis": "qianxun.caches.redis:open_cache",
    },
    "indexes": {
        "exact": "qianxun.indexes.exact:open_index",
        "exact-lexical": "qianxun.indexes.exact_lexical:open_index",
        "faiss": "qianxun.indexes.faiss:open_index",
        "tantivy": "qianxun.indexes.tantivy:open_index",
    },
    "sources": SOURCES,
}


def factory(kind: str, name: str) -> Any:
    """The factory registered under this name. Raises SettingsError that lists the known names."""
    target = BUILT_IN[kind].get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        return getattr(importlib.import_module(module), attribute)
    from importlib.metadata import entry_points

    plugins = {point.name: point for point in entry_points(group=f"qianxun.{kind}")}
    if name not in plugins:
        raise SettingsError(
            "There is no {kind} named {name!r}.",
            remedy="Known: {known}. A plugin must be installed in the same environment.",
            kind=kind.removesuffix("es" if kind == "indexes" else "s"),
            name=name,
            known=", ".join(sorted({*BUILT_IN[kind], *plugins})),
        )
    return plugins[name].load()


def known(kind: str) -> set[str]:
    """The names of everything installed of a kind, plugins too."""
    from importlib.metadata import entry_points

    return {*BUILT_IN[kind], *(point.name for point in entry_points(group=f"qianxun.{kind}"))}


def encoder(settings: Settings, notebook: "Notebook | None" = None) -> Encoder:
    """The encoder that the settings name; with a notebook, one that passes its self-test before its first text."""
    name = engine_of(settings.encoder)
    made: Encoder = factory("encoders", name)(settings)
    if notebook is not None and name in TESTED:
        from qianxun.models.wrappers.checked import CheckedEncoder

        made = CheckedEncoder(made, notebook, run=_run(settings.encoder), remote=bool(address_of(settings.encoder)))
    return made


def reranker(settings: Settings, notebook: "Notebook | None" = None) -> Reranker | None:
    """The reranker that the settings name, or None; with a notebook, one that is tested before it is used."""
    made: Reranker | None = _optional("rerankers", "CheckedReranker", settings.reranker, settings, notebook)
    return made


def generator(settings: Settings, notebook: "Notebook | None" = None) -> Generator | None:
    """The generator that the settings name, or None; with a notebook, one that is tested before it is used."""
    made: Generator | None = _optional("generators", "CheckedGenerator", settings.generator, settings, notebook)
    if made is None:
        return None
    from qianxun.models.wrappers.counted import CountedGenerator

    return CountedGenerator(made)


def word_guard(settings: Settings) -> "WordGuard | None":
    """The word lists of the settings, None if there are none. Raises SettingsError for one that cannot be read."""
    if not settings.guard.words:
        return None
    from qianxun.answering.guarded import PLACES, WordGuard
    from qianxun.guarding import read_words

    unknown = sorted({*settings.guard.places} - {*PLACES})
    if unknown:
        raise SettingsError(
            "guard.places: {place!r} is unknown.", remedy="Known: {known}.", place=unknown[0], known=", ".join(PLACES)
        )
    words = read_words([Path(one).expanduser() for one in settings.guard.words])
    return WordGuard(words, frozenset(place for place in PLACES if place in settings.guard.places))


@dataclasses.dataclass(frozen=True, slots=True)
class WayOfAnswering:
    """How questions are answered: as usual, or as a persona says. `where` narrows the documents."""

    manner: "Manner"
    answer: AnswerSettings
    generator: GeneratorSettings
    where: Filter | None

    def within(self, where: Filter | None) -> Filter | None:
        """A filter and this one together."""
        given = tuple(part for part in (where, self.where) if part is not None)
        return And(given) if len(given) > 1 else next(iter(given), None)

    def with_instructions(self, more: str) -> "WayOfAnswering":
        """The same with further instructions under its own."""
        if not more.strip():
            return self
        joined = "\n\n".join(part for part in (self.manner.instructions.strip(), more.strip()) if part)
        return dataclasses.replace(self, manner=dataclasses.replace(self.manner, instructions=joined))

    def with_options(self, options: AnswerOptions) -> "WayOfAnswering":
        """The same as the asker wants it; what they leave open stays. Raises Forbidden for what is less strict."""
        allowed = as_strict_as(self.answer.unsupported)
        if options.unsupported is not None and options.unsupported not in allowed:
            raise Forbidden(
                "Sentences that nothing bears are treated as {policy} here; an asker may be stricter, not less strict.",
                remedy="Allowed: {allowed}.",
                policy=self.answer.unsupported,
                allowed=", ".join(allowed),
            )
        answer = dataclasses.replace(
            self.answer,
            unsupported=options.unsupported or self.answer.unsupported,
            passages=options.passages or self.answer.passages,
            context_tokens=options.context_tokens or self.answer.context_tokens,
        )
        manner = dataclasses.replace(self.manner, wishes=options.instructions.strip())
        return dataclasses.replace(self, answer=answer, manner=manner)


def way_of_answering(directory: Path, settings: Settings, persona: str | None) -> WayOfAnswering:
    """The usual way, or that of a persona: None is `answer.persona`, "" the usual.

    Raises InputError for one that there is not, or that needs a generator where there is none.
    """
    from qianxun.answering.manner import Manner
    from qianxun.answering.prompts import Templates
    from qianxun.retrieval.filter_language import parse_filter

    name = settings.answer.persona if persona is None else persona
    templates = Templates(directory / PROMPTS_FOLDER)
    if not name:
        return WayOfAnswering(Manner(templates=templates), settings.answer, settings.generator, None)
    one = settings.personas.get(name)
    if one is None:
        raise InputError(
            "There is no persona {name!r}.",
            remedy="Known: {known}. Write a section [personas.NAME] in the settings.",
            name=name,
            known=", ".join(sorted(settings.personas)) or "–",
        )
    if one.grounding == "off" and engine_of(settings.generator) == NONE:
        raise InputError(
            "The persona {name!r} answers without documents, and no model is configured.",
            remedy="Set [generator], or personas.{name}.grounding to required.",
            name=name,
        )
    return WayOfAnswering(
        Manner(name, one.instructions, one.language, one.grounding, templates),
        dataclasses.replace(settings.answer, unsupported=one.unsupported or settings.answer.unsupported),
        dataclasses.replace(settings.generator, max_tokens=one.max_tokens or settings.generator.max_tokens),
        parse_filter(one.where) if one.where else None,
    )


def policies_by_persona(settings: Settings) -> dict[str, tuple[Policy, ...]]:
    """What an asker may choose for sentences that nothing bears, with each persona; "" for none."""
    usual = settings.answer.unsupported
    own = {name: one.unsupported or usual for name, one in settings.personas.items()}
    return {name: as_strict_as(policy) for name, policy in {"": usual, **own}.items()}


def _optional(kind: str, checked: str, section: Any, settings: Settings, notebook: "Notebook | None") -> Any:
    name = engine_of(section)
    if name == NONE:
        return None
    made = factory(kind, name)(settings)
    if notebook is None or name not in TESTED:
        return made
    from qianxun.models.wrappers import checked as wrappers

    return getattr(wrappers, checked)(made, notebook, identity=f"{section.model}@{section.revision}", run=_run(section))


def check_model(role: str, settings: Settings, notebook: "Notebook | None" = None) -> "ModelReport | None":
    """The self-test of one model, kept in the notebook if it passes; None where there is nothing to test.

    A model that does not answer is a report too.
    """
    import asyncio

    from qianxun.models import check
    from qianxun.models.wrappers.checked import PROBES

    section, waive = getattr(settings, role), settings.models.waive_meaning_checks
    if engine_of(section) not in TESTED:
        return None
    if role == "encoder":
        encoding: Any = encoder(settings)
        identity = encoding.fingerprint
        page = notebook.kept(role, identity) if notebook is not None else {}
        # The dimension may be known only once a server has answered.
        known = check.unpacked(page[PROBES], encoding.dim) if PROBES in page else None
        report = _closing(role, encoding, lambda: check.check_encoder(encoding, waive_meaning=waive, known=known))
    else:
        identity = f"{section.model}@{section.revision}"
        engine: Any = reranker(settings) if role == "reranker" else generator(settings)
        if role == "reranker":
            report = _closing(role, engine, lambda: check.check_reranker(engine, waive_meaning=waive))
        else:
            report = _closing(role, engine, lambda: asyncio.run(check.check_generator(engine, waive_meaning=waive)))
        report.identity = model_name(section)
    if notebook is not None and report.ok:
        notebook.keep(report, identity, _run(section))
    return report


def _closing(role: str, engine: Any, test: "Callable[[], ModelReport]") -> "ModelReport":
    from qianxun.models import check

    try:
        return test()
    except ModelError as error:
        return check.no_answer(role, served_by(engine), error)
    finally:
        close(engine)


def _run(section: Any) -> str:
    """One way of running a model: what a self-test holds for."""
    where = address_of(section) or f"in process on {section.device} in {section.precision}"
    return f"{where} as {section.served_as or section.model}"


def change_lock(directory: Path) -> Lock:
    """Held while an index of another encoder is built beside, and while what seems to be nobody's is deleted."""
    return Lock(directory, "change")


def notebook(store: Store, write: Lock, settings: Settings, *, wait: bool) -> "Notebook":
    """Where a knowledge base keeps what self-tests found. A reader (`wait` False) that cannot write tests again."""
    from qianxun.models.wrappers.checked import Notebook

    def read(key: str) -> dict[str, Any] | None:
        text = store.meta(f"model:{key}")
        return json.loads(text) if text else None

    def keep(key: str, page: dict[str, Any]) -> None:
        with contextlib.nullcontext() if wait else contextlib.suppress(Busy, StorageError), write.held(wait=wait):
            store.set_meta(f"model:{key}", json.dumps(page, ensure_ascii=False))

    return Notebook(read=read, write=keep, now=now, waive_meaning=settings.models.waive_meaning_checks)


def indexes(
    directory: Path, store: Store, encoder: Encoder, settings: Settings, *, read_only: bool = False
) -> list[Index]:
    """The dense and the lexical index of a knowledge base. Raises StaleIndex if one does not fit or is gone."""
    opened = [index(directory, name, encoder, settings, read_only) for name in _index_names(settings)]
    for one in opened:
        if one.revision == 0 and store.was_indexed(one.name):
            raise _gone(directory, one, encoder, settings)
    return opened


def _gone(directory: Path, index: Index, encoder: Encoder, settings: Settings) -> StaleIndex:
    path = index_directory(directory, index.name, encoder, settings)
    others = [p.name for p in path.parent.glob("*") if p != path and p.name.partition("@")[0] == index.name]
    seen = sorted(name.partition("@")[2] for name in others)
    now_made = path.name.partition("@")[2]
    if any(_plain(made, index.kind) == _plain(now_made, index.kind) for made in seen):
        return StaleIndex(
            "Index {name} was made with another enrichment of chunks ({seen}, now {now}).",
            remedy="Run `qianxun reindex --enrich` or `--no-enrich` to go over, or leave enrichment.* as it was.",
            name=index.name,
            seen=", ".join(made or WORDS for made in seen),
            now=now_made or WORDS,
        )
    if others and index.kind == "dense":
        return StaleIndex(
            "Index {name} was made with another encoder ({seen}, now {fingerprint}).",
            remedy="Run `qianxun reindex` to change the encoder, or name the one it was made with.",
            name=index.name,
            seen=", ".join(seen),
            fingerprint=encoder.fingerprint,
        )
    return StaleIndex(
        "Index {name}: its files in {path} are gone.", remedy="Run `qianxun rebuild`.", name=index.name, path=path
    )


def _plain(made: str, kind: str) -> str:
    """What an index was made with apart from any enrichment."""
    return made.partition("+")[0] if kind == "dense" else ""


def index(directory: Path, name: str, encoder: Encoder, settings: Settings, read_only: bool = False) -> Index:
    """One index by name, in its folder below `<kb>/indexes`."""
    made: Index = factory("indexes", name)(
        index_directory(directory, name, encoder, settings),
        fingerprint=_made_with(name, encoder, settings) or WORDS,
        settings=settings.index,
        dim=encoder.dim,
        read_only=read_only,
    )
    return made


def _index_names(settings: Settings) -> tuple[str, str]:
    return settings.index.dense, settings.index.lexical


def index_directory(directory: Path, name: str, encoder: Encoder, settings: Settings) -> Path:
    """Where an index keeps its files. There is a folder for each encoder (if it is dense) and each enrichment, so that
    changing them in `kb.toml` changes to another index at once, and back."""
    made = _made_with(name, encoder, settings)
    return directory / "indexes" / (f"{name}@{made}" if made else name)


def _made_with(name: str, encoder: Encoder, settings: Settings) -> str:
    """What an index is made with; "" if it is of the words of the documents alone."""
    return fingerprint(encoder, settings) if name == settings.index.dense else maker_of(settings)


def fingerprint(encoder: Encoder, settings: Settings) -> str:
    """Names the encoder, and the enrichment if one is in force: what a dense index is made with."""
    return "+".join(part for part in (encoder.fingerprint, maker_of(settings)) if part)


def foreign_files(directory: Path, encoder: Encoder, settings: Settings) -> list[Path]:
    """Derived files of engines and encoders that the settings do not name."""
    named = {index_directory(directory, name, encoder, settings) for name in _index_names(settings)}
    own = f"{encoder.fingerprint}.db"
    return [p for p in (directory / "indexes").glob("*") if p not in named] + [
        p for p in vectors_directory(directory).glob("*") if not p.name.startswith(own)
    ]


def vectors_directory(directory: Path) -> Path:
    """Where vectors are kept."""
    return directory / "vectors"


def vectors(directory: Path, encoder: Encoder) -> VectorStore:
    """The vectors of one encoder."""
    return VectorStore(vectors_directory(directory), encoder.fingerprint, encoder.dim)


def locks(directory: Path) -> tuple[Lock, Lock]:
    """`ingest` and `write`. A run of `add` is named at once; a batch is over before anybody would read a name."""
    return Lock(directory, "ingest"), Lock(directory, "write", quiet_seconds=QUIET_SECONDS)


def keeping(
    directory: Path, store: Store, settings: Settings, generator: Callable[[], Generator | None] = lambda: None
) -> Keeping:
    """Everything that writing a knowledge base needs. `generator` gives the one in force, which enriches chunks."""
    if settings.enrichment.enabled:
        refuse_unwritable(settings.enrichment, settings.enrichment.model or generator_of(settings.generator))
    ingest, write = locks(directory)
    counting = tokenizer(settings)
    model = encoder(settings, notebook(store, write, settings, wait=True))
    return Keeping(
        store=store,
        vectors=vectors(directory, model),
        encoder=model,
        indexes=indexes(directory, store, model, settings),
        ingest=ingest,
        write=write,
        encode_batch=encode_batch(settings),
        maker=maker_of(settings),
        enricher=enricher(settings, generator),
        tokenizer=counting,
        feedback=FeedbackFile(directory, settings),
        conversations=ConversationsFile(directory, settings),
    )


def tokenizer(settings: Settings) -> Path | None:
    """The file of the encoder's tokenizer, by which chunks are measured; None: their tokens are estimated.

    Raises SettingsError if it is asked for and not on this machine.
    """
    wanted = settings.splitting.counted_by
    if wanted == "estimate":
        return None
    model = engine_of(settings.encoder) in ("http", "transformers")
    found = tokenizer_file(settings.encoder, settings) if model else None
    if wanted == "encoder" and found is None:
        raise SettingsError(
            "splitting.counted_by is encoder, but the tokenizer of {encoder} is not on this machine, or the package "
            "tokenizers is not installed.",
            remedy="Run `qianxun models pull`, or set splitting.counted_by to auto.",
            encoder=settings.encoder.model or settings.encoder.url or engine_of(settings.encoder),
        )
    return found


def keeping_beside(
    directory: Path, live: Keeping, settings: Settings, generator: Callable[[], Generator | None] = lambda: None
) -> Keeping:
    """The same truth with another encoder's vectors, or another enrichment, and their indexes, which nobody searches
    yet."""
    model = encoder(settings, notebook(live.store, live.write, settings, wait=True))
    # Where nothing but the encoder changes, chunks are searched by the same words: who adds sees to them.
    same_words = maker_of(settings) == live.maker and model.fingerprint != live.encoder.fingerprint
    names = (settings.index.dense,) if same_words else _index_names(settings)
    return Keeping(
        store=live.store,
        vectors=vectors(directory, model),
        encoder=model,
        indexes=[index(directory, name, model, settings) for name in names],
        ingest=live.ingest,
        write=live.write,
        encode_batch=encode_batch(settings),
        maker=maker_of(settings),
        enricher=None if same_words else enricher(settings, generator),
        beside=maker_of(settings) != live.maker,
    )


def enricher(settings: Settings, generator: Callable[[], Generator | None]) -> Enricher | None:
    """What writes about chunks as the knowledge base has it; None if nothing is written about them."""
    if not maker_of(settings):
        return None
    from qianxun.enrichment import AbsentEnricher, GeneratorEnricher

    section = settings.enrichment
    model = generator_of(settings.generator)
    if section.model not in ("", model):
        return AbsentEnricher(
            SettingsError(
                "New chunks are not enriched: the others were by {made}, and the generator is {now}.",
                remedy="Set that generator again, or go over to this one with `qianxun reindex --enrich`.",
                made=section.model,
                now=model or NONE,
            )
        )
    if section.prompt not in (0, NEWEST_PROMPT):
        return AbsentEnricher(
            SettingsError(
                "New chunks are not enriched: the others were with version {made} of the prompt, and this is {now}.",
                remedy="Go over to it with `qianxun reindex --enrich`.",
                made=section.prompt,
                now=NEWEST_PROMPT,
            )
        )

    def made() -> Generator:
        found = generator()
        if found is None:
            raise SettingsError("No generator is set.", remedy="Set generator.url or generator.model.")
        return found

    return GeneratorEnricher(
        made,
        context=section.context,
        questions=section.questions,
        max_tokens=section.max_tokens,
        concurrency=settings.remote.concurrency,
    )


def encode_batch(settings: Settings) -> int:
    """Texts handed to the encoder at a time while adding."""
    return settings.encoder.batch or _TEXTS_AT_ONCE.get(engine_of(settings.encoder), _DEAR_TEXTS_AT_ONCE)


def searcher(
    directory: Path, store: Store, settings: Settings, generator: Callable[[], Generator | None] = lambda: None
) -> Searcher:
    """Everything that asking a knowledge base needs; keeps nothing but what self-tests found.

    `generator` gives the one in force, which completes and rewords questions where the settings ask for it.
    """
    _, write = locks(directory)
    tests = notebook(store, write, settings, wait=False)
    model = for_searching(encoder(settings, tests), settings)
    judge = _merged_reranker(reranker(settings, tests), settings)
    models = {"encoder": model.fingerprint}
    if maker_of(settings):
        models["enrichment"] = settings.enrichment.model or generator_of(settings.generator)
    if judge is not None:
        models["reranker"] = model_name(settings.reranker)
    return Searcher(
        store=store,
        indexes=indexes(directory, store, model, settings, read_only=True),
        encoder=model,
        settings=settings.search,
        models=models,
        threads=ThreadPoolExecutor(max_workers=_SEARCH_THREADS, thread_name_prefix="qianxun-search"),
        adapter=partial(AdapterFile(directory).in_force, model.fingerprint, model.dim),
        reranker=judge,
        reranking=settings.reranker,
        maker=maker_of(settings),
        budget=settings.budget,
        rules=signal_rules(settings.signals),
        feedback=FeedbackFile(directory, settings),
        generator=generator,
        synonyms=read_synonyms(Path(settings.search.synonyms_file)) if settings.search.synonyms_file else None,
    )


def signal_rules(section: SignalsSettings) -> SignalRules:
    """The rules of signals as the settings have them. Raises SettingsError for a factor that is none."""
    values = {item.name: getattr(section, item.name) for item in dataclasses.fields(section)}
    values["sources"] = factors(section.sources, "signals.sources")
    values["labels"] = factors(section.labels, "signals.labels")
    return SignalRules(**values)


class FeedbackFile:
    """The feedback on a knowledge base where there is some; `opened` makes the file it is kept in.

    Another process may give the first at any moment, so each search looks again.
    """

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self._feedback: Feedback | None = None
        self._guard = threading.Lock()

    def __call__(self) -> Feedback | None:
        """None where nothing was ever kept, or nothing is to be."""
        if not self._settings.feedback.enabled or (self._feedback is None and not has_service(self._home)):
            return None
        feedback = self.opened()
        return None if feedback.is_empty else feedback

    @property
    def _home(self) -> Path:
        return home_directory(self._settings)

    def opened(self) -> Feedback:
        """The feedback, its file made if it is not there. Raises InputError, Damaged, Busy."""
        with self._guard:
            if self._feedback is None:
                section = self._settings.feedback
                self._feedback = Feedback(
                    open_service(self._home),
                    str(self._directory),
                    keep_questions=section.keep_questions,
                    keep_people=section.keep_people,
                    retention_days=section.retention_days,
                )
            return self._feedback

    def close(self) -> None:
        """Lets go of the file."""
        with self._guard:
            if self._feedback is not None:
                self._feedback.close()
                self._feedback = None


class ConversationsFile:
    """The conversations about a knowledge base where there may be some; `opened` makes the file they are kept in."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self._conversations: Conversations | None = None
        self._guard = threading.Lock()

    def __call__(self) -> Conversations | None:
        """None where nothing was ever kept."""
        if self._conversations is None and not has_service(home_directory(self._settings)):
            return None
        return self.opened()

    def opened(self) -> Conversations:
        """The conversations, their file made if it is not there. Raises InputError, Damaged, Busy."""
        with self._guard:
            if self._conversations is None:
                self._conversations = Conversations(
                    open_service(home_directory(self._settings)),
                    str(self._directory),
                    retention_days=self._settings.conversation.retention_days,
                )
            return self._conversations

    def close(self) -> None:
        """Lets go of the file."""
        with self._guard:
            if self._conversations is not None:
                self._conversations.close()
                self._conversations = None


def model_name(section: Any) -> str:
    """What a model is called in results: its name, else its server."""
    engine = engine_of(section)
    return str(section.model or (address_of(section) if engine == "http" else "") or engine)


def facts_of_encoder(encoder: Encoder) -> dict[str, Any]:
    """What an encoder is, for people and programs."""
    return {
        "name": encoder.name,
        "fingerprint": encoder.fingerprint,
        "dim": encoder.dim,
        "served_by": served_by(encoder),
    }


def served_by(engine: Any) -> str:
    """Where and how an engine runs, in one line."""
    return str(getattr(engine, "served_by", "") or "in process")


def close(engine: Any) -> None:
    """Lets go of what an engine holds, if it holds anything."""
    if hasattr(engine, "close"):
        engine.close()


def name_of(section: Any) -> str | None:
    """The model of a reranker or generator, or None if there is none."""
    return None if engine_of(section) == NONE else model_name(section)


def for_searching(encoder: Encoder, settings: Settings) -> Encoder:
    """The encoder with what many callers share: vectors of questions asked before, and one batch for several callers.

    The builtin encoder is faster than any of it; plugins answer for themselves.
    """
    if engine_of(settings.encoder) not in TESTED:
        return encoder
    from qianxun.models.wrappers.cached import CachedEncoder
    from qianxun.models.wrappers.merged import MergedEncoder

    made = encoder
    if engine_of(settings.encoder) == "transformers" and settings.models.merge_milliseconds:
        made = MergedEncoder(made, settings.models.merge_milliseconds / 1000)
    kept = caches(settings)
    return CachedEncoder(made, kept, seconds=settings.models.query_cache_seconds) if kept else made


def cache_counts(encoder: Encoder, settings: Settings) -> dict[str, tuple[int, int]]:
    """Hits and misses of vectors of questions, by cache: in memory those of this encoder, in Redis those of all."""
    found = dict(getattr(encoder, "counts", {}))
    for cache in caches(settings) if engine_of(settings.encoder) in TESTED else ():
        shared = getattr(cache, "counts", None)
        numbers = shared() if shared is not None else found.get(cache.name, (0, 0))
        found[cache.name] = numbers or (0, 0)
        cache.close()
    return found


def _merged_reranker(reranker: Reranker | None, settings: Settings) -> Reranker | None:
    """The reranker in process for many callers: those of the same moment share a batch where it can."""
    window = settings.models.merge_milliseconds
    if reranker is None or engine_of(settings.reranker) != "transformers" or not window:
        return reranker
    from qianxun.models.wrappers.merged import MergedReranker

    return MergedReranker(reranker, window / 1000)


def answer_caches(settings: Settings, store: Store) -> Callable[[], list[Cache]] | None:
    """Where a model's answers are kept, the nearest first; None: nowhere. What leaves this process is sealed with the
    secret that the store has at the moment of the call."""
    from qianxun.caches.memory import MemoryCache
    from qianxun.caches.redis import RedisCache
    from qianxun.caches.sealed import SealedCache

    section = settings.answer
    near = [MemoryCache(section.cache)] if section.cache else []
    far = [RedisCache(section.cache_redis, setting="answer.cache_redis")] if section.cache_redis else []
    if not near and not far:
        return None
    return lambda: [*near, *(SealedCache(one, store.secret()) for one in far)]


def caches(settings: Settings) -> list[Cache]:
    """Where vectors of questions are kept, the nearest first."""
    names = ["memory"] if settings.models.query_cache else []
    names += ["redis"] if settings.models.query_cache_redis else []
    return [factory("caches", name)(settings) for name in names]


def audit(settings: Settings, database: Database) -> Audit:
    """The record of who asked or changed what. Raises SettingsError if the key that signs it is not there."""
    section, keys = settings.audit, list[bytes]()
    if section.key_env:
        keys = [key.encode() for key in os.environ.get(section.key_env, "").split()]
        if not keys:
            raise SettingsError(
                "audit.key_env names the environment variable {variable}, which is not set.",
                remedy="Put the key that signs the audit into it, or empty audit.key_env.",
                variable=section.key_env,
            )
    return Audit(
        database,
        questions=section.questions,
        people=section.people,
        retention_days=section.retention_days,
        keys=keys,
    )


def record_of_keys(settings: Settings, database: Database, action: str, key: str, who: str, **detail: Any) -> None:
    """Puts what was done with a key into the audit, where one is kept: a key is what lets everything else be done."""
    if settings.audit.enabled:
        fields = {"changes": True, "detail": {"key": key, **detail}}
        at = time.time_ns() // 1000
        audit(settings, database).record(Entry(at, action, who, fields=fields))


def audit_of_home(settings: Settings) -> Audit:
    """The audit of the service under home, for who looks at it from outside. Raises NotFound where there is none."""
    home = home_directory(settings)
    if not has_service(home):
        raise NotFound("Nothing was recorded below {home}.", remedy="`qianxun serve` begins a record.", home=home)
    return audit(settings, open_service(home))
