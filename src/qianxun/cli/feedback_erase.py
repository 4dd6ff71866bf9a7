"""`qianxun feedback erase`: takes feedback back."""

import argparse

from qianxun.cli.session import Session
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import version


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `feedback erase`."""
    parser.add_argument("token", metavar="TOKEN", nargs="?", help=say("what `feedback record` printed: this judgement"))
    parser.add_argument(
        "--person", metavar="NAME", help=say("everything of this person, of all knowledge bases of this home")
    )
    parser.add_argument("--questions", action="store_true", help=say("the texts of all questions; judgements stay"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Erases and prints how much. `qianxun compact` takes the last trace out of the file."""
    if sum((args.token is not None, args.person is not None, args.questions)) != 1:
        raise InputError("What is to be erased?", remedy="Name a TOKEN, or --person NAME, or --questions.")
    with session.open() as base:
        if args.token is not None:
            base.feedback.undo(args.token)
            n = 1
        elif args.person is not None:
            n = base.feedback.erase(args.person)
        else:
            n = base.feedback.forget_questions()
    if session.as_json:
        session.print_json({"erased": n, "version": version()})
    else:
        session.out.line(say("Erased {n}. `qianxun compact` takes the last trace out of the file.", n=n))
    return 0
