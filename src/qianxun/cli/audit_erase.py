"""`qianxun audit erase`: one person becomes unknown; the chain stays whole."""

import argparse
from contextlib import closing

from qianxun import assemble
from qianxun.cli.session import Session, readable
from qianxun.messages import say
from qianxun.shapes import version
from qianxun.storage.quotas import Quotas


def description() -> str:
    """What help says at the top."""
    return say(
        "Takes out who a caller was, and the texts of their questions; rows stay, with a code that leads to nobody, "
        "and so does the chain. Their quotas begin anew. That it was done is recorded. `qianxun compact` takes the "
        "last trace out of the file."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `audit erase`."""
    parser.add_argument("person", metavar="ID", help=say("the caller, as in key:3f9a1c2e"))
    parser.add_argument("-y", "--yes", action="store_true", help=say("do not ask"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Erases, after asking, and prints how many rows were theirs."""
    person = readable(args.person)
    audit = assemble.audit_of_home(session.settings)
    with closing(audit.database):
        if not args.yes and not session.confirm(say("Make {person} unknown in the record?", person=person)):
            session.note(say("Nothing was erased."))
            return 0
        n = audit.erase(person)
        Quotas(audit.database).erase(person)
    if session.as_json:
        session.print_json({"rows": n, "version": version()})
    else:
        session.out.line(say("{n} rows lead to nobody now.", n=n))
    return 0
