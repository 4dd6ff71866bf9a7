"""`qianxun tune`: settings chosen by judged questions, kept only where search is better with them beyond chance."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qianxun.cli.counts import passages, questions
from qianxun.cli.evaluating import Staged
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, asker_of
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.settings import to_toml
from qianxun.shapes import version

if TYPE_CHECKING:
    from qianxun.evaluation.tuning.calibration import Calibrated, Labels
    from qianxun.evaluation.tuning.choosing import Tuned
    from qianxun.evaluation.tuning.report import Change, TuneReport

PARTS = ("search", "signals", "reranker", "answer")


def description() -> str:
    """What help says at the top."""
    return say(
        "Chooses weights, thresholds and depths of search by questions whose answers are known, in cross-validation: "
        "every question is measured with settings that were chosen without it. What is better beyond chance is written "
        "into the knowledge base's kb.toml; else nothing changes. A set is a question set (`qianxun eval make`), a "
        "file of accepted pairs, or a data set in BEIR layout, which brings its own documents."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `tune`."""
    parser.add_argument("sets", metavar="SET", nargs="*", help=say("judged questions; several count alike"))
    parser.add_argument("--dry-run", action="store_true", help=say("show before and after; keep nothing"))
    parser.add_argument(
        "--only",
        dest="parts",
        choices=PARTS,
        action="append",
        default=[],
        help=say("tune only this part; may be repeated (default: all of them)"),
    )
    parser.add_argument(
        "--as", dest="labels", metavar="LABELS", help=say("learn only from what carries one of these labels")
    )
    parser.add_argument("--reset", action="store_true", help=say("take out of kb.toml what tuning wrote"))


def run(session: Session, args: argparse.Namespace) -> int:
    """Tunes, or takes back, and prints what came of it. Not kept is no error."""
    from qianxun.evaluation.tuning import runs as tuning_runs

    if args.reset:
        return _reset(session, args)
    paths = [Path(text).expanduser() for text in args.sets]
    parts = tuple(dict.fromkeys(args.parts)) or PARTS
    if tuning_runs.are_data_sets(paths):
        if args.labels is not None:
            raise InputError(
                "--as has no meaning for a data set, whose documents have no labels.", remedy="Leave it out."
            )
        with session.progress() as progress:
            report = tuning_runs.tune_data_sets(paths, session.settings, parts=parts, progress=Staged(progress))
    else:
        if not args.dry_run:
            tuning_runs.refuse_overrides(session.overrides)
        with session.open() as base, session.progress() as progress:
            report = tuning_runs.tune_base(
                base,
                paths,
                asker=asker_of(args.labels),
                parts=parts,
                keep=not args.dry_run,
                progress=Staged(progress),
            )
    if session.as_json:
        session.print_json({**report.as_json(), "version": version()})
    else:
        show(session, report)
    return 0


def _reset(session: Session, args: argparse.Namespace) -> int:
    from qianxun.evaluation.tuning.runs import untune

    if args.sets or args.dry_run or args.parts or args.labels is not None:
        raise InputError("--reset goes alone.", remedy="Leave out the sets and the other options.")
    with session.open() as base:
        keys = untune(base)
    if session.as_json:
        session.print_json({"reset": keys, "version": version()})
    elif keys:
        session.out.line(say("Taken out of kb.toml: {keys}.", keys=say(", ").join(keys)))
    else:
        session.out.line(say("Tuning wrote nothing into kb.toml."))
    return 0


def show(session: Session, report: "TuneReport") -> None:
    """The report for people."""
    for one in report.sets:
        facts = [one.name, questions(len(one.questions))]
        if one.kind == "question set":
            facts.append(say("frozen as version {n}", n=one.frozen) if one.frozen else say("not frozen"))
        if one.unanswerable:
            facts.append(say("{n} without an answer", n=f"{len(one.unanswerable):,}"))
        session.out.line((say(", ").join(facts), "bold"))
        if one.n_left_out:
            session.note(
                say("{set}: left out {questions}: no evidence of theirs is here.", set=one.name,
                    questions=questions(one.n_left_out))
            )  # fmt: skip
        if one.n_beyond:
            session.note(say("{set}: {n} more questions were not used.", set=one.name, n=f"{one.n_beyond:,}"))
    if not report.apart:
        session.note(
            say("The questions share documents so widely that only those with the same first one are kept together.")
        )
    if report.order is not None:
        _show_tuned(session, say("order of passages"), "nDCG@10", report.order, report.changes)
    if report.calibration is not None:
        _show_calibration(session, report.calibration, report.calibration_before)
    if report.refusing is not None and report.refusing_change is not None:
        _show_tuned(session, say("when to refuse"), say("balanced accuracy"), report.refusing, [report.refusing_change])
    for reason, keys in _by_reason(report).items():
        session.note(say("Left as it is, {keys}: {reason}", keys=say(", ").join(keys), reason=_in_words(reason)))
    _conclude(session, report)


def _show_tuned(session: Session, title: str, measure: str, found: "Tuned", changes: "Sequence[Change]") -> None:
    session.out.blank()
    session.out.line((title, "bold"))
    low, high = found.interval
    session.out.table(
        [say("measure"), say("before"), say("after"), say("difference"), say("95 % interval"), "p", say("verdict")],
        [
            [
                measure, f"{found.before:.4f}", f"{found.after:.4f}", _signed(found.difference),
                f"{_signed(low)} … {_signed(high)}", f"{found.p:.4f}", _verdict(found.verdict),
            ]
        ],
        right=[1, 2, 3, 5],
    )  # fmt: skip
    rows: list[Sequence[Piece]] = []
    for one in changes:
        changed = one.after != one.before
        after = to_toml(one.after) if changed else say("as it is")
        agreeing = say("{n} of {all}", n=one.n_agreeing, all=len(one.in_folds))
        style = "green" if changed and found.kept else ""
        rows.append([one.key, to_toml(one.before), (after, style), agreeing])
    session.out.table([say("setting"), say("before"), say("chosen"), say("in folds")], rows, right=[3])
    session.note(
        say(
            "{tried} settings were tried on {questions} about {groups} separate documents. After is of questions that "
            "had no part in choosing.",
            tried=f"{found.n_tried:,}",
            questions=questions(found.n),
            groups=f"{found.n_groups:,}",
        )
    )


def _show_calibration(session: Session, found: "Calibrated", before: tuple[float, float]) -> None:
    session.out.blank()
    session.out.line((say("probabilities of the reranker"), "bold"))
    old, new = found.before, found.after
    rows: list[Sequence[Piece]] = [
        ["reranker.slope", f"{before[0]:g}", f"{found.slope:g}"],
        ["reranker.offset", f"{before[1]:g}", f"{found.offset:g}"],
        [say("calibration error"), f"{old.error:.4f}", f"{new.error:.4f}"],
        [say("Brier score"), f"{old.brier:.4f}", f"{new.brier:.4f}"],
        [say("label “relevant”: right"), _share(old.relevant, "said"), _share(new.relevant, "said")],
        [say("label “relevant”: found"), _share(old.relevant, "there"), _share(new.relevant, "there")],
        [say("“no good result”: right"), _share(old.no_good, "said"), _share(new.no_good, "said")],
        [say("“no good result”: found"), _share(old.no_good, "there"), _share(new.no_good, "there")],
    ]
    session.out.table(["", say("before"), say("after")], rows, right=[1, 2])
    session.note(
        say(
            "On {passages} of {questions}, {relevant} of them relevant; p of the Brier score {p}: {verdict}.",
            passages=passages(found.n_passages),
            questions=questions(found.n_questions),
            relevant=f"{found.n_relevant:,}",
            p=f"{found.p:.4f}",
            verdict=_verdict(found.verdict),
        )
    )


def _share(labels: "Labels", of: str) -> str:
    n = labels.said if of == "said" else labels.there
    return say("{n} of {all}", n=labels.right, all=n)


def _conclude(session: Session, report: "TuneReport") -> None:
    from qianxun.evaluation.tuning.kept import as_lines

    session.out.blank()
    if not report.values:
        session.out.line(say("Nothing is better beyond chance. Nothing was changed."))
        return
    data_sets = all(one.kind == "data set" for one in report.sets)
    if report.written is not None:
        session.out.line(
            (say("Written to {path}, in force from the next search on; `qianxun tune --reset` takes it out:",
                 path=report.written), "green")
        )  # fmt: skip
    elif data_sets:
        session.out.line(say("Better beyond chance. For qianxun.toml:"))
    else:
        session.out.line(say("Better beyond chance, and would be written to kb.toml. Nothing was changed."))
    session.out.blank()
    for line in as_lines(report.values).splitlines():
        session.out.line(line, whole=True)


def _by_reason(report: "TuneReport") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in report.left_out:
        found.setdefault(one.reason, []).append(one.key)
    return found


def _in_words(reason: Any) -> str:
    words = {
        "one index": say("search.mode asks one index only."),
        "no reranker": say("there is no reranker."),
        "no dates": say("the documents found are of the same day, or of no known date."),
        "no factors": say("signals.sources and signals.labels make no difference between the passages found."),
        "no feedback": say("nothing was made known of the passages found."),
        "same judgements": say("accepted pairs may be the very clicks and thumbs that these settings weigh."),
        "nothing literal": say("no passage holds more of what was asked literally than another."),
        "fixed": say("a variable of the environment sets it."),
        "no negatives": say("accepted pairs do not tell what is not relevant."),
        "few unanswerable": say("fewer than ten questions that can be answered, or fewer than ten that cannot."),
        "generator": say("a generator answers, and refuses in its own way."),
        "few judged": say("fewer than a hundred passages were judged, or none is relevant."),
    }
    return words[reason]


def _verdict(code: str) -> str:
    return {"better": say("better"), "worse": say("worse"), "no difference": say("no difference")}[code]


def _signed(number: float) -> str:
    return f"{number:+.4f}" if round(number, 4) else "0.0000"
