"""`qianxun conversations export`: one conversation as a file."""

import argparse
import sys
from pathlib import Path

from qianxun.cli.conversations import SHOWN_TOKEN
from qianxun.cli.session import Session, asker_of
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import version


def description() -> str:
    """What help says at the top."""
    return say("Writes a conversation with what its answers cite, as you may read it now.")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `conversations export`."""
    parser.add_argument("token", metavar="TOKEN", help=say("the conversation: its token, or the beginning of it"))
    parser.add_argument(
        "--format", choices=("markdown", "json"), default="markdown", help=say("markdown (the default) or json")
    )
    parser.add_argument("--out", metavar="FILE", help=say("file to write; without it, standard output"))
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Writes the conversation."""
    with session.open() as base:
        token = base.conversations.find(args.token)
        text = base.conversations.export(token, args.format, asker=asker_of(args.labels))
    if args.out is None:
        if session.as_json:
            session.print_json({"file": None, "conversation": token, "text": text, "version": version()})
        else:
            sys.stdout.write(text)
        return 0
    try:
        Path(args.out).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InputError(
            "{path} cannot be written ({error}).",
            remedy="Name another file.",
            path=args.out,
            error=error.strerror or error,
        ) from error
    if session.as_json:
        session.print_json({"file": args.out, "conversation": token, "text": None, "version": version()})
    else:
        session.out.line(say("Wrote conversation {token} to {file}.", token=token[:SHOWN_TOKEN], file=args.out))
    return 0
