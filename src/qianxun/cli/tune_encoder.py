"""`qianxun tune encoder`: the encoder fine-tuned on judgements, kept only if search is better with it."""

import argparse

from qianxun.cli.session import Session
from qianxun.cli.tuning import run_tuning, tuning_arguments
from qianxun.messages import say


def description() -> str:
    """What help says at the top."""
    return say(
        "Fine-tunes an encoder that runs in this process on questions whose answers were judged, with low-rank "
        "adapters (extra `train`). To be measured, it makes the vectors of all chunks beside the ones in force. About "
        "three tenths of the questions are held back; the tuned model is kept only if search is better with it on "
        "those, beyond chance. What is in force stays as it is until `qianxun reindex`."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tune encoder`."""
    tuning_arguments(parser, "encoder")


def run(session: Session, args: argparse.Namespace) -> int:
    """Fine-tunes and prints what came of it."""
    return run_tuning(session, args, "encoder")
