"""`qianxun keys rotate`: a new secret for a key, the old one holding on for a while."""

import argparse
from datetime import timedelta

from qianxun.cli.keys import opened, record, show_secret
from qianxun.cli.keys_create import seconds_of
from qianxun.cli.session import Session
from qianxun.errors import InputError
from qianxun.messages import say


def description() -> str:
    """What help says at the top."""
    return say("Gives a key a new secret and prints it, once. What the key may do, and what it owns, stays.")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `keys rotate`."""
    parser.add_argument("key", metavar="KEY", help=say("a key, by id or name"))
    parser.add_argument(
        "--keep",
        metavar="TIME",
        default="",
        help=say("the old secret holds for so long, as 24h (default: it ends now)"),
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Rotates the key."""
    keep = seconds_of(args.keep) if args.keep else timedelta()
    if keep is None:
        raise InputError("{text!r} is no time span.", remedy="Write 24h, 7d or 30m.", text=args.keep)
    with opened(session) as keys:
        key = keys.get(args.key)
        secret = keys.rotate(key.id, keep=keep)
        record(session, keys, "keys.rotate", key)
        show_secret(session, key, secret)
    return 0
