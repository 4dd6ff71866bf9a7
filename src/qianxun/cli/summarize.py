"""`qianxun summarize`: a summary of whole documents, then the sources of each sentence, as `ask` shows them."""

import argparse

from qianxun.cli.arguments import positive
from qianxun.cli.ask import show
from qianxun.cli.session import Session, asker_of
from qianxun.messages import say
from qianxun.shapes import answer_shape


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `summarize`."""
    parser.add_argument(
        "what", metavar="ID|PATH|GLOB", nargs="+", help=say("ids, files, folders or patterns such as 'hr/*.md'")
    )
    parser.add_argument("--about", metavar="QUESTION", help=say("what is of interest; the summary is about that"))
    parser.add_argument(
        "--sentences", metavar="N", type=positive, default=8, help=say("length in sentences, about (default: 8)")
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    parser.add_argument(
        "--explain", action="store_true", help=say("show the passages that were read, and the time of each stage")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Reads the documents and prints the summary."""
    with session.open() as base:
        answer = base.summarize(args.what, question=args.about, sentences=args.sentences, asker=asker_of(args.labels))
    if session.as_json:
        session.print_json(answer_shape(answer))
    else:
        show(session.out, answer, explain=args.explain)
    return 0
