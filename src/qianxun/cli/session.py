"""One run of the command line: its settings, its streams, its knowledge base.

Commands get a `Session` and their parsed arguments, and return an exit code. They print through the
session, so that JSON stays alone on standard output.
"""

import argparse
import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from qianxun import settings as settings_of
from qianxun.cli.progress import ProgressDisplay
from qianxun.cli.screen import Screen
from qianxun.errors import InputError, QianxunError
from qianxun.filters import And, Filter, Or, Prefix
from qianxun.messages import say
from qianxun.records import Asker
from qianxun.settings import Settings

if TYPE_CHECKING:
    from qianxun.knowledge_base import KnowledgeBase


class Session:
    """What a command needs of the world."""

    def __init__(
        self,
        settings: Settings,
        *,
        kb: str | None,
        overrides: Sequence[str],
        as_json: bool,
        config: Path | None = None,
    ) -> None:
        self.settings = settings
        self.config = config
        self.kb = kb
        self.overrides = tuple(overrides)
        self.as_json = as_json
        self.out = Screen(sys.stdout)
        self.err = Screen(sys.stderr)

    @property
    def directory(self) -> Path:
        """The folder of the knowledge base that the command is about."""
        return settings_of.knowledge_base_directory(self.settings, self.kb)

    def open(self, *, create: bool = False, wait: bool = True) -> "KnowledgeBase":
        """The knowledge base, to be closed by the caller (it is a context manager)."""
        from qianxun import knowledge_base

        return knowledge_base.open(
            self.directory, settings=self.settings, overrides=self.overrides, create=create, wait=wait
        )

    def progress(self) -> ProgressDisplay:
        """A context manager to hand to long work as its `progress`."""
        return ProgressDisplay(self.err)

    def print_json(self, document: Any) -> None:
        """The one JSON document of this run."""
        json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")

    def print_json_line(self, document: Any) -> None:
        """One of several JSON documents of this run, on a line of its own, at once."""
        json.dump(document, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A line for people that is not the result: on stderr."""
        self.err.line(text)
        sys.stderr.flush()

    def confirm(self, question: str) -> bool:
        """What a person at the terminal answers. No terminal: InputError that says to use --yes."""
        if self.as_json or not sys.stdin.isatty():
            raise InputError("Nobody is there to ask.", remedy="Add --yes to go on without asking.")
        self.err.stream.write(f"{question} [y/N] ")
        self.err.stream.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes", "是", "好", "确认")


def say_if_other_encoder(session: Session, base: "KnowledgeBase") -> None:
    """That the knowledge base keeps to its own encoder, where the settings name another."""
    other = base.other_encoder
    if other is not None:
        session.note(
            say(
                "The knowledge base keeps its own encoder ({own}); `qianxun reindex` goes over to {other}.",
                own=base.settings.encoder.model or base.settings.encoder.name or base.settings.encoder.url,
                other=other,
            )
        )


def error_shape(error: QianxunError) -> dict[str, dict[str, str]]:
    """An error as JSON: {"error": {"kind", "message", "remedy"}}."""
    remedy = say(error.remedy, **error.values) if error.remedy else ""
    message = say(error.template, **error.values)
    return {"error": {"kind": type(error).__name__, "message": message, "remedy": remedy}}


def on_one_line(error: QianxunError) -> str:
    """The message and what to do, with a space between them where the script has one."""
    words = error_shape(error)["error"]
    message, remedy = (" ".join(words[part].split()) for part in ("message", "remedy"))
    return f"{message}{'' if message.endswith('。') else ' '}{remedy}".strip()


def asker_of(labels: str | None) -> Asker:
    """`--as hr,public`; without it the administrator."""
    if labels is None:
        return Asker.admin()
    return Asker.of(*labels_of([labels]))


def labels_of(given: Iterable[str]) -> list[str]:
    """`--label hr,board --label legal` as three labels. Spaces around a label fall away, those inside it stay."""
    return [readable(label.strip()) for text in given for label in text.split(",") if label.strip()]


def below(prefix: str | None) -> Filter | None:
    """`--source PREFIX`: sources that begin with it as typed, or as a path from the working directory."""
    if prefix is None:
        return None
    prefix = _as_source(prefix)
    if "://" in prefix:
        from qianxun.sources.addresses import as_named

        named = as_named(prefix)
        return Prefix("source", prefix) if named == prefix else Or((Prefix("source", named), Prefix("source", prefix)))
    path = os.path.abspath(os.path.expanduser(prefix))  # noqa: PTH100, PTH111 (keeps what is no path)
    if prefix.endswith(os.sep):
        path += os.sep
    return Prefix("source", prefix) if path == prefix else Or((Prefix("source", path), Prefix("source", prefix)))


def filter_of(args: argparse.Namespace) -> Filter | None:
    """What `--source` and `--where` let through together. Raises InputError if the filter cannot be read."""
    parts = [below(args.source)]
    if args.where is not None:
        from qianxun.retrieval.filter_language import parse_filter

        parts.append(parse_filter(readable(args.where)))
    given = tuple(part for part in parts if part is not None)
    return And(given) if len(given) > 1 else next(iter(given), None)


def text_of_stdin() -> str:
    """Standard input as text; what cannot be decoded is replaced."""
    return readable(_stdin().read())


def lines_of_stdin() -> list[str]:
    """The lines of standard input that hold something. Bytes that are no text stay what they are in a path."""
    return [line.strip("\r\n") for line in _stdin() if line.strip()]


def texts_of_stdin() -> list[str]:
    """The lines of standard input as texts, empty ones too; what cannot be decoded is replaced."""
    lines = text_of_stdin().replace("\r\n", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


def _stdin() -> TextIO:
    reconfigure = getattr(sys.stdin, "reconfigure", None)
    if reconfigure is not None and sys.stdin.errors != "surrogateescape":
        reconfigure(errors="surrogateescape")
    return sys.stdin


def readable(text: str) -> str:
    """The text with the replacement character for bytes that were no text."""
    return re.sub("[\ud800-\udfff]+", "\ufffd", text)


def what_of(texts: Sequence[str]) -> list[str | int]:
    """Ids as numbers, the rest (paths, globs) as sources are named. A file whose name is a number: `./12`."""
    return [int(text) if text.isdecimal() and text.isascii() else _as_source(text) for text in texts]


def _as_source(path: str) -> str:
    # As `sources.find.source_of` writes names that are no UTF-8.
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


class ToScreen(logging.Handler):
    """Shows log records as lines on stderr, so that progress bars stay whole."""

    def __init__(self, screen: Screen, *, names: bool) -> None:
        super().__init__()
        self.screen = screen
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s" if names else "%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """One line on stderr."""
        try:
            self.screen.line(self.format(record))
            self.screen.stream.flush()
        except Exception:
            self.handleError(record)
