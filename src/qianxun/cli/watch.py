"""`qianxun watch`: folders and addresses kept in step until Ctrl-C."""

import argparse
import threading

from qianxun.cli.add import label_argument, labels_given, name_problems, paths_of, show_report
from qianxun.cli.session import Session, error_shape, on_one_line
from qianxun.errors import QianxunError
from qianxun.messages import say
from qianxun.shapes import add_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Does what `qianxun add --sync` does, now and whenever something changes in these folders, until Ctrl-C. "
        "Changes can be found within seconds. Addresses are looked at every sources.poll_seconds."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `watch`."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", help=say("files, folders, addresses (default: the setting `documents`)")
    )
    label_argument(parser)
    parser.add_argument(
        "--poll", action="store_true", help=say("look every second instead of being told: for network shares")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints a line for everything that was done; one JSON document a line with --json."""
    paths = paths_of(session, args.paths)
    stop = threading.Event()
    with session.open(create=True) as base:
        first = True
        known: set[tuple[str, str]] = set()
        for report in base.watch(paths, labels=labels_given(args), poll=args.poll, stop=stop):
            if isinstance(report, QianxunError):
                if session.as_json:
                    session.print_json_line(error_shape(report))
                else:
                    session.note(on_one_line(report))
                continue
            # What needs attention is told once, not at every look.
            troubled = {*report.failed, *report.attention}
            changed = report.added or report.replaced or report.removed or troubled - known
            known = troubled
            if not (first or changed):
                continue
            if session.as_json:
                session.print_json_line(add_shape(report))
            else:
                show_report(session, report)
            session.out.stream.flush()
            name_problems(session, report)
            if first and not session.as_json:
                session.note(say("Watching; Ctrl-C ends."))
            first = False
    return 0
