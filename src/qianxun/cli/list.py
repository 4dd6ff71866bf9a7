"""`qianxun list`: the documents, one a line."""

import argparse

from qianxun.cli.arguments import add_filters
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, asker_of, filter_of
from qianxun.cli.words import shown_source
from qianxun.messages import say
from qianxun.reasons import reason_of_the_file
from qianxun.records import Status
from qianxun.shapes import documents_shape

STYLES = {Status.READY: "", Status.EMPTY: "dim", Status.ATTENTION: "yellow", Status.FAILED: "red"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `list`."""
    parser.add_argument(
        "--status",
        metavar="STATUS",
        choices=[name for status in Status for name in _names(status)],
        help=say("only those that are ready, empty, attention (a person should look) or failed"),
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    add_filters(parser)


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the documents."""
    with session.open() as base:
        documents = base.documents(asker=asker_of(args.labels), where=filter_of(args))
    if args.status:
        documents = [d for d in documents if any(args.status in _names(status) for status in {d.status, d.state})]
    if session.as_json:
        session.print_json(documents_shape(documents))
        return 0
    if not documents and session.out.styled:
        session.out.line(say("No documents."))
        return 0
    rows: list[list[Piece]] = [
        [
            str(d.id),
            (status_in_words(d.state), STYLES[d.state]),
            str(d.chunks),
            "" if d.pages is None else str(d.pages),
            ", ".join(d.labels),
            (d.title, "bold"),
            (shown_source(d.source), "cyan"),
            reason_of_the_file(d.source, d.reason),
        ]
        for d in documents
    ]
    headers = [
        say("id"),
        say("status"),
        say("chunks"),
        say("pages"),
        say("labels"),
        say("title"),
        say("source"),
        say("reason"),
    ]
    # Piped, the columns are always the same.
    left_out = {3} if session.out.styled and all(d.pages is None for d in documents) else set()
    if session.out.styled and not any(d.reason for d in documents):
        left_out.add(7)
    kept = [i for i in range(len(headers)) if i not in left_out]
    session.out.table(
        [headers[i] for i in kept],
        [[row[i] for i in kept] for row in rows],
        right=[kept.index(i) for i in (0, 2, 3) if i in kept],
        elided=[kept.index(i) for i in (5, 6)],
        spare=[kept.index(i) for i in (3, 2, 4) if i in kept],
        below=kept.index(7) if 7 in kept else None,
    )
    return 0


def _names(status: Status) -> tuple[str, ...]:
    return tuple(dict.fromkeys((status.value, status.name.lower())))


def status_in_words(status: Status) -> str:
    """A status in the reader's language."""
    words = {
        Status.READY: say("ready"),
        Status.EMPTY: say("empty"),
        Status.ATTENTION: say("needs attention"),
        Status.FAILED: say("failed"),
    }
    return words[status]
