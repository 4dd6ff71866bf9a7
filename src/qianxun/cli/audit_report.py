"""`qianxun audit report`: the record in figures."""

import argparse
from contextlib import closing

from qianxun import assemble
from qianxun.cli.auditing import add_selection, selection_of
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import version
from qianxun.storage.audit_report import report

_MOST_PEOPLE = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `audit report`."""
    add_selection(parser, action=False)


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints the figures."""
    audit = assemble.audit_of_home(session.settings)
    with closing(audit.database):
        shape = report(audit, **selection_of(args))
    if session.as_json:
        session.print_json(shape | {"version": version()})
        return 0
    session.out.pairs(
        [
            (say("requests"), str(shape["requests"])),
            (say("refused"), str(sum(shape["refused"].values()))),
            (say("failed"), str(shape["failed"])),
            (say("changes"), str(sum(shape["changes"].values()))),
            (say("tokens"), f"{shape['tokens']['prompt']} + {shape['tokens']['completion']}"),
            (say("head"), shape["head"]),
        ]
    )
    titles = [
        ("days", say("day")), ("actions", say("action")), ("people", say("who")), ("bases", say("base")),
        ("refused", say("status of refusals")), ("changes", say("change")), ("verdicts", say("verdict")),
    ]  # fmt: skip
    for key, title in titles:
        if shape[key]:
            session.out.blank()
            rows = list(shape[key].items())[: _MOST_PEOPLE if key == "people" else None]
            session.out.table([title, say("requests")], [[name, str(n)] for name, n in rows])
    return 0
