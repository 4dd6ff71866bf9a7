"""`qianxun jobs cancel`: jobs that are not to go on."""

import argparse

from qianxun.cli.jobs import SHOWN_TOKEN, job_of, opened
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.settings import home_directory
from qianxun.shapes import jobs_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Stops jobs: those that wait at once, those that run within a second or so. What they have done so far stays."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `jobs cancel`."""
    parser.add_argument("tokens", metavar="TOKEN", nargs="+", help=say("the job: its token, or the beginning of it"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Stops them; says what became of each."""
    from qianxun.service.jobs import uploads

    with opened(session) as jobs:
        meant = [job_of(jobs, token) for token in args.tokens]
        found = [jobs.cancel(job.token) for job in meant] if jobs is not None else []
    for job in found:
        if job.state == "cancelled":
            uploads.forget(home_directory(session.settings), job.token)
    if session.as_json:
        session.print_json(jobs_shape(found))
        return 0
    for job in found:
        token = job.token[:SHOWN_TOKEN]
        if job.state == "cancelled":
            session.out.line(say("Cancelled {token}.", token=token))
        elif job.ended:
            session.out.line(say("{token} has ended before.", token=token))
        else:
            session.out.line(say("{token} is asked to stop.", token=token))
    return 0
