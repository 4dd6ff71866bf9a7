"""`qianxun tune reranker`: the reranker fine-tuned on judgements, kept only if search is better with it."""

import argparse

from qianxun.cli.session import Session
from qianxun.cli.tuning import run_tuning, tuning_arguments
from qianxun.messages import say


def description() -> str:
    """What help says at the top."""
    return say(
        "Fine-tunes a Qwen3-Reranker on questions whose answers were judged, with low-rank adapters (extra `train`). "
        "About three tenths of the questions are held back; the tuned model is kept, as a folder of its own, only if "
        "search is better with it on those, beyond chance. What is in force stays as it is."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tune reranker`."""
    tuning_arguments(parser, "reranker")


def run(session: Session, args: argparse.Namespace) -> int:
    """Fine-tunes and prints what came of it."""
    return run_tuning(session, args, "reranker")
