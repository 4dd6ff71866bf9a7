"""Rows: retrieval quality on every development set, beside the best BM25 listed, with the gates of issue 2.

    python -m bench.retrieval [DATASET…] [--save] [--set KEY=VALUE]…     exit 1 if a gate fails

Gates, on nDCG@10: lexical is at most 0.01 below the best BM25 baseline of the set, hybrid at most 0.01
below the better of its two legs.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import corpus
from bench.rows import Figure, Row, Sizes, save
from qianxun.evaluation.retrieval import RetrievalReport, evaluate_retrieval
from qianxun.settings import load_settings

# The better of bm25-word and bm25-bigram, nDCG@10: shared/data/dev/BASELINES.md, 2026-11-20.
BEST_BM25 = {
    "cmed-zh": 0.1940,
    "rgb-rag": 0.4954,
    "cranfield-en": 0.3887,
    "xquad-en-to-zh": 0.1503,
    "xquad-zh-to-en": 0.1325,
    "xquad-mixed": 0.6119,
    "xquad-zh-to-zh": 0.9614,
    "xquad-en-to-en": 0.9697,
    "cmrc2018-zh": 0.9829,
    "drcd-zht": 0.9525,
}
TOLERANCE = 0.01


def datasets() -> tuple[Path, ...]:
    """Every development set that is there."""
    folder = corpus.shared() / "data" / "dev"
    return tuple(folder / name for name in BEST_BM25 if (folder / name).is_dir())


def rows(sizes: Sizes) -> Iterator[Row]:
    """A row for each set and mode."""
    for dataset in sizes.datasets or datasets():
        yield from rows_of(evaluate_retrieval(dataset, settings=load_settings()))


def rows_of(report: RetrievalReport) -> Iterator[Row]:
    """The report's nDCG@10 as rows; the target is the gate's floor."""
    floors = gates(report)
    for result in report.results:
        mean = result.measured.mean
        low, high = result.measured.interval
        yield Row(
            name=f"ndcg-{report.dataset}-{result.mode}",
            what=f"nDCG@10 {report.dataset}, {result.mode}",
            unit="",
            ours=Figure(mean["nDCG@10"], low, high, len(result.measured.questions)),
            target=floors.get(result.mode),
            more_is_better=True,
            peers=_bm25(report.dataset),
            command=f"python -m bench.retrieval shared/data/dev/{report.dataset}",
            data=f"{report.documents:,} documents, {report.queries:,} questions; the range is the 95 % interval",
            notes={**{name: round(value, 4) for name, value in mean.items()}, "models": dict(report.models)},
        )


def gates(report: RetrievalReport) -> dict[str, float]:
    """The least nDCG@10 of each mode that has a gate."""
    ndcg = {result.mode: result.measured.mean["nDCG@10"] for result in report.results}
    floors: dict[str, float] = {}
    if report.dataset in BEST_BM25:
        floors["lexical"] = BEST_BM25[report.dataset] - TOLERANCE
    if "lexical" in ndcg and "dense" in ndcg:
        floors["hybrid"] = max(ndcg["lexical"], ndcg["dense"]) - TOLERANCE
    return floors


def _bm25(dataset: str) -> dict[str, Figure | str]:
    if dataset not in BEST_BM25:
        return {}
    figure = BEST_BM25[dataset]
    return {"best BM25": Figure(figure, figure, figure, 1)}


def main() -> int:
    """Prints the table; 1 if a gate fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", type=Path)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--runs", type=Path, help="folder for the rankings")
    arguments = parser.parse_args()
    settings = load_settings(overrides=arguments.set)
    print(f"{'set':<16}{'n':>6}{'bm25':>8}{'lexical':>9}{'dense':>8}{'hybrid':>8}  {'95 % of hybrid':<16}gates")
    failed, hybrids = [], []
    for dataset in arguments.datasets or datasets():
        report = evaluate_retrieval(dataset, settings=settings, runs=arguments.runs)
        found = list(rows_of(report))
        value = {result.mode: result.measured.mean["nDCG@10"] for result in report.results}
        low, high = report.results[-1].measured.interval
        missed = [row.name for row in found if row.met() is False]
        failed += missed
        hybrids.append(value["hybrid"])
        print(
            f"{report.dataset:<16}{report.queries:>6}{BEST_BM25.get(report.dataset, float('nan')):>8.4f}"
            f"{value['lexical']:>9.4f}{value['dense']:>8.4f}{value['hybrid']:>8.4f}  {low:.4f}–{high:.4f}   "
            f"{'MISSED ' + ', '.join(missed) if missed else 'met'}",
            flush=True,
        )
        if arguments.save:
            save(found)
    print(f"mean of hybrid: {sum(hybrids) / len(hybrids):.4f}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
