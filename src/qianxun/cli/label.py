"""`qianxun label`: who may see a document, from the next question on."""

import argparse

from qianxun.cli.session import Session, labels_of, what_of
from qianxun.cli.words import shown_source
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import documents_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Changes who may see documents: one shared label suffices. Takes effect on the next question, "
        "in every running process."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `label`."""
    parser.add_argument("what", metavar="ID|PATH|GLOB", nargs="+", help=say("ids, files, folders or patterns"))
    parser.add_argument(
        "--add",
        metavar="LABEL",
        action="append",
        default=[],
        help=say("a label to add, a,b for two; may be repeated; spaces inside a label are part of it"),
    )
    parser.add_argument(
        "--remove",
        metavar="LABEL",
        action="append",
        default=[],
        help=say("a label to take away, a,b for two; may be repeated"),
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Changes the labels and prints the documents with their labels."""
    add, remove = labels_of(args.add), labels_of(args.remove)
    if not add and not remove:
        raise InputError("No label was named.", remedy="Add --add LABEL or --remove LABEL.")
    with session.open() as base:
        documents = base.label(what_of(args.what), add=add, remove=remove)
    if session.as_json:
        session.print_json(documents_shape(documents))
    else:
        rows = [[str(d.id), ", ".join(d.labels), shown_source(d.source)] for d in documents]
        session.out.table([say("id"), say("labels"), say("source")], rows, right=[0], elided=[2])
    return 0
