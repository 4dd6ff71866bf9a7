"""A peer, run by the peers' Python: BM25 as a good script has it, its nDCG@10 by question.

    PEERS_PYTHON bench/peer_bm25.py DATASET    prints {"bm25-word": {question: nDCG@10}, "bm25-bigram": {…}}

bm25s (k1 1.5, b 0.75, "lucene") over title and text. `bm25-word`: Chinese cut by jieba's search mode, other words
lower-cased and stemmed, English stop words left out; `bm25-bigram`: Chinese as character pairs, other words
lower-cased. These are the baselines that the project's development sets list, made again to have them by question.
"""

import gzip
import json
import re
import sys
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import bm25s
import ir_measures
import jieba
import numpy as np
import Stemmer

CJK = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
RUN = re.compile(rf"([{CJK}]+)|([^\W_{CJK}]+)")
STOP_WORDS = frozenset(
    "a an and are as at be by for from has have in is it its of on or that the this to was were what "
    "when where which who whom how why will with do does did".split()
)
DEPTH = 100


def lines(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as opened:
        return [json.loads(line) for line in opened]


def words(text: str) -> list[str]:
    stem = Stemmer.Stemmer("english").stemWord
    found: list[str] = []
    for cjk, word in RUN.findall(unicodedata.normalize("NFKC", text).lower()):
        if cjk:
            found += jieba.cut_for_search(cjk)
        elif word not in STOP_WORDS:
            found.append(stem(word))
    return found


def pairs(text: str) -> list[str]:
    found: list[str] = []
    for cjk, word in RUN.findall(unicodedata.normalize("NFKC", text).lower()):
        found += [a + b for a, b in pairwise(cjk)] or [cjk or word]
    return found


def by_question(folder: Path, terms: Callable[[str], list[str]]) -> dict[str, float]:
    """nDCG@10 of every judged question; 0 for one without a known term."""
    documents = lines(folder / "corpus.jsonl.gz")
    with gzip.open(folder / "qrels/test.tsv.gz", "rt", encoding="utf-8") as opened:
        rows = [line.split() for line in opened][1:]
    judged = {question for question, _, _ in rows}
    numbers: dict[str, int] = {}
    texts = [
        [numbers.setdefault(t, len(numbers)) for t in terms(f"{d.get('title', '')}\n{d['text']}")] for d in documents
    ]
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index((texts, numbers), show_progress=False)
    run = {}
    for question in lines(folder / "queries.jsonl.gz"):
        if question["_id"] not in judged:
            continue
        known = [numbers[t] for t in terms(question["text"]) if t in numbers]
        scores = index.get_scores_from_ids(known) if known else np.zeros(len(documents))
        best = np.argsort(-scores, kind="stable")[:DEPTH]
        run[question["_id"]] = {documents[i]["_id"]: float(scores[i]) for i in best if scores[i] > 0} or {"": 0.0}
    qrels = [ir_measures.Qrel(question, document, int(grade)) for question, document, grade in rows]
    found = dict.fromkeys(judged, 0.0)
    for metric in ir_measures.iter_calc([ir_measures.nDCG @ 10], qrels, run):
        found[metric.query_id] = metric.value
    return found


if __name__ == "__main__":
    jieba.setLogLevel(60)
    place = Path(sys.argv[1])
    json.dump({"bm25-word": by_question(place, words), "bm25-bigram": by_question(place, pairs)}, sys.stdout)
