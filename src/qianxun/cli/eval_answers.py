"""`qianxun eval answers`: how good answers are on a question set."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qianxun.cli.arguments import positive
from qianxun.cli.counts import questions
from qianxun.cli.evaluating import Staged, asked_report, report_argument, write_asked
from qianxun.cli.passages import models_in_words
from qianxun.cli.screen import Piece
from qianxun.cli.session import Session, asker_of
from qianxun.cli.words import cut, shown_seconds, shown_source
from qianxun.messages import say

if TYPE_CHECKING:
    from qianxun.evaluation.answers.measuring import AnswerReport, Result

SHOWN = 5
SHOWN_CELLS = 60


def description() -> str:
    """What help says at the top."""
    return say(
        "Asks the questions of a set (`qianxun eval make` makes one) and measures the answers: whether they are right, "
        "whether what they cite bears them, and whether what has no answer is refused; with 95 % confidence intervals."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `eval answers`."""
    parser.add_argument(
        "file", metavar="FILE", help=say("the question set; accepted pairs and folders in BEIR layout are read too")
    )
    parser.add_argument("--as", dest="labels", metavar="LABELS", help=say("see only what carries one of these labels"))
    parser.add_argument("-n", "--limit", metavar="N", type=positive, help=say("ask only the first N questions"))
    report_argument(parser)


def run(session: Session, args: argparse.Namespace) -> int:
    """Asks, measures and prints."""
    from qianxun.evaluation.answers.measuring import evaluate_answers
    from qianxun.evaluation.answers.page import page_of_answers
    from qianxun.evaluation.question_sets.file import read_questions

    file = asked_report(args)
    given = read_questions(Path(args.file).expanduser())
    with session.open() as base, session.progress() as progress:
        report = evaluate_answers(base, given, asker=asker_of(args.labels), limit=args.limit, progress=Staged(progress))
    shape = report.as_json()
    if session.as_json:
        session.print_json(shape)
    else:
        _show(session, report)
    write_asked(session, file, lambda: page_of_answers(shape), shape)
    return 0


def _show(session: Session, report: "AnswerReport") -> None:
    from qianxun.evaluation.answers.measuring import MEASURES
    from qianxun.evaluation.answers.page import measure_in_words

    frozen = say("frozen as version {n}", n=report.frozen) if report.frozen else say("not frozen")
    session.out.line((f"{report.name}{say(', ')}{questions(len(report.results))}{say(', ')}{frozen}", "bold"))
    rows: list[Sequence[Piece]] = []
    for measure in MEASURES:
        mean = report.mean(measure)
        if mean is not None:
            low, high = mean.interval
            rows.append([measure_in_words(measure), f"{mean.mean:.4f}", f"{low:.4f} … {high:.4f}", f"{mean.n:,}"])
    session.out.table([say("measure"), say("mean"), say("95 % interval"), "n"], rows, right=[1, 3])
    session.out.pairs(_facts(report))
    worst = sorted((one for one in report.results if _value(one) < 1), key=_value)[:SHOWN]
    if worst:
        session.out.blank()
        session.out.line((say("The poorest answers"), "bold"))
        shown = [[one.question.id, f"{_value(one):.2f}", _why(one), _short(one.question.question)] for one in worst]
        session.out.table([say("id"), say("value"), say("why"), say("question")], shown, right=[1], below=3)
    if report.left_out:
        session.note(_left_out(report))
    if report.evidence_gone:
        session.note(say("Of the evidence, {n} pieces are no longer in the documents.", n=f"{report.evidence_gone:,}"))
    for what, n in report.degraded.items():
        session.note(say("Answered without something, {n} times: {what}", n=f"{n:,}", what=what))


def _facts(report: "AnswerReport") -> list[tuple[str, Piece]]:
    from qianxun.evaluation.answers.page import refusals_in_words

    found = report.refusals
    names = ("refused", "unanswerable", "right", "precision", "recall", "f1")
    refusals = refusals_in_words({name: getattr(found, name) for name in names})
    verdicts = say(", ").join(f"{verdict} {n:,}" for verdict, n in report.verdicts.items())
    times = say(
        "{p50} (median), {p95} (95 %)",
        p50=shown_seconds(report.seconds(0.5)),
        p95=shown_seconds(report.seconds(0.95)),
    )
    return [
        *([(say("refusals"), refusals)] if refusals else []),
        (say("verdicts"), verdicts),
        (say("time of a question"), times),
        (say("models"), models_in_words(report.models)),
    ]


def _value(result: "Result") -> float:
    """What an answer is worth at worst: for the order only."""
    scores = result.scores
    known = (scores.correctness, scores.citation_precision, scores.citation_recall, scores.refusal)
    return min(value for value in known if value is not None)


def _why(result: "Result") -> str:
    from qianxun.evaluation.answers.page import problem_in_words

    scores = result.scores
    if scores.refused == scores.answerable:
        return say("refused, but there is an answer") if scores.refused else say("answered, but there is no answer")
    problems = Counter(problem for one in result.citations for problem in one.score.problems)
    reasons = [problem_in_words(problem) for problem, _ in problems.most_common(2)]
    if scores.correctness is not None and scores.correctness < 1:
        reasons.insert(0, say("not as the reference"))
    if not reasons:
        reasons.append(say("sentences without citation"))
    return say(", ").join(reasons)


def _left_out(report: "AnswerReport") -> str:
    first = report.left_out[0]
    counted = Counter(one.reason for one in report.left_out)
    words = {"no document": say("no such document"), "no quote": say("quote not in it")}
    return say(
        "Left out {questions}: {reasons}. The first: {question} → {source}",
        questions=questions(len(report.left_out)),
        reasons=say(", ").join(f"{words[reason]} {n:,}" for reason, n in counted.items()),
        question=_short(first.question),
        source=shown_source(first.source),
    )


def _short(text: str) -> str:
    return cut(" ".join(text.split()), SHOWN_CELLS)
