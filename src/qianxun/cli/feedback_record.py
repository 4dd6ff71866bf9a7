"""`qianxun feedback record`: what somebody thinks of passages."""

import argparse

from qianxun.cli.arguments import positive
from qianxun.cli.search import text_of
from qianxun.cli.session import Session, asker_of
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import version
from qianxun.storage.feedback import KINDS


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `feedback record`."""
    parser.add_argument("kind", metavar="KIND", choices=KINDS, help=say("click, up, down or accepted"))
    parser.add_argument("question", metavar="QUESTION", help=say("the question that they were found for"))
    parser.add_argument(
        "chunks",
        metavar="CHUNK",
        nargs="+",
        type=positive,
        help=say("chunk ids, as `search --explain` and `search --json` have them"),
    )
    parser.add_argument(
        "--above",
        metavar="CHUNK",
        action="append",
        type=positive,
        help=say("with click: a passage that stood above it and was passed over; may be repeated"),
    )
    parser.add_argument(
        "--first", action="store_true", help=say("with click: it stood first, which counts nothing against others")
    )
    parser.add_argument("--person", metavar="NAME", help=say("who thinks so; kept as a hash, if at all"))
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Keeps it and prints the token that takes it back."""
    question = text_of([args.question])
    if args.above and args.kind != "click":
        raise InputError(
            "--above is for clicks, not for {kind!r}.", remedy="Leave it out, or record a click.", kind=args.kind
        )
    if args.first and (args.above or args.kind != "click"):
        raise InputError("--first is for a click with nothing above it.", remedy="Leave out --first, or --above.")
    above = [] if args.first else args.above
    with session.open() as base:
        token = base.feedback.record(
            args.kind, question, args.chunks, above=above, person=args.person, asker=asker_of(args.labels)
        )
    if session.as_json:
        session.print_json({"token": token, "version": version()})
    else:
        session.out.line(say("Kept. `qianxun feedback erase {token}` takes it back.", token=token))
    return 0
