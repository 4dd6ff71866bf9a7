"""`qianxun feedback`: how much was made known of passages."""

import argparse

from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import feedback_shape
from qianxun.storage.feedback import Kind


def description() -> str:
    """What help says at the top."""
    return say(
        "Counts clicks, thumbs and accepted citations. They move passages in later searches ([signals]); of questions "
        "and people only hashes are kept, unless the settings say otherwise ([feedback])."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `feedback`."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the counts."""
    with session.open() as base:
        totals = base.feedback.totals()
    if session.as_json:
        session.print_json(feedback_shape(totals))
    else:
        session.out.pairs([(kind_in_words(kind), str(n)) for kind, n in totals.items()])
    return 0


def kind_in_words(kind: Kind) -> str:
    """What a kind of feedback is called."""
    words: dict[Kind, str] = {
        "click": say("clicks"),
        "up": say("thumbs up"),
        "down": say("thumbs down"),
        "accepted": say("accepted citations"),
    }
    return words[kind]
