"""Measures the builtin encoder alone: exact search over sets in BEIR layout.

    python training/static/evaluate.py [--model FOLDER] SET_FOLDER...

A set holds `corpus.jsonl.gz`, `queries.jsonl.gz` and `qrels/test.tsv.gz`. Indexed is title + text, as
in the baselines. Queries without a judgement are left out.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import RR, R, nDCG

from qianxun.models.builtin import BuiltinEncoder

MEASURES = [nDCG @ 10, RR @ 10, R @ 10, R @ 100]
K = 100


def lines(path: Path) -> list[dict[str, str]]:
    """The JSON lines of a gzipped file."""
    with gzip.open(path, "rt", encoding="utf-8") as opened:
        return [json.loads(line) for line in opened]


def judgements(path: Path) -> list[ir_measures.Qrel]:
    """The judgements of a gzipped TSV file with a header line."""
    with gzip.open(path, "rt", encoding="utf-8") as opened:
        rows = [line.split() for line in opened]
    return [ir_measures.Qrel(row[0], row[1], int(row[2])) for row in rows if row[2] != "score"]


def measured(encoder: BuiltinEncoder, folder: Path) -> dict[str, float]:
    """The mean of every measure over the set's judged queries, and the seconds of encoding."""
    qrels = judgements(folder / "qrels/test.tsv.gz")
    judged = {qrel.query_id for qrel in qrels}
    corpus = lines(folder / "corpus.jsonl.gz")
    queries = [query for query in lines(folder / "queries.jsonl.gz") if query["_id"] in judged]
    started = time.perf_counter()
    passages = encoder.encode_passages([f"{d.get('title') or ''} {d['text']}" for d in corpus])
    asked = encoder.encode_queries([query["text"] for query in queries])
    seconds = time.perf_counter() - started
    run = []
    for query, vector in zip(queries, asked, strict=True):
        scores = passages @ vector
        for place in np.argsort(-scores, kind="stable")[:K]:
            run.append(ir_measures.ScoredDoc(query["_id"], corpus[place]["_id"], float(scores[place])))
    means = ir_measures.calc_aggregate(MEASURES, qrels, run)
    return {
        "documents": len(corpus),
        "queries": len(queries),
        **{str(measure): means[measure] for measure in MEASURES},
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the builtin encoder on sets in BEIR layout.")
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, help="folder of model files (default: the package's)")
    given = parser.parse_args()
    encoder = BuiltinEncoder(given.model)
    print(f"{encoder.fingerprint}, {encoder.dim} dimensions")
    print("| set | documents | queries | nDCG@10 | MRR@10 | R@10 | R@100 | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for folder in given.sets:
        figures = measured(encoder, folder)
        shown = [str(v) if isinstance(v, int) else f"{v:.4f}" for v in figures.values()]
        print(f"| {folder.name} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
