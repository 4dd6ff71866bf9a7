"""Measures an encoder alone, without BM25: exact search over sets in BEIR layout, and held-out translations.

    python training/student/evaluate.py [--checkpoint student.pt] [--held held.jsonl] [--teacher] SET_FOLDER...

Without `--checkpoint` it measures the package's builtin encoder; `--teacher` measures the teacher instead. A set
holds `corpus.jsonl.gz`, `queries.jsonl.gz` and `qrels/test.tsv.gz`. Indexed is title + text, as in the baselines.
Queries without a judgement are left out.
"""

import argparse
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import data
import ir_measures
import numpy as np
import torch
from ir_measures import RR, R, nDCG
from model import Student, load_teacher, teacher_folder, teacher_weights

from qianxun.models.tokens import Tokenizer

MEASURES = [nDCG @ 10, RR @ 10, R @ 10, R @ 100]
K = 100
N_CANDIDATES = 10_000
Encode = Callable[[Sequence[str]], np.ndarray]


def lines(path: Path) -> list[dict[str, str]]:
    """The JSON lines of a gzipped file."""
    with gzip.open(path, "rt", encoding="utf-8") as opened:
        return [json.loads(line) for line in opened]


def judgements(path: Path) -> list[ir_measures.Qrel]:
    """The judgements of a gzipped TSV file with a header line."""
    with gzip.open(path, "rt", encoding="utf-8") as opened:
        rows = [line.split() for line in opened]
    return [ir_measures.Qrel(row[0], row[1], int(row[2])) for row in rows if row[2] != "score"]


def measured(encode: Encode, folder: Path) -> dict[str, float]:
    """The mean of every measure over the set's judged queries, and the seconds of encoding."""
    qrels = judgements(folder / "qrels/test.tsv.gz")
    judged = {qrel.query_id for qrel in qrels}
    corpus = lines(folder / "corpus.jsonl.gz")
    queries = [query for query in lines(folder / "queries.jsonl.gz") if query["_id"] in judged]
    started = time.perf_counter()
    passages = encode([f"{d.get('title') or ''} {d['text']}" for d in corpus])
    asked = encode([query["text"] for query in queries])
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


def translations(
    encode: Encode, held: Sequence[data.Record], fill: Sequence[str]
) -> list[tuple[str, int, list[float]]]:
    """(source, n, [recall@1 and @10 from Chinese to English, then back]) among 10,000 candidates, first over all.

    Candidates are the held-out sentences and, up to 10,000, sentences of `fill` in the language sought. A source's
    pairs are sought among all candidates. Equal texts count as one.
    """
    sides = {"zh": [r["zh"] for r in held], "en": [r["en"] for r in held]}
    hits: dict[str, dict[str, np.ndarray]] = {}
    vectors = {side: encode(texts) for side, texts in sides.items()}
    extra = [r for r in fill if r["zh"] not in set(sides["zh"]) and r["en"] not in set(sides["en"])]
    extra = extra[: max(0, N_CANDIDATES - len(held))]
    for asked, sought in (("zh", "en"), ("en", "zh")):
        candidates = np.concatenate([vectors[sought], encode([r[sought] for r in extra])]) if extra else vectors[sought]
        scores = vectors[asked] @ candidates.T
        own = scores[np.arange(len(held)), np.arange(len(held))]
        # Better than its own translation, and another text.
        rank = np.zeros(len(held), dtype=int)
        texts = np.array(sides[sought] + [r[sought] for r in extra], dtype=object)
        for i in range(len(held)):
            better = np.flatnonzero(scores[i] > own[i])
            rank[i] = len({texts[j] for j in better} - {sides[sought][i]})
        hits[asked] = {"1": rank < 1, "10": rank < 10}
    groups = defaultdict(list)
    for i, r in enumerate(held):
        groups[r["src"]].append(i)
    rows = [("all", list(range(len(held)))), *sorted(groups.items(), key=lambda item: -len(item[1]))]
    return [
        (name, len(where), [float(hits[a][k][where].mean()) for a in ("zh", "en") for k in ("1", "10")])
        for name, where in rows
    ]


def checkpoint_encoder(path: Path) -> Encode:
    """The function of a checkpoint of `train.py`, in half precision."""
    from train import encode

    saved = torch.load(path)
    weights = saved["weights"]
    model = Student(len(weights["fixed.weight"]), len(weights["learned.weight"]))
    model.load_state_dict(weights)
    model.bfloat16()
    tokenizer = Tokenizer(saved["tokens"], saved["scores"])
    return lambda texts: encode(model, data.tokenised(tokenizer, texts), tokenizer, 256)


def teacher_encoder() -> Encode:
    """The teacher, read by the same code with its whole vocabulary but for scripts that the student drops."""
    from train import encode

    tokens = (teacher_folder() / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    kept = data.kept_pieces(tokens)
    model = Student(len(kept), 1)
    load_teacher(model, teacher_weights(), kept)
    tokenizer = Tokenizer([tokens[i] for i in kept], [0.0] * len(kept))
    return lambda texts: encode(model, data.tokenised(tokenizer, texts), tokenizer, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure an encoder alone.")
    parser.add_argument("sets", type=Path, nargs="*")
    parser.add_argument("--checkpoint", type=Path, help="of train.py (default: the package's encoder)")
    parser.add_argument("--teacher", action="store_true", help="measure the teacher")
    parser.add_argument("--held", type=Path, help="held-out translations, JSON lines of zh, en, src")
    parser.add_argument("--fill", type=Path, nargs="*", default=[], help="parallel files that fill up the candidates")
    given = parser.parse_args()
    if given.teacher:
        encode = teacher_encoder()
    elif given.checkpoint:
        encode = checkpoint_encoder(given.checkpoint)
    else:
        from qianxun.models.builtin import BuiltinEncoder

        encode = BuiltinEncoder().encode_passages
    if given.sets:
        print("| set | documents | queries | nDCG@10 | MRR@10 | R@10 | R@100 | seconds |")
        print("|---|---|---|---|---|---|---|---|")
    for folder in given.sets:
        figures = measured(encode, folder)
        shown = [str(v) if isinstance(v, int) else f"{v:.4f}" for v in figures.values()]
        print(f"| {folder.name} | {' | '.join(shown)} |", flush=True)
    if given.held:
        print("| source | pairs | zh→en R@1 | R@10 | en→zh R@1 | R@10 |")
        print("|---|---|---|---|---|---|")
        for name, n, values in translations(encode, data.read([given.held]), data.read(given.fill)):
            print(f"| {name} | {n} | {' | '.join(f'{v:.3f}' for v in values)} |")


if __name__ == "__main__":
    main()
