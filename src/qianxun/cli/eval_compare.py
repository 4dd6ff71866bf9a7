"""`qianxun eval compare`: is B better than A, beyond chance? For people, and as a gate for machines."""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qianxun.cli.evaluating import Staged, asked_report, report_argument, write_asked
from qianxun.cli.session import Session
from qianxun.cli.words import cut
from qianxun.errors import InputError
from qianxun.messages import say
from qianxun.shapes import eval_compare_shape

FAILED = 1
# Questions that changed most, of each data set.
SHOWN = 10
SHOWN_CELLS = 50
_STYLES = {"better": "green", "worse": "red", "no difference": ""}


def description() -> str:
    """What help says at the top."""
    return say(
        "Compares two ways of searching, question by question: the mean difference with its 95 % interval, and whether "
        "chance explains it (randomization test). A and B are each a run in TREC's format, a report that "
        "`eval retrieval --report FILE.json` saved, a settings file (.toml), settings over those of this run "
        "(section.key=value[,section.key=value]), or `current`."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `eval compare`."""
    parser.add_argument("a", metavar="A", help=say("what there is"))
    parser.add_argument("b", metavar="B", help=say("what might take its place"))
    parser.add_argument(
        "--dataset",
        dest="datasets",
        metavar="FOLDER",
        action="append",
        default=[],
        help=say("a data set to measure settings on, or that judges a run; may be repeated for settings"),
    )
    parser.add_argument("--qrels", metavar="FILE", help=say("judgements of runs, in TREC's format"))
    parser.add_argument(
        "--measure",
        choices=("nDCG@10", "MRR@10", "Recall@10", "Recall@100"),
        default="nDCG@10",
        help=say("what the verdict is about (default: nDCG@10)"),
    )
    parser.add_argument(
        "--mode",
        choices=("lexical", "dense", "hybrid"),
        help=say("the mode to take from reports (default: hybrid)"),
    )
    parser.add_argument(
        "--alpha",
        metavar="SHARE",
        type=_alpha,
        default=0.05,
        help=say("how often chance may be taken for a difference (default: 0.05)"),
    )
    parser.add_argument(
        "--fail-if-drop",
        dest="margin",
        metavar="DROP",
        type=_margin,
        help=say("exit code 1 if B is significantly worse, or its mean is lower by more than this"),
    )
    report_argument(parser)


def run(session: Session, args: argparse.Namespace) -> int:
    """Compares and prints. Exit code 1 if `--fail-if-drop` was given and B may not take A's place."""
    from qianxun.evaluation.comparing.compare import compare
    from qianxun.evaluation.comparing.sides import given_side
    from qianxun.evaluation.reports import page_of_comparison

    file = asked_report(args)
    a, b = (given_side(text, session.settings, session.overrides) for text in (args.a, args.b))
    with session.progress() as progress:
        report = compare(
            a,
            b,
            datasets=[Path(folder).expanduser() for folder in args.datasets],
            qrels=None if args.qrels is None else Path(args.qrels).expanduser(),
            measure=args.measure,
            alpha=args.alpha,
            margin=args.margin,
            mode=args.mode,
            progress=Staged(progress),
        )
    shape = eval_compare_shape(report)
    if session.as_json:
        session.print_json(shape)
    else:
        _show(session, shape)
    write_asked(session, file, lambda: page_of_comparison(shape), shape)
    return FAILED if report.gate is not None and report.gate.failed else 0


def _show(session: Session, shape: Mapping[str, Any]) -> None:
    from qianxun.evaluation.reports import words

    several = len(shape["datasets"]) > 1
    for name in ("A", "B"):
        session.out.line(say("{name}: {value}", name=name, value=shape[name.lower()]["given"]))
    session.out.blank()
    rows = [
        _row(row, dataset["dataset"], dataset["n"])
        for dataset in shape["datasets"]
        for row in dataset["results"]
        if not several or row["measure"] == shape["measure"]
    ]
    if several:
        rows += [_row(row, say("all, each alike"), shape["n"]) for row in shape["pooled"]]
    headers = [
        say("data set"), "n", say("measure"), "A", "B", say("difference"), say("95 % interval"), "p", say("B is"),
    ]  # fmt: skip
    session.out.table(headers, rows, right=[1, 3, 4, 5, 7], elided=[0])
    for dataset in shape["datasets"]:
        _show_changed(session, dataset, shape["measure"])
    if several:
        session.out.line(say("On single data sets, p and verdict are corrected for their number (Holm)."))
    for note in shape["notes"]:
        session.note(words.note(note))
    session.out.line((words.outcome(shape), _STYLES[shape["verdict"]]))
    if shape["gate"]:
        for line in words.gate(shape["gate"]):
            session.out.line((line, "red" if shape["gate"]["failed"] else "green"))


def _row(row: Mapping[str, Any], dataset: str, n: int) -> Sequence[str]:
    from qianxun.evaluation.comparing.differences import shown_p
    from qianxun.evaluation.reports import words

    return [
        dataset,
        f"{n:,}",
        row["measure"],
        words.figure(row["a"]),
        words.figure(row["b"]),
        words.signed(row["difference"]),
        words.signed_interval(row["interval"]),
        shown_p(row["p_corrected"]),
        words.verdict(row["verdict"]),
    ]


def _show_changed(session: Session, dataset: Mapping[str, Any], measure: str) -> None:
    from qianxun.evaluation.reports import words

    if not dataset["changed"]:
        return
    session.out.line(
        (
            say(
                "{dataset}: {n} of {all} questions changed by {measure}; most of all:",
                dataset=dataset["dataset"],
                n=f"{len(dataset['changed']):,}",
                all=f"{dataset['n']:,}",
                measure=measure,
            ),
            "bold",
        )
    )
    rows = [
        [
            row["id"],
            words.figure(row["a"]),
            words.figure(row["b"]),
            words.signed(row["b"] - row["a"]),
            cut(" ".join(row["text"].split()), SHOWN_CELLS),
        ]
        for row in dataset["changed"][:SHOWN]
    ]
    session.out.table([say("id"), "A", "B", say("difference"), say("question")], rows, right=[1, 2, 3], elided=[0])


def _alpha(text: str) -> float:
    value = _number(text, "--alpha")
    if not 0 < value < 1:
        raise InputError(
            "{option} is {value}, but it must be between 0 and 1.",
            remedy="Example: --alpha 0.05",
            option="--alpha",
            value=text,
        )
    return value


def _margin(text: str) -> float:
    value = _number(text, "--fail-if-drop")
    if not 0 <= value <= 1:
        raise InputError(
            "{option} is {value}, but it must be between 0 and 1.",
            remedy="Example: --fail-if-drop 0.01",
            option="--fail-if-drop",
            value=text,
        )
    return value


def _number(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError("{option} is {value}, which is not a number.", option=option, value=repr(text))
    return value
