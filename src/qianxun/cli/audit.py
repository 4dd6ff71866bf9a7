"""`qianxun audit`: the record of who asked or changed what, a row a line."""

import argparse
from contextlib import closing

from qianxun import assemble
from qianxun.cli.arguments import positive
from qianxun.cli.auditing import add_selection, selection_of
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import audit_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Lists who asked or changed what through the service, the newest first: ids, counts and hashes, no text of "
        "documents ([audit])."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `audit`."""
    add_selection(parser)
    parser.add_argument("-n", "--count", metavar="N", type=positive, default=50, help=say("rows at most (50)"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the rows."""
    audit = assemble.audit_of_home(session.settings)
    with closing(audit.database):
        found = list(audit.rows(**selection_of(args), newest_first=True, limit=args.count))
    if session.as_json:
        session.print_json(audit_shape(found))
        return 0
    if not found and session.out.styled:
        session.out.line(say("No rows."))
        return 0
    rows: list[list[Piece]] = [
        [
            str(row.seq),
            (row.at.strftime("%Y-%m-%d %H:%M:%S"), "cyan"),
            row.who,
            (row.action, "bold"),
            str(row.body.get("kb", "")),
            str(row.body.get("status", "")),
            str(len(row.body.get("passages", ())) or len(row.body.get("documents", ())) or ""),
        ]
        for row in found
    ]
    heads = [say("row"), say("when (UTC)"), say("who"), say("action"), say("base"), say("status"), say("passages")]
    session.out.table(heads, rows, elided=[2])
    return 0
