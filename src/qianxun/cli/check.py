"""`qianxun check`: every derived store against the truth, in both directions."""

import argparse

from qianxun.cli.counts import problems
from qianxun.cli.session import Session
from qianxun.cli.words import shown_source
from qianxun.errors import StaleIndex
from qianxun.messages import say
from qianxun.shapes import check_shape

PROBLEMS = StaleIndex.exit_code
MOST_NAMED = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments of its own."""


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints what was compared and every problem by name. Exit code 5 when there is any."""
    with session.open() as base, session.progress() as progress:
        report = base.check(progress=progress)
    if session.as_json:
        session.print_json(check_shape(report))
        return 0 if report.ok else PROBLEMS
    if report.problems:
        session.out.table(
            [say("problem"), say("where"), say("name"), say("detail")],
            [[(p.kind, "red"), p.where, shown_source(p.name), p.detail] for p in report.problems[:MOST_NAMED]],
            elided=[2],
            below=3,
        )
    if len(report.problems) > MOST_NAMED:
        session.out.line(say("… and {n} more; --json names them all.", n=f"{len(report.problems) - MOST_NAMED:,}"))
    names = {"documents": say("documents"), "chunks": say("chunks"), "vectors": say("vectors")}
    checked = say(", ").join(f"{names.get(name, name)} {n:,}" for name, n in report.checked.items())
    if report.caught_up:
        told = "The indexes were behind the documents (changes: {n}), and have been brought up to them."
        session.out.line(say(told, n=f"{report.caught_up:,}"))
    if report.ok:
        session.out.line((say("All is well. Compared: {checked}.", checked=checked), "green"))
        return 0
    session.out.line(say("Compared: {checked}.", checked=checked))
    session.note(say("{problems}. `qianxun rebuild` mends the indexes.", problems=problems(len(report.problems))))
    return PROBLEMS
