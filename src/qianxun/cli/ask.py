"""`qianxun ask`: an answer, then the sources it quotes, each with its support mark."""

import argparse
from typing import Any, get_args

from qianxun.answering import cite
from qianxun.cli.arguments import add_filters, positive
from qianxun.cli.conversations import conversation_of
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
from qianxun.cli.words import cut, shown_seconds, shown_source
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.reasons import reason_in_words
from qianxun.records import Answer, AnswerOptions, Citation, Passage, Plan, Policy, Support, Verdict
from qianxun.settings import Settings, engine_of
from qianxun.shapes import answer_shape, total_seconds

# In cells: a computed figure quotes the whole of its table.
LONGEST_QUOTE = 400
MARKS: dict[Support, tuple[str, str]] = {"supported": ("✓", "green"), "weak": ("~", "yellow"), "absent": ("✗", "red")}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `ask`."""
    parser.add_argument(
        "question", metavar="QUESTION", nargs="+", help=say("the question; - reads it from standard input")
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    add_filters(parser)
    parser.add_argument(
        "--persona", metavar="NAME", help=say("answer as the section [personas.NAME] of the settings says; '' as usual")
    )
    parser.add_argument(
        "--attach",
        dest="attachments",
        metavar="FILE",
        action="append",
        default=[],
        help=say("give a file with the question: evidence, cited as [Q]; may be repeated"),
    )
    parser.add_argument(
        "--document",
        dest="documents",
        metavar="ID|PATH|GLOB",
        action="append",
        default=[],
        help=say("read all of this document instead of what search finds; may be repeated"),
    )
    parser.add_argument(
        "--deep",
        metavar="N",
        type=positive,
        nargs="?",
        const=4,
        default=0,
        help=say("divide the question into at most N sub-questions, each searched by itself (default: 4)"),
    )
    parser.add_argument(
        "--strict",
        choices=get_args(Policy),
        help=say("what becomes of sentences that nothing bears: they are marked, removed, or the answer is refused"),
    )
    parser.add_argument("--passages", metavar="N", type=positive, help=say("passages that the answer may quote"))
    parser.add_argument(
        "--context", metavar="N", type=positive, help=say("tokens of passages that a model is shown at a time, at most")
    )
    parser.add_argument(
        "--instructions", metavar="TEXT", default="", help=say("what the model is told besides: tone, form, for whom")
    )
    parser.add_argument(
        "--conversation",
        metavar="TOKEN",
        help=say("the conversation that the question belongs to, or the beginning of its token; `new` begins one"),
    )
    parser.add_argument(
        "--explain", action="store_true", help=say("show the passages that were read, and the time of each stage")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Asks and prints the answer. No evidence is an answer too: exit code 0, and the verdict says so."""
    question = text_of(args.question)
    with session.open() as base:
        asker, where = asker_of(args.labels), filter_of(args)
        how: dict[str, Any] = {"persona": args.persona, "documents": args.documents, "deep": args.deep}
        how["options"] = AnswerOptions(args.strict, args.passages, args.context, args.instructions)
        token = conversation_of(session, base, args.conversation) if args.conversation is not None else None
        if args.attachments:
            how["attachments"] = _attached(args.attachments, base.settings)
        if session.out.styled and not session.as_json and engine_of(base.settings.generator) != "none":
            from qianxun.cli.speaking import spoken

            answer = spoken(session.out, base, question, token, asker=asker, where=where, **how)
        elif token is None:
            answer = base.ask(question, asker=asker, where=where, **how)
        else:
            answer = base.conversations.ask(token, question, asker=asker, where=where, **how)
        if not answer.passages:
            say_if_empty(session, base)
    if session.as_json:
        session.print_json(answer_shape(answer) | {"conversation": token})
    else:
        show(session.out, answer, explain=args.explain)
    return 0


def _attached(paths: list[str], settings: Settings) -> list[str]:
    """The texts of the files that are given with a question. Raises InputError naming the first without any."""
    from qianxun.extraction.material import texts_of_files

    texts, unread = texts_of_files(paths, settings)
    if unread:
        first = unread[0]
        raise InputError(
            "{source} cannot be given with a question: {reason}",
            remedy="Give files that hold text.",
            source=shown_source(first.source),
            reason=reason_in_words(first.reason) if first.reason else say("it holds no text."),
        )
    return texts


def show(screen: Screen, answer: Answer, *, explain: bool = False) -> None:
    """The answer for people; what is to be known of it first."""
    for note in answer.notes:
        screen.paragraph(note, style="dim")
    screen.paragraph(answer.text, style="bold" if answer.verdict != "no_evidence" else "")
    verdict = verdict_in_words(answer.verdict)
    if verdict:
        screen.line((verdict, "yellow"))
    if answer.plan is not None and answer.plan.questions:
        show_plan(screen, answer.plan)
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


def show_plan(screen: Screen, plan: Plan) -> None:
    """The sub-questions that a question was divided into, each with whether anything answers it."""
    screen.blank()
    screen.line((say("Sub-questions"), "bold"))
    for one in plan.questions:
        mark, style = MARKS["supported" if one.answered else "absent"]
        screen.line((f"{mark} ", style), one.question, (f"  {passages_read(one.passages)}", "dim"))


def _show_source(screen: Screen, cited: list[Citation], passage: Passage | None) -> None:
    """One source with all that is quoted of it; each quote has its own mark where the marks differ."""
    first = cited[0]
    alike = len({citation.support for citation in cited}) == 1
    mark, style = MARKS[first.support]
    support: list[Piece] = [(f"{mark} {support_in_words(first.support)}", style), "  "] if alike else []
    title = first.title if first.number else say("what the question brought along")
    screen.line(f"{cite.mark(first.number)} ", *support, (title, "bold"))
    if first.number:
        heading = heading_below(first.title, first.heading)
        where = place(first.source, first.page, first.location)
        screen.line("    ", (where, "cyan"), (f"  {heading}" if heading else "", "dim"))
    for support_of, quote in dict.fromkeys((c.support, " ".join(c.quote.split())) for c in cited):
        lead = "" if alike else f"{MARKS[support_of][0]} {support_in_words(support_of)}  "
        screen.paragraph(lead + say("“{quote}”", quote=cut(quote, LONGEST_QUOTE)), indent=4)
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
        "clarify": say("The question may be about several things: ask again and name one."),
    }
    return words[verdict]
