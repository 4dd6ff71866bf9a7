"""`qianxun adapt`: a query adapter from accepted pairs, kept only if search is better with it."""

import argparse
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qianxun.cli.counts import documents, pairs, questions
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, asker_of
from qianxun.cli.words import cut, shown_source
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import adapt_shape, version

if TYPE_CHECKING:
    from qianxun.evaluation.adaptation import AdaptReport
    from qianxun.evaluation.pairs import LeftOut

SHOWN_CELLS = 60


def description() -> str:
    """What help says at the top."""
    return say(
        "Learns from questions and the passages accepted as their answers where questions should lie among the "
        "passages. A third of the questions is held back; what was learned is kept only if search is better with it on "
        "those, beyond chance. Documents and indexes stay as they are."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `adapt`."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help=say('accepted pairs, JSON lines with "question", "source", and "quote" if you like (docs/adapting.md)'),
    )
    parser.add_argument(
        "--as", dest="labels", metavar="LABELS", help=say("learn only from what carries one of these labels")
    )
    parser.add_argument("--dry-run", action="store_true", help=say("only measure; keep nothing"))
    parser.add_argument("--remove", action="store_true", help=say("take away what was learned"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Learns and measures, or removes, and prints what came of it. Not kept is no error."""
    if args.remove:
        return _remove(session, args)
    if args.file is None:
        raise InputError("No file of accepted pairs was named.", remedy="Type `qianxun adapt FILE`, or --remove.")
    with session.open() as base, session.progress() as progress:
        report = base.adapt(args.file, asker=asker_of(args.labels), keep=not args.dry_run, progress=progress)
    if session.as_json:
        session.print_json(adapt_shape(report))
    else:
        _show(session, report, dry_run=args.dry_run)
    return 0


def _remove(session: Session, args: argparse.Namespace) -> int:
    if args.file is not None or args.dry_run or args.labels is not None:
        raise InputError("--remove goes alone.", remedy="Leave out the file and the other options.")
    with session.open() as base:
        removed = base.remove_adapter()
    if session.as_json:
        session.print_json({"removed": removed, "version": version()})
    else:
        session.out.line(say("Removed the query adapter.") if removed else say("There is no query adapter."))
    return 0


def _show(session: Session, report: "AdaptReport", *, dry_run: bool) -> None:
    measure = report.measure
    learned = say(", ").join([questions(report.learned_from), documents(report.documents)])
    rows: list[tuple[str, Piece]] = [
        (say("learned from"), learned),
        (say("held back"), questions(report.held_back)),
        (say("{measure} without adapter", measure=measure), f"{report.before:.4f}"),
        (say("{measure} with it", measure=measure), f"{report.after:.4f}"),
    ]
    if report.in_force is not None:
        rows.append((say("{measure} with the one in force", measure=measure), f"{report.in_force:.4f}"))
    low, high = report.interval
    gain = say(
        "{gain} (95 % interval {low} … {high}, p {p})",
        gain=_signed(report.gain),
        low=_signed(low),
        high=_signed(high),
        p=f"{report.p:.4f}",
    )
    session.out.pairs([*rows, (say("gain"), gain)])
    if report.left_out:
        session.note(left_out_in_words(report.left_out))
    session.out.line(_verdict(report, dry_run=dry_run))


def _verdict(report: "AdaptReport", *, dry_run: bool) -> Piece:
    if report.verdict == "not better":
        return say("Not kept: it cannot be told from chance that search is better with it. Nothing was changed.")
    if report.verdict == "worse than the one in force":
        return say("Not kept: the one in force is better. Nothing was changed.")
    if dry_run:
        return say("It would be kept. Nothing was changed.")
    return say("Kept: searches apply it from now on. `qianxun adapt --remove` takes it away."), "green"


def left_out_in_words(left_out: Sequence["LeftOut"]) -> str:
    """How many pairs were left out, and why, with the first of them."""
    words = {
        "no document": say("no such document"),
        "no text": say("document without text"),
        "no quote": say("quote not in it"),
        "no vector": say("not indexed yet (`qianxun add` again)"),
    }
    counted = Counter(left.reason for left in left_out)
    first = left_out[0].pair
    return say(
        "Left out {pairs}: {reasons}. The first: {question} → {source}",
        pairs=pairs(len(left_out)),
        reasons=say(", ").join(f"{words[reason]} {n:,}" for reason, n in counted.items()),
        question=cut(" ".join(first.question.split()), SHOWN_CELLS),
        source=shown_source(first.source) if first.source else first.document,
    )


def _signed(number: float) -> str:
    return f"{number:+.4f}"
