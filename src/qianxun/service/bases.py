"""The knowledge bases that a service serves, by name, each opened at its first use. Knows no HTTP and no rights."""

import logging
import re
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qianxun import knowledge_base
from qianxun.assemble import locks
from qianxun.errors import InputError, NotFound, SettingsError
from qianxun.knowledge_base import KnowledgeBase
from qianxun.settings import Settings, home_directory, knowledge_base_directory

logger = logging.getLogger(__name__)

# These begin the names of models at `/v1/models`.
RESERVED: Final = frozenset(("embed", "rerank", "generate"))
_NAME: Final = re.compile(r"[^\W_][\w.-]{0,62}")
_TRUTH: Final = "knowledge.db"


@dataclass(frozen=True, slots=True)
class Base:
    """A knowledge base and what it is called here."""

    name: str
    kb: KnowledgeBase


class Bases:
    """Those that the settings name, else all under home: what another process makes or deletes there is seen at once.

    Safe to share between threads.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = home_directory(settings) / "kb"
        self._given = _given(settings)
        self._opened: dict[str, tuple[int, Base]] = {}
        self._guard = threading.Lock()

    def names(self) -> list[str]:
        """What there is, in order."""
        if self._given:
            return sorted(name for name, folder in self._given.items() if (folder / _TRUTH).is_file())
        if not self._home.is_dir():
            return []
        return sorted(
            one.name for one in self._home.iterdir() if (one / _TRUTH).is_file() and _NAME.fullmatch(one.name)
        )

    def get(self, name: str) -> Base:
        """One of them. Raises NotFound."""
        folder = self._folder(name)
        try:
            which = (folder / _TRUTH).stat().st_ino if folder is not None else 0
        except OSError:
            which = 0
        if folder is None or not which:
            raise no_base(name)
        found = self._opened.get(name)
        if found is not None and found[0] == which:
            return found[1]
        with self._guard:
            found = self._opened.get(name)
            if found is None or found[0] != which:  # another file under the same name is another knowledge base
                kb = knowledge_base.open(folder, settings=self._settings, create=False)
                found = self._opened[name] = which, Base(name, kb)
            return found[1]

    def opened(self) -> list[Base]:
        """Those that are open in this process."""
        with self._guard:
            return [base for _, base in self._opened.values()]

    def create(self, name: str) -> Base:
        """A new, empty one under home. Raises InputError if that cannot be."""
        if self._given:
            raise InputError(
                "This service serves the knowledge bases of its settings only.",
                remedy="Add it to service.knowledge_bases.",
            )
        if not _NAME.fullmatch(name) or name in RESERVED:
            raise InputError(
                "{name!r} is no name for a knowledge base.",
                remedy="Letters, digits, - _ and . (not at the beginning), 63 at most; {reserved} are taken.",
                name=name,
                reserved=", ".join(sorted(RESERVED)),
            )
        folder = self._home / name
        with self._guard:
            if (folder / _TRUTH).exists():
                raise InputError("There is a knowledge base {name} already.", remedy="Take another name.", name=name)
            knowledge_base.open(folder, settings=self._settings).close()
        return self.get(name)

    def delete(self, name: str) -> None:
        """Deletes one with every file of it. Raises NotFound, Busy while somebody writes to it."""
        base = self.get(name)
        folder = base.kb.directory
        ingest, write = locks(folder)
        with self._guard, ingest.held(wait=False), write.held(wait=False):
            base.kb.feedback.forget_all()
            base.kb.conversations.forget_all()
            self._opened.pop(name, None)
            # From here on nobody finds it, whatever becomes of the rest.
            (folder / _TRUTH).rename(folder / f"{_TRUTH}.deleted")
            base.kb.close()
        shutil.rmtree(folder)
        logger.info("knowledge base %s was deleted", name)

    def close(self) -> None:
        """Closes all."""
        with self._guard:
            for _, base in self._opened.values():
                base.kb.close()
            self._opened.clear()

    def _folder(self, name: str) -> Path | None:
        if self._given:
            return self._given.get(name)
        return self._home / name if _NAME.fullmatch(name) else None


def no_base(name: str) -> NotFound:
    """What is said of one that there is not, or that the caller may not know of."""
    return NotFound("There is no knowledge base {name}.", remedy="GET /api/v1/bases lists them.", name=name)


def must_be_there(settings: Settings) -> None:
    """Raises NotFound if the settings name a knowledge base that there is not."""
    for folder in _given(settings).values():
        if not (folder / _TRUTH).is_file():
            raise NotFound(
                "There is no knowledge base at {directory}.",
                remedy="Make one with `qianxun add PATH`, or name another with --kb.",
                directory=folder,
            )


def _given(settings: Settings) -> dict[str, Path]:
    """Name → folder, as the settings say. Raises SettingsError for a name that cannot be, or twice."""
    found: dict[str, Path] = {}
    for text in settings.service.knowledge_bases:
        name, equals, folder = text.partition("=")
        path = knowledge_base_directory(settings, folder if equals else name)
        name = name if equals else path.name
        if not _NAME.fullmatch(name) or name in RESERVED or name in found:
            raise SettingsError(
                "service.knowledge_bases: {name!r} cannot be the name of a knowledge base, or is there twice.",
                remedy="Write NAME=FOLDER with another name.",
                name=name,
            )
        found[name] = path
    return found
