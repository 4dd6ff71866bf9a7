"""`qianxun sources`: where documents came from, and what became of each file at the last run."""

import argparse
from collections.abc import Mapping

from qianxun.cli.add import show_all
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.cli.words import shown_source
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.reasons import reason_in_words, reason_of_the_file
from qianxun.shapes import source_files_shape, sources_shape
from qianxun.storage.sources import STATES, RootNote, State

_IN_FULL: Mapping[str, str] = {"attention": "needs attention"}
STYLES: Mapping[str, str] = {"needs attention": "yellow", "failed": "red", "removed": "dim", "empty": "dim"}


def description() -> str:
    """What help says at the top."""
    return say(
        "Lists the folders and addresses that were added, with the time of their last run and what became of their "
        "files; for one of them, file by file. Names of removed files are kept until `qianxun compact`."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sources`."""
    parser.add_argument("root", metavar="PATH", nargs="?", help=say("a folder or an address that was added: its files"))
    parser.add_argument("--files", action="store_true", help=say("every file of every folder and address"))
    parser.add_argument(
        "--status", metavar="STATUS", choices=[*STATES, "attention"], help=say("only files of this status")
    )
    parser.add_argument("--sync", action="store_true", help=say("bring everything that was added up to date first"))
    parser.add_argument("--retry", action="store_true", help=say("with --sync: read again what failed before"))
    parser.add_argument("--forget", action="store_true", help=say("forget this folder or address; its documents stay"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints roots or files."""
    if args.sync:
        if args.root is not None or args.forget or args.files or args.status:
            raise InputError(
                "--sync brings everything up to date.", remedy="For one folder or address: `qianxun add --sync PATH`."
            )
        with session.open() as base, session.progress() as progress:
            report = base.sync(retry=args.retry, progress=progress)
        return show_all(session, report)
    if args.retry:
        raise InputError("--retry goes with --sync.", remedy="For one folder or address: `qianxun add --retry PATH`.")
    with session.open() as base:
        if args.forget:
            if args.root is None:
                raise InputError("--forget needs a folder or an address.", remedy="`qianxun sources` lists them.")
            base.forget_source(args.root)
        roots = base.sources()
        wanted = _IN_FULL.get(args.status, args.status)
        shown = [args.root] if args.root is not None else [root.address for root in roots]
        with_files = (args.root is not None or args.files or args.status) and not args.forget
        files = [
            (str(root), note)
            for root in (shown if with_files else ())
            for note in base.source_files(root)
            if wanted in (None, note.state)
        ]
    if session.as_json:
        session.print_json(source_files_shape(files) if with_files else sources_shape(roots))
        return 0
    if not with_files:
        _show_roots(session, roots)
        return 0
    rows: list[list[Piece]] = [
        [
            (state_in_words(note.state), STYLES.get(note.state, "")),
            (shown_source(note.source), "cyan"),
            reason_of_the_file(note.source, note.reason),
        ]
        for _, note in files
    ]
    if not rows and session.out.styled:
        session.out.line(say("No files."))
        return 0
    session.out.table([say("status"), say("source"), say("reason")], rows, elided=[1], below=2)
    return 0


def _show_roots(session: Session, roots: list[RootNote]) -> None:
    if not roots and session.out.styled:
        session.out.line(say("Nothing was added yet."))
        return
    rows: list[list[Piece]] = [
        [
            (shown_source(root.address), "cyan"),
            root.finished.replace("T", " ").removesuffix("Z"),
            say(", ").join(f"{state_in_words(state)} {n:,}" for state, n in root.files.items()),
            ", ".join(root.labels or ()),
            (_problem(root), "yellow"),
        ]
        for root in roots
    ]
    headers = [say("source"), say("last run (UTC)"), say("files"), say("labels"), say("reason")]
    session.out.table(headers, rows, elided=[0], spare=[3], below=4)


def _problem(root: RootNote) -> str:
    """Why the notes of a root are not those of a whole run."""
    if root.problem:
        return reason_in_words(root.problem)
    return say("the last run was stopped") if root.finished < root.begun else ""


def state_in_words(state: State) -> str:
    """What became of a file, in the reader's language."""
    words: dict[State, str] = {
        "indexed": say("indexed"),
        "unchanged": say("unchanged"),
        "empty": say("empty"),
        "needs attention": say("needs attention"),
        "failed": say("failed"),
        "removed": say("removed"),
    }
    return words[state]
