"""`qianxun keys revoke`: ends a key for good."""

import argparse

from qianxun.cli.keys import opened, record
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import keys_shape


def description() -> str:
    """What help says at the top."""
    return say("Ends a key for good, from the next request on; running answers go on. The list keeps its name.")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `keys revoke`."""
    parser.add_argument("key", metavar="KEY", help=say("a key, by id or name"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Revokes the key."""
    with opened(session) as keys:
        key = keys.revoke(keys.get(args.key).id)
        record(session, keys, "keys.revoke", key)
    if session.as_json:
        session.print_json(keys_shape([key]))
    else:
        session.out.line(say("Key {id} of {name} holds no more.", id=key.id, name=key.name))
    return 0
