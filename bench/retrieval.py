"""Rows: retrieval quality on every development set, beside the best BM25 listed, with its gates.

    python -m bench.retrieval [DATASET…] [--save] [--set KEY=VALUE]…     exit 1 if a gate fails

Gates, on nDCG@10, one setting for all sets: lexical is at most 0.01 below the best BM25 baseline of the set;
hybrid at most 0.005 below the better of its two legs (no stage makes the result worse); dense English at most 0.01
below the teacher; and the floors of `TARGETS`. Intervals are of the mean difference to the best BM25 by question
(paired bootstrap), where the peers' environment is there (`peer_bm25.py`).
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import corpus
from bench.rows import ROOT, WORK, Figure, Row, Sizes, peers_python, save
from qianxun.evaluation.measures import bootstrap_interval
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
# all-MiniLM-L6-v2 alone, exact search: the same page.
TEACHER = {"cranfield-en": 0.3953, "xquad-en-to-en": 0.9436}
# What hybrid search shall reach.
TARGETS = {
    "cmed-zh": 0.220,
    "rgb-rag": 0.530,
    "cranfield-en": 0.430,
    "xquad-en-to-zh": 0.750,
    "xquad-zh-to-en": 0.750,
    "drcd-zht": 0.955,
}
BELOW_BM25, BELOW_TEACHER, BELOW_LEG = 0.01, 0.01, 0.005


def datasets() -> tuple[Path, ...]:
    """Every development set that is there."""
    folder = corpus.shared() / "data" / "dev"
    return tuple(folder / name for name in BEST_BM25 if (folder / name).is_dir())


def rows(sizes: Sizes) -> Iterator[Row]:
    """A row for each set and mode."""
    for dataset in sizes.datasets or datasets():
        yield from rows_of(evaluate_retrieval(dataset, settings=load_settings()), bm25_by_question(dataset))


def rows_of(report: RetrievalReport, bm25: dict[str, float] | None = None) -> Iterator[Row]:
    """The report's nDCG@10 as rows; the target is the gate's floor."""
    floors = gates(report)
    gain = gained(report, bm25)
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
            notes={
                **{name: round(value, 4) for name, value in mean.items()},
                "models": dict(report.models),
                **({"less best BM25": [round(v, 4) for v in gain]} if gain and result.mode == "hybrid" else {}),
            },
        )


def gates(report: RetrievalReport) -> dict[str, float]:
    """The least nDCG@10 of each mode that has a gate."""
    ndcg = {result.mode: result.measured.mean["nDCG@10"] for result in report.results}
    floors: dict[str, float] = {}
    if report.dataset in BEST_BM25:
        floors["lexical"] = BEST_BM25[report.dataset] - BELOW_BM25
    if report.dataset in TEACHER:
        floors["dense"] = TEACHER[report.dataset] - BELOW_TEACHER
    if "lexical" in ndcg and "dense" in ndcg:
        better = max(ndcg["lexical"], ndcg["dense"])
        floors["hybrid"] = max(better - BELOW_LEG, TARGETS.get(report.dataset, 0.0))
    return floors


def bm25_by_question(dataset: Path) -> dict[str, float] | None:
    """nDCG@10 by question of the better BM25 baseline; None without the peers' environment. Made once."""
    made = WORK / "bm25" / f"{dataset.name}.json"
    if not made.exists():
        python = peers_python(Sizes())
        if python is None:
            return None
        script = ROOT / "bench" / "peer_bm25.py"
        done = subprocess.run([python, script, dataset], capture_output=True, check=True)
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(done.stdout)
    systems = json.loads(made.read_bytes())
    best: dict[str, float] = max(systems.values(), key=lambda values: sum(values.values()))
    return best


def gained(report: RetrievalReport, bm25: dict[str, float] | None) -> tuple[float, float, float] | None:
    """(mean, low, high) of hybrid's nDCG@10 less that of the best BM25, paired by question."""
    if bm25 is None:
        return None
    hybrid = next(result.measured for result in report.results if result.mode == "hybrid")
    values = zip(hybrid.questions, hybrid.by_question["nDCG@10"], strict=True)
    differences = [value - bm25[question] for question, value in values]
    return sum(differences) / len(differences), *bootstrap_interval(differences)


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
    print(f"{'set':<16}{'n':>6}{'bm25':>8}{'lexical':>9}{'dense':>8}{'hybrid':>8}  {'hybrid less BM25, 95 %':<27}gates")
    failed, hybrids = [], []
    for dataset in arguments.datasets or datasets():
        report = evaluate_retrieval(dataset, settings=settings, runs=arguments.runs)
        bm25 = bm25_by_question(dataset)
        found = list(rows_of(report, bm25))
        value = {result.mode: result.measured.mean["nDCG@10"] for result in report.results}
        gain = gained(report, bm25)
        shown = f"{gain[0]:+.4f} ({gain[1]:+.4f} … {gain[2]:+.4f})" if gain else "(no peers' environment)"
        missed = [row.name for row in found if row.met() is False]
        failed += missed
        hybrids.append(value["hybrid"])
        print(
            f"{report.dataset:<16}{report.queries:>6}{BEST_BM25.get(report.dataset, float('nan')):>8.4f}"
            f"{value['lexical']:>9.4f}{value['dense']:>8.4f}{value['hybrid']:>8.4f}  {shown:<27}"
            f"{'MISSED ' + ', '.join(missed) if missed else 'met'}",
            flush=True,
        )
        if arguments.save:
            save(found)
    print(f"mean of hybrid: {sum(hybrids) / len(hybrids):.4f}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
