"""`python -m qianxun.service.jobs`: a process that runs jobs until it is told to end (SIGTERM, Ctrl-C)."""

import signal
import sys
import threading

from qianxun.errors import QianxunError
from qianxun.service.jobs.runner import run_jobs
from qianxun.settings import load_settings


def main(overrides: list[str]) -> int:
    """Runs jobs by the settings in force; `overrides` are KEY=VALUE texts. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        run_jobs(load_settings(overrides=overrides), stop)
    except QianxunError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
