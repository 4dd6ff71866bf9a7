"""`qianxun duplicates`: documents that say the same."""

import argparse

from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, asker_of
from qianxun.cli.words import shown_source
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import duplicates_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Lists documents that share most of their text, longest first: copies, versions, the same file in two "
        "archives. Nothing is removed."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `duplicates`."""
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    parser.add_argument(
        "--least", metavar="SHARE", type=float, default=0.8, help=say("share of the text, above 0 to 1 (default 0.8)")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the groups."""
    if not 0.0 < args.least <= 1.0:
        raise InputError("--least is {value:g}.", remedy="Give a share above 0, 1 at most.", value=args.least)
    with session.open() as base:
        groups = base.duplicates(asker=asker_of(args.labels), least=args.least)
    if session.as_json:
        session.print_json(duplicates_shape(groups))
        return 0
    if not groups and session.out.styled:
        session.out.line(say("No duplicates."))
        return 0
    rows: list[list[Piece]] = [
        [
            str(number),
            f"{group.likeness:.0%}",
            str(document.id),
            (document.title, "bold"),
            shown_source(document.source),
        ]
        for number, group in enumerate(groups, start=1)
        for document in group.documents
    ]
    headers = [say("group"), say("alike"), say("id"), say("title"), say("source")]
    session.out.table(headers, rows, right=[0, 1, 2], elided=[4, 3])
    return 0
