"""`qianxun eval retrieval`: how good search is on a data set with known answers."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from qianxun.cli.counts import documents, questions
from qianxun.cli.evaluating import Staged, asked_report, report_argument, write_asked
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import evaluation_shape

if TYPE_CHECKING:
    from qianxun.evaluation.retrieval import RetrievalReport

FIGURES = ("nDCG@10", "MRR@10", "Recall@10", "Recall@100")


def description() -> str:
    """What help says at the top."""
    return say(
        "Measures search on data sets in BEIR layout (corpus.jsonl, queries.jsonl, qrels/test.tsv; each may be "
        "gzipped), each in a temporary knowledge base, with 95 % confidence intervals."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `eval retrieval`."""
    parser.add_argument("datasets", metavar="DATASET", nargs="+", help=say("folders of data sets"))
    parser.add_argument(
        "--mode",
        dest="modes",
        action="append",
        choices=("lexical", "dense", "hybrid"),
        help=say("a mode to measure; may be repeated (default: all three)"),
    )
    parser.add_argument(
        "--runs",
        metavar="FOLDER",
        help=say("also write each mode's ranking, and the judgements, in TREC's formats into this folder"),
    )
    report_argument(parser)


def run(session: Session, args: argparse.Namespace) -> int:
    """Measures and prints a table for each data set."""
    from qianxun.evaluation.reports import page_of_retrieval
    from qianxun.evaluation.retrieval import evaluate_retrieval
    from qianxun.evaluation.trial import MODES

    file = asked_report(args)
    reports = []
    for dataset in args.datasets:
        with session.progress() as progress:
            report = evaluate_retrieval(
                Path(dataset).expanduser(),
                settings=session.settings,
                modes=tuple(mode for mode in MODES if not args.modes or mode in args.modes),
                runs=Path(args.runs).expanduser() if args.runs else None,
                progress=Staged(progress),
            )
        reports.append(report)
        if not session.as_json:
            _show(session, report)
    shape = evaluation_shape([report.as_json() for report in reports])
    if session.as_json:
        session.print_json(shape)
    write_asked(session, file, lambda: page_of_retrieval(shape), shape)
    return 0


def _show(session: Session, report: "RetrievalReport") -> None:
    from qianxun.evaluation.reports import words

    shape = report.as_json()
    session.out.line(
        (
            say(
                "{dataset}: {documents}, {questions}",
                dataset=report.dataset,
                documents=documents(report.documents),
                questions=questions(report.queries),
            ),
            "bold",
        )
    )
    results = shape["results"]
    assert isinstance(results, list)
    rows = [
        [
            say("{mode}, enriched", mode=row["mode"]) if row.get("enriched") else row["mode"],
            *(f"{row[name]:.4f}" for name in FIGURES),
            "{:.4f} … {:.4f}".format(*row["interval"]),
        ]
        for row in results
    ]
    session.out.table([say("mode"), *FIGURES, say("95 % interval of nDCG@10")], rows, right=[1, 2, 3, 4])
    for result in report.results:
        for what, n in result.degraded.items():
            session.note(words.note({"kind": "degraded", "side": result.name, "n": n, "first": what}))
