"""`qianxun conversations rename`: gives a conversation another title."""

import argparse

from qianxun.cli.conversations import SHOWN_TOKEN
from qianxun.cli.session import Session, readable
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import conversations_shape


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `conversations rename`."""
    parser.add_argument("token", metavar="TOKEN", help=say("the conversation: its token, or the beginning of it"))
    parser.add_argument("title", metavar="TITLE", nargs="+", help=say("its new title"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Renames it and prints it as the list does."""
    title = readable(" ".join(args.title)).strip()
    if not title:
        raise InputError("The title is empty.", remedy="Type the new title behind the token.")
    with session.open() as base:
        token = base.conversations.find(args.token)
        base.conversations.rename(token, title)
        renamed = base.conversations.get(token).conversation
    if session.as_json:
        session.print_json(conversations_shape([renamed]))
    else:
        session.out.line(say("Renamed {token}: {title}", token=token[:SHOWN_TOKEN], title=renamed.title))
    return 0
