"""What the commands `qianxun eval …` share: progress, and the file of a report."""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qianxun.cli.progress import ProgressDisplay
from qianxun.cli.session import Session
from qianxun.messages import say

if TYPE_CHECKING:
    from pathlib import Path

    from qianxun.evaluation.reports.page import Page


def report_argument(parser: argparse.ArgumentParser) -> None:
    """`--report FILE`."""
    parser.add_argument(
        "--report",
        metavar="FILE",
        help=say("also write a report: .html (one page with plots), .md or .json"),
    )


def asked_report(args: argparse.Namespace) -> "Path | None":
    """The file of `--report`, looked at before anything is measured. Raises InputError."""
    from qianxun.evaluation.reports import report_file

    return None if args.report is None else report_file(args.report)


def write_asked(session: Session, path: "Path | None", page: "Callable[[], Page]", shape: Mapping[str, Any]) -> None:
    """Writes the report if one was asked for, and says where it is."""
    if path is not None:
        from qianxun.evaluation.reports import write_report

        write_report(path, page(), shape)
        session.note(say("The report is in {path}.", path=path))


@dataclass(frozen=True, slots=True)
class _Report:
    stage: str
    done: int
    total: int | None
    item: str
    seconds: float


class Staged:
    """Makes (stage, done, total) into what the progress display takes, with the time since the stage began."""

    def __init__(self, display: ProgressDisplay) -> None:
        self.display = display
        self.began: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        if done == 0:  # a stage comes again with the next data set
            self.began[stage] = time.monotonic()
        began = self.began.setdefault(stage, time.monotonic())
        self.display(_Report(stage, done, total, "", time.monotonic() - began))
