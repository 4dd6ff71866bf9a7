"""`qianxun eval retrieval`: how good search is on a data set with known answers."""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qianxun.cli.counts import documents, questions
from qianxun.cli.progress import ProgressDisplay
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
    """The arguments of `eval`."""
    parser.add_argument("kind", metavar="retrieval", choices=("retrieval",), help=say("what to measure: retrieval"))
    parser.add_argument("datasets", metavar="DATASET", nargs="+", help=say("folders of data sets"))
    parser.add_argument(
        "--mode",
        dest="modes",
        action="append",
        choices=("lexical", "dense", "hybrid"),
        help=say("a mode to measure; may be repeated (default: all three)"),
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Measures and prints a table for each data set."""
    from qianxun.evaluation.retrieval import MODES, evaluate_retrieval

    reports = []
    for dataset in args.datasets:
        with session.progress() as progress:
            report = evaluate_retrieval(
                Path(dataset).expanduser(),
                settings=session.settings,
                modes=tuple(mode for mode in MODES if not args.modes or mode in args.modes),
                progress=_Staged(progress),
            )
        reports.append(report)
        if not session.as_json:
            _show(session, report)
    if session.as_json:
        session.print_json(evaluation_shape([report.as_json() for report in reports]))
    return 0


@dataclass(frozen=True, slots=True)
class _Report:
    stage: str
    done: int
    total: int | None
    item: str
    seconds: float


class _Staged:
    """Makes (stage, done, total) into what the progress display takes, with the time since the stage began."""

    def __init__(self, display: ProgressDisplay) -> None:
        self.display = display
        self.began: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        began = self.began.setdefault(stage, time.monotonic())
        self.display(_Report(stage, done, total, "", time.monotonic() - began))


def _show(session: Session, report: "RetrievalReport") -> None:
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
