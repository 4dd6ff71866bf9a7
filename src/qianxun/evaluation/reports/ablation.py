"""The page of `eval ablation`: quality and milliseconds of every variant, over all data sets and on each."""

from collections.abc import Mapping, Sequence
from typing import Any

from qianxun.evaluation.comparing.differences import shown_p
from qianxun.evaluation.reports import words
from qianxun.evaluation.reports.page import Block, Facts, Interval, Intervals, Notes, Page, Section, Table
from qianxun.messages import say


def page_of_ablation(shape: Mapping[str, Any], names: Mapping[str, str]) -> Page:
    """The page of a report of `eval ablation`. `names` are the variants' in the reader's language."""
    lines = [
        say("Each variant is compared with the default; verdicts are corrected for the number of variants (Holm)."),
        say("Times are those of a user's search, on this machine, one question at a time."),
    ]
    if shape["as_set"]:
        lines.append(words.note({"kind": "as set", "side": "", "n": 0, "first": ""}))
    facts = Facts([(say("measure"), shape["measure"]), (say("alpha"), f"{shape['alpha']:g}")])
    sections = [Section(say("How it was measured"), [facts, Notes(lines)])]
    several = len(shape["datasets"]) > 1
    if several:
        title = say("All data sets, each counted alike")
        sections.append(Section(title, _blocks(shape["pooled"], shape["measure"], names)))
    sections += [Section(on["dataset"], _blocks(on["rows"], shape["measure"], names)) for on in shape["datasets"]]
    return Page(say("Ablation: what each stage is worth, and what it costs"), "", sections, shape["version"])


def quality_table(rows: Sequence[Mapping[str, Any]], measure: str, names: Mapping[str, str]) -> Table:
    """Each variant: quality, what it differs from the default, milliseconds of a search."""
    return Table(
        headers=[
            say("variant"), measure, say("difference"), say("95 % interval"), "p", say("verdict"),
            say("ms, median"), say("ms, p95"),
        ],
        rows=[
            [
                names.get(row["variant"], row["variant"]),
                words.figure(row[measure]),
                "" if row["difference"] is None else words.signed(row["difference"]),
                "" if row["interval"] is None else words.signed_interval(row["interval"]),
                "" if row["p"] is None else shown_p(row["p"]),
                "" if row["verdict"] is None else words.verdict(row["verdict"]),
                f"{row['milliseconds']['median']:.2f}",
                f"{row['milliseconds']['p95']:.2f}",
            ]
            for row in rows
        ],
        right=(1, 2, 3, 4, 6, 7),
    )  # fmt: skip


def stages_table(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Table:
    """Each variant: median and p95 of each stage in milliseconds; a stage that took no part has none."""
    stages = list(dict.fromkeys(stage for row in rows for stage in row["stages"]))
    return Table(
        headers=[say("variant"), *stages],
        rows=[
            [
                names.get(row["variant"], row["variant"]),
                *(_of_stage(row["stages"][stage]) if stage in row["stages"] else "" for stage in stages),
            ]
            for row in rows
        ],
        right=range(1, 1 + len(stages)),
    )


def _of_stage(taken: Mapping[str, float]) -> str:
    return f"{taken['median']:.2f} ({taken['p95']:.2f})"


def _blocks(rows: Sequence[Mapping[str, Any]], measure: str, names: Mapping[str, str]) -> list[Block]:
    variants = [(names.get(row["variant"], row["variant"]), row) for row in rows]
    blocks: list[Block] = [quality_table(rows, measure, names)]
    compared = [
        Interval(name, row["difference"], *row["interval"], shown=words.signed(row["difference"]))
        for name, row in variants
        if row["difference"] is not None
    ]
    if compared:
        title = say("Mean difference of {measure} to the default, with its 95 % interval", measure=measure)
        blocks.append(Intervals(title, compared, zero=True))
    times = [(name, row["milliseconds"]) for name, row in variants]
    blocks.append(
        Intervals(
            say("Milliseconds of a search: median, and up to the 95th percentile"),
            [Interval(name, t["median"], t["median"], t["p95"], shown=f"{t['median']:.2f}") for name, t in times],
            zero=True,
        )
    )
    blocks.append(Notes([say("Milliseconds by stage: median, and the 95th percentile in brackets.")]))
    blocks.append(stages_table(rows, names))
    details = Table(
        headers=[
            say("variant"),
            say("settings"),
            "n",
            say("searches timed"),
            say("searches that did without something"),
        ],
        rows=[
            [name, ", ".join(row["settings"]), f"{row['n']:,}", f"{row['timed']:,}", f"{row['degraded']:,}"]
            for name, row in variants
        ],
        right=(2, 3, 4),
        wide=(1,),
    )
    return [*blocks, details]
