"""`qianxun search`: passages by meaning and by words."""

import argparse

from qianxun.cli.arguments import add_filters, positive
from qianxun.cli.counts import passages
from qianxun.cli.passages import models_in_words, say_if_empty, show_degraded, show_hit, show_stages, show_timings
from qianxun.cli.session import Session, asker_of, filter_of, readable, text_of_stdin
from qianxun.cli.words import shown_seconds
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.records import SearchResult
from qianxun.shapes import search_shape, total_seconds


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `search`."""
    parser.add_argument(
        "query", metavar="QUERY", nargs="+", help=say("what to look for; - reads it from standard input")
    )
    parser.add_argument("-k", type=positive, metavar="N", help=say("how many passages (default: search.k)"))
    parser.add_argument(
        "--mode",
        choices=("hybrid", "lexical", "dense"),
        help=say("by words, by meaning, or both (default: search.mode)"),
    )
    parser.add_argument(
        "--explain", action="store_true", help=say("show what each stage said, the matched terms and the times")
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    add_filters(parser)


def run(session: Session, args: argparse.Namespace) -> int:
    """Searches and prints the passages. No passage is no error."""
    query = text_of(args.query)
    with session.open() as base:
        asker, where = asker_of(args.labels), filter_of(args)
        result = base.search(query, k=args.k, mode=args.mode, asker=asker, where=where, explain=True)
        if not result.passages:
            say_if_empty(session, base)
    if session.as_json:
        session.print_json(search_shape(result))
    else:
        show(session, result, explain=args.explain)
    return 0


def text_of(words: list[str]) -> str:
    """The question as one text; `-` alone is standard input. Raises InputError when it is empty."""
    text = text_of_stdin() if words == ["-"] else readable(" ".join(words))
    if not text.strip():
        raise InputError("The question is empty.", remedy="Type what you are looking for.")
    return text.strip()


def show(session: Session, result: SearchResult, *, explain: bool = False) -> None:
    """The result for people."""
    screen = session.out
    for note in result.notes:
        screen.line((note.in_words(), "dim"))
    if result.good is False:
        screen.line((say("No good result: none of these was judged relevant."), "yellow"))
    for passage in result.passages:
        show_hit(screen, passage)
        if explain:
            show_stages(screen, passage)
        screen.blank()
    if not result.passages:
        screen.line(say("Nothing found."))
    if explain:
        show_timings(screen, result.seconds)
    show_degraded(screen, result.degraded)
    facts = say(
        "{passages} in {time}; {models}",
        passages=passages(len(result.passages)),
        time=shown_seconds(total_seconds(result.seconds)),
        models=models_in_words(result.models),
    )
    screen.line((facts, "dim"))
