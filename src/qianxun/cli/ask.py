"""`qianxun ask`: an answer, then the sources it quotes, each with its support mark."""

import argparse

from qianxun.cli.arguments import add_filters
from qianxun.cli.counts import passages_read
from qianxun.cli.passages import (
    heading_below,
    models_in_words,
    place,
    say_if_empty,
    show_degraded,
    show_duplicates,
    show_hit,
    show_timings,
)
from qianxun.cli.screen import Piece, Screen
from qianxun.cli.search import text_of
from qianxun.cli.session import Session, asker_of, filter_of
from qianxun.cli.words import shown_seconds
from qianxun.messages import say
from qianxun.records import Answer, Citation, Passage, Support, Verdict
from qianxun.shapes import answer_shape, total_seconds

MARKS: dict[Support, tuple[str, str]] = {"supported": ("✓", "green"), "weak": ("~", "yellow"), "absent": ("✗", "red")}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `ask`."""
    parser.add_argument(
        "question", metavar="QUESTION", nargs="+", help=say("the question; - reads it from standard input")
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    add_filters(parser)
    parser.add_argument(
        "--explain", action="store_true", help=say("show the passages that were read, and the time of each stage")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Asks and prints the answer. No evidence is an answer too: exit code 0, and the verdict says so."""
    question = text_of(args.question)
    with session.open() as base:
        answer = base.ask(question, asker=asker_of(args.labels), where=filter_of(args))
        if not answer.passages:
            say_if_empty(session, base)
    if session.as_json:
        session.print_json(answer_shape(answer))
    else:
        show(session.out, answer, explain=args.explain)
    return 0


def show(screen: Screen, answer: Answer, *, explain: bool = False) -> None:
    """The answer for people; what is to be known of it first."""
    for note in answer.notes:
        screen.paragraph(note, style="dim")
    screen.paragraph(answer.text, style="bold" if answer.verdict != "no_evidence" else "")
    verdict = verdict_in_words(answer.verdict)
    if verdict:
        screen.line((verdict, "yellow"))
    if answer.citations:
        screen.blank()
        screen.line((say("Sources"), "bold"))
    passages = {passage.chunk: passage for passage in answer.passages}
    for number in dict.fromkeys(citation.number for citation in answer.citations):
        cited = [citation for citation in answer.citations if citation.number == number]
        _show_source(screen, cited, passages.get(cited[0].chunk))
    if explain:
        screen.blank()
        for passage in answer.passages:
            show_hit(screen, passage)
        screen.blank()
        show_timings(screen, answer.seconds)
    screen.blank()
    show_degraded(screen, answer.degraded)
    facts = say(
        "{passages} in {time}; {models}",
        passages=passages_read(len(answer.passages)),
        time=shown_seconds(total_seconds(answer.seconds)),
        models=models_in_words(answer.models),
    )
    screen.line((facts, "dim"))


def _show_source(screen: Screen, cited: list[Citation], passage: Passage | None) -> None:
    """One source with all that is quoted of it; each quote has its own mark where the marks differ."""
    first = cited[0]
    alike = len({citation.support for citation in cited}) == 1
    mark, style = MARKS[first.support]
    support: list[Piece] = [(f"{mark} {support_in_words(first.support)}", style), "  "] if alike else []
    screen.line(f"[{first.number}] ", *support, (first.title, "bold"))
    heading = heading_below(first.title, first.heading)
    where = place(first.source, first.page, first.location)
    screen.line("    ", (where, "cyan"), (f"  {heading}" if heading else "", "dim"))
    for support_of, quote in dict.fromkeys((c.support, " ".join(c.quote.split())) for c in cited):
        lead = "" if alike else f"{MARKS[support_of][0]} {support_in_words(support_of)}  "
        screen.paragraph(lead + say("“{quote}”", quote=quote), indent=4)
    if passage is not None:
        show_duplicates(screen, passage)


def support_in_words(support: Support) -> str:
    """Whether the quote bears the sentence."""
    words: dict[Support, str] = {
        "supported": say("supported"),
        "weak": say("weakly supported"),
        "absent": say("not supported"),
    }
    return words[support]


def verdict_in_words(verdict: Verdict) -> str:
    """What to think of the answer; empty when it simply answers."""
    words: dict[Verdict, str] = {
        "answered": "",
        "partial": say("The sources bear only a part of this answer."),
        "no_evidence": "",
        "ungrounded": say("The sources do not bear this answer."),
    }
    return words[verdict]
