"""`qianxun rebuild`: the derived indexes anew from the stored documents, with the same encoder."""

import argparse

from qianxun.cli.info import facts_of
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import work_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Makes the indexes anew from the stored documents, with the same encoder. Vectors that are kept are not "
        "computed again. Searching goes on meanwhile."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Rebuilds and prints what was done."""
    with session.open() as base, session.progress() as progress:
        done = base.rebuild(progress=progress)
    if session.as_json:
        session.print_json(work_shape(done))
    else:
        session.out.line((say("Rebuilt."), "green"))
        session.out.pairs(facts_of(done))
    return 0
