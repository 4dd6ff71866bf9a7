"""Quality of extractive answers: does the answer hold the answer, and is what cannot be answered refused?

    python -m bench.answers [DATASET…] [--json OUT.json] [--limit N] [--write] [--set KEY=VALUE]…

DATASET is a folder like `rgb-rag` (the default, below `$BENCH_SHARED/data/dev`): its `qa.jsonl.gz` has answerable
and unanswerable questions with the aliases of each part of the answer. An answer *holds* the answer if an alias
of every part occurs in its text (after folding, white space removed). How well refusing works on every set:
`bench/refusal.py`.

Rates come with n and the 95 % Wilson interval. `--write` writes them into `docs/evaluation.md`.
"""

import argparse
import gzip
import json
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.corpus import shared
from bench.rows import ROOT
from qianxun import assemble
from qianxun.ingestion import TextItem
from qianxun.knowledge_base import KnowledgeBase
from qianxun.knowledge_base import open as open_knowledge_base
from qianxun.records import Answer
from qianxun.settings import load_settings
from qianxun.text import fold

DOCS = ROOT / "docs" / "evaluation.md"


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


def measured(questions: list[dict], answers: list[Answer]) -> dict[str, dict[str, float | int]]:
    """Rates by language: `hits` of `n`, the rate and its interval."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(name: str, hit: bool) -> None:
        counts[name][0] += hit
        counts[name][1] += 1

    for question, given in zip(questions, answers, strict=True):
        refused = given.verdict == "no_evidence"
        for group in ("all", question["lang"]):
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


def share(f: dict) -> str:
    return f"{f['hits'] / f['n']:.2f} ({f['low']:.2f} to {f['high']:.2f}), n {f['n']}" if f["n"] else "-"


def write_block(name: str, text: str) -> None:
    """Replaces what stands between `<!-- name -->` and `<!-- /name -->` in the page on evaluation."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    DOCS.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def asked(path: Path, kb: KnowledgeBase, limit: int | None) -> tuple[dict[str, dict[str, float | int]], list[float]]:
    """Every question of a set answered: the figures, and the seconds of each question."""
    questions = list(rows(path / "qa.jsonl.gz"))[:limit]
    kb.add_texts(TextItem(d["_id"], d["title"], d["text"]) for d in rows(path / "corpus.jsonl.gz"))
    kb.ask(questions[0]["question"])  # makes the parts, so that the times below are of asking alone
    answers, seconds = [], []
    for question in questions:
        start = time.perf_counter()
        answers.append(kb.ask(question["question"]))
        seconds.append(time.perf_counter() - start)
    return measured(questions, answers), seconds


def report(name: str, figures: dict[str, dict[str, float | int]], seconds: list[float], encoder: str) -> str:
    """The figures as Markdown."""
    quick, slow = 1000 * float(np.median(seconds)), 1000 * float(np.quantile(seconds, 0.95))
    lines = [f"{name}, encoder `{encoder}`; a question takes {quick:.0f} ms (median; 95 % within {slow:.0f} ms).", ""]
    lines += ["| | share |", "|---|---|", *(f"| {what} | {share(f)} |" for what, f in figures.items())]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*", metavar="DATASET")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/evaluation.md")
    parser.add_argument("--limit", type=int, help="at most N questions of each set")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in `qianxun`")
    given = parser.parse_args(arguments)
    folders = given.data or [shared() / "data" / "dev" / "rgb-rag"]
    missing = [str(folder) for folder in folders if not (folder / "qa.jsonl.gz").is_file()]
    if missing:
        parser.error(f"no qa.jsonl.gz in: {', '.join(missing)}; set BENCH_SHARED or name the data sets")
    settings = load_settings(overrides=given.set, environ={})
    encoder = assemble.encoder(settings).fingerprint
    figures: dict[str, dict[str, dict[str, float | int]]] = {}
    texts = []
    for path in folders:
        with tempfile.TemporaryDirectory() as folder, open_knowledge_base(folder, settings=settings) as kb:
            figures[path.name], seconds = asked(path, kb, given.limit)
        texts.append(report(path.name, figures[path.name], seconds, encoder))
    print("\n\n".join(texts))
    if given.write:
        write_block("answers", "\n\n".join(texts))
    if given.json:
        text = json.dumps({"figures": figures, "encoder": encoder}, ensure_ascii=False)
        given.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
