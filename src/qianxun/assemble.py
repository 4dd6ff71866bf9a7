"""Settings to objects: the one place that knows which name is which implementation.

Built-ins and plugins have the same form, `name → "module:factory"`, in the entry-point groups
`qianxun.<kind>`. The built-in table is here so that starting needs no scan of every installed package;
a test holds it against `pyproject.toml`. Plugins are looked up by name only when no built-in has it.
"""

import importlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from qianxun.errors import SettingsError, StaleIndex
from qianxun.protocols import Encoder, Index
from qianxun.retrieval.search import Searcher
from qianxun.settings import Settings
from qianxun.storage.adapter import AdapterFile
from qianxun.storage.locks import QUIET_SECONDS, Lock
from qianxun.storage.reindex import Keeping
from qianxun.storage.store import Store
from qianxun.storage.vectors import VectorStore

logger = logging.getLogger(__name__)

BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "encoders": {
        "builtin": "qianxun.models.builtin:BuiltinEncoder",
        "hash": "qianxun.models.hashing:HashEncoder",
    },
    "indexes": {
        "exact": "qianxun.indexes.exact:open_index",
        "exact-lexical": "qianxun.indexes.exact_lexical:open_index",
        "faiss": "qianxun.indexes.faiss:open_index",
        "tantivy": "qianxun.indexes.tantivy:open_index",
    },
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


def encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name."""
    made: Encoder = factory("encoders", settings.encoder.name)()
    return made


def indexes(
    directory: Path, store: Store, encoder: Encoder, settings: Settings, *, read_only: bool = False
) -> list[Index]:
    """The dense and the lexical index of a knowledge base. Raises StaleIndex if one does not fit or is gone."""
    opened = [index(directory, name, encoder, settings, read_only) for name in _index_names(settings)]
    for one in opened:
        if one.revision == 0 and store.was_indexed(one.name):
            raise StaleIndex(
                "Index {name}: its files in {path} are gone.",
                remedy="Run `qianxun rebuild`.",
                name=one.name,
                path=index_directory(directory, one.name),
            )
    return opened


def index(directory: Path, name: str, encoder: Encoder, settings: Settings, read_only: bool = False) -> Index:
    """One index by name, in `<kb>/indexes/<name>`."""
    made: Index = factory("indexes", name)(
        index_directory(directory, name),
        fingerprint=encoder.fingerprint,
        settings=settings.index,
        dim=encoder.dim,
        read_only=read_only,
    )
    return made


def _index_names(settings: Settings) -> tuple[str, str]:
    return settings.index.dense, settings.index.lexical


def index_directory(directory: Path, name: str) -> Path:
    """Where an index keeps its files."""
    return directory / "indexes" / name


def foreign_files(directory: Path, encoder: Encoder, settings: Settings) -> list[Path]:
    """Derived files of engines and encoders that the settings do not name."""
    found = [p for p in (directory / "indexes").glob("*") if p.name not in _index_names(settings)]
    own = f"{encoder.fingerprint}.db"
    return found + [p for p in vectors_directory(directory).glob("*") if not p.name.startswith(own)]


def vectors_directory(directory: Path) -> Path:
    """Where vectors are kept."""
    return directory / "vectors"


def vectors(directory: Path, encoder: Encoder) -> VectorStore:
    """The vectors of one encoder."""
    return VectorStore(vectors_directory(directory), encoder.fingerprint, encoder.dim)


def locks(directory: Path) -> tuple[Lock, Lock]:
    """`ingest` and `write`. A run of `add` is named at once; a batch is over before anybody would read a name."""
    return Lock(directory, "ingest"), Lock(directory, "write", quiet_seconds=QUIET_SECONDS)


def keeping(directory: Path, store: Store, settings: Settings) -> Keeping:
    """Everything that writing a knowledge base needs."""
    model = encoder(settings)
    ingest, write = locks(directory)
    return Keeping(
        store=store,
        vectors=vectors(directory, model),
        encoder=model,
        indexes=indexes(directory, store, model, settings),
        ingest=ingest,
        write=write,
        encode_batch=settings.encoder.batch,
    )


def searcher(directory: Path, store: Store, settings: Settings) -> Searcher:
    """Everything that asking a knowledge base needs; writes nothing."""
    model = encoder(settings)
    return Searcher(
        store=store,
        indexes=indexes(directory, store, model, settings, read_only=True),
        encoder=model,
        settings=settings.search,
        models={"encoder": model.fingerprint},
        threads=ThreadPoolExecutor(max_workers=2, thread_name_prefix="qianxun-search"),
        adapter=partial(AdapterFile(directory).in_force, model.fingerprint, model.dim),
    )
