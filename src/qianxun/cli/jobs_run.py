"""`qianxun jobs run`: runs what waits in the queue, for who does not run `qianxun serve`."""

import argparse
import contextlib
import signal
import threading
from collections.abc import Iterator

from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import work_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Runs the jobs that wait, and those that are due by the clock, one after the other. A process that is killed "
        "loses nothing: its job goes on with the next one."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `jobs run`."""
    parser.add_argument("--stay", action="store_true", help=say("go on waiting for jobs until Ctrl-C"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Runs them; says how many."""
    from qianxun.service.jobs.runner import run_jobs

    with _stopping() as stop:
        n = run_jobs(session.settings, stop, until_empty=not args.stay)
    if session.as_json:
        session.print_json(work_shape({"run": n}))
    else:
        session.out.line(say("1 job was run.") if n == 1 else say("{n} jobs were run.", n=n))
    return 0


@contextlib.contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set by Ctrl-C and SIGTERM: a job that runs is put back into the queue."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
