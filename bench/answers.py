"""Quality of extractive answers: does the answer hold the answer, and is what cannot be answered refused?

    python bench/answers.py /work/shared/data/dev/rgb-rag [--json OUT.json] [--limit N]

The data set is in the layout of `rgb-rag`: `corpus.jsonl.gz` and `qa.jsonl.gz` (answerable and
unanswerable questions with the aliases of each part of the answer). An answer *holds* the answer if an
alias of every part occurs in its text (after folding, white space removed). Rates come with n and the
95 % Wilson interval. Two splits are shown because evidence was fitted on one half: a question is in
the `fit` half if the SHA-1 of its id is even.
"""

import argparse
import gzip
import hashlib
import json
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qianxun.ingestion import TextItem
from qianxun.knowledge_base import open as open_knowledge_base
from qianxun.records import Answer
from qianxun.settings import load_settings
from qianxun.text import fold


def rows(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def holds(text: str, parts: list[list[str]]) -> bool:
    """True if an alias of every part occurs in the text."""
    where = "".join(fold(text).split())
    return all(any("".join(fold(alias).split()) in where for alias in part) for part in parts)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if not n:
        return 0.0, 1.0
    z, p = 1.959964, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def half(identifier: str) -> str:
    return "fit" if hashlib.sha1(identifier.encode()).digest()[-1] % 2 == 0 else "held out"


def measured(questions: list[dict], answers: list[Answer]) -> dict[str, dict[str, float | int]]:
    """Rates by language and split: `hits` of `n`, the rate and its interval."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(name: str, hit: bool) -> None:
        counts[name][0] += hit
        counts[name][1] += 1

    for question, given in zip(questions, answers, strict=True):
        refused = given.verdict == "no_evidence"
        for group in ("all", question["lang"], half(question["id"])):
            if not question["answerable"]:
                count(f"refused, unanswerable ({group})", refused)
                continue
            count(f"holds the answer ({group})", not refused and holds(given.text, question["answer_parts"]))
            count(f"wrongly refused ({group})", refused)
    for given in answers:
        for citation in given.citations:
            count("quotes that check as supported", citation.support == "supported")
    result: dict[str, dict[str, float | int]] = {}
    for name, (hits, n) in sorted(counts.items()):
        low, high = wilson(hits, n)
        result[name] = {"hits": hits, "n": n, "rate": hits / n, "low": low, "high": high}
    return result


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--limit", type=int, help="only the first N questions")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in `qianxun`")
    given = parser.parse_args(arguments)
    questions = list(rows(given.data / "qa.jsonl.gz"))[: given.limit]
    settings = load_settings(overrides=given.set, environ={})
    with tempfile.TemporaryDirectory() as folder, open_knowledge_base(folder, settings=settings) as kb:
        kb.add_texts(TextItem(d["_id"], d["title"], d["text"]) for d in rows(given.data / "corpus.jsonl.gz"))
        kb.ask(questions[0]["question"])  # makes the parts, so that the times below are of asking alone
        answers, seconds = [], []
        for question in questions:
            start = time.perf_counter()
            answers.append(kb.ask(question["question"]))
            seconds.append(time.perf_counter() - start)
    figures = measured(questions, answers)
    print(f"{'measure':44} {'hits':>5} {'n':>5}   rate   95 % interval")
    for name, f in figures.items():
        print(f"{name:44} {f['hits']:5} {f['n']:5}  {f['rate']:.3f}   {f['low']:.3f} to {f['high']:.3f}")
    n_quoted = sum(len(a.citations) for a in answers if a.citations) / max(1, sum(1 for a in answers if a.citations))
    print(f"quotes per answer {n_quoted:.2f}; median {1000 * float(np.median(seconds)):.1f} ms per question")
    print(f"models {dict(answers[0].models)}")
    if given.json:
        text = json.dumps({"figures": figures, "models": dict(answers[0].models)}, ensure_ascii=False, indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
