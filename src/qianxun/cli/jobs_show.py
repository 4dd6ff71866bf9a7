"""`qianxun jobs show`: one job, with what came of it."""

import argparse
import json

from qianxun.cli.jobs import job_of, opened, progress_in_words, state_in_words
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import job_shape
from qianxun.transcripts import moment_in_words


def description() -> str:
    """What help says at the top."""
    return say("Shows one job: what it is about, how far it is, what came of it.")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `jobs show`."""
    token_argument(parser)


def token_argument(parser: argparse.ArgumentParser) -> None:
    """The job that is meant."""
    parser.add_argument("token", metavar="TOKEN", help=say("the job: its token, or the beginning of it"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the job."""
    with opened(session) as jobs:
        job = job_of(jobs, args.token)
    shape = job_shape(job)
    if session.as_json:
        session.print_json(shape)
        return 0
    pairs: list[tuple[str, Piece]] = [
        (say("token"), job.token),
        (say("job"), job.kind),
        (say("knowledge base"), job.base),
        (say("state"), state_in_words(job.state)),
        (say("progress"), progress_in_words(job)),
        (say("asked for (UTC)"), moment_in_words(job.created)),
        (say("begun (UTC)"), moment_in_words(job.started) if job.started else ""),
        (say("ended (UTC)"), moment_in_words(job.finished) if job.finished else ""),
        (say("attempts"), str(job.attempts)),
    ]
    session.out.pairs([(name, value) for name, value in pairs if value])
    if job.result is not None:
        session.out.blank()
        session.out.stream.write(json.dumps(job.result, ensure_ascii=False, indent=2) + "\n")
    return 0
