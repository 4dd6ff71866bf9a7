"""`qianxun audit export`: the record as JSON lines, with all that is needed to verify it elsewhere."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from qianxun import assemble
from qianxun.cli.auditing import add_selection, selection_of
from qianxun.cli.session import Session
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import audit_row_shape, version
from qianxun.storage.audit import Audit
from qianxun.storage.audit_records import micros_of


def description() -> str:
    """What help says at the top."""
    return say(
        "Writes rows as JSON lines, the oldest first, each with what its hash is made of: `body` and `micros` "
        "(docs/audit.md says how)."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `audit export`."""
    parser.add_argument("file", metavar="FILE", help=say("file to write; - is standard output"))
    add_selection(parser)


def run(session: Session, args: argparse.Namespace) -> int:
    """Writes the rows."""
    selection = selection_of(args)
    audit = assemble.audit_of_home(session.settings)
    n = 0
    with closing(audit.database):
        if args.file == "-":
            for line in _lines(audit, selection):
                sys.stdout.write(line)
            return 0
        try:
            with Path(args.file).open("w", encoding="utf-8") as file:
                for line in _lines(audit, selection):
                    file.write(line)
                    n += 1
        except OSError as error:
            raise InputError(
                "{path} cannot be written ({error}).",
                remedy="Name another file.",
                path=args.file,
                error=error.strerror or error,
            ) from error
    if session.as_json:
        session.print_json({"file": args.file, "rows": n, "version": version()})
    else:
        session.out.line(say("Wrote {n} rows to {file}.", n=n, file=args.file))
    return 0


def _lines(audit: Audit, selection: dict[str, object]) -> Iterator[str]:
    for row in audit.rows(**selection):  # type: ignore[arg-type]
        shape = audit_row_shape(row) | {"micros": micros_of(row.at), "body": row.text}
        yield json.dumps(shape, ensure_ascii=False) + "\n"
