"""`qianxun conversations delete`: conversations with all that was said in them; asks first."""

import argparse

from qianxun.cli.counts import conversations
from qianxun.cli.session import Session
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import version


def description() -> str:
    """What help says at the top."""
    return say(
        "Deletes conversations: questions, answers and what was summed up of them. `qianxun compact` takes the last "
        "trace out of the file."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `conversations delete`."""
    parser.add_argument(
        "tokens", metavar="TOKEN", nargs="*", help=say("the conversations: their tokens, or the beginnings of them")
    )
    parser.add_argument("--all", action="store_true", help=say("all of them, also those about other knowledge bases"))
    parser.add_argument("-y", "--yes", action="store_true", help=say("do not ask"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Deletes them, after asking, and prints how many."""
    if bool(args.tokens) == args.all:
        raise InputError("Which conversations are to be deleted?", remedy="Name TOKENs, or --all.")
    with session.open() as base:
        talks = base.conversations
        chosen = list(dict.fromkeys(talks.find(token) for token in args.tokens))
        question = say("Delete all conversations?") if args.all else say("Delete {n}?", n=conversations(len(chosen)))
        if not args.yes and not session.confirm(question):
            session.note(say("Nothing was deleted."))
            return 0
        if args.all:
            n = talks.erase("")
        else:
            for token in chosen:
                talks.delete(token)
            n = len(chosen)
    if session.as_json:
        session.print_json({"deleted": n, "version": version()})
    else:
        session.out.line(say("Deleted {n}.", n=conversations(n)))
    return 0
