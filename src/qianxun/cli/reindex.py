"""`qianxun reindex`: another encoder or enrichment, built beside the one in force while searches go on."""

import argparse
from typing import TYPE_CHECKING

from qianxun.cli.add import show_enrichment
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session
from qianxun.evaluation.reports.words import too_few
from qianxun.messages import say
from qianxun.shapes import reindex_shape

if TYPE_CHECKING:
    from qianxun.ingestion import ChangeReport

NOT_TAKEN = 1


def description() -> str:
    """What help says at the top."""
    return say(
        "Changes the encoder, or what a generator writes about chunks: makes vectors and indexes beside the ones in "
        "force, compares both if asked, and goes over at once. Searching and adding go on meanwhile; stopped, the same "
        "command goes on where it was. What was encoded and written is kept until `qianxun compact`, so going back "
        "costs nothing."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `reindex`."""
    parser.add_argument(
        "--encoder",
        metavar="X",
        help=say("builtin, a model's name or folder, or a server's URL (default: what the settings file says)"),
    )
    parser.add_argument(
        "--enrich",
        action=argparse.BooleanOptionalAction,
        help=say(
            "have the generator write about every chunk (docs/enrichment.md), or search without; the encoder stays "
            "unless --encoder names one"
        ),
    )
    parser.add_argument(
        "--eval",
        dest="pairs",
        metavar="FILE",
        help=say("compare both on accepted pairs (docs/adapting.md); a worse one is not taken"),
    )
    parser.add_argument("--even-if-worse", action="store_true", help=say("take it although it is worse"))
    parser.add_argument("--dry-run", action="store_true", help=say("build and compare; do not go over to it"))
    parser.add_argument("--no-wait", action="store_true", help=say("do not wait for another writer: exit code 75"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Changes the encoder and prints what was done. Exit code 1 if the new one is not taken because it is worse."""
    with session.open(wait=not args.no_wait) as base, session.progress() as progress:
        report = base.reindex(
            args.encoder,
            enrich=args.enrich,
            pairs=args.pairs,
            even_if_worse=args.even_if_worse,
            switch=not args.dry_run,
            progress=progress,
        )
    if session.as_json:
        session.print_json(reindex_shape(report))
    else:
        _show(session, report)
    return 0 if report.switched or args.dry_run else NOT_TAKEN


def _show(session: Session, report: "ChangeReport") -> None:
    rows: list[tuple[str, Piece]] = [
        (say("before"), report.before),
        (say("after"), report.after),
        (say("chunks"), f"{report.chunks:,}"),
        (say("new vectors"), f"{report.vectors:,}"),
        (say("kept vectors"), f"{report.reused:,}"),
    ]
    found = report.comparison
    if found is not None:
        low, high = found.interval
        change = say(
            "{before} → {after} ({n} questions; change {low} … {high}, 95 % interval, p {p})",
            before=f"{found.before:.4f}",
            after=f"{found.after:.4f}",
            n=f"{found.n:,}",
            low=f"{low:+.4f}",
            high=f"{high:+.4f}",
            p=f"{found.p:.4f}",
        )
        rows.append((found.measure, change))
    session.out.pairs(rows)
    if found is not None and found.too_few:
        session.note(too_few(found.n_changed))
    show_enrichment(session, report.enrichment)
    if report.switched:
        session.out.line((say("The new index is in force."), "green"))
    elif found is not None and found.verdict == "worse":
        session.out.line(say("Not taken: search is worse with it. --even-if-worse takes it all the same."))
    else:
        session.out.line(say("Built, and not in force: leave out --dry-run to go over to it."))
