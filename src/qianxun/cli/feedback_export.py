"""`qianxun feedback export`: what was found good, as pairs of questions and passages."""

import argparse
import sys
from pathlib import Path

from qianxun.cli.counts import pairs
from qianxun.cli.session import Session, asker_of
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import version
from qianxun.storage.feedback_pairs import line_of


def description() -> str:
    """What help says at the top."""
    return say(
        "Writes the passages that were found good, with their questions, as JSON lines that `qianxun adapt` and "
        "`qianxun tune` read. Only questions whose text was kept: set feedback.keep_questions."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `feedback export`."""
    parser.add_argument("file", metavar="FILE", help=say("file to write; - is standard output"))
    parser.add_argument("--clicks", action="store_true", help=say("clicks too, which say less"))
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Writes the pairs."""
    with session.open() as base:
        lines = [line_of(pair) for pair in base.feedback.pairs(asker=asker_of(args.labels), clicks=args.clicks)]
    text = "".join(f"{line}\n" for line in lines)
    if args.file == "-":
        sys.stdout.write(text)
        return 0
    try:
        Path(args.file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            "{path} cannot be written ({error}).",
            remedy="Name another file.",
            path=args.file,
            error=error.strerror or error,
        ) from error
    if session.as_json:
        session.print_json({"file": args.file, "pairs": len(lines), "version": version()})
    else:
        session.out.line(say("Wrote {pairs} to {file}.", pairs=pairs(len(lines)), file=args.file))
    return 0
