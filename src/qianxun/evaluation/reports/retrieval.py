"""The page of `eval retrieval`: a section for each data set."""

from collections.abc import Mapping
from typing import Any

from qianxun.evaluation.measures import MEASURES
from qianxun.evaluation.reports import words
from qianxun.evaluation.reports.page import (
    Bar,
    Bars,
    Block,
    Facts,
    Folded,
    Interval,
    Intervals,
    Notes,
    Page,
    Section,
    Table,
)
from qianxun.messages import say

MAIN = MEASURES[0]


def page_of_retrieval(shape: Mapping[str, Any]) -> Page:
    """The page of one report of `eval retrieval`, or of several (`{"reports": […]}`)."""
    reports = shape.get("reports", [shape])
    return Page(
        title=say("Retrieval quality"),
        lead="",
        sections=[_section(report) for report in reports],
        version=shape["version"],
    )


def _section(report: Mapping[str, Any]) -> Section:
    results = report["results"]
    names = [_name(result) for result in results]
    blocks: list[Block] = [_facts(report)]
    notes = [
        words.note({"kind": "degraded", "side": name, "n": row["searches"], "first": row["what"]})
        for name, result in zip(names, results, strict=True)
        for row in result["degraded"]
    ]
    if notes:
        blocks.append(Notes(notes))
    blocks.append(
        Table(
            headers=[
                say("mode"), *MEASURES, say("95 % interval of nDCG@10"), "n", say("documents found"), say("seconds"),
            ],
            rows=[
                [
                    name,
                    *(words.figure(result[measure]) for measure in MEASURES),
                    words.interval(result["interval"]),
                    f"{result['n']:,}",
                    f"{result['found']:.1f}",
                    f"{result['seconds']:.3f}",
                ]
                for name, result in zip(names, results, strict=True)
            ],
            right=range(1, 9),
        )
    )  # fmt: skip
    blocks.append(
        Intervals(
            say("Mean nDCG@10 with its 95 % interval"),
            [
                Interval(name, result[MAIN], *result["interval"], shown=words.figure(result[MAIN]))
                for name, result in zip(names, results, strict=True)
            ],
        )
    )
    blocks += _hybrid_less_lexical(report)
    blocks.append(
        Folded(
            say("Every question, nDCG@10"),
            Table(
                headers=[say("id"), say("question"), *names],
                rows=[
                    [question["id"], question["text"], *(words.figure(r["values"][MAIN][row]) for r in results)]
                    for row, question in enumerate(report["questions"])
                ],
                right=range(2, 2 + len(names)),
                wide=[1],
            ),
        )
    )
    return Section(report["dataset"], blocks)


def _name(result: Mapping[str, Any]) -> str:
    mode: str = result["mode"]
    return say("{mode}, enriched", mode=mode) if result["enriched"] else mode


def _facts(report: Mapping[str, Any]) -> Facts:
    return Facts(
        [
            (say("documents"), f"{report['documents']:,}"),
            (say("documents without text"), f"{report['empty']:,}"),
            (say("chunks"), f"{report['chunks']:,}"),
            (say("questions"), f"{report['queries']:,}"),
            *((say("seconds, {stage}", stage=stage), f"{value:.3f}") for stage, value in report["seconds"].items()),
            *((role, model) for role, model in report["models"].items()),
            (say("judgements"), report["judgements"]),
        ]
    )


def _hybrid_less_lexical(report: Mapping[str, Any]) -> list[Block]:
    """What the second leg changes, question by question; nothing where one of the two was not measured."""
    by_name = {(result["mode"], result["enriched"]): result["values"][MAIN] for result in report["results"]}
    if ("lexical", False) not in by_name or ("hybrid", False) not in by_name:
        return []
    pairs = list(zip(report["questions"], by_name["lexical", False], by_name["hybrid", False], strict=True))
    bars = [
        Bar(f"{question['id']} {words.figure(a)} → {words.figure(b)} {question['text']}", b - a)
        for question, a, b in pairs
        if a != b
    ]
    rest = words.the_same(len(pairs) - len(bars))
    return [Bars(say("nDCG@10 by question: hybrid less lexical"), bars, rest)]
