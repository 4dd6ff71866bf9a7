"""`qianxun embed`: the vectors of texts, as the encoder in force makes them."""

import argparse
import math
import sys
from typing import Any

from qianxun.cli.session import Session, texts_of_stdin
from qianxun.cli.words import cut
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import embedding_shape

SHOWN_NUMBERS = 4
SHOWN_CELLS = 40


def description() -> str:
    """What help says at the top."""
    return say(
        "Encodes the lines of standard input with the encoder of the settings, asked as its authors say. For looking "
        "at a model: --set encoder.model=NAME, FOLDER or URL. No self-test is run; `qianxun models check` does that."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `embed`."""
    parser.add_argument(
        "--query", action="store_true", help=say("encode as questions, with the instruction (default: as passages)")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints a vector for each line."""
    from qianxun import assemble

    texts = texts_of_stdin()
    if not texts:
        raise InputError("There is no text on standard input.", remedy="Example: echo 报销标准 | qianxun embed --query")
    encoder = assemble.encoder(session.settings)
    try:
        rows = encoder.encode_queries(texts) if args.query else encoder.encode_passages(texts)
        facts = assemble.facts_of_encoder(encoder)
    finally:
        assemble.close(encoder)
    if session.as_json:
        session.print_json(embedding_shape(facts, "query" if args.query else "passage", rows.tolist()))
    else:
        _show(session, texts, rows.tolist())
        sys.stdout.flush()
        session.note(
            say("{name}: {dim} dimensions, {served_by}", **{k: facts[k] for k in ("name", "dim", "served_by")})
        )
    return 0


def _show(session: Session, texts: list[str], rows: list[list[float]]) -> None:
    table: list[list[Any]] = [
        [
            cut(text, SHOWN_CELLS),
            f"{math.sqrt(sum(number * number for number in row)):.4f}",
            " ".join(f"{number:+.4f}" for number in row[:SHOWN_NUMBERS]) + " …",
        ]
        for text, row in zip(texts, rows, strict=True)
    ]
    session.out.table([say("text"), say("length"), say("first numbers")], table, right=[1])
