"""`qianxun add`: files, folders and addresses into the knowledge base; the same command resumes after a stop."""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from qianxun.cli.counts import files, new_chunks
from qianxun.cli.reasons import named_reason
from qianxun.cli.session import Session, labels_of, lines_of_stdin
from qianxun.cli.words import shown_seconds
from qianxun.errors import InputError, NotFound, UnreadableDocument
from qianxun.messages import say
from qianxun.shapes import add_shape
from qianxun.sources.addresses import is_address

if TYPE_CHECKING:
    from qianxun.ingestion import AddReport
    from qianxun.storage.enrich import EnrichReport

MOST_KINDS = 10
SOME_FAILED = UnreadableDocument.exit_code


def description() -> str:
    """What help says at the top."""
    return say(
        "Reads files, folders and addresses (a web page, a site, a repository, a bucket, a mailbox) into the knowledge "
        "base. What is unchanged is skipped, what changed replaced. After Ctrl-C or a crash the same command resumes. "
        "One bad file never stops the others."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `add`."""
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help=say("files, folders, addresses (default: the setting `documents`); - reads a list from standard input"),
    )
    label_argument(parser)
    parser.add_argument("--sync", action="store_true", help=say("also remove what has vanished from these places"))
    parser.add_argument("--no-wait", action="store_true", help=say("if another process is writing, end with code 75"))
    parser.add_argument("--retry", action="store_true", help=say("read again what failed before, though unchanged"))
    parser.add_argument(
        "--stdin",
        metavar="NAME",
        help=say("read one document from standard input and call it NAME, whose ending says its kind"),
    )


def label_argument(parser: argparse.ArgumentParser) -> None:
    """`--label`, of every command that adds."""
    parser.add_argument(
        "--label",
        dest="labels",
        metavar="LABEL",
        action="append",
        help=say(
            "who may see them, a,b for two labels; may be repeated. Replaces the labels of unchanged documents too "
            "(default for new ones: access.default_labels; others keep theirs)"
        ),
    )


def labels_given(args: argparse.Namespace) -> list[str] | None:
    """The labels of `--label`; None if there are none, so that documents keep theirs."""
    return None if args.labels is None else labels_of(args.labels)


def run(session: Session, args: argparse.Namespace) -> int:
    """Adds and prints what was done. Exit code 3 when some files could not be read; the others are kept."""
    labels = labels_given(args)
    if args.stdin is None:
        paths = paths_of(session, args.paths)
        with session.open(create=True, wait=not args.no_wait) as base, session.progress() as progress:
            report = base.add(paths, labels=labels, sync=args.sync, progress=progress, retry=args.retry)
    else:
        if args.paths or args.sync or args.retry:
            raise InputError(
                "--stdin adds one document; nothing else can be added with it.",
                remedy="Leave out paths, --sync and --retry.",
            )
        with session.open(create=True, wait=not args.no_wait) as base, session.progress() as progress:
            report = base.add_stream(args.stdin, sys.stdin.buffer, labels=labels, progress=progress)
    return show_all(session, report)


def show_all(session: Session, report: "AddReport") -> int:
    """Prints what was done and names what was not; returns the exit code."""
    if session.as_json:
        session.print_json(add_shape(report))
    else:
        show_report(session, report)
    session.out.stream.flush()
    name_problems(session, report)
    return SOME_FAILED if report.failed else 0


def show_report(session: Session, report: "AddReport") -> None:
    """The counts; those that are rare only where they are not 0."""
    counts = [
        say("Added {n}", n=report.added),
        say("replaced {n}", n=report.replaced),
        say("unchanged {n}", n=report.unchanged),
        say("removed {n}", n=report.removed),
        say("failed {n}", n=len(report.failed)),
    ]
    if report.attention:
        counts.append(say("needs attention {n}", n=len(report.attention)))
    if report.empty:
        counts.append(say("without text {n}", n=len(report.empty)))
    session.out.line(
        say(
            "{counts}; {chunks} in {time}.",
            counts=say(", ").join(counts),
            chunks=new_chunks(report.chunks),
            time=shown_seconds(report.seconds),
        )
    )
    show_enrichment(session, report.enrichment)
    if report.skipped_suffixes:
        session.out.line(skipped_in_words(report.skipped_suffixes))


def show_enrichment(session: Session, report: "EnrichReport") -> None:
    """How many chunks something was written about, where any were to be; and why the rest waits."""
    if report.enriched or report.vain or report.waiting:
        counts = [say("Enriched {n}", n=f"{report.enriched:,}")]
        if report.vain:
            counts.append(say("nothing of use written about {n}", n=f"{report.vain:,}"))
        if report.waiting:
            counts.append(say("not yet enriched {n}", n=f"{report.waiting:,}"))
        session.out.line(say("{counts} of the texts of chunks.", counts=say(", ").join(counts)))
    if report.problem is not None:
        session.note(report.problem.in_words())
        session.note(say("They are found by their own words meanwhile; the next `qianxun add` goes on."))


def skipped_in_words(suffixes: Mapping[str, int]) -> str:
    """How many files of which kinds were passed over, the most frequent first."""
    often = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))
    kinds = [f"{suffix or say('without suffix')} ({n:,})" for suffix, n in often[:MOST_KINDS]]
    if len(often) > MOST_KINDS:
        kinds.append("…")
    return say(
        "Skipped {files} of kinds that cannot be read: {kinds}.",
        files=files(sum(suffixes.values())),
        kinds=say(", ").join(kinds),
    )


def paths_of(session: Session, given: list[str]) -> list[str]:
    """The paths and addresses that were given, listed on standard input, or set. Raises InputError, NotFound."""
    paths = [line for path in given for line in (lines_of_stdin() if path == "-" else [path])]
    if given and not paths:
        raise InputError("Standard input names no path.", remedy="Give one path a line.")
    if not paths and session.settings.documents:
        paths = [session.settings.documents]
    if not paths:
        raise InputError(
            "Nothing to add: no path was given.",
            remedy="Type `qianxun add FOLDER`, or set `documents` in qianxun.toml (`qianxun init`).",
        )
    for path in paths:  # before a knowledge base is made for a misspelt path
        if not is_address(path) and not os.path.lexists(os.path.expanduser(path)):  # noqa: PTH111
            raise NotFound("There is no file or folder at {path}.", remedy="Check the spelling of the path.", path=path)
    return paths


def name_problems(session: Session, report: "AddReport") -> None:
    """A line for each file that was not indexed, with its reason."""
    for source, reason in (*report.failed, *report.attention, *report.empty):
        session.note(named_reason(source, reason))
