"""`qianxun compact`: gives back space; afterwards no byte of a removed document is left."""

import argparse

from qianxun.cli.info import facts_of
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import work_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Rewrites what holds the bytes of removed documents, so that nothing of them is left in the knowledge base, "
        "and gives back the space."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Compacts and prints what was done."""
    with session.open() as base, session.progress() as progress:
        done = base.compact(progress=progress)
    if session.as_json:
        session.print_json(work_shape(done))
    else:
        session.out.line((say("Compacted."), "green"))
        session.out.pairs(facts_of({key: value for key, value in done.items() if key != "adapter_removed"}))
        if done.get("adapter_removed"):
            session.out.line(
                say("The query adapter went too: it is of documents that are gone, or of another encoder.")
            )
        if done.get("bytes_after", 0) > done.get("bytes_before", 0):
            session.out.line((say("It grew: SQLite and the indexes write files of at least a certain size."), "dim"))
    return 0
