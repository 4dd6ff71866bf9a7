"""`qianxun audit head`: the last row's number and hash."""

import argparse
from contextlib import closing

from qianxun import assemble
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import version


def description() -> str:
    """What help says at the top."""
    return say(
        "Prints SEQ:HASH of the last row. Noted where nobody who can write the record can write, it lets `qianxun "
        "audit verify --expect SEQ:HASH` tell that the end was cut off, or the whole made anew."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `audit head`."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the head."""
    audit = assemble.audit_of_home(session.settings)
    with closing(audit.database):
        seq, hash = audit.head()
    if session.as_json:
        session.print_json({"seq": seq, "hash": hash.hex(), "version": version()})
    else:
        session.out.line(f"{seq}:{hash.hex()}", whole=True)
    return 0
