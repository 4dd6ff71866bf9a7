"""The page of `eval compare`: the outcome, then a section for all data sets and for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from qianxun.evaluation.comparing.differences import shown_p
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

# Questions that changed most, shown at once; all are in the folded table.
SHOWN = 20


def page_of_comparison(shape: Mapping[str, Any]) -> Page:
    """The page of a report of `eval compare`."""
    sections = [_summary(shape)]
    if len(shape["datasets"]) > 1:
        sections.append(Section(say("All data sets, each counted alike"), [results_table(shape["pooled"])]))
    sections += [_section(dataset, shape["measure"]) for dataset in shape["datasets"]]
    return Page(say("Comparison"), words.outcome(shape), sections, shape["version"])


def results_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Each measure: both means, the difference with its interval, p, verdict."""
    return Table(
        headers=[
            say("measure"), "A", "B", say("difference"), say("95 % interval"), "p", say("p, corrected"), say("B is"),
        ],
        rows=[
            [
                row["measure"],
                words.figure(row["a"]),
                words.figure(row["b"]),
                words.signed(row["difference"]),
                words.signed_interval(row["interval"]),
                shown_p(row["p"]),
                shown_p(row["p_corrected"]),
                words.verdict(row["verdict"]),
            ]
            for row in results
        ],
        right=range(1, 7),
    )  # fmt: skip


def _summary(shape: Mapping[str, Any]) -> Section:
    gate = shape["gate"]
    facts = [
        ("A", _side(shape["a"])),
        ("B", _side(shape["b"])),
        (say("measure"), shape["measure"]),
        (say("questions"), f"{shape['n']:,}"),
        (say("alpha"), f"{shape['alpha']:g}"),
    ]
    if gate:
        facts.append((say("allowed drop"), f"{gate['margin']:g}"))
    lines = [*(words.gate(gate) if gate else ()), *(words.note(note) for note in shape["notes"])]
    if len(shape["datasets"]) > 1:
        lines.append(say("Verdicts on single data sets are by the p that is corrected for their number (Holm)."))
    blocks: list[Block] = [Facts(facts)]
    if lines:
        blocks.append(Notes(lines))
    main = [(say("all data sets"), shape["pooled"])] if len(shape["datasets"]) > 1 else []
    main += [(dataset["dataset"], dataset["results"]) for dataset in shape["datasets"]]
    rows = [
        Interval(name, row["difference"], *row["interval"], shown=words.signed(row["difference"]))
        for name, results in main
        for row in results
        if row["measure"] == shape["measure"]
    ]
    title = say("Mean difference of {measure}, B less A, with its 95 % interval", measure=shape["measure"])
    return Section(say("Outcome"), [*blocks, Intervals(title, rows, zero=True)])


def _side(side: Mapping[str, str]) -> str:
    kinds = {"run": say("run"), "report": say("saved report"), "settings": say("settings")}
    return say("{given} ({kind})", given=side["given"], kind=kinds[side["kind"]])


def _section(dataset: Mapping[str, Any], measure: str) -> Section:
    changed = dataset["changed"]
    in_order = sorted(changed, key=lambda row: row["a"] - row["b"])
    bars = [
        Bar(f"{row['id']} {words.figure(row['a'])} → {words.figure(row['b'])} {row['text']}", row["b"] - row["a"])
        for row in in_order
    ]
    blocks: list[Block] = [
        Facts([(say("questions"), f"{dataset['n']:,}"), (say("of these changed"), f"{len(changed):,}")]),
        results_table(dataset["results"]),
    ]
    if changed:
        rest = words.the_same(dataset["n"] - len(changed))
        blocks.append(Bars(say("{measure} by question: B less A", measure=measure), bars, rest))
        blocks.append(_questions(changed[:SHOWN]))
    if len(changed) > SHOWN:
        blocks.append(Folded(say("Every question that changed"), _questions(changed)))
    return Section(dataset["dataset"], blocks)


def _questions(rows: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        headers=[say("id"), say("question"), "A", "B", say("difference")],
        rows=[
            [row["id"], row["text"], words.figure(row["a"]), words.figure(row["b"]), words.signed(row["b"] - row["a"])]
            for row in rows
        ],
        right=(2, 3, 4),
        wide=(1,),
    )
