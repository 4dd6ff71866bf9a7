"""`qianxun eval ablation`: which stage earns its cost, in quality and in milliseconds."""

import argparse
from pathlib import Path

from qianxun.cli.evaluating import Staged, asked_report, report_argument, write_asked
from qianxun.cli.session import Session
from qianxun.messages import say
from qianxun.shapes import eval_ablation_shape


def description() -> str:
    """What help says at the top."""
    return say(
        "Measures the settings as they are beside variants of them, each stage alone or left out: nDCG@10, the "
        "difference to the default with its 95 % interval, and the milliseconds of a search and of its stages."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `eval ablation`."""
    parser.add_argument("datasets", metavar="DATASET", nargs="+", help=say("folders of data sets"))
    parser.add_argument(
        "--variant",
        dest="variants",
        metavar="NAME=KEY=VALUE",
        action="append",
        default=[],
        help=say(
            'a variant to measure, as in --variant "words=search.mode=lexical"; several settings are separated by '
            "commas; may be repeated (default: the stages of search)"
        ),
    )
    report_argument(parser)


def run(session: Session, args: argparse.Namespace) -> int:
    """Measures every variant and prints a table of quality and time, and one of the stages."""
    from qianxun.evaluation.comparing.ablation import ablate, built_in, variant_of
    from qianxun.evaluation.reports import page_of_ablation

    file = asked_report(args)
    variants = [variant_of(text) for text in args.variants]
    with session.progress() as progress:
        report = ablate(
            [Path(dataset).expanduser() for dataset in args.datasets],
            session.settings,
            variants,
            progress=Staged(progress),
        )
    shape = eval_ablation_shape(report)
    names = {"default": say("default")} | {variant.name: variant.words for variant in variants or built_in()}
    if session.as_json:
        session.print_json(shape)
    else:
        _show(session, shape, names)
        if variants:
            for variant in report.left_out:
                session.note(say("{variant} changes nothing and was not measured.", variant=variant.name))
    write_asked(session, file, lambda: page_of_ablation(shape, names), shape)
    return 0


def _show(session: Session, shape: dict[str, object], names: dict[str, str]) -> None:
    from qianxun.evaluation.reports import words
    from qianxun.evaluation.reports.ablation import quality_table, stages_table

    datasets, together, measure = shape["datasets"], shape["pooled"], str(shape["measure"])
    assert isinstance(datasets, list)
    assert isinstance(together, list)
    parts = [(on["dataset"], on["rows"]) for on in datasets]
    if len(parts) > 1:
        parts.append((say("All data sets, each counted alike"), together))
    for title, rows in parts:
        session.out.line((str(title), "bold"))
        for table in (quality_table(rows, measure, names), stages_table(rows, names)):
            session.out.table(table.headers, table.rows, right=list(table.right), elided=[0])
        for row in rows:
            if row["degraded"]:
                name = names.get(row["variant"], row["variant"])
                session.note(say("{variant}: {n} searches did without something.", variant=name, n=row["degraded"]))
    session.out.line(say("Milliseconds by stage: median, and the 95th percentile in brackets."))
    if shape["as_set"]:
        session.note(words.note({"kind": "as set", "side": "", "n": 0, "first": ""}))
