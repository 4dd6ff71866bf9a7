"""`qianxun jobs`: work that was asked for over the service, or by the clock, one job a line."""

import argparse
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qianxun.cli.arguments import positive
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.errors import InputError, NotFound
from qianxun.messages import say
from qianxun.settings import home_directory
from qianxun.shapes import jobs_shape
from qianxun.transcripts import moment_in_words

if TYPE_CHECKING:
    from qianxun.storage.jobs import Job, Jobs, State

SHOWN_TOKEN = 8
STYLES = {"running": "cyan", "done": "green", "failed": "red", "cancelled": "dim"}
_MOST = 100


def description() -> str:
    """What help says at the top."""
    return say(
        "Lists jobs, the newest first: what was asked for over the service or by the clock. `qianxun serve` runs them; "
        "without it `qianxun jobs run` does."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `jobs`."""
    parser.add_argument(
        "--state",
        choices=("queued", "running", "done", "failed", "cancelled"),
        help=say("only jobs in this state"),
    )
    parser.add_argument(
        "-n", "--limit", metavar="N", type=positive, default=_MOST, help=say("how many at most (default: 100)")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the jobs."""
    from qianxun.storage.jobs import STATES

    with opened(session) as jobs:
        states = (args.state,) if args.state else STATES
        found = [] if jobs is None else jobs.all(states=states, count=args.limit)
    if session.as_json:
        session.print_json(jobs_shape(found))
        return 0
    if not found and session.out.styled:
        session.out.line(say("No jobs."))
        return 0
    rows: list[list[Piece]] = [
        [
            (job.token[:SHOWN_TOKEN], "cyan"),
            moment_in_words(job.created),
            job.kind,
            job.base,
            (state_in_words(job.state), STYLES.get(job.state, "")),
            progress_in_words(job),
        ]
        for job in found
    ]
    headers = [say("token"), say("asked for (UTC)"), say("job"), say("knowledge base"), say("state"), say("progress")]
    session.out.table(headers, rows, elided=[5])
    return 0


@contextlib.contextmanager
def opened(session: Session, *, create: bool = False) -> "Iterator[Jobs | None]":
    """The jobs of this home; None where there is no file of theirs, which is made with `create`."""
    from qianxun.storage.jobs import Jobs
    from qianxun.storage.service import has_service, open_service

    home = home_directory(session.settings)
    if not create and not has_service(home):
        yield None
        return
    with contextlib.closing(Jobs(open_service(home))) as jobs:
        yield jobs


def job_of(jobs: "Jobs | None", given: str) -> "Job":
    """The job that is meant by its token or the beginning of it. Raises NotFound, InputError."""
    tokens = jobs.tokens(given) if jobs is not None and given else []
    if jobs is None or not tokens:
        raise NotFound("There is no job {token}.", remedy="`qianxun jobs` lists them.", token=given)
    if len(tokens) > 1:
        raise InputError(
            "{n} jobs begin with {beginning}.", remedy="Type more of the token.", n=len(tokens), beginning=given
        )
    return jobs.get(tokens[0])


def state_in_words(state: "State") -> str:
    """A state in the reader's language."""
    words = {
        "queued": say("queued"),
        "running": say("running"),
        "done": say("done"),
        "failed": say("failed"),
        "cancelled": say("cancelled"),
    }
    return words[state]


def progress_in_words(job: "Job") -> str:
    """How far a job is, or why it failed."""
    if job.error is not None:
        return job.error.as_error().in_words()
    if job.stage and job.total:
        return f"{job.stage} {job.done:,}/{job.total:,}"
    return job.stage
